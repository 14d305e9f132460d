/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the words of a test stand for: its name a field in the records of each protocol, its values
 * numbers, times, sizes, texts or patterns.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "cli/args.h"
#include "filter/program.h"

#define BIND_NAME_MAX 128
#define BIND_NS 1000000000LL

static int64_t bind_ns_per_unit(const struct px_field *f)
{
	static const struct {
		const char *unit;
		int64_t ns;
	} units[] = { { "ns", 1 }, { "us", 1000 }, { "ms", 1000000 }, { "s", BIND_NS } };

	for (size_t i = 0; f->unit && i < PX_COUNT(units); i++)
		if (strcmp(f->unit, units[i].unit) == 0)
			return units[i].ns;
	return 0;
}

/* Fill the slots with what is called so. False where nothing is. */
static bool bind_slots(const struct px_filter *f, struct filter_test *t, struct px_bytes name)
{
	bool found = false;

	for (size_t i = 0; i < f->table_count; i++) {
		struct filter_slot *slot = &t->slots[i];
		struct px_field_ref ref;
		const struct px_field *m;

		*slot = (struct filter_slot){ 0 };
		if (!px_field_find_message(name, f->tables[i], &ref))
			continue;
		slot->field = ref.field;
		slot->index = (uint8_t)ref.index;
		slot->is_common = ref.is_common;
		if (ref.field->type == PX_TYPE_OBJECTS && ref.member.len) {
			for (m = ref.field->members;
			     !px_bytes_eq(px_bytes_str(m->name), ref.member);)
				m++;
			slot->member_field = m;
			slot->member_index = (uint8_t)(m - ref.field->members);
		} else if (ref.member.len) {
			t->member = ref.member;
		}
		slot->ns_per_unit =
			bind_ns_per_unit(slot->member_field ? slot->member_field : slot->field);
		found = true;
	}
	return found;
}

bool filter_is_protocol(const struct px_filter *f, struct px_bytes name)
{
	for (size_t i = 0; i < f->protocol_count; i++)
		if (px_bytes_eq(px_bytes_str(f->protocols[i].name), name))
			return true;
	return false;
}

/* --- the nearest name --- */

struct nearest {
	const char *typed;
	unsigned int best;
	char name[BIND_NAME_MAX];
};

static void nearest_try(struct nearest *n, const char *prefix, const char *name, size_t len)
{
	char text[BIND_NAME_MAX];
	unsigned int distance;

	snprintf(text, sizeof(text), "%s%.*s", prefix, (int)len, name);
	distance = px_arg_distance(n->typed, text);
	if (distance >= n->best)
		return;
	n->best = distance;
	memcpy(n->name, text, sizeof(text));
}

const char *filter_suggest(const struct px_filter *f, struct px_bytes name, bool is_alone,
			   char *out, size_t size)
{
	static const char *const words[] = { "and", "or", "not", "in", "contains", "port", "host" };
	static const char all[] = "pxtrace --list-fields and --list-protocols show what there is";
	char typed[BIND_NAME_MAX];
	/* As many slips as letters would make any word of any other. */
	unsigned int most = 2 + (unsigned int)name.len / 3;
	struct nearest n = { .typed = typed,
			     .best = name.len < most ? (unsigned int)name.len : most };

	snprintf(typed, sizeof(typed), "%.*s", (int)name.len, name.ptr);
	for (const struct px_field *c = px_common_fields; c->type != PX_TYPE_NONE; c++) {
		size_t len = strlen(c->name);

		nearest_try(&n, "", c->name, len);
		if (c->unit && strcmp(c->unit, "ns") == 0)
			nearest_try(&n, "", c->name, len - 3); /* latency for latency_ns */
	}
	for (size_t i = 0; i < f->protocol_count; i++) {
		nearest_try(&n, "", f->protocols[i].name, strlen(f->protocols[i].name));
		for (const struct px_field *c = f->protocols[i].fields; c->type != PX_TYPE_NONE;
		     c++) {
			nearest_try(&n, "", c->name, strlen(c->name));
			nearest_try(&n, c->side == PX_SIDE_REQ ? "req." : "resp.", c->name,
				    strlen(c->name));
		}
	}
	for (size_t i = 0; i < PX_COUNT(words); i++)
		nearest_try(&n, "", words[i], strlen(words[i]));
	if (n.name[0])
		snprintf(out, size, "did you mean %s? %s", n.name, all);
	else if (is_alone)
		snprintf(out, size, "if it is a process: --comm %s; %s", typed, all);
	else
		snprintf(out, size, "%s", all);
	return out;
}

