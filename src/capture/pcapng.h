/* SPDX-License-Identifier: Apache-2.0 */
/* pcapng files, read and written: sections, interfaces, packets with comments. */
#ifndef PX_CAPTURE_PCAPNG_H
#define PX_CAPTURE_PCAPNG_H

#include "base/buf.h"
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

/* As px_pcap_next. Blocks that are not packets are passed over. */
PX_MUST_USE int px_pcapng_next(struct px_pcapng *p, struct px_input *in, struct px_packet *out,
			       size_t *size, const char **why);

/*
 * A packet for pxtrace alone, in a block type of the range kept for local use: other programs pass
 * over it. It holds what would confuse them, and is as an enhanced packet behind the magic. Where
 * both ends of a connection were traced each byte was seen twice, and one end's view is written so.
 */
#define PX_PCAPNG_HIDDEN_BLOCK 0x80505854u
#define PX_PCAPNG_HIDDEN_MAGIC "PXHIDDEN"

struct px_pcapng_write {
	uint64_t ts_ns;		/* since 1970 */
	struct px_bytes head;	/* of the frame: link layer and what follows it, all of it captured */
	struct px_bytes data;	/* behind it, what there is */
	uint32_t data_len;	/* how long that was, at least data.len */
	struct px_bytes comment;	/* may be empty */
	bool is_out;		/* from the traced process's host, else to it */
	bool is_hidden;
};

/*
 * The beginning of a file: a section, and one Ethernet interface with times in nanoseconds. 0 or a
 * negative errno.
 */
PX_MUST_USE int px_pcapng_write_begin(struct px_buf *to);

/* One packet, a whole block. Returns 0, or a negative errno and then nothing has been appended. */
PX_MUST_USE int px_pcapng_write(struct px_buf *to, const struct px_pcapng_write *packet);

#endif
