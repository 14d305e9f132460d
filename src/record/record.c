/* SPDX-License-Identifier: Apache-2.0 */
/* Life of a record, and the names of its flags. */
#include "record/record.h"

/* clang-format off */
static const struct px_bytes record_type_names[] = {
	[PX_RECORD_START] = PX_BYTES("start"),
	[PX_RECORD_MESSAGE] = PX_BYTES("message"),
	[PX_RECORD_OPEN] = PX_BYTES("open"),
	[PX_RECORD_CLOSE] = PX_BYTES("close"),
	[PX_RECORD_TLS] = PX_BYTES("tls"),
	[PX_RECORD_LOST] = PX_BYTES("lost"),
	[PX_RECORD_NOTE] = PX_BYTES("note"),
	[PX_RECORD_STOP] = PX_BYTES("stop"),
	[PX_RECORD_SUMMARY] = PX_BYTES("summary"),
};
/* clang-format on */

/* By bit number of enum px_flag. */
static const struct px_bytes record_flag_names[PX_FLAG_COUNT] = {
	PX_BYTES("truncated"), PX_BYTES("aborted"),  PX_BYTES("mid_stream"), PX_BYTES("gap"),
	PX_BYTES("noreply"),   PX_BYTES("unpaired"), PX_BYTES("redacted"),
};

void px_record_clear(struct px_record *r, enum px_record_type type)
{
	/* The values themselves may stay: without their bit nobody looks at them. */
	r->type = type;
	r->fields = NULL;
	r->has_common = 0;
	r->has_proto = 0;
	r->has_req = false;
	r->has_resp = false;
	r->summary = (struct px_bytes){ NULL, 0 };
	r->raw_req = (struct px_raw){ .is_cut = false };
	r->raw_resp = (struct px_raw){ .is_cut = false };
	r->flags = 0;
	if (r->arena)
		px_arena_reset(r->arena);
	px_record_str(r, PX_F_TYPE, record_type_names[type]);
	px_record_bool(r, PX_F_OK, true);
}

struct px_bytes px_record_flag_name(unsigned int bit)
{
	return record_flag_names[bit];
}

void px_record_flags(struct px_record *r, unsigned int flags)
{
	struct px_value *v = px_record_at(r, PX_F_FLAGS);
	size_t count = 0;

	r->flags = flags & ((1U << PX_FLAG_COUNT) - 1);
	for (unsigned int rest = r->flags; rest; rest &= rest - 1)
		r->flag_names[count++] = record_flag_names[__builtin_ctz(rest)];
	v->list.items = r->flag_names;
	v->list.count = count;
}

void px_record_time(struct px_record *r, int64_t wall_ns)
{
	px_record_int(r, PX_F_TS, wall_ns);
	px_record_int(r, PX_F_TS_US, wall_ns / 1000);
}

const struct px_value *px_record_get(const struct px_record *r, const struct px_field_ref *ref)
{
	if (ref->is_common)
		return px_record_has(r, ref->index) ? &r->common[ref->index] : NULL;
	/* A name found in one protocol's table means nothing in a record of another. */
	if (!r->fields || &r->fields[ref->index] != ref->field || !(r->has_proto >> ref->index & 1))
		return NULL;
	return &r->proto[ref->index];
}
