/* SPDX-License-Identifier: Apache-2.0 */
/* Life of a filter, its errors, its jumps, and what it says before there is a record. */
#include "filter/filter.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "filter/program.h"

#define FILTER_ARENA_MAX ((size_t)16 << 20)
#define FILTER_SHOWN 68 /* columns of an expression that an error shows */

/* The line of text around `at`, with what does not fit left out at both ends. */
static struct px_bytes error_line(struct px_bytes text, size_t at, size_t *column)
{
	size_t begin = at, end = at;

	while (begin > 0 && text.ptr[begin - 1] != '\n')
		begin--;
	while (end < text.len && text.ptr[end] != '\n')
		end++;
	*column = at - begin;
	if (*column > FILTER_SHOWN / 2 && end - begin > FILTER_SHOWN) {
		size_t most = end - begin - FILTER_SHOWN;

		begin += *column - FILTER_SHOWN / 2 < most ? *column - FILTER_SHOWN / 2 : most;
	}
	if (end - begin > FILTER_SHOWN)
		end = begin + FILTER_SHOWN;
	/* Not within a character. */
	while (begin < at && ((unsigned char)text.ptr[begin] & 0xc0) == 0x80)
		begin++;
	while (end < text.len && end > at && ((unsigned char)text.ptr[end] & 0xc0) == 0x80)
		end--;
	return px_bytes_sub(text, begin, end - begin);
}

/* How many columns n bytes take, as far as a caret below them cares. */
static size_t error_columns(const char *from, size_t n)
{
	size_t columns = 0;

	for (size_t i = 0; i < n; i++)
		columns += ((unsigned char)from[i] & 0xc0) != 0x80;
	return columns;
}

int filter_error(struct filter_parser *p, size_t at, size_t len, const char *cure, const char *fmt,
		 ...)
{
	char what[200], shown[4 * FILTER_SHOWN + 1], carets[FILTER_SHOWN + 1];
	size_t column, indent, from, line_number = 1;
	struct px_bytes line;
	va_list ap;

	if (at > p->text.len)
		at = p->text.len;
	line = error_line(p->text, at, &column);
	from = line.ptr ? (size_t)(line.ptr - p->text.ptr) : at;
	snprintf(shown, sizeof(shown), "%.*s", (int)line.len, line.len ? line.ptr : "");
	for (char *c = shown; *c; c++)
		*c = *c == '\t' || *c == '\r' ? ' ' : *c;
	indent = error_columns(p->text.ptr + from, at - from);
	column = error_columns(p->text.ptr + (at - column), column) + 1;
	len = len && at < p->text.len ? error_columns(p->text.ptr + at, len) : 1;
	if (len == 0)
		len = 1; /* within a character, or what is none */
	if (indent + len > FILTER_SHOWN)
		len = indent < FILTER_SHOWN ? FILTER_SHOWN - indent : 1;
	memset(carets, '^', len);
	carets[len] = '\0';
	for (size_t i = 0; i < at; i++)
		line_number += p->text.ptr[i] == '\n';
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	if (p->file)
		return px_error_set(p->err, PX_EXIT_USAGE, cure, "%s:%zu:%zu: %s\n  %s\n  %*s%s",
				    p->file, line_number, column, what, shown, (int)indent, "",
				    carets);
	return px_error_set(p->err, PX_EXIT_USAGE, cure,
			    "filter expression, column %zu: %s\n  %s\n  %*s%s", column, what, shown,
			    (int)indent, "", carets);
}

/* The jumps of what is below a node. Returns the test to begin with. */
static uint16_t filter_link(struct px_filter *f, uint16_t node, uint16_t yes, uint16_t no)
{
	const struct filter_node *n = &f->nodes[node];

	switch (n->kind) {
	case FILTER_NODE_NOT:
		return filter_link(f, n->left, no, yes);
	case FILTER_NODE_AND:
		return filter_link(f, n->left, filter_link(f, n->right, yes, no), no);
	case FILTER_NODE_OR:
		return filter_link(f, n->left, yes, filter_link(f, n->right, yes, no));
	case FILTER_NODE_TEST:
		break;
	}
	f->tests[n->test].yes = yes;
	f->tests[n->test].no = no;
	return n->test;
}

static void filter_add_tables(struct px_filter *f)
{
	f->table_count = 1;
	for (size_t i = 0; i < f->protocol_count; i++) {
		size_t at = 1;

		while (at < f->table_count && f->tables[at] != f->protocols[i].fields)
			at++;
		if (at == f->table_count)
			f->tables[f->table_count++] = f->protocols[i].fields;
	}
}

