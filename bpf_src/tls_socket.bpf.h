/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which socket a TLS context uses: the one that its library's function reads or writes a record
 * of, on the same thread. A function may use other sockets, too (a callback that asks somebody
 * about a certificate), hence the look at the bytes.
 */
#ifndef PX_TLS_SOCKET_BPF_H
#define PX_TLS_SOCKET_BPF_H

#include "fd.bpf.h"
#include "tls.bpf.h"

/* The type of the record that begins at buf; 0: none does. */
px_inline u32 px_tls_record(u64 buf, u64 n)
{
	u8 h[8] = {};
	u32 len;

	if (n < 5 || px_probe_user(h, 5, (void *)buf))
		return 0;
	len = (u32)h[3] << 8 | h[4];
	if (h[0] < PX_TLS_RECORD_FIRST || h[0] > PX_TLS_RECORD_LAST || h[1] != 3 || h[2] > 4 ||
	    !len || len > PX_TLS_RECORD_MAX)
		return 0;
	return h[0];
}

/* Tell user space, with the id that the context had while no socket was known. */
px_inline void px_tls_tell(void *ctx, const struct px_abi_event *h, u64 context)
{
	struct px_abi_event *e;
	u64 room;

	e = px_reserve(sizeof(struct px_abi_tie), &room);
	if (!e) {
		px_count_full(0);
		return;
	}
	if (room < sizeof(struct px_abi_tie)) {	/* never: it tells the verifier which class this is */
		px_discard(e);
		return;
	}
	__builtin_memcpy(e, h, PX_HEAD);
	e->kind = PX_ABI_TIE;
	e->copied = sizeof(struct px_abi_tie);
	((struct px_abi_tie *)e->data)->untied_id = context | PX_ABI_UNTIED;
	px_submit(ctx, e);
}

/* Thread `id`, inside of c, has moved n > 0 bytes of a socket by the call that regs describe. */
px_inline void px_tls_tie(void *ctx, struct px_tls_call *c, u64 id, const struct px_sock *s, u32 shape,
			  u64 regs, u64 n, int typed)
{
	struct px_tls_key key = {};
	struct px_tls_tie *old, *fresh;
	struct px_memory mem = {};
	struct px_abi_event h;
	u32 type;

	key.tgid = id >> 32;
	key.context = c->context;
	old = tls_ties.lookup(&key);
	if (old && old->head.sock_gen == s->sk && old->head.sock_id == s->ino) {
		c->sk = s->sk;
		return;
	}
	if (shape == PX_SHAPE_NONE || shape == PX_SHAPE_PAGES ||
	    !px_memory_of(&mem, shape, regs, n))
		return;
	type = px_tls_record(mem.buf, n);
	fresh = px_tls_blank();
	if (!type || !fresh)
		return;
	c->sk = s->sk;
	px_fill(&h, s, PX_ABI_DATA, PX_ABI_F_TLS, 0, typed);
	px_fill_ends(&h, s, typed);
	if (px_role(s, typed) == PX_ROLE_SERVER)
		h.flags |= PX_ABI_F_ACCEPT;
	/* What was told while no socket was known is of the same plaintext, so its count goes on. */
	if (old && old->head.sock_id & PX_ABI_UNTIED) {
		fresh->moved[0] = old->moved[0];
		fresh->moved[1] = old->moved[1];
		h.pos = old->moved[PX_ABI_OUT];
		h.peer_pos = old->moved[PX_ABI_IN];
	}
	if (!px_ends_wanted(&h, s, typed))
		h.kind = 0;
	__builtin_memcpy(&fresh->head, &h, PX_HEAD);
	tls_ties.update(&key, fresh);
	if (!h.kind)
		return;
	if (type == PX_TLS_HANDSHAKE)
		h.flags |= PX_ABI_F_START;
	h.syscall_nr = (u16)(c->what >> PX_ABI_TLS_LIB_SHIFT);
	px_tls_tell(ctx, &h, key.context);
}

/* The call by which a thread that is inside a TLS library's function moves bytes; else NULL. */
px_inline const struct px_abi_call *px_tls_transfer(u64 regs)
{
	u32 nr = PX_CALL_NR(regs);
	struct px_abi_call *call = calls.lookup(&nr);

	if (px_regs_are_foreign(regs) || !call || call->what != PX_WHAT_DATA)
		return 0;
	if (call->dir == PX_ABI_IN && call->flags_arg &&
	    px_arg(regs, call->flags_arg) & (PX_MSG_PEEK | PX_MSG_OOB | PX_MSG_ERRQUEUE))
		return 0;
	return call;
}

#ifdef PX_BACK_END_SOCK

/* sock_send_length, sock_recv_length (struct sock *sk, int ret, int flags) */
int px_tls_sock(u64 *ctx)
{
	u64 id = bpf_get_current_pid_tgid(), sk = ctx[0], regs;
	struct px_tls_call *c = tls_calls.lookup(&id);
	const struct px_abi_call *call;
	int ret = (int)ctx[1];
	struct px_sock s;

	if (!c || ret <= 0 || c->sk == px_ptr((void *)sk))
		return 0;
	regs = px_current_regs();
	if (!px_inside_call(regs))
		return 0;
	call = px_tls_transfer(regs);
	if (!call || !px_sock_look(&s, sk, 0, PX_TYPED))
		return 0;
	px_tls_tie(ctx, c, id, &s, call->shape, regs, (u64)ret, PX_TYPED);
	return 0;
}

#else

/* sys_exit (struct pt_regs *regs, long ret), whatever back end sees the calls. */
int px_tls_sys_exit(u64 *ctx)
{
	u64 id = bpf_get_current_pid_tgid(), regs, sk, ino = 0;
	struct px_tls_call *c = tls_calls.lookup(&id);
	const struct px_abi_call *call;
	struct px_sock s;

	if (!c || (s64)ctx[1] <= 0)
		return 0;
	regs = ctx[0];
	call = px_tls_transfer(regs);
	if (!call)
		return 0;
	sk = px_sock_of_fd(px_arg(regs, call->fd_arg), &ino);
	if (!sk || c->sk == sk || !px_sock_look(&s, sk, ino, PX_UNTYPED))
		return 0;
	px_tls_tie(ctx, c, id, &s, call->shape, regs, ctx[1], PX_UNTYPED);
	return 0;
}

#endif
#endif
