/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets overwritten in bytes on their way into a packet file. It looks at lines: a word that
 * stands alone in one is an argument, and the $ line before an argument tells how long that is.
 * What was not copied does not matter then, since no count is kept for longer than a secret. Rather
 * too much is overwritten than too little; line breaks stay.
 */
#include "redis/message.h"

/* Values of struct mask.mode. */
enum {
	MASK_LINE, /* anything, up to its end */
	MASK_BYTES, /* `left` bytes of a secret */
	MASK_RULE, /* the first byte of one of an ACL's rules: it may be a secret */
	MASK_REST, /* up to the end of the line */
	MASK_HASH, /* up to a blank, or the end of the line */
};

#define HASH_LEN 64 /* of a password, by SHA-256, in hex */

/* MASK_USER: a line of ACL LIST. MASK_HASHES: what ACL GETUSER says of them. */
enum { MASK_NONE, MASK_HELLO, MASK_MIGRATE, MASK_ACL, MASK_SETUSER, MASK_USER, MASK_HASHES };

/* What is remembered; lies in px_mask.name. */
struct mask {
	uint32_t left;
	uint32_t content; /* bytes of an argument that are no line of their own, as far as the last $ said */
	uint8_t mode, context;
	uint8_t argc; /* words of the command, 0: not known */
	uint8_t skip, hide; /* so many arguments are none, so many behind them are secrets */
	uint8_t len;
	bool is_long, has_blank;
	char word[40]; /* since the last blank of the line */
};
_Static_assert(sizeof(struct mask) <= sizeof(((struct px_mask *)0)->name), "it lies there");

static bool mask_number(struct px_bytes word, uint32_t *n)
{
	*n = 0;
	if (word.len < 2 || word.len > 10)
		return false;
	for (size_t i = 1; i < word.len; i++) {
		if (word.ptr[i] < '0' || word.ptr[i] > '9')
			return false;
		*n = *n * 10 + (uint32_t)(word.ptr[i] - '0');
	}
	return true;
}

/* A line that is one word has ended. */
static void mask_word(struct mask *m, struct px_bytes word)
{
	uint32_t n;

	if (*word.ptr == '*' && mask_number(word, &n)) {
		m->argc = (uint8_t)(n < UINT8_MAX ? n : 0);
		m->context = m->context == MASK_HASHES ? MASK_HASHES : MASK_NONE;
		m->skip = m->hide = 0;
	} else if (*word.ptr == '$' && mask_number(word, &n)) {
		m->content = n + 2;
		if (m->skip > 0) {
			m->skip--;
		} else if (m->hide > 0 || m->context == MASK_SETUSER) {
			m->mode = m->hide > 0 ? MASK_BYTES : MASK_RULE;
			if (m->hide > 0)
				m->hide--;
			m->left = n;
			m->content = 0;
		} else if (m->context == MASK_HASHES && n == HASH_LEN) {
			m->mode = MASK_BYTES;
			m->left = n;
			m->content = 0;
		} else if (m->context == MASK_HASHES) {
			m->context = MASK_NONE;
		}
	} else if (px_bytes_eq(word, PX_BYTES("passwords"))) {
		m->context = MASK_HASHES;
	} else if (px_bytes_caseeq(word, PX_BYTES("AUTH"))) {
		m->skip = m->context == MASK_HELLO || (m->context == MASK_NONE && m->argc == 3);
		m->hide = m->skip || m->argc == 2 || m->context == MASK_MIGRATE ? 1 : 2;
	} else if (px_bytes_caseeq(word, PX_BYTES("AUTH2"))) {
		m->skip = m->hide = 1;
	} else if (px_bytes_caseeq(word, PX_BYTES("HELLO"))) {
		m->context = MASK_HELLO;
	} else if (px_bytes_caseeq(word, PX_BYTES("MIGRATE"))) {
		m->context = MASK_MIGRATE;
	} else if (px_bytes_caseeq(word, PX_BYTES("ACL"))) {
		m->context = MASK_ACL;
	} else if (px_bytes_caseeq(word, PX_BYTES("SETUSER")) && m->context == MASK_ACL) {
		m->context = MASK_SETUSER;
		m->skip = 1;
	} else if (redis_is_secret_name(word)) {
		m->hide = 1;
	}
}

