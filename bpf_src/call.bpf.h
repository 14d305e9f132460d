/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one handler of calls that move bytes: (socket, direction, result, registers) becomes an
 * event.
 */
#ifndef PX_CALL_BPF_H
#define PX_CALL_BPF_H

#include "bytes.bpf.h"
#include "ends.bpf.h"
#include "names.bpf.h"
#include "rest.bpf.h"

/* Results after which a connection moves nothing more. */
#define PX_EPIPE 32
#define PX_ECONNRESET 104
#define PX_ETIMEDOUT 110

#define PX_TAIL 256
#define PX_CONTROL_FROM 4096	/* calls up to this size are not worth a look into the control map */
#define PX_CROWDED_MAX 2048	/* bytes of a large call that are copied while the ring is nearly full */

/* With MSG_TRUNC, TCP takes bytes and copies none; UNIX sockets copy them all the same. */
px_inline int px_is_thrown_away(const struct px_sock *s, u32 msg_flags)
{
	return msg_flags & PX_MSG_TRUNC && s->family != PX_ABI_AF_UNIX;
}

/*
 * User space wants nothing of this socket, not even to hear of its calls. The n bytes that one has
 * moved are counted.
 */
px_inline int px_is_dropped(const struct px_sock *s, u32 dir, u64 n)
{
	u32 zero = 0;
	u64 ino = s->ino;
	struct px_abi_shared *page = shared.lookup(&zero);
	struct px_abi_control *c;

	if (!page || !page->dropped)
		return 0;
	c = control.lookup(&ino);
	if (!c || !(c->flags & PX_CTL_DROP) || c->sock_gen != s->sk)
		return 0;
	__sync_fetch_and_add(&c->dropped[dir & 1], n);
	return 1;
}

/*
 * What user space wants of a large call: *want bytes to copy, after *skip bytes that are only
 * announced, and the last *tail bytes: the end of a message that turns out to be framed some other
 * way than those before it, or has another one behind it.
 */
px_inline void px_wanted(const struct px_sock *s, u32 dir, u32 pos, u64 n, u64 *want, u64 *skip,
			u64 *tail)
{
	u64 ino = s->ino;
	struct px_abi_control *c = control.lookup(&ino);
	s32 ahead;

	/*
	 * The middle of large calls is the first to go: bodies of known length stay framed without
	 * it, and many more calls have room for their lengths and their heads.
	 */
	if (*want > PX_CROWDED_MAX + PX_TAIL && px_is_crowded()) {
		*want = PX_CROWDED_MAX;
		*tail = PX_TAIL;
	}
	*want = px_forget(*want, s->noise);
	*tail = px_forget(*tail, s->noise);
	if (!c || c->sock_gen != s->sk)
		return;
	if (c->flags & (dir == PX_ABI_IN ? PX_CTL_SKIP_IN : PX_CTL_SKIP_OUT)) {
		ahead = (s32)(c->skip_until[dir] - pos);
		if (ahead > 0) {
			if ((u64)ahead >= n) {
				*want = *tail = 0;
				return;
			}
			*skip = (u64)ahead;
			*want = px_min(*want, n - *skip);
		}
	}
	if (c->flags & PX_CTL_COPY_MAX && *want > c->copy_max[dir] + PX_TAIL) {
		*want = c->copy_max[dir];
		*tail = PX_TAIL;
	}
}

/*
 * A call moved n > 0 bytes, or an IN call with n 0 found the end of the stream.
 *
 * h      filled by px_fill() as a DATA event, and px_fill_ends()
 * regs   the user's registers, 0 where they do not describe this call
 * typed  constant: how s->sk may be read
 */
