/* SPDX-License-Identifier: Apache-2.0 */
/* Transport `perf`, user side: a buffer per CPU, and the way from the kernel side into it. */
#ifndef PX_CAPTURE_PERF_H
#define PX_CAPTURE_PERF_H

#include "base/error.h"

struct px_perf;

/* A record is at most 64 kB, and one that is there may not keep the next from coming. */
#define PX_PERF_CPU_MIN (128u << 10)

/*
 * Entries of the map that perf.bpf.h hands its events to: two for each CPU that there can be. An
 * error is a negative errno.
 */
int px_perf_map_entries(void);

/* The share of a CPU of so many bytes together: a power of two, at least PX_PERF_CPU_MIN. */
size_t px_perf_cpu_bytes(size_t bytes);

/*
 * Make buffers of cpu_bytes each, and put them into the perf event array `map`. How much of them
 * has been read is told in `taken`, an array of 64 bits per CPU that can be mapped. CPUs that are
 * offline get none: what happens on them later is lost, and counted by the kernel side. Returns 0;
 * -1 with err filled.
 */
PX_MUST_USE int px_perf_open(struct px_perf **out, int map, int taken, size_t cpu_bytes,
			     struct px_error *err);
void px_perf_free(struct px_perf *p);

/* Bytes of all buffers. */
size_t px_perf_bytes(const struct px_perf *p);

/* Readable when the kernel side wants the reader to come. */
int px_perf_fd(const struct px_perf *p);

/*
 * Hand over events of until_ns and before, in the order of time, until fn() returns something else
 * than 0. Returns what it returned last, or 0. The memory is aligned as a px_abi_event, and lent
 * for the length of the call.
 */
int px_perf_consume(struct px_perf *p, uint64_t until_ns,
		    int (*fn)(void *ctx, const void *data, size_t size), void *ctx);

/* Is anything there, of whatever time? */
bool px_perf_has_events(struct px_perf *p);

/*
 * The reader is about to sleep on px_perf_fd(): forget wake-ups of before, and CPUs that went
 * offline.
 */
void px_perf_arm(struct px_perf *p);

/* Events that the kernel says it lost, and records that it cannot have meant. */
uint64_t px_perf_lost(const struct px_perf *p);
uint64_t px_perf_malformed(const struct px_perf *p);

#endif
