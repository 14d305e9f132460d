/* SPDX-License-Identifier: Apache-2.0 */
/* What -v, -vv, -vvv, -A, -x and -X put below a line. */
#include "sink/sink_text.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "sink/sample.h"
#include "sink/escape.h"
#include "sink/text_body.h"
#include "support/suite.h"

static struct px_record r;

/*
 * The lines below the first one; free() it. Each of them has to be indented and free of control
 * characters.
 */
static char *details_of(struct px_text_options options)
{
	struct sample_out o = sample_out_new();
	struct px_sink *sink = px_sink_text_new(o.out, &options);
	size_t len, harm = 0;
	char *text, *below;

	ck_assert_ptr_nonnull(sink);
	ck_assert_int_eq(sink->ops->record(sink, &r), 0);
	text = sample_out_take(&o, &len);
	below = strchr(text, '\n');
	ck_assert_ptr_nonnull(below);
	below++;
	ck_assert_uint_eq(len, strlen(text));
	ck_assert(px_utf8_valid(px_bytes_of(text, len)));
	for (char *p = below; *p; p++) {
		harm += (p == below || p[-1] == '\n') && *p != ' ';
		harm += (unsigned char)*p < 0x20 && *p != '\n';
		harm += *p == 0x7f;
	}
	ck_assert_uint_eq(harm, 0);
	below = strdup(below);
	free(text);
	sink->ops->free(sink);
	sample_out_free(&o);
	return below;
}

static void check_details(struct px_text_options options, const char *want)
{
	char *text = details_of(options);

	ck_assert_str_eq(text, want);
	free(text);
}

#define CONNECTION                                                                                 \
	"    local=10.0.0.2:80 remote=10.0.0.7:51234 conn=3f2a91c4 ttfb_ns=1100000 tid=4243 uid=33\n"
#define REQUEST                                                                                    \
	"    > version=1.1 method=GET scheme=http host=api.example path=/v1/users query=\"id=7\" " \
	"url=\"http://api.example/v1/users?id=7\" bytes=78 body_bytes=0\n"                         \
	"    > host: api.example\n"                                                                \
	"    > user-agent: curl/7.88.1\n"                                                          \
	"    > accept: */*\n"
#define RESPONSE                                                                                   \
	"    < status_code=200 reason=OK bytes=512 content_type=application/json body_bytes=25\n"  \
	"    < server: nginx/1.22.1\n"                                                             \
	"    < date: Mon, 06 May 2024 07:08:09 GMT\n"                                              \
	"    < content-type: application/json\n"                                                   \
	"    < content-length: 25\n"                                                               \
	"    < connection: keep-alive\n"

START_TEST(one_v)
{
	sample_message(&r);
	check_details((struct px_text_options){ .verbosity = 0 }, "");
	check_details((struct px_text_options){ .verbosity = 1 }, CONNECTION REQUEST RESPONSE);
}
END_TEST

START_TEST(two_v)
{
	sample_message(&r);
	check_details((struct px_text_options){ .verbosity = 2 }, CONNECTION REQUEST RESPONSE
		      "    < body (25 bytes)\n"
		      "        {\"id\":7,\"name\":\"J\xc3\xbcrgen\"}\n");
	check_details((struct px_text_options){ .verbosity = 2, .width = 200 },
		      CONNECTION REQUEST RESPONSE "    < body (25 bytes)\n"
						  "        {\n"
						  "          \"id\": 7,\n"
						  "          \"name\": \"J\xc3\xbcrgen\"\n"
						  "        }\n");
}
END_TEST

START_TEST(common_fields_that_are_there)
{
	char *text;

	sample_message(&r);
	px_record_int(&r, PX_F_STREAM, 5);
	px_record_str(&r, PX_F_EXE, PX_BYTES("/opt/my app/bin"));
	px_record_str(&r, PX_F_UNIT, PX_BYTES("nginx.service"));
	px_record_str(&r, PX_F_CONTAINER, PX_BYTES("web-1"));
	px_record_str(&r, PX_F_ERROR, PX_BYTES(""));
	px_record_flags(&r, PX_FLAG_TRUNCATED | PX_FLAG_REDACTED);
	text = details_of((struct px_text_options){ .verbosity = 1 });
	ck_assert_ptr_eq(
		text,
		strstr(text,
		       "    local=10.0.0.2:80 remote=10.0.0.7:51234 conn=3f2a91c4 stream=5 "
		       "ttfb_ns=1100000 tid=4243 uid=33 exe=\"/opt/my app/bin\" "
		       "unit=nginx.service container=web-1 flags=truncated,redacted error=\"\"\n"));
	free(text);
}
END_TEST

