/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small stand-in for the core: hands bytes, holes and ends to one parser, as parsers/parser.h
 * says, and checks what comes back against it. For tests and fuzzers; the program's own loop is
 * src/decode/drive.c.
 */
#ifndef PX_TESTS_SUPPORT_FEED_H
#define PX_TESTS_SUPPORT_FEED_H

#include "frame.h"
#include "parser.h"

/* Where the parser's view lies. */
enum px_feed_view {
	PX_FEED_PLAIN,	/* in the feed's buffer */
	PX_FEED_GUARD,	/* against an unreadable page, a fresh one for each call */
	PX_FEED_HEAP,	/* in a heap block of just that size, for AddressSanitizer */
};

struct px_feed_dir {
	char *bytes;		/* that came and were not consumed */
	size_t len, cap;
	uint64_t pos;		/* of bytes[0] in the direction */
	uint64_t discard;
	size_t need;
	bool has_begun, eof, ended, resyncing, ask_again;
	struct px_frame *frame;	/* under construction */
	bool is_lost;		/* and no frame since */
};

struct px_feed {
	const struct px_parser *parser;
	void *state;
	struct px_parse_limits limits;
	struct px_frame_pool pool;
	enum px_feed_view view;
	enum px_role role;
	bool mid_stream;
	bool is_aside;		/* of the call under way */
	bool is_over;		/* a frame ended the protocol */
	const struct px_parser *hand_over;
	uint32_t epoch;		/* a loss begins the next */
	uint64_t calls;		/* of parse() */
	const char *broken;	/* the first breach of the contract, NULL if there was none */
	struct px_feed_dir dir[2];
	void *ctx;
	/* The frame is the receiver's: px_frame_free(&feed->pool, f). */
	void (*on_frame)(void *ctx, enum px_dir dir, struct px_frame *f);
	void (*on_bad)(void *ctx, enum px_dir dir, const char *why); /* once per loss */
};

extern const struct px_parse_limits px_feed_limits; /* what the program has unless told otherwise */

void px_feed_init(struct px_feed *f, const struct px_parser *parser,
		  const struct px_parse_limits *limits, size_t pool_bytes);
void px_feed_fini(struct px_feed *f);

void px_feed_bytes(struct px_feed *f, enum px_dir dir, struct px_bytes b);
void px_feed_hole(struct px_feed *f, enum px_dir dir, uint64_t n, bool is_cut);
void px_feed_eof(struct px_feed *f, enum px_dir dir);

/*
 * A datagram, of which these bytes were copied; d may be NULL where that is all of it. Returns
 * whether the parser took it.
 */
bool px_feed_datagram(struct px_feed *f, enum px_dir dir, struct px_bytes b,
		      const struct px_datagram *d);

/* The connection is gone: hand on what could be shown. */
void px_feed_finish(struct px_feed *f);

#endif
