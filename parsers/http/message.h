/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HTTP message under construction, and the connection state that the files of this folder share.
 */
#ifndef PX_PARSERS_HTTP_MESSAGE_H
#define PX_PARSERS_HTTP_MESSAGE_H

#include "parser.h"

#define HTTP_HEADERS_MAX 256		/* that are kept of a head; more are looked at and dropped */
#define HTTP_HEAD_END_MAX (1 << 20)	/* bytes after which a head is none */
#define HTTP_TAIL_LINE_MAX 1024		/* bytes of a header line beyond limits->head_max that is looked at */
#define HTTP_CHUNK_LINE_MAX 8192	/* bytes of a chunk's size with its extensions */
#define HTTP_METHOD_MAX 32		/* bytes; the longest registered one has 17 */
#define HTTP_PENDING 1024		/* pipelined requests whose method is remembered; a power of 2 */
#define HTTP_REST ((uint64_t)1 << 62)	/* bytes: a discard without end */

/* The headers that mean something to us. */
enum http_header_id {
	HTTP_OTHER,
	HTTP_HOST,
	HTTP_CONTENT_LENGTH,
	HTTP_TRANSFER_ENCODING,
	HTTP_CONTENT_TYPE,
	HTTP_CONTENT_ENCODING,
	HTTP_UPGRADE,
	HTTP_EXPECT,
	HTTP_TRACEPARENT,
	HTTP_B3,
	HTTP_B3_TRACE_ID,
	HTTP_B3_SPAN_ID,
	HTTP_SET_COOKIE,	/* secret too */
	HTTP_SECRET,		/* the whole value is */
	HTTP_URL,		/* a URL that may carry secrets */
	HTTP_HEADER_IDS,
};

/* Where a header is, as offsets into the text of its block. */
struct http_header {
	uint32_t name, value;
	uint32_t value_len;	/* without white space around it; an obs-fold is still in it */
	uint16_t name_len;
	uint8_t id;
	bool is_folded;
};

/*
 * The header lines of a head, or the trailers: their text as it was on the wire, and an index of
 * it.
 */
struct http_block {
	char *text;
	size_t len;
	struct http_header *headers;
	size_t count;
	uint32_t ids;		/* a bit for each http_header_id that occurs */
	bool is_cut;		/* there were more lines than we keep */
};

/* The first line. Offsets into the text of the head. */
struct http_start {
	bool is_response;
	uint8_t minor;		/* of the version, 1.minor */
	uint16_t status;
	uint32_t method_len;
	uint32_t target, target_len;
	uint32_t reason, reason_len;
};

/* What the header lines say about the length of the body (RFC 9112 section 6.3). */
struct http_facts {
	uint64_t length;
	bool has_length;
	bool bad_length;	/* no number, or two different ones */
	bool has_coding;	/* Transfer-Encoding other than identity */
	bool is_chunked;	/* and that ends in chunked */
	bool wants_upgrade;
	bool waits_for_100;
};

enum http_phase {
	HTTP_IN_HEAD,		/* nothing of the head is kept yet; interim answers may have gone by */
	HTTP_IN_HEAD_TAIL,	/* in the lines beyond limits->head_max */
	HTTP_IN_LENGTH,		/* `left` bytes of the body are to come */
	HTTP_IN_REST,		/* all up to the end of the stream is the body */
	HTTP_IN_CHUNK_SIZE,
	HTTP_IN_CHUNK,		/* `left` bytes of this chunk are to come */
	HTTP_IN_CHUNK_END,	/* the line break behind a chunk */
	HTTP_IN_TRAILERS,
	HTTP_COMPLETE,
};

struct http_msg {
	struct http_start start;
	struct http_block head, trailers;
	struct http_facts facts;
	enum http_phase phase;
	uint64_t ordinal;	/* of the request; of a response: of the request that we think it answers */
	bool starts_tunnel;	/* a 2xx answer to CONNECT */
	bool may_lack_body;	/* the body that the head announces may not come: look at its first bytes */
	bool keeps_body;	/* no byte of it was left out so far */
	bool hit_limit;		/* that is why some are now */
	bool skips_line;	/* HTTP_IN_HEAD_TAIL: in the middle of an over-long line */
	size_t head_bytes;	/* HTTP_IN_HEAD_TAIL: all of the head up to now */
	uint64_t left;
	uint64_t discard;	/* bytes that the core was asked to drop, */
	uint64_t discard_from;	/* and where in the stream */
	char *body;		/* as transferred, without chunk framing */
	size_t body_len, body_cap;
	uint64_t body_bytes;	/* of the body, kept or not */
	size_t decoded_max;
};

/* What is known of the request that an answer belongs to. */
enum http_asked { HTTP_ASKED_PLAIN, HTTP_ASKED_HEAD, HTTP_ASKED_CONNECT, HTTP_ASKED_UNKNOWN };

struct http_dir {
	uint32_t scanned;	/* bytes of the view that hold no end of what is being waited for */
	uint8_t kind;		/* enum px_frame_kind of this direction's messages, 0: not known yet */
	bool has_start;		/* the first line of the head is complete, and is one */
	bool is_opaque;		/* a request that no server may accept: nothing behind it means anything */
	const char *lost;	/* framing is lost behind the last frame: why */
};

