/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/procs.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

bool px_proc_read(uint32_t pid, struct px_proc *out)
{
	char path[64], text[512], *name, *end;
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	got = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (got <= 0)
		return false;
	text[got] = '\0';
	/* "PID (NAME) STATE PPID ...": the name may have brackets and blanks itself. */
	name = strchr(text, '(');
	end = strrchr(text, ')');
	if (!name || !end || end < name)
		return false;
	*end = '\0';
	out->pid = pid;
	snprintf(out->comm, sizeof(out->comm), "%s", name + 1);
	return sscanf(end + 1,
		      " %c %u %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %" SCNu64,
		      &out->state, &out->parent, &out->start) == 3;
}

void px_procs_each(bool (*fn)(void *ctx, const struct px_proc *p), void *ctx)
{
	DIR *dir = opendir("/proc");
	struct px_proc proc;
	struct dirent *d;

	while (dir && (d = readdir(dir))) {
		char *end;
		unsigned long pid = strtoul(d->d_name, &end, 10);

		if (pid && *end == '\0' && px_proc_read((uint32_t)pid, &proc) && !fn(ctx, &proc))
			break;
	}
	if (dir)
		closedir(dir);
}
