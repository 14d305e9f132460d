/* SPDX-License-Identifier: Apache-2.0 */
/* The bounded queue is a ring; how bytes leave it depends on the kind of descriptor. */
#include "sink/out.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum out_kind {
	OUT_FILE,	/* write() returns soon: regular files, block devices, /dev/null */
	OUT_OWN,	/* opened anew, with O_NONBLOCK */
	OUT_SOCKET,	/* MSG_DONTWAIT */
	OUT_CAREFUL,	/* poll() first, then so few bytes that write() does not wait */
};

#define OUT_CAP_FIRST ((size_t)64 << 10)
#define OUT_CAP_KEPT ((size_t)1 << 20)	/* a ring that grew beyond this is given back when it is empty */
#define OUT_BLOCK ((size_t)64 << 10)	/* what files get at a time, and a pipe holds */
#define OUT_FILE_MS 1000		/* but no later than this */

/*
 * POLLOUT on a pipe promises PIPE_BUF bytes of room; on a terminal some, and a line discipline that
 * is not stuck.
 */
#define OUT_CAREFUL_CHUNK ((size_t)512)

struct px_out {
	enum out_kind kind;
	bool is_terminal;
	bool is_inside;	/* of a line: what was written last did not end one */
	bool is_stuck;	/* the descriptor took less than it was offered; asked again at the next flush */
	bool told;	/* px_out_take_error() was asked */
	int fd;		/* the caller's */
	int own_fd;	/* -1 unless OUT_OWN */
	int error;	/* 0, or the -errno that ended this output */
	char *ring;
	size_t cap, head, len;
	size_t queue_max;
	int64_t flushed_ms;	/* OUT_FILE: when it was last written because of the time */
	struct px_out_stats stats;
	char *name;
	char message[256];
};

static int64_t out_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void out_choose(struct px_out *out, mode_t mode)
{
	char path[64];

	out->is_terminal = S_ISCHR(mode) && isatty(out->fd);
	if (S_ISSOCK(mode)) {
		out->kind = OUT_SOCKET;
	} else if (S_ISFIFO(mode) || out->is_terminal) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", out->fd);
		out->own_fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		out->kind = out->own_fd >= 0 ? OUT_OWN : OUT_CAREFUL;
	} else {
		out->kind = OUT_FILE;
	}
}

int px_out_new(struct px_out **result, int fd, const char *name, size_t queue_max)
{
	struct px_out *out;
	struct stat st;

	if (fstat(fd, &st) != 0)
		return -errno;
	out = calloc(1, sizeof(*out));
	if (!out)
		return -ENOMEM;
	out->fd = fd;
	out->own_fd = -1;
	out->queue_max = queue_max;
	out->flushed_ms = out_now_ms();
	out->name = strdup(name);
	if (!out->name) {
		px_out_free(out);
		return -ENOMEM;
	}
	out_choose(out, st.st_mode);
	*result = out;
	return 0;
}

void px_out_free(struct px_out *out)
{
	if (!out)
		return;
	if (out->own_fd >= 0)
		close(out->own_fd);
	free(out->ring);
	free(out->name);
	free(out);
}

/* Give up this output: what waits will never be written. */
static int out_fail(struct px_out *out, int err)
{
	/*
	 * A terminal that was hung up and a peer that reset the socket are readers that are gone,
	 * too.
	 */
	if ((err == -EIO && out->is_terminal) || err == -ECONNRESET)
		err = -EPIPE;
	out->error = err;
	out->len = 0;
	return err;
}

/* What waits, in order: one or two pieces. */
static int out_pieces(const struct px_out *out, struct iovec iov[2])
{
	size_t first = out->cap - out->head;

	if (first >= out->len) {
		iov[0] = (struct iovec){ out->ring + out->head, out->len };
		return 1;
	}
	iov[0] = (struct iovec){ out->ring + out->head, first };
	iov[1] = (struct iovec){ out->ring, out->len - first };
	return 2;
}

static char out_at(const struct px_out *out, size_t i)
{
	size_t at = out->head + i;

	return out->ring[at < out->cap ? at : at - out->cap];
}

