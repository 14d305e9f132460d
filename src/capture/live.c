/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/live.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "capture/attach.h"
#include "capture/loader.h"
#include "capture/perf.h"
#include "capture/look.h"
#include "capture/old.h"
#include "capture/roster.h"

/* reader_asleep in the shared page; see px_submit() in bpf_src/ring.bpf.h. */
enum { LIVE_AWAKE = 0, LIVE_ASLEEP = 1, LIVE_DOZING = 2 };

/*
 * With a buffer per CPU, an event is handed over when it is this old: by then whatever came before
 * it on another CPU has been handed over by the kernel side, whose clock is read before the bytes
 * are copied. One that takes longer all the same comes late, as it may with a ring; positions and
 * times tell where it belongs.
 */
#define LIVE_RIPE_NS 1000000

struct live {
	struct px_source src;	/* first: a px_source is cast back */
	struct px_loaded loaded;
	struct px_links links;
	struct px_tls_watch *watch;	/* or NULL */
	struct ring_buffer *ring;	/* one of the two is there */
	struct px_perf *perf;
	bool is_stopped;
	struct px_abi_shared *shared;
	uint64_t *counts;	/* a row per CPU, room for one counter */
	size_t cpus;
	struct px_old old;	/* sockets that the targets had when they became targets */
	struct px_roster roster;
	struct px_look *look;	/* or NULL */
	uint64_t since_ns;	/* when all probes were attached; what came before was seen in part only */
	/* for the length of a poll */
	px_event_fn fn;
	void *ctx;
	size_t budget, handed;
	uint64_t malformed, spliced;
	bool sees_splice;	/* what leaves sockets by it, too */
};

/*
 * After attaching: a socket that is made in between is taken for an old one, never the other way
 * round.
 */
static void live_list_old(struct live *l, const struct px_targets *t)
{
	if (l->loaded.probe == PX_PROBE_TRACEPOINT)
		return;
	if (t->pid_count && !t->follow)
		for (size_t i = 0; i < t->pid_count; i++)
			px_old_add(&l->old, t->pids[i]);
	else
		px_old_add_all(&l->old);	/* anybody may become a target, or hand a socket to one */
}

static struct live *live_of(struct px_source *src)
{
	return (struct live *)src;
}

/*
 * Back end `sock` sees no accept() and no connect() of a UNIX socket. The first event of a
 * connection stands in for them: an OPEN goes before it where its role is known. Sockets that the
 * kernel side counts for began with the tracing unless they are on the list of those that were
 * there already.
 */
static void live_first_event(struct live *l, const struct px_event *ev)
{
	struct px_abi_event hdr = *ev->hdr;
	struct px_event first = { &hdr, ev->data }, open;
	bool is_server = hdr.flags & PX_ABI_F_ACCEPT, is_client = false;

	if ((hdr.flags & PX_ABI_F_NEWPOS) && !px_old_has(&l->old, hdr.sock_id))
		hdr.flags |= PX_ABI_F_START;
	if (hdr.kind == PX_ABI_NAMES)
		is_client =
			!is_server &&
			((const struct px_abi_names *)(const void *)ev->data.ptr)->remote_len > 0;
	/* The names of a UNIX socket come first, and its data with the same flag after them. */
	if ((hdr.flags & PX_ABI_F_START) && (is_server || is_client) &&
	    (hdr.family == PX_ABI_AF_UNIX) == (hdr.kind == PX_ABI_NAMES)) {
		struct px_abi_event opened = hdr;

		opened.kind = PX_ABI_OPEN;
		opened.flags = is_server ? PX_ABI_F_ACCEPT : 0;
		opened.pos = opened.peer_pos = opened.len = opened.copied = 0;
		opened.result = 0;
		open = (struct px_event){ &opened, { NULL, 0 } };
		l->fn(l->ctx, &open);
	}
	l->fn(l->ctx, &first);
}

