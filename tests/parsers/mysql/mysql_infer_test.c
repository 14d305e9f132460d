/* SPDX-License-Identifier: Apache-2.0 */
/* Whose bytes are these, and which side sent them? */
#include "mysql/mysql.h"
#include "support/rows.h"
#include "support/suite.h"

#include <check.h>
#include <stdlib.h>

#define WIRE PX_WIRE

#define GREETING                                                                                   \
	"\x4a\x00\x00\x00\x0a"                                                                     \
	"8.0.15\0\x08\x00\x00\x00`!\x1f|9K;\x07\0\xff\xff\xff\x02\x00\xff\xc3\x15"                 \
	"\0\0\0\0\0\0\0\0\0\0\x16)\x03:\x09\x0e"                                                   \
	"c92JbZ\0caching_sha2_password\0"
#define LOGIN                                                                                      \
	"\x3a\x00\x00\x01\x8d\xa2\x0b\x00\x00\x00\x00\x40\x21"                                     \
	"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"                                           \
	"app\0\x14"                                                                                \
	"aaaaaaaaaaaaaaaaaaaa\0"

/* An answer of four rows, and a query. */
#define ZLIB_ROWS                                                                                  \
	"H\x00\x00\x01\x8a\x00\x00x\x9c""cd``d\x94""f``bNIMcLa,\x01\xc2""D\xc6""D\x1e""E\x86\xff"        \
	"\x0c\x0c\x0c\x7f\x19@\x80\x95\x81\x81\xf9\x1fP\x09\x83 \x03\x03\x8b@%\x1a\x00\x0a\xb2""b\x13""d"    \
	"\xc3&\xc8\x8e!\x08""4\x9c\x03l8\x00\xe9\x03&~"
#define ZSTD_SELECT                                                                                \
	":\x00\x00\x00P\x00\x00(\xb5/\xfd P\x8d\x01\x00""d\x02L\x00\x00\x00\x03SELECT a FROM t WHERE a IN "   \
	"(1, 1)\x03\x00/\x00\x00=T\x80'"

