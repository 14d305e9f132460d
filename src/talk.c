/* SPDX-License-Identifier: Apache-2.0 */
#include "talk.h"

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "cli/term.h"
#include "export.h"
#include "sink/escape.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define TALK_KEEP ((uint64_t)256 << 20)
#define TALK_PACKETS 4 /* of what is kept, the part that packets may take */

static void talk_turn(void *ctx)
{
	struct px_talk *t = ctx;

	t->trace.turn(t->trace.ctx);
}

static struct px_aims talk_aims(struct px_talk *t)
{
	return (struct px_aims){ .source = t->trace.source,
				 .table = t->trace.table,
				 .report = t->trace.report,
				 .notes = t->trace.notes,
				 .turn = t->trace.turn,
				 .ctx = t->trace.ctx };
}

static int talk_target(void *ctx, const struct px_pids *pids, bool is_added, struct px_error *err)
{
	struct px_talk *t = ctx;
	struct px_aims aims = talk_aims(t);

	return is_added ? px_aims_add(&aims, pids, err) : px_aims_remove(&aims, pids, err);
}

struct talk_list {
	struct px_buf *out;
	int rc;
};

static void talk_list_target(void *ctx, const struct px_source_target *target)
{
	static const char *const how[] = { [PX_TARGET_BY_NUMBER] = "",
					   [PX_TARGET_BY_PARENT] = ", a child",
					   [PX_TARGET_BY_MATCH] = ", by its name" };
	struct talk_list *list = ctx;
	int rc;

	/* The name of a process is whatever it likes. */
	rc = px_term_append(list->out, px_bytes_str(target->comm), 0, PX_TERM_ROOM_ALL, NULL);
	if (!rc)
		rc = px_buf_printf(list->out, "[%u]%s\n", target->pid, how[target->how]);
	if (!list->rc)
		list->rc = rc;
}

static int talk_targets(void *ctx, struct px_buf *out)
{
	struct px_talk *t = ctx;
	struct px_aims aims = talk_aims(t);
	struct talk_list list = { .out = out };
	bool is_all;

	if (t->trace.opt->read_file)
		return px_buf_printf(out, "%s\n", t->trace.opt->read_file);
	is_all = px_aims_each(&aims, talk_list_target, &list);
	if (!list.rc && !is_all)
		list.rc = px_buf_printf(out, "and whoever the command line chose\n");
	return list.rc;
}

static void talk_pause(void *ctx, bool is_paused)
{
	struct px_talk *t = ctx;

	t->trace.report->is_paused = is_paused;
}

/* An expression as the shell has it; *out is NULL for none. */
static int talk_expression(struct px_bytes expr, struct px_filter **out, struct px_error *err)
{
	struct px_field_group groups[PX_FILTER_PROTOCOLS_MAX];
	size_t count = px_choice_groups(groups, PX_COUNT(groups));

	*out = NULL;
	return expr.len ? px_filter_new(expr, NULL, groups, count, out, err) : 0;
}

static int talk_tail(void *ctx, struct px_bytes expr, bool is_on, struct px_error *err)
{
	struct px_talk *t = ctx;
	struct px_filter *filter;

	if (!is_on) {
		px_tail_end(&t->tail);
		px_out_discard(t->trace.outputs->out);
		return 0;
	}
	if (*t->trace.stop_reason)
		return px_error_set(err, PX_EXIT_USAGE, NULL,
				    ".tail: nothing comes any more: the trace is over");
	if (talk_expression(expr, &filter, err) != 0)
		return -1;
	px_tail_begin(&t->tail, filter);
	return 0;
}

static int talk_filter(void *ctx, struct px_bytes expr, struct px_error *err)
{
	struct px_talk *t = ctx;
	struct px_filter *filter;

	if (talk_expression(expr, &filter, err) != 0)
		return -1;
	px_filter_free(t->filter);
	t->filter = filter;
	t->trace.report->filter = filter;
	return 0;
}

static int talk_stats(void *ctx, struct px_buf *out)
{
	struct px_talk *t = ctx;
	const struct px_report *r = t->trace.report;
	uint64_t gone = px_tables_gone(t->trace.database->tables);
	char size[PX_ARG_TEXT];
	int rc;

	rc = px_buf_printf(out,
			   "%llu messages, %llu errors, %llu connections, %llu events lost, "
			   "%llu streams not understood\n",
			   (unsigned long long)r->messages, (unsigned long long)r->errors,
			   (unsigned long long)t->trace.table->stats.conns_seen,
			   (unsigned long long)r->lost_events,
			   (unsigned long long)t->trace.table->stats.not_understood);
	if (!rc && gone)
		rc = px_buf_printf(out, "%llu messages had to go: no more than %s are kept\n",
				   (unsigned long long)gone, px_arg_size_text(t->keep_bytes, size));
	if (!rc && (*t->trace.stop_reason || r->is_paused))
		rc = px_buf_printf(out,
				   *t->trace.stop_reason ? "the trace is over: %s\n" : "paused\n",
				   *t->trace.stop_reason);
	return rc;
}

