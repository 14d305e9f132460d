/* SPDX-License-Identifier: Apache-2.0 */
#include "tally/rows.h"

#include <stdio.h>

#include "sink/escape.h"
#include "tally/fields.h"

#define TABLE_NUMBERS 8 /* columns of numbers, in front of the texts */
#define TABLE_TEXTS 3 /* protocol, role, peer; the operation ends the line */
#define TABLE_PEER 2
#define TABLE_CELL 32
#define TABLE_ROOM 30 /* columns that peer and operation have before a number gives way */

struct table_line {
	char number[TABLE_NUMBERS][TABLE_CELL];
};

static const char *const table_heads[TABLE_NUMBERS] = { "COUNT",  "ERRORS", "RATE/s", "P50_ms",
							"P95_ms", "P99_ms", "MAX_ms", "BYTES" };
static const char *const table_text_heads[TABLE_TEXTS] = { "PROTO", "ROLE", "PEER" };
static const char table_last_head[] = "OPERATION";

static void table_ms(char *out, bool is_there, uint64_t ns)
{
	uint64_t us = (ns + 500) / 1000;

	if (is_there)
		snprintf(out, TABLE_CELL, "%llu.%03llu", (unsigned long long)(us / 1000),
			 (unsigned long long)(us % 1000));
	else
		snprintf(out, TABLE_CELL, "-");
}

static struct table_line table_line(const struct px_tally *t, const struct px_tally_row *row,
				    uint64_t duration_ns)
{
	uint64_t rate = px_tally_rate(t, row->count, duration_ns);
	unsigned long long bytes = row->req_bytes + row->resp_bytes;
	bool is_timed = row->times.count > 0;
	struct table_line l;

	snprintf(l.number[0], TABLE_CELL, "%llu", (unsigned long long)row->count);
	snprintf(l.number[1], TABLE_CELL, "%llu", (unsigned long long)row->errors);
	snprintf(l.number[2], TABLE_CELL, "%llu.%01llu", (unsigned long long)(rate / 1000),
		 (unsigned long long)(rate % 1000 / 100));
	table_ms(l.number[3], is_timed, px_tally_at(row, 500));
	table_ms(l.number[4], is_timed, px_tally_at(row, 950));
	table_ms(l.number[5], is_timed, px_tally_at(row, 990));
	table_ms(l.number[6], is_timed, row->max_ns);
	snprintf(l.number[7], TABLE_CELL, "%llu", bytes);
	return l;
}

/* Which numbers a narrow terminal does without: bytes, p99, rate, the longest. */
static const size_t table_drops[] = { 7, 5, 2, 6 };

struct table_layout {
	size_t widths[TABLE_NUMBERS]; /* 0: not shown */
	size_t text_widths[TABLE_TEXTS];
	size_t operation;
};

/* What a row is about, as it came. */
static int table_operation(struct px_buf *b, const struct px_tally_row *row)
{
	int err;

	b->len = 0;
	err = px_buf_append(b, row->part[3].len ? row->part[3] : PX_BYTES("-"));
	if (!err && row->part[4].len)
		err = px_buf_append(b, PX_BYTES(" "));
	return err ? err : px_buf_append(b, row->part[4]);
}

static size_t table_columns(struct px_bytes text, unsigned int flags)
{
	struct px_buf b = px_buf_of(4096);
	size_t columns = 0;

	if (px_term_append(&b, text, flags, PX_TERM_ROOM_ALL, &columns) != 0)
		columns = text.len;
	px_buf_fini(&b);
	return columns ? columns : 1;
}

static void table_widen(size_t *width, size_t columns)
{
	*width = columns > *width ? columns : *width;
}

static int table_measure(struct table_layout *lay, const struct px_tally *t, uint64_t duration_ns)
{
	struct px_buf operation = px_buf_of(4096);
	int err = 0;

	*lay = (struct table_layout){ .operation = strlen(table_last_head) };
	for (size_t c = 0; c < TABLE_NUMBERS; c++)
		lay->widths[c] = strlen(table_heads[c]);
	for (size_t c = 0; c < TABLE_TEXTS; c++)
		lay->text_widths[c] = strlen(table_text_heads[c]);
	for (size_t i = 0; !err && i < t->count; i++) {
		struct table_line l = table_line(t, t->rows[i], duration_ns);

		for (size_t c = 0; c < TABLE_NUMBERS; c++)
			table_widen(&lay->widths[c], strlen(l.number[c]));
		for (size_t c = 0; c < TABLE_TEXTS; c++)
			table_widen(&lay->text_widths[c],
				    table_columns(t->rows[i]->part[c], PX_TERM_NO_BLANKS));
		err = table_operation(&operation, t->rows[i]);
		table_widen(&lay->operation, table_columns(px_buf_bytes(&operation), 0));
	}
	px_buf_fini(&operation);
	return err;
}

