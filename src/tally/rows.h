/* SPDX-License-Identifier: Apache-2.0 */
/* A tally by protocol, role, peer, operation and target, as a table for people or records. */
#ifndef PX_TALLY_ROWS_H
#define PX_TALLY_ROWS_H

#include "base/buf.h"
#include "tally/tally.h"

/*
 * Append a line with the names of the columns and one for each row, in their order; nothing where
 * there is no row. width: columns of the terminal, where some numbers are left out and long texts
 * cut for it; 0: no limit. Returns 0, -ENOBUFS or -ENOMEM.
 */
PX_MUST_USE int px_rows_print(struct px_buf *out, const struct px_tally *t, uint64_t duration_ns,
			      size_t width);

/* Fill a summary record with a row. Views in it live as long as the tally. */
void px_rows_record(const struct px_tally *t, const struct px_tally_row *row, uint64_t duration_ns,
		    struct px_record *r);

#endif
