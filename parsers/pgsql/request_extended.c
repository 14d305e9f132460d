/* SPDX-License-Identifier: Apache-2.0 */
/* The extended protocol: Parse, Bind, Describe, Execute and Close up to a Sync or Flush. */
#include "pgsql/request.h"

/* Where a text of the message that was just kept lies in raw; at: offset of the message in it. */
static size_t request_offset(size_t at, const struct pgsql_head *h, const char *p)
{
	return at + PGSQL_HEAD + (size_t)(p - h->body.ptr);
}

static bool request_parse(struct pgsql_asking *r, const struct pgsql_head *h, size_t at)
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
	pgsql_request_look(r, text);
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

static bool request_bind(struct pgsql_asking *r, const struct pgsql_head *h, size_t at)
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

static void request_describe(struct pgsql_asking *r, struct px_bytes name)
{
	const struct pgsql_stmt *s = pgsql_stmt_find(r->st, name);
	struct pgsql_request *m = r->m;

	m->is_described_twice |= m->describes > 0 && (!s || s->id != m->described_id);
	m->described_id = s ? s->id : 0;
	m->described_slot = s ? s->slot : 0;
}

/* D and C: a statement or a portal. */
static bool request_target(struct pgsql_asking *r, const struct pgsql_head *h, size_t at)
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
static bool request_recall(struct pgsql_asking *r, const struct pgsql_stmt *s)
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

static bool request_execute(struct pgsql_asking *r, const struct pgsql_head *h, size_t at)
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
	o = pgsql_request_owe(r, PGSQL_OWES_EXECUTE, &is_paid);
	if (o) {
		o->bound_id = s ? s->id : 0;
		o->bound_slot = s ? s->slot : 0;
		if (m->has_sql)
			pgsql_request_verb(o, &m->look);
	}
	if (o && m->has_sql)
		pgsql_stmts_obey(r->st, pgsql_request_sql(m), &m->look);
	return o || is_paid;
}

/* No Execute takes these messages in: they are a request of their own. */
bool pgsql_request_answers(struct pgsql_asking *r)
{
	struct pgsql_request *m = r->m;
	const struct pgsql_stmt *s = pgsql_stmt_of(r->st, m->described_slot, m->described_id);
	bool is_paid, was_owed = m->is_owed;
	struct pgsql_owed *o = pgsql_request_owe(r, PGSQL_OWES_ANSWERS, &is_paid);

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
struct px_parse_result pgsql_request_extended(struct pgsql_asking *r, const struct pgsql_head *h)
{
	struct pgsql_dir *d = &r->st->dir[r->ctx->dir];
	size_t size = PGSQL_HEAD + h->body.len, at;
	bool is_ok = false;

	if (h->type == 'P' && r->m &&
	    r->m->parses > 0) /* another statement: the one before it goes alone */
		return pgsql_request_answers(r) ? pgsql_request_done(r)
						: px_parse_bad(PGSQL_NO_MEMORY);
	if (r->m && r->m->answers == UINT8_MAX)
		return pgsql_request_answers(r) ? pgsql_request_done(r)
						: px_parse_bad(PGSQL_NO_MEMORY);
	if (!pgsql_request_begin(r, PGSQL_PARSE))
		return px_parse_bad(PGSQL_NO_MEMORY);
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
	if (!pgsql_request_keep(r, size))
		return px_parse_bad(PGSQL_NO_MEMORY);
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
struct px_parse_result pgsql_request_flush(struct pgsql_asking *r)
{
	struct pgsql_request *m = r->m;
	struct pgsql_owed *o;
	bool is_paid;

	if (!pgsql_request_keep(r, PGSQL_HEAD))
		return px_parse_bad(PGSQL_NO_MEMORY);
	if (!m)
		return px_parse_skip(r->pos);
	o = pgsql_request_owe(r, PGSQL_OWES_ANSWERS, &is_paid);
	if (!o && !is_paid)
		return px_parse_bad(PGSQL_NO_MEMORY);
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
bool pgsql_request_behind_execute(struct pgsql_asking *r, struct px_parse_result *res)
{
	struct px_bytes rest = pgsql_request_rest(r);
	struct pgsql_head h;

	if (rest.len == 0 ||
	    ((rest.ptr[0] == 'S' || rest.ptr[0] == 'H') && rest.len < PGSQL_HEAD)) {
		if (r->ctx->eof) {
			r->pos = r->in.len;
			*res = pgsql_request_done(r);
			return true;
		}
		return false;
	}
	if ((rest.ptr[0] == 'S' || rest.ptr[0] == 'H') && pgsql_head_read(rest, true, &h) > 0) {
		if (!pgsql_request_keep(r, PGSQL_HEAD) ||
		    (h.type == 'S' && !pgsql_request_owe_ready(r))) {
			*res = px_parse_bad(PGSQL_NO_MEMORY);
			return true;
		}
	}
	*res = pgsql_request_done(r);
	return true;
}

struct px_parse_result pgsql_request_sync(struct pgsql_asking *r)
{
	bool is_alone = !r->m;

	if ((r->m && !pgsql_request_answers(r)) || !pgsql_request_keep(r, PGSQL_HEAD) ||
	    !pgsql_request_owe_ready(r))
		return px_parse_bad(PGSQL_NO_MEMORY);
	return is_alone ? px_parse_skip(r->pos) : pgsql_request_done(r);
}
