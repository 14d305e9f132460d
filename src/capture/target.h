/* SPDX-License-Identifier: Apache-2.0 */
/* Whose calls are traced: what the user asked for, made into what the kernel side compares. */
#ifndef PX_CAPTURE_TARGET_H
#define PX_CAPTURE_TARGET_H

#include "base/error.h"
#include "base/net.h"
#include "base/words.h"
#include "capture/glob.h"

#define PX_CGROUPS_MAX 16

/* A program file as the kernel knows it, and as stat() on /proc/PID/exe tells it. */
struct px_exe {
	const char *path;	/* absolute, of the heap */
	uint64_t ino;
	uint32_t kernel_dev;	/* s_dev of its file system */
	uint64_t stat_dev, stat_ino;
};

/* What the user typed. Different kinds narrow each other, several of a kind widen it. */
struct px_target_words {
	const uint32_t *pids;
	size_t pid_count;
	bool follow;		/* children of these too */
	bool is_watched;	/* their end has to be seen, whether or not they have children */
	bool later;		/* others may be added, and these taken out, while the trace runs */
	bool unchosen;		/* with later: all are targets until the first one is added */
	struct px_words comms, exes, uids, cgroups, units, containers;
	struct px_ends ends;
};

struct px_targets {
	const uint32_t *pids;	/* borrowed, or own_pids */
	size_t pid_count;
	uint32_t *own_pids;	/* members of a cgroup that the kernel side cannot ask about */
	bool follow, is_watched, later, unchosen;
	struct px_glob comm;	/* end 0: any name */
	struct px_exe exes[PX_WORDS_MAX];
	size_t exe_count;
	uint32_t uids[PX_WORDS_MAX];
	size_t uid_count;
	int cgroups[PX_CGROUPS_MAX];	/* descriptors of their folders */
	char *cgroup_paths[PX_CGROUPS_MAX];	/* and where they are, of the heap */
	size_t cgroup_count;
	struct px_ends ends;	/* which of their connections */
	uint32_t own_group;	/* process group that is left out; 0: none, because processes were named */
	uint32_t pid_ns;	/* number of our pid namespace; 0: the first one, whose ids are the kernel's */
	char note[160];		/* what the user should know about it, or "" */
};

#define PX_TARGET_PIDS_INLINE 8	/* this many are compiled in as constants */

/* Does their table change as processes fork and run other programs? */
static inline bool px_targets_change(const struct px_targets *t)
{
	return t->comm.end || t->exe_count || t->later ||
	       ((t->follow || t->is_watched) && t->pid_count);
}

/* Do the targets live in a table, rather than in constants? */
static inline bool px_targets_use_map(const struct px_targets *t)
{
	return t->pid_count > PX_TARGET_PIDS_INLINE || px_targets_change(t);
}

/* The conditions that an entry of the table has to meet: PX_TARGET_ flags. */
uint32_t px_targets_needs(const struct px_targets *t);

/*
 * Find out what words mean on this host. Returns 0; -1 with err filled: PX_EXIT_TARGET for what is
 * not there, PX_EXIT_USAGE for what is not well formed. words and what they point to have to
 * outlive t.
 */
PX_MUST_USE int px_targets_resolve(const struct px_target_words *words, struct px_targets *t,
				   struct px_error *err);
void px_targets_fini(struct px_targets *t);

/*
 * Enter the processes that exist already into the table of targets, once the programs that keep it
 * are attached. map: its descriptor. alive: counter beside it, shared with the kernel side. Returns
 * how many were entered.
 */
size_t px_targets_enroll(const struct px_targets *t, int map, uint32_t *alive);

/*
 * Take out those that ended a while before now_ns (CLOCK_MONOTONIC): all their sockets are closed.
 */
void px_targets_clean(int map, uint64_t now_ns);

struct px_abi_target;

/* Call fn for each entry of the table whose process has not ended: not all are targets. */
void px_targets_each(int map,
		     void (*fn)(void *ctx, uint32_t pid, const struct px_abi_target *entry),
		     void *ctx);

/*
 * Make process pid a target while the trace runs, and with follow what it has forked; what it will
 * fork the kernel side enters. Returns how many became targets, 0 where pid was one already or is
 * not there any more, or a negative errno: the table is full.
 */
PX_MUST_USE int px_targets_add(int map, uint32_t *alive, uint32_t pid, bool follow);

/*
 * Take process pid out, and with follow those of the table that it forked. An entry stays until its
 * process ends. Returns how many were targets until now.
 */
size_t px_targets_remove(int map, uint32_t pid, bool follow);

/* Is it a target of the table? Sets *is_out if it is one that was taken out. */
bool px_targets_has(int map, uint32_t pid, bool *is_out);

#endif
