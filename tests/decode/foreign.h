/* SPDX-License-Identifier: Apache-2.0 */
/* Streams that are none of pxtrace's protocols, made anew from a seed each time. */
#ifndef PX_TESTS_DECODE_FOREIGN_H
#define PX_TESTS_DECODE_FOREIGN_H

#include "base/buf.h"

struct foreign_rng {
	uint64_t state;
};

uint64_t foreign_random(struct foreign_rng *r);

/* One of 0 to n - 1. */
size_t foreign_below(struct foreign_rng *r, size_t n);

struct foreign_kind {
	const char *name;
	const char *own;	/* the parser that this is for, should there be one: it may claim it */
	void (*make)(struct foreign_rng *r, struct px_buf *out);
};

extern const struct foreign_kind foreign_kinds[];
extern const size_t foreign_kind_count;

#endif
