/* SPDX-License-Identifier: Apache-2.0 */
/* What a client sends: messages put together to requests, each of which gets one answer. */
#include "pgsql/message.h"

#define START_MAX 10000 /* bytes of a start-up packet; the server takes no more */

/* What the steps of one call share. */
struct request {
	const struct px_parse_ctx *ctx;
	struct pgsql_state *st;
	struct px_bytes in;
	size_t pos; /* bytes of in that are dealt with */
	struct px_frame *out;
	struct pgsql_request *m; /* under construction, or NULL */
};

static const char no_memory[] = "out of memory";

static struct px_bytes request_rest(const struct request *r)
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

static bool request_begin(struct request *r, enum pgsql_what what)
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
static bool request_keep(struct request *r, size_t n)
{
	struct px_bytes b = px_bytes_sub(r->in, r->pos, n);

	r->pos += n;
	return !r->m || pgsql_raw_add(&r->m->raw, b, r->ctx->limits->body_max, &r->out->arena);
}

/* The request is complete. */
static struct px_parse_result request_done(struct request *r)
{
	if (r->m && r->m->raw.is_cut)
		r->out->flags |= PX_FLAG_TRUNCATED;
	return px_parse_frame(r->pos);
}

static bool request_owe_ready(struct request *r)
{
	r->st->in_batch = false;
	return pgsql_owed_push(r->st, PGSQL_OWES_READY) != NULL;
}

/*
 * What the server owes for this request: behind a Flush it does so already, and may have paid with
 * an error. *is_paid then.
 */
static struct pgsql_owed *request_owe(struct request *r, enum pgsql_owed_kind kind, bool *is_paid)
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

static void request_verb(struct pgsql_owed *o, const struct px_sql_look *look)
{
	size_t n = look->verb_len < sizeof(o->verb) ? look->verb_len : sizeof(o->verb);

	memcpy(o->verb, look->verb, n);
}

static struct px_bytes request_sql(const struct pgsql_request *m)
{
	return m->is_copied
		       ? px_bytes_of(m->sql, m->sql_len)
		       : px_bytes_sub(px_bytes_of(m->raw.ptr, m->raw.len), m->sql_at, m->sql_len);
}

/* What a statement is about; of its text less may be kept than is here. */
static void request_look(struct request *r, struct px_bytes text)
{
	struct pgsql_request *m = r->m;
	struct px_bytes sql = request_sql(m);

	m->sql_is_cut = sql.len < text.len;
	m->sql_len = sql.len;
	m->has_sql = true;
	px_sql_look(text, PX_SQL_POSTGRES, &m->look);
	if (m->look.table_from + m->look.table_len > sql.len)
		m->look.table_len = 0;
}

/* A statement of a simple query, which is kept at offset `at`. */
static bool request_statement(struct request *r, size_t at, struct px_bytes text)
{
	struct pgsql_owed *o = pgsql_owed_push(r->st, PGSQL_OWES_STATEMENT);
	struct pgsql_request *m = r->m;

	if (!o)
		return false;
	m->sql_at = at;
	m->sql_len = text.len;
	request_look(r, text);
	o->key = r->out->key;
	request_verb(o, &m->look);
	pgsql_stmts_obey(r->st, text, &m->look);
	return true;
}

/* Of UTF-8, or of bytes where it is none. */
static uint32_t request_characters(struct px_bytes b)
{
	uint32_t n = 0;

	for (size_t i = 0; i < b.len; i++)
		n += ((uint8_t)b.ptr[i] & 0xc0) != 0x80;
	return n;
}

/*
 * Statements of a query, whose text begins at offset `text` of what comes next and ends with the
 * message, in `size` bytes: the first of them is a request.
 */
static struct px_parse_result request_statements(struct request *r, size_t text, size_t size)
{
	struct px_bytes all = px_bytes_sub(request_rest(r), text, size - text - 1), rest = all,
			first = all, second;
	bool is_one = true;
	size_t n = size, at;

