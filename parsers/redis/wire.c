/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RESP2 and RESP3 on the wire. Everything begins with a byte for its type and a line:
 *
 *	+text  -error  :1  ,1.5  (12345  #t  _		all of it is in the line
 *	$3 =7 !5	a string of so many bytes follows, and a line break; $-1 is null
 *	*2 ~2 >2	so many values follow; *-1 is null
 *	%2 |2		twice as many; what | has goes with the value behind it
 *	$?		pieces of a string follow, ;4 each, ;0 at their end
 *	*? ~? %?	values follow, and . at their end
 *
 * A command is an array of strings, or a line of words. Reading goes on where it stopped, so that bytes are looked at
 * once, whatever the pieces they come in.
 */
#include "redis/message.h"

#define NUMBER_MAX 18 /* digits; more would not fit */

int redis_number(const char *p, const char *end, int64_t *number)
{
	const char *digits = p;
	bool is_negative = p < end && *p == '-';
	int64_t n = 0;

	if (is_negative)
		digits = ++p;
	while (p < end && (unsigned char)(*p - '0') < 10) {
		if (p - digits == NUMBER_MAX)
			return -1;
		n = n * 10 + (*p++ - '0');
	}
	if (p == end)
		return 0;
	if (p == digits || *p != '\r' || (*digits == '0' && p - digits > 1))
		return -1;
	if (p + 1 == end)
		return 0;
	if (p[1] != '\n')
		return -1;
	*number = is_negative ? -n : n;
	return (int)(p + 2 - digits) + is_negative;
}

/* --- what is kept --- */

/* Nothing more is kept; arguments are cut where their bytes end. */
static void wire_full(struct redis_msg *m)
{
	m->is_full = m->is_cut = true;
	while (m->args_kept > 0) {
		struct redis_arg *last = &m->args[m->args_kept - 1];

		if (last->off + last->len <= m->raw_len)
			break;
		if (last->off < m->raw_len) {
			last->len = (uint32_t)(m->raw_len - last->off);
			break;
		}
		m->args_kept--;
	}
}

static bool wire_grow(struct redis_msg *m, size_t n, struct px_arena *arena)
{
	size_t cap = m->raw_len + n;
	char *grown;

	if (m->raw_cap > 0 && cap < 2 * m->raw_cap)
		cap = 2 * m->raw_cap;
	grown = px_arena_alloc(arena, cap);
	if (!grown)
		return false;
	if (m->raw_len)
		memcpy(grown, m->raw, m->raw_len);
	m->raw = grown;
	m->raw_cap = cap;
	return true;
}

void redis_keep(struct redis_msg *m, struct redis_view *v, struct px_arena *arena)
{
	size_t n = v->pos - v->from;
	bool is_wire = !m->is_cut;

	if (n == 0 || m->is_full) {
		v->from = v->pos;
		return;
	}
	if (n > m->raw_max - m->raw_len) {
		n = m->raw_max - m->raw_len;
		m->is_full = m->is_cut = true;
	}
	if (n > m->raw_cap - m->raw_len &&
	    (n > UINT32_MAX - m->raw_len || !wire_grow(m, n, arena))) {
		wire_full(m);
		v->from = v->pos;
		return;
	}
	if (n)
		memcpy(m->raw + m->raw_len, v->in.ptr + v->from, n);
	m->raw_len += n;
	if (is_wire)
		m->wire_len = m->raw_len;
	v->from = v->pos;
}

/* An entry for the argument that comes next, or NULL: it is not kept. */
static struct redis_arg *wire_arg(struct redis_msg *m, struct px_arena *arena)
{
	if (m->is_full)
		return NULL;
	if (m->args_kept == m->args_cap) {
		uint32_t cap = m->args_cap ? m->args_cap * 2 : 8;
		struct redis_arg *grown;

		if (m->args_cap == 0 && m->argc < cap)
			cap = (uint32_t)m->argc;
		grown = cap <= REDIS_ARGS_MAX ? px_arena_alloc(arena, cap * sizeof(*grown)) : NULL;
		if (!grown) {
			wire_full(m);
			return NULL;
		}
		if (m->args_kept)
			memcpy(grown, m->args, m->args_kept * sizeof(*grown));
		m->args = grown;
		m->args_cap = cap;
	}
	return &m->args[m->args_kept++];
}

/*
 * How much of an argument is kept, where `used` bytes are already: so much of a long one that all of them fit the limit
 * for bodies, and short ones even behind it. False: nothing is kept from here on.
 */
static bool wire_room(struct redis_msg *m, size_t used, uint64_t len, uint64_t *room)
{
	size_t body_max = m->raw_max - REDIS_SHORT_ROOM;

	if (len <= REDIS_SHORT_ARG) {
		*room = len;
		return len + REDIS_LINE_MAX <= m->raw_max - (used < m->raw_max ? used : m->raw_max);
	}
	*room = used < body_max ? body_max - used : 0;
	if (*room > len)
		*room = len;
	return true;
}

static void wire_begin_arg(struct redis_msg *m, struct redis_view *v, struct px_arena *arena,
			   uint64_t len)
{
	size_t used = m->raw_len + (v->pos - v->from);
	struct redis_arg *arg;

	m->phase = REDIS_IN_BULK;
	m->left = len;
	m->keep_left = 0;
	if (!m->is_full && !wire_room(m, used, len, &m->keep_left)) {
		redis_keep(m, v, arena);
		wire_full(m);
		m->keep_left = 0;
	}
	arg = wire_arg(m, arena);
	if (arg)
		*arg = (struct redis_arg){ .off = (uint32_t)used, .full = len };
	else
		m->keep_left = 0;
}

/* --- strings --- */

/* What is here of a string's content was looked at; the rest need not be. */
static enum redis_result wire_discard(struct redis_msg *m, uint64_t *discard)
{
	*discard = m->left + 2;
	m->left = 0;
	m->phase = REDIS_AT_CRLF;
	return REDIS_SHORT;
}

static enum redis_result wire_arg_content(struct redis_msg *m, struct redis_view *v,
					  struct px_arena *arena, uint64_t *discard)
{
	size_t here = v->in.len - v->pos, keep;

	if (here > m->left)
		here = (size_t)m->left;
	keep = here < m->keep_left ? here : (size_t)m->keep_left;
	if (keep)
		m->args[m->args_kept - 1].len += (uint32_t)keep;
	v->pos += keep;
	if (keep == m->keep_left && keep < m->left) {
		redis_keep(m, v, arena);
		m->is_cut = true;
		v->pos += here - keep;
		v->from = v->pos;
	}
	m->left -= here;
	m->keep_left -= keep;
	if (m->left > 0)
		return m->keep_left == 0 ? wire_discard(m, discard) : REDIS_SHORT;
	m->phase = REDIS_AT_CRLF;
	m->left = 2;
	return REDIS_DONE;
}

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

		return is_enough ? wire_discard(m, discard) : REDIS_SHORT;
	}
	m->phase = REDIS_AT_CRLF;
	m->left = 2;
	return REDIS_DONE;
}

