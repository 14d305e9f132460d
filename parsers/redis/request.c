/* SPDX-License-Identifier: Apache-2.0 */
/* Commands: what they do to the connection, and whether an answer will come. */
#include "redis/message.h"

/* --- what it means --- */

static bool special_add(struct redis_state *st, uint8_t what, uint32_t n, uint64_t number)
{
	struct redis_special *last;

	if (st->special_count > 0) {
		last = &st->specials[(st->special_first + st->special_count - 1u) % REDIS_SPECIALS];
		if (last->what == what && last->n == n && last->first + last->count == number) {
			last->count++;
			return true;
		}
	}
	if (st->special_count == REDIS_SPECIALS)
		return false;
	st->specials[(st->special_first + st->special_count++) % REDIS_SPECIALS] =
		(struct redis_special){ .first = number, .count = 1, .n = n, .what = what };
	return true;
}

static uint32_t command_db(const struct redis_msg *m)
{
	struct px_bytes arg = redis_arg(m, 1);
	uint32_t n = 0;

	if (m->argc != 2 || arg.len == 0 || arg.len > 9)
		return REDIS_NO_DB;
	for (size_t i = 0; i < arg.len; i++) {
		if (arg.ptr[i] < '0' || arg.ptr[i] > '9')
			return REDIS_NO_DB;
		n = n * 10 + (uint32_t)(arg.ptr[i] - '0');
	}
	return n;
}

/* The number of the database that a command will meet, -1 if an earlier one may still change it. */
static int64_t command_db_now(const struct redis_state *st)
{
	for (unsigned int i = 0; i < st->special_count; i++) {
		uint8_t what = st->specials[(st->special_first + i) % REDIS_SPECIALS].what;

		if (what == REDIS_SELECT || what == REDIS_EXEC || what == REDIS_RESET)
			return -1;
	}
	return st->db;
}

/* Its name is there: it could be shown. */
static void command_named(struct redis_state *st, struct redis_msg *m, struct px_frame *out)
{
	m->cmd = redis_command_find(redis_arg(m, 0));
	if (m->is_stream || st->reply_off || st->skip_next) {
		out->kind = PX_FRAME_ONE_WAY;
		return;
	}
	out->kind = PX_FRAME_REQUEST;
	out->key = st->requests++;
}

/* No answer will come, as its arguments say. */
static void command_is_one_way(struct redis_state *st, struct px_frame *out)
{
	if (out->kind == PX_FRAME_REQUEST)
		st->requests--;
	out->kind = PX_FRAME_ONE_WAY;
}

/* CLIENT REPLY ON|OFF|SKIP: ON has an answer whatever came before it, the others have none. */
static void command_client(struct redis_state *st, const struct redis_msg *m, struct px_frame *out)
{
	struct px_bytes how = redis_arg(m, 2);

	if (m->argc != 3 || st->in_multi || m->is_stream ||
	    !px_bytes_caseeq(redis_arg(m, 1), PX_BYTES("REPLY")))
		return;
	if (px_bytes_caseeq(how, PX_BYTES("ON"))) {
		if (out->kind == PX_FRAME_ONE_WAY)
			out->key = st->requests++;
		out->kind = PX_FRAME_REQUEST;
		st->reply_off = false;
	} else if (px_bytes_caseeq(how, PX_BYTES("OFF"))) {
		st->reply_off = true;
		command_is_one_way(st, out);
	} else if (px_bytes_caseeq(how, PX_BYTES("SKIP"))) {
		st->skip_next = !st->reply_off;
		command_is_one_way(st, out);
	}
}

/* What it does to the connection. False: more is under way than we can follow. */
static bool command_finish(struct redis_state *st, struct redis_msg *m, struct px_frame *out)
{
	uint8_t what = m->cmd ? m->cmd->what : REDIS_PLAIN;
	uint32_t n = 0;

	m->db = command_db_now(st);
	st->skip_next = false;
	st->hides_strays |= redis_answer_has_secrets(m);
	switch (what) {
	case REDIS_CLIENT:
		command_client(st, m, out);
		return true;
	case REDIS_REPLCONF:
		if (px_bytes_caseeq(redis_arg(m, 1), PX_BYTES("ACK"))) {
			command_is_one_way(st, out);
			st->is_stream |= st->is_joined && !m->is_stream;
		}
		return true;
	case REDIS_MULTI:
		st->in_multi = true;
		return true;
	case REDIS_SELECT:
		n = command_db(m);
		if (out->kind == PX_FRAME_ONE_WAY) {
			st->db = m->is_stream && n != REDIS_NO_DB ? (int32_t)n : -1;
			return true;
		}
		st->selects = true;
		break;
	case REDIS_EXEC:
	case REDIS_DISCARD:
		st->in_multi = false;
		if (!st->selects || out->kind == PX_FRAME_ONE_WAY)
			return true;
		st->selects = false;
		break;
	case REDIS_RESET:
		st->in_multi = st->selects = false;
		break;
	case REDIS_SUBSCRIBE:
	case REDIS_PSUBSCRIBE:
	case REDIS_SSUBSCRIBE:
	case REDIS_UNSUBSCRIBE:
	case REDIS_PUNSUBSCRIBE:
	case REDIS_SUNSUBSCRIBE:
		n = m->argc <= UINT32_MAX ? (uint32_t)(m->argc - 1) : 0;
		break;
	case REDIS_MONITOR:
	case REDIS_SYNC:
	case REDIS_PSYNC:
		break;
	default:
		return true;
	}
	return out->kind != PX_FRAME_REQUEST || special_add(st, what, n, out->key);
}

