/* SPDX-License-Identifier: Apache-2.0 */
#include "save.h"

#include "base/file.h"
#include "base/spawn.h"
#include "capture/wire.h"
#include "sink/out.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SAVE_BATCH ((size_t)64 << 10) /* bytes gathered before the output gets them */
#define SAVE_CHILDREN_MAX 64 /* commands under way that are waited for */
#define SAVE_SCRATCH_MAX ((size_t)4 << 20) /* bytes of one event */

struct px_save {
	struct px_save_options opt;
	struct px_wire wire;
	struct px_out *out;
	int fd;
	char path[PATH_MAX];
	uint64_t size; /* bytes of this file, written or not */
	uint64_t number; /* of this file among those of -C */
	uint64_t periods; /* of -G that are over */
	int64_t period_begin_s;
	bool has_begun; /* the first packet's time is known */
	struct px_buf scratch; /* bytes of one event, secrets overwritten */
	pid_t children[SAVE_CHILDREN_MAX];
	struct px_save_stats stats;
	int status; /* of px_save_flush() */
	char error[PATH_MAX + 128];
};

/* What is kept of a connection. */
struct save_conn {
	struct px_wire_conn *wire;
	struct px_mask masks[];	/* of a direction one for each protocol, then of the other */
};

/* As many digits as the highest number has, so that names sort. */
static int save_digits(const struct px_save_options *o)
{
	int digits = 0;

	if (o->size_max)
		for (uint64_t n = o->file_count ? o->file_count - 1 : 0; n > 0; n /= 10)
			digits++;
	return digits;
}

