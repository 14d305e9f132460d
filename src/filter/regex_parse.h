/* SPDX-License-Identifier: Apache-2.0 */
/* The program that a regular expression becomes: what can be read next, and where that leads. */
#ifndef PX_FILTER_REGEX_PARSE_H
#define PX_FILTER_REGEX_PARSE_H

#include "filter/regex.h"

enum regex_step_kind {
	REGEX_BYTE,	/* one byte of `set` */
	REGEX_SPLIT,	/* on at next, or at other */
	REGEX_BEGIN,	/* only where the text begins */
	REGEX_END,	/* only where it ends */
	REGEX_MATCH,
};

struct regex_step {
	enum regex_step_kind kind;
	uint16_t next, other;
	uint64_t set[4];	/* a bit for each byte */
};

/* Returns the number of steps, the first of them to begin with, or a negative errno. */
int regex_parse(struct px_bytes pattern, struct regex_step steps[FILTER_REGEX_STEPS_MAX],
		const char **why, size_t *at);

#endif
