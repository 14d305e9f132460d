/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who sent the datagram that has just been received, where back end `sock` sees it: the kernel
 * gives the name to the user's memory only after that, but by then has it in a struct msghdr of its
 * own, on the stack of this call. What is taken for that struct has to fit in every field; where
 * nothing does, or two do that disagree, the peer stays unknown.
 */
#ifndef PX_PEER_BPF_H
#define PX_PEER_BPF_H

#include "message.bpf.h"

#if defined(PX_DATAGRAM_COPY) && PX_SECOND_PART

#define PX_ITER_UBUF 0 /* enum iter_type since kernel 6.4 */
#define PX_SOCKADDR_ROOM 128 /* struct sockaddr_storage */
#define PX_NAME_ROOM sizeof(struct px_name)

/* struct msghdr, as far as it is looked at, in words. */
enum {
	PX_HEADER_NAME,
	PX_HEADER_NAME_LEN,
	PX_HEADER_ITER_TYPE,
	PX_HEADER_ITER_OFFSET,
	PX_HEADER_ITER_BASE,
	PX_HEADER_ITER_COUNT,
	PX_HEADER_ITER_PARTS,
	PX_HEADER_WORDS,
};

/* Is this an iov_iter after r's bytes went to the user's memory? */
px_inline int px_iter_fits(const struct px_stack *s, const struct px_rest *r, const u64 *w)
{
	u64 parts = w[PX_HEADER_ITER_PARTS], done = w[PX_HEADER_ITER_OFFSET], at;
	struct px_iov v = {};

	/* A buffer in one piece is the user's own, and filled as far as bytes came. */
	if ((w[PX_HEADER_ITER_TYPE] & 0xff) == PX_ITER_UBUF)
		return r->parts == 1 && parts == 1 && done == r->head.len &&
		       w[PX_HEADER_ITER_BASE] == r->mem.buf;
	if (r->parts == 1 || parts > r->parts || done > r->head.len)
		return 0;
	if (!parts || r->parts > PX_FAST_PARTS)
		return 1;
	/* The part that it has come to is in the kernel's copy of the iovec as in the user's. */
	at = w[PX_HEADER_ITER_BASE] - s->base;
	PX_BARRIER(at);
	if (at > sizeof(s->word) - sizeof(v))
		return 0;
	at &= ~7ull;
	px_probe_user(&v, sizeof(v), (void *)(r->mem.iov + (r->parts - parts) * sizeof(v)));
	return *(const u64 *)((const char *)s->word + at) == v.base &&
	       *(const u64 *)((const char *)s->word + at + 8) == v.len;
}

/* The place of the name, in bytes from the first word on, if the struct at word i has one. */
px_inline int px_header_name(const struct px_stack *s, const struct px_rest *r, u64 i, u64 *at)
{
	const u64 *w;
	u32 len;

	if (i > PX_STACK_WORDS - PX_HEADER_WORDS || s->base + i * 8 < s->floor)
		return 0;
	w = s->word + i;
	len = (u32)w[PX_HEADER_NAME_LEN];
	*at = w[PX_HEADER_NAME] - s->base;
	PX_BARRIER(*at);
	if (*at > sizeof(s->word) - PX_NAME_ROOM)
		return 0;
	*at &= ~7ull;
	if (*(const u16 *)((const char *)s->word + *at) !=
	    (len == 16 ? PX_ABI_AF_INET : PX_ABI_AF_INET6))
		return 0;
	return !r->mem.buf || px_iter_fits(s, r, w);
}

/*
 * What an earlier call left lies above the frames of this one, where the random space is, or inside
 * of them where an array was not filled. Is the header whose name is at `at` such a leftover, or does
 * it say the same as the lowest one? Of recvfrom() there is one such array: the name's own.
 */
px_inline int px_is_old(const struct px_stack *s, const struct px_rest *r, u64 at, u64 lowest,
			u64 lowest_name)
{
	const u64 *a, *b;

	if (!r->mem.iov && lowest - at >= PX_SOCKADDR_ROOM)
		return 1;
	PX_BARRIER(at);
	PX_BARRIER(lowest_name);
	if (at > sizeof(s->word) - PX_NAME_ROOM || lowest_name > sizeof(s->word) - PX_NAME_ROOM)
		return 0;
	a = (const u64 *)((const char *)s->word + (at & ~7ull));
	b = (const u64 *)((const char *)s->word + (lowest_name & ~7ull));
	return a[0] == b[0] && a[1] == b[1] && (a[0] & 0xffff) == PX_ABI_AF_INET;
}

/* The peer of r->head's datagram, if one can be found. */
px_inline void px_find_peer(struct px_rest *r, struct px_stack *s)
{
	struct px_name name = {};
	u64 at, known, lowest = 0;

	/*
	 * First what can be seen at once: a length of 16 or 28 behind a pointer into the stack.
	 * Without a branch, so that the verifier walks one path.
	 */
	for (u32 i = 0; i <= PX_STACK_WORDS - PX_HEADER_WORDS; i++) {
		s->found[s->count & (PX_STACK_FOUND - 1)] = i;
		s->count += px_is_zero((((u32)s->word[i + PX_HEADER_NAME_LEN] - 16) & ~12u) |
				       (s->word[i] - s->base) >> 12);
	}
	known = px_forget(0, r->owner);
	for (u32 k = 0; k < PX_STACK_FOUND; k++) {
		PX_BARRIER(k);
		if (k >= s->count)
			break;
		if (!px_header_name(s, r, s->found[k], &at))
			continue;
		if (!known) {
			lowest = px_forget(s->found[k] * 8, r->owner);
			known = px_forget(at + 1, r->owner);
		} else if (!px_is_old(s, r, at, lowest, known - 1)) {
			return;
		}
	}
	at = known - 1;
	PX_BARRIER(at);
	if (!known || at > sizeof(s->word) - PX_NAME_ROOM)
		return;
	__builtin_memcpy(&name, (const char *)s->word + (at & ~7ull), sizeof(name));
	px_set_peer(&r->head, &name);
}

int px_peer(void *ctx)
{
	u32 zero = 0;
	struct px_rest *r = rests.lookup(&zero);
	struct px_stack *s;

	if (!r || r->owner != bpf_get_current_pid_tgid())
		return 0;
	s = px_stack_take(ctx);
	if (s)
		px_find_peer(r, s);
	if (px_ends_named(&r->head))
		px_rest_go(ctx, r);
	return 0;
}

#endif
#endif
