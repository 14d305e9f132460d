/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/out.h"
#include "support/suite.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define QUEUE ((size_t)256 << 10)
#define RECORD 1000	/* bytes of a numbered record */

enum kind { PIPE, CAREFUL_PIPE, SOCKET, TERMINAL };
static const char *const kind_names[] = { "pipe", "pipe that cannot be opened anew", "socket",
					  "terminal" };

/* Two ends and a px_out at one of them. */
static int reader_fd, writer_fd;
static struct px_out *out;

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void open_kind(enum kind kind, size_t queue)
{
	struct rlimit limit, none;
	struct termios raw;
	int fds[2];

	if (kind == TERMINAL) {
		ck_assert_int_eq(openpty(&reader_fd, &writer_fd, NULL, NULL, NULL), 0);
		tcgetattr(writer_fd, &raw);
		cfmakeraw(&raw);
		tcsetattr(writer_fd, TCSANOW, &raw);
	} else {
		ck_assert_int_eq(kind == SOCKET ? socketpair(AF_UNIX, SOCK_STREAM, 0, fds)
						: pipe(fds),
				 0);
		reader_fd = fds[0];
		writer_fd = fds[1];
	}
	getrlimit(RLIMIT_NOFILE, &limit);
	none = (struct rlimit){ 1, limit.rlim_max };
	if (kind == CAREFUL_PIPE)
		setrlimit(RLIMIT_NOFILE, &none);
	ck_assert_int_eq(px_out_new(&out, writer_fd, "writer", queue), 0);
	setrlimit(RLIMIT_NOFILE, &limit);
	fcntl(reader_fd, F_SETFL, O_NONBLOCK); /* of another description, or the reader's side of it */
}

static void close_kind(void)
{
	px_out_free(out);
	close(reader_fd);
	close(writer_fd);
}

static struct px_bytes numbered(int i)
{
	static char text[RECORD + 1];

	snprintf(text, sizeof(text), "%010d %*s\n", i, RECORD - 12, "x");
	return px_bytes_of(text, RECORD);
}

/* Everything that can be read now, behind what is there; the length in all. */
static size_t read_all(char *into, size_t have, size_t max)
{
	ssize_t n;

	while (have < max && (n = read(reader_fd, into + have, max - have)) > 0)
		have += (size_t)n;
	return have;
}

/* --- a reader that does not read --- */

START_TEST(nobody_reads)
{
	enum { COUNT = 2000 };
	size_t max = (size_t)COUNT * RECORD, have = 0;
	int flags, last = -1;
	char *got = malloc(max);
	struct px_out_stats stats;
	int64_t begin;

	open_kind((enum kind)_i, QUEUE);
	flags = fcntl(writer_fd, F_GETFL);
	begin = now_ms();
	for (int i = 0; i < COUNT; i++) {
		ck_assert_int_eq(px_out_record(out, numbered(i)), 0);
		if (i % 10 == 9)
			ck_assert_int_eq(px_out_flush(out), 0);
	}
	ck_assert_msg(now_ms() - begin < 1000, "%s: waited", kind_names[_i]);
	stats = px_out_stats(out);
	ck_assert_uint_gt(stats.dropped_records, 0);
	ck_assert_uint_eq(stats.records + stats.dropped_records, COUNT);
	ck_assert_uint_eq(stats.bytes, stats.records * RECORD);
	ck_assert_uint_eq(stats.dropped_bytes, stats.dropped_records * RECORD);
	ck_assert_uint_le(px_out_pending(out), QUEUE);
	ck_assert_uint_gt(px_out_pending(out), QUEUE - 2 * RECORD);
	ck_assert_int_ge(px_out_fd_wants_write(out), 0);
	/* Whoever shares the descriptor does not find it changed. */
	ck_assert_int_eq(fcntl(writer_fd, F_GETFL), flags);

	/* Now somebody does: what was taken in comes whole and in order. */
	begin = now_ms();
	while (px_out_pending(out) && now_ms() - begin < 5000) {
		struct pollfd pfd = { px_out_fd_wants_write(out), POLLOUT, 0 };

		have = read_all(got, have, max);
		poll(&pfd, 1, 10);
		ck_assert_int_eq(px_out_flush(out), 0);
	}
	have = read_all(got, have, max);
	ck_assert_int_eq(px_out_fd_wants_write(out), -1);
	ck_assert_uint_eq(have, stats.records * RECORD);
	for (size_t at = 0; at < have; at += RECORD) {
		int i = atoi(got + at);

		ck_assert_int_gt(i, last);
		ck_assert_int_eq(got[at + RECORD - 1], '\n');
		last = i;
	}
	/* And there is room again. */
	ck_assert_int_eq(px_out_record(out, numbered(COUNT)), 0);
	ck_assert_int_eq(px_out_flush(out), 0);
	ck_assert_uint_eq(read_all(got, 0, max), RECORD);
	ck_assert_uint_eq(px_out_stats(out).dropped_records, stats.dropped_records);
	ck_assert_uint_eq(px_out_stats(out).written_bytes, (stats.records + 1) * RECORD);
	free(got);
	close_kind();
}
END_TEST

