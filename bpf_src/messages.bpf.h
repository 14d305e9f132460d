/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recvmmsg and sendmmsg where they are seen at their return: a vector of messages, each of pieces
 * of its own. Few programs use them, so all of it stands behind tail calls.
 *
 * A step takes the next message or its next piece, a turn makes PX_STEPS of them, and the kernel
 * allows 33 tail calls in a row: 1,024 messages of one piece, the most that a call can have, are
 * done then.
 */
#ifndef PX_MESSAGES_BPF_H
#define PX_MESSAGES_BPF_H

#include "datagram.bpf.h"

#define PX_STEPS 40
#define PX_BATCH_TURNS 26
#define PX_BATCH_MAX 16128u /* bytes of an event; the verifier wants to see room for twice that */
#define PX_SUM 252 /* messages that lie in that room */

/* Lives for one call, as px_rest does. */
struct px_batch {
	u64 owner;
	u64 at; /* the next struct mmsghdr */
	u64 messages; /* from there on */
	u64 iov, parts; /* of the message under way */
	u64 skip; /* bytes of its first piece that are done */
	u64 left; /* bytes of it that are not done */
	u64 done; /* bytes in the event under way */
	u64 copied; /* bytes of the call that were copied */
	u64 todo; /* streams: bytes of the call that no event has told of */
	u32 turns;
	u32 is_open; /* a message is under way */
	u32 is_dgram;
	u32 at_end; /* the last message found the end of the stream */
	u32 no_bytes; /* nothing is to be copied */
	u32 last_len;
	struct px_abi_event each; /* what the head of every datagram's event has */
	struct px_abi_event head; /* of the event under way; its bytes are behind it */
	char bytes[2 * PX_BATCH_MAX];
};
BPF_PERCPU_ARRAY(batches, struct px_batch, 1);

/*
 * What no event has told of yet is told without its bytes: there are too many pieces, or px_batch()
 * is not loaded yet.
 */
px_inline void px_batch_give_up(void *ctx, struct px_batch *b)
{
	if (b->is_dgram) {
		px_count(PX_COUNT_COPY_FAULT, b->messages + b->is_open);
		return;
	}
	b->head.flags &= ~PX_ABI_F_MORE;
	b->head.len = (u32)b->todo;
	b->head.copied = 0;
	px_count(PX_COUNT_UNCOPIED_BYTES, b->todo);
	px_push(ctx, &b->head);
}

/* The call moved h->result messages. */
px_inline struct px_batch *px_batch_begin(const struct px_abi_event *h, u64 regs, u64 want)
{
	u32 zero = 0;
	struct px_batch *b = batches.lookup(&zero);

	if (!b)
		return 0;
	b->owner = bpf_get_current_pid_tgid();
	b->at = PX_ARG1(regs);
	b->messages = (u32)h->result;
	b->left = b->done = b->copied = b->todo = 0;
	b->turns = b->is_open = b->at_end = 0;
	b->no_bytes = !want;
	b->is_dgram = h->flags & PX_ABI_F_DGRAM;
	__builtin_memcpy(&b->head, h, PX_HEAD);
	return b;
}

/* Of a stream h has the place where the call ended; px_sum() goes back to where it began. */
px_inline int px_message_begin(void *ctx, const struct px_abi_event *h, const struct px_sock *s,
			       u64 regs, u64 want)
{
	struct px_batch *b = px_batch_begin(h, regs, want);

	if (!b)
		return 0;
	if (h->dir == PX_ABI_IN)
		b->at_end = px_at_end(s->sk, PX_UNTYPED);
	turn.call(ctx, PX_ABI_TURN_SUM);
	return 0;
}

#ifdef PX_DATAGRAM_COPY

