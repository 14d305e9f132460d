/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/text_aside.h"

#include <stdio.h>

#include "base/log.h"

static struct px_bytes aside_text(const struct px_record *r, enum px_common f)
{
	if (!px_record_has(r, f) || r->common[f].is_null)
		return (struct px_bytes){ NULL, 0 };
	return r->common[f].s;
}

static bool aside_int(const struct px_record *r, enum px_common f, long long *n)
{
	if (!px_record_has(r, f) || r->common[f].is_null)
		return false;
	*n = (long long)r->common[f].i;
	return true;
}

void px_text_aside(const struct px_record *r)
{
	struct px_bytes text = aside_text(r, PX_F_TEXT), where = aside_text(r, PX_F_WHERE);
	struct px_bytes conn = aside_text(r, PX_F_CONN);
	char events[48] = "", bytes[48] = "";
	long long n;

	if (r->type == PX_RECORD_NOTE) {
		px_log(PX_LOG_NOTE, "%.*s", (int)text.len, text.len ? text.ptr : "");
		return;
	}
	if (aside_int(r, PX_F_EVENTS, &n))
		snprintf(events, sizeof(events), " %lld event%s", n, n == 1 ? "" : "s");
	if (aside_int(r, PX_F_BYTES, &n))
		snprintf(bytes, sizeof(bytes), "%s %lld byte%s", events[0] ? "," : "", n,
			 n == 1 ? "" : "s");
	px_log(PX_LOG_WARN, "lost:%s%s (%.*s)%s%.*s", events, bytes, (int)where.len,
	       where.len ? where.ptr : "", conn.len ? " of connection " : "", (int)conn.len,
	       conn.len ? conn.ptr : "");
}

static int totals_count(struct px_buf *out, const char *before, uint64_t n, const char *noun,
			const char *after)
{
	return px_buf_printf(out, "%s%llu %s%s%s", before, (unsigned long long)n, noun,
			     n == 1 ? "" : "s", after);
}

int px_text_totals_print(struct px_buf *out, const struct px_text_totals *t)
{
	uint64_t tenths = (uint64_t)(t->duration_ns > 0 ? t->duration_ns : 0) / 100000000;
	int err = totals_count(out, "", t->messages, "message", "");

	if (!err)
		err = totals_count(out, ", ", t->errors, "error", "");
	if (!err && t->filtered)
		err = px_buf_printf(out, ", %llu not wanted by the filter",
				    (unsigned long long)t->filtered);
	if (!err)
		err = totals_count(out, ", ", t->connections, "connection", "");
	if (!err)
		err = px_buf_printf(out, " (%llu seen from the start)",
				    (unsigned long long)t->connections_from_start);
	if (!err)
		err = totals_count(out, ", ", t->lost_events, "event", " lost");
	if (!err && t->lost_bytes)
		err = totals_count(out, ", ", t->lost_bytes, "byte", " lost");
	if (!err)
		err = totals_count(out, ", ", t->not_understood, "stream", " not understood");
	if (!err)
		err = px_buf_printf(out, ", %llu.%llu s", (unsigned long long)(tenths / 10),
				    (unsigned long long)(tenths % 10));
	return err;
}
