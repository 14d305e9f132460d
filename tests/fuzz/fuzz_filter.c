/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filter expressions that somebody made up, as an argument or in a file (-F, bit 0 of the first byte).
 *
 * What is refused is refused with a place within the text. What is read says the same once more from
 * its own one line, the opposite behind `not`, and what it implies is so in each record that it lets
 * pass. The records have all fields of a protocol, filled with numbers and the end of the input.
 */
#include "filter/filter.h"
#include "parser.h"

#include <stdio.h>
#include <stdlib.h>

#define FUZZ_PROTOCOLS_MAX 16
#define FUZZ_TAIL 24	/* bytes of the input that texts have */

static struct px_field_group groups[FUZZ_PROTOCOLS_MAX];
static size_t group_count;
static struct px_record records[FUZZ_PROTOCOLS_MAX + 1];
static struct px_bytes texts[2];
static struct px_pair pairs[1];
static struct px_value members[PX_MEMBERS_MAX];
static struct px_object object = { .values = members };

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void fuzz_value(struct px_value *v, const struct px_field *f)
{
	switch (f->type) {
	case PX_TYPE_STR:
	case PX_TYPE_BODY:
		v->s = texts[0];
		break;
	case PX_TYPE_BOOL:
		v->b = true;
		break;
	case PX_TYPE_MAP:
		v->map.pairs = pairs;
		v->map.count = 1;
		break;
	case PX_TYPE_LIST:
		v->list.items = texts;
		v->list.count = 2;
		break;
	case PX_TYPE_OBJECTS:
		v->objects.items = &object;
		v->objects.count = 1;
		break;
	case PX_TYPE_JSON:
	case PX_TYPE_JSON_LIST:
	case PX_TYPE_NONE:
	case PX_TYPE_INT:
	case PX_TYPE_DECIMAL:
	case PX_TYPE_TIME:
		v->i = 443;
		break;
	}
}

/* The fields that a message has, but for `seq`, which filters may not ask for. */
static void fuzz_record(struct px_record *r, const struct px_field_group *g, int role)
{
	px_record_clear(r, PX_RECORD_MESSAGE);
	for (int i = PX_F_TS; i <= PX_F_SPAN_ID; i++)
		fuzz_value(px_record_at(r, (enum px_common)i), &px_common_fields[i]);
	px_record_str(r, PX_F_PROTO, px_bytes_str(g->name));
	px_record_str(r, PX_F_ROLE, role ? PX_BYTES("client") : PX_BYTES("server"));
	px_record_str(r, PX_F_LOCAL_ADDR, PX_BYTES("10.0.0.9"));
	px_record_str(r, PX_F_REMOTE_ADDR, PX_BYTES("fe80::1"));
	px_record_flags(r, PX_FLAG_NOREPLY);
	r->fields = g->fields;
	for (unsigned int i = 0; g->fields[i].type != PX_TYPE_NONE; i++)
		fuzz_value(px_record_place(r, i), &g->fields[i]);
}

static void fuzz_records(struct px_bytes tail)
{
	if (!group_count)
		for (; px_parsers[group_count] && group_count < FUZZ_PROTOCOLS_MAX; group_count++)
			groups[group_count] = (struct px_field_group){ px_parsers[group_count]->name,
								       px_parsers[group_count]->fields };
	texts[0] = tail;
	texts[1] = (struct px_bytes){ NULL, 0 };
	pairs[0] = (struct px_pair){ PX_BYTES("host"), tail };
	for (size_t i = 0; i < group_count; i++)
		fuzz_record(&records[i], &groups[i], (int)i & 1);
	px_record_clear(&records[group_count], PX_RECORD_CLOSE);
	px_record_int(&records[group_count], PX_F_MESSAGES, 4);
}

/* The record with objects is the one that they are of: their members are filled as it is asked. */
static bool fuzz_match(struct px_filter *f, size_t i)
{
	const struct px_field *fields = records[i].fields;

	for (; fields && fields->type != PX_TYPE_NONE; fields++) {
		object.has = 0;
		for (unsigned int m = 0; fields->members && fields->members[m].type != PX_TYPE_NONE; m++) {
			fuzz_value(&members[m], &fields->members[m]);
			object.has |= 1ull << m;
		}
		if (object.has)
			break;
	}
	return px_filter_match(f, &records[i]);
}

