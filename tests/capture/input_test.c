/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of a file in order, whether plain, gzip or zstd, asked for in any sizes, cut and damaged.
 */
#include "capture/input.h"
#include "support/guard.h"
#include "support/suite.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#define PLAIN_LEN 1500000

static char plain[PLAIN_LEN], packed[2 * PLAIN_LEN + 100000];

enum form { PLAIN, GZIP, GZIP_TWO_MEMBERS, GZIP_PADDED, ZSTD, ZSTD_TWO_FRAMES, FORMS };

/* NOLINTNEXTLINE(readability-non-const-parameter): zlib writes there */
static size_t gzip(const char *from, size_t n, char *to)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)from,
		       .avail_in = (uInt)n,
		       .next_out = (Bytef *)to,
		       .avail_out = sizeof(packed) / 2 };

	ck_assert_int_eq(deflateInit2(&z, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return z.total_out;
}

static size_t zstd(const char *from, size_t n, char *to)
{
	return ZSTD_compress(to, sizeof(packed) / 2, from, n, 1);
}

static struct px_bytes make(enum form form)
{
	size_t half = PLAIN_LEN / 3, n = 0;

	for (size_t i = 0; i < PLAIN_LEN; i++)
		plain[i] = (char)(i * 2654435761u >> (i % 3 ? 11 : 23));
	memcpy(plain, "not compressed", 14);
	switch (form) {
	case PLAIN:
		return px_bytes_of(plain, PLAIN_LEN);
	case GZIP_TWO_MEMBERS:
		n = gzip(plain, half, packed);
		n += gzip(plain + half, PLAIN_LEN - half, packed + n);
		break;
	case GZIP_PADDED:
		n = gzip(plain, PLAIN_LEN, packed);
		memset(packed + n, 0, 512);
		n += 512;
		break;
	case ZSTD_TWO_FRAMES:
		n = zstd(plain, half, packed);
		n += zstd(plain + half, PLAIN_LEN - half, packed + n);
		break;
	case ZSTD:
		n = zstd(plain, PLAIN_LEN, packed);
		break;
	default:
		n = gzip(plain, PLAIN_LEN, packed);
	}
	return px_bytes_of(packed, n);
}

/*
 * Read b to its end in pieces of varying sizes; all that comes must be a prefix of plain. Returns
 * how much came.
 */
static size_t drain(struct px_bytes b, const char **damage)
{
	struct px_bytes guarded = px_guard_dup(b), view;
	struct px_input *in = px_input_of(guarded);
	size_t at = 0, step = 1;
	int ret;

	for (;;) {
		ret = px_input_want(in, step, &view);
		ck_assert_int_ge(ret, 0);
		if (ret == 0)
			ck_assert_uint_ge(view.len, step);
		ck_assert_uint_eq(px_input_offset(in), at);
		ck_assert_uint_eq((uintptr_t)view.ptr % 8, at % 8);
		ck_assert_uint_le(at + view.len, PLAIN_LEN);
		ck_assert(view.len == 0 || memcmp(view.ptr, plain + at, view.len) == 0);
		if (ret == PX_INPUT_END)
			break;
		px_input_drop(in, step);
		at += step;
		step = step > 700000 ? 3 : step * 3 - 1;
	}
	*damage = px_input_damage(in);
	px_input_free(in);
	px_guard_free(guarded);
	return at + view.len;
}

START_TEST(whole)
{
	const char *damage;

	ck_assert_uint_eq(drain(make((enum form)_i), &damage), PLAIN_LEN);
	ck_assert_ptr_null(damage);
}
END_TEST

START_TEST(cut)
{
	struct px_bytes b = make((enum form)_i);
	const char *damage;

	for (size_t n = 5; n < b.len; n += b.len / 23) {
		size_t got = drain(px_bytes_sub(b, 0, n), &damage);

		if (_i == PLAIN) {
			ck_assert_uint_eq(got, n);
			ck_assert_ptr_null(damage);
		} else if (got < PLAIN_LEN) {
			ck_assert_ptr_nonnull(damage);
		}
	}
}
END_TEST

START_TEST(damaged)
{
	struct px_bytes b = make((enum form)_i);
	static char copy[sizeof(packed)];
	const char *damage;

	for (size_t n = 20; n < b.len; n += b.len / 11) {
		memcpy(copy, b.ptr, b.len);
		memset(copy + n, 0x55, b.len - n < 64 ? b.len - n : 64);
		/*
		 * Bytes of a block whose checksum comes later may already be wrong, so only the end
		 * is looked at.
		 */
		struct px_input *in = px_input_of(px_bytes_of(copy, b.len));
		struct px_bytes view;

		while (px_input_want(in, 4096, &view) == 0)
			px_input_drop(in, 4096);
		damage = px_input_damage(in);
		ck_assert_ptr_nonnull(damage);
		px_input_free(in);
	}
}
END_TEST

START_TEST(asking_too_much)
{
	struct px_input *in = px_input_of(make(PLAIN));
	struct px_bytes view;

	ck_assert_int_eq(px_input_want(in, PX_INPUT_WANT_MAX + 1, &view), -EMSGSIZE);
	ck_assert_int_eq(px_input_want(in, PX_INPUT_WANT_MAX, &view), PX_INPUT_END);
	ck_assert_uint_eq(view.len, PLAIN_LEN);
	px_input_free(in);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("input");
	TCase *tc = tcase_create("input");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, whole, PLAIN, FORMS);
	tcase_add_loop_test(tc, cut, PLAIN, FORMS);
	tcase_add_loop_test(tc, damaged, GZIP, GZIP_PADDED);
	tcase_add_test(tc, asking_too_much);
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
