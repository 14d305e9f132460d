/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/tls_watch.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/spawn.h"
#include "capture/attach_uprobe.h"
#include "capture/procs.h"
#include "capture/tls_scan.h"
#include "capture/tls_stranger.h"

#define WATCH_TICK_MS 500	/* between two looks at the table of targets */
#define WATCH_AGAIN_NS (200 * 1000 * 1000ull)
#define WATCH_GUARD_MS 20
#define WATCH_END_NS (2 * 1000 * 1000)
#define WATCH_ENDS 75	/* that often it is asked whether it has ended */
#define WATCH_OBJECTS 64
#define WATCH_PROGRAMS 16
#define WATCH_LINKS 1024

struct px_tls_watch {
	pid_t pid;
	int sock;
	bool has_ended;
};

/* What the tracer asks of the process that watches. */
struct watch_asked {
	enum watch_what {
		WATCH_NOTHING,
		WATCH_LOOK,	/* pid speaks TLS, and nobody saw the inside of it */
		WATCH_SEEK,	/* a context was met that uses no socket itself */
		WATCH_TARGET,	/* pid has been added to the table */
	} what;
	uint32_t pid;
};

/* A library that has been found and waits for the programs to be loaded. */
struct watch_object {
	struct px_tls_object o;
	int fd;		/* keeps the file */
	unsigned hung;	/* PX_TLS_.. whose probes are there, a bit each */
	char name[128];
};

/* The same for a program with Go's crypto/tls. */
struct watch_go {
	struct px_go_places places;
	int fd;
	char name[128];
};

/* A part of the kernel side, loaded when something is found that it is for. */
struct watch_part {
	struct px_loaded loaded;
	bool is_loaded, has_failed;
};

/* The process that watches. */
struct watch {
	const struct px_tls_watch_options *opt;
	int sock;
	struct px_tls_scan scan;
	struct watch_object waiting[WATCH_OBJECTS];
	size_t waiting_count;
	struct watch_go programs[WATCH_PROGRAMS];
	size_t program_count;
	struct watch_part tls, go;
	const struct px_loaded *loading;	/* atomic, NULL most of the time: another thread looks at it */
	bool seeks;	/* a context was met that uses no socket itself */
	struct px_links raw;
	int links[WATCH_LINKS];
	size_t link_count, probe_count;
	struct {
		uint32_t pid;
		uint64_t ns;
	} looked[64];		/* when somebody was looked at because it was asked for */
	uint32_t *pids;		/* targets that have been looked at, of the table */
	size_t pid_count, pid_room;
};

static void watch_say_of(const struct watch *w, enum px_tls_note_kind kind, uint32_t pid,
			 const char *text)
{
	struct px_tls_note note = { .kind = kind,
				    .probes = (uint32_t)(w->probe_count + w->raw.count),
				    .pid = pid };

	snprintf(note.text, sizeof(note.text), "%s", text);
	if (send(w->sock, &note, sizeof(note), MSG_NOSIGNAL) < 0)
		_exit(0);	/* nobody is there any more */
}

static void watch_say(const struct watch *w, enum px_tls_note_kind kind, const char *text)
{
	watch_say_of(w, kind, 0, text);
}

/* "OpenSSL 3 (/usr/lib/x86_64-linux-gnu/libssl.so.3)": the version is that of the file's name. */
static void watch_describe(const struct watch_object *o, char *text, size_t size)
{
	const char *version = strstr(o->name, ".so.");	/* those that have one in their names */

	snprintf(text, size, "%s%s%.8s (%s)", o->o.library->name, version ? " " : "",
		 version ? version + 4 : "", o->name);
}

/* The program for a hook, as it was loaded. */
static int watch_program(const struct watch_part *part, const char *function)
{
	for (size_t i = 0; i < px_program_count; i++)
		if (strcmp(px_programs[i].function, function) == 0 && part->loaded.programs[i] >= 0)
			return part->loaded.programs[i];
	return -1;
}

/* The functions of o that a program is for. */
static int watch_hang(struct watch *w, const struct watch_object *o, const char *function,
		      enum px_tls_place place, bool is_return, int pid)
{
	struct px_uprobes u = { .program = watch_program(&w->tls, function),
				.is_multi = w->tls.loaded.uprobe_multi,
				.path = o->o.path,
				.is_return = is_return,
				.pid = pid };
	int links;

