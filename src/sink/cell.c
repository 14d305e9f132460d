/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/cell.h"

#include "sink/emit.h"

int px_cell_append(struct px_buf *line, struct px_bytes cell, bool is_csv, bool is_first)
{
	bool in_quotes = is_csv && cell.len &&
			 (memchr(cell.ptr, ',', cell.len) || memchr(cell.ptr, '"', cell.len));
	int err = px_buf_reserve(line, 2 * cell.len + 4);
	char *p;

	if (err)
		return err;
	p = line->ptr + line->len;
	if (!is_first)
		*p++ = is_csv ? ',' : '\t';
	if (in_quotes)
		*p++ = '"';
	for (size_t i = 0; in_quotes && i < cell.len; i++) {
		*p++ = cell.ptr[i];
		if (cell.ptr[i] == '"')
			*p++ = '"';
	}
	if (in_quotes)
		*p++ = '"';
	else if (cell.len)
		p = px_emit_bytes(p, cell);
	else if (!is_csv)
		*p++ = '-';
	line->len = (size_t)(p - line->ptr);
	return 0;
}
