/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/tls_stranger.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define STRANGER_PROGRAM_MAX (256 << 20)	/* bytes of a program that are looked through */

/* A file's name begins so. */
static const struct stranger_file {
	const char *begin, *name, *help;
} stranger_files[] = {
	{ "libjvm.so", "Java's own TLS (JSSE)", "netty-tcnative with OpenSSL would be seen" },
	{ "beam.smp", "Erlang's own TLS", NULL },
	{ "libbearssl.so", "BearSSL", NULL },
	{ "libbotan-", "Botan", NULL },
	{ "libs2n.so", "s2n-tls", NULL },
	{ "librustls", "rustls", NULL },
	{ "libmatrixssl", "MatrixSSL", NULL },
};

/*
 * What a compiler leaves in a program: the names of source files, for the messages of failed
 * checks.
 */
static const struct stranger_text {
	const char *part, *name, *help;
} stranger_texts[] = {
	{ "/rustls-0.", "rustls", "built with native-tls it would be seen" },
	{ "boringssl/src/ssl/", "BoringSSL without symbols", "a build that is not stripped is seen" },
	{ "boringssl/ssl/", "BoringSSL without symbols", "a build that is not stripped is seen" },
	{ "tls_construct_client_hello", "OpenSSL without symbols", "a build that is not stripped is seen" },
	{ "OpenSSL 1.1.1", "OpenSSL without symbols", "a build that is not stripped is seen" },
};

static void stranger_say(char *text, size_t size, const char *name, const char *path,
			 const char *help)
{
	snprintf(text, size, "%s (%.100s); %s%strace its peers or a proxy", name, path,
		 help ? help : "", help ? ", else " : "");
}

static bool stranger_mapped(uint32_t pid, char *text, size_t size)
{
	char path[32], line[4400];
	bool found = false;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%u/maps", pid);
	maps = fopen(path, "re");
	while (maps && !found && fgets(line, sizeof(line), maps)) {
		const char *name = strchr(line, '/'), *base = strrchr(line, '/');

		line[strcspn(line, "\n")] = '\0';
		for (size_t i = 0; base && i < PX_COUNT(stranger_files) && !found; i++) {
			const struct stranger_file *f = &stranger_files[i];

			found = strncmp(base + 1, f->begin, strlen(f->begin)) == 0;
			if (found)
				stranger_say(text, size, f->name, name, f->help);
		}
	}
	if (maps)
		fclose(maps);
	return found;
}

static bool stranger_built_in(uint32_t pid, char *text, size_t size)
{
	char path[32], name[128];
	void *program = MAP_FAILED;
	bool found = false;
	struct stat st;
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/exe", pid);
	len = readlink(path, name, sizeof(name) - 1);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || len < 0 || fstat(fd, &st) < 0 || st.st_size <= 0)
		goto out;
	name[len] = '\0';
	if (st.st_size > STRANGER_PROGRAM_MAX)
		st.st_size = STRANGER_PROGRAM_MAX;
	program = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	for (size_t i = 0; program != MAP_FAILED && i < PX_COUNT(stranger_texts) && !found; i++) {
		const struct stranger_text *t = &stranger_texts[i];

		found = memmem(program, (size_t)st.st_size, t->part, strlen(t->part)) != NULL;
		if (found)
			stranger_say(text, size, t->name, name, t->help);
	}
out:
	if (program != MAP_FAILED)
		munmap(program, (size_t)st.st_size);
	if (fd >= 0)
		close(fd);
	return found;
}

bool px_tls_stranger(uint32_t pid, char *text, size_t size)
{
	text[0] = '\0';
	return stranger_mapped(pid, text, size) || stranger_built_in(pid, text, size);
}
