/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/packet.h"

#include "base/cursor.h"
#include "capture/fragment.h"

#define PACKET_LAYERS_MAX 12	/* headers inside one another; tunnels in tunnels end somewhere */

#define PACKET_WIRE_MAX (1u << 20)	/* twice what the kernel hands over in one piece (BIG TCP) */

#define ETHER_IPV4 0x0800
#define ETHER_IPV6 0x86dd
#define ETHER_VLAN 0x8100	/* IEEE 802.1Q */
#define ETHER_QINQ 0x88a8	/* IEEE 802.1ad */
#define ETHER_QINQ_OLD 0x9100
#define ETHER_TRANSPARENT 0x6558	/* an Ethernet frame, in GRE */

#define IP_HOP_BY_HOP 0
#define IP_IPV4 4
#define IP_TCP 6
#define IP_UDP 17
#define IP_IPV6 41
#define IP_ROUTING 43
#define IP_FRAGMENT 44
#define IP_GRE 47
#define IP_AUTH 51
#define IP_DEST_OPTIONS 60

#define VXLAN_PORT 4789	/* RFC 7348 */
#define VXLAN_PORT_LINUX 8472	/* the kernel's default before it was assigned */

/*
 * The headers that are still ahead: `c` holds what was captured of them, `len` counts them as they
 * were on the wire.
 */
struct layer {
	struct px_cur c;
	uint32_t len;
	uint64_t ts_ns;
	uint64_t context;
	unsigned int depth;
	struct px_fragments *frags;
};

static enum px_packet_result packet_ether_type(struct layer *l, uint16_t type,
					       struct px_segment *out);
static enum px_packet_result packet_ethernet(struct layer *l, struct px_segment *out);
static enum px_packet_result packet_ip(struct layer *l, struct px_segment *out);

bool px_link_is_known(uint32_t link)
{
	switch (link) {
	case PX_LINK_NULL:
	case PX_LINK_ETHERNET:
	case PX_LINK_RAW_OLD:
	case PX_LINK_RAW_OPENBSD:
	case PX_LINK_RAW:
	case PX_LINK_LOOP:
	case PX_LINK_LINUX_SLL:
	case PX_LINK_IPV4:
	case PX_LINK_IPV6:
	case PX_LINK_LINUX_SLL2:
		return true;
	default:
		return false;
	}
}

/* Step over n bytes of headers; false where the packet is too short for them. */
static bool layer_skip(struct layer *l, uint32_t n)
{
	if (l->len < n)
		return false;
	l->len -= n;
	px_cur_skip(&l->c, n);
	return !l->c.ran_short;
}

/* Bytes behind len are padding: of Ethernet's 60 byte minimum, or a trailer. */
static void layer_limit(struct layer *l, uint32_t len)
{
	l->len = len;
	if (px_cur_left(&l->c) > len)
		l->c.end = l->c.pos + len;
}

static uint32_t layer_take(struct layer *l, size_t width)
{
	if (l->len < width) {
		l->c.ran_short = true;
		return 0;
	}
	l->len -= (uint32_t)width;
	return (uint32_t)px_cur_uint_be(&l->c, width);
}

/*
 * TCP (RFC 9293 section 3.1): ports 2+2, sequence 4, acknowledgment 4, data offset (in words) and
 * flags 2, window 2, checksum 2, urgent pointer 2, options. Checksums are not looked at: those of
 * packets that the capturing host sent are mostly filled in later by the network card.
 */
static enum px_packet_result packet_tcp(struct layer *l, struct px_segment *out)
{
	struct px_cur c = l->c;
	uint32_t header;

	if (px_cur_left(&c) < 20 || l->len < 20)
		return PX_PACKET_BROKEN;
	out->src_port = px_cur_be16(&c);
	out->dst_port = px_cur_be16(&c);
	out->seq = px_cur_be32(&c);
	out->ack = px_cur_be32(&c);
	header = (uint32_t)(px_cur_u8(&c) >> 4) * 4;
	out->tcp_flags = px_cur_u8(&c);
	if (header < 20 || header > l->len)
		return PX_PACKET_BROKEN;
	/* Options may be cut off: then there is no payload, but its length is known. */
	px_cur_skip(&l->c, header);
	l->len -= header;
	out->protocol = IP_TCP;
	out->len = l->len;
	out->data = px_bytes_of(l->c.pos, px_cur_left(&l->c));
	return PX_PACKET_SEGMENT;
}

