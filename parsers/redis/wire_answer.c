/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values and snapshots on the wire, see wire.c: nested as deep as may be, reading goes on where it
 * stopped.
 */
#include "redis/message.h"

/* --- values --- */

static enum redis_result wire_value_content(struct redis_msg *m, struct redis_view *v,
					    uint64_t *discard)
{
	size_t here = v->in.len - v->pos;

	if (here > m->left)
		here = (size_t)m->left;
	v->pos += here;
	m->left -= here;
	if (m->left > 0) {
		bool is_enough = m->is_full || v->pos - v->from >= m->raw_max - m->raw_len;

		return is_enough ? redis_read_no_more(m, discard) : REDIS_SHORT;
	}
	m->phase = REDIS_AT_CRLF;
	m->left = 2;
	return REDIS_DONE;
}

/* Elements of an aggregate come next. */
static bool wire_push(struct redis_msg *m, uint64_t level, struct px_arena *arena)
{
	if (!m->levels) {
		m->levels = m->inline_levels;
		m->levels_cap = REDIS_DEPTH_INLINE;
	}
	if (m->depth == m->levels_cap) {
		uint64_t *grown = NULL;

		if (m->levels_cap < REDIS_DEPTH_MAX)
			grown = px_arena_alloc(arena, 2 * m->levels_cap * sizeof(*grown));
		if (!grown)
			return false;
		memcpy(grown, m->levels, m->levels_cap * sizeof(*grown));
		m->levels = grown;
		m->levels_cap *= 2;
	}
	m->levels[m->depth++] = level;
	return true;
}

static uint64_t wire_level(const struct redis_msg *m)
{
	return m->depth ? m->levels[m->depth - 1] : 0;
}

/*
 * A value is complete, and with it perhaps what it is an element of. True: it is the message's own.
 */
static bool wire_pop(struct redis_msg *m)
{
	while (m->depth > 0) {
		uint64_t *level = &m->levels[m->depth - 1];
		uint64_t flags = *level & (REDIS_LEVEL_ATTRIBUTE | REDIS_LEVEL_STREAMED);

		if (flags & REDIS_LEVEL_STREAMED)
			return false;
		--*level;
		if (*level != flags)
			return false;
		m->depth--;
		if (flags & REDIS_LEVEL_ATTRIBUTE)
			return false; /* the value itself is still to come */
	}
	return true;
}

/* Outside of any aggregate: this is the message's value. */
static void wire_top(struct redis_msg *m, const struct redis_view *v, char type, int64_t len)
{
	if (m->depth > 0)
		return;
	m->type = type;
	m->len = len;
	m->value_at = m->raw_len + (v->pos - v->from);
	if (m->values == 0)
		m->first_at = m->value_at;
	m->is_null = false;
}

static bool wire_is_scalar(const char *p, size_t n, char type)
{
	if (type == '_')
		return n == 0;
	if (type == '#')
		return n == 1 && (*p == 't' || *p == 'f');
	if (n == 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		bool is_digit = p[i] >= '0' && p[i] <= '9';

		if (!is_digit && !(i == 0 && n > 1 && (*p == '-' || *p == '+')) &&
		    !(type == ',' && strchr(".eE+-infa", p[i])))
			return false;
	}
	return true;
}

enum wire_step { WIRE_WRONG = -1, WIRE_SHORT, WIRE_VALUE, WIRE_ON };

/* A type whose line is all there is: number, boolean, null. */
static enum wire_step wire_short(struct redis_msg *m, struct redis_view *v, char type)
{
	const char *p = v->in.ptr + v->pos + 1;
	size_t here = v->in.len - v->pos - 1;
	const char *nl = memchr(p, '\n', here < REDIS_LINE_MAX ? here : REDIS_LINE_MAX);

	if (!nl)
		return here < REDIS_LINE_MAX ? WIRE_SHORT : WIRE_WRONG;
	if (nl == p || nl[-1] != '\r' || !wire_is_scalar(p, (size_t)(nl - p) - 1, type))
		return WIRE_WRONG;
	wire_top(m, v, type, nl - p - 1);
	if (m->depth == 0)
		m->is_null = type == '_';
	v->pos += (size_t)(nl - p) + 2;
	return WIRE_VALUE;
}

static enum wire_step wire_string(struct redis_msg *m, struct redis_view *v, char type, int64_t len,
				  size_t head)
{
	if (len < -1 || (len == -1 && type != '$') || len > REDIS_BULK_MAX)
		return WIRE_WRONG;
	wire_top(m, v, type, len);
	v->pos += head;
	if (len == -1) {
		if (m->depth == 0)
			m->is_null = true;
		return WIRE_VALUE;
	}
	m->left = (uint64_t)len;
	m->phase = REDIS_IN_BULK;
	return WIRE_ON;
}

