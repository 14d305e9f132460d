/* SPDX-License-Identifier: Apache-2.0 */
/* The common fields, finding a field by its name, and the list for --list-fields. */
#include "record/field.h"

#define COMMON(index, name, type, unit, help) [index] = { name, type, PX_SIDE_COMMON, unit, help }

/* clang-format off */
const struct px_field px_common_fields[PX_COMMON_COUNT + 1] = {
	COMMON(PX_F_TYPE, "type", PX_TYPE_STR, NULL, "kind of record: start, message, open, close, tls, lost, note, summary, stop"),
	COMMON(PX_F_SEQ, "seq", PX_TYPE_INT, NULL, "1, 2, 3 and so on, in the order in which records come out"),
	COMMON(PX_F_TS, "ts", PX_TYPE_TIME, NULL, "when the request began, RFC 3339 in UTC with 9 decimals"),
	COMMON(PX_F_TS_US, "ts_us", PX_TYPE_INT, "us", "the same in microseconds since 1970"),
	COMMON(PX_F_LATENCY_NS, "latency_ns", PX_TYPE_INT, "ns",
	       "first request byte to last response byte; null for one-way messages and missing replies"),
	COMMON(PX_F_TTFB_NS, "ttfb_ns", PX_TYPE_INT, "ns", "last request byte to first response byte"),
	COMMON(PX_F_PID, "pid", PX_TYPE_INT, NULL, "process that completed the exchange"),
	COMMON(PX_F_TID, "tid", PX_TYPE_INT, NULL, "thread that completed the exchange"),
	COMMON(PX_F_UID, "uid", PX_TYPE_INT, NULL, "user that the process ran as"),
	COMMON(PX_F_COMM, "comm", PX_TYPE_STR, NULL, "name of the process"),
	COMMON(PX_F_EXE, "exe", PX_TYPE_STR, NULL, "path of the program"),
	COMMON(PX_F_CGROUP, "cgroup", PX_TYPE_STR, NULL, "control group of the process"),
	COMMON(PX_F_UNIT, "unit", PX_TYPE_STR, NULL, "systemd unit of the process"),
	COMMON(PX_F_CONTAINER, "container", PX_TYPE_STR, NULL, "container of the process"),
	COMMON(PX_F_ROLE, "role", PX_TYPE_STR, NULL, "client or server, seen from the process"),
	COMMON(PX_F_NET, "net", PX_TYPE_STR, NULL, "tcp, udp or unix"),
	COMMON(PX_F_LOCAL_ADDR, "local_addr", PX_TYPE_STR, NULL, "address of the process's end; path of a UNIX socket"),
	COMMON(PX_F_LOCAL_PORT, "local_port", PX_TYPE_INT, NULL, "port of the process's end; 0 for UNIX sockets"),
	COMMON(PX_F_REMOTE_ADDR, "remote_addr", PX_TYPE_STR, NULL, "address of the other end; path of a UNIX socket"),
	COMMON(PX_F_REMOTE_PORT, "remote_port", PX_TYPE_INT, NULL, "port of the other end; 0 for UNIX sockets"),
	COMMON(PX_F_TLS, "tls", PX_TYPE_BOOL, NULL, "true where the bytes were encrypted on the wire"),
	COMMON(PX_F_TLS_LIB, "tls_lib", PX_TYPE_STR, NULL, "TLS library that the plaintext was taken from"),
	COMMON(PX_F_CONN, "conn", PX_TYPE_STR, NULL, "opaque id of the connection, the same in all its records"),
	COMMON(PX_F_STREAM, "stream", PX_TYPE_INT, NULL, "number that the protocol gives to an exchange among others"),
	COMMON(PX_F_PROTO, "proto", PX_TYPE_STR, NULL, "protocol"),
	COMMON(PX_F_OP, "op", PX_TYPE_STR, NULL, "method, command or call"),
	COMMON(PX_F_TARGET, "target", PX_TYPE_STR, NULL, "path, table, key, topic or name that op is about"),
	COMMON(PX_F_OK, "ok", PX_TYPE_BOOL, NULL, "false where the exchange failed by its protocol's own rules"),
	COMMON(PX_F_STATUS, "status", PX_TYPE_STR, NULL, "the protocol's own word for the outcome, NOREPLY without one"),
	COMMON(PX_F_ERROR, "error", PX_TYPE_STR, NULL, "the server's error message, or why a connection failed"),
	COMMON(PX_F_FLAGS, "flags", PX_TYPE_LIST, NULL,
	       "truncated, aborted, mid_stream, gap, noreply, unpaired, redacted"),
	COMMON(PX_F_DIR, "dir", PX_TYPE_STR, NULL, "in or out, of one-way messages that either side may send"),
	COMMON(PX_F_TRACE_ID, "trace_id", PX_TYPE_STR, NULL, "trace id from traceparent or b3, hexadecimal"),
	COMMON(PX_F_SPAN_ID, "span_id", PX_TYPE_STR, NULL, "span id from traceparent or b3, hexadecimal"),
	COMMON(PX_F_V, "v", PX_TYPE_INT, NULL, "start: version of the record format, raised when a key is renamed"),
	COMMON(PX_F_VERSION, "version", PX_TYPE_STR, NULL, "start: version of pxtrace"),
	COMMON(PX_F_HOST, "host", PX_TYPE_STR, NULL, "start: name of this host"),
	COMMON(PX_F_KERNEL, "kernel", PX_TYPE_STR, NULL, "start: release of its kernel"),
	COMMON(PX_F_PROBE, "probe", PX_TYPE_STR, NULL, "start: how the system calls are probed"),
	COMMON(PX_F_TRANSPORT, "transport", PX_TYPE_STR, NULL, "start: how events come from the kernel"),
	COMMON(PX_F_TARGETS, "targets", PX_TYPE_LIST, NULL, "start: what is traced"),
	COMMON(PX_F_FILTER, "filter", PX_TYPE_STR, NULL, "start: the filter expression, null without one"),
	COMMON(PX_F_CONNECT_NS, "connect_ns", PX_TYPE_INT, "ns", "open: how long connect took, null if not seen"),
	COMMON(PX_F_DURATION_NS, "duration_ns", PX_TYPE_INT, "ns",
	       "close: life of the connection as far as it was seen; note of an exit: of the process; stop: length of the run"),
	COMMON(PX_F_BYTES_SENT, "bytes_sent", PX_TYPE_INT, "bytes", "close: bytes that the process sent"),
	COMMON(PX_F_BYTES_RECEIVED, "bytes_received", PX_TYPE_INT, "bytes", "close: bytes that the process received"),
	COMMON(PX_F_MESSAGES, "messages", PX_TYPE_INT, NULL, "close, stop: number of message records"),
	COMMON(PX_F_ERRORS, "errors", PX_TYPE_INT, NULL, "close, stop: how many of them were not ok"),
	COMMON(PX_F_LOST_BYTES, "lost_bytes", PX_TYPE_INT, "bytes", "close, stop: bytes that were not seen"),
	COMMON(PX_F_EVENTS, "events", PX_TYPE_INT, NULL, "lost: number of events that did not arrive"),
	COMMON(PX_F_BYTES, "bytes", PX_TYPE_INT, "bytes", "lost: bytes that did not arrive, null if unknown"),
	COMMON(PX_F_WHERE, "where", PX_TYPE_STR, NULL,
	       "lost: ring, perf, kretprobe, stream, pool, copy, or output for records that were not written"),
	COMMON(PX_F_WHAT, "what", PX_TYPE_STR, NULL, "note: one word for what it is about"),
	COMMON(PX_F_TEXT, "text", PX_TYPE_STR, NULL, "note: what the user should know"),
	COMMON(PX_F_REASON, "reason", PX_TYPE_STR, NULL, "stop: why the run ended"),
	COMMON(PX_F_CONNECTIONS, "connections", PX_TYPE_INT, NULL, "stop: number of connections seen"),
	COMMON(PX_F_LOST_EVENTS, "lost_events", PX_TYPE_INT, NULL, "stop: events that did not arrive"),
	COMMON(PX_F_NOT_UNDERSTOOD, "not_understood", PX_TYPE_INT, NULL, "stop: streams of no known protocol"),
	[PX_COMMON_COUNT] = { .type = PX_TYPE_NONE },
};
/* clang-format on */

