/* SPDX-License-Identifier: Apache-2.0 */
/* Events of HTTP connections go in, records come out. */
#include "conn/talk.h"
#include "support/suite.h"

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

/* Positions that began at 0 when the kernel side met a socket say nothing of what went before. */
START_TEST(counted_from_now_on_is_not_seen_from_the_start)
{
	for (sock_id = 10; sock_id < 12; sock_id++) {
		pos[0] = pos[1] = 0;
		event(PX_ABI_DATA, PX_DIR_OUT,
		      PX_ABI_F_NEWPOS | (sock_id == 11 ? PX_ABI_F_START : 0),
		      PX_BYTES("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
		answer(10, false);
		px_table_advance(&table, now_ns += PX_MATCH_PATIENCE_NS);
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

/* What the call sent was still being copied when the other side reset the connection. */
START_TEST(a_reset_that_comes_before_the_file_is_no_call)
{
	table.opt.on_event = on_event;
	ask();
	bytes_shown = 0;
	now_ns += 2000 * 1000;
	thread = 0;
	event(PX_ABI_CLOSE, PX_DIR_OUT, PX_ABI_F_RESET, PX_BYTES(""));
	now_ns -= 1000 * 1000;
	thread = 5;
	result = 1000;
	event(PX_ABI_DATA, PX_DIR_OUT, PX_ABI_F_FILE, PX_BYTES("three"));
	ck_assert_uint_eq(bytes_shown, 5);
	result = 0;
}
END_TEST

/* A server that read the end at once, and said farewell: the other side's reset came in meanwhile. */
START_TEST(a_reset_within_the_first_call_is_of_the_same_connection)
{
	event(PX_ABI_DATA, PX_DIR_IN, 0, PX_BYTES(""));
	pos[PX_DIR_OUT] += 7;
	thread = 0;
	event(PX_ABI_CLOSE, PX_DIR_OUT, PX_ABI_F_RESET, PX_BYTES(""));
	thread = 5;
	pos[PX_DIR_OUT] -= 7;
	event(PX_ABI_OPEN, PX_DIR_OUT, PX_ABI_F_ACCEPT, PX_BYTES(""));
	event(PX_ABI_DATA, PX_DIR_OUT, PX_ABI_F_START, PX_BYTES("goodbye"));
	ck_assert_uint_eq(table.stats.conns_seen, 1);
	px_table_advance(&table, now_ns + 1000 * 1000 * 1000);
	ck_assert_uint_eq(seen.lost, 0);
	ck_assert_uint_eq(seen.bytes[PX_DIR_OUT], 7);
}
END_TEST

/* A socket with a port of its own that was refused, and tries again. */
START_TEST(who_connects_again_opens_another_connection)
{
	sock_id++;
	for (int i = 0; i < 2; i++) {
		result = i ? 0 : -111;
		event(PX_ABI_OPEN, PX_DIR_OUT, 0, PX_BYTES(""));
	}
	ck_assert_uint_eq(table.stats.conns_seen, 3);
	ask();
	answer(10, false);
	ck_assert_uint_eq(seen.paired, 1);
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

/*
 * Nor is it where the server keeps pace with who sends ahead, so that requests and answers take
 * turns: as soon as they do not, all that looked like pairs are none. `lag` answers are under way
 * at any time.
 */
START_TEST(turns_are_no_proof)
{
	for (unsigned int lag = 1; lag < 4; lag++) {
		for (unsigned int turns = 1; turns <= PX_MATCH_TRIAL_TURNS; turns++) {
			unsigned int alone = seen.alone;

			join();
			for (unsigned int i = 0; i < turns; i++) {
				if (i > 0)
					ask();
				answer(10 + i, false);
				ck_assert_uint_eq(seen.alone, alone);
			}
			for (unsigned int i = 0; i < lag; i++)
				answer(20, false);
			close_conn(0);
			ck_assert_uint_eq(seen.alone, alone + 2 * turns + lag);
		}
	}
	ck_assert_uint_eq(seen.paired, 0);
	sock_id = 9;
}
END_TEST

/*
 * What proves that all belong together: many turns, the end, or a rest, whether the clock tells of
 * it or the next request. That requests are sent ahead later on is no matter.
 */
START_TEST(the_first_pair_waits_for_proof)
{
	for (int i = 0; i < 5; i++) {
		unsigned int paired = seen.paired;

		join();
		answer(10, false);
		ck_assert_uint_eq(seen.paired, paired);
		if (i == 0) {
			for (unsigned int turns = 0; turns < PX_MATCH_TRIAL_TURNS; turns++) {
				ck_assert_uint_eq(seen.paired, paired);
				ask();
				if (turns < PX_MATCH_TRIAL_TURNS - 1)
					answer(10, false);
			}
			seen.paired -= PX_MATCH_TRIAL_TURNS - 1;
			seen.flags = PX_FLAG_MID_STREAM; /* the later ones of so many have none */
		} else if (i == 1) {
			close_conn(0);
		} else if (i == 2) {
			now_ns += PX_MATCH_PATIENCE_NS;
			ask();
		} else if (i == 3) {
			ask();
			ask();
			answer(10, false);
			px_table_advance(&table, now_ns += PX_MATCH_PATIENCE_NS);
			ck_assert_uint_eq(seen.paired, paired); /* one is under way */
			answer(10, false);
			px_table_advance(&table, now_ns += PX_MATCH_PATIENCE_NS);
			seen.paired -= 2;
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

/* The two ends of a tie are a context and a socket; a damaged tape may say anything. */
START_TEST(what_ties_no_context_to_a_socket_ties_nothing)
{
	const uint64_t ties[][2] = { { 9, 9 }, { 9, 10 }, { PX_ABI_UNTIED | 9, PX_ABI_UNTIED | 9 } };

	sock_id = 10;
	event(PX_ABI_OPEN, PX_DIR_OUT, 0, PX_BYTES(""));
	sock_id = ties[_i][0];
	event(PX_ABI_TIE, PX_DIR_OUT, 0, px_bytes_of((const char *)&ties[_i][1], sizeof(uint64_t)));
	sock_id = 9;
	pos[PX_DIR_OUT] = 1;
	ask();
	answer(10, false);
	ck_assert_uint_eq(seen.paired, 1);
}
END_TEST

/* A TLS context is found to use the socket, and then tells of an exchange. */
static void tie(unsigned int flags)
{
	const uint64_t untied = PX_ABI_UNTIED | 9;

	ck_assert_uint_eq(seen.paired, 0);
	has_places = false;
	pos[PX_DIR_OUT] = pos[PX_DIR_IN] = 0;
	event(PX_ABI_TIE, PX_DIR_OUT, flags, px_bytes_of((const char *)&untied, sizeof(untied)));
	result = 0;
	pos[PX_DIR_OUT] = 0;
	event(PX_ABI_DATA, PX_DIR_OUT, PX_ABI_F_TLS | PX_ABI_F_PEER_POS,
	      PX_BYTES("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
	event(PX_ABI_DATA, PX_DIR_IN, PX_ABI_F_TLS | PX_ABI_F_PEER_POS,
	      PX_BYTES("HTTP/1.1 204 None\r\n\r\n"));
	has_places = true;
	px_table_advance(&table, now_ns + 1000 * 1000 * 1000);
	ck_assert_uint_eq(seen.paired, 1);
	ck_assert_uint_eq(seen.alone, 0);
}

START_TEST(what_the_kernel_encrypts_is_told_once)
{
	join();
	result = 1;
	tie(0);
}
END_TEST

/* A connection that is older than the tracer shakes hands again behind some ciphertext. */
START_TEST(a_second_handshake_is_no_beginning)
{
	sock_id++;
	event(PX_ABI_DATA, PX_DIR_IN, 0, PX_BYTES("\x17\3\3\0\1a"));
	event(PX_ABI_DATA, PX_DIR_OUT, 0, PX_BYTES("\x16\3\3\0\1a"));
	tie(PX_ABI_F_START);
	ck_assert_uint_eq(seen.flags, PX_FLAG_MID_STREAM);
}
END_TEST

/*
 * More requests are under way than may wait: the oldest of them, and later the answers to these, go
 * alone; all others are paired, and so is what comes behind them.
 */
START_TEST(more_requests_than_may_wait_cost_the_oldest)
{
	enum { MAX = 4096, MORE = 5 };

	for (unsigned int round = 1; round <= 2; round++) {
		for (unsigned int i = 0; i < MAX + MORE; i++)
			ask();
		ck_assert_uint_eq(seen.alone, (2 * round - 1) * MORE);
		ck_assert_uint_eq(seen.flags, PX_FLAG_UNPAIRED);
		for (unsigned int i = 0; i < MAX + MORE; i++) {
			answer(i, false);
			ck_assert_uint_eq(seen.flags, i < MORE ? PX_FLAG_UNPAIRED : 0);
		}
		ck_assert_uint_eq(seen.alone, 2 * round * MORE);
		ck_assert_uint_eq(seen.paired, round * MAX + round - 1);
		ask();
		answer(7, false);
		ck_assert_uint_eq(seen.paired, round * MAX + round);
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
	tcase_add_test(tc, counted_from_now_on_is_not_seen_from_the_start);
	tcase_add_test(tc, a_lost_end_costs_one_exchange);
	tcase_add_loop_test(tc, of_a_file_that_changed_meanwhile_nothing_is_shown, 0,
			    PX_COUNT(files));
	tcase_add_test(tc, a_reset_that_comes_before_the_file_is_no_call);
	tcase_add_test(tc, what_the_kernel_encrypts_is_told_once);
	tcase_add_test(tc, a_second_handshake_is_no_beginning);
	tcase_add_test(tc, a_reset_within_the_first_call_is_of_the_same_connection);
	tcase_add_test(tc, who_connects_again_opens_another_connection);
	tcase_add_test(tc, the_first_answer_is_not_taken_for_the_last_request_s);
	tcase_add_test(tc, turns_are_no_proof);
	tcase_add_test(tc, the_first_pair_waits_for_proof);
	tcase_add_test(tc, an_answer_keeps_its_request_across_a_loss);
	tcase_add_test(tc, an_urgent_byte_is_passed);
	tcase_add_test(tc, more_requests_than_may_wait_cost_the_oldest);
	tcase_add_loop_test(tc, what_ties_no_context_to_a_socket_ties_nothing, 0, 3);
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
