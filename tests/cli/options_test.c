/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines to struct px_options, what is said about wrong ones, and --help. */
#include "cli/options.h"
#include "support/suite.h"

#include <check.h>
#include <stdlib.h>

#define WORDS_MAX 32

/* Parse a command line whose words are separated by '|'. */
static int parse(const char *line, struct px_options *out, struct px_error *err)
{
	static char text[512];
	static char *argv[WORDS_MAX + 1];
	char *rest = text;
	int argc = 0;

	snprintf(text, sizeof(text), "pxtrace%s%s", *line ? "|" : "", line);
	for (char *word; (word = strsep(&rest, "|")) && argc < WORDS_MAX;)
		argv[argc++] = word;
	argv[argc] = NULL;
	*err = (struct px_error){ 0 };
	return px_options_parse(argc, argv, out, err);
}

static struct px_options options_of(const char *line)
{
	struct px_options o;
	struct px_error err;

	ck_assert_msg(parse(line, &o, &err) == 0, "%s: %s", line, err.cause);
	return o;
}

START_TEST(defaults)
{
	struct px_options o = options_of("-p|4242");

	ck_assert_int_eq(o.action, PX_ACTION_TRACE);
	ck_assert_uint_eq(o.pids.count, 1);
	ck_assert_uint_eq(o.pids.pid[0], 4242);
	ck_assert_ptr_null(o.read_file);
	ck_assert_ptr_null(o.output_file);
	ck_assert_int_eq(o.probe, PX_PROBE_OPTION_AUTO);
	ck_assert_int_eq(o.color, PX_COLOR_OPTION_AUTO);
	ck_assert_uint_eq(o.snaplen, 16384);
	ck_assert_uint_ge(o.buffer_size, 65536);
	ck_assert_uint_eq(o.count, 0);
	ck_assert_uint_eq(o.duration_ns, 0);
	ck_assert_uint_eq(o.slow_ns, 0);
	ck_assert_uint_eq(o.verbose, 0);
	ck_assert_uint_eq(o.time_style, 0);
	ck_assert_int_eq(o.dump, 0);
	ck_assert(!o.json && !o.is_wide && !o.conns && !o.quiet && !o.debug);
	ck_assert(!o.no_redact && !o.redact_literals);
}
END_TEST

START_TEST(targets)
{
	struct px_options o = options_of(
		"--comm=nginx|--comm|php*|--exe|/bin/x|--uid|www-data|--unit|a|--container|b|--cgroup|c|-f");

	ck_assert(!o.all && px_options_follow(&o) && px_options_choose(&o));
	ck_assert_uint_eq(o.comms.count, 2);
	ck_assert_str_eq(o.comms.word[1], "php*");
	ck_assert_str_eq(o.exes.word[0], "/bin/x");
	ck_assert_str_eq(o.uids.word[0], "www-data");
	ck_assert_str_eq(o.units.word[0], "a");
	ck_assert_str_eq(o.containers.word[0], "b");
	ck_assert_str_eq(o.cgroups.word[0], "c");
	ck_assert(options_of("").all && options_of("-j").all && options_of("-a").all);
	ck_assert(!options_of("-r|f").all && !options_of("-p|1").all && !options_of("--uid=0").all);
	o = options_of("-j|-u|nobody|--comm|curl|--|curl|-s|-p|1");
	ck_assert_str_eq(o.command[0], "curl");
	ck_assert_str_eq(o.command[3], "1");
	ck_assert_ptr_null(o.command[4]);
	ck_assert_str_eq(o.run_as, "nobody");
	ck_assert(!o.all && o.pids.count == 0 && px_options_follow(&o));
	o = options_of("--no-follow|--|curl");
	ck_assert(!px_options_follow(&o));
}
END_TEST

