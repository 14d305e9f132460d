/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/loader.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "capture/loader_child.h"

#define LOADER_PATIENCE_MS 400

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

/* The child at work. */
struct px_loading {
	pid_t pid;
	int sock, log;
	off_t shown;	/* bytes of the log */
	bool debug;
	char dir[128];
};

static void loader_show_log(struct px_loading *ld)
{
	char block[4096];
	ssize_t n;

	while ((n = pread(ld->log, block, sizeof(block), ld->shown)) > 0 &&
	       write(STDERR_FILENO, block, (size_t)n) == n)
		ld->shown += n;
}

static void loading_init(struct px_loading *ld)
{
	*ld = (struct px_loading){ .pid = -1, .sock = -1, .log = -1 };
}

/* Wait for the child's end, or bring it about, and clean up behind it. Returns its status. */
static int loading_end(struct px_loading *ld, bool kill_it)
{
	int status = 0;

	if (ld->pid > 0 && kill_it)
		kill(ld->pid, SIGKILL);
	while (ld->pid > 0 && waitpid(ld->pid, &status, 0) < 0 && errno == EINTR)
		;
	if (ld->debug && ld->log >= 0)
		loader_show_log(ld);
	if (ld->dir[0])
		nftw(ld->dir, loader_remove, 8, FTW_DEPTH | FTW_PHYS);
	if (ld->sock >= 0)
		close(ld->sock);
	if (ld->log >= 0)
		close(ld->log);
	loading_init(ld);
	return status;
}

static void loaded_init(struct px_loaded *l)
{
	memset(l, 0, sizeof(*l));
	for (size_t i = 0; i < PX_MAPS; i++)
		l->maps[i] = -1;
	for (size_t i = 0; i < PX_PROGRAMS_MAX; i++)
		l->programs[i] = -1;
}

static void loaded_end_rest(struct px_loaded *l, bool kill_it)
{
	if (l->rest)
		loading_end(l->rest, kill_it);
	free(l->rest);
	l->rest = NULL;
}

void px_loaded_close(struct px_loaded *l)
{
	loaded_end_rest(l, true);
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

static int loader_start(const struct px_load_request *req, struct px_loading *ld,
			struct px_error *err)
{
	int pair[2];
	pid_t parent = getpid();

	ld->debug = req->debug;
	snprintf(ld->dir, sizeof(ld->dir), "%.90s/pxtrace-XXXXXX", loader_tmp());
	if (!mkdtemp(ld->dir)) {
		ld->dir[0] = '\0';
		return px_error_set(err, PX_EXIT_FAILED,
				    "set TMPDIR to a directory that can be written",
				    "cannot make a directory in %s: %s", loader_tmp(),
				    strerror(errno));
	}
	ld->log = memfd_create("pxtrace-load", MFD_CLOEXEC);
	if (ld->log < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return px_error_set(err, PX_EXIT_FAILED, NULL, "cannot start the loader: %s",
				    strerror(errno));
	ld->sock = pair[0];
	ld->pid = fork();
	if (ld->pid == 0)
		loader_in_child(req, ld->dir, pair[1], ld->log, parent);
	close(pair[1]);
	if (ld->pid < 0)
		return px_error_set(err, PX_EXIT_FAILED, NULL, "cannot start the loader: %s",
				    strerror(errno));
	return 0;
}

/* Take over what came with the reply. */
static void loader_take(struct px_loaded *out, const struct px_load_reply *reply, const int *fds,
			size_t fd_count)
{
	size_t next = 0;

	out->probe = reply->probe;
	out->transport = reply->transport;
	out->uprobe_multi = reply->uprobe_multi;
	memcpy(out->notes, reply->notes, sizeof(out->notes));
	for (size_t i = 0; i < PX_REPLY_FDS && next < fd_count; i++) {
		if (!reply->has[i])
			continue;
		if (i < PX_MAPS)
			out->maps[i] = fds[next++];
		else
			out->programs[i - PX_MAPS] = fds[next++];
	}
}

/* Who waits for longer than this wants to know what for. */
static void loader_wait(int sock)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };

	if (poll(&p, 1, LOADER_PATIENCE_MS) == 0)
		px_log_progress("compiling and loading the BPF programs");
}

int px_loader_run(const struct px_load_request *req, struct px_loaded *out, struct px_error *err)
{
	struct px_load_reply *reply = calloc(1, sizeof(*reply));
	int fds[PX_REPLY_FDS], status, log, result = -1;
	size_t fd_count = 0;

	loaded_init(out);
	out->rest = malloc(sizeof(*out->rest));
	if (!reply || !out->rest) {
		px_error_set(err, PX_EXIT_FAILED, NULL, "no memory");
		goto out;
	}
	loading_init(out->rest);
	if (loader_start(req, out->rest, err) < 0)
		goto out;
	if (req->part == PX_PART_MAIN)
		loader_wait(out->rest->sock);
	if (loader_receive(out->rest->sock, reply, fds, &fd_count) < 0)
		reply->failed = 1;
	px_log_progress(NULL);
	if (reply->failed) {
		out->rest->debug = false;	/* a file will have it */
		log = fcntl(out->rest->log, F_DUPFD_CLOEXEC, 0);
		status = loading_end(out->rest, false);
		*err = reply->error;
		if (!err->cause[0])
			loader_child_failed(status, err);
		if (log >= 0) {
			loader_keep_log(log, err);
			close(log);
		}
		goto out;
	}
	if (req->debug)
		loader_show_log(out->rest);
	loader_take(out, reply, fds, fd_count);
	result = 0;
out:
	if (result < 0)
		px_loaded_close(out);
	free(reply);
	return result;
}

bool px_loader_rest(struct px_loaded *l, bool wait)
{
	struct px_load_reply *reply;
	struct pollfd p = { .fd = px_loader_rest_fd(l), .events = POLLIN };
	int fds[PX_REPLY_FDS];
	size_t fd_count;

	if (!l->rest)
		return true;
	if (!wait && poll(&p, 1, 0) == 0)
		return false;
	reply = calloc(1, sizeof(*reply));
	memset(l->notes, 0, sizeof(l->notes));
	if (!reply || loader_receive(l->rest->sock, reply, fds, &fd_count) < 0)
		snprintf(
			l->notes[0], sizeof(l->notes[0]),
			"the loader did not come to its end: what recvmmsg and sendmmsg move is not shown");
	else
		loader_take(l, reply, fds, fd_count);
	free(reply);
	loaded_end_rest(l, false);
	return true;
}

void px_loader_abandon(const struct px_loaded *l)
{
	const struct px_loading *ld = l->rest;

	if (!ld)
		return;
	if (ld->pid > 0) {
		kill(ld->pid, SIGKILL);
		waitpid(ld->pid, NULL, 0);
	}
	if (ld->dir[0])
		nftw(ld->dir, loader_remove, 8, FTW_DEPTH | FTW_PHYS);
}

int px_loader_rest_fd(const struct px_loaded *l)
{
	return l->rest ? l->rest->sock : -1;
}
