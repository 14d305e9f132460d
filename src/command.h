/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command that runs under trace: it is there before the probes, and begins once they are live.
 */
#ifndef PX_COMMAND_H
#define PX_COMMAND_H

#include <sys/types.h>

#include "base/error.h"

struct px_command {
	pid_t pid;		/* 0: there is none */
	int go;			/* writing to it lets the command begin; closing it ends it */
	int failed;		/* the errno of exec comes from here, or its end */
	bool is_other_user;	/* it runs as somebody else: signalling it takes CAP_KILL */
	bool was_told;		/* a SIGINT that was meant for us alone has been passed on */
};

/*
 * Make the process that will run argv, found as the shell would, and that waits in it. It runs as
 * user (a name or number); NULL: as the user behind sudo, if there is one. To be called before
 * signals are blocked. Returns 0; -1 with err filled.
 */
PX_MUST_USE int px_command_start(struct px_command *c, char *const argv[], const char *user,
				 struct px_error *err);

/*
 * Let it begin. Returns 0; -1 with err filled, err->code being 127 where there is no such program,
 * else 126.
 */
PX_MUST_USE int px_command_go(struct px_command *c, const char *name, struct px_error *err);

/* It will not be needed: it ends without having begun. */
void px_command_drop(struct px_command *c);

/*
 * A signal came to us that asks to end (SIGINT, SIGTERM, SIGHUP). from_terminal: the command has it
 * too. Returns true where that is for the command to decide; then it has been passed on.
 */
bool px_command_signal(struct px_command *c, int sig, bool from_terminal);

/*
 * Wait for its end, passing on signals from signal_fd. Returns its exit status; does not return
 * where a signal ended it: then the same ends us.
 */
int px_command_wait(struct px_command *c, int signal_fd);

#endif
