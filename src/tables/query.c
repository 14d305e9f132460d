/* SPDX-License-Identifier: Apache-2.0 */
#include "tables/query.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>

#include "tables/answer.h"
#include "tables/private.h"

#define QUERY_STEPS 20000	/* of SQLite's machine between two looks at the keyboard: less than a millisecond */

struct query {
	const struct px_answer_options *opt;
	struct px_tables *tables;
	bool was_interrupted, is_behind;
	char denied[128];	/* what the last statement must not do; empty: nothing */
};

/* Pragmas that tell of the tables; with a value most others would change something. */
static bool query_is_telling(const char *name)
{
	static const char *const telling[] = { "table_info",	  "table_xinfo", "table_list",
					       "index_list",	  "index_info",	 "function_list",
					       "integrity_check", "quick_check" };

	for (size_t i = 0; i < PX_COUNT(telling); i++)
		if (strcasecmp(name, telling[i]) == 0)
			return true;
	return false;
}

/*
 * What a statement may do. SQLite asks while it is prepared, so that nothing of a refused one is
 * run.
 */
static int query_authorize(void *ctx, int action, const char *one, const char *two,
			   const char *database, const char *by)
{
	struct query *q = ctx;
	const char *what = "change anything";

	(void)database, (void)by;
	switch (action) {
	case SQLITE_SELECT:
	case SQLITE_READ:
	case SQLITE_RECURSIVE:
		return SQLITE_OK;
	case SQLITE_FUNCTION:
		/*
		 * Ours and SQLite's own; those that could load code or reach files are not ours to
		 * give.
		 */
		if (two && strcasecmp(two, "load_extension") != 0 &&
		    strcasecmp(two, "fts3_tokenizer") != 0)
			return SQLITE_OK;
		what = "load code";
		break;
	case SQLITE_PRAGMA:
		if (one && query_is_telling(one))
			return SQLITE_OK;
		what = "use this pragma";
		break;
	case SQLITE_ATTACH:
	case SQLITE_DETACH:
		what = "open other files";
		break;
	default:
		break;
	}
	snprintf(q->denied, sizeof(q->denied), "a query can read, but not %s", what);
	return SQLITE_DENY;
}

static int query_progress(void *ctx)
{
	struct query *q = ctx;

	if (q->opt && q->opt->is_interrupted && q->opt->is_interrupted(q->opt->ctx))
		q->was_interrupted = true;
	q->is_behind |= px_tables_is_behind(q->tables);
	return q->was_interrupted || q->is_behind;
}

static int query_failed(struct px_tables *t, const struct query *q, enum px_exit code,
			struct px_error *err)
{
	static const char hint[] = "the tables: SELECT name FROM sqlite_schema; "
				   "columns: PRAGMA table_info(http)";

	if (q->was_interrupted)
		return px_error_set(err, PX_EXIT_INTERRUPTED, NULL, "interrupted");
	if (q->is_behind)
		return px_error_set(err, PX_EXIT_FAILED, NULL, "%s", px_tables_behind);
	if (q->denied[0])
		return px_error_set(err, code, NULL, "%s", q->denied);
	return px_error_set(err, code, code == PX_EXIT_USAGE ? hint : NULL, "%s",
			    sqlite3_errmsg(px_tables_db(t)));
}

static void query_begin(struct px_tables *t, struct query *q)
{
	sqlite3_set_authorizer(px_tables_db(t), query_authorize, q);
	sqlite3_progress_handler(px_tables_db(t), QUERY_STEPS, query_progress, q);
}

static void query_end(struct px_tables *t)
{
	sqlite3_set_authorizer(px_tables_db(t), NULL, NULL);
	sqlite3_progress_handler(px_tables_db(t), 0, NULL, NULL);
}

/* What the authorizer is not asked about: VACUUM. */
static bool query_only_reads(struct query *q, sqlite3_stmt *stmt)
{
	if (!stmt || sqlite3_stmt_readonly(stmt))
		return true;
	snprintf(q->denied, sizeof(q->denied), "a query can read, but not change anything");
	return false;
}

/*
 * The next statement of *sql, which is moved behind it; *out NULL at the end. Comments and empty
 * ones are passed over.
 */
static int query_next(struct px_tables *t, struct query *q, const char **sql, sqlite3_stmt **out,
		      struct px_error *err)
{
	*out = NULL;
	while (!*out && **sql) {
		q->denied[0] = '\0';
		if (sqlite3_prepare_v3(px_tables_db(t), *sql, -1, 0, out, sql) == SQLITE_OK &&
		    query_only_reads(q, *out))
			continue;
		query_failed(t, q, PX_EXIT_USAGE, err);
		sqlite3_finalize(*out);
		return -1;
	}
	return 0;
}

int px_tables_check(struct px_tables *t, const char *sql, struct px_error *err)
{
	struct query q = { .tables = t };
	sqlite3_stmt *stmt;
	size_t count = 0;
	int rc;

	query_begin(t, &q);
	while ((rc = query_next(t, &q, &sql, &stmt, err)) == 0 && stmt) {
		sqlite3_finalize(stmt);
		count++;
	}
	query_end(t);
	if (!rc && !count)
		rc = px_error_set(
			err, PX_EXIT_USAGE,
			"write it as: --sql 'SELECT op, target, ms(latency_ns) FROM http'",
			"there is no query");
	return rc;
}

static int query_run(struct px_tables *t, struct query *q, sqlite3_stmt *stmt, struct px_answer *a,
		     struct px_error *err)
{
	int rc = px_answer_begin(a, stmt), step = SQLITE_DONE;

	while (!rc && (step = sqlite3_step(stmt)) == SQLITE_ROW)
		rc = px_answer_row(a, stmt);
	if (!rc)
		rc = px_answer_end(a);
	if (rc)
		return rc;
	return step == SQLITE_DONE ? 0 : query_failed(t, q, PX_EXIT_FAILED, err);
}

int px_tables_query(struct px_tables *t, const char *sql, const struct px_answer_options *opt,
		    struct px_error *err)
{
	struct query q = { .opt = opt, .tables = t };
	struct px_answer a;
	sqlite3_stmt *stmt;
	bool is_first = true;
	int rc;

	px_answer_init(&a, opt);
	if (px_tables_settle(t, err) != 0)
		return -1;
	query_begin(t, &q);
	while ((rc = query_next(t, &q, &sql, &stmt, err)) == 0 && stmt) {
		if (!is_first && opt->format != PX_ANSWER_JSON)
			rc = opt->write(opt->ctx, PX_BYTES("\n"));
		is_first = false;
		if (!rc)
			rc = query_run(t, &q, stmt, &a, err);
		sqlite3_finalize(stmt);
		if (rc)
			break;
	}
	query_end(t);
	px_answer_fini(&a);
	if (rc == -ENOMEM || rc == -ENOBUFS)
		return px_error_set(err, PX_EXIT_FAILED, NULL, "out of memory");
	return rc;
}
