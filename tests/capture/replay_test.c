/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tapes: what was written comes back, and damage ends it with a reason, never with an invented
 * event.
 */
#include "capture/replay.h"
#include "capture/tape.h"
#include "support/guard.h"
#include "support/suite.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define EVENTS 12

static char dir[] = "/tmp/pxtape.XXXXXX";
static char path[64];

struct seen {
	size_t count;
	struct {
		unsigned char hdr[sizeof(struct px_abi_event)];
		char data[2048];
		size_t len;
	} ev[EVENTS + 1];
};

static void note(void *ctx, const struct px_event *ev)
{
	struct seen *seen = ctx;

	ck_assert_uint_le(seen->count, EVENTS);
	ck_assert_uint_le(ev->data.len, sizeof(seen->ev[0].data));
	memcpy(seen->ev[seen->count].hdr, ev->hdr, sizeof(*ev->hdr));
	memcpy(seen->ev[seen->count].data, ev->data.ptr, ev->data.len);
	seen->ev[seen->count].len = ev->data.len;
	seen->count++;
}

/*
 * Event i of the test tape: sizes of every remainder by 8, one with more bytes in the call than
 * copied.
 */
static struct px_event sample(unsigned int i, struct px_abi_event *hdr, char *data)
{
	*hdr = (struct px_abi_event){ .kind = i == 3 ? PX_ABI_CLOSE : PX_ABI_DATA,
				      .ts_ns = 1000 + i,
				      .sock_id = i,
				      .dir = (uint8_t)(i & 1),
				      .pid = 100 + i,
				      .family = PX_ABI_AF_INET };
	if (hdr->kind == PX_ABI_DATA) {
		hdr->copied = i * 7;
		hdr->len = i == 5 ? 70000 : hdr->copied;
	}
	for (unsigned int k = 0; k < hdr->copied; k++)
		data[k] = (char)(i * 31 + k);
	return (struct px_event){ hdr, px_bytes_of(data, hdr->copied) };
}

static void make_tape(const char *to)
{
	struct px_tape *tape;
	struct px_error err;
	char data[128];

	ck_assert_int_eq(px_tape_new(to, 77, &tape, &err), 0);
	for (unsigned int i = 0; i < EVENTS; i++) {
		struct px_abi_event hdr;
		struct px_event ev = sample(i, &hdr, data);

		ck_assert_int_eq(px_tape_write(tape, &ev), 0);
	}
	ck_assert_int_eq(px_tape_free(tape), 0);
}

static struct px_bytes load(const char *from)
{
	static char bytes[65536];
	int fd = open(from, O_RDONLY);
	ssize_t n = read(fd, bytes, sizeof(bytes));

	ck_assert_int_gt(n, 0);
	close(fd);
	return px_bytes_of(bytes, (size_t)n);
}

/*
 * Play b to its end in polls of `budget` events; returns what ended it and leaves the reason in
 * why.
 */
static int play(struct px_bytes b, size_t budget, struct seen *seen, char why[256])
{
	struct px_bytes guarded = px_guard_dup(b);
	struct px_source *src = px_replay_of(px_input_of(guarded));
	size_t count;
	int ret;

	seen->count = 0;
	do {
		size_t before = seen->count;

		ret = src->ops->poll(src, budget, note, seen, &count);
		ck_assert_uint_eq(seen->count - before, count);
		ck_assert_uint_le(count, budget);
	} while (ret == 0);
	/* An end stays an end. */
	ck_assert_int_eq(src->ops->poll(src, budget, note, seen, &count), ret);
	ck_assert_uint_eq(count, 0);
	memcpy(why, src->error, sizeof(src->error));
	src->ops->free(src);
	px_guard_free(guarded);
	return ret;
}

/* Each event seen is the one that was written at its place. */
static void check_prefix(const struct seen *seen)
{
	char data[128];

	for (unsigned int i = 0; i < seen->count; i++) {
		struct px_abi_event hdr;
		struct px_event ev = sample(i, &hdr, data);

		ck_assert_mem_eq(seen->ev[i].hdr, &hdr, sizeof(hdr));
		ck_assert_uint_eq(seen->ev[i].len, ev.data.len);
		ck_assert_mem_eq(seen->ev[i].data, data, ev.data.len);
	}
}

