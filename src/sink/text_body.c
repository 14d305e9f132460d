/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything here is foreign bytes: each line begins with the indent and goes through the terminal
 * escape.
 */
#include "sink/text_body.h"

#include "sink/emit.h"
#include "sink/escape.h"

#define BODY_INDENT "        "
#define BODY_DEPTH_MAX 32	/* JSON nested deeper is not indented further */
#define BODY_HEX_LINE 16

/* --- text --- */

static int body_line(struct px_buf *out, struct px_bytes line)
{
	int err = px_buf_append(out, PX_BYTES(BODY_INDENT));

	if (line.len && line.ptr[line.len - 1] == '\r') /* of a CR LF */
		line.len--;
	if (!err)
		err = px_term_append(out, line, 0, PX_TERM_ROOM_ALL, NULL);
	return err ? err : px_buf_append(out, PX_BYTES("\n"));
}

static int body_lines(struct px_buf *out, struct px_bytes s)
{
	int err = 0;

	for (size_t at = 0; !err && at < s.len;) {
		size_t end = px_bytes_find(s, at, '\n');

		err = body_line(out, px_bytes_sub(s, at, end - at));
		at = end + 1;
	}
	return err;
}

/*
 * Is this meant to be read? UTF-8, with hardly any control characters in it. The end may be cut
 * within a character.
 */
static bool body_is_text(struct px_bytes s)
{
	size_t controls = 0, at = 0;
	uint32_t cp;

	while (at < s.len) {
		size_t n = px_utf8_decode(s, at, &cp);

		if (n == 0)
			return s.len - at < 4 && at > 0 && (unsigned char)s.ptr[at] >= 0xc2;
		if (cp == 0)
			return false;
		if ((cp < 0x20 && cp != '\n' && cp != '\r' && cp != '\t') || cp == 0x7f)
			controls++;
		at += n;
	}
	return controls <= 2 + s.len / 32;
}

/* --- JSON --- */

static bool body_is_json(struct px_bytes s, struct px_bytes content_type)
{
	struct px_bytes json = PX_BYTES("json");
	size_t at = 0;

	while (at < s.len &&
	       (s.ptr[at] == ' ' || s.ptr[at] == '\n' || s.ptr[at] == '\r' || s.ptr[at] == '\t'))
		at++;
	if (at == s.len || (s.ptr[at] != '{' && s.ptr[at] != '['))
		return false;
	for (size_t i = 0; content_type.len >= json.len && i <= content_type.len - json.len; i++)
		if (px_bytes_caseeq(px_bytes_sub(content_type, i, json.len), json))
			return true;
	return content_type.len == 0;
}

static int body_break(struct px_buf *out, unsigned int depth)
{
	int err = px_buf_append(out, PX_BYTES("\n" BODY_INDENT));

	if (depth > BODY_DEPTH_MAX)
		depth = BODY_DEPTH_MAX;
	for (unsigned int i = 0; !err && i < depth; i++)
		err = px_buf_append(out, PX_BYTES("  "));
	return err;
}

/* The end of the string that begins at `at`, behind its closing quote, or s.len. */
static size_t body_json_string(struct px_bytes s, size_t at)
{
	for (at++; at < s.len; at++) {
		if (s.ptr[at] == '\\')
			at++;
		else if (s.ptr[at] == '"')
			return at + 1;
	}
	return s.len;
}

static size_t body_json_blank(struct px_bytes s, size_t at)
{
	while (at < s.len &&
	       (s.ptr[at] == ' ' || s.ptr[at] == '\n' || s.ptr[at] == '\r' || s.ptr[at] == '\t'))
		at++;
	return at;
}

/*
 * Line breaks and indents by the punctuation alone: nothing is checked, so a body that was cut, or
 * is no JSON at all, comes out whole, too, but for blanks.
 */
