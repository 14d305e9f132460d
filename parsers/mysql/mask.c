/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets overwritten in bytes on their way into a packet file, in pieces cut anywhere. A client's
 * packets are followed from its login on, or from the first piece on that begins with a command
 * that is like no other protocol's: what proves a password to the server is overwritten, and in
 * statements the texts that sql/hide.c takes for secrets. Where it is lost the next piece may begin
 * a packet, and statements are looked for in all bytes until one does. Compressed packets are left
 * as they are: there is nothing to be overwritten that keeps its length.
 */
#include "mysql/message.h"

#define LOGIN_HEAD 36		/* bytes of a login packet in front of the user's name */
#define OLD_SECRET 8		/* bytes of the proof of before 4.1 */
#define LOOK_MAX 1024		/* bytes of a command that are looked at to tell what it is */
#define WORD_MAX 16

enum {
	MASK_START,	/* nothing was seen */
	MASK_HEADER,
	MASK_LOGIN,	/* the first LOGIN_HEAD bytes of a login */
	MASK_COMMAND,	/* the header of one is there */
	MASK_TEXT,	/* a statement */
	MASK_USER,	/* up to the NUL, a secret behind it */
	MASK_LENGTH,	/* of the secret */
	MASK_COUNTED,	/* `secret` bytes of it */
	MASK_NUL,	/* one up to a NUL */
	MASK_WHOLE,	/* to the end of the packet */
	MASK_ALONE,	/* the same, of one byte: one that is no letter asks for a key */
	MASK_REST,	/* nothing to be overwritten */
	MASK_LOST,	/* nobody knows where packets begin */
};

enum {
	TEXT_PLAIN,
	TEXT_STRING,
	TEXT_ESCAPED,	/* behind a backslash in one */
	TEXT_QUOTE,	/* behind a quote that ends one, or stands for itself if another one follows */
	TEXT_NAME,	/* in backquotes */
	TEXT_SLASH,
	TEXT_COMMENT_FIRST,
	TEXT_COMMENT,
	TEXT_STAR,
	TEXT_DASH,
	TEXT_DASHES,
	TEXT_LINE,	/* a comment up to the end of the line */
};

/* Of the statement that goes by: as struct hide of sql/hide.c. */
struct mask_text {
	uint8_t mode;
	uint8_t word_len;	/* WORD_MAX + 1: it is longer, and word has its end */
	uint8_t passw;		/* letters of "passw" that were just seen */
	char quote;
	bool is_secret;		/* so is the text that goes by */
	bool has_passw, has_equals; /* it has */
	bool is_next, was_secret, is_identified, is_set, is_set_password, has_begun;
	char word[WORD_MAX];	/* in lower case */
};

/* Where one direction stands. */
struct mask {
	uint8_t phase;
	uint8_t have;		/* bytes of head[] */
	uint8_t length_left;	/* bytes of a length that are to come, */
	uint8_t length_at;	/* and those that came */
	bool is_known;		/* these are a client's packets */
	bool is_aligned;	/* this packet begins where one was expected */
	bool is_auth;		/* packets with a number other than 0 belong to a login */
	bool is_login;		/* this packet is one, not a change of user */
	bool is_zip;
	bool continues;		/* the payload goes on in the next packet */
	uint32_t left;		/* bytes of the payload */
	uint32_t caps;		/* 0: not known */
	uint32_t secret;
	struct mask_text text;
	char head[LOGIN_HEAD];
};
_Static_assert(sizeof(struct mask) <= sizeof(struct px_mask), "it lies in the core's");

static bool text_is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

static bool text_is(const struct mask_text *t, struct px_bytes keyword)
{
	return t->word_len == keyword.len && memcmp(t->word, keyword.ptr, keyword.len) == 0;
}

static bool text_ends(const struct mask_text *t, struct px_bytes end)
{
	size_t len = t->word_len < WORD_MAX ? t->word_len : WORD_MAX;

	return len >= end.len && memcmp(t->word + len - end.len, end.ptr, end.len) == 0;
}

