/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints JSON lines for schema_test.py: a record of each type with every key that it can have, then
 * messages in which each text in turn is no UTF-8. Texts have values that fit their field; which
 * keys belong to a type is said here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "parser.h"
#include "sink/sink_json.h"
#include "tally/fields.h"

static const struct {
	enum px_record_type type;
	enum px_common fields[40];	/* beside those of every record; ended by PX_F_TYPE */
} records[] = {
	{ PX_RECORD_START,
	  { PX_F_V, PX_F_VERSION, PX_F_HOST, PX_F_KERNEL, PX_F_PROBE, PX_F_TRANSPORT, PX_F_TARGETS,
	    PX_F_FILTER } },
	{ PX_RECORD_MESSAGE,
	  { PX_F_LATENCY_NS,  PX_F_TTFB_NS, PX_F_PID,	     PX_F_TID,	      PX_F_UID,
	    PX_F_COMM,	      PX_F_EXE,	    PX_F_CGROUP,     PX_F_UNIT,	      PX_F_CONTAINER,
	    PX_F_ROLE,	      PX_F_NET,	    PX_F_LOCAL_ADDR, PX_F_LOCAL_PORT, PX_F_REMOTE_ADDR,
	    PX_F_REMOTE_PORT, PX_F_TLS,	    PX_F_TLS_LIB,    PX_F_CONN,	      PX_F_STREAM,
	    PX_F_PROTO,	      PX_F_OP,	    PX_F_TARGET,     PX_F_STATUS,     PX_F_ERROR,
	    PX_F_FLAGS,	      PX_F_DIR,	    PX_F_TRACE_ID,   PX_F_SPAN_ID } },
	{ PX_RECORD_OPEN,
	  { PX_F_PID, PX_F_TID, PX_F_UID, PX_F_COMM, PX_F_EXE, PX_F_CGROUP, PX_F_UNIT,
	    PX_F_CONTAINER, PX_F_ROLE, PX_F_NET, PX_F_LOCAL_ADDR, PX_F_LOCAL_PORT, PX_F_REMOTE_ADDR,
	    PX_F_REMOTE_PORT, PX_F_TLS, PX_F_TLS_LIB, PX_F_CONN, PX_F_ERROR, PX_F_CONNECT_NS } },
	{ PX_RECORD_CLOSE, { PX_F_PID,	       PX_F_TID,	 PX_F_UID,
			     PX_F_COMM,	       PX_F_EXE,	 PX_F_CGROUP,
			     PX_F_UNIT,	       PX_F_CONTAINER,	 PX_F_ROLE,
			     PX_F_NET,	       PX_F_LOCAL_ADDR,	 PX_F_LOCAL_PORT,
			     PX_F_REMOTE_ADDR, PX_F_REMOTE_PORT, PX_F_TLS,
			     PX_F_TLS_LIB,     PX_F_CONN,	 PX_F_PROTO,
			     PX_F_DURATION_NS, PX_F_BYTES_SENT,	 PX_F_BYTES_RECEIVED,
			     PX_F_MESSAGES,    PX_F_ERRORS,	 PX_F_LOST_BYTES } },
	{ PX_RECORD_TLS,
	  { PX_F_LATENCY_NS, PX_F_PID, PX_F_TID, PX_F_UID, PX_F_COMM, PX_F_EXE, PX_F_CGROUP,
	    PX_F_UNIT, PX_F_CONTAINER, PX_F_ROLE, PX_F_NET, PX_F_LOCAL_ADDR, PX_F_LOCAL_PORT,
	    PX_F_REMOTE_ADDR, PX_F_REMOTE_PORT, PX_F_TLS, PX_F_TLS_LIB, PX_F_CONN, PX_F_PROTO,
	    PX_F_STATUS, PX_F_FLAGS } },
	{ PX_RECORD_LOST, { PX_F_EVENTS, PX_F_BYTES, PX_F_WHERE, PX_F_CONN } },
	{ PX_RECORD_NOTE, { PX_F_WHAT, PX_F_TEXT } },
	{ PX_RECORD_STOP,
	  { PX_F_REASON, PX_F_MESSAGES, PX_F_ERRORS, PX_F_CONNECTIONS, PX_F_LOST_EVENTS,
	    PX_F_LOST_BYTES, PX_F_NOT_UNDERSTOOD, PX_F_DURATION_NS } },
	{ PX_RECORD_SUMMARY, { PX_F_ROLE, PX_F_PROTO, PX_F_OP, PX_F_TARGET, PX_F_ERRORS } },
};

