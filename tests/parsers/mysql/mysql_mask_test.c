/* SPDX-License-Identifier: Apache-2.0 */
/* What of a client's bytes is overwritten on the way into a packet file, however they are cut. */
#include "mysql/mysql.h"
#include "support/rows.h"
#include "support/suite.h"

#include <check.h>
#include <stdlib.h>

#define WIRE PX_WIRE

#define ZEROS "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define LOGIN_TO_SECRET "\x3a\x00\x00\x01\x8d\xa2\x0b\x00\x00\x00\x00\x40\x21" ZEROS "app\0\x14"
#define LOGIN LOGIN_TO_SECRET "ab\0defghijklmnopqrst\0"
#define LOGIN_SEEN LOGIN_TO_SECRET "XXXXXXXXXXXXXXXXXXXX\0"
#define ZIP_TO_SECRET "\x3a\x00\x00\x01\xad\xa2\x0b\x00\x00\x00\x00\x40\x21" ZEROS "app\0\x14"
#define LENENC_TO_SECRET "\x2e\x00\x00\x01\x8d\xa2\x2b\x00\x00\x00\x00\x40\x21" ZEROS "app\0\xfc\x03\x00"
#define SSL_REQUEST "\x20\x00\x00\x01\x8d\xaa\x0b\x00\x00\x00\x00\x40\x21" ZEROS
#define CHANGE_TO_SECRET "\x35\x00\x00\x00\x11" "app\0\x14"
#define CHANGE_BEHIND "db\0\x21\x00mysql_native_password\0"

