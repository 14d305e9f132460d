/* SPDX-License-Identifier: Apache-2.0 */
/* Requests: the packets of a client, and what each command carries. */
#include "mysql/message.h"

#include <stdlib.h>

/* MySQL "Command Phase", MariaDB "Text protocol" and "Binary protocol (prepared statements)". */
static const char *const names[] = {
	[0x00] = "SLEEP",
	[0x01] = "QUIT",
	[0x02] = "INIT_DB",
	[0x03] = "QUERY",
	[0x04] = "FIELD_LIST",
	[0x05] = "CREATE_DB",
	[0x06] = "DROP_DB",
	[0x07] = "REFRESH",
	[0x08] = "SHUTDOWN",
	[0x09] = "STATISTICS",
	[0x0a] = "PROCESS_INFO",
	[0x0b] = "CONNECT",
	[0x0c] = "PROCESS_KILL",
	[0x0d] = "DEBUG",
	[0x0e] = "PING",
	[0x0f] = "TIME",
	[0x10] = "DELAYED_INSERT",
	[0x11] = "CHANGE_USER",
	[0x12] = "BINLOG_DUMP",
	[0x13] = "TABLE_DUMP",
	[0x14] = "CONNECT_OUT",
	[0x15] = "REGISTER_SLAVE",
	[0x16] = "STMT_PREPARE",
	[0x17] = "STMT_EXECUTE",
	[0x18] = "STMT_SEND_LONG_DATA",
	[0x19] = "STMT_CLOSE",
	[0x1a] = "STMT_RESET",
	[0x1b] = "SET_OPTION",
	[0x1c] = "STMT_FETCH",
	[0x1d] = "DAEMON",
	[0x1e] = "BINLOG_DUMP_GTID",
	[0x1f] = "RESET_CONNECTION",
	[0x20] = "CLONE",
	[0x21] = "SUBSCRIBE_GROUP_REPLICATION_STREAM",
	[0xfa] = "STMT_BULK_EXECUTE",
	[0xfb] = "SLAVE_WORKER",
	[0xfc] = "SLAVE_IO",
	[0xfd] = "SLAVE_SQL",
	[0xfe] = "MULTI",
};

const char *mysql_com_name(unsigned int command)
{
	return command < PX_COUNT(names) ? names[command] : NULL;
}

bool mysql_com_is_one_way(unsigned int command)
{
	return command == MYSQL_COM_QUIT || command == MYSQL_COM_STMT_CLOSE ||
	       command == MYSQL_COM_STMT_SEND_LONG_DATA;
}

/* Bytes of the payload without which a command is not begun: number, statement, flags. */
#define HEAD 6

static struct px_bytes request_payload(const struct mysql_msg *m)
{
	return px_bytes_of(m->text + MYSQL_HEADER, m->len > MYSQL_HEADER ? m->len - MYSQL_HEADER : 0);
}

/* What is known of the statement that an EXECUTE or a FETCH names; a copy, for it may go. */
static void request_use_stmt(struct mysql_state *st, struct mysql_msg *m, struct px_arena *arena)
{
	struct mysql_request *r = &m->req;
	struct mysql_stmt *s;
	bool ok = true;

	if (r->stmt_id == MYSQL_STMT_LAST) {
		struct mysql_pending *prepare;

		/* The last one may still be on its way: then its text is known, and the rest will be. */
		prepare = mysql_pending_latest(st, MYSQL_COM_STMT_PREPARE);
		if (prepare) {
			if (prepare->sql) {
				r->sql = px_arena_copy(
					arena, px_bytes_of(prepare->sql, prepare->sql_len), &ok);
				r->has_sql = ok;
				r->sql_cut = prepare->sql_cut;
			}
			return;
		}
		if (!st->has_last)
			return;
		r->stmt_id = st->last_stmt;
		r->is_last = true;
	}
	s = mysql_stmt_find(st, r->stmt_id);
	if (!s)
		return;
	r->is_provisional = s->is_provisional;
	r->has_param_count = true;
	r->param_count = s->param_count;
	r->lost_long = s->lost_long;
	if (s->has_sql) {
		r->sql = px_arena_copy(arena, px_bytes_of(s->sql, s->sql_len), &ok);
		r->has_sql = ok;
		r->sql_cut = s->sql_cut;
	}
	if (m->command == MYSQL_COM_STMT_FETCH)
		return;
	if (s->long_count) {
		r->longs = px_arena_alloc(arena, s->long_count * sizeof(*r->longs));
		for (size_t i = 0; r->longs && i < s->long_count; i++) {
			r->longs[i].len = s->longs[i].len;
			r->longs[i].index = s->longs[i].index;
			r->longs[i].kept = px_arena_copy(
				arena, px_bytes_of(s->longs[i].kept, s->longs[i].kept_len), NULL);
			r->long_count++;
		}
		r->lost_long |= !r->longs;
	}
	mysql_stmt_forget_long(st, s);
	s->lost_long = false;
	if (s->has_types) {
		r->types = px_arena_copy(arena, px_bytes_of(s->types, (size_t)s->param_count * 2), &ok);
		if (!ok)
			r->lost_long = true;
	}
}

