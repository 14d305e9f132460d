/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * The user behind sudo; false where there is none, or where we are not root and so could not act
 * for them anyway.
 */
static bool file_sudo_user(uid_t *uid, gid_t *gid)
{
	const char *u = getenv("SUDO_UID"), *g = getenv("SUDO_GID");
	char *end;
	unsigned long n;

	if (geteuid() != 0 || !u || !g || !*u || !*g)
		return false;
	errno = 0;
	n = strtoul(u, &end, 10);
	if (errno || *end || n >= UINT32_MAX)
		return false;
	*uid = (uid_t)n;
	n = strtoul(g, &end, 10);
	if (errno || *end || n >= UINT32_MAX)
		return false;
	*gid = (gid_t)n;
	return true;
}

/* Does the folder that path is in belong to uid? */
static bool file_folder_is_of(const char *path, uid_t uid)
{
	const char *slash = strrchr(path, '/');
	char folder[4096];
	struct stat st;

	if (!slash)
		snprintf(folder, sizeof(folder), ".");
	else if ((size_t)(slash - path) >= sizeof(folder))
		return false;
	else
		snprintf(folder, sizeof(folder), "%.*s", slash == path ? 1 : (int)(slash - path),
			 path);
	return stat(folder, &st) == 0 && st.st_uid == uid;
}

/* What is new belongs to the user behind sudo where its folder does. fd: opened, of path. */
static void file_give(int fd, const char *path)
{
	uid_t uid;
	gid_t gid;

	/* Failing is harmless: it stays root's. */
	if (file_sudo_user(&uid, &gid) && file_folder_is_of(path, uid) && fchown(fd, uid, gid) != 0)
		return;
}

static const char *file_why_not(const struct stat *st)
{
	uid_t sudo_uid;
	gid_t sudo_gid;

	if (!S_ISREG(st->st_mode))
		return NULL;
	if (st->st_nlink > 1)
		return "the file has more than one name";
	if (st->st_uid == geteuid() ||
	    (file_sudo_user(&sudo_uid, &sudo_gid) && st->st_uid == sudo_uid))
		return NULL;
	return "the file belongs to another user";
}

int px_file_create(const char *path, struct px_error *err)
{
	struct stat st;
	const char *why;
	bool is_new = true;
	int fd;

	if (strcmp(path, "-") == 0) {
		fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
		if (fd < 0)
			px_error_set(err, PX_EXIT_FAILED, NULL, "standard output: %s",
				     strerror(errno));
		return fd;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 && errno == EEXIST) {
		is_new = false;
		fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);
	}
	if (fd < 0) {
		px_error_set(err, PX_EXIT_FAILED,
			     errno == ELOOP ? "name the file itself, not a link to it" : NULL,
			     "%s: %s", path,
			     errno == ELOOP ? "is a symbolic link" : strerror(errno));
		return -1;
	}
	if (fstat(fd, &st) != 0) {
		px_error_set(err, PX_EXIT_FAILED, NULL, "%s: %s", path, strerror(errno));
		goto fail;
	}
	if (is_new) {
		file_give(fd, path);
		return fd;
	}
	why = file_why_not(&st);
	if (why) {
		px_error_set(err, PX_EXIT_FAILED, "choose another name", "%s: not overwritten: %s",
			     path, why);
		goto fail;
	}
	if (S_ISREG(st.st_mode) && ftruncate(fd, 0) != 0) {
		px_error_set(err, PX_EXIT_FAILED, NULL, "%s: %s", path, strerror(errno));
		goto fail;
	}
	return fd;
fail:
	close(fd);
	return -1;
}

bool px_file_is_same(const char *one, const char *other)
{
	struct stat a, b;

	return stat(one, &a) == 0 && stat(other, &b) == 0 && S_ISREG(a.st_mode) &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static int file_make_folder(const char *path)
{
	int fd;

	if (mkdir(path, 0700) != 0)
		return errno == EEXIST ? 0 : -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	file_give(fd, path);
	close(fd);
	return 0;
}

int px_file_make_folders(const char *path)
{
	char *name = strdup(path);
	int rc = name ? 0 : -ENOMEM;

	for (char *slash = name ? strchr(name + 1, '/') : NULL; slash && !rc;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		rc = file_make_folder(name);
		*slash = '/';
	}
	free(name);
	return rc;
}

int px_file_write(int fd, struct px_bytes b)
{
	while (b.len > 0) {
		ssize_t n = write(fd, b.ptr, b.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		b.ptr += n;
		b.len -= (size_t)n;
	}
	return 0;
}
