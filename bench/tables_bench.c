/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many messages per second go into an SQLite file, each with the fields of an HTTP exchange: by
 * CPU time, and by the clock, with the disk in it. tables_bench FILE
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sink/sample.h"
#include "tables/tables.h"

#define BENCH_RECORDS 400000
#define BENCH_ROUNDS 5

static double bench_now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* The best of some rounds: the others were disturbed. */
int main(int argc, char **argv)
{
	static const struct px_field_group groups[] = { { "sample", sample_fields, false } };
	double best_cpu = 0, best_wall = 0;
	static struct px_record r;

	if (argc != 2) {
		fprintf(stderr, "usage: tables_bench FILE\n");
		return 2;
	}
	sample_message(&r);
	for (int round = 0; round < BENCH_ROUNDS; round++) {
		double cpu = bench_now(CLOCK_PROCESS_CPUTIME_ID), wall = bench_now(CLOCK_MONOTONIC);
		struct px_tables *t;
		struct px_error err;
		struct px_sink *sink;

		if (px_tables_new(argv[1], groups, 1, PX_BYTES("bench"), &t, &err) != 0) {
			px_error_print(&err);
			return 1;
		}
		sink = px_tables_sink(t);
		for (int i = 0; i < BENCH_RECORDS; i++) {
			px_record_int(&r, PX_F_SEQ, i);
			px_record_time(&r, SAMPLE_TS + i * INT64_C(100000));
			if (sink->ops->record(sink, &r) != 0)
				abort();
			if (i % 64 == 63 && sink->ops->flush(sink) != 0)
				abort();
		}
		if (px_tables_finish(t, &err) != 0)
			abort();
		px_tables_free(t);
		cpu = BENCH_RECORDS / (bench_now(CLOCK_PROCESS_CPUTIME_ID) - cpu);
		wall = BENCH_RECORDS / (bench_now(CLOCK_MONOTONIC) - wall);
		best_cpu = cpu > best_cpu ? cpu : best_cpu;
		best_wall = wall > best_wall ? wall : best_wall;
	}
	printf("sqlite         %.0f rows per second, %.0f per second of CPU\n", best_wall,
	       best_cpu);
	return EXIT_SUCCESS;
}
