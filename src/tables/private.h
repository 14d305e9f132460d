/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share. */
#ifndef PX_TABLES_PRIVATE_H
#define PX_TABLES_PRIVATE_H

#include <sqlite3.h>

#include "tables/tables.h"

sqlite3 *px_tables_db(struct px_tables *t);

/* percentile(), fold(), host(), ms(). Returns an SQLite result code. */
PX_MUST_USE int px_functions_register(sqlite3 *db);

#endif
