/* SPDX-License-Identifier: Apache-2.0 */
/* What the terminal at the other end can do: colours and width. */
#ifndef PX_CLI_TERM_H
#define PX_CLI_TERM_H

#include "cli/options.h"

/*
 * Are colours wanted on fd? In this order: --color, NO_COLOR (not empty: no), CLICOLOR_FORCE (not
 * empty, not 0: yes), and else whether fd is a terminal that TERM does not call dumb.
 */
bool px_term_color(enum px_color_option color, int fd);

/*
 * Columns of the terminal on fd; 0 where it is none, for lines of any length. Ask again after
 * SIGWINCH.
 */
unsigned int px_term_width(int fd);

#endif
