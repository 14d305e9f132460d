/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The binary protocol's values: parameters of prepared statements and query attributes, as the
 * text that the mysql client would print for them.
 *
 *	EXECUTE: 17 statement(4) flags(1) iterations(4) [count] null-bitmap bound(1) [types] values
 *
 * With CLIENT_QUERY_ATTRIBUTES a count is there, which includes the attributes, and each type has a
 * name behind it. The capabilities may be unknown, and servers and clients have differed over which
 * of the two are there: so the readings are tried, and one is taken only if it uses up all bytes.
 */
#include "mysql/message.h"

#include <stdlib.h>

enum mysql_type {
	TYPE_DECIMAL = 0x00,
	TYPE_TINY = 0x01,
	TYPE_SHORT = 0x02,
	TYPE_LONG = 0x03,
	TYPE_FLOAT = 0x04,
	TYPE_DOUBLE = 0x05,
	TYPE_NULL = 0x06,
	TYPE_TIMESTAMP = 0x07,
	TYPE_LONGLONG = 0x08,
	TYPE_INT24 = 0x09,
	TYPE_DATE = 0x0a,
	TYPE_TIME = 0x0b,
	TYPE_DATETIME = 0x0c,
	TYPE_YEAR = 0x0d,
	TYPE_VARCHAR = 0x0f,
	TYPE_BIT = 0x10,
	TYPE_VECTOR = 0xf2,
	TYPE_BOOL = 0xf4,
	TYPE_JSON = 0xf5, /* and all above it: decimals, enumerations, sets, texts, geometry */
};

#define EXECUTE_HEAD 10		/* bytes in front of the parameters, with the command */
#define BULK_HEAD 7
#define FLAG_PARAMETER_COUNT 0x08	/* of EXECUTE: the count is there */
#define BULK_SEND_TYPES 128
#define ATTRIBUTES_MAX 64	/* of one request */

enum bulk_indicator { BULK_VALUE, BULK_NULL, BULK_DEFAULT, BULK_IGNORE };

bool mysql_value_skip(struct px_cur *c, unsigned int type)
{
	switch (type) {
	case TYPE_NULL:
		break;
	case TYPE_TINY:
	case TYPE_BOOL:
		px_cur_skip(c, 1);
		break;
	case TYPE_SHORT:
	case TYPE_YEAR:
		px_cur_skip(c, 2);
		break;
	case TYPE_LONG:
	case TYPE_INT24:
	case TYPE_FLOAT:
		px_cur_skip(c, 4);
		break;
	case TYPE_LONGLONG:
	case TYPE_DOUBLE:
		px_cur_skip(c, 8);
		break;
	case TYPE_TIMESTAMP:
	case TYPE_DATE:
	case TYPE_TIME:
	case TYPE_DATETIME:
		px_cur_skip(c, px_cur_u8(c));
		break;
	default:
		if (type != TYPE_DECIMAL && type != TYPE_VARCHAR && type != TYPE_BIT &&
		    type != TYPE_VECTOR && type < TYPE_JSON)
			return false;
		(void)mysql_lenenc_str(c);
	}
	return !c->ran_short;
}

/* Decimal digits, at least `width` of them; returns behind the last. */
static char *params_digits(char *p, uint64_t v, int width)
{
	char digits[20];
	int n = 0;

	do {
		digits[n++] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0 || n < width);
	while (n > 0)
		*p++ = digits[--n];
	return p;
}

/*
 * The shortest text that is the same number again; large and small ones with an exponent, written as
 * the servers do.
 */
static struct px_bytes params_float(struct px_arena *arena, double v, bool is_single, bool *ok)
{
	struct px_bytes text = { NULL, 0 };
	char *from, *to;

	for (int digits = is_single ? 6 : 15; digits <= 17; digits++) {
		text = px_arena_printf(arena, "%.*g", digits, v);
		if (!text.ptr || (is_single ? strtof(text.ptr, NULL) == (float)v :
					      strtod(text.ptr, NULL) == v))
			break;
	}
	*ok = *ok && text.ptr;
	to = text.ptr ? memchr(text.ptr, 'e', text.len) : NULL;
	if (!to)
		return text;
	/* e+07 is written e7 */
	from = ++to;
	if (*from++ == '-')
		to++;
	while (*from == '0')
		from++;
	memmove(to, from, strlen(from) + 1);
	text.len = (size_t)(to - text.ptr) + strlen(to);
	return text;
}

