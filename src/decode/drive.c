/* SPDX-License-Identifier: Apache-2.0 */
/* The loop around parse(): checks each result against the contract of parsers/parser.h. */
#include "decode/decode.h"
#include "decode/infer.h"

#include <stdlib.h>

void px_decoder_init(struct px_decoder *d, struct px_decode_env *env, void *owner,
		     struct px_stream *in, struct px_stream *out)
{
	memset(d, 0, sizeof(*d));
	d->env = env;
	d->owner = owner;
	d->streams[PX_DIR_IN] = in;
	d->streams[PX_DIR_OUT] = out;
	d->dirs[PX_DIR_IN].aligned = true;
	d->dirs[PX_DIR_OUT].aligned = true;
}

static void decode_drop_frame(struct px_decoder *d, enum px_dir dir)
{
	px_frame_free(d->env->frames, d->dirs[dir].frame);
	d->dirs[dir].frame = NULL;
	d->dirs[dir].need = 0;
	d->dirs[dir].ask_again = false;
}

static void decode_free_state(struct px_decoder *d)
{
	if (d->state && d->parser->state_fini)
		d->parser->state_fini(d->state);
	free(d->state);
	d->state = NULL;
	d->parser = NULL;
}

void px_decoder_fini(struct px_decoder *d)
{
	decode_drop_frame(d, PX_DIR_IN);
	decode_drop_frame(d, PX_DIR_OUT);
	decode_free_state(d);
}

static void decode_mark(struct px_mark *m, const struct px_seg_info *info, uint64_t pos)
{
	m->pos = pos;
	m->peer_pos = info->peer_pos;
	m->ts_ns = info->ts_ns;
	m->pid = info->pid;
	m->tid = info->tid;
	m->uid = info->uid;
	memcpy(m->comm, info->comm, sizeof(m->comm));
	m->has_peer_pos = info->has_peer_pos;
}

/* The frame under construction is complete as far as the stream has been consumed. */
static void decode_deliver(struct px_decoder *d, enum px_dir dir, unsigned int flags)
{
	struct px_frame *f = d->dirs[dir].frame;
	struct px_stream *s = d->streams[dir];

	d->dirs[dir].frame = NULL;
	d->dirs[dir].need = 0;
	d->dirs[dir].ask_again = false;
	f->flags |= flags;
	if (s->pos == f->first.pos && f->first.ts_ns > 0)
		f->last = f->first; /* no byte of its own: what comes now tells that it is over */
	else
		decode_mark(&f->last, &s->last, s->pos);
	f->bytes = s->pos - f->first.pos;
	d->env->frames_made++;
	d->ever_parsed = true;
	if (d->role == PX_ROLE_UNKNOWN && f->kind == PX_FRAME_REQUEST)
		d->role = dir == PX_DIR_IN ? PX_ROLE_SERVER : PX_ROLE_CLIENT;
	else if (d->role == PX_ROLE_UNKNOWN && f->kind == PX_FRAME_RESPONSE)
		d->role = dir == PX_DIR_IN ? PX_ROLE_CLIENT : PX_ROLE_SERVER;
	d->env->on_frame(d->owner, f);
}

/* Bytes that belong to no message known of went by: messages cannot be counted across them. */
static void decode_gap(struct px_decoder *d, enum px_dir dir)
{
	d->dirs[dir].aligned = false;
	d->epoch++;
	d->env->on_gap(d->owner, dir);
}

static void decode_reset(struct px_decoder *d)
{
	if (d->parser->reset) {
		d->parser->reset(d->state);
	} else if (d->state) {
		if (d->parser->state_fini)
			d->parser->state_fini(d->state);
		memset(d->state, 0, d->parser->state_size);
	}
}

/* Framing is lost in this direction, by a hole or by bytes that break the protocol. */
static void decode_lost(struct px_decoder *d, enum px_dir dir)
{
	struct px_frame *f = d->dirs[dir].frame;

	if (f && f->kind)
		decode_deliver(d, dir, PX_FLAG_GAP);
	else
		decode_drop_frame(d, dir);
	decode_reset(d);
	d->dirs[dir].resyncing = true;
	decode_gap(d, dir);
}

static void decode_throw_away(struct px_decoder *d, enum px_dir dir, uint64_t n)
{
	d->env->not_understood_bytes += n;
	d->not_understood += n;
	px_stream_consume(d->streams[dir], n);
}

