/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why something cannot be done, for a person: one line of cause, one of cure, and the exit code
 * that goes with it.
 */
#ifndef PX_BASE_ERROR_H
#define PX_BASE_ERROR_H

#include "base/bytes.h"

enum px_exit {
	PX_EXIT_OK = 0,
	PX_EXIT_FAILED = 1,	/* run-time error */
	PX_EXIT_USAGE = 2,
	PX_EXIT_PERMISSION = 3,
	PX_EXIT_HOST = 4,	/* this host cannot */
	PX_EXIT_TARGET = 5,	/* no such target */
	PX_EXIT_INTERRUPTED = 130,	/* Ctrl-C, where that is no ordinary end */
};

struct px_error {
	enum px_exit code;
	char cause[512];
	char cure[512];		/* empty where there is none */
};

/* Fill err; returns -1 so that `return px_error_set(...)` reads well. */
PX_PRINTF(4, 5)
int px_error_set(struct px_error *err, enum px_exit code, const char *cure, const char *cause_fmt,
		 ...);

/* "pxtrace: CAUSE" and "pxtrace: CURE" on stderr, in one write. */
void px_error_print(const struct px_error *err);

#endif
