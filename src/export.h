/* SPDX-License-Identifier: Apache-2.0 */
/* .export of the shell: what tables hold, in the formats that records are printed in. */
#ifndef PX_EXPORT_H
#define PX_EXPORT_H

#include "base/error.h"
#include "tables/tables.h"

/*
 * Write the messages into a file, created as px_file_create() does, as -j or --format csv would
 * have printed them; tables: that remember (px_tables_remember()). is_interrupted() is asked now
 * and then, and records may come in it. Returns 0, or -1 with err filled.
 */
PX_MUST_USE int px_export_messages(struct px_tables *tables, bool as_csv, const char *path,
				   bool (*is_interrupted)(void *ctx), void *ctx,
				   struct px_error *err);

#endif
