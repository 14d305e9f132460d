/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "capture/container.h"

#define CGROUP_DEPTH_MAX 32
#define CGROUP_MOUNTS_MAX 16

struct cgroup_mounts {
	char v2[PATH_MAX];			/* "" where the host has none */
	char v1[CGROUP_MOUNTS_MAX][PATH_MAX];	/* a hierarchy each, systemd's own first */
	size_t v1_count;
};

static void cgroup_mounts_read(struct cgroup_mounts *m)
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	struct mntent *e;

	m->v2[0] = '\0';
	m->v1_count = 0;
	while (f && (e = getmntent(f))) {
		if (strcmp(e->mnt_type, "cgroup2") == 0 && !m->v2[0]) {
			snprintf(m->v2, sizeof(m->v2), "%s", e->mnt_dir);
		} else if (strcmp(e->mnt_type, "cgroup") == 0 && m->v1_count < CGROUP_MOUNTS_MAX) {
			size_t at = m->v1_count++;

			snprintf(m->v1[at], sizeof(m->v1[0]), "%s", e->mnt_dir);
			if (at && hasmntopt(e, "name=systemd")) {
				memcpy(m->v1[at], m->v1[0], sizeof(m->v1[0]));
				snprintf(m->v1[0], sizeof(m->v1[0]), "%s", e->mnt_dir);
			}
		}
	}
	if (f)
		endmntent(f);
}

struct cgroup_search {
	enum px_cgroup_kind kind;
	const char *text;	/* unit with its suffix; name of a container */
	const char *id;		/* of a container, or NULL */
	uint64_t ino;		/* of the group; 0: any */
	struct px_cgroups *out;
};

static bool cgroup_matches(const struct cgroup_search *s, const char *path)
{
	const char *group = strrchr(path, '/') + 1;
	struct stat st;

	if (s->kind == PX_CGROUP_UNIT)
		return strcmp(group, s->text) == 0;
	if (s->kind == PX_CGROUP_CONTAINER)
		return px_container_is_group(group, s->id, s->text);
	return stat(path, &st) == 0 && st.st_ino == s->ino;
}

static void cgroup_add(struct px_cgroups *out, const char *path)
{
	if (out->count < PX_CGROUPS_FOUND_MAX)
		snprintf(out->path[out->count++], sizeof(out->path[0]), "%s", path);
}

/*
 * Depth first; what is below a match belongs to it. path is PATH_MAX long and comes back as it was.
 */
static void cgroup_walk(const struct cgroup_search *s, char *path, int depth)
{
	size_t len = strlen(path);
	struct dirent *d;
	DIR *dir;

	if (cgroup_matches(s, path)) {
		cgroup_add(s->out, path);
		return;
	}
	dir = depth < CGROUP_DEPTH_MAX ? opendir(path) : NULL;
	while (dir && (d = readdir(dir))) {
		if (d->d_type != DT_DIR || d->d_name[0] == '.')
			continue;
		if (snprintf(path + len, PATH_MAX - len, "/%s", d->d_name) < (int)(PATH_MAX - len))
			cgroup_walk(s, path, depth + 1);
		path[len] = '\0';
	}
	if (dir)
		closedir(dir);
}

/* Version 2 first; where it has nothing, each hierarchy of version 1 until one has. */
static void cgroup_search(const struct cgroup_search *s, const struct cgroup_mounts *m)
{
	char path[PATH_MAX];

	s->out->count = 0;
	s->out->version = 2;
	if (m->v2[0]) {
		snprintf(path, sizeof(path), "%s", m->v2);
		cgroup_walk(s, path, 0);
	}
	for (size_t i = 0; i < m->v1_count && s->out->count == 0 && !s->ino; i++) {
		s->out->version = 1;
		snprintf(path, sizeof(path), "%s", m->v1[i]);
		cgroup_walk(s, path, 0);
	}
}

