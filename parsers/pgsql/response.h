/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the server's direction share. */
#ifndef PX_PARSERS_PGSQL_RESPONSE_H
#define PX_PARSERS_PGSQL_RESPONSE_H

#include "pgsql/message.h"

/* What the steps of one call share. */
struct pgsql_answering {
	const struct px_parse_ctx *ctx;
	struct pgsql_state *st;
	struct px_bytes in;
	size_t pos; /* bytes of in that are dealt with */
	struct px_frame *out;
	struct pgsql_response *m; /* under construction, or NULL */
};

/* What the response under construction answers, if that is still known. */
struct pgsql_owed *pgsql_response_own(const struct pgsql_answering *r);

/* It answers something else, and nobody knows what. */
void pgsql_response_disown(struct pgsql_answering *r);

/*
 * Messages of a response. -1: it is broken; 0: it goes on; 1: its last one, 2: and nothing behind
 * it.
 */
int pgsql_response_part(struct pgsql_answering *r, const struct pgsql_head *h);

/* A setting that the server tells: of interest at the start. */
bool pgsql_response_setting(struct pgsql_answering *r, const struct pgsql_head *h);

#endif
