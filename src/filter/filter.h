/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which records are wanted: an expression over their fields, read once and made into a flat program
 * of tests and jumps.
 *
 *     http and status >= 500 or latency > 200ms      and, or, not, parentheses; not binds closest
 *     path ~ "^/api"   cmd in (GET, MGET)   not ok   = != < <= > >= ~ !~ contains in
 *     port 80   host 10.0.0.0/8   redis              either end's port or address; a protocol
 */
#ifndef PX_FILTER_FILTER_H
#define PX_FILTER_FILTER_H

#include "base/error.h"
#include "base/net.h"
#include "record/record.h"

#define PX_FILTER_TEXT_MAX 8192 /* bytes of an expression */
#define PX_FILTER_PROTOCOLS_MAX 62
#define PX_FILTER_PIDS_MAX 16

struct px_filter;

/*
 * Read an expression. text: borrowed, copied. name: of the file it is from, or NULL. protocols: as
 * for px_fields_print(), at most PX_FILTER_PROTOCOLS_MAX; their tables have to outlive the filter.
 *
 * Returns 0; -1 with err filled (PX_EXIT_USAGE, or PX_EXIT_FAILED for want of memory): what is
 * wrong, the line with a caret below it, and what may have been meant. *out is NULL where text
 * holds nothing but blanks and comments (# to the end of the line).
 */
PX_MUST_USE int px_filter_new(struct px_bytes text, const char *name,
			      const struct px_field_group *protocols, size_t count,
			      struct px_filter **out, struct px_error *err);
void px_filter_free(struct px_filter *f);

/*
 * Is the record wanted? Message, open and close records are asked about. A field that is absent, or
 * null, makes its comparison false. Allocates nothing.
 */
bool px_filter_match(struct px_filter *f, const struct px_record *r);

/* Does it look at fields that are left out of a record with no_details? */
bool px_filter_wants_details(const struct px_filter *f);

/* The expression as one line, borrowed: for the start record. */
struct px_bytes px_filter_text(const struct px_filter *f);

/* What every record that passes has; an empty list holds for all. */
struct px_filter_implied {
	uint32_t pids[PX_FILTER_PIDS_MAX];
	size_t pid_count;
	struct px_ends ends;
};

/* What can be decided before there is a record: in the kernel. */
void px_filter_implied(const struct px_filter *f, struct px_filter_implied *out);

#endif
