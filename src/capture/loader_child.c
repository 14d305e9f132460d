/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/loader_child.h"

#include <bpf/bpf.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/securebits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi.h"
#include "base/clock.h"
#include "capture/bpf_text.h"
#include "capture/btf.h"
#include "capture/calls.h"
#include "capture/embedded.h"
#include "capture/loader_private.h"
#include "capture/perf.h"

#define CHILD_NOBODY 65534

static const char *const child_sources[PX_PROBES] = {
	[PX_PROBE_SOCK] = "sock.bpf.c",
	[PX_PROBE_FENTRY] = "syscalls.bpf.c",
	[PX_PROBE_KPROBE] = "syscalls.bpf.c",
	[PX_PROBE_TRACEPOINT] = "syscalls.bpf.c",
};

void px_child_note(struct px_child *c, const char *fmt, ...)
{
	va_list ap;

	for (size_t i = 0; i + 1 < PX_COUNT(c->reply->notes); i++) {
		if (c->reply->notes[i][0])
			continue;
		va_start(ap, fmt);
		vsnprintf(c->reply->notes[i], sizeof(c->reply->notes[i]), fmt, ap);
		va_end(ap);
		return;
	}
}

void px_child_phase(const struct px_child *c, const char *what)
{
	if (c->req->debug)
		dprintf(STDERR_FILENO, "loader: %s after %.1f ms\n", what,
			(double)(px_clock_mono_ns() - c->begin) / 1e6);
}

/*
 * Write the stand-in kernel headers below the private directory: libbcc wants to find them there.
 */
static int child_unpack(struct px_child *c)
{
	struct px_error *err = &c->reply->error;
	char path[512];

	for (const struct px_embedded *e = px_embedded; e->path; e++) {
		int fd;

		if (strncmp(e->path, "kheaders/", 9) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", c->dir, e->path);
		for (char *slash = path + strlen(c->dir) + 1; (slash = strchr(slash, '/'));
		     slash++) {
			*slash = '\0';
			if (mkdir(path, 0700) < 0 && errno != EEXIST)
				return px_error_set(err, PX_EXIT_FAILED, NULL, "%s: %s", path,
						    strerror(errno));
			*slash = '/';
		}
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd < 0 || write(fd, e->text, e->len) != (ssize_t)e->len)
			return px_error_set(err, PX_EXIT_FAILED,
					    "free some space there, or set TMPDIR", "%s: %s", path,
					    strerror(errno));
		close(fd);
	}
	return 0;
}

static int child_open_bcc(struct px_child *c)
{
	void *lib = dlopen("libbcc.so.0", RTLD_NOW | RTLD_LOCAL);
	struct {
		const char *name;
		void *slot;
	} symbols[] = {
		{ "bpf_module_create_c_from_string", &c->bcc.create },
		{ "bpf_function_start", &c->bcc.start },
		{ "bpf_function_size", &c->bcc.size },
		{ "bpf_table_fd", &c->bcc.table },
		{ "bpf_num_tables", &c->bcc.tables },
		{ "bpf_table_name", &c->bcc.table_name },
		{ "bpf_table_fd_id", &c->bcc.table_fd },
		{ "bpf_num_functions", &c->bcc.functions },
		{ "bpf_function_name", &c->bcc.function_name },
	};

	if (!lib)
		return px_error_set(
			&c->reply->error, PX_EXIT_HOST, "install it: apt-get install libbpfcc",
			"libbcc.so.0, which compiles the kernel side, cannot be opened: %s",
			dlerror());
	for (size_t i = 0; i < PX_COUNT(symbols); i++) {
		void *at = dlsym(lib, symbols[i].name);

		if (!at)
			return px_error_set(&c->reply->error, PX_EXIT_HOST,
					    "install libbpfcc 0.18 or later",
					    "libbcc.so.0 has no %s", symbols[i].name);
		memcpy(symbols[i].slot, &at, sizeof(at));
	}
	return 0;
}

static int child_target_tables(struct px_child *c)
{
	const struct px_targets *t = c->req->targets;
	uint32_t yes = 1;

	for (uint32_t i = 0; t->comm.end && i < 256; i++)
		if (bpf_map_update_elem(c->fds[PX_MAP_GLOBS], &i, &t->comm.takes[i], 0) < 0)
			return px_error_set(&c->reply->error, PX_EXIT_FAILED, NULL, "names: %s",
					    strerror(errno));
	for (size_t i = 0; i < t->exe_count; i++) {
		char path[PX_ABI_EXE_MAX] = { 0 };

		if (strlen(t->exes[i].path) >= sizeof(path))
			continue;	/* its file's number does without */
		memcpy(path, t->exes[i].path, strlen(t->exes[i].path));
		if (bpf_map_update_elem(c->fds[PX_MAP_EXES], path, &yes, 0) < 0)
			return px_error_set(&c->reply->error, PX_EXIT_FAILED, NULL, "programs: %s",
					    strerror(errno));
	}
	return 0;
}

