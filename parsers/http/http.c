/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.0 and HTTP/1.1: from bytes to numbered messages. */
#include "http/http.h"

#include "http/message.h"

#define MAX_FRAME (1 << 18)	/* bytes that may wait for the end of a head or of trailers */

/* A request that has no answer yet: what its answer has to know of it. */
static enum http_asked http_asked_of(const struct http_state *st, uint64_t ordinal)
{
	size_t slot = ordinal % HTTP_PENDING;

	if (ordinal >= st->requests || st->requests - ordinal > HTTP_PENDING)
		return HTTP_ASKED_UNKNOWN;
	return (enum http_asked)(st->asked[slot / 4] >> slot % 4 * 2 & 3);
}

static void http_asked_set(struct http_state *st, uint64_t ordinal, enum http_asked asked)
{
	size_t slot = ordinal % HTTP_PENDING;
	unsigned int shift = (unsigned int)(slot % 4 * 2);

	st->asked[slot / 4] =
		(uint8_t)((st->asked[slot / 4] & ~(3u << shift)) | (unsigned int)asked << shift);
}

static void http_number_request(struct http_state *st, struct http_msg *m, struct px_frame *out)
{
	struct px_bytes method = http_block_text(&m->head, 0, m->start.method_len);
	enum http_asked asked = HTTP_ASKED_PLAIN;

	if (px_bytes_eq(method, PX_BYTES("HEAD")))
		asked = HTTP_ASKED_HEAD;
	else if (px_bytes_eq(method, PX_BYTES("CONNECT")))
		asked = HTTP_ASKED_CONNECT;
	m->ordinal = st->requests++;
	http_asked_set(st, m->ordinal, asked);
	if (m->ordinal > st->answered)
		st->is_pipelined = true;
	if (asked == HTTP_ASKED_CONNECT || m->facts.wants_upgrade) {
		st->switch_at = m->ordinal + 1;
		st->switch_is_connect = asked == HTTP_ASKED_CONNECT;
	}
	out->kind = PX_FRAME_REQUEST;
	out->key = m->ordinal;
	m->may_lack_body = m->facts.waits_for_100;
}

/*
 * The frame's key counts all responses; which of our requests this one answers is a guess of our
 * own where earlier messages were not seen, and none where a client that sends ahead makes even
 * that impossible.
 */
static enum http_asked http_number_response(struct http_state *st, struct http_msg *m,
					    struct px_frame *out)
{
	enum http_asked asked = HTTP_ASKED_UNKNOWN;

	out->kind = PX_FRAME_RESPONSE;
	out->key = st->responses++;
	m->ordinal = UINT64_MAX;
	if (!st->is_joined || st->answered < st->requests) {
		m->ordinal = st->answered++;
		if (!(st->is_joined && st->is_pipelined))
			asked = http_asked_of(st, m->ordinal);
	}
	m->may_lack_body = asked == HTTP_ASKED_UNKNOWN;
	if (asked == HTTP_ASKED_UNKNOWN && !m->facts.has_length && !m->facts.has_coding &&
	    px_bytes_caseeq(http_block_text(&m->head, m->start.reason, m->start.reason_len),
			    PX_BYTES("Connection established")))
		asked = HTTP_ASKED_CONNECT;
	return asked;
}

/*
 * The head is there, as far as it will ever be: number the message and choose the framing of its
 * body.
 */
static void http_head_finish(struct http_state *st, struct http_msg *m, struct px_frame *out)
{
	enum http_asked asked = HTTP_ASKED_PLAIN;

	if (m->head.is_cut)
		out->flags |= PX_FLAG_TRUNCATED;
	if (m->start.is_response)
		asked = http_number_response(st, m, out);
	else
		http_number_request(st, m, out);
	http_body_begin(m, asked);
	out->has_length = m->phase == HTTP_IN_LENGTH;
	if (asked == HTTP_ASKED_CONNECT && m->phase == HTTP_COMPLETE && m->start.status / 100 == 2)
		m->starts_tunnel = true;
	if (m->phase == HTTP_COMPLETE)
		m->may_lack_body = false;
}

/* What the end of a message means for the bytes behind it. */
static void http_frame(const struct px_parse_ctx *ctx, const struct http_msg *m,
		       struct px_parse_result *res)
{
	struct http_state *st = ctx->state;

	if (m->starts_tunnel) {
		res->ends_protocol = true;
		res->hand_over = &px_parser_any;
	} else if (m->start.is_response && m->start.status == 101) {
		res->ends_protocol = true;
	}
	if (!m->start.is_response &&
	    (m->facts.has_coding ? !m->facts.is_chunked : m->facts.bad_length))
		st->dir[ctx->dir].is_opaque = true;
}

