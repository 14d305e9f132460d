/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/tcp.h"

#include "capture/tcp_order.h"

#include <errno.h>

#define TCP_FAR (1 << 26)	/* farther from what is expected no window reaches in practice */
#define TCP_REUSE_NS (1000ull * 1000 * 1000)	/* no sooner a closed connection's ends are used again without a SYN */
#define TCP_START_SLACK (1 << 20)	/* how far back the true start may be of a flow joined in the middle */

/* A SYN. Returns true when there is nothing more to the segment. */
static bool tcp_syn(struct px_flows *f, struct px_flow **flow, uint8_t *dir,
		    const struct px_segment *s)
{
	struct px_flow_dir *d = &(*flow)->dirs[*dir], *other;
	bool is_answer = s->tcp_flags & PX_TCP_ACK;
	int32_t before = px_seq_diff(d->first, s->seq + 1);
	bool is_late;

	if (d->is_known && d->has_syn && before == 0)
		return true; /* sent again */
	is_late = d->is_known && !d->has_syn && before >= 0 && before < TCP_START_SLACK &&
		  !(*flow)->is_closed;
	if (is_late && (*flow)->has_events) {
		d->has_syn = true;
		d->first = s->seq + 1; /* or the next copy of this SYN would look like a new one */
		(*flow)->is_open = true; /* too late to tell of it */
		return true;
	}
	if (!is_late && ((*flow)->is_closed || d->has_syn || d->has_data || d->is_seen)) {
		struct px_flow_owner owner = px_tcp_owner(s);

		for (uint8_t i = 0; i < 2; i++)
			while ((*flow)->dirs[i].held)
				px_tcp_force(f, *flow, i);
		px_flow_restart(f, *flow, s->ts_ns);
		px_flow_set_owner(*flow, &owner);
	}
	if (!(*flow)->is_oriented && !s->origin) {
		struct px_segment client = *s;

		if (is_answer) { /* seen from the other end */
			memcpy(client.src, s->dst, sizeof(client.src));
			memcpy(client.dst, s->src, sizeof(client.dst));
			client.src_port = s->dst_port;
			client.dst_port = s->src_port;
		}
		px_flow_orient(*flow, &client);
		*dir = is_answer ? PX_ABI_IN : PX_ABI_OUT;
	}
	(*flow)->is_oriented = true;
	d = &(*flow)->dirs[*dir];
	other = &(*flow)->dirs[!*dir];
	d->is_known = d->is_seen = d->has_syn = true;
	d->next = d->first = s->seq + 1;
	if (!(*flow)->syn_ns)
		(*flow)->syn_ns = s->ts_ns;
	if (s->origin && s->origin->error) {
		px_tcp_open(f, *flow, s->ts_ns, true, -(int32_t)s->origin->error);
		return true;
	}
	if (is_answer) {
		/*
		 * Its answer tells where the other direction began, even if that was captured later
		 * or never.
		 */
		if (!other->has_syn && !other->has_data) {
			other->is_known = true;
			other->next = other->first = s->ack;
			other->has_syn = true;
		}
		px_tcp_open(f, *flow, s->ts_ns, *dir == PX_ABI_IN, 0);
	}
	return s->len == 0;
}

/* The other end's answer to a SYN that it does not want. */
static bool tcp_is_refusal(const struct px_flow *flow, uint8_t dir, const struct px_segment *s)
{
	const struct px_flow_dir *d = &flow->dirs[dir], *other = &flow->dirs[!dir];

	return s->tcp_flags & PX_TCP_RST && !flow->is_open && !d->is_seen && other->has_syn &&
	       !other->has_data && (!(s->tcp_flags & PX_TCP_ACK) || s->ack == other->first);
}

/*
 * Does the segment belong to the connection as far as its numbers tell? Two that follow each other
 * and do not fit are the beginning of another connection between the same ends.
 */
