/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cases.h"

#include "base/buf.h"
#include "support/dump.h"
#include "support/feed.h"

#include <stdio.h>
#include <stdlib.h>

#define CASE_STEPS_MAX 64
#define CASE_FRAMES_MAX 1024
#define CASE_BYTES_MAX (64 << 20)
#define CASE_SMALL 3000		/* bytes: up to here every cut is tried, and against an unreadable page */
#define CASE_POOL (64 << 20)

enum case_what { CASE_BYTES, CASE_HOLE, CASE_CUT, CASE_EOF };

struct case_step {
	enum case_what what;
	enum px_dir dir;
	struct px_buf bytes;
	uint64_t n;
};

struct case_one {
	char name[128];
	struct px_parse_limits limits;
	bool is_joined, is_server, is_datagrams, is_tls;
	unsigned int how;	/* enum px_dump_how */
	struct case_step steps[CASE_STEPS_MAX];
	size_t count;
	bool is_closed;		/* the next data line begins a step of its own */
	struct px_buf expected;
	size_t total;		/* bytes of all steps */
};

struct case_frames {
	struct px_frame *frames[CASE_FRAMES_MAX];
	size_t count;
	struct px_buf bad;	/* why parse() said so */
};

static void case_append(struct px_buf *b, const void *p, size_t n)
{
	if (px_buf_append(b, px_bytes_of(p, n)) != 0)
		abort();
}

static int case_hex(int c)
{
	return c >= '0' && c <= '9'		    ? c - '0'
	       : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
						    : 0;
}

static void case_unescape(struct px_buf *out, const char *s)
{
	for (; *s; s++) {
		char c = *s;

		if (c == '\\' && s[1]) {
			s++;
			c = *s == 'r' ? '\r' : *s == 'n' ? '\n' : *s == 't' ? '\t' : *s;
			if (*s == 'x' && s[1] && s[2]) {
				c = (char)(case_hex(s[1]) << 4 | case_hex(s[2]));
				s += 2;
			}
		}
		case_append(out, &c, 1);
	}
}

static struct case_step *case_step_new(struct case_one *c, enum case_what what, bool from_client)
{
	struct case_step *s;

	if (c->count == CASE_STEPS_MAX)
		abort();
	s = &c->steps[c->count++];
	*s = (struct case_step){ .what = what, .bytes = px_buf_of(CASE_BYTES_MAX) };
	s->dir = from_client != c->is_server ? PX_DIR_OUT : PX_DIR_IN;
	return s;
}

static void case_line(struct case_one *c, char *line)
{
	bool from_client = line[0] == '>';
	struct case_step *last = c->count ? &c->steps[c->count - 1] : NULL;
	struct case_step *s;
	unsigned long n;
	int used = 0;

	if (line[0] == '>' || line[0] == '<') {
		if (sscanf(line + 1, "hole %lu", &n) == 1) {
			case_step_new(c, CASE_HOLE, from_client)->n = n;
		} else if (sscanf(line + 1, "cut %lu", &n) == 1) {
			case_step_new(c, CASE_CUT, from_client)->n = n;
		} else if (strcmp(line + 1, "eof") == 0) {
			case_step_new(c, CASE_EOF, from_client);
		} else {
			s = last;
			if (!s || s->what != CASE_BYTES || c->is_closed || c->is_datagrams ||
			    s->dir != (from_client != c->is_server ? PX_DIR_OUT : PX_DIR_IN))
				s = case_step_new(c, CASE_BYTES, from_client);
			n = 1;
			if (line[1] == '*' && sscanf(line + 2, " %lu %n", &n, &used) == 1)
				line += 2 + used;
			else
				line += line[1] == ' ' ? 2 : 1;
			while (n-- > 0)
				case_unescape(&s->bytes, line);
		}
		c->is_closed = false;
	} else if (strcmp(line, "--") == 0) {
		c->is_closed = true;
	} else if (strcmp(line, "joined") == 0) {
		c->is_joined = true;
	} else if (strcmp(line, "server") == 0) {
		c->is_server = true;
	} else if (strcmp(line, "datagrams") == 0) {
		c->is_datagrams = true;
	} else if (strcmp(line, "tls") == 0) {
		c->is_tls = true;
	} else if (strcmp(line, "no-redact") == 0) {
		c->how |= PX_DUMP_SECRETS;
	} else if (strcmp(line, "redact-literals") == 0) {
		c->how |= PX_DUMP_NO_LITERALS;
	} else if (strcmp(line, "raw") == 0) {
		c->how |= PX_DUMP_RAW;
	} else if (strncmp(line, "limits:", 7) == 0) {
		char *at;

		if ((at = strstr(line, "head_max=")) != NULL)
			c->limits.head_max = strtoul(at + 9, NULL, 10);
		if ((at = strstr(line, "body_max=")) != NULL)
			c->limits.body_max = strtoul(at + 9, NULL, 10);
		if ((at = strstr(line, "decoded_max=")) != NULL)
			c->limits.decoded_max = strtoul(at + 12, NULL, 10);
	} else if (line[0] != '\0') {
		fprintf(stderr, "%s: what is this line: %s\n", c->name, line);
		abort();
	}
}

