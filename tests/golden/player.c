/* SPDX-License-Identifier: Apache-2.0 */
#include "golden/player.h"

#include "capture/replay.h"
#include "capture/tape.h"
#include "report.h"
#include "sink/sink_json.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TAPE_MAX (1u << 20)

/* One run under way. */
struct player {
	struct px_sink sink;	/* first: a px_sink is cast back */
	struct px_table table;
	struct px_report report;
	struct player_run *run;
	struct player_told now;	/* the message that is being told */
	uint64_t now_ns;
};

static uint64_t digest_bytes(uint64_t h, const void *p, size_t n)
{
	const unsigned char *b = p;

	for (size_t i = 0; i < n; i++)
		h = (h ^ b[i]) * 0x100000001b3;
	return h * 31 + n;
}

static uint64_t digest_text(uint64_t h, struct px_bytes b)
{
	return digest_bytes(h, b.ptr, b.len);
}

static uint64_t digest_value(uint64_t h, const struct px_field *f, const struct px_value *v)
{
	if (v->is_null)
		return h * 31 + 1;
	switch (f->type) {
	case PX_TYPE_STR:
	case PX_TYPE_BODY:
		return digest_text(h, v->s);
	case PX_TYPE_BOOL:
		return h * 31 + 2 + v->b;
	case PX_TYPE_MAP:
		for (size_t i = 0; i < v->map.count; i++)
			h = digest_text(digest_text(h, v->map.pairs[i].name),
					v->map.pairs[i].value);
		return h;
	case PX_TYPE_LIST:
		for (size_t i = 0; i < v->list.count; i++)
			h = digest_text(h, v->list.items[i]);
		return h;
	case PX_TYPE_OBJECTS:
		for (size_t i = 0; i < v->objects.count; i++)
			for (uint64_t rest = v->objects.items[i].has; rest; rest &= rest - 1) {
				unsigned int m = (unsigned int)__builtin_ctzll(rest);

				h = digest_value(h + m, &f->members[m],
						 &v->objects.items[i].values[m]);
			}
		return h;
	default:
		return digest_bytes(h, &v->i, sizeof(v->i));
	}
}

static bool is_time(int f)
{
	return f == PX_F_TS || f == PX_F_TS_US || f == PX_F_LATENCY_NS || f == PX_F_TTFB_NS;
}

static bool is_digested(int f)
{
	return !is_time(f) && f != PX_F_SEQ && f != PX_F_CONN && f != PX_F_LOCAL_ADDR &&
	       f != PX_F_REMOTE_ADDR;
}

static uint64_t digest_ends(const struct px_record *r)
{
	if (!px_record_has(r, PX_F_LOCAL_ADDR) || !px_record_has(r, PX_F_REMOTE_ADDR))
		return 0;
	return digest_text(digest_text(1, r->common[PX_F_LOCAL_ADDR].s),
			   r->common[PX_F_REMOTE_ADDR].s);
}

static uint64_t digest_times(const struct px_record *r)
{
	uint64_t h = 1;

	for (int i = 0; i < PX_COMMON_COUNT; i++)
		if (px_record_has(r, (enum px_common)i) && is_time(i))
			h = digest_value(h + (uint64_t)i, &px_common_fields[i], &r->common[i]);
	return h;
}

static uint64_t digest_record(const struct px_record *r)
{
	uint64_t h = 0xcbf29ce484222325;

	for (int i = 0; i < PX_COMMON_COUNT; i++)
		if (px_record_has(r, (enum px_common)i) && is_digested(i))
			h = digest_value(h + (uint64_t)i, &px_common_fields[i], &r->common[i]);
	for (int i = 0; r->fields[i].type != PX_TYPE_NONE; i++)
		if (r->has_proto >> i & 1)
			h = digest_value(h + 100 + (uint64_t)i, &r->fields[i], &r->proto[i]);
	h = digest_text(digest_text(h, r->raw_req.head), r->raw_resp.head);
	return digest_text(digest_text(h, r->raw_req.body), r->raw_resp.body);
}

