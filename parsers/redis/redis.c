/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which answer belongs to which command. Answers come in the order of the commands, one each, but for those of SUBSCRIBE
 * and its like (one for each channel), those that a client declined (CLIENT REPLY), and what a server sends by itself:
 * messages of a channel, invalidations, what MONITOR shows, and the commands that a master passes on to its replicas.
 */
#include "redis/redis.h"

#include "redis/message.h"

#define MAX_FRAME (1 << 17) /* bytes that may wait for the end of a line */
#define LOOK_WAIT                                                                                  \
	(1                                                                                         \
	 << 16) /* bytes after which the other direction is not waited for to tell what this one is */
#define ALL_CHANNELS UINT32_MAX /* answers of an UNSUBSCRIBE whose number nobody knows */
#define NO_DB UINT32_MAX /* of a SELECT whose argument is no number */

/* What confirms that a channel was taken, or given up, begins with its type and this. */
static const struct px_bytes confirmations[] = {
	[REDIS_SUBSCRIBE] = PX_BYTES("3\r\n$9\r\nsubscribe\r\n"),
	[REDIS_PSUBSCRIBE] = PX_BYTES("3\r\n$10\r\npsubscribe\r\n"),
	[REDIS_SSUBSCRIBE] = PX_BYTES("3\r\n$10\r\nssubscribe\r\n"),
	[REDIS_UNSUBSCRIBE] = PX_BYTES("3\r\n$11\r\nunsubscribe\r\n"),
	[REDIS_PUNSUBSCRIBE] = PX_BYTES("3\r\n$12\r\npunsubscribe\r\n"),
	[REDIS_SUNSUBSCRIBE] = PX_BYTES("3\r\n$12\r\nsunsubscribe\r\n"),
};

static bool redis_is_subscribed(const struct redis_state *st)
{
	return st->subscribed[0] || st->subscribed[1] || st->subscribed[2];
}

/* --- commands whose answers are special --- */

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

/* That of the command with this number, or NULL. Those before it are forgotten. */
static const struct redis_special *special_find(struct redis_state *st, uint64_t number)
{
	while (st->special_count > 0) {
		const struct redis_special *first = &st->specials[st->special_first];

		if (number < first->first)
			return NULL;
		if (number - first->first < first->count)
			return first;
		st->special_first = (uint8_t)((st->special_first + 1u) % REDIS_SPECIALS);
		st->special_count--;
	}
	return NULL;
}

/* Of the command that the next answer belongs to. */
static const struct redis_special *special_next(struct redis_state *st)
{
	return st->answered < st->requests ? special_find(st, st->answered) : NULL;
}

/* --- a command is complete --- */

