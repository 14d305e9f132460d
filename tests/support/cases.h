/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Case files: what goes over a connection, and the records that it has to give, in one place.
 *
 *	### name of the case
 *	limits: head_max=65536 body_max=16     any of the three
 *	joined                                 the beginning of the connection was not seen
 *	server                                 the traced process is the server; else it is the client
 *	tls                                    plaintext from a TLS library
 *	no-redact
 *	redact-literals
 *	raw                                    show the raw bytes too
 *	datagrams                              each line of bytes is one
 *	> GET / HTTP/1.1\r\n                   from client to server; \r \n \\ \xNN
 *	>* 1000 x                              the same text a thousand times
 *	< HTTP/1.1 200 OK\r\n                  from server to client
 *	>hole 10                               10 bytes that were lost
 *	>cut 10                                10 bytes that we chose not to look at
 *	>eof
 *	--                                     what came before is read before what follows
 *	=
 *	expected text, up to the next ###; a blank line at its end does not count
 *
 * Each case is fed whole, byte by byte, and cut at every position, and has to give the same text
 * each time.
 */
#ifndef PX_TESTS_SUPPORT_CASES_H
#define PX_TESTS_SUPPORT_CASES_H

#include "parser.h"

/*
 * Run all cases of a file; returns how many differ, having said how on stderr. With PX_CASES_UPDATE
 * in the environment the file is rewritten with what came out instead.
 */
int px_cases_run(const struct px_parser *parser, const char *path);

/* Bytes that one side of a case sends in one go. */
struct px_case_bytes {
	enum px_dir dir;
	struct px_bytes bytes;
};

/*
 * Hand the bytes of each case of a file to fn, a call per case; holes and ends are left out, and
 * cases that are joined in the middle. Returns the number of cases, 0 without the file.
 */
size_t px_cases_each(const char *path,
		     void (*fn)(void *ctx, const struct px_case_bytes *steps, size_t count,
				bool is_datagrams),
		     void *ctx);

#endif
