/* SPDX-License-Identifier: Apache-2.0 */
/* Words of the command line to values, and back. */
#include "cli/args.h"
#include "support/suite.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

typedef int (*reader)(const char *text, uint64_t *out);

/* clang-format off */
static const struct value_case {
	reader read;
	const char *text;
	int err;
	uint64_t value;
} value_cases[] = {
	{ px_arg_number, "0", 0, 0 },
	{ px_arg_number, "18446744073709551615", 0, UINT64_MAX },
	{ px_arg_number, "18446744073709551616", -ERANGE, 0 },
	{ px_arg_number, "99999999999999999999999", -ERANGE, 0 },
	{ px_arg_number, "99999999999999999999999x", -EINVAL, 0 },
	{ px_arg_number, "", -EINVAL, 0 },
	{ px_arg_number, " 1", -EINVAL, 0 },
	{ px_arg_number, "1 ", -EINVAL, 0 },
	{ px_arg_number, "-1", -EINVAL, 0 },
	{ px_arg_number, "+1", -EINVAL, 0 },
	{ px_arg_number, "0x10", -EINVAL, 0 },
	{ px_arg_number, "1e3", -EINVAL, 0 },
	{ px_arg_size, "0", 0, 0 },
	{ px_arg_size, "4096", 0, 4096 },
	{ px_arg_size, "100B", 0, 100 },
	{ px_arg_size, "16k", 0, 16384 },
	{ px_arg_size, "16K", 0, 16384 },
	{ px_arg_size, "16KiB", 0, 16384 },
	{ px_arg_size, "16kB", 0, 16000 },
	{ px_arg_size, "2M", 0, 2 << 20 },
	{ px_arg_size, "2MB", 0, 2000000 },
	{ px_arg_size, "1G", 0, 1 << 30 },
	{ px_arg_size, "1TiB", 0, UINT64_C(1) << 40 },
	{ px_arg_size, "16777215T", 0, UINT64_C(16777215) << 40 },
	{ px_arg_size, "16777216T", -ERANGE, 0 },
	{ px_arg_size, "99999999999999999999k", -ERANGE, 0 },
	{ px_arg_size, "99999999999999999999q", -EINVAL, 0 },
	{ px_arg_size, "k", -EINVAL, 0 },
	{ px_arg_size, "1kk", -EINVAL, 0 },
	{ px_arg_size, "1 k", -EINVAL, 0 },
	{ px_arg_size, "1.5k", -EINVAL, 0 },
	{ px_arg_duration, "100ms", 0, 100000000 },
	{ px_arg_duration, "30s", 0, UINT64_C(30000000000) },
	{ px_arg_duration, "5m", 0, UINT64_C(300000000000) },
	{ px_arg_duration, "1h", 0, UINT64_C(3600000000000) },
	{ px_arg_duration, "7ns", 0, 7 },
	{ px_arg_duration, "1.5s", 0, 1500000000 },
	{ px_arg_duration, "0.25ms", 0, 250000 },
	{ px_arg_duration, "0.000000001s", 0, 1 },
	{ px_arg_duration, "0.0000000019s", 0, 1 },
	{ px_arg_duration, "1.99999999999999999999999s", 0, 1999999999 },
	{ px_arg_duration, "0s", 0, 0 },
	{ px_arg_duration, "30", -EINVAL, 0 },
	{ px_arg_duration, "s", -EINVAL, 0 },
	{ px_arg_duration, ".5s", -EINVAL, 0 },
	{ px_arg_duration, "5.s", -EINVAL, 0 },
	{ px_arg_duration, "1.5", -EINVAL, 0 },
	{ px_arg_duration, "-1s", -EINVAL, 0 },
	{ px_arg_duration, "1s ", -EINVAL, 0 },
	{ px_arg_duration, "1min", -EINVAL, 0 },
	{ px_arg_duration, "9999999999h", -ERANGE, 0 },
	{ px_arg_duration, "18446744073709551615.9ns", 0, UINT64_MAX },
	{ px_arg_duration, "18446744073.999999999s", -ERANGE, 0 },
};
/* clang-format on */

