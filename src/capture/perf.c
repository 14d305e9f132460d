/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/perf.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "capture/merge.h"

struct px_perf {
	struct px_merge merge;
	struct px_lane *lanes;	/* a CPU that has a buffer each */
	int *fds;		/* theirs */
	size_t count;
	size_t lane_bytes;
	uint64_t *taken;	/* by CPU */
	size_t taken_bytes;	/* of the mapping */
	int epoll;
};

static size_t perf_page(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

int px_perf_map_entries(void)
{
	int cpus = libbpf_num_possible_cpus();

	return cpus < 0 ? cpus : 2 * cpus;
}

size_t px_perf_bytes(const struct px_perf *p)
{
	return p->count * p->lane_bytes;
}

int px_perf_fd(const struct px_perf *p)
{
	return p->epoll;
}

size_t px_perf_cpu_bytes(size_t bytes)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	size_t share = bytes / (size_t)(online > 0 ? online : 1), lane = PX_PERF_CPU_MIN;

	while (lane * 2 <= share)
		lane *= 2;
	return lane;
}

/*
 * An event that programs write to with bpf_perf_event_output(). It wakes its reader when `wake`
 * bytes have come, or, with 0, for each record.
 */
static int perf_open_cpu(int cpu, size_t wake)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_BPF_OUTPUT,
		.sample_period = 1,
		.sample_type = PERF_SAMPLE_RAW,
		.watermark = wake > 0,
	};

	if (wake)
		attr.wakeup_watermark = (uint32_t)wake;
	else
		attr.wakeup_events = 1;
	return (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

/* What src/cli/host.c does not know beforehand. */
static int perf_refused(const char *what, int why, struct px_error *err)
{
	if (why == ENOENT || why == EOPNOTSUPP || why == ENOSYS)
		return px_error_set(err, PX_EXIT_HOST, "use --transport=ring", "%s: %s", what,
				    strerror(why));
	return px_error_set(err, PX_EXIT_FAILED,
			    why == EMFILE ? "Try: ulimit -n 65536"
					  : "a smaller --buffer may help",
			    "%s: %s", what, strerror(why));
}

/* perf_event_open() said no. */
static int perf_refused_open(int why, struct px_error *err)
{
	if (why != EPERM && why != EACCES)
		return perf_refused("perf_event_open()", why, err);
	return px_error_set(err, PX_EXIT_PERMISSION,
			    "run as root, or with cap_perfmon, or use --transport=auto",
			    "perf buffers are forbidden (kernel.perf_event_paranoid): %s",
			    strerror(why));
}

/* mmap() said no: beyond a limit, which root does not have, the memory counts as locked. */
static int perf_refused_map(size_t bytes, int why, struct px_error *err)
{
	if (why != EPERM)
		return perf_refused("a perf buffer cannot be mapped", why, err);
	return px_error_set(err, PX_EXIT_PERMISSION,
			    "a smaller --buffer, ulimit -l unlimited, cap_ipc_lock, or root",
			    "perf buffers of %zu kB for each CPU are more than may be locked "
			    "(kernel.perf_event_mlock_kb, ulimit -l)",
			    bytes / 1024);
}

/* Let the kernel side find fd at place `at`; the map keeps what is behind it open. */
static int perf_publish(int map, int at, int fd)
{
	uint32_t key = (uint32_t)at;

	if (ioctl(fd, PERF_EVENT_IOC_ENABLE, 0) < 0)
		return -errno;
	return bpf_map_update_elem(map, &key, &fd, 0) < 0 ? -errno : 0;
}

/* The second way into a CPU's buffer, which wakes the reader. */
static int perf_add_bell(int map, int cpu, int cpus, int fd)
{
	int bell = perf_open_cpu(cpu, 0), result;

	if (bell < 0)
		return -errno;
	result = ioctl(bell, PERF_EVENT_IOC_SET_OUTPUT, fd) < 0 ? -errno
								: perf_publish(map, cpus + cpu, bell);
	close(bell);
	return result;
}

static int perf_add_cpu(struct px_perf *p, int map, int cpu, int cpus, struct px_error *err)
{
	struct epoll_event want = { .events = EPOLLIN };
	int fd = perf_open_cpu(cpu, p->lane_bytes / 4), result;
	struct px_lane *l = &p->lanes[p->count];
	void *at;

	if (fd < 0 && errno == ENODEV)
		return 0;	/* offline */
	if (fd < 0)
		return perf_refused_open(errno, err);
	p->fds[p->count] = fd;
	at = mmap(NULL, perf_page() + p->lane_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED) {
		result = errno;
		close(fd);
		return perf_refused_map(p->lane_bytes, result, err);
	}
	*l = (struct px_lane){ .page = at,
			       .data = (const char *)at + perf_page(),
			       .size = p->lane_bytes,
			       .taken = &p->taken[cpu] };
	want.data.fd = fd;
	p->count++;
	result = perf_add_bell(map, cpu, cpus, fd);
	if (result == 0)
		result = perf_publish(map, cpu, fd);
	if (result == 0 && epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &want) < 0)
		result = -errno;
	return result < 0 ? perf_refused("a perf buffer cannot be set up", -result, err) : 0;
}