static void request_execute(struct mysql_state *st, struct mysql_msg *m, struct px_arena *arena)
{
	struct mysql_request *r = &m->req;
	struct mysql_stmt *s;
	struct px_bytes types;

	request_use_stmt(st, m, arena);
	s = r->has_param_count ? mysql_stmt_find(st, r->stmt_id) : NULL;
	if (!s || r->param_count == 0)
		return;
	types = mysql_params_types(m, r->param_count, arena);
	if (types.len > 0)
		mysql_stmt_set_types(st, s, types);
	else if (m->is_cut)
		s->has_types = false; /* there may have been some */
	if (types.len > 0)
		r->types = types;
}

static void request_query(struct mysql_msg *m)
{
	struct mysql_request *r = &m->req;
	struct px_bytes payload = request_payload(m);
	struct px_cur c = px_cur_of(payload);
	size_t from = 1;

	px_cur_skip(&c, 1);
	/*
	 * Query attributes: the number of parameters and of sets of them, which is 1, and the
	 * parameters. No text in SQL begins with bytes like these, so it shows whether they are
	 * there, known capabilities or not.
	 */
	if (m->command == MYSQL_COM_QUERY && payload.len >= 3 && payload.ptr[2] == 1 &&
	    (unsigned char)payload.ptr[1] < 0x20 &&
	    (!m->has_caps || m->caps & MYSQL_CAP_QUERY_ATTRIBUTES)) {
		r->attributes = (uint32_t)from;
		if (!mysql_attributes_skip(&c)) {
			r->attributes = 0;
			return;
		}
		from = payload.len - px_cur_left(&c);
		r->attributes_end = (uint32_t)from;
	}
	r->sql = px_bytes_sub(payload, from, SIZE_MAX);
	r->has_sql = true;
	r->sql_cut = m->is_cut;
	r->sql_len = r->sql.len;
}

static void request_long_data(struct mysql_state *st, struct mysql_msg *m)
{
	struct px_bytes payload = request_payload(m);
	struct mysql_stmt *s = mysql_stmt_find(st, m->req.stmt_id);
	struct px_cur c = px_cur_of(px_bytes_sub(payload, 5, 2));
	uint16_t index = px_cur_le16(&c);

	if (s && m->total >= 7)
		mysql_stmt_long(st, s, index, px_bytes_sub(payload, 7, SIZE_MAX), m->total - 7);
}

/* The command is there whole: what it carries, and what it changes. */
static void request_finish(const struct px_parse_ctx *ctx, struct mysql_msg *m,
			   struct px_frame *out)
{
	struct mysql_state *st = ctx->state;
	struct mysql_pending *p = mysql_com_is_one_way(m->command) ? NULL : mysql_pending_last(st);
	struct mysql_request *r = &m->req;

