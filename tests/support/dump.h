/* SPDX-License-Identifier: Apache-2.0 */
/* A record as text, a line per value, to be compared with what a test expects. */
#ifndef PX_TESTS_SUPPORT_DUMP_H
#define PX_TESTS_SUPPORT_DUMP_H

#include "base/buf.h"
#include "parser.h"

/* Bytes with everything that is not printable ASCII escaped as in C. */
void px_dump_text(struct px_buf *out, struct px_bytes text);

/*
 * What parser->describe() makes of the exchange: common keys, `req.NAME` and `resp.NAME`, the
 * summary, and the raw bytes when `raw` is set. Memory for the record comes from a pool of
 * pool_bytes.
 */
void px_dump_exchange(struct px_buf *out, const struct px_exchange *ex, bool no_redact, bool raw,
		      size_t pool_bytes);

#endif
