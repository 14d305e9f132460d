/* SPDX-License-Identifier: Apache-2.0 */
/* Parse the options, open the source, run the pipeline; nothing else. */
#include "base/file.h"
#include "base/log.h"
#include "capture/live.h"
#include "capture/replay.h"
#include "choice.h"
#include "cli/host.h"
#include "cli/options.h"
#include "command.h"
#include "inspect.h"
#include "parser.h"
#include "pipeline.h"
#include "record/field.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void main_list_protocols(void)
{
	for (size_t i = 0; px_parsers[i]; i++)
		printf("%-12s %s\n", px_parsers[i]->name, px_parsers[i]->spec);
}

static void main_list_fields(void)
{
	struct px_field_group groups[PX_CHOICE_TABLES_MAX];
	struct px_buf text = px_buf_of(1 << 20);
	size_t count = px_choice_tables(groups);

	if (px_fields_print(&text, groups, count) == 0)
		fwrite(text.ptr, 1, text.len, stdout);
	px_buf_fini(&text);
}

/* "nginx[4242], nginx[4243] +3": who is traced, in a line. */
static size_t main_pids(const struct px_pids *pids, char *text, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < pids->count; i++) {
		char path[64], comm[32] = "?";
		FILE *f;

		if (i == 4)
			return used +
			       (size_t)snprintf(text + used, size - used, " +%zu", pids->count - i);
		snprintf(path, sizeof(path), "/proc/%u/comm", pids->pid[i]);
		f = fopen(path, "re");
		if (f) {
			if (!fgets(comm, sizeof(comm), f))
				comm[0] = '\0';
			comm[strcspn(comm, "\n")] = '\0';
			fclose(f);
		}
		used += (size_t)snprintf(text + used, size - used, "%s%s[%u]", i ? ", " : "", comm,
					 pids->pid[i]);
	}
	return used;
}

static size_t main_words(const char *kind, const struct px_words *words, char *text, size_t size,
			 bool is_first)
{
	size_t used = 0;

	for (size_t i = 0; i < words->count && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%s %.40s",
					 i || !is_first ? i ? " or " : ", " : "", kind,
					 words->word[i]);
	return used < size ? used : size - 1;
}

/*
 * Who is traced, for the banner: "nginx[4242] +4 children", "name nginx (3 processes)", "all
 * processes".
 */
static void main_targets(const struct px_options *o, size_t processes, char *text, size_t size)
{
	const struct {
		const char *kind;
		const struct px_words *words;
	} kinds[] = {
		{ "name", &o->comms },	   { "program", &o->exes }, { "user", &o->uids },
		{ "cgroup", &o->cgroups }, { "unit", &o->units },   { "container", &o->containers },
	};
	size_t used = o->command ? (size_t)snprintf(text, size, "%.60s", o->command[0])
				 : main_pids(&o->pids, text, size);

	for (size_t i = 0; i < PX_COUNT(kinds); i++)
		used += main_words(kinds[i].kind, kinds[i].words, text + used, size - used,
				   used == 0);
	if (used == 0)
		snprintf(text, size, "all processes");
	else if (o->pids.count && processes > o->pids.count)
		snprintf(text + used, size - used, " +%zu child%s", processes - o->pids.count,
			 processes - o->pids.count == 1 ? "" : "ren");
	else if (!o->pids.count && !o->command && (o->comms.count || o->exes.count))
		snprintf(text + used, size - used, " (%zu process%s now)", processes,
			 processes == 1 ? "" : "es");
}

static int main_replay(const struct px_options *o, const struct px_choice *choice, int signal_fd)
{
	struct px_run_info run = { .choice = choice };
	struct px_source *source;
	struct px_error err;

	if ((o->write_file && px_file_is_same(o->read_file, o->write_file)) ||
	    (o->output_file && px_file_is_same(o->read_file, o->output_file)) ||
	    (o->sqlite_file && px_file_is_same(o->read_file, o->sqlite_file))) {
		px_log(PX_LOG_ERROR, "%s: cannot be read and written at once", o->read_file);
		return PX_EXIT_USAGE;
	}
	if (px_replay_open(o->read_file, &source, &err) != 0) {
		px_error_print(&err);
		return (int)err.code;
	}
	return px_pipeline_run(o, source, &run, signal_fd);
}

/* --check: with the targets that were named, else with this process itself, which costs nobody. */
static int main_check(const struct px_options *o, const struct px_target_words *asked,
		      const struct px_live_options *asked_live, char **argv)
{
	const uint32_t own_pid = (uint32_t)getpid();
	struct px_live_options live = *asked_live;
	struct px_target_words words = *asked;
	struct px_targets t = { 0 };
	struct px_error err;
	int code;

	if (!words.pid_count && o->all) {
		words.pids = &own_pid;
		words.pid_count = 1;
	}
	if (px_targets_resolve(&words, &t, &err) != 0) {
		px_error_print(&err);
		return (int)err.code;
	}
	live.targets = &t;
	code = px_inspect_host(o, &live, argv);
	px_targets_fini(&t);
	return code;
}

