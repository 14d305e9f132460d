/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that hand ciphertext to their TLS library and take it from there (memory BIOs), and move
 * it over their sockets at another time, maybe on another thread. The ciphertext itself tells which
 * socket belongs to which context: 16 bytes of a record, behind its head, are seen where they pass
 * the library and where they pass a socket. Nobody looks unless a context without a socket was met.
 */
#ifndef PX_TLS_BIO_BPF_H
#define PX_TLS_BIO_BPF_H

#include "tls_socket.bpf.h"

#define PX_TLS_HEAD 5

struct px_tls_bytes {
	u64 a, b;
};

/* A context that has made these bytes, to be sent by somebody. */
struct px_tls_maker {
	struct px_tls_key key;
	u64 what;
	u64 type;
};
BPF_TABLE("lru_hash", struct px_tls_bytes, struct px_tls_maker, tls_made, 4096);

/* The socket that these bytes were received from, as the head of its events. */
BPF_TABLE("lru_hash", struct px_tls_bytes, struct px_abi_event, tls_received, 4096);

/* A record begins at buf: its type, and the bytes behind its head; 0: none, or it is too short. */
px_inline u32 px_tls_bytes_of(struct px_tls_bytes *k, u64 buf, u64 n)
{
	u32 type = n >= PX_TLS_HEAD + sizeof(*k) ? px_tls_record(buf, n) : 0;

	if (!type || px_probe_user(k, sizeof(*k), (void *)(buf + PX_TLS_HEAD)))
		return 0;
	return type;
}

/* The context that this thread is busy with, if no socket of it is known. */
px_inline struct px_tls_call *px_tls_seeking(struct px_tls_key *key)
{
	u64 id = bpf_get_current_pid_tgid();
	struct px_tls_call *c = tls_calls.lookup(&id);
	struct px_tls_tie *tie;

	if (!c)
		return 0;
	key->tgid = id >> 32;
	key->context = c->context;
	tie = tls_ties.lookup(key);
	return tie && !(tie->head.sock_id & PX_ABI_UNTIED) ? 0 : c;
}

/* BIO_write(BIO *, const void *buf, int n) */
int px_tls_bio_write(struct pt_regs *ctx)
{
	u64 regs = px_ptr(ctx);
	struct px_tls_maker m = {};
	struct px_tls_bytes k = {};
	struct px_tls_call *c = px_tls_seeking(&m.key);

	if (!c)
		return 0;
	m.type = px_tls_bytes_of(&k, PX_FN_ARG(regs, 1), (u32)PX_FN_ARG(regs, 2));
	m.what = c->what;
	if (m.type)
		tls_made.update(&k, &m);
	return 0;
}

/* BIO_read(BIO *, void *buf, int n) */
int px_tls_bio_read(struct pt_regs *ctx)
{
	struct px_tls_key key = {};
	struct px_tls_call *c = px_tls_seeking(&key);

	if (c)
		c->bio = PX_FN_ARG(px_ptr(ctx), 1);
	return 0;
}

/*
 * Its return. A library reads the head of a record and then the rest, or as much as there is at
 * once.
 */
int px_tls_bio_return(struct pt_regs *ctx)
{
	s64 n = (s32)PX_RESULT(px_ptr(ctx));
	struct px_tls_key key = {};
	struct px_tls_bytes k = {};
	struct px_tls_call *c = px_tls_seeking(&key);
	struct px_abi_event *from, h;
	u32 type = 0;
	u64 buf;

	if (!c || !c->bio)
		return 0;
	buf = c->bio;
	c->bio = 0;
	if (n < (s64)sizeof(k) || px_probe_user(&k, sizeof(k), (void *)buf))
		return 0;
	from = tls_received.lookup(&k);
	if (!from) {
		type = px_tls_bytes_of(&k, buf, (u64)n);
		from = type ? tls_received.lookup(&k) : 0;
	}
	if (!from)
		return 0;
	__builtin_memcpy(&h, from, PX_HEAD);
	tls_received.delete(&k);
	h.ts_ns = bpf_ktime_get_ns();
	px_fill_process(&h);
	px_tls_bind(ctx, &h, &key, c->what, h.state);
	return 0;
}

/* A socket of this process has moved n bytes, and maybe records that a context made or waits for. */
px_inline void px_tls_compare(void *ctx, const struct px_sock *s, u32 dir, u32 shape, u64 regs,
			      u64 n, int typed)
{
	struct px_tls_bytes k = {};
	struct px_memory mem = {};
	struct px_tls_maker *m;
	struct px_abi_event *h;
	u32 type;

	if (shape == PX_SHAPE_NONE || shape == PX_SHAPE_PAGES ||
	    !px_memory_of(&mem, shape, regs, n))
		return;
	if (mem.parts && px_tls_first_part(mem.iov) < PX_TLS_HEAD + sizeof(k))
		return;
	type = px_tls_bytes_of(&k, mem.buf, n);
	if (!type)
		return;
	m = dir == PX_ABI_OUT ? tls_made.lookup(&k) : 0;
	if (dir == PX_ABI_OUT && !m)
		return;
	h = px_tls_head(s, dir, typed);
	if (!h)
		return;
	/* Else dir is asked again instead, and older verifiers do not know what that says of m. */
	PX_BARRIER(m);
	if (!m) {
		h->state = (u16)type;
		tls_received.update(&k, h);
		return;
	}
	px_tls_bind(ctx, h, &m->key, m->what, m->type);
	tls_made.delete(&k);
}

#endif
