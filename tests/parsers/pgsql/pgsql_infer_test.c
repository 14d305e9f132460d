/* SPDX-License-Identifier: Apache-2.0 */
/* Whose bytes are these, and which side sent them? */
#include "pgsql/pgsql.h"
#include "support/rows.h"
#include "support/suite.h"

#define WIRE PX_WIRE
#define KEY "K\0\0\0\x0c\0\0\0M\xde\xad\xbe\xef"

static const struct px_infer_row infers[] = {
	{ WIRE("\0\0\0\x08\x04\xd2\x16\x2f"), PX_SURE_YES, PX_FRAME_REQUEST },
	{ WIRE("\0\0\0\x12\0\3\0\0user\0bob\0\0"), PX_SURE_YES, PX_FRAME_REQUEST },
	{ WIRE("Q\0\0\0\x0dSELECT 1\0"), PX_SURE_YES, PX_FRAME_REQUEST },
	{ WIRE("B\0\0\0\x0e\0s1\0\0\0\0\0\0\0"), PX_SURE_YES, PX_FRAME_REQUEST },
	{ WIRE("R\0\0\0\x08\0\0\0\0"), PX_SURE_YES, PX_FRAME_RESPONSE },
	{ WIRE("2\0\0\0\4C\0\0\0\x0dSELECT 1\0"), PX_SURE_YES, PX_FRAME_RESPONSE },
	{ WIRE(KEY "Z\0\0\0\5I"), PX_SURE_YES, PX_FRAME_RESPONSE },
	/* not enough to go by */
	{ WIRE("Q\0\0\0\x0dSELE"), PX_SURE_MAYBE, PX_FRAME_REQUEST },
	{ WIRE(KEY), PX_SURE_MAYBE, PX_FRAME_RESPONSE },
	/* others' */
	{ WIRE("Q\0\0\0\x0dSELECT 1x"), PX_SURE_NO, 0 },
	{ WIRE(KEY KEY), PX_SURE_NO, 0 },
	{ WIRE(KEY "d\0\0\0\5x"), PX_SURE_NO, 0 },
	{ WIRE("\0\0\0\x08\x04\xd2\x16\x2d"), PX_SURE_NO, 0 },
	{ WIRE("GET / HTTP/1.1\r\n"), PX_SURE_NO, 0 },
	{ WIRE("*1\r\n$4\r\nPING\r\n"), PX_SURE_NO, 0 },
	{ WIRE("\x09\0\0\0\3SELECT 1"), PX_SURE_NO, 0 },
	{ WIRE("\x16\3\1\2\0\1\0\1\xfc\3\3"), PX_SURE_NO, 0 },
};

START_TEST(infer_case)
{
	px_infer_row_check(&px_parser_pgsql, &infers[_i]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pgsql infer");
	TCase *tc = tcase_create("first bytes");

	tcase_add_loop_test(tc, infer_case, 0, (int)PX_COUNT(infers));
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