/* Fill the maps that the programs only read. */
static int child_tables(struct px_child *c)
{
	for (const struct px_call *call = px_calls; call->name; call++) {
		uint32_t nr = (uint32_t)call->nr;

		if (bpf_map_update_elem(c->fds[PX_MAP_CALLS], &nr, &call->what, 0) < 0)
			return px_error_set(&c->reply->error, PX_EXIT_FAILED, NULL, "call %s: %s",
					    call->name, strerror(errno));
	}
	return child_target_tables(c);
}

/*
 * The groups that the kernel side asks about, by their place in an array. Made before compiling, as
 * the way of events is.
 */
static int child_cgroups(struct px_child *c)
{
	const struct px_targets *t = c->req->targets;
	int fd = -1;

	if (!t->cgroup_count)
		return 0;
	fd = bpf_map_create(BPF_MAP_TYPE_CGROUP_ARRAY, "px_cgroups", sizeof(uint32_t),
			    sizeof(uint32_t), PX_CGROUPS_MAX, NULL);
	if (fd < 0)
		return px_error_set(&c->reply->error, PX_EXIT_HOST, "use -p with -f",
				    "this kernel has no table of control groups: %s",
				    strerror(-fd));
	c->fds[PX_MAP_CGROUPS] = fd;
	c->reply->has[PX_MAP_CGROUPS] = true;
	for (uint32_t i = 0; i < t->cgroup_count; i++)
		if (bpf_map_update_elem(fd, &i, &t->cgroups[i], 0) < 0)
			return px_error_set(&c->reply->error, PX_EXIT_FAILED, NULL,
					    "control group: %s", strerror(errno));
	return 0;
}

/* The map that events go into; what perf events it leads to is the parent's to say. */
static int child_events(struct px_child *c)
{
	enum px_transport asked = c->req->transport, transport = PX_TRANSPORT_RING;
	int fd = -EINVAL;

	if (asked != PX_TRANSPORT_PERF)
		fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "px_ring", 0, 0,
				    (uint32_t)c->req->ring_bytes, NULL);
	/* So the kernel answers to a kind of map that it does not know. */
	if (fd == -EINVAL && asked != PX_TRANSPORT_RING) {
		transport = PX_TRANSPORT_PERF;
		fd = bpf_map_create(BPF_MAP_TYPE_PERF_EVENT_ARRAY, "px_perf", sizeof(uint32_t),
				    sizeof(int), (uint32_t)px_perf_map_entries(), NULL);
	}
	if (fd == -EPERM)
		return px_error_set(&c->reply->error, PX_EXIT_PERMISSION,
				    "run as root, or with cap_bpf,cap_perfmon",
				    "the kernel refuses BPF maps: %s", strerror(-fd));
	if (fd < 0 && transport == PX_TRANSPORT_PERF)
		return px_error_set(&c->reply->error, PX_EXIT_HOST, "use --transport=ring",
				    "this kernel has no array of perf events: %s", strerror(-fd));
	if (fd < 0)
		return px_error_set(
			&c->reply->error, PX_EXIT_HOST,
			fd == -EINVAL ? "use --transport=perf: ring buffers came with Linux 5.8"
				      : "a smaller --buffer may help",
			"cannot make a ring buffer of %zu bytes: %s", c->req->ring_bytes,
			strerror(-fd));
	c->reply->transport = transport;
	c->fds[PX_MAP_EVENTS] = fd;
	c->reply->has[PX_MAP_EVENTS] = true;
	return 0;
}

/*
 * libbcc looks one helper up in /proc/kallsyms, all of which it reads for that (0.6 s), but only as
 * root; bpf_src/ names its helpers by number. So it compiles under another effective user id, with
 * all capabilities kept, where that is allowed. A change of the id forgets the parent-death signal.
 */
void *px_child_compile(struct px_child *c, const char *text, const char **flags, int count)
{
	bool is_hidden = geteuid() == 0 && prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) == 0 &&
			 seteuid(CHILD_NOBODY) == 0;
	void *module = c->bcc.create(text, 0, flags, count, true, NULL);

	if (is_hidden && seteuid(0) < 0)
		module = NULL;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	return module;
}

