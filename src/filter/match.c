/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a filter over a record. */
#include <arpa/inet.h>

#include "filter/program.h"

static bool number_holds(enum filter_op op, const struct filter_number *a,
			 const struct filter_number *b)
{
	bool is_less, is_equal;

	if (a->is_int && b->is_int) {
		is_less = a->i < b->i;
		is_equal = a->i == b->i;
	} else {
		is_less = a->d < b->d;
		is_equal = a->d == b->d;
	}
	switch (op) {
	case FILTER_EQ:
		return is_equal;
	case FILTER_LT:
		return is_less;
	case FILTER_LE:
		return is_less || is_equal;
	case FILTER_GT:
		return !is_less && !is_equal;
	case FILTER_GE:
		return !is_less;
	default:
		return false;
	}
}

/* Whole numbers of up to 18 digits, which most texts that look like a number are. */
static struct filter_number text_number(struct px_bytes s)
{
	int64_t i = 0;

	if (s.len == 0 ||
	    (s.ptr[0] > '9' || (s.ptr[0] < '0' && s.ptr[0] != '-' && s.ptr[0] != '+')))
		return (struct filter_number){ 0 };
	if (s.len > 18)
		return filter_number_of(s);
	for (size_t at = 0; at < s.len; at++) {
		if (s.ptr[at] < '0' || s.ptr[at] > '9')
			return filter_number_of(s);
		i = i * 10 + (s.ptr[at] - '0');
	}
	return (struct filter_number){ .is_there = true, .is_int = true, .i = i, .d = (double)i };
}

static bool pattern_holds(const struct filter_test *t, struct px_bytes s)
{
	struct px_bytes l = t->literal;

	switch (t->pattern) {
	case FILTER_ANYWHERE:
		return s.len >= l.len && memmem(s.ptr, s.len, l.ptr, l.len);
	case FILTER_AT_START:
		return px_bytes_starts(s, l);
	case FILTER_AT_END:
		return s.len >= l.len && memcmp(s.ptr + s.len - l.len, l.ptr, l.len) == 0;
	case FILTER_WHOLE:
		return px_bytes_eq(s, l);
	case FILTER_REGEX:
		break;
	}
	return filter_regex_match(t->regex, s);
}

/* Both numbers: compared as such; but ids of more digits than fit are texts. */
static bool text_equals(struct px_bytes s, const struct filter_number *n,
			const struct filter_value *v)
{
	if (n->is_there && v->number.is_there && !n->is_rough && !v->number.is_rough)
		return number_holds(FILTER_EQ, n, &v->number);
	return px_bytes_eq(s, v->text);
}

static bool text_holds(const struct filter_test *t, struct px_bytes s)
{
	struct filter_number n;

	switch (t->op) {
	case FILTER_HAS:
		return s.len > 0;
	case FILTER_MATCH:
		return pattern_holds(t, s);
	case FILTER_CONTAINS:
		return memmem(s.ptr ? s.ptr : "", s.len, t->values[0].text.ptr,
			      t->values[0].text.len) != NULL;
	default:
		break;
	}
	n = text_number(s);
	if (t->op != FILTER_EQ)
		return n.is_there && t->values[0].number.is_there &&
		       number_holds(t->op, &n, &t->values[0].number);
	for (size_t i = 0; i < t->value_count; i++)
		if (text_equals(s, &n, &t->values[i]))
			return true;
	return false;
}

static bool int_holds(const struct filter_test *t, const struct filter_slot *slot, int64_t value)
{
	struct filter_number n = { .is_there = true, .is_int = true, .i = value };
	char digits[24], *p = digits + sizeof(digits);
	uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

	if (t->op == FILTER_HAS)
		return true;
	if (t->op == FILTER_MATCH || t->op == FILTER_CONTAINS) {
		do
			*--p = (char)('0' + rest % 10);
		while (rest /= 10);
		if (value < 0)
			*--p = '-';
		return text_holds(t, px_bytes_of(p, (size_t)(digits + sizeof(digits) - p)));
	}
	n.d = (double)value;
	if (t->in_ns) {
		n.d *= (double)slot->ns_per_unit;
		n.is_int = !__builtin_mul_overflow(value, slot->ns_per_unit, &n.i);
	}
	for (size_t i = 0; i < t->value_count; i++) {
		const struct filter_value *v = &t->values[i];
		const struct filter_number *with = t->in_ns ? &v->ns : &v->bytes;

		if (with->is_there && number_holds(t->op, &n, with))
			return true;
	}
	return false;
}

static bool bool_holds(const struct filter_test *t, bool value)
{
	if (t->op == FILTER_HAS)
		return value;
	if (t->op != FILTER_EQ)
		return text_holds(t, value ? PX_BYTES("true") : PX_BYTES("false"));
	for (size_t i = 0; i < t->value_count; i++)
		if (value ? t->values[i].is_true : t->values[i].is_false)
			return true;
	return false;
}

/* Of a list, one item has to. */
static bool list_holds(const struct filter_test *t, const struct px_value *v)
{
	for (size_t i = 0; i < v->list.count; i++) {
		struct px_bytes item = v->list.items[i];

		if (!item.ptr)
			continue; /* null */
		if (t->op == FILTER_CONTAINS ? px_bytes_eq(item, t->values[0].text)
		    : t->op == FILTER_HAS    ? true
					     : text_holds(t, item))
			return true;
	}
	return false;
}

static const struct px_pair *map_member(const struct px_value *v, struct px_bytes name)
{
	for (size_t i = 0; i < v->map.count; i++)
		if (px_bytes_caseeq(v->map.pairs[i].name, name))
			return &v->map.pairs[i];
	return NULL;
}

