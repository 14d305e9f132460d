/* SPDX-License-Identifier: Apache-2.0 */
/* Records into tables, and queries out of them. */
#include "tables/tables.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "parser.h"
#include "sink/sample.h"
#include "support/suite.h"
#include "tables/query.h"
#include "tables/schema.h"
#include "tally/fields.h"

#define GROUPS_MAX 64

static struct px_field_group groups[GROUPS_MAX];
static size_t group_count;
static struct px_tables *t;
static struct px_record r;
static struct px_arena_pool pool;
static struct px_arena arena;
static char answer_text[1 << 16];
static size_t answer_len;
static bool interrupts;

static int keep_answer(void *ctx, struct px_bytes text)
{
	(void)ctx;
	ck_assert_uint_lt(answer_len + text.len, sizeof(answer_text));
	memcpy(answer_text + answer_len, text.ptr, text.len);
	answer_len += text.len;
	answer_text[answer_len] = '\0';
	return 0;
}

static bool is_interrupted(void *ctx)
{
	(void)ctx;
	return interrupts;
}

static int ask_as(enum px_answer_format format, size_t width, const char *sql, struct px_error *err)
{
	struct px_answer_options opt = { .format = format,
					 .width = width,
					 .write = keep_answer,
					 .is_interrupted = is_interrupted };

	answer_len = 0;
	answer_text[0] = '\0';
	return px_tables_query(t, sql, &opt, err);
}

/* The answer as JSON Lines. */
static const char *ask(const char *sql)
{
	struct px_error err = { 0 };
	int rc = ask_as(PX_ANSWER_JSON, 0, sql, &err);

	ck_assert_msg(rc == 0, "%s: %s", sql, err.cause);
	return answer_text;
}

static void put(void)
{
	struct px_sink *sink = px_tables_sink(t);

	ck_assert_int_eq(sink->ops->record(sink, &r), 0);
}

static void tables_setup(void)
{
	struct px_error err;

	group_count = 0;
	groups[group_count++] = (struct px_field_group){ "summary", px_summary_fields, true };
	groups[group_count++] = (struct px_field_group){ "sample", sample_fields, false };
	for (size_t i = 0; px_parsers[i]; i++)
		groups[group_count++] =
			(struct px_field_group){ px_parsers[i]->name, px_parsers[i]->fields,
						 px_parsers[i]->is_handshake };
	px_arena_pool_init(&pool, 1 << 20);
	px_arena_init(&arena, &pool, 1 << 20);
	memset(&r, 0, sizeof(r));
	r.arena = &arena;
	interrupts = false;
	ck_assert_int_eq(px_tables_new(NULL, groups, group_count, PX_BYTES("pxtrace -r x"), &t,
				       &err),
			 0);
}

static void tables_teardown(void)
{
	px_tables_free(t);
	px_arena_reset(&arena);
	px_arena_pool_fini(&pool);
}

static void check_column(const char *table, const char *column)
{
	char sql[256];
	struct px_error err = { 0 };

	snprintf(sql, sizeof(sql), "SELECT \"%s\".\"%s\" FROM \"%s\"", table, column, table);
	ck_assert_msg(px_tables_check(t, sql, &err) == 0, "%s.%s: %s", table, column, err.cause);
}

START_TEST(every_field_is_a_column)
{
	char column[PX_SCHEMA_NAME];
	uint64_t seen = 0;

	for (size_t i = 0; i < PX_SCHEMA_FIXED_COUNT; i++) {
		const struct px_schema_table *def = &px_schema_fixed[i];

		seen |= def->common;
		for (unsigned int f = 0; f < PX_COMMON_COUNT; f++)
			if (def->common >> f & 1)
				check_column(def->name, px_common_fields[f].name);
	}
	ck_assert_uint_eq(seen, (UINT64_C(1) << PX_COMMON_COUNT) - 1);
	for (size_t i = 0; i < group_count; i++) {
		for (const struct px_field *f = groups[i].fields; f->type != PX_TYPE_NONE; f++)
			check_column(groups[i].name, px_schema_column(f, column));
		for (unsigned int f = PX_F_SEQ; f <= PX_F_SPAN_ID; f++)
			check_column(groups[i].name, px_common_fields[f].name);
	}
	check_column("processes", "comm");
	check_column("meta", "command");
}
END_TEST

