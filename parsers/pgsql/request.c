/* SPDX-License-Identifier: Apache-2.0 */
/* What a client sends: messages put together to requests, each of which gets one answer. */
#include "pgsql/request.h"

#define START_MAX 10000 /* bytes of a start-up packet; the server takes no more */

struct px_bytes pgsql_request_rest(const struct pgsql_asking *r)
{
	return px_bytes_sub(r->in, r->pos, SIZE_MAX);
}

/*
 * Joined in the middle, or behind a loss, what was taken for the rest of an earlier answer may have
 * been the answer to what is owed. A client that waits for it asks again when it has it: then
 * nothing is owed any more.
 */
static void request_settle(struct pgsql_state *st)
{
	if (st->in_batch || st->is_starting)
		return;
	st->sends_ahead |= !st->is_ready && st->owed_count > 0;
	while (st->is_joined && st->is_ready && !st->sends_ahead && st->owed_count > 0)
		pgsql_owed_pop(st);
	st->is_ready = false;
}

bool pgsql_request_begin(struct pgsql_asking *r, enum pgsql_what what)
{
	if (r->m)
		return true;
	request_settle(r->st);
	r->m = px_arena_zalloc(&r->out->arena, sizeof(*r->m));
	if (!r->m)
		return false;
	r->m->what = what;
	r->out->msg = r->m;
	r->out->kind = PX_FRAME_REQUEST;
	r->out->key = r->st->requests++;
	r->out->follows = r->st->in_batch;
	r->st->in_batch = true;
	return true;
}

/* Keep n bytes of what comes next, as far as there is room, and step over them. */
bool pgsql_request_keep(struct pgsql_asking *r, size_t n)
{
	struct px_bytes b = px_bytes_sub(r->in, r->pos, n);

	r->pos += n;
	return !r->m || pgsql_raw_add(&r->m->raw, b, r->ctx->limits->body_max, &r->out->arena);
}

/* The request is complete. */
struct px_parse_result pgsql_request_done(struct pgsql_asking *r)
{
	if (r->m && r->m->raw.is_cut)
		r->out->flags |= PX_FLAG_TRUNCATED;
	return px_parse_frame(r->pos);
}

bool pgsql_request_owe_ready(struct pgsql_asking *r)
{
	r->st->in_batch = false;
	return pgsql_owed_push(r->st, PGSQL_OWES_READY) != NULL;
}

/*
 * What the server owes for this request: behind a Flush it does so already, and may have paid with
 * an error. *is_paid then.
 */
struct pgsql_owed *pgsql_request_owe(struct pgsql_asking *r, enum pgsql_owed_kind kind,
				     bool *is_paid)
{
	struct pgsql_request *m = r->m;
	struct pgsql_owed *o;

	*is_paid = false;
	if (m->is_owed) {
		o = r->st->owed_count ? pgsql_owed_at(r->st, r->st->owed_count - 1) : NULL;
		if (!o || o->key != r->out->key || !o->is_open) {
			*is_paid = true;
			return NULL;
		}
	} else {
		o = pgsql_owed_push(r->st, kind);
		if (!o)
			return NULL;
	}
	o->kind = (uint8_t)kind;
	o->key = r->out->key;
	if (m->is_owed) /* of those that were there at the Flush, some may be dealt with */
		o->parses_here = (uint8_t)(o->parses_here + (r->st->parses - o->parses));
	else
		o->parses_here = m->parses;
	o->parses = r->st->parses;
	if (!m->is_described_twice) {
		o->described_id = m->described_id;
		o->described_slot = m->described_slot;
	}
	o->is_open = false;
	return o;
}

