/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory runs out: each allocation that the replay of a tape causes, from the reader to the JSON
 * output, fails once, and from each one on all of them fail. Nothing breaks, and what is told still
 * is true.
 */
#include "golden/player.h"
#include "support/oom.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TAPES_MAX 64

static struct player_tape tapes[TAPES_MAX];
static struct player_run run;

/* Returns how many px_oom.allocations there were; -1 when something false was told. */
static long play(const struct player_tape *t, int fd)
{
	const char *why;

	px_oom.allocations = 0;
	run.is_short = true;
	px_oom.is_armed = true;
	player_play_bytes(t->bytes, fd, &run);
	px_oom.is_armed = false;
	why = player_untrue(&t->whole, &run);
	if (!why)
		return px_oom.allocations;
	fprintf(stderr, "%s, allocation %ld%s: %s\n", t->name, px_oom.fail_at,
		px_oom.fails_on ? " and later" : "", why);
	return -1;
}

int main(int argc, char **argv)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	size_t count = argc == 2 && fd >= 0 ? player_load(argv[1], tapes, TAPES_MAX) : 0;
	long failed = 0, runs = 0, told = 0;

	for (size_t i = 0; i < count; i++) {
		px_oom.fail_at = -1;
		px_oom.fails_on = false;
		failed += play(&tapes[i], fd) < 0 || run.count != tapes[i].whole.count;
		for (int on = 0; on < 2; on++) {
			px_oom.fails_on = on;
			for (px_oom.fail_at = 0;; px_oom.fail_at++) {
				long n = play(&tapes[i], fd);

				failed += n < 0;
				runs++;
				told += (long)run.count;
				if (n >= 0 && n <= px_oom.fail_at)
					break;
				if (failed > 10)
					return EXIT_FAILURE;
			}
		}
		player_unload(&tapes[i]);
	}
	printf("%ld runs, %ld messages told, %ld runs with something false\n", runs, told, failed);
	close(fd);
	return failed || runs < 100 ? EXIT_FAILURE : EXIT_SUCCESS;
}
