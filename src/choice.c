/* SPDX-License-Identifier: Apache-2.0 */
#include "choice.h"

#include "tally/fields.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>

static const char choice_list_hint[] = "pxtrace --list-protocols shows what there is";

bool px_choice_has_datagrams(const struct px_choice *c)
{
	for (size_t i = 0; c->parsers[i]; i++)
		if (c->parsers[i]->has_datagrams)
			return true;
	return false;
}

bool px_choice_needs_details(const struct px_choice *c, const struct px_options *o)
{
	if ((c->filter && px_filter_wants_details(c->filter)) || px_options_tables(o))
		return true;
	return px_options_print(o) && (o->json || o->verbose || o->dump || o->fields);
}

size_t px_choice_groups(struct px_field_group *groups, size_t max)
{
	size_t count = 0;

	while (count < max && px_parsers[count]) {
		groups[count] =
			(struct px_field_group){ px_parsers[count]->name, px_parsers[count]->fields,
						 px_parsers[count]->is_handshake };
		count++;
	}
	return count;
}

size_t px_choice_tables(struct px_field_group groups[PX_CHOICE_TABLES_MAX])
{
	groups[0] = (struct px_field_group){ "summary", px_summary_fields, .is_record = true };
	return 1 + px_choice_groups(groups + 1, PX_CHOICE_TABLES_MAX - 1);
}

static const struct px_parser *choice_parser(struct px_bytes name)
{
	for (size_t i = 0; px_parsers[i]; i++)
		if (px_bytes_eq(px_bytes_str(px_parsers[i]->name), name))
			return px_parsers[i];
	return NULL;
}

static int choice_unknown(struct px_bytes name, const char *option, struct px_error *err)
{
	unsigned int best = 2 + (unsigned int)name.len / 3;
	const char *nearest = NULL;
	char cure[128], typed[64];

	snprintf(typed, sizeof(typed), "%.*s", (int)name.len, name.ptr ? name.ptr : "");
	for (size_t i = 0; px_parsers[i]; i++) {
		unsigned int distance = px_arg_distance(typed, px_parsers[i]->name);

		if (distance < best) {
			best = distance;
			nearest = px_parsers[i]->name;
		}
	}
	if (nearest)
		snprintf(cure, sizeof(cure), "did you mean %s? %s", nearest, choice_list_hint);
	return px_error_set(err, PX_EXIT_USAGE, nearest ? cure : choice_list_hint,
			    "%s: there is no protocol '%s'", option, typed);
}

/* The names in lists, as a bit per parser. */
static int choice_names(const struct px_words *lists, const char *option, uint64_t *bits,
			struct px_error *err)
{
	for (size_t i = 0; i < lists->count; i++) {
		struct px_bytes list = px_bytes_str(lists->word[i]);
		size_t end;

		for (size_t at = 0; at <= list.len; at = end + 1) {
			struct px_bytes name;
			const struct px_parser *parser;

			end = px_bytes_find(list, at, ',');
			name = px_bytes_trim(px_bytes_sub(list, at, end - at));
			parser = choice_parser(name);
			if (!parser)
				return choice_unknown(name, option, err);
			for (size_t p = 0; px_parsers[p]; p++)
				*bits |= (uint64_t)(px_parsers[p] == parser) << p;
		}
	}
	return 0;
}

static int choice_parsers(struct px_choice *c, const struct px_options *o, struct px_error *err)
{
	uint64_t wanted = 0, unwanted = 0;
	size_t count = 0;

	if (choice_names(&o->protos, "--proto", &wanted, err) ||
	    choice_names(&o->no_protos, "--no-proto", &unwanted, err))
		return -1;
	for (size_t i = 0; px_parsers[i] && count < PX_CHOICE_PARSERS_MAX; i++)
		if ((!o->protos.count || (wanted >> i & 1) || px_parsers[i]->is_handshake) &&
		    !(unwanted >> i & 1))
			c->parsers[count++] = px_parsers[i];
	if (count == 0)
		return px_error_set(err, PX_EXIT_USAGE, "leave one of them out",
				    "--no-proto leaves no protocol to recognise");
	for (size_t i = 0; i < o->decode_as.count; i++) {
		const struct px_decode_as_word *word = &o->decode_as.word[i];
		const struct px_parser *parser = choice_parser(px_bytes_str(word->proto));
		size_t at = 0;

		if (!parser)
			return choice_unknown(px_bytes_str(word->proto), "-d", err);
		while (c->parsers[at] && c->parsers[at] != parser)
			at++;
		if (!c->parsers[at])
			return px_error_set(err, PX_EXIT_USAGE,
					    "name it there too, or leave it out here",
					    "-d %u=%s: --proto and --no-proto leave it out",
					    word->port, word->proto);
		c->decode_as[c->decode_as_count++] = (struct px_decode_as){ word->port, parser };
	}
	return 0;
}

