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

static int aims_add(struct px_aims *a, uint32_t pid, struct px_error *err)
{
	char exe[PX_SOURCE_EXE_MAX];

	if (a->source->ops->add_target(a->source, pid, exe, err) != 0)
		return -1;
	if (a->report->whose)
		px_whose_tell(a->report->whose, pid, exe, px_clock_mono_ns());
	aims_note(a, pid, "is a target from now on");
	return 0;
}

static int aims_remove(struct px_aims *a, uint32_t pid, struct px_error *err)
{
	if (a->source->ops->remove_target(a->source, pid, err) != 0)
		return -1;
	aims_note(a, pid, "is no target any more");
	return 0;
}

/* One after the other, up to the first that cannot be done; *done says how many. */
static int aims_change(struct px_aims *a, const struct px_pids *pids, size_t *done,
		       int (*change)(struct px_aims *a, uint32_t pid, struct px_error *err),
		       struct px_error *err)
{
	int result = 0;

	for (*done = 0; *done < pids->count; ++*done) {
		result = change(a, pids->pid[*done], err);
		if (result != 0)
			break;
	}
	if (*done > 0)
		aims_settle(a);
	return result;
}

int px_aims_add(struct px_aims *a, const struct px_pids *pids, struct px_error *err)
{
	size_t done;
	int result;

	if (aims_check_live(a, err) != 0 || px_host_check_pids(pids, "", err) != 0)
		return -1;
	result = aims_change(a, pids, &done, aims_add, err);
	for (size_t i = 0; i < done; i++)
		aims_await_tls(a, pids->pid[i]);
	return result;
}

int px_aims_remove(struct px_aims *a, const struct px_pids *pids, struct px_error *err)
{
	size_t done;

	return aims_check_live(a, err) != 0 ? -1 : aims_change(a, pids, &done, aims_remove, err);
}

bool px_aims_each(const struct px_aims *a, px_source_target_fn fn, void *ctx)
{
	return a->source->ops->targets && a->source->ops->targets(a->source, fn, ctx);
}
