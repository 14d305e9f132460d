/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events turned back into packets, as a capture file has them: the way into -w.
 *
 * An event becomes one packet or more that tcp.c makes the same events of. Sequence numbers are the
 * socket's own; a UNIX socket is shown as TCP between addresses of 127.128.0.0/9 that are made of
 * its inode. Where both ends of a connection are traced only the end that was seen first is written
 * for other programs, the other one in hidden packets.
 */
#ifndef PX_CAPTURE_WIRE_H
#define PX_CAPTURE_WIRE_H

#include "base/buf.h"
#include "capture/event.h"

#define PX_WIRE_PAYLOAD_MAX 65000u /* of a packet: IP counts up to 65,535 with its headers */
#define PX_WIRE_BUF_MAX ((size_t)8 << 20) /* what one event can become, and what the caller left */

struct px_wire_conn; /* one connection's */

struct px_wire {
	struct px_buf buf; /* whole blocks; the caller takes them out */
	struct px_wire_conn **buckets; /* those that are shown, by their ends */
	uint64_t serial;
	uint16_t ip_id;
	uint64_t packets, hidden_packets;
	uint64_t dropped_packets; /* no memory for them */
};

PX_MUST_USE int px_wire_init(struct px_wire *w);

/* Each connection's px_wire_end() comes first. */
void px_wire_fini(struct px_wire *w);

/* The beginning of a file; connections that are under way go on in it. */
PX_MUST_USE int px_wire_begin(struct px_wire *w);

/*
 * Take the next event of a connection: OPEN, NAMES, DATA in order.
 *
 * slot   the connection's, NULL before its first event; filled here
 * pos    DATA: offset of its first byte in its direction, in place of ev->hdr->pos; only the low 32 bits are written
 * ts_ns  nanoseconds since 1970, in place of ev->hdr->ts_ns
 */
void px_wire_event(struct px_wire *w, struct px_wire_conn **slot, const struct px_event *ev,
		   uint64_t pos, uint64_t ts_ns);

/* A datagram, which belongs to no connection. */
void px_wire_datagram(struct px_wire *w, const struct px_event *ev, uint64_t ts_ns);

enum px_wire_end {
	PX_WIRE_GIVEN_UP,
	PX_WIRE_CLOSED,	/* behind the last byte written */
	PX_WIRE_RESET,
	PX_WIRE_GONE,	/* closed, nobody knows behind which byte: no FIN says it */
};

/* The connection is over, or given up: then nothing is written. Releases *slot; NULL is fine. */
void px_wire_end(struct px_wire *w, struct px_wire_conn **slot, enum px_wire_end how,
		 uint64_t ts_ns);

#endif