/* One attempt. Returns bytes written or -errno; -EAGAIN where it would have waited. */
static ssize_t out_try(struct px_out *out)
{
	struct iovec iov[2];
	int count = out_pieces(out, iov);
	struct pollfd pfd = { .fd = out->fd, .events = POLLOUT };
	ssize_t n;

	switch (out->kind) {
	case OUT_SOCKET: {
		struct msghdr msg = { .msg_iov = iov, .msg_iovlen = (size_t)count };

		n = sendmsg(out->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
		break;
	}
	case OUT_CAREFUL:
		if (poll(&pfd, 1, 0) <= 0)
			return -EAGAIN;
		n = write(out->fd, iov[0].iov_base,
			  iov[0].iov_len < OUT_CAREFUL_CHUNK ? iov[0].iov_len : OUT_CAREFUL_CHUNK);
		break;
	default:
		n = writev(out->kind == OUT_OWN ? out->own_fd : out->fd, iov, count);
	}
	return n < 0 ? -errno : n;
}

/* Write until the queue is empty or the descriptor takes no more. */
static int out_write(struct px_out *out)
{
	while (out->len > 0) {
		ssize_t n = out_try(out);

		if (n == -EINTR)
			continue;
		if (n == -EAGAIN || n == -EWOULDBLOCK || n == 0) {
			out->is_stuck = true;
			return 0;
		}
		if (n < 0)
			return out_fail(out, (int)n);
		out->stats.written_bytes += (uint64_t)n;
		out->is_inside = out_at(out, (size_t)n - 1) != '\n';
		out->len -= (size_t)n;
		out->head += (size_t)n;
		if (out->head >= out->cap)
			out->head -= out->cap;
	}
	out->is_stuck = false;
	out->head = 0;
	if (out->cap > OUT_CAP_KEPT) {
		free(out->ring);
		out->ring = NULL;
		out->cap = 0;
	}
	return 0;
}

/* A ring of at least `want` bytes with the same content. */
static int out_grow(struct px_out *out, size_t want)
{
	size_t cap = out->cap ? out->cap : OUT_CAP_FIRST;
	struct iovec iov[2];
	char *ring;

	while (cap < want)
		cap = cap > SIZE_MAX / 2 ? want : cap * 2;
	ring = malloc(cap);
	if (!ring)
		return -ENOMEM;
	if (out->len) {
		int count = out_pieces(out, iov);

		memcpy(ring, iov[0].iov_base, iov[0].iov_len);
		if (count == 2)
			memcpy(ring + iov[0].iov_len, iov[1].iov_base, iov[1].iov_len);
	}
	free(out->ring);
	out->ring = ring;
	out->cap = cap;
	out->head = 0;
	return 0;
}

static void out_append(struct px_out *out, struct px_bytes b)
{
	size_t tail = out->head + out->len, first;

	if (tail >= out->cap)
		tail -= out->cap;
	first = out->cap - tail;
	if (first > b.len)
		first = b.len;
	memcpy(out->ring + tail, b.ptr, first);
	if (first < b.len)
		memcpy(out->ring, b.ptr + first, b.len - first);
	out->len += b.len;
}

void px_out_discard(struct px_out *out)
{
	size_t rest = 0;

	while (out->is_inside && rest < out->len)
		if (out_at(out, rest++) == '\n')
			break;
	out->len = rest;
}

static bool out_fits(const struct px_out *out, size_t n)
{
	return out->len == 0 || (out->len < out->queue_max && n <= out->queue_max - out->len);
}

int px_out_record(struct px_out *out, struct px_bytes record)
{
	int err;

	if (out->error)
		return out->error;
	if (record.len == 0)
		return 0;
	if (!out_fits(out, record.len) && !out->is_stuck) {
		err = out_write(out);
		if (err)
			return err;
	}
	if (!out_fits(out, record.len) ||
	    (record.len > out->cap - out->len && out_grow(out, out->len + record.len) != 0)) {
		out->stats.dropped_records++;
		out->stats.dropped_bytes += record.len;
		return 0;
	}
	out_append(out, record);
	out->stats.records++;
	out->stats.bytes += record.len;
	/* Within a long batch; a descriptor that is stuck is not asked for every record. */
	return out->len >= OUT_BLOCK && !out->is_stuck ? out_write(out) : 0;
}

void px_out_drop(struct px_out *out)
{
	out->stats.dropped_records++;
}

int px_out_flush(struct px_out *out)
{
	int64_t now_ms;

	if (out->error)
		return out->error;
	if (out->kind == OUT_FILE && out->len > 0) {
		now_ms = out_now_ms();
		if (now_ms - out->flushed_ms < OUT_FILE_MS)
			return 0;
		out->flushed_ms = now_ms;
	}
	return out_write(out);
}

int px_out_fd_wants_write(const struct px_out *out)
{
	if (out->error || out->len == 0 || out->kind == OUT_FILE)
		return -1;
	return out->kind == OUT_OWN ? out->own_fd : out->fd;
}

size_t px_out_pending(const struct px_out *out)
{
	return out->len;
}

/*
 * Count the records in what waits. The detail lines of a record are indented in every format, so a
 * line that does not begin with a blank begins a record; of the first record here a part may have
 * been written.
 */
static uint64_t out_count_waiting(const struct px_out *out)
{
	struct iovec iov[2];
	int count = out_pieces(out, iov);
	bool at_line_start = false;
	uint64_t records = 1;

	for (int i = 0; i < count; i++) {
		const char *p = iov[i].iov_base, *end = p + iov[i].iov_len;

		while (p < end) {
			if (at_line_start && *p != ' ')
				records++;
			p = memchr(p, '\n', (size_t)(end - p));
			at_line_start = p != NULL;
			if (!p)
				break;
			p++;
		}
	}
	return records;
}

int px_out_finish(struct px_out *out, int timeout_ms)
{
	int64_t deadline = out_now_ms() + timeout_ms;

	while (!out->error && out->len > 0) {
		struct pollfd pfd = { .events = POLLOUT };
		int64_t left;

		out_write(out);
		left = deadline - out_now_ms();
		if (out->error || out->len == 0 || left <= 0)
			break;
		pfd.fd = out->kind == OUT_OWN ? out->own_fd : out->fd;
		poll(&pfd, 1, left > INT_MAX ? INT_MAX : (int)left);
	}
	if (out->len > 0) {
		out->stats.dropped_records += out_count_waiting(out);
		out->stats.dropped_bytes += out->len;
		out->len = 0;
	}
	return out->error;
}

struct px_out_stats px_out_stats(const struct px_out *out)
{
	return out->stats;
}

const char *px_out_take_error(struct px_out *out)
{
	if (!out->error || out->error == -EPIPE || out->told)
		return NULL;
	out->told = true;
	snprintf(out->message, sizeof(out->message), "%s: %s", out->name, strerror(-out->error));
	return out->message;
}
