/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/text_sizes.h"

#include "sink/emit.h"

#define SIZES_ROOM 64	/* for two numbers of 64 bits and what stands between them */

static bool sizes_has(const struct px_record *r, enum px_common f)
{
	return px_record_has(r, f) && !r->common[f].is_null;
}

static const struct px_text_table *sizes_of(struct px_text_sizes *s, const struct px_field *fields)
{
	static const struct px_text_table unknown = { NULL, -1, -1 };
	struct px_text_table *t;

	if (!fields)
		return &unknown;
	for (size_t i = 0; i < PX_TEXT_TABLES; i++) {
		t = &s->tables[i];
		if (t->fields == fields)
			return t;
		if (t->fields)
			continue;
		*t = (struct px_text_table){ fields, -1, -1 };
		for (int f = 0; f < PX_PROTO_FIELDS_MAX && fields[f].type != PX_TYPE_NONE; f++) {
			if (strcmp(fields[f].name, "bytes") != 0)
				continue;
			if (fields[f].side == PX_SIDE_REQ)
				t->req = f;
			else if (fields[f].side == PX_SIDE_RESP)
				t->resp = f;
		}
		return t;
	}
	return &unknown;
}

/*
 * One of the two sizes: a side that is not there had no bytes; one whose size is unknown has "-".
 */
static char *sizes_put(char *p, const struct px_record *r, bool is_there, int f)
{
	if (!is_there) {
		*p++ = '0';
	} else if (f < 0 || !(r->has_proto >> f & 1) || r->proto[f].is_null) {
		*p++ = '-';
	} else {
		p = px_emit_i64(p, r->proto[f].i);
	}
	return p;
}

int px_text_message_sizes(struct px_text_sizes *s, struct px_buf *b, const struct px_record *r,
			  size_t *columns)
{
	const struct px_text_table *t = sizes_of(s, r->fields);
	char *begin, *p;
	int err = px_buf_reserve(b, SIZES_ROOM);

	if (err)
		return err;
	begin = p = b->ptr + b->len;
	*p++ = ' ';
	if (r->flags & PX_FLAG_MID_STREAM)
		*p++ = '~';
	p = sizes_put(p, r, r->has_req, t->req);
	*p++ = '/';
	p = sizes_put(p, r, r->has_resp, t->resp);
	b->len += (size_t)(p - begin);
	*columns += (size_t)(p - begin);
	return 0;
}

int px_text_conn_sizes(struct px_buf *b, const struct px_record *r, size_t *columns)
{
	bool is_server =
		sizes_has(r, PX_F_ROLE) && px_bytes_eq(r->common[PX_F_ROLE].s, PX_BYTES("server"));
	enum px_common order[2] = { is_server ? PX_F_BYTES_RECEIVED : PX_F_BYTES_SENT,
				    is_server ? PX_F_BYTES_SENT : PX_F_BYTES_RECEIVED };
	char *begin, *p;
	int err;

	if (r->type == PX_RECORD_OPEN) {
		*columns += 2;
		return px_buf_append(b, PX_BYTES(" -"));
	}
	err = px_buf_reserve(b, SIZES_ROOM);
	if (err)
		return err;
	begin = p = b->ptr + b->len;
	for (int i = 0; i < 2; i++) {
		*p++ = i ? '/' : ' ';
		if (sizes_has(r, order[i]))
			p = px_emit_i64(p, r->common[order[i]].i);
		else
			*p++ = '-';
	}
	b->len += (size_t)(p - begin);
	*columns += (size_t)(p - begin);
	return 0;
}
