/* SPDX-License-Identifier: Apache-2.0 */
/* Whose bytes are these, which side sent them, and where does a message begin again. */
#include "redis/message.h"

#define LINES_MIN 3 /* lines that are commands, and no other protocol's */
#define CHAIN_MAX 16 /* values in a row that make a beginning believable */

/* Words of answers that no other line protocol says. */
static const struct px_bytes own_words[] = {
	PX_BYTES("+PONG\r\n"),
	PX_BYTES("+QUEUED\r\n"),
	PX_BYTES("+RESET\r\n"),
	PX_BYTES("+CONTINUE"),
	PX_BYTES("+FULLRESYNC "),
	PX_BYTES("-WRONGTYPE "),
	PX_BYTES("-NOAUTH "),
	PX_BYTES("-NOPERM "),
	PX_BYTES("-MOVED "),
	PX_BYTES("-ASK "),
	PX_BYTES("-LOADING "),
	PX_BYTES("-BUSY "),
	PX_BYTES("-NOSCRIPT "),
	PX_BYTES("-READONLY "),
	PX_BYTES("-OOM "),
	PX_BYTES("-EXECABORT "),
	PX_BYTES("-MASTERDOWN "),
	PX_BYTES("-MISCONF "),
	PX_BYTES("-NOREPLICAS "),
	PX_BYTES("-CROSSSLOT "),
	PX_BYTES("-CLUSTERDOWN "),
	PX_BYTES("-TRYAGAIN "),
	PX_BYTES("-BUSYGROUP "),
	PX_BYTES("-NOGROUP "),
	PX_BYTES("-WRONGPASS "),
	PX_BYTES("-NOPROTO "),
	PX_BYTES("-DENIED Redis"),
	PX_BYTES("-UNBLOCKED "),
	PX_BYTES("-BUSYKEY "),
	PX_BYTES("-ERR unknown command "),
	PX_BYTES("-ERR wrong number of arguments for "),
	PX_BYTES("-ERR Protocol error: "),
};

/* Answers that others may give, too. */
static const struct px_bytes shared_words[] = {
	PX_BYTES("+OK\r\n"),   PX_BYTES("-ERR "),     PX_BYTES("+string\r\n"),
	PX_BYTES("+list\r\n"), PX_BYTES("+none\r\n"), PX_BYTES("+hash\r\n"),
	PX_BYTES("+set\r\n"),  PX_BYTES("+zset\r\n"), PX_BYTES("+stream\r\n"),
};

static enum px_sure infer_words(struct px_bytes in, const struct px_bytes *words, size_t count)
{
	enum px_sure best = PX_SURE_NO;

	for (size_t i = 0; i < count; i++) {
		if (px_bytes_starts(in, words[i]))
			return PX_SURE_YES;
		if (px_bytes_starts(words[i], in))
			best = PX_SURE_MAYBE;
	}
	return best;
}

/*
 * One value without what it is made of, from *pos on: YES and *pos behind it, MAYBE where it is not
 * all there. Lines of text have to be ones that a server is known to send. *is_own: nobody else
 * would.
 */
static enum px_sure infer_value(struct px_bytes in, size_t *pos, bool *is_own)
{
	struct px_bytes rest = px_bytes_sub(in, *pos, SIZE_MAX);
	enum px_sure sure;
	int64_t number;
	size_t nl, end;
	int n;