/* DATE, DATETIME, TIMESTAMP: year(2) month day [hour minute second [microseconds(4)]] */
static char *params_datetime(char *p, struct px_cur *c, unsigned int type)
{
	unsigned int len = px_cur_u8(c);
	struct px_cur v = px_cur_sub(c, len);

	p = params_digits(p, px_cur_le16(&v), 4);
	*p++ = '-';
	p = params_digits(p, px_cur_u8(&v), 2);
	*p++ = '-';
	p = params_digits(p, px_cur_u8(&v), 2);
	if (len > 4 || (type != TYPE_DATE && len <= 4)) {
		*p++ = ' ';
		p = params_digits(p, px_cur_u8(&v), 2);
		*p++ = ':';
		p = params_digits(p, px_cur_u8(&v), 2);
		*p++ = ':';
		p = params_digits(p, px_cur_u8(&v), 2);
	}
	if (len > 7) {
		*p++ = '.';
		p = params_digits(p, px_cur_le32(&v), 6);
	}
	return p;
}

/* TIME: negative(1) days(4) hour minute second [microseconds(4)] */
static char *params_time(char *p, struct px_cur *c)
{
	unsigned int len = px_cur_u8(c);
	struct px_cur v = px_cur_sub(c, len);
	uint64_t hours;

	if (px_cur_u8(&v))
		*p++ = '-';
	hours = (uint64_t)px_cur_le32(&v) * 24;
	p = params_digits(p, hours + px_cur_u8(&v), 2);
	*p++ = ':';
	p = params_digits(p, px_cur_u8(&v), 2);
	*p++ = ':';
	p = params_digits(p, px_cur_u8(&v), 2);
	if (len > 8) {
		*p++ = '.';
		p = params_digits(p, px_cur_le32(&v), 6);
	}
	return p;
}

static char *params_int(char *p, uint64_t v, unsigned int bits, bool is_unsigned)
{
	if (!is_unsigned && v >> (bits - 1) & 1) {
		*p++ = '-';
		v = 0 - v;
		if (bits < 64)
			v &= ((uint64_t)1 << bits) - 1;
	}
	return params_digits(p, v, 1);
}

/* One value as text; ptr NULL is null. */
static struct px_bytes params_value(struct px_cur *c, unsigned int type, bool is_unsigned,
				    struct px_arena *arena, bool *ok)
{
	char text[64], *p = text;
	uint32_t single;
	uint64_t bits;
	float f;
	double d;

	switch (type) {
	case TYPE_NULL:
		return (struct px_bytes){ NULL, 0 };
	case TYPE_TINY:
	case TYPE_BOOL:
		p = params_int(p, px_cur_u8(c), 8, is_unsigned);
		break;
	case TYPE_SHORT:
	case TYPE_YEAR:
		p = params_int(p, px_cur_le16(c), 16, is_unsigned);
		break;
	case TYPE_LONG:
	case TYPE_INT24:
		p = params_int(p, px_cur_le32(c), 32, is_unsigned);
		break;
	case TYPE_LONGLONG:
		p = params_int(p, px_cur_le64(c), 64, is_unsigned);
		break;
	case TYPE_FLOAT:
		single = px_cur_le32(c);
		memcpy(&f, &single, sizeof(f));
		return params_float(arena, (double)f, true, ok);
	case TYPE_DOUBLE:
		bits = px_cur_le64(c);
		memcpy(&d, &bits, sizeof(d));
		return params_float(arena, d, false, ok);
	case TYPE_TIMESTAMP:
	case TYPE_DATE:
	case TYPE_DATETIME:
		p = params_datetime(p, c, type);
		break;
	case TYPE_TIME:
		p = params_time(p, c);
		break;
	default: {
		struct px_bytes s = mysql_lenenc_str(c);

		if (s.len == 0)
			s = PX_BYTES("");
		return s;
	}
	}
	return px_arena_copy(arena, px_bytes_of(text, (size_t)(p - text)), ok);
}

