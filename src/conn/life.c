/* SPDX-License-Identifier: Apache-2.0 */
#include "conn/life.h"

#include "conn/order.h"

#include <stdlib.h>

void px_life_name(struct px_conn *c, uint64_t serial)
{
	static const char hex[] = "0123456789abcdef";
	uint64_t parts[2] = { c->sock_id, serial };
	char *out = c->id;

	for (int i = 0; i < 2; i++) {
		int shift = 28;

		if (i)
			*out++ = '.';
		while (shift > 0 && (parts[i] >> shift & 0xf) == 0)
			shift -= 4;
		for (; shift >= 0; shift -= 4)
			*out++ = hex[parts[i] >> shift & 0xf];
	}
	*out = '\0';
}

/* The protocol that was said to be spoken here, or NULL. */
static const struct px_parser *life_decode_as(const struct px_conn *c)
{
	const struct px_table_options *opt = &c->table->opt;

	for (size_t i = 0; i < opt->decode_as_count; i++)
		if (opt->decode_as[i].port == c->local_port ||
		    opt->decode_as[i].port == c->remote_port)
			return opt->decode_as[i].parser;
	return NULL;
}

void px_life_addresses(struct px_conn *c, const struct px_abi_event *h)
{
	c->local_port = h->local_port;
	c->remote_port = h->remote_port;
	c->scope_id = h->scope_id;
	memcpy(c->local_addr, h->local_addr, sizeof(c->local_addr));
	memcpy(c->remote_addr, h->remote_addr, sizeof(c->remote_addr));
	c->local_text[0] = '\0';
	c->remote_text[0] = '\0';
	c->decoder.ordered = life_decode_as(c);
}

void px_life_tell_open(struct px_conn *c)
{
	if (!c->opens)
		return;
	c->opens = false;
	c->table->opt.on_open(c->table->opt.ctx, c);
}

void px_life_open(struct px_conn *c, const struct px_event *ev)
{
	const struct px_abi_event *h = ev->hdr;
	struct px_abi_open open;

	c->open_result = h->result;
	if (ev->data.len >= sizeof(open)) {
		memcpy(&open, ev->data.ptr, sizeof(open));
		c->connect_ns = (int64_t)open.connect_ns;
	}
	c->role = h->flags & PX_ABI_F_ACCEPT ? PX_ROLE_SERVER : PX_ROLE_CLIENT;
	c->decoder.role = c->role;
	px_life_addresses(c, h);
	if (h->flags & PX_ABI_F_SEQ && h->flags & PX_ABI_F_PEER_POS) {
		/*
		 * Positions of an OPEN are those of the first bytes to come: pos outgoing, peer_pos
		 * incoming.
		 */
		px_stream_hint(&c->streams[PX_DIR_OUT],
			       px_order_offset(&c->streams[PX_DIR_OUT], h->pos));
		px_stream_hint(&c->streams[PX_DIR_IN],
			       px_order_offset(&c->streams[PX_DIR_IN], h->peer_pos));
	}
	c->opens = true;
}

void px_life_names(struct px_conn *c, struct px_bytes data)
{
	if (data.len < sizeof(struct px_abi_names))
		return;
	if (!c->names)
		c->names = malloc(sizeof(*c->names));
	if (c->names)
		memcpy(c->names, data.ptr, sizeof(*c->names));
}

/*
 * The socket is gone, and says how far both directions came. What was written ends there unless the
 * connection was reset (RFC 9112 section 8: an error is no end of a message); what was read ends
 * there only if the peer's FIN was read, too: what the process left unread is not known.
 */
void px_life_close(struct px_conn *c, const struct px_abi_event *h)
{
	c->closed = true;
	/* A UNIX socket is closed after its error; TCP's own end says better whether there was one. */
	c->was_reset =
		(c->was_reset && c->family == PX_ABI_AF_UNIX) || (h->flags & PX_ABI_F_RESET) != 0;
	c->closed_ns = h->ts_ns;
	c->close_at_ns = h->ts_ns + c->table->opt.linger_ns;
	if (c->is_tls) {
		/* By the other side: what its library has read may still be taken from there. */
		if (c->was_reset && !h->pid)
			c->close_at_ns += c->table->opt.untied_ns;
		c->has_ended[PX_DIR_OUT] = !c->was_reset;
		c->has_ended[PX_DIR_IN] |= (h->flags & PX_ABI_F_FIN) != 0;
		return;
	}
	if (c->is_packet || c->is_dropped || !(h->flags & PX_ABI_F_PEER_POS))
		return;
	c->told_end[PX_DIR_OUT] = px_order_offset(&c->streams[PX_DIR_OUT], h->pos);
	c->told_end[PX_DIR_IN] = px_order_offset(&c->streams[PX_DIR_IN], h->peer_pos);
	c->has_ended[PX_DIR_OUT] = !c->was_reset;
	c->has_ended[PX_DIR_IN] = (h->flags & PX_ABI_F_FIN) != 0;
}

/* The last bytes of a direction were moved and not seen: as if the source had told of them. */
static void life_lose_end(struct px_conn *c, enum px_dir dir)
{
	uint64_t pos = c->streams[dir].end, n = c->told_end[dir] - pos;
	struct px_abi_event h = {
		.ts_ns = c->closed_ns,
		.sock_id = c->sock_id,
		.sock_gen = c->sock_gen,
		.pos = (uint32_t)pos,
		.len = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX,
		.pid = c->pid,
		.tid = c->tid,
		.uid = c->uid,
		.kind = PX_ABI_DATA,
		.dir = (uint8_t)dir,
		.family = c->family,
		.type = c->type,
		.protocol = c->protocol,
		.flags = PX_ABI_F_LOST,
	};
	struct px_event ev = { &h, px_bytes_of(NULL, 0) };

	memcpy(h.comm, c->comm, sizeof(h.comm));
	px_order_lost(c, &ev);
}

void px_life_finish(struct px_conn *c)
{
	for (int i = 0; i < 2; i++) {
		enum px_dir dir = (enum px_dir)i;
		struct px_stream *s = &c->streams[dir];

		if (s->end != 0 && c->told_end[dir] > s->end)
			life_lose_end(c, dir);
		s->eof |= c->has_ended[dir];
	}
	for (int i = 0; i < 2; i++) {
		struct px_stream *s = &c->streams[i];

		if (s->eof || c->decoder.mode == PX_DECODE_RECOGNISE) {
			s->eof = true; /* whoever these few bytes belonged to */
			px_decoder_run(&c->decoder, (enum px_dir)i);
		}
	}
}

uint64_t px_life_responses_end(const struct px_conn *c)
{
	enum px_role role = px_conn_role(c);

	return role == PX_ROLE_UNKNOWN ? 0 :
					 c->streams[px_dir_other(px_role_request_dir(role))].end;
}

bool px_life_is_whole(const struct px_conn *c)
{
	enum px_role role = px_conn_role(c);
	enum px_dir dir;

	if (!c->closed || c->was_reset || role == PX_ROLE_UNKNOWN)
		return false;
	dir = px_dir_other(px_role_request_dir(role));
	/* What is told of this process's direction may leave open whether a FIN is counted. */
	return c->is_tls || c->streams[dir].eof || c->told_end[dir] + 1 >= c->streams[dir].end;
}
