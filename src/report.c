/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include "capture/tls_table.h"

#include <sys/utsname.h>

/*
 * Every arena of frames and records together has its own limit; a record is built of one exchange
 * at a time.
 */
#define REPORT_ARENA_MAX (4 << 20)

void px_report_init(struct px_report *r, bool want_summary, bool no_redact)
{
	memset(r, 0, sizeof(*r));
	px_arena_pool_init(&r->arenas, REPORT_ARENA_MAX);
	px_arena_init(&r->arena, &r->arenas, REPORT_ARENA_MAX);
	r->record.arena = &r->arena;
	r->record.want_summary = want_summary;
	r->record.no_redact = no_redact;
}

void px_report_fini(struct px_report *r)
{
	px_whose_free(r->whose);
	px_arena_reset(&r->arena);
	px_arena_pool_fini(&r->arenas);
}

static bool report_is_wanted(const struct px_report *r)
{
	return !r->filter || px_filter_match(r->filter, &r->record);
}

void px_report_add(struct px_report *r, struct px_sink *sink, unsigned int kinds)
{
	r->sinks[r->sink_count++] = (struct px_report_sink){ .sink = sink, .kinds = kinds };
	r->kinds |= kinds;
}

static void report_note_error(struct px_report *r, int err)
{
	if (err && !r->sink_error)
		r->sink_error = err;
}

static void report_emit(struct px_report *r)
{
	for (size_t i = 0; i < r->sink_count; i++) {
		struct px_report_sink *s = &r->sinks[i];

		if (!(s->kinds >> r->record.type & 1))
			continue;
		px_record_int(&r->record, PX_F_SEQ, (int64_t)++s->seq);
		report_note_error(r, s->sink->ops->record(s->sink, &r->record));
	}
}

void px_report_flush(struct px_report *r)
{
	for (size_t i = 0; i < r->sink_count; i++)
		report_note_error(r, r->sinks[i].sink->ops->flush(r->sinks[i].sink));
}

static struct px_record *report_begin(struct px_report *r, enum px_record_type type,
				      int64_t wall_ns)
{
	px_record_clear(&r->record, type);
	px_record_time(&r->record, wall_ns);
	return &r->record;
}

static struct px_bytes report_comm(const char comm[16])
{
	return px_bytes_of(comm, strnlen(comm, 16));
}

/*
 * In a packet capture nobody is at home: local is the side that asks, whichever that turned out to
 * be.
 */
static bool report_is_swapped(const struct px_conn *c)
{
	return c->is_packet && px_conn_role(c) == PX_ROLE_SERVER;
}

/* Where a connection goes. */
static void report_ends(struct px_record *rec, struct px_conn *c, bool swap)
{
	px_record_str(rec, PX_F_NET,
		      c->family == PX_ABI_AF_UNIX ? PX_BYTES("unix")
		      : c->type == 2		  ? PX_BYTES("udp")
						  : PX_BYTES("tcp"));
	if (px_conn_has_names(c))
		px_record_str(rec, PX_F_LOCAL_ADDR, swap ? px_conn_remote(c) : px_conn_local(c));
	px_record_int(rec, PX_F_LOCAL_PORT, swap ? c->remote_port : c->local_port);
	if (px_conn_has_names(c))
		px_record_str(rec, PX_F_REMOTE_ADDR, swap ? px_conn_local(c) : px_conn_remote(c));
	px_record_int(rec, PX_F_REMOTE_PORT, swap ? c->local_port : c->remote_port);
}

/* The keys that tell of a connection. */
static void report_conn(struct px_record *rec, struct px_conn *c)
{
	enum px_role role = px_conn_role(c);
	bool swap = report_is_swapped(c);

	if (swap)
		role = PX_ROLE_CLIENT;
	if (role != PX_ROLE_UNKNOWN)
		px_record_str(rec, PX_F_ROLE,
			      role == PX_ROLE_SERVER ? PX_BYTES("server") : PX_BYTES("client"));
	if (!px_conn_is_untied(c))
		report_ends(rec, c, swap);
	px_record_bool(rec, PX_F_TLS, c->is_tls);
	if (c->is_tls && px_tls_lib_name(c->tls_lib))
		px_record_str(rec, PX_F_TLS_LIB, px_bytes_str(px_tls_lib_name(c->tls_lib)));
	px_record_str(rec, PX_F_CONN, px_bytes_str(c->id));
}

static void report_place(struct px_record *rec, enum px_common field, struct px_bytes what)
{
	if (what.len > 0)
		px_record_str(rec, field, what);
}

