/* SPDX-License-Identifier: Apache-2.0 */
/* One direction of a connection: bytes in order, holes marked, the front trimmed. It does not look inside. */
#ifndef PX_STREAM_STREAM_H
#define PX_STREAM_STREAM_H

#include "base/buf.h"
#include "base/bytes.h"

/* What was said about a stretch of bytes when it came; the frame's marks are made of it. */
struct px_seg_info {
	uint64_t ts_ns;
	uint64_t peer_pos;
	uint32_t pid, tid, uid;
	char comm[16];
	bool has_peer_pos;
};

enum px_stream_next {
	PX_STREAM_NOTHING,	/* no byte follows yet */
	PX_STREAM_BYTES,	/* px_stream_view() has at least one byte */
	PX_STREAM_HOLE,		/* the next px_stream_hole_len() bytes will never come */
};

#endif
