/* SPDX-License-Identifier: Apache-2.0 */
#include "conn/tls.h"

#include "conn/control.h"
#include "conn/handshake.h"
#include "conn/order.h"

/* What is left of a direction's own bytes is of no use any more; behind them the plaintext begins. */
static void tls_clear(struct px_conn *c, enum px_dir dir, uint32_t count)
{
	struct px_stream *s = &c->streams[dir];

	if (px_stream_is_waiting(s))
		px_stream_give_up(s);
	s->discard = 0;
	px_stream_consume(s, s->end - s->pos);
	s->eof = false;
	s->urgent = 0;
	c->told_end[dir] = 0;
	c->tls_base[dir] = s->end ? (uint32_t)s->end - count : 0;
}

/*
 * On a connection that is older than the tracer a handshake behind bytes of the other side is another
 * one. The call that h comes with may be told before it or behind it.
 */
static bool tls_is_first(const struct px_conn *c, const struct px_abi_event *h)
{
	return c->from_start || !c->bytes[px_dir_other(h->dir ? PX_DIR_OUT : PX_DIR_IN)];
}

void px_tls_begin(struct px_conn *c, const struct px_abi_event *h)
{
	uint32_t out = 0, in = 0;
	bool is_start;

	px_order_settle(c);
	is_start = h->flags & PX_ABI_F_START && tls_is_first(c, h);
	c->is_tls = true;
	px_handshake_move(c);
	if (h->kind == PX_ABI_TIE) {
		out = h->pos;
		in = h->peer_pos;
	} else {
		out = h->dir ? h->pos : h->peer_pos;
		in = h->dir ? h->peer_pos : h->pos;
	}
	tls_clear(c, PX_DIR_OUT, out);
	tls_clear(c, PX_DIR_IN, in);
	c->tls_lib = (uint8_t)h->syscall_nr;
	if (c->role == PX_ROLE_UNKNOWN && c->protocol && h->kind == PX_ABI_TIE) {
		c->role = h->flags & PX_ABI_F_ACCEPT ? PX_ROLE_SERVER : PX_ROLE_CLIENT;
		c->decoder.role = c->role;
	}
	/* A protocol that asked for TLS in clear goes on inside. */
	if (!is_start || !px_decoder_has_parsed(&c->decoder)) {
		c->is_repeated = h->kind == PX_ABI_TIE && h->result;
		px_decoder_restart(&c->decoder, !is_start);
		c->is_repeated = false;
		if (!is_start)
			px_matcher_join(&c->matcher);
	}
	c->has_begun = true;
	if (!c->handshake)
		px_control_cipher(c);
}

void px_tls_cipher(struct px_conn *c, const struct px_event *ev)
{
	const struct px_abi_event *h = ev->hdr;

	if (c->handshake && !px_handshake_cipher(c, ev))
		px_control_cipher(c);
	c->bytes[h->dir ? PX_DIR_OUT : PX_DIR_IN] += h->len;
	/* Plaintext may still come of what was read before, so the end is told when the socket is closed. */
	if (h->len == 0 && h->dir == PX_DIR_IN)
		c->has_ended[PX_DIR_IN] = true;
}
