/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Follows a handshake, record by record, until both sides have ended it or one has given up; what
 * comes behind it is nobody's to read. Up to TLS 1.2 a side ends its part by ChangeCipherSpec; in 1.3
 * what follows ServerHello is hidden, and the client's first hidden record behind it has its Finished.
 */
#include "tls/tls.h"

#include "tls/message.h"

#define TLS_KNOWN_RECORDS 2	/* so many whole ones tell TLS that was joined in the middle */
#define TLS_INFER_MAX (3 * (TLS_HEADER + TLS_RECORD_MAX))

/* A connection's, zeroed at birth. */
struct tls_state {
	bool has_client, has_server;	/* whose hellos were seen; client_dir is known then */
	bool has_chosen;		/* the server's hello, not one that asks for another */
	bool offers_early;		/* the client may send data before its Finished */
	bool is_lost;			/* bytes are missing: what is known now is all */
	bool has_alert_end;
	enum px_dir client_dir;
	uint16_t version;		/* with has_chosen */
	bool switched[2];		/* ChangeCipherSpec was seen, by direction */
	bool moved[2];			/* application data was seen */
};

static bool tls_header(struct px_bytes in, struct tls_header *h)
{
	struct px_cur c = px_cur_of(in);

	h->type = px_cur_u8(&c);
	h->version = px_cur_be16(&c);
	h->len = px_cur_be16(&c);
	return h->type >= TLS_CHANGE_CIPHER_SPEC && h->type <= TLS_HEARTBEAT &&
	       h->version >> 8 == 3 && (h->version & 0xff) <= 4 && h->len <= TLS_RECORD_MAX;
}

/* --- whose bytes --- */

/* Do the bytes that are there of a header contradict one? */
static bool tls_may_begin(struct px_bytes head)
{
	static const char least[TLS_HEADER] = { TLS_CHANGE_CIPHER_SPEC, 3, 0, 0, 0 };
	char bytes[TLS_HEADER];
	struct tls_header h;

	memcpy(bytes, least, sizeof(bytes));
	memcpy(bytes, head.ptr, head.len < sizeof(bytes) ? head.len : sizeof(bytes));
	return tls_header(px_bytes_of(bytes, sizeof(bytes)), &h);
}

/*
 * The beginning of a handshake message, which may be spread over records: type, length, version. Both
 * hellos have more than 38 bytes.
 */
static enum px_sure tls_infer_hello(struct px_bytes head)
{
	uint8_t m[6];
	size_t have = 0, at = 0;
	struct tls_header h;
	uint32_t len;

	while (have < sizeof(m)) {
		struct px_bytes rest = px_bytes_sub(head, at, SIZE_MAX);

		if (!rest.len)
			return PX_SURE_MAYBE;
		if (!tls_may_begin(rest) || (uint8_t)rest.ptr[0] != TLS_HANDSHAKE)
			return PX_SURE_NO;
		if (rest.len < TLS_HEADER)
			return PX_SURE_MAYBE;
		if (!tls_header(rest, &h) || h.len == 0)
			return PX_SURE_NO;
		rest = px_bytes_sub(rest, TLS_HEADER, h.len);
		for (size_t i = 0; i < rest.len && have < sizeof(m); i++)
			m[have++] = (uint8_t)rest.ptr[i];
		if (have > 0 && m[0] != TLS_CLIENT_HELLO && m[0] != TLS_SERVER_HELLO)
			return PX_SURE_NO;
		at += TLS_HEADER + h.len;
	}
	len = (uint32_t)m[1] << 16 | (uint32_t)m[2] << 8 | m[3];
	if (len < 38 || len > TLS_HELLO_MAX || m[4] != 3 || m[5] > 3)
		return PX_SURE_NO;
	return PX_SURE_YES;
}

/* One record is a coincidence of three bytes; several in a row are not. */
static enum px_sure tls_infer_records(struct px_bytes head)
{
	unsigned int whole = 0;
	uint16_t version = 0;
	size_t at = 0;

	while (at < head.len) {
		struct px_bytes rest = px_bytes_sub(head, at, SIZE_MAX);
		struct tls_header h;

		if (!tls_may_begin(rest))
			return PX_SURE_NO;
		if (rest.len < TLS_HEADER)
			return PX_SURE_MAYBE;
		if (!tls_header(rest, &h) || h.len == 0 || (version && h.version != version) ||
		    (h.type == TLS_CHANGE_CIPHER_SPEC && h.len != 1))
			return PX_SURE_NO;
		if (whole == TLS_KNOWN_RECORDS)
			return PX_SURE_YES;
		version = h.version;
		if (rest.len < (size_t)TLS_HEADER + h.len)
			return PX_SURE_MAYBE;
		at += (size_t)TLS_HEADER + h.len;
		whole++;
	}
	return whole >= TLS_KNOWN_RECORDS ? PX_SURE_YES : PX_SURE_MAYBE;
}

