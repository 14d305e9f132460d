/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that runs out: malloc(), calloc() and realloc() of a test program that is linked with
 * --wrap for the three, and with static libraries where those of others shall fail, too.
 */
#ifndef PX_TESTS_SUPPORT_OOM_H
#define PX_TESTS_SUPPORT_OOM_H

#include <stdbool.h>
#include <stddef.h>

struct px_oom {
	bool is_armed;		/* allocations are counted, and may fail */
	bool fails_on;		/* the ones behind fail_at fail, too */
	long allocations;	/* since somebody set this to 0 */
	long fail_at;		/* the one that is refused, from 0 on; -1: none */
	size_t largest;		/* bytes of one of them, since somebody set this to 0 */
};

extern struct px_oom px_oom;

#endif
