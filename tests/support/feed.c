/* SPDX-License-Identifier: Apache-2.0 */
#include "support/feed.h"

#include "support/guard.h"

#include <stdlib.h>

const struct px_parse_limits px_feed_limits = { .head_max = 65536,
						.body_max = 16384,
						.decoded_max = 1 << 20 };

void px_feed_init(struct px_feed *f, const struct px_parser *parser,
		  const struct px_parse_limits *limits, size_t pool_bytes)
{
	memset(f, 0, sizeof(*f));
	f->parser = parser;
	f->limits = *limits;
	px_frame_pool_init(&f->pool, pool_bytes, pool_bytes);
	if (parser->state_size) {
		f->state = calloc(1, parser->state_size);
		if (!f->state)
			abort();
	}
}

void px_feed_fini(struct px_feed *f)
{
	for (int i = 0; i < 2; i++) {
		px_frame_free(&f->pool, f->dir[i].frame);
		free(f->dir[i].bytes);
	}
	if (f->state && f->parser->state_fini)
		f->parser->state_fini(f->state);
	free(f->state);
	px_frame_pool_fini(&f->pool);
}

static void feed_breach(struct px_feed *f, const char *what)
{
	if (!f->broken)
		f->broken = what;
}

static void feed_consume(struct px_feed_dir *d, size_t n)
{
	d->len -= n;
	d->pos += n;
	if (d->len)
		memmove(d->bytes, d->bytes + n, d->len);
}

static void feed_deliver(struct px_feed *f, enum px_dir dir)
{
	struct px_feed_dir *d = &f->dir[dir];
	struct px_frame *frame = d->frame;

	d->frame = NULL;
	d->need = 0;
	d->is_lost = false;
	frame->last.pos = d->pos;
	frame->bytes = d->pos - frame->first.pos;
	if (!frame->kind || !frame->msg)
		feed_breach(f, "a frame without kind or message");
	f->on_frame(f->ctx, dir, frame);
}

static void feed_lost(struct px_feed *f, enum px_dir dir, const char *why)
{
	struct px_feed_dir *d = &f->dir[dir];

	if (d->frame && d->frame->kind) {
		d->frame->flags |= PX_FLAG_GAP;
		feed_deliver(f, dir);
	}
	px_frame_free(&f->pool, d->frame);
	d->frame = NULL;
	d->need = 0;
	d->ask_again = false;
	if (f->parser->reset)
		f->parser->reset(f->state);
	else if (f->state)
		memset(f->state, 0, f->parser->state_size);
	f->epoch++;
	d->resyncing = true;
	if (f->on_bad && !d->is_lost)
		f->on_bad(f->ctx, dir, why);
	d->is_lost = true;
}

/* parse(), shown its bytes where the feed wants them to lie. */
static struct px_parse_result feed_show(struct px_feed *f, const struct px_parse_ctx *ctx,
					struct px_bytes view, struct px_frame *frame)
{
	struct px_parse_result r;
	char *heap;

	f->calls++;
	switch (view.len ? f->view : PX_FEED_PLAIN) {
	case PX_FEED_GUARD:
		view = px_guard_dup(view);
		r = f->parser->parse(ctx, view, frame);
		px_guard_free(view);
		break;
	case PX_FEED_HEAP:
		heap = malloc(view.len);
		if (!heap)
			abort();
		memcpy(heap, view.ptr, view.len);
		r = f->parser->parse(ctx, px_bytes_of(heap, view.len), frame);
		free(heap);
		break;
	case PX_FEED_PLAIN:
	default:
		r = f->parser->parse(ctx, view, frame);
	}
	if (r.status == PX_PARSE_BAD && !r.why)
		feed_breach(f, "bad without a reason");
	return r;
}

static struct px_parse_result feed_call(struct px_feed *f, enum px_dir dir)
{
	struct px_feed_dir *d = &f->dir[dir];
	struct px_parse_ctx ctx = { .state = f->state,
				    .dir = dir,
				    .role = f->role,
				    .eof = d->eof,
				    .is_aside = f->is_aside,
				    .mid_stream = f->mid_stream,
				    .pos = d->pos,
				    .limits = &f->limits };
	struct px_parse_result r;

