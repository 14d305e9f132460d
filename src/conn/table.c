/* SPDX-License-Identifier: Apache-2.0 */
#include "conn/table.h"

#include "conn/control.h"
#include "conn/handshake.h"
#include "conn/life.h"
#include "conn/order.h"
#include "conn/tls.h"

#include <errno.h>
#include <stdlib.h>

#define TABLE_FILE_TICK_NS (10 * 1000 * 1000ull) /* the longest tick of kernels: CONFIG_HZ=100 */

void px_table_defaults(struct px_table_options *opt)
{
	*opt = (struct px_table_options){
		.parsers = px_parsers,
		.limits = { .head_max = 64 * 1024,
			    .body_max = 16 * 1024,
			    .decoded_max = 64 * 1024 },
		.conns_max = 65536,
		.stream_bytes_max = 1 << 20,
		.total_bytes_max = 64 << 20,
		.frame_bytes_max = 1 << 20,
		.frames_bytes_max = 64 << 20,
		.reorder_ns = 20 * 1000 * 1000,
		.untied_ns = 2ull * 1000 * 1000 * 1000,
		.handshake_ns = 2500ull * 1000 * 1000,
		.linger_ns = 50 * 1000 * 1000,
		.idle_unix_ns = 600ull * 1000 * 1000 * 1000,
		.peers_max = 8192,
		.idle_peer_ns = 60ull * 1000 * 1000 * 1000,
		.answer_ns = 10ull * 1000 * 1000 * 1000,
	};
}

static void table_on_frame(void *owner, struct px_frame *f)
{
	struct px_conn *c = owner;

	if (c->decoder.parser->is_handshake) {
		c->hello_parser = c->decoder.parser;
		px_handshake_frame(c, f);
		return;
	}
	px_control_frame(c, f);
	px_matcher_frame(&c->matcher, c->decoder.parser->match, f);
}

static void table_on_gap(void *owner, enum px_dir dir)
{
	struct px_conn *c = owner;

	px_control_gap(c);
	px_matcher_gap(&c->matcher, px_conn_role(c) == PX_ROLE_UNKNOWN ||
					    dir == px_role_request_dir(px_conn_role(c)));
}

static void table_on_discard(void *owner, enum px_dir dir, uint64_t until)
{
	px_control_discard(owner, dir, until);
}

static void table_on_restart(void *owner, uint32_t epoch)
{
	struct px_conn *c = owner;

	px_matcher_restart(&c->matcher, epoch);
	px_handshake_over(c);
}

static void table_on_exchange(void *owner, struct px_frame *request, struct px_frame *response,
			      unsigned int flags)
{
	struct px_conn *c = owner;
	struct px_exchange ex = {
		.request = request,
		.response = response,
		.parser = c->decoder.last_parser,
		.role = px_conn_role(c),
		.is_tls = c->is_tls,
		.flags = flags,
		.state = c->decoder.state,
	};

	if (c->is_repeated)
		return;
	c->messages++;
	c->table->opt.on_exchange(c->table->opt.ctx, c, &ex);
}

int px_table_init(struct px_table *t, const struct px_table_options *opt)
{
	memset(t, 0, sizeof(*t));
	t->opt = *opt;
	t->budget = (struct px_stream_budget){ .stream_max = opt->stream_bytes_max,
					       .total_max = opt->total_bytes_max };
	px_frame_pool_init(&t->frames, opt->frame_bytes_max, opt->frames_bytes_max);
	t->decode_env = (struct px_decode_env){
		.parsers = opt->parsers,
		.limits = opt->limits,
		.frames = &t->frames,
		.on_frame = table_on_frame,
		.on_gap = table_on_gap,
		.on_discard = table_on_discard,
		.on_restart = table_on_restart,
	};
	t->match_env = (struct px_match_env){
		.frames = &t->frames,
		.on_exchange = table_on_exchange,
		.waiting_max = 4096,
	};
	t->bucket_count = 1024;
	t->buckets = calloc(t->bucket_count, sizeof(*t->buckets));
	if (t->buckets && px_datagrams_init(&t->datagrams, t) == 0 &&
	    px_peers_init(&t->peers, t, opt->peers_max, opt->idle_peer_ns) == 0)
		return 0;
	px_datagrams_fini(&t->datagrams);
	free(t->buckets);
	t->buckets = NULL;
	return -ENOMEM;
}