static const struct net_case {
	const char *text;
	int err;
	bool is_v6;
	unsigned int bits;
	uint8_t first, last;	/* of the four or sixteen bytes */
} net_cases[] = {
	{ "10.0.0.7", 0, false, 32, 10, 7 },
	{ "10.1.2.3/8", 0, false, 8, 10, 0 },
	{ "10.1.2.255/29", 0, false, 29, 10, 248 },
	{ "0.0.0.0/0", 0, false, 0, 0, 0 },
	{ "fe80::1", 0, true, 128, 0xfe, 1 },
	{ "[fe80::1]/10", 0, true, 10, 0xfe, 0 },
	{ "::ffff:10.0.0.7", 0, false, 32, 10, 7 },
	{ "::ffff:10.0.0.7/104", 0, false, 8, 10, 0 },
	{ "10.0.0.7/33", -ERANGE },
	{ "fe80::/129", -ERANGE },
	{ "10.0.0", -EINVAL },
	{ "localhost", -EINVAL },
	{ "10.0.0.7/", -EINVAL },
	{ "", -EINVAL },
};

START_TEST(net)
{
	const struct net_case *c = &net_cases[_i];
	struct px_ends ends = { 0 };

	ck_assert_msg(px_arg_net(c->text, &ends) == c->err, "%s", c->text);
	ck_assert_uint_eq(ends.net_count, c->err ? 0 : 1);
	if (c->err)
		return;
	ck_assert(ends.nets[0].is_v6 == c->is_v6);
	ck_assert_uint_eq(ends.nets[0].bits, c->bits);
	ck_assert_uint_eq(ends.nets[0].addr[0], c->first);
	ck_assert_uint_eq(ends.nets[0].addr[c->is_v6 ? 15 : 3], c->last);
}
END_TEST

START_TEST(ports)
{
	struct px_ends ends = { 0 };

	ck_assert_int_eq(px_arg_ports("80,8080", &ends), 0);
	ck_assert_int_eq(px_arg_ports("65535", &ends), 0);
	ck_assert_uint_eq(ends.port_count, 3);
	ck_assert_uint_eq(ends.ports[2], 65535);
	ck_assert_int_eq(px_arg_ports("1,65536", &ends), -ERANGE);
	ck_assert_int_eq(px_arg_ports("http", &ends), -EINVAL);
	ck_assert_int_eq(px_arg_ports("", &ends), -EINVAL);
	ck_assert_int_eq(px_arg_ports("1,2,3,4,5,6,7,8,9,10,11,12,13,14", &ends), -ENOBUFS);
	ck_assert_uint_eq(ends.port_count, 3);
}
END_TEST

START_TEST(value)
{
	const struct value_case *c = &value_cases[_i];
	uint64_t out = 4711;

	ck_assert_msg(c->read(c->text, &out) == c->err, "%s", c->text);
	ck_assert_uint_eq(out, c->err ? 4711 : c->value);
}
END_TEST

/* clang-format off */
static const struct pids_case {
	const char *text;
	int err;
	size_t count;
	uint32_t last;
} pids_cases[] = {
	{ "1", 0, 1, 1 },
	{ "4242,77", 0, 2, 77 },
	{ "4242 77\n5\n", 0, 3, 5 },
	{ ",1,,2,", 0, 2, 2 },
	{ "7,7,7", 0, 1, 7 },
	{ "2147483647", 0, 1, INT32_MAX },
	{ "2147483648", -ERANGE, 0, 0 },
	{ "99999999999999999999", -ERANGE, 0, 0 },
	{ "0", -ERANGE, 0, 0 },
	{ "", -EINVAL, 0, 0 },
	{ ", ", -EINVAL, 0, 0 },
	{ "1,x", -EINVAL, 0, 0 },
	{ "1x", -EINVAL, 0, 0 },
	{ "1;2", -EINVAL, 0, 0 },
	{ "-1", -EINVAL, 0, 0 },
	{ "nginx", -EINVAL, 0, 0 },
};
/* clang-format on */

START_TEST(pid_list)
{
	const struct pids_case *c = &pids_cases[_i];
	struct px_pids pids = { 0 };

	ck_assert_msg(px_arg_pids(c->text, &pids) == c->err, "%s", c->text);
	ck_assert_uint_eq(pids.count, c->count);
	if (c->count)
		ck_assert_uint_eq(pids.pid[pids.count - 1], c->last);
}
END_TEST

