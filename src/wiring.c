/* SPDX-License-Identifier: Apache-2.0 */
#include "wiring.h"

#include "base/log.h"
#include "base/ns.h"
#include "capture/live.h"

static void wiring_exchange(void *ctx, struct px_conn *c, const struct px_exchange *ex)
{
	struct px_pipeline *p = ctx;

	if (px_conn_is_untied(c) && px_ends_choose(&p->opt->ends))
		px_notes_tell_untied(&p->notes, (int64_t)c->last_ns + p->source->wall_offset_ns);
	else
		px_report_exchange(&p->report, c, ex);
}

static void wiring_handshake(void *ctx, struct px_conn *c, const struct px_exchange *ex)
{
	struct px_pipeline *p = ctx;
	struct px_exchange told = *ex;

	if (!c->is_tls)
		told.note = px_notes_hidden(&p->notes, c,
					    (int64_t)c->last_ns + p->source->wall_offset_ns);
	px_report_handshake(&p->report, c, &told);
}

static void wiring_open(void *ctx, struct px_conn *c)
{
	struct px_pipeline *p = ctx;

	px_report_open(&p->report, c);
}

static void wiring_close(void *ctx, struct px_conn *c)
{
	struct px_pipeline *p = ctx;

	px_report_close(&p->report, c);
	if (p->outputs.save)
		px_save_close(p->outputs.save, c, p->source->wall_offset_ns);
}

static void wiring_saved(void *ctx, struct px_conn *c, const struct px_event *ev, uint64_t pos)
{
	struct px_pipeline *p = ctx;

	px_save_event(p->outputs.save, c, ev, pos, p->source->wall_offset_ns);
}

static void wiring_lost(void *ctx, struct px_conn *c, uint64_t bytes)
{
	struct px_pipeline *p = ctx;

	px_report_lost(&p->report, c, bytes);
}

static void wiring_tls_seen(void *ctx, struct px_conn *c)
{
	struct px_pipeline *p = ctx;

	if (px_live_tls(p->source) && c->pid)
		px_tls_watch_look(px_live_tls(p->source), c->pid);
}

static bool wiring_control(void *ctx, struct px_conn *c, const struct px_abi_control *ctl)
{
	struct px_pipeline *p = ctx;

	/* Of ciphertext nothing is wanted, so all else is about what is inside. */
	if (c->is_tls && !(ctl && ctl->flags & PX_CTL_DROP)) {
		int err = px_live_control(p->source, c->sock_id | PX_ABI_UNTIED, ctl);

		if (ctl)
			return err == 0;
	}
	return px_live_control(p->source, c->sock_id, ctl) == 0;
}

static void wiring_dropped(void *ctx, struct px_conn *c, uint64_t bytes[2])
{
	struct px_pipeline *p = ctx;

	px_live_dropped(p->source, c->sock_id, bytes);
}

static bool wiring_is_new(void *ctx, const struct px_abi_event *h)
{
	struct px_pipeline *p = ctx;

	return p->source->ops->is_new(p->source, h->sock_id);
}

static int wiring_open_table(struct px_pipeline *p, const struct px_run_info *info)
{
	const struct px_options *opt = p->opt;
	struct px_table_options table;

	px_table_defaults(&table);
	table.parsers = info->choice->parsers;
	table.decode_as = info->choice->decode_as;
	table.decode_as_count = info->choice->decode_as_count;
	table.limits.body_max = opt->snaplen ? (size_t)opt->snaplen : SIZE_MAX;
	if (table.limits.body_max > table.frame_bytes_max / 4)
		table.frame_bytes_max = table.limits.body_max < SIZE_MAX / 8
						? table.limits.body_max * 4
						: (size_t)1 << 30;
	table.on_exchange = wiring_exchange;
	table.on_handshake = wiring_handshake;
	table.tells_handshakes = opt->tls_info;
	table.on_open = wiring_open;
	table.on_close = wiring_close;
	table.on_lost = wiring_lost;
	if (px_options_packets(opt))
		table.on_event = wiring_saved;
	if (p->is_live) {
		table.on_control = wiring_control;
		table.on_dropped = wiring_dropped;
		table.on_tls_seen = wiring_tls_seen;
		table.own_netns = px_ns_own_net();
		table.only_role = opt->ends.role;
	}
	table.marks_start = info->probe && strcmp(info->probe, "sock") == 0;
	if (p->source->ops->is_new)
		table.is_new = wiring_is_new;
	table.ctx = p;
	return px_table_init(&p->table, &table);
}

/* The kinds of records that are printed. */
static unsigned int wiring_printed(const struct px_options *opt)
{
	unsigned int left_out = opt->conns ? 0 : PX_REPORT_CONNS;

	if (opt->summary_only)
		left_out |= PX_REPORT_MESSAGES | PX_REPORT_CONNS;
	return PX_REPORT_ALL & ~left_out;
}

static int wiring_open_talk(struct px_pipeline *p, const struct px_run_info *info,
			    void (*turn)(void *ctx))
{
	const struct px_talk_trace trace = { .opt = p->opt,
					     .choice = info->choice,
					     .database = &p->database,
					     .report = &p->report,
					     .table = &p->table,
					     .source = p->source,
					     .notes = &p->notes,
					     .outputs = &p->outputs,
					     .stop_reason = &p->stop_reason,
					     .turn = turn,
					     .ctx = p };

	return px_talk_init(&p->talk, &trace);
}

int px_wiring_open(struct px_pipeline *p, const struct px_run_info *info, void (*turn)(void *ctx))
{
	const struct px_options *opt = p->opt;
	int code;

	p->outputs.fd = p->sums.map_fd = -1;
	p->notes = (struct px_notes){
		.opt = opt, .report = &p->report, .table = &p->table, .is_live = p->is_live
	};
	px_report_init(&p->report, px_options_summaries(opt), opt->no_redact);
	p->report.record.redact_literals = opt->redact_literals;
	p->report.filter = info->choice->filter;
	p->report.record.no_details = !px_choice_needs_details(info->choice, opt);
	p->report.count_max = opt->count;
	p->report.wall_offset_ns = p->source->wall_offset_ns;
	if (wiring_open_table(p, info) != 0) {
		px_log(PX_LOG_ERROR, "out of memory");
		return PX_EXIT_FAILED;
	}
	if (px_outputs_open(&p->outputs, opt, info->choice->pick, p->is_live) != 0 ||
	    px_sums_init(&p->sums, opt) != 0)
		return PX_EXIT_FAILED;
	code = px_database_open(&p->database, opt, info->choice);
	if (code != PX_EXIT_OK)
		return code;
	if (p->outputs.sink)
		px_report_add(&p->report, p->outputs.sink, wiring_printed(opt));
	if (opt->interactive && wiring_open_talk(p, info, turn) != 0)
		return PX_EXIT_FAILED;
	if (p->database.tables)
		px_report_add(&p->report, px_tables_sink(p->database.tables), PX_REPORT_ALL);
	if (px_sums_are_wanted(&p->sums))
		px_report_add(&p->report, &p->sums.base, PX_REPORT_MESSAGES);
	return PX_EXIT_OK;
}

void px_wiring_close(struct px_pipeline *p)
{
	px_talk_fini(&p->talk);
	px_database_close(&p->database);
	px_sums_fini(&p->sums);
	px_outputs_close(&p->outputs);
	if (p->table.buckets)
		px_table_fini(&p->table);
	px_report_fini(&p->report);
}
