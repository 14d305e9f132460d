/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/privilege.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef CAP_BPF
#define CAP_BPF 39
#endif

#if defined(__SANITIZE_ADDRESS__)
#define PRIVILEGE_DUMPABLE 1	/* the leak checker attaches to us when we end */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PRIVILEGE_DUMPABLE 1
#endif
#endif
#ifndef PRIVILEGE_DUMPABLE
#define PRIVILEGE_DUMPABLE 0
#endif

static void privilege_note(int result, int *err)
{
	if (result < 0 && *err == 0)
		*err = -errno;
}

static int privilege_keep_bpf(unsigned int keeps)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
	const uint32_t bpf = UINT32_C(1) << (CAP_BPF - 32);
	const uint32_t low =
		(keeps & PX_KEEP_FILES ? 1u << CAP_DAC_OVERRIDE | 1u << CAP_CHOWN | 1u << CAP_FOWNER
				       : 0) |
		(keeps & PX_KEEP_KILL ? 1u << CAP_KILL : 0);

	if (syscall(SYS_capget, &head, data) < 0)
		return -1;
	data[0].effective &= low;
	data[0].permitted &= low;
	data[0].inheritable = 0;
	data[1].effective &= bpf;
	data[1].permitted &= bpf;
	data[1].inheritable = 0;
	return (int)syscall(SYS_capset, &head, data);
}

int px_privilege_drop(unsigned int keeps)
{
	const struct rlimit none = { 0, 0 };
	int err = 0;

	privilege_note(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), &err);
	privilege_note(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), &err);
	privilege_note(privilege_keep_bpf(keeps), &err);
	privilege_note(setrlimit(RLIMIT_CORE, &none), &err);
	privilege_note(prctl(PR_SET_DUMPABLE, PRIVILEGE_DUMPABLE, 0, 0, 0), &err);
	return err;
}
