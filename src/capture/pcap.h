/* SPDX-License-Identifier: Apache-2.0 */
/* Packet capture files: pcap in pcap.c, pcapng in pcapng.c, told apart by their first bytes. */
#ifndef PX_CAPTURE_PCAP_H
#define PX_CAPTURE_PCAP_H

#include "capture/input.h"
#include "capture/packet.h"

#define PX_PACKET_MAX (2u << 20)	/* bytes of one packet; the largest that Linux makes have 512 kB */
#define PX_PCAP_HEAD 24			/* bytes that tell what a file is */

/* One kind of file; the state is a struct px_pcap or px_pcapng. */
struct px_pcap {
	bool swapped;		/* its numbers are in the other byte order */
	bool has_ns;		/* fractions of seconds are nanoseconds, not microseconds */
	uint32_t link;
};

/*
 * Is this the start of a pcap file? head: the first PX_PCAP_HEAD bytes, or fewer at the end of a
 * short file.
 */
bool px_pcap_is(struct px_bytes head);

/*
 * Read the file's header. As of px_pcap_next, but 0 leaves no packet.
 */
PX_MUST_USE int px_pcap_begin(struct px_pcap *p, struct px_input *in, const char **why);

/*
 * The next packet; it borrows from the input until *size bytes have been dropped from there.
 *
 * Returns 0; PX_INPUT_END at the end of the file; -EAGAIN when it has not come yet; -EBADMSG with
 * *why (a static string); another negative errno.
 */
PX_MUST_USE int px_pcap_next(struct px_pcap *p, struct px_input *in, struct px_packet *out,
			     size_t *size, const char **why);

#endif