/* --- values --- */

struct filter_number filter_number_of(struct px_bytes text)
{
	struct filter_number n = { 0 };
	size_t i = text.len && (text.ptr[0] == '-' || text.ptr[0] == '+'), digits = 0;
	bool is_minus = i && text.ptr[0] == '-';
	double weight = 1;

	for (; i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++, digits++) {
		int digit = text.ptr[i] - '0';

		n.d = n.d * 10 + digit;
		if (digits <
		    18) /* that many fit; those with more are compared as texts, or roughly */
			n.i = n.i * 10 + digit;
	}
	if (digits == 0)
		return (struct filter_number){ 0 };
	n.is_int = i == text.len && digits <= 18;
	if (i + 1 < text.len && text.ptr[i] == '.')
		for (i++; i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++) {
			weight /= 10;
			n.d += weight * (text.ptr[i] - '0');
		}
	n.is_there = i == text.len;
	n.is_rough = digits > 18;
	if (is_minus) {
		n.i = -n.i;
		n.d = -n.d;
	}
	return n;
}

static struct filter_number bind_exact(uint64_t value)
{
	return (struct filter_number){ .is_there = true,
				       .is_int = value <= INT64_MAX,
				       .i = (int64_t)(value & INT64_MAX),
				       .d = (double)value };
}

/* "2026-01-31T12:00:00.5Z" as nanoseconds since 1970; before 1678 and behind 2262 they are the least and the most. */
static bool bind_time(struct px_bytes text, int64_t *ns)
{
	struct tm tm = { 0 };
	const char *rest;
	char word[64];
	int64_t seconds, part = 0, weight = BIND_NS;

	if (text.len >= sizeof(word))
		return false;
	snprintf(word, sizeof(word), "%.*s", (int)text.len, text.ptr);
	rest = strptime(word, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!rest)
		return false;
	if (*rest == '.')
		for (rest++; *rest >= '0' && *rest <= '9'; rest++) {
			weight /= 10;
			part += weight * (*rest - '0');
		}
	if (strcmp(rest, "Z") != 0)
		return false;
	seconds = (int64_t)timegm(&tm);
	if (seconds >= INT64_MAX / BIND_NS)
		*ns = INT64_MAX;
	else if (seconds <= INT64_MIN / BIND_NS)
		*ns = INT64_MIN;
	else
		*ns = seconds * BIND_NS + part;
	return true;
}

static void bind_value(struct filter_value *v)
{
	char word[64];
	uint64_t value;

	v->number = filter_number_of(v->text);
	v->bytes = v->number;
	v->is_true = px_bytes_eq(v->text, PX_BYTES("true"));
	v->is_false = px_bytes_eq(v->text, PX_BYTES("false"));
	if (v->text.len >= sizeof(word))
		return;
	snprintf(word, sizeof(word), "%.*s", (int)v->text.len, v->text.ptr);
	if (px_arg_size(word, &value) == 0)
		v->bytes = bind_exact(value);
	if (px_arg_duration(word, &value) == 0)
		v->ns = bind_exact(value);
}

/*
 * A pattern without any of the signs that mean something, but for ^ in front and $ at the end, is
 * searched for as the text that it is.
 */
static int bind_pattern(struct filter_parser *p, struct filter_test *t)
{
	static const char signs[] = "\\[](){}.*+?|^$";
	struct px_bytes text = t->values[0].text, core;
	bool at_start = text.len && text.ptr[0] == '^', at_end, is_plain = true;
	const char *why = NULL;
	size_t at = 0;
	int err;

	core = px_bytes_sub(text, at_start, SIZE_MAX);
	at_end = core.len && core.ptr[core.len - 1] == '$';
	core.len -= at_end;
	for (size_t i = 0; i < core.len; i++)
		is_plain &= !memchr(signs, core.ptr[i], sizeof(signs) - 1);
	if (is_plain && core.len) {
		t->literal = core;
		t->pattern = at_start && at_end ? FILTER_WHOLE
			     : at_start		? FILTER_AT_START
			     : at_end		? FILTER_AT_END
						: FILTER_ANYWHERE;
		return 0;
	}
	t->pattern = FILTER_REGEX;
	err = filter_regex_new(text, &t->regex, &why, &at);
	if (!err)
		return 0;
	return filter_error(p, t->values[0].at, text.len, "regex(7) explains what can be written",
			    "this is no regular expression: %s",
			    why		      ? why
			    : err == -ENOBUFS ? "it is too large"
					      : "out of memory");
}

