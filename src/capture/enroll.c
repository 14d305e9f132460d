/* SPDX-License-Identifier: Apache-2.0 */
/* The table of targets, as far as user space writes to it. */
#include "capture/target.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi.h"
#include "base/clock.h"
#include "capture/procs.h"

#define ENROLL_PASSES 16		/* generations that are born while we look */
#define ENROLL_ADDED (PX_TARGET_NAMED | PX_TARGET_ADDED | PX_TARGET_ON)
#define ENROLL_ENDED_NS 1000000000ull	/* after this time a process has closed its files */

struct enroll {
	const struct px_targets *t;	/* NULL: it has begun, and who is added has no conditions to meet */
	int map;
	uint32_t *alive;
	size_t added;
	int err;	/* why an entry could not be made */
	uint32_t *kin;	/* the family that is added, or (alive NULL) taken out */
	size_t kin_count, kin_room;
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
static void enroll_add(struct enroll *e, const struct px_proc *p, uint32_t flags, bool is_named)
{
	uint32_t needs = e->t ? px_targets_needs(e->t) : 0;
	struct px_abi_target entry = { .flags = flags, .is_named = is_named };
	struct px_proc again;
	int err;

	if ((flags & needs) == needs || (flags & PX_TARGET_FOLLOWED))
		entry.flags |= PX_TARGET_ON;
	err = bpf_map_update_elem(e->map, &p->pid, &entry, BPF_NOEXIST);
	if (err < 0) {
		e->err = err == -EEXIST ? e->err : err;
		return;
	}
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

/*
 * Write an entry anew. If its process ended meanwhile, what the kernel side has noted of that is
 * overwritten now.
 */
static void enroll_write(const struct enroll *e, uint32_t pid, struct px_abi_target *own)
{
	struct px_proc again;

	if (bpf_map_update_elem(e->map, &pid, own, BPF_EXIST) < 0 || own->ended_ns)
		return;
	if (px_proc_read(pid, &again) && again.state != 'Z' && again.state != 'X')
		return;
	own->ended_ns = px_clock_mono_ns();
	bpf_map_update_elem(e->map, &pid, own, BPF_EXIST);
}

/* One that has an entry gets these flags, too. */
static void enroll_again(struct enroll *e, const struct px_proc *p, struct px_abi_target *own,
			 uint32_t flags)
{
	e->added += !(own->flags & PX_TARGET_ON);
	own->flags = (own->flags & ~(uint32_t)PX_TARGET_OUT) | flags | PX_TARGET_ON;
	enroll_write(e, p->pid, own);
}

static void enroll_remove(struct enroll *e, const struct px_proc *p, struct px_abi_target *own)
{
	e->added++;
	own->flags = PX_TARGET_OUT | (own->flags & (PX_TARGET_COMM | PX_TARGET_EXE));
	own->is_named = false;
	enroll_write(e, p->pid, own);
}

/* The first pass: those that are targets by themselves. */
static bool enroll_itself(void *ctx, const struct px_proc *p)
{
	struct enroll *e = ctx;
	uint32_t flags = enroll_conditions(e->t, p);

	if (flags && p->pid != (uint32_t)getpid())
		enroll_add(e, p, flags, false);
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
	if (bpf_map_lookup_elem(e->map, &p->pid, &own) < 0)
		enroll_add(e, p, flags | enroll_conditions(e->t, p), false);
	else if (flags & ~own.flags)	/* matches by itself, and is a child of one that does */
		enroll_again(e, p, &own, flags | enroll_conditions(e->t, p));
	return true;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): enroll_add() counts in it */
size_t px_targets_enroll(const struct px_targets *t, int map, uint32_t *alive)
{
	struct enroll e = { .t = t, .map = map, .alive = alive };
	struct px_proc p;

	for (size_t i = 0; i < t->pid_count; i++)
		if (px_proc_read(t->pids[i], &p))
			enroll_add(&e, &p, PX_TARGET_NAMED | enroll_conditions(t, &p), true);
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

/* The entry of process pid, if it is there and has not ended. */
static bool enroll_find(int map, uint32_t pid, struct px_abi_target *own)
{
	return bpf_map_lookup_elem(map, &pid, own) == 0 && !own->ended_ns;
}

static bool enroll_is_kin(const struct enroll *e, uint32_t pid)
{
	for (size_t i = 0; i < e->kin_count; i++)
		if (e->kin[i] == pid)
			return true;
	return false;
}

/* p belongs to the family that is added or taken out. */
static void enroll_join(struct enroll *e, const struct px_proc *p)
{
	struct px_abi_target own;
	bool is_there = enroll_find(e->map, p->pid, &own), is_head = e->kin_count == 0;
	size_t room = e->kin_room ? 2 * e->kin_room : 64;
	uint32_t *grown;

	if (e->kin_count == e->kin_room) {
		grown = realloc(e->kin, room * sizeof(*grown));
		if (!grown) {
			e->err = -ENOMEM;
			return;
		}
		e->kin = grown;
		e->kin_room = room;
	}
	e->kin[e->kin_count++] = p->pid;
	if (!e->alive) {
		if (is_there && own.flags & PX_TARGET_ON)
			enroll_remove(e, p, &own);
	} else if (!is_there) {
		bpf_map_delete_elem(e->map, &p->pid);	/* of one that had this number before */
		enroll_add(e, p, ENROLL_ADDED, is_head);
	} else if (ENROLL_ADDED & ~own.flags || (is_head && !own.is_named)) {
		own.is_named |= is_head;
		enroll_again(e, p, &own, ENROLL_ADDED);
	}
}

static bool enroll_kin(void *ctx, const struct px_proc *p)
{
	struct enroll *e = ctx;

	if (p->state != 'Z' && p->pid != (uint32_t)getpid() && enroll_is_kin(e, p->parent) &&
	    !enroll_is_kin(e, p->pid))
		enroll_join(e, p);
	return true;
}

/*
 * Process pid, then what it forked: as soon as a process is dealt with, so is all that it forks
 * later.
 */
static void enroll_family(struct enroll *e, uint32_t pid, bool follow)
{
	struct px_proc p;

	if (px_proc_read(pid, &p))
		enroll_join(e, &p);
	for (size_t before = 0; follow && !e->err && before != e->kin_count;) {
		before = e->kin_count;
		px_procs_each(enroll_kin, e);
	}
	free(e->kin);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): enroll_add() counts in it */
int px_targets_add(int map, uint32_t *alive, uint32_t pid, bool follow)
{
	struct enroll e = { .map = map, .alive = alive };

	enroll_family(&e, pid, follow);
	return e.added ? (int)e.added : e.err;
}

size_t px_targets_remove(int map, uint32_t pid, bool follow)
{
	struct enroll e = { .map = map };

	enroll_family(&e, pid, follow);
	return e.added;
}

bool px_targets_has(int map, uint32_t pid, bool *is_out)
{
	struct px_abi_target own;
	bool found = enroll_find(map, pid, &own);

	*is_out = found && own.flags & PX_TARGET_OUT;
	return found && own.flags & PX_TARGET_ON;
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

void px_targets_each(int map,
		     void (*fn)(void *ctx, uint32_t pid, const struct px_abi_target *entry),
		     void *ctx)
{
	uint32_t key, next;
	struct px_abi_target t;
	int more = bpf_map_get_next_key(map, NULL, &next);

	while (more == 0) {
		key = next;
		more = bpf_map_get_next_key(map, &key, &next);
		if (bpf_map_lookup_elem(map, &key, &t) == 0 && !t.ended_ns)
			fn(ctx, key, &t);
	}
}