/* The line break behind a string, of which m->left bytes are to come. */
static enum redis_result wire_crlf(struct redis_msg *m, struct redis_view *v, const char **why)
{
	size_t n = (size_t)m->left;

	if (v->in.len - v->pos < n)
		return REDIS_SHORT;
	if (n > 0 && memcmp(v->in.ptr + v->pos, &"\r\n"[2 - n], n) != 0) {
		*why = "no line break behind a string";
		return REDIS_WRONG;
	}
	v->pos += n;
	m->phase = REDIS_AT_VALUE;
	return REDIS_DONE;
}

/* --- commands --- */

enum redis_result redis_read_command(struct redis_msg *m, struct redis_view *v,
				     struct px_arena *arena, uint64_t *discard, const char **why)
{
	while (m->args_seen < m->argc) {
		enum redis_result result = REDIS_DONE;
		int64_t len;
		int n;

		switch (m->phase) {
		case REDIS_AT_VALUE:
			if (v->pos == v->in.len)
				return REDIS_SHORT;
			n = redis_number(v->in.ptr + v->pos + 1, v->in.ptr + v->in.len, &len);
			if (v->in.ptr[v->pos] != '$' || n < 0) {
				*why = "a word of a command is no string";
				return REDIS_WRONG;
			}
			if (n == 0)
				return REDIS_SHORT;
			if (len < 0 || len > REDIS_BULK_MAX) {
				*why = "a string of impossible length";
				return REDIS_WRONG;
			}
			v->pos += (size_t)n + 1;
			wire_begin_arg(m, v, arena, (uint64_t)len);
			break;
		case REDIS_IN_BULK:
			result = wire_arg_content(m, v, arena, discard);
			break;
		default:
			result = wire_crlf(m, v, why);
			m->args_seen += result == REDIS_DONE;
			break;
		}
		if (result != REDIS_DONE)
			return result;
	}
	return REDIS_DONE;
}

