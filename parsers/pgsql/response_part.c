/* SPDX-License-Identifier: Apache-2.0 */
/* What the messages of an answer tell: columns, types, tags, what there is at the start. */
#include "pgsql/response.h"

static bool response_columns(struct pgsql_answering *r, const struct pgsql_head *h)
{
	struct px_cur c = px_cur_of(h->body);
	uint16_t n = px_cur_be16(&c);
	struct pgsql_response *m = r->m;
	const struct pgsql_owed *o = pgsql_response_own(r);
	struct pgsql_stmt *s = NULL;

	m->columns.len = m->columns.count = 0; /* its memory is for the next ones */
	m->columns.is_cut = false;
	m->has_columns = true;
	while (n-- > 0) {
		struct px_bytes name = pgsql_cstring(&c);

		px_cur_skip(&c, 18);
		if (c.ran_short)
			return false;
		if (!pgsql_texts_add(&m->columns, name, PGSQL_COLUMNS_MAX, &r->out->arena))
			return false;
	}
	if (o && m->has_types)
		s = pgsql_stmt_of(r->st, o->described_slot, o->described_id);
	else if (o && o->bound_id)
		s = pgsql_stmt_of(r->st, o->bound_slot, o->bound_id);
	if (s)
		pgsql_stmt_set_columns(r->st, s, &m->columns);
	return px_cur_left(&c) == 0;
}

static bool response_types(struct pgsql_answering *r, const struct pgsql_head *h)
{
	struct px_cur c = px_cur_of(h->body);
	uint16_t n = px_cur_be16(&c);
	struct pgsql_response *m = r->m;
	const struct pgsql_owed *o = pgsql_response_own(r);
	struct pgsql_stmt *s;

	if (c.ran_short || px_cur_left(&c) != n * 4u)
		return false;
	m->has_types = true;
	if (n > PGSQL_TYPES_MAX)
		return true;
	if (n > m->type_cap || !m->types) {
		m->types = px_arena_alloc(&r->out->arena, n * sizeof(*m->types) + 1);
		if (!m->types)
			return false;
		m->type_cap = n;
	}
	m->type_count = n;
	for (uint16_t i = 0; i < n; i++)
		m->types[i] = px_cur_be32(&c);
	s = o ? pgsql_stmt_of(r->st, o->described_slot, o->described_id) : NULL;
	if (s)
		pgsql_stmt_set_types(r->st, s, m->types, n);
	return true;
}

/* One of the answers to messages that prepare. */
static void response_count(struct pgsql_answering *r, char type)
{
	struct pgsql_owed *o = pgsql_response_own(r);

	if (o && type == '1' && o->parses_here > 0) {
		o->parses_here--;
		r->st->parsed = o->parses - o->parses_here;
	}
	if (o && o->answers > 0)
		o->answers--;
}

/*
 * Joined in the middle, what is owed may be in answer to something else. It is certain to be where
 * the tag is that of another statement.
 */
static bool response_fits(const struct pgsql_owed *o, struct px_bytes tag)
{
	static const char verbs[] = "SELECTINSERTUPDATEDELETE";
	bool is_one = false;

	if (tag.len < 6)
		return true;
	for (size_t i = 0; i < sizeof(verbs) - 1; i += 6)
		is_one |= memcmp(o->verb, verbs + i, 6) == 0;
	return !is_one || memcmp(o->verb, tag.ptr, 6) == 0;
}

static bool response_tag(struct pgsql_answering *r, const struct pgsql_head *h)
{
	struct px_cur c = px_cur_of(h->body);
	struct px_bytes tag = pgsql_cstring(&c);
	const struct pgsql_owed *o = pgsql_response_own(r);

	if (c.ran_short || px_cur_left(&c) > 0)
		return false;
	if (tag.len > sizeof(r->m->tag))
		tag.len = sizeof(r->m->tag);
	memcpy(r->m->tag, tag.ptr, tag.len);
	r->m->tag_len = (uint8_t)tag.len;
	if (o && r->st->is_joined && !response_fits(o, tag))
		pgsql_response_disown(r);
	return true;
}