/*
 * VXLAN (RFC 7348 section 5): flags 1 (0x08: the number is valid), reserved 3, network number 3,
 * reserved 1.
 */
static bool packet_vxlan(struct layer l, struct px_segment *out)
{
	struct px_segment inner = *out;
	uint32_t flags = layer_take(&l, 4), number = layer_take(&l, 4) >> 8;

	if (l.c.ran_short || flags != 0x08000000)
		return false;
	l.context = l.context * 0x9e3779b97f4a7c15ull + (1ull << 32) + number;
	if (packet_ethernet(&l, &inner) != PX_PACKET_SEGMENT)
		return false;
	*out = inner;
	return true;
}

/* UDP (RFC 768): ports 2+2, length with this header 2, checksum 2. */
static enum px_packet_result packet_udp(struct layer *l, struct px_segment *out)
{
	uint32_t len;

	out->src_port = (uint16_t)layer_take(l, 2);
	out->dst_port = (uint16_t)layer_take(l, 2);
	len = layer_take(l, 2);
	layer_take(l, 2);
	if (l->c.ran_short || (len != 0 && (len < 8 || len - 8 > l->len)))
		return PX_PACKET_BROKEN;
	if (len) /* 0: a jumbogram, or segmentation left to the card */
		layer_limit(l, len - 8);
	if ((out->dst_port == VXLAN_PORT || out->dst_port == VXLAN_PORT_LINUX) &&
	    packet_vxlan(*l, out))
		return PX_PACKET_SEGMENT;
	out->protocol = IP_UDP;
	out->tcp_flags = 0;
	out->len = l->len;
	out->data = px_bytes_of(l->c.pos, px_cur_left(&l->c));
	return PX_PACKET_SEGMENT;
}

/*
 * GRE (RFC 2784, 2890): flags and version 2, protocol type 2, then 4 bytes each of checksum, key
 * and sequence number as the flags say. ERSPAN II (type 0x88be, with a sequence number) has 8 bytes
 * of its own before the frame.
 */
static enum px_packet_result packet_gre(struct layer *l, struct px_segment *out)
{
	uint32_t flags = layer_take(l, 2), type = layer_take(l, 2);

	if (l->c.ran_short || (flags & 7) != 0)
		return PX_PACKET_OTHER; /* version 1 is PPTP's */
	if (flags & 0x8000 && !layer_skip(l, 4))
		return PX_PACKET_BROKEN;
	if (flags & 0x2000)
		l->context = l->context * 0x9e3779b97f4a7c15ull + (2ull << 32) + layer_take(l, 4);
	if (flags & 0x1000 && !layer_skip(l, 4))
		return PX_PACKET_BROKEN;
	if (type == 0x88be && (!(flags & 0x1000) || layer_skip(l, 8)))
		return packet_ethernet(l, out);
	return packet_ether_type(l, (uint16_t)type, out);
}

static enum px_packet_result packet_transport(struct layer *l, uint8_t protocol,
					      struct px_segment *out)
{
	if (++l->depth > PACKET_LAYERS_MAX)
		return PX_PACKET_OTHER;
	out->context = l->context;
	switch (protocol) {
	case IP_TCP:
		return packet_tcp(l, out);
	case IP_UDP:
		return packet_udp(l, out);
	case IP_IPV4:
	case IP_IPV6:
		return packet_ip(l, out);
	case IP_GRE:
		return packet_gre(l, out);
	default:
		return PX_PACKET_OTHER;
	}
}

static enum px_packet_result packet_fragment(struct layer *l, struct px_fragment *f,
					     struct px_segment *out)
{
	struct px_bytes whole;
	uint32_t len;

