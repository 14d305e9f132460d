/* SPDX-License-Identifier: Apache-2.0 */
/* The server's direction: which command an answer belongs to, and its packets one behind the other. */
#include "mysql/reply.h"

#include <stdlib.h>

/* Bytes of an answer that are kept, for who wants to see them. */
static size_t answer_keep_max(const struct px_parse_ctx *ctx)
{
	return ctx->limits->body_max;
}

/* A PREPARE was answered: the statement that it made. */
static void answer_learn(struct mysql_state *st, struct mysql_msg *m, struct mysql_pending *p)
{
	const struct mysql_reply *r = &m->rep;
	struct mysql_stmt *s;

	if (r->first.kind != MYSQL_PREPARED) {
		st->has_last = false;
		return;
	}
	s = mysql_stmt_add(st, r->stmt_id, r->param_count, p->sql, p->sql_len);
	p->sql = NULL;
	st->last_stmt = r->stmt_id;
	st->has_last = true;
	if (!s)
		return;
	s->sql_cut = p->sql_cut;
	s->is_provisional = st->is_joined && st->waits < MYSQL_WAITS_MAX;
	mysql_stmt_set_columns(st, s, &r->first);
}

/* The answer is there whole: what it tells about the connection. */
static struct px_parse_result answer_finish(struct mysql_state *st, struct mysql_msg *m, size_t pos)
{
	struct px_parse_result res = px_parse_frame(pos);
	struct mysql_reply *r = &m->rep;
	struct mysql_pending *p = mysql_pending_first(st);

	m->is_complete = true;
	st->has_parsed = true;
	if (m->command == MYSQL_COM_NONE || !p || p->ordinal != m->ordinal)
		return res;
	switch (m->command) {
	case MYSQL_COM_STMT_PREPARE:
		answer_learn(st, m, p);
		break;
	case MYSQL_COM_STMT_EXECUTE:
		if (r->has_definitions && r->has_stmt && r->result_count == 1 &&
		    (!st->has_caps || st->caps & MYSQL_CAP_CACHE_METADATA)) {
			struct mysql_stmt *s = mysql_stmt_find(st, r->stmt_id);

			if (s)
				mysql_stmt_set_columns(st, s, &r->first);
		}
		break;
	case MYSQL_COM_LOGIN:
		st->is_auth = false;
		st->is_zip = r->first.kind == MYSQL_OK && st->caps & MYSQL_CAPS_ZIP;
		break;
	case MYSQL_COM_CHANGE_USER:
	case MYSQL_COM_RESET_CONNECTION:
		st->is_auth = false;
		mysql_stmt_clear(st);
		st->has_last = false;
		break;
	default:
		break;
	}
	if (r->is_infile) {
		r->infile_bytes = st->infile_bytes;
		st->is_infile = false;
	}
	mysql_pending_pop(st);
	if (r->first.kind == MYSQL_STREAM)
		res.ends_protocol = true;
	return res;
}

static struct px_parse_result answer_rest(const struct px_parse_ctx *ctx, struct px_bytes in,
					  struct px_frame *out)
{
	struct mysql_state *st = ctx->state;
	struct mysql_msg *m = out->msg;
	struct mysql_reply *r = &m->rep;
	size_t max = answer_keep_max(ctx), pos = 0, need;

	if (m->bad)
		return px_parse_bad(m->bad);
	for (;;) {
		size_t n = in.len - pos < m->left ? in.len - pos : m->left, have;
		struct reply_packet p;
		enum reply_next next;

		if (n > 0) {
			mysql_keep(m, &out->arena, px_bytes_sub(in, pos, n), max);
			m->left -= (uint32_t)n;
			pos += n;
		}
		need = in.len + 1;
		if (m->left > 0)
			break;
		if (!m->continues && mysql_reply_is_over(st, m, !ctx->eof || in.len > pos))
			return answer_finish(st, m, pos);
		have = in.len - pos;
		need = pos + MYSQL_HEADER;
		if (have < MYSQL_HEADER)
			break;
		p.len = mysql_le24(in.ptr + pos);
		if (m->continues) {
			m->continues = p.len == MYSQL_PACKET_MAX;
			goto take;
		}
		if ((uint8_t)in.ptr[pos + 3] != m->seq && !st->is_zip) {
			if (r->phase == MYSQL_IN_PARAMS_END || r->phase == MYSQL_IN_PREPARED_END) {
				if (mysql_reply_is_over(st, m, false))
					return answer_finish(st, m, pos);
			}
			/* Behind packets of the client the numbers go on from theirs. */
			if (!r->any_seq)
				return mysql_bad(m, pos, "a packet out of order");
			m->seq = (uint8_t)in.ptr[pos + 3];
		}
		need += p.len < 5 ? p.len : 5;
		if (in.len < need)
			break;
		p.first = p.len ? (uint8_t)in.ptr[pos + MYSQL_HEADER] : 0;
		n = mysql_reply_wants(m, p.first, p.len);
		if (n > p.len)
			n = p.len;
		need = pos + MYSQL_HEADER + n;
		if (in.len < need)
			break;
		p.payload = px_bytes_of(in.ptr + pos + MYSQL_HEADER, n);
		next = mysql_reply_packet(st, m, &p, &out->arena);
		if (next == REPLY_AGAIN)
			continue;
		if (next == REPLY_LEAVE)
			return answer_finish(st, m, pos);
		if (next == REPLY_BAD)
			return mysql_bad(m, pos, "not the answer to this command");
		m->continues = p.len == MYSQL_PACKET_MAX;
take:
		mysql_keep(m, &out->arena, px_bytes_sub(in, pos, MYSQL_HEADER), max);
		m->seq++;
		m->left = p.len;
		pos += MYSQL_HEADER;
	}
	if (ctx->eof) {
		out->flags |= PX_FLAG_ABORTED;
		return px_parse_frame(in.len);
	}
	if (m->left > 0 && m->len >= max) {
		struct px_parse_result res = px_parse_skip(in.len);

		m->is_cut = true;
		res.discard = m->left;
		m->left = 0;
		return res;
	}
	return mysql_wait(pos, need);
}

