/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "capture/live.h"
#include "cli/privilege.h"
#include "cli/term.h"
#include "sink/sink_json.h"
#include "sink/sink_text.h"
#include "sink/text_aside.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MS 1000000ull
#define PIPELINE_BATCH 16384		/* events between two looks at signals and outputs */
#define PIPELINE_BUSY_NS (4 * MS)	/* between two batches while events flow: waking costs more than ten events */
#define PIPELINE_CALM_NS (100 * MS)	/* after this time without an event, sleep until the kernel side wakes us */
#define PIPELINE_IDLE_NS (1000 * MS)	/* how long such a sleep may take */
#define PIPELINE_DRAIN_NS (1000 * MS)	/* for what is under way when the run ends */
#define PIPELINE_GONE_NS (10 * MS)	/* an ending process closes its sockets within this time */
#define PIPELINE_SILENCE_NS (5000 * MS)	/* then say why there is nothing to see */

int px_pipeline_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGWINCH);
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return -errno;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

static void pipeline_exchange(void *ctx, struct px_conn *c, const struct px_exchange *ex)
{
	struct px_pipeline *p = ctx;

	px_report_exchange(&p->report, c, ex);
}

static void pipeline_open(void *ctx, struct px_conn *c)
{
	struct px_pipeline *p = ctx;

	px_report_open(&p->report, c);
}

static void pipeline_close(void *ctx, struct px_conn *c)
{
	struct px_pipeline *p = ctx;

	px_report_close(&p->report, c);
	if (p->save)
		px_save_close(p->save, c, p->source->wall_offset_ns);
}

static void pipeline_saved(void *ctx, struct px_conn *c, const struct px_event *ev, uint64_t pos)
{
	struct px_pipeline *p = ctx;

	px_save_event(p->save, c, ev, pos, p->source->wall_offset_ns);
}

static void pipeline_lost(void *ctx, struct px_conn *c, uint64_t bytes)
{
	struct px_pipeline *p = ctx;

	px_report_lost(&p->report, c, bytes);
}

static bool pipeline_control(void *ctx, struct px_conn *c, const struct px_abi_control *ctl)
{
	struct px_pipeline *p = ctx;

	return px_live_control(p->source, c->sock_id, ctl) == 0;
}

static bool pipeline_is_new(void *ctx, const struct px_abi_event *h)
{
	struct px_pipeline *p = ctx;

	return p->source->ops->is_new(p->source, h->sock_id);
}

static void pipeline_stop(struct px_pipeline *p, const char *reason)
{
	if (!p->stop_reason)
		p->stop_reason = reason;
}

static int64_t pipeline_wall(const struct px_pipeline *p)
{
	return p->is_live ? px_clock_wall_ns()
			  : (int64_t)p->event_now_ns + p->source->wall_offset_ns;
}

static void pipeline_statistics(struct px_pipeline *p)
{
	struct px_source_loss loss = { 0 };

	p->source->ops->loss(p->source, &loss);
	px_log(PX_LOG_ERROR,
	       "%llu events, %llu messages, %llu errors, %zu connections now, %llu in all, %llu events lost, "
	       "%zu bytes waiting to be written",
	       (unsigned long long)p->table.stats.events, (unsigned long long)p->report.messages,
	       (unsigned long long)p->report.errors, p->table.conn_count,
	       (unsigned long long)p->table.stats.conns_seen, (unsigned long long)loss.ring_events,
	       px_out_pending(p->out));
}

