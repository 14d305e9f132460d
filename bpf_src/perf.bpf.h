/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transport `perf`: a buffer per CPU, for kernels without a ring buffer. An event is made in a
 * scratch and copied from there.
 */
#ifndef PX_PERF_BPF_H
#define PX_PERF_BPF_H

#include "maps.bpf.h"

/*
 * By CPU, the perf event that leads into its buffer; behind those, by CPU too, one that leads into
 * the same buffer and wakes the reader. Made by the loader, filled by src/capture/perf.c.
 */
#define PX_PERF ((void *)bpf_pseudo_fd(1 /* BPF_PSEUDO_MAP_FD */, PX_EVENTS_FD))
#define PX_PERF_HEAD 16			/* of a record, before the event: its header, a size, px_scratch.front */
#define PX_PERF_HERE 0xffffffffull	/* BPF_F_CURRENT_CPU */

/* Under a name of our own, as those in kernel.bpf.h. */
static long (*px_perf_output)(void *ctx, void *map, u64 flags, void *data,
			      u64 size) = (void *)25; /* bpf_perf_event_output */

/*
 * The memory in which an event is made. Programs nest on a CPU: a softirq that changes the state of
 * a socket comes in the middle of a system call, and trampolines may be preempted by one another.
 * So there are several for each CPU, and each is held by one program at a time.
 */
struct px_scratch {
	u32 users;	/* programs that reach for it; see px_scratch_take() */
	u32 front;	/* goes before the event: behind it, the reader finds the event at a multiple of 8 */
	char event[PX_HEAD + PX_EVENT_MAX];
};
#define PX_SCRATCHES 3	/* for each CPU */
BPF_ARRAY(scratches, struct px_scratch, PX_CPUS *PX_SCRATCHES);

/*
 * First be counted, then look: of all that are counted at once only the one that finds itself alone
 * may see a 1, and whoever comes while it is there sees more. It needs no atomic operation that
 * tells the old value, which the kernel has since 5.12 only.
 */
px_inline int px_scratch_take(struct px_scratch *s)
{
	__sync_fetch_and_add(&s->users, 1);
	if (*(volatile u32 *)&s->users == 1)
		return 1;
	__sync_fetch_and_add(&s->users, -1);
	return 0;
}

px_inline struct px_scratch *px_scratch_of(struct px_abi_event *e)
{
	return (struct px_scratch *)((char *)e - __builtin_offsetof(struct px_scratch, event));
}

/*
 * Bytes of events that went into a CPU's buffer, and those that have been read there, which user
 * space writes: the kernel does not tell programs how full a perf buffer is.
 */
BPF_PERCPU_ARRAY(made, u64, 1);
BPF_F_TABLE("array", u32, u64, taken, PX_CPUS, BPF_F_MMAPABLE);

/* Three quarters of this CPU's buffer are full: time to be sparing with what is left. */
px_inline int px_is_crowded(void)
{
	u32 zero = 0, cpu = bpf_get_smp_processor_id();
	u64 *in = made.lookup(&zero), *out = taken.lookup(&cpu);

	return in && out && (s64)(*in - *(volatile u64 *)out) >= PX_PERF_BYTES / 4 * 3;
}

/* Room for an event; *room bytes of payload whatever is wanted. */
px_inline struct px_abi_event *px_reserve(u64 want, u64 *room)
{
	u32 at = bpf_get_smp_processor_id() * PX_SCRATCHES;
	struct px_scratch *s;

	(void)want;
	*room = PX_EVENT_MAX;
#pragma unroll
	for (int i = 0; i < PX_SCRATCHES; i++, at++) {
		s = scratches.lookup(&at);
		if (s && px_scratch_take(s))
			return (struct px_abi_event *)s->event;
	}
	return 0;
}

px_inline u64 px_room(u64 want)
{
	(void)want;
	return PX_EVENT_MAX;
}

px_inline struct px_abi_event *px_reserve_pages(u64 n, u64 *room)
{
	return px_reserve(n, room);
}

px_inline struct px_abi_event *px_reserve_max(void)
{
	u64 room;

	return px_reserve(PX_EVENT_MAX, &room);
}

/* Give the room back. */
px_inline void px_discard(struct px_abi_event *e)
{
	__sync_fetch_and_add(&px_scratch_of(e)->users, -1);
}

/* Hand over an event that has a head only, and wake the reader whatever it does. */
px_inline void px_push_loud(void *ctx, struct px_abi_event *h)
{
	u32 at = PX_CPUS + bpf_get_smp_processor_id();
	struct {
		u32 pad, front;	/* as in px_scratch */
		struct px_abi_event h;
	} out;

	out.pad = out.front = 0;
	__builtin_memcpy(&out.h, h, PX_HEAD);
	px_perf_output(ctx, PX_PERF, at, &out.front, sizeof(out.front) + PX_HEAD);
}

/*
 * Hand the event over; its room is gone then. The reader says in the shared page how it waits, as
 * in ring.bpf.h. Where it sleeps, an empty record goes by the way that wakes it. A buffer that
 * fills up wakes the reader by itself.
 *
 * First the event, then the word, while the reader does it the other way round: one of the two sees
 * what the other did. Giving the room back is the full barrier in between that this needs.
 */
px_inline void px_submit(void *ctx, struct px_abi_event *e)
{
	u32 zero = 0, at = PX_CPUS + bpf_get_smp_processor_id();
	u64 n = e->copied, len = e->kind == PX_ABI_DATA ? e->len : 0, *in;
	struct px_scratch *s = px_scratch_of(e);
	struct px_abi_shared *page;
	long err;

	PX_BARRIER(n);
	if (n > PX_EVENT_MAX)
		n = PX_EVENT_MAX;
	PX_BARRIER(n);
	err = px_perf_output(ctx, PX_PERF, PX_PERF_HERE, &s->front, sizeof(s->front) + PX_HEAD + n);
	px_discard(e);
	if (err) {
		px_count_full(len);
		return;
	}
	px_count(PX_COUNT_EVENTS, 1);
	in = made.lookup(&zero);
	if (in)
		__sync_fetch_and_add(in, (PX_PERF_HEAD + PX_HEAD + n + 7) & ~7ull);
	page = shared.lookup(&zero);
	if (page && page->reader_asleep == 1) {
		page->reader_asleep = 0;
		px_perf_output(ctx, PX_PERF, at, &zero, sizeof(zero));
	}
}

/* Hand over an event that was made elsewhere, with the n bytes that lie behind its head there. */
px_inline void px_output(void *ctx, struct px_abi_event *e, u64 n)
{
	u64 room;
	struct px_abi_event *to = px_reserve(n, &room);

	if (!to) {
		px_count_full(e->len);
		return;
	}
	px_probe_kernel(to, (u32)(PX_HEAD + n), e);
	px_submit(ctx, to);
}

#endif