static void case_on_frame(void *ctx, enum px_dir dir, struct px_frame *f)
{
	struct case_frames *got = ctx;

	(void)dir;
	if (got->count == CASE_FRAMES_MAX)
		abort();
	got->frames[got->count++] = f;
}

static void case_on_bad(void *ctx, enum px_dir dir, const char *why)
{
	struct case_frames *got = ctx;

	if (px_buf_printf(&got->bad, "bad %s: %s\n", dir == PX_DIR_IN ? "in" : "out", why) != 0)
		abort();
}

/*
 * The response to it, taken out of the list. Behind a loss or a late start nothing is paired: how
 * to find out there what belongs together is not the parser's business.
 */
static struct px_frame *case_response(const struct case_one *c, struct case_frames *got,
				      const struct px_frame *request)
{
	if (c->is_joined || request->epoch > 0 || request->kind == PX_FRAME_ONE_WAY)
		return NULL;
	for (size_t i = 0; i < got->count; i++) {
		struct px_frame *f = got->frames[i];

		if (f && f->kind == PX_FRAME_RESPONSE && px_frame_keys_agree(f, request) &&
		    f->epoch == request->epoch) {
			got->frames[i] = NULL;
			return f;
		}
	}
	return NULL;
}

static void case_dump(struct px_buf *out, const struct case_one *c, const struct px_feed *feed,
		      struct px_frame *request, struct px_frame *response)
{
	struct px_exchange ex = {
		.request = request,
		.response = response,
		.parser = feed->parser,
		.role = c->is_server ? PX_ROLE_SERVER : PX_ROLE_CLIENT,
		.is_tls = c->is_tls,
		.local_addr = "192.0.2.1",
		.flags = (request ? request->flags : 0) | (response ? response->flags : 0),
	};

	px_dump_exchange(out, &ex, c->how, CASE_POOL);
	case_append(out, "\n", 1);
}

/*
 * Feed the case in pieces of at most `piece` bytes, with one further cut at `cut` bytes from the
 * beginning.
 */