/* What the parameters of one EXECUTE look like. */
struct params_shape {
	struct px_cur values;
	const char *nulls;
	size_t count;		/* attributes included */
	size_t attributes;
	const char *types;	/* two bytes each, or */
	uint16_t *own_types;	/* where names lie between them */
	struct px_bytes *names;
	bool is_bound;		/* they are in this very packet */
};

static bool params_is_null(const struct params_shape *s, size_t i)
{
	return (unsigned char)s->nulls[i / 8] >> i % 8 & 1;
}

static unsigned int params_type(const struct params_shape *s, size_t i)
{
	return s->own_types ? s->own_types[i] :
			      (unsigned char)s->types[2 * i] |
				      (unsigned int)(unsigned char)s->types[2 * i + 1] << 8;
}

/* Types with names between them. */
static bool params_named_types(struct params_shape *s, struct px_cur *c, struct px_arena *arena)
{
	s->own_types = px_arena_alloc(arena, s->count * sizeof(*s->own_types));
	s->names = px_arena_alloc(arena, s->count * sizeof(*s->names));
	if (!s->own_types || !s->names)
		return false;
	for (size_t i = 0; i < s->count; i++) {
		s->own_types[i] = px_cur_le16(c);
		s->names[i] = mysql_lenenc_str(c);
	}
	return !c->ran_short;
}

static bool params_types_known(const struct params_shape *s)
{
	for (size_t i = 0; i < s->count; i++) {
		unsigned int type = params_type(s, i);

		if (type >> 8 & 0x7f) /* the highest bit says unsigned, the others nothing */
			return false;
		if ((type & 0xff) > TYPE_BIT && (type & 0xff) < TYPE_VECTOR)
			return false;
	}
	return true;
}

static bool params_is_long(const struct mysql_request *r, size_t i)
{
	for (size_t k = 0; k < r->long_count; k++)
		if (r->longs[k].index == i)
			return true;
	return false;
}

/* Read up to the values in one way; false where the bytes do not fit it. */
static bool params_shape(const struct mysql_msg *m, uint16_t param_count, bool has_count,
			 bool has_names, struct px_arena *arena, struct params_shape *s)
{
	const struct mysql_request *r = &m->req;
	struct px_cur c = px_cur_of(
		px_bytes_sub(px_bytes_of(m->text, m->len), MYSQL_HEADER + EXECUTE_HEAD, SIZE_MAX));
	uint64_t count = param_count;
	struct px_cur values;

	*s = (struct params_shape){ .count = param_count };
	if (has_count) {
		count = mysql_lenenc(&c);
		if (count < param_count || count > (uint64_t)param_count + ATTRIBUTES_MAX)
			return false;
	}
	s->count = (size_t)count;
	s->attributes = s->count - param_count;
	if (s->count == 0)
		return !c.ran_short && px_cur_left(&c) == 0;
	s->nulls = px_cur_take(&c, (s->count + 7) / 8).ptr;
	s->is_bound = px_cur_u8(&c) == 1;
	if (c.ran_short)
		return false;
	if (s->is_bound && has_names) {
		if (!params_named_types(s, &c, arena))
			return false;
	} else if (s->is_bound) {
		s->types = px_cur_take(&c, s->count * 2).ptr;
		if (c.ran_short)
			return false;
	} else {
		if ((unsigned char)c.pos[-1] != 0 || s->attributes ||
		    r->types.len != s->count * 2)
			return false;
		s->types = r->types.ptr;
	}
	if (!params_types_known(s))
		return false;
	s->values = values = c;
	for (size_t i = 0; i < s->count; i++)
		if (!params_is_null(s, i) && !params_is_long(r, i) &&
		    !mysql_value_skip(&values, params_type(s, i) & 0xff))
			return m->is_cut && values.ran_short;
	return px_cur_left(&values) == 0;
}

/* The reading that fits; the likely ones first. */
static bool params_find_shape(const struct mysql_msg *m, uint16_t param_count,
			      struct px_arena *arena, struct params_shape *s)
{
	bool flag = m->len > MYSQL_HEADER + 5 && m->text[MYSQL_HEADER + 5] & FLAG_PARAMETER_COUNT;
	bool may_have_names = !m->has_caps || m->caps & MYSQL_CAP_QUERY_ATTRIBUTES;

