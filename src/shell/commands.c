/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that begin with a dot. */
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "cli/args.h"
#include "shell/private.h"
#include "tables/schema.h"

#define TOP_ROWS 30 /* operations that are shown at most */
#define TOP_AROUND 4 /* lines that are none of them */
#define TOP_MS 1000 /* between two looks */
#define TAIL_MS 1000
#define COMMAND_PATH_MAX 4096
#define COMMAND_LIST_MAX 8192 /* of process ids */

/* As in the text line: one end of a connection, and who asks. */
#define COMMANDS_END(end)                                                                          \
	"CASE WHEN net = 'unix' THEN 'unix:' || " end "_addr WHEN " end "_addr LIKE '%:%' "        \
	"THEN '[' || " end "_addr || ']:' || " end "_port ELSE " end "_addr || ':' || " end        \
	"_port END"
#define COMMANDS_DIR "CASE role WHEN 'client' THEN '->' WHEN 'server' THEN '<-' END"

static void command_tables(struct px_shell *s, struct px_bytes args)
{
	(void)args;
	px_shell_query(s, "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') "
			  "AND name NOT LIKE '%\\_part' ESCAPE '\\' ORDER BY name");
}

static void command_field(struct px_shell *s, const char *column, const struct px_field *f)
{
	px_shell_say(s, "%-24s %-7s %-5s  %s\n", column, px_type_name(f->type),
		     f->unit ? f->unit : "-", f->help);
}

static void command_fields(struct px_shell *s, struct px_bytes args)
{
	char column[PX_SCHEMA_NAME];
	bool is_known = args.len == 0;

	for (size_t i = 0; i < PX_SCHEMA_FIXED_COUNT; i++) {
		const struct px_schema_table *t = &px_schema_fixed[i];
		bool is_meant = args.len ? px_bytes_caseeq(args, px_bytes_str(t->name))
					 : i == PX_SCHEMA_MESSAGES;

		is_known |= is_meant;
		for (unsigned int f = 0; is_meant && f < PX_COMMON_COUNT; f++)
			if (t->common >> f & 1)
				command_field(s, px_common_fields[f].name, &px_common_fields[f]);
	}
	for (size_t i = 0; i < s->opt.group_count; i++) {
		const struct px_field_group *g = &s->opt.groups[i];

		if (!px_bytes_caseeq(args, px_bytes_str(g->name)))
			continue;
		is_known = true;
		px_shell_say(s, "the columns of messages, and\n");
		for (const struct px_field *f = g->fields; f->type != PX_TYPE_NONE; f++)
			command_field(s, px_schema_column(f, column), f);
	}
	if (px_bytes_caseeq(args, PX_BYTES("processes"))) /* a view over columns of others */
		px_shell_query(s, "SELECT name, type FROM pragma_table_info('processes')");
	else if (!is_known)
		px_shell_fail(s, PX_EXIT_USAGE, "there is no table '%.*s': .tables lists them",
			      (int)args.len, args.ptr);
}

static void command_conns(struct px_shell *s, struct px_bytes args)
{
	(void)args;
	px_shell_query(
		s,
		"SELECT comm, pid, proto, " COMMANDS_END(
			"local") " AS local, " COMMANDS_DIR
				 " AS dir, " COMMANDS_END(
					 "remote") " AS remote, "
						   "type AS state, messages AS n, errors "
						   "FROM connections ORDER BY ts DESC LIMIT 100");
}

/* The next word of *text, which is moved behind it. */
static struct px_bytes next_word(struct px_bytes *text)
{
	size_t end = px_bytes_find(*text, 0, ' ');
	struct px_bytes word = px_bytes_sub(*text, 0, end);

	*text = px_bytes_trim(px_bytes_sub(*text, end, SIZE_MAX));
	return word;
}

static void command_target(struct px_shell *s, struct px_bytes args)
{
	struct px_pids pids = { 0 };
	struct px_error err;
	char list[COMMAND_LIST_MAX];
	struct px_bytes word = next_word(&args);
	bool is_added = !px_bytes_eq(word, PX_BYTES("remove"));

	if (!word.len) {
		if (s->opt.ops->targets(s->opt.ctx, &s->shown) != 0)
			s->shown.len = 0;
		return;
	}
	if (!is_added)
		word = next_word(&args);
	snprintf(list, sizeof(list), "%.*s", (int)args.len, args.len ? args.ptr : "");
	if (!px_bytes_eq(word, PX_BYTES("-p")) || args.len >= sizeof(list) ||
	    px_arg_pids(list, &pids) != 0)
		px_shell_fail(s, PX_EXIT_USAGE,
			      ".target takes processes: .target -p 4242, .target remove -p 4242");
	else if (s->opt.ops->target(s->opt.ctx, &pids, is_added, &err) != 0)
		px_shell_error(s, &err);
}

