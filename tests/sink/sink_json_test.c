/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/sink_json.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "sink/sample.h"
#include "support/suite.h"

static struct px_record r;
static struct sample_out o;
static struct px_sink *sink;

static void json_setup(void)
{
	o = sample_out_new();
	sink = px_sink_json_new(o.out);
	ck_assert_ptr_nonnull(sink);
}

static void json_teardown(void)
{
	sink->ops->free(sink);
	sample_out_free(&o);
}

static char *json_of(void)
{
	ck_assert_int_eq(sink->ops->record(sink, &r), 0);
	return sample_out_take(&o, NULL);
}

/* The members of the record without the `type` and `ok` that each has, and those of req. */
static void check_contains(const char *part)
{
	char *line = json_of();

	ck_assert_msg(strstr(line, part) != NULL, "no %s in %s", part, line);
	free(line);
}

START_TEST(whole_message)
{
	char *line;

	sample_message(&r);
	line = json_of();
	ck_assert_str_eq(
		line,
		"{\"type\":\"message\",\"seq\":1,\"ts\":\"2024-05-06T07:08:09.123456789Z\","
		"\"ts_us\":1714979289123456,\"latency_ns\":1230000,\"ttfb_ns\":1100000,\"pid\":4242,"
		"\"tid\":4243,\"uid\":33,\"comm\":\"nginx\",\"role\":\"server\",\"net\":\"tcp\","
		"\"local_addr\":\"10.0.0.2\",\"local_port\":80,\"remote_addr\":\"10.0.0.7\","
		"\"remote_port\":51234,\"tls\":false,\"conn\":\"3f2a91c4\",\"proto\":\"http\","
		"\"op\":\"GET\",\"target\":\"/v1/users\",\"ok\":true,\"status\":\"200\",\"error\":null,"
		"\"flags\":[],\"req\":{\"version\":\"1.1\",\"method\":\"GET\",\"scheme\":\"http\","
		"\"host\":\"api.example\",\"path\":\"/v1/users\",\"query\":\"id=7\","
		"\"url\":\"http://api.example/v1/users?id=7\",\"bytes\":78,\"headers\":{"
		"\"host\":\"api.example\",\"user-agent\":\"curl/7.88.1\",\"accept\":\"*/*\"},"
		"\"body_bytes\":0},\"resp\":{\"status_code\":200,\"reason\":\"OK\",\"bytes\":512,"
		"\"headers\":{\"server\":\"nginx/1.22.1\",\"date\":\"Mon, 06 May 2024 07:08:09 GMT\","
		"\"content-type\":\"application/json\",\"content-length\":\"25\","
		"\"connection\":\"keep-alive\"},\"content_type\":\"application/json\","
		"\"body\":\"{\\\"id\\\":7,\\\"name\\\":\\\"J\xc3\xbcrgen\\\"}\",\"body_bytes\":25}}\n");
	free(line);
}
END_TEST

START_TEST(close_has_no_sides)
{
	char *line;

	sample_close(&r);
	line = json_of();
	ck_assert_str_eq(
		line,
		"{\"type\":\"close\",\"seq\":1,\"ts\":\"2024-05-06T07:08:09.123456789Z\","
		"\"ts_us\":1714979289123456,\"pid\":4242,\"tid\":4243,\"uid\":33,\"comm\":\"nginx\","
		"\"role\":\"server\",\"net\":\"tcp\",\"local_addr\":\"10.0.0.2\",\"local_port\":80,"
		"\"remote_addr\":\"10.0.0.7\",\"remote_port\":51234,\"tls\":false,\"conn\":\"3f2a91c4\","
		"\"ok\":true,\"duration_ns\":3200000000,\"bytes_sent\":998212,\"bytes_received\":12040,"
		"\"messages\":10,\"errors\":1,\"lost_bytes\":0}\n");
	free(line);
}
END_TEST

START_TEST(sides_may_be_null_or_empty)
{
	sample_message(&r);
	r.has_resp = false;
	check_contains(",\"body_bytes\":0},\"resp\":null}\n");
	r.has_req = false;
	check_contains("\"req\":null,\"resp\":null}\n");
	r.has_req = r.has_resp = true;
	r.has_proto = 0;
	check_contains("\"req\":{},\"resp\":{}}\n");
}
END_TEST

