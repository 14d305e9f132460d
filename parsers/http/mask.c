/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets overwritten in bytes on their way into a packet file. Unlike redact.c this has no message
 * before it, only what comes, in pieces cut anywhere: names come before values, so one pass does
 * it. It looks for the same names everywhere, in heads, URLs and bodies, and rather overwrites too
 * much than too little; line breaks stay, and so does the framing.
 */
#include "http/message.h"

/* Values of px_mask.mode; a stream begins with a name. */
enum {
	MASK_NAME, /* behind a line break or the beginning of a parameter */
	MASK_SKIP, /* anything */
	MASK_COLON, /* behind ':' */
	MASK_SLASH, /* behind ":/" */
	MASK_AUTHORITY, /* behind "://", up to what ends it */
	MASK_VALUE, /* of a secret parameter */
	MASK_LINE, /* of a secret header */
	MASK_FOLD, /* behind its line break: it may be continued */
};

/* Bytes at which something may begin. */
static bool mask_is_start(char c)
{
	return c == '\n' || c == '?' || c == '&' || c == '#' || c == ':';
}

static void mask_begin_name(struct px_mask *m, bool is_parameter)
{
	m->mode = MASK_NAME;
	m->is_parameter = is_parameter;
	m->len = 0;
}

static void mask_start(struct px_mask *m, char c)
{
	if (c == ':')
		m->mode = MASK_COLON;
	else if (mask_is_start(c))
		mask_begin_name(m, c != '\n');
	else
		m->mode = MASK_SKIP;
}

static void mask_name(struct px_mask *m, char c)
{
	struct px_bytes name = px_bytes_of(m->name, m->len);

	if (c == '=' && http_is_secret_param(name))
		m->mode = MASK_VALUE;
	else if (c == ':' && !m->is_parameter && http_is_secret_header(name))
		m->mode = MASK_LINE;
	else if (c <= ' ' || c == '/' || c == '=' || mask_is_start(c) || m->len == sizeof(m->name))
		mask_start(m, c);
	else
		m->name[m->len++] = c;
}

/* Does the request line go on here? Where too few bytes are left to tell, it does if they fit. */
static bool mask_is_version(const char *p, size_t n)
{
	return memcmp(p, " HTTP/", n < 6 ? n : 6) == 0;
}

static bool mask_ends_authority(char c)
{
	return c == '/' || c == '?' || c == '#' || c == '"' || c == '\'' || c == '<' || c == '>' ||
	       (c >= 0 && c <= ' ');
}

/* Returns how many bytes were dealt with. */
static size_t mask_authority(struct px_mask *m, char *p, size_t n)
{
	size_t end = 0, secret = 0;

	while (end < n && !mask_ends_authority(p[end])) {
		if (p[end] == '@')
			secret = end;
		end++;
	}
	if (end == n || m->is_cut) /* it goes on in bytes that are not here: there may be an @ */
		secret = end;
	m->is_cut = end == n;
	memset(p, 'X', secret);
	if (end < n)
		m->mode = MASK_SKIP;
	return end;
}

void http_mask(struct px_mask *m, char *p, size_t n)
{
	size_t i = 0;

	while (i < n) {
		char c = p[i];

		switch (m->mode) {
		case MASK_NAME:
			mask_name(m, c);
			break;
		case MASK_COLON:
			if (c == '/')
				m->mode = MASK_SLASH;
			else
				mask_start(m, c);
			break;
		case MASK_SLASH:
			if (c == '/')
				m->mode = MASK_AUTHORITY;
			else
				mask_start(m, c);
			break;
		case MASK_AUTHORITY:
			i += mask_authority(m, p + i, n - i);
			continue;
		case MASK_VALUE:
			if (c == '&' || c == '\r' || c == '\n' ||
			    (c == ' ' && mask_is_version(p + i, n - i)))
				mask_start(m, c);
			else if (c != ' ')
				p[i] = 'X';
			break;
		case MASK_LINE:
			if (c == '\n')
				m->mode = MASK_FOLD;
			else if (c != '\r' && c != ' ' && c != '\t')
				p[i] = 'X';
			break;
		case MASK_FOLD:
			if (c == ' ' || c == '\t') {
				m->mode = MASK_LINE;
			} else {
				mask_begin_name(m, false);
				continue;
			}
			break;
		default:
			while (i < n && !mask_is_start(p[i]))
				i++;
			if (i == n)
				return;
			mask_start(m, p[i]);
			break;
		}
		i++;
	}
}
