/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/whose.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/container.h"
#include "capture/procs.h"

#define WHOSE_SLOTS 512 /* processes that are known at a time */
#define WHOSE_FRESH_NS 1000000000ull
#define WHOSE_EXE_MAX 256
#define WHOSE_TEXT_MAX 1024 /* of /proc/PID/cgroup */

struct whose_entry {
	struct px_proc proc;
	uint64_t read_ns;
	struct px_whose_place place;
	char exe[WHOSE_EXE_MAX], text[WHOSE_TEXT_MAX];
};

struct px_whose {
	struct whose_entry *slots[WHOSE_SLOTS];
};

struct px_whose *px_whose_new(void)
{
	return calloc(1, sizeof(struct px_whose));
}

void px_whose_free(struct px_whose *w)
{
	for (size_t i = 0; w && i < WHOSE_SLOTS; i++)
		free(w->slots[i]);
	free(w);
}

/*
 * A line is NUMBER:CONTROLLERS:PATH. Empty: it is of another hierarchy, or the group is the root.
 */
static struct px_bytes whose_group(struct px_bytes line, struct px_bytes controllers)
{
	size_t at = px_bytes_find(line, 0, ':') + 1;
	struct px_bytes rest = px_bytes_sub(line, at, line.len);

	if (!px_bytes_starts(rest, controllers) || rest.len < controllers.len + 2)
		return PX_BYTES("");
	return px_bytes_sub(rest, controllers.len, rest.len);
}

/* Of the components of a group's path the innermost ones count. */
static void whose_components(struct px_whose_place *out)
{
	struct px_bytes path = out->cgroup;

	for (size_t at = 1, end; at < path.len; at = end + 1) {
		struct px_bytes part, container;
		bool is_name;

		end = px_bytes_find(path, at, '/');
		part = px_bytes_sub(path, at, end - at);
		container = px_container_of_group(part, &is_name);
		if (container.len > 0)
			out->container = container;
		else if (px_bytes_ends(part, PX_BYTES(".service")) ||
			 px_bytes_ends(part, PX_BYTES(".scope")))
			out->unit = part;
	}
}

void px_whose_read(struct px_bytes text, struct px_whose_place *out)
{
	struct px_bytes second = PX_BYTES("");

	out->cgroup = out->unit = out->container = PX_BYTES("");
	for (size_t at = 0, end; at < text.len; at = end + 1) {
		struct px_bytes line, group;

		end = px_bytes_find(text, at, '\n');
		line = px_bytes_sub(text, at, end - at);
		group = px_bytes_starts(line, PX_BYTES("0::")) ? whose_group(line, PX_BYTES(":"))
							       : PX_BYTES("");
		if (group.len > 0)
			out->cgroup = group;
		group = whose_group(line, PX_BYTES("name=systemd:"));
		if (group.len > 0)
			second = group;
	}
	if (out->cgroup.len == 0)
		out->cgroup = second;
	whose_components(out);
}

/*
 * Is there this process, and has it been since we looked? One that runs another program has another
 * name.
 */
static bool whose_is_same(const struct whose_entry *e, const struct px_proc *now)
{
	return e->proc.pid == now->pid && e->proc.start == now->start &&
	       strcmp(e->proc.comm, now->comm) == 0;
}

static void whose_look(struct whose_entry *e)
{
	char path[64], exe[WHOSE_EXE_MAX];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/exe", e->proc.pid);
	n = readlink(path, exe, sizeof(exe));
	if (n > 0 && (size_t)n < sizeof(exe)) {
		memcpy(e->exe, exe, (size_t)n);
		e->place.exe = px_bytes_of(e->exe, (size_t)n);
	}
	snprintf(path, sizeof(path), "/proc/%u/cgroup", e->proc.pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	n = read(fd, e->text, sizeof(e->text));
	close(fd);
	px_whose_read(px_bytes_of(e->text, n > 0 ? (size_t)n : 0), &e->place);
}

void px_whose_tell(struct px_whose *w, uint32_t pid, const char *exe, uint64_t ts_ns)
{
	struct whose_entry *e;

	if (!px_whose_of(w, pid, ts_ns) || !*exe)
		return;
	e = w->slots[pid % WHOSE_SLOTS];
	snprintf(e->exe, sizeof(e->exe), "%s", exe);
	e->place.exe = px_bytes_str(e->exe);
}

const struct px_whose_place *px_whose_of(struct px_whose *w, uint32_t pid, uint64_t ts_ns)
{
	struct whose_entry **slot = &w->slots[pid % WHOSE_SLOTS], *e = *slot;
	bool is_known = e && e->proc.pid == pid;
	struct px_proc proc;

	if (is_known && ts_ns < e->read_ns + WHOSE_FRESH_NS) /* or before: two CPUs have no order */
		return &e->place;
	if (!px_proc_read(pid, &proc) || proc.state == 'Z') /* what was known of it was so */
		return is_known ? &e->place : NULL;
	if (!e)
		e = *slot = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	if (!whose_is_same(e, &proc))
		e->place = (struct px_whose_place){ .exe = PX_BYTES("") };
	e->proc = proc;
	e->read_ns = ts_ns;
	whose_look(e);
	return &e->place;
}
