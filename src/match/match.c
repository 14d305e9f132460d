/* SPDX-License-Identifier: Apache-2.0 */
#include "match/match.h"

/*
 * So many pairs, each request sent only after the answer before it, make a client that waits for
 * its answers.
 */
#define MATCH_CLEAN_PAIRS 16

/*
 * A rest that is enough where nothing more is shown, undecided: what comes later is told by nobody.
 */
#define MATCH_REST_AT_END_NS (20ull * 1000 * 1000)

static void queue_push(struct px_match_queue *q, struct px_frame *f)
{
	f->next = NULL;
	if (q->last)
		q->last->next = f;
	else
		q->first = f;
	q->last = f;
	q->count++;
}

/* Unlink the first frame whose key is `key` (or any frame); NULL when there is none. */
static struct px_frame *queue_take(struct px_match_queue *q, bool any, uint64_t key)
{
	struct px_frame *before = NULL, *f = q->first;

	while (f && !any && f->key != key) {
		before = f;
		f = f->next;
	}
	if (!f)
		return NULL;
	if (before)
		before->next = f->next;
	else
		q->first = f->next;
	if (q->last == f)
		q->last = before;
	q->count--;
	f->next = NULL;
	return f;
}

void px_matcher_init(struct px_matcher *m, struct px_match_env *env, void *owner, bool mid_stream)
{
	memset(m, 0, sizeof(*m));
	m->env = env;
	m->owner = owner;
	m->sync = mid_stream ? PX_MATCH_PLACING : PX_MATCH_SYNCED;
	m->is_joined = mid_stream;
	m->is_certain = !mid_stream;
}

void px_matcher_fini(struct px_matcher *m)
{
	struct px_frame *f;

	while ((f = queue_take(&m->requests, true, 0)) != NULL)
		px_frame_free(m->env->frames, f);
	while ((f = queue_take(&m->responses, true, 0)) != NULL)
		px_frame_free(m->env->frames, f);
	while ((f = queue_take(&m->held, true, 0)) != NULL)
		px_frame_free(m->env->frames, f);
}

static void match_emit(struct px_matcher *m, struct px_frame *request, struct px_frame *response,
		       unsigned int flags)
{
	if (request)
		flags |= request->flags;
	if (response)
		flags |= response->flags;
	m->env->on_exchange(m->owner, request, response, flags);
	px_frame_free(m->env->frames, request);
	px_frame_free(m->env->frames, response);
}

/* Why a frame has to go alone, as the record's flags say it. */
static unsigned int match_alone(const struct px_matcher *m)
{
	if (m->is_certain)
		return 0;
	return m->is_joined ? PX_FLAG_MID_STREAM : PX_FLAG_GAP | PX_FLAG_UNPAIRED;
}

static void match_flush(struct px_matcher *m, unsigned int flags)
{
	struct px_frame *f;

	while ((f = queue_take(&m->requests, true, 0)) != NULL)
		match_emit(m, f, NULL, flags | PX_FLAG_NOREPLY);
	while ((f = queue_take(&m->responses, true, 0)) != NULL)
		match_emit(m, NULL, f, flags | PX_FLAG_UNPAIRED);
}

static void match_pair(struct px_matcher *m, struct px_frame *request, struct px_frame *response)
{
	unsigned int flags =
		m->is_joined && m->clean_pairs < MATCH_CLEAN_PAIRS ? PX_FLAG_MID_STREAM : 0;

	m->answered_to = response->last.pos;
	if (request->last.pos > m->asked_to)
		m->asked_to = request->last.pos;
	match_emit(m, request, response, flags);
}

static void match_break(struct px_matcher *m)
{
	m->sync = PX_MATCH_BROKEN;
	match_flush(m, match_alone(m));
}

/* What is held are pairs for certain, or nobody knows. */
static void match_release(struct px_matcher *m, bool are_pairs)
{
	struct px_frame *f, *response;

	while ((f = queue_take(&m->held, true, 0)) != NULL) {
		if (f->kind == PX_FRAME_ONE_WAY) {
			match_emit(m, f, NULL, 0);
			continue;
		}
		response = queue_take(&m->held, true, 0);
		if (are_pairs) {
			m->clean_pairs += !m->sends_ahead;
			match_pair(m, f, response);
			continue;
		}
		match_emit(m, f, NULL, match_alone(m) | PX_FLAG_NOREPLY);
		match_emit(m, NULL, response, match_alone(m) | PX_FLAG_UNPAIRED);
	}
}

