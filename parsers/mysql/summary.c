/* SPDX-License-Identifier: Apache-2.0 */
#include "mysql/summary.h"

#include "sql/sql.h"

#define SQL_MAX 320	/* bytes of a text in SQL */
#define PARAM_MAX 64	/* of one parameter, */
#define PARAMS_MAX 128	/* of all of them */

static const struct px_bytes ellipsis = PX_BYTES("\xe2\x80\xa6");

void mysql_summary_begin(struct mysql_summary *s, struct px_arena *arena)
{
	s->arena = arena;
	s->text = arena ? px_arena_alloc(arena, MYSQL_SUMMARY_MAX) : NULL;
	s->len = 0;
}

void mysql_summary_add(struct mysql_summary *s, struct px_bytes b)
{
	if (!s->text)
		return;
	if (b.len > MYSQL_SUMMARY_MAX - s->len)
		b.len = MYSQL_SUMMARY_MAX - s->len;
	if (b.len)
		memcpy(s->text + s->len, b.ptr, b.len);
	s->len += b.len;
}

void mysql_summary_number(struct mysql_summary *s, uint64_t n)
{
	char digits[20], *p = digits + sizeof(digits);

	do {
		*--p = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	mysql_summary_add(s, px_bytes_of(p, (size_t)(digits + sizeof(digits) - p)));
}

/* At most max bytes, not ending within a character, and an ellipsis for the rest. */
static void summary_cut(struct mysql_summary *s, struct px_bytes b, size_t max)
{
	size_t n = b.len;

	if (n > max) {
		n = max;
		while (n > 0 && ((unsigned char)b.ptr[n] & 0xc0) == 0x80)
			n--;
	}
	mysql_summary_add(s, px_bytes_sub(b, 0, n));
	if (n < b.len)
		mysql_summary_add(s, ellipsis);
}

void mysql_summary_sql(struct mysql_summary *s, struct px_bytes sql, bool has_before)
{
	if (!s->text || !sql.len)
		return;
	if (has_before)
		mysql_summary_add(s, PX_BYTES(" "));
	/* White space may be most of it. */
	summary_cut(s, px_sql_line(px_bytes_sub(sql, 0, 4 * SQL_MAX), s->arena), SQL_MAX);
}

void mysql_summary_params(struct mysql_summary *s, const struct mysql_params *p)
{
	size_t begin = s->len;

	if (!s->text)
		return;
	mysql_summary_add(s, PX_BYTES(" params=["));
	for (size_t i = 0; i < p->count; i++) {
		if (i > 0)
			mysql_summary_add(s, PX_BYTES(","));
		if (s->len - begin > PARAMS_MAX) {
			mysql_summary_add(s, ellipsis);
			break;
		}
		if (p->items[i].ptr)
			summary_cut(s, p->items[i], PARAM_MAX);
		else
			mysql_summary_add(s, PX_BYTES("NULL"));
	}
	mysql_summary_add(s, PX_BYTES("]"));
}

static void summary_count(struct mysql_summary *s, struct px_bytes name, uint64_t n)
{
	if (s->len)
		mysql_summary_add(s, PX_BYTES(" "));
	mysql_summary_add(s, name);
	mysql_summary_number(s, n);
}

void mysql_summary_answer(struct mysql_summary *s, const struct mysql_msg *m,
			  const struct mysql_result *err)
{
	const struct mysql_reply *r = &m->rep;

	if (!s->text)
		return;
	if (r->result_count > 1)
		summary_count(s, PX_BYTES("results="), r->result_count);
	if (err) {
		if (s->len)
			mysql_summary_add(s, PX_BYTES(" "));
		mysql_summary_add(s, PX_BYTES("err=\""));
		summary_cut(s, err->message, 160);
		mysql_summary_add(s, PX_BYTES("\""));
		return;
	}
	if (r->first.kind == MYSQL_RESULTSET && r->first.is_whole)
		summary_count(s, PX_BYTES("rows="), r->first.rows);
	if (r->first.kind == MYSQL_OK && r->first.affected > 0)
		summary_count(s, PX_BYTES("affected="), r->first.affected);
	if (r->first.kind == MYSQL_PREPARED)
		summary_count(s, PX_BYTES("id="), r->stmt_id);
}

struct px_bytes mysql_summary_text(const struct mysql_summary *s)
{
	return px_bytes_of(s->text, s->text ? s->len : 0);
}
