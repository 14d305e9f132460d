/* SPDX-License-Identifier: Apache-2.0 */
/* What a struct sock says about its connection: kind, endpoints, stream positions, names. */
#ifndef PX_CONN_BPF_H
#define PX_CONN_BPF_H

#include "maps.bpf.h"

#define PX_STREAM 1
#define PX_DGRAM 2
#define PX_TCP 6
#define PX_UDP 17
#define PX_MPTCP 262

/* TCP states, include/net/tcp_states.h */
#define PX_TCP_ESTABLISHED 1
#define PX_TCP_SYN_SENT 2
#define PX_TCP_FIN_WAIT1 4
#define PX_TCP_FIN_WAIT2 5
#define PX_TCP_TIME_WAIT 6
#define PX_TCP_CLOSE 7
#define PX_TCP_CLOSE_WAIT 8
#define PX_TCP_LAST_ACK 9
#define PX_TCP_CLOSING 11

/* The states in which our FIN has taken a place in write_seq. */
#define PX_TCP_FIN_IS_OUT                                                                          \
	(1u << PX_TCP_FIN_WAIT1 | 1u << PX_TCP_FIN_WAIT2 | 1u << PX_TCP_TIME_WAIT |                \
	 1u << PX_TCP_LAST_ACK | 1u << PX_TCP_CLOSING)

#define PX_SOCK_DONE 0x2	/* enum sock_flags: set in tcp_fin() and nowhere else */
#define PX_RCV_SHUTDOWN 1
#define PX_SEND_SHUTDOWN 2
#define PX_SHUTDOWN_BOTH 3

/*
 * A socket while its event is made. common holds the front of struct sock where it had to be
 * copied; with a typed pointer it stays unused and the compiler drops it.
 */
struct px_sock {
	u64 sk;
	u64 noise;	/* for px_forget() */
	u64 ino;
	u16 family, type, protocol;
	char common[PX_COMMON_SIZE] __attribute__((aligned(8)));
};

