/* SPDX-License-Identifier: Apache-2.0 */
/* Conversations that have somebody else's bytes in a value. */
#ifndef PX_TESTS_DECODE_CARRY_H
#define PX_TESTS_DECODE_CARRY_H

#include "base/dir.h"
#include "decode/foreign.h"

#define TALK_TURNS 128

/* Who says what, one after the other; PX_DIR_OUT is the client. */
struct talk {
	struct px_buf bytes;
	struct talk_turn {
		enum px_dir dir;
		size_t begin;	/* in bytes; it ends where the next one begins */
	} turns[TALK_TURNS];
	size_t count;
};

/* It is the turn of dir: where to append what it says. */
struct px_buf *talk_turn(struct talk *t, enum px_dir dir);

struct px_bytes talk_said(const struct talk *t, size_t turn);

struct carrier {
	const char *own;	/* who may claim it; NULL: nobody */
	/* False where the value cannot be carried. */
	bool (*make)(struct foreign_rng *r, struct px_bytes value, struct talk *t);
};

extern const struct carrier carriers[];
extern const size_t carrier_count;

#endif