static void pipeline_signals(struct px_pipeline *p)
{
	struct signalfd_siginfo si;

	while (read(p->signal_fd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		bool is_end =
			si.ssi_signo == SIGINT || si.ssi_signo == SIGTERM || si.ssi_signo == SIGHUP;

		if (is_end && p->command &&
		    px_command_signal(p->command, (int)si.ssi_signo, si.ssi_code == SI_KERNEL))
			continue;
		switch (si.ssi_signo) {
		case SIGINT:
			if (p->stop_reason)
				_exit(130); /* the second one: at once */
			pipeline_stop(p, "interrupted");
			break;
		case SIGUSR1:
			pipeline_statistics(p);
			break;
		case SIGWINCH:
			if (p->text)
				px_sink_text_set_width(p->text, px_term_width(p->output_fd));
			break;
		default:
			pipeline_stop(p, "terminated");
			break;
		}
	}
}

static void pipeline_watch_pids(struct px_pipeline *p)
{
	const struct px_pids *pids = &p->opt->pids;

	if (!p->is_live || pids->count == 0 || p->ends_with_targets)
		return;
	p->pid_fds = malloc(pids->count * sizeof(*p->pid_fds));
	if (!p->pid_fds)
		return;
	p->pid_count = pids->count;
	for (size_t i = 0; i < pids->count; i++) {
		p->pid_fds[i] = (int)syscall(SYS_pidfd_open, pids->pid[i], 0);
		p->pids_left += p->pid_fds[i] >= 0;
	}
}

/* Sleep until something is to be done, at most timeout_ns. */
static void pipeline_sleep(struct px_pipeline *p, uint64_t timeout_ns, bool is_armed)
{
	struct timespec ts = { .tv_sec = (time_t)(timeout_ns / 1000000000ull),
			       .tv_nsec = (long)(timeout_ns % 1000000000ull) };
	struct pollfd few[9], *fds = few;
	nfds_t count = 0;
	size_t first_pid;

	if (p->pid_count + 5 > PX_COUNT(few)) {
		fds = malloc((p->pid_count + 5) * sizeof(*fds));
		if (!fds)
			return;
	}
	fds[count++] = (struct pollfd){ .fd = p->signal_fd, .events = POLLIN };
	if (is_armed && p->source->fd >= 0)
		fds[count++] = (struct pollfd){ .fd = p->source->fd, .events = POLLIN };
	if (px_out_fd_wants_write(p->out) >= 0)
		fds[count++] =
			(struct pollfd){ .fd = px_out_fd_wants_write(p->out), .events = POLLOUT };
	if (p->save && px_save_fd_wants_write(p->save) >= 0)
		fds[count++] =
			(struct pollfd){ .fd = px_save_fd_wants_write(p->save), .events = POLLOUT };
	first_pid = count;
	for (size_t i = 0; i < p->pid_count; i++)
		fds[count++] = (struct pollfd){ .fd = p->pid_fds[i], .events = POLLIN };
	if (ppoll(fds, count, &ts, NULL) > 0) {
		for (size_t i = 0; i < p->pid_count; i++) {
			if (p->pid_fds[i] < 0 || !fds[first_pid + i].revents)
				continue;
			close(p->pid_fds[i]);
			p->pid_fds[i] = -1;
			if (--p->pids_left == 0)
				pipeline_stop(p, "target exited");
		}
	}
	if (fds != few)
		free(fds);
}

/* Once, if there is nothing to see: why. */
static void pipeline_explain(struct px_pipeline *p)
{
	const struct px_table_stats *s = &p->table.stats;
	char text[256];

	if (p->explained || p->report.messages > 0 || !p->is_live)
		return;
	p->explained = true;
	if (s->events == 0)
		snprintf(text, sizeof(text),
			 "no socket traffic of the traced process has been seen");
	else if (p->table.decode_env.not_understood_bytes > 0)
		snprintf(text, sizeof(text),
			 "%llu bytes on %llu connections, of no protocol that pxtrace knows",
			 (unsigned long long)p->table.decode_env.not_understood_bytes,
			 (unsigned long long)s->conns_seen);
	else
		snprintf(text, sizeof(text), "%llu connections, no complete message yet",
			 (unsigned long long)s->conns_seen);
	if (p->opt->json)
		px_log(PX_LOG_NOTE, "nothing to show yet: %s", text);
	px_report_note(&p->report, "silence", text, pipeline_wall(p));
}

/* Said once, so that nobody waits for the messages. */
static void pipeline_tell_foreign(struct px_pipeline *p)
{
	static const char text[] =
		"the process uses io_uring, asynchronous I/O, sendmmsg, recvmmsg or 32-bit system calls: what "
		"they move through sockets is not seen";

	p->told_foreign = true;
	if (p->opt->json)
		px_log(PX_LOG_WARN, "%s", text);
	px_report_note(&p->report, "foreign", text, pipeline_wall(p));
}

/* What comes round about once a second, and at the end. */
static void pipeline_tick(struct px_pipeline *p, uint64_t now_ns)
{
	struct px_source_loss loss = { 0 };

	p->last_tick_ns = now_ns;
	if (p->is_live)
		px_live_tick(p->source);
	p->source->ops->loss(p->source, &loss);
	px_report_loss(&p->report, &loss, pipeline_wall(p));
	if (loss.foreign > 0 && !p->told_foreign)
		pipeline_tell_foreign(p);
	if (now_ns - p->started_ns > PIPELINE_SILENCE_NS)
		pipeline_explain(p);
}

/* What -w has gathered; is_calm: no more is there for now. */
static void pipeline_flush_save(struct px_pipeline *p, bool is_calm)
{
	int status = p->save ? px_save_flush(p->save, is_calm) : 0;

	if (status == PX_SAVE_FULL)
		pipeline_stop(p, "file count");
	else if (status)
		pipeline_stop(p, status == -EPIPE ? "reader gone" : "output failed");
}

static size_t pipeline_pending(const struct px_pipeline *p)
{
	size_t saved = p->save ? px_save_pending(p->save) : 0, printed = px_out_pending(p->out);

	return saved > printed ? saved : printed;
}

/* Does somebody have to read before more can be written? */
static bool pipeline_is_blocked(const struct px_pipeline *p)
{
	return px_out_fd_wants_write(p->out) >= 0 || (p->save && px_save_fd_wants_write(p->save) >= 0);
}

/* Files do not run away: wait for who reads the output until at most this much waits for it. */
static void pipeline_await_reader(struct px_pipeline *p, size_t most)
{
	while (!p->stop_reason && pipeline_pending(p) > most) {
		px_report_flush(&p->report);
		pipeline_flush_save(p, false);
		if (p->report.sink_error)
			pipeline_stop(p, p->report.sink_error == -EPIPE ? "reader gone" : "output failed");
		if (!pipeline_is_blocked(p))
			return;
		pipeline_sleep(p, PIPELINE_IDLE_NS, false);
		pipeline_signals(p);
	}
}

static void pipeline_event(void *ctx, const struct px_event *ev)
{
	struct px_pipeline *p = ctx;

	if (ev->hdr->ts_ns > p->event_now_ns)
		p->event_now_ns = ev->hdr->ts_ns;
	px_table_event(&p->table, ev);
	if (!p->is_live && pipeline_pending(p) > PX_OUT_QUEUE_DEFAULT / 2)
		pipeline_await_reader(p, PX_OUT_QUEUE_DEFAULT / 4);
}

/* One batch. Returns the number of events, or a negative errno. */
static int pipeline_drain(struct px_pipeline *p, size_t *count)
{
	int result;

	*count = 0;
	result = p->source->ops->poll(p->source, PIPELINE_BATCH, pipeline_event, p, count);
	p->report.wall_offset_ns = p->source->wall_offset_ns; /* of a tape in a pipe it is not known before */
	px_table_advance(&p->table, p->is_live ? px_clock_mono_ns() : p->event_now_ns);
	px_report_flush(&p->report);
	pipeline_flush_save(p, p->is_live && *count < PIPELINE_BATCH);
	if (px_report_is_full(&p->report))
		pipeline_stop(p, "count");
	if (p->report.sink_error)
		pipeline_stop(p, p->report.sink_error == -EPIPE ? "reader gone" : "output failed");
	return result;
}

/* The last target is gone: a moment later its sockets are closed too, and that has been seen. */
static void pipeline_look_for_targets(struct px_pipeline *p, uint64_t now_ns)
{
	if (!px_live_targets_gone(p->source))
		p->gone_ns = 0;
	else if (!p->gone_ns)
		p->gone_ns = now_ns;
	else if (now_ns - p->gone_ns > PIPELINE_GONE_NS)
		pipeline_stop(p, "target exited");
}

static void pipeline_loop(struct px_pipeline *p)
{
	size_t count;

	while (!p->stop_reason) {
		int result = pipeline_drain(p, &count);
		uint64_t now = px_clock_mono_ns(), calm;

		if (result == PX_SOURCE_END) {
			pipeline_await_reader(p, 0);
			pipeline_stop(p, "end of file");
			break;
		}
		if (result < 0) {
			px_log(PX_LOG_ERROR, "%s",
			       p->source->error[0] ? p->source->error : strerror(-result));
			pipeline_stop(p, "failed");
			break;
		}
		if (!p->is_live) {
			if (count == 0 && p->source->ops->arm(p->source))
				pipeline_sleep(p, PIPELINE_IDLE_NS, true); /* a pipe with nothing in it yet */
			pipeline_signals(p);
			continue;
		}
		if (count > 0)
			p->last_event_ns = now;
		calm = now - p->last_event_ns;
		if (now - p->last_tick_ns > PIPELINE_IDLE_NS)
			pipeline_tick(p, now);
		if (p->opt->duration_ns && now - p->started_ns >= p->opt->duration_ns)
			pipeline_stop(p, "duration");
		if (p->ends_with_targets)
			pipeline_look_for_targets(p, now);
		if (p->stop_reason)
			break;
		if (count >= PIPELINE_BATCH) {
			/* more is there: go on */
		} else if (calm < PIPELINE_CALM_NS || px_table_is_waiting(&p->table) ||
			   p->gone_ns) {
			pipeline_sleep(p, PIPELINE_BUSY_NS, false);
		} else if (p->source->ops->arm(p->source)) {
			uint64_t sleep_ns = PIPELINE_IDLE_NS;

			if (p->opt->duration_ns &&
			    p->started_ns + p->opt->duration_ns - now < sleep_ns)
				sleep_ns = p->started_ns + p->opt->duration_ns - now;
			pipeline_sleep(p, sleep_ns, true);
		}
		pipeline_signals(p);
	}
}

/* The flow is stopped: take in what is under way, for a bounded time. */
static void pipeline_finish(struct px_pipeline *p)
{
	uint64_t deadline = px_clock_mono_ns() + PIPELINE_DRAIN_NS;
	size_t count = 1;

	if (p->is_live) {
		p->source->ops->stop(p->source);
		while (count > 0 && !px_report_is_full(&p->report) && !p->report.sink_error &&
		       px_clock_mono_ns() < deadline) {
			if (pipeline_drain(p, &count) < 0)
				break;
			pipeline_signals(p);
		}
		pipeline_tick(p, px_clock_mono_ns());
	}
}

static void pipeline_summary(struct px_pipeline *p, const struct px_report_stop *stop)
{
	struct px_out_stats out = px_out_stats(p->out);
	struct px_text_totals totals = {
		.messages = p->report.messages,
		.errors = p->report.errors,
		.connections = stop->table->conns_seen,
		.connections_from_start = stop->table->conns_from_start,
		.lost_events = p->report.lost_events,
		.lost_bytes = px_report_lost_bytes(&p->report, stop->table),
		.not_understood = stop->table->not_understood,
		.duration_ns = (int64_t)stop->duration_ns,
	};
	struct px_buf line = px_buf_of(1024);

	if (out.dropped_records)
		px_log(PX_LOG_WARN, "%llu records were not written: the reader was too slow",
		       (unsigned long long)out.dropped_records);
	if (px_text_totals_print(&line, &totals) == 0)
		px_log(PX_LOG_NOTE, "%.*s", (int)line.len, line.ptr);
	px_buf_fini(&line);
}

static int pipeline_open_output(struct px_pipeline *p, int *fd)
{
	const char *path = p->opt->output_file;
	struct px_error err;
	int rc;

	/* The command's output is left alone. */
	*fd = p->opt->command && !path ? STDERR_FILENO : STDOUT_FILENO;
	if (!px_options_print(p->opt))
		return px_out_new(&p->out, STDERR_FILENO, "standard error",
				  PX_OUT_QUEUE_DEFAULT); /* gets nothing */
	if (path && strcmp(path, "-") != 0) {
		*fd = px_file_create(path, &err);
		if (*fd < 0) {
			px_error_print(&err);
			return -1;
		}
	}
	rc = px_out_new(&p->out, *fd,
			path		       ? path
			: *fd == STDERR_FILENO ? "stderr"
					       : "stdout",
			PX_OUT_QUEUE_DEFAULT);
	if (rc)
		px_log(PX_LOG_ERROR, "%s: %s", path ? path : "stdout", strerror(-rc));
	return rc;
}

static int pipeline_open_save(struct px_pipeline *p)
{
	const struct px_options *o = p->opt;
	struct px_save_options save = {
		.path = o->write_file,
		.size_max = o->file_size * 1000000,
		.period_s = o->file_period_s,
		.file_count = o->file_count,
		.command = o->file_command,
		.no_redact = o->no_redact,
		.wall_ns = p->is_live ? px_clock_wall_ns() : 0,
	};
	struct px_error err;

	if (!o->write_file || px_save_new(&save, &p->save, &err) == 0)
		return 0;
	px_error_print(&err);
	return -1;
}

/*
 * Everything has come: complete the files, and say what is in them. False where something could not
 * be written.
 */
static bool pipeline_finish_save(struct px_pipeline *p)
{
	struct px_save_stats stats;
	int status;

	if (!p->save)
		return true;
	status = px_save_finish(p->save, (int)(PIPELINE_DRAIN_NS / MS));
	stats = px_save_stats(p->save);
	if (status < 0 && status != -EPIPE)
		px_log(PX_LOG_ERROR, "%s", px_save_error(p->save));
	if (stats.dropped_bytes)
		px_log(PX_LOG_WARN,
		       "%llu bytes of packets were not written: the reader was too slow",
		       (unsigned long long)stats.dropped_bytes);
	if (strcmp(p->opt->write_file, "-") != 0 && stats.files == 1)
		px_log(PX_LOG_NOTE, "%s: %llu packets, %llu bytes", px_save_path(p->save),
		       (unsigned long long)stats.packets, (unsigned long long)stats.bytes);
	else if (stats.files > 1)
		px_log(PX_LOG_NOTE, "%s: the last of %llu files, %llu packets, %llu bytes in all",
		       px_save_path(p->save), (unsigned long long)stats.files,
		       (unsigned long long)stats.packets, (unsigned long long)stats.bytes);
	px_save_free(p->save);
	p->save = NULL;
	return status >= 0 || status == -EPIPE;
}

static struct px_sink *pipeline_make_sink(struct px_pipeline *p, int fd)
{
	const struct px_options *o = p->opt;
	struct px_text_options text = {
		.width = px_term_width(fd),
		.colour = px_term_color(o->color, fd),
		.wide = o->is_wide,
		.verbosity = o->verbose,
		.time_style = (enum px_time_style)o->time_style,
		.slow_ns = (int64_t)o->slow_ns,
		.ascii = o->dump == 'A',
		.hex = o->dump == 'x',
		.hex_ascii = o->dump == 'X',
	};

	if (o->json)
		return px_sink_json_new(p->out);
	p->text = px_sink_text_new(p->out, &text);
	return p->text;
}

#define PIPELINE_TARGETS (PX_PIDS_MAX + 6 * PX_WORDS_MAX + PX_PORTS_MAX + PX_NETS_MAX + 2)

/* The targets as the start record tells them: "pid:4242", "unit:nginx", "all". Returns how many. */
static size_t pipeline_targets(const struct px_options *o, struct px_buf *text,
			       struct px_bytes *targets)
{
	const struct {
		const char *kind;
		const struct px_words *words;
	} kinds[] = {
		{ "comm", &o->comms },	   { "exe", &o->exes },	  { "uid", &o->uids },
		{ "cgroup", &o->cgroups }, { "unit", &o->units }, { "container", &o->containers },
	};
	size_t ends[PIPELINE_TARGETS], count = 0, at = 0;
	int err = 0;

	for (size_t i = 0; i < o->pids.count; i++) {
		err |= px_buf_printf(text, "pid:%u", o->pids.pid[i]);
		ends[count++] = text->len;
	}
	for (size_t k = 0; k < PX_COUNT(kinds); k++)
		for (size_t i = 0; i < kinds[k].words->count; i++) {
			err |= px_buf_printf(text, "%s:%s", kinds[k].kind, kinds[k].words->word[i]);
			ends[count++] = text->len;
		}
	for (size_t i = 0; i < o->ends.port_count; i++) {
		err |= px_buf_printf(text, "port:%u", o->ends.ports[i]);
		ends[count++] = text->len;
	}
	for (size_t i = 0; i < o->ends.net_count; i++) {
		const struct px_net *net = &o->ends.nets[i];
		char addr[INET6_ADDRSTRLEN];

		inet_ntop(net->is_v6 ? AF_INET6 : AF_INET, net->addr, addr, sizeof(addr));
		err |= px_buf_printf(text, "host:%s/%u", addr, net->bits);
		ends[count++] = text->len;
	}
	if (o->ends.role) {
		err |= px_buf_printf(text, "role:%s",
				     o->ends.role == PX_ROLE_CLIENT ? "client" : "server");
		ends[count++] = text->len;
	}
	if (o->command || o->all) {
		err |= o->command ? px_buf_printf(text, "command:%s", o->command[0])
				  : px_buf_printf(text, "all");
		ends[count++] = text->len;
	}
	if (err)
		return 0;
	for (size_t i = 0; i < count; at = ends[i++])
		targets[i] = px_bytes_of(text->ptr + at, ends[i] - at);
	return count;
}

static void pipeline_begin(struct px_pipeline *p, const struct px_run_info *info)
{
	struct px_bytes targets[PIPELINE_TARGETS];
	struct px_buf text = px_buf_of(1 << 20);
	size_t count = p->is_live ? pipeline_targets(p->opt, &text, targets) : 0;
	struct px_report_start start = { .probe = info->probe, .transport = info->transport };

	start.targets = targets;
	start.target_count = count;
	start.wall_ns = px_clock_wall_ns();
	px_report_start(&p->report, &start);
	px_buf_fini(&text);
	px_report_flush(&p->report);
	if (info->banner)
		px_log(PX_LOG_NOTE, "%s", info->banner);
}

/* Of what root may do, what is needed until the end. */
static unsigned int pipeline_keeps(const struct px_pipeline *p)
{
	return (p->opt->file_size || p->opt->file_period_s ? PX_KEEP_FILES : 0) |
	       (p->command && p->command->is_other_user ? PX_KEEP_KILL : 0);
}

int px_pipeline_run(const struct px_options *opt, struct px_source *source,
		    const struct px_run_info *info, int signal_fd)
{
	struct px_pipeline p = { .opt = opt,
				 .source = source,
				 .signal_fd = signal_fd,
				 .is_live = info->probe != NULL,
				 .ends_with_targets = info->ends_with_targets,
				 .command = info->command };
	struct px_report_stop stop = { 0 };
	struct px_table_options table;
	int fd = -1, code = PX_EXIT_FAILED, rc;
	struct px_error err;
	bool stdout_gone;

	px_report_init(&p.report, !opt->json, opt->no_redact);
	p.report.record.no_details =
		!px_options_print(opt) || !(opt->json || opt->verbose || opt->dump);
	p.report.with_conns = opt->conns;
	p.report.count_max = opt->count;
	p.report.wall_offset_ns = source->wall_offset_ns;
	px_table_defaults(&table);
	table.limits.body_max = opt->snaplen ? (size_t)opt->snaplen : SIZE_MAX;
	if (table.limits.body_max > table.frame_bytes_max / 4)
		table.frame_bytes_max = table.limits.body_max < SIZE_MAX / 8
						? table.limits.body_max * 4
						: (size_t)1 << 30;
	table.on_exchange = pipeline_exchange;
	table.on_open = pipeline_open;
	table.on_close = pipeline_close;
	table.on_lost = pipeline_lost;
	if (opt->write_file)
		table.on_event = pipeline_saved;
	if (p.is_live)
		table.on_control = pipeline_control;
	table.marks_start = info->probe && strcmp(info->probe, "sock") == 0;
	if (source->ops->is_new)
		table.is_new = pipeline_is_new;
	table.ctx = &p;
	if (px_table_init(&p.table, &table) != 0) {
		px_log(PX_LOG_ERROR, "out of memory");
		goto out_source;
	}
	if (pipeline_open_output(&p, &fd) != 0)
		goto out_table;
	p.output_fd = fd;
	if (px_options_print(opt)) {
		p.report.sinks[0] = pipeline_make_sink(&p, fd);
		if (!p.report.sinks[0]) {
			px_log(PX_LOG_ERROR, "out of memory");
			goto out_output;
		}
		p.report.sink_count = 1;
	}
	if (pipeline_open_save(&p) != 0)
		goto out_sink;
	pipeline_watch_pids(&p);
	rc = p.is_live ? px_privilege_drop(pipeline_keeps(&p)) : 0;
	if (rc)
		px_log(PX_LOG_WARN, "privileges are not given up: %s", strerror(-rc));
	p.started_ns = px_clock_mono_ns();
	p.last_event_ns = p.started_ns;
	p.last_tick_ns = p.started_ns;
	pipeline_begin(&p, info);
	if (p.command && px_command_go(p.command, opt->command[0], &err) != 0) {
		px_error_print(&err);
		code = (int)err.code;
		pipeline_finish_save(&p);
		goto out_sink;
	}

	pipeline_loop(&p);
	pipeline_finish(&p);
	p.report.wall_offset_ns = source->wall_offset_ns;
	px_table_fini(&p.table);
	if (p.is_live)
		pipeline_explain(&p);
	stop = (struct px_report_stop){ .reason = p.stop_reason,
					.wall_ns = pipeline_wall(&p),
					.duration_ns = px_clock_mono_ns() - p.started_ns,
					.table = &p.table.stats };
	px_report_stop(&p.report, &stop);
	px_report_flush(&p.report);
	stdout_gone = p.report.sink_error == -EPIPE ||
		      px_out_finish(p.out, (int)(PIPELINE_DRAIN_NS / MS)) == -EPIPE;
	code = strcmp(p.stop_reason, "failed") == 0 ? PX_EXIT_FAILED : PX_EXIT_OK;
	if (!stdout_gone) {
		const char *why = px_out_take_error(p.out);

		if (why) {
			px_log(PX_LOG_ERROR, "%s", why);
			code = PX_EXIT_FAILED;
		}
	}
	if (!pipeline_finish_save(&p))
		code = PX_EXIT_FAILED;
	if (!stdout_gone)
		pipeline_summary(&p, &stop);
	for (size_t i = 0; i < p.pid_count; i++)
		if (p.pid_fds[i] >= 0)
			close(p.pid_fds[i]);
	free(p.pid_fds);
out_sink:
	if (p.report.sink_count)
		p.report.sinks[0]->ops->free(p.report.sinks[0]);
out_output:
	px_out_free(p.out);
	if (fd > STDERR_FILENO)
		close(fd);
out_table:
	if (p.table.buckets)
		px_table_fini(&p.table);
	px_report_fini(&p.report);
out_source:
	source->ops->free(source);
	return code;
}
