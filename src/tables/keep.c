/* SPDX-License-Identifier: Apache-2.0 */
/* Tables that do not grow without end, and copies of them. */
#include <stdio.h>

#include "tables/file.h"
#include "tables/private.h"
#include "tables/schema.h"

#define KEEP_PARTS 16 /* one of them goes at a time */
#define KEEP_LOG_PARTS 8 /* of what the log may take: then it goes into the file */
#define SAVE_PAGES 1000 /* that are copied between two looks at the trace */

const char px_tables_behind[] = "it took so long that more came meanwhile than .keep has room for";

int64_t px_keep_number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt = NULL;
	int64_t n = 0;

	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
	    sqlite3_step(stmt) == SQLITE_ROW)
		n = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return n;
}

static int keep_forget(sqlite3 *db, const char *table, int64_t last)
{
	char sql[160];

	snprintf(sql, sizeof(sql), "DELETE FROM \"%s\" WHERE seq <= %lld", table, (long long)last);
	return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

uint64_t px_keep_size(sqlite3 *db)
{
	int64_t pages = px_keep_number(db, "PRAGMA page_count") -
			px_keep_number(db, "PRAGMA freelist_count");
	int64_t rest = px_keep_number(db, "PRAGMA temp.page_count") -
		       px_keep_number(db, "PRAGMA temp.freelist_count");

	return (uint64_t)(pages * px_keep_number(db, "PRAGMA page_size") +
			  rest * px_keep_number(db, "PRAGMA temp.page_size"));
}

uint64_t px_keep_log_size(sqlite3 *db)
{
	sqlite3_file *log = NULL;
	sqlite3_int64 size = 0;

	if (sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) != SQLITE_OK ||
	    !log || !log->pMethods || log->pMethods->xFileSize(log, &size) != SQLITE_OK)
		return 0;
	return (uint64_t)size;
}

void px_keep_log(sqlite3 *db, uint64_t bytes)
{
	unsigned long long pages = bytes / KEEP_LOG_PARTS / PX_TABLES_PAGE;
	char sql[128];

	if (pages > PX_TABLES_LOG_PAGES)
		pages = PX_TABLES_LOG_PAGES;
	snprintf(sql, sizeof(sql), "PRAGMA wal_autocheckpoint=%llu; PRAGMA journal_size_limit=%llu",
		 pages, pages * 2 * PX_TABLES_PAGE);
	sqlite3_exec(db, sql, NULL, NULL, NULL);
}

/* Those that were closed before the messages that stay; where there are none, the oldest. */
static void keep_forget_connections(sqlite3 *db, int64_t cut)
{
	char sql[256];

	snprintf(sql, sizeof(sql),
		 "DELETE FROM connections WHERE type = 'close' AND ts_us < coalesce("
		 "(SELECT ts_us FROM messages WHERE seq > %lld ORDER BY seq LIMIT 1), "
		 "(SELECT min(ts_us) + (max(ts_us) - min(ts_us)) / %d FROM connections))",
		 (long long)cut, KEEP_PARTS);
	sqlite3_exec(db, sql, NULL, NULL, NULL);
}

uint64_t px_keep_forget(sqlite3 *db, const struct px_field_group *groups, size_t count,
			struct px_rest *rest)
{
	int64_t first = px_keep_number(db, "SELECT min(seq) FROM messages");
	int64_t last = px_keep_number(db, "SELECT max(seq) FROM messages");
	int64_t cut = first + (last - first) / KEEP_PARTS, gone;
	char name[PX_SCHEMA_NAME];

	/* One that fails has its space taken back at the next time. */
	sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	keep_forget_connections(db, cut);
	for (size_t i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%s%s", groups[i].name,
			 groups[i].is_record ? "" : "_part");
		keep_forget(db, name, cut);
	}
	if (rest)
		px_rest_forget(rest, cut);
	keep_forget(db, px_schema_fixed[PX_SCHEMA_LOST].name, cut);
	keep_forget(db, px_schema_fixed[PX_SCHEMA_NOTES].name, cut);
	gone = keep_forget(db, px_schema_fixed[PX_SCHEMA_MESSAGES].name, cut) == SQLITE_OK
		       ? sqlite3_changes64(db)
		       : 0;
	sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	return (uint64_t)gone;
}

int px_tables_save(struct px_tables *t, const char *path, bool (*is_interrupted)(void *ctx),
		   void *ctx, struct px_error *err)
{
	sqlite3_backup *backup;
	sqlite3 *copy = NULL;
	bool was_interrupted = false, is_behind = false;
	int rc;

	if (px_tables_settle(t, err) != 0 || px_tables_open(path, &copy, err) != 0)
		return -1;
	/* The copy is made of pages as they are: a transaction of the reader keeps them so. */
	sqlite3_exec(px_tables_db(t), "BEGIN; SELECT count(*) FROM meta", NULL, NULL, NULL);
	backup = sqlite3_backup_init(copy, "main", px_tables_db(t), "main");
	do {
		rc = backup ? sqlite3_backup_step(backup, SAVE_PAGES) : sqlite3_errcode(copy);
		was_interrupted = rc == SQLITE_OK && is_interrupted && is_interrupted(ctx);
		is_behind = rc == SQLITE_OK && px_tables_is_behind(t);
	} while (rc == SQLITE_OK && !was_interrupted && !is_behind);
	sqlite3_backup_finish(backup);
	sqlite3_exec(px_tables_db(t), "COMMIT", NULL, NULL, NULL);
	if (rc != SQLITE_DONE)
		px_error_set(err, was_interrupted ? PX_EXIT_INTERRUPTED : PX_EXIT_FAILED, NULL,
			     "%s: %s", path,
			     was_interrupted ? "interrupted"
			     : is_behind     ? px_tables_behind
					     : sqlite3_errstr(rc));
	sqlite3_close(copy);
	return rc == SQLITE_DONE ? 0 : -1;
}
