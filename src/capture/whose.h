/* SPDX-License-Identifier: Apache-2.0 */
/* What a process is of: its program, control group, systemd unit and container, as /proc tells. */
#ifndef PX_CAPTURE_WHOSE_H
#define PX_CAPTURE_WHOSE_H

#include "base/bytes.h"

/* Empty: there is none, or it is not known. */
struct px_whose_place {
	struct px_bytes exe, cgroup, unit, container;
};

struct px_whose;

/* NULL without memory: nothing is known then. */
struct px_whose *px_whose_new(void);
void px_whose_free(struct px_whose *w);

/*
 * Of a process at ts_ns, monotonic clock; NULL: nothing is known. Valid until the next call. It is
 * looked at again after a second. Which program it runs can be read with the right to trace it
 * only, the rest by anybody: what is asked for before privileges are given up stays known as long
 * as the process keeps its name.
 */
const struct px_whose_place *px_whose_of(struct px_whose *w, uint32_t pid, uint64_t ts_ns);

/*
 * Process pid is about to be told of, and runs exe, which somebody with that right has found out;
 * "": not known.
 */
void px_whose_tell(struct px_whose *w, uint32_t pid, const char *exe, uint64_t ts_ns);

/*
 * What the text of a /proc/PID/cgroup says: the group of version 2, else systemd's own hierarchy.
 * The views are into text, which stays as it is.
 */
void px_whose_read(struct px_bytes text, struct px_whose_place *out);

#endif
