/* SPDX-License-Identifier: Apache-2.0 */
#include "tables/schema.h"

#include <stdio.h>

#define BIT(f) ((uint64_t)1 << (f))
/* All from the first to the last. */
#define BITS(first, last) ((BIT(last) << 1) - BIT(first))

#define SCHEMA_MESSAGE BITS(PX_F_SEQ, PX_F_SPAN_ID)
#define SCHEMA_TIME (BIT(PX_F_TS) | BIT(PX_F_TS_US))
#define SCHEMA_PROCESS BITS(PX_F_PID, PX_F_CONTAINER)

const struct px_schema_table px_schema_fixed[PX_SCHEMA_FIXED_COUNT] = {
	[PX_SCHEMA_MESSAGES] = { "messages", "", PX_SCHEMA_SEQ, SCHEMA_MESSAGE },
	[PX_SCHEMA_CONNECTIONS] = { "connections", "", PX_SCHEMA_CONN,
				    BIT(PX_F_TYPE) | SCHEMA_TIME | BITS(PX_F_PID, PX_F_CONN) |
					    BIT(PX_F_PROTO) | BIT(PX_F_OK) | BIT(PX_F_ERROR) |
					    BITS(PX_F_CONNECT_NS, PX_F_LOST_BYTES) },
	[PX_SCHEMA_LOST] = { "lost", "", PX_SCHEMA_SEQ,
			     BIT(PX_F_SEQ) | SCHEMA_TIME | BIT(PX_F_CONN) |
				     BITS(PX_F_EVENTS, PX_F_WHERE) },
	[PX_SCHEMA_NOTES] = { "notes", "", PX_SCHEMA_SEQ,
			      BIT(PX_F_SEQ) | SCHEMA_TIME | SCHEMA_PROCESS | BIT(PX_F_DURATION_NS) |
				      BIT(PX_F_WHAT) | BIT(PX_F_TEXT) },
	[PX_SCHEMA_META] = { "meta", "", PX_SCHEMA_ONE,
			     SCHEMA_TIME | BITS(PX_F_V, PX_F_FILTER) |
				     BITS(PX_F_DURATION_NS, PX_F_DURATION_NS) |
				     BITS(PX_F_MESSAGES, PX_F_LOST_BYTES) |
				     BITS(PX_F_REASON, PX_F_NOT_UNDERSTOOD),
			     .more = "command" },
};

/* Who took part, by what was seen of them. */
static const char schema_processes[] =
	"CREATE VIEW processes AS\n"
	"SELECT pid, comm, exe, uid, unit, container, cgroup, min(ts) AS first_ts, max(ts) AS last_ts,\n"
	"\tsum(messages) AS messages, sum(errors) AS errors, sum(connections) AS connections\n"
	"FROM (SELECT pid, comm, exe, uid, unit, container, cgroup, ts,\n"
	"\t\t1 AS messages, NOT ok AS errors, 0 AS connections FROM messages\n"
	"\tUNION ALL SELECT pid, comm, exe, uid, unit, container, cgroup, ts, 0, 0, 1 FROM connections)\n"
	"WHERE pid IS NOT NULL GROUP BY pid, comm, exe;\n";

struct px_schema_table px_schema_of(const struct px_field_group *group)
{
	if (group->is_record)
		return (struct px_schema_table){ group->name, "", PX_SCHEMA_SEQ,
						 SCHEMA_MESSAGE | BIT(PX_F_ERRORS), group->fields };
	return (struct px_schema_table){ group->name, "_part", PX_SCHEMA_SEQ, BIT(PX_F_SEQ),
					 group->fields };
}

const char *px_schema_column(const struct px_field *f, char out[PX_SCHEMA_NAME])
{
	snprintf(out, PX_SCHEMA_NAME, "%s%s",
		 f->side == PX_SIDE_REQ	   ? "req_"
		 : f->side == PX_SIDE_RESP ? "resp_"
					   : "",
		 f->name);
	return out;
}

static const char *schema_type(enum px_type type)
{
	switch (type) {
	case PX_TYPE_INT:
	case PX_TYPE_BOOL:
		return "INTEGER";
	case PX_TYPE_DECIMAL:
		return "REAL";
	default:
		return "TEXT"; /* a value that is no valid text is a BLOB; maps, lists and objects are JSON */
	}
}

