/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/pick.h"

static void pick_fill(struct px_pick *p, struct px_pick_table *t, const struct px_field *fields)
{
	*t = (struct px_pick_table){ .fields = fields };
	for (size_t i = 0; i < p->count; i++) {
		struct px_field_ref *ref = &t->refs[i];

		if (!px_field_find_message(p->names[i], fields, ref))
			ref->field = NULL;
		else if (ref->is_common)
			t->common |= (uint64_t)1 << ref->index;
		else
			t->proto |= (uint64_t)1 << ref->index;
	}
}

static bool pick_is_known(struct px_bytes name, const struct px_field_group *groups, size_t count)
{
	struct px_field_ref ref;

	if (px_field_find_message(name, NULL, &ref))
		return true;
	for (size_t i = 0; i < count; i++)
		if (px_field_find_message(name, groups[i].fields, &ref))
			return true;
	return false;
}

int px_pick_init(struct px_pick *p, const char *text, const struct px_field_group *groups,
		 size_t count, struct px_error *err)
{
	static const char cure[] = "write names and commas; pxtrace --list-fields shows them";
	struct px_bytes list = px_bytes_str(text);
	size_t end;

	memset(p, 0, sizeof(*p));
	for (size_t at = 0; at <= list.len; at = end + 1) {
		struct px_bytes name;

		end = px_bytes_find(list, at, ',');
		name = px_bytes_trim(px_bytes_sub(list, at, end - at));
		if (p->count == PX_PICK_MAX)
			return px_error_set(err, PX_EXIT_USAGE, "name fewer",
					    "--fields takes at most %d fields", PX_PICK_MAX);
		if (!pick_is_known(name, groups, count))
			return px_error_set(err, PX_EXIT_USAGE, cure,
					    "--fields: there is no field '%.*s'", (int)name.len,
					    name.len ? name.ptr : "");
		p->names[p->count++] = name;
	}
	return 0;
}

const struct px_pick_table *px_pick_table(struct px_pick *p, const struct px_record *r)
{
	size_t i = 0;

	while (i < p->table_count && p->tables[i].fields != r->fields)
		i++;
	if (i < p->table_count)
		return &p->tables[i];
	if (i == PX_PICK_TABLES)
		i--; /* the last one makes way when there are too many */
	else
		p->table_count++;
	pick_fill(p, &p->tables[i], r->fields);
	return &p->tables[i];
}

const struct px_value *px_pick_value(const struct px_record *r, const struct px_field_ref *ref,
				     enum px_type *type, struct px_value *tmp)
{
	const struct px_value *v = ref->field ? px_record_get(r, ref) : NULL;

	if (!v)
		return NULL;
	*type = ref->field->type;
	if (*type != PX_TYPE_MAP || !ref->member.len || v->is_null)
		return v;
	for (size_t i = 0; i < v->map.count; i++)
		if (px_bytes_caseeq(v->map.pairs[i].name, ref->member)) {
			*type = PX_TYPE_STR;
			*tmp = (struct px_value){ .s = v->map.pairs[i].value };
			return tmp;
		}
	return NULL;
}
