/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory runs out while a parser of the registry reads its cases: each allocation that parse() and
 * describe() cause fails once, and pools are made smaller step by step. Nothing may break, no
 * secret may get out, and no call may ask for more than a connection is worth.
 */
#include "support/armed.h"
#include "support/every.h"
#include "support/suite.h"

#include <stdlib.h>

#define POOL (4 << 20)
#define CASE_MAX 4000 /* bytes */
#define LARGEST (4 << 20) /* bytes, of one allocation */
#define TRIES_MAX 400 /* allocations of a case that fail, one each time */

static struct px_buf text;

static void feed(const struct px_parser *parser, const struct px_case *c, size_t frame_pool,
		 size_t record_pool)
{
	struct px_case_feed how = px_case_whole;
	struct px_parser armed = px_arm(parser);
	const char *broken, *shown;

	how.frame_pool = frame_pool;
	how.record_pool = record_pool;
	text.len = 0;
	broken = px_case_feed(&armed, c, &how, &text);
	ck_assert_msg(!broken, "%s, %s, pools %zu %zu, failing %ld: %s", parser->name, c->name,
		      frame_pool, record_pool, px_oom.fail_at, broken);
	shown = px_case_shown(c, px_buf_bytes(&text));
	ck_assert_msg(!shown, "%s, %s, pools %zu %zu, failing %ld: %s in\n%.*s", parser->name,
		      c->name, frame_pool, record_pool, px_oom.fail_at, shown, (int)text.len,
		      text.ptr);
	ck_assert_msg(px_oom.largest <= LARGEST, "%s, %s: %zu bytes in one", parser->name, c->name,
		      px_oom.largest);
}

static void fail_each(const struct px_parser *parser, const struct px_case *c)
{
	for (px_oom.fail_at = 0; px_oom.fail_at < TRIES_MAX; px_oom.fail_at++) {
		feed(parser, c, POOL, POOL);
		if (px_oom.allocations <= px_oom.fail_at)
			break;
	}
	px_oom.fail_at = -1;
}

static void shrink(const struct px_parser *parser, const struct px_case *c)
{
	for (size_t pool = 0; pool < 40000; pool += pool / 8 + 256) {
		feed(parser, c, pool, POOL);
		feed(parser, c, POOL, pool);
	}
}

START_TEST(each_allocation_fails)
{
	px_every_case(_i, CASE_MAX, fail_each);
}
END_TEST

START_TEST(pools_run_out)
{
	px_every_case(_i, CASE_MAX, shrink);
}
END_TEST

static void setup(void)
{
	text = px_buf_of(64 << 20);
	px_oom.fail_at = -1;
}

static void teardown(void)
{
	px_buf_fini(&text);
}

int main(void)
{
	Suite *suite = suite_create("out of memory");
	TCase *tc = tcase_create("every parser");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, each_allocation_fails, 0, px_every_count());
	tcase_add_loop_test(tc, pools_run_out, 0, px_every_count());
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