static enum wire_step wire_aggregate(struct redis_msg *m, struct redis_view *v, char type,
				     int64_t len, size_t head, struct px_arena *arena)
{
	uint64_t count = (uint64_t)len;

	if (len < -1 || (len == -1 && type != '*') || len > REDIS_COUNT_MAX)
		return WIRE_WRONG;
	if (type == '>' && m->depth > 0)
		return WIRE_WRONG;
	if (type != '|')
		wire_top(m, v, type, len);
	v->pos += head;
	if (len == -1) {
		if (m->depth == 0)
			m->is_null = true;
		return WIRE_VALUE;
	}
	if (type == '%' || type == '|')
		count *= 2;
	if (count == 0)
		return type == '|' ? WIRE_ON : WIRE_VALUE;
	return wire_push(m, count | (type == '|' ? REDIS_LEVEL_ATTRIBUTE : 0), arena) ? WIRE_ON
										      : WIRE_WRONG;
}

/* $?, *?, ~?, %? */
static enum wire_step wire_streamed(struct redis_msg *m, struct redis_view *v, char type,
				    struct px_arena *arena)
{
	size_t here = v->in.len - v->pos;

	if (type != '$' && type != '*' && type != '~' && type != '%')
		return WIRE_WRONG;
	if (memcmp(v->in.ptr + v->pos + 1, "?\r\n", here - 1 < 3 ? here - 1 : 3) != 0)
		return WIRE_WRONG;
	if (here < 4)
		return WIRE_SHORT;
	wire_top(m, v, type, type == '$' ? 0 : -1);
	v->pos += 4;
	return wire_push(m, type == '$' ? REDIS_LEVEL_CHUNKS : REDIS_LEVEL_STREAMED, arena)
		       ? WIRE_ON
		       : WIRE_WRONG;
}

/* A piece of a streamed string. */
static enum wire_step wire_chunk(struct redis_msg *m, struct redis_view *v)
{
	int64_t len;
	int n = redis_number(v->in.ptr + v->pos + 1, v->in.ptr + v->in.len, &len);

	if (v->in.ptr[v->pos] != ';' || n < 0)
		return WIRE_WRONG;
	if (n == 0)
		return WIRE_SHORT;
	if (len < 0 || len > REDIS_BULK_MAX)
		return WIRE_WRONG;
	v->pos += (size_t)n + 1;
	if (len == 0) {
		m->depth--;
		return WIRE_VALUE;
	}
	if (m->depth == 1)
		m->len += len;
	m->left = (uint64_t)len;
	m->phase = REDIS_IN_BULK;
	return WIRE_ON;
}

/* The end of a streamed aggregate. */
static enum wire_step wire_end(struct redis_msg *m, struct redis_view *v)
{
	size_t here = v->in.len - v->pos;

	if (memcmp(v->in.ptr + v->pos, ".\r\n", here < 3 ? here : 3) != 0)
		return WIRE_WRONG;
	if (here < 3)
		return WIRE_SHORT;
	v->pos += 3;
	m->depth--;
	return WIRE_VALUE;
}

static enum wire_step wire_begin_value(struct redis_msg *m, struct redis_view *v,
				       struct px_arena *arena)
{
	int64_t len;
	char type;
	int n;

	if (v->pos == v->in.len)
		return WIRE_SHORT;
	type = v->in.ptr[v->pos];
	if (wire_level(m) & REDIS_LEVEL_CHUNKS)
		return wire_chunk(m, v);
	switch (type) {
	case '+':
	case '-':
	case '(':
		wire_top(m, v, type, 0);
		v->pos++;
		m->phase = REDIS_IN_LINE;
		m->ends_in_cr = false;
		return WIRE_ON;
	case ':':
	case ',':
	case '#':
	case '_':
		return wire_short(m, v, type);
	case '$':
	case '=':
	case '!':
	case '*':
	case '~':
	case '%':
	case '>':
	case '|':
		break;
	case '.':
		return wire_level(m) & REDIS_LEVEL_STREAMED ? wire_end(m, v) : WIRE_WRONG;
	default:
		return WIRE_WRONG;
	}
	if (v->in.len - v->pos > 1 && v->in.ptr[v->pos + 1] == '?')
		return wire_streamed(m, v, type, arena);
	n = redis_number(v->in.ptr + v->pos + 1, v->in.ptr + v->in.len, &len);
	if (n <= 0)
		return n == 0 ? WIRE_SHORT : WIRE_WRONG;
	if (type == '$' || type == '=' || type == '!')
		return wire_string(m, v, type, len, (size_t)n + 1);
	return wire_aggregate(m, v, type, len, (size_t)n + 1, arena);
}

/* A text of any length up to its line break. */
static enum wire_step wire_line(struct redis_msg *m, struct redis_view *v)
{
	size_t from = v->pos, nl = px_bytes_find(v->in, from, '\n');

