/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records as JSON Lines. A record is put together in one buffer, in which room is made before each
 * value, so that the writing itself needs no checks; every member brings its comma along, and the
 * first one's becomes the brace.
 */
#include "sink/sink_json.h"

#include <stdlib.h>

#include "sink/emit.h"
#include "sink/escape.h"
#include "sink/pick.h"
#include "sink/when.h"

#define JSON_RECORD_MAX ((size_t)1 << 30)	/* of one record; bodies that are kept whole can be large */
#define JSON_KEPT ((size_t)1 << 20)		/* a buffer that grew beyond this is given back */
#define JSON_CHUNK ((size_t)64 << 10)		/* longer texts are escaped in pieces, for the sake of room */
#define JSON_SAFE_INT (INT64_C(1) << 53)	/* readers that keep numbers as doubles lose the last digits above */
#define JSON_TABLES 32				/* protocols whose keys are kept ready at the same time */
#define JSON_KEY 32	/* a member's name that is kept ready, its comma, quotes and colon */
#define JSON_SCALAR 40	/* the longest value that is no text: a time in quotes */

/*
 * ,"name": ready to be copied; in blocks of one size, which the compiler turns into a few stores.
 */
struct json_key {
	char text[JSON_KEY];
	size_t len;	/* 0: the name is too long for this */
	struct px_bytes name;
	struct json_key *members;	/* of objects */
};

struct json_table {
	const struct px_field *fields;
	uint64_t own_mask, req_mask, resp_mask;	/* which bits of has_proto belong to which side */
	struct json_key keys[PX_PROTO_FIELDS_MAX];
};

struct json_sink {
	struct px_sink base;
	struct px_out *out;
	struct px_pick *pick;	/* fields that are shown; NULL: all */
	struct px_buf buf;
	struct px_when when;
	struct json_key common[PX_COMMON_COUNT];
	struct json_table *tables[JSON_TABLES];
};

static void json_key_init(struct json_key *key, const char *name)
{
	size_t n = strlen(name);
	char *p = key->text;

	*key = (struct json_key){ .name = { name, n } };
	if (n > JSON_KEY - 4)
		return;
	p = px_emit_lit(p, ",\"");
	p = px_emit_bytes(p, px_bytes_of(name, n));
	p = px_emit_lit(p, "\":");
	key->len = (size_t)(p - key->text);
}

static void json_table_free(struct json_table *t)
{
	if (!t)
		return;
	for (unsigned int i = 0; i < PX_PROTO_FIELDS_MAX; i++)
		free(t->keys[i].members);
	free(t);
}

/* The keys of objects; false without memory. */
static bool json_key_members(struct json_key *key, const struct px_field *members)
{
	key->members = calloc(PX_MEMBERS_MAX, sizeof(*key->members));
	if (!key->members)
		return false;
	for (unsigned int i = 0; i < PX_MEMBERS_MAX && members[i].type != PX_TYPE_NONE; i++)
		json_key_init(&key->members[i], members[i].name);
	return true;
}

static struct json_table *json_table_new(const struct px_field *fields)
{
	struct json_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->fields = fields;
	for (unsigned int i = 0; i < PX_PROTO_FIELDS_MAX && fields[i].type != PX_TYPE_NONE; i++) {
		json_key_init(&t->keys[i], fields[i].name);
		if (fields[i].type == PX_TYPE_OBJECTS &&
		    !json_key_members(&t->keys[i], fields[i].members)) {
			json_table_free(t);
			return NULL;
		}
		if (fields[i].side == PX_SIDE_REQ)
			t->req_mask |= (uint64_t)1 << i;
		else if (fields[i].side == PX_SIDE_RESP)
			t->resp_mask |= (uint64_t)1 << i;
		else
			t->own_mask |= (uint64_t)1 << i;
	}
	return t;
}

static const struct json_table *json_table(struct json_sink *s, const struct px_field *fields)
{
	size_t i = 0;

	while (i < JSON_TABLES - 1 && s->tables[i] && s->tables[i]->fields != fields)
		i++;
	if (!s->tables[i] || s->tables[i]->fields != fields) {
		json_table_free(s->tables[i]); /* the last one makes way when there are too many */
		s->tables[i] = json_table_new(fields);
	}
	return s->tables[i];
}

/*
 * --- pieces ---
 * Each writes at p, in b, and returns the new end, or NULL where there is no room to be had. The
 * end is handed on in a register; kept in b->len, every value would wait for the one before it to
 * reach memory.
 */

static char *json_grow(struct px_buf *b, const char *p, size_t n)
{
	b->len = (size_t)(p - b->ptr);
	return px_buf_reserve(b, n) == 0 ? b->ptr + b->len : NULL;
}