/* Index of the field of this name and side, or -1. */
static int field_index(const struct px_field *fields, enum px_side side, struct px_bytes name)
{
	if (!fields)
		return -1;
	for (int i = 0; fields[i].type != PX_TYPE_NONE; i++)
		if (fields[i].side == side && px_bytes_eq(px_bytes_str(fields[i].name), name))
			return i;
	return -1;
}

static bool field_has_member(const struct px_field *f, struct px_bytes name)
{
	if (f->type != PX_TYPE_OBJECTS)
		return f->type == PX_TYPE_MAP;
	for (const struct px_field *m = f->members; m->type != PX_TYPE_NONE; m++)
		if (px_bytes_eq(px_bytes_str(m->name), name))
			return true;
	return false;
}

/* The same, where name may also be that of a map or of objects, a dot and one of their members. */
static bool field_find_side(const struct px_field *fields, enum px_side side, struct px_bytes name,
			    struct px_field_ref *out)
{
	int i = field_index(fields, side, name);
	size_t dot;

	if (i < 0) {
		dot = px_bytes_find(name, 0, '.');
		if (dot + 1 >= name.len)
			return false;
		i = field_index(fields, side, px_bytes_sub(name, 0, dot));
		if (i < 0 || !field_has_member(&fields[i], px_bytes_sub(name, dot + 1, SIZE_MAX)))
			return false;
		out->member = px_bytes_sub(name, dot + 1, SIZE_MAX);
	} else {
		out->member = (struct px_bytes){ NULL, 0 };
	}
	out->field = &fields[i];
	out->index = (unsigned int)i;
	out->is_common = fields == px_common_fields;
	return true;
}

