/* SPDX-License-Identifier: Apache-2.0 */
/* What is said about hosts that cannot, and about processes that are not there. */
#include "cli/host.h"
#include "support/suite.h"

#include <check.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define CAP(n) (UINT64_C(1) << (n))
#define SYS_ADMIN CAP(21)
#define PERFMON CAP(38)
#define BPF CAP(39)

static const struct px_host good = {
	.caps = UINT64_C(0x1ffffffffff),
	.has_btf = true,
	.kernel_major = 6,
	.kernel_minor = 1,
	.memlock = 65536,
};
static struct px_options options;
static char *command[] = { "pxtrace", "-p", "4242", NULL };

/* clang-format off */
static const struct host_case {
	const char *name;
	struct px_host host;
	enum px_probe_option probe;
	enum px_exit code;
	const char *cause, *cure;
	enum px_transport_option transport;
} host_cases[] = {
	{ "no capability", { .caps = 0 }, 0, PX_EXIT_PERMISSION,
	  "need root, or cap_bpf,cap_perfmon; missing: cap_bpf (load the programs), cap_perfmon",
	  "Try: sudo pxtrace -p 4242" },
	{ "one is missing", { .caps = BPF }, 0, PX_EXIT_PERMISSION, "missing: cap_perfmon (", "sudo" },
	{ "user namespace", { .caps = UINT64_MAX, .has_own_user_ns = true }, 0, PX_EXIT_PERMISSION, "user namespace", "rootless" },
	{ "no ring buffer, but perf buffers", { .caps = SYS_ADMIN, .has_btf = true, .kernel_major = 5, .kernel_minor = 4, .memlock = UINT64_MAX }, 0,
	  PX_EXIT_OK, "", "" },
	{ "no BTF", { .caps = BPF | PERFMON, .kernel_major = 6 }, 0, PX_EXIT_HOST, "/sys/kernel/btf/vmlinux", "CONFIG_DEBUG_INFO_BTF" },
	{ "lockdown", { .caps = SYS_ADMIN, .has_btf = true, .kernel_major = 6, .lockdown = PX_LOCKDOWN_CONFIDENTIALITY }, 0,
	  PX_EXIT_HOST, "lockdown (confidentiality)", "lockdown=integrity" },
	{ "integrity is fine", { .caps = SYS_ADMIN, .has_btf = true, .kernel_major = 6, .lockdown = PX_LOCKDOWN_INTEGRITY }, 0,
	  PX_EXIT_OK, "", "" },
	{ "memlock", { .caps = SYS_ADMIN, .has_btf = true, .kernel_major = 5, .kernel_minor = 10, .memlock = 65536 }, 0,
	  PX_EXIT_HOST, "65536 bytes of locked memory", "ulimit -l" },
	{ "memlock no longer counts", { .caps = SYS_ADMIN, .has_btf = true, .kernel_major = 5, .kernel_minor = 11, .memlock = 65536 }, 0,
	  PX_EXIT_OK, "", "" },
	{ "paranoid", { .caps = BPF | PERFMON, .has_btf = true, .kernel_major = 6, .perf_paranoid = 3, .refuses_perf = true }, PX_PROBE_OPTION_KPROBE,
	  PX_EXIT_PERMISSION, "perf_event_paranoid is 3", "--probe=auto" },
	{ "paranoid, tracepoints", { .caps = BPF | PERFMON, .has_btf = true, .kernel_major = 6, .perf_paranoid = 3, .refuses_perf = true }, PX_PROBE_OPTION_TRACEPOINT,
	  PX_EXIT_OK, "", "" },
	{ "paranoid, perf buffers", { .caps = BPF | PERFMON, .has_btf = true, .kernel_major = 6, .perf_paranoid = 3, .refuses_perf = true }, 0,
	  PX_EXIT_PERMISSION, "--transport=perf: kernel.perf_event_paranoid is 3", "--transport=auto", PX_TRANSPORT_OPTION_PERF },
	{ "paranoid, of a kernel that knows no 3", { .caps = BPF | PERFMON, .has_btf = true, .kernel_major = 6, .perf_paranoid = 3 }, 0,
	  PX_EXIT_OK, "", "", PX_TRANSPORT_OPTION_PERF },
	{ "perf buffers", { .caps = BPF | PERFMON, .has_btf = true, .kernel_major = 6, .perf_paranoid = 2 }, 0,
	  PX_EXIT_OK, "", "", PX_TRANSPORT_OPTION_PERF },
	{ "seccomp", { .caps = SYS_ADMIN, .has_btf = true, .kernel_major = 6, .has_seccomp = true, .refuses_bpf = true }, 0,
	  PX_EXIT_PERMISSION, "seccomp", "--privileged" },
	{ "no bpf()", { .caps = SYS_ADMIN, .has_btf = true, .kernel_major = 6, .refuses_bpf = true }, 0, PX_EXIT_HOST, "bpf()", "CONFIG_BPF_SYSCALL" },
};
/* clang-format on */

