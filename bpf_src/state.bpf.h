/* SPDX-License-Identifier: Apache-2.0 */
/* The life of TCP connections: raw tracepoint inet_sock_set_state (kernel 4.16), used beside every back end. */
#ifndef PX_STATE_BPF_H
#define PX_STATE_BPF_H

#include "emit.bpf.h"
#include "target.bpf.h"

px_inline int px_on_connecting(u64 sk)
{
	struct px_connecting c = {};
	u64 id = bpf_get_current_pid_tgid(), key = px_ptr((void *)sk);
	u64 leader = PX_LOAD(u64, px_current(), PX_OFF_task_struct_group_leader);

	if (!px_is_target(id >> 32))
		return 0;
	/* The flows below an MPTCP connection are grafted onto its struct socket: not theirs to report. */
	if (PX_LOAD(u64, PX_LOAD(u64, sk, PX_OFF_sock_sk_socket), PX_OFF_socket_sk) != sk)
		return 0;
	c.pid = id >> 32;
	c.tid = (u32)id;
	c.uid = (u32)bpf_get_current_uid_gid();
	c.comm[0] = PX_LOAD(u64, leader, PX_OFF_task_struct_comm);
	c.comm[1] = PX_LOAD(u64, leader, PX_OFF_task_struct_comm + 8);
	connecting.update(&key, &c);
	return 0;
}

/* The outcome of a connect, in whatever context it became known. */
px_inline int px_on_connected(u64 sk, int is_up)
{
	u64 key = px_ptr((void *)sk);	/* older verifiers lose the type of a pointer whose address is taken */
	struct px_connecting *c = connecting.lookup(&key);
	struct px_abi_event h;
	struct px_sock s;

	if (!c)
		return 0;
	if (px_sock_look(&s, sk, 0, PX_TYPED)) {
		px_fill(&h, &s, PX_ABI_OPEN, 0, is_up ? 0 : -(s32)PX_LOAD(u32, sk, PX_OFF_sock_sk_err), PX_TYPED);
		h.pid = c->pid;
		h.tid = c->tid;
		h.uid = c->uid;
		*(u64 *)h.comm = c->comm[0];
		*(u64 *)(h.comm + 8) = c->comm[1];
		px_fill_ends(&h, &s, PX_TYPED);
		px_push(&h);
	}
	connecting.delete(&key);
	return 0;
}

/* (struct sock *sk, int oldstate, int newstate) */
int px_sock_state(u64 *ctx)
{
	u64 sk = ctx[0];
	int was = (int)ctx[1], is = (int)ctx[2];
	struct px_abi_event h;
	struct px_sock s;

	if (is == PX_TCP_SYN_SENT)
		return px_on_connecting(sk);
	if (was == PX_TCP_SYN_SENT)
		return px_on_connected(sk, is == PX_TCP_ESTABLISHED);
	/* Closing from above: close() shuts both directions before it changes the state; a reset does so after it. */
	if (was != PX_TCP_ESTABLISHED && was != PX_TCP_CLOSE_WAIT)
		return 0;
	if (is != PX_TCP_FIN_WAIT1 && is != PX_TCP_LAST_ACK && is != PX_TCP_CLOSE)
		return 0;
	if (PX_LOAD(u8, sk, PX_OFF_sock_sk_shutdown) != PX_SHUTDOWN_BOTH)
		return 0;
	if (!px_is_target(bpf_get_current_pid_tgid() >> 32) || !px_sock_look(&s, sk, 0, PX_TYPED))
		return 0;
	px_fill(&h, &s, PX_ABI_CLOSE, is == PX_TCP_CLOSE ? PX_ABI_F_RESET : 0, 0, PX_TYPED);
	px_fill_ends(&h, &s, PX_TYPED);
	px_push(&h);
	return 0;
}

#endif
