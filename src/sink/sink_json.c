/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records as JSON Lines. A record is put together in one buffer, in which room is made before each value, so that the
 * writing itself needs no checks; every member brings its comma along, and the first one's becomes the brace.
 */
#include "sink/sink_json.h"

#include <errno.h>
#include <stdlib.h>

#include "sink/emit.h"
#include "sink/escape.h"
#include "sink/when.h"

#define JSON_RECORD_MAX ((size_t)1 << 30)	/* of one record; bodies that are kept whole can be large */
#define JSON_KEPT ((size_t)1 << 20)		/* a buffer that grew beyond this is given back */
#define JSON_CHUNK ((size_t)64 << 10)		/* longer texts are escaped in pieces, for the sake of room */
#define JSON_SAFE_INT (INT64_C(1) << 53)	/* readers that keep numbers as doubles lose the last digits above */
#define JSON_TABLES 32				/* protocols whose keys are kept ready at the same time */
#define JSON_KEY 48

/* ,"name": ready to be copied; in blocks of one size, which the compiler turns into a few stores. */
struct json_key {
	char text[JSON_KEY];
	size_t len;	/* 0: too long for this */
	struct px_bytes name;
};

struct json_table {
	const struct px_field *fields;
	uint64_t req_mask, resp_mask;	/* which bits of has_proto belong to which side */
	struct json_key keys[PX_PROTO_FIELDS_MAX];
};

struct json_sink {
	struct px_sink base;
	struct px_out *out;
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
	if (n + 4 > sizeof(key->text))
		return;
	p = px_emit_lit(p, ",\"");
	p = px_emit_bytes(p, px_bytes_of(name, n));
	p = px_emit_lit(p, "\":");
	key->len = (size_t)(p - key->text);
}

static struct json_table *json_table_new(const struct px_field *fields)
{
	struct json_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->fields = fields;
	for (unsigned int i = 0; i < PX_PROTO_FIELDS_MAX && fields[i].type != PX_TYPE_NONE; i++) {
		json_key_init(&t->keys[i], fields[i].name);
		if (fields[i].side == PX_SIDE_REQ)
			t->req_mask |= (uint64_t)1 << i;
		else if (fields[i].side == PX_SIDE_RESP)
			t->resp_mask |= (uint64_t)1 << i;
	}
	return t;
}

static const struct json_table *json_table(struct json_sink *s, const struct px_field *fields)
{
	size_t i = 0;

	while (i < JSON_TABLES - 1 && s->tables[i] && s->tables[i]->fields != fields)
		i++;
	if (!s->tables[i] || s->tables[i]->fields != fields) {
		free(s->tables[i]); /* the last one makes way when there are too many */
		s->tables[i] = json_table_new(fields);
	}
	return s->tables[i];
}

/* --- pieces; each returns 0, -ENOBUFS or -ENOMEM --- */

static inline int json_room(struct px_buf *b, size_t n)
{
	return b->cap - b->len >= n ? 0 : px_buf_reserve(b, n);
}

static inline char *json_end(struct px_buf *b)
{
	return b->ptr + b->len;
}

static inline void json_set_end(struct px_buf *b, const char *p)
{
	b->len = (size_t)(p - b->ptr);
}

/* ,"NAME": or, with a suffix, ,"NAME_b64": */
static int json_key_slow(struct px_buf *b, struct px_bytes name, struct px_bytes suffix)
{
	char *p, *end;
	int err = json_room(b, name.len * PX_JSON_GROWTH + suffix.len + 4 + PX_JSON_SLACK);

	if (err)
		return err;
	p = px_emit_lit(json_end(b), ",\"");
	end = px_json_escape(p, name);
	if (!end) {
		/* A member's name that is no text: its odd bytes as a person would write them. */
		static const char hex[] = "0123456789abcdef";

		end = p;
		for (size_t i = 0; i < name.len; i++) {
			unsigned char c = (unsigned char)name.ptr[i];

			if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
				*end++ = (char)c;
				continue;
			}
			end = px_emit_lit(end, "\\\\x");
			*end++ = hex[c >> 4];
			*end++ = hex[c & 15];
		}
	}
	p = px_emit_bytes(end, suffix);
	p = px_emit_lit(p, "\":");
	json_set_end(b, p);
	return 0;
}

