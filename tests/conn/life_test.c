/* SPDX-License-Identifier: Apache-2.0 */
/* Where a connection ends, and what of it was not seen by then. */
#include "conn/talk.h"
#include "support/suite.h"

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
	for (int i = 0; i < 4; i++) {
		sock_id++;
		family = i == 3 ? PX_ABI_AF_UNIX : PX_ABI_AF_INET;
		event(PX_ABI_DATA, PX_DIR_IN, PX_ABI_F_START,
		      PX_BYTES("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
		event(PX_ABI_DATA, PX_DIR_OUT, 0, PX_BYTES("HTTP/1.1 200 OK\r\n\r\nab"));
		if (i == 0) {
			close_conn(PX_ABI_F_RESET);
		} else if (i == 1) {
			has_places = false;
			close_conn(0);
			has_places = true;
		} else if (i == 3) { /* an error in writing, after which the process closes it */
			event(PX_ABI_CLOSE, PX_DIR_OUT, PX_ABI_F_RESET, PX_BYTES(""));
			close_conn(0);
		} else { /* the number serves another socket now, and the end of this one went by */
			sock_gen++;
			event(PX_ABI_OPEN, PX_DIR_OUT, 0, PX_BYTES(""));
		}
		ck_assert_uint_eq(seen.paired, (unsigned int)i + 1);
		ck_assert_uint_eq(seen.flags, PX_FLAG_ABORTED);
	}
	family = PX_ABI_AF_INET;
	sock_gen = 1;
	sock_id = 9;
}
END_TEST

/*
 * What was read or written by then is told by calls of the other direction, too: UNIX sockets tell
 * no end without --conns.
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

static bool is_of_nine(void *ctx, const struct px_conn *c)
{
	++*(unsigned int *)ctx;
	return c->sock_id == 9;
}

/* Its process is no target any more: what waits goes alone, and other connections go on. */
START_TEST(those_that_nothing_more_comes_of_are_forgotten)
{
	unsigned int asked = 0;

	ask();
	sock_id = 10;
	event(PX_ABI_OPEN, PX_DIR_OUT, 0, PX_BYTES(""));
	ask();
	px_table_forget(&table, is_of_nine, &asked);
	ck_assert_uint_eq(asked, 2);
	ck_assert_uint_eq(table.conn_count, 1);
	ck_assert_uint_eq(seen.alone, 1);
	ck_assert_uint_eq(seen.flags & PX_FLAG_NOREPLY, PX_FLAG_NOREPLY);
	answer(10, false);
	ck_assert_uint_eq(seen.paired, 1);
	ck_assert_uint_eq(seen.alone, 1);
	sock_id = 9;
}
END_TEST

/* A target again: the same socket, and nobody knows what passed meanwhile. */
START_TEST(what_comes_all_the_same_begins_in_the_middle)
{
	unsigned int asked = 0;

	ask();
	answer(10, false);
	ck_assert_uint_eq(seen.flags, 0);
	px_table_forget(&table, is_of_nine, &asked);
	pos[PX_DIR_OUT] += 1000;
	pos[PX_DIR_IN] += 5000;
	for (int i = 0; i < 2; i++) {
		ask();
		answer(10, false);
	}
	px_table_advance(&table, now_ns += 1000000000);
	ck_assert_uint_eq(seen.paired, 3);
	ck_assert_uint_eq(seen.alone, 0);
	ck_assert_uint_eq(seen.flags & PX_FLAG_MID_STREAM, PX_FLAG_MID_STREAM);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("life");
	TCase *tc = tcase_create("life");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, what_is_missing_before_an_end_is_told);
	tcase_add_test(tc, what_is_missing_before_a_close_is_told);
	tcase_add_test(tc, late_bytes_are_not_lost);
	tcase_add_test(tc, an_end_that_was_not_read_makes_no_whole_answer);
	tcase_add_test(tc, an_unknown_end_makes_no_whole_answer);
	tcase_add_test(tc, an_answer_that_went_by_unseen_is_told);
	tcase_add_test(tc, those_that_nothing_more_comes_of_are_forgotten);
	tcase_add_test(tc, what_comes_all_the_same_begins_in_the_middle);
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
