/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens: PostgreSQL 15 documentation, "Lexical Structure"; MySQL 8.0 Reference Manual, "Language
 * Structure". Names may hold any byte above 0x7f.
 */
#include "sql/sql.h"

enum {
	C_WORD = 1, /* may begin a name */
	C_DIGIT = 2,
	C_SPACE = 4,
	C_DOLLAR = 8,
	C_IN_WORD = C_WORD | C_DIGIT | C_DOLLAR,
};

static const uint8_t classes[256] = {
	['\t'] = C_SPACE,	['\n'] = C_SPACE, ['\v'] = C_SPACE,	  ['\f'] = C_SPACE,
	['\r'] = C_SPACE,	[' '] = C_SPACE,  ['$'] = C_DOLLAR,	  ['0' ... '9'] = C_DIGIT,
	['A' ... 'Z'] = C_WORD, ['_'] = C_WORD,	  ['a' ... 'z'] = C_WORD, [0x80 ... 0xff] = C_WORD,
};

static uint8_t token_class(struct px_bytes text, size_t at)
{
	return at < text.len ? classes[(uint8_t)text.ptr[at]] : 0;
}

static char token_char(struct px_bytes text, size_t at)
{
	return at < text.len ? text.ptr[at] : '\0';
}

/* Behind a comment that begins at `at`; PostgreSQL's nest. */
static size_t token_comment(struct px_bytes text, size_t at, bool nests)
{
	unsigned int depth = 1;

	for (at += 2; at + 1 < text.len; at++) {
		if (text.ptr[at] == '*' && text.ptr[at + 1] == '/') {
			at++;
			if (--depth == 0)
				return at + 1;
		} else if (nests && text.ptr[at] == '/' && text.ptr[at + 1] == '*') {
			at++;
			depth++;
		}
	}
	return text.len;
}

/* MySQL reads what stands in a comment that begins with an exclamation mark, MariaDB's with M!. */
static size_t token_read_comment(struct px_bytes text, size_t at)
{
	size_t from = at + 2 + (token_char(text, at + 2) == 'M');

	if (token_char(text, from) != '!')
		return 0;
	for (from++; token_class(text, from) & C_DIGIT;)
		from++;
	return from;
}

static void token_skip(struct px_sql_lexer *lex)
{
	struct px_bytes text = lex->text;
	bool is_mysql = lex->dialect == PX_SQL_MYSQL;
	size_t at = lex->pos;

	while (at < text.len) {
		char c = text.ptr[at], next = token_char(text, at + 1);

		if (token_class(text, at) & C_SPACE) {
			at++;
		} else if ((c == '#' && is_mysql) || (c == '-' && next == '-' &&
						      (!is_mysql || at + 2 >= text.len ||
						       (uint8_t)text.ptr[at + 2] <= ' '))) {
			at = px_bytes_find(text, at, '\n');
		} else if (c == '/' && next == '*') {
			size_t from =
				is_mysql && !lex->is_in_comment ? token_read_comment(text, at) : 0;

			lex->is_in_comment |= from > 0;
			at = from > 0 ? from : token_comment(text, at, !is_mysql);
		} else if (c == '*' && next == '/' && lex->is_in_comment) {
			lex->is_in_comment = false;
			at += 2;
		} else {
			break;
		}
	}
	lex->pos = at;
}

/* The quote at `at` and all up to its end; a doubled one is one that is meant. */
static void token_quoted(struct px_bytes text, size_t at, bool escapes, struct px_sql_token *t)
{
	char quote = text.ptr[at];

	t->inner_from = ++at;
	for (;;) {
		if (!escapes)
			at = px_bytes_find(text, at, quote);
		else
			while (at < text.len && text.ptr[at] != quote)
				at += text.ptr[at] == '\\' ? 2 : 1;
		if (at >= text.len) { /* it is cut */
			t->inner_to = t->to = text.len;
			return;
		}
		if (token_char(text, at + 1) != quote) {
			t->inner_to = at;
			t->to = at + 1;
			return;
		}
		at += 2;
	}
}

/* $tag$ ... $tag$: false where it is none. */
static bool token_dollar(struct px_bytes text, size_t at, struct px_sql_token *t)
{
	size_t end = at + 1;
	struct px_bytes tag;

	if (!(token_class(text, end) & C_DIGIT))
		while (token_class(text, end) & (C_WORD | C_DIGIT))
			end++;
	if (token_char(text, end) != '$')
		return false;
	tag = px_bytes_of(text.ptr + at, end + 1 - at);
	t->kind = PX_SQL_STRING;
	t->inner_from = end + 1;
	for (at = px_bytes_find(text, end + 1, '$'); at < text.len;
	     at = px_bytes_find(text, at + 1, '$')) {
		if (px_bytes_starts(px_bytes_sub(text, at, SIZE_MAX), tag)) {
			t->inner_to = at;
			t->to = at + tag.len;
			return true;
		}
	}
	t->inner_to = t->to = text.len;
	return true;
}

