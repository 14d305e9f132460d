/* SPDX-License-Identifier: Apache-2.0 */
#include "notes.h"

#include "base/clock.h"
#include "base/log.h"
#include "capture/replay.h"
#include "sink/text_aside.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOTES_TLS_MS 5000	/* until the probes are there that a command must find */
#define NOTES_TARGETS (PX_PIDS_MAX + 6 * PX_WORDS_MAX + PX_PORTS_MAX + PX_NETS_MAX + 2)

void px_notes_statistics(const struct px_notes *n, const struct px_source_loss *loss,
			 size_t pending)
{
	px_log(PX_LOG_ERROR,
	       "%llu events, %llu messages, %llu errors, %zu connections now, %llu in all, %llu events lost, "
	       "%zu bytes waiting to be written",
	       (unsigned long long)n->table->stats.events, (unsigned long long)n->report->messages,
	       (unsigned long long)n->report->errors, n->table->conn_count,
	       (unsigned long long)n->table->stats.conns_seen,
	       (unsigned long long)loss->ring_events, pending);
}

void px_notes_progress(const struct px_notes *n, const struct px_source *source)
{
	int percent = px_replay_percent(source);
	char text[320], part[16] = "";

	if (!n->opt->output_file && px_options_print(n->opt) && isatty(STDOUT_FILENO))
		return;
	if (percent >= 0)
		snprintf(part, sizeof(part), " %d %%,", percent);
	snprintf(text, sizeof(text), "reading %.200s:%s %llu messages",
		 strcmp(n->opt->read_file, "-") == 0 ? "standard input" : n->opt->read_file, part,
		 (unsigned long long)n->report->messages);
	px_log_progress(text);
}

void px_notes_control(const struct px_notes *n, const struct px_source_loss *loss)
{
	const struct px_table_stats *s = &n->table->stats;

	px_log(PX_LOG_DEBUG,
	       "%llu events, %llu bytes announced and not copied, %llu connections dropped with %llu bytes",
	       (unsigned long long)s->events, (unsigned long long)loss->uncopied_bytes,
	       (unsigned long long)s->dropped, (unsigned long long)s->dropped_bytes);
}

/* "\x16\x03\x01..." */
static void notes_bytes(const struct px_decode_env *env, char *out, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < env->unknown_len && used + 5 < size; i++) {
		unsigned char c = (unsigned char)env->unknown[i];
		bool is_plain = c >= 0x20 && c < 0x7f && c != '\\' && c != '"';

		used += (size_t)snprintf(out + used, size - used, is_plain ? "%c" : "\\x%02x", c);
	}
	out[used] = '\0';
}

/* A record of TLS: its type is 20 to 23, its version 3.x (RFC 8446 section 5.1). */
static bool notes_is_tls(const struct px_decode_env *env)
{
	return env->unknown_len >= 3 && env->unknown[0] >= 20 && env->unknown[0] <= 23 &&
	       env->unknown[1] == 3 && env->unknown[2] <= 4;
}

static void notes_silence(const struct px_notes *n, const struct px_source_loss *loss, char *text,
			  size_t size)
{
	const struct px_decode_env *env = &n->table->decode_env;
	const struct px_table_stats *s = &n->table->stats;
	const char *which = s->conns_seen && s->conns_unix == s->conns_seen ? "UNIX " : "";
	const unsigned long long conns = s->conns_seen, datagrams = n->table->peers.datagrams;
	const char *many = conns == 1 ? "" : "s";
	const char *none = n->opt->protos.count || n->opt->no_protos.count
				   ? "of none of the protocols that were asked for"
				   : "of no protocol that pxtrace knows";
	const char *stranger = n->stranger_count ? n->strangers[0].text : "a library";
	char bytes[4 * sizeof(env->unknown) + 1];

	notes_bytes(env, bytes, sizeof(bytes));
	if (n->report->filtered)
		snprintf(text, size, "%llu message%s, none of which the filter expression wants",
			 (unsigned long long)n->report->filtered,
			 n->report->filtered == 1 ? "" : "s");
	else if (loss->foreign && !env->unknown_len)
		snprintf(
			text, size,
			"bytes move by io_uring, asynchronous I/O or 32-bit system calls only: these are not seen");
	else if (s->events == 0)
		snprintf(text, size, "no socket traffic of the traced process has been seen");
	else if (n->hidden || notes_is_tls(env))
		snprintf(
			text, size,
			"%llu connection%s, encrypted (TLS) by %.*s that is not looked into; pxtrace --check -p PID names those that are",
			conns, many, (int)strcspn(stranger, ";"), stranger);
	else if (env->not_understood_bytes > 0)
		snprintf(
			text, size,
			"%llu bytes on %llu %sconnection%s, %s; the first are \"%s\"",
			(unsigned long long)env->not_understood_bytes, conns, which, many, none, bytes);
	else if (s->conns_seen == 0 && n->table->datagrams.understood > 0)
		snprintf(text, size, "%llu datagram%s, no complete exchange yet", datagrams,
			 datagrams == 1 ? "" : "s");
	else if (s->conns_seen == 0)
		snprintf(text, size, "%llu datagram%s, %s", datagrams, datagrams == 1 ? "" : "s",
			 none);
	else if (*which)
		snprintf(text, size,
			 "only UNIX sockets: %llu connection%s, no complete message yet", conns,
			 many);
	else
		snprintf(text, size, "%llu connection%s, no complete message yet", conns, many);
}

