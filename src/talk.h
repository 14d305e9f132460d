/* SPDX-License-Identifier: Apache-2.0 */
/* -i: what the shell asks of a trace, and what the trace tells the shell. */
#ifndef PX_TALK_H
#define PX_TALK_H

#include "aims.h"
#include "choice.h"
#include "conn/table.h"
#include "database.h"
#include "outputs.h"
#include "report.h"
#include "shell/shell.h"
#include "tail.h"

/* The trace; all of it is borrowed. */
struct px_talk_trace {
	const struct px_options *opt;
	const struct px_choice *choice;
	const struct px_database *database;
	struct px_report *report;
	struct px_table *table;
	struct px_source *source;
	struct px_notes *notes;
	struct px_outputs *outputs;
	const char *const *stop_reason;	/* points to why the trace is over; to NULL: it goes on */
	/* One round: events, signals, outputs. */
	void (*turn)(void *ctx);
	void *ctx;
};

/* Zeroed: there is no shell, and all of these do nothing. */
struct px_talk {
	struct px_talk_trace trace;
	struct px_shell *shell; /* NULL: there is none yet */
	struct px_tail tail;
	struct px_filter *filter; /* of .filter; NULL: that of the options, or none */
	char packets[PX_DATABASE_FOLDER + 16];	/* files of them have names that begin so */
	uint64_t keep_bytes; /* what the tables may take; 0: all is kept */
	bool told_gone; /* that messages had to go */
	int code; /* what a script ended with */
};

/*
 * Make ready what the shell needs while records come. Returns 0, or -1 when it has been said what
 * cannot be had. px_talk_fini() takes it in either case.
 */
PX_MUST_USE int px_talk_init(struct px_talk *t, const struct px_talk_trace *trace);
void px_talk_fini(struct px_talk *t);

/* The shell begins. Returns 0, or -1 when it has been said why not. */
PX_MUST_USE int px_talk_begin(struct px_talk *t);

/* Events were taken in: say what that came to. */
void px_talk_tick(struct px_talk *t);

/* The descriptor that the user types on, -1: none now; it can be read: do what was typed. */
int px_talk_fd(const struct px_talk *t);
void px_talk_read(struct px_talk *t);

/* Has the user had enough? False without a shell. */
bool px_talk_is_over(struct px_talk *t);

/* Ctrl-C; false without a shell. */
bool px_talk_interrupt(struct px_talk *t);
/* SIGTERM, SIGHUP. */
void px_talk_stop(struct px_talk *t);
void px_talk_resize(struct px_talk *t);

#endif
