/* SPDX-License-Identifier: Apache-2.0 */
/* Where the part for TLS libraries sees what sockets move, beside the programs of the back end. */
#ifndef PX_TLS_HOOK_BPF_H
#define PX_TLS_HOOK_BPF_H

#include "tail.bpf.h"
#include "tls_bio.bpf.h"

/*
 * Is there something to be learned from this call? c: what the thread is in, or NULL. Not of a
 * socket whose context is known already: user space drops it.
 */
px_inline int px_tls_is_open(const struct px_tls_call *c)
{
	u32 *seeks = px_tls_seeks();

	return c || (seeks && *seeks);
}

px_inline void px_tls_look(void *ctx, struct px_tls_call *c, u64 id, const struct px_sock *s,
			   const struct px_abi_call *call, u64 regs, u64 n, int typed)
{
	u64 ino = s->ino;
	struct px_abi_control *control_word;

	if (c) {
		px_tls_tie(ctx, c, id, s, call, regs, n, typed);
		return;
	}
	control_word = control.lookup(&ino);
	if (control_word && control_word->flags & PX_CTL_DROP && control_word->sock_gen == s->sk)
		return;
	px_tls_compare(ctx, s, call->dir & 1, call->shape, regs, n, typed);
}

#ifdef PX_BACK_END_SOCK

px_inline void px_tls_sock_look(u64 *ctx)
{
	u64 id = bpf_get_current_pid_tgid(), sk = ctx[0], regs;
	const struct px_abi_call *call;
	struct px_tls_call *c;
	int ret = (int)ctx[1];
	struct px_sock s;

	c = tls_calls.lookup(&id);
	if (!px_tls_is_open(c) || (c && c->sk == px_ptr((void *)sk)))
		return;
	regs = px_current_regs();
	if (!px_inside_call(regs))
		return;
	call = px_tls_transfer(regs);
	if (!call || !px_sock_look(&s, sk, 0, PX_TYPED))
		return;
	px_tls_look(ctx, c, id, &s, call, regs, (u64)ret, PX_TYPED);
}

/* (struct sock *sk, int ret, int flags) of px_sock_length(), where a target has moved bytes. */
int px_tls_sock(u64 *ctx)
{
	px_tls_sock_look(ctx);
	turn.call(ctx, PX_ABI_TURN_MOVED + px_patched_dir());
	return 0;
}

#else

/* sys_exit (struct pt_regs *regs, long ret), whatever back end sees the calls. */
int px_tls_sys_exit(u64 *ctx)
{
	u64 id = bpf_get_current_pid_tgid(), regs, sk, ino = 0;
	const struct px_abi_call *call;
	struct px_tls_call *c;
	struct px_sock s;

	if ((s64)ctx[1] <= 0 || !px_tls_has_begun() || !px_is_target(px_current_id() >> 32))
		return 0;
	c = tls_calls.lookup(&id);
	if (!px_tls_is_open(c))
		return 0;
	regs = ctx[0];
	call = px_tls_transfer(regs);
	if (!call)
		return 0;
	sk = px_sock_of_fd(px_arg(regs, call->fd_arg), &ino);
	if (!sk || (c && c->sk == sk) || !px_sock_look(&s, sk, ino, PX_UNTYPED))
		return 0;
	px_tls_look(ctx, c, id, &s, call, regs, ctx[1], PX_UNTYPED);
	return 0;
}

#endif
#endif