static enum px_sure tls_infer(struct px_bytes head, enum px_dir dir)
{
	struct tls_header h;

	(void)dir;
	if (!tls_may_begin(head))
		return PX_SURE_NO;
	if ((uint8_t)head.ptr[0] == TLS_HANDSHAKE) {
		enum px_sure sure = tls_infer_hello(head);

		return sure == PX_SURE_NO ? tls_infer_records(head) : sure;
	}
	/* A server that will have nothing of it: an alert and no more. */
	if ((uint8_t)head.ptr[0] == TLS_ALERT && head.len >= TLS_HEADER + 2 && tls_header(head, &h) &&
	    h.len == 2 && (head.ptr[5] == 1 || head.ptr[5] == 2) &&
	    tls_alert_name((uint8_t)head.ptr[6]))
		return PX_SURE_YES;
	return tls_infer_records(head);
}

static enum px_frame_kind tls_kind(struct px_bytes head)
{
	if (head.len > TLS_HEADER && (uint8_t)head.ptr[0] == TLS_HANDSHAKE) {
		if (head.ptr[TLS_HEADER] == TLS_CLIENT_HELLO)
			return PX_FRAME_REQUEST;
		if (head.ptr[TLS_HEADER] == TLS_SERVER_HELLO)
			return PX_FRAME_RESPONSE;
	}
	return (enum px_frame_kind)0;
}

/* --- messages --- */

/* Which side this direction is, as far as anybody knows. */
static enum px_frame_kind tls_side(const struct px_parse_ctx *ctx)
{
	const struct tls_state *st = ctx->state;
	enum px_dir client = PX_DIR_OUT;

	if (st->has_client || st->has_server)
		client = st->client_dir;
	else if (ctx->role != PX_ROLE_UNKNOWN)
		client = px_role_request_dir(ctx->role);
	return ctx->dir == client ? PX_FRAME_REQUEST : PX_FRAME_RESPONSE;
}

static void tls_hello_done(const struct px_parse_ctx *ctx, struct tls_msg *m, struct px_bytes body)
{
	struct tls_state *st = ctx->state;
	struct tls_hello h;
	struct px_bytes unused;

	if (m->head[0] == TLS_CLIENT_HELLO) {
		tls_client_hello(body, &h);
		st->offers_early |= tls_find(&h, TLS_EXT_EARLY_DATA, &unused);
		if (!m->hello.ptr)
			m->hello = body;
		return;
	}
	tls_server_hello(body, &h);
	m->hello = body;
	if (tls_is_retry(&h)) {
		m->retried = true;
		return;
	}
	st->has_chosen = true;
	st->version = tls_chosen_version(&h);
	st->moved[st->client_dir] = false; /* early data */
}

/* What a server sends next tells whether it goes on with an old session. */
static void tls_follows(const struct px_parse_ctx *ctx, struct tls_msg *m, uint8_t type)
{
	const struct tls_state *st = ctx->state;

	if (!st->has_chosen || ctx->dir == st->client_dir || m->is_full || m->is_resumed)
		return;
	m->is_resumed = type == TLS_NEW_SESSION_TICKET;
	m->is_full = !m->is_resumed;
}

/* A handshake message of which the head is there. */
static void tls_message_begin(const struct px_parse_ctx *ctx, struct tls_msg *m,
			      struct px_frame *out)
{
	struct tls_state *st = ctx->state;
	uint8_t type = m->head[0];

	m->want = (uint32_t)m->head[1] << 16 | (uint32_t)m->head[2] << 8 | m->head[3];
	m->have = 0;
	m->body = NULL;
	if (type == TLS_CLIENT_HELLO && !st->has_client) {
		st->has_client = true;
		st->client_dir = ctx->dir;
	} else if (type == TLS_SERVER_HELLO && !st->has_server) {
		st->has_server = true;
		st->client_dir = px_dir_other(ctx->dir);
	} else if (type != TLS_CLIENT_HELLO && type != TLS_SERVER_HELLO) {
		return;
	}
	out->kind = tls_side(ctx);
	if (m->want <= TLS_HELLO_MAX)
		m->body = px_arena_alloc(&out->arena, m->want ? m->want : 1);
	m->is_cut |= !m->body;
}

