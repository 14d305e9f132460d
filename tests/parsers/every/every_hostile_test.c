/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes made to hurt, for every parser: lengths in its own cases that are lies, and messages that
 * do not end. Memory and time stay bounded, and the contract with the core holds.
 */
#include "support/armed.h"
#include "support/every.h"
#include "support/suite.h"

#include <stdlib.h>
#include <string.h>

#define CASE_MAX 600 /* bytes of the cases whose every place is tried */
#define LARGEST (4 << 20) /* bytes, of one allocation */
#define HELD (4 << 20) /* bytes of one message that are kept */
#define ENDLESS 400000 /* bytes: more than a message may have before it is no message */

static struct px_buf text;

static void play(const struct px_parser *parser, const struct px_case *c, size_t piece,
		 const struct px_case_step *also, const char *what, size_t at)
{
	struct px_case_feed how = px_case_whole;
	struct px_parser armed = px_arm(parser);
	const char *broken;

	how.piece = piece;
	how.also = also;
	text.len = 0;
	broken = px_case_feed(&armed, c, &how, &text);
	ck_assert_msg(!broken, "%s, %s, %s at %zu: %s", parser->name, c->name, what, at, broken);
	ck_assert_msg(px_oom.largest <= LARGEST && px_armed.held_max <= HELD,
		      "%s, %s, %s at %zu: %zu bytes in one allocation, %zu in all", parser->name,
		      c->name, what, at, px_oom.largest, px_armed.held_max);
}

/* Lengths as they are written, in bytes and in digits. */
static const struct px_bytes lies[] = {
	PX_BYTES("\x7f\xff\xff\xff"),
	PX_BYTES("\x80\x00\x00\x00"),
	PX_BYTES("\xff\xff\xff\xff"),
	PX_BYTES("2147483648"),
	PX_BYTES("\x00\x00\x00\x00"),
	PX_BYTES("\xff\xff\xff\x7f"),
	PX_BYTES("-1"),
	PX_BYTES("\xff\xff"),
	PX_BYTES("\x00\x00\x00\x80"),
	PX_BYTES("9223372036854775807"),
	PX_BYTES("\x00\x00"),
};

static void lie_at(const struct px_parser *parser, const struct px_case *c,
		   const struct px_buf *bytes, size_t at, struct px_bytes lie)
{
	size_t len = lie.len < bytes->len - at ? lie.len : bytes->len - at;
	char saved[32];

	memcpy(saved, bytes->ptr + at, len);
	memcpy(bytes->ptr + at, lie.ptr, len);
	play(parser, c, SIZE_MAX, NULL, "a lie", at);
	memcpy(bytes->ptr + at, saved, len);
}

/* A lie at each place, and which one that is goes round. */
static void lie_everywhere(const struct px_parser *parser, const struct px_case *c)
{
	static size_t turn;

	for (size_t i = 0; i < c->count; i++)
		for (size_t at = 0; at < c->steps[i].bytes.len; at++)
			lie_at(parser, c, &c->steps[i].bytes, at, lies[turn++ % PX_COUNT(lies)]);
}

START_TEST(lengths_that_lie)
{
	px_every_case(_i, CASE_MAX, lie_everywhere);
}
END_TEST

static void fill(struct px_buf *b, struct px_bytes with)
{
	b->len = 0;
	if (px_buf_reserve(b, ENDLESS) != 0)
		abort();
	for (; b->len < ENDLESS; b->len++)
		b->ptr[b->len] = with.ptr[b->len % with.len];
}

/*
 * The case ends somewhere inside of a step, and its side goes on and on: with the same byte, or
 * with its own ones again and again.
 */
static void go_on(const struct px_parser *parser, const struct px_case *c)
{
	static const struct px_bytes fills[] = {
		PX_BYTES("a"),	  PX_BYTES("\0"), PX_BYTES("1"),
		PX_BYTES("\xff"), PX_BYTES(" "),  PX_BYTES("\r\n")
	};
	static size_t turn;
	struct px_case_step also = { .what = PX_CASE_BYTES, .bytes = px_buf_of(ENDLESS) };
	struct px_case cut = *c;

	for (size_t i = 0; i < c->count; i++) {
		struct px_buf *b = &cut.steps[i].bytes;
		size_t len = b->len, n = turn++ % (PX_COUNT(fills) + 1);

		if (len == 0 || c->is_datagrams)
			continue;
		fill(&also.bytes, n < PX_COUNT(fills) ? fills[n] : px_buf_bytes(b));
		also.dir = c->steps[i].dir;
		cut.count = i + 1;
		b->len = 1 + turn * 7 % len;
		play(parser, &cut, turn % 2 ? 65536 : 1460, &also, "endless bytes", b->len);
		b->len = len;
	}
	px_buf_fini(&also.bytes);
}

START_TEST(messages_without_end)
{
	px_every_case(_i, CASE_MAX, go_on);
}
END_TEST

static void setup(void)
{
	text = px_buf_of(64 << 20);
	px_oom.fail_at = -1;
}

static void teardown(void)
{
	px_buf_fini(&text);
}

int main(void)
{
	Suite *suite = suite_create("hostile bytes");
	TCase *tc = tcase_create("every parser");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, lengths_that_lie, 0, px_every_count());
	tcase_add_loop_test(tc, messages_without_end, 0, px_every_count());
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