static uint32_t command_db(const struct redis_msg *m)
{
	struct px_bytes arg = redis_arg(m, 1);
	uint32_t n = 0;

	if (m->argc != 2 || arg.len == 0 || arg.len > 9)
		return NO_DB;
	for (size_t i = 0; i < arg.len; i++) {
		if (arg.ptr[i] < '0' || arg.ptr[i] > '9')
			return NO_DB;
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
			st->db = m->is_stream && n != NO_DB ? (int32_t)n : -1;
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

/* --- commands --- */

static struct redis_msg *redis_msg_new(const struct px_parse_ctx *ctx, struct px_frame *out)
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

/* Nothing more to be had from this view. */
static struct px_parse_result redis_wait(const struct px_parse_ctx *ctx, struct px_bytes in,
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

/* What breaks off like this is not shown: nobody knows what it would have been. */
static struct px_parse_result redis_bad(struct px_frame *out, const char *why)
{
	out->kind = (enum px_frame_kind)0;
	return px_parse_bad(why);
}

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

static struct px_parse_result redis_command(const struct px_parse_ctx *ctx, struct redis_state *st,
					    struct px_bytes in, struct px_frame *out,
					    bool is_stream)
{
	struct redis_view v = { .in = in };
	struct redis_msg *m = out->msg;
	enum redis_result result;
	uint64_t discard = 0;
	const char *why = NULL;

	if (!m) {
		size_t blank = 0;
		int64_t argc;
		int n;

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
			return px_parse_skip((size_t)n +
					     1); /* the server takes no notice of it either */
		m = redis_msg_new(ctx, out);
		if (!m)
			return px_parse_bad("out of memory");
		m->argc = argc;
		m->is_stream = is_stream;
		v.pos = (size_t)n + 1;
	} else if (ctx->pos < m->resume_at) {
		return redis_wait(ctx, in, out, 0, 0);
	}
	result = redis_read_command(m, &v, &out->arena, &discard, &why);
	redis_keep(m, &v, &out->arena);
	if (m->args_seen > 0 && !out->kind)
		command_named(st, m, out);
	if (result == REDIS_WRONG)
		return redis_bad(out, why);
	if (result == REDIS_SHORT)
		return redis_wait(ctx, in, out, v.pos, discard);
	return redis_command_done(st, out, v.pos);
}

/* --- answers --- */

/* It is an answer, to the next command under way, if there is one. */
static void answer_count(struct redis_state *st, struct redis_msg *m, struct px_frame *out)
{
	if (m->is_decided)
		return;
	m->is_decided = true;
	m->db = st->db;
	out->kind = PX_FRAME_RESPONSE;
	out->key = st->responses++;
	st->answered += st->answered < st->requests;
}

static bool answer_is(const struct redis_msg *m, struct px_bytes text)
{
	return px_bytes_starts(px_bytes_sub(px_bytes_of(m->raw, m->raw_len), m->value_at, SIZE_MAX),
			       text);
}

/* +1339518083.107412 [0 127.0.0.1:60866] "keys" "*" */
static bool answer_is_monitored(const struct redis_msg *m)
{
	struct px_bytes line = px_bytes_sub(px_bytes_of(m->raw, m->raw_len), m->value_at, 32);
	size_t dot = px_bytes_find(line, 0, '.');

	if (m->type != '+' || dot < 2 || line.len < dot + 10 ||
	    memcmp(line.ptr + dot + 7, " [", 2) != 0)
		return false;
	for (size_t i = 1; i < dot + 7; i++)
		if (i != dot && (line.ptr[i] < '0' || line.ptr[i] > '9'))
			return false;
	return true;
}

static struct redis_walk answer_walk(const struct redis_msg *m)
{
	return (struct redis_walk){ px_bytes_of(m->raw, m->raw_len), m->value_at };
}

/* Sent by the server's own accord? */
static bool answer_is_pushed(struct redis_state *st, const struct redis_msg *m,
			     const struct redis_special *special)
{
	struct redis_value word, channel;
	bool is_idle = st->is_joined && st->answered >= st->requests, is_message;

	if (m->type == '>')
		return true;
	if (m->type == '+')
		return (st->is_monitor || is_idle) && answer_is_monitored(m);
	if (m->type != '*' || (m->len != 3 && m->len != 4) ||
	    !(redis_is_subscribed(st) || st->may_push || is_idle ||
	      (special && special->what <= REDIS_SUNSUBSCRIBE)))
		return false;
	if (!redis_element(answer_walk(m), 0, &word) ||
	    !redis_element(answer_walk(m), 1, &channel) || word.type != '$' ||
	    channel.type != '$' || channel.is_null)
		return false;
	is_message = m->len == 4 ? px_bytes_eq(word.text, PX_BYTES("pmessage"))
				 : px_bytes_eq(word.text, PX_BYTES("message")) ||
					   px_bytes_eq(word.text, PX_BYTES("smessage"));
	st->may_push |= is_message;
	return is_message;
}

/* Count one of the answers of a (un)subscription. Returns whether more are to come. */
static bool answer_confirm(struct redis_state *st, struct redis_msg *m,
			   const struct redis_special *special)
{
	size_t kind = (special->what - REDIS_SUBSCRIBE) % 3u;
	uint32_t *mine = &st->subscribed[kind];
	uint32_t total = kind == 2 ? *mine : st->subscribed[0] + st->subscribed[1];
	struct redis_value v;
	int64_t now = total;

	if (redis_element(answer_walk(m), 2, &v) && v.type == ':' && v.text.len < 10) {
		now = 0;
		for (size_t i = 0; i < v.text.len; i++)
			now = now * 10 + (v.text.ptr[i] - '0');
	} else if (m->is_cut) { /* not kept, of so many */
		now += special->what <= REDIS_SSUBSCRIBE ? 1 : -(now > 0);
	}
	if (m->values++ == 0) {
		m->expected = special->n;
		if (m->expected == 0) /* all of them, or one answer if there are none */
			m->expected = st->is_joined ? ALL_CHANNELS : *mine ? *mine : 1;
	}
	if (now > total)
		*mine += (uint32_t)(now - total);
	else if (now < total)
		*mine -= total - now < *mine ? (uint32_t)(total - now) : *mine;
	if (now == 0 && kind < 2)
		st->subscribed[0] = st->subscribed[1] = 0;
	return m->values < m->expected && !(m->expected == ALL_CHANNELS && now == 0);
}

/* What the answer to a command that means something to us means. */
static void answer_apply(struct redis_state *st, const struct redis_msg *m,
			 const struct redis_special *special)
{
	switch (special->what) {
	case REDIS_SELECT:
		if (answer_is(m, PX_BYTES("+OK\r\n")) && special->n != NO_DB)
			st->db = (int32_t)special->n;
		else if (answer_is(m, PX_BYTES("+QUEUED\r\n")))
			st->queued_db = special->n != NO_DB ? (int32_t)special->n : -1;
		break;
	case REDIS_EXEC:
		if (m->type == '*' && !m->is_null && st->queued_db >= 0)
			st->db = st->queued_db;
		st->queued_db = -1;
		break;
	case REDIS_DISCARD:
		st->queued_db = -1;
		break;
	case REDIS_MONITOR:
		st->is_monitor |= answer_is(m, PX_BYTES("+OK\r\n"));
		break;
	case REDIS_RESET:
		if (!answer_is(m, PX_BYTES("+RESET\r\n")))
			break;
		memset(st->subscribed, 0, sizeof(st->subscribed));
		st->is_monitor = st->may_push = false;
		st->db = 0;
		st->queued_db = -1;
		break;
	case REDIS_PSYNC:
		st->is_stream |= answer_is(m, PX_BYTES("+CONTINUE"));
		break;
	default:
		break;
	}
}

enum answer_next { ANSWER_DONE, ANSWER_GOES_ON, ANSWER_SNAPSHOT };

/* A value is complete: what is it? */
static enum answer_next answer_value(struct redis_state *st, struct redis_msg *m,
				     struct px_frame *out)
{
	const struct redis_special *special = special_next(st);
	struct redis_special what = { 0 };

	if (m->is_decided && !m->values) {
		/* Large, so that its kind was settled on the way; nothing that means anything is. */
		return ANSWER_DONE;
	}
	if (m->values) {
		what.what = m->what; /* n was read at the first */
		return answer_confirm(st, m, &what) ? ANSWER_GOES_ON : ANSWER_DONE;
	}
	if (special && special->what <= REDIS_SUNSUBSCRIBE && (m->type == '*' || m->type == '>') &&
	    px_bytes_starts(px_bytes_sub(px_bytes_of(m->raw, m->raw_len), m->value_at + 1,
					 SIZE_MAX),
			    confirmations[special->what])) {
		what = *special;
		m->what = what.what;
		answer_count(st, m, out);
		return answer_confirm(st, m, &what) ? ANSWER_GOES_ON : ANSWER_DONE;
	}
	if (answer_is_pushed(st, m, special)) {
		out->kind = PX_FRAME_ONE_WAY;
		m->db = -1;
		return ANSWER_DONE;
	}
	if (special)
		what = *special;
	answer_count(st, m, out);
	if (what.what == REDIS_PSYNC && answer_is(m, PX_BYTES("+FULLRESYNC"))) {
		m->phase = REDIS_AT_RDB;
		return ANSWER_SNAPSHOT;
	}
	answer_apply(st, m, &what);
	return ANSWER_DONE;
}

/* Does the next answer confirm one more channel? */
static enum px_sure answer_goes_on(const struct redis_msg *m, struct px_bytes rest)
{
	struct px_bytes wanted = confirmations[m->what], here;

	if (rest.len == 0)
		return PX_SURE_MAYBE;
	here = px_bytes_sub(rest, 1, wanted.len);
	if (rest.ptr[0] != m->type || !px_bytes_starts(wanted, here))
		return PX_SURE_NO;
	return here.len == wanted.len ? PX_SURE_YES : PX_SURE_MAYBE;
}

static struct px_parse_result redis_snapshot(const struct px_parse_ctx *ctx, struct redis_state *st,
					     struct redis_view *v, struct px_frame *out)
{
	struct redis_msg *m = out->msg;
	uint64_t discard = 0;
	const char *why = NULL;
	enum redis_result result;

	if (ctx->pos < m->resume_at)
		return redis_wait(ctx, v->in, out, 0, 0);
	result = redis_read_snapshot(m, v, &out->arena, &discard, &why);
	if (result == REDIS_WRONG)
		return redis_bad(out, why);
	if (result == REDIS_SHORT)
		return redis_wait(ctx, v->in, out, v->pos, discard);
	st->is_stream = true;
	return px_parse_frame(v->pos);
}

/* The kind of a message that is not complete yet, if nothing of it can change that. */
static void answer_guess(struct redis_state *st, struct redis_msg *m, struct px_frame *out,
			 bool eof)
{
	bool may_push = m->type == '>' || m->type == '+' || m->type == '*';

	if (m->type && !m->is_decided && (eof || (!may_push && m->raw_len > REDIS_LINE_MAX)) &&
	    !special_next(st))
		answer_count(st, m, out);
}

static struct px_parse_result redis_answer(const struct px_parse_ctx *ctx, struct redis_state *st,
					   struct px_bytes in, struct px_frame *out)
{
	struct redis_view v = { .in = in };
	struct redis_msg *m = out->msg;

	if (!m) {
		const struct redis_special *special = special_next(st);
		bool syncs =
			special && (special->what == REDIS_SYNC || special->what == REDIS_PSYNC);

		if (st->is_stream)
			return redis_command(ctx, st, in, out, true);
		if (in.len == 0)
			return px_parse_more(1);
		if (syncs && in.ptr[0] == '\n')
			return px_parse_skip(1); /* a snapshot is being made */
		m = redis_msg_new(ctx, out);
		if (!m)
			return px_parse_bad("out of memory");
		if (syncs && special->what == REDIS_SYNC && in.ptr[0] == '$') {
			m->type = '$';
			answer_count(st, m, out);
			m->phase = REDIS_AT_RDB;
		}
	} else if (m->is_stream) {
		return redis_command(ctx, st, in, out, true);
	}
	if (m->phase >= REDIS_AT_RDB)
		return redis_snapshot(ctx, st, &v, out);
	if (ctx->pos < m->resume_at) {
		answer_guess(st, m, out, ctx->eof);
		return redis_wait(ctx, in, out, 0, 0);
	}
	for (;;) {
		enum redis_result result;
		uint64_t discard = 0;
		const char *why = NULL;

		if (m->values && m->phase == REDIS_AT_VALUE && m->depth == 0) {
			enum px_sure sure = answer_goes_on(m, px_bytes_sub(in, v.pos, SIZE_MAX));

			if (sure == PX_SURE_NO || (sure == PX_SURE_MAYBE && ctx->eof))
				return px_parse_frame(v.pos);
			if (sure == PX_SURE_MAYBE)
				return redis_wait(ctx, in, out, v.pos, 0);
		}
		result = redis_read_value(m, &v, &out->arena, &discard, &why);
		redis_keep(m, &v, &out->arena);
		if (result == REDIS_WRONG)
			return redis_bad(out, why);
		if (result == REDIS_SHORT) {
			answer_guess(st, m, out, ctx->eof);
			return redis_wait(ctx, in, out, v.pos, discard);
		}
		switch (answer_value(st, m, out)) {
		case ANSWER_DONE:
			return px_parse_frame(v.pos);
		case ANSWER_SNAPSHOT:
			return redis_snapshot(ctx, st, &v, out);
		case ANSWER_GOES_ON:
			break;
		}
	}
}

/* --- the connection --- */

/*
 * Do commands come in this direction? The role says. Without one, what both directions begin with: that of an answer is
 * certain mostly, but an array may be either, a list that begins with "info", say. MAYBE: let the other direction begin.
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

	if (!st->is_begun) {
		st->is_begun = true;
		st->is_joined |= ctx->mid_stream;
		st->db = st->is_joined ? -1 : 0;
		st->queued_db = -1;
	}
	switch (redis_asks(ctx, st, in)) {
	case PX_SURE_YES:
		return redis_command(ctx, st, in, out, false);
	case PX_SURE_NO:
		return redis_answer(ctx, st, in, out);
	default:
		return px_parse_more(in.len + 1);
	}
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
			m->is_full |=
				m->argc ==
				0; /* what is behind it in a value would look as if it were in its place */
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
 * The counts go on; which command the next answer belongs to is open again. What a connection is for does not change.
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
