/* SPDX-License-Identifier: Apache-2.0 */
/* Lines that were typed, kept for the next time: $XDG_STATE_HOME/pxtrace/history. */
#ifndef PX_SHELL_HISTORY_H
#define PX_SHELL_HISTORY_H

#include "base/bytes.h"

/*
 * The file's name, its folders made: below $XDG_STATE_HOME, else $HOME/.local/state. To be freed;
 * NULL where there is no home, or none that can be written to.
 */
char *px_history_path(void);

/* Call add() for each line of it, the oldest first. Links are not followed. */
void px_history_read(const char *path, void (*add)(const char *line));

/* Write it anew, by the rules of px_file_create(): line(n) is the n-th, NULL behind the last. */
void px_history_write(const char *path, const char *(*line)(size_t n));

#endif
