/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/escape.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "sink/emit.h"
#include "support/guard.h"
#include "support/suite.h"

#define B(literal) PX_BYTES(literal)

/* --- UTF-8 --- */

static const struct {
	struct px_bytes s;
	bool valid;
} utf8_cases[] = {
	{ B(""), true },
	{ B("plain"), true },
	{ B("\0\x1f\x7f"), true },
	{ B("\xc3\xbc \xe2\x82\xac \xf0\x9f\x98\x80"), true },
	{ B("\xc2\x80"), true },
	{ B("\xdf\xbf"), true },
	{ B("\xe0\xa0\x80"), true },
	{ B("\xed\x9f\xbf"), true },
	{ B("\xee\x80\x80"), true },
	{ B("\xef\xbf\xbf"), true },
	{ B("\xf0\x90\x80\x80"), true },
	{ B("\xf4\x8f\xbf\xbf"), true },
	{ B("\x80"), false },			/* a continuation alone */
	{ B("\xc0\x80"), false },		/* overlong forms */
	{ B("\xc1\xbf"), false },
	{ B("\xe0\x9f\xbf"), false },
	{ B("\xf0\x8f\xbf\xbf"), false },
	{ B("\xed\xa0\x80"), false },		/* surrogates */
	{ B("\xed\xbf\xbf"), false },
	{ B("\xf4\x90\x80\x80"), false },	/* above U+10FFFF */
	{ B("\xf5\x80\x80\x80"), false },
	{ B("\xff"), false },
	{ B("\xc3"), false },			/* cut */
	{ B("\xe2\x82"), false },
	{ B("\xf0\x9f\x98"), false },
	{ B("\xc3("), false },
	{ B("\xe2\x28\xa1"), false },
	{ B("\xe2\x82("), false },
	{ B("\xf0\x9f\x98("), false },
};

START_TEST(utf8)
{
	/*
	 * Behind 0 to 40 plain bytes, so that every place in a block is met, and up against an
	 * unreadable page.
	 */
	for (size_t before = 0; before <= 40; before++) {
		char text[64];
		struct px_bytes guarded, s = utf8_cases[_i].s;

		memset(text, 'a', before);
		memcpy(text + before, s.ptr, s.len);
		guarded = px_guard_dup(px_bytes_of(text, before + s.len));
		ck_assert_int_eq(px_utf8_valid(guarded), utf8_cases[_i].valid);
		px_guard_free(guarded);
	}
}
END_TEST

/* Every character there is, against an encoder of our own. */
START_TEST(utf8_every_character)
{
	size_t wrong = 0;

	for (uint32_t cp = 0; cp < 0x110000; cp++) {
		char s[4];
		size_t n;
		uint32_t got = 0xffffffff;
		bool is_surrogate = cp >= 0xd800 && cp < 0xe000;

		if (cp < 0x80) {
			n = 1;
			s[0] = (char)cp;
		} else if (cp < 0x800) {
			n = 2;
			s[0] = (char)(0xc0 | cp >> 6);
			s[1] = (char)(0x80 | (cp & 63));
		} else if (cp < 0x10000) {
			n = 3;
			s[0] = (char)(0xe0 | cp >> 12);
			s[1] = (char)(0x80 | (cp >> 6 & 63));
			s[2] = (char)(0x80 | (cp & 63));
		} else {
			n = 4;
			s[0] = (char)(0xf0 | cp >> 18);
			s[1] = (char)(0x80 | (cp >> 12 & 63));
			s[2] = (char)(0x80 | (cp >> 6 & 63));
			s[3] = (char)(0x80 | (cp & 63));
		}
		if (is_surrogate)
			wrong += px_utf8_decode(px_bytes_of(s, n), 0, &got) != 0;
		else
			wrong += px_utf8_decode(px_bytes_of(s, n), 0, &got) != n || got != cp;
		if (n > 1)
			wrong += px_utf8_decode(px_bytes_of(s, n - 1), 0, &got) != 0;
	}
	ck_assert_uint_eq(wrong, 0);
}
END_TEST