/* Fields that can have a few values only: another one is a slip of the pen. */
static int bind_check_words(struct filter_parser *p, const struct filter_test *t)
{
	static const struct {
		enum px_common field;
		const char *words;
	} rows[] = {
		{ PX_F_ROLE, "client server" },
		{ PX_F_NET, "tcp udp unix" },
		{ PX_F_DIR, "in out" },
		{ PX_F_TYPE, "message open close" },
	};
	const struct filter_slot *slot = &t->slots[0];
	char cure[200];

	if (!slot->field || !slot->is_common || t->op != FILTER_EQ)
		return 0;
	for (size_t i = 0; i < t->value_count; i++) {
		struct px_bytes text = t->values[i].text;
		size_t at = t->values[i].at;

		if (slot->index == PX_F_PROTO && !filter_is_protocol(p->filter, text))
			return filter_error(p, at, text.len,
					    filter_suggest(p->filter, text, false, cure,
							   sizeof(cure)),
					    "there is no protocol '%.*s'", (int)text.len, text.ptr);
		for (size_t r = 0; r < PX_COUNT(rows); r++) {
			const char *hit = rows[r].words;
			bool found = false;

			if (rows[r].field != slot->index)
				continue;
			for (size_t len; *hit; hit += len + (hit[len] == ' ')) {
				len = strcspn(hit, " ");
				found |= px_bytes_eq(px_bytes_of(hit, len), text);
			}
			snprintf(cure, sizeof(cure), "%s is one of: %s",
				 px_common_fields[slot->index].name, rows[r].words);
			if (!found)
				return filter_error(p, at, text.len, cure, "there is no such %s",
						    px_common_fields[slot->index].name);
		}
	}
	return 0;
}

/* Of the fields that a test may be about, what their types allow. */
struct bind_types {
	bool any_time_unit, any_stamp, any_text, any_number, only_bool, only_map;
};

static struct bind_types bind_types(const struct px_filter *f, const struct filter_test *t)
{
	struct bind_types b = { .only_bool = true, .only_map = true };

	for (size_t i = 0; i < f->table_count; i++) {
		const struct filter_slot *slot = &t->slots[i];
		const struct px_field *field =
			slot->member_field ? slot->member_field : slot->field;

		if (!field)
			continue;
		b.any_time_unit |= slot->ns_per_unit != 0;
		b.any_stamp |= field->type == PX_TYPE_TIME;
		b.any_number |= field->type == PX_TYPE_INT;
		b.any_text |= field->type != PX_TYPE_INT && field->type != PX_TYPE_BOOL &&
			      field->type != PX_TYPE_TIME;
		b.only_bool &= field->type == PX_TYPE_BOOL;
		b.only_map &= !t->member.len && !slot->member_field &&
			      (field->type == PX_TYPE_MAP || field->type == PX_TYPE_OBJECTS);
	}
	return b;
}

static int bind_field_values(struct filter_parser *p, struct filter_test *t, bool is_short)
{
	struct bind_types b = bind_types(p->filter, t);
	bool has_order = t->op >= FILTER_LT && t->op <= FILTER_GE;
	bool is_compared = has_order || t->op == FILTER_EQ;
	char cure[200];

	if (b.only_map && t->op != FILTER_HAS && t->op != FILTER_CONTAINS) {
		snprintf(cure, sizeof(cure), "name one of its members: %.*s.NAME", (int)t->name.len,
			 t->name.ptr);
		return filter_error(p, t->values[0].at, t->values[0].text.len, cure,
				    "%.*s has members, and no value of its own", (int)t->name.len,
				    t->name.ptr);
	}
	for (size_t i = 0; i < t->value_count; i++) {
		struct filter_value *v = &t->values[i];
		size_t at = v->at;
		bool has_unit = !v->number.is_there && (v->ns.is_there || v->bytes.is_there);
		int64_t ns;

		if (b.any_stamp && is_compared) {
			if (!v->number.is_there && !bind_time(v->text, &ns))
				return filter_error(p, at, v->text.len,
						    "write it in UTC: ts > 2026-01-31T12:00:00Z",
						    "this is no time");
			if (!v->number.is_there)
				v->number = (struct filter_number){
					.is_there = true, .is_int = true, .i = ns, .d = (double)ns
				};
			v->bytes = v->number;
			continue;
		}
		if (b.only_bool && is_compared && !v->is_true && !v->is_false)
			return filter_error(p, at, v->text.len,
					    "write it alone, or with not: not ok",
					    "%.*s is true or false", (int)t->name.len, t->name.ptr);
		if (b.any_time_unit && v->ns.is_there && is_compared)
			t->in_ns = true;
		else if (is_short && is_compared && !(v->number.is_int && v->number.i == 0))
			return filter_error(p, at, v->text.len,
					    "give it a unit: 500us, 200ms, 1.5s", "%.*s is a time",
					    (int)t->name.len, t->name.ptr);
		if (t->in_ns && !v->ns.is_there)
			return filter_error(p, at, v->text.len, "give each of them a unit",
					    "some of these values are times and some are not");
		if (!t->in_ns && has_order && has_unit && !v->bytes.is_there)
			return filter_error(p, at, v->text.len, "leave the unit out",
					    "%.*s is no time", (int)t->name.len, t->name.ptr);
		if (has_order && !v->number.is_there && !has_unit && v->text.len &&
		    v->text.ptr[0] >= '0' && v->text.ptr[0] <= '9' && !b.any_text)
			return filter_error(p, at, v->text.len,
					    "the units are us ms s, and kB MB (1000) k M (1024)",
					    "this is no number");
	}
	if (t->op == FILTER_EQ && bind_check_words(p, t))
		return -1;
	return t->op == FILTER_MATCH ? bind_pattern(p, t) : 0;
}

