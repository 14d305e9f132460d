/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A parser whose allocations are counted, and may fail, while it is at work and nobody else is. For
 * programs that are linked as support/oom.h says.
 */
#ifndef PX_TESTS_SUPPORT_ARMED_H
#define PX_TESTS_SUPPORT_ARMED_H

#include "parser.h"
#include "support/oom.h"

static struct {
	const struct px_parser *real;
	size_t held_max; /* bytes of a message that were kept, at most */
} px_armed;

static inline struct px_parse_result px_armed_parse(const struct px_parse_ctx *ctx,
						    struct px_bytes in, struct px_frame *out)
{
	struct px_parse_result r;

	px_oom.is_armed = true;
	r = px_armed.real->parse(ctx, in, out);
	px_oom.is_armed = false;
	if (out->arena.held > px_armed.held_max)
		px_armed.held_max = out->arena.held;
	return r;
}

static inline void px_armed_describe(const struct px_exchange *ex, struct px_record *rec)
{
	px_oom.is_armed = true;
	px_armed.real->describe(ex, rec);
	px_oom.is_armed = false;
}

/* Counted afresh. There is one at a time. */
static inline struct px_parser px_arm(const struct px_parser *parser)
{
	struct px_parser armed = *parser;

	armed.parse = px_armed_parse;
	armed.describe = px_armed_describe;
	px_armed.real = parser;
	px_armed.held_max = 0;
	px_oom.allocations = 0;
	px_oom.largest = 0;
	return armed;
}

#endif