static void match_decide(struct px_matcher *m, bool are_pairs)
{
	m->is_on_trial = false;
	match_release(m, are_pairs);
	if (are_pairs)
		m->sync = PX_MATCH_SYNCED;
}

static void match_hold(struct px_matcher *m, struct px_frame *f)
{
	queue_push(&m->held, f);
	/* Others need the memory, too: the halves go alone, and the trial goes on. */
	if (m->env->frames->arenas.bytes_out > m->env->frames->arenas.bytes_max / 4 ||
	    m->held.count > m->env->waiting_max)
		match_release(m, false);
}

static void match_hold_pair(struct px_matcher *m, struct px_frame *request,
			    struct px_frame *response)
{
	queue_push(&m->held, request);
	match_hold(m, response);
}

/* The last request that was sent when the one before it had its answer, as far as one knows. */
static struct px_frame *match_leader(const struct px_matcher *m)
{
	struct px_frame *leader = NULL;

	for (struct px_frame *f = m->requests.first; f; f = f->next)
		if (!f->follows)
			leader = f;
	return leader;
}

/* An answer cannot begin before anything of its question was there. */
static bool match_is_possible(const struct px_frame *request, const struct px_frame *response)
{
	return !response->first.has_peer_pos || response->first.peer_pos > request->first.pos;
}

/* Was all answered long before this time? */
static bool match_has_rested(const struct px_matcher *m, uint64_t now_ns)
{
	return !match_leader(m) && now_ns >= m->rested_ns + PX_MATCH_PATIENCE_NS;
}

/* It was no pair, nor were those behind it. */
static void match_refute(struct px_matcher *m)
{
	match_decide(m, false);
	m->sends_ahead = true;
	match_break(m);
}

enum match_says { MATCH_SAYS_NOTHING, MATCH_SAYS_PAIRS, MATCH_SAYS_NONE };

/* What a request that follows no other says of the pairs before it. */
static enum match_says match_hear(struct px_matcher *m, const struct px_frame *f)
{
	if (match_leader(m) || !f->first.has_peer_pos) {
		m->sends_ahead = true;
		m->trial_turns = 0;
		return MATCH_SAYS_NOTHING;
	}
	if (f->first.peer_pos != m->answered_to)
		return MATCH_SAYS_NONE; /* all was answered, and more came */
	if (match_has_rested(m, f->first.ts_ns) || ++m->trial_turns == PX_MATCH_TRIAL_TURNS)
		return MATCH_SAYS_PAIRS;
	return MATCH_SAYS_NOTHING;
}

/*
 * A frame of a connection on trial: counted from the first pair on, until an answer that nobody
 * asked for shows that it was none. False: the trial is over, and the frame not dealt with.
 */
static bool match_try(struct px_matcher *m, struct px_frame *f)
{
	bool is_request = f->kind == PX_FRAME_REQUEST;
	enum match_says says = is_request && !f->follows ? match_hear(m, f) : MATCH_SAYS_NOTHING;
	bool is_one_way = f->kind == PX_FRAME_ONE_WAY, is_unasked;
	struct px_frame *other = NULL;

	is_unasked = f->dir == m->response_dir &&
		     (is_one_way ? (f->flags & PX_FLAG_UNPAIRED) != 0 : !f->follows);
	if (says != MATCH_SAYS_NOTHING) {
		match_decide(m, says == MATCH_SAYS_PAIRS);
		return false;
	}
	if (!is_one_way)
		other = is_request ? queue_take(&m->responses, false, f->key + m->delta)
				   : queue_take(&m->requests, false, f->key - m->delta);
	if (!other && is_unasked) {
		if (f->first.has_peer_pos && f->first.peer_pos > m->asked_to)
			match_decide(m, false); /* but by a request that was lost */
		else
			match_refute(m);
		return false;
	}
	if (f->dir == m->response_dir) {
		m->answered_to = f->last.pos;
		m->rested_ns = f->last.ts_ns;
	} else {
		m->asked_to = f->last.pos;
	}
	if (is_one_way)
		match_hold(m, f);
	else if (other)
		match_hold_pair(m, is_request ? f : other, is_request ? other : f);
	else
		queue_push(is_request ? &m->requests : &m->responses, f);
	if (other && !match_is_possible(is_request ? f : other, is_request ? other : f)) {
		match_refute(m);
	} else if (m->requests.count + m->responses.count > m->env->waiting_max) {
		m->env->overflows++;
		match_refute(m);
	}
	return true;
}

