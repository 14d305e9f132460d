/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For LD_PRELOAD: puts `r0 = r9` at the beginning of each large BPF program on its way to the
 * kernel, which has to refuse it, since nothing was written to r9.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#define LARGE 100	/* instructions; what tries out the kernel's abilities has fewer */

long syscall(long number, ...)
{
	static long (*next)(long, ...);
	union bpf_attr attr;
	long a[6];
	va_list ap;

	va_start(ap, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "syscall");
	if (number == SYS_bpf && a[0] == BPF_PROG_LOAD && (size_t)a[2] <= sizeof(attr)) {
		memset(&attr, 0, sizeof(attr));
		memcpy(&attr, (void *)a[1], (size_t)a[2]);
		if (attr.insn_cnt > LARGE) {
			size_t size = attr.insn_cnt * sizeof(struct bpf_insn);
			struct bpf_insn *code = malloc(size);
			long result;

			if (!code)
				abort();
			memcpy(code, (void *)(unsigned long)attr.insns, size);
			code[0] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_X,
						     .dst_reg = BPF_REG_0,
						     .src_reg = BPF_REG_9 };
			attr.insns = (unsigned long)code;
			result = next(number, a[0], &attr, a[2], a[3], a[4], a[5]);
			free(code);
			return result;
		}
	}
	return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