static void report_process(struct px_report *r, uint32_t pid, uint32_t tid, uint32_t uid,
			   const char comm[16], uint64_t ts_ns)
{
	const struct px_whose_place *place = r->whose ? px_whose_of(r->whose, pid, ts_ns) : NULL;
	struct px_record *rec = &r->record;

	px_record_int(rec, PX_F_PID, pid);
	px_record_int(rec, PX_F_TID, tid);
	px_record_int(rec, PX_F_UID, uid);
	px_record_str(rec, PX_F_COMM, report_comm(comm));
	if (!place)
		return;
	report_place(rec, PX_F_EXE, place->exe);
	report_place(rec, PX_F_CGROUP, place->cgroup);
	report_place(rec, PX_F_UNIT, place->unit);
	report_place(rec, PX_F_CONTAINER, place->container);
}

void px_report_exchange(struct px_report *r, struct px_conn *c, const struct px_exchange *ex)
{
	const struct px_frame *req = ex->request, *resp = ex->response;
	const struct px_mark *first = &(req ? req : resp)->first,
			     *last = &(resp ? resp : req)->last;
	struct px_record *rec;
	unsigned int flags = ex->flags;
	uint64_t refused = r->arenas.refused;
	bool is_error;

	if (px_report_is_full(r) || (!req && !resp))
		return;
	if (req && resp && last->ts_ns < req->last.ts_ns) /* the answer was there before the request had ended */
		last = &req->last;
	rec = report_begin(r, PX_RECORD_MESSAGE, (int64_t)first->ts_ns + r->wall_offset_ns);
	if (req && resp) {
		px_record_int(rec, PX_F_LATENCY_NS, (int64_t)(resp->last.ts_ns - req->first.ts_ns));
		if (resp->first.ts_ns >= req->last.ts_ns)
			px_record_int(rec, PX_F_TTFB_NS,
				      (int64_t)(resp->first.ts_ns - req->last.ts_ns));
		else
			px_record_null(rec, PX_F_TTFB_NS);
	} else {
		px_record_null(rec, PX_F_LATENCY_NS);
		px_record_null(rec, PX_F_TTFB_NS);
	}
	if (!c->is_packet)
		report_process(r, last->pid, last->tid, last->uid, last->comm, last->ts_ns);
	report_conn(rec, c);
	if ((req && req->has_stream) || (resp && resp->has_stream))
		px_record_int(rec, PX_F_STREAM,
			      req && req->has_stream ? req->stream : resp->stream);
	if (req && req->kind == PX_FRAME_ONE_WAY)
		px_record_str(rec, PX_F_DIR,
			      (req->dir == PX_DIR_IN) != report_is_swapped(c) ? PX_BYTES("in")
									      : PX_BYTES("out"));
	px_record_str(rec, PX_F_PROTO, px_bytes_str(ex->parser->name));
	rec->fields = ex->parser->fields;
	rec->has_req = req != NULL;
	rec->has_resp = resp != NULL;
	ex->parser->describe(ex, rec);
	if (px_conn_is_untied(c))
		flags |= PX_FLAG_UNPAIRED;
	if (r->arenas.refused != refused)
		flags |= PX_FLAG_TRUNCATED; /* for want of memory something was left out */
	px_record_flags(rec, flags | rec->flags);
	is_error = px_record_has(rec, PX_F_OK) && !rec->common[PX_F_OK].b;
	c->errors += is_error;
	if (r->is_paused)
		return;
	if (!report_is_wanted(r)) {
		r->filtered++;
		return;
	}
	r->messages++;
	r->errors += is_error;
	report_emit(r);
}

/* From the first byte to the last of both sides, if it came to its end. */
static void report_handshake_time(struct px_record *rec, const struct px_exchange *ex)
{
	const struct px_frame *a = ex->request, *b = ex->response;

	if (a && b && px_record_has(rec, PX_F_STATUS) &&
	    px_bytes_eq(rec->common[PX_F_STATUS].s, PX_BYTES("OK")))
		px_record_int(rec, PX_F_LATENCY_NS,
			      (int64_t)((b->last.ts_ns > a->last.ts_ns ? b : a)->last.ts_ns -
					a->first.ts_ns));
	else
		px_record_null(rec, PX_F_LATENCY_NS);
}