/* Bytes of a message of which only the beginning is looked at. True: it is dealt with. */
static bool request_skip(struct pgsql_asking *r, struct px_parse_result *res)
{
	struct pgsql_dir *d = &r->st->dir[r->ctx->dir];
	struct px_bytes rest = pgsql_request_rest(r);
	size_t n = rest.len < d->left ? rest.len : (size_t)d->left;

	if (!d->is_kept)
		r->pos += n;
	else if (!pgsql_request_keep(r, n)) {
		*res = px_parse_bad(PGSQL_NO_MEMORY);
		return false;
	}
	d->left -= n;
	if (d->left == 0)
		return true;
	if (r->ctx->eof) {
		r->out->flags |= PX_FLAG_ABORTED;
		*res = r->m ? pgsql_request_done(r) : px_parse_skip(r->pos);
		if (!r->m && r->pos == 0)
			*res = px_parse_more(1);
		d->left = 0;
		return false;
	}
	if (d->is_kept && r->m && r->m->raw.len < r->ctx->limits->body_max) {
		*res = pgsql_wait(r->pos, 1);
		return false;
	}
	if (d->is_kept && r->m)
		r->m->raw.is_cut = true;
	*res = px_parse_skip(r->pos);
	res->discard = d->left;
	d->left = 0;
	return false;
}

static struct px_parse_result request_function(struct pgsql_asking *r, const struct pgsql_head *h)
{
	struct px_cur c = px_cur_of(h->body);
	struct pgsql_owed *o;

	if (!pgsql_request_begin(r, PGSQL_FUNCTION_CALL))
		return px_parse_bad(PGSQL_NO_MEMORY);
	r->m->oid = px_cur_be32(&c);
	o = pgsql_owed_push(r->st, PGSQL_OWES_FUNCTION);
	if (!o)
		return px_parse_bad(PGSQL_NO_MEMORY);
	o->key = r->out->key;
	if (!pgsql_request_keep(r, PGSQL_HEAD + h->body.len))
		return px_parse_bad(PGSQL_NO_MEMORY);
	if (!h->is_whole)
		return pgsql_request_go_long(r, h);
	return pgsql_request_owe_ready(r) ? pgsql_request_done(r) : px_parse_bad(PGSQL_NO_MEMORY);
}

/* SASLInitialResponse names the mechanism; other secrets are not looked at. */
static void request_mechanism(struct pgsql_state *st, const struct pgsql_head *h)
{
	static const struct px_bytes names[] = { PX_BYTES("SCRAM-SHA-256-PLUS"),
						 PX_BYTES("SCRAM-SHA-256"),
						 PX_BYTES("OAUTHBEARER") };
	struct px_cur c = px_cur_of(h->body);
	struct px_bytes name = pgsql_cstring(&c);

	if (px_cur_left(&c) < 4)
		return;
	for (size_t i = 0; i < PX_COUNT(names); i++) {
		if (px_bytes_eq(name, names[i])) {
			memcpy(st->mechanism, name.ptr, name.len);
			st->mechanism_len = (uint8_t)name.len;
		}
	}
}

/*
 * What data, or a password, belongs to. Some clients send data before the server has asked for it,
 * while answers to earlier requests are on their way. NULL: nothing that waits for an answer.
 */
static struct pgsql_owed *request_owner(struct pgsql_state *st)
{
	struct pgsql_owed *last = NULL;

	for (uint32_t i = 0; i < st->owed_count; i++) {
		struct pgsql_owed *o = pgsql_owed_at(st, i);

		if (o->kind == PGSQL_OWES_READY)
			continue;
		last = o;
		if (st->is_copying || memcmp(o->verb, "COPY", 5) == 0)
			break;
	}
	return last;
}

/* What goes on behind a request that was complete: passwords, data of COPY. */
static struct px_parse_result request_later(struct pgsql_asking *r, const struct pgsql_head *h)
{
	struct pgsql_state *st = r->st;
	struct pgsql_owed *o = request_owner(st);
	struct px_parse_result res;

	if (h->type == 'p')
		request_mechanism(st, h);
	if (o && h->type == 'd')
		o->copy_in += h->body_len;
	if (o)
		o->later += PGSQL_HEAD + h->body_len;
	r->pos += PGSQL_HEAD + h->body.len;
	res = px_parse_skip(r->pos);
	res.discard = h->body_len - h->body.len;
	return res;
}

