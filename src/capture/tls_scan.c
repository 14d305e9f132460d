/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/tls_scan.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "capture/elf.h"
#include "capture/elf_text.h"

#define SCAN_SEEN_MAX 65536
#define SCAN_CACHE "/etc/ld.so.cache"
#define SCAN_CACHE_MAX (16 << 20)

/* A file as /proc/PID/maps names it. */
struct px_tls_seen {
	uint64_t dev, ino;
};

void px_tls_scan_init(struct px_tls_scan *s, px_tls_object_fn fn, void *ctx)
{
	*s = (struct px_tls_scan){ .fn = fn, .ctx = ctx };
}

void px_tls_scan_fini(struct px_tls_scan *s)
{
	free(s->seen.files);
	free(s->texts.files);
	s->seen.files = s->texts.files = NULL;
}

/* Returns whether the file is met for the first time. */
static bool scan_is_new(struct px_tls_files *f, uint64_t dev, uint64_t ino)
{
	struct px_tls_seen *grown;
	size_t room = f->room ? 2 * f->room : 256;

	for (size_t i = 0; i < f->count; i++)
		if (f->files[i].dev == dev && f->files[i].ino == ino)
			return false;
	if (f->count == f->room) {
		grown = room <= SCAN_SEEN_MAX ? realloc(f->files, room * sizeof(*grown)) : NULL;
		if (!grown)
			return false;
		f->files = grown;
		f->room = room;
	}
	f->files[f->count++] = (struct px_tls_seen){ dev, ino };
	return true;
}

static bool scan_library(const struct px_elf *e, const struct px_tls_library *l, bool is_program,
			 struct px_tls_object *o)
{
	const char *names[PX_TLS_FUNCTIONS_MAX + 2];
	uint64_t found[PX_TLS_FUNCTIONS_MAX + 2] = { 0 };
	uint64_t *offsets = o->offsets;
	const char *mark = l->mark ? l->mark : l->functions[0].name;
	size_t n = 0;

	memset(offsets, 0, sizeof(o->offsets));
	if (l->by_text)
		return false;
	for (; l->functions[n].name; n++)
		names[n] = l->functions[n].name;
	if (px_elf_exported(e, mark)) {
		for (size_t i = 0; i < n; i++)
			offsets[i] = px_elf_exported(e, names[i]);
		return offsets[0] != 0;
	}
	if (!is_program)
		return false;
	names[n] = mark;
	names[n + 1] = px_tls_filter_names[0];	/* the others call it */
	px_elf_local(e, names, n + 2, found);
	memcpy(offsets, found, n * sizeof(*found));
	o->filters = found[n + 1] != 0;
	return found[n] && offsets[0];
}

/* A program may have both: Go's own, and a library that is not Go's. */
static void scan_go(struct px_tls_scan *s, struct px_tls_object *o, const struct px_elf *e)
{
	struct px_go_places places;
	struct px_error err;

	if (px_go_places_find(&places, e, &err) < 0 && !err.cause[0])
		return;
	o->go = &places;
	o->why = err.cause;
	s->fn(s->ctx, o);
}

/* A file that is open, and is a program rather than a library of one. */
static void scan_open_file(struct px_tls_scan *s, int fd, const char *name, bool is_program)
{
	struct px_tls_object o = { .name = name };
	struct px_elf e;

	if (px_elf_open(&e, fd) < 0)
		return;
	snprintf(o.path, sizeof(o.path), "/proc/self/fd/%d", fd);
	for (o.library = px_tls_libraries; o.library->name; o.library++)
		if (scan_library(&e, o.library, is_program, &o))
			break;
	if (!s->filters)
		s->filters = px_elf_imports(&e, px_tls_filter_names);
	if (o.library->name)
		s->fn(s->ctx, &o);
	scan_go(s, &o, &e);
}

void px_tls_scan_process(struct px_tls_scan *s, uint32_t pid)
{
	char path[96], line[4400];
	bool is_first = true;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%u/maps", pid);
	maps = fopen(path, "re");
	if (!maps)
		return;
	/* START-END PERMS OFFSET MAJOR:MINOR INODE NAME; the program itself comes before its libraries. */
	while (fgets(line, sizeof(line), maps)) {
		uint64_t start, end, ino;
		unsigned int major, minor;
		char perms[5];
		int at = 0, fd;

		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*x %x:%x %" SCNu64 " %n", &start,
			   &end, perms, &major, &minor, &ino, &at) < 6 ||
		    perms[2] != 'x' || ino == 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		if (scan_is_new(&s->seen, makedev(major, minor), ino)) {
			snprintf(path, sizeof(path), "/proc/%u/map_files/%" PRIx64 "-%" PRIx64, pid,
				 start, end);
			fd = open(path, O_RDONLY | O_CLOEXEC);
			if (fd >= 0) {
				scan_open_file(s, fd, line + at, is_first);
				close(fd);
			}
		}
		is_first = false;
	}
	fclose(maps);
}