	if (rest.len == 0)
		return PX_SURE_MAYBE;
	nl = px_bytes_find(px_bytes_sub(rest, 0, REDIS_LINE_MAX), 0, '\n');
	end = nl > 1 && rest.ptr[nl - 1] == '\r' ? nl - 1 : nl;
	switch (*rest.ptr) {
	case '+':
	case '-':
		sure = infer_words(rest, own_words, PX_COUNT(own_words));
		*is_own = sure == PX_SURE_YES;
		if (sure != PX_SURE_YES) {
			enum px_sure shared =
				infer_words(rest, shared_words, PX_COUNT(shared_words));

			sure = shared > sure ? shared : sure;
		}
		if (sure != PX_SURE_YES)
			return sure;
		for (size_t i = 0; i < end; i++)
			if ((unsigned char)rest.ptr[i] < ' ')
				return PX_SURE_NO;
		break;
	case ':':
	case '#':
	case '_':
	case ',':
		*is_own = *rest.ptr == ':';
		for (size_t i = 1; i < end; i++) {
			char c = rest.ptr[i];

			if (*rest.ptr == '_' || i > 24 ||
			    !((c >= '0' && c <= '9') || c == '-' ||
			      (*rest.ptr == ',' && strchr(".eEinfa+", c)) ||
			      (*rest.ptr == '#' && (c == 't' || c == 'f') && i == 1)))
				return PX_SURE_NO;
		}
		if (nl < rest.len && *rest.ptr != '_' && nl < 3)
			return PX_SURE_NO;
		break;
	case '$':
	case '=':
	case '!':
	case '*':
	case '~':
	case '%':
	case '>':
	case '|':
		n = redis_number(rest.ptr + 1, rest.ptr + rest.len, &number);
		if (n < 0 || (n > 0 && (number < -1 || number > REDIS_BULK_MAX)))
			return PX_SURE_NO;
		if (n == 0)
			return PX_SURE_MAYBE;
		*is_own = true;
		*pos += (size_t)n + 1;
		if (!strchr("$=!", *rest.ptr) || number < 0)
			return PX_SURE_YES;
		rest = px_bytes_sub(in, *pos, SIZE_MAX);
		if (rest.len < (size_t)number + 2)
			return rest.len <= (size_t)number || rest.ptr[number] == '\r'
				       ? PX_SURE_MAYBE
				       : PX_SURE_NO;
		if (memcmp(rest.ptr + number, "\r\n", 2) != 0)
			return PX_SURE_NO;
		*pos += (size_t)number + 2;
		return PX_SURE_YES;
	default:
		return PX_SURE_NO;
	}
	if (nl == rest.len || nl == REDIS_LINE_MAX)
		return rest.len < REDIS_LINE_MAX ? PX_SURE_MAYBE : PX_SURE_NO;
	if (nl < 2 - (*rest.ptr == '_') || rest.ptr[nl - 1] != '\r')
		return PX_SURE_NO;
	*pos += nl + 1;
	return PX_SURE_YES;
}

/*
 * Values one behind the other from `at` on, as many as are looked at. *own: how many of them nobody
 * else would send.
 */
static enum px_sure infer_chain(struct px_bytes in, size_t at, unsigned int *count,
				unsigned int *own)
{
	*count = *own = 0;
	while (*count < CHAIN_MAX && at < in.len) {
		bool is_own = false;
		enum px_sure sure = infer_value(in, &at, &is_own);

		if (sure != PX_SURE_YES)
			return sure;
		++*count;
		*own += is_own;
	}
	return PX_SURE_YES;
}

/* The first word of an array; false: none, or not all of it is there. */
static bool infer_command(struct px_bytes in, const struct redis_command **cmd)
{
	struct redis_walk w = { in, 0 };
	struct redis_value v;

	if (in.len == 0 || in.ptr[0] != '*' || !redis_walk(&w, &v) || v.count < 1 ||
	    w.pos >= in.len || in.ptr[w.pos] != '$' || !redis_walk(&w, &v) || v.is_cut ||
	    v.is_null || w.pos == in.len - 1)
		return false;
	*cmd = redis_command_find(v.text);
	return memcmp(in.ptr + w.pos - 2, "\r\n", 2) == 0;
}

/* The line's first word, if the line is there and may be a command. */
static enum px_sure infer_line(struct px_bytes in, size_t *end, const struct redis_command **cmd)
{
	size_t nl = px_bytes_find(in, 0, '\n'), word = 0;