void px_report_handshake(struct px_report *r, struct px_conn *c, const struct px_exchange *ex)
{
	const struct px_frame *first = ex->request ? ex->request : ex->response, *last = first;
	const unsigned int shown =
		PX_FLAG_TRUNCATED | PX_FLAG_ABORTED | PX_FLAG_MID_STREAM | PX_FLAG_GAP;
	struct px_exchange seen = *ex;
	struct px_record *rec;

	if (!first || px_report_is_full(r))
		return;
	if (ex->response && ex->response->last.ts_ns > last->last.ts_ns)
		last = ex->response;
	if (report_is_swapped(c))
		seen.role = PX_ROLE_CLIENT;
	rec = report_begin(r, PX_RECORD_TLS, (int64_t)first->first.ts_ns + r->wall_offset_ns);
	if (!c->is_packet)
		report_process(r, last->last.pid, last->last.tid, last->last.uid, last->last.comm,
			       last->last.ts_ns);
	report_conn(rec, c);
	px_record_str(rec, PX_F_PROTO, px_bytes_str(ex->parser->name));
	rec->fields = ex->parser->fields;
	ex->parser->describe(&seen, rec);
	report_handshake_time(rec, ex);
	px_record_flags(rec, (ex->flags | rec->flags) & shown);
	if (report_is_wanted(r))
		report_emit(r);
}

void px_report_open(struct px_report *r, struct px_conn *c)
{
	struct px_record *rec;

	if (!(r->kinds & PX_REPORT_CONNS))
		return;
	rec = report_begin(r, PX_RECORD_OPEN, (int64_t)c->first_ns + r->wall_offset_ns);
	if (!c->is_packet)
		report_process(r, c->pid, c->tid, c->uid, c->comm, c->last_ns);
	report_conn(rec, c);
	if (c->connect_ns >= 0)
		px_record_int(rec, PX_F_CONNECT_NS, c->connect_ns);
	else
		px_record_null(rec, PX_F_CONNECT_NS);
	if (c->open_result < 0) {
		const char *name = c->open_result > -4096 ? strerrorname_np(-c->open_result) : NULL;

		px_record_str(rec, PX_F_ERROR, px_bytes_str(name ? name : "unknown"));
		px_record_bool(rec, PX_F_OK, false);
	} else {
		px_record_null(rec, PX_F_ERROR);
		px_record_bool(rec, PX_F_OK, true);
	}
	if (report_is_wanted(r))
		report_emit(r);
}

/*
 * That the last descriptor of a UNIX socket is closed is seen nearly always (bpf_src/unix.bpf.h);
 * that the other end is, by who reads to the end.
 */
static bool report_has_ended(const struct px_conn *c)
{
	return c->closed || (c->family == PX_ABI_AF_UNIX && c->streams[PX_DIR_IN].eof);
}

void px_report_close(struct px_report *r, struct px_conn *c)
{
	struct px_record *rec;

	if (!(r->kinds & PX_REPORT_CONNS) || !report_has_ended(c))
		return;
	rec = report_begin(r, PX_RECORD_CLOSE, (int64_t)c->last_ns + r->wall_offset_ns);
	if (!c->is_packet)
		report_process(r, c->pid, c->tid, c->uid, c->comm, c->last_ns);
	report_conn(rec, c);
	if (c->decoder.last_parser)
		px_record_str(rec, PX_F_PROTO, px_bytes_str(c->decoder.last_parser->name));
	px_record_bool(rec, PX_F_OK, !c->was_reset);
	px_record_int(rec, PX_F_DURATION_NS, (int64_t)(c->last_ns - c->first_ns));
	px_record_int(rec, PX_F_BYTES_SENT,
		      (int64_t)c->bytes[report_is_swapped(c) ? PX_DIR_IN : PX_DIR_OUT]);
	px_record_int(rec, PX_F_BYTES_RECEIVED,
		      (int64_t)c->bytes[report_is_swapped(c) ? PX_DIR_OUT : PX_DIR_IN]);
	px_record_int(rec, PX_F_MESSAGES, (int64_t)c->messages);
	px_record_int(rec, PX_F_ERRORS, (int64_t)c->errors);
	px_record_int(rec, PX_F_LOST_BYTES,
		      (int64_t)(c->streams[PX_DIR_IN].lost_bytes +
				c->streams[PX_DIR_OUT].lost_bytes));
	if (report_is_wanted(r))
		report_emit(r);
}

static void report_lost(struct px_report *r, const char *where, uint64_t events, uint64_t bytes,
			bool bytes_known, struct px_bytes conn, int64_t wall_ns)
{
	struct px_record *rec = report_begin(r, PX_RECORD_LOST, wall_ns);

	px_record_bool(rec, PX_F_OK, false);
	px_record_int(rec, PX_F_EVENTS, (int64_t)events);
	if (bytes_known)
		px_record_int(rec, PX_F_BYTES, (int64_t)bytes);
	else
		px_record_null(rec, PX_F_BYTES);
	px_record_str(rec, PX_F_WHERE, px_bytes_str(where));
	if (conn.len)
		px_record_str(rec, PX_F_CONN, conn);
	report_emit(r);
}

void px_report_lost(struct px_report *r, struct px_conn *c, uint64_t bytes)
{

	report_lost(r, "stream", 0, bytes, true, px_bytes_str(c->id),
		    (int64_t)c->last_ns + r->wall_offset_ns);
}

