/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share. */
#ifndef PX_TABLES_PRIVATE_H
#define PX_TABLES_PRIVATE_H

#include <sqlite3.h>

#include "tables/tables.h"

/* The connection that queries use; all rows that have come are in what it sees. */
sqlite3 *px_tables_db(struct px_tables *t);

/* Let queries see all rows that have come. Returns 0, or -1 with err filled. */
PX_MUST_USE int px_tables_settle(struct px_tables *t, struct px_error *err);

/*
 * Does somebody read for so long that the log, which grows meanwhile, has taken all it may?
 * px_tables_behind says so.
 */
bool px_tables_is_behind(struct px_tables *t);
extern const char px_tables_behind[];

/* Bytes of the file that are in use, and of its log. */
uint64_t px_keep_size(sqlite3 *db);
uint64_t px_keep_log_size(sqlite3 *db);
/* Have a log that stays small beside so many bytes. */
void px_keep_log(sqlite3 *db, uint64_t bytes);
/* Let the oldest messages go, and what belongs to them (rest NULL: none). Returns how many went. */
struct px_rest;
uint64_t px_keep_forget(sqlite3 *db, const struct px_field_group *groups, size_t count,
			struct px_rest *rest);
/* The number that a statement gives; 0 where it gives none. */
int64_t px_keep_number(sqlite3 *db, const char *sql);

/* --- rest.c --- */

PX_MUST_USE int px_rest_new(sqlite3 *db, const struct px_field_group *groups, size_t count,
			    struct px_rest **out);
void px_rest_free(struct px_rest *r);
/* Beside a message's row. Returns an SQLite result code. */
PX_MUST_USE int px_rest_add(struct px_rest *r, const struct px_record *rec);
void px_rest_forget(struct px_rest *r, int64_t last_seq);
/* The rest of tables; NULL: they remember none. */
struct px_rest *px_tables_rest(struct px_tables *t);

/* percentile(), fold(), host(), ms(). Returns an SQLite result code. */
PX_MUST_USE int px_functions_register(sqlite3 *db);

#endif
