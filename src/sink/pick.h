/* SPDX-License-Identifier: Apache-2.0 */
/* --fields: which fields of a record are shown, and in which order. */
#ifndef PX_SINK_PICK_H
#define PX_SINK_PICK_H

#include "base/error.h"
#include "record/record.h"

#define PX_PICK_MAX 64 /* fields */
#define PX_PICK_TABLES 32 /* protocols whose places are remembered */

/* Where the fields are in the records of one protocol. */
struct px_pick_table {
	const struct px_field *fields; /* NULL: of records that belong to none */
	struct px_field_ref refs[PX_PICK_MAX]; /* with field NULL where there is no such field */
	uint64_t common, proto; /* a bit for each of them */
};

struct px_pick {
	size_t count;
	struct px_bytes names[PX_PICK_MAX];
	size_t table_count;
	struct px_pick_table tables[PX_PICK_TABLES];
};

/*
 * Read a list of names, divided by commas, as px_field_find_message() takes them; groups: the
 * protocols that may have them. text and tables are borrowed for as long as p lives. Returns 0, or
 * -1 with err filled.
 */
PX_MUST_USE int px_pick_init(struct px_pick *p, const char *text,
			     const struct px_field_group *groups, size_t count,
			     struct px_error *err);

/* The places for a record. */
const struct px_pick_table *px_pick_table(struct px_pick *p, const struct px_record *r);

/*
 * The value of one of the fields: NULL where it is absent. *type: what it is; of a member of a map
 * PX_TYPE_STR, of a member of objects PX_TYPE_OBJECTS still. tmp: room for a value that is made.
 */
const struct px_value *px_pick_value(const struct px_record *r, const struct px_field_ref *ref,
				     enum px_type *type, struct px_value *tmp);

#endif