/* Among the protocol's own: "req.method", "req_method", "method". */
static bool field_find_own(struct px_bytes name, const struct px_field *fields,
			   struct px_field_ref *out)
{
	static const struct {
		struct px_bytes prefix;
		enum px_side side;
	} sides[] = {
		{ PX_BYTES("req"), PX_SIDE_REQ },
		{ PX_BYTES("resp"), PX_SIDE_RESP },
	};

	for (size_t i = 0; i < PX_COUNT(sides); i++) {
		size_t n = sides[i].prefix.len;

		if (px_bytes_starts(name, sides[i].prefix) && name.len > n + 1 &&
		    (name.ptr[n] == '.' || name.ptr[n] == '_') &&
		    field_find_side(fields, sides[i].side, px_bytes_sub(name, n + 1, SIZE_MAX),
				    out))
			return true;
	}
	return field_find_side(fields, PX_SIDE_COMMON, name, out) ||
	       field_find_side(fields, PX_SIDE_REQ, name, out) ||
	       field_find_side(fields, PX_SIDE_RESP, name, out);
}

bool px_field_find(struct px_bytes name, const struct px_field *fields, struct px_field_ref *out)
{
	return field_find_side(px_common_fields, PX_SIDE_COMMON, name, out) ||
	       field_find_own(name, fields, out);
}

bool px_field_find_message(struct px_bytes name, const struct px_field *fields,
			   struct px_field_ref *out)
{
	struct px_field_ref common;
	bool found = field_find_side(px_common_fields, PX_SIDE_COMMON, name, &common);

	/* The keys of messages come first in the table. */
	if ((!found || common.index > PX_F_SPAN_ID) && field_find_own(name, fields, out))
		return true;
	if (found)
		*out = common;
	return found;
}

const char *px_type_name(enum px_type type)
{
	switch (type) {
	case PX_TYPE_STR:
	case PX_TYPE_BODY:
		return "string";
	case PX_TYPE_INT:
		return "int";
	case PX_TYPE_DECIMAL:
		return "number";
	case PX_TYPE_BOOL:
		return "bool";
	case PX_TYPE_TIME:
		return "time";
	case PX_TYPE_MAP:
		return "map";
	case PX_TYPE_LIST:
		return "list";
	case PX_TYPE_OBJECTS:
		return "objects";
	case PX_TYPE_JSON:
	case PX_TYPE_JSON_LIST:
	case PX_TYPE_NONE:
		break;
	}
	return "none";
}

/* One line; `of` is the field that f is a member of, or NULL. */
static int field_print_line(struct px_buf *out, const struct px_field *f, const struct px_field *of)
{
	static const char *const prefixes[] = {
		[PX_SIDE_COMMON] = "",
		[PX_SIDE_REQ] = "req.",
		[PX_SIDE_RESP] = "resp.",
	};
	const char *side = prefixes[of ? of->side : f->side];
	size_t taken = strlen(side) + (of ? strlen(of->name) + 1 : 0);
	int width = taken < 26 ? 26 - (int)taken : 0;

	return px_buf_printf(out, "%s%s%s%-*s %-7s  %-5s  %s\n", side, of ? of->name : "",
			     of ? "." : "", width, f->name, px_type_name(f->type),
			     f->unit ? f->unit : "-", f->help);
}

/* A field and, where it is made of objects, their members behind it. */
static int field_print(struct px_buf *out, const struct px_field *f)
{
	int err = field_print_line(out, f, NULL);

	if (f->type != PX_TYPE_OBJECTS)
		return err;
	for (const struct px_field *m = f->members; !err && m->type != PX_TYPE_NONE; m++)
		err = field_print_line(out, m, f);
	return err;
}

int px_fields_print(struct px_buf *out, const struct px_field_group *groups, size_t count)
{
	int err = 0;

	for (const struct px_field *f = px_common_fields; !err && f->type != PX_TYPE_NONE; f++)
		err = field_print(out, f);
	for (size_t i = 0; !err && i < count; i++) {
		err = px_buf_printf(out, "\n%s\n", groups[i].name);
		for (const struct px_field *f = groups[i].fields; !err && f->type != PX_TYPE_NONE;
		     f++)
			if (f->side == PX_SIDE_COMMON)
				err = field_print(out, f);
		/* The request's first, whatever the table's order. */
		for (const struct px_field *f = groups[i].fields; !err && f->type != PX_TYPE_NONE;
		     f++)
			if (f->side == PX_SIDE_REQ)
				err = field_print(out, f);
		for (const struct px_field *f = groups[i].fields; !err && f->type != PX_TYPE_NONE;
		     f++)
			if (f->side == PX_SIDE_RESP)
				err = field_print(out, f);
	}
	return err;
}
