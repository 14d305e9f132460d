/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Lines: one object per record, as doc/pxtrace.schema.json describes it. */
#ifndef PX_SINK_SINK_JSON_H
#define PX_SINK_SINK_JSON_H

#include "sink/out.h"
#include "sink/pick.h"
#include "sink/sink.h"

/* out stays the caller's and outlives the sink. Returns NULL where there is no memory. */
struct px_sink *px_sink_json_new(struct px_out *out);

/*
 * Of messages, open and close records show only these fields, `type`, and of maps and objects all
 * members. base is a JSON sink; pick outlives it.
 */
void px_sink_json_pick(struct px_sink *base, struct px_pick *pick);

#endif
