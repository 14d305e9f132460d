/* SPDX-License-Identifier: Apache-2.0 */
/* Other programs, beside us. */
#ifndef PX_BASE_SPAWN_H
#define PX_BASE_SPAWN_H

#include <sys/types.h>

#include "base/bytes.h"

/*
 * Run argv[0], which is looked for in PATH, with signals as a program expects them: none is blocked,
 * and SIGPIPE ends it. Our descriptor `from` is its `to`. Returns its process id, or -errno.
 */
PX_MUST_USE pid_t px_spawn(char *const argv[], int from, int to);

#endif
