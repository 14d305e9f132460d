/* SPDX-License-Identifier: Apache-2.0 */
/* First keyword and first table of a statement. */
#include "sql/sql.h"

/* How the first table is found, by the first keyword. */
enum look_rule {
	LOOK_NONE, /* there is none */
	LOOK_CLAUSE, /* behind FROM, JOIN, and INTO and UPDATE of statements inside */
	LOOK_DIRECT, /* behind words that say how it is done */
	LOOK_OBJECT, /* behind TABLE or VIEW; INDEX and TRIGGER: behind ON */
	LOOK_ON, /* behind ON */
	LOOK_SHOW,
};

struct look_verb {
	const char *verb;
	enum look_rule rule;
};

/* Ordered as strings are. Others have no table. */
static const struct look_verb verbs[] = {
	{ "ALTER", LOOK_OBJECT },    { "ANALYZE", LOOK_DIRECT },  { "CHECK", LOOK_DIRECT },
	{ "CHECKSUM", LOOK_DIRECT }, { "CLUSTER", LOOK_DIRECT },  { "COMMENT", LOOK_OBJECT },
	{ "COPY", LOOK_DIRECT },     { "CREATE", LOOK_OBJECT },	  { "DECLARE", LOOK_CLAUSE },
	{ "DELETE", LOOK_CLAUSE },   { "DESC", LOOK_DIRECT },	  { "DESCRIBE", LOOK_DIRECT },
	{ "DROP", LOOK_OBJECT },     { "EXPLAIN", LOOK_CLAUSE },  { "GRANT", LOOK_ON },
	{ "HANDLER", LOOK_DIRECT },  { "INSERT", LOOK_DIRECT },	  { "LISTEN", LOOK_DIRECT },
	{ "LOAD", LOOK_OBJECT },     { "LOCK", LOOK_DIRECT },	  { "MERGE", LOOK_DIRECT },
	{ "NOTIFY", LOOK_DIRECT },   { "OPTIMIZE", LOOK_DIRECT }, { "PREPARE", LOOK_CLAUSE },
	{ "REFRESH", LOOK_OBJECT },  { "REINDEX", LOOK_OBJECT },  { "RENAME", LOOK_DIRECT },
	{ "REPAIR", LOOK_DIRECT },   { "REPLACE", LOOK_DIRECT },  { "REVOKE", LOOK_ON },
	{ "SELECT", LOOK_CLAUSE },   { "SHOW", LOOK_SHOW },	  { "TABLE", LOOK_DIRECT },
	{ "TRUNCATE", LOOK_DIRECT }, { "UNLISTEN", LOOK_DIRECT }, { "UPDATE", LOOK_DIRECT },
	{ "VACUUM", LOOK_DIRECT },   { "VALUES", LOOK_CLAUSE },	  { "WITH", LOOK_CLAUSE },
};

/* Words that stand between a keyword and its table. */
static const char *const modifiers[] = {
	"BINARY",   "CONCURRENTLY", "DELAYED", "EXISTS",
	"EXTENDED", "FREEZE",	    "FULL",    "HIGH_PRIORITY",
	"IF",	    "IGNORE",	    "INTO",    "LATERAL",
	"LOCAL",    "LOW_PRIORITY", "NOT",     "NO_WRITE_TO_BINLOG",
	"ONLY",	    "TABLE",	    "TABLES",  "VERBOSE",
};

/* Words that begin something else where a table was to come. */
static const char *const others[] = { "ALL",	"DATABASE", "FOREIGN",	 "FUNCTION",   "LANGUAGE",
				      "LARGE",	"ON",	    "PROCEDURE", "ROWS",       "SCHEMA",
				      "SELECT", "SEQUENCE", "SET",	 "TABLESPACE", "TYPE",
				      "USER",	"VALUES",   "WITH" };

/* Objects that may have a body with anything in it. */
static const char *const opaque[] = { "DATABASE",  "DOMAIN", "EVENT", "FUNCTION",
				      "PROCEDURE", "ROLE",   "TYPE",  "USER" };

/* Functions with a FROM of their own. */
static const char *const from_inside[] = { "EXTRACT", "OVERLAY",   "POSITION",
					   "SUBSTR",  "SUBSTRING", "TRIM" };

/* What may stand before an UPDATE that is no statement, and an INTO that belongs to one. */
static const char *const before_update[] = { "DO", "FOR", "KEY" };
static const char *const before_into[] = { "DELAYED",	   "HIGH_PRIORITY", "IGNORE", "INSERT",
					   "LOW_PRIORITY", "MERGE",	    "REPLACE" };

#define WORD_MAX 24 /* bytes; no keyword we know is longer */
#define CTE_MAX 8 /* names of a WITH that are remembered: none of them is a table */
#define DEPTH_MAX 64 /* parentheses */

/* A word in upper case; empty if it is longer than any we know. */
struct look_word {
	char text[WORD_MAX];
	size_t len;
};