/* SSLRequest, CancelRequest and the start-up message, which have a length and no name. */
static struct px_parse_result request_start(struct pgsql_asking *r)
{
	struct px_bytes in = pgsql_request_rest(r);
	struct px_cur c = px_cur_of(in);
	uint32_t len = px_cur_be32(&c), code = px_cur_be32(&c);
	struct pgsql_state *st = r->st;
	struct pgsql_owed *o;

	if (c.ran_short)
		return px_parse_more(8);
	if (len < 8 || len > START_MAX)
		return px_parse_bad("a start-up packet of an impossible length");
	if (in.len < len)
		return px_parse_more(len);
	c = px_cur_of(px_bytes_sub(in, 8, len - 8));
	if (code == 80877102) {
		if (!pgsql_request_begin(r, PGSQL_CANCEL))
			return px_parse_bad(PGSQL_NO_MEMORY);
		r->m->pid = px_cur_be32(&c);
		r->out->kind = PX_FRAME_ONE_WAY;
		st->in_batch = false;
		if (c.ran_short || !pgsql_request_keep(r, 12))
			return px_parse_bad("a cancel request that is too short");
		r->m->raw.is_cut = true; /* the key is not for anybody's eyes */
		r->pos += len - 12;
		return px_parse_frame(r->pos);
	}
	if (code != 80877103 && code != 80877104 && code >> 16 != 3)
		return px_parse_bad("a start-up packet of another protocol");
	if (!pgsql_request_begin(r, PGSQL_STARTUP) || !pgsql_request_keep(r, len))
		return px_parse_bad(PGSQL_NO_MEMORY);
	if (!st->is_starting) {
		o = pgsql_owed_push(st, PGSQL_OWES_STARTUP);
		if (!o)
			return px_parse_bad(PGSQL_NO_MEMORY);
		o->key = r->out->key;
		st->is_starting = true;
	}
	if (code >> 16 != 3) {
		if (len != 8)
			return px_parse_bad("a request for encryption that is too long");
		st->awaits_ssl |= code == 80877103;
		st->awaits_gss |= code == 80877104;
		*(code == 80877103 ? &r->m->ssl : &r->m->gss) = PGSQL_ASKED;
		return px_parse_skip(r->pos);
	}
	while (px_cur_left(&c) > 1) {
		struct px_bytes name = pgsql_cstring(&c), value = pgsql_cstring(&c);

		if (c.ran_short)
			return px_parse_bad("a start-up message that does not fill its length");
		if (!pgsql_texts_add(&r->m->settings, name, START_MAX, &r->out->arena) ||
		    !pgsql_texts_add(&r->m->settings, value, START_MAX, &r->out->arena))
			return px_parse_bad(PGSQL_NO_MEMORY);
	}
	st->is_begun = true;
	st->in_batch = false;
	if (!pgsql_owed_push(st, PGSQL_OWES_READY))
		return px_parse_bad(PGSQL_NO_MEMORY);
	return pgsql_request_done(r);
}

/* The messages behind which the one under construction is complete. */
static bool request_is_other(char type)
{
	return !memchr("PBDCEHS", type, 7);
}

/* The next message: what is to be done with it. */
static struct px_parse_result request_message(struct pgsql_asking *r, const struct pgsql_head *h)
{
	if (r->m && request_is_other(h->type)) {
		if (!r->m->is_executed && !pgsql_request_answers(r))
			return px_parse_bad(PGSQL_NO_MEMORY);
		return pgsql_request_done(r);
	}
	switch (h->type) {
	case 'Q':
		return pgsql_request_query(r, h);
	case 'F':
		return request_function(r, h);
	case 'S':
		return pgsql_request_sync(r);
	case 'H':
		return pgsql_request_flush(r);
	case 'X':
		r->pos += PGSQL_HEAD;
		return px_parse_skip(r->pos);
	case 'p':
	case 'd':
	case 'c':
	case 'f':
		return request_later(r, h);
	default:
		return pgsql_request_extended(r, h);
	}
}

/* No byte will follow. */
static struct px_parse_result request_end(struct pgsql_asking *r)
{
	size_t left = r->in.len - r->pos;

