/* SPDX-License-Identifier: Apache-2.0 */
/* Where the kernel has the memory behind a struct page, found out by looking at a page of our own. */
#ifndef PX_CAPTURE_PAGES_H
#define PX_CAPTURE_PAGES_H

#include "capture/btf.h"

/*
 * base    kernel address of the first byte of physical memory
 * array   kernel address of the struct page of the first page of physical memory
 * uptodate_bit   of page.flags: the page holds what the file does
 */
struct px_pages {
	uint64_t base, array;
	int uptodate_bit;
};

/*
 * Both are moved about at boot, and no file tells where to. Call px_btf_defines() before. Takes
 * less than 1 ms. Returns 0; -1 where this process may not know (it needs cap_sys_admin) or this
 * kernel is not as expected: what is returned has been tried.
 */
PX_MUST_USE int px_pages_find(const struct px_btf *btf, struct px_pages *out);

#endif