struct look {
	struct px_sql_lexer lex;
	struct px_sql_token ahead; /* one token that was read and given back */
	bool has_ahead;
	struct px_bytes ctes[CTE_MAX];
	size_t cte_count;
	struct px_sql_look *out;
};

static struct px_sql_token look_next(struct look *l)
{
	if (l->has_ahead) {
		l->has_ahead = false;
		return l->ahead;
	}
	return px_sql_next(&l->lex);
}

static void look_back(struct look *l, struct px_sql_token t)
{
	l->ahead = t;
	l->has_ahead = true;
}

static char look_symbol(const struct look *l, const struct px_sql_token *t)
{
	return t->kind == PX_SQL_SYMBOL ? l->lex.text.ptr[t->from] : '\0';
}

static struct look_word look_word(const struct look *l, const struct px_sql_token *t)
{
	struct px_bytes b = px_sql_text(&l->lex, t);
	struct look_word w = { .len = 0 };

	if (t->kind != PX_SQL_WORD || b.len >= WORD_MAX)
		return w;
	for (; w.len < b.len; w.len++) {
		char c = b.ptr[w.len];

		w.text[w.len] = c >= 'a' && c <= 'z' ? (char)(c - 0x20) : c;
	}
	return w;
}

static bool word_is(const struct look_word *w, const char *text)
{
	return w->text[0] == text[0] && strcmp(w->text, text) == 0;
}

static bool word_in(const struct look_word *w, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (word_is(w, list[i]))
			return true;
	return false;
}

#define WORD_IN(w, list) word_in(w, list, PX_COUNT(list))

static bool look_is_cte(const struct look *l, struct px_bytes name)
{
	for (size_t i = 0; i < l->cte_count; i++)
		if (px_bytes_caseeq(name, l->ctes[i]))
			return true;
	return false;
}

/*
 * t begins a name, which may have a schema in front: keep it. False where it is none, or a function
 * (may_call: a list in parentheses behind it makes it one) or a part of the statement itself.
 */
static bool look_name(struct look *l, struct px_sql_token t, bool may_call)
{
	size_t from = t.from, to = t.to;

	if (t.kind != PX_SQL_WORD && t.kind != PX_SQL_QUOTED)
		return false;
	for (;;) {
		t = look_next(l);
		if (look_symbol(l, &t) != '.')
			break;
		t = look_next(l);
		if (t.kind != PX_SQL_WORD && t.kind != PX_SQL_QUOTED)
			break;
		to = t.to;
	}
	look_back(l, t);
	if (may_call && look_symbol(l, &t) == '(')
		return false;
	if (look_is_cte(l, px_bytes_of(l->lex.text.ptr + from, to - from)))
		return false;
	if (to > UINT32_MAX)
		return false;
	l->out->table_from = (uint32_t)from;
	l->out->table_len = (uint32_t)(to - from);
	return true;
}

/* Over ( ... ), whose beginning was read. */
static void look_over_parens(struct look *l)
{
	size_t depth = 1;

	while (depth > 0) {
		struct px_sql_token t = look_next(l);
		char c = look_symbol(l, &t);

		if (t.kind == PX_SQL_END)
			return;
		depth += c == '(';
		depth -= c == ')';
	}
}

/* The names that WITH gives: NAME [(columns)] AS [[NOT] MATERIALIZED] ( ... ), ... */
static void look_ctes(struct look *l)
{
	struct px_sql_lexer lex = l->lex; /* to come back to */
	struct px_sql_token t = look_next(l);
	struct look_word w = look_word(l, &t);

	if (word_is(&w, "RECURSIVE"))
		t = look_next(l);
	while ((t.kind == PX_SQL_WORD || t.kind == PX_SQL_QUOTED) && l->cte_count < CTE_MAX) {
		l->ctes[l->cte_count++] = px_sql_text(&l->lex, &t);
		t = look_next(l);
		if (look_symbol(l, &t) == '(') {
			look_over_parens(l);
			t = look_next(l);
		}
		while (t.kind == PX_SQL_WORD)
			t = look_next(l);
		if (look_symbol(l, &t) != '(')
			break;
		look_over_parens(l);
		t = look_next(l);
		if (look_symbol(l, &t) != ',')
			break;
		t = look_next(l);
	}
	l->lex = lex;
	l->has_ahead = false;
}

