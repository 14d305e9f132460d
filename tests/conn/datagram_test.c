/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams go in, pairs and lone messages come out: retries, peers, threads, time, bounds. */
#include "conn/table.h"
#include "support/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define SECOND 1000000000ull
#define MS 1000000ull
#define SERVER 0x35000001u	/* the last byte of an address */
#define OTHER 0x35000002u
#define NOBODY 0xffffffffu	/* the peer is not known */
#define PLAIN 0x10000u		/* no flags at all */

static struct px_table table;
static struct px_table_options opt;
static char seen[4096];		/* a word for each record, see on_exchange() */
static uint64_t now_ns;

/*
 * "1:pair" and the like: id, kind, tries if more than one, "<" of a server's, peer if not SERVER.
 */
static void on_exchange(void *ctx, struct px_conn *c, const struct px_exchange *ex)
{
	const struct px_frame *one = ex->request ? ex->request : ex->response;
	size_t used = strlen(seen);

	(void)ctx;
	ck_assert_str_eq(ex->parser->name, "dns");
	ck_assert_int_eq(px_conn_role(c), ex->role);
	ck_assert_int_eq(!!(ex->flags & PX_FLAG_NOREPLY), !ex->response);
	ck_assert_int_eq(!!(ex->flags & PX_FLAG_UNPAIRED), !ex->request);
	if (ex->request && ex->response)
		ck_assert(ex->response->first.ts_ns >= ex->request->first.ts_ns);
	snprintf(seen + used, sizeof(seen) - used, "%s%d:%s", used ? " " : "", (int)one->stream,
		 !ex->response	? "noreply"
		 : !ex->request ? "unpaired"
				: "pair");
	used = strlen(seen);
	if (ex->request && ex->request->tries > 1)
		used += (size_t)snprintf(seen + used, sizeof(seen) - used, "*%u",
					 ex->request->tries);
	if (ex->role == PX_ROLE_SERVER)
		used += (size_t)snprintf(seen + used, sizeof(seen) - used, "<");
	if (c->remote_addr[3] != 1)
		snprintf(seen + used, sizeof(seen) - used, "@%d", c->remote_addr[3]);
}

static void on_conn(void *ctx, struct px_conn *c)
{
	(void)ctx;
	(void)c;
}

static void on_lost(void *ctx, struct px_conn *c, uint64_t bytes)
{
	(void)ctx;
	(void)c;
	(void)bytes;
}

static void setup(void)
{
	px_table_defaults(&opt);
	opt.on_exchange = on_exchange;
	opt.on_open = opt.on_close = on_conn;
	opt.on_lost = on_lost;
	ck_assert_int_eq(px_table_init(&table, &opt), 0);
	seen[0] = '\0';
	now_ns = 1000 * SECOND;
}

static void teardown(void)
{
	if (table.buckets)
		px_table_fini(&table);
}

/* What was seen since the last look. */
static void check_seen(const char *want)
{
	ck_assert_str_eq(seen, want);
	seen[0] = '\0';
}

struct datagram {
	uint8_t dir;
	bool is_answer;
	uint32_t flags;		/* of DNS; 0: those that resolvers have */
	uint16_t id;
	char name;		/* of one letter */
	uint32_t peer;		/* 0: SERVER */
	uint64_t sock;
	uint32_t tid;
	uint16_t port, local_port;
	uint16_t event_flags;
	bool is_header_only;
};

static void send_datagram(struct datagram d)
{
	uint32_t flags = d.flags ? d.flags : d.is_answer ? 0x8180 : 0x100;
	uint32_t peer = d.peer ? d.peer : SERVER;
	char wire[19] = { (char)(d.id >> 8), (char)d.id, (char)(flags >> 8),
			  (char)flags,	     0,		 (char)!d.is_header_only };
	struct px_abi_event h = {
		.ts_ns = now_ns += 1000,
		.sock_id = d.sock ? d.sock : 7,
		.sock_gen = 1,
		.kind = PX_ABI_DATA,
		.dir = d.dir,
		.family = PX_ABI_AF_INET,
		.type = 2,
		.protocol = 17,
		.flags = (uint16_t)(PX_ABI_F_DGRAM | d.event_flags),
		.pid = 1,
		.tid = d.tid ? d.tid : 1,
		.local_port = d.local_port ? d.local_port : 40000,
		.remote_port = d.port ? d.port : 53,
		.len = d.is_header_only ? 12 : sizeof(wire),
	};
	struct px_event ev = { &h, { wire, h.len } };

	wire[12] = 1;
	wire[13] = d.name ? d.name : 'a';
	wire[16] = wire[18] = 1;
	h.copied = h.len;
	if (peer != NOBODY) {
		h.remote_addr[0] = (uint8_t)(peer >> 24);
		h.remote_addr[3] = (uint8_t)peer;
	} else {
		h.remote_port = 0;
	}
	px_table_event(&table, &ev);
}

