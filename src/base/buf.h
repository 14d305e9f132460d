/* SPDX-License-Identifier: Apache-2.0 */
/* Owned, growing bytes; the maximum is given at birth. */
#ifndef PX_BASE_BUF_H
#define PX_BASE_BUF_H

#include "base/bytes.h"

struct px_buf {
	char *ptr;	/* NULL until the first byte comes */
	size_t len;
	size_t cap;
	size_t max;
};

static inline struct px_buf px_buf_of(size_t max)
{
	return (struct px_buf){ NULL, 0, 0, max };
}

void px_buf_fini(struct px_buf *b);

/* More memory, so that n more bytes have room. Returns 0, -ENOBUFS beyond the maximum, -ENOMEM. */
PX_MUST_USE int px_buf_grow(struct px_buf *b, size_t n);

/* Room for n more bytes. Returns as px_buf_grow(). */
PX_MUST_USE static inline int px_buf_reserve(struct px_buf *b, size_t n)
{
	return n <= b->cap - b->len ? 0 : px_buf_grow(b, n);
}

PX_MUST_USE static inline int px_buf_append(struct px_buf *b, struct px_bytes data)
{
	int err = px_buf_reserve(b, data.len);

	if (err || data.len == 0)
		return err;
	memcpy(b->ptr + b->len, data.ptr, data.len);
	b->len += data.len;
	return 0;
}

PX_PRINTF(2, 3) PX_MUST_USE int px_buf_printf(struct px_buf *b, const char *fmt, ...);

/* Drop n bytes at the front (n <= len). */
void px_buf_drop(struct px_buf *b, size_t n);

static inline struct px_bytes px_buf_bytes(const struct px_buf *b)
{
	return px_bytes_of(b->ptr, b->len);
}

#endif
