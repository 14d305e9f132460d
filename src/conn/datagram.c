/* SPDX-License-Identifier: Apache-2.0 */
#include "conn/datagram.h"

#include <errno.h>
#include <stdlib.h>

#include "conn/table.h"

#define ASKED_BUCKETS 4096u	/* a power of two */
#define ASKED_MAX 4096		/* frames that may wait; the oldest goes alone beyond this */
#define ASKED_KEY 0xffffu	/* the bits of a key that are always known, see px_frame.key_mask */

/* A frame that waits for its partner. */
struct px_asked {
	struct px_frame *f;
	struct px_conn *c;
	uint64_t since_ns;	/* when it was sent last */
	struct px_asked *hash_next, *age_prev, *age_next;
};

int px_datagrams_init(struct px_datagrams *d, struct px_table *table)
{
	*d = (struct px_datagrams){ .table = table };
	d->buckets = calloc(ASKED_BUCKETS, sizeof(*d->buckets));
	return d->buckets ? 0 : -ENOMEM;
}

static struct px_asked **asked_bucket(struct px_datagrams *d, uint64_t sock_id, uint64_t key)
{
	uint64_t mix = (sock_id << 16 ^ (key & ASKED_KEY)) * 0x9e3779b97f4a7c15ull;

	return &d->buckets[(size_t)(mix >> 40) & (ASKED_BUCKETS - 1)];
}

static struct px_asked_list *asked_list(struct px_datagrams *d, const struct px_asked *a)
{
	return a->f->kind == PX_FRAME_REQUEST ? &d->requests : &d->responses;
}

static void asked_unlink(struct px_asked_list *list, struct px_asked *a)
{
	*(a->age_prev ? &a->age_prev->age_next : &list->first) = a->age_next;
	*(a->age_next ? &a->age_next->age_prev : &list->last) = a->age_prev;
}

static void asked_append(struct px_asked_list *list, struct px_asked *a)
{
	a->age_prev = list->last;
	a->age_next = NULL;
	*(list->last ? &list->last->age_next : &list->first) = a;
	list->last = a;
}

/* The frame, which does not wait any more, and whose connection it is. */
static struct px_frame *asked_take(struct px_datagrams *d, struct px_asked *a, struct px_conn **c)
{
	struct px_asked **at = asked_bucket(d, a->c->sock_id, a->f->key);
	struct px_frame *f = a->f;

	while (*at != a)
		at = &(*at)->hash_next;
	*at = a->hash_next;
	asked_unlink(asked_list(d, a), a);
	d->count--;
	a->c->asked--;
	*c = a->c;
	a->hash_next = d->free_list;
	d->free_list = a;
	return f;
}

void px_datagrams_fini(struct px_datagrams *d)
{
	struct px_asked *a;

	while ((a = d->free_list) != NULL) {
		d->free_list = a->hash_next;
		free(a);
	}
	if (d->spare)
		px_frame_free(&d->table->frames, d->spare);
	d->spare = NULL;
	free(d->buckets);
	d->buckets = NULL;
}

static enum px_role datagram_role(const struct px_frame *f)
{
	return (f->kind == PX_FRAME_REQUEST) == (f->dir == PX_DIR_OUT) ? PX_ROLE_CLIENT
								       : PX_ROLE_SERVER;
}

/* A pair, or one of the two alone; takes them. role: of the traced process in this exchange. */
static void datagram_show(struct px_datagrams *d, struct px_conn *c, struct px_frame *request,
			  struct px_frame *response, enum px_role role, unsigned int flags)
{
	struct px_table *t = d->table;
	struct px_exchange ex = {
		.request = request,
		.response = response,
		.parser = c->decoder.last_parser,
		.role = role,
		.flags = flags | (request ? request->flags : 0) | (response ? response->flags : 0),
	};

	c->role = role; /* one socket may ask and be asked */
	c->messages++;
	t->opt.on_exchange(t->opt.ctx, c, &ex);
	px_frame_free(&t->frames, request);
	px_frame_free(&t->frames, response);
}

