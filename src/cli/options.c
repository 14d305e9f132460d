/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>

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

static const struct px_kind kind_flag = { .read = read_flag };
static const struct px_kind kind_repeat = { .read = read_repeat };
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

static const char *const probe_words[] = { "auto", "sock", "tracepoint", "kprobe", "fentry", NULL };
static const char *const transport_words[] = { "auto", "ring", "perf", NULL };
static const char *const role_words[] = { "any", "client", "server", NULL };	/* enum px_role */
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

	{ 'c', "count",    "N",            PX_GROUP_LIMITS, "end after N messages", &kind_number, OPT(count), NULL, 1, UINT64_C(1000000000000) },
	{ 0,   "duration", "TIME",         PX_GROUP_LIMITS, "end after TIME: 30s, 5m", &kind_duration, OPT(duration_ns), NULL, MS, 24 * 365 * HOUR },

	{ 'v', NULL,       NULL,           PX_GROUP_TEXT, "headers too; -vv: and bodies, 1 kB a side; -vvv: all that was kept", &kind_repeat, OPT(verbose), .max = UINT_MAX },
	{ 'A', NULL,       NULL,           PX_GROUP_TEXT, "the bytes too, as text", &kind_letter, OPT(dump) },
	{ 'x', NULL,       NULL,           PX_GROUP_TEXT, "the bytes too, in hex", &kind_letter, OPT(dump) },
	{ 'X', NULL,       NULL,           PX_GROUP_TEXT, "the bytes too, in hex and text", &kind_letter, OPT(dump) },
	{ 't', NULL,       NULL,           PX_GROUP_TEXT, "no time; -tt: seconds since 1970; -ttt: since the line before; -tttt: with date; -ttttt: since the first line", &kind_repeat, OPT(time_style), .max = 5 },
	{ 0,   "wide",     NULL,           PX_GROUP_TEXT, "do not fit lines to the terminal", &kind_flag, OPT(is_wide) },
	{ 0,   "color",    "[=WHEN]",      PX_GROUP_TEXT, "colours", &kind_word, OPT(color), "auto", .words = color_words, .left_out = "always" },
	{ 0,   "slow",     "TIME",         PX_GROUP_TEXT, "show latencies above TIME in red", &kind_duration, OPT(slow_ns), NULL, 1, 24 * HOUR },
	{ 0,   "conns",    NULL,           PX_GROUP_TEXT, "show connections as they open and close", &kind_flag, OPT(conns) },

	{ 'j', "json",     NULL,           PX_GROUP_FORMAT, "JSON, an object per line", &kind_flag, OPT(json) },
	{ 'o', NULL,       "FILE",         PX_GROUP_FORMAT, "write to FILE instead of standard output", &kind_file, OPT(output_file) },
	{ 'l', NULL,       NULL,           PX_GROUP_FORMAT, "accepted: output comes line by line anyway", &kind_flag, OPT(line_buffered) },

	{ 'w', NULL,       "FILE",         PX_GROUP_FILES, "write packets to FILE (pcapng, for Wireshark and -r), - is standard output", &kind_file, OPT(write_file) },
	{ 0,   "print",    NULL,           PX_GROUP_FILES, "with -w, print messages too", &kind_flag, OPT(print) },
	{ 'C', NULL,       "MILLIONS",     PX_GROUP_FILES, "begin the next file after so many million bytes", &kind_number, OPT(file_size), NULL, 1, 1000000 },
	{ 'G', NULL,       "SECONDS",      PX_GROUP_FILES, "begin the next file after SECONDS; FILE is a form for strftime(3)", &kind_number, OPT(file_period_s), NULL, 1, 1000000000 },
	{ 'W', NULL,       "COUNT",        PX_GROUP_FILES, "keep COUNT files with -C; end after COUNT files with -G", &kind_number, OPT(file_count), NULL, 1, 1000000 },
	{ 'z', NULL,       "COMMAND",      PX_GROUP_FILES, "run COMMAND with the name of each file that -C or -G has ended", &kind_command, OPT(file_command) },

	{ 0,   "no-redact", NULL,          PX_GROUP_SAFETY, "show passwords, tokens and cookies as they are", &kind_flag, OPT(no_redact) },

	{ 'q', NULL,       NULL,           PX_GROUP_MISC, "on standard error nothing but errors", &kind_flag, OPT(quiet) },
	{ 0,   "debug",    NULL,           PX_GROUP_MISC, "on standard error what pxtrace itself does", &kind_flag, OPT(debug) },
	{ 0,   "list-fields", NULL,        PX_GROUP_MISC, "list the keys of the JSON records and what they mean", &kind_action, OPT(action), .min = PX_ACTION_LIST_FIELDS },
	{ 0,   "list-protocols", NULL,     PX_GROUP_MISC, "list the protocols that are understood", &kind_action, OPT(action), .min = PX_ACTION_LIST_PROTOCOLS },
	{ 'h', "help",     NULL,           PX_GROUP_MISC, "print this", &kind_action, OPT(action), .min = PX_ACTION_HELP },
	{ 'V', "version",  NULL,           PX_GROUP_MISC, "print the version", &kind_action, OPT(action), .min = PX_ACTION_VERSION },

	{ 'i', NULL,       NULL,           PX_GROUP_HABIT, "pxtrace has no interfaces to choose from: it looks at processes" },
	{ 0 },
};
/* clang-format on */