	d->ended |= d->eof;
	d->ask_again = false;
	r = feed_show(f, &ctx, (struct px_bytes){ d->len ? d->bytes : NULL, d->len }, d->frame);
	if ((r.status == PX_PARSE_FRAME || r.status == PX_PARSE_SKIP) && r.consumed > d->len) {
		feed_breach(f, "consumed more than there was");
		r.consumed = d->len;
	}
	if (r.status == PX_PARSE_SKIP && r.consumed == 0 && r.discard == 0) {
		feed_breach(f, "a step that goes nowhere");
		r = px_parse_bad("contract");
	}
	if (r.status == PX_PARSE_MORE && r.need <= d->len) {
		feed_breach(f, "wants what it has");
		r = px_parse_bad("contract");
	}
	if (r.status == PX_PARSE_MORE && d->eof && (d->len > 0 || d->frame->msg)) {
		feed_breach(f, "waits behind the end");
		r = px_parse_bad("contract");
	}
	return r;
}

/* A message inside the one under construction. */
static bool feed_aside(struct px_feed *f, enum px_dir dir)
{
	struct px_feed_dir *d = &f->dir[dir];
	struct px_frame *outer = d->frame;
	struct px_parse_result r;
	bool is_one;

	if (!outer->msg || d->len == 0)
		feed_breach(f, "a message aside of none, or of no bytes");
	d->frame = px_frame_new(&f->pool);
	if (!d->frame)
		abort();
	d->frame->dir = dir;
	d->frame->first.pos = d->pos;
	d->frame->epoch = f->epoch;
	f->is_aside = true;
	r = feed_call(f, dir);
	f->is_aside = false;
	is_one = r.status == PX_PARSE_FRAME && r.consumed > 0;
	if (!is_one && r.status != PX_PARSE_BAD)
		feed_breach(f, "a message aside that is not finished");
	if (is_one) {
		feed_consume(d, r.consumed);
		feed_deliver(f, dir);
		d->ended = false;
	} else {
		px_frame_free(&f->pool, d->frame);
	}
	d->frame = outer;
	return is_one;
}

/* Both directions end this protocol: what was far enough to be shown is a frame. */
static void feed_over(struct px_feed *f, const struct px_parser *hand_over)
{
	f->is_over = true;
	f->hand_over = hand_over;
	for (int i = 0; i < 2; i++)
		if (f->dir[i].frame && f->dir[i].frame->kind)
			feed_deliver(f, (enum px_dir)i);
}

/* True: go on with this direction. */
static bool feed_step(struct px_feed *f, enum px_dir dir)
{
	struct px_feed_dir *d = &f->dir[dir];
	struct px_parse_result r;

	if (f->is_over) {
		feed_consume(d, d->len);
		return false;
	}
	if (f->mid_stream && !d->has_begun && d->len > 0) {
		d->has_begun = true;
		d->resyncing = true;
	}
	if (d->discard > 0 && d->len > 0) {
		size_t n = d->discard < d->len ? (size_t)d->discard : d->len;

		feed_consume(d, n);
		d->discard -= n;
	}
	if (d->discard > 0 && !d->eof)
		return false;
	d->discard = 0;
	if (d->resyncing) {
		size_t at = d->len;

		if (d->len > 0 && f->parser->resync)
			at = f->parser->resync(px_bytes_of(d->bytes, d->len), dir);
		if (at > d->len) {
			feed_breach(f, "resync behind the end");
			at = d->len;
		}
		feed_consume(d, at);
		if (d->len == 0)
			return false;
		d->resyncing = false;
	}
	if (d->len == 0 && !d->ask_again && (!d->eof || d->ended))
		return false;
	if (d->len < d->need && !d->eof)
		return false;
	if (!d->frame) {
		d->frame = px_frame_new(&f->pool);
		if (!d->frame)
			abort();
		d->frame->dir = dir;
	}
	if (!d->frame->msg)
		d->frame->first.pos = d->pos;
	d->frame->epoch = f->epoch;
	r = feed_call(f, dir);
	d->frame->begins_here = false;
	if (!d->frame->msg)
		px_arena_reset(&d->frame->arena);
	d->need = 0;
	switch (r.status) {
	case PX_PARSE_FRAME:
		feed_consume(d, r.consumed);
		feed_deliver(f, dir);
		if (r.ends_protocol)
			feed_over(f, r.hand_over);
		return true;
	case PX_PARSE_SKIP:
		feed_consume(d, r.consumed);
		d->discard = r.discard;
		d->ask_again = r.discard > 0;
		if (r.ends_protocol)
			feed_over(f, r.hand_over);
		return true;
	case PX_PARSE_MORE:
		d->need = r.need;
		if (d->len <= f->parser->max_frame)
			return false;
		feed_lost(f, dir, "more than max_frame");
		feed_consume(d, 1);
		return true;
	case PX_PARSE_ASIDE:
		if (feed_aside(f, dir))
			return true;
		r.why = "a message aside that is none";
		/* fall through */
	case PX_PARSE_BAD:
		feed_lost(f, dir, r.why);
		if (d->len > 0)
			feed_consume(d, 1);
		return true;
	}
	return false;
}