static int talk_export_packets(struct px_talk *t, const char *path, struct px_error *err)
{
	int fd, rc;

	if (t->trace.opt->write_file)
		return px_error_set(err, PX_EXIT_USAGE, NULL, "with -w the packets are in %s",
				    t->trace.opt->write_file);
	fd = px_file_create(path, err);
	if (fd < 0)
		return -1;
	rc = px_save_copy(t->trace.outputs->save, fd);
	close(fd);
	return rc ? px_error_set(err, PX_EXIT_FAILED, NULL, "%s: %s", path, strerror(-rc)) : 0;
}

static int talk_export(void *ctx, enum px_shell_kind kind, const char *path,
		       bool (*is_interrupted)(void *ctx), void *ask, struct px_error *err)
{
	struct px_talk *t = ctx;

	if (t->trace.opt->read_file && px_file_is_same(t->trace.opt->read_file, path))
		return px_error_set(err, PX_EXIT_USAGE, "choose another name",
				    "%s: the file that was read", path);
	if (kind == PX_SHELL_PCAPNG)
		return talk_export_packets(t, path, err);
	return px_export_messages(t->trace.database->tables, kind == PX_SHELL_CSV, path,
				  is_interrupted, ask, err);
}

static uint64_t talk_kept(void *ctx)
{
	return ((struct px_talk *)ctx)->keep_bytes;
}

static void talk_keep(void *ctx, uint64_t bytes)
{
	struct px_talk *t = ctx;

	t->keep_bytes = bytes;
	px_tables_keep(t->trace.database->tables, bytes - bytes / TALK_PACKETS);
	if (bytes)
		px_outputs_limit_packets(t->trace.outputs, bytes / TALK_PACKETS);
}

int px_talk_init(struct px_talk *t, const struct px_talk_trace *trace)
{
	const struct px_text_options text = px_outputs_text(trace->opt, STDOUT_FILENO);

	*t = (struct px_talk){ .trace = *trace };
	snprintf(t->packets, sizeof(t->packets), "%s/packets", trace->database->folder);
	if (px_outputs_keep_packets(trace->outputs, t->packets, TALK_KEEP / TALK_PACKETS,
				    !trace->opt->read_file) != 0)
		return -1;
	if (px_tail_init(&t->tail, trace->outputs->out, &text) != 0) {
		px_log(PX_LOG_ERROR, "out of memory");
		return -1;
	}
	px_report_add(trace->report, &t->tail.base, PX_REPORT_MESSAGES);
	/* A file that somebody wants to have is whole. */
	talk_keep(t, trace->opt->sqlite_file ? 0 : TALK_KEEP);
	return 0;
}

int px_talk_begin(struct px_talk *t)
{
	static const struct px_shell_ops ops = { .turn = talk_turn,
						 .target = talk_target,
						 .targets = talk_targets,
						 .pause = talk_pause,
						 .filter = talk_filter,
						 .tail = talk_tail,
						 .stats = talk_stats,
						 .export = talk_export,
						 .kept = talk_kept,
						 .keep = talk_keep };
	const struct px_options *o = t->trace.opt;
	const struct px_shell_options opt = {
		.tables = t->trace.database->tables,
		.groups = t->trace.choice->tables,
		.group_count = t->trace.choice->table_count,
		.format = o->json			      ? PX_ANSWER_JSON
			  : o->format == PX_FORMAT_OPTION_CSV ? PX_ANSWER_CSV
							      : PX_ANSWER_TABLE,
		.is_wide = o->is_wide,
		.is_live = !o->read_file,
		.in = STDIN_FILENO,
		.out = STDOUT_FILENO,
		.ops = &ops,
		.ctx = t,
	};
	struct px_error err;

	if (px_shell_new(&opt, &t->shell, &err) == 0)
		return 0;
	px_error_print(&err);
	return -1;
}

void px_talk_tick(struct px_talk *t)
{
	char size[PX_ARG_TEXT];

	if (!t->keep_bytes || t->told_gone || !px_tables_gone(t->trace.database->tables))
		return;
	t->told_gone = true;
	px_log(PX_LOG_WARN, "from now on the oldest messages go: no more than %s are kept (.keep)",
	       px_arg_size_text(t->keep_bytes, size));
}

int px_talk_fd(const struct px_talk *t)
{
	return t->shell ? px_shell_fd(t->shell) : -1;
}

void px_talk_read(struct px_talk *t)
{
	px_shell_read(t->shell);
}

bool px_talk_is_over(struct px_talk *t)
{
	return t->shell && px_shell_is_over(t->shell, &t->code);
}

bool px_talk_interrupt(struct px_talk *t)
{
	if (t->shell)
		px_shell_interrupt(t->shell);
	return t->shell != NULL;
}

void px_talk_stop(struct px_talk *t)
{
	if (t->shell)
		px_shell_stop(t->shell);
}

void px_talk_resize(struct px_talk *t)
{
	if (t->tail.text)
		px_sink_text_set_width(t->tail.text, px_term_width(STDOUT_FILENO));
	if (t->shell)
		px_shell_resize(t->shell);
}

void px_talk_fini(struct px_talk *t)
{
	px_shell_free(t->shell);
	t->shell = NULL;
	px_filter_free(t->filter);
	px_tail_fini(&t->tail);
}
