/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message of MySQL under construction, and the connection state that the files of this folder
 * share.
 *
 * packet = length (3 bytes, little-endian), sequence number (1), payload; a payload of just 2^24-1
 * bytes goes on in the packet behind it. A command begins with number 0; what belongs to it, in
 * both directions, counts on from there.
 */
#ifndef PX_PARSERS_MYSQL_MESSAGE_H
#define PX_PARSERS_MYSQL_MESSAGE_H

#include "base/cursor.h"
#include "parser.h"

#define MYSQL_HEADER 4
#define MYSQL_ZIP_HEADER 7	/* of a compressed packet, see zip.c */
#define MYSQL_PACKET_MAX 0xffffff	/* payload bytes; the payload goes on behind one so long */
#define MYSQL_PENDING_MAX 1024		/* commands sent before their answers that are remembered */
#define MYSQL_STMTS_MAX 1024		/* prepared statements that are remembered of a connection, */
#define MYSQL_STMT_BYTES_MAX (256 << 10)	/* and bytes for all of them together */
#define MYSQL_STMT_SQL_MAX (16 << 10)	/* bytes of one statement's text */
#define MYSQL_RESULTS_MAX 64		/* of one answer that are listed */
#define MYSQL_COLUMNS_MAX 4096		/* of one result; the servers' own limit */
#define MYSQL_LONG_MAX 16		/* parameters of a statement that may be sent ahead in pieces */

/* Commands; names are in command.c. */
enum mysql_com {
	MYSQL_COM_SLEEP = 0x00,
	MYSQL_COM_QUIT = 0x01,
	MYSQL_COM_INIT_DB = 0x02,
	MYSQL_COM_QUERY = 0x03,
	MYSQL_COM_FIELD_LIST = 0x04,
	MYSQL_COM_STATISTICS = 0x09,
	MYSQL_COM_PROCESS_INFO = 0x0a,
	MYSQL_COM_PING = 0x0e,
	MYSQL_COM_CHANGE_USER = 0x11,
	MYSQL_COM_BINLOG_DUMP = 0x12,
	MYSQL_COM_TABLE_DUMP = 0x13,
	MYSQL_COM_STMT_PREPARE = 0x16,
	MYSQL_COM_STMT_EXECUTE = 0x17,
	MYSQL_COM_STMT_SEND_LONG_DATA = 0x18,
	MYSQL_COM_STMT_CLOSE = 0x19,
	MYSQL_COM_STMT_RESET = 0x1a,
	MYSQL_COM_SET_OPTION = 0x1b,
	MYSQL_COM_STMT_FETCH = 0x1c,
	MYSQL_COM_BINLOG_DUMP_GTID = 0x1e,
	MYSQL_COM_RESET_CONNECTION = 0x1f,
	MYSQL_COM_SUBSCRIBE_GROUP_REPLICATION_STREAM = 0x21,
	MYSQL_COM_STMT_BULK_EXECUTE = 0xfa,
	MYSQL_COM_LOGIN = 0x100,	/* of our own: not a command on the wire */
	MYSQL_COM_NONE = 0x101,		/* an answer to nothing */
};

/* Capabilities that change what is on the wire; those above bit 31 are MariaDB's. */
#define MYSQL_CAP_LONG_PASSWORD (1ull << 0)	/* not set: extended capabilities of MariaDB follow */
#define MYSQL_CAP_CONNECT_WITH_DB (1ull << 3)
#define MYSQL_CAP_COMPRESS (1ull << 5)
#define MYSQL_CAP_PROTOCOL_41 (1ull << 9)
#define MYSQL_CAP_SSL (1ull << 11)
#define MYSQL_CAP_SECURE_CONNECTION (1ull << 15)
#define MYSQL_CAP_PLUGIN_AUTH (1ull << 19)
#define MYSQL_CAP_CONNECT_ATTRS (1ull << 20)
#define MYSQL_CAP_AUTH_LENENC (1ull << 21)
#define MYSQL_CAP_SESSION_TRACK (1ull << 23)
#define MYSQL_CAP_DEPRECATE_EOF (1ull << 24)
#define MYSQL_CAP_ZSTD (1ull << 26)
#define MYSQL_CAPS_ZIP (MYSQL_CAP_COMPRESS | MYSQL_CAP_ZSTD)
#define MYSQL_CAP_QUERY_ATTRIBUTES (1ull << 27)
#define MYSQL_CAP_CACHE_METADATA (1ull << 36)

