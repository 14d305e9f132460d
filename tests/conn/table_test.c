/* SPDX-License-Identifier: Apache-2.0 */
/* Events of HTTP connections go in, records and what the kernel side is told come out. */
#include "conn/table.h"
#include "support/suite.h"

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

static void on_exchange(void *ctx, struct px_conn *c, const struct px_exchange *ex)
{
	(void)ctx;
	(void)c;
	seen.paired += ex->request && ex->response;
	seen.alone += !ex->request || !ex->response;
	seen.flags = ex->flags;
	seen.response_bytes = ex->response ? ex->response->bytes : 0;
}

static void on_conn(void *ctx, struct px_conn *c)
{
	(void)ctx;
	(void)c;
}

static void on_close(void *ctx, struct px_conn *c)
{
	(void)ctx;
	memcpy(seen.bytes, c->bytes, sizeof(seen.bytes));
}

/* What the kernel side says of a connection that it dropped. */
static void on_dropped(void *ctx, struct px_conn *c, uint64_t bytes[2])
{
	(void)ctx;
	(void)c;
	bytes[PX_DIR_IN] = 1000;
	bytes[PX_DIR_OUT] = 2000;
}

static void on_lost(void *ctx, struct px_conn *c, uint64_t bytes)
{
	(void)ctx;
	(void)c;
	seen.lost += bytes;
}

static bool on_control(void *ctx, struct px_conn *c, const struct px_abi_control *ctl)
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
static uint16_t tcp_state = 1;
static uint32_t thread = 5;
static int32_t result;
static bool has_places = true;

static void event(enum px_abi_kind kind, enum px_dir dir, unsigned int flags, struct px_bytes data)
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
		.pid = 5,
		.tid = thread,
		.result = result,
		.family = PX_ABI_AF_INET,
		.type = 1,
		.protocol = 6,
		.state = tcp_state,
		.flags = (uint16_t)((has_places ? PX_ABI_F_SEQ | PX_ABI_F_PEER_POS : 0) | flags),
	};
	const struct px_event ev = { &h, data };

	px_table_event(&table, &ev);
	pos[dir] += (uint32_t)data.len + left_out;
}

static bool is_skipped(uint32_t at)
{
	return seen.control.flags & PX_CTL_SKIP_IN &&
	       (int32_t)(seen.control.skip_until[PX_DIR_IN] - at) > 0;
}

static void setup(void)
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

static void teardown(void)
{
	px_table_fini(&table);
	ck_assert_uint_eq(seen.lost, 0);
}

