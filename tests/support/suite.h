/* SPDX-License-Identifier: Apache-2.0 */
/* What the end of each test program's main() does: runs a suite of Check. */
#ifndef PX_TESTS_SUPPORT_SUITE_H
#define PX_TESTS_SUPPORT_SUITE_H

#include <check.h>
#include <stdlib.h>

/* Runs and frees the suite. Returns EXIT_SUCCESS, or EXIT_FAILURE when a test failed. */
static inline int px_suite_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