/*
 * One per connection. Requests are numbered, and asked[] remembers of the last HTTP_PENDING of them
 * what the parser of their responses has to know, two bits each.
 */
struct http_state {
	struct http_dir dir[2];
	uint64_t requests, responses;	/* heads seen: the keys that come next */
	uint64_t answered;		/* the request that the next response belongs to, as far as we know */
	uint64_t switch_at;		/* 1 + ordinal of the last CONNECT or Upgrade request, 0: none */
	uint64_t continued;		/* 1 + ordinal of the last request that was answered by 100 Continue, 0: none */
	bool switch_is_connect;
	bool may_have_switched;		/* the answer that tells was lost */
	bool is_joined;			/* earlier messages were not seen, or lost */
	bool is_pipelined;		/* a request was sent before the one before it was answered */
	uint8_t asked[HTTP_PENDING / 4];
};

/* start.c: first lines */
bool http_start_parse(struct px_bytes line, struct http_start *start);
bool http_start_possible(struct px_bytes in); /* can these bytes be the beginning of one? */
enum px_sure http_start_known(struct px_bytes in); /* a request line with a registered method? */
enum px_sure http_infer(struct px_bytes head, enum px_dir dir);
enum px_frame_kind http_kind(struct px_bytes head);
size_t http_resync(struct px_bytes in, enum px_dir dir);

/* head.c: header lines */

/* The lines of a view are read into this; it lives on the stack of one call. */
struct http_scan {
	size_t keep_max;	/* lines that end behind this offset are looked at and not indexed */
	size_t kept;		/* offset behind the last line that is indexed */
	size_t count;
	uint32_t ids;
	bool is_cut;
	bool has_ended;		/* the empty line was there */
	struct http_header headers[HTTP_HEADERS_MAX];
};

/*
 * Read header lines from offset `from`; returns the offset behind the last one that is certainly
 * complete.
 */
size_t http_scan_lines(struct http_scan *scan, struct px_bytes in, size_t from, bool eof,
		       struct http_facts *facts);

/* Is the empty line that ends the block in `in`? Searches on from *scanned and moves it. */
bool http_scan_find_end(struct px_bytes in, uint32_t *scanned);

/* Copy what was indexed into a block. False: no memory. */
PX_MUST_USE bool http_block_keep(struct http_block *block, const struct http_scan *scan,
				 struct px_bytes in, struct px_arena *arena);

/* The value of the first header with this id; empty if there is none. */
struct px_bytes http_block_value(const struct http_block *block, enum http_header_id id);

static inline bool http_block_has(const struct http_block *block, enum http_header_id id)
{
	return block->ids >> id & 1;
}

static inline struct px_bytes http_block_text(const struct http_block *b, uint32_t off,
					      uint32_t len)
{
	return len ? px_bytes_of(b->text + off, len) : px_bytes_of("", 0);
}

/*
 * The next element of a comma-separated list (RFC 9110 section 5.6.1), trimmed; false at its end.
 */
bool http_list_next(struct px_bytes *rest, struct px_bytes *item);

/* body.c: what follows a head */

/* Choose the framing. asked: of the request that a response belongs to. */
void http_body_begin(struct http_msg *m, enum http_asked asked);

/* Read on at offset pos of `in`. At HTTP_COMPLETE the result is a frame. */
struct px_parse_result http_body_parse(const struct px_parse_ctx *ctx, struct px_bytes in,
				       size_t pos, struct px_frame *out);
uint64_t http_body_hole(const struct px_parse_ctx *ctx, uint64_t n, bool is_cut,
			struct px_frame *out);

/* Nothing more to be had from this view: keep what is dealt with, and ask for more. */
static inline struct px_parse_result http_wait(size_t pos, struct px_bytes in)
{
	return pos > 0 ? px_parse_skip(pos) : px_parse_more(in.len + 1);
}

/* content.c: codings undone */
struct http_content {
	struct px_bytes bytes;	/* decoded, or as it was where that is impossible */
	bool is_decoded;
	bool is_whole;		/* decoded up to the end of the content */
	bool hit_limit;		/* there was no room for more */
};

/*
 * Undo up to four codings, the one applied last first. The result has at most decoded_max bytes,
 * from arena or from content.
 */
struct http_content http_content_decode(struct px_bytes content, struct px_bytes content_encoding,
					struct px_bytes transfer_encoding, size_t decoded_max,
					struct px_arena *arena);

/* describe.c */
extern const struct px_field http_fields[];
void http_describe(const struct px_exchange *ex, struct px_record *rec);

/* redact.c: secrets in what the user sees */

/*
 * A copy of text with its secrets replaced by ***; in text itself they are overwritten by X.
 * is_form: text is a list of parameters, else a URL. Without a secret: text as it is, and *found is
 * left alone.
 */
struct px_bytes http_redact_params(struct px_bytes text, bool is_form, struct px_arena *arena,
				   bool *found);

/* Is the value of this parameter, or of this header, one that lets its holder in? */
bool http_is_secret_param(struct px_bytes name);
bool http_is_secret_header(struct px_bytes name);

/* mask.c: px_parser.mask */
void http_mask(struct px_mask *m, char *p, size_t n);

/* Overwrite with X what lies in memory of ours; line breaks stay. */
void http_redact_bytes(struct px_bytes secret);

#endif
