/* SPDX-License-Identifier: Apache-2.0 */
#include "tables/tables.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "sink/json_value.h"
#include "sink/escape.h"
#include "sink/when.h"
#include "tables/file.h"
#include "tables/private.h"
#include "tables/schema.h"

#define TABLES_SQL_MAX ((size_t)1 << 20)
#define TABLES_TEXT_MAX ((size_t)1 << 30)	/* of what is made for one row */
#define TABLES_TEXT_KEPT ((size_t)1 << 20)	/* a buffer that grew beyond this is given back */
#define TABLES_MADE_MAX (PX_COMMON_COUNT + PX_PROTO_FIELDS_MAX)

#define KEEP_SHARE 4	/* of what is kept, the part that the log may take */
#define KEEP_TRANSACTIONS 64	/* of what is kept, the part that one transaction may add */

/* A table that rows go into. */
struct table {
	const struct px_schema_table *def;
	sqlite3_stmt *insert;
	uint64_t common_bound, own_bound;	/* the fields whose parameters hold something */
	uint8_t parameter[PX_COMMON_COUNT];	/* of each common field; 0: it has none */
	int own_first;				/* parameter of the first of its own fields */
	struct px_json_key keys[PX_PROTO_FIELDS_MAX];
};

/* A text that was made for a row, in px_tables.json.buf. */
struct made {
	int parameter;
	size_t at, len;
};

struct px_tables {
	struct px_sink base;
	sqlite3 *db;
	sqlite3 *reader;		/* for queries; NULL: db serves for them, too */
	char *name;			/* for messages */
	char *command;
	struct table fixed[PX_SCHEMA_FIXED_COUNT];
	const struct px_field_group *groups;
	size_t group_count;
	struct px_schema_table *defs;	/* one per group */
	struct table *own;		/* one per group */
	sqlite3_stmt *begin, *commit;
	struct px_rest *rest;		/* NULL: rows are not made into records again */
	bool is_open;			/* a transaction is */
	uint64_t open_ns;		/* since when */
	struct px_json json;
	struct made made[TABLES_MADE_MAX];
	size_t made_count;
	struct px_json_key common_keys[PX_COMMON_COUNT];
	uint64_t refused;
	uint64_t keep_bytes, gone;	/* how much is kept, 0: all; messages that had to go */
	uint64_t open_bytes;		/* of texts, in rows since the last transaction began */
	char error[256];		/* what ended this output; empty: nothing did */
};

sqlite3 *px_tables_db(struct px_tables *t)
{
	return t->reader ? t->reader : t->db;
}

void px_tables_keep(struct px_tables *t, uint64_t bytes)
{
	t->keep_bytes = bytes;
	if (bytes)
		px_keep_log(t->db, bytes / KEEP_SHARE);
}

bool px_tables_is_behind(struct px_tables *t)
{
	return t->keep_bytes && px_keep_log_size(t->db) > t->keep_bytes / KEEP_SHARE;
}

uint64_t px_tables_gone(const struct px_tables *t)
{
	return t->gone;
}

bool px_tables_is_complete(const char *sql)
{
	return sqlite3_complete(sql);
}

uint64_t px_tables_refused(const struct px_tables *t)
{
	return t->refused;
}

/* --- a row --- */

/* Texts that are made are bound when all are there: the buffer may have moved until then. */
static void row_made(struct px_tables *t, int parameter, size_t at)
{
	t->made[t->made_count++] = (struct made){ parameter, at, t->json.buf.len - at };
}

static void row_time(struct px_tables *t, int parameter, int64_t ns)
{
	struct px_buf *b = &t->json.buf;
	size_t at = b->len;

	if (px_buf_reserve(b, PX_WHEN_UTC_LEN) != 0)
		return;
	px_when_utc(&t->json.when, b->ptr + at, ns);
	b->len += PX_WHEN_UTC_LEN;
	row_made(t, parameter, at);
}

