/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose bytes are these, and which side sent them? The packets themselves have no mark, so lengths,
 * numbers and contents have to agree.
 */
#include "mysql/message.h"

#define TEXT_ENOUGH 64	/* bytes of a statement that is not all there */
#define ATTRIBUTES_MAX 4096	/* bytes of query attributes in front of a text */
#define SCAN_MAX (64 << 10)	/* bytes that are searched for the beginning of a command */

/* Words that begin a statement, in the order of strings. */
static const char *const verbs[] = {
	"ALTER",    "ANALYZE", "BEGIN",	  "BINLOG",   "CALL",	  "CHANGE",   "CHECK",	 "CHECKSUM",
	"COMMIT",   "CREATE",  "DEALLOCATE", "DELETE", "DESC",	  "DESCRIBE", "DO",	 "DROP",
	"EXECUTE",  "EXPLAIN", "FLUSH",	  "GET",      "GRANT",	  "HANDLER",  "HELP",	 "INSERT",
	"INSTALL",  "KILL",    "LOAD",	  "LOCK",     "OPTIMIZE", "PREPARE",  "PURGE",	 "RELEASE",
	"RENAME",   "REPAIR",  "REPLACE", "RESET",    "REVOKE",	  "ROLLBACK", "SAVEPOINT", "SELECT",
	"SET",	    "SHOW",    "SHUTDOWN", "SIGNAL",  "START",	  "STOP",     "TABLE",	 "TRUNCATE",
	"UNINSTALL", "UNLOCK", "UPDATE",  "USE",      "VALUES",	  "WITH",     "XA",
};

/*
 * An SQL text: blanks, parentheses and comments, then a known word. is_all: nothing follows b. More
 * bytes never turn a yes into a no.
 */
static enum mysql_fit fit_sql(struct px_bytes b, bool is_all)
{
	char word[12];
	size_t i = 0, n = 0;

	while (i < b.len && (b.ptr[i] == ' ' || b.ptr[i] == '\t' || b.ptr[i] == '\n' ||
			     b.ptr[i] == '\r' || b.ptr[i] == '('))
		i++;
	if (i == b.len)
		return is_all ? MYSQL_FIT_NO : MYSQL_FIT_SHORT;
	if (b.ptr[i] == '/' || b.ptr[i] == '-' || b.ptr[i] == '#') {
		if (b.ptr[i] == '#')
			return MYSQL_FIT_WEAK;
		if (i + 1 == b.len)
			return is_all ? MYSQL_FIT_NO : MYSQL_FIT_SHORT;
		return b.ptr[i + 1] == (b.ptr[i] == '/' ? '*' : '-') ? MYSQL_FIT_STRONG :
								       MYSQL_FIT_NO;
	}
	for (; i < b.len && n < sizeof(word) - 1; i++) {
		char c = px_ascii_lower(b.ptr[i]);

		if (c < 'a' || c > 'z')
			break;
		word[n++] = (char)(c - 0x20);
	}
	if (n == 0)
		return MYSQL_FIT_NO;
	word[n] = '\0';
	for (size_t k = 0; k < PX_COUNT(verbs); k++) {
		if ((i < b.len || is_all) && strcmp(word, verbs[k]) == 0)
			return MYSQL_FIT_STRONG;
		if (i == b.len && !is_all && strncmp(word, verbs[k], n) == 0)
			return MYSQL_FIT_SHORT;
	}
	return MYSQL_FIT_NO;
}

/* Text without control characters other than white space. */
static bool fit_is_text(struct px_bytes b)
{
	for (size_t i = 0; i < b.len; i++)
		if ((unsigned char)b.ptr[i] < 0x20 && b.ptr[i] != '\t' && b.ptr[i] != '\n' &&
		    b.ptr[i] != '\r')
			return false;
	return true;
}

/* The payload of a command, of which `there` is there. */
static enum mysql_fit fit_command(struct px_bytes there, uint32_t len)
{
	struct px_cur c = px_cur_of(there);
	unsigned int command = px_cur_u8(&c), count;

