/* SPDX-License-Identifier: Apache-2.0 */
/* What is left of a process that gave up what it does not need. */
#include "cli/privilege.h"
#include "support/suite.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define BPF (UINT64_C(1) << 39)

static uint64_t status_number(const char *name, int base)
{
	char line[256];
	uint64_t value = UINT64_MAX;
	FILE *f = fopen("/proc/thread-self/status", "re");

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f))
		if (strncmp(line, name, strlen(name)) == 0)
			value = strtoull(line + strlen(name) + 1, NULL, base);
	fclose(f);
	return value;
}

START_TEST(drop)
{
	uint64_t before = status_number("CapEff", 16);
	struct rlimit core;

	ck_assert_int_eq(px_privilege_drop(0), 0);
	ck_assert_uint_eq(status_number("NoNewPrivs", 10), 1);
	ck_assert_uint_eq(status_number("CapEff", 16), before & BPF);
	ck_assert_uint_eq(status_number("CapPrm", 16) & ~BPF, 0);
	ck_assert_uint_eq(status_number("CapInh", 16), 0);
	ck_assert_int_eq(getrlimit(RLIMIT_CORE, &core), 0);
	ck_assert_uint_eq(core.rlim_max, 0);
	/* A second time changes nothing. */
	ck_assert_int_eq(px_privilege_drop(0), 0);
	ck_assert_uint_eq(status_number("CapEff", 16), before & BPF);
}
END_TEST

START_TEST(keep)
{
	uint64_t before = status_number("CapEff", 16);

	ck_assert_int_eq(px_privilege_drop(PX_KEEP_KILL), 0);
	ck_assert_uint_eq(status_number("CapEff", 16),
			  before & (BPF | UINT64_C(1) << 5 /* CAP_KILL */));
}
END_TEST

/* Files of others, which root may read by a capability alone. */
START_TEST(files)
{
	char path[] = "/tmp/pxtrace-privilege-XXXXXX";
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	close(fd);
	if (geteuid() == 0) {
		ck_assert_int_eq(chown(path, 65534, 65534), 0);
		ck_assert_int_eq(px_privilege_drop(0), 0);
		ck_assert_int_eq(open(path, O_RDONLY | O_CLOEXEC), -1);
		ck_assert_int_eq(errno, EACCES);
	}
	(void)unlink(path);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("privilege");
	TCase *tc = tcase_create("privilege");

	tcase_add_test(tc, drop);
	tcase_add_test(tc, keep);
	tcase_add_test(tc, files);
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
