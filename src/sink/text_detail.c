/* SPDX-License-Identifier: Apache-2.0 */
/* Details of a record, made from the field registry, so that a new protocol needs nothing here. */
#include "sink/text_detail.h"

#include "sink/emit.h"
#include "sink/escape.h"
#include "sink/text_body.h"
#include "sink/when.h"

#define DETAIL_INDENT "    "
#define DETAIL_BODY_MAX 1024	/* bytes of a body with -vv */

static const struct px_term_room detail_path_room = { 256, 1024 };

int px_text_endpoint(struct px_buf *out, const struct px_record *r, bool is_local, size_t *columns)
{
	enum px_common addr_f = is_local ? PX_F_LOCAL_ADDR : PX_F_REMOTE_ADDR;
	enum px_common port_f = is_local ? PX_F_LOCAL_PORT : PX_F_REMOTE_PORT;
	bool is_unix =
		px_record_has(r, PX_F_NET) && px_bytes_eq(r->common[PX_F_NET].s, PX_BYTES("unix"));
	struct px_bytes addr = { NULL, 0 };
	bool is_v6;
	char port[1 + 1 + PX_EMIT_INT_MAX];
	char *p = port;
	int err = 0;

	if (px_record_has(r, addr_f) && !r->common[addr_f].is_null)
		addr = r->common[addr_f].s;
	if (is_unix) {
		err = px_buf_append(out, addr.len ? PX_BYTES("unix:") : PX_BYTES("unix"));
		*columns += addr.len ? 5 : 4;
		return err ? err
			   : px_term_append(out, addr, PX_TERM_NO_BLANKS, detail_path_room,
					    columns);
	}
	if (addr.len == 0) {
		*columns += 1;
		return px_buf_append(out, PX_BYTES("-"));
	}
	is_v6 = memchr(addr.ptr, ':', addr.len) != NULL;
	if (is_v6) {
		*columns += 1;
		err = px_buf_append(out, PX_BYTES("["));
	}
	if (!err)
		err = px_term_append(out, addr, PX_TERM_NO_BLANKS, detail_path_room, columns);
	if (is_v6)
		*p++ = ']';
	if (px_record_has(r, port_f) && !r->common[port_f].is_null) {
		*p++ = ':';
		p = px_emit_i64(p, r->common[port_f].i);
	}
	*columns += (size_t)(p - port);
	return err ? err : px_buf_append(out, px_bytes_of(port, (size_t)(p - port)));
}

/* --- name=value lines --- */

/*
 * A value within such a line: in quotes where it is empty or looks like more than one, so that the
 * eye sees its end.
 */
static int detail_text(struct px_buf *out, struct px_bytes s)
{
	bool in_quotes = s.len == 0 || memchr(s.ptr, ' ', s.len) || memchr(s.ptr, '=', s.len);
	int err = in_quotes ? px_buf_append(out, PX_BYTES("\"")) : 0;

	if (!err)
		err = px_term_append(out, s, 0, PX_TERM_ROOM_ALL, NULL);
	return err || !in_quotes ? err : px_buf_append(out, PX_BYTES("\""));
}

static int detail_number(struct px_buf *out, int64_t i)
{
	char digits[PX_EMIT_INT_MAX];

	return px_buf_append(out, px_bytes_of(digits, (size_t)(px_emit_i64(digits, i) - digits)));
}

/* flags=gap,redacted: the items of a list in one word. */
static int detail_list_word(struct px_buf *out, const struct px_value *v)
{
	int err = 0;

	for (size_t i = 0; !err && i < v->list.count; i++) {
		if (i)
			err = px_buf_append(out, PX_BYTES(","));
		if (!err)
			err = px_term_append(out, v->list.items[i], PX_TERM_NO_BLANKS,
					     PX_TERM_ROOM_ALL, NULL);
	}
	return err;
}

static int detail_scalar(struct px_buf *out, const struct px_field *f, const struct px_value *v)
{
	int err = px_buf_append(out, PX_BYTES(" "));

	if (!err)
		err = px_buf_append(out, px_bytes_str(f->name));
	if (!err)
		err = px_buf_append(out, PX_BYTES("="));
	if (err)
		return err;
	if (v->is_null)
		return px_buf_append(out, PX_BYTES("-"));
	switch (f->type) {
	case PX_TYPE_STR:
		return detail_text(out, v->s);
	case PX_TYPE_INT:
		return detail_number(out, v->i);
	case PX_TYPE_BOOL:
		return px_buf_append(out, v->b ? PX_BYTES("true") : PX_BYTES("false"));
	case PX_TYPE_TIME: {
		char text[PX_WHEN_UTC_LEN];
		struct px_when when = { .is_known = false };

		px_when_utc(&when, text, v->i);
		return px_buf_append(out, px_bytes_of(text, sizeof(text)));
	}
	case PX_TYPE_LIST:
		return detail_list_word(out, v);
	default:
		return 0;
	}
}

