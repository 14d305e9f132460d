/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies and raw bytes on a terminal: as text, as JSON with line breaks, as hex in tcpdump's
 * columns.
 */
#ifndef PX_SINK_TEXT_BODY_H
#define PX_SINK_TEXT_BODY_H

#include "base/buf.h"
#include "base/bytes.h"

/*
 * Append a body, each line indented. What is no text is shown in hex; JSON (by its content type, or
 * its looks where there is none) gets line breaks if pretty. All functions here return 0, -ENOBUFS
 * or -ENOMEM.
 */
PX_MUST_USE int px_text_body(struct px_buf *out, struct px_bytes body, struct px_bytes content_type,
			     bool pretty);

/*
 * Two pieces as one run of bytes: "0x0010:  4745 5420 ...", and the characters beside it (tcpdump
 * -x, -X).
 */
PX_MUST_USE int px_text_hex(struct px_buf *out, struct px_bytes head, struct px_bytes body,
			    bool with_ascii);

/* The same as characters, with their own line breaks (tcpdump -A). */
PX_MUST_USE int px_text_ascii(struct px_buf *out, struct px_bytes head, struct px_bytes body);

#endif