/* Room for n bytes at p. */
static inline char *json_room(struct px_buf *b, char *p, size_t n)
{
	return (size_t)(b->ptr + b->cap - p) >= n ? p : json_grow(b, p, n);
}

/* What a text may take in quotes, whatever is in it. */
static inline size_t json_text_room(size_t len)
{
	return len * PX_JSON_GROWTH + PX_JSON_SLACK + 2;
}

/* The name of a map's member that is no text: its odd bytes as a person would write them. */
static char *json_odd_name(char *p, struct px_bytes name)
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.ptr[i];

		if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
			*p++ = (char)c;
			continue;
		}
		p = px_emit_lit(p, "\\\\x");
		*p++ = hex[c >> 4];
		*p++ = hex[c & 15];
	}
	return p;
}

/* ,"NAME": or, with a suffix, ,"NAME_b64": */
static char *json_name(struct px_buf *b, char *p, struct px_bytes name, struct px_bytes suffix)
{
	char *end;

	p = json_room(b, p, json_text_room(name.len) + suffix.len + 2);
	if (!p)
		return NULL;
	p = px_emit_lit(p, ",\"");
	end = px_json_escape(p, name);
	p = end ? end : json_odd_name(p, name);
	p = px_emit_bytes(p, suffix);
	return px_emit_lit(p, "\":");
}

/* The same for a name of the registry, and room for n bytes behind it. */
static inline char *json_key(struct px_buf *b, char *p, const struct json_key *key, size_t n)
{
	p = json_room(b, p, JSON_KEY + n);
	if (!p)
		return NULL;
	if (key->len == 0) {
		p = json_name(b, p, key->name, PX_BYTES(""));
		return p ? json_room(b, p, n) : NULL;
	}
	memcpy(p, key->text, JSON_KEY);
	return p + key->len;
}

static char *json_base64(struct px_buf *b, char *p, struct px_bytes s)
{
	p = json_room(b, p, PX_BASE64_LEN(s.len) + 2);
	if (!p)
		return NULL;
	*p++ = '"';
	p = px_base64(p, s);
	*p++ = '"';
	return p;
}

/* A text of any length that is known to be UTF-8. */
static char *json_long_text(struct px_buf *b, char *p, struct px_bytes s)
{
	p = json_room(b, p, 1);
	if (!p)
		return NULL;
	*p++ = '"';
	while (s.len > 0) {
		size_t n = s.len < JSON_CHUNK ? s.len : JSON_CHUNK;

		/* Not within a character: back to where one begins. */
		while (n < s.len && ((unsigned char)s.ptr[n] & 0xc0) == 0x80)
			n--;
		p = json_room(b, p, json_text_room(n));
		if (!p)
			return NULL;
		p = px_json_escape(p, px_bytes_of(s.ptr, n));
		s.ptr += n;
		s.len -= n;
	}
	*p++ = '"';
	return p;
}

/* ,"NAME":"text" or ,"NAME_b64":"..." */
static char *json_long_member(struct px_buf *b, char *p, struct px_bytes name,
			      struct px_bytes value)
{
	bool is_text = px_utf8_valid(value);

	p = json_name(b, p, name, is_text ? PX_BYTES("") : PX_BYTES("_b64"));
	if (!p)
		return NULL;
	return is_text ? json_long_text(b, p, value) : json_base64(b, p, value);
}

/*
 * For all but very long values it is cheaper to try and find out that they are no text than to look
 * first.
 */
static char *json_str(struct px_buf *b, char *p, const struct json_key *key, struct px_bytes value)
{
	size_t begin = (size_t)(p - b->ptr);

	if (value.len > JSON_CHUNK)
		return json_long_member(b, p, key->name, value);
	p = json_key(b, p, key, json_text_room(value.len));
	if (!p)
		return NULL;
	*p = '"';
	p = px_json_escape(p + 1, value);
	if (!p)
		return json_long_member(b, b->ptr + begin, key->name, value);
	*p = '"';
	return p + 1;
}

/*
 * Members were written from `begin` on, each with a comma in front: make an object, or a list, of
 * them.
 */
static char *json_close(struct px_buf *b, char *p, size_t begin, const char brackets[2])
{
	p = json_room(b, p, 2);
	if (!p)
		return NULL;
	if (p == b->ptr + begin)
		p++;
	b->ptr[begin] = brackets[0];
	*p = brackets[1];
	return p + 1;
}

