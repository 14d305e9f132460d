/* SPDX-License-Identifier: Apache-2.0 */
#include "conn/order.h"

#include "conn/control.h"
#include "conn/life.h"
#include "conn/tls.h"

#include <stdlib.h>

#define ORDER_HELD_MAX 256
#define ORDER_KEPT_MAX 1024
#define TCP_STATE_ESTABLISHED 1

struct px_held {
	struct px_held *next;
	struct px_abi_event hdr;	/* its data[] follows */
};

uint64_t px_order_offset(const struct px_stream *s, uint32_t raw)
{
	const uint64_t origin = (uint64_t)1 << 32; /* what came before the first byte seen is not negative */

	raw -= s->urgent;
	if (s->end == 0)
		return origin + raw;
	return s->end + (uint64_t)(int64_t)(int32_t)(raw - (uint32_t)s->end);
}

/* The process ends its direction, and its FIN has taken no sequence number yet. */
static bool order_ends_out(const struct px_abi_event *h)
{
	return h->len == 0 && h->dir == PX_DIR_OUT && h->flags & PX_ABI_F_FIN;
}

/*
 * The other direction had reached this offset. A FIN of ours may be counted in it, where the state
 * of the socket leaves that open.
 */
static void order_tell_reached(struct px_conn *c, const struct px_abi_event *h, enum px_dir dir,
			       uint64_t pos)
{
	if (dir == PX_DIR_OUT && h->state != TCP_STATE_ESTABLISHED)
		pos--;
	if (pos > c->told_end[dir])
		c->told_end[dir] = pos;
}

/* Where an event belongs in its stream. */
static uint64_t order_pos(const struct px_conn *c, const struct px_abi_event *h)
{
	const struct px_stream *s = &c->streams[h->dir ? PX_DIR_OUT : PX_DIR_IN];
	uint64_t pos = px_order_offset(s, h->pos);

	if (pos == s->end + 1 && h->dir == PX_ABI_IN && h->flags & PX_ABI_F_URGENT)
		return s->end;
	if (pos == s->end + 1 && s->started && h->state != TCP_STATE_ESTABLISHED &&
	    !order_ends_out(h))
		pos--; /* a FIN takes a sequence number */
	return pos;
}

/* Is this the end of a stream, with its place? Then bytes that are missing before it show. */
static bool order_tells_end(const struct px_conn *c, const struct px_abi_event *h)
{
	return h->len == 0 && (h->dir == PX_DIR_IN || order_ends_out(h)) &&
	       h->flags & PX_ABI_F_PEER_POS && !c->is_packet;
}

/* A byte that is sent as urgent has no length here, but a place. */
static bool order_is_urgent(const struct px_abi_event *h)
{
	return h->dir == PX_ABI_OUT && h->flags & PX_ABI_F_URGENT;
}

/* The urgent byte that an event tells of moves what follows it. */
static void order_pass_urgent(struct px_conn *c, const struct px_abi_event *h)
{
	struct px_stream *s = &c->streams[h->dir ? PX_DIR_OUT : PX_DIR_IN];

	if (order_is_urgent(h))
		s->urgent += !(h->flags & PX_ABI_F_MORE);
	else if (s->end != 0 && px_order_offset(s, h->pos) == s->end + 1)
		s->urgent++;
}

/*
 * Must this event wait, and for bytes of which direction? For those before it in its own direction;
 * and an incoming one for the outgoing bytes that it answers: when two threads share a connection,
 * the writer may be interrupted on its way out of the call, and the answer is reported before the
 * request. The socket's own counters tell.
 */
static bool order_must_wait(struct px_conn *c, const struct px_abi_event *h, enum px_dir *missing)
{
	enum px_dir dir = h->dir ? PX_DIR_OUT : PX_DIR_IN;
	struct px_stream *s = &c->streams[dir], *other = &c->streams[px_dir_other(dir)];

	*missing = dir;
	if (s->end != 0 && (h->len > 0 || order_tells_end(c, h) || order_is_urgent(h)) &&
	    order_pos(c, h) > s->end)
		return true;
	*missing = PX_DIR_OUT;
	if (dir == PX_DIR_IN && h->flags & PX_ABI_F_PEER_POS && other->end != 0 && !c->is_packet) {
		uint64_t peer = px_order_offset(other, h->peer_pos);

		return peer > other->end + (h->state != TCP_STATE_ESTABLISHED);
	}
	return false;
}

/*
 * The opening was seen, and no position with it: then the first bytes are these only if their event
 * says so. Back ends that never say it are believed.
 */
static void order_check_start(struct px_conn *c, const struct px_abi_event *h)
{
	struct px_table *t = c->table;
	bool knows_place = c->streams[PX_DIR_IN].end != 0 || c->streams[PX_DIR_OUT].end != 0;

	c->has_begun = true;
	if (!c->from_start || knows_place || h->flags & PX_ABI_F_START || !t->opt.marks_start)
		return;
	c->from_start = false;
	t->stats.conns_from_start--;
	c->decoder.mid_stream = true;
	px_matcher_init(&c->matcher, &t->match_env, c, true);
}