	for (size_t i = 0; o->o.library->functions[i].name; i++) {
		const struct px_tls_function *f = &o->o.library->functions[i];

		if (!o->o.offsets[i] || f->place != place)
			continue;
		u.offsets[u.count] = o->o.offsets[i];
		u.cookies[u.count++] = f->what | (unsigned)o->o.library->lib
							 << PX_ABI_TLS_LIB_SHIFT;
	}
	if (!u.count)
		return 0;
	if (w->link_count + PX_UPROBES_MAX > WATCH_LINKS)
		return -ENOSPC;
	links = px_uprobes_attach(&u, w->links + w->link_count);
	if (links < 0)
		return links;
	w->link_count += (size_t)links;
	w->probe_count += u.count;
	return 0;
}

/* The processes that a probe is for: one where that is all there is, else whoever has the file. */
static int watch_pid(const struct watch *w)
{
	const struct px_targets *t = w->opt->request->targets;

	return !px_targets_use_map(t) && t->pid_count == 1 && !t->pid_ns ? (int)t->pids[0] : -1;
}

/* First the end of calls, then their beginning. */
static int watch_attach(struct watch *w, const struct watch_object *o)
{
	int pid = watch_pid(w), err = watch_hang(w, o, "px_tls_free", PX_TLS_FREE, false, pid);

	if (!err)
		err = watch_hang(w, o, "px_tls_return", PX_TLS_CALL, true, pid);
	return err ? err : watch_hang(w, o, "px_tls_enter", PX_TLS_CALL, false, pid);
}

static int watch_attach_bio(struct watch *w, const struct watch_object *o)
{
	int pid = watch_pid(w),
	    err = watch_hang(w, o, "px_tls_bio_return", PX_TLS_BIO_IN, true, pid);

	if (!err)
		err = watch_hang(w, o, "px_tls_bio_read", PX_TLS_BIO_IN, false, pid);
	return err ? err : watch_hang(w, o, "px_tls_bio_write", PX_TLS_BIO_OUT, false, pid);
}

static int watch_attach_filter(struct watch *w, const struct watch_object *o)
{
	int pid = watch_pid(w), err = watch_hang(w, o, "px_tls_return", PX_TLS_FILTER, true, pid);

	return err ? err : watch_hang(w, o, "px_tls_enter", PX_TLS_FILTER, false, pid);
}

/* Does the file have functions of this kind? */
static bool watch_has(const struct watch_object *o, enum px_tls_place place)
{
	for (size_t i = 0; o->o.library->functions[i].name; i++)
		if (o->o.library->functions[i].place == place && o->o.offsets[i])
			return true;
	return false;
}

/* "Go 1.26.1 (/usr/bin/caddy)" */
static void watch_say_go(struct watch *w, enum px_tls_note_kind kind, const char *version,
			 const char *name, const char *why)
{
	char text[200];

	snprintf(text, sizeof(text), "Go%s%s (%.100s)%s%s", *version ? " " : "", version, name,
		 *why ? ": " : "", why);
	watch_say(w, kind, text);
}

static void watch_found_go(struct watch *w, const struct px_tls_object *o)
{
	struct watch_go *to = &w->programs[w->program_count];

	if (o->why[0]) {
		watch_say_go(w, PX_TLS_FAILED, o->go->version, o->name, o->why);
		return;
	}
	if (w->program_count == WATCH_PROGRAMS)
		return;
	to->fd = open(o->path, O_RDONLY | O_CLOEXEC);
	if (to->fd < 0)
		return;
	to->places = *o->go;
	snprintf(to->name, sizeof(to->name), "%s", o->name);
	w->program_count++;
	watch_say_go(w, PX_TLS_FOUND, to->places.version, to->name, "");
}

static void watch_found(void *ctx, const struct px_tls_object *o)
{
	struct watch *w = ctx;
	struct watch_object *to = &w->waiting[w->waiting_count];
	char text[200];

	if (o->go) {
		watch_found_go(w, o);
		return;
	}
	if (w->waiting_count == WATCH_OBJECTS)
		return;
	to->fd = open(o->path, O_RDONLY | O_CLOEXEC);
	if (to->fd < 0)
		return;
	to->o = *o;
	to->hung = 0;
	snprintf(to->name, sizeof(to->name), "%s", o->name);
	snprintf(to->o.path, sizeof(to->o.path), "/proc/self/fd/%d", to->fd);
	w->waiting_count++;
	if (!watch_has(to, PX_TLS_CALL))
		return;
	watch_describe(to, text, sizeof(text));
	watch_say(w, PX_TLS_FOUND, text);
}

