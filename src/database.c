/* SPDX-License-Identifier: Apache-2.0 */
#include "database.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/term.h"
#include "tables/query.h"

#define DATABASE_COMMAND_MAX ((size_t)64 << 10)
#define DATABASE_PATH_MAX (PX_DATABASE_FOLDER + 32)
#define DATABASE_WAIT_MS 100	/* for who reads the answer, between two looks at signals */

/* Could a shell take it for more than one word, or for something else? */
static bool command_needs_quotes(const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "-_./=:,@%+";

	return !*word || word[strspn(word, plain)];
}

static int command_word(struct px_buf *out, const char *word)
{
	int rc = 0;

	if (!command_needs_quotes(word))
		return px_buf_printf(out, "%s", word);
	rc = px_buf_printf(out, "'");
	for (; !rc && *word; word++)
		rc = *word == '\'' ? px_buf_printf(out, "'\\''")
				   : px_buf_append(out, px_bytes_of(word, 1));
	return rc ? rc : px_buf_printf(out, "'");
}

/*
 * What the user typed. Of a command that is traced its name alone: among its arguments may be
 * secrets.
 */
static int command_line(struct px_buf *out, const struct px_options *opt)
{
	int rc = 0;

	for (char **word = opt->argv; !rc && word && *word; word++) {
		if (word > opt->argv)
			rc = px_buf_printf(out, " ");
		if (!rc)
			rc = command_word(out, *word);
		if (opt->command && word == opt->command)
			break;
	}
	return rc;
}

/*
 * Queries and records need a connection each, and so a file: in a folder that nobody else can look
 * into.
 */
static int database_make_folder(struct px_database *d, char *path, size_t size,
				struct px_error *err)
{
	const char *place = getenv("TMPDIR");

	if (!place || *place != '/')
		place = "/var/tmp";
	if (snprintf(d->folder, sizeof(d->folder), "%s/pxtrace-XXXXXX", place) <
		    (int)sizeof(d->folder) &&
	    mkdtemp(d->folder)) {
		snprintf(path, size, "%s/records.db", d->folder);
		return 0;
	}
	d->folder[0] = '\0';
	return px_error_set(err, PX_EXIT_FAILED, "name a folder: TMPDIR=/where/there/is/room",
			    "%s: no folder for the tables: %s", place, strerror(errno));
}

/* With all that we have put into it. */
static void database_remove_folder(struct px_database *d)
{
	DIR *folder = d->folder[0] ? opendir(d->folder) : NULL;
	const struct dirent *entry;

	if (!folder)
		return;
	while ((entry = readdir(folder)))
		unlinkat(dirfd(folder), entry->d_name, 0); /* . and .. stay */
	closedir(folder);
	rmdir(d->folder);
}

/* What is wrong with --sql. Returns the exit code. */
static int database_bad_query(const struct px_error *err)
{
	px_log(PX_LOG_ERROR, "--sql: %s%s%s", err->cause, err->cure[0] ? "\n" : "", err->cure);
	return (int)err->code;
}

int px_database_open(struct px_database *d, const struct px_options *opt,
		     const struct px_choice *choice)
{
	struct px_buf command = px_buf_of(DATABASE_COMMAND_MAX);
	const char *path = opt->sqlite_file;
	struct px_error err;
	char own[DATABASE_PATH_MAX];
	int rc;

	*d = (struct px_database){ .opt = opt };
	if (!px_options_tables(opt))
		return PX_EXIT_OK;
	if (opt->interactive && database_make_folder(d, own, sizeof(own), &err) != 0) {
		px_error_print(&err);
		return (int)err.code;
	}
	if (opt->interactive && !path)
		path = own;
	/* A line that is too long is kept as far as it goes. */
	if (command_line(&command, opt) == -ENOMEM)
		rc = px_error_set(&err, PX_EXIT_FAILED, NULL, "out of memory");
	else
		rc = px_tables_new(path, choice->tables, choice->table_count,
				   px_buf_bytes(&command), &d->tables, &err);
	px_buf_fini(&command);
	if (!rc && opt->sql && px_tables_check(d->tables, opt->sql, &err) != 0)
		return database_bad_query(&err);
	if (!rc && opt->interactive)
		rc = px_tables_read_apart(d->tables, &err) || px_tables_remember(d->tables, &err);
	if (!rc)
		return PX_EXIT_OK;
	px_error_print(&err);
	return (int)err.code;
}

struct answer {
	struct px_out *out;
	int signal_fd;
	bool was_interrupted;
};

static bool answer_is_interrupted(void *ctx)
{
	struct answer *a = ctx;
	struct signalfd_siginfo si;

	while (read(a->signal_fd, &si, sizeof(si)) == (ssize_t)sizeof(si))
		a->was_interrupted |=
			si.ssi_signo == SIGINT || si.ssi_signo == SIGTERM || si.ssi_signo == SIGHUP;
	return a->was_interrupted;
}

/* Nothing is dropped: the rows wait for who reads them. */
static int answer_write(void *ctx, struct px_bytes text)
{
	struct answer *a = ctx;
	int rc = px_out_record(a->out, text);

	while (!rc) {
		struct pollfd fds[2] = { { .fd = a->signal_fd, .events = POLLIN } };

		rc = px_out_flush(a->out);
		fds[1] = (struct pollfd){ .fd = px_out_fd_wants_write(a->out), .events = POLLOUT };
		if (rc || fds[1].fd < 0)
			break;
		if (answer_is_interrupted(a))
			return -EINTR;
		poll(fds, PX_COUNT(fds), DATABASE_WAIT_MS);
	}
	return rc;
}

static int database_answer(struct px_database *d, struct px_out *out, int fd, int signal_fd)
{
	struct answer a = { .out = out, .signal_fd = signal_fd };
	struct px_answer_options opt = {
		.format = d->opt->json				   ? PX_ANSWER_JSON
			  : d->opt->format == PX_FORMAT_OPTION_CSV ? PX_ANSWER_CSV
								   : PX_ANSWER_TABLE,
		.width = d->opt->is_wide ? 0 : px_term_width(fd),
		.write = answer_write,
		.is_interrupted = answer_is_interrupted,
		.ctx = &a,
	};
	struct px_error err;
	int rc = px_tables_query(d->tables, d->opt->sql, &opt, &err);

	if (rc == -EINTR)
		return PX_EXIT_INTERRUPTED;
	if (rc != -1) /* of the output: whoever has it looks after it */
		return PX_EXIT_OK;
	return database_bad_query(&err);
}

int px_database_conclude(struct px_database *d, struct px_out *out, int fd, int signal_fd)
{
	struct px_error err;
	uint64_t refused;

	if (!d->tables)
		return PX_EXIT_OK;
	if (px_tables_finish(d->tables, &err) != 0) {
		px_error_print(&err);
		return (int)err.code;
	}
	refused = px_tables_refused(d->tables);
	if (refused)
		px_log(PX_LOG_WARN, "%llu records are not in %s: another program had locked it",
		       (unsigned long long)refused,
		       d->opt->sqlite_file ? d->opt->sqlite_file : "the tables");
	return d->opt->sql ? database_answer(d, out, fd, signal_fd) : PX_EXIT_OK;
}

void px_database_close(struct px_database *d)
{
	px_tables_free(d->tables);
	database_remove_folder(d);
	d->tables = NULL;
}