/* A value of each kind, in a field of its type, and what has to be in the line. */
static const struct px_bytes good_items[] = {
	PX_BYTES("7"), PX_BYTES(""), { NULL, 0 }, PX_BYTES("a\"b")
};
static const struct px_bytes bad_items[] = { PX_BYTES("ok"), PX_BYTES("\xff"), { NULL, 0 } };
static const struct px_pair bad_pairs[] = { { PX_BYTES("x-name"), PX_BYTES("\xc3(") },
					    { PX_BYTES("x\x80\"y"), PX_BYTES("v") } };
static const struct px_value first_object[] = {
	{ .s = PX_BYTES("a b") },
	{ .i = 60 },
	{ .list = { good_items, 2 } },
};
static const struct px_value second_object[] = { { .s = PX_BYTES("\xff") }, { .is_null = true } };
static const struct px_object objects[] = { { 0x7, first_object },
					    { 0x3, second_object },
					    { 0, NULL } };
static const struct {
	enum sample_field f;
	struct px_value v;
	const char *line;
} value_cases[] = {
	{ SF_METHOD, { .s = PX_BYTES("") }, "\"method\":\"\"" },
	{ SF_METHOD, { .is_null = true }, "\"method\":null" },
	{ SF_METHOD, { .s = PX_BYTES("\xff\xfe") }, "{\"method_b64\":\"//4=\"}" },
	{ SF_REQ_BODY, { .s = PX_BYTES("\x89PNG") }, "{\"body_b64\":\"iVBORw==\"}" },
	{ SF_REQ_BODY, { .s = PX_BYTES("a\nb") }, "{\"body\":\"a\\nb\"}" },
	{ SF_ID, { .i = INT64_C(9007199254740992) }, "\"id\":9007199254740992}" },
	{ SF_ID, { .i = INT64_C(9007199254740993) }, "\"id\":\"9007199254740993\"}" },
	{ SF_ID, { .i = INT64_MIN }, "\"id\":\"-9223372036854775808\"}" },
	{ SF_ID, { .i = -1 }, "\"id\":-1}" },
	{ SF_REQ_BYTES, { .i = INT64_MAX }, "\"bytes\":9223372036854775807}" },	/* a quantity, not an id */
	{ SF_PARAMS,
	  { .list = { good_items, PX_COUNT(good_items) } },
	  "{\"params\":[\"7\",\"\",null,\"a\\\"b\"]}" },
	{ SF_PARAMS,
	  { .list = { bad_items, PX_COUNT(bad_items) } },
	  "{\"params_b64\":[\"b2s=\",\"/w==\",null]}" },
	{ SF_PARAMS, { .list = { NULL, 0 } }, "{\"params\":[]}" },
	{ SF_REQ_HEADERS, { .map = { NULL, 0 } }, "{\"headers\":{}}" },
	{ SF_ANSWERS,
	  { .objects = { objects, PX_COUNT(objects) } },
	  "{\"answers\":[{\"name\":\"a b\",\"ttl\":60,\"columns\":[\"7\",\"\"]},"
	  "{\"name_b64\":\"/w==\",\"ttl\":null},{}]}" },
	{ SF_ANSWERS, { .objects = { NULL, 0 } }, "{\"answers\":[]}" },
	{ SF_ANSWERS, { .is_null = true }, "{\"answers\":null}" },
	{ SF_REQ_HEADERS,
	  { .map = { bad_pairs, PX_COUNT(bad_pairs) } },
	  "{\"headers\":{\"x-name_b64\":\"wyg=\",\"x\\\\x80\\\\x22y\":\"v\"}}" },
};

START_TEST(value)
{
	sample_message(&r);
	r.has_proto = 0;
	px_record_put(&r, value_cases[_i].f, value_cases[_i].v);
	check_contains(value_cases[_i].line);
}
END_TEST

