/* SPDX-License-Identifier: Apache-2.0 */
#include "watched.h"

#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

void px_watched_init(struct px_watched *w, const struct px_pids *pids)
{
	*w = (struct px_watched){ .fds = malloc(pids->count * sizeof(*w->fds)) };
	if (!w->fds)
		return;
	w->count = pids->count;
	for (size_t i = 0; i < w->count; i++) {
		w->fds[i] = (int)syscall(SYS_pidfd_open, pids->pid[i], 0);
		w->left += w->fds[i] >= 0;
	}
}

void px_watched_fini(struct px_watched *w)
{
	for (size_t i = 0; i < w->count; i++)
		if (w->fds[i] >= 0)
			close(w->fds[i]);
	free(w->fds);
	*w = (struct px_watched){ 0 };
}

void px_watched_fill(const struct px_watched *w, struct pollfd *fds)
{
	for (size_t i = 0; i < w->count; i++)
		fds[i] = (struct pollfd){ .fd = w->fds[i], .events = POLLIN };
}

bool px_watched_look(struct px_watched *w, const struct pollfd *fds)
{
	size_t had = w->left;

	for (size_t i = 0; i < w->count; i++) {
		if (w->fds[i] < 0 || !fds[i].revents)
			continue;
		close(w->fds[i]);
		w->fds[i] = -1;
		w->left--;
	}
	return had && !w->left;
}