static size_t table_slot(const struct px_table *t, uint64_t sock_id)
{
	return (size_t)(sock_id * 0x9e3779b97f4a7c15ull >> 32) & (t->bucket_count - 1);
}

static struct px_conn *table_find(struct px_table *t, uint64_t sock_id)
{
	struct px_conn *c = t->buckets[table_slot(t, sock_id)];

	while (c && c->sock_id != sock_id)
		c = c->hash_next;
	return c;
}

static void table_grow(struct px_table *t)
{
	size_t old_count = t->bucket_count;
	struct px_conn **old = t->buckets, **grown = calloc(old_count * 2, sizeof(*grown));

	if (!grown)
		return; /* longer chains, nothing worse */
	t->buckets = grown;
	t->bucket_count = old_count * 2;
	for (size_t i = 0; i < old_count; i++) {
		while (old[i]) {
			struct px_conn *c = old[i];
			size_t slot = table_slot(t, c->sock_id);

			old[i] = c->hash_next;
			c->hash_next = t->buckets[slot];
			t->buckets[slot] = c;
		}
	}
	free(old);
}

static void table_age_unlink(struct px_table *t, struct px_conn *c)
{
	*(c->age_prev ? &c->age_prev->age_next : &t->age_first) = c->age_next;
	*(c->age_next ? &c->age_next->age_prev : &t->age_last) = c->age_prev;
}

static void table_age_append(struct px_table *t, struct px_conn *c)
{
	c->age_prev = t->age_last;
	c->age_next = NULL;
	*(t->age_last ? &t->age_last->age_next : &t->age_first) = c;
	t->age_last = c;
}

static void table_wait(struct px_table *t, struct px_conn *c)
{
	if (c->is_waiting)
		return;
	c->is_waiting = true;
	c->wait_prev = NULL;
	c->wait_next = t->wait_first;
	if (t->wait_first)
		t->wait_first->wait_prev = c;
	t->wait_first = c;
}

static void table_unwait(struct px_table *t, struct px_conn *c)
{
	if (!c->is_waiting)
		return;
	*(c->wait_prev ? &c->wait_prev->wait_next : &t->wait_first) = c->wait_next;
	if (c->wait_next)
		c->wait_next->wait_prev = c->wait_prev;
	c->is_waiting = false;
}

static struct px_conn *table_add(struct px_table *t, const struct px_abi_event *h, bool from_start)
{
	struct px_conn *c = calloc(1, sizeof(*c));
	size_t slot;

	if (!c)
		return NULL;
	if (t->conn_count >= t->bucket_count)
		table_grow(t);
	c->table = t;
	c->sock_id = h->sock_id;
	c->sock_gen = h->sock_gen;
	px_life_name(c, ++t->serial);
	c->family = h->family;
	c->type = h->type;
	c->protocol = h->protocol;
	c->netns = h->netns;
	c->from_start = from_start;
	c->is_packet = (h->flags & PX_ABI_F_PACKET) != 0;
	c->is_tls = (h->flags & PX_ABI_F_TLS) != 0;
	c->tls_lib = c->is_tls && !c->is_packet ? (uint8_t)h->syscall_nr : 0;
	c->first_ns = h->ts_ns;
	c->connect_ns = -1;
	px_stream_init(&c->streams[PX_DIR_IN], &t->budget);
	px_stream_init(&c->streams[PX_DIR_OUT], &t->budget);
	c->streams[PX_DIR_IN].no_repeats = !c->is_packet;
	c->streams[PX_DIR_OUT].no_repeats = !c->is_packet;
	px_decoder_init(&c->decoder, &t->decode_env, c, &c->streams[PX_DIR_IN],
			&c->streams[PX_DIR_OUT]);
	c->decoder.mid_stream = !from_start;
	px_matcher_init(&c->matcher, &t->match_env, c, !from_start);
	slot = table_slot(t, c->sock_id);
	c->hash_next = t->buckets[slot];
	t->buckets[slot] = c;
	table_age_append(t, c);
	t->conn_count++;
	t->stats.conns_seen++;
	t->stats.conns_unix += h->family == PX_ABI_AF_UNIX;
	t->stats.conns_from_start += from_start;
	return c;
}

