/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JA4, a fingerprint of TLS clients (FoxIO, technical_details/JA4.md), of TLS over TCP:
 *
 *     t13d1516h2_8daaf6152771_02713d6af862
 *
 * version, whether a host is named, how many suites and extensions, first and last letter of the first
 * ALPN name; a hash of the suites, sorted; a hash of the extensions, sorted, without those two, and of
 * the signature algorithms as they came.
 */
#include "tls/message.h"

#include <stdlib.h>

#include "tls/sha256.h"

#define JA4_NUMBERS 512		/* of a kind that are counted; real clients send some dozens */
#define JA4_TEXT (2 * 5 * JA4_NUMBERS + 2)

struct ja4_numbers {
	uint16_t n[JA4_NUMBERS];
	size_t count;
};

static void ja4_add(struct ja4_numbers *to, uint16_t n)
{
	if (!tls_is_grease(n) && to->count < JA4_NUMBERS)
		to->n[to->count++] = n;
}

static int ja4_compare(const void *a, const void *b)
{
	return (int)*(const uint16_t *)a - (int)*(const uint16_t *)b;
}

static char ja4_digit(unsigned int v)
{
	return "0123456789abcdef"[v & 15];
}

static char *ja4_list(char *p, const struct ja4_numbers *numbers)
{
	for (size_t i = 0; i < numbers->count; i++) {
		if (i)
			*p++ = ',';
		for (int shift = 12; shift >= 0; shift -= 4)
			*p++ = ja4_digit((unsigned int)numbers->n[i] >> shift);
	}
	return p;
}

/* Twelve digits of the hash of a text; of none: zeros. */
static void ja4_hash(char out[12], struct px_bytes text)
{
	uint8_t hash[TLS_SHA256_LEN];

	memset(out, '0', 12);
	if (!text.len)
		return;
	tls_sha256(hash, text);
	for (unsigned int i = 0; i < 12; i++)
		out[i] = ja4_digit(i % 2 ? hash[i / 2] : hash[i / 2] >> 4);
}

static void ja4_count(char out[2], size_t n)
{
	if (n > 99)
		n = 99;
	out[0] = (char)('0' + n / 10);
	out[1] = (char)('0' + n % 10);
}

static void ja4_version(char out[2], const struct tls_hello *client)
{
	static const char names[][3] = { "s3", "10", "11", "12", "13" };
	uint16_t version = client->version;
	struct px_bytes data;

	if (tls_find(client, TLS_EXT_SUPPORTED_VERSIONS, &data)) {
		struct px_cur c = tls_numbers(data, 1);

		version = 0;
		while (px_cur_left(&c) >= 2) {
			uint16_t offered = px_cur_be16(&c);

			if (!tls_is_grease(offered) && offered > version)
				version = offered;
		}
	}
	memcpy(out, "00", 2);
	if (version == 0x0002)
		memcpy(out, "s2", 2);
	else if (version >= 0x0300 && version - 0x0300u < PX_COUNT(names))
		memcpy(out, names[version - 0x0300], 2);
}

static bool ja4_is_alphanumeric(char c)
{
	return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

/* The first and last letter of the first name; where one is none, the first and last digit in hex. */
static void ja4_alpn(char out[2], const struct tls_hello *client)
{
	struct px_bytes data, name;
	struct px_cur c;
	char first, last;

	memcpy(out, "00", 2);
	if (!tls_find(client, TLS_EXT_ALPN, &data))
		return;
	c = tls_alpn_names(data);
	if (!tls_alpn_next(&c, &name))
		return;
	first = name.ptr[0];
	last = name.ptr[name.len - 1];
	if (ja4_is_alphanumeric(first) && ja4_is_alphanumeric(last)) {
		out[0] = first;
		out[1] = last;
	} else {
		out[0] = ja4_digit((unsigned char)first >> 4);
		out[1] = ja4_digit((unsigned char)last);
	}
}

static void ja4_suites(char out[12], char count[2], const struct tls_hello *client)
{
	struct px_cur c = px_cur_of(client->suites);
	struct ja4_numbers suites = { .count = 0 };
	char text[JA4_TEXT];

	while (px_cur_left(&c) >= 2)
		ja4_add(&suites, px_cur_be16(&c));
	ja4_count(count, suites.count);
	qsort(suites.n, suites.count, sizeof(suites.n[0]), ja4_compare);
	ja4_hash(out, px_bytes_of(text, (size_t)(ja4_list(text, &suites) - text)));
}

static void ja4_extensions(char out[12], char count[2], const struct tls_hello *client)
{
	struct ja4_numbers extensions = { .count = 0 }, algorithms = { .count = 0 };
	struct px_cur c = px_cur_of(client->extensions);
	size_t all = 0;
	struct px_bytes data;
	char text[JA4_TEXT], *end;
	uint16_t type;

	while (tls_extension(&c, &type, &data)) {
		all += !tls_is_grease(type);
		if (type != TLS_EXT_SERVER_NAME && type != TLS_EXT_ALPN)
			ja4_add(&extensions, type);
	}
	ja4_count(count, all);
	qsort(extensions.n, extensions.count, sizeof(extensions.n[0]), ja4_compare);
	if (tls_find(client, TLS_EXT_SIGNATURE_ALGORITHMS, &data)) {
		c = tls_numbers(data, 2);
		while (px_cur_left(&c) >= 2)
			ja4_add(&algorithms, px_cur_be16(&c));
	}
	end = ja4_list(text, &extensions);
	if (end != text && algorithms.count) {
		*end++ = '_';
		end = ja4_list(end, &algorithms);
	}
	ja4_hash(out, px_bytes_of(text, (size_t)(end - text)));
}

void tls_ja4(const struct tls_hello *client, char out[TLS_JA4_LEN])
{
	struct px_bytes unused;

	out[0] = 't';
	ja4_version(out + 1, client);
	out[3] = tls_find(client, TLS_EXT_SERVER_NAME, &unused) ? 'd' : 'i';
	ja4_alpn(out + 8, client);
	out[10] = '_';
	ja4_suites(out + 11, out + 4, client);
	out[23] = '_';
	ja4_extensions(out + 24, out + 6, client);
}
