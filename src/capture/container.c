/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/container.h"

#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CONTAINER_FILE_MAX (4 << 20)

static bool container_is_hex(const char *s, size_t len)
{
	return len > 0 && strspn(s, "0123456789abcdef") >= len;
}

/*
 * A whole file as a text of the heap; NULL where it cannot be read or is larger than such files
 * are.
 */
static char *container_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t room = 1 << 16, n = 0;
	char *text = fd < 0 ? NULL : malloc(room);

	while (text) {
		ssize_t got = read(fd, text + n, room - n - 1);
		char *grown;

		if (got <= 0)
			break;
		n += (size_t)got;
		if (n + 1 < room)
			continue;
		grown = room < CONTAINER_FILE_MAX ? realloc(text, room *= 2) : NULL;
		if (!grown) {
			free(text);
			text = NULL;
			break;
		}
		text = grown;
	}
	if (fd >= 0)
		close(fd);
	if (text)
		text[n] = '\0';
	return text;
}

/*
 * The string after `"key":` in a JSON text, from `from` on. The runtimes write these files
 * themselves, ids are hex and names need no escapes, so looking for the key is enough.
 */
static const char *container_json(const char *from, const char *key, size_t *len)
{
	size_t key_len = strlen(key);

	for (const char *at = from; (at = strstr(at, key)); at += key_len) {
		const char *value = at + key_len;

		if (at == from || at[-1] != '"' || *value != '"')
			continue;
		value++;
		value += strspn(value, " \t\r\n");
		if (*value != ':')
			continue;
		value++;
		value += strspn(value, " \t\r\n[");
		if (*value != '"')
			continue;
		*len = strcspn(value + 1, "\"");
		return value + 1;
	}
	return NULL;
}

static bool container_id_take(const char *text, size_t len, char id[PX_CONTAINER_ID_MAX])
{
	if (len >= PX_CONTAINER_ID_MAX || !container_is_hex(text, len))
		return false;
	memcpy(id, text, len);
	id[len] = '\0';
	return true;
}

/* docker: containers/ID/config.v2.json has "Name":"/NAME". */
static bool container_docker(const char *path, const char *name, char *id)
{
	char *text = container_file(path);
	const char *dir = strrchr(path, '/'), *have;
	size_t len = 0;
	bool found = false;

	if (!text)
		return false;
	/* Other objects in it have a Name too; the container's begins with a slash. */
	for (const char *from = text; !found && (have = container_json(from, "Name", &len));
	     from = have)
		found = len == strlen(name) + 1 && have[0] == '/' &&
			memcmp(have + 1, name, len - 1) == 0;
	free(text);
	while (dir > path && dir[-1] != '/')
		dir--;
	return found && container_id_take(dir, strcspn(dir, "/"), id);
}

/* podman: containers.json is a list of {"id":"ID","names":["NAME"],...}. */
static bool container_podman(const char *path, const char *name, char *id)
{
	char *text = container_file(path);
	size_t id_len = 0, len = 0;
	bool found = false;

	for (const char *at = text, *next; at && !found && (at = container_json(at, "id", &id_len));
	     at = next) {
		const char *have = container_json(at, "names", &len), *other;

		next = at + id_len;
		other = container_json(next, "id", &(size_t){ 0 });
		found = have && (!other || have < other) && len == strlen(name) &&
			memcmp(have, name, len) == 0 && container_id_take(at, id_len, id);
	}
	free(text);
	return found;
}

/* nerdctl: a file per name that holds the id. */
static bool container_nerdctl(const char *path, const char *name, char *id)
{
	char *text = strcmp(strrchr(path, '/') + 1, name) == 0 ? container_file(path) : NULL;
	bool found = text && container_id_take(text, strcspn(text, "\n"), id);

	free(text);
	return found;
}

/*
 * containerd under Kubernetes: the bundle's config.json has the container's name among its
 * annotations.
 */
static bool container_cri(const char *path, const char *name, char *id)
{
	char *text = container_file(path);
	const char *dir = strrchr(path, '/'), *have;
	size_t len = 0;
	bool found;

	have = text ? container_json(text, "io.kubernetes.cri.container-name", &len) : NULL;
	found = have && len == strlen(name) && memcmp(have, name, len) == 0;
	free(text);
	while (dir > path && dir[-1] != '/')
		dir--;
	return found && container_id_take(dir, strcspn(dir, "/"), id);
}

static const struct {
	const char *files;
	bool (*look)(const char *path, const char *name, char *id);
} container_stores[] = {
	{ "/var/lib/docker/containers/*/config.v2.json", container_docker },
	{ "/var/lib/containers/storage/*-containers/containers.json", container_podman },
	{ "/home/*/.local/share/containers/storage/*-containers/containers.json",
	  container_podman },
	{ "/var/lib/nerdctl/*/names/*/*", container_nerdctl },
	{ "/run/containerd/io.containerd.runtime.v2.task/k8s.io/*/config.json", container_cri },
};

bool px_container_by_name(const char *name, char id[PX_CONTAINER_ID_MAX])
{
	for (size_t i = 0; i < PX_COUNT(container_stores); i++) {
		glob_t files;
		bool found = false;

		if (glob(container_stores[i].files, GLOB_NOSORT, NULL, &files) == 0)
			for (size_t k = 0; k < files.gl_pathc && !found; k++)
				found = container_stores[i].look(files.gl_pathv[k], name, id);
		globfree(&files);
		if (found)
			return true;
	}
	return false;
}

struct px_bytes px_container_of_group(struct px_bytes group, bool *is_name)
{
	static const struct px_bytes named[] = { PX_BYTES("lxc.payload."), PX_BYTES("lxc.payload/"),
						 PX_BYTES("machine-") };
	size_t at;

	if (px_bytes_ends(group, PX_BYTES(".scope")))
		group.len -= sizeof(".scope") - 1;
	for (size_t i = 0; i < PX_COUNT(named); i++) {
		*is_name = px_bytes_starts(group, named[i]);
		if (*is_name)
			return px_bytes_sub(group, named[i].len, group.len);
	}
	for (at = group.len; at > 0 && group.ptr[at - 1] != '-';)
		at--;
	/* libpod-conmon-ID.scope holds the process that looks after the container. */
	if (group.len - at != 64 || !container_is_hex(group.ptr + at, 64) ||
	    px_bytes_starts(group, PX_BYTES("libpod-conmon-")))
		return PX_BYTES("");
	return px_bytes_sub(group, at, 64);
}

bool px_container_is_group(const char *group, const char *id, const char *name)
{
	bool is_name;
	struct px_bytes container = px_container_of_group(px_bytes_str(group), &is_name);

	if (container.len == 0)
		return false;
	if (is_name)
		return name && px_bytes_eq(container, px_bytes_str(name));
	return id && px_bytes_starts(container, px_bytes_str(id));
}
