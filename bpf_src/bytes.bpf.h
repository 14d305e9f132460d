/* SPDX-License-Identifier: Apache-2.0 */
/* An event and the user's bytes that lie in one piece. */
#ifndef PX_BYTES_BPF_H
#define PX_BYTES_BPF_H

#include "emit.bpf.h"
#include "memory.bpf.h"

/* An event with the first want bytes at buf, in one piece. */
px_inline void px_push_bytes(void *ctx, struct px_abi_event *h, u64 buf, u64 want)
{
	struct px_abi_event *e;
	u64 room;

	e = px_reserve(want, &room);
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
		want = 0;
	}
	e->copied = (u32)want;
	if (want < e->len)
		px_count(PX_COUNT_UNCOPIED_BYTES, e->len - want);
	px_submit(ctx, e);
}

#endif
