/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reserve an event, fill what all events have, submit it; wake the reader when that is due; count
 * what has no room.
 */
#ifndef PX_EMIT_BPF_H
#define PX_EMIT_BPF_H

#include "conn.bpf.h"

#define PX_HEAD sizeof(struct px_abi_event)

/*
 * An event's head is made on the stack, then room is reserved and the head copied: the verifier
 * then looks at the loads that fill it once, not once per size of the room.
 */

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

/* Count an event of len stream bytes that found no room. */
px_inline void px_count_full(u64 len)
{
	px_count(PX_COUNT_RING_FULL, 1);
	px_count(PX_COUNT_RING_FULL_BYTES, len);
}

px_inline void px_fill_process(struct px_abi_event *e)
{
	u64 id = px_current_id();
	u64 leader = PX_LOAD(u64, px_current(), PX_OFF_task_struct_group_leader);

	e->pid = id >> 32;
	e->tid = (u32)id;
	e->uid = (u32)bpf_get_current_uid_gid();
	*(u64 *)e->comm = PX_LOAD(u64, leader, PX_OFF_task_struct_comm);
	*(u64 *)(e->comm + 8) = PX_LOAD(u64, leader, PX_OFF_task_struct_comm + 8);
}

/*
 * Hand the event over. The reader says in the shared page how it waits: 0 it is awake; 1 it sleeps
 * until something happens; 2 it looks again in a moment by itself and wants to be called only if
 * the ring fills up. The event that calls it clears the word, so that it is called once.
 */
px_inline void px_submit(struct px_abi_event *e)
{
	u32 zero = 0;
	u64 wake = BPF_RB_NO_WAKEUP;
	struct px_abi_shared *page = shared.lookup(&zero);

	if (page && page->reader_asleep &&
	    (page->reader_asleep == 1 ||
	     bpf_ringbuf_query(PX_RING, BPF_RB_AVAIL_DATA) >= PX_WAKE_MARK)) {
		page->reader_asleep = 0;
		wake = BPF_RB_FORCE_WAKEUP;
	}
	bpf_ringbuf_submit(e, wake);
	px_count(PX_COUNT_EVENTS, 1);
}

/*
 * All of the head but the endpoints (px_fill_ends()) and what depends on bytes that moved. result
 * is 0 or -errno.
 */
px_inline void px_fill(struct px_abi_event *h, const struct px_sock *s, u8 kind, u16 flags,
		       s32 result, int typed)
{
	h->ts_ns = bpf_ktime_get_ns();
	h->pos = h->peer_pos = 0;
	h->len = h->copied = 0;
	h->result = result;
	h->kind = kind;
	h->dir = 0;
	h->flags = flags;
	h->syscall_nr = 0xffff;
	px_fill_process(h);
	px_fill_sock(h, s, typed);
}

/*
 * Where both directions of a TCP connection stand, in an event that moves nothing: pos outgoing,
 * peer_pos incoming.
 */
px_inline void px_fill_place(struct px_abi_event *h, const struct px_sock *s, int typed)
{
	struct px_place place;

	if (s->protocol != PX_TCP)
		return;
	px_place_tcp(&place, s, PX_ABI_OUT, 0, typed);
	h->pos = place.pos;
	h->peer_pos = place.peer_pos;
	h->flags |= place.flags & (PX_ABI_F_SEQ | PX_ABI_F_PEER_POS);
}

/* Hand over an event that has a head only. */
px_inline void px_push(const struct px_abi_event *h)
{
	u64 room;
	struct px_abi_event *e = px_reserve(0, &room);

	if (!e) {
		px_count_full(h->len);
		return;
	}
	__builtin_memcpy(e, h, PX_HEAD);
	px_submit(e);
}

#endif
