/* SPDX-License-Identifier: Apache-2.0 */
/* First lines of HTTP messages: reading them, and telling them from everything else. */
#include "http/message.h"

/*
 * request-line = method SP request-target SP HTTP-version CRLF      (RFC 9112 section 3)
 * status-line  = HTTP-version SP 3DIGIT SP [ reason-phrase ] CRLF   (section 4; the last SP is often left out)
 */
#define VERSION_LEN 8	/* HTTP/1.1 */
#define STATUS_LEN 12	/* HTTP/1.1 200 */

/* A target this long of a registered method is believed before its line has ended. */
#define TARGET_BELIEVED 512

/* IANA's HTTP Method Registry without PRI, which is HTTP/2's; then what UPnP and caches use. */
/* clang-format off */
static const struct px_bytes methods[] = {
	PX_BYTES("GET"), PX_BYTES("POST"), PX_BYTES("PUT"), PX_BYTES("DELETE"), PX_BYTES("HEAD"),
	PX_BYTES("OPTIONS"), PX_BYTES("PATCH"), PX_BYTES("CONNECT"), PX_BYTES("TRACE"),
	PX_BYTES("ACL"), PX_BYTES("BASELINE-CONTROL"), PX_BYTES("BIND"), PX_BYTES("CHECKIN"),
	PX_BYTES("CHECKOUT"), PX_BYTES("COPY"), PX_BYTES("LABEL"), PX_BYTES("LINK"), PX_BYTES("LOCK"),
	PX_BYTES("MERGE"), PX_BYTES("MKACTIVITY"), PX_BYTES("MKCALENDAR"), PX_BYTES("MKCOL"),
	PX_BYTES("MKREDIRECTREF"), PX_BYTES("MKWORKSPACE"), PX_BYTES("MOVE"), PX_BYTES("ORDERPATCH"),
	PX_BYTES("PROPFIND"), PX_BYTES("PROPPATCH"), PX_BYTES("QUERY"), PX_BYTES("REBIND"),
	PX_BYTES("REPORT"), PX_BYTES("SEARCH"), PX_BYTES("UNBIND"), PX_BYTES("UNCHECKOUT"),
	PX_BYTES("UNLINK"), PX_BYTES("UNLOCK"), PX_BYTES("UPDATE"), PX_BYTES("UPDATEREDIRECTREF"),
	PX_BYTES("VERSION-CONTROL"),
	PX_BYTES("M-SEARCH"), PX_BYTES("NOTIFY"), PX_BYTES("PURGE"), PX_BYTES("SUBSCRIBE"),
	PX_BYTES("UNSUBSCRIBE"),
};
/* clang-format on */