/* The fragment of a record. */
static void tls_handshake(const struct px_parse_ctx *ctx, struct tls_msg *m, struct px_bytes in,
			  struct px_frame *out)
{
	while (in.len) {
		size_t n;

		if (m->head_len < sizeof(m->head)) {
			if (m->head_len == 0)
				tls_follows(ctx, m, (uint8_t)in.ptr[0]);
			m->head[m->head_len++] = (uint8_t)in.ptr[0];
			in = px_bytes_sub(in, 1, SIZE_MAX);
			if (m->head_len < sizeof(m->head))
				continue;
			tls_message_begin(ctx, m, out);
		}
		n = m->want - m->have < in.len ? m->want - m->have : in.len;
		if (m->body && n)
			memcpy(m->body + m->have, in.ptr, n);
		m->have += (uint32_t)n;
		in = px_bytes_sub(in, n, SIZE_MAX);
		if (m->have < m->want)
			return;
		if (m->body)
			tls_hello_done(ctx, m, px_bytes_of(m->body, m->want));
		m->head_len = 0;
	}
}

/* An alert that ends it: all that are fatal, and in 1.3 all but two whatever they call themselves. */
static void tls_alert(const struct px_parse_ctx *ctx, struct tls_msg *m, struct px_bytes in)
{
	struct tls_state *st = ctx->state;

	m->alert_is_hidden = in.len != 2 || st->switched[ctx->dir];
	if (m->alert_is_hidden && !st->has_chosen) {
		st->moved[ctx->dir] = true; /* long after the handshake, perhaps */
		return;
	}
	m->has_alert = true;
	if (m->alert_is_hidden) {
		m->alert_is_end = true;
	} else {
		m->alert = (uint8_t)in.ptr[1];
		m->alert_is_end = in.ptr[0] == 2 || m->alert == 0 ||
				  (st->has_chosen && st->version >= TLS_1_3 && m->alert != 90);
	}
	st->has_alert_end |= m->alert_is_end;
}

/*
 * A record of hidden bytes; len: of them. A Finished has 32 bytes or more; what is as short as an
 * alert is one.
 */
static void tls_hidden(const struct px_parse_ctx *ctx, struct tls_msg *m, uint16_t len)
{
	struct tls_state *st = ctx->state;

	if (st->has_chosen && st->version >= TLS_1_3 && ctx->dir == st->client_dir &&
	    !st->offers_early && len <= 2 + 1 + 16) {
		m->has_alert = m->alert_is_hidden = m->alert_is_end = true;
		st->has_alert_end = true;
	}
	st->moved[ctx->dir] = true;
}

static bool tls_is_over(const struct px_parse_ctx *ctx)
{
	const struct tls_state *st = ctx->state;
	enum px_dir client = st->client_dir;

	if (st->is_lost || st->has_alert_end)
		return true;
	if (!st->has_chosen)	/* early data come before anything is chosen */
		return st->moved[ctx->dir] &&
		       !(st->has_client && ctx->dir == client && st->offers_early);
	if (st->version >= TLS_1_3)
		return ctx->dir == client && st->moved[client];
	return (st->switched[0] && st->switched[1]) || (st->moved[0] && st->moved[1]);
}

/*
 * ChangeCipherSpec. Up to 1.2 what follows is hidden, and a server that has sent nothing since its
 * hello goes on with an old session. In 1.3 it says nothing (RFC 8446 appendix D.4), and comes before
 * anything is chosen in 1.3 only.
 */
static void tls_switched(const struct px_parse_ctx *ctx, struct tls_msg *m)
{
	struct tls_state *st = ctx->state;

	if (!st->has_chosen) {
		st->switched[ctx->dir] |= !st->has_client && !st->has_server;
	} else if (st->version < TLS_1_3) {
		if (ctx->dir != st->client_dir && !m->is_full)
			m->is_resumed = true;
		st->switched[ctx->dir] = true;
	}
}

static struct px_parse_result tls_end(const struct px_parse_ctx *ctx, size_t consumed,
				      struct px_frame *out)
{
	struct px_parse_result res = px_parse_frame(consumed);

	out->kind = tls_side(ctx);
	res.ends_protocol = true;
	return res;
}

