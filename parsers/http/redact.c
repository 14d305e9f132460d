/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets in URLs and forms: found by their names, replaced for display, overwritten in what is
 * kept.
 */
#include "http/message.h"

#define NAME_MAX_LEN 64	/* bytes of a parameter's name that are compared */

static const struct px_bytes shown = PX_BYTES("***");

static int redact_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = px_ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* access%5Ftoken is access_token. Names longer than NAME_MAX_LEN are cut. */
static struct px_bytes redact_unescape(struct px_bytes name, char out[NAME_MAX_LEN])
{
	size_t n = 0;

	for (size_t i = 0; i < name.len && n < NAME_MAX_LEN; i++) {
		char c = name.ptr[i];

		if (c == '%' && name.len - i > 2) {
			int high = redact_hex(name.ptr[i + 1]), low = redact_hex(name.ptr[i + 2]);

			if (high >= 0 && low >= 0) {
				c = (char)(high << 4 | low);
				i += 2;
			}
		}
		out[n++] = c;
	}
	return px_bytes_of(out, n);
}

static bool redact_ends(struct px_bytes b, struct px_bytes end)
{
	return b.len >= end.len && px_bytes_caseeq(px_bytes_sub(b, b.len - end.len, end.len), end);
}

/* "signature" as in the signed URLs of the large object stores */
bool http_is_secret_param(struct px_bytes name)
{
	static const struct px_bytes names[] = {
		PX_BYTES("access_token"),  PX_BYTES("api_key"),
		PX_BYTES("apikey"),	   PX_BYTES("auth_token"),
		PX_BYTES("client_secret"), PX_BYTES("id_token"),
		PX_BYTES("passwd"),	   PX_BYTES("password"),
		PX_BYTES("pwd"),	   PX_BYTES("refresh_token"),
		PX_BYTES("secret"),	   PX_BYTES("sig"),
		PX_BYTES("token"),	   PX_BYTES("x-amz-security-token"),
	};
	char flat[NAME_MAX_LEN];

	if (name.len > 0 && memchr(name.ptr, '%', name.len))
		name = redact_unescape(name, flat);
	for (size_t i = 0; i < PX_COUNT(names); i++)
		if (px_bytes_caseeq(name, names[i]))
			return true;
	return redact_ends(name, PX_BYTES("signature"));
}

/* http://user:password@host/: the part before the @, if there is one. */
static struct px_bytes redact_userinfo(struct px_bytes url)
{
	struct px_bytes none = { NULL, 0 };
	size_t from, end, at;

	for (from = 0; from + 1 < url.len && !(url.ptr[from] == '/' && url.ptr[from + 1] == '/');
	     from++)
		if (url.ptr[from] == '?' || url.ptr[from] == '#' || url.ptr[from] == '/')
			return none;
	if (from + 1 >= url.len)
		return none;
	from += 2;
	for (end = from;
	     end < url.len && url.ptr[end] != '/' && url.ptr[end] != '?' && url.ptr[end] != '#';)
		end++;
	for (at = end; at > from && url.ptr[at - 1] != '@';)
		at--;
	return at > from + 1 ? px_bytes_of(url.ptr + from, at - 1 - from) : none;
}

/* Offset of the first a or b at or after from, or text.len. */
static size_t redact_find(struct px_bytes text, size_t from, char a, char b)
{
	return px_bytes_find(px_bytes_sub(text, 0, px_bytes_find(text, from, a)), from, b);
}

/* Walks over the secrets of a text, first to last. */
struct redact_walk {
	struct px_bytes text;
	size_t at;		/* of the next parameter */
	bool is_form;
	bool past_authority;
};

static bool redact_next(struct redact_walk *w, struct px_bytes *secret)
{
	struct px_bytes text = w->text;

	if (!w->is_form && !w->past_authority) {
		w->past_authority = true;
		*secret = redact_userinfo(text);
		w->at = redact_find(text, w->at, '?', '#') + 1;
		if (secret->len > 0)
			return true;
	}
	/*
	 * Parameters are what `&` separates; a fragment may carry them too, as OAuth's answers do.
	 */
	while (w->at < text.len) {
		size_t from = w->at, end = redact_find(text, from, '&', w->is_form ? '&' : '#'), eq;

		w->at = end + 1;
		eq = px_bytes_find(px_bytes_sub(text, 0, end), from, '=');
		if (eq + 1 < end && http_is_secret_param(px_bytes_sub(text, from, eq - from))) {
			*secret = px_bytes_sub(text, eq + 1, end - eq - 1);
			return true;
		}
	}
	return false;
}

void http_redact_bytes(struct px_bytes secret)
{
	char *p = (char *)(uintptr_t)secret.ptr; /* in the frame's arena or the record's */

	for (size_t i = 0; i < secret.len; i++)
		if (p[i] != '\r' && p[i] != '\n')
			p[i] = 'X';
}

struct px_bytes http_redact_params(struct px_bytes text, bool is_form, struct px_arena *arena,
				   bool *found)
{
	struct redact_walk w = { .text = text, .is_form = is_form };
	struct px_bytes secret;
	size_t count = 0, dropped = 0, done = 0, len = 0;
	char *out;

	while (redact_next(&w, &secret)) {
		count++;
		dropped += secret.len;
	}
	if (count == 0)
		return text;
	*found = true;
	out = px_arena_alloc(arena, text.len - dropped + count * shown.len);
	w = (struct redact_walk){ .text = text, .is_form = is_form };
	while (redact_next(&w, &secret)) {
		size_t from = (size_t)(secret.ptr - text.ptr);

		if (out) {
			memcpy(out + len, text.ptr + done, from - done);
			len += from - done;
			memcpy(out + len, shown.ptr, shown.len);
			len += shown.len;
		}
		done = from + secret.len;
		http_redact_bytes(secret);
	}
	if (!out)
		return shown; /* rather nothing than a secret */
	memcpy(out + len, text.ptr + done, text.len - done);
	return px_bytes_of(out, len + text.len - done);
}
