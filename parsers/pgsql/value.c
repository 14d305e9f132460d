/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parameters as psql prints them. The binary formats are those of the types' own send functions
 * (PostgreSQL 15, src/backend/utils/adt); timestamps with a time zone are shown in UTC.
 */
#include "pgsql/message.h"

#include <stdlib.h>

#define DEPTH_MAX 6 /* dimensions of an array, as in the server */
#define NUMERIC_MAX 4000 /* groups of four digits; the server allows more digits than anybody reads */
#define USECS_PER_DAY 86400000000ll

/* Text under construction; over its maximum it ends. */
struct value {
	char *ptr;
	size_t len, cap, max;
	struct px_arena *arena;
	bool is_bad; /* not of this type after all, or no memory */
};

static void value_add(struct value *v, const char *p, size_t n)
{
	if (v->len + n > v->max)
		n = v->max - v->len;
	if (n > v->cap - v->len) {
		size_t cap = v->cap * 2 > v->len + n ? v->cap * 2 : v->len + n + 32;
		char *grown = px_arena_alloc(v->arena, cap);

		if (!grown) {
			v->is_bad = true;
			return;
		}
		if (v->len > 0)
			memcpy(grown, v->ptr, v->len);
		v->ptr = grown;
		v->cap = cap;
	}
	if (n > 0)
		memcpy(v->ptr + v->len, p, n);
	v->len += n;
}

static void value_text(struct value *v, const char *s)
{
	value_add(v, s, strlen(s));
}

/* At least `width` digits. */
static void value_uint(struct value *v, uint64_t n, unsigned int width)
{
	char digits[24];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	while (sizeof(digits) - at < width && at > 0)
		digits[--at] = '0';
	value_add(v, digits + at, sizeof(digits) - at);
}

static void value_int(struct value *v, int64_t n)
{
	if (n < 0)
		value_text(v, "-");
	value_uint(v, n < 0 ? -(uint64_t)n : (uint64_t)n, 1);
}

static void value_hex(struct value *v, struct px_bytes b)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < b.len && v->len < v->max; i++) {
		char pair[2] = { digits[(uint8_t)b.ptr[i] >> 4], digits[(uint8_t)b.ptr[i] & 15] };

		value_add(v, pair, 2);
	}
}

/*
 * The shortest digits that stand for this number, laid out as the server does: with an exponent
 * below 1e-4 and from 10^digits on.
 */
static void value_float(struct value *v, double x, int precision, bool is_single)
{
	int limit = is_single ? 6 : 15, exponent, first;
	struct px_bytes text = { NULL, 0 };
	char *digits;
	size_t count = 1;

	if (x != x) {
		value_text(v, "NaN");
		return;
	}
	if (x - x != 0) {
		value_text(v, x < 0 ? "-Infinity" : "Infinity");
		return;
	}
	for (first = 0; first < precision; first++) {
		text = px_arena_printf(v->arena, "%.*e", first, x);
		if (!text.ptr) {
			v->is_bad = true;
			return;
		}
		if (is_single ? strtof(text.ptr, NULL) == (float)x : strtod(text.ptr, NULL) == x)
			break;
	}
	/* d.ddde+xx without its point */
	digits = (char *)(uintptr_t)text.ptr;
	if (digits[0] == '-') {
		value_text(v, "-");
		digits++;
	}
	exponent = atoi(strchr(digits, 'e') + 1);
	if (digits[1] == '.') {
		count = (size_t)(strchr(digits, 'e') - digits) - 1;
		memmove(digits + 1, digits + 2, count - 1);
	}
	if (exponent < -4 || exponent >= limit) {
		value_add(v, digits, 1);
		if (count > 1) {
			value_text(v, ".");
			value_add(v, digits + 1, count - 1);
		}
		value_text(v, exponent < 0 ? "e-" : "e+");
		value_uint(v, (uint64_t)abs(exponent), 2);
	} else if (exponent < 0) {
		value_add(v, "0.0000", 1 + (size_t)-exponent);
		value_add(v, digits, count);
	} else {
		for (size_t i = 0; i <= (size_t)exponent || i < count; i++) {
			if (i == (size_t)exponent + 1)
				value_text(v, ".");
			value_add(v, i < count ? digits + i : "0", 1);
		}
	}
}

/*
 * numeric: groups of four decimal digits; count, weight of the first, sign, digits shown behind the
 * point.
 */
