/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks for TLS libraries in the traced processes and hangs the probes into them: a process of its
 * own, which keeps the privileges that this takes while the tracer gives up its own, and whose end
 * takes every probe away. Nothing of it is compiled before a library is found.
 */
#ifndef PX_CAPTURE_TLS_WATCH_H
#define PX_CAPTURE_TLS_WATCH_H

#include "capture/attach.h"
#include "capture/loader.h"

struct px_tls_watch;

struct px_tls_watch_options {
	const struct px_load_request *request;	/* of the main part; borrowed until the start is over */
	const struct px_loaded *loaded;
	struct px_links *links;	/* the tracer's own, which only it may keep attached */
	bool ahead;		/* processes to come may use what is installed */
	bool eager;		/* be ready for contexts that use no socket themselves before one is met */
	const char *program;	/* will be run, by this name; or NULL */
	const char *file;	/* --libssl: this one, too; or NULL */
};

enum px_tls_note_kind {
	PX_TLS_FOUND,	/* a library, before its probes are there; text names it */
	PX_TLS_READY,	/* all that was found at the start has its probes: `probes` of them */
	PX_TLS_ADDED,	/* one that was found later has them */
	PX_TLS_FAILED,	/* text says what could not be had, and why */
	PX_TLS_LOOKED,	/* process pid, that px_tls_watch_target() named, has its probes */
	PX_TLS_STRANGER, /* text names what process pid encrypts with, whose inside nobody saw */
};

struct px_tls_note {
	enum px_tls_note_kind kind;
	uint32_t probes;
	uint32_t pid;
	char text[200];
};

/* Returns NULL where no process can be started. */
struct px_tls_watch *px_tls_watch_start(const struct px_tls_watch_options *opt);

/* Readable when there is a note; -1: there will be none any more. */
int px_tls_watch_fd(const struct px_tls_watch *w);

/* The next note, waited for at most timeout_ms. False: none, or the process has ended. */
PX_MUST_USE bool px_tls_watch_next(struct px_tls_watch *w, int timeout_ms, struct px_tls_note *out);

/*
 * Process pid speaks TLS and nobody saw the inside of it: it may have loaded a library meanwhile.
 */
void px_tls_watch_look(struct px_tls_watch *w, uint32_t pid);

/*
 * Process pid has become a target while the trace runs: PX_TLS_LOOKED follows. False: it does not,
 * for nobody watches any more.
 */
PX_MUST_USE bool px_tls_watch_target(struct px_tls_watch *w, uint32_t pid);

/* A context was met that uses no socket itself: have it found by what it encrypts. */
void px_tls_watch_seek(struct px_tls_watch *w);

/*
 * Take the probes off. Returns when they are, or after a moment: those that are perf events go one
 * after the other when this process has ended, and tell nothing any more.
 */
void px_tls_watch_stop(struct px_tls_watch *w);

#endif