START_TEST(everything)
{
	struct px_options o = options_of(
		"-p1,2|--pid=3|-p|2|-jvv|-v|-tttt|--color|--slow=100ms|-c5|--duration|1.5s");

	ck_assert_uint_eq(o.pids.count, 3);
	ck_assert_uint_eq(o.pids.pid[2], 3);
	ck_assert(o.json);
	ck_assert_uint_eq(o.verbose, 3);
	ck_assert_uint_eq(o.time_style, 4);
	ck_assert_int_eq(o.color, PX_COLOR_OPTION_ALWAYS);
	ck_assert_uint_eq(o.slow_ns, 100000000);
	ck_assert_uint_eq(o.count, 5);
	ck_assert_uint_eq(o.duration_ns, 1500000000);

	o = options_of(
		"-A|-X|-s|0|--probe|tracepoint|--buffer=1M|-o|out.json|-q|--debug|--no-redact|--redact-literals|--wide|--conns|-l|-r|-");
	ck_assert_int_eq(o.dump, 'X');
	ck_assert_uint_eq(o.snaplen, 0);
	ck_assert_int_eq(o.probe, PX_PROBE_OPTION_TRACEPOINT);
	ck_assert_uint_eq(o.buffer_size, 1 << 20);
	ck_assert_str_eq(o.output_file, "out.json");
	ck_assert(o.quiet && o.debug && o.no_redact && o.is_wide && o.conns && o.line_buffered);
	ck_assert(o.redact_literals);
	ck_assert_str_eq(o.read_file, "-");

	o = options_of("--color|never|-p|7");
	ck_assert_int_eq(o.color, PX_COLOR_OPTION_NEVER);
	ck_assert_uint_eq(o.pids.count, 1);
	o = options_of("--probe=fentry|--color=never|-p|7|-jo|x");
	ck_assert_int_eq(o.probe, PX_PROBE_OPTION_FENTRY);
	ck_assert_int_eq(o.color, PX_COLOR_OPTION_NEVER);
	ck_assert_str_eq(o.output_file, "x");
}
END_TEST

/* These need no target, and the first two look no further. */
START_TEST(actions)
{
	ck_assert_int_eq(options_of("-h").action, PX_ACTION_HELP);
	ck_assert_int_eq(options_of("--help|--nonsense").action, PX_ACTION_HELP);
	ck_assert_int_eq(options_of("-jV").action, PX_ACTION_VERSION);
	ck_assert_int_eq(options_of("--list-fields").action, PX_ACTION_LIST_FIELDS);
	ck_assert_int_eq(options_of("--list-protocols|-j").action, PX_ACTION_LIST_PROTOCOLS);
	ck_assert_uint_eq(options_of("--dur|5s|-p|1").duration_ns, UINT64_C(5000000000));
}
END_TEST