START_TEST(round_trip)
{
	static struct seen seen;
	char why[256];
	struct stat st;

	make_tape(path);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	for (size_t budget = 1; budget < EVENTS + 2; budget++) {
		ck_assert_int_eq(play(load(path), budget, &seen, why), PX_SOURCE_END);
		ck_assert_uint_eq(seen.count, EVENTS);
		check_prefix(&seen);
	}
}
END_TEST

START_TEST(opened_by_path)
{
	static struct seen seen;
	struct px_source *src;
	struct px_error err;
	size_t count;

	make_tape(path);
	ck_assert_int_eq(px_replay_open(path, &src, &err), 0);
	ck_assert_int_eq(src->wall_offset_ns, 77);
	ck_assert_int_eq(src->fd, -1);
	ck_assert_int_eq(src->ops->poll(src, 100, note, &seen, &count), PX_SOURCE_END);
	ck_assert_uint_eq(count, EVENTS);
	src->ops->free(src);

	ck_assert_int_eq(px_replay_open("/nonexistent/tape", &src, &err), -1);
	ck_assert_str_eq(err.cause, "/nonexistent/tape: No such file or directory");
	ck_assert_int_eq(px_replay_open(dir, &src, &err), -1);
	ck_assert_int_eq(px_replay_open("/dev/null", &src, &err), 0); /* may have bytes later: said by poll() */
	ck_assert_int_eq(src->ops->poll(src, 100, note, &seen, &count), -EBADMSG);
	ck_assert_str_eq(src->error, "/dev/null: offset 0: empty file");
	src->ops->free(src);
}
END_TEST

START_TEST(cut_everywhere)
{
	static struct seen seen;
	struct px_bytes tape;
	char why[256];
	size_t last = 0, ends = 0;

	make_tape(path);
	tape = load(path);
	for (size_t n = 0; n < tape.len; n++) {
		int ret = play(px_bytes_sub(tape, 0, n), 100, &seen, why);

		check_prefix(&seen);
		ck_assert_uint_ge(seen.count, last);
		last = seen.count;
		if (ret == PX_SOURCE_END)
			ends++; /* cut between two records: nothing tells that there were more */
		else
			ck_assert_ptr_nonnull(strstr(why, "memory: offset "));
	}
	ck_assert_uint_eq(ends, EVENTS);
	ck_assert_uint_eq(last, EVENTS - 1);
}
END_TEST

START_TEST(flipped_bits)
{
	static struct seen seen;
	static char copy[65536];
	struct px_bytes tape;
	char why[256];

	make_tape(path);
	tape = load(path);
	for (size_t bit = 0; bit < tape.len * 8; bit += 3) {
		int ret;

		memcpy(copy, tape.ptr, tape.len);
		copy[bit / 8] = (char)(copy[bit / 8] ^ 1 << bit % 8);
		ret = play(px_bytes_of(copy, tape.len), 100, &seen, why);
		check_prefix(&seen);
		/* Only a bit of the padding between records can go unnoticed. */
		if (ret == PX_SOURCE_END)
			ck_assert_uint_eq(seen.count, EVENTS);
		else
			ck_assert_int_eq(ret, -EBADMSG);
	}
}
END_TEST

struct lie {
	const char *name;
	uint32_t size;		/* of the record */
	uint32_t len, copied;
	uint8_t kind, dir;
	const char *why;
};

/* clang-format off */
static const struct lie lies[] = {
	{ "no room for a header", 127, 0, 0, PX_ABI_DATA, 0, "record of an impossible size" },
	{ "size 0", 0, 0, 0, PX_ABI_DATA, 0, "record of an impossible size" },
	{ "size beyond all", UINT32_MAX, 0, 0, PX_ABI_DATA, 0, "record of an impossible size" },
	{ "a mebibyte announced", 1u << 20, 0, 0, PX_ABI_DATA, 0, "tape cut short" },
	{ "copied beyond the record", 136, 4000, 9, PX_ABI_DATA, 0, "event whose lengths contradict each other" },
	{ "copied wraps", 136, UINT32_MAX, UINT32_MAX, PX_ABI_DATA, 0, "event whose lengths contradict each other" },
	{ "copied more than there was", 136, 7, 8, PX_ABI_DATA, 0, "event whose lengths contradict each other" },
	{ "a third direction", 136, 8, 8, PX_ABI_DATA, 2, "event whose lengths contradict each other" },
	{ "kind 0", 136, 8, 8, 0, 0, "event whose lengths contradict each other" },
	{ "kind 200", 136, 8, 8, 200, 0, "event whose lengths contradict each other" },
	{ "names too short", 136, 8, 8, PX_ABI_NAMES, 0, "event whose lengths contradict each other" },
};
/* clang-format on */

