/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the current process is one that the user asked for: the first question of every program.
 */
#ifndef PX_TARGET_BPF_H
#define PX_TARGET_BPF_H

#include "maps.bpf.h"

/* enum pid_type, since kernel 4.19 */
#define PX_PIDTYPE_PGID 2

/* Process group of the current task, as the user knows it. */
px_inline u32 px_current_group(void)
{
	u64 signal = PX_LOAD(u64, px_current(), PX_OFF_task_struct_signal);

	return px_pid_nr(PX_LOAD(u64, signal,
				 PX_OFF_signal_struct_pids + PX_PIDTYPE_PGID * sizeof(u64)),
			 PX_TYPED);
}

#ifdef PX_CGROUP_TEST
/*
 * bpf_current_task_under_cgroup: 1 in the group at this place of the array, or below it (kernel
 * 4.9)
 */
static long (*px_under_cgroup)(void *map, u32 index) = (void *)37;

#define PX_IN_CGROUP(index)                                                                        \
	(px_under_cgroup((void *)bpf_pseudo_fd(1 /* BPF_PSEUDO_MAP_FD */, PX_CGROUPS_FD),          \
			 index) == 1)
#endif

#ifdef PX_TARGET_LATER
/* Was the process with this entry, or none, taken out, or left out when others were chosen? */
px_inline int px_is_out(const struct px_abi_target *t)
{
	if (t)
		return (t->flags & PX_TARGET_OUT) != 0;
#ifdef PX_TARGET_UNCHOSEN
	u32 zero = 0;
	struct px_abi_shared *page = shared.lookup(&zero);

	return page && page->has_chosen;
#else
	return 0;
#endif
}
#endif

/*
 * All that was asked for has to hold; what was not asked for is not compiled in. PX_PID_TEST(tgid)
 * compares with up to eight constants, PX_UID_TEST(uid) likewise; PX_CGROUP_TEST() asks for each
 * control group in turn. The tracer's own process group is left out except where processes are
 * named by their number.
 */
px_inline int px_is_target(u32 tgid)
{
#ifdef PX_TARGET_MAP
	struct px_abi_target *t = targets.lookup(&tgid);

#ifdef PX_TARGET_LATER
	if (t && t->flags & PX_TARGET_ADDED)
		return 1;
	if (px_is_out(t))
		return 0;
#endif
#if PX_TARGET_NEEDS
	if (!t || !(t->flags & PX_TARGET_ON))
		return 0;
#endif
#endif
#ifdef PX_PID_TEST
	if (!PX_PID_TEST(tgid))
		return 0;
#endif
#ifdef PX_PID_NS
	if (!tgid)
		return 0;
#endif
#ifdef PX_UID_TEST
	u32 uid = px_current_uid();

	if (!PX_UID_TEST(uid))
		return 0;
#endif
#ifdef PX_CGROUP_TEST
	if (!(PX_CGROUP_TEST))
		return 0;
#endif
#ifdef PX_OWN_GROUP
	if (px_current_group() == PX_OWN_GROUP)
		return 0;
#endif
	return 1;
}

#endif