/* A file that may have a library without symbols in it, and none with them. */
static void scan_file_texts(struct px_tls_scan *s, int fd, const char *name)
{
	struct px_tls_object o = { .name = name };
	const char *names[PX_TLS_FUNCTIONS_MAX];
	struct stat st;
	struct px_elf e;

	if (fstat(fd, &st) < 0 || px_elf_open(&e, fd) < 0 ||
	    !scan_is_new(&s->texts, st.st_dev, st.st_ino))
		return;
	snprintf(o.path, sizeof(o.path), "/proc/self/fd/%d", fd);
	for (o.library = px_tls_libraries; o.library->name; o.library++)
		if (scan_library(&e, o.library, true, &o))
			return;
	for (o.library = px_tls_libraries; o.library->name; o.library++) {
		size_t n = 0;

		for (; o.library->functions[n].name; n++)
			names[n] = o.library->functions[n].name;
		if (!o.library->by_text)
			continue;
		px_elf_by_text(&e, names, n, o.offsets);
		if (o.offsets[0])
			s->fn(s->ctx, &o);
	}
}

void px_tls_scan_texts(struct px_tls_scan *s, uint32_t pid)
{
	char path[32], name[256];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/exe", pid);
	len = readlink(path, name, sizeof(name) - 1);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	name[len > 0 ? len : 0] = '\0';
	scan_file_texts(s, fd, name);
	close(fd);
}

static void scan_named(struct px_tls_scan *s, const char *path, bool has_texts)
{
	struct stat st = { 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && scan_is_new(&s->seen, st.st_dev, st.st_ino))
		scan_open_file(s, fd, path, true);
	if (has_texts && S_ISREG(st.st_mode))
		scan_file_texts(s, fd, path);
	close(fd);
}

void px_tls_scan_file(struct px_tls_scan *s, const char *path)
{
	scan_named(s, path, true);
}

/* Where PATH leads from this name; false: nowhere. */
static bool scan_find(const char *name, char *path, size_t size)
{
	const char *dir = getenv("PATH");

	if (strchr(name, '/'))
		return (size_t)snprintf(path, size, "%s", name) < size;
	while (dir && *dir) {
		size_t len = strcspn(dir, ":");

		if ((size_t)snprintf(path, size, "%.*s/%s", (int)len, dir, name) < size &&
		    access(path, X_OK) == 0)
			return true;
		dir += len + (dir[len] == ':');
	}
	return false;
}

void px_tls_scan_program(struct px_tls_scan *s, const char *name)
{
	char path[512], line[256], word[2][128] = { "", "" };

	/* #!INTERPRETER [ARGUMENT]; an interpreter may be a script itself. */
	for (int depth = 0; depth < 4 && scan_find(name, path, sizeof(path)); depth++) {
		FILE *f = fopen(path, "re");
		bool is_script = f && fgets(line, sizeof(line), f) &&
				 sscanf(line, "#! %127s %127s", word[0], word[1]) > 0;

		if (f)
			fclose(f);
		if (!is_script) {
			px_tls_scan_file(s, path);
			return;
		}
		name = strrchr(word[0], '/') && strcmp(strrchr(word[0], '/'), "/env") == 0
			       ? word[1]
			       : word[0];
	}
}

/*
 * The dynamic linker's list: glibc, elf/cache.c (dl-cache.h). A head of 48 bytes with the number of
 * entries behind its magic, entries of 24 bytes with the offsets of name and path from the head on.
 */
struct scan_cache_entry {
	int32_t flags;
	uint32_t name, path;
	uint32_t os_version;
	uint64_t hwcap;
};

static void scan_cache(struct px_tls_scan *s, const char *text, size_t size)
{
	static const char magic[] = "glibc-ld.so.cache1.1";
	const size_t head = 48;
	uint32_t count;

	if (size < head || memcmp(text, magic, sizeof(magic) - 1) != 0)
		return;
	memcpy(&count, text + sizeof(magic) - 1, sizeof(count));
	for (size_t i = 0; i < count && head + (i + 1) * sizeof(struct scan_cache_entry) <= size; i++) {
		struct scan_cache_entry e;

		memcpy(&e, text + head + i * sizeof(e), sizeof(e));
		if (e.name >= size || e.path >= size)
			continue;
		for (const struct px_tls_library *l = px_tls_libraries; l->name; l++)
			if (l->soname && strncmp(text + e.name, l->soname, strlen(l->soname)) == 0)
				scan_named(s, text + e.path, false);
	}
}

void px_tls_scan_installed(struct px_tls_scan *s)
{
	int fd = open(SCAN_CACHE, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *text;

	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && st.st_size > 0 && st.st_size < SCAN_CACHE_MAX) {
		text = calloc(1, (size_t)st.st_size + 1);
		if (text && read(fd, text, (size_t)st.st_size) == st.st_size)
			scan_cache(s, text, (size_t)st.st_size);
		free(text);
	}
	close(fd);
}
