/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Perf buffers, one per CPU, read as one stream in the order of time. What is not due yet stays in
 * its buffer, so merging takes no memory.
 */
#ifndef PX_CAPTURE_MERGE_H
#define PX_CAPTURE_MERGE_H

#include <linux/perf_event.h>

#include "base/bytes.h"

/* A CPU's buffer, as it is shared with the kernel. */
struct px_lane {
	struct perf_event_mmap_page *page;	/* data_head is the kernel's to move, data_tail ours */
	const char *data;
	uint64_t size;		/* bytes at data, a power of two */
	uint64_t *taken;	/* bytes of events that were read go here, for the kernel side; NULL: nowhere */
	/* filled by the merge; positions never wrap */
	uint64_t tail;		/* read up to here */
	uint64_t told;		/* what the kernel knows of tail */
	uint64_t head;		/* there is something up to here, when last looked */
	uint64_t event_bytes;	/* of the records read that are events */
	uint64_t ts_ns;		/* of the event at tail */
};

struct px_merge {
	struct px_lane *lanes;		/* borrowed */
	struct px_lane **ready;		/* those with an event at their tail */
	size_t lane_count, ready_count;
	struct px_lane *current;	/* the one whose turn it is */
	bool is_lent;			/* its first event has been given out, and is still in it */
	uint64_t rival_ns;		/* the earliest event of the others */
	char *joined;			/* an event in two pieces is put together here */
	uint64_t lost;			/* events that the kernel says it lost */
	uint64_t malformed;		/* records that contradict themselves */
};

/* Returns 0 or -ENOMEM. lanes have to stay; page, data, size and taken
 * of each are set, the rest is 0. */
PX_MUST_USE int px_merge_init(struct px_merge *m, struct px_lane *lanes, size_t count);
void px_merge_fini(struct px_merge *m);

/* See what has come. Returns whether there is anything at all, due or not. */
bool px_merge_look(struct px_merge *m);

/*
 * The earliest event that px_merge_look() saw, if it is of until_ns or before. *out is aligned as a
 * px_abi_event and good until the next call. Returns false where there is none.
 *
 * Events of one buffer keep their order even where their times do not; of events of the same time,
 * those that stand in one buffer come one after the other.
 */
bool px_merge_next(struct px_merge *m, uint64_t until_ns, struct px_bytes *out);

/* The last event is done with: give the kernel what has been read. */
void px_merge_release(struct px_merge *m);

#endif
