/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a protocol implements: the file to read first when adding one.
 *
 * A protocol is a folder here, a line in registry.c, a folder below tests/parsers/ and an example.
 * The core keeps two byte streams per connection and asks the protocol to cut messages ("frames")
 * out of each; it pairs request frames with response frames, asks the protocol to describe the pair
 * as a record, and hands the record to the outputs.
 *
 *     bytes --infer()--> whose are they?  --parse()--> frames --match--> exchange --describe()--> record
 *
 * A parser sees bytes only through the views it is lent, allocates only from the frame's arena and
 * from the state that the core keeps for it, does no input or output, and never fails in another
 * way than by returning PX_PARSE_BAD.
 */
#ifndef PX_PARSERS_PARSER_H
#define PX_PARSERS_PARSER_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/dir.h"
#include "record/field.h"
#include "record/record.h"

enum px_parse_status {
	PX_PARSE_FRAME,	/* *out is finished; drop `consumed` bytes */
	PX_PARSE_SKIP,	/* well formed, *out may be under construction; drop `consumed` bytes, then `discard` more */
	PX_PARSE_MORE,	/* drop nothing; call again when at least `need` bytes are there, or at the end of the stream */
	PX_PARSE_ASIDE,	/* the next bytes are a message inside the one under construction: call again with another frame */
	PX_PARSE_BAD,	/* not this protocol here; `why` names the broken rule */
};

struct px_parser;

struct px_parse_result {
	enum px_parse_status status;
	size_t consumed;	/* FRAME, SKIP: bytes of `in` that are dealt with */
	size_t need;		/* MORE: bytes wanted in all, > in.len */
	/*
	 * SKIP: that many bytes after the consumed ones are content nobody needs to see. They are
	 * dropped when they come, whether they were copied by the kernel or not, and parse() is
	 * called again behind them, with an empty view if nothing has come there yet.
	 */
	uint64_t discard;
	/*
	 * FRAME, SKIP: both directions stop speaking this protocol behind these bytes (HTTP 101,
	 * CONNECT; what asks for TLS and is no message of its own).
	 * With `hand_over` NULL they are opaque from here on: counted and not interpreted.
	 * &px_parser_any: recognised afresh.
	 */
	bool ends_protocol;
	const struct px_parser *hand_over;
	const char *why;	/* BAD: a static string */
};

static inline struct px_parse_result px_parse_frame(size_t consumed)
{
	return (struct px_parse_result){ .status = PX_PARSE_FRAME, .consumed = consumed };
}

static inline struct px_parse_result px_parse_skip(size_t consumed)
{
	return (struct px_parse_result){ .status = PX_PARSE_SKIP, .consumed = consumed };
}

static inline struct px_parse_result px_parse_more(size_t need)
{
	return (struct px_parse_result){ .status = PX_PARSE_MORE, .need = need };
}

/*
 * A message of its own, such as a notice in the middle of a result, which ends before *out does:
 * parse() is called again for the same bytes, with ctx->is_aside and an empty frame, and has to
 * finish that one. Then it goes on with *out, whose `bytes` count those of the other, too.
 */
static inline struct px_parse_result px_parse_aside(void)
{
	return (struct px_parse_result){ .status = PX_PARSE_ASIDE };
}

static inline struct px_parse_result px_parse_bad(const char *why)
{
	return (struct px_parse_result){ .status = PX_PARSE_BAD, .why = why };
}

enum px_frame_kind { PX_FRAME_REQUEST = 1, PX_FRAME_RESPONSE, PX_FRAME_ONE_WAY };

/* Where in its stream, and when, a frame began or ended. */
struct px_mark {
	uint64_t pos;		/* offset in its own direction */
	uint64_t peer_pos;	/* offset that the other direction had reached then, if has_peer_pos */
	uint64_t ts_ns;		/* source clock, at the end of the call that moved the byte */
	uint32_t pid, tid, uid;
	char comm[16];
	bool has_peer_pos;
};

/*
 * One message of one direction. The parser fills the first part, over as many calls as it needs: it
 * is handed the same frame until it returns PX_PARSE_FRAME. The core fills the second part.
 */
struct px_frame {
	enum px_frame_kind kind; /* set once the message could be shown, were it to end here */
	uint64_t key;		/* equal in a request and its response; see enum px_match */
	uint64_t key_mask;	/* BY_KEY: the bits of it that are known; 0: all */
	bool needs_partner;	/* by itself it proves nothing: no record of it alone */
	bool has_stream;
	int64_t stream;		/* the record's `stream`, with has_stream */
	unsigned int flags;	/* PX_FLAG_TRUNCATED, PX_FLAG_ABORTED, PX_FLAG_GAP as far as the parser knows them */
	/*
	 * It belongs to what the frame before it belongs to: a request that was sent without
	 * waiting for the answer to that one, a response that comes together with that one. With
	 * PX_MATCH_IN_ORDER the matcher looks at the first of them to find out whether answers are
	 * waited for.
	 */
	bool follows;
	bool begins_here;	/* its time counts from the first byte of this view on, not from where it began */
	bool has_length;	/* its head tells where it ends, whatever lies between: that need not be copied */
	/*
	 * The protocol's own, memory from `arena`; a message has begun once it is not NULL. When a
	 * call leaves it NULL, or makes it so, all of the arena is given back.
	 */
	void *msg;
	struct px_arena arena;

	uint32_t tries;		/* datagrams: how often this request was sent */
	uint32_t epoch;		/* keys are comparable within one; a loss begins the next */
	bool is_stamped;	/* epoch is set */
	uint64_t bytes;		/* of the message on the wire, first to last byte */
	struct px_mark first, last;
	enum px_dir dir;
	struct px_frame *next;	/* a queue of the core's */
};

