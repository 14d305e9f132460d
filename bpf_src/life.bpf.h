/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who becomes a target, and who ceases to be one: processes fork, take another name, run another
 * program, end.
 */
#ifndef PX_LIFE_BPF_H
#define PX_LIFE_BPF_H

#include "emit.bpf.h"
#include "target.bpf.h"

#if defined(PX_TARGET_MAP) && PX_SECOND_PART

static long (*px_probe_text)(void *to, u32 size, const void *from) = (void *)115; /* bpf_probe_read_kernel_str */

#ifdef PX_TELL_PROCS
/* Tell that the current process runs the program of this name from now on, or (name 0) that it ends. */
px_inline void px_tell_process(void *ctx, u8 what, u64 name)
{
	u64 task = px_current(), room;
	u64 leader = PX_LOAD(u64, task, PX_OFF_task_struct_group_leader);
	struct px_abi_event h = {}, *e = px_reserve(sizeof(struct px_abi_proc), &room);
	struct px_abi_proc *p;

	if (!e) {
		px_count_full(0);
		return;
	}
	if (room < sizeof(*p)) {	/* never: it tells the verifier which class this is */
		px_discard(e);
		return;
	}
	h.kind = PX_ABI_PROC;
	h.state = what;
	h.syscall_nr = 0xffff;
	h.ts_ns = bpf_ktime_get_ns();
	h.len = h.copied = sizeof(*p);
	px_fill_process(&h);
	p = (struct px_abi_proc *)e->data;
	p->age_ns = h.ts_ns - PX_LOAD(u64, leader, PX_OFF_task_struct_start_time);
	p->status = PX_LOAD(u32, task, PX_OFF_task_struct_exit_code);
	p->pad = 0;
	p->path[0] = 0;
	if (name)
		px_probe_text(p->path, sizeof(p->path), (void *)name);
	__builtin_memcpy(e, &h, PX_HEAD);
	px_submit(ctx, e);
}

/* sched_process_exec(struct task_struct *p, pid_t old_pid, struct linux_binprm *bprm). */
int px_tell_exec(u64 *ctx)
{
	if (px_is_target(px_current_id() >> 32))
		px_tell_process(ctx, PX_ABI_PROC_EXEC,
				PX_LOAD(u64, ctx[2], PX_OFF_linux_binprm_filename));
	return 0;
}
#endif

px_inline void px_count_targets(s32 more)
{
	u32 zero = 0;
	struct px_abi_shared *page = shared.lookup(&zero);

	if (page)
		__sync_fetch_and_add(&page->targets, more);
}

/*
 * Flags with PX_TARGET_ON as it has to be. PX_TARGET_NEEDS are the conditions on the process itself
 * (COMM, EXE), and NAMED where processes are named too.
 */
px_inline u32 px_target_decide(u32 flags)
{
	flags &= ~PX_TARGET_ON;
	if (flags & PX_TARGET_OUT)
		return flags;
	if ((flags & PX_TARGET_NEEDS) == PX_TARGET_NEEDS ||
	    (flags & (PX_TARGET_FOLLOWED | PX_TARGET_ADDED)))
		flags |= PX_TARGET_ON;
	return flags;
}

/* What a child has from its parent: its name and program, and with -f its place in the family. */
px_inline u32 px_target_inherit(u32 flags)
{
	u32 kept = flags & (PX_TARGET_COMM | PX_TARGET_EXE);

	if (flags & PX_TARGET_OUT)
		return 0;
#ifdef PX_TARGET_FOLLOW
	kept |= flags & (PX_TARGET_NAMED | PX_TARGET_FOLLOWED | PX_TARGET_ADDED);
	if (!(PX_TARGET_NEEDS & PX_TARGET_NAMED) && (flags & PX_TARGET_ON))
		kept |= PX_TARGET_FOLLOWED;
#endif
	return kept;
}

px_inline void px_target_add(u32 tgid, u32 flags)
{
	struct px_abi_target fresh = {};

	fresh.flags = px_target_decide(flags);
	if (targets.update(&tgid, &fresh))
		px_count(PX_COUNT_POOL_FULL, 1);
	else
		px_count_targets(1);
}

/*
 * sched_process_fork(struct task_struct *parent, struct task_struct *child): before the child runs;
 * threads too.
 */
int px_fork(u64 *ctx)
{
	u64 child = ctx[1];
	u32 parent_id = px_current_id() >> 32, id;
	struct px_abi_target *parent;
	u32 flags = 0;

	if (PX_LOAD(u32, child, PX_OFF_task_struct_pid) !=
	    PX_LOAD(u32, child, PX_OFF_task_struct_tgid))
		return 0;
	id = px_task_tgid(child);
	parent = targets.lookup(&parent_id);
	if (parent)
		flags = px_target_inherit(parent->flags);
	if (flags && id)
		px_target_add(id, flags);
	else if (id)
		targets.delete(&id);	/* one that had this number before may not have been taken out yet */
	return 0;
}

