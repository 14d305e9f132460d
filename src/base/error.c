/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

int px_error_set(struct px_error *err, enum px_exit code, const char *cure, const char *cause_fmt, ...)
{
	va_list ap;

	err->code = code;
	snprintf(err->cure, sizeof(err->cure), "%s", cure ? cure : "");
	va_start(ap, cause_fmt);
	vsnprintf(err->cause, sizeof(err->cause), cause_fmt, ap);
	va_end(ap);
	return -1;
}

void px_error_print(const struct px_error *err)
{
	char text[sizeof(err->cause) + sizeof(err->cure) + 32];
	int n;

	n = snprintf(text, sizeof(text), "pxtrace: %s\n%s%s%s", err->cause, err->cure[0] ? "pxtrace: " : "", err->cure,
		     err->cure[0] ? "\n" : "");
	if (n > 0 && write(STDERR_FILENO, text, (size_t)n) < 0)
		return; /* nowhere left to complain */
}
