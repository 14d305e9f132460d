/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP put in order: segments of a capture become the events that a traced process would have made.
 *
 * A segment is handed over when all bytes before it in its own direction are, and all bytes of the
 * other direction that its sender had confirmed: so a question comes before its answer even where
 * the capture has them the other way round. What was captured twice counts once, the first time.
 * What does not come within a bounded time and number of packets becomes an event with
 * PX_ABI_F_LOST.
 */
#ifndef PX_CAPTURE_TCP_H
#define PX_CAPTURE_TCP_H

#include "capture/flow.h"

/* Take one TCP segment or UDP datagram; f->fn gets the events that follow from it. s is used up. */
void px_tcp_segment(struct px_flows *f, struct px_segment *s);

/* Nothing will follow: hand over what waits. */
void px_tcp_finish(struct px_flows *f);

#endif
