/* SPDX-License-Identifier: Apache-2.0 */
/* What all events have is filled in here; ring.bpf.h and perf.bpf.h are the ways to user space. */
#ifndef PX_EMIT_BPF_H
#define PX_EMIT_BPF_H

#include "conn.bpf.h"
#ifdef PX_TRANSPORT_PERF
#include "perf.bpf.h"
#else
#include "ring.bpf.h"
#endif

/*
 * An event's head is made on the stack, then room is reserved and the head copied: the verifier
 * then looks at the loads that fill it once, not once per size of the room.
 */

px_inline void px_fill_process(struct px_abi_event *e)
{
	u64 id = px_current_id();
	u64 leader = PX_LOAD(u64, px_current(), PX_OFF_task_struct_group_leader);

	e->pid = id >> 32;
	e->tid = (u32)id;
	e->uid = px_current_uid();
	*(u64 *)e->comm = PX_LOAD(u64, leader, PX_OFF_task_struct_comm);
	*(u64 *)(e->comm + 8) = PX_LOAD(u64, leader, PX_OFF_task_struct_comm + 8);
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
	px_meet(s->sk);
}

/*
 * Where both directions of a connection stand, in an event that moves nothing: pos outgoing,
 * peer_pos incoming. Unknown where the kernel side counts itself and has not met the socket.
 */
px_inline void px_fill_place(struct px_abi_event *h, const struct px_sock *s, int typed)
{
	struct px_place place;
	struct px_moved *m;
	u64 ino = s->ino;

	if (s->protocol == PX_TCP) {
		px_place_tcp(&place, s, PX_ABI_OUT, 0, typed);
		h->pos = place.pos;
		h->peer_pos = place.peer_pos;
		h->flags |= place.flags & (PX_ABI_F_SEQ | PX_ABI_F_PEER_POS);
		if (h->kind == PX_ABI_CLOSE && place.is_read)
			h->flags |= PX_ABI_F_FIN;
		return;
	}
	m = moved.lookup(&ino);
	if (!m || m->gen != s->sk)
		return;
	h->pos = m->bytes[PX_ABI_OUT];
	h->peer_pos = m->bytes[PX_ABI_IN];
	h->flags |= PX_ABI_F_PEER_POS;
}

/* Hand over an event that has a head only. */
px_inline void px_push(void *ctx, const struct px_abi_event *h)
{
	u64 room;
	struct px_abi_event *e = px_reserve(0, &room);

	if (!e) {
		px_count_full(h->len);
		return;
	}
	__builtin_memcpy(e, h, PX_HEAD);
	px_submit(ctx, e);
}

#endif
