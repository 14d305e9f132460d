/* SPDX-License-Identifier: Apache-2.0 */
/* The simple protocol: a query of one or more statements, each of them a request. */
#include "pgsql/request.h"

void pgsql_request_verb(struct pgsql_owed *o, const struct px_sql_look *look)
{
	size_t n = look->verb_len < sizeof(o->verb) ? look->verb_len : sizeof(o->verb);

	memcpy(o->verb, look->verb, n);
}

struct px_bytes pgsql_request_sql(const struct pgsql_request *m)
{
	return m->is_copied
		       ? px_bytes_of(m->sql, m->sql_len)
		       : px_bytes_sub(px_bytes_of(m->raw.ptr, m->raw.len), m->sql_at, m->sql_len);
}

/* What a statement is about; of its text less may be kept than is here. */
void pgsql_request_look(struct pgsql_asking *r, struct px_bytes text)
{
	struct pgsql_request *m = r->m;
	struct px_bytes sql = pgsql_request_sql(m);

	m->sql_is_cut = sql.len < text.len;
	m->sql_len = sql.len;
	m->has_sql = true;
	px_sql_look(text, PX_SQL_POSTGRES, &m->look);
	if (m->look.table_from + m->look.table_len > sql.len)
		m->look.table_len = 0;
}

/* A statement of a simple query, which is kept at offset `at`. */
static bool request_statement(struct pgsql_asking *r, size_t at, struct px_bytes text)
{
	struct pgsql_owed *o = pgsql_owed_push(r->st, PGSQL_OWES_STATEMENT);
	struct pgsql_request *m = r->m;

	if (!o)
		return false;
	m->sql_at = at;
	m->sql_len = text.len;
	pgsql_request_look(r, text);
	o->key = r->out->key;
	pgsql_request_verb(o, &m->look);
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
struct px_parse_result pgsql_request_statements(struct pgsql_asking *r, size_t text, size_t size)
{
	struct px_bytes all = px_bytes_sub(pgsql_request_rest(r), text, size - text - 1),
			rest = all, first = all, second;
	bool is_one = true;
	size_t n = size, at;

	if (!pgsql_request_begin(r, PGSQL_QUERY))
		return px_parse_bad(PGSQL_NO_MEMORY);
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
	if (!pgsql_request_keep(r, n) || !request_statement(r, at, first))
		return px_parse_bad(PGSQL_NO_MEMORY);
	if (text == 0 || !is_one) { /* an error tells where in the text it is */
		pgsql_owed_at(r->st, r->st->owed_count - 1)->from = r->st->query_from + 1;
		r->st->query_from += request_characters(px_bytes_sub(all, 0, n - text));
	}
	if (n == size) {
		r->st->query_from = 0;
		if (!pgsql_request_owe_ready(r))
			return px_parse_bad(PGSQL_NO_MEMORY);
	}
	return pgsql_request_done(r);
}

struct px_parse_result pgsql_request_query(struct pgsql_asking *r, const struct pgsql_head *h)
{
	struct px_cur c = px_cur_of(h->body);
	struct px_bytes text = pgsql_cstring(&c);

	pgsql_stmt_drop(r->st, PX_BYTES("")); /* a simple query does that to the unnamed one */
	if (h->is_whole) {
		if (c.ran_short || px_cur_left(&c) > 0)
			return px_parse_bad("a query that does not end with its message");
		return pgsql_request_statements(r, PGSQL_HEAD, PGSQL_HEAD + text.len + 1);
	}
	if (!pgsql_request_begin(r, PGSQL_QUERY) ||
	    !pgsql_request_keep(r, PGSQL_HEAD + h->body.len) ||
	    !request_statement(r, PGSQL_HEAD, h->body))
		return px_parse_bad(PGSQL_NO_MEMORY);
	return pgsql_request_go_long(r, h);
}

struct px_parse_result pgsql_request_go_long(struct pgsql_asking *r, const struct pgsql_head *h)
{
	r->m->is_long = true;
	r->st->dir[r->ctx->dir].left = h->body_len - h->body.len;
	r->st->dir[r->ctx->dir].is_kept = true;
	return px_parse_skip(r->pos);
}

struct px_parse_result pgsql_request_long(struct pgsql_asking *r)
{
	struct pgsql_request *m = r->m;

	if (m->what == PGSQL_QUERY) {
		m->sql_len = m->raw.len > PGSQL_HEAD ? m->raw.len - PGSQL_HEAD : 0;
		m->sql_is_cut = m->raw.is_cut;
		if (!m->raw.is_cut && m->sql_len > 0)
			m->sql_len--; /* the zero */
	}
	return pgsql_request_owe_ready(r) ? pgsql_request_done(r) : px_parse_bad(PGSQL_NO_MEMORY);
}
