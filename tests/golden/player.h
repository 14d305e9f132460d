/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plays tapes through everything between source and output, whole or with events missing, and
 * judges what is told: no invented message, no wrong pair, and what is not flagged says exactly
 * what the whole tape says.
 */
#ifndef PX_TESTS_GOLDEN_PLAYER_H
#define PX_TESTS_GOLDEN_PLAYER_H

#include "capture/event.h"
#include "record/record.h"

struct px_source;

#define PLAYER_TOLD_MAX 256	/* messages of one run that are looked at */

/* A message as it came out. */
struct player_told {
	uint64_t sock_id;
	bool has_req, has_resp;
	uint32_t req_pos, resp_pos;	/* where their first bytes are: that tells messages apart */
	uint64_t req_bytes, resp_bytes;
	unsigned int flags;
	uint64_t ends;			/* digest of the addresses, 0: they are not told */
	uint64_t times;			/* digest of the times */
	uint64_t digest;		/* of all else that the record says but seq and conn */
	char op[16], target[128], status[16];
};

/* All that a run told. */
struct player_run {
	struct player_told told[PLAYER_TOLD_MAX];
	size_t count;
	uint64_t lost_bytes;	/* in lost records */
	uint64_t events;	/* that went in */
	bool is_short;		/* of memory: calls that cannot be told apart share the time of the last one */
};

struct player_tape {
	char name[64];
	struct px_bytes bytes;	/* of the file, decompressed; at an address that is a multiple of 8 */
	struct px_event *ev;
	size_t *end;		/* offset in bytes behind each event */
	size_t count;
	struct player_run whole;
};

/*
 * Read NAME/tape.gz below dir for each folder there; ends the program where it cannot. Returns how
 * many.
 */
size_t player_load(const char *dir, struct player_tape *tapes, size_t max);
void player_unload(struct player_tape *tape);

enum player_pace {
	PLAYER_AT_ONCE,		/* as a file is read: time goes on at the end */
	PLAYER_STEPWISE,	/* as it is live, at its slowest: what is missing is given up before each event */
};

/* The events of a tape without those whose gone[] is set; gone NULL: all of them. */
void player_play(const struct player_tape *tape, const bool *gone, enum player_pace pace,
		 struct player_run *run);

/* The bytes of a tape, through the reader and into the JSON output as well, which goes to fd. */
void player_play_bytes(struct px_bytes bytes, int fd, struct player_run *run);

/*
 * What a run of a damaged tape says falsely, in a sentence; NULL: nothing. Valid until the next
 * call.
 */
const char *player_untrue(const struct player_run *whole, const struct player_run *run);

#endif
