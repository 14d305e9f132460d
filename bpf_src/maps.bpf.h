/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The maps of the kernel side but those of the transport. All are bounded; one that is full is
 * counted.
 */
#ifndef PX_MAPS_BPF_H
#define PX_MAPS_BPF_H

#include "kernel.bpf.h"

#define PX_HEAD sizeof(struct px_abi_event)

/* enum px_abi_count, counted per CPU. */
BPF_PERCPU_ARRAY(counts, u64, PX_COUNT_MAX);

/* struct px_abi_shared, mapped by user space: no system call on either side. */
BPF_F_TABLE("array", u32, struct px_abi_shared, shared, 1, BPF_F_MMAPABLE);

/* Has a target called a TLS library's function? Of those that merely have one nothing is asked. */
px_inline int px_tls_has_begun(void)
{
	u32 zero = 0;
	struct px_abi_shared *page = shared.lookup(&zero);

	return page && page->tls_begun;
}

/* What user space wants less of, by socket inode; read for large calls only. */
BPF_F_TABLE("hash", u64, struct px_abi_control, control, PX_CONTROL_MAX, BPF_F_NO_PREALLOC);

/* Bytes so far of sockets that keep no count of their own: UNIX streams and MPTCP. */
struct px_moved {
	u64 gen;	/* struct sock: an inode number may come back */
	u32 bytes[2];	/* by direction */
};
BPF_TABLE("lru_hash", u64, struct px_moved, moved, PX_MOVED_MAX);

/*
 * Sockets that something was told of, by a hash of struct sock: what the network does to any other
 * is nobody's business. Never emptied, so that none is missing; one that is there for another's sake
 * costs an event that user space has no connection for.
 */
#define PX_MET_SLOTS 65536
struct px_met {
	u8 is_met[PX_MET_SLOTS];	/* bytes, since they can be set without a lock */
};
BPF_ARRAY(met, struct px_met, 1);

px_inline u32 px_met_slot(u64 sk)
{
	return px_low(sk) * 0x9e3779b1u >> 16;
}

px_inline void px_meet(u64 sk)
{
	u32 zero = 0, slot = px_met_slot(sk);
	struct px_met *m = met.lookup(&zero);

	if (m && !m->is_met[slot])
		m->is_met[slot] = 1;
}

px_inline int px_has_met(u64 sk)
{
	u32 zero = 0;
	struct px_met *m = met.lookup(&zero);

	return m && m->is_met[px_met_slot(sk)];
}

/*
 * Whose socket it is that connects, or has sent its FIN: the outcome is known in interrupt context,
 * where no process is, and the end after the socket has lost its inode.
 */
struct px_awaited {
	u64 ino;	/* 0: still to be had from the socket */
	u64 since_ns;
	u64 comm[2];
	u32 pid, tid, uid, pad;
};
BPF_TABLE("lru_hash", u64, struct px_awaited, awaited, 4096);

/*
 * What each system call does, by number. A table rather than comparisons in the programs: the
 * verifier would follow each number through all that comes after.
 */
BPF_ARRAY(calls, struct px_abi_call, PX_ABI_CALLS);

#ifdef PX_TARGET_MAP
/* Processes to trace, by id, where constants do not do. */
BPF_F_TABLE("hash", u32, struct px_abi_target, targets, PX_TARGETS_MAX, BPF_F_NO_PREALLOC);
#endif

#ifdef PX_TARGET_COMM_TEST
/*
 * For each byte the places of the patterns of --comm that take it, a bit each; filled by
 * src/capture/glob.c.
 */
BPF_ARRAY(globs, u64, 256);
#endif

#ifdef PX_TARGET_EXE_TEST
/*
 * Paths of --exe, for programs whose file is another than the one user space sees under this name.
 */
struct px_exe_path {
	char path[PX_ABI_EXE_MAX];
};
BPF_HASH(exes, struct px_exe_path, u32, 16);
#endif

px_inline void px_count(u32 what, u64 n)
{
	u64 *c = counts.lookup(&what);

	if (c)
		*c += n;
}

/* Count an event of len stream bytes that found no room. */
px_inline void px_count_full(u64 len)
{
	px_count(PX_COUNT_RING_FULL, 1);
	px_count(PX_COUNT_RING_FULL_BYTES, len);
}

#endif
