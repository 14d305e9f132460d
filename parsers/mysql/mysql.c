/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MySQL and MariaDB, client/server protocol: the connection, its two directions, and what is left of
 * them behind a loss.
 */
#include "mysql/mysql.h"

#include "mysql/message.h"

#include <stdlib.h>

#define MAX_FRAME (1 << 17)	/* bytes that may wait for the rest of a packet that has to be whole */

#define SIDE_BYTES (MYSQL_HEADER + 1)	/* that are looked at to tell the sides */

/*
 * Whose direction is this, where the role does not tell? Number 0: a command, or a greeting or an
 * error in its place. Number 1: an answer, or a login, which is longer than a number of columns and
 * whose capabilities do not look like OK, ERR or a file's name.
 */
static enum px_frame_kind mysql_side(struct px_bytes in)
{
	uint32_t len = mysql_le24(in.ptr);
	unsigned int first = (unsigned char)in.ptr[MYSQL_HEADER];

	switch (in.ptr[3]) {
	case 0:
		return first == 0xff || (first == 10 && len > 32) ? PX_FRAME_RESPONSE :
								    PX_FRAME_REQUEST;
	case 1:
		return len >= 32 && first != 0 && first < 0xfb ? PX_FRAME_REQUEST :
								 PX_FRAME_RESPONSE;
	case 2:
		return len >= 32 ? PX_FRAME_REQUEST : (enum px_frame_kind)0;
	default:
		return (enum px_frame_kind)0;
	}
}

/* False: nobody knows yet. */
static bool mysql_know_sides(const struct px_parse_ctx *ctx, struct px_bytes in)
{
	struct mysql_state *st = ctx->state;
	enum px_frame_kind kind = (enum px_frame_kind)0;

	if (st->request_dir)
		return true;
	if (ctx->role != PX_ROLE_UNKNOWN)
		st->request_dir = (uint8_t)(1 + px_role_request_dir(ctx->role));
	else if (in.len >= SIDE_BYTES)
		kind = mysql_side(in);
	if (kind == PX_FRAME_REQUEST)
		st->request_dir = (uint8_t)(1 + ctx->dir);
	else if (kind == PX_FRAME_RESPONSE)
		st->request_dir = (uint8_t)(1 + px_dir_other(ctx->dir));
	return st->request_dir != 0;
}

static struct px_parse_result mysql_parse(const struct px_parse_ctx *ctx, struct px_bytes in,
					  struct px_frame *out)
{
	struct mysql_state *st = ctx->state;
	struct mysql_dir *d = &st->dir[ctx->dir];
	struct px_parse_result res;
	bool is_request;

	st->is_joined |= ctx->mid_stream;
	if (!mysql_know_sides(ctx, in)) {
		if (in.len == 0)
			return px_parse_more(1);
		return ctx->eof || in.len >= SIDE_BYTES ? px_parse_bad("neither side's bytes") :
							  px_parse_more(SIDE_BYTES);
	}
	if (!d->has_begun) {
		d->is_aligned = !ctx->mid_stream;
	} else if (ctx->pos != d->expect_pos) {
		d->is_aligned = false;
		mysql_zip_reset(d->zip);
	}
	is_request = st->request_dir == 1 + (int)ctx->dir;
	if (!st->is_joined || out->msg || in.len == 0 || mysql_zip_is_inside(d->zip) ||
	    mysql_joined_begins(ctx, in, is_request, &res))
		res = st->is_zip ? mysql_zip_parse(ctx, in, out) :
		      is_request ? mysql_request_parse(ctx, in, out) :
				   mysql_reply_parse(ctx, in, out);
	d->has_begun = true;
	d->expect_pos = ctx->pos;
	if (res.status == PX_PARSE_FRAME || res.status == PX_PARSE_SKIP)
		d->expect_pos += res.consumed + res.discard;
	if (res.status == PX_PARSE_FRAME && !is_request) {
		st->reply_end = st->last_end = d->expect_pos;
		st->has_reply_end = st->has_last_end = true;
	}
	return res;
}

/* Bytes inside a payload that nobody looks at, or that are not kept, may be missing. */
static uint64_t mysql_hole(const struct px_parse_ctx *ctx, uint64_t n, bool is_cut,
			   struct px_frame *out)
{
	struct mysql_state *st = ctx->state;
	struct mysql_msg *m = out->msg;
	uint64_t taken;

	if (!m || m->is_zip || m->left == 0 || m->command == MYSQL_COM_LOGIN ||
	    (m->is_reply && m->rep.phase == MYSQL_IN_AUTH))
		return 0;
	taken = n < m->left ? n : m->left;
	m->left -= (uint32_t)taken;
	m->total += taken;
	m->has_hole = m->is_cut = true;
	if (!m->is_reply || !is_cut)
		out->flags |= is_cut ? PX_FLAG_TRUNCATED : PX_FLAG_GAP;
	st->dir[ctx->dir].expect_pos = ctx->pos + taken;
	return taken;
}

/*
 * What was under way is lost, and so may be messages that changed what we know: a statement's types,
 * long data. What stays is what cannot change on a connection.
 */
static void mysql_reset(void *state)
{
	struct mysql_state *st = state;

	mysql_pending_clear(st);
	mysql_stmt_settle(st, false);
	mysql_stmt_doubt(st);
	st->is_joined = true;
	st->is_in_step = st->has_reply_end = st->has_last_end = false;
	st->waits = 0;
	st->is_auth = st->is_infile = st->has_last = false;
	if (!st->has_caps)
		st->is_zip = st->has_parsed = false; /* what was thought may have been the fault */
}

static void mysql_state_fini(void *state)
{
	struct mysql_state *st = state;

	mysql_pending_clear(st);
	mysql_stmt_clear(st);
	mysql_zip_free(st->dir[0].zip);
	mysql_zip_free(st->dir[1].zip);
}

const struct px_parser px_parser_mysql = {
	.name = "mysql",
	.spec = "MySQL 8 and MariaDB 11 client/server protocol, with MariaDB's extensions",
	.fields = mysql_fields,
	.state_size = sizeof(struct mysql_state),
	.max_frame = MAX_FRAME,
	.match = PX_MATCH_IN_ORDER,
	.infer = mysql_infer,
	.parse = mysql_parse,
	.describe = mysql_describe,
	.kind = mysql_kind,
	.hole = mysql_hole,
	.resync = mysql_resync,
	.reset = mysql_reset,
	.state_fini = mysql_state_fini,
	.mask = mysql_mask,
};
