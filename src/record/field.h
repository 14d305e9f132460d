/* SPDX-License-Identifier: Apache-2.0 */
/* The field registry: name, type, unit and help of everything that a record can carry. */
#ifndef PX_RECORD_FIELD_H
#define PX_RECORD_FIELD_H

#include "base/buf.h"
#include "base/bytes.h"

enum px_type {
	PX_TYPE_NONE = 0,	/* ends a table */
	PX_TYPE_STR,		/* text; not valid UTF-8 becomes NAME_b64 in JSON */
	PX_TYPE_BODY,		/* as PX_TYPE_STR, but never shown in one-line texts */
	PX_TYPE_INT,		/* signed 64 bits */
	PX_TYPE_DECIMAL,	/* thousandths; JSON: a number with 3 decimals */
	PX_TYPE_BOOL,
	PX_TYPE_TIME,		/* nanoseconds since 1970; JSON: RFC 3339 UTC with 9 decimals */
	PX_TYPE_MAP,		/* names to texts */
	PX_TYPE_LIST,		/* texts */
	PX_TYPE_OBJECTS,	/* a list of objects, all with the same members */
	/* Of records that are made of rows: a text that is the value of one of the above in JSON. */
	PX_TYPE_JSON,
	PX_TYPE_JSON_LIST,	/* of a list; {"b64":[...]} where not all items are texts */
};

enum px_side {
	PX_SIDE_COMMON = 0,	/* a key of the record itself */
	PX_SIDE_REQ,		/* a key of its "req" object */
	PX_SIDE_RESP,
};

struct px_field {
	const char *name;	/* JSON key; SQL column and filter name are "req_" or "resp_" and it */
	enum px_type type;
	enum px_side side;
	const char *unit;	/* "ns", "us", "bytes" or NULL */
	const char *help;	/* one sentence, no full stop */
	/*
	 * PX_TYPE_OBJECTS: a table of its own, ended as all are, of at most PX_MEMBERS_MAX rows;
	 * not of maps or of objects again.
	 */
	const struct px_field *members;
};

#define PX_MEMBERS_MAX 16

/*
 * Keys of the record itself, in the order in which they are printed. Index into px_common_fields.
 */
enum px_common {
	PX_F_TYPE,
	PX_F_SEQ,
	PX_F_TS,
	PX_F_TS_US,
	PX_F_LATENCY_NS,
	PX_F_TTFB_NS,
	PX_F_PID,
	PX_F_TID,
	PX_F_UID,
	PX_F_COMM,
	PX_F_EXE,
	PX_F_CGROUP,
	PX_F_UNIT,
	PX_F_CONTAINER,
	PX_F_ROLE,
	PX_F_NET,
	PX_F_LOCAL_ADDR,
	PX_F_LOCAL_PORT,
	PX_F_REMOTE_ADDR,
	PX_F_REMOTE_PORT,
	PX_F_TLS,
	PX_F_TLS_LIB,
	PX_F_CONN,
	PX_F_STREAM,
	PX_F_PROTO,
	PX_F_OP,
	PX_F_TARGET,
	PX_F_OK,
	PX_F_STATUS,
	PX_F_ERROR,
	PX_F_FLAGS,
	PX_F_DIR,
	PX_F_TRACE_ID,
	PX_F_SPAN_ID,
	/* start */
	PX_F_V,
	PX_F_VERSION,
	PX_F_HOST,
	PX_F_KERNEL,
	PX_F_PROBE,
	PX_F_TRANSPORT,
	PX_F_TARGETS,
	PX_F_FILTER,
	/* open, close */
	PX_F_CONNECT_NS,
	PX_F_DURATION_NS,
	PX_F_BYTES_SENT,
	PX_F_BYTES_RECEIVED,
	PX_F_MESSAGES,
	PX_F_ERRORS,
	PX_F_LOST_BYTES,
	/* lost, note */
	PX_F_EVENTS,
	PX_F_BYTES,
	PX_F_WHERE,
	PX_F_WHAT,
	PX_F_TEXT,
	/* stop */
	PX_F_REASON,
	PX_F_CONNECTIONS,
	PX_F_LOST_EVENTS,
	PX_F_NOT_UNDERSTOOD,
	PX_COMMON_COUNT,
};
_Static_assert(PX_COMMON_COUNT <= 64, "one bit each in px_record.has_common");

extern const struct px_field px_common_fields[PX_COMMON_COUNT + 1];

/* What a name stands for: a key of the record itself or one of its protocol's. */
struct px_field_ref {
	const struct px_field *field;
	unsigned int index;	/* into px_common_fields or into the protocol's table */
	bool is_common;
	/* Of a map, "host" in "req.headers.host", or of each object; empty: the field itself. */
	struct px_bytes member;
};

/*
 * Find a field as filters, --fields and SQL name it: "status", "req.method", "req_method",
 * "req.headers.host", "resp.answers.data"; a bare name is the common key, else the protocol's own
 * key of the record, else the request's, else the response's. Of a map any member is found, of
 * objects those that they can have.
 *
 * fields  the protocol's table, or NULL to look among the common keys only
 *
 * Returns false, *out untouched, where there is none.
 */
PX_MUST_USE bool px_field_find(struct px_bytes name, const struct px_field *fields,
			       struct px_field_ref *out);

/*
 * The same in messages, opened and closed connections: a common key that only other records have,
 * such as the `host` of a start record, gives way to the request's and the response's.
 */
PX_MUST_USE bool px_field_find_message(struct px_bytes name, const struct px_field *fields,
				       struct px_field_ref *out);

/* "string", "int", ...: the word for a type in --list-fields. */
const char *px_type_name(enum px_type type);

/* A protocol's name and its table, for lists of fields. */
struct px_field_group {
	const char *name;
	const struct px_field *fields;
	bool is_record;	/* they are not of messages, but of records of another kind */
};

/*
 * Append the list of all fields, a line each (name, type, unit, help), the common ones first, then
 * those of each group under a line with its name. Returns 0, -ENOBUFS or -ENOMEM.
 */
PX_MUST_USE int px_fields_print(struct px_buf *out, const struct px_field_group *groups,
				size_t count);

#endif