void px_notes_explain(struct px_notes *n, const struct px_source_loss *loss, int64_t wall_ns)
{
	char text[320];

	if (n->explained || n->report->messages > 0 || !n->is_live)
		return;
	n->explained = true;
	notes_silence(n, loss, text, sizeof(text));
	if (n->opt->json)
		px_log(PX_LOG_NOTE, "nothing to show yet: %s", text);
	px_report_note(n->report, "silence", text, wall_ns);
}

void px_notes_process(struct px_notes *n, const struct px_event *ev)
{
	bool is_exec = ev->hdr->state == PX_ABI_PROC_EXEC;
	struct px_abi_proc proc;
	char text[64];

	if (ev->data.len < sizeof(proc) || (!is_exec && ev->hdr->state != PX_ABI_PROC_EXIT))
		return;
	memcpy(&proc, ev->data.ptr, sizeof(proc));
	proc.path[sizeof(proc.path) - 1] = '\0';
	if (WIFSIGNALED(proc.status)) {
		const char *name = sigabbrev_np(WTERMSIG(proc.status));

		snprintf(text, sizeof(text), "killed by %s%s", name ? "SIG" : "a signal",
			 name ? name : "");
	} else {
		snprintf(text, sizeof(text), "exit status %d", WEXITSTATUS(proc.status));
	}
	px_report_process(n->report, ev->hdr, is_exec ? "exec" : "exit",
			  !is_exec	 ? text
			  : proc.path[0] ? proc.path
					 : "-",
			  is_exec ? -1 : (int64_t)proc.age_ns);
}

static void notes_warn(struct px_notes *n, bool *told, const char *what, const char *text,
		       int64_t wall_ns)
{
	if (*told)
		return;
	*told = true;
	if (n->opt->json)
		px_log(PX_LOG_WARN, "%s", text);
	px_report_note(n->report, what, text, wall_ns);
}

void px_notes_tell_foreign(struct px_notes *n, int64_t wall_ns)
{
	notes_warn(n, &n->told_foreign, "foreign",
		   "the process uses io_uring, asynchronous I/O or 32-bit system calls: what they "
		   "move through sockets is not seen",
		   wall_ns);
}

void px_notes_tell_spliced(struct px_notes *n, bool is_seen, int64_t wall_ns)
{
	notes_warn(n, &n->told_spliced, "splice",
		   is_seen ? "the process uses splice: what it moves out of sockets by that is "
			     "counted from now on; with --probe=tracepoint from the start"
			   : "the process uses splice: what it moves out of sockets by that is not "
			     "seen; with --probe=tracepoint it is counted",
		   wall_ns);
}

void px_notes_tell_untied(struct px_notes *n, int64_t wall_ns)
{
	notes_warn(n, &n->told_untied, "tls",
		   "messages of TLS connections whose sockets were not known when they passed are "
		   "left out: --port, --host and --role cannot choose among them",
		   wall_ns);
}

void px_notes_summary(const struct px_notes *n, const struct px_report_stop *stop,
		      const struct px_out_stats *out)
{
	struct px_text_totals totals = {
		.messages = n->report->messages,
		.errors = n->report->errors,
		.filtered = n->report->filtered,
		.connections = stop->table->conns_seen,
		.connections_from_start = stop->table->conns_from_start,
		.lost_events = n->report->lost_events,
		.lost_bytes = px_report_lost_bytes(n->report, stop->table),
		.not_understood = stop->table->not_understood,
		.duration_ns = (int64_t)stop->duration_ns,
	};
	struct px_buf line = px_buf_of(1024);

	if (out->dropped_records)
		px_log(PX_LOG_WARN, "%llu records were not written: the reader was too slow",
		       (unsigned long long)out->dropped_records);
	if (px_text_totals_print(&line, &totals) == 0)
		px_log(PX_LOG_NOTE, "%.*s", (int)line.len, line.ptr);
	px_buf_fini(&line);
}