/* Of datagrams h has what all of them have in common. */
px_inline int px_datagrams_begin(void *ctx, const struct px_abi_event *h, u64 regs)
{
	struct px_batch *b = px_batch_begin(h, regs, 1);

	if (!b)
		return 0;
	b->no_bytes = PX_DATAGRAM_COPY == 0;
	__builtin_memcpy(&b->each, h, PX_HEAD);
	turn.call(ctx, PX_ABI_TURN_BATCH);
	px_batch_give_up(ctx, b);	/* a tail call returns only if it failed */
	return 0;
}

#endif

#if PX_SECOND_PART

/* The bytes of a stream lie one behind the other, and the socket tells only where they end. */
int px_sum(void *ctx)
{
	u32 zero = 0;
	u64 sum = 0, n, ino;
	struct px_batch *b = batches.lookup(&zero);
	struct px_abi_control *c;
	struct px_moved *m;

	if (!b || b->owner != bpf_get_current_pid_tgid())
		return 0;
	/* b->left counts the messages that are added up. */
	n = px_min(b->messages - b->left, PX_SUM);
	PX_BARRIER(n);
	if (n > PX_SUM)
		n = PX_SUM;
	PX_BARRIER(n);
	if (px_probe_user(b->bytes, n * sizeof(struct px_mmsg),
			  (void *)(b->at + b->left * sizeof(struct px_mmsg)))) {
		px_count_fault();
		return 0;
	}
	for (u32 i = 0; i < PX_SUM; i++) {
		PX_BARRIER(i); /* or LLVM counts in a way that older verifiers do not follow */
		if (i >= n)
			break;
		b->last_len = ((struct px_mmsg *)b->bytes)[i].len;
		sum += b->last_len;
	}
	b->todo += sum;
	b->left += n;
	if (n && b->left < b->messages) {
		turn.call(ctx, PX_ABI_TURN_SUM);
		return 0;
	}
	b->left = 0;
	if (b->head.flags & PX_ABI_F_SEQ) {
		b->head.pos -= (u32)b->todo;
	} else {
		ino = b->head.sock_id;
		m = moved.lookup(&ino);
		if (m)
			__sync_fetch_and_add(&m->bytes[b->head.dir & 1], (u32)b->todo);
	}
	b->at_end = b->at_end && b->last_len == 0;
	if (b->todo == 0) {
		if (b->at_end)
			px_push(ctx, &b->head);
		return 0;
	}
	ino = b->head.sock_id;
	c = control.lookup(&ino);
	if (c && c->sock_gen == b->head.sock_gen) {
		if (c->flags & PX_CTL_DROP) {
			__sync_fetch_and_add(&c->dropped[b->head.dir & 1], b->todo);
			return 0;
		}
		if (c->flags & (b->head.dir == PX_ABI_IN ? PX_CTL_SKIP_IN : PX_CTL_SKIP_OUT) &&
		    (s64)(s32)(c->skip_until[b->head.dir & 1] - b->head.pos) >= (s64)b->todo)
			b->no_bytes = 1;
	}
	turn.call(ctx, PX_ABI_TURN_BATCH);
	px_batch_give_up(ctx, b);
	return 0;
}

#endif

#if PX_LATE_PART

/* The next message. False where the user's memory cannot be read. */
px_inline int px_batch_next(struct px_batch *b)
{
	struct px_mmsg m;

	if (px_probe_user(&m, sizeof(m), (void *)b->at))
		return 0;
	b->at += sizeof(m);
	b->messages--;
	b->iov = m.iov;
	b->parts = m.parts;
	b->left = m.len;
	b->skip = 0;
	b->is_open = 1;
#ifdef PX_DATAGRAM_COPY
	if (b->is_dgram) {
		__builtin_memcpy(&b->head, &b->each, PX_HEAD);
		b->copied = 0;
		b->head.len = m.len;
		px_fill_peer(&b->head, m.name, m.name_len);
	}
#endif
	return 1;
}