static int main_live(const struct px_options *o, const struct px_choice *choice, char **argv,
		     struct px_command *command, int signal_fd)
{
	static const enum px_probe probes[] = { PX_PROBE_AUTO, PX_PROBE_SOCK, PX_PROBE_TRACEPOINT,
						PX_PROBE_KPROBE, PX_PROBE_FENTRY };
	static const enum px_transport transports[] = { PX_TRANSPORT_AUTO, PX_TRANSPORT_RING,
							PX_TRANSPORT_PERF };
	const uint32_t command_pid = (uint32_t)command->pid;
	const bool with_conns = o->conns || px_options_tables(o);
	const struct px_target_words words = {
		.pids = command_pid ? &command_pid : o->pids.pid,
		.pid_count = command_pid ? 1 : o->pids.count,
		.is_watched = command_pid != 0,
		.follow = px_options_follow(o),
		.later = o->interactive && (!o->all || o->unchosen),
		.unchosen = o->interactive && o->all && o->unchosen,
		.comms = o->comms,
		.exes = o->exes,
		.uids = o->uids,
		.cgroups = o->cgroups,
		.units = o->units,
		.containers = o->containers,
		.ends = o->ends,
	};
	struct px_targets t = { 0 };
	char targets[512];
	struct px_live_options live = {
		.targets = &t,
		.probe = probes[o->probe],
		.transport = transports[o->transport],
		.ring_bytes = (size_t)o->buffer_size,
		.snaplen = o->snaplen > UINT32_MAX ? UINT32_MAX : (uint32_t)o->snaplen,
		.datagrams = px_options_packets(o) || with_conns || px_choice_has_datagrams(choice),
		.datagram_max = px_options_packets(o)		  ? PX_LIVE_DATAGRAM
				: px_choice_has_datagrams(choice) ? PX_LIVE_DATAGRAM_MESSAGE
								  : 0,
		.ends = with_conns,
		.processes = o->verbose && px_options_follow(o),
		.tls = !o->no_tls,
		.tls_program = o->command ? o->command[0] : NULL,
		.tls_ahead = px_options_follow(o) || !o->pids.count,
		.tls_file = o->libssl,
		.debug = o->debug,
	};
	struct px_live_info info = { 0 };
	struct px_run_info run = { .choice = choice };
	struct px_source *source;
	struct px_host host;
	struct px_error err;

	if (o->action == PX_ACTION_CHECK)
		return main_check(o, &words, &live, argv);
	px_host_read(&host, "");
	if (px_host_check(&host, o, argv, &err) != 0 ||
	    px_host_check_pids(&o->pids, "", &err) != 0 ||
	    px_targets_resolve(&words, &t, &err) != 0 ||
	    px_live_open(&live, &source, &info, &err) != 0) {
		px_error_print(&err);
		px_targets_fini(&t);
		return (int)err.code;
	}
	if (t.note[0])
		px_log(PX_LOG_WARN, "%s", t.note);
	for (size_t i = 0; i < PX_COUNT(info.notes) && info.notes[i][0]; i++)
		px_log(PX_LOG_WARN, "%s", info.notes[i]);
	main_targets(o, info.processes, targets, sizeof(targets));
	run.probe = px_probe_name(info.probe);
	run.transport = px_transport_name(info.transport);
	run.banner = targets;
	run.probes = info.probes;
	run.ends_with_targets = (t.follow || t.is_watched || t.later) && t.pid_count;
	run.command = command_pid ? command : NULL;
	px_targets_fini(&t);
	return px_pipeline_run(o, source, &run, signal_fd);
}

/* What needs neither target nor privileges. */
static int main_print(const struct px_options *o)
{
	int code = PX_EXIT_OK;

	switch (o->action) {
	case PX_ACTION_HELP:
		px_help_print(stdout);
		break;
	case PX_ACTION_VERSION:
		px_version_print(stdout);
		break;
	case PX_ACTION_LIST_FIELDS:
		main_list_fields();
		break;
	case PX_ACTION_LIST_PROTOCOLS:
		main_list_protocols();
		break;
	case PX_ACTION_TRACE:
	case PX_ACTION_CHECK:
		break;
	case PX_ACTION_LIST_TARGETS:
		code = px_inspect_list(o);
		break;
	}
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	px_log(PX_LOG_ERROR, "standard output: %s", strerror(errno));
	return PX_EXIT_FAILED;
}

static int main_trace(struct px_options *o, char **argv)
{
	struct px_command command = { 0 };
	struct px_choice choice;
	struct px_error err;
	int signal_fd, code;

	/* A command is started before signals are blocked: it has them as they were. */
	if (px_choice_init(&choice, o, &err) != 0 ||
	    (o->command && px_command_start(&command, o->command, o->run_as, &err) != 0)) {
		px_error_print(&err);
		px_choice_fini(&choice);
		return (int)err.code;
	}
	signal_fd = px_pipeline_signals();
	if (signal_fd < 0) {
		px_log(PX_LOG_ERROR, "signalfd: %s", strerror(-signal_fd));
		code = PX_EXIT_FAILED;
	} else if (o->read_file) {
		code = main_replay(o, &choice, signal_fd);
	} else {
		code = main_live(o, &choice, argv, &command, signal_fd);
		if (command.pid && command.go < 0)
			code = px_command_wait(&command, signal_fd);
		else
			px_command_drop(&command);
	}
	px_choice_fini(&choice);
	return code;
}

int main(int argc, char **argv)
{
	struct px_options o;
	struct px_error err;

	if (px_options_parse(argc, argv, &o, &err) != 0) {
		px_error_print(&err);
		return (int)err.code;
	}
	if (o.action != PX_ACTION_TRACE && o.action != PX_ACTION_CHECK)
		return main_print(&o);
	px_log_init(o.debug ? PX_LOG_DEBUG : o.quiet ? PX_LOG_ERROR : PX_LOG_NOTE);
	px_options_warn(&o, px_log_warn_line);
	return main_trace(&o, argv);
}
