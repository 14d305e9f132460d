/* SPDX-License-Identifier: Apache-2.0 */
/* Input made to hurt: sizes stay exact, memory bounded, time in proportion. */
#include "http/http.h"
#include "support/dump.h"
#include "support/feed.h"
#include "support/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#define POOL (8 << 20)

static struct px_feed feed;
static struct px_frame *last;	/* that was finished */
static size_t frames, losses;
static size_t held_max;		/* bytes a frame's arena had */
static struct px_buf wire;

static void on_frame(void *ctx, enum px_dir dir, struct px_frame *f)
{
	(void)ctx;
	(void)dir;
	px_frame_free(&feed.pool, last);
	last = f;
	frames++;
	if (f->arena.held > held_max)
		held_max = f->arena.held;
}

static void on_bad(void *ctx, enum px_dir dir, const char *why)
{
	(void)ctx;
	(void)dir;
	(void)why;
	losses++;
}

static void setup(void)
{
	px_feed_init(&feed, &px_parser_http, &px_feed_limits, POOL);
	feed.on_frame = on_frame;
	feed.on_bad = on_bad;
	last = NULL;
	frames = losses = held_max = 0;
	wire = px_buf_of(64 << 20);
}

static void teardown(void)
{
	ck_assert_msg(feed.broken == NULL, "%s", feed.broken ? feed.broken : "");
	px_frame_free(&feed.pool, last);
	px_feed_fini(&feed);
	px_buf_fini(&wire);
}

static void add(const char *s)
{
	ck_assert_int_eq(px_buf_append(&wire, px_bytes_str(s)), 0);
}

static void add_bytes(size_t n, char c)
{
	ck_assert_int_eq(px_buf_reserve(&wire, n), 0);
	memset(wire.ptr + wire.len, c, n);
	wire.len += n;
}

static void add_times(size_t n, const char *s)
{
	while (n-- > 0)
		add(s);
}

static void send_all(enum px_dir dir)
{
	px_feed_bytes(&feed, dir, px_buf_bytes(&wire));
	wire.len = 0;
}

static void send_by(enum px_dir dir, size_t piece)
{
	for (size_t at = 0; at < wire.len; at += piece)
		px_feed_bytes(&feed, dir, px_bytes_sub(px_buf_bytes(&wire), at, piece));
	wire.len = 0;
}

/* The record of the last frame; free with px_buf_fini. */
static struct px_buf record_of_last(size_t pool)
{
	struct px_exchange ex = { .parser = &px_parser_http, .flags = last->flags };
	struct px_buf text = px_buf_of(64 << 20);

	if (last->kind == PX_FRAME_REQUEST)
		ex.request = last;
	else
		ex.response = last;
	px_dump_exchange(&text, &ex, 0, pool);
	ck_assert_int_eq(px_buf_append(&text, px_bytes_of("", 1)), 0);
	return text;
}

static void expect_line(const char *line)
{
	struct px_buf text = record_of_last(POOL);

	ck_assert_msg(strstr(text.ptr, line) != NULL, "no %s in\n%.4000s", line, text.ptr);
	px_buf_fini(&text);
}

START_TEST(three_hundred_headers)
{
	char line[64];

	add("GET / HTTP/1.1\r\nHost: a\r\n");
	for (int i = 0; i < 300; i++) {
		snprintf(line, sizeof(line), "X-%d: %d\r\n", i, i);
		add(line);
	}
	add("Content-Length: 2\r\nAuthorization: hush\r\n\r\nok");
	if (_i == 0)
		send_all(PX_DIR_OUT);
	else
		send_by(PX_DIR_OUT, 1);
	ck_assert_uint_eq(frames, 1);
	expect_line("req.headers.x-254: 254\n");
	expect_line("req.body: ok\n");
	expect_line("flags: truncated\n");
	ck_assert_uint_eq(last->flags, PX_FLAG_TRUNCATED);
}
END_TEST

