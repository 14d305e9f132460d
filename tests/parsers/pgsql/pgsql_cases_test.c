/* SPDX-License-Identifier: Apache-2.0 */
/* The case files of the pgsql parser. */
#include "pgsql/pgsql.h"
#include "support/cases.h"
#include "support/suite.h"

static const char *const files[] = {
	"parsers/pgsql/cases/start.case",
	"parsers/pgsql/cases/query.case",
	"parsers/pgsql/cases/extended.case",
	"parsers/pgsql/cases/limits.case", "parsers/pgsql/cases/redact.case",
};

START_TEST(pgsql_cases)
{
	ck_assert_int_eq(px_cases_run(&px_parser_pgsql, files[_i]), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pgsql cases");
	TCase *tc = tcase_create("files");

	tcase_set_timeout(tc, 300);
	tcase_add_loop_test(tc, pgsql_cases, 0, (int)PX_COUNT(files));
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
