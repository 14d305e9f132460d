/* SPDX-License-Identifier: Apache-2.0 */
/* Completion for bash, zsh and fish, made of the table of options and the names of fields. */
#include "cli/options.h"

/* The words of a kind of value, each behind one blank. */
static void names_print(FILE *out, const struct px_completion_names *names, enum px_complete what)
{
	const char *const *name = what == PX_COMPLETE_PROTOCOLS ? names->protocols : names->fields;

	for (; *name; name++)
		fprintf(out, " %s", *name);
}

static void words_print(FILE *out, const struct px_option *opt)
{
	for (const char *const *word = opt->words; *word; word++)
		fprintf(out, "%s%s", word == opt->words ? "" : " ", *word);
}

static const char bash_head[] =
	"# bash completion for pxtrace, made from its table of options when it is built\n"
	"_pxtrace()\n"
	"{\n"
	"\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
	"\n"
	"\t# bash takes --name=value for three words\n"
	"\tif [ \"$cur\" = '=' ]; then\n"
	"\t\tcur=\n"
	"\telif [ \"$prev\" = '=' ]; then\n"
	"\t\tprev=${COMP_WORDS[COMP_CWORD-2]}\n"
	"\tfi\n"
	"\tCOMPREPLY=()\n"
	"\tcase $prev in\n";

static const char bash_tail[] = "\tif [ \"${cur#-}\" != \"$cur\" ]; then\n"
				"\t\tCOMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
				"\tfi\n"
				"}\n"
				"complete -F _pxtrace pxtrace\n";

static void bash_value(FILE *out, const struct px_option *opt,
		       const struct px_completion_names *names)
{
	fputc('\t', out);
	if (opt->letter)
		fprintf(out, "-%c", opt->letter);
	fprintf(out, "%s%s%s)\n", opt->letter && opt->name ? "|" : "", opt->name ? "--" : "",
		opt->name ? opt->name : "");
	switch (opt->kind->complete) {
	case PX_COMPLETE_PIDS:
		fputs("\t\tCOMPREPLY=($(compgen -W \"$(cd /proc && echo [0-9]*)\" -- \"$cur\"))\n",
		      out);
		break;
	case PX_COMPLETE_WORDS:
		fputs("\t\tCOMPREPLY=($(compgen -W '", out);
		words_print(out, opt);
		fputs("' -- \"$cur\"))\n", out);
		break;
	case PX_COMPLETE_FILES:
		fputs("\t\tCOMPREPLY=($(compgen -f -- \"$cur\"))\n", out);
		break;
	case PX_COMPLETE_USERS:
		fputs("\t\tCOMPREPLY=($(compgen -u -- \"$cur\"))\n", out);
		break;
	case PX_COMPLETE_PROTOCOLS:
	case PX_COMPLETE_FIELDS:
		/* Lists: what is before the last comma stays. */
		fputs("\t\tlocal before=\n"
		      "\t\t[ \"${cur%,*}\" != \"$cur\" ] && before=${cur%,*},\n"
		      "\t\tCOMPREPLY=($(compgen -P \"$before\" -W '",
		      out);
		names_print(out, names, opt->kind->complete);
		fputs("' -- \"${cur##*,}\"))\n", out);
		break;
	case PX_COMPLETE_NOTHING: /* a number, size or time */
		break;
	}
	fputs("\t\treturn ;;\n", out);
}

void px_completion_bash(FILE *out, const struct px_completion_names *names)
{
	fputs(bash_head, out);
	for (const struct px_option *opt = px_options_table; opt->letter || opt->name; opt++)
		if (opt->value)
			bash_value(out, opt, names);
	fputs("\tesac\n\tlocal options='", out);
	for (const struct px_option *opt = px_options_table; opt->letter || opt->name; opt++) {
		const char *between = opt == px_options_table ? "" : " ";

		if (opt->name)
			fprintf(out, "%s--%s", between, opt->name);
		else
			fprintf(out, "%s-%c", between, opt->letter);
	}
	fputs("'\n", out);
	fputs(bash_tail, out);
}

/* The explanation of an option stands in brackets, and the whole in single quotes. */
static void zsh_help(FILE *out, const char *text)
{
	fputc('[', out);
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\'", out);
		else if (*text == '[' || *text == ']' || *text == '\\')
			fputc('\\', out);
		fputc(*text, out);
	}
	fputc(']', out);
}