/* Loading takes a while: who ends meanwhile need not wait for it. */
static void *watch_guard(void *arg)
{
	struct watch *w = arg;
	struct pollfd p = { .fd = w->sock };	/* a hang-up is told in any case */

	const struct px_loaded *loading;

	while ((loading = __atomic_load_n(&w->loading, __ATOMIC_ACQUIRE)) != NULL) {
		if (poll(&p, 1, WATCH_GUARD_MS) <= 0)
			continue;
		px_loader_abandon(loading);
		_exit(0);
	}
	return NULL;
}

/* Load the programs, and hang those that watch the sockets. */
static int watch_load(struct watch *w, struct watch_part *part)
{
	pthread_t guard;
	struct px_load_request req = *w->opt->request;
	struct px_error err;
	bool is_guarded;
	int result;

	req.part = part == &w->go ? PX_PART_GO : PX_PART_TLS;
	req.base = w->opt->loaded;
	__atomic_store_n(&w->loading, &part->loaded, __ATOMIC_RELEASE);
	is_guarded = pthread_create(&guard, NULL, watch_guard, w) == 0;
	result = px_loader_run(&req, &part->loaded, &err);
	if (result == 0)
		px_loader_rest(&part->loaded, true);
	__atomic_store_n(&w->loading, NULL, __ATOMIC_RELEASE);
	if (is_guarded)
		pthread_join(guard, NULL);
	if (result < 0) {
		watch_say(w, PX_TLS_FAILED, err.cause);
		return -1;
	}
	for (size_t i = 0; i < px_program_count; i++) {
		int fd;

		if (part->loaded.programs[i] < 0 || px_programs[i].hook != PX_HOOK_RAW)
			continue;
		fd = px_attach_raw(part->loaded.programs[i]);
		if (fd < 0) {
			watch_say(w, PX_TLS_FAILED, strerror(-fd));
			return -1;
		}
		w->raw.fds[w->raw.count++] = fd;
	}
	return 0;
}

static void watch_failed(struct watch *w, const struct watch_object *o, int err)
{
	char text[200], why[200];

	watch_describe(o, text, sizeof(text));
	snprintf(why, sizeof(why), "%.150s: %s", text, strerror(-err));
	watch_say(w, PX_TLS_FAILED, why);
}

static bool watch_always(const struct watch *w, const struct watch_object *o)
{
	(void)w;
	(void)o;
	return true;
}

static bool watch_needs_filter(const struct watch *w, const struct watch_object *o)
{
	return w->scan.filters || o->o.filters;
}

/*
 * The functions that tell of ciphertext cost more than they give where a library uses the sockets
 * itself. A program that has a library built in hardly ever lets it do so.
 */
static bool watch_needs_bio(const struct watch *w, const struct watch_object *o)
{
	return w->seeks || w->opt->eager ||
	       (watch_has(o, PX_TLS_CALL) && watch_has(o, PX_TLS_BIO_IN));
}

/* The ways of a library's bytes: how its probes are hung, and whether there is a reason to. */
static const struct watch_way {
	enum px_tls_place place;
	int (*attach)(struct watch *w, const struct watch_object *o);
	bool (*is_needed)(const struct watch *w, const struct watch_object *o);
} watch_ways[] = {
	{ PX_TLS_CALL, watch_attach, watch_always },
	{ PX_TLS_BIO_IN, watch_attach_bio, watch_needs_bio },
	{ PX_TLS_FILTER, watch_attach_filter, watch_needs_filter },
};

/* Hang what there is a reason for. Returns 1: something is left for later; or a negative error. */
static int watch_serve_one(struct watch *w, struct watch_object *o)
{
	int left = 0;

	for (size_t i = 0; i < PX_COUNT(watch_ways); i++) {
		const struct watch_way *way = &watch_ways[i];
		int err;

		if (o->hung & 1u << way->place || !watch_has(o, way->place))
			continue;
		if (!way->is_needed(w, o)) {
			left = 1;
			continue;
		}
		err = way->attach(w, o);
		if (err)
			return err;
		o->hung |= 1u << way->place;
	}
	return left;
}

/* What a part is for has been found: is it there? */
static bool watch_ready(struct watch *w, struct watch_part *part)
{
	if (!part->is_loaded && !part->has_failed) {
		part->has_failed = watch_load(w, part) < 0;
		part->is_loaded = !part->has_failed;
	}
	return part->is_loaded;
}

