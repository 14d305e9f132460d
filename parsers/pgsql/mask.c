/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets overwritten in bytes on their way into a packet file, in pieces cut anywhere. From the
 * beginning of a connection on messages are followed: those of passwords and keys lose what they
 * hold. Statements are read everywhere, whether a message begins where one is thought to or not: a
 * text behind a word that ends in "password" or "passwd" is overwritten, and one that has such a
 * word and a = in it is so from there on. What the messages are stays the same.
 */
#include "pgsql/message.h"

/* Where one direction stands. */
struct mask {
	uint8_t phase;		/* enum */
	uint8_t have;		/* bytes of head[] */
	uint8_t word_len;	/* bytes of word[] */
	uint8_t text;		/* enum: of the statement that goes by */
	char quote;		/* of the text we are in */
	bool is_secret;		/* so is what is in the quotes */
	uint32_t skip;		/* bytes of the body that stay as they are, */
	uint32_t left;		/* and all that are left */
	char head[9];
	char word[16];		/* the last word, in lower case, its end */
};
_Static_assert(sizeof(struct mask) <= sizeof(struct px_mask), "it lies in the core's");

#define SECRET_MAX 65536	/* bytes of a password message; the server takes no more */

/* struct mask, phase */
enum {
	MASK_START,	/* nothing was seen */
	MASK_HEAD,	/* bytes of a message's head */
	MASK_FIRST,	/* of a packet without a name: length and code */
	MASK_BODY,	/* of a message that is looked through */
	MASK_LOGIN,	/* the same, at the beginning of a password message */
	MASK_SECRET,	/* of one that is overwritten */
	MASK_LOST,	/* nobody knows where messages begin */
};

/* struct mask, text */
enum {
	TEXT_PLAIN,	/* anything */
	TEXT_BEHIND,	/* behind a word that announces a secret */
	TEXT_QUOTED,
	TEXT_DOLLAR,	/* the tag of $tag$ */
	TEXT_IN_DOLLAR,
};

static bool mask_is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       (c >= '0' && c <= '9');
}

static bool mask_announces(const struct mask *m)
{
	struct px_bytes w = px_bytes_of(m->word, m->word_len);

	return (w.len >= 8 && memcmp(w.ptr + w.len - 8, "password", 8) == 0) ||
	       (w.len >= 6 && memcmp(w.ptr + w.len - 6, "passwd", 6) == 0);
}

static void mask_push(struct mask *m, char c)
{
	if (m->word_len == sizeof(m->word)) {
		memmove(m->word, m->word + 1, sizeof(m->word) - 1);
		m->word_len--;
	}
	m->word[m->word_len++] = px_ascii_lower(c);
}

/* A byte of a statement, or of anything else. */
static void mask_text(struct mask *m, char *c)
{
	switch (m->text) {
	case TEXT_QUOTED:
		if (*c == m->quote || *c == '\0') { /* a doubled quote begins the text again */
			m->text = m->is_secret && *c ? TEXT_BEHIND : TEXT_PLAIN;
			m->word_len = 0;
			return;
		}
		if (m->is_secret)
			*c = 'X';
		else if (mask_is_word(*c))
			mask_push(m, *c);
		else if (*c == '=' && mask_announces(m))
			m->is_secret = true;
		else
			m->word_len = 0;
		return;
	case TEXT_DOLLAR:
		if (*c == '$')
			m->text = TEXT_IN_DOLLAR;
		else if (!mask_is_word(*c))
			m->text = TEXT_PLAIN;
		return;
	case TEXT_IN_DOLLAR:
		if (*c == '$')
			m->text = TEXT_PLAIN;
		else
			*c = 'X';
		return;
	default:
		break;
	}
	if (*c == '\'') {
		m->is_secret = m->text == TEXT_BEHIND;
		m->text = TEXT_QUOTED;
		m->quote = *c;
		m->word_len = 0;
	} else if (*c == '$' && m->text == TEXT_BEHIND) {
		m->text = TEXT_DOLLAR;
	} else if (mask_is_word(*c)) {
		/* E'...' has a letter in front. */
		if (m->text == TEXT_BEHIND && m->word_len > 0)
			m->text = TEXT_PLAIN;
		mask_push(m, *c);
	} else {
		if (mask_announces(m))
			m->text = TEXT_BEHIND;
		else if (m->text == TEXT_BEHIND && !memchr(" \t\r\n=(:\"", *c, 9))
			m->text = TEXT_PLAIN;
		m->word_len = 0;
	}
}

