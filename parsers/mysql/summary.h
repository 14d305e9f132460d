/* SPDX-License-Identifier: Apache-2.0 */
/* The free text that ends a line: SQL, parameters, rows or error, within what a line shows. */
#ifndef PX_PARSERS_MYSQL_SUMMARY_H
#define PX_PARSERS_MYSQL_SUMMARY_H

#include "mysql/message.h"

#define MYSQL_SUMMARY_MAX 1024

struct mysql_summary {
	struct px_arena *arena;
	char *text;
	size_t len;
};

/* arena NULL: nobody will look at it, and the other functions do nothing. */
void mysql_summary_begin(struct mysql_summary *s, struct px_arena *arena);
void mysql_summary_add(struct mysql_summary *s, struct px_bytes b);
void mysql_summary_number(struct mysql_summary *s, uint64_t n);

/* An SQL text on one line, cut where it would leave no room for what comes behind it. */
void mysql_summary_sql(struct mysql_summary *s, struct px_bytes sql, bool has_before);
void mysql_summary_params(struct mysql_summary *s, const struct mysql_params *p);

/* How it ended; err: its error, or NULL. */
void mysql_summary_answer(struct mysql_summary *s, const struct mysql_msg *m,
			  const struct mysql_result *err);
struct px_bytes mysql_summary_text(const struct mysql_summary *s);

#endif
