/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Back end `sock`: the raw tracepoints sock_send_length and sock_recv_length (kernel 6.3, commit
 * 6e6eda44b939) hand over struct sock and the length of every socket call. Nothing but socket calls
 * pays for it.
 */
#include "peer.bpf.h"
#include "call.bpf.h"
#include "fd.bpf.h"
#include "life.bpf.h"
#include "pages.bpf.h"
#include "target.bpf.h"
#include "state.bpf.h"
#include "udp.bpf.h"
#include "unix.bpf.h"

#if PX_FIRST_PART

/* The number of the call if it is one of many messages, else 0. */
px_inline u32 px_messages_nr(u64 regs)
{
	u32 nr = PX_CALL_NR(regs);
	struct px_abi_call *call = calls.lookup(&nr);

	return call && call->what == PX_WHAT_MESSAGES ? nr : 0;
}

/* A message of no bytes: of recvmmsg and sendmmsg it counts as one, of other calls it is nothing. */
px_inline void px_on_empty(void *ctx, u64 sk)
{
	u64 regs = px_current_regs();
	u32 zero = 0;
	struct px_rest *r = rests.lookup(&zero);

	if (!r || px_regs_are_foreign(regs) || !px_inside_call(regs) || !px_messages_nr(regs))
		return;
	r->owner = bpf_get_current_pid_tgid();
	r->head.kind = 0;
	r->head.dir = (u8)px_patched_dir();
	r->head.len = 0;
	r->head.sock_gen = sk;
	r->want = 0;
	turn.call(ctx, PX_ABI_TURN_MESSAGES);
}

/*
 * (struct sock *sk, int ret, int flags). Compiled once and loaded twice, as what it leads to: half of
 * the time to start is compiling. A hook costs everybody on the host, so there is one for all who want
 * to know.
 */
int px_sock_length(u64 *ctx)
{
	u32 dir = px_patched_dir();

	if (!px_is_target(px_current_id() >> 32))
		return 0;
	if ((int)ctx[1] > 0 && px_tls_has_begun())
		turn.call(ctx, PX_ABI_TURN_TLS + dir);
	turn.call(ctx, PX_ABI_TURN_MOVED + dir);
	return 0;
}

/* The same of a target. */
int px_sock_moved(u64 *ctx)
{
	u32 dir = px_patched_dir();
	u64 sk = ctx[0], regs;
	int ret = (int)ctx[1];
	u32 msg_flags = (u32)ctx[2];
	struct px_abi_event h;
	struct px_sock s;

	if (ret < 0 && ret != -PX_ECONNRESET && ret != -PX_EPIPE && ret != -PX_ETIMEDOUT) {
		px_forget_messages();
		return 0;
	}
	if (dir == PX_ABI_IN && (msg_flags & (PX_MSG_PEEK | PX_MSG_OOB | PX_MSG_ERRQUEUE)))
		return 0;
	if (!px_sock_look(&s, sk, 0, PX_TYPED))
		return 0;
	if (px_is_datagram(&s)) {
		if (ret < 0)
			return 0;
	} else if (ret == 0 && (dir == PX_ABI_OUT || !px_at_end(sk, PX_TYPED))) {
		px_on_empty(ctx, sk);
		return 0;
	}
	if (ret > 0 && px_is_dropped(&s, dir, (u64)(u32)ret)) {
		px_forget_messages();
		return 0;
	}
	px_fill(&h, &s, PX_ABI_DATA, 0, ret, PX_TYPED);
	px_fill_ends(&h, &s, PX_TYPED);
	if (px_is_datagram(&s))
		return px_on_datagram(ctx, &h, dir, (u64)(u32)ret);
	if (ret < 0) {
		px_forget_messages();
		h.kind = PX_ABI_CLOSE;
		h.flags = PX_ABI_F_RESET;
		if (px_ends_wanted(&h, &s, PX_TYPED))
			px_push(ctx, &h);
		return 0;
	}
	regs = px_call_regs(ctx);
	return px_on_data(ctx, &h, &s, dir, (u64)(u32)ret, msg_flags, regs, PX_TYPED);
}

#endif

#if PX_LATE_PART

/*
 * Raw tracepoint sys_exit (struct pt_regs *regs, long ret), while a target splices: what leaves a
 * socket for a pipe passes no sock_recv_length. Its bytes are counted; they are the pipe's by now.
 */
int px_spliced(u64 *ctx)
{
	u64 regs = ctx[0], ino;
	s64 ret = (s64)ctx[1];
	u32 nr = PX_CALL_NR(regs);
	struct px_place place;
	struct px_abi_call *call;
	struct px_abi_event h;
	struct px_sock s;

	if (ret < 0 || !px_is_target(px_current_id() >> 32) || px_regs_are_foreign(regs))
		return 0;
	call = calls.lookup(&nr);
	if (!call || call->shape != PX_SHAPE_PAGES || !call->fd_arg)
		return 0;
	s.sk = px_sock_of_fd(PX_ARG0(regs), &ino);
	if (!s.sk || !px_sock_look(&s, s.sk, ino, PX_UNTYPED) || px_is_datagram(&s))
		return 0;
	if (ret == 0 ? !px_at_end(s.sk, PX_UNTYPED) : px_is_dropped(&s, PX_ABI_IN, (u64)ret))
		return 0;
	px_fill(&h, &s, PX_ABI_DATA, 0, (s32)ret, PX_UNTYPED);
	px_fill_ends(&h, &s, PX_UNTYPED);
	if (!px_ends_wanted(&h, &s, PX_UNTYPED))
		return 0;
	if (s.protocol == PX_TCP)
		px_place_tcp(&place, &s, PX_ABI_IN, (u32)ret, PX_UNTYPED);
	else
		px_place_counted(&place, &s, PX_ABI_IN, (u32)ret, PX_UNTYPED);
	h.pos = place.pos;
	h.peer_pos = place.peer_pos;
	h.len = (u32)ret;
	h.dir = PX_ABI_IN;
	h.flags = place.flags | (ret ? PX_ABI_F_NO_BYTES : 0);
	h.syscall_nr = (u16)nr;
	if (place.is_new)
		px_push_names(ctx, &h, s.sk);
	px_count(PX_COUNT_UNCOPIED_BYTES, (u64)ret);
	px_push(ctx, &h);
	return 0;
}

#endif