static void watch_serve_go(struct watch *w)
{
	for (size_t i = 0; i < w->program_count; i++) {
		struct watch_go *g = &w->programs[i];
		char path[40];
		struct px_go_hooks h = { .path = path, .pid = watch_pid(w) };
		size_t probes = 0;
		int links = 0;

		snprintf(path, sizeof(path), "/proc/self/fd/%d", g->fd);
		if (watch_ready(w, &w->go)) {
			h.enter = watch_program(&w->go, "px_go_enter");
			h.leave = watch_program(&w->go, "px_go_return");
			h.is_multi = w->go.loaded.uprobe_multi;
			links = px_go_attach(&g->places, &h, w->links + w->link_count,
					     WATCH_LINKS - w->link_count, &probes);
		}
		if (links < 0)
			watch_say_go(w, PX_TLS_FAILED, g->places.version, g->name,
				     strerror(-links));
		else
			w->link_count += (size_t)links;
		w->probe_count += probes;
		close(g->fd);
	}
	w->program_count = 0;
}

/* Hang the probes into what has been found since; what has to wait for a reason stays. */
static void watch_serve(struct watch *w)
{
	size_t kept = 0;
	bool is_wanted = false;

	for (size_t i = 0; i < w->waiting_count; i++)
		is_wanted |= watch_has(&w->waiting[i], PX_TLS_CALL);
	watch_serve_go(w);
	if (w->tls.has_failed || (!w->tls.is_loaded && !is_wanted))
		return;
	watch_ready(w, &w->tls);
	for (size_t i = 0; i < w->waiting_count; i++) {
		struct watch_object *o = &w->waiting[i];
		int result = w->tls.is_loaded ? watch_serve_one(w, o) : 0;

		if (result > 0) {
			w->waiting[kept++] = *o;
			continue;
		}
		if (result < 0)
			watch_failed(w, o, result);
		close(o->fd);
	}
	w->waiting_count = kept;
}

static bool watch_is_known(struct watch *w, uint32_t pid)
{
	uint32_t *grown;

	for (size_t i = 0; i < w->pid_count; i++)
		if (w->pids[i] == pid)
			return true;
	if (w->pid_count == w->pid_room) {
		w->pid_room = w->pid_room ? 2 * w->pid_room : 256;
		grown = realloc(w->pids, w->pid_room * sizeof(*grown));
		if (!grown)
			return true;
		w->pids = grown;
	}
	w->pids[w->pid_count++] = pid;
	return false;
}

static void watch_target(void *ctx, uint32_t pid, const struct px_abi_target *entry)
{
	struct watch *w = ctx;

	if (entry->flags & PX_TARGET_ON && !watch_is_known(w, pid))
		px_tls_scan_process(&w->scan, pid);
}

/* Those that the table of targets has, and that were not looked at yet. */
static void watch_table(struct watch *w)
{
	px_targets_each(w->opt->loaded->maps[PX_MAP_TARGETS], watch_target, w);
}

static bool watch_anybody(void *ctx, const struct px_proc *p)
{
	struct watch *w = ctx;

	if (p->pid != (uint32_t)getpid() && p->pid != (uint32_t)getppid())
		px_tls_scan_process(&w->scan, p->pid);
	return true;
}

static void watch_begin(struct watch *w)
{
	const struct px_targets *t = w->opt->request->targets;

	if (px_targets_use_map(t))
		watch_table(w);
	else if (t->pid_count)
		for (size_t i = 0; i < t->pid_count; i++)
			px_tls_scan_process(&w->scan, t->pids[i]);
	else
		px_procs_each(watch_anybody, w);
	for (size_t i = 0; i < t->pid_count; i++)
		px_tls_scan_texts(&w->scan, t->pids[i]);
	if (w->opt->file)
		px_tls_scan_file(&w->scan, w->opt->file);
	if (w->opt->program)
		px_tls_scan_program(&w->scan, w->opt->program);
	if (w->opt->ahead)
		px_tls_scan_installed(&w->scan);
	watch_serve(w);
	watch_say(w, PX_TLS_READY, "");
}

/* Not the same process again and again: each of its connections may ask for it. */
static bool watch_may_look(struct watch *w, uint32_t pid)
{
	uint64_t now = px_clock_mono_ns();
	size_t at = pid % PX_COUNT(w->looked);

	if (w->looked[at].pid == pid && now - w->looked[at].ns < WATCH_AGAIN_NS)
		return false;
	w->looked[at].pid = pid;
	w->looked[at].ns = now;
	return true;
}

/* All that can be found in process pid. */
static void watch_texts(struct watch *w, uint32_t pid)
{
	px_tls_scan_process(&w->scan, pid);
	px_tls_scan_texts(&w->scan, pid);
}

