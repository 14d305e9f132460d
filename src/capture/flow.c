/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/flow.h"

#include <errno.h>
#include <stdlib.h>

#define FLOWS_MAX 32768u	/* about 550 bytes each */
#define FLOW_BUCKETS_FIRST 256u	/* powers of two */
#define FLOW_BUCKETS_MAX 65536u
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define TCP_ESTABLISHED 1

int px_flows_init(struct px_flows *f)
{
	memset(f, 0, sizeof(*f));
	f->bucket_count = FLOW_BUCKETS_FIRST;
	f->buckets = calloc(f->bucket_count, sizeof(*f->buckets));
	return f->buckets ? 0 : -ENOMEM;
}

static void flow_drop_held(struct px_flows *f, struct px_flow *flow)
{
	for (int dir = 0; dir < 2; dir++) {
		struct px_flow_dir *d = &flow->dirs[dir];

		while (d->held) {
			struct px_flow_held *h = d->held;

			d->held = h->next;
			f->stats.lost_bytes += h->len;
			f->held_bytes -= h->copied;
			f->held_count--;
			free(h);
		}
		d->held_last = NULL;
		d->held_count = 0;
	}
	flow->held_bytes = 0;
	px_flow_unwait(f, flow);
}

void px_flows_fini(struct px_flows *f)
{
	while (f->age_first) {
		struct px_flow *flow = f->age_first;

		f->age_first = flow->age_next;
		flow_drop_held(f, flow);
		free(flow);
	}
	free(f->buckets);
	f->buckets = NULL;
}

static uint64_t flow_mix(uint64_t v)
{
	v *= 0x9e3779b97f4a7c15ull;
	return v ^ v >> 32;
}

/* The same for both directions. */
static uint64_t flow_hash(const struct px_segment *s, uint64_t context)
{
	uint64_t a[2], b[2], one, two;

	memcpy(a, s->src, sizeof(a));
	memcpy(b, s->dst, sizeof(b));
	one = flow_mix(a[0] ^ flow_mix(a[1] + s->src_port));
	two = flow_mix(b[0] ^ flow_mix(b[1] + s->dst_port));
	return flow_mix(one + two + s->protocol + context * 31);
}

/* Direction of the segment in this flow, or -1 if it belongs to another one. */
static int flow_direction(const struct px_flow *flow, const struct px_segment *s, uint64_t context)
{
	const struct px_abi_event *ev = &flow->ev;

	if (flow->context != context || ev->protocol != s->protocol)
		return -1;
	if (ev->local_port == s->src_port && ev->remote_port == s->dst_port &&
	    memcmp(ev->local_addr, s->src, 16) == 0 && memcmp(ev->remote_addr, s->dst, 16) == 0)
		return PX_ABI_OUT;
	if (ev->remote_port == s->src_port && ev->local_port == s->dst_port &&
	    memcmp(ev->remote_addr, s->src, 16) == 0 && memcmp(ev->local_addr, s->dst, 16) == 0)
		return PX_ABI_IN;
	return -1;
}

static struct px_flow **flow_bucket(struct px_flows *f, uint64_t hash)
{
	return &f->buckets[hash & (f->bucket_count - 1)];
}

static void flow_grow(struct px_flows *f)
{
	size_t old_count = f->bucket_count;
	struct px_flow **old = f->buckets, **grown;

	if (f->flow_count < old_count || old_count >= FLOW_BUCKETS_MAX)
		return;
	grown = calloc(old_count * 4, sizeof(*grown));
	if (!grown)
		return; /* longer chains, nothing worse */
	f->buckets = grown;
	f->bucket_count = old_count * 4;
	for (size_t i = 0; i < old_count; i++) {
		while (old[i]) {
			struct px_flow *flow = old[i], **bucket = flow_bucket(f, flow->hash);

			old[i] = flow->hash_next;
			flow->hash_next = *bucket;
			*bucket = flow;
		}
	}
	free(old);
}

static void flow_age_unlink(struct px_flows *f, struct px_flow *flow)
{
	*(flow->age_prev ? &flow->age_prev->age_next : &f->age_first) = flow->age_next;
	*(flow->age_next ? &flow->age_next->age_prev : &f->age_last) = flow->age_prev;
}

static void flow_age_append(struct px_flows *f, struct px_flow *flow)
{
	flow->age_prev = f->age_last;
	flow->age_next = NULL;
	*(f->age_last ? &f->age_last->age_next : &f->age_first) = flow;
	f->age_last = flow;
}

