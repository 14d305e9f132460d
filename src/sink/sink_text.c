/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text line: TIME COMM[PID] LOCAL DIR REMOTE PROTO STATUS LATENCY REQ/RESP SUMMARY. Fixed
 * columns come first and hold no blanks, so that cut and awk can count them; free text comes last.
 */
#include "sink/sink_text.h"

#include <stdlib.h>

#include "sink/emit.h"
#include "sink/escape.h"
#include "sink/text_aside.h"
#include "sink/text_detail.h"
#include "sink/text_sizes.h"
#include "sink/when.h"

#define TEXT_RECORD_MAX ((size_t)1 << 30)
#define TEXT_KEPT ((size_t)1 << 20)	/* a buffer that grew beyond this is given back */
#define TEXT_NUMBERS 128		/* room for a column of numbers */
#define TEXT_WIDTH_LOCAL 120		/* a narrower terminal shows no local address */
#define TEXT_WIDTH_SIZES 90		/* and one narrower than this no sizes */
#define TEXT_SUMMARY_MIN 8		/* columns; better a line that wraps than one that says nothing */

/* A fixed column is made of short words; a peer that sends long ones gets them cut. */
static const struct px_term_room text_word_room = { 64, 256 };

#define TEXT_DIM "\033[2m"
#define TEXT_RED "\033[31m"
#define TEXT_GREEN "\033[32m"
#define TEXT_YELLOW "\033[33m"
#define TEXT_CYAN "\033[36m"
#define TEXT_PLAIN "\033[0m"

struct text_sink {
	struct px_sink base;
	struct px_out *out;
	struct px_text_options options;
	struct px_buf buf;
	struct px_when when;
	bool has_line;			/* first_ns and last_ns are known */
	int64_t first_ns, last_ns;
	struct px_text_sizes sizes;
};

/*
 * --- pieces; each returns 0, -ENOBUFS or -ENOMEM, and adds to *columns what it takes on the screen
 * ---
 */

static int text_put(struct px_buf *b, struct px_bytes s, size_t *columns)
{
	*columns += s.len;
	return px_buf_append(b, s);
}

static int text_colour(const struct text_sink *s, struct px_buf *b, const char *code)
{
	return s->options.colour && code ? px_buf_append(b, px_bytes_str(code)) : 0;
}

static int text_colour_end(const struct text_sink *s, struct px_buf *b, const char *code)
{
	return text_colour(s, b, code ? TEXT_PLAIN : NULL);
}

/* A word of somebody else's making, or "-" where it is absent, null or empty. */
static int text_word(struct px_buf *b, const struct px_record *r, enum px_common f, size_t *columns)
{
	const struct px_value *v = &r->common[f];

	if (!px_record_has(r, f) || v->is_null || v->s.len == 0)
		return text_put(b, PX_BYTES("-"), columns);
	return px_term_append(b, v->s, PX_TERM_NO_BLANKS, text_word_room, columns);
}

static bool text_int(const struct px_record *r, enum px_common f, int64_t *i)
{
	if (!px_record_has(r, f) || r->common[f].is_null)
		return false;
	*i = r->common[f].i;
	return true;
}

static bool text_is(const struct px_record *r, enum px_common f, struct px_bytes word)
{
	return px_record_has(r, f) && !r->common[f].is_null && px_bytes_eq(r->common[f].s, word);
}

/* [-]HH:MM:SS.ffffff */
static char *text_span(char *p, int64_t ns)
{
	uint64_t us = (ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns) / 1000;
	uint64_t hours = us / 3600000000U;

	if (ns < 0)
		*p++ = '-';
	if (hours < 10)
		*p++ = '0';
	p = px_emit_u64(p, hours);
	*p++ = ':';
	p = px_emit_2(p, (unsigned int)(us / 60000000 % 60));
	*p++ = ':';
	p = px_emit_2(p, (unsigned int)(us / 1000000 % 60));
	*p++ = '.';
	return px_emit_6(p, (unsigned int)(us % 1000000));
}

