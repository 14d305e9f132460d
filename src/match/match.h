/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests meet responses: in order, by key, or not at all. Never a wrong pair: what cannot be
 * known to belong together is handed on alone.
 *
 * In order, the n-th response answers the n-th request as long as nothing was lost. Behind a loss,
 * or joined in the middle, counting does not help. What is looked at then is where the response
 * direction stood when a request was sent: of a client that waits for each answer, the response
 * that begins exactly there is the right one. But whoever joins behind two of three requests sent
 * at once sees the third, and behind it the answer to the first; and where a server keeps pace,
 * requests that were sent ahead and answers to earlier ones take turns, as those of a client that
 * waits do.
 *
 * So there the connection is on trial first: pairs are counted from the first one on, and held
 * until something speaks for all of them: the connection was at rest, with everything answered, for
 * PX_MATCH_PATIENCE_NS; its end, right behind the last answer; PX_MATCH_TRIAL_TURNS requests in a
 * row that each waited for the answer to the one before it. An answer that nobody asked for speaks
 * against them, or bytes in its place, and their halves go alone. (A client that keeps exactly n >
 * 1 requests under way all the time, and for longer than that, cannot be told from one that waits.)
 *
 * A client that waited often enough, as far as one knows, is paired by place at once behind a loss;
 * one that was seen to send ahead is not paired there again. Pairs of a connection joined in the
 * middle carry the flag mid_stream until it has waited so often.
 */
#ifndef PX_MATCH_MATCH_H
#define PX_MATCH_MATCH_H

#include "frame.h"
#include "parser.h"

struct px_match_env {
	struct px_frame_pool *frames;
	/*
	 * A pair or a lone frame (the other NULL), lent for the length of the call; flags:
	 * PX_FLAG_*.
	 */
	void (*on_exchange)(void *owner, struct px_frame *request, struct px_frame *response,
			    unsigned int flags);
	/*
	 * Frames of one connection that may wait. The oldest request goes alone, flagged unpaired,
	 * and later so does its answer; those behind it are paired all the same.
	 */
	size_t waiting_max;
	uint64_t overflows;
};

enum px_match_sync {
	PX_MATCH_SYNCED,	/* request n and response n + delta belong together */
	PX_MATCH_PLACING,	/* by position */
	PX_MATCH_BROKEN,	/* never again */
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
	bool is_certain;	/* seen from the start, and nothing lost */
	bool is_joined;		/* joined in the middle, and nothing lost since its first message */
	bool has_begun;		/* a message has been seen */
	bool sends_ahead;	/* a request came while another one was waiting */
	uint32_t clean_pairs;	/* requests in a row of which each waited for the answer to the one before it */
	uint64_t answered_to;	/* a client that waits sends its next request when the answers have come up to here */
	uint64_t asked_to;	/* offset behind the last complete request */
	uint64_t given_up;	/* synced: requests with smaller keys do not wait for their answers, */
	uint32_t given_up_epoch; /* counted in this epoch */
	struct px_match_queue requests, responses;
	bool is_on_trial;	/* nobody knows yet whether pairs are pairs */
	uint32_t trial_turns;	/* requests in a row, each sent when all before it had been answered */
	uint64_t rested_ns;	/* when the last answer ended */
	uint64_t now_ns;	/* of the last px_matcher_advance() */
	enum px_dir response_dir;
	struct px_match_queue held;	/* of them, in their order: a request and behind it its answer, or a one-way message */
	bool had_sync;		/* before the last loss: these two are how it was synced then */
	uint32_t old_epoch;
	uint64_t old_delta;
};

/* Answers to requests that were sent at once come in less than this, as a rule. */
#define PX_MATCH_PATIENCE_NS (500ull * 1000 * 1000)

#define PX_MATCH_TRIAL_TURNS 32	/* more requests than are sent ahead by a client with which the server keeps pace */

void px_matcher_init(struct px_matcher *m, struct px_match_env *env, void *owner, bool mid_stream);
void px_matcher_fini(struct px_matcher *m);

/* Takes the frame. */
void px_matcher_frame(struct px_matcher *m, enum px_match how, struct px_frame *f);

/*
 * Bytes were lost, maybe_requests: in the direction of the requests, as far as one knows; frames of
 * epochs after this call are counted afresh.
 */
void px_matcher_gap(struct px_matcher *m, bool maybe_requests);

/*
 * The connection speaks another protocol from here on, from its beginning; its frames are of this
 * epoch.
 */
void px_matcher_restart(struct px_matcher *m, uint32_t epoch);

/* Behind such a restart: the beginning of what follows was not seen. */
void px_matcher_join(struct px_matcher *m);

/* Whether px_matcher_advance() will have something to do later though no frame comes. */
static inline bool px_matcher_is_waiting(const struct px_matcher *m)
{
	return m->held.first != NULL;
}

/*
 * All frames up to this time (source clock) have been handed over, and there are no responses
 * behind this offset.
 */
void px_matcher_advance(struct px_matcher *m, uint64_t now_ns, uint64_t responses_end);

/*
 * Nothing will follow: what waits goes alone. is_end: the connection is known to have ended there,
 * and not only what we see of it.
 */
void px_matcher_finish(struct px_matcher *m, uint64_t responses_end, bool is_end);

#endif