static void value_numeric(struct value *v, struct px_cur *c)
{
	uint16_t count = px_cur_be16(c);
	int weight = (int16_t)px_cur_be16(c);
	uint16_t sign = px_cur_be16(c), scale = px_cur_be16(c), shown = 0;
	struct px_cur groups;

	if (sign == 0xc000 || sign == 0xd000 || sign == 0xf000) {
		value_text(v, sign == 0xc000 ? "NaN" : sign == 0xd000 ? "Infinity" : "-Infinity");
		return;
	}
	groups = px_cur_sub(c, count * 2u);
	if (c->ran_short || count > NUMERIC_MAX || weight > NUMERIC_MAX || weight < -NUMERIC_MAX ||
	    scale > 0x3fff) {
		v->is_bad = true;
		return;
	}
	if (sign == 0x4000)
		value_text(v, "-");
	if (weight < 0)
		value_text(v, "0");
	for (int i = 0; i <= weight; i++)
		value_uint(v, i < count ? px_cur_be16(&groups) : 0, i > 0 ? 4 : 1);
	if (scale == 0)
		return;
	value_text(v, ".");
	for (int i = weight < 0 ? weight + 1 : 0; shown < scale && v->len < v->max; i++) {
		char digits[4] = { '0', '0', '0', '0' };
		size_t n = scale - shown < 4 ? (size_t)(scale - shown) : 4;

		if (i >= 0 && px_cur_left(&groups) > 0) {
			uint16_t group = px_cur_be16(&groups);

			for (int k = 3; k >= 0; k--) {
				digits[k] = (char)('0' + group % 10);
				group = (uint16_t)(group / 10);
			}
		}
		value_add(v, digits, n);
		shown = (uint16_t)(shown + n);
	}
}

/* Days since 2000-01-01, proleptic Gregorian; true: before Christ. */
static bool value_date(struct value *v, int64_t days)
{
	/* After Howard Hinnant's civil_from_days, with years that begin in March. */
	int64_t z = days + 10957 + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
	uint64_t doe = (uint64_t)(z - era * 146097);
	uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
	uint64_t month = mp < 10 ? mp + 3 : mp - 9;
	int64_t year = (int64_t)yoe + era * 400 + (month <= 2);

	value_uint(v, (uint64_t)(year > 0 ? year : 1 - year), 4);
	value_text(v, "-");
	value_uint(v, month, 2);
	value_text(v, "-");
	value_uint(v, doy - (153 * mp + 2) / 5 + 1, 2);
	return year <= 0;
}

/* Microseconds, without the zeros at the end. */
static void value_fraction(struct value *v, uint64_t usecs)
{
	unsigned int width = 6;

	if (usecs == 0)
		return;
	while (usecs % 10 == 0) {
		usecs /= 10;
		width--;
	}
	value_text(v, ".");
	value_uint(v, usecs, width);
}

static void value_time(struct value *v, uint64_t usecs)
{
	value_uint(v, usecs / 3600000000ull, 2);
	value_text(v, ":");
	value_uint(v, usecs / 60000000 % 60, 2);
	value_text(v, ":");
	value_uint(v, usecs / 1000000 % 60, 2);
	value_fraction(v, usecs % 1000000);
}

static void value_timestamp(struct value *v, int64_t usecs, bool has_zone)
{
	int64_t days = usecs / USECS_PER_DAY, rest = usecs % USECS_PER_DAY;
	bool is_bc;

	if (usecs == INT64_MAX || usecs == INT64_MIN) {
		value_text(v, usecs > 0 ? "infinity" : "-infinity");
		return;
	}
	if (rest < 0) {
		rest += USECS_PER_DAY;
		days--;
	}
	is_bc = value_date(v, days);
	value_text(v, " ");
	value_time(v, (uint64_t)rest);
	if (has_zone)
		value_text(v, "+00");
	if (is_bc)
		value_text(v, " BC");
}

static void value_unit(struct value *v, int64_t n, const char *one)
{
	if (n == 0)
		return;
	if (v->len > 0)
		value_text(v, " ");
	value_int(v, n);
	value_text(v, " ");
	value_text(v, one);
	if (n != 1)
		value_text(v, "s");
}

static void value_interval(struct value *v, struct px_cur *c)
{
	int64_t usecs = (int64_t)px_cur_be64(c);
	int32_t days = (int32_t)px_cur_be32(c), months = (int32_t)px_cur_be32(c);

	value_unit(v, months / 12, "year");
	value_unit(v, months % 12, "mon");
	value_unit(v, days, "day");
	if (usecs == 0 && v->len > 0)
		return;
	if (v->len > 0)
		value_text(v, " ");
	if (usecs < 0)
		value_text(v, "-");
	else if (days < 0 || months < 0)
		value_text(v, usecs > 0 ? "+" : "");
	value_time(v, usecs < 0 ? -(uint64_t)usecs : (uint64_t)usecs);
}