static void flow_evict(struct px_flows *f, struct px_flow *flow)
{
	struct px_flow **at = flow_bucket(f, flow->hash);

	while (*at != flow)
		at = &(*at)->hash_next;
	*at = flow->hash_next;
	if (flow->has_events && !flow->is_closed)
		px_flow_emit(f, flow, PX_ABI_CLOSE, flow->ev.ts_ns, 0, px_bytes_of(NULL, 0));
	flow_drop_held(f, flow);
	flow_age_unlink(f, flow);
	if (f->last == flow)
		f->last = NULL;
	f->flow_count--;
	f->stats.evicted++;
	free(flow);
}

/*
 * Without a handshake: the lower port is the server's; servers rarely listen where clients are
 * given theirs.
 */
static bool flow_sender_is_client(const struct px_segment *s)
{
	if (s->tcp_flags & PX_TCP_SYN)
		return !(s->tcp_flags & PX_TCP_ACK);
	return s->src_port >= s->dst_port;
}

static void flow_ends(struct px_flow *flow, const struct px_segment *s, bool sender_is_local)
{
	struct px_abi_event *ev = &flow->ev;

	ev->local_port = sender_is_local ? s->src_port : s->dst_port;
	ev->remote_port = sender_is_local ? s->dst_port : s->src_port;
	memcpy(ev->local_addr, sender_is_local ? s->src : s->dst, 16);
	memcpy(ev->remote_addr, sender_is_local ? s->dst : s->src, 16);
}

void px_flow_orient(struct px_flow *flow, const struct px_segment *s)
{
	struct px_flow_dir in = flow->dirs[PX_ABI_IN];
	bool is_local =
		flow->ev.local_port == s->src_port && memcmp(flow->ev.local_addr, s->src, 16) == 0;

	flow->is_oriented = true;
	if (is_local || flow->has_events)
		return;
	flow->dirs[PX_ABI_IN] = flow->dirs[PX_ABI_OUT];
	flow->dirs[PX_ABI_OUT] = in;
	flow->stray_dir ^= 1;
	flow_ends(flow, s, true);
}

/* Identities of our own, where no inode's number is. */
static uint64_t flow_serial(struct px_flows *f)
{
	return (UINT64_C(1) << 40) + ++f->serial;
}

static struct px_flow *flow_new(struct px_flows *f, const struct px_segment *s, uint64_t context)
{
	struct px_flow *flow = calloc(1, sizeof(*flow));
	const struct px_origin *o = s->origin;
	struct px_abi_event *ev;
	bool sender_is_local;

	if (!flow)
		return NULL;
	ev = &flow->ev;
	flow->context = context;
	ev->family = s->family;
	ev->protocol = s->protocol;
	ev->type = s->protocol == 17 ? SOCK_DGRAM : SOCK_STREAM;
	ev->state = s->protocol == 17 ? 0 : TCP_ESTABLISHED;
	ev->syscall_nr = 0xffff;
	ev->sock_id = o ? o->sock_id : flow_serial(f);
	ev->sock_gen = o ? o->sock_gen : 1;
	sender_is_local = o ? o->dir == PX_ABI_OUT : flow_sender_is_client(s);
	flow->is_oriented = o || s->tcp_flags & PX_TCP_SYN;
	flow_ends(flow, s, sender_is_local);
	flow->has_origin = o != NULL;
	flow->is_packet = !o || o->is_packet;
	ev->scope_id = o ? o->scope_id : 0;
	if (o && o->family == PX_ABI_AF_UNIX) {
		flow->has_names = true;
		flow->names = o->names;
	}
	return flow;
}

struct px_flow *px_flow_find(struct px_flows *f, const struct px_segment *s, uint8_t *dir)
{
	uint64_t context = s->context;
	struct px_flow *flow = f->last, **bucket;
	uint64_t hash;
	int d;

	if (s->origin)
		context ^= flow_mix(s->origin->sock_id) + s->origin->sock_gen;
	if (flow) {
		d = flow_direction(flow, s, context);
		if (d >= 0)
			goto found;
	}
	hash = flow_hash(s, context);
	for (flow = *flow_bucket(f, hash); flow; flow = flow->hash_next) {
		d = flow_direction(flow, s, context);
		if (d >= 0)
			goto found;
	}
	if (f->flow_count >= FLOWS_MAX)
		flow_evict(f, f->age_first);
	flow = flow_new(f, s, context);
	if (!flow)
		return NULL;
	flow->hash = hash;
	bucket = flow_bucket(f, hash);
	flow->hash_next = *bucket;
	*bucket = flow;
	f->flow_count++;
	flow_grow(f);
	f->stats.flows++;
	flow_age_append(f, flow);
	d = flow_direction(flow, s, context);
found:
	/* Both ends alike: a socket connected to itself. Its first direction has to do for both. */
	*dir = (uint8_t)d;
	if (f->age_last != flow) {
		flow_age_unlink(f, flow);
		flow_age_append(f, flow);
	}
	f->last = flow;
	return flow;
}