static int bind_field(struct filter_parser *p, struct filter_test *t, size_t at)
{
	size_t len = t->name.len;
	struct px_filter *f = p->filter;
	bool is_short = false;
	char text[BIND_NAME_MAX], cure[256];

	if (t->name.len >= sizeof(text) - 4)
		return filter_error(p, at, len, NULL, "no field has such a long name");
	if (px_bytes_eq(t->name, PX_BYTES("seq")))
		return filter_error(p, at, len, "ts and ts_us tell records apart by time",
				    "records are numbered once they have passed the filter");
	if (!bind_slots(f, t, t->name)) {
		snprintf(text, sizeof(text), "%.*s_ns", (int)t->name.len, t->name.ptr);
		is_short = bind_slots(f, t, px_bytes_str(text));
		if (!is_short)
			return filter_error(p, at, len,
					    filter_suggest(f, t->name, t->op == FILTER_HAS, cure,
							   sizeof(cure)),
					    "there is no field or protocol '%.*s'",
					    (int)t->name.len, t->name.ptr);
	}
	for (size_t i = 0; i < f->table_count; i++)
		f->wants_details |= t->slots[i].field && !t->slots[i].is_common &&
				    strcmp(t->slots[i].field->name, "bytes") != 0;
	return bind_field_values(p, t, is_short);
}

static int bind_port(struct filter_parser *p, const struct filter_test *t)
{
	for (size_t i = 0; i < t->value_count; i++) {
		const struct filter_number *n = &t->values[i].number;

		if (t->op > FILTER_GE)
			return filter_error(p, t->values[i].at, t->values[i].text.len,
					    "write: port 80, port in (80,443), port < 1024",
					    "ports are compared as numbers");
		if (!n->is_int || n->i < 0 || n->i > UINT16_MAX)
			return filter_error(p, t->values[i].at, t->values[i].text.len,
					    "a port is a number from 0 to 65535",
					    "this is no port: '%.*s'", (int)t->values[i].text.len,
					    t->values[i].text.ptr);
	}
	return 0;
}

int filter_bind(struct filter_parser *p, struct filter_test *t, size_t at)
{
	struct px_filter *f = p->filter;

	t->slots = px_arena_alloc(&f->arena, f->table_count * sizeof(*t->slots));
	if (!t->slots)
		return filter_error(p, at, t->name.len, NULL, "out of memory");
	for (size_t i = 0; i < t->value_count; i++)
		bind_value(&t->values[i]);
	if (t->about == FILTER_ABOUT_PORT)
		return bind_port(p, t);
	if (t->about == FILTER_ABOUT_FIELD)
		return bind_field(p, t, at);
	for (size_t i = 0; i < t->value_count; i++) {
		const struct px_net *net = &t->values[i].net;

		if (net->bits == (net->is_v6 ? 128 : 32))
			inet_ntop(net->is_v6 ? AF_INET6 : AF_INET, net->addr, t->values[i].addr,
				  sizeof(t->values[i].addr));
	}
	return 0;
}
