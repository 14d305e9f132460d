/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes into a packet file: the cases of every parser that masks, overwritten in pieces of any
 * size. None of their secrets is left, and read again they give the same records but for what is
 * hidden.
 */
#include "support/dump.h"
#include "support/every.h"
#include "support/suite.h"

#include <stdlib.h>

#define CASE_MAX 4000 /* bytes */

static struct px_buf plain, masked;

static void play(const struct px_parser *parser, const struct px_case *c, size_t piece,
		 bool is_masked, unsigned int how, struct px_buf *out)
{
	struct px_case_feed feed = px_case_whole;
	struct px_case as = *c;
	const char *broken;

	as.how = how;
	feed.piece = piece;
	feed.is_masked = is_masked;
	out->len = 0;
	broken = px_case_feed(parser, &as, &feed, out);
	ck_assert_msg(!broken, "%s, %s: %s", parser->name, c->name, broken);
}

/* The lines that have to stay, whatever is hidden: which records there are, and how long. */
static void keep_shape(struct px_buf *text)
{
	static const struct px_bytes names[] = {
		PX_BYTES("op: "),	 PX_BYTES("ok: "),	   PX_BYTES("status: "),
		PX_BYTES("req.bytes: "), PX_BYTES("resp.bytes: "), PX_BYTES("\n"),
	};
	size_t kept = 0;

	for (size_t at = 0, end; at < text->len; at = end) {
		struct px_bytes line;

		end = px_bytes_find(px_buf_bytes(text), at, '\n');
		end += end < text->len;
		line = px_bytes_sub(px_buf_bytes(text), at, end - at);
		for (size_t i = 0; i < PX_COUNT(names); i++) {
			if (!px_bytes_starts(line, names[i]))
				continue;
			memmove(text->ptr + kept, line.ptr, line.len);
			kept += line.len;
			break;
		}
	}
	text->len = kept;
}

static void check_piece(const struct px_parser *parser, const struct px_case *c, size_t piece)
{
	const char *shown;

	/* Nothing is hidden but what the mask has. */
	play(parser, c, piece, true, PX_DUMP_SECRETS | PX_DUMP_RAW, &masked);
	/* Literals are none of its business. */
	shown = c->how & PX_DUMP_NO_LITERALS ? NULL : px_case_shown(c, px_buf_bytes(&masked));
	ck_assert_msg(!shown, "%s, %s, pieces of %zu: %s in\n%.*s", parser->name, c->name, piece,
		      shown, (int)masked.len, masked.ptr);
	keep_shape(&masked);
	ck_assert_msg(px_bytes_eq(px_buf_bytes(&plain), px_buf_bytes(&masked)),
		      "%s, %s, pieces of %zu: without a mask\n%.*swith it\n%.*s", parser->name,
		      c->name, piece, (int)plain.len, plain.ptr, (int)masked.len, masked.ptr);
}

/* Of a message whose beginning nobody saw, a piece says nothing: joined ones come whole. */
static void check(const struct px_parser *parser, const struct px_case *c)
{
	static const size_t pieces[] = { 1, 2, 3, 5, 16, 61 };

	if (c->how & PX_DUMP_SECRETS || c->is_datagrams)
		return;
	play(parser, c, SIZE_MAX, false, PX_DUMP_SECRETS | PX_DUMP_RAW, &plain);
	keep_shape(&plain);
	check_piece(parser, c, SIZE_MAX);
	for (size_t i = 0; !c->is_joined && i < PX_COUNT(pieces); i++)
		check_piece(parser, c, pieces[i]);
}

START_TEST(packets)
{
	if (px_parsers[_i]->mask)
		px_every_case(_i, CASE_MAX, check);
}
END_TEST

static void setup(void)
{
	plain = px_buf_of(64 << 20);
	masked = px_buf_of(64 << 20);
}

static void teardown(void)
{
	px_buf_fini(&plain);
	px_buf_fini(&masked);
}

int main(void)
{
	Suite *suite = suite_create("masks");
	TCase *tc = tcase_create("every parser");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, packets, 0, px_every_count());
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
