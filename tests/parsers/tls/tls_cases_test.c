/* SPDX-License-Identifier: Apache-2.0 */
/* The case files of the tls parser. */
#include "support/cases.h"
#include "support/suite.h"
#include "tls/tls.h"

#include <check.h>
#include <stdlib.h>

static const char *const files[] = {
	"parsers/tls/cases/handshake.case",
	"parsers/tls/cases/odd.case",
};

START_TEST(tls_cases)
{
	ck_assert_int_eq(px_cases_run(&px_parser_tls, files[_i]), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tls cases");
	TCase *tc = tcase_create("files");

	tcase_set_timeout(tc, 300);
	tcase_add_loop_test(tc, tls_cases, 0, (int)PX_COUNT(files));
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