START_TEST(the_end_has_a_deadline)
{
	static const char details[] = "one\n    two\n    three\n";
	struct px_out_stats stats;
	int64_t begin, took;
	size_t waiting, written;

	open_kind((enum kind)_i, 4 * QUEUE);
	for (int i = 0; i < 400; i++)
		ck_assert_int_eq(px_out_record(out, numbered(i)), 0);
	ck_assert_int_eq(px_out_flush(out), 0);
	ck_assert_int_eq(px_out_record(out, px_bytes_str(details)), 0);
	ck_assert_int_eq(px_out_record(out, px_bytes_str(details)), 0);
	waiting = px_out_pending(out);
	ck_assert_uint_gt(waiting, 2 * strlen(details));
	written = px_out_stats(out).written_bytes;
	begin = now_ms();
	ck_assert_int_eq(px_out_finish(out, 150), 0);
	took = now_ms() - begin;
	ck_assert_msg(took >= 140 && took < 1000, "%s: %lld ms", kind_names[_i], (long long)took);
	stats = px_out_stats(out);
	waiting -= stats.written_bytes - written;	/* a terminal's kernel side may take a little more by and by */
	ck_assert_uint_eq(stats.dropped_bytes, waiting);
	/* The first may have been written in part: it counts. */
	ck_assert_uint_eq(stats.dropped_records,
			  (waiting - 2 * strlen(details) + RECORD - 1) / RECORD + 2);
	close_kind();
}
END_TEST

/*
 * What waits is given up: the reader gets the rest of the line that it has a part of, and then what
 * comes.
 */
START_TEST(what_waits_is_discarded)
{
	enum { COUNT = 400, NEXT = 5000 };
	size_t max = (size_t)(COUNT + 1) * RECORD, have = 0;
	char *got = malloc(max);
	uint64_t before;

	open_kind((enum kind)_i, 4 * QUEUE);
	for (int i = 0; i < COUNT; i++)
		ck_assert_int_eq(px_out_record(out, numbered(i)), 0);
	ck_assert_int_eq(px_out_flush(out), 0);
	before = px_out_stats(out).written_bytes;
	ck_assert_uint_gt(px_out_pending(out), RECORD);
	px_out_discard(out);
	ck_assert_uint_eq(px_out_pending(out), (RECORD - before % RECORD) % RECORD);
	px_out_discard(out);
	ck_assert_int_eq(px_out_record(out, numbered(NEXT)), 0);
	for (int i = 0; i < 1000 && px_out_pending(out); i++) {
		have = read_all(got, have, max);
		ck_assert_int_eq(px_out_flush(out), 0);
	}
	have = read_all(got, have, max);
	ck_assert_uint_eq(have, (before + RECORD - 1) / RECORD * RECORD + RECORD);
	for (size_t at = 0; at < have; at += RECORD) {
		int i = atoi(got + at);

		ck_assert_int_eq(i, at + RECORD < have ? (int)(at / RECORD) : NEXT);
		ck_assert_int_eq(got[at + RECORD - 1], '\n');
	}
	ck_assert_uint_eq(px_out_stats(out).dropped_records, 0);
	free(got);
	close_kind();
}
END_TEST

/* --- a reader that is gone --- */

