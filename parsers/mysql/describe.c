/* SPDX-License-Identifier: Apache-2.0 */
/* From a command and its answer to a record. */
#include "mysql/message.h"
#include "mysql/summary.h"
#include "sql/sql.h"

enum mysql_field {
	F_COMMAND,
	F_SQL,
	F_REQ_STMT_ID,
	F_PARAMS,
	F_BATCH,
	F_ATTRIBUTES,
	F_DB,
	F_USER,
	F_AUTH_PLUGIN,
	F_REQ_BYTES,
	F_KIND,
	F_ERROR_CODE,
	F_SQLSTATE,
	F_MESSAGE,
	F_AFFECTED_ROWS,
	F_LAST_INSERT_ID,
	F_ROWS,
	F_COLUMNS,
	F_WARNINGS,
	F_RESULTS,
	F_RESP_STMT_ID,
	F_PARAM_COUNT,
	F_INFILE,
	F_INFILE_BYTES,
	F_SERVER_VERSION,
	F_CONNECTION_ID,
	F_RESP_BYTES,
};

enum result_member { R_KIND, R_ERROR_CODE, R_SQLSTATE, R_MESSAGE, R_AFFECTED_ROWS, R_LAST_INSERT_ID, R_ROWS, R_COLUMNS, R_WARNINGS, R_COUNT };

#define REQ PX_SIDE_REQ
#define RESP PX_SIDE_RESP

/* clang-format off */
static const struct px_field result_members[] = {
	{ "kind", PX_TYPE_STR, RESP, NULL, "OK, ERR or RESULTSET" },
	{ "error_code", PX_TYPE_INT, RESP, NULL, "number of the error" },
	{ "sqlstate", PX_TYPE_STR, RESP, NULL, "SQLSTATE of the error" },
	{ "message", PX_TYPE_STR, RESP, NULL, "what the server says" },
	{ "affected_rows", PX_TYPE_INT, RESP, NULL, "rows changed, inserted or deleted" },
	{ "last_insert_id", PX_TYPE_INT, RESP, NULL, "first AUTO_INCREMENT value given" },
	{ "rows", PX_TYPE_INT, RESP, NULL, "rows sent" },
	{ "columns", PX_TYPE_LIST, RESP, NULL, "names of the columns" },
	{ "warnings", PX_TYPE_INT, RESP, NULL, "number of warnings" },
	{ 0 },
};
_Static_assert(PX_COUNT(result_members) == R_COUNT + 1, "a row for each of enum result_member");

const struct px_field mysql_fields[] = {
	{ "command", PX_TYPE_STR, REQ, NULL, "name of the command, without COM_; CONNECT for the login" },
	{ "sql", PX_TYPE_STR, REQ, NULL, "text of the query, or of the statement that is executed" },
	{ "stmt_id", PX_TYPE_INT, REQ, NULL, "number of the prepared statement" },
	{ "params", PX_TYPE_LIST, REQ, NULL, "values of the placeholders as text, null for NULL; of a bulk execution one set behind the other" },
	{ "batch", PX_TYPE_INT, REQ, NULL, "sets of values of a bulk execution" },
	{ "attributes", PX_TYPE_MAP, REQ, NULL, "query attributes; of a login the connection attributes" },
	{ "db", PX_TYPE_STR, REQ, NULL, "database asked for by the login, CHANGE_USER or INIT_DB" },
	{ "user", PX_TYPE_STR, REQ, NULL, "user of the login" },
	{ "auth_plugin", PX_TYPE_STR, REQ, NULL, "authentication method that the client began with" },
	{ "bytes", PX_TYPE_INT, REQ, "bytes", "size of the message, packet headers included" },
	{ "kind", PX_TYPE_STR, RESP, NULL, "what the answer is: OK, ERR, RESULTSET, PREPARED, EOF, TEXT or STREAM; of the first result, but an error wins" },
	{ "error_code", PX_TYPE_INT, RESP, NULL, "number of the error" },
	{ "sqlstate", PX_TYPE_STR, RESP, NULL, "SQLSTATE of the error" },
	{ "message", PX_TYPE_STR, RESP, NULL, "what the server says" },
	{ "affected_rows", PX_TYPE_INT, RESP, NULL, "rows changed, inserted or deleted" },
	{ "last_insert_id", PX_TYPE_INT, RESP, NULL, "first AUTO_INCREMENT value given" },
	{ "rows", PX_TYPE_INT, RESP, NULL, "rows sent" },
	{ "columns", PX_TYPE_LIST, RESP, NULL, "names of the columns" },
	{ "warnings", PX_TYPE_INT, RESP, NULL, "number of warnings" },
	{ "results", PX_TYPE_OBJECTS, RESP, NULL, "all results, where there is more than one", result_members },
	{ "stmt_id", PX_TYPE_INT, RESP, NULL, "number that a prepared statement was given" },
	{ "param_count", PX_TYPE_INT, RESP, NULL, "placeholders of a prepared statement" },
	{ "infile", PX_TYPE_STR, RESP, NULL, "file that the server asked the client for" },
	{ "infile_bytes", PX_TYPE_INT, RESP, "bytes", "size of what the client sent of it" },
	{ "server_version", PX_TYPE_STR, RESP, NULL, "version that the server greeted with" },
	{ "connection_id", PX_TYPE_INT, RESP, NULL, "the server's number of the connection" },
	{ "bytes", PX_TYPE_INT, RESP, "bytes", "size of the answer, packet headers included" },
	{ 0 },
};
/* clang-format on */
_Static_assert(PX_COUNT(mysql_fields) == F_RESP_BYTES + 2, "a row for each of enum mysql_field");