	if (flag && may_have_names && params_shape(m, param_count, true, true, arena, s))
		return true;
	if (m->has_caps && m->caps & MYSQL_CAP_QUERY_ATTRIBUTES &&
	    (params_shape(m, param_count, true, true, arena, s) ||
	     params_shape(m, param_count, false, true, arena, s)))
		return true;
	return params_shape(m, param_count, false, false, arena, s);
}

/* Bulk: statement(4) flags(2) [types], then sets of values, each value behind its indicator. */
static bool params_bulk(const struct mysql_msg *m, uint16_t param_count, struct px_arena *arena,
			struct mysql_params *out)
{
	struct px_cur c = px_cur_of(
		px_bytes_sub(px_bytes_of(m->text, m->len), MYSQL_HEADER + 5, SIZE_MAX));
	struct px_cur at;
	const char *types = m->req.types.ptr;
	struct px_bytes *items;
	size_t sets = 0, i = 0;
	bool ok = true;

	if (px_cur_le16(&c) & BULK_SEND_TYPES)
		types = px_cur_take(&c, (size_t)param_count * 2).ptr;
	else if (m->req.types.len != (size_t)param_count * 2)
		return false;
	if (c.ran_short || param_count == 0)
		return false;
	for (at = c; px_cur_left(&at) > 0; sets++)
		for (size_t k = 0; k < param_count; k++) {
			uint8_t indicator = px_cur_u8(&at);

			if (at.ran_short || indicator > BULK_IGNORE ||
			    (indicator == BULK_VALUE &&
			     !mysql_value_skip(&at, (unsigned char)types[2 * k]))) {
				if (!m->is_cut || !at.ran_short)
					return false;
				goto cut; /* the sets before this one */
			}
		}
cut:
	items = px_arena_alloc(arena, (sets * param_count + 1) * sizeof(*items));
	if (!items)
		return false;
	for (; ok && i < sets * param_count; i++) {
		size_t k = i % param_count;
		uint8_t indicator = px_cur_u8(&c);

		if (indicator == BULK_VALUE)
			items[i] = params_value(&c, (unsigned char)types[2 * k],
						(unsigned char)types[2 * k + 1] & 0x80, arena, &ok);
		else
			items[i] = indicator == BULK_NULL    ? (struct px_bytes){ NULL, 0 } :
				   indicator == BULK_DEFAULT ? PX_BYTES("DEFAULT") :
							       PX_BYTES("IGNORE");
	}
	if (!ok)
		return false;
	out->items = items;
	out->count = i;
	out->sets = (uint32_t)sets;
	out->is_cut = m->is_cut;
	return true;
}

/* All values, up to one that is cut off; *done of them. */
static bool params_items(const struct mysql_msg *m, struct params_shape *s, struct px_arena *arena,
			 struct px_bytes *items, size_t *done)
{
	const struct mysql_request *r = &m->req;
	bool ok = true;

	for (size_t i = 0; i < s->count; i++) {
		unsigned int type = params_type(s, i);
		struct px_cur before = s->values;

		items[i] = (struct px_bytes){ NULL, 0 };
		if (params_is_long(r, i)) {
			for (size_t k = 0; k < r->long_count; k++)
				if (r->longs[k].index == i)
					items[i] = r->longs[k].kept.len ? r->longs[k].kept :
									  PX_BYTES("");
		} else if (!params_is_null(s, i)) {
			if (!mysql_value_skip(&before, type & 0xff))
				return true; /* cut: those before it */
			items[i] = params_value(&s->values, type & 0xff, type >> 15 & 1, arena, &ok);
			if (!ok)
				return false;
		}
		*done = i + 1;
	}
	return true;
}

static bool params_attributes(const struct params_shape *s, const struct px_bytes *items,
			      size_t from, size_t done, struct px_arena *arena,
			      struct mysql_params *out)
{
	struct px_pair *pairs;

	if (done <= from || !s->names)
		return true;
	pairs = px_arena_alloc(arena, (done - from) * sizeof(*pairs));
	if (!pairs)
		return false;
	for (size_t i = from; i < done; i++) {
		pairs[i - from].name = s->names[i].len ? s->names[i] : PX_BYTES("");
		pairs[i - from].value = items[i].ptr ? items[i] : PX_BYTES("NULL");
	}
	out->attributes = pairs;
	out->attribute_count = done - from;
	return true;
}