/* Connection, thread and container: what the line itself has no column for. */
static int detail_common(struct px_buf *out, const struct px_record *r)
{
	static const enum px_common shown[] = {
		PX_F_CONN, PX_F_STREAM,	  PX_F_TTFB_NS, PX_F_TLS_LIB,	PX_F_TID,
		PX_F_UID,  PX_F_EXE,	  PX_F_UNIT,	PX_F_CONTAINER, PX_F_CGROUP,
		PX_F_DIR,  PX_F_TRACE_ID, PX_F_SPAN_ID, PX_F_FLAGS,	PX_F_ERROR,
	};
	size_t unused = 0;
	int err = px_buf_append(out, PX_BYTES(DETAIL_INDENT "local="));

	if (!err)
		err = px_text_endpoint(out, r, true, &unused);
	if (!err)
		err = px_buf_append(out, PX_BYTES(" remote="));
	if (!err)
		err = px_text_endpoint(out, r, false, &unused);
	for (size_t i = 0; !err && i < PX_COUNT(shown); i++) {
		const struct px_value *v = &r->common[shown[i]];
		const struct px_field *f = &px_common_fields[shown[i]];

		if (!px_record_has(r, shown[i]) || v->is_null ||
		    (f->type == PX_TYPE_LIST && v->list.count == 0))
			continue;
		err = detail_scalar(out, f, v);
	}
	return err ? err : px_buf_append(out, PX_BYTES("\n"));
}

/* "    > " and a name that may be anything */
static int detail_begin(struct px_buf *out, char mark, struct px_bytes name)
{
	int err = px_buf_append(out, mark == '>' ? PX_BYTES(DETAIL_INDENT "> ")
						 : PX_BYTES(DETAIL_INDENT "< "));

	return err ? err : px_term_append(out, name, 0, PX_TERM_ROOM_ALL, NULL);
}

/* answers[0]: name=a.example type=A */
static int detail_objects(struct px_buf *out, char mark, const struct px_field *f,
			  const struct px_value *v)
{
	int err = 0;

	for (size_t i = 0; !err && i < v->objects.count; i++) {
		const struct px_object *o = &v->objects.items[i];

		err = detail_begin(out, mark, px_bytes_str(f->name));
		if (!err)
			err = px_buf_printf(out, "[%zu]:", i);
		for (uint64_t rest = o->has; !err && rest; rest &= rest - 1) {
			unsigned int m = (unsigned int)__builtin_ctzll(rest);

			err = detail_scalar(out, &f->members[m], &o->values[m]);
		}
		if (!err)
			err = px_buf_append(out, PX_BYTES("\n"));
	}
	return err;
}

/* A line per member of a map, per item of a list and per object. */
static int detail_many(struct px_buf *out, char mark, const struct px_field *f,
		       const struct px_value *v)
{
	int err = 0;

	if (v->is_null)
		return 0;
	if (f->type == PX_TYPE_OBJECTS)
		return detail_objects(out, mark, f, v);
	if (f->type == PX_TYPE_MAP) {
		for (size_t i = 0; !err && i < v->map.count; i++) {
			err = detail_begin(out, mark, v->map.pairs[i].name);
			if (!err)
				err = px_buf_append(out, PX_BYTES(": "));
			if (!err)
				err = px_term_append(out, v->map.pairs[i].value, 0,
						     PX_TERM_ROOM_ALL, NULL);
			if (!err)
				err = px_buf_append(out, PX_BYTES("\n"));
		}
		return err;
	}
	for (size_t i = 0; !err && i < v->list.count; i++) {
		struct px_bytes item = v->list.items[i];

		err = detail_begin(out, mark, px_bytes_str(f->name));
		if (!err)
			err = px_buf_printf(out, "[%zu]: ", i);
		if (!err)
			err = item.ptr ? px_term_append(out, item, 0, PX_TERM_ROOM_ALL, NULL)
				       : px_buf_append(out, PX_BYTES("null"));
		if (!err)
			err = px_buf_append(out, PX_BYTES("\n"));
	}
	return err;
}

static const struct px_value *detail_value(const struct px_record *r, enum px_side side,
					   const char *name)
{
	for (unsigned int i = 0; i < PX_PROTO_FIELDS_MAX && r->fields[i].type != PX_TYPE_NONE; i++)
		if (r->fields[i].side == side && strcmp(r->fields[i].name, name) == 0)
			return (r->has_proto >> i & 1) && !r->proto[i].is_null ? &r->proto[i]
									       : NULL;
	return NULL;
}

