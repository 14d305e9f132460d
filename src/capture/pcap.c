/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/pcap.h"

#include <errno.h>

/*
 * pcap (draft-ietf-opsawg-pcap): magic 4, version 2+2, reserved 4+4, snap length 4, link type 4
 * (its low 16 bits; the others tell of frame checksums). Then packets: seconds 4, micro- or
 * nanoseconds 4, captured length 4, length 4, bytes. All in the byte order that the magic number
 * tells.
 */
#define PCAP_US 0xa1b2c3d4u
#define PCAP_NS 0xa1b23c4du
#define PCAP_RECORD 16

static uint32_t pcap_u32(const struct px_pcap *p, const char *at)
{
	uint32_t v;

	memcpy(&v, at, sizeof(v));
	return p->swapped ? __builtin_bswap32(v) : v;
}

bool px_pcap_is(struct px_bytes head)
{
	uint32_t magic;

	if (head.len < sizeof(magic))
		return false;
	memcpy(&magic, head.ptr, sizeof(magic));
	return magic == PCAP_US || magic == PCAP_NS || magic == __builtin_bswap32(PCAP_US) ||
	       magic == __builtin_bswap32(PCAP_NS);
}

int px_pcap_begin(struct px_pcap *p, struct px_input *in, const char **why)
{
	struct px_bytes b;
	uint32_t magic;
	int ret = px_input_want(in, PX_PCAP_HEAD, &b);

	if (ret == PX_INPUT_END) {
		*why = "capture file cut short in its head";
		return -EBADMSG;
	}
	if (ret)
		return ret;
	memcpy(&magic, b.ptr, sizeof(magic));
	p->swapped = magic != PCAP_US && magic != PCAP_NS;
	p->has_ns = pcap_u32(p, b.ptr) == PCAP_NS;
	p->link = pcap_u32(p, b.ptr + 20) & 0xffff;
	px_input_drop(in, PX_PCAP_HEAD);
	return 0;
}

int px_pcap_next(struct px_pcap *p, struct px_input *in, struct px_packet *out, size_t *size,
		 const char **why)
{
	struct px_bytes b;
	uint32_t captured, fraction;
	int ret = px_input_want(in, PCAP_RECORD, &b);

	if (ret == PX_INPUT_END && b.len == 0 && !px_input_damage(in))
		return PX_INPUT_END;
	*why = "capture file cut short";
	if (ret)
		return ret == PX_INPUT_END ? -EBADMSG : ret;
	captured = pcap_u32(p, b.ptr + 8);
	fraction = pcap_u32(p, b.ptr + 4);
	if (captured > PX_PACKET_MAX) {
		*why = "packet of an impossible size";
		return -EBADMSG;
	}
	if (PCAP_RECORD + captured > b.len) {
		ret = px_input_want(in, PCAP_RECORD + captured, &b);
		if (ret)
			return ret == PX_INPUT_END ? -EBADMSG : ret;
	}
	out->ts_ns = pcap_u32(p, b.ptr) * UINT64_C(1000000000) +
		     fraction * UINT64_C(1) * (p->has_ns ? 1 : 1000);
	out->link = p->link;
	out->len = pcap_u32(p, b.ptr + 12);
	if (out->len < captured)
		out->len = captured;
	out->data = px_bytes_of(b.ptr + PCAP_RECORD, captured);
	out->comment = (struct px_bytes){ NULL, 0 };
	*size = PCAP_RECORD + captured;
	return 0;
}
