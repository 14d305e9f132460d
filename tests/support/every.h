/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of every parser in the registry on the cases of its own folder: each test is run once per
 * parser, and calls px_every_case().
 */
#ifndef PX_TESTS_SUPPORT_EVERY_H
#define PX_TESTS_SUPPORT_EVERY_H

#include "support/cases.h"

#include <check.h>

/* How many parsers there are: for tcase_add_loop_test(). */
static inline int px_every_count(void)
{
	int n = 0;

	while (px_parsers[n])
		n++;
	return n;
}

struct px_every {
	const struct px_parser *parser;
	size_t bytes_max; /* longer cases are left out: they are about length */
	void (*fn)(const struct px_parser *parser, const struct px_case *c);
};

static inline void px_every_pass(void *ctx, const struct px_case *c)
{
	const struct px_every *e = ctx;

	if (c->total <= e->bytes_max)
		e->fn(e->parser, c);
}

/* fn is called for each case of the parser, which has to have some. */
static inline void px_every_case(int parser, size_t bytes_max,
				 void (*fn)(const struct px_parser *parser,
					    const struct px_case *c))
{
	struct px_every e = { px_parsers[parser], bytes_max, fn };

	ck_assert_uint_gt(px_cases_each(e.parser, px_every_pass, &e), 0);
}

#endif
