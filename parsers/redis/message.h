/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command or an answer under construction, and the connection state that the files of this folder
 * share.
 */
#ifndef PX_PARSERS_REDIS_MESSAGE_H
#define PX_PARSERS_REDIS_MESSAGE_H

#include "parser.h"

#define REDIS_BULK_MAX ((int64_t)512 << 20)	/* bytes of a string; the server's own limit unless told otherwise */
#define REDIS_COUNT_MAX ((int64_t)1 << 31)	/* elements of an aggregate */
#define REDIS_DEPTH_MAX 16384			/* aggregates in one another */
#define REDIS_DEPTH_SHOWN 64			/* of these */
#define REDIS_DEPTH_INLINE 4			/* that need no memory of their own */
#define REDIS_ARGS_MAX 4096			/* that are kept of a command; more are counted */
#define REDIS_SHORT_ARG 256			/* bytes; such ones are kept even behind the limit for bodies */
#define REDIS_SHORT_ROOM 4096			/* bytes for those */
#define REDIS_INLINE_MAX (64 << 10)		/* bytes of a command that is a line; the server's limit, too */
#define REDIS_LINE_MAX 512			/* bytes of a number and the like */
#define REDIS_STREAMED PX_BYTES("?\r\n")	/* instead of a length: its parts say where it ends */
#define REDIS_NAME_MAX 64			/* bytes of a command's name */
#define REDIS_MARK 40				/* bytes of the mark that ends a snapshot of unknown length */
#define REDIS_SPECIALS 16			/* commands under way, see struct redis_special */

/* How a command's first key is found. Positions count the name as 0. */
enum redis_key_rule {
	REDIS_KEY_NONE,
	REDIS_KEY_AT,		/* at this position */
	REDIS_KEY_COUNT,	/* behind the number of keys, which is at this position */
	REDIS_KEY_STREAMS,	/* behind the word STREAMS, at this position or later */
	REDIS_KEY_MIGRATE,	/* at this position; if that is empty, behind the word KEYS */
	REDIS_KEY_CHANNEL,	/* no key but a channel or pattern */
	REDIS_KEY_USAGE,	/* at this position of the subcommand USAGE only */
	REDIS_KEY_OBJECT,	/* at this position of the subcommand OBJECT only */
};

/*
 * Commands that mean something to us. Those up to REDIS_SUNSUBSCRIBE are answered once for each
 * channel.
 */
enum redis_what {
	REDIS_PLAIN,
	REDIS_SUBSCRIBE,
	REDIS_PSUBSCRIBE,
	REDIS_SSUBSCRIBE,
	REDIS_UNSUBSCRIBE,
	REDIS_PUNSUBSCRIBE,
	REDIS_SUNSUBSCRIBE,
	REDIS_SELECT,
	REDIS_MULTI,
	REDIS_EXEC,
	REDIS_DISCARD,
	REDIS_MONITOR,
	REDIS_SYNC,
	REDIS_PSYNC,
	REDIS_RESET,
	REDIS_CLIENT,
	REDIS_REPLCONF,
	REDIS_AUTH,
	REDIS_HELLO,
	REDIS_ACL,
	REDIS_CONFIG,
	REDIS_MIGRATE,
	REDIS_SENTINEL,
};

struct redis_command {
	char name[24];		/* upper case, filled up with zeros */
	uint8_t key;		/* enum redis_key_rule */
	uint8_t at;
	bool has_sub;		/* its first argument is the second half of its name */
	bool is_word;		/* of other line protocols or languages, too: a line that begins with it proves nothing */
	uint8_t what;		/* enum redis_what */
};

/* A word of a command. */
struct redis_arg {
	uint32_t off, len;	/* what is kept of it, in redis_msg.raw */
	uint64_t full;		/* bytes that it has */
};

enum redis_phase {
	REDIS_AT_VALUE,		/* a type and its line come next */
	REDIS_IN_LINE,		/* in a text that ends with a line break, and may be long */
	REDIS_IN_BULK,		/* `left` bytes of a string are to come */
	REDIS_AT_CRLF,		/* the line break behind a string */
	REDIS_AT_RDB,		/* in front of a snapshot, which a replica gets */
	REDIS_IN_RDB_EOF,	/* in a snapshot that ends with `mark` */
	REDIS_BEHIND_RDB,
};

/* redis_msg.levels: elements that are to come, and what they are elements of */
#define REDIS_LEVEL_ATTRIBUTE ((uint64_t)1 << 63)	/* of an attribute, which goes with the value behind it */
#define REDIS_LEVEL_STREAMED ((uint64_t)1 << 62)	/* their number is not told: an end mark follows */
#define REDIS_LEVEL_CHUNKS ((uint64_t)1 << 61)		/* pieces of a string, up to an empty one */

