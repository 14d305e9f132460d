/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extended regular expressions of POSIX over bytes: does some part of a text match? Takes time that
 * is linear in the text whatever the expression, and no memory once it is made. (The C library's
 * takes memory for each call, and wants an end of the text that it can see.)
 */
#ifndef PX_FILTER_REGEX_H
#define PX_FILTER_REGEX_H

#include "base/bytes.h"

#define FILTER_REGEX_STEPS_MAX 4096	/* of the program that an expression becomes */

struct filter_regex;

/*
 * Returns 0; -EINVAL with *why and *at, an offset in pattern, where it is none; -ENOBUFS where it
 * is too large; -ENOMEM.
 */
PX_MUST_USE int filter_regex_new(struct px_bytes pattern, struct filter_regex **out,
				 const char **why, size_t *at);
void filter_regex_free(struct filter_regex *re);

bool filter_regex_match(struct filter_regex *re, struct px_bytes text);

#endif
