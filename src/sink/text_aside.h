/* SPDX-License-Identifier: Apache-2.0 */
/* What a run has to tell beside its data, for the person at standard error. */
#ifndef PX_SINK_TEXT_ASIDE_H
#define PX_SINK_TEXT_ASIDE_H

#include "base/buf.h"
#include "record/record.h"

/* A lost or note record as a message of px_log(). */
void px_text_aside(const struct px_record *r);

/* What a run came to, for its last line. */
struct px_text_totals {
	uint64_t messages, errors;
	uint64_t connections, connections_from_start;
	uint64_t lost_events, lost_bytes;
	uint64_t not_understood;	/* streams */
	int64_t duration_ns;
	uint64_t filtered;	/* messages that were not wanted */
};

/*
 * Append "1532 messages, 12 errors, 14 connections (3 seen from the start), 0 events lost, 3
 * streams not understood, 42.1 s", without an end of line. Lost bytes and messages that were not wanted are named if there are any.
 * Returns 0, -ENOBUFS or -ENOMEM.
 */
PX_MUST_USE int px_text_totals_print(struct px_buf *out, const struct px_text_totals *t);

#endif
