/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel side is compiled with: constants of this kernel and of what was asked for, so that
 * the programs have to look nothing up.
 */
#include "capture/loader_private.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "abi.h"
#include "capture/pages.h"
#include "capture/perf.h"

#define FLAGS_LATER 8		/* those of pages or TLS, and of the parts */
#define FLAGS_EVENT_MAX (68 << 10)	/* payload of the largest event: 64 kB of headers and what is around them */
#define FLAGS_EVENT_MAX_PERF (63 << 10)	/* the same where a record has to be smaller than 64 kB, with its heads */
#define FLAGS_SOCKETS_MAX 65536		/* that the kernel side keeps something about */
#define FLAGS_TARGETS_MAX 65536
#define FLAGS_TIES_MAX 16384		/* contexts of TLS libraries whose socket is kept */
#define FLAGS_GO_CALLS_MAX 32768	/* goroutines that wait for bytes of a TLS connection */

static const char *const flags_back_end[PX_PROBES] = {
	[PX_PROBE_SOCK] = "-DPX_BACK_END_SOCK",
	[PX_PROBE_FENTRY] = "-DPX_BACK_END_FENTRY",
	[PX_PROBE_KPROBE] = "-DPX_BACK_END_KPROBE",
	[PX_PROBE_TRACEPOINT] = "-DPX_BACK_END_TRACEPOINT",
};

PX_PRINTF(2, 3) static const char *flags_text(struct px_child *c, const char *fmt, ...)
{
	char *text = c->text[c->texts++];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(c->text[0]), fmt, ap);
	va_end(ap);
	return text;
}

/* The test of a number against constants: "-DNAME(n)=(0||(n)==1||(n)==2)". */
static const char *flags_number_test(struct px_child *c, const char *name, const uint32_t *numbers,
				     size_t count)
{
	char *out = c->text[c->texts++];
	size_t size = sizeof(c->text[0]), n = (size_t)snprintf(out, size, "-D%s(n)=(0", name);

	for (size_t i = 0; i < count && n < size; i++)
		n += (size_t)snprintf(out + n, size - n, "||(n)==%uu", numbers[i]);
	if (n < size)
		snprintf(out + n, size - n, ")");
	return out;
}

static const char *flags_exe_test(struct px_child *c, const struct px_targets *t)
{
	char *out = c->text[c->texts++];
	size_t size = sizeof(c->text[0]),
	       n = (size_t)snprintf(out, size, "-DPX_TARGET_EXE_TEST(i,d)=(0");

	for (size_t i = 0; i < t->exe_count && n < size; i++)
		n += (size_t)snprintf(out + n, size - n, "||((i)==%" PRIu64 "ull&&(d)==%uu)",
				      t->exes[i].ino, t->exes[i].kernel_dev);
	if (n < size)
		snprintf(out + n, size - n, ")");
	return out;
}

static const char *flags_cgroup_test(struct px_child *c, size_t count)
{
	char *out = c->text[c->texts++];
	size_t size = sizeof(c->text[0]), n = (size_t)snprintf(out, size, "-DPX_CGROUP_TEST=0");

	for (size_t i = 0; i < count && n < size; i++)
		n += (size_t)snprintf(out + n, size - n, "||PX_IN_CGROUP(%zu)", i);
	return out;
}

/* A part of an address and its mask, as a load from memory gives them. */
static uint64_t flags_mask(const struct px_net *net, size_t at, size_t size, uint64_t *mask)
{
	uint8_t bits[16];
	uint64_t value = 0;

	*mask = 0;
	for (size_t i = 0; i < sizeof(bits); i++)
		bits[i] = (uint8_t)(net->bits >= 8 * (i + 1) ? 0xff
				    : net->bits <= 8 * i     ? 0
							     : 0xff00 >> (net->bits - 8 * i));
	memcpy(&value, net->addr + at, size);
	memcpy(mask, bits + at, size);
	return value;
}

