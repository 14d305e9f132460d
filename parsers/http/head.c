/* SPDX-License-Identifier: Apache-2.0 */
/* Header lines: found, indexed, and asked for what they say about the body. */
#include "http/message.h"

#define FOLDED_MAX 512	/* bytes of a framing header's value that is spread over lines */

/*
 * field-line = field-name ":" OWS field-value OWS     (RFC 9112 section 5)
 *
 * A line that begins with white space continues the one before it (obs-fold, section 5.2). Lines
 * end in CRLF or in a bare LF; an empty one ends the block. A line without a colon is passed over,
 * as the servers do.
 */

struct http_known {
	struct px_bytes name;
	enum http_header_id id;
};

/* By length, so that a name is compared with very few of them. */
static const struct http_known known[] = {
	{ PX_BYTES("b3"), HTTP_B3 },
	{ PX_BYTES("host"), HTTP_HOST },
	{ PX_BYTES("cookie"), HTTP_SECRET },
	{ PX_BYTES("expect"), HTTP_EXPECT },
	{ PX_BYTES("referer"), HTTP_URL },
	{ PX_BYTES("upgrade"), HTTP_UPGRADE },
	{ PX_BYTES("location"), HTTP_URL },
	{ PX_BYTES("x-api-key"), HTTP_SECRET },
	{ PX_BYTES("set-cookie"), HTTP_SET_COOKIE },
	{ PX_BYTES("traceparent"), HTTP_TRACEPARENT },
	{ PX_BYTES("x-b3-spanid"), HTTP_B3_SPAN_ID },
	{ PX_BYTES("content-type"), HTTP_CONTENT_TYPE },
	{ PX_BYTES("x-b3-traceid"), HTTP_B3_TRACE_ID },
	{ PX_BYTES("authorization"), HTTP_SECRET },
	{ PX_BYTES("content-length"), HTTP_CONTENT_LENGTH },
	{ PX_BYTES("content-encoding"), HTTP_CONTENT_ENCODING },
	{ PX_BYTES("content-location"), HTTP_URL },
	{ PX_BYTES("transfer-encoding"), HTTP_TRANSFER_ENCODING },
	{ PX_BYTES("proxy-authorization"), HTTP_SECRET },
};

/* known_at[n]: the first row whose name has n bytes or more. */
static const uint8_t known_at[] = { 0, 0,  0,  1,  1,  2,  2,  4,  6,  7, 8,
				    9, 11, 13, 14, 15, 15, 17, 18, 18, 19 };
#define KNOWN_LEN_MAX 19

static enum http_header_id http_header_id(struct px_bytes name)
{
	char first, last;

	if (name.len == 0)
		return HTTP_OTHER;
	first = (char)(name.ptr[0] | 0x20);
	last = (char)(name.ptr[name.len - 1] | 0x20);
	if (name.len <= KNOWN_LEN_MAX)
		for (size_t i = known_at[name.len]; i < known_at[name.len + 1]; i++) {
			struct px_bytes want = known[i].name;

			if (first == want.ptr[0] && last == want.ptr[want.len - 1] &&
			    px_bytes_caseeq(name, want))
				return known[i].id;
		}
	if (last == 'n' && name.len > 6 &&
	    px_bytes_caseeq(px_bytes_sub(name, name.len - 6, 6), PX_BYTES("-token")))
		return HTTP_SECRET;
	return HTTP_OTHER;
}

bool http_is_secret_header(struct px_bytes name)
{
	enum http_header_id id = http_header_id(name);

	return id == HTTP_SECRET || id == HTTP_SET_COOKIE;
}

bool http_list_next(struct px_bytes *rest, struct px_bytes *item)
{
	while (rest->len > 0) {
		size_t comma = px_bytes_find(*rest, 0, ',');

		*item = px_bytes_trim(px_bytes_sub(*rest, 0, comma));
		*rest = px_bytes_sub(*rest, comma + 1, SIZE_MAX);
		if (item->len > 0)
			return true;
	}
	return false;
}

/*
 * Several equal lengths, in one line or in many, are one (RFC 9110 section 8.6); all else is an
 * error.
 */
static void http_facts_length(struct http_facts *facts, struct px_bytes value)
{
	struct px_bytes item;
	bool is_empty = true;

	while (http_list_next(&value, &item)) {
		uint64_t n = 0;

		is_empty = false;
		for (size_t i = 0; i < item.len; i++) {
			if (item.ptr[i] < '0' || item.ptr[i] > '9' || n > HTTP_REST / 10) {
				facts->bad_length = true;
				return;
			}
			n = n * 10 + (uint64_t)(item.ptr[i] - '0');
		}
		if (facts->has_length && facts->length != n)
			facts->bad_length = true;
		facts->has_length = true;
		facts->length = n;
	}
	if (is_empty)
		facts->bad_length = true;
}

static void http_facts_coding(struct http_facts *facts, struct px_bytes value)
{
	struct px_bytes item;

	while (http_list_next(&value, &item)) {
		if (px_bytes_caseeq(item, PX_BYTES("identity")))
			continue;
		facts->has_coding = true;
		facts->is_chunked = px_bytes_caseeq(item, PX_BYTES("chunked"));
	}
}

/* With the line breaks of an obs-fold turned into blanks; cut at FOLDED_MAX. */
static struct px_bytes http_unfold(struct px_bytes value, char out[FOLDED_MAX])
{
	size_t n = value.len < FOLDED_MAX ? value.len : FOLDED_MAX;

	for (size_t i = 0; i < n; i++)
		out[i] = value.ptr[i] == '\r' || value.ptr[i] == '\n' ? ' ' : value.ptr[i];
	return px_bytes_trim(px_bytes_of(out, n));
}

