/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/tcp_order.h"

#include <stdlib.h>

#define TCP_FLOW_HELD_MAX (2u << 20)	/* bytes of one flow that wait */
#define TCP_FLOW_SEGMENTS_MAX 2048u
#define TCP_HELD_MAX (16u << 20)	/* bytes of all flows that wait */
#define TCP_SEGMENTS_MAX 32768u
#define TCP_ACKED_NS (200ull * 1000 * 1000)	/* the receiver has it: only the capture may still be out of order */
#define TCP_UNACKED_NS (5ull * 1000 * 1000 * 1000)	/* it is still to be sent again */

void px_tcp_open(struct px_flows *f, struct px_flow *flow, uint64_t ts_ns, bool local_is_client,
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

void px_tcp_close(struct px_flows *f, struct px_flow *flow, uint64_t ts_ns, uint16_t flags)
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
		px_tcp_open(f, flow, flow->syn_ns, out_syn, 0);
}

static void tcp_reset(struct px_flows *f, struct px_flow *flow, uint8_t dir, uint64_t ts_ns);

void px_tcp_hand_over(struct px_flows *f, struct px_flow *flow, uint8_t dir, uint64_t ts_ns,
		      struct px_bytes data, uint32_t len, bool has_ack, uint32_t ack,
		      uint8_t tcp_flags)
{
	struct px_flow_dir *d = &flow->dirs[dir], *other = &flow->dirs[!dir];
	uint16_t flags = PX_ABI_F_SEQ;

	tcp_open_late(f, flow);
	if (has_ack) {
		flags |= PX_ABI_F_PEER_POS;
		/* Not beyond what was handed over, and the FIN is no byte. */
		if (other->is_known && px_seq_diff(ack, other->next) > 0)
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
			px_tcp_close(f, flow, ts_ns, 0);
	}
	if (tcp_flags & PX_TCP_RST)
		tcp_reset(f, flow, dir, ts_ns);
}

void px_tcp_lose(struct px_flows *f, struct px_flow *flow, uint8_t dir, uint32_t seq,
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

bool px_tcp_is_confirmed(const struct px_flow_dir *other, bool has_ack, uint32_t ack)
{
	return !has_ack || !other->is_seen || !other->is_known ||
	       px_seq_diff(ack, other->next) <= 0;
}

static bool tcp_is_ready(const struct px_flow *flow, uint8_t dir)
{
	const struct px_flow_dir *d = &flow->dirs[dir];

	return d->held && px_seq_diff(d->held->seq, d->next) <= 0 &&
	       px_tcp_is_confirmed(&flow->dirs[!dir], d->held->has_ack, d->held->ack);
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
		px_tcp_hand_over(f, flow, dir, h->ts_ns,
				 px_bytes_sub(px_bytes_of(h->data, h->copied), known, SIZE_MAX),
				 h->len - known, h->has_ack, h->ack, h->tcp_flags);
	}
	free(h);
}

void px_tcp_drain(struct px_flows *f, struct px_flow *flow)
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

void px_tcp_force(struct px_flows *f, struct px_flow *flow, uint8_t dir)
{
	struct px_flow_dir *d = &flow->dirs[dir], *other = &flow->dirs[!dir];
	struct px_flow_held *h = d->held;

	if (px_seq_diff(h->seq, d->next) > 0)
		px_tcp_lose(f, flow, dir, h->seq, h->ts_ns);
	if (!px_tcp_is_confirmed(other, h->has_ack, h->ack)) {
		if (other->held && px_seq_diff(other->held->seq, other->next) <= 0) {
			tcp_release(f, flow, dir); /* each waits for the other */
		} else {
			uint32_t end = h->ack;

			if (other->held && px_seq_diff(other->held->seq, end) < 0)
				end = other->held->seq;
			/* A single confirmed byte behind all others is most likely the FIN. */
			if (end - other->next == 1 && !other->held &&
			    (other->has_data || other->has_syn))
				other->next = end;
			else
				px_tcp_lose(f, flow, !dir, end, h->ts_ns);
		}
	}
	px_tcp_drain(f, flow);
}

