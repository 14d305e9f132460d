/* SPDX-License-Identifier: Apache-2.0 */
/* From a request and its response to a record. */
#include "pgsql/message.h"

enum pgsql_field {
	PGSQL_F_COMMAND,
	PGSQL_F_SQL,
	PGSQL_F_STATEMENT,
	PGSQL_F_PORTAL,
	PGSQL_F_PARAMS,
	PGSQL_F_MAX_ROWS,
	PGSQL_F_DB,
	PGSQL_F_USER,
	PGSQL_F_APPLICATION,
	PGSQL_F_SSL,
	PGSQL_F_GSSENC,
	PGSQL_F_CANCEL_PID,
	PGSQL_F_FUNCTION,
	PGSQL_F_COPY_IN,
	PGSQL_F_REQ_BYTES,
	PGSQL_F_TAG,
	PGSQL_F_ROWS,
	PGSQL_F_COLUMNS,
	PGSQL_F_SUSPENDED,
	PGSQL_F_COPY_OUT,
	PGSQL_F_SQLSTATE,
	PGSQL_F_SEVERITY,
	PGSQL_F_MESSAGE,
	PGSQL_F_DETAIL,
	PGSQL_F_HINT,
	PGSQL_F_TX,
	PGSQL_F_AUTH,
	PGSQL_F_PARAMETERS,
	PGSQL_F_BACKEND_PID,
	PGSQL_F_CHANNEL,
	PGSQL_F_PAYLOAD,
	PGSQL_F_RESP_BYTES,
	PGSQL_FIELDS,
};

#define REQ PX_SIDE_REQ
#define RESP PX_SIDE_RESP

/* clang-format off */
const struct px_field pgsql_fields[] = {
	{ "command", PX_TYPE_STR, REQ, NULL, "QUERY, EXECUTE, PARSE, DESCRIBE, CLOSE, BIND, FUNCTION_CALL, STARTUP or CANCEL" },
	{ "sql", PX_TYPE_STR, REQ, NULL, "text of the statement; absent where it was prepared unseen" },
	{ "statement", PX_TYPE_STR, REQ, NULL, "name of the prepared statement, empty for the unnamed one" },
	{ "portal", PX_TYPE_STR, REQ, NULL, "name of the portal, where it has one" },
	{ "params", PX_TYPE_LIST, REQ, NULL, "parameters as psql prints them, null for NULL, ? where the type of a binary one is not known" },
	{ "max_rows", PX_TYPE_INT, REQ, NULL, "rows that were asked for at most" },
	{ "db", PX_TYPE_STR, REQ, NULL, "database, at the start" },
	{ "user", PX_TYPE_STR, REQ, NULL, "user, at the start" },
	{ "application", PX_TYPE_STR, REQ, NULL, "name that the client gave itself, at the start" },
	{ "ssl", PX_TYPE_STR, REQ, NULL, "TLS was asked for: accepted, refused, or asked without an answer" },
	{ "gssenc", PX_TYPE_STR, REQ, NULL, "the same for GSSAPI encryption" },
	{ "backend_pid", PX_TYPE_INT, REQ, NULL, "process of the server whose work is to be cancelled" },
	{ "function", PX_TYPE_INT, REQ, NULL, "object id of the function that is called" },
	{ "copy_bytes", PX_TYPE_INT, REQ, "bytes", "data that COPY took from the client" },
	{ "bytes", PX_TYPE_INT, REQ, "bytes", "size of the messages, with those of passwords and COPY data" },
	{ "tag", PX_TYPE_STR, RESP, NULL, "command tag, as INSERT 0 1" },
	{ "rows", PX_TYPE_INT, RESP, NULL, "rows returned or changed" },
	{ "columns", PX_TYPE_LIST, RESP, NULL, "names of the columns" },
	{ "suspended", PX_TYPE_BOOL, RESP, NULL, "max_rows were reached: the portal may have more" },
	{ "copy_bytes", PX_TYPE_INT, RESP, "bytes", "data that COPY sent to the client" },
	{ "sqlstate", PX_TYPE_STR, RESP, NULL, "code of the error or notice" },
	{ "severity", PX_TYPE_STR, RESP, NULL, "its severity" },
	{ "message", PX_TYPE_STR, RESP, NULL, "its message" },
	{ "detail", PX_TYPE_STR, RESP, NULL, "its detail" },
	{ "hint", PX_TYPE_STR, RESP, NULL, "its hint" },
	{ "tx", PX_TYPE_STR, RESP, NULL, "transaction behind the last answer of a batch: idle, transaction or failed" },
	{ "auth", PX_TYPE_STR, RESP, NULL, "what the server asked for at the start: none, password, md5, scram-sha-256 and others" },
	{ "parameters", PX_TYPE_MAP, RESP, NULL, "settings that the server told at the start" },
	{ "backend_pid", PX_TYPE_INT, RESP, NULL, "process of the server: of this connection, or who notified" },
	{ "channel", PX_TYPE_STR, RESP, NULL, "channel of a notification" },
	{ "payload", PX_TYPE_STR, RESP, NULL, "payload of a notification" },
	{ "bytes", PX_TYPE_INT, RESP, "bytes", "size of the messages" },
	{ 0 },
};
/* clang-format on */
_Static_assert(PX_COUNT(pgsql_fields) == PGSQL_FIELDS + 1, "a row for each of enum pgsql_field");
_Static_assert(PGSQL_FIELDS <= PX_PROTO_FIELDS_MAX, "a bit for each field");