START_TEST(types_hold)
{
	sample_message(&r);
	px_record_int(&r, PX_F_SEQ, 7);
	put();
	ck_assert_str_eq(
		ask("SELECT seq, ts, ts_us, ok, tls, error, status, latency_ns, flags, "
		    "typeof(seq) t1, typeof(ts) t2, typeof(ok) t3, typeof(error) t4, typeof(status) t5 "
		    "FROM messages"),
		"{\"seq\":7,\"ts\":\"2024-05-06T07:08:09.123456789Z\",\"ts_us\":1714979289123456,"
		"\"ok\":1,\"tls\":0,\"error\":null,\"status\":\"200\",\"latency_ns\":1230000,"
		"\"flags\":\"[]\",\"t1\":\"integer\",\"t2\":\"text\",\"t3\":\"integer\","
		"\"t4\":\"null\",\"t5\":\"text\"}\n");
	ck_assert_str_eq(
		ask("SELECT op, req_method, resp_status_code, resp_headers ->> 'server' AS server, "
		    "req_headers, resp_body, req_content_type FROM sample"),
		"{\"op\":\"GET\",\"req_method\":\"GET\",\"resp_status_code\":200,"
		"\"server\":\"nginx/1.22.1\","
		"\"req_headers\":\"{\\\"host\\\":\\\"api.example\\\","
		"\\\"user-agent\\\":\\\"curl/7.88.1\\\",\\\"accept\\\":\\\"*/*\\\"}\","
		"\"resp_body\":\"{\\\"id\\\":7,\\\"name\\\":\\\"J\xc3\xbcrgen\\\"}\","
		"\"req_content_type\":null}\n");
}
END_TEST

/* What the row before had is not in the next one. */
START_TEST(rows_are_apart)
{
	sample_message(&r);
	px_record_int(&r, PX_F_SEQ, 1);
	px_record_str(&r, PX_F_ERROR, PX_BYTES("oh"));
	put();
	px_record_clear(&r, PX_RECORD_MESSAGE);
	px_record_int(&r, PX_F_SEQ, 2);
	r.fields = sample_fields;
	put();
	ck_assert_str_eq(
		ask("SELECT op, error, req_path, req_headers, ok FROM sample WHERE seq = 2"),
		"{\"op\":null,\"error\":null,\"req_path\":null,\"req_headers\":null,"
		"\"ok\":1}\n");
}
END_TEST

START_TEST(structures_are_json)
{
	static const struct px_bytes texts[] = { PX_BYTES("a\"b"), { NULL, 0 }, PX_BYTES("") };
	static const struct px_bytes binary[] = { PX_BYTES("a"), PX_BYTES("\xff") };
	static const struct px_value values[] = { { .s = PX_BYTES("n") }, { .i = 60 } };
	static const struct px_object objects[] = { { 3, values }, { 1, values } };
	static const struct px_pair pairs[] = { { PX_BYTES("x"), PX_BYTES("\xff") },
						{ PX_BYTES("\x01"), PX_BYTES("'); DROP TABLE") } };

	sample_message(&r);
	px_record_int(&r, PX_F_SEQ, 1);
	px_record_put(&r, SF_PARAMS, (struct px_value){ .list = { texts, PX_COUNT(texts) } });
	px_record_put_objects(&r, SF_ANSWERS, objects, PX_COUNT(objects));
	px_record_put_map(&r, SF_REQ_HEADERS, pairs, PX_COUNT(pairs));
	put();
	ck_assert_str_eq(ask("SELECT req_params ->> 0 a, json_type(req_params, '$[1]') b, "
			     "resp_answers -> 1 c, resp_answers ->> '$[0].ttl' d, "
			     "req_headers ->> 'x_b64' e, json_valid(req_headers) f FROM sample"),
			 "{\"a\":\"a\\\"b\",\"b\":\"null\",\"c\":\"{\\\"name\\\":\\\"n\\\"}\","
			 "\"d\":60,\"e\":\"/w==\",\"f\":1}\n");
	px_record_int(&r, PX_F_SEQ, 2);
	px_record_put(&r, SF_PARAMS, (struct px_value){ .list = { binary, PX_COUNT(binary) } });
	put();
	ck_assert_str_eq(ask("SELECT req_params FROM sample WHERE seq = 2"),
			 "{\"req_params\":\"{\\\"b64\\\":[\\\"YQ==\\\",\\\"/w==\\\"]}\"}\n");
}
END_TEST

