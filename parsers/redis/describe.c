/* SPDX-License-Identifier: Apache-2.0 */
/* From a command and its answer to a record. */
#include "redis/message.h"

enum redis_field {
	REDIS_F_CMD,
	REDIS_F_KEY,
	REDIS_F_ARGS,
	REDIS_F_ARGC,
	REDIS_F_DB,
	REDIS_F_REQ_BYTES,
	REDIS_F_KIND,
	REDIS_F_VALUE,
	REDIS_F_LEN,
	REDIS_F_ERROR,
	REDIS_F_PUSH,
	REDIS_F_PATTERN,
	REDIS_F_RESP_BYTES,
};

#define REQ PX_SIDE_REQ
#define RESP PX_SIDE_RESP

/* clang-format off */
const struct px_field redis_fields[] = {
	[REDIS_F_CMD] = { "cmd", PX_TYPE_STR, REQ, NULL, "command, upper case, with its subcommand" },
	[REDIS_F_KEY] = { "key", PX_TYPE_STR, REQ, NULL, "first key" },
	[REDIS_F_ARGS] = { "args", PX_TYPE_LIST, REQ, NULL, "arguments behind the command and its subcommand" },
	[REDIS_F_ARGC] = { "argc", PX_TYPE_INT, REQ, NULL, "number of words, the command's included" },
	[REDIS_F_DB] = { "db", PX_TYPE_INT, REQ, NULL, "number of the database, absent where SELECT was not seen" },
	[REDIS_F_REQ_BYTES] = { "bytes", PX_TYPE_INT, REQ, "bytes", "size of the command on the wire" },
	[REDIS_F_KIND] = { "kind", PX_TYPE_STR, RESP, NULL, "type of the answer: simple, error, integer, bulk, array, null, map, set, double, boolean, bignumber, verbatim, push" },
	[REDIS_F_VALUE] = { "value", PX_TYPE_BODY, RESP, NULL, "answer as text, JSON where it has elements; payload of a message" },
	[REDIS_F_LEN] = { "len", PX_TYPE_INT, RESP, NULL, "bytes of a text, elements of an aggregate" },
	[REDIS_F_ERROR] = { "error", PX_TYPE_STR, RESP, NULL, "error as the server told it" },
	[REDIS_F_PUSH] = { "push", PX_TYPE_STR, RESP, NULL, "of what nobody asked for: message, pmessage, invalidate and so on" },
	[REDIS_F_PATTERN] = { "pattern", PX_TYPE_STR, RESP, NULL, "pattern that a message's channel matched" },
	[REDIS_F_RESP_BYTES] = { "bytes", PX_TYPE_INT, RESP, "bytes", "size of the answer on the wire" },
	{ 0 },
};
/* clang-format on */

#define SUMMARY_MAX 640 /* bytes; the text line shows 512 */
#define SUMMARY_VALUE 256 /* of one argument or value */

static const struct px_bytes hidden = PX_BYTES("***"), literal = PX_BYTES("?");

/* What the steps of one describe() share. */
struct describe {
	struct px_record *rec;
	bool found_secret;
	bool is_cut;
	char *line; /* the summary under construction, SUMMARY_MAX bytes, or NULL */
	size_t len;
};

/* --- the summary --- */

static void line_put(struct describe *d, struct px_bytes s)
{
	size_t n = SUMMARY_MAX - d->len < s.len ? SUMMARY_MAX - d->len : s.len;

	if (!d->line || n == 0)
		return;
	memcpy(d->line + d->len, s.ptr, n);
	d->len += n;
}

static bool line_is_plain(struct px_bytes s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] == ' ' || s.ptr[i] == '"' || s.ptr[i] == '\\')
			return false;
	return s.len > 0;
}

/* A text with its quotes, where it is no single word or has to be told from a number. */
static void line_quoted(struct describe *d, struct px_bytes s, bool always)
{
	struct px_bytes shown = px_bytes_sub(s, 0, SUMMARY_VALUE);
	size_t from = 0;

	if (!d->line)
		return;
	if (!always && line_is_plain(shown)) {
		line_put(d, shown);
	} else {
		line_put(d, PX_BYTES("\""));
		for (size_t i = 0; i < shown.len; i++) {
			if (shown.ptr[i] != '"' && shown.ptr[i] != '\\')
				continue;
			line_put(d, px_bytes_of(shown.ptr + from, i - from));
			line_put(d, PX_BYTES("\\"));
			from = i;
		}
		line_put(d, px_bytes_sub(shown, from, SIZE_MAX));
		if (shown.len == s.len)
			line_put(d, PX_BYTES("\""));
	}
	if (shown.len < s.len)
		line_put(d, PX_BYTES("\xe2\x80\xa6"));
}

