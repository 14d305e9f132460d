/* SPDX-License-Identifier: Apache-2.0 */
#include "export.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "base/file.h"
#include "sink/out.h"
#include "sink/sink_columns.h"
#include "sink/sink_json.h"

#define EXPORT_WAIT_MS 20 /* for who reads it, between two rounds of the trace */

struct export
{
	struct px_out *out;
	struct px_sink *sink;
	bool (*is_interrupted)(void *ctx);
	void *ctx;
};

static int export_record(void *ctx, const struct px_record *r)
{
	struct export *e = ctx;

	return e->sink->ops->record(e->sink, r);
}

/* Nothing is dropped: the messages wait for who reads them. */
static bool export_is_interrupted(void *ctx)
{
	struct export *e = ctx;
	bool is_over = e->is_interrupted(e->ctx);

	while (!is_over && px_out_flush(e->out) == 0 && px_out_fd_wants_write(e->out) >= 0) {
		struct pollfd room = { px_out_fd_wants_write(e->out), POLLOUT, 0 };

		poll(&room, 1, EXPORT_WAIT_MS);
		is_over = e->is_interrupted(e->ctx);
	}
	return is_over;
}

static int export_run(struct export *e, struct px_tables *tables, bool as_csv, struct px_error *err)
{
	static struct px_record head; /* large, and the same each time */
	int rc = 0, end;

	e->sink = as_csv ? px_sink_columns_new(e->out, NULL, true) : px_sink_json_new(e->out);
	if (!e->sink)
		return -ENOMEM;
	px_record_clear(&head, PX_RECORD_START);
	if (as_csv) /* of it only the names of the columns come out */
		rc = export_record(e, &head);
	if (!rc)
		rc = px_tables_replay(tables, export_record, export_is_interrupted, e, err);
	end = e->sink->ops->free(e->sink);
	return rc ? rc : end;
}

int px_export_messages(struct px_tables *tables, bool as_csv, const char *path,
		       bool (*is_interrupted)(void *ctx), void *ctx, struct px_error *err)
{
	struct export e = { .is_interrupted = is_interrupted, .ctx = ctx };
	int fd = px_file_create(path, err), rc;
	const char *why;

	if (fd < 0)
		return -1;
	rc = px_out_new(&e.out, fd, path, PX_OUT_QUEUE_DEFAULT);
	if (!rc)
		rc = export_run(&e, tables, as_csv, err);
	if (rc && rc != -1) {
		why = e.out ? px_out_take_error(e.out) : NULL;
		px_error_set(err, PX_EXIT_FAILED, NULL, "%s%s%s", why ? why : path, why ? "" : ": ",
			     why ? "" : strerror(-rc));
	}
	px_out_free(e.out);
	close(fd);
	return rc ? -1 : 0;
}
