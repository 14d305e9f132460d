/* SPDX-License-Identifier: Apache-2.0 */
/* --check: can it work here? -D: what is there to trace? */
#ifndef PX_INSPECT_H
#define PX_INSPECT_H

#include "capture/live.h"
#include "cli/options.h"

/*
 * A line for each thing that tracing needs, on standard output: "ok|warn|FAIL name: value:
 * consequence: cure", or an object each with -j. Compiles, loads and attaches as tracing would,
 * with live, and says how long that took. Returns the exit code that tracing would end with now.
 */
int px_inspect_host(const struct px_options *o, const struct px_live_options *live, char **argv);

/* A line or object for each process with sockets. Returns the exit code. */
int px_inspect_list(const struct px_options *o);

#endif
