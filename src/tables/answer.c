/* SPDX-License-Identifier: Apache-2.0 */
#include "tables/answer.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "sink/cell.h"
#include "sink/emit.h"
#include "sink/escape.h"

#define ANSWER_TEXT_MAX ((size_t)1 << 30)
#define ANSWER_PIECE ((size_t)256 << 10)	/* what is gathered before it is written */
#define ANSWER_ROWS 1000			/* rows of a table that its columns are made to fit */
#define ANSWER_CELL_MIN 16			/* columns that a cell is not cut below */

void px_answer_init(struct px_answer *a, const struct px_answer_options *opt)
{
	*a = (struct px_answer){ .opt = opt, .text = px_buf_of(ANSWER_TEXT_MAX) };
}

void px_answer_fini(struct px_answer *a)
{
	px_buf_fini(&a->text);
	free(a->ends);
	free(a->widths);
	free(a->column_widths);
	free(a->is_left);
}

static int answer_write(struct px_answer *a)
{
	int rc = a->text.len ? a->opt->write(a->opt->ctx, px_buf_bytes(&a->text)) : 0;

	a->text.len = 0;
	return rc;
}

/* The shortest digits that are read as the same number, and that one sees are no integer. */
static struct px_bytes answer_real(double d, char out[40])
{
	int len = 0;

	for (int digits = 15; digits <= 17; digits++) {
		len = snprintf(out, 40, "%.*g", digits, d);
		if (strtod(out, NULL) == d)
			break;
	}
	if (isfinite(d) && !strpbrk(out, ".e"))
		len += snprintf(out + len, 3, ".0");
	return px_bytes_of(out, (size_t)len);
}

static struct px_bytes answer_int(int64_t i, char out[40])
{
	return px_bytes_of(out, (size_t)(px_emit_i64(out, i) - out));
}

static struct px_bytes column_bytes(sqlite3_stmt *stmt, int i)
{
	const char *ptr = sqlite3_column_blob(stmt, i);

	return px_bytes_of(ptr, ptr ? (size_t)sqlite3_column_bytes(stmt, i) : 0);
}

/* --- JSON --- */

/* The inside of a JSON string; false where it is no text, and nothing has been appended. */
static bool json_text(struct px_buf *b, struct px_bytes s, int *rc)
{
	char *end;

	*rc = px_buf_reserve(b, s.len * PX_JSON_GROWTH + PX_JSON_SLACK);
	if (*rc)
		return true;
	end = px_json_escape(b->ptr + b->len, s);
	if (!end)
		return false;
	b->len = (size_t)(end - b->ptr);
	return true;
}

static int json_name(struct px_buf *b, const char *name, const char *suffix)
{
	struct px_buf plain = px_buf_of(ANSWER_TEXT_MAX);
	int rc = px_buf_append(b, PX_BYTES("\""));

	/* A name comes from the query: what is no text in it is written as on a terminal. */
	if (!rc && !json_text(b, px_bytes_str(name), &rc)) {
		rc = px_term_append(&plain, px_bytes_str(name), 0, PX_TERM_ROOM_ALL, NULL);
		if (!rc)
			json_text(b, px_buf_bytes(&plain), &rc);
	}
	px_buf_fini(&plain);
	return rc ? rc : px_buf_printf(b, "%s\":", suffix);
}

static int json_bytes(struct px_buf *b, struct px_bytes s)
{
	int rc = px_buf_reserve(b, PX_BASE64_LEN(s.len) + 2);
	char *p;

	if (rc)
		return rc;
	p = b->ptr + b->len;
	*p++ = '"';
	p = px_base64(p, s);
	*p++ = '"';
	b->len = (size_t)(p - b->ptr);
	return 0;
}

static int json_string(struct px_buf *b, struct px_bytes s)
{
	int rc = px_buf_append(b, PX_BYTES("\""));

	if (!rc)
		json_text(b, s, &rc);
	return rc ? rc : px_buf_append(b, PX_BYTES("\""));
}

