/* SPDX-License-Identifier: Apache-2.0 */
/* The case files of the redis parser. */
#include "redis/redis.h"
#include "support/cases.h"
#include "support/suite.h"

#include <check.h>

static const char *const files[] = {
	"parsers/redis/cases/values.case", "parsers/redis/cases/pairs.case",
	"parsers/redis/cases/pushed.case", "parsers/redis/cases/redact.case",
	"parsers/redis/cases/limits.case",
};

START_TEST(redis_cases)
{
	ck_assert_int_eq(px_cases_run(&px_parser_redis, files[_i]), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("redis cases");
	TCase *tc = tcase_create("files");

	tcase_set_timeout(tc, 300);
	tcase_add_loop_test(tc, redis_cases, 0, (int)PX_COUNT(files));
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
