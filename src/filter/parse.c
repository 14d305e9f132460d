/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grammar of filter expressions, read by descent:
 *
 *     or      = and { ("or" | "||") and }
 *     and     = unary { ("and" | "&&") unary }
 *     unary   = ("not" | "!") unary | "(" or ")" | test
 *     test    = "port" value | "host" value | protocol | field [ operator value ]
 *     value   = "..." | '...' | bytes up to a blank or a parenthesis of the expression
 *
 * Behind `in` stands a list of values in parentheses, divided by commas.
 */
#include "filter/program.h"

#include <stdio.h>

#include "cli/args.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '.' || c == '-';
}

static char parse_at(const struct filter_parser *p, size_t pos)
{
	return pos < p->text.len ? p->text.ptr[pos] : '\0';
}

/* What was read up to here goes into the line; what is between here and pos is a blank there. */
static void parse_line(struct filter_parser *p, size_t end)
{
	struct px_filter *f = p->filter;

	if (end < p->lined || p->pos == end)
		return;	/* read once more */
	memcpy(f->line + f->line_len, p->text.ptr + p->lined, end - p->lined);
	f->line_len += end - p->lined;
	if (f->line_len)
		f->line[f->line_len++] = ' ';
	p->lined = p->pos;
}

/* Blanks, and comments in a file. */
static void parse_skip(struct filter_parser *p)
{
	size_t begin = p->pos;

	for (;;) {
		while (p->pos < p->text.len && is_blank(p->text.ptr[p->pos]))
			p->pos++;
		if (!p->file || parse_at(p, p->pos) != '#')
			break;
		p->pos = px_bytes_find(p->text, p->pos, '\n');
	}
	parse_line(p, begin);
}

bool filter_is_empty(struct filter_parser *p)
{
	parse_skip(p);
	return p->pos == p->text.len;
}

/* The word that begins here, which stays where it is. */
static struct px_bytes parse_word(const struct filter_parser *p, size_t pos)
{
	size_t end = pos;

	while (end < p->text.len && is_word(p->text.ptr[end]))
		end++;
	return px_bytes_sub(p->text, pos, end - pos);
}

static bool parse_is(struct px_bytes word, const char *text)
{
	return px_bytes_eq(word, px_bytes_str(text));
}

/* Go over word or sign, if it is what comes next. */
static bool parse_take(struct filter_parser *p, const char *word, const char *sign)
{
	parse_skip(p);
	if (parse_is(parse_word(p, p->pos), word)) {
		p->pos += strlen(word);
		return true;
	}
	if (!px_bytes_starts(px_bytes_sub(p->text, p->pos, SIZE_MAX), px_bytes_str(sign)))
		return false;
	p->pos += strlen(sign);
	return true;
}

static int parse_node(struct filter_parser *p, enum filter_node_kind kind, int left, int right)
{
	struct px_filter *f = p->filter;

	if (f->node_count == FILTER_NODES_MAX)
		return filter_error(p, p->pos, 1, "leave something out",
				    "the expression is too long");
	f->nodes[f->node_count] = (struct filter_node){ .kind = kind,
							.left = (uint16_t)left,
							.right = (uint16_t)right };
	return (int)f->node_count++;
}

/* A value into *out: its bytes without quotes. is_listed: a comma ends it. */
static int parse_value(struct filter_parser *p, bool is_listed, struct px_bytes *out)
{
	char quote, *to;
	size_t begin, open = 0;

	*out = (struct px_bytes){ NULL, 0 };
	parse_skip(p);
	begin = p->pos;
	quote = parse_at(p, begin);
	if (quote == '"' || quote == '\'') {
		to = px_arena_alloc(&p->filter->arena, p->text.len - begin);
		if (!to)
			return filter_error(p, begin, 1, NULL, "out of memory");
		*out = px_bytes_of(to, 0);
		for (p->pos++; p->pos < p->text.len; p->pos++) {
			char c = p->text.ptr[p->pos];

			if (c == quote) {
				p->pos++;
				return 0;
			}
			if (c == '\\' && parse_at(p, p->pos + 1) == quote)
				c = p->text.ptr[++p->pos];
			to[out->len++] = c;
		}
		return filter_error(p, begin, 1, NULL, "this quote is not closed");
	}
	for (; p->pos < p->text.len; p->pos++) {
		char c = p->text.ptr[p->pos];

		if (is_blank(c) || (is_listed && c == ',' && open == 0) || (c == ')' && open == 0))
			break;
		open += c == '(';
		open -= c == ')';
	}
	*out = px_bytes_sub(p->text, begin, p->pos - begin);
	if (out->len == 0)
		return filter_error(p, begin, 1, "an empty text is written \"\"",
				    "a value is missing here");
	return 0;
}

