/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a system call keeps the bytes it moved: from the user's registers to a buffer or an iovec.
 */
#ifndef PX_MEMORY_BPF_H
#define PX_MEMORY_BPF_H

#include "arch.bpf.h"
#include "maps.bpf.h"

#define PX_MSG_OOB 0x1
#define PX_MSG_PEEK 0x2
#define PX_MSG_TRUNC 0x20
#define PX_MSG_ERRQUEUE 0x2000

struct px_iov {
	u64 base, len;
};

#define PX_PAGES (1ull << 63)	/* in the number of parts: they are pages of the kernel, pages.bpf.h */

/* A call's user memory: buf where one piece holds all of it, else parts pieces from iov on. */
struct px_memory {
	u64 buf;
	u64 iov;
	u64 parts;
};

/* struct mmsghdr of the 64-bit system calls. */
struct px_mmsg {
	u64 name;
	u32 name_len, pad;
	u64 iov, parts;
	u64 control, control_len;
	u32 flags, pad2;
	u32 len, pad3;	/* the kernel's answer: bytes that moved */
};

/*
 * False where the registers lead to no memory that could be read. *second: what of the n bytes lies
 * behind those at buf, if that is one more piece; else of no length.
 */
px_inline int px_memory_pair(struct px_memory *m, struct px_iov *second, u32 shape, u64 regs,
			     u64 n)
{
	struct px_iov v[2] = {}, *first = &v[0];

	second->base = second->len = 0;
	if (shape == PX_SHAPE_PAGES) {
		m->parts = PX_PAGES;
		return 1;
	}
	m->parts = 0;
	m->buf = PX_ARG1(regs);
	if (shape == PX_SHAPE_BUF)
		return 1;
	m->iov = m->buf;
	m->parts = PX_ARG2(regs);
	if (shape == PX_SHAPE_MSG) {
		/* struct user_msghdr: name, namelen, iov, iovlen */
		if (px_probe_user(first, sizeof(*first), (void *)(m->buf + 16)))
			return 0;
		m->iov = first->base;
		m->parts = first->len & ~PX_PAGES;	/* the user's word */
	}
	if (px_probe_user(v, m->parts > 1 ? sizeof(v) : sizeof(v[0]), (void *)m->iov))
		return 0;
	m->buf = first->base;
	if (first->len >= n) {
		m->parts = 0;
	} else if (m->parts > 1 && v[1].len >= n - first->len) {
		second->base = v[1].base;
		second->len = n - first->len;
	}
	return 1;
}

px_inline int px_memory_of(struct px_memory *m, u32 shape, u64 regs, u64 n)
{
	struct px_iov second;

	return px_memory_pair(m, &second, shape, regs, n);
}

/* An error of the user's memory: counted, and the bytes announced without being there. */
px_inline void px_count_fault(void)
{
	px_count(PX_COUNT_COPY_FAULT, 1);
}

#endif
