/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that do not fit one event or lie in pieces: an event per turn, a tail call to the next
 * turn. So the programs that every call passes stay short, and an iovec of 1024 parts needs no loop
 * that the verifier would have to walk.
 */
#ifndef PX_REST_BPF_H
#define PX_REST_BPF_H

#include "memory.bpf.h"
#include "emit.bpf.h"
#include "tail.bpf.h"

#define PX_PARTS 36		/* parts of an iovec that one event gathers: with all turns more than UIO_MAXIOV */
#define PX_TURNS 30		/* the kernel allows 33 tail calls in a row, and up to three have led here */
#define PX_GATHER_MAX (PX_EVENT_MAX / 2)
#define PX_SMALL_MAX 2048	/* pieces up to this size are gathered first: their event is as small as they are */

struct px_rest {
	u64 owner;		/* the thread that it belongs to */
	struct px_memory mem;	/* what is left of it; parts 0: one piece at buf */
	u64 parts;		/* datagrams: how many there were to begin with */
	u64 skip;		/* bytes before the next ones to copy, from mem on */
	u64 left;		/* bytes of the call that no event has announced yet */
	u64 want;		/* bytes still to be copied, at most left */
	u64 done;		/* bytes in the event under way */
	u64 tail;		/* bytes at the end of the call to be copied, too, where the middle is not */
	u32 turns;
	u32 mask;		/* of the indexes in a pipe, pages.bpf.h */
	struct px_abi_event head;	/* of the next event */
	char small[2 * PX_SMALL_MAX];
};

/* Lives for one call, between programs that run one after the other on a CPU. */
BPF_PERCPU_ARRAY(rests, struct px_rest, 1);

/* Announce what is left without bytes. */
px_inline void px_rest_give_up(void *ctx, struct px_rest *r)
{
	r->head.len = (u32)r->left;
	r->head.copied = 0;
	px_count(PX_COUNT_UNCOPIED_BYTES, r->left);
	px_push(ctx, &r->head);
}

/* n bytes are told. Only the first event of a call can be the first of its connection. */
px_inline void px_rest_pass(struct px_rest *r, u64 n)
{
	r->head.pos += (u32)n;
	r->head.flags &= ~(PX_ABI_F_START | PX_ABI_F_NEWPOS);
	r->left -= n;
}

/* Hand over what r->head tells of, with r->want bytes of the memory r->mem. */
px_inline void px_rest_go(void *ctx, struct px_rest *r)
{
	r->left = r->head.len;
	r->skip = 0;
	r->tail = 0;
	r->turns = 0;
	if (r->want)
		turn.call(ctx, PX_ABI_TURN_REST);
	px_rest_give_up(ctx, r);	/* a tail call returns only if it failed */
}

/*
 * The call described by h has want bytes to copy, after skip bytes that are announced only, and
 * tail bytes at its end.
 */
px_inline int px_rest_begin(void *ctx, struct px_abi_event *h, const struct px_memory *mem,
			    u64 want, u64 skip, u64 tail)
{
	u32 zero = 0;
	struct px_rest *r = rests.lookup(&zero);

	if (!r)
		return 0;
	r->owner = bpf_get_current_pid_tgid();
	r->mem = *mem;
	r->left = h->len;
	r->want = want;
	r->skip = skip;
	r->tail = tail;
	r->turns = 0;
	__builtin_memcpy(&r->head, h, PX_HEAD);
	if (skip) {
		r->head.len = (u32)skip;
		r->head.flags |= PX_ABI_F_MORE;
		px_count(PX_COUNT_UNCOPIED_BYTES, skip);
		px_push(ctx, &r->head);
		r->head.flags &= ~PX_ABI_F_MORE;
		px_rest_pass(r, skip);
	}
	turn.call(ctx, PX_ABI_TURN_REST);
	px_rest_give_up(ctx, r);	/* a tail call returns only if it failed */
	return 0;
}

/* The call whose turn it is. */
px_inline struct px_rest *px_rest_here(void)
{
	u32 zero = 0;
	struct px_rest *r = rests.lookup(&zero);

	return r && r->owner == bpf_get_current_pid_tgid() ? r : NULL;
}

/*
 * The turn ends with r->done bytes in e, for which there was no room if it is NULL; pieces: there
 * were several to take them from. True if another one has to follow.
 */
