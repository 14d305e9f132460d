/* SPDX-License-Identifier: Apache-2.0 */
/* The processes that there are, as /proc tells. */
#ifndef PX_CAPTURE_PROCS_H
#define PX_CAPTURE_PROCS_H

#include "base/bytes.h"

struct px_proc {
	uint32_t pid, parent;
	char state;		/* 'Z' and 'X' have ended */
	char comm[64];
	uint64_t start;		/* clock ticks after the machine's: with pid it is this process and no other */
};

/* Returns false where there is no such process. */
bool px_proc_read(uint32_t pid, struct px_proc *out);

/* Call fn for each process, until it returns false. */
void px_procs_each(bool (*fn)(void *ctx, const struct px_proc *p), void *ctx);

#endif