px_inline int px_on_data(void *ctx, struct px_abi_event *h, const struct px_sock *s, u32 dir, u64 n,
			 u32 msg_flags, u64 regs, int typed)
{
	u64 want = 0, skip = 0, tail = 0;
	struct px_memory mem = {};
	struct px_iov second = {};
	struct px_abi_call *call;
	struct px_place place;
	u32 nr = 0xffff, shape = PX_SHAPE_NONE, is_message = 0;

	if (s->protocol == PX_TCP)
		px_place_tcp(&place, s, dir, n, typed);
	else
		px_place_counted(&place, s, dir, n, typed);
	h->pos = (u32)px_forget(place.pos, s->noise);
	h->peer_pos = (u32)px_forget(place.peer_pos, s->noise);
	h->len = (u32)n;
	h->dir = (u8)dir;
	if (!px_ends_wanted(h, s, typed))
		return 0;
	if (regs) {
		nr = PX_CALL_NR(regs);
		call = calls.lookup(&nr);
		if (call && call->what == PX_WHAT_DATA && call->dir == dir) {
			shape = call->shape;
			if (call->flags_arg)
				msg_flags = (u32)px_arg(regs, call->flags_arg);
		} else if (call && call->what == PX_WHAT_MESSAGES && call->dir == dir) {
			shape = PX_SHAPE_MSG;
			is_message = 1;
			msg_flags = (u32)px_arg(regs, call->flags_arg);
		} else if (call && call->what == PX_WHAT_FOREIGN) {
			px_count(PX_COUNT_FOREIGN, 1);
		}
	}
	if (msg_flags & PX_MSG_OOB) {	/* urgent is the last byte of what is sent */
		if (dir == PX_ABI_IN || is_message)
			return 0;
		if (s->protocol == PX_TCP)
			place.flags |= PX_ABI_F_URGENT;
		else
			px_place_uncount(s, dir);
		n--;
		h->len = (u32)n;
	}
	if ((shape == PX_SHAPE_NONE || shape == PX_SHAPE_PAGES) && n)
		place.flags |= PX_ABI_F_NO_BYTES;	/* of pages until they have been found */
	if (shape != PX_SHAPE_NONE && !px_is_thrown_away(s, msg_flags)) {
		want = px_min(n, PX_COPY_MAX);
		if (n > PX_TURNS * PX_GATHER_MAX)	/* turns may not be enough */
			tail = PX_TAIL;
	}
	n = px_forget(n, s->noise);
	if (want > PX_CONTROL_FROM)
		px_wanted(s, dir, place.pos, n, &want, &skip, &tail);
	if (is_message)	/* all of it: too rare to be spared */
		want = px_is_thrown_away(s, msg_flags) ? 0 : PX_COPY_MAX;
	/* All branches meet here. */
	h->flags = (u16)px_forget(place.flags, s->noise);
	h->syscall_nr = (u16)px_forget(nr, s->noise);
	shape = (u32)px_forget(shape, s->noise);
	n = px_forget(n, s->noise);
	skip = px_forget(skip, s->noise);
	tail = px_forget(tail, s->noise);
	want = px_min(px_forget(want, s->noise), PX_COPY_MAX);
	if (place.is_new)
		px_push_names(ctx, h, s->sk);
	if (px_forget(is_message, s->noise))
		return px_message_begin(ctx, h, s, regs, want);
	px_forget_messages();
	if (want && regs && !px_memory_pair(&mem, &second, shape, regs, n)) {
		px_count_fault();
		want = tail = 0;
	}
	if (want == n && px_is_pair(n, second.len)) {
		want = n - second.len;
		mem.parts = 0;
	} else {
		second.len = 0;
	}
	/* And here. */
	mem.buf = px_forget(mem.buf, s->noise);
	mem.iov = px_forget(mem.iov, s->noise);
	mem.parts = px_forget(mem.parts, s->noise);
	second.base = px_forget(second.base, s->noise);
	second.len = px_forget(second.len, s->noise);
	tail = px_forget(tail, s->noise);
	want = px_min(px_forget(want, s->noise), PX_COPY_MAX);
	if (mem.parts || want > PX_EVENT_MAX || skip || tail)
		return px_rest_begin(ctx, h, &mem, want, skip, tail);
	px_push_bytes(ctx, h, mem.buf, want, second.base, second.len);
	return 0;
}

#endif
