/* SPDX-License-Identifier: Apache-2.0 */
/* Processes whose end is waited for: those that were named with -p. */
#ifndef PX_WATCHED_H
#define PX_WATCHED_H

#include <poll.h>

#include "cli/args.h"

struct px_watched {
	int *fds; /* pidfds, -1 once a process is gone */
	size_t count, left;
};

/* Those of them that are there. Without memory nobody is waited for. */
void px_watched_init(struct px_watched *w, const struct px_pids *pids);
void px_watched_fini(struct px_watched *w);

/* Fill in w->count descriptors for poll(). */
void px_watched_fill(const struct px_watched *w, struct pollfd *fds);
/* Look at what poll() said of them: has the last one gone? */
bool px_watched_look(struct px_watched *w, const struct pollfd *fds);

#endif