static int json_member(struct px_buf *b, sqlite3_stmt *stmt, int i)
{
	const char *name = sqlite3_column_name(stmt, i);
	int type = sqlite3_column_type(stmt, i), rc;
	struct px_bytes s = { NULL, 0 };
	bool as_base64 = false;
	char number[40];

	if (!name)
		return -ENOMEM;
	if (type == SQLITE_TEXT || type == SQLITE_BLOB) {
		s = column_bytes(stmt, i);
		as_base64 = type == SQLITE_BLOB || !px_utf8_valid(s);
	}
	rc = px_buf_append(b, i ? PX_BYTES(",") : PX_BYTES("{"));
	if (!rc)
		rc = json_name(b, name, as_base64 ? "_b64" : "");
	if (rc)
		return rc;
	switch (type) {
	case SQLITE_INTEGER:
		return px_buf_append(b, answer_int(sqlite3_column_int64(stmt, i), number));
	case SQLITE_FLOAT:
		if (!isfinite(sqlite3_column_double(stmt, i)))
			return px_buf_append(b, PX_BYTES("null"));
		return px_buf_append(b, answer_real(sqlite3_column_double(stmt, i), number));
	case SQLITE_TEXT:
	case SQLITE_BLOB:
		return as_base64 ? json_bytes(b, s) : json_string(b, s);
	default:
		return px_buf_append(b, PX_BYTES("null"));
	}
}

static int json_row(struct px_answer *a, sqlite3_stmt *stmt)
{
	int rc = 0;

	for (int i = 0; !rc && i < a->columns; i++)
		rc = json_member(&a->text, stmt, i);
	return rc ? rc : px_buf_append(&a->text, PX_BYTES("}\n"));
}

/* --- cells, of tables and of CSV --- */

/* Append the value of a column as a person reads it. */
static int cell_value(struct px_buf *b, sqlite3_stmt *stmt, int i, struct px_term_room room,
		      size_t *width)
{
	char number[40];

	switch (sqlite3_column_type(stmt, i)) {
	case SQLITE_INTEGER:
		return px_term_append(b, answer_int(sqlite3_column_int64(stmt, i), number), 0,
				      PX_TERM_ROOM_ALL, width);
	case SQLITE_FLOAT:
		return px_term_append(b, answer_real(sqlite3_column_double(stmt, i), number), 0,
				      PX_TERM_ROOM_ALL, width);
	case SQLITE_TEXT:
	case SQLITE_BLOB:
		return px_term_append(b, column_bytes(stmt, i), 0, room, width);
	default:
		return 0;
	}
}

/* --- CSV --- */

static int csv_line(struct px_answer *a, sqlite3_stmt *stmt, bool is_header)
{
	struct px_buf cell = px_buf_of(ANSWER_TEXT_MAX);
	int rc = 0;

	for (int i = 0; !rc && i < a->columns; i++) {
		const char *name = is_header ? sqlite3_column_name(stmt, i) : NULL;

		cell.len = 0;
		if (is_header)
			rc = px_term_append(&cell, px_bytes_str(name ? name : ""), 0,
					    PX_TERM_ROOM_ALL, NULL);
		else
			rc = cell_value(&cell, stmt, i, PX_TERM_ROOM_ALL, NULL);
		if (!rc)
			rc = px_cell_append(&a->text, px_buf_bytes(&cell), true, i == 0);
	}
	px_buf_fini(&cell);
	return rc ? rc : px_buf_append(&a->text, PX_BYTES("\r\n"));
}

/* --- a table --- */

/* Room for the notes on one more row. */
static int table_room(struct px_answer *a)
{
	size_t room = a->cell_room ? 2 * a->cell_room : 64;
	size_t *ends, *widths;

	while (room < a->cell_count + (size_t)a->columns)
		room *= 2;
	ends = realloc(a->ends, room * sizeof(*ends));
	if (!ends)
		return -ENOMEM;
	a->ends = ends;
	widths = realloc(a->widths, room * sizeof(*widths));
	if (!widths)
		return -ENOMEM;
	a->widths = widths;
	a->cell_room = room;
	return 0;
}

static void table_note(struct px_answer *a, size_t width)
{
	a->ends[a->cell_count] = a->text.len;
	a->widths[a->cell_count++] = width;
}

