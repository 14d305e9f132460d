/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thing to tell the user: a finished exchange, or a start, open, close, tls, lost, note, stop
 * record.
 */
#ifndef PX_RECORD_RECORD_H
#define PX_RECORD_RECORD_H

#include "base/arena.h"
#include "base/bytes.h"
#include "record/field.h"

enum px_record_type {
	PX_RECORD_START,
	PX_RECORD_MESSAGE,
	PX_RECORD_OPEN,
	PX_RECORD_CLOSE,
	PX_RECORD_TLS,
	PX_RECORD_LOST,
	PX_RECORD_NOTE,
	PX_RECORD_STOP,
	PX_RECORD_SUMMARY,	/* a row of -S: its fields are keys of the record itself */
};

struct px_pair {
	struct px_bytes name, value;
};

struct px_object;

/* Which member counts is said by the type of the field that it belongs to. */
struct px_value {
	bool is_null;
	union {
		int64_t i;
		bool b;
		struct px_bytes s;
		struct {
			const struct px_pair *pairs;
			size_t count;
		} map;
		struct {
			const struct px_bytes *items;	/* an item with ptr NULL is null; an empty text has a ptr */
			size_t count;
		} list;
		struct {
			const struct px_object *items;
			size_t count;
		} objects;
	};
};

/* One of PX_TYPE_OBJECTS. */
struct px_object {
	uint64_t has;			/* a bit for each member that is present */
	const struct px_value *values;	/* by index into px_field.members */
};

#define PX_PROTO_FIELDS_MAX 64

/*
 * What was on the wire of one side, for -A, -x, -X: up to two pieces, secrets already overwritten.
 */
struct px_raw {
	struct px_bytes head, body;
	bool is_cut;
};

/* flags[] of the record, the bits of px_record_flags(); the names are in record.c */
enum px_flag {
	PX_FLAG_TRUNCATED = 1 << 0,
	PX_FLAG_ABORTED = 1 << 1,
	PX_FLAG_MID_STREAM = 1 << 2,
	PX_FLAG_GAP = 1 << 3,
	PX_FLAG_NOREPLY = 1 << 4,
	PX_FLAG_UNPAIRED = 1 << 5,
	PX_FLAG_REDACTED = 1 << 6,
};
#define PX_FLAG_COUNT 7

/*
 * A record is lent to the sinks for the length of one call. It is filled through the px_record_set
 * functions, which mark a value as present. Views in it live in the frames of the exchange or in
 * `arena`.
 */
struct px_record {
	enum px_record_type type;
	const struct px_field *fields;	/* of the protocol; NULL for records that belong to none */
	uint64_t has_common;
	uint64_t has_proto;
	bool has_req, has_resp;		/* false: null in JSON */
	bool want_summary;		/* set before describe(): the summary will be looked at */
	bool no_redact;			/* set before describe(): leave secrets as they are */
	bool redact_literals;		/* set before describe(): literals in SQL and parameter values go, too */
	bool no_details;		/* set before describe(): of the fields only `bytes` will be looked at */
	struct px_bytes summary;	/* free text that ends the text line, no control characters escaped yet */
	struct px_raw raw_req, raw_resp;
	struct px_arena *arena;		/* for what describe() has to build; emptied after the sinks returned */
	struct px_value common[PX_COMMON_COUNT];
	struct px_value proto[PX_PROTO_FIELDS_MAX];
	unsigned int flags;		/* enum px_flag, for who wants them without looking at texts */
	struct px_bytes flag_names[PX_FLAG_COUNT];	/* what the value of PX_F_FLAGS points to */
};

/*
 * Empty the record for reuse: of what was in it only what is set before describe() and the arena
 * stay, and the arena is reset. `type` is set and `ok` is true, as every record has both.
 */
void px_record_clear(struct px_record *r, enum px_record_type type);

/*
 * The place of a value, marked as present, for the caller to fill. Its member is written there at
 * once: a whole value copied from where it was just put together would have to wait for its pieces
 * to reach memory.
 */
static inline struct px_value *px_record_at(struct px_record *r, enum px_common f)
{
	r->has_common |= (uint64_t)1 << f;
	r->common[f].is_null = false;
	return &r->common[f];
}

static inline void px_record_set(struct px_record *r, enum px_common f, struct px_value v)
{
	*px_record_at(r, f) = v;
}

static inline bool px_record_has(const struct px_record *r, enum px_common f)
{
	return r->has_common >> f & 1;
}

static inline void px_record_int(struct px_record *r, enum px_common f, int64_t i)
{
	px_record_at(r, f)->i = i;
}

static inline void px_record_str(struct px_record *r, enum px_common f, struct px_bytes s)
{
	px_record_at(r, f)->s = s;
}

static inline void px_record_bool(struct px_record *r, enum px_common f, bool b)
{
	px_record_at(r, f)->b = b;
}

static inline void px_record_null(struct px_record *r, enum px_common f)
{
	px_record_at(r, f)->is_null = true;
}

/* The same for a protocol's own fields: f is the index into r->fields. */
static inline struct px_value *px_record_place(struct px_record *r, unsigned int f)
{
	r->has_proto |= (uint64_t)1 << f;
	r->proto[f].is_null = false;
	return &r->proto[f];
}

static inline void px_record_put(struct px_record *r, unsigned int f, struct px_value v)
{
	*px_record_place(r, f) = v;
}

static inline void px_record_put_int(struct px_record *r, unsigned int f, int64_t i)
{
	px_record_place(r, f)->i = i;
}

static inline void px_record_put_str(struct px_record *r, unsigned int f, struct px_bytes s)
{
	px_record_place(r, f)->s = s;
}

static inline void px_record_put_bool(struct px_record *r, unsigned int f, bool b)
{
	px_record_place(r, f)->b = b;
}

static inline void px_record_put_map(struct px_record *r, unsigned int f,
				     const struct px_pair *pairs, size_t count)
{
	struct px_value *v = px_record_place(r, f);

	v->map.pairs = pairs;
	v->map.count = count;
}

static inline void px_record_put_objects(struct px_record *r, unsigned int f,
					 const struct px_object *items, size_t count)
{
	struct px_value *v = px_record_place(r, f);

	v->objects.items = items;
	v->objects.count = count;
}

/* Set PX_F_FLAGS, and r->flags, from a set of px_flag bits; no memory is needed. */
void px_record_flags(struct px_record *r, unsigned int flags);

/* The name of the flag with this bit number. */
struct px_bytes px_record_flag_name(unsigned int bit);

/* Set PX_F_TS and PX_F_TS_US; wall_ns is nanoseconds since 1970. */
void px_record_time(struct px_record *r, int64_t wall_ns);

/* The value that a name found by px_field_find() has in this record, or NULL where it is absent. */
const struct px_value *px_record_get(const struct px_record *r, const struct px_field_ref *ref);

#endif
