/* SPDX-License-Identifier: Apache-2.0 */
/* Whose bytes are these, which side sent them, and where does a message begin again. */
#include "http/http.h"
#include "support/guard.h"
#include "support/rows.h"
#include "support/suite.h"

#include <check.h>
#include <stdlib.h>

#define WIRE PX_WIRE

static const struct px_infer_row infers[] = {
	{ WIRE("GET / HTTP/1.1\r\n"), PX_SURE_YES, PX_FRAME_REQUEST },
	{ WIRE("GET / HTTP/1.1\n"), PX_SURE_YES, PX_FRAME_REQUEST },
	{ WIRE("\r\nGET / HTTP/1.0\r\n"), PX_SURE_YES, PX_FRAME_REQUEST },
	{ WIRE("GET http://a.example/ HTTP/1.1\r\n"), PX_SURE_YES, PX_FRAME_REQUEST },
	{ WIRE("CONNECT [::1]:443 HTTP/1.1\r\n"), PX_SURE_YES, PX_FRAME_REQUEST },
	{ WIRE("OPTIONS * HTTP/1.1\r\n"), PX_SURE_YES, PX_FRAME_REQUEST },
	{ WIRE("M-SEARCH * HTTP/1.1\r\n"), PX_SURE_YES, PX_FRAME_REQUEST },
	{ WIRE("frobnicate /x HTTP/1.1\r\n"), PX_SURE_YES, PX_FRAME_REQUEST },
	{ WIRE("G"), PX_SURE_MAYBE, PX_FRAME_REQUEST },
	{ WIRE("GET"), PX_SURE_MAYBE, PX_FRAME_REQUEST },
	{ WIRE("GET /index.html"), PX_SURE_MAYBE, PX_FRAME_REQUEST },
	{ WIRE("HTTP/1.1 200 OK\r\n"), PX_SURE_YES, PX_FRAME_RESPONSE },
	{ WIRE("HTTP/1.0 404\r\n"), PX_SURE_YES, PX_FRAME_RESPONSE },
	{ WIRE("HTTP/1.1 200"), PX_SURE_MAYBE, PX_FRAME_RESPONSE },
	{ WIRE("HTTP/1."), PX_SURE_MAYBE, PX_FRAME_RESPONSE },
	{ WIRE("H"), PX_SURE_MAYBE, 0 }, /* HEAD or HTTP */
	{ WIRE("\r\n"), PX_SURE_MAYBE, 0 },

	{ WIRE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), PX_SURE_NO, 0 },
	{ WIRE("HTTP/2 200\r\n"), PX_SURE_NO, 0 },
	{ WIRE("\rHTTP/1.1 200 "), PX_SURE_NO, 0 },	/* a length, and so many bytes */
	{ WIRE("\n"), PX_SURE_MAYBE, 0 },
	{ WIRE("\r"), PX_SURE_MAYBE, 0 },
	{ WIRE("OPTIONS rtsp://a.example/ RTSP/1.0\r\n"), PX_SURE_NO, 0 },
	{ WIRE("INVITE sip:bob@b.example SIP/2.0\r\n"), PX_SURE_NO, 0 },
	{ WIRE("RTSP/1.0 200 OK\r\n"), PX_SURE_NO, 0 },
	{ WIRE("ICAP/1.0 200 OK\r\n"), PX_SURE_NO, 0 },
	{ WIRE("GET /key\r\n"), PX_SURE_NO, 0 },	/* redis, inline */
	{ WIRE("get /key\r\n"), PX_SURE_NO, 0 },	/* memcached */
	{ WIRE("GET user:7\r\n"), PX_SURE_NO, 0 },
	{ WIRE("*2\r\n$3\r\nGET\r\n"), PX_SURE_NO, 0 },
	{ WIRE("PING\r\n"), PX_SURE_NO, 0 },
	{ WIRE("PUB /orders 5\r\nhello\r\n"), PX_SURE_NO, 0 },
	{ WIRE("INFO {\"server_id\":\"x\"}\r\n"), PX_SURE_NO, 0 },
	{ WIRE("220 mail.example ESMTP\r\n"), PX_SURE_NO, 0 },
	{ WIRE("EHLO client.example\r\n"), PX_SURE_NO, 0 },
	{ WIRE("SSH-2.0-OpenSSH_9.2\r\n"), PX_SURE_NO, 0 },
	{ WIRE("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), PX_SURE_NO, 0 },
	{ WIRE("\x00\x00\x00\x08\x04\xd2\x16\x2f"), PX_SURE_NO, 0 },
	{ WIRE("SELECT * FROM t"), PX_SURE_MAYBE, PX_FRAME_REQUEST }, /* a method we do not know, so far */
	{ WIRE("SELECT * FROM t\n"), PX_SURE_NO, 0 },
	{ WIRE("<html>"), PX_SURE_NO, 0 },
	{ WIRE("{\"a\":1}"), PX_SURE_NO, 0 },
	{ WIRE("GET /a\x01 HTTP/1.1\r\n"), PX_SURE_NO, 0 },
	{ WIRE("HTTP/1.1 2x0 OK\r\n"), PX_SURE_NO, 0 },
	{ WIRE(" GET / HTTP/1.1\r\n"), PX_SURE_NO, 0 },
};

START_TEST(infer_case)
{
	px_infer_row_check(&px_parser_http, &infers[_i]);
}
END_TEST

START_TEST(infer_long_target)
{
	char head[1024] = "GET /";

	memset(head + 5, 'a', sizeof(head) - 5);
	ck_assert_int_eq(px_parser_http.infer(px_bytes_of(head, sizeof(head)), PX_DIR_IN),
			 PX_SURE_YES);
	head[0] = 'J';
	ck_assert_int_eq(px_parser_http.infer(px_bytes_of(head, sizeof(head)), PX_DIR_IN),
			 PX_SURE_MAYBE);
}
END_TEST

struct resync_case {
	struct px_bytes in;
	size_t at;
};

static const struct resync_case resyncs[] = {
	{ WIRE("GET / HTTP/1.1\r\n"), 0 },
	{ WIRE("HTTP/1.1 200 OK\r\n"), 0 },
	{ WIRE("lo\r\nGET / HTTP/1.1\r\n"), 4 },
	{ WIRE("{\"a\":1}GET /x HTTP/1.1\r\n"), 7 },
	{ WIRE("bodyPOST http://h/x HTTP/1.0\n"), 4 },
	{ WIRE("</html>HTTP/1.1 304 Not Modified\r\n"), 7 },
	{ WIRE("ET / HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\n"), 26 },
	{ WIRE("x-a: b\r\n\r\nfrob /y HTTP/1.1\r\n"), 10 },
	{ WIRE("says HTTP/1.1 here and HTTP/1.1\r\nthere"), 38 },
	{ WIRE("only text\r\n"), 11 },
	/* not complete, but it may be one */
	{ WIRE("lo\r\nGET /ab"), 4 },
	{ WIRE("lo\r\nPO"), 4 },
	{ WIRE("lo\r\nHTTP/1.1 2"), 4 },
	{ WIRE("{}GET /ab HTTP/1.1"), 2 },
	{ WIRE("{}HTTP/1.1 20"), 2 },
	{ WIRE("a capital G"), 11 },
	{ WIRE("\x16\x03\x01\x02"), 4 },
};

START_TEST(resync_case)
{
	const struct resync_case *c = &resyncs[_i];
	struct px_bytes in = px_guard_dup(c->in);

	ck_assert_uint_eq(px_parser_http.resync(in, PX_DIR_OUT), c->at);
	px_guard_free(in);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("http infer");
	TCase *tc = tcase_create("first bytes");

	tcase_set_timeout(tc, 20);
	tcase_add_loop_test(tc, infer_case, 0, (int)PX_COUNT(infers));
	tcase_add_test(tc, infer_long_target);
	tcase_add_loop_test(tc, resync_case, 0, (int)PX_COUNT(resyncs));
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
