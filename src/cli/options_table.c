/* SPDX-License-Identifier: Apache-2.0 */
/* The table of options, and how the value of each kind is read. */
#include "cli/options.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

static int read_flag(const struct px_option *opt, const char *text, void *out)
{
	(void)opt, (void)text;
	*(bool *)out = true;
	return 0;
}

/* -v, -vv, -v -v: more of the same. */
static int read_repeat(const struct px_option *opt, const char *text, void *out)
{
	unsigned int *times = out;

	(void)text;
	if (*times >= opt->max)
		return -ERANGE;
	++*times;
	return 0;
}

static int read_letter(const struct px_option *opt, const char *text, void *out)
{
	(void)text;
	*(char *)out = opt->letter;
	return 0;
}

static int read_action(const struct px_option *opt, const char *text, void *out)
{
	(void)text;
	*(enum px_action *)out = (enum px_action)opt->min;
	return 0;
}

static int read_ranged(const struct px_option *opt, int err, uint64_t value, void *out)
{
	if (err)
		return err;
	if (value < opt->min || value > opt->max)
		return -ERANGE;
	*(uint64_t *)out = value;
	return 0;
}

static int read_number(const struct px_option *opt, const char *text, void *out)
{
	uint64_t value = 0;
	int err = px_arg_number(text, &value);

	return read_ranged(opt, err, value, out);
}

static int read_size(const struct px_option *opt, const char *text, void *out)
{
	uint64_t value = 0;
	int err = px_arg_size(text, &value);

	return read_ranged(opt, err, value, out);
}

static int read_duration(const struct px_option *opt, const char *text, void *out)
{
	uint64_t value = 0;
	int err = px_arg_duration(text, &value);

	return read_ranged(opt, err, value, out);
}

static int read_word(const struct px_option *opt, const char *text, void *out)
{
	return px_arg_word(text, opt->words, out);
}

static int read_pids(const struct px_option *opt, const char *text, void *out)
{
	(void)opt;
	return px_arg_pids(text, out);
}

static int read_file(const struct px_option *opt, const char *text, void *out)
{
	(void)opt;
	if (*text == '\0')
		return -EINVAL;
	*(const char **)out = text;
	return 0;
}

static int read_ports(const struct px_option *opt, const char *text, void *out)
{
	(void)opt;
	return px_arg_ports(text, out);
}

static int read_net(const struct px_option *opt, const char *text, void *out)
{
	(void)opt;
	return px_arg_net(text, out);
}

static int read_list(const struct px_option *opt, const char *text, void *out)
{
	struct px_words *words = out;

	(void)opt;
	if (*text == '\0')
		return -EINVAL;
	if (words->count == PX_WORDS_MAX)
		return -ENOBUFS;
	words->word[words->count++] = text;
	return 0;
}

/* PORT=PROTO */
static int read_decode_as(const struct px_option *opt, const char *text, void *out)
{
	struct px_decode_as_words *words = out;
	const char *proto = strchr(text, '=');
	char port[8];
	uint64_t number;

	if (!proto || proto[1] == '\0' || proto == text || proto - text >= (ptrdiff_t)sizeof(port))
		return -EINVAL;
	snprintf(port, sizeof(port), "%.*s", (int)(proto - text), text);
	if (px_arg_number(port, &number) != 0)
		return -EINVAL;
	if (number < opt->min || number > opt->max)
		return -ERANGE;
	if (words->count == PX_DECODE_AS_MAX)
		return -ENOBUFS;
	words->word[words->count++] = (struct px_decode_as_word){ (uint16_t)number, proto + 1 };
	return 0;
}

static int read_map(const struct px_option *opt, const char *text, void *out)
{
	const char *dot = strrchr(text, '.');

	if (!dot || dot == text || (strcmp(dot, ".dot") != 0 && strcmp(dot, ".mmd") != 0))
		return -EINVAL;
	return read_file(opt, text, out);
}