static inline int json_key(struct px_buf *b, const struct json_key *key)
{
	int err;

	if (key->len == 0)
		return json_key_slow(b, key->name, PX_BYTES(""));
	err = json_room(b, JSON_KEY);
	if (err)
		return err;
	memcpy(json_end(b), key->text, JSON_KEY);
	b->len += key->len;
	return 0;
}

/* "text", for a text of any length that is known to be UTF-8. */
static int json_long_text(struct px_buf *b, struct px_bytes s)
{
	int err = json_room(b, 2);

	if (err)
		return err;
	b->ptr[b->len++] = '"';
	while (s.len > 0) {
		size_t n = s.len < JSON_CHUNK ? s.len : JSON_CHUNK;

		/* Not within a character: back to where one begins. */
		while (n < s.len && ((unsigned char)s.ptr[n] & 0xc0) == 0x80)
			n--;
		err = json_room(b, n * PX_JSON_GROWTH + PX_JSON_SLACK + 1);
		if (err)
			return err;
		json_set_end(b, px_json_escape(json_end(b), px_bytes_of(s.ptr, n)));
		s.ptr += n;
		s.len -= n;
	}
	b->ptr[b->len++] = '"';
	return 0;
}

/* "text"; *is_text false, and nothing written, where it is not UTF-8. */
static inline int json_text(struct px_buf *b, struct px_bytes s, bool *is_text)
{
	char *p;
	int err;

	if (s.len > JSON_CHUNK) {
		*is_text = px_utf8_valid(s);
		return *is_text ? json_long_text(b, s) : 0;
	}
	err = json_room(b, s.len * PX_JSON_GROWTH + PX_JSON_SLACK + 2);
	if (err)
		return err;
	p = json_end(b);
	*p = '"';
	p = px_json_escape(p + 1, s);
	*is_text = p != NULL;
	if (p) {
		*p++ = '"';
		json_set_end(b, p);
	}
	return 0;
}

static int json_base64(struct px_buf *b, struct px_bytes s)
{
	char *p;
	int err = json_room(b, PX_BASE64_LEN(s.len) + 2);

	if (err)
		return err;
	p = json_end(b);
	*p++ = '"';
	p = px_base64(p, s);
	*p++ = '"';
	json_set_end(b, p);
	return 0;
}

/* ,"name":"text" or ,"name_b64":"..."; key is NULL for names that are not in the registry */
static int json_member(struct px_buf *b, const struct json_key *key, struct px_bytes name, struct px_bytes value)
{
	size_t begin = b->len;
	bool is_text;
	int err = key ? json_key(b, key) : json_key_slow(b, name, PX_BYTES(""));

	if (!err)
		err = json_text(b, value, &is_text);
	if (err || is_text)
		return err;
	b->len = begin;
	err = json_key_slow(b, name, PX_BYTES("_b64"));
	return err ? err : json_base64(b, value);
}

static int json_literal(struct px_buf *b, struct px_bytes literal)
{
	return px_buf_append(b, literal);
}

/*
 * Members were written from `begin` on, each with a comma in front: make an object (or list) of them.
 */
static int json_close(struct px_buf *b, size_t begin, const char brackets[2])
{
	int err = json_room(b, 2);

	if (err)
		return err;
	if (b->len == begin)
		b->len++;
	b->ptr[begin] = brackets[0];
	b->ptr[b->len++] = brackets[1];
	return 0;
}

static int json_map(struct px_buf *b, const struct px_value *v)
{
	size_t begin = b->len;
	int err = 0;

	for (size_t i = 0; !err && i < v->map.count; i++)
		err = json_member(b, NULL, v->map.pairs[i].name, v->map.pairs[i].value);
	return err ? err : json_close(b, begin, "{}");
}

static int json_list(struct px_buf *b, const struct px_value *v, bool as_base64)
{
	size_t begin = b->len;
	int err = 0;

	for (size_t i = 0; !err && i < v->list.count; i++) {
		struct px_bytes item = v->list.items[i];
		bool is_text;

		err = json_literal(b, PX_BYTES(","));
		if (err)
			break;
		if (!item.ptr)
			err = json_literal(b, PX_BYTES("null"));
		else if (as_base64)
			err = json_base64(b, item);
		else
			err = json_text(b, item, &is_text);
	}
	return err ? err : json_close(b, begin, "[]");
}

