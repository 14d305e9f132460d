/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables and helpers as libbcc's rewriter expects to find them. Its own headers have all that a
 * kernel knows, which takes a tenth of the time to start to read three times over; the loader
 * leaves them out and sets PX_OWN_HELPERS. Where this does not compile they are read after all.
 */
#ifndef PX_HELPERS_BPF_H
#define PX_HELPERS_BPF_H

#include <linux/types.h>

#ifdef PX_OWN_HELPERS
#include <linux/version.h>

#define BCC_SEC(name) __attribute__((section(name), used))	/* of its footer */

/* The rewriter goes by the names of the members, and by the section. */
#define BPF_F_TABLE(type, key_type, leaf_type, name, max, map_flags) \
	struct name##_table_t {                                      \
		key_type key;                                        \
		leaf_type leaf;                                      \
		leaf_type *(*lookup)(key_type *);                    \
		int (*update)(key_type *, leaf_type *);              \
		int (*delete)(key_type *);                           \
		void (*call)(void *, int);                           \
		u32 max_entries;                                     \
		int flags;                                           \
	};                                                           \
	__attribute__((section("maps/" type))) struct name##_table_t name = { \
		.max_entries = (max),                                \
		.flags = (map_flags),                                \
	}
#define BPF_TABLE(type, key_type, leaf_type, name, max) \
	BPF_F_TABLE(type, key_type, leaf_type, name, max, 0)
#define BPF_HASH(name, key_type, leaf_type, max) BPF_TABLE("hash", key_type, leaf_type, name, max)
#define BPF_ARRAY(name, leaf_type, max) BPF_TABLE("array", int, leaf_type, name, max)
#define BPF_PERCPU_ARRAY(name, leaf_type, max) BPF_TABLE("percpu_array", int, leaf_type, name, max)
#define BPF_PROG_ARRAY(name, max) BPF_TABLE("prog", u32, u32, name, max)

/* The kernel's numbers: enum bpf_func_id and flags, include/uapi/linux/bpf.h. */
#define BPF_ANY 0
#define BPF_F_NO_PREALLOC 1
#define BPF_F_MMAPABLE 1024
#define BPF_RB_NO_WAKEUP 1
#define BPF_RB_FORCE_WAKEUP 2
#define BPF_RB_AVAIL_DATA 0

u64 bpf_pseudo_fd(u64 kind, u64 fd) asm("llvm.bpf.pseudo");

static void *(*bpf_map_lookup_elem)(void *map, void *key) = (void *)1;
static long (*bpf_map_update_elem)(void *map, void *key, void *leaf, u64 flags) = (void *)2;
static long (*bpf_map_delete_elem)(void *map, void *key) = (void *)3;
static u64 (*bpf_ktime_get_ns)(void) = (void *)5;
static u32 (*bpf_get_smp_processor_id)(void) = (void *)8;
static long (*px_tail_call)(void *ctx, void *map, u32 index) = (void *)12;
static u64 (*bpf_get_current_pid_tgid)(void) = (void *)14;
static long (*bpf_ringbuf_output)(void *ring, void *data, u64 size, u64 flags) = (void *)130;
static void *(*bpf_ringbuf_reserve)(void *ring, u64 size, u64 flags) = (void *)131;
static void (*bpf_ringbuf_submit)(void *data, u64 flags) = (void *)132;
static void (*bpf_ringbuf_discard)(void *data, u64 flags) = (void *)133;
static u64 (*bpf_ringbuf_query)(void *ring, u64 what) = (void *)134;
static void *(*bpf_skc_to_tcp_sock)(void *sk) = (void *)137;
static void *(*bpf_get_current_task_btf)(void) = (void *)158;
static long (*bpf_task_pt_regs)(void *task) = (void *)175;

static inline __attribute__((always_inline)) void bpf_tail_call_(void *map, void *ctx, int index)
{
	px_tail_call(ctx, map, (u32)index);
}
#endif

#endif
