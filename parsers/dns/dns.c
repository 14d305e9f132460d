/* SPDX-License-Identifier: Apache-2.0 */
/* DNS: messages out of datagrams and out of streams. */
#include "dns/dns.h"

#include "dns/message.h"

#define DNS_LENGTH 2	/* bytes before each message in a stream (RFC 1035 section 4.2.2) */
#define DNS_MDNS 5353	/* multicast DNS, RFC 6762 */
#define DNS_LLMNR 5355	/* RFC 4795 */

/*
 * A zone transfer's end is told by its start of authority, which comes once more (RFC 5936, 1995).
 */
struct dns_transfer {
	bool is_under_way;
	uint16_t id;
	bool is_incremental;
	uint32_t serial;
	uint64_t records;	/* answers so far */
	unsigned int ends;	/* how often that record came so far */
};

struct dns_state {
	struct dns_transfer transfers[2];	/* by direction */
};

/* The first bytes of a stream, from its length on. */
static enum px_sure dns_look_framed(struct px_bytes in, struct dns_shape *shape)
{
	struct px_cur c = px_cur_of(in);
	uint16_t len = px_cur_be16(&c);
	enum px_sure sure;

	if (c.ran_short)
		return PX_SURE_MAYBE;
	sure = dns_look(px_bytes_sub(in, DNS_LENGTH, len), len, false, shape);
	if (shape->is_odd ||
	    (sure == PX_SURE_YES &&
	     (!shape->has_question || (in.len - DNS_LENGTH >= len && !shape->is_whole))))
		return PX_SURE_NO;
	return sure;
}

static enum px_sure dns_infer(struct px_bytes head, enum px_dir dir)
{
	struct dns_shape shape;

	(void)dir;
	return dns_look_framed(head, &shape);
}

static enum px_frame_kind dns_kind_of(const struct dns_shape *shape)
{
	return shape->flags & DNS_QR ? PX_FRAME_RESPONSE : PX_FRAME_REQUEST;
}

static enum px_frame_kind dns_kind(struct px_bytes head)
{
	struct dns_shape shape;

	return dns_look_framed(head, &shape) == PX_SURE_YES ? dns_kind_of(&shape) : 0;
}

static size_t dns_resync(struct px_bytes in, enum px_dir dir)
{
	for (size_t at = 0; at < in.len; at++)
		if (dns_infer(px_bytes_sub(in, at, SIZE_MAX), dir) != PX_SURE_NO)
			return at;
	return in.len;
}

/* What the frame is as a whole, from its first message. */
static void dns_stamp(struct px_frame *out, struct px_bytes wire, const struct dns_shape *shape)
{
	out->kind = dns_kind_of(shape);
	out->has_stream = true;
	out->stream = shape->id;
	out->key = shape->id;
	if (shape->has_question)
		out->key |= dns_question_hash(wire, shape) << 16;
	else
		out->key_mask = 0xffff;
}

/* Add a message to the frame; false when there was no memory for the first. */
static bool dns_add(const struct px_parse_ctx *ctx, struct px_frame *out, struct px_bytes wire,
		    size_t len, const struct dns_shape *shape)
{
	struct dns_msg *m = out->msg;
	struct dns_part *part = NULL;
	bool ok = true;

	if (!m) {
		m = px_arena_zalloc(&out->arena, sizeof(*m));
		if (!m)
			return false;
		part = &m->first;
	} else if (m->kept + wire.len <= ctx->limits->body_max) {
		part = px_arena_zalloc(&out->arena, sizeof(*part));
	}
	m->bytes += len;
	m->answers += shape->counts[DNS_ANSWER];
	m->is_cut |= !part || wire.len < len;
	if (part) {
		part->wire = px_arena_copy(&out->arena, wire, &ok);
		part->shape = *shape;
		if (m->last)
			m->last->next = part;
		m->last = part;
		m->kept += wire.len;
	}
	if (!ok)
		return false;
	out->msg = m;
	if (m->is_cut)
		out->flags |= PX_FLAG_TRUNCATED;
	return true;
}

/* Count what ends a transfer; true when it is over behind this message. */
static bool dns_transfer_ends(struct dns_transfer *tr, struct px_bytes wire,
			      const struct dns_shape *shape)
{
	size_t pos = shape->question_end;
	struct dns_rr rr;

	for (uint32_t i = 0; i < shape->counts[DNS_ANSWER] && dns_rr(wire, &pos, &rr); i++) {
		uint32_t serial;
		struct px_cur c;

		tr->records++;
		/* of the record's data, the serial number and four more numbers are last */
		if (rr.type != DNS_SOA || rr.rdata_len < 20) {
			if (tr->records == 1)
				return true; /* an outcome, and no transfer */
			continue;
		}
		c = px_cur_of(px_bytes_sub(wire, rr.rdata + rr.rdata_len - 20, 4));
		serial = px_cur_be32(&c);
		if (tr->records == 1)
			tr->serial = serial;
		else if (tr->records == 2)
			tr->is_incremental = true;
		if (tr->serial == serial)
			tr->ends++;
	}
	if (DNS_RCODE(shape->flags) || tr->records == 0)
		return true;
	/* An incremental one begins with it, ends with it, and has it before the last additions. */
	return tr->ends >= (tr->is_incremental && tr->records > 2 ? 3u : 2u);
}

