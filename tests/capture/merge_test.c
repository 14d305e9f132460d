/* SPDX-License-Identifier: Apache-2.0 */
/* Perf buffers of several CPUs as one stream; the kernel's half is played by the test. */
#include <check.h>
#include <stdlib.h>

#include "abi.h"
#include "capture/merge.h"
#include "support/suite.h"

#define LANES 3
#define SIZE 4096
#define BELL 4	/* bytes of a sample that only wakes the reader */

static struct perf_event_mmap_page pages[LANES];
static _Alignas(8) char data[LANES][SIZE];
static uint64_t taken[LANES];
static struct px_lane lanes[LANES];
static struct px_merge merge;

static void setup_at(uint64_t begin)
{
	memset(pages, 0, sizeof(pages));
	for (int i = 0; i < LANES; i++) {
		pages[i].data_head = pages[i].data_tail = begin;
		lanes[i] = (struct px_lane){ .page = &pages[i],
					     .data = data[i],
					     .size = SIZE,
					     .taken = &taken[i],
					     .tail = begin,
					     .told = begin };
		taken[i] = 0;
	}
	ck_assert_int_eq(px_merge_init(&merge, lanes, LANES), 0);
}

static void setup(void)
{
	setup_at(0);
}

static void teardown(void)
{
	px_merge_fini(&merge);
}

/* As the kernel writes: over the end of the buffer and on at its beginning. */
static void put_bytes(int lane, uint64_t at, const void *from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		data[lane][(at + i) % SIZE] = ((const char *)from)[i];
}

/* False where it has no room. */
static bool put_record(int lane, uint32_t type, const void *body, size_t len)
{
	struct perf_event_header h = { .type = type, .size = (uint16_t)((8 + len + 7) / 8 * 8) };
	uint64_t at = pages[lane].data_head;

	if (at + h.size - pages[lane].data_tail > SIZE)
		return false;
	put_bytes(lane, at, &h, sizeof(h));
	put_bytes(lane, at + 8, body, len);
	pages[lane].data_head = at + h.size;
	return true;
}

/* An event of this time whose bytes all have the value `mark`. */
static bool put(int lane, uint64_t ts, size_t len, char mark)
{
	const struct px_abi_event h = { .ts_ns = ts, .copied = (uint32_t)len, .tid = (uint32_t)lane };
	/* What the kernel makes of the size, and what stands before the event. */
	const uint32_t front[2] = { (uint32_t)((4 + sizeof(h) + len + 4 + 7) / 8 * 8 - 4), 0 };
	char out[sizeof(front) + sizeof(h) + 1024];

	memcpy(out, front, sizeof(front));
	memcpy(out + sizeof(front), &h, sizeof(h));
	memset(out + sizeof(front) + sizeof(h), mark, len);
	return put_record(lane, PERF_RECORD_SAMPLE, out, sizeof(front) + sizeof(h) + len);
}

static void put_lost(int lane, uint64_t count)
{
	const uint64_t body[2] = { 77, count };

	ck_assert(put_record(lane, PERF_RECORD_LOST, body, sizeof(body)));
}

static void put_bell(int lane)
{
	const uint32_t body[2] = { BELL, 0 };

	ck_assert(put_record(lane, PERF_RECORD_SAMPLE, body, sizeof(body)));
}

/* Are the bytes of an event all this one? (An assertion for each of them takes too long.) */
static bool has_only(const struct px_abi_event *h, char mark)
{
	char expected[1024];

	memset(expected, mark, sizeof(expected));
	return h->copied <= sizeof(expected) && memcmp(h->data, expected, h->copied) == 0;
}

/* The time of the next event, 0 if there is none; its bytes are all `mark`. */
static uint64_t take(uint64_t until, char mark)
{
	const struct px_abi_event *h;
	struct px_bytes event;

	if (!px_merge_next(&merge, until, &event))
		return 0;
	h = (const void *)event.ptr;
	ck_assert_uint_eq((uintptr_t)event.ptr % 8, 0);
	ck_assert_uint_ge(event.len, sizeof(*h) + h->copied);
	ck_assert(!mark || has_only(h, mark));
	return h->ts_ns;
}

