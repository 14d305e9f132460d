/* SPDX-License-Identifier: Apache-2.0 */
/* All connections: finds them, feeds them, ages them. */
#ifndef PX_CONN_TABLE_H
#define PX_CONN_TABLE_H

#include "conn/conn.h"
#include "conn/datagram.h"
#include "conn/peers.h"

/* Who talks through this port, on either end, speaks this protocol. */
struct px_decode_as {
	uint16_t port;
	const struct px_parser *parser;
};

struct px_table_options {
	const struct px_parser *const *parsers;
	const struct px_decode_as *decode_as;	/* has to outlive the table */
	size_t decode_as_count;
	struct px_parse_limits limits;
	size_t conns_max;		/* the least recently used one is given up beyond this */
	size_t stream_bytes_max;	/* unread bytes kept per direction */
	size_t total_bytes_max;		/* unread bytes kept in all */
	size_t frame_bytes_max;		/* of one message, what is kept of it and what is made of that */
	size_t frames_bytes_max;	/* of all messages under way */
	uint64_t reorder_ns;		/* how long missing bytes are waited for */
	uint64_t untied_ns;		/* how long plaintext waits for its socket to be known, or may follow its reset */
	uint64_t linger_ns;		/* how long after its end a connection's late events are waited for */
	bool marks_start;		/* the source says whose first events it has; else that is learned */
	size_t peers_max;		/* pairs of UDP sockets and their peers, see conn/peers.h */
	uint64_t idle_peer_ns;
	uint64_t answer_ns;		/* UDP: how long a request waits for its answer */
	enum px_role only_role;		/* UDP: exchanges in which the process has the other role are left out */
	uint64_t idle_unix_ns;		/* UNIX sockets are forgotten after this: their end may go unseen */

	void (*on_exchange)(void *ctx, struct px_conn *c, const struct px_exchange *ex);
	/*
	 * The handshake of a TLS connection, once: requests and answers are its two sides. Told of
	 * those whose inside is not seen, and of all with tells_handshakes. May be NULL.
	 */
	void (*on_handshake)(void *ctx, struct px_conn *c, const struct px_exchange *ex);
	bool tells_handshakes;
	uint64_t handshake_ns;		/* how long after one its plaintext is waited for */
	void (*on_open)(void *ctx, struct px_conn *c);
	void (*on_close)(void *ctx, struct px_conn *c);	/* also at the end of the run */
	void (*on_lost)(void *ctx, struct px_conn *c, uint64_t bytes);	/* bytes that never came */
	/*
	 * The first bytes of a connection are a TLS handshake, and no library is known that uses
	 * it. Told once. May be NULL.
	 */
	void (*on_tls_seen)(void *ctx, struct px_conn *c);
	/*
	 * Each event when its turn is, those of a direction in order: OPEN, NAMES, and DATA after
	 * it was decoded, with pos as the offset of its bytes. A datagram comes with c NULL. The
	 * end of the connection is on_close's. May be NULL.
	 */
	void (*on_event)(void *ctx, struct px_conn *c, const struct px_event *ev, uint64_t pos);
	/*
	 * What the kernel side needs not copy of this connection from now on; the only arrow back.
	 * May be NULL. Returns false where that cannot be told. ctl NULL: the connection has ended,
	 * nothing is to be said of it.
	 */
	bool (*on_control)(void *ctx, struct px_conn *c, const struct px_abi_control *ctl);
	/*
	 * The bytes that were dropped of a connection, by direction, before the last on_control.
	 * Not NULL where on_control is not.
	 */
	void (*on_dropped)(void *ctx, struct px_conn *c, uint64_t bytes[2]);
	/*
	 * Whether a socket that is met for the first time was made since, so that nothing of it was
	 * missed. May be NULL.
	 */
	bool (*is_new)(void *ctx, const struct px_abi_event *h);
	/*
	 * Network namespace whose interfaces have names for us; 0: none, they are shown by number.
	 */
	uint32_t own_netns;
	void *ctx;
};

struct px_table_stats {
	uint64_t events, conns_seen, conns_from_start, conns_evicted;
	uint64_t conns_unix;		/* of conns_seen: UNIX sockets */
	uint64_t not_understood;	/* connections of which nothing was understood though bytes came */
	uint64_t lost_bytes;
	uint64_t dropped, dropped_bytes;	/* connections that were not looked at any more; what they moved then */
};

struct px_table {
	struct px_table_options opt;
	struct px_stream_budget budget;
	struct px_frame_pool frames;
	struct px_decode_env decode_env;
	struct px_match_env match_env;
	struct px_table_stats stats;
	struct px_peers peers;
	struct px_datagrams datagrams;
	struct px_conn **buckets;
	size_t bucket_count, conn_count;
	uint64_t serial;
	struct px_conn *age_first, *age_last;
	struct px_conn *wait_first;
	struct px_conn *hello_first, *hello_last;	/* handshakes to be told of, in the order of their ends */
};

/* Fills opt with the defaults. */
void px_table_defaults(struct px_table_options *opt);

PX_MUST_USE int px_table_init(struct px_table *t, const struct px_table_options *opt);

/*
 * Ends every connection as if it had been closed now, which may still make records, and frees all.
 */
void px_table_fini(struct px_table *t);

/*
 * The same for those connections that is_out says nothing more will come of, though they go on.
 * What comes all the same begins anew, in the middle.
 */
void px_table_forget(struct px_table *t, bool (*is_out)(void *ctx, const struct px_conn *c),
		     void *ctx);

void px_table_event(struct px_table *t, const struct px_event *ev);

/*
 * All events up to this time (source clock, ns) have been handed over: make final what waits for
 * longer.
 */
void px_table_advance(struct px_table *t, uint64_t now_ns);

/* Whether px_table_advance() will have something to do later though no event comes. */
static inline bool px_table_is_waiting(const struct px_table *t)
{
	return t->wait_first != NULL || px_datagrams_are_waiting(&t->datagrams);
}

#endif
