/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of this folder share: messages, the requests and responses that they make up, and
 * what is remembered of a connection.
 *
 * A message is a byte that names it and four of length, which count themselves and what follows;
 * those that begin a connection have no name (PostgreSQL 15 documentation, "Frontend/Backend
 * Protocol", "Message Formats"). The lists of messages a client sends up to a Sync, or a query of
 * the simple kind, are answered up to a ReadyForQuery. In between each statement has its answer,
 * and an error takes the rest with it.
 */
#ifndef PX_PARSERS_PGSQL_MESSAGE_H
#define PX_PARSERS_PGSQL_MESSAGE_H

#include "base/cursor.h"
#include "parser.h"
#include "sql/sql.h"

#define PGSQL_HEAD 5			/* bytes of a message's name and length */
#define PGSQL_WHOLE_MAX (1u << 17)	/* longer messages are not waited for: their beginning is looked at */
#define PGSQL_OWED_MAX (1u << 15)	/* answers that one connection may wait for */
#define PGSQL_STMTS_MAX 1024		/* statements of one connection that are remembered, */
#define PGSQL_STMTS_BYTES_MAX (1u << 18) /* and bytes of all of them */
#define PGSQL_TEXT_MAX 8192		/* bytes of a statement that are remembered */
#define PGSQL_COLUMNS_MAX 8192		/* bytes of column names */
#define PGSQL_TYPES_MAX 1024		/* parameters whose types are remembered */
#define PGSQL_PORTALS_MAX 8		/* named ones that are remembered */
#define PGSQL_NAME_MAX 63		/* bytes of a name; PostgreSQL cuts longer ones */
#define PGSQL_ERROR_MAX 8192		/* bytes of an error or notice that are kept */
#define PGSQL_NO_MEMORY "out of memory"
#define PGSQL_PARAMETERS_MAX 32		/* settings that are kept of a start-up */

enum pgsql_what {
	PGSQL_STARTUP = 1,
	PGSQL_CANCEL,
	PGSQL_QUERY,
	PGSQL_PARSE,
	PGSQL_BIND,
	PGSQL_DESCRIBE,
	PGSQL_CLOSE,
	PGSQL_EXECUTE,
	PGSQL_FUNCTION_CALL,
	PGSQL_NOTICE,		/* one-way */
	PGSQL_NOTIFICATION,	/* one-way */
	PGSQL_RESPONSE,
};

/* Names of columns, or settings and their values: each text ended by a zero. */
struct pgsql_texts {
	char *ptr;
	uint32_t len, cap;
	uint32_t count;
	bool is_cut;
};

/* The bytes of a message as they were on the wire, as far as they are kept. */
struct pgsql_raw {
	char *ptr;
	size_t len, cap;
	bool is_cut;
};

enum pgsql_encryption { PGSQL_NOT_ASKED, PGSQL_ASKED, PGSQL_REFUSED, PGSQL_ACCEPTED };

struct pgsql_request {
	enum pgsql_what what;	/* first: requests and responses begin alike */
	struct pgsql_raw raw;
	bool is_executed;	/* an Execute was the last message: what follows tells where it ends */
	bool is_owed;		/* the server owes it already: a Flush came */
	bool is_flushed;	/* and nothing behind that */
	bool is_long;		/* a query or call that is not waited for as a whole */
	bool binds_parsed;	/* Bind is of the statement that is parsed in it */
	bool has_sql, sql_is_cut, has_statement, has_portal, has_bind, has_types;
	bool is_copied;		/* sql lies in memory of its own, not in raw */
	struct px_sql_look look;
	const char *sql;	/* is_copied */
	size_t sql_at, sql_len;	/* in raw, unless it is copied */
	size_t statement_at, statement_len; /* in raw */
	size_t portal_at, portal_len;
	size_t bind_at, bind_len; /* in raw: what a Bind says behind the two names */
	uint32_t max_rows;	/* of Execute; 0: all */
	uint32_t *types;	/* of the parameters */
	uint32_t type_count;
	struct pgsql_texts columns; /* as an earlier Describe told them */
	uint8_t parses, closes, describes, binds; /* messages in it */
	uint16_t answers;	/* messages by which the server answers these, */
	uint16_t unowed;	/* and those since the last Flush */
	uint64_t parsed_id, described_id; /* statement that is prepared, described in it; 0: none */
	uint16_t parsed_slot, described_slot;
	bool is_described_twice;
	uint32_t pid;		/* CANCEL */
	uint32_t oid;		/* FUNCTION_CALL */
	struct pgsql_texts settings; /* STARTUP: names and values in turn */
	enum pgsql_encryption ssl, gss;
};

struct pgsql_response {
	enum pgsql_what what;
	struct pgsql_raw raw;
	bool is_complete;	/* but for a ReadyForQuery that belongs to it */
	bool is_orphan;		/* nobody knows what it answers */
	uint32_t generation;	/* of what the server owes */
	bool is_aborted;	/* skipped behind an error */
	bool is_suspended;
	bool has_columns, has_rows, has_types, is_error;
	char tx;		/* status of ReadyForQuery, 0: not seen */
	char ssl_answer, gss_answer;
	uint8_t tag_len;
	char tag[64];
	uint64_t rows;		/* DataRow messages */
	struct pgsql_texts columns;
	uint32_t *types;	/* of the parameters, told by ParameterDescription */
	uint32_t type_count, type_cap;
	struct px_bytes error;	/* fields of an error or notice */
	uint64_t copy_in, copy_out; /* bytes of data */
	uint64_t later;		/* bytes that the client sent for this behind its request */
	bool was_copy_in, was_copy_out;
	/* start-up */
	uint32_t auth;		/* 1 + what the server asked for */
	bool is_authenticated;
	char mechanism[24];	/* of SASL, that the client chose */
	uint8_t mechanism_len;
	uint32_t pid;
	bool has_pid;
	struct pgsql_texts settings;
	struct px_bytes channel, payload;
};

/* What the server owes. */
enum pgsql_owed_kind {
	PGSQL_OWES_STATEMENT = 1, /* of a simple query */
	PGSQL_OWES_EXECUTE,
	PGSQL_OWES_ANSWERS,	/* to messages that no Execute takes in */
	PGSQL_OWES_FUNCTION,
	PGSQL_OWES_STARTUP,
	PGSQL_OWES_READY,	/* the ReadyForQuery that ends a batch */
};

struct pgsql_owed {
	uint64_t key;		/* of the request's frame */
	uint64_t described_id, bound_id; /* statements whose columns or types the answer may tell */
	uint64_t parses;	/* Parse messages sent up to here */
	uint32_t from;		/* of one of many statements: where it begins, in characters; 0: not known */
	uint16_t described_slot, bound_slot;
	uint16_t answers;	/* messages still to come; of OWES_ANSWERS */
	uint8_t kind;
	uint8_t parses_here;
	bool is_open;		/* the client may have more that belongs to it */
	bool is_flushed;	/* what came before Bind was answered on its own */
	char verb[6];		/* the beginning of its first keyword, or empty */
	uint64_t copy_in, later; /* see pgsql_response */
};

/* A statement that was prepared. */
struct pgsql_stmt {
	uint64_t id;		/* never used twice; 0: the slot is free */
	uint64_t parse_no;	/* which Parse message made it */
	uint64_t used;		/* when it was used last: a count */
	uint32_t hash;
	uint16_t slot, next;	/* next in its bucket, 0: none */
	uint16_t type_count;
	uint16_t name_len;
	bool is_cut, has_types, has_columns;
	uint32_t text_len, cap;
	struct px_sql_look look;
	char *name;		/* the text stands behind it */
	uint32_t *types;
	uint32_t type_cap;
	struct pgsql_texts columns;
};

#define PGSQL_BUCKETS 256

struct pgsql_stmts {
	struct pgsql_stmt **slots;	/* slots[0] is the unnamed one */
	uint16_t *buckets;
	uint16_t slot_cap, slot_count;	/* slots that were ever in use */
	uint16_t free_count;		/* of them, those that are free */
	uint64_t next_id, clock;
	size_t bytes;
};

struct pgsql_portal {
	uint64_t id;		/* of its statement, 0: unknown */
	uint16_t slot;
	uint8_t name_len;
	char name[PGSQL_NAME_MAX];
};

struct pgsql_dir {
	uint64_t pos;		/* where the next bytes are expected */
	uint64_t left;		/* bytes of the message that is being skipped */
	bool is_kept;		/* as far as there is room */
	bool must_check;	/* a loss came: were these bytes concerned? */
	bool has_begun;
	bool is_probing;	/* they were, or the beginning was not seen: a message may begin here, or not */
};

struct pgsql_state {
	uint8_t client_dir;	/* 1 + direction of the client's messages, 0: not known yet */
	bool is_begun;		/* the client has sent something */
	bool is_joined;		/* what the server owes is known only from a point on */
	bool in_batch;		/* requests were made since the last Sync */
	bool is_ready;		/* ReadyForQuery was the last that came, and nothing was asked since */
	bool sends_ahead;	/* the client does not wait for ReadyForQuery before it asks again */
	bool answers_batch;	/* responses were complete since the last ReadyForQuery */
	uint32_t generation;	/* of owed: a loss begins the next */
	bool is_starting;	/* the server owes the answer to a start-up */
	bool has_failed;	/* the server skips up to Sync */
	bool is_streaming;	/* CopyBoth: replication */
	bool awaits_ssl, awaits_gss; /* one byte is the answer */
	uint64_t requests, orphans; /* keys that come next */
	uint64_t parses, parsed; /* Parse messages sent, and how many of them the server has dealt with */
	bool is_copying;	/* the server has asked for data, in answer to what it owes first */
	uint32_t query_left;	/* bytes of a query whose next statement comes, */
	uint32_t query_from;	/* and how many characters came before it */
	char mechanism[24];
	uint8_t mechanism_len;
	struct pgsql_dir dir[2];
	struct pgsql_owed *owed; /* a ring */
	uint32_t owed_first, owed_count, owed_cap;
	struct pgsql_stmts stmts;
	struct pgsql_portal unnamed, portals[PGSQL_PORTALS_MAX];
	uint8_t next_portal;
};

struct pgsql_head {
	char type;
	uint32_t body_len;
	struct px_bytes body;	/* as far as it is there */
	bool is_whole;
};

/* wire.c */

/* The message at the beginning of `in`: 1, 0 when more bytes are needed, -1 when it is none. */
int pgsql_head_read(struct px_bytes in, bool is_client, struct pgsql_head *h);

/* A text up to its zero; a view without it. ran_short where there is none. */
struct px_bytes pgsql_cstring(struct px_cur *c);

/* False: no memory. What does not fit into max is left out. */
PX_MUST_USE bool pgsql_raw_add(struct pgsql_raw *raw, struct px_bytes b, size_t max,
			       struct px_arena *arena);
PX_MUST_USE bool pgsql_texts_add(struct pgsql_texts *t, struct px_bytes b, size_t max,
				 struct px_arena *arena);

/* The next of the texts; false behind the last. *at begins as 0. */
bool pgsql_texts_next(const struct pgsql_texts *t, size_t *at, struct px_bytes *text);

/* Is this a message of one side? What comes behind it is not looked at. */
enum px_sure pgsql_probe(struct px_bytes in, bool is_client);
enum px_sure pgsql_infer(struct px_bytes head, enum px_dir dir);
enum px_frame_kind pgsql_kind(struct px_bytes head);
size_t pgsql_resync(struct px_bytes in, enum px_dir dir);

/* owed.c */
PX_MUST_USE struct pgsql_owed *pgsql_owed_push(struct pgsql_state *st, enum pgsql_owed_kind kind);
struct pgsql_owed *pgsql_owed_at(struct pgsql_state *st, uint32_t n); /* NULL beyond the last */
void pgsql_owed_pop(struct pgsql_state *st);
void pgsql_owed_drop(struct pgsql_state *st, uint32_t n); /* the n-th, at most 1 */

/* statements.c: what is remembered of prepared statements; NULL where it is not known */
struct pgsql_stmt *pgsql_stmt_find(struct pgsql_state *st, struct px_bytes name);
struct pgsql_stmt *pgsql_stmt_of(struct pgsql_state *st, uint16_t slot, uint64_t id);
struct pgsql_stmt *pgsql_stmt_define(struct pgsql_state *st, struct px_bytes name,
				     struct px_bytes text, bool is_cut);
void pgsql_stmt_drop(struct pgsql_state *st, struct px_bytes name);
void pgsql_stmts_clear(struct pgsql_state *st);
void pgsql_stmts_free(struct pgsql_state *st);
void pgsql_stmt_set_types(struct pgsql_state *st, struct pgsql_stmt *s, const uint32_t *types,
			  uint32_t count);
void pgsql_stmt_set_columns(struct pgsql_state *st, struct pgsql_stmt *s,
			    const struct pgsql_texts *columns);
/* Those whose Parse messages are numbered first..last were not made after all. */
void pgsql_stmts_undo(struct pgsql_state *st, uint64_t first, uint64_t last);
/* A statement that was sent may make the server forget others. */
void pgsql_stmts_obey(struct pgsql_state *st, struct px_bytes sql, const struct px_sql_look *look);

void pgsql_portal_bind(struct pgsql_state *st, struct px_bytes name, const struct pgsql_stmt *s);
const struct pgsql_portal *pgsql_portal_find(const struct pgsql_state *st, struct px_bytes name);
void pgsql_portal_drop(struct pgsql_state *st, struct px_bytes name);

/* request.c, response.c: a direction each */
struct px_parse_result pgsql_request_parse(const struct px_parse_ctx *ctx, struct px_bytes in,
					   struct px_frame *out);
struct px_parse_result pgsql_response_parse(const struct px_parse_ctx *ctx, struct px_bytes in,
					    struct px_frame *out);

/* Nothing more to be had from this view: keep what is dealt with, and ask for more. */
static inline struct px_parse_result pgsql_wait(size_t pos, uint64_t need)
{
	return pos > 0 ? px_parse_skip(pos) : px_parse_more((size_t)need);
}

/* value.c: a parameter as psql prints it; "?" where its type is not known */
struct px_bytes pgsql_value(uint32_t type, bool is_binary, struct px_bytes b, size_t max,
			    struct px_arena *arena);

/*
 * params.c: what a Bind gives, a view each, without a pointer for NULL, in rec's arena; with
 * redact_literals they are hidden, here and in raw, and *hides is set. NULL: nothing can be shown.
 */
struct px_bytes *pgsql_params(const struct pgsql_request *m, const struct pgsql_response *rsp,
			      struct px_record *rec, size_t *shown, bool *hides);

/* error.c: of an error or notice. Empty where it is not there. */
struct px_bytes pgsql_error_field(struct px_bytes error, char field);
struct px_bytes pgsql_error_severity(struct px_bytes error);

/* With redact_literals, without what it quotes of data or statements; *hides is set then. */
struct px_bytes pgsql_error_message(struct px_bytes error, const struct px_record *rec,
				    bool *hides);

/* describe.c */
extern const struct px_field pgsql_fields[];
void pgsql_describe(const struct px_exchange *ex, struct px_record *rec);

/* mask.c: px_parser.mask */
void pgsql_mask(struct px_mask *memory, char *bytes, size_t n);

#endif
