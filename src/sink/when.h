/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times as text. The date and the minute are kept from one call to the next, as they seldom change.
 */
#ifndef PX_SINK_WHEN_H
#define PX_SINK_WHEN_H

#include "base/bytes.h"

/* One per zone; zeroed at birth. */
struct px_when {
	bool is_known;
	int64_t minute;		/* since 1970 */
	unsigned int second0;	/* that this minute begins with: 0, but for zones of odd seconds */
	char text[17];		/* "2024-05-06T07:08:" */
};

#define PX_WHEN_UTC_LEN 30
#define PX_WHEN_CLOCK_LEN 15
#define PX_WHEN_DATE_LEN 26

/* "2024-05-06T07:08:09.123456789Z"; ns since 1970. All return the end of what they wrote at p. */
char *px_when_utc(struct px_when *w, char *p, int64_t ns);

/* "07:08:09.123456" and "2024-05-06T07:08:09.123456", local time, cut to microseconds. */
char *px_when_clock(struct px_when *w, char *p, int64_t ns);
char *px_when_date(struct px_when *w, char *p, int64_t ns);

#endif