static int text_time(struct text_sink *s, int64_t ns, size_t *columns)
{
	struct px_buf *b = &s->buf;
	int64_t since;
	char *begin, *p;
	int err;

	if (s->options.time_style == PX_TIME_NONE)
		return 0;
	err = text_colour(s, b, TEXT_DIM);
	if (!err)
		err = px_buf_reserve(b, TEXT_NUMBERS);
	if (err)
		return err;
	begin = p = b->ptr + b->len;
	switch (s->options.time_style) {
	case PX_TIME_EPOCH:
		p = px_emit_i64(p, ns / 1000000000);
		*p++ = '.';
		p = px_emit_6(p, (unsigned int)(ns % 1000000000 / 1000));
		break;
	case PX_TIME_DELTA:
	case PX_TIME_SINCE_FIRST:
		/*
		 * Lines come when exchanges end and show when they began: the difference may be
		 * negative.
		 */
		since = s->options.time_style == PX_TIME_DELTA ? s->last_ns : s->first_ns;
		p = text_span(p, s->has_line ? ns - since : 0);
		break;
	case PX_TIME_DATE:
		p = px_when_date(&s->when, p, ns);
		break;
	default:
		p = px_when_clock(&s->when, p, ns);
	}
	*columns += (size_t)(p - begin);
	b->len += (size_t)(p - begin);
	if (!s->has_line)
		s->first_ns = ns;
	s->last_ns = ns;
	s->has_line = true;
	err = text_colour_end(s, b, TEXT_DIM);
	return err ? err : text_put(b, PX_BYTES(" "), columns);
}

/* COMM[PID], or "-" where no process is known */
static int text_process(struct text_sink *s, const struct px_record *r, size_t *columns)
{
	struct px_buf *b = &s->buf;
	int64_t pid;
	char *begin, *p;
	int err;

	if (!text_int(r, PX_F_PID, &pid) && !px_record_has(r, PX_F_COMM))
		return text_put(b, PX_BYTES("-"), columns);
	err = text_colour(s, b, TEXT_CYAN);
	if (!err)
		err = text_word(b, r, PX_F_COMM, columns);
	if (!err)
		err = text_colour_end(s, b, TEXT_CYAN);
	if (!err)
		err = px_buf_reserve(b, TEXT_NUMBERS);
	if (err || !text_int(r, PX_F_PID, &pid))
		return err;
	begin = p = b->ptr + b->len;
	*p++ = '[';
	p = px_emit_i64(p, pid);
	*p++ = ']';
	b->len += (size_t)(p - begin);
	*columns += (size_t)(p - begin);
	return 0;
}

/* LOCAL DIR REMOTE; the local address only where there is room for it */
static int text_ends(struct text_sink *s, const struct px_record *r, bool show_local,
		     size_t *columns)
{
	struct px_buf *b = &s->buf;
	struct px_bytes arrow = PX_BYTES(" - ");
	int err = 0;

	if (text_is(r, PX_F_ROLE, PX_BYTES("client")))
		arrow = PX_BYTES(" -> ");
	else if (text_is(r, PX_F_ROLE, PX_BYTES("server")))
		arrow = PX_BYTES(" <- ");
	if (show_local) {
		err = text_put(b, PX_BYTES(" "), columns);
		if (!err)
			err = px_text_endpoint(b, r, true, columns);
	}
	if (!err)
		err = text_put(b, arrow, columns);
	return err ? err : px_text_endpoint(b, r, false, columns);
}

/*
 * Green is fine, cyan neither good nor bad, yellow the asker's fault, red the answerer's. HTTP's
 * classes tell more.
 */
static const char *text_status_colour(const struct px_record *r)
{
	bool ok = !px_record_has(r, PX_F_OK) || r->common[PX_F_OK].b;
	struct px_bytes status = { NULL, 0 };

	if (px_record_has(r, PX_F_STATUS) && !r->common[PX_F_STATUS].is_null)
		status = r->common[PX_F_STATUS].s;
	if (status.len == 3 && status.ptr[1] >= '0' && status.ptr[1] <= '9') {
		switch (status.ptr[0]) {
		case '1':
		case '3':
			return TEXT_CYAN;
		case '2':
			return TEXT_GREEN;
		case '4':
			return TEXT_YELLOW;
		default:
			break;
		}
	}
	if (!ok)
		return TEXT_RED;
	return status.len == 0 || px_bytes_eq(status, PX_BYTES("-")) ? NULL : TEXT_GREEN;
}