/* A target splices into sockets: from now on what it splices out of them is looked for, too. */
static void live_watch_splice(struct live *l)
{
	for (size_t i = 0; l->spliced && !l->sees_splice && i < px_program_count; i++) {
		int fd;

		if (px_programs[i].hook != PX_HOOK_SPLICE || l->loaded.programs[i] < 0)
			continue;
		fd = px_attach_raw(l->loaded.programs[i]);
		if (fd < 0) { /* and never will: it is not asked for at each event */
			close(l->loaded.programs[i]);
			l->loaded.programs[i] = -1;
			continue;
		}
		l->links.fds[l->links.count++] = fd;
		l->sees_splice = true;
	}
}

static int live_take(void *ctx, const void *data, size_t size)
{
	struct live *l = ctx;
	struct px_event ev;

	l->handed++;
	if (!px_event_of(data, size, &ev)) {
		l->malformed++;
		return 0;
	}
	if (ev.hdr->ts_ns < l->since_ns && ev.hdr->kind != PX_ABI_NAMES)	/* names are told once */
		return 0;
	if (!px_roster_wants(&l->roster, ev.hdr))
		return 0;
	if (ev.hdr->kind == PX_ABI_PROC && ev.hdr->flags & PX_ABI_F_TLS && l->watch) {
		if (ev.hdr->sock_id)
			px_tls_watch_seek(l->watch);
		else
			px_tls_watch_look(l->watch, ev.hdr->pid);
	}
	if (l->loaded.probe == PX_PROBE_SOCK && ev.hdr->syscall_nr == SYS_splice) {
		l->spliced++;
		live_watch_splice(l);
	}
	if (l->loaded.probe == PX_PROBE_SOCK && ev.hdr->kind != PX_ABI_TIE &&
	    (ev.hdr->flags & (PX_ABI_F_START | PX_ABI_F_NEWPOS)))
		live_first_event(l, &ev);
	else
		l->fn(l->ctx, &ev);
	/* libbpf stops at a negative result and keeps its place. */
	return l->handed >= l->budget ? -EAGAIN : 0;
}

static int live_sample(void *ctx, void *data, size_t size)
{
	return live_take(ctx, data, size);
}

/* What is due. */
static int live_consume(struct live *l)
{
	uint64_t until = UINT64_MAX;

	if (l->ring)
		return ring_buffer__consume(l->ring);
	if (!l->is_stopped)
		until = px_clock_mono_ns() - LIVE_RIPE_NS;
	return px_perf_consume(l->perf, until, live_take, l);
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
	err = live_consume(l);
	*count = l->handed;
	__atomic_store_n(&l->shared->reader_asleep, LIVE_DOZING, __ATOMIC_SEQ_CST);
	if (err < 0 && err != -EAGAIN) {
		snprintf(src->error, sizeof(src->error), "buffer of events: %s", strerror(-err));
		return err;
	}
	return 0;
}

/*
 * As with a ring (below), but a look at a perf buffer is one at its page. What is there and not due
 * yet is waited for.
 */
static bool live_arm_perf(struct live *l)
{
	const struct timespec ripe = { .tv_nsec = LIVE_RIPE_NS };

	px_perf_arm(l->perf);
	__atomic_store_n(&l->shared->reader_asleep, LIVE_ASLEEP, __ATOMIC_SEQ_CST);
	if (!px_perf_has_events(l->perf))
		return true;
	__atomic_store_n(&l->shared->reader_asleep, LIVE_DOZING, __ATOMIC_RELAXED);
	nanosleep(&ripe, NULL);
	return false;
}