#define LINE_MAX_LEN 900 /* bytes of a summary */
#define LINE_SQL 320 /* of them the statement */
#define LINE_PARAM 64 /* and one parameter */

/* What the steps of one describe() share. */
struct describe {
	struct px_record *rec;
	const struct px_frame *request, *response;
	const struct pgsql_request *req;
	const struct pgsql_response *rsp;
	struct px_bytes op, sql, statement, portal, error;
	const struct px_bytes *params;
	size_t param_count;
	unsigned int flags;
	bool found_secret;
	char *line;
	size_t line_len;
};

static struct px_bytes describe_kept(const struct pgsql_raw *raw, size_t at, size_t len)
{
	struct px_bytes b = px_bytes_sub(px_bytes_of(raw->ptr, raw->len), at, len);

	return b.ptr ? b : px_bytes_of("", 0);
}

static void describe_line(struct describe *d, struct px_bytes text, size_t max)
{
	bool is_cut = text.len > max;

	if (!d->line)
		return;
	if (is_cut)
		text.len = max;
	if (text.len > LINE_MAX_LEN - d->line_len)
		text.len = LINE_MAX_LEN - d->line_len;
	while (is_cut && text.len > 0 && ((uint8_t)text.ptr[text.len - 1] & 0xc0) == 0x80)
		text.len--;
	if (is_cut && text.len > 0 && (uint8_t)text.ptr[text.len - 1] >= 0xc0)
		text.len--;
	if (text.len > 0)
		memcpy(d->line + d->line_len, text.ptr, text.len);
	d->line_len += text.len;
	if (is_cut)
		describe_line(d, PX_BYTES("…"), 3);
}

/* With a blank in front, unless it is the first. */
static void describe_word(struct describe *d, struct px_bytes text, size_t max)
{
	if (text.len == 0)
		return;
	if (d->line_len > 0)
		describe_line(d, PX_BYTES(" "), 1);
	describe_line(d, text, max);
}

static void describe_named(struct describe *d, const char *name, struct px_bytes value)
{
	if (value.len == 0)
		return;
	describe_word(d, px_bytes_str(name), SIZE_MAX);
	describe_line(d, value, LINE_PARAM);
}

static void describe_put(struct px_record *rec, unsigned int field, struct px_bytes s)
{
	if (s.ptr && s.len > 0)
		px_record_put_str(rec, field, s);
}

/* The value of a setting; empty if it is not there. */
static struct px_bytes describe_setting(const struct pgsql_texts *t, struct px_bytes name)
{
	struct px_bytes key, value;
	size_t at = 0;

