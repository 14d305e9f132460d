/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections that were there before us, and what is behind a loss: where a message begins, and
 * whether the packets are compressed, which only the login says.
 */
#include "mysql/message.h"

#define JOINED_LOOK 1024	/* bytes of a compressed packet that say whether it is one */

void mysql_joined_doubt(struct mysql_state *st)
{
	mysql_stmt_settle(st, false);
	st->has_last = false;
	st->waits = 0;
}

/*
 * Commands whose answers began before these bytes, and not right behind an answer that we know,
 * have had theirs unseen.
 */
static struct mysql_pending *joined_first(const struct px_parse_ctx *ctx)
{
	struct mysql_state *st = ctx->state;
	struct mysql_pending *p = mysql_pending_first(st);

	while (p && !st->is_in_step && p->has_answer_pos && p->answer_pos < ctx->pos &&
	       !(st->has_last_end && st->last_end == ctx->pos)) {
		mysql_pending_pop(st);
		mysql_joined_doubt(st);
		p = mysql_pending_first(st);
	}
	return p;
}

/* Where the login allows it packets are compressed behind its answer, seen or not. */
static bool joined_knows_zip(const struct mysql_state *st)
{
	return st->is_zip || (st->has_caps ? !(st->caps & MYSQL_CAPS_ZIP) : st->has_parsed);
}

/*
 * How well a compressed packet fits. SHORT: more bytes would tell, and will come. What comes later
 * may be broken, or fit no more: so it is the same bytes that are asked, in whatever pieces they
 * come.
 */
static enum mysql_fit joined_zip(const struct px_parse_ctx *ctx, struct px_bytes in,
				 bool is_request)
{
	enum mysql_fit (*fits)(struct px_bytes) =
		is_request ? mysql_fit_zip_requests : mysql_fit_zip_reply;
	struct mysql_state *st = ctx->state;
	enum mysql_fit fit;
	size_t look;

	if (!st->is_zip && joined_knows_zip(st))
		return MYSQL_FIT_NO;
	fit = fits(in);
	if (fit != MYSQL_FIT_NO && in.len >= MYSQL_HEADER) {
		look = MYSQL_ZIP_HEADER + (size_t)mysql_le24(in.ptr);
		look = look < JOINED_LOOK ? look : JOINED_LOOK;
		fit = in.len < look ? MYSQL_FIT_SHORT : fits(px_bytes_sub(in, 0, look));
		if (fit == MYSQL_FIT_SHORT && in.len >= look)
			fit = MYSQL_FIT_NO;
	}
	st->is_zip |= fit >= MYSQL_FIT_WEAK;
	return fit == MYSQL_FIT_SHORT && ctx->eof ? MYSQL_FIT_NO : fit;
}

bool mysql_joined_begins(const struct px_parse_ctx *ctx, struct px_bytes in, bool is_request,
			 struct px_parse_result *res)
{
	struct mysql_state *st = ctx->state;
	struct mysql_dir *d = &st->dir[ctx->dir];
	const struct mysql_pending *p = is_request ? NULL : joined_first(ctx);
	bool begins_here = is_request ? d->is_aligned : st->is_in_step;
	enum mysql_fit fit;

	if (!is_request && !p) { /* the rest of an answer whose command was not seen */
		mysql_joined_doubt(st);
		*res = px_parse_skip(in.len);
		return false;
	}
	if (!is_request && !begins_here && p->has_answer_pos) {
		uint64_t ahead = p->answer_pos > ctx->pos ? p->answer_pos - ctx->pos : 0;

		*res = px_parse_skip(ahead < in.len ? (size_t)ahead : in.len);
		if (ahead > 0) {
			mysql_joined_doubt(st);
			return false;
		}
		begins_here = true;
	}
	if (begins_here && joined_knows_zip(st))
		return true;
	fit = joined_zip(ctx, in, is_request);
	if (fit == MYSQL_FIT_NO && !st->is_zip && !begins_here) {
		fit = is_request ? mysql_fit_request(in) : mysql_fit_reply(in);
		if (is_request && mysql_fit_login(in) > fit)
			fit = mysql_fit_login(in);
	}
	if (fit == MYSQL_FIT_SHORT && !ctx->eof) {
		*res = px_parse_more(in.len + 1);
		return false;
	}
	if (fit < MYSQL_FIT_WEAK && !begins_here) {
		*res = px_parse_bad(is_request ? "no command begins here"
					       : "no answer begins here");
		return false;
	}
	d->is_aligned |= is_request;
	return true;
}