/* Of the status in OK and EOF packets. */
#define MYSQL_STATUS_MORE_RESULTS 0x0008
#define MYSQL_STATUS_CURSOR_EXISTS 0x0040

#define MYSQL_WAITS_MAX 32	/* that often in a row it is no chance that a client waited */
#define MYSQL_STMT_LAST 0xffffffffu	/* MariaDB: the statement prepared last */

enum mysql_kind { MYSQL_KIND_NONE, MYSQL_OK, MYSQL_ERR, MYSQL_RESULTSET, MYSQL_PREPARED, MYSQL_EOF, MYSQL_TEXT, MYSQL_STREAM };

/* One result of an answer. */
struct mysql_result {
	uint8_t kind;		/* enum mysql_kind */
	bool is_whole;		/* its end was seen */
	bool has_warnings;
	bool has_columns;	/* columns[] are all there are */
	bool is_provisional;	/* and are those of a provisional statement */
	uint16_t code;		/* ERR */
	uint16_t warnings;
	char sqlstate[5];
	uint8_t sqlstate_len;
	uint64_t affected, last_id;	/* OK */
	uint64_t rows;
	uint32_t column_count;	/* announced */
	uint32_t kept, cap;
	struct px_bytes *columns;
	struct px_bytes message;	/* of the server: ERR, and what OK may say */
};

/* Parameters that came ahead of their EXECUTE (COM_STMT_SEND_LONG_DATA). */
struct mysql_long {
	uint64_t len;
	struct px_bytes kept;
	uint16_t index;
};

struct mysql_request {
	uint32_t stmt_id;
	uint16_t param_count;
	bool has_stmt;		/* stmt_id means something */
	bool has_param_count;	/* the statement is known */
	bool is_provisional;	/* what is known of it is true if this has an answer */
	bool is_last;		/* stmt_id is that of the statement prepared last */
	bool has_sql;
	bool sql_cut;		/* there was more of it than is kept */
	bool is_bulk;
	bool lost_long;		/* long data went by that is not all known */
	uint8_t long_count;
	uint64_t sql_len;
	struct px_bytes sql;
	struct px_bytes types;	/* two bytes per parameter, of an earlier EXECUTE; empty: those in the packet, or unknown */
	struct mysql_long *longs;
	/* LOGIN, CHANGE_USER: offsets into text; length 0: none */
	uint32_t user, user_len, db, db_len, plugin, plugin_len, secret, secret_len, attrs, attrs_len;
	uint32_t attributes, attributes_end;	/* QUERY: the query attributes, parameters in front of the text */
	bool has_db;
};

enum mysql_phase {
	MYSQL_IN_FIRST,		/* the first packet of an answer, or of its next result */
	MYSQL_IN_AUTH,
	MYSQL_IN_COLUMNS,	/* `defs` definitions are to come */
	MYSQL_IN_COLUMNS_END,	/* an EOF packet, or not */
	MYSQL_IN_ROWS,
	MYSQL_IN_FIELDS,	/* COM_FIELD_LIST: definitions up to an EOF packet */
	MYSQL_IN_PARAMS,	/* definitions of a prepared statement's parameters */
	MYSQL_IN_PARAMS_END,
	MYSQL_IN_PREPARED_COLUMNS,
	MYSQL_IN_PREPARED_END,
	MYSQL_COMPLETE,
};

