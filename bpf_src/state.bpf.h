/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of TCP connections: raw tracepoint inet_sock_set_state (kernel 4.16), used beside every
 * back end.
 */
#ifndef PX_STATE_BPF_H
#define PX_STATE_BPF_H

#include "emit.bpf.h"
#include "ends.bpf.h"
#include "target.bpf.h"

/*
 * Remember whose socket it is. Older verifiers lose the type of a pointer whose address is taken,
 * hence the copy.
 */
px_inline void px_await(u64 sk, u64 ino)
{
	u64 id = px_current_id(), key = px_ptr((void *)sk);
	u64 leader = PX_LOAD(u64, px_current(), PX_OFF_task_struct_group_leader);
	struct px_awaited a = {};

	a.ino = ino;
	a.since_ns = bpf_ktime_get_ns();
	a.pid = id >> 32;
	a.tid = (u32)id;
	a.uid = px_current_uid();
	a.comm[0] = PX_LOAD(u64, leader, PX_OFF_task_struct_comm);
	a.comm[1] = PX_LOAD(u64, leader, PX_OFF_task_struct_comm + 8);
	awaited.update(&key, &a);
}

/* Hand over an opening with how long it took. */
px_inline void px_push_open(void *ctx, const struct px_abi_event *h, u64 since_ns)
{
	struct px_abi_event *e;
	u64 room;

	e = px_reserve(sizeof(struct px_abi_open), &room);
	if (!e) {
		px_count_full(0);
		return;
	}
	if (room < sizeof(struct px_abi_open)) {	/* never: it tells the verifier which class this is */
		px_discard(e);
		return;
	}
	__builtin_memcpy(e, h, PX_HEAD);
	((struct px_abi_open *)e->data)->connect_ns = h->ts_ns - since_ns;
	e->copied = sizeof(struct px_abi_open);
	px_submit(ctx, e);
}

/* What was awaited has come, in whatever context. */
px_inline int px_on_awaited(void *ctx, u64 sk, u8 kind, s32 result)
{
	u64 key = px_ptr((void *)sk);
	struct px_awaited *a = awaited.lookup(&key);
	struct px_abi_event h;
	struct px_sock s;

	if (!a)
		return 0;
	if (px_sock_look(&s, sk, a->ino, PX_TYPED)) {
		px_fill(&h, &s, kind, 0, result, PX_TYPED);
		h.pid = a->pid;
		h.tid = a->tid;
		h.uid = a->uid;
		*(u64 *)h.comm = a->comm[0];
		*(u64 *)(h.comm + 8) = a->comm[1];
		px_fill_ends(&h, &s, PX_TYPED);
		px_fill_place(&h, &s, PX_TYPED);
		if (!px_ends_wanted(&h, &s, PX_TYPED))
			kind = 0;
		if (kind == PX_ABI_OPEN)
			px_push_open(ctx, &h, a->since_ns);
		else if (kind)
			px_push(ctx, &h);
	}
	awaited.delete(&key);
	return 0;
}

px_inline int px_on_connecting(u64 sk)
{
	if (!px_is_target(px_current_id() >> 32))
		return 0;
	/*
	 * The flows below an MPTCP connection are grafted onto its struct socket: not theirs to
	 * report.
	 */
	if (PX_LOAD(u64, PX_LOAD(u64, sk, PX_OFF_sock_sk_socket), PX_OFF_socket_sk) != sk)
		return 0;
	px_await(sk, 0);
	return 0;
}

/*
 * The process ends its direction, or all. close() shuts both directions before it changes the
 * state, a reset does so after it; after shutdown() of one direction the end is awaited. The state
 * is the old one still and our FIN not yet counted, so both directions' places are exact.
 */
px_inline int px_on_closing(void *ctx, u64 sk, int is)
{
	struct px_abi_event h;
	struct px_sock s;
	u32 shut = PX_LOAD(u8, sk, PX_OFF_sock_sk_shutdown);

	if (!px_is_target(px_current_id() >> 32) || !px_sock_look(&s, sk, 0, PX_TYPED))
		return 0;
	px_fill(&h, &s, PX_ABI_CLOSE, is == PX_TCP_CLOSE ? PX_ABI_F_RESET : 0, 0, PX_TYPED);
	px_fill_ends(&h, &s, PX_TYPED);
	if (!px_ends_wanted(&h, &s, PX_TYPED))
		return 0;
	if (shut != PX_SHUTDOWN_BOTH) {
		if (!(shut & PX_SEND_SHUTDOWN) || s.protocol != PX_TCP)
			return 0;
		h.kind = PX_ABI_DATA;
		h.dir = PX_ABI_OUT;
		h.flags = PX_ABI_F_FIN;
		px_await(sk, s.ino);
	}
	px_fill_place(&h, &s, PX_TYPED);
	px_push(ctx, &h);
	return 0;
}

/* (struct sock *sk, int oldstate, int newstate) */
PX_FIRST_PART int px_sock_state(u64 *ctx)
{
	u64 sk = ctx[0];
	int was = (int)ctx[1], is = (int)ctx[2];

	if (is == PX_TCP_SYN_SENT)
		return px_on_connecting(sk);
	if (was == PX_TCP_ESTABLISHED || was == PX_TCP_CLOSE_WAIT) {
		if (is != PX_TCP_FIN_WAIT1 && is != PX_TCP_LAST_ACK && is != PX_TCP_CLOSE)
			return 0;
		return px_on_closing(ctx, sk, is);
	}
	if (was != PX_TCP_SYN_SENT && is != PX_TCP_CLOSE)
		return 0;
	return px_on_awaited(ctx, sk, was == PX_TCP_SYN_SENT ? PX_ABI_OPEN : PX_ABI_CLOSE,
			     was != PX_TCP_SYN_SENT || is == PX_TCP_ESTABLISHED
				     ? 0
				     : -(s32)PX_LOAD(u32, sk, PX_OFF_sock_sk_err));
}

#endif
