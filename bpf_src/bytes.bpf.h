/* SPDX-License-Identifier: Apache-2.0 */
/* An event and the user's bytes that lie in one piece. */
#ifndef PX_BYTES_BPF_H
#define PX_BYTES_BPF_H

#include "emit.bpf.h"
#include "memory.bpf.h"

/*
 * An event with the first want bytes at buf, and behind them those of a second piece, more bytes at
 * next. The verifier adds the largest offset to the largest length: of two pieces neither may be
 * larger than half the room (px_is_pair()).
 */
px_inline void px_push_bytes(void *ctx, struct px_abi_event *h, u64 buf, u64 want, u64 next,
			     u64 more)
{
	struct px_abi_event *e;
	u64 room;

	e = px_reserve(want + more, &room);
	if (!e) {
		px_count_full(h->len);
		return;
	}
	__builtin_memcpy(e, h, PX_HEAD);
	PX_BARRIER(want);
	if (want > room)
		want = room;
	PX_BARRIER(want);
	if (want && px_probe_user(e->data, want, (void *)buf)) {
		px_count_fault();
		want = more = 0;
	}
	if (more && want <= room / 2 && more <= room / 2) {
		PX_BARRIER(more);
		if (px_probe_user(e->data + want, more, (void *)next))
			px_count_fault();
		else
			want += more;
	}
	want = px_forget(want, h->ts_ns);
	e->copied = (u32)want;
	if (want < e->len)
		px_count(PX_COUNT_UNCOPIED_BYTES, e->len - want);
	px_submit(ctx, e);
}

/* Can n bytes, of them more in a second piece, be taken at once, in an event as large as for n? */
px_inline int px_is_pair(u64 n, u64 more)
{
	u64 half = px_room(n) / 2;

	return more && more <= half && n - more <= half;
}

#endif
