/* SPDX-License-Identifier: Apache-2.0 */
/* From a request and its response to a record. */
#include "http/message.h"

enum http_field {
	HTTP_F_VERSION,
	HTTP_F_METHOD,
	HTTP_F_SCHEME,
	HTTP_F_HOST,
	HTTP_F_PATH,
	HTTP_F_QUERY,
	HTTP_F_URL,
	/* The same in a request and in a response: the order is that of enum http_side_field. */
	HTTP_F_REQ,
	HTTP_F_STATUS_CODE = HTTP_F_REQ + 8,
	HTTP_F_REASON,
	HTTP_F_CONTENT_ENCODING,
	HTTP_F_RESP,
};

enum http_side_field {
	SIDE_HEADERS,
	SIDE_TRAILERS,
	SIDE_CONTENT_TYPE,
	SIDE_BYTES,
	SIDE_BODY_BYTES,
	SIDE_BODY_DECODED_BYTES,
	SIDE_BODY_TRUNCATED,
	SIDE_BODY,
};

#define REQ PX_SIDE_REQ
#define RESP PX_SIDE_RESP

/* clang-format off */
const struct px_field http_fields[] = {
	{ "version", PX_TYPE_STR, REQ, NULL, "version of HTTP" },
	{ "method", PX_TYPE_STR, REQ, NULL, "request method" },
	{ "scheme", PX_TYPE_STR, REQ, NULL, "http or https, or that of an absolute target" },
	{ "host", PX_TYPE_STR, REQ, NULL, "host and port that were asked for" },
	{ "path", PX_TYPE_STR, REQ, NULL, "path of the target, without the query" },
	{ "query", PX_TYPE_STR, REQ, NULL, "query of the target, without the question mark" },
	{ "url", PX_TYPE_STR, REQ, NULL, "URL made of scheme, host and target" },
	{ "headers", PX_TYPE_MAP, REQ, NULL, "headers, names in lower case" },
	{ "trailers", PX_TYPE_MAP, REQ, NULL, "trailers behind a chunked body" },
	{ "content_type", PX_TYPE_STR, REQ, NULL, "media type of the body" },
	{ "bytes", PX_TYPE_INT, REQ, "bytes", "size of the message, head and framing included" },
	{ "body_bytes", PX_TYPE_INT, REQ, "bytes", "size of the body as transferred, without chunk framing" },
	{ "body_decoded_bytes", PX_TYPE_INT, REQ, "bytes", "size of the body with its coding undone" },
	{ "body_truncated", PX_TYPE_BOOL, REQ, NULL, "not all of the body is shown" },
	{ "body", PX_TYPE_BODY, REQ, NULL, "body with its coding undone" },
	{ "status_code", PX_TYPE_INT, RESP, NULL, "status code" },
	{ "reason", PX_TYPE_STR, RESP, NULL, "reason phrase" },
	{ "content_encoding", PX_TYPE_STR, RESP, NULL, "coding of the body on the wire" },
	{ "headers", PX_TYPE_MAP, RESP, NULL, "headers, names in lower case" },
	{ "trailers", PX_TYPE_MAP, RESP, NULL, "trailers behind a chunked body" },
	{ "content_type", PX_TYPE_STR, RESP, NULL, "media type of the body" },
	{ "bytes", PX_TYPE_INT, RESP, "bytes", "size of the message, interim answers and framing included" },
	{ "body_bytes", PX_TYPE_INT, RESP, "bytes", "size of the body as transferred, without chunk framing" },
	{ "body_decoded_bytes", PX_TYPE_INT, RESP, "bytes", "size of the body with its coding undone" },
	{ "body_truncated", PX_TYPE_BOOL, RESP, NULL, "not all of the body is shown" },
	{ "body", PX_TYPE_BODY, RESP, NULL, "body with its coding undone" },
	{ 0 },
};
/* clang-format on */
_Static_assert(PX_COUNT(http_fields) == HTTP_F_RESP + 9, "a row for each of enum http_field");

static const struct px_bytes hidden = PX_BYTES("***");

