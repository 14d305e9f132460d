/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grammar (POSIX.1-2017, Base Definitions 9.4 and 9.5), written down from behind: each function
 * is told where its piece leads to and returns where it begins. A piece that is repeated is read
 * again for each time.
 *
 *     alt    = cat { "|" cat }
 *     cat    = { repeat }
 *     repeat = atom { "*" | "+" | "?" | "{" m [ "," [ n ] ] "}" }
 *     atom   = byte | "." | "^" | "$" | "\" sign | "(" alt ")" | "[" ... "]"
 */
#include "filter/regex_parse.h"

#include <errno.h>

#define REGEX_DEPTH 64
#define REGEX_REPEAT 255
#define REGEX_PIECES 256	/* of one level */

struct regex_parser {
	struct px_bytes text;
	size_t pos;
	struct regex_step *steps;
	int count;
	unsigned int depth;
	const char *why;
	int error;
};

static int regex_fail(struct regex_parser *p, size_t at, const char *why)
{
	if (!p->error) {
		p->error = -EINVAL;
		p->why = why;
		p->pos = at;
	}
	return -1;
}

static char regex_at(const struct regex_parser *p, size_t pos)
{
	return pos < p->text.len ? p->text.ptr[pos] : '\0';
}

static int regex_step(struct regex_parser *p, enum regex_step_kind kind, int to, int also)
{
	if (p->error)
		return -1;
	if (p->count == FILTER_REGEX_STEPS_MAX) {
		p->error = -ENOBUFS;
		return -1;
	}
	p->steps[p->count] =
		(struct regex_step){ .kind = kind, .next = (uint16_t)to, .other = (uint16_t)also };
	return p->count++;
}

static void set_add(uint64_t set[4], unsigned char c)
{
	set[c >> 6] |= (uint64_t)1 << (c & 63);
}

/* [:alpha:] at pos, behind the bracket; adds what it stands for. */
static bool set_add_class(struct regex_parser *p, uint64_t set[4])
{
	static const struct {
		const char *name;
		const char *ranges;	/* pairs of first and last */
	} classes[] = {
		{ "alpha", "azAZ" },   { "digit", "09" },      { "alnum", "azAZ09" },
		{ "upper", "AZ" },     { "lower", "az" },      { "space", "\t\r  " },
		{ "blank", "\t\t  " }, { "xdigit", "09afAF" }, { "punct", "!/:@[`{~" },
		{ "print", " ~" },     { "graph", "!~" },      { "cntrl", "\001\037\177\177" },
	};
	struct px_bytes rest = px_bytes_sub(p->text, p->pos + 1, SIZE_MAX);

	for (size_t i = 0; i < PX_COUNT(classes); i++) {
		size_t len = strlen(classes[i].name);
		const char *range = classes[i].ranges;

		if (!px_bytes_starts(rest, px_bytes_of(classes[i].name, len)) ||
		    !px_bytes_starts(px_bytes_sub(rest, len, SIZE_MAX), PX_BYTES(":]")))
			continue;
		for (; *range; range += 2)
			for (unsigned int c = (unsigned char)range[0]; c <= (unsigned char)range[1];
			     c++)
				set_add(set, (unsigned char)c);
		p->pos += 1 + len + 2;
		return true;
	}
	return false;
}

/* What is between [ and ]; pos is behind the first. */
static bool regex_bracket(struct regex_parser *p, uint64_t set[4])
{
	size_t open = p->pos - 1, first;
	bool is_negated = regex_at(p, p->pos) == '^';

	p->pos += is_negated;
	for (first = p->pos; p->pos < p->text.len; p->pos++) {
		unsigned char from = (unsigned char)p->text.ptr[p->pos], to = from;
		char behind = regex_at(p, p->pos + 1);

		if (from == ']' && p->pos > first) {
			p->pos++;
			for (int i = 0; is_negated && i < 4; i++)
				set[i] = ~set[i];
			return true;
		}
		if (from == '[' && (behind == ':' || behind == '.' || behind == '=')) {
			size_t begin = p->pos++;

			if (behind != ':' || !set_add_class(p, set)) {
				regex_fail(p, begin, "there is no such class of characters");
				return false;
			}
			p->pos--;
			continue;
		}
		if (behind == '-' && p->pos + 2 < p->text.len && p->text.ptr[p->pos + 2] != ']') {
			to = (unsigned char)p->text.ptr[p->pos + 2];
			if (to < from) {
				regex_fail(p, p->pos, "this range ends before it begins");
				return false;
			}
			p->pos += 2;
		}
		for (unsigned int c = from; c <= to; c++)
			set_add(set, (unsigned char)c);
	}
	regex_fail(p, open, "this [ is not closed");
	return false;
}

static int regex_alt(struct regex_parser *p, int next);