/* A word of a line of several: what follows it there may be a secret. */
static bool mask_is_before_secret(struct px_bytes word)
{
	return px_bytes_caseeq(word, PX_BYTES("AUTH")) ||
	       px_bytes_caseeq(word, PX_BYTES("AUTH2")) ||
	       px_bytes_caseeq(word, PX_BYTES("SETUSER")) || redis_is_secret_name(word);
}

static void mask_line_end(struct mask *m)
{
	struct px_bytes word = px_bytes_of(m->word, m->len);

	if (word.len > 0 && word.ptr[word.len - 1] == '\r')
		word.len--;
	if (m->mode == MASK_REST)
		m->mode = MASK_LINE;
	else if (word.len > 0 && !m->is_long && !m->has_blank)
		mask_word(m, word);
	if (m->context == MASK_USER)
		m->context = MASK_NONE;
	m->len = 0;
	m->is_long = m->has_blank = false;
}

/* As far as they are there, these are the digits of a hash. */
static bool mask_is_hash(struct px_bytes b)
{
	size_t n = 0;

	while (n < b.len && n < HASH_LEN &&
	       ((b.ptr[n] >= '0' && b.ptr[n] <= '9') || (b.ptr[n] >= 'a' && b.ptr[n] <= 'f')))
		n++;
	return n == HASH_LEN || n == b.len;
}

static void mask_line(struct mask *m, char c)
{
	if (m->content > 0)
		m->content--;
	if (c == '\n') {
		mask_line_end(m);
		return;
	}
	if (c == ' ' || c == '"' || c == '\'' || c == '\t') {
		if (m->content == 0 && !m->is_long &&
		    mask_is_before_secret(px_bytes_of(m->word, m->len)))
			m->mode = MASK_REST;
		if (!m->has_blank && px_bytes_eq(px_bytes_of(m->word, m->len), PX_BYTES("user")))
			m->context = MASK_USER;
		m->has_blank = true;
		m->is_long = false;
		m->len = 0;
		return;
	}
	if (m->len < sizeof(m->word))
		m->word[m->len++] = c;
	else
		m->is_long = true;
}

void redis_mask(struct px_mask *state, char *p, size_t n)
{
	struct mask m;

	memcpy(&m, state->name, sizeof(m));
	for (size_t i = 0; i < n; i++) {
		char c = p[i];

		switch (m.mode) {
		case MASK_RULE:
			m.mode = c == '>' || c == '<' || c == '#' || c == '!' ? MASK_BYTES
									      : MASK_LINE;
			if (m.mode == MASK_LINE || m.left == 0) {
				m.mode = MASK_LINE;
				mask_line(&m, c);
			} else {
				m.left--; /* it says that what follows is one */
			}
			break;
		case MASK_BYTES:
			if (m.left == 0) {
				m.mode = MASK_LINE;
				mask_line(&m, c);
				break;
			}
			m.left--;
			if (c != '\r' && c != '\n')
				p[i] = 'X';
			break;
		case MASK_HASH:
			if (c == ' ' || c == '\r' || c == '\n') {
				m.mode = MASK_LINE;
				mask_line(&m, c);
			} else {
				m.content -= m.content > 0;
				p[i] = 'X';
			}
			break;
		case MASK_REST:
			if (c == '\n')
				mask_line_end(&m);
			else if (c != ' ' && c != '\r' && c != '"')
				p[i] = 'X';
			break;
		default:
			if (m.is_long && !m.content) {
				const char *nl = memchr(p + i, '\n', n - i);
				const char *blank =
					memchr(p + i, ' ', nl ? (size_t)(nl - p) - i : n - i);
				size_t to = blank ? (size_t)(blank - p) : nl ? (size_t)(nl - p) : n;

				if (to > i) {
					i = to - 1;
					break;
				}
			}
			if (m.context == MASK_USER && c == '#' && m.len == 0 &&
			    mask_is_hash(px_bytes_of(p + i + 1, n - i - 1)))
				m.mode = MASK_HASH;
			mask_line(&m, c);
			break;
		}
	}
	memcpy(state->name, &m, sizeof(m));
}