/* All of the list is base64 where one item has to be, so that a reader needs to look at one key only. */
static int json_list_member(struct px_buf *b, const struct json_key *key, const struct px_value *v)
{
	bool as_base64 = false;
	int err;

	for (size_t i = 0; !as_base64 && i < v->list.count; i++)
		as_base64 = v->list.items[i].len && !px_utf8_valid(v->list.items[i]);
	err = as_base64 ? json_key_slow(b, key->name, PX_BYTES("_b64")) : json_key(b, key);
	return err ? err : json_list(b, v, as_base64);
}

static int json_int(struct px_buf *b, const struct px_field *f, int64_t i)
{
	/* A quantity stays a number however large; without a unit such a number is an id. */
	bool is_text = !f->unit && (i > JSON_SAFE_INT || i < -JSON_SAFE_INT);
	char *p;
	int err = json_room(b, PX_EMIT_INT_MAX + 2);

	if (err)
		return err;
	p = json_end(b);
	if (is_text)
		*p++ = '"';
	p = px_emit_i64(p, i);
	if (is_text)
		*p++ = '"';
	json_set_end(b, p);
	return 0;
}

static int json_field(struct json_sink *s, const struct json_key *key, const struct px_field *f,
		      const struct px_value *v)
{
	struct px_buf *b = &s->buf;
	int err;

	if (!v->is_null && (f->type == PX_TYPE_STR || f->type == PX_TYPE_BODY))
		return json_member(b, key, key->name, v->s);
	if (!v->is_null && f->type == PX_TYPE_LIST)
		return json_list_member(b, key, v);
	err = json_key(b, key);
	if (err)
		return err;
	if (v->is_null)
		return json_literal(b, PX_BYTES("null"));
	switch (f->type) {
	case PX_TYPE_INT:
		return json_int(b, f, v->i);
	case PX_TYPE_BOOL:
		return json_literal(b, v->b ? PX_BYTES("true") : PX_BYTES("false"));
	case PX_TYPE_TIME:
		err = json_room(b, PX_WHEN_UTC_LEN + 2);
		if (err)
			return err;
		*json_end(b) = '"';
		json_set_end(b, px_emit_lit(px_when_utc(&s->when, json_end(b) + 1, v->i), "\""));
		return 0;
	case PX_TYPE_MAP:
		return json_map(b, v);
	default:
		return -EINVAL;
	}
}

/* ,"req":{...}: the fields of one side, in the table's order. */
static int json_side(struct json_sink *s, const struct px_record *r, const struct json_table *t, bool is_there,
		     bool is_req)
{
	size_t begin;
	int err = json_literal(&s->buf, is_req ? PX_BYTES(",\"req\":") : PX_BYTES(",\"resp\":"));

	if (err)
		return err;
	if (!is_there)
		return json_literal(&s->buf, PX_BYTES("null"));
	begin = s->buf.len;
	if (t)
		for (uint64_t rest = r->has_proto & (is_req ? t->req_mask : t->resp_mask); rest; rest &= rest - 1) {
			unsigned int i = (unsigned int)__builtin_ctzll(rest);

			err = json_field(s, &t->keys[i], &t->fields[i], &r->proto[i]);
			if (err)
				return err;
		}
	return json_close(&s->buf, begin, "{}");
}

static int json_compose(struct json_sink *s, const struct px_record *r)
{
	const struct json_table *t = NULL;
	int err;

	s->buf.len = 0;
	for (uint64_t rest = r->has_common; rest; rest &= rest - 1) {
		unsigned int i = (unsigned int)__builtin_ctzll(rest);

		err = json_field(s, &s->common[i], &px_common_fields[i], &r->common[i]);
		if (err)
			return err;
	}
	if (r->type == PX_RECORD_MESSAGE) {
		if (r->fields) {
			t = json_table(s, r->fields);
			if (!t)
				return -ENOMEM;
		}
		err = json_side(s, r, t, r->has_req, true);
		if (!err)
			err = json_side(s, r, t, r->has_resp, false);
		if (err)
			return err;
	}
	err = json_close(&s->buf, 0, "{}");
	return err ? err : json_literal(&s->buf, PX_BYTES("\n"));
}

static int json_record(struct px_sink *base, const struct px_record *r)
{
	struct json_sink *s = (struct json_sink *)base;
	int err = 0;

	if (json_compose(s, r) == 0)
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
		free(s->tables[i]);
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
