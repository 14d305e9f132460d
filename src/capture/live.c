/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/live.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "capture/attach.h"
#include "capture/loader.h"

/* reader_asleep in the shared page; see px_submit() in bpf_src/emit.bpf.h. */
enum { LIVE_AWAKE = 0, LIVE_ASLEEP = 1, LIVE_DOZING = 2 };

struct live {
	struct px_source src;	/* first: a px_source is cast back */
	struct px_loaded loaded;
	struct px_links links;
	struct ring_buffer *ring;
	struct px_abi_shared *shared;
	uint64_t *counts;	/* a row per CPU, room for one counter */
	size_t cpus;
	/* for the length of a poll */
	px_event_fn fn;
	void *ctx;
	size_t budget, handed;
	uint64_t malformed;
};

static struct live *live_of(struct px_source *src)
{
	return (struct live *)src;
}

static int live_sample(void *ctx, void *data, size_t size)
{
	struct live *l = ctx;
	struct px_event ev;

	l->handed++;
	if (!px_event_of(data, size, &ev)) {
		l->malformed++;
		return 0;
	}
	/* A connection that an accept made is opened by the first event that shows it. */
	if ((ev.hdr->flags & PX_ABI_F_START) && (ev.hdr->flags & PX_ABI_F_ACCEPT) && ev.hdr->kind == PX_ABI_DATA &&
	    l->loaded.probe == PX_PROBE_SOCK) {
		struct px_abi_event open = *ev.hdr;
		struct px_event opened = { &open, { NULL, 0 } };

		open.kind = PX_ABI_OPEN;
		open.flags = PX_ABI_F_ACCEPT;
		open.pos = open.peer_pos = open.len = open.copied = 0;
		open.result = 0;
		l->fn(l->ctx, &opened);
	}
	l->fn(l->ctx, &ev);
	/* libbpf stops at a negative result and keeps its place. */
	return l->handed >= l->budget ? -EAGAIN : 0;
}

static int live_poll(struct px_source *src, size_t budget, px_event_fn fn, void *ctx, size_t *count)
{
	struct live *l = live_of(src);
	int err;

	l->fn = fn;
	l->ctx = ctx;
	l->budget = budget;
	l->handed = 0;
	__atomic_store_n(&l->shared->reader_asleep, LIVE_AWAKE, __ATOMIC_RELAXED);
	err = ring_buffer__consume(l->ring);
	*count = l->handed;
	__atomic_store_n(&l->shared->reader_asleep, LIVE_DOZING, __ATOMIC_SEQ_CST);
	if (err < 0 && err != -EAGAIN) {
		snprintf(src->error, sizeof(src->error), "ring buffer: %s", strerror(-err));
		return err;
	}
	return 0;
}

static bool live_arm(struct px_source *src)
{
	struct live *l = live_of(src);
	struct pollfd p = { .fd = src->fd, .events = POLLIN };

	/*
	 * First the word, then the look: an event that was reserved before the look is seen by it, one reserved
	 * later reads the word and wakes.
	 */
	__atomic_store_n(&l->shared->reader_asleep, LIVE_ASLEEP, __ATOMIC_SEQ_CST);
	if (poll(&p, 1, 0) == 0)
		return true;
	__atomic_store_n(&l->shared->reader_asleep, LIVE_DOZING, __ATOMIC_RELAXED);
	return false;
}

static uint64_t live_count(const struct live *l, uint32_t what)
{
	uint64_t sum = 0;

	if (bpf_map_lookup_elem(l->loaded.maps[PX_MAP_COUNTS], &what, l->counts) < 0)
		return 0;
	for (size_t i = 0; i < l->cpus; i++)
		sum += l->counts[i];
	return sum;
}

static void live_loss(struct px_source *src, struct px_source_loss *out)
{
	const struct live *l = live_of(src);

	*out = (struct px_source_loss){
		.ring_events = live_count(l, PX_COUNT_RING_FULL) + l->malformed,
		.ring_bytes = live_count(l, PX_COUNT_RING_FULL_BYTES),
		.copy_faults = live_count(l, PX_COUNT_COPY_FAULT),
		.uncopied_bytes = live_count(l, PX_COUNT_UNCOPIED_BYTES),
		.pool_full = live_count(l, PX_COUNT_POOL_FULL),
		.foreign = live_count(l, PX_COUNT_FOREIGN),
	};
}

static void live_stop(struct px_source *src)
{
	px_detach(&live_of(src)->links);
}

