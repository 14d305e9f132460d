/* SPDX-License-Identifier: Apache-2.0 */
/* A record as text, a line per value, to be compared with what a test expects. */
#ifndef PX_TESTS_SUPPORT_DUMP_H
#define PX_TESTS_SUPPORT_DUMP_H

#include "base/buf.h"
#include "parser.h"

/* Bytes with everything that is not printable ASCII escaped as in C. */
void px_dump_text(struct px_buf *out, struct px_bytes text);

enum px_dump_how {
	PX_DUMP_SECRETS = 1,	/* as with --no-redact */
	PX_DUMP_NO_LITERALS = 2, /* as with --redact-literals */
	PX_DUMP_RAW = 4,	/* the raw bytes, too */
};

/*
 * What parser->describe() makes of the exchange: common keys, `req.NAME` and `resp.NAME`, the
 * summary. Memory for the record comes from a pool of pool_bytes.
 *
 * how  bits of enum px_dump_how
 */
void px_dump_exchange(struct px_buf *out, const struct px_exchange *ex, unsigned int how,
		      size_t pool_bytes);

#endif
