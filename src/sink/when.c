/* SPDX-License-Identifier: Apache-2.0 */
/* Only a new minute costs a conversion by the C library. */
#include "sink/when.h"

#include <time.h>

#include "sink/emit.h"

#define WHEN_SECOND INT64_C(1000000000)

/* Nanoseconds within the minute that ns lies in; w holds that minute afterwards. */
static int64_t when_minute(struct px_when *w, int64_t ns,
			   struct tm *(*convert)(const time_t *, struct tm *))
{
	int64_t minute = ns / (60 * WHEN_SECOND), rest = ns % (60 * WHEN_SECOND);
	struct tm tm;
	time_t t;
	char *p = w->text;

	if (rest < 0) {
		rest += 60 * WHEN_SECOND;
		minute--;
	}
	if (w->is_known && w->minute == minute)
		return rest;
	t = (time_t)(minute * 60);
	if (!convert(&t, &tm))
		tm = (struct tm){ .tm_year = 70, .tm_mday = 1 };
	p = px_emit_2(p, (unsigned int)(tm.tm_year + 1900) / 100 % 100);
	p = px_emit_2(p, (unsigned int)(tm.tm_year + 1900) % 100);
	*p++ = '-';
	p = px_emit_2(p, (unsigned int)tm.tm_mon + 1);
	*p++ = '-';
	p = px_emit_2(p, (unsigned int)tm.tm_mday);
	*p++ = 'T';
	p = px_emit_2(p, (unsigned int)tm.tm_hour);
	*p++ = ':';
	p = px_emit_2(p, (unsigned int)tm.tm_min);
	*p = ':';
	w->second0 = (unsigned int)tm.tm_sec;
	w->minute = minute;
	w->is_known = true;
	return rest;
}

char *px_when_utc(struct px_when *w, char *p, int64_t ns)
{
	int64_t rest = when_minute(w, ns, gmtime_r);

	memcpy(p, w->text, sizeof(w->text));
	p = px_emit_2(p + sizeof(w->text), (unsigned int)(rest / WHEN_SECOND));
	*p++ = '.';
	p = px_emit_9(p, (unsigned int)(rest % WHEN_SECOND));
	*p++ = 'Z';
	return p;
}

static char *when_seconds(const struct px_when *w, char *p, int64_t rest)
{
	/* Local mean times of the nineteenth century are not worth carrying into the minute. */
	p = px_emit_2(p, ((unsigned int)(rest / WHEN_SECOND) + w->second0) % 60);
	*p++ = '.';
	return px_emit_6(p, (unsigned int)(rest % WHEN_SECOND / 1000));
}

char *px_when_clock(struct px_when *w, char *p, int64_t ns)
{
	int64_t rest = when_minute(w, ns, localtime_r);

	memcpy(p, w->text + 11, 6);
	return when_seconds(w, p + 6, rest);
}

char *px_when_date(struct px_when *w, char *p, int64_t ns)
{
	int64_t rest = when_minute(w, ns, localtime_r);

	memcpy(p, w->text, sizeof(w->text));
	return when_seconds(w, p + sizeof(w->text), rest);
}
