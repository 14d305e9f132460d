/* SPDX-License-Identifier: Apache-2.0 */
#include "conn/table.h"

#include <errno.h>
#include <stdlib.h>

#define TABLE_HELD_MAX 256
#define TCP_STATE_ESTABLISHED 1

struct px_held {
	struct px_held *next;
	struct px_abi_event hdr;	/* its data[] follows */
};

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
		.linger_ns = 50 * 1000 * 1000,
		.idle_unix_ns = 600ull * 1000 * 1000 * 1000,
	};
}

/*
 * Bytes that go by unseen from here on, before it is worth to tell the kernel side not to copy
 * them.
 */
#define TABLE_SKIP_MIN (128 * 1024)
/*
 * The kernel side compares 32 bits, so a mark lies at most this far ahead; so far behind, it is
 * taken back.
 */
#define TABLE_SKIP_FAR (1 << 30)
/*
 * Messages in a row that are this large, and tell their length, make a direction of large messages.
 * So many, because one that is not like them after all may lose its framing, and by then the
 * matcher knows the client well enough to go on with the next one.
 */
#define TABLE_LARGE_FRAME (32 * 1024)
#define TABLE_LARGE_RUN 16
/* Of the calls of such a direction this much is copied: a head, and what is shown of a body. */
#define TABLE_LARGE_COPY (16 * 1024)

static void conn_tell_control(struct px_conn *c)
{
	struct px_table *t = c->table;

	if (t->opt.on_control && !c->is_packet && !c->copies_all &&
	    t->opt.on_control(t->opt.ctx, c, &c->control))
		c->is_controlled = true;
	else
		c->control = (struct px_abi_control){ 0 };
}

static uint32_t conn_skip_flag(enum px_dir dir)
{
	return dir == PX_DIR_IN ? PX_CTL_SKIP_IN : PX_CTL_SKIP_OUT;
}

static void conn_skip(struct px_conn *c, enum px_dir dir, uint64_t n)
{
	c->control.flags |= conn_skip_flag(dir);
	c->control.skip_until[dir] =
		(uint32_t)(c->streams[dir].end + (n < TABLE_SKIP_FAR ? n : TABLE_SKIP_FAR));
	conn_tell_control(c);
}

/*
 * Move the mark on in what is longer than a mark can tell; a mark far behind would lie ahead again
 * after a wrap.
 */
static void conn_renew_skip(struct px_conn *c, enum px_dir dir)
{
	const struct px_stream *s = &c->streams[dir];
	int32_t ahead = (int32_t)(c->control.skip_until[dir] - (uint32_t)s->end);

	if (!(c->control.flags & conn_skip_flag(dir)))
		return;
	if (ahead < TABLE_SKIP_FAR / 2 &&
	    s->discard > TABLE_SKIP_MIN + (uint64_t)(ahead > 0 ? ahead : 0)) {
		conn_skip(c, dir, s->discard);
	} else if (ahead < -TABLE_SKIP_FAR) {
		c->control.flags &= ~conn_skip_flag(dir);
		conn_tell_control(c);
	}
}

static void table_on_discard(void *owner, enum px_dir dir, uint64_t until)
{
	struct px_conn *c = owner;

	if (until - c->streams[dir].end < TABLE_SKIP_MIN ||
	    c->table->opt.limits.body_max > TABLE_LARGE_COPY)
		return;
	conn_skip(c, dir, until - c->streams[dir].end);
}

/*
 * A connection that carries large messages, one after the other: the kernel side can copy less of
 * each.
 */
