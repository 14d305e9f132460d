/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transport `ring`: events are made where they are read, in one ring buffer for all CPUs (kernel
 * 5.8, commit 457f44363a88).
 */
#ifndef PX_RING_BPF_H
#define PX_RING_BPF_H

#include "maps.bpf.h"

/*
 * The loader makes the ring and gives its descriptor: bcc 0.26 has no way to ask a ring of its own
 * how full it is.
 */
#define PX_RING ((void *)bpf_pseudo_fd(1 /* BPF_PSEUDO_MAP_FD */, PX_EVENTS_FD))

/*
 * Room for at least want bytes of payload, or as many as the largest class has; *room says how
 * many.
 */
px_inline struct px_abi_event *px_reserve(u64 want, u64 *room)
{
	/*
	 * The sizes are constants on every path, as the verifier demands, and what follows is
	 * shared by all of them.
	 */
	if (want == 0) {
		*room = 0;
		return bpf_ringbuf_reserve(PX_RING, PX_HEAD, 0);
	}
	if (want <= 256) {
		*room = 256;
		return bpf_ringbuf_reserve(PX_RING, PX_HEAD + 256, 0);
	}
	if (want <= 1024) {
		*room = 1024;
		return bpf_ringbuf_reserve(PX_RING, PX_HEAD + 1024, 0);
	}
	if (want <= 4096) {
		*room = 4096;
		return bpf_ringbuf_reserve(PX_RING, PX_HEAD + 4096, 0);
	}
	if (want <= 16384) {
		*room = 16384;
		return bpf_ringbuf_reserve(PX_RING, PX_HEAD + 16384, 0);
	}
	*room = PX_EVENT_MAX;
	return bpf_ringbuf_reserve(PX_RING, PX_HEAD + PX_EVENT_MAX, 0);
}

/* What px_reserve() has for so few bytes; 0: they are more. */
px_inline u64 px_room(u64 want)
{
	return want <= 256 ? 256 : want <= 1024 ? 1024 : want <= 4096 ? 4096 : 0;
}

px_inline struct px_abi_event *px_reserve_max(void)
{
	return bpf_ringbuf_reserve(PX_RING, PX_HEAD + PX_EVENT_MAX, 0);
}

/*
 * Room for n bytes from pages. Two sizes only: what gathers them is verified once for each. The
 * barriers keep the compiler from asking for n again to tell the room: the verifier would follow
 * both answers.
 */
px_inline struct px_abi_event *px_reserve_pages(u64 n, u64 *room)
{
	if (n <= 4096) {
		*room = 4096;
		PX_BARRIER(*room);
		return bpf_ringbuf_reserve(PX_RING, PX_HEAD + 4096, 0);
	}
	*room = 16384;
	PX_BARRIER(*room);
	return bpf_ringbuf_reserve(PX_RING, PX_HEAD + 16384, 0);
}

/* Three quarters of the ring are full: time to be sparing with what is left. */
px_inline int px_is_crowded(void)
{
	return bpf_ringbuf_query(PX_RING, BPF_RB_AVAIL_DATA) >= 3 * PX_WAKE_MARK;
}

/*
 * Whether an event that is handed over has to wake the reader. The reader says in the shared page
 * how it waits: 0 it is awake; 1 it sleeps until something happens; 2 it looks again in a moment by
 * itself and wants to be called only if the ring fills up. The event that calls it clears the word,
 * so that it is called once.
 */
px_inline u64 px_wake(void)
{
	u32 zero = 0;
	struct px_abi_shared *page = shared.lookup(&zero);

	if (page && page->reader_asleep &&
	    (page->reader_asleep == 1 ||
	     bpf_ringbuf_query(PX_RING, BPF_RB_AVAIL_DATA) >= PX_WAKE_MARK)) {
		page->reader_asleep = 0;
		return BPF_RB_FORCE_WAKEUP;
	}
	return BPF_RB_NO_WAKEUP;
}

/* Hand the event over. */
px_inline void px_submit(void *ctx, struct px_abi_event *e)
{
	(void)ctx;
	bpf_ringbuf_submit(e, px_wake());
	px_count(PX_COUNT_EVENTS, 1);
}

/* Hand over an event that was made elsewhere, with the n bytes that lie behind its head there. */
px_inline void px_output(void *ctx, struct px_abi_event *e, u64 n)
{
	(void)ctx;
	if (bpf_ringbuf_output(PX_RING, e, PX_HEAD + n, px_wake()))
		px_count_full(e->len);
	else
		px_count(PX_COUNT_EVENTS, 1);
}

/* Give the room back. */
px_inline void px_discard(struct px_abi_event *e)
{
	bpf_ringbuf_discard(e, BPF_RB_NO_WAKEUP);
}

/* Hand over an event that has a head only, and wake the reader whatever it does. */
px_inline void px_push_loud(void *ctx, struct px_abi_event *h)
{
	(void)ctx;
	bpf_ringbuf_output(PX_RING, h, PX_HEAD, BPF_RB_FORCE_WAKEUP);
}

#endif