static int body_json(struct px_buf *out, struct px_bytes s)
{
	unsigned int depth = 0;
	int err = px_buf_append(out, PX_BYTES(BODY_INDENT));
	size_t at = body_json_blank(s, 0);

	while (!err && at < s.len) {
		size_t begin = at++;
		char c = s.ptr[begin];

		if (c == '{' || c == '[') {
			size_t next = body_json_blank(s, at);

			err = px_buf_append(out, px_bytes_of(&c, 1));
			if (next < s.len && s.ptr[next] == (c == '{' ? '}' : ']')) {
				if (!err)
					err = px_buf_append(out, px_bytes_sub(s, next, 1));
				at = next + 1;
			} else {
				depth++;
				if (!err && next < s.len)
					err = body_break(out, depth);
			}
		} else if (c == '}' || c == ']') {
			depth -= depth > 0;
			err = body_break(out, depth);
			if (!err)
				err = px_buf_append(out, px_bytes_of(&c, 1));
		} else if (c == ',') {
			err = px_buf_append(out, PX_BYTES(","));
			if (!err)
				err = body_break(out, depth);
		} else if (c == ':') {
			err = px_buf_append(out, PX_BYTES(": "));
		} else {
			if (c == '"')
				at = body_json_string(s, begin);
			while (c != '"' && at < s.len && !memchr("{}[],:\" \t\r\n", s.ptr[at], 11))
				at++;
			if (at > s.len)
				at = s.len;
			err = px_term_append(out, px_bytes_sub(s, begin, at - begin), 0,
					     PX_TERM_ROOM_ALL, NULL);
		}
		at = body_json_blank(s, at);
	}
	return err ? err : px_buf_append(out, PX_BYTES("\n"));
}

int px_text_body(struct px_buf *out, struct px_bytes body, struct px_bytes content_type,
		 bool pretty)
{
	if (!body_is_text(body))
		return px_text_hex(out, body, (struct px_bytes){ NULL, 0 }, true);
	if (pretty && body_is_json(body, content_type))
		return body_json(out, body);
	return body_lines(out, body);
}

/* --- raw bytes --- */

static unsigned char body_at(struct px_bytes head, struct px_bytes body, size_t i)
{
	return (unsigned char)(i < head.len ? head.ptr[i] : body.ptr[i - head.len]);
}

/*
 * A line of tcpdump's, behind an indent of blanks where tcpdump has a tab:
 *     0x0000:  4745 5420 2f20 4854 5450 2f31 2e31 0d0a  GET./.HTTP/1.1..
 */
int px_text_hex(struct px_buf *out, struct px_bytes head, struct px_bytes body, bool with_ascii)
{
	static const char hex[] = "0123456789abcdef";
	size_t len = head.len + body.len;

	for (size_t at = 0; at < len; at += BODY_HEX_LINE) {
		size_t n = len - at < BODY_HEX_LINE ? len - at : BODY_HEX_LINE;
		int digits = 4, err = px_buf_reserve(out, 128);
		char *p, *columns;

		if (err)
			return err;
		p = px_emit_lit(out->ptr + out->len, BODY_INDENT "0x");
		while (digits < 16 && at >> 4 * digits)
			digits++;
		for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4)
			*p++ = hex[at >> shift & 15];
		p = px_emit_lit(p, ": ");
		columns = p;
		for (size_t i = 0; i < n; i++) {
			unsigned char c = body_at(head, body, at + i);

			if (i % 2 == 0)
				*p++ = ' ';
			*p++ = hex[c >> 4];
			*p++ = hex[c & 15];
		}
		if (with_ascii) {
			while (p < columns + BODY_HEX_LINE / 2 * 5)
				*p++ = ' ';
			p = px_emit_lit(p, "  ");
			for (size_t i = 0; i < n; i++) {
				unsigned char c = body_at(head, body, at + i);

				*p++ = c > ' ' && c < 0x7f ? (char)c : '.';
			}
		}
		*p++ = '\n';
		out->len = (size_t)(p - out->ptr);
	}
	return 0;
}

int px_text_ascii(struct px_buf *out, struct px_bytes head, struct px_bytes body)
{
	int err = body_lines(out, head);

	return err ? err : body_lines(out, body);
}
