/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages on their way through a pipe, read while the socket takes them: so neither a file that is
 * closed, replaced or written a moment later matters, nor who may open it.
 */
#ifndef PX_PIPE_BPF_H
#define PX_PIPE_BPF_H

#include "pages.bpf.h"

#define PX_PAGES_READ

/*
 * sendfile() moves pages through a pipe that its thread keeps for that, splice() out of one that
 * the process made. While bytes go from there into a socket (splice_to_socket(), kernel 6.5), the
 * buffers of the pipe are as they were before: they are taken out after the socket has said how
 * many bytes it took.
 */
px_inline int px_pages_find(struct px_rest *r)
{
	u32 nr = r->head.syscall_nr, head, tail;
	struct px_abi_call *call = calls.lookup(&nr);
	u64 pipe, file;

	if (!call)
		return 0;
	if (call->fd_arg) {
		file = px_file_of_fd(PX_ARG0(px_current_regs()));
		if (!file || px_file_kind(file) != PX_S_IFIFO)
			return 0;
		pipe = px_read64(file, PX_OFF_file_private_data);
	} else {
		pipe = PX_LOAD(u64, px_current(), PX_OFF_task_struct_splice_pipe);
	}
	if (!pipe)
		return 0;
	head = px_read32(pipe, PX_OFF_pipe_inode_info_head);
	tail = px_read32(pipe, PX_OFF_pipe_inode_info_tail);
	r->mem.buf = px_read64(pipe, PX_OFF_pipe_inode_info_bufs);
	r->mem.iov = tail;
	r->mem.parts = PX_PAGES | (u32)(head - tail);
	r->mask = px_read32(pipe, PX_OFF_pipe_inode_info_ring_size) - 1;
	return head != tail;
}

/* From buffer mem.iov on: at most n bytes at to, none of them begun behind `last`. */
px_inline int px_gather_pages(char *to, struct px_rest *r, u64 n, u64 last)
{
	char buf[PX_SIZE_pipe_buffer] __attribute__((aligned(8)));

#pragma clang loop unroll(disable)
	for (int i = 0; i < PX_PAGES_PARTS; i++) {
		u64 done = r->done, skip = r->skip, len, from, take;

		if (done >= n || done > last)
			return 1;
		if (px_probe_kernel(buf, sizeof(buf),
				    (void *)(r->mem.buf + (r->mem.iov & r->mask) * sizeof(buf))))
			return 0;
		len = px_forget(*(u32 *)(buf + PX_OFF_pipe_buffer_len), r->owner);
		if (len > skip) {
			from = px_page_address(*(u64 *)(buf + PX_OFF_pipe_buffer_page)) +
			       *(u32 *)(buf + PX_OFF_pipe_buffer_offset) + skip;
			take = px_forget(px_min(len - skip, n - done), r->owner);
			if (take > PX_PAGES_TAKE)
				take = PX_PAGES_TAKE;
			if (px_probe_kernel(to + done, take, (void *)from))
				return 0;
			r->done = done + take;
			skip += take;
		}
		if (len > skip) {
			r->skip = skip;
			continue;
		}
		r->skip = skip - len;
		r->mem.iov++;
		r->mem.parts--;
		if (r->mem.parts == PX_PAGES) {	/* that was the last buffer */
			r->mem.parts = 0;
			return 1;
		}
	}
	return 1;
}

#endif