	m->is_complete = true;
	if (m->is_cut)
		out->flags |= PX_FLAG_TRUNCATED;
	if (p) {
		p->seq = m->seq;
		p->is_sent = true;
	}
	switch (m->command) {
	case MYSQL_COM_QUERY:
	case MYSQL_COM_STMT_PREPARE:
		request_query(m);
		if (m->command != MYSQL_COM_STMT_PREPARE || !p || !r->has_sql)
			break;
		p->sql_len = (uint32_t)(r->sql.len < MYSQL_STMT_SQL_MAX ? r->sql.len
									 : MYSQL_STMT_SQL_MAX);
		p->sql = malloc(p->sql_len ? p->sql_len : 1);
		p->sql_cut = m->is_cut || p->sql_len < r->sql.len;
		if (p->sql && p->sql_len)
			memcpy(p->sql, r->sql.ptr, p->sql_len);
		break;
	case MYSQL_COM_STMT_EXECUTE:
	case MYSQL_COM_STMT_BULK_EXECUTE:
		r->is_bulk = m->command == MYSQL_COM_STMT_BULK_EXECUTE;
		request_execute(st, m, &out->arena);
		break;
	case MYSQL_COM_STMT_FETCH:
		request_use_stmt(st, m, &out->arena);
		break;
	case MYSQL_COM_STMT_SEND_LONG_DATA:
		request_long_data(st, m);
		break;
	case MYSQL_COM_STMT_CLOSE:
		mysql_stmt_remove(st, r->stmt_id);
		break;
	case MYSQL_COM_STMT_RESET: {
		struct mysql_stmt *s = mysql_stmt_find(st, r->stmt_id);

		if (s) {
			mysql_stmt_forget_long(st, s);
			s->lost_long = false;
		}
		break;
	}
	case MYSQL_COM_CHANGE_USER:
		st->is_auth = true;
		(void)mysql_change_user(st, m);
		mysql_stmt_clear(st);
		st->has_last = false;
		break;
	case MYSQL_COM_RESET_CONNECTION:
		mysql_stmt_clear(st);
		st->has_last = false;
		break;
	default:
		break;
	}
	if (p && m->command == MYSQL_COM_STMT_EXECUTE)
		p->stmt_id = r->stmt_id;
}

static bool request_has_stmt(unsigned int command)
{
	return (command >= MYSQL_COM_STMT_EXECUTE && command <= MYSQL_COM_STMT_RESET) ||
	       command == MYSQL_COM_STMT_FETCH || command == MYSQL_COM_STMT_BULK_EXECUTE;
}

/*
 * Joined: did the client wait for the answer to the command before this one? Once may be by chance,
 * where it sends ahead and the server keeps pace; that often in a row is not.
 */
static void request_was_awaited(struct mysql_state *st, const struct mysql_pending *p)
{
	bool waited = st->pending_count == 1 && p->has_answer_pos && st->has_reply_end &&
		      p->answer_pos == st->reply_end;

	if (waited) {
		st->is_in_step = true;
		if (st->waits < MYSQL_WAITS_MAX && ++st->waits == MYSQL_WAITS_MAX)
			mysql_stmt_settle(st, true);
	} else if (st->pending_count > 1) {
		st->waits = 0;
	} else if (st->has_reply_end) {
		mysql_joined_doubt(st);
	}
	st->has_reply_end = false;
}

/* The first packet's header and HEAD bytes of its payload are there. False: it is no command. */
static bool request_begin(const struct px_parse_ctx *ctx, struct px_bytes in, uint32_t len,
			  unsigned int command, struct px_frame *out)
{
	struct mysql_state *st = ctx->state;
	struct mysql_msg *m = px_arena_zalloc(&out->arena, sizeof(*m));
	struct mysql_pending *p = NULL;

	if (!m)
		return false;
	if (!mysql_com_is_one_way(command)) {
		p = mysql_pending_push(st);
		if (!p)
			return false;
		p->command = (uint16_t)command;
		p->has_answer_pos = out->first.has_peer_pos;
		p->answer_pos = out->first.peer_pos;
		if (st->is_joined)
			request_was_awaited(st, p);
	}
	out->msg = m;
	out->kind = p ? PX_FRAME_REQUEST : PX_FRAME_ONE_WAY;
	if (p)
		out->key = m->ordinal = p->ordinal = st->requests++;
	m->command = (uint16_t)command;
	m->caps = st->caps;
	m->has_caps = st->has_caps;
	m->is_zip = st->is_zip;
	m->left = len;
	m->continues = len == MYSQL_PACKET_MAX;
	m->seq = (uint8_t)(in.ptr[3] + 1);
	mysql_keep(m, &out->arena, px_bytes_sub(in, 0, MYSQL_HEADER), SIZE_MAX);
	if (len > ctx->limits->body_max)
		out->has_length = true;
	if (request_has_stmt(command) && len >= 5) {
		struct px_cur c = px_cur_of(px_bytes_sub(in, MYSQL_HEADER + 1, 4));

		m->req.stmt_id = px_cur_le32(&c);
		m->req.has_stmt = true;
	}
	return true;
}

