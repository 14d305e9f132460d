/* SPDX-License-Identifier: Apache-2.0 */
#include "outputs.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "cli/term.h"
#include "sink/sink_columns.h"
#include "sink/sink_json.h"

#include <errno.h>
#include <unistd.h>

#define OUTPUTS_PACKET_FILES 8	/* the latest packets are in so many; then the oldest is written anew */

static int outputs_open_out(struct px_outputs *o)
{
	const struct px_options *opt = o->opt;
	const char *path = opt->output_file;
	struct px_error err;
	int rc;

	/* The command's output is left alone. */
	o->fd = opt->command && !path ? STDERR_FILENO : STDOUT_FILENO;
	if (!px_options_write(opt))
		return px_out_new(&o->out, STDERR_FILENO, "standard error",
				  PX_OUT_QUEUE_DEFAULT); /* gets nothing */
	if (path && strcmp(path, "-") != 0) {
		o->fd = px_file_create(path, &err);
		if (o->fd < 0) {
			px_error_print(&err);
			return -1;
		}
	}
	rc = px_out_new(&o->out, o->fd,
			path			 ? path
			: o->fd == STDERR_FILENO ? "stderr"
						 : "stdout",
			PX_OUT_QUEUE_DEFAULT);
	if (rc)
		px_log(PX_LOG_ERROR, "%s: %s", path ? path : "stdout", strerror(-rc));
	return rc;
}

static int outputs_save(struct px_outputs *o, struct px_save_options *save, bool is_live)
{
	struct px_error err;

	save->no_redact = o->opt->no_redact;
	save->wall_ns = is_live ? px_clock_wall_ns() : 0;
	if (px_save_new(save, &o->save, &err) == 0)
		return 0;
	px_error_print(&err);
	return -1;
}

static int outputs_open_save(struct px_outputs *o, bool is_live)
{
	const struct px_options *opt = o->opt;
	struct px_save_options save = {
		.path = opt->write_file,
		.size_max = opt->file_size * 1000000,
		.period_s = opt->file_period_s,
		.file_count = opt->file_count,
		.command = opt->file_command,
	};

	return opt->write_file ? outputs_save(o, &save, is_live) : 0;
}

int px_outputs_keep_packets(struct px_outputs *o, const char *path, uint64_t bytes, bool is_live)
{
	struct px_save_options save = { .path = path,
					.size_max = bytes / OUTPUTS_PACKET_FILES,
					.file_count = OUTPUTS_PACKET_FILES };

	return o->opt->write_file ? 0 : outputs_save(o, &save, is_live);
}

void px_outputs_limit_packets(struct px_outputs *o, uint64_t bytes)
{
	if (o->save && !o->opt->write_file)
		px_save_limit(o->save, bytes / OUTPUTS_PACKET_FILES);
}

struct px_text_options px_outputs_text(const struct px_options *opt, int fd)
{
	return (struct px_text_options){
		.width = px_term_width(fd),
		.colour = px_term_color(opt->color, fd),
		.wide = opt->is_wide,
		.verbosity = opt->verbose,
		.time_style = (enum px_time_style)opt->time_style,
		.slow_ns = (int64_t)opt->slow_ns,
		.ascii = opt->dump == 'A',
		.hex = opt->dump == 'x',
		.hex_ascii = opt->dump == 'X',
	};
}

static struct px_sink *outputs_make_sink(struct px_outputs *o)
{
	const struct px_options *opt = o->opt;
	struct px_text_options text = px_outputs_text(opt, o->fd);
	struct px_sink *json;

	if (opt->json) {
		json = px_sink_json_new(o->out);
		if (json && o->pick)
			px_sink_json_pick(json, o->pick);
		return json;
	}
	if (o->pick || opt->format == PX_FORMAT_OPTION_CSV)
		return px_sink_columns_new(o->out, o->pick, opt->format == PX_FORMAT_OPTION_CSV);
	o->text = px_sink_text_new(o->out, &text);
	return o->text;
}

int px_outputs_open(struct px_outputs *o, const struct px_options *opt, struct px_pick *pick,
		    bool is_live)
{
	*o = (struct px_outputs){ .opt = opt, .pick = pick, .fd = -1 };
	if (outputs_open_out(o) != 0)
		return -1;
	if (px_options_print(opt)) {
		o->sink = outputs_make_sink(o);
		if (!o->sink) {
			px_log(PX_LOG_ERROR, "out of memory");
			return -1;
		}
	}
	return outputs_open_save(o, is_live);
}

const char *px_outputs_flush_save(struct px_outputs *o, bool is_calm)
{
	int status = o->save ? px_save_flush(o->save, is_calm) : 0;

	if (status == PX_SAVE_FULL)
		return "file count";
	if (status)
		return status == -EPIPE ? "reader gone" : "output failed";
	return NULL;
}

size_t px_outputs_pending(const struct px_outputs *o)
{
	size_t saved = o->save ? px_save_pending(o->save) : 0, printed = px_out_pending(o->out);

	return saved > printed ? saved : printed;
}

bool px_outputs_are_blocked(const struct px_outputs *o)
{
	return px_out_fd_wants_write(o->out) >= 0 ||
	       (o->save && px_save_fd_wants_write(o->save) >= 0);
}

void px_outputs_resize(struct px_outputs *o)
{
	if (o->text)
		px_sink_text_set_width(o->text, px_term_width(o->fd));
}

bool px_outputs_finish_save(struct px_outputs *o, int timeout_ms)
{
	struct px_save_stats stats;
	int status;

	if (!o->save)
		return true;
	status = px_save_finish(o->save, timeout_ms);
	stats = px_save_stats(o->save);
	if (status < 0 && status != -EPIPE)
		px_log(PX_LOG_ERROR, "%s", px_save_error(o->save));
	if (stats.dropped_bytes)
		px_log(PX_LOG_WARN,
		       "%llu bytes of packets were not written: the reader was too slow",
		       (unsigned long long)stats.dropped_bytes);
	if (!o->opt->write_file)
		; /* nobody asked for them */
	else if (strcmp(o->opt->write_file, "-") != 0 && stats.files == 1)
		px_log(PX_LOG_NOTE, "%s: %llu packets, %llu bytes", px_save_path(o->save),
		       (unsigned long long)stats.packets, (unsigned long long)stats.bytes);
	else if (stats.files > 1)
		px_log(PX_LOG_NOTE, "%s: the last of %llu files, %llu packets, %llu bytes in all",
		       px_save_path(o->save), (unsigned long long)stats.files,
		       (unsigned long long)stats.packets, (unsigned long long)stats.bytes);
	px_save_free(o->save);
	o->save = NULL;
	return status >= 0 || status == -EPIPE;
}

void px_outputs_close(struct px_outputs *o)
{
	if (o->sink)
		o->sink->ops->free(o->sink);
	px_save_free(o->save);
	px_out_free(o->out);
	if (o->fd > STDERR_FILENO)
		close(o->fd);
}