	switch (command) {
	case MYSQL_COM_QUERY:
	case MYSQL_COM_STMT_PREPARE:
		if (len < 3)
			return MYSQL_FIT_NO;
		if (there.len < 3)
			return MYSQL_FIT_SHORT;
		/* Query attributes: a small number and 1, which begin no text in SQL. */
		if (command == MYSQL_COM_QUERY && there.ptr[2] == 1) {
			if (!mysql_attributes_skip(&c))
				return c.ran_short && there.len < len && there.len < ATTRIBUTES_MAX ?
					       MYSQL_FIT_SHORT :
					       MYSQL_FIT_NO;
		}
		return fit_sql(px_bytes_of(c.pos, px_cur_left(&c)), there.len == len);
	case MYSQL_COM_STMT_EXECUTE:
		if (len < 10)
			return MYSQL_FIT_NO;
		px_cur_skip(&c, 4);
		if ((px_cur_u8(&c) & 0xf0) != 0)
			return MYSQL_FIT_NO;
		count = px_cur_le32(&c);
		return c.ran_short ? MYSQL_FIT_SHORT : count == 1 ? MYSQL_FIT_STRONG : MYSQL_FIT_NO;
	case MYSQL_COM_STMT_BULK_EXECUTE:
		return len >= 7 ? MYSQL_FIT_WEAK : MYSQL_FIT_NO;
	case MYSQL_COM_STMT_FETCH:
		return len == 9 ? MYSQL_FIT_WEAK : MYSQL_FIT_NO;
	case MYSQL_COM_STMT_CLOSE:
	case MYSQL_COM_STMT_RESET:
		return len == 5 ? MYSQL_FIT_WEAK : MYSQL_FIT_NO;
	case MYSQL_COM_STMT_SEND_LONG_DATA:
		return len >= 7 ? MYSQL_FIT_WEAK : MYSQL_FIT_NO;
	case MYSQL_COM_SET_OPTION:
		return len == 3 ? MYSQL_FIT_WEAK : MYSQL_FIT_NO;
	case MYSQL_COM_QUIT:
	case MYSQL_COM_STATISTICS:
	case MYSQL_COM_PROCESS_INFO:
	case 0x0d: /* DEBUG */
	case MYSQL_COM_PING:
	case MYSQL_COM_RESET_CONNECTION:
		return len == 1 ? MYSQL_FIT_WEAK : MYSQL_FIT_NO;
	case MYSQL_COM_INIT_DB:
	case MYSQL_COM_FIELD_LIST:
	case MYSQL_COM_CHANGE_USER:
		return len >= 2 && len < 4096 ? MYSQL_FIT_WEAK : MYSQL_FIT_NO;
	default:
		return MYSQL_FIT_NO;
	}
}

enum mysql_fit mysql_fit_request(struct px_bytes in)
{
	uint32_t len;

	if (in.len < MYSQL_HEADER)
		return MYSQL_FIT_SHORT;
	len = mysql_le24(in.ptr);
	if (in.ptr[3] != 0 || len == 0)
		return MYSQL_FIT_NO;
	if (in.len == MYSQL_HEADER)
		return MYSQL_FIT_SHORT;
	return fit_command(px_bytes_sub(in, MYSQL_HEADER, len), len);
}

/*
 * Of a command that is not all there, one word of SQL says too little. Query attributes have bytes
 * that are no text.
 */
static bool fit_is_enough(struct px_bytes in)
{
	struct px_bytes text = px_bytes_sub(in, MYSQL_HEADER + 1, TEXT_ENOUGH);
	unsigned int command = in.len > MYSQL_HEADER ? (unsigned char)in.ptr[MYSQL_HEADER] : 0;

	if ((command != MYSQL_COM_QUERY && command != MYSQL_COM_STMT_PREPARE) ||
	    in.len >= MYSQL_HEADER + (size_t)mysql_le24(in.ptr))
		return true;
	return text.len == TEXT_ENOUGH &&
	       (fit_is_text(text) || (command == MYSQL_COM_QUERY && text.ptr[1] == 1));
}


/* Commands one behind the other: all have to fit, and the best one says how well. */
static enum mysql_fit fit_requests(struct px_bytes in)
{
	enum mysql_fit best = MYSQL_FIT_SHORT;