	*end = nl + 1;
	for (size_t i = 0; i < nl; i++) { /* nobody types other bytes, and they are in all that is no text */
		unsigned char c = (unsigned char)in.ptr[i];

		if ((c < ' ' || c > '~') && c != '\t' && !(c == '\r' && i + 1 >= nl))
			return PX_SURE_NO;
	}
	while (word < nl && (unsigned char)in.ptr[word] > ' ')
		word++;
	if (word == in.len && word < 24)
		return PX_SURE_MAYBE;
	*cmd = redis_command_find(px_bytes_sub(in, 0, word));
	if (!*cmd)
		return PX_SURE_NO;
	return nl < in.len ? PX_SURE_YES : PX_SURE_MAYBE;
}

/* memcached and others have these, too. */
static bool infer_is_shared(const struct redis_command *cmd, struct px_bytes line)
{
	static const struct px_bytes shared[] = {
		PX_BYTES("GET"),  PX_BYTES("TOUCH"), PX_BYTES("QUIT"),	 PX_BYTES("PING"),
		PX_BYTES("INFO"), PX_BYTES("AUTH"),  PX_BYTES("TIME"),	 PX_BYTES("HELLO"),
		PX_BYTES("INCR"), PX_BYTES("DECR"),  PX_BYTES("APPEND"), PX_BYTES("WATCH"),
		PX_BYTES("SAVE"), PX_BYTES("WAIT"),  PX_BYTES("RESET"),	 PX_BYTES("MONITOR"),
	};
	size_t words = 1;

	for (size_t i = 0; i < PX_COUNT(shared); i++)
		if (px_bytes_eq(px_bytes_str(cmd->name), shared[i]))
			return true;
	for (size_t i = 0; i < line.len; i++)
		words += line.ptr[i] == ' ';
	return px_bytes_eq(px_bytes_str(cmd->name), PX_BYTES("SET")) && words != 3;
}

/* Several lines that are all commands are worth as much as one that nobody else would send. */
static bool infer_are_lines(struct px_bytes in)
{
	const struct redis_command *cmd = NULL;
	unsigned int own = 0;
	size_t end;

	while (own < LINES_MIN && infer_line(in, &end, &cmd) == PX_SURE_YES) {
		if (end < 3 || in.ptr[end - 2] != '\r')
			return false;
		own += !infer_is_shared(cmd, px_bytes_sub(in, 0, end));
		in = px_bytes_sub(in, end, SIZE_MAX);
		if (in.len == 0)
			break;
	}
	return own >= LINES_MIN;
}

static bool infer_is_letter(char c)
{
	c = px_ascii_lower(c);
	return c >= 'a' && c <= 'z';
}

enum px_sure redis_infer(struct px_bytes head, enum px_dir dir)
{
	const struct redis_command *cmd = NULL;
	unsigned int count, own;
	enum px_sure sure;
	size_t end;

	(void)dir;
	while (head.len > 0 && (head.ptr[0] == '\r' || head.ptr[0] == '\n'))
		head = px_bytes_sub(head, 1, SIZE_MAX);
	if (head.len == 0)
		return PX_SURE_MAYBE;
	if (infer_is_letter(*head.ptr)) {
		sure = infer_line(head, &end, &cmd);
		return sure == PX_SURE_YES && cmd->is_word && !infer_are_lines(head) ? PX_SURE_MAYBE
										     : sure;
	}
	if (infer_command(head, &cmd) && cmd)
		return PX_SURE_YES;
	sure = infer_chain(head, 0, &count, &own);
	if (sure == PX_SURE_NO)
		return sure;
	/* The line of an aggregate alone is little to go by. */
	if (own > (strchr("*~%>|", *head.ptr) && count == 1))
		return PX_SURE_YES;
	return PX_SURE_MAYBE;
}

/* Is the line at w wrong, rather than not all there? */
static bool infer_is_broken(struct redis_walk w)
{
	struct px_bytes rest = px_bytes_sub(w.in, w.pos + 1, SIZE_MAX);
	int64_t n;

	return !px_bytes_starts(REDIS_STREAMED, rest) &&
	       redis_number(rest.ptr, rest.ptr + rest.len, &n) < 0;
}

