/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests meet responses: in order, by key, or not at all. Never a wrong pair: what cannot be known to belong together
 * is handed on alone.
 *
 * In order, the n-th response answers the n-th request as long as nothing was lost. Behind a loss, or joined in the
 * middle, counting does not help; there a pair is found again only on a connection whose client is known to wait for each
 * response (it has done so all the time), when a response begins exactly where the response direction stood when its
 * request was sent. A client that sends ahead is not paired again after a loss.
 */
#ifndef PX_MATCH_MATCH_H
#define PX_MATCH_MATCH_H

#include "frame.h"
#include "parser.h"

struct px_match_env {
	struct px_frame_pool *frames;
	/* A pair or a lone frame (the other NULL), lent for the length of the call; flags: PX_FLAG_*. */
	void (*on_exchange)(void *owner, struct px_frame *request, struct px_frame *response, unsigned int flags);
	size_t waiting_max;	/* frames of one connection that may wait; the oldest goes alone */
	uint64_t overflows;
};

enum px_match_sync {
	PX_MATCH_SYNCED,	/* request n and response n + delta belong together */
	PX_MATCH_JOINED,	/* joined in the middle: look for the first pair */
	PX_MATCH_LOST,		/* something was lost: look for the next pair */
	PX_MATCH_BROKEN,	/* it cannot be found again */
};

struct px_match_queue {
	struct px_frame *first, *last;
	size_t count;
};

/* One connection's. */
struct px_matcher {
	struct px_match_env *env;
	void *owner;
	enum px_match_sync sync;
	uint64_t delta;		/* key of a response minus key of its request */
	uint32_t epoch;
	bool sends_ahead;	/* a request came while another one was waiting */
	uint32_t clean_pairs;	/* pairs without one */
	uint64_t answered_to;	/* offset behind the last paired response */
	struct px_match_queue requests, responses;
};

void px_matcher_init(struct px_matcher *m, struct px_match_env *env, void *owner, bool mid_stream);
void px_matcher_fini(struct px_matcher *m);

/* Takes the frame. */
void px_matcher_frame(struct px_matcher *m, enum px_match how, struct px_frame *f);

/* Bytes were lost in either direction; frames of epochs after this call are counted afresh. */
void px_matcher_gap(struct px_matcher *m);

/* The connection speaks another protocol from here on, from its beginning; its frames are of this epoch. */
void px_matcher_restart(struct px_matcher *m, uint32_t epoch);

/* Nothing will follow: what waits goes alone. */
void px_matcher_finish(struct px_matcher *m);

#endif
