/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who exchanges UDP datagrams with whom: a socket and one of its peers are shown as connections
 * are, opened by their first datagram and closed when none came for a while; those of packet
 * captures are kept, but not shown. Nobody closes them, so they are few and short-lived: bounded in
 * number and in time.
 */
#ifndef PX_CONN_PEERS_H
#define PX_CONN_PEERS_H

#include "conn/conn.h"

struct px_peers {
	struct px_conn **buckets;
	size_t count, max;		/* the least recently used one is closed beyond this */
	uint64_t idle_ns;		/* after this time without a datagram one is closed */
	uint64_t datagrams;		/* seen in all */
	struct px_conn *age_first, *age_last;
	struct px_table *table;		/* whose on_open and on_close are called */
};

/* Returns 0 or -ENOMEM. */
PX_MUST_USE int px_peers_init(struct px_peers *p, struct px_table *table, size_t max,
			      uint64_t idle_ns);

/* Closes all. */
void px_peers_fini(struct px_peers *p);

/* Close those that is_out says nothing more will come of; NULL: all. */
void px_peers_forget(struct px_peers *p, bool (*is_out)(void *ctx, const struct px_conn *c),
		     void *ctx);

/* A datagram: its socket and peer, or NULL where there is no memory. */
struct px_conn *px_peers_event(struct px_peers *p, const struct px_abi_event *h);

/* Close those that were idle for too long by this time (source clock, ns). */
void px_peers_advance(struct px_peers *p, uint64_t now_ns);

#endif
