/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages of a file, looked up where the kernel keeps them, when sendfile() has returned: what it
 * sent is still there, most of the time. User space is told when the file changed last, and decides
 * whether that may have been during the call.
 */
#ifndef PX_CACHE_BPF_H
#define PX_CACHE_BPF_H

#include "pages.bpf.h"

#if defined(PX_OFF_folio_index)
#define PX_CACHE_INDEX PX_OFF_folio_index
#elif defined(PX_OFF_page_index)
#define PX_CACHE_INDEX PX_OFF_page_index
#endif

/* Seconds and nanoseconds of the last change of an inode; 6.13 keeps a mark in the highest bit. */
#if defined(PX_OFF_inode_i_ctime_sec) && defined(PX_OFF_inode_i_ctime_nsec)
#define PX_CTIME_SEC PX_OFF_inode_i_ctime_sec
#define PX_CTIME_NSEC PX_OFF_inode_i_ctime_nsec
#elif defined(PX_OFF_inode___i_ctime)
#define PX_CTIME_SEC PX_OFF_inode___i_ctime
#define PX_CTIME_NSEC (PX_OFF_inode___i_ctime + 8)
#elif defined(PX_OFF_inode_i_ctime)
#define PX_CTIME_SEC PX_OFF_inode_i_ctime
#define PX_CTIME_NSEC (PX_OFF_inode_i_ctime + 8)
#endif

#if defined(PX_CACHE_INDEX) && defined(PX_CTIME_SEC) && defined(PX_OFF_address_space_host) &&      \
	defined(PX_OFF_address_space_i_pages) && defined(PX_OFF_xarray_xa_head) &&                 \
	defined(PX_OFF_xa_node_shift) && defined(PX_OFF_xa_node_slots) &&                          \
	defined(PX_OFF_file_f_mapping) && defined(PX_OFF_file_f_pos) &&                            \
	defined(PX_OFF_page_mapping) && defined(PX_OFF_super_block_s_magic)
#define PX_PAGES_READ

/* uapi/linux/magic.h */
#define PX_OVERLAYFS_MAGIC 0x794c7630
#define PX_HUGETLBFS_MAGIC 0x958458f6

#define PX_S_IFREG 0100000
#define PX_TREE_LEVELS 7
#define PX_TREE_SLOTS 64	/* CONFIG_BASE_SMALL, which makes them fewer, is for machines without BPF */
#define PX_MILLISECOND 1000000

px_inline s64 px_inode_changed(u64 inode)
{
	return px_read64(inode, PX_CTIME_SEC) * 1000000000ull +
	       (px_read32(inode, PX_CTIME_NSEC) & 0x7fffffff);
}

/* Pages of the file are those of its own inode, too: it is no garbage, and no layer above another. */
px_inline int px_file_has_pages(u64 file)
{
	u64 mapping = px_read64(file, PX_OFF_file_f_mapping);

	return mapping && px_file_kind(file) == PX_S_IFREG &&
	       px_read64(mapping, PX_OFF_address_space_host) == px_read64(file, PX_OFF_file_f_inode);
}

/*
 * What overlayfs opened below a file of its own: private_data, or since 6.13 (commit 18e48d0e2c7b)
 * the first word there. Not where the file has been copied to the upper layer since: then the two
 * have changed at different times.
 */
px_inline u64 px_file_below(u64 file)
{
	u64 below = px_read64(file, PX_OFF_file_private_data);

	if (!px_file_has_pages(below))
		below = px_read64(below, 0);
	if (!px_file_has_pages(below) ||
	    px_inode_changed(px_read64(file, PX_OFF_file_f_inode)) !=
		    px_inode_changed(px_read64(below, PX_OFF_file_f_inode)))
		return 0;
	return below;
}

/*
 * sendfile(out, in, offset, count): mem.buf becomes the address_space of the file, mem.iov the
 * offset in it where the call began. Of splice() the source is a pipe, and empty by now.
 */
px_inline int px_pages_find(struct px_rest *r)
{
	u32 nr = r->head.syscall_nr, zero = 0;
	struct px_abi_call *call = calls.lookup(&nr);
	struct px_abi_shared *page = shared.lookup(&zero);
	u64 regs = px_current_regs(), file, magic, begin, offset_at = PX_ARG2(regs);
	s64 age;

	if (!call || call->fd_arg || !page)
		return 0;
	file = px_file_of_fd(PX_ARG1(regs));
	if (!file || px_file_kind(file) != PX_S_IFREG)
		return 0;
	if (!offset_at)
		begin = px_read64(file, PX_OFF_file_f_pos);
	else if (px_probe_user(&begin, sizeof(begin), (void *)offset_at))
		return 0;
	begin -= (u32)r->head.result;
	magic = px_read64(px_read64(px_read64(file, PX_OFF_file_f_inode), PX_OFF_inode_i_sb),
			  PX_OFF_super_block_s_magic);
	if (magic == PX_OVERLAYFS_MAGIC)
		file = px_file_below(file);
	if (!file || magic == PX_HUGETLBFS_MAGIC || !px_file_has_pages(file) || (s64)begin < 0)
		return 0;
	age = ((s64)r->head.ts_ns + page->wall_offset_ns -
	       px_inode_changed(px_read64(file, PX_OFF_file_f_inode)));
	if (age < 0)
		return 0;
	r->head.result = (s32)px_min((u64)age / PX_MILLISECOND, 0x7fffffff);
	r->head.flags |= PX_ABI_F_FILE;
	r->mem.buf = px_read64(file, PX_OFF_file_f_mapping);
	r->mem.iov = begin;
	r->mem.parts = PX_PAGES | 1;
	return 1;
}