static int table_row(struct px_answer *a, sqlite3_stmt *stmt, bool is_header)
{
	size_t most = a->opt->width > ANSWER_CELL_MIN ? a->opt->width : ANSWER_CELL_MIN;
	struct px_term_room room =
		a->opt->width ? (struct px_term_room){ most, SIZE_MAX } : PX_TERM_ROOM_ALL;
	int rc = 0;

	if (a->cell_count + (size_t)a->columns > a->cell_room)
		rc = table_room(a);
	for (int i = 0; !rc && i < a->columns; i++) {
		int type = is_header ? SQLITE_NULL : sqlite3_column_type(stmt, i);
		size_t begin = a->text.len, width = 0;

		if (is_header) {
			const char *name = sqlite3_column_name(stmt, i);

			rc = px_term_append(&a->text, px_bytes_str(name ? name : ""), 0, room,
					    &width);
		} else {
			rc = cell_value(&a->text, stmt, i, room, &width);
		}
		if (!rc && a->text.len == begin) {
			/* No value, and an empty one. */
			struct px_bytes text =
				type == SQLITE_NULL ? PX_BYTES("-") : PX_BYTES("\"\"");

			rc = px_buf_append(&a->text, text);
			width = text.len;
		}
		if (!a->has_widths && (type == SQLITE_TEXT || type == SQLITE_BLOB))
			a->is_left[i] = true;
		if (!rc)
			table_note(a, width);
	}
	return rc;
}

static int table_pad(struct px_buf *out, size_t n)
{
	return n ? px_buf_printf(out, "%*s", (int)n, "") : 0;
}

static void table_measure(struct px_answer *a)
{
	for (size_t i = 0; i < a->cell_count; i++) {
		size_t *width = &a->column_widths[i % (size_t)a->columns];

		if (a->widths[i] > *width)
			*width = a->widths[i];
	}
	a->has_widths = true;
}

/* Write the rows that wait. */
static int table_write(struct px_answer *a)
{
	struct px_buf out = px_buf_of(ANSWER_TEXT_MAX);
	size_t begin = 0;
	int rc = 0;

	if (!a->has_widths)
		table_measure(a);
	for (size_t i = 0; !rc && i < a->cell_count; i++) {
		size_t column = i % (size_t)a->columns;
		bool is_last = column + 1 == (size_t)a->columns;
		struct px_bytes cell = px_bytes_of(a->text.ptr + begin, a->ends[i] - begin);
		size_t blanks = a->column_widths[column] > a->widths[i]
					? a->column_widths[column] - a->widths[i]
					: 0;

		begin = a->ends[i];
		if (!a->is_left[column])
			rc = table_pad(&out, blanks);
		if (!rc)
			rc = px_buf_append(&out, cell);
		if (!rc && !is_last)
			rc = table_pad(&out, (a->is_left[column] ? blanks : 0) + 2);
		if (!rc && is_last)
			rc = px_buf_append(&out, PX_BYTES("\n"));
	}
	if (!rc && out.len)
		rc = a->opt->write(a->opt->ctx, px_buf_bytes(&out));
	px_buf_fini(&out);
	a->text.len = 0;
	a->cell_count = 0;
	return rc;
}

/* --- */

int px_answer_begin(struct px_answer *a, sqlite3_stmt *stmt)
{
	a->columns = sqlite3_column_count(stmt);
	a->text.len = 0;
	a->cell_count = 0;
	if (a->opt->format == PX_ANSWER_CSV)
		return csv_line(a, stmt, true);
	if (a->opt->format == PX_ANSWER_JSON || a->columns == 0)
		return 0;
	free(a->column_widths);
	free(a->is_left);
	a->column_widths = calloc((size_t)a->columns, sizeof(*a->column_widths));
	a->is_left = calloc((size_t)a->columns, sizeof(*a->is_left));
	a->has_widths = false;
	if (!a->column_widths || !a->is_left)
		return -ENOMEM;
	return table_row(a, stmt, true);
}

int px_answer_row(struct px_answer *a, sqlite3_stmt *stmt)
{
	int rc;

	if (a->opt->format == PX_ANSWER_TABLE) {
		rc = table_row(a, stmt, false);
		if (!rc && (a->cell_count >= ANSWER_ROWS * (size_t)a->columns ||
			    a->text.len >= ANSWER_PIECE))
			rc = table_write(a);
		return rc;
	}
	rc = a->opt->format == PX_ANSWER_JSON ? json_row(a, stmt) : csv_line(a, stmt, false);
	return !rc && a->text.len >= ANSWER_PIECE ? answer_write(a) : rc;
}

int px_answer_end(struct px_answer *a)
{
	return a->opt->format == PX_ANSWER_TABLE ? table_write(a) : answer_write(a);
}