/* A terminal that gives each key at once, and does not show it. False: there is none. */
static bool keys_begin(struct px_shell *s, struct termios *before)
{
	struct termios now;

	if (!s->is_terminal || tcgetattr(s->opt.in, before) != 0)
		return false;
	now = *before;
	now.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	return tcsetattr(s->opt.in, TCSANOW, &now) == 0;
}

static void keys_end(struct px_shell *s, const struct termios *before)
{
	tcsetattr(s->opt.in, TCSANOW, before);
}

static void command_tail(struct px_shell *s, struct px_bytes args)
{
	struct termios before;
	struct px_error err;

	if (!s->opt.is_live) {
		px_shell_fail(s, PX_EXIT_USAGE, ".tail: nothing comes any more: a file was read");
		return;
	}
	if (!s->is_terminal) {
		px_shell_fail(s, PX_EXIT_USAGE, ".tail needs a terminal: a key ends it");
		return;
	}
	if (s->opt.ops->tail(s->opt.ctx, args, true, &err) != 0) {
		px_shell_error(s, &err);
		return;
	}
	if (keys_begin(s, &before)) {
		while (!s->is_over && !px_shell_wait(s, TAIL_MS))
			;
		keys_end(s, &before);
	}
	if (s->opt.ops->tail(s->opt.ctx, args, false, &err) != 0)
		s->is_over = true;
}

/*
 * The last ten seconds, by operation: until now, or until the last message of a file. That the time
 * began later is considered, too.
 */
static void top_query(struct px_shell *s, struct px_bytes proto, size_t rows)
{
	static const char form[] =
		"WITH t(first, now) AS (SELECT (SELECT ts_us FROM messages ORDER BY seq LIMIT 1), %s) "
		"SELECT proto, op, fold(target) AS target, "
		"round(count(*) * 1e6 / min(max(now - first, 1e6), 1e7), 1) AS 'n/s', "
		"sum(NOT ok) AS errors, ms(percentile(latency_ns, 50)) AS p50_ms, "
		"ms(percentile(latency_ns, 95)) AS p95_ms, ms(percentile(latency_ns, 99)) AS p99_ms "
		"FROM messages, t WHERE ts_us > now - 10000000%s%.*s%s "
		"GROUP BY 1, 2, 3 ORDER BY count(*) DESC LIMIT %zu";
	char sql[1024];

	snprintf(sql, sizeof(sql), form,
		 s->opt.is_live ? "CAST((julianday('now') - 2440587.5) * 86400e6 AS INTEGER)"
				: "(SELECT max(ts_us) FROM messages)",
		 proto.len ? " AND proto = '" : "", (int)proto.len, proto.len ? proto.ptr : "",
		 proto.len ? "'" : "", rows);
	px_shell_query(s, sql);
}

/* A pager would wait for a key. */
static size_t top_rows(const struct px_shell *s)
{
	size_t rows = px_shell_rows(s);

	if (rows == 0 || rows > TOP_ROWS + TOP_AROUND)
		return TOP_ROWS;
	return rows > TOP_AROUND ? rows - TOP_AROUND : 1;
}

static void command_top(struct px_shell *s, struct px_bytes args)
{
	struct termios before;
	bool is_known = args.len == 0;

	for (size_t i = 0; i < s->opt.group_count; i++)
		is_known |= px_bytes_eq(args, px_bytes_str(s->opt.groups[i].name));
	if (!is_known) {
		px_shell_fail(s, PX_EXIT_USAGE, ".top takes a protocol: .top http");
		return;
	}
	if (!s->opt.is_live || !keys_begin(s, &before)) { /* nothing would change; a script */
		top_query(s, args, TOP_ROWS);
		return;
	}
	do {
		px_shell_say(s, "\033[H\033[J");
		px_shell_say(s, "the last ten seconds; a key ends this\n");
		top_query(s, args, top_rows(s));
	} while (!s->is_over && !px_shell_wait(s, TOP_MS));
	keys_end(s, &before);
}