static void ask(void)
{
	event(PX_ABI_DATA, PX_DIR_OUT, 0, PX_BYTES("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
}

/* An answer in one event with a body of n bytes, by length or in one chunk. */
static void answer(size_t n, bool is_chunked)
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
 * A call that took the peer's last bytes and its FIN may take several events, and each of them
 * tells of the FIN.
 */
START_TEST(a_fin_ends_the_call_not_its_first_event)
{
	ask();
	event(PX_ABI_DATA, PX_DIR_IN, PX_ABI_F_FIN | PX_ABI_F_MORE,
	      PX_BYTES("HTTP/1.1 200 OK\r\n\r\nfirst part,"));
	ck_assert_uint_eq(seen.paired, 0);
	event(PX_ABI_DATA, PX_DIR_IN, PX_ABI_F_FIN, PX_BYTES(" second part"));
	ck_assert_uint_eq(seen.paired, 1);
	ck_assert_uint_eq(seen.response_bytes,
			  strlen("HTTP/1.1 200 OK\r\n\r\nfirst part, second part"));
	ck_assert_uint_eq(seen.flags, 0);
}
END_TEST

START_TEST(less_is_copied_of_large_messages)
{
	for (int i = 0; i < 20; i++) {
		ask();
		answer(60000, false);
	}
	ck_assert_uint_eq(seen.paired, 20);
	ck_assert_uint_eq(seen.control.flags, PX_CTL_COPY_MAX);
	ck_assert_uint_lt(seen.control.copy_max[PX_DIR_IN], 60000);
	ck_assert_uint_eq(seen.control.copy_max[PX_DIR_OUT], UINT32_MAX);
}
END_TEST

/* Where the end of a message lies inside it, no byte may be missing. */
START_TEST(all_is_copied_of_chunked_messages)
{
	for (int i = 0; i < 20; i++) {
		ask();
		answer(60000, true);
	}
	ck_assert_uint_eq(seen.controls, 0);
	for (int i = 0; i < 20; i++) {
		ask();
		answer(60000, false);
	}
	ck_assert_uint_eq(seen.controls, 0);
}
END_TEST

START_TEST(all_is_copied_again_from_the_first_chunked_message_on)
{
	for (int i = 0; i < 20; i++) {
		ask();
		answer(60000, false);
	}
	ask();
	answer(20000, true);
	ck_assert_uint_eq(seen.control.copy_max[PX_DIR_IN], UINT32_MAX);
	ck_assert_uint_eq(seen.paired, 21);
}
END_TEST

/* Positions that began at 0 when the kernel side met a socket say nothing of what went before. */
START_TEST(counted_from_now_on_is_not_seen_from_the_start)
{
	for (sock_id = 10; sock_id < 12; sock_id++) {
		pos[0] = pos[1] = 0;
		event(PX_ABI_DATA, PX_DIR_OUT,
		      PX_ABI_F_NEWPOS | (sock_id == 11 ? PX_ABI_F_START : 0),
		      PX_BYTES("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
		answer(10, false);
		ask();
		ck_assert_uint_eq(seen.flags, sock_id == 11 ? 0 : PX_FLAG_MID_STREAM);
	}
	ck_assert_uint_eq(seen.paired, 2);
	sock_id = 9;
}
END_TEST

/*
 * What was left out costs the message it belonged to; a client that is known to wait is paired on
 * behind it.
 */
START_TEST(a_lost_end_costs_one_exchange)
{
	for (int i = 0; i < 20; i++) {
		ask();
		answer(10, false);
	}
	ask();
	event(PX_ABI_DATA, PX_DIR_IN, PX_ABI_F_MORE,
	      PX_BYTES("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"));
	left_out = 1000;
	event(PX_ABI_DATA, PX_DIR_IN, 0, PX_BYTES(""));
	left_out = 0;
	ck_assert_uint_eq(seen.paired, 21);
	ck_assert_uint_eq(seen.flags, PX_FLAG_GAP);
	for (unsigned int i = 1; i <= 5; i++) {
		ask();
		answer(10, false);
		ck_assert_uint_eq(seen.paired, 21 + i);
		ck_assert_uint_eq(seen.flags, 0);
	}
	ck_assert_uint_eq(seen.alone, 0);
}
END_TEST

/*
 * The mark is 32 bits wide: it moves along in a message of many gigabytes, and never points at what
 * comes behind.
 */
START_TEST(a_long_body_is_skipped_to_its_end_and_no_further)
{
	const uint64_t length = 10ull << 30;
	char head[100];

	snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %llu\r\n\r\n",
		 (unsigned long long)length);
	ask();
	event(PX_ABI_DATA, PX_DIR_IN, 0, px_bytes_of(head, strlen(head)));
	left_out = 20000; /* beyond what is kept of a body */
	event(PX_ABI_DATA, PX_DIR_IN, 0, PX_BYTES(""));
	for (uint64_t done = 20000; done < length; done += left_out) {
		left_out = length - done < 1 << 28 ? (uint32_t)(length - done) : 1 << 28;
		ck_assert(is_skipped(pos[PX_DIR_IN]));
		ck_assert(is_skipped(pos[PX_DIR_IN] + left_out - 1));
		event(PX_ABI_DATA, PX_DIR_IN, 0, PX_BYTES(""));
	}
	left_out = 0;
	ck_assert_uint_eq(seen.paired, 1);
	ck_assert_uint_eq(seen.response_bytes, strlen(head) + length);
	for (uint64_t done = 0; done < 6ull << 30; done += 1 << 20) {
		static char text[1 << 20];
		int n = snprintf(text, sizeof(text),
				 "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", (1 << 20) - 50);

		ck_assert(!is_skipped(pos[PX_DIR_IN]));
		ask();
		left_out = (uint32_t)((1 << 20) - 50);
		event(PX_ABI_DATA, PX_DIR_IN, 0, px_bytes_of(text, (size_t)n));
		left_out = 0;
	}
	event(PX_ABI_CLOSE, PX_DIR_OUT, 0, PX_BYTES(""));
	px_table_advance(&table, now_ns + 1000000000);
	ck_assert_uint_eq(seen.control.flags, 0);
}
END_TEST

/* A server ends its answer by closing: the place of the end tells whether all of it was seen. */
START_TEST(what_is_missing_before_an_end_is_told)
{
	for (uint32_t missing = 0; missing < 2; missing++)
		for (tcp_state = 1; tcp_state <= 8; tcp_state += 7) { /* established, close wait */
			unsigned int paired = seen.paired;

			sock_id++;
			event(PX_ABI_DATA, PX_DIR_IN, PX_ABI_F_START,
			      PX_BYTES("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
			event(PX_ABI_DATA, PX_DIR_OUT, 0,
			      PX_BYTES("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nab"));
			ck_assert_uint_eq(seen.paired, paired);
			pos[PX_DIR_OUT] += missing;
			event(PX_ABI_DATA, PX_DIR_OUT, PX_ABI_F_FIN, PX_BYTES(""));
			px_table_advance(&table, now_ns += 1000000000);
			ck_assert_uint_eq(seen.paired, paired + 1);
			ck_assert_uint_eq(seen.flags, missing ? PX_FLAG_GAP : 0);
			ck_assert_uint_eq(seen.lost, missing);
			seen.lost = 0;
		}
	tcp_state = 1;
	sock_id = 9;
}
END_TEST

/*
 * close() tells the places of both ends; what it says is weighed when late events have had their
 * time.
 */
static void close_conn(unsigned int flags)
{
	event(PX_ABI_CLOSE, PX_DIR_OUT, flags, PX_BYTES(""));
	px_table_advance(&table, now_ns += 1000000000);
}

START_TEST(what_is_missing_before_a_close_is_told)
{
	for (uint32_t missing = 0; missing < 2; missing++)
		for (tcp_state = 1; tcp_state <= 8; tcp_state += 7) {
			unsigned int paired = seen.paired;

			sock_id++;
			event(PX_ABI_DATA, PX_DIR_IN, PX_ABI_F_START,
			      PX_BYTES("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
			event(PX_ABI_DATA, PX_DIR_OUT, 0,
			      PX_BYTES("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nab"));
			pos[PX_DIR_OUT] += missing;
			close_conn(0);
			ck_assert_uint_eq(seen.paired, paired + 1);
			ck_assert_uint_eq(seen.flags, missing ? PX_FLAG_GAP : 0);
			ck_assert_uint_eq(seen.lost, missing);
			seen.lost = 0;
		}
	tcp_state = 1;
	sock_id = 9;
}
END_TEST

/* The event of the last bytes may come behind that of the end, from another CPU. */
START_TEST(late_bytes_are_not_lost)
{
	ask();
	event(PX_ABI_DATA, PX_DIR_IN, 0, PX_BYTES("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"));
	pos[PX_DIR_IN] += 3;
	event(PX_ABI_CLOSE, PX_DIR_OUT, 0, PX_BYTES(""));
	pos[PX_DIR_IN] -= 3;
	event(PX_ABI_DATA, PX_DIR_IN, 0, PX_BYTES("abc"));
	px_table_advance(&table, now_ns += 1000000000);
	ck_assert_uint_eq(seen.paired, 1);
	ck_assert_uint_eq(seen.flags, 0);
}
END_TEST

/* An answer up to the end of its connection is whole only if that end was read. */
START_TEST(an_end_that_was_not_read_makes_no_whole_answer)
{
	static const struct {
		unsigned int close, flags;
	} cases[] = { { PX_ABI_F_FIN, 0 }, { 0, PX_FLAG_ABORTED } };

	for (size_t i = 0; i < PX_COUNT(cases); i++) {
		sock_id++;
		event(PX_ABI_DATA, PX_DIR_OUT, PX_ABI_F_START,
		      PX_BYTES("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
		event(PX_ABI_DATA, PX_DIR_IN, 0, PX_BYTES("HTTP/1.1 200 OK\r\n\r\nab"));
		close_conn(cases[i].close);
		ck_assert_uint_eq(seen.paired, i + 1);
		ck_assert_uint_eq(seen.flags, cases[i].flags);
	}
	sock_id = 9;
}
END_TEST

/* Neither is one of which nobody knows where it ends, or that ends in an error. */
START_TEST(an_unknown_end_makes_no_whole_answer)
{
	for (int i = 0; i < 3; i++) {
		sock_id++;
		event(PX_ABI_DATA, PX_DIR_IN, PX_ABI_F_START,
		      PX_BYTES("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
		event(PX_ABI_DATA, PX_DIR_OUT, 0, PX_BYTES("HTTP/1.1 200 OK\r\n\r\nab"));
		if (i == 0) {
			close_conn(PX_ABI_F_RESET);
		} else if (i == 1) {
			has_places = false;
			close_conn(0);
			has_places = true;
		} else { /* the number serves another socket now, and the end of this one went by */
			sock_gen++;
			event(PX_ABI_OPEN, PX_DIR_OUT, 0, PX_BYTES(""));
		}
		ck_assert_uint_eq(seen.paired, (unsigned int)i + 1);
		ck_assert_uint_eq(seen.flags, PX_FLAG_ABORTED);
	}
	sock_gen = 1;
	sock_id = 9;
}
END_TEST

/*
 * What was read or written by then is told by calls of the other direction, too: UNIX sockets tell
 * no end.
 */
START_TEST(an_answer_that_went_by_unseen_is_told)
{
	event(PX_ABI_DATA, PX_DIR_OUT, 0, PX_BYTES("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
	answer(10, false);
	event(PX_ABI_DATA, PX_DIR_OUT, 0, PX_BYTES("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
	pos[PX_DIR_IN] += 48;
	event(PX_ABI_DATA, PX_DIR_OUT, 0, PX_BYTES("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
	has_places = false;
	close_conn(0);
	has_places = true;
	ck_assert_uint_eq(seen.lost, 48);
	seen.lost = 0;
}
END_TEST

static size_t bytes_shown;

static void on_event(void *ctx, struct px_conn *c, const struct px_event *ev, uint64_t at)
{
	(void)ctx;
	(void)c;
	(void)at;
	ck_assert_uint_eq(ev->hdr->copied, ev->data.len);
	bytes_shown += ev->data.len;
}

/*
 * A call that ended after_ms behind the one before it has sent a file that had changed changed_ms
 * before its end.
 */
static const struct {
	unsigned int after_ms;
	int32_t changed_ms;
	bool is_other_thread, is_shown;
} files[] = {
	{ 1, 1000, false, true },    { 1, INT32_MAX, false, true },
	{ 1, 12, false, true },	     { 1, 11, false, false },	/* the clock of files may be a tick behind */
	{ 1, 0, false, false },	     { 5000, 4000, false, false },	/* while the call was under way */
	{ 5000, 6000, false, true }, { 1, 1000, true, false },	/* its thread may have begun it at any time */
	{ 1, -1, false, false },
};

START_TEST(of_a_file_that_changed_meanwhile_nothing_is_shown)
{
	table.opt.on_event = on_event;
	ask();
	bytes_shown = 0;
	now_ns += (files[_i].after_ms * 1000ull - 1) * 1000;
	result = files[_i].changed_ms;
	thread += files[_i].is_other_thread;
	event(PX_ABI_DATA, PX_DIR_OUT, PX_ABI_F_FILE | PX_ABI_F_MORE, PX_BYTES("one"));
	now_ns -= 1000;	/* the same call */
	event(PX_ABI_DATA, PX_DIR_OUT, PX_ABI_F_FILE, PX_BYTES("three"));
	ck_assert_uint_eq(bytes_shown, files[_i].is_shown ? 8 : 0);
	ck_assert_uint_eq(table.age_first->streams[PX_DIR_OUT].end & UINT32_MAX, pos[PX_DIR_OUT]);
	thread = 5;
	result = 0;
}
END_TEST

static char nobodys[8192];

/* n bytes of a protocol that nobody knows, on a connection that is met now. */
static void babble(size_t n, unsigned int flags)
{
	memset(nobodys, 0xa7, sizeof(nobodys));
	sock_id++;
	for (size_t done = 0; done < n; done += sizeof(nobodys))
		event(PX_ABI_DATA, PX_DIR_IN, done ? 0 : flags,
		      px_bytes_of(nobodys, sizeof(nobodys)));
}

START_TEST(the_unknown_is_dropped)
{
	babble(56 << 10, PX_ABI_F_START);
	ck_assert_uint_eq(seen.controls, 0);
	babble(64 << 10, PX_ABI_F_START);
	ck_assert_uint_eq(seen.controls, 1);
	ck_assert_uint_eq(seen.control.flags, PX_CTL_DROP);
	ck_assert_uint_eq(seen.control.sock_gen, sock_gen);
	/* One that was on its way; then nothing comes, and what went by is no loss. */
	event(PX_ABI_DATA, PX_DIR_IN, 0, PX_BYTES("abc"));
	pos[PX_DIR_IN] += 1000;
	pos[PX_DIR_OUT] += 2000;
	close_conn(PX_ABI_F_FIN);
	ck_assert_uint_eq(seen.control.flags, 0);
	ck_assert_uint_eq(seen.bytes[PX_DIR_IN], (64 << 10) + 3 + 1000);
	ck_assert_uint_eq(seen.bytes[PX_DIR_OUT], 2000);
	ck_assert_uint_eq(table.stats.not_understood, 1);
	ck_assert_uint_eq(table.stats.dropped_bytes, 3000);
	sock_id = 9;
}
END_TEST

/* It may be the middle of something: the beginnings of calls are looked at, until one is known. */
START_TEST(one_without_a_beginning_is_not_dropped)
{
	babble(64 << 10, 0);
	ck_assert_uint_eq(seen.control.flags, PX_CTL_COPY_MAX);
	ck_assert_uint_eq(seen.control.copy_max[PX_DIR_IN], 512);
	left_out = 8192 - 512;
	for (int i = 0; i < 20; i++)
		event(PX_ABI_DATA, PX_DIR_IN, 0, px_bytes_of(nobodys, 512));
	left_out = 0;
	ck_assert_uint_eq(seen.controls, 1);
	event(PX_ABI_DATA, PX_DIR_IN, 0, PX_BYTES("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
	ck_assert_uint_eq(seen.control.copy_max[PX_DIR_IN], UINT32_MAX);
	event(PX_ABI_DATA, PX_DIR_OUT, 0, PX_BYTES("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
	px_table_advance(&table, now_ns + PX_MATCH_PATIENCE_NS);
	ck_assert_uint_eq(seen.paired, 1);
	sock_id = 9;
}
END_TEST

/* Where bytes are missing, it may have been recognised by them. */
START_TEST(one_with_a_loss_is_not_dropped)
{
	babble(16 << 10, PX_ABI_F_START);
	sock_id--;
	pos[PX_DIR_IN] += 100;
	babble(8192, 0);
	px_table_advance(&table, now_ns += 1000000000);
	ck_assert_uint_eq(seen.lost, 100);
	seen.lost = 0;
	sock_id--;
	babble(48 << 10, 0);
	ck_assert_uint_eq(seen.control.flags, PX_CTL_COPY_MAX);
	sock_id = 9;
}
END_TEST

START_TEST(what_is_saved_is_copied)
{
	table.opt.on_event = on_event;
	babble(1 << 20, PX_ABI_F_START);
	babble(1 << 20, 0);
	ck_assert_uint_eq(seen.controls, 0);
	sock_id = 9;
}
END_TEST

/*
 * A connection that is older than the first event: its third request is all that is seen of three.
 */
static void join(void)
{
	sock_id++;
	pos[0] = pos[1] = 5000;
	ask();
}

/* Whose answer is the first that comes? Three requests at once look like one. */
START_TEST(the_first_answer_is_not_taken_for_the_last_request_s)
{
	join();
	answer(10, false);
	ck_assert_uint_eq(seen.paired + seen.alone, 0);
	answer(20, false);
	answer(30, false);
	ck_assert_uint_eq(seen.paired, 0);
	ck_assert_uint_eq(seen.alone, 4);
	ask(); /* it sends ahead, so nothing is known of it any more */
	answer(40, false);
	close_conn(0);
	ck_assert_uint_eq(seen.paired, 0);
	ck_assert_uint_eq(seen.alone, 6);
	sock_id = 9;
}
END_TEST

/* What proves that the two belong together: the client went on, or ended, or waited. */
START_TEST(the_first_pair_waits_for_proof)
{
	for (int i = 0; i < 3; i++) {
		unsigned int paired = seen.paired;

		join();
		answer(10, false);
		ck_assert_uint_eq(seen.paired, paired);
		if (i == 0) {
			ask();
		} else if (i == 1) {
			close_conn(0);
		} else {
			px_table_advance(&table, now_ns + PX_MATCH_PATIENCE_NS - 1);
			ck_assert_uint_eq(seen.paired, paired);
			ck_assert(px_table_is_waiting(&table));
			px_table_advance(&table, now_ns + PX_MATCH_PATIENCE_NS);
		}
		ck_assert_uint_eq(seen.paired, paired + 1);
		ck_assert_uint_eq(seen.flags, PX_FLAG_MID_STREAM);
	}
	ck_assert_uint_eq(seen.alone, 0);
	sock_id = 9;
}
END_TEST

/* An answer may be under way while requests behind its own are lost. */
START_TEST(an_answer_keeps_its_request_across_a_loss)
{
	ask();
	ask();
	event(PX_ABI_DATA, PX_DIR_IN, 0, PX_BYTES("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"));
	pos[PX_DIR_OUT] += 28;
	ask();
	px_table_advance(&table, now_ns += 100000000);
	ck_assert_uint_eq(seen.lost, 28);
	ck_assert_uint_eq(seen.paired, 0);
	event(PX_ABI_DATA, PX_DIR_IN, 0, PX_BYTES("abc"));
	ck_assert_uint_eq(seen.paired, 1);
	seen.lost = 0;
}
END_TEST

/*
 * An urgent byte takes a place in the sequence and is none of the stream: what is behind it goes on
 * where what was before it ended, also in what the other direction is said to have reached.
 */
START_TEST(an_urgent_byte_is_passed)
{
	for (int i = 0; i < 3; i++) {
		event(PX_ABI_DATA, PX_DIR_OUT, 0,
		      PX_BYTES("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab"));
		if (i == 0) {	/* alone */
			event(PX_ABI_DATA, PX_DIR_OUT, PX_ABI_F_URGENT, PX_BYTES(""));
			pos[PX_DIR_OUT]++;
			event(PX_ABI_DATA, PX_DIR_OUT, 0, PX_BYTES("cd"));
		} else if (i == 1) {	/* behind bytes of its call, which are two events */
			event(PX_ABI_DATA, PX_DIR_OUT, PX_ABI_F_URGENT | PX_ABI_F_MORE,
			      PX_BYTES("c"));
			event(PX_ABI_DATA, PX_DIR_OUT, PX_ABI_F_URGENT, PX_BYTES("d"));
			pos[PX_DIR_OUT]++;
		} else {
			event(PX_ABI_DATA, PX_DIR_OUT, 0, PX_BYTES("cd"));
		}
		event(PX_ABI_DATA, PX_DIR_IN, 0,
		      PX_BYTES("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab"));
		pos[PX_DIR_IN]++;
		event(PX_ABI_DATA, PX_DIR_IN, PX_ABI_F_URGENT, PX_BYTES("c"));
		event(PX_ABI_DATA, PX_DIR_IN, 0, PX_BYTES("d"));
		ck_assert_uint_eq(seen.paired, (unsigned int)i + 1);
		ck_assert_uint_eq(seen.flags, 0);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("table");
	TCase *tc = tcase_create("table");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_fin_ends_the_call_not_its_first_event);
	tcase_add_test(tc, less_is_copied_of_large_messages);
	tcase_add_test(tc, all_is_copied_of_chunked_messages);
	tcase_add_test(tc, all_is_copied_again_from_the_first_chunked_message_on);
	tcase_add_test(tc, a_long_body_is_skipped_to_its_end_and_no_further);
	tcase_add_test(tc, counted_from_now_on_is_not_seen_from_the_start);
	tcase_add_test(tc, a_lost_end_costs_one_exchange);
	tcase_add_test(tc, what_is_missing_before_an_end_is_told);
	tcase_add_loop_test(tc, of_a_file_that_changed_meanwhile_nothing_is_shown, 0,
			    PX_COUNT(files));
	tcase_add_test(tc, what_is_missing_before_a_close_is_told);
	tcase_add_test(tc, late_bytes_are_not_lost);
	tcase_add_test(tc, an_end_that_was_not_read_makes_no_whole_answer);
	tcase_add_test(tc, an_unknown_end_makes_no_whole_answer);
	tcase_add_test(tc, an_answer_that_went_by_unseen_is_told);
	tcase_add_test(tc, the_unknown_is_dropped);
	tcase_add_test(tc, one_without_a_beginning_is_not_dropped);
	tcase_add_test(tc, one_with_a_loss_is_not_dropped);
	tcase_add_test(tc, what_is_saved_is_copied);
	tcase_add_test(tc, the_first_answer_is_not_taken_for_the_last_request_s);
	tcase_add_test(tc, the_first_pair_waits_for_proof);
	tcase_add_test(tc, an_answer_keeps_its_request_across_a_loss);
	tcase_add_test(tc, an_urgent_byte_is_passed);
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
