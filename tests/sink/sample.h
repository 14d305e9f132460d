/* SPDX-License-Identifier: Apache-2.0 */
/* Records as the pipeline would make them, and a place to catch what a sink writes. */
#ifndef PX_TESTS_SINK_SAMPLE_H
#define PX_TESTS_SINK_SAMPLE_H

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#include "record/record.h"
#include "sink/out.h"
#include "sink/sink.h"

/* A protocol in the manner of http, with a field of each type. */
enum sample_field {
	SF_REQ_VERSION,
	SF_METHOD,
	SF_SCHEME,
	SF_HOST,
	SF_PATH,
	SF_QUERY,
	SF_URL,
	SF_REQ_BYTES,
	SF_REQ_HEADERS,
	SF_REQ_CONTENT_TYPE,
	SF_REQ_BODY,
	SF_REQ_BODY_BYTES,
	SF_ID,
	SF_PARAMS,
	SF_STATUS_CODE,
	SF_REASON,
	SF_RESP_BYTES,
	SF_RESP_HEADERS,
	SF_RESP_CONTENT_TYPE,
	SF_RESP_BODY,
	SF_RESP_BODY_BYTES,
	SF_RESP_BODY_TRUNCATED,
	SF_ANSWERS,
	SF_COUNT,
};

/* clang-format off */
static const struct px_field sample_members[] = {
	{ "name", PX_TYPE_STR, .help = "name" },
	{ "ttl", PX_TYPE_INT, .unit = "s", .help = "life" },
	{ "columns", PX_TYPE_LIST, .help = "names" },
	{ .type = PX_TYPE_NONE },
};

static const struct px_field sample_fields[SF_COUNT + 1] = {
	[SF_REQ_VERSION] = { "version", PX_TYPE_STR, PX_SIDE_REQ, NULL, "version" },
	[SF_METHOD] = { "method", PX_TYPE_STR, PX_SIDE_REQ, NULL, "method" },
	[SF_SCHEME] = { "scheme", PX_TYPE_STR, PX_SIDE_REQ, NULL, "scheme" },
	[SF_HOST] = { "host", PX_TYPE_STR, PX_SIDE_REQ, NULL, "host" },
	[SF_PATH] = { "path", PX_TYPE_STR, PX_SIDE_REQ, NULL, "path" },
	[SF_QUERY] = { "query", PX_TYPE_STR, PX_SIDE_REQ, NULL, "query" },
	[SF_URL] = { "url", PX_TYPE_STR, PX_SIDE_REQ, NULL, "url" },
	[SF_REQ_BYTES] = { "bytes", PX_TYPE_INT, PX_SIDE_REQ, "bytes", "size" },
	[SF_REQ_HEADERS] = { "headers", PX_TYPE_MAP, PX_SIDE_REQ, NULL, "headers" },
	[SF_REQ_CONTENT_TYPE] = { "content_type", PX_TYPE_STR, PX_SIDE_REQ, NULL, "content type" },
	[SF_REQ_BODY] = { "body", PX_TYPE_BODY, PX_SIDE_REQ, NULL, "body" },
	[SF_REQ_BODY_BYTES] = { "body_bytes", PX_TYPE_INT, PX_SIDE_REQ, "bytes", "size of the body" },
	[SF_ID] = { "id", PX_TYPE_INT, PX_SIDE_REQ, NULL, "an id" },
	[SF_PARAMS] = { "params", PX_TYPE_LIST, PX_SIDE_REQ, NULL, "parameters" },
	[SF_STATUS_CODE] = { "status_code", PX_TYPE_INT, PX_SIDE_RESP, NULL, "status" },
	[SF_REASON] = { "reason", PX_TYPE_STR, PX_SIDE_RESP, NULL, "reason" },
	[SF_RESP_BYTES] = { "bytes", PX_TYPE_INT, PX_SIDE_RESP, "bytes", "size" },
	[SF_RESP_HEADERS] = { "headers", PX_TYPE_MAP, PX_SIDE_RESP, NULL, "headers" },
	[SF_RESP_CONTENT_TYPE] = { "content_type", PX_TYPE_STR, PX_SIDE_RESP, NULL, "content type" },
	[SF_RESP_BODY] = { "body", PX_TYPE_BODY, PX_SIDE_RESP, NULL, "body" },
	[SF_RESP_BODY_BYTES] = { "body_bytes", PX_TYPE_INT, PX_SIDE_RESP, "bytes", "size of the body" },
	[SF_RESP_BODY_TRUNCATED] = { "body_truncated", PX_TYPE_BOOL, PX_SIDE_RESP, NULL, "cut" },
	[SF_ANSWERS] = { "answers", PX_TYPE_OBJECTS, PX_SIDE_RESP, NULL, "answers", sample_members },
	[SF_COUNT] = { .type = PX_TYPE_NONE },
};
/* clang-format on */

/* 2024-05-06T07:08:09.123456789Z */
#define SAMPLE_TS INT64_C(1714979289123456789)

/* Who talks to whom: the same in messages, open and close. */
static inline void sample_conn(struct px_record *r)
{
	px_record_int(r, PX_F_SEQ, 1);
	px_record_time(r, SAMPLE_TS);
	px_record_int(r, PX_F_PID, 4242);
	px_record_int(r, PX_F_TID, 4243);
	px_record_int(r, PX_F_UID, 33);
	px_record_str(r, PX_F_COMM, PX_BYTES("nginx"));
	px_record_str(r, PX_F_ROLE, PX_BYTES("server"));
	px_record_str(r, PX_F_NET, PX_BYTES("tcp"));
	px_record_str(r, PX_F_LOCAL_ADDR, PX_BYTES("10.0.0.2"));
	px_record_int(r, PX_F_LOCAL_PORT, 80);
	px_record_str(r, PX_F_REMOTE_ADDR, PX_BYTES("10.0.0.7"));
	px_record_int(r, PX_F_REMOTE_PORT, 51234);
	px_record_bool(r, PX_F_TLS, false);
	px_record_str(r, PX_F_CONN, PX_BYTES("3f2a91c4"));
}