START_TEST(reader_is_gone)
{
	char buf[64];

	open_kind((enum kind)_i, QUEUE);
	ck_assert_int_eq(px_out_record(out, PX_BYTES("one\n")), 0);
	ck_assert_int_eq(px_out_flush(out), 0);
	ck_assert_int_eq(read(reader_fd, buf, sizeof(buf)), 4);
	close(reader_fd);
	ck_assert_int_eq(px_out_record(out, PX_BYTES("two\n")), 0);
	ck_assert_int_eq(px_out_flush(out), -EPIPE);
	ck_assert_int_eq(px_out_flush(out), -EPIPE);
	ck_assert_int_eq(px_out_record(out, PX_BYTES("three\n")), -EPIPE);
	ck_assert_int_eq(px_out_fd_wants_write(out), -1);
	ck_assert_int_eq(px_out_finish(out, 1000), -EPIPE);
	ck_assert_ptr_null(px_out_take_error(out));
	px_out_free(out);
	close(writer_fd);
}
END_TEST

START_TEST(reader_was_gone_before)
{
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	close(fds[0]);
	ck_assert_int_eq(px_out_new(&out, fds[1], "writer", QUEUE), 0);
	ck_assert_int_eq(px_out_record(out, PX_BYTES("one\n")), 0);
	ck_assert_int_eq(px_out_flush(out), -EPIPE);
	px_out_free(out);
	close(fds[1]);
}
END_TEST

/* --- files --- */

START_TEST(file_gets_blocks)
{
	int fd = memfd_create("file", 0);
	char *got;

	ck_assert_int_eq(px_out_new(&out, fd, "file", QUEUE), 0);
	for (int i = 0; i < 60; i++) {
		ck_assert_int_eq(px_out_record(out, numbered(i)), 0);
		ck_assert_int_eq(px_out_flush(out), 0);
	}
	ck_assert_int_eq(lseek(fd, 0, SEEK_END), 0);
	for (int i = 60; i < 70; i++)
		ck_assert_int_eq(px_out_record(out, numbered(i)), 0);
	ck_assert_int_ge(lseek(fd, 0, SEEK_END), 65536);
	ck_assert_int_eq(px_out_finish(out, 0), 0);
	ck_assert_int_eq(lseek(fd, 0, SEEK_END), 70 * RECORD);
	got = malloc(70 * RECORD);
	ck_assert_int_eq(pread(fd, got, 70 * RECORD, 0), 70 * RECORD);
	for (int i = 0; i < 70; i++)
		ck_assert_int_eq(memcmp(got + i * RECORD, numbered(i).ptr, RECORD), 0);
	ck_assert_uint_eq(px_out_stats(out).dropped_records, 0);
	free(got);
	px_out_free(out);
	close(fd);
}
END_TEST

/* Somebody follows it: what there is, is there a second later. */
START_TEST(file_is_written_each_second)
{
	int fd = memfd_create("file", 0);

	ck_assert_int_eq(px_out_new(&out, fd, "file", QUEUE), 0);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(px_out_record(out, numbered(i)), 0);
		ck_assert_int_eq(px_out_flush(out), 0);
		ck_assert_int_eq(lseek(fd, 0, SEEK_END), i * RECORD);
		usleep(1100 * 1000);
		ck_assert_int_eq(px_out_flush(out), 0);
		ck_assert_int_eq(lseek(fd, 0, SEEK_END), (i + 1) * RECORD);
	}
	px_out_free(out);
	close(fd);
}
END_TEST

START_TEST(disk_is_full)
{
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC), err = 0;
	const char *text;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(px_out_new(&out, fd, "trace.json", QUEUE), 0);
	for (int i = 0; i < 70 && !err; i++)
		err = px_out_record(out, numbered(i));
	ck_assert_int_eq(err, -ENOSPC);
	ck_assert_int_eq(px_out_record(out, numbered(0)), -ENOSPC);
	text = px_out_take_error(out);
	ck_assert_ptr_nonnull(text);
	ck_assert_str_eq(text, "trace.json: No space left on device");
	ck_assert_ptr_null(px_out_take_error(out));
	ck_assert_int_eq(px_out_finish(out, 0), -ENOSPC);
	px_out_free(out);
	/* Found at the end only. */
	ck_assert_int_eq(px_out_new(&out, fd, "trace.json", QUEUE), 0);
	ck_assert_int_eq(px_out_record(out, numbered(0)), 0);
	ck_assert_int_eq(px_out_finish(out, 0), -ENOSPC);
	px_out_free(out);
	close(fd);
}
END_TEST