/* The name of the file with this number. */
static int save_name(const struct px_save *s, uint64_t number, char path[PATH_MAX])
{
	const struct px_save_options *o = &s->opt;
	time_t begin = (time_t)s->period_begin_s;
	int digits = save_digits(o), used;
	struct tm tm;

	if (o->period_s) {
		localtime_r(&begin, &tm);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* the user's; strftime takes no arguments from it */
		used = (int)strftime(path, PATH_MAX, o->path, &tm);
#pragma GCC diagnostic pop
		if (used == 0)
			return -ENAMETOOLONG;
	} else {
		used = snprintf(path, PATH_MAX, "%s", o->path);
	}
	if (used < PATH_MAX && o->size_max && (number > 0 || digits > 0))
		used += snprintf(path + used, PATH_MAX - (size_t)used, "%0*llu", digits,
				 (unsigned long long)number);
	return used < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static int save_open(struct px_save *s, struct px_error *err)
{
	int rc = save_name(s, s->number, s->path);

	if (rc)
		return px_error_set(err, PX_EXIT_FAILED, NULL, "%s: %s", s->opt.path,
				    strerror(-rc));
	s->fd = px_file_create(s->path, err);
	if (s->fd < 0)
		return -1;
	rc = px_out_new(&s->out, s->fd, strcmp(s->path, "-") == 0 ? "standard output" : s->path,
			PX_OUT_QUEUE_DEFAULT);
	if (!rc)
		rc = px_wire_begin(&s->wire);
	if (rc)
		return px_error_set(err, PX_EXIT_FAILED, NULL, "%s: %s", s->path, strerror(-rc));
	s->size = s->wire.buf.len;
	s->stats.files++;
	return 0;
}

static void save_shut(struct px_save *s)
{
	if (s->out)
		s->stats.bytes += px_out_stats(s->out).written_bytes;
	px_out_free(s->out);
	s->out = NULL;
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

int px_save_new(const struct px_save_options *opt, struct px_save **out, struct px_error *err)
{
	struct px_save *s = calloc(1, sizeof(*s));

	if (!s || px_wire_init(&s->wire) != 0) {
		free(s);
		return px_error_set(err, PX_EXIT_FAILED, NULL, "%s: out of memory", opt->path);
	}
	s->opt = *opt;
	s->fd = -1;
	s->scratch = px_buf_of(SAVE_SCRATCH_MAX);
	s->period_begin_s = opt->wall_ns / 1000000000;
	s->has_begun = opt->wall_ns != 0;
	/* With -G the name tells a time: of a file that is read it is that of the first packet. */
	if ((s->has_begun || !opt->period_s) &&
	    (save_open(s, err) != 0 || px_save_flush(s, true) < 0)) {
		if (s->status < 0)
			px_error_set(err, PX_EXIT_FAILED, NULL, "%s", px_save_error(s));
		px_save_free(s);
		return -1;
	}
	*out = s;
	return 0;
}

void px_save_free(struct px_save *s)
{
	if (!s)
		return;
	save_shut(s);
	px_wire_fini(&s->wire);
	px_buf_fini(&s->scratch);
	free(s);
}

static int save_fail(struct px_save *s, int status, const char *why)
{
	if (!s->status) {
		s->status = status;
		snprintf(s->error, sizeof(s->error), "%s", why ? why : "");
	}
	return s->status;
}

/* From the buffer to the output's queue; a batch is one record of it, whole blocks. */
static int save_pass(struct px_save *s)
{
	int rc;

	if (s->status || s->wire.buf.len == 0)
		return s->status;
	rc = px_out_record(s->out, px_buf_bytes(&s->wire.buf));
	px_buf_drop(&s->wire.buf, s->wire.buf.len);
	return rc ? save_fail(s, rc, px_out_take_error(s->out)) : 0;
}

/* Those that have ended. */
static void save_reap(struct px_save *s)
{
	for (size_t i = 0; i < SAVE_CHILDREN_MAX; i++)
		if (s->children[i] > 0 && waitpid(s->children[i], NULL, WNOHANG) != 0)
			s->children[i] = 0;
}

/* Run `COMMAND FILE` beside us, at the lowest priority; what it prints is no data of ours. */
static void save_run_command(struct px_save *s)
{
	char *argv[] = { (char *)(uintptr_t)s->opt.command, s->path, NULL };
	pid_t pid;

	save_reap(s);
	pid = px_spawn(argv, STDERR_FILENO, STDOUT_FILENO);
	if (pid < 0) {
		char why[256];

		snprintf(why, sizeof(why), "%.200s: %s", s->opt.command, strerror(-pid));
		save_fail(s, pid, why);
		return;
	}
	setpriority(PRIO_PROCESS, (id_t)pid, 19);
	for (size_t i = 0; i < SAVE_CHILDREN_MAX; i++)
		if (s->children[i] == 0) {
			s->children[i] = pid;
			break;
		}
}

/* Finish this file. */
static void save_complete(struct px_save *s)
{
	int rc;

	if (save_pass(s) != 0)
		return;
	rc = px_out_finish(s->out, 1000);
	if (rc)
		save_fail(s, rc, px_out_take_error(s->out));
	s->stats.dropped_bytes += px_out_stats(s->out).dropped_bytes;
	save_shut(s);
	if (!s->status && s->opt.command)
		save_run_command(s);
}

static void save_next(struct px_save *s)
{
	struct px_error err;

	if (!s->status && save_open(s, &err) != 0)
		save_fail(s, -EIO, err.cause);
}

/*
 * As tcpdump has it: a file is over when a packet comes behind its time, or finds it longer than it
 * may be; where both fall together it is the time that counts.
 */
static void save_rotate(struct px_save *s, int64_t wall_ns)
{
	const struct px_save_options *o = &s->opt;
	int64_t now_s = wall_ns / 1000000000;

	if (!s->has_begun) {
		s->has_begun = true;
		s->period_begin_s = now_s;
		if (!s->out)
			save_next(s);
	}
	if (s->status)
		return;
	if (o->period_s && now_s - s->period_begin_s >= (int64_t)o->period_s) {
		save_complete(s);
		s->period_begin_s = now_s;
		s->periods++;
		s->number = 0;
		if (!o->size_max && o->file_count && s->periods >= o->file_count)
			save_fail(s, PX_SAVE_FULL, NULL);
		else
			save_next(s);
	} else if (o->size_max && s->size > o->size_max) {
		save_complete(s);
		s->number++;
		if (o->file_count && s->number >= o->file_count)
			s->number = 0;
		save_next(s);
	}
}

static size_t save_parsers(void)
{
	size_t count = 0;

	while (px_parsers[count])
		count++;
	return count;
}

static struct save_conn *save_conn_of(struct px_conn *c)
{
	if (!c->saved)
		c->saved = calloc(1, sizeof(struct save_conn) +
					     2 * save_parsers() * sizeof(struct px_mask));
	return c->saved;
}

/*
 * Overwrite the secrets of an event: masks are its connection's in this direction, NULL where there
 * is none, known is its protocol or NULL. When memory is short, none of its bytes are written.
 */
static void save_mask(struct px_save *s, const struct px_parser *known, struct px_mask *masks,
		      struct px_event *ev)
{
	if (ev->hdr->kind != PX_ABI_DATA || ev->data.len == 0 || s->opt.no_redact)
		return;
	px_buf_drop(&s->scratch, s->scratch.len);
	if (px_buf_append(&s->scratch, ev->data) != 0) {
		ev->data = px_bytes_of(NULL, 0);
		return;
	}
	/*
	 * As long as nobody knows the protocol, it may be any; behind a change of protocol the last
	 * one's bytes may come.
	 */
	for (size_t i = 0; px_parsers[i]; i++) {
		struct px_mask alone = { 0 }; /* a datagram has nothing before it */

		if (px_parsers[i]->mask && (!known || known == px_parsers[i]))
			px_parsers[i]->mask(masks ? &masks[i] : &alone, s->scratch.ptr,
					    s->scratch.len);
	}
	ev->data = px_buf_bytes(&s->scratch);
}

void px_save_event(struct px_save *s, struct px_conn *c, const struct px_event *ev, uint64_t pos,
		   int64_t wall_offset_ns)
{
	int64_t wall_ns = (int64_t)ev->hdr->ts_ns + wall_offset_ns;
	struct px_event masked = *ev;
	struct save_conn *own;
	size_t had;

	if (s->status)
		return;
	save_rotate(s, wall_ns);
	if (s->status)
		return;
	had = s->wire.buf.len;
	if (!c) {
		save_mask(s, NULL, NULL, &masked);
		px_wire_datagram(&s->wire, &masked, (uint64_t)wall_ns);
	} else {
		own = save_conn_of(c);
		if (!own)
			return;
		save_mask(s, c->decoder.parser,
			  own->masks + (ev->hdr->dir ? save_parsers() : 0), &masked);
		px_wire_event(&s->wire, &own->wire, &masked, pos, (uint64_t)wall_ns);
	}
	s->size += s->wire.buf.len - had;
	if (s->wire.buf.len >= SAVE_BATCH)
		save_pass(s);
}

void px_save_close(struct px_save *s, struct px_conn *c, int64_t wall_offset_ns)
{
	struct save_conn *own = c->saved;
	int64_t wall_ns =
		(int64_t)(c->closed_ns > c->last_ns ? c->closed_ns : c->last_ns) + wall_offset_ns;
	size_t had = s->wire.buf.len;

	if (!own)
		return;
	px_wire_end(&s->wire, &own->wire,
		    s->status || !c->closed	 ? PX_WIRE_GIVEN_UP
		    : c->was_reset		 ? PX_WIRE_RESET
		    : c->streams[PX_DIR_OUT].eof ? PX_WIRE_CLOSED
						 : PX_WIRE_GONE,
		    (uint64_t)wall_ns);
	s->size += s->wire.buf.len - had;
	free(own);
	c->saved = NULL;
}

int px_save_flush(struct px_save *s, bool is_calm)
{
	int rc;

	save_reap(s);
	if (!s->out || save_pass(s) != 0)
		return s->status;
	rc = px_out_flush(s->out);
	/* Files are written in large blocks otherwise; this waits for nobody. */
	if (!rc && is_calm && px_out_fd_wants_write(s->out) < 0)
		rc = px_out_finish(s->out, 0);
	return rc ? save_fail(s, rc, px_out_take_error(s->out)) : 0;
}

const char *px_save_error(struct px_save *s)
{
	return s->error;
}

int px_save_fd_wants_write(const struct px_save *s)
{
	return s->out ? px_out_fd_wants_write(s->out) : -1;
}

size_t px_save_pending(const struct px_save *s)
{
	return s->out ? px_out_pending(s->out) : 0;
}

struct px_save_stats px_save_stats(const struct px_save *s)
{
	struct px_save_stats stats = s->stats;

	stats.packets = s->wire.packets;
	if (s->out) {
		stats.bytes += px_out_stats(s->out).written_bytes;
		stats.dropped_bytes += px_out_stats(s->out).dropped_bytes;
	}
	return stats;
}

const char *px_save_path(const struct px_save *s)
{
	return s->path;
}

void px_save_limit(struct px_save *s, uint64_t size_max)
{
	s->opt.size_max = size_max;
}

static int save_copy_file(int from, int to)
{
	char *piece = malloc(SAVE_BATCH);
	int rc = piece ? 0 : -ENOMEM;
	ssize_t n;

	while (!rc && (n = read(from, piece, SAVE_BATCH)) != 0)
		rc = n < 0 ? -errno : px_file_write(to, px_bytes_of(piece, (size_t)n));
	free(piece);
	return rc;
}

int px_save_copy(struct px_save *s, int fd)
{
	uint64_t count = s->opt.file_count ? s->opt.file_count : s->number + 1;
	int rc = px_save_flush(s, true);
	char path[PATH_MAX];

	for (uint64_t i = 1; !rc && i <= count; i++) {
		uint64_t number = (s->number + i) % count;
		int from;

		if (number >= s->stats.files) /* its turn has not come */
			continue;
		rc = save_name(s, number, path);
		if (rc)
			break;
		from = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		rc = from < 0 ? -errno : save_copy_file(from, fd);
		if (from >= 0)
			close(from);
	}
	return rc;
}

int px_save_finish(struct px_save *s, int timeout_ms)
{
	int rc;

	/* Nothing came, so there is no time for the name; now has to do. */
	if (!s->out && !s->status) {
		struct px_error err;

		s->period_begin_s = s->has_begun ? s->period_begin_s : (int64_t)time(NULL);
		if (save_open(s, &err) != 0)
			return save_fail(s, -EIO, err.cause);
	}
	if (!s->out || save_pass(s) != 0)
		return s->status;
	rc = px_out_finish(s->out, timeout_ms);
	return rc ? save_fail(s, rc, px_out_take_error(s->out)) : 0;
}