static const struct px_bytes hostile[] = {
	PX_BYTES(""),
	PX_BYTES("'"),
	PX_BYTES("'); DROP TABLE messages; --"),
	PX_BYTES("a\0b"),
	PX_BYTES("\x1b[2J\r\n\t\"\\,"),
	PX_BYTES("\xff\xfe\x80"),
	PX_BYTES("\xed\xa0\x80"),	  /* a surrogate */
	PX_BYTES("\xe2\x80\xae"
		 "abc"), /* right to left */
	PX_BYTES("?1 :a @b $c %s %n"),
};

/*
 * The same text in every column that takes one: it comes back, and out on a line without controls.
 */
START_TEST(hostile_texts)
{
	struct px_bytes s = hostile[_i];
	struct px_error err;
	char column[PX_SCHEMA_NAME], sql[256];

	for (size_t g = 0; g < group_count; g++) {
		const struct px_field *f = groups[g].fields;

		px_record_clear(&r, groups[g].is_record ? PX_RECORD_SUMMARY : PX_RECORD_MESSAGE);
		r.fields = groups[g].fields;
		for (unsigned int i = PX_F_COMM; i <= PX_F_SPAN_ID; i++)
			if (px_common_fields[i].type == PX_TYPE_STR)
				px_record_str(&r, (enum px_common)i, s);
		px_record_int(&r, PX_F_SEQ, (int64_t)g);
		for (unsigned int i = 0; f[i].type != PX_TYPE_NONE; i++)
			if (f[i].type == PX_TYPE_STR || f[i].type == PX_TYPE_BODY)
				px_record_put_str(&r, i, s);
		put();
		for (unsigned int i = 0; f[i].type != PX_TYPE_NONE; i++) {
			if (f[i].type != PX_TYPE_STR && f[i].type != PX_TYPE_BODY)
				continue;
			px_schema_column(&f[i], column);
			snprintf(sql, sizeof(sql),
				 "SELECT typeof(\"%s\") AS t, length(CAST(\"%s\" AS BLOB)) AS n "
				 "FROM \"%s\" WHERE seq = %zu",
				 column, column, groups[g].name, g);
			ask(sql);
			snprintf(sql, sizeof(sql), "{\"t\":\"%s\",\"n\":%zu}\n",
				 s.len && (unsigned char)s.ptr[0] >= 0xed ? "blob" : "text", s.len);
			if (s.len && (unsigned char)s.ptr[0] == 0xe2)
				ck_assert_ptr_nonnull(strstr(answer_text, "\"text\""));
			else
				ck_assert_str_eq(answer_text, sql);
		}
	}
	for (int format = PX_ANSWER_TABLE; format <= PX_ANSWER_CSV; format++) {
		ck_assert_int_eq(ask_as((enum px_answer_format)format, 0,
					"SELECT comm, op FROM messages LIMIT 1", &err),
				 0);
		for (size_t i = 0; i < answer_len; i++)
			ck_assert(answer_text[i] == '\n' || answer_text[i] == '\r' ||
				  (unsigned char)answer_text[i] >= 0x20);
		ck_assert_ptr_null(strstr(answer_text, "\xe2\x80\xae"));
	}
	ck_assert_int_eq(ask_as(PX_ANSWER_JSON, 0, "PRAGMA integrity_check", &err), 0);
	ck_assert_str_eq(answer_text, "{\"integrity_check\":\"ok\"}\n");
}
END_TEST

