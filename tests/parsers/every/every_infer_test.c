/* SPDX-License-Identifier: Apache-2.0 */
/* Whose bytes are these, for every parser: what goes for all of them. */
#include "support/every.h"
#include "support/guard.h"
#include "support/suite.h"

#include <stdlib.h>
#include <string.h>

#define CASE_MAX 4000 /* bytes */
#define ROUNDS 300000
#define LONG (1 << 18) /* bytes; enough for what is not linear to show */

/* First bytes that messages have; half of the random ones begin with one of them. */
static unsigned char begins[256];
static size_t begin_count;

static void note_begin(const struct px_parser *parser, const struct px_case *c)
{
	(void)parser;
	for (size_t i = 0; i < c->count && begin_count < sizeof(begins); i++)
		if (c->steps[i].bytes.len > 0)
			begins[begin_count++] = (unsigned char)c->steps[i].bytes.ptr[0];
}

START_TEST(random_bytes)
{
	const struct px_parser *parser = px_parsers[_i];
	unsigned char head[64];
	uint32_t seed = 1;

	px_every_case(_i, CASE_MAX, note_begin);
	for (int round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < sizeof(head); i++) {
			seed = seed * 1664525 + 1013904223;
			head[i] = (unsigned char)(seed >> 24);
		}
		if (round % 2)
			head[0] = begins[(size_t)round / 2 % begin_count];
		ck_assert_msg(parser->infer(px_bytes_of(head, sizeof(head)), PX_DIR_IN) !=
				      PX_SURE_YES,
			      "%s claims those of round %d", parser->name, round);
	}
}
END_TEST

/* The first bytes of each side: what is YES in the end was never NO on the way. */
static void grow(const struct px_parser *parser, const struct px_case *c)
{
	bool has_begun[2] = { false, false };

	for (size_t i = 0; i < c->count && !c->is_joined && !c->is_datagrams; i++) {
		struct px_bytes said = px_buf_bytes(&c->steps[i].bytes);
		enum px_dir dir = c->steps[i].dir;

		if (has_begun[dir] || said.len == 0)
			continue;
		has_begun[dir] = true;
		if (parser->infer(said, dir) != PX_SURE_YES)
			continue;
		for (size_t n = 1; n < said.len; n++) {
			struct px_bytes head = px_guard_dup(px_bytes_sub(said, 0, n));

			ck_assert_msg(parser->infer(head, dir) != PX_SURE_NO,
				      "%s, %s: no at %zu bytes", parser->name, c->name, n);
			px_guard_free(head);
		}
	}
}

START_TEST(growing_heads)
{
	px_every_case(_i, CASE_MAX, grow);
}
END_TEST

static void resync_long(const struct px_parser *parser, struct px_bytes unit)
{
	char *in = malloc(LONG);

	ck_assert_ptr_nonnull(in);
	for (size_t i = 0; i < LONG; i++)
		in[i] = unit.ptr[i % unit.len];
	for (int dir = 0; dir < 2; dir++)
		ck_assert_uint_le(parser->resync(px_bytes_of(in, LONG), (enum px_dir)dir), LONG);
	free(in);
}

/* Each step of a case without its first byte, again and again: it is found at once, or nearly. */
static void resync_case(const struct px_parser *parser, const struct px_case *c)
{
	for (size_t i = 0; i < c->count; i++) {
		struct px_bytes said = px_buf_bytes(&c->steps[i].bytes);

		if (said.len > 1)
			resync_long(parser, px_bytes_sub(said, 1, 200));
	}
}

/* Looking for a beginning takes time in proportion to the bytes, whatever they say. */
START_TEST(resync_is_linear)
{
	static const struct px_bytes units[] = {
		PX_BYTES("HTTP/1."),	      PX_BYTES(" HTTP/1.1"),
		PX_BYTES("GET / HTTP/1.x"),   PX_BYTES("POST"),
		PX_BYTES("\nGET /"),	      PX_BYTES(" HTTP/1.1\r"),
		PX_BYTES("GET / HTTP/1.1\r"), PX_BYTES("GET / HTTP/1.1\r\r"),
		PX_BYTES("\r\n:1"),	      PX_BYTES("\r\n$1"),
		PX_BYTES("\r\n$9\r\n"),	      PX_BYTES("\r\n+OK\r\n-"),
		PX_BYTES("\r\n*1\r\n"),	      PX_BYTES("+"),
		PX_BYTES("\x01\0\0\0"),	      PX_BYTES("\0"),
		PX_BYTES("\x03SELECT"),	      PX_BYTES("\xff\xff\xff\0\x03"),
		PX_BYTES("Q\0\1\xff\xff"),    PX_BYTES("D\0\0\x1f\xff\xff\xff"),
		PX_BYTES("P\0\1\0\0a"),	      PX_BYTES("\0\0\x27\x10\0\3\0\0user"),
		PX_BYTES("E\0\1\0\0SERROR"),  PX_BYTES("\x16\3\1\x40\0"),
		PX_BYTES("\x17\3\3"),	      PX_BYTES("\1a\0\1\0\1\xc0\x0c"),
	};

	if (!px_parsers[_i]->resync)
		return;
	for (size_t i = 0; i < PX_COUNT(units); i++)
		resync_long(px_parsers[_i], units[i]);
	px_every_case(_i, 200, resync_case);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("first bytes");
	TCase *tc = tcase_create("every parser");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, random_bytes, 0, px_every_count());
	tcase_add_loop_test(tc, growing_heads, 0, px_every_count());
	tcase_add_loop_test(tc, resync_is_linear, 0, px_every_count());
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
