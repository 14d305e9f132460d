/* SPDX-License-Identifier: Apache-2.0 */
/* What differs by processor: numbers of system calls, and where a number and its arguments are. */
#ifndef PX_ARCH_BPF_H
#define PX_ARCH_BPF_H

#include "kernel.bpf.h"

#define PX_REG(regs, field) PX_LOAD(u64, regs, __builtin_offsetof(struct pt_regs, field))

#ifdef __aarch64__

#define PX_NR_CLOSE 57
#define PX_NR_DUP2 24	/* dup3, there is no other */
#define PX_NR_DUP3 24

#define PX_ARG0(regs) PX_REG(regs, orig_x0)
#define PX_ARG1(regs) PX_REG(regs, user_regs.regs[1])
#define PX_ARG2(regs) PX_REG(regs, user_regs.regs[2])
#define PX_ARG3(regs) PX_REG(regs, user_regs.regs[3])
#define PX_ARG4(regs) PX_REG(regs, user_regs.regs[4])
#define PX_ARG5(regs) PX_REG(regs, user_regs.regs[5])
#define PX_RESULT(regs) PX_REG(regs, user_regs.regs[0])	/* of a function, in the registers a probe sees */
#define PX_CALL_NR(regs) ((u32)PX_LOAD(u32, regs, __builtin_offsetof(struct pt_regs, syscallno)))
#define PX_FN_ARG(regs, n) PX_REG(regs, user_regs.regs[n])	/* of a function of the program */
#define PX_FN_SP(regs) PX_REG(regs, user_regs.sp)
#define PX_GO_ARG(regs, n) PX_REG(regs, user_regs.regs[n])	/* of a function of a Go program, and its results */
#define PX_GO_G(regs) PX_REG(regs, user_regs.regs[28])	/* the goroutine that runs */
#define PX_GO_HOME 8	/* from the stack pointer at a return to where arguments were kept */
#define PX_FN_RETURN_ADDRESS 0	/* bytes of the stack that a return takes away */

/* PSR_MODE32_BIT: the task runs 32-bit code, whose calls have numbers of their own. */
px_inline int px_regs_are_foreign(u64 regs)
{
	return (PX_REG(regs, user_regs.pstate) & 0x10) != 0;
}

px_inline int px_inside_call(u64 regs)
{
	return (int)PX_CALL_NR(regs) >= 0;
}

#else

#define PX_NR_CLOSE 3
#define PX_NR_DUP2 33
#define PX_NR_DUP3 292

#define PX_ARG0(regs) PX_REG(regs, di)
#define PX_ARG1(regs) PX_REG(regs, si)
#define PX_ARG2(regs) PX_REG(regs, dx)
#define PX_ARG3(regs) PX_REG(regs, r10)
#define PX_ARG4(regs) PX_REG(regs, r8)
#define PX_ARG5(regs) PX_REG(regs, r9)
#define PX_RESULT(regs) PX_REG(regs, ax)	/* of a function, in the registers a probe sees */
#define PX_CALL_NR(regs) ((u32)PX_REG(regs, orig_ax))
#define PX_FN_ARG(regs, n)                                                                         \
	PX_LOAD(u64, regs,                                                                         \
		(n) == 0   ? __builtin_offsetof(struct pt_regs, di)                                \
		: (n) == 1 ? __builtin_offsetof(struct pt_regs, si)                                \
		: (n) == 2 ? __builtin_offsetof(struct pt_regs, dx)                                \
			   : __builtin_offsetof(struct pt_regs, cx))
#define PX_GO_ARG(regs, n)                                                                         \
	PX_LOAD(u64, regs,                                                                         \
		(n) == 0   ? __builtin_offsetof(struct pt_regs, ax)                                \
		: (n) == 1 ? __builtin_offsetof(struct pt_regs, bx)                                \
			   : __builtin_offsetof(struct pt_regs, cx))
#define PX_GO_G(regs) PX_REG(regs, r14)
#define PX_GO_HOME 8
#define PX_FN_SP(regs) PX_REG(regs, sp)
#define PX_FN_RETURN_ADDRESS 8

/*
 * TS_COMPAT: the call came in by the way of 32-bit programs, where calls have numbers of their own.
 * 64-bit programs can go that way, too.
 */
px_inline int px_regs_are_foreign(u64 regs)
{
	(void)regs;
	return (PX_LOAD(u32, px_current(),
			PX_OFF_task_struct_thread_info + PX_OFF_thread_info_status) &
		2) != 0;
}

/*
 * The entry code puts -ENOSYS into ax and the result replaces it: anything else means that the call
 * is over and that we run in work done on the way back to the program (io_uring completes there),
 * where the registers describe a call that has nothing to do with these bytes.
 */
px_inline int px_inside_call(u64 regs)
{
	return (s64)PX_REG(regs, ax) == -38;
}

#endif

/* Argument number n, counted from 0, as far as calls have descriptors and flags there. */
px_inline u64 px_arg(u64 regs, u32 n)
{
	if (n == 0)
		return PX_ARG0(regs);
	if (n == 2)
		return PX_ARG2(regs);
	return PX_ARG3(regs);
}

#endif