	while (pgsql_texts_next(t, &at, &key) && pgsql_texts_next(t, &at, &value))
		if (px_bytes_eq(key, name))
			return value;
	return (struct px_bytes){ NULL, 0 };
}

static void describe_settings(struct describe *d, const struct pgsql_texts *t)
{
	struct px_pair *pairs = px_arena_alloc(d->rec->arena, t->count / 2 * sizeof(*pairs) + 1);
	size_t at = 0, n = 0;

	while (pairs && n < t->count / 2 && pgsql_texts_next(t, &at, &pairs[n].name) &&
	       pgsql_texts_next(t, &at, &pairs[n].value))
		n++;
	if (n > 0)
		px_record_put_map(d->rec, PGSQL_F_PARAMETERS, pairs, n);
}

static void describe_columns(struct describe *d, const struct pgsql_texts *t)
{
	struct px_bytes *items;
	size_t at = 0, n = 0;
	struct px_value *v;

	if (t->count == 0)
		return;
	items = px_arena_alloc(d->rec->arena, t->count * sizeof(*items));
	while (items && n < t->count && pgsql_texts_next(t, &at, &items[n]))
		n++;
	if (t->is_cut)
		d->flags |= PX_FLAG_TRUNCATED;
	if (n == 0)
		return;
	v = px_record_place(d->rec, PGSQL_F_COLUMNS);
	v->list.items = items;
	v->list.count = n;
}

static void describe_params(struct describe *d)
{
	struct px_value *v;

	d->params = pgsql_params(d->req, d->rsp, d->rec, &d->param_count, &d->found_secret);
	if (!d->params)
		return;
	v = px_record_place(d->rec, PGSQL_F_PARAMS);
	v->list.items = d->params;
	v->list.count = d->param_count;
}

static struct px_bytes describe_command(enum pgsql_what what)
{
	static const struct px_bytes names[] = {
		[PGSQL_STARTUP] = PX_BYTES("STARTUP"),
		[PGSQL_CANCEL] = PX_BYTES("CANCEL"),
		[PGSQL_QUERY] = PX_BYTES("QUERY"),
		[PGSQL_PARSE] = PX_BYTES("PARSE"),
		[PGSQL_BIND] = PX_BYTES("BIND"),
		[PGSQL_DESCRIBE] = PX_BYTES("DESCRIBE"),
		[PGSQL_CLOSE] = PX_BYTES("CLOSE"),
		[PGSQL_EXECUTE] = PX_BYTES("EXECUTE"),
		[PGSQL_FUNCTION_CALL] = PX_BYTES("FUNCTION_CALL"),
	};

	return what < PX_COUNT(names) ? names[what] : PX_BYTES("");
}

static struct px_bytes describe_encryption(enum pgsql_encryption asked, char answer)
{
	if (asked == PGSQL_NOT_ASKED)
		return (struct px_bytes){ NULL, 0 };
	return answer == 'N' ? PX_BYTES("refused")
	       : answer	     ? PX_BYTES("accepted")
			     : PX_BYTES("asked");
}

static void describe_startup(struct describe *d)
{
	const struct pgsql_request *m = d->req;
	struct px_record *rec = d->rec;
	struct px_bytes user = describe_setting(&m->settings, PX_BYTES("user")),
			db = describe_setting(&m->settings, PX_BYTES("database")),
			app = describe_setting(&m->settings, PX_BYTES("application_name")),
			ssl = describe_encryption(m->ssl, d->rsp ? d->rsp->ssl_answer : 0),
			gss = describe_encryption(m->gss, d->rsp ? d->rsp->gss_answer : 0);

	if (db.len == 0)
		db = user; /* the server's default */
	describe_put(rec, PGSQL_F_USER, user);
	describe_put(rec, PGSQL_F_DB, db);
	describe_put(rec, PGSQL_F_APPLICATION, app);
	describe_put(rec, PGSQL_F_SSL, ssl);
	describe_put(rec, PGSQL_F_GSSENC, gss);
	describe_named(d, "user=", user);
	describe_named(d, "db=", db);
	describe_named(d, "app=", app);
	describe_named(d, "ssl=", ssl);
	describe_named(d, "gssenc=", gss);
}