START_TEST(close_has_a_connection_line)
{
	sample_close(&r);
	check_details(
		(struct px_text_options){ .verbosity = 3, .hex = true },
		"    local=10.0.0.2:80 remote=10.0.0.7:51234 conn=3f2a91c4 tid=4243 uid=33\n");
}
END_TEST

/* --- single fields --- */

static const struct px_bytes items[] = { PX_BYTES("7"), { NULL, 0 }, PX_BYTES("a\x1b b") };
static const struct px_pair pairs[] = { { PX_BYTES("x-a\nb"), PX_BYTES("1\r\n2\xe2\x80\xae") } };

static const struct px_value first_object[] = {
	{ .s = PX_BYTES("a b") },
	{ .i = 60 },
	{ .list = { items, 2 } },
};
static const struct px_value second_object[] = { { .s = PX_BYTES("\xff") }, { .is_null = true } };
static const struct px_object objects[] = { { 0x7, first_object },
					    { 0x3, second_object },
					    { 0, NULL } };

static const struct {
	enum sample_field f;
	struct px_value v;
	unsigned int verbosity;
	const char *lines;
} field_cases[] = {
	{ SF_METHOD, { .s = PX_BYTES("GE\x1b[2JT") }, 1, "    > method=GE\\x1b[2JT\n" },
	{ SF_METHOD, { .is_null = true }, 1, "    > method=-\n" },
	{ SF_METHOD, { .s = PX_BYTES("a b") }, 1, "    > method=\"a b\"\n" },
	{ SF_RESP_BODY_TRUNCATED, { .b = true }, 1, "    < body_truncated=true\n" },
	{ SF_ID, { .i = -5 }, 1, "    > id=-5\n" },
	{ SF_PARAMS,
	  { .list = { items, PX_COUNT(items) } },
	  1,
	  "    > params[0]: 7\n    > params[1]: null\n    > params[2]: a\\x1b b\n" },
	{ SF_REQ_HEADERS,
	  { .map = { pairs, PX_COUNT(pairs) } },
	  1,
	  "    > x-a\\nb: 1\\r\\n2\\u202e\n" },
	{ SF_REQ_HEADERS, { .is_null = true }, 1, "" },
	{ SF_ANSWERS,
	  { .objects = { objects, PX_COUNT(objects) } },
	  1,
	  "    < answers[0]: name=\"a b\" ttl=60 columns=7,\n"
	  "    < answers[1]: name=\\xff ttl=-\n    < answers[2]:\n" },
	{ SF_ANSWERS, { .is_null = true }, 1, "" },
	{ SF_REQ_BODY, { .s = PX_BYTES("text") }, 1, "" },
	{ SF_REQ_BODY, { .s = PX_BYTES("") }, 2, "" },
	{ SF_REQ_BODY,
	  { .s = PX_BYTES("a=1\r\n\tb\x1b[m\n\nend") },
	  2,
	  "    > body (15 bytes)\n        a=1\n        \\tb\\x1b[m\n        \n        end\n" },
	{ SF_REQ_BODY, { .s = PX_BYTES("x") }, 2, "    > body (1 byte)\n        x\n" },
	{ SF_RESP_BODY,
	  { .s = PX_BYTES("\x89PNG\r\n\x1a\n\0\0\0 0123456789") },
	  2,
	  "    < body (22 bytes)\n"
	  "        0x0000:  8950 4e47 0d0a 1a0a 0000 0020 3031 3233  .PNG........0123\n"
	  "        0x0010:  3435 3637 3839                           456789\n" },
};

START_TEST(field)
{
	size_t skip = strlen(
		"    local=10.0.0.2:80 remote=10.0.0.7:51234 conn=3f2a91c4 ttfb_ns=1100000 tid=4243 uid=33\n");
	char *text;

	sample_message(&r);
	r.has_proto = 0;
	px_record_put(&r, field_cases[_i].f, field_cases[_i].v);
	text = details_of((struct px_text_options){ .verbosity = field_cases[_i].verbosity });
	ck_assert_str_eq(text + skip, field_cases[_i].lines);
	free(text);
}
END_TEST

/* --- bodies --- */