static bool response_auth(struct pgsql_answering *r, const struct pgsql_head *h)
{
	struct px_cur c = px_cur_of(h->body);
	uint32_t code = px_cur_be32(&c);
	struct pgsql_response *m = r->m;

	if (c.ran_short)
		return false;
	if (code == 0)
		m->is_authenticated = true;
	else if (m->auth == 0)
		m->auth = code < UINT32_MAX ? code + 1 : code;
	memcpy(m->mechanism, r->st->mechanism, sizeof(m->mechanism));
	m->mechanism_len = r->st->mechanism_len;
	return true;
}

bool pgsql_response_setting(struct pgsql_answering *r, const struct pgsql_head *h)
{
	struct px_cur c = px_cur_of(h->body);
	struct px_bytes name = pgsql_cstring(&c), value = pgsql_cstring(&c);
	const struct pgsql_owed *o = pgsql_response_own(r);

	if (c.ran_short)
		return false;
	if (!o || o->kind != PGSQL_OWES_STARTUP || r->m->settings.count >= 2 * PGSQL_PARAMETERS_MAX)
		return true;
	return pgsql_texts_add(&r->m->settings, name, PGSQL_COLUMNS_MAX, &r->out->arena) &&
	       pgsql_texts_add(&r->m->settings, value, PGSQL_COLUMNS_MAX, &r->out->arena);
}

int pgsql_response_part(struct pgsql_answering *r, const struct pgsql_head *h)
{
	struct pgsql_response *m = r->m;

	/* Of an answer that nobody knows, columns told before these may be another statement's. */
	if (m->is_orphan && memchr("123tnGHW", h->type, 8))
		m->has_columns = false;
	switch (h->type) {
	case 'T':
		if (h->is_whole && !response_columns(r, h))
			return -1;
		response_count(r, h->type);
		break;
	case 't':
		return !h->is_whole || response_types(r, h) ? 0 : -1;
	case '1':
	case '2':
	case '3':
	case 'n':
		response_count(r, h->type);
		break;
	case 'D':
		m->rows++;
		m->has_rows = true;
		return 0;
	case 'd':
		m->copy_out += h->body_len;
		m->was_copy_out = true;
		return 0;
	case 'G':
		m->was_copy_in = true;
		r->st->is_copying |= pgsql_response_own(r) != NULL;
		/*
		 * The Sync that libpq has sent already is ignored, and sent again behind the data.
		 */
		if (pgsql_response_own(r) && pgsql_response_own(r)->kind == PGSQL_OWES_EXECUTE &&
		    pgsql_owed_at(r->st, 1) && pgsql_owed_at(r->st, 1)->kind == PGSQL_OWES_READY)
			pgsql_owed_drop(r->st, 1);
		return 0;
	case 'H':
		m->was_copy_out = true;
		return 0;
	case 'W':
		r->st->is_streaming = true;
		return 2;
	case 'C':
		return response_tag(r, h) ? 1 : -1;
	case 's':
		m->is_suspended = true;
		return 1;
	case 'I':
	case 'V':
		return 1;
	case 'R':
		return response_auth(r, h) ? 0 : -1;
	case 'K':
		if (h->body_len >= 4) {
			struct px_cur c = px_cur_of(h->body);

			m->pid = px_cur_be32(&c);
			m->has_pid = true;
		}
		return 0;
	default:
		return 0;
	}
	/* Answers that no Execute ends: the last of them does. */
	if (pgsql_response_own(r) && pgsql_response_own(r)->kind == PGSQL_OWES_ANSWERS &&
	    pgsql_response_own(r)->answers == 0 && !pgsql_response_own(r)->is_open)
		return 1;
	return 0;
}
