/* SPDX-License-Identifier: Apache-2.0 */
/* Hanging a program at functions of a file that processes have mapped. */
#ifndef PX_CAPTURE_ATTACH_UPROBE_H
#define PX_CAPTURE_ATTACH_UPROBE_H

#include "base/bytes.h"

#define PX_UPROBES_MAX 32	/* of one program in one file */

struct px_uprobes {
	int program;
	bool is_multi;		/* it was loaded for all places at once (kernel 6.6) */
	const char *path;	/* of the file, as this process sees it */
	bool is_return;		/* at the return of the functions, else at their entry */
	int pid;		/* the process that is meant; -1: whoever maps the file, now or later */
	uint64_t offsets[PX_UPROBES_MAX];	/* of the functions' first bytes in the file */
	uint64_t cookies[PX_UPROBES_MAX];	/* what the program is told with each hit */
	size_t count;
};

/*
 * Returns how many descriptors of links were written to links, which has room for PX_UPROBES_MAX:
 * the probes go with them, each that is not is_multi in some 90 ms, one after the other whoever closes
 * them. Or a negative errno, and nothing hangs.
 */
PX_MUST_USE int px_uprobes_attach(const struct px_uprobes *u, int *links);

#endif