struct mysql_reply {
	uint8_t phase;		/* enum mysql_phase */
	bool any_seq;		/* the client sends packets in between */
	bool is_infile;
	bool has_definitions;	/* of the columns, in this very answer */
	bool lacks_results;	/* there were more than are listed */
	bool has_stmt;
	uint32_t stmt_id;	/* PREPARE: the one given; EXECUTE of the last: the one it was */
	uint16_t param_count, column_count;
	bool has_param_count;
	uint64_t defs;
	size_t result_count;	/* up to MYSQL_RESULTS_MAX are in results[] */
	struct mysql_result first;
	struct mysql_result *more;	/* the second and those behind it */
	size_t more_cap;
	struct mysql_result *now;	/* the one that is being read */
	struct mysql_result spare;	/* for those beyond the limit */
	uint64_t infile_bytes;
	struct px_bytes infile;
	struct px_bytes version;	/* LOGIN: of the server */
	uint64_t connection_id;
	bool has_connection_id;
};

struct mysql_msg {
	bool is_reply;
	uint16_t command;	/* enum mysql_com; of a reply: of its request */
	uint8_t seq;		/* of the next packet */
	bool continues;		/* the payload goes on in the next packet */
	bool is_cut;		/* text does not have all */
	bool no_memory;
	bool has_hole;		/* bytes behind those kept were lost: no more are kept */
	bool is_complete;
	bool is_zip;		/* it came compressed */
	uint32_t left;		/* payload bytes of this packet that are to come */
	const char *bad;	/* what follows breaks this rule */
	uint64_t caps;
	bool has_caps;
	uint64_t total;		/* bytes with headers */
	char *text;		/* as on the wire, headers of continued packets of a request left out */
	size_t len, cap;
	uint64_t ordinal;	/* of the request, among those that are answered */
	struct mysql_request req;
	struct mysql_reply rep;
};

/* A command whose answer has not come. */
struct mysql_pending {
	uint64_t ordinal;	/* of the request */
	uint64_t answer_pos;	/* where the answers stood when it was sent, if has_answer_pos */
	uint32_t stmt_id;
	uint32_t sql_len;
	char *sql;		/* PREPARE: its text, ours */
	uint16_t command;
	uint8_t seq;		/* of the first packet of its answer */
	bool has_answer_pos, is_sent, sql_cut, sql_lost;
};

struct mysql_stmt;

/* One direction's compressed packets. */
struct mysql_zip;

struct mysql_dir {
	uint64_t expect_pos;	/* where the next call's bytes begin */
	bool has_begun;
	bool is_aligned;	/* messages are known to begin where the bytes begin */
	struct mysql_zip *zip;
};

enum mysql_eof { MYSQL_EOF_UNKNOWN, MYSQL_EOF_SENT, MYSQL_EOF_LEFT_OUT };

/* One per connection. */
struct mysql_state {
	struct mysql_dir dir[2];
	uint8_t request_dir;	/* 1 + enum px_dir; 0: not known yet */
	bool is_joined;		/* earlier messages were not seen, or lost */
	bool has_parsed;	/* something was understood: whether packets are compressed is known */
	bool has_caps;
	bool is_auth;		/* packets of the client with a number other than 0 belong to its login */
	bool is_infile;		/* packets of the client are the contents of a file */
	bool has_last;		/* last_stmt */
	bool is_in_step;	/* joined: the client was seen to wait for an answer */
	uint8_t waits;		/* joined: how often in a row, up to MYSQL_WAITS_MAX */
	bool is_zip;		/* what follows is compressed */
	uint8_t eof;		/* enum mysql_eof */
	uint64_t caps;		/* that both sides have */
	uint64_t requests, replies;	/* the keys that come next */
	uint64_t reply_end;	/* where the last answer ended that no command has come behind, */
	bool has_reply_end;
	uint64_t last_end;	/* where the last answer ended, */
	bool has_last_end;
	uint64_t infile_bytes;
	uint32_t infile_left;
	uint32_t last_stmt;
	uint32_t connection_id;
	bool has_connection_id;
	uint8_t version_len;
	char version[40];
	struct mysql_pending *pending;	/* a ring */
	uint32_t pending_first, pending_count, pending_cap;
	struct mysql_stmts *stmts;
};

/* packet.c: what all packets have in common */

static inline uint32_t mysql_le24(const char *p)
{
	const unsigned char *b = (const unsigned char *)p;

	return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16;
}

/*
 * A length-encoded integer: one byte up to 0xfa, else 0xfc, 0xfd, 0xfe and 2, 3, 8 bytes. 0xfb, the
 * null of a row, is none, nor is 0xff: they set ran_short.
 */