static int detail_body(struct px_buf *out, const struct px_record *r, enum px_side side,
		       const struct px_field *f, const struct px_value *v,
		       const struct px_text_options *options)
{
	const struct px_value *type = detail_value(r, side, "content_type");
	const struct px_value *cut = detail_value(r, side, "body_truncated");
	char mark = side == PX_SIDE_REQ ? '>' : '<';
	struct px_bytes body = v->s;
	int err;

	if (options->verbosity == 2)
		body = px_bytes_sub(body, 0, DETAIL_BODY_MAX);
	err = px_buf_printf(out, DETAIL_INDENT "%c %s", mark, f->name);
	if (!err && body.len < v->s.len)
		err = px_buf_printf(out, " (%zu of %zu bytes)", body.len, v->s.len);
	else if (!err)
		err = px_buf_printf(out, " (%zu byte%s%s)", v->s.len, v->s.len == 1 ? "" : "s",
				    cut && cut->b ? ", the rest was not kept" : "");
	if (!err)
		err = px_buf_append(out, PX_BYTES("\n"));
	return err ? err
		   : px_text_body(out, body, type ? type->s : (struct px_bytes){ NULL, 0 },
				  options->width != 0);
}

/* Scalars in one line, then maps and lists, then bodies. */
static int detail_side(struct px_buf *out, const struct px_record *r, enum px_side side,
		       const struct px_text_options *options)
{
	char mark = side == PX_SIDE_REQ ? '>' : '<';
	bool has_scalars = false;
	int err = 0;

	for (unsigned int pass = 0; !err && pass < 3; pass++) {
		for (uint64_t rest = r->has_proto; !err && rest; rest &= rest - 1) {
			unsigned int i = (unsigned int)__builtin_ctzll(rest);
			const struct px_field *f = &r->fields[i];
			const struct px_value *v = &r->proto[i];
			bool is_many = f->type == PX_TYPE_MAP || f->type == PX_TYPE_LIST ||
				       f->type == PX_TYPE_OBJECTS;
			bool is_body = f->type == PX_TYPE_BODY;

			if (f->side != side)
				continue;
			if (pass == 0 && !is_many && !is_body) {
				if (!has_scalars)
					err = px_buf_printf(out, DETAIL_INDENT "%c", mark);
				has_scalars = true;
				if (!err)
					err = detail_scalar(out, f, v);
			} else if (pass == 1 && is_many) {
				err = detail_many(out, mark, f, v);
			} else if (pass == 2 && is_body && options->verbosity >= 2 && !v->is_null &&
				   v->s.len) {
				err = detail_body(out, r, side, f, v, options);
			}
		}
		if (!err && pass == 0 && has_scalars)
			err = px_buf_append(out, PX_BYTES("\n"));
	}
	return err;
}

static int detail_raw(struct px_buf *out, char mark, const struct px_raw *raw,
		      const struct px_text_options *options)
{
	size_t len = raw->head.len + raw->body.len;
	int err;

	if (len == 0)
		return 0;
	err = px_buf_printf(out, DETAIL_INDENT "%c %zu byte%s%s\n", mark, len, len == 1 ? "" : "s",
			    raw->is_cut ? ", the rest was not kept" : "");
	/* tcpdump's order: the most that was asked for */
	if (!err && (options->hex || options->hex_ascii))
		err = px_text_hex(out, raw->head, raw->body, options->hex_ascii);
	else if (!err)
		err = px_text_ascii(out, raw->head, raw->body);
	return err;
}

int px_text_details(struct px_buf *out, const struct px_record *r,
		    const struct px_text_options *options)
{
	int err = 0;

	if (r->type == PX_RECORD_NOTE)
		return 0;
	if (options->verbosity > 0)
		err = detail_common(out, r);
	if (!err && options->verbosity > 0 && r->type == PX_RECORD_TLS)
		err = detail_side(out, r, PX_SIDE_COMMON, options);
	if (r->type != PX_RECORD_MESSAGE)
		return err;
	if (!err && options->verbosity > 0 && r->fields) {
		if (r->has_req)
			err = detail_side(out, r, PX_SIDE_REQ, options);
		if (!err && r->has_resp)
			err = detail_side(out, r, PX_SIDE_RESP, options);
	}
	if (!err && (options->ascii || options->hex || options->hex_ascii)) {
		err = detail_raw(out, '>', &r->raw_req, options);
		if (!err)
			err = detail_raw(out, '<', &r->raw_resp, options);
	}
	return err;
}
