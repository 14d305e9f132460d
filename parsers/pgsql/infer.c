/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Are these bytes PostgreSQL's? A message alone says little, its name and length being four zeros
 * and two small numbers: what it holds has to fit its length to the byte, and where that says
 * little either, another one has to follow.
 */
#include "pgsql/message.h"

#define POINTS 2	/* that are enough */
#define SQL_BEGIN 64	/* bytes of a statement that say what it is */
#define START_MAX 10000	/* bytes of a start-up packet; the server takes no more */
#define DATA_MAX (1u << 24) /* bytes of CopyData to be believed in the middle of nowhere */

/* What one message says: points, or one of these. */
enum { SAYS_NO = -1, SAYS_MAYBE = -2 };

static bool infer_is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '.' || c == '-';
}

static bool infer_is_text(struct px_bytes b)
{
	for (size_t i = 0; i < b.len; i++)
		if ((uint8_t)b.ptr[i] < ' ' && b.ptr[i] != '\n' && b.ptr[i] != '\r' &&
		    b.ptr[i] != '\t')
			return false;
	return true;
}

/* Does a text begin as statements do? The keywords that begin nearly all of them. */
static bool infer_is_sql(struct px_bytes text)
{
	static const char words[][12] = {
		"ABORT",    "ALTER",	 "ANALYZE", "BEGIN",   "CALL",	  "CHECKPOINT", "CLOSE",
		"CLUSTER",  "COMMENT",	 "COMMIT",  "COPY",    "CREATE",  "DEALLOCATE", "DECLARE",
		"DELETE",   "DISCARD",	 "DO",	    "DROP",    "END",	  "EXECUTE",	"EXPLAIN",
		"FETCH",    "GRANT",	 "INSERT",  "LISTEN",  "LOCK",	  "MERGE",	"MOVE",
		"NOTIFY",   "PREPARE",	 "REFRESH", "REINDEX", "RELEASE", "RESET",	"REVOKE",
		"ROLLBACK", "SAVEPOINT", "SELECT",  "SET",     "SHOW",	  "START",	"TABLE",
		"TRUNCATE", "UNLISTEN",	 "UPDATE",  "VACUUM",  "VALUES",  "WITH",
	};
	struct px_sql_lexer lex = { .text = text, .dialect = PX_SQL_POSTGRES };
	struct px_sql_token t = px_sql_next(&lex);
	struct px_bytes word;

	while (t.kind == PX_SQL_SYMBOL && text.ptr[t.from] == '(')
		t = px_sql_next(&lex);
	word = px_sql_text(&lex, &t);
	if (t.kind != PX_SQL_WORD)
		return false;
	for (size_t i = 0; i < PX_COUNT(words); i++)
		if (px_bytes_caseeq(word, px_bytes_of(words[i], strnlen(words[i], 12))))
			return true;
	return false;
}

/* A name up to its zero, which may be cut off where the message is. */
static int infer_name(struct px_cur *c, bool is_whole)
{
	struct px_bytes rest = px_bytes_of(c->pos, px_cur_left(c)), name = pgsql_cstring(c);

	if (c->ran_short)
		return !is_whole && infer_is_text(rest) ? SAYS_MAYBE : SAYS_NO;
	return infer_is_text(name) ? 1 : SAYS_NO;
}

static int infer_query(const struct pgsql_head *h)
{
	struct px_cur c = px_cur_of(h->body);
	struct px_bytes text = px_bytes_sub(h->body, 0, SQL_BEGIN);

	/* Of a long one the beginning decides, whether the rest is there or not. */
	if (text.len == SQL_BEGIN && infer_is_text(text) && infer_is_sql(text))
		return POINTS;
	text = pgsql_cstring(&c);
	if (c.ran_short)
		return h->is_whole || !infer_is_text(h->body) ? SAYS_NO : SAYS_MAYBE;
	if (px_cur_left(&c) > 0 || !h->is_whole || !infer_is_text(text))
		return SAYS_NO;
	return infer_is_sql(text) ? POINTS : 1;
}