/* Its statement, with what is to be hidden hidden, here and in the bytes that are kept. */
static void describe_sql(struct describe *d)
{
	const struct pgsql_request *m = d->req;
	struct px_record *rec = d->rec;
	unsigned int what = (rec->no_redact ? 0 : PX_SQL_HIDE_SECRETS) |
			    (rec->redact_literals ? PX_SQL_HIDE_LITERALS : 0);
	struct px_bytes sql = m->is_copied ? px_bytes_of(m->sql, m->sql_len)
					   : describe_kept(&m->raw, m->sql_at, m->sql_len);
	struct px_bytes table = px_sql_table(&m->look, sql);

	if (table.len > 0)
		px_record_str(rec, PX_F_TARGET, table);
	if (what && sql.len > 0)
		sql = px_sql_hide(sql, PX_SQL_POSTGRES, what, rec->arena, &d->found_secret);
	px_record_put_str(rec, PGSQL_F_SQL, sql);
	d->sql = sql;
	if (m->sql_is_cut)
		d->flags |= PX_FLAG_TRUNCATED;
}

/* What was on the wire, unless something in it has to be hidden and nobody knows where it stands. */
static void describe_raw(struct px_raw *to, const struct pgsql_raw *raw, bool hides_all)
{
	to->head = hides_all ? (struct px_bytes){ NULL, 0 } : px_bytes_of(raw->ptr, raw->len);
	to->is_cut = hides_all || raw->is_cut;
}

/* Statements and parameters beside those that are shown, of which secrets were overwritten. */
static bool describe_hides_all(const struct pgsql_request *m, const struct px_record *rec)
{
	bool has_text = m->parses > 1 || (m->parses == 1 && (m->is_copied || !m->has_sql)),
	     has_values = m->binds > 1 || (m->binds == 1 && !m->has_bind) ||
			  m->what == PGSQL_FUNCTION_CALL;

	return (has_text && (!rec->no_redact || rec->redact_literals)) ||
	       (has_values && rec->redact_literals);
}

static void describe_request(struct describe *d)
{
	const struct pgsql_request *m = d->req;
	struct px_record *rec = d->rec;
	struct px_bytes command = describe_command(m->what);

	rec->has_req = true;
	d->op = command;
	px_record_put_str(rec, PGSQL_F_COMMAND, command);
	px_record_put_int(rec, PGSQL_F_REQ_BYTES,
			  (int64_t)(d->request->bytes + (d->rsp ? d->rsp->later : 0)));
	if (m->has_sql)
		describe_sql(d);
	if (m->has_sql && m->look.verb_len > 0 &&
	    (m->what == PGSQL_QUERY || m->what == PGSQL_EXECUTE))
		d->op = px_sql_verb(&m->look);
	px_record_str(rec, PX_F_OP, d->op);
	if (m->has_statement) {
		d->statement = describe_kept(&m->raw, m->statement_at, m->statement_len);
		px_record_put_str(rec, PGSQL_F_STATEMENT, d->statement);
	}
	if (m->has_portal) {
		d->portal = describe_kept(&m->raw, m->portal_at, m->portal_len);
		describe_put(rec, PGSQL_F_PORTAL, d->portal);
	}
	if (m->has_bind && (rec->want_summary || !rec->no_details))
		describe_params(d);
	if (m->max_rows > 0)
		px_record_put_int(rec, PGSQL_F_MAX_ROWS, m->max_rows);
	if (m->what == PGSQL_FUNCTION_CALL)
		px_record_put_int(rec, PGSQL_F_FUNCTION, m->oid);
	if (m->what == PGSQL_CANCEL)
		px_record_put_int(rec, PGSQL_F_CANCEL_PID, m->pid);
	describe_raw(&rec->raw_req, &m->raw, describe_hides_all(m, rec));
}

/* An error or notice. Returns its code. */
static struct px_bytes describe_error(struct describe *d, struct px_bytes error)
{
	struct px_record *rec = d->rec;
	struct px_bytes code = pgsql_error_field(error, 'C');