static void look_clause(struct look *l)
{
	uint64_t is_call = 0; /* a bit per parenthesis: of a function that has a FROM inside */
	size_t depth = 0;
	struct look_word before = { .len = 0 };
	bool expects = false; /* a table */

	for (;;) {
		struct px_sql_token t = look_next(l);
		struct look_word w = look_word(l, &t);
		char c = look_symbol(l, &t);

		if (t.kind == PX_SQL_END || (c == ';' && depth == 0))
			return;
		if (c == '(') {
			if (depth < DEPTH_MAX) {
				uint64_t bit = (uint64_t)1 << depth;

				is_call = WORD_IN(&before, from_inside) ? is_call | bit
									: is_call & ~bit;
			}
			depth++;
		} else if (c == ')') {
			depth -= depth > 0;
			expects = false;
		} else if (expects && WORD_IN(&w, modifiers)) {
			continue;
		} else if (expects && !WORD_IN(&w, others)) {
			expects = false;
			if (look_name(l, t, true))
				return;
		} else if (w.len > 0) {
			expects = false;
			if (word_is(&w, "FROM"))
				expects = !word_is(&before, "DISTINCT") &&
					  !(depth > 0 && depth <= DEPTH_MAX &&
					    is_call >> (depth - 1) & 1);
			else if (word_is(&w, "JOIN"))
				expects = true;
			else if (word_is(&w, "UPDATE"))
				expects = !WORD_IN(&before, before_update);
			else if (word_is(&w, "INTO"))
				expects = WORD_IN(&before, before_into);
			else if (word_is(&w, "WITH"))
				look_ctes(l);
		}
		before = w;
	}
}

static void look_direct(struct look *l, bool is_copy)
{
	for (;;) {
		struct px_sql_token t = look_next(l);
		struct look_word w = look_word(l, &t);

		if (look_symbol(l, &t) == '(') {
			if (is_copy) { /* of a query */
				look_clause(l);
				return;
			}
			look_over_parens(l);
		} else if (word_is(&w, "SELECT") || word_is(&w, "WITH")) {
			if (word_is(&w, "WITH"))
				look_ctes(l);
			look_clause(l);
			return;
		} else if (word_is(&w, "ANALYZE") || WORD_IN(&w, modifiers)) {
			continue;
		} else {
			if (!WORD_IN(&w, others))
				(void)look_name(l, t, false);
			return;
		}
	}
}

static void look_on(struct look *l)
{
	for (;;) {
		struct px_sql_token t = look_next(l);
		struct look_word w = look_word(l, &t);

		if (t.kind == PX_SQL_END)
			return;
		if (word_is(&w, "ON")) {
			look_direct(l, false);
			return;
		}
	}
}

static void look_object(struct look *l)
{
	for (;;) {
		struct px_sql_token t = look_next(l);
		struct look_word w = look_word(l, &t);

		if (t.kind == PX_SQL_END || WORD_IN(&w, opaque))
			return;
		if (word_is(&w, "TABLE") || word_is(&w, "VIEW")) {
			look_direct(l, false);
			return;
		}
		if (word_is(&w, "INDEX") || word_is(&w, "TRIGGER") || word_is(&w, "RULE") ||
		    word_is(&w, "POLICY")) {
			look_on(l);
			return;
		}
	}
}

/* MySQL: SHOW [FULL] COLUMNS FROM t, SHOW INDEX IN t, SHOW CREATE TABLE t */
static void look_show(struct look *l)
{
	static const char *const lists[] = { "COLUMNS", "FIELDS", "INDEX", "INDEXES", "KEYS" };
	struct px_sql_token t = look_next(l);
	struct look_word w = look_word(l, &t);

	while (word_is(&w, "FULL") || word_is(&w, "EXTENDED")) {
		t = look_next(l);
		w = look_word(l, &t);
	}
	if (word_is(&w, "CREATE")) {
		t = look_next(l);
		w = look_word(l, &t);
		if (word_is(&w, "TABLE") || word_is(&w, "VIEW"))
			look_direct(l, false);
	} else if (WORD_IN(&w, lists)) {
		t = look_next(l);
		w = look_word(l, &t);
		if (word_is(&w, "FROM") || word_is(&w, "IN"))
			(void)look_name(l, look_next(l), false);
	}
}

static enum look_rule look_rule(const char *verb)
{
	size_t low = 0, high = PX_COUNT(verbs);

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = strcmp(verb, verbs[middle].verb);

		if (order == 0)
			return verbs[middle].rule;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return LOOK_NONE;
}

void px_sql_look(struct px_bytes text, enum px_sql_dialect dialect, struct px_sql_look *out)
{
	struct look l = { .lex = { .text = text, .dialect = dialect }, .out = out };
	struct px_sql_token t = px_sql_next(&l.lex);
	struct look_word verb;

	memset(out, 0, sizeof(*out));
	while (look_symbol(&l, &t) == '(')
		t = px_sql_next(&l.lex);
	verb = look_word(&l, &t);
	_Static_assert(PX_SQL_VERB_MAX == WORD_MAX, "a verb is a word");
	memcpy(out->verb, verb.text, verb.len);
	out->verb_len = (uint8_t)verb.len;
	switch (look_rule(verb.text)) {
	case LOOK_CLAUSE:
		if (word_is(&verb, "WITH"))
			look_ctes(&l);
		look_clause(&l);
		break;
	case LOOK_DIRECT:
		look_direct(&l, word_is(&verb, "COPY"));
		break;
	case LOOK_OBJECT:
		look_object(&l);
		break;
	case LOOK_ON:
		look_on(&l);
		break;
	case LOOK_SHOW:
		look_show(&l);
		break;
	case LOOK_NONE:
		break;
	}
}