static const struct {
	uint32_t cp;
	unsigned int columns;
} column_cases[] = {
	{ 'a', 1 },    { 0xe9, 1 },   { 0x301, 0 },  { 0x2026, 1 },   { 0x4e2d, 2 },
	{ 0xac00, 2 }, { 0xff21, 2 }, { 0xff71, 1 }, { 0x1f600, 2 },  { 0x20000, 2 },
	{ 0xfe0f, 0 }, { 0x3042, 2 }, { 0x309a, 0 }, { 0x10ffff, 1 },
};

START_TEST(width_of_characters)
{
	ck_assert_uint_eq(px_utf8_columns(column_cases[_i].cp), column_cases[_i].columns);
}
END_TEST

/* --- JSON --- */

static const struct {
	struct px_bytes in;
	const char *out;	/* NULL: no text */
} json_cases[] = {
	{ B(""), "" },
	{ B("plain text, ~!@#$%^&*()'`<>?/"), "plain text, ~!@#$%^&*()'`<>?/" },
	{ B("\""), "\\\"" },
	{ B("\\"), "\\\\" },
	{ B("/"), "/" },
	{ B("\b\t\n\f\r"), "\\b\\t\\n\\f\\r" },
	{ B("\0\x01\x0b\x1b\x1f"), "\\u0000\\u0001\\u000b\\u001b\\u001f" },
	{ B("\x7f"), "\\u007f" },
	{ B("\xc2\x80\xc2\x9b\xc2\x9f\xc2\xa0"), "\\u0080\\u009b\\u009f\xc2\xa0" },
	{ B("\xd8\x9c"), "\\u061c" },
	{ B("\xe2\x80\x8d\xe2\x80\x8e\xe2\x80\x8f\xe2\x80\x90"),
	  "\xe2\x80\x8d\\u200e\\u200f\xe2\x80\x90" },
	{ B("\xe2\x80\xa7\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa\xe2\x80\xae\xe2\x80\xaf"),
	  "\xe2\x80\xa7\\u2028\\u2029\\u202a\\u202e\xe2\x80\xaf" },
	{ B("\xe2\x81\xa5\xe2\x81\xa6\xe2\x81\xa9\xe2\x81\xaa"),
	  "\xe2\x81\xa5\\u2066\\u2069\xe2\x81\xaa" },
	{ B("J\xc3\xbcrgen \xf0\x9f\x98\x80"), "J\xc3\xbcrgen \xf0\x9f\x98\x80" },
	{ B("a\xff"), NULL },
	{ B("\xe2\x80"), NULL },
	{ B("\xed\xa0\x80"), NULL },
};

START_TEST(json)
{
	/* At every place of a block, with every rest of one behind it. */
	for (size_t before = 0; before <= 17; before++) {
		for (size_t after = 0; after <= 17; after++) {
			struct px_bytes s = json_cases[_i].in, guarded;
			char text[128], want[256], got[128 * PX_JSON_GROWTH + PX_JSON_SLACK];
			char *end;

			memset(text, 'a', before);
			memcpy(text + before, s.ptr, s.len);
			memset(text + before + s.len, 'z', after);
			guarded = px_guard_dup(px_bytes_of(text, before + s.len + after));
			end = px_json_escape(got, guarded);
			px_guard_free(guarded);
			if (!json_cases[_i].out) {
				ck_assert_ptr_null(end);
				continue;
			}
			*end = '\0';
			snprintf(want, sizeof(want), "%.*s%s%.*s", (int)before, "aaaaaaaaaaaaaaaaa",
				 json_cases[_i].out, (int)after, "zzzzzzzzzzzzzzzzz");
			ck_assert_str_eq(got, want);
		}
	}
}
END_TEST