static void row_text(struct px_tables *t, sqlite3_stmt *insert, int parameter, struct px_bytes s)
{
	const char *ptr = s.len ? s.ptr : "";

	t->open_bytes += s.len;
	if (px_utf8_valid(s))
		sqlite3_bind_text64(insert, parameter, ptr, s.len, SQLITE_STATIC, SQLITE_UTF8);
	else
		sqlite3_bind_blob64(insert, parameter, ptr, s.len, SQLITE_STATIC);
}

/* What has no memory, or is too large for SQLite (1 GB), stays NULL. */
static void row_value(struct px_tables *t, sqlite3_stmt *insert, int parameter,
		      const struct px_json_key *key, const struct px_field *f,
		      const struct px_value *v)
{
	size_t at = t->json.buf.len;

	if (v->is_null) {
		sqlite3_bind_null(insert, parameter);
		return;
	}
	switch (f->type) {
	case PX_TYPE_STR:
	case PX_TYPE_BODY:
		row_text(t, insert, parameter, v->s);
		break;
	case PX_TYPE_INT:
		sqlite3_bind_int64(insert, parameter, v->i);
		break;
	case PX_TYPE_DECIMAL:
		sqlite3_bind_double(insert, parameter, (double)v->i / 1000);
		break;
	case PX_TYPE_BOOL:
		sqlite3_bind_int(insert, parameter, v->b);
		break;
	case PX_TYPE_TIME:
		sqlite3_bind_null(insert, parameter);
		row_time(t, parameter, v->i);
		break;
	default:
		sqlite3_bind_null(insert, parameter);
		if (px_json_structure(&t->json, key, f, v))
			row_made(t, parameter, at);
		break;
	}
}

/* The parameters that the row before had and this one has not. */
static void row_clear(sqlite3_stmt *insert, uint64_t stale, const uint8_t *parameter, int first)
{
	for (; stale; stale &= stale - 1) {
		int i = __builtin_ctzll(stale);

		sqlite3_bind_null(insert, parameter ? parameter[i] : first + i);
	}
}

static void row_bind(struct px_tables *t, struct table *table, const struct px_record *r)
{
	uint64_t common = r->has_common & table->def->common;
	uint64_t own = table->def->own ? r->has_proto : 0;

	t->json.buf.len = 0;
	t->made_count = 0;
	row_clear(table->insert, table->common_bound & ~common, table->parameter, 0);
	row_clear(table->insert, table->own_bound & ~own, NULL, table->own_first);
	table->common_bound = common;
	table->own_bound = own;
	for (; common; common &= common - 1) {
		unsigned int i = (unsigned int)__builtin_ctzll(common);

		row_value(t, table->insert, table->parameter[i], &t->common_keys[i],
			  &px_common_fields[i], &r->common[i]);
	}
	for (; own; own &= own - 1) {
		unsigned int i = (unsigned int)__builtin_ctzll(own);

		row_value(t, table->insert, table->own_first + (int)i, &table->keys[i],
			  &table->def->own[i], &r->proto[i]);
	}
	/* A row tells of the connection, whose time is that of its beginning. */
	if (r->type == PX_RECORD_CLOSE && px_record_has(r, PX_F_DURATION_NS)) {
		int64_t ns = r->common[PX_F_TS].i - r->common[PX_F_DURATION_NS].i;

		row_time(t, table->parameter[PX_F_TS], ns);
		sqlite3_bind_int64(table->insert, table->parameter[PX_F_TS_US], ns / 1000);
	}
	for (size_t i = 0; i < t->made_count; i++)
		sqlite3_bind_text64(table->insert, t->made[i].parameter,
				    t->json.buf.ptr + t->made[i].at, t->made[i].len, SQLITE_STATIC,
				    SQLITE_UTF8);
	t->open_bytes += t->json.buf.len;
}

