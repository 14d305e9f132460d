/* SPDX-License-Identifier: Apache-2.0 */
/* Many small pieces with one end of life, cut from blocks of a bounded pool. */
#ifndef PX_BASE_ARENA_H
#define PX_BASE_ARENA_H

#include "base/bytes.h"

#define PX_ARENA_BLOCK 4096	/* bytes of an ordinary block, its header included */

struct px_arena_block;

/* Blocks that are free, and a count of what is out; one per pipeline. */
struct px_arena_pool {
	struct px_arena_block *free_list;
	size_t free_count;
	size_t bytes_out;	/* in blocks that arenas hold */
	size_t bytes_max;	/* an allocation that would pass this fails */
	uint64_t refused;	/* allocations that failed */
};

struct px_arena {
	struct px_arena_pool *pool;
	struct px_arena_block *blocks;	/* newest first */
	size_t used;		/* bytes used of blocks[0] */
	size_t held;		/* bytes in all blocks */
	size_t max;		/* most bytes this arena may hold */
};

void px_arena_pool_init(struct px_arena_pool *pool, size_t bytes_max);
void px_arena_pool_fini(struct px_arena_pool *pool);

void px_arena_init(struct px_arena *a, struct px_arena_pool *pool, size_t max);

/* Give every block back; the arena can be used again. */
void px_arena_reset(struct px_arena *a);

/*
 * size bytes, aligned to 8, not zeroed; NULL when the arena, the pool or memory is exhausted.
 * Sizes above a block's get a block of their own.
 */
PX_MUST_USE void *px_arena_alloc(struct px_arena *a, size_t size);
PX_MUST_USE void *px_arena_zalloc(struct px_arena *a, size_t size);

/* Copy b; { NULL, 0 } with *ok false when there is no room. ok may be NULL. */
struct px_bytes px_arena_copy(struct px_arena *a, struct px_bytes b, bool *ok);

/* Formatted text; { NULL, 0 } when there is no room. */
PX_PRINTF(2, 3) struct px_bytes px_arena_printf(struct px_arena *a, const char *fmt, ...);

#endif
