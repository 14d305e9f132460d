/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets that were there: listed by oneself, and by the process that looks for who may not. */
#include "capture/look.h"
#include "capture/old.h"
#include "support/suite.h"

#include <check.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAIRS 300	/* more than one message of that process holds */

static int fds[PAIRS][2];
static struct px_old old;

static void setup(void)
{
	for (size_t i = 0; i < PAIRS; i++)
		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds[i]), 0);
	old = (struct px_old){ 0 };
}

static void teardown(void)
{
	for (size_t i = 0; i < PAIRS; i++) {
		close(fds[i][0]);
		close(fds[i][1]);
	}
	px_old_fini(&old);
}

static uint64_t ino_of(int fd)
{
	struct stat st;

	ck_assert_int_eq(fstat(fd, &st), 0);
	return st.st_ino;
}

/* All that were open are old, and one that is made later is not. */
static void check_old(void)
{
	int later = socket(AF_UNIX, SOCK_STREAM, 0);

	for (size_t i = 0; i < PAIRS; i++)
		ck_assert(px_old_has(&old, ino_of(fds[i][0])) &&
			  px_old_has(&old, ino_of(fds[i][1])));
	ck_assert_int_ge(later, 0);
	ck_assert(!px_old_has(&old, ino_of(later)));
	px_old_note(&old, ino_of(later));
	ck_assert(px_old_has(&old, ino_of(later)));
	ck_assert(px_old_has(&old, ino_of(fds[0][0])));
	close(later);
}

START_TEST(by_oneself)
{
	px_old_add(&old, (uint32_t)getpid());
	check_old();
}
END_TEST

START_TEST(by_the_process_that_looks)
{
	struct px_look *l = px_look_start();
	char exe[PX_SOURCE_EXE_MAX], own[PX_SOURCE_EXE_MAX] = "";

	ck_assert_ptr_nonnull(l);
	ck_assert_int_gt(readlink("/proc/self/exe", own, sizeof(own) - 1), 0);
	for (int i = 0; i < 2; i++) {	/* and it answers again */
		ck_assert(px_look_at(l, (uint32_t)getpid(), exe, px_old_note, &old));
		ck_assert_str_eq(exe, own);
	}
	check_old();
	px_look_stop(l);
}
END_TEST

START_TEST(nobody_is_there)
{
	struct px_look *l = px_look_start();
	char exe[PX_SOURCE_EXE_MAX];

	ck_assert_ptr_nonnull(l);
	ck_assert(!px_look_at(l, 0x7ffffffe, exe, px_old_note, &old));
	ck_assert_str_eq(exe, "");
	ck_assert_uint_eq(old.count, 0);
	ck_assert(px_look_at(l, (uint32_t)getpid(), exe, px_old_note, &old));
	px_look_stop(l);
}
END_TEST

/* What could not be listed may have any number. */
START_TEST(those_that_are_missing)
{
	ck_assert(!px_old_has(&old, 1));
	old.misses = true;
	ck_assert(px_old_has(&old, 1));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("look");
	TCase *tc = tcase_create("look");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, by_oneself);
	tcase_add_test(tc, by_the_process_that_looks);
	tcase_add_test(tc, nobody_is_there);
	tcase_add_test(tc, those_that_are_missing);
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
