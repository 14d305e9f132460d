/* SPDX-License-Identifier: Apache-2.0 */
/* What all packets of MySQL have in common: lengths, strings, and the bytes that are kept. */
#include "mysql/message.h"

uint64_t mysql_lenenc(struct px_cur *c)
{
	uint8_t b = px_cur_u8(c);

	if (b <= 0xfa)
		return b;
	if (b == 0xfc)
		return px_cur_le16(c);
	if (b == 0xfd)
		return px_cur_uint_le(c, 3);
	if (b == 0xfe)
		return px_cur_le64(c);
	c->pos = c->end;
	c->ran_short = true;
	return 0;
}

struct px_bytes mysql_lenenc_str(struct px_cur *c)
{
	uint64_t len = mysql_lenenc(c);

	if (len > px_cur_left(c)) {
		c->pos = c->end;
		c->ran_short = true;
		return (struct px_bytes){ NULL, 0 };
	}
	return px_cur_take(c, (size_t)len);
}

struct px_bytes mysql_nul_str(struct px_cur *c)
{
	struct px_bytes rest = px_bytes_of(c->pos, px_cur_left(c));
	size_t len = px_bytes_find(rest, 0, '\0');

	rest = px_cur_take(c, len);
	px_cur_skip(c, 1);
	return rest;
}

void mysql_keep(struct mysql_msg *m, struct px_arena *arena, struct px_bytes b, size_t max)
{
	size_t room = max > m->len ? max - m->len : 0, n = b.len < room ? b.len : room;

	m->is_cut |= n < b.len;
	if (n == 0 || m->no_memory || m->has_hole)
		return;
	if (m->cap - m->len < n) {
		size_t cap = m->cap * 2 > m->len + n ? m->cap * 2 : m->len + n;
		char *text;

		if (cap < 64)
			cap = 64;
		if (cap > max)
			cap = max;
		text = px_arena_alloc(arena, cap);
		if (!text) {
			m->no_memory = m->is_cut = true;
			return;
		}
		if (m->len)
			memcpy(text, m->text, m->len);
		m->text = text;
		m->cap = cap;
	}
	memcpy(m->text + m->len, b.ptr, n);
	m->len += n;
}
