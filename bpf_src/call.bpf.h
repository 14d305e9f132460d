/* SPDX-License-Identifier: Apache-2.0 */
/* The one handler of calls that move bytes: (socket, direction, result, registers) becomes an event. */
#ifndef PX_CALL_BPF_H
#define PX_CALL_BPF_H

#include "arch.bpf.h"
#include "emit.bpf.h"

#define PX_MSG_OOB 0x1
#define PX_MSG_PEEK 0x2
#define PX_MSG_TRUNC 0x20
#define PX_MSG_ERRQUEUE 0x2000

#define PX_PARTS 16	/* parts of an iovec that one event gathers */

/* Where a call keeps its bytes. Calls differ in this only; a new call is a row in px_shape_of(). */
enum px_shape {
	PX_SHAPE_NONE,	/* no user buffer: sendfile, splice, io_uring */
	PX_SHAPE_BUF,	/* (fd, buf, len) */
	PX_SHAPE_VEC,	/* (fd, iov, n) */
	PX_SHAPE_MSG,	/* (fd, msghdr) */
};

px_inline enum px_shape px_shape_of(u32 nr, u32 dir)
{
	if (dir == PX_ABI_IN) {
		if (nr == PX_NR_read || nr == PX_NR_recvfrom)
			return PX_SHAPE_BUF;
		if (nr == PX_NR_recvmsg)
			return PX_SHAPE_MSG;
		if (nr == PX_NR_readv || nr == PX_NR_preadv2)
			return PX_SHAPE_VEC;
		return PX_SHAPE_NONE;
	}
	if (nr == PX_NR_write || nr == PX_NR_sendto)
		return PX_SHAPE_BUF;
	if (nr == PX_NR_sendmsg)
		return PX_SHAPE_MSG;
	if (nr == PX_NR_writev || nr == PX_NR_pwritev2)
		return PX_SHAPE_VEC;
	return PX_SHAPE_NONE;
}

/* The flags argument of the calls that have one. */
px_inline u32 px_msg_flags(u32 nr, u64 regs)
{
	if (nr == PX_NR_recvfrom || nr == PX_NR_sendto)
		return (u32)PX_ARG3(regs);
	if (nr == PX_NR_recvmsg || nr == PX_NR_sendmsg)
		return (u32)PX_ARG2(regs);
	return 0;
}

struct px_iov {
	u64 base, len;
};

/* A call's user memory: buf where one piece holds all of it, else parts pieces from iov on. */
struct px_memory {
	u64 buf;
	u64 iov;
	u64 parts;
};

/* False where the registers lead to no memory that could be read. */
px_inline int px_memory_of(struct px_memory *m, enum px_shape shape, u64 regs, u64 n)
{
	struct px_iov first;

	m->parts = 0;
	m->buf = PX_ARG1(regs);
	if (shape == PX_SHAPE_BUF)
		return 1;
	m->iov = m->buf;
	m->parts = PX_ARG2(regs);
	if (shape == PX_SHAPE_MSG) {
		/* struct user_msghdr: name, namelen, iov, iovlen */
		if (bpf_probe_read_user(&first, sizeof(first), (void *)(m->buf + 16)))
			return 0;
		m->iov = first.base;
		m->parts = first.len;
	}
	if (bpf_probe_read_user(&first, sizeof(first), (void *)m->iov))
		return 0;
	m->buf = first.base;
	if (first.len >= n)
		m->parts = 0;
	return 1;
}

/* The verifier has to see the bound on the value that it checks: LLVM 14 likes to compare a copy of it. */
#define PX_BARRIER(v) asm volatile("" : "+r"(v))

px_inline u64 px_min(u64 a, u64 b)
{
	return a < b ? a : b;
}

/*
 * Gather at most n bytes from the parts of an iovec. The verifier adds the largest offset to the largest length, so
 * the room of an event that gathers is twice what it may hold.
 */
px_inline u64 px_gather(struct px_abi_event *e, const struct px_memory *m, u64 n, u64 half)
{
	u64 done = 0;

	for (int i = 0; i < PX_PARTS; i++) {
		struct px_iov v;
		u64 left, take;

		if ((u64)i >= m->parts || done >= n)
			break;
		if (bpf_probe_read_user(&v, sizeof(v), (void *)(m->iov + (u64)i * sizeof(v)))) {
			px_count(PX_COUNT_COPY_FAULT, 1);
			break;
		}
		left = n - done;
		take = px_min(v.len, left);
		PX_BARRIER(take);
		PX_BARRIER(done);
		if (take > half || done > half)
			break;
		if (bpf_probe_read_user(e->data + done, take, (void *)v.base)) {
			px_count(PX_COUNT_COPY_FAULT, 1);
			break;
		}
		done += take;
	}
	return done;
}

/*
 * A call moved n > 0 bytes, or an IN call with n 0 found the end of the stream.
 *
 * regs   the user's registers, 0 where they do not describe this call
 * typed  constant: how s->sk may be read
 */
px_inline int px_on_data(void *ctx, const struct px_sock *s, u32 dir, u64 n, u32 msg_flags, u64 regs, int typed)
{
	u32 nr = regs ? PX_CALL_NR(regs) : 0xffff;
	enum px_shape shape = regs ? px_shape_of(nr, dir) : PX_SHAPE_NONE;
	struct px_memory mem = {};
	struct px_place place;
	struct px_abi_event *e;
	u64 want = px_min(n, PX_COPY_MAX), room, copied = 0;

	if (regs && dir == PX_ABI_OUT && (px_msg_flags(nr, regs) & PX_MSG_OOB))
		return 0;
	if (s->protocol == PX_TCP)
		px_place_tcp(&place, s, dir, n, typed);
	else
		px_place_counted(&place, s, dir, n);
	if (shape == PX_SHAPE_NONE && n)
		place.flags |= PX_ABI_F_NO_BYTES;
	if (shape == PX_SHAPE_NONE || (msg_flags & PX_MSG_TRUNC))
		want = 0;
	if (want && !px_memory_of(&mem, shape, regs, n)) {
		px_count(PX_COUNT_COPY_FAULT, 1);
		want = 0;
	}
	e = px_reserve(mem.parts ? 2 * want : want, &room);
	if (!e) {
		px_count_full(n);
		return 0;
	}
	e->ts_ns = bpf_ktime_get_ns();
	if (want) {
		u64 half = room / 2;

		if (mem.parts) {
			copied = px_gather(e, &mem, want, half);
		} else {
			PX_BARRIER(want);
			if (want > room)
				want = room;
			PX_BARRIER(want);
			if (bpf_probe_read_user(e->data, want, (void *)mem.buf))
				px_count(PX_COUNT_COPY_FAULT, 1);
			else
				copied = want;
		}
	}
	if (copied < n)
		px_count(PX_COUNT_UNCOPIED_BYTES, n - copied);
	e->pos = place.pos;
	e->peer_pos = place.peer_pos;
	e->len = (u32)n;
	e->copied = (u32)copied;
	e->result = (s32)n;
	e->kind = PX_ABI_DATA;
	e->dir = (u8)dir;
	e->flags = place.flags;
	e->syscall_nr = (u16)nr;
	px_fill_process(e);
	px_fill_sock(e, s, typed);
	px_submit(e);
	return 0;
}

#endif
