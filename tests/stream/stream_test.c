/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams against a known truth: whatever order, overlap, cut and loss, what is read is right and
 * the rest is a hole.
 */
#include "stream/stream.h"
#include "support/suite.h"

#include <check.h>
#include <stdlib.h>

#define TRUTH_LEN 4096
#define ORIGIN 0xfffff000ull /* so that 32 bits would wrap */

static char truth[TRUTH_LEN];
static struct px_stream_budget budget;

static void setup(void)
{
	for (size_t i = 0; i < TRUTH_LEN; i++)
		truth[i] = (char)(i * 31 + (i >> 8));
	budget = (struct px_stream_budget){ .stream_max = 1 << 20, .total_max = 1 << 20 };
}

static void put(struct px_stream *s, size_t at, size_t copied, size_t len, uint64_t ts)
{
	struct px_seg_info info = { .ts_ns = ts, .pid = (uint32_t)ts };

	px_stream_append(s, ORIGIN + at, px_bytes_of(truth + at, copied), len, &info);
}

/* Read what is there, at most max bytes a time; *read and *holes grow. */
static void take(struct px_stream *s, size_t max, uint64_t *read, uint64_t *holes)
{
	const struct px_piece *front;

	while ((front = px_stream_front(s)) != NULL) {
		struct px_bytes view = px_stream_view(s);
		uint64_t n = front->len;

		if (front->kind == PX_PIECE_DATA) {
			ck_assert_uint_gt(view.len, 0);
			n = view.len < max ? view.len : max;
			ck_assert_mem_eq(view.ptr, truth + (s->pos - ORIGIN), n);
			*read += n;
		} else {
			ck_assert_uint_eq(view.len, 0);
			*holes += n;
		}
		px_stream_consume(s, n);
	}
}

START_TEST(in_order_bytes_are_lent_not_copied)
{
	struct px_stream s;
	uint64_t read = 0, holes = 0;

	px_stream_init(&s, &budget);
	put(&s, 0, 100, 100, 1);
	ck_assert_ptr_eq(px_stream_view(&s).ptr, truth);
	take(&s, 100, &read, &holes);
	px_stream_settle(&s);
	ck_assert_uint_eq(budget.total, 0);
	ck_assert_uint_eq(read, 100);
	ck_assert_ptr_null(s.buf.ptr);
	px_stream_fini(&s);
}
END_TEST

START_TEST(rest_is_kept_and_joined)
{
	struct px_stream s;

	px_stream_init(&s, &budget);
	put(&s, 0, 10, 10, 1);
	px_stream_consume(&s, 4);
	px_stream_settle(&s);
	ck_assert_uint_eq(budget.total, 6);
	put(&s, 10, 20, 20, 2);
	ck_assert_uint_eq(px_stream_view(&s).len, 26);
	ck_assert_mem_eq(px_stream_view(&s).ptr, truth + 4, 26);
	ck_assert_uint_eq(px_stream_front(&s)->info.ts_ns, 1);
	px_stream_consume(&s, 7);
	ck_assert_uint_eq(s.last.ts_ns, 2);
	px_stream_fini(&s);
	ck_assert_uint_eq(budget.total, 0);
}
END_TEST

START_TEST(what_was_not_copied_is_a_cut_of_known_size)
{
	struct px_stream s;
	uint64_t read = 0, holes = 0;

	px_stream_init(&s, &budget);
	put(&s, 0, 10, 1000, 1);
	put(&s, 1000, 5, 5, 2);
	px_stream_settle(&s);
	px_stream_consume(&s, 10);
	ck_assert_int_eq(px_stream_front(&s)->kind, PX_PIECE_CUT);
	ck_assert_uint_eq(px_stream_front(&s)->len, 990);
	take(&s, 3, &read, &holes);
	ck_assert_uint_eq(read, 5);
	ck_assert_uint_eq(holes, 990);
	ck_assert_uint_eq(s.lost_bytes, 0);
	px_stream_fini(&s);
}
END_TEST