	d->error = pgsql_error_message(error, rec, &d->found_secret);
	describe_put(rec, PGSQL_F_SQLSTATE, code);
	describe_put(rec, PGSQL_F_SEVERITY, pgsql_error_severity(error));
	describe_put(rec, PGSQL_F_MESSAGE, d->error);
	if (!rec->redact_literals) {
		describe_put(rec, PGSQL_F_DETAIL, pgsql_error_field(error, 'D'));
		describe_put(rec, PGSQL_F_HINT, pgsql_error_field(error, 'H'));
	}
	return code;
}

/* The number that ends a command tag; false: it has none. */
static bool describe_tag_rows(const struct pgsql_response *m, uint64_t *rows)
{
	size_t at = m->tag_len;
	uint64_t unit = 1;

	*rows = 0;
	while (at > 0 && m->tag[at - 1] >= '0' && m->tag[at - 1] <= '9') {
		*rows += unit * (uint64_t)(m->tag[--at] - '0');
		unit *= 10;
	}
	return at < m->tag_len && at > 0 && m->tag[at - 1] == ' ';
}

static struct px_bytes describe_auth(const struct pgsql_response *m)
{
	char *name;

	switch (m->auth) {
	case 0:
		return m->is_authenticated ? PX_BYTES("none") : PX_BYTES("");
	case 1 + 3:
		return PX_BYTES("password");
	case 1 + 5:
		return PX_BYTES("md5");
	case 1 + 7:
		return PX_BYTES("gss");
	case 1 + 9:
		return PX_BYTES("sspi");
	case 1 + 10:
		name = (char *)(uintptr_t)m->mechanism;
		for (size_t i = 0; i < m->mechanism_len; i++)
			name[i] = px_ascii_lower(name[i]);
		return m->mechanism_len ? px_bytes_of(m->mechanism, m->mechanism_len)
					: PX_BYTES("sasl");
	default:
		return PX_BYTES("unknown");
	}
}

static void describe_tx(struct describe *d, char tx)
{
	if (tx)
		px_record_put_str(d->rec, PGSQL_F_TX,
				  tx == 'I'   ? PX_BYTES("idle")
				  : tx == 'T' ? PX_BYTES("transaction")
					      : PX_BYTES("failed"));
}

/* What a complete answer says. */
static void describe_result(struct describe *d)
{
	const struct pgsql_response *m = d->rsp;
	struct px_record *rec = d->rec;
	uint64_t rows;

	if (m->tag_len > 0)
		px_record_put_str(rec, PGSQL_F_TAG, px_bytes_of(m->tag, m->tag_len));
	if (describe_tag_rows(m, &rows))
		px_record_put_int(rec, PGSQL_F_ROWS, (int64_t)rows);
	else if (m->has_rows || m->is_suspended || (m->has_columns && m->tag_len > 0))
		px_record_put_int(rec, PGSQL_F_ROWS, (int64_t)m->rows);
	if (m->is_suspended)
		px_record_put_bool(rec, PGSQL_F_SUSPENDED, true);
	if (!rec->no_details) {
		if (m->has_columns)
			describe_columns(d, &m->columns);
		else if (d->req && !m->is_error && !m->is_aborted)
			describe_columns(d, &d->req->columns);
		if (m->settings.count > 0)
			describe_settings(d, &m->settings);
	}
	if (m->was_copy_in)
		px_record_put_int(rec, PGSQL_F_COPY_IN, (int64_t)m->copy_in);
	if (m->was_copy_out)
		px_record_put_int(rec, PGSQL_F_COPY_OUT, (int64_t)m->copy_out);
	if (m->auth || m->is_authenticated)
		px_record_put_str(rec, PGSQL_F_AUTH, describe_auth(m));
	if (m->has_pid)
		px_record_put_int(rec, PGSQL_F_BACKEND_PID, m->pid);
	describe_tx(d, m->tx);
}

