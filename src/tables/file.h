/* SPDX-License-Identifier: Apache-2.0 */
/* The file that a database is made in. */
#ifndef PX_TABLES_FILE_H
#define PX_TABLES_FILE_H

#include <sqlite3.h>

#include "base/error.h"

/* Bytes of a page, and how many of them the log has before they go into the file, unless told. */
#define PX_TABLES_PAGE 8192
#define PX_TABLES_LOG_PAGES 2000

/*
 * Make the file as px_file_create() does, emptied, and open it as a database that others can read
 * while it is written; path NULL: a temporary one. Returns 0, or -1 with err filled.
 */
PX_MUST_USE int px_tables_open(const char *path, sqlite3 **out, struct px_error *err);

#endif
