/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connections of a packet capture: found by their addresses, bounded in number, and what is
 * known of each.
 */
#ifndef PX_CAPTURE_FLOW_H
#define PX_CAPTURE_FLOW_H

#include "capture/packet.h"
#include "capture/source.h"

/* Who moved the bytes of a segment, and the event's flags that only a note can tell. */
struct px_flow_owner {
	uint32_t pid, tid, uid;
	uint16_t flags;
	bool has_peer;
	uint32_t peer;		/* peer_pos, with has_peer */
	char comm[16];
};

/* A segment that came before its turn. */
struct px_flow_held {
	struct px_flow_held *next;
	uint64_t ts_ns;
	uint32_t seq, ack, len;
	bool has_ack;
	uint8_t tcp_flags;
	struct px_flow_owner owner;
	size_t copied;
	char data[];
};

/*
 * One direction of a TCP connection, PX_ABI_IN or PX_ABI_OUT as seen from its client (or from the
 * traced process).
 */
struct px_flow_dir {
	uint32_t next;		/* sequence number of the next byte to hand over, with is_known */
	uint32_t first;		/* of the first byte that could be handed over */
	uint32_t acked;		/* highest one that the other side has confirmed, with has_acked */
	bool is_known, has_acked;
	bool is_seen;		/* a packet of this direction was captured */
	bool has_syn;		/* first is the connection's own first byte */
	bool has_data;		/* bytes were handed over or declared lost */
	bool is_over;		/* its FIN was handed over; next counts it */
	uint64_t progress_ns;	/* when something was last handed over, or held for the first time */
	struct px_flow_held *held, *held_last;	/* by sequence number, without overlap */
	size_t held_count;
};

struct px_flow {
	uint64_t context;
	struct px_flow_dir dirs[2];
	struct px_abi_names names;	/* of a UNIX socket that was written as TCP */
	bool has_names, has_told_names;
	bool has_origin;	/* written by pxtrace: identity and ends are known, and its end will be told */
	bool is_packet;		/* the process is not known */
	bool has_peer;
	uint32_t peer;		/* peer_pos of the event to come, with has_peer */
	uint16_t flags;		/* of the events to come, beside those that the packets tell */
	bool is_oriented;	/* which end is local is known, not guessed */
	bool is_open;		/* its OPEN has been handed over */
	bool is_ending;		/* a reset is being handed over */
	bool is_closed;		/* its CLOSE has */
	bool has_events;
	uint64_t syn_ns;
	size_t held_bytes;
	/*
	 * A segment that fits nowhere: if another continues it, the addresses serve a new
	 * connection.
	 */
	uint32_t stray_next;
	uint8_t stray_dir;
	bool has_stray;

	uint64_t hash;
	struct px_flow *hash_next;
	struct px_flow *age_prev, *age_next;	/* least recently used first */
	struct px_flow *wait_prev, *wait_next;	/* those that hold segments, by waiting_since */
	bool is_waiting;
	uint64_t waiting_since;

	struct px_abi_event ev;	/* what its events have in common; ends in an open array: last */
};

struct px_flow_stats {
	uint64_t flows, evicted;
	uint64_t lost_bytes;		/* declared lost */
	uint64_t repeated_bytes;	/* came again */
	uint64_t held;			/* segments that came before their turn */
	uint64_t stray;			/* segments that fit nowhere */
};

struct px_flows {
	px_event_fn fn;		/* where events go; set before each call that makes some */
	void *ctx;
	struct px_flow_stats stats;
	struct px_flow **buckets;
	size_t bucket_count;
	size_t flow_count;
	uint64_t serial;
	struct px_flow *age_first, *age_last;
	struct px_flow *wait_first, *wait_last;
	size_t held_bytes, held_count;	/* of all flows */
	struct px_flow *last;	/* the one found last */
};

PX_MUST_USE int px_flows_init(struct px_flows *f);
void px_flows_fini(struct px_flows *f);

/*
 * The flow of this segment, a new one if need be, and the segment's direction in it. NULL when
 * memory is short. The least recently used flow makes room when there are too many.
 */
struct px_flow *px_flow_find(struct px_flows *f, const struct px_segment *s, uint8_t *dir);

/* Begin another connection between the same ends; the old one's end is told. */
void px_flow_restart(struct px_flows *f, struct px_flow *flow, uint64_t ts_ns);

/* Make the sender of this segment the local end. Only while nothing was handed over. */
void px_flow_orient(struct px_flow *flow, const struct px_segment *s);

/* Hand over an event of this kind; the fields in flow->ev that are not given stay as they are. */
void px_flow_emit(struct px_flows *f, struct px_flow *flow, uint8_t kind, uint64_t ts_ns,
		  uint16_t flags, struct px_bytes data);

void px_flow_set_owner(struct px_flow *flow, const struct px_flow_owner *owner);

void px_flow_wait(struct px_flows *f, struct px_flow *flow, uint64_t now_ns);
void px_flow_unwait(struct px_flows *f, struct px_flow *flow);

#endif