static const struct px_bytes http_version = PX_BYTES("HTTP/1.");

/*
 * The body that a head announces does not come when an answer to HEAD is met whose request we do
 * not know (yet), or when a client that waited for 100 Continue was refused and goes on with its
 * next request. Then a first line stands where the body would begin.
 */
static enum px_sure http_lacks_body(const struct px_parse_ctx *ctx, struct px_bytes rest,
				    const struct http_msg *m)
{
	const struct http_state *st = ctx->state;
	struct px_bytes whole = rest;

	/*
	 * Only bytes that could be its own, so that it does not matter how much is there already.
	 */
	if (m->phase == HTTP_IN_LENGTH)
		rest = px_bytes_sub(rest, 0, m->left < SIZE_MAX ? (size_t)m->left : SIZE_MAX);
	if (m->start.is_response) {
		if (!st->is_joined && http_asked_of(st, m->ordinal) == HTTP_ASKED_HEAD)
			return PX_SURE_YES;
		/* A body that is the beginning of this itself: what stands behind it tells. */
		if (px_bytes_starts(whole, http_version))
			return PX_SURE_YES;
		return px_bytes_starts(http_version, rest) ? PX_SURE_MAYBE : PX_SURE_NO;
	}
	if (st->continued > m->ordinal)
		return PX_SURE_NO;
	if (rest.len == 0)
		return PX_SURE_MAYBE;
	return st->answered > m->ordinal ? http_start_known(rest) : PX_SURE_NO;
}

static struct px_parse_result http_body(const struct px_parse_ctx *ctx, struct px_bytes in,
					size_t pos, struct px_frame *out)
{
	const struct http_state *st = ctx->state;
	struct http_msg *m = out->msg;
	struct px_parse_result res;

	if (m->may_lack_body) {
		struct px_bytes rest = px_bytes_sub(in, pos, SIZE_MAX);
		bool is_all = m->phase == HTTP_IN_LENGTH && rest.len >= m->left &&
			      (!m->start.is_response || rest.len >= http_version.len);
		enum px_sure lacks = http_lacks_body(ctx, rest, m);

		if (lacks == PX_SURE_MAYBE && !ctx->eof && !is_all)
			return http_wait(pos, in);
		if (lacks == PX_SURE_MAYBE && ctx->eof && rest.len == 0 && !m->start.is_response &&
		    st->answered > m->ordinal)
			lacks = PX_SURE_YES;
		if (lacks == PX_SURE_YES) {
			res = px_parse_frame(pos);
			http_frame(ctx, m, &res);
			return res;
		}
		m->may_lack_body = false;
	}
	res = http_body_parse(ctx, in, pos, out);
	if (res.status == PX_PARSE_FRAME)
		http_frame(ctx, m, &res);
	return res;
}

/* Which of the two a direction carries never changes. */
static bool http_check_kind(const struct px_parse_ctx *ctx, const struct http_start *start)
{
	struct http_state *st = ctx->state;
	enum px_frame_kind kind = start->is_response ? PX_FRAME_RESPONSE : PX_FRAME_REQUEST;

	if (st->dir[ctx->dir].kind == 0) {
		st->dir[ctx->dir].kind = (uint8_t)kind;
		st->dir[px_dir_other(ctx->dir)].kind =
			(uint8_t)(start->is_response ? PX_FRAME_REQUEST : PX_FRAME_RESPONSE);
	}
	return st->dir[ctx->dir].kind == (uint8_t)kind;
}

static bool http_is_interim(const struct http_start *start)
{
	return start->is_response && start->status < 200 && start->status != 101;
}

/*
 * An interim answer is part of the final one. Of its head nothing is kept: any number of them may
 * come.
 */
static struct px_parse_result http_interim(struct http_state *st, struct http_msg *m, size_t pos)
{
	if (m->start.status == 100 && st->answered < st->requests)
		st->continued = st->answered + 1;
	m->start.reason_len = 0;
	m->head = (struct http_block){ 0 };
	m->facts = (struct http_facts){ 0 };
	m->phase = HTTP_IN_HEAD;
	return px_parse_skip(pos);
}

static struct px_parse_result http_abort(const struct px_parse_ctx *ctx, struct px_frame *out,
					 size_t pos)
{
	struct http_msg *m = out->msg;

	http_head_finish(ctx->state, m, out);
	out->flags |= PX_FLAG_ABORTED;
	m->phase = HTTP_COMPLETE;
	return px_parse_frame(pos);
}