/* Bytes of a request that are kept: its fixed part in any case. */
static size_t request_keep_max(const struct px_parse_ctx *ctx)
{
	size_t max = ctx->limits->body_max;

	return MYSQL_HEADER + 16 + (max < SIZE_MAX - 64 ? max : SIZE_MAX - 64);
}

static struct px_parse_result request_login_finish(const struct px_parse_ctx *ctx,
						   struct px_frame *out, size_t pos)
{
	struct mysql_state *st = ctx->state;
	struct mysql_msg *m = out->msg;
	struct mysql_pending *p = mysql_pending_last(st);

	if (p) {
		p->seq = m->seq;
		p->is_sent = true;
	}
	if (!mysql_login(m))
		return px_parse_bad("no login");
	m->is_complete = true;
	st->caps = st->has_caps ? st->caps & m->caps : m->caps;
	m->caps = st->caps;
	m->has_caps = st->has_caps = true;
	st->eof = st->caps & MYSQL_CAP_DEPRECATE_EOF ? MYSQL_EOF_LEFT_OUT : MYSQL_EOF_SENT;
	st->is_auth = true;
	st->has_parsed = true;
	return px_parse_frame(pos);
}

/* The rest of a payload, and of those that go on in the packets behind it. */
static struct px_parse_result request_rest(const struct px_parse_ctx *ctx, struct px_bytes in,
					   size_t pos, struct px_frame *out)
{
	struct mysql_state *st = ctx->state;
	struct mysql_msg *m = out->msg;
	size_t max = m->command == MYSQL_COM_LOGIN ? ctx->limits->head_max + 64 : request_keep_max(ctx);

	if (m->bad)
		return px_parse_bad(m->bad);
	for (;;) {
		size_t n = in.len - pos < m->left ? in.len - pos : m->left;

		mysql_keep(m, &out->arena, px_bytes_sub(in, pos, n), max);
		m->total += n;
		m->left -= (uint32_t)n;
		pos += n;
		if (m->left > 0) {
			struct px_parse_result res;

			if (ctx->eof) {
				out->flags |= PX_FLAG_ABORTED;
				m->is_cut = true;
				return px_parse_frame(pos);
			}
			if (m->len < max)
				return mysql_wait(pos, in.len + 1);
			/* Nobody will look at the rest. */
			m->is_cut = true;
			m->total += m->left;
			res = px_parse_skip(pos);
			res.discard = m->left;
			m->left = 0;
			return res;
		}
		if (!m->continues)
			break;
		if (in.len - pos < MYSQL_HEADER) {
			if (ctx->eof) {
				out->flags |= PX_FLAG_ABORTED;
				m->is_cut = true;
				return px_parse_frame(in.len);
			}
			return mysql_wait(pos, in.len + 1 > MYSQL_HEADER ? in.len + 1 : MYSQL_HEADER);
		}
		if ((uint8_t)in.ptr[pos + 3] != m->seq && !st->is_zip)
			return mysql_bad(m, pos, "a packet out of order");
		m->left = mysql_le24(in.ptr + pos);
		m->continues = m->left == MYSQL_PACKET_MAX;
		m->seq++;
		pos += MYSQL_HEADER;
	}
	if (m->no_memory)
		return px_parse_bad("out of memory");
	if (m->command == MYSQL_COM_LOGIN)
		return request_login_finish(ctx, out, pos);
	request_finish(ctx, m, out);
	st->has_parsed = true;
	return px_parse_frame(pos);
}

