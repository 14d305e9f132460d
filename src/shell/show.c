/* SPDX-License-Identifier: Apache-2.0 */
/* What the shell shows: at once, or through a pager. The trace goes on while somebody reads. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/spawn.h"
#include "shell/private.h"

#define SHOW_WAIT_MS 20 /* between two rounds of the trace */
#define SHOW_PIECE ((size_t)512) /* what write() takes without waiting when poll() says so */
#define SHOW_NO_PAGER 127 /* what sh ends with when there is no such program */

void px_shell_say(struct px_shell *s, const char *fmt, ...)
{
	char text[1024];
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (len >= (int)sizeof(text))
		len = (int)sizeof(text) - 1;
	if (len > 0 && px_buf_append(&s->shown, px_bytes_of(text, (size_t)len)))
		s->shown.len = 0; /* more than anybody would read */
}

static struct winsize show_size(const struct px_shell *s)
{
	struct winsize size = { 0 };

	if (s->is_terminal)
		ioctl(s->opt.out, TIOCGWINSZ, &size);
	return size;
}

size_t px_shell_columns(const struct px_shell *s)
{
	return show_size(s).ws_col;
}

size_t px_shell_rows(const struct px_shell *s)
{
	return show_size(s).ws_row;
}

/* Write to somebody who may be slow. Returns 0 or -errno; -EINTR: the user has had enough. */
static int show_write(struct px_shell *s, int fd, struct px_bytes text)
{
	struct pollfd room = { .fd = fd, .events = POLLOUT };

	while (text.len) {
		ssize_t n;

		if (poll(&room, 1, SHOW_WAIT_MS) <= 0) {
			if (px_shell_turn(s))
				return -EINTR;
			continue;
		}
		n = write(fd, text.ptr, text.len < SHOW_PIECE ? text.len : SHOW_PIECE);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return -errno;
		text = n > 0 ? px_bytes_sub(text, (size_t)n, SIZE_MAX) : text;
	}
	return 0;
}

/* What is read on a terminal is gathered, as it may be long; where nobody waits for it, it goes. */
int px_shell_take(void *ctx, struct px_bytes text)
{
	struct px_shell *s = ctx;

	return s->is_terminal ? px_buf_append(&s->shown, text) : show_write(s, s->opt.out, text);
}

void px_shell_put(struct px_shell *s)
{
	int rc = show_write(s, s->opt.out, px_buf_bytes(&s->shown));

	if (rc && rc != -EINTR)
		s->is_over = true;
	px_buf_fini(&s->shown);
}

static bool show_needs_pager(const struct px_shell *s)
{
	size_t rows = px_shell_rows(s), lines = 0, end;

	for (size_t at = 0; at < s->shown.len && lines < rows; at = end + 1) {
		end = px_bytes_find(px_buf_bytes(&s->shown), at, '\n');
		lines++;
	}
	return rows && lines >= rows;
}

/* Returns its process id, or -errno. */
static pid_t pager_start(int read_end)
{
	static char sh[] = "/bin/sh", c[] = "-c",
		    usual[] = "if command -v less >/dev/null; then exec less -S; fi; exec more";
	const char *pager = getenv("PAGER");
	char *argv[] = { sh, c, usual, NULL }, *own = NULL;
	pid_t pid;

	if (pager && *pager)
		argv[2] = own = strdup(pager);
	pid = px_spawn(argv, read_end, STDIN_FILENO);
	free(own);
	return pid;
}

/* The trace goes on until the user has left it. Returns its status. */
static int pager_wait(struct px_shell *s, pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (s->is_over)
			kill(pid, SIGTERM);
		px_shell_turn(s);
		poll(NULL, 0, SHOW_WAIT_MS);
	}
	return status;
}

/* Show it there. False: there is none that runs. */
static bool show_in_pager(struct px_shell *s)
{
	int ends[2], status;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return false;
	pid = pager_start(ends[0]);
	close(ends[0]);
	if (pid > 0)
		/* Ctrl-C and a pager that is left early: the rest is not wanted. */
		(void)show_write(s, ends[1], px_buf_bytes(&s->shown));
	close(ends[1]);
	if (pid <= 0)
		return false;
	status = pager_wait(s, pid);
	return !(WIFEXITED(status) && WEXITSTATUS(status) == SHOW_NO_PAGER);
}

void px_shell_show(struct px_shell *s)
{
	if (show_needs_pager(s) && show_in_pager(s))
		px_buf_fini(&s->shown);
	else
		px_shell_put(s);
}
