/* SPDX-License-Identifier: Apache-2.0 */
/* Which processes a trace is about, while it runs: what the shell's .target asks for. */
#ifndef PX_AIMS_H
#define PX_AIMS_H

#include "capture/source.h"
#include "cli/args.h"
#include "conn/table.h"
#include "notes.h"
#include "report.h"

struct px_aims {
	struct px_source *source;
	struct px_table *table;
	struct px_report *report;
	struct px_notes *notes;
	void (*turn)(void *ctx);	/* one round of the trace, which does not wait */
	void *ctx;
};

/*
 * Trace these processes, too; and what they have forked and will fork, where the trace was started
 * with -f. If all processes were targets only because none was named, these are the only ones from
 * now on. Comes back when all is set up, also in TLS libraries: that may take a second, in which
 * the trace goes on.
 *
 * Returns 0; -1 with err filled: one of them is not there (then none is added), or is a target
 * already (then those before it in the list are added); it is not a live trace; all are traced
 * (-a).
 */
PX_MUST_USE int px_aims_add(struct px_aims *a, const struct px_pids *pids, struct px_error *err);

/*
 * Trace these no longer; nor, with -f, what they have forked. Requests that wait for their answers
 * are told of without, as at the end of the trace. Returns 0; -1 with err filled: one of them is
 * no target, or is one whatever is said here (-a, --uid, --cgroup, --unit, --container), and those
 * before it in the list are taken out.
 */
PX_MUST_USE int px_aims_remove(struct px_aims *a, const struct px_pids *pids, struct px_error *err);

/*
 * Call fn for each process that is traced now and known by its number. Returns false where these
 * are not all: whole groups, users or the whole host are traced, or it is not a live trace.
 */
bool px_aims_each(const struct px_aims *a, px_source_target_fn fn, void *ctx);

#endif