/*
 * SSLRequest: a login that stops in front of the user's name. What follows, both ways, is TLS, and
 * the login comes again inside.
 */
#define SSL_REQUEST 32

static struct px_parse_result request_login(const struct px_parse_ctx *ctx, struct px_bytes in,
					    uint32_t len, struct px_frame *out)
{
	struct px_parse_result res;
	struct px_cur c;

	if (in.len < MYSQL_HEADER + 4u)
		return px_parse_more(MYSQL_HEADER + 4);
	c = px_cur_of(px_bytes_sub(in, MYSQL_HEADER, 4));
	if (len == SSL_REQUEST && px_cur_le32(&c) & MYSQL_CAP_SSL) {
		if (in.len < MYSQL_HEADER + SSL_REQUEST)
			return px_parse_more(MYSQL_HEADER + SSL_REQUEST);
		res = px_parse_skip(MYSQL_HEADER + SSL_REQUEST);
		res.ends_protocol = true;
		res.hand_over = &px_parser_any;
		return res;
	}
	if (!request_begin(ctx, in, len, MYSQL_COM_LOGIN, out))
		return px_parse_bad("out of memory, or too many commands at once");
	return request_rest(ctx, in, MYSQL_HEADER, out);
}

/* LOCAL INFILE: packets without a command, up to an empty one. */
static struct px_parse_result request_infile(struct mysql_state *st, struct px_bytes in)
{
	uint32_t len = mysql_le24(in.ptr);
	struct px_parse_result res;
	size_t n = in.len - MYSQL_HEADER < len ? in.len - MYSQL_HEADER : len;

	st->infile_bytes += len;
	if (len == 0)
		st->is_infile = false;
	res = px_parse_skip(MYSQL_HEADER + n);
	res.discard = len - n;
	return res;
}

static struct px_parse_result request_skip_packet(struct px_bytes in, uint32_t len)
{
	size_t n = in.len - MYSQL_HEADER < len ? in.len - MYSQL_HEADER : len;
	struct px_parse_result res = px_parse_skip(MYSQL_HEADER + n);

	res.discard = len - n;
	return res;
}

struct px_parse_result mysql_request_parse(const struct px_parse_ctx *ctx, struct px_bytes in,
					   struct px_frame *out)
{
	struct mysql_state *st = ctx->state;
	struct px_parse_result res;
	uint32_t len, head;
	unsigned int command;
	uint8_t seq;

	if (out->msg)
		return request_rest(ctx, in, 0, out);
	if (in.len == 0)
		return px_parse_more(1);
	if (in.len < MYSQL_HEADER)
		return ctx->eof ? px_parse_bad("ends inside a packet") : px_parse_more(MYSQL_HEADER);
	len = mysql_le24(in.ptr);
	seq = (uint8_t)in.ptr[3];
	if (st->is_infile)
		return request_infile(st, in);
	if (seq != 0) {
		enum mysql_fit fit = st->is_auth ? MYSQL_FIT_NO : mysql_fit_login(in);

		if (fit == MYSQL_FIT_SHORT && !ctx->eof)
			return px_parse_more(in.len + 1);
		if (fit >= MYSQL_FIT_WEAK) {
			res = request_login(ctx, in, len, out);
			return res.status == PX_PARSE_MORE && ctx->eof ?
				       px_parse_bad("ends inside a packet") :
				       res;
		}
		if (st->is_auth)
			return request_skip_packet(in, len); /* secrets */
		if (!st->is_zip)
			return px_parse_bad("a packet out of order");
	}
	if (len == 0)
		return px_parse_bad("a command of no bytes");
	head = len < HEAD ? len : HEAD;
	if (in.len < MYSQL_HEADER + head)
		return ctx->eof ? px_parse_bad("ends inside a packet") :
				  px_parse_more(MYSQL_HEADER + head);
	command = (unsigned char)in.ptr[MYSQL_HEADER];
	if (!mysql_com_name(command))
		return px_parse_bad("not a command");
	if (!request_begin(ctx, in, len, command, out))
		return px_parse_bad("out of memory, or too many commands at once");
	st->is_auth = false;
	return request_rest(ctx, in, MYSQL_HEADER, out);
}
