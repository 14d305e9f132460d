/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of records as JSON, in a buffer in which room is made before each value, so that the
 * writing itself needs no checks. Every member brings its comma along; the first one's becomes the
 * brace.
 */
#ifndef PX_SINK_JSON_VALUE_H
#define PX_SINK_JSON_VALUE_H

#include "record/record.h"
#include "sink/when.h"

#define PX_JSON_KEY 32	/* a member's name that is kept ready, its comma, quotes and colon */

/*
 * ,"name": ready to be copied; in blocks of one size, which the compiler turns into a few stores.
 */
struct px_json_key {
	char text[PX_JSON_KEY];
	size_t len;	/* 0: the name is too long for this */
	struct px_bytes name;
	struct px_json_key *members;	/* of objects */
};

/* The key of a field, and those of its members. Returns false without memory. */
PX_MUST_USE bool px_json_key_init(struct px_json_key *key, const struct px_field *f);
void px_json_key_fini(struct px_json_key *key);

struct px_json {
	struct px_buf buf;
	struct px_when when;
};

/*
 * --- pieces ---
 * Each writes at p, in the buffer, and returns the new end, or NULL where there is no room to be
 * had. The end is handed on in a register; kept in buf.len, every value would wait for the one
 * before it to reach memory.
 */

char *px_json_grow(struct px_buf *b, const char *p, size_t n);

/* Room for n bytes at p. */
static inline char *px_json_room(struct px_buf *b, char *p, size_t n)
{
	return (size_t)(b->ptr + b->cap - p) >= n ? p : px_json_grow(b, p, n);
}

/*
 * Those of the fields that have a bit in mask, in the table's order, each with its comma in front.
 */
char *px_json_fields(struct px_json *j, char *p, uint64_t mask, const struct px_json_key *keys,
		     const struct px_field *fields, const struct px_value *values);

/*
 * Members were written from `begin` on, each with a comma in front: make an object, or a list, of
 * them.
 */
char *px_json_close(struct px_buf *b, char *p, size_t begin, const char brackets[2]);

/*
 * Append a value that is a map, a list or objects to the buffer, without its name. A list of which
 * one item is no text becomes {"b64":[...]}, as there is no name to say so. Returns false without
 * memory.
 */
PX_MUST_USE bool px_json_structure(struct px_json *j, const struct px_json_key *key,
				   const struct px_field *f, const struct px_value *v);

#endif
