/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record_tape TAPE PID...: the events of these processes, as they come from the kernel, on a tape;
 * until SIGINT or SIGTERM. Says `recording` on standard error when the probes are live. For
 * `record`, which makes the tapes of this folder.
 */
#include "base/log.h"
#include "capture/live.h"
#include "capture/tape.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PIDS_MAX 64

static volatile sig_atomic_t is_over;

static void end(int sig)
{
	(void)sig;
	is_over = 1;
}

static void keep(void *ctx, const struct px_event *ev)
{
	int err = px_tape_write(ctx, ev);

	if (err) {
		fprintf(stderr, "record_tape: %s\n", strerror(-err));
		exit(1);
	}
}

int main(int argc, char **argv)
{
	struct sigaction on_end = { .sa_handler = end };
	struct px_source_loss loss;
	uint32_t pids[PIDS_MAX];
	struct px_targets targets = { .pids = pids };
	struct px_live_options opt = { .targets = &targets,
				       .probe = PX_PROBE_SOCK,
				       .ring_bytes = 4 << 20,
				       .datagrams = true,
				       .datagram_max = PX_LIVE_DATAGRAM };
	struct px_live_info info;
	struct px_source *src;
	struct px_tape *tape;
	struct px_error err;
	size_t count = 0;

	if (argc < 3 || argc > PIDS_MAX + 2) {
		fprintf(stderr, "usage: record_tape TAPE PID...\n");
		return 2;
	}
	px_log_init(PX_LOG_NOTE);
	for (int i = 2; i < argc; i++)
		pids[targets.pid_count++] = (uint32_t)strtoul(argv[i], NULL, 10);
	sigaction(SIGINT, &on_end, NULL);
	sigaction(SIGTERM, &on_end, NULL);
	if (px_live_open(&opt, &src, &info, &err) != 0 ||
	    px_tape_new(argv[1], src->wall_offset_ns, &tape, &err) != 0) {
		px_error_print(&err);
		return 1;
	}
	fprintf(stderr, "recording\n");
	while (!is_over) {
		struct timespec pause = { .tv_nsec = 2 * 1000 * 1000 };

		src->ops->poll(src, SIZE_MAX, keep, tape, &count);
		nanosleep(&pause, NULL);
	}
	src->ops->stop(src);
	src->ops->poll(src, SIZE_MAX, keep, tape, &count);
	src->ops->loss(src, &loss);
	src->ops->free(src);
	if (px_tape_free(tape) != 0 || loss.ring_events || loss.copy_faults) {
		fprintf(stderr, "record_tape: the tape is not whole\n");
		return 1;
	}
	return 0;
}
