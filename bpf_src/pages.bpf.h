/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes that sendfile and splice move: they are in no memory of the process, but in pages of
 * the kernel.
 */
#ifndef PX_PAGES_BPF_H
#define PX_PAGES_BPF_H

#include "fd.bpf.h"
#include "rest.bpf.h"

#ifdef PX_PAGE_BASE

#define PX_PAGE_PARTS 10	/* pages that one event gathers: as many as it can hold */

/* Where the kernel sees the memory that a struct page stands for. */
px_inline u64 px_page_address(u64 page)
{
	return PX_PAGE_BASE + (page - PX_PAGE_ARRAY) / PX_SIZE_page * PX_PAGE_SIZE;
}

/*
 * How these are found is the back end's. px_pages_find() prepares r->mem for the call that r->head
 * describes, parts being the number of pieces; false where there is no way. px_gather_pages() is
 * px_gather() for them.
 */
px_inline int px_pages_find(struct px_rest *r);
px_inline int px_gather_pages(struct px_abi_event *e, struct px_rest *r, u64 n, u64 half);

#ifdef PX_BACK_END_SOCK
#include "pipe.bpf.h"
#else
#include "cache.bpf.h"
#endif

/* One turn, as px_turn(). */
int px_turn_pages(void *ctx)
{
	u32 zero = 0;
	struct px_rest *r = rests.lookup(&zero);
	struct px_abi_event *e;
	u64 room, n;
	int is_readable;

	if (!r || r->owner != bpf_get_current_pid_tgid())
		return 0;
	if (r->mem.parts == PX_PAGES && !px_pages_find(r)) {
		px_rest_give_up(ctx, r);
		return 0;
	}
	r->head.flags &= ~PX_ABI_F_NO_BYTES;
	n = px_min(r->want, PX_GATHER_MAX);
	e = px_reserve_gather(n, &room);
	if (!e) {
		px_count_full(r->left);
		return 0;
	}
	r->done = 0;
	is_readable = px_gather_pages(e, r, n, room / 2);
	return px_turn_over(ctx, r, e, is_readable, 1, PX_ABI_TURN_PAGES);
}

#endif
#endif
