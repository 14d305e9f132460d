/* SPDX-License-Identifier: Apache-2.0 */
/* --help and --version, made of the table of options. */
#include "cli/options.h"

#define HELP_WIDTH 80
#define HELP_INDENT 27	/* column in which the explanations begin */

static const char help_head[] =
	"Usage: pxtrace [options] -p PID[,PID...] [expression]\n"
	"       pxtrace [options] --comm NAME|--exe FILE|--uid USER [expression]\n"
	"       pxtrace [options] --cgroup PATH|--unit NAME|--container ID [expression]\n"
	"       pxtrace [options] [expression] -- COMMAND [ARG...]\n"
	"       pxtrace [options] -a [expression]\n"
	"       pxtrace [options] -r FILE [expression]\n"
	"       pxtrace -i [options] [expression]\n"
	"\n"
	"Shows the HTTP, SQL, Redis and DNS messages that pass the sockets of a\n"
	"process, as they happen, in TLS or not.\n";

static const char help_tail[] =
	"\n"
	"SIZE is in bytes, or with a unit: 16k, 8M (times 1024), 100kB, 5MB (times 1000).\n"
	"TIME has a unit: 500us, 100ms, 1.5s, 30s, 5m, 1h.\n"
	"An expression chooses messages by protocol, port, host and the fields that\n"
	"--list-fields shows; = != < <= > >= ~ !~ contains in, and or not, ( ):\n"
	"  http and status >= 500 or latency > 200ms   path ~ \"^/api\"   not ok\n"
	"\n"
	"Examples:\n"
	"  sudo pxtrace -p 4242                      a line for each finished exchange\n"
	"  sudo pxtrace --comm nginx                 processes of that name, also later\n"
	"  sudo pxtrace --unit nginx.service         what a systemd unit runs\n"
	"  sudo pxtrace -- curl -s http://10.0.0.2/  what a command sends and receives\n"
	"  sudo pxtrace -fp 4242                     a process with its children\n"
	"  sudo pxtrace -p 4242 -vv -c 1             the next exchange with its bodies\n"
	"  sudo pxtrace -p 4242 'status >= 500 or latency > 1s'   failed or slow ones\n"
	"  sudo pxtrace -p 4242 | grep ' http 5'     server errors only\n"
	"  sudo pxtrace -jp 4242 | jq -c 'select(.latency_ns>2e8)|{op,target,status}'\n"
	"  sudo pxtrace -p 4242 --duration 30s -jo trace.json\n"
	"  pxtrace -r capture.pcapng                 what a packet capture holds\n"
	"  sudo pxtrace -p 4242 -w trace.pcapng      packets, for Wireshark or -r\n"
	"  sudo pxtrace -i -p 4242                   a shell: SQL on what comes\n"
	"\n"
	"The manual, pxtrace(8), explains every option, column and key.\n";

/* clang-format off */
static const char *const group_titles[] = {
	[PX_GROUP_TARGET] = "Target", [PX_GROUP_CAPTURE] = "Capture", [PX_GROUP_CHOICE] = "Choice",
	[PX_GROUP_LIMITS] = "Limits",
	[PX_GROUP_TEXT] = "Text",     [PX_GROUP_FORMAT] = "Output",   [PX_GROUP_FILES] = "Packet files",
	[PX_GROUP_EXPORT] = "Export",
	[PX_GROUP_SHELL] = "Shell",
	[PX_GROUP_SAFETY] = "Safety", [PX_GROUP_MISC] = "Other",
};
/* clang-format on */

const char *px_group_title(enum px_group group)
{
	return group_titles[group];
}

/* "-s, --snaplen SIZE" */
static int help_left(FILE *out, const struct px_option *opt)
{
	int column = 0;

	if (opt->letter && opt->name)
		column += fprintf(out, "  -%c, --%s", opt->letter, opt->name);
	else if (opt->letter)
		column += fprintf(out, "  -%c", opt->letter);
	else
		column += fprintf(out, "      --%s", opt->name);
	if (opt->value)
		column += fprintf(out, "%s%s", opt->value[0] == '[' ? "" : " ", opt->value);
	return column;
}

/* The explanation, broken at blanks into lines that end before the last column. */
static void help_right(FILE *out, int column, const char *text)
{
	int start = column >= HELP_INDENT ? HELP_WIDTH : column;

	column = start;
	for (size_t len; *text; text += len + (text[len] == ' ')) {
		len = strcspn(text, " ");
		if (column + 1 + (int)len >= HELP_WIDTH) {
			fprintf(out, "\n%*s", HELP_INDENT, "");
			column = HELP_INDENT;
		} else if (column < HELP_INDENT) {
			fprintf(out, "%*s", HELP_INDENT - column, "");
			column = HELP_INDENT;
		} else {
			fputc(' ', out);
			column++;
		}
		fwrite(text, 1, len, out);
		column += (int)len;
	}
	fputc('\n', out);
}

static void help_option(FILE *out, const struct px_option *opt)
{
	char text[512], words[200];
	size_t used = (size_t)snprintf(text, sizeof(text), "%s", opt->help);

	if (opt->words)
		used += (size_t)snprintf(text + used, sizeof(text) - used, ": %s",
					 px_arg_words_text(opt->words, words, sizeof(words)));
	if (opt->preset)
		snprintf(text + used, sizeof(text) - used, " (default %s)", opt->preset);
	help_right(out, help_left(out, opt), text);
}

void px_help_print(FILE *out)
{
	fputs(help_head, out);
	for (enum px_group group = 0; group < PX_GROUP_COUNT; group++) {
		fprintf(out, "\n%s:\n", px_group_title(group));
		for (const struct px_option *opt = px_options_table; opt->letter || opt->name;
		     opt++)
			if (opt->group == group)
				help_option(out, opt);
	}
	fputs(help_tail, out);
}

void px_version_print(FILE *out)
{
	fprintf(out, "pxtrace %s\n", PX_VERSION);
}