static void conn_watch_size(struct px_conn *c, const struct px_frame *f)
{
	uint8_t *run = &c->large_frames[f->dir];

	if (!f->has_length && f->bytes > TABLE_LARGE_COPY && !c->needs_all[f->dir]) {
		c->needs_all[f->dir] = true;
		if (c->control.flags & PX_CTL_COPY_MAX) {
			c->control.copy_max[f->dir] = UINT32_MAX;
			conn_tell_control(c);
		}
	}
	if (c->needs_all[f->dir])
		return;
	if (f->bytes < TABLE_LARGE_FRAME || !f->has_length) {
		*run = 0;
		return;
	}
	if (*run >= TABLE_LARGE_RUN || ++*run < TABLE_LARGE_RUN ||
	    c->table->opt.limits.body_max > TABLE_LARGE_COPY)
		return;
	if (!(c->control.flags & PX_CTL_COPY_MAX))
		c->control.copy_max[0] = c->control.copy_max[1] = UINT32_MAX;
	c->control.flags |= PX_CTL_COPY_MAX;
	c->control.copy_max[f->dir] = TABLE_LARGE_COPY;
	conn_tell_control(c);
}

static void table_on_frame(void *owner, struct px_frame *f)
{
	struct px_conn *c = owner;

	conn_watch_size(c, f);
	px_matcher_frame(&c->matcher, c->decoder.parser->match, f);
}

static void table_on_gap(void *owner, enum px_dir dir)
{
	struct px_conn *c = owner;

	if (c->control.flags & PX_CTL_COPY_MAX) { /* what was left out may have been more than a body */
		c->control = (struct px_abi_control){ .copy_max = { UINT32_MAX, UINT32_MAX },
						      .flags = PX_CTL_COPY_MAX };
		conn_tell_control(c);
		c->copies_all = true;
	}
	px_matcher_gap(&c->matcher, px_conn_role(c) == PX_ROLE_UNKNOWN ||
					    dir == px_role_request_dir(px_conn_role(c)));
}

static void table_on_restart(void *owner, uint32_t epoch)
{
	struct px_conn *c = owner;

	px_matcher_restart(&c->matcher, epoch);
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
	return t->buckets ? 0 : -ENOMEM;
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

static void conn_id(struct px_conn *c, uint64_t serial)
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
	conn_id(c, ++t->serial);
	c->family = h->family;
	c->type = h->type;
	c->protocol = h->protocol;
	c->netns = h->netns;
	c->from_start = from_start;
	c->is_packet = (h->flags & PX_ABI_F_PACKET) != 0;
	c->is_tls = (h->flags & PX_ABI_F_TLS) != 0;
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
	t->stats.conns_from_start += from_start;
	return c;
}

/* Is this the first that ever happened on the connection? */
static bool table_is_start(const struct px_table *t, const struct px_abi_event *h)
{
	return h->kind == PX_ABI_OPEN || h->flags & PX_ABI_F_START ||
	       (t->opt.is_new && t->opt.is_new(t->opt.ctx, h));
}

/*
 * Offsets are 64 bits in here; a TCP sequence number is the nearest one to where the stream stands.
 */
static uint64_t conn_offset(const struct px_stream *s, uint32_t raw)
{
	const uint64_t origin = (uint64_t)1 << 32; /* what came before the first byte seen is not negative */

	if (s->end == 0)
		return origin + raw;
	return s->end + (uint64_t)(int64_t)(int32_t)(raw - (uint32_t)s->end);
}

static void conn_addresses(struct px_conn *c, const struct px_abi_event *h)
{
	c->local_port = h->local_port;
	c->remote_port = h->remote_port;
	c->scope_id = h->scope_id;
	memcpy(c->local_addr, h->local_addr, sizeof(c->local_addr));
	memcpy(c->remote_addr, h->remote_addr, sizeof(c->remote_addr));
	c->local_text[0] = '\0';
	c->remote_text[0] = '\0';
}

static void conn_process(struct px_conn *c, const struct px_abi_event *h)
{
	if (c->pid == h->pid && c->tid == h->tid)
		return;
	c->pid = h->pid;
	c->tid = h->tid;
	c->uid = h->uid;
	memcpy(c->comm, h->comm, sizeof(c->comm));
}

/* The process ends its direction, and its FIN has taken no sequence number yet. */
static bool conn_ends_out(const struct px_abi_event *h)
{
	return h->len == 0 && h->dir == PX_DIR_OUT && h->flags & PX_ABI_F_FIN;
}