static int infer_parse(const struct pgsql_head *h)
{
	struct px_cur c = px_cur_of(h->body);
	struct px_bytes text;
	int name = infer_name(&c, h->is_whole);
	uint16_t count;

	if (name < 0)
		return name;
	text = px_bytes_sub(px_bytes_of(c.pos, px_cur_left(&c)), 0, SQL_BEGIN);
	if (text.len == SQL_BEGIN && infer_is_text(text) && infer_is_sql(text))
		return POINTS;
	name = infer_name(&c, h->is_whole);
	if (name < 0)
		return name;
	text.len = (size_t)(c.pos - text.ptr) - 1;
	if (!h->is_whole)
		return SAYS_MAYBE;
	count = px_cur_be16(&c);
	if (c.ran_short || px_cur_left(&c) != (size_t)count * 4)
		return SAYS_NO;
	return infer_is_sql(text) ? POINTS : 1;
}

/* n numbers of two bytes that are 0 or 1. */
static bool infer_formats(struct px_cur *c)
{
	uint16_t n = px_cur_be16(c);

	while (n-- > 0 && !c->ran_short)
		if (px_cur_be16(c) > 1)
			return false;
	return true;
}

/* n values with a length each; -1 is NULL. */
static bool infer_values(struct px_cur *c)
{
	uint16_t n = px_cur_be16(c);

	while (n-- > 0 && !c->ran_short) {
		uint32_t len = px_cur_be32(c);

		if (len != UINT32_MAX)
			px_cur_skip(c, len);
	}
	return true;
}

static int infer_bind(const struct pgsql_head *h)
{
	struct px_cur c = px_cur_of(h->body);
	int portal = infer_name(&c, h->is_whole), stmt;

	if (portal < 0)
		return portal;
	stmt = infer_name(&c, h->is_whole);
	if (stmt < 0)
		return stmt;
	if (!infer_formats(&c))
		return SAYS_NO;
	(void)infer_values(&c);
	if (!infer_formats(&c))
		return SAYS_NO;
	if (c.ran_short)
		return h->is_whole ? SAYS_NO : SAYS_MAYBE;
	return h->is_whole && px_cur_left(&c) == 0 ? POINTS : SAYS_NO;
}

/* S or P and a name. */
static int infer_target(const struct pgsql_head *h)
{
	struct px_cur c = px_cur_of(h->body);
	char what = (char)px_cur_u8(&c);
	int name;

	if (h->body.len == 0)
		return h->is_whole ? SAYS_NO : SAYS_MAYBE;
	if (what != 'S' && what != 'P')
		return SAYS_NO;
	name = infer_name(&c, h->is_whole);
	return name == 1 && (!h->is_whole || px_cur_left(&c) > 0) ? SAYS_NO : name;
}

static int infer_execute(const struct pgsql_head *h)
{
	struct px_cur c = px_cur_of(h->body);
	int name = infer_name(&c, h->is_whole);

	if (name < 0)
		return name;
	if (!h->is_whole)
		return SAYS_MAYBE;
	return px_cur_left(&c) == 4 ? 1 : SAYS_NO;
}

static int infer_client(const struct pgsql_head *h)
{
	switch (h->type) {
	case 'Q':
		return infer_query(h);
	case 'P':
		return infer_parse(h);
	case 'B':
		return infer_bind(h);
	case 'D':
	case 'C':
		return infer_target(h);
	case 'E':
		return infer_execute(h);
	case 'd':
		return h->body_len > DATA_MAX ? SAYS_NO : h->is_whole ? 1 : SAYS_MAYBE;
	case 'F':
	case 'f':
	case 'p':
		return SAYS_NO;
	default:
		return 1;
	}
}