void px_matcher_gap(struct px_matcher *m, bool maybe_requests)
{
	m->epoch++;
	if (m->is_joined && !m->has_begun)
		return; /* what went by is the rest of a message that had begun before us: we join behind it */
	if (m->is_on_trial)
		match_decide(m, false);
	m->had_sync = m->sync == PX_MATCH_SYNCED;
	m->old_epoch = m->epoch - 1;
	m->old_delta = m->delta;
	m->is_certain = false;
	m->is_joined = false;
	if (maybe_requests)
		m->answered_to++; /* a request in the hole has had an answer, too, before the next one is sent */
	if (m->sync == PX_MATCH_SYNCED)
		m->sync = PX_MATCH_PLACING;
	if (m->sends_ahead)
		m->sync = PX_MATCH_BROKEN;
}

void px_matcher_restart(struct px_matcher *m, uint32_t epoch)
{
	if (m->is_on_trial) /* who changes the protocol waits for the answer to that */
		match_decide(m, true);
	match_flush(m, 0);
	px_matcher_init(m, m->env, m->owner, false);
	m->epoch = epoch;
}

void px_matcher_join(struct px_matcher *m)
{
	uint32_t epoch = m->epoch;

	px_matcher_init(m, m->env, m->owner, true);
	m->epoch = epoch;
}

void px_matcher_advance(struct px_matcher *m, uint64_t now_ns, uint64_t responses_end)
{
	m->now_ns = now_ns;
	if (m->is_on_trial && match_has_rested(m, now_ns) && responses_end == m->answered_to)
		match_decide(m, true);
}

void px_matcher_finish(struct px_matcher *m, uint64_t responses_end, bool is_end)
{
	/* What was left in the middle may have swallowed other answers. */
	bool is_whole = m->held.last && !(m->held.last->flags & PX_FLAG_ABORTED);
	bool has_rested = m->trial_turns > 0 && m->now_ns >= m->rested_ns + MATCH_REST_AT_END_NS;

	if (m->is_on_trial)
		match_decide(m, responses_end == m->answered_to && !match_leader(m) &&
					(has_rested || (is_end && is_whole)));
	match_flush(m, match_alone(m));
}

/* While synced: the n-th answers the n-th, whichever was finished first. */
static void match_counted(struct px_matcher *m, struct px_frame *f)
{
	bool is_request = f->kind == PX_FRAME_REQUEST;
	struct px_frame *other;

	if (!is_request && m->given_up_epoch == m->epoch && f->key - m->delta < m->given_up) {
		match_emit(m, NULL, f, match_alone(m) | PX_FLAG_UNPAIRED);
		return;
	}
	other = is_request ? queue_take(&m->responses, false, f->key + m->delta)
			   : queue_take(&m->requests, false, f->key - m->delta);
	if (other && !match_is_possible(is_request ? f : other, is_request ? other : f)) {
		/* The counts went wrong behind the late start or the loss. */
		match_break(m);
		match_emit(m, is_request ? NULL : other, is_request ? other : NULL,
			   match_alone(m) | (is_request ? PX_FLAG_UNPAIRED : PX_FLAG_NOREPLY));
		match_emit(m, is_request ? f : NULL, is_request ? NULL : f,
			   match_alone(m) | (is_request ? PX_FLAG_NOREPLY : PX_FLAG_UNPAIRED));
		return;
	}
	if (other) {
		m->clean_pairs += !m->sends_ahead;
		match_pair(m, is_request ? f : other, is_request ? other : f);
		return;
	}
	if (is_request) {
		m->sends_ahead |= !f->follows && m->requests.last &&
				  (!f->first.has_peer_pos ||
				   f->first.peer_pos <= m->requests.last->first.peer_pos);
		m->asked_to = f->last.pos;
		queue_push(&m->requests, f);
	} else if (!f->first.has_peer_pos || f->first.peer_pos > m->asked_to) {
		queue_push(&m->responses, f); /* its request is still being sent */
	} else if (m->is_certain) {
		m->delta++; /* nobody asked: a 408 on an idle connection, say */
		match_emit(m, NULL, f, PX_FLAG_UNPAIRED);
	} else {
		/*
		 * Nobody asked, so a pair behind the late start or the loss was wrong. No more of
		 * them.
		 */
		match_break(m);
		match_emit(m, NULL, f, match_alone(m) | PX_FLAG_UNPAIRED);
	}
}

