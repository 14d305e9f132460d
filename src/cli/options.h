/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one table of options, behind the reading of the command line, --help, completion and the man
 * page check.
 */
#ifndef PX_CLI_OPTIONS_H
#define PX_CLI_OPTIONS_H

#include <stdio.h>

#include "base/error.h"
#include "base/words.h"
#include "cli/args.h"

enum px_action {
	PX_ACTION_TRACE,	/* the others print something and end */
	PX_ACTION_HELP,
	PX_ACTION_VERSION,
	PX_ACTION_LIST_FIELDS,
	PX_ACTION_LIST_PROTOCOLS,
	PX_ACTION_CHECK,	/* can it work? what is there to trace? */
	PX_ACTION_LIST_TARGETS,
};

/* In the order of the words that --probe takes. */
enum px_probe_option {
	PX_PROBE_OPTION_AUTO,
	PX_PROBE_OPTION_SOCK,
	PX_PROBE_OPTION_TRACEPOINT,
	PX_PROBE_OPTION_KPROBE,
	PX_PROBE_OPTION_FENTRY,
};

/* In the order of the words that --transport takes. */
enum px_transport_option {
	PX_TRANSPORT_OPTION_AUTO,
	PX_TRANSPORT_OPTION_RING,
	PX_TRANSPORT_OPTION_PERF,
};

/* In the order of the words that --format takes. */
enum px_format_option { PX_FORMAT_OPTION_TEXT, PX_FORMAT_OPTION_JSON, PX_FORMAT_OPTION_CSV };

#define PX_EXPRESSION_MAX 8192	/* bytes of a filter expression, its end included */
#define PX_DECODE_AS_MAX 16

/* -d PORT=PROTO; proto is borrowed. */
struct px_decode_as_words {
	size_t count;
	struct px_decode_as_word {
		uint16_t port;
		const char *proto;
	} word[PX_DECODE_AS_MAX];
};
/* In the order of the words that --color takes. */
enum px_color_option { PX_COLOR_OPTION_AUTO, PX_COLOR_OPTION_ALWAYS, PX_COLOR_OPTION_NEVER };

/*
 * What the user wants. Texts are borrowed from argv. Defaults are in the rows of the table, as the
 * user would type them.
 */
struct px_options {
	enum px_action action;
	char **argv;			/* all that was typed */

	struct px_pids pids;		/* empty with -r */
	bool follow, no_follow;		/* as given; px_options_follow() says what holds */
	struct px_words comms, exes, uids, cgroups, units, containers;
	char **command;			/* to be run under trace, ended by NULL; NULL: none */
	const char *run_as;		/* -u: who it runs as; NULL: the user behind sudo */
	bool all;			/* the whole host: set too where nothing was named */
	bool unchosen;			/* all, because nobody was named */
	struct px_ends ends;		/* which of their connections */
	char expression[PX_EXPRESSION_MAX];	/* which messages are wanted; "": all */
	const char *expression_file;	/* -F: it is in there; "-" is standard input */
	struct px_words protos, no_protos;	/* lists of names, divided by commas */
	struct px_decode_as_words decode_as;
	const char *read_file;		/* -r: "-" is standard input; NULL: the kernel */

	enum px_probe_option probe;
	enum px_transport_option transport;
	bool no_tls;
	bool tls_info;
	const char *libssl;	/* a file, or NULL */
	uint64_t buffer_size;		/* bytes for events on their way, of all CPUs together */
	uint64_t snaplen;		/* bytes kept of each message and side; 0 keeps all */

	uint64_t count;			/* end after so many messages; 0: no end */
	uint64_t duration_ns;		/* end after this time; 0: no end */

	unsigned int verbose;		/* how many -v; 3 and more show all that was kept */
	unsigned int time_style;	/* how many -t, 0 to 5 */
	char dump;			/* 'A', 'x' or 'X', the last one given; 0: none */
	bool is_wide;			/* do not fit lines to the terminal */
	enum px_color_option color;
	uint64_t slow_ns;		/* latency from which a line is marked as slow; 0: never */
	bool summary, summary_only;
	bool conns;			/* records for opened and closed connections too */

	enum px_format_option format;
	bool json;			/* -j, or the same by --format */
	const char *fields;		/* names, divided by commas: show these only; NULL: all */
	const char *output_file;	/* -o: "-" is standard output; NULL: standard output */

	const char *write_file;		/* -w: packets go here, "-" is standard output; NULL: nowhere */
	bool print;			/* records too, with -w */
	uint64_t file_size;		/* -C: millions of bytes after which the next file begins; 0: never */
	uint64_t file_period_s;		/* -G: seconds after which it does; 0: never */
	uint64_t file_count;		/* -W: 0: no limit */
	const char *file_command;	/* -z: run with the name of each file that a rotation has finished */

	const char *map_file;		/* --map: ends in .dot or .mmd; NULL: none */
	const char *sqlite_file;	/* --sqlite; NULL: none */
	bool interactive;		/* -i */
	const char *sql;		/* --sql: what is asked of the tables; NULL: nothing */

