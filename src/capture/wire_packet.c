/* SPDX-License-Identifier: Apache-2.0 */
/* Packets byte by byte: Ethernet, IP, TCP or UDP (RFC 791, 8200, 9293, 768), checksums. */
#include "capture/wire_packet.h"

#include "capture/pcapng.h"

#define WIRE_HEAD_MAX (14 + 40 + 20 + 8)

static char *wire_put_be16(char *to, uint32_t v)
{
	to[0] = (char)(v >> 8);
	to[1] = (char)v;
	return to + 2;
}

static char *wire_put_be32(char *to, uint32_t v)
{
	return wire_put_be16(wire_put_be16(to, v >> 16), v);
}

/*
 * The internet checksum (RFC 1071): 16-bit words, in any byte order as long as it is the same
 * everywhere.
 */
static uint64_t wire_sum(uint64_t sum, const char *p, size_t n)
{
	uint32_t word;
	uint16_t last = 0;

	for (; n >= sizeof(word); p += sizeof(word), n -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		sum += word;
	}
	while (n >= sizeof(last)) {
		memcpy(&last, p, sizeof(last));
		sum += last;
		p += sizeof(last);
		n -= sizeof(last);
	}
	if (n) {
		last = 0;
		memcpy(&last, p, 1);
		sum += last;
	}
	return sum;
}

static void wire_put_checksum(char *to, uint64_t sum)
{
	uint16_t folded;

	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	folded = (uint16_t)~sum;
	memcpy(to, &folded, sizeof(folded));
}

/*
 * Ethernet and IP; the packet's payload has len bytes. Returns the end, and where the addresses
 * are.
 */
static char *wire_put_ip(struct px_wire *w, const struct px_wire_conn *c,
			 const struct px_wire_packet *p, uint32_t len, char *at, char **addresses)
{
	bool is_out = p->dir == PX_ABI_OUT;
	const uint8_t *src = is_out ? c->local : c->remote, *dst = is_out ? c->remote : c->local;
	size_t width = c->family == PX_ABI_AF_INET6 ? 16 : 4;

	/* Locally administered addresses: the host's ends in 1, all others are 2. */
	memcpy(at, is_out ? "\2\0\0\0\0\2\2\0\0\0\0\1" : "\2\0\0\0\0\1\2\0\0\0\0\2", 12);
	at += 12;
	if (width == 16) {
		at = wire_put_be16(at, 0x86dd);
		at = wire_put_be32(at, 0x60000000);
		at = wire_put_be16(at, len);
		*at++ = (char)p->protocol;
		*at++ = 64;
	} else {
		char *ip = wire_put_be16(at, 0x0800);

		at = wire_put_be16(ip, 0x4500);
		at = wire_put_be16(at, 20 + len);
		at = wire_put_be16(at, w->ip_id++);
		at = wire_put_be16(at, 0x4000); /* not to be fragmented */
		*at++ = 64;
		*at++ = (char)p->protocol;
		at = wire_put_be16(at, 0);
		wire_put_checksum(at - 2,
				  wire_sum(wire_sum(wire_sum(0, ip, 12), (const char *)src, 4),
					   (const char *)dst, 4));
	}
	*addresses = at;
	memcpy(at, src, width);
	memcpy(at + width, dst, width);
	return at + 2 * width;
}

static char *wire_put_tcp(const struct px_wire_conn *c, const struct px_wire_packet *p, char *at)
{
	bool is_out = p->dir == PX_ABI_OUT;
	bool is_syn = p->flags & PX_TCP_SYN;

	at = wire_put_be16(at, is_out ? c->local_port : c->remote_port);
	at = wire_put_be16(at, is_out ? c->remote_port : c->local_port);
	at = wire_put_be32(at, p->seq);
	at = wire_put_be32(at, p->flags & PX_TCP_ACK ? p->ack : 0);
	*at++ = is_syn ? 7 << 4 : 5 << 4;
	*at++ = (char)p->flags;
	at = wire_put_be16(at, 65535);
	at = wire_put_be32(at, 0);
	if (is_syn) { /* largest segment, window scale 14: no dissector shall find the window full */
		memcpy(at, "\2\4\xff\xd7\1\3\3\xe", 8);
		at += 8;
	}
	return at;
}

void px_wire_put(struct px_wire *w, struct px_wire_conn *c, const struct px_wire_packet *p)
{
	char head[WIRE_HEAD_MAX], note[PX_NOTE_MAX], *addresses, *transport, *at;
	uint32_t head_len = p->protocol == PX_WIRE_UDP ? 8 : p->flags & PX_TCP_SYN ? 28 : 20;
	struct px_pcapng_write block = {
		.ts_ns = p->ts_ns,
		.data = p->data,
		.data_len = p->len,
		.is_out = p->dir == PX_ABI_OUT,
		.is_hidden = c->is_hidden || p->is_hidden,
	};

	transport = wire_put_ip(w, c, p, head_len + p->len, head, &addresses);
	if (p->protocol == PX_WIRE_UDP) {
		at = wire_put_be16(transport, block.is_out ? c->local_port : c->remote_port);
		at = wire_put_be16(at, block.is_out ? c->remote_port : c->local_port);
		at = wire_put_be16(at, 8 + p->len);
		at = wire_put_be16(at, 0);
	} else {
		at = wire_put_tcp(c, p, transport);
	}
	if (p->data.len == p->len && !block.is_hidden) {
		uint64_t sum = wire_sum(0, addresses, (size_t)(at - addresses));
		char *checksum = transport + (p->protocol == PX_WIRE_UDP ? 6 : 16), pseudo[4];

		wire_put_be16(wire_put_be16(pseudo, p->protocol), head_len + p->len);
		sum = wire_sum(wire_sum(sum, pseudo, sizeof(pseudo)), p->data.ptr, p->data.len);
		wire_put_checksum(checksum, sum);
		if (p->protocol == PX_WIRE_UDP && checksum[0] == 0 && checksum[1] == 0)
			memset(checksum, 0xff, 2); /* 0 says that there is none (RFC 768) */
	}
	c->origin.dir = p->dir;
	block.head = px_bytes_of(head, (size_t)(at - head));
	block.comment = px_bytes_of(note, px_note_format(&c->origin, note));
	c->has_packets = true;
	c->origin.flags &= PX_ABI_F_TLS;
	c->origin.lost = c->origin.error = 0;
	c->origin.has_peer = c->origin.has_no_ack = c->origin.is_open = c->origin.is_end = false;
	if (px_pcapng_write(&w->buf, &block) != 0)
		w->dropped_packets++;
	else if (block.is_hidden)
		w->hidden_packets++;
	else
		w->packets++;
}
