/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's tracing files, wherever they are mounted or not. */
#ifndef PX_CAPTURE_TRACEFS_H
#define PX_CAPTURE_TRACEFS_H

#include "base/error.h"

/*
 * A descriptor of the root of tracefs. Where it is mounted nowhere it gets a mount of our own that
 * no path leads to and that goes with the descriptor. Returns -1 with err filled.
 */
PX_MUST_USE int px_tracefs_open(struct px_error *err);

#endif