/* What the steps of one describe() share. */
struct describe {
	struct px_record *rec;
	const struct px_exchange *ex;
	bool found_secret;
	bool is_cut;		/* a body was longer than allowed */
};

static struct px_bytes describe_join(struct px_arena *arena, const struct px_bytes *parts,
				     size_t count)
{
	size_t len = 0, at = 0;
	char *p;

	for (size_t i = 0; i < count; i++)
		len += parts[i].len;
	p = px_arena_alloc(arena, len);
	if (!p)
		return (struct px_bytes){ NULL, 0 };
	for (size_t i = 0; i < count; i++) {
		if (parts[i].len)
			memcpy(p + at, parts[i].ptr, parts[i].len);
		at += parts[i].len;
	}
	return px_bytes_of(p, at);
}

static void describe_lower(char *to, const char *from, size_t len)
{
	size_t i = 0;
	uint64_t x;

	for (; len - i >= 8; i += 8) {
		memcpy(&x, from + i, 8);
		x = px_ascii_lower8(x);
		memcpy(to + i, &x, 8);
	}
	if (i < len && len >= 8) {
		memcpy(&x, from + len - 8, 8);
		x = px_ascii_lower8(x);
		memcpy(to + len - 8, &x, 8);
		return;
	}
	for (; i < len; i++)
		to[i] = px_ascii_lower(from[i]);
}

/* An obs-fold is read as blanks (RFC 9112 section 5.2). */
static struct px_bytes describe_unfold(struct px_arena *arena, struct px_bytes value)
{
	char *p = px_arena_alloc(arena, value.len);
	size_t n = 0;

	if (!p)
		return (struct px_bytes){ "", 0 };
	for (size_t i = 0; i < value.len; i++) {
		char c = value.ptr[i];

		if (c == '\r' || c == '\n' || c == '\t')
			c = ' ';
		if (c != ' ' || (n > 0 && p[n - 1] != ' '))
			p[n++] = c;
	}
	return px_bytes_of(p, n);
}

static struct px_bytes describe_value(struct describe *d, const struct http_block *b,
				      const struct http_header *h)
{
	struct px_bytes value = http_block_text(b, h->value, h->value_len);

	if (!d->rec->no_redact && value.len > 0) {
		if (h->id == HTTP_SECRET || h->id == HTTP_SET_COOKIE) {
			http_redact_bytes(value);
			d->found_secret = true;
			return hidden;
		}
		if (h->id == HTTP_URL)
			value = http_redact_params(value, false, d->rec->arena, &d->found_secret);
	}
	return h->is_folded ? describe_unfold(d->rec->arena, value) : value;
}

/* All values of the name that pairs[of] has, joined. */
static struct px_bytes describe_duplicates(struct describe *d, const struct http_block *b,
					   const uint8_t *owner, const struct px_bytes *values,
					   size_t of)
{
	const char *sep = ", ";
	size_t len = 0, sep_len, at = 0;
	char *p;

	for (size_t i = 0; i < b->count; i++)
		if (owner[i] == of && b->headers[i].id == HTTP_SET_COOKIE)
			sep = "\n"; /* a cookie may contain commas */
	sep_len = strlen(sep);
	for (size_t i = 0; i < b->count; i++)
		if (owner[i] == of)
			len += values[i].len + sep_len;
	p = px_arena_alloc(d->rec->arena, len);
	if (!p)
		return values[of];
	for (size_t i = 0; i < b->count; i++) {
		if (owner[i] != of)
			continue;
		if (at > 0) {
			memcpy(p + at, sep, sep_len);
			at += sep_len;
		}
		if (values[i].len)
			memcpy(p + at, values[i].ptr, values[i].len);
		at += values[i].len;
	}
	return px_bytes_of(p, at);
}

