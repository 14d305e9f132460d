/* SPDX-License-Identifier: Apache-2.0 */
/* Colours and width, on a pseudo terminal and on a pipe. */
#include "cli/term.h"
#include "support/suite.h"

#include <check.h>
#include <pty.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int tty = -1, pipe_end = -1;

static void setup(void)
{
	struct winsize size = { .ws_row = 24, .ws_col = 132 };
	int ends[2], master;

	ck_assert_int_eq(openpty(&master, &tty, NULL, NULL, &size), 0);
	ck_assert_int_eq(pipe(ends), 0);
	pipe_end = ends[1];
	unsetenv("NO_COLOR");
	unsetenv("CLICOLOR_FORCE");
	unsetenv("COLUMNS");
	setenv("TERM", "xterm", 1);
}

START_TEST(color)
{
	ck_assert(px_term_color(PX_COLOR_OPTION_AUTO, tty));
	ck_assert(!px_term_color(PX_COLOR_OPTION_AUTO, pipe_end));
	ck_assert(px_term_color(PX_COLOR_OPTION_ALWAYS, pipe_end));
	ck_assert(!px_term_color(PX_COLOR_OPTION_NEVER, tty));

	setenv("TERM", "dumb", 1);
	ck_assert(!px_term_color(PX_COLOR_OPTION_AUTO, tty));
	setenv("CLICOLOR_FORCE", "1", 1);
	ck_assert(px_term_color(PX_COLOR_OPTION_AUTO, pipe_end));
	ck_assert(!px_term_color(PX_COLOR_OPTION_NEVER, tty));
	setenv("CLICOLOR_FORCE", "0", 1);
	ck_assert(!px_term_color(PX_COLOR_OPTION_AUTO, pipe_end));
	setenv("CLICOLOR_FORCE", "1", 1);
	setenv("NO_COLOR", "", 1);
	ck_assert(px_term_color(PX_COLOR_OPTION_AUTO, pipe_end));
	setenv("NO_COLOR", "1", 1);
	ck_assert(!px_term_color(PX_COLOR_OPTION_AUTO, tty));
	ck_assert(px_term_color(PX_COLOR_OPTION_ALWAYS, tty));
	unsetenv("TERM");
	unsetenv("NO_COLOR");
	unsetenv("CLICOLOR_FORCE");
	ck_assert(!px_term_color(PX_COLOR_OPTION_AUTO, tty));
}
END_TEST

START_TEST(width)
{
	struct winsize unknown = { 0 };

	ck_assert_uint_eq(px_term_width(tty), 132);
	ck_assert_uint_eq(px_term_width(pipe_end), 0);
	ck_assert_int_eq(ioctl(tty, TIOCSWINSZ, &unknown), 0);
	ck_assert_uint_eq(px_term_width(tty), 80);
	setenv("COLUMNS", "200", 1);
	ck_assert_uint_eq(px_term_width(tty), 200);
	setenv("COLUMNS", "wide", 1);
	ck_assert_uint_eq(px_term_width(tty), 80);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("term");
	TCase *tc = tcase_create("term");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, color);
	tcase_add_test(tc, width);
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
