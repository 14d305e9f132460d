/* SPDX-License-Identifier: Apache-2.0 */
#include "record/record.h"
#include "support/suite.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Small stand-in for a protocol's table. */
static const struct px_field answer_members[] = {
	{ "name", PX_TYPE_STR, .help = "owner" },
	{ "ttl", PX_TYPE_INT, .unit = "s", .help = "life" },
	{ .type = PX_TYPE_NONE },
};
static const struct px_field fields[] = {
	{ "method", PX_TYPE_STR, PX_SIDE_REQ, NULL, "how" },
	{ "headers", PX_TYPE_MAP, PX_SIDE_REQ, NULL, "request headers" },
	{ "bytes", PX_TYPE_INT, PX_SIDE_REQ, "bytes", "size of the request" },
	{ "status_code", PX_TYPE_INT, PX_SIDE_RESP, NULL, "outcome" },
	{ "bytes", PX_TYPE_INT, PX_SIDE_RESP, "bytes", "size of the response" },
	{ "ok_rows", PX_TYPE_INT, PX_SIDE_RESP, NULL, "rows" },
	{ "answers", PX_TYPE_OBJECTS, PX_SIDE_RESP, NULL, "records", answer_members },
	{ .type = PX_TYPE_NONE },
};

START_TEST(clear_leaves_type_and_ok)
{
	static struct px_record r;
	struct px_arena_pool pool;
	struct px_arena arena;

	px_arena_pool_init(&pool, 1 << 20);
	px_arena_init(&arena, &pool, 1 << 20);
	r.arena = &arena;
	r.want_summary = true;
	r.no_redact = true;
	r.redact_literals = true;
	ck_assert_ptr_nonnull(px_arena_alloc(&arena, 100));
	px_record_int(&r, PX_F_PID, 1);
	px_record_put_int(&r, 2, 1);
	px_record_flags(&r, PX_FLAG_GAP);
	r.fields = fields;
	r.has_req = r.has_resp = true;
	r.summary = PX_BYTES("x");
	r.raw_req.head = PX_BYTES("x");
	r.raw_resp.is_cut = true;
	px_record_clear(&r, PX_RECORD_LOST);
	ck_assert_int_eq(r.type, PX_RECORD_LOST);
	ck_assert_uint_eq(r.has_common, (uint64_t)1 << PX_F_TYPE | (uint64_t)1 << PX_F_OK);
	ck_assert(px_bytes_eq(r.common[PX_F_TYPE].s, PX_BYTES("lost")));
	ck_assert(r.common[PX_F_OK].b);
	ck_assert_uint_eq(r.has_proto, 0);
	ck_assert_ptr_null(r.fields);
	ck_assert(!r.has_req && !r.has_resp && !r.raw_resp.is_cut);
	ck_assert_uint_eq(r.summary.len + r.raw_req.head.len + r.flags, 0);
	ck_assert_uint_eq(arena.held, 0);
	ck_assert(r.want_summary && r.no_redact && r.redact_literals && r.arena == &arena);
	px_arena_pool_fini(&pool);
}
END_TEST

static const struct {
	unsigned int flags;
	const char *names;
} flag_cases[] = {
	{ 0, "" },
	{ PX_FLAG_TRUNCATED, "truncated " },
	{ PX_FLAG_MID_STREAM | PX_FLAG_GAP, "mid_stream gap " },
	{ PX_FLAG_REDACTED | PX_FLAG_ABORTED | PX_FLAG_NOREPLY | PX_FLAG_UNPAIRED,
	  "aborted noreply unpaired redacted " },
	{ 0x7f, "truncated aborted mid_stream gap noreply unpaired redacted " },
	{ 0x80, "" },
};

START_TEST(flags_by_name)
{
	static struct px_record r;
	char text[128] = "";
	size_t used = 0;
	const struct px_value *v = &r.common[PX_F_FLAGS];

	px_record_clear(&r, PX_RECORD_MESSAGE);
	px_record_flags(&r, flag_cases[_i].flags);
	ck_assert(px_record_has(&r, PX_F_FLAGS));
	for (size_t i = 0; i < v->list.count; i++) {
		snprintf(text + used, sizeof(text) - used, "%.*s ", (int)v->list.items[i].len,
			 v->list.items[i].ptr);
		used = strlen(text);
	}
	ck_assert_str_eq(text, flag_cases[_i].names);
	ck_assert_uint_eq(r.flags, flag_cases[_i].flags & 0x7f);
}
END_TEST

START_TEST(time_in_both_units)
{
	static struct px_record r;

	px_record_clear(&r, PX_RECORD_NOTE);
	px_record_time(&r, INT64_C(1714979289123456789));
	ck_assert_int_eq(r.common[PX_F_TS].i, INT64_C(1714979289123456789));
	ck_assert_int_eq(r.common[PX_F_TS_US].i, INT64_C(1714979289123456));
}
END_TEST

START_TEST(get_only_what_is_there)
{
	static struct px_record r;
	static const struct px_field other[] = { { "method", PX_TYPE_STR, PX_SIDE_REQ, NULL, "x" },
						 { .type = PX_TYPE_NONE } };
	struct px_field_ref common, own, foreign;

	ck_assert(px_field_find(PX_BYTES("pid"), fields, &common));
	ck_assert(px_field_find(PX_BYTES("method"), fields, &own));
	ck_assert(px_field_find(PX_BYTES("method"), other, &foreign));
	px_record_clear(&r, PX_RECORD_MESSAGE);
	r.fields = fields;
	ck_assert_ptr_null(px_record_get(&r, &common));
	ck_assert_ptr_null(px_record_get(&r, &own));
	px_record_int(&r, PX_F_PID, 7);
	px_record_put_str(&r, 0, PX_BYTES("GET"));
	ck_assert_int_eq(px_record_get(&r, &common)->i, 7);
	ck_assert(px_bytes_eq(px_record_get(&r, &own)->s, PX_BYTES("GET")));
	ck_assert_ptr_null(px_record_get(&r, &foreign));
}
END_TEST

