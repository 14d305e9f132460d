/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/term.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* The value, or "" where there is none: for these variables the same. */
static const char *env_text(const char *name)
{
	const char *value = getenv(name);

	return value ? value : "";
}

bool px_term_color(enum px_color_option color, int fd)
{
	const char *force = env_text("CLICOLOR_FORCE"), *term = env_text("TERM");

	if (color != PX_COLOR_OPTION_AUTO)
		return color == PX_COLOR_OPTION_ALWAYS;
	if (*env_text("NO_COLOR"))
		return false;
	if (*force && strcmp(force, "0") != 0)
		return true;
	return isatty(fd) && *term && strcmp(term, "dumb") != 0;
}

unsigned int px_term_width(int fd)
{
	const unsigned int usual = 80; /* of a terminal that does not know, a serial console for one */
	struct winsize size = { 0 };
	uint64_t width;

	if (!isatty(fd))
		return 0;
	if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	if (px_arg_number(env_text("COLUMNS"), &width) == 0 && width > 0 && width <= UINT16_MAX)
		return (unsigned int)width;
	return usual;
}