static int regex_atom(struct regex_parser *p, int next)
{
	size_t begin = p->pos;
	char c = p->text.ptr[p->pos++];
	uint64_t set[4] = { 0 };
	int step;

	switch (c) {
	case '(':
		if (++p->depth > REGEX_DEPTH)
			return regex_fail(p, begin, "too many parentheses in one another");
		step = regex_alt(p, next);
		p->depth--;
		if (p->error)
			return -1;
		if (regex_at(p, p->pos) != ')')
			return regex_fail(p, begin, "this ( is not closed");
		p->pos++;
		return step;
	case '^':
		return regex_step(p, REGEX_BEGIN, next, 0);
	case '$':
		return regex_step(p, REGEX_END, next, 0);
	case '*':
	case '+':
	case '?':
		return regex_fail(p, begin, "there is nothing to repeat");
	case '[':
		if (!regex_bracket(p, set))
			return -1;
		break;
	case '.':
		memset(set, 0xff, sizeof(set));
		break;
	case '\\':
		c = regex_at(p, p->pos);
		if (p->pos == p->text.len)
			return regex_fail(p, begin, "there is nothing behind the \\");
		if ((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'))
			return regex_fail(
				p, begin,
				"POSIX has no such escape: write [0-9], [[:alnum:]_], [[:space:]]");
		p->pos++;
		set_add(set, (unsigned char)c);
		break;
	default:
		set_add(set, (unsigned char)c);
	}
	step = regex_step(p, REGEX_BYTE, next, 0);
	if (step >= 0)
		memcpy(p->steps[step].set, set, sizeof(set));
	return step;
}

/* "{2,5}" at pos, which goes behind it. max -1: no end. False: it is no such thing. */
static bool regex_braces(struct regex_parser *p, int *min, int *max)
{
	size_t at = p->pos + 1;
	int number[2] = { -1, -1 }, n = 0;

	for (; at < p->text.len; at++) {
		char c = p->text.ptr[at];

		if (c >= '0' && c <= '9')
			number[n] = (number[n] < 0		? 0
				     : number[n] > REGEX_REPEAT ? number[n]
								: number[n] * 10) +
				    (c - '0');
		else if (c == ',' && n == 0)
			n = 1;
		else
			break;
	}
	if (regex_at(p, at) != '}' || number[0] < 0)
		return false;
	p->pos = at + 1;
	*min = number[0];
	*max = n == 0 ? number[0] : number[1];
	return true;
}

/* How often the atom before pos comes; pos goes behind all signs that say so. */
static bool regex_times(struct regex_parser *p, int *min, int *max)
{
	bool found = false;

	for (;;) {
		char c = regex_at(p, p->pos);
		int low = c == '+', high = c == '?' ? 1 : -1;
		size_t begin = p->pos;

		if (c == '{' && !regex_braces(p, &low, &high))
			return found;
		if (c != '{' && c != '*' && c != '+' && c != '?')
			return found;
		p->pos += c != '{';
		if (low > REGEX_REPEAT || high > REGEX_REPEAT || (high >= 0 && high < low)) {
			regex_fail(p, begin, "so often cannot be asked for");
			return found;
		}
		/* One behind another: (a{2,3})* may come any number of times, but not once. */
		*min = found ? *min * low : low;
		*max = found && (*max < 0 || high < 0) ? -1 : found ? *max * high : high;
		found = true;
	}
}

/* The atom that begins at `begin`, min to max times in front of `next`. */
static int regex_repeat(struct regex_parser *p, size_t begin, int min, int max, int next)
{
	size_t end = p->pos;
	int step = next, split;

	if (max < 0) {
		/* The split is there before what it leads to is known. */
		split = regex_step(p, REGEX_SPLIT, 0, next);
		p->pos = begin;
		step = split < 0 ? -1 : regex_atom(p, split);
		if (step >= 0)
			p->steps[split].next = (uint16_t)step;
		step = split;
	}
	for (int i = min; i < max && step >= 0; i++) {
		p->pos = begin;
		step = regex_atom(p, step);
		step = step < 0 ? -1 : regex_step(p, REGEX_SPLIT, step, next);
	}
	for (int i = 0; i < min && step >= 0; i++) {
		p->pos = begin;
		step = regex_atom(p, step);
	}
	p->pos = p->error ? p->pos : end;
	return step;
}

/*
 * Pieces are found from the left, and written down from the right, as each has to know what comes
 * behind it.
 */
static int regex_cat(struct regex_parser *p, int next)
{
	struct {
		size_t begin;
		int min, max;
	} piece[REGEX_PIECES];
	int count = 0, kept = p->count, step = next;
	size_t end;

	while (!p->error && p->pos < p->text.len && regex_at(p, p->pos) != '|' &&
	       (regex_at(p, p->pos) != ')' || p->depth == 0)) {
		if (regex_at(p, p->pos) == ')')
			return regex_fail(p, p->pos, "there is no ( for this )");
		if (count == REGEX_PIECES)
			return regex_fail(p, p->pos, "too long: put parts of it in parentheses");
		piece[count].begin = p->pos;
		piece[count].min = piece[count].max = 1;
		if (regex_atom(p, next) < 0)
			return -1;
		p->count = kept; /* that was to find its end */
		regex_times(p, &piece[count].min, &piece[count].max);
		count++;
	}
	end = p->pos;
	for (int i = count - 1; i >= 0 && step >= 0; i--) {
		/* regex_repeat() leaves pos behind the atom; nobody looks at it before it is set */
		p->pos = piece[i].begin;
		step = regex_repeat(p, piece[i].begin, piece[i].min, piece[i].max, step);
	}
	if (!p->error)
		p->pos = end;
	return step;
}

static int regex_alt(struct regex_parser *p, int next)
{
	int step = regex_cat(p, next), other;

	while (step >= 0 && regex_at(p, p->pos) == '|') {
		p->pos++;
		other = regex_cat(p, next);
		step = other < 0 ? -1 : regex_step(p, REGEX_SPLIT, step, other);
	}
	return p->error ? -1 : step;
}

int regex_parse(struct px_bytes pattern, struct regex_step steps[FILTER_REGEX_STEPS_MAX],
		const char **why, size_t *at)
{
	struct regex_parser p = { .text = pattern, .steps = steps };
	int match = regex_step(&p, REGEX_MATCH, 0, 0), first = regex_alt(&p, match);

	if (!p.error && p.pos < pattern.len)
		regex_fail(&p, p.pos, "there is no ( for this )");
	/* One more, so that the first step has a place that is known: the last one. */
	if (!p.error)
		regex_step(&p, REGEX_SPLIT, first, first);
	*why = p.why;
	*at = p.pos;
	return p.error ? p.error : p.count;
}