/* Process pid speaks TLS, and nobody saw the inside of it. */
static void watch_look(struct watch *w, uint32_t pid)
{
	char stranger[200];

	watch_texts(w, pid);
	if (px_tls_stranger(pid, stranger, sizeof(stranger)))
		watch_say_of(w, PX_TLS_STRANGER, pid, stranger);
}

/* Until the tracer has nothing more to say, because it has ended. */
static void watch_run(struct watch *w)
{
	bool has_table = px_targets_change(w->opt->request->targets);
	struct pollfd p = { .fd = w->sock, .events = POLLIN };
	struct watch_asked asked = { .what = WATCH_NOTHING };

	watch_begin(w);
	for (;;) {
		size_t links = w->link_count;

		if (poll(&p, 1, has_table ? WATCH_TICK_MS : -1) > 0) {
			if (recv(w->sock, &asked, sizeof(asked), 0) != (ssize_t)sizeof(asked))
				return;
			w->seeks |= asked.what == WATCH_SEEK;
			if (asked.what == WATCH_TARGET)
				watch_texts(w, asked.pid);
			if (asked.what == WATCH_LOOK && watch_may_look(w, asked.pid))
				watch_look(w, asked.pid);
		}
		if (has_table)
			watch_table(w);
		watch_serve(w);
		if (w->link_count != links)
			watch_say(w, PX_TLS_ADDED, "");
		if (asked.what == WATCH_TARGET)
			watch_say_of(w, PX_TLS_LOOKED, asked.pid, "");
		asked.what = WATCH_NOTHING;
	}
}

/*
 * The kernel takes the probes off with this process's last descriptor. Where they are perf events
 * that may take seconds, so nobody waits for it: also not who reads what the tracer has printed.
 */
static void watch_end(struct watch *w)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		close(fd);
	px_detach(&w->raw);
	_exit(0);
}

struct px_tls_watch *px_tls_watch_start(const struct px_tls_watch_options *opt)
{
	struct px_tls_watch *out = calloc(1, sizeof(*out));
	struct watch *w;

	if (!out)
		return NULL;
	out->pid = px_fork_beside(&out->sock);
	if (out->pid == 0) {
		px_links_forget(opt->links);	/* a copy of the tracer's memory */
		w = calloc(1, sizeof(*w));
		if (!w)
			_exit(1);
		w->opt = opt;
		w->sock = out->sock;
		px_links_init(&w->raw);
		px_tls_scan_init(&w->scan, watch_found, w);
		watch_run(w);
		watch_end(w);
	}
	if (out->pid < 0) {
		free(out);
		return NULL;
	}
	return out;
}

int px_tls_watch_fd(const struct px_tls_watch *w)
{
	return w->has_ended ? -1 : w->sock;
}

bool px_tls_watch_next(struct px_tls_watch *w, int timeout_ms, struct px_tls_note *out)
{
	struct pollfd p = { .fd = w->sock, .events = POLLIN };

	if (w->has_ended || poll(&p, 1, timeout_ms) <= 0)
		return false;
	w->has_ended = recv(w->sock, out, sizeof(*out), MSG_DONTWAIT) != (ssize_t)sizeof(*out);
	return !w->has_ended;
}

static bool watch_ask(struct px_tls_watch *w, enum watch_what what, uint32_t pid)
{
	const struct watch_asked asked = { what, pid };

	/* Where it cannot be sent it is busy, and will look at everything that is new. */
	return send(w->sock, &asked, sizeof(asked), MSG_DONTWAIT | MSG_NOSIGNAL) > 0;
}

void px_tls_watch_look(struct px_tls_watch *w, uint32_t pid)
{
	watch_ask(w, WATCH_LOOK, pid);
}

void px_tls_watch_seek(struct px_tls_watch *w)
{
	watch_ask(w, WATCH_SEEK, 0);
}

bool px_tls_watch_target(struct px_tls_watch *w, uint32_t pid)
{
	return !w->has_ended && watch_ask(w, WATCH_TARGET, pid);
}

void px_tls_watch_stop(struct px_tls_watch *w)
{
	struct timespec while_it_ends = { .tv_nsec = WATCH_END_NS };

	if (!w)
		return;
	close(w->sock);
	for (int i = 0; i < WATCH_ENDS && waitpid(w->pid, NULL, WNOHANG) == 0; i++)
		nanosleep(&while_it_ends, NULL);
	free(w);
}
