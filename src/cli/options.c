/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>

#define LONG_BASE 0x100		/* getopt's value of a long form: its row behind all letters */

/* What getopt_long wants to have, made of the table. */
struct getopt_form {
	char letters[2 + PX_OPTIONS_MAX * 2 + 1];
	struct option names[PX_OPTIONS_MAX + 1];
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
	if (reason == -ENOBUFS && opt->kind->items)
		return px_error_set(err, PX_EXIT_USAGE, "name fewer", "%s takes at most %d %s",
				    typed, opt->kind->items_max, opt->kind->items);
	if (reason == -ENOBUFS)
		return px_error_set(err, PX_EXIT_USAGE, "trace fewer at a time",
				    "%s may be given up to %d times", typed, PX_WORDS_MAX);
	if (opt->kind->is_counted)
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

/* A word that is no option: part of the filter expression. */
static int positional_word(const char *word, struct px_options *o, struct px_error *err)
{
	size_t used = strlen(o->expression);
	int added = snprintf(o->expression + used, sizeof(o->expression) - used, "%s%s",
			     used ? " " : "", word);

	if (added >= 0 && (size_t)added < sizeof(o->expression) - used)
		return 0;
	return px_error_set(err, PX_EXIT_USAGE, "put it into a file: -F FILE",
			    "the filter expression is too long");
}

static int options_check_expression(const struct px_options *o, struct px_error *err)
{
	struct px_pids pids = { 0 };
	const char *home = getenv("HOME");
	char cure[96];

	if (o->expression[0] && o->expression_file)
		return px_error_set(err, PX_EXIT_USAGE, "give one of them",
				    "-F and an expression on the command line exclude each other");
	if (strlen(o->expression) < 40 && px_arg_pids(o->expression, &pids) == 0) {
		snprintf(cure, sizeof(cure), "did you mean -p %.40s?", o->expression);
		return px_error_set(err, PX_EXIT_USAGE, cure, "'%s' alone says nothing",
				    o->expression);
	}
	/* path ~ /api without quotes: the shell puts the home directory there. */
	if (home && home[0] == '/' && home[1]) {
		const char *at = strstr(o->expression, home);
		size_t len = strlen(home);

		if (at && at > o->expression && at[-1] == ' ' && at[len] == ' ')
			return px_error_set(
				err, PX_EXIT_USAGE,
				"put the expression in quotes: pxtrace 'path ~ \"^/api\"'",
				"the shell has made %s of ~", home);
	}
	return 0;
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
	bool is_narrowed = px_ends_choose(&o->ends);

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
			"choose by an expression: pxtrace -r FILE 'port 80 and host 10.0.0.7'",
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
	if (o->command && o->interactive)
		return px_error_set(err, PX_EXIT_USAGE,
				    "start it in another terminal: pxtrace -i --comm NAME sees it",
				    "-i and a command exclude each other: both would read what is typed");
	if (o->run_as && !o->command)
		return px_error_set(
			err, PX_EXIT_USAGE,
			"end with the command: pxtrace -u USER -- COMMAND; --uid traces a user's processes",
			"-u goes with a command");
	if (o->follow && o->no_follow)
		return px_error_set(err, PX_EXIT_USAGE, "give one of them",
				    "-f and --no-follow exclude each other");
	o->unchosen = !o->all && !o->read_file && !is_named && !o->command;
	o->all |= o->unchosen;
	return 0;
}

static int options_check_format(struct px_options *o, struct px_error *err)
{
	if (o->json && o->format != PX_FORMAT_OPTION_TEXT && o->format != PX_FORMAT_OPTION_JSON)
		return px_error_set(err, PX_EXIT_USAGE, "give one of them",
				    "-j and --format csv exclude each other");
	if (o->json)
		o->format = PX_FORMAT_OPTION_JSON;
	o->json = o->format == PX_FORMAT_OPTION_JSON;
	if (o->summary_only && o->format == PX_FORMAT_OPTION_CSV)
		return px_error_set(err, PX_EXIT_USAGE, "give -j for machines, or leave it out",
				    "--summary-only and --format csv exclude each other");
	if (o->protos.count && o->no_protos.count)
		return px_error_set(err, PX_EXIT_USAGE, "give one of them",
				    "--proto and --no-proto exclude each other");
	return 0;
}

static int options_check_files(const struct px_options *o, struct px_error *err)
{
	bool rotates = o->file_size || o->file_period_s;

	if (o->sql && o->summary_only)
		return px_error_set(err, PX_EXIT_USAGE, "give one of them, or -S",
				    "--sql and --summary-only exclude each other");
	if (o->sql && o->fields)
		return px_error_set(err, PX_EXIT_USAGE, "name them in the query: SELECT ts, comm",
				    "--sql and --fields exclude each other");
	if (o->interactive && (o->sql || o->output_file || o->summary_only || o->fields))
		return px_error_set(err, PX_EXIT_USAGE, "ask in the shell: SELECT ...; .save FILE",
				    "-i and %s exclude each other",
				    o->sql	      ? "--sql"
				    : o->output_file  ? "-o"
				    : o->summary_only ? "--summary-only"
						      : "--fields");
	if (o->interactive && o->read_file && strcmp(o->read_file, "-") == 0)
		return px_error_set(err, PX_EXIT_USAGE, "name a file: pxtrace -i -r FILE",
				    "the shell reads standard input itself");
	if (!o->write_file &&
	    ((o->print && !o->sql) || rotates || o->file_count || o->file_command))
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
		if (px_options_write(o) && (!o->output_file || strcmp(o->output_file, "-") == 0))
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
	out->argv = argv;
	getopt_form_make(&form);
	optind = 0; /* glibc: begin afresh */
	opterr = 0;
	while ((code = getopt_long(argc, argv, form.letters, form.names, NULL)) != -1) {
		if (code == 1) {
			if (positional_word(argv[optind - 1], out, err))
				return -1;
			continue;
		}
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
	if (out->action != PX_ACTION_TRACE && out->action != PX_ACTION_CHECK)
		return 0;
	if (options_check_expression(out, err) || options_check_target(out, err) ||
	    options_check_format(out, err))
		return -1;
	return options_check_files(out, err);
}

void px_options_warn(const struct px_options *o, void (*say)(const char *line))
{
	if (o->follow && !o->command && !o->pids.count && !o->comms.count && !o->exes.count &&
	    !o->interactive)
		say("-f changes nothing here: it goes with -p, --comm and --exe");
	if (o->no_redact)
		say("redaction is off: passwords, tokens and cookies are shown as they are");
	if (o->json &&
	    (o->dump || (o->verbose && !px_options_follow(o)) || o->time_style || o->slow_ns))
		say("-j prints all fields: -v, -A, -x, -X, -t and --slow change the text output only");
}
