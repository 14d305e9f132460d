/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kretprobes on system calls, through tracefs: only there can the number of calls under way be set.
 */
#ifndef PX_CAPTURE_ATTACH_KPROBE_H
#define PX_CAPTURE_ATTACH_KPROBE_H

#include <sys/types.h>

#include "base/error.h"

#define PX_KPROBES_MAX 32

struct px_kprobes {
	int perf[PX_KPROBES_MAX];	/* an event per probe */
	const char *call[PX_KPROBES_MAX];
	size_t count;
	int tracefs, events, profile;	/* its root, kprobe_events, kprobe_profile */
	int janitor_pipe;
	pid_t janitor;			/* removes the probes if we are killed */
};

/* As it has to be before px_kprobes_attach() and after px_kprobes_detach(). */
void px_kprobes_init(struct px_kprobes *k);

/*
 * Hang program on the return of every call in px_calls[]. A call that this kernel lacks is named in
 * note. Returns 0; -1 with err filled when none could be had.
 */
PX_MUST_USE int px_kprobes_attach(struct px_kprobes *k, int program, char *note, size_t size,
				  struct px_error *err);
void px_kprobes_detach(struct px_kprobes *k);

/* Close the descriptors and leave the probes: they are another process's. */
void px_kprobes_forget(struct px_kprobes *k);

/* Calls that returned unseen because too many were under way at once. */
uint64_t px_kprobes_missed(const struct px_kprobes *k);

#endif