#define PX_COMMON(t, s, field, typed)                                                              \
	((typed) ? PX_LOAD(t, (s)->sk, PX_OFF_sock_common_##field)                                 \
		 : *(t *)((s)->common + PX_OFF_sock_common_##field))

#define PX_KIND_AT                                                                                 \
	(PX_OFF_sock_sk_type < PX_OFF_sock_sk_protocol ? PX_OFF_sock_sk_type                       \
						       : PX_OFF_sock_sk_protocol)

/* The inode that embraces a struct socket gives the connection its number. */
px_inline u64 px_sock_ino(u64 sk, int typed)
{
#ifdef PX_OFF_sock_sk_ino	/* kernel 6.17 and later keep it in the sock itself */
	return px_get64(sk, PX_OFF_sock_sk_ino, typed);
#else
	u64 so = px_get64(sk, PX_OFF_sock_sk_socket, typed);

	if (!so)
		return 0;
	if (typed) {
		u64 file = PX_LOAD(u64, so, PX_OFF_socket_file);

		return PX_LOAD(u64, PX_LOAD(u64, file, PX_OFF_file_f_inode), PX_OFF_inode_i_ino);
	}
	return px_read64(so, PX_OFF_socket_alloc_vfs_inode + PX_OFF_inode_i_ino);
#endif
}

px_inline int px_is_datagram(const struct px_sock *s)
{
#ifdef PX_DATAGRAM_COPY
	return s->type == PX_DGRAM;
#else
	(void)s;
	return 0;
#endif
}

/*
 * False where the socket is none that we follow: streams, and UDP where datagrams are asked for.
 * s->ino is 0 or known already.
 */
px_inline int px_sock_look(struct px_sock *s, u64 sk, u64 ino, int typed)
{
	s->sk = sk;
	s->noise = bpf_get_current_pid_tgid();
	if (typed) {
		s->type = PX_LOAD(u16, sk, PX_OFF_sock_sk_type);
		s->protocol = PX_LOAD(u16, sk, PX_OFF_sock_sk_protocol);
	} else {
		char kind[8] = {};

		px_probe_kernel(s->common, sizeof(s->common), (void *)sk);
		px_probe_kernel(kind, sizeof(kind), (void *)(sk + PX_KIND_AT));
		s->type = *(u16 *)(kind + PX_OFF_sock_sk_type - PX_KIND_AT);
		s->protocol = *(u16 *)(kind + PX_OFF_sock_sk_protocol - PX_KIND_AT);
	}
	s->family = PX_COMMON(u16, s, skc_family, typed);
	if (s->family == PX_ABI_AF_UNIX) {
		if (s->type != PX_STREAM)
			return 0;
		s->protocol = 0;
	} else if (s->family != PX_ABI_AF_INET && s->family != PX_ABI_AF_INET6) {
		return 0;
	} else if (s->type == PX_STREAM) {
		if (s->protocol != PX_TCP && s->protocol != PX_MPTCP)
			return 0;
	} else if (!px_is_datagram(s) || s->protocol != PX_UDP) {
		return 0;
	}
	s->family = (u16)px_forget(s->family, s->noise);
	s->type = (u16)px_forget(s->type, s->noise);
	s->protocol = (u16)px_forget(s->protocol, s->noise);
	s->ino = ino ? ino : px_sock_ino(sk, typed);
	return 1;
}

/*
 * Was a read of no bytes the end of the stream? Not where there are bytes still: then it asked for
 * none.
 */
px_inline int px_at_end(u64 sk, int typed)
{
	u32 shut = typed ? PX_LOAD(u8, sk, PX_OFF_sock_sk_shutdown)
			 : px_read32(sk, PX_OFF_sock_sk_shutdown);

	/* A list that is empty leads to itself. */
	return shut & PX_RCV_SHUTDOWN && px_get64(sk, PX_OFF_sock_sk_receive_queue, typed) ==
						 sk + PX_OFF_sock_sk_receive_queue;
}

/*
 * Identity. The links from one kernel object to the next are here and in px_fill_process(), which
 * run before anything branches: the verifier takes a millisecond over each link.
 */
px_inline void px_fill_sock(struct px_abi_event *e, const struct px_sock *s, int typed)
{
	u64 net = PX_COMMON(u64, s, skc_net, typed);

	e->sock_id = s->ino;
	e->sock_gen = s->sk;
	e->netns = px_get32(net, PX_OFF_net_ns + PX_OFF_ns_common_inum, typed);
	e->type = (u8)s->type;
	e->protocol = s->protocol;
	e->state = PX_COMMON(u8, s, skc_state, typed);
}

/* Endpoints. Mapped addresses (::ffff:a.b.c.d) become the IPv4 addresses that they are. */
px_inline void px_fill_ends(struct px_abi_event *e, const struct px_sock *s, int typed)
{
	u64 local = 0, local_low = 0, remote = 0, remote_low = 0, family = s->family;
	u32 scope = 0, ports = 0;

	if (family != PX_ABI_AF_UNIX) {
		local = PX_COMMON(u32, s, skc_rcv_saddr, typed);
		remote = PX_COMMON(u32, s, skc_daddr, typed);
		ports = PX_COMMON(u16, s, skc_num, typed);
		if (!ports)	/* a reset has taken it out of the table of ports; this copy stays */
			ports = __builtin_bswap16(
				(u16)px_read32(s->sk, PX_OFF_inet_sock_inet_sport));
		ports |= (u32)__builtin_bswap16(PX_COMMON(u16, s, skc_dport, typed)) << 16;
	}
	if (family == PX_ABI_AF_INET6) {
		u64 high = PX_COMMON(u64, s, skc_v6_daddr, typed),
		    low = PX_COMMON(u64, s, skc_v6_daddr + 8, typed);

		if (high || (u32)low != 0xffff0000) {
			remote = high;
			remote_low = low;
			local = PX_COMMON(u64, s, skc_v6_rcv_saddr, typed);
			local_low = PX_COMMON(u64, s, skc_v6_rcv_saddr + 8, typed);
			if ((high & 0xc0ff) == 0x80fe)	/* fe80::/10, in network order */
				scope = PX_COMMON(u32, s, skc_bound_dev_if, typed);
		} else {
			family = PX_ABI_AF_INET;
		}
	}
	e->scope_id = px_forget(scope, s->noise);
	e->family = px_forget(family, s->noise);
	*(u32 *)&e->local_port = px_forget(ports, s->noise);	/* remote_port is its neighbour */
	*(u64 *)e->local_addr = px_forget(local, s->noise);
	*(u64 *)(e->local_addr + 8) = px_forget(local_low, s->noise);
	*(u64 *)e->remote_addr = px_forget(remote, s->noise);
	*(u64 *)(e->remote_addr + 8) = px_forget(remote_low, s->noise);
}

/*
 * Where the two directions of a connection stand after a call that moved n bytes in direction dir.
 */
struct px_place {
	u32 pos;	/* of the first byte of the call */
	u32 peer_pos;
	u16 flags;
	u16 is_new;	/* the first that the kernel side sees of a socket it has to count for */
	u16 is_read;	/* the peer's FIN has been consumed, in whatever call */
};

#define PX_SEQ_MIN                                                                                 \
	(PX_OFF_tcp_sock_copied_seq < PX_OFF_tcp_sock_write_seq ? PX_OFF_tcp_sock_copied_seq       \
								: PX_OFF_tcp_sock_write_seq)
#define PX_SEQ_MAX                                                                                 \
	(PX_OFF_tcp_sock_copied_seq > PX_OFF_tcp_sock_write_seq ? PX_OFF_tcp_sock_copied_seq       \
								: PX_OFF_tcp_sock_write_seq)
#define PX_SEQ_SPAN (PX_SEQ_MAX - PX_SEQ_MIN + 4)

/*
 * TCP: the socket's own counters. Two things shift them by one: a FIN that was consumed together
 * with the last bytes (then all that was received has been read, and tcp_fin() has run), and our
 * own FIN once it is queued.
 */
px_inline void px_place_tcp(struct px_place *p, const struct px_sock *s, u32 dir, u32 n, int typed)
{
	u64 done = PX_COMMON(u64, s, skc_flags, typed) & PX_SOCK_DONE;
	u32 in, out, rcv_nxt = 0, state = PX_COMMON(u8, s, skc_state, typed);
	u64 tp = s->sk;

	p->is_new = p->is_read = 0;
	p->flags = PX_ABI_F_SEQ | PX_ABI_F_PEER_POS;
	if (typed) {
		tp = px_ptr(bpf_skc_to_tcp_sock((void *)tp));
		if (!tp) {
			p->flags = 0;
			p->pos = p->peer_pos = 0;
			return;
		}
		in = PX_LOAD(u32, tp, PX_OFF_tcp_sock_copied_seq);
		out = PX_LOAD(u32, tp, PX_OFF_tcp_sock_write_seq);
		rcv_nxt = PX_LOAD(u32, tp, PX_OFF_tcp_sock_rcv_nxt);
	} else {
#if PX_SEQ_SPAN <= 64
		char seq[(PX_SEQ_SPAN + 7) & ~7] __attribute__((aligned(8)));

		px_probe_kernel(seq, sizeof(seq), (void *)(tp + PX_SEQ_MIN));
		in = *(u32 *)(seq + PX_OFF_tcp_sock_copied_seq - PX_SEQ_MIN);
		out = *(u32 *)(seq + PX_OFF_tcp_sock_write_seq - PX_SEQ_MIN);
#else
		in = px_read32(tp, PX_OFF_tcp_sock_copied_seq);
		out = px_read32(tp, PX_OFF_tcp_sock_write_seq);
#endif
		if (done)
			rcv_nxt = px_read32(tp, PX_OFF_tcp_sock_rcv_nxt);
	}
	if (done && in == rcv_nxt) {
		in--;
		p->is_read = 1;
		if (dir == PX_ABI_IN)
			p->flags |= PX_ABI_F_FIN;
	}
	if ((PX_TCP_FIN_IS_OUT >> state) & 1)
		out--;
	if (dir == PX_ABI_IN)
		in -= n;
	else
		out -= n;
	p->pos = dir == PX_ABI_IN ? in : out;
	p->peer_pos = dir == PX_ABI_IN ? out : in;
	/* A read that begins behind an urgent byte has passed it. */
	if (dir == PX_ABI_IN && px_get32(tp, PX_OFF_tcp_sock_urg_seq, typed) + 1 == in)
		p->flags |= PX_ABI_F_URGENT;
	if (!typed)
		return;
	/*
	 * An accepted socket is a copy of its listener, backlog included; one that connected has
	 * none.
	 */
	if (PX_LOAD(u32, s->sk, PX_OFF_sock_sk_max_ack_backlog))
		p->flags |= PX_ABI_F_ACCEPT;
	/* bytes_acked counts the SYN of the side that connected. */
	out -= PX_LOAD(u32, tp, PX_OFF_tcp_sock_snd_una) -
	       (u32)PX_LOAD(u64, tp, PX_OFF_tcp_sock_bytes_acked);
	in -= rcv_nxt - (u32)PX_LOAD(u64, tp, PX_OFF_tcp_sock_bytes_received);
	if (in == 0 && out == (p->flags & PX_ABI_F_ACCEPT ? 0 : 1))
		p->flags |= PX_ABI_F_START;
}

/* The last byte that was counted is urgent. */
px_inline void px_place_uncount(const struct px_sock *s, u32 dir)
{
	u64 ino = s->ino;
	struct px_moved *m = moved.lookup(&ino);

	if (m)
		__sync_fetch_and_add(&m->bytes[dir], (u32)-1);
}

/* UNIX streams and MPTCP: counted here. The count goes on whether or not the event finds room. */
px_inline void px_place_counted(struct px_place *p, const struct px_sock *s, u32 dir, u32 n,
				int typed)
{
	u64 ino = s->ino;
	struct px_moved *m = moved.lookup(&ino);

	p->is_new = 0;
	p->flags = PX_ABI_F_PEER_POS;
	if (typed && s->protocol == PX_MPTCP && PX_LOAD(u32, s->sk, PX_OFF_sock_sk_max_ack_backlog))
		p->flags |= PX_ABI_F_ACCEPT;
	if (!m || m->gen != s->sk) {
		struct px_moved fresh = { .gen = s->sk };

		moved.update(&ino, &fresh);
		m = moved.lookup(&ino);
		p->flags |= PX_ABI_F_NEWPOS;
		p->is_new = 1;
	}
	if (!m) {
		px_count(PX_COUNT_POOL_FULL, 1);
		p->pos = p->peer_pos = 0;
		return;
	}
	p->pos = m->bytes[dir];
	p->peer_pos = m->bytes[!dir];
	__sync_fetch_and_add(&m->bytes[dir], n);
}

#endif
