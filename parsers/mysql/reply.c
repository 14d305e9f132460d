/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers: what a server sends for one command. Which packets there are follows from the command
 * and from the packets themselves:
 *
 *	OK      00 affected-rows last-insert-id status(2) warnings(2) text
 *	ERR     ff code(2) [# sqlstate(5)] text
 *	EOF     fe warnings(2) status(2)
 *	OK as the end of rows (CLIENT_DEPRECATE_EOF)    fe and the fields of OK
 *	result  column count [definitions follow], a definition each, [EOF], rows, EOF or OK
 *
 * An EOF packet has just 5 bytes, an OK packet at least 7, and a row that begins with fe at least
 * 2^24: so they are told apart whether the capabilities are known or not.
 */
#include "mysql/reply.h"

#define WANT_FIRST 600		/* payload bytes of a packet that are looked at */
#define WANT_DEFINITION 2048
#define WANT_END 64
#define EOF_LEN 5
#define PREPARED_LEN 12
#define PROGRESS 0xffff		/* MariaDB: an ERR packet that is none */
#define COLUMNS_FIRST 16	/* names that there is room for to begin with */

static const struct px_bytes definition = PX_BYTES("\x03" "def"); /* the catalog, in all of them */

static struct mysql_result *reply_result(struct mysql_msg *m, struct px_arena *arena)
{
	struct mysql_reply *r = &m->rep;
	size_t n = r->result_count;

	r->now = NULL;
	if (n == 0) {
		r->now = &r->first;
	} else if (n < MYSQL_RESULTS_MAX && !r->lacks_results) {
		if (n - 1 == r->more_cap) {
			size_t cap = r->more_cap ? r->more_cap * 4 : 4;
			struct mysql_result *more = px_arena_alloc(arena, cap * sizeof(*more));

			if (more && r->more_cap)
				memcpy(more, r->more, r->more_cap * sizeof(*more));
			r->more = more ? more : r->more;
			r->more_cap = more ? cap : r->more_cap;
		}
		if (n - 1 < r->more_cap)
			r->now = &r->more[n - 1];
	}
	if (r->now)
		r->result_count++;
	else
		r->lacks_results = true;
	if (!r->now)
		r->now = &r->spare;
	memset(r->now, 0, sizeof(*r->now));
	return r->now;
}

static struct px_bytes reply_copy(struct px_arena *arena, struct px_bytes b)
{
	return b.len ? px_arena_copy(arena, b, NULL) : (struct px_bytes){ NULL, 0 };
}

/* A result has ended; the status says whether another one follows. */
static enum reply_next reply_end(struct mysql_msg *m, unsigned int status)
{
	bool goes_on = status & MYSQL_STATUS_MORE_RESULTS && m->command != MYSQL_COM_STMT_FETCH;

	m->rep.now->is_whole = true;
	m->rep.phase = goes_on ? MYSQL_IN_FIRST : MYSQL_COMPLETE;
	return REPLY_ON;
}

static enum reply_next reply_err(struct mysql_msg *m, const struct reply_packet *p,
				 struct px_arena *arena)
{
	struct mysql_result *res = m->rep.now;
	struct px_cur c = px_cur_of(p->payload);

	px_cur_skip(&c, 1);
	res->kind = MYSQL_ERR;
	res->code = px_cur_le16(&c);
	if (c.ran_short)
		return REPLY_BAD;
	if (px_cur_left(&c) >= 6 && *c.pos == '#') {
		px_cur_skip(&c, 1);
		memcpy(res->sqlstate, px_cur_take(&c, 5).ptr, 5);
		res->sqlstate_len = 5;
	}
	res->message = reply_copy(arena, px_bytes_of(c.pos, px_cur_left(&c)));
	res->is_whole = true;
	m->rep.phase = MYSQL_COMPLETE;
	return REPLY_ON;
}

/* An OK packet as a result of its own, or as the end of rows. */
static enum reply_next reply_ok(struct mysql_msg *m, const struct reply_packet *p,
				struct px_arena *arena)
{
	struct mysql_result *res = m->rep.now;
	struct px_cur c = px_cur_of(p->payload);
	uint64_t affected, last_id;
	unsigned int status;

	px_cur_skip(&c, 1);
	affected = mysql_lenenc(&c);
	last_id = mysql_lenenc(&c);
	status = px_cur_le16(&c);
	res->warnings = px_cur_le16(&c);
	if (c.ran_short)
		return REPLY_BAD;
	res->has_warnings = true;
	if (res->kind != MYSQL_RESULTSET) {
		res->kind = MYSQL_OK;
		res->affected = affected;
		res->last_id = last_id;
		res->message = reply_copy(arena, mysql_lenenc_str(&c));
	}
	return reply_end(m, status);
}

static enum reply_next reply_eof(struct mysql_msg *m, const struct reply_packet *p)
{
	struct px_cur c = px_cur_of(p->payload);
	unsigned int status;

	px_cur_skip(&c, 1);
	m->rep.now->warnings = px_cur_le16(&c);
	m->rep.now->has_warnings = true;
	status = px_cur_le16(&c);
	if (m->rep.now->kind == MYSQL_KIND_NONE)
		m->rep.now->kind = MYSQL_EOF;
	return reply_end(m, status);
}

static bool reply_is_eof(const struct reply_packet *p)
{
	return p->first == 0xfe && p->len == EOF_LEN;
}

/* MariaDB: the definitions are those that the client has from before, and so may we. */
static void reply_known_columns(struct mysql_state *st, struct mysql_msg *m, struct px_arena *arena)
{
	struct mysql_result *res = m->rep.now;
	struct mysql_stmt *s = m->rep.has_stmt ? mysql_stmt_find(st, m->rep.stmt_id) : NULL;
	struct px_cur c;

	if (!s || !s->columns || s->column_count != res->column_count)
		return;
	c = px_cur_of(px_arena_copy(arena, px_bytes_of(s->columns, s->columns_len), NULL));
	res->columns = px_arena_alloc(arena, s->column_count * sizeof(*res->columns));
	if (!c.pos || !res->columns)
		return;
	while (res->kept < s->column_count)
		res->columns[res->kept++] = px_cur_take(&c, px_cur_le16(&c));
	res->has_columns = !c.ran_short;
	res->is_provisional = s->is_provisional;
}

/*
 * The number of columns. A byte behind it (MARIADB_CLIENT_CACHE_METADATA,
 * CLIENT_OPTIONAL_RESULTSET_METADATA) says whether their definitions follow.
 */
static enum reply_next reply_columns_begin(struct mysql_state *st, struct mysql_msg *m,
					   const struct reply_packet *p, struct px_arena *arena)
{
	struct mysql_result *res = m->rep.now;
	struct px_cur c = px_cur_of(p->payload);
	uint64_t count = mysql_lenenc(&c);
	bool follow = true;

	if (px_cur_left(&c) == 1)
		follow = px_cur_u8(&c) != 0;
	if (c.ran_short || px_cur_left(&c) > 0 || count == 0 || count > MYSQL_COLUMNS_MAX)
		return REPLY_BAD;
	res->kind = MYSQL_RESULTSET;
	res->column_count = (uint32_t)count;
	m->rep.defs = count;
	m->rep.has_definitions = follow;
	m->rep.phase = follow ? MYSQL_IN_COLUMNS : MYSQL_IN_COLUMNS_END;
	if (!follow)
		reply_known_columns(st, m, arena);
	return REPLY_ON;
}

/* One definition: catalog, schema, table, its real name, and the name of the column. */
static bool reply_definition(struct mysql_result *res, const struct reply_packet *p,
			     struct px_arena *arena)
{
	struct px_cur c = px_cur_of(p->payload);
	struct px_bytes name;
	bool ok = true;

	if (!px_bytes_starts(p->payload, definition))
		return false;
	for (int i = 0; i < 4; i++)
		(void)mysql_lenenc_str(&c);
	name = mysql_lenenc_str(&c);
	if (c.ran_short)
		return p->len > p->payload.len; /* longer than what we look at */
	if (res->kept == res->cap) {
		uint32_t cap = res->cap ? res->cap * 4 : COLUMNS_FIRST;
		struct px_bytes *columns;

		if (cap > MYSQL_COLUMNS_MAX)
			cap = MYSQL_COLUMNS_MAX;
		columns = cap > res->cap ? px_arena_alloc(arena, cap * sizeof(*columns)) : NULL;
		if (!columns)
			return true;
		if (res->kept)
			memcpy(columns, res->columns, res->kept * sizeof(*columns));
		res->columns = columns;
		res->cap = cap;
	}
	name = name.len ? px_arena_copy(arena, name, &ok) : PX_BYTES("");
	if (ok)
		res->columns[res->kept++] = name;
	return true;
}

static enum reply_next reply_prepared(struct mysql_msg *m, const struct reply_packet *p)
{
	struct mysql_reply *r = &m->rep;
	struct px_cur c = px_cur_of(p->payload);

	if (p->first != 0 || p->len < PREPARED_LEN)
		return REPLY_BAD;
	px_cur_skip(&c, 1);
	r->stmt_id = px_cur_le32(&c);
	r->column_count = px_cur_le16(&c);
	r->param_count = px_cur_le16(&c);
	px_cur_skip(&c, 1);
	r->now->warnings = px_cur_le16(&c);
	r->now->has_warnings = true;
	r->now->kind = MYSQL_PREPARED;
	r->now->column_count = r->column_count;
	r->has_stmt = r->has_param_count = true;
	/* CLIENT_OPTIONAL_RESULTSET_METADATA: a byte says that no definitions follow. */
	if (px_cur_left(&c) > 0 && px_cur_u8(&c) == 0) {
		r->now->is_whole = true;
		r->phase = MYSQL_COMPLETE;
		return REPLY_ON;
	}
	r->defs = r->param_count;
	r->phase = MYSQL_IN_PARAMS;
	if (r->param_count == 0) {
		r->defs = r->column_count;
		r->phase = MYSQL_IN_PREPARED_COLUMNS;
	}
	if (r->defs == 0) {
		r->now->is_whole = r->now->has_columns = true;
		r->phase = MYSQL_COMPLETE;
	}
	return REPLY_ON;
}

static bool reply_has_rows(unsigned int command)
{
	return command == MYSQL_COM_QUERY || command == MYSQL_COM_STMT_EXECUTE ||
	       command == MYSQL_COM_STMT_BULK_EXECUTE || command == MYSQL_COM_PROCESS_INFO;
}

bool mysql_com_is_stream(unsigned int command)
{
	return command == MYSQL_COM_BINLOG_DUMP || command == MYSQL_COM_BINLOG_DUMP_GTID ||
	       command == MYSQL_COM_TABLE_DUMP ||
	       command == MYSQL_COM_SUBSCRIBE_GROUP_REPLICATION_STREAM;
}

static enum reply_next reply_first(struct mysql_state *st, struct mysql_msg *m,
				   const struct reply_packet *p, struct px_arena *arena)
{
	struct px_cur c = px_cur_of(px_bytes_sub(p->payload, 1, 2));
	struct mysql_result *res;

	if (p->len == 0)
		return REPLY_BAD;
	if (p->first == 0xff && px_cur_le16(&c) == PROGRESS)
		return REPLY_ON;
	res = reply_result(m, arena);
	if (p->first == 0xff)
		return reply_err(m, p, arena);
	if (m->command == MYSQL_COM_STMT_PREPARE)
		return reply_prepared(m, p);
	if (m->command == MYSQL_COM_STATISTICS) {
		res->kind = MYSQL_TEXT;
		res->message = reply_copy(arena, p->payload);
		return reply_end(m, 0);
	}
	if (m->command == MYSQL_COM_FIELD_LIST || m->command == MYSQL_COM_STMT_FETCH) {
		res->kind = MYSQL_RESULTSET;
		m->rep.phase = m->command == MYSQL_COM_FIELD_LIST ? MYSQL_IN_FIELDS : MYSQL_IN_ROWS;
		return REPLY_AGAIN;
	}
	if (mysql_com_is_stream(m->command) && p->first == 0) {
		res->kind = MYSQL_STREAM;
		return reply_end(m, 0);
	}
	if (p->first == 0)
		return reply_ok(m, p, arena);
	if (reply_has_rows(m->command) && p->first == 0xfb) {
		m->rep.result_count--; /* what comes of it follows */
		m->rep.infile = reply_copy(arena, px_bytes_sub(p->payload, 1, SIZE_MAX));
		m->rep.is_infile = m->rep.any_seq = true;
		st->is_infile = true;
		st->infile_bytes = 0;
		return REPLY_ON;
	}
	if (reply_has_rows(m->command))
		return reply_columns_begin(st, m, p, arena);
	if (reply_is_eof(p))
		return reply_eof(m, p);
	return p->first == 0xfe && p->len >= 7 ? reply_ok(m, p, arena) : REPLY_BAD;
}

/*
 * 00 OK, ff ERR, fe another method of authentication, 01 more data for this one, 02 another factor.
 * None of their contents is shown.
 */
static enum reply_next reply_auth(struct mysql_msg *m, const struct reply_packet *p,
				  struct px_arena *arena)
{
	if (p->len > 0 && (p->first == 0xfe || p->first == 0x01 || p->first == 0x02))
		return REPLY_ON;
	if (p->len == 0 || (p->first != 0 && p->first != 0xff))
		return REPLY_BAD;
	reply_result(m, arena);
	return p->first == 0 ? reply_ok(m, p, arena) : reply_err(m, p, arena);
}

/* The definitions of the parameters or the columns of a prepared statement are through. */
static void reply_prepared_next(struct mysql_msg *m)
{
	struct mysql_reply *r = &m->rep;

	if (r->phase == MYSQL_IN_PARAMS_END && r->column_count > 0) {
		r->phase = MYSQL_IN_PREPARED_COLUMNS;
		r->defs = r->column_count;
		return;
	}
	r->now->is_whole = true;
	r->now->has_columns = r->now->kept == r->column_count;
	r->phase = MYSQL_COMPLETE;
}

static enum reply_next reply_row(struct mysql_msg *m, const struct reply_packet *p,
				 struct px_arena *arena)
{
	struct mysql_result *res = m->rep.now;

	if (reply_is_eof(p))
		return reply_eof(m, p);
	if (p->first == 0xff && p->len > 2) {
		struct px_cur c = px_cur_of(px_bytes_sub(p->payload, 1, 2));

		return px_cur_le16(&c) == PROGRESS ? REPLY_ON : reply_err(m, p, arena);
	}
	if (p->first == 0xfe && p->len < MYSQL_PACKET_MAX)
		return p->len >= 7 ? reply_ok(m, p, arena) : REPLY_BAD;
	res->rows++;
	return REPLY_ON;
}

enum reply_next mysql_reply_packet(struct mysql_state *st, struct mysql_msg *m,
				   const struct reply_packet *p, struct px_arena *arena)
{
	struct mysql_reply *r = &m->rep;

	switch ((enum mysql_phase)r->phase) {
	case MYSQL_IN_FIRST:
		return reply_first(st, m, p, arena);
	case MYSQL_IN_AUTH:
		return reply_auth(m, p, arena);
	case MYSQL_IN_COLUMNS:
		if (!reply_definition(r->now, p, arena))
			return REPLY_BAD;
		if (--r->defs == 0) {
			r->now->has_columns = r->now->kept == r->now->column_count;
			r->phase = MYSQL_IN_COLUMNS_END;
		}
		return REPLY_ON;
	case MYSQL_IN_COLUMNS_END:
		r->phase = MYSQL_IN_ROWS;
		if (reply_is_eof(p)) {
			struct px_cur c = px_cur_of(px_bytes_sub(p->payload, 3, 2));

			st->eof = MYSQL_EOF_SENT;
			if (px_cur_le16(&c) & MYSQL_STATUS_CURSOR_EXISTS)
				return reply_eof(m, p);
			return REPLY_ON;
		}
		if (p->first != 0xff && !st->has_caps)
			st->eof = MYSQL_EOF_LEFT_OUT;
		return REPLY_AGAIN;
	case MYSQL_IN_ROWS:
		return reply_row(m, p, arena);
	case MYSQL_IN_FIELDS:
		if (px_bytes_starts(p->payload, definition)) {
			r->now->column_count++;
			r->now->has_columns = reply_definition(r->now, p, arena) &&
					      r->now->kept == r->now->column_count;
			return REPLY_ON;
		}
		return p->first == 0xfe || p->first == 0xff ? reply_row(m, p, arena) : REPLY_BAD;
	case MYSQL_IN_PARAMS:
		if (!px_bytes_starts(p->payload, definition))
			return REPLY_BAD;
		if (--r->defs == 0)
			r->phase = MYSQL_IN_PARAMS_END;
		return REPLY_ON;
	case MYSQL_IN_PREPARED_COLUMNS:
		if (!reply_definition(r->now, p, arena))
			return REPLY_BAD;
		if (--r->defs == 0)
			r->phase = MYSQL_IN_PREPARED_END;
		return REPLY_ON;
	case MYSQL_IN_PARAMS_END:
	case MYSQL_IN_PREPARED_END: {
		bool is_eof = reply_is_eof(p), is_last;

		if (!st->has_caps)
			st->eof = is_eof ? MYSQL_EOF_SENT : MYSQL_EOF_LEFT_OUT;
		reply_prepared_next(m);
		is_last = r->phase == MYSQL_COMPLETE;
		if (is_eof)
			return REPLY_ON;
		return is_last ? REPLY_LEAVE : REPLY_AGAIN;
	}
	case MYSQL_COMPLETE:
		break;
	}
	return REPLY_BAD;
}

size_t mysql_reply_wants(const struct mysql_msg *m, uint8_t first, uint32_t len)
{
	switch ((enum mysql_phase)m->rep.phase) {
	case MYSQL_IN_ROWS:
	case MYSQL_IN_COLUMNS_END:
	case MYSQL_IN_PARAMS_END:
	case MYSQL_IN_PREPARED_END:
		if (first == 0xff)
			return WANT_FIRST;
		if (first == 0xfe && len < MYSQL_PACKET_MAX)
			return WANT_END;
		return m->rep.phase == MYSQL_IN_ROWS ? 1 : 4;
	case MYSQL_IN_FIELDS:
	case MYSQL_IN_COLUMNS:
	case MYSQL_IN_PARAMS:
	case MYSQL_IN_PREPARED_COLUMNS:
		return WANT_DEFINITION;
	default:
		return WANT_FIRST;
	}
}

/* Does what comes next depend on whether EOF packets are sent, with no packet to tell? */
bool mysql_reply_is_over(struct mysql_state *st, struct mysql_msg *m, bool has_packet)
{
	struct mysql_reply *r = &m->rep;

	if (r->phase != MYSQL_IN_PARAMS_END && r->phase != MYSQL_IN_PREPARED_END)
		return r->phase == MYSQL_COMPLETE;
	if (st->eof == MYSQL_EOF_LEFT_OUT || (!has_packet && st->eof == MYSQL_EOF_UNKNOWN))
		reply_prepared_next(m);
	return r->phase == MYSQL_COMPLETE;
}