/* Compile and load one back end. */
static int child_make(struct px_child *c, enum px_probe probe)
{
	const char *flags[PX_CHILD_FLAGS];
	struct px_buf text = px_buf_of(1 << 20);
	int count = px_child_flags(c, probe, flags);

	if (count < 0)
		return -1;
	if (px_bpf_text(&text, child_sources[probe]) < 0 ||
	    px_buf_append(&text, px_bytes_of("", 1)) < 0)
		return px_error_set(&c->reply->error, PX_EXIT_FAILED, NULL, "no memory for %s",
				    child_sources[probe]);
	px_part_start(c, text.ptr, flags, &count);
	c->module = px_child_compile(c, text.ptr, flags, count);
	px_buf_fini(&text);
	if (!c->module || px_part_fetch(c) < 0)
		return px_error_set(&c->reply->error, PX_EXIT_HOST,
				    "please report this with the file named above",
				    "the kernel side does not compile");
	px_child_phase(c, "compiled");
	if (px_child_load(c, probe) < 0 || child_tables(c) < 0)
		return -1;
	c->reply->probe = probe;
	return 0;
}

/* A part for TLS, beside the back end that is in use already. */
static int child_make_tls(struct px_child *c)
{
	const char *source = c->req->part == PX_PART_GO ? "tls_go.bpf.c" : "tls.bpf.c";
	const struct px_loaded *base = c->req->base;
	const char *flags[PX_CHILD_FLAGS];
	struct px_buf text = px_buf_of(1 << 20);
	int count;

	for (size_t i = 0; i < PX_MAPS; i++)
		c->fds[i] = base->maps[i];
	c->reply->probe = base->probe;
	c->reply->transport = base->transport;
	c->reply->uprobe_multi = px_btf_has_field(c->btf, "bpf_uprobe_multi_link", "path");
	count = px_child_flags(c, base->probe, flags);
	if (count < 0)
		return -1;
	if (px_bpf_text(&text, source) < 0 || px_buf_append(&text, px_bytes_of("", 1)) < 0)
		return px_error_set(&c->reply->error, PX_EXIT_FAILED, NULL, "no memory for %s",
				    source);
	c->module = px_child_compile(c, text.ptr, flags, count);
	px_child_phase(c, source);
	px_buf_fini(&text);
	if (!c->module)
		return px_error_set(&c->reply->error, PX_EXIT_HOST,
				    "please report this with the file named above",
				    "%s does not compile", source);
	return px_child_load(c, base->probe);
}

/* Cheap reasons against a back end; what they let pass may still fail to load. */
static bool child_can(const struct px_child *c, enum px_probe probe)
{
	/* Before 6.5 (commit 2dc334f1a63a) sendfile and splice did not pass sock_send_length. */
	if (probe == PX_PROBE_SOCK)
		return px_btf_tracepoint(c->btf, "sock_recv_length") &&
		       px_btf_has_helper(c->btf, "task_pt_regs") &&
		       !px_btf_has_field(c->btf, "proto_ops", "sendpage");
	if (probe == PX_PROBE_TRACEPOINT)
		return px_btf_tracepoint(c->btf, "sys_exit") != 0;
	return px_btf_has_helper(c->btf, "task_pt_regs");
}

/* Forget what an attempt left behind. */
static void child_reset(struct px_child *c)
{
	memset(&c->reply->error, 0, sizeof(c->reply->error));
	memset(c->reply->notes, 0, sizeof(c->reply->notes));
	memset(c->families, 0, sizeof(c->families));
	for (size_t i = 0; i < PX_REPLY_FDS; i++)
		if (i != PX_MAP_EVENTS && i != PX_MAP_CGROUPS)
			c->reply->has[i] = false;
}

/*
 * Another libbcc than those known may need more of its headers, and say so only through what the
 * kernel then refuses.
 */
static bool child_tries_again(struct px_child *c)
{
	if (c->reads_all_headers || c->reply->error.code == PX_EXIT_PERMISSION)
		return false;
	c->reads_all_headers = true;
	child_reset(c);
	return true;
}

static int child_try(struct px_child *c, enum px_probe probe)
{
	while (child_make(c, probe) < 0)
		if (!child_tries_again(c))
			return -1;
	return 0;
}

/*
 * What was asked for, and nothing else; but a kernel that was built without kprobes has the same
 * programs run from tracepoints.
 */
static int child_try_asked(struct px_child *c, enum px_probe probe)
{
	bool has_none = probe == PX_PROBE_KPROBE && !px_btf_function(c->btf, "register_kprobe");

	if (child_try(c, has_none ? PX_PROBE_TRACEPOINT : probe) < 0)
		return -1;
	if (has_none)
		px_child_note(c, "this kernel has no kprobes: using syscall tracepoints");
	return 0;
}

