/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/roster.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "capture/procs.h"

/* A service that is restarted, for one, has a new control group at the old path. */
static void roster_renew_groups(struct px_roster *r)
{
	struct stat st;

	for (uint32_t i = 0; i < r->group_count; i++) {
		int fd;

		if (!r->groups[i].path || stat(r->groups[i].path, &st) < 0 ||
		    st.st_ino == r->groups[i].ino)
			continue;
		fd = open(r->groups[i].path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0 && bpf_map_update_elem(r->cgroups, &i, &fd, 0) == 0)
			r->groups[i].ino = st.st_ino;
		if (fd >= 0)
			close(fd);
	}
}

static void roster_keep_groups(struct px_roster *r, const struct px_targets *t)
{
	struct stat st;

	for (size_t i = 0; i < t->cgroup_count; i++) {
		r->groups[i].path = t->cgroup_paths[i] ? strdup(t->cgroup_paths[i]) : NULL;
		r->groups[i].ino = fstat(t->cgroups[i], &st) == 0 ? st.st_ino : 0;
	}
	r->group_count = t->cgroup_count;
}

size_t px_roster_begin(struct px_roster *r, const struct px_targets *t,
		       const struct px_loaded *loaded, struct px_abi_shared *shared)
{
	*r = (struct px_roster){ .map = loaded->maps[PX_MAP_TARGETS],
				 .cgroups = loaded->maps[PX_MAP_CGROUPS],
				 .shared = shared,
				 .has_table = px_targets_change(t),
				 .later = t->later,
				 .unchosen = t->unchosen,
				 .follow = t->follow,
				 .is_listed = px_targets_use_map(t) && px_targets_needs(t) };
	roster_keep_groups(r, t);
	return px_targets_use_map(t) ? px_targets_enroll(t, r->map, &shared->targets) : 0;
}

void px_roster_fini(struct px_roster *r)
{
	for (size_t i = 0; i < r->group_count; i++)
		free(r->groups[i].path);
	r->group_count = 0;
}

/* Who is left, where the number of processes in the table does not tell. */
struct roster_left {
	size_t targets, out;
};

static void roster_count(void *ctx, uint32_t pid, const struct px_abi_target *entry)
{
	struct roster_left *left = ctx;

	(void)pid;
	left->targets += (entry->flags & PX_TARGET_ON) != 0;
	left->out += (entry->flags & PX_TARGET_OUT) != 0;
}

static void roster_look(struct px_roster *r)
{
	struct roster_left left = { 0 };

	px_targets_each(r->map, roster_count, &left);
	r->has_left = left.out > 0;
	r->is_empty = left.targets == 0;
}

void px_roster_tick(struct px_roster *r)
{
	uint32_t ended = __atomic_load_n(&r->shared->ended, __ATOMIC_RELAXED);

	roster_renew_groups(r);
	/* An entry is taken out a second after its process has ended, so look again. */
	if (ended != r->ended)
		r->to_clean = 3;
	r->ended = ended;
	if (r->has_left)
		roster_look(r);
	if (!r->has_table || !r->to_clean)
		return;
	r->to_clean--;
	px_targets_clean(r->map, px_clock_mono_ns());
}

bool px_roster_is_gone(const struct px_roster *r)
{
	if (!r->has_table || r->awaits)
		return false;
	return r->has_left ? r->is_empty
			   : __atomic_load_n(&r->shared->targets, __ATOMIC_SEQ_CST) == 0;
}

bool px_roster_is_out(const struct px_roster *r, uint32_t pid)
{
	bool is_out, is_target;

	if (!r->later || !pid)
		return false;
	is_target = px_targets_has(r->map, pid, &is_out);
	return is_out || (r->unchosen && r->shared->has_chosen && !is_target);
}

int px_roster_add(struct px_roster *r, uint32_t pid, struct px_error *err)
{
	int added;

	if (!r->later)
		return px_error_set(err, PX_EXIT_USAGE,
				    "without -a the first one that is added is the only target",
				    "-a: all processes are traced already");
	if (pid == (uint32_t)getpid())
		return px_error_set(err, PX_EXIT_TARGET, NULL, "process %u is pxtrace itself", pid);
	added = px_targets_add(r->map, &r->shared->targets, pid, r->follow);
	if (added < 0)
		return px_error_set(err, PX_EXIT_FAILED, NULL, "process %u cannot be added: %s",
				    pid, strerror(-added));
	if (added == 0)
		return px_error_set(err, PX_EXIT_TARGET, NULL, "process %u is a target already",
				    pid);
	if (r->unchosen && !r->shared->has_chosen) {
		__atomic_store_n(&r->shared->has_chosen, 1, __ATOMIC_SEQ_CST);
		r->out_ns = px_clock_mono_ns();
	}
	roster_look(r);
	r->awaits = false;
	return 0;
}

int px_roster_remove(struct px_roster *r, uint32_t pid, struct px_error *err)
{
	bool is_out;

	if (!r->later || (r->unchosen && !r->shared->has_chosen))
		return px_error_set(err, PX_EXIT_USAGE,
				    r->later ? ".target -p PID traces that one only" : NULL,
				    "all processes are traced: none can be left out");
	if (!px_targets_has(r->map, pid, &is_out))
		return px_error_set(
			err, PX_EXIT_TARGET, ".target lists those that can be taken out",
			"process %u is none of the targets that are known by their number", pid);
	px_targets_remove(r->map, pid, r->follow);
	r->out_ns = px_clock_mono_ns();
	roster_look(r);
	r->awaits = r->is_empty;
	return 0;
}

/* Hands over the list one by one. */
struct roster_teller {
	px_source_target_fn fn;
	void *ctx;
};

static void roster_tell(void *ctx, uint32_t pid, const struct px_abi_target *entry)
{
	const struct roster_teller *to = ctx;
	struct px_source_target t = { .pid = pid };
	struct px_proc p;

	if (!(entry->flags & PX_TARGET_ON) || !px_proc_read(pid, &p))
		return;
	snprintf(t.comm, sizeof(t.comm), "%s", p.comm);
	if (entry->is_named)
		t.how = PX_TARGET_BY_NUMBER;
	else if (entry->flags & (PX_TARGET_NAMED | PX_TARGET_FOLLOWED | PX_TARGET_ADDED))
		t.how = PX_TARGET_BY_PARENT;
	else
		t.how = PX_TARGET_BY_MATCH;
	to->fn(to->ctx, &t);
}

bool px_roster_each(const struct px_roster *r, px_source_target_fn fn, void *ctx)
{
	struct roster_teller to = { fn, ctx };

	if (r->has_table)
		px_targets_each(r->map, roster_tell, &to);
	return r->is_listed || (r->unchosen && r->shared->has_chosen);
}
