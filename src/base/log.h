/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages for the person at standard error: "pxtrace: what: why", whole lines, each in one write.
 */
#ifndef PX_BASE_LOG_H
#define PX_BASE_LOG_H

#include "base/bytes.h"

#define PX_LOG_PREFIX 9	/* columns before each line's text */

enum px_log_level {
	PX_LOG_ERROR,	/* always shown */
	PX_LOG_WARN,	/* something is not as the user may think */
	PX_LOG_NOTE,	/* banner, summary, progress */
	PX_LOG_DEBUG,	/* --debug */
};

/*
 * What is shown: all up to level. At first PX_LOG_NOTE; -q is PX_LOG_ERROR, --debug PX_LOG_DEBUG.
 */
void px_log_init(enum px_log_level level);
bool px_log_shows(enum px_log_level level);

/*
 * One message. Line breaks in it begin further lines with the same prefix; all other control
 * characters are escaped, since names of processes and files may carry them. What does not fit into
 * 8 kB is cut.
 */
PX_PRINTF(2, 3) void px_log(enum px_log_level level, const char *fmt, ...);

/* The same for one text, with no format; fits callbacks that take a line. */
void px_log_warn_line(const char *line);

/*
 * Somebody else shows something on the terminal, a prompt for one: fn is called before and after
 * each message. NULL: nobody any more.
 */
void px_log_beside(void (*fn)(bool is_before));

/*
 * A line that replaces the one before it, for as long as something takes; NULL erases it, and so
 * does the next message. Shown only where standard error is a terminal and notes are shown.
 */
void px_log_progress(const char *text);

#endif
