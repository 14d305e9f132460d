/* SPDX-License-Identifier: Apache-2.0 */
/* Which tables there are and what their columns are, made of the field registry; as SQL. */
#ifndef PX_TABLES_SCHEMA_H
#define PX_TABLES_SCHEMA_H

#include "base/buf.h"
#include "record/record.h"

/* What happens to a row that is there already. */
enum px_schema_key {
	PX_SCHEMA_SEQ,	/* `seq` numbers the rows; there is none */
	PX_SCHEMA_CONN,	/* a row per connection: what a later record tells is added */
	PX_SCHEMA_ONE,	/* the same for one row in all */
};

/*
 * A table. Its columns are those of px_common_fields that have a bit in `common`, in their order,
 * then those of `own`, then `more`. The parameters of its INSERT are numbered in this order, from
 * 1.
 */
struct px_schema_table {
	const char *name, *suffix;	/* "http", "_part" */
	enum px_schema_key key;
	uint64_t common;
	const struct px_field *own;	/* NULL: none */
	const char *more;		/* a text that is no field; NULL: none */
};

/* The tables that are there whatever the protocols. */
enum px_schema_fixed {
	PX_SCHEMA_MESSAGES,
	PX_SCHEMA_CONNECTIONS,
	PX_SCHEMA_LOST,
	PX_SCHEMA_NOTES,
	PX_SCHEMA_META,
	PX_SCHEMA_FIXED_COUNT,
};

extern const struct px_schema_table px_schema_fixed[PX_SCHEMA_FIXED_COUNT];

/*
 * The table of a protocol: of messages what they have beside the row in `messages`; of records that
 * are no messages all.
 */
struct px_schema_table px_schema_of(const struct px_field_group *group);

/* The column of a protocol's field: "req_method". `out` has PX_SCHEMA_NAME bytes; returns it. */
#define PX_SCHEMA_NAME 64
const char *px_schema_column(const struct px_field *f, char out[PX_SCHEMA_NAME]);

/* Append statements that make all tables and views. Returns 0, -ENOBUFS or -ENOMEM. */
PX_MUST_USE int px_schema_print(struct px_buf *out, const struct px_field_group *groups,
				size_t count);

/* Append the INSERT of a table. Returns as px_schema_print(). */
PX_MUST_USE int px_schema_insert(struct px_buf *out, const struct px_schema_table *t);

#endif