static int child_choose(struct px_child *c)
{
	/*
	 * Cheapest first, but what misses no call before what does: kretprobes and trampolines do
	 * not see calls that were under way when they were attached.
	 */
	static const enum px_probe order[] = { PX_PROBE_SOCK, PX_PROBE_TRACEPOINT, PX_PROBE_FENTRY,
					       PX_PROBE_KPROBE };

	/* By its types rather than its version: distributions carry it back to older ones. */
	if (!px_btf_has_helper(c->btf, "get_current_task_btf"))
		return px_error_set(
			&c->reply->error, PX_EXIT_HOST, "run it on Linux 5.11 or later",
			"the BPF programs of this kernel do not get at the current task");
	if (c->req->probe != PX_PROBE_AUTO)
		return child_try_asked(c, c->req->probe);
	for (size_t i = 0; i < PX_COUNT(order); i++) {
		if (!child_can(c, order[i]))
			continue;
		child_reset(c);
		if (child_try(c, order[i]) == 0)
			return 0;
	}
	if (!c->reply->error.cause[0])
		px_error_set(&c->reply->error, PX_EXIT_HOST, NULL,
			     "this kernel has none of the hooks that are needed");
	return -1;
}

static int child_send(struct px_child *c, int sock)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * PX_REPLY_FDS)];
	} control = { 0 };
	struct iovec iov = { c->reply, sizeof(*c->reply) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *m = &control.align;
	int fds[PX_REPLY_FDS];
	size_t n = 0;

	for (size_t i = 0; i < PX_REPLY_FDS; i++)
		if (c->reply->has[i])
			fds[n++] = c->fds[i];
	if (n && !c->reply->failed) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * n);
		m->cmsg_level = SOL_SOCKET;
		m->cmsg_type = SCM_RIGHTS;
		m->cmsg_len = CMSG_LEN(sizeof(int) * n);
		memcpy(CMSG_DATA(m), fds, sizeof(int) * n);
	}
	return sendmsg(sock, &msg, MSG_NOSIGNAL) == (ssize_t)sizeof(*c->reply) ? 0 : 1;
}

/* Reading the kernel's types, while another thread opens libbcc. */
struct child_types {
	struct px_btf *btf;
	struct px_error error;
	int result;
};

static void *child_read_types(void *arg)
{
	struct child_types *t = arg;

	t->result = px_btf_open(&t->btf, &t->error);
	return NULL;
}

static int child_prepare(struct px_child *c)
{
	struct child_types types = { 0 };
	pthread_t thread;
	int result;

	if (pthread_create(&thread, NULL, child_read_types, &types) != 0)
		return px_error_set(&c->reply->error, PX_EXIT_FAILED, NULL,
				    "cannot start a thread");
	result = child_open_bcc(c);
	px_child_phase(c, "libbcc open");
	pthread_join(thread, NULL);
	c->btf = types.btf;
	if (result == 0 && types.result < 0)
		c->reply->error = types.error;
	return result < 0 || types.result < 0 ? -1 : 0;
}

/* The programs and maps of the part that is asked for. */
static int child_make_part(struct px_child *c)
{
	if (c->req->part == PX_PART_MAIN)
		return child_events(c) < 0 || child_cgroups(c) < 0 || child_choose(c) < 0 ? -1 : 0;
	if (child_make_tls(c) == 0)
		return 0;
	return child_tries_again(c) ? child_make_tls(c) : -1;
}

int px_loader_child(const struct px_load_request *req, const char *dir, int sock)
{
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	struct px_child c = { .req = req,
			      .dir = dir,
			      .reply = calloc(1, sizeof(*c.reply)),
			      .log = malloc(PX_CHILD_LOG),
			      .part = { .fd = -1 },
			      .begin = px_clock_mono_ns() };
	char headers[160];

	if (!c.reply || !c.log) {
		free(c.reply);
		free(c.log);
		return 1;
	}
	setrlimit(RLIMIT_MEMLOCK, &unlimited);	/* before 5.11 maps were charged to it */
	snprintf(headers, sizeof(headers), "%s/kheaders", dir);
	setenv("BCC_KERNEL_SOURCE", headers, 1);
	c.reply->failed = child_prepare(&c) < 0 || child_unpack(&c) < 0 || child_make_part(&c) < 0;
	px_child_phase(&c, "done");
	if (child_send(&c, sock) != 0 || c.reply->failed)
		return 1;
	*c.reply = (struct px_load_reply){ .probe = c.reply->probe,
					   .transport = c.reply->transport,
					   .uprobe_multi = c.reply->uprobe_multi };
	px_child_load_late(&c);
	px_child_phase(&c, "late programs");
	return child_send(&c, sock);
}
