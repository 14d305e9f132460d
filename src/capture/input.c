/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define INPUT_CAP (512u << 10)	/* bytes of the buffer that views are cut from; stays in the second level cache */
#define INPUT_RAW_CAP (64u << 10)	/* compressed bytes read ahead */

enum input_kind { INPUT_UNKNOWN, INPUT_PLAIN, INPUT_GZIP, INPUT_ZSTD };

struct px_input {
	char *name;
	int fd;
	bool is_waited;		/* a pipe, socket or terminal: may have nothing yet */
	bool at_end;		/* no byte will be added to buf */
	enum input_kind kind;
	const char *damage;

	struct px_bytes borrowed;	/* px_input_of: what read() would give */
	bool is_borrowed;

	char *buf;		/* decoded bytes are [start, end) */
	size_t cap, start, end;
	uint64_t offset;	/* of buf[start] */

	char *raw;		/* compressed bytes are [raw_start, raw_end) */
	size_t raw_start, raw_end;
	bool raw_at_end;
	bool in_frame;		/* a member or frame has begun and not ended */
	bool has_gzip;
	z_stream gzip;
	ZSTD_DStream *zstd;
};

static struct px_input *input_new(const char *name, size_t cap)
{
	struct px_input *in = calloc(1, sizeof(*in));

	if (!in)
		return NULL;
	in->fd = -1;
	in->cap = cap;
	in->name = strdup(name);
	in->buf = malloc(in->cap + 8);
	if (!in->name || !in->buf) {
		px_input_free(in);
		return NULL;
	}
	return in;
}

int px_input_open(const char *path, struct px_input **out, struct px_error *err)
{
	bool is_stdin = strcmp(path, "-") == 0;
	struct px_input *in = input_new(is_stdin ? "standard input" : path, INPUT_CAP);
	struct stat st;

	if (!in)
		return px_error_set(err, PX_EXIT_FAILED, NULL, "%s: out of memory", path);
	if (is_stdin)
		in->fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	else
		in->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (in->fd < 0 || fstat(in->fd, &st) != 0) {
		px_error_set(err, PX_EXIT_FAILED, NULL, "%s: %s", in->name, strerror(errno));
		goto fail;
	}
	if (S_ISDIR(st.st_mode)) {
		px_error_set(err, PX_EXIT_FAILED, NULL, "%s: %s", in->name, strerror(EISDIR));
		goto fail;
	}
	in->is_waited = !S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode);
	if (!in->is_waited)
		(void)posix_fadvise(in->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	*out = in;
	return 0;
fail:
	px_input_free(in);
	return -1;
}

struct px_input *px_input_of(struct px_bytes b)
{
	struct px_input *in = input_new("memory", b.len < INPUT_CAP ? b.len + 64 : INPUT_CAP);

	if (in) {
		in->borrowed = b;
		in->is_borrowed = true;
	}
	return in;
}

void px_input_free(struct px_input *in)
{
	if (!in)
		return;
	if (in->fd >= 0)
		close(in->fd);
	if (in->has_gzip)
		inflateEnd(&in->gzip);
	ZSTD_freeDStream(in->zstd);
	free(in->raw);
	free(in->buf);
	free(in->name);
	free(in);
}

/*
 * What is there now, at most max bytes. Returns their number, 0 at the end, -EAGAIN, or another
 * negative errno.
 */
