/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share. */
#ifndef PX_SHELL_PRIVATE_H
#define PX_SHELL_PRIVATE_H

#include "shell/shell.h"

struct px_shell {
	struct px_shell_options opt;
	bool is_terminal; /* prompts, history, completion, a pager */
	bool is_over;
	bool is_busy; /* a command or a query runs: what is typed waits */
	bool was_interrupted; /* while it was busy */
	int code;
	struct px_buf line; /* of a script: what has been read and is no whole line yet */
	struct px_buf sql; /* lines of a statement that has not ended */
	struct px_buf shown; /* what the command says, until it is complete */
	char *history; /* the file, or NULL */
};

/* A whole line, without its end. */
void px_shell_line(struct px_shell *s, struct px_bytes line);

/* An error, at once, on standard error; it ends a script and decides its exit code. */
PX_PRINTF(3, 4) void px_shell_fail(struct px_shell *s, int code, const char *fmt, ...);
void px_shell_error(struct px_shell *s, const struct px_error *err);

/* Run statements and show what they give. */
void px_shell_query(struct px_shell *s, const char *sql);

/* --- what is shown: show.c --- */

/* Say something; kept until px_shell_show(). */
PX_PRINTF(2, 3) void px_shell_say(struct px_shell *s, const char *fmt, ...);
/* Take a piece of an answer: struct px_answer_options.write, ctx is the shell. */
int px_shell_take(void *ctx, struct px_bytes text);
/* Show what was said: through $PAGER where the screen is too small. */
void px_shell_show(struct px_shell *s);
/* The same, never through a pager. */
void px_shell_put(struct px_shell *s);
/* Of the terminal; 0 where there is none. */
size_t px_shell_columns(const struct px_shell *s);
size_t px_shell_rows(const struct px_shell *s);

/* --- time that passes: the trace goes on in it --- */

/* A round of the trace, for what lasts; ctx is the shell. Shall it end? */
bool px_shell_turn(void *ctx);
/* Rounds of the trace for at most so long; true when a key was pressed, or Ctrl-C. */
bool px_shell_wait(struct px_shell *s, unsigned int ms);

/* --- commands.c --- */

/* A line that begins with a dot. */
void px_command_run(struct px_shell *s, struct px_bytes line);

/* What the words behind a command are, for completion. */
enum px_shell_words {
	PX_SHELL_NO_WORDS,
	PX_SHELL_TABLES,
	PX_SHELL_PROTOCOLS,
	PX_SHELL_EXPRESSION,
	PX_SHELL_FILE,
	PX_SHELL_KIND_AND_FILE,
};

struct px_shell_command {
	const char *name, *args, *help;
	enum px_shell_words words;
	void (*run)(struct px_shell *s, struct px_bytes args);
};
/* Ended by a row without name; in the order of .help. */
extern const struct px_shell_command px_shell_commands[];
/* The one that name is, or is the only beginning of; NULL: none. *matches: how many there are. */
const struct px_shell_command *px_command_find(struct px_bytes name, size_t *matches);

/* The kinds of .export, ended by NULL. */
extern const char *const px_shell_kinds[];

/* --- readline, where there is a terminal: typing.c --- */

/* Returns 0, or -1 with err filled. */
PX_MUST_USE int px_typing_open(struct px_shell *s, struct px_error *err);
void px_typing_close(struct px_shell *s);
void px_typing_read(struct px_shell *s);
void px_typing_prompt(struct px_shell *s);
void px_typing_interrupt(struct px_shell *s);
void px_typing_resize(struct px_shell *s);

/* --- completion: complete.c --- */

/* What the word behind `before` may become: the n-th of all, to be freed; NULL: no more. */
char *px_complete(struct px_shell *s, struct px_bytes before, const char *word, size_t n);
/* Is it a file's name? */
bool px_complete_takes_file(struct px_bytes before);

#endif