static const struct px_bytes hidden = PX_BYTES("***");

/* What the steps of one describe() share. */
struct describe {
	struct px_record *rec;
	const struct px_exchange *ex;
	struct mysql_params params;
	struct px_bytes sql;
	bool has_params;
	bool found_secret;
	bool is_cut;
	struct mysql_summary sum;
};

static struct px_bytes describe_at(const struct mysql_msg *m, uint32_t from, uint32_t len)
{
	return len ? px_bytes_of(m->text + from, len) : PX_BYTES("");
}

static void describe_x(struct px_bytes b)
{
	if (b.len)
		memset((char *)(uintptr_t)b.ptr, 'X', b.len);
}

/* What is provisional is so for a pair: the matcher has found which answer is whose. */
static bool describe_is_pair(const struct describe *d)
{
	return d->ex->request && d->ex->response;
}

/* Connection attributes: pairs of length-encoded strings. */
static void describe_pairs(struct describe *d, struct px_bytes b)
{
	struct px_cur c = px_cur_of(b);
	struct px_pair *pairs;
	size_t count = 0;

	while (px_cur_left(&c) > 0 && !c.ran_short && count < 64) {
		(void)mysql_lenenc_str(&c);
		(void)mysql_lenenc_str(&c);
		count += !c.ran_short;
	}
	pairs = count ? px_arena_alloc(d->rec->arena, count * sizeof(*pairs)) : NULL;
	if (!pairs)
		return;
	c = px_cur_of(b);
	for (size_t i = 0; i < count; i++) {
		pairs[i].name = mysql_lenenc_str(&c);
		pairs[i].value = mysql_lenenc_str(&c);
		if (!pairs[i].name.len)
			pairs[i].name = PX_BYTES("");
		if (!pairs[i].value.len)
			pairs[i].value = PX_BYTES("");
	}
	px_record_put_map(d->rec, F_ATTRIBUTES, pairs, count);
}

/* LOGIN and CHANGE_USER. */
static void describe_login(struct describe *d, const struct mysql_msg *m)
{
	const struct mysql_request *r = &m->req;
	struct px_record *rec = d->rec;

	if (!rec->no_redact && !m->is_complete) { /* who knows where it is */
		describe_x(px_bytes_sub(px_bytes_of(m->text, m->len), MYSQL_HEADER + 1, SIZE_MAX));
		d->found_secret = true;
		return;
	}
	if (r->secret_len > 0 && !rec->no_redact) {
		describe_x(describe_at(m, r->secret, r->secret_len));
		d->found_secret = true;
	}
	px_record_put_str(rec, F_USER, describe_at(m, r->user, r->user_len));
	mysql_summary_add(&d->sum, PX_BYTES(" user="));
	mysql_summary_add(&d->sum, describe_at(m, r->user, r->user_len));
	if (r->has_db) {
		px_record_put_str(rec, F_DB, describe_at(m, r->db, r->db_len));
		mysql_summary_add(&d->sum, PX_BYTES(" db="));
		mysql_summary_add(&d->sum, describe_at(m, r->db, r->db_len));
	}
	if (r->plugin_len)
		px_record_put_str(rec, F_AUTH_PLUGIN, describe_at(m, r->plugin, r->plugin_len));
	if (r->attrs_len)
		describe_pairs(d, describe_at(m, r->attrs, r->attrs_len));
}

