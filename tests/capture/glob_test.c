/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns for names, compared with fnmatch() where both mean the same. */
#include <check.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>

#include "capture/container.h"
#include "capture/glob.h"
#include "support/suite.h"

static const char *const patterns[] = {
	"nginx",     "n*",    "*",    "*x",   "n*x",  "n?inx",	"?????", "*g*n*",
	"[m-o]ginx", "[!a]*", "a**b", "[]]x", "[a-]", "*[0-9]", "\\*",	 "n\\?",
};
static const char *const names[] = {
	"",    "n",	"x",  "nginx", "nginy", "anginx",      "nginxa", "ab", "aab",
	"abb", "axxxb", "]x", "a",     "-",	"kworker/0:1", "*",	 "n?", "nn",
};

START_TEST(as_fnmatch)
{
	struct px_glob g = { 0 };

	ck_assert_int_eq(px_glob_add(&g, patterns[_i]), 0);
	for (size_t i = 0; i < PX_COUNT(names); i++)
		ck_assert_msg(px_glob_matches(&g, names[i]) ==
				      (fnmatch(patterns[_i], names[i], 0) == 0),
			      "%s %s", patterns[_i], names[i]);
}
END_TEST

/* Any of several; a name must not begin in one pattern and end in the next. */
START_TEST(several)
{
	struct px_glob g = { 0 };

	ck_assert_int_eq(px_glob_add(&g, "ab"), 0);
	ck_assert_int_eq(px_glob_add(&g, "cd*"), 0);
	ck_assert_int_eq(px_glob_add(&g, "*ef"), 0);
	ck_assert(px_glob_matches(&g, "ab") && px_glob_matches(&g, "cdx") &&
		  px_glob_matches(&g, "xef"));
	ck_assert(!px_glob_matches(&g, "abcd") && !px_glob_matches(&g, "acd") &&
		  !px_glob_matches(&g, "efx"));
}
END_TEST

START_TEST(refused)
{
	struct px_glob g = { 0 };

	ck_assert_int_eq(px_glob_add(&g, ""), -EINVAL);
	ck_assert_int_eq(px_glob_add(&g, "[ab"), -EINVAL);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(px_glob_add(&g, "fifteen-letters"), 0);
	ck_assert_int_eq(px_glob_add(&g, "x"), -ENOBUFS);
	ck_assert(px_glob_matches(&g, "fifteen-letters") && !px_glob_matches(&g, "x"));
}
END_TEST

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

START_TEST(containers)
{
	ck_assert(px_container_is_group("docker-" ID ".scope", "0123", NULL));
	ck_assert(px_container_is_group("libpod-" ID ".scope", ID, NULL));
	ck_assert(px_container_is_group("cri-containerd-" ID ".scope", "0123456789ab", NULL));
	ck_assert(px_container_is_group("crio-" ID, "0123", NULL));
	ck_assert(px_container_is_group(ID, "0123", NULL));
	ck_assert(px_container_is_group("lxc.payload.web", NULL, "web"));
	ck_assert(px_container_is_group("machine-web.scope", NULL, "web"));
	ck_assert(!px_container_is_group("libpod-conmon-" ID ".scope", "0123", NULL));
	ck_assert(!px_container_is_group("docker-" ID ".scope", "123", NULL));
	ck_assert(!px_container_is_group("user-1000.slice", "1000", "1000"));
	ck_assert(!px_container_is_group("machine-webs.scope", NULL, "web"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("glob");
	TCase *tc = tcase_create("glob");

	suite_add_tcase(s, tc);
	tcase_add_loop_test(tc, as_fnmatch, 0, (int)PX_COUNT(patterns));
	tcase_add_test(tc, several);
	tcase_add_test(tc, refused);
	tcase_add_test(tc, containers);
	return px_suite_run(s);
}
