/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The targets of a live trace as they come and go: their table, control groups, who is added, who
 * is taken out.
 */
#ifndef PX_CAPTURE_ROSTER_H
#define PX_CAPTURE_ROSTER_H

#include "abi.h"
#include "capture/loader.h"
#include "capture/source.h"
#include "capture/target.h"

struct px_roster {
	int map, cgroups;	/* the kernel side's */
	struct px_abi_shared *shared;
	bool has_table;		/* targets live in a table that the kernel side keeps */
	bool later, unchosen, follow;	/* as in struct px_targets */
	bool is_listed;		/* all targets are in the table */
	bool has_left;		/* there are some in the table that were taken out and live */
	bool is_empty;		/* and nobody else, when it was last looked at */
	bool awaits;		/* the user has taken the last one out, and may add another */
	uint64_t out_ns;	/* when somebody was taken out last, 0: nobody was */
	uint32_t ended;		/* processes that had ended a tick ago */
	unsigned int to_clean;	/* ticks until it has been clean for long enough */
	struct {
		char *path;
		uint64_t ino;
	} groups[PX_CGROUPS_MAX];	/* control groups that are targets, by their place in the kernel's array */
	size_t group_count;
};

/*
 * Enter those that there are, once all probes are attached. Returns how many processes are targets
 * where the table says so, else 0.
 */
size_t px_roster_begin(struct px_roster *r, const struct px_targets *t,
		       const struct px_loaded *loaded, struct px_abi_shared *shared);
void px_roster_fini(struct px_roster *r);

/* About once a second: forgets who has ended, notices control groups that were made anew. */
void px_roster_tick(struct px_roster *r);

/* Have all targets ended that the table ever held? False where there is no such table. */
bool px_roster_is_gone(const struct px_roster *r);

/* As the calls of struct px_source_ops. */
PX_MUST_USE int px_roster_add(struct px_roster *r, uint32_t pid, struct px_error *err);
PX_MUST_USE int px_roster_remove(struct px_roster *r, uint32_t pid, struct px_error *err);
bool px_roster_each(const struct px_roster *r, px_source_target_fn fn, void *ctx);

/* Was it taken out, or left out when others were chosen? */
bool px_roster_is_out(const struct px_roster *r, uint32_t pid);

#define PX_ROSTER_LATE_NS 1000000000ull	/* events under way when their process is taken out are over by then */

/* Is this event of a target? Asked again only for a while after somebody was taken out. */
static inline bool px_roster_wants(const struct px_roster *r, const struct px_abi_event *h)
{
	return h->ts_ns <= r->out_ns || h->ts_ns > r->out_ns + PX_ROSTER_LATE_NS || !r->out_ns ||
	       !px_roster_is_out(r, h->pid);
}

#endif