static void text_push(struct mask_text *t, char c)
{
	if (t->word_len >= WORD_MAX) {
		memmove(t->word, t->word + 1, WORD_MAX - 1);
		t->word[WORD_MAX - 1] = px_ascii_lower(c);
		t->word_len = WORD_MAX + 1;
		return;
	}
	t->word[t->word_len++] = px_ascii_lower(c);
}

/* A word has ended. */
static void text_word(struct mask_text *t)
{
	bool is_password = text_ends(t, PX_BYTES("password")) || text_ends(t, PX_BYTES("passwd"));

	t->was_secret = false;
	t->is_set_password |= t->has_begun && t->is_set && is_password;
	t->is_set = !t->has_begun && text_is(t, PX_BYTES("set"));
	if (is_password)
		t->is_next = true;
	else if (text_is(t, PX_BYTES("identified")))
		t->is_identified = true;
	else if (text_is(t, PX_BYTES("by")) || text_is(t, PX_BYTES("as")) ||
		 text_is(t, PX_BYTES("using")) || text_is(t, PX_BYTES("replace")))
		t->is_next |= t->is_identified || t->is_set_password;
	else if (text_is(t, PX_BYTES("to")))
		t->is_next |= t->is_set_password;
	else
		t->is_next = false;
	t->has_begun = true;
	t->word_len = 0;
}

static void text_symbol(struct mask_text *t, char c)
{
	t->was_secret = false;
	if (c == '=')
		t->is_next |= t->is_set_password;
	else if (c == ',')
		t->is_identified = t->is_next = false;
	else if (c != '(' && c != ':')
		t->is_next = false;
	if (c == ';')
		*t = (struct mask_text){ 0 };
}

/* Is there a password in the text, or name, that goes by? */
static void text_look_for_password(struct mask_text *t, char c)
{
	static const char passw[5] = "passw";

	c = px_ascii_lower(c);
	if (c == passw[t->passw])
		t->passw++;
	else
		t->passw = c == passw[0];
	if (t->passw == sizeof(passw)) {
		t->has_passw = true;
		t->passw = 0;
	}
	t->has_equals |= c == '=';
}

static void text_begin(struct mask_text *t, uint8_t mode, char quote)
{
	t->mode = mode;
	t->quote = quote;
	t->passw = 0;
	t->has_passw = t->has_equals = false;
}

/* Outside of quotes and comments. */
static void text_plain(struct mask_text *t, char c)
{
	/* N'...' and _utf8'...' are texts. */
	if ((c == '\'' || c == '"') &&
	    (text_is(t, PX_BYTES("n")) || (t->word_len > 0 && t->word[0] == '_')))
		t->word_len = 0;
	if (text_is_word(c)) {
		text_push(t, c);
		return;
	}
	if (t->word_len > 0)
		text_word(t);
	switch (c) {
	case '\'':
	case '"':
		text_begin(t, TEXT_STRING, c);
		t->is_secret = t->is_next || t->was_secret; /* texts side by side are one */
		t->is_next = false;
		t->has_begun = true;
		break;
	case '`':
		text_begin(t, TEXT_NAME, c);
		break;
	case '/':
		t->mode = TEXT_SLASH;
		break;
	case '-':
		t->mode = TEXT_DASH;
		break;
	case '#':
		t->mode = TEXT_LINE;
		break;
	case ' ':
	case '\t':
	case '\n':
	case '\v':
	case '\f':
	case '\r':
		break;
	default:
		text_symbol(t, c);
		break;
	}
}

/* Inside of quotes. */
static void text_quoted(struct mask_text *t, char *c)
{
	if (t->mode == TEXT_STRING && *c == t->quote) {
		t->mode = TEXT_QUOTE;
		return;
	}
	t->mode = t->mode == TEXT_STRING && *c == '\\' ? TEXT_ESCAPED : TEXT_STRING;
	if (t->is_secret) {
		*c = 'X';
		return;
	}
	text_look_for_password(t, *c);
	t->is_secret = t->has_passw && t->has_equals;
}