static void describe_verdict(struct describe *d, struct px_bytes status, bool ok)
{
	px_record_str(d->rec, PX_F_STATUS, status);
	px_record_bool(d->rec, PX_F_OK, ok);
	if (!ok && d->error.len > 0)
		px_record_str(d->rec, PX_F_ERROR, d->error);
	else
		px_record_null(d->rec, PX_F_ERROR);
}

static void describe_response(struct describe *d)
{
	const struct pgsql_response *m = d->rsp;
	struct px_record *rec = d->rec;

	rec->has_resp = true;
	px_record_put_int(rec, PGSQL_F_RESP_BYTES, (int64_t)d->response->bytes);
	describe_raw(&rec->raw_resp, &m->raw,
		     rec->redact_literals && (m->is_error || m->has_rows || m->was_copy_out));
	describe_result(d);
	if (m->is_error) {
		struct px_bytes code = describe_error(d, m->error);

		describe_verdict(d, code.len > 0 ? code : PX_BYTES("ERROR"), false);
	} else if (m->is_aborted) {
		describe_verdict(d, PX_BYTES("ABORTED"), false);
	} else if (m->is_complete) {
		describe_verdict(d, PX_BYTES("OK"), true);
	} else if (d->flags & PX_FLAG_ABORTED) {
		describe_verdict(d, PX_BYTES("NOREPLY"), false); /* the part that decides did not come */
	} else {
		describe_verdict(d, PX_BYTES("-"), true);
	}
}

/* What the server says unasked, or in answer to something that was not seen. */
static void describe_one_way(struct describe *d)
{
	const struct pgsql_response *m = d->rsp;
	struct px_record *rec = d->rec;

	rec->has_req = false;
	rec->has_resp = true;
	if (m->what == PGSQL_RESPONSE) {
		size_t n = px_bytes_find(px_bytes_of(m->tag, m->tag_len), 0, ' ');

		describe_response(d);
		d->op = m->tag_len ? px_bytes_of(m->tag, n) : PX_BYTES("ERROR");
		px_record_str(rec, PX_F_OP, d->op);
		return;
	}
	px_record_put_int(rec, PGSQL_F_RESP_BYTES, (int64_t)d->response->bytes);
	describe_raw(&rec->raw_resp, &m->raw, rec->redact_literals);
	if (m->what == PGSQL_NOTICE) {
		d->op = PX_BYTES("NOTICE");
		(void)describe_error(d, m->error);
		describe_word(d, d->error, LINE_SQL);
	} else {
		struct px_bytes payload = m->payload.ptr ? m->payload : PX_BYTES("");

		if (rec->redact_literals && payload.len > 0) { /* NOTIFY had it as one */
			payload = PX_BYTES("***");
			d->found_secret = true;
		}
		d->op = PX_BYTES("NOTIFICATION");
		px_record_put_int(rec, PGSQL_F_BACKEND_PID, m->pid);
		px_record_put_str(rec, PGSQL_F_CHANNEL, m->channel.ptr ? m->channel : PX_BYTES(""));
		px_record_put_str(rec, PGSQL_F_PAYLOAD, payload);
		if (m->channel.len > 0)
			px_record_str(rec, PX_F_TARGET, m->channel);
		describe_word(d, m->channel, LINE_SQL);
		describe_word(d, payload, LINE_SQL);
	}
	px_record_str(rec, PX_F_OP, d->op);
	describe_verdict(d, PX_BYTES("-"), true);
}

static void describe_line_params(struct describe *d)
{
	describe_word(d, PX_BYTES("params=["), SIZE_MAX);
	for (size_t i = 0; i < d->param_count; i++) {
		if (i > 0)
			describe_line(d, PX_BYTES(","), 1);
		if (d->line_len > LINE_MAX_LEN / 2) {
			describe_line(d, PX_BYTES("…"), 3);
			break;
		}
		describe_line(d, d->params[i].ptr ? d->params[i] : PX_BYTES("NULL"), LINE_PARAM);
	}
	describe_line(d, PX_BYTES("]"), 1);
}