static bool live_arm(struct px_source *src)
{
	struct live *l = live_of(src);
	struct pollfd p = { .fd = src->fd, .events = POLLIN };

	if (l->perf)
		return live_arm_perf(l);
	/*
	 * First the word, then the look: an event that was reserved before the look is seen by it,
	 * one reserved later reads the word and wakes.
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
	uint64_t full = live_count(l, PX_COUNT_RING_FULL),
		 told = l->perf ? px_perf_lost(l->perf) : 0;

	/*
	 * The kernel side counts what perf refused; perf itself tells the same once it has room
	 * again.
	 */
	*out = (struct px_source_loss){
		.ring_events = (full > told ? full : told) + l->malformed +
			       (l->perf ? px_perf_malformed(l->perf) : 0),
		.ring_bytes = live_count(l, PX_COUNT_RING_FULL_BYTES),
		.missed_calls = px_kprobes_missed(&l->links.kprobes),
		.copy_faults = live_count(l, PX_COUNT_COPY_FAULT),
		.uncopied_bytes = live_count(l, PX_COUNT_UNCOPIED_BYTES),
		.pool_full = live_count(l, PX_COUNT_POOL_FULL),
		.foreign = live_count(l, PX_COUNT_FOREIGN),
		.spliced = l->spliced,
		.sees_splice = l->sees_splice,
	};
}

static void live_stop(struct px_source *src)
{
	struct live *l = live_of(src);

	__atomic_store_n(&l->shared->has_stopped, 1, __ATOMIC_RELAXED);
	px_detach(&l->links);
	px_tls_watch_stop(l->watch);
	l->watch = NULL;
	l->is_stopped = true;
}

static void live_free(struct px_source *src)
{
	struct live *l = live_of(src);

	if (!l)
		return;
	px_detach(&l->links);
	px_tls_watch_stop(l->watch);
	ring_buffer__free(l->ring);
	px_perf_free(l->perf);
	if (l->shared)
		munmap(l->shared, (size_t)sysconf(_SC_PAGESIZE));
	px_loaded_close(&l->loaded);
	free(l->counts);
	px_old_fini(&l->old);
	px_roster_fini(&l->roster);
	px_look_stop(l->look);
	free(l);
}

/*
 * Kretprobes and trampolines miss the end of an accept() that was under way when they were
 * attached, and so the opening of the connection that it returns. The other back ends see it, or
 * the socket's state tells.
 */
static bool live_is_new(struct px_source *src, uint64_t sock_id)
{
	struct live *l = live_of(src);

	return (l->loaded.probe == PX_PROBE_KPROBE || l->loaded.probe == PX_PROBE_FENTRY) &&
	       !px_old_has(&l->old, sock_id);
}

/*
 * What a process that becomes a target has open now is older than its tracing; what moved on it
 * before is not known.
 */
static int live_add_target(struct px_source *src, uint32_t pid, char exe[PX_SOURCE_EXE_MAX],
			   struct px_error *err)
{
	struct live *l = live_of(src);

	if (l->is_stopped)
		return px_error_set(err, PX_EXIT_USAGE, NULL, "the trace is over");
	if (px_roster_add(&l->roster, pid, err) != 0)
		return -1;
	l->old.misses |= !px_look_at(l->look, pid, exe, px_old_note, &l->old);
	return 0;
}

static int live_remove_target(struct px_source *src, uint32_t pid, struct px_error *err)
{
	if (live_of(src)->is_stopped)
		return px_error_set(err, PX_EXIT_USAGE, NULL, "the trace is over");
	return px_roster_remove(&live_of(src)->roster, pid, err);
}

static bool live_left_out(struct px_source *src, uint32_t pid, uint64_t sock_id)
{
	struct live *l = live_of(src);

	if (!px_roster_is_out(&l->roster, pid))
		return false;
	/* Should it be a target again, its sockets are old ones that have to be told of anew. */
	px_old_note(&l->old, sock_id);
	bpf_map_delete_elem(l->loaded.maps[PX_MAP_MOVED], &sock_id);
	return true;
}

static bool live_targets(struct px_source *src, px_source_target_fn fn, void *ctx)
{
	return px_roster_each(&live_of(src)->roster, fn, ctx);
}

