/* SPDX-License-Identifier: Apache-2.0 */
#include "shell/history.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

char *px_history_path(void)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	char *path = NULL;
	int len;

	if (state && *state == '/')
		len = asprintf(&path, "%s/pxtrace/history", state);
	else if (home && *home == '/')
		len = asprintf(&path, "%s/.local/state/pxtrace/history", home);
	else
		return NULL;
	if (len < 0)
		return NULL;
	if (px_file_make_folders(path) == 0)
		return path;
	free(path);
	return NULL;
}

void px_history_read(const char *path, void (*add)(const char *line))
{
	/* What lies there may be a pipe that nobody writes to. */
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	struct stat st;
	char *line = NULL;
	size_t size = 0;
	ssize_t len;

	if (!file) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	       (len = getline(&line, &size, file)) > 0) {
		if (line[len - 1] == '\n')
			line[len - 1] = '\0';
		if (*line)
			add(line);
	}
	free(line);
	fclose(file);
}

void px_history_write(const char *path, const char *(*line)(size_t n))
{
	struct px_error err;
	const char *text;
	FILE *file;
	int fd;

	fd = line(0) ? px_file_create(path, &err) : -1;
	if (fd < 0)
		return;
	file = fdopen(fd, "w");
	if (!file) {
		close(fd);
		return;
	}
	for (size_t n = 0; (text = line(n)); n++)
		fprintf(file, "%s\n", text);
	fclose(file);
}
