/* SPDX-License-Identifier: Apache-2.0 */
/* Foreign text made harmless: for terminals, for JSON, as base64. */
#ifndef PX_SINK_ESCAPE_H
#define PX_SINK_ESCAPE_H

#include "base/buf.h"
#include "base/bytes.h"

/* --- UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF --- */

PX_MUST_USE bool px_utf8_valid(struct px_bytes s);

/*
 * The character that begins at s.ptr[at] (at < s.len), into *cp.
 * Returns its length in bytes, 1 to 4, or 0 where the bytes there are none.
 */
size_t px_utf8_decode(struct px_bytes s, size_t at, uint32_t *cp);

/*
 * Columns that a printable character takes on a terminal: 0 for combining marks, 2 for wide ones,
 * else 1.
 */
unsigned int px_utf8_columns(uint32_t cp);

/* --- JSON --- */

/*
 * An escaped text is at most this many times as long as it was, and 16 bytes behind it may be
 * overwritten.
 */
#define PX_JSON_GROWTH 6
#define PX_JSON_SLACK 16

/*
 * Write s as the inside of a JSON string to dst, which has room for PX_JSON_GROWTH * s.len +
 * PX_JSON_SLACK bytes. Escaped are what JSON asks for and DEL, C1, bidi controls, U+2028 and
 * U+2029. Returns the end, or NULL where s is not valid UTF-8: what has been written then is of no
 * use.
 */
char *px_json_escape(char *dst, struct px_bytes s);

#define PX_BASE64_LEN(n) (((n) + 2) / 3 * 4)

/*
 * Write s in base64 (RFC 4648 section 4, padded) to dst, which has room for PX_BASE64_LEN(s.len).
 * Returns the end.
 */
char *px_base64(char *dst, struct px_bytes s);

/* --- terminals --- */

#define PX_TERM_GROWTH 4

/* How much room there is for a piece of foreign text; SIZE_MAX: enough for all of it. */
struct px_term_room {
	size_t columns;
	size_t bytes;	/* of the escaped text */
};
#define PX_TERM_ROOM_ALL ((struct px_term_room){ SIZE_MAX, SIZE_MAX })

#define PX_TERM_NO_BLANKS 0x1	/* a column of its own: blanks become '_' */

/*
 * Append s so that a terminal shows it and does nothing else. Control characters, bytes that are
 * not UTF-8, bidi controls and invisible characters become \n, \x1b, \u202e and the like; a
 * backslash stays one. What does not fit the room is replaced by an ellipsis that does.
 *
 * columns  grows by the columns that were used; may be NULL
 *
 * Returns 0, -ENOBUFS or -ENOMEM.
 */
PX_MUST_USE int px_term_append(struct px_buf *out, struct px_bytes s, unsigned int flags,
			       struct px_term_room room, size_t *columns);

#endif