/* Lines beyond what is kept of a head: only what they say about the body counts. */
static struct px_parse_result http_head_tail(const struct px_parse_ctx *ctx, struct px_bytes in,
					     struct px_frame *out)
{
	struct http_msg *m = out->msg;
	struct http_scan scan;
	size_t pos = 0;

	if (m->skips_line) {
		pos = px_bytes_find(in, 0, '\n');
		m->skips_line = pos == in.len;
		pos += !m->skips_line;
	}
	scan.keep_max = scan.kept = scan.count = scan.ids = 0;
	scan.is_cut = scan.has_ended = false;
	pos = http_scan_lines(&scan, in, pos, ctx->eof, &m->facts);
	m->head.is_cut |= scan.is_cut;
	if (m->head_bytes + (scan.has_ended ? pos : in.len) > HTTP_HEAD_END_MAX)
		return px_parse_bad("head without end");
	if (!scan.has_ended && !ctx->eof && in.len - pos > HTTP_TAIL_LINE_MAX + 1) {
		m->head.is_cut = true;
		m->skips_line = in.ptr[in.len - 1] != '\n';
		pos = in.len;
	}
	m->head_bytes += pos;
	if (scan.has_ended) {
		if (http_is_interim(&m->start))
			return http_interim(ctx->state, m, pos);
		http_head_finish(ctx->state, m, out);
		return http_body(ctx, in, pos, out);
	}
	return ctx->eof ? http_abort(ctx, out, in.len) : http_wait(pos, in);
}

/*
 * The first line, once it is complete. Returns its length with the line break, 0 as long as there
 * is none.
 */
static size_t http_first_line(struct http_dir *d, struct px_bytes in, struct http_start *start,
			      bool *is_bad)
{
	size_t nl = px_bytes_find(in, d->has_start ? 0 : d->scanned, '\n'), len;

	if (nl == in.len) {
		*is_bad = !d->has_start && !http_start_possible(in);
		d->scanned = (uint32_t)in.len;
		return 0;
	}
	len = nl > 0 && in.ptr[nl - 1] == '\r' ? nl - 1 : nl;
	*is_bad = !http_start_parse(px_bytes_sub(in, 0, len), start);
	if (!d->has_start)
		d->scanned = 0;
	d->has_start = true;
	return nl + 1;
}

static struct px_parse_result http_head(const struct px_parse_ctx *ctx, struct px_bytes in,
					struct px_frame *out)
{
	struct http_state *st = ctx->state;
	struct http_dir *d = &st->dir[ctx->dir];
	struct http_msg *m = out->msg;
	struct http_start start;
	struct http_facts facts;
	struct http_scan scan;
	size_t pos;
	bool is_bad;

	/* What came before was looked through in vain. */
	if (d->has_start && !http_scan_find_end(in, &d->scanned) && !ctx->eof &&
	    in.len <= ctx->limits->head_max)
		return px_parse_more(in.len + 1);
	pos = http_first_line(d, in, &start, &is_bad);
	if (is_bad || (pos == 0 && (ctx->eof || in.len > ctx->limits->head_max)) ||
	    pos > ctx->limits->head_max + 1)
		return px_parse_bad("no HTTP/1 first line");
	if (pos == 0)
		return px_parse_more(in.len + 1);
	if (!http_check_kind(ctx, &start))
		return px_parse_bad("a request among responses, or the reverse");
	scan.keep_max = ctx->limits->head_max;
	scan.kept = pos;
	scan.count = scan.ids = 0;
	scan.is_cut = scan.has_ended = false;
	memset(&facts, 0, sizeof(facts));
	pos = http_scan_lines(&scan, in, pos, ctx->eof, &facts);
	if (!scan.has_ended && !ctx->eof && in.len <= ctx->limits->head_max) {
		(void)http_scan_find_end(in, &d->scanned);
		return px_parse_more(in.len + 1);
	}
	if (pos > HTTP_HEAD_END_MAX || (!scan.has_ended && in.len > HTTP_HEAD_END_MAX))
		return px_parse_bad("head without end");
	d->scanned = 0;
	d->has_start = false;
	if (!m) {
		m = px_arena_zalloc(&out->arena, sizeof(*m));
		if (!m)
			return px_parse_bad("out of memory");
		m->decoded_max = ctx->limits->decoded_max;
		out->msg = m;
	}
	m->start = start;
	if (scan.has_ended && http_is_interim(&start))
		return http_interim(st, m, pos);
	if (!http_block_keep(&m->head, &scan, in, &out->arena))
		return px_parse_bad("out of memory");
	m->facts = facts;
	if (scan.has_ended) {
		http_head_finish(st, m, out);
		return http_body(ctx, in, pos, out);
	}
	if (ctx->eof)
		return http_abort(ctx, out, in.len);
	m->phase = HTTP_IN_HEAD_TAIL;
	m->head_bytes = pos;
	return px_parse_skip(pos);
}

