/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which answer belongs to which command. Answers come in the order of the commands, one each, but
 * for those of SUBSCRIBE and its like (one for each channel), those that a client declined (CLIENT
 * REPLY), and what a server sends by itself: messages of a channel, invalidations, what MONITOR
 * shows, and the commands that a master passes on to its replicas.
 */
#include "redis/message.h"

#define ALL_CHANNELS UINT32_MAX	/* answers of an UNSUBSCRIBE whose number nobody knows */

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

/* --- the command that it belongs to --- */

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

/* --- what a value is --- */

/* It is an answer, to the next command under way, if there is one. */
static void answer_count(struct redis_state *st, struct redis_msg *m, struct px_frame *out)
{
	if (m->is_decided)
		return;
	m->is_decided = true;
	m->may_be_secret = (st->hides_strays || st->is_behind_name) && strchr("$=*~%", m->type);
	st->is_behind_name = false;
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
		if (answer_is(m, PX_BYTES("+OK\r\n")) && special->n != REDIS_NO_DB)
			st->db = (int32_t)special->n;
		else if (answer_is(m, PX_BYTES("+QUEUED\r\n")))
			st->queued_db = special->n != REDIS_NO_DB ? (int32_t)special->n : -1;
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

/* Behind a loss, elements of an aggregate are taken for answers. */
static void answer_remember_name(struct redis_state *st, const struct redis_msg *m)
{
	struct redis_walk w = answer_walk(m);
	struct redis_value v;

	st->is_behind_name = st->is_joined && m->type == '$' && redis_walk(&w, &v) &&
			     redis_is_secret_name(v.text);
}

enum answer_next { ANSWER_DONE, ANSWER_GOES_ON, ANSWER_SNAPSHOT };

/* A value is complete: what is it? */
static enum answer_next answer_value(struct redis_state *st, struct redis_msg *m,
				     struct px_frame *out)
{
	const struct redis_special *special = special_next(st);
	struct redis_special what = { 0 };

	if (m->is_decided && !m->values) {
		/*
		 * Large, so that its kind was settled on the way; nothing that means anything is.
		 */
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
	answer_remember_name(st, m);
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

struct px_parse_result redis_answer(const struct px_parse_ctx *ctx, struct redis_state *st,
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
