/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages that come in datagrams: each one is a message by itself, and its partner is another
 * datagram of the same socket with the same key and the same peer. Whoever asks again gets one
 * record for all tries. What waits for its partner is bounded in number and in time.
 */
#ifndef PX_CONN_DATAGRAM_H
#define PX_CONN_DATAGRAM_H

#include "conn/conn.h"

struct px_asked;

/* Frames in the order in which their time runs out. */
struct px_asked_list {
	struct px_asked *first, *last;
};

struct px_datagrams {
	struct px_table *table;		/* whose parsers, limits and on_exchange are used */
	struct px_asked **buckets;
	struct px_asked_list requests, responses;
	struct px_asked *free_list;
	struct px_frame *spare;		/* for the next datagram */
	size_t count;			/* that wait */
	uint64_t understood;		/* datagrams that were messages */
};

/* Returns 0 or -ENOMEM. */
PX_MUST_USE int px_datagrams_init(struct px_datagrams *d, struct px_table *table);

/* Behind px_datagrams_flush(). */
void px_datagrams_fini(struct px_datagrams *d);

/* A datagram between c's socket and c's peer. */
void px_datagrams_event(struct px_datagrams *d, struct px_conn *c, const struct px_event *ev);

/* Nothing more comes from this peer: what waits goes alone. */
void px_datagrams_end(struct px_datagrams *d, struct px_conn *c);

/* The same of all peers. */
void px_datagrams_flush(struct px_datagrams *d);

/* What has waited for long enough by this time (source clock, ns) goes alone. */
void px_datagrams_advance(struct px_datagrams *d, uint64_t now_ns);

/* Whether px_datagrams_advance() will have something to do in less than a second. */
static inline bool px_datagrams_are_waiting(const struct px_datagrams *d)
{
	return d->responses.first != NULL;
}

#endif
