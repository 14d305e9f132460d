/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records as rows of an SQLite database, in a file that others can read while it grows or in a
 * temporary one; and what is asked of it.
 */
#ifndef PX_TABLES_TABLES_H
#define PX_TABLES_TABLES_H

#include "base/error.h"
#include "record/record.h"
#include "sink/sink.h"

struct px_tables;

/*
 * path     of the file, created as px_file_create() does; NULL: temporary, gone with px_tables_free()
 * groups   the protocols, borrowed for as long as this lives
 * command  what the user typed, for `meta`; copied
 *
 * Returns 0, or -1 with err filled.
 */
PX_MUST_USE int px_tables_new(const char *path, const struct px_field_group *groups, size_t count,
			      struct px_bytes command, struct px_tables **out,
			      struct px_error *err);

/*
 * What takes the records; not to be freed through its free(). Rows are written in transactions of
 * PX_TABLES_OPEN_MS; record() and flush() return 0, or the -errno that ended this output.
 */
#define PX_TABLES_OPEN_MS 50
struct px_sink *px_tables_sink(struct px_tables *t);

/*
 * From now on queries have a connection of their own, with a view of what is there when each
 * begins: records may go on coming while one runs. Not for temporary tables. Returns 0, or -1 with
 * err filled.
 */
PX_MUST_USE int px_tables_read_apart(struct px_tables *t, struct px_error *err);

/*
 * Keep of each message also what its row does not tell, so that px_tables_replay() can make the
 * record again. To be called before records come. Returns 0, or -1 with err filled.
 */
PX_MUST_USE int px_tables_remember(struct px_tables *t, struct px_error *err);

/*
 * Give the messages that are there now to fn as the records they were: all but bytes (-A, -x), in
 * which values that are no scalars are PX_TYPE_JSON, and so with tables of fields of their own.
 * is_interrupted() is asked now and then, and records may come in it. Returns 0, what fn returned
 * to end it, or -1 with err filled.
 */
PX_MUST_USE int px_tables_replay(struct px_tables *t,
				 int (*fn)(void *ctx, const struct px_record *r),
				 bool (*is_interrupted)(void *ctx), void *ctx,
				 struct px_error *err);

/*
 * Let the oldest messages go so that the file with its log takes no more than so many bytes; 0:
 * never. What it has taken already is used again, and not given back. px_tables_gone(): how many
 * went.
 */
void px_tables_keep(struct px_tables *t, uint64_t bytes);
uint64_t px_tables_gone(const struct px_tables *t);

/*
 * A copy of all rows in a file of its own, made as with px_tables_new(). is_interrupted() is asked
 * all the time, and the trace may go on in it. Returns 0, or -1 with err filled.
 */
PX_MUST_USE int px_tables_save(struct px_tables *t, const char *path,
			       bool (*is_interrupted)(void *ctx), void *ctx, struct px_error *err);

/* Does sql end a statement? A ';' within quotes or a comment does not. */
bool px_tables_is_complete(const char *sql);

/* All records have come: complete the file. Returns 0, or -1 with err filled. */
PX_MUST_USE int px_tables_finish(struct px_tables *t, struct px_error *err);

/* Rows that were not written because another program kept the file locked. */
uint64_t px_tables_refused(const struct px_tables *t);

/* NULL is fine. */
void px_tables_free(struct px_tables *t);

#endif