	if (r->m) {
		r->out->flags |= PX_FLAG_ABORTED;
		if (r->m->what != PGSQL_STARTUP && r->m->what != PGSQL_QUERY && !r->m->is_executed)
			(void)pgsql_request_answers(r);
		r->pos = r->in.len;
		return pgsql_request_done(r);
	}
	if (left > 0)
		return px_parse_bad("the connection ends inside a message");
	return r->pos > 0 ? px_parse_skip(r->pos) : px_parse_more(1);
}

/* Of a message that is not waited for: bytes that are looked at. */
static size_t request_most(const struct pgsql_asking *r)
{
	size_t most = r->ctx->limits->body_max;

	return most < 1024 ? 1024 : most > PGSQL_WHOLE_MAX ? PGSQL_WHOLE_MAX : most;
}

/* Are the bytes of the message that are here enough to deal with it? */
static bool request_is_enough(const struct pgsql_asking *r, const struct pgsql_head *h)
{
	if (h->is_whole || h->type == 'd')
		return true;
	/* Their names stand in front, and are all that has to be there. */
	return h->body_len > PGSQL_WHOLE_MAX && memchr("QPBF", h->type, 4) &&
	       h->body.len >= request_most(r);
}

struct px_parse_result pgsql_request_parse(const struct px_parse_ctx *ctx, struct px_bytes in,
					   struct px_frame *out)
{
	struct pgsql_asking r = {
		.ctx = ctx, .st = ctx->state, .in = in, .out = out, .m = out->msg
	};
	struct px_parse_result res;

	if (ctx->eof && r.m && ctx->pos < r.st->dir[ctx->dir].pos)
		out->flags |= PX_FLAG_ABORTED; /* what was to be dropped did not come */
	if (r.st->query_left > 0) {
		if (in.len < r.st->query_left)
			return ctx->eof ? px_parse_bad("the rest of a query is missing")
					: px_parse_more(r.st->query_left);
		return pgsql_request_statements(&r, 0, r.st->query_left);
	}
	for (;;) {
		struct pgsql_head h;
		size_t before = r.pos;
		int got;

		if (r.st->dir[ctx->dir].left > 0 && !request_skip(&r, &res))
			return res;
		if (r.m && r.m->is_long)
			return pgsql_request_long(&r);
		if (r.m && r.m->is_executed) {
			if (pgsql_request_behind_execute(&r, &res))
				return res;
			return pgsql_wait(r.pos, in.len + 1);
		}
		if (r.pos == in.len)
			return ctx->eof ? request_end(&r) : pgsql_wait(r.pos, in.len + 1);
		if (in.ptr[r.pos] == '\0' && !r.st->is_begun) {
			res = request_start(&r);
			if (res.status == PX_PARSE_MORE && ctx->eof)
				return request_end(&r);
			if (res.status == PX_PARSE_MORE && r.pos > 0)
				return px_parse_skip(r.pos);
			if (res.status == PX_PARSE_SKIP)
				continue;
			return res;
		}
		got = pgsql_head_read(pgsql_request_rest(&r), true, &h);
		if (got < 0)
			return px_parse_bad("no message that a client sends");
		h.is_whole = got > 0 && h.is_whole && h.body_len <= PGSQL_WHOLE_MAX;
		if (got == 0 || !request_is_enough(&r, &h)) {
			if (ctx->eof)
				return request_end(&r);
			return pgsql_wait(r.pos,
					  got == 0 ? in.len + 1
						   : (h.body_len > PGSQL_WHOLE_MAX
							      ? in.len + 1
							      : PGSQL_HEAD + (uint64_t)h.body_len));
		}
		if (!h.is_whole && h.type != 'd' && h.body.len > request_most(&r))
			h.body.len = request_most(&r);
		r.st->is_begun = true;
		res = request_message(&r, &h);
		if (res.status != PX_PARSE_SKIP || res.discard > 0)
			return res;
		/* What begins now has its own beginning; data of COPY begins nothing. */
		if (!r.m && (r.pos == in.len || in.ptr[r.pos] != 'd'))
			return res;
		if (!r.m)
			continue;
		if (r.pos == before || r.m->is_flushed)
			return r.pos > before ? res
					      : px_parse_bad("a message that is not dealt with");
	}
}
