/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct px_arena_block {
	struct px_arena_block *next;
	size_t size;	/* of the whole block */
	char data[];
};

/* Free blocks that a pool keeps at most, so that a burst does not stay resident. */
#define ARENA_FREE_MAX 256

void px_arena_pool_init(struct px_arena_pool *pool, size_t bytes_max)
{
	*pool = (struct px_arena_pool){ .bytes_max = bytes_max };
}

void px_arena_pool_fini(struct px_arena_pool *pool)
{
	while (pool->free_list) {
		struct px_arena_block *b = pool->free_list;

		pool->free_list = b->next;
		free(b);
	}
	pool->free_count = 0;
}

void px_arena_init(struct px_arena *a, struct px_arena_pool *pool, size_t max)
{
	*a = (struct px_arena){ .pool = pool, .max = max };
}

static struct px_arena_block *arena_block_new(struct px_arena *a, size_t size)
{
	struct px_arena_pool *pool = a->pool;
	struct px_arena_block *b;

	if (size > a->max - a->held || size > pool->bytes_max - pool->bytes_out) {
		pool->refused++;
		return NULL;
	}
	if (size == PX_ARENA_BLOCK && pool->free_list) {
		b = pool->free_list;
		pool->free_list = b->next;
		pool->free_count--;
	} else {
		b = malloc(size);
		if (!b) {
			pool->refused++;
			return NULL;
		}
		b->size = size;
	}
	a->held += size;
	pool->bytes_out += size;
	return b;
}

void px_arena_reset(struct px_arena *a)
{
	while (a->blocks) {
		struct px_arena_block *b = a->blocks;

		a->blocks = b->next;
		a->pool->bytes_out -= b->size;
		if (b->size == PX_ARENA_BLOCK && a->pool->free_count < ARENA_FREE_MAX) {
			b->next = a->pool->free_list;
			a->pool->free_list = b;
			a->pool->free_count++;
		} else {
			free(b);
		}
	}
	a->used = 0;
	a->held = 0;
}

void *px_arena_alloc(struct px_arena *a, size_t size)
{
	struct px_arena_block *b = a->blocks;
	size_t room = PX_ARENA_BLOCK - sizeof(*b);
	void *p;

	if (size > SIZE_MAX - sizeof(*b) - 8)
		return NULL;
	size = (size + 7) & ~(size_t)7;
	if (size > room) {
		/* Behind the first block, which keeps its free rest. */
		struct px_arena_block *big = arena_block_new(a, size + sizeof(*b));

		if (!big)
			return NULL;
		if (b) {
			big->next = b->next;
			b->next = big;
		} else {
			big->next = NULL;
			a->blocks = big;
			a->used = room;
		}
		return big->data;
	}
	if (!b || size > room - a->used) {
		b = arena_block_new(a, PX_ARENA_BLOCK);
		if (!b)
			return NULL;
		b->next = a->blocks;
		a->blocks = b;
		a->used = 0;
	}
	p = b->data + a->used;
	a->used += size;
	return p;
}

void *px_arena_zalloc(struct px_arena *a, size_t size)
{
	void *p = px_arena_alloc(a, size);

	return p ? memset(p, 0, size) : NULL;
}

struct px_bytes px_arena_copy(struct px_arena *a, struct px_bytes b, bool *ok)
{
	char *p = px_arena_alloc(a, b.len);

	if (ok)
		*ok = p != NULL;
	if (!p)
		return (struct px_bytes){ NULL, 0 };
	if (b.len)
		memcpy(p, b.ptr, b.len);
	return px_bytes_of(p, b.len);
}

struct px_bytes px_arena_printf(struct px_arena *a, const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	p = n < 0 ? NULL : px_arena_alloc(a, (size_t)n + 1);
	if (!p)
		return (struct px_bytes){ NULL, 0 };
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return px_bytes_of(p, (size_t)n);
}