	bool no_redact;
	bool redact_literals;
	bool exit_status;		/* exit code 1 if there was no message */
	bool quiet;
	bool debug;
	bool line_buffered;		/* accepted, changes nothing */
};

/*
 * Read the command line into *out, which begins with the defaults.
 * Returns 0, or -1 with err filled: exit code PX_EXIT_USAGE, cause and cure for a person.
 */
PX_MUST_USE int px_options_parse(int argc, char **argv, struct px_options *out,
				 struct px_error *err);

/* Are children of the targets targets too? */
static inline bool px_options_follow(const struct px_options *o)
{
	return o->follow || (o->command && !o->no_follow);
}

/* Are processes named by what they are, rather than by their numbers? */
static inline bool px_options_choose(const struct px_options *o)
{
	return o->comms.count || o->exes.count || o->uids.count || o->cgroups.count ||
	       o->units.count || o->containers.count;
}

/*
 * Are records printed? With -w only if --print or -o says so; with --sql, whose answer is printed,
 * only if --print does.
 */
static inline bool px_options_print(const struct px_options *o)
{
	return o->print || (!o->sql && !o->interactive && (!o->write_file || o->output_file));
}

/* Is anything written to standard output, or to the file of -o? */
static inline bool px_options_write(const struct px_options *o)
{
	return px_options_print(o) || o->sql || o->interactive;
}

/* Does anybody look at the text that ends a message's line? */
static inline bool px_options_summaries(const struct px_options *o)
{
	return o->interactive || (!o->json && !o->fields);
}

/* Does anybody want packets? */
static inline bool px_options_packets(const struct px_options *o)
{
	return o->write_file || o->interactive;
}

/* Are there tables of records? */
static inline bool px_options_tables(const struct px_options *o)
{
	return o->sqlite_file || o->sql || o->interactive;
}

/*
 * What was given that does no good but is no error: calls say() once for each with a line for the
 * user.
 */
void px_options_warn(const struct px_options *o, void (*say)(const char *line));

/* --help and --version. */
void px_help_print(FILE *out);
void px_version_print(FILE *out);

/* What values may be that the table does not know; each list is ended by NULL. */
struct px_completion_names {
	const char *const *protocols;
	const char *const *fields;
};

/* Completion for three shells, made of the table. */
void px_completion_bash(FILE *out, const struct px_completion_names *names);
void px_completion_zsh(FILE *out, const struct px_completion_names *names);
void px_completion_fish(FILE *out, const struct px_completion_names *names);

/* Groups of --help, in their order. */
enum px_group {
	PX_GROUP_TARGET,
	PX_GROUP_CAPTURE,
	PX_GROUP_CHOICE,
	PX_GROUP_LIMITS,
	PX_GROUP_TEXT,
	PX_GROUP_FORMAT,
	PX_GROUP_FILES,
	PX_GROUP_EXPORT,
	PX_GROUP_SHELL,
	PX_GROUP_SAFETY,
	PX_GROUP_MISC,
	PX_GROUP_COUNT,
};

enum px_complete {
	PX_COMPLETE_NOTHING,
	PX_COMPLETE_PIDS,
	PX_COMPLETE_WORDS,
	PX_COMPLETE_FILES,
	PX_COMPLETE_USERS,
	PX_COMPLETE_PROTOCOLS,
	PX_COMPLETE_FIELDS,
};

struct px_option;

/* How the value of an option is read, and spoken about when it is wrong. */
struct px_kind {
	/* Store text, NULL for an option without value, in *out. 0, -EINVAL, -ERANGE, -ENOBUFS. */
	int (*read)(const struct px_option *opt, const char *text, void *out);
	const char *noun;	/* "a size": "--buffer 3x is not a size" */
	const char *form;	/* how it is written: the cure */
	const char *(*text)(uint64_t value, char out[PX_ARG_TEXT]);	/* writes min and max */
	enum px_complete complete;
	const char *items;	/* of a list that may be full, "ports"; NULL: the option is given again and again */
	int items_max;
	bool is_counted;	/* how often it is given matters, not a value */
};

struct px_option {
	char letter;		/* 0: long form only */
	const char *name;	/* NULL: letter only */
	const char *value;	/* what the value is called; NULL: none; "[=WHEN]": may be left out */
	enum px_group group;
	const char *help;	/* no full stop */
	const struct px_kind *kind;
	size_t offset;		/* of the value in struct px_options */
	const char *preset;	/* the default, as the user would type it; NULL: zero */
	uint64_t min, max;	/* of a number; kinds that store a constant take it from min */
	const char *const *words;	/* that the value may be */
	const char *left_out;	/* what "[=WHEN]" means when it is left out */
};

#define PX_OPTIONS_MAX 96

/* Ended by a row without letter and name. */
extern const struct px_option px_options_table[];

/* The title of a group: "Capture". */
const char *px_group_title(enum px_group group);

#endif
