/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of tables that tests of parsers' hooks have, and what each row has to stand. */
#ifndef PX_TESTS_SUPPORT_ROWS_H
#define PX_TESTS_SUPPORT_ROWS_H

#include "parser.h"
#include "support/guard.h"

#include <check.h>
#include <stdlib.h>

#define PX_WIRE(literal)                                                                           \
	{                                                                                          \
		literal, sizeof(literal) - 1                                                       \
	}

/* The first bytes of a direction. */
struct px_infer_row {
	struct px_bytes head;
	enum px_sure sure;
	unsigned int kind; /* enum px_frame_kind, or 0; where it may be the parser's */
};

/* infer() and kind() say so of a row; and what is YES in the end was never NO on the way. */
static inline void px_infer_row_check(const struct px_parser *parser,
				      const struct px_infer_row *row)
{
	for (size_t n = 1; n <= row->head.len; n++) {
		struct px_bytes head = px_guard_dup(px_bytes_sub(row->head, 0, n));
		enum px_sure sure = parser->infer(head, PX_DIR_IN);

		if (n == row->head.len)
			ck_assert_msg(sure == row->sure, "infer %d: %.*s", sure, (int)n, head.ptr);
		else if (row->sure == PX_SURE_YES)
			ck_assert_msg(sure != PX_SURE_NO, "no at first: %.*s", (int)n, head.ptr);
		if (n == row->head.len && row->sure != PX_SURE_NO && parser->kind)
			ck_assert_msg((unsigned int)parser->kind(head) == row->kind, "kind: %.*s",
				      (int)n, head.ptr);
		px_guard_free(head);
	}
}

/* What a direction sends, and what of it goes into a packet file. */
struct px_mask_row {
	struct px_bytes sent, seen;
	bool is_whole_only; /* cut byte by byte nobody could tell what it is */
};

/* In pieces of `step` bytes, the first one of `first`. */
static inline void px_mask_pieces(const struct px_parser *parser, const struct px_mask_row *row,
				  size_t first, size_t step)
{
	struct px_mask m = { 0 };
	char *out = malloc(row->sent.len);

	ck_assert_ptr_nonnull(out);
	ck_assert_uint_eq(row->sent.len, row->seen.len);
	for (size_t i = 0, n = first; i < row->sent.len; i += n, n = step) {
		struct px_bytes piece = px_guard_dup(px_bytes_sub(row->sent, i, n));

		parser->mask(&m, (char *)(uintptr_t)piece.ptr, piece.len);
		memcpy(out + i, piece.ptr, piece.len);
		px_guard_free(piece);
	}
	for (size_t i = 0; i < row->sent.len; i++)
		ck_assert_msg(out[i] == row->seen.ptr[i],
			      "byte %zu of pieces of %zu, %zu: %02x, in %.*s", i, first, step,
			      (unsigned char)out[i], (int)row->sent.len, out);
	free(out);
}

/* mask() makes the one of the other: whole, in pieces of any size, and cut in two anywhere. */
static inline void px_mask_row_check(const struct px_parser *parser, const struct px_mask_row *row)
{
	size_t len = row->sent.len;

	px_mask_pieces(parser, row, len, len);
	for (size_t n = 1; n < len && !row->is_whole_only; n++) {
		px_mask_pieces(parser, row, n, n);
		px_mask_pieces(parser, row, n, len);
	}
}

#endif