/* clang-format off */
static const struct wrong_case {
	const char *line;
	const char *cause;	/* a part of it */
	const char *cure;
} wrong_cases[] = {
	{ "-a|-p|1", "-a traces all", "leave -a out" },
	{ "-a|--uid=0", "-a traces all", "leave -a out" },
	{ "-r|f|--comm|x", "targets and -r exclude", "-r to read" },
	{ "-r|f|-a", "-a and -r exclude", "-r to read" },
	{ "-r|f|--port|80", "-r has no use for them", "an expression" },
	{ "--port|0", "--port 0 is out of range", "1 to 65535" },
	{ "--host|here", "--host 'here' is not an address", "10.0.0.0/8" },
	{ "--role|both", "--role does not know 'both'", "any, client or server" },
	{ "-p|1|-f|--no-follow", "exclude each other", "one of them" },
	{ "--comm=", "--comm '' is not a process name", "ps -o comm" },
	{ "--uid|1|--uid|1|--uid|1|--uid|1|--uid|1|--uid|1|--uid|1|--uid|1|--uid|1", "--uid may be given up to 8 times", "fewer" },
	{ "-p", "-p needs a value", "pgrep" },
	{ "--pid", "--pid needs a value: PID[,PID...]", "pgrep" },
	{ "-p|nginx", "-p 'nginx' is not a list of process ids", "pgrep" },
	{ "-p|", "-p '' is not a list", "pgrep" },
	{ "--jsn", "no option --jsn", "did you mean --json?" },
	{ "--colour=auto|-p|1", "no option --colour", "did you mean --color?" },
	{ "--qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq", "no option --qqq", "--help" },
	{ "--list", "--list is the beginning of several", "--list-fields, --list-protocols" },
	{ "-J", "no option -J", "did you mean -j?" },
	{ "-Q9", "no option -Q", "did you mean -q?" },
	{ "-9", "no option -9", "--help" },
	{ "--json=1", "--json takes no value", "--help" },
	{ "--color=red", "--color does not know 'red'", "auto, always or never" },
	{ "--probe=uprobe", "--probe does not know 'uprobe'", "auto, sock, tracepoint, kprobe or fentry" },
	{ "-p|1|--duration|30", "--duration '30' is not a time with its unit", "30s" },
	{ "-p|1|--duration|0s", "--duration 0s is out of range", "1ms to" },
	{ "-p|1|-c|0", "-c 0 is out of range", "1 to" },
	{ "-p|1|-c|1.5", "-c '1.5' is not a number", "decimal" },
	{ "-p|1|-s|-1", "-s '-1' is not a size", "16k" },
	{ "-p|1|--snaplen|99999999999999999999", "--snaplen 99999999999999999999 is out of range", "0 to 1G" },
	{ "-p|1|--buffer|1k", "--buffer 1k is out of range", "256k to 1G" },
	{ "-p|0", "-p 0 is out of range", "1 to 2147483647" },
	{ "-p|99999999999", "-p 99999999999 is out of range", "1 to 2147483647" },
	{ "-p|1|-tttttt", "-t may be given up to 5 times", "--help" },
	{ "-o||-p|1", "-o '' is not a file name", "-" },
	{ "-r|a|--print", "go with -w", "-w FILE" },
	{ "-r|a|-C|1", "go with -w", "-w FILE" },
	{ "-r|a|-w|b|-W|2", "go with -C or -G", "-C MILLIONS" },
	{ "-r|a|-w|b|-z|gzip", "go with -C or -G", "-G SECONDS" },
	{ "-r|a|-w|-|-G|2", "cannot divide standard output", "-w FILE" },
	{ "-r|a|-w|-|--print", "cannot share standard output", "-o FILE" },
	{ "-r|a|-w|-|-o|-", "cannot share standard output", "-o FILE" },
	{ "-r|a|-w|b|-C|0", "-C 0 is out of range", "1 to" },
	{ "-F|x|-p|1|http", "-F and an expression", "one of them" },
	{ "-j|--format=csv|-p|1", "-j and --format csv exclude", "one of them" },
	{ "--format=xml|-p|1", "--format does not know 'xml'", "text, json or csv" },
	{ "--proto=http|--no-proto=dns|-a", "--proto and --no-proto exclude", "one of them" },
	{ "-d|80|-p|1", "-d '80' is not a port and a protocol", "-d 8081=http" },
	{ "-d|=http|-p|1", "is not a port and a protocol", "-d 8081=http" },
	{ "-d|80=|-p|1", "is not a port and a protocol", "-d 8081=http" },
	{ "-d|0=http|-p|1", "-d 0=http is out of range", "1 to 65535" },
	{ "-d|65536=http|-p|1", "is out of range", "1 to 65535" },
	{ "-p|1|a|~|/root|and|ok", "the shell has made /root of ~", "in quotes" },
	{ "4242", "'4242' alone says nothing", "did you mean -p 4242?" },
	{ "-p|1|--|curl|x", "-p and a command exclude", "or what runs" },
	{ "-a|--|curl|x", "-a and a command exclude", "or what runs" },
	{ "-r|f|--|curl|x", "-r and a command exclude", "or what runs" },
	{ "-p|1|--", "no command behind --", "curl" },
	{ "-u|root|-p|1", "-u goes with a command", "--uid" },
	{ "-i|-r|-", "reads standard input", "-i -r FILE" },
	{ "-i|--sql|SELECT 1", "-i and --sql exclude", "SELECT" },
	{ "-io|f", "-i and -o exclude", ".save" },
	{ "-i|--summary-only", "-i and --summary-only exclude", ".save" },
	{ "-i|--fields|ts", "-i and --fields exclude", ".save" },
	{ "-i|-w|-", "cannot share", "-o" },
	{ "-i|--|curl|x", "-i and a command exclude", "another terminal" },
	{ "-r|f|-p|1", "-p and -r exclude each other", "-r to read" },
};
/* clang-format on */

START_TEST(wrong)
{
	const struct wrong_case *c = &wrong_cases[_i];
	struct px_options o;
	struct px_error err;

	ck_assert_msg(parse(c->line, &o, &err) == -1, "%s", c->line);
	ck_assert_int_eq(err.code, PX_EXIT_USAGE);
	ck_assert_msg(strstr(err.cause, c->cause), "%s: %s", c->line, err.cause);
	ck_assert_msg(strstr(err.cure, c->cure), "%s: %s", c->line, err.cure);
	ck_assert_ptr_null(strchr(err.cause, '\n'));
	ck_assert_ptr_null(strchr(err.cure, '\n'));
}
END_TEST

