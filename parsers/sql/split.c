/* SPDX-License-Identifier: Apache-2.0 */
/* Where statements end, and texts for a line. */
#include "sql/sql.h"

static bool split_is(const struct px_sql_lexer *lex, const struct px_sql_token *t,
		     struct px_bytes word)
{
	return t->kind == PX_SQL_WORD && px_bytes_caseeq(px_sql_text(lex, t), word);
}

/*
 * The body of CREATE FUNCTION and CREATE PROCEDURE may be BEGIN ATOMIC ... END with statements of
 * its own, and CASE ... END in these.
 */
struct split_body {
	size_t words; /* since the statement began */
	unsigned int depth;
	bool is_create, is_routine;
};

static void split_look(struct split_body *b, const struct px_sql_lexer *lex,
		       const struct px_sql_token *t)
{
	if (t->kind != PX_SQL_WORD)
		return;
	if (b->words == 0)
		b->is_create = split_is(lex, t, PX_BYTES("CREATE"));
	else if (b->is_create && b->words < 4)
		b->is_routine |= split_is(lex, t, PX_BYTES("FUNCTION")) ||
				 split_is(lex, t, PX_BYTES("PROCEDURE"));
	if (b->is_routine) {
		if (split_is(lex, t, PX_BYTES("BEGIN")) ||
		    (b->depth > 0 && split_is(lex, t, PX_BYTES("CASE"))))
			b->depth++;
		else if (b->depth > 0 && split_is(lex, t, PX_BYTES("END")))
			b->depth--;
	}
	b->words++;
}

static struct px_bytes split_trim(struct px_bytes b)
{
	while (b.len > 0 && (uint8_t)b.ptr[0] <= ' ') {
		b.ptr++;
		b.len--;
	}
	while (b.len > 0 && (uint8_t)b.ptr[b.len - 1] <= ' ')
		b.len--;
	return b;
}

bool px_sql_split(struct px_bytes *rest, enum px_sql_dialect dialect, struct px_bytes *statement)
{
	struct px_sql_lexer lex = { .text = *rest, .dialect = dialect };
	struct split_body body = { .words = 0 };
	size_t from = 0, parens = 0;
	bool has_any = false;

	for (;;) {
		struct px_sql_token t = px_sql_next(&lex);
		char c = t.kind == PX_SQL_SYMBOL ? lex.text.ptr[t.from] : '\0';

		if (t.kind == PX_SQL_END || (c == ';' && parens == 0 && body.depth == 0)) {
			if (has_any) {
				*statement = split_trim(px_bytes_sub(*rest, from, t.from - from));
				*rest = px_bytes_sub(*rest, t.to, SIZE_MAX);
				return true;
			}
			if (t.kind == PX_SQL_END) {
				*rest = (struct px_bytes){ NULL, 0 };
				return false;
			}
			from = t.to;
			continue;
		}
		has_any = true;
		split_look(&body, &lex, &t);
		if (c == '(')
			parens++;
		else if (c == ')' && parens > 0)
			parens--;
	}
}

static bool line_is_break(char c)
{
	return c == '\n' || c == '\r' || c == '\t';
}

struct px_bytes px_sql_line(struct px_bytes text, struct px_arena *arena)
{
	size_t n = 0;
	char *out;

	if (px_bytes_find(text, 0, '\n') == text.len && px_bytes_find(text, 0, '\t') == text.len &&
	    px_bytes_find(text, 0, '\r') == text.len)
		return text;
	out = px_arena_alloc(arena, text.len);
	if (!out)
		return text;
	for (size_t i = 0; i < text.len;) {
		if (!line_is_break(text.ptr[i])) {
			out[n++] = text.ptr[i++];
			continue;
		}
		while (n > 0 && out[n - 1] == ' ')
			n--;
		while (i < text.len && (line_is_break(text.ptr[i]) || text.ptr[i] == ' '))
			i++;
		if (n > 0 && i < text.len)
			out[n++] = ' ';
	}
	return px_bytes_of(out, n);
}
