/* SPDX-License-Identifier: Apache-2.0 */
/* Between streams and frames: whose protocol is it, and where do its messages begin and end. */
#ifndef PX_DECODE_DECODE_H
#define PX_DECODE_DECODE_H

#include "frame.h"
#include "parser.h"
#include "stream/stream.h"

struct px_decoder;

/* What the decoders of all connections share. */
struct px_decode_env {
	const struct px_parser *const *parsers;	/* in the order in which they are asked, ended by NULL */
	struct px_parse_limits limits;
	struct px_frame_pool *frames;
	/* A finished frame; it is the receiver's now. */
	void (*on_frame)(void *owner, struct px_frame *f);
	/*
	 * Bytes of a direction were lost to the parser: what follows may belong to other messages.
	 */
	void (*on_gap)(void *owner, enum px_dir dir);
	/* Nobody will look at the bytes of this direction before offset `until`. */
	void (*on_discard)(void *owner, enum px_dir dir, uint64_t until);
	/* Both directions have ended a protocol properly; what follows is of this epoch. */
	void (*on_restart)(void *owner, uint32_t epoch);

	uint64_t frames_made;
	uint64_t bad;			/* PX_PARSE_BAD */
	uint64_t contract_errors;	/* results that break parser.h; counted as BAD */
	uint64_t not_understood_bytes;	/* belonged to no message */
	char unknown[24];		/* the first of the bytes that no parser knew */
	size_t unknown_len;
	uint64_t no_memory;		/* frames or states that could not be had */
};

enum px_decode_mode {
	PX_DECODE_RECOGNISE,	/* whose bytes are these? */
	PX_DECODE_PARSE,
	PX_DECODE_OPAQUE,	/* counted, not looked at */
};

struct px_decode_dir {
	struct px_frame *frame;	/* under construction, or NULL */
	size_t need;		/* bytes without which parse() need not be asked */
	bool ask_again;		/* parse() wants to be called, even with an empty view */
	bool resyncing;		/* look for the beginning of a message first */
	bool aligned;		/* no byte was thrown away in front of pos */
	bool ended;		/* the end of the stream has been told to the parser */
};

/* One connection's. */
struct px_decoder {
	struct px_decode_env *env;
	void *owner;		/* handed to the callbacks */
	struct px_stream *streams[2];	/* by enum px_dir */
	enum px_decode_mode mode;
	enum px_role role;	/* unknown until somebody knows; the parser may tell */
	bool mid_stream;	/* joined after its beginning */
	bool ever_parsed;	/* the parser has made a frame */
	uint32_t excluded;	/* parsers that were wrong here, a bit each */
	const struct px_parser *ordered;	/* is taken before any is asked; NULL: none */
	uint32_t epoch;
	uint64_t not_understood;	/* bytes */
	const struct px_parser *parser;
	const struct px_parser *last_parser;	/* of the frames delivered last, also when that protocol has ended */
	void *state;
	struct px_decode_dir dirs[2];
};

void px_decoder_init(struct px_decoder *d, struct px_decode_env *env, void *owner,
		     struct px_stream *in, struct px_stream *out);

/* Free what is under construction, without showing it. */
void px_decoder_fini(struct px_decoder *d);

/* Bytes, a hole or the end have come in this direction: take out what is complete. */
void px_decoder_run(struct px_decoder *d, enum px_dir dir);

/* Has a protocol been recognised here, and made frames? */
bool px_decoder_has_parsed(const struct px_decoder *d);

/*
 * Both streams go on with something else: recognise it afresh. mid_stream: its beginning was not
 * seen. What nobody has understood before does not count.
 */
void px_decoder_restart(struct px_decoder *d, bool mid_stream);

/* The connection is over: show what is far enough under construction to be shown. */
void px_decoder_finish(struct px_decoder *d);

#endif
