/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiles and loads the kernel side in a short-lived child, so that LLVM's memory never becomes
 * the tracer's.
 */
#ifndef PX_CAPTURE_LOADER_H
#define PX_CAPTURE_LOADER_H

#include "base/error.h"
#include "capture/probes.h"
#include "capture/target.h"

/* Sets of programs that can jump to one another; see loader_load.c. */
#define PX_FAMILIES 3

enum px_map {
	PX_MAP_EVENTS,	/* the ring, or the array of perf events */
	PX_MAP_COUNTS,
	PX_MAP_SHARED,
	PX_MAP_CONTROL,
	PX_MAP_CALLS,
	PX_MAP_TARGETS,	/* only where the pids are no constants */
	PX_MAP_GLOBS,	/* only with names of processes */
	PX_MAP_EXES,	/* only with programs */
	PX_MAP_CGROUPS,	/* only with control groups */
	PX_MAP_MOVED,
	PX_MAP_TAKEN,	/* only with perf: see bpf_src/perf.bpf.h */
	PX_MAP_TURN,	/* by family, the program that tail calls go to; the kernel empties it when nobody holds it */
	PX_MAP_BODY = PX_MAP_TURN + PX_FAMILIES,	/* the same for back end `fentry` */
	PX_MAPS = PX_MAP_BODY + PX_FAMILIES,
};

/* What is compiled and loaded together. */
enum px_part_kind {
	PX_PART_MAIN,
	PX_PART_TLS,	/* for TLS libraries */
	PX_PART_GO,	/* for Go's crypto/tls */
};

struct px_load_request {
	enum px_probe probe;
	const struct px_targets *targets;
	enum px_transport transport;
	size_t ring_bytes;	/* a power of two, at least a page */
	uint32_t copy_max;	/* bytes of one call that are copied */
	bool datagrams;		/* UDP, too */
	uint32_t datagram_max;	/* bytes of one datagram that are copied; 0: its size is enough */
	enum px_part_kind part;
	const struct px_loaded *base;	/* of the other parts: the main one, whose maps they share */
	bool tells_procs;	/* exec and exit of targets in a table are events */
	bool tells_ends;	/* the end of UNIX connections is an event */
	bool debug;		/* what compiler and verifier say goes to stderr even if all went well */
};

struct px_loading;

/* What the child handed over. Descriptors are -1 where there is none. */
struct px_loaded {
	enum px_probe probe;			/* never PX_PROBE_AUTO */
	enum px_transport transport;		/* never PX_TRANSPORT_AUTO */
	int maps[PX_MAPS];
	int programs[PX_PROGRAMS_MAX];		/* by index in px_programs[] */
	bool uprobe_multi;			/* those at functions are for all places at once */
	char notes[4][160];			/* what could not be had; ended by an empty one */
	struct px_loading *rest;		/* the child, still loading programs that are in no hurry; NULL: all done */
};

/*
 * All that is hooked is there when this returns, and can be attached; for the rest see
 * px_loader_rest(). Takes about 0.2 s: libbcc is opened, the sources are compiled, the programs verified.
 * Returns 0; -1 with err filled, the whole of what compiler or verifier said then being in a file
 * that err names.
 */
PX_MUST_USE int px_loader_run(const struct px_load_request *req, struct px_loaded *out,
			      struct px_error *err);

/*
 * Are the late programs there (px_program.without)? wait: come back only then. Returns true once, with
 * what could not be had in l->notes, and from then on; l->rest is NULL then.
 */
bool px_loader_rest(struct px_loaded *l, bool wait);

/* To be polled for input while there is a rest; else -1. */
int px_loader_rest_fd(const struct px_loaded *l);

/*
 * For another thread than the one that is in px_loader_run() with l, in a process that is going to end
 * at once: takes the child and its folder away.
 */
void px_loader_abandon(const struct px_loaded *l);

/* Ends the child, too. */
void px_loaded_close(struct px_loaded *l);

#endif
