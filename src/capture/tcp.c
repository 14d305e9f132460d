/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/tcp.h"

#include <errno.h>
#include <stdlib.h>

#define TCP_FLOW_HELD_MAX (2u << 20)	/* bytes of one flow that wait */
#define TCP_FLOW_SEGMENTS_MAX 2048u
#define TCP_HELD_MAX (16u << 20)	/* bytes of all flows that wait */
#define TCP_SEGMENTS_MAX 32768u
#define TCP_ACKED_NS (200ull * 1000 * 1000)	/* the receiver has it: only the capture may still be out of order */
#define TCP_UNACKED_NS (5ull * 1000 * 1000 * 1000)	/* it is still to be sent again */
#define TCP_FAR (1 << 26)	/* farther from what is expected no window reaches in practice */
#define TCP_REUSE_NS (1000ull * 1000 * 1000)	/* no sooner a closed connection's ends are used again without a SYN */
#define TCP_START_SLACK (1 << 20)	/* how far back the true start may be of a flow joined in the middle */

/*
 * Sequence numbers wrap: which comes first is the sign of their difference (RFC 9293 section 3.4).
 */
static int32_t seq_diff(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

static struct px_flow_owner owner_of(const struct px_segment *s)
{
	struct px_flow_owner owner = { 0 };

	if (s->origin) {
		owner.pid = s->origin->pid;
		owner.tid = s->origin->tid;
		owner.uid = s->origin->uid;
		owner.flags = s->origin->flags;
		owner.has_peer = s->origin->has_peer;
		owner.peer = s->origin->peer;
		memcpy(owner.comm, s->origin->comm, sizeof(owner.comm));
	}
	return owner;
}

/* The handshake as the client saw it. Positions are those of the first bytes to come. */
static void tcp_open(struct px_flows *f, struct px_flow *flow, uint64_t ts_ns, bool local_is_client,
		     int32_t result)
{
	const struct px_flow_dir *out = &flow->dirs[PX_ABI_OUT], *in = &flow->dirs[PX_ABI_IN];
	/* What is known from confirmations alone need not be the first byte. */
	uint16_t places = out->has_syn && in->has_syn ? PX_ABI_F_SEQ | PX_ABI_F_PEER_POS : 0;

	if (flow->is_open)
		return;
	flow->is_open = true;
	flow->ev.dir = PX_ABI_OUT;
	flow->ev.pos = out->next;
	flow->ev.peer_pos = in->next;
	flow->ev.result = result;
	px_flow_emit(f, flow, PX_ABI_OPEN, ts_ns,
		     (uint16_t)((local_is_client ? 0 : PX_ABI_F_ACCEPT) | places),
		     px_bytes_of(NULL, 0));
	flow->ev.result = 0;
}

static void tcp_close(struct px_flows *f, struct px_flow *flow, uint64_t ts_ns, uint16_t flags)
{
	if (flow->is_closed)
		return;
	flow->is_closed = true;
	if (flow->has_events)
		px_flow_emit(f, flow, PX_ABI_CLOSE, ts_ns, flags, px_bytes_of(NULL, 0));
}

/* A SYN was seen but not its answer, and now there are bytes. */
static void tcp_open_late(struct px_flows *f, struct px_flow *flow)
{
	bool out_syn = flow->dirs[PX_ABI_OUT].has_syn, in_syn = flow->dirs[PX_ABI_IN].has_syn;

	if (!flow->is_open && (out_syn || in_syn))
		tcp_open(f, flow, flow->syn_ns, out_syn, 0);
}

static void tcp_reset(struct px_flows *f, struct px_flow *flow, uint8_t dir, uint64_t ts_ns);

static void tcp_hand_over(struct px_flows *f, struct px_flow *flow, uint8_t dir, uint64_t ts_ns,
			  struct px_bytes data, uint32_t len, bool has_ack, uint32_t ack,
			  uint8_t tcp_flags)
{
	struct px_flow_dir *d = &flow->dirs[dir], *other = &flow->dirs[!dir];
	uint16_t flags = PX_ABI_F_SEQ;

	tcp_open_late(f, flow);
	if (has_ack) {
		flags |= PX_ABI_F_PEER_POS;
		/* Not beyond what was handed over, and the FIN is no byte. */
		if (other->is_known && seq_diff(ack, other->next) > 0)
			ack = other->next;
		flow->ev.peer_pos = other->is_over && ack == other->next ? ack - 1 : ack;
		if (flow->has_peer)
			flow->ev.peer_pos = flow->peer;
	}
	flow->ev.dir = dir;
	flow->ev.pos = d->next;
	flow->ev.len = len;
	d->progress_ns = ts_ns;
	if (len > 0) {
		px_flow_emit(f, flow, PX_ABI_DATA, ts_ns, flags, data);
		d->next += len;
		d->has_data = true;
	}
	if (tcp_flags & PX_TCP_FIN) {
		flow->ev.pos = d->next;
		flow->ev.len = 0;
		px_flow_emit(f, flow, PX_ABI_DATA, ts_ns, flags | PX_ABI_F_FIN,
			     px_bytes_of(NULL, 0));
		d->next++;
		d->is_over = true;
		if (other->is_over && !flow->has_origin)
			tcp_close(f, flow, ts_ns, 0);
	}
	if (tcp_flags & PX_TCP_RST)
		tcp_reset(f, flow, dir, ts_ns);
}

/* The bytes up to seq will not come. */
static void tcp_lose(struct px_flows *f, struct px_flow *flow, uint8_t dir, uint32_t seq,
		     uint64_t ts_ns)
{
	struct px_flow_dir *d = &flow->dirs[dir];
	uint32_t missing = seq - d->next;

	if (!d->has_data && !d->has_syn) {
		d->next = seq; /* the stream is joined here */
		d->first = seq;
		return;
	}
	tcp_open_late(f, flow);
	flow->ev.dir = dir;
	flow->ev.pos = d->next;
	flow->ev.len = missing;
	px_flow_emit(f, flow, PX_ABI_DATA, ts_ns, PX_ABI_F_SEQ | PX_ABI_F_LOST,
		     px_bytes_of(NULL, 0));
	d->next = seq;
	d->has_data = true;
	f->stats.lost_bytes += missing;
}

/* Everything that the sender of this had received was handed over. */
static bool tcp_is_confirmed(const struct px_flow_dir *other, bool has_ack, uint32_t ack)
{
	return !has_ack || !other->is_seen || !other->is_known || seq_diff(ack, other->next) <= 0;
}

static bool tcp_is_ready(const struct px_flow *flow, uint8_t dir)
{
	const struct px_flow_dir *d = &flow->dirs[dir];

	return d->held && seq_diff(d->held->seq, d->next) <= 0 &&
	       tcp_is_confirmed(&flow->dirs[!dir], d->held->has_ack, d->held->ack);
}

/* Hand over the first held segment of this direction. */
static void tcp_release(struct px_flows *f, struct px_flow *flow, uint8_t dir)
{
	struct px_flow_dir *d = &flow->dirs[dir];
	struct px_flow_held *h = d->held;
	uint32_t known = d->next - h->seq;

	d->held = h->next;
	if (!d->held)
		d->held_last = NULL;
	d->held_count--;
	flow->held_bytes -= h->copied;
	f->held_bytes -= h->copied;
	f->held_count--;
	if (known <= h->len && !flow->is_closed) {
		px_flow_set_owner(flow, &h->owner);
		tcp_hand_over(f, flow, dir, h->ts_ns,
			      px_bytes_sub(px_bytes_of(h->data, h->copied), known, SIZE_MAX),
			      h->len - known, h->has_ack, h->ack, h->tcp_flags);
	}
	free(h);
}

/* What can be handed over, the older of the two directions first. */
static void tcp_drain(struct px_flows *f, struct px_flow *flow)
{
	for (;;) {
		bool out = tcp_is_ready(flow, PX_ABI_OUT), in = tcp_is_ready(flow, PX_ABI_IN);

		if (!out && !in)
			break;
		if (out && in)
			out = flow->dirs[PX_ABI_OUT].held->ts_ns <=
			      flow->dirs[PX_ABI_IN].held->ts_ns;
		tcp_release(f, flow, out ? PX_ABI_OUT : PX_ABI_IN);
	}
	if (!flow->dirs[PX_ABI_IN].held && !flow->dirs[PX_ABI_OUT].held)
		px_flow_unwait(f, flow);
}

/* Stop waiting for what the first held segment of this direction waits for. */
static void tcp_force(struct px_flows *f, struct px_flow *flow, uint8_t dir)
{
	struct px_flow_dir *d = &flow->dirs[dir], *other = &flow->dirs[!dir];
	struct px_flow_held *h = d->held;

	if (seq_diff(h->seq, d->next) > 0)
		tcp_lose(f, flow, dir, h->seq, h->ts_ns);
	if (!tcp_is_confirmed(other, h->has_ack, h->ack)) {
		if (other->held && seq_diff(other->held->seq, other->next) <= 0) {
			tcp_release(f, flow, dir); /* each waits for the other */
		} else {
			uint32_t end = h->ack;

			if (other->held && seq_diff(other->held->seq, end) < 0)
				end = other->held->seq;
			/* A single confirmed byte behind all others is most likely the FIN. */
			if (end - other->next == 1 && !other->held &&
			    (other->has_data || other->has_syn))
				other->next = end;
			else
				tcp_lose(f, flow, !dir, end, h->ts_ns);
		}
	}
	tcp_drain(f, flow);
}

/* A reset ends both directions: what the other one still holds is as good as it will get. */
static void tcp_reset(struct px_flows *f, struct px_flow *flow, uint8_t dir, uint64_t ts_ns)
{
	if (flow->is_ending)
		return;
	flow->is_ending = true;
	while (flow->dirs[!dir].held)
		tcp_force(f, flow, !dir);
	tcp_close(f, flow, ts_ns, PX_ABI_F_RESET);
}

static uint8_t tcp_older(const struct px_flow *flow)
{
	const struct px_flow_dir *in = &flow->dirs[PX_ABI_IN], *out = &flow->dirs[PX_ABI_OUT];

	if (!in->held || !out->held)
		return in->held ? PX_ABI_IN : PX_ABI_OUT;
	return in->held->ts_ns < out->held->ts_ns ? PX_ABI_IN : PX_ABI_OUT;
}

static void tcp_force_all(struct px_flows *f, struct px_flow *flow)
{
	while (flow->dirs[PX_ABI_IN].held || flow->dirs[PX_ABI_OUT].held)
		tcp_force(f, flow, tcp_older(flow));
	px_flow_unwait(f, flow);
}

static bool tcp_is_overdue(const struct px_flow *flow, uint8_t dir, uint64_t now_ns)
{
	const struct px_flow_dir *d = &flow->dirs[dir];
	bool is_hole;
	uint64_t patience;

	if (!d->held || now_ns < d->progress_ns)
		return false;
	is_hole = seq_diff(d->held->seq, d->next) > 0;
	patience = is_hole && !(d->has_acked && seq_diff(d->acked, d->next) > 0) ? TCP_UNACKED_NS
										 : TCP_ACKED_NS;
	return now_ns - d->progress_ns > patience;
}

/* Give up what has been waited for long enough, here and in the flow that has waited longest. */
static void tcp_limit(struct px_flows *f, struct px_flow *flow, uint64_t now_ns)
{
	for (uint8_t dir = 0; dir < 2; dir++)
		while (tcp_is_overdue(flow, dir, now_ns) ||
		       (flow->dirs[dir].held &&
			(flow->held_bytes > TCP_FLOW_HELD_MAX ||
			 flow->dirs[dir].held_count > TCP_FLOW_SEGMENTS_MAX))) {
			tcp_force(f, flow, dir);
			flow->dirs[dir].progress_ns = now_ns;
		}
	while (f->wait_first && (f->held_bytes > TCP_HELD_MAX || f->held_count > TCP_SEGMENTS_MAX ||
				 (now_ns > f->wait_first->waiting_since &&
				  now_ns - f->wait_first->waiting_since > 2 * TCP_UNACKED_NS)))
		tcp_force_all(f, f->wait_first);
}

/* Put bytes [from, to) of the segment before *at. False when there is no memory for them. */
static bool tcp_hold_piece(struct px_flows *f, struct px_flow *flow, uint8_t dir,
			   struct px_flow_held **at, const struct px_segment *s, uint32_t from,
			   uint32_t to, uint8_t tcp_flags)
{
	struct px_flow_dir *d = &flow->dirs[dir];
	struct px_bytes data = px_bytes_sub(s->data, from, to - from);
	struct px_flow_held *h = malloc(sizeof(*h) + data.len);

	if (!h) {
		f->stats.lost_bytes += to - from;
		return false;
	}
	*h = (struct px_flow_held){ .ts_ns = s->ts_ns,
				    .seq = s->seq + from,
				    .ack = s->ack,
				    .len = to - from,
				    .has_ack = s->tcp_flags & PX_TCP_ACK,
				    .tcp_flags = tcp_flags,
				    .owner = owner_of(s),
				    .copied = data.len };
	if (data.len)
		memcpy(h->data, data.ptr, data.len);
	if (!d->held)
		d->progress_ns = s->ts_ns;
	h->next = *at;
	*at = h;
	if (!h->next)
		d->held_last = h;
	d->held_count++;
	flow->held_bytes += h->copied;
	f->held_bytes += h->copied;
	f->held_count++;
	f->stats.held++;
	return true;
}

/* A FIN or reset without bytes: a mark on the segment before it, or one of its own. */
static void tcp_hold_end(struct px_flows *f, struct px_flow *flow, uint8_t dir,
			 const struct px_segment *s, uint8_t end)
{
	struct px_flow_held **at = &flow->dirs[dir].held;

	for (; *at && seq_diff((*at)->seq, s->seq) <= 0; at = &(*at)->next) {
		if ((*at)->seq + (*at)->len == s->seq) {
			(*at)->tcp_flags |= end;
			return;
		}
	}
	(void)tcp_hold_piece(f, flow, dir, at, s, 0, 0, end);
}

/*
 * Keep what is new in a segment that has to wait; where it overlaps what is held, that came first
 * and stays.
 */
static void tcp_hold(struct px_flows *f, struct px_flow *flow, uint8_t dir,
		     const struct px_segment *s)
{
	struct px_flow_dir *d = &flow->dirs[dir];
	struct px_flow_held **at = &d->held;
	uint8_t end = s->tcp_flags & (PX_TCP_FIN | PX_TCP_RST);
	uint32_t from = 0;

	px_flow_wait(f, flow, s->ts_ns);
	if (s->len == 0) {
		tcp_hold_end(f, flow, dir, s, end);
		return;
	}
	/* Mostly it comes behind all others. */
	if (d->held_last && seq_diff(s->seq, d->held_last->seq + d->held_last->len) >= 0)
		at = &d->held_last->next;
	for (; *at; at = &(*at)->next) {
		struct px_flow_held *h = *at;
		int32_t until = seq_diff(h->seq, s->seq + from), behind;

		if (until > 0) {
			uint32_t to =
				(uint32_t)until < s->len - from ? from + (uint32_t)until : s->len;

			if (tcp_hold_piece(f, flow, dir, at, s, from, to, to == s->len ? end : 0))
				at = &(*at)->next;
			from = to;
			if (from == s->len)
				return;
		}
		behind = seq_diff(h->seq + h->len, s->seq + from);
		if (behind > 0)
			from = (uint32_t)behind < s->len - from ? from + (uint32_t)behind : s->len;
		if (from == s->len) {
			if (h->seq + h->len == s->seq + s->len)
				h->tcp_flags |= end;
			return;
		}
	}
	(void)tcp_hold_piece(f, flow, dir, at, s, from, s->len, end);
}

/* A SYN. Returns true when there is nothing more to the segment. */
static bool tcp_syn(struct px_flows *f, struct px_flow **flow, uint8_t *dir,
		    const struct px_segment *s)
{
	struct px_flow_dir *d = &(*flow)->dirs[*dir], *other;
	bool is_answer = s->tcp_flags & PX_TCP_ACK;
	int32_t before = seq_diff(d->first, s->seq + 1);
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
		struct px_flow_owner owner = owner_of(s);

		for (uint8_t i = 0; i < 2; i++)
			while ((*flow)->dirs[i].held)
				tcp_force(f, *flow, i);
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
		tcp_open(f, *flow, s->ts_ns, true, -(int32_t)s->origin->error);
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
		tcp_open(f, *flow, s->ts_ns, *dir == PX_ABI_IN, 0);
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
	int32_t ahead = d->is_known ? seq_diff(s->seq, d->next) : 0;
	int32_t acked =
		other->is_known && s->tcp_flags & PX_TCP_ACK ? seq_diff(s->ack, other->next) : 0;
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
				tcp_force(f, flow, i);
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
	int32_t ahead = seq_diff(s->seq, d->next);

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
	if (!other->has_acked || seq_diff(s->ack, other->acked) > 0) {
		other->acked = s->ack;
		other->has_acked = true;
	}
	/* What the unseen half has sent is known from its confirmations; nobody waits for it. */
	if (!other->is_known || (!other->is_seen && seq_diff(s->ack, other->next) > 0)) {
		other->is_known = true;
		other->next = s->ack;
		if (!other->has_data && !other->has_syn)
			other->first = s->ack;
	}
}

static void tcp_take(struct px_flows *f, struct px_flow *flow, uint8_t dir, struct px_segment *s)
{
	struct px_flow_dir *d = &flow->dirs[dir];
	int32_t ahead = seq_diff(s->seq, d->next);
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
	    tcp_is_confirmed(&flow->dirs[!dir], s->tcp_flags & PX_TCP_ACK, s->ack)) {
		if (flow->has_origin) {
			struct px_flow_owner owner = owner_of(s);

			px_flow_set_owner(flow, &owner);
		}
		tcp_hand_over(f, flow, dir, s->ts_ns, s->data, s->len, s->tcp_flags & PX_TCP_ACK,
			      s->ack, s->tcp_flags);
	} else {
		tcp_hold(f, flow, dir, s);
	}
}

