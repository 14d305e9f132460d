/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the two files of the loader child: loader_child.c compiles, loader_load.c loads. */
#ifndef PX_CAPTURE_LOADER_PRIVATE_H
#define PX_CAPTURE_LOADER_PRIVATE_H

#include "capture/btf.h"
#include "capture/loader_child.h"
#include "capture/pages.h"

#define PX_CHILD_LOG (1 << 20)	/* bytes of what the verifier says of one program */

/* The calls into libbcc; its headers are C++ beyond these. */
struct px_child_bcc {
	void *(*create)(const char *text, unsigned flags, const char *cflags[], int count,
			bool allow_rlimit, const char *dev_name);
	void *(*start)(void *module, const char *function);
	size_t (*size)(void *module, const char *function);
	int (*table)(void *module, const char *name);
};

struct px_child {
	const struct px_load_request *req;
	const char *dir;	/* private, empty at first */
	uint64_t begin;		/* when it was started */
	struct px_child_bcc bcc;
	struct px_btf *btf;
	struct px_pages pages;
	bool has_pages;		/* pages is known */
	bool leaves_pages;	/* and not made use of: this kernel refused what does */
	const char *refused;	/* the program that the kernel refused last */
	struct px_load_reply *reply;
	int fds[PX_REPLY_FDS];
	char text[32][800];	/* flags made here */
	size_t texts;
	char *log;		/* PX_CHILD_LOG bytes */
	struct load_ahead *ahead;	/* programs that the kernel has taken before they were asked for */
	int families[PX_FAMILIES];	/* BTF ids of what the programs of each take; 0: none yet */
};

/* Say a sentence to the user: something could not be had. */
PX_PRINTF(2, 3) void px_child_note(struct px_child *c, const char *fmt, ...);

/*
 * Load every program of the back end out of a compiled module. Returns 0; -1 with reply->error
 * filled.
 */
PX_MUST_USE int px_child_load(struct px_child *c, void *module, enum px_probe probe);

#endif