/* --- its bytes --- */

static struct px_parse_result redis_command_done(struct redis_state *st, struct px_frame *out,
						 size_t pos)
{
	if (!command_finish(st, out->msg, out))
		return redis_bad(out, "more subscriptions at once than can be followed");
	return px_parse_frame(pos);
}

/* A command as a line. What was not seen from its beginning has to be one that we know. */
static struct px_parse_result redis_inline(const struct px_parse_ctx *ctx, struct redis_state *st,
					   struct px_bytes in, struct px_frame *out)
{
	uint32_t *scanned = &st->scanned[ctx->dir];
	size_t nl = px_bytes_find(in, *scanned, '\n'), len, name;
	struct redis_view v = { .in = in };
	struct redis_msg *m;

	if ((unsigned char)in.ptr[0] <= ' ' || (unsigned char)in.ptr[0] >= 0x7f)
		return px_parse_bad("no command");
	if (nl == in.len) {
		if (in.len > REDIS_INLINE_MAX)
			return px_parse_bad("a line without end");
		if (ctx->eof)
			return px_parse_bad("the end, in the middle of a line");
		*scanned = (uint32_t)in.len;
		return px_parse_more(in.len + 1);
	}
	*scanned = 0;
	len = nl > 0 && in.ptr[nl - 1] == '\r' ? nl - 1 : nl;
	if (len > REDIS_INLINE_MAX)
		return px_parse_bad("a line without end");
	for (name = 0; name < len && in.ptr[name] > ' ';)
		name++;
	if (name > REDIS_NAME_MAX ||
	    (st->is_joined && !redis_command_find(px_bytes_sub(in, 0, name))))
		return px_parse_bad("no command");
	m = redis_msg_new(ctx, out);
	if (!m)
		return px_parse_bad("out of memory");
	m->is_inline = true;
	v.pos = nl + 1;
	redis_keep(m, &v, &out->arena);
	redis_read_words(m, px_bytes_sub(in, 0, len), &out->arena);
	command_named(st, m, out);
	return redis_command_done(st, out, nl + 1);
}

/* The rest of a command, or all of it; v stands behind what has been read of it. */
static struct px_parse_result command_go_on(const struct px_parse_ctx *ctx, struct redis_state *st,
					    struct redis_view *v, struct px_frame *out)
{
	struct redis_msg *m = out->msg;
	uint64_t discard = 0;
	const char *why = NULL;
	enum redis_result result = redis_read_command(m, v, &out->arena, &discard, &why);

	redis_keep(m, v, &out->arena);
	if (m->args_seen > 0 && !out->kind)
		command_named(st, m, out);
	if (result == REDIS_WRONG)
		return redis_bad(out, why);
	if (result == REDIS_SHORT)
		return redis_wait(ctx, v->in, out, v->pos, discard);
	return redis_command_done(st, out, v->pos);
}

struct px_parse_result redis_command(const struct px_parse_ctx *ctx, struct redis_state *st,
				     struct px_bytes in, struct px_frame *out, bool is_stream)
{
	struct redis_view v = { .in = in };
	struct redis_msg *m = out->msg;
	size_t blank = 0;
	int64_t argc;
	int n;

	if (m)
		return ctx->pos < m->resume_at ? redis_wait(ctx, in, out, 0, 0)
					       : command_go_on(ctx, st, &v, out);
	while (blank < in.len && (in.ptr[blank] == '\r' || in.ptr[blank] == '\n'))
		blank++;
	if (blank > 0)
		return px_parse_skip(blank);
	if (in.len == 0)
		return px_parse_more(1);
	if (in.ptr[0] != '*')
		return is_stream ? px_parse_bad("no command of a master")
				 : redis_inline(ctx, st, in, out);
	n = redis_number(in.ptr + 1, in.ptr + in.len, &argc);
	if (n < 0 || (n > 0 && argc > REDIS_COUNT_MAX))
		return px_parse_bad("no command");
	if (n == 0)
		return ctx->eof ? px_parse_bad("the end, in the middle of a line")
				: px_parse_more(in.len + 1);
	if (argc <= 0)
		return px_parse_skip((size_t)n + 1); /* the server takes no notice of it either */
	m = redis_msg_new(ctx, out);
	if (!m)
		return px_parse_bad("out of memory");
	m->argc = argc;
	m->is_stream = is_stream;
	v.pos = (size_t)n + 1;
	return command_go_on(ctx, st, &v, out);
}