static char *json_map(struct px_buf *b, char *p, const struct px_value *v)
{
	size_t begin = (size_t)(p - b->ptr);

	for (size_t i = 0; i < v->map.count; i++) {
		struct px_bytes name = v->map.pairs[i].name, value = v->map.pairs[i].value;
		char *end;

		if (value.len > JSON_CHUNK) {
			p = json_long_member(b, p, name, value);
			if (!p)
				return NULL;
			continue;
		}
		p = json_room(b, p, json_text_room(name.len) + json_text_room(value.len) + 2);
		if (!p)
			return NULL;
		end = px_json_escape(px_emit_lit(p, ",\""), name);
		if (end)
			end = px_json_escape(px_emit_lit(end, "\":\""), value);
		if (end) {
			*end++ = '"';
			p = end;
			continue;
		}
		p = json_long_member(b, p, name, value);
		if (!p)
			return NULL;
	}
	return json_close(b, p, begin, "{}");
}

/*
 * All of the list is base64 where one item has to be, so that a reader needs to look at one key
 * only.
 */
static char *json_list(struct px_buf *b, char *p, const struct json_key *key,
		       const struct px_value *v)
{
	bool as_base64 = false;
	size_t begin;

	for (size_t i = 0; !as_base64 && i < v->list.count; i++)
		as_base64 = v->list.items[i].len && !px_utf8_valid(v->list.items[i]);
	p = json_name(b, p, key->name, as_base64 ? PX_BYTES("_b64") : PX_BYTES(""));
	if (!p)
		return NULL;
	begin = (size_t)(p - b->ptr);
	for (size_t i = 0; i < v->list.count; i++) {
		struct px_bytes item = v->list.items[i];

		p = json_room(b, p, strlen(",null"));
		if (!p)
			return NULL;
		*p++ = ',';
		if (!item.ptr)
			p = px_emit_lit(p, "null");
		else
			p = as_base64 ? json_base64(b, p, item) : json_long_text(b, p, item);
		if (!p)
			return NULL;
	}
	return json_close(b, p, begin, "[]");
}

static char *json_int(char *p, const struct px_field *f, int64_t i)
{
	/* A quantity stays a number however large; without a unit such a number is an id. */
	bool is_text = !f->unit && (i > JSON_SAFE_INT || i < -JSON_SAFE_INT);

	if (!is_text)
		return px_emit_i64(p, i);
	*p = '"';
	p = px_emit_i64(p + 1, i);
	*p = '"';
	return p + 1;
}

static char *json_objects(struct json_sink *s, char *p, const struct json_key *key,
			  const struct px_field *f, const struct px_value *v);

static inline __attribute__((always_inline)) char *json_field(struct json_sink *s, char *p,
							      const struct json_key *key,
							      const struct px_field *f,
							      const struct px_value *v)
{
	struct px_buf *b = &s->buf;

	if (!v->is_null && (f->type == PX_TYPE_STR || f->type == PX_TYPE_BODY))
		return json_str(b, p, key, v->s);
	if (!v->is_null && f->type == PX_TYPE_LIST)
		return json_list(b, p, key, v);
	p = json_key(b, p, key, JSON_SCALAR);
	if (!p)
		return NULL;
	if (v->is_null)
		return px_emit_lit(p, "null");
	switch (f->type) {
	case PX_TYPE_INT:
		return json_int(p, f, v->i);
	case PX_TYPE_DECIMAL:
		p = px_emit_i64(p, v->i / 1000);
		*p++ = '.';
		return px_emit_3(p, (unsigned int)(v->i % 1000));
	case PX_TYPE_BOOL:
		return v->b ? px_emit_lit(p, "true") : px_emit_lit(p, "false");
	case PX_TYPE_TIME:
		*p = '"';
		p = px_when_utc(&s->when, p + 1, v->i);
		*p = '"';
		return p + 1;
	case PX_TYPE_MAP:
		return json_map(b, p, v);
	case PX_TYPE_OBJECTS:
		return json_objects(s, p, key, f, v);
	default:
		return NULL;
	}
}

/*
 * Those of the fields that have a bit in mask, in the table's order. One loop for all, with
 * json_field() inside it.
 */
static char *json_fields(struct json_sink *s, char *p, uint64_t mask, const struct json_key *keys,
			 const struct px_field *fields, const struct px_value *values)
{
	for (; p && mask; mask &= mask - 1) {
		unsigned int i = (unsigned int)__builtin_ctzll(mask);

		p = json_field(s, p, &keys[i], &fields[i], &values[i]);
	}
	return p;
}

