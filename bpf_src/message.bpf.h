/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recvmmsg and sendmmsg as back end `sock` sees them: each message by itself, inside the call, and
 * nothing says which one it is. So their number is kept per thread. It begins again when all
 * messages are done, when one failed or went in part, when another call of the thread came between.
 * What can end a call unseen is a timeout. After that it is either the next message or the first
 * one of a new call: the kernel's copy of its iovec, on the stack, tells which. Where even that does
 * not, the bytes are announced and not copied: a guess might show those of another message.
 */
#ifndef PX_MESSAGE_BPF_H
#define PX_MESSAGE_BPF_H

#include "datagram.bpf.h"
#include "stack.bpf.h"

#define PX_MESSAGES_MAX 1024 /* UIO_MAXIOV: of a longer vector the kernel takes this many */
#define PX_MMSG_SIZE sizeof(struct px_mmsg)
#define PX_MMSG_LEN __builtin_offsetof(struct px_mmsg, len)
#define PX_PARTS_SUMMED 64

/* How much is known of the number of the next message. */
#define PX_NUMBER_KNOWN 0
#define PX_NUMBER_NEXT_OR_FIRST 1 /* the call may have ended */
#define PX_NUMBER_LOST 2

#define PX_SPOTS 4
#define PX_FAST_PARTS 8 /* UIO_FASTIOV: iovecs of so many parts are copied to the stack */

/* The call that a thread is in. */
struct px_inside {
	u64 vector;
	u64 sk;
	u32 count;
	u32 next; /* the number of the next message */
	u32 last; /* length of the one before it */
	u16 nr;
	u16 state;
	u32 spots; /* how many of these there are */
	u16 spot[PX_SPOTS];
};
BPF_TABLE("lru_hash", u64, struct px_inside, insides, 4096);

/* Has any thread ever made such a call? Until then nobody has to look. */
px_inline u32 *px_uses_messages(void)
{
	u32 zero = 0;
	struct px_abi_shared *page = shared.lookup(&zero);

	return page ? &page->uses_messages : 0;
}

/* The thread's calls from here on are new ones. */
px_inline void px_forget_messages(void)
{
	u32 *uses = px_uses_messages();
	u64 id = bpf_get_current_pid_tgid();

	if (uses && *uses)
		insides.delete(&id);
}

#if PX_SECOND_PART

/* 1 or 0. */
px_inline u64 px_is_zero(u64 v)
{
	return ~(v | -v) >> 63;
}

/* A message and its first part, which is where the kernel copied it to if there are few parts. */
px_inline int px_message_read(struct px_mmsg *m, struct px_iov *first, u64 vector, u64 number)
{
	return !px_probe_user(m, PX_MMSG_LEN, (void *)(vector + number * PX_MMSG_SIZE)) &&
	       (!m->parts || !px_probe_user(first, sizeof(*first), (void *)m->iov));
}

/*
 * The call may have ended after the message before. If it goes on, its iovec is where the one
 * before it was on the stack, at one of the spots that looked like that. Returns whether it goes
 * on, or -1.
 */
px_inline int px_goes_on(const struct px_inside *in, const struct px_stack *s)
{
	struct px_mmsg m = {};
	struct px_iov first = {};
	u64 found = 0;

	if (!s || !in->spots || in->spots > PX_SPOTS ||
	    !px_message_read(&m, &first, in->vector, in->next) || m.parts - 1 >= PX_FAST_PARTS)
		return -1;
	for (u32 i = 0; i < PX_SPOTS; i++) {
		u64 at = in->spot[i];

		PX_BARRIER(i);
		if (i >= in->spots || at > PX_STACK_WORDS - 2)
			break;
		found |= px_is_zero((s->word[at] ^ first.base) | (s->word[at + 1] ^ first.len));
	}
	return found != 0;
}

/* Remember where on the stack the message's iovec may be. */
px_inline void px_find_spots(struct px_inside *now, struct px_stack *s, const struct px_mmsg *m,
			     const struct px_iov *first)
{
	if (!s || m->parts - 1 >= PX_FAST_PARTS)
		return;
	/* Without a branch, so that the verifier walks one path. */
	for (u32 i = 0; i < PX_STACK_WORDS - 1; i++) {
		s->found[s->count & (PX_STACK_FOUND - 1)] = i;
		s->count += px_is_zero((s->word[i] ^ first->base) | (s->word[i + 1] ^ first->len));
	}
	now->spots = (u32)s->count;
	for (u32 i = 0; i < PX_SPOTS; i++)
		now->spot[i] = (u16)s->found[i];
}

/*
 * What the thread is inside of, after the call with these registers has moved its next message.
 * Returns that message's number; -1 where it is not known.
 */