/* A reset ends both directions: what the other one still holds is as good as it will get. */
static void tcp_reset(struct px_flows *f, struct px_flow *flow, uint8_t dir, uint64_t ts_ns)
{
	if (flow->is_ending)
		return;
	flow->is_ending = true;
	while (flow->dirs[!dir].held)
		px_tcp_force(f, flow, !dir);
	px_tcp_close(f, flow, ts_ns, PX_ABI_F_RESET);
}

static uint8_t tcp_older(const struct px_flow *flow)
{
	const struct px_flow_dir *in = &flow->dirs[PX_ABI_IN], *out = &flow->dirs[PX_ABI_OUT];

	if (!in->held || !out->held)
		return in->held ? PX_ABI_IN : PX_ABI_OUT;
	return in->held->ts_ns < out->held->ts_ns ? PX_ABI_IN : PX_ABI_OUT;
}

void px_tcp_force_all(struct px_flows *f, struct px_flow *flow)
{
	while (flow->dirs[PX_ABI_IN].held || flow->dirs[PX_ABI_OUT].held)
		px_tcp_force(f, flow, tcp_older(flow));
	px_flow_unwait(f, flow);
}

static bool tcp_is_overdue(const struct px_flow *flow, uint8_t dir, uint64_t now_ns)
{
	const struct px_flow_dir *d = &flow->dirs[dir];
	bool is_hole;
	uint64_t patience;

	if (!d->held || now_ns < d->progress_ns)
		return false;
	is_hole = px_seq_diff(d->held->seq, d->next) > 0;
	patience = is_hole && !(d->has_acked && px_seq_diff(d->acked, d->next) > 0) ? TCP_UNACKED_NS
										    : TCP_ACKED_NS;
	return now_ns - d->progress_ns > patience;
}

void px_tcp_limit(struct px_flows *f, struct px_flow *flow, uint64_t now_ns)
{
	for (uint8_t dir = 0; dir < 2; dir++)
		while (tcp_is_overdue(flow, dir, now_ns) ||
		       (flow->dirs[dir].held &&
			(flow->held_bytes > TCP_FLOW_HELD_MAX ||
			 flow->dirs[dir].held_count > TCP_FLOW_SEGMENTS_MAX))) {
			px_tcp_force(f, flow, dir);
			flow->dirs[dir].progress_ns = now_ns;
		}
	while (f->wait_first && (f->held_bytes > TCP_HELD_MAX || f->held_count > TCP_SEGMENTS_MAX ||
				 (now_ns > f->wait_first->waiting_since &&
				  now_ns - f->wait_first->waiting_since > 2 * TCP_UNACKED_NS)))
		px_tcp_force_all(f, f->wait_first);
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
				    .owner = px_tcp_owner(s),
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

	for (; *at && px_seq_diff((*at)->seq, s->seq) <= 0; at = &(*at)->next) {
		if ((*at)->seq + (*at)->len == s->seq) {
			(*at)->tcp_flags |= end;
			return;
		}
	}
	(void)tcp_hold_piece(f, flow, dir, at, s, 0, 0, end);
}

void px_tcp_hold(struct px_flows *f, struct px_flow *flow, uint8_t dir, const struct px_segment *s)
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
	if (d->held_last && px_seq_diff(s->seq, d->held_last->seq + d->held_last->len) >= 0)
		at = &d->held_last->next;
	for (; *at; at = &(*at)->next) {
		struct px_flow_held *h = *at;
		int32_t until = px_seq_diff(h->seq, s->seq + from), behind;

		if (until > 0) {
			uint32_t to =
				(uint32_t)until < s->len - from ? from + (uint32_t)until : s->len;

			if (tcp_hold_piece(f, flow, dir, at, s, from, to, to == s->len ? end : 0))
				at = &(*at)->next;
			from = to;
			if (from == s->len)
				return;
		}
		behind = px_seq_diff(h->seq + h->len, s->seq + from);
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
