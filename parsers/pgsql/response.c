/* SPDX-License-Identifier: Apache-2.0 */
/* What a server sends: messages put together to the answers that it owes. */
#include "pgsql/response.h"

static struct px_bytes response_rest(const struct pgsql_answering *r)
{
	return px_bytes_sub(r->in, r->pos, SIZE_MAX);
}

/* What is owed next, if it is more than the end of a batch. */
static struct pgsql_owed *response_owed(const struct pgsql_answering *r)
{
	struct pgsql_owed *o = pgsql_owed_at(r->st, 0);

	return o && o->kind != PGSQL_OWES_READY ? o : NULL;
}

struct pgsql_owed *pgsql_response_own(const struct pgsql_answering *r)
{
	if (!r->m || r->m->is_orphan || r->m->is_complete || r->m->generation != r->st->generation)
		return NULL;
	return response_owed(r);
}

void pgsql_response_disown(struct pgsql_answering *r)
{
	r->m->is_orphan = true;
	r->out->kind = 0; /* not to be shown before it says something */
}

static bool response_begin(struct pgsql_answering *r)
{
	const struct pgsql_owed *o = response_owed(r);

	if (r->m)
		return true;
	r->m = px_arena_zalloc(&r->out->arena, sizeof(*r->m));
	if (!r->m)
		return false;
	r->m->what = PGSQL_RESPONSE;
	r->m->generation = r->st->generation;
	r->out->msg = r->m;
	if (o) {
		r->out->kind = PX_FRAME_RESPONSE;
		r->out->key = o->key;
		r->out->follows = r->st->answers_batch;
	} else {
		pgsql_response_disown(r);
	}
	return true;
}

/* Keep n bytes of what comes next, as far as there is room, and step over them. */
static bool response_keep(struct pgsql_answering *r, size_t n)
{
	struct px_bytes b = px_bytes_sub(r->in, r->pos, n);

	r->pos += n;
	return !r->m || pgsql_raw_add(&r->m->raw, b, r->ctx->limits->body_max, &r->out->arena);
}

static struct px_parse_result response_done(struct pgsql_answering *r)
{
	if (r->m->what != PGSQL_RESPONSE) /* one that stands alone */
		return px_parse_frame(r->pos);
	if (!r->m->is_orphan) {
		r->st->answers_batch = true;
		return px_parse_frame(r->pos);
	}
	if (r->m->is_error || r->m->tag_len > 0) {
		r->out->kind = PX_FRAME_ONE_WAY;
		r->out->flags |= PX_FLAG_UNPAIRED | (r->st->is_joined ? PX_FLAG_MID_STREAM : 0);
		return px_parse_frame(r->pos);
	}
	/* The rest of an answer that nobody saw the beginning of, and that says nothing. */
	r->out->msg = NULL;
	r->m = NULL;
	r->out->flags = 0;
	if (r->pos > 0)
		return px_parse_skip(r->pos);
	return px_parse_more(r->in.len + 1);
}

/*
 * Its last message was there. True: the response is complete; false: the ReadyForQuery that comes
 * next belongs to it, too.
 */
static bool response_complete(struct pgsql_answering *r, bool is_last)
{
	struct pgsql_state *st = r->st;
	const struct pgsql_owed *own = pgsql_response_own(r), *next;

	if (!own) {
		r->m->is_complete = true;
		return true;
	}
	r->m->copy_in = own->copy_in;
	r->m->later = own->later;
	st->is_copying = false;
	pgsql_owed_pop(st);
	r->m->is_complete = true;
	next = pgsql_owed_at(st, 0);
	return is_last || !next || next->kind != PGSQL_OWES_READY;
}

/* The batch has ended: what failed in it was not prepared. */
static void response_ready(struct pgsql_state *st)
{
	const struct pgsql_owed *o = pgsql_owed_at(st, 0);

	if (st->has_failed)
		pgsql_stmts_undo(st, st->parsed + 1, o->parses);
	st->parsed = o->parses;
	st->has_failed = false;
	st->answers_batch = false;
	pgsql_owed_pop(st);
}

static bool response_is_ready_next(const struct pgsql_state *st)
{
	return st->owed_count > 0 && st->owed[st->owed_first].kind == PGSQL_OWES_READY;
}

/* What is owed first was skipped behind an error. */
static bool response_abort(struct pgsql_answering *r)
{
	if (!response_begin(r))
		return false;
	r->m->is_aborted = true;
	r->m->is_complete = true;
	pgsql_owed_pop(r->st);
	return true;
}