static void feed_run(struct px_feed *f, enum px_dir dir)
{
	bool progress;

	do {
		uint64_t calls = f->calls;

		while (feed_step(f, dir))
			;
		progress = f->calls != calls;
		dir = px_dir_other(dir);
	} while (progress && f->dir[dir].len > 0);
}

void px_feed_bytes(struct px_feed *f, enum px_dir dir, struct px_bytes b)
{
	struct px_feed_dir *d = &f->dir[dir];

	if (d->cap - d->len < b.len) {
		d->cap = (d->len + b.len) * 2;
		d->bytes = realloc(d->bytes, d->cap);
		if (!d->bytes)
			abort();
	}
	if (b.len)
		memcpy(d->bytes + d->len, b.ptr, b.len);
	d->len += b.len;
	feed_run(f, dir);
}

void px_feed_hole(struct px_feed *f, enum px_dir dir, uint64_t n, bool is_cut)
{
	struct px_feed_dir *d = &f->dir[dir];
	struct px_parse_ctx ctx = { .state = f->state,
				    .dir = dir,
				    .role = f->role,
				    .mid_stream = f->mid_stream,
				    .limits = &f->limits };
	uint64_t took = 0;

	if (f->is_over || d->resyncing || n == 0)
		return;
	if (d->discard > 0) {
		uint64_t dropped = d->discard < n ? d->discard : n;

		d->discard -= dropped;
		d->pos += dropped;
		n -= dropped;
		if (n == 0) {
			feed_run(f, dir);
			return;
		}
	}
	d->need = 0; /* what is needed beyond these bytes will not come */
	if (d->len == 0 && d->frame && d->frame->msg && f->parser->hole) {
		ctx.pos = d->pos;
		took = f->parser->hole(&ctx, n, is_cut, d->frame);
		if (took > n) {
			feed_breach(f, "took more than the hole");
			took = n;
		}
	}
	d->pos += took;
	d->ask_again |= took > 0;
	feed_run(f, dir);
	if (took == n)
		return;
	feed_consume(d, d->len);
	feed_lost(f, dir, "a hole");
	d->pos += n - took;
}

void px_feed_eof(struct px_feed *f, enum px_dir dir)
{
	f->dir[dir].eof = true;
	feed_run(f, dir);
}

bool px_feed_datagram(struct px_feed *f, enum px_dir dir, struct px_bytes b,
		      const struct px_datagram *d)
{
	struct px_datagram whole = { .len = b.len };
	struct px_parse_ctx ctx = {
		.dir = dir, .role = f->role, .limits = &f->limits, .datagram = d ? d : &whole
	};
	struct px_frame *frame = px_frame_new(&f->pool);
	struct px_parse_result r;

	if (!frame)
		abort();
	frame->dir = dir;
	r = feed_show(f, &ctx, b, frame);
	if (r.status == PX_PARSE_FRAME && frame->kind && frame->msg) {
		frame->bytes = frame->last.pos = ctx.datagram->len;
		f->on_frame(f->ctx, dir, frame);
		return true;
	}
	if (r.status != PX_PARSE_BAD)
		feed_breach(f, "a datagram is a message or none");
	else if (f->on_bad)
		f->on_bad(f->ctx, dir, r.why);
	px_frame_free(&f->pool, frame);
	return false;
}

void px_feed_finish(struct px_feed *f)
{
	for (int i = 0; i < 2; i++) {
		struct px_frame *frame = f->dir[i].frame;

		if (!frame || !frame->kind)
			continue;
		frame->flags |= PX_FLAG_ABORTED;
		feed_deliver(f, (enum px_dir)i);
	}
}
