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

static void dump_value(struct px_buf *out, const char *prefix, const struct px_field *f,
		       struct px_value v)
{
	size_t count = f->type == PX_TYPE_MAP	 ? v.map.count
		       : f->type == PX_TYPE_LIST ? v.list.count
						 : 1;

	for (size_t i = 0; i < count; i++) {
		dump_add(out, prefix);
		dump_add(out, f->name);
		if (f->type == PX_TYPE_MAP && !v.is_null) {
			dump_add(out, ".");
			px_dump_text(out, v.map.pairs[i].name);
		}
		dump_add(out, ": ");
		if (v.is_null) {
			dump_add(out, "null");
		} else {
			switch (f->type) {
			case PX_TYPE_MAP:
				px_dump_text(out, v.map.pairs[i].value);
				break;
			case PX_TYPE_LIST:
				px_dump_text(out, v.list.items[i]);
				break;
			case PX_TYPE_BOOL:
				dump_add(out, v.b ? "true" : "false");
				break;
			case PX_TYPE_INT:
			case PX_TYPE_TIME:
				if (px_buf_printf(out, "%lld", (long long)v.i) != 0)
					abort();
				break;
			default:
				px_dump_text(out, v.s);
			}
		}
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

void px_dump_exchange(struct px_buf *out, const struct px_exchange *ex, bool no_redact, bool raw,
		      size_t pool_bytes)
{
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
	rec->no_redact = no_redact;
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
			dump_value(out, rec->fields[i].side == PX_SIDE_REQ ? "req." : "resp.",
				   &rec->fields[i], rec->proto[i]);
	if (raw && rec->has_req)
		dump_raw(out, "raw req: ", &rec->raw_req);
	if (raw && rec->has_resp)
		dump_raw(out, "raw resp: ", &rec->raw_resp);
	px_arena_reset(&arena);
	px_arena_pool_fini(&pool);
	free(rec);
}
