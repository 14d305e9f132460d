/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets that were there before the tracing: the first that is seen of them is not their
 * beginning.
 */
#ifndef PX_CAPTURE_OLD_H
#define PX_CAPTURE_OLD_H

#include "base/bytes.h"

/* All 0 is an empty list. */
struct px_old {
	uint64_t *inos;
	size_t count, room, sorted;	/* so many of the first are in order */
	bool misses;	/* some could not be listed: any may be one of them */
};

void px_old_fini(struct px_old *o);

/* Add a socket by its inode number; list is a struct px_old. */
void px_old_note(void *list, uint64_t ino);

/* Add those that process pid has open now, or all processes. */
void px_old_add(struct px_old *o, uint32_t pid);
void px_old_add_all(struct px_old *o);

/*
 * Call fn for each socket that process pid has open now. False: it is not there, or not ours to
 * look at.
 */
bool px_old_each(uint32_t pid, void (*fn)(void *ctx, uint64_t ino), void *ctx);

bool px_old_has(struct px_old *o, uint64_t ino);

#endif
