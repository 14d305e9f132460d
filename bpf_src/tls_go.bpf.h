/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Go's crypto/tls: probes at the entry of functions of *tls.Conn and at each of their return
 * instructions. A goroutine may return on another thread than it was called on, so calls are known by
 * their goroutine, which the program has in a register of its own, in system calls, too.
 */
#ifndef PX_TLS_GO_BPF_H
#define PX_TLS_GO_BPF_H

#include "tls_push.bpf.h"
#include "tls_socket.bpf.h"

/* The front of runtime.g. The stack is moved when it grows, so that only distances from its top last. */
struct px_go_stack {
	u64 low, high;
};

/* The function of a *tls.Conn that a goroutine is in; of those that call one another the outermost. */
struct px_go_call {
	struct px_tls_call call;	/* sp: how deep below the top of the stack */
	u64 len;
	u64 begin_ns;
	u64 counted;	/* the bytes to go out are counted as moved by the socket with this number; 0: not yet */
	u32 pos, peer_pos;	/* then: where they belong */
	u64 is_on_stack;	/* buf is as sp is */
};
BPF_TABLE("lru_hash", struct px_tls_key, struct px_go_call, go_calls, PX_GO_CALLS_MAX);

/* A tie whose context has begun another handshake: the next record shows whether its socket is the same. */
#define PX_GO_OLD 1

/* A goroutine of this process, by the register that has it. */
px_inline void px_go_key(struct px_tls_key *key, u64 regs)
{
	key->tgid = bpf_get_current_pid_tgid() >> 32;
	key->context = PX_GO_G(regs);
}

/*
 * What a call is about to send is counted before it returns: the answer may come, and be read by
 * another goroutine, before that.
 */
px_inline void px_go_count(struct px_go_call *c, struct px_tls_tie *tie)
{
	if (!(c->call.what & PX_ABI_TLS_OUT) || tie->head.sock_id & PX_ABI_UNTIED)
		return;
	c->counted = tie->head.sock_id;
	c->pos = tie->moved[PX_ABI_OUT];
	c->peer_pos = tie->moved[PX_ABI_IN];
	__sync_fetch_and_add(&tie->moved[PX_ABI_OUT], (u32)c->len);
}

/* A function that finds its stack too small has it replaced by a larger one, and begins again. */
px_inline int px_go_is_again(const struct px_go_call *was, const struct px_go_call *is)
{
	return was->call.sp == is->call.sp && was->call.context == is->call.context &&
	       was->call.what == is->call.what && was->call.buf == is->call.buf && was->len == is->len;
}

/*
 * (*Conn).Read(b []byte), Write(b []byte), clientHandshake(ctx), serverHandshake(ctx): receiver and
 * arguments in registers since Go 1.17.
 */
int px_go_enter(struct pt_regs *ctx)
{
	u64 regs = px_ptr(ctx);
	struct px_tls_key g = {}, key = {};
	struct px_go_stack stack = {};
	struct px_go_call *outer, c = {};
	struct px_tls_tie *tie;

	if (!px_is_target(px_current_id() >> 32))
		return 0;
	px_go_key(&g, regs);
	if (px_probe_user(&stack, sizeof(stack), (void *)g.context))
		return 0;
	c.call.sp = stack.high - PX_FN_SP(regs);
	c.call.what = px_attach_cookie(ctx);
	c.call.context = PX_GO_ARG(regs, 0);
	c.len = PX_GO_ARG(regs, 2);
	key.tgid = g.tgid;
	key.context = c.call.context;
	tie = tls_ties.lookup(&key);
	if (tie && c.call.what & PX_ABI_TLS_SILENT)
		tie->head.result = PX_GO_OLD;
	outer = go_calls.lookup(&g);
	if (outer && c.call.sp > outer->call.sp)
		return 0;
	c.call.buf = PX_GO_ARG(regs, 1);
	c.begin_ns = bpf_ktime_get_ns();
	if (c.call.buf >= stack.low && c.call.buf < stack.high) {
		c.call.buf = stack.high - c.call.buf;
		c.is_on_stack = 1;
	}
	if (outer && px_go_is_again(outer, &c))
		return 0;
	if (tie)
		px_go_count(&c, tie);
	go_calls.update(&g, &c);
	px_tls_note_begin();
	return 0;
}

/* Bytes that did not go out after all are none of the stream. */
px_inline void px_go_uncount(const struct px_go_call *c, struct px_tls_tie *tie, s64 n)
{
	if (c->counted == tie->head.sock_id && n < (s64)c->len)
		__sync_fetch_and_add(&tie->moved[PX_ABI_OUT], (u32)n - (u32)c->len);
}

/* Where a function keeps its arguments while it calls others: behind its return address, in their order. */
struct px_go_home {
	u64 context, buf, len;
};

/*
 * A goroutine returns from a call that was under way when the probes came, most often a server's, that
 * waited for the next request. False: it is not known what it was called with.
 */
px_inline int px_go_recall(struct px_go_call *c, u64 regs, u64 what)
{
	struct px_go_home home = {};

	if (!(what & PX_ABI_TLS_KEEPS_ARGS) || !px_is_target(px_current_id() >> 32) ||
	    px_probe_user(&home, sizeof(home), (void *)(PX_FN_SP(regs) + PX_GO_HOME)))
		return 0;
	c->call.what = what;
	c->call.context = home.context;
	c->call.buf = home.buf;
	c->len = home.len;
	return 1;
}

