/* SPDX-License-Identifier: Apache-2.0 */
/* The files below bpf_src/, carried in the binary. */
#ifndef PX_CAPTURE_EMBEDDED_H
#define PX_CAPTURE_EMBEDDED_H

#include <stddef.h>

struct px_embedded {
	const char *path;	/* below bpf_src/ */
	const char *text;	/* ends with a 0 byte that len does not count */
	size_t len;
};

/* Ended by a row without a path. */
extern const struct px_embedded px_embedded[];

#endif