/* A byte of a statement. */
static void text_byte(struct mask_text *t, char *c)
{
	switch (t->mode) {
	case TEXT_STRING:
	case TEXT_ESCAPED:
		text_quoted(t, c);
		return;
	case TEXT_QUOTE:
		if (*c == t->quote) {
			t->mode = TEXT_STRING;
			return;
		}
		t->was_secret = t->is_secret;
		break;
	case TEXT_NAME:
		if (*c != '`') {
			text_look_for_password(t, *c);
			return;
		}
		t->is_next = t->has_passw;
		t->was_secret = false;
		t->has_begun = true;
		t->mode = TEXT_PLAIN;
		return;
	case TEXT_SLASH:
		if (*c == '*') {
			t->mode = TEXT_COMMENT_FIRST;
			return;
		}
		text_symbol(t, '/');
		break;
	case TEXT_COMMENT_FIRST:
		if (*c == 'M') /* of MariaDB's M! */
			return;
		if (*c == '!')
			break;
		/* fallthrough */
	case TEXT_COMMENT:
		t->mode = *c == '*' ? TEXT_STAR : TEXT_COMMENT;
		return;
	case TEXT_STAR:
		t->mode = *c == '/' ? TEXT_PLAIN : *c == '*' ? TEXT_STAR : TEXT_COMMENT;
		return;
	case TEXT_DASH:
		if (*c == '-') {
			t->mode = TEXT_DASHES;
			return;
		}
		text_symbol(t, '-');
		break;
	case TEXT_DASHES:
		if ((unsigned char)*c <= ' ') {
			t->mode = *c == '\n' ? TEXT_PLAIN : TEXT_LINE;
			return;
		}
		text_symbol(t, '-');
		break;
	case TEXT_LINE:
		t->mode = *c == '\n' ? TEXT_PLAIN : TEXT_LINE;
		return;
	default:
		break;
	}
	t->mode = TEXT_PLAIN;
	text_plain(t, *c);
}

/*
 * A login of before 4.1: capabilities(2) size(3) user NUL secret [NUL database NUL]. Those secrets
 * are 8 letters of 32.
 */
static size_t mask_find_old_secret(struct px_bytes payload)
{
	size_t at = px_bytes_find(payload, 5, '\0') + 1;

	if (at <= 6 || at + OLD_SECRET > payload.len || at > 64 ||
	    (unsigned char)payload.ptr[1] & MYSQL_CAP_PROTOCOL_41 >> 8 ||
	    (at + OLD_SECRET < payload.len && payload.ptr[at + OLD_SECRET] != '\0'))
		return 0;
	for (size_t i = 5; i + 1 < at; i++)
		if ((unsigned char)payload.ptr[i] < 0x20)
			return 0;
	for (size_t i = 0; i < OLD_SECRET; i++)
		if (payload.ptr[at + i] < 0x40 || payload.ptr[at + i] > 0x5f)
			return 0;
	return at;
}

/* A change of user, whole, which names a method: who else would send that? */
static bool mask_is_change_user(struct px_bytes payload, uint32_t len)
{
	static const struct px_bytes method = PX_BYTES("_password");
	size_t at = px_bytes_find(payload, 1, '\0') + 1;
	unsigned int secret;

	if (payload.len < len || at >= len || at > 300)
		return false;
	secret = (unsigned char)payload.ptr[at];
	if ((secret != 20 && secret != 32) || at + 1 + secret >= len)
		return false;
	for (size_t i = at + 1 + secret; i + method.len <= len; i++)
		if (memcmp(payload.ptr + i, method.ptr, method.len) == 0)
			return true;
	return false;
}

/* A header is there; what is there of the payload follows it. */
static void mask_header(struct mask *m, char *p, size_t n)
{
	bool continues = m->continues, is_start = m->phase == MASK_START;
	unsigned int number = (unsigned char)m->head[3];
	size_t old;

	m->left = mysql_le24(m->head);
	m->continues = m->left == MYSQL_PACKET_MAX;
	if (continues && number != 0) {
		m->phase = m->text.mode || m->text.has_begun ? MASK_TEXT : MASK_REST;
		return;
	}
	if (number == 0) {
		m->phase = MASK_COMMAND;
	} else if (is_start && number <= 2) {
		old = n >= m->left ? mask_find_old_secret(px_bytes_of(p, m->left)) : 0;
		m->phase = old ? MASK_REST : m->left >= LOGIN_HEAD - MYSQL_HEADER ? MASK_LOGIN :
										   MASK_LOST;
		if (old) {
			memset(p + old, 'X', OLD_SECRET);
			m->is_known = m->is_aligned = m->is_auth = true;
			m->caps = MYSQL_CAP_LONG_PASSWORD;
		}
	} else if (!m->is_aligned) {
		m->phase = MASK_LOST;
	} else {
		m->phase = !m->is_auth ? MASK_REST : m->left == 1 ? MASK_ALONE : MASK_WHOLE;
	}
}

