/* SPDX-License-Identifier: Apache-2.0 */
/* Other programs, beside us. */
#ifndef PX_BASE_SPAWN_H
#define PX_BASE_SPAWN_H

#include <sys/types.h>

#include "base/bytes.h"

/*
 * Run argv[0], which is looked for in PATH, with signals as a program expects them: none is
 * blocked, and SIGPIPE ends it. Our descriptor `from` is its `to`. Returns its process id, or -errno.
 */
PX_MUST_USE pid_t px_spawn(char *const argv[], int from, int to);

/*
 * A process of our own beside us, which ends when we do; *sock is its end, or ours, of a
 * SOCK_SEQPACKET between the two. Returns its process id, 0 in it, -1 where it cannot be had.
 */
PX_MUST_USE pid_t px_fork_beside(int *sock);

#endif