/* --- the command --- */

static struct px_bytes describe_upper(struct px_arena *arena, struct px_bytes a, struct px_bytes b)
{
	size_t len = a.len + (b.len ? b.len + 1 : 0);
	char *p = px_arena_alloc(arena, len);

	if (!p)
		return a;
	if (a.len)
		memcpy(p, a.ptr, a.len);
	if (b.len) {
		p[a.len] = ' ';
		memcpy(p + a.len + 1, b.ptr, b.len);
	}
	for (size_t i = 0; i < len; i++)
		if (p[i] >= 'a' && p[i] <= 'z')
			p[i] = (char)(p[i] ^ 0x20);
	return px_bytes_of(p, len);
}

/*
 * The command with its subcommand, if that is a word. *words: how many of the arguments are in it.
 */
static struct px_bytes describe_op(const struct redis_msg *m, struct px_arena *arena, size_t *words)
{
	struct px_bytes name = redis_arg(m, 0), sub = redis_arg(m, 1);

	*words = 1;
	if (m->cmd && m->cmd->name[0] && !m->cmd->has_sub)
		return px_bytes_of(m->cmd->name, strnlen(m->cmd->name, sizeof(m->cmd->name)));
	if (!m->cmd || !m->cmd->has_sub || sub.len == 0 || sub.len > REDIS_NAME_MAX)
		return describe_upper(arena, px_bytes_sub(name, 0, REDIS_NAME_MAX), PX_BYTES(""));
	for (size_t i = 0; i < sub.len; i++)
		if (!(px_ascii_lower(sub.ptr[i]) >= 'a' && px_ascii_lower(sub.ptr[i]) <= 'z') &&
		    sub.ptr[i] != '-')
			return describe_upper(arena, name, PX_BYTES(""));
	*words = 2;
	return describe_upper(arena, name, sub);
}

/* The arguments, secrets hidden, for the list and for the summary. */
static void describe_args(struct describe *d, const struct redis_msg *m, size_t from, size_t key)
{
	struct px_record *rec = d->rec;
	size_t count = m->args_kept > from ? m->args_kept - from : 0;
	struct redis_secrets secrets = { .m = m };
	struct px_bytes *items = NULL;

	if (!rec->no_details)
		items = px_arena_alloc(rec->arena, count * sizeof(*items) + 1);
	for (size_t i = 1; i < m->args_kept; i++) {
		struct px_bytes arg = redis_arg(m, i);

		if (!rec->no_redact && redis_is_secret(&secrets, i)) {
			d->found_secret = true;
			redis_overwrite(arg);
			arg = hidden;
		} else if (rec->redact_literals && i != key) {
			redis_overwrite(arg);
			arg = literal;
		}
		if (i < from)
			continue;
		if (items)
			items[i - from] = arg;
		line_put(d, PX_BYTES(" "));
		line_quoted(d, arg, false);
		if (m->args[i].full > m->args[i].len && arg.ptr != hidden.ptr)
			line_put(d, PX_BYTES("\xe2\x80\xa6"));
	}
	if (items) {
		struct px_value *v = px_record_place(rec, REDIS_F_ARGS);

		v->list.items = items;
		v->list.count = count;
	}
}

static void describe_command(struct describe *d, const struct px_frame *frame, int64_t db)
{
	const struct redis_msg *m = frame->msg;
	struct px_record *rec = d->rec;
	size_t words, key = redis_first_key(m);
	struct px_bytes op = describe_op(m, rec->arena, &words);
	bool had_secret = d->found_secret;

	rec->has_req = true;
	d->is_cut |= m->is_cut;
	px_record_str(rec, PX_F_OP, op);
	line_put(d, op);
	if (key > 0) {
		px_record_str(rec, PX_F_TARGET, redis_arg(m, key));
		if (m->cmd->key != REDIS_KEY_CHANNEL)
			px_record_put_str(rec, REDIS_F_KEY, redis_arg(m, key));
	}
	px_record_put_str(rec, REDIS_F_CMD, op);
	px_record_put_int(rec, REDIS_F_ARGC, m->argc);
	if (db >= 0)
		px_record_put_int(rec, REDIS_F_DB, db);
	px_record_put_int(rec, REDIS_F_REQ_BYTES, (int64_t)frame->bytes);
	describe_args(d, m, words, key);
	if (m->is_inline && d->found_secret && !had_secret)
		redis_overwrite(px_bytes_sub(px_bytes_of(m->raw, m->wire_len), op.len, SIZE_MAX));
	rec->raw_req.head = px_bytes_of(m->raw, m->wire_len);
	rec->raw_req.is_cut = m->is_cut;
}

