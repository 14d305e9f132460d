/* SPDX-License-Identifier: Apache-2.0 */
/* One captured packet, from the link layer inwards to its TCP segment or UDP datagram. */
#ifndef PX_CAPTURE_PACKET_H
#define PX_CAPTURE_PACKET_H

#include "abi.h"
#include "base/bytes.h"

/* Link types as capture files number them (LINKTYPE_ values). */
enum px_link {
	PX_LINK_NULL = 0,	/* 4 bytes: address family in the byte order of the writing host */
	PX_LINK_ETHERNET = 1,
	PX_LINK_RAW_OLD = 12,	/* raw IP as some systems number it */
	PX_LINK_RAW_OPENBSD = 14,
	PX_LINK_RAW = 101,
	PX_LINK_LOOP = 108,	/* as PX_LINK_NULL, big-endian */
	PX_LINK_LINUX_SLL = 113,
	PX_LINK_IPV4 = 228,
	PX_LINK_IPV6 = 229,
	PX_LINK_LINUX_SLL2 = 276,
};

bool px_link_is_known(uint32_t link);

/* A packet as the file has it. */
struct px_packet {
	uint64_t ts_ns;		/* since 1970 */
	uint32_t link;		/* enum px_link, or another number */
	uint32_t len;		/* on the wire; data.len of these were captured */
	struct px_bytes data;
	struct px_bytes comment;	/* as pcapng has it, often empty */
};

/* TCP flags as on the wire */
#define PX_TCP_FIN 0x01
#define PX_TCP_SYN 0x02
#define PX_TCP_RST 0x04
#define PX_TCP_ACK 0x10

/*
 * Whose a segment is and what else was known of it, where the file's writer knew (capture/note.h).
 */
struct px_origin {
	uint64_t sock_id, sock_gen;
	uint32_t pid, tid, uid;
	uint32_t scope_id;	/* as in struct px_abi_event */
	uint32_t lost;		/* so many bytes before this segment were not seen and never will be */
	uint32_t peer;		/* peer_pos of the event, with has_peer; else it is the acknowledgment number */
	uint32_t error;		/* a connect that failed: its errno */
	uint16_t flags;		/* PX_ABI_F_ flags of the event, as far as no packet can tell them: PX_NOTE_FLAGS */
	uint8_t dir;		/* PX_ABI_IN, PX_ABI_OUT: of this segment */
	uint8_t family;		/* PX_ABI_AF_UNIX where the packet stands for a UNIX socket */
	bool is_packet;		/* from a packet capture: no process is known */
	bool has_peer;
	bool has_no_ack;	/* the acknowledgment number is made up */
	bool is_open;		/* the connection began here; the segment has no numbers */
	bool is_end;		/* the connection's end was seen, and nothing follows */
	char comm[16];
	struct px_abi_names names;	/* of a UNIX socket */
};

struct px_segment {
	uint64_t ts_ns;
	uint64_t context;	/* tells apart equal addresses in different virtual networks */
	uint8_t src[16], dst[16];	/* as in struct px_abi_event */
	uint16_t src_port, dst_port;
	uint8_t family;		/* PX_ABI_AF_INET or PX_ABI_AF_INET6 */
	uint8_t protocol;	/* 6 or 17 */
	uint8_t tcp_flags;
	uint32_t seq, ack;
	uint32_t len;		/* payload bytes on the wire */
	struct px_bytes data;	/* those that were captured, at most len */
	const struct px_origin *origin;	/* NULL: not known */
};

enum px_packet_result {
	PX_PACKET_SEGMENT,	/* *out is filled */
	PX_PACKET_FRAGMENT,	/* kept until the other fragments come */
	PX_PACKET_OTHER,	/* neither TCP nor UDP */
	PX_PACKET_BROKEN,	/* cut within its headers, or headers that contradict each other */
};

/* Fragments that wait for others; bounded. */
struct px_fragments;
struct px_fragments *px_fragments_new(void);
void px_fragments_free(struct px_fragments *frags);

/*
 * Take p apart. out->data points into p->data, or into frags where the packet completes a
 * fragmented datagram; it is valid until the next call. out->origin is left alone.
 */
enum px_packet_result px_packet_dissect(const struct px_packet *p, struct px_fragments *frags,
					struct px_segment *out);

#endif
