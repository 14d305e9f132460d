/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prepared statements that a connection remembers: MYSQL_STMTS_MAX of them in MYSQL_STMT_BYTES_MAX
 * bytes. The one used least recently makes room, and is unknown from then on.
 */
#include "mysql/message.h"

#include <stdlib.h>

#define BUCKETS 64
#define LONG_KEPT 4096	/* bytes of one parameter */

struct mysql_stmts {
	struct mysql_stmt *buckets[BUCKETS];
	struct mysql_stmt *oldest, *newest;
	size_t count, bytes;
};

static void stmt_unlink(struct mysql_stmts *t, struct mysql_stmt *s)
{
	if (s->older)
		s->older->newer = s->newer;
	else
		t->oldest = s->newer;
	if (s->newer)
		s->newer->older = s->older;
	else
		t->newest = s->older;
}

static void stmt_link(struct mysql_stmts *t, struct mysql_stmt *s)
{
	s->newer = NULL;
	s->older = t->newest;
	if (t->newest)
		t->newest->newer = s;
	else
		t->oldest = s;
	t->newest = s;
}

static void stmt_charge(struct mysql_stmts *t, struct mysql_stmt *s, size_t added, size_t gone)
{
	s->size = (uint32_t)(s->size + added - gone);
	t->bytes += added - gone;
}

void mysql_stmt_forget_long(struct mysql_state *st, struct mysql_stmt *s)
{
	size_t gone = 0;

	if (!s->longs)
		return;
	for (size_t i = 0; i < s->long_count; i++) {
		gone += s->longs[i].kept_len;
		free(s->longs[i].kept);
	}
	free(s->longs);
	s->longs = NULL;
	s->long_count = 0;
	stmt_charge(st->stmts, s, 0, gone + MYSQL_LONG_MAX * sizeof(*s->longs));
}

static void stmt_free(struct mysql_state *st, struct mysql_stmt *s)
{
	struct mysql_stmt **at = &st->stmts->buckets[s->id % BUCKETS];

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	stmt_unlink(st->stmts, s);
	mysql_stmt_forget_long(st, s);
	st->stmts->count--;
	st->stmts->bytes -= s->size;
	free(s->sql);
	free(s->types);
	free(s->columns);
	free(s);
}

static void stmt_make_room(struct mysql_state *st, const struct mysql_stmt *but)
{
	struct mysql_stmts *t = st->stmts;

	while (t->oldest && t->oldest != but &&
	       (t->count > MYSQL_STMTS_MAX || t->bytes > MYSQL_STMT_BYTES_MAX))
		stmt_free(st, t->oldest);
}

struct mysql_stmt *mysql_stmt_find(struct mysql_state *st, uint32_t id)
{
	struct mysql_stmt *s;

	if (!st->stmts)
		return NULL;
	for (s = st->stmts->buckets[id % BUCKETS]; s && s->id != id;)
		s = s->next;
	if (s && s != st->stmts->newest) {
		stmt_unlink(st->stmts, s);
		stmt_link(st->stmts, s);
	}
	return s;
}

struct mysql_stmt *mysql_stmt_add(struct mysql_state *st, uint32_t id, uint16_t param_count,
				  char *sql, uint32_t sql_len)
{
	struct mysql_stmt *s;

	mysql_stmt_remove(st, id);
	if (!st->stmts)
		st->stmts = calloc(1, sizeof(*st->stmts));
	s = st->stmts ? calloc(1, sizeof(*s)) : NULL;
	if (!s) {
		free(sql);
		return NULL;
	}
	s->id = id;
	s->param_count = param_count;
	s->sql = sql;
	s->sql_len = sql_len;
	s->has_sql = sql != NULL;
	s->next = st->stmts->buckets[id % BUCKETS];
	st->stmts->buckets[id % BUCKETS] = s;
	stmt_link(st->stmts, s);
	st->stmts->count++;
	stmt_charge(st->stmts, s, sizeof(*s) + sql_len, 0);
	stmt_make_room(st, s);
	return s;
}

void mysql_stmt_remove(struct mysql_state *st, uint32_t id)
{
	struct mysql_stmt *s = mysql_stmt_find(st, id);

	if (s)
		stmt_free(st, s);
}