/*
 * Too many wait. Which answers are theirs who wait no longer is known as long as all are counted.
 */
static void match_give_up(struct px_matcher *m)
{
	struct px_frame *oldest = queue_take(&m->requests, true, 0);

	if (m->given_up_epoch != m->epoch || oldest->key >= m->given_up)
		m->given_up = oldest->key + 1;
	m->given_up_epoch = m->epoch;
	match_emit(m, oldest, NULL, match_alone(m) | PX_FLAG_UNPAIRED);
}

/* Behind a loss or a late start. */
static void match_placed(struct px_matcher *m, struct px_frame *f)
{
	struct px_frame *other;
	struct px_frame *request = m->requests.last; /* the others, of before the loss, have lost their chance */

	if (f->kind == PX_FRAME_REQUEST) {
		/*
		 * Something has been answered between this one and the one before it, whether that
		 * was seen or not.
		 */
		bool progressed = request ? f->first.peer_pos > request->first.peer_pos
					  : m->is_joined || f->first.peer_pos >= m->answered_to;

		if (f->follows && request) {
			queue_push(&m->requests, f);
			m->asked_to = f->last.pos;
		} else if (f->first.has_peer_pos && progressed) {
			match_flush(m, match_alone(m));
			queue_push(&m->requests, f);
			m->asked_to = f->last.pos;
		} else {
			m->sends_ahead |= f->first.has_peer_pos;
			match_break(m);
			match_emit(m, f, NULL, match_alone(m) | PX_FLAG_NOREPLY);
		}
		return;
	}
	request = match_leader(m);
	if (f->follows || !request || f->first.pos != request->first.peer_pos ||
	    !match_is_possible(request, f)) {
		if (!f->follows && f->first.peer_pos <= m->asked_to) /* not the answer to a lost request either: it was sent ahead */
			m->clean_pairs = 0;
		match_emit(m, NULL, f, match_alone(m) | PX_FLAG_UNPAIRED);
		return;
	}
	while (m->requests.first != request) {
		other = queue_take(&m->requests, true, 0);
		match_emit(m, other, NULL, match_alone(m) | PX_FLAG_NOREPLY);
	}
	if (m->is_joined || (m->clean_pairs < MATCH_CLEAN_PAIRS && request->epoch == f->epoch)) {
		m->is_on_trial = true;
		m->trial_turns = 0;
		m->delta = f->key - request->key;
		m->response_dir = f->dir;
		(void)match_try(m, f);
		return;
	}
	(void)queue_take(&m->requests, true, 0);
	if (m->clean_pairs >= MATCH_CLEAN_PAIRS) {
		if (request->epoch == f->epoch) { /* both counts began behind the loss */
			m->delta = f->key - request->key;
			m->sync = PX_MATCH_SYNCED;
		}
		match_pair(m, request, f);
		return;
	}
	m->answered_to = f->last.pos;
	match_emit(m, request, NULL, match_alone(m) | PX_FLAG_NOREPLY);
	match_emit(m, NULL, f, match_alone(m));
}

/* The only frame whose key may be f's, where not all of one is known. */
static struct px_frame *match_loosely(struct px_match_queue *q, const struct px_frame *f)
{
	const struct px_frame *found = NULL;