static const struct px_infer_row infers[] = {
	{ WIRE(GREETING), PX_SURE_YES, PX_FRAME_RESPONSE },
	{ WIRE("\x17\x00\x00\x00\xff\x10\x04Too many connections"), PX_SURE_YES, PX_FRAME_RESPONSE },
	{ WIRE(LOGIN), PX_SURE_YES, PX_FRAME_REQUEST },
	{ WIRE("\x20\x00\x00\x01\x8d\xaa\x0b\x00\x00\x00\x00\x40\x21\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
	  PX_SURE_YES, PX_FRAME_REQUEST },
	{ WIRE("\x09\x00\x00\x00\x03SELECT 1"), PX_SURE_YES, PX_FRAME_REQUEST },
	{ WIRE("\x0b\x00\x00\x00\x03\x00\x01SELECT 1"), PX_SURE_YES, PX_FRAME_REQUEST },
	{ WIRE("\x15\x00\x00\x00\x03\x01\x01\x00\x01\xfe\x00\x02n1\x02v1SELECT 1"), PX_SURE_YES,
	  PX_FRAME_REQUEST },
	{ WIRE("\x0e\x00\x00\x00\x16 /* x */ DO 1"), PX_SURE_YES, PX_FRAME_REQUEST },
	{ WIRE("\x0a\x00\x00\x00\x17\x01\x00\x00\x00\x00\x01\x00\x00\x00"), PX_SURE_YES,
	  PX_FRAME_REQUEST },
	{ WIRE("\x05\x00\x00\x00\x1a\x01\x00\x00\x00\x0a\x00\x00\x00\x17\x01\x00\x00\x00\x00\x01\x00\x00\x00"),
	  PX_SURE_YES, PX_FRAME_REQUEST },
	{ WIRE("\x07\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00"), PX_SURE_YES, PX_FRAME_RESPONSE },
	{ WIRE("\x0f\x00\x00\x01\xff\x7a\x04#42S02no such"), PX_SURE_YES, PX_FRAME_RESPONSE },
	{ WIRE("\x01\x00\x00\x01\x01\x17\x00\x00\x02\x03"
	       "def"),
	  PX_SURE_YES, PX_FRAME_RESPONSE },
	/* in compressed packets: as it is, by zlib, by zstd */
	{ WIRE("\x14\x00\x00\x00\x00\x00\x00\x10\x00\x00\x00\x03SELECT a FROM t"), PX_SURE_YES,
	  PX_FRAME_REQUEST },
	{ WIRE("\x0b\x00\x00\x01\x00\x00\x00\x07\x00\x00\x01\x00\x01\x00\x02\x00\x00\x00"),
	  PX_SURE_YES, PX_FRAME_RESPONSE },
	{ WIRE("\x15\x00\x00\x00\x0d\x00\x00x\x9c\xe3""d```\x0ev\xf5qu\x0eQ0\x04\x00\x0a\xb2\x02\x1e"),
	  PX_SURE_YES, PX_FRAME_REQUEST },
	{ WIRE("\x0b\x00\x00\x01\x00\x00\x00\x07\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00"
	       "\x0b\x00\x00\x01\x00\x00\x00\x07\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00"),
	  PX_SURE_YES, PX_FRAME_RESPONSE },
	{ WIRE(ZLIB_ROWS), PX_SURE_YES, PX_FRAME_RESPONSE },
	{ WIRE(ZSTD_SELECT), PX_SURE_YES, PX_FRAME_REQUEST },
	/* not enough to go by */
	{ WIRE("M\x00\x00\x01g\x00\x00x\x9cU\xcc\xc1\x0d\x80" "0\x0c\x04\xc1"), PX_SURE_MAYBE,
	  PX_FRAME_RESPONSE },
	{ WIRE("\x05\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x0e"), PX_SURE_MAYBE, PX_FRAME_REQUEST },
	{ WIRE("\x01\x00\x00\x00\x0e"), PX_SURE_MAYBE, PX_FRAME_REQUEST },
	{ WIRE("\x05\x00\x00\x00\x19\x01\x00\x00\x00"), PX_SURE_MAYBE, PX_FRAME_REQUEST },
	{ WIRE("\x09\x00\x00\x00\x03SEL"), PX_SURE_MAYBE, PX_FRAME_REQUEST },
	{ WIRE("\x15\x00\x00\x00\x03\x01\x01\x00\x01\xfe\x00\x02n"), PX_SURE_MAYBE, PX_FRAME_REQUEST },
	{ WIRE("\x15\x00\x00\x00\x03\x01\x01\x00\x01\xfe\x00\x02n1\x02v"), PX_SURE_MAYBE,
	  PX_FRAME_REQUEST },
	{ WIRE("\x09\x00\x00"), PX_SURE_MAYBE, 0 },
	{ WIRE("\xa7\x00\x00\x00\x16SET INFO PUB user:\x00\x00\x00\x0f"), PX_SURE_MAYBE, PX_FRAME_REQUEST },
	/* others' */
	{ WIRE("\x14\x00\x00\x01\x00\x00\x00\x10\x00\x00\x00\x03SELECT a FROM t"), PX_SURE_NO, 0 },
	{ WIRE("\x07\x00\x00\x00\x00\x00\x00\x01\x02\x03\x00\x00\x00\x00"), PX_SURE_NO, 0 },
	{ WIRE("\x1e\x00\x00\x00\x64\x00\x00x\x9c""abcdefghijklmnopqrstuvwxyz12"), PX_SURE_NO, 0 },
	{ WIRE("\x1e\x00\x00\x00\x64\x00\x00(\xb5/\xfd""abcdefghijklmnopqrstuvwxyz"), PX_SURE_NO, 0 },
	{ WIRE("\x12\x00\x00\x00\x0a\x00\x00x\x9cKLJNIMKOMOJL\x02\x00\x14\xe1"), PX_SURE_NO, 0 },
	{ WIRE("\x09\x00\x00\x00\x03SELEKT 1"), PX_SURE_NO, 0 },
	{ WIRE("\x09\x00\x00\x05\x03SELECT 1"), PX_SURE_NO, 0 },
	{ WIRE("\x0a\x00\x00\x00\x17\x01\x00\x00\x00\x00\x02\x00\x00\x00"), PX_SURE_NO, 0 },
	{ WIRE("GET / HTTP/1.1\r\n"), PX_SURE_NO, 0 },
	{ WIRE("*2\r\n$3\r\nGET\r\n$1\r\na\r\n"), PX_SURE_NO, 0 },
	{ WIRE("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), PX_SURE_NO, 0 },
	{ WIRE("\x00\x00\x00\x08\x04\xd2\x16\x2f"), PX_SURE_NO, 0 },
	{ WIRE("Q\x00\x00\x00\x0dSELECT 1\0"), PX_SURE_NO, 0 },
	{ WIRE("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01" "a\0\0\x01\0\x01"), PX_SURE_NO, 0 },
	{ WIRE("\x3f\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\xdd\x07\x00\x00"), PX_SURE_NO, 0 },
	{ WIRE("SELECT 1"), PX_SURE_NO, 0 },
};

START_TEST(infer_case)
{
	px_infer_row_check(&px_parser_mysql, &infers[_i]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("mysql infer");
	TCase *tc = tcase_create("first bytes");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, infer_case, 0, (int)PX_COUNT(infers));
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