/* Is this the first that ever happened on the connection? */
static bool table_is_start(const struct px_table *t, const struct px_abi_event *h)
{
	return h->kind == PX_ABI_OPEN || h->flags & PX_ABI_F_START ||
	       (t->opt.is_new && !(h->sock_id & PX_ABI_UNTIED) && t->opt.is_new(t->opt.ctx, h));
}

static void table_update_waiting(struct px_conn *c)
{
	if (c->held || c->closed || px_matcher_is_waiting(&c->matcher))
		table_wait(c->table, c);
	else
		table_unwait(c->table, c);
}

static void table_end(struct px_table *t, struct px_conn *c)
{
	struct px_conn **at = &t->buckets[table_slot(t, c->sock_id)];

	px_life_tell_open(c);
	px_order_settle(c);
	if (c->closed)
		px_life_finish(c);
	px_decoder_finish(&c->decoder);
	px_matcher_finish(&c->matcher, px_life_responses_end(c), px_life_is_whole(c));
	px_handshake_finish(c);
	if (c->is_dropped)
		px_control_end(c);
	if (c->messages == 0 && c->decoder.not_understood > 0 && !c->told_hello)
		t->stats.not_understood++;
	t->opt.on_close(t->opt.ctx, c);
	if (c->is_controlled)
		t->opt.on_control(t->opt.ctx, c, NULL);
	while (*at != c)
		at = &(*at)->hash_next;
	*at = c->hash_next;
	table_age_unlink(t, c);
	table_unwait(t, c);
	t->conn_count--;
	px_decoder_fini(&c->decoder);
	px_matcher_fini(&c->matcher);
	px_stream_fini(&c->streams[PX_DIR_IN]);
	px_stream_fini(&c->streams[PX_DIR_OUT]);
	free(c->names);
	free(c);
}

static void table_process(struct px_conn *c, const struct px_abi_event *h)
{
	if (h->ts_ns > c->called_ns)
		c->called_ns = h->ts_ns;
	if (c->pid == h->pid && c->tid == h->tid)
		return;
	c->pid = h->pid;
	c->tid = h->tid;
	c->uid = h->uid;
	memcpy(c->comm, h->comm, sizeof(c->comm));
}

/*
 * Bytes taken from a file when the call was over are those that it sent if the file has not changed
 * since it began. When that was nobody has seen, but it was after the thread's call before it.
 * Files get their times from a clock that may be a tick behind.
 */
static bool table_shows_file(struct px_conn *c, const struct px_abi_event *h)
{
	uint64_t age_ns = (uint64_t)h->result * 1000 * 1000;

	if (h->ts_ns == c->called_ns)	/* the same call */
		return !c->hides_file;
	c->hides_file = c->tid != h->tid || h->ts_ns < c->called_ns || h->result < 0 ||
			age_ns <= h->ts_ns - c->called_ns + TABLE_FILE_TICK_NS;
	return !c->hides_file;
}

/*
 * Does it speak TLS by a library that nobody knows of? One that is known is told of with the first
 * bytes, so the question is asked when the second ones come.
 */