static int text_proto_status(struct text_sink *s, const struct px_record *r, size_t *columns)
{
	struct px_buf *b = &s->buf;
	const char *colour;
	int err = text_put(b, PX_BYTES(" "), columns);

	if (!err)
		err = text_word(b, r, PX_F_PROTO, columns);
	if (!err && px_record_has(r, PX_F_TLS) && !r->common[PX_F_TLS].is_null &&
	    r->common[PX_F_TLS].b)
		err = text_put(b, PX_BYTES("+tls"), columns);
	if (!err)
		err = text_put(b, PX_BYTES(" "), columns);
	if (err)
		return err;
	colour = text_status_colour(r);
	err = text_colour(s, b, colour);
	if (!err)
		err = text_word(b, r, PX_F_STATUS, columns);
	return err ? err : text_colour_end(s, b, colour);
}

/*
 * Milliseconds with three decimals; "~" where the beginning was not seen, "-" where there is no
 * duration.
 */
static int text_latency(struct text_sink *s, const struct px_record *r, enum px_common f,
			size_t *columns)
{
	struct px_buf *b = &s->buf;
	const char *colour = NULL;
	char *begin, *p;
	uint64_t us;
	int64_t ns;
	int err;

	if (!text_int(r, f, &ns) || ns < 0)
		return text_put(b, PX_BYTES(" -"), columns);
	err = text_put(b, PX_BYTES(" "), columns);
	if (s->options.slow_ns > 0 && ns > s->options.slow_ns && r->type == PX_RECORD_MESSAGE)
		colour = TEXT_RED;
	if (!err)
		err = text_colour(s, b, colour);
	if (!err)
		err = px_buf_reserve(b, TEXT_NUMBERS);
	if (err)
		return err;
	begin = p = b->ptr + b->len;
	if (r->flags & PX_FLAG_MID_STREAM)
		*p++ = '~';
	us = ((uint64_t)ns + 500) / 1000;
	p = px_emit_u64(p, us / 1000);
	*p++ = '.';
	p = px_emit_3(p, (unsigned int)(us % 1000));
	p = px_emit_lit(p, "ms");
	b->len += (size_t)(p - begin);
	*columns += (size_t)(p - begin);
	return text_colour_end(s, b, colour);
}

/* "http://api.example" in "GET http://api.example/users": where it is, if a path follows. */
static bool text_find_host(struct px_bytes summary, size_t *from, size_t *to)
{
	size_t at = px_bytes_find(summary, 0, ' ');

	*from = ++at;
	while (at < summary.len && summary.ptr[at] >= 'a' && summary.ptr[at] <= 'z')
		at++;
	if (at == *from || at >= summary.len ||
	    !px_bytes_starts(px_bytes_sub(summary, at, SIZE_MAX), PX_BYTES("://")))
		return false;
	*to = px_bytes_find(summary, at + 3, '/');
	return *to < px_bytes_find(summary, at, ' ');
}

/*
 * A summary for which a line has no room. Of a URL the path says more than the host, which is much
 * the same in all lines, and whose address is in the line anyway.
 */
static int text_summary_cut(struct px_buf *b, struct px_bytes summary, struct px_term_room room,
			    size_t *columns)
{
	size_t from, to, before = *columns;
	int err;

	if (!text_find_host(summary, &from, &to) || from + 3 > room.columns)
		return px_term_append(b, summary, 0, room, columns);
	err = px_term_append(b, px_bytes_sub(summary, 0, from), 0, room, columns);
	if (!err)
		err = px_buf_append(b, PX_BYTES("\xe2\x80\xa6"));
	++*columns;
	room.columns -= *columns - before;
	return err ? err : px_term_append(b, px_bytes_sub(summary, to, SIZE_MAX), 0, room, columns);
}

