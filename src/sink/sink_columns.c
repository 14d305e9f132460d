/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/sink_columns.h"

#include <stdlib.h>

#include "sink/cell.h"
#include "sink/emit.h"
#include "sink/escape.h"
#include "sink/text_aside.h"
#include "sink/text_detail.h"
#include "sink/when.h"

#define COLUMNS_RECORD_MAX ((size_t)1 << 30)
#define COLUMNS_KEPT ((size_t)1 << 20) /* a buffer that grew beyond this is given back */

struct columns_sink {
	struct px_sink base;
	struct px_out *out;
	struct px_pick *pick;
	bool is_csv, has_header;
	size_t column; /* of the line that is being made */
	struct px_buf line, cell;
	struct px_when when;
	struct px_pick sizes; /* req.bytes and resp.bytes */
};

static int cell_text(struct columns_sink *s, struct px_bytes text)
{
	return px_term_append(&s->cell, text, 0, PX_TERM_ROOM_ALL, NULL);
}

static int cell_put(struct columns_sink *s, struct px_bytes text)
{
	return px_buf_append(&s->cell, text);
}

static int cell_int(struct columns_sink *s, int64_t i)
{
	char digits[PX_EMIT_INT_MAX];

	return cell_put(s, px_bytes_of(digits, (size_t)(px_emit_i64(digits, i) - digits)));
}

/* 1.230: milliseconds, as in the text line but without the unit */
static int cell_ms(struct columns_sink *s, int64_t ns)
{
	char text[PX_EMIT_INT_MAX + 4], *p = text;
	uint64_t us = ((uint64_t)ns + 500) / 1000;

	p = px_emit_u64(p, us / 1000);
	*p++ = '.';
	p = px_emit_3(p, (unsigned int)(us % 1000));
	return cell_put(s, px_bytes_of(text, (size_t)(p - text)));
}

/* The cell is complete: into the line with it. */
static int cell_end(struct columns_sink *s)
{
	int err = px_cell_append(&s->line, px_buf_bytes(&s->cell), s->is_csv, s->column == 0);

	s->column++;
	s->cell.len = 0;
	return err;
}

static int cell_scalar(struct columns_sink *s, enum px_type type, const struct px_value *v)
{
	char text[PX_WHEN_UTC_LEN];

	switch (type) {
	case PX_TYPE_STR:
	case PX_TYPE_BODY:
		return cell_text(s, v->s);
	case PX_TYPE_INT:
		return cell_int(s, v->i);
	case PX_TYPE_BOOL:
		return cell_put(s, v->b ? PX_BYTES("true") : PX_BYTES("false"));
	case PX_TYPE_TIME:
		px_when_utc(&s->when, text, v->i);
		return cell_put(s, px_bytes_of(text, sizeof(text)));
	default:
		return 0;
	}
}

/* An item more in a cell: what divides it from the one before. */
static int cell_next(struct columns_sink *s, struct px_bytes divider)
{
	return s->cell.len ? cell_put(s, divider) : 0;
}

/* "A 10.0.0.1; A 10.0.0.2" of all members, or "10.0.0.1,10.0.0.2" of the one that is named. */
static int cell_objects(struct columns_sink *s, const struct px_field_ref *ref,
			const struct px_value *v)
{
	const struct px_field *members = ref->field->members;
	int err = 0;

	for (size_t i = 0; !err && i < v->objects.count; i++) {
		const struct px_object *o = &v->objects.items[i];
		bool is_first = true;

		for (unsigned int m = 0; !err && members[m].type != PX_TYPE_NONE; m++) {
			bool is_named = px_bytes_eq(px_bytes_str(members[m].name), ref->member);

			if ((ref->member.len && !is_named) || !(o->has >> m & 1) ||
			    o->values[m].is_null)
				continue;
			err = is_first ? cell_next(s, is_named ? PX_BYTES(",") : PX_BYTES("; "))
				       : cell_put(s, PX_BYTES(" "));
			if (!err)
				err = cell_scalar(s, members[m].type, &o->values[m]);
			is_first = false;
		}
	}
	return err;
}

static int cell_value(struct columns_sink *s, const struct px_field_ref *ref, enum px_type type,
		      const struct px_value *v)
{
	int err = 0;

	switch (type) {
	case PX_TYPE_LIST:
		for (size_t i = 0; !err && i < v->list.count; i++) {
			err = cell_next(s, PX_BYTES(","));
			if (!err)
				err = cell_text(s, v->list.items[i]);
		}
		return err;
	case PX_TYPE_MAP:
		for (size_t i = 0; !err && i < v->map.count; i++) {
			err = cell_next(s, PX_BYTES("\\n"));
			if (!err)
				err = cell_text(s, v->map.pairs[i].name);
			if (!err)
				err = cell_put(s, PX_BYTES(": "));
			if (!err)
				err = cell_text(s, v->map.pairs[i].value);
		}
		return err;
	case PX_TYPE_OBJECTS:
		return cell_objects(s, ref, v);
	default:
		return cell_scalar(s, type, v);
	}
}

