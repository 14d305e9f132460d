/* SPDX-License-Identifier: Apache-2.0 */
/* Where events come from: live.c (the kernel), replay.c (a tape), pcap.c (packet captures). */
#ifndef PX_CAPTURE_SOURCE_H
#define PX_CAPTURE_SOURCE_H

#include "base/error.h"
#include "capture/event.h"

struct px_source;

typedef void (*px_event_fn)(void *ctx, const struct px_event *ev);

/* Events that did not arrive, by where they were lost; totals since the source was opened. */
struct px_source_loss {
	uint64_t ring_events, ring_bytes;	/* no room in the ring or perf buffer */
	uint64_t missed_calls;			/* kretprobe instances used up */
	uint64_t copy_faults;			/* user memory that could not be read */
	uint64_t uncopied_bytes;		/* beyond the copy limit: announced, in no way lost to accounting */
	uint64_t pool_full;			/* a bounded kernel map was full */
	uint64_t foreign;			/* moves by io_uring, asynchronous I/O or 32-bit calls */
	uint64_t spliced;			/* moves by splice, where those out of sockets were not seen at first */
	bool sees_splice;			/* now they are */
};

#define PX_SOURCE_END 1
#define PX_SOURCE_EXE_MAX 256	/* of a program's path, with the 0 at its end */

/* A process that is traced, and how it became a target. */
struct px_source_target {
	uint32_t pid;
	char comm[64];
	enum px_target_how {
		PX_TARGET_BY_NUMBER,	/* -p, or added */
		PX_TARGET_BY_PARENT,	/* a child of one, that is followed */
		PX_TARGET_BY_MATCH,	/* --comm, --exe */
	} how;
};

typedef void (*px_source_target_fn)(void *ctx, const struct px_source_target *t);

struct px_source_ops {
	/*
	 * Hand over what is there, at most budget events, and return without waiting.
	 * Returns 0 (all there was, or the budget is used up; *count says), PX_SOURCE_END when
	 * nothing will ever follow, or a negative errno; px_source_error() then gives the reason.
	 */
	int (*poll)(struct px_source *src, size_t budget, px_event_fn fn, void *ctx, size_t *count);
	/*
	 * Going to sleep: the next event has to make fd readable. False if an event is there
	 * already.
	 */
	bool (*arm)(struct px_source *src);
	void (*loss)(struct px_source *src, struct px_source_loss *out);
	/* Stop the flow; what is under way can still be polled. */
	void (*stop)(struct px_source *src);
	/*
	 * Whether the socket was made since the source was opened. NULL: events tell by themselves.
	 */
	bool (*is_new)(struct px_source *src, uint64_t sock_id);
	void (*free)(struct px_source *src);
	/*
	 * Who is traced, while it runs; all four are NULL where nobody is: with files.
	 *
	 * Make process pid a target, with what it forks where children are followed. exe becomes
	 * its program, or empty where that is not known. Returns 0; -1 with err filled where it
	 * does not become one. After it, and after remove_target, poll once more what was under
	 * way; then ask left_out for each connection.
	 */
	int (*add_target)(struct px_source *src, uint32_t pid, char exe[PX_SOURCE_EXE_MAX],
			  struct px_error *err);
	/*
	 * The opposite. Returns 0; -1 with err filled where pid is no target, or will be one
	 * always.
	 */
	int (*remove_target)(struct px_source *src, uint32_t pid, struct px_error *err);
	/*
	 * Is nothing more to come of this socket, because process pid, which used it last, is no
	 * target any more? Then what was known of it is forgotten.
	 */
	bool (*left_out)(struct px_source *src, uint32_t pid, uint64_t sock_id);
	/*
	 * Call fn for each that is traced now and known by its number. False: these are not all,
	 * for whole groups, users or all are traced.
	 */
	bool (*targets)(struct px_source *src, px_source_target_fn fn, void *ctx);
};

/* The head of every source; a source embeds it. */
struct px_source {
	const struct px_source_ops *ops;
	int fd;			/* readable when events may be there; -1: always ready */
	int64_t wall_offset_ns;	/* add to ts_ns for nanoseconds since 1970 */
	char error[256];	/* reason of the last failure: "FILE: offset N: why" */
};

#endif