	for (int i = 0; i < 4 && in.len > 0; i++) {
		enum mysql_fit fit = mysql_fit_request(in);

		if (fit == MYSQL_FIT_STRONG && !fit_is_enough(in))
			return best;

		if (fit == MYSQL_FIT_NO || fit == MYSQL_FIT_SHORT)
			return fit == MYSQL_FIT_NO ? fit : best;
		if (fit > best)
			best = fit;
		in = px_bytes_sub(in, MYSQL_HEADER + (size_t)mysql_le24(in.ptr), SIZE_MAX);
	}
	return best;
}

enum mysql_fit mysql_fit_login(struct px_bytes in)
{
	static const char zeros[19];
	struct px_bytes rest;
	size_t n;
	uint32_t len;

	if (in.len < MYSQL_HEADER)
		return MYSQL_FIT_SHORT;
	len = mysql_le24(in.ptr);
	if ((in.ptr[3] != 1 && in.ptr[3] != 2) || len < 32 || len > 65536)
		return MYSQL_FIT_NO;
	/* PROTOCOL_41, and 19 bytes of 0 */
	if (in.len > 5 && !((unsigned char)in.ptr[5] & MYSQL_CAP_PROTOCOL_41 >> 8))
		return MYSQL_FIT_NO;
	rest = px_bytes_sub(in, 13, sizeof(zeros));
	if (rest.len > 0 && memcmp(rest.ptr, zeros, rest.len) != 0)
		return MYSQL_FIT_NO;
	if (in.len < 36)
		return MYSQL_FIT_SHORT;
	if (len == 32)
		return (unsigned char)in.ptr[5] & MYSQL_CAP_SSL >> 8 ? MYSQL_FIT_STRONG : MYSQL_FIT_NO;
	rest = px_bytes_sub(in, 36, SIZE_MAX);
	n = px_bytes_find(rest, 0, '\0');
	if (n > 256 || n + 32 >= len || !fit_is_text(px_bytes_sub(rest, 0, n)))
		return MYSQL_FIT_NO;
	return n < rest.len ? MYSQL_FIT_STRONG : MYSQL_FIT_SHORT;
}

enum mysql_fit mysql_fit_greeting(struct px_bytes in)
{
	struct px_bytes rest;
	size_t n;
	uint32_t len;

	if (in.len < MYSQL_HEADER)
		return MYSQL_FIT_SHORT;
	len = mysql_le24(in.ptr);
	if (in.ptr[3] != 0 || len < 40 || len > 512)
		return MYSQL_FIT_NO;
	if (in.len == MYSQL_HEADER)
		return MYSQL_FIT_SHORT;
	if (in.ptr[4] != 10)
		return MYSQL_FIT_NO;
	rest = px_bytes_sub(in, 5, SIZE_MAX);
	n = px_bytes_find(rest, 0, '\0');
	if (n > 128 || !fit_is_text(px_bytes_sub(rest, 0, n)) ||
	    (rest.len > 0 && (rest.ptr[0] < '1' || rest.ptr[0] > '9')))
		return MYSQL_FIT_NO;
	/* id(4) data(8) 00 */
	if (rest.len < n + 14)
		return in.len < MYSQL_HEADER + len ? MYSQL_FIT_SHORT : MYSQL_FIT_NO;
	return rest.ptr[n + 13] == 0 ? MYSQL_FIT_STRONG : MYSQL_FIT_NO;
}

static enum mysql_fit fit_err(struct px_bytes payload, uint32_t len, bool is_greeting)
{
	struct px_cur c = px_cur_of(px_bytes_sub(payload, 1, SIZE_MAX));
	unsigned int code = px_cur_le16(&c);

	if (len < 6 || len > 600)
		return MYSQL_FIT_NO;
	if (c.ran_short)
		return MYSQL_FIT_SHORT;
	if (code < 1000 || code > 6000)
		return MYSQL_FIT_NO;
	if (px_cur_left(&c) > 0 && *c.pos != '#' && !is_greeting)
		return MYSQL_FIT_NO;
	if (!fit_is_text(px_bytes_of(c.pos, px_cur_left(&c))))
		return MYSQL_FIT_NO;
	return payload.len == len ? MYSQL_FIT_STRONG : MYSQL_FIT_SHORT;
}

