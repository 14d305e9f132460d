/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of a query as lines: an aligned table, JSON Lines or CSV. */
#ifndef PX_TABLES_ANSWER_H
#define PX_TABLES_ANSWER_H

#include <sqlite3.h>

#include "base/buf.h"
#include "tables/query.h"

struct px_answer {
	const struct px_answer_options *opt;
	struct px_buf text;	/* lines that are complete; of a table the cells of rows that wait */
	size_t *ends;		/* of a table: where each cell of `text` ends */
	size_t *widths;		/* and how many columns it takes on a terminal */
	size_t cell_count, cell_room;
	size_t *column_widths;	/* known once the first rows have been written */
	bool *is_left;		/* which columns hold texts */
	int columns;
	bool has_widths;
};

void px_answer_init(struct px_answer *a, const struct px_answer_options *opt);
void px_answer_fini(struct px_answer *a);

/*
 * The rows of a statement: its header, each row that sqlite3_step() has come to, and the end.
 * Return 0, or -errno: of write(), -ENOMEM or -ENOBUFS.
 */
PX_MUST_USE int px_answer_begin(struct px_answer *a, sqlite3_stmt *stmt);
PX_MUST_USE int px_answer_row(struct px_answer *a, sqlite3_stmt *stmt);
PX_MUST_USE int px_answer_end(struct px_answer *a);

#endif
