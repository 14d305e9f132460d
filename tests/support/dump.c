/* SPDX-License-Identifier: Apache-2.0 */
#include "support/dump.h"

#include <stdlib.h>

static void dump_add(struct px_buf *out, const char *s)
{
	if (px_buf_append(out, px_bytes_str(s)) != 0)
		abort();
}

void px_dump_text(struct px_buf *out, struct px_bytes text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		int err = c == '\n'		  ? px_buf_printf(out, "\\n")
			  : c == '\r'		  ? px_buf_printf(out, "\\r")
			  : c == '\\'		  ? px_buf_printf(out, "\\\\")
			  : c >= 0x20 && c < 0x7f ? px_buf_printf(out, "%c", c)
						  : px_buf_printf(out, "\\x%02x", c);

		if (err)
			abort();
	}
}

/* A value without its name; a list on one line. */
static void dump_scalar(struct px_buf *out, enum px_type type, const struct px_value *v)
{
	if (v->is_null) {
		dump_add(out, "null");
		return;
	}
	switch (type) {
	case PX_TYPE_BOOL:
		dump_add(out, v->b ? "true" : "false");
		break;
	case PX_TYPE_INT:
	case PX_TYPE_TIME:
		if (px_buf_printf(out, "%lld", (long long)v->i) != 0)
			abort();
		break;
	case PX_TYPE_LIST:
		for (size_t i = 0; i < v->list.count; i++) {
			dump_add(out, i ? "," : "");
			px_dump_text(out, v->list.items[i]);
		}
		break;
	default:
		px_dump_text(out, v->s);
	}
}

static void dump_name(struct px_buf *out, const char *prefix, const struct px_field *f)
{
	dump_add(out, prefix);
	dump_add(out, f->name);
}

/* answers: name=a.example type=A */
static void dump_object(struct px_buf *out, const struct px_field *members,
			const struct px_object *o)
{
	for (uint64_t rest = o->has; rest; rest &= rest - 1) {
		unsigned int m = (unsigned int)__builtin_ctzll(rest);

		dump_name(out, " ", &members[m]);
		dump_add(out, "=");
		dump_scalar(out, members[m].type, &o->values[m]);
	}
}

static void dump_value(struct px_buf *out, const char *prefix, const struct px_field *f,
		       struct px_value v)
{
	bool is_map = f->type == PX_TYPE_MAP, is_list = f->type == PX_TYPE_LIST;
	bool is_objects = f->type == PX_TYPE_OBJECTS;
	size_t count = v.is_null    ? 1
		       : is_map	    ? v.map.count
		       : is_list    ? v.list.count
		       : is_objects ? v.objects.count
				    : 1;

	for (size_t i = 0; i < count; i++) {
		dump_name(out, prefix, f);
		if (is_map && !v.is_null) {
			dump_add(out, ".");
			px_dump_text(out, v.map.pairs[i].name);
		}
		dump_add(out, is_objects ? ":" : ": ");
		if (v.is_null || !(is_map || is_list || is_objects))
			dump_scalar(out, f->type, &v);
		else if (is_map)
			px_dump_text(out, v.map.pairs[i].value);
		else if (is_list)
			px_dump_text(out, v.list.items[i]);
		else
			dump_object(out, f->members, &v.objects.items[i]);
		dump_add(out, "\n");
	}
}

static void dump_raw(struct px_buf *out, const char *name, const struct px_raw *raw)
{
	dump_add(out, name);
	px_dump_text(out, raw->head);
	px_dump_text(out, raw->body);
	dump_add(out, raw->is_cut ? " (cut)\n" : "\n");
}

void px_dump_exchange(struct px_buf *out, const struct px_exchange *ex, unsigned int how,
		      size_t pool_bytes)
{
	static const char *const prefixes[] = { [PX_SIDE_COMMON] = "",
						[PX_SIDE_REQ] = "req.",
						[PX_SIDE_RESP] = "resp." };
	struct px_record *rec = calloc(1, sizeof(*rec));
	struct px_arena_pool pool;
	struct px_arena arena;

	if (!rec)
		abort();
	px_arena_pool_init(&pool, pool_bytes);
	px_arena_init(&arena, &pool, pool_bytes);
	rec->arena = &arena;
	px_record_clear(rec, PX_RECORD_MESSAGE);
	rec->fields = ex->parser->fields;
	rec->want_summary = true;
	rec->no_redact = how & PX_DUMP_SECRETS;
	rec->redact_literals = how & PX_DUMP_NO_LITERALS;
	ex->parser->describe(ex, rec);
	if (rec->summary.len > 0) {
		dump_add(out, "summary: ");
		px_dump_text(out, rec->summary);
		dump_add(out, "\n");
	}
	for (int i = 0; i < PX_COMMON_COUNT; i++)
		if (px_record_has(rec, (enum px_common)i))
			dump_value(out, "", &px_common_fields[i], rec->common[i]);
	for (int i = 0; rec->fields[i].type != PX_TYPE_NONE; i++)
		if (rec->has_proto >> i & 1)
			dump_value(out, prefixes[rec->fields[i].side],
				   &rec->fields[i], rec->proto[i]);
	if (how & PX_DUMP_RAW && rec->has_req)
		dump_raw(out, "raw req: ", &rec->raw_req);
	if (how & PX_DUMP_RAW && rec->has_resp)
		dump_raw(out, "raw resp: ", &rec->raw_resp);
	px_arena_reset(&arena);
	px_arena_pool_fini(&pool);
	free(rec);
}
