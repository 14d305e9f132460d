/* SPDX-License-Identifier: Apache-2.0 */
/* Where records go. sink_text.c, sink_json.c, ... implement it. */
#ifndef PX_SINK_SINK_H
#define PX_SINK_SINK_H

#include "record/record.h"

struct px_sink;

#define PX_SINK_END_MS 1000	/* how long free() waits for who reads the output */

struct px_sink_ops {
	/*
	 * Take one record; it is the caller's again on return. Returns 0 or -errno; -EPIPE ends the
	 * run quietly. What a full queue drops is no error: it is in px_out_stats() of the output.
	 */
	int (*record)(struct px_sink *s, const struct px_record *r);
	/*
	 * A batch of events has been drained: show what is buffered, unless the output is a file.
	 */
	int (*flush)(struct px_sink *s);
	/* Write out everything, for at most PX_SINK_END_MS, and release; s is gone. */
	int (*free)(struct px_sink *s);
};

struct px_sink {
	const struct px_sink_ops *ops;
};

#endif
