/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing numbers and texts at a pointer that the caller has made room behind; each returns the new
 * end.
 */
#ifndef PX_SINK_EMIT_H
#define PX_SINK_EMIT_H

#include "base/bytes.h"

#define PX_EMIT_INT_MAX 20	/* most bytes of a 64-bit number, its sign included */

extern const char px_emit_pairs[201];		/* "00" to "99" */
extern const uint64_t px_emit_powers[20];	/* 10 to the power of the index, but 0 for 0: 0 has a digit, too */

static inline char *px_emit_2(char *p, unsigned int v)
{
	memcpy(p, px_emit_pairs + 2 * (size_t)v, 2);
	return p + 2;
}

/* Exactly 3, 6 or 9 digits, with leading zeros. */
static inline char *px_emit_3(char *p, unsigned int v)
{
	*p = (char)('0' + v / 100);
	return px_emit_2(p + 1, v % 100);
}

static inline char *px_emit_6(char *p, unsigned int v)
{
	return px_emit_3(px_emit_3(p, v / 1000), v % 1000);
}

static inline char *px_emit_9(char *p, unsigned int v)
{
	return px_emit_3(px_emit_6(p, v / 1000), v % 1000);
}

/* Digits of v in base 10: 1233 / 4096 is a little less than log10(2), and the table corrects it. */
static inline unsigned int px_emit_digits(uint64_t v)
{
	unsigned int n = (unsigned int)(64 - __builtin_clzll(v | 1)) * 1233 >> 12;

	return n + (v >= px_emit_powers[n]);
}

static inline char *px_emit_u64(char *p, uint64_t v)
{
	char *end = p + px_emit_digits(v), *d = end;

	while (v >= 100) {
		d -= 2;
		px_emit_2(d, (unsigned int)(v % 100));
		v /= 100;
	}
	if (v >= 10)
		px_emit_2(d - 2, (unsigned int)v);
	else
		d[-1] = (char)('0' + v);
	return end;
}

static inline char *px_emit_i64(char *p, int64_t v)
{
	if (v >= 0)
		return px_emit_u64(p, (uint64_t)v);
	*p = '-';
	return px_emit_u64(p + 1, 0 - (uint64_t)v);
}

static inline char *px_emit_bytes(char *p, struct px_bytes s)
{
	if (s.len)
		memcpy(p, s.ptr, s.len);
	return p + s.len;
}

/* A text that is known when this is compiled: the compiler turns the copy into stores. */
#define px_emit_lit(p, literal)                                                                    \
	((char *)memcpy((p), "" literal, sizeof(literal) - 1) + (sizeof(literal) - 1))

#endif
