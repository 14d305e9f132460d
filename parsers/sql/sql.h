/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the SQL protocols have to know of a text in SQL: its first keyword, its first table, where
 * its statements end, and where it holds secrets and literals. It is read as the two servers' own
 * lexers do, and no grammar is behind it: what that would take is left open rather than guessed.
 */
#ifndef PX_PARSERS_SQL_SQL_H
#define PX_PARSERS_SQL_SQL_H

#include "base/arena.h"
#include "base/bytes.h"

/*
 * PostgreSQL: "x" is a name, $tag$ quotes, comments nest, a backslash escapes in E'' only. MySQL
 * and MariaDB: `x` is a name, "x" a text, a backslash escapes, # begins a comment, and what stands
 * in a comment that begins with an exclamation mark is read.
 */
enum px_sql_dialect { PX_SQL_POSTGRES, PX_SQL_MYSQL };

enum px_sql_kind {
	PX_SQL_END,
	PX_SQL_WORD, /* a keyword or a plain name */
	PX_SQL_QUOTED, /* a name in quotes */
	PX_SQL_STRING, /* a text, with its quotes and the letter in front of them */
	PX_SQL_NUMBER,
	PX_SQL_PARAM, /* $1, ? */
	PX_SQL_SYMBOL, /* one character of anything else */
};

struct px_sql_token {
	enum px_sql_kind kind;
	size_t from, to; /* offsets in the text */
	size_t inner_from, inner_to; /* of what is between the quotes, STRING and QUOTED */
};

/* White space and comments are left out. Begin with { text, 0, dialect }. */
struct px_sql_lexer {
	struct px_bytes text;
	size_t pos;
	enum px_sql_dialect dialect;
	bool is_in_comment; /* the kind that MySQL reads */
};

/* The next token; at the end of the text one of kind PX_SQL_END. */
struct px_sql_token px_sql_next(struct px_sql_lexer *lex);

static inline struct px_bytes px_sql_text(const struct px_sql_lexer *lex,
					  const struct px_sql_token *t)
{
	return px_bytes_of(lex->text.ptr + t->from, t->to - t->from);
}

#define PX_SQL_VERB_MAX 24 /* bytes of a first keyword that are kept */

/* What a statement is about. Without pointers, so that it can be kept beside a text that moves. */
struct px_sql_look {
	char verb[PX_SQL_VERB_MAX]; /* first keyword, upper case */
	uint8_t verb_len; /* 0: none */
	uint32_t table_from, table_len; /* first table, or channel, in the text as written; 0: none */
};

void px_sql_look(struct px_bytes text, enum px_sql_dialect dialect, struct px_sql_look *out);

static inline struct px_bytes px_sql_verb(const struct px_sql_look *look)
{
	return px_bytes_of(look->verb, look->verb_len);
}

static inline struct px_bytes px_sql_table(const struct px_sql_look *look, struct px_bytes text)
{
	return px_bytes_sub(text, look->table_from, look->table_len);
}

/*
 * Cut the next statement off the front of *rest: without the white space around it and without the
 * semicolon, comments stay. Statements of nothing are left out. False when none is left.
 */
PX_MUST_USE bool px_sql_split(struct px_bytes *rest, enum px_sql_dialect dialect,
			      struct px_bytes *statement);

/* Can there be more than one statement in it? Cheap, and may say yes too often. */
static inline bool px_sql_may_be_many(struct px_bytes text)
{
	return px_bytes_find(text, 0, ';') < text.len;
}

/* What px_sql_hide() replaces. */
enum px_sql_hidden {
	PX_SQL_HIDE_SECRETS = 1, /* texts behind PASSWORD, IDENTIFIED BY and their like */
	PX_SQL_HIDE_LITERALS = 2, /* all texts and numbers */
};

/*
 * A copy of text with *** in the place of what is to be hidden, the quotes left around it; in text
 * itself it is overwritten by X. Where there is nothing to hide: text as it is, and *found is left
 * alone. Where memory runs out: *** alone. text has to lie in memory of ours.
 *
 * what  bits of enum px_sql_hidden
 */
struct px_bytes px_sql_hide(struct px_bytes text, enum px_sql_dialect dialect, unsigned int what,
			    struct px_arena *arena, bool *found);

/* Can there be a secret in it? Cheap, and may say yes too often. */
bool px_sql_may_have_secrets(struct px_bytes text);

/* text with line breaks and tabs, and the blanks around them, as one blank: for texts of a line. */
struct px_bytes px_sql_line(struct px_bytes text, struct px_arena *arena);

#endif