/*
 * A slot of the tree of pages holds a page (or the first one of several in a row, in each of their
 * slots), a node of the next level (tagged 2), which of its neighbours has it (a small number,
 * tagged 2), or something that is no page. include/linux/xarray.h
 */
px_inline int px_tree_is_node(u64 entry)
{
	return (entry & 3) == 2 && entry > 4096;
}

px_inline u64 px_tree_slot(u64 slots, u64 index)
{
	u64 entry = px_read64(slots, index % PX_TREE_SLOTS * 8);

	if ((entry & 3) == 2 && entry < PX_TREE_SLOTS * 4)
		entry = px_read64(slots, (entry >> 2) * 8);
	return entry;
}

/* The slots of the node that has page `index`, and its level; 0: there is one page only. */
px_inline u64 px_tree_leaf(u64 entry, u64 index, u64 *shift)
{
	u64 slots = 0;

	*shift = 0;
#pragma clang loop unroll(disable)
	for (int i = 0; i < PX_TREE_LEVELS && px_tree_is_node(entry); i++) {
		*shift = px_read32(entry - 2, PX_OFF_xa_node_shift) & 0xff;
		slots = entry - 2 + PX_OFF_xa_node_slots;
		entry = i == 0 && index >> *shift >= PX_TREE_SLOTS
				? 0
				: px_tree_slot(slots, index >> *shift);
	}
	return slots;
}

/*
 * The page that has `index` of this address_space, where it is known and up to date, else 0. entry:
 * it, or the first of those in a row that it is one of.
 */
px_inline u64 px_cache_page(u64 mapping, u64 entry, u64 index)
{
	char page[PX_CACHE_INDEX + 8] __attribute__((aligned(8)));
	u64 first;

	if (!entry || entry & 3 || px_probe_kernel(page, sizeof(page), (void *)entry))
		return 0;
	first = *(u64 *)(page + PX_CACHE_INDEX);
	if (*(u64 *)(page + PX_OFF_page_mapping) != mapping || index - first >= 1u << 18 ||
	    !(*(u64 *)(page + PX_OFF_page_flags) >> PX_PAGE_UPTODATE & 1))
		return 0;
	return entry + (index - first) * PX_SIZE_page;
}

/*
 * From byte mem.iov + skip of the file on, as far as one node of the tree has them: at most n bytes
 * at to, none of them begun behind `last`.
 */
px_inline int px_gather_pages(char *to, struct px_rest *r, u64 n, u64 last)
{
	u64 mapping = r->mem.buf, shift, index = (r->mem.iov + r->skip) / PX_PAGE_SIZE;
	u64 head = px_read64(mapping, PX_OFF_address_space_i_pages + PX_OFF_xarray_xa_head);
	u64 slots = px_tree_leaf(head, index, &shift);

#pragma clang loop unroll(disable)
	for (int i = 0; i < PX_PAGES_PARTS; i++) {
		u64 done = r->done, at = r->mem.iov + r->skip, entry = 0, page, take;

		if (done >= n || done > last ||
		    ((at / PX_PAGE_SIZE) >> shift) / PX_TREE_SLOTS != (index >> shift) / PX_TREE_SLOTS)
			return 1;
		if (slots)
			entry = px_tree_slot(slots, (at / PX_PAGE_SIZE) >> shift);
		else if (at < PX_PAGE_SIZE)
			entry = head;
		page = px_cache_page(mapping, px_forget(entry, r->owner), at / PX_PAGE_SIZE);
		if (!page) {
			r->mem.parts = 0;	/* so the rest has no bytes */
			return 1;
		}
		at %= PX_PAGE_SIZE;
		take = px_forget(px_min(PX_PAGE_SIZE - at, n - done), r->owner);
		if (take > PX_PAGES_TAKE)
			take = PX_PAGES_TAKE;
		/* It may have been taken away meanwhile, and hold something else by now. */
		if (px_probe_kernel(to + done, take, (void *)(px_page_address(page) + at)) ||
		    !px_cache_page(mapping, px_forget(entry, r->owner),
				   (r->mem.iov + r->skip) / PX_PAGE_SIZE)) {
			r->mem.parts = 0;
			return 1;
		}
		r->done = done + take;
		r->skip += take;
	}
	return 1;
}

#endif
#endif
