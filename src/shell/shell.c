/* SPDX-License-Identifier: Apache-2.0 */
#include "shell/shell.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "shell/private.h"

#define SHELL_TEXT_MAX ((size_t)16 << 20) /* of an answer that waits to be shown */
#define SHELL_LINE_MAX ((size_t)1 << 20)
#define SHELL_WAIT_MS 20 /* between two rounds of the trace while a key is waited for */

void px_shell_fail(struct px_shell *s, int code, const char *fmt, ...)
{
	char text[2048];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	px_log(PX_LOG_ERROR, "%s", text);
	s->code = code;
	if (!s->is_terminal) /* a script ends with its first fault, as with the -e of sh */
		s->is_over = true;
}

void px_shell_error(struct px_shell *s, const struct px_error *err)
{
	px_shell_fail(s, (int)err->code, "%s%s%s", err->cause, err->cure[0] ? "\n" : "", err->cure);
}

bool px_shell_turn(void *ctx)
{
	struct px_shell *s = ctx;

	s->opt.ops->turn(s->opt.ctx);
	return s->was_interrupted;
}

bool px_shell_wait(struct px_shell *s, unsigned int ms)
{
	struct pollfd key = { .fd = s->opt.in, .events = POLLIN };
	char typed[64];

	for (unsigned int spent = 0; spent < ms; spent += SHELL_WAIT_MS) {
		if (px_shell_turn(s))
			return true;
		if (poll(&key, 1, SHELL_WAIT_MS) <= 0)
			continue;
		s->is_over |= read(s->opt.in, typed, sizeof(typed)) <= 0;
		return true;
	}
	return false;
}

void px_shell_query(struct px_shell *s, const char *sql)
{
	struct px_answer_options answer = { .format = s->opt.format,
					    .width = s->opt.is_wide ? 0 : px_shell_columns(s),
					    .write = px_shell_take,
					    .is_interrupted = px_shell_turn,
					    .ctx = s };
	struct px_error err = { 0 };
	int rc;

	rc = px_tables_query(s->opt.tables, sql, &answer, &err);
	px_shell_show(s);
	err.cure[0] = '\0'; /* is about --sql */
	if (rc == -ENOBUFS)
		px_shell_fail(
			s, PX_EXIT_FAILED,
			"the answer is longer than a screen can show: .export, or LIMIT 1000");
	else if (rc == -1)
		px_shell_error(s, &err);
	else if (rc)
		s->is_over = true;
}

/* --- lines --- */

/* Is the statement complete? A ';' within quotes or a comment ends nothing: SQLite knows. */
static void shell_sql(struct px_shell *s, struct px_bytes line)
{
	if (px_buf_append(&s->sql, line) || px_buf_append(&s->sql, px_bytes_of("\n", 2))) {
		px_shell_fail(s, PX_EXIT_USAGE, "the statement is too long");
		s->sql.len = 0;
		return;
	}
	s->sql.len--; /* the 0 behind it */
	if (!px_tables_is_complete(s->sql.ptr))
		return;
	px_shell_query(s, s->sql.ptr);
	s->sql.len = 0;
}

void px_shell_line(struct px_shell *s, struct px_bytes line)
{
	line = px_bytes_trim(line);
	if (!s->sql.len && (!line.len || line.ptr[0] == '#'))
		return;
	s->is_busy = true;
	s->was_interrupted = false;
	px_shell_turn(s); /* what came before the line was typed belongs before it */
	if (!s->sql.len && line.ptr[0] == '.')
		px_command_run(s, line);
	else
		shell_sql(s, line);
	px_shell_show(s);
	s->is_busy = false;
}

/* A script: all lines that are there. */
static void shell_script(struct px_shell *s)
{
	char piece[4096];
	ssize_t n = read(s->opt.in, piece, sizeof(piece));
	struct px_bytes text;
	size_t at = 0, end;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n > 0 && px_buf_append(&s->line, px_bytes_of(piece, (size_t)n))) {
		px_shell_fail(s, PX_EXIT_USAGE, "the line is too long");
		return;
	}
	text = px_buf_bytes(&s->line);
	while (!s->is_over && (end = px_bytes_find(text, at, '\n')) < text.len) {
		px_shell_line(s, px_bytes_sub(text, at, end - at));
		at = end + 1;
	}
	px_buf_drop(&s->line, at);
	if (n > 0 || s->is_over)
		return;
	/* The last one may do without its end, and without its ';'. */
	px_shell_line(s, px_buf_bytes(&s->line));
	if (s->sql.len && !s->is_over)
		px_shell_line(s, PX_BYTES(";"));
	s->is_over = true;
}

/* --- life --- */

int px_shell_new(const struct px_shell_options *opt, struct px_shell **out, struct px_error *err)
{
	struct px_shell *s = calloc(1, sizeof(*s));

	if (!s)
		return px_error_set(err, PX_EXIT_FAILED, NULL, "out of memory");
	s->opt = *opt;
	s->line = px_buf_of(SHELL_LINE_MAX);
	s->sql = px_buf_of(SHELL_LINE_MAX);
	s->shown = px_buf_of(SHELL_TEXT_MAX);
	s->is_terminal = isatty(opt->in) && isatty(opt->out);
	if (s->is_terminal && px_typing_open(s, err) != 0) {
		free(s);
		return -1;
	}
	*out = s;
	return 0;
}

void px_shell_free(struct px_shell *s)
{
	if (!s)
		return;
	if (s->is_terminal)
		px_typing_close(s);
	px_buf_fini(&s->line);
	px_buf_fini(&s->sql);
	px_buf_fini(&s->shown);
	free(s);
}

int px_shell_fd(const struct px_shell *s)
{
	return s->is_busy || s->is_over ? -1 : s->opt.in;
}

void px_shell_read(struct px_shell *s)
{
	if (px_shell_fd(s) < 0)
		return;
	if (s->is_terminal)
		px_typing_read(s);
	else
		shell_script(s);
}

void px_shell_interrupt(struct px_shell *s)
{
	s->was_interrupted = true;
	if (!s->is_terminal)
		px_shell_stop(s);
	else if (!s->is_busy)
		px_typing_interrupt(s);
}

void px_shell_stop(struct px_shell *s)
{
	s->was_interrupted = true;
	s->is_over = true;
}

void px_shell_resize(struct px_shell *s)
{
	if (s->is_terminal && !s->is_busy)
		px_typing_resize(s);
}

bool px_shell_is_over(const struct px_shell *s, int *code)
{
	*code = s->is_terminal ? 0 : s->code;
	return s->is_over;
}