/* [{"a":1},{"a":2}] behind the key. */
static char *json_objects(struct json_sink *s, char *p, const struct json_key *key,
			  const struct px_field *f, const struct px_value *v)
{
	struct px_buf *b = &s->buf;
	size_t begin = (size_t)(p - b->ptr);

	for (size_t i = 0; i < v->objects.count; i++) {
		const struct px_object *o = &v->objects.items[i];
		size_t object;

		p = json_room(b, p, 1);
		if (!p)
			return NULL;
		*p++ = ',';
		object = (size_t)(p - b->ptr);
		p = json_fields(s, p, o->has, key->members, f->members, o->values);
		if (p)
			p = json_close(b, p, object, "{}");
		if (!p)
			return NULL;
	}
	return json_close(b, p, begin, "[]");
}

/* ,"req":{...} */
static char *json_side(struct json_sink *s, char *p, const struct px_record *r,
		       const struct json_table *t, uint64_t wanted, bool is_req)
{
	bool is_there = is_req ? r->has_req : r->has_resp;
	size_t begin;

	p = json_room(&s->buf, p, JSON_KEY);
	if (!p)
		return NULL;
	p = is_req ? px_emit_lit(p, ",\"req\":") : px_emit_lit(p, ",\"resp\":");
	if (!is_there)
		return px_emit_lit(p, "null");
	begin = (size_t)(p - s->buf.ptr);
	if (t)
		p = json_fields(s, p, r->has_proto & wanted, t->keys, t->fields, r->proto);
	return p ? json_close(&s->buf, p, begin, "{}") : NULL;
}

/* The record as one line in s->buf; false where there was no memory for it. */
static bool json_compose(struct json_sink *s, const struct px_record *r)
{
	static const uint64_t always = (uint64_t)1 << PX_F_TYPE;
	const struct px_pick_table *picked = NULL;
	const struct json_table *t = NULL;
	uint64_t own, req = 0, resp = 0;
	char *p;

	if (s->pick && (r->type == PX_RECORD_MESSAGE || r->type == PX_RECORD_OPEN ||
			r->type == PX_RECORD_CLOSE || r->type == PX_RECORD_TLS))
		picked = px_pick_table(s->pick, r);
	s->buf.len = 0;
	if (px_buf_reserve(&s->buf, JSON_KEY) != 0)
		return false;
	p = s->buf.ptr;
	p = json_fields(s, p, picked ? r->has_common & (picked->common | always) : r->has_common,
			s->common, px_common_fields, r->common);
	if (!p)
		return false;
	if (r->fields) {
		t = json_table(s, r->fields);
		if (!t)
			return false;
		own = t->own_mask & (picked ? picked->proto : UINT64_MAX);
		p = json_fields(s, p, r->has_proto & own, t->keys, t->fields, r->proto);
		if (!p)
			return false;
	}
	if (r->type == PX_RECORD_MESSAGE) {
		if (t) {
			req = t->req_mask & (picked ? picked->proto : UINT64_MAX);
			resp = t->resp_mask & (picked ? picked->proto : UINT64_MAX);
		}
		if (!picked || req)
			p = json_side(s, p, r, t, req, true);
		if (p && (!picked || resp))
			p = json_side(s, p, r, t, resp, false);
		if (!p)
			return false;
	}
	p = json_close(&s->buf, p, 0, "{}");
	if (p)
		p = json_room(&s->buf, p, 1);
	if (!p)
		return false;
	*p++ = '\n';
	s->buf.len = (size_t)(p - s->buf.ptr);
	return true;
}

static int json_record(struct px_sink *base, const struct px_record *r)
{
	struct json_sink *s = (struct json_sink *)base;
	int err = 0;

	if (json_compose(s, r))
		err = px_out_record(s->out, px_buf_bytes(&s->buf));
	else
		px_out_drop(s->out);
	if (s->buf.cap > JSON_KEPT)
		px_buf_fini(&s->buf);
	return err;
}

static int json_flush(struct px_sink *base)
{
	return px_out_flush(((struct json_sink *)base)->out);
}

static int json_free(struct px_sink *base)
{
	struct json_sink *s = (struct json_sink *)base;
	int err = px_out_finish(s->out, PX_SINK_END_MS);

	for (size_t i = 0; i < JSON_TABLES; i++)
		json_table_free(s->tables[i]);
	px_buf_fini(&s->buf);
	free(s);
	return err;
}

static const struct px_sink_ops json_ops = {
	.record = json_record,
	.flush = json_flush,
	.free = json_free,
};

struct px_sink *px_sink_json_new(struct px_out *out)
{
	struct json_sink *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->base.ops = &json_ops;
	s->out = out;
	s->buf = px_buf_of(JSON_RECORD_MAX);
	for (size_t i = 0; i < PX_COMMON_COUNT; i++)
		json_key_init(&s->common[i], px_common_fields[i].name);
	return &s->base;
}

void px_sink_json_pick(struct px_sink *base, struct px_pick *pick)
{
	((struct json_sink *)base)->pick = pick;
}
