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
 * A command is an array of strings, or a line of words. Reading goes on where it stopped, so that
 * bytes are looked at once, whatever the pieces they come in.
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
 * How much of an argument is kept, where `used` bytes are already: so much of a long one that all
 * of them fit the limit for bodies, and short ones even behind it. False: nothing is kept from here
 * on.
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

enum redis_result redis_read_no_more(struct redis_msg *m, uint64_t *discard)
{
	*discard = m->left;
	m->left = 2;
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
		return m->keep_left == 0 ? redis_read_no_more(m, discard) : REDIS_SHORT;
	m->phase = REDIS_AT_CRLF;
	m->left = 2;
	return REDIS_DONE;
}

enum redis_result redis_read_crlf(struct redis_msg *m, struct redis_view *v, const char **why)
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
			result = redis_read_crlf(m, v, why);
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
 * The word that begins at line[at], unquoted, to `to`; returns the offset behind it. As the server
 * does it (sdssplitargs): "..." with \n \r \t \b \a \xNN and \ before anything else; '...' with \'
 * only. Quotes without an end take the rest.
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
