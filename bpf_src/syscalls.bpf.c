/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Back ends `tracepoint`, `kprobe` and `fentry`: the return of system calls. They differ in where
 * they hang (PX_BACK_END_...) and share everything else.
 */
#include "messages.bpf.h"
#include "call.bpf.h"
#include "fd.bpf.h"
#include "life.bpf.h"
#include "pages.bpf.h"
#include "state.bpf.h"
#include "target.bpf.h"
#include "udp.bpf.h"
#include "unix.bpf.h"

#ifdef PX_BACK_END_FENTRY
/*
 * A trampoline's program belongs to one function, so each call has its own: they are short and
 * share this one.
 */
BPF_PROG_ARRAY(body, 1);
#endif

#if PX_FIRST_PART

px_inline int px_is_reset(s64 ret)
{
	return ret == -PX_ECONNRESET || ret == -PX_EPIPE || ret == -PX_ETIMEDOUT;
}

/* What the call at hand is about. */
struct px_return {
	u64 sk, ino;
	u32 dir, msg_flags;
	int opens;	/* a connection came to be; else it moved bytes, or says why it never will again */
};

/* Find the socket of a call that moves bytes. False where there is nothing to tell. */
px_inline int px_return_data(struct px_return *r, const struct px_abi_call *call, u64 regs, s64 ret)
{
	if (ret < 0 && !px_is_reset(ret))
		return 0;
	r->dir = call->dir & 1;
	if (call->flags_arg)
		r->msg_flags = (u32)px_arg(regs, call->flags_arg);
	if (r->dir == PX_ABI_IN &&
	    (r->msg_flags & (PX_MSG_PEEK | PX_MSG_OOB | PX_MSG_ERRQUEUE)))
		return 0;
	r->sk = px_sock_of_fd(px_arg(regs, call->fd_arg), &r->ino);
	if (!r->sk && call->fd_arg) {	/* splice(from, , to): out of a socket rather than into one */
		r->dir = PX_ABI_IN;
		r->sk = px_sock_of_fd(PX_ARG0(regs), &r->ino);
	}
	return r->sk != 0;
}

/*
 * The same of one that opens a connection. The outcome of connect() on TCP is told by its state
 * (state.bpf.h), whenever it is known.
 */
px_inline int px_return_open(struct px_return *r, const struct px_abi_call *call, u64 regs, s64 ret)
{
	int is_accept = call->what == PX_WHAT_ACCEPT;

	if (is_accept && ret < 0)
		return 0;
	r->opens = 1;
	r->sk = px_sock_of_fd(is_accept ? (u64)ret : PX_ARG0(regs), &r->ino);
	return r->sk != 0;
}

px_inline int px_push_opened(void *ctx, struct px_abi_event *h, const struct px_sock *s, u64 regs,
			     int is_accept)
{
	h->kind = PX_ABI_OPEN;
	h->flags = is_accept ? PX_ABI_F_ACCEPT : 0;
	if (is_accept)
		h->result = 0;
	h->syscall_nr = (u16)PX_CALL_NR(regs);
	px_fill_place(h, s, PX_UNTYPED);
	if (px_ends_wanted(h, s, PX_UNTYPED))
		px_push(ctx, h);
	return 0;
}

px_inline int px_on_return(void *ctx, u64 regs, s64 ret)
{
	u32 nr = PX_CALL_NR(regs);
	struct px_abi_call *call;
	struct px_return r = {};
	struct px_abi_event h;
	struct px_sock s;

	call = calls.lookup(&nr);
	/*
	 * 32-bit programs number their calls otherwise. Whether these moves were of sockets is not
	 * known.
	 */
	if (px_regs_are_foreign(regs) || (call && call->what == PX_WHAT_FOREIGN)) {
		px_count(PX_COUNT_FOREIGN, ret > 0);
		return 0;
	}
	if (!call || call->what == PX_WHAT_NOTHING)
		return 0;
	if (call->what == PX_WHAT_DATA || call->what == PX_WHAT_MESSAGES) {
		if (!px_return_data(&r, call, regs, ret))
			return 0;
	} else if (!px_return_open(&r, call, regs, ret)) {
		return 0;
	}
	if (!px_sock_look(&s, r.sk, r.ino, PX_UNTYPED))
		return 0;
	r.dir = (u32)px_forget(r.dir, s.noise) & 1;	/* here and below: branches meet */
	r.opens = (int)px_forget((u64)r.opens, s.noise);
	if (r.opens) {
		if (call->what != PX_WHAT_ACCEPT && s.family != PX_ABI_AF_UNIX)
			return 0;
	} else if (px_is_datagram(&s)) {
		if (ret < 0)
			return 0;
	} else if (ret == 0 && (r.dir == PX_ABI_OUT || !px_at_end(r.sk, PX_UNTYPED))) {
		return 0;
	} else if (ret > 0 && call->what != PX_WHAT_MESSAGES && px_is_dropped(&s, r.dir, (u64)ret)) {
		return 0;
	}
	ret = (s64)px_forget((u64)ret, s.noise);
	px_fill(&h, &s, PX_ABI_DATA, 0, (s32)ret, PX_UNTYPED);
	px_fill_ends(&h, &s, PX_UNTYPED);
	if (r.opens)
		return px_push_opened(ctx, &h, &s, regs, call->what == PX_WHAT_ACCEPT);
	if (px_is_datagram(&s))
		return px_on_datagram(ctx, &h, r.dir, (u64)ret);
	if (ret < 0) {
		h.kind = PX_ABI_CLOSE;
		h.flags = PX_ABI_F_RESET;
		if (px_ends_wanted(&h, &s, PX_UNTYPED))
			px_push(ctx, &h);
		return 0;
	}
	if (call->what == PX_WHAT_MESSAGES)
		ret = 0;	/* that many messages; their bytes are not counted yet */
	ret = (s64)px_forget((u64)ret, s.noise);
	r.msg_flags = (u32)px_forget(r.msg_flags, s.noise);
	s.protocol = (u16)px_forget(s.protocol, s.noise);
	return px_on_data(ctx, &h, &s, r.dir, (u64)ret, r.msg_flags, regs, PX_UNTYPED);
}

#ifdef PX_BACK_END_TRACEPOINT
/* Raw tracepoint sys_exit (struct pt_regs *regs, long ret): one program for all calls. */
int px_sys_exit(u64 *ctx)
{
	if (!px_is_target(px_current_id() >> 32))
		return 0;
	return px_on_return(ctx, ctx[0], (s64)ctx[1]);
}
#endif

#ifdef PX_BACK_END_KPROBE
/* kretprobe on the wrapper of each call. */
int px_call_kretprobe(struct pt_regs *ctx)
{
	if (!px_is_target(px_current_id() >> 32))
		return 0;
	return px_on_return(ctx, px_current_regs(), (s64)PX_RESULT(px_ptr(ctx)));
}
#endif

#ifdef PX_BACK_END_FENTRY
int px_call_body(u64 *ctx)
{
	return px_on_return(ctx, ctx[0], (s64)ctx[1]);
}

/* fexit of a wrapper: (const struct pt_regs *regs), and the result behind it. */
int px_call_fexit(u64 *ctx)
{
	if (px_is_target(px_current_id() >> 32))
		body.call(ctx, 0);
	return 0;
}
#endif

#endif
