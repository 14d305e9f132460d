/* SPDX-License-Identifier: Apache-2.0 */
/* The case files of the dns parser. */
#include "dns/dns.h"
#include "support/cases.h"
#include "support/suite.h"

#include <check.h>

static const char *const files[] = {
	"parsers/dns/cases/types.case",
	"parsers/dns/cases/messages.case",
	"parsers/dns/cases/datagrams.case",
};

START_TEST(dns_cases)
{
	ck_assert_int_eq(px_cases_run(&px_parser_dns, files[_i]), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dns cases");
	TCase *tc = tcase_create("files");

	tcase_set_timeout(tc, 300);
	tcase_add_loop_test(tc, dns_cases, 0, (int)PX_COUNT(files));
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