/* Digits and what follows them; in MySQL a name may begin with a digit, too. */
static void token_number(struct px_sql_lexer *lex, struct px_sql_token *t)
{
	struct px_bytes text = lex->text;
	size_t at = t->from;
	bool is_based = text.ptr[at] == '0' && token_class(text, at + 1) & C_WORD;

	t->kind = PX_SQL_NUMBER;
	while (token_class(text, at) & C_DIGIT)
		at++;
	if (lex->dialect == PX_SQL_MYSQL && token_class(text, at) & (C_WORD | C_DOLLAR) &&
	    !is_based &&
	    !(px_ascii_lower(token_char(text, at)) == 'e' &&
	      (token_class(text, at + 1) & C_DIGIT || token_char(text, at + 1) == '-' ||
	       token_char(text, at + 1) == '+')))
		t->kind = PX_SQL_WORD;
	while (token_class(text, at) & C_IN_WORD ||
	       (token_char(text, at) == '.' && t->kind == PX_SQL_NUMBER) ||
	       ((token_char(text, at) == '-' || token_char(text, at) == '+') && !is_based &&
		at > t->from && px_ascii_lower(text.ptr[at - 1]) == 'e' &&
		t->kind == PX_SQL_NUMBER))
		at++;
	t->to = at;
}

/* A word, or the letters in front of a quoted text or name. */
static void token_word(struct px_sql_lexer *lex, struct px_sql_token *t)
{
	struct px_bytes text = lex->text;
	size_t at = t->from + 1;
	char first = px_ascii_lower(text.ptr[t->from]), next;

	while (token_class(text, at) & C_IN_WORD)
		at++;
	t->kind = PX_SQL_WORD;
	t->to = at;
	if (at != t->from + 1)
		return;
	next = token_char(text, at);
	if (next == '\'' && (first == 'e' || first == 'b' || first == 'x' || first == 'n')) {
		t->kind = PX_SQL_STRING;
		token_quoted(text, at,
			     first == 'e' || (first == 'n' && lex->dialect == PX_SQL_MYSQL), t);
	} else if (next == '&' && first == 'u' && lex->dialect == PX_SQL_POSTGRES &&
		   (token_char(text, at + 1) == '\'' || token_char(text, at + 1) == '"')) {
		t->kind = token_char(text, at + 1) == '"' ? PX_SQL_QUOTED : PX_SQL_STRING;
		token_quoted(text, at + 1, false, t);
	}
}

struct px_sql_token px_sql_next(struct px_sql_lexer *lex)
{
	struct px_bytes text = lex->text;
	bool is_mysql = lex->dialect == PX_SQL_MYSQL;
	struct px_sql_token t = { .kind = PX_SQL_END };
	char c;

	token_skip(lex);
	t.from = t.to = lex->pos;
	if (lex->pos >= text.len)
		return t;
	c = text.ptr[lex->pos];
	t.kind = PX_SQL_SYMBOL;
	t.to = lex->pos + 1;
	if (token_class(text, lex->pos) & C_WORD) {
		token_word(lex, &t);
	} else if (token_class(text, lex->pos) & C_DIGIT ||
		   (c == '.' && token_class(text, lex->pos + 1) & C_DIGIT)) {
		token_number(lex, &t);
	} else if (c == '\'' || (c == '"' && is_mysql)) {
		t.kind = PX_SQL_STRING;
		token_quoted(text, lex->pos, is_mysql, &t);
	} else if (c == '"' || (c == '`' && is_mysql)) {
		t.kind = PX_SQL_QUOTED;
		token_quoted(text, lex->pos, false, &t);
	} else if (c == '$' && !is_mysql) {
		if (token_class(text, lex->pos + 1) & C_DIGIT) {
			t.kind = PX_SQL_PARAM;
			while (token_class(text, t.to) & C_DIGIT)
				t.to++;
		} else {
			(void)token_dollar(text, lex->pos, &t);
		}
	} else if (c == '?' && is_mysql) {
		t.kind = PX_SQL_PARAM;
	}
	lex->pos = t.to;
	return t;
}
