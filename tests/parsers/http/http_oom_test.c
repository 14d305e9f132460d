/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory runs out: each allocation that parse() and describe() cause fails once, those of the
 * decoders included, and pools are made smaller step by step. Nothing may break, and no secret may
 * get out.
 */
#include "http/http.h"
#include "support/armed.h"
#include "support/dump.h"
#include "support/feed.h"
#include "support/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define POOL (4 << 20)

static struct px_parser armed;
static struct px_feed feed;
static struct px_frame *frames[2][64];
static size_t count[2], losses;

static void on_frame(void *ctx, enum px_dir dir, struct px_frame *f)
{
	(void)ctx;
	ck_assert_uint_lt(count[dir], PX_COUNT(frames[dir]));
	frames[dir][count[dir]++] = f;
}

static void on_bad(void *ctx, enum px_dir dir, const char *why)
{
	(void)ctx;
	(void)dir;
	(void)why;
	losses++;
}

/* "hush" is the secret everywhere; bodies are "hello, hello, hello" in each of the codings. */
#define GZ                                                                                         \
	"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x48\xcd\xc9\xc9\xd7\x51\xc8\x40\xa2\x00\x9f\xa1\xca\x09\x13\x00\x00\x00"
#define BR                                                                                         \
	"\x1f\x12\x00\xf8\x8d\x94\x6e\xde\x44\x09\x52\x86\x96\x6c\x2c\x6f\x11\x4f\x24\xd0\x71\x00"
#define ZSTD                                                                                       \
	"\x28\xb5\x2f\xfd\x00\x58\x6d\x00\x00\x38\x68\x65\x6c\x6c\x6f\x2c\x20\x01\x00\xe2\x8a\x11"
#define GZ_BR                                                                                      \
	"\x0f\x0e\x80\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x48\xcd\xc9\xc9\xd7\x51\xc8\x40\xa2\x00\x9f\xa1\xca\x09\x13\x00\x00\x00\x03"
#define COOKIE "Set-Cookie: hush=1\r\n"

static void converse(void)
{
	static const char requests[] =
		"GET /?a=1&password=hush HTTP/1.1\r\nHost: a\r\nAuthorization: hush\r\nX: 1\r\nX: 2\r\nReferer: http://h:hush@b/\r\n\r\n"
		"POST /form HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 13\r\n\r\npassword=hush"
		"HEAD /3 HTTP/1.1\r\nHost: a\r\nCookie: hush\r\n hush\r\n\r\n"
		"PUT /4 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Api-Key: hush\r\n\r\n"
		"GET /5 HTTP/1.7\r\n\r\n";
	static const char responses[] =
		"HTTP/1.1 200 OK\r\n" COOKIE COOKIE
		"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n1d\r\n" GZ
		"\r\n0\r\n\r\n"
		"HTTP/1.1 100 Continue\r\n\r\n"
		"HTTP/1.1 303 See Other\r\nLocation: /?api_key=hush\r\nContent-Encoding: br\r\nContent-Length: 22\r\n\r\n" BR
		"HTTP/1.1 200 OK\r\nContent-Length: 29\r\n\r\n"
		"HTTP/1.1 201 Created\r\nContent-Encoding: zstd\r\nContent-Length: 22\r\n\r\n" ZSTD
		"HTTP/1.1 200 OK\r\nContent-Encoding: gzip, br\r\n\r\n" GZ_BR;

	px_feed_bytes(&feed, PX_DIR_OUT, px_bytes_of(requests, sizeof(requests) - 1));
	for (size_t at = 0; at < sizeof(responses) - 1; at += 50)
		px_feed_bytes(&feed, PX_DIR_IN,
			      px_bytes_sub(px_bytes_of(responses, sizeof(responses) - 1), at, 50));
	px_feed_eof(&feed, PX_DIR_IN);
	px_feed_eof(&feed, PX_DIR_OUT);
	px_feed_finish(&feed);
}

/* The whole of it with that much memory. Returns the records as text; free with px_buf_fini. */
static struct px_buf run(size_t frame_pool, size_t record_pool)
{
	struct px_buf text = px_buf_of(1 << 20);

	count[0] = count[1] = losses = 0;
	px_oom.allocations = 0;
	px_feed_init(&feed, &armed, &px_feed_limits, frame_pool);
	feed.on_frame = on_frame;
	feed.on_bad = on_bad;
	feed.role = PX_ROLE_CLIENT;
	converse();
	ck_assert_msg(feed.broken == NULL, "%s", feed.broken ? feed.broken : "");
	for (size_t i = 0; i < count[0] || i < count[1]; i++) {
		struct px_exchange ex = { .parser = &armed };

		ex.request = i < count[PX_DIR_OUT] ? frames[PX_DIR_OUT][i] : NULL;
		ex.response = i < count[PX_DIR_IN] ? frames[PX_DIR_IN][i] : NULL;
		px_dump_exchange(&text, &ex, PX_DUMP_RAW, record_pool);
	}
	for (int dir = 0; dir < 2; dir++)
		for (size_t i = 0; i < count[dir]; i++)
			px_frame_free(&feed.pool, frames[dir][i]);
	px_feed_fini(&feed);
	ck_assert_int_eq(px_buf_append(&text, px_bytes_of("", 1)), 0);
	ck_assert_msg(!strstr(text.ptr, "hush"),
		      "frames %zu, record %zu, fail %ld: a secret in\n%s", frame_pool, record_pool,
		      px_oom.fail_at, text.ptr);
	return text;
}

static void setup(void)
{
	armed = px_arm(&px_parser_http);
	px_oom.fail_at = -1;
}

START_TEST(enough_memory)
{
	struct px_buf text = run(POOL, POOL);
	int decoded = 0;

	ck_assert_uint_eq(losses, 0);
	ck_assert_uint_eq(count[PX_DIR_OUT], 5);
	ck_assert_uint_eq(count[PX_DIR_IN], 5);
	for (const char *at = text.ptr;
	     (at = strstr(at, "resp.body: hello, hello, hello\n")) != NULL; at++)
		decoded++;
	ck_assert_int_eq(decoded, 4);
	ck_assert_int_gt(px_oom.allocations, 5);
	px_buf_fini(&text);
}
END_TEST

START_TEST(each_allocation_fails)
{
	long total;

	for (px_oom.fail_at = 0;; px_oom.fail_at++) {
		struct px_buf text = run(POOL, POOL);

		total = px_oom.allocations;
		px_buf_fini(&text);
		if (total <= px_oom.fail_at)
			break;
	}
	ck_assert_int_gt(total, 5);
}
END_TEST

START_TEST(frames_run_out)
{
	for (size_t pool = 0; pool < 80000; pool += 512) {
		struct px_buf text = run(pool, POOL);

		px_buf_fini(&text);
	}
}
END_TEST

START_TEST(records_run_out)
{
	for (size_t pool = 0; pool < 40000; pool += 512) {
		struct px_buf text = run(POOL, pool);

		px_buf_fini(&text);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("http oom");
	TCase *tc = tcase_create("memory");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, enough_memory);
	tcase_add_test(tc, each_allocation_fails);
	tcase_add_test(tc, frames_run_out);
	tcase_add_test(tc, records_run_out);
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