static void live_free(struct px_source *src)
{
	struct live *l = live_of(src);

	if (!l)
		return;
	px_detach(&l->links);
	ring_buffer__free(l->ring);
	if (l->shared)
		munmap(l->shared, (size_t)sysconf(_SC_PAGESIZE));
	px_loaded_close(&l->loaded);
	free(l->counts);
	free(l);
}

static const struct px_source_ops live_ops = {
	.poll = live_poll,
	.arm = live_arm,
	.loss = live_loss,
	.stop = live_stop,
	.free = live_free,
};

int px_live_control(struct px_source *src, uint64_t sock_id, const struct px_abi_control *ctl)
{
	int map = live_of(src)->loaded.maps[PX_MAP_CONTROL];
	int err = ctl ? bpf_map_update_elem(map, &sock_id, ctl, 0) : bpf_map_delete_elem(map, &sock_id);

	return err < 0 && !(!ctl && err == -ENOENT) ? err : 0;
}

static int64_t live_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Wall time minus the kernel's event clock: the pair of readings that lay closest together, of several. */
static int64_t live_wall_offset(void)
{
	int64_t best = INT64_MAX, offset = 0;

	for (int i = 0; i < 16; i++) {
		int64_t before = live_ns(CLOCK_MONOTONIC), wall = live_ns(CLOCK_REALTIME);
		int64_t after = live_ns(CLOCK_MONOTONIC);

		if (after - before < best) {
			best = after - before;
			offset = wall - before - best / 2;
		}
	}
	return offset;
}

static size_t live_ring_bytes(size_t asked)
{
	size_t bytes = PX_LIVE_RING_MIN;

	if (asked == 0)
		asked = PX_LIVE_RING;
	while (bytes < asked && bytes < PX_LIVE_RING_MAX)
		bytes *= 2;
	return bytes;
}

/* Map what the child made. */
static int live_map(struct live *l, struct px_error *err)
{
	int cpus = libbpf_num_possible_cpus();
	void *page;

	l->cpus = cpus > 0 ? (size_t)cpus : 1;
	l->counts = calloc(l->cpus, sizeof(*l->counts));
	l->ring = ring_buffer__new(l->loaded.maps[PX_MAP_RING], live_sample, l, NULL);
	page = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE, MAP_SHARED,
		    l->loaded.maps[PX_MAP_SHARED], 0);
	if (page != MAP_FAILED)
		l->shared = page;
	if (!l->counts || !l->ring || !l->shared)
		return px_error_set(err, PX_EXIT_FAILED, "a smaller --buffer may help", "cannot map the ring buffer: %s",
				    strerror(errno));
	l->shared->reader_asleep = LIVE_DOZING;
	return 0;
}

static void live_note(const struct px_load_request *req, const struct live *l, const char *note,
		     struct px_live_info *info)
{
	struct utsname host;
	size_t n = 0;

	memset(info, 0, sizeof(*info));
	info->probe = l->loaded.probe;
	info->transport = "ring";
	info->probes = l->links.count;
	info->ring_bytes = req->ring_bytes;
	if (uname(&host) == 0)
		snprintf(info->kernel, sizeof(info->kernel), "%s", host.release);
	for (size_t i = 0; l->loaded.notes[i][0]; i++)
		snprintf(info->notes[n++], sizeof(info->notes[0]), "%s", l->loaded.notes[i]);
	if (note[0])
		snprintf(info->notes[n], sizeof(info->notes[0]), "%s", note);
}

int px_live_open(const struct px_live_options *opt, struct px_source **out, struct px_live_info *info,
		 struct px_error *err)
{
	struct px_load_request req = {
		.probe = opt->probe,
		.pids = opt->pids,
		.pid_count = opt->pid_count,
		.ring_bytes = live_ring_bytes(opt->ring_bytes),
		.copy_max = opt->snaplen > PX_LIVE_COPY ? opt->snaplen : PX_LIVE_COPY,
	};
	struct live *l = calloc(1, sizeof(*l));
	char note[200];

	if (!l)
		return px_error_set(err, PX_EXIT_FAILED, NULL, "no memory");
	l->src.ops = &live_ops;
	if (px_loader_run(&req, &l->loaded, err) < 0 || live_map(l, err) < 0 ||
	    px_attach(&l->loaded, &l->links, note, sizeof(note), err) < 0) {
		live_free(&l->src);
		return -1;
	}
	l->src.fd = l->loaded.maps[PX_MAP_RING];
	l->src.wall_offset_ns = live_wall_offset();
	live_note(&req, l, note, info);
	*out = &l->src;
	return 0;
}