/* Texts that cannot be just any. */
static const struct {
	const char *field;
	struct px_bytes text;
} texts[] = {
	{ "role", PX_BYTES("client") },
	{ "net", PX_BYTES("unix") },
	{ "tls_lib", PX_BYTES("openssl") },
	{ "dir", PX_BYTES("in") },
	{ "trace_id", PX_BYTES("4bf92f3577b34da6a3ce929d0e0e4736") },
	{ "span_id", PX_BYTES("00f067aa0ba902b7") },
	{ "probe", PX_BYTES("tracepoint") },
	{ "transport", PX_BYTES("ring") },
	{ "where", PX_BYTES("output") },
	{ "alert_from", PX_BYTES("local") },
	{ "ja4", PX_BYTES("t13d1516h2_8daaf6152771_02713d6af862") },
	/* Registered words, and ours. */
	{ "tls_version", PX_BYTES("TLSv1.3") },
	{ "cipher", PX_BYTES("TLS_AES_128_GCM_SHA256") },
	{ "alert", PX_BYTES("unknown_ca") },
	{ "note", PX_BYTES("x") },
};

static struct px_value value_of(const struct px_field *f);

/* An object with each member there is; the text `odd`, if there is such a member, is no UTF-8. */
static struct px_value objects_of(const struct px_field *f, unsigned int odd)
{
	/* In turn: as many as a record may have at a time. */
	static struct px_value values[PX_PROTO_FIELDS_MAX][PX_MEMBERS_MAX];
	static struct px_object objects[PX_PROTO_FIELDS_MAX];
	static unsigned int next;
	unsigned int turn = next++ % PX_PROTO_FIELDS_MAX;

	objects[turn] = (struct px_object){ .values = values[turn] };
	for (unsigned int i = 0; i < PX_MEMBERS_MAX && f->members[i].type != PX_TYPE_NONE; i++) {
		values[turn][i] = value_of(&f->members[i]);
		if (i == odd)
			values[turn][i].s = PX_BYTES("\x80");
		objects[turn].has |= UINT64_C(1) << i;
	}
	return (struct px_value){ .objects = { &objects[turn], 1 } };
}

static struct px_value value_of(const struct px_field *f)
{
	static const struct px_pair pairs[] = { { PX_BYTES("host"), PX_BYTES("a") },
						{ PX_BYTES("x-b"), PX_BYTES("\xff") } };
	static const struct px_bytes items[] = { PX_BYTES("pid:1"), PX_BYTES("pid:2") };

	switch (f->type) {
	case PX_TYPE_INT:
		return (struct px_value){ .i = strcmp(f->name, "v") == 0 ? 1 : 200 };
	case PX_TYPE_DECIMAL:
		return (struct px_value){ .i = 1230 };
	case PX_TYPE_BOOL:
		return (struct px_value){ .b = true };
	case PX_TYPE_MAP:
		return (struct px_value){ .map = { pairs, PX_COUNT(pairs) } };
	case PX_TYPE_LIST:
		return (struct px_value){ .list = { items, PX_COUNT(items) } };
	case PX_TYPE_OBJECTS:
		return objects_of(f, PX_MEMBERS_MAX);
	default:
		break;
	}
	for (size_t i = 0; i < PX_COUNT(texts); i++)
		if (strcmp(texts[i].field, f->name) == 0)
			return (struct px_value){ .s = texts[i].text };
	return (struct px_value){ .s = f->side != PX_SIDE_COMMON && strcmp(f->name, "version") == 0
					       ? PX_BYTES("1.1")
					       : PX_BYTES("x") };
}

