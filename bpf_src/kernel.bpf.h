/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading kernel memory at offsets that user space took from this kernel's BTF (the PX_OFF_
 * constants).
 */
#ifndef PX_KERNEL_BPF_H
#define PX_KERNEL_BPF_H

#include <linux/types.h>
#include <uapi/linux/ptrace.h>
#include "abi.h"
#include "helpers.bpf.h"

#define px_inline static inline __attribute__((always_inline))

/*
 * Around programs: in which part they are compiled, each by itself (src/capture/loader_part.c). The
 * late part is what can come after the first event. Maps stand outside, since every part has the
 * same ones. Without PX_PART all is compiled at once.
 */
#ifdef PX_PART
#define PX_FIRST_PART (PX_PART == 1)
#define PX_SECOND_PART (PX_PART == 2)
#define PX_LATE_PART (PX_PART == 3)
#else
#define PX_FIRST_PART 1
#define PX_SECOND_PART 1
#define PX_LATE_PART 1
#endif

/*
 * Two ways to a field. A pointer that the verifier knows the type of (an argument of a BTF
 * tracepoint, the current task, what a helper made of them) is loaded from directly: 0 to 1 ns, a
 * bad pointer reads as 0. Any other pointer needs a helper call of 23 ns whatever the size, so
 * those reads are merged. The assembly statement keeps bcc's rewriter from turning direct loads
 * into helper calls: it follows pointers through C, but not through assembly.
 */
#define PX_TYPED 1
#define PX_UNTYPED 0

px_inline u64 px_ptr(const void *p)
{
	u64 v;

	asm volatile("%0 = %1" : "=r"(v) : "r"(p));
	return v;
}

#define PX_LOAD(type, base, off) (*(const volatile type *)((base) + (off)))

/*
 * The two helpers under names of our own: where bcc sees theirs, it searches /proc/kallsyms for
 * them, which takes up to a second, and follows their arguments.
 */
static long (*px_probe_kernel)(void *to, u32 size, const void *from) = (void *)113; /* bpf_probe_read_kernel */
static long (*px_probe_user)(void *to, u32 size, const void *from) = (void *)112;   /* bpf_probe_read_user */

/*
 * The verifier has to see the bound on the value that it checks: LLVM 14 likes to compare a copy of
 * it.
 */
#define PX_BARRIER(v) asm volatile("" : "+r"(v))

/*
 * v as it is, but the verifier no longer knows anything about it (noise: any value that it does not
 * know either). Where branches meet again with different constants in a variable, it would follow
 * all that comes after once for each of them; with the constants forgotten it sees one and the same
 * state, and stops.
 */
px_inline u64 px_forget(u64 v, u64 noise)
{
	asm volatile("%0 += %1\n\t%0 -= %1" : "+r"(v) : "r"(noise));
	return v;
}

/*
 * The low half of an address, as a number: one that the verifier knows the type of is not to be
 * reckoned with, and this makes it forget what it was.
 */
px_inline u32 px_low(u64 p)
{
	asm volatile("%0 = le32 %0" : "+r"(p));
	return (u32)p;
}

/* A constant that the loader puts in: the direction of the program's hook. */
px_inline u32 px_patched_dir(void)
{
	u64 v;

	asm volatile("%0 = %1" : "=r"(v) : "i"(PX_ABI_PATCH_DIR));
	return (u32)v;
}

px_inline u64 px_min(u64 a, u64 b)
{
	return a < b ? a : b;
}

px_inline u64 px_read64(u64 base, u64 off)
{
	u64 v = 0;

	px_probe_kernel(&v, sizeof(v), (void *)(base + off));
	return v;
}

px_inline u32 px_read32(u64 base, u64 off)
{
	u32 v = 0;

	px_probe_kernel(&v, sizeof(v), (void *)(base + off));
	return v;
}

px_inline u64 px_get64(u64 base, u64 off, int typed)
{
	return typed ? PX_LOAD(u64, base, off) : px_read64(base, off);
}

px_inline u32 px_get32(u64 base, u64 off, int typed)
{
	return typed ? PX_LOAD(u32, base, off) : px_read32(base, off);
}

px_inline u64 px_current(void)
{
	return px_ptr(bpf_get_current_task_btf());
}

/*
 * The number of a struct pid as the tracer's pid namespace has it; there, 0 for processes that live
 * in another one. Outside of containers this is the first number that a struct pid has.
 */
px_inline u32 px_pid_nr(u64 pid, int typed)
{
#ifdef PX_PID_NS
	u64 at = PX_OFF_pid_numbers + (px_get32(pid, PX_OFF_pid_level, typed) & 31) * PX_SIZE_upid;
	u64 ns = px_read64(pid, at + PX_OFF_upid_ns);

	if (px_read32(ns, PX_OFF_pid_namespace_ns + PX_OFF_ns_common_inum) != PX_PID_NS)
		return 0;
	return px_read32(pid, at + PX_OFF_upid_nr);
#else
	return px_get32(pid, PX_OFF_pid_numbers + PX_OFF_upid_nr, typed);
#endif
}

/* Process id of a task (a typed pointer). */
px_inline u32 px_task_tgid(u64 task)
{
#ifdef PX_PID_NS
	u64 leader = PX_LOAD(u64, task, PX_OFF_task_struct_group_leader);

	return px_pid_nr(PX_LOAD(u64, leader, PX_OFF_task_struct_thread_pid), PX_TYPED);
#else
	return PX_LOAD(u32, task, PX_OFF_task_struct_tgid);
#endif
}

/* Process id (high half) and thread id of the current task, as the user knows them. */
px_inline u64 px_current_id(void)
{
#ifdef PX_PID_NS
	u64 task = px_current();

	return (u64)px_task_tgid(task) << 32 |
	       px_pid_nr(PX_LOAD(u64, task, PX_OFF_task_struct_thread_pid), PX_TYPED);
#else
	return bpf_get_current_pid_tgid();
#endif
}

/* The real user id, by the host's numbers; the helper for it translates twice. */
px_inline u32 px_current_uid(void)
{
	u64 cred = PX_LOAD(u64, px_current(), PX_OFF_task_struct_cred);

	return PX_LOAD(u32, cred, PX_OFF_cred_uid);
}

/*
 * The user's registers as they were saved when the system call was entered: arguments and number
 * are still there.
 */
px_inline u64 px_current_regs(void)
{
	return px_ptr((void *)bpf_task_pt_regs(bpf_get_current_task_btf()));
}

#endif