/* An error or notice: S, its severity, ..., C, five letters or digits, ..., a zero. */
static int infer_fields(const struct pgsql_head *h)
{
	struct px_cur c = px_cur_of(h->body);
	bool has_code = false;
	size_t n = 0;

	while (px_cur_left(&c) > 0) {
		char field = (char)px_cur_u8(&c);
		struct px_bytes text;

		if (field == '\0')
			return h->is_whole && px_cur_left(&c) == 0 && has_code ? POINTS : SAYS_NO;
		if (!infer_is_name(field) || (n++ == 0 && field != 'S'))
			return SAYS_NO;
		text = pgsql_cstring(&c);
		if (c.ran_short)
			break;
		if (!infer_is_text(text) || (field == 'C' && text.len != 5))
			return SAYS_NO;
		has_code |= field == 'C';
	}
	return h->is_whole ? SAYS_NO : SAYS_MAYBE;
}

static int infer_columns(const struct pgsql_head *h)
{
	struct px_cur c = px_cur_of(h->body);
	uint16_t n = px_cur_be16(&c), i;

	for (i = 0; i < n && !c.ran_short; i++) {
		int name = infer_name(&c, h->is_whole);

		if (name < 0)
			return name;
		px_cur_skip(&c, 16);
		if (px_cur_be16(&c) > 1 && !c.ran_short)
			return SAYS_NO;
	}
	if (c.ran_short)
		return h->is_whole ? SAYS_NO : SAYS_MAYBE;
	if (!h->is_whole || px_cur_left(&c) > 0)
		return SAYS_NO;
	return n > 0 ? POINTS : 1;
}

static int infer_row(const struct pgsql_head *h)
{
	struct px_cur c = px_cur_of(h->body);

	(void)infer_values(&c);
	if (c.ran_short)
		return h->is_whole ? SAYS_NO : SAYS_MAYBE;
	return h->is_whole && px_cur_left(&c) == 0 ? 1 : SAYS_NO;
}

static int infer_tag(const struct pgsql_head *h)
{
	struct px_cur c = px_cur_of(h->body);
	struct px_bytes tag = pgsql_cstring(&c);

	if (c.ran_short)
		return !h->is_whole && infer_is_text(h->body) && h->body_len <= 128 ? SAYS_MAYBE
										    : SAYS_NO;
	if (!h->is_whole || px_cur_left(&c) > 0 || tag.len < 2 || tag.len > 64)
		return SAYS_NO;
	for (size_t i = 0; i < tag.len; i++)
		if (!(tag.ptr[i] >= 'A' && tag.ptr[i] <= 'Z') && tag.ptr[i] != ' ' &&
		    !(i > 0 && tag.ptr[i] >= '0' && tag.ptr[i] <= '9') && tag.ptr[i] != '_')
			return SAYS_NO;
	return infer_is_sql(tag) ? POINTS : 1;
}

/* A setting and its value. */
static int infer_setting(const struct pgsql_head *h)
{
	struct px_cur c = px_cur_of(h->body);
	struct px_bytes name = pgsql_cstring(&c), value = pgsql_cstring(&c);

	if (c.ran_short)
		return !h->is_whole && infer_is_text(px_bytes_sub(h->body, 0, name.len))
			       ? SAYS_MAYBE
			       : SAYS_NO;
	if (!h->is_whole || px_cur_left(&c) > 0 || name.len < 3 || !infer_is_text(value))
		return SAYS_NO;
	for (size_t i = 0; i < name.len; i++)
		if (!infer_is_name(name.ptr[i]))
			return SAYS_NO;
	return POINTS;
}

static int infer_copy(const struct pgsql_head *h)
{
	struct px_cur c = px_cur_of(h->body);

	if (px_cur_u8(&c) > 1 || !infer_formats(&c))
		return SAYS_NO;
	if (c.ran_short)
		return h->is_whole ? SAYS_NO : SAYS_MAYBE;
	return h->is_whole && px_cur_left(&c) == 0 ? 1 : SAYS_NO;
}