static uint32_t mask_be32(const char *p)
{
	struct px_cur c = px_cur_of(px_bytes_of(p, 4));

	return px_cur_be32(&c);
}

/* The head of a message is there: what follows? */
static void mask_message(struct mask *m)
{
	uint32_t len = mask_be32(m->head + 1);
	char type = m->head[0];

	m->have = 0;
	m->text = TEXT_PLAIN;
	m->word_len = 0;
	if (len < 4 || len > 0x40000000 || (uint8_t)type < '1' || (uint8_t)type > 'v') {
		m->phase = MASK_LOST;
		return;
	}
	m->left = len - 4;
	m->skip = 0;
	m->phase = MASK_BODY;
	if (type == 'p' || type == 'R' || type == 'K') {
		m->phase = m->left > SECRET_MAX ? MASK_LOST
			   : type == 'p'	? MASK_LOGIN
						: MASK_SECRET;
		m->skip = type == 'p' ? 0 : 4;
	}
	if (m->left == 0)
		m->phase = MASK_HEAD;
}

/* Length and code of a packet without a name. */
static void mask_first(struct mask *m)
{
	uint32_t len = mask_be32(m->head), code = mask_be32(m->head + 4);

	m->have = 0;
	m->left = len - 8;
	if (len < 8 || len > 10000 || (code >> 16 != 3 && code >> 16 != 1234)) {
		m->phase = MASK_LOST;
	} else if (code == 80877102) {
		m->phase = MASK_SECRET;
		m->skip = 4;
	} else {
		m->phase = code >> 16 == 3 ? MASK_BODY : MASK_START;
	}
	if (m->phase == MASK_BODY && m->left == 0)
		m->phase = MASK_HEAD;
}

/* The name of a SASL mechanism and the length behind it are no secrets. */
static void mask_login(struct mask *m, struct px_bytes b)
{
	static const struct px_bytes names[] = { PX_BYTES("SCRAM-SHA-256\0"),
						 PX_BYTES("SCRAM-SHA-256-PLUS\0") };

	for (size_t i = 0; i < PX_COUNT(names); i++)
		if (px_bytes_starts(b, names[i]))
			m->skip = (uint32_t)names[i].len + 4;
	m->phase = MASK_SECRET;
}

/* Bytes of a body. Returns how many were dealt with. */
static size_t mask_body(struct mask *m, char *p, size_t n)
{
	if (n > m->left)
		n = m->left;
	for (size_t i = 0; i < n; i++) {
		if (m->phase == MASK_BODY)
			mask_text(m, p + i);
		else if (m->skip > 0)
			m->skip--;
		else if (p[i] != '\0')
			p[i] = 'X';
	}
	m->left -= (uint32_t)n;
	if (m->left == 0)
		m->phase = MASK_HEAD;
	return n;
}

void pgsql_mask(struct px_mask *memory, char *bytes, size_t n)
{
	struct mask copy, *m = &copy;
	size_t i = 0;

	memcpy(m, memory, sizeof(*m));

	while (i < n) {
		switch (m->phase) {
		case MASK_START:
			/* The server's first byte, or messages, or a packet without a name. */
			if (bytes[i] == '\0') {
				m->phase = MASK_FIRST;
			} else if (n - i == 1 &&
				   (bytes[i] == 'N' || bytes[i] == 'S' || bytes[i] == 'G')) {
				i++;
			} else {
				m->phase = MASK_HEAD;
			}
			break;
		case MASK_FIRST:
			m->head[m->have++] = bytes[i++];
			if (m->have == 8)
				mask_first(m);
			break;
		case MASK_HEAD:
			m->head[m->have++] = bytes[i++];
			if (m->have == PGSQL_HEAD)
				mask_message(m);
			break;
		case MASK_LOGIN:
			mask_login(m, px_bytes_of(bytes + i, n - i));
			break;
		case MASK_BODY:
		case MASK_SECRET:
			i += mask_body(m, bytes + i, n - i);
			break;
		default:
			mask_text(m, bytes + i);
			i++;
			break;
		}
	}
	memcpy(memory, m, sizeof(*m));
}
