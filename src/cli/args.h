/* SPDX-License-Identifier: Apache-2.0 */
/* Turns the words of a command line into values, and says how a value is written. */
#ifndef PX_CLI_ARGS_H
#define PX_CLI_ARGS_H

#include "base/bytes.h"
#include "base/net.h"

/*
 * Every reader takes the word whole, computes in 64 bits and touches *out only when it returns 0.
 * Errors: -EINVAL where the word is no such value, -ERANGE where it is one that does not fit.
 */

/* Decimal digits only. */
PX_MUST_USE int px_arg_number(const char *text, uint64_t *out);

/*
 * Bytes: a number, alone or with a unit as coreutils have them: k K M G T and KiB MiB GiB TiB are
 * powers of 1024, kB KB MB GB TB powers of 1000, B is one.
 */
PX_MUST_USE int px_arg_size(const char *text, uint64_t *out);

/*
 * Nanoseconds: a number, with a fraction if wanted, and its unit: ns us ms s m h. The unit may not
 * be left out.
 */
PX_MUST_USE int px_arg_duration(const char *text, uint64_t *out);

#define PX_PIDS_MAX 1024

struct px_pids {
	size_t count;
	uint32_t pid[PX_PIDS_MAX];	/* in the order given, none twice */
};

/*
 * Add a list of process ids, separated by commas or white space, so that "$(pgrep nginx)" is one
 * too. -ENOBUFS when there are more than PX_PIDS_MAX; on any error pids is as it was.
 */
PX_MUST_USE int px_arg_pids(const char *text, struct px_pids *pids);

/* Add a list of ports, separated likewise. -ENOBUFS when there are more than PX_PORTS_MAX. */
PX_MUST_USE int px_arg_ports(const char *text, struct px_ends *ends);

/*
 * Add an address, or all with the same first N bits: 10.0.0.7, 10.0.0.0/8, 2001:db8::/32. -ENOBUFS:
 * no room for more.
 */
PX_MUST_USE int px_arg_net(const char *text, struct px_ends *ends);

/* Index of text in words, a list that NULL ends. */
PX_MUST_USE int px_arg_word(const char *text, const char *const *words, unsigned int *out);

/* "auto, always or never", cut at size - 1. Returns out. */
const char *px_arg_words_text(const char *const *words, char *out, size_t size);

#define PX_ARG_TEXT 24	/* bytes that the writers below need at most */

/* The shortest exact way to write a value, as the readers take it. Return out. */
const char *px_arg_number_text(uint64_t number, char out[PX_ARG_TEXT]);
const char *px_arg_size_text(uint64_t bytes, char out[PX_ARG_TEXT]);
const char *px_arg_duration_text(uint64_t ns, char out[PX_ARG_TEXT]);

/*
 * How many letters have to be typed, removed, changed or swapped with their neighbour to make b of
 * a.
 */
unsigned int px_arg_distance(const char *a, const char *b);

#endif
