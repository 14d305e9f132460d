/* SPDX-License-Identifier: Apache-2.0 */
/* The case files of the mysql parser. */
#include "mysql/mysql.h"
#include "support/cases.h"
#include "support/suite.h"

#include <check.h>
#include <stdlib.h>

static const char *const files[] = {
	"parsers/mysql/cases/login.case",    "parsers/mysql/cases/results.case",
	"parsers/mysql/cases/prepared.case", "parsers/mysql/cases/joined.case",
	"parsers/mysql/cases/zip.case",	     "parsers/mysql/cases/real.case",
};

START_TEST(mysql_cases)
{
	ck_assert_int_eq(px_cases_run(&px_parser_mysql, files[_i]), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("mysql cases");
	TCase *tc = tcase_create("files");

	tcase_set_timeout(tc, 300);
	tcase_add_loop_test(tc, mysql_cases, 0, (int)PX_COUNT(files));
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
