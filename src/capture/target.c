/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/target.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ns.h"
#include "capture/cgroup.h"

static int target_comm(struct px_targets *t, const char *pattern, struct px_error *err)
{
	int why = px_glob_add(&t->comm, pattern);

	if (why == -ENOBUFS)
		return px_error_set(err, PX_EXIT_USAGE, "give fewer, or shorter ones",
				    "--comm %s: the names together are too long", pattern);
	if (why)
		return px_error_set(err, PX_EXIT_USAGE,
				    "write a name as ps -o comm shows it; * ? [a-z] as in a shell",
				    "--comm '%s' is no name or pattern", pattern);
	return 0;
}

/*
 * Device number of the file system that fd is on, as the kernel has it: stat() gives another one on
 * some.
 */
static bool target_kernel_dev(int fd, uint32_t *dev)
{
	char path[64], line[1024];
	unsigned int id, wanted = 0, major, minor;
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "mnt_id: %u", &wanted) == 1)
			break;
	if (f)
		fclose(f);
	f = fopen("/proc/self/mountinfo", "re");
	while (f && !found && fgets(line, sizeof(line), f))
		if (sscanf(line, "%u %*u %u:%u", &id, &major, &minor) == 3 && id == wanted) {
			*dev = major << 20 | minor;	/* MKDEV() */
			found = true;
		}
	if (f)
		fclose(f);
	return found;
}

static int target_exe(struct px_targets *t, const char *path, struct px_error *err)
{
	struct px_exe *e = &t->exes[t->exe_count];
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		int why = fd < 0 ? errno : EINVAL;

		if (fd >= 0)
			close(fd);
		return px_error_set(err, PX_EXIT_TARGET,
				    "give the program's file: --exe /usr/sbin/nginx",
				    "--exe %s: %s", path,
				    why == EINVAL ? "not a file" : strerror(why));
	}
	e->stat_dev = st.st_dev;
	e->stat_ino = e->ino = st.st_ino;
	target_kernel_dev(fd, &e->kernel_dev);
	close(fd);
	e->path = realpath(path, NULL);
	if (!e->path)
		return px_error_set(err, PX_EXIT_FAILED, NULL, "--exe %s: %s", path,
				    strerror(errno));
	t->exe_count++;
	return 0;
}

static int target_uid(struct px_targets *t, const char *text, struct px_error *err)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);
	const struct passwd *user = *end || end == text ? getpwnam(text) : NULL;

	if (!user && (*end || end == text || number > UINT32_MAX))
		return px_error_set(err, PX_EXIT_TARGET,
				    "getent passwd lists the users; a number will do too",
				    "--uid %s: there is no such user", text);
	t->uids[t->uid_count++] = user ? user->pw_uid : (uint32_t)number;
	return 0;
}

/*
 * Groups that the kernel side cannot be asked about: those who are in them now, and their children.
 */
static int target_members(struct px_targets *t, const struct px_cgroups *found,
			  struct px_error *err)
{
	for (size_t i = 0; i < found->count; i++)
		if (!px_cgroup_members(found->path[i], &t->own_pids, &t->pid_count))
			return px_error_set(err, PX_EXIT_FAILED, NULL, "no memory");
	if (t->pid_count == 0)
		return px_error_set(err, PX_EXIT_TARGET, "name a group with processes in it",
				    "%s is empty", found->path[0]);
	t->pids = t->own_pids;
	t->follow = true;
	snprintf(
		t->note, sizeof(t->note),
		"this is a control group of version 1: whom it holds now (%zu) and their children are traced, but nobody who joins later",
		t->pid_count);
	return 0;
}

static int target_cgroups(struct px_targets *t, enum px_cgroup_kind kind,
			  const struct px_words *words, struct px_error *err)
{
	struct px_cgroups *found = malloc(sizeof(*found));
	int result = 0;

	if (!found)
		return px_error_set(err, PX_EXIT_FAILED, NULL, "no memory");
	for (size_t i = 0; i < words->count && result == 0; i++) {
		result = px_cgroups_find(kind, words->word[i], found, err);
		if (result == 0 && found->version == 1) {
			if (t->pid_count && t->pids != t->own_pids)
				result = px_error_set(
					err, PX_EXIT_HOST, "leave one of the two out",
					"-p and a control group of version 1 cannot be combined");
			else
				result = target_members(t, found, err);
			continue;
		}
		for (size_t k = 0; k < found->count && result == 0; k++) {
			int fd = open(found->path[k], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

			if (fd < 0)
				result = px_error_set(err, PX_EXIT_TARGET, NULL, "%s: %s",
						      found->path[k], strerror(errno));
			else if (t->cgroup_count == PX_CGROUPS_MAX)
				result = px_error_set(err, PX_EXIT_USAGE,
						      "name one that holds them all",
						      "too many control groups");
			if (result == 0) {
				t->cgroup_paths[t->cgroup_count] = strdup(found->path[k]);
				t->cgroups[t->cgroup_count++] = fd;
			} else if (fd >= 0) {
				close(fd);
			}
		}
	}
	if (result == 0 && t->cgroup_count && t->own_pids)
		result = px_error_set(err, PX_EXIT_HOST, "trace them one after the other",
				      "control groups of version 1 and 2 cannot be combined");
	free(found);
	return result;
}

int px_targets_resolve(const struct px_target_words *w, struct px_targets *t, struct px_error *err)
{
	int result = 0;

	*t = (struct px_targets){ .pids = w->pids,
				  .pid_count = w->pid_count,
				  .follow = w->follow,
				  .is_watched = w->is_watched,
				  .later = w->later,
				  .unchosen = w->unchosen,
				  .ends = w->ends,
				  .pid_ns = px_ns_own_pids() };
	for (size_t i = 0; i < w->comms.count && result == 0; i++)
		result = target_comm(t, w->comms.word[i], err);
	for (size_t i = 0; i < w->exes.count && result == 0; i++)
		result = target_exe(t, w->exes.word[i], err);
	for (size_t i = 0; i < w->uids.count && result == 0; i++)
		result = target_uid(t, w->uids.word[i], err);
	if (result == 0)
		result = target_cgroups(t, PX_CGROUP_PATH, &w->cgroups, err);
	if (result == 0)
		result = target_cgroups(t, PX_CGROUP_UNIT, &w->units, err);
	if (result == 0)
		result = target_cgroups(t, PX_CGROUP_CONTAINER, &w->containers, err);
	if (result) {
		px_targets_fini(t);
		return -1;
	}
	if (!t->pid_count)
		t->own_group = (uint32_t)getpgrp();
	if (t->pid_ns && !t->pid_count && !t->note[0])
		snprintf(
			t->note, sizeof(t->note),
			"in a pid namespace of its own pxtrace sees the processes of that one only: give its container --pid=host");
	return 0;
}

void px_targets_fini(struct px_targets *t)
{
	for (size_t i = 0; i < t->exe_count; i++)
		free((char *)(uintptr_t)t->exes[i].path);
	for (size_t i = 0; i < t->cgroup_count; i++) {
		close(t->cgroups[i]);
		free(t->cgroup_paths[i]);
	}
	free(t->own_pids);
	*t = (struct px_targets){ 0 };
}
