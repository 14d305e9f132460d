/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns for names, compared with fnmatch() where both mean the same; control groups. */
#include <check.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>

#include "capture/container.h"
#include "capture/glob.h"
#include "capture/whose.h"
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

static void expect_place(const char *text, const char *cgroup, const char *unit,
			 const char *container)
{
	struct px_whose_place p = { .exe = PX_BYTES("") };

	px_whose_read(px_bytes_str(text), &p);
	ck_assert(px_bytes_eq(p.cgroup, px_bytes_str(cgroup)));
	ck_assert(px_bytes_eq(p.unit, px_bytes_str(unit)));
	ck_assert(px_bytes_eq(p.container, px_bytes_str(container)));
}

START_TEST(places)
{
	expect_place("0::/system.slice/nginx.service\n", "/system.slice/nginx.service",
		     "nginx.service", "");
	expect_place("0::/a.service/inner", "/a.service/inner", "a.service", "");
	expect_place("0::/user.slice/user@7.service/app.slice/vte-1.scope\n",
		     "/user.slice/user@7.service/app.slice/vte-1.scope", "vte-1.scope", "");
	expect_place("0::/system.slice/docker-" ID ".scope\n", "/system.slice/docker-" ID ".scope",
		     "", ID);
	expect_place("0::/docker-" ID ".scope/system.slice/web.service\n",
		     "/docker-" ID ".scope/system.slice/web.service", "web.service", ID);
	expect_place("0::/machine.slice/machine-web.scope/payload\n",
		     "/machine.slice/machine-web.scope/payload", "", "web");
	/* both versions: systemd's own hierarchy where the second has but its root */
	expect_place("5:cpu,cpuacct:/other\n1:name=systemd:/x.service\n0::/\n", "/x.service",
		     "x.service", "");
	expect_place("1:name=systemd:/x.service\n0::/y.service\n", "/y.service", "y.service", "");
	expect_place("0::/\n", "", "", "");
	expect_place("", "", "", "");
	expect_place("0::", "", "", "");
	expect_place(":\n::\n0:", "", "", "");
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
	tcase_add_test(tc, places);
	return px_suite_run(s);
}
