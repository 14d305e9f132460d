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

static inline char px_ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* ASCII letters compare without case, all other bytes as they are. */
static inline bool px_bytes_caseeq(struct px_bytes a, struct px_bytes b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
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