/* --- the answer --- */

static struct px_bytes describe_kind(const struct redis_msg *m)
{
	if (m->is_null)
		return PX_BYTES("null");
	switch (m->type) {
	case '+':
		return PX_BYTES("simple");
	case '-':
	case '!':
		return PX_BYTES("error");
	case ':':
		return PX_BYTES("integer");
	case '$':
		return PX_BYTES("bulk");
	case '*':
		return PX_BYTES("array");
	case '_':
		return PX_BYTES("null");
	case '#':
		return PX_BYTES("boolean");
	case ',':
		return PX_BYTES("double");
	case '(':
		return PX_BYTES("bignumber");
	case '=':
		return PX_BYTES("verbatim");
	case '%':
		return PX_BYTES("map");
	case '~':
		return PX_BYTES("set");
	default:
		return PX_BYTES("push");
	}
}

/* ERR, WRONGTYPE: the first word of an error, if that is a code. */
static struct px_bytes describe_code(struct px_bytes error)
{
	size_t n = 0;

	while (n < error.len &&
	       ((error.ptr[n] >= 'A' && error.ptr[n] <= 'Z') ||
		(error.ptr[n] >= '0' && error.ptr[n] <= '9') || error.ptr[n] == '_'))
		n++;
	if (n == 0 || (n < error.len && error.ptr[n] != ' '))
		return PX_BYTES("ERR");
	return px_bytes_sub(error, 0, n);
}

static struct redis_walk describe_walk(const struct redis_msg *m)
{
	return (struct redis_walk){ px_bytes_of(m->raw, m->raw_len), m->first_at };
}

static void describe_put_value(struct describe *d, struct px_bytes value)
{
	px_record_put_str(d->rec, REDIS_F_VALUE, value);
}

/* All texts of an answer are overwritten. */
static void describe_hide_all(struct describe *d, const struct redis_msg *m, struct px_bytes shown)
{
	struct redis_walk w = describe_walk(m);
	struct redis_value v;

	while (redis_walk(&w, &v))
		if (v.text.len > 0)
			redis_overwrite(v.text);
	describe_put_value(d, shown);
	line_put(d, d->len > 0 ? PX_BYTES(" = ") : PX_BYTES("= "));
	line_put(d, shown);
}

static size_t describe_value_max(const struct redis_msg *m)
{
	return m->raw_max - REDIS_SHORT_ROOM;
}

static void describe_aggregate(struct describe *d, const struct redis_msg *m)
{
	size_t max = describe_value_max(m), shown = max < SIZE_MAX / 2 ? 2 * max : max;
	bool is_summary = d->rec->no_details;
	struct px_bytes text;

	if (d->rec->redact_literals) {
		describe_hide_all(d, m, literal);
		return;
	}
	if (is_summary && !d->line)
		return;
	text = redis_render(describe_walk(m), m->values, is_summary ? SUMMARY_MAX : shown,
			    !d->rec->no_redact, d->rec->arena, &d->is_cut, &d->found_secret);
	if (!is_summary)
		describe_put_value(d, text);
	line_put(d, d->len > 0 ? PX_BYTES(" = ") : PX_BYTES("= "));
	line_put(d, text);
}

/* A payload or a string. */
static void describe_text(struct describe *d, struct px_bytes text, size_t max, bool is_text)
{
	if (text.len > max) {
		text.len = max;
		d->is_cut = true;
	}
	if (d->rec->redact_literals && is_text) {
		redis_overwrite(text);
		text = literal;
	}
	describe_put_value(d, text);
	line_put(d, d->len > 0 ? PX_BYTES(" = ") : PX_BYTES("= "));
	if (is_text)
		line_quoted(d, text, text.ptr != literal.ptr);
	else
		line_put(d, text);
}