/* What is in the file of -F. */
static int choice_read_file(const char *path, struct px_buf *text, struct px_error *err)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	char piece[1024];
	size_t n;
	int rc = 0;

	if (!f)
		return px_error_set(err, PX_EXIT_FAILED, NULL, "-F %s: %s", path, strerror(errno));
	while (!rc && (n = fread(piece, 1, sizeof(piece), f)) > 0)
		rc = px_buf_append(text, px_bytes_of(piece, n));
	if (ferror(f))
		px_error_set(err, PX_EXIT_FAILED, NULL, "-F %s: %s", path, strerror(errno));
	else if (rc)
		px_error_set(err, PX_EXIT_USAGE, "leave something out",
			     "-F %s: a filter expression has at most %d bytes", path,
			     PX_FILTER_TEXT_MAX);
	rc = rc || ferror(f) ? -1 : 0;
	if (f != stdin)
		fclose(f);
	return rc;
}

/* The kernel side is told what it can decide; the filter itself still looks at all of it. */
static void choice_narrow(const struct px_filter *f, struct px_options *o)
{
	struct px_filter_implied implied;
	bool is_anybody = o->all && !o->command;

	px_filter_implied(f, &implied);
	if (!o->ends.port_count) {
		memcpy(o->ends.ports, implied.ends.ports, sizeof(o->ends.ports));
		o->ends.port_count = implied.ends.port_count;
	}
	if (!o->ends.net_count) {
		memcpy(o->ends.nets, implied.ends.nets, sizeof(o->ends.nets));
		o->ends.net_count = implied.ends.net_count;
	}
	if (o->ends.role == PX_ROLE_UNKNOWN)
		o->ends.role = implied.ends.role;
	if (!is_anybody || !implied.pid_count)
		return;
	for (size_t i = 0; i < implied.pid_count; i++)
		o->pids.pid[i] = implied.pids[i];
	o->pids.count = implied.pid_count;
	o->all = false;
}

/* -i eth0, out of habit: the first word of the expression. */
static bool choice_is_interface(const char *expression)
{
	char name[IF_NAMESIZE];
	size_t len = strcspn(expression, " "), letters = strspn(expression, "abcdefghijklmnopqrstuvwxyz");

	if (len == 0 || len >= sizeof(name))
		return false;
	snprintf(name, sizeof(name), "%.*s", (int)len, expression);
	return strcmp(name, "any") == 0 || if_nametoindex(name) != 0 ||
	       (letters && letters < len && name[len - 1] >= '0' && name[len - 1] <= '9');
}

static int choice_filter(struct px_choice *c, struct px_options *o, struct px_error *err)
{
	struct px_field_group groups[PX_FILTER_PROTOCOLS_MAX];
	size_t count = px_choice_groups(groups, PX_COUNT(groups));
	struct px_buf text = px_buf_of(PX_FILTER_TEXT_MAX + 1);
	int rc;

	if (!o->expression[0] && !o->expression_file)
		return 0;
	if (o->expression_file)
		rc = choice_read_file(o->expression_file, &text, err);
	else
		rc = px_buf_append(&text, px_bytes_str(o->expression));
	if (rc == -ENOMEM)
		px_error_set(err, PX_EXIT_FAILED, NULL, "out of memory");
	if (!rc)
		rc = px_filter_new(px_buf_bytes(&text), o->expression_file, groups, count,
				   &c->filter, err);
	px_buf_fini(&text);
	if (rc && o->interactive && choice_is_interface(o->expression))
		return px_error_set(
			err, PX_EXIT_USAGE,
			"try: pxtrace -p PID, or pxtrace -i -p PID; pgrep -a NAME and ss -tnp find the PID",
			"-i is a shell: pxtrace has no interfaces to choose from, it looks at processes");
	if (rc || !c->filter)
		return rc ? -1 : 0;
	if (!o->read_file)
		choice_narrow(c->filter, o);
	return 0;
}

static int choice_pick(struct px_choice *c, const struct px_options *o, struct px_error *err)
{
	struct px_field_group groups[PX_FILTER_PROTOCOLS_MAX];
	size_t count = px_choice_groups(groups, PX_COUNT(groups));

	c->pick = malloc(sizeof(*c->pick));
	if (!c->pick)
		return px_error_set(err, PX_EXIT_FAILED, NULL, "out of memory");
	return px_pick_init(c->pick, o->fields, groups, count, err);
}

int px_choice_init(struct px_choice *c, struct px_options *o, struct px_error *err)
{
	*c = (struct px_choice){ 0 };
	c->table_count = px_choice_tables(c->tables);
	if (choice_parsers(c, o, err) || choice_filter(c, o, err))
		return -1;
	return o->fields ? choice_pick(c, o, err) : 0;
}

void px_choice_fini(struct px_choice *c)
{
	px_filter_free(c->filter);
	c->filter = NULL;
	free(c->pick);
	c->pick = NULL;
}