static void zsh_value(FILE *out, const struct px_option *opt,
		      const struct px_completion_names *names)
{
	bool may_miss = opt->value[0] == '[';
	const char *name = may_miss ? opt->value + 2 : opt->value; /* of "[=WHEN]" */
	int len = (int)strcspn(name, "[]");

	fprintf(out, "%s%.*s:", may_miss ? "::" : ":", len, name);
	switch (opt->kind->complete) {
	case PX_COMPLETE_PIDS:
		fputs("_pids", out);
		break;
	case PX_COMPLETE_WORDS:
		fputc('(', out);
		words_print(out, opt);
		fputc(')', out);
		break;
	case PX_COMPLETE_FILES:
		fputs("_files", out);
		break;
	case PX_COMPLETE_USERS:
		fputs("_users", out);
		break;
	case PX_COMPLETE_PROTOCOLS:
	case PX_COMPLETE_FIELDS:
		fputs("_values -s , name", out);
		names_print(out, names, opt->kind->complete);
		break;
	case PX_COMPLETE_NOTHING:
		break;
	}
}

/*
 * One form of an option, by letter or by name; "+" and "=": the value may follow at once or as a
 * word of its own.
 */
static void zsh_form(FILE *out, const struct px_option *opt, bool by_name,
		     const struct px_completion_names *names)
{
	const char *glue = !opt->value ? "" : !by_name ? "+" : opt->value[0] == '[' ? "=-" : "=";

	fputs(" \\\n\t\t'*", out); /* the last one given counts, so none is excluded by itself */
	if (by_name)
		fprintf(out, "--%s%s", opt->name, glue);
	else
		fprintf(out, "-%c%s", opt->letter, glue);
	zsh_help(out, opt->help);
	if (opt->value)
		zsh_value(out, opt, names);
	fputc('\'', out);
}

void px_completion_zsh(FILE *out, const struct px_completion_names *names)
{
	fputs("#compdef pxtrace\n"
	      "# zsh completion for pxtrace, made from its table of options when it is built\n"
	      "_pxtrace()\n{\n\t_arguments -s -S",
	      out);
	for (const struct px_option *opt = px_options_table; opt->letter || opt->name; opt++) {
		if (opt->letter)
			zsh_form(out, opt, false, names);
		if (opt->name)
			zsh_form(out, opt, true, names);
	}
	fputs("\n}\n_pxtrace \"$@\"\n", out);
}

/* In single quotes, in which fish knows \' and \\ only. */
static void fish_quoted(FILE *out, const char *text)
{
	fputc('\'', out);
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			fputc('\\', out);
		fputc(*text, out);
	}
	fputc('\'', out);
}

static void fish_value(FILE *out, const struct px_option *opt,
		       const struct px_completion_names *names)
{
	switch (opt->kind->complete) {
	case PX_COMPLETE_PIDS:
		fputs(" -x -a '(__fish_complete_pids)'", out);
		break;
	case PX_COMPLETE_USERS:
		fputs(" -x -a '(__fish_complete_users)'", out);
		break;
	case PX_COMPLETE_WORDS:
		fputs(opt->value[0] == '[' ? " -f -a '" : " -x -a '", out);
		words_print(out, opt);
		fputc('\'', out);
		break;
	case PX_COMPLETE_PROTOCOLS:
	case PX_COMPLETE_FIELDS:
		fputs(" -x -a '", out);
		names_print(out, names, opt->kind->complete);
		fputc('\'', out);
		break;
	case PX_COMPLETE_FILES:
		fputs(" -r -F", out);
		break;
	case PX_COMPLETE_NOTHING:
		fputs(" -x", out);
		break;
	}
}

void px_completion_fish(FILE *out, const struct px_completion_names *names)
{
	fputs("# fish completion for pxtrace, made from its table of options when it is built\n"
	      "complete -c pxtrace -f\n",
	      out);
	for (const struct px_option *opt = px_options_table; opt->letter || opt->name; opt++) {
		fputs("complete -c pxtrace", out);
		if (opt->letter)
			fprintf(out, " -s %c", opt->letter);
		if (opt->name)
			fprintf(out, " -l %s", opt->name);
		if (opt->value)
			fish_value(out, opt, names);
		fputs(" -d ", out);
		fish_quoted(out, opt->help);
		fputc('\n', out);
	}
}
