/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/wire.h"

#include "capture/pcapng.h"
#include "capture/wire_packet.h"

#include <errno.h>
#include <stdlib.h>

#define WIRE_BUCKETS 4096u /* a power of two */

#define TCP_PSH 0x08
#define SOCK_DGRAM 2
#define UNIX_PORT_FIRST 49152 /* of the range that no service has (RFC 6335) */
#define UNIX_PORTS 16384
#define UNIX_PEER_PORT 1

static const uint8_t wire_mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static int32_t wire_diff(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

int px_wire_init(struct px_wire *w)
{
	memset(w, 0, sizeof(*w));
	w->buf = px_buf_of(PX_WIRE_BUF_MAX);
	w->buckets = calloc(WIRE_BUCKETS, sizeof(*w->buckets));
	return w->buckets ? 0 : -ENOMEM;
}

void px_wire_fini(struct px_wire *w)
{
	px_buf_fini(&w->buf);
	free(w->buckets);
	w->buckets = NULL;
}

int px_wire_begin(struct px_wire *w)
{
	return px_pcapng_write_begin(&w->buf);
}

/* Which connections are shown */

static size_t wire_slot(const struct px_wire_conn *c)
{
	uint64_t a[2], b[2];

	memcpy(a, c->local, sizeof(a));
	memcpy(b, c->remote, sizeof(b));
	a[0] = (a[0] ^ a[1] ^ c->local_port) * 0x9e3779b97f4a7c15ull;
	b[0] = (b[0] ^ b[1] ^ c->remote_port) * 0x9e3779b97f4a7c15ull;
	return (size_t)((a[0] + b[0]) >> 40) & (WIRE_BUCKETS - 1); /* the same from both ends */
}

static bool wire_is_same(const struct px_wire_conn *a, const struct px_wire_conn *b)
{
	if (a->family != b->family)
		return false;
	if (a->local_port == b->local_port && a->remote_port == b->remote_port &&
	    memcmp(a->local, b->local, 16) == 0 && memcmp(a->remote, b->remote, 16) == 0)
		return true;
	return a->local_port == b->remote_port && a->remote_port == b->local_port &&
	       memcmp(a->local, b->remote, 16) == 0 && memcmp(a->remote, b->local, 16) == 0;
}

/*
 * Other programs tell connections apart by their ends alone: of two with the same ends they are
 * shown one.
 */
static void wire_register(struct px_wire *w, struct px_wire_conn *c)
{
	struct px_wire_conn **bucket = &w->buckets[wire_slot(c)], *other;

	for (other = *bucket; other && !wire_is_same(other, c); other = other->hash_next)
		;
	c->is_hidden = other != NULL;
	if (!other) {
		c->hash_next = *bucket;
		*bucket = c;
	}
}

static void wire_forget(struct px_wire *w, struct px_wire_conn *c)
{
	struct px_wire_conn **at = &w->buckets[wire_slot(c)];

	while (*at && *at != c)
		at = &(*at)->hash_next;
	if (*at)
		*at = c->hash_next;
}

static bool wire_is_mapped(const uint8_t addr[16])
{
	return memcmp(addr, wire_mapped, sizeof(wire_mapped)) == 0;
}

/* A connection to an IPv4 host through an IPv6 socket travels as IPv4. */
static void wire_ends(struct px_wire_conn *c, const struct px_abi_event *h)
{
	c->family = h->family;
	c->local_port = h->local_port;
	c->remote_port = h->remote_port;
	memcpy(c->local, h->local_addr, 16);
	memcpy(c->remote, h->remote_addr, 16);
	if (h->family == PX_ABI_AF_INET6 && wire_is_mapped(c->local) && wire_is_mapped(c->remote)) {
		c->family = PX_ABI_AF_INET;
		memset(c->local, 0, 16);
		memset(c->remote, 0, 16);
		memcpy(c->local, h->local_addr + 12, 4);
		memcpy(c->remote, h->remote_addr + 12, 4);
	}
}

static void wire_ends_of_unix(struct px_wire *w, struct px_wire_conn *c,
			      const struct px_abi_event *h)
{
	uint8_t inode[3] = { (uint8_t)(h->sock_id >> 16), (uint8_t)(h->sock_id >> 8),
			     (uint8_t)h->sock_id };

	c->family = PX_ABI_AF_INET;
	c->local_port = (uint16_t)(UNIX_PORT_FIRST + w->serial % UNIX_PORTS);
	c->remote_port = UNIX_PEER_PORT;
	memcpy(c->local, (const uint8_t[]){ 127, inode[0] | 0x80, inode[1], inode[2] }, 4);
	memcpy(c->remote, (const uint8_t[]){ 127, 128, 0, 0 }, 4);
}

static void wire_conn_init(struct px_wire *w, struct px_wire_conn *c, const struct px_abi_event *h)
{
	w->serial++;
	c->origin.sock_id = h->sock_id;
	c->origin.sock_gen = h->sock_gen;
	c->origin.family = h->family;
	c->origin.scope_id = h->scope_id;
	c->origin.is_packet = (h->flags & PX_ABI_F_PACKET) != 0;
	if (h->family == PX_ABI_AF_UNIX)
		wire_ends_of_unix(w, c, h);
	else
		wire_ends(c, h);
}

/*
 * The acknowledgment number for what dir sends: what was written of the other direction, the FIN
 * included.
 */
static struct px_wire_packet wire_packet_of(const struct px_wire_conn *c, uint8_t dir,
					    uint8_t flags, uint64_t ts_ns)
{
	const struct px_wire_dir *d = &c->dirs[dir], *other = &c->dirs[!dir];

	return (struct px_wire_packet){
		.ts_ns = ts_ns,
		.dir = dir,
		.protocol = PX_WIRE_TCP,
		.flags = (uint8_t)(flags | (other->is_known ? PX_TCP_ACK : 0)),
		.seq = d->next + d->has_fin,
		.ack = other->next + other->has_fin,
	};
}

/* A packet without bytes for pxtrace alone. */
static void wire_tell(struct px_wire *w, struct px_wire_conn *c, uint8_t dir, uint64_t ts_ns)
{
	struct px_wire_packet p = wire_packet_of(c, dir, 0, ts_ns);

	p.is_hidden = true;
	px_wire_put(w, c, &p);
}

/* The three packets, with the numbers in front of what comes first in each direction. */
static void wire_handshake(struct px_wire *w, struct px_wire_conn *c, uint32_t out, uint32_t in)
{
	struct px_wire_packet p;

	c->is_opening = false;
	c->dirs[PX_ABI_OUT] = (struct px_wire_dir){ .next = out, .acked = out, .is_known = true };
	c->dirs[PX_ABI_IN] = (struct px_wire_dir){ .next = in, .acked = in, .is_known = true };
	p = wire_packet_of(c, c->client, PX_TCP_SYN, c->opening_ns);
	p.seq--;
	p.flags &= (uint8_t)~PX_TCP_ACK;
	px_wire_put(w, c, &p);
	p = wire_packet_of(c, !c->client, PX_TCP_SYN, c->opening_ns);
	p.seq--;
	px_wire_put(w, c, &p);
	p = wire_packet_of(c, c->client, 0, c->opening_ns);
	px_wire_put(w, c, &p);
}

static void wire_open(struct px_wire *w, struct px_wire_conn *c, const struct px_abi_event *h,
		      uint64_t ts_ns)
{
	struct px_wire_packet p;

	if (c->has_packets)
		return; /* too late to tell of it */
	c->client = h->flags & PX_ABI_F_ACCEPT ? PX_ABI_IN : PX_ABI_OUT;
	if (h->result < 0) {
		c->dirs[c->client] = (struct px_wire_dir){ .next = h->pos, .is_known = true };
		p = wire_packet_of(c, c->client, PX_TCP_SYN, ts_ns);
		p.seq--;
		c->origin.error =
			h->result < -PX_NOTE_ERROR_MAX ? PX_NOTE_ERROR_MAX : (uint32_t)-h->result;
		px_wire_put(w, c, &p);
		return;
	}
	c->opening_ns = ts_ns;
	if (h->flags & PX_ABI_F_SEQ && h->flags & PX_ABI_F_PEER_POS) {
		wire_handshake(w, c, h->pos, h->peer_pos);
		return;
	}
	c->is_opening = true;
	c->origin.is_open = true;
	c->origin.flags |= h->flags & PX_ABI_F_ACCEPT;
	wire_tell(w, c, PX_ABI_OUT, ts_ns);
}

/* Nothing was seen between what was written last and seq. */
static void wire_gap(struct px_wire *w, struct px_wire_conn *c, uint8_t dir, uint32_t seq,
		     uint64_t ts_ns)
{
	struct px_wire_dir *d = &c->dirs[dir];

	c->origin.lost = seq - d->next;
	d->next = seq;
	d->has_data = true;
	wire_tell(w, c, dir, ts_ns);
}

/* What the sender of this packet had received by then, as far as it was written. */
static uint32_t wire_ack(struct px_wire_conn *c, const struct px_abi_event *h)
{
	struct px_wire_dir *other = &c->dirs[!h->dir];
	uint32_t ack = h->peer_pos;

	if (!(h->flags & PX_ABI_F_PEER_POS)) {
		c->origin.has_no_ack = true;
		return other->acked + other->has_fin;
	}
	if (!other->is_known)
		*other = (struct px_wire_dir){ .next = ack, .acked = ack, .is_known = true };
	if (wire_diff(ack, other->next) > 0) {
		c->origin.has_peer = true;
		c->origin.peer = ack;
		ack = other->next;
	}
	if (wire_diff(ack, other->acked) > 0)
		other->acked = ack;
	/* A FIN that was read counts in the socket's own numbers as well. */
	return ack == other->next && other->has_fin ? ack + 1 : ack;
}

static void wire_data(struct px_wire *w, struct px_wire_conn *c, const struct px_event *ev,
		      uint32_t pos, uint64_t ts_ns)
{
	const struct px_abi_event *h = ev->hdr;
	struct px_wire_dir *d = &c->dirs[h->dir];
	bool ends = ((h->flags & PX_ABI_F_FIN && !(h->flags & PX_ABI_F_MORE)) ||
		     (h->len == 0 && h->dir == PX_ABI_IN)) &&
		    !d->has_fin;
	uint32_t done = 0, ack;
	bool has_peer;

	if (d->has_fin || (h->len == 0 && !ends))
		return;
	if (c->is_opening) {
		wire_handshake(w, c, h->dir == PX_ABI_OUT ? pos : h->peer_pos,
			       h->dir == PX_ABI_OUT ? h->peer_pos : pos);
		c->dirs[!h->dir].is_known = (h->flags & PX_ABI_F_PEER_POS) != 0;
	}
	if (h->flags & PX_ABI_F_LOST) {
		if (!d->is_known)
			*d = (struct px_wire_dir){ .next = pos, .acked = pos, .is_known = true };
		if (wire_diff(pos + h->len, d->next) > 0)
			wire_gap(w, c, h->dir, pos + h->len, ts_ns);
		return;
	}
	if (h->len > 0) {
		if (!d->is_known || (!d->has_data && wire_diff(pos, d->next) < 0))
			*d = (struct px_wire_dir){ .next = pos, .acked = pos, .is_known = true };
		if (wire_diff(pos, d->next) > 0)
			wire_gap(w, c, h->dir, pos, ts_ns);
		/*
		 * Two writers at the same moment may claim the same place; they come here one after
		 * the other.
		 */
		d->has_data = true;
	} else if (!d->is_known) {
		*d = (struct px_wire_dir){ .next = pos, .acked = pos, .is_known = true };
	}
	ack = wire_ack(c, h);
	has_peer = c->origin.has_peer;
	c->origin.flags |= h->flags & PX_NOTE_FLAGS;
	do {
		uint32_t n =
			h->len - done < PX_WIRE_PAYLOAD_MAX ? h->len - done : PX_WIRE_PAYLOAD_MAX;
		struct px_wire_packet p = wire_packet_of(c, h->dir, 0, ts_ns);

		c->origin.has_peer = has_peer;
		p.ack = ack;
		p.data = px_bytes_sub(ev->data, done, n);
		p.len = n;
		done += n;
		if (done == h->len)
			p.flags |= (uint8_t)((n ? TCP_PSH : 0) | (ends ? PX_TCP_FIN : 0));
		if (h->flags & PX_ABI_F_PEER_POS)
			p.flags |= PX_TCP_ACK;
		else
			c->origin.has_no_ack = true;
		px_wire_put(w, c, &p);
		d->next += n;
	} while (done < h->len);
	d->has_fin = ends;
}

static void wire_process(struct px_wire_conn *c, const struct px_abi_event *h)
{
	if (!h->pid && !h->tid)
		return;
	c->origin.pid = h->pid;
	c->origin.tid = h->tid;
	c->origin.uid = h->uid;
	memcpy(c->origin.comm, h->comm, sizeof(c->origin.comm));
}

void px_wire_event(struct px_wire *w, struct px_wire_conn **slot, const struct px_event *ev,
		   uint64_t pos, uint64_t ts_ns)
{
	const struct px_abi_event *h = ev->hdr;
	struct px_wire_conn *c = *slot;

	if (!c) {
		c = calloc(1, sizeof(*c));
		if (!c) {
			w->dropped_packets++;
			return;
		}
		wire_conn_init(w, c, h);
		wire_register(w, c);
		*slot = c;
	}
	wire_process(c, h);
	if (h->flags & PX_ABI_F_TLS)
		c->origin.flags |= PX_ABI_F_TLS;
	switch (h->kind) {
	case PX_ABI_OPEN:
		wire_open(w, c, h, ts_ns);
		break;
	case PX_ABI_NAMES:
		if (ev->data.len >= sizeof(c->origin.names))
			memcpy(&c->origin.names, ev->data.ptr, sizeof(c->origin.names));
		break;
	case PX_ABI_DATA:
		if (h->family == PX_ABI_AF_UNIX) { /* counted from 0; sequence numbers are from 1, behind the SYN */
			struct px_abi_event counted = *h;
			struct px_event from_one = { &counted, ev->data };

			counted.peer_pos++;
			wire_data(w, c, &from_one, (uint32_t)pos + 1, ts_ns);
			break;
		}
		wire_data(w, c, ev, (uint32_t)pos, ts_ns);
		break;
	default:
		break;
	}
}

void px_wire_datagram(struct px_wire *w, const struct px_event *ev, uint64_t ts_ns)
{
	const struct px_abi_event *h = ev->hdr;
	struct px_wire_conn c = { 0 };
	struct px_wire_packet p = { .ts_ns = ts_ns,
				    .dir = h->dir,
				    .protocol = PX_WIRE_UDP,
				    .data = ev->data,
				    .len = h->len };

	if (h->kind != PX_ABI_DATA || h->type != SOCK_DGRAM)
		return;
	if (p.len > PX_WIRE_PAYLOAD_MAX) /* none that comes from IP is longer */
		p.len = PX_WIRE_PAYLOAD_MAX;
	p.data = px_bytes_sub(p.data, 0, p.len);
	wire_conn_init(w, &c, h);
	wire_process(&c, h);
	px_wire_put(w, &c, &p);
}

void px_wire_end(struct px_wire *w, struct px_wire_conn **slot, enum px_wire_end how,
		 uint64_t ts_ns)
{
	struct px_wire_conn *c = *slot;
	struct px_wire_packet p;

	if (!c)
		return;
	*slot = NULL;
	if (c->has_packets && how != PX_WIRE_GIVEN_UP) {
		if (c->is_opening) /* nothing came: any numbers do */
			wire_handshake(w, c, 1, 1);
		c->origin.is_end = true;
		if (how == PX_WIRE_RESET) {
			p = wire_packet_of(c, PX_ABI_IN, PX_TCP_RST, ts_ns);
			px_wire_put(w, c, &p);
		} else if (how == PX_WIRE_CLOSED && !c->dirs[PX_ABI_OUT].has_fin &&
			   !c->origin.is_packet) {
			p = wire_packet_of(c, PX_ABI_OUT, PX_TCP_FIN, ts_ns);
			px_wire_put(w, c, &p);
		} else {
			wire_tell(w, c, PX_ABI_OUT, ts_ns);
		}
	}
	if (!c->is_hidden)
		wire_forget(w, c);
	free(c);
}