static void value_uuid(struct value *v, struct px_cur *c)
{
	static const uint8_t groups[] = { 4, 2, 2, 2, 6 };

	for (size_t i = 0; i < sizeof(groups); i++) {
		if (i > 0)
			value_text(v, "-");
		value_hex(v, px_cur_take(c, groups[i]));
	}
}

/* inet and cidr of IPv4: family, bits, is it a cidr, bytes, address. */
static void value_inet(struct value *v, struct px_cur *c)
{
	uint8_t family = px_cur_u8(c), bits = px_cur_u8(c), is_cidr = px_cur_u8(c);

	if (family != 2 || px_cur_u8(c) != 4) {
		v->is_bad = true; /* no short form of IPv6 here */
		return;
	}
	for (int i = 0; i < 4; i++) {
		if (i > 0)
			value_text(v, ".");
		value_uint(v, px_cur_u8(c), 1);
	}
	if (is_cidr || bits != 32) {
		value_text(v, "/");
		value_uint(v, bits, 1);
	}
}

static void value_bits(struct value *v, struct px_cur *c)
{
	uint32_t n = px_cur_be32(c);
	struct px_bytes b = px_cur_take(c, n / 8 + (n % 8 > 0));

	for (uint32_t i = 0; !c->ran_short && i < n && v->len < v->max; i++)
		value_add(v, (uint8_t)b.ptr[i / 8] >> (7 - i % 8) & 1 ? "1" : "0", 1);
}

static void value_binary(struct value *v, uint32_t type, struct px_bytes b, unsigned int depth);

static bool value_needs_quotes(struct px_bytes b)
{
	if (b.len == 0 || px_bytes_caseeq(b, PX_BYTES("NULL")))
		return true;
	for (size_t i = 0; i < b.len; i++)
		if (memchr("{}\",\\ \t\n\r\v\f", b.ptr[i], 11))
			return true;
	return false;
}

static void value_element(struct value *v, uint32_t type, struct px_bytes b)
{
	struct value one = { .max = v->max - v->len, .arena = v->arena };
	struct px_bytes text;

	value_binary(&one, type, b, 1);
	v->is_bad |= one.is_bad;
	text = px_bytes_of(one.ptr, one.len);
	if (!value_needs_quotes(text)) {
		value_add(v, text.ptr, text.len);
		return;
	}
	value_text(v, "\"");
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '"' || text.ptr[i] == '\\')
			value_text(v, "\\");
		value_add(v, text.ptr + i, 1);
	}
	value_text(v, "\"");
}

/* Dimensions, is there a NULL, type of the elements; size and first index of each dimension. */
static void value_array(struct value *v, struct px_cur *c, uint32_t want)
{
	uint32_t dims = px_cur_be32(c), type, size[DEPTH_MAX], at[DEPTH_MAX] = { 0 };
	bool is_plain = true;
	uint64_t total = 1;

	px_cur_skip(c, 4);
	type = px_cur_be32(c);
	if (c->ran_short || dims > DEPTH_MAX || type != want) {
		v->is_bad = true;
		return;
	}
	for (uint32_t d = 0; d < dims; d++) {
		size[d] = px_cur_be32(c);
		is_plain &= px_cur_be32(c) == 1;
		total *= size[d];
		if (size[d] == 0 || total > px_cur_left(c)) { /* four bytes each, at least */
			v->is_bad = true;
			return;
		}
	}
	if (dims == 0) {
		value_text(v, "{}");
		return;
	}
	if (!is_plain) { /* [2:3]={...}: rather nothing than a half */
		v->is_bad = true;
		return;
	}
	for (uint64_t n = 0; n < total && v->len < v->max && !v->is_bad; n++) {
		uint32_t d = dims, len;

		while (d > 0 && at[d - 1] == 0)
			d--;
		for (uint32_t i = d; i < dims; i++)
			value_text(v, "{");
		len = px_cur_be32(c);
		if (len == UINT32_MAX)
			value_text(v, "NULL");
		else
			value_element(v, type, px_cur_take(c, len));
		if (c->ran_short)
			v->is_bad = true;
		for (d = dims; d > 0 && ++at[d - 1] == size[d - 1]; d--) {
			at[d - 1] = 0;
			value_text(v, "}");
		}
		if (d > 0)
			value_text(v, ",");
	}
}

