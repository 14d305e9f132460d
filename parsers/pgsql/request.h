/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the files that put a client's messages together: request.c and one for each protocol of
 * queries.
 */
#ifndef PGSQL_REQUEST_H
#define PGSQL_REQUEST_H

#include "pgsql/message.h"

/* What the steps of one call share. */
struct pgsql_asking {
	const struct px_parse_ctx *ctx;
	struct pgsql_state *st;
	struct px_bytes in;
	size_t pos; /* bytes of in that are dealt with */
	struct px_frame *out;
	struct pgsql_request *m; /* under construction, or NULL */
};

/* For both protocols of queries; what each does is said there. */
struct px_bytes pgsql_request_rest(const struct pgsql_asking *r);
bool pgsql_request_begin(struct pgsql_asking *r, enum pgsql_what what);
bool pgsql_request_keep(struct pgsql_asking *r, size_t n);
struct px_parse_result pgsql_request_done(struct pgsql_asking *r);
bool pgsql_request_owe_ready(struct pgsql_asking *r);
struct pgsql_owed *pgsql_request_owe(struct pgsql_asking *r, enum pgsql_owed_kind kind,
				     bool *is_paid);

/* The simple one. */
void pgsql_request_verb(struct pgsql_owed *o, const struct px_sql_look *look);
struct px_bytes pgsql_request_sql(const struct pgsql_request *m);
void pgsql_request_look(struct pgsql_asking *r, struct px_bytes text);
struct px_parse_result pgsql_request_statements(struct pgsql_asking *r, size_t text, size_t size);
struct px_parse_result pgsql_request_query(struct pgsql_asking *r, const struct pgsql_head *h);

/* What is not waited for goes by and is kept as far as there is room; behind it there is long(). */
struct px_parse_result pgsql_request_go_long(struct pgsql_asking *r, const struct pgsql_head *h);
struct px_parse_result pgsql_request_long(struct pgsql_asking *r);

/* The extended one. */
bool pgsql_request_answers(struct pgsql_asking *r);
struct px_parse_result pgsql_request_extended(struct pgsql_asking *r, const struct pgsql_head *h);
struct px_parse_result pgsql_request_flush(struct pgsql_asking *r);
bool pgsql_request_behind_execute(struct pgsql_asking *r, struct px_parse_result *res);
struct px_parse_result pgsql_request_sync(struct pgsql_asking *r);

#endif
