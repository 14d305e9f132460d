/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a body ends: Content-Length, chunks, the end of the stream; and the part of it that is
 * kept.
 */
#include "http/message.h"

#define BODY_FIRST 512		/* bytes allotted to a body of unknown length */
#define BODY_AT_ONCE 65536	/* bytes allotted on the word of a Content-Length, at most */

/*
 * The order of RFC 9112 section 6.3. A request whose length nobody can know has no body for us;
 * http.c then believes nothing behind it, as a server has to answer 400 and to close.
 */
void http_body_begin(struct http_msg *m, enum http_asked asked)
{
	unsigned int status = m->start.status;

	m->keeps_body = true;
	m->phase = HTTP_COMPLETE;
	if (m->start.is_response) {
		if (asked == HTTP_ASKED_HEAD || status == 101 || status == 204 || status == 304 ||
		    (asked == HTTP_ASKED_CONNECT && status / 100 == 2))
			return;
		m->phase = HTTP_IN_REST;
	}
	if (m->facts.has_coding) {
		if (m->facts.is_chunked)
			m->phase = HTTP_IN_CHUNK_SIZE;
	} else if (m->facts.has_length && !m->facts.bad_length) {
		m->left = m->facts.length;
		m->phase = m->left > 0 ? HTTP_IN_LENGTH : HTTP_COMPLETE;
	}
}

/* Room for n more bytes of the body, in one piece with those that are there. */
static bool http_body_reserve(struct http_msg *m, size_t n, size_t max, struct px_arena *arena)
{
	size_t cap = m->body_cap;
	char *p;

	if (n <= cap - m->body_len)
		return true;
	if (cap == 0)
		cap = m->phase == HTTP_IN_LENGTH && m->facts.length < BODY_AT_ONCE
			      ? (size_t)m->facts.length
			      : BODY_FIRST;
	else
		cap = cap > max / 2 ? max : cap * 2;
	if (cap < m->body_len + n)
		cap = m->body_len + n;
	if (cap > max)
		cap = max;
	p = px_arena_alloc(arena, cap);
	if (!p)
		return false;
	if (m->body_len)
		memcpy(p, m->body, m->body_len);
	m->body = p;
	m->body_cap = cap;
	return true;
}

static void http_body_keep(const struct px_parse_ctx *ctx, const char *p, size_t n,
			   struct px_frame *out)
{
	struct http_msg *m = out->msg;
	size_t take;

	m->body_bytes += n;
	if (!m->keeps_body)
		return;
	take = ctx->limits->body_max - m->body_len;
	if (take > n)
		take = n;
	if (take > 0 && !http_body_reserve(m, take, ctx->limits->body_max, &out->arena))
		take = 0;
	if (take > 0) {
		memcpy(m->body + m->body_len, p, take);
		m->body_len += take;
	}
	if (take < n) {
		m->keeps_body = false;
		m->hit_limit = true;
	}
}

/*
 * Content is taken from the view; what of it is not there yet need not be shown to us once nothing
 * more is kept.
 */
static struct px_parse_result http_body_wait(const struct px_parse_ctx *ctx, size_t pos,
					     struct px_bytes in, uint64_t rest, struct http_msg *m)
{
	struct px_parse_result res;

	if (m->keeps_body && m->body_len == ctx->limits->body_max) {
		m->keeps_body = false;
		m->hit_limit = true;
	}
	if (m->keeps_body || rest == 0 || ctx->eof)
		return http_wait(pos, in);
	res = px_parse_skip(pos);
	res.discard = rest;
	m->discard = rest;
	m->discard_from = ctx->pos + pos;
	return res;
}

/*
 * Account for what the core has dropped since; at the end of the stream that is less than we asked
 * for.
 */
static void http_body_settle(const struct px_parse_ctx *ctx, struct http_msg *m)
{
	uint64_t n = m->discard;

	if (n == 0)
		return;
	if (ctx->pos - m->discard_from < n)
		n = ctx->pos - m->discard_from;
	m->discard = 0;
	m->body_bytes += n;
	if (m->phase != HTTP_IN_REST)
		m->left -= n;
	if (m->phase == HTTP_IN_CHUNK && m->left == 0)
		m->phase = HTTP_IN_CHUNK_END;
	if (m->phase == HTTP_IN_LENGTH && m->left == 0)
		m->phase = HTTP_COMPLETE;
}

static struct px_parse_result http_body_end(struct px_frame *out, size_t pos)
{
	struct http_msg *m = out->msg;

	m->phase = HTTP_COMPLETE;
	if (m->hit_limit && m->body_bytes > m->body_len)
		out->flags |= PX_FLAG_TRUNCATED;
	return px_parse_frame(pos);
}

