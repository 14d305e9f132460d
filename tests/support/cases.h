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
 *	hides hush                             a secret: nothing that comes out may have it in it
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

#include "base/buf.h"
#include "parser.h"

#define PX_CASE_STEPS_MAX 64
#define PX_CASE_HIDES_MAX 8

enum px_case_what { PX_CASE_BYTES, PX_CASE_HOLE, PX_CASE_CUT, PX_CASE_EOF };

struct px_case_step {
	enum px_case_what what;
	enum px_dir dir;
	struct px_buf bytes;
	uint64_t n;		/* bytes of a hole */
};

struct px_case {
	char name[128];
	struct px_parse_limits limits;
	bool is_joined, is_server, is_datagrams, is_tls;
	unsigned int how;	/* enum px_dump_how */
	char hides[PX_CASE_HIDES_MAX][32]; /* secrets; the unused are empty */
	struct px_case_step steps[PX_CASE_STEPS_MAX];
	size_t count;
	bool is_closed;		/* the next data line begins a step of its own */
	struct px_buf expected;
	size_t total;		/* bytes of all steps */
};

/*
 * Run all cases of a file; returns how many differ, having said how on stderr. With PX_CASES_UPDATE
 * in the environment the file is rewritten with what came out instead.
 */
int px_cases_run(const struct px_parser *parser, const char *path);

/* fn is called with each case below parsers/NAME/cases/. Returns how many there are. */
size_t px_cases_each(const struct px_parser *parser, void (*fn)(void *ctx, const struct px_case *c),
		     void *ctx);

/* How a case is fed. */
struct px_case_feed {
	size_t piece;		/* bytes at most at a time, */
	size_t cut;		/* and one further cut so many bytes from the beginning; 0: none */
	size_t frame_pool, record_pool; /* bytes of memory */
	bool is_masked;		/* as a packet file would have it */
	bool is_guarded;	/* each view ends at an unreadable page */
	const struct px_case_step *also; /* one more step at the end, or NULL */
};

extern const struct px_case_feed px_case_whole;	/* in one go, with memory enough */

/*
 * Append to out what parser makes of a case: its records and what was wrong with it. Without a
 * record_pool nothing is described. Returns what broke the parsers' contract, or NULL.
 */
const char *px_case_feed(const struct px_parser *parser, const struct px_case *c,
			 const struct px_case_feed *how, struct px_buf *out);

/* The first secret of the case that is in the text, or NULL. */
const char *px_case_shown(const struct px_case *c, struct px_bytes text);

#endif