static void table_look_for_tls(struct px_conn *c, const struct px_event *ev)
{
	const struct px_table_options *opt = &c->table->opt;

	if (c->begins_tls) {
		c->begins_tls = false;
		opt->on_tls_seen(opt->ctx, c);
	} else if (!c->has_begun && ev->data.len >= 3 && opt->on_tls_seen) {
		c->begins_tls = (ev->data.ptr[0] == 22 || ev->data.ptr[0] == 23) &&
				ev->data.ptr[1] == 3 && ev->data.ptr[2] <= 4;
	}
}

/* The socket of a TLS context is known: what was told of the context is of this connection. */
static void table_tie(struct px_table *t, struct px_conn *c, const struct px_event *ev)
{
	struct px_abi_event h = *ev->hdr;
	struct px_abi_tie tie;
	struct px_conn *untied;

	if (ev->data.len < sizeof(tie))
		return;	/* a damaged tape's */
	memcpy(&tie, ev->data.ptr, sizeof(tie));
	untied = table_find(t, tie.untied_id);
	if (px_conn_is_untied(c) || (untied && !px_conn_is_untied(untied)))
		return;	/* no socket, or no context: a damaged tape's, too */
	if (untied && !untied->is_unpaired)
		px_order_kept_from(untied, &h.pos, &h.peer_pos);
	px_tls_begin(c, &h);
	if (!untied)
		return;
	if (!untied->is_unpaired) {
		px_order_replay(c, untied);
		t->stats.conns_seen--;
	}
	table_end(t, untied);
}

/*
 * Was this opening told before? Where accept() is not seen the live source has one stand in for the
 * first call. A read that finds the end moves nothing, so that the next call is a first one, too;
 * its event may even come behind that of a reset.
 */
static bool table_is_told(const struct px_conn *c, const struct px_abi_event *h)
{
	return h->flags & PX_ABI_F_ACCEPT && c->sock_gen == h->sock_gen && !c->bytes[PX_DIR_OUT] &&
	       !c->bytes[PX_DIR_IN] && c->local_port == h->local_port &&
	       c->remote_port == h->remote_port;
}

