/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/json_value.h"

#include <stdlib.h>

#include "sink/emit.h"
#include "sink/escape.h"

#define JSON_CHUNK ((size_t)64 << 10)		/* longer texts are escaped in pieces, for the sake of room */
#define JSON_SAFE_INT (INT64_C(1) << 53)	/* readers that keep numbers as doubles lose the last digits above */
#define JSON_SCALAR 40	/* the longest value that is no text: a time in quotes */

static void json_key_name(struct px_json_key *key, const char *name)
{
	size_t n = strlen(name);
	char *p = key->text;

	*key = (struct px_json_key){ .name = { name, n } };
	if (n > PX_JSON_KEY - 4)
		return;
	p = px_emit_lit(p, ",\"");
	p = px_emit_bytes(p, px_bytes_of(name, n));
	p = px_emit_lit(p, "\":");
	key->len = (size_t)(p - key->text);
}

bool px_json_key_init(struct px_json_key *key, const struct px_field *f)
{
	json_key_name(key, f->name);
	if (f->type != PX_TYPE_OBJECTS)
		return true;
	key->members = calloc(PX_MEMBERS_MAX, sizeof(*key->members));
	if (!key->members)
		return false;
	for (unsigned int i = 0; i < PX_MEMBERS_MAX && f->members[i].type != PX_TYPE_NONE; i++)
		json_key_name(&key->members[i], f->members[i].name);
	return true;
}

void px_json_key_fini(struct px_json_key *key)
{
	free(key->members);
}

char *px_json_grow(struct px_buf *b, const char *p, size_t n)
{
	b->len = (size_t)(p - b->ptr);
	return px_buf_reserve(b, n) == 0 ? b->ptr + b->len : NULL;
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

	p = px_json_room(b, p, json_text_room(name.len) + suffix.len + 2);
	if (!p)
		return NULL;
	p = px_emit_lit(p, ",\"");
	end = px_json_escape(p, name);
	p = end ? end : json_odd_name(p, name);
	p = px_emit_bytes(p, suffix);
	return px_emit_lit(p, "\":");
}

/* The same for a name of the registry, and room for n bytes behind it. */
static inline char *json_key(struct px_buf *b, char *p, const struct px_json_key *key, size_t n)
{
	p = px_json_room(b, p, PX_JSON_KEY + n);
	if (!p)
		return NULL;
	if (key->len == 0) {
		p = json_name(b, p, key->name, PX_BYTES(""));
		return p ? px_json_room(b, p, n) : NULL;
	}
	memcpy(p, key->text, PX_JSON_KEY);
	return p + key->len;
}

