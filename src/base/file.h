/* SPDX-License-Identifier: Apache-2.0 */
/* Files that we create: private, and never through a link or over what belongs to somebody else. */
#ifndef PX_BASE_FILE_H
#define PX_BASE_FILE_H

#include "base/error.h"

/*
 * Open path for writing, emptied, mode 0600 when it is new. "-" is standard output (a duplicate of
 * it).
 *
 * A symbolic link, a file with several names and a file of another user are refused: the tracer
 * often runs as root in folders that others can write to. Devices and pipes are taken as they are.
 * A new file belongs to the user behind sudo where the folder is theirs.
 *
 * Returns a descriptor (close-on-exec), or -1 with err filled.
 */
PX_MUST_USE int px_file_create(const char *path, struct px_error *err);

/* Are they one regular file? Then writing to one would empty what is read from the other. */
bool px_file_is_same(const char *one, const char *other);

/*
 * Make the folders that path, a full one, goes through and that are not there: for us alone, and
 * the user's behind sudo where the one above is theirs. Returns 0 or -errno.
 */
PX_MUST_USE int px_file_make_folders(const char *path);

/* Write all of b, also where write() takes it in parts. Returns 0 or -errno. */
PX_MUST_USE int px_file_write(int fd, struct px_bytes b);

#endif
