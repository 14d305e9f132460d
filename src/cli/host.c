/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/host.h"

#include "base/ns.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#ifndef CAP_PERFMON
#define CAP_PERFMON 38
#define CAP_BPF 39
#endif

#define STATUS_MAX 16384	/* bytes; the list of groups stands before what we look for */

/* A file of /proc or /sys as text, cut at size - 1. Returns false where it cannot be read. */
static bool host_file(const char *root, const char *path, char *out, size_t size)
{
	char full[PATH_MAX];
	ssize_t got;
	int fd;

	out[0] = '\0';
	snprintf(full, sizeof(full), "%s%s", root, path);
	fd = open(full, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	got = read(fd, out, size - 1);
	close(fd);
	if (got < 0)
		return false;
	out[got] = '\0';
	return true;
}

/* What follows "name:" and blanks in the text of a /proc/PID/status, or NULL. */
static const char *status_value(const char *status, const char *name)
{
	size_t len = strlen(name);

	for (const char *line = status; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, len) == 0 && line[len] == ':') {
			line += len + 1;
			return line + strspn(line, " \t");
		}
	}
	return NULL;
}

static bool host_has_own_user_ns(const char *root)
{
	char map[128];
	unsigned long inside = 0, outside = 0, count = 0;

	if (!host_file(root, "/proc/self/uid_map", map, sizeof(map)))
		return false;
	return sscanf(map, "%lu %lu %lu", &inside, &outside, &count) == 3 &&
	       !(inside == 0 && outside == 0 && count == UINT32_MAX);
}

/* The word in brackets is the one in force: "none [integrity] confidentiality". */
static enum px_lockdown host_lockdown(const char *root)
{
	char text[128];

	host_file(root, "/sys/kernel/security/lockdown", text, sizeof(text));
	if (strstr(text, "[confidentiality]"))
		return PX_LOCKDOWN_CONFIDENTIALITY;
	return strstr(text, "[integrity]") ? PX_LOCKDOWN_INTEGRITY : PX_LOCKDOWN_NONE;
}

/*
 * A command that no kernel knows is answered with EINVAL once it is clear that we may ask at all; a
 * filter of system calls, or a kernel without BPF, answers otherwise.
 */
static bool host_refuses_bpf(void)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	return syscall(SYS_bpf, INT_MAX, &attr, sizeof(attr)) < 0 &&
	       (errno == EPERM || errno == ENOSYS);
}

/*
 * Debian and Ubuntu kernels close perf_event_open() above 2, for all but cap_sys_admin: the kernel
 * itself is asked, since others do not, for the least that there is to ask for.
 */
static bool host_refuses_perf(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_DUMMY,
		.disabled = 1,
		.exclude_kernel = 1,
		.exclude_hv = 1,
	};
	int fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd < 0 && errno == EACCES;
}

static void host_read_kernel(struct px_host *h, const char *root)
{
	char release[128];

	if (!host_file(root, "/proc/sys/kernel/osrelease", release, sizeof(release)) ||
	    sscanf(release, "%u.%u", &h->kernel_major, &h->kernel_minor) != 2) {
		h->kernel_major = UINT_MAX; /* unknown: no reason to refuse */
		h->kernel_minor = 0;
	}
}

void px_host_read(struct px_host *h, const char *root)
{
	char status[STATUS_MAX], text[32], btf[PATH_MAX];
	struct rlimit memlock;
	const char *value;

	*h = (struct px_host){ 0 };
	host_file(root, "/proc/self/status", status, sizeof(status));
	value = status_value(status, "CapEff");
	h->caps = value ? strtoull(value, NULL, 16) : 0;
	value = status_value(status, "Seccomp");
	h->has_seccomp = value && *value == '2';
	h->has_own_user_ns = host_has_own_user_ns(root);
	snprintf(btf, sizeof(btf), "%s/sys/kernel/btf/vmlinux", root);
	h->has_btf = access(btf, R_OK) == 0;
	h->lockdown = host_lockdown(root);
	h->perf_paranoid =
		host_file(root, "/proc/sys/kernel/perf_event_paranoid", text, sizeof(text))
			? atoi(text)
			: 0;
	host_read_kernel(h, root);
	h->memlock = getrlimit(RLIMIT_MEMLOCK, &memlock) == 0 ? memlock.rlim_cur : RLIM_INFINITY;
	h->refuses_bpf = host_refuses_bpf();
	h->refuses_perf = h->perf_paranoid > 2 && host_refuses_perf();
}

static bool host_may(const struct px_host *h, unsigned int cap)
{
	return h->caps >> cap & 1;
}

static bool host_is_older(const struct px_host *h, unsigned int major, unsigned int minor)
{
	return h->kernel_major < major || (h->kernel_major == major && h->kernel_minor < minor);
}

/* "Try: sudo pxtrace -p 4242", with the words as they were typed where that is safe to copy. */
static const char *host_sudo(char **command, char *out, size_t size)
{
	size_t used = (size_t)snprintf(out, size, "Try: sudo pxtrace");

	for (char **word = command + 1; command[0] && *word; word++) {
		bool is_plain =
			**word != '\0' && strspn(*word, "abcdefghijklmnopqrstuvwxyz"
							"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
							"0123456789-_=,./:+%@") == strlen(*word);

		if (!is_plain || used + strlen(*word) + 8 >= size) {
			snprintf(out + used, size - used, " ...");
			break;
		}
		used += (size_t)snprintf(out + used, size - used, " %s", *word);
	}
	return out;
}

struct host_need {
	unsigned int cap;
	const char *name;
	const char *what_for;
};

/* cap_sys_admin holds both in itself; before 5.8 it was the only one. */
static const struct host_need host_needs[] = {
	{ CAP_BPF, "cap_bpf", "load the programs" },
	{ CAP_PERFMON, "cap_perfmon", "attach them, and read memory" },
};

