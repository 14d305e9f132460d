/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bystander: nanoseconds per read() of a process that nobody traces.
 *
 *   bystander plain COUNT   as it is
 *   bystander empty COUNT   with an empty BPF program at the entry and one at the exit of every read() of the host
 *
 * Each reads one byte of /dev/zero COUNT times, ten times over, and prints the least. Needs libbpf
 * and, for `empty`, root and tracefs in its usual place.
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void die(const char *what)
{
	fprintf(stderr, "bystander: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Hang a program that only returns on the tracepoint, for all processes and processors. */
static void attach_empty(const char *tracepoint)
{
	static const struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	struct perf_event_attr attr = { .type = PERF_TYPE_TRACEPOINT,
					.size = sizeof(attr),
					.sample_period = 1 };
	char path[128], id[16] = "";
	int program, fd;

	snprintf(path, sizeof(path), "/sys/kernel/tracing/events/syscalls/%s/id", tracepoint);
	fd = open(path, O_RDONLY);
	if (fd < 0 || read(fd, id, sizeof(id) - 1) <= 0)
		die(path);
	attr.config = strtoull(id, NULL, 10);
	program = bpf_prog_load(BPF_PROG_TYPE_TRACEPOINT, "empty", "GPL", code,
				sizeof(code) / sizeof(code[0]), NULL);
	if (program < 0)
		die("bpf_prog_load");
	/*
	 * The program of a tracepoint runs on every processor, whichever the event was opened for.
	 */
	fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		die("perf_event_open");
	if (ioctl(fd, PERF_EVENT_IOC_SET_BPF, program) < 0 ||
	    ioctl(fd, PERF_EVENT_IOC_ENABLE, 0) < 0)
		die("PERF_EVENT_IOC_SET_BPF");
}

static double once(int fd, long count)
{
	struct timespec a, b;
	char byte;

	clock_gettime(CLOCK_MONOTONIC, &a);
	for (long i = 0; i < count; i++)
		if (read(fd, &byte, 1) != 1)
			die("read");
	clock_gettime(CLOCK_MONOTONIC, &b);
	return ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) /
	       (double)count;
}

int main(int argc, char **argv)
{
	int fd = open("/dev/zero", O_RDONLY);
	double best = 1e18;
	long count;

	if (argc != 3 || fd < 0)
		return 2;
	if (strcmp(argv[1], "empty") == 0) {
		attach_empty("sys_enter_read");
		attach_empty("sys_exit_read");
	}
	count = atol(argv[2]);
	for (int i = 0; i < 10; i++) {
		double ns = once(fd, count);

		best = ns < best ? ns : best;
	}
	printf("%.2f\n", best);
	return 0;
}