static void copy_text(char *out, size_t size, const struct px_record *r, enum px_common f)
{
	struct px_bytes s = px_record_has(r, f) ? r->common[f].s : PX_BYTES("");

	snprintf(out, size, "%.*s", (int)s.len, s.len ? s.ptr : "");
}

static int player_record(struct px_sink *sink, const struct px_record *r)
{
	struct player *p = (struct player *)sink;
	struct player_told *told = &p->now;

	if (r->type == PX_RECORD_LOST)
		p->run->lost_bytes += (uint64_t)r->common[PX_F_BYTES].i;
	if (r->type != PX_RECORD_MESSAGE || p->run->count == PLAYER_TOLD_MAX)
		return 0;
	told->flags = r->flags;
	told->ends = digest_ends(r);
	told->times = digest_times(r);
	told->digest = digest_record(r);
	copy_text(told->op, sizeof(told->op), r, PX_F_OP);
	copy_text(told->target, sizeof(told->target), r, PX_F_TARGET);
	copy_text(told->status, sizeof(told->status), r, PX_F_STATUS);
	p->run->told[p->run->count++] = *told;
	return 0;
}

static int player_flush(struct px_sink *sink)
{
	(void)sink;
	return 0;
}

static const struct px_sink_ops player_ops = { .record = player_record,
					       .flush = player_flush,
					       .free = player_flush };

static void on_exchange(void *ctx, struct px_conn *c, const struct px_exchange *ex)
{
	struct player *p = ctx;
	const struct px_frame *req = ex->request, *resp = ex->response;

	p->now = (struct player_told){
		.sock_id = c->sock_id,
		.has_req = req != NULL,
		.has_resp = resp != NULL,
		.req_pos = req ? (uint32_t)req->first.pos : 0,
		.resp_pos = resp ? (uint32_t)resp->first.pos : 0,
		.req_bytes = req ? req->bytes : 0,
		.resp_bytes = resp ? resp->bytes : 0,
	};
	px_report_exchange(&p->report, c, ex);
}

static void on_open(void *ctx, struct px_conn *c)
{
	px_report_open(&((struct player *)ctx)->report, c);
}

static void on_close(void *ctx, struct px_conn *c)
{
	px_report_close(&((struct player *)ctx)->report, c);
}

static void on_lost(void *ctx, struct px_conn *c, uint64_t bytes)
{
	px_report_lost(&((struct player *)ctx)->report, c, bytes);
}

static void on_event(void *ctx, const struct px_event *ev)
{
	struct player *p = ctx;

	p->run->events++;
	if (ev->hdr->ts_ns > p->now_ns)
		p->now_ns = ev->hdr->ts_ns;
	px_table_event(&p->table, ev);
}

static bool player_begin(struct player *p, struct player_run *run)
{
	struct px_table_options opt;

	run->count = 0;
	run->lost_bytes = run->events = 0;
	p->sink.ops = &player_ops;
	p->run = run;
	p->now_ns = 0;
	px_table_defaults(&opt);
	opt.on_exchange = on_exchange;
	opt.on_open = on_open;
	opt.on_close = on_close;
	opt.on_lost = on_lost;
	opt.ctx = p;
	opt.marks_start = true; /* the tapes are of --probe=sock */
	if (px_table_init(&p->table, &opt) != 0)
		return false;
	px_report_init(&p->report, true, false);
	px_report_add(&p->report, &p->sink, PX_REPORT_ALL);
	return true;
}

static void player_end(struct player *p)
{
	px_table_advance(&p->table, p->now_ns);
	px_table_fini(&p->table);
	px_report_fini(&p->report);
}

void player_play(const struct player_tape *tape, const bool *gone, enum player_pace pace,
		 struct player_run *run)
{
	static struct player p;

	if (!player_begin(&p, run))
		abort();
	for (size_t i = 0; i < tape->count; i++) {
		if (gone && gone[i])
			continue;
		if (pace == PLAYER_STEPWISE)
			px_table_advance(&p.table, tape->ev[i].hdr->ts_ns + p.table.opt.reorder_ns);
		on_event(&p, &tape->ev[i]);
	}
	player_end(&p);
}

