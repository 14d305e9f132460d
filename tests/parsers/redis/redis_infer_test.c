/* SPDX-License-Identifier: Apache-2.0 */
/* Whose bytes are these, which side sent them, and where does a message begin again. */
#include "redis/message.h"
#include "redis/redis.h"
#include "support/guard.h"
#include "support/rows.h"
#include "support/suite.h"

#include <check.h>
#include <stdlib.h>

#define WIRE PX_WIRE

struct infer_case {
	struct px_bytes head;
	enum px_sure sure;
	unsigned int look;	/* enum redis_look, where it may be ours */
};

static const struct infer_case infers[] = {
	{ WIRE("*1\r\n$4\r\nPING\r\n"), PX_SURE_YES, REDIS_LOOKS_COMMAND },
	{ WIRE("*3\r\n$3\r\nset\r\n$1\r\na\r\n$100\r\nab"), PX_SURE_YES, REDIS_LOOKS_PERHAPS },
	{ WIRE("\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n"), PX_SURE_YES, REDIS_LOOKS_COMMAND },
	{ WIRE("*2\r\n$8\r\nFT.MAGIC\r\n$1\r\na\r\n"), PX_SURE_YES, REDIS_LOOKS_ARRAY },
	{ WIRE("*"), PX_SURE_MAYBE, 0 },
	{ WIRE("*2\r\n$3\r\nGE"), PX_SURE_MAYBE, 0 },
	{ WIRE("hgetall user:7\r\n"), PX_SURE_YES, REDIS_LOOKS_COMMAND },
	{ WIRE("PING\r\n"), PX_SURE_MAYBE, REDIS_LOOKS_COMMAND },	/* or NATS */
	{ WIRE("SET a 1\r\nDEL b\r\nSET c 2\r\n"), PX_SURE_YES, REDIS_LOOKS_COMMAND },
	{ WIRE("SET a 1\nDEL b\nSET c 2\n"), PX_SURE_MAYBE, REDIS_LOOKS_COMMAND },
	{ WIRE("get a\r\nget b\r\nget c\r\nget d\r\n"), PX_SURE_MAYBE, REDIS_LOOKS_COMMAND }, /* or memcached */
	{ WIRE("set a 0 0 1\r\n1\r\n"), PX_SURE_MAYBE, REDIS_LOOKS_COMMAND },
	{ WIRE("GET a\r\n"), PX_SURE_MAYBE, REDIS_LOOKS_COMMAND },
	{ WIRE("DBSI"), PX_SURE_MAYBE, REDIS_LOOKS_COMMAND },
	{ WIRE("+PONG\r\n"), PX_SURE_YES, REDIS_LOOKS_ANSWER },
	{ WIRE("+OK\r\n"), PX_SURE_MAYBE, REDIS_LOOKS_ANSWER },	/* or POP3, or NATS */
	{ WIRE("+OK\r\n$3\r\nabc\r\n"), PX_SURE_YES, REDIS_LOOKS_ANSWER },
	{ WIRE("-NOAUTH Authentication required.\r\n"), PX_SURE_YES, REDIS_LOOKS_ANSWER },
	{ WIRE("-ERR "), PX_SURE_MAYBE, REDIS_LOOKS_ANSWER },
	{ WIRE("-ERR unknown command 'X', with args beginning with: \r\n"), PX_SURE_YES, REDIS_LOOKS_ANSWER },
	{ WIRE(":1000\r\n"), PX_SURE_YES, REDIS_LOOKS_ANSWER },
	{ WIRE("$5\r\nhello\r\n"), PX_SURE_YES, REDIS_LOOKS_ANSWER },
	{ WIRE("$-1\r\n"), PX_SURE_YES, REDIS_LOOKS_ANSWER },
	{ WIRE("$500\r\nhello"), PX_SURE_MAYBE, REDIS_LOOKS_ANSWER },
	{ WIRE("*2\r\n:1\r\n:2\r\n"), PX_SURE_YES, REDIS_LOOKS_ANSWER },
	{ WIRE("*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"), PX_SURE_YES, REDIS_LOOKS_ANSWER },
	{ WIRE("*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n"), PX_SURE_YES, REDIS_LOOKS_ANSWER },
	{ WIRE("%1\r\n$6\r\nserver\r\n$5\r\nredis\r\n"), PX_SURE_YES, REDIS_LOOKS_ANSWER },
	{ WIRE(">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n"), PX_SURE_YES, REDIS_LOOKS_ANSWER },

	{ WIRE("GET / HTTP/1.1\r\n"), PX_SURE_MAYBE, REDIS_LOOKS_COMMAND }, /* http is asked first */
	{ WIRE("POST / HTTP/1.1\r\n"), PX_SURE_NO, 0 },
	{ WIRE("HTTP/1.1 200 OK\r\n"), PX_SURE_NO, 0 },
	{ WIRE("+OK POP3 ready <1@mail.example>\r\n"), PX_SURE_NO, 0 },
	{ WIRE("-ERR 'Unknown Protocol Operation'\r\n"), PX_SURE_MAYBE, REDIS_LOOKS_ANSWER },
	{ WIRE("+ idling\r\n"), PX_SURE_NO, 0 },
	{ WIRE("* OK [CAPABILITY IMAP4rev1]\r\n"), PX_SURE_NO, 0 },
	{ WIRE("*2 a\r\n"), PX_SURE_NO, 0 },
	{ WIRE("*1\r\n$3\r\nabcd\r\n"), PX_SURE_NO, 0 },
	{ WIRE(":irc.example 001 bob :Welcome\r\n"), PX_SURE_NO, 0 },
	{ WIRE("220 mail.example ESMTP\r\n"), PX_SURE_NO, 0 },
	{ WIRE("SSH-2.0-OpenSSH_9.2\r\n"), PX_SURE_NO, 0 },
	{ WIRE("SUB orders 1\r\n"), PX_SURE_NO, 0 },
	{ WIRE("VALUE a 0 1\r\nx\r\nEND\r\n"), PX_SURE_NO, 0 },
	{ WIRE("EHLO client.example\r\n"), PX_SURE_NO, 0 },
	{ WIRE("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), PX_SURE_NO, 0 },
	{ WIRE("\x00\x00\x00\x08\x04\xd2\x16\x2f"), PX_SURE_NO, 0 },
	{ WIRE("<html>"), PX_SURE_NO, 0 },
	{ WIRE("{\"a\":1}"), PX_SURE_NO, 0 },
	{ WIRE("- a list\r\n"), PX_SURE_NO, 0 },
	{ WIRE("+1 for this\r\n"), PX_SURE_NO, 0 },
	{ WIRE("$ ls -l\r\n"), PX_SURE_NO, 0 },
	{ WIRE("> quoted\r\n"), PX_SURE_NO, 0 },
	{ WIRE("=====\r\n"), PX_SURE_NO, 0 },
	{ WIRE("%PDF-1.7\r\n"), PX_SURE_NO, 0 },
	{ WIRE("#!/bin/sh\n"), PX_SURE_NO, 0 },
	{ WIRE("_\xff"), PX_SURE_NO, 0 },
	{ WIRE("$99999999999\r\n"), PX_SURE_NO, 0 },
};

START_TEST(infer_case)
{
	const struct infer_case *c = &infers[_i];
	struct px_bytes head = px_guard_dup(c->head);

	ck_assert_msg(px_parser_redis.infer(head, PX_DIR_IN) == c->sure, "infer: %.*s",
		      (int)head.len, head.ptr);
	if (c->sure != PX_SURE_NO)
		ck_assert_msg((unsigned int)redis_look_at(head) == c->look, "look: %.*s",
			      (int)head.len, head.ptr);
	px_guard_free(head);
}
END_TEST

/* What is YES in the end was never NO on the way. */
START_TEST(infer_grows)
{
	const struct infer_case *c = &infers[_i];

	for (size_t n = 1; c->sure == PX_SURE_YES && n < c->head.len; n++) {
		struct px_bytes head = px_guard_dup(px_bytes_sub(c->head, 0, n));

		ck_assert_msg(px_parser_redis.infer(head, PX_DIR_IN) != PX_SURE_NO, "%.*s", (int)n,
			      c->head.ptr);
		px_guard_free(head);
	}
}
END_TEST

struct resync_case {
	struct px_bytes in;
	size_t at;
};

static const struct resync_case resyncs[] = {
	{ WIRE("*1\r\n$4\r\nPING\r\n"), 0 },
	{ WIRE("+OK\r\n"), 0 },
	{ WIRE("lo\r\n*1\r\n$4\r\nPING\r\n"), 4 },
	{ WIRE("+lo\r\n:1\r\n"), 5 },		/* no line that a server says */
	{ WIRE("- item\r\n+ item\r\n:1\r\n"), 16 },
	{ WIRE("$5\r\nabc\r\n+OK\r\n"), 9 },	/* too short for its length */
	{ WIRE("lo\n+OK\r\n"), 8 },		/* a bare line feed ends nothing */
	{ WIRE("DBSIZE\r\nINFO all\r\n"), 0 },
	{ WIRE("DBSIZE is a\r\ncommand, too"), 25 },
	{ WIRE("x\r\n*2\r\n$3\r\nGE"), 3 },	/* not complete, but it may be one */
	{ WIRE("x\r\n$"), 3 },
	{ WIRE("only text\r\n"), 11 },
	{ WIRE("\x16\x03\x01\x02"), 4 },
};

START_TEST(resync_case)
{
	const struct resync_case *c = &resyncs[_i];
	struct px_bytes in = px_guard_dup(c->in);

	ck_assert_uint_eq(px_parser_redis.resync(in, PX_DIR_OUT), c->at);
	px_guard_free(in);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("redis infer");
	TCase *tc = tcase_create("first bytes");

	tcase_set_timeout(tc, 20);
	tcase_add_loop_test(tc, infer_case, 0, (int)PX_COUNT(infers));
	tcase_add_loop_test(tc, infer_grows, 0, (int)PX_COUNT(infers));
	tcase_add_loop_test(tc, resync_case, 0, (int)PX_COUNT(resyncs));
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