START_TEST(hole_waits_then_is_lost)
{
	struct px_stream s;
	uint64_t read = 0, holes = 0;

	px_stream_init(&s, &budget);
	put(&s, 0, 10, 10, 1);
	put(&s, 30, 10, 10, 3);
	put(&s, 20, 10, 10, 2);
	take(&s, 100, &read, &holes);
	ck_assert_uint_eq(read, 10);
	ck_assert(px_stream_is_waiting(&s));
	ck_assert_uint_eq(px_stream_waiting_since(&s), 2);
	ck_assert_uint_eq(px_stream_give_up(&s), 10);
	take(&s, 100, &read, &holes);
	ck_assert_uint_eq(read, 30);
	ck_assert_uint_eq(holes, 10);
	ck_assert_uint_eq(s.lost_bytes, 10);
	px_stream_fini(&s);
	ck_assert_uint_eq(budget.total, 0);
}
END_TEST

START_TEST(late_bytes_close_the_hole)
{
	struct px_stream s;
	uint64_t read = 0, holes = 0;

	px_stream_init(&s, &budget);
	put(&s, 0, 10, 10, 1);
	put(&s, 20, 10, 10, 2);
	put(&s, 10, 15, 15, 3); /* overlaps what waits: the first copy wins */
	take(&s, 100, &read, &holes);
	ck_assert_uint_eq(read, 30);
	ck_assert_uint_eq(holes, 0);
	ck_assert(!px_stream_is_waiting(&s));
	px_stream_fini(&s);
}
END_TEST

START_TEST(two_writers_at_one_moment_lose_nothing)
{
	struct px_stream s;
	uint64_t lost;

	/*
	 * Both read the counter behind both writes: 0..30 is 10 and 20 bytes, the first claims
	 * 20..30, the second 10..30.
	 */
	px_stream_init(&s, &budget);
	s.no_repeats = true;
	px_stream_hint(&s, ORIGIN);
	put(&s, 20, 10, 10, 1);
	put(&s, 10, 20, 20, 2);
	lost = px_stream_give_up(&s);
	ck_assert_uint_eq(lost, 0);
	ck_assert_uint_eq(s.end - s.pos, 30);
	ck_assert_mem_eq(px_stream_view(&s).ptr, truth + 20, 10);
	ck_assert_mem_eq(px_stream_view(&s).ptr + 10, truth + 10, 20);
	px_stream_fini(&s);
}
END_TEST

START_TEST(discard_drops_bytes_and_holes_as_they_come)
{
	struct px_stream s;
	uint64_t read = 0, holes = 0;

	px_stream_init(&s, &budget);
	put(&s, 0, 10, 10, 1);
	px_stream_consume(&s, 2);
	px_stream_discard(&s, 1000);
	put(&s, 10, 100, 500, 2);
	ck_assert_ptr_null(px_stream_front(&s));
	put(&s, 510, 600, 600, 3);
	take(&s, 1000, &read, &holes);
	ck_assert_uint_eq(s.pos - ORIGIN, 1110);
	ck_assert_uint_eq(read, 1110 - 1002);
	ck_assert_uint_eq(holes, 0);
	px_stream_fini(&s);
}
END_TEST

START_TEST(bytes_before_the_hint_count)
{
	struct px_stream s;

	px_stream_init(&s, &budget);
	px_stream_hint(&s, ORIGIN + 100);
	put(&s, 40, 60, 60, 1);
	ck_assert_uint_eq(s.pos, ORIGIN + 40);
	ck_assert_uint_eq(px_stream_view(&s).len, 60);
	px_stream_fini(&s);
	px_stream_init(&s, &budget);
	px_stream_hint(&s, ORIGIN + 100);
	put(&s, 140, 60, 60, 1);
	ck_assert(px_stream_is_waiting(&s));
	ck_assert_uint_eq(px_stream_give_up(&s), 40);
	px_stream_fini(&s);
}
END_TEST

