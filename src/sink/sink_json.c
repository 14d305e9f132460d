/* SPDX-License-Identifier: Apache-2.0 */
/* Records as JSON Lines, each put together in one buffer. */
#include "sink/sink_json.h"

#include <stdlib.h>

#include "sink/emit.h"
#include "sink/json_value.h"
#include "sink/pick.h"

#define JSON_RECORD_MAX ((size_t)1 << 30)	/* of one record; bodies that are kept whole can be large */
#define JSON_KEPT ((size_t)1 << 20)		/* a buffer that grew beyond this is given back */
#define JSON_TABLES 32				/* protocols whose keys are kept ready at the same time */

struct json_table {
	const struct px_field *fields;
	uint64_t own_mask, req_mask, resp_mask;	/* which bits of has_proto belong to which side */
	struct px_json_key keys[PX_PROTO_FIELDS_MAX];
};

struct json_sink {
	struct px_sink base;
	struct px_out *out;
	struct px_pick *pick;	/* fields that are shown; NULL: all */
	struct px_json json;
	struct px_json_key common[PX_COMMON_COUNT];
	struct json_table *tables[JSON_TABLES];
};

static void json_table_free(struct json_table *t)
{
	if (!t)
		return;
	for (unsigned int i = 0; i < PX_PROTO_FIELDS_MAX; i++)
		px_json_key_fini(&t->keys[i]);
	free(t);
}

static struct json_table *json_table_new(const struct px_field *fields)
{
	struct json_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->fields = fields;
	for (unsigned int i = 0; i < PX_PROTO_FIELDS_MAX && fields[i].type != PX_TYPE_NONE; i++) {
		if (!px_json_key_init(&t->keys[i], &fields[i])) {
			json_table_free(t);
			return NULL;
		}
		if (fields[i].side == PX_SIDE_REQ)
			t->req_mask |= (uint64_t)1 << i;
		else if (fields[i].side == PX_SIDE_RESP)
			t->resp_mask |= (uint64_t)1 << i;
		else
			t->own_mask |= (uint64_t)1 << i;
	}
	return t;
}

static const struct json_table *json_table(struct json_sink *s, const struct px_field *fields)
{
	size_t i = 0;

	while (i < JSON_TABLES - 1 && s->tables[i] && s->tables[i]->fields != fields)
		i++;
	if (!s->tables[i] || s->tables[i]->fields != fields) {
		json_table_free(s->tables[i]); /* the last one makes way when there are too many */
		s->tables[i] = json_table_new(fields);
	}
	return s->tables[i];
}

/* ,"req":{...} */
static char *json_side(struct json_sink *s, char *p, const struct px_record *r,
		       const struct json_table *t, uint64_t wanted, bool is_req)
{
	bool is_there = is_req ? r->has_req : r->has_resp;
	size_t begin;

	p = px_json_room(&s->json.buf, p, PX_JSON_KEY);
	if (!p)
		return NULL;
	p = is_req ? px_emit_lit(p, ",\"req\":") : px_emit_lit(p, ",\"resp\":");
	if (!is_there)
		return px_emit_lit(p, "null");
	begin = (size_t)(p - s->json.buf.ptr);
	if (t)
		p = px_json_fields(&s->json, p, r->has_proto & wanted, t->keys, t->fields, r->proto);
	return p ? px_json_close(&s->json.buf, p, begin, "{}") : NULL;
}

/* The record as one line in s->json.buf; false where there was no memory for it. */
static bool json_compose(struct json_sink *s, const struct px_record *r)
{
	static const uint64_t always = (uint64_t)1 << PX_F_TYPE;
	const struct px_pick_table *picked = NULL;
	const struct json_table *t = NULL;
	uint64_t own, req = 0, resp = 0;
	char *p;

	if (s->pick && (r->type == PX_RECORD_MESSAGE || r->type == PX_RECORD_OPEN ||
			r->type == PX_RECORD_CLOSE || r->type == PX_RECORD_TLS))
		picked = px_pick_table(s->pick, r);
	s->json.buf.len = 0;
	if (px_buf_reserve(&s->json.buf, PX_JSON_KEY) != 0)
		return false;
	p = s->json.buf.ptr;
	p = px_json_fields(&s->json, p, picked ? r->has_common & (picked->common | always) : r->has_common,
			s->common, px_common_fields, r->common);
	if (!p)
		return false;
	if (r->fields) {
		t = json_table(s, r->fields);
		if (!t)
			return false;
		own = t->own_mask & (picked ? picked->proto : UINT64_MAX);
		p = px_json_fields(&s->json, p, r->has_proto & own, t->keys, t->fields, r->proto);
		if (!p)
			return false;
	}
	if (r->type == PX_RECORD_MESSAGE) {
		if (t) {
			req = t->req_mask & (picked ? picked->proto : UINT64_MAX);
			resp = t->resp_mask & (picked ? picked->proto : UINT64_MAX);
		}
		if (!picked || req)
			p = json_side(s, p, r, t, req, true);
		if (p && (!picked || resp))
			p = json_side(s, p, r, t, resp, false);
		if (!p)
			return false;
	}
	p = px_json_close(&s->json.buf, p, 0, "{}");
	if (p)
		p = px_json_room(&s->json.buf, p, 1);
	if (!p)
		return false;
	*p++ = '\n';
	s->json.buf.len = (size_t)(p - s->json.buf.ptr);
	return true;
}

static int json_record(struct px_sink *base, const struct px_record *r)
{
	struct json_sink *s = (struct json_sink *)base;
	int err = 0;

	if (json_compose(s, r))
		err = px_out_record(s->out, px_buf_bytes(&s->json.buf));
	else
		px_out_drop(s->out);
	if (s->json.buf.cap > JSON_KEPT)
		px_buf_fini(&s->json.buf);
	return err;
}

static int json_flush(struct px_sink *base)
{
	return px_out_flush(((struct json_sink *)base)->out);
}

static int json_free(struct px_sink *base)
{
	struct json_sink *s = (struct json_sink *)base;
	int err = px_out_finish(s->out, PX_SINK_END_MS);

	for (size_t i = 0; i < JSON_TABLES; i++)
		json_table_free(s->tables[i]);
	px_buf_fini(&s->json.buf);
	free(s);
	return err;
}

static const struct px_sink_ops json_ops = {
	.record = json_record,
	.flush = json_flush,
	.free = json_free,
};

struct px_sink *px_sink_json_new(struct px_out *out)
{
	struct json_sink *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->base.ops = &json_ops;
	s->out = out;
	s->json.buf = px_buf_of(JSON_RECORD_MAX);
	for (size_t i = 0; i < PX_COMMON_COUNT; i++) {
		if (!px_json_key_init(&s->common[i], &px_common_fields[i])) {
			free(s); /* not reached: none of them is made of objects */
			return NULL;
		}
	}
	return &s->base;
}

void px_sink_json_pick(struct px_sink *base, struct px_pick *pick)
{
	((struct json_sink *)base)->pick = pick;
}