/* Type of the elements of an array type, 0 for others. */
static uint32_t value_element_type(uint32_t type)
{
	static const uint16_t pairs[][2] = {
		{ 1000, 16 },	{ 1001, 17 },	{ 1002, 18 },	{ 1003, 19 },	{ 1005, 21 },
		{ 1007, 23 },	{ 1009, 25 },	{ 1014, 1042 }, { 1015, 1043 }, { 1016, 20 },
		{ 1021, 700 },	{ 1022, 701 },	{ 1028, 26 },	{ 1041, 869 },	{ 1115, 1114 },
		{ 1182, 1082 }, { 1183, 1083 }, { 1185, 1184 }, { 1187, 1186 }, { 1231, 1700 },
		{ 199, 114 },	{ 2951, 2950 }, { 3807, 3802 },
	};

	for (size_t i = 0; i < PX_COUNT(pairs); i++)
		if (pairs[i][0] == type)
			return pairs[i][1];
	return 0;
}

static void value_binary(struct value *v, uint32_t type, struct px_bytes b, unsigned int depth)
{
	struct px_cur c = px_cur_of(b);
	uint32_t element = value_element_type(type), u32;
	uint64_t u64;
	double f64;
	float f32;

	switch (type) {
	case 16: /* bool */
		value_text(v, px_cur_u8(&c) ? "t" : "f");
		break;
	case 20: /* int8 */
		value_int(v, (int64_t)px_cur_be64(&c));
		break;
	case 21: /* int2 */
		value_int(v, (int16_t)px_cur_be16(&c));
		break;
	case 23: /* int4 */
		value_int(v, (int32_t)px_cur_be32(&c));
		break;
	case 26: /* oid, xid, cid */
	case 28:
	case 29:
		value_uint(v, px_cur_be32(&c), 1);
		break;
	case 700: /* float4 */
		u32 = px_cur_be32(&c);
		memcpy(&f32, &u32, sizeof(f32));
		value_float(v, (double)f32, 9, true);
		break;
	case 701: /* float8 */
		u64 = px_cur_be64(&c);
		memcpy(&f64, &u64, sizeof(f64));
		value_float(v, f64, 17, false);
		break;
	case 1700:
		value_numeric(v, &c);
		break;
	case 17: /* bytea */
		value_text(v, "\\x");
		value_hex(v, b);
		return;
	case 18: /* "char", name, text, json, xml, unknown, bpchar, varchar */
	case 19:
	case 25:
	case 114:
	case 142:
	case 705:
	case 1042:
	case 1043:
		value_add(v, b.ptr, b.len);
		return;
	case 3802: /* jsonb: a version and text */
		v->is_bad |= px_cur_u8(&c) != 1;
		value_add(v, c.pos, px_cur_left(&c));
		return;
	case 1082: /* date */
		u32 = px_cur_be32(&c);
		if (u32 == INT32_MAX || u32 == (uint32_t)INT32_MIN)
			value_text(v, u32 == INT32_MAX ? "infinity" : "-infinity");
		else if (value_date(v, (int32_t)u32))
			value_text(v, " BC");
		break;
	case 1083: /* time */
		u64 = px_cur_be64(&c);
		v->is_bad |= u64 > USECS_PER_DAY;
		value_time(v, u64);
		break;
	case 1114: /* timestamp, timestamptz */
	case 1184:
		value_timestamp(v, (int64_t)px_cur_be64(&c), type == 1184);
		break;
	case 1186:
		value_interval(v, &c);
		break;
	case 2950:
		value_uuid(v, &c);
		break;
	case 869:
	case 650:
		value_inet(v, &c);
		break;
	case 1560: /* bit, varbit */
	case 1562:
		value_bits(v, &c);
		break;
	case 2278: /* void */
		break;
	default:
		if (element == 0 || depth > 0) {
			v->is_bad = true;
			return;
		}
		value_array(v, &c, element);
		if (v->len == v->max)
			return;
	}
	v->is_bad |= c.ran_short || px_cur_left(&c) > 0;
}

struct px_bytes pgsql_value(uint32_t type, bool is_binary, struct px_bytes b, size_t max,
			    struct px_arena *arena)
{
	struct value v = { .max = max, .arena = arena };

	if (!is_binary)
		return px_bytes_sub(b, 0, max).ptr ? px_bytes_sub(b, 0, max) : PX_BYTES("");
	if (max == 0)
		return PX_BYTES("");
	value_binary(&v, type, b, 0);
	if (v.is_bad)
		return PX_BYTES("?");
	return v.ptr ? px_bytes_of(v.ptr, v.len) : PX_BYTES("");
}