uint64_t mysql_lenenc(struct px_cur *c);

/* A length-encoded string; what is not all there is empty and sets ran_short. */
struct px_bytes mysql_lenenc_str(struct px_cur *c);

/* Up to a byte of 0, which is stepped over. */
struct px_bytes mysql_nul_str(struct px_cur *c);

/* Keep bytes of a message up to max of them. */
void mysql_keep(struct mysql_msg *m, struct px_arena *arena, struct px_bytes b, size_t max);

/* Nothing more to be had from this view. */
static inline struct px_parse_result mysql_wait(size_t pos, size_t need)
{
	return pos > 0 ? px_parse_skip(pos) : px_parse_more(need);
}

/* What comes behind pos bytes is broken: first the message gets those that are its own. */
static inline struct px_parse_result mysql_bad(struct mysql_msg *m, size_t pos, const char *why)
{
	if (pos == 0)
		return px_parse_bad(why);
	m->bad = why;
	return px_parse_skip(pos);
}

/* login.c: greeting and login */

/* Read a greeting. False: it is none. */
bool mysql_greeting(struct mysql_state *st, struct px_bytes payload);

/* LOGIN and CHANGE_USER: where its parts are. Offsets are into m->text. False: it is none. */
bool mysql_login(struct mysql_msg *m);
bool mysql_change_user(struct mysql_state *st, struct mysql_msg *m);

/* command.c: requests */

/* "QUERY", "STMT_PREPARE", ...; NULL for a number that no command has. */
const char *mysql_com_name(unsigned int command);
bool mysql_com_is_one_way(unsigned int command);

struct px_parse_result mysql_request_parse(const struct px_parse_ctx *ctx, struct px_bytes in,
					   struct px_frame *out);

/* pending.c: commands on their way */
struct mysql_pending *mysql_pending_push(struct mysql_state *st);
struct mysql_pending *mysql_pending_first(const struct mysql_state *st);
struct mysql_pending *mysql_pending_last(const struct mysql_state *st);
struct mysql_pending *mysql_pending_latest(const struct mysql_state *st, unsigned int command);
void mysql_pending_pop(struct mysql_state *st);
void mysql_pending_clear(struct mysql_state *st);

/* stmt.c: prepared statements */

/* A parameter of the next EXECUTE that has come ahead of it. */
struct mysql_stmt_long {
	uint64_t len;
	char *kept;
	uint32_t kept_len;
	uint16_t index;
};

struct mysql_stmt {
	struct mysql_stmt *next;	/* of its bucket */
	struct mysql_stmt *older, *newer;
	uint32_t id;
	uint32_t sql_len;
	uint32_t size;		/* bytes in all */
	uint16_t param_count, column_count;
	bool sql_cut, has_sql;
	/*
	 * Learnt from an answer that may be another one's. The matcher has the last word on that:
	 * of a joined connection it hands on pairs only if all its answers were their own.
	 */
	bool is_provisional;
	bool has_types;
	bool lost_long;
	uint8_t long_count;
	char *sql;
	char *types;		/* two bytes per parameter, with has_types */
	char *columns;		/* names, each behind its length of 2 bytes; NULL: not known */
	uint32_t columns_len;
	struct mysql_stmt_long *longs;	/* MYSQL_LONG_MAX of them, or NULL */
};

/* sql: its text, which is the statement's now; NULL: not known. NULL where memory runs out. */
struct mysql_stmt *mysql_stmt_add(struct mysql_state *st, uint32_t id, uint16_t param_count,
				  char *sql, uint32_t sql_len);
struct mysql_stmt *mysql_stmt_find(struct mysql_state *st, uint32_t id);
void mysql_stmt_remove(struct mysql_state *st, uint32_t id);
void mysql_stmt_clear(struct mysql_state *st);
void mysql_stmt_settle(struct mysql_state *st, bool is_true); /* the provisional ones are, or are not */
void mysql_stmt_doubt(struct mysql_state *st); /* behind a loss: what may have changed is unknown */
bool mysql_stmt_set_types(struct mysql_state *st, struct mysql_stmt *s, struct px_bytes types);
void mysql_stmt_set_columns(struct mysql_state *st, struct mysql_stmt *s,
			    const struct mysql_result *r);
