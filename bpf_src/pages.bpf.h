/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes that sendfile and splice move: they are in no memory of the process, but in pages of
 * the kernel.
 */
#ifndef PX_PAGES_BPF_H
#define PX_PAGES_BPF_H

#include "fd.bpf.h"
#include "rest.bpf.h"

#define PX_PAGES_TAKE 4096	/* bytes that are copied at once */
#define PX_PAGES_PARTS 4	/* times that this is done for one event */

#if PX_LATE_PART

/*
 * px_pages_find() prepares r->mem for the call that r->head describes, PX_PAGES and the number of
 * pieces being the parts; false where there is no way. px_gather_pages() is as px_gather().
 */
#ifdef PX_PAGE_BASE

/* Where the kernel sees the memory that a struct page stands for. */
px_inline u64 px_page_address(u64 page)
{
	return PX_PAGE_BASE + (page - PX_PAGE_ARRAY) / PX_SIZE_page * PX_PAGE_SIZE;
}

#ifdef PX_BACK_END_SOCK
#include "pipe.bpf.h"
#else
#include "cache.bpf.h"
#endif

#endif

#ifndef PX_PAGES_READ

px_inline int px_pages_find(struct px_rest *r)
{
	(void)r;
	return 0;
}

px_inline int px_gather_pages(char *to, struct px_rest *r, u64 n, u64 last)
{
	(void)to;
	(void)r;
	(void)n;
	(void)last;
	return 0;
}

#endif

/* The next event with payload and no head, as px_take() gives those of other calls. */
px_inline struct px_abi_event *px_take_pages(struct px_rest *r, int *is_readable)
{
	u64 n = px_min(r->want, PX_PAGES_TAKE * PX_PAGES_PARTS), room;
	struct px_abi_event *e = px_reserve_pages(n, &room);

	if (!e)
		return e;
	r->head.flags &= ~PX_ABI_F_NO_BYTES;
	*is_readable = px_gather_pages(e->data, r, n, room - PX_PAGES_TAKE);
	return e;
}

/* As px_turn(), for a call of pages: the first turn finds them. */
int px_page_turn(void *ctx)
{
	struct px_rest *r = px_rest_here();
	struct px_abi_event *e;
	u64 pieces;
	int is_readable = 0;

	if (!r)
		return 0;
	pieces = r->mem.parts;
	r->done = 0;
	if (r->turns || px_pages_find(r)) {
		e = px_take_pages(r, &is_readable);
		if (!px_turn_over(ctx, r, e, is_readable, pieces))
			return 0;
		turn.call(ctx, PX_ABI_TURN_PAGES);
	}
	px_rest_give_up(ctx, r);
	return 0;
}

#endif
#endif
