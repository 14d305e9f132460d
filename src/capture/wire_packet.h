/* SPDX-License-Identifier: Apache-2.0 */
/* What wire.c knows of a connection, and one packet of it. Of wire.c and wire_packet.c alone. */
#ifndef PX_CAPTURE_WIRE_PACKET_H
#define PX_CAPTURE_WIRE_PACKET_H

#include "capture/note.h"
#include "capture/wire.h"

#define PX_WIRE_TCP 6
#define PX_WIRE_UDP 17

/* One direction. */
struct px_wire_dir {
	uint32_t next; /* sequence number behind what was written, with is_known */
	uint32_t acked; /* highest acknowledgment number written for it, with is_known */
	bool is_known;
	bool has_data;
	bool has_fin; /* it stands at next */
};

struct px_wire_conn {
	struct px_origin origin;
	uint8_t family; /* of the packets: AF_INET or AF_INET6 */
	uint16_t local_port, remote_port;
	uint8_t local[16], remote[16];
	struct px_wire_dir dirs[2]; /* by PX_ABI_IN, PX_ABI_OUT */
	bool is_hidden;
	bool has_packets;
	/* The handshake waits for the first bytes: they tell its numbers. */
	bool is_opening;
	uint8_t client; /* PX_ABI_IN, PX_ABI_OUT: who sends the SYN */
	uint64_t opening_ns;
	struct px_wire_conn *hash_next; /* unless hidden */
};

struct px_wire_packet {
	uint64_t ts_ns;
	uint8_t dir; /* PX_ABI_IN, PX_ABI_OUT */
	uint8_t protocol;
	uint8_t flags; /* of TCP */
	uint32_t seq, ack;
	struct px_bytes data;
	uint32_t len;
	bool is_hidden;
};

/*
 * Append the packet with its note to w->buf and count it. What the note tells of this packet alone
 * is taken back from c->origin.
 */
void px_wire_put(struct px_wire *w, struct px_wire_conn *c, const struct px_wire_packet *p);

#endif