static void datagram_show_alone(struct px_datagrams *d, struct px_conn *c, struct px_frame *f)
{
	if (f->needs_partner)
		px_frame_free(&d->table->frames, f);
	else if (f->kind == PX_FRAME_RESPONSE)
		datagram_show(d, c, NULL, f, datagram_role(f), PX_FLAG_UNPAIRED);
	else
		datagram_show(d, c, f, NULL, datagram_role(f),
			      f->kind == PX_FRAME_REQUEST ? PX_FLAG_NOREPLY : 0);
}

/* It has waited for long enough. */
static void datagram_give_up(struct px_datagrams *d, struct px_asked *a)
{
	struct px_conn *c;
	struct px_frame *f = asked_take(d, a, &c);

	datagram_show_alone(d, c, f);
}

static bool datagram_knows_peer(const struct px_conn *c)
{
	return c->remote_port != 0;
}

/*
 * May a's frame be the partner of f? An answer is seen behind its question, unless one thread asks
 * and another one is told before the first is back from its call.
 */
static bool datagram_fits(const struct px_asked *a, const struct px_conn *c,
			  const struct px_frame *f)
{
	const struct px_frame *other = a->f;

	if (a->c->sock_id != c->sock_id || a->c->sock_gen != c->sock_gen || other->dir == f->dir ||
	    other->kind == f->kind || !px_frame_keys_agree(other, f))
		return false;
	if (a->c != c && datagram_knows_peer(a->c) && datagram_knows_peer(c))
		return false;
	return f->kind != PX_FRAME_REQUEST || f->first.tid != other->first.tid;
}

/*
 * The partner of f if it waits. Where a key or a peer is not known in full, the only one that it
 * can be.
 */
static struct px_asked *datagram_partner(struct px_datagrams *d, const struct px_conn *c,
					 const struct px_frame *f)
{
	struct px_asked *a = *asked_bucket(d, c->sock_id, f->key), *found = NULL;
	bool is_only = true;

	for (; a; a = a->hash_next) {
		if (!datagram_fits(a, c, f))
			continue;
		if (a->c == c && a->f->key == f->key)
			return a;
		is_only = !found;
		found = a;
	}
	return is_only ? found : NULL;
}

/* The same request once more, if the one before it still waits. */
static struct px_asked *datagram_earlier(struct px_datagrams *d, const struct px_conn *c,
					 const struct px_frame *f)
{
	struct px_asked *a = *asked_bucket(d, c->sock_id, f->key);

	while (a &&
	       (a->c != c || a->f->kind != f->kind || a->f->dir != f->dir || a->f->key != f->key))
		a = a->hash_next;
	return a;
}

static void datagram_wait(struct px_datagrams *d, struct px_conn *c, struct px_frame *f)
{
	struct px_asked *a = d->free_list, **bucket;

	if (a)
		d->free_list = a->hash_next;
	else
		a = malloc(sizeof(*a));
	if (!a) {
		d->table->decode_env.no_memory++;
		px_frame_free(&d->table->frames, f);
		return;
	}
	if (d->count >= ASKED_MAX)
		datagram_give_up(d, d->requests.first ? d->requests.first : d->responses.first);
	*a = (struct px_asked){ .f = f, .c = c, .since_ns = f->last.ts_ns };
	bucket = asked_bucket(d, c->sock_id, f->key);
	a->hash_next = *bucket;
	*bucket = a;
	asked_append(asked_list(d, a), a);
	d->count++;
	c->asked++;
}

static void datagram_frame(struct px_datagrams *d, struct px_conn *c, struct px_frame *f)
{
	bool is_request = f->kind == PX_FRAME_REQUEST;
	struct px_asked *a;

	if (f->kind == PX_FRAME_ONE_WAY) {
		datagram_show_alone(d, c, f);
		return;
	}
	a = datagram_partner(d, c, f);
	if (a) {
		struct px_conn *other_c;
		struct px_frame *other = asked_take(d, a, &other_c);

		if (is_request && f->first.ts_ns > other->first.ts_ns)
			f->first.ts_ns = f->last.ts_ns = other->first.ts_ns;
		datagram_show(d, datagram_knows_peer(c) ? c : other_c, is_request ? f : other,
			      is_request ? other : f, datagram_role(f), 0);
		return;
	}
	a = is_request ? datagram_earlier(d, c, f) : NULL;
	if (a) {
		a->f->tries++;
		a->since_ns = f->last.ts_ns;
		asked_unlink(&d->requests, a);
		asked_append(&d->requests, a);
		px_frame_free(&d->table->frames, f);
	} else if (is_request || !c->is_packet) {
		datagram_wait(d, c, f);
	} else {
		datagram_show_alone(d, c, f); /* packets come in their order */
	}
}

