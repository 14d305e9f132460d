/* SPDX-License-Identifier: Apache-2.0 */
/* Control groups by path, number, systemd unit or container. */
#ifndef PX_CAPTURE_CGROUP_H
#define PX_CAPTURE_CGROUP_H

#include <limits.h>

#include "base/error.h"

enum px_cgroup_kind {
	PX_CGROUP_PATH,		/* a path, full or below the root, or the number of a group of version 2 */
	PX_CGROUP_UNIT,		/* "nginx.service"; without a dot a service is meant */
	PX_CGROUP_CONTAINER,	/* the beginning of an id, or a name */
};

#define PX_CGROUPS_FOUND_MAX 16

/* What was found: groups of version 2, else of version 1, never both. */
struct px_cgroups {
	unsigned int version;
	size_t count;
	char path[PX_CGROUPS_FOUND_MAX][PATH_MAX];	/* full */
};

/* Returns 0 with at least one group in out; -1 with err filled (PX_EXIT_TARGET). */
PX_MUST_USE int px_cgroups_find(enum px_cgroup_kind kind, const char *text, struct px_cgroups *out,
				struct px_error *err);

/*
 * Add the processes in the group at path and below it to a list that grows. Returns false without
 * memory.
 */
bool px_cgroup_members(const char *path, uint32_t **pids, size_t *count);

#endif