/*
 * The free text, in what is left of the line, and behind it a word about lost bytes, which is never
 * cut.
 */
static int text_summary(struct text_sink *s, struct px_bytes summary, bool has_gap, size_t *columns)
{
	struct px_term_room room = { SIZE_MAX, PX_TEXT_SUMMARY_MAX };
	size_t width = s->options.width, gap = has_gap ? strlen(" !gap") : 0;
	struct px_buf *b = &s->buf;
	int err = text_put(b, PX_BYTES(" "), columns);

	if (s->options.wide) {
		room = PX_TERM_ROOM_ALL;
	} else if (width) {
		room.columns = width > *columns + gap ? width - *columns - gap : 0;
		if (room.columns < TEXT_SUMMARY_MIN)
			room.columns = TEXT_SUMMARY_MIN;
		room.bytes = SIZE_MAX;
	}
	if (!err && summary.len > room.columns)
		err = text_summary_cut(b, summary, room, columns);
	else if (!err)
		err = summary.len ? px_term_append(b, summary, 0, room, columns)
				  : text_put(b, PX_BYTES("-"), columns);
	if (!err && has_gap)
		err = text_put(b, PX_BYTES(" !gap"), columns);
	return err ? err : text_put(b, PX_BYTES("\n"), columns);
}

static int text_message(struct text_sink *s, const struct px_record *r, bool show_sizes,
			size_t *columns)
{
	int err = text_proto_status(s, r, columns);

	if (!err)
		err = text_latency(s, r, PX_F_LATENCY_NS, columns);
	if (!err && show_sizes)
		err = px_text_message_sizes(&s->sizes, &s->buf, r, columns);
	return err ? err : text_summary(s, r->summary, r->flags & PX_FLAG_GAP, columns);
}

/* "conn close 3200.000ms 12040/998212 reqs=10 err=1" */
static int text_conn(struct text_sink *s, const struct px_record *r, bool show_sizes,
		     size_t *columns)
{
	bool is_open = r->type == PX_RECORD_OPEN;
	struct px_bytes summary = { NULL, 0 };
	char text[4 * PX_EMIT_INT_MAX];
	char *p = text;
	int64_t n;
	int err = text_put(&s->buf, is_open ? PX_BYTES(" conn open") : PX_BYTES(" conn close"),
			   columns);

	if (!err)
		err = text_latency(s, r, is_open ? PX_F_CONNECT_NS : PX_F_DURATION_NS, columns);
	if (!err && show_sizes)
		err = px_text_conn_sizes(&s->buf, r, columns);
	if (err)
		return err;
	if (is_open) {
		if (px_record_has(r, PX_F_ERROR) && !r->common[PX_F_ERROR].is_null)
			summary = r->common[PX_F_ERROR].s;
	} else {
		p = px_emit_lit(p, "reqs=");
		p = px_emit_i64(p, text_int(r, PX_F_MESSAGES, &n) ? n : 0);
		p = px_emit_lit(p, " err=");
		p = px_emit_i64(p, text_int(r, PX_F_ERRORS, &n) ? n : 0);
		if (text_int(r, PX_F_LOST_BYTES, &n) && n > 0) {
			p = px_emit_lit(p, " lost=");
			p = px_emit_i64(p, n);
		}
		summary = px_bytes_of(text, (size_t)(p - text));
	}
	return text_summary(s, summary, r->flags & PX_FLAG_GAP, columns);
}

/* "tls OK 1.204ms - pay.example TLSv1.3 TLS_AES_128_GCM_SHA256 alpn=h2" */
static int text_handshake(struct text_sink *s, const struct px_record *r, bool show_sizes,
			  size_t *columns)
{
	const char *colour = text_status_colour(r);
	int err = text_put(&s->buf, PX_BYTES(" tls "), columns);

	if (!err)
		err = text_colour(s, &s->buf, colour);
	if (!err)
		err = text_word(&s->buf, r, PX_F_STATUS, columns);
	if (!err)
		err = text_colour_end(s, &s->buf, colour);
	if (!err)
		err = text_latency(s, r, PX_F_LATENCY_NS, columns);
	if (!err && show_sizes)
		err = text_put(&s->buf, PX_BYTES(" -"), columns);
	return err ? err : text_summary(s, r->summary, r->flags & PX_FLAG_GAP, columns);
}