void player_play_bytes(struct px_bytes bytes, int fd, struct player_run *run)
{
	static struct player p;
	struct px_input *in = px_input_of(bytes);
	struct px_source *src = in ? px_replay_of(in) : NULL;
	struct px_sink *json = NULL;
	struct px_out *out = NULL;
	size_t count;

	run->count = 0;
	if (!src || !player_begin(&p, run)) {
		if (src)
			src->ops->free(src);
		return;
	}
	if (px_out_new(&out, fd, "out", PX_OUT_QUEUE_DEFAULT) == 0)
		json = px_sink_json_new(out);
	if (json)
		px_report_add(&p.report, json, PX_REPORT_ALL);
	while (src->ops->poll(src, SIZE_MAX, on_event, &p, &count) == 0)
		;
	player_end(&p);
	if (json)
		json->ops->free(json);
	px_out_free(out);
	src->ops->free(src);
}

/* Of an answer that began with interim ones the rest may be all that was seen. */
static bool is_same_response(const struct player_told *w, const struct player_told *t)
{
	return w->resp_pos == t->resp_pos ||
	       (t->resp_pos - w->resp_pos + t->resp_bytes <= w->resp_bytes &&
		t->flags & (PX_FLAG_GAP | PX_FLAG_MID_STREAM | PX_FLAG_UNPAIRED));
}

static const struct player_told *find(const struct player_run *whole, const struct player_told *t,
				      bool by_request)
{
	for (size_t i = 0; i < whole->count; i++) {
		const struct player_told *w = &whole->told[i];

		if (w->sock_id == t->sock_id &&
		    (by_request ? w->has_req && w->req_pos == t->req_pos
				: w->has_resp && is_same_response(w, t)))
			return w;
	}
	return NULL;
}

static const char *say(const struct player_told *t, const char *what)
{
	static char text[400];

	snprintf(
		text, sizeof(text),
		"%s: %s %s %s, flags 0x%x, request at %u with %llu bytes, response at %u with %llu bytes",
		what, t->op[0] ? t->op : "-", t->target, t->status, t->flags, t->req_pos,
		(unsigned long long)t->req_bytes, t->resp_pos, (unsigned long long)t->resp_bytes);
	return text;
}

static bool is_left_out(const struct player_told *t, const char *text)
{
	return t->flags & PX_FLAG_TRUNCATED && (text[0] == '\0' || strcmp(text, "***") == 0);
}

static const char *untrue(const struct player_run *whole, const struct player_told *t,
			  bool is_short)
{
	const struct player_told *req = t->has_req ? find(whole, t, true) : NULL;
	const struct player_told *resp = t->has_resp ? find(whole, t, false) : NULL;

	if (t->has_req && !req)
		return say(t, "an invented request");
	if (t->has_resp && !resp)
		return say(t, "an invented response");
	if (!req && !resp)
		return say(t, "neither a request nor a response");
	if (req && resp && req != resp)
		return say(t, "a wrong pair");
	if (!t->has_resp && !(t->flags & PX_FLAG_NOREPLY))
		return say(t, "a request alone, and no word of it");
	if (!t->has_req && !(t->flags & (PX_FLAG_UNPAIRED | PX_FLAG_MID_STREAM)))
		return say(t, "a response alone, and no word of it");
	if ((req ? req : resp)->flags == t->flags && !(t->flags & PX_FLAG_ABORTED) &&
	    !(is_short && t->flags & PX_FLAG_TRUNCATED) &&
	    ((req ? req : resp)->digest != t->digest ||
	     (!is_short && (req ? req : resp)->times != t->times)))
		return say(t, "not what was sent, and no word of it");
	/* What was cut off in its first line is the beginning of what was sent. */
	if (req && !is_left_out(t, t->op) && strcmp(req->op, t->op) != 0)
		return say(t, "another method");
	if (req && !is_left_out(t, t->target) &&
	    (strncmp(req->target, t->target, strlen(t->target)) != 0 ||
	     (!(t->flags & PX_FLAG_ABORTED) && strcmp(req->target, t->target) != 0)))
		return say(t, "another request line");
	if (t->ends && t->ends != (req ? req : resp)->ends)
		return say(t, "another address");
	/* An interim answer stands for what was lost behind it. */
	if (resp && !is_left_out(t, t->status) && strcmp(resp->status, t->status) != 0 &&
	    !(t->status[0] == '1' && t->flags & PX_FLAG_ABORTED &&
	      t->resp_bytes < resp->resp_bytes))
		return say(t, "another status");
	if ((req && t->req_bytes > req->req_bytes) || (resp && t->resp_bytes > resp->resp_bytes))
		return say(t, "more bytes than were sent");
	return NULL;
}

