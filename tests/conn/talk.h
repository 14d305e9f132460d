/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client's connection as its events tell it, for the tests of the table: ask() and answer() an
 * exchange each, and what came of it in `seen`.
 */
#ifndef PX_TESTS_CONN_TALK_H
#define PX_TESTS_CONN_TALK_H

#include "conn/table.h"

#include <check.h>
#include <stdio.h>

static struct px_table table;
static struct {
	unsigned int paired, alone;
	uint64_t response_bytes;
	unsigned int flags;
	struct px_abi_control control;
	unsigned int controls;
	uint64_t bytes[2];	/* of the connection that ended last */
	uint64_t lost;
} seen;
static uint32_t pos[2];
static uint64_t now_ns;

static inline void on_exchange(void *ctx, struct px_conn *c, const struct px_exchange *ex)
{
	(void)ctx;
	(void)c;
	seen.paired += ex->request && ex->response;
	seen.alone += !ex->request || !ex->response;
	seen.flags = ex->flags;
	seen.response_bytes = ex->response ? ex->response->bytes : 0;
}

static inline void on_conn(void *ctx, struct px_conn *c)
{
	(void)ctx;
	(void)c;
}

static inline void on_close(void *ctx, struct px_conn *c)
{
	(void)ctx;
	memcpy(seen.bytes, c->bytes, sizeof(seen.bytes));
}

/* What the kernel side says of a connection that it dropped. */
static inline void on_dropped(void *ctx, struct px_conn *c, uint64_t bytes[2])
{
	(void)ctx;
	(void)c;
	bytes[PX_DIR_IN] = 1000;
	bytes[PX_DIR_OUT] = 2000;
}

static inline void on_lost(void *ctx, struct px_conn *c, uint64_t bytes)
{
	(void)ctx;
	(void)c;
	seen.lost += bytes;
}

static inline bool on_control(void *ctx, struct px_conn *c, const struct px_abi_control *ctl)
{
	(void)ctx;
	(void)c;
	seen.controls++;
	seen.control = ctl ? *ctl : (struct px_abi_control){ 0 };
	return true;
}

static uint32_t left_out;	/* bytes of the next events that were moved, and not copied */
static uint64_t sock_id = 9;
static uint64_t sock_gen = 1;
static uint8_t family = PX_ABI_AF_INET;
static uint16_t tcp_state = 1;
static uint32_t thread = 5;	/* 0: no call of a process, but what the network did */
static int32_t result;
static bool has_places = true;

static inline void event(enum px_abi_kind kind, enum px_dir dir, unsigned int flags,
			 struct px_bytes data)
{
	const struct px_abi_event h = {
		.ts_ns = now_ns += 1000,
		.sock_id = sock_id,
		.sock_gen = sock_gen,
		.kind = (uint8_t)kind,
		.dir = (uint8_t)dir,
		.pos = pos[dir],
		.peer_pos = pos[!dir],
		.len = (uint32_t)data.len + left_out,
		.copied = (uint32_t)data.len,
		.pid = thread ? 5 : 0,
		.tid = thread,
		.result = result,
		.family = family,
		.type = 1,
		.protocol = 6,
		.state = tcp_state,
		.flags = (uint16_t)((has_places ? PX_ABI_F_SEQ | PX_ABI_F_PEER_POS : 0) | flags),
	};
	const struct px_event ev = { &h, data };

	px_table_event(&table, &ev);
	pos[dir] += (uint32_t)data.len + left_out;
}

static inline void setup(void)
{
	struct px_table_options opt;

	px_table_defaults(&opt);
	opt.on_exchange = on_exchange;
	opt.on_open = on_conn;
	opt.on_close = on_close;
	opt.on_lost = on_lost;
	opt.on_control = on_control;
	opt.on_dropped = on_dropped;
	ck_assert_int_eq(px_table_init(&table, &opt), 0);
	memset(&seen, 0, sizeof(seen));
	pos[0] = pos[1] = 1;
	event(PX_ABI_OPEN, PX_DIR_OUT, 0, PX_BYTES(""));
}

static inline void teardown(void)
{
	px_table_fini(&table);
	ck_assert_uint_eq(seen.lost, 0);
}

static inline void ask(void)
{
	event(PX_ABI_DATA, PX_DIR_OUT, 0, PX_BYTES("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
}

/* An answer in one event with a body of n bytes, by length or in one chunk. */
static inline void answer(size_t n, bool is_chunked)
{
	static char text[100000];
	int head =
		is_chunked
			? snprintf(text, sizeof(text),
				   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n",
				   n)
			: snprintf(text, sizeof(text),
				   "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", n);
	size_t len = (size_t)head + n;

	memset(text + head, 'b', n);
	if (is_chunked)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "\r\n0\r\n\r\n");
	event(PX_ABI_DATA, PX_DIR_IN, 0, px_bytes_of(text, len));
}

/*
 * close() tells the places of both ends; what it says is weighed when late events have had their
 * time.
 */
static inline void close_conn(unsigned int flags)
{
	event(PX_ABI_CLOSE, PX_DIR_OUT, flags, PX_BYTES(""));
	px_table_advance(&table, now_ns += 1000000000);
}

static size_t bytes_shown;

static inline void on_event(void *ctx, struct px_conn *c, const struct px_event *ev, uint64_t at)
{
	(void)ctx;
	(void)c;
	(void)at;
	ck_assert_uint_eq(ev->hdr->copied, ev->data.len);
	bytes_shown += ev->data.len;
}

#endif
