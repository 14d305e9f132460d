/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL functions that are ours. */
#include <stdio.h>
#include <stdlib.h>

#include "tables/private.h"
#include "tally/fold.h"

#define FUNCTIONS_HOSTS "/etc/hosts"
#define FUNCTIONS_FLAGS (SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS)

static struct px_bytes argument_text(sqlite3_value *v)
{
	const unsigned char *text = sqlite3_value_text(v);

	return px_bytes_of((const char *)text, text ? (size_t)sqlite3_value_bytes(v) : 0);
}

static bool argument_is_number(sqlite3_value *v)
{
	int type = sqlite3_value_type(v);

	return type == SQLITE_INTEGER || type == SQLITE_FLOAT;
}

/* --- ms(ns): milliseconds with three decimals, as in the text lines --- */

static void function_ms(sqlite3_context *ctx, int count, sqlite3_value **v)
{
	double us;

	(void)count;
	if (!argument_is_number(v[0]))
		return;
	us = sqlite3_value_double(v[0]) / 1000;
	/* To the nearest microsecond; what is beyond 2^53 of them has none. */
	if (us > -9e15 && us < 9e15)
		us = (double)(int64_t)(us + (us < 0 ? -0.5 : 0.5));
	sqlite3_result_double(ctx, us / 1000);
}

/* --- fold(path): as the table of -S does --- */

static void function_fold(sqlite3_context *ctx, int count, sqlite3_value **v)
{
	char out[PX_FOLD_MAX];

	(void)count;
	if (sqlite3_value_type(v[0]) == SQLITE_NULL)
		return;
	sqlite3_result_text(ctx, out, (int)px_fold_path(argument_text(v[0]), out),
			    SQLITE_TRANSIENT);
}

/* --- host(addr): the first name that the hosts file has for an address, else the address --- */

/* The words of a line of hosts(5), in turn; empty at its end. */
static struct px_bytes host_word(struct px_bytes *line)
{
	struct px_bytes word;
	size_t end = 0;

	*line = px_bytes_trim(*line);
	while (end < line->len && line->ptr[end] != ' ' && line->ptr[end] != '\t')
		end++;
	word = px_bytes_sub(*line, 0, end);
	*line = px_bytes_sub(*line, end, SIZE_MAX);
	return word;
}

static bool host_find(struct px_bytes hosts, struct px_bytes addr, struct px_bytes *name)
{
	size_t end;

	for (size_t at = 0; at < hosts.len; at = end + 1) {
		struct px_bytes line;

		end = px_bytes_find(hosts, at, '\n');
		line = px_bytes_sub(hosts, at, end - at);
		line = px_bytes_sub(line, 0, px_bytes_find(line, 0, '#'));
		if (!px_bytes_caseeq(host_word(&line), addr))
			continue;
		*name = host_word(&line);
		return name->len > 0;
	}
	return false;
}

/* The hosts file, whole; NULL where there is none. At most as much as anybody would look at. */
static char *host_read(void)
{
	const size_t max = (size_t)1 << 20;
	FILE *f = fopen(FUNCTIONS_HOSTS, "re");
	char *text = f ? calloc(1, max) : NULL;

	if (text)
		text[fread(text, 1, max - 1, f)] = '\0';
	if (f)
		fclose(f);
	return text;
}

static void function_host(sqlite3_context *ctx, int count, sqlite3_value **v)
{
	/* Read at the first call. */
	char **hosts = sqlite3_user_data(ctx);
	struct px_bytes addr, name;

	(void)count;
	if (sqlite3_value_type(v[0]) == SQLITE_NULL)
		return;
	if (!*hosts)
		*hosts = host_read();
	addr = argument_text(v[0]);
	if (!*hosts || !addr.len || !host_find(px_bytes_str(*hosts), addr, &name))
		name = addr;
	sqlite3_result_text64(ctx, name.len ? name.ptr : "", name.len, SQLITE_TRANSIENT,
			      SQLITE_UTF8);
}

static void host_forget(void *hosts)
{
	free(*(char **)hosts);
	free(hosts);
}

/* --- percentile(x, p): the smallest x that at least p % of all do not exceed --- */

struct percentile {
	double *x;
	size_t count, room;
	double p;
	bool is_int, has_failed;
};

static void percentile_fail(sqlite3_context *ctx, struct percentile *a, const char *why)
{
	a->has_failed = true;
	sqlite3_result_error(ctx, why, -1);
}

static void percentile_step(sqlite3_context *ctx, int count, sqlite3_value **v)
{
	struct percentile *a = sqlite3_aggregate_context(ctx, sizeof(*a));
	double p = sqlite3_value_double(v[1]);

	(void)count;
	if (!a || a->has_failed)
		return;
	if (!argument_is_number(v[1]) || !(p >= 0 && p <= 100)) {
		percentile_fail(ctx, a, "percentile(x, p): p is a number from 0 to 100");
		return;
	}
	if (sqlite3_value_type(v[0]) == SQLITE_NULL)
		return;
	if (!argument_is_number(v[0])) {
		percentile_fail(ctx, a, "percentile(x, p): x is a number or null");
		return;
	}
	if (a->count == a->room) {
		size_t room = a->room ? 2 * a->room : 256;
		double *more = sqlite3_realloc64(a->x, room * sizeof(*a->x));

		if (!more) {
			a->has_failed = true;
			sqlite3_result_error_nomem(ctx);
			return;
		}
		a->x = more;
		a->room = room;
	}
	a->is_int = (a->count == 0 || a->is_int) && sqlite3_value_type(v[0]) == SQLITE_INTEGER;
	a->p = p;
	a->x[a->count++] = sqlite3_value_double(v[0]);
}

static int percentile_compare(const void *one, const void *other)
{
	double a = *(const double *)one, b = *(const double *)other;

	return (a > b) - (a < b);
}

static void percentile_final(sqlite3_context *ctx)
{
	struct percentile *a = sqlite3_aggregate_context(ctx, 0);
	size_t rank;

	if (!a)
		return;
	if (!a->has_failed && a->count) {
		double exact = a->p * (double)a->count / 100;

		qsort(a->x, a->count, sizeof(*a->x), percentile_compare);
		/* 95 % of 20 are 19, whatever is lost in the last digit. */
		rank = (size_t)exact;
		rank += exact - (double)rank > 1e-9 * (double)a->count;
		rank = rank < 1 ? 1 : rank > a->count ? a->count : rank;
		if (a->is_int)
			sqlite3_result_int64(ctx, (int64_t)a->x[rank - 1]);
		else
			sqlite3_result_double(ctx, a->x[rank - 1]);
	}
	sqlite3_free(a->x);
}

int px_functions_register(sqlite3 *db)
{
	char **hosts = calloc(1, sizeof(*hosts));
	int rc;

	if (!hosts)
		return SQLITE_NOMEM;
	/* On failure too, hosts is SQLite's. */
	rc = sqlite3_create_function_v2(db, "host", 1, FUNCTIONS_FLAGS, hosts, function_host, NULL,
					NULL, host_forget);
	if (rc == SQLITE_OK)
		rc = sqlite3_create_function_v2(db, "ms", 1, FUNCTIONS_FLAGS, NULL, function_ms,
						NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_create_function_v2(db, "fold", 1, FUNCTIONS_FLAGS, NULL, function_fold,
						NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_create_function_v2(db, "percentile", 2, FUNCTIONS_FLAGS, NULL, NULL,
						percentile_step, percentile_final, NULL);
	return rc;
}