struct redis_msg {
	uint8_t phase;		/* enum redis_phase */
	char type;		/* first byte of the value, or of the first line for a line; 0: none yet */
	bool is_inline;		/* a command that is a line */
	bool is_stream;		/* a command that a master sends its replicas */
	bool is_cut;		/* not all of it is kept */
	bool is_full;		/* nothing more is kept */
	bool is_decided;	/* response: it has its kind and its number */
	bool ends_in_cr;	/* REDIS_IN_LINE: the last byte was \r */
	bool is_null;		/* response: of a type that has both null and other values */
	bool may_be_secret;	/* response: unless a command that it answers says otherwise */
	uint8_t what;		/* response: enum redis_what of what it answers, as far as that matters */
	const struct redis_command *cmd;	/* request: NULL if unknown */
	int64_t db;		/* number of the database, -1 if unknown */

	uint64_t left;		/* bytes of a string, or of the line break behind it, that are to come */
	uint64_t resume_at;	/* offset in the stream behind what was to be discarded */

	/*
	 * What is kept, as it was on the wire up to wire_len; behind a cut argument only what is
	 * kept of the others.
	 */
	char *raw;
	size_t raw_len, raw_cap, wire_len, raw_max;

	/* Request. */
	struct redis_arg *args;
	uint32_t args_kept, args_cap;
	int64_t argc, args_seen;
	uint64_t keep_left;	/* REDIS_IN_BULK: how much of `left` is to be kept */

	/* Response. */
	int64_t len;		/* of the value: bytes of a string, elements of an aggregate; -1: not told */
	size_t value_at;	/* offset of the value in raw, */
	size_t first_at;	/* and of the first of several */
	uint32_t values, expected;	/* answers taken in, and awaited, of a command that has several */
	uint32_t depth, levels_cap;
	uint64_t inline_levels[REDIS_DEPTH_INLINE];
	uint64_t *levels;
	char *mark;		/* REDIS_MARK bytes that end a snapshot */
};

/*
 * A command under way whose answer is special, or several of the same kind one behind the other. n:
 * channels, 0 for all of them; the number of the database for SELECT.
 */
struct redis_special {
	uint64_t first;		/* number of the request */
	uint32_t count;
	uint32_t n;
	uint8_t what;
};

struct redis_state {
	uint64_t requests, responses;	/* that have a number: the keys that come next */
	uint64_t answered;		/* number of the request that the next response belongs to, as far as we know */
	uint32_t scanned[2];		/* bytes of the view without the end of the line that is waited for */
	uint32_t subscribed[3];		/* channels, patterns and shard channels */
	uint8_t request_dir;		/* 1 + enum px_dir, 0: not known yet */
	uint8_t looks[2];		/* enum redis_look: what the directions begin with */
	bool is_begun;
	bool is_joined;			/* earlier messages were not seen, or lost */
	bool may_push;			/* joined, and messages of a channel came */
	bool is_monitor;
	bool is_stream;			/* what a master sends are commands for its replica */
	bool in_multi;			/* as far as the requests tell */
	bool selects;			/* there is a SELECT that EXEC may have to carry out */
	bool reply_off, skip_next;	/* CLIENT REPLY */
	bool hides_strays;		/* an answer to no command known may be a secret, or a piece of one, */
	bool is_behind_name;		/* or the next answer, as the one before it was the name of one */
	int32_t db, queued_db;		/* -1: unknown, none */
	uint8_t special_first, special_count;
	struct redis_special specials[REDIS_SPECIALS];
};

#define REDIS_NO_DB UINT32_MAX	/* of a SELECT whose argument is no number */

/* redis.c: messages under construction */

/* NULL where memory runs out. */
struct redis_msg *redis_msg_new(const struct px_parse_ctx *ctx, struct px_frame *out);

/*
 * Nothing more to be had from this view, of which pos bytes are dealt with; then discard bytes need
 * not be seen.
 */
struct px_parse_result redis_wait(const struct px_parse_ctx *ctx, struct px_bytes in,
				  struct px_frame *out, size_t pos, uint64_t discard);

/* What breaks off like this is not shown: nobody knows what it would have been. */
struct px_parse_result redis_bad(struct px_frame *out, const char *why);

/* request.c. is_stream: sent by a master to its replica. */
struct px_parse_result redis_command(const struct px_parse_ctx *ctx, struct redis_state *st,
				     struct px_bytes in, struct px_frame *out, bool is_stream);

/* answer.c */
struct px_parse_result redis_answer(const struct px_parse_ctx *ctx, struct redis_state *st,
				    struct px_bytes in, struct px_frame *out);

/* command.c */

/* NULL: none that is known. */
const struct redis_command *redis_command_find(struct px_bytes name);

/* An argument as far as it is kept; empty where there is none. */
struct px_bytes redis_arg(const struct redis_msg *m, size_t i);

