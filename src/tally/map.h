/* SPDX-License-Identifier: Apache-2.0 */
/* A tally by protocol, role, process and peer, as a drawing. */
#ifndef PX_TALLY_MAP_H
#define PX_TALLY_MAP_H

#include "base/buf.h"
#include "tally/tally.h"

/* What the parts of a key are. */
enum px_map_part { PX_MAP_PROTO, PX_MAP_ROLE, PX_MAP_WHO, PX_MAP_PEER };

/*
 * Append a graph, for Graphviz or for Mermaid: a node for each process and peer, an arrow from who
 * asks to who answers, with protocol, rate, errors and p95. Returns 0, -ENOBUFS or -ENOMEM.
 */
PX_MUST_USE int px_map_print(struct px_buf *out, const struct px_tally *t, bool is_dot,
			     uint64_t duration_ns);

#endif