static const struct px_kind kind_flag = { .read = read_flag };
static const struct px_kind kind_repeat = { .read = read_repeat, .is_counted = true };
static const struct px_kind kind_letter = { .read = read_letter };
static const struct px_kind kind_action = { .read = read_action };
static const struct px_kind kind_number = {
	.read = read_number,
	.noun = "a number",
	.form = "write it in decimal digits: 100",
	.text = px_arg_number_text,
};
static const struct px_kind kind_size = {
	.read = read_size,
	.noun = "a size",
	.form = "write bytes, or a unit too: 4096, 16k, 2M (times 1024), 100kB, 5MB (times 1000)",
	.text = px_arg_size_text,
};
static const struct px_kind kind_duration = {
	.read = read_duration,
	.noun = "a time with its unit",
	.form = "write it as 500us, 100ms, 1.5s, 30s, 5m or 1h",
	.text = px_arg_duration_text,
};
static const struct px_kind kind_word = { .read = read_word, .complete = PX_COMPLETE_WORDS };
static const struct px_kind kind_pids = {
	.read = read_pids,
	.items = "processes",
	.items_max = PX_PIDS_MAX,
	.noun = "a list of process ids",
	.form = "write numbers and commas: -p 4242,4243; pgrep -a NAME finds them",
	.text = px_arg_number_text,
	.complete = PX_COMPLETE_PIDS,
};
static const struct px_kind kind_file = {
	.read = read_file,
	.noun = "a file name",
	.form = "name a file, or - for the standard stream",
	.complete = PX_COMPLETE_FILES,
};

static const struct px_kind kind_comm = {
	.read = read_list,
	.noun = "a process name",
	.form = "write it as ps -o comm shows it, at most 15 bytes; * ? [a-z] as in a shell: --comm 'php*'",
};
static const struct px_kind kind_exe = {
	.read = read_list,
	.noun = "a program file",
	.form = "name the file that is run: --exe /usr/sbin/nginx",
	.complete = PX_COMPLETE_FILES,
};
static const struct px_kind kind_user = {
	.read = read_list,
	.noun = "a user",
	.form = "write a name or a number: --uid www-data, --uid 33",
	.complete = PX_COMPLETE_USERS,
};
static const struct px_kind kind_ports = {
	.read = read_ports,
	.items = "ports",
	.items_max = PX_PORTS_MAX,
	.noun = "a list of ports",
	.form = "write numbers and commas: --port 80,8080",
	.text = px_arg_number_text,
};
static const struct px_kind kind_net = {
	.read = read_net,
	.noun = "an address",
	.form = "write it in digits, alone or with the bits that count: --host 10.0.0.7, --host 10.0.0.0/8, --host fe80::/10",
};
static const struct px_kind kind_run_as = {
	.read = read_file,
	.noun = "a user",
	.form = "write a name or a number: -u www-data, -u 33",
	.complete = PX_COMPLETE_USERS,
};
static const struct px_kind kind_cgroup = {
	.read = read_list,
	.noun = "a control group",
	.form = "write its path, full or below the root, or its number: --cgroup system.slice/nginx.service",
	.complete = PX_COMPLETE_FILES,
};
static const struct px_kind kind_unit = {
	.read = read_list,
	.noun = "a systemd unit",
	.form = "write its name: --unit nginx.service; systemctl list-units shows them",
};
static const struct px_kind kind_container = {
	.read = read_list,
	.noun = "a container",
	.form = "write its name, or the beginning of its id: --container web, --container 3f2a91",
};
static const struct px_kind kind_command = {
	.read = read_file,
	.noun = "a command",
	.form = "name a program, found as the shell would: gzip, /usr/local/bin/upload",
};

static const struct px_kind kind_protos = {
	.read = read_list,
	.noun = "a list of protocols",
	.form = "write names and commas: --proto http,redis; pxtrace --list-protocols shows them",
	.complete = PX_COMPLETE_PROTOCOLS,
};
static const struct px_kind kind_decode_as = {
	.read = read_decode_as,
	.items = "ports",
	.items_max = PX_DECODE_AS_MAX,
	.noun = "a port and a protocol",
	.form = "write both: -d 8081=http; pxtrace --list-protocols shows what there is",
	.text = px_arg_number_text,
	.complete = PX_COMPLETE_PROTOCOLS,
};
static const struct px_kind kind_fields = {
	.read = read_file,
	.noun = "a list of fields",
	.form = "write names and commas: --fields ts,comm,req.path; pxtrace --list-fields shows them",
	.complete = PX_COMPLETE_FIELDS,
};

