/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kretprobe holds one of its instances for as long as a call blocks. The default, some twenty, is
 * used up by as many blocked reads, and then calls are missed. perf_event_open's own kprobes cannot
 * have more; kprobe_events can, so the probes are made there. They are entries in a file of the
 * kernel and do not go when their maker dies: a janitor process takes them away, and whoever starts
 * next takes away what a killed janitor left.
 */
#include "capture/attach_kprobe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture/calls.h"
#include "capture/probes.h"
#include "capture/tracefs.h"

#define KPROBE_GROUP "pxtrace"
#define KPROBE_INSTANCES 4096	/* the kernel's own limit, KRETPROBE_MAXACTIVE_MAX */

void px_kprobes_init(struct px_kprobes *k)
{
	memset(k, 0, sizeof(*k));
	k->tracefs = k->events = k->profile = k->janitor_pipe = -1;
}

/* "p4242_read": the maker's pid is in the name, so that it can be asked for later. */
static void kprobe_name(char *out, size_t size, pid_t pid, const char *call)
{
	snprintf(out, size, "p%d_%s", pid, call);
}

/* Take an entry away. It is busy until the last descriptor of its event is closed. */
static int kprobe_remove(int events, const char *name)
{
	char line[96];
	int n = snprintf(line, sizeof(line), "-:" KPROBE_GROUP "/%s\n", name);

	return write(events, line, (size_t)n) == n ? 0 : -errno;
}

/* Take away what tracers left behind that are no more. */
static void kprobe_remove_stale(int tracefs, int events)
{
	int fd = openat(tracefs, "kprobe_events", O_RDONLY | O_CLOEXEC);
	FILE *f = fd >= 0 ? fdopen(fd, "r") : NULL;
	char line[256], call[32];
	int pid;

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "r%*[0-9]:" KPROBE_GROUP "/p%d_%31[a-z0-9]", &pid, call) != 2)
			continue;
		if (kill(pid, 0) < 0 && errno == ESRCH) {
			char full[64];

			kprobe_name(full, sizeof(full), pid, call);
			kprobe_remove(events, full);
		}
	}
	if (f)
		fclose(f);
	else if (fd >= 0)
		close(fd);
}

static void kprobe_remove_all(const struct px_kprobes *k, pid_t maker)
{
	char name[64];

	for (size_t i = 0; i < k->count; i++) {
		kprobe_name(name, sizeof(name), maker, k->call[i]);
		for (int tries = 0; kprobe_remove(k->events, name) == -EBUSY && tries < 200;
		     tries++)
			usleep(10000);
	}
}

/*
 * Wait until the tracer is gone, then clean up after it. Runs in a process and a session of its
 * own.
 */
static void kprobe_janitor(struct px_kprobes *k, int pipe_end, pid_t maker)
{
	int keep = fcntl(k->events, F_DUPFD, 3), wait_fd = fcntl(pipe_end, F_DUPFD, keep + 1);
	char byte;

	setsid();
	signal(SIGPIPE, SIG_IGN);
	dup2(keep, 0);
	dup2(wait_fd, 1);
	/* Nothing else may stay open: not the probes' events, and not our own end of the pipe. */
	close_range(2, ~0u, 0);
	k->events = 0;
	while (read(1, &byte, 1) < 0 && errno == EINTR)
		;
	kprobe_remove_all(k, maker);
	_exit(0);
}

static int kprobe_start_janitor(struct px_kprobes *k)
{
	pid_t maker = getpid();
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	k->janitor = fork();
	if (k->janitor == 0)
		kprobe_janitor(k, ends[0], maker);
	close(ends[0]);
	k->janitor_pipe = ends[1];
	return k->janitor > 0 ? 0 : -1;
}

/* The number by which perf knows the event; -1 where it is not there. */
static int kprobe_event_id(int tracefs, const char *name)
{
	char path[128], text[16];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "events/" KPROBE_GROUP "/%s/id", name);
	fd = openat(tracefs, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return -1;
	text[n] = '\0';
	return atoi(text);
}

/*
 * One call's return. The event is opened on one CPU; the program of a probe runs wherever the probe
 * is hit.
 */