/* ReadyForQuery: all of the batch has its answer, and what an error has skipped gets it now. */
static struct px_parse_result response_ready_for_query(struct pgsql_answering *r,
						       const struct pgsql_head *h)
{
	struct pgsql_state *st = r->st;
	size_t size = PGSQL_HEAD + h->body_len;
	struct px_parse_result res;

	st->is_streaming = false;
	if (r->m && pgsql_response_own(r))
		(void)response_complete(r, false);
	if (!r->m && response_owed(r)) {
		if (st->has_failed) {
			if (!response_abort(r))
				return px_parse_bad(PGSQL_NO_MEMORY);
			if (!response_is_ready_next(st))
				return response_done(r);
		} else if (!st->is_joined) {
			while (response_owed(r)) /* it has not answered them, and never will */
				pgsql_owed_pop(st);
		}
	}
	if (r->m && !r->m->is_orphan && !response_is_ready_next(st))
		return response_done(r); /* another batch's */
	if (response_is_ready_next(st))
		response_ready(st);
	st->is_ready = true;
	if (!response_keep(r, size))
		return px_parse_bad(PGSQL_NO_MEMORY);
	if (!r->m)
		return px_parse_skip(r->pos);
	r->m->tx = h->body.ptr[0];
	res = response_done(r);
	st->answers_batch = false;
	return res;
}

static bool response_is_fatal(struct px_bytes error)
{
	struct px_bytes severity = pgsql_error_severity(error);

	return px_bytes_eq(severity, PX_BYTES("FATAL")) || px_bytes_eq(severity, PX_BYTES("PANIC"));
}

/*
 * The server reads all statements of a query before it executes the first: an error may be one of a
 * later statement. Is it?
 */
static bool response_is_later(const struct pgsql_answering *r, struct px_bytes error)
{
	struct px_bytes digits = pgsql_error_field(error, 'P');
	const struct pgsql_owed *next = pgsql_owed_at(r->st, 1);
	uint32_t at = 0;

	if (r->m || !next || next->kind != PGSQL_OWES_STATEMENT || next->from == 0 ||
	    digits.len == 0 || digits.len > 9)
		return false;
	for (size_t i = 0; i < digits.len; i++)
		at = at * 10 + (uint32_t)(digits.ptr[i] - '0');
	return at >= next->from;
}

static struct px_parse_result response_error(struct pgsql_answering *r, const struct pgsql_head *h)
{
	struct px_bytes error = px_bytes_sub(h->body, 0, PGSQL_ERROR_MAX);
	bool is_fatal = response_is_fatal(error);

	if (response_owed(r) && response_is_later(r, error))
		return response_abort(r) ? response_done(r) : px_parse_bad(PGSQL_NO_MEMORY);
	if (!response_begin(r))
		return px_parse_bad(PGSQL_NO_MEMORY);
	r->m->error = px_arena_copy(&r->out->arena, error, NULL);
	r->m->is_error = true;
	if (pgsql_response_own(r))
		r->st->has_failed = true;
	if (!response_keep(r, PGSQL_HEAD + h->body.len))
		return px_parse_bad(PGSQL_NO_MEMORY);
	return response_complete(r, is_fatal) ? response_done(r) : px_parse_skip(r->pos);
}

/* Notices and notifications are messages of their own, wherever they come. */
static struct px_parse_result response_one_way(struct pgsql_answering *r,
					       const struct pgsql_head *h)
{
	struct px_cur c = px_cur_of(h->body);
	struct pgsql_response *m = px_arena_zalloc(&r->out->arena, sizeof(*m));
	struct px_bytes channel, payload;

	if (!m)
		return px_parse_bad(PGSQL_NO_MEMORY);
	m->what = h->type == 'N' ? PGSQL_NOTICE : PGSQL_NOTIFICATION;
	if (h->type == 'N') {
		m->error = px_arena_copy(&r->out->arena, px_bytes_sub(h->body, 0, PGSQL_ERROR_MAX),
					 NULL);
	} else {
		m->pid = px_cur_be32(&c);
		m->has_pid = true;
		channel = pgsql_cstring(&c);
		payload = pgsql_cstring(&c);
		if (c.ran_short || px_cur_left(&c) > 0)
			return px_parse_bad("a notification that does not fill its length");
		m->channel = px_arena_copy(&r->out->arena, channel, NULL);
		m->payload = px_arena_copy(&r->out->arena, payload, NULL);
	}
	r->m = m;
	r->out->msg = m;
	r->out->kind = PX_FRAME_ONE_WAY;
	if (!response_keep(r, PGSQL_HEAD + h->body.len))
		return px_parse_bad(PGSQL_NO_MEMORY);
	r->st->dir[r->ctx->dir].left = h->body_len - h->body.len;
	r->st->dir[r->ctx->dir].is_kept = false;
	if (h->body.len < h->body_len) {
		m->raw.is_cut = true;
		r->out->flags |= PX_FLAG_TRUNCATED;
	}
	/* Its end is waited for, unless that belongs to the response that it came in. */
	return h->body.len < h->body_len && !r->ctx->is_aside ? px_parse_skip(r->pos)
							      : px_parse_frame(r->pos);
}

