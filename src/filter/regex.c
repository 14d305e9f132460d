/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the program of an expression. What steps it may be at after some bytes is a state; states
 * and what each byte makes of them are kept as they are met, so most bytes of a text cost one look
 * into a table. When there are too many, all are forgotten and it goes on.
 */
#include "filter/regex.h"

#include <errno.h>
#include <stdlib.h>

#include "filter/regex_parse.h"

#define REGEX_STATES 128

struct regex_state {
	uint16_t next[256];	/* number of a state and 1; 0: not known yet */
	uint32_t hash;
	uint16_t count;		/* of its steps */
	bool accepts;		/* something has matched */
	bool accepts_at_end;	/* it has if the text ends here */
};

struct filter_regex {
	struct regex_step *steps;
	uint16_t step_count;
	struct regex_state *states;
	uint16_t *members;	/* step_count for each state */
	unsigned int state_count;
	unsigned int first;	/* state, 0 where there is none yet: number and 1 */
	uint16_t *list;		/* the set that is being made */
	uint16_t list_count;
	bool list_accepts;
	uint32_t *seen;		/* by step: the number of the set that it was put into last */
	uint32_t turn;
	uint16_t *stack;
};

void filter_regex_free(struct filter_regex *re)
{
	if (!re)
		return;
	free(re->steps);
	free(re->states);
	free(re->members);
	free(re->list);
	free(re->seen);
	free(re->stack);
	free(re);
}

int filter_regex_new(struct px_bytes pattern, struct filter_regex **out, const char **why,
		     size_t *at)
{
	struct filter_regex *re = calloc(1, sizeof(*re));
	int count = -ENOMEM;
	size_t n;

	*out = NULL;
	if (!re)
		return -ENOMEM;
	re->steps = calloc(FILTER_REGEX_STEPS_MAX, sizeof(*re->steps));
	if (re->steps)
		count = regex_parse(pattern, re->steps, why, at);
	if (count < 0) {
		filter_regex_free(re);
		return count;
	}
	n = (size_t)count;
	re->step_count = (uint16_t)count;
	re->states = calloc(REGEX_STATES, sizeof(*re->states));
	re->members = calloc(REGEX_STATES * n, sizeof(*re->members));
	re->list = calloc(n, sizeof(*re->list));
	re->seen = calloc(n, sizeof(*re->seen));
	re->stack = calloc(2 * n + 2, sizeof(*re->stack));
	if (!re->states || !re->members || !re->list || !re->seen || !re->stack) {
		filter_regex_free(re);
		return -ENOMEM;
	}
	*out = re;
	return 0;
}

static void regex_begin(struct filter_regex *re)
{
	re->list_count = 0;
	re->list_accepts = false;
	if (++re->turn == 0) {
		memset(re->seen, 0, re->step_count * sizeof(*re->seen));
		re->turn = 1;
	}
}

/* Put into the set what can be reached from a step without reading. */
static void regex_reach(struct filter_regex *re, uint16_t from, bool at_begin, bool at_end)
{
	size_t depth = 0;

	re->stack[depth++] = from;
	while (depth > 0) {
		uint16_t at = re->stack[--depth];
		const struct regex_step *s = &re->steps[at];

		if (re->seen[at] == re->turn)
			continue;
		re->seen[at] = re->turn;
		switch (s->kind) {
		case REGEX_SPLIT:
			re->stack[depth++] = s->next;
			re->stack[depth++] = s->other;
			break;
		case REGEX_BEGIN:
			if (at_begin)
				re->stack[depth++] = s->next;
			break;
		case REGEX_END:
			if (at_end)
				re->stack[depth++] = s->next;
			re->list[re->list_count++] = at;
			break;
		case REGEX_BYTE:
			re->list[re->list_count++] = at;
			break;
		case REGEX_MATCH:
			re->list_accepts = true;
			break;
		}
	}
}

/* Does the set in list[0, count) match if the text ends here? */
static bool regex_ends(struct filter_regex *re, const uint16_t *members, uint16_t count,
		       bool at_begin)
{
	regex_begin(re);
	for (uint16_t i = 0; i < count; i++)
		if (re->steps[members[i]].kind == REGEX_END)
			regex_reach(re, members[i], at_begin, true);
	return re->list_accepts;
}

/* The state of the set that has been made: an old one or a new one. Returns its number and 1. */
static unsigned int regex_state(struct filter_regex *re, bool at_begin)
{
	bool accepts = re->list_accepts;
	uint32_t hash = 2166136261u ^ accepts ^ (uint32_t)at_begin << 1;
	uint16_t count = re->list_count;
	struct regex_state *s;
	uint16_t *members;

	for (uint16_t i = 0; i < count; i++)
		hash = (hash ^ re->list[i]) * 16777619u;
	for (unsigned int i = 0; i < re->state_count; i++) {
		s = &re->states[i];
		if (s->hash == hash && s->count == count && s->accepts == accepts &&
		    memcmp(&re->members[i * re->step_count], re->list, count * sizeof(*re->list)) ==
			    0)
			return i + 1;
	}
	if (re->state_count == REGEX_STATES) {
		re->state_count = 0; /* too many: all of them anew */
		re->first = 0;
	}
	s = &re->states[re->state_count];
	members = &re->members[re->state_count * re->step_count];
	*s = (struct regex_state){ .hash = hash, .count = count, .accepts = accepts };
	memcpy(members, re->list, count * sizeof(*members));
	s->accepts_at_end = accepts || regex_ends(re, members, count, at_begin);
	return ++re->state_count;
}

static unsigned int regex_first(struct filter_regex *re)
{
	if (!re->first) {
		regex_begin(re);
		regex_reach(re, (uint16_t)(re->step_count - 1), true, false);
		re->first = regex_state(re, true);
	}
	return re->first;
}

static unsigned int regex_next(struct filter_regex *re, unsigned int from, unsigned char c)
{
	const uint16_t *members = &re->members[(from - 1) * re->step_count];
	unsigned int to, was = re->state_count;

	regex_begin(re);
	for (uint16_t i = 0; i < re->states[from - 1].count; i++) {
		const struct regex_step *s = &re->steps[members[i]];

		if (s->kind == REGEX_BYTE && s->set[c >> 6] >> (c & 63) & 1)
			regex_reach(re, s->next, false, false);
	}
	/* A match may begin at any byte. */
	regex_reach(re, (uint16_t)(re->step_count - 1), false, false);
	to = regex_state(re, false);
	if (re->state_count >= was) /* the state that it came from is still there */
		re->states[from - 1].next[c] = (uint16_t)to;
	return to;
}

bool filter_regex_match(struct filter_regex *re, struct px_bytes text)
{
	unsigned int state = regex_first(re);

	for (size_t i = 0; i < text.len; i++) {
		const struct regex_state *s = &re->states[state - 1];
		unsigned char c = (unsigned char)text.ptr[i];

		if (s->accepts)
			return true;
		if (s->count == 0)
			return false; /* it had to begin where the text does */
		state = s->next[c] ? s->next[c] : regex_next(re, state, c);
	}
	return re->states[state - 1].accepts_at_end;
}