/*
 * What confirms a subscription begins like a command, and has a number in it: a few elements tell.
 */
enum redis_look redis_look_at(struct px_bytes in)
{
	const struct redis_command *cmd = NULL;
	struct redis_walk w;
	struct redis_value v;
	bool is_upper = false;
	int64_t count;

	while (in.len > 0 && (in.ptr[0] == '\r' || in.ptr[0] == '\n'))
		in = px_bytes_sub(in, 1, SIZE_MAX);
	if (in.len == 0)
		return REDIS_LOOKS_UNKNOWN;
	if (*in.ptr && strchr("+-:$,#_(=!~%>|", *in.ptr))
		return REDIS_LOOKS_ANSWER;
	if (*in.ptr != '*')
		return REDIS_LOOKS_COMMAND;
	w = (struct redis_walk){ in, 0 };
	if (!redis_walk(&w, &v))
		return infer_is_broken(w) ? REDIS_LOOKS_COMMAND : REDIS_LOOKS_UNKNOWN;
	count = v.count;
	for (int64_t i = 0; i < count && i < 4; i++) {
		if (w.pos >= in.len)
			return REDIS_LOOKS_UNKNOWN;
		if (in.ptr[w.pos] != '$')
			return REDIS_LOOKS_ANSWER;
		if (!redis_walk(&w, &v))
			return infer_is_broken(w) ? REDIS_LOOKS_COMMAND : REDIS_LOOKS_UNKNOWN;
		if (v.is_null)
			return REDIS_LOOKS_ANSWER;
		if (i > 0)
			continue;
		if (v.is_cut)
			return REDIS_LOOKS_UNKNOWN;
		cmd = redis_command_find(v.text);
		is_upper = v.text.len > 0 && *v.text.ptr >= 'A' && *v.text.ptr <= 'Z';
		if (px_bytes_eq(v.text, PX_BYTES("message")) ||
		    px_bytes_eq(v.text, PX_BYTES("pmessage")) ||
		    px_bytes_eq(v.text, PX_BYTES("smessage")))
			return REDIS_LOOKS_ANSWER;
	}
	if (!cmd)
		return REDIS_LOOKS_ARRAY;
	return cmd->is_word && !is_upper ? REDIS_LOOKS_PERHAPS : REDIS_LOOKS_COMMAND;
}

/* Only what is certain. */
enum px_frame_kind redis_kind(struct px_bytes head)
{
	switch (redis_look_at(head)) {
	case REDIS_LOOKS_COMMAND:
		return PX_FRAME_REQUEST;
	case REDIS_LOOKS_ANSWER:
		return PX_FRAME_RESPONSE;
	default:
		return (enum px_frame_kind)0;
	}
}

/*
 * A message begins behind a line break, but not behind every one. It is taken for one if what
 * follows is as it has to be, value by value, as far as it is there.
 */
size_t redis_resync(struct px_bytes in, enum px_dir dir)
{
	const struct redis_command *cmd = NULL;
	unsigned int count, own;
	size_t at = 0, end;

	(void)dir;
	if (in.len > 0 && infer_is_letter(*in.ptr) && infer_line(in, &end, &cmd) == PX_SURE_YES &&
	    (end >= in.len || in.ptr[end] == '*' ||
	     infer_line(px_bytes_sub(in, end, SIZE_MAX), &end, &cmd) != PX_SURE_NO))
		return 0;
	while (at < in.len) {
		size_t nl;

		if (strchr("+-:$*,#_=!~%>|", in.ptr[at]) && in.ptr[at] &&
		    infer_chain(in, at, &count, &own) != PX_SURE_NO)
			return at;
		do {
			nl = px_bytes_find(in, at, '\n');
			at = nl + 1;
		} while (nl < in.len && nl > 0 && in.ptr[nl - 1] != '\r');
	}
	return in.len;
}
