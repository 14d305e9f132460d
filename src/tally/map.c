/* SPDX-License-Identifier: Apache-2.0 */
#include "tally/map.h"

#include <errno.h>
#include <stdlib.h>

#include "sink/escape.h"

/* Names of nodes, each once; the place in the list is the node's number. */
struct map_nodes {
	struct {
		struct px_bytes name;
		bool is_process;
	} * node;
	size_t count;
};

static size_t map_node(struct map_nodes *n, struct px_bytes name, bool is_process)
{
	size_t i = 0;

	while (i < n->count &&
	       (n->node[i].is_process != is_process || !px_bytes_eq(n->node[i].name, name)))
		i++;
	if (i == n->count) {
		n->node[i].name = name;
		n->node[i].is_process = is_process;
		n->count++;
	}
	return i;
}

/*
 * A name within double quotes: controls are escaped as for a terminal, and what would end the
 * quotes is written as each of the two languages has it.
 */
static int map_quoted(struct px_buf *out, struct px_bytes name, bool is_dot)
{
	struct px_buf text = px_buf_of(8192);
	int err = px_term_append(&text, name.len ? name : PX_BYTES("?"), 0, PX_TERM_ROOM_ALL, NULL);

	for (size_t i = 0; !err && i < text.len; i++) {
		char c = text.ptr[i];

		if (is_dot && (c == '"' || c == '\\'))
			err = px_buf_printf(out, "\\%c", c);
		else if (!is_dot && (c == '"' || c == '#' || c == '<' || c == '>' || c == '&'))
			err = px_buf_printf(out, "#%d;", c);
		else
			err = px_buf_append(out, px_bytes_of(&c, 1));
	}
	px_buf_fini(&text);
	return err;
}

static int map_label(struct px_buf *out, const struct px_tally *t, const struct px_tally_row *row,
		     bool is_dot, uint64_t duration_ns)
{
	uint64_t rate = px_tally_rate(t, row->count, duration_ns);
	uint64_t us = (px_tally_at(row, 950) + 500) / 1000;
	int err = map_quoted(out, row->part[PX_MAP_PROTO], is_dot);

	if (!err)
		err = px_buf_printf(out, " %llu.%llu/s, %llu messages",
				    (unsigned long long)(rate / 1000),
				    (unsigned long long)(rate % 1000 / 100),
				    (unsigned long long)row->count);
	if (!err && row->errors)
		err = px_buf_printf(out, ", %llu errors", (unsigned long long)row->errors);
	if (!err && row->times.count)
		err = px_buf_printf(out, ", p95 %llu.%03llums", (unsigned long long)(us / 1000),
				    (unsigned long long)(us % 1000));
	return err;
}

static int map_edges(struct px_buf *out, const struct px_tally *t, struct map_nodes *n, bool is_dot,
		     uint64_t duration_ns)
{
	int err = 0;

	for (size_t i = 0; !err && i < t->count; i++) {
		const struct px_tally_row *row = t->rows[i];
		bool is_server = px_bytes_eq(row->part[PX_MAP_ROLE], PX_BYTES("server"));
		size_t who = map_node(n, row->part[PX_MAP_WHO], true);
		size_t peer = map_node(n, row->part[PX_MAP_PEER], false);

		err = px_buf_printf(out, is_dot ? "\tn%zu -> n%zu [label=\"" : "\tn%zu -->|\"",
				    is_server ? peer : who, is_server ? who : peer);
		if (!err)
			err = map_label(out, t, row, is_dot, duration_ns);
		if (!err && is_dot)
			err = px_buf_printf(out, "\"%s];\n", row->errors ? " color=red" : "");
		else if (!err)
			err = px_buf_printf(out, "\"| n%zu\n", is_server ? who : peer);
	}
	return err;
}

int px_map_print(struct px_buf *out, const struct px_tally *t, bool is_dot, uint64_t duration_ns)
{
	struct map_nodes n = { .node = calloc(2 * t->count + 1, sizeof(*n.node)) };
	int err = px_buf_printf(out,
				is_dot ? "digraph pxtrace {\n\trankdir=LR;\n" : "flowchart LR\n");

	if (!n.node)
		return -ENOMEM;
	for (size_t i = 0; i < t->count; i++) {
		map_node(&n, t->rows[i]->part[PX_MAP_WHO], true);
		map_node(&n, t->rows[i]->part[PX_MAP_PEER], false);
	}
	for (size_t i = 0; !err && i < n.count; i++) {
		err = px_buf_printf(out,
				    is_dot		   ? "\tn%zu [label=\""
				    : n.node[i].is_process ? "\tn%zu[\""
							   : "\tn%zu([\"",
				    i);
		if (!err)
			err = map_quoted(out, n.node[i].name, is_dot);
		if (!err && is_dot)
			err = px_buf_printf(out, "\" shape=%s];\n",
					    n.node[i].is_process ? "box" : "ellipse");
		else if (!err)
			err = px_buf_printf(out, n.node[i].is_process ? "\"]\n" : "\"])\n");
	}
	if (!err)
		err = map_edges(out, t, &n, is_dot, duration_ns);
	if (!err && is_dot)
		err = px_buf_printf(out, "}\n");
	free(n.node);
	return err;
}