/* The first packet of an answer, and the second where the first says little. */
enum mysql_fit mysql_fit_reply(struct px_bytes in)
{
	struct px_bytes payload, next;
	struct px_cur c;
	unsigned int status;
	uint32_t len;

	if (in.len < MYSQL_HEADER)
		return MYSQL_FIT_SHORT;
	len = mysql_le24(in.ptr);
	if (in.ptr[3] != 1 || len == 0)
		return MYSQL_FIT_NO;
	payload = px_bytes_sub(in, MYSQL_HEADER, len);
	if (payload.len == 0)
		return MYSQL_FIT_SHORT;
	c = px_cur_of(payload);
	switch (px_cur_u8(&c)) {
	case 0xff:
		return fit_err(payload, len, false);
	case 0x00:
		if (len < 7)
			return MYSQL_FIT_NO;
		(void)mysql_lenenc(&c);
		(void)mysql_lenenc(&c);
		status = px_cur_le16(&c);
		px_cur_skip(&c, 2);
		if (c.ran_short)
			return payload.len < len ? MYSQL_FIT_SHORT : MYSQL_FIT_NO;
		/* In a transaction or not, autocommit or not; the highest bit is not used. */
		if (!(status & 3) || status & 0x8000)
			return MYSQL_FIT_NO;
		return len == 7 && in.len == MYSQL_HEADER + len ? MYSQL_FIT_STRONG : MYSQL_FIT_WEAK;
	case 0xfb:
	case 0xfe:
		return MYSQL_FIT_NO; /* too little to go by */
	default:
		if (len > 4)
			return MYSQL_FIT_NO;
		if (in.len < MYSQL_HEADER + len)
			return MYSQL_FIT_SHORT;
		next = px_bytes_sub(in, MYSQL_HEADER + len, MYSQL_HEADER + 4);
		if (next.len > 3 && next.ptr[3] != 2)
			return MYSQL_FIT_NO;
		if (next.len < MYSQL_HEADER + 4)
			return MYSQL_FIT_SHORT;
		return memcmp(next.ptr + MYSQL_HEADER, "\x03" "def", 4) == 0 ? MYSQL_FIT_STRONG :
									       MYSQL_FIT_NO;
	}
}

/* An error in the place of a greeting. */
static enum mysql_fit fit_refusal(struct px_bytes in)
{
	uint32_t len;

	if (in.len < MYSQL_HEADER)
		return MYSQL_FIT_SHORT;
	len = mysql_le24(in.ptr);
	if (in.ptr[3] != 0 || len < 10 || len > 600)
		return MYSQL_FIT_NO;
	if (in.len == MYSQL_HEADER)
		return MYSQL_FIT_SHORT;
	return (unsigned char)in.ptr[4] == 0xff ?
		       fit_err(px_bytes_sub(in, MYSQL_HEADER, len), len, true) :
		       MYSQL_FIT_NO;
}

/* What is in a compressed packet, undone as far as it is there. */
static enum mysql_fit fit_unzipped(struct px_bytes there, uint32_t plain_len,
				   enum mysql_fit (*inside)(struct px_bytes in))
{
	struct mysql_plain plain;
	enum mysql_fit fit;

	if (!mysql_zip_peek(there, &plain) || plain.len > plain_len)
		return MYSQL_FIT_NO;
	fit = inside(px_bytes_of(plain.bytes, plain.len));
	return fit == MYSQL_FIT_SHORT && plain.len == sizeof(plain.bytes) ? MYSQL_FIT_NO : fit;
}

/* A compressed packet of this number that begins with an ordinary one. */
static enum mysql_fit fit_zip(struct px_bytes in, char seq,
			      enum mysql_fit (*inside)(struct px_bytes in))
{
	uint32_t len, plain_len;
	struct px_bytes there;
	enum mysql_fit fit;