static struct px_parse_result tls_record(const struct px_parse_ctx *ctx, struct px_bytes in,
					 const struct tls_header *h, struct px_frame *out)
{
	struct tls_state *st = ctx->state;
	struct tls_msg *m = out->msg;
	struct px_bytes data = px_bytes_sub(in, TLS_HEADER, h->len);
	bool is_read = !st->switched[ctx->dir] && h->type != TLS_APPLICATION_DATA &&
		       h->type != TLS_HEARTBEAT;
	/* Hidden ones, and certificates, need not be there. */
	bool is_needless = h->type == TLS_HANDSHAKE && st->has_chosen;
	size_t need = !is_read ? 0 : is_needless ? h->len > 0 : h->len;
	struct px_parse_result res;

	if (data.len < need) {
		if (!ctx->eof)
			return px_parse_more(TLS_HEADER + need);
		out->flags |= PX_FLAG_ABORTED;
		return tls_end(ctx, 0, out);
	}
	switch (h->type) {
	case TLS_CHANGE_CIPHER_SPEC:
		tls_switched(ctx, m);
		break;
	case TLS_ALERT:
		tls_alert(ctx, m, data);
		break;
	case TLS_HANDSHAKE:
		if (is_needless && need && m->head_len == 0)
			tls_follows(ctx, m, (uint8_t)data.ptr[0]);
		else if (is_read && !is_needless)
			tls_handshake(ctx, m, data, out);
		break;
	case TLS_APPLICATION_DATA:
		tls_hidden(ctx, m, h->len);
		break;
	default:
		break;
	}
	is_read = is_read && !is_needless;
	if (tls_is_over(ctx))
		return tls_end(ctx, TLS_HEADER + (is_read ? h->len : (size_t)0), out);
	res = px_parse_skip(TLS_HEADER);
	if (is_read)
		res.consumed += h->len;
	else
		res.discard = h->len;
	return res;
}

static struct px_parse_result tls_parse(const struct px_parse_ctx *ctx, struct px_bytes in,
					struct px_frame *out)
{
	struct tls_state *st = ctx->state;
	struct tls_msg *m = out->msg;
	struct tls_header h;

	if (in.len && !m && !st->has_client && !st->has_server && !st->moved[0] && !st->moved[1] &&
	    !tls_may_begin(in))
		return px_parse_bad("no TLS record");
	if (!m) {
		if (!in.len && ctx->eof)
			return px_parse_more(1);
		/* Nothing has begun before a header is there: its next byte may show that it is none. */
		if (!st->is_lost && in.len < TLS_HEADER && !ctx->eof &&
		    (!in.len || tls_may_begin(in)))
			return px_parse_more(in.len + 1);
		m = out->msg = px_arena_zalloc(&out->arena, sizeof(*m));
		if (!m)
			return px_parse_bad("no memory for a handshake");
		out->kind = tls_side(ctx);
	}
	if (st->is_lost) {
		out->flags |= PX_FLAG_GAP;
		return tls_end(ctx, 0, out);
	}
	if (in.len < TLS_HEADER) {
		if (!ctx->eof && (!in.len || tls_may_begin(in)))
			return px_parse_more(in.len + 1);
		out->flags |= ctx->eof ? PX_FLAG_ABORTED : PX_FLAG_GAP;
		return tls_end(ctx, 0, out);
	}
	if (!tls_header(in, &h)) {
		out->flags |= PX_FLAG_GAP;
		return tls_end(ctx, 0, out);
	}
	return tls_record(ctx, in, &h, out);
}

/* Bytes of the handshake itself are missing: what is known by now is what there is to tell. */
static uint64_t tls_hole(const struct px_parse_ctx *ctx, uint64_t n, bool is_cut,
			 struct px_frame *out)
{
	struct tls_state *st = ctx->state;

	(void)is_cut;
	out->flags |= PX_FLAG_GAP;
	st->is_lost = true;
	return n;
}

static void tls_reset(void *state)
{
	((struct tls_state *)state)->is_lost = true;
}

static size_t tls_resync(struct px_bytes in, enum px_dir dir)
{
	(void)dir;
	return in.len && tls_may_begin(in) ? 0 : in.len;
}

const struct px_parser px_parser_tls = {
	.name = "tls",
	.spec = "TLS 1.0 to 1.3, the handshake's part in clear (RFC 5246, RFC 8446)",
	.fields = tls_fields,
	.state_size = sizeof(struct tls_state),
	.max_frame = TLS_HEADER + TLS_RECORD_MAX,
	.infer_max = TLS_INFER_MAX,
	.match = PX_MATCH_BY_KEY,
	.is_handshake = true,
	.infer = tls_infer,
	.parse = tls_parse,
	.describe = tls_describe,
	.kind = tls_kind,
	.hole = tls_hole,
	.resync = tls_resync,
	.reset = tls_reset,
};
