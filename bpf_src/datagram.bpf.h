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

/*
 * The name is the peer's. An IPv6 socket carries IPv4 as well, and h becomes what the datagram is.
 * Where branches meet again their values are forgotten, so that the verifier takes one way on.
 */
px_inline void px_set_peer(struct px_abi_event *h, const struct px_name *name)
{
	u64 noise = h->ts_ns, remote = name->flow, low = 0, family = PX_ABI_AF_INET, scope = 0;

	if (name->family == PX_ABI_AF_INET6) {
		remote = name->addr[0];
		low = name->addr[1];
		family = PX_ABI_AF_INET6;
	}
	remote = px_forget(remote, noise);
	low = px_forget(low, noise);
	family = px_forget(family, noise);
	if (family == PX_ABI_AF_INET6) {
		if (remote == 0 && (u32)low == 0xffff0000) { /* ::ffff:a.b.c.d */
			remote = low >> 32;
			low = 0;
			family = PX_ABI_AF_INET;
		} else if ((remote & 0xc0ff) == 0x80fe) { /* fe80::/10, in network order */
			scope = name->scope;
		}
	}
	h->family = (u8)px_forget(family, noise);
	h->scope_id = (u32)px_forget(scope, noise);
	h->remote_port = __builtin_bswap16(name->port);
	*(u64 *)h->remote_addr = px_forget(remote, noise);
	*(u64 *)(h->remote_addr + 8) = px_forget(low, noise);
	if (h->family == PX_ABI_AF_INET) {
		/* :: or ::ffff:a.b.c.d of an IPv6 socket; what IPv4 has is 0 behind its 4 bytes */
		*(u64 *)h->local_addr |= *(u64 *)(h->local_addr + 8) >> 32;
		*(u64 *)(h->local_addr + 8) = 0;
	}
}

/*
 * The peer as the user's memory names it. The ends of the socket stay where it does not: those of a
 * connected socket are right, others say 0.
 */
px_inline void px_fill_peer(struct px_abi_event *h, u64 at, u32 len)
{
	struct px_name name = {};
	u64 family;

	if (!at || len < 16)
		return;
	if (px_probe_user(&name, len < 28 ? 16 : 28, (void *)at)) {
		px_count_fault();
		return;
	}
	family = px_forget(name.family, h->ts_ns);
	if (family == 0 && h->dir == PX_ABI_OUT) /* sendto() takes it for IPv4 */
		family = PX_ABI_AF_INET;
	name.family = (u16)px_forget(family, h->ts_ns);
	if (name.family == PX_ABI_AF_INET || (name.family == PX_ABI_AF_INET6 && len >= 28))
		px_set_peer(h, &name);
}

/*
 * The peer as the call's arguments name it, if they do. What is received has its name there when
 * the call returns.
 */
px_inline void px_fill_named(struct px_abi_event *h, u32 shape, u32 flags_arg, u64 regs)
{
	struct {
		u64 name;
		u32 len, pad;
	} m = {};

	if (shape == PX_SHAPE_MSG) {
		px_probe_user(&m, sizeof(m), (void *)PX_ARG1(regs));
	} else if (shape == PX_SHAPE_BUF && flags_arg) { /* recvfrom, sendto */
		m.name = PX_ARG4(regs);
		m.len = (u32)PX_ARG5(regs);
		if (m.name && h->dir == PX_ABI_IN)
			px_probe_user(&m.len, sizeof(m.len), (void *)PX_ARG5(regs));
	}
	px_fill_peer(h, m.name, m.len);
}

/* The call's datagram of n bytes: px_datagram() goes on, which is loaded once for all. */
px_inline int px_on_datagram(void *ctx, struct px_abi_event *h, u32 dir, u64 n)
{
	u32 zero = 0;
	struct px_rest *r = rests.lookup(&zero);

	if (!r)
		return 0;
	h->flags = PX_ABI_F_DGRAM;
	h->dir = (u8)dir;
	h->len = (u32)n;
	r->owner = bpf_get_current_pid_tgid();
	__builtin_memcpy(&r->head, h, PX_HEAD);
	turn.call(ctx, PX_ABI_TURN_DATAGRAM);
	return 0;
}

#ifdef PX_DATAGRAM_COPY

/* Where the bytes of r->head are, and how many of them are wanted. */
px_inline void px_datagram_memory(struct px_rest *r, u32 shape, u64 regs)
{
	r->want = px_min(r->head.len, PX_DATAGRAM_COPY);
	if (shape == PX_SHAPE_NONE || shape == PX_SHAPE_PAGES) {
		r->head.flags |= PX_ABI_F_NO_BYTES;
		r->want = r->mem.buf = 0;
		return;
	}
	r->parts = 1;
	r->mem.iov = 0;
	if (shape == PX_SHAPE_BUF) /* MSG_TRUNC tells of more than there was room for */
		r->want = px_min(r->want, PX_ARG2(regs));
	else if (shape == PX_SHAPE_VEC)
		r->parts = PX_ARG2(regs);
	else
		px_probe_user(&r->parts, sizeof(r->parts), (void *)(PX_ARG1(regs) + 24));
	if (!px_memory_of(&r->mem, shape, regs, r->want)) {
		px_count(PX_COUNT_COPY_FAULT, r->want != 0);
		r->want = r->mem.buf = 0;
	}
}

#endif

/*
 * Hand over a message whose head and memory are known. Back end `sock` looks before a datagram that
 * is received has its name in the user's memory: px_peer() looks for the kernel's.
 */
#ifdef PX_BACK_END_SOCK
#define PX_HAS_NAME(dir) ((dir) == PX_ABI_OUT)
#else
#define PX_HAS_NAME(dir) 1
#endif

px_inline int px_datagram_end(void *ctx, struct px_rest *r)
{
	if (!PX_HAS_NAME(r->head.dir) && r->head.flags & PX_ABI_F_DGRAM)
		turn.call(ctx, PX_ABI_TURN_PEER);
	if (px_ends_named(&r->head))
		px_rest_go(ctx, r);
	return 0;
}

#endif