	if (in.len < MYSQL_HEADER)
		return MYSQL_FIT_SHORT;
	len = mysql_le24(in.ptr);
	if (in.ptr[3] != seq || len < MYSQL_HEADER + 1)
		return MYSQL_FIT_NO;
	if (in.len < MYSQL_ZIP_HEADER + 4)
		return MYSQL_FIT_SHORT;
	plain_len = mysql_le24(in.ptr + MYSQL_HEADER);
	there = px_bytes_sub(in, MYSQL_ZIP_HEADER, len);
	fit = plain_len ? fit_unzipped(there, plain_len, inside) : inside(there);
	return fit == MYSQL_FIT_SHORT && there.len == len ? MYSQL_FIT_NO : fit;
}

enum mysql_fit mysql_fit_zip_requests(struct px_bytes in)
{
	return fit_zip(in, 0, fit_requests);
}

enum mysql_fit mysql_fit_zip_reply(struct px_bytes in)
{
	return fit_zip(in, 1, mysql_fit_reply);
}

/* A command that is the last of these bytes: its sender waits for the answer. */
static size_t find_request(struct px_bytes in)
{
	size_t max = in.len < SCAN_MAX ? in.len : SCAN_MAX;

	for (size_t at = in.len - max; at + MYSQL_HEADER + 1 < in.len; at++) {
		const char *hit = memchr(in.ptr + at + 3, 0, in.len - at - 3);
		struct px_bytes rest;

		if (!hit)
			break;
		at = (size_t)(hit - in.ptr) - 3;
		rest = px_bytes_sub(in, at, SIZE_MAX);
		if (mysql_le24(rest.ptr) == rest.len - MYSQL_HEADER &&
		    mysql_fit_request(rest) == MYSQL_FIT_STRONG)
			return at;
		if (mysql_le24(rest.ptr) + MYSQL_ZIP_HEADER == rest.len &&
		    mysql_fit_zip_requests(rest) == MYSQL_FIT_STRONG)
			return at;
	}
	return in.len;
}

/* The readings of the first bytes, and whose each would be. */
static const struct {
	enum mysql_fit (*fit)(struct px_bytes in);
	enum px_frame_kind kind;
} readings[] = {
	{ mysql_fit_greeting, PX_FRAME_RESPONSE },
	{ fit_refusal, PX_FRAME_RESPONSE },
	{ mysql_fit_reply, PX_FRAME_RESPONSE },
	{ mysql_fit_login, PX_FRAME_REQUEST },
	{ fit_requests, PX_FRAME_REQUEST },
	{ mysql_fit_zip_requests, PX_FRAME_REQUEST },
	{ mysql_fit_zip_reply, PX_FRAME_RESPONSE },
};

/*
 * Of an answer the number of its first packet is enough: parse() knows where answers were awaited,
 * and looks closer.
 */
size_t mysql_resync(struct px_bytes in, enum px_dir dir)
{
	(void)dir;
	if (in.len >= MYSQL_HEADER && in.ptr[3] == 1)
		return 0;
	for (size_t i = 0; i < PX_COUNT(readings); i++)
		if (readings[i].fit(in) != MYSQL_FIT_NO)
			return 0;
	return find_request(in);
}

enum px_sure mysql_infer(struct px_bytes head, enum px_dir dir)
{
	enum mysql_fit best = MYSQL_FIT_NO;

	(void)dir;
	for (size_t i = 0; i < PX_COUNT(readings); i++) {
		enum mysql_fit fit = readings[i].fit(head);

		if (fit > best)
			best = fit;
	}
	if (best == MYSQL_FIT_STRONG)
		return PX_SURE_YES;
	return best == MYSQL_FIT_NO ? PX_SURE_NO : PX_SURE_MAYBE;
}

enum px_frame_kind mysql_kind(struct px_bytes head)
{
	unsigned int kinds = 0, kind = 0;

	for (size_t i = 0; i < PX_COUNT(readings); i++) {
		enum mysql_fit fit = readings[i].fit(head);

		if (fit == MYSQL_FIT_STRONG)
			return readings[i].kind;
		if (fit != MYSQL_FIT_NO) {
			kind = readings[i].kind;
			kinds |= 1u << kind;
		}
	}
	return kinds == 1u << PX_FRAME_REQUEST || kinds == 1u << PX_FRAME_RESPONSE ?
		       (enum px_frame_kind)kind :
		       (enum px_frame_kind)0;
}
