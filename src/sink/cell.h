/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of cells, divided by commas or by tabs. */
#ifndef PX_SINK_CELL_H
#define PX_SINK_CELL_H

#include "base/buf.h"

/*
 * Append a cell to a line, with what divides it from the one before where it is not the first. With
 * is_csv in quotes where RFC 4180 asks for them, else "-" for an empty one. Line breaks and
 * controls are escaped already. Returns 0, -ENOBUFS or -ENOMEM.
 */
PX_MUST_USE int px_cell_append(struct px_buf *line, struct px_bytes cell, bool is_csv,
			       bool is_first);

#endif
