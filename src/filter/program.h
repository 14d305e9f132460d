/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the filter share: the tree that is read, and the program that is made of it. */
#ifndef PX_FILTER_PROGRAM_H
#define PX_FILTER_PROGRAM_H

#include "filter/filter.h"
#include "filter/regex.h"

#define FILTER_NODES_MAX 512
#define FILTER_VALUES_MAX 256 /* of one list */
#define FILTER_DEPTH_MAX 64 /* parentheses and nots within one another */
#define FILTER_ACCEPT 0xffff
#define FILTER_REJECT 0xfffe

enum filter_op {
	FILTER_HAS, /* a name alone: true, or there */
	FILTER_EQ, /* also `in`: one of the values */
	FILTER_LT,
	FILTER_LE,
	FILTER_GT,
	FILTER_GE,
	FILTER_MATCH,
	FILTER_CONTAINS,
};

enum filter_about {
	FILTER_ABOUT_FIELD,
	FILTER_ABOUT_PORT, /* of either end */
	FILTER_ABOUT_HOST, /* address of either end */
};

/* A number as it was written, in digits and perhaps a fraction. */
struct filter_number {
	bool is_there;
	bool is_int; /* exact in i */
	bool is_rough; /* of more digits than d can tell apart */
	int64_t i;
	double d;
};

/* What stands to the right of an operator. */
struct filter_value {
	struct px_bytes text;
	size_t at; /* where it stands in the expression */
	struct filter_number number; /* "500", "1.5", "-1" */
	struct filter_number bytes; /* "16kB"; a plain number too */
	struct filter_number ns; /* "200ms"; a time for fields of this kind */
	bool is_true, is_false;
	struct px_net net; /* FILTER_ABOUT_HOST */
	char addr[48]; /* the same as the text of an address, where all its bits count; else "" */
};

/* Where a field is in the records of one table of fields. */
struct filter_slot {
	const struct px_field *field; /* NULL: nowhere */
	const struct px_field *member_field; /* of objects */
	uint8_t index, member_index;
	bool is_common;
	int64_t ns_per_unit; /* 0: its unit is none of time */
};

enum filter_pattern { FILTER_REGEX, FILTER_ANYWHERE, FILTER_AT_START, FILTER_AT_END, FILTER_WHOLE };

struct filter_test {
	enum filter_about about;
	enum filter_op op;
	bool is_negated; /* != !~: what is absent is false all the same */
	bool in_ns; /* the values are times */
	struct px_bytes name; /* of the field, as it was written */
	struct px_bytes member; /* of a map, lower case */
	struct filter_slot *slots; /* by table of fields, the first one for records without */
	struct filter_value *values;
	size_t value_count;
	enum filter_pattern pattern;
	struct px_bytes literal; /* of a pattern that is no regular expression, or hardly */
	struct filter_regex *regex;
	uint16_t yes, no; /* the test that comes next */
};

enum filter_node_kind { FILTER_NODE_TEST, FILTER_NODE_NOT, FILTER_NODE_AND, FILTER_NODE_OR };

struct filter_node {
	enum filter_node_kind kind;
	uint16_t left, right; /* nodes */
	uint16_t test; /* of FILTER_NODE_TEST */
};

struct px_filter {
	char *text; /* as it was given */
	char *line; /* without comments and line breaks */
	size_t line_len;
	struct px_arena_pool arenas;
	struct px_arena arena; /* names, texts, values, slots */
	const struct px_field_group *protocols; /* while it is read */
	size_t protocol_count;
	const struct px_field *tables[1 + PX_FILTER_PROTOCOLS_MAX]; /* of their fields; the first one NULL */
	size_t table_count;
	size_t last_table; /* where the table of the record before was found */
	struct filter_node nodes[FILTER_NODES_MAX];
	size_t node_count;
	struct filter_test *tests;
	size_t test_count;
	struct filter_value scratch[FILTER_VALUES_MAX]; /* the values of the test that is being read */
	uint16_t root; /* node */
	uint16_t first; /* test */
	bool wants_details;
};

struct filter_parser;

/*
 * A message about text[at, at + len), with the line and a caret. Returns -1. cure: NULL for none.
 */
PX_PRINTF(5, 6)
int filter_error(struct filter_parser *p, size_t at, size_t len, const char *cure, const char *fmt,
		 ...);

struct filter_parser {
	struct px_filter *filter;
	const char *file; /* NULL: the command line */
	struct px_bytes text;
	size_t pos;
	size_t lined;	/* up to here it is in filter->line, comments and more than one blank left out */
	unsigned int depth;
	struct px_error *err;
};

/* Is there nothing but blanks and comments? */
bool filter_is_empty(struct filter_parser *p);

/* Read the whole text into nodes, tests and the line. Returns 0 or -1. */
PX_MUST_USE int filter_parse(struct filter_parser *p);

/*
 * Find the fields that a test is about, and make its values what they are compared as. at: where
 * its name stands. Returns 0 or -1.
 */
PX_MUST_USE int filter_bind(struct filter_parser *p, struct filter_test *t, size_t at);

/* Is there a field or protocol of this name? */
bool filter_knows(const struct px_filter *f, struct px_bytes name);
bool filter_is_protocol(const struct px_filter *f, struct px_bytes name);

/*
 * "did you mean NAME?" into out, or what lists all of them. is_alone: nothing is compared with it,
 * so it may be meant as the name of a process.
 */
const char *filter_suggest(const struct px_filter *f, struct px_bytes name, bool is_alone,
			   char *out, size_t size);

/* [+-]digits[.digits], and nothing else. */
struct filter_number filter_number_of(struct px_bytes text);

#endif
