/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where finished lines leave the process: a bounded queue in front of a descriptor.
 *
 * Draining events must not wait for who reads the output. So a descriptor that can make a writer
 * wait (pipe, terminal, socket) is only written to as far as it takes bytes at once; what it does
 * not take stays in the queue, and when the queue is full whole records are dropped and counted. A
 * descriptor for whose readers nobody waits (a file) is written in blocks, and once a second.
 *
 * O_NONBLOCK is never set on the descriptor that was handed in: it belongs to the open file
 * description, which the shell and the other end of `2>&1` share. A pipe or terminal is opened anew
 * through /proc/self/fd instead.
 *
 * SIGPIPE has to be ignored by the process.
 */
#ifndef PX_SINK_OUT_H
#define PX_SINK_OUT_H

#include "base/bytes.h"

#define PX_OUT_QUEUE_DEFAULT ((size_t)8 << 20)

struct px_out;

/* Totals since birth. */
struct px_out_stats {
	uint64_t records, bytes;			/* taken in */
	uint64_t dropped_records, dropped_bytes;	/* not taken in: the queue was full, or given up at the end */
	uint64_t written_bytes;
};

/*
 * fd         stays the caller's, open until after px_out_free()
 * name       for messages, copied: "stdout" or the file's name
 * queue_max  bytes that may wait at most; a record that is longer is still taken while nothing waits
 *
 * Returns 0, -ENOMEM, or -errno of fstat.
 */
PX_MUST_USE int px_out_new(struct px_out **out, int fd, const char *name, size_t queue_max);

/* What still waits is gone: px_out_finish() comes first. NULL is fine. */
void px_out_free(struct px_out *out);

/*
 * Take one whole record, which is one line or more, each ended. A full queue drops it and counts
 * it: that is no error. Returns 0, -EPIPE when the reader is gone, or the -errno that ended this
 * output; these two stay.
 */
int px_out_record(struct px_out *out, struct px_bytes record);

/*
 * What still waits is not wanted any more, but for the rest of a line that has begun to be written.
 * It is not counted as dropped.
 */
void px_out_discard(struct px_out *out);

/* Count a record that could not be put together for want of memory, as one that was dropped. */
void px_out_drop(struct px_out *out);

/*
 * A batch is over: write what goes without waiting. Files are left alone unless the last time was a
 * second ago: they get blocks. Returns as px_out_record().
 */
int px_out_flush(struct px_out *out);

/*
 * The descriptor to watch for POLLOUT because the queue waits for it, then px_out_flush(); -1 if
 * nothing waits.
 */
int px_out_fd_wants_write(const struct px_out *out);

/*
 * Bytes that wait. A source that can wait itself (a file that is replayed) is not read while this
 * is high.
 */
size_t px_out_pending(const struct px_out *out);

/*
 * The end: write everything, and wait for the reader at most timeout_ms. What is left then is
 * counted as dropped. Returns as px_out_record().
 */
int px_out_finish(struct px_out *out, int timeout_ms);

struct px_out_stats px_out_stats(const struct px_out *out);

/*
 * "NAME: No space left on device", once, after a call returned an error; then NULL, and for -EPIPE
 * always NULL: that a reader went away is nobody's fault.
 */
const char *px_out_take_error(struct px_out *out);

#endif