void mysql_stmt_clear(struct mysql_state *st)
{
	if (!st->stmts)
		return;
	while (st->stmts->oldest)
		stmt_free(st, st->stmts->oldest);
	free(st->stmts);
	st->stmts = NULL;
}

void mysql_stmt_settle(struct mysql_state *st, bool is_true)
{
	if (!st->stmts)
		return;
	for (struct mysql_stmt *s = st->stmts->newest, *older; s; s = older) {
		older = s->older;
		if (s->is_provisional && !is_true)
			stmt_free(st, s);
		else
			s->is_provisional = false;
	}
}

/*
 * Ids are not given twice, so the texts stay true. Types may have been sent anew, and parts of
 * parameters.
 */
void mysql_stmt_doubt(struct mysql_state *st)
{
	if (!st->stmts)
		return;
	for (struct mysql_stmt *s = st->stmts->oldest; s; s = s->newer) {
		s->has_types = false;
		s->lost_long = true;
	}
}

bool mysql_stmt_set_types(struct mysql_state *st, struct mysql_stmt *s, struct px_bytes types)
{
	s->has_types = false;
	if (types.len != (size_t)s->param_count * 2 || types.len == 0)
		return false;
	if (!s->types) {
		s->types = malloc(types.len);
		if (!s->types)
			return false;
		stmt_charge(st->stmts, s, types.len, 0);
	}
	memcpy(s->types, types.ptr, types.len);
	s->has_types = true;
	stmt_make_room(st, s);
	return true;
}

void mysql_stmt_set_columns(struct mysql_state *st, struct mysql_stmt *s,
			    const struct mysql_result *r)
{
	size_t len = 0, at = 0;

	stmt_charge(st->stmts, s, 0, s->columns_len);
	free(s->columns);
	s->columns = NULL;
	s->columns_len = 0;
	if (!r->has_columns || r->column_count == 0)
		return;
	for (uint32_t i = 0; i < r->kept; i++)
		len += 2 + r->columns[i].len;
	if (len > MYSQL_STMT_SQL_MAX)
		return;
	s->columns = malloc(len);
	if (!s->columns)
		return;
	for (uint32_t i = 0; i < r->kept; i++) {
		size_t n = r->columns[i].len;

		s->columns[at] = (char)(n & 0xff);
		s->columns[at + 1] = (char)(n >> 8);
		if (n)
			memcpy(s->columns + at + 2, r->columns[i].ptr, n);
		at += 2 + n;
	}
	s->column_count = (uint16_t)r->kept;
	s->columns_len = (uint32_t)len;
	stmt_charge(st->stmts, s, len, 0);
	stmt_make_room(st, s);
}

void mysql_stmt_long(struct mysql_state *st, struct mysql_stmt *s, uint16_t index,
		     struct px_bytes piece, uint64_t len)
{
	struct mysql_stmt_long *l = NULL;
	size_t n;
	char *kept;

	if (!s->longs) {
		s->longs = calloc(MYSQL_LONG_MAX, sizeof(*s->longs));
		if (!s->longs) {
			s->lost_long = true;
			return;
		}
		stmt_charge(st->stmts, s, MYSQL_LONG_MAX * sizeof(*s->longs), 0);
	}
	for (size_t i = 0; i < s->long_count; i++)
		if (s->longs[i].index == index)
			l = &s->longs[i];
	if (!l && s->long_count < MYSQL_LONG_MAX) {
		l = &s->longs[s->long_count++];
		l->index = index;
	}
	if (!l) {
		s->lost_long = true;
		return;
	}
	/* What is kept is the beginning, without a hole in it. */
	n = l->kept_len == l->len && l->kept_len < LONG_KEPT ? LONG_KEPT - l->kept_len : 0;
	if (n > piece.len)
		n = piece.len;
	l->len += len;
	kept = n ? realloc(l->kept, l->kept_len + n) : NULL;
	if (kept) {
		memcpy(kept + l->kept_len, piece.ptr, n);
		l->kept = kept;
		l->kept_len += (uint32_t)n;
		stmt_charge(st->stmts, s, n, 0);
	}
	stmt_make_room(st, s);
}