/* EXECUTE s1 SELECT a FROM t WHERE b=$1 params=[7] SELECT 3 */
static void describe_summary(struct describe *d)
{
	const struct pgsql_response *rsp = d->rsp;

	if (d->req && d->req->what == PGSQL_CANCEL) {
		struct px_bytes pid = px_arena_printf(d->rec->arena, "CANCEL pid=%u", d->req->pid);

		d->rec->summary = pid;
		return;
	}
	if (d->req && d->req->what != PGSQL_STARTUP) {
		describe_word(d, px_sql_line(d->sql, d->rec->arena), LINE_SQL);
		if (d->param_count > 0)
			describe_line_params(d);
	}
	if (rsp && rsp->what == PGSQL_RESPONSE) {
		if (rsp->is_error && d->error.len > 0) {
			describe_word(d, PX_BYTES("err=\""), SIZE_MAX);
			describe_line(d, px_sql_line(d->error, d->rec->arena), LINE_SQL);
			describe_line(d, PX_BYTES("\""), 1);
		} else {
			describe_word(d, px_bytes_of(rsp->tag, rsp->tag_len), SIZE_MAX);
			if (rsp->is_suspended)
				describe_word(d, PX_BYTES("suspended"), SIZE_MAX);
			if (rsp->auth || rsp->is_authenticated)
				describe_named(d, "auth=", describe_auth(rsp));
		}
	}
	d->rec->summary = px_bytes_of(d->line, d->line_len);
}

/* The words that stand in front of a summary. */
static void describe_begin(struct describe *d)
{
	if (d->req && (d->req->what == PGSQL_QUERY ||
		       (d->req->what == PGSQL_EXECUTE && d->statement.len == 0 && d->sql.len > 0)))
		return;
	if (!d->req) {
		if (d->rsp->what != PGSQL_RESPONSE)
			describe_word(d,
				      d->rsp->what == PGSQL_NOTICE ? PX_BYTES("NOTICE")
								   : PX_BYTES("NOTIFICATION"),
				      SIZE_MAX);
		return;
	}
	describe_word(d, describe_command(d->req->what), SIZE_MAX);
	describe_word(d, d->statement, LINE_PARAM);
	if (d->sql.len == 0)
		describe_named(d, "portal=", d->portal);
}

void pgsql_describe(const struct px_exchange *ex, struct px_record *rec)
{
	struct describe d = { .rec = rec, .flags = ex->flags };
	const struct pgsql_request *first = ex->request ? ex->request->msg : NULL;

	if (first && (first->what == PGSQL_NOTICE || first->what == PGSQL_NOTIFICATION ||
		      first->what == PGSQL_RESPONSE)) {
		d.response = ex->request;
		d.flags |= ex->request->flags;
	} else {
		d.request = ex->request;
		d.response = ex->response;
		d.flags |= ex->request ? ex->request->flags : 0;
		d.flags |= ex->response ? ex->response->flags : 0;
	}
	d.req = d.request ? d.request->msg : NULL;
	d.rsp = d.response ? d.response->msg : NULL;
	if (rec->want_summary)
		d.line = px_arena_alloc(rec->arena, LINE_MAX_LEN + 8);
	if (!d.req && !d.rsp)
		return;
	if (!d.req) {
		describe_begin(&d);
		describe_one_way(&d);
	} else {
		describe_request(&d);
		describe_begin(&d);
		if (d.req->what == PGSQL_STARTUP)
			describe_startup(&d);
		if (d.rsp) {
			describe_response(&d);
		} else if (d.req->what == PGSQL_CANCEL || d.flags & PX_FLAG_UNPAIRED) {
			describe_verdict(&d, PX_BYTES("-"), true);
		} else {
			d.flags |= PX_FLAG_NOREPLY;
			describe_verdict(&d, PX_BYTES("NOREPLY"), false);
		}
	}
	if (!d.req && d.rsp->what == PGSQL_RESPONSE)
		d.flags |= PX_FLAG_UNPAIRED;
	if (rec->want_summary)
		describe_summary(&d);
	if (d.found_secret)
		d.flags |= PX_FLAG_REDACTED;
	px_record_flags(rec, d.flags);
}
