/* SPDX-License-Identifier: Apache-2.0 */
/* The user's registers as the kernel saves them; part of its ABI towards debuggers. */
#ifndef PX_KH_PTRACE_H
#define PX_KH_PTRACE_H

#if defined(__aarch64__) || defined(__TARGET_ARCH_arm64)
struct user_pt_regs {
	unsigned long long regs[31];
	unsigned long long sp;
	unsigned long long pc;
	unsigned long long pstate;
};
struct pt_regs {
	struct user_pt_regs user_regs;
	unsigned long long orig_x0;
	int syscallno;
};
#else
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8;
	unsigned long ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss;
};
#endif

#endif