/* *is_there: what a negation needs to know. */
static bool value_holds(const struct filter_test *t, const struct filter_slot *slot,
			const struct px_field *f, const struct px_value *v, bool *is_there)
{
	const struct px_pair *pair;

	*is_there = true;
	switch (f->type) {
	case PX_TYPE_STR:
	case PX_TYPE_BODY:
		return text_holds(t, v->s);
	case PX_TYPE_INT:
	case PX_TYPE_TIME:
		return int_holds(t, slot, v->i);
	case PX_TYPE_BOOL:
		return bool_holds(t, v->b);
	case PX_TYPE_LIST:
		return list_holds(t, v);
	case PX_TYPE_MAP:
		if (t->member.len) {
			pair = map_member(v, t->member);
			*is_there = pair != NULL;
			return pair && text_holds(t, pair->value);
		}
		return t->op == FILTER_HAS ? v->map.count > 0
					   : t->op == FILTER_CONTAINS && t->value_count &&
						     map_member(v, t->values[0].text) != NULL;
	default:
		*is_there = false;
		return false;
	}
}

/* Of objects, one has to. */
static bool objects_hold(const struct filter_test *t, const struct filter_slot *slot,
			 const struct px_value *v, bool *is_there)
{
	bool holds = false, has_one = false;

	if (!slot->member_field) {
		*is_there = true;
		return t->op == FILTER_HAS && v->objects.count > 0;
	}
	for (size_t i = 0; !holds && i < v->objects.count; i++) {
		const struct px_object *o = &v->objects.items[i];
		const struct px_value *m = &o->values[slot->member_index];

		if (!(o->has >> slot->member_index & 1) || m->is_null)
			continue;
		holds = value_holds(t, slot, slot->member_field, m, is_there);
		has_one = true;
	}
	*is_there = has_one;
	return holds;
}

static bool field_holds(const struct filter_test *t, size_t table, const struct px_record *r)
{
	const struct filter_slot *slot = &t->slots[table];
	const struct px_value *v;
	bool holds, is_there;

	if (!slot->field)
		return false;
	if (slot->is_common) {
		if (!px_record_has(r, slot->index))
			return false;
		v = &r->common[slot->index];
	} else {
		if (!(r->has_proto >> slot->index & 1))
			return false;
		v = &r->proto[slot->index];
	}
	if (v->is_null)
		return false;
	if (slot->field->type == PX_TYPE_OBJECTS)
		holds = objects_hold(t, slot, v, &is_there);
	else
		holds = value_holds(t, slot, slot->field, v, &is_there);
	return t->is_negated ? is_there && !holds : holds;
}

static bool port_holds(const struct filter_test *t, const struct px_record *r)
{
	static const enum px_common ends[] = { PX_F_LOCAL_PORT, PX_F_REMOTE_PORT };
	static const struct filter_slot plain = { 0 };
	bool holds = false, has_one = false;

	for (size_t i = 0; i < PX_COUNT(ends); i++) {
		if (!px_record_has(r, ends[i]))
			continue;
		has_one = true;
		holds |= int_holds(t, &plain, r->common[ends[i]].i);
	}
	return t->is_negated ? has_one && !holds : holds;
}

static bool net_has(const struct px_net *net, struct px_bytes text)
{
	uint8_t addr[16];
	char word[64];
	size_t whole = net->bits / 8, rest = net->bits % 8;

	if (text.len >= sizeof(word))
		return false;
	memcpy(word, text.ptr, text.len);
	word[text.len] = '\0';
	if (inet_pton(net->is_v6 ? AF_INET6 : AF_INET, word, addr) != 1)
		return false;
	return memcmp(addr, net->addr, whole) == 0 &&
	       (!rest || (addr[whole] & (uint8_t)(0xff00 >> rest)) == net->addr[whole]);
}

static bool host_holds(const struct filter_test *t, const struct px_record *r)
{
	static const enum px_common ends[] = { PX_F_LOCAL_ADDR, PX_F_REMOTE_ADDR };

	if (px_record_has(r, PX_F_NET) && px_bytes_eq(r->common[PX_F_NET].s, PX_BYTES("unix")))
		return false; /* a path may look like an address */
	for (size_t i = 0; i < PX_COUNT(ends); i++) {
		struct px_bytes text;

		if (!px_record_has(r, ends[i]) || r->common[ends[i]].is_null)
			continue;
		text = r->common[ends[i]].s;
		text.len = px_bytes_find(text, 0, '%'); /* without the interface of a link-local one */
		for (size_t v = 0; v < t->value_count; v++) {
			const struct filter_value *value = &t->values[v];

			if (value->addr[0] ? px_bytes_eq(text, px_bytes_str(value->addr))
					   : net_has(&value->net, text))
				return true;
		}
	}
	return false;
}

static bool test_holds(const struct filter_test *t, size_t table, const struct px_record *r)
{
	switch (t->about) {
	case FILTER_ABOUT_PORT:
		return port_holds(t, r);
	case FILTER_ABOUT_HOST:
		return host_holds(t, r);
	case FILTER_ABOUT_FIELD:
		break;
	}
	return field_holds(t, table, r);
}

bool px_filter_match(struct px_filter *f, const struct px_record *r)
{
	size_t table = f->last_table;
	uint16_t at = f->first;

	if (f->tables[table] != r->fields) {
		for (table = f->table_count - 1; table > 0 && f->tables[table] != r->fields;)
			table--;
		f->last_table = table;
	}
	while (at < f->test_count)
		at = test_holds(&f->tests[at], table, r) ? f->tests[at].yes : f->tests[at].no;
	return at == FILTER_ACCEPT;
}
