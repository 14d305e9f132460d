/* SPDX-License-Identifier: Apache-2.0 */
/*
 * go_places FILE: what is found of crypto/tls in a Go program, for go_test.py to compare: the version,
 * then for each function offset in the file, size, whether it keeps its arguments, and offsets of its
 * returns.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "capture/go_returns.h"

static const char *const results[] = { "no", "yes", "old", "lost" };

int main(int argc, char **argv)
{
	struct px_go_returns returns[PX_GO_FUNCTIONS];
	struct px_go_program p;
	struct px_error err;
	struct px_elf elf;
	enum px_go_result result;
	int fd = argc == 2 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;

	if (fd < 0 || px_elf_open(&elf, fd) < 0)
		return 2;
	result = px_go_program_read(&p, &elf);
	printf("%s %s\n", results[result], p.version);
	if (result == PX_GO_YES && px_go_returns_find(&p, returns, &err) < 0) {
		fprintf(stderr, "%s\n", err.cause);
		return 1;
	}
	for (size_t i = 0; result == PX_GO_YES && i < PX_GO_FUNCTIONS; i++) {
		printf("%" PRIu64 " %zu %u", p.functions[i].offset, p.functions[i].bytes.len,
		       returns[i].keeps_args);
		for (uint32_t r = 0; r < returns[i].count; r++)
			printf(" %u", returns[i].at[r]);
		printf("\n");
	}
	px_go_program_free(&p);
	return 0;
}
