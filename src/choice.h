/* SPDX-License-Identifier: Apache-2.0 */
/* What of all that passes is wanted: protocols, and messages by a filter expression. */
#ifndef PX_CHOICE_H
#define PX_CHOICE_H

#include "cli/options.h"
#include "conn/table.h"
#include "filter/filter.h"
#include "sink/pick.h"

#define PX_CHOICE_TABLES_MAX (PX_FILTER_PROTOCOLS_MAX + 1)
#define PX_CHOICE_PARSERS_MAX 32 /* as many as px_decoder.excluded has bits */

struct px_choice {
	struct px_filter *filter; /* NULL: all */
	const struct px_parser *parsers[PX_CHOICE_PARSERS_MAX + 1]; /* that are asked, ended by NULL */
	struct px_decode_as decode_as[PX_DECODE_AS_MAX];
	size_t decode_as_count;
	struct px_pick *pick; /* the fields that are shown; NULL: all */
	struct px_field_group tables[PX_CHOICE_TABLES_MAX]; /* what px_choice_tables() gives */
	size_t table_count;
};

/*
 * Make of the options what they mean. What the expression says of processes, ports, addresses and
 * roles goes into those of o as well, so that the kernel decides it. Returns 0, or -1 with err
 * filled. px_choice_fini() takes it in either case.
 */
PX_MUST_USE int px_choice_init(struct px_choice *c, struct px_options *o, struct px_error *err);
void px_choice_fini(struct px_choice *c);

/* Does anybody look at more of a message than its text line shows? */
bool px_choice_needs_details(const struct px_choice *c, const struct px_options *o);

/* Whether one of the protocols that are asked travels in datagrams. */
bool px_choice_has_datagrams(const struct px_choice *c);

/* The protocols with their fields, for lists of them: at most max. Returns how many. */
size_t px_choice_groups(struct px_field_group *groups, size_t max);

/* All that have fields of their own: the records of -S, then the protocols. Returns how many. */
size_t px_choice_tables(struct px_field_group groups[PX_CHOICE_TABLES_MAX]);

#endif