bool mysql_params_read(const struct mysql_msg *m, uint16_t param_count, struct px_arena *arena,
		       struct mysql_params *out)
{
	struct params_shape s;
	struct px_bytes *items;
	size_t done = 0;

	memset(out, 0, sizeof(*out));
	if (m->req.is_bulk)
		return params_bulk(m, param_count, arena, out);
	if (m->req.lost_long || !params_find_shape(m, param_count, arena, &s))
		return false;
	items = px_arena_alloc(arena, (s.count + 1) * sizeof(*items));
	if (!items || !params_items(m, &s, arena, items, &done) ||
	    !params_attributes(&s, items, param_count, done, arena, out))
		return false;
	out->items = items;
	out->count = done < param_count ? done : param_count;
	out->is_cut = done < s.count;
	for (size_t k = 0; k < m->req.long_count; k++)
		out->is_cut |= m->req.longs[k].kept.len < m->req.longs[k].len;
	return true;
}

struct px_bytes mysql_params_types(const struct mysql_msg *m, uint16_t param_count,
				   struct px_arena *arena)
{
	struct params_shape s;
	char *types;

	if (m->req.is_bulk) {
		struct px_cur c = px_cur_of(
			px_bytes_sub(px_bytes_of(m->text, m->len), MYSQL_HEADER + 5, SIZE_MAX));

		if (px_cur_le16(&c) & BULK_SEND_TYPES)
			return px_cur_take(&c, (size_t)param_count * 2);
		return (struct px_bytes){ NULL, 0 };
	}
	if (!params_find_shape(m, param_count, arena, &s) || !s.is_bound)
		return (struct px_bytes){ NULL, 0 };
	if (!s.own_types)
		return px_bytes_of(s.types, (size_t)param_count * 2);
	types = px_arena_alloc(arena, (size_t)param_count * 2);
	for (size_t i = 0; types && i < param_count; i++) {
		types[2 * i] = (char)(s.own_types[i] & 0xff);
		types[2 * i + 1] = (char)(s.own_types[i] >> 8);
	}
	return px_bytes_of(types, types ? (size_t)param_count * 2 : 0);
}

/*
 * The attributes of a QUERY up to its text: count, sets (1), and if there are any what EXECUTE has.
 * Without an arena they are stepped over; else c and s->values stand at the values afterwards.
 */
static bool attributes_shape(struct px_cur *c, struct px_arena *arena, struct params_shape *s)
{
	uint64_t count = mysql_lenenc(c), sets = mysql_lenenc(c);

	*s = (struct params_shape){ .count = 0 };
	if (c->ran_short || sets != 1 || count > ATTRIBUTES_MAX)
		return false;
	s->count = s->attributes = (size_t)count;
	if (count == 0)
		return true;
	s->nulls = px_cur_take(c, (s->count + 7) / 8).ptr;
	if (px_cur_u8(c) != 1 || c->ran_short)
		return false;
	if (arena && !params_named_types(s, c, arena))
		return false;
	if (!arena) { /* only to step over them */
		uint16_t types[ATTRIBUTES_MAX];

		for (size_t i = 0; i < s->count; i++) {
			types[i] = px_cur_le16(c);
			(void)mysql_lenenc_str(c);
		}
		if (c->ran_short)
			return false;
		for (size_t i = 0; i < s->count; i++)
			if (!params_is_null(s, i) && !mysql_value_skip(c, types[i] & 0xff))
				return false;
		return true;
	}
	s->values = *c;
	return params_types_known(s);
}

bool mysql_attributes_skip(struct px_cur *c)
{
	struct params_shape s;

	return attributes_shape(c, NULL, &s);
}

bool mysql_attributes_read(struct px_bytes b, struct px_arena *arena, struct mysql_params *out)
{
	struct mysql_msg none = { .command = MYSQL_COM_QUERY };
	struct px_cur c = px_cur_of(b);
	struct params_shape s;
	struct px_bytes *items;
	size_t done = 0;

	memset(out, 0, sizeof(*out));
	if (!attributes_shape(&c, arena, &s))
		return false;
	if (s.count == 0)
		return true;
	items = px_arena_alloc(arena, s.count * sizeof(*items));
	return items && params_items(&none, &s, arena, items, &done) &&
	       params_attributes(&s, items, 0, done, arena, out);
}