static void command_map(struct px_shell *s, struct px_bytes args)
{
	(void)args;
	px_shell_query(
		s,
		"SELECT coalesce(comm, local_addr) AS who, " COMMANDS_DIR " AS dir, "
		"CASE role WHEN 'client' THEN " COMMANDS_END(
			"remote") " ELSE remote_addr END "
				  "AS peer, proto, count(*) AS n, "
				  "sum(NOT ok) AS errors, ms(percentile(latency_ns, 95)) AS p95_ms "
				  "FROM messages GROUP BY 1, 2, 3, 4 ORDER BY n DESC");
}

static void command_filter(struct px_shell *s, struct px_bytes args)
{
	struct px_error err;

	if (s->opt.ops->filter(s->opt.ctx, args, &err) != 0)
		px_shell_error(s, &err);
}

static void command_keep(struct px_shell *s, struct px_bytes args)
{
	char text[PX_ARG_TEXT];
	uint64_t bytes;
	size_t len = 0;

	/* "256 MB" as well as "256MB" */
	for (size_t i = 0; i < args.len && len < sizeof(text) - 1; i++)
		if (args.ptr[i] != ' ')
			text[len++] = args.ptr[i];
	text[len] = '\0';
	if (!args.len) {
		bytes = s->opt.ops->kept(s->opt.ctx);
		px_shell_say(s, "%s; %llu messages had to go\n",
			     bytes ? px_arg_size_text(bytes, text) : "all is kept",
			     (unsigned long long)px_tables_gone(s->opt.tables));
	} else if (px_arg_size(text, &bytes) != 0 || bytes < PX_SHELL_KEEP_MIN) {
		px_shell_fail(s, PX_EXIT_USAGE, ".keep takes a size from 4 MB on: .keep 256 MB");
	} else {
		s->opt.ops->keep(s->opt.ctx, bytes);
	}
}

/* The name of a file; false, with what is wrong said, where there is none. */
static bool command_path(struct px_shell *s, struct px_bytes args, const char *usage,
			 char path[COMMAND_PATH_MAX])
{
	if (args.len && args.len < COMMAND_PATH_MAX) {
		snprintf(path, COMMAND_PATH_MAX, "%.*s", (int)args.len, args.ptr);
		return true;
	}
	px_shell_fail(s, PX_EXIT_USAGE, "%s", usage);
	return false;
}

static void command_save(struct px_shell *s, struct px_bytes args)
{
	struct px_error err;
	char path[COMMAND_PATH_MAX];

	if (command_path(s, args, ".save takes the name of a file: .save trace.db", path) &&
	    px_tables_save(s->opt.tables, path, px_shell_turn, s, &err) != 0)
		px_shell_error(s, &err);
}

const char *const px_shell_kinds[] = { "json", "csv", "pcapng", NULL };

static void command_export(struct px_shell *s, struct px_bytes args)
{
	static const char usage[] = ".export takes json, csv or pcapng, and the name of a file";
	struct px_bytes kind = next_word(&args);
	char path[COMMAND_PATH_MAX];
	struct px_error err;
	unsigned int i = 0;

	while (px_shell_kinds[i] && !px_bytes_eq(kind, px_bytes_str(px_shell_kinds[i])))
		i++;
	if (!px_shell_kinds[i])
		px_shell_fail(s, PX_EXIT_USAGE, "%s", usage);
	else if (command_path(s, args, usage, path) &&
		 s->opt.ops->export(s->opt.ctx, (enum px_shell_kind)i, path, px_shell_turn, s,
				    &err) != 0)
		px_shell_error(s, &err);
}

static void command_stats(struct px_shell *s, struct px_bytes args)
{
	(void)args;
	if (s->opt.ops->stats(s->opt.ctx, &s->shown))
		s->shown.len = 0;
}

static void command_pause(struct px_shell *s, struct px_bytes args)
{
	(void)args;
	s->opt.ops->pause(s->opt.ctx, true);
}

static void command_resume(struct px_shell *s, struct px_bytes args)
{
	(void)args;
	s->opt.ops->pause(s->opt.ctx, false);
}