#define SEND(...) send_datagram((struct datagram){ __VA_ARGS__ })
#define ASK(...) SEND(.dir = PX_ABI_OUT, __VA_ARGS__)
#define ANSWER(...) SEND(.is_answer = true, __VA_ARGS__)
/* The same of a server: it is asked, and answers. */
#define ASKED(...) SEND(.dir = PX_ABI_IN, __VA_ARGS__)
#define ANSWERED(...) SEND(.dir = PX_ABI_OUT, .is_answer = true, __VA_ARGS__)

static void pass(uint64_t ns)
{
	now_ns += ns;
	px_table_advance(&table, now_ns);
}

START_TEST(pairs)
{
	ASK(.id = 1);
	ASK(.id = 2);
	ANSWER(.id = 2);
	ANSWER(.id = 1);
	check_seen("2:pair 1:pair");
	/* A and AAAA of one resolver call: two questions, perhaps with one number */
	ASK(.id = 3, .name = 'a');
	ASK(.id = 3, .name = 'b');
	ANSWER(.id = 3, .name = 'b');
	ANSWER(.id = 3, .name = 'a');
	check_seen("3:pair 3:pair");
	ASKED(.id = 4);
	ANSWERED(.id = 4);
	check_seen("4:pair<");
	ASK(.id = 5, .name = 'a');
	ANSWER(.id = 5, .name = 'A');
	check_seen("5:pair");
	px_table_fini(&table);
	check_seen("");
}
END_TEST

START_TEST(socket_peer_and_question_count)
{
	ASK(.id = 1);
	ANSWER(.id = 1, .peer = OTHER);
	ANSWER(.id = 1, .sock = 8);
	ANSWER(.id = 1, .name = 'b');
	ANSWER(.id = 1, .port = 54);
	pass(SECOND);
	check_seen("1:unpaired@2 1:unpaired 1:unpaired 1:unpaired");
	ANSWER(.id = 1);
	check_seen("1:pair");
	ANSWER(.id = 1);
	pass(SECOND);
	check_seen("1:unpaired");
}
END_TEST

START_TEST(retries)
{
	ASK(.id = 1);
	pass(5 * SECOND);
	ASK(.id = 1);
	pass(9 * SECOND);
	check_seen("");
	ASK(.id = 1);
	ANSWER(.id = 1);
	check_seen("1:pair*3");
	ANSWER(.id = 1);
	pass(SECOND);
	check_seen("1:unpaired");
	/* another server, the same socket: another exchange */
	ASK(.id = 2);
	ASK(.id = 2, .peer = OTHER);
	ANSWER(.id = 2, .peer = OTHER);
	check_seen("2:pair@2");
	pass(11 * SECOND);
	check_seen("2:noreply");
}
END_TEST

START_TEST(time_runs_out)
{
	ASK(.id = 1);
	ASKED(.id = 2, .sock = 8);
	pass(9 * SECOND);
	check_seen("");
	pass(2 * SECOND);
	check_seen("1:noreply 2:noreply<");
	ANSWER(.id = 1);
	ck_assert(px_table_is_waiting(&table));
	check_seen("");
	pass(SECOND);
	check_seen("1:unpaired");
	ck_assert(!px_table_is_waiting(&table));
	ASK(.id = 3);
	ck_assert(!px_table_is_waiting(&table));
	px_table_fini(&table);
	check_seen("3:noreply");
}
END_TEST

START_TEST(answer_seen_first)
{
	/* one thread asks, another one takes the answer and is back from its call earlier */
	ANSWER(.id = 1, .tid = 2);
	ASK(.id = 1, .tid = 1);
	check_seen("1:pair");
	/* a thread does one thing after the other */
	ANSWER(.id = 2, .tid = 1);
	ASK(.id = 2, .tid = 1);
	pass(SECOND);
	check_seen("2:unpaired");
	ANSWER(.id = 2, .tid = 1);
	check_seen("2:pair");
	/* packets have an order */
	ANSWER(.id = 3, .sock = 8, .event_flags = PX_ABI_F_PACKET);
	check_seen("3:unpaired");
	ASK(.id = 3, .sock = 8, .event_flags = PX_ABI_F_PACKET);
	px_table_fini(&table);
	check_seen("3:noreply");
}
END_TEST