	for (const struct px_frame *other = q->first; other; other = other->next) {
		if ((!f->key_mask && !other->key_mask) || !px_frame_keys_agree(f, other))
			continue;
		if (found)
			return NULL;
		found = other;
	}
	return found ? queue_take(q, false, found->key) : NULL;
}

static void match_by_key(struct px_matcher *m, struct px_frame *f)
{
	bool is_request = f->kind == PX_FRAME_REQUEST;
	struct px_match_queue *q = is_request ? &m->responses : &m->requests;
	struct px_frame *other = queue_take(q, false, f->key);

	if (!other)
		other = match_loosely(q, f);
	if (other)
		match_emit(m, is_request ? f : other, is_request ? other : f, 0);
	else
		queue_push(is_request ? &m->requests : &m->responses, f);
}

/*
 * The partner of a frame that was begun before the last loss and ended behind it. It is known only
 * if the two were in step then, and it was counted in the same epoch, if it waits at all.
 */
static struct px_frame *match_take_old(struct px_matcher *m, const struct px_frame *f)
{
	bool is_request = f->kind == PX_FRAME_REQUEST;
	struct px_match_queue *q = is_request ? &m->responses : &m->requests;
	uint64_t key = is_request ? f->key + m->old_delta : f->key - m->old_delta;

	if (!m->had_sync || f->epoch != m->old_epoch)
		return NULL;
	for (const struct px_frame *other = q->first; other; other = other->next)
		if (other->key == key && other->epoch == f->epoch &&
		    match_is_possible(is_request ? f : other, is_request ? other : f))
			return queue_take(q, false, key);
	return NULL;
}

void px_matcher_frame(struct px_matcher *m, enum px_match how, struct px_frame *f)
{
	m->has_begun = true;
	if (m->is_on_trial && f->epoch == m->epoch && match_try(m, f))
		return;
	if (f->kind == PX_FRAME_ONE_WAY || how == PX_MATCH_ONE_WAY) {
		match_emit(m, f, NULL, 0);
		return;
	}
	if (how == PX_MATCH_BY_KEY) {
		match_by_key(m, f);
	} else if (f->epoch != m->epoch) {
		/*
		 * Begun before a loss and ended behind it: its partner is counted in the same
		 * epoch, if it waits at all.
		 */
		struct px_frame *other = match_take_old(m, f);

		if (f->kind == PX_FRAME_REQUEST)
			match_emit(m, f, other, other ? 0 : PX_FLAG_NOREPLY | PX_FLAG_GAP);
		else
			match_emit(m, other, f, other ? 0 : PX_FLAG_UNPAIRED | PX_FLAG_GAP);
		return;
	} else {
		struct px_frame *old;

		while ((old = m->responses.first) != NULL && old->epoch != m->epoch)
			match_emit(m, NULL, queue_take(&m->responses, true, 0),
				   PX_FLAG_GAP | PX_FLAG_UNPAIRED);
		if (m->sync == PX_MATCH_SYNCED)
			match_counted(m, f);
		else if (m->sync == PX_MATCH_BROKEN)
			match_emit(m, f->kind == PX_FRAME_REQUEST ? f : NULL,
				   f->kind == PX_FRAME_REQUEST ? NULL : f,
				   match_alone(m) |
					   (f->kind == PX_FRAME_REQUEST ? PX_FLAG_NOREPLY : 0));
		else
			match_placed(m, f);
	}
	if (m->requests.count + m->responses.count > m->env->waiting_max) {
		m->env->overflows++;
		if (how == PX_MATCH_IN_ORDER && m->sync == PX_MATCH_SYNCED && m->requests.count) {
			match_give_up(m);
		} else if (how == PX_MATCH_IN_ORDER) {
			match_break(m);
		} else {
			f = queue_take(m->requests.count ? &m->requests : &m->responses, true, 0);
			match_emit(m, f->kind == PX_FRAME_REQUEST ? f : NULL,
				   f->kind == PX_FRAME_REQUEST ? NULL : f,
				   f->kind == PX_FRAME_REQUEST ? PX_FLAG_NOREPLY
							       : PX_FLAG_UNPAIRED);
		}
	}
}
