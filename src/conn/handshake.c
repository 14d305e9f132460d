/* SPDX-License-Identifier: Apache-2.0 */
#include "conn/handshake.h"

#include <stdlib.h>

#include "conn/order.h"

#define HANDSHAKE_BYTES (256 * 1024)	/* of both directions, after which it is given up */

/* A handshake whose connection's own streams have plaintext already. */
struct px_handshake {
	struct px_decode_env env;
	const struct px_parser *parsers[2];
	struct px_stream streams[2];
	struct px_decoder decoder;
	uint64_t bytes;
	bool is_over;
};

void px_handshake_frame(struct px_conn *c, struct px_frame *f)
{
	struct px_frame **place = &c->hello[f->kind == PX_FRAME_RESPONSE];

	if (c->told_hello || *place)
		px_frame_free(&c->table->frames, f);
	else
		*place = f;
}

static void handshake_unwait(struct px_conn *c)
{
	struct px_table *t = c->table;

	if (!c->hello_waits)
		return;
	*(c->hello_prev ? &c->hello_prev->hello_next : &t->hello_first) = c->hello_next;
	*(c->hello_next ? &c->hello_next->hello_prev : &t->hello_last) = c->hello_prev;
	c->hello_waits = false;
}

static void handshake_wait(struct px_conn *c, uint64_t now_ns)
{
	struct px_table *t = c->table;

	c->hello_ns = now_ns;
	c->hello_prev = t->hello_last;
	c->hello_next = NULL;
	*(t->hello_last ? &t->hello_last->hello_next : &t->hello_first) = c;
	t->hello_last = c;
	c->hello_waits = true;
}

/* Nothing more is to be said of it. */
static void handshake_drop(struct px_conn *c)
{
	handshake_unwait(c);
	for (int i = 0; i < 2; i++) {
		px_frame_free(&c->table->frames, c->hello[i]);
		c->hello[i] = NULL;
	}
}

static void handshake_tell(struct px_conn *c)
{
	struct px_table *t = c->table;
	struct px_exchange ex = {
		.request = c->hello[0],
		.response = c->hello[1],
		.parser = c->hello_parser,
		.role = px_conn_role(c),
		.is_tls = c->is_tls,
	};

	if (!c->told_hello && t->opt.on_handshake && (ex.request || ex.response)) {
		c->told_hello = true;
		ex.flags = (ex.request ? ex.request->flags : 0) |
			   (ex.response ? ex.response->flags : 0);
		t->opt.on_handshake(t->opt.ctx, c, &ex);
	}
	handshake_drop(c);
}

/* Bytes that have gone the client's way; if nobody knows who that is, either way. */
static uint64_t handshake_asked(const struct px_conn *c)
{
	enum px_role role = px_conn_role(c);

	return role == PX_ROLE_UNKNOWN ? c->bytes[0] + c->bytes[1]
				       : c->bytes[px_role_request_dir(role)];
}

void px_handshake_over(struct px_conn *c)
{
	if ((c->handshake && !c->handshake->is_over) || c->hello_waits || (!c->hello[0] && !c->hello[1]))
		return;
	if (c->table->opt.tells_handshakes || c->is_packet) {
		handshake_tell(c);
	} else if (c->is_tls || !c->table->opt.on_handshake) {
		handshake_drop(c);
	} else {
		c->hello_asked = handshake_asked(c);
		handshake_wait(c, c->last_ns);
	}
}

void px_handshake_advance(struct px_table *t, uint64_t now_ns)
{
	struct px_conn *c;

	while ((c = t->hello_first) != NULL && now_ns >= c->hello_ns + t->opt.handshake_ns) {
		handshake_unwait(c);
		if (handshake_asked(c) == c->hello_asked)
			handshake_wait(c, now_ns); /* a library is heard of when there is something to read */
		else
			handshake_tell(c);
	}
}

static void handshake_on_frame(void *owner, struct px_frame *f)
{
	px_handshake_frame(owner, f);
}

static void handshake_on_restart(void *owner, uint32_t epoch)
{
	struct px_conn *c = owner;

	(void)epoch;
	c->handshake->is_over = true;
	px_handshake_over(c);
}

