/* SPDX-License-Identifier: Apache-2.0 */
/* Which ways meet which on which kind of socket, and how much they have to move. */
#include "generator.h"

#include <stdlib.h>
#include <string.h>

#define LARGE (5u << 20)
#define HUGE (50u << 20)
#define CASES_MAX 512

static const unsigned int small_sizes[] = { 0, 1, 4095, 4096, 65537 };

static size_t count_of(const struct gen_move *moves)
{
	size_t n = 0;

	while (moves[n].name)
		n++;
	return n;
}

static const struct gen_move *named(const struct gen_move *moves, const char *name)
{
	while (moves->name && strcmp(moves->name, name) != 0)
		moves++;
	return moves->name ? moves : NULL;
}

/* The i-th way, or the next one that this kind of socket has. */
static const struct gen_move *way(const struct gen_move *moves, size_t i, enum gen_kind kind)
{
	size_t n = count_of(moves);

	if (n == 0)
		gen_die("plan");
	while (moves[i % n].flags & GEN_TCP_ONLY && kind > GEN_MAPPED)
		i++;
	return &moves[i % n];
}

/* splice() out of a socket stops at an urgent byte for good, so who sends one is read by recv(). */
static const struct gen_move *partner(const struct gen_move *out, size_t i, enum gen_kind kind)
{
	if (strcmp(out->name, "send-urgent") == 0)
		return named(gen_in, "recv-urgent");
	return way(gen_in, i, kind);
}

static void add_sizes(struct gen_case *c, unsigned int asked, unsigned int answered)
{
	c->sizes[c->exchanges][0] = asked;
	c->sizes[c->exchanges][1] = answered;
	c->exchanges++;
}

static struct gen_case case_of(enum gen_kind kind, size_t i, size_t shift)
{
	struct gen_case c = { .kind = kind, .variant = (unsigned int)(i + (size_t)kind * 11) };

	c.request_out = way(gen_out, i, kind);
	c.request_in = partner(c.request_out, i + shift, kind);
	c.answer_out = way(gen_out, i + shift, kind);
	c.answer_in = partner(c.answer_out, i + shift / 2, kind);
	return c;
}

/* One way out and one in, on every kind of socket: to look at them alone. */
static size_t plan_pair(struct gen_case *cases, const char *out, const char *in)
{
	const struct gen_move *o = named(gen_out, out), *i = named(gen_in, in);
	size_t n = 0;

	if (!o || !i)
		gen_die("no such way");
	for (int kind = 0; kind < GEN_KINDS; kind++) {
		struct gen_case *c = &cases[n++];

		*c = (struct gen_case){ (enum gen_kind)kind, o, i,	  o, i,
					(unsigned int)kind,  0, { { 0 } } };
		for (size_t k = 0; k < GEN_COUNT(small_sizes); k++)
			add_sizes(c, small_sizes[k], small_sizes[k]);
		add_sizes(c, LARGE, LARGE);
	}
	return n;
}

static struct gen_case huge_case(enum gen_kind kind, const char *out, const char *in)
{
	struct gen_case c = { .kind = kind, .variant = (unsigned int)kind };

	c.request_out = c.answer_out = named(gen_out, out);
	c.request_in = c.answer_in = named(gen_in, in);
	add_sizes(&c, 0, HUGE);
	add_sizes(&c, HUGE, 1);
	return c;
}

struct gen_case *gen_plan(const char *selection, size_t *count)
{
	struct gen_case *cases = calloc(CASES_MAX, sizeof(*cases));
	bool is_short = strcmp(selection, "short") == 0;
	size_t n = 0, ways = count_of(gen_out), steps = GEN_COUNT(small_sizes);

	if (!cases)
		gen_die("plan");
	if (strchr(selection, '/')) {
		char out[32] = "";

		strncpy(out, selection, (size_t)(strchr(selection, '/') - selection) % sizeof(out));
		*count = plan_pair(cases, out, strchr(selection, '/') + 1);
		return cases;
	}
	for (int kind = 0; kind < GEN_KINDS; kind++) {
		for (size_t i = 0; i < ways; i++) {
			struct gen_case *c = &cases[n];

			/* The machine is slow: each way once or twice, on one kind or another. */
			if (is_short && i % GEN_KINDS != (size_t)kind)
				continue;
			*c = case_of((enum gen_kind)kind, i, 3 + (size_t)kind);
			for (size_t k = 0; k < steps; k++)
				if (!is_short || (k + i) % steps < 2)
					add_sizes(c, small_sizes[k], small_sizes[(k + i) % steps]);
			if (i % GEN_KINDS == (size_t)kind && !is_short)
				add_sizes(c, LARGE, LARGE);
			n++;
		}
	}
	if (!is_short) {
		cases[n++] = huge_case(GEN_TCP4, "write", "read");
		cases[n++] = huge_case(GEN_TCP6, "sendfile", "recvmsg");
		cases[n++] = huge_case(GEN_PATH, "writev", "recv");
		cases[n++] = huge_case(GEN_TCP4, "splice-to", "splice-from");
	}
	*count = n;
	return cases;
}