/* A request and its response; either may be NULL, not both. A one-way message is in `request`. */
struct px_exchange {
	struct px_frame *request;
	struct px_frame *response;
	const struct px_parser *parser;
	enum px_role role;	/* of the traced process */
	bool is_tls;
	const char *local_addr;	/* text, for a URL without a host */
	unsigned int flags;	/* PX_FLAG_*: the frames' and what the matcher found */
	void *state;		/* the connection's, as parse() left it */
	const char *note;	/* of a handshake: why what it hides is not seen, or NULL */
};

/* How much is kept of a message. */
struct px_parse_limits {
	size_t head_max;	/* bytes of a head that are kept whole */
	size_t body_max;	/* bytes of a body that are kept; sizes stay exact beyond it */
	size_t decoded_max;	/* bytes that a decompressed body may have */
};

/* A message that is no part of a stream. */
struct px_datagram {
	size_t len;		/* bytes of it; not all need have been copied */
	uint16_t local_port, remote_port;	/* hints, as ports are */
	bool is_multicast;	/* to or from a group */
};

struct px_parse_ctx {
	void *state;		/* px_parser.state_size bytes, one per connection, zeroed at birth */
	enum px_dir dir;	/* of these bytes */
	enum px_role role;	/* of the traced process, as far as it is known by now */
	bool eof;		/* no byte will ever follow `in` */
	bool is_aside;		/* what PX_PARSE_ASIDE asked for */
	bool mid_stream;	/* earlier bytes of this direction, or of the other one, were not seen, or understood */
	uint64_t pos;		/* offset of in.ptr[0] in its direction */
	const struct px_parse_limits *limits;
	const struct px_datagram *datagram;	/* these bytes are one; NULL: of a stream */
};

/*
 * What px_parser.mask has to remember of one direction from one piece to the next; begins zeroed.
 */
struct px_mask {
	uint8_t mode, len;
	bool is_parameter, is_cut;
	char name[92];
};

enum px_sure { PX_SURE_NO, PX_SURE_MAYBE, PX_SURE_YES };	/* MAYBE: so far so good, more bytes would tell */

/*
 * IN_ORDER: the n-th response answers the n-th request. The parser counts the messages of each
 * direction when it has read their heads and leaves n in the frame's key, since bodies may end in
 * another order; both counts go on, or start again, in reset(). Which request the first response
 * behind a loss belongs to is found by the matcher, from positions. BY_KEY: the wire carries an
 * identifier. ONE_WAY: nothing is answered.
 */
enum px_match { PX_MATCH_IN_ORDER, PX_MATCH_BY_KEY, PX_MATCH_ONE_WAY };

struct px_parser {
	const char *name;		/* "redis": --proto value, JSON "proto", folder name */
	const char *spec;		/* what parse() follows, with its version */
	const struct px_field *fields;	/* what describe() fills, ended by a row of type PX_TYPE_NONE */
	size_t state_size;		/* 0: stateless */
	size_t max_frame;		/* bytes; MORE beyond this is turned into BAD */
	enum px_match match;
	/*
	 * Travels in datagrams, too: parse() is shown each one whole, with ctx->datagram and
	 * without a state, and says FRAME or BAD. Nobody asks infer() about them.
	 */
	bool has_datagrams;
	size_t infer_max;		/* bytes after which a "maybe" is a "no"; 0: PX_INFER_MAX */
	/*
	 * It opens connections for others and is over then: its one exchange is a record of type
	 * tls, about the connection, whose table's fields are keys of the record itself.
	 */
	bool is_handshake;

	/* Whose bytes are these? head: the first ones seen of a direction, at least one. */
	enum px_sure (*infer)(struct px_bytes head, enum px_dir dir);

	struct px_parse_result (*parse)(const struct px_parse_ctx *ctx, struct px_bytes in,
					struct px_frame *out);

	/*
	 * Fill rec: op, target, ok, status, error, flags, req and resp fields, and summary if it is
	 * wanted.
	 */
	void (*describe)(const struct px_exchange *ex, struct px_record *rec);

	/* Optional, left out where the default does. */

	/*
	 * Is this a request or a response, judged by its first bytes? Tells the role. Default:
	 * unknown.
	 */
	enum px_frame_kind (*kind)(struct px_bytes head);

	/*
	 * n bytes are missing at this point; is_cut: our own limit, not a loss. Returns how many of
	 * them the message under construction can do without (the inside of a body); fewer than n
	 * means that the framing is lost. The parser marks the frame TRUNCATED or GAP. Default: 0.
	 */
	uint64_t (*hole)(const struct px_parse_ctx *ctx, uint64_t n, bool is_cut,
			 struct px_frame *out);

	/*
	 * Framing is lost: offset at which a message may begin, or in.len if none does. Default:
	 * in.len.
	 */
	size_t (*resync)(struct px_bytes in, enum px_dir dir);

	/*
	 * Both directions start afresh behind a loss; state is as parse() left it. Default: zeroed
	 * after state_fini.
	 */
	void (*reset)(void *state);
	void (*state_fini)(void *state);

	/*
	 * Overwrite the secrets among the next n bytes of a direction, the length kept: they go
	 * into a packet file. What parse() makes of them must stay the same but for the secrets.
	 * Called also while the protocol is not known yet.
	 */
	void (*mask)(struct px_mask *m, char *bytes, size_t n);
};

/* The end of px_parse_result.hand_over that means "ask all parsers again". */
extern const struct px_parser px_parser_any;

/* All protocols, in the order in which they are asked; ended by NULL (registry.c). */
extern const struct px_parser *const px_parsers[];

#endif
