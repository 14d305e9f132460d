/* SPDX-License-Identifier: Apache-2.0 */
/* Records as columns: CSV as RFC 4180 has it, or the fields of --fields divided by tabs. */
#ifndef PX_SINK_SINK_COLUMNS_H
#define PX_SINK_SINK_COLUMNS_H

#include "sink/out.h"
#include "sink/pick.h"
#include "sink/sink.h"

/*
 * A line per message, open and close record; lost and note records are told through px_log().
 * pick: the columns; NULL: those of the text line, which only CSV can show so. is_csv: a header
 * line comes first, what is absent or null is empty, fields with commas or quotes stand in quotes.
 * Otherwise a tab divides them, and "-" stands for nothing. In both, control characters are
 * escaped, so a record is a line. out and pick stay the caller's and outlive the sink. NULL: out of
 * memory.
 */
struct px_sink *px_sink_columns_new(struct px_out *out, struct px_pick *pick, bool is_csv);

#endif