static ssize_t input_read(struct px_input *in, char *to, size_t max)
{
	struct pollfd pfd = { .fd = in->fd, .events = POLLIN };
	ssize_t n;

	if (in->is_borrowed) {
		if (max > in->borrowed.len)
			max = in->borrowed.len;
		if (max)
			memcpy(to, in->borrowed.ptr, max);
		in->borrowed = px_bytes_sub(in->borrowed, max, in->borrowed.len);
		return (ssize_t)max;
	}
	/* Not O_NONBLOCK: that would be set for everybody who shares the pipe. */
	if (in->is_waited && poll(&pfd, 1, 0) == 0)
		return -EAGAIN;
	do {
		n = read(in->fd, to, max);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* Look at the first bytes, which are in buf, and decide how the rest is to be read. */
static int input_recognise(struct px_input *in)
{
	const uint8_t *p = (const uint8_t *)in->buf + in->start;
	size_t n = in->end - in->start;

	if (n < 4 && !in->at_end)
		return 0;
	in->kind = INPUT_PLAIN;
	if (n >= 4 && p[0] == 0x1f && p[1] == 0x8b && p[2] == 8)
		in->kind = INPUT_GZIP;
	/* RFC 8878: the magic number of a frame, or of a skippable frame before it */
	if (n >= 4 && p[1] == 0xb5 && p[2] == 0x2f && p[3] == 0xfd && p[0] == 0x28)
		in->kind = INPUT_ZSTD;
	if (n >= 4 && (p[0] & 0xf0) == 0x50 && p[1] == 0x2a && p[2] == 0x4d && p[3] == 0x18)
		in->kind = INPUT_ZSTD;
	if (in->kind == INPUT_PLAIN)
		return 0;
	in->raw = malloc(INPUT_RAW_CAP > in->cap ? INPUT_RAW_CAP : in->cap);
	if (!in->raw)
		return -ENOMEM;
	memcpy(in->raw, p, n);
	in->raw_end = n;
	in->raw_at_end = in->at_end;
	in->at_end = false;
	in->end = in->start;
	if (in->kind == INPUT_GZIP) {
		if (inflateInit2(&in->gzip, 15 + 16) != Z_OK)
			return -ENOMEM;
		in->has_gzip = true;
	} else {
		in->zstd = ZSTD_createDStream();
		if (!in->zstd)
			return -ENOMEM;
	}
	return 0;
}

static void input_end(struct px_input *in, const char *damage)
{
	in->at_end = true;
	in->damage = damage;
}

/* One step of inflate from raw to the end of buf. */
static void input_gunzip(struct px_input *in)
{
	int ret;

	/* After a member: another one, or padding as tape devices leave it. */
	while (!in->in_frame && in->raw_start < in->raw_end && !in->raw[in->raw_start])
		in->raw_start++;
	if (in->raw_start == in->raw_end)
		return;
	in->gzip.next_in = (Bytef *)in->raw + in->raw_start;
	in->gzip.avail_in = (uInt)(in->raw_end - in->raw_start);
	in->gzip.next_out = (Bytef *)in->buf + in->end;
	in->gzip.avail_out = (uInt)(in->cap - in->end);
	in->in_frame = true;
	ret = inflate(&in->gzip, Z_NO_FLUSH);
	in->raw_start = in->raw_end - in->gzip.avail_in;
	in->end = in->cap - in->gzip.avail_out;
	if (ret == Z_STREAM_END) {
		in->in_frame = false;
		inflateReset(&in->gzip);
	} else if (ret != Z_OK && ret != Z_BUF_ERROR) {
		input_end(in, "damaged gzip data");
	}
}

static void input_unzstd(struct px_input *in)
{
	ZSTD_inBuffer from = { in->raw, in->raw_end, in->raw_start };
	ZSTD_outBuffer to = { in->buf, in->cap, in->end };
	size_t ret;

	if (!in->in_frame && from.pos == from.size)
		return;
	ret = ZSTD_decompressStream(in->zstd, &to, &from);
	in->raw_start = from.pos;
	in->end = to.pos;
	if (ZSTD_isError(ret))
		input_end(in, "damaged zstd data, or a window above 128 MB");
	else
		in->in_frame = ret != 0;
}

/* Add decompressed bytes to buf, if any can be had. */
static int input_decode(struct px_input *in)
{
	size_t had = in->end;
	ssize_t n;

	while (in->end == had && !in->at_end) {
		size_t raw_had = in->raw_start;

		if (in->kind == INPUT_GZIP)
			input_gunzip(in);
		else
			input_unzstd(in);
		if (in->end != had || in->at_end || in->raw_start != raw_had)
			continue;
		if (in->raw_start < in->raw_end && in->raw_start > 0) {
			memmove(in->raw, in->raw + in->raw_start, in->raw_end - in->raw_start);
			in->raw_end -= in->raw_start;
			in->raw_start = 0;
		} else if (in->raw_start == in->raw_end) {
			in->raw_start = in->raw_end = 0;
		}
		if (in->raw_at_end) {
			input_end(in, in->in_frame ? "compressed data ends too early" : NULL);
			break;
		}
		if (in->raw_end >= INPUT_RAW_CAP) {
			input_end(in, "compressed data that makes no progress");
			break;
		}
		n = input_read(in, in->raw + in->raw_end, INPUT_RAW_CAP - in->raw_end);
		if (n < 0)
			return (int)n;
		if (n == 0)
			in->raw_at_end = true;
		in->raw_end += (size_t)n;
	}
	return 0;
}

/* Room for n bytes from start on, the alignment of the offset kept. */
static int input_make_room(struct px_input *in, size_t n)
{
	size_t keep = in->end - in->start, at = (size_t)(in->offset % 8);

	if (n + at > in->cap) {
		char *p = malloc(n + at + INPUT_CAP + 8);

		if (!p)
			return -ENOMEM;
		memcpy(p + at, in->buf + in->start, keep);
		free(in->buf);
		in->buf = p;
		in->cap = n + at + INPUT_CAP;
	} else if (in->start != at) {
		memmove(in->buf + at, in->buf + in->start, keep);
	}
	in->start = at;
	in->end = at + keep;
	return 0;
}

static int input_fill(struct px_input *in)
{
	ssize_t n;

	if (in->kind >= INPUT_GZIP)
		return input_decode(in);
	n = input_read(in, in->buf + in->end, in->cap - in->end);
	if (n < 0)
		return (int)n;
	in->end += (size_t)n;
	in->at_end = n == 0;
	return in->kind == INPUT_UNKNOWN ? input_recognise(in) : 0;
}

int px_input_want(struct px_input *in, size_t n, struct px_bytes *out)
{
	int err;

	if (n > PX_INPUT_WANT_MAX)
		return -EMSGSIZE;
	if (in->end - in->start < n && !in->at_end) {
		err = input_make_room(in, n);
		if (err)
			return err;
	}
	while ((in->end - in->start < n || in->kind == INPUT_UNKNOWN) && !in->at_end) {
		err = input_fill(in);
		if (err)
			return err;
	}
	*out = px_bytes_of(in->buf + in->start, in->end - in->start);
	return out->len < n ? PX_INPUT_END : 0;
}

void px_input_drop(struct px_input *in, size_t n)
{
	in->start += n;
	in->offset += n;
}

uint64_t px_input_offset(const struct px_input *in)
{
	return in->offset;
}

const char *px_input_damage(const struct px_input *in)
{
	return in->damage;
}

int px_input_fd(const struct px_input *in)
{
	return in->is_waited ? in->fd : -1;
}

const char *px_input_name(const struct px_input *in)
{
	return in->name;
}

int px_input_percent(const struct px_input *in)
{
	struct stat st;
	off_t at;

	if (in->is_borrowed || fstat(in->fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size <= 0)
		return -1;
	at = lseek(in->fd, 0, SEEK_CUR);
	return at < 0 || at > st.st_size ? -1 : (int)(at * 100 / st.st_size);
}