/* One of their return instructions: (n int, err error) is in registers, too. */
int px_go_return(struct pt_regs *ctx)
{
	u64 regs = px_ptr(ctx), depth;
	struct px_tls_key g = {}, key = {};
	struct px_tls_moved moved = {};
	struct px_go_stack stack = {};
	struct px_go_call *at, c = {};
	struct px_tls_tie *tie;
	u32 dir;
	s64 n;

	px_go_key(&g, regs);
	at = go_calls.lookup(&g);
	if (at) {
		c = *at;
		if (px_probe_user(&stack, sizeof(stack), (void *)g.context))
			return 0;
		depth = stack.high - PX_FN_SP(regs);
		if (depth > c.call.sp)
			return 0;	/* one that it has called */
		go_calls.delete(&g);
		if (depth != c.call.sp || c.call.what & PX_ABI_TLS_SILENT)
			return 0;
	} else if (!px_go_recall(&c, regs, px_attach_cookie(ctx))) {
		return 0;
	}
	n = (s64)PX_GO_ARG(regs, 0);
	dir = c.call.what & PX_ABI_TLS_OUT ? PX_ABI_OUT : PX_ABI_IN;
	key.tgid = g.tgid;
	key.context = c.call.context;
	tie = tls_ties.lookup(&key);
	if (tie && tie->head.result == PX_GO_OLD)
		tie = 0;	/* of a connection that had this address before */
	if (tie && dir == PX_ABI_OUT)
		px_go_uncount(&c, tie, n > 0 ? n : 0);
	if (n <= 0 || n > 0x7fffffff || n > (s64)c.len)
		return 0;
	if (!tie && px_tls_meet(&key, 0))
		tie = tls_ties.lookup(&key);
	if (!tie || !tie->head.kind)
		return 0;
	if (c.counted && c.counted == tie->head.sock_id) {
		moved.pos = c.pos;
		moved.peer_pos = c.peer_pos;
	} else {
		moved.pos = tie->moved[dir];
		moved.peer_pos = tie->moved[!dir];
		__sync_fetch_and_add(&tie->moved[dir], (u32)n);
	}
	moved.ts_ns = bpf_ktime_get_ns();
	/* The answer has been read meanwhile, so this went out before; more is not known. */
	if (dir == PX_ABI_OUT && tie->read_ns > c.begin_ns)
		moved.ts_ns = c.begin_ns;
	else if (dir == PX_ABI_IN)
		tie->read_ns = moved.ts_ns;
	moved.what = c.call.what;
	moved.buf = c.is_on_stack ? stack.high - c.call.buf : c.call.buf;
	moved.len = (u32)n;
	px_tls_push(ctx, &tie->head, &moved);
	return 0;
}

/* A goroutine that is in such a function has moved n bytes of a socket. */
px_inline void px_go_tie(void *ctx, struct px_go_call *c, const struct px_sock *s,
			 const struct px_abi_call *call, u64 regs, u64 n, int typed)
{
	u64 id = bpf_get_current_pid_tgid();
	struct px_tls_key key = {};
	struct px_tls_tie *tie;

	px_tls_tie(ctx, &c->call, id, s, call, regs, n, typed);
	key.tgid = id >> 32;
	key.context = c->call.context;
	tie = tls_ties.lookup(&key);
	if (!tie || tie->head.sock_gen != s->sk || tie->head.sock_id != s->ino)
		return;
	tie->head.result = 0;
	if (c->counted != s->ino)
		px_go_count(c, tie);
}

#ifdef PX_BACK_END_SOCK

/* sock_send_length, sock_recv_length (struct sock *sk, int ret, int flags) */
int px_go_sock(u64 *ctx)
{
	u64 sk = ctx[0], regs;
	const struct px_abi_call *call;
	int ret = (int)ctx[1];
	struct px_tls_key g = {};
	struct px_go_call *c;
	struct px_sock s;

	if (ret <= 0 || !px_tls_has_begun() || !px_is_target(px_current_id() >> 32))
		return 0;
	regs = px_current_regs();
	px_go_key(&g, regs);
	c = go_calls.lookup(&g);
	if (!c || c->call.sk == px_ptr((void *)sk) || !px_inside_call(regs))
		return 0;
	call = px_tls_transfer(regs);
	if (!call || !px_sock_look(&s, sk, 0, PX_TYPED))
		return 0;
	px_go_tie(ctx, c, &s, call, regs, (u64)ret, PX_TYPED);
	return 0;
}

#else

/* sys_exit (struct pt_regs *regs, long ret), whatever back end sees the calls. */
int px_go_sys_exit(u64 *ctx)
{
	u64 regs = ctx[0], sk, ino = 0;
	const struct px_abi_call *call;
	struct px_tls_key g = {};
	struct px_go_call *c;
	struct px_sock s;

	if ((s64)ctx[1] <= 0 || !px_tls_has_begun() || !px_is_target(px_current_id() >> 32))
		return 0;
	px_go_key(&g, regs);
	c = go_calls.lookup(&g);
	if (!c)
		return 0;
	call = px_tls_transfer(regs);
	if (!call)
		return 0;
	sk = px_sock_of_fd(px_arg(regs, call->fd_arg), &ino);
	if (!sk || c->call.sk == sk || !px_sock_look(&s, sk, ino, PX_UNTYPED))
		return 0;
	px_go_tie(ctx, c, &s, call, regs, ctx[1], PX_UNTYPED);
	return 0;
}

#endif
#endif