static const struct px_source_ops live_ops = {
	.is_new = live_is_new,
	.poll = live_poll,
	.arm = live_arm,
	.loss = live_loss,
	.stop = live_stop,
	.free = live_free,
	.add_target = live_add_target,
	.remove_target = live_remove_target,
	.left_out = live_left_out,
	.targets = live_targets,
};

bool px_live_targets_gone(const struct px_source *src)
{
	return px_roster_is_gone(&((const struct live *)src)->roster);
}

/* Times of files are wall time, which somebody may set. */
static void live_tell_time(struct live *l)
{
	int64_t offset = px_clock_wall_ns() - (int64_t)px_clock_mono_ns();

	__atomic_store_n(&l->shared->wall_offset_ns, offset, __ATOMIC_RELAXED);
}

bool px_live_is_whole(struct px_source *src, bool wait, const char **note)
{
	struct live *l = live_of(src);

	*note = "";
	if (!px_loader_rest(&l->loaded, wait))
		return false;
	live_watch_splice(l);
	*note = l->loaded.notes[0];
	return true;
}

int px_live_rest_fd(const struct px_source *src)
{
	return px_loader_rest_fd(&((const struct live *)src)->loaded);
}

void px_live_tick(struct px_source *src)
{
	struct live *l = live_of(src);

	live_tell_time(l);
	px_roster_tick(&l->roster);
}

int px_live_control(struct px_source *src, uint64_t sock_id, const struct px_abi_control *ctl)
{
	struct live *l = live_of(src);
	int map = l->loaded.maps[PX_MAP_CONTROL];
	struct px_abi_control old;
	int err;

	if (ctl) {
		err = bpf_map_update_elem(map, &sock_id, ctl, 0);
		if (!err && ctl->flags & PX_CTL_DROP)
			l->shared->dropped++;	/* nobody else writes it */
		return err;
	}
	if (l->shared->dropped && bpf_map_lookup_elem(map, &sock_id, &old) == 0 &&
	    old.flags & PX_CTL_DROP)
		l->shared->dropped--;
	err = bpf_map_delete_elem(map, &sock_id);
	return err == -ENOENT ? 0 : err;
}

void px_live_dropped(struct px_source *src, uint64_t sock_id, uint64_t bytes[2])
{
	struct px_abi_control ctl = { 0 };

	if (bpf_map_lookup_elem(live_of(src)->loaded.maps[PX_MAP_CONTROL], &sock_id, &ctl) < 0)
		ctl = (struct px_abi_control){ 0 };
	memcpy(bytes, ctl.dropped, sizeof(ctl.dropped));
}

/*
 * Wall time minus the kernel's event clock: the pair of readings that lay closest together, of
 * several.
 */