static void describe_block(struct describe *d, const struct http_block *b, unsigned int field)
{
	struct px_bytes values[HTTP_HEADERS_MAX];
	uint8_t owner[HTTP_HEADERS_MAX];	/* the pair that a header went to */
	_Static_assert(HTTP_HEADERS_MAX <= UINT8_MAX + 1, "owner[] counts them");
	struct px_pair *pairs;
	size_t names_len = 0, count = 0;
	uint64_t seen = 0, doubled[HTTP_HEADERS_MAX / 64] = { 0 };
	bool any_doubled = false;
	char *names;

	for (size_t i = 0; i < b->count; i++)
		names_len += b->headers[i].name_len;
	pairs = px_arena_alloc(d->rec->arena, b->count * sizeof(*pairs) + names_len);
	if (!pairs) {
		/* The secrets have to go from the raw bytes all the same. */
		for (size_t i = 0; i < b->count; i++)
			(void)describe_value(d, b, &b->headers[i]);
		return;
	}
	names = (char *)(pairs + b->count);
	for (size_t i = 0; i < b->count; i++) {
		const struct http_header *h = &b->headers[i];
		struct px_bytes name = px_bytes_of(names, h->name_len), value;
		uint64_t bit;
		size_t k;

		describe_lower(names, b->text + h->name, h->name_len);
		value = describe_value(d, b, h);
		values[i] = value;
		bit = (uint64_t)1 << ((name.len * 7 + (uint8_t)name.ptr[0] +
				       (uint8_t)name.ptr[name.len - 1] * 3u +
				       (uint8_t)name.ptr[name.len / 2] * 5u) &
				      63);
		k = count;
		if (seen & bit)
			for (k = 0; k < count && !px_bytes_eq(pairs[k].name, name);)
				k++;
		seen |= bit;
		owner[i] = (uint8_t)k;
		if (k < count) {
			doubled[k / 64] |= (uint64_t)1 << k % 64;
			any_doubled = true;
			continue;
		}
		pairs[count++] = (struct px_pair){ name, value };
		names += name.len;
	}
	if (any_doubled)
		for (size_t k = 0; k < count; k++)
			if (doubled[k / 64] >> k % 64 & 1)
				pairs[k].value = describe_duplicates(d, b, owner, values, k);
	px_record_put_map(d->rec, field, pairs, count);
}

static void describe_put(struct px_record *rec, unsigned int field, struct px_bytes s)
{
	if (s.ptr)
		px_record_put_str(rec, field, s);
}

/* Bytes of the last character of b that are there, if not all of them are. */
static size_t describe_half_character(struct px_bytes b)
{
	for (size_t n = 1; n <= 3 && n <= b.len; n++) {
		unsigned char c = (unsigned char)b.ptr[b.len - n];

		if (c >= 0xc0)
			return n < (c >= 0xf0 ? 4u : c >= 0xe0 ? 3u : 2u) ? n : 0;
		if (c < 0x80)
			break;
	}
	return 0;
}

static bool describe_is_form(struct px_bytes content_type)
{
	struct px_bytes form = PX_BYTES("application/x-www-form-urlencoded");

	return px_bytes_caseeq(px_bytes_sub(content_type, 0, form.len), form);
}

/*
 * Of the body, kept or not; with what was dropped on the way for a message that was left in the
 * middle.
 */
static uint64_t describe_body_bytes(const struct px_frame *frame)
{
	const struct http_msg *m = frame->msg;
	uint64_t dropped = m->discard > 0 ? frame->last.pos - m->discard_from : 0;

	return m->body_bytes + (dropped < m->discard ? dropped : m->discard);
}