#define LONG_BASE 0x100		/* getopt's value of a long form: its row behind all letters */
#define ROWS_MAX 96
_Static_assert(PX_COUNT(px_options_table) <= ROWS_MAX, "getopt_form has room for every row");

/* What getopt_long wants to have, made of the table. */
struct getopt_form {
	char letters[2 + ROWS_MAX * 2 + 1];
	struct option names[ROWS_MAX + 1];
};

static bool option_ends(const struct px_option *opt)
{
	return !opt->letter && !opt->name;
}

static bool option_value_may_miss(const struct px_option *opt)
{
	return opt->value && opt->value[0] == '[';
}

/* "--color never": getopt knows only --color=never, but a word like that can mean nothing else. */
static bool option_takes_next(const struct px_option *opt, const char *word)
{
	unsigned int index;

	return option_value_may_miss(opt) && opt->words &&
	       px_arg_word(word, opt->words, &index) == 0;
}

static void getopt_form_make(struct getopt_form *form)
{
	/*
	 * '-': positional words come in their turn, whatever POSIXLY_CORRECT says; ':': errors are
	 * ours to tell.
	 */
	char *letter = form->letters;
	struct option *name = form->names;

	*letter++ = '-';
	*letter++ = ':';
	for (int row = 0; !option_ends(&px_options_table[row]); row++) {
		const struct px_option *opt = &px_options_table[row];

		if (opt->letter) {
			*letter++ = opt->letter;
			if (opt->value)
				*letter++ = ':';
		}
		if (opt->name) {
			name->name = opt->name;
			name->has_arg = !opt->value		     ? no_argument
					: option_value_may_miss(opt) ? optional_argument
								     : required_argument;
			name->flag = NULL;
			name->val = LONG_BASE + row;
			name++;
		}
	}
	*letter = '\0';
	*name = (struct option){ 0 };
}

static const struct px_option *option_find(int code)
{
	if (code >= LONG_BASE)
		return &px_options_table[code - LONG_BASE];
	for (const struct px_option *opt = px_options_table; !option_ends(opt); opt++)
		if (opt->letter == code)
			return opt;
	return NULL;
}

/* The option as the user typed it: by its letter or by its name. */
static const char *option_typed(const struct px_option *opt, int code, char out[64])
{
	if (code >= LONG_BASE)
		snprintf(out, 64, "--%s", opt->name);
	else
		snprintf(out, 64, "-%c", opt->letter);
	return out;
}

static int option_bad_value(const struct px_option *opt, int code, const char *text, int reason,
			    struct px_error *err)
{
	char typed[64], words[200], form[256], low[PX_ARG_TEXT], high[PX_ARG_TEXT];

	option_typed(opt, code, typed);
	if (reason == -ENOBUFS && opt->kind == &kind_pids)
		return px_error_set(err, PX_EXIT_USAGE, "trace fewer at a time",
				    "%s takes at most %d processes", typed, PX_PIDS_MAX);
	if (reason == -ENOBUFS && opt->kind == &kind_ports)
		return px_error_set(err, PX_EXIT_USAGE, "name fewer", "%s takes at most %d ports",
				    typed, PX_PORTS_MAX);
	if (reason == -ENOBUFS)
		return px_error_set(err, PX_EXIT_USAGE, "trace fewer at a time",
				    "%s may be given up to %d times", typed, PX_WORDS_MAX);
	if (opt->kind == &kind_repeat)
		return px_error_set(err, PX_EXIT_USAGE,
				    "pxtrace --help says what each of them shows",
				    "%s may be given up to %d times", typed, (int)opt->max);
	if (reason == -ERANGE && opt->kind->text) {
		opt->kind->text(opt->min, low);
		opt->kind->text(opt->max, high);
		snprintf(form, sizeof(form), "%s takes %s to %s", typed, low, high);
		return px_error_set(err, PX_EXIT_USAGE, form, "%s %s is out of range", typed, text);
	}
	if (!opt->words)
		return px_error_set(err, PX_EXIT_USAGE, opt->kind->form, "%s '%s' is not %s", typed,
				    text, opt->kind->noun);
	snprintf(form, sizeof(form), "it takes %s",
		 px_arg_words_text(opt->words, words, sizeof(words)));
	return px_error_set(err, PX_EXIT_USAGE, form, "%s does not know '%s'", typed, text);
}