START_TEST(connections_are_a_row_each)
{
	px_record_clear(&r, PX_RECORD_OPEN);
	sample_conn(&r);
	px_record_int(&r, PX_F_CONNECT_NS, 5);
	put();
	ck_assert_str_eq(ask("SELECT type, ts, connect_ns, messages FROM connections"),
			 "{\"type\":\"open\",\"ts\":\"2024-05-06T07:08:09.123456789Z\","
			 "\"connect_ns\":5,\"messages\":null}\n");
	sample_close(&r);
	px_record_time(&r, SAMPLE_TS + INT64_C(3200000000));
	put();
	ck_assert_str_eq(
		ask("SELECT type, ts, ts_us, connect_ns, messages, duration_ns FROM connections"),
		"{\"type\":\"close\",\"ts\":\"2024-05-06T07:08:09.123456789Z\","
		"\"ts_us\":1714979289123456,\"connect_ns\":5,\"messages\":10,"
		"\"duration_ns\":3200000000}\n");
	/* The one that opened before anybody looked. */
	px_record_str(&r, PX_F_CONN, PX_BYTES("another"));
	put();
	ck_assert_str_eq(ask("SELECT count(*) AS n, count(DISTINCT ts) AS times FROM connections"),
			 "{\"n\":2,\"times\":1}\n");
}
END_TEST

START_TEST(other_records)
{
	px_record_clear(&r, PX_RECORD_START);
	px_record_time(&r, SAMPLE_TS);
	px_record_str(&r, PX_F_HOST, PX_BYTES("h"));
	put();
	px_record_clear(&r, PX_RECORD_STOP);
	px_record_time(&r, SAMPLE_TS + 1000000000);
	px_record_str(&r, PX_F_REASON, PX_BYTES("count"));
	put();
	ck_assert_str_eq(ask("SELECT ts, host, command, reason FROM meta"),
			 "{\"ts\":\"2024-05-06T07:08:09.123456789Z\",\"host\":\"h\","
			 "\"command\":\"pxtrace -r x\",\"reason\":\"count\"}\n");
	px_record_clear(&r, PX_RECORD_LOST);
	px_record_int(&r, PX_F_SEQ, 3);
	px_record_int(&r, PX_F_EVENTS, 12);
	px_record_str(&r, PX_F_WHERE, PX_BYTES("ring"));
	put();
	ck_assert_str_eq(ask("SELECT events, \"where\", bytes FROM lost"),
			 "{\"events\":12,\"where\":\"ring\",\"bytes\":null}\n");
	px_record_clear(&r, PX_RECORD_NOTE);
	px_record_int(&r, PX_F_SEQ, 4);
	px_record_str(&r, PX_F_TEXT, PX_BYTES("what to know"));
	put();
	ck_assert_str_eq(ask("SELECT text FROM notes"), "{\"text\":\"what to know\"}\n");
	sample_message(&r);
	px_record_int(&r, PX_F_SEQ, 5);
	put();
	ck_assert_str_eq(ask("SELECT pid, comm, messages, errors, connections FROM processes"),
			 "{\"pid\":4242,\"comm\":\"nginx\",\"messages\":1,\"errors\":0,"
			 "\"connections\":0}\n");
}
END_TEST

