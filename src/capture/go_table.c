/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/go_table.h"

#include "base/cursor.h"

#define TABLE_MAGIC_1_2 0xfffffffb
#define TABLE_MAGIC_1_16 0xfffffffa
#define TABLE_MAGIC_1_18 0xfffffff0
#define TABLE_MAGIC_1_20 0xfffffff1
#define TABLE_POINTER 8
#define TABLE_NAME_MAX 128

/* A number at this offset; 0 and *ran_short set where there is none. */
static uint64_t table_number(const struct px_go_table *t, uint64_t at, size_t width, bool *ran_short)
{
	struct px_cur c = px_cur_of(px_bytes_sub(t->data, at, width));
	uint64_t v = px_cur_uint_le(&c, width);

	*ran_short |= c.ran_short;
	return v;
}

/*
 * Go's runtime/symtab.go (pcHeader) and debug/gosym/pclntab.go. A head of 8 bytes: magic, two zeros,
 * the unit of code addresses, the size of pointers. Behind it, pointer-sized:
 *   1.2          functions; their entries follow
 *   1.16         functions, files, offsets of: names, units, files, pcs, entries
 *   1.18, 1.20   the same with the address of the text before the offsets (0 since Go 1.26)
 * Entries are pairs (start, offset of the function's description) sorted by start, with the end of the
 * last function behind them. Descriptions begin with the start again and the offset of the name.
 */
int px_go_table_open(struct px_go_table *t, struct px_bytes data)
{
	struct px_cur c = px_cur_of(data);
	uint32_t magic = px_cur_le32(&c);
	uint16_t zeros = px_cur_le16(&c);
	uint8_t unit = px_cur_u8(&c), pointer = px_cur_u8(&c);
	uint64_t entries;

	*t = (struct px_go_table){ .data = data, .width = TABLE_POINTER };
	t->count = px_cur_le64(&c);
	if (magic == TABLE_MAGIC_1_2)
		t->format = PX_GO_1_2;
	else if (magic == TABLE_MAGIC_1_16)
		t->format = PX_GO_1_16;
	else if (magic == TABLE_MAGIC_1_18)
		t->format = PX_GO_1_18;
	else if (magic == TABLE_MAGIC_1_20)
		t->format = PX_GO_1_20;
	else
		return -1;
	if (zeros != 0 || (unit != 1 && unit != 2 && unit != 4) || pointer != TABLE_POINTER)
		return -1;
	entries = 8 + TABLE_POINTER;
	if (t->format != PX_GO_1_2) {
		px_cur_skip(&c, t->format == PX_GO_1_16 ? 8 : 16);
		t->names = px_cur_le64(&c);
		px_cur_skip(&c, 24);
		t->functions = entries = px_cur_le64(&c);
	}
	if (t->format >= PX_GO_1_18)
		t->width = 4;
	if (c.ran_short || t->names > data.len || entries > data.len ||
	    t->count > (data.len - entries) / (2 * t->width))
		return -1;
	return 0;
}

/* Offset of the name among the names, with what is around it: 0 bytes. False: there is none. */
static bool table_name(const struct px_go_table *t, const char *name, uint64_t *out)
{
	struct px_bytes names = px_bytes_sub(t->data, t->names, SIZE_MAX);
	size_t len = strlen(name) + 1;
	char whole[TABLE_NAME_MAX];
	const char *hit;

	if (len + 1 > sizeof(whole))
		return false;
	whole[0] = '\0';
	memcpy(whole + 1, name, len);
	hit = names.len ? memmem(names.ptr, names.len, whole, len + 1) : NULL;
	if (!hit)
		return false;
	*out = (uint64_t)(hit + 1 - names.ptr);
	return true;
}

bool px_go_table_find(const struct px_go_table *t, const char *name, struct px_go_function *out)
{
	uint64_t at = t->format == PX_GO_1_2 ? 8 + TABLE_POINTER : t->functions, wanted;
	bool ran_short = false;

	if (!table_name(t, name, &wanted))
		return false;
	for (uint64_t i = 0; i < t->count; i++, at += 2 * t->width) {
		uint64_t offset = table_number(t, at + t->width, t->width, &ran_short);

		if (offset > t->data.len ||
		    table_number(t, t->functions + offset + t->width, 4, &ran_short) != wanted)
			continue;
		out->start = table_number(t, at, t->width, &ran_short);
		out->end = table_number(t, at + 2 * t->width, t->width, &ran_short);
		return !ran_short && out->start < out->end;
	}
	return false;
}
