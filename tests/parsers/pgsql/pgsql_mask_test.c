/* SPDX-License-Identifier: Apache-2.0 */
/* What of either side's bytes is overwritten on the way into a packet file, however they are cut. */
#include "pgsql/pgsql.h"
#include "support/rows.h"
#include "support/suite.h"

#include <check.h>
#include <stdlib.h>

#define WIRE PX_WIRE

#define START "\x00\x00\x00\x12\x00\x03\x00\x00user\0bob\0\0"
#define SSL_REQUEST "\x00\x00\x00\x08\x04\xd2\x16\x2f"
#define GSS_REQUEST "\x00\x00\x00\x08\x04\xd2\x16\x30"
#define SASL_TO_SECRET "p\x00\x00\x00\x1cSCRAM-SHA-256\0\x00\x00\x00\x06"
#define QUERY(len, text) "Q\x00\x00\x00" len text "\0"

static const struct px_mask_row masks[] = {
	/* password, MD5: what the client answers; the server's salt, key and messages of SASL */
	{ WIRE(START "p\x00\x00\x00\x0bsecret\0" "X\x00\x00\x00\x04"),
	  WIRE(START "p\x00\x00\x00\x0bXXXXXX\0" "X\x00\x00\x00\x04"), false },
	{ WIRE(SSL_REQUEST GSS_REQUEST START "p\x00\x00\x00\x08md5\0"),
	  WIRE(SSL_REQUEST GSS_REQUEST START "p\x00\x00\x00\x08XXX\0"), false },
	{ WIRE("R\x00\x00\x00\x0c\x00\x00\x00\x05salt" "R\x00\x00\x00\x08\x00\x00\x00\x00"
	       "K\x00\x00\x00\x0c\x00\x00\x00\x07" "abcd" "Z\x00\x00\x00\x05I"),
	  WIRE("R\x00\x00\x00\x0c\x00\x00\x00\x05XXXX" "R\x00\x00\x00\x08\x00\x00\x00\x00"
	       "K\x00\x00\x00\x0c\x00\x00\x00\x07" "XXXX" "Z\x00\x00\x00\x05I"), false },
	{ WIRE("R\x00\x00\x00\x0c\x00\x00\x00\x0br=ab" "R\x00\x00\x00\x0c\x00\x00\x00\x0cv=cd"),
	  WIRE("R\x00\x00\x00\x0c\x00\x00\x00\x0bXXXX" "R\x00\x00\x00\x0c\x00\x00\x00\x0cXXXX"), false },
	{ WIRE(START SASL_TO_SECRET "n,,n=," "p\x00\x00\x00\x08" "c=bi"),
	  WIRE(START SASL_TO_SECRET "XXXXXX" "p\x00\x00\x00\x08" "XXXX"), true },
	/* the key of a cancel request */
	{ WIRE("\x00\x00\x00\x10\x04\xd2\x16\x2e\x00\x00\x00\x07" "abcd"),
	  WIRE("\x00\x00\x00\x10\x04\xd2\x16\x2e\x00\x00\x00\x07" "XXXX"), false },
	/* statements, simple and prepared */
	{ WIRE(START QUERY("\x23", "ALTER ROLE bob PASSWORD 'a''b'")),
	  WIRE(START QUERY("\x23", "ALTER ROLE bob PASSWORD 'X''X'")), false },
	{ WIRE(START QUERY("\x2c", "CREATE USER u ENCRYPTED PASSWORD E'a\\b'")),
	  WIRE(START QUERY("\x2c", "CREATE USER u ENCRYPTED PASSWORD E'XXX'")), false },
	{ WIRE(START QUERY("\x25", "ALTER ROLE bob PASSWORD $x$ab$x$")),
	  WIRE(START QUERY("\x25", "ALTER ROLE bob PASSWORD $x$XX$x$")), false },
	{ WIRE(START "P\x00\x00\x00\x28s\0ALTER ROLE bob PASSWORD  'abcd'\0\0\0"),
	  WIRE(START "P\x00\x00\x00\x28s\0ALTER ROLE bob PASSWORD  'XXXX'\0\0\0"), false },
	{ WIRE(START QUERY("\x31", "SELECT dblink('host=h password=ab dbname=d')")),
	  WIRE(START QUERY("\x31", "SELECT dblink('host=h password=XXXXXXXXXXX')")), false },
	{ WIRE(START QUERY("\x2c", "CREATE SERVER s OPTIONS (passwd 'abcd')")),
	  WIRE(START QUERY("\x2c", "CREATE SERVER s OPTIONS (passwd 'XXXX')")), false },
	/* other texts stay, and so does what only looks like a message of a secret */
	{ WIRE(START QUERY("\x26", "SELECT 'abc', password FROM users")),
	  WIRE(START QUERY("\x26", "SELECT 'abc', password FROM users")), false },
	{ WIRE(START "d\x00\x00\x00\x0ep\0\0\0\x08" "abcd\n" "c\x00\x00\x00\x04"),
	  WIRE(START "d\x00\x00\x00\x0ep\0\0\0\x08" "abcd\n" "c\x00\x00\x00\x04"), false },
	/* joined in the middle of a message: statements are still found */
	{ WIRE("\xff\xff\xff\xff\xff" QUERY("\x23", "ALTER ROLE bob PASSWORD 'abcd'")),
	  WIRE("\xff\xff\xff\xff\xff" QUERY("\x23", "ALTER ROLE bob PASSWORD 'XXXX'")), false },
	/* others' */
	{ WIRE("GET /?password=abc HTTP/1.1\r\n\r\n"), WIRE("GET /?password=abc HTTP/1.1\r\n\r\n"), false },
	{ WIRE("*3\r\n$4\r\nAUTH\r\n$1\r\na\r\n$1\r\nb\r\n"), WIRE("*3\r\n$4\r\nAUTH\r\n$1\r\na\r\n$1\r\nb\r\n"), false },
};

START_TEST(mask_case)
{
	px_mask_row_check(&px_parser_pgsql, &masks[_i]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pgsql mask");
	TCase *tc = tcase_create("secrets");

	tcase_add_loop_test(tc, mask_case, 0, (int)PX_COUNT(masks));
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
