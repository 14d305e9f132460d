/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What filter expressions may not be, what they say of types that no tape has, and what they imply.
 */
#include "filter/filter.h"
#include "support/suite.h"

#include <stdio.h>

enum { SQL, ROWS, PARAMS, ANSWERS, THROTTLE, RESP_SQL };

static const struct px_field members[] = {
	{ "name", PX_TYPE_STR, PX_SIDE_RESP, NULL, "x" },
	{ "ttl", PX_TYPE_INT, PX_SIDE_RESP, NULL, "x" },
	{ .type = PX_TYPE_NONE },
};
static const struct px_field fields[] = {
	[SQL] = { "sql", PX_TYPE_STR, PX_SIDE_REQ, NULL, "x" },
	[ROWS] = { "rows", PX_TYPE_INT, PX_SIDE_RESP, NULL, "x" },
	[PARAMS] = { "params", PX_TYPE_LIST, PX_SIDE_REQ, NULL, "x" },
	[ANSWERS] = { "answers", PX_TYPE_OBJECTS, PX_SIDE_RESP, NULL, "x", members },
	[THROTTLE] = { "throttle_ms", PX_TYPE_INT, PX_SIDE_RESP, "ms", "x" },
	[RESP_SQL] = { "host", PX_TYPE_STR, PX_SIDE_RESP, NULL, "x" },
	{ .type = PX_TYPE_NONE },
};
static const struct px_field others[] = {
	{ "command", PX_TYPE_STR, PX_SIDE_REQ, NULL, "x" },
	{ .type = PX_TYPE_NONE },
};
static const struct px_field_group groups[] = { { "mysql", fields }, { "redis", others } };

static struct px_filter *filter_of(const char *text)
{
	struct px_filter *f;
	struct px_error err;

	ck_assert_msg(px_filter_new(px_bytes_str(text), NULL, groups, PX_COUNT(groups), &f, &err) ==
			      0,
		      "%s: %s", text, err.cause);
	return f;
}

/* clang-format off */
static const struct {
	const char *text;
	const char *cause;	/* a part of it: where and what */
	const char *caret;	/* the last line of it */
	const char *cure;	/* a part of it */
} wrong_cases[] = {
	{ "mysq", "column 1: there is no field or protocol 'mysq'", "  ^^^^", "did you mean mysql?" },
	{ "ok and statu = 3", "column 8: there is no field", "         ^^^^^", "did you mean status?" },
	{ "latncy > 5ms", "column 1", "  ^^^^^^", "did you mean latency?" },
	{ "req.sqll = x", "column 1", "  ^^^^^^^^", "did you mean req.sql?" },
	{ "nginx", "there is no field", "  ^^^^^", "if it is a process: --comm nginx" },
	{ "zzzzzz", "there is no field", "  ^^^^^^", "--list-fields" },
	{ "a", "there is no field", "  ^", "--list-fields" },
	{ "latency > 5", "column 11: latency is a time", "            ^", "200ms" },
	{ "latency in (5ms, 5)", "column 18: latency is a time", "                   ^", "unit" },
	{ "throttle_ms in (1500ms, 5)", "column 25: some of these values are times", "                          ^", "unit" },
	{ "status > 200ms", "status is no time", "           ^^^^^", "unit out" },
	{ "rows > 5x", "this is no number", "         ^^", "kB" },
	{ "ok = yes", "ok is true or false", "       ^^^", "not ok" },
	{ "ts > noon", "this is no time", "       ^^^^", "2026-01-31T12:00:00Z" },
	{ "role = cleint", "there is no such role", "         ^^^^^^", "client server" },
	{ "net = sctp", "no such net", "        ^^^^", "tcp udp unix" },
	{ "proto = mysqll", "there is no protocol 'mysqll'", "          ^^^^^^", "did you mean mysql?" },
	{ "answers = 1", "answers has members", "            ^", "answers.NAME" },
	{ "seq > 5", "numbered once they have passed", "  ^^^", "ts" },
	{ "and ok", "something is missing in front of 'and'", "  ^^^", "" },
	{ "ok and", "column 7: something is missing at the end", "        ^", "begin with" },
	{ "ok ok", "'and' or 'or' is missing", "     ^^", "join tests" },
	{ "(ok", "this ( is not closed", "  ^", "" },
	{ "(ok ok)", "'and' or 'or' is missing", "      ^^", "join" },
	{ "ok)", "there is no ( for this )", "    ^", "" },
	{ "()", "column 2: this cannot stand here", "   ^", "begin with" },
	{ "status =", "column 9: a value is missing", "          ^", "\"\"" },
	{ "status = \"x", "this quote is not closed", "           ^", "" },
	{ "op in GET", "a list in parentheses is missing", "        ^", "op in (GET, PUT)" },
	{ "op in (GET", "the list is not closed", "            ^", "commas" },
	{ "op in (GET PUT)", "the list is not closed", "             ^", "commas" },
	{ "op in (GET,)", "a value is missing", "             ^", "\"\"" },
	{ "port x", "this is no port: 'x'", "       ^", "0 to 65535" },
	{ "port 65536", "this is no port", "       ^^^^^", "65535" },
	{ "port ~ 8", "compared as numbers", "         ^", "port 80" },
	{ "port 80 or 443", "a value alone says nothing", "             ^^^", "port 80" },
	{ "status = 500 or 502", "a value alone", "                  ^^^", "status in (500,502)" },
	{ "host example.org", "this is no address", "       ^^^^^^^^^^^", "req.host" },
	{ "host 10.0.0.0/33", "this is no address", "       ^^^^^^^^^^^", "digits" },
	{ "sql ~ \"(\"", "no regular expression", "        ^", "regex(7)" },
	{ "sql ~ (a)\\1", "no such escape", "        ^^^^^", "regex(7)" },
	{ "sql ~ \"(((a{255}){255}){255}){255}\"", "no regular expression: ", "        ^^", "regex(7)" },
	{ "#", "this cannot stand here", "  ^", "begin with" },
	{ "\x98", "this cannot stand here", "  ^", "begin with" },	/* no character at all */
	{ "ok\nand\n  nosuch", "column 3: there is no field", "    ^^^^^^", "" },
};
/* clang-format on */

