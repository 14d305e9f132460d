/* SPDX-License-Identifier: Apache-2.0 */
/* .tail of the shell: an output that shows messages while somebody wants to see them. */
#ifndef PX_TAIL_H
#define PX_TAIL_H

#include "filter/filter.h"
#include "sink/out.h"
#include "sink/sink.h"
#include "sink/sink_text.h"

struct px_tail {
	struct px_sink base;		/* nothing is to be freed through it */
	struct px_sink *text;
	struct px_filter *filter;	/* NULL: all */
	bool is_on;
};

/* Lines go to out. Returns 0, or -1 without memory. */
PX_MUST_USE int px_tail_init(struct px_tail *t, struct px_out *out,
			     const struct px_text_options *text);
void px_tail_fini(struct px_tail *t);

/* From now on, until px_tail_end(), those that filter lets pass; it is taken. */
void px_tail_begin(struct px_tail *t, struct px_filter *filter);
void px_tail_end(struct px_tail *t);

#endif
