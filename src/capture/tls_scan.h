/* SPDX-License-Identifier: Apache-2.0 */
/* Which files that processes run have a TLS library in them. */
#ifndef PX_CAPTURE_TLS_SCAN_H
#define PX_CAPTURE_TLS_SCAN_H

#include "capture/go_attach.h"
#include "capture/tls_table.h"

/* A file with the functions of a library in it; lent for the length of a call. */
struct px_tls_object {
	const struct px_tls_library *library;
	uint64_t offsets[PX_TLS_FUNCTIONS_MAX];	/* by row of library->functions; 0: it has no such function */
	const struct px_go_places *go;	/* a Go program, and nothing above is filled; else NULL */
	bool filters;	/* a program with the library built in that makes layers of TLS among others */
	const char *why;	/* it has crypto/tls, but cannot be looked into; else empty */
	const char *name;	/* its path as its process has it */
	char path[40];		/* by which this process gets at it, whatever became of that name */
};

typedef void (*px_tls_object_fn)(void *ctx, const struct px_tls_object *o);

struct px_tls_seen;

struct px_tls_files {
	struct px_tls_seen *files;
	size_t count, room;
};

/* What has been looked at, and need not be again. */
struct px_tls_scan {
	struct px_tls_files seen;
	struct px_tls_files texts;	/* programs whose texts have been looked through */
	bool filters;	/* somebody uses a library's layers of TLS among others: px_tls_filter_names */
	px_tls_object_fn fn;
	void *ctx;
};

void px_tls_scan_init(struct px_tls_scan *s, px_tls_object_fn fn, void *ctx);
void px_tls_scan_fini(struct px_tls_scan *s);

/*
 * Look at the files that process pid has mapped to run, and call fn for each that has a library in
 * it and was not met before. They are opened through the process: other roots and deleted files are
 * no obstacle.
 */
void px_tls_scan_process(struct px_tls_scan *s, uint32_t pid);

/*
 * Look through the program of process pid for a library without symbols, if it was not done before:
 * it takes some ten milliseconds, and so is for those that are known to speak TLS, or are named.
 */
void px_tls_scan_texts(struct px_tls_scan *s, uint32_t pid);

/* The same for one file by its name. */
void px_tls_scan_file(struct px_tls_scan *s, const char *path);

/*
 * The same for a program that is going to be run by this name: where PATH leads, and for a script who
 * runs it.
 */
void px_tls_scan_program(struct px_tls_scan *s, const char *name);

/* And for the libraries that the dynamic linker would find on this host by their usual names. */
void px_tls_scan_installed(struct px_tls_scan *s);

#endif