/* The first key, or the channel: position of the argument, 0 if there is none or it is not kept. */
size_t redis_first_key(const struct redis_msg *m);

/* wire.c, wire_answer.c: from bytes to values */

/* What one call sees. Bytes [from, pos) are dealt with and may have to be kept. */
struct redis_view {
	struct px_bytes in;
	size_t pos, from;
};

/*
 * <number>\r\n at p. Returns the bytes it takes, 0 while it is not all there, -1 where it is none.
 */
int redis_number(const char *p, const char *end, int64_t *number);

/*
 * Each reads on behind v->pos. Returns REDIS_DONE when the command, a value or the snapshot is
 * complete, REDIS_SHORT when more bytes are needed, of which the first *discard need not be seen;
 * REDIS_WRONG and *why.
 */
enum redis_result { REDIS_WRONG = -1, REDIS_SHORT, REDIS_DONE };

enum redis_result redis_read_command(struct redis_msg *m, struct redis_view *v,
				     struct px_arena *arena, uint64_t *discard, const char **why);
enum redis_result redis_read_value(struct redis_msg *m, struct redis_view *v,
				   struct px_arena *arena, uint64_t *discard, const char **why);
enum redis_result redis_read_snapshot(struct redis_msg *m, struct redis_view *v,
				      struct px_arena *arena, uint64_t *discard, const char **why);

/* What is here of a string's content was looked at; the rest need not be. */
enum redis_result redis_read_no_more(struct redis_msg *m, uint64_t *discard);

/* The line break behind a string, of which m->left bytes are to come. */
enum redis_result redis_read_crlf(struct redis_msg *m, struct redis_view *v, const char **why);

/* A command that is a line, without its line break: cut it in words. */
void redis_read_words(struct redis_msg *m, struct px_bytes line, struct px_arena *arena);

/* Keep what has been dealt with, as far as there is room. */
void redis_keep(struct redis_msg *m, struct redis_view *v, struct px_arena *arena);

/* infer.c */
enum px_sure redis_infer(struct px_bytes head, enum px_dir dir);
enum px_frame_kind redis_kind(struct px_bytes head);

/* What may these bytes begin with? */
enum redis_look {
	REDIS_LOOKS_UNKNOWN,	/* too few of them */
	REDIS_LOOKS_COMMAND,	/* an array that begins with a command's name, or a line */
	REDIS_LOOKS_PERHAPS,	/* the same, but the name is a common word, not in capitals */
	REDIS_LOOKS_ANSWER,
	REDIS_LOOKS_ARRAY,	/* of strings: an answer, or a command that we do not know */
};
enum redis_look redis_look_at(struct px_bytes in);
size_t redis_resync(struct px_bytes in, enum px_dir dir);

/* value.c: what is kept of a response, value by value */

struct redis_walk {
	struct px_bytes in;
	size_t pos;
};

struct redis_value {
	char type;
	bool is_null, is_cut;
	struct px_bytes text;	/* of a scalar, as far as it is kept */
	int64_t count;		/* elements of an aggregate; -1: up to an end mark */
};

/* The next value, or piece of one; false at the end of what is kept. */
bool redis_walk(struct redis_walk *w, struct redis_value *v);

/* The n-th element, from 0 on, of the aggregate at w, if it and all before it are scalars. */
bool redis_element(struct redis_walk w, size_t n, struct redis_value *v);

/*
 * Values as JSON, in at most max bytes. With hides, *** is shown for what follows the name of a
 * secret. *is_cut, *found: set where something was left out, or hidden.
 */
struct px_bytes redis_render(struct redis_walk w, size_t values, size_t max, bool hides,
			     struct px_arena *arena, bool *is_cut, bool *found);

/* redact.c */

/* Is this argument a secret? For all arguments in turn, from 1 on. */
struct redis_secrets {
	const struct redis_msg *m;
	bool next, second;	/* the next one, or the one behind it, is */
};
bool redis_is_secret(struct redis_secrets *s, size_t i);

/* Is the answer to this command one? */
bool redis_answer_is_secret(const struct redis_msg *request);

/* Or has it some in it? */
bool redis_answer_has_secrets(const struct redis_msg *request);

/* Is what CONFIG knows under this name one? */
bool redis_is_secret_name(struct px_bytes name);

/* Overwrite with X what lies in memory of ours. */
void redis_overwrite(struct px_bytes secret);

/* The same with what follows the name of a secret, wherever in the values. False: there is none. */
bool redis_overwrite_named(struct redis_walk w);

/* mask.c */
void redis_mask(struct px_mask *m, char *p, size_t n);

/* describe.c */
extern const struct px_field redis_fields[];
void redis_describe(const struct px_exchange *ex, struct px_record *rec);

#endif
