/* SPDX-License-Identifier: Apache-2.0 */
/* Joins the stages, owns their lifetimes, and runs the one loop. */
#ifndef PX_PIPELINE_H
#define PX_PIPELINE_H

#include "capture/source.h"
#include "choice.h"
#include "cli/options.h"
#include "command.h"
#include "conn/table.h"
#include "database.h"
#include "notes.h"
#include "outputs.h"
#include "report.h"
#include "sums.h"
#include "talk.h"
#include "watched.h"

struct px_pipeline {
	const struct px_options *opt;
	struct px_source *source;
	struct px_table table;
	struct px_report report;
	struct px_outputs outputs;
	struct px_sums sums;
	struct px_database database;
	struct px_notes notes;
	struct px_talk talk;	/* -i */
	int signal_fd;
	struct px_watched watched;	/* of those that were named with -p */
	struct px_command *command;	/* under trace, or NULL */
	bool is_live;
	const char *banner;	/* whom to name when everything is set up; NULL: it was done */
	size_t probes;
	bool is_whole;		/* all programs are there but those for TLS libraries */
	bool ends_with_targets;
	uint64_t gone_ns;	/* when the last of them was seen to be gone */
	const char *stop_reason;	/* set: the run ends */
	uint64_t interrupted_ns;	/* when SIGINT came, 0: not yet; the next one ends it at once */
	uint64_t started_ns;	/* CLOCK_MONOTONIC */
	uint64_t last_event_ns, last_tick_ns;
	uint64_t pause_ns;	/* between two batches, while events flow */
	uint64_t event_now_ns;	/* latest time in the source's clock */
};

/* What the run is about, for the start record and the banner; targets in px_options. */
struct px_run_info {
	const struct px_choice *choice;
	const char *probe, *transport;	/* NULL with files */
	struct px_command *command;	/* is let begin when all is set up; NULL: none */
	bool ends_with_targets;	/* the run is over when the table of targets has nobody left */
	const char *banner;		/* who is traced, told when all is set up; NULL: nobody asks */
	size_t probes;
};

/*
 * Run until the source ends, a signal comes, or a limit is reached. The pipeline takes the source.
 * signal_fd: a signalfd of px_pipeline_signals(), stays the caller's.
 * Returns the exit code; a command that has begun may still be running then.
 */
int px_pipeline_run(const struct px_options *opt, struct px_source *source,
		    const struct px_run_info *info, int signal_fd);

/*
 * Block the signals that end or steer a run and return a signalfd for them, or -errno. SIGPIPE is
 * ignored from here on.
 */
PX_MUST_USE int px_pipeline_signals(void);

#endif