static char *json_base64(struct px_buf *b, char *p, struct px_bytes s)
{
	p = px_json_room(b, p, PX_BASE64_LEN(s.len) + 2);
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
	p = px_json_room(b, p, 1);
	if (!p)
		return NULL;
	*p++ = '"';
	while (s.len > 0) {
		size_t n = s.len < JSON_CHUNK ? s.len : JSON_CHUNK;

		/* Not within a character: back to where one begins. */
		while (n < s.len && ((unsigned char)s.ptr[n] & 0xc0) == 0x80)
			n--;
		p = px_json_room(b, p, json_text_room(n));
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
static char *json_str(struct px_buf *b, char *p, const struct px_json_key *key, struct px_bytes value)
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

char *px_json_close(struct px_buf *b, char *p, size_t begin, const char brackets[2])
{
	p = px_json_room(b, p, 2);
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
		p = px_json_room(b, p, json_text_room(name.len) + json_text_room(value.len) + 2);
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
	return px_json_close(b, p, begin, "{}");
}

/*
 * All of the list is base64 where one item has to be, so that a reader needs to look at one key
 * only.
 */
static bool json_list_is_base64(const struct px_value *v)
{
	for (size_t i = 0; i < v->list.count; i++)
		if (v->list.items[i].len && !px_utf8_valid(v->list.items[i]))
			return true;
	return false;
}

static char *json_items(struct px_buf *b, char *p, const struct px_value *v, bool as_base64)
{
	size_t begin = (size_t)(p - b->ptr);

	for (size_t i = 0; i < v->list.count; i++) {
		struct px_bytes item = v->list.items[i];

		p = px_json_room(b, p, strlen(",null"));
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
	return px_json_close(b, p, begin, "[]");
}

static char *json_list(struct px_buf *b, char *p, const struct px_json_key *key,
		       const struct px_value *v)
{
	bool as_base64 = json_list_is_base64(v);

	p = json_name(b, p, key->name, as_base64 ? PX_BYTES("_b64") : PX_BYTES(""));
	return p ? json_items(b, p, v, as_base64) : NULL;
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

static char *json_objects(struct px_json *j, char *p, const struct px_json_key *key,
			  const struct px_field *f, const struct px_value *v);

/* What px_json_structure() made, behind the key. */
static char *json_ready(struct px_buf *b, char *p, const struct px_field *f, struct px_bytes text)
{
	static const char as_base64[] = "{\"b64\":";
	const size_t n = sizeof(as_base64) - 1;

	if (f->type == PX_TYPE_JSON_LIST && px_bytes_starts(text, px_bytes_of(as_base64, n))) {
		p = px_json_room(b, p, strlen("_b64"));
		if (!p)
			return NULL;
		p = px_emit_lit(p - 2, "_b64\":"); /* the key has another name then */
		text = px_bytes_of(text.ptr + n, text.len - n - 1);
	}
	p = px_json_room(b, p, text.len);
	return p ? px_emit_bytes(p, text) : NULL;
}

static inline __attribute__((always_inline)) char *json_field(struct px_json *j, char *p,
							      const struct px_json_key *key,
							      const struct px_field *f,
							      const struct px_value *v)
{
	struct px_buf *b = &j->buf;

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
		p = px_when_utc(&j->when, p + 1, v->i);
		*p = '"';
		return p + 1;
	case PX_TYPE_MAP:
		return json_map(b, p, v);
	case PX_TYPE_OBJECTS:
		return json_objects(j, p, key, f, v);
	case PX_TYPE_JSON:
	case PX_TYPE_JSON_LIST:
		return json_ready(b, p, f, v->s);
	default:
		return NULL;
	}
}

/* One loop for all fields, with json_field() inside it. */
char *px_json_fields(struct px_json *j, char *p, uint64_t mask, const struct px_json_key *keys,
			 const struct px_field *fields, const struct px_value *values)
{
	for (; p && mask; mask &= mask - 1) {
		unsigned int i = (unsigned int)__builtin_ctzll(mask);

		p = json_field(j, p, &keys[i], &fields[i], &values[i]);
	}
	return p;
}

/* [{"a":1},{"a":2}] behind the key. */
static char *json_objects(struct px_json *j, char *p, const struct px_json_key *key,
			  const struct px_field *f, const struct px_value *v)
{
	struct px_buf *b = &j->buf;
	size_t begin = (size_t)(p - b->ptr);

	for (size_t i = 0; i < v->objects.count; i++) {
		const struct px_object *o = &v->objects.items[i];
		size_t object;

		p = px_json_room(b, p, 1);
		if (!p)
			return NULL;
		*p++ = ',';
		object = (size_t)(p - b->ptr);
		p = px_json_fields(j, p, o->has, key->members, f->members, o->values);
		if (p)
			p = px_json_close(b, p, object, "{}");
		if (!p)
			return NULL;
	}
	return px_json_close(b, p, begin, "[]");
}

bool px_json_structure(struct px_json *j, const struct px_json_key *key, const struct px_field *f,
		       const struct px_value *v)
{
	struct px_buf *b = &j->buf;
	size_t begin = b->len;
	bool as_base64;
	char *p;

	if (px_buf_reserve(b, PX_JSON_KEY) != 0)
		return false;
	p = b->ptr + begin;
	switch (f->type) {
	case PX_TYPE_MAP:
		p = json_map(b, p, v);
		break;
	case PX_TYPE_OBJECTS:
		p = json_objects(j, p, key, f, v);
		break;
	default:
		as_base64 = json_list_is_base64(v);
		if (as_base64)
			p = px_emit_lit(p, ",\"b64\":");
		p = json_items(b, p, v, as_base64);
		if (p && as_base64)
			p = px_json_close(b, p, begin, "{}");
		break;
	}
	/* What could not be written takes no room. */
	b->len = p ? (size_t)(p - b->ptr) : begin;
	return p != NULL;
}