static bool decode_adopt(struct px_decoder *d, const struct px_parser *parser, enum px_dir dir)
{
	struct px_decode_dir *other = &d->dirs[px_dir_other(dir)];

	if (parser->state_size) {
		d->state = calloc(1, parser->state_size);
		if (!d->state) {
			d->env->no_memory++;
			return false;
		}
	}
	d->parser = parser;
	d->last_parser = parser;
	d->mode = PX_DECODE_PARSE;
	d->ever_parsed = false;
	d->dirs[dir].resyncing = d->mid_stream || !d->dirs[dir].aligned;
	other->resyncing = d->mid_stream || !other->aligned;
	if (d->role == PX_ROLE_UNKNOWN && parser->kind) {
		enum px_frame_kind kind = parser->kind(px_stream_view(d->streams[dir]));

		if (kind == PX_FRAME_REQUEST)
			d->role = dir == PX_DIR_IN ? PX_ROLE_SERVER : PX_ROLE_CLIENT;
		else if (kind == PX_FRAME_RESPONSE)
			d->role = dir == PX_DIR_IN ? PX_ROLE_CLIENT : PX_ROLE_SERVER;
	}
	return true;
}

/* The first bytes of all that nobody knew are shown to the user when there is nothing else. */
static void decode_keep_unknown(struct px_decode_env *env, struct px_bytes view)
{
	if (env->unknown_len || !view.len)
		return;
	env->unknown_len = view.len < sizeof(env->unknown) ? view.len : sizeof(env->unknown);
	memcpy(env->unknown, view.ptr, env->unknown_len);
}

/* Returns true when the mode has changed. */
static bool decode_recognise(struct px_decoder *d, enum px_dir dir)
{
	struct px_stream *s = d->streams[dir];
	const struct px_piece *front;

	while ((front = px_stream_front(s)) != NULL) {
		struct px_bytes view = px_stream_view(s);
		const struct px_parser *parser = NULL;

		if (front->kind != PX_PIECE_DATA) {
			decode_gap(d, dir);
			decode_throw_away(d, dir, front->len);
			continue;
		}
		if (d->ordered && !(d->excluded & px_infer_bit(d->env->parsers, d->ordered)))
			return decode_adopt(d, d->ordered, dir);
		switch (px_infer(d->env->parsers, d->excluded, view, dir, &parser)) {
		case PX_SURE_YES:
			return decode_adopt(d, parser, dir);
		case PX_SURE_MAYBE:
			if (!s->eof && s->pos + view.len == s->end)
				return false;
			break;
		case PX_SURE_NO:
			break;
		}
		decode_keep_unknown(d->env, view);
		decode_gap(d, dir);
		decode_throw_away(d, dir, view.len);
		d->excluded = 0; /* who was wrong about these bytes may be right about the next ones */
	}
	return false;
}

/*
 * The parser says that it was the wrong one, or that the bytes are broken. Returns false to stop
 * this round.
 */
static bool decode_bad(struct px_decoder *d, enum px_dir dir)
{
	d->env->bad++;
	if (!d->ever_parsed) {
		/* A first guess that was wrong: ask the others, who get the same bytes. */
		d->excluded |= px_infer_bit(d->env->parsers, d->parser);
		decode_drop_frame(d, PX_DIR_IN);
		decode_drop_frame(d, PX_DIR_OUT);
		decode_free_state(d);
		d->mode = PX_DECODE_RECOGNISE;
		return true;
	}
	decode_lost(d, dir);
	/* At least one byte on, or the same bytes would be found bad again. */
	if (px_stream_front(d->streams[dir]) &&
	    px_stream_front(d->streams[dir])->kind == PX_PIECE_DATA)
		decode_throw_away(d, dir, 1);
	return true;
}

static void decode_end_protocol(struct px_decoder *d, const struct px_parser *hand_over)
{
	for (int dir = 0; dir < 2; dir++) {
		struct px_decode_dir *dd = &d->dirs[dir];

		if (dd->frame && dd->frame->kind)
			decode_deliver(d, (enum px_dir)dir, 0);
		decode_drop_frame(d, (enum px_dir)dir);
		dd->resyncing = false;
		dd->aligned = true;
		dd->ended = false;
	}
	decode_free_state(d);
	d->mode = hand_over ? PX_DECODE_RECOGNISE : PX_DECODE_OPAQUE;
	d->excluded = 0;
	d->mid_stream = false;
	d->epoch++;
	d->env->on_restart(d->owner, d->epoch);
}

bool px_decoder_has_parsed(const struct px_decoder *d)
{
	return d->mode == PX_DECODE_PARSE && d->ever_parsed;
}

void px_decoder_restart(struct px_decoder *d, bool mid_stream)
{
	decode_end_protocol(d, &px_parser_any);
	d->mid_stream = mid_stream;
	d->env->not_understood_bytes -= d->not_understood;
	d->not_understood = 0;
}

