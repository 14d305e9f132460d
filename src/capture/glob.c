/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/glob.h"

#include <errno.h>

/*
 * The bytes of a [set], *p being behind its bracket; moves *p behind its end. Enters place in what
 * they take.
 */
static int glob_set(struct px_glob *g, const char **p, uint64_t place)
{
	bool wanted[256] = { false }, negated = **p == '!' || **p == '^';
	const char *s = *p + negated, *first = s;

	for (; *s && (*s != ']' || s == first); s++) {
		unsigned int low = (unsigned char)*s, high = low;

		if (s[1] == '-' && s[2] && s[2] != ']') {
			high = (unsigned char)s[2];
			s += 2;
		}
		for (unsigned int c = low; c <= high; c++)
			wanted[c] = true;
	}
	if (*s != ']')
		return -EINVAL;
	for (unsigned int c = 1; c < 256; c++)
		if (wanted[c] != negated)
			g->takes[c] |= place;
	*p = s + 1;
	return 0;
}

int px_glob_add(struct px_glob *g, const char *pattern)
{
	struct px_glob grown = *g;

	if (!*pattern)
		return -EINVAL;
	if (grown.places == PX_GLOB_PLACES)
		return -ENOBUFS;
	grown.begin |= UINT64_C(1) << grown.places;
	while (*pattern) {
		uint64_t place = UINT64_C(1) << grown.places;
		int err = 0;

		if (*pattern == '*') {
			grown.stars |= place;
			pattern++;
			continue;
		}
		/* The place behind this one is needed too: the next byte's, or the end. */
		if (++grown.places == PX_GLOB_PLACES)
			return -ENOBUFS;
		if (*pattern == '?') {
			for (unsigned int c = 1; c < 256; c++)
				grown.takes[c] |= place;
			pattern++;
		} else if (*pattern == '[') {
			pattern++;
			err = glob_set(&grown, &pattern, place);
		} else {
			pattern += *pattern == '\\' && pattern[1];
			grown.takes[(unsigned char)*pattern++] |= place;
		}
		if (err)
			return err;
	}
	grown.end |= UINT64_C(1) << grown.places++;
	*g = grown;
	return 0;
}

bool px_glob_matches(const struct px_glob *g, const char *name)
{
	uint64_t at = g->begin;

	for (; *name; name++)
		at = (at & g->takes[(unsigned char)*name]) << 1 | (at & g->stars);
	return (at & g->end) != 0;
}
