/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The segments of a flow in the order of their bytes: those that came too early are held, and not
 * for ever. Of tcp.c and tcp_order.c alone.
 */
#ifndef PX_CAPTURE_TCP_ORDER_H
#define PX_CAPTURE_TCP_ORDER_H

#include "capture/flow.h"

/*
 * Sequence numbers wrap: which comes first is the sign of their difference (RFC 9293 section 3.4).
 */
static inline int32_t px_seq_diff(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

/* Who moved the bytes of a segment, as far as a note says so. */
static inline struct px_flow_owner px_tcp_owner(const struct px_segment *s)
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
void px_tcp_open(struct px_flows *f, struct px_flow *flow, uint64_t ts_ns, bool local_is_client,
		 int32_t result);

/* Its end, once. flags: PX_ABI_F_RESET or 0. */
void px_tcp_close(struct px_flows *f, struct px_flow *flow, uint64_t ts_ns, uint16_t flags);

/*
 * Hand over the next len bytes of this direction, of which data is here, and the FIN or reset in
 * tcp_flags behind them. ack counts with has_ack.
 */
void px_tcp_hand_over(struct px_flows *f, struct px_flow *flow, uint8_t dir, uint64_t ts_ns,
		      struct px_bytes data, uint32_t len, bool has_ack, uint32_t ack,
		      uint8_t tcp_flags);

/* The bytes up to seq will not come. */
void px_tcp_lose(struct px_flows *f, struct px_flow *flow, uint8_t dir, uint32_t seq,
		 uint64_t ts_ns);

/* Everything that the sender of this had received was handed over. */
bool px_tcp_is_confirmed(const struct px_flow_dir *other, bool has_ack, uint32_t ack);

/* What can be handed over, the older of the two directions first. */
void px_tcp_drain(struct px_flows *f, struct px_flow *flow);

/* Stop waiting for what the first held segment of this direction waits for. */
void px_tcp_force(struct px_flows *f, struct px_flow *flow, uint8_t dir);

/* The same until nothing of the flow waits. */
void px_tcp_force_all(struct px_flows *f, struct px_flow *flow);

/* Give up what has been waited for long enough, here and in the flow that has waited longest. */
void px_tcp_limit(struct px_flows *f, struct px_flow *flow, uint64_t now_ns);

/*
 * Keep what is new in a segment that has to wait; where it overlaps what is held, that came first
 * and stays.
 */
void px_tcp_hold(struct px_flows *f, struct px_flow *flow, uint8_t dir, const struct px_segment *s);

#endif
