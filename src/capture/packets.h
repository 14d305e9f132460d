/* SPDX-License-Identifier: Apache-2.0 */
/* From a packet capture file to events: packets, their headers, and TCP put in order. */
#ifndef PX_CAPTURE_PACKETS_H
#define PX_CAPTURE_PACKETS_H

#include "capture/input.h"
#include "capture/source.h"

struct px_packets;

/*
 * Is this the start of a packet capture? head: the first 24 bytes, or fewer at the end of a short
 * file.
 */
bool px_packets_is(struct px_bytes head);

/* NULL when memory is short. */
struct px_packets *px_packets_new(void);
void px_packets_free(struct px_packets *p);

/*
 * Read the next packet and hand over what follows from it: none, one, or many events where one was
 * waited for.
 *
 * Returns 0; PX_INPUT_END when the file is over and everything was handed over; -EAGAIN; -EBADMSG
 * with *why, everything before it having been handed over; another negative errno.
 */
PX_MUST_USE int px_packets_next(struct px_packets *p, struct px_input *in, px_event_fn fn,
				void *ctx, const char **why);

/* Hand over what waits for packets that will not come. */
void px_packets_finish(struct px_packets *p, px_event_fn fn, void *ctx);

#endif