static void datagram_mark(struct px_mark *m, const struct px_abi_event *h, uint64_t pos)
{
	*m = (struct px_mark){
		.pos = pos, .ts_ns = h->ts_ns, .pid = h->pid, .tid = h->tid, .uid = h->uid
	};
	memcpy(m->comm, h->comm, sizeof(m->comm));
}

/* To or from many: 224.0.0.0/4, 255.255.255.255, ff00::/8 */
static bool datagram_is_multicast(uint8_t family, const uint8_t addr[16])
{
	static const uint8_t all[4] = { 255, 255, 255, 255 };

	return family == PX_ABI_AF_INET ? addr[0] >> 4 == 14 || memcmp(addr, all, 4) == 0
					: addr[0] == 255;
}

void px_datagrams_event(struct px_datagrams *d, struct px_conn *c, const struct px_event *ev)
{
	const struct px_abi_event *h = ev->hdr;
	struct px_table *t = d->table;
	const struct px_datagram datagram = {
		.len = h->len,
		.local_port = h->local_port,
		.remote_port = h->remote_port,
		.is_multicast = datagram_is_multicast(h->family, h->remote_addr) ||
				datagram_is_multicast(h->family, h->local_addr),
	};
	const struct px_parse_ctx ctx = {
		.dir = h->dir ? PX_DIR_OUT : PX_DIR_IN,
		.role = PX_ROLE_UNKNOWN,
		.limits = &t->opt.limits,
		.datagram = &datagram,
	};

	for (size_t i = 0; ev->data.len && t->opt.parsers[i]; i++) {
		const struct px_parser *parser = t->opt.parsers[i];
		struct px_frame *f;

		if (!parser->has_datagrams)
			continue;
		if (!d->spare)
			d->spare = px_frame_new(&t->frames);
		f = d->spare;
		if (!f) {
			t->decode_env.no_memory++;
			return;
		}
		f->dir = ctx.dir;
		if (parser->parse(&ctx, ev->data, f).status != PX_PARSE_FRAME || !f->msg) {
			if (!f->arena.blocks && !f->needs_partner)
				continue;
			px_frame_free(&t->frames, f);
			d->spare = NULL;
			continue;
		}
		d->spare = NULL;
		d->understood++;
		t->decode_env.frames_made++;
		datagram_mark(&f->first, h, 0);
		datagram_mark(&f->last, h, h->len);
		f->bytes = h->len;
		f->tries = 1;
		c->decoder.last_parser = parser;
		if (t->opt.only_role && datagram_role(f) != t->opt.only_role)
			px_frame_free(&t->frames, f);
		else
			datagram_frame(d, c, f);
		return;
	}
}

void px_datagrams_end(struct px_datagrams *d, struct px_conn *c)
{
	struct px_asked *const firsts[] = { d->requests.first, d->responses.first };

	for (size_t i = 0; i < PX_COUNT(firsts); i++)
		for (struct px_asked *a = firsts[i], *next; a && c->asked; a = next) {
			next = a->age_next;
			if (a->c == c)
				datagram_give_up(d, a);
		}
}

void px_datagrams_flush(struct px_datagrams *d)
{
	while (d->requests.first)
		datagram_give_up(d, d->requests.first);
	while (d->responses.first)
		datagram_give_up(d, d->responses.first);
}

void px_datagrams_advance(struct px_datagrams *d, uint64_t now_ns)
{
	while (d->requests.first && now_ns > d->requests.first->since_ns + d->table->opt.answer_ns)
		datagram_give_up(d, d->requests.first);
	while (d->responses.first &&
	       now_ns > d->responses.first->since_ns + d->table->opt.reorder_ns)
		datagram_give_up(d, d->responses.first);
}
