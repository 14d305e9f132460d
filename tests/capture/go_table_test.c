/* SPDX-License-Identifier: Apache-2.0 */
/* Go's table of functions, made here in each of its formats, cut short and with lies in it; and returns. */
#include "capture/go_returns.h"
#include "capture/go_table.h"
#include "support/suite.h"

#include <check.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define FUNCTIONS 3
#define TEXT 0x401000

static const char *const names[FUNCTIONS] = { "runtime.text", "crypto/tls.(*Conn).Read",
					      "crypto/tls.(*Conn).Readable" };
static const uint64_t starts[FUNCTIONS + 1] = { 0, 0x40, 0x1c0, 0x200 };

static char table[1024];

static void put(size_t at, uint64_t v, size_t width)
{
	for (size_t i = 0; i < width; i++)
		table[at + i] = (char)(v >> 8 * i);
}

/* Returns how long it is. */
static size_t make(uint32_t magic, bool has_text, size_t width)
{
	bool is_first = magic == 0xfffffffb;
	size_t head = 8 + 8, at, names_at, entries, base, end;

	memset(table, 0, sizeof(table));
	put(0, magic, 4);
	put(6, 1, 1);
	put(7, 8, 1);
	put(8, FUNCTIONS, 8);
	if (!is_first)
		head += has_text ? 56 : 48;
	names_at = head + (is_first ? 256 : 1);	/* after the entries of the first format, with a 0 before */
	entries = is_first ? head : names_at + 128;
	base = is_first ? 0 : entries;
	if (!is_first) {
		at = has_text ? 32 : 24;
		put(at, names_at, 8);
		put(at + 32, entries, 8);
	}
	end = entries + (FUNCTIONS * 2 + 1) * width;
	at = names_at;
	for (size_t i = 0; i < FUNCTIONS; i++) {
		uint64_t start = starts[i] + (width == 8 ? TEXT : 0);

		put(entries + 2 * i * width, start, width);
		put(entries + (2 * i + 1) * width, end - base, width);
		put(end, start, width);
		put(end + width, at - (is_first ? 0 : names_at), 4);
		end += width + 8;
		memcpy(table + at, names[i], strlen(names[i]) + 1);
		at += strlen(names[i]) + 1;
	}
	put(entries + 2 * FUNCTIONS * width, starts[FUNCTIONS] + (width == 8 ? TEXT : 0), width);
	if (is_first && end < at)
		end = at;
	ck_assert_uint_le(end, sizeof(table));
	return end;
}

static const struct format_case {
	uint32_t magic;
	bool has_text;
	size_t width;
	enum px_go_format format;
} formats[] = {
	{ 0xfffffffb, false, 8, PX_GO_1_2 },
	{ 0xfffffffa, false, 8, PX_GO_1_16 },
	{ 0xfffffff0, true, 4, PX_GO_1_18 },
	{ 0xfffffff1, true, 4, PX_GO_1_20 },
};

START_TEST(table_finds)
{
	const struct format_case *f = &formats[_i];
	uint64_t base = f->width == 8 ? TEXT : 0;
	size_t len = make(f->magic, f->has_text, f->width);
	struct px_go_function out;
	struct px_go_table t;

	ck_assert_int_eq(px_go_table_open(&t, px_bytes_of(table, len)), 0);
	ck_assert_int_eq((int)t.format, (int)f->format);
	for (size_t i = 1; i < FUNCTIONS; i++) {
		ck_assert(px_go_table_find(&t, names[i], &out));
		ck_assert_uint_eq(out.start, base + starts[i]);
		ck_assert_uint_eq(out.end, base + starts[i + 1]);
	}
	ck_assert(!px_go_table_find(&t, "crypto/tls.(*Conn).Rea", &out));
	ck_assert(!px_go_table_find(&t, "tls.(*Conn).Read", &out));
}
END_TEST