void mysql_stmt_long(struct mysql_state *st, struct mysql_stmt *s, uint16_t index,
		     struct px_bytes piece, uint64_t len);
void mysql_stmt_forget_long(struct mysql_state *st, struct mysql_stmt *s);

/* answer.c */
struct px_parse_result mysql_reply_parse(const struct px_parse_ctx *ctx, struct px_bytes in,
					 struct px_frame *out);

/* joined.c: late starts and losses */

/* An answer went by that nobody known asked for: those before it may have been others' as well. */
void mysql_joined_doubt(struct mysql_state *st);

/*
 * Does a message, or the compressed packet around it, begin with these bytes? True, or *res says
 * what to do instead. Finds out whether packets are compressed.
 */
bool mysql_joined_begins(const struct px_parse_ctx *ctx, struct px_bytes in, bool is_request,
			 struct px_parse_result *res);

/* zip.c: the compressed protocol */

/* As parse(), of the packets inside; `inner` is asked for what is in them. */
struct px_parse_result mysql_zip_parse(const struct px_parse_ctx *ctx, struct px_bytes in,
				       struct px_frame *out);
/* What a compressed packet begins with. */
struct mysql_plain {
	size_t len;
	char bytes[2048];
};

/* Undo what is there of a packet's contents, as far as there is room. False: they are broken. */
bool mysql_zip_peek(struct px_bytes in, struct mysql_plain *plain);

/* Is there more of a packet, or of what was in one? */
bool mysql_zip_is_inside(const struct mysql_zip *z);

void mysql_zip_free(struct mysql_zip *z);
void mysql_zip_reset(struct mysql_zip *z);

/* params.c: the binary protocol's values */

/* Step over the value; false where it is not all there or its type is unknown. */
bool mysql_value_skip(struct px_cur *c, unsigned int type);

/* The parameters of an EXECUTE as texts. */
struct mysql_params {
	const struct px_bytes *items;
	size_t count;
	const struct px_pair *attributes;
	size_t attribute_count;
	uint32_t sets;		/* of a bulk execute */
	bool is_cut;		/* there are more */
};

/* False: they cannot be told. */
bool mysql_params_read(const struct mysql_msg *m, uint16_t param_count, struct px_arena *arena,
		       struct mysql_params *out);

/* The types that an EXECUTE carries; empty where it carries none, or they cannot be told. */
struct px_bytes mysql_params_types(const struct mysql_msg *m, uint16_t param_count,
				   struct px_arena *arena);

/* The attributes of a QUERY: c stands at their beginning, and behind them afterwards. */
bool mysql_attributes_skip(struct px_cur *c);
bool mysql_attributes_read(struct px_bytes b, struct px_arena *arena, struct mysql_params *out);

/* infer.c: whose bytes are these */

/* How well bytes fit. */
enum mysql_fit { MYSQL_FIT_NO, MYSQL_FIT_SHORT, MYSQL_FIT_WEAK, MYSQL_FIT_STRONG };

enum mysql_fit mysql_fit_request(struct px_bytes in);	/* a command */
enum mysql_fit mysql_fit_login(struct px_bytes in);
enum mysql_fit mysql_fit_reply(struct px_bytes in);	/* the first packets of an answer */
enum mysql_fit mysql_fit_greeting(struct px_bytes in);
enum mysql_fit mysql_fit_zip_requests(struct px_bytes in); /* commands in a compressed packet */
enum mysql_fit mysql_fit_zip_reply(struct px_bytes in);
size_t mysql_resync(struct px_bytes in, enum px_dir dir);
enum px_sure mysql_infer(struct px_bytes head, enum px_dir dir);
enum px_frame_kind mysql_kind(struct px_bytes head);

/* mask.c: px_parser.mask */
void mysql_mask(struct px_mask *memory, char *bytes, size_t n);

/* describe.c */
extern const struct px_field mysql_fields[];
void mysql_describe(const struct px_exchange *ex, struct px_record *rec);

#endif
