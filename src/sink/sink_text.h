/* SPDX-License-Identifier: Apache-2.0 */
/* Records for eyes and grep: one line each, details indented below it. */
#ifndef PX_SINK_SINK_TEXT_H
#define PX_SINK_SINK_TEXT_H

#include "sink/out.h"
#include "sink/sink.h"

/* What the first column shows, by the number of times that -t was given, as in tcpdump. */
enum px_time_style {
	PX_TIME_CLOCK,		/* local time, microseconds */
	PX_TIME_NONE,		/* -t: no such column */
	PX_TIME_EPOCH,		/* -tt: seconds since 1970 */
	PX_TIME_DELTA,		/* -ttt: since the line before */
	PX_TIME_DATE,		/* -tttt: local date and time, joined by T */
	PX_TIME_SINCE_FIRST,	/* -ttttt: since the first line */
};

#define PX_TEXT_SUMMARY_MAX 512	/* bytes of a summary where nothing else limits it */

struct px_text_options {
	unsigned int width;	/* columns of the terminal; 0: not a terminal */
	bool colour;
	bool wide;		/* all columns and the whole summary, whatever the width */
	unsigned int verbosity;	/* number of -v */
	enum px_time_style time_style;
	int64_t slow_ns;	/* latency above this is shown in red; 0: none is */
	bool ascii, hex, hex_ascii;	/* -A, -x, -X */
};

/*
 * out stays the caller's and outlives the sink. It gets data only: messages, open and close. Lost
 * and note records are told through px_log(), and start and stop are left to the caller, who has
 * the banner and px_text_totals_print() (text_aside.h). Returns NULL where there is no memory.
 */
struct px_sink *px_sink_text_new(struct px_out *out, const struct px_text_options *options);

/* The terminal has another width now (SIGWINCH); s is a text sink. */
void px_sink_text_set_width(struct px_sink *base, unsigned int width);

#endif