/* The first bytes of what may be a login. */
static void mask_login(struct mask *m)
{
	struct px_cur c = px_cur_of(px_bytes_of(m->head + MYSQL_HEADER, 4));
	enum mysql_fit fit = mysql_fit_login(px_bytes_of(m->head, LOGIN_HEAD));

	m->caps = px_cur_le32(&c);
	if (fit == MYSQL_FIT_NO) {
		m->phase = MASK_LOST;
	} else if (m->left == 0) {
		m->phase = MASK_START; /* TLS comes, or behind it what is in it */
	} else {
		m->is_known = m->is_aligned = m->is_auth = m->is_login = true;
		m->is_zip = m->caps & (MYSQL_CAP_COMPRESS | MYSQL_CAP_ZSTD);
		m->phase = MASK_USER;
	}
}

/* The first bytes of a command are p; returns how many of them are dealt with. */
static size_t mask_command(struct mask *m, const char *p, size_t n)
{
	size_t there = n < m->left ? n : m->left;
	struct px_cur c = px_cur_of(px_bytes_of(p, there));
	unsigned int command = px_cur_u8(&c);
	char look[LOOK_MAX];

	if (m->is_zip)
		m->is_aligned = m->is_known = false;
	if (!m->is_aligned) {
		size_t len = there < LOOK_MAX - MYSQL_HEADER ? there : LOOK_MAX - MYSQL_HEADER;

		memcpy(look, m->head, MYSQL_HEADER);
		memcpy(look + MYSQL_HEADER, p, len);
		/* A Query or a Parse of PostgreSQL begins with lengths like these. */
		if ((mysql_fit_request(px_bytes_of(look, MYSQL_HEADER + len)) != MYSQL_FIT_STRONG ||
		     (there < m->left && (m->left == 'Q' || m->left == 'P'))) &&
		    !(command == MYSQL_COM_CHANGE_USER &&
		      mask_is_change_user(px_bytes_of(p, there), m->left))) {
			m->phase = MASK_LOST;
			return 0;
		}
		m->is_known = m->is_aligned = true;
	} else if (!mysql_com_name(command) && command < MYSQL_COM_STMT_BULK_EXECUTE) {
		m->phase = MASK_LOST;
		return 0;
	}
	m->text = (struct mask_text){ 0 };
	m->is_auth = command == MYSQL_COM_CHANGE_USER;
	m->is_login = false;
	m->phase = MASK_REST;
	if (m->is_auth) {
		m->phase = MASK_USER;
	} else if (command == MYSQL_COM_QUERY || command == MYSQL_COM_STMT_PREPARE) {
		struct px_cur attributes = c;

		m->phase = MASK_TEXT;
		/* As request_query() tells them. */
		if (command == MYSQL_COM_QUERY && there >= 3 && p[2] == 1 &&
		    (unsigned char)p[1] < 0x20 && mysql_attributes_skip(&attributes))
			c = attributes;
	}
	m->left -= (uint32_t)(there - px_cur_left(&c));
	return there - px_cur_left(&c);
}

/* The name of a user has ended: how is the secret's length told? */
static void mask_secret(struct mask *m)
{
	m->secret = 0;
	m->length_left = m->length_at = 0;
	m->phase = (m->is_login && m->caps & MYSQL_CAP_AUTH_LENENC) || !m->caps ||
				   m->caps & MYSQL_CAP_SECURE_CONNECTION ?
			   MASK_LENGTH :
			   MASK_NUL;
}