int px_filter_new(struct px_bytes text, const char *name, const struct px_field_group *protocols,
		  size_t count, struct px_filter **out, struct px_error *err)
{
	struct px_filter *f = calloc(1, sizeof(*f));
	struct filter_parser p = { .filter = f, .file = name, .err = err };

	*out = NULL;
	if (!f)
		return px_error_set(err, PX_EXIT_FAILED, NULL, "out of memory");
	px_arena_pool_init(&f->arenas, FILTER_ARENA_MAX);
	px_arena_init(&f->arena, &f->arenas, FILTER_ARENA_MAX);
	if (text.len > PX_FILTER_TEXT_MAX) {
		px_error_set(err, PX_EXIT_USAGE, "leave something out",
			     "a filter expression has at most %d bytes", PX_FILTER_TEXT_MAX);
		goto fail;
	}
	f->text = malloc(text.len + 1);
	f->line = malloc(text.len + 1);
	f->tests = calloc(FILTER_NODES_MAX, sizeof(*f->tests));
	if (!f->text || !f->line || !f->tests) {
		px_error_set(err, PX_EXIT_FAILED, NULL, "out of memory");
		goto fail;
	}
	memcpy(f->text, text.len ? text.ptr : "", text.len);
	f->text[text.len] = '\0';
	p.text = px_bytes_of(f->text, text.len);
	f->protocols = protocols;
	f->protocol_count = count < PX_FILTER_PROTOCOLS_MAX ? count : PX_FILTER_PROTOCOLS_MAX;
	filter_add_tables(f);
	if (filter_is_empty(&p)) {
		px_filter_free(f);
		return 0;
	}
	if (filter_parse(&p))
		goto fail;
	f->first = filter_link(f, f->root, FILTER_ACCEPT, FILTER_REJECT);
	f->protocols = NULL;
	*out = f;
	return 0;
fail:
	px_filter_free(f);
	return -1;
}

void px_filter_free(struct px_filter *f)
{
	if (!f)
		return;
	for (size_t i = 0; f->tests && i < f->test_count; i++)
		filter_regex_free(f->tests[i].regex);
	px_arena_reset(&f->arena);
	px_arena_pool_fini(&f->arenas);
	free(f->tests);
	free(f->line);
	free(f->text);
	free(f);
}

bool px_filter_wants_details(const struct px_filter *f)
{
	return f->wants_details;
}

struct px_bytes px_filter_text(const struct px_filter *f)
{
	return px_bytes_of(f->line, f->line_len);
}

/* --- what follows from an expression --- */

static bool test_is_about(const struct filter_test *t, enum px_common one, enum px_common other)
{
	const struct filter_slot *slot = &t->slots[0];

	return t->about == FILTER_ABOUT_FIELD && slot->field && slot->is_common &&
	       (slot->index == one || slot->index == other);
}

static bool implied_ports(const struct filter_test *t, struct px_filter_implied *out)
{
	if (t->about != FILTER_ABOUT_PORT && !test_is_about(t, PX_F_LOCAL_PORT, PX_F_REMOTE_PORT))
		return false;
	for (size_t i = 0; i < t->value_count; i++) {
		const struct filter_number *n = &t->values[i].number;

		/* A UNIX socket's port is 0, and it has none that the kernel side could compare. */
		if (!n->is_int || n->i <= 0 || n->i > UINT16_MAX ||
		    out->ends.port_count == PX_PORTS_MAX)
			return false;
		out->ends.ports[out->ends.port_count++] = (uint16_t)n->i;
	}
	return true;
}

static bool implied_nets(const struct filter_test *t, struct px_filter_implied *out)
{
	if (t->about != FILTER_ABOUT_HOST)
		return false;
	for (size_t i = 0; i < t->value_count; i++) {
		if (out->ends.net_count == PX_NETS_MAX)
			return false;
		out->ends.nets[out->ends.net_count++] = t->values[i].net;
	}
	return true;
}

static bool implied_role(const struct filter_test *t, struct px_filter_implied *out)
{
	enum px_role role;

	if (!test_is_about(t, PX_F_ROLE, PX_F_ROLE) || t->value_count != 1)
		return false;
	role = px_bytes_eq(t->values[0].text, PX_BYTES("client")) ? PX_ROLE_CLIENT : PX_ROLE_SERVER;
	if (out->ends.role != PX_ROLE_UNKNOWN && out->ends.role != role)
		return false; /* one or the other */
	out->ends.role = role;
	return true;
}

static bool implied_pids(const struct filter_test *t, struct px_filter_implied *out)
{
	if (!test_is_about(t, PX_F_PID, PX_F_PID))
		return false;
	for (size_t i = 0; i < t->value_count; i++) {
		const struct filter_number *n = &t->values[i].number;

		if (!n->is_int || n->i <= 0 || n->i > INT32_MAX ||
		    out->pid_count == PX_FILTER_PIDS_MAX)
			return false;
		out->pids[out->pid_count++] = (uint32_t)n->i;
	}
	return true;
}

/*
 * Does a record pass only if it has one of what `add` puts into *out? Of two that both have to hold
 * either will do, of two alternatives both have to say something.
 */
static bool implied_by(const struct px_filter *f, uint16_t node,
		       bool (*add)(const struct filter_test *, struct px_filter_implied *),
		       struct px_filter_implied *out)
{
	const struct filter_node *n = &f->nodes[node];
	const struct filter_test *t = &f->tests[n->test];
	struct px_filter_implied before = *out;
	bool holds = false;

	switch (n->kind) {
	case FILTER_NODE_AND:
		holds = implied_by(f, n->left, add, out) || implied_by(f, n->right, add, out);
		break;
	case FILTER_NODE_OR:
		holds = implied_by(f, n->left, add, out) && implied_by(f, n->right, add, out);
		break;
	case FILTER_NODE_TEST:
		holds = t->op == FILTER_EQ && !t->is_negated && add(t, out);
		break;
	case FILTER_NODE_NOT:
		break;
	}
	if (!holds)
		*out = before;
	return holds;
}

void px_filter_implied(const struct px_filter *f, struct px_filter_implied *out)
{
	*out = (struct px_filter_implied){ 0 };
	implied_by(f, f->root, implied_ports, out);
	implied_by(f, f->root, implied_nets, out);
	implied_by(f, f->root, implied_role, out);
	implied_by(f, f->root, implied_pids, out);
}
