/* SPDX-License-Identifier: Apache-2.0 */
/* What a run's messages come to: the table of -S, and the map of who talks to whom. */
#ifndef PX_SUMS_H
#define PX_SUMS_H

#include "cli/options.h"
#include "report.h"
#include "sink/out.h"
#include "sink/pick.h"
#include "tally/tally.h"

struct px_sums {
	struct px_sink base;	/* gets the messages; nothing is to be freed through it */
	bool with_table, with_map;
	struct px_tally table, map;
	struct px_pick sizes;	/* req.bytes and resp.bytes */
	int map_fd;		/* -1: none */
	const char *map_name;
};

/*
 * Make ready what the options ask for; the file of --map is made now, while that is allowed.
 * Returns 0, or -1 when it has been said what cannot be had. px_sums_fini() takes it in either
 * case.
 */
PX_MUST_USE int px_sums_init(struct px_sums *s, const struct px_options *opt);
void px_sums_fini(struct px_sums *s);

static inline bool px_sums_are_wanted(const struct px_sums *s)
{
	return s->with_table || s->with_map;
}

/*
 * The table so far: as summary records with JSON; as text to out, or to standard error where out is
 * NULL. width: columns of the terminal there; 0: none. duration_ns: of the run; 0: that of the
 * messages.
 */
void px_sums_tell(struct px_sums *s, struct px_report *report, bool as_json, struct px_out *out,
		  size_t width, uint64_t duration_ns, int64_t wall_ns);

/* Write the map, if there is one. Returns 0, or -1 when it has been said why not. */
PX_MUST_USE int px_sums_write_map(struct px_sums *s, uint64_t duration_ns);

#endif