static bool http_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool http_is_alpha(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* tchar, RFC 9110 section 5.6.2 */
static bool http_is_tchar(char c)
{
	return http_is_alpha(c) || http_is_digit(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool http_is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

static bool http_is_registered(struct px_bytes token)
{
	for (size_t i = 0; i < PX_COUNT(methods); i++)
		if (px_bytes_eq(token, methods[i]))
			return true;
	return false;
}

static bool http_is_version(const char *p)
{
	return memcmp(p, "HTTP/1.", 7) == 0 && http_is_digit(p[7]);
}

static bool http_status_parse(struct px_bytes line, struct http_start *start)
{
	const char *p = line.ptr;

	if (line.len < STATUS_LEN || !http_is_version(p) || p[8] != ' ' || p[9] < '1' ||
	    p[9] > '9' || !http_is_digit(p[10]) || !http_is_digit(p[11]) ||
	    (line.len > STATUS_LEN && p[12] != ' '))
		return false;
	*start = (struct http_start){
		.is_response = true,
		.minor = (uint8_t)(p[7] - '0'),
		.status = (uint16_t)((p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0')),
		.reason = STATUS_LEN,
	};
	if (line.len > STATUS_LEN) {
		start->reason++;
		start->reason_len = (uint32_t)(line.len - start->reason);
	}
	return true;
}

/*
 * Some clients leave blanks in their target: what counts is the first one, and the one before the
 * version.
 */
bool http_start_parse(struct px_bytes line, struct http_start *start)
{
	size_t method_len;

	if (px_bytes_starts(line, PX_BYTES("HTTP/")))
		return http_status_parse(line, start);
	for (method_len = 0; method_len < line.len && line.ptr[method_len] != ' '; method_len++)
		if (method_len == HTTP_METHOD_MAX || !http_is_tchar(line.ptr[method_len]))
			return false;
	/* method SP one byte of target SP version */
	if (method_len == 0 || line.len < method_len + 3 + VERSION_LEN ||
	    line.ptr[line.len - VERSION_LEN - 1] != ' ' ||
	    !http_is_version(line.ptr + line.len - VERSION_LEN))
		return false;
	*start = (struct http_start){
		.minor = (uint8_t)(line.ptr[line.len - 1] - '0'),
		.method_len = (uint32_t)method_len,
		.target = (uint32_t)method_len + 1,
		.target_len = (uint32_t)(line.len - VERSION_LEN - 1 - method_len - 1),
	};
	return true;
}

bool http_start_possible(struct px_bytes in)
{
	size_t version = in.len < 5 ? in.len : 5;

	if (memcmp(in.ptr, "HTTP/", version) == 0)
		return true;
	for (size_t i = 0; i < in.len; i++) {
		if (in.ptr[i] == ' ')
			return i > 0;
		if (i == HTTP_METHOD_MAX || !http_is_tchar(in.ptr[i]))
			return false;
	}
	return true;
}

static enum px_sure http_infer_status(struct px_bytes head)
{
	static const char shape[] = "HTTP/1.d ddd";

	for (size_t i = 0; i < head.len; i++) {
		char c = head.ptr[i];

		if (i == STATUS_LEN)
			return c == ' ' || c == '\r' || c == '\n' ? PX_SURE_YES : PX_SURE_NO;
		if (shape[i] == 'd' ? !http_is_digit(c) : c != shape[i])
			return PX_SURE_NO;
	}
	return PX_SURE_MAYBE;
}

/*
 * origin-form, asterisk-form, absolute-form; authority-form with CONNECT only (RFC 9112 section
 * 3.2).
 */
static enum px_sure http_infer_target(struct px_bytes rest, bool is_connect)
{
	size_t i = 0;

	if (rest.len == 0)
		return PX_SURE_MAYBE;
	if (is_connect)
		return http_is_alpha(rest.ptr[0]) || http_is_digit(rest.ptr[0]) ||
				       rest.ptr[0] == '['
			       ? PX_SURE_YES
			       : PX_SURE_NO;
	if (rest.ptr[0] == '/')
		return PX_SURE_YES;
	if (rest.ptr[0] == '*')
		return rest.len == 1	    ? PX_SURE_MAYBE
		       : rest.ptr[1] == ' ' ? PX_SURE_YES
					    : PX_SURE_NO;
	while (i < rest.len && i < 16 && http_is_alpha(rest.ptr[i]))
		i++;
	for (size_t k = 0; i > 0 && k < 3; k++) {
		if (i + k == rest.len)
			return PX_SURE_MAYBE;
		if (rest.ptr[i + k] != "://"[k])
			return PX_SURE_NO;
	}
	return i > 0 ? PX_SURE_YES : PX_SURE_NO;
}

static enum px_sure http_infer_request(struct px_bytes head, bool only_registered)
{
	struct http_start start;
	struct px_bytes token, line;
	enum px_sure target;
	bool is_registered;
	size_t end, nl;

	for (end = 0; end < head.len && head.ptr[end] != ' '; end++)
		if (end == HTTP_METHOD_MAX || !http_is_tchar(head.ptr[end]))
			return PX_SURE_NO;
	if (end == 0 || !http_is_alpha(head.ptr[0]))
		return PX_SURE_NO;
	token = px_bytes_sub(head, 0, end);
	if (end == head.len) {
		for (size_t i = 0; only_registered && i < PX_COUNT(methods); i++)
			if (px_bytes_starts(methods[i], token))
				return PX_SURE_MAYBE;
		return only_registered ? PX_SURE_NO : PX_SURE_MAYBE;
	}
	is_registered = http_is_registered(token);
	if (only_registered && !is_registered)
		return PX_SURE_NO;
	target = http_infer_target(px_bytes_sub(head, end + 1, SIZE_MAX),
				   px_bytes_eq(token, PX_BYTES("CONNECT")));
	if (target != PX_SURE_YES)
		return target;
	nl = px_bytes_find(head, end, '\n');
	line = px_bytes_sub(head, 0, nl);
	if (line.ptr[line.len - 1] == '\r')
		line.len--;
	for (size_t i = end; i < line.len; i++)
		if (http_is_control(line.ptr[i]))
			return PX_SURE_NO;
	if (nl < head.len)
		return http_start_parse(line, &start) ? PX_SURE_YES : PX_SURE_NO;
	return is_registered && line.len > TARGET_BELIEVED ? PX_SURE_YES : PX_SURE_MAYBE;
}

enum px_sure http_start_known(struct px_bytes in)
{
	return http_infer_request(in, true);
}

enum px_sure http_infer(struct px_bytes head, enum px_dir dir)
{
	enum px_sure as_status, as_request;

	(void)dir;
	/* Line ends that are left over, and not a byte that happens to have the value of one. */
	while (head.len > 1 &&
	       (head.ptr[0] == '\n' || (head.ptr[0] == '\r' && head.ptr[1] == '\n')))
		head = px_bytes_sub(head, head.ptr[0] == '\n' ? 1 : 2, SIZE_MAX);
	if (head.len == 0 || (head.len == 1 && (head.ptr[0] == '\r' || head.ptr[0] == '\n')))
		return PX_SURE_MAYBE;
	as_status = http_infer_status(head);
	if (as_status == PX_SURE_YES)
		return PX_SURE_YES;
	as_request = http_infer_request(head, false);
	return as_request > as_status ? as_request : as_status;
}

enum px_frame_kind http_kind(struct px_bytes head)
{
	enum px_sure as_status, as_request;

	while (head.len > 0 && (head.ptr[0] == '\r' || head.ptr[0] == '\n'))
		head = px_bytes_sub(head, 1, SIZE_MAX);
	if (head.len == 0)
		return (enum px_frame_kind)0;
	as_status = http_infer_status(head);
	as_request = http_infer_request(head, false);
	if (as_status != PX_SURE_NO && (as_request == PX_SURE_NO || as_status == PX_SURE_YES))
		return PX_FRAME_RESPONSE;
	if (as_request != PX_SURE_NO && as_status == PX_SURE_NO)
		return PX_FRAME_REQUEST;
	return (enum px_frame_kind)0;
}

/*
 * A body need not end in a line break, so a message can begin anywhere. The version in a request
 * line is the landmark: the method is the word before the target before it. Glued to a body's last
 * byte it has to be a registered one.
 */
static size_t http_resync_request(struct px_bytes in, size_t version)
{
	size_t target = version, method;
	struct px_bytes token;

	while (target > 0 && in.ptr[target - 1] != ' ' && !http_is_control(in.ptr[target - 1]))
		target--;
	if (target == version || target < 2 || in.ptr[target - 1] != ' ')
		return in.len;
	for (method = target - 1; method > 0 && http_is_tchar(in.ptr[method - 1]); method--)
		if (target - 1 - method == HTTP_METHOD_MAX)
			break;
	token = px_bytes_sub(in, method, target - 1 - method);
	if (token.len > 2 && token.len <= HTTP_METHOD_MAX && method > 0 &&
	    in.ptr[method - 1] == '\n' &&
	    http_infer_request(px_bytes_sub(in, method, SIZE_MAX), false) == PX_SURE_YES)
		return method;
	for (; token.len > 2; token = px_bytes_sub(token, 1, SIZE_MAX))
		if (http_is_registered(token) &&
		    http_infer_request(px_bytes_sub(in, (size_t)(token.ptr - in.ptr), SIZE_MAX),
				       true) == PX_SURE_YES)
			return (size_t)(token.ptr - in.ptr);
	return in.len;
}

/*
 * A first line that has begun and not ended, somewhere behind the last line break. In the middle of
 * a line a letter is not enough to go by.
 */
static size_t http_resync_tail(struct px_bytes in, size_t from)
{
	size_t max = 16384, line = from; /* bytes of a line without an end that are looked at */

	if (in.len - from > max)
		from = in.len - max;
	for (size_t i = from; i < in.len; i++) {
		struct px_bytes rest = px_bytes_sub(in, i, SIZE_MAX);

		if (rest.ptr[0] < 'A' || rest.ptr[0] > 'Z')
			continue;
		if (http_infer_status(rest) != PX_SURE_NO && (i == line || rest.len >= 5))
			return i;
		if (http_start_known(rest) != PX_SURE_NO &&
		    (i == line || px_bytes_find(rest, 0, ' ') < rest.len))
			return i;
	}
	return in.len;
}

static bool http_ends_line(struct px_bytes in, size_t at)
{
	struct px_bytes rest = px_bytes_sub(in, at, 2);

	return px_bytes_starts(rest, PX_BYTES("\n")) || px_bytes_eq(rest, PX_BYTES("\r\n"));
}

size_t http_resync(struct px_bytes in, enum px_dir dir)
{
	size_t line = 0, at = 0;

	(void)dir;
	while (in.len - at >= 7) {
		const char *hit = memmem(in.ptr + at, in.len - at, "HTTP/1.", 7);
		size_t found;

		if (!hit)
			break;
		at = (size_t)(hit - in.ptr);
		if (http_infer_status(px_bytes_sub(in, at, SIZE_MAX)) == PX_SURE_YES)
			return at;
		/*
		 * Only where the line ends: so each line is looked at once, however often it says
		 * HTTP.
		 */
		if (at > 0 && in.ptr[at - 1] == ' ' && http_ends_line(in, at + VERSION_LEN)) {
			found = http_resync_request(in, at - 1);
			if (found < in.len)
				return found;
		}
		at += 7;
	}
	if (in.len > 0) {
		const char *nl = memrchr(in.ptr, '\n', in.len);

		line = nl ? (size_t)(nl - in.ptr) + 1 : 0;
	}
	return http_resync_tail(in, line);
}
