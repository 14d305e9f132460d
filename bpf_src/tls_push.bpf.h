/* SPDX-License-Identifier: Apache-2.0 */
/* Plaintext that a call has moved becomes events. */
#ifndef PX_TLS_PUSH_BPF_H
#define PX_TLS_PUSH_BPF_H

#include "tls.bpf.h"

#define PX_TLS_PIECES 32	/* events of one call */
#define PX_TLS_SMALL 16384	/* bytes for which there are smaller events */
#define PX_TLS_SKIPPED_MIN 4096	/* smaller calls cost less to copy than to ask about */
#define PX_TLS_ESTABLISHED 1	/* the state that plaintext has: its positions know no FIN */

static u64 (*px_attach_cookie)(void *ctx) = (void *)174;	/* bpf_get_attach_cookie, kernel 5.15 */

/*
 * A call with more bytes than the smaller events have room for. Kept in a map: the verifier does not
 * remember values there, so each round looks like the one before it.
 */
struct px_tls_large {
	u64 buf;
	u64 left;	/* bytes of the call that no event has told of */
	u64 want;	/* of them to be copied */
	struct px_abi_event head;
};
BPF_PERCPU_ARRAY(tls_large, struct px_tls_large, 1);

/* The next event; false: it was the last. */
px_inline int px_tls_push_piece(void *ctx, struct px_tls_large *l, int is_last)
{
	struct px_abi_event *e = px_reserve_max();
	u64 n = l->want, len;

	if (!e) {
		px_count_full(l->left);
		return 0;
	}
	PX_BARRIER(n);
	if (n > PX_EVENT_MAX)
		n = PX_EVENT_MAX;
	PX_BARRIER(n);
	len = px_forget(is_last || n == l->want ? l->left : n, l->buf);
	__builtin_memcpy(e, &l->head, PX_HEAD);
	e->len = (u32)len;
	e->copied = (u32)n;
	if (len != l->left)
		e->flags |= PX_ABI_F_MORE;
	if (px_probe_user(e->data, n, (void *)l->buf)) {
		px_count_fault();
		e->copied = 0;
	}
	px_count(PX_COUNT_UNCOPIED_BYTES, len - n);
	px_submit(ctx, e);
	l->buf += n;
	l->want -= n;
	l->left -= len;
	l->head.pos += (u32)len;
	return l->left != 0;
}

px_inline void px_tls_push_large(void *ctx, const struct px_abi_event *h, u64 buf, u64 want)
{
	u32 zero = 0;
	struct px_tls_large *l = tls_large.lookup(&zero);

	if (!l)
		return;
	l->buf = buf;
	l->want = want;
	l->left = h->len;
	__builtin_memcpy(&l->head, h, PX_HEAD);
#pragma clang loop unroll(disable)
	for (u32 i = 1; i <= PX_TLS_PIECES; i++)
		if (!px_tls_push_piece(ctx, l, i == PX_TLS_PIECES))
			return;
}

/* What a call has moved. */
struct px_tls_moved {
	u64 ts_ns;
	u64 what;	/* the cookie of its probe */
	u64 flags;	/* PX_ABI_F_START, or 0 */
	u64 buf;
	u32 len;
	u32 pos, peer_pos;	/* of plaintext before it, in its direction and the other one */
};

/*
 * Does all of what was moved lie before the place up to which user space wants no bytes? The control
 * word for plaintext is beside that of its socket.
 */
px_inline int px_tls_is_skipped(const struct px_abi_event *h)
{
	u64 key = h->sock_id | PX_ABI_UNTIED;
	struct px_abi_control *c = h->len < PX_TLS_SKIPPED_MIN ? 0 : control.lookup(&key);
	u32 dir = h->dir & 1;

	return c && c->sock_gen == h->sock_gen &&
	       c->flags & (dir == PX_ABI_IN ? PX_CTL_SKIP_IN : PX_CTL_SKIP_OUT) &&
	       (s64)(s32)(c->skip_until[dir] - h->pos) >= (s64)h->len;
}

px_inline void px_tls_push(void *ctx, const struct px_abi_event *head, const struct px_tls_moved *m)
{
	struct px_abi_shared *page = px_tls_shared();
	struct px_abi_event h;
	u64 want = px_min(m->len, PX_COPY_MAX);

	if (!page || page->has_stopped)
		return;
	__builtin_memcpy(&h, head, PX_HEAD);
	h.pos = m->pos;
	h.peer_pos = m->peer_pos;
	h.ts_ns = m->ts_ns;
	h.kind = PX_ABI_DATA;
	h.dir = m->what & PX_ABI_TLS_OUT ? PX_ABI_OUT : PX_ABI_IN;
	h.flags = (u16)(PX_ABI_F_TLS | PX_ABI_F_PEER_POS | m->flags);
	if (m->what & PX_ABI_TLS_FILE)
		h.flags |= PX_ABI_F_NO_BYTES;
	h.state = PX_TLS_ESTABLISHED;
	h.syscall_nr = (u16)(m->what >> PX_ABI_TLS_LIB_SHIFT);
	h.len = m->len;
	h.copied = 0;
	h.result = (s32)m->len;
	px_fill_process(&h);
	if (m->what & PX_ABI_TLS_FILE || px_tls_is_skipped(&h))
		want = 0;
	if (want <= PX_TLS_SMALL)
		px_push_bytes(ctx, &h, m->buf, want, 0, 0);
	else
		px_tls_push_large(ctx, &h, m->buf, want);
}

#endif