START_TEST(wrong)
{
	const char *text = wrong_cases[_i].text, *caret;
	struct px_filter *f = (void *)1;
	struct px_error err;

	ck_assert_int_eq(px_filter_new(px_bytes_str(text), NULL, groups, PX_COUNT(groups), &f,
				       &err),
			 -1);
	ck_assert_ptr_null(f);
	ck_assert_int_eq(err.code, PX_EXIT_USAGE);
	ck_assert_msg(strstr(err.cause, wrong_cases[_i].cause), "%s: %s", text, err.cause);
	caret = strrchr(err.cause, '\n');
	ck_assert_ptr_nonnull(caret);
	ck_assert_msg(strncmp(caret + 1, wrong_cases[_i].caret, strlen(wrong_cases[_i].caret)) == 0,
		      "%s:%s", text, err.cause);
	ck_assert_msg(strstr(err.cure, wrong_cases[_i].cure), "%s: %s", text, err.cure);
}
END_TEST

/* What is too much of a kind, made of pieces: head, so many times piece, tail. */
static const struct {
	const char *head, *piece, *tail;
	size_t count;
	const char *cause, *cure;
} many_cases[] = {
	{ "op in (GET", ",GET", ")", 300, "a list has at most 256 values", "regular expression" },
	{ "ok", " or ok", "", 600, "the expression is too long", "leave something out" },
	{ "ok", " or ok    ", "", 8000, "a filter expression has at most", "leave something out" },
	{ "", "not ", "ok", 80, "levels of parentheses and nots", "leave parentheses out" },
};

START_TEST(too_many)
{
	size_t used, size = 1 << 17;
	char *text = malloc(size);
	struct px_filter *f;
	struct px_error err;

	ck_assert_ptr_nonnull(text);
	used = (size_t)snprintf(text, size, "%s", many_cases[_i].head);
	for (size_t i = 0; i < many_cases[_i].count; i++)
		used += (size_t)snprintf(text + used, size - used, "%s", many_cases[_i].piece);
	snprintf(text + used, size - used, "%s", many_cases[_i].tail);
	ck_assert_int_eq(px_filter_new(px_bytes_str(text), NULL, groups, 2, &f, &err), -1);
	ck_assert_int_eq(err.code, PX_EXIT_USAGE);
	ck_assert_msg(strstr(err.cause, many_cases[_i].cause), "%s", err.cause);
	ck_assert_msg(strstr(err.cure, many_cases[_i].cure), "%s", err.cure);
	free(text);
}
END_TEST

