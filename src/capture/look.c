/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/look.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/spawn.h"
#include "capture/old.h"

#define LOOK_FDS 256	/* more are not open when it is started */
#define LOOK_BATCH 512	/* sockets in one message; the last message has fewer */

struct px_look {
	pid_t pid;
	int sock;
};

struct look_batch {
	uint64_t inos[LOOK_BATCH];
	size_t count;
};

static void look_send(struct look_batch *b)
{
	if (send(STDIN_FILENO, b->inos, b->count * sizeof(*b->inos), MSG_NOSIGNAL) < 0)
		_exit(0);
	b->count = 0;
}

static void look_found(void *ctx, uint64_t ino)
{
	struct look_batch *b = ctx;

	b->inos[b->count++] = ino;
	if (b->count == LOOK_BATCH)
		look_send(b);
}

static void look_exe(uint32_t pid, char exe[PX_SOURCE_EXE_MAX])
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/exe", pid);
	memset(exe, 0, PX_SOURCE_EXE_MAX);
	if (readlink(path, exe, PX_SOURCE_EXE_MAX) == PX_SOURCE_EXE_MAX)	/* cut, maybe */
		memset(exe, 0, PX_SOURCE_EXE_MAX);
}

/* The process that looks; its only descriptor is the socket. */
static void look_run(void)
{
	struct look_batch batch = { .count = 0 };
	char exe[PX_SOURCE_EXE_MAX];
	uint32_t pid;

	/* The program, then the sockets; an odd byte in their place: they could not be had. */
	while (recv(STDIN_FILENO, &pid, sizeof(pid), 0) == (ssize_t)sizeof(pid)) {
		look_exe(pid, exe);
		if (send(STDIN_FILENO, exe, sizeof(exe), MSG_NOSIGNAL) < 0)
			break;
		if (px_old_each(pid, look_found, &batch))
			look_send(&batch);
		else if (send(STDIN_FILENO, "", 1, MSG_NOSIGNAL) < 0)
			break;
	}
	_exit(0);
}

struct px_look *px_look_start(void)
{
	struct px_look *l = malloc(sizeof(*l));

	if (!l)
		return NULL;
	l->pid = px_fork_beside(&l->sock);
	if (l->pid == 0) {
		if (dup2(l->sock, STDIN_FILENO) < 0)
			_exit(1);
		if (close_range(STDOUT_FILENO, ~0u, 0) < 0)	/* Linux 5.9 */
			for (int fd = STDOUT_FILENO; fd < LOOK_FDS; fd++)
				close(fd);
		look_run();
	}
	if (l->pid < 0) {
		free(l);
		return NULL;
	}
	return l;
}

void px_look_stop(struct px_look *l)
{
	if (!l)
		return;
	close(l->sock);
	while (waitpid(l->pid, NULL, 0) < 0 && errno == EINTR)
		;
	free(l);
}

bool px_look_at(struct px_look *l, uint32_t pid, char exe[PX_SOURCE_EXE_MAX],
		void (*fn)(void *ctx, uint64_t ino), void *ctx)
{
	uint64_t inos[LOOK_BATCH];
	ssize_t n = sizeof(inos);

	if (!l) {
		look_exe(pid, exe);
		return px_old_each(pid, fn, ctx);
	}
	exe[0] = '\0';
	if (send(l->sock, &pid, sizeof(pid), MSG_NOSIGNAL) < 0 ||
	    recv(l->sock, exe, PX_SOURCE_EXE_MAX, 0) != PX_SOURCE_EXE_MAX)
		return false;
	while (n == (ssize_t)sizeof(inos)) {
		n = recv(l->sock, inos, sizeof(inos), 0);
		for (ssize_t i = 0; i < n / (ssize_t)sizeof(*inos); i++)
			fn(ctx, inos[i]);
	}
	return n >= 0 && n % (ssize_t)sizeof(*inos) == 0;
}
