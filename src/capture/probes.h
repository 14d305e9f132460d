/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel side as a table: which program hangs where, for each back end. */
#ifndef PX_CAPTURE_PROBES_H
#define PX_CAPTURE_PROBES_H

#include "base/bytes.h"

enum px_probe {
	PX_PROBE_AUTO,		/* the cheapest that works here */
	PX_PROBE_SOCK,
	PX_PROBE_FENTRY,
	PX_PROBE_KPROBE,
	PX_PROBE_TRACEPOINT,
	PX_PROBES,
};

/* "sock" for PX_PROBE_SOCK; the words of --probe. */
const char *px_probe_name(enum px_probe probe);

enum px_hook {
	PX_HOOK_RAW,		/* raw tracepoint, typed by BTF */
	PX_HOOK_FEXIT,		/* return of a system call's wrapper, by trampoline */
	PX_HOOK_KRETPROBE,	/* the same by kretprobe */
	PX_HOOK_TAIL,		/* not attached: the others jump there for the rest of a large call */
};

struct px_program {
	enum px_probe probe;	/* the back end it belongs to; PX_PROBE_AUTO: every one */
	enum px_hook hook;
	const char *function;	/* in bpf_src/ */
	const char *target;	/* tracepoint, or system call without its prefix */
	bool optional;		/* what it adds can be done without */
};

extern const struct px_program px_programs[];
extern const size_t px_program_count;

#define PX_PROGRAMS_MAX 64

#endif