/* A long line is shown around the fault, and a file's lines have numbers. */
START_TEST(wrong_far_away)
{
	char text[2000];
	size_t used = (size_t)snprintf(text, sizeof(text), "# all of them\nok");
	struct px_filter *f;
	struct px_error err;

	for (int i = 0; i < 201; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, " and %s",
					 i == 100 ? "\xc3\xa9" : "ok");
	ck_assert_int_eq(px_filter_new(px_bytes_str(text), "rules", groups, 2, &f, &err), -1);
	ck_assert_msg(strstr(err.cause, "rules:2:708: this cannot stand here\n  "), "%s",
		      err.cause);
	ck_assert_msg(strlen(strchr(err.cause, '\n')) < 160, "%s", err.cause);
	memset(text, '(', 80);
	text[80] = '\0';
	ck_assert_int_eq(px_filter_new(px_bytes_str(text), NULL, groups, 2, &f, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.cause, "levels"));
	memset(text, 'o', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	ck_assert_int_eq(px_filter_new(px_bytes_str(text), NULL, groups, 2, &f, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.cause, "long name"));
}
END_TEST

/* clang-format off */
static const struct {
	const char *text;
	bool mysql, closed;	/* is the message wanted, is the close record? */
} match_cases[] = {
	{ "mysql", true, true }, { "redis", false, false },
	{ "params contains 7", true, false }, { "params contains 8", false, false },
	{ "params = 7.0", true, false }, { "params != 9", true, false }, { "params in (1, b)", true, false },
	{ "params ~ ^.$", true, false }, { "params", true, false }, { "not params", false, true },
	{ "answers.ttl > 250", true, false }, { "answers.ttl > 300", false, false },
	{ "resp.answers.name = a.example", true, false }, { "answers.name = c.example", false, false },
	{ "answers.name != c.example", true, false }, { "answers.name != a.example", false, false },
	{ "answers", true, false }, { "throttle_ms > 1s", true, false }, { "throttle_ms > 1.6s", false, false },
	{ "throttle_ms = 1500", true, false }, { "throttle_ms in (1500ms, 2s)", true, false },
	{ "rows = 1k", true, false }, { "rows = 1024", true, false }, { "rows > -1", true, false },
	{ "rows", true, false }, { "command", false, false }, { "command != x", false, false },
	{ "host = db1", true, false },
	{ "messages > 4", false, true }, { "duration > 1s", false, true }, { "type = close", false, true },
	{ "error", false, false }, { "error != x", false, false }, { "not error", true, true },
	{ "trace_id = 00000000000000000000000000000001", true, false },
	{ "trace_id = 00000000000000000000000000000002", false, false },
	{ "span_id = 7", true, false }, { "span_id = 0000000000000007", true, false },
	{ "latency = 2ms", true, false }, { "latency = 0", false, false }, { "latency_ns = 2000000", true, false },
	{ "ts > 2026-01-31T11:59:59.9Z", true, false }, { "ts < 4052-11-21T15:04:26.5Z", true, false },
	{ "ts > 4052-11-21T15:04:26.5Z", false, false }, { "ts > 0001-01-01T00:00:00Z", true, false },
	{ "sql contains \"FROM t WHERE\"", true, false }, { "sql contains 'it\\'s'", true, false },
	{ "sql ~ \"^SELECT .* WHERE\"", true, false }, { "sql ~ from", false, false },
	{ "sql ~ \"\\*\"", true, false }, { "sql ~ '^SEL'", true, false }, { "sql ~ 's$'", true, false },
	{ "sql > 5", false, false }, { "sql < 5", false, false },
	{ "port 3306", true, true }, { "port != 3306", false, false }, { "port > 60000", false, false },
	{ "host 10.0.0.9", true, true }, { "host 10.0.0.8/31", true, true }, { "host 10.0.0.10", false, false },
	{ "host fe80::1", true, true }, { "host fe80::/10", true, true }, { "host ::ffff:10.0.0.9", true, true },
};
/* clang-format on */

static struct px_record *mysql_record(void)
{
	static struct px_record r;
	static const struct px_bytes params[] = { PX_BYTES("7"), { NULL, 0 }, PX_BYTES("b") };
	static const struct px_value first[] = { { .s = PX_BYTES("a.example") }, { .i = 300 } };
	static const struct px_value second[] = { { .s = PX_BYTES("b.example") }, { .i = 60 } };
	static const struct px_object objects[] = { { 3, first }, { 2, second } };

	px_record_clear(&r, PX_RECORD_MESSAGE);
	r.fields = fields;
	px_record_str(&r, PX_F_PROTO, PX_BYTES("mysql"));
	px_record_time(&r, 1769860800000000000);
	px_record_int(&r, PX_F_LATENCY_NS, 2000000);
	px_record_null(&r, PX_F_ERROR);
	px_record_str(&r, PX_F_TRACE_ID, PX_BYTES("00000000000000000000000000000001"));
	px_record_str(&r, PX_F_SPAN_ID, PX_BYTES("0000000000000007"));
	px_record_put_str(&r, SQL, PX_BYTES("SELECT * FROM t WHERE n = it's"));
	px_record_put_int(&r, ROWS, 1024);
	px_record_place(&r, PARAMS)->list.items = params;
	r.proto[PARAMS].list.count = PX_COUNT(params);
	px_record_put_objects(&r, ANSWERS, objects, PX_COUNT(objects));
	px_record_put_int(&r, THROTTLE, 1500);
	px_record_put_str(&r, RESP_SQL, PX_BYTES("db1"));
	return &r;
}

static struct px_record *close_record(void)
{
	static struct px_record r;

	px_record_clear(&r, PX_RECORD_CLOSE);
	px_record_str(&r, PX_F_PROTO, PX_BYTES("mysql"));
	px_record_int(&r, PX_F_MESSAGES, 5);
	px_record_int(&r, PX_F_DURATION_NS, INT64_C(5000000000));
	return &r;
}

START_TEST(match)
{
	struct px_filter *f = filter_of(match_cases[_i].text);
	struct px_record *records[] = { mysql_record(), close_record() };

	for (size_t i = 0; i < PX_COUNT(records); i++) {
		px_record_str(records[i], PX_F_NET, PX_BYTES("tcp"));
		px_record_str(records[i], PX_F_LOCAL_ADDR, PX_BYTES("fe80::1%eth0"));
		px_record_str(records[i], PX_F_REMOTE_ADDR, PX_BYTES("10.0.0.9"));
		px_record_int(records[i], PX_F_LOCAL_PORT, 40000);
		px_record_int(records[i], PX_F_REMOTE_PORT, 3306);
		/* Twice: the place of a record's table is remembered. */
		for (int again = 0; again < 2; again++)
			ck_assert_msg(px_filter_match(f, records[i]) ==
					      (i ? match_cases[_i].closed : match_cases[_i].mysql),
				      "%s: record %zu", match_cases[_i].text, i);
	}
	px_filter_free(f);
}
END_TEST

/* clang-format off */
static const struct {
	const char *text;
	const char *implied;
} implied_cases[] = {
	{ "ok", "" },
	{ "port 80", "port 80" },
	{ "port 80 and status >= 500", "port 80" },
	{ "status >= 500 and (port 80 or port 443)", "port 80 port 443" },
	{ "port in (80,443) and ok", "port 80 port 443" },
	{ "port 80 or ok", "" },
	{ "not port 80", "" },
	{ "not (port 80 or ok)", "" },
	{ "port != 80", "" },
	{ "port > 80", "" },
	{ "port 80 and port 81", "port 80" },
	{ "(port 80 and ok) or (port 81 and not ok)", "port 80 port 81" },
	{ "(port 80 and ok) or not ok", "" },
	{ "local_port = 80", "port 80" },
	{ "remote_port = 80 or local_port = 81", "port 80 port 81" },
	{ "local_port > 80", "" },
	{ "port 0", "" },
	{ "host 10.0.0.0/8 and port 5", "port 5 net 10/8" },
	{ "host 10.1.1.1 or host 11.0.0.0/9", "net 10/32 net 11/9" },
	{ "local_addr = 10.0.0.1", "" },
	{ "role = client", "role 1" },
	{ "role = server and pid = 7", "role 2 pid 7" },
	{ "role = client or role = server", "" },
	{ "role != client", "" },
	{ "pid in (7, 8) and (comm = a or comm = b)", "pid 7 pid 8" },
	{ "pid = 7 or pid = 8", "pid 7 pid 8" },
	{ "pid > 7", "" },
	{ "pid = 7 and not pid = 8", "pid 7" },
	{ "port in (1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17)", "" },
};
/* clang-format on */

START_TEST(implied)
{
	struct px_filter *f = filter_of(implied_cases[_i].text);
	struct px_filter_implied out;
	char text[256] = "";
	size_t used = 0;

	px_filter_implied(f, &out);
	for (size_t i = 0; i < out.ends.port_count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, " port %u",
					 out.ends.ports[i]);
	for (size_t i = 0; i < out.ends.net_count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, " net %u/%u",
					 out.ends.nets[i].addr[0], out.ends.nets[i].bits);
	if (out.ends.role != PX_ROLE_UNKNOWN)
		used += (size_t)snprintf(text + used, sizeof(text) - used, " role %d",
					 out.ends.role == PX_ROLE_CLIENT ? 1 : 2);
	for (size_t i = 0; i < out.pid_count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, " pid %u", out.pids[i]);
	ck_assert_str_eq(text + (used > 0), implied_cases[_i].implied);
	px_filter_free(f);
}
END_TEST

START_TEST(details_and_text)
{
	static const struct {
		const char *text;
		bool wants;
	} cases[] = {
		{ "status >= 500", false },    { "mysql and latency > 1s", false },
		{ "bytes > 5", false },	       { "sql ~ x", true },
		{ "ok or answers.ttl", true }, { "port 80", false },
	};
	static const struct {
		const char *file, *line;
	} files[] = {
		{ "  # one\n ok  # two\n\tand sql = \"a  #b\" \n", "ok and sql = \"a  #b\"" },
		{ "sql = it's # one\n\tor\n  sql = they're#2", "sql = it's or sql = they're#2" },
		{ "ok#one\n", "ok" },
		{ "not(ok)and rows in(1,#one\n2)# two", "not(ok)and rows in(1, 2)" },
	};
	struct px_filter *f;
	struct px_error err;

	for (size_t i = 0; i < PX_COUNT(cases); i++) {
		f = filter_of(cases[i].text);
		ck_assert_msg(px_filter_wants_details(f) == cases[i].wants, "%s", cases[i].text);
		px_filter_free(f);
	}
	for (size_t i = 0; i < PX_COUNT(files); i++) {
		ck_assert_int_eq(px_filter_new(px_bytes_str(files[i].file), "f", groups, 2, &f, &err),
				 0);
		ck_assert_msg(px_bytes_eq(px_filter_text(f), px_bytes_str(files[i].line)), "%.*s",
			      (int)px_filter_text(f).len, px_filter_text(f).ptr);
		px_filter_free(f);
	}
	ck_assert_int_eq(px_filter_new(PX_BYTES(" \n# nothing"), "f", groups, 2, &f, &err), 0);
	ck_assert_ptr_null(f);
	ck_assert_int_eq(px_filter_new(PX_BYTES(""), NULL, groups, 2, &f, &err), 0);
	ck_assert_ptr_null(f);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("filter");
	TCase *tc = tcase_create("filter");

	tcase_add_loop_test(tc, wrong, 0, (int)PX_COUNT(wrong_cases));
	tcase_add_test(tc, wrong_far_away);
	tcase_add_loop_test(tc, too_many, 0, (int)PX_COUNT(many_cases));
	tcase_add_loop_test(tc, match, 0, (int)PX_COUNT(match_cases));
	tcase_add_loop_test(tc, implied, 0, (int)PX_COUNT(implied_cases));
	tcase_add_test(tc, details_and_text);
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