static const struct px_mask_row masks[] = {
	{ WIRE(LOGIN), WIRE(LOGIN_SEEN), false },
	{ WIRE(LENENC_TO_SECRET "abcapp\0db"), WIRE(LENENC_TO_SECRET "XXXapp\0db"), false },
	/* an answer to a change of methods; asking for a key is none */
	{ WIRE(LOGIN "\x04\x00\x00\x03" "ge\0m" "\x01\x00\x00\x05\x02" "\x02\x00\x00\x07" "ab"),
	  WIRE(LOGIN_SEEN "\x04\x00\x00\x03" "XXXX" "\x01\x00\x00\x05\x02" "\x02\x00\x00\x07" "XX"), false },
	/* behind the login that is a file's contents */
	{ WIRE(LOGIN "\x09\x00\x00\x00\x03SELECT 1" "\x04\x00\x00\x02" "a,b\n"),
	  WIRE(LOGIN_SEEN "\x09\x00\x00\x00\x03SELECT 1" "\x04\x00\x00\x02" "a,b\n"), false },
	{ WIRE(LOGIN CHANGE_TO_SECRET "abcdefghijklmnopqrst" CHANGE_BEHIND "\x03\x00\x00\x02" "abc"),
	  WIRE(LOGIN_SEEN CHANGE_TO_SECRET "XXXXXXXXXXXXXXXXXXXX" CHANGE_BEHIND "\x03\x00\x00\x02" "XXX"), false },
	{ WIRE(CHANGE_TO_SECRET "abcdefghijklmnopqrst" CHANGE_BEHIND),
	  WIRE(CHANGE_TO_SECRET "XXXXXXXXXXXXXXXXXXXX" CHANGE_BEHIND), true },
	/* before 4.1 */
	{ WIRE("\x14\x00\x00\x01\x85\x20\x00\x00\x40" "app\0" "N@CDEFG_" "\0db"),
	  WIRE("\x14\x00\x00\x01\x85\x20\x00\x00\x40" "app\0" "XXXXXXXX" "\0db"), true },
	/* what is in TLS is seen, too, where a library is traced */
	{ WIRE(SSL_REQUEST "\x3a\x00\x00\x02" "\x8d\xa2\x0b\x00\x00\x00\x00\x40\x21" ZEROS "app\0\x14" "abcdefghijklmnopqrst\0"),
	  WIRE(SSL_REQUEST "\x3a\x00\x00\x02" "\x8d\xa2\x0b\x00\x00\x00\x00\x40\x21" ZEROS "app\0\x14" "XXXXXXXXXXXXXXXXXXXX\0"), false },
	/* statements */
	{ WIRE(LOGIN "\x23\x00\x00\x00\x03" "CREATE USER u IDENTIFIED BY 'a\\'b'"),
	  WIRE(LOGIN_SEEN "\x23\x00\x00\x00\x03" "CREATE USER u IDENTIFIED BY 'XXXX'"), false },
	{ WIRE(LOGIN "\x1b\x00\x00\x00\x03\x00\x01" "SET PASSWORD = \"a''b\" /**/"),
	  WIRE(LOGIN_SEEN "\x1b\x00\x00\x00\x03\x00\x01" "SET PASSWORD = \"XXXX\" /**/"), false },
	/* an attribute has a quote in it */
	{ WIRE(LOGIN "\x25\x00\x00\x00\x03\x01\x01\x00\x01\xfe\x00\x01" "k\x02" "''" "SET PASSWORD FOR u='abcd'"),
	  WIRE(LOGIN_SEEN "\x25\x00\x00\x00\x03\x01\x01\x00\x01\xfe\x00\x01" "k\x02" "''" "SET PASSWORD FOR u='XXXX'"), true },
	{ WIRE(LOGIN "\x2e\x00\x00\x00\x16" "SELECT `by` '--',PASSWORD(/*'*/N'abc' 'de'),'x'"),
	  WIRE(LOGIN_SEEN "\x2e\x00\x00\x00\x16" "SELECT `by` '--',PASSWORD(/*'*/N'XXX' 'XX'),'x'"), false },
	{ WIRE(LOGIN "\x22\x00\x00\x00\x03" "SELECT 'password', 'PASSWORD=abcd'"),
	  WIRE(LOGIN_SEEN "\x22\x00\x00\x00\x03" "SELECT 'password', 'PASSWORD=XXXX'"), false },
	/* joined in the middle */
	{ WIRE("\x1a\x00\x00\x00\x03" "ALTER USER u PASSWORD='a'\n"),
	  WIRE("\x1a\x00\x00\x00\x03" "ALTER USER u PASSWORD='X'\n"), true },
	{ WIRE("some bytes of what is no command, SET PASSWORD='a'"),
	  WIRE("some bytes of what is no command, SET PASSWORD='a'"), false },
	/* compressed */
	{ WIRE(ZIP_TO_SECRET "abcdefghijklmnopqrst\0" "\x15\x00\x00\x00\x00\x00\x00" "\x11\x00\x00\x00\x03SET PASSWORD='a'"),
	  WIRE(ZIP_TO_SECRET "XXXXXXXXXXXXXXXXXXXX\0" "\x15\x00\x00\x00\x00\x00\x00" "\x11\x00\x00\x00\x03SET PASSWORD='a'"), true },
	/* others' */
	{ WIRE("GET /?password=abc HTTP/1.1\r\n\r\n"), WIRE("GET /?password=abc HTTP/1.1\r\n\r\n"), false },
	{ WIRE("*3\r\n$4\r\nAUTH\r\n$1\r\na\r\n$1\r\nb\r\n"), WIRE("*3\r\n$4\r\nAUTH\r\n$1\r\na\r\n$1\r\nb\r\n"), false },
	{ WIRE("Q\x00\x00\x00\x16SET PASSWORD='a'\0"), WIRE("Q\x00\x00\x00\x16SET PASSWORD='a'\0"), false },
	{ WIRE("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03IDENTIFIED BY 'a'"),
	  WIRE("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03IDENTIFIED BY 'a'"), false },
	{ WIRE("\x11\x00\x00\x00\x03SOT PASSWORD='a'"), WIRE("\x11\x00\x00\x00\x03SOT PASSWORD='a'"), false },
	{ WIRE("\x00\x00\x12\x01\x04\x00\x00\x00\x01" "app\0" "N@CDEFG_"),
	  WIRE("\x00\x00\x12\x01\x04\x00\x00\x00\x01" "app\0" "N@CDEFG_"), false },
};

START_TEST(mask_case)
{
	px_mask_row_check(&px_parser_mysql, &masks[_i]);
}
END_TEST

/* A server reads the header by itself; bytes that are missing leave a packet without its end. */
START_TEST(mask_after_loss)
{
	static const char *const pieces[] = { "\x00\x01\x00\x00", "\x03INSERT INTO t VALUES ('",
					      "\x11\x00\x00\x00", "\x03SET PASSWORD='a'" };
	static const size_t lens[] = { 4, 24, 4, 17 };
	struct px_mask m = { 0 };
	char out[32];

	for (size_t i = 0; i < PX_COUNT(pieces); i++) {
		memcpy(out, pieces[i], lens[i]);
		px_parser_mysql.mask(&m, out, lens[i]);
	}
	ck_assert_mem_eq(out, "\x03SET PASSWORD='X'", 17);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("mysql mask");
	TCase *tc = tcase_create("secrets");

	tcase_add_loop_test(tc, mask_case, 0, (int)PX_COUNT(masks));
	tcase_add_test(tc, mask_after_loss);
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