static void describe_body(struct describe *d, const struct px_frame *frame, unsigned int side)
{
	const struct http_msg *m = frame->msg;
	struct px_record *rec = d->rec;
	struct px_bytes kept = px_bytes_of(m->body, m->body_len);
	struct http_content content = { .bytes = kept };
	uint64_t body_bytes = describe_body_bytes(frame);
	bool is_cut = body_bytes > m->body_len;

	d->is_cut |= m->hit_limit && is_cut;
	px_record_put_int(rec, side + SIDE_BODY_BYTES, (int64_t)body_bytes);
	if (body_bytes == 0)
		return;
	if (http_block_has(&m->head, HTTP_CONTENT_ENCODING) ||
	    http_block_has(&m->head, HTTP_TRANSFER_ENCODING))
		content =
			http_content_decode(kept, http_block_value(&m->head, HTTP_CONTENT_ENCODING),
					    http_block_value(&m->head, HTTP_TRANSFER_ENCODING),
					    m->decoded_max, rec->arena);
	if (content.is_decoded) {
		is_cut = !content.is_whole;
		d->is_cut |= content.hit_limit;
		if (!is_cut && body_bytes == m->body_len)
			px_record_put_int(rec, side + SIDE_BODY_DECODED_BYTES,
					  (int64_t)content.bytes.len);
	}
	if (!rec->no_redact && describe_is_form(http_block_value(&m->head, HTTP_CONTENT_TYPE))) {
		bool found = false;

		content.bytes = http_redact_params(content.bytes, true, rec->arena, &found);
		if (found && content.is_decoded)
			http_redact_bytes(kept);
		d->found_secret |= found;
	}
	px_record_put_bool(rec, side + SIDE_BODY_TRUNCATED, is_cut);
	if (m->body_len == 0)
		return;
	/* A text must not become a binary because we cut it between two bytes. */
	if (is_cut)
		content.bytes.len -= describe_half_character(content.bytes);
	px_record_put_str(rec, side + SIDE_BODY, content.bytes);
}

/* What a request and a response have in common. */
static void describe_side(struct describe *d, const struct px_frame *frame, unsigned int side,
			  struct px_raw *raw)
{
	const struct http_msg *m = frame->msg;
	struct px_record *rec = d->rec;

	px_record_put_int(rec, side + SIDE_BYTES, (int64_t)frame->bytes);
	if (rec->no_details) {
		d->is_cut |= m->hit_limit && describe_body_bytes(frame) > m->body_len;
		return;
	}
	raw->head = px_bytes_of(m->head.text, m->head.len);
	raw->body = px_bytes_of(m->body, m->body_len);
	raw->is_cut = m->head.is_cut || describe_body_bytes(frame) > m->body_len;
	describe_block(d, &m->head, side + SIDE_HEADERS);
	if (m->trailers.count > 0)
		describe_block(d, &m->trailers, side + SIDE_TRAILERS);
	if (http_block_has(&m->head, HTTP_CONTENT_TYPE))
		describe_put(rec, side + SIDE_CONTENT_TYPE,
			     http_block_value(&m->head, HTTP_CONTENT_TYPE));
	describe_body(d, frame, side);
}

/* Hexadecimal digits, not all of them 0. */
static bool describe_is_id(struct px_bytes b)
{
	bool is_zero = true;

	for (size_t i = 0; i < b.len; i++) {
		if (!((b.ptr[i] >= '0' && b.ptr[i] <= '9') ||
		      (px_ascii_lower(b.ptr[i]) >= 'a' && px_ascii_lower(b.ptr[i]) <= 'f')))
			return false;
		is_zero &= b.ptr[i] == '0';
	}
	return !is_zero;
}

static void describe_ids(struct px_record *rec, struct px_bytes trace_id, struct px_bytes span_id)
{
	if ((trace_id.len != 32 && trace_id.len != 16) || !describe_is_id(trace_id))
		return;
	px_record_str(rec, PX_F_TRACE_ID, trace_id);
	if (span_id.len == 16 && describe_is_id(span_id))
		px_record_str(rec, PX_F_SPAN_ID, span_id);
}

/*
 * traceparent: 00-<32 hex trace id>-<16 hex span id>-<2 hex flags>           (W3C Trace Context)
 * b3: <16 or 32 hex>-<16 hex>[-<sampled>[-<16 hex parent>]], or two headers  (B3 propagation)
 */
