/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The recorded tapes with events missing: cut at each event, begun at each event, and with events
 * taken out at random. What comes out is true, and what is missing is reported. PX_RUNS in the
 * environment: how many random runs.
 */
#include "golden/player.h"
#include "support/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define TAPES_MAX 64
#define EVENTS_MAX 1024
#if defined(__SANITIZE_ADDRESS__)
#define RUNS 4000
#else
#define RUNS 100000
#endif

static struct player_tape tapes[TAPES_MAX];
static size_t tape_count;
static struct player_run run;
static bool gone[EVENTS_MAX];

START_TEST(whole_tapes)
{
	for (size_t i = 0; i < tape_count; i++) {
		ck_assert_uint_le(tapes[i].count, EVENTS_MAX);
		ck_assert_uint_gt(tapes[i].whole.count, 0);
		ck_assert_uint_eq(tapes[i].whole.lost_bytes, 0);
		player_play(&tapes[i], NULL, PLAYER_STEPWISE, &run);
		ck_assert_uint_eq(run.count, tapes[i].whole.count);
		ck_assert_msg(player_untrue(&tapes[i].whole, &run) == NULL, "%s: %s", tapes[i].name,
			      player_untrue(&tapes[i].whole, &run));
	}
}
END_TEST

/*
 * The bytes that are missing between others of the same direction, or before an end that tells its
 * place: whatever happens, these are noticed. Of last bytes that went together with every event
 * that tells the end, nothing is left to tell; then no record may claim to be whole, which
 * player_untrue() sees to.
 */
static uint64_t bytes_between(const struct player_tape *t)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < t->count; i++) {
		const struct px_abi_event *h = t->ev[i].hdr;
		bool before = false, behind = false;

		if (!gone[i] || h->kind != PX_ABI_DATA)
			continue;
		for (size_t j = 0; j < t->count; j++) {
			const struct px_abi_event *o = t->ev[j].hdr;

			if (gone[j] || o->sock_id != h->sock_id)
				continue;
			if (o->kind == PX_ABI_CLOSE && o->flags & PX_ABI_F_PEER_POS)
				behind = true;
			if (o->kind == PX_ABI_DATA && o->dir == h->dir && o->len > 0)
				*(j < i ? &before : &behind) = true;
		}
		if (before && behind)
			sum += h->len;
	}
	return sum;
}

static uint64_t bytes_gone(const struct player_tape *t)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < t->count; i++)
		if (gone[i] && t->ev[i].hdr->kind == PX_ABI_DATA)
			sum += t->ev[i].hdr->len;
	return sum;
}

static void judge(const struct player_tape *t, const char *how, size_t where, enum player_pace pace)
{
	const char *why;

	player_play(t, gone, pace, &run);
	why = player_untrue(&t->whole, &run);
	ck_assert_msg(!why, "%s, %s %zu, pace %d: %s", t->name, how, where, (int)pace, why);
	ck_assert_msg(run.lost_bytes <= bytes_gone(t), "%s, %s %zu: %llu bytes are said to be lost",
		      t->name, how, where, (unsigned long long)run.lost_bytes);
	ck_assert_msg(run.lost_bytes >= bytes_between(t), "%s, %s %zu: lost bytes are not told of",
		      t->name, how, where);
}

START_TEST(cut_at_each_event)
{
	size_t told = 0;

	for (size_t i = 0; i < tape_count; i++)
		for (size_t cut = 0; cut <= tapes[i].count; cut++)
			for (int pace = PLAYER_AT_ONCE; pace <= PLAYER_STEPWISE; pace++) {
				for (size_t j = 0; j < tapes[i].count; j++)
					gone[j] = j >= cut;
				judge(&tapes[i], "cut behind", cut, (enum player_pace)pace);
				told += run.count;
			}
	ck_assert_uint_gt(told, 1000);
}
END_TEST

START_TEST(begun_at_each_event)
{
	for (size_t i = 0; i < tape_count; i++)
		for (size_t cut = 0; cut <= tapes[i].count; cut++) {
			for (size_t j = 0; j < tapes[i].count; j++)
				gone[j] = j < cut;
			judge(&tapes[i], "begun at", cut, PLAYER_AT_ONCE);
		}
}
END_TEST

START_TEST(without_each_event)
{
	for (size_t i = 0; i < tape_count; i++)
		for (size_t at = 0; at < tapes[i].count; at++) {
			for (size_t j = 0; j < tapes[i].count; j++)
				gone[j] = j == at;
			judge(&tapes[i], "without event", at, (enum player_pace)(at & 1));
		}
}
END_TEST

/* A share of 1 to 30 %, alone or in runs; of a third of the tapes the beginning is missing, too. */
static size_t remove_some(const struct player_tape *t, unsigned int *seed)
{
	unsigned int share = 1 + (unsigned int)rand_r(seed) % (rand_r(seed) % 2 ? 30 : 5);
	size_t begin = rand_r(seed) % 3 ? 0 : (size_t)rand_r(seed) % t->count, left = 0,
	       removed = 0;

	for (size_t i = 0; i < t->count; i++) {
		if (left == 0 && (unsigned int)rand_r(seed) % 100 < share)
			left = 1 + (rand_r(seed) % 4 ? 0 : (size_t)rand_r(seed) % 8);
		gone[i] = i < begin || left > 0;
		left -= left > 0;
		removed += gone[i];
	}
	return removed;
}

START_TEST(removed_at_random)
{
	const char *text = getenv("PX_RUNS");
	unsigned long runs = text ? strtoul(text, NULL, 10) : RUNS, removed = 0, told = 0, sent = 0;

	for (unsigned long i = 0; i < runs; i++) {
		const struct player_tape *t = &tapes[i % tape_count];
		unsigned int seed = (unsigned int)i;

		removed += remove_some(t, &seed);
		judge(t, "random run", i, (enum player_pace)(rand_r(&seed) & 1));
		told += run.count;
		sent += t->whole.count;
	}
	ck_assert_uint_gt(told, sent / 4); /* caution is no excuse for showing nothing */
	printf("%lu runs, %lu events removed, %lu of %lu messages told\n", runs, removed, told,
	       sent);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("tapes");
	TCase *tc = tcase_create("events missing");
	int failed;

	if (argc != 2) {
		fprintf(stderr, "usage: tape_test FOLDER\n");
		return 2;
	}
	tape_count = player_load(argv[1], tapes, TAPES_MAX);
	tcase_set_timeout(tc, 250);
	tcase_add_test(tc, whole_tapes);
	tcase_add_test(tc, cut_at_each_event);
	tcase_add_test(tc, begun_at_each_event);
	tcase_add_test(tc, without_each_event);
	tcase_add_test(tc, removed_at_random);
	suite_add_tcase(suite, tc);
	failed = px_suite_run(suite);
	for (size_t i = 0; i < tape_count; i++)
		player_unload(&tapes[i]);
	return tape_count == 0 ? EXIT_FAILURE : failed;
}
