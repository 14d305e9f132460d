/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of functions that every Go program has in it, stripped or not (.gopclntab: the runtime
 * needs it for its stacks), in its four formats. Files may be anybody's: nothing in them is believed.
 */
#ifndef PX_CAPTURE_GO_TABLE_H
#define PX_CAPTURE_GO_TABLE_H

#include "base/bytes.h"

/* Formats, by the first version of Go that writes them. */
enum px_go_format {
	PX_GO_1_2 = 2,
	PX_GO_1_16 = 16,
	PX_GO_1_18 = 18,
	PX_GO_1_20 = 20,
};

struct px_go_table {
	struct px_bytes data;	/* borrowed */
	enum px_go_format format;
	uint64_t count;		/* functions */
	uint64_t names;		/* offset of their names */
	uint64_t functions;	/* offset of the sorted entries, and what their offsets count from */
	size_t width;		/* bytes of a number in an entry */
};

struct px_go_function {
	uint64_t start, end;	/* addresses; from format 1.18 on counted from that of the text */
};

/* Returns 0, or -1 where data is no such table of a 64-bit program in this machine's byte order. */
PX_MUST_USE int px_go_table_open(struct px_go_table *t, struct px_bytes data);

/* A function by its full name, "crypto/tls.(*Conn).Read". False: there is none. */
PX_MUST_USE bool px_go_table_find(const struct px_go_table *t, const char *name,
				  struct px_go_function *out);

#endif