/* What the bytes of an event have in common. */
static struct px_seg_info order_seg_info(const struct px_abi_event *h)
{
	struct px_seg_info info = {
		.ts_ns = h->ts_ns, .pid = h->pid, .tid = h->tid, .uid = h->uid
	};

	memcpy(info.comm, h->comm, sizeof(info.comm));
	return info;
}

/* Show an event as if urgent bytes had no place: offsets are those of the stream. */
static void order_show(struct px_conn *c, const struct px_event *ev, uint64_t pos)
{
	const struct px_stream *other = &c->streams[ev->hdr->dir ? PX_DIR_IN : PX_DIR_OUT];
	struct px_abi_event moved;
	struct px_event shown = { &moved, ev->data };

	if (other->urgent) {
		moved = *ev->hdr;
		moved.peer_pos -= other->urgent;
		px_life_show(c, &shown, pos);
	} else {
		px_life_show(c, ev, pos);
	}
}

/*
 * One data event whose turn it is. is_late: what waits for it was reported first, but happened
 * after it.
 */
static void order_data(struct px_conn *c, const struct px_event *ev, bool is_late)
{
	const struct px_abi_event *h = ev->hdr;
	enum px_dir dir = h->dir ? PX_DIR_OUT : PX_DIR_IN;
	struct px_stream *s = &c->streams[dir], *other = &c->streams[px_dir_other(dir)];
	struct px_seg_info info = order_seg_info(h);
	uint64_t pos = order_pos(c, h);

	if (h->flags & PX_ABI_F_URGENT && dir == PX_DIR_IN)
		order_pass_urgent(c, h);
	if (h->flags & PX_ABI_F_PEER_POS) {
		if (other->end == 0)
			px_stream_hint(other, px_order_offset(other, h->peer_pos));
		info.has_peer_pos = true;
		info.peer_pos = px_order_offset(other, h->peer_pos);
		order_tell_reached(c, h, px_dir_other(dir), info.peer_pos);
		if (is_late && info.peer_pos > other->end)
			info.peer_pos = other->end;
	}
	c->bytes[dir] += h->len;
	if (c->control.flags)
		px_control_renew(c, dir);
	if (h->len > 0)
		px_stream_append(s, pos, ev->data, h->len, &info);
	/* All events of a call that consumed a FIN say so; its bytes end with the last of them. */
	if (((h->flags & PX_ABI_F_FIN && !(h->flags & PX_ABI_F_MORE)) ||
	     (h->len == 0 && dir == PX_DIR_IN)) &&
	    !px_stream_is_waiting(s))
		s->eof = true;
	px_decoder_run(&c->decoder, dir);
	order_show(c, ev, pos);
	px_stream_settle(s);
	if (order_is_urgent(h))
		order_pass_urgent(c, h);
}

/* The bytes up to end are missing for good; info tells when that was known. */
static void order_lost(struct px_conn *c, enum px_dir dir, uint64_t pos, uint64_t end,
		       const struct px_seg_info *info)
{
	struct px_stream *s = &c->streams[dir];
	uint64_t lost = px_stream_lose(s, pos, end, info);

	if (lost) {
		c->table->stats.lost_bytes += lost;
		c->table->opt.on_lost(c->table->opt.ctx, c, lost);
	}
	px_decoder_run(&c->decoder, dir);
	px_stream_settle(s);
}

void px_order_lost(struct px_conn *c, const struct px_event *ev)
{
	const struct px_abi_event *h = ev->hdr;
	enum px_dir dir = h->dir ? PX_DIR_OUT : PX_DIR_IN;
	uint64_t pos = px_order_offset(&c->streams[dir], h->pos);
	struct px_seg_info info = order_seg_info(h);

	order_lost(c, dir, pos, pos + h->len, &info);
	px_life_show(c, ev, pos);
}

static struct px_event order_held_event(const struct px_held *held)
{
	return (struct px_event){ &held->hdr, px_bytes_of(held->hdr.data, held->hdr.copied) };
}

static struct px_held *order_unhold(struct px_conn *c, struct px_held *before)
{
	struct px_held *held = before ? before->next : c->held;

	*(before ? &before->next : &c->held) = held->next;
	if (c->held_last == held)
		c->held_last = before;
	c->held_count--;
	c->table->budget.total -= held->hdr.copied;
	return held;
}

/* Events that waited and need not any more. */
static void order_release(struct px_conn *c)
{
	while (c->held && !order_must_wait(c, &c->held->hdr, &c->missing)) {
		struct px_held *held = order_unhold(c, NULL);
		struct px_event ev = order_held_event(held);

		order_data(c, &ev, false);
		free(held);
	}
}