static bool tcp_fits(struct px_flows *f, struct px_flow *flow, uint8_t dir,
		     const struct px_segment *s)
{
	struct px_flow_dir *d = &flow->dirs[dir], *other = &flow->dirs[!dir];
	int32_t ahead = d->is_known ? px_seq_diff(s->seq, d->next) : 0;
	int32_t acked =
		other->is_known && s->tcp_flags & PX_TCP_ACK ? px_seq_diff(s->ack, other->next) : 0;
	bool fits = ahead > -TCP_FAR && ahead < TCP_FAR && acked > -TCP_FAR && acked < TCP_FAR;

	if (flow->is_closed && ahead >= 0 && s->len > 0) {
		if (s->ts_ns < flow->ev.ts_ns + TCP_REUSE_NS)
			return false; /* was under way when the other end reset the connection */
		fits = false;
	}
	if (fits)
		return true;
	f->stats.stray++;
	if (s->len == 0)
		return false;
	if (flow->has_stray && flow->stray_dir == dir && flow->stray_next == s->seq) {
		for (uint8_t i = 0; i < 2; i++)
			while (flow->dirs[i].held)
				px_tcp_force(f, flow, i);
		px_flow_restart(f, flow, s->ts_ns);
		return true;
	}
	flow->has_stray = true;
	flow->stray_dir = dir;
	flow->stray_next = s->seq + s->len;
	return false;
}

static void tcp_join(struct px_flow *flow, uint8_t dir, const struct px_segment *s)
{
	struct px_flow_dir *d = &flow->dirs[dir], *other = &flow->dirs[!dir];
	int32_t ahead = px_seq_diff(s->seq, d->next);

	if (!d->is_known) {
		d->is_known = true;
		d->next = d->first = s->seq;
	} else if (ahead < 0 && ahead > -TCP_START_SLACK && !d->has_syn && !d->has_data &&
		   s->len > 0) {
		d->next = d->first = s->seq; /* joined in the middle, and out of order */
	}
	d->is_seen = true;
	if (!(s->tcp_flags & PX_TCP_ACK))
		return;
	if (!other->has_acked || px_seq_diff(s->ack, other->acked) > 0) {
		other->acked = s->ack;
		other->has_acked = true;
	}
	/* What the unseen half has sent is known from its confirmations; nobody waits for it. */
	if (!other->is_known || (!other->is_seen && px_seq_diff(s->ack, other->next) > 0)) {
		other->is_known = true;
		other->next = s->ack;
		if (!other->has_data && !other->has_syn)
			other->first = s->ack;
	}
}

static void tcp_take(struct px_flows *f, struct px_flow *flow, uint8_t dir, struct px_segment *s)
{
	struct px_flow_dir *d = &flow->dirs[dir];
	int32_t ahead = px_seq_diff(s->seq, d->next);
	bool ends = s->tcp_flags & (PX_TCP_FIN | PX_TCP_RST);

	if (s->tcp_flags & PX_TCP_RST && ahead < 0) { /* answers something older; what it says is true */
		s->len = 0;
		s->seq = d->next;
		ahead = 0;
	}
	if (d->is_over && !(s->tcp_flags & PX_TCP_RST))
		return;
	if (ahead < 0) {
		uint32_t known = (uint32_t)-ahead;

		/* A repeat, or the part of one that is new. */
		f->stats.repeated_bytes += known < s->len ? known : s->len;
		if (known > s->len || (known == s->len && !ends))
			return;
		s->data = px_bytes_sub(s->data, known, SIZE_MAX);
		s->len -= known;
		s->seq = d->next;
		ahead = 0;
	}
	if (ahead == 0 && !d->held &&
	    px_tcp_is_confirmed(&flow->dirs[!dir], s->tcp_flags & PX_TCP_ACK, s->ack)) {
		if (flow->has_origin) {
			struct px_flow_owner owner = px_tcp_owner(s);

			px_flow_set_owner(flow, &owner);
		}
		px_tcp_hand_over(f, flow, dir, s->ts_ns, s->data, s->len, s->tcp_flags & PX_TCP_ACK,
				 s->ack, s->tcp_flags);
	} else {
		px_tcp_hold(f, flow, dir, s);
	}
}

/* Each datagram is an event of its own. */
static void udp_datagram(struct px_flows *f, struct px_flow *flow, uint8_t dir,
			 const struct px_segment *s)
{
	struct px_flow_owner owner = px_tcp_owner(s);

	px_flow_set_owner(flow, &owner);
	flow->ev.dir = dir;
	flow->ev.pos = flow->dirs[dir].next;
	flow->ev.len = s->len;
	flow->dirs[dir].next += s->len;
	px_flow_emit(f, flow, PX_ABI_DATA, s->ts_ns, PX_ABI_F_DGRAM, s->data);
}

