/* SPDX-License-Identifier: Apache-2.0 */
#include "tally/tally.h"

#include <errno.h>
#include <stdlib.h>

#define TALLY_SLOTS (2 * PX_TALLY_ROWS_MAX * 2)	/* a power of two */
#define TALLY_BLOCKS 65536			/* of histograms: 16 MB */

int px_tally_init(struct px_tally *t)
{
	memset(t, 0, sizeof(*t));
	t->pool.left = TALLY_BLOCKS;
	t->rows = calloc(2 * PX_TALLY_ROWS_MAX, sizeof(*t->rows));
	t->slots = calloc(TALLY_SLOTS, sizeof(*t->slots));
	if (t->rows && t->slots)
		return 0;
	px_tally_fini(t);
	return -ENOMEM;
}

void px_tally_fini(struct px_tally *t)
{
	for (size_t i = 0; t->rows && i < t->count; i++) {
		px_hist_fini(&t->rows[i]->times);
		free(t->rows[i]);
	}
	free(t->rows);
	free(t->slots);
	memset(t, 0, sizeof(*t));
}

/* FNV-1a, with a byte between the parts that no part has at its end alone. */
static uint32_t tally_hash(const struct px_bytes *part)
{
	uint32_t hash = 2166136261u;

	for (size_t p = 0; p < PX_TALLY_PARTS; p++) {
		for (size_t i = 0; i < part[p].len; i++)
			hash = (hash ^ (unsigned char)part[p].ptr[i]) * 16777619u;
		hash = (hash ^ 0xff) * 16777619u;
	}
	return hash;
}

static bool tally_is_same(const struct px_tally_row *row, const struct px_bytes *part)
{
	for (size_t p = 0; p < PX_TALLY_PARTS; p++)
		if (!px_bytes_eq(row->part[p], part[p]))
			return false;
	return true;
}

/* The row and its key in one piece of memory. */
static struct px_tally_row *tally_row_new(const struct px_bytes *part)
{
	struct px_tally_row *row;
	size_t len = 0;
	char *text;

	for (size_t p = 0; p < PX_TALLY_PARTS; p++)
		len += part[p].len;
	row = calloc(1, sizeof(*row) + len);
	if (!row)
		return NULL;
	text = (char *)(row + 1);
	for (size_t p = 0; p < PX_TALLY_PARTS; p++) {
		row->part[p] = px_bytes_of(text, part[p].len);
		if (part[p].len)
			memcpy(text, part[p].ptr, part[p].len);
		text += part[p].len;
	}
	return row;
}

static struct px_tally_row *tally_find(struct px_tally *t, const struct px_bytes *part, size_t max)
{
	uint32_t hash = tally_hash(part);
	size_t at = hash & (TALLY_SLOTS - 1);
	struct px_tally_row *row;

	for (; t->slots[at]; at = (at + 1) & (TALLY_SLOTS - 1)) {
		row = t->rows[t->slots[at] - 1];
		if (row->hash == hash && tally_is_same(row, part))
			return row;
	}
	if (t->count >= max)
		return NULL;
	row = tally_row_new(part);
	if (!row)
		return NULL;
	row->hash = hash;
	t->rows[t->count++] = row;
	t->slots[at] = t->count;
	return row;
}

void px_tally_add(struct px_tally *t, const struct px_bytes part[PX_TALLY_PARTS],
		  const struct px_record *r, uint64_t req_bytes, uint64_t resp_bytes)
{
	const struct px_value *latency = &r->common[PX_F_LATENCY_NS];
	int64_t begin = r->common[PX_F_TS].i, end = begin;
	struct px_bytes key[PX_TALLY_PARTS];
	struct px_tally_row *row;
	size_t left = PX_TALLY_KEY_MAX;

	for (size_t p = 0; p < PX_TALLY_PARTS; p++) {
		key[p] = px_bytes_sub(part[p], 0, left);
		left -= key[p].len;
	}
	row = tally_find(t, key, PX_TALLY_ROWS_MAX);
	if (!row) {
		for (size_t p = 1; p < PX_TALLY_PARTS; p++)
			key[p] = p == PX_TALLY_PARTS - 1 ? PX_BYTES("(others)") : PX_BYTES("");
		row = tally_find(t, key, 2 * PX_TALLY_ROWS_MAX);
	}
	t->messages++;
	if (!row) {
		t->left_out++;
		return;
	}
	row->count++;
	row->errors += !r->common[PX_F_OK].b;
	row->req_bytes += req_bytes;
	row->resp_bytes += resp_bytes;
	if (px_record_has(r, PX_F_LATENCY_NS) && !latency->is_null && latency->i >= 0) {
		uint64_t ns = (uint64_t)latency->i;

		row->total_ns += ns;
		row->max_ns = ns > row->max_ns ? ns : row->max_ns;
		px_hist_add(&row->times, &t->pool, ns);
		end += latency->i;
	}
	if (t->messages == 1 || begin < t->first_ns)
		t->first_ns = begin;
	if (t->messages == 1 || end > t->last_ns)
		t->last_ns = end;
}

static int tally_compare_text(struct px_bytes a, struct px_bytes b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len ? memcmp(a.ptr, b.ptr, len) : 0;

	return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int tally_compare(const void *one, const void *other)
{
	const struct px_tally_row *a = *(struct px_tally_row *const *)one;
	const struct px_tally_row *b = *(struct px_tally_row *const *)other;

	if (a->total_ns != b->total_ns)
		return a->total_ns > b->total_ns ? -1 : 1;
	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	for (size_t p = 0; p < PX_TALLY_PARTS; p++) {
		int order = tally_compare_text(a->part[p], b->part[p]);

		if (order)
			return order;
	}
	return 0;
}

void px_tally_sort(struct px_tally *t)
{
	qsort(t->rows, t->count, sizeof(t->rows[0]), tally_compare);
	/* Counting may go on: the table knows rows by their place. */
	memset(t->slots, 0, TALLY_SLOTS * sizeof(*t->slots));
	for (size_t i = 0; i < t->count; i++) {
		size_t at = t->rows[i]->hash & (TALLY_SLOTS - 1);

		while (t->slots[at])
			at = (at + 1) & (TALLY_SLOTS - 1);
		t->slots[at] = i + 1;
	}
}

uint64_t px_tally_rate(const struct px_tally *t, uint64_t count, uint64_t duration_ns)
{
	double seconds = (double)duration_ns / 1e9;

	if (!duration_ns)
		seconds = (double)(t->last_ns - t->first_ns) / 1e9;
	return seconds > 0 ? (uint64_t)((double)count * 1000 / seconds + 0.5) : 0;
}
