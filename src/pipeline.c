/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "capture/live.h"
#include "cli/privilege.h"
#include "cli/term.h"
#include "wiring.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define MS 1000000ull
#define PIPELINE_BATCH 16384		/* events between two looks at signals and outputs */
#define PIPELINE_BUSY_NS (4 * MS)	/* between two batches while events flow: waking costs more than ten events */
#define PIPELINE_FLOOD_NS (MS / 2)	/* the same while they pour */
#define PIPELINE_FEW 16			/* events in a batch: the next may come later */
#define PIPELINE_MANY 64		/* events in a batch: the next should come earlier */
#define PIPELINE_CALM_NS (100 * MS)	/* after this time without an event, sleep until the kernel side wakes us */
#define PIPELINE_IDLE_NS (1000 * MS)	/* how long such a sleep may take */
#define PIPELINE_DRAIN_NS (1000 * MS)	/* for what is under way when the run ends */
#define PIPELINE_ONCE_NS (250 * MS)	/* two SIGINTs so close are one: timeout(1) sends it to us and to our group */
#define PIPELINE_GONE_NS (10 * MS)	/* an ending process closes its sockets within this time */
#define PIPELINE_FDS 7			/* that a sleep waits for, beside processes; the last is the shell's */
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

/*
 * How long to wait after a batch of count events. The traced process may wait for the CPU that we
 * use, and who talks to it then waits as well: many short turns cost them less than few long ones.
 */