static int tables_failed(struct px_tables *t)
{
	snprintf(t->error, sizeof(t->error), "%s", sqlite3_errmsg(t->db));
	return -EIO;
}

static int tables_rc(struct px_tables *t, int rc)
{
	if (rc == SQLITE_DONE || rc == SQLITE_OK)
		return 0;
	if (rc != SQLITE_BUSY && rc != SQLITE_TOOBIG)
		return tables_failed(t);
	return rc;
}

static int tables_step(struct px_tables *t, sqlite3_stmt *stmt)
{
	int rc = sqlite3_step(stmt);

	sqlite3_reset(stmt);
	return tables_rc(t, rc);
}

struct px_rest *px_tables_rest(struct px_tables *t)
{
	return t->rest;
}

int px_tables_remember(struct px_tables *t, struct px_error *err)
{
	int rc = px_rest_new(t->db, t->groups, t->group_count, &t->rest);

	return rc == SQLITE_OK ? 0
			       : px_error_set(err, PX_EXIT_FAILED, NULL, "%s: %s", t->name,
					      sqlite3_errstr(rc));
}

static int row_insert(struct px_tables *t, struct table *table, const struct px_record *r)
{
	row_bind(t, table, r);
	return tables_step(t, table->insert);
}

/* --- as a sink --- */

static struct table *tables_own(struct px_tables *t, const struct px_field *fields)
{
	for (size_t i = 0; i < t->group_count; i++)
		if (t->groups[i].fields == fields)
			return &t->own[i];
	return NULL;
}

static int tables_begin(struct px_tables *t)
{
	int rc;

	if (t->is_open)
		return 0;
	rc = tables_step(t, t->begin);
	if (rc)
		return rc;
	t->is_open = true;
	t->open_bytes = 0;
	t->open_ns = px_clock_mono_ns();
	return 0;
}

/* The oldest go until the others are few enough. */
static void tables_forget(struct px_tables *t)
{
	uint64_t limit = t->keep_bytes - t->keep_bytes / KEEP_SHARE, gone = 1;

	while (gone && px_keep_size(t->db) > limit) {
		gone = px_keep_forget(t->db, t->groups, t->group_count, t->rest);
		t->gone += gone;
	}
}

static int tables_commit(struct px_tables *t)
{
	int rc;

	if (!t->is_open)
		return 0;
	rc = tables_step(t, t->commit);
	if (rc == SQLITE_BUSY)
		return 0; /* a reader of the log's end: at the next call */
	t->is_open = false;
	if (!rc && t->keep_bytes)
		tables_forget(t);
	return rc;
}

/* The tables that a record goes into, at most two. */
static size_t tables_of(struct px_tables *t, const struct px_record *r, struct table *out[2])
{
	struct table *own = r->fields ? tables_own(t, r->fields) : NULL;

	switch (r->type) {
	case PX_RECORD_MESSAGE:
		out[0] = &t->fixed[PX_SCHEMA_MESSAGES];
		out[1] = own;
		return own ? 2 : 1;
	case PX_RECORD_OPEN:
	case PX_RECORD_CLOSE:
		out[0] = &t->fixed[PX_SCHEMA_CONNECTIONS];
		return 1;
	case PX_RECORD_LOST:
		out[0] = &t->fixed[PX_SCHEMA_LOST];
		return 1;
	case PX_RECORD_NOTE:
		out[0] = &t->fixed[PX_SCHEMA_NOTES];
		return 1;
	case PX_RECORD_START:
	case PX_RECORD_STOP:
		out[0] = &t->fixed[PX_SCHEMA_META];
		return 1;
	case PX_RECORD_TLS:
	case PX_RECORD_SUMMARY:
		out[0] = own;
		return own ? 1 : 0;
	}
	return 0;
}

