/* SPDX-License-Identifier: Apache-2.0 */
/*
 * -w: what the connections carry, as packets in files; names, rotation, and what is done with
 * finished files.
 */
#ifndef PX_SAVE_H
#define PX_SAVE_H

#include "base/error.h"
#include "conn/table.h"

struct px_save;

struct px_save_options {
	const char *path; /* "-" is standard output; with period_s, a form for strftime */
	uint64_t size_max; /* bytes after which the next file begins (-C); 0: never */
	uint64_t period_s; /* seconds of packet time after which it does (-G); 0: never */
	uint64_t file_count; /* -W: with size_max files are written over in turn, else the run ends; 0: no limit */
	const char *command; /* -z: run on each file that was finished by a rotation; NULL: none */
	bool no_redact;
	int64_t wall_ns; /* now; with a file that is read it is not known before the first packet: 0 */
};

#define PX_SAVE_FULL 1 /* the last file that -G and -W allow is complete */

/* Open the first file, created as px_file_create does. Returns 0, or -1 with err filled. */
PX_MUST_USE int px_save_new(const struct px_save_options *opt, struct px_save **out,
			    struct px_error *err);

/*
 * px_table_options.on_event and on_close. wall_offset_ns: from the events' clock to nanoseconds
 * since 1970. Failures are kept for px_save_status().
 */
void px_save_event(struct px_save *s, struct px_conn *c, const struct px_event *ev, uint64_t pos,
		   int64_t wall_offset_ns);
void px_save_close(struct px_save *s, struct px_conn *c, int64_t wall_offset_ns);

/*
 * Hand over what there is. is_calm: to the kernel, so that it survives us; else to the output's
 * queue. Returns 0, PX_SAVE_FULL, -EPIPE where the reader is gone, or the -errno that ended this
 * output; these three stay, and px_save_error() tells more of the last.
 */
int px_save_flush(struct px_save *s, bool is_calm);
const char *px_save_error(struct px_save *s);

/* For the loop, as px_out_fd_wants_write() and px_out_pending(). */
int px_save_fd_wants_write(const struct px_save *s);
size_t px_save_pending(const struct px_save *s);

struct px_save_stats {
	uint64_t packets; /* that other programs can see */
	uint64_t files, bytes;
	uint64_t dropped_bytes; /* a pipe whose reader was too slow, or no memory */
};

struct px_save_stats px_save_stats(const struct px_save *s);

/* From now on a file is full at so many bytes; for one that has size_max. */
void px_save_limit(struct px_save *s, uint64_t size_max);

/* Write all files that are there to fd, the oldest first. Returns 0 or -errno. */
PX_MUST_USE int px_save_copy(struct px_save *s, int fd);

/* The name of the file that is being written. */
const char *px_save_path(const struct px_save *s);

/* Write everything, waiting at most timeout_ms for a pipe's reader; returns as px_save_flush(). */
int px_save_finish(struct px_save *s, int timeout_ms);

/* After every connection's px_save_close(). NULL is fine. */
void px_save_free(struct px_save *s);

#endif