/* The promise about room is kept, to the byte: the buffer ends where it says. */
START_TEST(json_room)
{
	for (size_t n = 0; n <= 70; n++) {
		char *in = malloc(n + 1), *out = malloc(n * PX_JSON_GROWTH + PX_JSON_SLACK);

		memset(in, 1, n);
		ck_assert_ptr_eq(px_json_escape(out, px_bytes_of(in, n)), out + 6 * n);
		memset(in, 'x', n);
		ck_assert_ptr_eq(px_json_escape(out, px_bytes_of(in, n)), out + n);
		free(in);
		free(out);
	}
}
END_TEST

static const struct {
	struct px_bytes in;
	const char *out;
} base64_cases[] = {
	/* RFC 4648 section 10 */
	{ B(""), "" },
	{ B("f"), "Zg==" },
	{ B("fo"), "Zm8=" },
	{ B("foo"), "Zm9v" },
	{ B("foob"), "Zm9vYg==" },
	{ B("fooba"), "Zm9vYmE=" },
	{ B("foobar"), "Zm9vYmFy" },
	{ B("\xff\xef\xbe"), "/+++" },
	{ B("\0\0\0"), "AAAA" },
};

START_TEST(base64)
{
	char got[32] = "";
	char *end = px_base64(got, base64_cases[_i].in);

	*end = '\0';
	ck_assert_str_eq(got, base64_cases[_i].out);
	ck_assert_uint_eq((size_t)(end - got), PX_BASE64_LEN(base64_cases[_i].in.len));
}
END_TEST

/* --- terminals --- */

#define ALL SIZE_MAX

static const struct {
	struct px_bytes in;
	unsigned int flags;
	size_t max_columns, max_bytes;
	const char *out;
	size_t columns;
} term_cases[] = {
	{ B(""), 0, ALL, ALL, "", 0 },
	{ B("plain \"text\" with \\ and ~"), 0, ALL, ALL, "plain \"text\" with \\ and ~", 25 },
	{ B("\x1b[2J\x1b]0;title\x07"), 0, ALL, ALL, "\\x1b[2J\\x1b]0;title\\a", 21 },
	{ B("\0\a\b\t\n\v\f\r\x1f\x7f"), 0, ALL, ALL, "\\x00\\a\\b\\t\\n\\v\\f\\r\\x1f\\x7f", 26 },
	{ B("\xff\xc3(\xe2\x82"), 0, ALL, ALL, "\\xff\\xc3(\\xe2\\x82", 17 },
	{ B("\x9b"
	    "2J"),
	  0, ALL, ALL, "\\x9b2J", 6 },			/* C1 as a byte */
	{ B("\xc2\x9b"
	    "2J"),
	  0, ALL, ALL, "\\u009b2J", 8 },		/* and as a character */
	{ B("\xe2\x80\xae"
	    "txt.exe"),
	  0, ALL, ALL, "\\u202etxt.exe", 13 },
	{ B("\xe2\x81\xa6\xe2\x80\xa8\xe2\x80\x8f\xd8\x9c"), 0, ALL, ALL,
	  "\\u2066\\u2028\\u200f\\u061c", 24 },
	{ B("a\xe2\x80\x8b"
	    "b\xef\xbb\xbf"),
	  0, ALL, ALL, "a\\u200bb\\ufeff", 14 },
	{ B("\xf3\xa0\x81\x81"), 0, ALL, ALL, "\\U000e0041", 10 },
	{ B("J\xc3\xbcrgen \xe4\xb8\xad\xe6\x96\x87"), 0, ALL, ALL,
	  "J\xc3\xbcrgen \xe4\xb8\xad\xe6\x96\x87", 11 },
	{ B("e\xcc\x81"), 0, ALL, ALL, "e\xcc\x81", 1 },
	{ B("a b\tc\xc2\xa0"
	    "d\xe3\x80\x80"
	    "e"),
	  PX_TERM_NO_BLANKS, ALL, ALL, "a_b\\tc_d_e", 10 },
	{ B("noblanks"), PX_TERM_NO_BLANKS, ALL, ALL, "noblanks", 8 },
	/* cut to columns */
	{ B("abcdef"), 0, 6, ALL, "abcdef", 6 },
	{ B("abcdef"), 0, 5, ALL, "abcd…", 5 },
	{ B("abcdef"), 0, 1, ALL, "…", 1 },
	{ B("abcdef"), 0, 0, ALL, "", 0 },
	{ B("abcdefghijklmnopqrstuvwxyz"), 0, 20, ALL, "abcdefghijklmnopqrs…", 20 },
	{ B("\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad"), 0, 6, ALL,
	  "\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad", 6 },
	{ B("\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad"), 0, 5, ALL, "\xe4\xb8\xad\xe6\x96\x87…", 5 },
	{ B("\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad"), 0, 4, ALL, "\xe4\xb8\xad…", 3 },
	{ B("ab\x1bz"), 0, 6, ALL, "ab…", 3 },		/* an escape is whole or not there */
	{ B("ab\x1bz"), 0, 7, ALL, "ab\\x1bz", 7 },
	{ B("ab\x1bzz"), 0, 7, ALL, "ab\\x1b…", 7 },
	{ B("a b c d"), PX_TERM_NO_BLANKS, 4, ALL, "a_b…", 4 },
	{ B("abcde\xcc\x81"), 0, 5, ALL, "abcde\xcc\x81", 5 },
	/* cut to bytes, the ellipsis has three */
	{ B("abcdef"), 0, ALL, 6, "abcdef", 6 },
	{ B("abcdefg"), 0, ALL, 6, "abc…", 4 },
	{ B("abcdefg"), 0, ALL, 3, "…", 1 },
	{ B("abcdefg"), 0, ALL, 2, "", 0 },
	{ B("\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc"), 0, ALL, 7, "\xc3\xbc\xc3\xbc…", 3 },
	{ B("abcd\xc3\xbc\xc3\xbc"), 0, ALL, 8, "abcd\xc3\xbc\xc3\xbc", 6 },
	{ B("abcde\xc3\xbc\xc3\xbc"), 0, ALL, 8, "abcde…", 6 },
};

