/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void px_buf_fini(struct px_buf *b)
{
	free(b->ptr);
	*b = px_buf_of(b->max);
}

int px_buf_grow(struct px_buf *b, size_t n)
{
	size_t cap = b->cap ? b->cap : 256;
	char *p;

	if (n > b->max - b->len)
		return -ENOBUFS;
	while (cap < b->len + n)
		cap = cap > b->max / 2 ? b->max : cap * 2;
	p = realloc(b->ptr, cap);
	if (!p)
		return -ENOMEM;
	b->ptr = p;
	b->cap = cap;
	return 0;
}

int px_buf_printf(struct px_buf *b, const char *fmt, ...)
{
	va_list ap;
	int n, err;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -EINVAL;
	err = px_buf_reserve(b, (size_t)n + 1); /* vsnprintf writes a 0 byte behind */
	if (err)
		return err;
	va_start(ap, fmt);
	vsnprintf(b->ptr + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
	return 0;
}

void px_buf_drop(struct px_buf *b, size_t n)
{
	b->len -= n;
	if (b->len)
		memmove(b->ptr, b->ptr + n, b->len);
}
