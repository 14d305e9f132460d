/* SPDX-License-Identifier: Apache-2.0 */
/* Redis: the connection, its two directions, and what is left of them behind a loss. */
#include "redis/redis.h"

#include "redis/message.h"

#define MAX_FRAME (1 << 17)	/* bytes that may wait for the end of a line */
#define LOOK_WAIT (1 << 16)	/* bytes after which the other direction is not waited for to tell what this one is */

/* --- a message under construction --- */

struct redis_msg *redis_msg_new(const struct px_parse_ctx *ctx, struct px_frame *out)
{
	struct redis_msg *m = px_arena_zalloc(&out->arena, sizeof(*m));
	size_t max = ctx->limits->body_max;

	if (!m)
		return NULL;
	m->raw_max = max > SIZE_MAX - REDIS_SHORT_ROOM ? SIZE_MAX : max + REDIS_SHORT_ROOM;
	m->db = -1;
	out->msg = m;
	return m;
}

struct px_parse_result redis_wait(const struct px_parse_ctx *ctx, struct px_bytes in,
				  struct px_frame *out, size_t pos, uint64_t discard)
{
	struct px_parse_result res = px_parse_skip(pos);
	struct redis_msg *m = out->msg;

	if (ctx->eof && !discard) {
		if (!out->kind)
			return px_parse_bad("the end, in the middle of a message");
		out->flags |= PX_FLAG_ABORTED;
		return px_parse_frame(in.len);
	}
	if (pos == 0 && !discard)
		return px_parse_more(in.len + 1);
	m->resume_at = discard ? ctx->pos + pos + discard : 0;
	res.discard = discard;
	return res;
}

struct px_parse_result redis_bad(struct px_frame *out, const char *why)
{
	out->kind = (enum px_frame_kind)0;
	return px_parse_bad(why);
}

/* --- the connection --- */

/*
 * Do commands come in this direction? The role says. Without one, what both directions begin with:
 * that of an answer is certain mostly, but an array may be either, a list that begins with "info",
 * say. MAYBE: let the other direction begin.
 */
static enum px_sure redis_asks(const struct px_parse_ctx *ctx, struct redis_state *st,
			       struct px_bytes in)
{
	enum px_dir other = px_dir_other(ctx->dir);

	if (ctx->role != PX_ROLE_UNKNOWN)
		return px_role_request_dir(ctx->role) == ctx->dir ? PX_SURE_YES : PX_SURE_NO;
	if (!st->request_dir) {
		enum redis_look look = redis_look_at(in);

		st->looks[ctx->dir] = (uint8_t)look;
		if (look == REDIS_LOOKS_ANSWER ||
		    (look == REDIS_LOOKS_ARRAY && st->looks[other] == REDIS_LOOKS_PERHAPS))
			st->request_dir = (uint8_t)(1 + other);
		else if (look == REDIS_LOOKS_COMMAND ||
			 (look == REDIS_LOOKS_PERHAPS && st->looks[other] == REDIS_LOOKS_ARRAY))
			st->request_dir = (uint8_t)(1 + ctx->dir);
		else if (in.len < LOOK_WAIT && !ctx->eof)
			return PX_SURE_MAYBE;
		else
			st->request_dir =
				(uint8_t)(1 + (look == REDIS_LOOKS_ARRAY ? other : ctx->dir));
	}
	return st->request_dir == 1 + ctx->dir ? PX_SURE_YES : PX_SURE_NO;
}

static struct px_parse_result redis_parse(const struct px_parse_ctx *ctx, struct px_bytes in,
					  struct px_frame *out)
{
	struct redis_state *st = ctx->state;
	struct px_parse_result res;

	if (!st->is_begun) {
		st->is_begun = true;
		st->is_joined |= ctx->mid_stream;
		st->db = st->is_joined ? -1 : 0;
		st->queued_db = -1;
	}
	switch (redis_asks(ctx, st, in)) {
	case PX_SURE_YES:
		res = redis_command(ctx, st, in, out, false);
		break;
	case PX_SURE_NO:
		res = redis_answer(ctx, st, in, out);
		break;
	default:
		return px_parse_more(in.len + 1);
	}
	/* Without memory, say: what comes next may be the inside of anything. */
	st->hides_strays |= res.status == PX_PARSE_BAD;
	return res;
}

static uint64_t redis_hole(const struct px_parse_ctx *ctx, uint64_t n, bool is_cut,
			   struct px_frame *out)
{
	struct redis_msg *m = out->msg;
	uint64_t took = 0;

	if (m->phase == REDIS_IN_RDB_EOF) {
		/* The mark may have been in it; then all that follows is taken for the snapshot. */
		m->len += (int64_t)n;
		took = n;
	} else if (m->phase == REDIS_IN_BULK || m->phase == REDIS_AT_CRLF) {
		if (m->phase == REDIS_IN_BULK) {
			took = n < m->left ? n : m->left;
			m->left -= took;
			m->keep_left = 0;
			m->is_cut = true;
			/* What is behind it in a value would look as if it were in its place. */
			m->is_full |= m->argc == 0;
		}
		if (m->phase == REDIS_IN_BULK && m->left == 0) {
			m->phase = REDIS_AT_CRLF;
			m->left = 2;
		}
		if (m->phase == REDIS_AT_CRLF) {
			uint64_t more = n - took < m->left ? n - took : m->left;

			m->left -= more;
			took += more;
		}
	}
	(void)ctx;
	if (took > 0)
		out->flags |= is_cut ? PX_FLAG_TRUNCATED : PX_FLAG_GAP;
	return took;
}

/*
 * The counts go on; which command the next answer belongs to is open again. What a connection is
 * for does not change.
 */
static void redis_reset(void *state)
{
	struct redis_state *st = state;

	st->is_joined = true;
	st->answered = st->requests;
	st->special_count = 0;
	memset(st->scanned, 0, sizeof(st->scanned));
	st->in_multi = st->selects = st->skip_next = false;
	st->db = st->queued_db = -1;
}

const struct px_parser px_parser_redis = {
	.name = "redis",
	.spec = "RESP2 and RESP3 (Redis serialization protocol specification), replication as of Redis 7",
	.fields = redis_fields,
	.state_size = sizeof(struct redis_state),
	.max_frame = MAX_FRAME,
	.match = PX_MATCH_IN_ORDER,
	.infer = redis_infer,
	.parse = redis_parse,
	.describe = redis_describe,
	.kind = redis_kind,
	.hole = redis_hole,
	.resync = redis_resync,
	.reset = redis_reset,
	.mask = redis_mask,
};