START_TEST(peer_not_known)
{
	/* the kernel side did not find out who sent it: the only one that it can be */
	ASK(.id = 1);
	ANSWER(.id = 1, .peer = NOBODY);
	check_seen("1:pair");
	ASKED(.id = 2, .peer = NOBODY);
	ANSWERED(.id = 2, .peer = OTHER);
	check_seen("2:pair<@2");
	ASK(.id = 3);
	ASK(.id = 3, .peer = OTHER);
	ANSWER(.id = 3, .peer = NOBODY);
	pass(SECOND);
	check_seen("3:unpaired@0");
	pass(11 * SECOND);
	check_seen("3:noreply 3:noreply@2");
}
END_TEST

START_TEST(header_alone)
{
	/* it has no question, and says nothing without one that waits */
	ASK(.id = 1);
	ANSWER(.id = 1, .flags = 0x8181, .is_header_only = true);
	check_seen("1:pair");
	ANSWER(.id = 2, .flags = 0x8181, .is_header_only = true);
	pass(SECOND);
	check_seen("");
	ASK(.id = 3, .name = 'a');
	ASK(.id = 3, .name = 'b');
	ANSWER(.id = 3, .flags = 0x8181, .is_header_only = true);
	pass(SECOND);
	check_seen("");
	pass(11 * SECOND);
	check_seen("3:noreply 3:noreply");
}
END_TEST

START_TEST(multicast)
{
	ASK(.id = 1, .peer = 0xe00000fb, .port = 5353, .flags = PLAIN);	/* to 224.0.0.251 */
	ASK(.id = 0, .port = 5353, .local_port = 5353, .flags = PLAIN);
	ANSWER(.id = 1, .port = 5353, .flags = 0x8400);
	ASKED(.id = 2, .local_port = 5355, .flags = PLAIN);		/* LLMNR: not our name */
	px_table_fini(&table);
	check_seen("");
}
END_TEST

START_TEST(dns_on_those_ports)
{
	ASK(.id = 1, .port = 5353);
	ANSWER(.id = 1, .port = 5353);
	ASK(.id = 2, .port = 5353, .flags = PLAIN);
	ANSWER(.id = 2, .port = 5353, .flags = 0x8400);
	ASK(.id = 3, .port = 5353);
	px_table_fini(&table);
	check_seen("1:pair 2:pair 3:noreply");
}
END_TEST

START_TEST(one_role)
{
	table.opt.only_role = PX_ROLE_SERVER;
	ASK(.id = 1);
	ANSWER(.id = 1);
	ASKED(.id = 2);
	ANSWERED(.id = 2);
	px_table_fini(&table);
	check_seen("2:pair<");
}
END_TEST

START_TEST(bounded_in_number)
{
	size_t was;

	for (unsigned int i = 0; i < 20000; i++) {
		ASK(.id = (uint16_t)i, .sock = 1 + i % 100);
		seen[0] = '\0';
	}
	was = table.datagrams.count;
	ck_assert_uint_ge(was, 1000);
	ck_assert_uint_le(was, 8192);
	ASK(.id = 3, .sock = 5000);
	ck_assert_uint_eq(table.datagrams.count, was);
	seen[0] = '\0';
	ANSWER(.id = 3, .sock = 5000);
	check_seen("3:pair");
}
END_TEST

START_TEST(peers_that_make_room)
{
	for (unsigned int i = 0; i < 3 * opt.peers_max; i++) {
		ASKED(.id = (uint16_t)i, .port = (uint16_t)(1024 + i));
		if (i % 2)
			ANSWERED(.id = (uint16_t)i, .port = (uint16_t)(1024 + i));
		seen[0] = '\0';
	}
	ck_assert_uint_le(table.datagrams.count, opt.peers_max);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("datagrams");
	TCase *tc = tcase_create("datagrams");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, pairs);
	tcase_add_test(tc, socket_peer_and_question_count);
	tcase_add_test(tc, retries);
	tcase_add_test(tc, time_runs_out);
	tcase_add_test(tc, answer_seen_first);
	tcase_add_test(tc, peer_not_known);
	tcase_add_test(tc, header_alone);
	tcase_add_test(tc, multicast);
	tcase_add_test(tc, dns_on_those_ports);
	tcase_add_test(tc, one_role);
	tcase_add_test(tc, bounded_in_number);
	tcase_add_test(tc, peers_that_make_room);
	suite_add_tcase(s, tc);
	return px_suite_run(s);
}
