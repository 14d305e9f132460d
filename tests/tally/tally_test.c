/* SPDX-License-Identifier: Apache-2.0 */
/* Percentiles against sorted values, ids in paths, and tallies that would grow without end. */
#include "support/suite.h"
#include "tally/fold.h"
#include "tally/map.h"
#include "tally/rows.h"

#include <stdio.h>

#define MANY 20000

static uint64_t seed = 88172645463325252u;

/* xorshift64: the same numbers in each run. */
static uint64_t number(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Of small and large values, evenly and unevenly spread: within 1 % of the exact one. */
START_TEST(percentiles)
{
	static const unsigned int permilles[] = { 1, 10, 500, 900, 950, 990, 999, 1000 };
	static uint64_t values[MANY];
	struct px_hist_pool pool = { 1000 };
	struct px_hist h = { .count = 0 };

	for (size_t i = 0; i < MANY; i++) {
		values[i] = _i == 0   ? number() % 1000
			    : _i == 1 ? number() >> (20 + number() % 44)
			    : _i == 2 ? 1000000 + number() % 1000
				      : i * i;
		px_hist_add(&h, &pool, values[i]);
	}
	ck_assert_uint_eq(h.count, MANY);
	qsort(values, MANY, sizeof(values[0]), compare);
	for (size_t p = 0; p < PX_COUNT(permilles); p++) {
		size_t rank = (MANY * permilles[p] + 999) / 1000;
		double exact = (double)values[rank - 1];
		double found = (double)px_hist_at(&h, permilles[p]);

		ck_assert_msg(found >= exact * 0.99 - 0.5 && found <= exact * 1.01 + 0.5,
			      "%u: %f, not %f", permilles[p], found, exact);
	}
	px_hist_fini(&h);
}
END_TEST

START_TEST(memory_ends)
{
	struct px_hist_pool pool = { 2 };
	struct px_hist h = { .count = 0 };

	ck_assert_uint_eq(px_hist_at(&h, 500), 0);
	px_hist_add(&h, &pool, 5);
	px_hist_add(&h, &pool, 1000);
	px_hist_add(&h, &pool, 100000);
	px_hist_add(&h, &pool, UINT64_MAX);
	ck_assert_uint_eq(h.count, 2);
	ck_assert_uint_eq(h.uncounted, 2);
	px_hist_fini(&h);
	pool.left = 1;
	px_hist_add(&h, &pool, UINT64_MAX); /* longer than anything: it is counted all the same */
	ck_assert_uint_eq(h.count, 1);
	ck_assert_uint_ge(px_hist_at(&h, 500), UINT64_C(1) << 46);
	px_hist_fini(&h);
}
END_TEST

/* clang-format off */
static const struct {
	const char *path, *folded;
} fold_cases[] = {
	{ "/", "/" }, { "", "" }, { "/users", "/users" }, { "/users/7", "/users/*" }, { "/users/7/", "/users/*/" },
	{ "/v1/users/42/orders/2024-01-31", "/v1/users/*/orders/*" }, { "/v1", "/v1" }, { "/page2", "/page2" },
	{ "/u/123e4567-e89b-12d3-a456-426614174000", "/u/*" }, { "/c/00c0ffee", "/c/*" },
	{ "/c/deadbeef", "/c/deadbeef" }, { "/c/0xff", "/c/0xff" }, { "/o/507f1f77bcf86cd799439011/x", "/o/*/x" },
	{ "/k/a8Zk3Lq9Tt5Yw2Bn", "/k/*" }, { "/static/app.3f2a91.js", "/static/app.3f2a91.js" },
	{ "/10.0.0.1/x", "/*/x" }, { "/sha256/md5", "/sha256/md5" }, { "7", "*" }, { "orders", "orders" },
	{ "//1//2", "//*//*" }, { "/a b/1", "/a b/*" }, { "/2023-report-for-the-board", "/2023-report-for-the-board" },
};
/* clang-format on */

START_TEST(folds)
{
	char out[PX_FOLD_MAX];
	size_t len = px_fold_path(px_bytes_str(fold_cases[_i].path), out);

	ck_assert_msg(px_bytes_eq(px_bytes_of(out, len), px_bytes_str(fold_cases[_i].folded)),
		      "%s: %.*s", fold_cases[_i].path, (int)len, out);
}
END_TEST

START_TEST(folds_long)
{
	char path[4000], out[PX_FOLD_MAX];
	size_t len;

	for (size_t at = 0; at <= sizeof(path); at += 1 + at / 8) {
		memset(path, 'x', sizeof(path));
		for (size_t i = 0; i < sizeof(path); i += at + 1)
			path[i] = '/';
		len = px_fold_path(px_bytes_of(path, sizeof(path)), out);
		ck_assert_uint_le(len, PX_FOLD_MAX);
		ck_assert(memcmp(out + len - 3, "...", 3) == 0);
	}
}
END_TEST

static struct px_record *message(int64_t ts, int64_t latency)
{
	static struct px_record r;

	px_record_clear(&r, PX_RECORD_MESSAGE);
	px_record_time(&r, ts);
	px_record_int(&r, PX_F_LATENCY_NS, latency);
	r.common[PX_F_LATENCY_NS].is_null = latency < 0;
	return &r;
}

/* More operations than there are rows for are in one row in the end, and none is forgotten. */
START_TEST(rows_end)
{
	struct px_buf text = px_buf_of(8 << 20);
	struct px_tally t;
	char name[32];
	uint64_t count = 0;

	ck_assert_int_eq(px_tally_init(&t), 0);
	for (int i = 0; i < 10000; i++) {
		struct px_bytes key[PX_TALLY_PARTS] = { PX_BYTES("http"), PX_BYTES("client") };

		snprintf(name, sizeof(name), "/x%d/y", i);
		key[4] = px_bytes_str(name);
		px_tally_add(&t, key, message(i, i % 7 ? i : -1), 10, 20);
	}
	px_tally_sort(&t);
	ck_assert_uint_eq(t.count, PX_TALLY_ROWS_MAX + 1);
	for (size_t i = 0; i < t.count; i++)
		count += t.rows[i]->count;
	ck_assert_uint_eq(count, 10000);
	ck_assert_uint_eq(t.left_out, 0);
	ck_assert(px_bytes_eq(t.rows[0]->part[4], PX_BYTES("(others)")));
	ck_assert_uint_eq(t.rows[0]->req_bytes, 10 * (10000 - PX_TALLY_ROWS_MAX));
	for (size_t i = 1; i < t.count; i++)
		ck_assert_uint_ge(t.rows[i - 1]->total_ns, t.rows[i]->total_ns);
	/* Rows are found where sorting has put them. */
	px_tally_add(&t,
		     (struct px_bytes[PX_TALLY_PARTS]){
			     PX_BYTES("http"), PX_BYTES("client"), [4] = PX_BYTES("/x5/y") },
		     message(5, 5), 0, 0);
	ck_assert_uint_eq(t.count, PX_TALLY_ROWS_MAX + 1);
	ck_assert_int_eq(px_rows_print(&text, &t, 0, 0), 0);
	px_buf_fini(&text);
	px_tally_fini(&t);
}
END_TEST

/* A name of the peer's making ends no quotes and is no terminal code. */
START_TEST(hostile_names)
{
	static const char name[] = "a\"]; x\\\n\033[31m<b>&#";
	struct px_bytes key[PX_TALLY_PARTS] = { PX_BYTES("http"), PX_BYTES("client"),
						px_bytes_str(name), PX_BYTES("1.2.3.4:80") };
	struct px_buf text = px_buf_of(1 << 16);
	struct px_tally t;

	ck_assert_int_eq(px_tally_init(&t), 0);
	px_tally_add(&t, key, message(1, 1), 0, 0);
	for (int is_dot = 0; is_dot < 2; is_dot++) {
		const char *want = is_dot ? "label=\"a\\\"]; x\\\\\\\\n\\\\x1b[31m<b>&#\" shape=box"
					  : "[\"a#34;]; x\\\\n\\x1b[31m#60;b#62;#38;#35;\"]";

		text.len = 0;
		ck_assert_int_eq(px_map_print(&text, &t, is_dot, 0), 0);
		ck_assert_int_eq(px_buf_append(&text, px_bytes_of("", 1)), 0);
		ck_assert_msg(strstr(text.ptr, want), "%s: %s", want, text.ptr);
		ck_assert_ptr_null(strchr(text.ptr, '\033'));
	}
	text.len = 0;
	ck_assert_int_eq(px_rows_print(&text, &t, 0, 0), 0);
	ck_assert_ptr_null(memchr(text.ptr, '\033', text.len));
	px_buf_fini(&text);
	px_tally_fini(&t);
}
END_TEST

/* Peer and operation share what the numbers leave: one has what the other does not need. */
START_TEST(narrow)
{
	static const struct {
		const char *peer, *target, *shown;
	} cases[] = {
		{ "unix:/run/some/where/deep/app.sock", "/v1/orders/of/the/customer/here",
		  "unix:/run/some/… GET /v1/orders/…\n" },
		{ "10.0.0.1:80", "/v1/orders/of/the/customer/here",
		  "10.0.0.1:80 GET /v1/orders/of/th…\n" },
		{ "unix:/run/some/where/deep/app.sock", "/x", "unix:/run/some/where/d… GET /x\n" },
		{ "10.0.0.1:80", "/x", "client 10.0.0.1:80 GET /x\n" },
	};

	for (size_t i = 0; i < PX_COUNT(cases); i++) {
		struct px_bytes key[PX_TALLY_PARTS] = { PX_BYTES("http"), PX_BYTES("client"),
							px_bytes_str(cases[i].peer),
							PX_BYTES("GET"),
							px_bytes_str(cases[i].target) };
		struct px_buf text = px_buf_of(1 << 16);
		struct px_tally t;

		ck_assert_int_eq(px_tally_init(&t), 0);
		px_tally_add(&t, key, message(1, 1), 0, 0);
		ck_assert_int_eq(px_rows_print(&text, &t, 0, 80), 0);
		ck_assert_int_eq(px_buf_append(&text, px_bytes_of("", 1)), 0);
		ck_assert_msg(strstr(text.ptr, cases[i].shown), "%s", text.ptr);
		px_buf_fini(&text);
		px_tally_fini(&t);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tally");
	TCase *tc = tcase_create("tally");

	tcase_add_loop_test(tc, percentiles, 0, 4);
	tcase_add_test(tc, memory_ends);
	tcase_add_loop_test(tc, folds, 0, (int)PX_COUNT(fold_cases));
	tcase_add_test(tc, folds_long);
	tcase_add_test(tc, rows_end);
	tcase_add_test(tc, hostile_names);
	tcase_add_test(tc, narrow);
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
