/* SPDX-License-Identifier: Apache-2.0 */
#include "aims.h"

#include <poll.h>
#include <stdio.h>

#include "base/clock.h"
#include "capture/live.h"
#include "capture/procs.h"
#include "cli/host.h"

#define AIMS_LATE_NS (3 * 1000000ull)	/* a program of the kernel side that was under way has ended */
#define AIMS_TLS_NS (10 * 1000000000ull)	/* compiling, on a slow host */
#define AIMS_WAIT_MS 10

static int aims_check_live(const struct px_aims *a, struct px_error *err)
{
	return a->source->ops->add_target
		       ? 0
		       : px_error_set(
				 err, PX_EXIT_USAGE, NULL,
				 "this is not a live trace: what was recorded has its processes");
}

static bool aims_is_out(void *ctx, const struct px_conn *c)
{
	const struct px_aims *a = ctx;

	return a->source->ops->left_out(a->source, c->pid, c->sock_id);
}

/* What was under way when somebody ceased to be a target is still told, and then no more. */
static void aims_settle(struct px_aims *a)
{
	uint64_t until_ns = px_clock_mono_ns() + AIMS_LATE_NS;

	do {
		a->turn(a->ctx);
		poll(NULL, 0, 1);
	} while (px_clock_mono_ns() < until_ns);
	a->turn(a->ctx);
	px_table_forget(a->table, aims_is_out, a);
	px_report_flush(a->report);
}

static void aims_note(struct px_aims *a, uint32_t pid, const char *what)
{
	struct px_proc p = { .comm = "?" };
	char text[160];

	if (!px_proc_read(pid, &p))
		snprintf(p.comm, sizeof(p.comm), "?");
	snprintf(text, sizeof(text), "%s[%u] %s", p.comm, pid, what);
	px_report_note(a->report, "target", text, px_clock_wall_ns());
}

/* Wait until the libraries of process pid have their probes. */
static void aims_await_tls(struct px_aims *a, uint32_t pid)
{
	uint64_t until_ns = px_clock_mono_ns() + AIMS_TLS_NS;
	struct px_tls_watch *w = px_live_tls(a->source);

	if (!w || !px_tls_watch_target(w, pid))
		return;
	while (a->notes->tls_looked != pid && px_clock_mono_ns() < until_ns) {
		struct pollfd p = { .fd = px_tls_watch_fd(w), .events = POLLIN };

		if (p.fd < 0)
			return;
		poll(&p, 1, AIMS_WAIT_MS);
		px_notes_tls(a->notes, w, false, px_clock_wall_ns());
		a->turn(a->ctx);
	}
	a->notes->tls_looked = 0;
}

int px_aims_add(struct px_aims *a, const struct px_pids *pids, struct px_error *err)
{
	if (aims_check_live(a, err) != 0 || px_host_check_pids(pids, "", err) != 0)
		return -1;
	for (size_t i = 0; i < pids->count; i++) {
		if (a->source->ops->add_target(a->source, pids->pid[i], err) != 0)
			return -1;
		if (a->report->whose)
			px_whose_of(a->report->whose, pids->pid[i], px_clock_mono_ns());
		aims_note(a, pids->pid[i], "is a target from now on");
	}
	aims_settle(a);
	for (size_t i = 0; i < pids->count; i++)
		aims_await_tls(a, pids->pid[i]);
	return 0;
}

int px_aims_remove(struct px_aims *a, const struct px_pids *pids, struct px_error *err)
{
	int result = aims_check_live(a, err);
	size_t done = 0;

	while (result == 0 && done < pids->count) {
		result = a->source->ops->remove_target(a->source, pids->pid[done], err);
		if (result == 0)
			aims_note(a, pids->pid[done++], "is no target any more");
	}
	if (done > 0)
		aims_settle(a);
	return result;
}

bool px_aims_each(const struct px_aims *a, px_source_target_fn fn, void *ctx)
{
	return a->source->ops->targets && a->source->ops->targets(a->source, fn, ctx);
}