static const char *flags_host_test(struct px_child *c, const struct px_ends *ends)
{
	char *out = c->text[c->texts++];
	size_t size = sizeof(c->text[0]), n = (size_t)snprintf(out, size, "-DPX_HOST_TEST=0");

	for (size_t i = 0; i < ends->net_count && n < size; i++) {
		const struct px_net *net = &ends->nets[i];
		uint64_t mask, low_mask, value = flags_mask(net, 0, net->is_v6 ? 8 : 4, &mask),
					 low = flags_mask(net, 8, 8, &low_mask);

		if (net->is_v6)
			n += (size_t)snprintf(out + n, size - n,
					      "||px_in_net6(h,0x%" PRIx64 ",0x%" PRIx64
					      ",0x%" PRIx64 ",0x%" PRIx64 ")",
					      value, mask, low, low_mask);
		else
			n += (size_t)snprintf(out + n, size - n,
					      "||px_in_net4(h,0x%" PRIx64 ",0x%" PRIx64 ")", value,
					      mask);
	}
	return out;
}

/* Which of their connections. */
static int flags_of_ends(struct px_child *c, const char **flags)
{
	const struct px_ends *ends = &c->req->targets->ends;
	uint32_t ports[PX_PORTS_MAX];
	int n = 0;

	for (size_t i = 0; i < ends->port_count; i++)
		ports[i] = ends->ports[i];
	if (ends->port_count)
		flags[n++] = flags_number_test(c, "PX_PORT_TEST", ports, ends->port_count);
	if (ends->net_count)
		flags[n++] = flags_host_test(c, ends);
	if (ends->role)
		flags[n++] = flags_text(c, "-DPX_ROLE_WANTED=%d", (int)ends->role);
	return n;
}

/* Who is traced. What was not asked for is not compiled in, so that it costs nothing. */
static int flags_of_targets(struct px_child *c, const char **flags)
{
	const struct px_targets *t = c->req->targets;
	int n = 0;

	if (px_targets_use_map(t)) {
		flags[n++] = "-DPX_TARGET_MAP";
		flags[n++] = flags_text(c, "-DPX_TARGETS_MAX=%d", FLAGS_TARGETS_MAX);
		flags[n++] = flags_text(c, "-DPX_TARGET_NEEDS=%u", px_targets_needs(t));
	} else if (t->pid_count) {
		flags[n++] = flags_number_test(c, "PX_PID_TEST", t->pids, t->pid_count);
	}
	if (t->later)
		flags[n++] = "-DPX_TARGET_LATER";
	if (t->unchosen)
		flags[n++] = "-DPX_TARGET_UNCHOSEN";
	if (t->follow)
		flags[n++] = "-DPX_TARGET_FOLLOW";
	if (c->req->tells_procs)
		flags[n++] = "-DPX_TELL_PROCS";
	if (c->req->tells_ends)
		flags[n++] = "-DPX_TELL_ENDS";
	if (t->comm.end) {
		flags[n++] = "-DPX_TARGET_COMM_TEST";
		flags[n++] = flags_text(c, "-DPX_GLOB_BEGIN=%" PRIu64 "ull", t->comm.begin);
		flags[n++] = flags_text(c, "-DPX_GLOB_STARS=%" PRIu64 "ull", t->comm.stars);
		flags[n++] = flags_text(c, "-DPX_GLOB_END=%" PRIu64 "ull", t->comm.end);
	}
	if (t->exe_count)
		flags[n++] = flags_exe_test(c, t);
	if (t->uid_count)
		flags[n++] = flags_number_test(c, "PX_UID_TEST", t->uids, t->uid_count);
	if (t->cgroup_count) {
		flags[n++] = flags_text(c, "-DPX_CGROUPS_FD=%d", c->fds[PX_MAP_CGROUPS]);
		flags[n++] = flags_cgroup_test(c, t->cgroup_count);
	}
	if (t->own_group)
		flags[n++] = flags_text(c, "-DPX_OWN_GROUP=%u", t->own_group);
	if (t->pid_ns)
		flags[n++] = flags_text(c, "-DPX_PID_NS=%uu", t->pid_ns);
	return n;
}

/*
 * Where the kernel sees the pages of files. Without it there are no bytes of what sendfile moves.
 */