/* POSIXLY_CORRECT must not turn options behind a word into words. */
START_TEST(words_in_their_turn)
{
	struct px_options o;
	struct px_error err;

	setenv("POSIXLY_CORRECT", "1", 1);
	ck_assert_int_eq(parse("-p|1|-j", &o, &err), 0);
	ck_assert_int_eq(parse("status|=|200|-j|and|ok|-p|1", &o, &err), 0);
	ck_assert(o.json);
	ck_assert_str_eq(o.expression, "status = 200 and ok");
	unsetenv("POSIXLY_CORRECT");
	ck_assert_int_eq(parse("http and ok|--|curl|-s|x", &o, &err), 0);
	ck_assert_str_eq(o.expression, "http and ok");
	ck_assert_str_eq(o.command[1], "-s");
	ck_assert_int_eq(parse("-d|80=http|-d8080=redis|--format|json|-p|1|", &o, &err), 0);
	ck_assert_uint_eq(o.decode_as.count, 2);
	ck_assert_uint_eq(o.decode_as.word[1].port, 8080);
	ck_assert_str_eq(o.decode_as.word[1].proto, "redis");
	ck_assert(o.json && o.format == PX_FORMAT_OPTION_JSON);
}
END_TEST

static char said[512];

static void say(const char *line)
{
	snprintf(said, sizeof(said), "%s", line);
}

START_TEST(warnings)
{
	struct px_options o = options_of("-p|1|-v");

	said[0] = '\0';
	px_options_warn(&o, say);
	ck_assert_str_eq(said, "");
	o = options_of("-p|1|--no-redact");
	px_options_warn(&o, say);
	ck_assert_ptr_nonnull(strstr(said, "redaction is off"));
	o = options_of("-p|1|-jA");
	px_options_warn(&o, say);
	ck_assert_ptr_nonnull(strstr(said, "-j prints all fields"));
}
END_TEST

static char *help_text(void)
{
	static char *text;	/* static: inlined, gcc 12 takes the text for a local that has gone */
	static size_t len;
	FILE *out = open_memstream(&text, &len);

	px_help_print(out);
	fclose(out);
	return text;
}

START_TEST(help_fits_and_names_all)
{
	char *text = help_text();
	char name[64];

	for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
		ck_assert_msg(strcspn(line, "\n") <= 80, "%.*s", (int)strcspn(line, "\n"), line);
	ck_assert_ptr_null(strchr(text, '\t'));
	ck_assert_ptr_null(strstr(text, " \n"));
	for (const struct px_option *opt = px_options_table; opt->letter || opt->name; opt++) {
		if (!opt->name)
			snprintf(name, sizeof(name), "  -%c", opt->letter);
		else
			snprintf(name, sizeof(name), "--%s", opt->name);
		ck_assert_msg(strstr(text, name), "%s", name);
	}
	ck_assert_ptr_nonnull(strstr(text, "\nExamples:\n"));
	free(text);
}
END_TEST

/* Each command of the examples is one that pxtrace accepts. */
START_TEST(help_examples_work)
{
	char *text = help_text();
	const char *line = strstr(text, "\nExamples:\n");
	char words[256];
	size_t examples = 0;

	while ((line = strstr(line, "sudo pxtrace "))) {
		size_t len = 0;

		line += strlen("sudo pxtrace ");
		for (const char *at = line;
		     *at && *at != '\n' && *at != '|' && strncmp(at, "  ", 2) != 0; at++) {
			if (strncmp(at, "\"$(pgrep nginx)\"", 16) == 0) {
				memcpy(words + len, "1 2", 3);
				len += 3;
				at += 15;
			} else {
				words[len++] = *at == ' ' ? '|' : *at;
			}
		}
		while (len > 0 && words[len - 1] == '|')
			len--;
		words[len] = '\0';
		options_of(words);
		examples++;
	}
	ck_assert_uint_ge(examples, 4);
	free(text);
}
END_TEST

/* No letter and no name twice, and each default is one that can be typed. */
START_TEST(table_is_sound)
{
	for (const struct px_option *a = px_options_table; a->letter || a->name; a++) {
		ck_assert_ptr_nonnull(a->help);
		ck_assert(a->help[strlen(a->help) - 1] != '.');
		ck_assert_ptr_nonnull(a->kind);
		ck_assert(!a->preset || a->value);
		for (const struct px_option *b = a + 1; b->letter || b->name; b++) {
			ck_assert(!a->letter || a->letter != b->letter);
			ck_assert(!a->name || !b->name || strcmp(a->name, b->name) != 0);
		}
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("options");
	TCase *tc = tcase_create("options");

	setenv("HOME", "/root", 1);

	tcase_add_test(tc, defaults);
	tcase_add_test(tc, targets);
	tcase_add_test(tc, everything);
	tcase_add_test(tc, actions);
	tcase_add_loop_test(tc, wrong, 0, (int)PX_COUNT(wrong_cases));
	tcase_add_test(tc, words_in_their_turn);
	tcase_add_test(tc, warnings);
	tcase_add_test(tc, help_fits_and_names_all);
	tcase_add_test(tc, help_examples_work);
	tcase_add_test(tc, table_is_sound);
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