static int wire_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = px_ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool wire_is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/*
 * The word that begins at line[at], unquoted, to `to`; returns the offset behind it. As the server does it (sdssplitargs):
 * "..." with \n \r \t \b \a \xNN and \ before anything else; '...' with \' only. Quotes without an end take the rest.
 */
static size_t wire_word(struct px_bytes line, size_t at, char *to, uint32_t *len)
{
	char quote = 0;
	uint32_t n = 0;

	while (at < line.len && (quote || !wire_is_space(line.ptr[at]))) {
		char c = line.ptr[at++];

		if (quote && c == quote) {
			quote = 0;
			continue;
		}
		if (!quote && (c == '"' || c == '\'')) {
			quote = c;
			continue;
		}
		if (quote == '"' && c == '\\' && at < line.len) {
			static const char from[] = "nrtba", into[] = "\n\r\t\b\a";
			const char *hit;

			c = line.ptr[at++];
			hit = strchr(from, c);
			if (c == 'x' && line.len - at >= 2 && wire_hex(line.ptr[at]) >= 0 &&
			    wire_hex(line.ptr[at + 1]) >= 0) {
				c = (char)(wire_hex(line.ptr[at]) << 4 |
					   wire_hex(line.ptr[at + 1]));
				at += 2;
			} else if (hit && c) {
				c = into[hit - from];
			}
		} else if (quote == '\'' && c == '\\' && at < line.len && line.ptr[at] == '\'') {
			c = line.ptr[at++];
		}
		to[n++] = c;
	}
	*len = n;
	return at;
}

void redis_read_words(struct redis_msg *m, struct px_bytes line, struct px_arena *arena)
{
	size_t at = 0, n = 0;

	/* The line is kept already; the words without their quotes come behind it. */
	if (m->is_full || line.len > UINT32_MAX / 2 || !wire_grow(m, line.len, arena)) {
		wire_full(m);
		return;
	}
	m->argc = INT64_MAX;
	for (;;) {
		struct redis_arg *arg;

		while (at < line.len && wire_is_space(line.ptr[at]))
			at++;
		if (at == line.len)
			break;
		n++;
		arg = wire_arg(m, arena);
		if (!arg) {
			uint32_t unused;
			char *scratch = m->raw + m->raw_len;

			at = wire_word(line, at, scratch, &unused);
			continue;
		}
		arg->off = (uint32_t)m->raw_len;
		at = wire_word(line, at, m->raw + m->raw_len, &arg->len);
		arg->full = arg->len;
		m->raw_len += arg->len;
	}
	m->argc = m->args_seen = (int64_t)n;
}

/* --- values --- */

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

/* A value is complete, and with it perhaps what it is an element of. True: it is the message's own. */
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
			result = wire_crlf(m, v, why);
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
 * What a replica gets when it begins (replication.c of Redis): line feeds while it is made, then $<len>\r\n and so many
 * bytes, or $EOF:<mark>\r\n and bytes up to the 40 of the mark. No line break follows.
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
