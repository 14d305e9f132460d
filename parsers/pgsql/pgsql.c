/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL's protocol: which direction is whose, what a loss takes with it. */
#include "pgsql/pgsql.h"

#include "pgsql/message.h"

#include <stdlib.h>

#define MAX_FRAME (1u << 18) /* more than PGSQL_WHOLE_MAX and any start-up packet */

/* Whose messages these are: YES when that is known now, NO when they are nobody's. */
static enum px_sure pgsql_side(const struct px_parse_ctx *ctx, struct px_bytes in)
{
	struct pgsql_state *st = ctx->state;
	enum px_sure client = pgsql_probe(in, true), server = pgsql_probe(in, false);
	bool is_client = client == PX_SURE_YES;

	if (client != PX_SURE_YES && server != PX_SURE_YES)
		return client > server ? client : server;
	if (client == server && ctx->role != PX_ROLE_UNKNOWN)
		is_client = (ctx->role == PX_ROLE_CLIENT) == (ctx->dir == PX_DIR_OUT);
	st->client_dir = (uint8_t)(1 + (is_client ? ctx->dir : px_dir_other(ctx->dir)));
	return PX_SURE_YES;
}

/* Behind a loss: was it in this direction? What was remembered may have changed in it. */
static void pgsql_check(const struct px_parse_ctx *ctx)
{
	struct pgsql_state *st = ctx->state;
	struct pgsql_dir *d = &st->dir[ctx->dir];

	d->must_check = false;
	if (ctx->pos == d->pos)
		return;
	d->left = 0;
	d->is_probing = true;
	if (st->client_dir == 1 + ctx->dir)
		pgsql_stmts_clear(st);
}

static struct px_parse_result pgsql_parse(const struct px_parse_ctx *ctx, struct px_bytes in,
					  struct px_frame *out)
{
	struct pgsql_state *st = ctx->state;
	struct pgsql_dir *d = &st->dir[ctx->dir];
	struct px_parse_result res;

	st->is_joined |= ctx->mid_stream;
	if (st->client_dir == 0 && in.len == 0)
		return px_parse_more(1);
	if (st->client_dir == 0) {
		enum px_sure sure = pgsql_side(ctx, in);

		if (sure == PX_SURE_MAYBE && !ctx->eof && in.len <= PGSQL_WHOLE_MAX)
			return px_parse_more(in.len + 1);
		if (sure != PX_SURE_YES)
			return px_parse_bad("nobody's messages");
	}
	if (d->must_check)
		pgsql_check(ctx);
	if (ctx->mid_stream && !d->has_begun)
		d->is_probing = true;
	d->has_begun = true;
	if (d->is_probing && in.len > 0) {
		enum px_sure sure = pgsql_probe(in, st->client_dir == 1 + ctx->dir);

		if (sure == PX_SURE_NO || (sure == PX_SURE_MAYBE && in.len > PGSQL_WHOLE_MAX))
			return px_parse_bad("no message begins here");
		if (sure == PX_SURE_MAYBE)
			return ctx->eof ? px_parse_bad("the connection ends inside a message")
					: px_parse_more(in.len + 1);
		d->is_probing = false;
	}
	res = st->client_dir == 1 + ctx->dir ? pgsql_request_parse(ctx, in, out)
					     : pgsql_response_parse(ctx, in, out);
	d->pos = ctx->pos;
	if (res.status == PX_PARSE_FRAME || res.status == PX_PARSE_SKIP)
		d->pos += res.consumed + res.discard;
	return res;
}

static uint64_t pgsql_hole(const struct px_parse_ctx *ctx, uint64_t n, bool is_cut,
			   struct px_frame *out)
{
	struct pgsql_state *st = ctx->state;
	struct pgsql_dir *d = &st->dir[ctx->dir];
	struct pgsql_raw *raw = st->client_dir == 1 + ctx->dir
					? &((struct pgsql_request *)out->msg)->raw
					: &((struct pgsql_response *)out->msg)->raw;

	if (n > d->left)
		n = d->left;
	if (n == 0)
		return 0;
	d->left -= n;
	d->pos += n;
	d->is_kept = false;
	raw->is_cut = true;
	out->flags |= is_cut ? PX_FLAG_TRUNCATED : PX_FLAG_GAP;
	return n;
}

/* The counts of requests go on, and so do statements unless the client's direction lost bytes. */
static void pgsql_reset(void *state)
{
	struct pgsql_state *st = state;

	st->owed_first = st->owed_count = 0;
	st->generation++;
	st->is_joined = true;
	st->is_begun = true;
	st->is_starting = st->awaits_ssl = st->awaits_gss = false;
	st->in_batch = st->answers_batch = st->has_failed = false;
	st->query_left = st->query_from = 0;
	st->parsed = st->parses;
	st->is_copying = false;
	st->dir[0].must_check = st->dir[1].must_check = true;
}

static void pgsql_state_fini(void *state)
{
	struct pgsql_state *st = state;

	pgsql_stmts_free(st);
	free(st->owed);
}

const struct px_parser px_parser_pgsql = {
	.name = "pgsql",
	.spec = "PostgreSQL frontend/backend protocol 3.0 and 3.2",
	.fields = pgsql_fields,
	.state_size = sizeof(struct pgsql_state),
	.max_frame = MAX_FRAME,
	.match = PX_MATCH_IN_ORDER,
	.infer = pgsql_infer,
	.parse = pgsql_parse,
	.describe = pgsql_describe,
	.kind = pgsql_kind,
	.hole = pgsql_hole,
	.resync = pgsql_resync,
	.reset = pgsql_reset,
	.state_fini = pgsql_state_fini,
	.mask = pgsql_mask,
};