/* Do such records have fields of a protocol? */
static bool has_own(size_t row)
{
	return records[row].type == PX_RECORD_MESSAGE || records[row].type == PX_RECORD_TLS;
}

static void fill(struct px_record *r, size_t row, const struct px_parser *parser, int64_t seq)
{
	px_record_clear(r, records[row].type);
	px_record_int(r, PX_F_SEQ, seq);
	px_record_time(r, INT64_C(1714979289123456789));
	for (size_t i = 0; records[row].fields[i] != PX_F_TYPE; i++) {
		enum px_common f = records[row].fields[i];

		px_record_set(r, f, value_of(&px_common_fields[f]));
	}
	if (px_record_has(r, PX_F_PROTO))
		px_record_str(r, PX_F_PROTO, px_bytes_str(parser->name));
	if (records[row].type == PX_RECORD_SUMMARY) {
		r->fields = px_summary_fields;
		for (unsigned int i = 0; r->fields[i].type != PX_TYPE_NONE; i++)
			px_record_put(r, i, value_of(&r->fields[i]));
	}
	if (!has_own(row))
		return;
	px_record_flags(r, records[row].type == PX_RECORD_MESSAGE ? (1U << PX_FLAG_COUNT) - 1
								  : PX_FLAG_GAP);
	r->fields = parser->fields;
	r->has_req = r->has_resp = records[row].type == PX_RECORD_MESSAGE;
	for (unsigned int i = 0; parser->fields[i].type != PX_TYPE_NONE; i++)
		px_record_put(r, i, value_of(&parser->fields[i]));
}

static bool is_free_text(const struct px_field *f)
{
	if (f->type == PX_TYPE_BODY)
		return true;
	if (f->type != PX_TYPE_STR || strcmp(f->name, "version") == 0)
		return false;
	for (size_t i = 0; i < PX_COUNT(texts); i++)
		if (strcmp(texts[i].field, f->name) == 0)
			return false;
	return strcmp(f->name, "type") != 0 && strcmp(f->name, "proto") != 0 &&
	       strcmp(f->name, "conn") != 0;
}

int main(void)
{
	static struct px_record r;
	struct px_out *out;
	struct px_sink *sink;
	int64_t seq = 0;

	if (px_out_new(&out, STDOUT_FILENO, "stdout", PX_OUT_QUEUE_DEFAULT) != 0)
		return EXIT_FAILURE;
	sink = px_sink_json_new(out);
	if (!sink)
		return EXIT_FAILURE;
	for (size_t p = 0; px_parsers[p]; p++) {
		const struct px_parser *parser = px_parsers[p];

		for (size_t row = 0; row < PX_COUNT(records); row++) {
			if (has_own(row) &&
			    parser->is_handshake != (records[row].type == PX_RECORD_TLS))
				continue;
			fill(&r, row, parser, ++seq);
			sink->ops->record(sink, &r);
			if (!has_own(row))
				continue;
			for (enum px_common f = 0; f < PX_COMMON_COUNT; f++) {
				if (!px_record_has(&r, f) || !is_free_text(&px_common_fields[f]) ||
				    (parser->is_handshake && f == PX_F_STATUS))
					continue;
				fill(&r, row, parser, ++seq);
				px_record_str(&r, f, PX_BYTES("\x80"));
				sink->ops->record(sink, &r);
			}
			for (unsigned int f = 0; parser->fields[f].type != PX_TYPE_NONE; f++) {
				const struct px_field *m = parser->fields[f].members;

				for (unsigned int i = 0; m && m[i].type != PX_TYPE_NONE; i++) {
					if (!is_free_text(&m[i]))
						continue;
					fill(&r, row, parser, ++seq);
					px_record_put(&r, f, objects_of(&parser->fields[f], i));
					sink->ops->record(sink, &r);
				}
				if (!is_free_text(&parser->fields[f]))
					continue;
				fill(&r, row, parser, ++seq);
				px_record_put_str(&r, f, PX_BYTES("\x80"));
				sink->ops->record(sink, &r);
			}
		}
	}
	if (sink->ops->free(sink) != 0)
		return EXIT_FAILURE;
	px_out_free(out);
	return EXIT_SUCCESS;
}