/* A hole is at the front. Returns false where it had to end the round. */
static void decode_hole(struct px_decoder *d, enum px_dir dir, const struct px_parse_ctx *ctx)
{
	struct px_decode_dir *dd = &d->dirs[dir];
	struct px_stream *s = d->streams[dir];
	const struct px_piece *hole = px_stream_front(s);
	uint64_t n = hole->len, took = 0;
	bool is_cut = hole->kind == PX_PIECE_CUT;

	if (dd->frame && dd->frame->msg && d->parser->hole)
		took = d->parser->hole(ctx, n, is_cut, dd->frame);
	if (took > n) {
		d->env->contract_errors++;
		took = 0;
	}
	px_stream_consume(s, took);
	dd->need = 0;
	dd->ask_again = took > 0;
	if (took == n)
		return;
	if (took > 0 && dd->frame) {
		/*
		 * The message may end exactly where the framing gets lost: let the parser say so.
		 */
		struct px_parse_result r =
			d->parser->parse(ctx, (struct px_bytes){ NULL, 0 }, dd->frame);

		if (r.status == PX_PARSE_FRAME && r.consumed == 0)
			decode_deliver(d, dir, 0);
	}
	decode_lost(d, dir); /* before the hole is passed: how much of it was the message's nobody knows */
	px_stream_consume(s, n - took);
}

static bool decode_resync(struct px_decoder *d, enum px_dir dir)
{
	struct px_stream *s = d->streams[dir];
	const struct px_piece *front;

	while ((front = px_stream_front(s)) != NULL) {
		struct px_bytes view = px_stream_view(s);
		size_t at = view.len;

		if (front->kind != PX_PIECE_DATA) {
			px_stream_consume(s, front->len);
			decode_reset(d); /* messages may have been in it */
			continue;
		}
		if (d->parser->resync)
			at = d->parser->resync(view, dir);
		if (at > view.len) {
			d->env->contract_errors++;
			at = view.len;
		}
		decode_throw_away(d, dir, at);
		if (at > 0)
			decode_reset(d);
		if (at < view.len) {
			d->dirs[dir].resyncing = false;
			return true;
		}
	}
	return false;
}

static bool decode_result_ok(const struct px_parse_result *r, struct px_bytes view, bool has_msg)
{
	switch (r->status) {
	case PX_PARSE_FRAME:
		return r->consumed <= view.len && has_msg;
	case PX_PARSE_SKIP:
		return r->consumed <= view.len && (r->consumed > 0 || r->discard > 0);
	case PX_PARSE_MORE:
		return r->need > view.len;
	case PX_PARSE_ASIDE:
		return has_msg;
	case PX_PARSE_BAD:
		return true;
	}
	return false;
}

static void decode_stamp(struct px_decoder *d, struct px_frame *f)
{
	if (f->kind && !f->is_stamped) {
		f->epoch = d->epoch;
		f->is_stamped = true;
	}
}

/*
 * The bytes at the front are a message inside the one under construction. Returns false where it
 * was none.
 */
static bool decode_aside(struct px_decoder *d, enum px_dir dir, struct px_parse_ctx *ctx,
			 struct px_bytes view)
{
	struct px_decode_dir *dd = &d->dirs[dir];
	struct px_frame *outer = dd->frame;
	struct px_parse_result r = px_parse_bad(NULL);

	dd->frame = px_frame_new(d->env->frames);
	if (dd->frame) {
		dd->frame->dir = dir;
		decode_mark(&dd->frame->first, &px_stream_front(d->streams[dir])->info, ctx->pos);
		ctx->is_aside = true;
		r = d->parser->parse(ctx, view, dd->frame);
	} else {
		d->env->no_memory++;
	}
	if (r.status == PX_PARSE_FRAME && r.consumed > 0 && !r.ends_protocol &&
	    decode_result_ok(&r, view, dd->frame->msg != NULL)) {
		decode_stamp(d, dd->frame);
		px_stream_consume(d->streams[dir], r.consumed);
		decode_deliver(d, dir, 0);
		dd->ended = false; /* the outer one has not been told yet */
	} else {
		px_frame_free(d->env->frames, dd->frame);
		d->env->contract_errors += r.status != PX_PARSE_BAD;
		outer->flags |= PX_FLAG_GAP;
		view.len = 0;
	}
	dd->frame = outer;
	return view.len > 0;
}