px_inline int px_message_number(struct px_inside *now, u64 regs, u64 sk, const struct px_stack *s)
{
	u64 id = bpf_get_current_pid_tgid();
	struct px_inside *in = insides.lookup(&id);
	int goes_on;
	u32 len = 0;

	now->vector = PX_ARG1(regs);
	now->sk = sk;
	now->count = (u32)px_min((u32)PX_ARG2(regs), PX_MESSAGES_MAX);
	now->nr = (u16)PX_CALL_NR(regs);
	if (!in || in->vector != now->vector || in->sk != sk || in->count != now->count ||
	    in->nr != now->nr)
		return 0;
	if (in->state == PX_NUMBER_LOST)
		return -1;
	/* By now the kernel has written the length of the message before. */
	px_probe_user(&len, sizeof(len),
		      (void *)(now->vector + (in->next - 1) * PX_MMSG_SIZE + PX_MMSG_LEN));
	if (len != in->last)
		return 0;
	goes_on = in->state == PX_NUMBER_KNOWN ? 1 : px_goes_on(in, s);
	return goes_on > 0 ? (int)in->next : goes_on;
}

/*
 * Has a message of these parts been sent as a whole? The call ends with one that has not. 1 yes, 0
 * no, -1 not known.
 */
px_inline int px_is_whole(u64 iov, u64 parts, u64 len)
{
	u64 sum = 0;

	for (u32 i = 0; i < PX_PARTS_SUMMED; i++) {
		struct px_iov v = {};

		PX_BARRIER(i);
		if (i >= parts)
			return sum <= len;
		px_probe_user(&v, sizeof(v), (void *)(iov + i * sizeof(v)));
		sum += v.len;
		if (v.len > len || sum > len)
			return 0;
	}
	return parts == PX_PARTS_SUMMED ? 1 : -1;
}

/*
 * The message of r->head has moved: find out which one it is, and where its bytes are. An event of
 * kind 0 only counts.
 */
int px_message(void *ctx)
{
	u64 regs = px_current_regs(), id = bpf_get_current_pid_tgid();
	u32 zero = 0, *uses = px_uses_messages();
	struct px_rest *r = rests.lookup(&zero);
	struct px_stack *s = 0;
	struct px_inside now = {};
	struct px_mmsg m = {};
	struct px_iov first = {};
	u64 state = PX_NUMBER_KNOWN;
	int number, whole = 1;

	if (!r || r->owner != id)
		return 0;
	if (uses)
		*uses = 1;
	if (r->head.dir == PX_ABI_IN && PX_ARG4(regs)) { /* a timeout: the call may end unseen */
		state = PX_NUMBER_NEXT_OR_FIRST;
		s = px_stack_take(ctx);
	}
	number = (int)px_forget((u64)px_message_number(&now, regs, r->head.sock_gen, s), id);
	if (number >= 0 && !px_message_read(&m, &first, now.vector, (u64)number)) {
		px_count_fault();
		m.parts = 0;
		r->want = 0;
	}
	if (r->head.dir == PX_ABI_OUT)
		whole = px_is_whole(m.iov, m.parts, r->head.len);
	whole = (int)px_forget((u64)whole, id);
	if (whole < 0)
		state = PX_NUMBER_NEXT_OR_FIRST;
	if (number < 0) {
		state = PX_NUMBER_LOST;
		r->want = 0;
		r->head.flags |= PX_ABI_F_NO_BYTES;
	}
	now.last = r->head.len;
	now.next = (u32)number + 1;
	now.state = (u16)px_forget(state, id);
	px_find_spots(&now, s, &m, &first);
	if (number >= 0 && (now.next >= now.count || !whole))
		insides.delete(&id);
	else
		insides.update(&id, &now);
	if (!r->head.kind)
		return 0;
	r->mem.buf = first.base;
	r->mem.iov = m.iov;
	r->parts = m.parts;
	r->mem.parts = first.len >= r->want ? 0 : m.parts & ~PX_PAGES;
#ifdef PX_DATAGRAM_COPY
	if (r->head.dir == PX_ABI_OUT && r->head.flags & PX_ABI_F_DGRAM)
		px_fill_peer(&r->head, m.name, m.name_len);
#endif
	return px_datagram_end(ctx, r);
}

#endif

/* One message of many: px_message() goes on. */
px_inline int px_message_begin(void *ctx, const struct px_abi_event *h, const struct px_sock *s,
			       u64 regs, u64 want)
{
	u32 zero = 0;
	struct px_rest *r = rests.lookup(&zero);

	(void)s;
	(void)regs;
	if (!r)
		return 0;
	r->owner = bpf_get_current_pid_tgid();
	r->want = px_min(h->len, want);
	__builtin_memcpy(&r->head, h, PX_HEAD);
	turn.call(ctx, PX_ABI_TURN_MESSAGES);
	return 0;
}

#ifdef PX_DATAGRAM_COPY

/* A datagram that may be one of many; h is a px_rest's head already. */
px_inline int px_datagrams_begin(void *ctx, const struct px_abi_event *h, u64 regs)
{
	u32 zero = 0;
	struct px_rest *r = rests.lookup(&zero);

	(void)regs;
	if (!r)
		return 0;
	r->want = px_min(h->len, PX_DATAGRAM_COPY);
	turn.call(ctx, PX_ABI_TURN_MESSAGES);
	return 0;
}

#endif
#endif