static int tables_record(struct px_sink *base, const struct px_record *r)
{
	struct px_tables *t = (struct px_tables *)base;
	struct table *table[2];
	size_t count = tables_of(t, r, table);
	int rc;

	if (t->error[0])
		return -EIO;
	rc = tables_begin(t);
	for (size_t i = 0; !rc && i < count; i++)
		rc = row_insert(t, table[i], r);
	if (!rc && t->rest && r->type == PX_RECORD_MESSAGE)
		rc = tables_rc(t, px_rest_add(t->rest, r));
	if (t->json.buf.cap > TABLES_TEXT_KEPT)
		px_buf_fini(&t->json.buf);
	t->refused += rc > 0;
	if (rc >= 0 && t->keep_bytes && t->open_bytes > t->keep_bytes / KEEP_TRANSACTIONS) {
		t->open_bytes = 0;
		rc = tables_commit(t);
	}
	return rc < 0 ? rc : 0;
}

static int tables_flush(struct px_sink *base)
{
	struct px_tables *t = (struct px_tables *)base;

	if (t->error[0])
		return -EIO;
	if (!t->is_open || px_clock_mono_ns() - t->open_ns < PX_TABLES_OPEN_MS * UINT64_C(1000000))
		return 0;
	return tables_commit(t);
}

static int tables_sink_free(struct px_sink *base)
{
	(void)base;
	return 0;
}

static const struct px_sink_ops tables_ops = {
	.record = tables_record,
	.flush = tables_flush,
	.free = tables_sink_free,
};

struct px_sink *px_tables_sink(struct px_tables *t)
{
	return &t->base;
}

/* --- life --- */