START_TEST(in_order_of_time)
{
	put(1, 10, 0, 0);
	put(0, 20, 8, 'a');
	put(2, 25, 1, 'b');
	put(1, 30, 3, 'c');
	put(0, 40, 0, 0);
	ck_assert(px_merge_look(&merge));
	ck_assert_uint_eq(take(100, 0), 10);
	ck_assert_uint_eq(take(100, 'a'), 20);
	ck_assert_uint_eq(take(100, 'b'), 25);
	ck_assert_uint_eq(take(100, 'c'), 30);
	ck_assert_uint_eq(take(100, 0), 40);
	ck_assert_uint_eq(take(100, 0), 0);
	ck_assert(!px_merge_look(&merge));
}
END_TEST

/* Pieces of one call have one time: nothing comes in between, and they stay in order. */
START_TEST(pieces_stay_together)
{
	struct px_bytes event;
	uint32_t expected[] = { 0, 0, 0, 1, 2 };

	put(2, 10, 0, 0);
	put(0, 10, 1, 'a');
	put(1, 10, 0, 0);
	put(0, 10, 2, 'b');
	put(0, 10, 3, 'c');
	px_merge_look(&merge);
	for (size_t i = 0; i < PX_COUNT(expected); i++) {
		const struct px_abi_event *h;

		ck_assert(px_merge_next(&merge, 10, &event));
		h = (const void *)event.ptr;
		ck_assert_uint_eq(h->tid, expected[i]);
		if (i < 3)
			ck_assert_uint_eq(h->copied, i + 1);
	}
}
END_TEST

/*
 * An interrupt's event stands before that of the call it came into: the order of the buffer holds.
 */
START_TEST(buffer_keeps_its_order)
{
	put(0, 30, 0, 0);
	put(0, 20, 0, 0);
	put(1, 25, 0, 0);
	px_merge_look(&merge);
	ck_assert_uint_eq(take(100, 0), 25);
	ck_assert_uint_eq(take(100, 0), 30);
	ck_assert_uint_eq(take(100, 0), 20);
}
END_TEST

/* What is younger than asked for waits in its buffer: an earlier one may still come elsewhere. */
START_TEST(young_ones_wait)
{
	put(0, 10, 0, 0);
	put(0, 50, 5, 'x');
	ck_assert(px_merge_look(&merge));
	ck_assert_uint_eq(take(40, 0), 10);
	ck_assert_uint_eq(take(40, 0), 0);
	px_merge_release(&merge);
	put(1, 45, 0, 0);
	ck_assert(px_merge_look(&merge));
	ck_assert_uint_eq(take(50, 0), 45);
	ck_assert_uint_eq(take(50, 'x'), 50);
	ck_assert_uint_eq(take(50, 0), 0);
}
END_TEST

/* What has come since the look is not touched: on another CPU it may be known of earlier ones. */
START_TEST(a_look_is_a_limit)
{
	put(0, 10, 0, 0);
	px_merge_look(&merge);
	put(0, 11, 0, 0);
	ck_assert_uint_eq(take(100, 0), 10);
	ck_assert_uint_eq(take(100, 0), 0);
	px_merge_look(&merge);
	ck_assert_uint_eq(take(100, 0), 11);
}
END_TEST

START_TEST(loss_is_counted)
{
	put_lost(1, 5);
	put(1, 10, 0, 0);
	put_lost(0, 2);
	ck_assert(px_merge_look(&merge));
	ck_assert_uint_eq(take(100, 0), 10);
	ck_assert_uint_eq(take(100, 0), 0);
	put_lost(1, 1);
	put_bell(2);
	ck_assert(!px_merge_look(&merge));
	ck_assert_uint_eq(merge.lost, 8);
	ck_assert_uint_eq(merge.malformed, 0);
	px_merge_release(&merge);
	ck_assert_uint_eq(pages[1].data_tail, pages[1].data_head);
	ck_assert_uint_eq(pages[2].data_tail, pages[2].data_head);
}
END_TEST

/* The kernel gets its room back, but not under the event that is lent. */
START_TEST(room_comes_back)
{
	put(0, 10, 100, 'a');
	put(0, 20, 100, 'b');
	put_bell(0);
	px_merge_look(&merge);
	ck_assert_uint_eq(take(100, 'a'), 10);
	ck_assert_uint_eq(pages[0].data_tail, 0);
	ck_assert_uint_eq(take(100, 'b'), 20);
	ck_assert_uint_lt(pages[0].data_tail, pages[0].data_head / 2 + 1);
	px_merge_release(&merge);
	ck_assert_uint_eq(pages[0].data_tail, pages[0].data_head);
	ck_assert_uint_eq(taken[0], pages[0].data_head - 16);	/* events only */
}
END_TEST