static struct mysql_msg *answer_begin(struct mysql_state *st, const struct mysql_pending *p,
				      struct px_frame *out)
{
	struct mysql_msg *m = px_arena_zalloc(&out->arena, sizeof(*m));

	if (!m)
		return NULL;
	m->is_reply = true;
	m->caps = st->caps;
	m->has_caps = st->has_caps;
	m->is_zip = st->is_zip;
	m->command = MYSQL_COM_NONE;
	out->msg = m;
	out->kind = PX_FRAME_RESPONSE;
	out->key = st->replies++;
	if (!p)
		return m;
	m->command = p->command;
	m->ordinal = p->ordinal;
	m->seq = p->seq;
	if (p->command == MYSQL_COM_LOGIN || p->command == MYSQL_COM_CHANGE_USER) {
		m->rep.phase = MYSQL_IN_AUTH;
		m->rep.any_seq = true;
	}
	if (p->command == MYSQL_COM_LOGIN && st->version_len) {
		m->rep.version = px_arena_copy(&out->arena,
					       px_bytes_of(st->version, st->version_len), NULL);
		m->rep.connection_id = st->connection_id;
		m->rep.has_connection_id = st->has_connection_id;
	}
	if (p->command == MYSQL_COM_STMT_EXECUTE) {
		const struct mysql_stmt *s;

		m->rep.stmt_id = p->stmt_id;
		m->rep.has_stmt = true;
		if (p->stmt_id == MYSQL_STMT_LAST) {
			m->rep.has_stmt = st->has_last;
			m->rep.stmt_id = st->last_stmt;
			s = st->has_last ? mysql_stmt_find(st, st->last_stmt) : NULL;
			m->rep.has_param_count = s != NULL;
			m->rep.param_count = s ? s->param_count : 0;
		}
	}
	return m;
}

/* What a server sends unasked: its greeting, and an error before it hangs up. */
static struct px_parse_result answer_unasked(const struct px_parse_ctx *ctx, struct px_bytes in,
					     struct px_frame *out)
{
	struct mysql_state *st = ctx->state;
	enum mysql_fit fit = mysql_fit_greeting(in);
	struct mysql_msg *m;
	uint32_t len;

	if (in.len < MYSQL_HEADER + 1)
		return ctx->eof ? px_parse_bad("ends inside a packet") :
				  px_parse_more(MYSQL_HEADER + 1);
	len = mysql_le24(in.ptr);
	if ((unsigned char)in.ptr[MYSQL_HEADER] == 0xff && len > 2) {
		m = answer_begin(st, NULL, out);
		if (!m)
			return px_parse_bad("out of memory");
		m->seq = (uint8_t)in.ptr[3];
		return answer_rest(ctx, in, out);
	}
	if (fit == MYSQL_FIT_NO)
		return px_parse_bad("an answer that nobody asked for");
	if (in.len < MYSQL_HEADER + len)
		return ctx->eof ? px_parse_bad("ends inside a packet") :
				  px_parse_more(fit == MYSQL_FIT_STRONG ? MYSQL_HEADER + len :
									  in.len + 1);
	if (!mysql_greeting(st, px_bytes_sub(in, MYSQL_HEADER, len)))
		return px_parse_bad("an answer that nobody asked for");
	return px_parse_skip(MYSQL_HEADER + len);
}

struct px_parse_result mysql_reply_parse(const struct px_parse_ctx *ctx, struct px_bytes in,
					 struct px_frame *out)
{
	struct mysql_state *st = ctx->state;
	struct mysql_pending *p;

	if (out->msg)
		return answer_rest(ctx, in, out);
	if (in.len == 0)
		return px_parse_more(1);
	p = mysql_pending_first(st);
	if (!p && st->is_joined) /* of a command that was not seen */
		return px_parse_skip(in.len);
	if (!p)
		return answer_unasked(ctx, in, out);
	if (in.len < MYSQL_HEADER + 1)
		return ctx->eof ? px_parse_bad("ends inside a packet") :
				  px_parse_more(MYSQL_HEADER + 1);
	/* A command that is too long for the server is answered before it has come. */
	if (!p->is_sent && (unsigned char)in.ptr[MYSQL_HEADER] != 0xff)
		return px_parse_bad("an answer before its command");
	if (!answer_begin(st, p, out))
		return px_parse_bad("out of memory");
	if ((unsigned char)in.ptr[MYSQL_HEADER] == 0xff)
		((struct mysql_msg *)out->msg)->seq = (uint8_t)in.ptr[3];
	return answer_rest(ctx, in, out);
}
