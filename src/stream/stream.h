/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One direction of a connection: bytes in order, holes marked, the front trimmed. It does not look
 * inside.
 *
 *       consumed      unread pieces, in order          not in order yet
 *     ............|######|~~~~~~~|#########|         [late]   [late]
 *                 ^ pos   hole    ^ data   ^ end
 */
#ifndef PX_STREAM_STREAM_H
#define PX_STREAM_STREAM_H

#include "base/buf.h"
#include "base/bytes.h"

/* What was said about a stretch of bytes when it came; the marks of frames are made of it. */
struct px_seg_info {
	uint64_t ts_ns;		/* source clock */
	uint64_t peer_pos;	/* offset that the other direction had reached, if has_peer_pos */
	uint32_t pid, tid, uid;
	char comm[16];
	bool has_peer_pos;
};

enum px_piece_kind {
	PX_PIECE_NONE,	/* nothing follows yet */
	PX_PIECE_DATA,
	PX_PIECE_CUT,	/* announced, not copied: our own limit */
	PX_PIECE_LOST,	/* never seen */
};

struct px_piece {
	enum px_piece_kind kind;
	uint64_t pos, len;
	struct px_seg_info info;
};

struct px_late;

/* Limits and totals that the streams of one table share. */
struct px_stream_budget {
	size_t stream_max;	/* unread bytes one stream may keep */
	size_t total_max;	/* unread bytes all streams together may keep */
	size_t total;
	uint64_t dropped_bytes;	/* given up because of these limits; they became holes */
};

struct px_stream {
	struct px_stream_budget *budget;
	uint64_t pos;		/* offset of the next unread byte */
	uint64_t end;		/* offset behind the last byte in order */
	uint32_t urgent;	/* sequence numbers up to end that were no bytes of the stream */
	bool started;		/* pos is known */
	bool eof;		/* no byte follows end */
	bool no_repeats;	/* each byte is reported once: system calls, not packets */
	uint64_t discard;	/* so many bytes behind pos are dropped as they come */
	struct px_piece *pieces; /* a ring; NULL: the inline one */
	uint32_t piece_first, piece_count, piece_cap;
	struct px_piece inline_piece;
	struct px_buf buf;	/* bytes of the data pieces, one behind the other, from buf_first on */
	size_t buf_first;
	struct px_bytes lent;	/* the caller's bytes, behind those of buf, until px_stream_settle */
	struct px_late *late;	/* ascending by offset */
	size_t late_bytes;
	struct px_seg_info last; /* of the byte before pos */
	uint64_t lost_bytes;	/* never seen or given up */
};

void px_stream_init(struct px_stream *s, struct px_stream_budget *budget);
void px_stream_fini(struct px_stream *s);

/*
 * Say where the stream stands before its first byte has come: an offset that the other direction
 * told of. Bytes before it may still come, and then count; a first byte behind it leaves a hole.
 */
void px_stream_hint(struct px_stream *s, uint64_t pos);

/*
 * Append len bytes, of which the first data.len are here.
 *
 * pos   offset of data.ptr[0] in this direction, bytes
 * data  borrowed until px_stream_settle(), which copies what is still unread by then
 *
 * Bytes already there are a repeat and are ignored. Bytes behind a hole wait: the missing ones may
 * come late (px_stream_is_waiting), until px_stream_give_up() makes the hole final.
 */
void px_stream_append(struct px_stream *s, uint64_t pos, struct px_bytes data, uint64_t len,
		      const struct px_seg_info *info);

/*
 * The bytes up to end were not seen and never will be; from a source that puts them in order
 * itself, so nothing waits. Returns how many are missing.
 */
uint64_t px_stream_lose(struct px_stream *s, uint64_t pos, uint64_t end,
			const struct px_seg_info *info);

/*
 * The borrowed bytes go back to their owner: what is unread is copied, or lost and counted where
 * there is no room.
 */
void px_stream_settle(struct px_stream *s);

static inline bool px_stream_is_waiting(const struct px_stream *s)
{
	return s->late != NULL;
}

/* Source time at which the oldest waiting segment came. */
uint64_t px_stream_waiting_since(const struct px_stream *s);

/*
 * The bytes before the first waiting segment will not come: they are a hole. Returns their number.
 */
uint64_t px_stream_give_up(struct px_stream *s);

/* What is at the front, after discarding what is to be discarded; NULL when nothing is there. */
const struct px_piece *px_stream_front(struct px_stream *s);

/* Bytes at the front up to the first hole. Valid until the next call that changes the stream. */
struct px_bytes px_stream_view(struct px_stream *s);

/* Step over n bytes of data or holes (n <= end - pos). */
void px_stream_consume(struct px_stream *s, uint64_t n);

/* Drop the next n bytes as they come, whether they are here already or not. */
void px_stream_discard(struct px_stream *s, uint64_t n);

#endif
