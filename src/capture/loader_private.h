/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the files of the loader child: loader_child.c compiles, with what loader_flags.c says and
 * loader_part.c does beside it; loader_load.c loads.
 */
#ifndef PX_CAPTURE_LOADER_PRIVATE_H
#define PX_CAPTURE_LOADER_PRIVATE_H

#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include "capture/btf.h"
#include "capture/loader_child.h"

#define PX_CHILD_FLAGS 180	/* room for those of one compilation */
#define PX_CHILD_LOG (1 << 20)	/* bytes of what the verifier says of one program */

/* The calls into libbcc; its headers are C++ beyond these. */
struct px_child_bcc {
	void *(*create)(const char *text, unsigned flags, const char *cflags[], int count,
			bool allow_rlimit, const char *dev_name);
	void *(*start)(void *module, const char *function);
	size_t (*size)(void *module, const char *function);
	int (*table)(void *module, const char *name);
	size_t (*tables)(void *module);
	const char *(*table_name)(void *module, size_t i);
	int (*table_fd)(void *module, size_t i);
	size_t (*functions)(void *module);
	const char *(*function_name)(void *module, size_t i);
};

/* A program as it was compiled. */
struct px_code {
	char function[32];
	struct bpf_insn *insns;
	size_t count;
};

/* The programs that a process beside us compiles; all 0: nothing was begun. */
struct px_part {
	pid_t pid;
	int fd;			/* they come from here; -1: there is none */
	struct px_code code[16];
};

struct px_child {
	const struct px_load_request *req;
	const char *dir;	/* private, empty at first */
	uint64_t begin;		/* when it was started */
	struct px_child_bcc bcc;
	struct px_btf *btf;
	bool reads_all_headers;	/* libbcc's own, too: see bpf_src/helpers.bpf.h */
	struct px_load_reply *reply;
	int fds[PX_REPLY_FDS];
	char text[32][800];	/* flags made here */
	size_t texts;
	char *log;		/* PX_CHILD_LOG bytes */
	struct px_part part;
	struct load_ahead *ahead;	/* programs that the kernel has taken before they were asked for */
	void *module;		/* of libbcc, what all programs come from */
	int families[PX_FAMILIES];	/* BTF ids of what the programs of each take; 0: none yet */
	int family_targets[PX_FAMILIES];	/* and of what its first program hangs on */
};

/* Say a sentence to the user: something could not be had. */
PX_PRINTF(2, 3) void px_child_note(struct px_child *c, const char *fmt, ...);

/* With --debug: how long it has taken so far. */
void px_child_phase(const struct px_child *c, const char *what);

/*
 * What clang is told for this back end: fills flags, of PX_CHILD_FLAGS. Returns how many, or -1 with
 * reply->error filled.
 */
PX_MUST_USE int px_child_flags(struct px_child *c, enum px_probe probe, const char **flags);

/* Compile. Returns libbcc's module, or NULL; what it had to say is on stderr. */
void *px_child_compile(struct px_child *c, const char *text, const char **flags, int count);

/*
 * Leave half of the programs and then the late ones (PX_PART in bpf_src/) to another process, if
 * there is a CPU for it; *flags get the word that ours compiles the rest, and need room for four
 * more.
 */
void px_part_start(struct px_child *c, const char *text, const char **flags, int *count);

/*
 * Fetch the next of the two parts, to go with c->module; nothing where there is no other process.
 * Returns 0, or -1 if it did not compile.
 */
PX_MUST_USE int px_part_fetch(struct px_child *c);

/* End the other process, and forget what it compiled. */
void px_part_free(struct px_child *c);

/* The code of a program, wherever it was compiled; NULL, *count 0: there is no such. */
const struct bpf_insn *px_child_code(const struct px_child *c, void *module, const char *function,
				     size_t *count);

/*
 * Load every program of the back end out of a compiled module. Returns 0; -1 with reply->error
 * filled.
 */
PX_MUST_USE int px_child_load(struct px_child *c, enum px_probe probe);

/* The late programs of what was loaded; what cannot be had becomes a note. */
void px_child_load_late(struct px_child *c);

#endif