static int columns_picked(struct columns_sink *s, const struct px_record *r)
{
	const struct px_pick_table *t = px_pick_table(s->pick, r);
	int err = 0;

	for (size_t i = 0; !err && i < s->pick->count; i++) {
		enum px_type type;
		struct px_value tmp;
		const struct px_value *v = px_pick_value(r, &t->refs[i], &type, &tmp);

		if (v && !v->is_null)
			err = cell_value(s, &t->refs[i], type, v);
		if (!err)
			err = cell_end(s);
	}
	return err;
}

/* --- the columns of the text line --- */

static const char columns_header[] =
	"time,comm,pid,local,dir,remote,proto,status,latency_ms,req_bytes,resp_bytes,summary";

static int columns_common(struct columns_sink *s, const struct px_record *r, enum px_common f)
{
	const struct px_value *v = &r->common[f];
	int err = 0;

	if (px_record_has(r, f) && !v->is_null)
		err = cell_scalar(s, px_common_fields[f].type, v);
	return err ? err : cell_end(s);
}

static int columns_endpoint(struct columns_sink *s, const struct px_record *r, bool is_local)
{
	size_t unused = 0;
	int err = px_text_endpoint(&s->cell, r, is_local, &unused);

	if (px_bytes_eq(px_buf_bytes(&s->cell), PX_BYTES("-")))
		s->cell.len = 0;
	return err ? err : cell_end(s);
}

static int columns_dir(struct columns_sink *s, const struct px_record *r)
{
	int err = 0;

	if (px_record_has(r, PX_F_ROLE) && !r->common[PX_F_ROLE].is_null)
		err = cell_put(s, px_bytes_eq(r->common[PX_F_ROLE].s, PX_BYTES("client"))
					  ? PX_BYTES("->")
					  : PX_BYTES("<-"));
	return err ? err : cell_end(s);
}

static int columns_ms(struct columns_sink *s, const struct px_record *r, enum px_common f)
{
	int err = 0;

	if (px_record_has(r, f) && !r->common[f].is_null && r->common[f].i >= 0)
		err = cell_ms(s, r->common[f].i);
	return err ? err : cell_end(s);
}

static int columns_message(struct columns_sink *s, const struct px_record *r)
{
	const struct px_pick_table *t = px_pick_table(&s->sizes, r);
	int err = px_record_has(r, PX_F_PROTO) ? cell_text(s, r->common[PX_F_PROTO].s) : 0;

	if (!err && px_record_has(r, PX_F_TLS) && r->common[PX_F_TLS].b)
		err = cell_put(s, PX_BYTES("+tls"));
	if (!err)
		err = cell_end(s);
	if (!err)
		err = columns_common(s, r, PX_F_STATUS);
	if (!err)
		err = columns_ms(s, r, PX_F_LATENCY_NS);
	for (size_t i = 0; !err && i < s->sizes.count; i++) {
		const struct px_value *v = t->refs[i].field ? px_record_get(r, &t->refs[i]) : NULL;

		if (v && !v->is_null)
			err = cell_int(s, v->i);
		if (!err)
			err = cell_end(s);
	}
	if (!err)
		err = cell_text(s, r->summary);
	return err ? err : cell_end(s);
}

static int columns_conn(struct columns_sink *s, const struct px_record *r)
{
	bool is_open = r->type == PX_RECORD_OPEN;
	bool is_server = px_record_has(r, PX_F_ROLE) &&
			 px_bytes_eq(r->common[PX_F_ROLE].s, PX_BYTES("server"));
	int err = cell_put(s, PX_BYTES("conn"));

	if (!err)
		err = cell_end(s);
	if (!err)
		err = cell_put(s, is_open ? PX_BYTES("open") : PX_BYTES("close"));
	if (!err)
		err = cell_end(s);
	if (!err)
		err = columns_ms(s, r, is_open ? PX_F_CONNECT_NS : PX_F_DURATION_NS);
	if (!err)
		err = columns_common(s, r, is_server ? PX_F_BYTES_RECEIVED : PX_F_BYTES_SENT);
	if (!err)
		err = columns_common(s, r, is_server ? PX_F_BYTES_SENT : PX_F_BYTES_RECEIVED);
	if (!err && is_open && px_record_has(r, PX_F_ERROR) && !r->common[PX_F_ERROR].is_null)
		err = cell_text(s, r->common[PX_F_ERROR].s);
	return err ? err : cell_end(s);
}