START_TEST(headers_of_64_kilobytes)
{
	char line[300];

	add("GET / HTTP/1.1\r\n");
	for (int i = 0; i < 255; i++) {
		snprintf(line, sizeof(line), "X-%03d: %0247d\r\n", i, i);
		add(line);
	}
	ck_assert_uint_gt(wire.len, 65000);
	add("\r\n");
	ck_assert_uint_le(wire.len, px_feed_limits.head_max + 200);
	send_by(PX_DIR_OUT, _i == 0 ? 1 : 1460);
	ck_assert_uint_eq(frames, 1);
	ck_assert_uint_eq(last->flags, 0);
	expect_line("req.headers.x-254: ");
}
END_TEST

START_TEST(two_hundred_equal_headers)
{
	add("GET / HTTP/1.1\r\n");
	add_times(
		250,
		"Via: 1.1 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n");
	add("\r\n");
	send_all(PX_DIR_OUT);
	ck_assert_uint_eq(frames, 1);
	/* Joining them takes one copy, not one per header. */
	{
		struct px_buf text = record_of_last(256 << 10);

		ck_assert_ptr_nonnull(strstr(text.ptr, "req.headers.via: 1.1 "));
		ck_assert_uint_gt(text.len, 250 * 200);
		px_buf_fini(&text);
	}
}
END_TEST

START_TEST(head_without_end)
{
	add("GET / HTTP/1.1\r\n");
	if (_i == 0)
		add_times(200000, "X-Endless: 1\r\n");
	else
		add_bytes(3 << 20, 'x');
	send_by(PX_DIR_OUT, 4096);
	ck_assert_uint_eq(frames, 0);
	ck_assert_uint_eq(losses, 1);
}
END_TEST

START_TEST(first_line_without_end)
{
	add("GET /");
	add_bytes(200000, 'a');
	send_by(PX_DIR_OUT, _i == 0 ? 7 : 65536);
	ck_assert_uint_eq(frames, 0);
	ck_assert_uint_eq(losses, 1);
}
END_TEST