static unsigned int describe_hides(const struct px_record *rec)
{
	return (rec->no_redact ? 0u : (unsigned int)PX_SQL_HIDE_SECRETS) |
	       (rec->redact_literals ? (unsigned int)PX_SQL_HIDE_LITERALS : 0u);
}

/* Query attributes; their values are parameters. */
static void describe_query_attributes(struct describe *d, const struct mysql_params *found)
{
	struct px_pair *pairs;

	if (!found->attribute_count)
		return;
	pairs = px_arena_alloc(d->rec->arena, found->attribute_count * sizeof(*pairs));
	if (!pairs)
		return;
	for (size_t i = 0; i < found->attribute_count; i++) {
		pairs[i] = found->attributes[i];
		if (d->rec->redact_literals) {
			/* What it points to is overwritten with the values. */
			pairs[i].name = px_arena_copy(d->rec->arena, pairs[i].name, NULL);
			pairs[i].value = hidden;
		}
	}
	d->found_secret |= d->rec->redact_literals;
	px_record_put_map(d->rec, F_ATTRIBUTES, pairs, found->attribute_count);
}

static void describe_params(struct describe *d, const struct mysql_msg *m)
{
	const struct mysql_msg *answer = d->ex->response ? d->ex->response->msg : NULL;
	const struct mysql_request *r = &m->req;
	struct px_record *rec = d->rec;
	uint16_t count = r->param_count;
	bool is_known = r->has_param_count && (!r->is_provisional || describe_is_pair(d));

	/* The statement prepared last, whose number came behind this request. */
	if (!is_known && answer && answer->rep.has_param_count && answer->rep.has_stmt) {
		is_known = true;
		count = answer->rep.param_count;
	}
	if (!is_known || !mysql_params_read(m, count, rec->arena, &d->params))
		return;
	d->has_params = true;
	d->is_cut |= d->params.is_cut;
	if (d->params.count > 0 &&
	    (rec->redact_literals || (!rec->no_redact && px_sql_may_have_secrets(d->sql)))) {
		struct px_bytes *items =
			px_arena_alloc(rec->arena, d->params.count * sizeof(*items));

		for (size_t i = 0; items && i < d->params.count; i++)
			items[i] = d->params.items[i].ptr ? hidden : d->params.items[i];
		d->params.items = items;
		d->has_params = items != NULL;
		d->found_secret = true;
		/* The values lie behind the fixed part of the packet. */
		describe_x(px_bytes_sub(px_bytes_of(m->text, m->len), MYSQL_HEADER + 6, SIZE_MAX));
	}
	if (!d->has_params)
		return;
	px_record_place(rec, F_PARAMS)->list.items = d->params.items;
	px_record_place(rec, F_PARAMS)->list.count = d->params.count;
	if (r->is_bulk)
		px_record_put_int(rec, F_BATCH, d->params.sets);
	describe_query_attributes(d, &d->params);
}

static void describe_attributes(struct describe *d, const struct mysql_msg *m)
{
	const struct mysql_request *r = &m->req;
	struct mysql_params found;

	if (!r->attributes ||
	    !mysql_attributes_read(px_bytes_of(m->text + MYSQL_HEADER + r->attributes,
					       r->attributes_end - r->attributes),
				   d->rec->arena, &found))
		return;
	describe_query_attributes(d, &found);
	if (d->rec->redact_literals && found.attribute_count)
		describe_x(px_bytes_of(m->text + MYSQL_HEADER + r->attributes,
				       r->attributes_end - r->attributes));
}

static void describe_sql(struct describe *d, const struct mysql_msg *m, bool is_executed)
{
	const struct mysql_request *r = &m->req;
	struct px_record *rec = d->rec;
	struct px_sql_look look;

	d->sql = r->sql.len ? r->sql : PX_BYTES("");
	if (describe_hides(rec))
		d->sql = px_sql_hide(d->sql, PX_SQL_MYSQL, describe_hides(rec), rec->arena,
				     &d->found_secret);
	d->is_cut |= r->sql_cut;
	px_sql_look(d->sql, PX_SQL_MYSQL, &look);
	if (is_executed && look.verb_len > 0)
		px_record_str(rec, PX_F_OP, px_arena_copy(rec->arena, px_sql_verb(&look), NULL));
	if (look.table_len > 0)
		px_record_str(rec, PX_F_TARGET, px_sql_table(&look, d->sql));
	px_record_put_str(rec, F_SQL, d->sql);
}