START_TEST(a_full_stream_turns_into_a_counted_hole)
{
	struct px_stream s;
	uint64_t read = 0, holes = 0;

	budget.stream_max = 1000;
	px_stream_init(&s, &budget);
	for (size_t i = 0; i < 20; i++) {
		put(&s, i * 100, 100, 100, i + 1);
		px_stream_settle(&s);
	}
	ck_assert_uint_eq(s.end - s.pos, 2000);
	ck_assert_uint_le(budget.total, 1000);
	take(&s, 5000, &read, &holes);
	ck_assert_uint_eq(read + holes, 2000);
	ck_assert_uint_eq(holes, s.lost_bytes);
	ck_assert_uint_eq(holes, budget.dropped_bytes);
	ck_assert_uint_ge(read, 900);
	px_stream_fini(&s);
	ck_assert_uint_eq(budget.total, 0);
}
END_TEST

/*
 * Any cutting, order, repetition, loss and partial copy: what is read is the truth, and all is
 * accounted for.
 */
START_TEST(random_traffic)
{
	unsigned int seed = (unsigned int)_i + 1;

	for (int round = 0; round < 200; round++) {
		size_t at[512], len[512], count = 0, pos = 0, expect_holes = 0;
		struct px_stream s;
		uint64_t read = 0, holes = 0, cuts = 0;
		bool gone[512];

		while (pos < TRUTH_LEN && count < 512) {
			len[count] = 1 + (size_t)rand_r(&seed) % (rand_r(&seed) % 8 ? 40 : 700);
			if (len[count] > TRUTH_LEN - pos)
				len[count] = TRUTH_LEN - pos;
			at[count] = pos;
			pos += len[count++];
		}
		for (size_t i = 0; i + 1 < count; i++) { /* neighbours change places */
			if (rand_r(&seed) % 6 == 0 && i > 0) {
				size_t a = at[i], l = len[i];

				at[i] = at[i + 1];
				len[i] = len[i + 1];
				at[i + 1] = a;
				len[i + 1] = l;
			}
		}
		px_stream_init(&s, &budget);
		px_stream_hint(&s, ORIGIN);
		for (size_t i = 0; i < count; i++) {
			size_t copied = rand_r(&seed) % 9 ? len[i] : len[i] / 2;

			gone[i] = i > 0 && rand_r(&seed) % 15 == 0;
			if (gone[i]) {
				if (at[i] + len[i] < TRUTH_LEN)
					expect_holes += len[i];
				continue;
			}
			cuts += len[i] - copied;
			put(&s, at[i], copied, len[i], i + 1);
			if (rand_r(&seed) % 10 == 0)
				put(&s, at[i], len[i], len[i], i + 1);
			if (rand_r(&seed) % 2)
				take(&s, 1 + (size_t)rand_r(&seed) % 300, &read, &holes);
			px_stream_settle(&s);
		}
		while (px_stream_is_waiting(&s)) {
			px_stream_give_up(&s);
			take(&s, 100, &read, &holes);
		}
		take(&s, 100, &read, &holes);
		ck_assert_uint_eq(s.pos, s.end);
		ck_assert_uint_eq(read + holes, s.end - ORIGIN);
		if (s.end - ORIGIN == TRUTH_LEN)
			ck_assert_uint_le(holes, expect_holes + cuts);
		ck_assert_uint_le(s.lost_bytes, expect_holes + TRUTH_LEN - (s.end - ORIGIN) + 1);
		px_stream_fini(&s);
		ck_assert_uint_eq(budget.total, 0);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stream");
	TCase *tc = tcase_create("stream");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, in_order_bytes_are_lent_not_copied);
	tcase_add_test(tc, rest_is_kept_and_joined);
	tcase_add_test(tc, what_was_not_copied_is_a_cut_of_known_size);
	tcase_add_test(tc, hole_waits_then_is_lost);
	tcase_add_test(tc, late_bytes_close_the_hole);
	tcase_add_test(tc, two_writers_at_one_moment_lose_nothing);
	tcase_add_test(tc, discard_drops_bytes_and_holes_as_they_come);
	tcase_add_test(tc, bytes_before_the_hint_count);
	tcase_add_test(tc, a_full_stream_turns_into_a_counted_hole);
	tcase_add_loop_test(tc, random_traffic, 0, 10);
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