/* The first line of INTERFACE's examples. */
static inline void sample_message(struct px_record *r)
{
	static const struct px_pair request[] = {
		{ PX_BYTES("host"), PX_BYTES("api.example") },
		{ PX_BYTES("user-agent"), PX_BYTES("curl/7.88.1") },
		{ PX_BYTES("accept"), PX_BYTES("*/*") },
	};
	static const struct px_pair response[] = {
		{ PX_BYTES("server"), PX_BYTES("nginx/1.22.1") },
		{ PX_BYTES("date"), PX_BYTES("Mon, 06 May 2024 07:08:09 GMT") },
		{ PX_BYTES("content-type"), PX_BYTES("application/json") },
		{ PX_BYTES("content-length"), PX_BYTES("25") },
		{ PX_BYTES("connection"), PX_BYTES("keep-alive") },
	};

	px_record_clear(r, PX_RECORD_MESSAGE);
	sample_conn(r);
	px_record_int(r, PX_F_LATENCY_NS, 1230000);
	px_record_int(r, PX_F_TTFB_NS, 1100000);
	px_record_str(r, PX_F_PROTO, PX_BYTES("http"));
	px_record_str(r, PX_F_OP, PX_BYTES("GET"));
	px_record_str(r, PX_F_TARGET, PX_BYTES("/v1/users"));
	px_record_bool(r, PX_F_OK, true);
	px_record_str(r, PX_F_STATUS, PX_BYTES("200"));
	px_record_null(r, PX_F_ERROR);
	px_record_flags(r, 0);
	r->fields = sample_fields;
	r->has_req = true;
	r->has_resp = true;
	r->summary = PX_BYTES("GET http://api.example/v1/users?id=7");
	px_record_put_str(r, SF_REQ_VERSION, PX_BYTES("1.1"));
	px_record_put_str(r, SF_METHOD, PX_BYTES("GET"));
	px_record_put_str(r, SF_SCHEME, PX_BYTES("http"));
	px_record_put_str(r, SF_HOST, PX_BYTES("api.example"));
	px_record_put_str(r, SF_PATH, PX_BYTES("/v1/users"));
	px_record_put_str(r, SF_QUERY, PX_BYTES("id=7"));
	px_record_put_str(r, SF_URL, PX_BYTES("http://api.example/v1/users?id=7"));
	px_record_put_int(r, SF_REQ_BYTES, 78);
	px_record_put(r, SF_REQ_HEADERS,
		      (struct px_value){ .map = { request, PX_COUNT(request) } });
	px_record_put_int(r, SF_REQ_BODY_BYTES, 0);
	px_record_put_int(r, SF_STATUS_CODE, 200);
	px_record_put_str(r, SF_REASON, PX_BYTES("OK"));
	px_record_put_int(r, SF_RESP_BYTES, 512);
	px_record_put(r, SF_RESP_HEADERS,
		      (struct px_value){ .map = { response, PX_COUNT(response) } });
	px_record_put_str(r, SF_RESP_CONTENT_TYPE, PX_BYTES("application/json"));
	px_record_put_str(r, SF_RESP_BODY, PX_BYTES("{\"id\":7,\"name\":\"J\xc3\xbcrgen\"}"));
	px_record_put_int(r, SF_RESP_BODY_BYTES, 25);
}

static inline void sample_close(struct px_record *r)
{
	px_record_clear(r, PX_RECORD_CLOSE);
	sample_conn(r);
	px_record_int(r, PX_F_DURATION_NS, INT64_C(3200000000));
	px_record_int(r, PX_F_BYTES_SENT, 998212);
	px_record_int(r, PX_F_BYTES_RECEIVED, 12040);
	px_record_int(r, PX_F_MESSAGES, 10);
	px_record_int(r, PX_F_ERRORS, 1);
	px_record_int(r, PX_F_LOST_BYTES, 0);
}

/* A file in memory behind a px_out. */
struct sample_out {
	int fd;
	struct px_out *out;
	off_t taken;
};

static inline struct sample_out sample_out_new(void)
{
	struct sample_out o = { .fd = memfd_create("out", MFD_CLOEXEC) };

	if (o.fd < 0 || px_out_new(&o.out, o.fd, "out", (size_t)64 << 20) != 0)
		abort();
	return o;
}

/* What was written since the last call, a 0 byte behind it; free() it. */
static inline char *sample_out_take(struct sample_out *o, size_t *len)
{
	off_t end;
	char *p;

	px_out_finish(o->out, 0);
	end = lseek(o->fd, 0, SEEK_END);
	p = malloc((size_t)(end - o->taken) + 1);
	if (!p || pread(o->fd, p, (size_t)(end - o->taken), o->taken) != end - o->taken)
		abort();
	p[end - o->taken] = '\0';
	if (len)
		*len = (size_t)(end - o->taken);
	o->taken = end;
	return p;
}

static inline void sample_out_free(struct sample_out *o)
{
	px_out_free(o->out);
	close(o->fd);
}

#endif