static bool cgroup_is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Is path the folder root, or below it? */
static bool cgroup_is_below(const char *path, const char *root)
{
	size_t len = strlen(root);

	return strncmp(path, root, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

static void cgroup_by_path(const char *text, const struct cgroup_mounts *m, struct px_cgroups *out)
{
	char path[PATH_MAX];
	const char *below = text + strspn(text, "/");

	out->count = 0;
	out->version = 2;
	if (realpath(text, path) && m->v2[0] && cgroup_is_below(path, m->v2))
		cgroup_add(out, path);
	if (m->v2[0] && !out->count &&
	    snprintf(path, sizeof(path), "%s/%s", m->v2, below) < PATH_MAX &&
	    cgroup_is_folder(path))
		cgroup_add(out, path);
	for (size_t i = 0; i < m->v1_count && !out->count; i++) {
		out->version = 1;
		if ((realpath(text, path) && cgroup_is_below(path, m->v1[i])) ||
		    (snprintf(path, sizeof(path), "%s/%s", m->v1[i], below) < PATH_MAX &&
		     cgroup_is_folder(path)))
			cgroup_add(out, path);
	}
}

static int cgroup_none(enum px_cgroup_kind kind, const char *text, const struct cgroup_mounts *m,
		       struct px_error *err)
{
	if (!m->v2[0] && !m->v1_count)
		return px_error_set(err, PX_EXIT_HOST, "mount -t cgroup2 cgroup2 /sys/fs/cgroup",
				    "no control groups are mounted here");
	if (kind == PX_CGROUP_UNIT)
		return px_error_set(
			err, PX_EXIT_TARGET,
			"systemctl list-units shows what runs; a unit that is stopped has no group",
			"no unit %s is running", text);
	if (kind == PX_CGROUP_CONTAINER)
		return px_error_set(
			err, PX_EXIT_TARGET,
			"give the id that docker ps, podman ps or crictl ps shows, or the group itself with --cgroup",
			"no running container has the name or id %s", text);
	return px_error_set(err, PX_EXIT_TARGET,
			    "systemd-cgls shows what is there; the path may begin below the root",
			    "there is no control group %s", text);
}

/* An id may be shortened as long as it means one container. */
static int cgroup_check_one(const struct px_cgroups *found, const char *text, struct px_error *err)
{
	const char *first = strrchr(found->path[0], '/') + 1;

	for (size_t i = 1; i < found->count; i++)
		if (strcmp(strrchr(found->path[i], '/') + 1, first) != 0)
			return px_error_set(err, PX_EXIT_TARGET, "write more of the id",
					    "several containers begin with %s", text);
	return 0;
}

int px_cgroups_find(enum px_cgroup_kind kind, const char *text, struct px_cgroups *out,
		    struct px_error *err)
{
	struct cgroup_mounts *m = malloc(sizeof(*m));
	struct cgroup_search s = { .kind = kind, .text = text, .out = out };
	char unit[256], id[PX_CONTAINER_ID_MAX], *end;
	int result = 0;

	if (!m)
		return px_error_set(err, PX_EXIT_FAILED, NULL, "no memory");
	cgroup_mounts_read(m);
	switch (kind) {
	case PX_CGROUP_PATH:
		s.ino = strtoull(text, &end, 10);
		if (s.ino && *end == '\0')
			cgroup_search(&s, m);
		else
			cgroup_by_path(text, m, out);
		break;
	case PX_CGROUP_UNIT:
		snprintf(unit, sizeof(unit), "%s%s", text, strchr(text, '.') ? "" : ".service");
		s.text = unit;
		cgroup_search(&s, m);
		break;
	case PX_CGROUP_CONTAINER:
		if (px_container_by_name(text, id))
			s.id = id;
		else if (strlen(text) >= 4 && strspn(text, "0123456789abcdef") == strlen(text))
			s.id = text;
		cgroup_search(&s, m);
		if (out->count && s.id)
			result = cgroup_check_one(out, text, err);
		break;
	}
	if (!out->count)
		result = cgroup_none(kind, s.text, m, err);
	free(m);
	return result;
}

static bool cgroup_read_procs(const char *path, uint32_t **pids, size_t *count)
{
	FILE *f = fopen(path, "re");
	uint32_t pid, *grown;
	bool is_whole = true;

	while (f && fscanf(f, "%" SCNu32, &pid) == 1) {
		if ((*count & 255) == 0) {
			grown = realloc(*pids, (*count + 256) * sizeof(**pids));
			if (!grown) {
				is_whole = false;
				break;
			}
			*pids = grown;
		}
		if (pid)
			(*pids)[(*count)++] = pid;
	}
	if (f)
		fclose(f);
	return is_whole;
}

bool px_cgroup_members(const char *path, uint32_t **pids, size_t *count)
{
	char below[PATH_MAX];
	bool is_whole;
	struct dirent *d;
	DIR *dir;

	if (snprintf(below, sizeof(below), "%s/cgroup.procs", path) >= PATH_MAX)
		return true;
	is_whole = cgroup_read_procs(below, pids, count);
	dir = opendir(path);
	while (is_whole && dir && (d = readdir(dir)))
		if (d->d_type == DT_DIR && d->d_name[0] != '.' &&
		    snprintf(below, sizeof(below), "%s/%s", path, d->d_name) < PATH_MAX)
			is_whole = px_cgroup_members(below, pids, count);
	if (dir)
		closedir(dir);
	return is_whole;
}