	f->ts_ns = l->ts_ns;
	f->context = l->context;
	f->family = out->family;
	memcpy(f->src, out->src, sizeof(f->src));
	memcpy(f->dst, out->dst, sizeof(f->dst));
	f->len = l->len;
	f->data = px_bytes_of(l->c.pos, px_cur_left(&l->c));
	if (!l->frags || !px_fragments_add(l->frags, f, &whole, &len))
		return PX_PACKET_FRAGMENT;
	l->c = px_cur_of(whole);
	l->len = len;
	return packet_transport(l, f->protocol, out);
}

/*
 * IPv4 (RFC 791): version and header words 1, service 1, total length 2, identification 4 with
 * flags (0x2000 more follow) and fragment offset (in 8 bytes), time to live 1, protocol 1, checksum
 * 2, addresses 4+4, options.
 */
static enum px_packet_result packet_ipv4(struct layer *l, struct px_segment *out)
{
	const uint8_t *p = (const uint8_t *)l->c.pos;
	uint32_t header, total, offset;
	struct px_fragment f;

	if (px_cur_left(&l->c) < 20 || l->len < 20)
		return PX_PACKET_BROKEN;
	header = (p[0] & 0xfu) * 4;
	total = (uint32_t)p[2] << 8 | p[3];
	if (total == 0) /* filled in by the card that cuts it up */
		total = l->len;
	if (header < 20 || total < header || total > l->len)
		return PX_PACKET_BROKEN;
	layer_limit(l, total);
	memset(out->src, 0, sizeof(out->src));
	memset(out->dst, 0, sizeof(out->dst));
	memcpy(out->src, p + 12, 4);
	memcpy(out->dst, p + 16, 4);
	out->family = PX_ABI_AF_INET;
	if (!layer_skip(l, header))
		return PX_PACKET_BROKEN;
	offset = (uint32_t)(p[6] << 8 | p[7]);
	if ((offset & 0x3fff) == 0)
		return packet_transport(l, p[9], out);
	f.id = (uint32_t)p[4] << 8 | p[5];
	f.protocol = p[9];
	f.more = offset & 0x2000;
	f.offset = (offset & 0x1fff) * 8;
	return packet_fragment(l, &f, out);
}

/*
 * IPv6 (RFC 8200): version, class and label 4, payload length 2, next header 1, hop limit 1,
 * addresses 16+16; then extension headers: next header 1, length in 8 bytes without the first 8 1
 * (of the authentication header: in words without the first 2). Fragment: next header 1, reserved
 * 1, offset with 0x1 for more 2, identification 4.
 */
static enum px_packet_result packet_ipv6(struct layer *l, struct px_segment *out)
{
	const uint8_t *p = (const uint8_t *)l->c.pos;
	uint32_t payload;
	uint8_t next;

	if (px_cur_left(&l->c) < 40 || l->len < 40)
		return PX_PACKET_BROKEN;
	payload = (uint32_t)p[4] << 8 | p[5];
	next = p[6];
	memcpy(out->src, p + 8, 16);
	memcpy(out->dst, p + 24, 16);
	out->family = PX_ABI_AF_INET6;
	if (!layer_skip(l, 40) || payload > l->len)
		return PX_PACKET_BROKEN;
	if (payload) /* 0: a jumbogram, or a packet above 64 kB that the card cuts up */
		layer_limit(l, payload);
	for (unsigned int i = 0; i < PACKET_LAYERS_MAX; i++) {
		uint32_t head, offset;
		struct px_fragment f;

		switch (next) {
		case IP_HOP_BY_HOP:
		case IP_ROUTING:
		case IP_DEST_OPTIONS:
		case IP_AUTH:
			head = layer_take(l, 2);
			if (l->c.ran_short)
				return PX_PACKET_BROKEN;
			if (!layer_skip(l, next == IP_AUTH ? (head & 0xff) * 4 + 6
							   : (head & 0xff) * 8 + 6))
				return PX_PACKET_BROKEN;
			next = (uint8_t)(head >> 8);
			break;
		case IP_FRAGMENT:
			head = layer_take(l, 2);
			offset = layer_take(l, 2);
			f.id = layer_take(l, 4);
			if (l->c.ran_short)
				return PX_PACKET_BROKEN;
			next = (uint8_t)(head >> 8);
			if ((offset & 0xfff9) == 0)
				break; /* a fragment that is the whole (RFC 6946) */
			if (next != IP_TCP && next != IP_UDP && next != IP_GRE)
				return PX_PACKET_OTHER;
			f.protocol = next;
			f.more = offset & 1;
			f.offset = offset & 0xfff8;
			return packet_fragment(l, &f, out);
		default:
			return packet_transport(l, next, out);
		}
	}
	return PX_PACKET_OTHER;
}