static void describe_name(struct describe *d, unsigned int field, const struct mysql_msg *m)
{
	struct px_bytes name = px_bytes_sub(px_bytes_of(m->text, m->len), MYSQL_HEADER + 1, SIZE_MAX);

	px_record_put_str(d->rec, field, name.len ? name : PX_BYTES(""));
	mysql_summary_add(&d->sum, PX_BYTES(" "));
	mysql_summary_add(&d->sum, name);
}

static void describe_request(struct describe *d)
{
	const struct px_frame *frame = d->ex->request;
	const struct mysql_msg *m = frame->msg;
	const struct mysql_request *r = &m->req;
	struct px_record *rec = d->rec;
	const char *name = m->command == MYSQL_COM_LOGIN ? "CONNECT" : mysql_com_name(m->command);
	struct px_bytes command = px_bytes_str(name ? name : "UNKNOWN");
	bool is_executed = m->command == MYSQL_COM_QUERY || m->command == MYSQL_COM_STMT_EXECUTE ||
			   m->command == MYSQL_COM_STMT_BULK_EXECUTE;
	bool is_known = !r->is_provisional || describe_is_pair(d);

	rec->has_req = true;
	px_record_str(rec, PX_F_OP, command);
	px_record_put_str(rec, F_COMMAND, command);
	px_record_put_int(rec, F_REQ_BYTES, (int64_t)frame->bytes);
	rec->raw_req.head = px_bytes_of(m->text, m->len);
	rec->raw_req.is_cut = m->is_cut;
	if (m->command != MYSQL_COM_QUERY)
		mysql_summary_add(&d->sum, px_bytes_starts(command, PX_BYTES("STMT_")) ?
						   px_bytes_sub(command, 5, SIZE_MAX) :
						   command);
	if (r->has_stmt && (is_known || !r->is_last)) {
		const struct mysql_msg *answer = d->ex->response ? d->ex->response->msg : NULL;
		uint32_t id = r->stmt_id;

		if (id == MYSQL_STMT_LAST && answer && answer->rep.has_stmt)
			id = answer->rep.stmt_id;
		if (id != MYSQL_STMT_LAST)
			px_record_put_int(rec, F_REQ_STMT_ID, id);
		if (id != MYSQL_STMT_LAST && rec->want_summary) {
			mysql_summary_add(&d->sum, PX_BYTES(" "));
			mysql_summary_number(&d->sum, id);
		}
	}
	if (m->command == MYSQL_COM_LOGIN || m->command == MYSQL_COM_CHANGE_USER)
		describe_login(d, m);
	if (m->command == MYSQL_COM_STMT_SEND_LONG_DATA && rec->redact_literals) {
		describe_x(px_bytes_sub(px_bytes_of(m->text, m->len), MYSQL_HEADER + 7, SIZE_MAX));
		d->found_secret = true;
	}
	if (m->command == MYSQL_COM_INIT_DB || m->command == 0x05 || m->command == 0x06)
		describe_name(d, F_DB, m);
	if (m->command == MYSQL_COM_FIELD_LIST) {
		struct px_cur c = px_cur_of(px_bytes_sub(px_bytes_of(m->text, m->len),
							 MYSQL_HEADER + 1, SIZE_MAX));
		struct px_bytes table = mysql_nul_str(&c);

		if (table.len > 0)
			px_record_str(rec, PX_F_TARGET, table);
		mysql_summary_add(&d->sum, PX_BYTES(" "));
		mysql_summary_add(&d->sum, table);
	}
	describe_attributes(d, m);
	if (r->has_sql && is_known) {
		describe_sql(d, m, is_executed);
		mysql_summary_sql(&d->sum, d->sql, m->command != MYSQL_COM_QUERY);
	}
	if (m->command == MYSQL_COM_STMT_EXECUTE || m->command == MYSQL_COM_STMT_BULK_EXECUTE)
		describe_params(d, m);
	if (d->has_params && d->params.count > 0)
		mysql_summary_params(&d->sum, &d->params);
}

static struct px_bytes describe_kind(unsigned int kind)
{
	static const char *const kinds[] = { [MYSQL_KIND_NONE] = "",
					     [MYSQL_OK] = "OK",
					     [MYSQL_ERR] = "ERR",
					     [MYSQL_RESULTSET] = "RESULTSET",
					     [MYSQL_PREPARED] = "PREPARED",
					     [MYSQL_EOF] = "EOF",
					     [MYSQL_TEXT] = "TEXT",
					     [MYSQL_STREAM] = "STREAM" };

