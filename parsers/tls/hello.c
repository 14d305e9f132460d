/* SPDX-License-Identifier: Apache-2.0 */
/* The two hellos, and their extensions. */
#include "tls/message.h"

/* RFC 5246 section 7.4.1.2: version, random, session id, and what differs between the two. */
static struct px_cur hello_begin(struct px_bytes body, struct tls_hello *out)
{
	struct px_cur c = px_cur_of(body);

	*out = (struct tls_hello){ .version = px_cur_be16(&c) };
	out->random = px_cur_take(&c, 32);
	out->session_id = px_cur_take(&c, px_cur_u8(&c));
	return c;
}

static void hello_end(struct px_cur *c, struct tls_hello *out)
{
	if (px_cur_left(c) >= 2) {
		uint16_t len = px_cur_be16(c);

		out->has_extensions = true;
		out->extensions = px_cur_take(c, len);
	}
	out->is_broken = c->ran_short;
}

void tls_client_hello(struct px_bytes body, struct tls_hello *out)
{
	struct px_cur c = hello_begin(body, out);
	uint16_t len = px_cur_be16(&c);

	out->suites = px_cur_take(&c, len);
	px_cur_skip(&c, px_cur_u8(&c));	/* compression methods */
	hello_end(&c, out);
}

void tls_server_hello(struct px_bytes body, struct tls_hello *out)
{
	struct px_cur c = hello_begin(body, out);

	out->suites = px_cur_take(&c, 2);
	px_cur_skip(&c, 1);		/* compression method */
	hello_end(&c, out);
}

bool tls_is_retry(const struct tls_hello *server)
{
	static const char magic[32] = "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91"
				      "\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c";

	return px_bytes_eq(server->random, px_bytes_of(magic, sizeof(magic)));
}

bool tls_extension(struct px_cur *c, uint16_t *type, struct px_bytes *data)
{
	uint16_t len;

	if (px_cur_left(c) < 4)
		return false;
	*type = px_cur_be16(c);
	len = px_cur_be16(c);
	*data = px_cur_take(c, len);
	return !c->ran_short;
}

bool tls_find(const struct tls_hello *h, uint16_t type, struct px_bytes *data)
{
	struct px_cur c = px_cur_of(h->extensions);
	uint16_t found;

	while (tls_extension(&c, &found, data))
		if (found == type)
			return true;
	return false;
}

uint16_t tls_chosen_version(const struct tls_hello *server)
{
	struct px_bytes data;
	struct px_cur c;
	uint16_t chosen;

	if (!tls_find(server, TLS_EXT_SUPPORTED_VERSIONS, &data))
		return server->version;
	c = px_cur_of(data);
	chosen = px_cur_be16(&c);
	return c.ran_short ? server->version : chosen;
}

/* RFC 6066 section 3: a list of names, each a type (0: host) and a length of two bytes. */
struct px_bytes tls_server_name(const struct tls_hello *client)
{
	struct px_bytes data, name;
	struct px_cur c;

	if (!tls_find(client, TLS_EXT_SERVER_NAME, &data))
		return (struct px_bytes){ NULL, 0 };
	c = px_cur_of(data);
	px_cur_skip(&c, 2);
	while (px_cur_left(&c) >= 3) {
		uint8_t type = px_cur_u8(&c);
		uint16_t len = px_cur_be16(&c);

		name = px_cur_take(&c, len);
		if (c.ran_short)
			break;
		if (type == 0 && name.len)
			return name;
	}
	return (struct px_bytes){ NULL, 0 };
}

/* RFC 7301 section 3.1 */
struct px_cur tls_alpn_names(struct px_bytes data)
{
	struct px_cur c = px_cur_of(data);

	px_cur_skip(&c, 2);
	return c;
}

bool tls_alpn_next(struct px_cur *c, struct px_bytes *name)
{
	while (px_cur_left(c) > 0) {
		*name = px_cur_take(c, px_cur_u8(c));
		if (c->ran_short || name->len == 0)
			return false;
		if (name->len != 2 || !tls_is_grease((uint16_t)((uint8_t)name->ptr[0] << 8 |
								(uint8_t)name->ptr[1])))
			return true;
	}
	return false;
}

struct px_cur tls_numbers(struct px_bytes data, size_t length_bytes)
{
	struct px_cur c = px_cur_of(data);
	uint64_t len = px_cur_uint_be(&c, length_bytes);

	if (len > px_cur_left(&c))
		len = px_cur_left(&c);
	return px_cur_sub(&c, (size_t)len & ~(size_t)1);
}
