/* SPDX-License-Identifier: Apache-2.0 */
/* Messages on the wire, and the pieces of memory that their parts are kept in. */
#include "pgsql/message.h"

#define LONG_MAX_LEN 0x3fffffffu /* of a message that may be long: as much as either side allocates */
#define SHORT_MAX_LEN 30000u /* of the others; libpq and the server refuse more */

/* What is known of a message by its name. */
enum {
	W_SHORT = 1, /* at most SHORT_MAX_LEN */
	W_LONG = 2,
	W_EMPTY = 4, /* nothing but its name */
	W_ONE = 8, /* a byte */
};

static const uint8_t client_types[128] = {
	['B'] = W_LONG,	 ['C'] = W_SHORT, ['D'] = W_SHORT, ['E'] = W_SHORT, ['F'] = W_LONG,
	['H'] = W_EMPTY, ['P'] = W_LONG,  ['Q'] = W_LONG,  ['S'] = W_EMPTY, ['X'] = W_EMPTY,
	['c'] = W_EMPTY, ['d'] = W_LONG,  ['f'] = W_SHORT, ['p'] = W_SHORT,
};

static const uint8_t server_types[128] = {
	['1'] = W_EMPTY, ['2'] = W_EMPTY, ['3'] = W_EMPTY, ['A'] = W_LONG,  ['C'] = W_SHORT,
	['D'] = W_LONG,	 ['E'] = W_LONG,  ['G'] = W_SHORT, ['H'] = W_SHORT, ['I'] = W_EMPTY,
	['K'] = W_SHORT, ['N'] = W_LONG,  ['R'] = W_SHORT, ['S'] = W_SHORT, ['T'] = W_LONG,
	['V'] = W_LONG,	 ['W'] = W_SHORT, ['Z'] = W_ONE,   ['c'] = W_EMPTY, ['d'] = W_LONG,
	['n'] = W_EMPTY, ['s'] = W_EMPTY, ['t'] = W_LONG,  ['v'] = W_SHORT,
};

int pgsql_head_read(struct px_bytes in, bool is_client, struct pgsql_head *h)
{
	struct px_cur c = px_cur_of(in);
	uint8_t type = px_cur_u8(&c), known;
	uint32_t len;

	if (in.len == 0)
		return 0;
	known = type < 128 ? (is_client ? client_types : server_types)[type] : 0;
	if (known == 0)
		return -1;
	len = px_cur_be32(&c);
	if (c.ran_short)
		return in.len > 1 && in.ptr[1] > 0x3f ? -1 : 0;
	if (len < 4 || len > (known == W_LONG ? LONG_MAX_LEN : SHORT_MAX_LEN) ||
	    (known == W_EMPTY && len != 4) || (known == W_ONE && len != 5))
		return -1;
	h->type = (char)type;
	h->body_len = len - 4;
	h->is_whole = px_cur_left(&c) >= h->body_len;
	h->body = px_bytes_of(c.pos, h->is_whole ? h->body_len : px_cur_left(&c));
	return 1;
}

struct px_bytes pgsql_cstring(struct px_cur *c)
{
	struct px_bytes rest = px_bytes_of(c->pos, px_cur_left(c));
	size_t n = rest.len ? px_bytes_find(rest, 0, '\0') : 0;

	if (n == rest.len) {
		c->pos = c->end;
		c->ran_short = true;
		return (struct px_bytes){ NULL, 0 };
	}
	c->pos += n + 1;
	return px_bytes_of(rest.ptr, n);
}

/* More room in memory of an arena; what was there is copied. False: no memory. */
static bool wire_grow(char **ptr, size_t len, size_t *cap, size_t want, size_t max,
		      struct px_arena *arena)
{
	size_t size = *cap < 128 ? 256 : *cap * 2;
	char *p;

	if (size < want)
		size = want;
	if (size > max)
		size = max;
	p = px_arena_alloc(arena, size);
	if (!p)
		return false;
	if (len > 0)
		memcpy(p, *ptr, len);
	*ptr = p;
	*cap = size;
	return true;
}

bool pgsql_raw_add(struct pgsql_raw *raw, struct px_bytes b, size_t max, struct px_arena *arena)
{
	if (b.len > max - raw->len) {
		b.len = max - raw->len;
		raw->is_cut = true;
	}
	if (b.len == 0)
		return true;
	if (b.len > raw->cap - raw->len &&
	    !wire_grow(&raw->ptr, raw->len, &raw->cap, raw->len + b.len, max, arena))
		return false;
	memcpy(raw->ptr + raw->len, b.ptr, b.len);
	raw->len += b.len;
	return true;
}

bool pgsql_texts_add(struct pgsql_texts *t, struct px_bytes b, size_t max, struct px_arena *arena)
{
	size_t cap = t->cap;

	if (t->is_cut || b.len >= max - t->len) {
		t->is_cut = true;
		return true;
	}
	if (b.len >= cap - t->len &&
	    !wire_grow(&t->ptr, t->len, &cap, t->len + b.len + 1, max, arena))
		return false;
	t->cap = (uint32_t)cap;
	if (b.len > 0)
		memcpy(t->ptr + t->len, b.ptr, b.len);
	t->len += (uint32_t)b.len;
	t->ptr[t->len++] = '\0';
	t->count++;
	return true;
}

bool pgsql_texts_next(const struct pgsql_texts *t, size_t *at, struct px_bytes *text)
{
	size_t end;

	if (*at >= t->len)
		return false;
	end = px_bytes_find(px_bytes_of(t->ptr, t->len), *at, '\0');
	*text = px_bytes_of(t->ptr + *at, end - *at);
	*at = end + 1;
	return true;
}