START_TEST(pid_list_grows_and_ends)
{
	struct px_pids pids = { 0 };
	char text[16];

	ck_assert_int_eq(px_arg_pids("1,2", &pids), 0);
	ck_assert_int_eq(px_arg_pids("2,3", &pids), 0);
	ck_assert_uint_eq(pids.count, 3);
	ck_assert_int_eq(px_arg_pids("4,5,six", &pids), -EINVAL);
	ck_assert_uint_eq(pids.count, 3);
	for (unsigned int pid = 4; pid <= PX_PIDS_MAX; pid++) {
		snprintf(text, sizeof(text), "%u", pid);
		ck_assert_int_eq(px_arg_pids(text, &pids), 0);
	}
	ck_assert_int_eq(px_arg_pids("1", &pids), 0);
	ck_assert_int_eq(px_arg_pids("999999", &pids), -ENOBUFS);
	ck_assert_uint_eq(pids.count, PX_PIDS_MAX);
}
END_TEST

START_TEST(words)
{
	static const char *const known[] = { "auto", "sock", NULL };
	unsigned int out = 9;
	char text[32];

	ck_assert_int_eq(px_arg_word("sock", known, &out), 0);
	ck_assert_uint_eq(out, 1);
	ck_assert_int_eq(px_arg_word("so", known, &out), -EINVAL);
	ck_assert_int_eq(px_arg_word("", known, &out), -EINVAL);
	ck_assert_uint_eq(out, 1);
	ck_assert_str_eq(px_arg_words_text(known, text, sizeof(text)), "auto or sock");
	ck_assert_str_eq(px_arg_words_text(known, text, 6), "auto ");
	ck_assert_str_eq(px_arg_words_text(known + 2, text, sizeof(text)), "");
}
END_TEST

/* What is written is read back as the same. */
START_TEST(written_values)
{
	static const uint64_t values[] = { 0,	  1,	   999,	    1000,    1024,	16384,
					   65536, 1000000, 8 << 20, 1 << 30, UINT64_MAX };
	char text[PX_ARG_TEXT];
	uint64_t back = 1;

	for (size_t i = 0; i < PX_COUNT(values); i++) {
		ck_assert_int_eq(px_arg_size(px_arg_size_text(values[i], text), &back), 0);
		ck_assert_uint_eq(back, values[i]);
		ck_assert_int_eq(px_arg_duration(px_arg_duration_text(values[i], text), &back), 0);
		ck_assert_uint_eq(back, values[i]);
		ck_assert_int_eq(px_arg_number(px_arg_number_text(values[i], text), &back), 0);
		ck_assert_uint_eq(back, values[i]);
	}
	ck_assert_str_eq(px_arg_size_text(16384, text), "16k");
	ck_assert_str_eq(px_arg_size_text(8 << 20, text), "8M");
	ck_assert_str_eq(px_arg_size_text(1000000, text), "1MB");
	ck_assert_str_eq(px_arg_duration_text(1500000000, text), "1500ms");
}
END_TEST

START_TEST(distances)
{
	ck_assert_uint_eq(px_arg_distance("json", "json"), 0);
	ck_assert_uint_eq(px_arg_distance("jsn", "json"), 1);
	ck_assert_uint_eq(px_arg_distance("josn", "json"), 1);
	ck_assert_uint_eq(px_arg_distance("", "json"), 4);
	ck_assert_uint_eq(px_arg_distance("colour", "color"), 1);
	ck_assert_uint_eq(px_arg_distance("abc", "xyz"), 3);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("args");
	TCase *tc = tcase_create("args");

	tcase_add_loop_test(tc, value, 0, (int)PX_COUNT(value_cases));
	tcase_add_loop_test(tc, net, 0, (int)PX_COUNT(net_cases));
	tcase_add_test(tc, ports);
	tcase_add_loop_test(tc, pid_list, 0, (int)PX_COUNT(pids_cases));
	tcase_add_test(tc, pid_list_grows_and_ends);
	tcase_add_test(tc, words);
	tcase_add_test(tc, written_values);
	tcase_add_test(tc, distances);
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