	if (nl == v->in.len) {
		if (nl > from)
			m->ends_in_cr = v->in.ptr[nl - 1] == '\r';
		v->pos = nl;
		if (m->depth == 0)
			m->len += (int64_t)(nl - from);
		return WIRE_SHORT;
	}
	if (nl > from ? v->in.ptr[nl - 1] != '\r' : !m->ends_in_cr)
		return WIRE_WRONG;
	v->pos = nl + 1;
	if (m->depth == 0)
		m->len += (int64_t)(nl - from) - 1;
	m->phase = REDIS_AT_VALUE;
	return WIRE_VALUE;
}

enum redis_result redis_read_value(struct redis_msg *m, struct redis_view *v,
				   struct px_arena *arena, uint64_t *discard, const char **why)
{
	for (;;) {
		enum redis_result result;
		enum wire_step step;

		switch (m->phase) {
		case REDIS_AT_VALUE:
			step = wire_begin_value(m, v, arena);
			break;
		case REDIS_IN_LINE:
			step = wire_line(m, v);
			break;
		case REDIS_IN_BULK:
			result = wire_value_content(m, v, discard);
			if (result != REDIS_DONE)
				return result;
			continue;
		default:
			result = redis_read_crlf(m, v, why);
			if (result != REDIS_DONE)
				return result;
			step = wire_level(m) & REDIS_LEVEL_CHUNKS ? WIRE_ON : WIRE_VALUE;
			break;
		}
		if (step == WIRE_WRONG) {
			*why = "no value";
			return REDIS_WRONG;
		}
		if (step == WIRE_SHORT)
			return REDIS_SHORT;
		if (step == WIRE_VALUE && wire_pop(m))
			return REDIS_DONE;
	}
}

/* --- snapshots --- */

/*
 * What a replica gets when it begins (replication.c of Redis): line feeds while it is made, then
 * $<len>\r\n and so many bytes, or $EOF:<mark>\r\n and bytes up to the 40 of the mark. No line
 * break follows.
 */
static enum redis_result wire_snapshot_head(struct redis_msg *m, struct redis_view *v,
					    struct px_arena *arena, uint64_t *discard,
					    const char **why)
{
	static const struct px_bytes eof = PX_BYTES("$EOF:");
	struct px_bytes rest;
	int64_t len;
	int n;

	while (v->pos < v->in.len && v->in.ptr[v->pos] == '\n')
		v->pos++;
	rest = px_bytes_sub(v->in, v->pos, SIZE_MAX);
	*why = "no snapshot";
	if (rest.len < 2)
		return rest.len == 1 && *rest.ptr != '$' ? REDIS_WRONG : REDIS_SHORT;
	if (rest.ptr[0] == '$' && rest.ptr[1] != 'E') {
		n = redis_number(rest.ptr + 1, rest.ptr + rest.len, &len);
		if (n <= 0 || len < 0)
			return n == 0 ? REDIS_SHORT : REDIS_WRONG;
		v->pos += (size_t)n + 1;
		m->len = len;
		*discard = (uint64_t)len;
		m->phase = REDIS_BEHIND_RDB;
		return REDIS_SHORT;
	}
	if (!px_bytes_starts(eof, px_bytes_sub(rest, 0, eof.len)))
		return REDIS_WRONG;
	if (rest.len < eof.len + REDIS_MARK + 2)
		return REDIS_SHORT;
	if (memcmp(rest.ptr + eof.len + REDIS_MARK, "\r\n", 2) != 0)
		return REDIS_WRONG;
	m->mark = px_arena_alloc(arena, REDIS_MARK);
	if (!m->mark) {
		*why = "out of memory";
		return REDIS_WRONG;
	}
	memcpy(m->mark, rest.ptr + eof.len, REDIS_MARK);
	v->pos += eof.len + REDIS_MARK + 2;
	m->len = 0;
	m->phase = REDIS_IN_RDB_EOF;
	return REDIS_DONE;
}

enum redis_result redis_read_snapshot(struct redis_msg *m, struct redis_view *v,
				      struct px_arena *arena, uint64_t *discard, const char **why)
{
	enum redis_result result;
	struct px_bytes rest;
	const char *hit;
	size_t n;

	if (m->phase == REDIS_AT_RDB) {
		result = wire_snapshot_head(m, v, arena, discard, why);
		if (result != REDIS_DONE)
			return result;
	}
	if (m->phase == REDIS_BEHIND_RDB)
		return REDIS_DONE;
	rest = px_bytes_sub(v->in, v->pos, SIZE_MAX);
	hit = rest.len ? memmem(rest.ptr, rest.len, m->mark, REDIS_MARK) : NULL;
	n = hit ? (size_t)(hit - rest.ptr) : rest.len < REDIS_MARK ? 0 : rest.len - REDIS_MARK + 1;
	m->len += (int64_t)n;
	v->pos += n + (hit ? REDIS_MARK : 0);
	return hit ? REDIS_DONE : REDIS_SHORT;
}