/* A byte of the secret's length. */
static void mask_length(struct mask *m, char byte)
{
	unsigned int b = (unsigned char)byte;

	if (m->length_left > 0) {
		if (m->length_at < 4)
			m->secret |= (uint32_t)b << (8 * m->length_at);
		m->length_at++;
		m->length_left--;
	} else if (b >= 0xfc && m->is_login && m->caps & MYSQL_CAP_AUTH_LENENC) {
		m->length_left = b == 0xfc ? 2 : b == 0xfd ? 3 : 8;
	} else {
		m->secret = b;
	}
	if (m->length_left == 0)
		m->phase = m->secret > 0 ? MASK_COUNTED : MASK_REST;
}

/* A byte of a payload; those of MASK_REST are stepped over. */
static void mask_byte(struct mask *m, char *c)
{
	switch (m->phase) {
	case MASK_TEXT:
		text_byte(&m->text, c);
		break;
	case MASK_USER:
		if (*c == '\0')
			mask_secret(m);
		break;
	case MASK_LENGTH:
		mask_length(m, *c);
		break;
	case MASK_COUNTED:
		*c = 'X';
		if (--m->secret == 0)
			m->phase = MASK_REST;
		break;
	case MASK_NUL:
		if (*c == '\0')
			m->phase = MASK_REST;
		else
			*c = 'X';
		break;
	case MASK_ALONE:
		if ((unsigned char)*c >= 0x20)
			*c = 'X';
		break;
	default:
		*c = 'X';
		break;
	}
}

static size_t mask_payload(struct mask *m, char *p, size_t n)
{
	if (n > m->left)
		n = m->left;
	for (size_t i = 0; i < n && m->phase != MASK_REST; i++)
		mask_byte(m, p + i);
	m->left -= (uint32_t)n;
	if (m->left == 0)
		m->phase = MASK_HEADER;
	return n;
}

/*
 * Does a packet begin where this piece does? Always where nobody knows; inside of one only where
 * bytes of it are missing: then a command stands here, or just its header, which servers read by
 * itself, and no statement ends in a NUL.
 */
static void mask_realign(struct mask *m, const char *p, size_t n)
{
	bool begins = m->phase == MASK_LOST;

	if (m->phase == MASK_TEXT || m->phase == MASK_REST)
		begins = n >= MYSQL_HEADER && p[3] == '\0' && mysql_le24(p) > 0 &&
			 ((n == MYSQL_HEADER && !m->is_auth) ||
			  (n - MYSQL_HEADER >= mysql_le24(p) &&
			   mysql_fit_request(px_bytes_of(p, n)) == MYSQL_FIT_STRONG));
	if (!begins)
		return;
	m->phase = MASK_HEADER;
	m->have = 0;
	m->is_aligned = m->continues = false;
}

void mysql_mask(struct px_mask *memory, char *bytes, size_t n)
{
	struct mask copy, *m = &copy;
	size_t i = 0;

	memcpy(m, memory, sizeof(*m));
	mask_realign(m, bytes, n);
	while (i < n) {
		switch (m->phase) {
		case MASK_START:
		case MASK_HEADER:
			m->head[m->have++] = bytes[i++];
			if (m->have < MYSQL_HEADER)
				break;
			mask_header(m, bytes + i, n - i);
			if (m->phase == MASK_LOGIN)
				break;
			m->have = 0;
			if (m->left == 0 && m->phase != MASK_LOST)
				m->phase = MASK_HEADER;
			break;
		case MASK_LOGIN:
			m->head[m->have++] = bytes[i++];
			m->left--;
			if (m->have == LOGIN_HEAD) {
				m->have = 0;
				mask_login(m);
			}
			break;
		case MASK_COMMAND:
			i += mask_command(m, bytes + i, n - i);
			if (m->left == 0 && m->phase != MASK_LOST)
				m->phase = MASK_HEADER;
			break;
		case MASK_LOST:
			for (; m->is_known && i < n; i++)
				text_byte(&m->text, bytes + i);
			i = n;
			break;
		default:
			i += mask_payload(m, bytes + i, n - i);
			break;
		}
	}
	memcpy(memory, m, sizeof(*m));
}
