/* SPDX-License-Identifier: Apache-2.0 */
/* Questions in SQL, which can read the tables and do nothing else. */
#ifndef PX_TABLES_QUERY_H
#define PX_TABLES_QUERY_H

#include "tables/tables.h"

enum px_answer_format { PX_ANSWER_TABLE, PX_ANSWER_JSON, PX_ANSWER_CSV };

struct px_answer_options {
	enum px_answer_format format;
	size_t width;	/* columns of the terminal, which cells are cut to; 0: they are left whole */
	/* Take a piece of the answer, of whole lines. 0, or the -errno that ends it. */
	int (*write)(void *ctx, struct px_bytes text);
	/* Asked all the time: shall the query end? */
	bool (*is_interrupted)(void *ctx);
	void *ctx;
};

/*
 * Would the statements of sql be taken? Returns 0, or -1 with err filled (PX_EXIT_USAGE): what is
 * wrong with them.
 */
PX_MUST_USE int px_tables_check(struct px_tables *t, const char *sql, struct px_error *err);

/*
 * Run each of the statements and write what it gives, in escaped lines; all rows that the sink has
 * taken are seen. Returns 0, or -1 with err filled: PX_EXIT_USAGE, PX_EXIT_FAILED or
 * PX_EXIT_INTERRUPTED. What write() returned is no error of the query: it ends it, and is returned.
 */
PX_MUST_USE int px_tables_query(struct px_tables *t, const char *sql,
				const struct px_answer_options *opt, struct px_error *err);

#endif