/*
 * The other direction had reached this offset. A FIN of ours may be counted in it, where the state
 * of the socket leaves that open.
 */
static void conn_tell_reached(struct px_conn *c, const struct px_abi_event *h, enum px_dir dir,
			      uint64_t pos)
{
	if (dir == PX_DIR_OUT && h->state != TCP_STATE_ESTABLISHED)
		pos--;
	if (pos > c->told_end[dir])
		c->told_end[dir] = pos;
}

/* Where an event belongs in its stream. */
static uint64_t conn_pos(const struct px_conn *c, const struct px_abi_event *h)
{
	const struct px_stream *s = &c->streams[h->dir ? PX_DIR_OUT : PX_DIR_IN];
	uint64_t pos = conn_offset(s, h->pos);

	if (pos == s->end + 1 && s->started && h->state != TCP_STATE_ESTABLISHED &&
	    !conn_ends_out(h))
		pos--; /* a FIN takes a sequence number */
	return pos;
}

/* Is this the end of a stream, with its place? Then bytes that are missing before it show. */
static bool conn_tells_end(const struct px_conn *c, const struct px_abi_event *h)
{
	return h->len == 0 && (h->dir == PX_DIR_IN || conn_ends_out(h)) &&
	       h->flags & PX_ABI_F_PEER_POS && !c->is_packet;
}

/*
 * Must this event wait, and for bytes of which direction? For those before it in its own direction;
 * and an incoming one for the outgoing bytes that it answers: when two threads share a connection,
 * the writer may be interrupted on its way out of the call, and the answer is reported before the
 * request. The socket's own counters tell.
 */
static bool conn_must_wait(struct px_conn *c, const struct px_abi_event *h, enum px_dir *missing)
{
	enum px_dir dir = h->dir ? PX_DIR_OUT : PX_DIR_IN;
	struct px_stream *s = &c->streams[dir], *other = &c->streams[px_dir_other(dir)];

	*missing = dir;
	if (s->end != 0 && (h->len > 0 || conn_tells_end(c, h)) && conn_pos(c, h) > s->end)
		return true;
	*missing = PX_DIR_OUT;
	if (dir == PX_DIR_IN && h->flags & PX_ABI_F_PEER_POS && other->end != 0 && !c->is_packet) {
		uint64_t peer = conn_offset(other, h->peer_pos);

		return peer > other->end + (h->state != TCP_STATE_ESTABLISHED);
	}
	return false;
}

static void conn_show(struct px_conn *c, const struct px_event *ev, uint64_t pos)
{
	if (c->table->opt.on_event)
		c->table->opt.on_event(c->table->opt.ctx, c, ev, pos);
}

/*
 * The opening was seen, and no position with it: then the first bytes are these only if their event
 * says so. Back ends that never say it are believed.
 */
static void conn_check_start(struct px_conn *c, const struct px_abi_event *h)
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
static struct px_seg_info conn_seg_info(const struct px_abi_event *h)
{
	struct px_seg_info info = {
		.ts_ns = h->ts_ns, .pid = h->pid, .tid = h->tid, .uid = h->uid
	};

	memcpy(info.comm, h->comm, sizeof(info.comm));
	return info;
}

/*
 * One data event whose turn it is. is_late: what waits for it was reported first, but happened
 * after it.
 */
