/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fuzz target without the fuzzer: each file of the folders that are named goes through it once. It
 * aborts where one breaks what the target asserts; the last name on stdout is that one's.
 */
#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEED_MAX (1 << 20)

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

/* False: the file cannot be read whole. */
static bool seeds_run(const char *path)
{
	static unsigned char bytes[SEED_MAX];
	FILE *f = fopen(path, "rb");
	unsigned char *seed;
	size_t n;

	if (!f)
		return false;
	n = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	seed = malloc(n ? n : 1); /* a block of just that size, for AddressSanitizer */
	if (!seed || n == sizeof(bytes))
		return false;
	memcpy(seed, bytes, n);
	LLVMFuzzerTestOneInput(seed, n);
	free(seed);
	return true;
}

int main(int argc, char **argv)
{
	size_t count = 0;

	setvbuf(stdout, NULL, _IONBF, 0);
	for (int i = 1; i < argc; i++) {
		DIR *folder = opendir(argv[i]);
		struct dirent *entry;

		while (folder && (entry = readdir(folder)) != NULL) {
			char path[PATH_MAX];

			if (entry->d_name[0] == '.')
				continue;
			snprintf(path, sizeof(path), "%s/%s", argv[i], entry->d_name);
			printf("%s\n", path);
			if (!seeds_run(path))
				return 1;
			count++;
		}
		if (folder)
			closedir(folder);
	}
	printf("%zu seeds\n", count);
	return count == 0;
}