/* The one byte that answers SSLRequest or GSSENCRequest. */
static struct px_parse_result response_encryption(struct pgsql_answering *r)
{
	struct pgsql_state *st = r->st;
	char answer = r->in.ptr[r->pos], yes = st->awaits_ssl ? 'S' : 'G';
	struct px_parse_result res;

	if (answer != 'N' && answer != yes)
		return px_parse_bad("no answer to a request for encryption");
	if (!response_begin(r) || !response_keep(r, 1))
		return px_parse_bad(PGSQL_NO_MEMORY);
	*(st->awaits_ssl ? &r->m->ssl_answer : &r->m->gss_answer) = answer;
	st->awaits_ssl = st->awaits_gss = false;
	if (answer == 'N')
		return px_parse_skip(r->pos);
	(void)response_complete(r, true);
	res = response_done(r);
	res.ends_protocol = true;
	res.hand_over = &px_parser_any;
	return res;
}

/* The body of a message, or of its part that is here; the rest is to follow. */
static bool response_body(struct pgsql_answering *r, const struct pgsql_head *h)
{
	struct pgsql_dir *d = &r->st->dir[r->ctx->dir];

	d->left = h->body_len - h->body.len;
	d->is_kept = true;
	return response_keep(r, PGSQL_HEAD + h->body.len);
}

/* Bytes of a message that goes by. True: it is dealt with. */
static bool response_skip(struct pgsql_answering *r, struct px_parse_result *res)
{
	struct pgsql_dir *d = &r->st->dir[r->ctx->dir];
	struct px_bytes rest = response_rest(r);
	size_t n = rest.len < d->left ? rest.len : (size_t)d->left;
	bool keeps = d->is_kept && r->m;

	if (!keeps) {
		r->pos += n;
	} else if (!response_keep(r, n)) {
		*res = px_parse_bad(PGSQL_NO_MEMORY);
		return false;
	}
	d->left -= n;
	if (d->left == 0)
		return true;
	if (r->ctx->eof) {
		d->left = 0;
		if (r->m)
			r->out->flags |= PX_FLAG_ABORTED;
		*res = r->m	    ? response_done(r)
		       : r->pos > 0 ? px_parse_skip(r->pos)
				    : px_parse_more(1);
		return false;
	}
	if (keeps && r->m->raw.len < r->ctx->limits->body_max) {
		*res = pgsql_wait(r->pos, 1);
		return false;
	}
	if (keeps)
		r->m->raw.is_cut = true;
	*res = px_parse_skip(r->pos);
	res->discard = d->left;
	d->left = 0;
	return false;
}

/* Backend key and messages of authentication are secrets: their names and lengths are kept. */
static bool response_is_secret(const struct pgsql_head *h)
{
	return h->type == 'K' || h->type == 'R';
}