static void conn_data(struct px_conn *c, const struct px_event *ev, bool is_late)
{
	const struct px_abi_event *h = ev->hdr;
	enum px_dir dir = h->dir ? PX_DIR_OUT : PX_DIR_IN;
	struct px_stream *s = &c->streams[dir], *other = &c->streams[px_dir_other(dir)];
	struct px_seg_info info = conn_seg_info(h);
	uint64_t pos = conn_pos(c, h);

	if (h->flags & PX_ABI_F_PEER_POS) {
		if (other->end == 0)
			px_stream_hint(other, conn_offset(other, h->peer_pos));
		info.has_peer_pos = true;
		info.peer_pos = conn_offset(other, h->peer_pos);
		conn_tell_reached(c, h, px_dir_other(dir), info.peer_pos);
		if (is_late && info.peer_pos > other->end)
			info.peer_pos = other->end;
	}
	c->bytes[dir] += h->len;
	if (c->control.flags)
		conn_renew_skip(c, dir);
	if (h->len > 0)
		px_stream_append(s, pos, ev->data, h->len, &info);
	/* All events of a call that consumed a FIN say so; its bytes end with the last of them. */
	if (((h->flags & PX_ABI_F_FIN && !(h->flags & PX_ABI_F_MORE)) ||
	     (h->len == 0 && dir == PX_DIR_IN)) &&
	    !px_stream_is_waiting(s))
		s->eof = true;
	px_decoder_run(&c->decoder, dir);
	conn_show(c, ev, pos);
	px_stream_settle(s);
}

