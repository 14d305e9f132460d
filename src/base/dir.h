/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two directions of a connection and the two roles of its ends, as the traced process sees
 * them.
 */
#ifndef PX_BASE_DIR_H
#define PX_BASE_DIR_H

enum px_dir { PX_DIR_IN = 0, PX_DIR_OUT = 1 };	/* the numbers of bpf_src/abi.h */

static inline enum px_dir px_dir_other(enum px_dir dir)
{
	return dir == PX_DIR_IN ? PX_DIR_OUT : PX_DIR_IN;
}

enum px_role { PX_ROLE_UNKNOWN = 0, PX_ROLE_CLIENT, PX_ROLE_SERVER };

/* The direction in which requests travel for a process with this role. */
static inline enum px_dir px_role_request_dir(enum px_role role)
{
	return role == PX_ROLE_SERVER ? PX_DIR_IN : PX_DIR_OUT;
}

#endif