/* The targets as the start record tells them: "pid:4242", "unit:nginx", "all". Returns how many. */
static size_t notes_targets(const struct px_options *o, struct px_buf *text,
			    struct px_bytes *targets)
{
	const struct {
		const char *kind;
		const struct px_words *words;
	} kinds[] = {
		{ "comm", &o->comms },	   { "exe", &o->exes },	  { "uid", &o->uids },
		{ "cgroup", &o->cgroups }, { "unit", &o->units }, { "container", &o->containers },
	};
	size_t ends[NOTES_TARGETS], count = 0, at = 0;
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

/* Name a library in the banner, once: "OpenSSL 3 (/usr/lib/..)" without its file. */
static void notes_name_library(struct px_notes *n, const char *text)
{
	size_t used = strlen(n->tls), len = strcspn(text, "(");
	char name[64];

	snprintf(name, sizeof(name), ", %.*s", (int)(len ? len - 1 : 0), text);
	if (!strstr(n->tls, name))
		snprintf(n->tls + used, sizeof(n->tls) - used, "%s", name);
}

static struct px_notes_stranger *notes_stranger_of(struct px_notes *n, uint32_t pid)
{
	for (size_t i = 0; i < n->stranger_count && i < PX_NOTES_STRANGERS; i++)
		if (n->strangers[i].pid == pid)
			return &n->strangers[i];
	return NULL;
}

static void notes_stranger(struct px_notes *n, const struct px_tls_note *note)
{
	struct px_notes_stranger *s = notes_stranger_of(n, note->pid);

	if (!s) {
		s = &n->strangers[n->stranger_count++ % PX_NOTES_STRANGERS];
		*s = (struct px_notes_stranger){ .pid = note->pid };
	}
	snprintf(s->text, sizeof(s->text), "%s", note->text);
}

bool px_notes_tls(struct px_notes *n, struct px_tls_watch *w, bool wait, int64_t wall_ns)
{
	struct px_tls_note note;

	while (w && px_tls_watch_next(w, wait && !n->tls_ready ? NOTES_TLS_MS : 0, &note)) {
		n->tls_probes = note.probes;
		switch (note.kind) {
		case PX_TLS_FOUND:
			px_log(PX_LOG_DEBUG, "TLS: %s", note.text);
			if (!n->tls_ready)
				notes_name_library(n, note.text);
			break;
		case PX_TLS_READY:
		case PX_TLS_ADDED:
			px_log(PX_LOG_DEBUG, "TLS: %u probes", note.probes);
			n->tls_ready = true;
			break;
		case PX_TLS_LOOKED:
			n->tls_looked = note.pid;
			break;
		case PX_TLS_STRANGER:
			px_log(PX_LOG_DEBUG, "TLS: %s is not looked into", note.text);
			notes_stranger(n, &note);
			break;
		case PX_TLS_FAILED:
			px_log(PX_LOG_WARN, "TLS: %s", note.text);
			px_report_note(n->report, "tls", note.text, wall_ns);
			break;
		}
	}
	return n->tls_ready || wait || !w || px_tls_watch_fd(w) < 0;
}

const char *px_notes_hidden(struct px_notes *n, const struct px_conn *c, int64_t wall_ns)
{
	struct px_notes_stranger *s = n->is_live ? notes_stranger_of(n, c->pid) : NULL;

	n->hidden++;
	if (!n->is_live)
		return "no plaintext in a capture";
	if (n->opt->no_tls)
		return "--no-tls: TLS libraries are not looked into";
	if (!s)
		return "no TLS library that pxtrace knows has moved its plaintext";
	snprintf(n->hidden_why, sizeof(n->hidden_why), "not looked into: %s", s->text);
	if (!s->is_told) {
		char text[320];

		s->is_told = true;
		snprintf(text, sizeof(text), "%.16s[%u]: TLS is %s", c->comm, c->pid, n->hidden_why);
		if (n->opt->json)
			px_log(PX_LOG_WARN, "%s", text);
		px_report_note(n->report, "tls", text, wall_ns);
	}
	return n->hidden_why;
}

void px_notes_banner(const struct px_notes *n, const char *targets, size_t probes)
{
	px_log(PX_LOG_NOTE, "tracing %s%s, %zu probes (%s); %s", targets, n->tls,
	       probes + n->tls_probes, n->probe,
	       n->opt->interactive ? ".help, and .quit to end" : "Ctrl-C to end");
}

void px_notes_begin(struct px_notes *n, const char *probe, const char *transport)
{
	struct px_bytes targets[NOTES_TARGETS];
	struct px_buf text = px_buf_of(1 << 20);
	size_t count = n->is_live ? notes_targets(n->opt, &text, targets) : 0;
	struct px_report_start start = { .probe = probe, .transport = transport };

	n->probe = probe;
	start.targets = targets;
	start.target_count = count;
	start.wall_ns = px_clock_wall_ns();
	px_report_start(n->report, &start);
	px_buf_fini(&text);
	px_report_flush(n->report);
}
