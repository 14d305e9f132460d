/* SPDX-License-Identifier: Apache-2.0 */
/* Run by the build: prints the completion file of the shell that is named. */
#include "cli/options.h"
#include "parser.h"

#define NAMES_MAX 1024
#define NAME_MAX 64

static const char *protocols[NAMES_MAX + 1], *fields[NAMES_MAX + 1];
static char texts[NAMES_MAX][NAME_MAX];

/* Of two fields of one name one is enough. */
static void field_add(size_t *count, const char *side, const char *name)
{
	if (*count == NAMES_MAX)
		return;
	snprintf(texts[*count], NAME_MAX, "%s%s", side, name);
	for (size_t i = 0; i < *count; i++)
		if (strcmp(fields[i], texts[*count]) == 0)
			return;
	fields[*count] = texts[*count];
	++*count;
}

static void names_collect(void)
{
	size_t count = 0;

	for (size_t i = 0; i <= PX_F_SPAN_ID; i++)
		field_add(&count, "", px_common_fields[i].name);
	for (size_t p = 0; px_parsers[p] && p < NAMES_MAX; p++) {
		protocols[p] = px_parsers[p]->name;
		for (const struct px_field *f = px_parsers[p]->fields; f->type != PX_TYPE_NONE; f++)
			field_add(&count, f->side == PX_SIDE_REQ ? "req." : "resp.", f->name);
	}
}

int main(int argc, char **argv)
{
	const struct px_completion_names names = { protocols, fields };

	names_collect();
	if (argc == 2 && strcmp(argv[1], "bash") == 0)
		px_completion_bash(stdout, &names);
	else if (argc == 2 && strcmp(argv[1], "zsh") == 0)
		px_completion_zsh(stdout, &names);
	else if (argc == 2 && strcmp(argv[1], "fish") == 0)
		px_completion_fish(stdout, &names);
	else
		return PX_EXIT_USAGE;
	return fclose(stdout) ? PX_EXIT_FAILED : PX_EXIT_OK;
}