/*
 * Behind a CONNECT or Upgrade request come the bytes of another protocol, if the answer says so:
 * wait for it. A client that was refused goes on with a request.
 */
static bool http_waits_for_switch(const struct px_parse_ctx *ctx, struct px_bytes in)
{
	const struct http_state *st = ctx->state;

	if (st->switch_at == 0 || st->answered >= st->switch_at || ctx->eof ||
	    st->dir[ctx->dir].kind != PX_FRAME_REQUEST || in.len > ctx->limits->head_max)
		return false;
	return st->switch_is_connect || http_start_known(px_bytes_sub(in, 0, 64)) == PX_SURE_NO;
}

static struct px_parse_result http_parse(const struct px_parse_ctx *ctx, struct px_bytes in,
					 struct px_frame *out)
{
	struct http_state *st = ctx->state;
	struct http_dir *d = &st->dir[ctx->dir];
	struct http_msg *m = out->msg;
	size_t blank = 0;

	st->is_joined |= ctx->mid_stream;
	if (m && m->phase == HTTP_IN_HEAD_TAIL)
		return http_head_tail(ctx, in, out);
	if (m && m->phase != HTTP_IN_HEAD)
		return http_body(ctx, in, 0, out);
	if (d->lost) {
		const char *why = d->lost;

		d->lost = NULL;
		return px_parse_bad(why);
	}
	if (d->is_opaque) {
		struct px_parse_result res = px_parse_skip(in.len);

		res.discard = ctx->eof ? 0 : HTTP_REST;
		return ctx->eof && in.len == 0 ? px_parse_more(1) : res;
	}
	/* Some clients and servers send a stray line break behind a body (RFC 9112 section 2.2). */
	while (blank < in.len && (in.ptr[blank] == '\r' || in.ptr[blank] == '\n'))
		blank++;
	if (blank > 0)
		return px_parse_skip(blank);
	if (in.len == 0) {
		if (!ctx->eof || !m)
			return px_parse_more(1);
		return http_abort(ctx, out, 0); /* 100 Continue, and then nothing */
	}
	if (!m && http_waits_for_switch(ctx, in))
		return px_parse_more(in.len + 1);
	return http_head(ctx, in, out);
}

static uint64_t http_hole(const struct px_parse_ctx *ctx, uint64_t n, bool is_cut,
			  struct px_frame *out)
{
	struct http_msg *m = out->msg;
	uint64_t taken;

	if (!m || m->phase <= HTTP_IN_HEAD_TAIL)
		return 0;
	if (m->may_lack_body && !is_cut) /* what was lost may be the next message instead */
		return 0;
	taken = http_body_hole(ctx, n, is_cut, out);
	if (taken > 0)
		m->may_lack_body = false;
	return taken;
}

/*
 * The counts go on; which request the next response belongs to is open again. If it was the answer
 * to an Upgrade or CONNECT that was lost, what follows may be another protocol's, with anything in
 * it: nobody looks for messages there.
 */
static void http_reset(void *state)
{
	struct http_state *st = state;

	st->may_have_switched |= st->switch_at > st->answered;
	for (size_t i = 0; i < PX_COUNT(st->dir); i++)
		st->dir[i] = (struct http_dir){ .kind = st->dir[i].kind,
						.is_opaque = st->may_have_switched };
	st->answered = st->requests;
	st->switch_at = 0;
	st->is_joined = true;
}

const struct px_parser px_parser_http = {
	.name = "http",
	.spec = "HTTP/1.0 and HTTP/1.1: RFC 9110, RFC 9112",
	.fields = http_fields,
	.state_size = sizeof(struct http_state),
	.max_frame = MAX_FRAME,
	.match = PX_MATCH_IN_ORDER,
	.infer = http_infer,
	.parse = http_parse,
	.describe = http_describe,
	.kind = http_kind,
	.hole = http_hole,
	.resync = http_resync,
	.reset = http_reset,
	.mask = http_mask,
};
