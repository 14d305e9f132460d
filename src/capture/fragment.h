/* SPDX-License-Identifier: Apache-2.0 */
/* IP datagrams put together from their fragments, in bounded memory. */
#ifndef PX_CAPTURE_FRAGMENT_H
#define PX_CAPTURE_FRAGMENT_H

#include "capture/packet.h"

struct px_fragment {
	uint64_t ts_ns;
	uint64_t context;
	uint8_t src[16], dst[16];
	uint32_t id;
	uint8_t family, protocol;	/* protocol: what the datagram holds */
	bool more;			/* others follow */
	uint32_t offset;		/* bytes, in the datagram's payload */
	uint32_t len;			/* on the wire; data.len of these were captured */
	struct px_bytes data;
};

/*
 * Add a fragment; where two overlap, the bytes that came first stay. Returns true when the datagram
 * is complete: *whole is its captured start, *len its length on the wire. Valid until the next
 * call.
 */
bool px_fragments_add(struct px_fragments *frags, const struct px_fragment *f,
		      struct px_bytes *whole, uint32_t *len);

#endif