static void command_examples(struct px_shell *s, struct px_bytes args)
{
	(void)args;
	px_shell_say(
		s,
		"-- slowest endpoints\n"
		"SELECT op, fold(target) AS path, count(*) AS n, ms(percentile(latency_ns, 95)) AS p95\n"
		"FROM http GROUP BY 1, 2 ORDER BY p95 DESC LIMIT 10;\n"
		"-- errors by peer\n"
		"SELECT host(remote_addr) AS peer, proto, status, count(*) AS n\n"
		"FROM messages WHERE NOT ok GROUP BY 1, 2, 3 ORDER BY n DESC;\n"
		"-- who calls whom\n"
		"SELECT comm, proto, remote_addr, remote_port, count(*) AS n\n"
		"FROM messages WHERE role = 'client' GROUP BY 1, 2, 3, 4 ORDER BY n DESC;\n");
}

static void command_help(struct px_shell *s, struct px_bytes args)
{
	(void)args;
	px_shell_say(s, "SQL ends with ';'. Ctrl-C ends a query or a line, Ctrl-D the shell.\n");
	for (const struct px_shell_command *c = px_shell_commands; c->name; c++)
		px_shell_say(s, "%-9s %-21s %s\n", c->name, c->args, c->help);
}

static void command_quit(struct px_shell *s, struct px_bytes args)
{
	(void)args;
	s->is_over = true;
}

/* clang-format off */
const struct px_shell_command px_shell_commands[] = {
	{ ".tables",   "",        "the tables", PX_SHELL_NO_WORDS, command_tables },
	{ ".fields",   "[TABLE]", "the columns of a table: type, unit, meaning", PX_SHELL_TABLES, command_fields },
	{ ".tail",     "[EXPR]",  "messages as they come, until a key", PX_SHELL_EXPRESSION, command_tail },
	{ ".top",      "[PROTO]", "rates, errors, times of ten seconds, until a key", PX_SHELL_PROTOCOLS, command_top },
	{ ".conns",    "",        "the latest connections", PX_SHELL_NO_WORDS, command_conns },
	{ ".map",      "",        "who talks to whom", PX_SHELL_NO_WORDS, command_map },
	{ ".stats",    "",        "what was seen, lost and kept", PX_SHELL_NO_WORDS, command_stats },
	{ ".filter",   "[EXPR]",  "take only those: .filter http and status >= 500", PX_SHELL_EXPRESSION, command_filter },
	{ ".target",   "[[remove] -p PID]", "who is traced; trace it too, or no longer", PX_SHELL_NO_WORDS, command_target },
	{ ".pause",    "",        "take no messages", PX_SHELL_NO_WORDS, command_pause },
	{ ".resume",   "",        "take them again", PX_SHELL_NO_WORDS, command_resume },
	{ ".keep",     "[SIZE]",  "how much is kept; then the oldest messages go", PX_SHELL_NO_WORDS, command_keep },
	{ ".save",     "FILE",    "all tables into an SQLite database", PX_SHELL_FILE, command_save },
	{ ".export",   "json|csv|pcapng FILE", "the messages, or the packets they came in", PX_SHELL_KIND_AND_FILE, command_export },
	{ ".examples", "",        "queries to begin with", PX_SHELL_NO_WORDS, command_examples },
	{ ".help",     "",        "this", PX_SHELL_NO_WORDS, command_help },
	{ ".quit",     "",        "end", PX_SHELL_NO_WORDS, command_quit },
	{ 0 },
};
/* clang-format on */

const struct px_shell_command *px_command_find(struct px_bytes name, size_t *matches)
{
	const struct px_shell_command *found = NULL;

	*matches = 0;
	for (const struct px_shell_command *c = px_shell_commands; c->name; c++) {
		if (!px_bytes_starts(px_bytes_str(c->name), name))
			continue;
		++*matches;
		found = c;
		if (strlen(c->name) == name.len) {
			*matches = 1;
			break;
		}
	}
	return *matches == 1 ? found : NULL;
}

void px_command_run(struct px_shell *s, struct px_bytes line)
{
	size_t end = px_bytes_find(line, 0, ' '), matches;
	struct px_bytes name = px_bytes_sub(line, 0, end);
	const struct px_shell_command *found = px_command_find(name, &matches);

	if (found)
		found->run(s, px_bytes_trim(px_bytes_sub(line, end, SIZE_MAX)));
	else
		px_shell_fail(s, PX_EXIT_USAGE, "%s '%.*s': .help lists the commands",
			      matches ? "several commands begin with" : "there is no command",
			      (int)name.len, name.ptr);
}
