/* SPDX-License-Identifier: Apache-2.0 */
#include "support/oom.h"

#include <stdlib.h>

struct px_oom px_oom = { .fail_at = -1 };

static bool oom_refuses(size_t size)
{
	long n = px_oom.allocations;

	if (!px_oom.is_armed)
		return false;
	if (size > px_oom.largest)
		px_oom.largest = size;
	px_oom.allocations++;
	return n == px_oom.fail_at ||
	       (px_oom.fails_on && px_oom.fail_at >= 0 && n > px_oom.fail_at);
}

/* The linker sends the calls of everything that is linked in here (--wrap). */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);

void *__wrap_malloc(size_t size)
{
	return oom_refuses(size) ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return oom_refuses(n * size) ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return oom_refuses(size) ? NULL : __real_realloc(p, size);
}
