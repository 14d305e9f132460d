/* SPDX-License-Identifier: Apache-2.0 */
/* The column REQ/RESP of the text line. */
#ifndef PX_SINK_TEXT_SIZES_H
#define PX_SINK_TEXT_SIZES_H

#include "base/buf.h"
#include "record/record.h"

#define PX_TEXT_TABLES 32	/* protocols whose size fields are remembered */

/* Where the tables of protocols have the sizes of both sides; begins zeroed. */
struct px_text_sizes {
	struct px_text_table {
		const struct px_field *fields;
		int req, resp;	/* -1: nowhere */
	} tables[PX_TEXT_TABLES];
};

/*
 * Append " 78/512" of a message, with "~" before the first where it was joined in the middle. Adds
 * to *columns what that takes on the screen. Returns 0, -ENOBUFS or -ENOMEM.
 */
PX_MUST_USE int px_text_message_sizes(struct px_text_sizes *s, struct px_buf *b,
				      const struct px_record *r, size_t *columns);

/*
 * The same of an open or close record. Requests first, as in the lines of messages: what a server
 * received, else what was sent.
 */
PX_MUST_USE int px_text_conn_sizes(struct px_buf *b, const struct px_record *r, size_t *columns);

#endif