/* Make the lines fit: some numbers are left out, then peer and operation share what there is. */
static void table_fit(struct table_layout *lay, size_t width)
{
	size_t fixed = 0, room, peer = lay->text_widths[TABLE_PEER];
	size_t wanted = peer + 1 + lay->operation;

	for (size_t c = 0; c < TABLE_NUMBERS; c++)
		fixed += lay->widths[c] + 1;
	for (size_t c = 0; c < TABLE_PEER; c++)
		fixed += lay->text_widths[c] + 1;
	for (size_t i = 0; i < PX_COUNT(table_drops); i++) {
		if (fixed + (wanted < TABLE_ROOM ? wanted : TABLE_ROOM) <= width)
			break;
		fixed -= lay->widths[table_drops[i]] + 1;
		lay->widths[table_drops[i]] = 0;
	}
	room = width > fixed + TABLE_ROOM / 2 ? width - fixed : TABLE_ROOM / 2;
	if (wanted <= room)
		return;
	if (peer > room / 2)
		peer = lay->operation < room / 2 ? room - 1 - lay->operation : room / 2;
	lay->text_widths[TABLE_PEER] = peer;
	lay->operation = room - 1 - peer;
}

/* A text that is filled up to width; a word, so that cut and awk can count it. */
static int table_text(struct px_buf *out, struct px_bytes text, size_t width)
{
	size_t columns = 0;
	int err;

	if (!text.len)
		text = PX_BYTES("-");
	err = px_term_append(out, text, PX_TERM_NO_BLANKS, (struct px_term_room){ width, SIZE_MAX },
			     &columns);
	return err ? err
		   : px_buf_printf(out, "%*s ", columns < width ? (int)(width - columns) : 0, "");
}

static int table_row(struct px_buf *out, struct px_buf *operation, const struct table_layout *lay,
		     const struct table_line *l, const struct px_tally_row *row)
{
	int err = table_operation(operation, row);

	for (size_t c = 0; !err && c < TABLE_NUMBERS; c++)
		if (lay->widths[c])
			err = px_buf_printf(out, "%*s ", (int)lay->widths[c], l->number[c]);
	for (size_t c = 0; !err && c < TABLE_TEXTS; c++)
		err = table_text(out, row->part[c], lay->text_widths[c]);
	if (!err)
		err = px_term_append(out, px_buf_bytes(operation), 0,
				     (struct px_term_room){ lay->operation, SIZE_MAX }, NULL);
	return err ? err : px_buf_append(out, PX_BYTES("\n"));
}

int px_rows_print(struct px_buf *out, const struct px_tally *t, uint64_t duration_ns, size_t width)
{
	struct px_buf operation = px_buf_of(4096);
	struct table_layout lay;
	int err = table_measure(&lay, t, duration_ns);

	if (width)
		table_fit(&lay, width);
	for (size_t c = 0; !err && t->count && c < TABLE_NUMBERS; c++)
		if (lay.widths[c])
			err = px_buf_printf(out, "%*s ", (int)lay.widths[c], table_heads[c]);
	for (size_t c = 0; !err && t->count && c < TABLE_TEXTS; c++)
		err = px_buf_printf(out, "%-*s ", (int)lay.text_widths[c], table_text_heads[c]);
	if (!err && t->count)
		err = px_buf_printf(out, "%s\n", table_last_head);
	for (size_t i = 0; !err && i < t->count; i++) {
		struct table_line l = table_line(t, t->rows[i], duration_ns);

		err = table_row(out, &operation, &lay, &l, t->rows[i]);
	}
	px_buf_fini(&operation);
	return err;
}

static void table_str(struct px_record *r, enum px_common f, struct px_bytes text)
{
	if (text.len)
		px_record_str(r, f, text);
}

static void table_ns(struct px_record *r, enum px_summary_field f, const struct px_tally_row *row,
		     uint64_t ns)
{
	px_record_put_int(r, f, (int64_t)ns);
	r->proto[f].is_null = row->times.count == 0;
}

void px_rows_record(const struct px_tally *t, const struct px_tally_row *row, uint64_t duration_ns,
		    struct px_record *r)
{
	r->fields = px_summary_fields;
	table_str(r, PX_F_PROTO, row->part[0]);
	table_str(r, PX_F_ROLE, row->part[1]);
	table_str(r, PX_F_OP, row->part[3]);
	table_str(r, PX_F_TARGET, row->part[4]);
	px_record_int(r, PX_F_ERRORS, (int64_t)row->errors);
	if (row->part[2].len)
		px_record_put_str(r, PX_SUM_PEER, row->part[2]);
	px_record_put_int(r, PX_SUM_COUNT, (int64_t)row->count);
	px_record_put_int(r, PX_SUM_RATE, (int64_t)px_tally_rate(t, row->count, duration_ns));
	table_ns(r, PX_SUM_P50_NS, row, px_tally_at(row, 500));
	table_ns(r, PX_SUM_P95_NS, row, px_tally_at(row, 950));
	table_ns(r, PX_SUM_P99_NS, row, px_tally_at(row, 990));
	table_ns(r, PX_SUM_MAX_NS, row, row->max_ns);
	table_ns(r, PX_SUM_TOTAL_NS, row, row->total_ns);
	px_record_put_int(r, PX_SUM_REQ_BYTES, (int64_t)row->req_bytes);
	px_record_put_int(r, PX_SUM_RESP_BYTES, (int64_t)row->resp_bytes);
}