void px_report_loss(struct px_report *r, const struct px_source_loss *loss, int64_t wall_ns)
{
	const struct {
		const char *where;
		uint64_t events, bytes;
		bool bytes_known;
	} rows[] = {
		{ r->transport ? r->transport : "ring", loss->ring_events - r->told.ring_events,
		  loss->ring_bytes - r->told.ring_bytes, true },
		{ "kretprobe", loss->missed_calls - r->told.missed_calls, 0, false },
		{ "copy", loss->copy_faults - r->told.copy_faults, 0, false },
		{ "pool", loss->pool_full - r->told.pool_full, 0, false },
	};

	for (size_t i = 0; i < PX_COUNT(rows); i++) {
		if (rows[i].events == 0)
			continue;
		r->lost_events += rows[i].events;
		r->lost_bytes += rows[i].bytes;
		report_lost(r, rows[i].where, rows[i].events, rows[i].bytes, rows[i].bytes_known,
			    (struct px_bytes){ NULL, 0 }, wall_ns);
	}
	r->told = *loss;
}

void px_report_note(struct px_report *r, const char *what, const char *text, int64_t wall_ns)
{
	struct px_record *rec = report_begin(r, PX_RECORD_NOTE, wall_ns);

	px_record_str(rec, PX_F_WHAT, px_bytes_str(what));
	px_record_str(rec, PX_F_TEXT, px_bytes_str(text));
	report_emit(r);
}

void px_report_process(struct px_report *r, const struct px_abi_event *h, const char *what,
		       const char *text, int64_t age_ns)
{
	struct px_record *rec =
		report_begin(r, PX_RECORD_NOTE, (int64_t)h->ts_ns + r->wall_offset_ns);

	report_process(r, h->pid, h->tid, h->uid, h->comm, h->ts_ns);
	px_record_str(rec, PX_F_WHAT, px_bytes_str(what));
	px_record_str(rec, PX_F_TEXT, px_bytes_str(text));
	if (age_ns >= 0)
		px_record_int(rec, PX_F_DURATION_NS, age_ns);
	if (report_is_wanted(r))
		report_emit(r);
}

struct px_record *px_report_begin_summary(struct px_report *r, int64_t wall_ns)
{
	return report_begin(r, PX_RECORD_SUMMARY, wall_ns);
}

void px_report_end_summary(struct px_report *r)
{
	report_emit(r);
}

void px_report_start(struct px_report *r, const struct px_report_start *s)
{
	struct px_record *rec = report_begin(r, PX_RECORD_START, s->wall_ns);
	struct utsname host;

	px_record_int(rec, PX_F_V, 1);
	px_record_str(rec, PX_F_VERSION, PX_BYTES(PX_VERSION));
	if (uname(&host) == 0) {
		px_record_str(rec, PX_F_HOST, px_bytes_str(host.nodename));
		px_record_str(rec, PX_F_KERNEL, px_bytes_str(host.release));
	}
	if (s->probe)
		px_record_str(rec, PX_F_PROBE, px_bytes_str(s->probe));
	r->transport = s->transport;
	if (s->transport)
		px_record_str(rec, PX_F_TRANSPORT, px_bytes_str(s->transport));
	px_record_set(rec, PX_F_TARGETS,
		      (struct px_value){ .list = { s->targets, s->target_count } });
	if (r->filter)
		px_record_str(rec, PX_F_FILTER, px_filter_text(r->filter));
	else
		px_record_null(rec, PX_F_FILTER);
	report_emit(r);
}

uint64_t px_report_lost_bytes(const struct px_report *r, const struct px_table_stats *table)
{
	return r->lost_bytes > table->lost_bytes ? r->lost_bytes : table->lost_bytes;
}

void px_report_stop(struct px_report *r, const struct px_report_stop *s)
{
	struct px_record *rec = report_begin(r, PX_RECORD_STOP, s->wall_ns);

	px_record_str(rec, PX_F_REASON, px_bytes_str(s->reason));
	px_record_int(rec, PX_F_MESSAGES, (int64_t)r->messages);
	px_record_int(rec, PX_F_ERRORS, (int64_t)r->errors);
	px_record_int(rec, PX_F_CONNECTIONS, (int64_t)s->table->conns_seen);
	px_record_int(rec, PX_F_LOST_EVENTS, (int64_t)r->lost_events);
	px_record_int(rec, PX_F_LOST_BYTES, (int64_t)px_report_lost_bytes(r, s->table));
	px_record_int(rec, PX_F_NOT_UNDERSTOOD, (int64_t)s->table->not_understood);
	px_record_int(rec, PX_F_DURATION_NS, (int64_t)s->duration_ns);
	report_emit(r);
}