/* Sizes that cannot be: the buffer is given up to its end, what comes afterwards is read. */
START_TEST(damage)
{
	static const struct perf_event_header headers[] = {
		{ .type = PERF_RECORD_SAMPLE, .size = 0 },
		{ .type = PERF_RECORD_SAMPLE, .size = 8 },
		{ .type = PERF_RECORD_SAMPLE, .size = 150 },
		{ .type = PERF_RECORD_SAMPLE, .size = 4000 },
	};

	put(0, 10, 0, 0);
	put_bytes(0, 0, &headers[_i], sizeof(headers[_i]));
	put(1, 20, 0, 0);
	px_merge_look(&merge);
	ck_assert_uint_eq(take(100, 0), 20);
	ck_assert_uint_eq(take(100, 0), 0);
	ck_assert_uint_eq(merge.malformed, 1);
	put(0, 30, 0, 0);
	px_merge_look(&merge);
	ck_assert_uint_eq(take(100, 0), 30);
}
END_TEST

/* A sample that says it is longer than its record, or is shorter than an event, is left out. */
START_TEST(damaged_sample)
{
	static const uint32_t sizes[] = { UINT32_MAX, 1000, 5, 100,
					  sizeof(struct px_abi_event) + 3 };

	put(0, 10, 0, 0);
	put_bytes(0, 8, &sizes[_i], sizeof(sizes[_i]));
	put(0, 20, 4, 'z');
	px_merge_look(&merge);
	ck_assert_uint_eq(take(100, 'z'), 20);
	ck_assert_uint_eq(merge.malformed, 1);
}
END_TEST

/*
 * Events of all lengths while the buffers go round and round: none is missing or damaged, and those
 * that were there at a look are handed over in order.
 */
START_TEST(round_and_round)
{
	uint64_t now = 1, last = 0, until, count = 0, seen = 0, refused = 0, ts;
	unsigned int seed = (unsigned int)_i;

	teardown();
	setup_at(_i % 2 ? 0 : UINT64_C(0x100000000) - 8 * (unsigned int)_i);
	for (int turn = 0; turn < 2000; turn++) {
		for (int n = rand_r(&seed) % 12; n > 0; n--) {
			int lane = rand_r(&seed) % LANES;
			size_t len = (size_t)rand_r(&seed) % 900;

			now += (uint64_t)rand_r(&seed) % 3;
			if (put(lane, now, len, (char)(now % 26 + 'a')))
				count++;
			else
				refused++;
			if (rand_r(&seed) % 8 == 0 &&
			    pages[lane].data_head + 24 - pages[lane].data_tail <= SIZE)
				put_lost(lane, 1);
		}
		until = now - (uint64_t)rand_r(&seed) % 5;
		px_merge_look(&merge);
		for (int n = rand_r(&seed) % 20; n > 0; n--) {
			struct px_bytes event;
			const struct px_abi_event *h;

			if (!px_merge_next(&merge, until, &event))
				break;
			h = (const void *)event.ptr;
			ck_assert_uint_ge(h->ts_ns, last);
			ck_assert_uint_le(h->ts_ns, until);
			last = h->ts_ns;
			ck_assert(has_only(h, (char)(last % 26 + 'a')));
			seen++;
		}
		if (rand_r(&seed) % 2)
			px_merge_release(&merge);
	}
	px_merge_look(&merge);
	while ((ts = take(UINT64_MAX, 0)) > 0) {
		ck_assert_uint_ge(ts, last);
		last = ts;
		seen++;
	}
	ck_assert_uint_eq(seen, count);
	ck_assert_uint_gt(refused, 0);
	ck_assert_uint_eq(merge.malformed, 0);
	px_merge_release(&merge);
	for (int i = 0; i < LANES; i++)
		ck_assert_uint_eq(pages[i].data_head, pages[i].data_tail);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("merge");
	TCase *tc = tcase_create("merge");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, in_order_of_time);
	tcase_add_test(tc, pieces_stay_together);
	tcase_add_test(tc, buffer_keeps_its_order);
	tcase_add_test(tc, young_ones_wait);
	tcase_add_test(tc, a_look_is_a_limit);
	tcase_add_test(tc, loss_is_counted);
	tcase_add_test(tc, room_comes_back);
	tcase_add_loop_test(tc, damage, 0, 4);
	tcase_add_loop_test(tc, damaged_sample, 0, 5);
	tcase_add_loop_test(tc, round_and_round, 0, 20);
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