/* A process that runs another program or ends: "proc exec - - /usr/bin/curl", "proc exit 12.034ms - exit status 0" */
static int text_proc(struct text_sink *s, const struct px_record *r, bool show_sizes, size_t *columns)
{
	int err = text_put(&s->buf, PX_BYTES(" proc "), columns);

	if (!err)
		err = text_word(&s->buf, r, PX_F_WHAT, columns);
	if (!err)
		err = text_latency(s, r, PX_F_DURATION_NS, columns);
	if (!err && show_sizes)
		err = text_put(&s->buf, PX_BYTES(" -"), columns);
	return err ? err : text_summary(s, r->common[PX_F_TEXT].s, false, columns);
}

static int text_line(struct text_sink *s, const struct px_record *r)
{
	unsigned int width = s->options.wide ? 0 : s->options.width;
	bool show_local = width == 0 || width >= TEXT_WIDTH_LOCAL;
	bool show_sizes = width == 0 || width >= TEXT_WIDTH_SIZES;
	size_t columns = 0;
	int64_t ts = 0;
	int err;

	s->buf.len = 0;
	text_int(r, PX_F_TS, &ts);
	err = text_time(s, ts, &columns);
	if (!err)
		err = text_process(s, r, &columns);
	if (!err)
		err = text_ends(s, r, show_local, &columns);
	if (err)
		return err;
	if (r->type == PX_RECORD_MESSAGE)
		err = text_message(s, r, show_sizes, &columns);
	else if (r->type == PX_RECORD_TLS)
		err = text_handshake(s, r, show_sizes, &columns);
	else if (r->type == PX_RECORD_NOTE)
		err = text_proc(s, r, show_sizes, &columns);
	else
		err = text_conn(s, r, show_sizes, &columns);
	return err ? err : px_text_details(&s->buf, r, &s->options);
}

static int text_record(struct px_sink *base, const struct px_record *r)
{
	struct text_sink *s = (struct text_sink *)base;
	enum px_record_type type = r->type;
	int err = 0;

	/* A note of a process is a line among the others; one for the user is not. */
	if (type == PX_RECORD_NOTE && px_record_has(r, PX_F_PID))
		type = PX_RECORD_MESSAGE;
	switch (type) {
	case PX_RECORD_MESSAGE:
	case PX_RECORD_OPEN:
	case PX_RECORD_CLOSE:
	case PX_RECORD_TLS:
		if (text_line(s, r) == 0)
			err = px_out_record(s->out, px_buf_bytes(&s->buf));
		else
			px_out_drop(s->out);
		break;
	case PX_RECORD_LOST:
	case PX_RECORD_NOTE:
		px_text_aside(r);
		break;
	case PX_RECORD_START:
	case PX_RECORD_STOP:
	case PX_RECORD_SUMMARY:
		break; /* the banner and px_text_totals_print() */
	}
	if (s->buf.cap > TEXT_KEPT)
		px_buf_fini(&s->buf);
	return err;
}

static int text_flush(struct px_sink *base)
{
	return px_out_flush(((struct text_sink *)base)->out);
}

static int text_free(struct px_sink *base)
{
	struct text_sink *s = (struct text_sink *)base;
	int err = px_out_finish(s->out, PX_SINK_END_MS);

	px_buf_fini(&s->buf);
	free(s);
	return err;
}

static const struct px_sink_ops text_ops = {
	.record = text_record,
	.flush = text_flush,
	.free = text_free,
};

struct px_sink *px_sink_text_new(struct px_out *out, const struct px_text_options *options)
{
	struct text_sink *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->base.ops = &text_ops;
	s->out = out;
	s->options = *options;
	s->buf = px_buf_of(TEXT_RECORD_MAX);
	return &s->base;
}

void px_sink_text_set_width(struct px_sink *base, unsigned int width)
{
	((struct text_sink *)base)->options.width = width;
}