static int columns_handshake(struct columns_sink *s, const struct px_record *r)
{
	int err = cell_put(s, PX_BYTES("tls"));

	if (!err)
		err = cell_end(s);
	if (!err)
		err = columns_common(s, r, PX_F_STATUS);
	if (!err)
		err = columns_ms(s, r, PX_F_LATENCY_NS);
	for (size_t i = 0; !err && i < s->sizes.count; i++)
		err = cell_end(s);
	if (!err)
		err = cell_text(s, r->summary);
	return err ? err : cell_end(s);
}

static int columns_all(struct columns_sink *s, const struct px_record *r)
{
	int err = columns_common(s, r, PX_F_TS);

	if (!err)
		err = columns_common(s, r, PX_F_COMM);
	if (!err)
		err = columns_common(s, r, PX_F_PID);
	if (!err)
		err = columns_endpoint(s, r, true);
	if (!err)
		err = columns_dir(s, r);
	if (!err)
		err = columns_endpoint(s, r, false);
	if (err)
		return err;
	if (r->type == PX_RECORD_TLS)
		return columns_handshake(s, r);
	return r->type == PX_RECORD_MESSAGE ? columns_message(s, r) : columns_conn(s, r);
}

static int columns_header_line(struct columns_sink *s)
{
	int err = 0;

	s->line.len = 0;
	s->column = 0;
	if (!s->pick)
		err = px_buf_append(&s->line, px_bytes_str(columns_header));
	for (size_t i = 0; !err && s->pick && i < s->pick->count; i++) {
		err = cell_put(s, s->pick->names[i]);
		if (!err)
			err = cell_end(s);
	}
	return err ? err : px_buf_append(&s->line, PX_BYTES("\r\n"));
}

static int columns_line(struct columns_sink *s, const struct px_record *r)
{
	int err;

	s->line.len = 0;
	s->cell.len = 0;
	s->column = 0;
	err = s->pick ? columns_picked(s, r) : columns_all(s, r);
	if (err)
		return err;
	return px_buf_append(&s->line, s->is_csv ? PX_BYTES("\r\n") : PX_BYTES("\n"));
}

static int columns_record(struct px_sink *base, const struct px_record *r)
{
	struct columns_sink *s = (struct columns_sink *)base;
	int err = 0;

	switch (r->type) {
	case PX_RECORD_START:
		if (s->is_csv && !s->has_header && columns_header_line(s) == 0) {
			s->has_header = true;
			err = px_out_record(s->out, px_buf_bytes(&s->line));
		}
		break;
	case PX_RECORD_MESSAGE:
	case PX_RECORD_OPEN:
	case PX_RECORD_CLOSE:
	case PX_RECORD_TLS:
		if (columns_line(s, r) == 0)
			err = px_out_record(s->out, px_buf_bytes(&s->line));
		else
			px_out_drop(s->out);
		break;
	case PX_RECORD_LOST:
	case PX_RECORD_NOTE:
		px_text_aside(r);
		break;
	default:
		break;
	}
	if (s->line.cap > COLUMNS_KEPT)
		px_buf_fini(&s->line);
	if (s->cell.cap > COLUMNS_KEPT)
		px_buf_fini(&s->cell);
	return err;
}

static int columns_flush(struct px_sink *base)
{
	return px_out_flush(((struct columns_sink *)base)->out);
}

static int columns_free(struct px_sink *base)
{
	struct columns_sink *s = (struct columns_sink *)base;
	int err = px_out_finish(s->out, PX_SINK_END_MS);

	px_buf_fini(&s->line);
	px_buf_fini(&s->cell);
	free(s);
	return err;
}

static const struct px_sink_ops columns_ops = {
	.record = columns_record,
	.flush = columns_flush,
	.free = columns_free,
};

struct px_sink *px_sink_columns_new(struct px_out *out, struct px_pick *pick, bool is_csv)
{
	struct columns_sink *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->base.ops = &columns_ops;
	s->out = out;
	s->pick = pick;
	s->is_csv = is_csv;
	s->line = px_buf_of(COLUMNS_RECORD_MAX);
	s->cell = px_buf_of(COLUMNS_RECORD_MAX);
	s->sizes.count = 2;
	s->sizes.names[0] = PX_BYTES("req.bytes");
	s->sizes.names[1] = PX_BYTES("resp.bytes");
	return &s->base;
}