static void describe_scalar(struct describe *d, const struct redis_msg *m)
{
	struct redis_walk w = describe_walk(m);
	struct redis_value v = { 0 };

	if (m->is_null) {
		px_record_place(d->rec, REDIS_F_VALUE)->is_null = true;
		line_put(d, d->len > 0 ? PX_BYTES(" = nil") : PX_BYTES("= nil"));
		return;
	}
	if (!redis_walk(&w, &v))
		return;
	if (m->type == '$' && v.count < 0) { /* in pieces: as JSON, without its quotes */
		struct px_bytes text =
			redis_render(describe_walk(m), 1, describe_value_max(m), false,
				     d->rec->arena, &d->is_cut, &d->found_secret);

		describe_text(d, text.len >= 2 ? px_bytes_of(text.ptr + 1, text.len - 2) : text,
			      SIZE_MAX, true);
		return;
	}
	if (m->type == '=' && v.text.len >= 4)
		v.text = px_bytes_of(v.text.ptr + 4, v.text.len - 4);
	if (m->type == '#')
		v.text = *v.text.ptr == 't' ? PX_BYTES("true") : PX_BYTES("false");
	describe_text(d, v.text, describe_value_max(m), m->type == '$' || m->type == '=');
}

static void describe_error(struct describe *d, const struct redis_msg *m)
{
	struct redis_walk w = describe_walk(m);
	struct redis_value v = { .text = PX_BYTES("") };
	struct px_record *rec = d->rec;

	(void)redis_walk(&w, &v);
	px_record_str(rec, PX_F_STATUS, describe_code(v.text));
	px_record_bool(rec, PX_F_OK, false);
	px_record_str(rec, PX_F_ERROR, v.text);
	px_record_put_str(rec, REDIS_F_ERROR, v.text);
	if (d->len > 0)
		line_put(d, PX_BYTES(" "));
	line_put(d, PX_BYTES("err="));
	line_quoted(d, v.text, true);
}

/* What every answer has. */
static void describe_answer_head(struct describe *d, const struct px_frame *frame)
{
	const struct redis_msg *m = frame->msg;
	struct px_record *rec = d->rec;

	rec->has_resp = true;
	d->is_cut |= m->is_cut && m->phase < REDIS_AT_RDB;
	px_record_put_str(rec, REDIS_F_KIND, describe_kind(m));
	px_record_put_int(rec, REDIS_F_RESP_BYTES, (int64_t)frame->bytes);
	rec->raw_resp.head = px_bytes_of(m->raw, m->wire_len);
	rec->raw_resp.is_cut = m->is_cut;
}

static void describe_answer(struct describe *d, const struct px_frame *frame,
			    const struct px_frame *request)
{
	const struct redis_msg *m = frame->msg;
	struct px_record *rec = d->rec;

	describe_answer_head(d, frame);
	px_record_str(rec, PX_F_STATUS, PX_BYTES("OK"));
	px_record_bool(rec, PX_F_OK, true);
	px_record_null(rec, PX_F_ERROR);
	if (m->len >= 0 && !m->is_null)
		px_record_put_int(rec, REDIS_F_LEN, m->values > 1 ? m->values : m->len);
	if (m->type == '-' || m->type == '!')
		describe_error(d, m);
	else if (!rec->no_redact &&
		 (request ? redis_answer_is_secret(request->msg) : m->may_be_secret)) {
		d->found_secret = true;
		describe_hide_all(d, m, hidden);
	} else if (strchr("*~%>", m->type) && !m->is_null)
		describe_aggregate(d, m);
	else if (m->phase < REDIS_AT_RDB || m->type == '+')
		describe_scalar(d, m);
}

/* --- what nobody asked for --- */

/* Does a word of this line of MONITOR stand before a secret? */
static bool describe_has_secret(struct px_bytes line)
{
	size_t from = px_bytes_find(line, 0, '"') + 1, to;

	for (; from < line.len; from = to + 3) {
		struct px_bytes word;

		to = px_bytes_find(line, from, '"');
		word = px_bytes_sub(line, from, to - from);
		if (px_bytes_caseeq(word, PX_BYTES("auth")) ||
		    px_bytes_caseeq(word, PX_BYTES("auth2")) ||
		    px_bytes_caseeq(word, PX_BYTES("setuser")) || redis_is_secret_name(word))
			return true;
	}
	return false;
}