/* Each datagram is an event of its own. */
static void udp_datagram(struct px_flows *f, struct px_flow *flow, uint8_t dir,
			 const struct px_segment *s)
{
	struct px_flow_owner owner = owner_of(s);

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
	int32_t ahead = seq_diff(s->seq, d->next);

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
	tcp_lose(f, flow, dir, s->seq, s->ts_ns);
}

/* The beginning of one, told before the numbers of its handshake were known. */
static void tcp_open_again(struct px_flows *f, struct px_flow *flow, const struct px_segment *s)
{
	struct px_flow_owner owner = owner_of(s);

	if (flow->has_events)
		px_flow_restart(f, flow, s->ts_ns);
	owner.flags = 0;
	px_flow_set_owner(flow, &owner);
	tcp_open(f, flow, s->ts_ns, !(s->origin->flags & PX_ABI_F_ACCEPT), 0);
}

/* The end of a connection that pxtrace wrote. Packets that come later than this are late indeed. */
static void tcp_end(struct px_flows *f, struct px_flow *flow, uint64_t ts_ns)
{
	if (flow->dirs[PX_ABI_IN].held || flow->dirs[PX_ABI_OUT].held)
		tcp_force_all(f, flow);
	tcp_close(f, flow, ts_ns, 0);
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
		struct px_flow_owner owner = owner_of(s);

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
		tcp_open(f, flow, s->ts_ns, dir == PX_ABI_IN, -ECONNREFUSED);
		tcp_close(f, flow, s->ts_ns, PX_ABI_F_RESET);
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
		tcp_drain(f, flow);
	if (s->origin && s->origin->is_end)
		tcp_end(f, flow, s->ts_ns);
	if (f->wait_first)
		tcp_limit(f, flow, s->ts_ns);
}

void px_tcp_finish(struct px_flows *f)
{
	while (f->wait_first)
		tcp_force_all(f, f->wait_first);
}