static const struct {
	const char *sql, *answer;
} function_cases[] = {
	{ "SELECT ms(1230400) a, ms(1230500) b, ms(NULL) c, ms(0) d, ms('x') e, ms(-1500) f",
	  "{\"a\":1.23,\"b\":1.231,\"c\":null,\"d\":0.0,\"e\":null,\"f\":-0.002}\n" },
	{ "SELECT fold('/users/7/orders/00c0ffee') a, fold(NULL) b, fold('') c",
	  "{\"a\":\"/users/*/orders/*\",\"b\":null,\"c\":\"\"}\n" },
	{ "SELECT host('192.0.2.77') a, host(NULL) b, host('') c",
	  "{\"a\":\"192.0.2.77\",\"b\":null,\"c\":\"\"}\n" },
	{ "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 20) "
	  "SELECT percentile(x, 50) a, percentile(x, 95) b, percentile(x, 99) c, percentile(x, 0) d, "
	  "percentile(x, 100) e FROM n",
	  "{\"a\":10,\"b\":19,\"c\":20,\"d\":1,\"e\":20}\n" },
	{ "SELECT percentile(x, 50) a FROM (SELECT 1.5 AS x UNION ALL SELECT NULL)",
	  "{\"a\":1.5}\n" },
	{ "SELECT percentile(x, 50) a FROM (SELECT NULL AS x)", "{\"a\":null}\n" },
	{ "SELECT percentile(1, 50) a WHERE 0", "{\"a\":null}\n" },
	{ "SELECT 9e999 a, x'00ff' b, 1 / 3.0 c, 5e300 d",
	  "{\"a\":null,\"b_b64\":\"AP8=\",\"c\":0.3333333333333333,\"d\":5e+300}\n" },
};

START_TEST(function_case)
{
	ck_assert_str_eq(ask(function_cases[_i].sql), function_cases[_i].answer);
}
END_TEST

static const struct {
	const char *sql, *cause;
} refused_cases[] = {
	{ "ATTACH 'x' AS y", "not open other files" },
	{ "DETACH main", "not open other files" },
	{ "SELECT load_extension('x')", "not load code" },
	{ "SELECT fts3_tokenizer('x')", "" },
	{ "PRAGMA journal_mode = DELETE", "not use this pragma" },
	{ "PRAGMA writable_schema = 1", "not use this pragma" },
	{ "PRAGMA temp_store_directory = '/'", "not use this pragma" },
	{ "DELETE FROM messages", "not change anything" },
	{ "INSERT INTO meta(host) VALUES(1)", "not change anything" },
	{ "WITH x AS (SELECT 1) UPDATE messages SET op = 1", "not change anything" },
	{ "CREATE TABLE x(a)", "not change anything" },
	{ "CREATE TEMP TABLE x(a)", "not change anything" },
	{ "CREATE VIRTUAL TABLE x USING dbstat", "not change anything" },
	{ "DROP VIEW http", "not change anything" },
	{ "BEGIN", "not change anything" },
	{ "COMMIT", "not change anything" },
	{ "VACUUM", "not change anything" },
	{ "VACUUM INTO 'x.db'", "not change anything" },
	{ "REINDEX", "not change anything" },
	{ "ANALYZE", "not change anything" },
	{ "SELECT 1; DROP TABLE messages", "not change anything" },
	{ "SELECT nosuch FROM http", "no such column: nosuch" },
	{ "SELEC 1", "syntax error" },
	{ "", "there is no query" },
	{ " ; -- nothing", "there is no query" },
};

START_TEST(refused_case)
{
	struct px_error err = { 0 };

	ck_assert_int_eq(px_tables_check(t, refused_cases[_i].sql, &err), -1);
	ck_assert_int_eq(err.code, PX_EXIT_USAGE);
	ck_assert_msg(strstr(err.cause, refused_cases[_i].cause) != NULL, "%s", err.cause);
	if (*refused_cases[_i].sql && refused_cases[_i].sql[0] != ' ') {
		ck_assert_int_eq(ask_as(PX_ANSWER_JSON, 0, refused_cases[_i].sql, &err), -1);
		ck_assert_int_eq(err.code, PX_EXIT_USAGE);
	}
	/* Records go on being written afterwards. */
	sample_message(&r);
	px_record_int(&r, PX_F_SEQ, 1);
	put();
	ck_assert_str_eq(ask("SELECT count(*) AS n FROM messages"), "{\"n\":1}\n");
}
END_TEST