static uint64_t pipeline_pause(struct px_pipeline *p, size_t count)
{
	if (count > PIPELINE_MANY && p->pause_ns > PIPELINE_FLOOD_NS)
		p->pause_ns /= 2;
	else if (count < PIPELINE_FEW && p->pause_ns < PIPELINE_BUSY_NS)
		p->pause_ns *= 2;
	return p->pause_ns;
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

/* The table of -S, as far as it goes. */
static void pipeline_tell_sums(struct px_pipeline *p)
{
	bool is_data = p->opt->summary_only;

	px_sums_tell(&p->sums, &p->report, p->opt->json, is_data ? p->outputs.out : NULL,
		     p->opt->is_wide ? 0 : px_term_width(is_data ? p->outputs.fd : STDERR_FILENO),
		     p->is_live ? px_clock_mono_ns() - p->started_ns : 0, pipeline_wall(p));
}

static void pipeline_signals(struct px_pipeline *p)
{
	struct px_source_loss loss = { 0 };
	struct signalfd_siginfo si;

	while (read(p->signal_fd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		bool is_end =
			si.ssi_signo == SIGINT || si.ssi_signo == SIGTERM || si.ssi_signo == SIGHUP;

		if (is_end && p->command &&
		    px_command_signal(p->command, (int)si.ssi_signo, si.ssi_code == SI_KERNEL))
			continue;
		switch (si.ssi_signo) {
		case SIGINT:
			if (px_talk_interrupt(&p->talk))
				break;
			if (!p->interrupted_ns) {
				p->interrupted_ns = px_clock_mono_ns();
				pipeline_stop(p, "interrupted");
			} else if (px_clock_mono_ns() - p->interrupted_ns > PIPELINE_ONCE_NS) {
				_exit(PX_EXIT_INTERRUPTED);	/* the second one: at once */
			}
			break;
		case SIGUSR1:
			p->source->ops->loss(p->source, &loss);
			px_notes_statistics(&p->notes, &loss, px_out_pending(p->outputs.out));
			pipeline_tell_sums(p);
			break;
		case SIGWINCH:
			px_outputs_resize(&p->outputs);
			px_talk_resize(&p->talk);
			break;
		default:
			pipeline_stop(p, "terminated");
			px_talk_stop(&p->talk);
			break;
		}
	}
}

static void pipeline_know(void *ctx, const struct px_source_target *t)
{
	px_whose_of(ctx, t->pid, px_clock_mono_ns());
}

/* Look at those that are targets now, while we have the privilege to. */
static void pipeline_know_targets(struct px_pipeline *p)
{
	p->report.whose = px_whose_new();
	if (!p->report.whose || p->opt->command) /* who waits to become that is still ourselves */
		return;
	for (size_t i = 0; i < p->opt->pids.count; i++)
		px_whose_of(p->report.whose, p->opt->pids.pid[i], px_clock_mono_ns());
	p->source->ops->targets(p->source, pipeline_know, p->report.whose);
}

/* Sleep until something is to be done, at most timeout_ns. */
static void pipeline_sleep(struct px_pipeline *p, uint64_t timeout_ns, bool is_armed)
{
	struct timespec ts = { .tv_sec = (time_t)(timeout_ns / 1000000000ull),
			       .tv_nsec = (long)(timeout_ns % 1000000000ull) };
	struct px_tls_watch *tls = p->is_live ? px_live_tls(p->source) : NULL;
	struct pollfd fds[PIPELINE_FDS + PX_PIDS_MAX];
	bool is_partial = p->banner && !p->is_whole;
	const struct pollfd own[PIPELINE_FDS] = {
		{ p->signal_fd, POLLIN, 0 },
		{ is_armed ? p->source->fd : -1, POLLIN, 0 },
		{ px_out_fd_wants_write(p->outputs.out), POLLOUT, 0 },
		{ p->outputs.save ? px_save_fd_wants_write(p->outputs.save) : -1, POLLOUT, 0 },
		{ is_partial ? px_live_rest_fd(p->source) : -1, POLLIN, 0 },
		{ tls ? px_tls_watch_fd(tls) : -1, POLLIN, 0 },
		{ px_talk_fd(&p->talk), POLLIN, 0 },
	};

	memcpy(fds, own, sizeof(own));
	px_watched_fill(&p->watched, fds + PIPELINE_FDS);
	if (ppoll(fds, PIPELINE_FDS + p->watched.count, &ts, NULL) > 0) {
		if (px_watched_look(&p->watched, fds + PIPELINE_FDS))
			pipeline_stop(p, "target exited");
		if (fds[PIPELINE_FDS - 1].revents)
			px_talk_read(&p->talk);
	}
	if (px_talk_is_over(&p->talk))
		pipeline_stop(p, "shell ended");
}

/* What those who look into TLS libraries have to say. */
static void pipeline_hear_tls(struct px_pipeline *p)
{
	if (p->is_live && !p->banner)
		px_notes_tls(&p->notes, px_live_tls(p->source), false, pipeline_wall(p));
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
	if (loss.foreign > 0)
		px_notes_tell_foreign(&p->notes, pipeline_wall(p));
	if (loss.spliced > 0 && p->is_whole)
		px_notes_tell_spliced(&p->notes, loss.sees_splice, pipeline_wall(p));
	if (now_ns - p->started_ns > PIPELINE_SILENCE_NS)
		px_notes_explain(&p->notes, &loss, pipeline_wall(p));
	px_talk_tick(&p->talk);
}

static void pipeline_flush_save(struct px_pipeline *p, bool is_calm)
{
	const char *reason = px_outputs_flush_save(&p->outputs, is_calm);

	if (reason)
		pipeline_stop(p, reason);
}

/* Files do not run away: wait for who reads the output until at most this much waits for it. */
static void pipeline_await_reader(struct px_pipeline *p, size_t most)
{
	while (!p->stop_reason && px_outputs_pending(&p->outputs) > most) {
		px_report_flush(&p->report);
		pipeline_flush_save(p, false);
		if (p->report.sink_error)
			pipeline_stop(p, p->report.sink_error == -EPIPE ? "reader gone"
									: "output failed");
		if (!px_outputs_are_blocked(&p->outputs))
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
	if (ev->hdr->kind == PX_ABI_PROC) {
		px_notes_process(&p->notes, ev);
		return;
	}
	px_table_event(&p->table, ev);
	if (!p->is_live && px_outputs_pending(&p->outputs) > PX_OUT_QUEUE_DEFAULT / 2)
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

static void pipeline_banner(struct px_pipeline *p)
{
	px_notes_banner(&p->notes, p->banner, p->probes);
	p->banner = NULL;
}

/* Say that everything is set up, once it is. wait: come back only then. */
static void pipeline_complete(struct px_pipeline *p, bool wait)
{
	const char *note;

	if (!p->banner)
		return;
	if (!p->is_whole && !px_live_is_whole(p->source, wait, &note))
		return;
	if (!p->is_whole && note[0])
		px_log(PX_LOG_WARN, "%s", note);
	p->is_whole = true;
	if (px_notes_tls(&p->notes, px_live_tls(p->source), wait, pipeline_wall(p)))
		pipeline_banner(p);
}

/* Take in what there is, and look at all that may end the run. Returns how many events came. */
static size_t pipeline_round(struct px_pipeline *p)
{
	size_t count;
	int result = pipeline_drain(p, &count);
	uint64_t now = px_clock_mono_ns();

	if (result == PX_SOURCE_END) {
		pipeline_await_reader(p, 0);
		pipeline_stop(p, "end of file");
	} else if (result < 0) {
		px_log(PX_LOG_ERROR, "%s",
		       p->source->error[0] ? p->source->error : strerror(-result));
		pipeline_stop(p, "failed");
	}
	if (!p->is_live || p->stop_reason)
		return count;
	pipeline_complete(p, false);
	if (count > 0)
		p->last_event_ns = now;
	if (now - p->last_tick_ns > PIPELINE_IDLE_NS)
		pipeline_tick(p, now);
	if (p->opt->duration_ns && now - p->started_ns >= p->opt->duration_ns)
		pipeline_stop(p, "duration");
	if (p->ends_with_targets)
		pipeline_look_for_targets(p, now);
	return count;
}

/* For the shell, while what was typed is done. */
static void pipeline_turn(void *ctx)
{
	struct px_pipeline *p = ctx;

	if (p->is_live && !p->stop_reason)
		pipeline_round(p);
	pipeline_signals(p);
}

static void pipeline_loop(struct px_pipeline *p)
{
	while (!p->stop_reason) {
		size_t count = pipeline_round(p);
		uint64_t now = px_clock_mono_ns(), calm;

		if (p->stop_reason)
			break;
		if (!p->is_live) {
			if (now - p->last_tick_ns > PIPELINE_IDLE_NS) {
				p->last_tick_ns = now;
				px_notes_progress(&p->notes, p->source);
			}
			if (count == 0 && p->source->ops->arm(p->source))
				pipeline_sleep(p, PIPELINE_IDLE_NS, true); /* a pipe with nothing in it yet */
			pipeline_signals(p);
			continue;
		}
		calm = now - p->last_event_ns;
		if (count >= PIPELINE_BATCH) {
			/* more is there: go on */
		} else if (calm < PIPELINE_CALM_NS || px_table_is_waiting(&p->table) ||
			   p->gone_ns) {
			pipeline_sleep(p, pipeline_pause(p, count), false);
		} else if (p->source->ops->arm(p->source)) {
			uint64_t sleep_ns = PIPELINE_IDLE_NS;

			if (p->opt->duration_ns &&
			    p->started_ns + p->opt->duration_ns - now < sleep_ns)
				sleep_ns = p->started_ns + p->opt->duration_ns - now;
			pipeline_sleep(p, sleep_ns, true);
		}
		pipeline_signals(p);
		if (count == 0)
			pipeline_hear_tls(p);
	}
}

/* The trace is over, and the user is not. */
static void pipeline_talk(struct px_pipeline *p)
{
	if (p->is_live && px_talk_fd(&p->talk) >= 0)
		px_log(PX_LOG_NOTE, "the trace is over (%s), the shell is not", p->stop_reason);
	while (px_talk_fd(&p->talk) >= 0) {
		px_talk_tick(&p->talk);
		pipeline_sleep(p, PIPELINE_IDLE_NS, false);
		pipeline_signals(p);
	}
}

/* The flow is stopped: take in what is under way, for a bounded time. */
static void pipeline_finish(struct px_pipeline *p)
{
	uint64_t deadline;
	size_t count = 1;

	px_log_progress(NULL);
	if (p->is_live) {
		p->source->ops->stop(p->source);
		/* To take off many probes may last longer than the drain. */
		deadline = px_clock_mono_ns() + PIPELINE_DRAIN_NS;
		while (count > 0 && !px_report_is_full(&p->report) && !p->report.sink_error &&
		       px_clock_mono_ns() < deadline) {
			if (pipeline_drain(p, &count) < 0)
				break;
			pipeline_signals(p);
		}
		pipeline_tick(p, px_clock_mono_ns());
	}
}

/* Of what root may do, what is needed until the end. */
static unsigned int pipeline_keeps(const struct px_pipeline *p)
{
	const struct px_options *o = p->opt;
	bool later = o->file_size || o->file_period_s || o->sqlite_file || o->interactive;

	return (later ? PX_KEEP_FILES : 0) |
	       (p->command && p->command->is_other_user ? PX_KEEP_KILL : 0);
}

/* The run is over, all has come: say what it came to. Returns the exit code. */
static int pipeline_conclude(struct px_pipeline *p)
{
	struct px_report_stop stop = { .reason = p->stop_reason,
				       .wall_ns = pipeline_wall(p),
				       .duration_ns = px_clock_mono_ns() - p->started_ns,
				       .table = &p->table.stats };
	int code = strcmp(p->stop_reason, "failed") == 0 ? PX_EXIT_FAILED : PX_EXIT_OK;
	bool found_none = p->opt->exit_status && p->report.messages == 0;
	struct px_out *out = p->outputs.out;
	bool stdout_gone;
	int answered;

	if (p->opt->json || p->opt->summary_only)
		pipeline_tell_sums(p);
	px_report_stop(&p->report, &stop);
	px_report_flush(&p->report);
	answered = px_database_conclude(&p->database, out, p->outputs.fd, p->signal_fd);
	if (answered)
		code = answered;
	stdout_gone = p->report.sink_error == -EPIPE ||
		      px_out_finish(out, (int)(PIPELINE_DRAIN_NS / MS)) == -EPIPE;
	if (!stdout_gone) {
		const char *why = px_out_take_error(out);

		if (why) {
			px_log(PX_LOG_ERROR, "%s", why);
			code = PX_EXIT_FAILED;
		}
	}
	if (!px_outputs_finish_save(&p->outputs, (int)(PIPELINE_DRAIN_NS / MS)))
		code = PX_EXIT_FAILED;
	if (!stdout_gone) {
		struct px_out_stats stats = px_out_stats(out);

		px_notes_summary(&p->notes, &stop, &stats);
	}
	if (!p->opt->json && !p->opt->summary_only)
		pipeline_tell_sums(p);
	if (px_sums_write_map(&p->sums, p->is_live ? stop.duration_ns : 0) != 0)
		code = PX_EXIT_FAILED;
	return code == PX_EXIT_OK && found_none ? PX_EXIT_FAILED : code;
}

int px_pipeline_run(const struct px_options *opt, struct px_source *source,
		    const struct px_run_info *info, int signal_fd)
{
	struct px_pipeline p = { .opt = opt,
				 .source = source,
				 .signal_fd = signal_fd,
				 .is_live = info->probe != NULL,
				 .ends_with_targets = info->ends_with_targets,
				 .command = info->command,
				 .banner = info->banner,
				 .probes = info->probes };
	struct px_error err;
	int code = px_wiring_open(&p, info, pipeline_turn), rc;

	if (code != PX_EXIT_OK)
		goto out;
	code = PX_EXIT_FAILED;
	if (p.is_live)
		pipeline_know_targets(&p);
	if (p.is_live && !p.ends_with_targets)
		px_watched_init(&p.watched, &opt->pids);
	rc = p.is_live ? px_privilege_drop(pipeline_keeps(&p)) : 0;
	if (rc)
		px_log(PX_LOG_WARN, "privileges are not given up: %s", strerror(-rc));
	p.started_ns = px_clock_mono_ns();
	p.last_event_ns = p.started_ns;
	p.pause_ns = PIPELINE_BUSY_NS;
	p.last_tick_ns = p.started_ns;
	px_notes_begin(&p.notes, info->probe, info->transport);
	pipeline_complete(&p, p.command != NULL);
	if (p.command && px_command_go(p.command, opt->command[0], &err) != 0) {
		px_error_print(&err);
		code = (int)err.code;
		px_outputs_finish_save(&p.outputs, (int)(PIPELINE_DRAIN_NS / MS));
		goto out;
	}

	if (opt->interactive && p.is_live && px_talk_begin(&p.talk) != 0)
		goto out;
	pipeline_loop(&p);
	if (p.banner) /* it was over sooner */
		pipeline_banner(&p);
	pipeline_finish(&p);
	p.report.wall_offset_ns = source->wall_offset_ns;
	px_table_fini(&p.table);
	if (p.is_live) {
		struct px_source_loss loss = { 0 };

		source->ops->loss(source, &loss);
		px_notes_explain(&p.notes, &loss, pipeline_wall(&p));
		if (px_log_shows(PX_LOG_DEBUG))
			px_notes_control(&p.notes, &loss);
	}
	/* A file has been read when the first question comes. */
	if (opt->interactive && !p.is_live && px_talk_begin(&p.talk) != 0)
		goto out;
	pipeline_talk(&p);
	code = pipeline_conclude(&p);
	if (code == PX_EXIT_OK)
		code = p.talk.code;
out:
	px_watched_fini(&p.watched);
	px_wiring_close(&p);
	source->ops->free(source);
	return code;
}