/* Cut anywhere it is not read beyond its end, where a page begins that cannot be read. */
START_TEST(table_cut)
{
	const struct format_case *f = &formats[_i];
	size_t page = (size_t)sysconf(_SC_PAGESIZE), len = make(f->magic, f->has_text, f->width);
	char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct px_go_function out;
	struct px_go_table t;
	int found = 0;

	ck_assert_ptr_ne(pages, MAP_FAILED);
	ck_assert_int_eq(mprotect(pages + page, page, PROT_NONE), 0);
	for (size_t n = 0; n < len; n++) {
		char *at = pages + page - n;

		memcpy(at, table, n);
		if (px_go_table_open(&t, px_bytes_of(at, n)) == 0)
			found += px_go_table_find(&t, names[1], &out);
	}
	ck_assert_int_gt(found, 0);	/* the last function's description is not needed */
	munmap(pages, 2 * page);
}
END_TEST

/* Every byte wrong in several ways: any answer will do, but it has to end. */
START_TEST(table_lies)
{
	static const unsigned char wrong[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };
	const struct format_case *f = &formats[_i];
	size_t len = make(f->magic, f->has_text, f->width);
	struct px_go_function out;
	struct px_go_table t;

	for (size_t i = 0; i < len; i++) {
		char was = table[i];

		for (size_t w = 0; w < PX_COUNT(wrong); w++) {
			table[i] = (char)wrong[w];
			if (px_go_table_open(&t, px_bytes_of(table, len)) == 0 &&
			    px_go_table_find(&t, names[1], &out))
				ck_assert_uint_lt(out.start, out.end);
		}
		table[i] = was;
	}
}
END_TEST

START_TEST(table_is_none)
{
	struct px_go_table t;
	size_t len = make(0xfffffff1, true, 4);

	ck_assert_int_eq(px_go_table_open(&t, px_bytes_of(NULL, 0)), -1);
	ck_assert_int_eq(px_go_table_open(&t, PX_BYTES("\x7f" "ELF and more of it, not a table at all")), -1);
	table[7] = 4;	/* of a 32-bit program */
	ck_assert_int_eq(px_go_table_open(&t, px_bytes_of(table, len)), -1);
	table[7] = 8;
	put(8, UINT64_MAX / 2, 8);
	ck_assert_int_eq(px_go_table_open(&t, px_bytes_of(table, len)), -1);
}
END_TEST

#if defined(__x86_64__)
/* A return is one only where an instruction begins; what is no code at all is not hung into. */
static const struct returns_case {
	const char *name;
	struct px_bytes code;
	int result;
	uint32_t count, at[2];
} returns[] = {
	{ "one", PX_BYTES("\x49\x3b\x66\x10\xc3"), 0, 1, { 4 } },
	{ "two, and padding", PX_BYTES("\x5d\xc3\xb8\x01\x00\x00\x00\xc3\xcc\xcc"), 0, 2, { 1, 7 } },
	{ "0xc3 in a number", PX_BYTES("\xb8\xc3\xc3\xc3\xc3\xc3"), 0, 1, { 5 } },
	{ "none", PX_BYTES("\x90\x90\xcc"), -1, 0, { 0 } },
	{ "no code", PX_BYTES("\x90\x06\xc3"), -1, 0, { 0 } },
	{ "cut", PX_BYTES("\xc3\xb8\x01"), -1, 0, { 0 } },
};

START_TEST(returns_found)
{
	const struct returns_case *c = &returns[_i];
	struct px_go_program p = { .functions[PX_GO_READ].bytes = c->code };
	struct px_go_returns out[PX_GO_FUNCTIONS];
	struct px_error err;

	ck_assert_int_eq(px_go_returns_find(&p, out, &err), c->result);
	if (c->result == 0) {
		ck_assert_uint_eq(out[PX_GO_READ].count, c->count);
		for (uint32_t i = 0; i < c->count; i++)
			ck_assert_uint_eq(out[PX_GO_READ].at[i], c->at[i]);
		ck_assert_uint_eq(out[PX_GO_WRITE].count, 0);
	}
}
END_TEST
#endif

int main(void)
{
	Suite *suite = suite_create("go_table");
	TCase *tc = tcase_create("go_table");

	tcase_add_loop_test(tc, table_finds, 0, PX_COUNT(formats));
	tcase_add_loop_test(tc, table_cut, 0, PX_COUNT(formats));
	tcase_add_loop_test(tc, table_lies, 0, PX_COUNT(formats));
	tcase_add_test(tc, table_is_none);
#if defined(__x86_64__)
	tcase_add_loop_test(tc, returns_found, 0, PX_COUNT(returns));
#endif
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
