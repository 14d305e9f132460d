/* SPDX-License-Identifier: Apache-2.0 */
#include "tally/hist.h"

#include <stdlib.h>

#define HIST_WIDTH (1u << PX_HIST_BITS)

/* Of value v with its highest bit at b >= 6: octave b - 5, and the six bits below the highest. */
static unsigned int hist_octave(uint64_t value)
{
	unsigned int octave;

	if (value < HIST_WIDTH)
		return 0;
	octave = 63 - (unsigned int)__builtin_clzll(value) - PX_HIST_BITS + 1;
	return octave < PX_HIST_OCTAVES ? octave : PX_HIST_OCTAVES;
}

void px_hist_add(struct px_hist *h, struct px_hist_pool *pool, uint64_t value)
{
	unsigned int octave = hist_octave(value), bucket;

	if (!h->octave[octave]) {
		if (pool->left)
			h->octave[octave] = calloc(1, sizeof(*h->octave[octave]));
		if (!h->octave[octave]) {
			h->uncounted++;
			return;
		}
		pool->left--;
	}
	bucket = octave ? (unsigned int)(value >> (octave - 1)) & (HIST_WIDTH - 1)
			: (unsigned int)value;
	h->octave[octave]->count[bucket]++;
	h->count++;
}

uint64_t px_hist_at(const struct px_hist *h, unsigned int permille)
{
	uint64_t rank = (h->count * permille + 999) / 1000, seen = 0;

	if (h->count == 0)
		return 0;
	rank += rank == 0;
	for (unsigned int o = 0; o <= PX_HIST_OCTAVES; o++)
		for (unsigned int b = 0; h->octave[o] && b < HIST_WIDTH; b++) {
			seen += h->octave[o]->count[b];
			if (seen < rank)
				continue;
			if (o == 0)
				return b;
			/* The middle of the bucket. */
			return ((uint64_t)(HIST_WIDTH + b) << (o - 1)) +
			       ((uint64_t)1 << (o - 1)) / 2;
		}
	return 0;
}

void px_hist_fini(struct px_hist *h)
{
	for (unsigned int o = 0; o <= PX_HIST_OCTAVES; o++)
		free(h->octave[o]);
	memset(h, 0, sizeof(*h));
}
