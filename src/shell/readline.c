/* SPDX-License-Identifier: Apache-2.0 */
#include "shell/readline.h"

#include <dlfcn.h>

int px_readline_open(struct px_readline *rl, struct px_error *err)
{
	void *lib = dlopen("libreadline.so.8", RTLD_NOW | RTLD_LOCAL);
	struct {
		const char *name;
		void *slot;
	} symbols[] = {
		{ "rl_callback_handler_install", &rl->callback_handler_install },
		{ "rl_callback_handler_remove", &rl->callback_handler_remove },
		{ "rl_callback_read_char", &rl->callback_read_char },
		{ "rl_callback_sigcleanup", &rl->callback_sigcleanup },
		{ "rl_completion_matches", &rl->completion_matches },
		{ "rl_clear_visible_line", &rl->clear_visible_line },
		{ "rl_forced_update_display", &rl->forced_update_display },
		{ "rl_reset_screen_size", &rl->reset_screen_size },
		{ "rl_resize_terminal", &rl->resize_terminal },
		{ "using_history", &rl->using_history },
		{ "add_history", &rl->add_history },
		{ "history_list", &rl->history_list },
		{ "stifle_history", &rl->stifle_history },
		{ "clear_history", &rl->clear_history },
		{ "rl_readline_name", &rl->readline_name },
		{ "rl_instream", &rl->instream },
		{ "rl_outstream", &rl->outstream },
		{ "rl_line_buffer", &rl->line_buffer },
		{ "rl_point", &rl->point },
		{ "rl_catch_signals", &rl->catch_signals },
		{ "rl_catch_sigwinch", &rl->catch_sigwinch },
		{ "rl_attempted_completion_function", &rl->attempted_completion_function },
		{ "rl_attempted_completion_over", &rl->attempted_completion_over },
		{ "rl_completion_word_break_hook", &rl->completion_word_break_hook },
		{ "rl_completion_append_character", &rl->completion_append_character },
	};

	if (!lib)
		return px_error_set(
			err, PX_EXIT_HOST,
			"install it: apt-get install libreadline8; a script on standard "
			"input does without",
			"libreadline.so.8, which reads the lines, cannot be opened: %s", dlerror());
	for (size_t i = 0; i < PX_COUNT(symbols); i++) {
		void *at = dlsym(lib, symbols[i].name);

		if (!at)
			return px_error_set(err, PX_EXIT_HOST, "install readline 8.0 or later",
					    "libreadline.so.8 has no %s", symbols[i].name);
		memcpy(symbols[i].slot, &at, sizeof(at));
	}
	return 0;
}