START_TEST(term)
{
	struct px_term_room room = { term_cases[_i].max_columns, term_cases[_i].max_bytes };
	struct px_bytes guarded = px_guard_dup(term_cases[_i].in);
	struct px_buf out = px_buf_of(1 << 16);
	size_t columns = 100;

	ck_assert_int_eq(px_buf_append(&out, B("before ")), 0);
	ck_assert_int_eq(px_term_append(&out, guarded, term_cases[_i].flags, room, &columns), 0);
	ck_assert_int_eq(px_buf_append(&out, B("\0")), 0);
	ck_assert_str_eq(out.ptr + 7, term_cases[_i].out);
	ck_assert_uint_eq(columns, 100 + term_cases[_i].columns);
	px_buf_fini(&out);
	px_guard_free(guarded);
}
END_TEST

/* Whatever the bytes and the room: nothing but printable characters, and no more than fits. */
START_TEST(term_never_too_wide_nor_harmful)
{
	uint64_t seed = 1;
	size_t wrong = 0;

	for (int round = 0; round < 20000; round++) {
		char in[80];
		size_t n, columns = 0, counted = 0;
		struct px_term_room room;
		struct px_buf out = px_buf_of(1 << 16);
		uint32_t cp;

		for (size_t i = 0; i < sizeof(in); i++) {
			seed = seed * 6364136223846793005U + 1442695040888963407U;
			in[i] = (char)(seed >> 33);
			if (seed >> 60 < 8)
				in[i] &= 0x7f;
		}
		if (round % 3 == 0)
			memcpy(in + round % 60, "\xe4\xb8\xad\xe2\x80\xae\xf0\x9f\x98\x80", 10);
		n = (seed >> 20) % sizeof(in);
		room.columns = 1 + (seed >> 40) % 100;
		room.bytes = 3 + (seed >> 48) % 100;
		if (px_term_append(&out, px_bytes_of(in, n), round % 2 ? PX_TERM_NO_BLANKS : 0,
				   room, &columns) != 0)
			wrong++;
		wrong += out.len > room.bytes || columns > room.columns;
		for (size_t at = 0; at < out.len;) {
			size_t used = px_utf8_decode(px_buf_bytes(&out), at, &cp);

			if (used == 0) {
				wrong++;
				break;
			}
			wrong += cp < 0x20 || (cp >= 0x7f && cp < 0xa0) ||
				 (cp >= 0x202a && cp <= 0x202e);
			wrong += round % 2 && cp == ' ';
			counted += px_utf8_columns(cp);
			at += used;
		}
		wrong += counted != columns;
		px_buf_fini(&out);
	}
	ck_assert_uint_eq(wrong, 0);
}
END_TEST

