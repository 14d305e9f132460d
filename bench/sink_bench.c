/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What it costs to print a record: nanoseconds of CPU per record, as text and as JSON, the writing
 * itself to /dev/null.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "sink/sample.h"
#include "sink/sink_json.h"
#include "sink/sink_text.h"

#define BENCH_RECORDS 300000
#define BENCH_ROUNDS 5

static double bench_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/* The best of some rounds: the others were disturbed. */
static void bench_sink(const char *name, struct px_sink *sink, struct px_out *out,
		       struct px_record *r)
{
	double best = 0;

	for (int round = 0; round < BENCH_ROUNDS; round++) {
		double begin = bench_now_ns(), spent;

		for (int i = 0; i < BENCH_RECORDS; i++) {
			px_record_int(r, PX_F_SEQ, i);
			px_record_time(r, SAMPLE_TS + i * INT64_C(100000));
			if (sink->ops->record(sink, r) != 0)
				abort();
			if (i % 64 == 63)
				sink->ops->flush(sink);
		}
		spent = (bench_now_ns() - begin) / BENCH_RECORDS;
		if (round == 0 || spent < best)
			best = spent;
	}
	printf("%-14s %6.0f ns per record of %llu bytes\n", name, best,
	       (unsigned long long)(px_out_stats(out).bytes / px_out_stats(out).records));
}

static const struct {
	const char *name;
	bool is_json;
	struct px_text_options options;
} bench_cases[] = {
	{ "json", true, { .width = 0 } },
	{ "text", false, { .width = 0 } },
	{ "text-terminal", false, { .width = 100, .colour = true } },
	{ "text-v", false, { .verbosity = 1 } },
};

/* With a name, that case alone. */
int main(int argc, char **argv)
{
	static struct px_record r;
	int fd = open("/dev/null", O_WRONLY);

	sample_message(&r);
	for (size_t i = 0; i < PX_COUNT(bench_cases); i++) {
		struct px_out *out;
		struct px_sink *sink;

		if (argc > 1 && strcmp(argv[1], bench_cases[i].name) != 0)
			continue;
		if (px_out_new(&out, fd, "/dev/null", PX_OUT_QUEUE_DEFAULT) != 0)
			return EXIT_FAILURE;
		sink = bench_cases[i].is_json ? px_sink_json_new(out)
					      : px_sink_text_new(out, &bench_cases[i].options);
		if (!sink)
			return EXIT_FAILURE;
		bench_sink(bench_cases[i].name, sink, out, &r);
		sink->ops->free(sink);
		px_out_free(out);
	}
	return EXIT_SUCCESS;
}