START_TEST(hostile_sizes)
{
	const struct lie *lie = &lies[_i];
	struct px_tape_head head = { .magic = PX_TAPE_MAGIC,
				     .endian = PX_TAPE_ENDIAN,
				     .version = PX_TAPE_VERSION,
				     .event_size = sizeof(struct px_abi_event) };
	struct px_abi_event ev = {
		.kind = lie->kind, .dir = lie->dir, .len = lie->len, .copied = lie->copied
	};
	struct px_tape_record rec = { .size = lie->size };
	static struct seen seen;
	char bytes[256] = { 0 }, why[256];

	head.crc = (uint32_t)crc32(0, (const Bytef *)&head, offsetof(struct px_tape_head, crc));
	memcpy(bytes, &head, sizeof(head));
	memcpy(bytes + 40, &ev, sizeof(ev));
	if (lie->size == 136)
		rec.crc = px_tape_crc(rec.size, bytes + 40);
	memcpy(bytes + 32, &rec, sizeof(rec));
	ck_assert_int_eq(play(px_bytes_of(bytes, 176), 100, &seen, why), -EBADMSG);
	ck_assert_uint_eq(seen.count, 0);
	ck_assert_msg(strstr(why, lie->why) && strstr(why, "offset 32: "), "%s: %s", lie->name,
		      why);
}
END_TEST

/*
 * A tape that is still being written, through a pipe: poll() takes what is there and never waits.
 */
START_TEST(piped)
{
	static struct seen seen;
	struct px_bytes tape;
	struct px_source *src;
	struct px_error err;
	int ends[2], saved = dup(STDIN_FILENO), ret = 0;
	size_t count, waits = 0;

	make_tape(path);
	tape = load(path);
	ck_assert_int_eq(pipe(ends), 0);
	dup2(ends[0], STDIN_FILENO);
	close(ends[0]);
	ck_assert_int_eq(px_replay_open("-", &src, &err), 0);
	ck_assert_int_ge(src->fd, 0);
	seen.count = 0;
	for (size_t i = 0; i < tape.len; i++) {
		ck_assert_int_eq(write(ends[1], tape.ptr + i, 1), 1);
		ret = src->ops->poll(src, 100, note, &seen, &count);
		ck_assert_int_eq(ret, 0);
		waits += src->ops->arm(src);
	}
	ck_assert_uint_eq(waits, tape.len);
	ck_assert_uint_eq(seen.count, EVENTS);
	close(ends[1]);
	ck_assert_int_eq(src->ops->poll(src, 100, note, &seen, &count), PX_SOURCE_END);
	check_prefix(&seen);
	src->ops->free(src);
	dup2(saved, STDIN_FILENO);
	close(saved);
}
END_TEST

/* A writer that was killed: everything that was flushed is there. */
START_TEST(killed_writer)
{
	static struct seen seen;
	struct px_tape *tape;
	struct px_error err;
	struct px_abi_event hdr;
	char data[128], why[256];
	struct px_event ev = sample(0, &hdr, data);

	ck_assert_int_eq(px_tape_new(path, 0, &tape, &err), 0);
	ck_assert_int_eq(play(load(path), 9, &seen, why), PX_SOURCE_END);
	ck_assert_int_eq(px_tape_write(tape, &ev), 0);
	ck_assert_int_eq(px_tape_flush(tape), 0);
	ck_assert_int_eq(play(load(path), 9, &seen, why), PX_SOURCE_END);
	ck_assert_uint_eq(seen.count, 1);
	px_tape_free(tape);
}
END_TEST

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/tape", dir);
}

static void teardown(void)
{
	unlink(path);
	rmdir(dir);
}

int main(void)
{
	Suite *suite = suite_create("replay");
	TCase *tc = tcase_create("tape");

	tcase_set_timeout(tc, 120);
	tcase_add_unchecked_fixture(tc, setup, teardown);
	tcase_add_test(tc, round_trip);
	tcase_add_test(tc, opened_by_path);
	tcase_add_test(tc, cut_everywhere);
	tcase_add_test(tc, flipped_bits);
	tcase_add_loop_test(tc, hostile_sizes, 0, PX_COUNT(lies));
	tcase_add_test(tc, piped);
	tcase_add_test(tc, killed_writer);
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
