/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --port, --host and --role: which connections of a target are wanted. Nothing of it is compiled in
 * unless asked for.
 */
#ifndef PX_ENDS_BPF_H
#define PX_ENDS_BPF_H

#include "conn.bpf.h"

/* Addresses as they lie in memory, in network order. */
px_inline int px_in_net4(const struct px_abi_event *h, u32 addr, u32 mask)
{
	return h->family == PX_ABI_AF_INET &&
	       ((*(u32 *)h->local_addr & mask) == addr || (*(u32 *)h->remote_addr & mask) == addr);
}

px_inline int px_in_net6_one(const u8 *have, u64 high, u64 high_mask, u64 low, u64 low_mask)
{
	return (*(u64 *)have & high_mask) == high && (*(u64 *)(have + 8) & low_mask) == low;
}

px_inline int px_in_net6(const struct px_abi_event *h, u64 high, u64 high_mask, u64 low,
			 u64 low_mask)
{
	return h->family == PX_ABI_AF_INET6 &&
	       (px_in_net6_one(h->local_addr, high, high_mask, low, low_mask) ||
		px_in_net6_one(h->remote_addr, high, high_mask, low, low_mask));
}

#define PX_ROLE_CLIENT 1	/* as enum px_role, src/base/dir.h */
#define PX_ROLE_SERVER 2

/*
 * An accepted socket is a copy of its listener, backlog included. Of UNIX sockets the one that has
 * a name and whose peer has none was accepted; where that does not tell, and of datagrams, the role
 * is 0.
 */
px_inline int px_role(const struct px_sock *s, int typed)
{
	u64 peer;
	int is_named, is_peer_named;

	if (s->protocol == PX_TCP || s->protocol == PX_MPTCP)
		return px_get32(s->sk, PX_OFF_sock_sk_max_ack_backlog, typed) ? PX_ROLE_SERVER
									      : PX_ROLE_CLIENT;
	if (s->family != PX_ABI_AF_UNIX || s->type != PX_STREAM)
		return 0;
	peer = px_read64(s->sk, PX_OFF_unix_sock_peer);
	is_named = px_read64(s->sk, PX_OFF_unix_sock_addr) != 0;
	is_peer_named = peer && px_read64(peer, PX_OFF_unix_sock_addr) != 0;
	if (is_named == is_peer_named)
		return 0;
	return is_named ? PX_ROLE_SERVER : PX_ROLE_CLIENT;
}

/* --port and --host; h has its ends already. */
px_inline int px_ends_named(const struct px_abi_event *h)
{
#ifdef PX_PORT_TEST
	if (!PX_PORT_TEST(h->local_port) && !PX_PORT_TEST(h->remote_port))
		return 0;
#endif
#ifdef PX_HOST_TEST
	if (!(PX_HOST_TEST))
		return 0;
#endif
	return 1;
}

/* All three. */
px_inline int px_ends_wanted(const struct px_abi_event *h, const struct px_sock *s, int typed)
{
	if (!px_ends_named(h))
		return 0;
#ifdef PX_ROLE_WANTED
	int role = px_role(s, typed);

	if (role && role != PX_ROLE_WANTED)
		return 0;
#endif
	return 1;
}

#endif
