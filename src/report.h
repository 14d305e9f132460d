/* SPDX-License-Identifier: Apache-2.0 */
/* Makes records of what the stages report, counts them, and hands them to the outputs. */
#ifndef PX_REPORT_H
#define PX_REPORT_H

#include <limits.h>

#include "capture/source.h"
#include "capture/whose.h"
#include "conn/table.h"
#include "filter/filter.h"
#include "record/record.h"
#include "sink/sink.h"

#define PX_REPORT_SINKS_MAX 4

/* Kinds of records as a set. */
#define PX_REPORT_MESSAGES (1u << PX_RECORD_MESSAGE)
#define PX_REPORT_CONNS (1u << PX_RECORD_OPEN | 1u << PX_RECORD_CLOSE)
#define PX_REPORT_HANDSHAKES (1u << PX_RECORD_TLS)
#define PX_REPORT_ALL UINT_MAX

struct px_report {
	struct px_report_sink {
		struct px_sink *sink;
		unsigned int kinds;	/* that it gets */
		uint64_t seq;		/* of the last record that it got */
	} sinks[PX_REPORT_SINKS_MAX];
	size_t sink_count;
	unsigned int kinds;		/* that somebody gets */
	int64_t wall_offset_ns;
	struct px_filter *filter;	/* whose records come out; NULL: all */
	bool is_paused;			/* no messages come out */
	uint64_t count_max;	/* messages after which the run ends; 0: never */

	struct px_whose *whose;	/* what processes are of; NULL: that is not told */

	struct px_record record;
	struct px_arena_pool arenas;
	struct px_arena arena;
	const char *transport;	/* where events are lost that the kernel side had no room for */
	uint64_t messages, errors;
	uint64_t filtered;	/* messages that the filter did not let pass */
	uint64_t lost_events, lost_bytes;	/* as told in lost records */
	struct px_source_loss told;
	int sink_error;		/* first error of an output, -errno; -EPIPE ends the run quietly */
};

/* What a start record says. */
struct px_report_start {
	const char *probe, *transport;	/* NULL with files */
	const struct px_bytes *targets;
	size_t target_count;
	int64_t wall_ns;
};

void px_report_init(struct px_report *r, bool want_summary, bool no_redact);
void px_report_fini(struct px_report *r);

/* One more that gets records, of these kinds; at most PX_REPORT_SINKS_MAX. */
void px_report_add(struct px_report *r, struct px_sink *sink, unsigned int kinds);

static inline bool px_report_is_full(const struct px_report *r)
{
	return r->count_max && r->messages >= r->count_max;
}

void px_report_start(struct px_report *r, const struct px_report_start *s);

/* What the callbacks of px_table_options tell. */
void px_report_exchange(struct px_report *r, struct px_conn *c, const struct px_exchange *ex);
void px_report_handshake(struct px_report *r, struct px_conn *c, const struct px_exchange *ex);
void px_report_open(struct px_report *r, struct px_conn *c);
void px_report_close(struct px_report *r, struct px_conn *c);
void px_report_lost(struct px_report *r, struct px_conn *c, uint64_t bytes);

/* Tell what the source lost since the last call. */
void px_report_loss(struct px_report *r, const struct px_source_loss *loss, int64_t wall_ns);

void px_report_note(struct px_report *r, const char *what, const char *text, int64_t wall_ns);

/*
 * A note of what became of a process, that h tells of: what "exec" with the program as text, or "exit"
 * with its status; age_ns: how long it was there, -1 where that is not to be told.
 */
void px_report_process(struct px_report *r, const struct px_abi_event *h, const char *what,
		       const char *text, int64_t age_ns);

/* A summary record, for the caller to fill in between. */
struct px_record *px_report_begin_summary(struct px_report *r, int64_t wall_ns);
void px_report_end_summary(struct px_report *r);

/*
 * A lost event's bytes show up again as a hole in their stream, unless nothing came behind them:
 * the larger count.
 */
uint64_t px_report_lost_bytes(const struct px_report *r, const struct px_table_stats *table);

struct px_report_stop {
	const char *reason;	/* "interrupt", "count", "duration", "target exited", "end of file", ... */
	int64_t wall_ns;
	uint64_t duration_ns;
	const struct px_table_stats *table;
};

void px_report_stop(struct px_report *r, const struct px_report_stop *s);

/* Show what is buffered. */
void px_report_flush(struct px_report *r);

#endif
