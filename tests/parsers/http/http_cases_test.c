/* SPDX-License-Identifier: Apache-2.0 */
/* The case files of the http parser. */
#include "http/http.h"
#include "support/cases.h"
#include "support/suite.h"

#include <check.h>
#include <stdlib.h>

static const char *const files[] = {
	"parsers/http/cases/framing.case",  "parsers/http/cases/limits.case",
	"parsers/http/cases/describe.case", "parsers/http/cases/content.case",
	"parsers/http/cases/redact.case",
};

START_TEST(http_cases)
{
	ck_assert_int_eq(px_cases_run(&px_parser_http, files[_i]), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("http cases");
	TCase *tc = tcase_create("files");

	tcase_set_timeout(tc, 300);
	tcase_add_loop_test(tc, http_cases, 0, (int)PX_COUNT(files));
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