static void describe_trace(struct px_record *rec, const struct http_block *head)
{
	const uint32_t ids = 1u << HTTP_TRACEPARENT | 1u << HTTP_B3 | 1u << HTTP_B3_TRACE_ID;
	struct px_bytes v;
	size_t dash;

	if (!(head->ids & ids))
		return;
	v = http_block_value(head, HTTP_TRACEPARENT);
	if (v.len >= 55 && v.ptr[2] == '-' && v.ptr[35] == '-' && v.ptr[52] == '-') {
		describe_ids(rec, px_bytes_sub(v, 3, 32), px_bytes_sub(v, 36, 16));
		return;
	}
	v = http_block_value(head, HTTP_B3);
	dash = px_bytes_find(v, 0, '-');
	if (dash < v.len) {
		describe_ids(rec, px_bytes_sub(v, 0, dash), px_bytes_sub(v, dash + 1, 16));
		return;
	}
	describe_ids(rec, http_block_value(head, HTTP_B3_TRACE_ID),
		     http_block_value(head, HTTP_B3_SPAN_ID));
}

/* Its parts, as they are shown. */
struct describe_target {
	struct px_bytes scheme, host, path, query;
	bool has_query;
	bool is_url;	/* absolute-form or authority-form: needs nothing in front */
};

static struct describe_target describe_target(struct px_bytes target, bool is_connect)
{
	struct describe_target t = { .path = target };
	size_t end;

	if (is_connect) {
		t.is_url = true;
		t.host = target;
		return t;
	}
	if (target.len > 0 && target.ptr[0] != '/' && target.ptr[0] != '*') {
		const char *sep = memmem(target.ptr, target.len, "://", 3);

		if (sep) {
			size_t from = (size_t)(sep - target.ptr) + 3, at;

			for (end = from;
			     end < target.len && target.ptr[end] != '/' && target.ptr[end] != '?';)
				end++;
			t.is_url = true;
			t.scheme = px_bytes_sub(target, 0, from - 3);
			t.host = px_bytes_sub(target, from, end - from);
			for (at = t.host.len; at > 0 && t.host.ptr[at - 1] != '@';)
				at--;
			t.host = px_bytes_sub(t.host, at, SIZE_MAX);
			target = px_bytes_sub(target, end, SIZE_MAX);
		}
	}
	end = px_bytes_find(target, 0, '?');
	t.has_query = end < target.len;
	t.query = t.has_query ? px_bytes_of(target.ptr + end + 1, target.len - end - 1) : t.query;
	t.path = end > 0 ? px_bytes_sub(target, 0, end) : PX_BYTES("/");
	return t;
}

static void describe_request(struct describe *d)
{
	static const struct px_bytes versions[] = { PX_BYTES("1.0"), PX_BYTES("1.1") };
	const struct px_exchange *ex = d->ex;
	const struct px_frame *frame = ex->request;
	const struct http_msg *m = frame->msg;
	struct px_record *rec = d->rec;
	struct px_bytes method = http_block_text(&m->head, 0, m->start.method_len), line;
	struct px_bytes target = http_block_text(&m->head, m->start.target, m->start.target_len),
			shown = target;
	struct describe_target t;

	rec->has_req = true;
	if (!rec->no_redact)
		shown = http_redact_params(target, false, rec->arena, &d->found_secret);
	t = describe_target(shown, px_bytes_eq(method, PX_BYTES("CONNECT")));
	if (m->start.minor < PX_COUNT(versions))
		px_record_put_str(rec, HTTP_F_VERSION, versions[m->start.minor]);
	else
		describe_put(rec, HTTP_F_VERSION,
			     px_arena_printf(rec->arena, "1.%u", m->start.minor));
	px_record_put_str(rec, HTTP_F_METHOD, method);
	if (!t.scheme.ptr && !t.is_url)
		t.scheme = ex->is_tls ? PX_BYTES("https") : PX_BYTES("http");
	if (!t.host.ptr)
		t.host = http_block_value(&m->head, HTTP_HOST);
	describe_put(rec, HTTP_F_SCHEME, t.scheme);
	if (t.host.len > 0)
		px_record_put_str(rec, HTTP_F_HOST, t.host);
	else if (!t.is_url && ex->role != PX_ROLE_CLIENT && ex->local_addr)
		t.host = px_bytes_str(ex->local_addr); /* HTTP/1.0 without a Host header */
	px_record_put_str(rec, HTTP_F_PATH, t.path);
	if (t.has_query)
		px_record_put_str(rec, HTTP_F_QUERY, t.query);
	px_record_str(rec, PX_F_OP, method);
	px_record_str(rec, PX_F_TARGET, t.path);

	if (t.is_url || t.host.len == 0) {
		const struct px_bytes parts[] = { method, PX_BYTES(" "), shown };

		line = describe_join(rec->arena, parts, PX_COUNT(parts));
	} else {
		/* * is the whole server (RFC 9112 section 3.2.4) */
		const struct px_bytes parts[] = {
			method,	  PX_BYTES(" "),
			t.scheme, PX_BYTES("://"),
			t.host,	  px_bytes_eq(shown, PX_BYTES("*")) ? PX_BYTES("") : shown
		};

		line = describe_join(rec->arena, parts, PX_COUNT(parts));
	}
	if (line.ptr) {
		px_record_put_str(rec, HTTP_F_URL, px_bytes_sub(line, method.len + 1, SIZE_MAX));
		if (rec->want_summary)
			rec->summary = line;
	}
	describe_trace(rec, &m->head);
	describe_side(d, frame, HTTP_F_REQ, &rec->raw_req);
}