/* The bytes that the first held event waits for will not come: go on without them. */
static void order_give_up(struct px_conn *c)
{
	struct px_table *t = c->table;
	struct px_held *first = order_unhold(c, NULL), *before = NULL, *held;
	struct px_stream *s = &c->streams[first->hdr.dir ? PX_DIR_OUT : PX_DIR_IN];
	struct px_event ev = order_held_event(first);
	uint64_t lost;

	if (s->end != 0 && order_tells_end(c, &first->hdr) && order_pos(c, &first->hdr) > s->end) {
		struct px_seg_info info = order_seg_info(&first->hdr);

		order_lost(c, first->hdr.dir ? PX_DIR_OUT : PX_DIR_IN, s->end,
			   order_pos(c, &first->hdr), &info);
	}
	order_data(c, &ev, false);
	if (px_stream_is_waiting(s)) {
		/*
		 * Of two writers at the same moment the other one claims an overlapping place: see
		 * px_stream_give_up.
		 */
		while ((held = before ? before->next : c->held) != NULL) {
			if (held->hdr.dir == first->hdr.dir &&
			    (int32_t)(held->hdr.pos - first->hdr.pos) < 0 &&
			    (int32_t)(held->hdr.pos + held->hdr.len - first->hdr.pos) > 0) {
				held = order_unhold(c, before);
				ev = order_held_event(held);
				order_data(c, &ev, false);
				free(held);
			} else {
				before = held;
			}
		}
		lost = px_stream_give_up(s);
		if (lost) {
			t->stats.lost_bytes += lost;
			t->opt.on_lost(t->opt.ctx, c, lost);
		}
		px_decoder_run(&c->decoder, first->hdr.dir ? PX_DIR_OUT : PX_DIR_IN);
	}
	free(first);
	order_release(c);
}

/* Put an event behind those that wait. Its place in the stream stays a hole where there is no room. */
static void order_append(struct px_conn *c, const struct px_event *ev)
{
	struct px_held *held;
	size_t n = ev->data.len;

	held = malloc(sizeof(*held) + n);
	if (!held || n > c->table->budget.total_max - c->table->budget.total) {
		free(held);
		return;
	}
	held->next = NULL;
	held->hdr = *ev->hdr;
	held->hdr.copied = (uint32_t)n;
	if (n)
		memcpy(held->hdr.data, ev->data.ptr, n);
	*(c->held ? &c->held_last->next : &c->held) = held;
	c->held_last = held;
	c->held_count++;
	c->table->budget.total += n;
}

static void order_hold(struct px_conn *c, const struct px_event *ev)
{
	size_t n = ev->data.len;

	while (c->held && (c->held_count >= ORDER_HELD_MAX ||
			   n > c->table->budget.total_max - c->table->budget.total))
		order_give_up(c);
	if (!c->held && !order_must_wait(c, ev->hdr, &c->missing))
		order_data(c, ev, false);
	else
		order_append(c, ev);
}

void px_order_keep(struct px_conn *c, const struct px_event *ev)
{
	if (c->held_count < ORDER_KEPT_MAX) {
		order_append(c, ev);
		return;
	}
	c->is_unpaired = true;
	px_order_settle(c);
	px_order_event(c, ev);
}

bool px_order_kept_from(const struct px_conn *c, uint32_t *out, uint32_t *in)
{
	const struct px_abi_event *h = c->held ? &c->held->hdr : NULL;

	if (!h)
		return false;
	*out = h->dir ? h->pos : h->peer_pos;
	*in = h->dir ? h->peer_pos : h->pos;
	return true;
}

void px_order_replay(struct px_conn *c, struct px_conn *from)
{
	while (from->held) {
		struct px_held *held = order_unhold(from, NULL);
		struct px_event ev = order_held_event(held);

		px_tls_place(c, &held->hdr);
		px_order_event(c, &ev);
		free(held);
	}
}

void px_order_event(struct px_conn *c, const struct px_event *ev)
{
	enum px_dir dir = ev->hdr->dir ? PX_DIR_OUT : PX_DIR_IN;
	enum px_dir missing;

	if (!c->has_begun)
		order_check_start(c, ev->hdr);
	if (!c->held) {
		if (order_must_wait(c, ev->hdr, &c->missing))
			order_hold(c, ev);
		else
			order_data(c, ev, false);
	} else if (dir == c->missing && ev->hdr->len > 0 &&
		   !order_must_wait(c, ev->hdr, &missing)) {
		order_data(c, ev, true);
		order_release(c);
	} else {
		order_hold(c, ev);
	}
}

void px_order_settle(struct px_conn *c)
{
	while (c->held)
		order_give_up(c);
}

void px_order_advance(struct px_conn *c, uint64_t now_ns)
{
	if (px_conn_is_untied(c) && !c->is_unpaired) {
		if (!c->held || now_ns < c->held->hdr.ts_ns + c->table->opt.untied_ns)
			return;
		c->is_unpaired = true;
		px_order_settle(c);
	}
	while (c->held && now_ns >= c->held->hdr.ts_ns + c->table->opt.reorder_ns)
		order_give_up(c);
}