int px_perf_open(struct px_perf **out, int map, int taken, size_t cpu_bytes, struct px_error *err)
{
	int cpus = libbpf_num_possible_cpus();
	struct px_perf *p = calloc(1, sizeof(*p));
	size_t room = cpus > 0 ? (size_t)cpus : 1;
	void *at;

	if (p) {
		p->lane_bytes = cpu_bytes;
		p->epoll = epoll_create1(EPOLL_CLOEXEC);
		p->lanes = calloc(room, sizeof(*p->lanes));
		p->fds = calloc(room, sizeof(*p->fds));
	}
	if (!p || p->epoll < 0 || !p->lanes || !p->fds) {
		px_perf_free(p);
		return px_error_set(err, PX_EXIT_FAILED, NULL, "no memory");
	}
	p->taken_bytes = (room * sizeof(*p->taken) + perf_page() - 1) / perf_page() * perf_page();
	at = mmap(NULL, p->taken_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, taken, 0);
	if (at == MAP_FAILED) {
		px_error_set(err, PX_EXIT_FAILED, NULL, "cannot map a table: %s", strerror(errno));
		px_perf_free(p);
		return -1;
	}
	p->taken = at;
	for (int cpu = 0; cpu < cpus; cpu++) {
		if (perf_add_cpu(p, map, cpu, cpus, err) < 0) {
			px_perf_free(p);
			return -1;
		}
	}
	if (px_merge_init(&p->merge, p->lanes, p->count) < 0) {
		px_perf_free(p);
		return px_error_set(err, PX_EXIT_FAILED, NULL, "no memory");
	}
	*out = p;
	return 0;
}

void px_perf_free(struct px_perf *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->count; i++) {
		munmap(p->lanes[i].page, perf_page() + p->lane_bytes);
		close(p->fds[i]);
	}
	px_merge_fini(&p->merge);
	if (p->taken)
		munmap(p->taken, p->taken_bytes);
	if (p->epoll >= 0)
		close(p->epoll);
	free(p->lanes);
	free(p->fds);
	free(p);
}

int px_perf_consume(struct px_perf *p, uint64_t until_ns,
		    int (*fn)(void *ctx, const void *data, size_t size), void *ctx)
{
	struct px_bytes event;
	int result = 0;

	px_merge_look(&p->merge);
	while (result == 0 && px_merge_next(&p->merge, until_ns, &event))
		result = fn(ctx, event.ptr, event.len);
	px_merge_release(&p->merge);
	return result;
}

bool px_perf_has_events(struct px_perf *p)
{
	return px_merge_look(&p->merge);
}

void px_perf_arm(struct px_perf *p)
{
	struct epoll_event events[16];
	int n = epoll_wait(p->epoll, events, PX_COUNT(events), 0);

	/* One that has hung up would be ready for ever. */
	for (int i = 0; i < n; i++)
		if (events[i].events & (EPOLLHUP | EPOLLERR))
			epoll_ctl(p->epoll, EPOLL_CTL_DEL, events[i].data.fd, NULL);
}

uint64_t px_perf_lost(const struct px_perf *p)
{
	return p->merge.lost;
}

uint64_t px_perf_malformed(const struct px_perf *p)
{
	return p->merge.malformed;
}
