/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/old.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "capture/procs.h"

void px_old_fini(struct px_old *o)
{
	free(o->inos);
	*o = (struct px_old){ 0 };
}

void px_old_note(void *list, uint64_t ino)
{
	struct px_old *o = list;
	size_t room = o->room ? 2 * o->room : 64;
	uint64_t *grown;

	if (o->count == o->room) {
		grown = realloc(o->inos, room * sizeof(*grown));
		if (!grown) {
			o->misses = true;
			return;
		}
		o->inos = grown;
		o->room = room;
	}
	o->inos[o->count++] = ino;
}

bool px_old_each(uint32_t pid, void (*fn)(void *ctx, uint64_t ino), void *ctx)
{
	char path[64], target[64];
	struct dirent *d;
	uint64_t ino;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%u/fd", pid);
	dir = opendir(path);
	while (dir && (d = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), d->d_name, target, sizeof(target) - 1);

		target[n > 0 ? n : 0] = '\0';
		if (sscanf(target, "socket:[%" SCNu64 "]", &ino) == 1)
			fn(ctx, ino);
	}
	if (dir)
		closedir(dir);
	return dir != NULL;
}

void px_old_add(struct px_old *o, uint32_t pid)
{
	px_old_each(pid, px_old_note, o);
}

static bool old_of(void *ctx, const struct px_proc *p)
{
	px_old_add(ctx, p->pid);
	return true;
}

void px_old_add_all(struct px_old *o)
{
	px_procs_each(old_of, o);
}

static int old_compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

bool px_old_has(struct px_old *o, uint64_t ino)
{
	if (o->count == 0 || o->misses)
		return o->misses;
	if (o->sorted != o->count)
		qsort(o->inos, o->count, sizeof(*o->inos), old_compare);
	o->sorted = o->count;
	return bsearch(&ino, o->inos, o->count, sizeof(*o->inos), old_compare) != NULL;
}
