/* SPDX-License-Identifier: Apache-2.0 */
/* A bounds-checked reader: reading past the end gives 0 and sets ran_short, which stays set. */
#ifndef PX_BASE_CURSOR_H
#define PX_BASE_CURSOR_H

#include "base/bytes.h"

struct px_cur {
	const char *pos;
	const char *end;
	bool ran_short;
};

static inline struct px_cur px_cur_of(struct px_bytes b)
{
	const char *p = b.ptr ? b.ptr : ""; /* where 0 may be added */

	return (struct px_cur){ p, p + b.len, false };
}

static inline size_t px_cur_left(const struct px_cur *c)
{
	return (size_t)(c->end - c->pos);
}

static inline bool px_cur_has(struct px_cur *c, size_t n)
{
	if (n <= (size_t)(c->end - c->pos)) /* never pos + n > end: that sum can wrap */
		return true;
	c->pos = c->end;
	c->ran_short = true;
	return false;
}

static inline uint64_t px_cur_uint_be(struct px_cur *c, size_t width)
{
	uint64_t v = 0;

	if (!px_cur_has(c, width))
		return 0;
	for (size_t i = 0; i < width; i++)
		v = v << 8 | (uint8_t)c->pos[i];
	c->pos += width;
	return v;
}

static inline uint64_t px_cur_uint_le(struct px_cur *c, size_t width)
{
	uint64_t v = 0;

	if (!px_cur_has(c, width))
		return 0;
	for (size_t i = width; i > 0; i--)
		v = v << 8 | (uint8_t)c->pos[i - 1];
	c->pos += width;
	return v;
}

static inline uint8_t px_cur_u8(struct px_cur *c)
{
	return (uint8_t)px_cur_uint_be(c, 1);
}
static inline uint16_t px_cur_be16(struct px_cur *c)
{
	return (uint16_t)px_cur_uint_be(c, 2);
}
static inline uint32_t px_cur_be32(struct px_cur *c)
{
	return (uint32_t)px_cur_uint_be(c, 4);
}
static inline uint64_t px_cur_be64(struct px_cur *c)
{
	return px_cur_uint_be(c, 8);
}
static inline uint16_t px_cur_le16(struct px_cur *c)
{
	return (uint16_t)px_cur_uint_le(c, 2);
}
static inline uint32_t px_cur_le32(struct px_cur *c)
{
	return (uint32_t)px_cur_uint_le(c, 4);
}
static inline uint64_t px_cur_le64(struct px_cur *c)
{
	return px_cur_uint_le(c, 8);
}

/* The next n bytes as a view, and step over them; empty when they are not all there. */
static inline struct px_bytes px_cur_take(struct px_cur *c, size_t n)
{
	struct px_bytes b = { NULL, 0 };

	if (!px_cur_has(c, n))
		return b;
	b = px_bytes_of(c->pos, n);
	c->pos += n;
	return b;
}

static inline void px_cur_skip(struct px_cur *c, size_t n)
{
	(void)px_cur_take(c, n);
}

/* A cursor over the next n bytes: a declared length becomes a wall. */
static inline struct px_cur px_cur_sub(struct px_cur *c, size_t n)
{
	return px_cur_of(px_cur_take(c, n));
}

#endif