static int option_store(const struct px_option *opt, int code, const char *text,
			struct px_options *out, struct px_error *err)
{
	int reason;

	if (opt->group == PX_GROUP_HABIT)
		return px_error_set(err, PX_EXIT_USAGE,
				    "try: pxtrace -p PID; pgrep -a NAME and ss -tnp find the PID",
				    "-%c: %s", opt->letter, opt->help);
	if (!text)
		text = opt->left_out;
	reason = opt->kind->read(opt, text, (char *)out + opt->offset);
	return reason ? option_bad_value(opt, code, text, reason, err) : 0;
}

/* The name that was most likely meant, or NULL when none is near. */
static const char *option_nearest(const char *typed)
{
	const char *nearest = NULL;
	unsigned int best = 1 + (unsigned int)strlen(typed) / 3;

	for (const struct px_option *opt = px_options_table; !option_ends(opt); opt++) {
		unsigned int distance = opt->name ? px_arg_distance(typed, opt->name) : UINT_MAX;

		if (distance <= best && (!nearest || distance < best)) {
			best = distance;
			nearest = opt->name;
		}
	}
	return nearest;
}

static const char option_list_hint[] = "pxtrace --help lists the options";

static int option_unknown_letter(int letter, struct px_error *err)
{
	char cure[128];

	/* Letters differ from their other case in one bit. */
	if (isalpha(letter) && option_find(letter ^ 0x20)) {
		snprintf(cure, sizeof(cure), "did you mean -%c? %s", letter ^ 0x20,
			 option_list_hint);
		return px_error_set(err, PX_EXIT_USAGE, cure, "there is no option -%c", letter);
	}
	return px_error_set(err, PX_EXIT_USAGE, option_list_hint, "there is no option -%c", letter);
}

static int option_unknown_name(const char *name, struct px_error *err)
{
	const char *nearest = option_nearest(name);
	char cure[256];
	size_t used = 0, matches = 0;

	/* getopt takes any beginning that only one name has. */
	for (const struct px_option *opt = px_options_table; !option_ends(opt); opt++)
		if (opt->name && strncmp(opt->name, name, strlen(name)) == 0 && used < sizeof(cure))
			used += (size_t)snprintf(cure + used, sizeof(cure) - used, "%s--%s",
						 matches++ ? ", " : "write more of it: ",
						 opt->name);
	if (matches > 1)
		return px_error_set(err, PX_EXIT_USAGE, cure,
				    "--%s is the beginning of several options", name);
	if (!nearest)
		return px_error_set(err, PX_EXIT_USAGE, option_list_hint, "there is no option --%s",
				    name);
	snprintf(cure, sizeof(cure), "did you mean --%s? %s", nearest, option_list_hint);
	return px_error_set(err, PX_EXIT_USAGE, cure, "there is no option --%s", name);
}

/* getopt said '?'. word: the argument in which it met the option. */
static int option_unknown(const char *word, struct px_error *err)
{
	char name[64];

	if (optopt >= LONG_BASE)
		return px_error_set(err, PX_EXIT_USAGE, option_list_hint, "--%s takes no value",
				    px_options_table[optopt - LONG_BASE].name);
	if (optopt)
		return option_unknown_letter(optopt, err);
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 2, "="), word + 2);
	return option_unknown_name(name, err);
}

static int option_value_misses(struct px_error *err)
{
	const struct px_option *opt = option_find(optopt);
	char typed[64];

	return px_error_set(err, PX_EXIT_USAGE,
			    opt->kind->form ? opt->kind->form : option_list_hint,
			    "%s needs a value: %s", option_typed(opt, optopt, typed), opt->value);
}

static int positional_word(const char *word, struct px_error *err)
{
	char cure[96];
	struct px_pids pids = { 0 };

	if (strlen(word) < 40 && px_arg_pids(word, &pids) == 0) {
		snprintf(cure, sizeof(cure), "did you mean -p %s?", word);
		return px_error_set(err, PX_EXIT_USAGE, cure, "'%s' alone says nothing", word);
	}
	return px_error_set(
		err, PX_EXIT_USAGE,
		"choose from the output: pxtrace -p PID | grep ' http 5', or with -j and jq",
		"'%s': this version has no filter expressions", word);
}

static int options_preset(struct px_options *out, struct px_error *err)
{
	*out = (struct px_options){ 0 };
	for (const struct px_option *opt = px_options_table; !option_ends(opt); opt++)
		if (opt->preset &&
		    option_store(opt, opt->name ? LONG_BASE : opt->letter, opt->preset, out, err))
			return -1;
	return 0;
}

