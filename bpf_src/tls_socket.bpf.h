/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which socket a TLS context uses: the one that its library's function reads or writes a record
 * of, on the same thread. A function may use other sockets, too (a callback that asks somebody
 * about a certificate), hence the look at the bytes.
 */
#ifndef PX_TLS_SOCKET_BPF_H
#define PX_TLS_SOCKET_BPF_H

#include "fd.bpf.h"
#include "tls.bpf.h"

#define PX_SOL_TLS 282
#define PX_TLS_GET_RECORD_TYPE 2
#define PX_TLS_KERNELS 256	/* beside the types of records: one that the kernel makes or reads */

/* The type of the record that begins at buf; 0: none does. */
px_inline u32 px_tls_record(u64 buf, u64 n)
{
	u8 h[8] = {};
	u32 len;

	if (n < 5 || px_probe_user(h, 5, (void *)buf))
		return 0;
	len = (u32)h[3] << 8 | h[4];
	if (h[0] < PX_TLS_RECORD_FIRST || h[0] > PX_TLS_RECORD_LAST || h[1] != 3 || h[2] > 4 ||
	    !len || len > PX_TLS_RECORD_MAX)
		return 0;
	return h[0];
}

/* Bytes in the first of several pieces. */
px_inline u64 px_tls_first_part(u64 iov)
{
	struct px_iov first = {};

	px_probe_user(&first, sizeof(first), (void *)iov);
	return first.len;
}

/* Tell user space, with the id that the context had while no socket was known. */
px_inline void px_tls_tell(void *ctx, const struct px_abi_event *h, const struct px_tls_key *key)
{
	struct px_abi_event *e;
	u64 room;

	e = px_reserve(sizeof(struct px_abi_tie), &room);
	if (!e) {
		px_count_full(0);
		return;
	}
	if (room < sizeof(struct px_abi_tie)) {	/* never: it tells the verifier which class this is */
		px_discard(e);
		return;
	}
	__builtin_memcpy(e, h, PX_HEAD);
	e->kind = PX_ABI_TIE;
	e->copied = sizeof(struct px_abi_tie);
	((struct px_abi_tie *)e->data)->untied_id = px_tls_untied_id(key);
	px_submit(ctx, e);
}

/* With the test for ports and hosts there is no room for it on a stack. */
BPF_PERCPU_ARRAY(tls_heads, struct px_abi_event, 1);

/*
 * The head that events of a context's plaintext have, from its socket, which has moved bytes in this
 * direction; kind 0: it is not wanted. Returns where it was put together, or 0.
 */
px_inline struct px_abi_event *px_tls_head(const struct px_sock *s, u32 dir, int typed)
{
	u32 zero = 0;
	struct px_abi_event *h = tls_heads.lookup(&zero);

	if (!h)
		return 0;
	px_fill(h, s, PX_ABI_DATA, PX_ABI_F_TLS, 0, typed);
	h->dir = (u8)dir;
	px_fill_ends(h, s, typed);
	if (px_role(s, typed) == PX_ROLE_SERVER)
		h->flags |= PX_ABI_F_ACCEPT;
	if (!px_ends_wanted(h, s, typed))
		h->kind = 0;
	return h;
}

/* struct cmsghdr, of recvmsg() */
struct px_tls_cmsg {
	u64 len;
	u32 level, type;
};

/*
 * Bytes without a record's head, of a socket that the kernel encrypts and decrypts for: what is read
 * comes with the type of its record (SOL_TLS, TLS_GET_RECORD_TYPE), and what is written are the
 * bytes that the library's function was given, from their beginning on.
 */
px_inline int px_tls_is_kernels(const struct px_tls_call *c, u32 shape, u64 regs, u64 buf)
{
	struct px_tls_cmsg about = {};
	u64 at = 0;

	if (c->what & PX_ABI_TLS_OUT)
		return buf == c->buf;
	/* struct user_msghdr: name, namelen, iov, iovlen, control */
	return shape == PX_SHAPE_MSG &&
	       !px_probe_user(&at, sizeof(at), (void *)(PX_ARG1(regs) + 32)) && at &&
	       !px_probe_user(&about, sizeof(about), (void *)at) && about.level == PX_SOL_TLS &&
	       about.type == PX_TLS_GET_RECORD_TYPE;
}

/* The socket of h is the one of this context, by a record of that type. */
px_inline void px_tls_bind(void *ctx, struct px_abi_event *h, const struct px_tls_key *of, u64 what,
			   u64 type)
{
	struct px_tls_key key = *of;
	struct px_tls_tie *old = tls_ties.lookup(&key), *fresh = px_tls_blank();

	if (!fresh)
		return;
	h->pos = h->peer_pos = 0;
	/* What was told while no socket was known is of the same plaintext, so its count goes on. */
	if (old && old->head.sock_id & PX_ABI_UNTIED) {
		fresh->moved[0] = old->moved[0];
		fresh->moved[1] = old->moved[1];
		h->pos = old->moved[PX_ABI_OUT];
		h->peer_pos = old->moved[PX_ABI_IN];
		if (old->is_start)
			type = PX_TLS_HANDSHAKE;
	}
	__builtin_memcpy(&fresh->head, h, PX_HEAD);
	tls_ties.update(&key, fresh);
	if (!h->kind)
		return;
	if (type == PX_TLS_HANDSHAKE)
		h->flags |= PX_ABI_F_START;
	h->result = type == PX_TLS_KERNELS;
	h->syscall_nr = (u16)(what >> PX_ABI_TLS_LIB_SHIFT);
	px_tls_tell(ctx, h, &key);
}

/* Thread `id`, inside of c, has moved n > 0 bytes of a socket by the call that regs describe. */
px_inline void px_tls_tie(void *ctx, struct px_tls_call *c, u64 id, const struct px_sock *s,
			  const struct px_abi_call *call, u64 regs, u64 n, int typed)
{
	u32 shape = call->shape;
	struct px_tls_key key = {};
	struct px_tls_tie *old;
	struct px_memory mem = {};
	struct px_abi_event *h;
	u32 type;

	key.tgid = id >> 32;
	key.context = c->context;
	old = tls_ties.lookup(&key);
	if (old && old->head.sock_gen == s->sk && old->head.sock_id == s->ino) {
		c->sk = s->sk;
		return;
	}
	if (shape == PX_SHAPE_NONE || shape == PX_SHAPE_PAGES ||
	    !px_memory_of(&mem, shape, regs, n))
		return;
	type = px_tls_record(mem.buf, n);
	if (!type && px_tls_is_kernels(c, shape, regs, mem.buf))
		type = PX_TLS_KERNELS;
	if (!type)
		return;
	c->sk = s->sk;
	h = px_tls_head(s, call->dir & 1, typed);
	if (h)
		px_tls_bind(ctx, h, &key, c->what, type);
}

/* The call by which a thread that is inside a TLS library's function moves bytes; else NULL. */
px_inline const struct px_abi_call *px_tls_transfer(u64 regs)
{
	u32 nr = PX_CALL_NR(regs);
	struct px_abi_call *call = calls.lookup(&nr);

	if (px_regs_are_foreign(regs) || !call || call->what != PX_WHAT_DATA)
		return 0;
	if (call->dir == PX_ABI_IN && call->flags_arg &&
	    px_arg(regs, call->flags_arg) & (PX_MSG_PEEK | PX_MSG_OOB | PX_MSG_ERRQUEUE))
		return 0;
	return call;
}

#endif
