/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines from a terminal, by readline's callbacks. Readline has no context: one shell at a time has
 * the terminal.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "shell/history.h"
#include "shell/private.h"
#include "shell/readline.h"

#define TYPING_HISTORY_MAX 1000

static struct px_readline rl;
static struct px_shell *typing_shell;
static size_t typing_match;
static int typing_start; /* of the word that is completed */
static bool typing_is_on; /* readline has the terminal, and shows what is typed */

/* Readline has the terminal only while somebody types: a pager may want it. */
static void typing_off(void)
{
	if (typing_is_on)
		rl.callback_handler_remove();
	typing_is_on = false;
}

static void typing_line(char *line)
{
	struct px_shell *s = typing_shell;

	typing_off();
	if (!line) { /* Ctrl-D */
		px_shell_say(s, "\n");
		px_shell_put(s);
		s->is_over = true;
		return;
	}
	if (*line)
		rl.add_history(line);
	px_shell_line(s, px_bytes_str(line));
	free(line);
	px_typing_prompt(s);
}

void px_typing_prompt(struct px_shell *s)
{
	if (s->is_over)
		return;
	rl.reset_screen_size(); /* it may have changed while readline did not look */
	rl.callback_handler_install(s->sql.len ? "    ...> " : "pxtrace> ", typing_line);
	typing_is_on = true;
}

void px_typing_read(struct px_shell *s)
{
	(void)s;
	rl.callback_read_char();
}

void px_typing_interrupt(struct px_shell *s)
{
	s->sql.len = 0;
	rl.callback_sigcleanup();
	typing_off();
	px_shell_say(s, "^C\n");
	px_shell_put(s);
	px_typing_prompt(s);
}

void px_typing_resize(struct px_shell *s)
{
	(void)s;
	rl.resize_terminal();
}

/* --- completion --- */

static struct px_bytes typing_before(int end)
{
	return px_bytes_of(*rl.line_buffer, (size_t)end);
}

static char *typing_next(const char *word, int state)
{
	if (state == 0)
		typing_match = 0;
	return px_complete(typing_shell, typing_before(typing_start), word, typing_match++);
}

/* What divides words where the cursor is: names of files have nearly everything in them. */
static char *typing_breaks(void)
{
	static char of_files[] = " \t\n", of_sql[] = " \t\n\"'(),;=<>|+-*/!~";

	return px_complete_takes_file(typing_before(*rl.point)) ? of_files : of_sql;
}

static char **typing_complete(const char *word, int start, int end)
{
	char **found;

	(void)end;
	typing_start = start;
	*rl.attempted_completion_over = !px_complete_takes_file(typing_before(start));
	found = rl.completion_matches(word, typing_next);
	/* Behind "count(" no blank. */
	if (found && !found[1] && found[0][strlen(found[0]) - 1] == '(')
		*rl.completion_append_character = '\0';
	return found;
}

/* --- what others write on the terminal meanwhile --- */

static void typing_make_way(bool is_before)
{
	if (!typing_is_on)
		return;
	if (is_before)
		rl.clear_visible_line();
	else
		rl.forced_update_display();
	fflush(stdout);
}

/* --- life --- */

static void typing_add(const char *line)
{
	rl.add_history(line);
}

static const char *typing_remembered(size_t n)
{
	HIST_ENTRY **list = rl.history_list();

	return list && list[n] ? list[n]->line : NULL;
}

int px_typing_open(struct px_shell *s, struct px_error *err)
{
	if (px_readline_open(&rl, err) != 0)
		return -1;
	typing_shell = s;
	*rl.readline_name = "pxtrace";
	*rl.instream = stdin;
	*rl.outstream = stdout;
	*rl.catch_signals = 0; /* they come through the run's own descriptor */
	*rl.catch_sigwinch = 0;
	*rl.attempted_completion_function = typing_complete;
	*rl.completion_word_break_hook = typing_breaks;
	rl.using_history();
	rl.stifle_history(TYPING_HISTORY_MAX);
	s->history = px_history_path();
	if (s->history)
		px_history_read(s->history, typing_add);
	px_log_beside(typing_make_way);
	px_typing_prompt(s);
	return 0;
}

void px_typing_close(struct px_shell *s)
{
	px_log_beside(NULL);
	typing_off();
	if (s->history)
		px_history_write(s->history, typing_remembered);
	free(s->history);
	rl.clear_history();
	typing_shell = NULL;
}