static int kprobe_one(struct px_kprobes *k, int program, const char *call)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_TRACEPOINT,
					.size = sizeof(attr),
					.sample_period = 1,
					.wakeup_events = 1 };
	char name[64], line[192];
	int n, id, fd, err;

	kprobe_name(name, sizeof(name), getpid(), call);
	n = snprintf(line, sizeof(line), "r%d:" KPROBE_GROUP "/%s " PX_CALL_PREFIX "%s\n",
		     KPROBE_INSTANCES, name, call);
	if (write(k->events, line, (size_t)n) != n)
		return -errno;
	k->call[k->count] = call;
	k->perf[k->count] = -1;
	k->count++;
	id = kprobe_event_id(k->tracefs, name);
	if (id < 0)
		return -ENOENT;
	attr.config = (unsigned)id;
	fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (ioctl(fd, PERF_EVENT_IOC_SET_BPF, program) < 0 ||
	    ioctl(fd, PERF_EVENT_IOC_ENABLE, 0) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	k->perf[k->count - 1] = fd;
	return 0;
}

int px_kprobes_attach(struct px_kprobes *k, int program, char *note, size_t size,
		      struct px_error *err)
{
	size_t live = 0;
	int last = 0;

	k->tracefs = px_tracefs_open(err);
	if (k->tracefs < 0)
		return -1;
	k->events = openat(k->tracefs, "kprobe_events", O_WRONLY | O_APPEND | O_CLOEXEC);
	if (k->events < 0) {
		int why = errno;

		px_kprobes_detach(k);
		return px_error_set(err,
				    why == EACCES || why == EPERM ? PX_EXIT_PERMISSION
								  : PX_EXIT_HOST,
				    "use --probe=auto",
				    "this kernel has no kprobes (kprobe_events: %s)",
				    strerror(why));
	}
	k->profile = openat(k->tracefs, "kprobe_profile", O_RDONLY | O_CLOEXEC);
	kprobe_remove_stale(k->tracefs, k->events);
	for (const struct px_call *c = px_calls; c->name && k->count < PX_KPROBES_MAX; c++) {
		int rc = kprobe_one(k, program, c->name);

		if (rc == 0) {
			live++;
			continue;
		}
		last = rc;
		snprintf(note, size, "%s cannot be probed: %s", c->name, strerror(-rc));
	}
	if (live == 0) {
		px_kprobes_detach(k);
		return px_error_set(err, last == -EPERM ? PX_EXIT_PERMISSION : PX_EXIT_HOST,
				    "use --probe=auto", "no system call can be probed: %s",
				    strerror(-last));
	}
	if (kprobe_start_janitor(k) < 0)
		snprintf(note, size, "kill -9 will leave probes in kprobe_events: %s",
			 strerror(errno));
	return 0;
}

void px_kprobes_detach(struct px_kprobes *k)
{
	for (size_t i = 0; i < k->count; i++)
		if (k->perf[i] >= 0)
			close(k->perf[i]);
	if (k->events >= 0)
		kprobe_remove_all(k, getpid());
	if (k->janitor_pipe >= 0)
		close(k->janitor_pipe);
	k->janitor_pipe = -1;
	if (k->janitor > 0)
		waitpid(k->janitor, NULL, 0);
	k->count = 0;
	px_kprobes_forget(k);
}

void px_kprobes_forget(struct px_kprobes *k)
{
	for (size_t i = 0; i < k->count; i++)
		if (k->perf[i] >= 0)
			close(k->perf[i]);
	if (k->janitor_pipe >= 0)
		close(k->janitor_pipe);
	if (k->profile >= 0)
		close(k->profile);
	if (k->events >= 0)
		close(k->events);
	if (k->tracefs >= 0)
		close(k->tracefs);
	px_kprobes_init(k);
}

uint64_t px_kprobes_missed(const struct px_kprobes *k)
{
	char text[8192], *line = text, *next;
	uint64_t missed = 0, one;
	size_t used = 0;
	ssize_t n;
	int pid;

	if (k->profile < 0 || lseek(k->profile, 0, SEEK_SET) < 0)
		return 0;
	while (used < sizeof(text) - 1 &&
	       (n = read(k->profile, text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)n;
	text[used] = '\0';
	for (; line && *line; line = next) {	/* NAME HITS MISSED */
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (sscanf(line, " p%d_%*s %*u %lu", &pid, &one) == 2 && pid == getpid())
			missed += one;
	}
	return missed;
}