static int64_t live_wall_offset(void)
{
	int64_t best = INT64_MAX, offset = 0;

	for (int i = 0; i < 16; i++) {
		int64_t before = (int64_t)px_clock_mono_ns(), wall = px_clock_wall_ns();
		int64_t after = (int64_t)px_clock_mono_ns();

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

/* The user's side of the way of events. */
static int live_open_events(struct live *l, size_t bytes, struct px_error *err)
{
	if (l->loaded.transport == PX_TRANSPORT_PERF) {
		if (px_perf_open(&l->perf, l->loaded.maps[PX_MAP_EVENTS],
				 l->loaded.maps[PX_MAP_TAKEN], px_perf_cpu_bytes(bytes), err) < 0)
			return -1;
		l->src.fd = px_perf_fd(l->perf);
		return 0;
	}
	l->ring = ring_buffer__new(l->loaded.maps[PX_MAP_EVENTS], live_sample, l, NULL);
	if (!l->ring)
		return px_error_set(err, PX_EXIT_FAILED, "a smaller --buffer may help",
				    "cannot map the ring buffer: %s", strerror(errno));
	l->src.fd = l->loaded.maps[PX_MAP_EVENTS];
	return 0;
}

/* Map what the child made. */
static int live_map(struct live *l, size_t bytes, struct px_error *err)
{
	int cpus = libbpf_num_possible_cpus();
	void *page;

	l->cpus = cpus > 0 ? (size_t)cpus : 1;
	l->counts = calloc(l->cpus, sizeof(*l->counts));
	page = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE, MAP_SHARED,
		    l->loaded.maps[PX_MAP_SHARED], 0);
	if (page != MAP_FAILED)
		l->shared = page;
	if (!l->counts || !l->shared)
		return px_error_set(err, PX_EXIT_FAILED, NULL, "cannot map a page: %s",
				    strerror(errno));
	l->shared->reader_asleep = LIVE_DOZING;
	live_tell_time(l);
	return live_open_events(l, bytes, err);
}

static void live_note(const struct px_load_request *req, const struct live *l, const char *note,
		      struct px_live_info *info)
{
	struct utsname host;
	size_t n = 0;

	info->probe = l->loaded.probe;
	info->transport = l->loaded.transport;
	info->probes = px_links_count(&l->links);
	info->ring_bytes = l->perf ? px_perf_bytes(l->perf) : req->ring_bytes;
	if (uname(&host) == 0)
		snprintf(info->kernel, sizeof(info->kernel), "%s", host.release);
	for (size_t i = 0; l->loaded.notes[i][0]; i++)
		snprintf(info->notes[n++], sizeof(info->notes[0]), "%s", l->loaded.notes[i]);
	if (l->perf && req->transport == PX_TRANSPORT_AUTO)
		snprintf(info->notes[n++], sizeof(info->notes[0]),
			 "this kernel has no BPF ring buffer: using a perf buffer per CPU");
	if (note[0])
		snprintf(info->notes[n], sizeof(info->notes[0]), "%s", note);
}

struct px_tls_watch *px_live_tls(struct px_source *src)
{
	return live_of(src)->watch;
}

int px_live_open(const struct px_live_options *opt, struct px_source **out,
		 struct px_live_info *info, struct px_error *err)
{
	const struct px_targets *t = opt->targets;
	struct px_load_request req = {
		.probe = opt->probe,
		.transport = opt->transport,
		.targets = t,
		.ring_bytes = live_ring_bytes(opt->ring_bytes),
		.copy_max = opt->snaplen > PX_LIVE_COPY ? opt->snaplen : PX_LIVE_COPY,
		.datagrams = opt->datagrams,
		.datagram_max = opt->datagram_max,
		.tells_procs = opt->processes,
		.tells_ends = opt->ends,
		.debug = opt->debug,
	};
	struct live *l = calloc(1, sizeof(*l));
	const struct px_tls_watch_options watch = { .request = &req,
						    .loaded = &l->loaded,
						    .links = &l->links,
						    .ahead = opt->tls_ahead,
						    .eager = opt->tls_program != NULL,
						    .program = opt->tls_program,
						    .file = opt->tls_file };
	char note[200];

	if (!l)
		return px_error_set(err, PX_EXIT_FAILED, NULL, "no memory");
	l->src.ops = &live_ops;
	px_links_init(&l->links);
	if (t->later)
		l->look = px_look_start();	/* before anything is open that would have to be closed in it */
	memset(info, 0, sizeof(*info));
	if (px_loader_run(&req, &l->loaded, err) < 0 || live_map(l, req.ring_bytes, err) < 0 ||
	    px_attach(&l->loaded, &l->links, note, sizeof(note), err) < 0) {
		live_free(&l->src);
		return -1;
	}
	l->since_ns = px_clock_mono_ns();
	info->processes = px_roster_begin(&l->roster, t, &l->loaded, l->shared);
	live_list_old(l, t);
	l->src.wall_offset_ns = live_wall_offset();
	live_note(&req, l, note, info);
	if (opt->tls)
		l->watch = px_tls_watch_start(&watch);
	*out = &l->src;
	return 0;
}