static int tables_prepare(struct px_tables *t, const char *sql, sqlite3_stmt **out)
{
	return sqlite3_prepare_v3(t->db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
}

static int table_init(struct px_tables *t, struct table *table, const struct px_schema_table *def)
{
	struct px_buf sql = px_buf_of(TABLES_SQL_MAX);
	int next = 1, rc = SQLITE_NOMEM;
	unsigned int i = 0;

	table->def = def;
	for (uint64_t rest = def->common; rest; rest &= rest - 1)
		table->parameter[__builtin_ctzll(rest)] = (uint8_t)next++;
	table->own_first = next;
	for (const struct px_field *f = def->own; f && f->type != PX_TYPE_NONE; f++, next++)
		if (!px_json_key_init(&table->keys[i++], f))
			return SQLITE_NOMEM;
	if (px_schema_insert(&sql, def) == 0 && px_buf_append(&sql, px_bytes_of("", 1)) == 0)
		rc = tables_prepare(t, sql.ptr, &table->insert);
	px_buf_fini(&sql);
	if (rc == SQLITE_OK && def->more)
		rc = sqlite3_bind_text(table->insert, next, t->command, -1, SQLITE_STATIC);
	return rc;
}

static void table_fini(struct table *table)
{
	sqlite3_finalize(table->insert);
	for (size_t i = 0; i < PX_PROTO_FIELDS_MAX; i++)
		px_json_key_fini(&table->keys[i]);
}

static int tables_create(struct px_tables *t)
{
	struct px_buf sql = px_buf_of(TABLES_SQL_MAX);
	int rc = SQLITE_NOMEM;

	if (px_schema_print(&sql, t->groups, t->group_count) == 0 &&
	    px_buf_append(&sql, px_bytes_of("", 1)) == 0)
		rc = sqlite3_exec(t->db, "BEGIN", NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(t->db, sql.ptr, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(t->db, "COMMIT", NULL, NULL, NULL);
	px_buf_fini(&sql);
	return rc;
}

static int tables_init(struct px_tables *t)
{
	int rc = tables_create(t);

	if (rc == SQLITE_OK)
		rc = tables_prepare(t, "BEGIN IMMEDIATE", &t->begin);
	if (rc == SQLITE_OK)
		rc = tables_prepare(t, "COMMIT", &t->commit);
	for (size_t i = 0; rc == SQLITE_OK && i < PX_COMMON_COUNT; i++)
		if (!px_json_key_init(&t->common_keys[i], &px_common_fields[i]))
			rc = SQLITE_NOMEM;
	for (size_t i = 0; rc == SQLITE_OK && i < PX_SCHEMA_FIXED_COUNT; i++)
		rc = table_init(t, &t->fixed[i], &px_schema_fixed[i]);
	for (size_t i = 0; rc == SQLITE_OK && i < t->group_count; i++) {
		t->defs[i] = px_schema_of(&t->groups[i]);
		rc = table_init(t, &t->own[i], &t->defs[i]);
	}
	return rc == SQLITE_OK ? px_functions_register(t->db) : rc;
}

int px_tables_new(const char *path, const struct px_field_group *groups, size_t count,
		  struct px_bytes command, struct px_tables **out, struct px_error *err)
{
	struct px_tables *t = calloc(1, sizeof(*t));
	int rc;

	if (!t)
		return px_error_set(err, PX_EXIT_FAILED, NULL, "out of memory");
	t->base.ops = &tables_ops;
	t->json.buf = px_buf_of(TABLES_TEXT_MAX);
	t->groups = groups;
	t->group_count = count;
	t->name = strdup(path ? path : "temporary database");
	t->command = strndup(command.ptr ? command.ptr : "", command.len);
	t->defs = calloc(count, sizeof(*t->defs));
	t->own = calloc(count, sizeof(*t->own));
	if (!t->name || !t->command || (count && (!t->defs || !t->own))) {
		px_error_set(err, PX_EXIT_FAILED, NULL, "out of memory");
		goto fail;
	}
	if (px_tables_open(path, &t->db, err) != 0)
		goto fail;
	rc = tables_init(t);
	if (rc != SQLITE_OK) {
		px_error_set(err, PX_EXIT_FAILED, NULL, "%s: %s", t->name,
			     rc == SQLITE_NOMEM ? "out of memory" : sqlite3_errmsg(t->db));
		goto fail;
	}
	*out = t;
	return 0;
fail:
	px_tables_free(t);
	return -1;
}

int px_tables_settle(struct px_tables *t, struct px_error *err)
{
	if (t->reader && px_tables_finish(t, err) != 0)
		return -1;
	/* Nobody reads now: a log that grew too long can go into the file. */
	if (px_tables_is_behind(t))
		sqlite3_wal_checkpoint_v2(t->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	return 0;
}

int px_tables_read_apart(struct px_tables *t, struct px_error *err)
{
	const char *path = sqlite3_db_filename(t->db, "main");

	if (sqlite3_open_v2(path, &t->reader,
			    SQLITE_OPEN_READONLY | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX,
			    NULL) == SQLITE_OK &&
	    px_functions_register(t->reader) == SQLITE_OK)
		return 0;
	return px_error_set(err, PX_EXIT_FAILED, NULL, "%s: %s", t->name,
			    sqlite3_errmsg(t->reader));
}

int px_tables_finish(struct px_tables *t, struct px_error *err)
{
	if (!t->error[0] && tables_commit(t) == 0 && !t->is_open)
		return 0;
	if (!t->error[0])
		tables_failed(t);
	return px_error_set(err, PX_EXIT_FAILED, NULL, "%s: %s", t->name, t->error);
}

void px_tables_free(struct px_tables *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < PX_SCHEMA_FIXED_COUNT; i++)
		table_fini(&t->fixed[i]);
	for (size_t i = 0; t->own && i < t->group_count; i++)
		table_fini(&t->own[i]);
	for (size_t i = 0; i < PX_COMMON_COUNT; i++)
		px_json_key_fini(&t->common_keys[i]);
	sqlite3_finalize(t->begin);
	sqlite3_finalize(t->commit);
	px_rest_free(t->rest);
	sqlite3_close(t->reader);
	sqlite3_close(t->db);
	px_buf_fini(&t->json.buf);
	free(t->defs);
	free(t->own);
	free(t->name);
	free(t->command);
	free(t);
}
