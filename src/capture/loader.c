/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/loader.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture/loader_child.h"

static const char *loader_tmp(void)
{
	const char *dir = getenv("TMPDIR");

	return dir && dir[0] == '/' ? dir : "/tmp";
}

static int loader_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

/* Keep what the child said in a file of its own and name it in err. */
static void loader_keep_log(int log, struct px_error *err)
{
	char path[128], block[4096];
	size_t cause = strlen(err->cause);
	off_t at = 0;
	ssize_t n;
	int fd;

	if (lseek(log, 0, SEEK_END) <= 0)
		return;
	snprintf(path, sizeof(path), "%.90s/pxtrace-load-XXXXXX.log", loader_tmp());
	fd = mkostemps(path, 4, O_CLOEXEC);	/* mode 0600, never an existing file */
	if (fd < 0)
		return;
	while ((n = pread(log, block, sizeof(block), at)) > 0 && write(fd, block, (size_t)n) == n)
		at += n;
	close(fd);
	snprintf(err->cause + cause, sizeof(err->cause) - cause, "%s(all of it: %s)",
		 strchr(err->cause, '\n') ? "\n" : " ", path);
}

static void loader_show_log(int log)
{
	char block[4096];
	off_t at = 0;
	ssize_t n;

	while ((n = pread(log, block, sizeof(block), at)) > 0 &&
	       write(STDERR_FILENO, block, (size_t)n) == n)
		at += n;
}

static int loader_receive(int sock, struct px_load_reply *reply, int fds[PX_REPLY_FDS],
			  size_t *fd_count)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * PX_REPLY_FDS)];
	} control;
	struct iovec iov = { reply, sizeof(*reply) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.bytes,
			      .msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *c;
	ssize_t n;

	*fd_count = 0;
	do
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(*reply))
		return -1;
	for (c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		*fd_count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(c), *fd_count * sizeof(int));
	}
	return 0;
}

static void loaded_init(struct px_loaded *l)
{
	memset(l, 0, sizeof(*l));
	for (size_t i = 0; i < PX_MAPS; i++)
		l->maps[i] = -1;
	for (size_t i = 0; i < PX_PROGRAMS_MAX; i++)
		l->programs[i] = -1;
}

void px_loaded_close(struct px_loaded *l)
{
	for (size_t i = 0; i < PX_MAPS; i++)
		if (l->maps[i] >= 0)
			close(l->maps[i]);
	for (size_t i = 0; i < PX_PROGRAMS_MAX; i++)
		if (l->programs[i] >= 0)
			close(l->programs[i]);
	loaded_init(l);
}

static int loader_child_failed(int status, struct px_error *err)
{
	if (WIFSIGNALED(status))
		return px_error_set(err, PX_EXIT_FAILED, NULL,
				    "the loader was ended by signal %d (%s)", WTERMSIG(status),
				    strsignal(WTERMSIG(status)));
	return px_error_set(err, PX_EXIT_FAILED, NULL,
			    "the loader ended without a word (status %d)", WEXITSTATUS(status));
}

static void loader_in_child(const struct px_load_request *req, const char *dir, int sock, int log,
			    pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	/* libbcc prints to both; stdout is for records. */
	dup2(log, STDOUT_FILENO);
	dup2(log, STDERR_FILENO);
	_exit(px_loader_child(req, dir, sock));
}

int px_loader_run(const struct px_load_request *req, struct px_loaded *out, struct px_error *err)
{
	int pair[2] = { -1, -1 }, log = -1, status = 0, result = -1, fds[PX_REPLY_FDS];
	struct px_load_reply *reply = calloc(1, sizeof(*reply));
	char dir[128];
	size_t fd_count = 0, next = 0;
	pid_t parent = getpid(), child;

	loaded_init(out);
	snprintf(dir, sizeof(dir), "%.90s/pxtrace-XXXXXX", loader_tmp());
	if (!reply || !mkdtemp(dir)) {
		px_error_set(err, PX_EXIT_FAILED, "set TMPDIR to a directory that can be written",
			     "cannot make a directory in %s: %s", loader_tmp(), strerror(errno));
		free(reply);
		return -1;
	}
	log = memfd_create("pxtrace-load", MFD_CLOEXEC);
	if (log < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 ||
	    (child = fork()) < 0) {
		px_error_set(err, PX_EXIT_FAILED, NULL, "cannot start the loader: %s",
			     strerror(errno));
		goto out;
	}
	if (child == 0)
		loader_in_child(req, dir, pair[1], log, parent);
	close(pair[1]);
	pair[1] = -1;
	if (loader_receive(pair[0], reply, fds, &fd_count) < 0)
		reply->failed = 1;
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (reply->failed) {
		*err = reply->error;
		if (!err->cause[0])
			loader_child_failed(status, err);
		loader_keep_log(log, err);
		goto out;
	}
	if (req->debug)
		loader_show_log(log);
	out->probe = reply->probe;
	out->transport = reply->transport;
	memcpy(out->notes, reply->notes, sizeof(out->notes));
	for (size_t i = 0; i < PX_REPLY_FDS && next < fd_count; i++) {
		if (!reply->has[i])
			continue;
		if (i < PX_MAPS)
			out->maps[i] = fds[next++];
		else
			out->programs[i - PX_MAPS] = fds[next++];
	}
	result = 0;
out:
	nftw(dir, loader_remove, 8, FTW_DEPTH | FTW_PHYS);
	for (size_t i = 0; i < 2; i++)
		if (pair[i] >= 0)
			close(pair[i]);
	if (log >= 0)
		close(log);
	free(reply);
	return result;
}