void px_table_event(struct px_table *t, const struct px_event *ev)
{
	const struct px_abi_event *h = ev->hdr;
	struct px_conn *c = table_find(t, h->sock_id);
	struct px_abi_event without, placed;
	struct px_event hidden, inside;
	bool is_new = false, is_again;

	t->stats.events++;
	if (h->flags & PX_ABI_F_DGRAM && t->opt.on_event)
		t->opt.on_event(t->opt.ctx, NULL, ev, 0);
	t->opt.marks_start |= (h->flags & PX_ABI_F_START) != 0;
	if (h->flags & PX_ABI_F_DGRAM && h->kind == PX_ABI_DATA) {
		c = px_peers_event(&t->peers, h);
		if (c)
			px_datagrams_event(&t->datagrams, c, ev);
	}
	if (h->kind == PX_ABI_PROC || h->flags & PX_ABI_F_DGRAM)
		return; /* datagrams are not joined to streams */
	is_again = c && h->kind == PX_ABI_OPEN && (c->role != PX_ROLE_UNKNOWN || c->closed);
	if (is_again && table_is_told(c, h))
		return;
	if (c && (c->sock_gen != h->sock_gen || is_again)) {
		/* The inode number serves another socket now, or the socket another connection. */
		c->closed_ns = c->closed ? c->closed_ns : h->ts_ns;
		c->closed = true;
		table_end(t, c);
		c = NULL;
	}
	if (!c) {
		if (h->kind == PX_ABI_CLOSE || (h->kind == PX_ABI_DATA && h->len == 0))
			return; /* nothing was seen of it and nothing will be */
		if (t->conn_count >= t->opt.conns_max) {
			t->stats.conns_evicted++;
			table_end(t, t->age_first);
		}
		c = table_add(t, h, table_is_start(t, h));
		if (!c)
			return;
		px_life_addresses(c, h);
		is_new = true;
	}
	if (h->flags & PX_ABI_F_FILE && !table_shows_file(c, h)) {
		without = *h;
		without.copied = 0;
		without.flags |= PX_ABI_F_NO_BYTES;
		hidden = (struct px_event){ &without, { NULL, 0 } };
		ev = &hidden;
		h = &without;
	}
	if (h->ts_ns > c->last_ns)
		c->last_ns = h->ts_ns;
	if (h->pid)
		table_process(c, h);
	if (!is_new && t->age_last != c) {
		table_age_unlink(t, c);
		table_age_append(t, c);
	}
	if (h->kind == PX_ABI_OPEN)
		px_life_open(c, ev);
	else if (h->kind == PX_ABI_NAMES)
		px_life_names(c, ev->data);
	if (h->kind == PX_ABI_OPEN || h->kind == PX_ABI_NAMES)
		px_life_show(c, ev, 0);
	if (h->kind != PX_ABI_OPEN || c->family != PX_ABI_AF_UNIX || c->names)
		px_life_tell_open(c);
	switch (h->kind) {
	case PX_ABI_TIE:
		table_tie(t, c, ev);
		break;
	case PX_ABI_DATA:
		if (h->flags & PX_ABI_F_TLS && !(h->flags & PX_ABI_F_PACKET)) {
			if (!c->is_tls)
				px_tls_begin(c, h);
			if (px_conn_is_untied(c) && !c->is_unpaired) {
				px_order_keep(c, ev);
				break;
			}
			placed = *h;
			px_tls_place(c, &placed);
			inside = (struct px_event){ &placed, ev->data };
			px_order_event(c, &inside);
			break;
		}
		if (c->is_tls && !c->is_packet) {
			px_tls_cipher(c, ev);
			break;
		}
		if (h->flags & PX_ABI_F_LOST) {
			px_order_settle(c);
			px_order_lost(c, ev);
			break;
		}
		if (c->begins_tls || !c->has_begun)
			table_look_for_tls(c, ev);
		if (c->is_dropped) {
			px_control_count(c, h);
			break;
		}
		px_order_event(c, ev);
		if (c->is_packet)
			px_order_settle(c);
		px_control_unknown(c);
		break;
	case PX_ABI_CLOSE:
		px_life_close(c, h);
		break;
	default:
		break;
	}
	if (c->held || c->closed || c->is_waiting || px_matcher_is_waiting(&c->matcher))
		table_update_waiting(c);
}

void px_table_advance(struct px_table *t, uint64_t now_ns)
{
	struct px_conn *c = t->wait_first;

	while (c) {
		struct px_conn *next = c->wait_next;

		if (c->closed && now_ns >= c->close_at_ns) {
			table_end(t, c);
		} else {
			px_order_advance(c, now_ns);
			if (!c->held)
				px_matcher_advance(&c->matcher, now_ns, px_life_responses_end(c));
			table_update_waiting(c);
		}
		c = next;
	}
	while ((c = t->age_first) != NULL && c->family == PX_ABI_AF_UNIX &&
	       now_ns > c->last_ns + t->opt.idle_unix_ns)
		table_end(t, c);
	px_datagrams_advance(&t->datagrams, now_ns);
	px_handshake_advance(t, now_ns);
	px_peers_advance(&t->peers, now_ns);
}

void px_table_forget(struct px_table *t, bool (*is_out)(void *ctx, const struct px_conn *c),
		     void *ctx)
{
	for (struct px_conn *c = t->age_first, *next; c; c = next) {
		next = c->age_next;
		if (is_out(ctx, c))
			table_end(t, c);
	}
	px_peers_forget(&t->peers, is_out, ctx);
}

void px_table_fini(struct px_table *t)
{
	px_datagrams_flush(&t->datagrams);
	px_peers_fini(&t->peers);
	px_datagrams_fini(&t->datagrams);
	for (struct px_conn *c = t->age_first, *next; c; c = next) {
		next = c->age_next;
		table_end(t, c);
	}
	free(t->buckets);
	t->buckets = NULL;
	px_frame_pool_fini(&t->frames);
}
