/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Joins the stages of a run before it begins: who is told what of connections, and where records
 * go.
 */
#ifndef PX_WIRING_H
#define PX_WIRING_H

#include "pipeline.h"

/*
 * Make all stages behind the source. turn: a round of the trace, for the shell; ctx is the
 * pipeline. Returns PX_EXIT_OK, or another exit code when it has been said what is wrong.
 * px_wiring_close() takes p in either case.
 */
PX_MUST_USE int px_wiring_open(struct px_pipeline *p, const struct px_run_info *info,
			       void (*turn)(void *ctx));
void px_wiring_close(struct px_pipeline *p);

#endif