static int options_check_target(struct px_options *o, struct px_error *err)
{
	bool is_named = o->pids.count || px_options_choose(o);
	bool is_narrowed = o->ends.port_count || o->ends.net_count || o->ends.role;

	if (o->read_file && (is_named || o->all))
		return px_error_set(
			err, PX_EXIT_USAGE,
			"give a target such as -p to trace now, or -r to read what was recorded",
			"%s and -r exclude each other",
			o->pids.count ? "-p"
			: is_named    ? "targets"
				      : "-a");
	if (o->read_file && is_narrowed)
		return px_error_set(
			err, PX_EXIT_USAGE,
			"choose from the output: pxtrace -r FILE | grep, or with -j and jq",
			"--port, --host and --role tell the kernel what to trace: -r has no use for them");
	if (o->all && is_named)
		return px_error_set(err, PX_EXIT_USAGE, "leave -a out, or the others",
				    "-a traces all processes: nothing else can be named");
	if (o->command && (o->read_file || o->all || o->pids.count))
		return px_error_set(err, PX_EXIT_USAGE, "trace the command, or what runs already",
				    "%s and a command exclude each other",
				    o->read_file ? "-r"
				    : o->all	 ? "-a"
						 : "-p");
	if (o->run_as && !o->command)
		return px_error_set(
			err, PX_EXIT_USAGE,
			"end with the command: pxtrace -u USER -- COMMAND; --uid traces a user's processes",
			"-u goes with a command");
	if (o->follow && o->no_follow)
		return px_error_set(err, PX_EXIT_USAGE, "give one of them",
				    "-f and --no-follow exclude each other");
	o->all |= !o->read_file && !is_named && !o->command;
	return 0;
}

static int options_check_files(const struct px_options *o, struct px_error *err)
{
	bool rotates = o->file_size || o->file_period_s;

	if (!o->write_file && (o->print || rotates || o->file_count || o->file_command))
		return px_error_set(err, PX_EXIT_USAGE, "name a file: -w FILE.pcapng",
				    "--print, -C, -G, -W and -z go with -w");
	if (!rotates && (o->file_count || o->file_command))
		return px_error_set(err, PX_EXIT_USAGE,
				    "say when the next file begins: -C MILLIONS or -G SECONDS",
				    "-W and -z go with -C or -G");
	if (o->write_file && strcmp(o->write_file, "-") == 0) {
		if (rotates)
			return px_error_set(err, PX_EXIT_USAGE, "name a file: -w FILE.pcapng",
					    "-C and -G cannot divide standard output");
		if (px_options_print(o) && (!o->output_file || strcmp(o->output_file, "-") == 0))
			return px_error_set(err, PX_EXIT_USAGE, "print to a file: -o FILE",
					    "packets and messages cannot share standard output");
	}
	return 0;
}

int px_options_parse(int argc, char **argv, struct px_options *out, struct px_error *err)
{
	struct getopt_form form;
	const char *value;
	int code;

	if (options_preset(out, err))
		return -1;
	getopt_form_make(&form);
	optind = 0; /* glibc: begin afresh */
	opterr = 0;
	while ((code = getopt_long(argc, argv, form.letters, form.names, NULL)) != -1) {
		if (code == 1)
			return positional_word(argv[optind - 1], err);
		if (code == '?')
			return option_unknown(argv[optind - 1], err);
		if (code == ':')
			return option_value_misses(err);
		value = optarg;
		if (!value && optind < argc && option_takes_next(option_find(code), argv[optind]))
			value = argv[optind++];
		if (option_store(option_find(code), code, value, out, err))
			return -1;
		if (out->action == PX_ACTION_HELP || out->action == PX_ACTION_VERSION)
			return 0;
	}
	if (optind < argc)
		out->command = argv + optind;
	else if (strcmp(argv[argc - 1], "--") == 0)
		return px_error_set(err, PX_EXIT_USAGE,
				    "name it: pxtrace -- curl -s http://127.0.0.1/",
				    "there is no command behind --");
	if (out->action != PX_ACTION_TRACE)
		return 0;
	return options_check_target(out, err) ? -1 : options_check_files(out, err);
}

void px_options_warn(const struct px_options *o, void (*say)(const char *line))
{
	if (o->follow && !o->command && !o->pids.count && !o->comms.count && !o->exes.count)
		say("-f changes nothing here: it goes with -p, --comm and --exe");
	if (o->no_redact)
		say("redaction is off: passwords, tokens and cookies are shown as they are");
	if (o->json && (o->dump || o->verbose || o->time_style || o->slow_ns))
		say("-j prints all fields: -v, -A, -x, -X, -t and --slow change the text output only");
}
