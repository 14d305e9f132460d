/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What -v, -A, -x and -X add below a text line: indented lines, so that grep -v '^ ' takes them
 * away.
 */
#ifndef PX_SINK_TEXT_DETAIL_H
#define PX_SINK_TEXT_DETAIL_H

#include "base/buf.h"
#include "sink/sink_text.h"

/*
 * "10.0.0.2:80", "[::1]:80", "unix", "unix:/run/x.sock", "-": one end of the record's connection.
 */
PX_MUST_USE int px_text_endpoint(struct px_buf *out, const struct px_record *r, bool is_local,
				 size_t *columns);

/* Append all the details that the options ask for. Returns 0, -ENOBUFS or -ENOMEM. */
PX_MUST_USE int px_text_details(struct px_buf *out, const struct px_record *r,
				const struct px_text_options *options);

#endif
