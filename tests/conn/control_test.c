/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel side is told not to copy. */
#include "conn/talk.h"
#include "support/suite.h"

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

static bool is_skipped(uint32_t at)
{
	return seen.control.flags & PX_CTL_SKIP_IN &&
	       (int32_t)(seen.control.skip_until[PX_DIR_IN] - at) > 0;
}

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

int main(void)
{
	Suite *suite = suite_create("control");
	TCase *tc = tcase_create("control");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, less_is_copied_of_large_messages);
	tcase_add_test(tc, all_is_copied_of_chunked_messages);
	tcase_add_test(tc, all_is_copied_again_from_the_first_chunked_message_on);
	tcase_add_test(tc, a_long_body_is_skipped_to_its_end_and_no_further);
	tcase_add_test(tc, the_unknown_is_dropped);
	tcase_add_test(tc, one_without_a_beginning_is_not_dropped);
	tcase_add_test(tc, one_with_a_loss_is_not_dropped);
	tcase_add_test(tc, what_is_saved_is_copied);
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
