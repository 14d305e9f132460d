/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UDP: each datagram is an event with its own peer. The socket knows the peer if it is connected,
 * the call's arguments name it otherwise. Rarer than streams, so all of it stands behind a tail
 * call.
 */
#ifndef PX_DATAGRAM_BPF_H
#define PX_DATAGRAM_BPF_H

#include "ends.bpf.h"
#include "rest.bpf.h"

/* struct sockaddr_in6; struct sockaddr_in has its address where flow is. */
struct px_name {
	u16 family, port;
	u32 flow;
	u64 addr[2];
	u32 scope, pad;
};

/* What the socket of h is, if the name says IPv4: an IPv6 socket carries that as well. */
px_inline void px_set_peer(struct px_abi_event *h, const struct px_name *name)
{
	u64 remote = name->flow, low = 0;
	u32 family = PX_ABI_AF_INET, scope = 0;

	if (name->family == PX_ABI_AF_INET6) {
		remote = name->addr[0];
		low = name->addr[1];
		family = PX_ABI_AF_INET6;
		if (remote == 0 && (u32)low == 0xffff0000) { /* ::ffff:a.b.c.d */
			remote = low >> 32;
			low = 0;
			family = PX_ABI_AF_INET;
		} else if ((remote & 0xc0ff) == 0x80fe) { /* fe80::/10, in network order */
			scope = name->scope;
		}
	}
	if (family == PX_ABI_AF_INET && h->family == PX_ABI_AF_INET6) {
		/* :: or ::ffff:a.b.c.d */
		*(u64 *)h->local_addr = *(u64 *)(h->local_addr + 8) >> 32;
		*(u64 *)(h->local_addr + 8) = 0;
	}
	h->family = (u8)family;
	h->scope_id = scope;
	h->remote_port = __builtin_bswap16(name->port);
	*(u64 *)h->remote_addr = remote;
	*(u64 *)(h->remote_addr + 8) = low;
}

/*
 * The peer as the user's memory names it. The ends of the socket stay where it does not: those of a
 * connected socket are right, others say 0.
 */
px_inline void px_fill_peer(struct px_abi_event *h, u64 at, u32 len)
{
	struct px_name name = {};

	if (!at || len < 16)
		return;
	if (px_probe_user(&name, len < 28 ? 16 : 28, (void *)at)) {
		px_count_fault();
		return;
	}
	if (name.family == PX_ABI_AF_INET || (name.family == PX_ABI_AF_INET6 && len >= 28) ||
	    (name.family == 0 && h->dir == PX_ABI_OUT && h->family == PX_ABI_AF_INET))
		px_set_peer(h, &name);
}

/*
 * Where the call's arguments name a peer: *at 0 where they do not. What is received has its name
 * there when the call returns.
 */
px_inline u32 px_name_of(u64 *at, u32 shape, u32 flags_arg, u32 dir, u64 regs)
{
	struct {
		u64 name;
		u32 len, pad;
	} m = {};

	if (shape == PX_SHAPE_MSG) {
		px_probe_user(&m, sizeof(m), (void *)PX_ARG1(regs));
	} else if (shape == PX_SHAPE_BUF && flags_arg) { /* recvfrom, sendto */
		m.name = PX_ARG4(regs);
		if (dir == PX_ABI_OUT)
			m.len = (u32)PX_ARG5(regs);
		else if (m.name)
			px_probe_user(&m.len, sizeof(m.len), (void *)PX_ARG5(regs));
	}
	*at = m.name;
	return m.len;
}

/* Hand over the datagram of r->head, whose peer is known by now, or will not be. */
px_inline int px_datagram_go(void *ctx, struct px_rest *r)
{
	if (px_ends_named(&r->head))
		px_rest_go(ctx, r);
	return 0;
}

/*
 * Set r up for the datagram that h tells of: where its bytes are, and how many of them are wanted.
 */
px_inline void px_datagram_set(struct px_rest *r, const struct px_abi_event *h, u32 shape, u64 regs)
{
	r->owner = bpf_get_current_pid_tgid();
	r->want = px_min(h->len, PX_DATAGRAM_COPY);
	__builtin_memcpy(&r->head, h, PX_HEAD);
	if (shape == PX_SHAPE_NONE || shape == PX_SHAPE_PAGES) {
		r->head.flags |= PX_ABI_F_NO_BYTES;
		r->want = r->mem.buf = 0;
		return;
	}
	r->parts = 1;
	if (shape == PX_SHAPE_BUF)	/* MSG_TRUNC tells of more than there was room for */
		r->want = px_min(r->want, PX_ARG2(regs));
	if (shape == PX_SHAPE_VEC)
		r->parts = PX_ARG2(regs);
	else if (shape == PX_SHAPE_MSG)
		px_probe_user(&r->parts, sizeof(r->parts), (void *)(PX_ARG1(regs) + 24));
	if (!px_memory_of(&r->mem, shape, regs, r->want)) {
		px_count(PX_COUNT_COPY_FAULT, r->want != 0);
		r->want = r->mem.buf = 0;
	}
}

#endif
