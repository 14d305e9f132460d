/* SPDX-License-Identifier: Apache-2.0 */
/* The system calls that are looked at, a row each: what a new call needs is here. */
#ifndef PX_CAPTURE_CALLS_H
#define PX_CAPTURE_CALLS_H

#include "abi.h"

struct px_call {
	const char *name;	/* of the kernel function, without the prefix */
	long nr;	/* on the processor that this is built for */
	struct px_abi_call what;
};

/* Ended by a row without a name. */
extern const struct px_call px_calls[];

#endif