static int host_check_caps(const struct px_host *h, char **command, struct px_error *err)
{
	bool is_admin = host_may(h, CAP_SYS_ADMIN);
	char missing[256] = "", cure[sizeof(err->cure)];
	size_t used = 0;

	for (size_t i = 0; i < PX_COUNT(host_needs); i++) {
		const struct host_need *need = &host_needs[i];

		if (!host_may(h, need->cap) && !is_admin)
			used += (size_t)snprintf(missing + used, sizeof(missing) - used,
						 "%s%s (%s)", used ? ", " : "", need->name,
						 need->what_for);
	}
	if (!used)
		return 0;
	return px_error_set(err, PX_EXIT_PERMISSION, host_sudo(command, cure, sizeof(cure)),
			    "need root, or cap_bpf,cap_perfmon; missing: %s", missing);
}

/* Kprobes and perf buffers are opened by perf_event_open(). */
static int host_check_perf(const struct px_host *h, const struct px_options *o,
			   struct px_error *err)
{
	bool is_kprobe = o->probe == PX_PROBE_OPTION_KPROBE;

	if ((!is_kprobe && o->transport != PX_TRANSPORT_OPTION_PERF) || !h->refuses_perf)
		return 0;
	return px_error_set(
		err, PX_EXIT_PERMISSION,
		is_kprobe
			? "Try: --probe=auto, or sysctl kernel.perf_event_paranoid=2, or root"
			: "Try: --transport=auto, or sysctl kernel.perf_event_paranoid=2, or root",
		"--%s: kernel.perf_event_paranoid is %d, which leaves %s to cap_sys_admin",
		is_kprobe ? "probe=kprobe" : "transport=perf", h->perf_paranoid,
		is_kprobe ? "kprobes" : "perf buffers");
}

static int host_check_kernel(const struct px_host *h, struct px_error *err)
{
	const uint64_t memlock_wanted = UINT64_C(64) << 20;

	if (h->lockdown == PX_LOCKDOWN_CONFIDENTIALITY)
		return px_error_set(
			err, PX_EXIT_HOST, "boot with lockdown=integrity, or with secure boot off",
			"kernel lockdown (confidentiality) forbids BPF programs to read memory");
	if (!h->has_btf)
		return px_error_set(
			err, PX_EXIT_HOST,
			"boot a kernel with CONFIG_DEBUG_INFO_BTF=y, as distributions build it",
			"this kernel does not describe its types: no /sys/kernel/btf/vmlinux (BTF)");
	/* Since 5.11 the memory of maps is charged to the cgroup, before that to this limit. */
	if (host_is_older(h, 5, 11) && h->memlock < memlock_wanted &&
	    !host_may(h, CAP_SYS_RESOURCE))
		return px_error_set(err, PX_EXIT_HOST, "Try: ulimit -l unlimited",
				    "%" PRIu64
				    " bytes of locked memory are too few for Linux %u.%u",
				    h->memlock, h->kernel_major, h->kernel_minor);
	return 0;
}

int px_host_check(const struct px_host *h, const struct px_options *o, char **command,
		  struct px_error *err)
{
	if (o->read_file)
		return 0;
	if (h->has_own_user_ns)
		return px_error_set(err, PX_EXIT_PERMISSION,
				    "run it as root of the host, outside of rootless containers",
				    "root of a user namespace is not root to BPF");
	if (host_check_caps(h, command, err) || host_check_kernel(h, err) ||
	    host_check_perf(h, o, err))
		return -1;
	if (h->refuses_bpf && h->has_seccomp)
		return px_error_set(
			err, PX_EXIT_PERMISSION,
			"run it on the host, or in a container with --privileged or --security-opt seccomp=unconfined",
			"a seccomp filter forbids bpf()");
	if (h->refuses_bpf)
		return px_error_set(
			err, PX_EXIT_HOST,
			"boot a kernel with CONFIG_BPF_SYSCALL=y, or ask its security module",
			"this kernel refuses bpf()");
	return 0;
}

static int host_check_pid(uint32_t pid, const char *root, struct px_error *err)
{
	char path[64], status[STATUS_MAX], name[64];
	const char *value;
	unsigned long tgid;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/status", pid);
	if (!host_file(root, path, status, sizeof(status)))
		return px_error_set(
			err, PX_EXIT_TARGET,
			px_ns_own_pids()
				? "this is a pid namespace of its own: start its container with --pid=host to see others"
				: "pgrep -a NAME and ss -tnp show who is there",
			"no process %" PRIu32, pid);
	value = status_value(status, "Name");
	snprintf(name, sizeof(name), "%.*s", value ? (int)strcspn(value, "\n") : 0,
		 value ? value : "");
	value = status_value(status, "Tgid");
	tgid = value ? strtoul(value, NULL, 10) : pid;
	if (tgid != pid) {
		snprintf(path, sizeof(path), "Try: pxtrace -p %lu", tgid);
		return px_error_set(err, PX_EXIT_TARGET, path,
				    "%" PRIu32 " is a thread of process %lu (%s)", pid, tgid, name);
	}
	value = status_value(status, "State");
	if (value && (*value == 'Z' || *value == 'X'))
		return px_error_set(err, PX_EXIT_TARGET,
				    "its parent has not yet taken note; there is nothing to trace",
				    "process %" PRIu32 " (%s) has ended", pid, name);
	return 0;
}

int px_host_check_pids(const struct px_pids *pids, const char *root, struct px_error *err)
{
	for (size_t i = 0; i < pids->count; i++)
		if (host_check_pid(pids->pid[i], root, err))
			return -1;
	return 0;
}