/* The bytes up to end are missing for good; info tells when that was known. */
static void conn_lost(struct px_conn *c, enum px_dir dir, uint64_t pos, uint64_t end,
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

/* The source has put the bytes in order and tells that some are missing. */
static void conn_lost_event(struct px_conn *c, const struct px_event *ev)
{
	const struct px_abi_event *h = ev->hdr;
	enum px_dir dir = h->dir ? PX_DIR_OUT : PX_DIR_IN;
	uint64_t pos = conn_offset(&c->streams[dir], h->pos);
	struct px_seg_info info = conn_seg_info(h);

	conn_lost(c, dir, pos, pos + h->len, &info);
	conn_show(c, ev, pos);
}

static struct px_event held_event(const struct px_held *held)
{
	return (struct px_event){ &held->hdr, px_bytes_of(held->hdr.data, held->hdr.copied) };
}

static struct px_held *conn_unhold(struct px_conn *c, struct px_held *before)
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
static void conn_release(struct px_conn *c)
{
	while (c->held && !conn_must_wait(c, &c->held->hdr, &c->missing)) {
		struct px_held *held = conn_unhold(c, NULL);
		struct px_event ev = held_event(held);

		conn_data(c, &ev, false);
		free(held);
	}
}

/* The bytes that the first held event waits for will not come: go on without them. */
static void conn_give_up(struct px_conn *c)
{
	struct px_table *t = c->table;
	struct px_held *first = conn_unhold(c, NULL), *before = NULL, *held;
	struct px_stream *s = &c->streams[first->hdr.dir ? PX_DIR_OUT : PX_DIR_IN];
	struct px_event ev = held_event(first);
	uint64_t lost;

	if (s->end != 0 && conn_tells_end(c, &first->hdr) && conn_pos(c, &first->hdr) > s->end) {
		struct px_seg_info info = conn_seg_info(&first->hdr);

		conn_lost(c, first->hdr.dir ? PX_DIR_OUT : PX_DIR_IN, s->end,
			  conn_pos(c, &first->hdr), &info);
	}
	conn_data(c, &ev, false);
	if (px_stream_is_waiting(s)) {
		/*
		 * Of two writers at the same moment the other one claims an overlapping place: see
		 * px_stream_give_up.
		 */
		while ((held = before ? before->next : c->held) != NULL) {
			if (held->hdr.dir == first->hdr.dir &&
			    (int32_t)(held->hdr.pos - first->hdr.pos) < 0 &&
			    (int32_t)(held->hdr.pos + held->hdr.len - first->hdr.pos) > 0) {
				held = conn_unhold(c, before);
				ev = held_event(held);
				conn_data(c, &ev, false);
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
	conn_release(c);
}

static void conn_hold(struct px_conn *c, const struct px_event *ev)
{
	struct px_held *held;
	size_t n = ev->data.len;

	while (c->held && (c->held_count >= TABLE_HELD_MAX ||
			   n > c->table->budget.total_max - c->table->budget.total))
		conn_give_up(c);
	if (!c->held && !conn_must_wait(c, ev->hdr, &c->missing)) {
		conn_data(c, ev, false);
		return;
	}
	held = malloc(sizeof(*held) + n);
	if (!held || n > c->table->budget.total_max - c->table->budget.total) {
		free(held);
		return; /* its place in the stream stays a hole */
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

/*
 * Events of a connection are taken in the order in which they came, also across its directions:
 * while one waits, those behind it wait too. Only the bytes that are waited for go first.
 */
static void conn_data_event(struct px_conn *c, const struct px_event *ev)
{
	enum px_dir dir = ev->hdr->dir ? PX_DIR_OUT : PX_DIR_IN;
	enum px_dir missing;

	if (!c->has_begun)
		conn_check_start(c, ev->hdr);
	if (!c->held) {
		if (conn_must_wait(c, ev->hdr, &c->missing))
			conn_hold(c, ev);
		else
			conn_data(c, ev, false);
	} else if (dir == c->missing && ev->hdr->len > 0 && !conn_must_wait(c, ev->hdr, &missing)) {
		conn_data(c, ev, true);
		conn_release(c);
	} else {
		conn_hold(c, ev);
	}
}

/* The source has put the events in order: what would be waited for will not come. */
static void conn_settle(struct px_conn *c)
{
	while (c->held)
		conn_give_up(c);
}

static void conn_update_waiting(struct px_conn *c)
{
	if (c->held || c->closed)
		table_wait(c->table, c);
	else
		table_unwait(c->table, c);
}

static void conn_tell_open(struct px_conn *c)
{
	if (!c->opens)
		return;
	c->opens = false;
	c->table->opt.on_open(c->table->opt.ctx, c);
}

/* The last bytes of a direction were moved and not seen: as if the source had told of them. */
static void conn_lost_end(struct px_conn *c, enum px_dir dir)
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
	conn_lost_event(c, &ev);
}

/*
 * The socket is gone. What was moved and never seen is lost now; what a message may have been cut
 * off by is no end of it.
 */
static void conn_finish(struct px_conn *c)
{
	for (int i = 0; i < 2; i++) {
		enum px_dir dir = (enum px_dir)i;
		struct px_stream *s = &c->streams[dir];

		if (s->end != 0 && c->told_end[dir] > s->end)
			conn_lost_end(c, dir);
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

static void table_end(struct px_table *t, struct px_conn *c)
{
	struct px_conn **at = &t->buckets[table_slot(t, c->sock_id)];

	conn_tell_open(c);
	while (c->held)
		conn_give_up(c);
	if (c->closed)
		conn_finish(c);
	px_decoder_finish(&c->decoder);
	px_matcher_finish(&c->matcher);
	if (c->messages == 0 && c->decoder.not_understood > 0)
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

static void conn_open(struct px_conn *c, const struct px_event *ev)
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
	conn_addresses(c, h);
	if (h->flags & PX_ABI_F_SEQ && h->flags & PX_ABI_F_PEER_POS) {
		/*
		 * Positions of an OPEN are those of the first bytes to come: pos outgoing, peer_pos
		 * incoming.
		 */
		px_stream_hint(&c->streams[PX_DIR_OUT],
			       conn_offset(&c->streams[PX_DIR_OUT], h->pos));
		px_stream_hint(&c->streams[PX_DIR_IN],
			       conn_offset(&c->streams[PX_DIR_IN], h->peer_pos));
	}
	c->opens = true;
}

/*
 * The socket is gone, and says how far both directions came. What was written ends there unless the
 * connection was reset (RFC 9112 section 8: an error is no end of a message); what was read ends
 * there only if the peer's FIN was read, too: what the process left unread is not known.
 */
static void conn_close(struct px_conn *c, const struct px_abi_event *h)
{
	c->closed = true;
	c->was_reset = (h->flags & PX_ABI_F_RESET) != 0;
	c->closed_ns = h->ts_ns;
	c->close_at_ns = h->ts_ns + c->table->opt.linger_ns;
	if (c->is_packet || !(h->flags & PX_ABI_F_PEER_POS))
		return;
	c->told_end[PX_DIR_OUT] = conn_offset(&c->streams[PX_DIR_OUT], h->pos);
	c->told_end[PX_DIR_IN] = conn_offset(&c->streams[PX_DIR_IN], h->peer_pos);
	c->has_ended[PX_DIR_OUT] = !c->was_reset;
	c->has_ended[PX_DIR_IN] = (h->flags & PX_ABI_F_FIN) != 0;
}

static void conn_names(struct px_conn *c, struct px_bytes data)
{
	if (data.len < sizeof(struct px_abi_names))
		return;
	if (!c->names)
		c->names = malloc(sizeof(*c->names));
	if (c->names)
		memcpy(c->names, data.ptr, sizeof(*c->names));
}

void px_table_event(struct px_table *t, const struct px_event *ev)
{
	const struct px_abi_event *h = ev->hdr;
	struct px_conn *c = table_find(t, h->sock_id);
	bool is_new = false;

	t->stats.events++;
	if (h->flags & PX_ABI_F_DGRAM && t->opt.on_event)
		t->opt.on_event(t->opt.ctx, NULL, ev, 0);
	t->opt.marks_start |= (h->flags & PX_ABI_F_START) != 0;
	if (h->kind == PX_ABI_PROC || h->flags & PX_ABI_F_DGRAM)
		return; /* datagrams are not joined to streams, and no protocol here reads them */
	if (c && (c->sock_gen != h->sock_gen ||
		  (h->kind == PX_ABI_OPEN && (c->role != PX_ROLE_UNKNOWN || c->closed)))) {
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
		conn_addresses(c, h);
		is_new = true;
	}
	if (h->ts_ns > c->last_ns)
		c->last_ns = h->ts_ns;
	if (h->pid)
		conn_process(c, h);
	if (!is_new && t->age_last != c) {
		table_age_unlink(t, c);
		table_age_append(t, c);
	}
	if (h->kind == PX_ABI_OPEN)
		conn_open(c, ev);
	else if (h->kind == PX_ABI_NAMES)
		conn_names(c, ev->data);
	if (h->kind == PX_ABI_OPEN || h->kind == PX_ABI_NAMES)
		conn_show(c, ev, 0);
	if (h->kind != PX_ABI_OPEN || c->family != PX_ABI_AF_UNIX || c->names)
		conn_tell_open(c);
	switch (h->kind) {
	case PX_ABI_DATA:
		if (h->flags & PX_ABI_F_LOST) {
			conn_settle(c);
			conn_lost_event(c, ev);
			break;
		}
		conn_data_event(c, ev);
		if (c->is_packet)
			conn_settle(c);
		break;
	case PX_ABI_CLOSE:
		conn_close(c, h);
		break;
	default:
		break;
	}
	if (c->held || c->closed || c->is_waiting)
		conn_update_waiting(c);
}

void px_table_advance(struct px_table *t, uint64_t now_ns)
{
	struct px_conn *c = t->wait_first;

	while (c) {
		struct px_conn *next = c->wait_next;

		if (c->closed && now_ns >= c->close_at_ns) {
			table_end(t, c);
		} else {
			while (c->held && now_ns >= c->held->hdr.ts_ns + t->opt.reorder_ns)
				conn_give_up(c);
			conn_update_waiting(c);
		}
		c = next;
	}
	while ((c = t->age_first) != NULL && c->family == PX_ABI_AF_UNIX &&
	       now_ns > c->last_ns + t->opt.idle_unix_ns) {
		c->closed = true;
		c->closed_ns = now_ns;
		table_end(t, c);
	}
}

void px_table_fini(struct px_table *t)
{
	for (struct px_conn *c = t->age_first, *next; c; c = next) {
		next = c->age_next;
		table_end(t, c);
	}
	free(t->buckets);
	t->buckets = NULL;
	px_frame_pool_fini(&t->frames);
}
