/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"

int px_error_set(struct px_error *err, enum px_exit code, const char *cure, const char *cause_fmt,
		 ...)
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
	if (err->cure[0])
		px_log(PX_LOG_ERROR, "%s\n%s", err->cause, err->cure);
	else
		px_log(PX_LOG_ERROR, "%s", err->cause);
}
