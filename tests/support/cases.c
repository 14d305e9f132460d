/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cases.h"

#include "base/buf.h"
#include "support/dump.h"
#include "support/feed.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define CASE_FRAMES_MAX 1024
#define CASE_BYTES_MAX (64 << 20)
#define CASE_SMALL 3000		/* bytes: up to here every cut is tried, and against an unreadable page */
#define CASE_POOL (64 << 20)

const struct px_case_feed px_case_whole = { .piece = SIZE_MAX,
					    .frame_pool = CASE_POOL,
					    .record_pool = CASE_POOL };

struct case_frames {
	struct px_feed feed;
	struct px_frame *frames[CASE_FRAMES_MAX];
	size_t count, more;	/* those that are kept, and the others */
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

static struct px_case_step *case_step_new(struct px_case *c, enum px_case_what what, bool from_client)
{
	struct px_case_step *s;

	if (c->count == PX_CASE_STEPS_MAX)
		abort();
	s = &c->steps[c->count++];
	*s = (struct px_case_step){ .what = what, .bytes = px_buf_of(CASE_BYTES_MAX) };
	s->dir = from_client != c->is_server ? PX_DIR_OUT : PX_DIR_IN;
	return s;
}

static void case_line(struct px_case *c, char *line)
{
	bool from_client = line[0] == '>';
	struct px_case_step *last = c->count ? &c->steps[c->count - 1] : NULL;
	struct px_case_step *s;
	unsigned long n;
	int used = 0;

	if (line[0] == '>' || line[0] == '<') {
		if (sscanf(line + 1, "hole %lu", &n) == 1) {
			case_step_new(c, PX_CASE_HOLE, from_client)->n = n;
		} else if (sscanf(line + 1, "cut %lu", &n) == 1) {
			case_step_new(c, PX_CASE_CUT, from_client)->n = n;
		} else if (strcmp(line + 1, "eof") == 0) {
			case_step_new(c, PX_CASE_EOF, from_client);
		} else {
			s = last;
			if (!s || s->what != PX_CASE_BYTES || c->is_closed || c->is_datagrams ||
			    s->dir != (from_client != c->is_server ? PX_DIR_OUT : PX_DIR_IN))
				s = case_step_new(c, PX_CASE_BYTES, from_client);
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
	} else if (strncmp(line, "hides ", 6) == 0) {
		size_t i = 0;

		while (i < PX_CASE_HIDES_MAX && c->hides[i][0])
			i++;
		if (i == PX_CASE_HIDES_MAX || strlen(line + 6) >= sizeof(c->hides[i]))
			abort();
		snprintf(c->hides[i], sizeof(c->hides[i]), "%s", line + 6);
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
	if (got->count < CASE_FRAMES_MAX) {
		got->frames[got->count++] = f;
	} else {
		px_frame_free(&got->feed.pool, f);
		got->more++;
	}
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
static struct px_frame *case_response(const struct px_case *c, struct case_frames *got,
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

static void case_dump(struct px_buf *out, const struct px_case *c, const struct px_feed *feed,
		      struct px_frame *request, struct px_frame *response, size_t record_pool)
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

	if (record_pool == 0)
		return;
	px_dump_exchange(out, &ex, c->how, record_pool);
	case_append(out, "\n", 1);
}

/* The bytes of a step, in pieces. *at is how many of the case were fed. */
static void case_feed_bytes(struct px_feed *feed, const struct px_case_step *s,
			    const struct px_case_feed *how, struct px_mask *mask, size_t *at)
{
	struct px_buf masked = px_buf_of(CASE_BYTES_MAX);

	for (size_t done = 0; done < s->bytes.len;) {
		size_t n = s->bytes.len - done;

		if (n > how->piece)
			n = how->piece;
		if (*at < how->cut && how->cut < *at + n)
			n = how->cut - *at;
		masked.len = 0;
		case_append(&masked, s->bytes.ptr + done, n);
		if (how->is_masked && feed->parser->mask)
			feed->parser->mask(mask, masked.ptr, n);
		px_feed_bytes(feed, s->dir, px_buf_bytes(&masked));
		done += n;
		*at += n;
	}
	px_buf_fini(&masked);
}

static void case_feed_steps(struct px_feed *feed, const struct px_case *c,
			    const struct px_case_feed *how)
{
	struct px_mask masks[2] = { { 0 } };
	size_t at = 0;

	for (size_t i = 0; i <= c->count; i++) {
		const struct px_case_step *s = i < c->count ? &c->steps[i] : how->also;

		if (!s)
			break;
		switch (s->what) {
		case PX_CASE_HOLE:
		case PX_CASE_CUT:
			px_feed_hole(feed, s->dir, s->n, s->what == PX_CASE_CUT);
			break;
		case PX_CASE_EOF:
			px_feed_eof(feed, s->dir);
			break;
		case PX_CASE_BYTES:
			if (c->is_datagrams)
				px_feed_datagram(feed, s->dir, px_buf_bytes(&s->bytes), NULL);
			else
				case_feed_bytes(feed, s, how, &masks[s->dir], &at);
		}
	}
	px_feed_finish(feed);
}

const char *px_case_feed(const struct px_parser *parser, const struct px_case *c,
			 const struct px_case_feed *how, struct px_buf *out)
{
	struct case_frames got = { .bad = px_buf_of(1 << 20) };
	struct px_feed *feed = &got.feed;
	const char *broken;

	px_feed_init(feed, parser, &c->limits, how->frame_pool);
	feed->view = how->is_guarded ? PX_FEED_GUARD : PX_FEED_PLAIN;
	feed->mid_stream = c->is_joined;
	feed->role = c->is_server ? PX_ROLE_SERVER : PX_ROLE_CLIENT;
	feed->ctx = &got;
	feed->on_frame = case_on_frame;
	feed->on_bad = case_on_bad;
	case_feed_steps(feed, c, how);
	for (size_t i = 0; i < got.count; i++) {
		struct px_frame *f = got.frames[i], *response;

		if (!f || f->kind == PX_FRAME_RESPONSE)
			continue;
		got.frames[i] = NULL;
		response = case_response(c, &got, f);
		case_dump(out, c, feed, f, response, how->record_pool);
		px_frame_free(&feed->pool, f);
		px_frame_free(&feed->pool, response);
	}
	for (size_t i = 0; i < got.count; i++) {
		if (got.frames[i])
			case_dump(out, c, feed, NULL, got.frames[i], how->record_pool);
		px_frame_free(&feed->pool, got.frames[i]);
	}
	if (got.more && px_buf_printf(out, "and %zu more frames\n", got.more) != 0)
		abort();
	case_append(out, got.bad.ptr, got.bad.len);
	if (feed->is_over)
		case_append(out, feed->hand_over ? "over: any\n" : "over: -\n",
			    feed->hand_over ? 10 : 8);
	while (out->len > 1 && out->ptr[out->len - 1] == '\n' && out->ptr[out->len - 2] == '\n')
		out->len--;
	broken = feed->broken;
	px_buf_fini(&got.bad);
	px_feed_fini(feed);
	return broken;
}

const char *px_case_shown(const struct px_case *c, struct px_bytes text)
{
	for (size_t i = 0; i < PX_CASE_HIDES_MAX && c->hides[i][0]; i++) {
		struct px_bytes secret = px_bytes_str(c->hides[i]);

		for (size_t at = 0; at + secret.len <= text.len; at++)
			if (memcmp(text.ptr + at, secret.ptr, secret.len) == 0)
				return c->hides[i];
	}
	return NULL;
}

/* What comes out of a case, and what is wrong with that. */
static void case_text(const struct px_parser *parser, const struct px_case *c, size_t piece,
		      size_t cut, struct px_buf *out)
{
	struct px_case_feed how = px_case_whole;
	const char *broken, *shown;

	how.piece = piece;
	how.cut = cut;
	how.is_guarded = c->total <= CASE_SMALL;
	out->len = 0;
	broken = px_case_feed(parser, c, &how, out);
	if (broken && px_buf_printf(out, "CONTRACT: %s\n", broken) != 0)
		abort();
	shown = px_case_shown(c, px_buf_bytes(out));
	if (shown && px_buf_printf(out, "SHOWN: %s\n", shown) != 0)
		abort();
}

static bool case_compare(const struct px_case *c, const char *how, size_t where,
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
static bool case_check(const struct px_parser *parser, struct px_case *c, bool update)
{
	size_t step = c->total <= CASE_SMALL ? 1 : c->total / 97 + 1;
	struct px_buf whole = px_buf_of(CASE_BYTES_MAX), got = px_buf_of(CASE_BYTES_MAX);
	bool ok;

	case_text(parser, c, SIZE_MAX, 0, &whole);
	if (update) {
		c->expected.len = 0;
		case_append(&c->expected, whole.ptr, whole.len);
	}
	ok = case_compare(c, "fed whole", 0, &c->expected, &whole);
	if (c->is_datagrams) /* they come whole or not at all */
		goto out;
	for (size_t piece = 1; ok && piece <= 4; piece++) {
		case_text(parser, c, piece, 0, &got);
		ok = case_compare(c, "in pieces of", piece, &whole, &got);
	}
	for (size_t cut = 1; ok && cut < c->total; cut += step) {
		case_text(parser, c, SIZE_MAX, cut, &got);
		ok = case_compare(c, "cut at", cut, &whole, &got);
	}
out:
	px_buf_fini(&whole);
	px_buf_fini(&got);
	return ok;
}

/* A file's cases, one after the other; what is no case goes to rewritten, where that is given. */
struct case_reader {
	struct px_case c;
	FILE *rewritten;
	void (*fn)(void *ctx, struct px_case *c);
	void *ctx;
	size_t cases;
};

static void case_finish(struct case_reader *r)
{
	struct px_case *c = &r->c;

	if (c->name[0] == '\0')
		return;
	while (c->expected.len > 1 && c->expected.ptr[c->expected.len - 1] == '\n' &&
	       c->expected.ptr[c->expected.len - 2] == '\n')
		c->expected.len--;
	for (size_t i = 0; i < c->count; i++)
		c->total += c->steps[i].bytes.len;
	r->fn(r->ctx, c);
	r->cases++;
	if (r->rewritten)
		fprintf(r->rewritten, "%.*s\n", (int)c->expected.len,
			c->expected.ptr ? c->expected.ptr : "");
	for (size_t i = 0; i < c->count; i++)
		px_buf_fini(&c->steps[i].bytes);
	px_buf_fini(&c->expected);
	c->name[0] = '\0';
}

/* False: the file cannot be read. */
static bool case_read(struct case_reader *r, const char *path)
{
	FILE *in = fopen(path, "r");
	bool in_expected = false;
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;

	if (!in) {
		perror(path);
		return false;
	}
	while ((len = getline(&line, &cap, in)) >= 0) {
		bool is_name = strncmp(line, "### ", 4) == 0;

		if (is_name) {
			case_finish(r);
			memset(&r->c, 0, sizeof(r->c));
			r->c.limits = px_feed_limits;
			r->c.expected = px_buf_of(CASE_BYTES_MAX);
			in_expected = false;
		}
		if (in_expected) {
			case_append(&r->c.expected, line, (size_t)len);
			continue;
		}
		if (r->rewritten)
			fputs(line, r->rewritten);
		line[strcspn(line, "\n")] = '\0';
		if (is_name)
			snprintf(r->c.name, sizeof(r->c.name), "%s", line + 4);
		else if (strcmp(line, "=") == 0)
			in_expected = true;
		else if (r->c.name[0])
			case_line(&r->c, line);
	}
	case_finish(r);
	free(line);
	fclose(in);
	return true;
}

struct case_checker {
	const struct px_parser *parser;
	bool update;
	int failed;
};

static void case_on_read(void *ctx, struct px_case *c)
{
	struct case_checker *k = ctx;

	k->failed += !case_check(k->parser, c, k->update);
}

int px_cases_run(const struct px_parser *parser, const char *path)
{
	struct case_checker k = { .parser = parser, .update = getenv("PX_CASES_UPDATE") != NULL };
	struct case_reader *r = calloc(1, sizeof(*r));
	char *text = NULL;
	size_t text_len = 0;

	if (!r)
		return 1;
	r->fn = case_on_read;
	r->ctx = &k;
	if (k.update)
		r->rewritten = open_memstream(&text, &text_len);
	if (!case_read(r, path))
		k.failed++;
	if (r->rewritten) {
		FILE *out;

		fclose(r->rewritten);
		out = fopen(path, "w");
		if (!out || fwrite(text, 1, text_len, out) != text_len || fclose(out) != 0)
			perror(path);
		free(text);
	}
	free(r);
	return k.failed;
}

struct case_receiver {
	void (*fn)(void *ctx, const struct px_case *c);
	void *ctx;
};

static void case_pass_on(void *ctx, struct px_case *c)
{
	const struct case_receiver *to = ctx;

	to->fn(to->ctx, c);
}

size_t px_cases_each(const struct px_parser *parser, void (*fn)(void *ctx, const struct px_case *c),
		     void *ctx)
{
	struct case_receiver to = { fn, ctx };
	struct case_reader *r = calloc(1, sizeof(*r));
	char folder[128], path[512];
	struct dirent **names;
	size_t cases;
	int count;

	snprintf(folder, sizeof(folder), "parsers/%s/cases", parser->name);
	count = scandir(folder, &names, NULL, alphasort);
	if (!r)
		abort();
	r->fn = case_pass_on;
	r->ctx = &to;
	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
		if (strstr(names[i]->d_name, ".case"))
			(void)case_read(r, path);
		free(names[i]);
	}
	if (count >= 0)
		free(names);
	cases = r->cases;
	free(r);
	return cases;
}