static const struct px_kind kind_map = {
	.read = read_map,
	.noun = "the name of a map",
	.form = "the end of the name says what it is: --map FILE.dot, --map FILE.mmd",
	.complete = PX_COMPLETE_FILES,
};

static const struct px_kind kind_sql = {
	.read = read_file,
	.noun = "a query",
	.form = "write SQL in quotes: --sql 'SELECT op, target, ms(latency_ns) FROM http'",
};

static const char *const probe_words[] = { "auto", "sock", "tracepoint", "kprobe", "fentry", NULL };
static const char *const transport_words[] = { "auto", "ring", "perf", NULL };
static const char *const role_words[] = { "any", "client", "server", NULL };	/* enum px_role */
static const char *const format_words[] = { "text", "json", "csv", NULL };
static const char *const color_words[] = { "auto", "always", "never", NULL };

#define GIB (UINT64_C(1) << 30)
#define US UINT64_C(1000)
#define MS (UINT64_C(1000) * US)
#define HOUR (UINT64_C(3600000) * MS)
#define OPT(member) offsetof(struct px_options, member)

/* clang-format off */
const struct px_option px_options_table[] = {
	{ 'p', "pid",      "PID[,PID...]", PX_GROUP_TARGET, "trace these processes; may be given again", &kind_pids, OPT(pids), NULL, 1, INT32_MAX },
	{ 0,   "comm",     "GLOB",         PX_GROUP_TARGET, "trace processes of this name, also later ones; * ? [a-z] as in a shell", &kind_comm, OPT(comms) },
	{ 0,   "exe",      "PATH",         PX_GROUP_TARGET, "trace processes that run this program, also later ones", &kind_exe, OPT(exes) },
	{ 0,   "uid",      "USER",         PX_GROUP_TARGET, "trace processes of this user, by name or number", &kind_user, OPT(uids) },
	{ 0,   "cgroup",   "PATH|ID",      PX_GROUP_TARGET, "trace the processes in this control group and below it", &kind_cgroup, OPT(cgroups) },
	{ 0,   "unit",     "NAME",         PX_GROUP_TARGET, "trace the processes of this systemd unit", &kind_unit, OPT(units) },
	{ 0,   "container", "ID|NAME",     PX_GROUP_TARGET, "trace the processes of this container (docker, podman, containerd)", &kind_container, OPT(containers) },
	{ 'a', "all",      NULL,           PX_GROUP_TARGET, "trace all processes but those of pxtrace's own process group; so too if no target is given", &kind_flag, OPT(all) },
	{ 'f', "follow",   NULL,           PX_GROUP_TARGET, "with -p, --comm and --exe: their children too, existing and later ones (default with a command)", &kind_flag, OPT(follow) },
	{ 0,   "no-follow", NULL,          PX_GROUP_TARGET, "without their children (default with -p, --comm and --exe)", &kind_flag, OPT(no_follow) },
	{ 0,   "port",     "P[,P...]", PX_GROUP_TARGET, "only connections with one of these ports, on either end", &kind_ports, OPT(ends), NULL, 1, UINT16_MAX },
	{ 0,   "host",     "IP[/BITS]",    PX_GROUP_TARGET, "only connections with this address or network, on either end", &kind_net, OPT(ends) },
	{ 0,   "role",     "ROLE",         PX_GROUP_TARGET, "only connections of which the target is the client, or the server", &kind_word, OPT(ends.role), "any", .words = role_words },
	{ 'u', NULL,       "USER",         PX_GROUP_TARGET, "run the command as USER (default: the user behind sudo)", &kind_run_as, OPT(run_as) },
	{ 'r', NULL,       "FILE",         PX_GROUP_TARGET, "read a packet capture or recorded events, - is standard input; needs no root", &kind_file, OPT(read_file) },

	{ 0,   "probe",    "KIND",         PX_GROUP_CAPTURE, "how to attach to the kernel", &kind_word, OPT(probe), "auto", .words = probe_words },
	{ 0,   "transport", "KIND",        PX_GROUP_CAPTURE, "how events come from the kernel: a ring buffer, or a perf buffer per CPU", &kind_word, OPT(transport), "auto", .words = transport_words },
	{ 0,   "buffer",   "SIZE",         PX_GROUP_CAPTURE, "room for events on their way from the kernel", &kind_size, OPT(buffer_size), "32M", 256 * 1024, GIB },
	{ 's', "snaplen",  "SIZE",         PX_GROUP_CAPTURE, "keep at most SIZE of each message and side; 0 keeps all", &kind_size, OPT(snaplen), "16k", 0, GIB },
	{ 0,   "no-tls",   NULL,           PX_GROUP_CAPTURE, "do not look into TLS libraries", &kind_flag, OPT(no_tls) },
	{ 0,   "libssl",   "FILE",         PX_GROUP_CAPTURE, "look into this TLS library, too: one that nobody uses yet", &kind_file, OPT(libssl) },

	{ 'F', NULL,       "FILE",         PX_GROUP_CHOICE, "read the filter expression from FILE; # begins a comment", &kind_file, OPT(expression_file) },
	{ 0,   "proto",    "LIST",         PX_GROUP_CHOICE, "recognise only these protocols: http,redis", &kind_protos, OPT(protos) },
	{ 0,   "no-proto", "LIST",         PX_GROUP_CHOICE, "recognise all protocols but these", &kind_protos, OPT(no_protos) },
	{ 'd', "decode-as", "PORT=PROTO",  PX_GROUP_CHOICE, "take what passes this port for PROTO; may be given again", &kind_decode_as, OPT(decode_as), NULL, 1, UINT16_MAX },

	{ 'c', "count",    "N",            PX_GROUP_LIMITS, "end after N messages", &kind_number, OPT(count), NULL, 1, UINT64_C(1000000000000) },
	{ 0,   "duration", "TIME",         PX_GROUP_LIMITS, "end after TIME: 30s, 5m", &kind_duration, OPT(duration_ns), NULL, MS, 24 * 365 * HOUR },

	{ 'v', NULL,       NULL,           PX_GROUP_TEXT, "headers too; -vv: and bodies, 1 kB a side; -vvv: all that was kept; with -f: exec and exit", &kind_repeat, OPT(verbose), .max = UINT_MAX },
	{ 'A', NULL,       NULL,           PX_GROUP_TEXT, "the bytes too, as text", &kind_letter, OPT(dump) },
	{ 'x', NULL,       NULL,           PX_GROUP_TEXT, "the bytes too, in hex", &kind_letter, OPT(dump) },
	{ 'X', NULL,       NULL,           PX_GROUP_TEXT, "the bytes too, in hex and text", &kind_letter, OPT(dump) },
	{ 't', NULL,       NULL,           PX_GROUP_TEXT, "no time; -tt: seconds since 1970; -ttt: since the line before; -tttt: with date; -ttttt: since the first line", &kind_repeat, OPT(time_style), .max = 5 },
	{ 0,   "wide",     NULL,           PX_GROUP_TEXT, "do not fit lines to the terminal", &kind_flag, OPT(is_wide) },
	{ 0,   "color",    "[=WHEN]",      PX_GROUP_TEXT, "colours", &kind_word, OPT(color), "auto", .words = color_words, .left_out = "always" },
	{ 0,   "slow",     "TIME",         PX_GROUP_TEXT, "show latencies above TIME in red", &kind_duration, OPT(slow_ns), NULL, 1, 24 * HOUR },
	{ 0,   "conns",    NULL,           PX_GROUP_TEXT, "show connections as they open and close", &kind_flag, OPT(conns) },
	{ 0,   "tls-info", NULL,           PX_GROUP_TEXT, "show the handshake of every TLS connection", &kind_flag, OPT(tls_info) },
	{ 'S', "summary",  NULL,           PX_GROUP_TEXT, "at the end, and on SIGUSR1, count and times by peer and operation", &kind_flag, OPT(summary) },
	{ 0,   "summary-only", NULL,       PX_GROUP_TEXT, "the same, and no messages", &kind_flag, OPT(summary_only) },

	{ 'j', "json",     NULL,           PX_GROUP_FORMAT, "JSON, an object per line", &kind_flag, OPT(json) },
	{ 0,   "format",   "FORMAT",       PX_GROUP_FORMAT, "how messages are written", &kind_word, OPT(format), "text", .words = format_words },
	{ 0,   "fields",   "LIST",         PX_GROUP_FORMAT, "of each message only these fields: ts,comm,req.path", &kind_fields, OPT(fields) },
	{ 'o', NULL,       "FILE",         PX_GROUP_FORMAT, "write to FILE instead of standard output", &kind_file, OPT(output_file) },
	{ 'l', NULL,       NULL,           PX_GROUP_FORMAT, "accepted: output comes line by line anyway", &kind_flag, OPT(line_buffered) },

	{ 'w', NULL,       "FILE",         PX_GROUP_FILES, "write packets to FILE (pcapng, for Wireshark and -r), - is standard output", &kind_file, OPT(write_file) },
	{ 0,   "print",    NULL,           PX_GROUP_FILES, "with -w and --sql, print messages too", &kind_flag, OPT(print) },
	{ 'C', NULL,       "MILLIONS",     PX_GROUP_FILES, "begin the next file after so many million bytes", &kind_number, OPT(file_size), NULL, 1, 1000000 },
	{ 'G', NULL,       "SECONDS",      PX_GROUP_FILES, "begin the next file after SECONDS; FILE is a form for strftime(3)", &kind_number, OPT(file_period_s), NULL, 1, 1000000000 },
	{ 'W', NULL,       "COUNT",        PX_GROUP_FILES, "keep COUNT files with -C; end after COUNT files with -G", &kind_number, OPT(file_count), NULL, 1, 1000000 },
	{ 'z', NULL,       "COMMAND",      PX_GROUP_FILES, "run COMMAND with the name of each file that -C or -G has ended", &kind_command, OPT(file_command) },

	{ 0,   "map",      "FILE",         PX_GROUP_EXPORT, "at the end, write who talks to whom: FILE.dot for Graphviz, FILE.mmd for Mermaid", &kind_map, OPT(map_file) },
	{ 0,   "sqlite",   "FILE",         PX_GROUP_EXPORT, "write the records into FILE, an SQLite database", &kind_file, OPT(sqlite_file) },
	{ 0,   "sql",      "QUERY",        PX_GROUP_EXPORT, "at the end, print what QUERY finds in the tables of records, instead of messages", &kind_sql, OPT(sql) },

	{ 'i', "interactive", NULL,        PX_GROUP_SHELL, "a shell on the tables of records, while the trace goes on: SQL, and .help", &kind_flag, OPT(interactive) },

	{ 0,   "no-redact", NULL,          PX_GROUP_SAFETY, "show passwords, tokens and cookies as they are", &kind_flag, OPT(no_redact) },
	{ 0,   "redact-literals", NULL,    PX_GROUP_SAFETY, "hide literals in SQL and values of parameters, too", &kind_flag, OPT(redact_literals) },

	{ 0,   "exit-status", NULL,        PX_GROUP_MISC, "end with 1 if there was no message", &kind_flag, OPT(exit_status) },
	{ 'q', NULL,       NULL,           PX_GROUP_MISC, "on standard error nothing but errors", &kind_flag, OPT(quiet) },
	{ 0,   "debug",    NULL,           PX_GROUP_MISC, "on standard error what pxtrace itself does", &kind_flag, OPT(debug) },
	{ 0,   "check",    NULL,           PX_GROUP_MISC, "say whether tracing can work here, and with -p what it would find", &kind_action, OPT(action), .min = PX_ACTION_CHECK },
	{ 'D', "list-targets", NULL,       PX_GROUP_MISC, "list the processes that have sockets, with ports and TLS libraries", &kind_action, OPT(action), .min = PX_ACTION_LIST_TARGETS },
	{ 0,   "list-fields", NULL,        PX_GROUP_MISC, "list the keys of the JSON records and what they mean", &kind_action, OPT(action), .min = PX_ACTION_LIST_FIELDS },
	{ 0,   "list-protocols", NULL,     PX_GROUP_MISC, "list the protocols that are understood", &kind_action, OPT(action), .min = PX_ACTION_LIST_PROTOCOLS },
	{ 'h', "help",     NULL,           PX_GROUP_MISC, "print this", &kind_action, OPT(action), .min = PX_ACTION_HELP },
	{ 'V', "version",  NULL,           PX_GROUP_MISC, "print the version", &kind_action, OPT(action), .min = PX_ACTION_VERSION },

	{ 0 },
};
/* clang-format on */
_Static_assert(PX_COUNT(px_options_table) <= PX_OPTIONS_MAX,
	       "there is room for what is made of it");