START_TEST(bool_and_null)
{
	sample_message(&r);
	px_record_bool(&r, PX_F_OK, false);
	px_record_null(&r, PX_F_LATENCY_NS);
	px_record_put_bool(&r, SF_RESP_BODY_TRUNCATED, true);
	px_record_flags(&r, PX_FLAG_GAP | PX_FLAG_REDACTED);
	check_contains("\"latency_ns\":null");
	check_contains("\"ok\":false");
	check_contains("\"body_truncated\":true");
	check_contains("\"flags\":[\"gap\",\"redacted\"]");
}
END_TEST

START_TEST(comm_that_is_no_text)
{
	sample_message(&r);
	px_record_str(&r, PX_F_COMM, PX_BYTES("a\xff"));
	check_contains("\"uid\":33,\"comm_b64\":\"Yf8=\",\"role\"");
}
END_TEST

/*
 * Around the sizes at which the writer changes its ways, and one megabyte; characters of three
 * bytes lie on every cut.
 */
static const size_t long_sizes[] = { 1, 15, 16, 17, 65535, 65536, 65537, 65538, 200000, 1 << 20 };

START_TEST(long_body)
{
	size_t n = long_sizes[_i], len, wrong = 0;
	char *body = malloc(n * 3), *line, *p;

	sample_message(&r);
	r.has_proto = 0;
	for (size_t i = 0; i < n; i++)
		memcpy(body + 3 * i, i % 5 ? "\xe2\x82\xac" : "\xe2\x80\xa8", 3);
	px_record_put_str(&r, SF_REQ_BODY, px_bytes_of(body, 3 * n));
	ck_assert_int_eq(sink->ops->record(sink, &r), 0);
	line = sample_out_take(&o, &len);
	p = strstr(line, "\"body\":\"");
	ck_assert_ptr_nonnull(p);
	p += strlen("\"body\":\"");
	for (size_t i = 0; i < n; i++) {
		const char *want = i % 5 ? "\xe2\x82\xac" : "\\u2028";

		wrong += memcmp(p, want, strlen(want)) != 0;
		p += strlen(want);
	}
	ck_assert_uint_eq(wrong, 0);
	ck_assert_str_eq(p, "\"},\"resp\":{}}\n");
	free(line);

	body[3 * n - 1] = 'x'; /* cut within a character */
	ck_assert_int_eq(sink->ops->record(sink, &r), 0);
	line = sample_out_take(&o, &len);
	p = strstr(line, "\"req\":{\"body_b64\":\"");
	ck_assert_ptr_nonnull(p);
	ck_assert_uint_eq(strlen(p), strlen("\"req\":{\"body_b64\":\"") + (3 * n + 2) / 3 * 4 +
					     strlen("\"},\"resp\":{}}\n"));
	free(line);
	free(body);
}
END_TEST

START_TEST(more_protocols_than_one)
{
	static struct px_field tables[40][2];
	char text[128];

	for (size_t i = 0; i < PX_COUNT(tables); i++) {
		tables[i][0] = (struct px_field){ "a_name_that_is_longer_than_what_is_kept_ready",
						  PX_TYPE_INT, PX_SIDE_REQ, NULL, "x" };
		px_record_clear(&r, PX_RECORD_MESSAGE);
		r.fields = tables[i];
		r.has_req = true;
		px_record_put_int(&r, 0, (int64_t)i);
		snprintf(text, sizeof(text), "\"req\":{\"%s\":%zu}", tables[i][0].name, i);
		check_contains(text);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sink_json");
	TCase *tc = tcase_create("json");

	tcase_add_checked_fixture(tc, json_setup, json_teardown);
	tcase_add_test(tc, whole_message);
	tcase_add_test(tc, close_has_no_sides);
	tcase_add_test(tc, sides_may_be_null_or_empty);
	tcase_add_loop_test(tc, value, 0, PX_COUNT(value_cases));
	tcase_add_test(tc, bool_and_null);
	tcase_add_test(tc, comm_that_is_no_text);
	tcase_add_loop_test(tc, long_body, 0, PX_COUNT(long_sizes));
	tcase_add_test(tc, more_protocols_than_one);
	suite_add_tcase(s, tc);
	return px_suite_run(s);
}