px_inline int px_turn_over(void *ctx, struct px_rest *r, struct px_abi_event *e, int is_readable,
			   u64 pieces)
{
	u64 done = r->done, copied = done;

	if (!e) {
		px_count_full(r->left);
		return 0;
	}
	if (!is_readable)
		px_count_fault();
	r->want -= done;
	r->turns++;
	if (is_readable && r->tail && r->left - done > r->tail &&
	    (r->want == 0 || (r->turns == PX_TURNS - 1 && r->left - done > PX_EVENT_MAX))) {
		/* This event stands for the middle, too; the next one for the tail. */
		r->skip += r->left - done - r->tail;
		px_count(PX_COUNT_UNCOPIED_BYTES, r->left - done - r->tail);
		done = r->left - r->tail;
		r->want = r->tail;
		r->tail = 0;
	}
	/* The last event stands for all that is left, copied or not. A datagram has one only. */
	if (r->want == 0 || !is_readable || (pieces && r->mem.parts == 0) ||
	    r->turns == PX_TURNS || r->head.flags & PX_ABI_F_DGRAM) {
		r->head.len = (u32)r->left;
		r->head.flags &= ~PX_ABI_F_MORE;
		px_count(PX_COUNT_UNCOPIED_BYTES, r->left - done);
		r->left = 0;
	} else {
		r->head.len = (u32)done;
		r->head.flags |= PX_ABI_F_MORE;
	}
	r->head.copied = (u32)copied;
	__builtin_memcpy(e, &r->head, PX_HEAD);
	if (r->left == 0) {
		px_submit(ctx, e);
		return 0;
	}
	if (done == 0) {	/* only empty parts so far */
		px_discard(e);
	} else {
		px_submit(ctx, e);
		px_rest_pass(r, done);
	}
	return 1;
}

#if PX_SECOND_PART

/*
 * Gather parts at to, at most n <= max bytes, and move r on. Returns false when the user's memory
 * cannot be read.
 *
 * The verifier adds the largest offset to the largest length, so the room at to is 2 * max. What
 * changes from part to part is kept in the map: the verifier does not remember values there, so
 * every round looks like the one before it and is checked once.
 */
px_inline int px_gather(char *to, struct px_rest *r, u64 n, u64 max)
{
	struct px_iov v;

	for (int i = 0; i < PX_PARTS; i++) {
		u64 done = r->done, skip = r->skip, take;

		if (r->mem.parts == 0 || done >= n)
			return 1;
		if (px_probe_user(&v, sizeof(v), (void *)r->mem.iov))
			return 0;
		if (v.len > skip) {
			take = px_forget(px_min(v.len - skip, n - done), r->owner);
			if (take > max || done > max)
				return 1;
			if (px_probe_user(to + done, take, (void *)(v.base + skip)))
				return 0;
			r->done = done + take;
			skip += take;
			if (v.len > skip) {	/* n is reached */
				r->skip = skip;
				return 1;
			}
		}
		r->skip = skip - v.len;
		r->mem.iov += sizeof(v);
		r->mem.parts--;
	}
	return 1;
}

/*
 * The next n bytes as an event with payload and no head; r->done says how many it has, *is_readable
 * whether that is all. NULL: there was no room.
 */
px_inline struct px_abi_event *px_take_small(struct px_rest *r, u64 n, int *is_readable)
{
	struct px_abi_event *e;
	u64 room, done;

	*is_readable = px_gather(r->small, r, n, PX_SMALL_MAX);
	done = r->done;
	e = px_reserve(done, &room);
	if (!e)
		return e;
	PX_BARRIER(done);
	if (done > PX_SMALL_MAX)
		done = PX_SMALL_MAX;
	if (done > room)
		done = room;
	PX_BARRIER(done);
	px_probe_kernel(e->data, (u32)done, r->small);
	return e;
}

px_inline struct px_abi_event *px_take_pieces(struct px_rest *r, u64 n, int *is_readable)
{
	struct px_abi_event *e = px_reserve_max();

	if (e)
		*is_readable = px_gather(e->data, r, n, PX_GATHER_MAX);
	return e;
}

px_inline struct px_abi_event *px_take_piece(struct px_rest *r, u64 n, int *is_readable)
{
	u64 room;
	struct px_abi_event *e = px_reserve(n, &room);

	if (!e)
		return e;
	PX_BARRIER(n);
	if (n > room)
		n = room;
	PX_BARRIER(n);
	*is_readable = !px_probe_user(e->data, n, (void *)(r->mem.buf + r->skip));
	if (*is_readable) {
		r->done = n;
		r->skip += n;
	}
	return e;
}

px_inline struct px_abi_event *px_take(struct px_rest *r, u64 pieces, int *is_readable)
{
	if (!pieces)
		return px_take_piece(r, px_min(r->want, PX_EVENT_MAX), is_readable);
	if (r->want <= PX_SMALL_MAX)
		return px_take_small(r, r->want, is_readable);
	return px_take_pieces(r, px_min(r->want, PX_GATHER_MAX), is_readable);
}

/* One turn: the next event of the call. */
int px_turn(void *ctx)
{
	struct px_rest *r = px_rest_here();
	struct px_abi_event *e;
	u64 pieces;
	int is_readable = 0;

	if (!r)
		return 0;
	pieces = r->mem.parts;
	r->done = 0;
	if (pieces & PX_PAGES) {
		turn.call(ctx, PX_ABI_TURN_PAGES);
	} else {
		e = px_take(r, pieces, &is_readable);
		if (!px_turn_over(ctx, r, e, is_readable, pieces))
			return 0;
		turn.call(ctx, PX_ABI_TURN_REST);
	}
	px_rest_give_up(ctx, r);
	return 0;
}

#endif
#endif