	return px_bytes_str(kinds[kind]);
}

static void describe_value_str(struct px_object *o, struct px_value *v, unsigned int member,
			       struct px_bytes s)
{
	o->has |= (uint64_t)1 << member;
	v[member].is_null = false;
	v[member].s = s;
}

static void describe_value_int(struct px_object *o, struct px_value *v, unsigned int member,
			       uint64_t i)
{
	o->has |= (uint64_t)1 << member;
	v[member].is_null = false;
	v[member].i = (int64_t)i;
}

static bool describe_has_columns(const struct describe *d, const struct mysql_result *res)
{
	return res->has_columns && (!res->is_provisional || describe_is_pair(d));
}

static void describe_result(const struct describe *d, struct px_object *o, struct px_value *v,
			    const struct mysql_result *res)
{
	o->values = v;
	describe_value_str(o, v, R_KIND, describe_kind(res->kind));
	if (res->kind == MYSQL_ERR) {
		describe_value_int(o, v, R_ERROR_CODE, res->code);
		if (res->sqlstate_len)
			describe_value_str(o, v, R_SQLSTATE,
					   px_bytes_of(res->sqlstate, res->sqlstate_len));
	}
	if (res->message.len)
		describe_value_str(o, v, R_MESSAGE, res->message);
	if (res->kind == MYSQL_OK) {
		describe_value_int(o, v, R_AFFECTED_ROWS, res->affected);
		if (res->last_id)
			describe_value_int(o, v, R_LAST_INSERT_ID, res->last_id);
	}
	if (res->kind == MYSQL_RESULTSET) {
		if (res->is_whole)
			describe_value_int(o, v, R_ROWS, res->rows);
		if (describe_has_columns(d, res)) {
			o->has |= 1u << R_COLUMNS;
			v[R_COLUMNS].is_null = false;
			v[R_COLUMNS].list.items = res->columns;
			v[R_COLUMNS].list.count = res->kept;
		}
	}
	if (res->has_warnings)
		describe_value_int(o, v, R_WARNINGS, res->warnings);
}

static const struct mysql_result *describe_at_result(const struct mysql_reply *r, size_t i)
{
	return i == 0 ? &r->first : &r->more[i - 1];
}

static void describe_results(struct describe *d, const struct mysql_reply *r)
{
	struct px_object *objects =
		px_arena_zalloc(d->rec->arena, r->result_count * sizeof(*objects));
	struct px_value *values = px_arena_zalloc(d->rec->arena,
						  r->result_count * R_COUNT * sizeof(*values));

	if (!objects || !values)
		return;
	for (size_t i = 0; i < r->result_count; i++)
		describe_result(d, &objects[i], values + i * R_COUNT, describe_at_result(r, i));
	px_record_put_objects(d->rec, F_RESULTS, objects, r->result_count);
}

/* 1146/42S02 */
static void describe_error(struct describe *d, const struct mysql_result *err)
{
	struct px_record *rec = d->rec;
	char *status = px_arena_alloc(rec->arena, 12);
	unsigned int code = err->code;
	size_t n = 0;

	px_record_put_int(rec, F_ERROR_CODE, err->code);
	if (err->sqlstate_len)
		px_record_put_str(rec, F_SQLSTATE, px_bytes_of(err->sqlstate, err->sqlstate_len));
	px_record_bool(rec, PX_F_OK, false);
	px_record_str(rec, PX_F_STATUS, PX_BYTES("ERR"));
	if (status) {
		for (unsigned int place = 10000; place > 0; place /= 10)
			if (code >= place || place == 1)
				status[n++] = (char)('0' + code / place % 10);
		if (err->sqlstate_len) {
			status[n++] = '/';
			memcpy(status + n, err->sqlstate, err->sqlstate_len);
			n += err->sqlstate_len;
		}
		px_record_str(rec, PX_F_STATUS, px_bytes_of(status, n));
	}
	if (err->message.len)
		px_record_str(rec, PX_F_ERROR, err->message);
	else
		px_record_null(rec, PX_F_ERROR);
}

