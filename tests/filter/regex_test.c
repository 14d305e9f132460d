/* SPDX-License-Identifier: Apache-2.0 */
/* Our regular expressions against those of the C library, on patterns and texts made at random. */
#include "filter/regex.h"
#include "support/suite.h"

#include <regex.h>
#include <stdio.h>
#include <time.h>

static uint64_t seed;

static unsigned int number(unsigned int below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned int)(seed % below);
}

static struct filter_regex *regex_of(const char *pattern)
{
	struct filter_regex *re;
	const char *why = NULL;
	size_t at;
	int err = filter_regex_new(px_bytes_str(pattern), &re, &why, &at);

	ck_assert_msg(err == 0, "%s: %d %s", pattern, err, why ? why : "");
	return re;
}

static void check_same(const char *pattern, const char *const *texts, size_t count)
{
	struct filter_regex *re = regex_of(pattern);
	regex_t theirs;

	ck_assert_msg(regcomp(&theirs, pattern, REG_EXTENDED | REG_NOSUB) == 0, "%s", pattern);
	for (size_t i = 0; i < count; i++) {
		bool expected = regexec(&theirs, texts[i], 0, NULL, 0) == 0;

		ck_assert_msg(filter_regex_match(re, px_bytes_str(texts[i])) == expected,
			      "'%s' on '%s': not %d", pattern, texts[i], expected);
	}
	regfree(&theirs);
	filter_regex_free(re);
}

static const char *const patterns[] = {
	"",
	"a",
	"^",
	"$",
	"^$",
	"^a",
	"a$",
	"^a$",
	"a|b",
	"(a|b)*c",
	"a+b?",
	"[a-c]+d",
	"[^a]",
	"[]a]",
	"[^]a]",
	"[a-]",
	"a{2}",
	"a{2,}",
	"a{1,2}b",
	"(ab){2,3}",
	"()",
	"a||b",
	"(a|)b",
	"x(a*)*y",
	"^(a|ab)(c|bcd)$",
	"a.c",
	"\\.",
	"\\$a",
	"a\\{",
	"[[:digit:]]+",
	"[[:alpha:]_][[:alnum:]_]*",
	"^[^/]*/[0-9]+$",
	"(^a|b$)",
	"a*",
	"(a*)+b",
	"[.]",
	"[a-z]{3}",
	"^/(api|v[0-9]+)/",
	"a^b",
	"a$b",
	"((a))",
	"(a|b|c|d)(e|f)",
	"[*+]",
	"a{0}b",
	"a{0,1}b",
	"^(a{0,3}){2}$",
	"[[:space:]]",
	"a?b*c+",
	"(a+|b)*$",
	"ab{0,1}*c",
};

static const char *const texts[] = {
	"",	  "a",	  "b",	    "c",     "aa",     "ab",  "abc", "aab", "aaab", "abab",
	"ababab", "abcd", "xaay",   "xy",    "a.c",    "axc", "$a",  "a{",  "12",   "_x9",
	"/a/7",	  "a/7",  "/api/x", "/v12/", "/vx/",   "]",   "-",   "a-",  "^",    "+",
	"x y",	  "ba",	  "cab",    "bcd",   "aaaaaa", "b$",  "a^b", "e",   "de",   "*",
};

START_TEST(known)
{
	check_same(patterns[_i], texts, PX_COUNT(texts));
}
END_TEST

static size_t pattern_make(char *out, size_t used, unsigned int depth)
{
	unsigned int pieces = 1 + number(3);

	for (unsigned int i = 0; i < pieces && used < 60; i++) {
		switch (number(depth > 2 ? 5 : 7)) {
		case 0:
			used += (size_t)sprintf(out + used, "[%sab]", number(2) ? "^" : "");
			break;
		case 1:
			out[used++] = '.';
			break;
		case 5:
			out[used++] = '(';
			used = pattern_make(out, used, depth + 1);
			out[used++] = '|';
			used = pattern_make(out, used, depth + 1);
			out[used++] = ')';
			break;
		case 6:
			out[used++] = '(';
			used = pattern_make(out, used, depth + 1);
			out[used++] = ')';
			break;
		default:
			out[used++] = (char)('a' + number(3));
		}
		switch (number(8)) {
		case 0:
			out[used++] = '*';
			break;
		case 1:
			out[used++] = '+';
			break;
		case 2:
			out[used++] = '?';
			break;
		case 3:
			used += (size_t)sprintf(out + used, "{%u,%u}", number(2), 2 + number(2));
			break;
		default:
			break;
		}
	}
	return used;
}