START_TEST(host)
{
	const struct host_case *c = &host_cases[_i];
	struct px_error err = { 0 };

	options.probe = c->probe;
	options.transport = c->transport;
	ck_assert_msg(px_host_check(&c->host, &options, command, &err) == (c->code ? -1 : 0), "%s",
		      c->name);
	ck_assert_int_eq(err.code, c->code);
	ck_assert_msg(strstr(err.cause, c->cause), "%s: %s", c->name, err.cause);
	ck_assert_msg(strstr(err.cure, c->cure), "%s: %s", c->name, err.cure);
}
END_TEST

START_TEST(files_need_nothing)
{
	struct px_host nobody = { 0 };
	struct px_options o = { .read_file = "x.tape" };
	struct px_error err;

	ck_assert_int_eq(px_host_check(&nobody, &o, command, &err), 0);
	ck_assert_int_eq(px_host_check(&good, &(struct px_options){ 0 }, command, &err), 0);
}
END_TEST

/* What is offered for copying has no words that a shell would read differently. */
START_TEST(sudo_line)
{
	char *quoted[] = { "pxtrace", "-p", "1 2", "-j", NULL };
	char *nothing[] = { NULL };
	struct px_host nobody = { 0 };
	struct px_error err;

	ck_assert_int_eq(px_host_check(&nobody, &(struct px_options){ 0 }, quoted, &err), -1);
	ck_assert_str_eq(err.cure, "Try: sudo pxtrace -p ...");
	ck_assert_int_eq(px_host_check(&nobody, &(struct px_options){ 0 }, nothing, &err), -1);
	ck_assert_str_eq(err.cure, "Try: sudo pxtrace");
}
END_TEST

/* A /proc and /sys of our own making. */
static char root[] = "/tmp/pxtrace-host-XXXXXX";

static void put(const char *path, const char *text)
{
	char full[512];
	FILE *f;

	snprintf(full, sizeof(full), "%s%s", root, path);
	for (char *slash = strchr(full + strlen(root) + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(full, 0700);
		*slash = '/';
	}
	f = fopen(full, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

START_TEST(facts)
{
	struct px_host h;

	ck_assert_ptr_nonnull(mkdtemp(root));
	put("/proc/self/status",
	    "Name:\tx\nGroups:\t0 1 \nCapEff:\t000000c000200000\nNoNewPrivs:\t0\nSeccomp:\t2\n");
	put("/proc/self/uid_map", "         0     100000      65536\n");
	put("/proc/sys/kernel/osrelease", "5.10.0-28-amd64\n");
	put("/proc/sys/kernel/perf_event_paranoid", "3\n");
	put("/sys/kernel/security/lockdown", "none integrity [confidentiality]\n");
	px_host_read(&h, root);
	ck_assert_uint_eq(h.caps, SYS_ADMIN | PERFMON | BPF);
	ck_assert(h.has_seccomp && h.has_own_user_ns && !h.has_btf);
	ck_assert_uint_eq(h.kernel_major, 5);
	ck_assert_uint_eq(h.kernel_minor, 10);
	ck_assert_int_eq(h.perf_paranoid, 3);
	ck_assert_int_eq(h.lockdown, PX_LOCKDOWN_CONFIDENTIALITY);

	put("/proc/self/uid_map", "         0          0 4294967295\n");
	put("/sys/kernel/security/lockdown", "[none] integrity confidentiality\n");
	put("/sys/kernel/btf/vmlinux", "x");
	px_host_read(&h, root);
	ck_assert(!h.has_own_user_ns && h.has_btf);
	ck_assert_int_eq(h.lockdown, PX_LOCKDOWN_NONE);
}
END_TEST

static int check_pid(uint32_t pid, const char *at, struct px_error *err)
{
	struct px_pids pids = { 2, { (uint32_t)getpid(), pid } };

	*err = (struct px_error){ 0 };
	if (*at)
		pids.pid[0] = pid;
	return px_host_check_pids(&pids, at, err);
}

START_TEST(processes)
{
	struct px_error err;

	ck_assert_int_eq(check_pid(1, "", &err), 0);
	ck_assert_int_eq(check_pid(INT32_MAX, "", &err), -1);
	ck_assert_int_eq(err.code, PX_EXIT_TARGET);
	ck_assert_str_eq(err.cause, "no process 2147483647");

	ck_assert_ptr_nonnull(mkdtemp(root));
	put("/proc/77/status", "Name:\tnginx: w\nState:\tS (sleeping)\nTgid:\t70\n");
	put("/proc/78/status", "Name:\tdead one\nState:\tZ (zombie)\nTgid:\t78\n");
	ck_assert_int_eq(check_pid(77, root, &err), -1);
	ck_assert_int_eq(err.code, PX_EXIT_TARGET);
	ck_assert_str_eq(err.cause, "77 is a thread of process 70 (nginx: w)");
	ck_assert_str_eq(err.cure, "Try: pxtrace -p 70");
	ck_assert_int_eq(check_pid(78, root, &err), -1);
	ck_assert_int_eq(err.code, PX_EXIT_TARGET);
	ck_assert_str_eq(err.cause, "process 78 (dead one) has ended");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("host");
	TCase *tc = tcase_create("host");

	tcase_add_loop_test(tc, host, 0, (int)PX_COUNT(host_cases));
	tcase_add_test(tc, files_need_nothing);
	tcase_add_test(tc, sudo_line);
	tcase_add_test(tc, facts);
	tcase_add_test(tc, processes);
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