static int parse_add_value(struct filter_parser *p, struct filter_test *t, bool is_listed)
{
	size_t begin;
	struct px_bytes text;

	parse_skip(p);
	begin = p->pos;
	if (t->value_count == FILTER_VALUES_MAX)
		return filter_error(p, begin, 1, "use ~ and a regular expression",
				    "a list has at most %d values", FILTER_VALUES_MAX);
	if (parse_value(p, is_listed, &text))
		return -1;
	t->values[t->value_count] = (struct filter_value){ .text = text, .at = begin };
	if (t->about == FILTER_ABOUT_HOST) {
		struct px_ends ends = { 0 };
		char word[64];

		snprintf(word, sizeof(word), "%.*s", (int)text.len, text.ptr);
		if (text.len >= sizeof(word) || px_arg_net(word, &ends) != 0)
			return filter_error(
				p, begin, p->pos - begin,
				"write it in digits: host 10.0.0.7, host 10.0.0.0/8; for a name: req.host = NAME",
				"this is no address");
		t->values[t->value_count].net = ends.nets[0];
	}
	t->value_count++;
	return 0;
}

/* "(a, b)" */
static int parse_list(struct filter_parser *p, struct filter_test *t)
{
	parse_skip(p);
	if (parse_at(p, p->pos) != '(')
		return filter_error(p, p->pos, 1, "write it as: op in (GET, PUT)",
				    "a list in parentheses is missing behind 'in'");
	p->pos++;
	do {
		if (parse_add_value(p, t, true))
			return -1;
		parse_skip(p);
	} while (parse_at(p, p->pos) == ',' && p->pos++ < p->text.len);
	if (parse_at(p, p->pos) != ')')
		return filter_error(p, p->pos, 1, "divide values by commas, end them with )",
				    "the list is not closed here");
	p->pos++;
	return 0;
}

/* The operator that comes next. False where there is none; then nothing is taken. */
static bool parse_operator(struct filter_parser *p, struct filter_test *t, bool *is_in)
{
	static const struct {
		const char *sign;
		enum filter_op op;
		bool is_negated;
	} signs[] = {
		{ "==", FILTER_EQ, false },   { "=~", FILTER_MATCH, false },
		{ "=", FILTER_EQ, false },    { "!=", FILTER_EQ, true },
		{ "<=", FILTER_LE, false },   { ">=", FILTER_GE, false },
		{ "<", FILTER_LT, false },    { ">", FILTER_GT, false },
		{ "~", FILTER_MATCH, false }, { "!~", FILTER_MATCH, true },
	};
	struct px_bytes rest, word;
	size_t begin = p->pos;

	parse_skip(p);
	rest = px_bytes_sub(p->text, p->pos, SIZE_MAX);
	for (size_t i = 0; i < PX_COUNT(signs); i++) {
		if (!px_bytes_starts(rest, px_bytes_str(signs[i].sign)))
			continue;
		t->op = signs[i].op;
		t->is_negated = signs[i].is_negated;
		p->pos += strlen(signs[i].sign);
		return true;
	}
	word = parse_word(p, p->pos);
	if (parse_is(word, "not")) {
		t->is_negated = true;
		p->pos += word.len;
		parse_skip(p);
		word = parse_word(p, p->pos);
	}
	*is_in = parse_is(word, "in");
	if (*is_in || parse_is(word, "contains")) {
		t->op = *is_in ? FILTER_EQ : FILTER_CONTAINS;
		p->pos += word.len;
		return true;
	}
	t->is_negated = false;
	p->pos = begin;
	return false;
}

static int parse_alone(struct filter_parser *p, struct filter_test *t, size_t at)
{
	static const struct px_bytes proto = PX_BYTES("proto");
	struct px_bytes name = t->name;
	char cure[160];

	if (name.ptr[0] >= '0' && name.ptr[0] <= '9') {
		snprintf(
			cure, sizeof(cure),
			"write field, operator and value: status = %.*s, status in (500,502), port 80",
			name.len < 24 ? (int)name.len : 24, name.ptr);
		return filter_error(p, at, name.len, cure, "a value alone says nothing");
	}
	if (!filter_is_protocol(p->filter, name))
		return 0;
	t->name = proto;
	t->op = FILTER_EQ;
	t->values[t->value_count++] = (struct filter_value){ .text = name, .at = at };
	return 0;
}