static const char *schema_constraint(const struct px_schema_table *t, unsigned int common)
{
	if (t->key == PX_SCHEMA_SEQ && common == PX_F_SEQ)
		return " PRIMARY KEY";
	if (t->key == PX_SCHEMA_CONN && common == PX_F_CONN)
		return " PRIMARY KEY NOT NULL";
	return "";
}

/* "a" TEXT, "b" INTEGER, ... */
static int schema_table(struct px_buf *out, const struct px_schema_table *t)
{
	int err = px_buf_printf(out, "CREATE TABLE \"%s%s\"(", t->name, t->suffix);
	const char *comma = "";
	char column[PX_SCHEMA_NAME];

	if (!err && t->key == PX_SCHEMA_ONE) {
		err = px_buf_printf(out, "id INTEGER PRIMARY KEY CHECK(id = 1)");
		comma = ", ";
	}
	for (uint64_t rest = t->common; !err && rest; rest &= rest - 1) {
		unsigned int i = (unsigned int)__builtin_ctzll(rest);

		err = px_buf_printf(out, "%s\"%s\" %s%s", comma, px_common_fields[i].name,
				    schema_type(px_common_fields[i].type), schema_constraint(t, i));
		comma = ", ";
	}
	for (const struct px_field *f = t->own; !err && f && f->type != PX_TYPE_NONE; f++)
		err = px_buf_printf(out, "%s\"%s\" %s", comma, px_schema_column(f, column),
				    schema_type(f->type));
	if (!err && t->more)
		err = px_buf_printf(out, "%s\"%s\" TEXT", comma, t->more);
	return err ? err : px_buf_printf(out, ");\n");
}

/* The messages of a protocol: the common columns and its own. */
static int schema_view(struct px_buf *out, const struct px_field_group *group)
{
	int err = px_buf_printf(out, "CREATE VIEW \"%s\" AS SELECT m.*", group->name);
	char column[PX_SCHEMA_NAME];

	for (const struct px_field *f = group->fields; !err && f->type != PX_TYPE_NONE; f++)
		err = px_buf_printf(out, ", p.\"%s\"", px_schema_column(f, column));
	return err ? err
		   : px_buf_printf(out, "\nFROM \"%s_part\" p JOIN messages m ON m.seq = p.seq;\n",
				   group->name);
}

int px_schema_print(struct px_buf *out, const struct px_field_group *groups, size_t count)
{
	int err = 0;

	for (size_t i = 0; !err && i < PX_SCHEMA_FIXED_COUNT; i++)
		err = schema_table(out, &px_schema_fixed[i]);
	if (!err)
		err = px_buf_printf(out, "%s", schema_processes);
	for (size_t i = 0; !err && i < count; i++) {
		struct px_schema_table t = px_schema_of(&groups[i]);

		err = schema_table(out, &t);
		if (!err && !groups[i].is_record)
			err = schema_view(out, &groups[i]);
	}
	return err;
}

static size_t schema_width(const struct px_schema_table *t)
{
	size_t count = (size_t)__builtin_popcountll(t->common) + (t->more != NULL);

	for (const struct px_field *f = t->own; f && f->type != PX_TYPE_NONE; f++)
		count++;
	return count;
}

/* What a later record says counts, but for the time: that is when it began. */
static int schema_update(struct px_buf *out, const struct px_schema_table *t)
{
	const char *comma = "";
	int err = px_buf_printf(out, " ON CONFLICT(%s) DO UPDATE SET ",
				t->key == PX_SCHEMA_ONE ? "id" : "conn");

	for (uint64_t rest = t->common; !err && rest; rest &= rest - 1) {
		const char *name = px_common_fields[__builtin_ctzll(rest)].name;

		if (BIT(__builtin_ctzll(rest)) & (SCHEMA_TIME | BIT(PX_F_CONN)))
			continue;
		err = px_buf_printf(out, "%s\"%s\" = coalesce(excluded.\"%s\", \"%s\")", comma,
				    name, name, name);
		comma = ", ";
	}
	return err;
}

int px_schema_insert(struct px_buf *out, const struct px_schema_table *t)
{
	size_t width = schema_width(t);
	int err = px_buf_printf(out, "INSERT INTO \"%s%s\" VALUES(%s?", t->name, t->suffix,
				t->key == PX_SCHEMA_ONE ? "1, " : "");

	for (size_t i = 1; !err && i < width; i++)
		err = px_buf_printf(out, ", ?");
	if (!err)
		err = px_buf_printf(out, ")");
	return err || t->key == PX_SCHEMA_SEQ ? err : schema_update(out, t);
}
