/* SPDX-License-Identifier: Apache-2.0 */
/* A borrowed pointer and length, with the comparisons and searches that parsers need. */
#ifndef PX_BASE_BYTES_H
#define PX_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PX_MUST_USE __attribute__((warn_unused_result))
#define PX_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define PX_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Borrowed: valid until the call that it was lent to returns. ptr may be NULL when len is 0. */
struct px_bytes {
	const char *ptr;
	size_t len;
};

static inline struct px_bytes px_bytes_of(const void *ptr, size_t len)
{
	return (struct px_bytes){ (const char *)ptr, len };
}

static inline struct px_bytes px_bytes_str(const char *s)
{
	return (struct px_bytes){ s, strlen(s) };
}

#define PX_BYTES(literal) ((struct px_bytes){ "" literal, sizeof(literal) - 1 })

/* The part of b from offset on, at most max long; empty beyond the end. */
static inline struct px_bytes px_bytes_sub(struct px_bytes b, size_t offset, size_t max)
{
	if (offset >= b.len)
		return (struct px_bytes){ NULL, 0 };
	b.ptr += offset;
	b.len -= offset;
	if (b.len > max)
		b.len = max;
	return b;
}

static inline bool px_bytes_eq(struct px_bytes a, struct px_bytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool px_bytes_starts(struct px_bytes b, struct px_bytes prefix)
{
	return b.len >= prefix.len &&
	       (prefix.len == 0 || memcmp(b.ptr, prefix.ptr, prefix.len) == 0);
}

static inline bool px_bytes_ends(struct px_bytes b, struct px_bytes suffix)
{
	return b.len >= suffix.len &&
	       (suffix.len == 0 ||
		memcmp(b.ptr + b.len - suffix.len, suffix.ptr, suffix.len) == 0);
}

static inline char px_ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* Eight letters at a time; the other bytes, those above 0x7f too, stay as they are. */
static inline uint64_t px_ascii_lower8(uint64_t x)
{
	const uint64_t ones = 0x0101010101010101;
	uint64_t low = x & 0x7f * ones;
	uint64_t above_z = low + (0x7f - 'Z') * ones, from_a = low + (0x80 - 'A') * ones;

	return x | ((~x & (from_a ^ above_z) & 0x80 * ones) >> 2);
}

static inline bool px_ascii_caseeq8(const char *a, const char *b)
{
	uint64_t x, y;

	memcpy(&x, a, 8);
	memcpy(&y, b, 8);
	return x == y || px_ascii_lower8(x) == px_ascii_lower8(y);
}

/* ASCII letters compare without case, all other bytes as they are. */
static inline bool px_bytes_caseeq(struct px_bytes a, struct px_bytes b)
{
	size_t i = 0;

	if (a.len != b.len)
		return false;
	for (; a.len - i >= 8; i += 8)
		if (!px_ascii_caseeq8(a.ptr + i, b.ptr + i))
			return false;
	if (i > 0) /* the rest, with bytes before it that are known to be equal */
		return i == a.len || px_ascii_caseeq8(a.ptr + a.len - 8, b.ptr + a.len - 8);
	for (; i < a.len; i++)
		if (px_ascii_lower(a.ptr[i]) != px_ascii_lower(b.ptr[i]))
			return false;
	return true;
}

/* Offset of the first c at or after from, or b.len. */
static inline size_t px_bytes_find(struct px_bytes b, size_t from, char c)
{
	const char *hit;

	if (from >= b.len)
		return b.len;
	hit = memchr(b.ptr + from, c, b.len - from);
	return hit ? (size_t)(hit - b.ptr) : b.len;
}

/* b without spaces and tabs at both ends. */
static inline struct px_bytes px_bytes_trim(struct px_bytes b)
{
	while (b.len > 0 && (b.ptr[0] == ' ' || b.ptr[0] == '\t')) {
		b.ptr++;
		b.len--;
	}
	while (b.len > 0 && (b.ptr[b.len - 1] == ' ' || b.ptr[b.len - 1] == '\t'))
		b.len--;
	return b;
}

#endif