static void case_feed(const struct px_parser *parser, const struct case_one *c, size_t piece,
		      size_t cut, struct px_buf *out)
{
	struct case_frames got = { .bad = px_buf_of(1 << 20) };
	struct px_feed feed;
	size_t at = 0;

	px_feed_init(&feed, parser, &c->limits, CASE_POOL);
	feed.view = c->total <= CASE_SMALL ? PX_FEED_GUARD : PX_FEED_PLAIN;
	feed.mid_stream = c->is_joined;
	feed.role = c->is_server ? PX_ROLE_SERVER : PX_ROLE_CLIENT;
	feed.ctx = &got;
	feed.on_frame = case_on_frame;
	feed.on_bad = case_on_bad;
	for (size_t i = 0; i < c->count; i++) {
		const struct case_step *s = &c->steps[i];

		switch (s->what) {
		case CASE_HOLE:
		case CASE_CUT:
			px_feed_hole(&feed, s->dir, s->n, s->what == CASE_CUT);
			break;
		case CASE_EOF:
			px_feed_eof(&feed, s->dir);
			break;
		case CASE_BYTES:
			if (c->is_datagrams) {
				px_feed_datagram(&feed, s->dir, px_buf_bytes(&s->bytes), NULL);
				break;
			}
			for (size_t done = 0; done < s->bytes.len;) {
				size_t n = s->bytes.len - done;

				if (n > piece)
					n = piece;
				if (at < cut && cut < at + n)
					n = cut - at;
				px_feed_bytes(&feed, s->dir, px_bytes_of(s->bytes.ptr + done, n));
				done += n;
				at += n;
			}
		}
	}
	px_feed_finish(&feed);
	for (size_t i = 0; i < got.count; i++) {
		struct px_frame *f = got.frames[i], *response;

		if (!f || f->kind == PX_FRAME_RESPONSE)
			continue;
		got.frames[i] = NULL;
		response = case_response(c, &got, f);
		case_dump(out, c, &feed, f, response);
		px_frame_free(&feed.pool, f);
		px_frame_free(&feed.pool, response);
	}
	for (size_t i = 0; i < got.count; i++) {
		if (got.frames[i])
			case_dump(out, c, &feed, NULL, got.frames[i]);
		px_frame_free(&feed.pool, got.frames[i]);
	}
	case_append(out, got.bad.ptr, got.bad.len);
	if (feed.is_over)
		case_append(out, feed.hand_over ? "over: any\n" : "over: -\n",
			    feed.hand_over ? 10 : 8);
	if (feed.broken && px_buf_printf(out, "CONTRACT: %s\n", feed.broken) != 0)
		abort();
	while (out->len > 1 && out->ptr[out->len - 1] == '\n' && out->ptr[out->len - 2] == '\n')
		out->len--;
	px_buf_fini(&got.bad);
	px_feed_fini(&feed);
}

static bool case_compare(const struct case_one *c, const char *how, size_t where,
			 const struct px_buf *want, const struct px_buf *got)
{
	if (px_bytes_eq(px_buf_bytes(want), px_buf_bytes(got)))
		return true;
	fprintf(stderr, "%s, %s %zu: expected\n%.*sgot\n%.*s\n", c->name, how, where,
		(int)want->len, want->ptr ? want->ptr : "", (int)got->len,
		got->ptr ? got->ptr : "");
	return false;
}

/* Whole, in pieces of every small size, cut in two everywhere. The first difference ends it. */
static bool case_run(const struct px_parser *parser, struct case_one *c, bool update)
{
	size_t step = c->total <= CASE_SMALL ? 1 : c->total / 97 + 1;
	struct px_buf whole = px_buf_of(CASE_BYTES_MAX), got = px_buf_of(CASE_BYTES_MAX);
	bool ok;

	case_feed(parser, c, SIZE_MAX, 0, &whole);
	if (update) {
		c->expected.len = 0;
		case_append(&c->expected, whole.ptr, whole.len);
	}
	ok = case_compare(c, "fed whole", 0, &c->expected, &whole);
	if (c->is_datagrams) /* they come whole or not at all */
		goto out;
	for (size_t piece = 1; ok && piece <= 4; piece++) {
		got.len = 0;
		case_feed(parser, c, piece, 0, &got);
		ok = case_compare(c, "in pieces of", piece, &whole, &got);
	}
	for (size_t cut = 1; ok && cut < c->total; cut += step) {
		got.len = 0;
		case_feed(parser, c, SIZE_MAX, cut, &got);
		ok = case_compare(c, "cut at", cut, &whole, &got);
	}
out:
	px_buf_fini(&whole);
	px_buf_fini(&got);
	return ok;
}

