/* SPDX-License-Identifier: Apache-2.0 */
/* The paths of a UNIX socket and its peer: sent once, when the kernel side meets the socket. */
#ifndef PX_NAMES_BPF_H
#define PX_NAMES_BPF_H

#include "emit.bpf.h"

/*
 * sun_path of the address of a unix_sock; returns its length, 0 where it has none. Reads 108 bytes
 * at most.
 */
px_inline u16 px_unix_path(char *out, u64 unix_sock)
{
	u64 addr = px_read64(unix_sock, PX_OFF_unix_sock_addr), n;

	if (!addr)
		return 0;
	n = px_read32(addr, PX_OFF_unix_address_len);
	if (n <= 2)
		return 0;
	n -= 2;	/* the length counts sun_family */
	PX_BARRIER(n);
	if (n > 108)
		n = 108;
	PX_BARRIER(n);
	px_probe_kernel(out, n, (void *)(addr + PX_OFF_unix_address_name + 2));
	return (u16)n;
}

/*
 * Send the names of a UNIX socket as an event with the head h. Who listens has a name and who
 * connects has none, most of the time: where it is so, h learns its role.
 */
px_inline void px_push_names(void *ctx, struct px_abi_event *h, u64 sk)
{
	struct px_abi_event *e;
	struct px_abi_names *names;
	u64 room, peer, pid;

	if (h->family != PX_ABI_AF_UNIX)
		return;
	e = px_reserve(sizeof(*names), &room);
	if (!e) {
		px_count_full(0);
		return;
	}
	if (room < sizeof(*names)) {	/* never: it tells the verifier which class this is */
		px_discard(e);
		return;
	}
	names = (struct px_abi_names *)e->data;
	peer = px_read64(sk, PX_OFF_unix_sock_peer);
	pid = px_read64(sk, PX_OFF_sock_sk_peer_pid);
	names->local_len = px_unix_path(names->local, sk);
	names->remote_len = peer ? px_unix_path(names->remote, peer) : 0;
	names->peer_pid = pid ? px_pid_nr(pid, PX_UNTYPED) : 0;
	names->peer_sock_id = peer ? px_sock_ino(peer, PX_UNTYPED) : 0;
	if (names->local_len && !names->remote_len)
		h->flags |= PX_ABI_F_ACCEPT;
	__builtin_memcpy(e, h, PX_HEAD);
	e->kind = PX_ABI_NAMES;
	e->len = e->copied = sizeof(*names);
	px_submit(ctx, e);
}

#endif
