/* SPDX-License-Identifier: Apache-2.0 */
/* What a word may become: a command, a table, a column, a field, a word of SQL or a function. */
#include <stdlib.h>
#include <strings.h>

#include "shell/private.h"
#include "tables/schema.h"

/* The word that is completed; what it may become is counted until the one that is asked for. */
struct completion {
	const struct px_shell *shell;
	const char *word;
	size_t skip;
	char *found;
};

static const char *const complete_sql[] = {
	"SELECT",   "FROM",	 "WHERE",     "GROUP BY",    "ORDER BY",   "HAVING",
	"LIMIT",    "AND",	 "OR",	      "NOT",	     "IN",	   "LIKE",
	"IS NULL",  "BETWEEN",	 "JOIN",      "LEFT JOIN",   "ON",	   "AS",
	"DISTINCT", "DESC",	 "UNION ALL", "CASE WHEN",   "count(",	   "sum(",
	"avg(",	    "min(",	 "max(",      "percentile(", "ms(",	   "fold(",
	"host(",    "strftime(", "round(",    "WITH",	     "json_each(", NULL,
};

static const char *const complete_filter[] = { "and",  "or", "not",	 "port",
					       "host", "in", "contains", NULL };

static void complete_try(struct completion *c, const char *name)
{
	if (!c->found && strncasecmp(name, c->word, strlen(c->word)) == 0 && c->skip-- == 0)
		c->found = strdup(name);
}

static void complete_list(struct completion *c, const char *const *names)
{
	for (; *names; names++)
		complete_try(c, *names);
}

static void complete_groups(struct completion *c)
{
	for (size_t i = 0; i < c->shell->opt.group_count; i++)
		complete_try(c, c->shell->opt.groups[i].name);
}

static void complete_tables(struct completion *c)
{
	for (size_t i = 0; i < PX_SCHEMA_FIXED_COUNT; i++)
		complete_try(c, px_schema_fixed[i].name);
	complete_try(c, "processes");
	complete_groups(c);
}

/* The columns of all tables, which are the names that expressions know, too. */
static void complete_columns(struct completion *c)
{
	char column[PX_SCHEMA_NAME];

	for (const struct px_field *f = px_common_fields; f->type != PX_TYPE_NONE; f++)
		complete_try(c, f->name);
	for (size_t i = 0; i < c->shell->opt.group_count; i++)
		for (const struct px_field *f = c->shell->opt.groups[i].fields;
		     f->type != PX_TYPE_NONE; f++)
			complete_try(c, px_schema_column(f, column));
}

static void complete_commands(struct completion *c)
{
	for (const struct px_shell_command *command = px_shell_commands; command->name; command++)
		complete_try(c, command->name);
}

/* The command of a line, and where its arguments begin; NULL where there is none. */
static const struct px_shell_command *complete_command(struct px_bytes line, size_t *args)
{
	size_t end = px_bytes_find(line, 0, ' '), matches;

	*args = end;
	return line.len && line.ptr[0] == '.'
		       ? px_command_find(px_bytes_sub(line, 0, end), &matches)
		       : NULL;
}

bool px_complete_takes_file(struct px_bytes before)
{
	size_t args;
	const struct px_shell_command *command = complete_command(before, &args);

	if (!command || args == before.len)
		return false;
	if (command->words == PX_SHELL_FILE)
		return true;
	while (args < before.len && before.ptr[args] == ' ')
		args++;
	return command->words == PX_SHELL_KIND_AND_FILE &&
	       px_bytes_find(before, args, ' ') < before.len;
}

static void complete_argument(struct completion *c, const struct px_shell_command *command)
{
	switch (command->words) {
	case PX_SHELL_TABLES:
		complete_tables(c);
		break;
	case PX_SHELL_PROTOCOLS:
		complete_groups(c);
		break;
	case PX_SHELL_EXPRESSION:
		complete_groups(c);
		complete_list(c, complete_filter);
		complete_columns(c);
		break;
	case PX_SHELL_KIND_AND_FILE:
		complete_list(c, px_shell_kinds);
		break;
	case PX_SHELL_FILE: /* readline knows them */
	case PX_SHELL_NO_WORDS:
		break;
	}
}

char *px_complete(struct px_shell *s, struct px_bytes before, const char *word, size_t n)
{
	struct completion c = { .shell = s, .word = word, .skip = n };
	const struct px_shell_command *command;
	size_t args;

	if (!before.len && word[0] == '.') {
		complete_commands(&c);
	} else if (before.len && before.ptr[0] == '.' && !s->sql.len) {
		command = complete_command(before, &args);
		if (command && !px_complete_takes_file(before))
			complete_argument(&c, command);
	} else {
		complete_tables(&c);
		complete_list(&c, complete_sql);
		complete_columns(&c);
	}
	return c.found;
}
