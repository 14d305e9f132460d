/* SPDX-License-Identifier: Apache-2.0 */
/* Output files: private, and nobody else's file is written over. */
#include "base/file.h"
#include "support/suite.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/pxfile.XXXXXX";
static char path[64], other[64];

static void put(const char *to, mode_t mode)
{
	int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC, mode);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, "precious", 8), 8);
	close(fd);
}

static void check_precious(const char *at)
{
	struct stat st;

	ck_assert_int_eq(stat(at, &st), 0);
	ck_assert_int_eq(st.st_size, 8);
}

START_TEST(new_and_own)
{
	struct px_error err;
	struct stat st;
	int fd = px_file_create(path, &err);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(px_file_write(fd, PX_BYTES("hello")), 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	ck_assert_int_eq(st.st_size, 5);
	ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
	close(fd);
	/* Our own file is emptied and keeps its mode. */
	ck_assert_int_eq(chmod(path, 0644), 0);
	fd = px_file_create(path, &err);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(st.st_size, 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0644);
	close(fd);
}
END_TEST

START_TEST(links)
{
	struct px_error err;

	put(other, 0600);
	ck_assert_int_eq(symlink(other, path), 0);
	ck_assert_int_eq(px_file_create(path, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.cause, "is a symbolic link"));
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(link(other, path), 0);
	ck_assert_int_eq(px_file_create(path, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.cause, "more than one name"));
	check_precious(other);
}
END_TEST

START_TEST(of_others)
{
	struct px_error err;
	struct stat st;
	int fd;

	if (geteuid() != 0)
		return; /* only root can make a file of another user */
	put(path, 0666);
	ck_assert_int_eq(chown(path, 12345, 12345), 0);
	unsetenv("SUDO_UID");
	ck_assert_int_eq(px_file_create(path, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.cause, "belongs to another user"));
	check_precious(path);
	/*
	 * The user behind sudo may have their own file replaced, and gets new ones in their own
	 * folder.
	 */
	setenv("SUDO_UID", "12345", 1);
	setenv("SUDO_GID", "12345", 1);
	fd = px_file_create(path, &err);
	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(unlink(path), 0);
	close(px_file_create(path, &err));
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_uid, 0);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(chown(dir, 12345, 12345), 0);
	close(px_file_create(path, &err));
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_uid, 12345);
}
END_TEST

START_TEST(devices_and_folders)
{
	struct px_error err;
	int fd = px_file_create("/dev/null", &err);

	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(px_file_create(dir, &err), -1);
	ck_assert_int_eq(px_file_create("/nonexistent/x", &err), -1);
	ck_assert_str_eq(err.cause, "/nonexistent/x: No such file or directory");
	ck_assert_int_eq(err.code, PX_EXIT_FAILED);
	fd = px_file_create("-", &err);
	ck_assert_int_gt(fd, 2);
	close(fd);
}
END_TEST

static void setup(void)
{
	strcpy(dir, "/tmp/pxfile.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/file", dir);
	snprintf(other, sizeof(other), "%s/other", dir);
}

static void teardown(void)
{
	unlink(path);
	unlink(other);
	rmdir(dir);
}

int main(void)
{
	Suite *suite = suite_create("file");
	TCase *tc = tcase_create("file");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, new_and_own);
	tcase_add_test(tc, links);
	tcase_add_test(tc, of_others);
	tcase_add_test(tc, devices_and_folders);
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
