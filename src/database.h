/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --sqlite and --sql: a run's records as tables, and the question that is put to them at its end.
 */
#ifndef PX_DATABASE_H
#define PX_DATABASE_H

#include "choice.h"
#include "cli/options.h"
#include "sink/out.h"
#include "tables/tables.h"

#define PX_DATABASE_FOLDER 256

struct px_database {
	const struct px_options *opt;
	struct px_tables *tables;	/* NULL: nobody wants them */
	char folder[PX_DATABASE_FOLDER];	/* of -i, ours alone; empty: there is none */
};

/*
 * Make the tables, where the options ask for them, and look whether --sql can be answered. Returns
 * 0, or the exit code when it has been said what is wrong. px_database_close() takes it in either
 * case.
 */
PX_MUST_USE int px_database_open(struct px_database *d, const struct px_options *opt,
				 const struct px_choice *choice);

/*
 * All records have come: complete the file, and write what --sql gives to out, whose descriptor is
 * fd. signal_fd: where Ctrl-C is read. Returns the exit code.
 */
PX_MUST_USE int px_database_conclude(struct px_database *d, struct px_out *out, int fd,
				     int signal_fd);

void px_database_close(struct px_database *d);

#endif