/* What pxtrace noted beside the packet when it wrote it. */
static void tcp_note(struct px_flows *f, struct px_flow *flow, uint8_t dir, struct px_segment *s)
{
	const struct px_origin *o = s->origin;
	struct px_flow_dir *d = &flow->dirs[dir];
	int32_t ahead = px_seq_diff(s->seq, d->next);

	if (o->family == PX_ABI_AF_UNIX && memcmp(&o->names, &flow->names, sizeof(o->names)) != 0) {
		flow->names = o->names;
		flow->has_told_names = false;
	}
	if (o->has_no_ack)
		s->tcp_flags &= (uint8_t)~PX_TCP_ACK;
	if (o->lost == 0 || flow->is_closed || d->held)
		return;
	if (!d->has_data && !d->has_syn) { /* the first that was known to be there is missing */
		d->is_known = d->has_data = true;
		d->next = d->first = s->seq - o->lost;
	} else if (ahead <= 0 || (uint32_t)ahead > o->lost) {
		return;
	}
	px_tcp_lose(f, flow, dir, s->seq, s->ts_ns);
}

/* The beginning of one, told before the numbers of its handshake were known. */
static void tcp_open_again(struct px_flows *f, struct px_flow *flow, const struct px_segment *s)
{
	struct px_flow_owner owner = px_tcp_owner(s);

	if (flow->has_events)
		px_flow_restart(f, flow, s->ts_ns);
	owner.flags = 0;
	px_flow_set_owner(flow, &owner);
	px_tcp_open(f, flow, s->ts_ns, !(s->origin->flags & PX_ABI_F_ACCEPT), 0);
}

/* The end of a connection that pxtrace wrote. Packets that come later than this are late indeed. */
static void tcp_end(struct px_flows *f, struct px_flow *flow, uint64_t ts_ns)
{
	if (flow->dirs[PX_ABI_IN].held || flow->dirs[PX_ABI_OUT].held)
		px_tcp_force_all(f, flow);
	px_tcp_close(f, flow, ts_ns, 0);
}

void px_tcp_segment(struct px_flows *f, struct px_segment *s)
{
	struct px_flow *flow;
	uint8_t dir;

	flow = px_flow_find(f, s, &dir);
	if (!flow)
		return;
	if (s->protocol != 6) {
		udp_datagram(f, flow, dir, s);
		return;
	}
	if (flow->has_origin && !flow->has_events) {
		struct px_flow_owner owner = px_tcp_owner(s);

		px_flow_set_owner(flow, &owner);
	}
	if (s->origin) {
		tcp_note(f, flow, dir, s);
		if (s->origin->is_open) {
			tcp_open_again(f, flow, s);
			return;
		}
	}
	if (s->tcp_flags & PX_TCP_SYN) {
		if (tcp_syn(f, &flow, &dir, s))
			return;
		s->seq++; /* data that came with it */
	} else if (tcp_is_refusal(flow, dir, s)) {
		px_tcp_open(f, flow, s->ts_ns, dir == PX_ABI_IN, -ECONNREFUSED);
		px_tcp_close(f, flow, s->ts_ns, PX_ABI_F_RESET);
		return;
	}
	if (!tcp_fits(f, flow, dir, s))
		return;
	flow->has_stray = false;
	if (s->tcp_flags & PX_TCP_RST)
		s->tcp_flags &= (uint8_t)~PX_TCP_ACK; /* what a reset confirms need not be waited for */
	tcp_join(flow, dir, s);
	if (!flow->is_closed && (s->len > 0 || s->tcp_flags & (PX_TCP_FIN | PX_TCP_RST)))
		tcp_take(f, flow, dir, s);
	if (flow->is_waiting)
		px_tcp_drain(f, flow);
	if (s->origin && s->origin->is_end)
		tcp_end(f, flow, s->ts_ns);
	if (f->wait_first)
		px_tcp_limit(f, flow, s->ts_ns);
}

void px_tcp_finish(struct px_flows *f)
{
	while (f->wait_first)
		px_tcp_force_all(f, f->wait_first);
}