const char *player_untrue(const struct player_run *whole, const struct player_run *run)
{
	for (size_t i = 0; i < run->count; i++) {
		const struct player_told *t = &run->told[i];
		const char *why = untrue(whole, t, run->is_short);

		if (why)
			return why;
		for (size_t j = 0; j < i; j++) {
			const struct player_told *u = &run->told[j];

			if (u->sock_id == t->sock_id &&
			    ((t->has_req && u->has_req && t->req_pos == u->req_pos) ||
			     (t->has_resp && u->has_resp && t->resp_pos == u->resp_pos)))
				return say(t, "told twice");
		}
	}
	return NULL;
}

static void keep_event(void *ctx, const struct px_event *ev)
{
	struct player_tape *tape = ctx;
	size_t at = tape->count ? tape->end[tape->count - 1] : sizeof(struct px_tape_head);
	size_t size = sizeof(*ev->hdr) + ev->hdr->copied;

	tape->ev = realloc(tape->ev, (tape->count + 1) * sizeof(*tape->ev));
	tape->end = realloc(tape->end, (tape->count + 1) * sizeof(*tape->end));
	if (!tape->ev || !tape->end ||
	    !px_event_of(tape->bytes.ptr + at + sizeof(struct px_tape_record), size,
			 &tape->ev[tape->count]))
		abort();
	tape->end[tape->count++] = at + sizeof(struct px_tape_record) + size + -size % 8;
}

static struct px_bytes read_all(const char *path)
{
	struct px_input *in;
	struct px_error err;
	struct px_bytes b;
	char *copy;
	int ret;

	if (px_input_open(path, &in, &err) != 0) {
		px_error_print(&err);
		exit(1);
	}
	ret = px_input_want(in, TAPE_MAX, &b);
	copy = malloc(b.len);
	if (ret != PX_INPUT_END || px_input_damage(in) || !copy) {
		fprintf(stderr, "%s: cannot be read\n", path);
		exit(1);
	}
	memcpy(copy, b.ptr, b.len);
	px_input_free(in);
	return px_bytes_of(copy, b.len);
}

static void load_one(const char *path, struct player_tape *tape)
{
	struct px_source *src;
	size_t count;

	tape->bytes = read_all(path);
	src = px_replay_of(px_input_of(tape->bytes));
	if (!src)
		abort();
	while (src->ops->poll(src, SIZE_MAX, keep_event, tape, &count) == 0)
		;
	if (src->error[0]) {
		fprintf(stderr, "%s\n", src->error);
		exit(1);
	}
	src->ops->free(src);
	player_play(tape, NULL, PLAYER_AT_ONCE, &tape->whole);
}

size_t player_load(const char *dir, struct player_tape *tapes, size_t max)
{
	struct dirent **entries;
	int found = scandir(dir, &entries, NULL, alphasort);
	size_t count = 0;

	for (int i = 0; i < found; i++) {
		char path[4096];

		snprintf(path, sizeof(path), "%s/%s/tape.gz", dir, entries[i]->d_name);
		if (count < max && access(path, R_OK) == 0) {
			memset(&tapes[count], 0, sizeof(tapes[count]));
			snprintf(tapes[count].name, sizeof(tapes[count].name), "%.60s",
				 entries[i]->d_name);
			load_one(path, &tapes[count++]);
		}
		free(entries[i]);
	}
	if (found >= 0)
		free(entries);
	return count;
}

void player_unload(struct player_tape *tape)
{
	free((void *)(uintptr_t)tape->bytes.ptr);
	free(tape->ev);
	free(tape->end);
}
