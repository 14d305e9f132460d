/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows as the records they were. What a row does not tell is in a table that only the writer's own
 * connection has: which of the values that are NULL are absent, and the text line's summary.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tables/private.h"
#include "tables/schema.h"

#define REST_BATCH 200 /* messages between two looks at who waits */

/* What belongs to one protocol. */
struct rest_group {
	struct px_field fields[PX_PROTO_FIELDS_MAX + 1]; /* as they are when they come from rows */
	sqlite3_stmt *select;
};

struct px_rest {
	sqlite3 *db;
	sqlite3_stmt *insert, *forget, *select;
	const struct px_field_group *groups;
	size_t count;
	struct rest_group *own; /* one per group */
	struct px_record record;
};

static const char rest_create[] = "CREATE TEMP TABLE rest(seq INTEGER PRIMARY KEY, "
				  "common INTEGER, proto INTEGER, sides INTEGER, summary BLOB)";
static const char rest_insert[] = "INSERT INTO rest VALUES(?, ?, ?, ?, ?)";
static const char rest_forget[] = "DELETE FROM rest WHERE seq <= ?";
static const char rest_select[] =
	"SELECT m.*, r.common, r.proto, r.sides, r.summary FROM messages m JOIN rest r USING(seq) "
	"WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?";

static int rest_prepare(struct px_rest *r, const char *sql, sqlite3_stmt **out)
{
	return sqlite3_prepare_v3(r->db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
}

static enum px_type rest_type(enum px_type type)
{
	switch (type) {
	case PX_TYPE_MAP:
	case PX_TYPE_OBJECTS:
		return PX_TYPE_JSON;
	case PX_TYPE_LIST:
		return PX_TYPE_JSON_LIST;
	default:
		return type;
	}
}

static int rest_group_init(struct px_rest *r, struct rest_group *own,
			   const struct px_field_group *group)
{
	char sql[128];

	if (group->is_record) /* they are no messages */
		return SQLITE_OK;
	for (size_t i = 0; group->fields[i].type != PX_TYPE_NONE; i++) {
		own->fields[i] = group->fields[i];
		own->fields[i].type = rest_type(group->fields[i].type);
	}
	snprintf(sql, sizeof(sql), "SELECT * FROM \"%s_part\" WHERE seq = ?", group->name);
	return rest_prepare(r, sql, &own->select);
}

int px_rest_new(sqlite3 *db, const struct px_field_group *groups, size_t count,
		struct px_rest **out)
{
	struct px_rest *r = calloc(1, sizeof(*r));
	int rc = SQLITE_NOMEM;

	if (!r)
		return rc;
	r->db = db;
	r->groups = groups;
	r->count = count;
	r->own = calloc(count, sizeof(*r->own));
	if (r->own || !count)
		rc = sqlite3_exec(db, rest_create, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = rest_prepare(r, rest_insert, &r->insert);
	if (rc == SQLITE_OK)
		rc = rest_prepare(r, rest_forget, &r->forget);
	if (rc == SQLITE_OK)
		rc = rest_prepare(r, rest_select, &r->select);
	for (size_t i = 0; rc == SQLITE_OK && i < count; i++)
		rc = rest_group_init(r, &r->own[i], &groups[i]);
	if (rc == SQLITE_OK)
		*out = r;
	else
		px_rest_free(r);
	return rc;
}

void px_rest_free(struct px_rest *r)
{
	if (!r)
		return;
	sqlite3_finalize(r->insert);
	sqlite3_finalize(r->forget);
	sqlite3_finalize(r->select);
	for (size_t i = 0; r->own && i < r->count; i++)
		sqlite3_finalize(r->own[i].select);
	free(r->own);
	free(r);
}

int px_rest_add(struct px_rest *r, const struct px_record *rec)
{
	int rc;

	sqlite3_bind_int64(r->insert, 1, rec->common[PX_F_SEQ].i);
	sqlite3_bind_int64(r->insert, 2, (int64_t)rec->has_common);
	sqlite3_bind_int64(r->insert, 3, (int64_t)rec->has_proto);
	sqlite3_bind_int(r->insert, 4, rec->has_req | rec->has_resp << 1);
	sqlite3_bind_blob64(r->insert, 5, rec->summary.len ? rec->summary.ptr : "",
			    rec->summary.len, SQLITE_STATIC);
	rc = sqlite3_step(r->insert);
	sqlite3_reset(r->insert);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

void px_rest_forget(struct px_rest *r, int64_t last_seq)
{
	sqlite3_bind_int64(r->forget, 1, last_seq);
	sqlite3_step(r->forget);
	sqlite3_reset(r->forget);
}

/* --- back --- */

static struct px_bytes rest_bytes(sqlite3_stmt *stmt, int column)
{
	const char *ptr = sqlite3_column_blob(stmt, column);

	/* An empty text is one, and not nothing. */
	return px_bytes_of(ptr ? ptr : "", ptr ? (size_t)sqlite3_column_bytes(stmt, column) : 0);
}

/* 2026-02-03T04:05:06.123456789Z */
static int64_t rest_time(struct px_bytes text)
{
	struct tm tm = { 0 };
	char copy[40];
	long ns = 0;

	snprintf(copy, sizeof(copy), "%.*s", (int)text.len, text.ptr);
	if (sscanf(copy, "%d-%d-%dT%d:%d:%d.%9ld", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
		   &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &ns) != 7)
		return 0;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	return (int64_t)timegm(&tm) * 1000000000 + ns;
}

static struct px_value rest_value(sqlite3_stmt *stmt, int column, enum px_type type)
{
	struct px_value v = { .is_null = sqlite3_column_type(stmt, column) == SQLITE_NULL };
	double thousandths;

	if (v.is_null)
		return v;
	switch (type) {
	case PX_TYPE_INT:
		v.i = sqlite3_column_int64(stmt, column);
		break;
	case PX_TYPE_DECIMAL:
		thousandths = sqlite3_column_double(stmt, column) * 1000;
		v.i = (int64_t)(thousandths < 0 ? thousandths - 0.5 : thousandths + 0.5);
		break;
	case PX_TYPE_BOOL:
		v.b = sqlite3_column_int(stmt, column) != 0;
		break;
	case PX_TYPE_TIME:
		v.i = rest_time(rest_bytes(stmt, column));
		break;
	default:
		v.s = rest_bytes(stmt, column);
		break;
	}
	return v;
}

/* The flags by their names in a JSON list. */
static unsigned int rest_flags(struct px_bytes list)
{
	unsigned int flags = 0;

	for (unsigned int i = 0; i < PX_FLAG_COUNT; i++)
		for (size_t at = 1; at < list.len; at = px_bytes_find(list, at, ',') + 1) {
			struct px_bytes rest = px_bytes_sub(list, at + 1, SIZE_MAX);
			size_t end = px_bytes_find(rest, 0, '"');

			if (px_bytes_eq(px_bytes_sub(rest, 0, end), px_record_flag_name(i)))
				flags |= 1U << i;
		}
	return flags;
}

static const struct px_schema_table *rest_messages(void)
{
	return &px_schema_fixed[PX_SCHEMA_MESSAGES];
}

/* The row's own columns; returns the first one behind them. */
static int rest_common(struct px_record *rec, sqlite3_stmt *stmt)
{
	int column = 0;

	for (uint64_t bits = rest_messages()->common; bits; bits &= bits - 1) {
		unsigned int f = (unsigned int)__builtin_ctzll(bits);

		if (f == PX_F_FLAGS)
			px_record_flags(rec, rest_flags(rest_bytes(stmt, column)));
		else
			rec->common[f] = rest_value(stmt, column, px_common_fields[f].type);
		column++;
	}
	return column;
}

/* What its protocol has. */
static int rest_proto(struct px_rest *r, struct px_record *rec)
{
	struct rest_group *own = NULL;

	for (size_t i = 0; i < r->count; i++)
		if (px_bytes_eq(rec->common[PX_F_PROTO].s, px_bytes_str(r->groups[i].name)))
			own = &r->own[i];
	if (!own || !own->select)
		return SQLITE_DONE;
	sqlite3_reset(own->select);
	sqlite3_bind_int64(own->select, 1, rec->common[PX_F_SEQ].i);
	if (sqlite3_step(own->select) != SQLITE_ROW)
		return SQLITE_DONE;
	rec->fields = own->fields;
	for (int i = 0; own->fields[i].type != PX_TYPE_NONE; i++)
		rec->proto[i] = rest_value(own->select, i + 1, own->fields[i].type);
	return SQLITE_ROW;
}

static void rest_record(struct px_rest *r)
{
	struct px_record *rec = &r->record;
	int column;

	px_record_clear(rec, PX_RECORD_MESSAGE);
	column = rest_common(rec, r->select);
	rec->has_common = (uint64_t)sqlite3_column_int64(r->select, column);
	if (rest_proto(r, rec) == SQLITE_ROW)
		rec->has_proto = (uint64_t)sqlite3_column_int64(r->select, column + 1);
	rec->has_req = sqlite3_column_int(r->select, column + 2) & 1;
	rec->has_resp = sqlite3_column_int(r->select, column + 2) >> 1;
	rec->summary = rest_bytes(r->select, column + 3);
}

/* Some more; *seq: of the last one. Returns how many there were, or what fn returned. */
static int rest_batch(struct px_rest *r, int64_t *seq, int64_t last,
		      int (*fn)(void *ctx, const struct px_record *r), void *ctx, size_t *count)
{
	int rc = 0;

	*count = 0;
	sqlite3_bind_int64(r->select, 1, *seq);
	sqlite3_bind_int64(r->select, 2, last);
	sqlite3_bind_int(r->select, 3, REST_BATCH);
	while (!rc && sqlite3_step(r->select) == SQLITE_ROW) {
		rest_record(r);
		*seq = r->record.common[PX_F_SEQ].i;
		++*count;
		rc = fn(ctx, &r->record);
	}
	/* Who reads keeps nothing from being written between two of them. */
	sqlite3_reset(r->select);
	for (size_t i = 0; i < r->count; i++)
		sqlite3_reset(r->own[i].select);
	return rc;
}

int px_tables_replay(struct px_tables *t, int (*fn)(void *ctx, const struct px_record *r),
		     bool (*is_interrupted)(void *ctx), void *ctx, struct px_error *err)
{
	struct px_rest *r = px_tables_rest(t);
	int64_t seq = 0, last;
	size_t count;
	int rc;

	if (!r)
		return px_error_set(err, PX_EXIT_FAILED, NULL, "these tables remember no records");
	last = px_keep_number(r->db, "SELECT max(seq) FROM messages");
	do {
		rc = rest_batch(r, &seq, last, fn, ctx, &count);
		if (!rc && is_interrupted(ctx))
			return px_error_set(err, PX_EXIT_INTERRUPTED, NULL, "interrupted");
	} while (!rc && count > 0);
	return rc;
}