/* Those that http_facts_add() knows. */
static const uint32_t http_facts_ids = 1u << HTTP_CONTENT_LENGTH | 1u << HTTP_TRANSFER_ENCODING |
				       1u << HTTP_UPGRADE | 1u << HTTP_EXPECT;

static void http_facts_add(struct http_facts *facts, enum http_header_id id, struct px_bytes value,
			   bool is_folded)
{
	char flat[FOLDED_MAX];

	if (is_folded)
		value = http_unfold(value, flat);
	switch (id) {
	case HTTP_CONTENT_LENGTH:
		http_facts_length(facts, value);
		break;
	case HTTP_TRANSFER_ENCODING:
		http_facts_coding(facts, value);
		break;
	case HTTP_UPGRADE:
		facts->wants_upgrade = true;
		break;
	case HTTP_EXPECT:
		if (px_bytes_caseeq(value, PX_BYTES("100-continue")))
			facts->waits_for_100 = true;
		break;
	default:
		break;
	}
}

static void http_scan_line(struct http_scan *scan, struct px_bytes in, size_t from, size_t end,
			   bool is_folded, bool is_kept, struct http_facts *facts)
{
	struct px_bytes line = px_bytes_of(in.ptr + from, end - from), name, value;
	const char *colon = memchr(line.ptr, ':', line.len);
	enum http_header_id id;

	/* A blank in front continues a line that is not there. */
	if (!colon || colon == line.ptr || line.ptr[0] == ' ' || line.ptr[0] == '\t')
		return;
	name = px_bytes_trim(px_bytes_of(line.ptr, (size_t)(colon - line.ptr)));
	if (name.len > UINT16_MAX || (!is_kept && line.len > HTTP_TAIL_LINE_MAX))
		return;
	value = px_bytes_trim(px_bytes_of(colon + 1, line.len - (size_t)(colon + 1 - line.ptr)));
	id = http_header_id(name);
	if (http_facts_ids >> id & 1)
		http_facts_add(facts, id, value, is_folded);
	if (!is_kept)
		return;
	scan->ids |= 1u << id;
	scan->headers[scan->count++] = (struct http_header){
		.name = (uint32_t)(name.ptr - in.ptr),
		.value = (uint32_t)(value.ptr - in.ptr),
		.value_len = (uint32_t)value.len,
		.name_len = (uint16_t)name.len,
		.id = (uint8_t)id,
		.is_folded = is_folded,
	};
}

size_t http_scan_lines(struct http_scan *scan, struct px_bytes in, size_t from, bool eof,
		       struct http_facts *facts)
{
	while (from < in.len) {
		const char *nl = memchr(in.ptr + from, '\n', in.len - from);
		size_t end = nl ? (size_t)(nl - in.ptr) : in.len;
		bool is_folded = false, is_kept;

		if (!nl && !eof)
			break;
		if (end == from || (end == from + 1 && in.ptr[from] == '\r')) {
			if (!nl)
				break;
			scan->has_ended = true;
			from = end + 1;
			if (!scan->is_cut && from <= scan->keep_max)
				scan->kept = from;
			break;
		}
		/* What the next line begins with says whether this one is complete. */
		while (nl && end + 1 < in.len &&
		       (in.ptr[end + 1] == ' ' || in.ptr[end + 1] == '\t')) {
			is_folded = true;
			nl = memchr(in.ptr + end + 1, '\n', in.len - end - 1);
			end = nl ? (size_t)(nl - in.ptr) : in.len;
		}
		if (!eof && (!nl || end + 1 == in.len))
			break;
		is_kept = !scan->is_cut && scan->count < HTTP_HEADERS_MAX && end < scan->keep_max;
		if (!is_kept)
			scan->is_cut = true;
		http_scan_line(scan, in, from,
			       end > from && in.ptr[end - 1] == '\r' ? end - 1 : end, is_folded,
			       is_kept, facts);
		from = nl ? end + 1 : end;
		if (is_kept)
			scan->kept = from;
	}
	return from;
}

bool http_scan_find_end(struct px_bytes in, uint32_t *scanned)
{
	size_t at = *scanned;

	while (at < in.len) {
		const char *nl = memchr(in.ptr + at, '\n', in.len - at);

		if (!nl)
			break;
		at = (size_t)(nl - in.ptr);
		if (in.len - at >= 2 && nl[1] == '\n')
			return true;
		if (in.len - at >= 3 && nl[1] == '\r' && nl[2] == '\n')
			return true;
		at++;
	}
	/* An end that is half there begins in the last two bytes. */
	*scanned = (uint32_t)(in.len < 2 ? 0 : in.len - 2);
	return false;
}

bool http_block_keep(struct http_block *block, const struct http_scan *scan, struct px_bytes in,
		     struct px_arena *arena)
{
	size_t index = scan->count * sizeof(scan->headers[0]);
	char *mem = px_arena_alloc(arena, index + scan->kept);

	if (!mem)
		return false;
	memcpy(mem, scan->headers, index);
	if (scan->kept)
		memcpy(mem + index, in.ptr, scan->kept);
	*block = (struct http_block){
		.text = mem + index,
		.len = scan->kept,
		.headers = (struct http_header *)(void *)mem,
		.count = scan->count,
		.ids = scan->ids,
		.is_cut = scan->is_cut,
	};
	return true;
}

struct px_bytes http_block_value(const struct http_block *block, enum http_header_id id)
{
	if (http_block_has(block, id))
		for (size_t i = 0; i < block->count; i++) {
			const struct http_header *h = &block->headers[i];

			if (h->id == id)
				return http_block_text(block, h->value, h->value_len);
		}
	return (struct px_bytes){ NULL, 0 };
}
