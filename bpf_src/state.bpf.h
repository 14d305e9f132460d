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

/* Where it makes both parts equally long. */
#ifdef PX_BACK_END_SOCK
#define PX_STATE_PART PX_FIRST_PART
#else
#define PX_STATE_PART PX_SECOND_PART
#endif

#if PX_STATE_PART

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

/* Hand over an event of a connection; an opening with how long it took. */
px_inline void px_push_state(void *ctx, const struct px_abi_event *h, u64 since_ns)
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
	e->copied = h->kind == PX_ABI_OPEN ? sizeof(struct px_abi_open) : 0;
	px_submit(ctx, e);
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

/* Bytes that have come and wait to be read. */
px_inline u32 px_unread(const struct px_sock *s)
{
	u64 tp = px_ptr(bpf_skc_to_tcp_sock((void *)s->sk));
	u32 n;

	if (!tp)
		return 0;
	n = PX_LOAD(u32, tp, PX_OFF_tcp_sock_rcv_nxt) -
	    PX_LOAD(u32, tp, PX_OFF_tcp_sock_copied_seq);
	/* A FIN counts as one. */
	return n && PX_COMMON(u64, s, skc_flags, PX_TYPED) & PX_SOCK_DONE ? n - 1 : n;
}

/*
 * Tell of a socket: a (unless it is NULL) is who awaited this, in whatever context it has come.
 * Otherwise the process ends its direction, or all, or the other side has reset the connection:
 * then this is whoever the packet interrupted, and user space knows whether the socket is a
 * target's. close() shuts both directions before it changes the state, a reset does so after it;
 * after shutdown() of one direction the end is awaited. The state is the old one still and our FIN
 * not yet counted, so both directions' places are exact. Who has bytes left to read will meet the
 * reset behind them. A few times in a connection's life, so it is read in the way that starts fastest.
 */
px_inline void px_on_state(void *ctx, u64 sk, const struct px_awaited *a, u8 kind, u16 flags,
			   s32 result)
{
	u32 shut = PX_LOAD(u8, sk, PX_OFF_sock_sk_shutdown);
	struct px_abi_event h;
	struct px_sock s;
	u64 since_ns = 0;

	if (!px_sock_look(&s, sk, a ? a->ino : 0, PX_UNTYPED))
		return;
	px_fill(&h, &s, kind, flags, result, PX_UNTYPED);
	px_fill_ends(&h, &s, PX_UNTYPED);
	if (!px_ends_wanted(&h, &s, PX_UNTYPED))
		return;
	if (a) {
		h.pid = a->pid;
		h.tid = a->tid;
		h.uid = a->uid;
		*(u64 *)h.comm = a->comm[0];
		*(u64 *)(h.comm + 8) = a->comm[1];
		since_ns = a->since_ns;
	} else if (flags & PX_ABI_F_RESET && shut != PX_SHUTDOWN_BOTH) {
		if (px_unread(&s))
			return;
		h.pid = 0;
	} else if (shut != PX_SHUTDOWN_BOTH) {
		if (!(shut & PX_SEND_SHUTDOWN) || s.protocol != PX_TCP)
			return;
		h.kind = PX_ABI_DATA;
		h.dir = PX_ABI_OUT;
		h.flags = PX_ABI_F_FIN;
		px_await(sk, s.ino);
	}
	px_fill_place(&h, &s, PX_UNTYPED);
	px_push_state(ctx, &h, since_ns);
}

/* (struct sock *sk, int oldstate, int newstate) */
int px_sock_state(u64 *ctx)
{
	u64 sk = ctx[0], key = px_ptr((void *)sk);
	int was = (int)ctx[1], is = (int)ctx[2];
	struct px_awaited *a = NULL;
	u32 __attribute__((unused)) pid;
	u8 kind = PX_ABI_CLOSE;
	u16 flags = 0;
	s32 result = 0;

	if (is == PX_TCP_SYN_SENT)
		return px_on_connecting(sk);
	if (was == PX_TCP_ESTABLISHED || was == PX_TCP_CLOSE_WAIT) {
		if (is != PX_TCP_FIN_WAIT1 && is != PX_TCP_LAST_ACK && is != PX_TCP_CLOSE)
			return 0;
		if (is == PX_TCP_CLOSE)
			flags = PX_ABI_F_RESET;
		if (!px_is_target(px_current_id() >> 32) &&
		    (!flags || !px_has_met(px_ptr((void *)sk)) ||
		     PX_LOAD(u8, sk, PX_OFF_sock_sk_shutdown) == PX_SHUTDOWN_BOTH))
			return 0;
	} else {
		if (was != PX_TCP_SYN_SENT && is != PX_TCP_CLOSE)
			return 0;
		a = awaited.lookup(&key);
		if (!a)
			return 0;
#ifdef PX_TARGET_LATER
		pid = a->pid;
		if (px_is_out(targets.lookup(&pid))) {
			awaited.delete(&key);
			return 0;
		}
#endif
		if (was == PX_TCP_SYN_SENT) {
			kind = PX_ABI_OPEN;
			if (is != PX_TCP_ESTABLISHED)
				result = -(s32)PX_LOAD(u32, sk, PX_OFF_sock_sk_err);
		}
	}
	px_on_state(ctx, sk, a, kind, flags, result);
	if (a)
		awaited.delete(&key);
	return 0;
}

#endif
#endif