/* "WHERE: WHAT", the line, and carets below it, of which the first is at most one behind it. */
static void fuzz_error(const struct px_error *err, struct px_bytes text, const char *file)
{
	const char *carets = strrchr(err->cause, '\n'), *at = strstr(err->cause, "column ");
	size_t line = 1, column;

	must(err->code == PX_EXIT_USAGE && err->cause[0]);
	if (text.len > PX_FILTER_TEXT_MAX)
		return;
	must(carets && carets[strspn(carets, "\n ")] == '^');
	must(carets[strspn(carets, "\n ^")] == '\0');
	if (file)
		must(sscanf(err->cause, "rules:%zu:%zu: ", &line, &column) == 2);
	else
		must(at && sscanf(at, "column %zu", &column) == 1);
	for (size_t from = 0; line > 1; line--) {
		from = px_bytes_find(text, from, '\n');
		must(from++ < text.len);
		if (line == 2)
			text = px_bytes_sub(text, from, SIZE_MAX);
	}
	/* Of an argument with several lines nobody says which one it is. */
	must(column > 0 && column <= (file ? px_bytes_find(text, 0, '\n') : text.len) + 1);
}

static struct px_filter *fuzz_new(struct px_bytes text, const char *file, bool *is_refused)
{
	struct px_filter *f = (void *)1;
	struct px_error err = { 0 };
	char *copy = malloc(text.len ? text.len : 1);

	must(copy);
	if (text.len)
		memcpy(copy, text.ptr, text.len);
	*is_refused = px_filter_new(px_bytes_of(copy, text.len), file, groups, group_count, &f, &err) != 0;
	if (*is_refused) {
		must(!f);
		fuzz_error(&err, px_bytes_of(copy, text.len), file);
	}
	free(copy);
	return f;
}

static bool fuzz_has_port(const struct px_record *r, uint16_t port)
{
	return r->common[PX_F_LOCAL_PORT].i == port || r->common[PX_F_REMOTE_PORT].i == port;
}

static void fuzz_implied(struct px_filter *f)
{
	struct px_filter_implied im;

	px_filter_implied(f, &im);
	for (size_t i = 0; i < group_count; i++) {
		const struct px_record *r = &records[i];
		bool has_pid = im.pid_count == 0, has_port = im.ends.port_count == 0;

		for (size_t k = 0; k < im.pid_count; k++)
			has_pid |= r->common[PX_F_PID].i == im.pids[k];
		for (size_t k = 0; k < im.ends.port_count; k++)
			has_port |= fuzz_has_port(r, im.ends.ports[k]);
		if (fuzz_match(f, i)) {
			must(has_pid && has_port);
			must(im.ends.role == PX_ROLE_UNKNOWN ||
			     (im.ends.role == PX_ROLE_CLIENT) == (bool)(i & 1));
		}
	}
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	static char opposite[PX_FILTER_TEXT_MAX + 16];
	struct px_filter *f, *again, *not;
	struct px_bytes text, line;
	const char *file;
	bool is_refused;
	int n;

	if (size < 1)
		return 0;
	text = px_bytes_of((const char *)data + 1, size - 1);
	file = data[0] & 1 ? "rules" : NULL;
	fuzz_records(px_bytes_sub(text, text.len > FUZZ_TAIL ? text.len - FUZZ_TAIL : 0, SIZE_MAX));
	f = fuzz_new(text, file, &is_refused);
	if (is_refused || !f)
		return 0;
	fuzz_implied(f);
	line = px_filter_text(f);
	again = fuzz_new(line, NULL, &is_refused);
	must(again && px_bytes_eq(px_filter_text(again), line));
	must(px_filter_wants_details(f) == px_filter_wants_details(again));
	/* Its parenthesis is on a line of its own: a comment may end the text. */
	n = snprintf(opposite, sizeof(opposite), "not (%.*s\n)", (int)text.len, text.ptr);
	not = n == (int)text.len + 7 ? fuzz_new(px_bytes_of(opposite, (size_t)n), file, &is_refused) : NULL;
	for (size_t i = 0; i <= group_count; i++) {
		must(fuzz_match(f, i) == fuzz_match(again, i));
		must(!not || fuzz_match(f, i) != fuzz_match(not, i));
	}
	px_filter_free(not);
	px_filter_free(again);
	px_filter_free(f);
	return 0;
}
