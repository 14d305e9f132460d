/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Lines: one object per record, as doc/pxtrace.schema.json describes it. */
#ifndef PX_SINK_SINK_JSON_H
#define PX_SINK_SINK_JSON_H

#include "sink/out.h"
#include "sink/sink.h"

/* out stays the caller's and outlives the sink. Returns NULL where there is no memory. */
struct px_sink *px_sink_json_new(struct px_out *out);

#endif