static struct px_parse_result response_message(struct pgsql_answering *r,
					       const struct pgsql_head *h)
{
	size_t size = PGSQL_HEAD + h->body.len;
	struct pgsql_owed *own;
	int part;

	r->st->is_ready = false;
	own = pgsql_response_own(r);
	if (own && own->kind == PGSQL_OWES_ANSWERS && !own->is_open && own->answers == 0 &&
	    response_complete(r, false)) /* the client had no more that belongs to it */
		return response_done(r);
	if (r->m && r->m->is_complete && !memchr("ZNAS", h->type, 4))
		return response_done(r); /* the ReadyForQuery that it waits for does not come */
	switch (h->type) {
	case 'Z':
		return response_ready_for_query(r, h);
	case 'E':
		return response_error(r, h);
	case 'N':
	case 'A':
		if (!r->m)
			return response_one_way(r, h);
		return r->pos > 0 ? px_parse_skip(r->pos) : px_parse_aside();
	case 'S':
		if (r->m && !pgsql_response_setting(r, h))
			return px_parse_bad("a setting that does not fill its length");
		return response_keep(r, size) ? px_parse_skip(r->pos)
					      : px_parse_bad(PGSQL_NO_MEMORY);
	case 'c':
	case 'v':
		return response_keep(r, size) ? px_parse_skip(r->pos)
					      : px_parse_bad(PGSQL_NO_MEMORY);
	default:
		break;
	}
	if (r->st->is_streaming) {
		struct px_parse_result res = px_parse_skip(r->pos += size);

		res.discard = h->body_len - h->body.len;
		return res;
	}
	if (!response_begin(r))
		return px_parse_bad(PGSQL_NO_MEMORY);
	own = pgsql_response_own(r);
	if (h->type == '2' && own && own->is_flushed) {
		if (r->pos > 0)
			return px_parse_skip(r->pos);
		own->is_flushed = false;
		r->out->begins_here = true;
	}
	part = pgsql_response_part(r, h);
	if (part < 0)
		return px_parse_bad("a message that does not fill its length");
	if (response_is_secret(h)) {
		size_t kept = h->body.len < 4 ? h->body.len : 4;

		if (!response_keep(r, PGSQL_HEAD + kept))
			return px_parse_bad(PGSQL_NO_MEMORY);
		r->m->raw.is_cut |= h->body_len > kept;
		r->pos += h->body.len - kept;
	} else if (!response_body(r, h)) {
		return px_parse_bad(PGSQL_NO_MEMORY);
	}
	if (part > 0 && response_complete(r, part == 2))
		return response_done(r);
	return px_parse_skip(r->pos);
}

/* Are the bytes of the message that are here enough to deal with it? */
static bool response_is_enough(const struct pgsql_head *h)
{
	if (h->is_whole || h->type == 'D' || h->type == 'd')
		return true;
	return h->body_len > PGSQL_WHOLE_MAX && h->body.len >= PGSQL_ERROR_MAX;
}

/* No byte will follow. */
static struct px_parse_result response_end(struct pgsql_answering *r)
{
	size_t left = r->in.len - r->pos;

	if (r->m) {
		if (!r->m->is_complete)
			r->out->flags |= PX_FLAG_ABORTED;
		r->pos = r->in.len;
		return response_done(r);
	}
	if (left > 0)
		return px_parse_bad("the connection ends inside a message");
	return r->pos > 0 ? px_parse_skip(r->pos) : px_parse_more(1);
}

struct px_parse_result pgsql_response_parse(const struct px_parse_ctx *ctx, struct px_bytes in,
					    struct px_frame *out)
{
	struct pgsql_answering r = {
		.ctx = ctx, .st = ctx->state, .in = in, .out = out, .m = out->msg
	};
	struct px_parse_result res;

	if (ctx->eof && r.m && ctx->pos < r.st->dir[ctx->dir].pos && !r.m->is_complete)
		out->flags |= PX_FLAG_ABORTED; /* what was to be dropped did not come */
	for (;;) {
		struct pgsql_head h;
		int got;

		if (r.st->dir[ctx->dir].left > 0 && !response_skip(&r, &res))
			return res;
		if (r.m && r.m->what != PGSQL_RESPONSE)
			return response_done(&r);
		if (r.pos == in.len)
			return ctx->eof ? response_end(&r) : pgsql_wait(r.pos, in.len + 1);
		if (!r.m && r.pos > 0) /* what begins now has its own beginning */
			return px_parse_skip(r.pos);
		if ((r.st->awaits_ssl || r.st->awaits_gss) && in.ptr[r.pos] != 'E') {
			res = response_encryption(&r);
			if (res.status != PX_PARSE_SKIP)
				return res;
			continue;
		}
		got = pgsql_head_read(response_rest(&r), false, &h);
		if (got < 0)
			return px_parse_bad("no message that a server sends");
		h.is_whole = got > 0 && h.is_whole && h.body_len <= PGSQL_WHOLE_MAX;
		if (got == 0 || !response_is_enough(&h)) {
			if (ctx->eof)
				return response_end(&r);
			return pgsql_wait(r.pos, got == 0 || h.body_len > PGSQL_WHOLE_MAX
							 ? in.len + 1
							 : PGSQL_HEAD + (uint64_t)h.body_len);
		}
		if (!h.is_whole && h.type != 'D' && h.type != 'd')
			h.body.len = PGSQL_ERROR_MAX;
		res = response_message(&r, &h);
		if (res.status != PX_PARSE_SKIP || res.discard > 0 || !r.m)
			return res;
		if (h.type == 'N' || h.type == 'A' || h.type == '2') /* comes again, with a view of its own */
			return res;
	}
}