static int infer_auth(const struct pgsql_head *h)
{
	struct px_cur c = px_cur_of(h->body);
	uint32_t code = px_cur_be32(&c);

	if (c.ran_short)
		return h->is_whole ? SAYS_NO : SAYS_MAYBE;
	switch (code) {
	case 0:
	case 2:
	case 3:
	case 7:
	case 9:
		return h->body_len == 4 ? POINTS : SAYS_NO;
	case 5:
		return h->body_len == 8 ? POINTS : SAYS_NO;
	case 10:
		return h->body_len > 6 ? POINTS : SAYS_NO;
	case 8:
	case 11:
	case 12:
		return 1;
	default:
		return SAYS_NO;
	}
}

static int infer_notification(const struct pgsql_head *h)
{
	struct px_cur c = px_cur_of(h->body);
	int channel, payload;

	px_cur_skip(&c, 4);
	if (c.ran_short)
		return h->is_whole ? SAYS_NO : SAYS_MAYBE;
	channel = infer_name(&c, h->is_whole);
	if (channel < 0)
		return channel;
	payload = infer_name(&c, h->is_whole);
	if (payload < 0)
		return payload;
	return h->is_whole && px_cur_left(&c) == 0 ? 1 : SAYS_NO;
}

static int infer_server(const struct pgsql_head *h)
{
	switch (h->type) {
	case 'R':
		return infer_auth(h);
	case 'Z':
		if (h->body.len == 0)
			return SAYS_MAYBE;
		return memchr("ITE", h->body.ptr[0], 3) ? POINTS : SAYS_NO;
	case 'T':
		return infer_columns(h);
	case 'D':
		return infer_row(h);
	case 'C':
		return infer_tag(h);
	case 'E':
	case 'N':
		return infer_fields(h);
	case 'S':
		return infer_setting(h);
	case 'A':
		return infer_notification(h);
	case 'G':
	case 'H':
	case 'W':
		return infer_copy(h);
	case 't':
		if (h->body.len < 2)
			return h->is_whole ? SAYS_NO : SAYS_MAYBE;
		return h->body_len == 2 + 4u * ((uint8_t)h->body.ptr[0] * 256u +
						(uint8_t)h->body.ptr[1])
			       ? 1
			       : SAYS_NO;
	case 'd':
		return h->body_len > DATA_MAX ? SAYS_NO : h->is_whole ? 1 : SAYS_MAYBE;
	case 'K':
		return h->body_len >= 8 && h->body_len <= 260 ? 1 : SAYS_NO;
	case 'V':
	case 'v':
		return SAYS_NO;
	default:
		return 1;
	}
}

/* A packet without a name: the first ones of a connection. */
static enum px_sure infer_start(struct px_bytes in)
{
	struct px_cur c = px_cur_of(in), body;
	uint32_t len = px_cur_be32(&c), code = px_cur_be32(&c);
	bool is_whole, has_user = false;

	if (c.ran_short)
		return in.ptr[0] == '\0' && (in.len < 4 || (len >= 8 && len <= START_MAX))
			       ? PX_SURE_MAYBE
			       : PX_SURE_NO;
	if (len < 8 || len > START_MAX)
		return PX_SURE_NO;
	if (code == 80877103 || code == 80877104) /* SSLRequest, GSSENCRequest */
		return len == 8 ? PX_SURE_YES : PX_SURE_NO;
	if (code == 80877102) /* CancelRequest: process and a key of 4 bytes, in 3.2 up to 256 */
		return len >= 16 && len <= 268 ? PX_SURE_YES : PX_SURE_NO;
	if (code >> 16 != 3 || (code & 0xffff) > 9999)
		return PX_SURE_NO;
	is_whole = px_cur_left(&c) >= len - 8;
	body = px_cur_sub(&c, is_whole ? len - 8 : px_cur_left(&c));
	while (px_cur_left(&body) > 0) {
		struct px_bytes rest = px_bytes_of(body.pos, px_cur_left(&body)), name, value;

		if (rest.ptr[0] == '\0')
			return is_whole && rest.len == 1 && has_user ? PX_SURE_YES : PX_SURE_NO;
		if (!infer_is_name(rest.ptr[0]))
			return PX_SURE_NO;
		name = pgsql_cstring(&body);
		if (!body.ran_short && !infer_is_text(name))
			return PX_SURE_NO;
		value = pgsql_cstring(&body);
		if (body.ran_short)
			break;
		if (!infer_is_text(value))
			return PX_SURE_NO;
		has_user |= px_bytes_eq(name, PX_BYTES("user"));
	}
	if (is_whole)
		return PX_SURE_NO;
	return has_user ? PX_SURE_YES : PX_SURE_MAYBE;
}