void px_flow_restart(struct px_flows *f, struct px_flow *flow, uint64_t ts_ns)
{
	if (flow->has_events && !flow->is_closed)
		px_flow_emit(f, flow, PX_ABI_CLOSE, ts_ns, 0, px_bytes_of(NULL, 0));
	flow_drop_held(f, flow);
	memset(flow->dirs, 0, sizeof(flow->dirs));
	flow->is_oriented = false;
	flow->is_open = false;
	flow->is_ending = false;
	flow->is_closed = false;
	flow->has_events = false;
	flow->has_told_names = false;
	flow->has_stray = false;
	flow->syn_ns = 0;
	if (!flow->has_origin)
		flow->ev.sock_id = flow_serial(f);
	f->stats.flows++;
}

void px_flow_set_owner(struct px_flow *flow, const struct px_flow_owner *owner)
{
	flow->ev.pid = owner->pid;
	flow->ev.tid = owner->tid;
	flow->ev.uid = owner->uid;
	memcpy(flow->ev.comm, owner->comm, sizeof(owner->comm));
	flow->flags = owner->flags;
	flow->has_peer = owner->has_peer;
	flow->peer = owner->peer;
}

/* A UNIX socket travelled as TCP: its own family again, and first its names. */
static void flow_emit_names(struct px_flows *f, struct px_flow *flow, uint64_t ts_ns)
{
	struct px_abi_event hdr = flow->ev;
	struct px_event out = { &hdr, px_bytes_of(&flow->names, sizeof(flow->names)) };

	hdr.kind = PX_ABI_NAMES;
	hdr.ts_ns = ts_ns;
	hdr.flags = flow->is_packet ? PX_ABI_F_PACKET : 0;
	hdr.family = PX_ABI_AF_UNIX;
	hdr.protocol = 0;
	hdr.local_port = hdr.remote_port = 0;
	hdr.len = hdr.copied = sizeof(flow->names);
	f->fn(f->ctx, &out);
}

void px_flow_emit(struct px_flows *f, struct px_flow *flow, uint8_t kind, uint64_t ts_ns,
		  uint16_t flags, struct px_bytes data)
{
	struct px_abi_event *ev = &flow->ev;
	struct px_event out = { ev, data };

	/* An opening waits for its names, if there are any. */
	if (flow->has_names && !flow->has_told_names &&
	    (kind != PX_ABI_OPEN || flow->names.local_len || flow->names.remote_len)) {
		flow->has_told_names = true;
		flow_emit_names(f, flow, ts_ns);
	}
	ev->kind = kind;
	ev->ts_ns = ts_ns;
	ev->flags = (uint16_t)(flags | flow->flags | (flow->is_packet ? PX_ABI_F_PACKET : 0));
	ev->copied = (uint32_t)data.len;
	if (kind != PX_ABI_DATA)
		ev->len = 0;
	flow->has_events = true;
	if (flow->has_names) {
		struct px_abi_event hdr = *ev;

		hdr.family = PX_ABI_AF_UNIX;
		hdr.protocol = 0;
		hdr.local_port = hdr.remote_port = 0;
		memset(hdr.local_addr, 0, sizeof(hdr.local_addr));
		memset(hdr.remote_addr, 0, sizeof(hdr.remote_addr));
		out.hdr = &hdr;
		f->fn(f->ctx, &out);
		return;
	}
	f->fn(f->ctx, &out);
}

void px_flow_wait(struct px_flows *f, struct px_flow *flow, uint64_t now_ns)
{
	if (flow->is_waiting)
		return;
	flow->is_waiting = true;
	flow->waiting_since = now_ns;
	flow->wait_prev = f->wait_last;
	flow->wait_next = NULL;
	*(f->wait_last ? &f->wait_last->wait_next : &f->wait_first) = flow;
	f->wait_last = flow;
}

void px_flow_unwait(struct px_flows *f, struct px_flow *flow)
{
	if (!flow->is_waiting)
		return;
	*(flow->wait_prev ? &flow->wait_prev->wait_next : &f->wait_first) = flow->wait_next;
	*(flow->wait_next ? &flow->wait_next->wait_prev : &f->wait_last) = flow->wait_prev;
	flow->is_waiting = false;
}
