/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readline, opened when somebody sits at a terminal: other runs need not spend the time to load it.
 */
#ifndef PX_SHELL_READLINE_H
#define PX_SHELL_READLINE_H

#include <stdio.h>

#include <readline/history.h>
#include <readline/readline.h>

#include "base/error.h"

/* What is used of it, by the names it has there. Variables are pointers to readline's. */
struct px_readline {
	__typeof__(&rl_callback_handler_install) callback_handler_install;
	__typeof__(&rl_callback_handler_remove) callback_handler_remove;
	__typeof__(&rl_callback_read_char) callback_read_char;
	__typeof__(&rl_callback_sigcleanup) callback_sigcleanup;
	__typeof__(&rl_completion_matches) completion_matches;
	__typeof__(&rl_clear_visible_line) clear_visible_line;
	__typeof__(&rl_forced_update_display) forced_update_display;
	__typeof__(&rl_reset_screen_size) reset_screen_size;
	__typeof__(&rl_resize_terminal) resize_terminal;
	__typeof__(&using_history) using_history;
	__typeof__(&add_history) add_history;
	__typeof__(&history_list) history_list;
	__typeof__(&stifle_history) stifle_history;
	__typeof__(&clear_history) clear_history;
	__typeof__(&rl_readline_name) readline_name;
	__typeof__(&rl_instream) instream;
	__typeof__(&rl_outstream) outstream;
	__typeof__(&rl_line_buffer) line_buffer;
	__typeof__(&rl_point) point;
	__typeof__(&rl_catch_signals) catch_signals;
	__typeof__(&rl_catch_sigwinch) catch_sigwinch;
	__typeof__(&rl_attempted_completion_function) attempted_completion_function;
	__typeof__(&rl_attempted_completion_over) attempted_completion_over;
	__typeof__(&rl_completion_word_break_hook) completion_word_break_hook;
	__typeof__(&rl_completion_append_character) completion_append_character;
};

/* Open it; it stays open. Returns 0, or -1 with err filled. */
PX_MUST_USE int px_readline_open(struct px_readline *rl, struct px_error *err);

#endif