START_TEST(term_of_a_megabyte)
{
	struct px_buf out = px_buf_of(8 << 20), small = px_buf_of(4096);
	size_t n = 1 << 20, columns = 0;
	char *in = malloc(n);

	memset(in, '\x1b', n);
	ck_assert_int_eq(px_term_append(&out, px_bytes_of(in, n), 0, PX_TERM_ROOM_ALL, &columns),
			 0);
	ck_assert_uint_eq(out.len, 4 * n);
	ck_assert_uint_eq(columns, 4 * n);
	ck_assert_int_eq(px_term_append(&small, px_bytes_of(in, n), 0, PX_TERM_ROOM_ALL, NULL),
			 -ENOBUFS);
	free(in);
	px_buf_fini(&out);
	px_buf_fini(&small);
}
END_TEST

/* --- numbers --- */

START_TEST(numbers)
{
	static const int64_t extra[] = { 0, 1, -1, INT64_MAX, INT64_MIN, 9007199254740993 };
	char got[32], want[32];
	uint64_t power = 1;

	for (size_t i = 0; i < PX_COUNT(extra); i++) {
		*px_emit_i64(got, extra[i]) = '\0';
		snprintf(want, sizeof(want), "%lld", (long long)extra[i]);
		ck_assert_str_eq(got, want);
	}
	for (int digits = 0; digits < 20; digits++, power *= 10) {
		for (int off = -1; off <= 1; off++) {
			uint64_t v = power + (uint64_t)(int64_t)off;

			*px_emit_u64(got, v) = '\0';
			snprintf(want, sizeof(want), "%llu", (unsigned long long)v);
			ck_assert_str_eq(got, want);
		}
	}
	for (unsigned int shift = 0; shift < 64; shift++) {
		*px_emit_u64(got, UINT64_MAX >> shift) = '\0';
		snprintf(want, sizeof(want), "%llu", (unsigned long long)(UINT64_MAX >> shift));
		ck_assert_str_eq(got, want);
	}
	*px_emit_9(got, 1020304) = '\0';
	ck_assert_str_eq(got, "001020304");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("escape");
	TCase *tc = tcase_create("escape");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, utf8, 0, PX_COUNT(utf8_cases));
	tcase_add_test(tc, utf8_every_character);
	tcase_add_loop_test(tc, width_of_characters, 0, PX_COUNT(column_cases));
	tcase_add_loop_test(tc, json, 0, PX_COUNT(json_cases));
	tcase_add_test(tc, json_room);
	tcase_add_loop_test(tc, base64, 0, PX_COUNT(base64_cases));
	tcase_add_loop_test(tc, term, 0, PX_COUNT(term_cases));
	tcase_add_test(tc, term_never_too_wide_nor_harmful);
	tcase_add_test(tc, term_of_a_megabyte);
	tcase_add_test(tc, numbers);
	suite_add_tcase(s, tc);
	return px_suite_run(s);
}
