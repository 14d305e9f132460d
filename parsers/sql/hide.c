/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets and literals in a statement: replaced for display, overwritten in what is kept. A secret
 * is a text behind PASSWORD, or behind a name that ends so, with nothing but = ( TO BY AS between
 * them; behind BY, AS, USING or REPLACE of IDENTIFIED; all of SET PASSWORD but the user; and a text
 * that has a password in it, as the connection strings of PostgreSQL do.
 */
#include "sql/sql.h"

static const struct px_bytes shown = PX_BYTES("***");

/* What the tokens up to here make of the next text. */
struct hide {
	struct px_sql_lexer lex;
	unsigned int what;
	bool is_next; /* the next text is a secret */
	bool was_secret; /* the token before this one was: texts side by side are one */
	bool is_identified; /* behind IDENTIFIED */
	bool is_set; /* the statement began with SET */
	bool is_set_password;
	bool has_begun; /* the statement has */
};

static bool hide_ends(struct px_bytes word, struct px_bytes end)
{
	return word.len >= end.len &&
	       px_bytes_caseeq(px_bytes_sub(word, word.len - end.len, end.len), end);
}

/* Is there "password" or "passwd" in it, in any case? */
static bool hide_names_password(struct px_bytes text)
{
	for (int upper = 0; upper < 2; upper++) {
		char w = upper ? 'W' : 'w';

		for (size_t at = px_bytes_find(text, 0, w); at < text.len;
		     at = px_bytes_find(text, at + 1, w))
			if (at >= 4 &&
			    px_bytes_caseeq(px_bytes_of(text.ptr + at - 4, 4), PX_BYTES("pass")))
				return true;
	}
	return false;
}

bool px_sql_may_have_secrets(struct px_bytes text)
{
	if (hide_names_password(text))
		return true;
	for (int upper = 0; upper < 2; upper++) {
		char f = upper ? 'F' : 'f';

		for (size_t at = px_bytes_find(text, 0, f); at < text.len;
		     at = px_bytes_find(text, at + 1, f))
			if (at >= 6 &&
			    px_bytes_caseeq(px_bytes_of(text.ptr + at - 6, 6), PX_BYTES("identi")))
				return true;
	}
	return false;
}

static bool hide_is(struct px_bytes word, struct px_bytes keyword)
{
	return px_bytes_caseeq(word, keyword);
}

static void hide_word(struct hide *h, struct px_bytes word)
{
	bool is_password =
		hide_ends(word, PX_BYTES("password")) || hide_ends(word, PX_BYTES("passwd"));

	if (!h->has_begun) {
		h->is_set = hide_is(word, PX_BYTES("SET"));
	} else if (h->is_set && is_password) {
		h->is_set_password = true;
		h->is_set = false;
	} else if (h->is_set) {
		h->is_set = false;
	}
	if (is_password)
		h->is_next = true;
	else if (hide_is(word, PX_BYTES("IDENTIFIED")))
		h->is_identified = true;
	else if (hide_is(word, PX_BYTES("BY")) || hide_is(word, PX_BYTES("AS")) ||
		 hide_is(word, PX_BYTES("USING")) || hide_is(word, PX_BYTES("REPLACE")))
		h->is_next |= h->is_identified || h->is_set_password;
	else if (hide_is(word, PX_BYTES("TO")))
		h->is_next |= h->is_set_password;
	else
		h->is_next = false;
}

/* True: the token is a secret. */
static bool hide_secret(struct hide *h, const struct px_sql_token *t)
{
	bool was_secret = h->was_secret;
	char c;

	h->was_secret = false;
	switch (t->kind) {
	case PX_SQL_WORD:
		hide_word(h, px_sql_text(&h->lex, t));
		break;
	case PX_SQL_QUOTED:
		h->is_next = hide_names_password(px_sql_text(&h->lex, t));
		break;
	case PX_SQL_STRING: {
		struct px_bytes inner =
			px_bytes_sub(h->lex.text, t->inner_from, t->inner_to - t->inner_from);

		h->was_secret =
			h->is_next || was_secret ||
			(hide_names_password(inner) && px_bytes_find(inner, 0, '=') < inner.len);
		h->is_next = false;
		break;
	}
	case PX_SQL_SYMBOL:
		c = h->lex.text.ptr[t->from];
		if (c == '=')
			h->is_next |= h->is_set_password;
		else if (c == ',')
			h->is_identified = h->is_next = false;
		else if (c != '(' && c != ':')
			h->is_next = false;
		if (c == ';')
			*h = (struct hide){ .lex = h->lex, .what = h->what };
		break;
	case PX_SQL_NUMBER:
	case PX_SQL_PARAM:
	case PX_SQL_END:
		h->is_next = false;
		break;
	}
	h->has_begun |= t->kind != PX_SQL_SYMBOL;
	return h->was_secret;
}

/* The next stretch of the text that is to be hidden, without its quotes; false at the end. */
static bool hide_next(struct hide *h, struct px_bytes *hidden)
{
	for (;;) {
		struct px_sql_token t = px_sql_next(&h->lex);
		bool is_secret = hide_secret(h, &t) && h->what & PX_SQL_HIDE_SECRETS;

		if (t.kind == PX_SQL_END)
			return false;
		if (t.kind == PX_SQL_STRING && (is_secret || h->what & PX_SQL_HIDE_LITERALS)) {
			*hidden =
				px_bytes_sub(h->lex.text, t.inner_from, t.inner_to - t.inner_from);
			if (hidden->len > 0)
				return true;
		} else if (t.kind == PX_SQL_NUMBER && h->what & PX_SQL_HIDE_LITERALS) {
			*hidden = px_sql_text(&h->lex, &t);
			return true;
		}
	}
}

struct px_bytes px_sql_hide(struct px_bytes text, enum px_sql_dialect dialect, unsigned int what,
			    struct px_arena *arena, bool *found)
{
	struct hide h = { .lex = { .text = text, .dialect = dialect }, .what = what };
	struct px_bytes hidden;
	size_t count = 0, dropped = 0, done = 0, len = 0;
	char *out;

	if (!(what & PX_SQL_HIDE_LITERALS) && !px_sql_may_have_secrets(text))
		return text;
	while (hide_next(&h, &hidden)) {
		count++;
		dropped += hidden.len;
	}
	if (count == 0)
		return text;
	*found = true;
	out = px_arena_alloc(arena, text.len - dropped + count * shown.len);
	h = (struct hide){ .lex = { .text = text, .dialect = dialect }, .what = what };
	while (hide_next(&h, &hidden)) {
		size_t from = (size_t)(hidden.ptr - text.ptr);

		if (out) {
			memcpy(out + len, text.ptr + done, from - done);
			len += from - done;
			memcpy(out + len, shown.ptr, shown.len);
			len += shown.len;
		}
		done = from + hidden.len;
		/* It is read on from behind it, and the same bytes are not looked at again. */
		memset((char *)(uintptr_t)hidden.ptr, 'X', hidden.len);
	}
	if (!out)
		return shown; /* rather nothing than a secret */
	memcpy(out + len, text.ptr + done, text.len - done);
	return px_bytes_of(out, len + text.len - done);
}