static void case_finish(const struct px_parser *parser, struct case_one *c, bool update,
			FILE *rewritten, int *failed)
{
	if (c->name[0] == '\0')
		return;
	while (c->expected.len > 1 && c->expected.ptr[c->expected.len - 1] == '\n' &&
	       c->expected.ptr[c->expected.len - 2] == '\n')
		c->expected.len--;
	for (size_t i = 0; i < c->count; i++)
		c->total += c->steps[i].bytes.len;
	*failed += !case_run(parser, c, update);
	if (rewritten)
		fprintf(rewritten, "%.*s\n", (int)c->expected.len,
			c->expected.ptr ? c->expected.ptr : "");
	for (size_t i = 0; i < c->count; i++)
		px_buf_fini(&c->steps[i].bytes);
	px_buf_fini(&c->expected);
	c->name[0] = '\0';
}

int px_cases_run(const struct px_parser *parser, const char *path)
{
	bool update = getenv("PX_CASES_UPDATE") != NULL, in_expected = false;
	FILE *in = fopen(path, "r"), *rewritten = NULL;
	struct case_one *c = calloc(1, sizeof(*c));
	char *line = NULL, *text = NULL;
	size_t cap = 0, text_len = 0;
	int failed = 0;
	ssize_t len;

	if (!in || !c) {
		perror(path);
		free(c);
		return 1;
	}
	if (update)
		rewritten = open_memstream(&text, &text_len);
	while ((len = getline(&line, &cap, in)) >= 0) {
		bool is_name = strncmp(line, "### ", 4) == 0;

		if (is_name) {
			case_finish(parser, c, update, rewritten, &failed);
			memset(c, 0, sizeof(*c));
			c->limits = px_feed_limits;
			c->expected = px_buf_of(CASE_BYTES_MAX);
			in_expected = false;
		}
		if (in_expected) {
			case_append(&c->expected, line, (size_t)len);
			continue;
		}
		if (rewritten)
			fputs(line, rewritten);
		line[strcspn(line, "\n")] = '\0';
		if (is_name)
			snprintf(c->name, sizeof(c->name), "%s", line + 4);
		else if (strcmp(line, "=") == 0)
			in_expected = true;
		else if (c->name[0])
			case_line(c, line);
	}
	case_finish(parser, c, update, rewritten, &failed);
	fclose(in);
	if (rewritten) {
		fclose(rewritten);
		in = fopen(path, "w");
		if (!in || fwrite(text, 1, text_len, in) != text_len || fclose(in) != 0)
			perror(path);
		free(text);
	}
	free(line);
	free(c);
	return failed;
}

static void case_hand_over(struct case_one *c,
			   void (*fn)(void *ctx, const struct px_case_bytes *steps, size_t count,
				      bool is_datagrams),
			   void *ctx)
{
	struct px_case_bytes steps[CASE_STEPS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < c->count; i++)
		if (c->steps[i].what == CASE_BYTES && c->steps[i].bytes.len > 0)
			steps[count++] = (struct px_case_bytes){ c->steps[i].dir,
								 px_buf_bytes(&c->steps[i].bytes) };
	if (count > 0 && !c->is_joined)
		fn(ctx, steps, count, c->is_datagrams);
	for (size_t i = 0; i < c->count; i++)
		px_buf_fini(&c->steps[i].bytes);
}

size_t px_cases_each(const char *path,
		     void (*fn)(void *ctx, const struct px_case_bytes *steps, size_t count,
				bool is_datagrams),
		     void *ctx)
{
	struct case_one *c = calloc(1, sizeof(*c));
	FILE *in = fopen(path, "r");
	bool in_case = false;
	char *line = NULL;
	size_t cap = 0, cases = 0;

	while (in && c && getline(&line, &cap, in) >= 0) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "### ", 4) == 0) {
			memset(c, 0, sizeof(*c));
			in_case = true;
		} else if (in_case && strcmp(line, "=") == 0) {
			case_hand_over(c, fn, ctx);
			in_case = false;
			cases++;
		} else if (in_case) {
			case_line(c, line);
		}
	}
	if (in)
		fclose(in);
	free(line);
	free(c);
	return cases;
}
