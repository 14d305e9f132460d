/* SPDX-License-Identifier: Apache-2.0 */
/* The table of targets, as far as user space writes to it. */
#include "capture/target.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi.h"
#include "capture/procs.h"

#define ENROLL_PASSES 16		/* generations that are born while we look */
#define ENROLL_ENDED_NS 1000000000ull	/* after this time a process has closed its files */

struct enroll {
	const struct px_targets *t;
	int map;
	uint32_t *alive;
	size_t added;
};

uint32_t px_targets_needs(const struct px_targets *t)
{
	return (t->pid_count ? PX_TARGET_NAMED : 0) | (t->comm.end ? PX_TARGET_COMM : 0) |
	       (t->exe_count ? PX_TARGET_EXE : 0);
}

/* The conditions on the process itself that p meets. */
static uint32_t enroll_conditions(const struct px_targets *t, const struct px_proc *p)
{
	uint32_t flags = t->comm.end && px_glob_matches(&t->comm, p->comm) ? PX_TARGET_COMM : 0;
	char path[64];
	struct stat st;

	if (!t->exe_count)
		return flags;
	snprintf(path, sizeof(path), "/proc/%u/exe", p->pid);
	if (stat(path, &st) < 0)
		return flags;
	for (size_t i = 0; i < t->exe_count; i++)
		if (st.st_dev == t->exes[i].stat_dev && st.st_ino == t->exes[i].stat_ino)
			flags |= PX_TARGET_EXE;
	return flags;
}

/* Enter p, whose place in the family is known. The kernel side may have been faster. */
static void enroll_add(struct enroll *e, const struct px_proc *p, uint32_t flags)
{
	uint32_t needs = px_targets_needs(e->t);
	struct px_abi_target entry = { .flags = flags };
	struct px_proc again;

	if ((flags & needs) == needs || (flags & PX_TARGET_FOLLOWED))
		entry.flags |= PX_TARGET_ON;
	if (bpf_map_update_elem(e->map, &p->pid, &entry, BPF_NOEXIST) < 0)
		return;
	__atomic_fetch_add(e->alive, 1, __ATOMIC_SEQ_CST);
	e->added++;
	/* One that ended before it was entered is not seen to end. */
	if (px_proc_read(p->pid, &again) && again.state != 'Z' && again.state != 'X')
		return;
	if (bpf_map_lookup_elem(e->map, &p->pid, &entry) == 0 && entry.ended_ns == 0) {
		bpf_map_delete_elem(e->map, &p->pid);
		__atomic_fetch_sub(e->alive, 1, __ATOMIC_SEQ_CST);
		e->added--;
	}
}

/* The first pass: those that are targets by themselves. */
static bool enroll_itself(void *ctx, const struct px_proc *p)
{
	struct enroll *e = ctx;
	uint32_t flags = enroll_conditions(e->t, p);

	if (flags && p->pid != (uint32_t)getpid())
		enroll_add(e, p, flags);
	return true;
}

/* The other passes: children of those in the table. */
static bool enroll_child(void *ctx, const struct px_proc *p)
{
	struct enroll *e = ctx;
	struct px_abi_target parent, own;
	uint32_t flags;

	if (p->state == 'Z' || p->pid == (uint32_t)getpid() ||
	    bpf_map_lookup_elem(e->map, &p->parent, &parent) < 0)
		return true;
	if (e->t->pid_count)
		flags = parent.flags & PX_TARGET_NAMED;
	else
		flags = parent.flags & PX_TARGET_ON ? PX_TARGET_FOLLOWED : 0;
	if (!flags)
		return true;
	flags |= enroll_conditions(e->t, p);
	if (bpf_map_lookup_elem(e->map, &p->pid, &own) < 0) {
		enroll_add(e, p, flags);
	} else if (!(own.flags & (PX_TARGET_NAMED | PX_TARGET_FOLLOWED))) {
		own.flags |= flags | PX_TARGET_ON;	/* matches by itself, and is a child of one that does */
		bpf_map_update_elem(e->map, &p->pid, &own, BPF_EXIST);
	}
	return true;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): enroll_add() counts in it */
size_t px_targets_enroll(const struct px_targets *t, int map, uint32_t *alive)
{
	struct enroll e = { t, map, alive, 0 };
	struct px_proc p;

	for (size_t i = 0; i < t->pid_count; i++)
		if (px_proc_read(t->pids[i], &p))
			enroll_add(&e, &p, PX_TARGET_NAMED | enroll_conditions(t, &p));
	if (!t->pid_count)
		px_procs_each(enroll_itself, &e);
	/*
	 * What a process forks once it is in the table, the kernel side enters; what it forked
	 * before is in /proc by now. So a pass that finds nobody new was the last one.
	 */
	for (size_t pass = 0, before = SIZE_MAX;
	     t->follow && pass < ENROLL_PASSES && before != e.added; pass++) {
		before = e.added;
		px_procs_each(enroll_child, &e);
	}
	return e.added;
}

void px_targets_clean(int map, uint64_t now_ns)
{
	uint32_t key, next;
	struct px_abi_target t;
	int more = bpf_map_get_next_key(map, NULL, &next);

	while (more == 0) {
		key = next;
		more = bpf_map_get_next_key(map, &key, &next);
		if (bpf_map_lookup_elem(map, &key, &t) == 0 && t.ended_ns &&
		    now_ns - t.ended_ns > ENROLL_ENDED_NS && now_ns > t.ended_ns)
			bpf_map_delete_elem(map, &key);
	}
}

void px_targets_each(int map, void (*fn)(void *ctx, uint32_t pid), void *ctx)
{
	uint32_t key, next;
	struct px_abi_target t;
	int more = bpf_map_get_next_key(map, NULL, &next);

	while (more == 0) {
		key = next;
		more = bpf_map_get_next_key(map, &key, &next);
		if (bpf_map_lookup_elem(map, &key, &t) == 0 && t.flags & PX_TARGET_ON &&
		    !t.ended_ns)
			fn(ctx, key);
	}
}
