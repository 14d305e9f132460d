/* SPDX-License-Identifier: Apache-2.0 */
#include "tables/file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

/*
 * A page has room for several rows of any protocol. The log goes into the file every 16 MB: often
 * enough that it takes a moment only. It is not forced to the disk sooner: a killed writer loses
 * nothing by that.
 */
_Static_assert(PX_TABLES_PAGE == 8192 && PX_TABLES_LOG_PAGES == 2000, "said to SQLite here");
static const char file_pragmas[] = "PRAGMA page_size=8192;"
				   "PRAGMA journal_mode=WAL;"
				   "PRAGMA synchronous=NORMAL;"
				   "PRAGMA wal_autocheckpoint=2000;"
				   "PRAGMA journal_size_limit=67108864;"
				   "PRAGMA cache_size=-16000;";
static const char temporary_pragmas[] = "PRAGMA page_size=8192;"
					"PRAGMA journal_mode=OFF;"
					"PRAGMA synchronous=OFF;"
					"PRAGMA cache_size=-64000;";

/* How long another program may keep the file locked before rows are given up. */
#define FILE_BUSY_MS 200

static int file_failed(const char *path, const char *why, struct px_error *err)
{
	return px_error_set(err, PX_EXIT_FAILED, NULL, "%s: %s", path, why);
}

/*
 * What is there already goes, where our rules let us write over it. It is not emptied and used
 * again: another program may have it open as a database, and would take the new one's log away when
 * it closes it.
 */
static int file_clear(const char *path, struct px_error *err)
{
	struct stat st;
	int fd;

	if (lstat(path, &st) != 0)
		return 0;
	if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
		return px_error_set(err, PX_EXIT_USAGE, "name a file: --sqlite FILE.db",
				    "%s: a database cannot be written there", path);
	fd = px_file_create(path, err);
	if (fd < 0)
		return -1;
	close(fd);
	return unlink(path) == 0 ? 0 : file_failed(path, strerror(errno), err);
}

/* An empty file, and nothing beside it that belongs to another database of its name. */
static int file_make(const char *path, struct stat *st, struct px_error *err)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", "-journal" };
	char name[PATH_MAX];
	int fd, rc;

	if (strcmp(path, "-") == 0)
		return px_error_set(err, PX_EXIT_USAGE, "name a file: --sqlite FILE.db",
				    "a database cannot be written to standard output");
	for (size_t i = 0; i < PX_COUNT(suffixes); i++) {
		if (snprintf(name, sizeof(name), "%s%s", path, suffixes[i]) >= (int)sizeof(name))
			return file_failed(path, strerror(ENAMETOOLONG), err);
		if (file_clear(name, err) != 0)
			return -1;
	}
	fd = px_file_create(path, err);
	if (fd < 0)
		return -1;
	rc = fstat(fd, st);
	/* SQLite's locks are of the process: our descriptor has to go before they come. */
	close(fd);
	return rc == 0 ? 0 : file_failed(path, strerror(errno), err);
}

static int file_open(const char *path, sqlite3 **db, struct px_error *err)
{
	struct stat made = { 0 }, opened = { 0 };
	char full[PATH_MAX];

	if (file_make(path, &made, err) != 0)
		return -1;
	/* Links in the path of its folder are followed here: SQLite is told to follow none. */
	if (!realpath(path, full))
		return file_failed(path, strerror(errno), err);
	if (sqlite3_open_v2(full, db,
			    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX,
			    NULL) != SQLITE_OK)
		return file_failed(path, sqlite3_errmsg(*db), err);
	if (lstat(full, &opened) != 0 || opened.st_dev != made.st_dev ||
	    opened.st_ino != made.st_ino)
		return file_failed(path, "somebody has replaced the file", err);
	return 0;
}

int px_tables_open(const char *path, sqlite3 **out, struct px_error *err)
{
	const char *pragmas = path ? file_pragmas : temporary_pragmas;
	sqlite3 *db = NULL;
	int rc = 0;

	if (path)
		rc = file_open(path, &db, err);
	else if (sqlite3_open_v2("", &db,
				 SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
				 NULL) != SQLITE_OK)
		rc = file_failed("a temporary database", sqlite3_errmsg(db), err);
	if (!rc && sqlite3_exec(db, pragmas, NULL, NULL, NULL) != SQLITE_OK)
		rc = file_failed(path ? path : "a temporary database", sqlite3_errmsg(db), err);
	if (rc) {
		sqlite3_close(db);
		return rc;
	}
	sqlite3_busy_timeout(db, FILE_BUSY_MS);
	*out = db;
	return 0;
}