static const char *const failing[] = {
	"SELECT json_extract('no json', '$')",
	"SELECT percentile(1, 101)",
	"SELECT percentile(1, 'x')",
	"SELECT percentile('x', 50)",
};

START_TEST(failing_query)
{
	struct px_error err = { 0 };

	ck_assert_int_eq(ask_as(PX_ANSWER_JSON, 0, failing[_i], &err), -1);
	ck_assert_int_eq(err.code, PX_EXIT_FAILED);
}
END_TEST

START_TEST(interrupted_query)
{
	struct px_error err = { 0 };

	interrupts = true;
	ck_assert_int_eq(ask_as(PX_ANSWER_JSON, 0,
				"WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) "
				"SELECT max(x) FROM n",
				&err),
			 -1);
	ck_assert_int_eq(err.code, PX_EXIT_INTERRUPTED);
}
END_TEST

static const struct {
	enum px_answer_format format;
	size_t width;
	const char *sql, *answer;
} answer_cases[] = {
	{ PX_ANSWER_TABLE, 0,
	  "SELECT 'GET' AS op, 7 AS n, 1.5 AS ms, NULL AS error UNION ALL SELECT 'DELETE', 1200, 22.25, 'oh\n'",
	  "op         n     ms  error\n"
	  "GET        7    1.5  -\n"
	  "DELETE  1200  22.25  oh\\n\n" },
	{ PX_ANSWER_TABLE, 0, "SELECT 1 AS a WHERE 0", "a\n" },
	{ PX_ANSWER_TABLE, 0, "SELECT '' AS a, x'ff' AS b; SELECT 2 AS c",
	  "a   b\n\"\"  \\xff\n\nc\n2\n" },
	/* wide characters take two columns, combining marks none */
	{ PX_ANSWER_TABLE, 0, "SELECT '\xe4\xb8\xad' AS a, 1 AS b UNION ALL SELECT 'x', 2",
	  "a   b\n\xe4\xb8\xad  1\nx   2\n" },
	{ PX_ANSWER_TABLE, 20, "SELECT '0123456789012345678901234567890' AS a",
	  "a\n0123456789012345678\xe2\x80\xa6\n" },
	{ PX_ANSWER_CSV, 0, "SELECT 1 AS a, 'x,\"y\"' AS b, NULL AS c, 'z' || char(10) AS d",
	  "a,b,c,d\r\n1,\"x,\"\"y\"\"\",,z\\n\r\n" },
	{ PX_ANSWER_JSON, 0, "SELECT 1 AS \"a\"\"b\", CAST(x'ff' AS TEXT) AS c",
	  "{\"a\\\"b\":1,\"c_b64\":\"/w==\"}\n" },
};

START_TEST(answer_case)
{
	struct px_error err;

	ck_assert_int_eq(ask_as(answer_cases[_i].format, answer_cases[_i].width,
				answer_cases[_i].sql, &err),
			 0);
	ck_assert_str_eq(answer_text, answer_cases[_i].answer);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("tables");
	TCase *tc = tcase_create("tables");

	tcase_add_checked_fixture(tc, tables_setup, tables_teardown);
	tcase_add_test(tc, every_field_is_a_column);
	tcase_add_test(tc, types_hold);
	tcase_add_test(tc, rows_are_apart);
	tcase_add_test(tc, structures_are_json);
	tcase_add_loop_test(tc, hostile_texts, 0, PX_COUNT(hostile));
	tcase_add_test(tc, connections_are_a_row_each);
	tcase_add_test(tc, other_records);
	tcase_add_loop_test(tc, function_case, 0, PX_COUNT(function_cases));
	tcase_add_loop_test(tc, refused_case, 0, PX_COUNT(refused_cases));
	tcase_add_loop_test(tc, failing_query, 0, PX_COUNT(failing));
	tcase_add_test(tc, interrupted_query);
	tcase_add_loop_test(tc, answer_case, 0, PX_COUNT(answer_cases));
	suite_add_tcase(s, tc);
	return px_suite_run(s);
}
