/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams go in, openings and closings of a socket's peers come out. */
#include "conn/table.h"
#include "support/suite.h"

#include <check.h>
#include <stdlib.h>

#define SECOND 1000000000ull
#define PEERS 50

static struct px_table table;
static struct {
	unsigned int opened, closed, events;
	uint64_t bytes[2];	/* of those that were closed */
	char id[24];		/* of the last that was */
	char local[PX_CONN_ADDR_TEXT], remote[PX_CONN_ADDR_TEXT];
	uint16_t remote_port;
} seen;
static uint64_t now_ns;

static void on_exchange(void *ctx, struct px_conn *c, const struct px_exchange *ex)
{
	(void)ctx;
	(void)c;
	(void)ex;
	ck_abort_msg("no parser reads datagrams");
}

static void on_open(void *ctx, struct px_conn *c)
{
	(void)ctx;
	ck_assert(!c->closed);
	seen.opened++;
}

static void on_close(void *ctx, struct px_conn *c)
{
	(void)ctx;
	ck_assert(c->closed);
	seen.closed++;
	seen.bytes[0] += c->bytes[0];
	seen.bytes[1] += c->bytes[1];
	seen.remote_port = c->remote_port;
	memcpy(seen.id, c->id, sizeof(seen.id));
	memcpy(seen.local, px_conn_local(c).ptr, px_conn_local(c).len + 1);
	memcpy(seen.remote, px_conn_remote(c).ptr, px_conn_remote(c).len + 1);
}

static void on_lost(void *ctx, struct px_conn *c, uint64_t bytes)
{
	(void)ctx;
	(void)c;
	(void)bytes;
	ck_abort_msg("datagrams are in no order");
}

static void on_event(void *ctx, struct px_conn *c, const struct px_event *ev, uint64_t pos)
{
	(void)ctx;
	(void)ev;
	(void)pos;
	ck_assert_ptr_null(c);
	seen.events++;
}

static void setup(void)
{
	struct px_table_options opt;

	px_table_defaults(&opt);
	opt.on_exchange = on_exchange;
	opt.on_open = on_open;
	opt.on_close = on_close;
	opt.on_lost = on_lost;
	opt.on_event = on_event;
	opt.peers_max = PEERS;
	opt.idle_peer_ns = 60 * SECOND;
	ck_assert_int_eq(px_table_init(&table, &opt), 0);
	memset(&seen, 0, sizeof(seen));
	now_ns = SECOND;
}

static void teardown(void)
{
	px_table_fini(&table);
	ck_assert_uint_eq(seen.opened, seen.closed);
	ck_assert_uint_eq(table.stats.conns_seen, 0);	/* pairs are no connections */
}

static void datagram(uint64_t gen, enum px_dir dir, uint16_t port, uint32_t len, unsigned int flags)
{
	const struct px_abi_event h = {
		.ts_ns = now_ns += 1000,
		.sock_id = 9,
		.sock_gen = gen,
		.kind = PX_ABI_DATA,
		.dir = (uint8_t)dir,
		.len = len,
		.pid = 5,
		.family = PX_ABI_AF_INET,
		.type = 2,
		.protocol = 17,
		.local_port = 53,
		.remote_port = port,
		.local_addr = { 127, 0, 0, 1 },
		.remote_addr = { 127, 0, 0, 2 },
		.flags = (uint16_t)(PX_ABI_F_DGRAM | flags),
	};
	const struct px_event ev = { &h, px_bytes_of(NULL, 0) };

	px_table_event(&table, &ev);
}

START_TEST(both_directions)
{
	char first[24];

	datagram(1, PX_DIR_IN, 1000, 40, 0);
	datagram(1, PX_DIR_OUT, 1000, 96, 0);
	datagram(1, PX_DIR_IN, 1001, 0, 0);
	ck_assert_uint_eq(seen.opened, 2);
	ck_assert_uint_eq(seen.closed, 0);
	px_table_advance(&table, now_ns + 61 * SECOND);
	ck_assert_uint_eq(seen.closed, 2);
	ck_assert_uint_eq(seen.bytes[PX_DIR_IN], 40);
	ck_assert_uint_eq(seen.bytes[PX_DIR_OUT], 96);
	ck_assert_uint_eq(seen.remote_port, 1001);
	ck_assert_str_eq(seen.local, "127.0.0.1");
	ck_assert_str_eq(seen.remote, "127.0.0.2");
	ck_assert_uint_eq(seen.events, 3);
	memcpy(first, seen.id, sizeof(first));
	datagram(1, PX_DIR_IN, 1001, 7, 0);	/* again, and another one to those who count */
	px_peers_advance(&table.peers, now_ns + 61 * SECOND);
	ck_assert_str_ne(seen.id, first);
}
END_TEST

/* A socket with the inode number of one before it has peers of its own. */
START_TEST(another_socket)
{
	datagram(1, PX_DIR_IN, 1000, 40, 0);
	datagram(2, PX_DIR_IN, 1000, 40, 0);
	ck_assert_uint_eq(seen.opened, 2);
}
END_TEST

/* Who is heard of stays, who is not goes, and so does the oldest where there are too many. */
START_TEST(bounded)
{
	for (uint16_t i = 0; i < 10 * PEERS; i++) {
		datagram(1, PX_DIR_OUT, 1, 1, 0);
		datagram(1, PX_DIR_IN, (uint16_t)(1000 + i), 10, 0);
		ck_assert_uint_le(table.peers.count, PEERS);
	}
	ck_assert_uint_eq(seen.opened, 10 * PEERS + 1);
	ck_assert_uint_eq(seen.closed, 9 * PEERS + 1);
	ck_assert_uint_eq(seen.bytes[PX_DIR_OUT], 0);
	now_ns += 50 * SECOND;
	datagram(1, PX_DIR_OUT, 1, 1, 0);
	px_table_advance(&table, now_ns + 20 * SECOND);
	ck_assert_uint_eq(table.peers.count, 1);
	ck_assert_uint_eq(seen.bytes[PX_DIR_IN], 10 * 10 * PEERS);
}
END_TEST

/* A packet capture has no process whose socket it could be. */
START_TEST(of_packets)
{
	datagram(1, PX_DIR_IN, 1000, 40, PX_ABI_F_PACKET);
	ck_assert_uint_eq(seen.opened, 0);
	ck_assert_uint_eq(seen.events, 1);
}
END_TEST

static bool is_of_port_1000(void *ctx, const struct px_conn *c)
{
	(void)ctx;
	return c->remote_port == 1000;
}

/* Their process is no target any more. */
START_TEST(forgotten)
{
	datagram(1, PX_DIR_IN, 1000, 40, 0);
	datagram(1, PX_DIR_IN, 1001, 40, 0);
	px_table_forget(&table, is_of_port_1000, NULL);
	ck_assert_uint_eq(seen.closed, 1);
	ck_assert_uint_eq(seen.remote_port, 1000);
	datagram(1, PX_DIR_OUT, 1001, 96, 0);
	ck_assert_uint_eq(seen.opened, 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("peers");
	TCase *tc = tcase_create("peers");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, both_directions);
	tcase_add_test(tc, another_socket);
	tcase_add_test(tc, bounded);
	tcase_add_test(tc, of_packets);
	tcase_add_test(tc, forgotten);
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