static int parse_test(struct filter_parser *p)
{
	struct px_filter *f = p->filter;
	struct filter_value *values;
	struct filter_test *t;
	size_t at = p->pos;
	struct px_bytes name = parse_word(p, at);
	bool is_in = false, has_operator;
	int node, err = 0;

	if (name.len == 0)
		return filter_error(p, at, 1,
				    "begin with a field, a protocol, port, host, not or (",
				    at < p->text.len ? "this cannot stand here"
						     : "something is missing at the end");
	if (parse_is(name, "and") || parse_is(name, "or") || parse_is(name, "in") ||
	    parse_is(name, "contains"))
		return filter_error(p, at, name.len, NULL,
				    "something is missing in front of '%.*s'", (int)name.len,
				    name.ptr);
	node = parse_node(p, FILTER_NODE_TEST, 0, 0);
	if (node < 0)
		return -1;
	f->nodes[node].test = (uint16_t)f->test_count;
	t = &f->tests[f->test_count++];
	*t = (struct filter_test){ .name = name, .values = f->scratch };
	p->pos += name.len;
	has_operator = parse_operator(p, t, &is_in);
	if (parse_is(name, "port"))
		t->about = FILTER_ABOUT_PORT;
	else if (parse_is(name, "host") && !has_operator)
		t->about = FILTER_ABOUT_HOST;
	if (is_in) {
		err = parse_list(p, t);
	} else if (has_operator || t->about != FILTER_ABOUT_FIELD) {
		t->op = has_operator ? t->op : FILTER_EQ;
		err = parse_add_value(p, t, false);
	} else {
		err = parse_alone(p, t, at);
	}
	if (err)
		return -1;
	values = px_arena_alloc(&f->arena, t->value_count * sizeof(*values));
	if (!values)
		return filter_error(p, at, name.len, NULL, "out of memory");
	memcpy(values, f->scratch, t->value_count * sizeof(*values));
	t->values = values;
	return filter_bind(p, t, at) ? -1 : node;
}

static int parse_or(struct filter_parser *p);

static int parse_unary(struct filter_parser *p)
{
	int node;

	parse_skip(p);
	if (p->depth == FILTER_DEPTH_MAX)
		return filter_error(p, p->pos, 1, "leave parentheses out",
				    "more than %d levels of parentheses and nots",
				    FILTER_DEPTH_MAX);
	p->depth++;
	if (parse_at(p, p->pos) == '(') {
		size_t open = p->pos++;

		node = parse_or(p);
		parse_skip(p);
		if (node >= 0 && parse_at(p, p->pos) != ')')
			return p->pos >= p->text.len
				       ? filter_error(p, open, 1, NULL, "this ( is not closed")
				       : filter_error(p, p->pos, parse_word(p, p->pos).len,
						      "join tests with: and, or",
						      "'and' or 'or' is missing in front of this");
		p->pos++;
	} else if (parse_take(p, "not", "!")) {
		node = parse_unary(p);
		if (node >= 0)
			node = parse_node(p, FILTER_NODE_NOT, node, 0);
	} else {
		node = parse_test(p);
	}
	p->depth--;
	return node;
}

static int parse_and(struct filter_parser *p)
{
	int node = parse_unary(p), right;

	while (node >= 0 && parse_take(p, "and", "&&")) {
		right = parse_unary(p);
		node = right < 0 ? right : parse_node(p, FILTER_NODE_AND, node, right);
	}
	return node;
}

static int parse_or(struct filter_parser *p)
{
	int node = parse_and(p), right;

	while (node >= 0 && parse_take(p, "or", "||")) {
		right = parse_and(p);
		node = right < 0 ? right : parse_node(p, FILTER_NODE_OR, node, right);
	}
	return node;
}

int filter_parse(struct filter_parser *p)
{
	struct px_filter *f = p->filter;
	int node = parse_or(p);

	if (node < 0)
		return -1;
	parse_skip(p);
	if (parse_at(p, p->pos) == ')')
		return filter_error(p, p->pos, 1, NULL, "there is no ( for this )");
	if (p->pos < p->text.len)
		return filter_error(p, p->pos, parse_word(p, p->pos).len,
				    "join tests with: and, or; put values with blanks in quotes",
				    "'and' or 'or' is missing in front of this");
	f->root = (uint16_t)node;
	memcpy(f->line + f->line_len, p->text.ptr + p->lined, p->text.len - p->lined);
	f->line_len += p->text.len - p->lined;
	while (f->line[f->line_len - 1] == ' ')
		f->line_len--;
	return 0;
}
