/* SPDX-License-Identifier: Apache-2.0 */
#include "frame.h"

#include <stdlib.h>

void px_frame_pool_init(struct px_frame_pool *pool, size_t arena_max, size_t bytes_max)
{
	px_arena_pool_init(&pool->arenas, bytes_max);
	pool->free_list = NULL;
	pool->arena_max = arena_max;
}

void px_frame_pool_fini(struct px_frame_pool *pool)
{
	while (pool->free_list) {
		struct px_frame *f = pool->free_list;

		pool->free_list = f->next;
		free(f);
	}
	px_arena_pool_fini(&pool->arenas);
}

struct px_frame *px_frame_new(struct px_frame_pool *pool)
{
	struct px_frame *f = pool->free_list;

	if (f)
		pool->free_list = f->next;
	else
		f = malloc(sizeof(*f));
	if (!f)
		return NULL;
	memset(f, 0, sizeof(*f));
	px_arena_init(&f->arena, &pool->arenas, pool->arena_max);
	return f;
}

void px_frame_free(struct px_frame_pool *pool, struct px_frame *f)
{
	if (!f)
		return;
	px_arena_reset(&f->arena);
	f->next = pool->free_list;
	pool->free_list = f;
}