/* Go over the messages of one side until there are points enough. */
static enum px_sure infer_walk(struct px_bytes in, bool is_client, int *points)
{
	size_t pos = 0;
	char before = '\0';

	*points = 0;
	while (pos < in.len) {
		struct pgsql_head h;
		int got = pgsql_head_read(px_bytes_sub(in, pos, SIZE_MAX), is_client, &h), says;

		if (got < 0)
			return PX_SURE_NO;
		if (got == 0)
			return PX_SURE_MAYBE;
		says = is_client ? infer_client(&h) : infer_server(&h);
		if (says == SAYS_NO)
			return PX_SURE_NO;
		if (says == SAYS_MAYBE)
			return PX_SURE_MAYBE;
		/* A server tells its key behind the settings, and is ready then. */
		if (!is_client && before == 'K' && !memchr("SZNEA", h.type, 5))
			return PX_SURE_NO;
		before = h.type;
		*points += says;
		if (*points >= POINTS)
			return PX_SURE_YES;
		pos += PGSQL_HEAD + h.body_len;
	}
	return PX_SURE_MAYBE;
}

enum px_sure pgsql_infer(struct px_bytes head, enum px_dir dir)
{
	enum px_sure client, server;
	int points;

	(void)dir;
	if (head.ptr[0] == '\0')
		return infer_start(head);
	client = infer_walk(head, true, &points);
	if (client == PX_SURE_YES)
		return client;
	server = infer_walk(head, false, &points);
	return server > client ? server : client;
}

enum px_frame_kind pgsql_kind(struct px_bytes head)
{
	enum px_sure client, server;
	int points;

	if (head.len == 0)
		return 0;
	if (head.ptr[0] == '\0')
		return PX_FRAME_REQUEST;
	client = infer_walk(head, true, &points);
	server = infer_walk(head, false, &points);
	if (client == server)
		return 0;
	return client > server ? PX_FRAME_REQUEST : PX_FRAME_RESPONSE;
}

enum px_sure pgsql_probe(struct px_bytes in, bool is_client)
{
	struct px_cur c = px_cur_of(in);
	struct pgsql_head h;
	int got, says;

	if (in.ptr[0] == '\0') {
		enum px_sure sure = is_client ? infer_start(in) : PX_SURE_NO;
		uint32_t len = px_cur_be32(&c);

		return sure == PX_SURE_YES && in.len < len ? PX_SURE_MAYBE : sure;
	}
	got = pgsql_head_read(in, is_client, &h);
	if (got <= 0)
		return got < 0 ? PX_SURE_NO : PX_SURE_MAYBE;
	says = is_client ? infer_client(&h) : infer_server(&h);
	return says > 0 ? PX_SURE_YES : says == SAYS_NO ? PX_SURE_NO : PX_SURE_MAYBE;
}

/* Where a message may begin; whether one does is found out with the bytes that follow. */
size_t pgsql_resync(struct px_bytes in, enum px_dir dir)
{
	(void)dir;
	for (size_t at = 0; at < in.len; at++) {
		struct px_bytes rest = px_bytes_sub(in, at, SIZE_MAX);

		if (pgsql_probe(rest, true) != PX_SURE_NO || pgsql_probe(rest, false) != PX_SURE_NO)
			return at;
	}
	return in.len;
}