/* One call of parse(). Returns true when it is worth to go on in this direction. */
static bool decode_step(struct px_decoder *d, enum px_dir dir)
{
	struct px_decode_dir *dd = &d->dirs[dir];
	struct px_stream *s = d->streams[dir];
	const struct px_piece *front = px_stream_front(s);
	struct px_bytes view = px_stream_view(s);
	bool at_end = s->eof && s->pos + view.len == s->end;
	struct px_parse_ctx ctx = {
		.state = d->state,
		.dir = dir,
		.role = d->role,
		.eof = at_end,
		.mid_stream = d->mid_stream || !d->dirs[PX_DIR_IN].aligned ||
			      !d->dirs[PX_DIR_OUT].aligned,
		.pos = s->pos,
		.limits = &d->env->limits,
	};
	struct px_parse_result r;

	if (s->discard > 0 && !at_end)
		return false;
	if (front && front->kind != PX_PIECE_DATA) {
		decode_hole(d, dir, &ctx);
		return true;
	}
	if (!front && !dd->ask_again && (!at_end || dd->ended))
		return false;
	if (view.len < dd->need && !at_end && s->pos + view.len == s->end)
		return false;
	if (!dd->frame) {
		dd->frame = px_frame_new(d->env->frames);
		if (!dd->frame) {
			d->env->no_memory++;
			decode_throw_away(d, dir, view.len);
			decode_lost(d, dir);
			return true;
		}
		dd->frame->dir = dir;
	}
	if (!dd->frame->msg && front)
		decode_mark(&dd->frame->first, &front->info, s->pos);
	dd->ended = at_end;
	dd->ask_again = false;
	r = d->parser->parse(&ctx, view, dd->frame);
	if (!decode_result_ok(&r, view, dd->frame->msg != NULL)) {
		d->env->contract_errors++;
		r = px_parse_bad("the parser broke its contract");
	}
	decode_stamp(d, dd->frame);
	if (dd->frame->begins_here && front)
		dd->frame->first.ts_ns = front->info.ts_ns;
	dd->frame->begins_here = false;
	if (!dd->frame->msg && dd->frame->arena.held > 0)
		px_arena_reset(&dd->frame->arena); /* of what was thought to be one */
	dd->need = 0;
	switch (r.status) {
	case PX_PARSE_FRAME:
		px_stream_consume(s, r.consumed);
		decode_deliver(d, dir, 0);
		if (r.ends_protocol)
			decode_end_protocol(d, r.hand_over);
		return d->mode == PX_DECODE_PARSE;
	case PX_PARSE_SKIP:
		px_stream_consume(s, r.consumed);
		px_stream_discard(s, r.discard);
		if (s->discard > 0)
			d->env->on_discard(d->owner, dir, s->end + s->discard);
		dd->ask_again = r.discard > 0;
		if (r.ends_protocol)
			decode_end_protocol(d, r.hand_over);
		return d->mode == PX_DECODE_PARSE;
	case PX_PARSE_MORE:
		if (at_end) {
			if (view.len == 0 && !dd->frame->msg)
				return false; /* ended between two messages */
			decode_lost(d, dir);
			decode_throw_away(d, dir, view.len);
			return false;
		}
		if (s->pos + view.len < s->end) { /* a hole follows: what it waits for will not come */
			if (dd->frame->msg && d->parser->hole && view.len == 0) {
				decode_hole(d, dir, &ctx);
				return true;
			}
			decode_lost(d, dir);
			decode_throw_away(d, dir, view.len);
			return true;
		}
		if (view.len >= d->parser->max_frame)
			return decode_bad(d, dir);
		dd->need = r.need;
		return false;
	case PX_PARSE_ASIDE:
		return (front && decode_aside(d, dir, &ctx, view)) || decode_bad(d, dir);
	case PX_PARSE_BAD:
		return decode_bad(d, dir);
	}
	return false;
}

/* Returns true when something was taken out, so that the other direction may know more now. */
static bool decode_run_dir(struct px_decoder *d, enum px_dir dir)
{
	struct px_stream *s = d->streams[dir];
	uint64_t pos = s->pos, made = d->env->frames_made;

	for (;;) {
		if (d->mode == PX_DECODE_OPAQUE) {
			px_stream_consume(s, s->end - s->pos);
			break;
		}
		if (d->mode == PX_DECODE_RECOGNISE) {
			if (!decode_recognise(d, dir))
				break;
		} else if (d->dirs[dir].resyncing) {
			if (!decode_resync(d, dir))
				break;
		} else if (!decode_step(d, dir) && d->mode == PX_DECODE_PARSE) {
			break;
		}
	}
	return s->pos != pos || d->env->frames_made != made;
}

void px_decoder_run(struct px_decoder *d, enum px_dir dir)
{
	bool progress = decode_run_dir(d, dir);

	/*
	 * A response may tell what the request direction waits for, a recognised direction whose
	 * the other one is.
	 */
	while (progress) {
		struct px_stream *other;

		dir = px_dir_other(dir);
		other = d->streams[dir];
		if (other->pos == other->end && !other->eof)
			break;
		progress = decode_run_dir(d, dir);
	}
}

void px_decoder_finish(struct px_decoder *d)
{
	for (int dir = 0; dir < 2; dir++) {
		struct px_frame *f = d->dirs[dir].frame;

		if (f && f->kind)
			decode_deliver(d, (enum px_dir)dir, PX_FLAG_ABORTED);
	}
}