/* The next piece of the message. */
px_inline void px_batch_part(struct px_batch *b)
{
	u64 done = b->done, skip = b->skip, take;
	struct px_iov v;

	if (px_probe_user(&v, sizeof(v), (void *)b->iov)) {
		px_count_fault();
		b->parts = 0;
		return;
	}
	if (v.len > skip) {
		take = px_forget(px_min(px_min(v.len - skip, b->left), PX_BATCH_MAX - done),
				 b->owner);
		if (take > PX_BATCH_MAX || done > PX_BATCH_MAX)
			return;
		if (px_probe_user(b->bytes + done, take, (void *)(v.base + skip))) {
			px_count_fault();
			b->parts = 0;
			return;
		}
		b->done = done + take;
		b->left -= take;
		skip += take;
	}
	b->skip = skip;
	if (skip >= v.len) {
		b->skip = 0;
		b->iov += sizeof(v);
		b->parts--;
	}
}

/*
 * Hand over what has been gathered: a datagram, or len bytes of a stream, of which b->done are
 * there.
 */
px_inline void px_batch_emit(void *ctx, struct px_batch *b, u64 len)
{
	u64 done = b->done;

	b->done = 0;
	b->copied += done;
	b->head.len = (u32)len;
	b->head.copied = (u32)done;
	if (!b->is_dgram) {
		b->todo -= len;
		b->head.flags =
			b->todo ? b->head.flags | PX_ABI_F_MORE : b->head.flags & ~PX_ABI_F_MORE;
	}
	px_count(PX_COUNT_UNCOPIED_BYTES, len - done);
	PX_BARRIER(done);
	if (done > PX_BATCH_MAX)
		done = PX_BATCH_MAX;
	PX_BARRIER(done);
	px_output(ctx, &b->head, done);
	if (b->is_dgram)
		return;
	b->head.pos += (u32)len;
	b->head.flags &= ~(PX_ABI_F_START | PX_ABI_F_NEWPOS);
}

px_inline void px_batch_step(void *ctx, struct px_batch *b)
{
	u64 len = b->head.len;
	int is_over;

	if (b->left && b->parts && !b->no_bytes && b->done < PX_BATCH_MAX &&
	    b->copied < PX_COPY_MAX)
		px_batch_part(b);
	else
		b->parts = 0;
	is_over = (int)px_forget(!b->left || !b->parts, b->owner);
	if (is_over)
		b->is_open = 0;
	if (!b->is_dgram) {
		len = b->done;
		if (is_over) /* what was not copied of the message comes behind what was */
			len += b->left;
		if (!len ||
		    (len == b->done && !(is_over && !b->messages) && b->done < PX_BATCH_MAX / 2))
			return;
	} else if (!is_over || !px_ends_named(&b->head)) {
		return;
	}
	px_batch_emit(ctx, b, px_forget(len, b->owner));
}

int px_batch(void *ctx)
{
	u32 zero = 0;
	struct px_batch *b = batches.lookup(&zero);

	if (!b || b->owner != bpf_get_current_pid_tgid())
		return 0;
	for (int i = 0; i < PX_STEPS; i++) {
		if (!b->is_open) {
			if (!b->messages)
				break;
			if (!px_batch_next(b)) {
				px_count_fault();
				b->turns = PX_BATCH_TURNS;
				break;
			}
		}
		px_batch_step(ctx, b);
	}
	if (!b->is_open && !b->messages) {
		b->head.len = b->head.copied = 0;
		if (b->at_end && !b->is_dgram && !(b->head.flags & PX_ABI_F_FIN))
			px_push(ctx, &b->head);
		return 0;
	}
	if (++b->turns < PX_BATCH_TURNS)
		turn.call(ctx, PX_ABI_TURN_BATCH);
	px_batch_give_up(ctx, b);	/* too many pieces */
	return 0;
}

#endif

/* The calls of a thread are all told when they return: nothing to keep in mind. */
px_inline void px_forget_messages(void)
{
}

#endif