/* sched_process_exit(struct task_struct *p): each thread, before its files are closed. */
int px_exit(u64 *ctx)
{
	u64 task = ctx[0];
	u32 id, zero = 0;
	struct px_abi_target *t;
	struct px_abi_shared *page;
	struct px_abi_event h = {};

	if (PX_LOAD(u32, PX_LOAD(u64, task, PX_OFF_task_struct_signal),
		    PX_OFF_signal_struct_live) != 0)
		return 0;
	id = px_task_tgid(task);
	t = targets.lookup(&id);
	if (!t || t->ended_ns)
		return 0;
#ifdef PX_TELL_PROCS
	if (t->flags & PX_TARGET_ON)
		px_tell_process(ctx, PX_ABI_PROC_EXIT, 0);
#endif
	t->ended_ns = bpf_ktime_get_ns();
	px_count_targets(-1);
	page = shared.lookup(&zero);
	if (!page)
		return 0;
	__sync_fetch_and_add(&page->ended, 1);
	if (page->targets == 0) {	/* wake the reader: it may have been waiting for the last one */
		h.kind = PX_ABI_PROC;
		h.ts_ns = bpf_ktime_get_ns();
		h.pid = id;
		px_push_loud(ctx, &h);
	}
	return 0;
}

/* A condition on process tgid holds from now on, or no longer. */
px_inline void px_target_change(u32 tgid, u32 condition, int holds)
{
	struct px_abi_target *t = targets.lookup(&tgid);
	u32 flags = t ? t->flags : 0;

	if (!tgid || (!t && (!holds || (PX_TARGET_NEEDS & PX_TARGET_NAMED) != 0)))
		return;
	flags = px_target_decide(holds ? flags | condition : flags & ~condition);
	if (t)
		t->flags = flags;
	else
		px_target_add(tgid, flags);
}

#ifdef PX_TARGET_COMM_TEST
/*
 * All patterns at once: a bit per place in a pattern, moved on by each byte that the place takes,
 * kept where a star stands (PX_GLOB_STARS).
 */
px_inline int px_glob_matches(const char *comm)
{
	u64 at = PX_GLOB_BEGIN;

	for (int i = 0; i < PX_ABI_COMM_MAX; i++) {
		u32 c = (u8)comm[i];
		u64 *takes = globs.lookup(&c);

		if (!c || !takes)
			break;
		at = (at & *takes) << 1 | (at & PX_GLOB_STARS);
	}
	return (at & PX_GLOB_END) != 0;
}

/*
 * task_rename(struct task_struct *task, const char *comm): by exec, prctl() or /proc/PID/comm,
 * before it is done.
 */
int px_rename(u64 *ctx)
{
	u64 task = ctx[0];
	char comm[PX_ABI_COMM_MAX] = {};

	if (PX_LOAD(u32, task, PX_OFF_task_struct_pid) !=
	    PX_LOAD(u32, task, PX_OFF_task_struct_tgid))
		return 0;
	px_probe_text(comm, sizeof(comm), (void *)ctx[1]);
	px_target_change(px_task_tgid(task), PX_TARGET_COMM, px_glob_matches(comm));
	return 0;
}
#endif

#ifdef PX_TARGET_EXE_TEST
/* sched_process_exec(struct task_struct *p, pid_t old_pid, struct linux_binprm *bprm). */
int px_exec(u64 *ctx)
{
	u64 task = ctx[0], bprm = ctx[2];
	u64 inode = PX_LOAD(u64, PX_LOAD(u64, bprm, PX_OFF_linux_binprm_file), PX_OFF_file_f_inode);
	u64 ino = PX_LOAD(u64, inode, PX_OFF_inode_i_ino);
	u32 dev = PX_LOAD(u32, PX_LOAD(u64, inode, PX_OFF_inode_i_sb), PX_OFF_super_block_s_dev);
	struct px_exe_path name = {};
	int holds = PX_TARGET_EXE_TEST(ino, dev);

	if (!holds) {
		px_probe_text(name.path, sizeof(name.path),
			      (void *)PX_LOAD(u64, bprm, PX_OFF_linux_binprm_filename));
		holds = exes.lookup(&name) != NULL;
	}
	px_target_change(px_task_tgid(task), PX_TARGET_EXE, holds);
	return 0;
}
#endif

#endif
#endif