	if (!request_begin(r, PGSQL_QUERY))
		return px_parse_bad(no_memory);
	if ((text == 0 || px_sql_may_be_many(all)) &&
	    px_sql_split(&rest, PX_SQL_POSTGRES, &first)) {
		struct px_bytes behind = rest;

		is_one = !px_sql_split(&behind, PX_SQL_POSTGRES, &second);
		if (!is_one)
			n = size - 1 - rest.len;
	}
	if (is_one && text > 0)
		first = all; /* as it was sent */
	at = text + (size_t)(first.ptr - all.ptr);
	r->st->query_left = (uint32_t)(size - n);
	if (first.len == 0)
		at = text;
	if (!request_keep(r, n) || !request_statement(r, at, first))
		return px_parse_bad(no_memory);
	if (text == 0 || !is_one) { /* an error tells where in the text it is */
		pgsql_owed_at(r->st, r->st->owed_count - 1)->from = r->st->query_from + 1;
		r->st->query_from += request_characters(px_bytes_sub(all, 0, n - text));
	}
	if (n == size) {
		r->st->query_from = 0;
		if (!request_owe_ready(r))
			return px_parse_bad(no_memory);
	}
	return request_done(r);
}

/* Bytes of a message of which only the beginning is looked at. True: it is dealt with. */
static bool request_skip(struct request *r, struct px_parse_result *res)
{
	struct pgsql_dir *d = &r->st->dir[r->ctx->dir];
	struct px_bytes rest = request_rest(r);
	size_t n = rest.len < d->left ? rest.len : (size_t)d->left;

	if (!d->is_kept)
		r->pos += n;
	else if (!request_keep(r, n)) {
		*res = px_parse_bad(no_memory);
		return false;
	}
	d->left -= n;
	if (d->left == 0)
		return true;
	if (r->ctx->eof) {
		r->out->flags |= PX_FLAG_ABORTED;
		*res = r->m ? request_done(r) : px_parse_skip(r->pos);
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

static struct px_parse_result request_query(struct request *r, const struct pgsql_head *h)
{
	struct px_cur c = px_cur_of(h->body);
	struct px_bytes text = pgsql_cstring(&c);

	pgsql_stmt_drop(r->st, PX_BYTES("")); /* a simple query does that to the unnamed one */
	if (h->is_whole) {
		if (c.ran_short || px_cur_left(&c) > 0)
			return px_parse_bad("a query that does not end with its message");
		return request_statements(r, PGSQL_HEAD, PGSQL_HEAD + text.len + 1);
	}
	if (!request_begin(r, PGSQL_QUERY) || !request_keep(r, PGSQL_HEAD + h->body.len) ||
	    !request_statement(r, PGSQL_HEAD, h->body))
		return px_parse_bad(no_memory);
	r->m->is_long = true;
	r->st->dir[r->ctx->dir].left = h->body_len - h->body.len;
	r->st->dir[r->ctx->dir].is_kept = true;
	return px_parse_skip(r->pos);
}

/* All of a long query has gone by. */
static struct px_parse_result request_long_query(struct request *r)
{
	struct pgsql_request *m = r->m;

	m->sql_len = m->raw.len > PGSQL_HEAD ? m->raw.len - PGSQL_HEAD : 0;
	m->sql_is_cut = m->raw.is_cut;
	if (!m->raw.is_cut && m->sql_len > 0)
		m->sql_len--; /* the zero */
	return request_owe_ready(r) ? request_done(r) : px_parse_bad(no_memory);
}

/* Where a text of the message that was just kept lies in raw; at: offset of the message in it. */
static size_t request_offset(size_t at, const struct pgsql_head *h, const char *p)
{
	return at + PGSQL_HEAD + (size_t)(p - h->body.ptr);
}

static bool request_parse(struct request *r, const struct pgsql_head *h, size_t at)
{
	struct px_cur c = px_cur_of(h->body);
	struct px_bytes name = pgsql_cstring(&c), text;
	struct pgsql_request *m = r->m;
	struct pgsql_stmt *s;
	bool is_cut = false;
	uint16_t count = 0;

	if (c.ran_short)
		return false;
	text = px_bytes_of(c.pos, px_cur_left(&c));
	if (h->is_whole) {
		text = pgsql_cstring(&c);
		count = px_cur_be16(&c);
		if (c.ran_short || px_cur_left(&c) != count * 4u)
			return false;
	} else {
		is_cut = true;
	}
	m->parses++;
	m->statement_at = request_offset(at, h, name.ptr);
	m->statement_len = name.len;
	m->has_statement = true;
	m->sql_at = request_offset(at, h, text.ptr);
	m->sql_len = text.len;
	m->is_copied = false;
	request_look(r, text);
	m->sql_is_cut |= is_cut;
	s = pgsql_stmt_define(r->st, name, px_bytes_sub(text, 0, r->ctx->limits->body_max),
			      m->sql_is_cut);
	r->st->parses++;
	m->parsed_id = 0;
	if (s) {
		s->parse_no = r->st->parses;
		s->look = m->look;
		if (s->look.table_from + s->look.table_len > s->text_len)
			s->look.table_len = 0;
		m->parsed_id = s->id;
		m->parsed_slot = s->slot;
	}
	if (count > 0 && count <= PGSQL_TYPES_MAX) {
		uint32_t *types = px_arena_alloc(&r->out->arena, count * sizeof(*types));

		for (uint16_t i = 0; types && i < count; i++)
			types[i] = px_cur_be32(&c);
		m->has_types = types != NULL;
		m->types = types;
		m->type_count = types ? count : 0;
		if (s && types)
			pgsql_stmt_set_types(r->st, s, types, count);
	} else {
		m->has_types = false;
	}
	return true;
}

static bool request_bind(struct request *r, const struct pgsql_head *h, size_t at)
{
	struct px_cur c = px_cur_of(h->body);
	struct px_bytes portal = pgsql_cstring(&c), name = pgsql_cstring(&c);
	struct pgsql_request *m = r->m;
	struct px_bytes parsed = px_bytes_sub(px_bytes_of(m->raw.ptr, m->raw.len), m->statement_at,
					      m->statement_len);

	if (c.ran_short)
		return false;
	m->binds++;
	m->binds_parsed = m->parses == 1 && px_bytes_eq(parsed, name);
	m->portal_at = request_offset(at, h, portal.ptr);
	m->portal_len = portal.len;
	m->has_portal = true;
	m->statement_at = request_offset(at, h, name.ptr);
	m->statement_len = name.len;
	m->has_statement = true;
	m->bind_at = request_offset(at, h, c.pos);
	m->bind_len = h->body_len - (size_t)(c.pos - h->body.ptr);
	m->has_bind = true;
	pgsql_portal_bind(r->st, portal, pgsql_stmt_find(r->st, name));
	return true;
}

static void request_describe(struct request *r, struct px_bytes name)
{
	const struct pgsql_stmt *s = pgsql_stmt_find(r->st, name);
	struct pgsql_request *m = r->m;

	m->is_described_twice |= m->describes > 0 && (!s || s->id != m->described_id);
	m->described_id = s ? s->id : 0;
	m->described_slot = s ? s->slot : 0;
}

/* D and C: a statement or a portal. */
static bool request_target(struct request *r, const struct pgsql_head *h, size_t at)
{
	struct px_cur c = px_cur_of(h->body);
	char what = (char)px_cur_u8(&c);
	struct px_bytes name = pgsql_cstring(&c);
	struct pgsql_request *m = r->m;
	bool is_statement = what == 'S';

	if (c.ran_short || px_cur_left(&c) > 0 || (!is_statement && what != 'P'))
		return false;
	if (h->type == 'C') {
		m->closes++;
		if (is_statement)
			pgsql_stmt_drop(r->st, name);
		else
			pgsql_portal_drop(r->st, name);
	} else {
		if (is_statement)
			request_describe(r, name);
		m->describes++;
	}
	if (is_statement && !m->has_statement) {
		m->statement_at = request_offset(at, h, name.ptr);
		m->statement_len = name.len;
		m->has_statement = true;
	} else if (!is_statement && !m->has_portal) {
		m->portal_at = request_offset(at, h, name.ptr);
		m->portal_len = name.len;
		m->has_portal = true;
	}
	return true;
}

/* What is remembered of a statement, copied for a request. False: no memory. */
static bool request_recall(struct request *r, const struct pgsql_stmt *s)
{
	struct pgsql_request *m = r->m;

	if (!m->binds_parsed || m->what == PGSQL_DESCRIBE) {
		char *p = px_arena_alloc(&r->out->arena, s->text_len + 1);

		if (!p)
			return false;
		if (s->text_len > 0)
			memcpy(p, s->name + s->name_len, s->text_len);
		m->sql = p;
		m->sql_len = s->text_len;
		m->is_copied = m->has_sql = true;
		m->sql_is_cut = s->is_cut;
		m->look = s->look;
		if (s->is_cut)
			r->out->flags |= PX_FLAG_TRUNCATED;
	}
	if (s->has_types) {
		m->types = px_arena_alloc(&r->out->arena, s->type_count * sizeof(*m->types) + 1);
		if (!m->types)
			return false;
		if (s->type_count > 0)
			memcpy(m->types, s->types, s->type_count * sizeof(*m->types));
		m->type_count = s->type_count;
		m->has_types = true;
	}
	if (s->has_columns) {
		m->columns.ptr = px_arena_alloc(&r->out->arena, s->columns.len + 1);
		if (!m->columns.ptr)
			return false;
		if (s->columns.len > 0)
			memcpy(m->columns.ptr, s->columns.ptr, s->columns.len);
		m->columns.len = s->columns.len;
		m->columns.count = s->columns.count;
	}
	return true;
}

static bool request_execute(struct request *r, const struct pgsql_head *h, size_t at)
{
	struct px_cur c = px_cur_of(h->body);
	struct px_bytes name = pgsql_cstring(&c);
	uint32_t max_rows = px_cur_be32(&c);
	const struct pgsql_portal *p;
	struct pgsql_request *m = r->m;
	struct pgsql_stmt *s = NULL;
	struct px_bytes bound;
	struct pgsql_owed *o;
	bool is_paid;

	if (c.ran_short || px_cur_left(&c) > 0)
		return false;
	bound = px_bytes_sub(px_bytes_of(m->raw.ptr, m->raw.len), m->portal_at, m->portal_len);
	if (m->has_bind && !px_bytes_eq(bound, name)) { /* of another portal */
		m->has_bind = m->binds_parsed = m->has_statement = false;
	} else if (!m->has_bind) {
		m->has_statement = false;
	}
	m->what = PGSQL_EXECUTE;
	m->is_executed = true;
	m->max_rows = max_rows;
	m->portal_at = request_offset(at, h, name.ptr);
	m->portal_len = name.len;
	m->has_portal = true;
	p = pgsql_portal_find(r->st, name);
	if (p)
		s = pgsql_stmt_of(r->st, p->slot, p->id);
	m->has_sql = m->binds_parsed;
	if (!m->binds_parsed)
		m->has_types = false;
	if (s && !request_recall(r, s))
		return false;
	o = request_owe(r, PGSQL_OWES_EXECUTE, &is_paid);
	if (o) {
		o->bound_id = s ? s->id : 0;
		o->bound_slot = s ? s->slot : 0;
		if (m->has_sql)
			request_verb(o, &m->look);
	}
	if (o && m->has_sql)
		pgsql_stmts_obey(r->st, request_sql(m), &m->look);
	return o || is_paid;
}

/* No Execute takes these messages in: they are a request of their own. */
static bool request_answers(struct request *r)
{
	struct pgsql_request *m = r->m;
	const struct pgsql_stmt *s = pgsql_stmt_of(r->st, m->described_slot, m->described_id);
	bool is_paid, was_owed = m->is_owed;
	struct pgsql_owed *o = request_owe(r, PGSQL_OWES_ANSWERS, &is_paid);

	if (!o && !is_paid)
		return false;
	m->what = m->parses	 ? PGSQL_PARSE
		  : m->describes ? PGSQL_DESCRIBE
		  : m->binds	 ? PGSQL_BIND
				 : PGSQL_CLOSE;
	if (o)
		o->answers = (uint16_t)(was_owed ? o->answers + m->unowed : m->answers);
	return m->what != PGSQL_DESCRIBE || !s || request_recall(r, s);
}

/* Messages of the extended query protocol. */
static struct px_parse_result request_extended(struct request *r, const struct pgsql_head *h)
{
	struct pgsql_dir *d = &r->st->dir[r->ctx->dir];
	size_t size = PGSQL_HEAD + h->body.len, at;
	bool is_ok = false;

	if (h->type == 'P' && r->m && r->m->parses > 0) /* another statement: the one before it goes alone */
		return request_answers(r) ? request_done(r) : px_parse_bad(no_memory);
	if (r->m && r->m->answers == UINT8_MAX)
		return request_answers(r) ? request_done(r) : px_parse_bad(no_memory);
	if (!request_begin(r, PGSQL_PARSE))
		return px_parse_bad(no_memory);
	if (h->type == 'B' && r->m->is_flushed) {
		if (r->pos > 0)
			return px_parse_skip(r->pos);
		/*
		 * What was prepared has its answer: how long the client thought about it is no
		 * latency.
		 */
		r->m->is_flushed = false;
		r->out->begins_here = true;
	}
	at = r->m->raw.len;
	if (!request_keep(r, size))
		return px_parse_bad(no_memory);
	r->m->answers++;
	r->m->unowed++;
	switch (h->type) {
	case 'P':
		is_ok = request_parse(r, h, at);
		break;
	case 'B':
		is_ok = request_bind(r, h, at);
		break;
	case 'D':
	case 'C':
		is_ok = request_target(r, h, at);
		break;
	default:
		is_ok = request_execute(r, h, at);
		break;
	}
	if (!is_ok)
		return px_parse_bad("a message that does not fill its length");
	d->left = h->body_len - h->body.len;
	d->is_kept = true;
	return px_parse_skip(r->pos);
}

/*
 * Flush: the server answers what is there. If nothing of it is executed, the rest may come much
 * later.
 */
static struct px_parse_result request_flush(struct request *r)
{
	struct pgsql_request *m = r->m;
	struct pgsql_owed *o;
	bool is_paid;

	if (!request_keep(r, PGSQL_HEAD))
		return px_parse_bad(no_memory);
	if (!m)
		return px_parse_skip(r->pos);
	o = request_owe(r, PGSQL_OWES_ANSWERS, &is_paid);
	if (!o && !is_paid)
		return px_parse_bad(no_memory);
	if (o) {
		o->answers = (uint16_t)(m->is_owed ? o->answers + m->unowed : m->answers);
		o->is_open = true;
		o->is_flushed = true;
	}
	m->is_owed = m->is_flushed = true;
	m->unowed = 0;
	return px_parse_skip(r->pos);
}

/* Behind an Execute: Sync and Flush belong to it. False: what follows is not there yet. */
static bool request_behind_execute(struct request *r, struct px_parse_result *res)
{
	struct px_bytes rest = request_rest(r);
	struct pgsql_head h;

	if (rest.len == 0 ||
	    ((rest.ptr[0] == 'S' || rest.ptr[0] == 'H') && rest.len < PGSQL_HEAD)) {
		if (r->ctx->eof) {
			r->pos = r->in.len;
			*res = request_done(r);
			return true;
		}
		return false;
	}
	if ((rest.ptr[0] == 'S' || rest.ptr[0] == 'H') && pgsql_head_read(rest, true, &h) > 0) {
		if (!request_keep(r, PGSQL_HEAD) || (h.type == 'S' && !request_owe_ready(r))) {
			*res = px_parse_bad(no_memory);
			return true;
		}
	}
	*res = request_done(r);
	return true;
}

static struct px_parse_result request_sync(struct request *r)
{
	bool is_alone = !r->m;

	if ((r->m && !request_answers(r)) || !request_keep(r, PGSQL_HEAD) || !request_owe_ready(r))
		return px_parse_bad(no_memory);
	return is_alone ? px_parse_skip(r->pos) : request_done(r);
}

static struct px_parse_result request_function(struct request *r, const struct pgsql_head *h)
{
	struct px_cur c = px_cur_of(h->body);
	struct pgsql_owed *o;

	if (!request_begin(r, PGSQL_FUNCTION_CALL))
		return px_parse_bad(no_memory);
	r->m->oid = px_cur_be32(&c);
	o = pgsql_owed_push(r->st, PGSQL_OWES_FUNCTION);
	if (!o)
		return px_parse_bad(no_memory);
	o->key = r->out->key;
	if (!request_owe_ready(r) || !request_keep(r, PGSQL_HEAD + h->body.len))
		return px_parse_bad(no_memory);
	r->st->dir[r->ctx->dir].left = h->body_len - h->body.len; /* goes by behind it */
	r->st->dir[r->ctx->dir].is_kept = false;
	return request_done(r);
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
static struct px_parse_result request_later(struct request *r, const struct pgsql_head *h)
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
static struct px_parse_result request_start(struct request *r)
{
	struct px_bytes in = request_rest(r);
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
		if (!request_begin(r, PGSQL_CANCEL))
			return px_parse_bad(no_memory);
		r->m->pid = px_cur_be32(&c);
		r->out->kind = PX_FRAME_ONE_WAY;
		st->in_batch = false;
		if (c.ran_short || !request_keep(r, 12))
			return px_parse_bad("a cancel request that is too short");
		r->m->raw.is_cut = true; /* the key is not for anybody's eyes */
		r->pos += len - 12;
		return px_parse_frame(r->pos);
	}
	if (code != 80877103 && code != 80877104 && code >> 16 != 3)
		return px_parse_bad("a start-up packet of another protocol");
	if (!request_begin(r, PGSQL_STARTUP) || !request_keep(r, len))
		return px_parse_bad(no_memory);
	if (!st->is_starting) {
		o = pgsql_owed_push(st, PGSQL_OWES_STARTUP);
		if (!o)
			return px_parse_bad(no_memory);
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
			return px_parse_bad(no_memory);
	}
	st->is_begun = true;
	st->in_batch = false;
	if (!pgsql_owed_push(st, PGSQL_OWES_READY))
		return px_parse_bad(no_memory);
	return request_done(r);
}

/* The messages behind which the one under construction is complete. */
static bool request_is_other(char type)
{
	return !memchr("PBDCEHS", type, 7);
}

/* The next message: what is to be done with it. */
static struct px_parse_result request_message(struct request *r, const struct pgsql_head *h)
{
	if (r->m && request_is_other(h->type)) {
		if (!r->m->is_executed && !request_answers(r))
			return px_parse_bad(no_memory);
		return request_done(r);
	}
	switch (h->type) {
	case 'Q':
		return request_query(r, h);
	case 'F':
		return request_function(r, h);
	case 'S':
		return request_sync(r);
	case 'H':
		return request_flush(r);
	case 'X':
		r->pos += PGSQL_HEAD;
		return px_parse_skip(r->pos);
	case 'p':
	case 'd':
	case 'c':
	case 'f':
		return request_later(r, h);
	default:
		return request_extended(r, h);
	}
}

/* No byte will follow. */
static struct px_parse_result request_end(struct request *r)
{
	size_t left = r->in.len - r->pos;

	if (r->m) {
		r->out->flags |= PX_FLAG_ABORTED;
		if (r->m->what != PGSQL_STARTUP && r->m->what != PGSQL_QUERY && !r->m->is_executed)
			(void)request_answers(r);
		r->pos = r->in.len;
		return request_done(r);
	}
	if (left > 0)
		return px_parse_bad("the connection ends inside a message");
	return r->pos > 0 ? px_parse_skip(r->pos) : px_parse_more(1);
}

/* Of a message that is not waited for: bytes that are looked at. */
static size_t request_most(const struct request *r)
{
	size_t most = r->ctx->limits->body_max;

	return most < 1024 ? 1024 : most > PGSQL_WHOLE_MAX ? PGSQL_WHOLE_MAX : most;
}

/* Are the bytes of the message that are here enough to deal with it? */
static bool request_is_enough(const struct request *r, const struct pgsql_head *h)
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
	struct request r = { .ctx = ctx, .st = ctx->state, .in = in, .out = out, .m = out->msg };
	struct px_parse_result res;

	if (ctx->eof && r.m && ctx->pos < r.st->dir[ctx->dir].pos)
		out->flags |= PX_FLAG_ABORTED; /* what was to be dropped did not come */
	if (r.st->query_left > 0) {
		if (in.len < r.st->query_left)
			return ctx->eof ? px_parse_bad("the rest of a query is missing")
					: px_parse_more(r.st->query_left);
		return request_statements(&r, 0, r.st->query_left);
	}
	for (;;) {
		struct pgsql_head h;
		size_t before = r.pos;
		int got;

		if (r.st->dir[ctx->dir].left > 0 && !request_skip(&r, &res))
			return res;
		if (r.m && r.m->is_long)
			return request_long_query(&r);
		if (r.m && r.m->is_executed) {
			if (request_behind_execute(&r, &res))
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
		got = pgsql_head_read(request_rest(&r), true, &h);
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
