/* SPDX-License-Identifier: Apache-2.0 */
/*
 * -i: a shell on the tables of a trace, which goes on meanwhile. It is driven by whoever polls: it
 * waits for nobody without calling turn() all the time.
 */
#ifndef PX_SHELL_SHELL_H
#define PX_SHELL_SHELL_H

#include "base/buf.h"
#include "base/error.h"
#include "cli/args.h"
#include "record/field.h"
#include "tables/query.h"

struct px_shell;

/* What .export makes. */
enum px_shell_kind { PX_SHELL_JSON, PX_SHELL_CSV, PX_SHELL_PCAPNG };

#define PX_SHELL_KEEP_MIN ((uint64_t)4 << 20) /* bytes of .keep, at least */

/* What the shell can make its trace do. Those that return an int: 0, or -1 with err filled. */
struct px_shell_ops {
	/* One round: events, signals, outputs. */
	void (*turn)(void *ctx);
	/* Trace these processes, too, or no longer. */
	int (*target)(void *ctx, const struct px_pids *pids, bool is_added, struct px_error *err);
	/* Append a line for each process that is traced. Returns 0, -ENOBUFS or -ENOMEM. */
	int (*targets)(void *ctx, struct px_buf *out);
	/* Take no more messages in, or again. */
	void (*pause)(void *ctx, bool is_paused);
	/* From now on only messages that expr lets pass; "": all. */
	int (*filter)(void *ctx, struct px_bytes expr, struct px_error *err);
	/* Show messages as they come, those that expr lets pass; is_on false: no longer. */
	int (*tail)(void *ctx, struct px_bytes expr, bool is_on, struct px_error *err);
	/* Append lines on what was seen, lost and kept. Returns 0, -ENOBUFS or -ENOMEM. */
	int (*stats)(void *ctx, struct px_buf *out);
	/*
	 * Write what is kept into a file, created as px_file_create() does. is_interrupted() is
	 * asked all the time, and the trace may go on in it.
	 */
	int (*export)(void *ctx, enum px_shell_kind kind, const char *path,
		      bool (*is_interrupted)(void *ctx), void *ask, struct px_error *err);
	/* How many bytes are kept, and how many are to be; 0: all. */
	uint64_t (*kept)(void *ctx);
	void (*keep)(void *ctx, uint64_t bytes);
};

struct px_shell_options {
	struct px_tables *tables;
	const struct px_field_group *groups; /* for .fields and completion; borrowed */
	size_t group_count;
	enum px_answer_format format; /* of what queries give */
	bool is_wide; /* cells are not cut to the terminal's width */
	bool is_live; /* messages may still come */
	int in, out; /* descriptors; with a terminal on both there are prompts */
	const struct px_shell_ops *ops;
	void *ctx;
};

/* Returns 0, or -1 with err filled. */
PX_MUST_USE int px_shell_new(const struct px_shell_options *opt, struct px_shell **out,
			     struct px_error *err);
/* NULL is fine. The terminal is as it was. */
void px_shell_free(struct px_shell *s);

/* The descriptor to watch for POLLIN, then px_shell_read(); -1: none for now. */
int px_shell_fd(const struct px_shell *s);
void px_shell_read(struct px_shell *s);

/* Ctrl-C: ends the query, or the line. */
void px_shell_interrupt(struct px_shell *s);
/* End it, and what it does. */
void px_shell_stop(struct px_shell *s);
/* The terminal has another width. */
void px_shell_resize(struct px_shell *s);

/* Has the user had enough? code: that of the command at which a script failed, else 0. */
bool px_shell_is_over(const struct px_shell *s, int *code);

#endif