static void describe_response(struct describe *d)
{
	const struct px_frame *frame = d->ex->response;
	const struct mysql_msg *m = frame->msg;
	const struct mysql_reply *r = &m->rep;
	struct px_record *rec = d->rec;
	const struct mysql_result *res = &r->first, *err = NULL;

	rec->has_resp = true;
	px_record_put_int(rec, F_RESP_BYTES, (int64_t)frame->bytes);
	rec->raw_resp.head = px_bytes_of(m->text, m->len);
	rec->raw_resp.is_cut = m->is_cut;
	for (size_t i = 0; i < r->result_count; i++)
		if (describe_at_result(r, i)->kind == MYSQL_ERR)
			err = describe_at_result(r, i);
	if (r->lacks_results && r->spare.kind == MYSQL_ERR)
		err = &r->spare;
	d->is_cut |= r->lacks_results;
	px_record_null(rec, PX_F_ERROR);
	px_record_bool(rec, PX_F_OK, true);
	px_record_str(rec, PX_F_STATUS, m->is_complete ? PX_BYTES("OK") : PX_BYTES("-"));
	if (err)
		describe_error(d, err);
	if (res->kind != MYSQL_KIND_NONE || err)
		px_record_put_str(rec, F_KIND, describe_kind(err ? (unsigned int)MYSQL_ERR : res->kind));
	if (err ? err->message.len > 0 : res->message.len > 0)
		px_record_put_str(rec, F_MESSAGE, err ? err->message : res->message);
	if (res->kind == MYSQL_OK && m->command != MYSQL_COM_LOGIN) {
		px_record_put_int(rec, F_AFFECTED_ROWS, (int64_t)res->affected);
		if (res->last_id)
			px_record_put_int(rec, F_LAST_INSERT_ID, (int64_t)res->last_id);
	}
	if (res->kind == MYSQL_RESULTSET && res->is_whole)
		px_record_put_int(rec, F_ROWS, (int64_t)res->rows);
	if ((res->kind == MYSQL_RESULTSET || res->kind == MYSQL_PREPARED) &&
	    describe_has_columns(d, res)) {
		px_record_place(rec, F_COLUMNS)->list.items = res->columns;
		px_record_place(rec, F_COLUMNS)->list.count = res->kept;
	}
	if (res->has_warnings)
		px_record_put_int(rec, F_WARNINGS, res->warnings);
	if (r->result_count > 1)
		describe_results(d, r);
	if (res->kind == MYSQL_PREPARED) {
		px_record_put_int(rec, F_RESP_STMT_ID, r->stmt_id);
		px_record_put_int(rec, F_PARAM_COUNT, r->param_count);
	}
	if (r->is_infile) {
		px_record_put_str(rec, F_INFILE, r->infile.len ? r->infile : PX_BYTES(""));
		if (m->is_complete)
			px_record_put_int(rec, F_INFILE_BYTES, (int64_t)r->infile_bytes);
	}
	if (r->version.len)
		px_record_put_str(rec, F_SERVER_VERSION, r->version);
	if (r->has_connection_id)
		px_record_put_int(rec, F_CONNECTION_ID, (int64_t)r->connection_id);
	if (rec->want_summary)
		mysql_summary_answer(&d->sum, m, err);
}

void mysql_describe(const struct px_exchange *ex, struct px_record *rec)
{
	struct describe d = { .rec = rec, .ex = ex };
	unsigned int flags = ex->flags;

	mysql_summary_begin(&d.sum, rec->want_summary ? rec->arena : NULL);
	if (ex->request) {
		flags |= ex->request->flags;
		describe_request(&d);
	}
	if (ex->response) {
		flags |= ex->response->flags;
		describe_response(&d);
	} else if (flags & PX_FLAG_UNPAIRED ||
		   (ex->request && ex->request->kind == PX_FRAME_ONE_WAY)) {
		px_record_str(rec, PX_F_STATUS, PX_BYTES("-"));
		px_record_bool(rec, PX_F_OK, true);
		px_record_null(rec, PX_F_ERROR);
	} else {
		flags |= PX_FLAG_NOREPLY;
		px_record_str(rec, PX_F_STATUS, PX_BYTES("NOREPLY"));
		px_record_bool(rec, PX_F_OK, false);
		px_record_null(rec, PX_F_ERROR);
	}
	if (!ex->request)
		flags |= PX_FLAG_UNPAIRED;
	if (d.is_cut)
		flags |= PX_FLAG_TRUNCATED;
	if (d.found_secret)
		flags |= PX_FLAG_REDACTED;
	px_record_flags(rec, flags);
	rec->summary = mysql_summary_text(&d.sum);
}
