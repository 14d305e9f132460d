/* SPDX-License-Identifier: Apache-2.0 */
/* pcapng files: sections, interfaces, packets with comments. */
#ifndef PX_CAPTURE_PCAPNG_H
#define PX_CAPTURE_PCAPNG_H

#include "capture/input.h"
#include "capture/packet.h"

#define PX_PCAPNG_INTERFACES_MAX 65536

struct px_pcapng_interface {
	uint32_t link, snaplen;
	uint64_t units;		/* of its clock in a second */
	int64_t offset_s;	/* to add */
};

struct px_pcapng {
	bool swapped;
	struct px_pcapng_interface *interfaces;	/* of the current section */
	size_t interface_count, interface_cap;
	uint64_t skip;		/* bytes still to be passed over */
	uint64_t last_ts_ns;	/* simple packets have no time of their own */
};

bool px_pcapng_is(struct px_bytes head);
void px_pcapng_fini(struct px_pcapng *p);

/*
 * As px_pcap_next. An event block, which pxtrace writes for itself, is given with link PX_PCAPNG_NO_PACKET and what it
 * holds in out->data. Other blocks that are not packets are passed over.
 */
PX_MUST_USE int px_pcapng_next(struct px_pcapng *p, struct px_input *in, struct px_packet *out, size_t *size,
			       const char **why);

/* Type of the block that holds an event which no packet can stand for: of the range kept for local use. */
#define PX_PCAPNG_EVENT_BLOCK 0x80505854u
#define PX_PCAPNG_EVENT_MAGIC "PXEVENT1"	/* it begins with this, a struct px_abi_event follows */
#define PX_PCAPNG_NO_PACKET UINT32_MAX	/* px_packet.link of such a block; px_packet.data is what it holds */

#endif
