/* SPDX-License-Identifier: Apache-2.0 */
#include "support/guard.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t guard_span(size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (len + page - 1) / page * page;
}

struct px_bytes px_guard_dup(struct px_bytes b)
{
	size_t span = guard_span(b.len), page = (size_t)sysconf(_SC_PAGESIZE);
	char *base =
		mmap(NULL, span + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (base == MAP_FAILED || mprotect(base + span, page, PROT_NONE) != 0)
		abort();
	if (b.len)
		memcpy(base + span - b.len, b.ptr, b.len);
	return px_bytes_of(base + span - b.len, b.len);
}

void px_guard_free(struct px_bytes b)
{
	size_t span = guard_span(b.len);

	munmap((void *)(uintptr_t)(b.ptr + b.len - span), span + (size_t)sysconf(_SC_PAGESIZE));
}
