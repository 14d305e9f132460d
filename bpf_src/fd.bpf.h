/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a descriptor of the current process to its struct sock: a walk, so that no table of
 * descriptors is kept.
 */
#ifndef PX_FD_BPF_H
#define PX_FD_BPF_H

#include "kernel.bpf.h"

#define PX_S_IFMT 0170000
#define PX_S_IFSOCK 0140000
#define PX_S_IFIFO 0010000

/* Read two fields of a struct by one call where they are at most 64 bytes apart, else by two. */
#define PX_LOW(a, b) ((a) < (b) ? (a) : (b))
#define PX_HIGH(a, b) ((a) > (b) ? (a) : (b))
#define PX_FILE_LOW PX_LOW(PX_OFF_file_f_inode, PX_OFF_file_private_data)
#define PX_FILE_SPAN (PX_HIGH(PX_OFF_file_f_inode, PX_OFF_file_private_data) - PX_FILE_LOW + 8)

/* The struct file behind descriptor fd, 0 where there is none. */
px_inline u64 px_file_of_fd(u64 fd)
{
	u64 table = PX_LOAD(u64, PX_LOAD(u64, px_current(), PX_OFF_task_struct_files),
			    PX_OFF_files_struct_fdt);

	fd &= 0xffffffff;
	if (fd >= PX_LOAD(u32, table, PX_OFF_fdtable_max_fds))
		return 0;
	return px_read64(PX_LOAD(u64, table, PX_OFF_fdtable_fd), fd * 8);
}

/* What kind of file it is: the S_IFMT bits of its inode. */
px_inline u32 px_file_kind(u64 file)
{
	return px_read32(px_read64(file, PX_OFF_file_f_inode), PX_OFF_inode_i_mode) & PX_S_IFMT;
}

/*
 * The struct sock behind a struct file, and the inode number that is the connection's identity; 0
 * where it is no socket. A file, pipe or terminal is left at the mode of its inode.
 */
px_inline u64 px_sock_of_file(u64 file, u64 *ino)
{
	u64 inode_at, socket;
	char inode[PX_OFF_inode_i_ino + 8] __attribute__((aligned(8)));

#if PX_FILE_SPAN <= 64
	{
		char part[PX_FILE_SPAN] __attribute__((aligned(8)));

		px_probe_kernel(part, sizeof(part), (void *)(file + PX_FILE_LOW));
		inode_at = *(u64 *)(part + PX_OFF_file_f_inode - PX_FILE_LOW);
		socket = *(u64 *)(part + PX_OFF_file_private_data - PX_FILE_LOW);
	}
#else
	inode_at = px_read64(file, PX_OFF_file_f_inode);
	socket = px_read64(file, PX_OFF_file_private_data);
#endif
	/* One read for the mode, at the front of the inode, and its number, 64 bytes on. */
	if (px_probe_kernel(inode, sizeof(inode), (void *)inode_at))
		return 0;
	if ((*(u16 *)(inode + PX_OFF_inode_i_mode) & PX_S_IFMT) != PX_S_IFSOCK)
		return 0;
	*ino = *(u64 *)(inode + PX_OFF_inode_i_ino);
	return px_read64(socket, PX_OFF_socket_sk);
}

/* The same behind descriptor fd. */
px_inline u64 px_sock_of_fd(u64 fd, u64 *ino)
{
	u64 file = px_file_of_fd(fd);

	return file ? px_sock_of_file(file, ino) : 0;
}

#endif