static struct px_parse_result http_body_abort(struct px_frame *out, size_t pos)
{
	out->flags |= PX_FLAG_ABORTED;
	return http_body_end(out, pos);
}

/* The message is told as far as it goes; the next call says that the framing is lost. */
static struct px_parse_result http_body_broken(const struct px_parse_ctx *ctx, struct px_frame *out,
					       size_t pos, const char *why)
{
	struct http_state *st = ctx->state;

	st->dir[ctx->dir].lost = why;
	return http_body_abort(out, pos);
}

/*
 * chunk = chunk-size [ chunk-ext ] CRLF chunk-data CRLF; the last one has size 0, then trailers as
 * in a head, then an empty line (RFC 9112 section 7.1). Blanks behind the size are not allowed, and
 * common.
 */
static bool http_chunk_size(struct px_bytes line, uint64_t *size)
{
	size_t i;
	uint64_t n = 0;

	for (i = 0; i < line.len; i++) {
		char c = line.ptr[i];
		unsigned int digit;

		if (c >= '0' && c <= '9')
			digit = (unsigned int)(c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			digit = (unsigned int)((c | 0x20) - 'a' + 10);
		else
			break;
		if (n >= HTTP_REST >> 4)
			return false;
		n = n << 4 | digit;
	}
	if (i == 0 ||
	    (i < line.len && line.ptr[i] != ';' && line.ptr[i] != ' ' && line.ptr[i] != '\t'))
		return false;
	*size = n;
	return true;
}

/*
 * In each http_body_in_*: pos moves over what is dealt with. True: *res is the result of this call.
 */

static bool http_body_in_chunk_size(const struct px_parse_ctx *ctx, struct px_bytes in, size_t *pos,
				    struct px_frame *out, struct px_parse_result *res)
{
	struct http_state *st = ctx->state;
	struct http_dir *d = &st->dir[ctx->dir];
	struct http_msg *m = out->msg;
	struct px_bytes rest = px_bytes_sub(in, *pos, SIZE_MAX), line;
	size_t nl = px_bytes_find(rest, d->scanned, '\n');

	if (nl > HTTP_CHUNK_LINE_MAX) {
		*res = http_body_broken(ctx, out, *pos, "chunk size line too long");
		return true;
	}
	if (nl == rest.len) {
		d->scanned = (uint32_t)rest.len;
		*res = ctx->eof ? http_body_abort(out, in.len) : http_wait(*pos, in);
		return true;
	}
	d->scanned = 0;
	line = px_bytes_sub(rest, 0, nl);
	if (line.len > 0 && line.ptr[line.len - 1] == '\r')
		line.len--;
	if (!http_chunk_size(line, &m->left)) {
		*res = http_body_broken(ctx, out, *pos, "chunk size");
		return true;
	}
	*pos += nl + 1;
	m->phase = m->left > 0 ? HTTP_IN_CHUNK : HTTP_IN_TRAILERS;
	return false;
}

static bool http_body_in_chunk_end(const struct px_parse_ctx *ctx, struct px_bytes in, size_t *pos,
				   struct px_frame *out, struct px_parse_result *res)
{
	struct px_bytes rest = px_bytes_sub(in, *pos, 2);
	struct http_msg *m = out->msg;

	if (rest.len > 0 && rest.ptr[0] == '\n') {
		*pos += 1;
	} else if (rest.len == 2 && rest.ptr[0] == '\r' && rest.ptr[1] == '\n') {
		*pos += 2;
	} else if (rest.len == 2 || (rest.len == 1 && rest.ptr[0] != '\r')) {
		*res = http_body_broken(ctx, out, *pos, "chunk longer than its size");
		return true;
	} else {
		*res = ctx->eof ? http_body_abort(out, in.len) : http_wait(*pos, in);
		return true;
	}
	m->phase = HTTP_IN_CHUNK_SIZE;
	return false;
}

/* Returns where they end; those of more than head_max bytes are not kept, and not believed. */
static size_t http_trailers_keep(struct px_bytes rest, bool eof, const struct px_parse_ctx *ctx,
				 struct px_frame *out)
{
	struct http_msg *m = out->msg;
	struct http_facts facts; /* trailers have no say in the framing */
	struct http_scan scan;
	size_t end;

	memset(&facts, 0, sizeof(facts));
	scan.keep_max = ctx->limits->head_max;
	scan.kept = scan.count = scan.ids = 0;
	scan.is_cut = scan.has_ended = false;
	end = http_scan_lines(&scan, rest, 0, eof, &facts);
	if (end <= ctx->limits->head_max + 1 &&
	    (!http_block_keep(&m->trailers, &scan, rest, &out->arena) || scan.is_cut))
		out->flags |= PX_FLAG_TRUNCATED;
	return end;
}

static struct px_parse_result http_body_in_trailers(const struct px_parse_ctx *ctx,
						    struct px_bytes in, size_t pos,
						    struct px_frame *out)
{
	struct http_state *st = ctx->state;
	struct http_dir *d = &st->dir[ctx->dir];
	struct px_bytes rest = px_bytes_sub(in, pos, SIZE_MAX);
	size_t end;

	if (px_bytes_starts(rest, PX_BYTES("\r\n")))
		return http_body_end(out, pos + 2);
	if (px_bytes_starts(rest, PX_BYTES("\n")))
		return http_body_end(out, pos + 1);
	if (!http_scan_find_end(rest, &d->scanned)) {
		if (rest.len > ctx->limits->head_max)
			return http_body_broken(ctx, out, pos, "trailers without end");
		if (!ctx->eof)
			return http_wait(pos, in);
		(void)http_trailers_keep(rest, true, ctx, out);
		return http_body_abort(out, in.len);
	}
	d->scanned = 0;
	end = http_trailers_keep(rest, false, ctx, out);
	if (end > ctx->limits->head_max + 1)
		return http_body_broken(ctx, out, pos, "trailers without end");
	return http_body_end(out, pos + end);
}

struct px_parse_result http_body_parse(const struct px_parse_ctx *ctx, struct px_bytes in,
				       size_t pos, struct px_frame *out)
{
	struct http_msg *m = out->msg;
	struct px_parse_result res;
	size_t n;

	http_body_settle(ctx, m);
	for (;;) {
		switch (m->phase) {
		case HTTP_IN_LENGTH:
		case HTTP_IN_CHUNK:
			n = in.len - pos < m->left ? in.len - pos : (size_t)m->left;
			if (n > 0)
				http_body_keep(ctx, in.ptr + pos, n, out);
			pos += n;
			m->left -= n;
			if (m->left > 0)
				return ctx->eof ? http_body_abort(out, pos)
						: http_body_wait(ctx, pos, in, m->left, m);
			if (m->phase == HTTP_IN_LENGTH)
				return http_body_end(out, pos);
			m->phase = HTTP_IN_CHUNK_END;
			break;
		case HTTP_IN_REST:
			if (in.len > pos)
				http_body_keep(ctx, in.ptr + pos, in.len - pos, out);
			return ctx->eof ? http_body_end(out, in.len)
					: http_body_wait(ctx, in.len, in, HTTP_REST, m);
		case HTTP_IN_CHUNK_SIZE:
			if (http_body_in_chunk_size(ctx, in, &pos, out, &res))
				return res;
			break;
		case HTTP_IN_CHUNK_END:
			if (http_body_in_chunk_end(ctx, in, &pos, out, &res))
				return res;
			break;
		case HTTP_IN_TRAILERS:
			return http_body_in_trailers(ctx, in, pos, out);
		default:
			return http_body_end(out, pos);
		}
	}
}

/* The line break behind a chunk is known without being seen. Returns how many of n bytes are it. */
static uint64_t http_hole_chunk_end(struct http_msg *m, uint64_t n)
{
	if (n == 0)
		return 0;
	m->phase = n > 1 ? HTTP_IN_CHUNK_SIZE : HTTP_IN_CHUNK_END;
	return n > 1 ? 2 : 1;
}

uint64_t http_body_hole(const struct px_parse_ctx *ctx, uint64_t n, bool is_cut,
			struct px_frame *out)
{
	struct http_msg *m = out->msg;
	uint64_t inside = n, behind = 0;

	http_body_settle(ctx, m);
	if (m->phase == HTTP_IN_LENGTH || m->phase == HTTP_IN_CHUNK) {
		if (inside > m->left)
			inside = m->left;
		m->left -= inside;
	} else if (m->phase != HTTP_IN_REST) {
		return 0;
	}
	m->body_bytes += inside;
	m->keeps_body = false;
	out->flags |= is_cut ? PX_FLAG_TRUNCATED : PX_FLAG_GAP;
	if (m->left == 0 && m->phase == HTTP_IN_LENGTH)
		m->phase = HTTP_COMPLETE;
	if (m->left == 0 && m->phase == HTTP_IN_CHUNK) {
		m->phase = HTTP_IN_CHUNK_END;
		behind = http_hole_chunk_end(m, n - inside);
	}
	return inside + behind;
}