START_TEST(how_much_of_a_body)
{
	static char body[5000];
	char *text;

	memset(body, 'y', sizeof(body));
	sample_message(&r);
	px_record_put_str(&r, SF_RESP_BODY, px_bytes_of(body, sizeof(body)));
	px_record_put_bool(&r, SF_RESP_BODY_TRUNCATED, true);
	text = details_of((struct px_text_options){ .verbosity = 2 });
	ck_assert_ptr_nonnull(strstr(text, "    < body (1024 of 5000 bytes)\n"));
	ck_assert_uint_eq(strlen(strstr(text, "        yy")), 8 + 1024 + 1);
	free(text);
	text = details_of((struct px_text_options){ .verbosity = 3 });
	ck_assert_ptr_nonnull(strstr(text, "    < body (5000 bytes, the rest was not kept)\n"));
	ck_assert_uint_eq(strlen(strstr(text, "        yy")), 8 + 5000 + 1);
	free(text);
}
END_TEST

#define I "\n        "	/* the next line's indent */

static const struct {
	const char *type, *body;
	bool pretty;
	const char *want;
} body_cases[] = {
	{ "application/json", "{}", true, I "{}" },
	{ "application/json", " [ ] ", true, I "[]" },
	{ "application/problem+JSON; charset=utf-8", "[1,2]", true, I "[" I "  1," I "  2" I "]" },
	{ "application/json", "[1,2]", false, I "[1,2]" },
	{ "text/plain", "[1,2]", true, I "[1,2]" },
	{ "", "[1,2]", true, I "[" I "  1," I "  2" I "]" },
	{ "application/json", "\"only a string\"", true, I "\"only a string\"" },
	{ "application/json", "{\"a\":{\"b\":[true,null,-1.5e3,{}]},\"c\":\"x\\\"}\"}", true,
	  I "{" I "  \"a\": {" I "    \"b\": [" I "      true," I "      null," I "      -1.5e3," I
	    "      {}" I "    ]" I "  }," I "  \"c\": \"x\\\"}\"" I "}" },
	{ "application/json", "{\"cut\":\"in a str", true, I "{" I "  \"cut\": \"in a str" },
	{ "application/json", "{\"cut\":\"behind a \\", true, I "{" I "  \"cut\": \"behind a \\" },
	{ "application/json", "[", true, I "[" },
	{ "application/json", "}]", true, I "}]" },	/* does not begin like JSON */
	{ "application/json", "[1]]]", true, I "[" I "  1" I "]" I "]" I "]" },
	{ "application/json", "[\"\x1b[2J\",\x7f]", true,
	  I "[" I "  \"\\x1b[2J\"," I "  \\x7f" I "]" },
	{ "application/json", "{\n\"a\" :\t1 , \"b\":2 }\r\n", true,
	  I "{" I "  \"a\": 1," I "  \"b\": 2" I "}" },
};

START_TEST(body)
{
	struct px_buf out = px_buf_of(1 << 16);

	ck_assert_int_eq(px_buf_append(&out, PX_BYTES("\n")), 0);
	ck_assert_int_eq(px_text_body(&out, px_bytes_str(body_cases[_i].body),
				      px_bytes_str(body_cases[_i].type), body_cases[_i].pretty),
			 0);
	ck_assert_uint_gt(out.len, 1);
	ck_assert_int_eq(out.ptr[out.len - 1], '\n');
	out.ptr[out.len - 1] = '\0';
	ck_assert_str_eq(out.ptr, body_cases[_i].want);
	px_buf_fini(&out);
}
END_TEST

/* Nesting deeper than anybody reads costs no more than its bytes allow. */
START_TEST(body_of_brackets)
{
	size_t n = 1 << 17;
	struct px_buf out = px_buf_of((size_t)256 << 20);
	char *text = malloc(n);

	memset(text, '[', n);
	ck_assert_int_eq(px_text_body(&out, px_bytes_of(text, n), PX_BYTES("application/json"),
				      true),
			 0);
	ck_assert_uint_le(out.len, n * 80);
	px_buf_fini(&out);
	free(text);
}
END_TEST

