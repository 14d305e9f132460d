/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A histogram of times: 64 buckets of equal width to each power of two, so what it says is within
 * 0.8 % of what was put in. Memory is taken for the powers that occur, from a pool that ends.
 */
#ifndef PX_TALLY_HIST_H
#define PX_TALLY_HIST_H

#include "base/bytes.h"

#define PX_HIST_BITS 6
#define PX_HIST_OCTAVES 42	/* up to 2^48 ns, three days; what is longer counts as that */

struct px_hist_block {
	uint32_t count[1 << PX_HIST_BITS];
};

/* How many blocks there may be, of all histograms together. */
struct px_hist_pool {
	size_t left;
};

struct px_hist {
	struct px_hist_block *octave[PX_HIST_OCTAVES + 1];	/* the first one holds 0 to 63, each by itself */
	uint64_t count;
	uint64_t uncounted;	/* for which there was no memory */
};

void px_hist_add(struct px_hist *h, struct px_hist_pool *pool, uint64_t value);

/* The value that permille thousandths of all do not exceed (nearest rank); 0 of an empty one. */
uint64_t px_hist_at(const struct px_hist *h, unsigned int permille);

void px_hist_fini(struct px_hist *h);

#endif