static void describe_response(struct describe *d)
{
	const struct px_frame *frame = d->ex->response;
	const struct http_msg *m = frame->msg;
	struct px_record *rec = d->rec;
	struct px_bytes reason = http_block_text(&m->head, m->start.reason, m->start.reason_len),
			status;
	unsigned int code = m->start.status;
	bool is_final = code >= 200 || code == 101;
	char *digits = px_arena_alloc(rec->arena, 3);

	rec->has_resp = true;
	px_record_put_int(rec, HTTP_F_STATUS_CODE, code);
	px_record_put_str(rec, HTTP_F_REASON, reason);
	if (http_block_has(&m->head, HTTP_CONTENT_ENCODING))
		describe_put(rec, HTTP_F_CONTENT_ENCODING,
			     http_block_value(&m->head, HTTP_CONTENT_ENCODING));
	if (digits) {
		digits[0] = (char)('0' + code / 100);
		digits[1] = (char)('0' + code / 10 % 10);
		digits[2] = (char)('0' + code % 10);
		status = px_bytes_of(digits, 3);
		px_record_str(rec, PX_F_STATUS, status);
	}
	px_record_bool(rec, PX_F_OK, is_final && code < 400);
	if (code >= 400 && reason.len > 0)
		px_record_str(rec, PX_F_ERROR, reason);
	else
		px_record_null(rec, PX_F_ERROR);
	if (rec->want_summary && !d->ex->request)
		rec->summary = px_bytes_sub(px_bytes_of(m->head.text, m->head.len), 0,
					    m->start.reason + m->start.reason_len);
	describe_side(d, frame, HTTP_F_RESP, &rec->raw_resp);
}

void http_describe(const struct px_exchange *ex, struct px_record *rec)
{
	struct describe d = { .rec = rec, .ex = ex };
	unsigned int flags = ex->flags;

	if (ex->request) {
		flags |= ex->request->flags;
		describe_request(&d);
	}
	if (ex->response) {
		flags |= ex->response->flags;
		describe_response(&d);
	} else if (flags & PX_FLAG_UNPAIRED) {
		/* There may have been an answer that was not recognised as its own. */
		px_record_str(rec, PX_F_STATUS, PX_BYTES("-"));
		px_record_bool(rec, PX_F_OK, true);
		px_record_null(rec, PX_F_ERROR);
	} else {
		flags |= PX_FLAG_NOREPLY;
		px_record_str(rec, PX_F_STATUS, PX_BYTES("NOREPLY"));
		px_record_bool(rec, PX_F_OK, false);
		px_record_null(rec, PX_F_ERROR);
	}
	if (!ex->request)
		flags |= PX_FLAG_UNPAIRED;
	if (d.is_cut)
		flags |= PX_FLAG_TRUNCATED;
	if (d.found_secret)
		flags |= PX_FLAG_REDACTED;
	px_record_flags(rec, flags);
}