static void handshake_on_gap(void *owner, enum px_dir dir)
{
	(void)owner;
	(void)dir;
}

static void handshake_on_discard(void *owner, enum px_dir dir, uint64_t until)
{
	(void)owner;
	(void)dir;
	(void)until;
}

static const struct px_parser *handshake_parser(const struct px_table *t)
{
	const struct px_parser *const *p = t->opt.parsers;

	while (*p && !(*p)->is_handshake)
		p++;
	return *p;
}

void px_handshake_move(struct px_conn *c)
{
	struct px_table *t = c->table;
	const struct px_parser *parser = handshake_parser(t);
	struct px_handshake *s;

	if (!t->opt.tells_handshakes) {
		handshake_drop(c);
		return;
	}
	if (c->told_hello || c->handshake || !parser || px_conn_is_untied(c) ||
	    (c->decoder.parser != parser && c->decoder.mode != PX_DECODE_RECOGNISE))
		return;
	s = calloc(1, sizeof(*s));
	if (!s)
		return;
	s->parsers[0] = parser;
	s->env = t->decode_env;
	s->env.parsers = s->parsers;
	s->env.on_frame = handshake_on_frame;
	s->env.on_gap = handshake_on_gap;
	s->env.on_discard = handshake_on_discard;
	s->env.on_restart = handshake_on_restart;
	memcpy(s->streams, c->streams, sizeof(s->streams));
	s->decoder = c->decoder;
	s->decoder.env = &s->env;
	s->decoder.excluded = 0;
	for (int i = 0; i < 2; i++) {
		s->decoder.streams[i] = &s->streams[i];
		px_stream_init(&c->streams[i], &t->budget);
		px_stream_hint(&c->streams[i], s->streams[i].end);
		c->streams[i].no_repeats = true;
	}
	px_decoder_init(&c->decoder, &t->decode_env, c, &c->streams[PX_DIR_IN],
			&c->streams[PX_DIR_OUT]);
	c->decoder.role = s->decoder.role;
	c->decoder.epoch = s->decoder.epoch;
	c->decoder.mid_stream = s->decoder.mid_stream;
	c->decoder.last_parser = s->decoder.parser ? NULL : s->decoder.last_parser;
	c->handshake = s;
	c->hello_parser = parser;
}

static void handshake_free(struct px_conn *c)
{
	struct px_handshake *s = c->handshake;

	c->handshake = NULL;
	px_decoder_fini(&s->decoder);
	px_stream_fini(&s->streams[PX_DIR_IN]);
	px_stream_fini(&s->streams[PX_DIR_OUT]);
	free(s);
}

bool px_handshake_cipher(struct px_conn *c, const struct px_event *ev)
{
	const struct px_abi_event *h = ev->hdr;
	enum px_dir dir = h->dir ? PX_DIR_OUT : PX_DIR_IN;
	struct px_seg_info info = {
		.ts_ns = h->ts_ns, .pid = h->pid, .tid = h->tid, .uid = h->uid
	};
	struct px_handshake *s = c->handshake;

	if (!s)
		return false;
	memcpy(info.comm, h->comm, sizeof(info.comm));
	if (h->len > 0)
		px_stream_append(&s->streams[dir], px_order_offset(&s->streams[dir], h->pos),
				 ev->data, h->len, &info);
	px_decoder_run(&s->decoder, dir);
	px_stream_settle(&s->streams[dir]);
	s->bytes += h->len;
	if (!s->is_over && s->bytes <= HANDSHAKE_BYTES)
		return true;
	if (!s->is_over)
		px_decoder_finish(&s->decoder);
	handshake_tell(c);
	handshake_free(c);
	return false;
}

void px_handshake_finish(struct px_conn *c)
{
	if (c->handshake) {
		px_decoder_finish(&c->handshake->decoder);
		handshake_free(c);
	}
	if (c->is_tls && !c->table->opt.tells_handshakes)
		handshake_drop(c);
	else
		handshake_tell(c);
}