static enum px_packet_result packet_ip(struct layer *l, struct px_segment *out)
{
	if (px_cur_left(&l->c) == 0)
		return PX_PACKET_BROKEN;
	switch ((uint8_t)*l->c.pos >> 4) {
	case 4:
		return packet_ipv4(l, out);
	case 6:
		return packet_ipv6(l, out);
	default:
		return PX_PACKET_OTHER;
	}
}

static enum px_packet_result packet_ether_type(struct layer *l, uint16_t type,
					       struct px_segment *out)
{
	for (unsigned int i = 0; i < PACKET_LAYERS_MAX; i++) {
		switch (type) {
		case ETHER_IPV4:
		case ETHER_IPV6:
			return packet_ip(l, out);
		case ETHER_TRANSPARENT:
			return packet_ethernet(l, out);
		case ETHER_VLAN:
		case ETHER_QINQ:
		case ETHER_QINQ_OLD:
			/*
			 * Not part of the context: the two ways of a connection may be tagged
			 * differently.
			 */
			type = (uint16_t)layer_take(l, 4);
			if (l->c.ran_short)
				return PX_PACKET_BROKEN;
			break;
		default:
			return PX_PACKET_OTHER;
		}
	}
	return PX_PACKET_OTHER;
}

static enum px_packet_result packet_ethernet(struct layer *l, struct px_segment *out)
{
	uint32_t type;

	if (++l->depth > PACKET_LAYERS_MAX)
		return PX_PACKET_OTHER;
	if (!layer_skip(l, 12))
		return PX_PACKET_BROKEN;
	type = layer_take(l, 2);
	return l->c.ran_short ? PX_PACKET_BROKEN : packet_ether_type(l, (uint16_t)type, out);
}

enum px_packet_result px_packet_dissect(const struct px_packet *p, struct px_fragments *frags,
					struct px_segment *out)
{
	struct layer l = {
		.c = px_cur_of(p->data), .len = p->len, .ts_ns = p->ts_ns, .frags = frags
	};
	uint32_t type;

	if (l.len > PACKET_WIRE_MAX) /* cannot be: only what was captured counts */
		l.len = (uint32_t)p->data.len;
	out->ts_ns = p->ts_ns;
	switch (p->link) {
	case PX_LINK_ETHERNET:
		return packet_ethernet(&l, out);
	case PX_LINK_NULL:
	case PX_LINK_LOOP:
		/*
		 * The family's number differs from system to system and so does its byte order; IP
		 * says what it is.
		 */
		return layer_skip(&l, 4) ? packet_ip(&l, out) : PX_PACKET_BROKEN;
	case PX_LINK_LINUX_SLL:
		/* packet type 2, hardware type 2, address length 2, address 8, protocol 2 */
		if (!layer_skip(&l, 14))
			return PX_PACKET_BROKEN;
		type = layer_take(&l, 2);
		return l.c.ran_short ? PX_PACKET_BROKEN
				     : packet_ether_type(&l, (uint16_t)type, out);
	case PX_LINK_LINUX_SLL2:
		/*
		 * protocol 2, reserved 2, interface 4, hardware type 2, packet type 1, address
		 * length 1, address 8
		 */
		type = layer_take(&l, 2);
		if (l.c.ran_short || !layer_skip(&l, 18))
			return PX_PACKET_BROKEN;
		return packet_ether_type(&l, (uint16_t)type, out);
	case PX_LINK_RAW:
	case PX_LINK_RAW_OLD:
	case PX_LINK_RAW_OPENBSD:
	case PX_LINK_IPV4:
	case PX_LINK_IPV6:
		return packet_ip(&l, out);
	default:
		return PX_PACKET_OTHER;
	}
}
