/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The data events of a connection in the order of their bytes, as its streams and its decoder take
 * them: those that came too early are held. Of conn/ alone.
 */
#ifndef PX_CONN_ORDER_H
#define PX_CONN_ORDER_H

#include "conn/table.h"

/*
 * Offsets are 64 bits in here; a TCP sequence number is the nearest one to where the stream stands.
 */
uint64_t px_order_offset(const struct px_stream *s, uint32_t raw);

/*
 * Events of a connection are taken in the order in which they came, also across its directions:
 * while one waits, those behind it wait too. Only the bytes that are waited for go first.
 */
void px_order_event(struct px_conn *c, const struct px_event *ev);

/* The source has put the bytes in order and tells that some are missing (PX_ABI_F_LOST). */
void px_order_lost(struct px_conn *c, const struct px_event *ev);

/* What the held events wait for will not come: go on without it. */
void px_order_settle(struct px_conn *c);

/*
 * Keep an event of a TLS context until its socket is known. Not for ever: c->is_unpaired is set
 * when they are taken as they are.
 */
void px_order_keep(struct px_conn *c, const struct px_event *ev);

/* What was kept with `from` are events of c. */
void px_order_replay(struct px_conn *c, struct px_conn *from);

/* What the first event that is kept tells of where both directions stood; false: none is. */
bool px_order_kept_from(const struct px_conn *c, uint32_t *out, uint32_t *in);

/* The same for those that have waited for reorder_ns by now (source clock). */
void px_order_advance(struct px_conn *c, uint64_t now_ns);

#endif