/* index -1: there is no such field; common ones are told by common */
static const struct {
	const char *name;
	int index;
	bool common;
	const char *member;
} find_cases[] = {
	{ "status", PX_F_STATUS, true, "" },
	{ "type", PX_F_TYPE, true, "" },
	{ "req.method", 0, false, "" },
	{ "req_method", 0, false, "" },
	{ "method", 0, false, "" },
	{ "bytes", PX_F_BYTES, true, "" },	/* the common key wins */
	{ "req.bytes", 2, false, "" },
	{ "resp_bytes", 4, false, "" },
	{ "status_code", 3, false, "" },
	{ "resp.ok_rows", 5, false, "" },
	{ "req.headers", 1, false, "" },
	{ "req.headers.host", 1, false, "host" },
	{ "req_headers.x-a.b", 1, false, "x-a.b" },
	{ "headers.host", 1, false, "host" },
	{ "headers.", -1, false, "" },
	{ "resp.answers", 6, false, "" },
	{ "resp.answers.ttl", 6, false, "ttl" },
	{ "answers.name", 6, false, "name" },
	{ "answers.nosuch", -1, false, "" },
	{ "method.x", -1, false, "" },		/* not a map */
	{ "resp.method", -1, false, "" },
	{ "req.status_code", -1, false, "" },
	{ "req.", -1, false, "" },
	{ "req", -1, false, "" },
	{ "", -1, false, "" },
	{ "nosuch", -1, false, "" },
	{ "Status", -1, false, "" },
};

START_TEST(find_by_name)
{
	struct px_field_ref ref = { .index = 999 };
	bool found = px_field_find(px_bytes_str(find_cases[_i].name), fields, &ref);

	ck_assert_int_eq(found, find_cases[_i].index >= 0);
	if (!found) {
		ck_assert_uint_eq(ref.index, 999);
		return;
	}
	ck_assert_int_eq((int)ref.index, find_cases[_i].index);
	ck_assert_int_eq(ref.is_common, find_cases[_i].common);
	ck_assert_ptr_eq(ref.field,
			 find_cases[_i].common ? &px_common_fields[ref.index] : &fields[ref.index]);
	ck_assert(px_bytes_eq(ref.member, px_bytes_str(find_cases[_i].member)));
}
END_TEST

START_TEST(find_without_a_protocol)
{
	struct px_field_ref ref;

	ck_assert(px_field_find(PX_BYTES("comm"), NULL, &ref));
	ck_assert(!px_field_find(PX_BYTES("req.method"), NULL, &ref));
}
END_TEST

START_TEST(registry_is_complete)
{
	for (size_t i = 0; i < PX_COMMON_COUNT; i++) {
		const struct px_field *f = &px_common_fields[i];

		ck_assert_ptr_nonnull(f->name);
		ck_assert_int_ne(f->type, PX_TYPE_NONE);
		ck_assert_int_eq(f->side, PX_SIDE_COMMON);
		ck_assert_uint_gt(strlen(f->help), 0);
		ck_assert_int_ne(f->help[strlen(f->help) - 1], '.');
		/* A quantity says in its name what it is counted in. */
		if (strlen(f->name) > 3 && strcmp(f->name + strlen(f->name) - 3, "_ns") == 0)
			ck_assert_str_eq(f->unit, "ns");
		for (size_t j = 0; j < i; j++)
			ck_assert_str_ne(f->name, px_common_fields[j].name);
	}
	ck_assert_int_eq(px_common_fields[PX_COMMON_COUNT].type, PX_TYPE_NONE);
}
END_TEST

START_TEST(list_of_fields)
{
	static const struct px_field_group group = { "sample", fields };
	struct px_buf out = px_buf_of(1 << 16);

	ck_assert_int_eq(px_fields_print(&out, &group, 1), 0);
	ck_assert_int_eq(px_buf_append(&out, PX_BYTES("\0")), 0);
	ck_assert_ptr_nonnull(
		strstr(out.ptr,
		       "\nlatency_ns                 int      ns     first request byte to last"));
	ck_assert_ptr_nonnull(
		strstr(out.ptr, "\n\nsample\nreq.method                 string   -      how\n"
				"req.headers                map      -      request headers\n"
				"req.bytes                  int      bytes  size of the request\n"
				"resp.status_code           int      -      outcome\n"));
	ck_assert_ptr_nonnull(strstr(out.ptr, "resp.answers               objects  -      records\n"
					      "resp.answers.name          string   -      owner\n"
					      "resp.answers.ttl           int      s      life\n"));
	px_buf_fini(&out);
	out = px_buf_of(100);
	ck_assert_int_eq(px_fields_print(&out, &group, 1), -ENOBUFS);
	px_buf_fini(&out);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("record");
	TCase *tc = tcase_create("record");

	tcase_add_test(tc, clear_leaves_type_and_ok);
	tcase_add_loop_test(tc, flags_by_name, 0, PX_COUNT(flag_cases));
	tcase_add_test(tc, time_in_both_units);
	tcase_add_test(tc, get_only_what_is_there);
	tcase_add_loop_test(tc, find_by_name, 0, PX_COUNT(find_cases));
	tcase_add_test(tc, find_without_a_protocol);
	tcase_add_test(tc, registry_is_complete);
	tcase_add_test(tc, list_of_fields);
	suite_add_tcase(s, tc);
	return px_suite_run(s);
}
