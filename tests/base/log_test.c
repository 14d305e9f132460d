/* SPDX-License-Identifier: Apache-2.0 */
/* What reaches standard error, and in how many writes: a datagram socket keeps them apart. */
#include "base/log.h"

#include <check.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "support/suite.h"

static int receiver = -1;

static void setup(void)
{
	int ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends), 0);
	ck_assert_int_eq(dup2(ends[0], STDERR_FILENO), STDERR_FILENO);
	receiver = ends[1];
	px_log_init(PX_LOG_NOTE);
}

/* The next write, or "" where there was none. */
static const char *written(void)
{
	static char text[10000];
	ssize_t len = recv(receiver, text, sizeof(text) - 1, 0);

	text[len > 0 ? len : 0] = '\0';
	return text;
}

START_TEST(levels)
{
	px_log(PX_LOG_NOTE, "tracing %s[%d]", "nginx", 42);
	ck_assert_str_eq(written(), "pxtrace: tracing nginx[42]\n");
	px_log(PX_LOG_DEBUG, "hidden");
	ck_assert_str_eq(written(), "");
	px_log_init(PX_LOG_DEBUG);
	px_log(PX_LOG_DEBUG, "shown");
	ck_assert_str_eq(written(), "pxtrace: shown\n");
	px_log_init(PX_LOG_ERROR);
	px_log(PX_LOG_NOTE, "hidden");
	px_log_warn_line("hidden");
	ck_assert_str_eq(written(), "");
	px_log(PX_LOG_ERROR, "shown");
	ck_assert_str_eq(written(), "pxtrace: shown\n");
}
END_TEST

START_TEST(lines)
{
	struct px_error err;

	px_log(PX_LOG_WARN, "one\ntwo\n");
	ck_assert_str_eq(written(), "pxtrace: one\npxtrace: two\n");
	ck_assert_str_eq(written(), "");
	ck_assert_int_eq(px_error_set(&err, PX_EXIT_HOST, "do that", "no %s", "way"), -1);
	px_error_print(&err);
	ck_assert_str_eq(written(), "pxtrace: no way\npxtrace: do that\n");
	px_error_set(&err, PX_EXIT_HOST, NULL, "no way");
	px_error_print(&err);
	ck_assert_str_eq(written(), "pxtrace: no way\n");
}
END_TEST

START_TEST(controls)
{
	/* NOLINTNEXTLINE(misc-misleading-bidirectional): that is what is tested */
	px_log_warn_line("a\033[2Jb\x7f\r\tc\xc2\x9b"
			 "d\xe2\x80\xae"
			 "e\xc3\xa9");
	ck_assert_str_eq(
		written(),
		"pxtrace: a\\x1b[2Jb\\x7f\\x0d\\x09c\\xc2\\x9bd\\xe2\\x80\\xaee\xc3\xa9\n");
	px_log_warn_line("cut \xe2");
	ck_assert_str_eq(written(), "pxtrace: cut \xe2\n");
}
END_TEST

START_TEST(too_long)
{
	static char text[5000];
	size_t len;
	const char *out;

	memset(text, '\x01', sizeof(text) - 1);
	px_log_warn_line(text);
	out = written();
	len = strlen(out);
	ck_assert_uint_gt(len, 4000);
	ck_assert_uint_le(len, 8192);
	ck_assert_int_eq(out[len - 1], '\n');
}
END_TEST

/* Not a terminal: no progress, no escape sequences. */
START_TEST(no_progress_in_files)
{
	px_log_progress("compiling");
	ck_assert_str_eq(written(), "");
	px_log(PX_LOG_NOTE, "x");
	ck_assert_str_eq(written(), "pxtrace: x\n");
}
END_TEST

START_TEST(closed_stderr)
{
	close(STDERR_FILENO);
	px_log(PX_LOG_ERROR, "nobody hears");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("log");
	TCase *tc = tcase_create("log");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, levels);
	tcase_add_test(tc, lines);
	tcase_add_test(tc, controls);
	tcase_add_test(tc, too_long);
	tcase_add_test(tc, no_progress_in_files);
	tcase_add_test(tc, closed_stderr);
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
