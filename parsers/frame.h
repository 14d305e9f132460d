/* SPDX-License-Identifier: Apache-2.0 */
/* Frames come from a pool and go back to it with their arenas. */
#ifndef PX_PARSERS_FRAME_H
#define PX_PARSERS_FRAME_H

#include "parser.h"

struct px_frame_pool {
	struct px_arena_pool arenas;
	struct px_frame *free_list;
	size_t arena_max;	/* bytes one frame may hold */
};

/* arena_max: bytes per frame; bytes_max: bytes of all frames together. */
void px_frame_pool_init(struct px_frame_pool *pool, size_t arena_max, size_t bytes_max);
void px_frame_pool_fini(struct px_frame_pool *pool);

/* A zeroed frame with an empty arena, or NULL. */
PX_MUST_USE struct px_frame *px_frame_new(struct px_frame_pool *pool);
void px_frame_free(struct px_frame_pool *pool, struct px_frame *f);

/* Do their keys agree as far as they are known? */
static inline bool px_frame_keys_agree(const struct px_frame *a, const struct px_frame *b)
{
	uint64_t known =
		(a->key_mask ? a->key_mask : UINT64_MAX) & (b->key_mask ? b->key_mask : UINT64_MAX);

	return ((a->key ^ b->key) & known) == 0;
}

#endif