/* A megabyte of anything: in time, and (see details_of) harmless. */
START_TEST(hostile_megabyte)
{
	size_t n = 1 << 20;
	char *text = malloc(n), *below;
	uint64_t seed = 7;

	for (size_t i = 0; i < n; i++) {
		seed = seed * 6364136223846793005U + 1442695040888963407U;
		text[i] = (char)(seed >> 33);
	}
	if (_i == 1)
		memset(text, '\n', n);
	for (size_t i = 0; _i == 2 && i < n; i++)
		text[i] = i % 33 ? (char)('@' + (text[i] & 31)) : '\x1b'; /* passes for text */
	sample_message(&r);
	r.summary = px_bytes_of(text, n);
	px_record_str(&r, PX_F_COMM, px_bytes_of(text, 16));
	px_record_str(&r, PX_F_STATUS, px_bytes_of(text, n));
	px_record_str(&r, PX_F_ERROR, px_bytes_of(text, n));
	px_record_put_str(&r, SF_REQ_BODY, px_bytes_of(text, n));
	px_record_put_str(&r, SF_URL, px_bytes_of(text, n));
	r.raw_resp.body = px_bytes_of(text, n);
	below = details_of((struct px_text_options){ .verbosity = 3, .width = 80, .ascii = true });
	ck_assert_uint_gt(strlen(below), n);
	free(below);
	free(text);
}
END_TEST

/* --- raw bytes --- */

START_TEST(raw)
{
	sample_message(&r);
	r.raw_req.head = PX_BYTES("GET / HTTP/1.1\r\n\r\n");
	r.raw_resp.head = PX_BYTES("HTTP/1.1 200 OK\r\n\r\n");
	r.raw_resp.body = PX_BYTES("\x1b[2J\xc3\xbc \xff");
	r.raw_resp.is_cut = true;
	check_details((struct px_text_options){ .hex = true, .ascii = true },
		      "    > 18 bytes\n"
		      "        0x0000:  4745 5420 2f20 4854 5450 2f31 2e31 0d0a\n"
		      "        0x0010:  0d0a\n"
		      "    < 27 bytes, the rest was not kept\n"
		      "        0x0000:  4854 5450 2f31 2e31 2032 3030 204f 4b0d\n"
		      "        0x0010:  0a0d 0a1b 5b32 4ac3 bc20 ff\n");
	check_details((struct px_text_options){ .hex_ascii = true, .hex = true },
		      "    > 18 bytes\n"
		      "        0x0000:  4745 5420 2f20 4854 5450 2f31 2e31 0d0a  GET./.HTTP/1.1..\n"
		      "        0x0010:  0d0a                                     ..\n"
		      "    < 27 bytes, the rest was not kept\n"
		      "        0x0000:  4854 5450 2f31 2e31 2032 3030 204f 4b0d  HTTP/1.1.200.OK.\n"
		      "        0x0010:  0a0d 0a1b 5b32 4ac3 bc20 ff              ....[2J....\n");
	check_details((struct px_text_options){ .ascii = true },
		      "    > 18 bytes\n"
		      "        GET / HTTP/1.1\n"
		      "        \n"
		      "    < 27 bytes, the rest was not kept\n"
		      "        HTTP/1.1 200 OK\n"
		      "        \n"
		      "        \\x1b[2J\xc3\xbc \\xff\n");
	r.raw_req = (struct px_raw){ .is_cut = false };
	r.raw_resp = (struct px_raw){ .is_cut = false };
	check_details((struct px_text_options){ .ascii = true }, "");
}
END_TEST

START_TEST(offsets_of_long_dumps)
{
	size_t n = 0x10011;
	char *text = calloc(n, 1), *below;

	sample_message(&r);
	r.raw_req.head = px_bytes_of(text, 5);
	r.raw_req.body = px_bytes_of(text, n - 5);
	below = details_of((struct px_text_options){ .hex = true });
	ck_assert_ptr_nonnull(strstr(below, "\n        0xfff0:  0000 0000"));
	ck_assert_ptr_nonnull(strstr(below, "\n        0x10000:  0000 0000"));
	ck_assert_ptr_nonnull(strstr(below, "\n        0x10010:  00\n"));
	free(below);
	free(text);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("text_detail");
	TCase *tc = tcase_create("detail");

	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, one_v);
	tcase_add_test(tc, two_v);
	tcase_add_test(tc, common_fields_that_are_there);
	tcase_add_test(tc, close_has_a_connection_line);
	tcase_add_loop_test(tc, field, 0, PX_COUNT(field_cases));
	tcase_add_test(tc, how_much_of_a_body);
	tcase_add_loop_test(tc, body, 0, PX_COUNT(body_cases));
	tcase_add_test(tc, body_of_brackets);
	tcase_add_loop_test(tc, hostile_megabyte, 0, 3);
	tcase_add_test(tc, raw);
	tcase_add_test(tc, offsets_of_long_dumps);
	suite_add_tcase(s, tc);
	return px_suite_run(s);
}