START_TEST(any_number_of_interim_answers)
{
	add("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	send_all(PX_DIR_OUT);
	for (int i = 0; i < 1000; i++) {
		add_times(100,
			  "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n");
		send_all(PX_DIR_IN);
	}
	add("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	send_all(PX_DIR_IN);
	ck_assert_uint_eq(frames, 2);
	ck_assert_uint_eq(last->bytes, 100000 * 61 + 38);
	ck_assert_uint_le(held_max, PX_ARENA_BLOCK);
}
END_TEST

START_TEST(many_tiny_chunks)
{
	add("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < 100; i++) {
		add_times(1000, "1\r\nx\r\n");
		send_all(PX_DIR_IN);
	}
	add("0\r\n\r\n");
	send_all(PX_DIR_IN);
	ck_assert_uint_eq(frames, 1);
	ck_assert_uint_eq(last->bytes, 47 + 600000 + 5);
	expect_line("resp.body_bytes: 100000\n");
	expect_line("resp.body_truncated: true\n");
	ck_assert_uint_le(held_max, 4 * px_feed_limits.body_max);
}
END_TEST

START_TEST(a_body_of_many_gigabytes)
{
	add("HTTP/1.1 200 OK\r\nContent-Length: 9000000000\r\n\r\n");
	add_bytes(20000, 'x');
	send_all(PX_DIR_IN);
	/* All but what was kept is left to the core, who need not see it. */
	ck_assert_uint_eq(feed.dir[PX_DIR_IN].discard, 9000000000 - 20000);
	px_feed_hole(&feed, PX_DIR_IN, 9000000000 - 20000 - 3, true);
	add("end");
	send_all(PX_DIR_IN);
	ck_assert_uint_eq(frames, 1);
	ck_assert_uint_eq(last->bytes, 9000000000 + 47);
	expect_line("resp.body_bytes: 9000000000\n");
}
END_TEST

START_TEST(a_length_that_is_a_lie)
{
	struct px_parse_limits limits = px_feed_limits;

	limits.body_max = SIZE_MAX;
	feed.limits = limits;
	add("POST / HTTP/1.1\r\nContent-Length: 4000000000000000000\r\n\r\nabc");
	send_all(PX_DIR_OUT);
	px_feed_eof(&feed, PX_DIR_OUT);
	ck_assert_uint_eq(frames, 1);
	ck_assert_uint_eq(last->flags, PX_FLAG_ABORTED);
	ck_assert_uint_le(held_max, PX_ARENA_BLOCK);
	expect_line("req.body: abc\n");
}
END_TEST

START_TEST(all_of_a_body_is_kept_if_wanted)
{
	struct px_parse_limits limits = px_feed_limits;

	limits.body_max = SIZE_MAX;
	feed.limits = limits;
	add("HTTP/1.1 200 OK\r\n\r\n");
	add_bytes(300000, 'x');
	send_by(PX_DIR_IN, 1460);
	px_feed_eof(&feed, PX_DIR_IN);
	ck_assert_uint_eq(frames, 1);
	ck_assert_uint_eq(last->flags, 0);
	expect_line("resp.body_truncated: false\n");
}
END_TEST

START_TEST(gzip_bomb)
{
	static unsigned char plain[1 << 20], coded[16384];
	z_stream z;
	char head[128];

	memset(&z, 0, sizeof(z));
	ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_out = coded;
	z.avail_out = sizeof(coded);
	while (z.avail_out > 2000) {
		z.next_in = plain;
		z.avail_in = sizeof(plain);
		ck_assert_int_eq(deflate(&z, Z_SYNC_FLUSH), Z_OK);
	}
	ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
	ck_assert_uint_gt(z.total_in, 10 << 20);
	snprintf(head, sizeof(head),
		 "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %lu\r\n\r\n",
		 z.total_out);
	add(head);
	ck_assert_int_eq(px_buf_append(&wire, px_bytes_of(coded, z.total_out)), 0);
	deflateEnd(&z);
	send_all(PX_DIR_IN);
	ck_assert_uint_eq(frames, 1);
	/* Twice decoded_max is enough memory for it. */
	{
		struct px_buf text = record_of_last(2 * px_feed_limits.decoded_max + 65536);

		ck_assert_ptr_nonnull(strstr(text.ptr, "resp.body_truncated: true\n"));
		ck_assert_ptr_null(strstr(text.ptr, "body_decoded_bytes"));
		ck_assert_uint_gt(text.len, px_feed_limits.decoded_max);
		px_buf_fini(&text);
	}
}
END_TEST

/*
 * More requests under way than are remembered: sizes and order stay right, only HEAD is not known
 * any more.
 */
START_TEST(five_thousand_pipelined)
{
	add_times(5000, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	send_all(PX_DIR_OUT);
	ck_assert_uint_eq(frames, 5000);
	add_times(5000, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	send_all(PX_DIR_IN);
	ck_assert_uint_eq(frames, 10000);
	ck_assert_uint_eq(last->key, 4999);
	ck_assert_uint_eq(losses, 0);
}
END_TEST

START_TEST(state_is_small)
{
	ck_assert_uint_le(px_parser_http.state_size, 512);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("http hostile");
	TCase *tc = tcase_create("sizes and times");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 20);
	tcase_add_loop_test(tc, three_hundred_headers, 0, 2);
	tcase_add_loop_test(tc, headers_of_64_kilobytes, 0, 2);
	tcase_add_test(tc, two_hundred_equal_headers);
	tcase_add_loop_test(tc, head_without_end, 0, 2);
	tcase_add_loop_test(tc, first_line_without_end, 0, 2);
	tcase_add_test(tc, any_number_of_interim_answers);
	tcase_add_test(tc, many_tiny_chunks);
	tcase_add_test(tc, a_body_of_many_gigabytes);
	tcase_add_test(tc, a_length_that_is_a_lie);
	tcase_add_test(tc, all_of_a_body_is_kept_if_wanted);
	tcase_add_test(tc, gzip_bomb);
	tcase_add_test(tc, five_thousand_pipelined);
	tcase_add_test(tc, state_is_small);
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