START_TEST(made_up)
{
	char pattern[1024], text[8][16];
	const char *all[8];

	seed = 88172645463325252u + (uint64_t)_i;
	for (int round = 0; round < 400; round++) {
		size_t used = 0;

		if (number(4) == 0)
			pattern[used++] = '^';
		used = pattern_make(pattern, used, 0);
		if (number(4) == 0)
			pattern[used++] = '$';
		pattern[used] = '\0';
		for (size_t i = 0; i < PX_COUNT(all); i++) {
			size_t len = number(sizeof(text[i]));

			for (size_t at = 0; at < len; at++)
				text[i][at] = (char)('a' + number(4));
			text[i][len] = '\0';
			all[i] = text[i];
		}
		check_same(pattern, all, PX_COUNT(all));
	}
}
END_TEST

/* clang-format off */
static const struct {
	const char *pattern;
	size_t at;
	const char *why;
} wrong_cases[] = {
	{ "(a", 0, "not closed" }, { "a)", 1, "no ( for" }, { "[a", 0, "not closed" }, { "x[", 1, "not closed" },
	{ "*a", 0, "nothing to repeat" }, { "a|+", 2, "nothing to repeat" }, { "(?a)", 1, "nothing to repeat" },
	{ "a\\", 1, "nothing behind" }, { "\\d+", 0, "[0-9]" }, { "(a)\\1", 3, "no such escape" },
	{ "[b-a]", 1, "ends before" }, { "[[:nosuch:]]", 1, "no such class" }, { "[[.a.]]", 1, "no such class" },
	{ "a{300}", 1, "so often" }, { "a{3,2}", 1, "so often" },
};
/* clang-format on */

START_TEST(wrong)
{
	struct filter_regex *re;
	const char *why = NULL;
	size_t at = 99;

	ck_assert_int_ne(filter_regex_new(px_bytes_str(wrong_cases[_i].pattern), &re, &why, &at),
			 0);
	ck_assert_ptr_null(re);
	ck_assert_msg(why && strstr(why, wrong_cases[_i].why), "%s: %s", wrong_cases[_i].pattern,
		      why ? why : "-");
	ck_assert_msg(at == wrong_cases[_i].at, "%s: %zu", wrong_cases[_i].pattern, at);
}
END_TEST

/* Zero bytes, bytes above 0x7f, and a text that ends where memory does. */
START_TEST(bytes)
{
	struct filter_regex *re = regex_of("a.b$");
	char text[3] = { 'a', '\0', 'b' };

	ck_assert(filter_regex_match(re, px_bytes_of(text, 3)));
	ck_assert(!filter_regex_match(re, px_bytes_of(text, 2)));
	text[1] = (char)0xff;
	ck_assert(filter_regex_match(re, px_bytes_of(text, 3)));
	ck_assert(!filter_regex_match(re, px_bytes_of(NULL, 0)));
	filter_regex_free(re);
	re = regex_of("[\x80-\xff]");
	ck_assert(filter_regex_match(re, px_bytes_of(text, 3)));
	filter_regex_free(re);
}
END_TEST

/* What takes others exponential time, and more states than are kept. */
START_TEST(takes_linear_time)
{
	static char text[1 << 20];
	struct filter_regex *re = regex_of("(a*)*(a|b)*[ab]{0,90}a[ab]{100}c");
	clock_t begin = clock();

	seed = 5;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + number(2));
	ck_assert(!filter_regex_match(re, px_bytes_of(text, 20000)));
	text[20000] = 'c';
	text[20000 - 101] = 'a';
	ck_assert(filter_regex_match(re, px_bytes_of(text, 20001)));
	filter_regex_free(re);
	re = regex_of("^(a|b)*(aa|bb)+(a|b)+c$");
	ck_assert(!filter_regex_match(re, px_bytes_of(text, sizeof(text))));
	filter_regex_free(re);
	ck_assert_msg((clock() - begin) / CLOCKS_PER_SEC < 20, "%ld s",
		      (clock() - begin) / CLOCKS_PER_SEC);
}
END_TEST

START_TEST(too_large)
{
	struct filter_regex *re;
	const char *why = NULL;
	size_t at;

	ck_assert_int_ne(filter_regex_new(PX_BYTES("((a{200}){200}){200}"), &re, &why, &at), 0);
	ck_assert_ptr_null(re);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("regex");
	TCase *tc = tcase_create("regex");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, known, 0, (int)PX_COUNT(patterns));
	tcase_add_loop_test(tc, made_up, 0, 10);
	tcase_add_loop_test(tc, wrong, 0, (int)PX_COUNT(wrong_cases));
	tcase_add_test(tc, bytes);
	tcase_add_test(tc, takes_linear_time);
	tcase_add_test(tc, too_large);
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
