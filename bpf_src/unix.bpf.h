/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of UNIX connections, for --conns. Their sockets have no states that the kernel tells of,
 * so the last close() is looked for where it begins, while the descriptor still leads to the
 * socket, and at the end of the process. Beside every back end.
 */
#ifndef PX_UNIX_BPF_H
#define PX_UNIX_BPF_H

#include "arch.bpf.h"
#include "emit.bpf.h"
#include "fd.bpf.h"
#include "target.bpf.h"

#if defined(PX_TELL_ENDS) && PX_SECOND_PART

/* References to a struct file when its last is given up: kernel 6.13 counts from 0. */
#ifdef PX_OFF_file_f_ref
#define PX_OFF_FILE_COUNT PX_OFF_file_f_ref
#define PX_FILE_LAST 0
#else
#define PX_OFF_FILE_COUNT PX_OFF_file_f_count
#define PX_FILE_LAST 1
#endif

/* Descriptors of an ending process that are looked at: the verifier takes a ms over each. */
#define PX_ENDING_FDS 64

/*
 * The struct sock of a UNIX stream whose last descriptor leads to this struct file; else 0. Asked
 * once for all, and what is not there reads as 0: the verifier goes through each branch for each
 * descriptor of an ending process.
 */
px_inline u64 px_unix_last(u64 file)
{
	u64 sk = px_read64(px_read64(file, PX_OFF_file_private_data), PX_OFF_socket_sk);
	u64 differs = px_read64(file, PX_OFF_FILE_COUNT) ^ PX_FILE_LAST;

	differs |= px_file_kind(file) ^ PX_S_IFSOCK;
	differs |= (u16)px_read32(sk, PX_OFF_sock_common_skc_family) ^ PX_ABI_AF_UNIX;
	differs |= (u16)px_read32(sk, PX_OFF_sock_sk_type) ^ PX_STREAM;
	return differs ? 0 : sk;
}

/* What all that is told of the current process has. */
px_inline void px_unix_head(struct px_abi_event *h)
{
	h->ts_ns = bpf_ktime_get_ns();
	h->kind = PX_ABI_CLOSE;
	h->syscall_nr = 0xffff;
	h->family = PX_ABI_AF_UNIX;
	h->type = PX_STREAM;
	px_fill_process(h);
}

px_inline void px_unix_tell(void *ctx, struct px_abi_event *h, u64 sk)
{
	struct px_sock s = { .sk = sk, .ino = px_sock_ino(sk, PX_UNTYPED) };

	h->sock_id = s.ino;
	h->sock_gen = sk;
	px_fill_place(h, &s, PX_UNTYPED);
	px_push(ctx, h);
	/* As before: what the verifier finds after the call is what it knows without it. */
	h->sock_id = h->sock_gen = 0;
	h->pos = h->peer_pos = 0;
	h->flags = 0;
}

/* sys_enter(struct pt_regs *regs, long id): close(fd), and dup2(old, new) over an open one. */
int px_unix_enter(u64 *ctx)
{
	u64 regs = ctx[0], fd, file, sk;
	struct px_abi_event h = {};
	u32 nr = PX_CALL_NR(regs);

	if (nr == PX_NR_CLOSE)
		fd = PX_ARG0(regs);
	else if (nr == PX_NR_DUP2 || nr == PX_NR_DUP3)
		fd = PX_ARG1(regs);
	else
		return 0;
	if (!px_is_target(px_current_id() >> 32) || px_regs_are_foreign(regs))
		return 0;
	file = px_file_of_fd(fd);
	if (nr != PX_NR_CLOSE) {
		u64 old = px_file_of_fd(PX_ARG0(regs));

		if (!old || old == file)	/* it will fail, or nothing changes */
			return 0;
	}
	sk = px_unix_last(file);
	if (!sk)
		return 0;
	px_unix_head(&h);
	px_unix_tell(ctx, &h, sk);
	return 0;
}

/* sched_process_exit(struct task_struct *p): the last thread, before its files are closed. */
int px_unix_exit(u64 *ctx)
{
	u64 task = ctx[0], fds, sk;
	struct px_abi_event h = {};
	u64 table =
		PX_LOAD(u64, PX_LOAD(u64, task, PX_OFF_task_struct_files), PX_OFF_files_struct_fdt);
	u32 max = PX_LOAD(u32, table, PX_OFF_fdtable_max_fds);

	if (PX_LOAD(u32, PX_LOAD(u64, task, PX_OFF_task_struct_signal),
		    PX_OFF_signal_struct_live) != 0)
		return 0;
	if (!px_is_target(px_current_id() >> 32))
		return 0;
	fds = PX_LOAD(u64, table, PX_OFF_fdtable_fd);
	px_unix_head(&h);
	/*
	 * 64 bits wide: on the stack older verifiers follow no others. The barrier keeps the
	 * compiler from counting up to the lower one of both ends, which no verifier knows.
	 */
#pragma nounroll
	for (u64 fd = 0; fd < PX_ENDING_FDS; fd++) {
		PX_BARRIER(fd);
		if (fd >= max)
			break;
		sk = px_unix_last(px_read64(fds, fd * 8));
		if (sk)
			px_unix_tell(ctx, &h, sk);
	}
	return 0;
}

#endif
#endif
