/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks at processes in /proc for a tracer that has given up the privileges that this takes: a
 * process of its own, which reads nothing that others have written and answers one question.
 */
#ifndef PX_CAPTURE_LOOK_H
#define PX_CAPTURE_LOOK_H

#include "capture/source.h"

struct px_look;

/* To be started while there are privileges and little is open. NULL where that fails. */
struct px_look *px_look_start(void);
void px_look_stop(struct px_look *l);

/*
 * The program of process pid, as a text that is empty where it cannot be had; and call fn for each
 * socket (its inode number) that the process has open now. Without who looks (NULL) the caller's
 * own privileges have to do. False: sockets could not be listed.
 */
PX_MUST_USE bool px_look_at(struct px_look *l, uint32_t pid, char exe[PX_SOURCE_EXE_MAX],
			    void (*fn)(void *ctx, uint64_t ino), void *ctx);

#endif