static int flags_of_pages(struct px_child *c, const char **flags)
{
	struct px_pages pages;
	int n = 0;

	if (px_pages_find(c->btf, &pages) < 0)
		return 0;
	flags[n++] = flags_text(c, "-DPX_PAGE_BASE=0x%" PRIx64 "ull", pages.base);
	flags[n++] = flags_text(c, "-DPX_PAGE_ARRAY=0x%" PRIx64 "ull", pages.array);
	flags[n++] = flags_text(c, "-DPX_PAGE_SIZE=%ldull", sysconf(_SC_PAGESIZE));
	flags[n++] = flags_text(c, "-DPX_PAGE_UPTODATE=%d", pages.uptodate_bit);
	px_child_phase(c, "pages found");
	return n;
}

/* How events come to user space. */
static int flags_of_transport(struct px_child *c, const char **flags)
{
	int n = 0;

	flags[n++] = flags_text(c, "-DPX_EVENTS_FD=%d", c->fds[PX_MAP_EVENTS]);
	if (c->reply->transport == PX_TRANSPORT_PERF) {
		flags[n++] = "-DPX_TRANSPORT_PERF";
		flags[n++] = flags_text(c, "-DPX_CPUS=%d", px_perf_map_entries() / 2);
		flags[n++] =
			flags_text(c, "-DPX_PERF_BYTES=%zu", px_perf_cpu_bytes(c->req->ring_bytes));
		flags[n++] = flags_text(c, "-DPX_EVENT_MAX=%d", FLAGS_EVENT_MAX_PERF);
		return n;
	}
	/* Called when a quarter is full: time to drain the rest while the producers go on. */
	flags[n++] = flags_text(c, "-DPX_WAKE_MARK=%zu", c->req->ring_bytes / 4);
	flags[n++] = flags_text(c, "-DPX_EVENT_MAX=%d", FLAGS_EVENT_MAX);
	return n;
}

/* What the parts for TLS have beside that. */
static int flags_of_tls(struct px_child *c, const char **flags)
{
	int n = 0;

	flags[n++] = flags_text(c, "-DPX_TIES_MAX=%d", FLAGS_TIES_MAX);
	flags[n++] = flags_text(c, "-DPX_GO_CALLS_MAX=%d", FLAGS_GO_CALLS_MAX);
	flags[n++] = "-UPX_MOVED_MAX";	/* this map is not used */
	flags[n++] = "-DPX_MOVED_MAX=1";
	return n;
}

int px_child_flags(struct px_child *c, enum px_probe probe, const char **flags)
{
	int n = 0, offsets;

	c->texts = 0;
	flags[n++] = flags_back_end[probe];
	flags[n++] = "-g0";
	flags[n++] = "-Xclang";
	flags[n++] = "-disable-llvm-passes";
	if (!c->reads_all_headers) {	/* but bpf_src/helpers.bpf.h in their place */
		flags[n++] = "-D_UAPI__LINUX_BPF_H__";
		flags[n++] = "-D__BPF_HELPERS_H";
		flags[n++] = "-DPX_OWN_HELPERS";
	}
	/* Else it would be a call that the verifier finds, in words that name nothing. */
	flags[n++] = "-Werror=implicit-function-declaration";
	n += flags_of_transport(c, flags + n);
	flags[n++] = flags_text(c, "-DPX_COPY_MAX=%uULL", c->req->copy_max);
	if (c->req->datagrams)
		flags[n++] = flags_text(c, "-DPX_DATAGRAM_COPY=%uULL", c->req->datagram_max);
	flags[n++] = flags_text(c, "-DPX_CONTROL_MAX=%d", FLAGS_SOCKETS_MAX);
	flags[n++] = flags_text(c, "-DPX_MOVED_MAX=%d", FLAGS_SOCKETS_MAX);
	n += flags_of_targets(c, flags + n);
	n += flags_of_ends(c, flags + n);
	offsets = px_btf_defines(c->btf, flags + n,
				 (size_t)(PX_CHILD_FLAGS - n - FLAGS_LATER),
				 &c->reply->error);
	if (offsets < 0)
		return -1;
	n += offsets;
	px_child_phase(c, "types read");
	if (c->req->part != PX_PART_MAIN)
		return n + flags_of_tls(c, flags + n);
	return n + flags_of_pages(c, flags + n);
}
