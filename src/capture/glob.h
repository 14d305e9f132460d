/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns for process names as tables that the kernel side can follow byte by byte: * ? [a-z]
 * [!a-z] \x.
 */
#ifndef PX_CAPTURE_GLOB_H
#define PX_CAPTURE_GLOB_H

#include "base/words.h"

#define PX_GLOB_PLACES 64	/* in all patterns together; a pattern has one more than it takes bytes */

/*
 * A set of patterns. A name is matched by following all places at once, a bit each: from begin, by
 * each byte c,
 *	at = (at & takes[c]) << 1 | (at & stars)
 * It matches if a bit of end is left. No pattern at all: end is 0.
 */
struct px_glob {
	uint64_t begin, stars, end;
	uint64_t takes[256];
	unsigned int places;	/* in use */
};

/*
 * Add a pattern. Returns 0; -EINVAL for one that is none (empty, open bracket); -ENOBUFS if all
 * become too long.
 */
PX_MUST_USE int px_glob_add(struct px_glob *g, const char *pattern);

/* Does one of the patterns match all of name? */
bool px_glob_matches(const struct px_glob *g, const char *name);

#endif
