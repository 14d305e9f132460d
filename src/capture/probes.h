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

/* How events come to user space. */
enum px_transport {
	PX_TRANSPORT_AUTO,	/* the ring where the kernel has it */
	PX_TRANSPORT_RING,	/* one buffer for all CPUs, kernel 5.8 */
	PX_TRANSPORT_PERF,	/* one for each */
	PX_TRANSPORTS,
};

/* "ring" for PX_TRANSPORT_RING; the words of --transport. */
const char *px_transport_name(enum px_transport transport);

enum px_hook {
	PX_HOOK_RAW,		/* raw tracepoint, typed by BTF */
	PX_HOOK_FEXIT,		/* return of a system call's wrapper, by trampoline */
	PX_HOOK_KRETPROBE,	/* the same by kretprobe */
	PX_HOOK_UPROBE,		/* entry of functions of a TLS library */
	PX_HOOK_URETPROBE,	/* their return */
	PX_HOOK_SPLICE,		/* raw tracepoint, attached when a target has used splice */
	PX_HOOK_TAIL,		/* not attached: the others jump there; target is the map that leads to it, or a tracepoint whose arguments it takes */
};

/* What has to be asked for so that a program is there; see bpf_src/life.bpf.h. */
enum px_when {
	PX_WHEN_ALWAYS,
	PX_WHEN_TARGETS_CHANGE,	/* the table of targets follows the processes */
	PX_WHEN_COMM,		/* targets by name */
	PX_WHEN_EXE,		/* targets by program */
	PX_WHEN_PROCS,		/* what becomes of the targets is to be told */
	PX_WHEN_ENDS,		/* the end of UNIX connections is to be told */
	PX_WHEN_DATAGRAMS,	/* UDP is asked for */
	PX_WHEN_TLS,		/* in the part of its own for TLS libraries */
	PX_WHEN_TLS_SOCK,	/* the same, under back end `sock` */
	PX_WHEN_TLS_CALLS,	/* the same, under the others */
	PX_WHEN_GO,		/* in the part of its own for Go's crypto/tls */
	PX_WHEN_GO_SOCK,	/* the same, under back end `sock` */
	PX_WHEN_GO_CALLS,	/* the same, under the others */
};

struct px_program {
	enum px_probe probe;	/* the back end it belongs to; PX_PROBE_AUTO: every one */
	enum px_hook hook;
	const char *function;	/* in bpf_src/ */
	const char *target;	/* tracepoint, system call without its prefix (NULL: each in px_calls[]), or map */
	bool optional;		/* what it adds can be done without */
	const char *without;	/* NULL, or of PX_HOOK_TAIL and PX_HOOK_SPLICE: loaded when the probes are live already, and what is so where it is not */
	unsigned dir;		/* replaces PX_ABI_PATCH_DIR in the code */
	enum px_when when;
	unsigned slot;		/* PX_HOOK_TAIL: its place in the map */
};

extern const struct px_program px_programs[];
extern const size_t px_program_count;

#define PX_PROGRAMS_MAX 80

#define PX_ATTACH_UPROBE_MULTI 48	/* BPF_TRACE_UPROBE_MULTI of enum bpf_attach_type, kernel 6.6 */

/* What the kernel puts before the name of a system call to name the function that serves it. */
#if defined(__aarch64__)
#define PX_CALL_PREFIX "__arm64_sys_"
#else
#define PX_CALL_PREFIX "__x64_sys_"
#endif

#endif