/* What MONITOR shows: the command is somebody else's, and so would its secrets be. */
static void describe_monitored(struct describe *d, const struct redis_msg *m)
{
	struct redis_walk w = describe_walk(m);
	struct redis_value v;
	bool is_secret;

	px_record_str(d->rec, PX_F_OP, PX_BYTES("MONITOR"));
	line_put(d, PX_BYTES("MONITOR"));
	if (!redis_walk(&w, &v))
		return;
	px_record_put_int(d->rec, REDIS_F_LEN, m->len);
	is_secret = !d->rec->no_redact && describe_has_secret(v.text);
	if (is_secret || d->rec->redact_literals) {
		/* Of the command its first word is shown. */
		size_t from = px_bytes_find(v.text, 0, '"') + 1,
		       to = px_bytes_find(v.text, from, '"');

		d->found_secret |= is_secret;
		if (to < v.text.len)
			redis_overwrite(px_bytes_of(v.text.ptr + to + 1, v.text.len - to - 1));
		v.text = px_bytes_sub(v.text, 0, to + 1);
	}
	describe_text(d, v.text, describe_value_max(m), false);
}

static void describe_pushed(struct describe *d, const struct px_frame *frame)
{
	const struct redis_msg *m = frame->msg;
	struct px_record *rec = d->rec;
	struct redis_walk w = describe_walk(m);
	struct redis_value word, channel, payload, pattern;
	struct px_bytes op = PX_BYTES("PUSH");
	size_t at = 1;

	rec->has_req = false;
	describe_answer_head(d, frame);
	if (m->type == '+') {
		describe_monitored(d, m);
		return;
	}
	if (!redis_element(w, 0, &word)) {
		px_record_str(rec, PX_F_OP, op);
		return;
	}
	px_record_put_str(rec, REDIS_F_PUSH, word.text);
	if (px_bytes_eq(word.text, PX_BYTES("message")))
		op = PX_BYTES("MESSAGE");
	else if (px_bytes_eq(word.text, PX_BYTES("smessage")))
		op = PX_BYTES("SMESSAGE");
	else if (px_bytes_eq(word.text, PX_BYTES("pmessage")) && redis_element(w, 1, &pattern)) {
		op = PX_BYTES("PMESSAGE");
		at = 2;
		px_record_put_str(rec, REDIS_F_PATTERN, pattern.text);
	}
	px_record_str(rec, PX_F_OP, op);
	line_put(d, op);
	if (op.ptr[0] != 'P' || op.ptr[1] != 'U') {
		if (!redis_element(w, at, &channel))
			return;
		px_record_str(rec, PX_F_TARGET, channel.text);
		line_put(d, PX_BYTES(" "));
		line_quoted(d, channel.text, false);
		if (!redis_element(w, at + 1, &payload))
			return;
		px_record_put_int(rec, REDIS_F_LEN,
				  payload.type == '$' ? payload.count : (int64_t)payload.text.len);
		describe_text(d, payload.text, describe_value_max(m), true);
		return;
	}
	if (redis_element(w, 1, &channel) && !channel.is_null)
		px_record_str(rec, PX_F_TARGET, channel.text);
	px_record_put_int(rec, REDIS_F_LEN, m->len);
	describe_aggregate(d, m);
}

void redis_describe(const struct px_exchange *ex, struct px_record *rec)
{
	struct describe d = { .rec = rec };
	const struct px_frame *request = ex->request, *response = ex->response;
	unsigned int flags = ex->flags;
	bool is_one_way = request && request->kind == PX_FRAME_ONE_WAY;

	if (rec->want_summary)
		d.line = px_arena_alloc(rec->arena, SUMMARY_MAX);
	if (request)
		flags |= request->flags;
	if (response)
		flags |= response->flags;
	if (is_one_way && ((const struct redis_msg *)request->msg)->argc == 0) {
		describe_pushed(&d, request);
	} else if (request) {
		const struct redis_msg *m = (response ? response : request)->msg;

		describe_command(&d, request, m->db);
	}
	if (response) {
		describe_answer(&d, response, request);
	} else {
		bool is_open = !is_one_way && !(flags & PX_FLAG_UNPAIRED);

		if (is_open)
			flags |= PX_FLAG_NOREPLY;
		px_record_str(rec, PX_F_STATUS, is_open ? PX_BYTES("NOREPLY") : PX_BYTES("-"));
		px_record_bool(rec, PX_F_OK, !is_open);
		px_record_null(rec, PX_F_ERROR);
	}
	if (!request)
		flags |= PX_FLAG_UNPAIRED;
	if (d.is_cut)
		flags |= PX_FLAG_TRUNCATED;
	if (d.found_secret)
		flags |= PX_FLAG_REDACTED;
	px_record_flags(rec, flags);
	if (d.line)
		rec->summary = px_bytes_of(d.line, d.len);
}