/* A message of a stream is whole; the frame is finished unless it is part of a transfer. */
static struct px_parse_result dns_message(const struct px_parse_ctx *ctx, struct px_bytes wire,
					  struct px_frame *out)
{
	struct dns_state *state = ctx->state;
	struct dns_transfer *tr = &state->transfers[ctx->dir];
	struct dns_shape shape;

	if (dns_look(wire, wire.len, out->msg != NULL, &shape) != PX_SURE_YES)
		return px_parse_bad("not a DNS message");
	if (!out->msg) {
		bool is_transfer = shape.flags & DNS_QR && shape.has_question &&
				   (shape.qtype == DNS_AXFR || shape.qtype == DNS_IXFR);

		*tr = (struct dns_transfer){ .is_under_way = is_transfer, .id = shape.id };
		if (!dns_add(ctx, out, wire, wire.len, &shape))
			return px_parse_bad("no memory for a message");
		dns_stamp(out, wire, &shape);
	} else if (!(shape.flags & DNS_QR) || shape.id != tr->id) {
		/* Another message in the middle of a transfer: what follows of that goes alone. */
		tr->is_under_way = false;
		out->flags |= PX_FLAG_ABORTED;
		return px_parse_frame(0);
	} else if (!dns_add(ctx, out, wire, wire.len, &shape)) {
		return px_parse_bad("no memory for a message");
	}
	if (!tr->is_under_way || dns_transfer_ends(tr, wire, &shape))
		return px_parse_frame(DNS_LENGTH + wire.len);
	/* One that is up to date already is told so by one record (RFC 1995 section 2). */
	if (tr->records == 1 && shape.qtype == DNS_IXFR)
		return px_parse_frame(DNS_LENGTH + wire.len);
	return px_parse_skip(DNS_LENGTH + wire.len);
}

/*
 * Multicast DNS and LLMNR ask everybody and are answered by anybody, or nobody: nothing there is a
 * request to one server. Who asks one in particular on these ports gets an answer.
 */
static bool dns_is_multicast(const struct px_datagram *d, const struct dns_shape *shape,
			     struct px_frame *out)
{
	bool on_local = d->local_port == DNS_MDNS || d->local_port == DNS_LLMNR;
	bool on_remote = d->remote_port == DNS_MDNS || d->remote_port == DNS_LLMNR;

	if (d->is_multicast || (on_local && on_remote))
		return true;
	if ((on_local || on_remote) && !(shape->flags & (DNS_RD | DNS_RA)))
		out->needs_partner = true;
	return false;
}

static struct px_parse_result dns_datagram(const struct px_parse_ctx *ctx, struct px_bytes in,
					   struct px_frame *out)
{
	struct dns_shape shape;

	if (dns_look(in, ctx->datagram->len, false, &shape) != PX_SURE_YES)
		return px_parse_bad("not a DNS message");
	if (dns_is_multicast(ctx->datagram, &shape, out))
		return px_parse_bad("multicast DNS");
	/* What does not say enough by itself has to be the answer to something. */
	if (shape.flags & DNS_QR &&
	    (!shape.has_question || (!shape.is_whole && in.len == ctx->datagram->len)))
		out->needs_partner = true;
	if (shape.is_odd)
		out->needs_partner = true;
	if (!dns_add(ctx, out, in, ctx->datagram->len, &shape))
		return px_parse_bad("no memory for a message");
	dns_stamp(out, in, &shape);
	return px_parse_frame(in.len);
}

/*
 * Not all of a message has come. Its question is looked at before the rest is waited for: a length
 * may be anything.
 */
static struct px_parse_result dns_wait(const struct px_parse_ctx *ctx, struct px_bytes in,
				       struct px_frame *out)
{
	size_t need = in.len + 1;
	struct px_cur c = px_cur_of(in);
	uint16_t len = px_cur_be16(&c);
	struct dns_shape shape;

	if (!c.ran_short) {
		enum px_sure sure =
			dns_look(px_bytes_sub(in, DNS_LENGTH, len), len, out->msg != NULL, &shape);

		if (sure == PX_SURE_NO)
			return px_parse_bad("not a DNS message");
		if (sure == PX_SURE_YES)
			need = DNS_LENGTH + (size_t)len;
	}
	if (!ctx->eof || (in.len == 0 && !out->msg))
		return px_parse_more(need);
	if (!out->msg)
		return px_parse_bad("the stream ends within a message");
	out->flags |= PX_FLAG_ABORTED;
	return px_parse_frame(in.len);
}

static struct px_parse_result dns_parse(const struct px_parse_ctx *ctx, struct px_bytes in,
					struct px_frame *out)
{
	struct px_cur c = px_cur_of(in);
	struct px_bytes message;
	uint16_t len;

	if (ctx->datagram)
		return dns_datagram(ctx, in, out);
	if (in.len < DNS_LENGTH)
		return dns_wait(ctx, in, out);
	len = px_cur_be16(&c);
	message = px_cur_take(&c, len);
	return c.ran_short ? dns_wait(ctx, in, out) : dns_message(ctx, message, out);
}

const struct px_parser px_parser_dns = {
	.name = "dns",
	.spec = "RFC 1035, 3596, 2782, 6891, 9460; zone transfers: RFC 5936, 1995",
	.fields = dns_fields,
	.state_size = sizeof(struct dns_state),
	.max_frame = DNS_LENGTH + 65535,
	.match = PX_MATCH_BY_KEY,
	.has_datagrams = true,
	.infer = dns_infer,
	.parse = dns_parse,
	.describe = dns_describe,
	.kind = dns_kind,
	.resync = dns_resync,
};