START_TEST(no_descriptor)
{
	ck_assert_int_eq(px_out_new(&out, 1000, "nothing", QUEUE), -EBADF);
}
END_TEST

/* --- sizes --- */

START_TEST(record_longer_than_the_queue)
{
	size_t n = 1 << 20, have = 0;
	char *text = malloc(n), *got = malloc(n + 1);

	memset(text, 'a', n);
	text[n - 1] = '\n';
	open_kind(PIPE, 100000);
	ck_assert_int_eq(px_out_record(out, px_bytes_of(text, n)), 0);
	/* While it waits nothing else is taken. */
	ck_assert_int_eq(px_out_record(out, PX_BYTES("b\n")), 0);
	ck_assert_uint_eq(px_out_stats(out).dropped_records, 1);
	while (px_out_pending(out)) {
		have = read_all(got, have, n + 1);
		ck_assert_int_eq(px_out_flush(out), 0);
	}
	have = read_all(got, have, n + 1);
	ck_assert_uint_eq(have, n);
	ck_assert_int_eq(memcmp(got, text, n), 0);
	ck_assert_int_eq(px_out_record(out, PX_BYTES("b\n")), 0);
	ck_assert_uint_eq(px_out_pending(out), 2);
	px_out_drop(out);
	ck_assert_uint_eq(px_out_stats(out).dropped_records, 2);
	free(text);
	free(got);
	close_kind();
}
END_TEST

/*
 * Records of all sizes, read in parts of all sizes: the ring wraps at every place, and not a byte
 * changes.
 */
START_TEST(ring_keeps_the_order)
{
	size_t total = 3 << 20, written = 0, have = 0;
	char *sent = malloc(total + 100000), *got = malloc(total + 100000);
	uint64_t seed = (uint64_t)_i + 1;

	for (size_t i = 0; i < total + 100000; i++)
		sent[i] = (char)(i * 7 + i / 251);
	open_kind((enum kind)_i, QUEUE);
	while (written < total || px_out_pending(out)) {
		size_t n;
		ssize_t r;

		seed = seed * 6364136223846793005U + 1442695040888963407U;
		n = (seed >> 40) % ((seed >> 33) % 8 ? 700 : 90000) + 1;
		if (written < total) {
			uint64_t dropped = px_out_stats(out).dropped_records;

			ck_assert_int_eq(px_out_record(out, px_bytes_of(sent + written, n)), 0);
			if (px_out_stats(out).dropped_records == dropped)
				written += n;
		}
		if (seed >> 62 == 0 || written >= total)
			ck_assert_int_eq(px_out_flush(out), 0);
		r = read(reader_fd, got + have, (seed >> 20) % 3000);
		have += r > 0 ? (size_t)r : 0;
	}
	have = read_all(got, have, total + 100000);
	ck_assert_uint_eq(have, written);
	ck_assert_int_eq(memcmp(got, sent, written), 0);
	free(sent);
	free(got);
	close_kind();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("out");
	TCase *tc = tcase_create("out");

	signal(SIGPIPE, SIG_IGN);
	tcase_set_timeout(tc, 30);
	tcase_add_loop_test(tc, nobody_reads, 0, PX_COUNT(kind_names));
	tcase_add_loop_test(tc, the_end_has_a_deadline, 0, PX_COUNT(kind_names));
	tcase_add_loop_test(tc, what_waits_is_discarded, 0, PX_COUNT(kind_names));
	tcase_add_loop_test(tc, reader_is_gone, 0, PX_COUNT(kind_names));
	tcase_add_test(tc, reader_was_gone_before);
	tcase_add_test(tc, file_gets_blocks);
	tcase_add_test(tc, file_is_written_each_second);
	tcase_add_test(tc, disk_is_full);
	tcase_add_test(tc, no_descriptor);
	tcase_add_test(tc, record_longer_than_the_queue);
	tcase_add_loop_test(tc, ring_keeps_the_order, 0, PX_COUNT(kind_names));
	suite_add_tcase(s, tc);
	return px_suite_run(s);
}
