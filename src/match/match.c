/* SPDX-License-Identifier: Apache-2.0 */
#include "match/match.h"

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
	m->sync = mid_stream ? PX_MATCH_JOINED : PX_MATCH_SYNCED;
}

void px_matcher_fini(struct px_matcher *m)
{
	struct px_frame *f;

	while ((f = queue_take(&m->requests, true, 0)) != NULL)
		px_frame_free(m->env->frames, f);
	while ((f = queue_take(&m->responses, true, 0)) != NULL)
		px_frame_free(m->env->frames, f);
}

static void match_emit(struct px_matcher *m, struct px_frame *request, struct px_frame *response, unsigned int flags)
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
	switch (m->sync) {
	case PX_MATCH_SYNCED:
		return 0;
	case PX_MATCH_JOINED:
		return PX_FLAG_MID_STREAM;
	case PX_MATCH_LOST:
	case PX_MATCH_BROKEN:
		return PX_FLAG_GAP | PX_FLAG_UNPAIRED;
	}
	return 0;
}

static void match_flush(struct px_matcher *m, unsigned int flags)
{
	struct px_frame *f;

	while ((f = queue_take(&m->requests, true, 0)) != NULL)
		match_emit(m, f, NULL, flags | PX_FLAG_NOREPLY);
	while ((f = queue_take(&m->responses, true, 0)) != NULL)
		match_emit(m, NULL, f, flags | PX_FLAG_UNPAIRED);
}

void px_matcher_gap(struct px_matcher *m)
{
	m->epoch++;
	if (m->sync == PX_MATCH_SYNCED || m->sync == PX_MATCH_LOST)
		m->sync = !m->sends_ahead && m->clean_pairs > 0 ? PX_MATCH_LOST : PX_MATCH_BROKEN;
	else if (m->sync == PX_MATCH_JOINED && m->sends_ahead)
		m->sync = PX_MATCH_BROKEN;
}

void px_matcher_restart(struct px_matcher *m, uint32_t epoch)
{
	match_flush(m, 0);
	px_matcher_init(m, m->env, m->owner, false);
	m->epoch = epoch;
}

void px_matcher_finish(struct px_matcher *m)
{
	match_flush(m, m->sync == PX_MATCH_SYNCED ? 0 : match_alone(m));
}

static void match_pair(struct px_matcher *m, struct px_frame *request, struct px_frame *response)
{
	unsigned int flags = m->sync == PX_MATCH_JOINED ? PX_FLAG_MID_STREAM : 0;

	if (!m->sends_ahead)
		m->clean_pairs++;
	m->answered_to = response->last.pos;
	m->sync = PX_MATCH_SYNCED;
	match_emit(m, request, response, flags);
}

/* While synced: the n-th answers the n-th, whichever was finished first. */
static void match_counted(struct px_matcher *m, struct px_frame *f)
{
	bool is_request = f->kind == PX_FRAME_REQUEST;
	struct px_frame *other = is_request ? queue_take(&m->responses, false, f->key + m->delta)
					    : queue_take(&m->requests, false, f->key - m->delta);

	if (other) {
		match_pair(m, is_request ? f : other, is_request ? other : f);
		return;
	}
	if (is_request && m->requests.count > 0)
		m->sends_ahead = true;
	queue_push(is_request ? &m->requests : &m->responses, f);
}

/* Behind a loss or a late start: by position, and only where the client is known to wait for its responses. */
static void match_placed(struct px_matcher *m, struct px_frame *f)
{
	struct px_frame *request = m->requests.first;

	if (f->kind == PX_FRAME_REQUEST) {
		bool progressed = m->sync == PX_MATCH_JOINED || f->first.peer_pos > m->answered_to;

		if (request) /* a second one without an answer between: this client sends ahead */
			m->sends_ahead = true;
		if (request || !f->first.has_peer_pos || !progressed) {
			m->sync = PX_MATCH_BROKEN;
			match_flush(m, match_alone(m));
			match_emit(m, f, NULL, match_alone(m) | PX_FLAG_NOREPLY);
			return;
		}
		queue_push(&m->requests, f);
		return;
	}
	if (request && f->first.pos == request->first.peer_pos) {
		queue_take(&m->requests, true, 0);
		m->delta = f->key - request->key;
		match_pair(m, request, f);
		return;
	}
	match_emit(m, NULL, f, match_alone(m) | PX_FLAG_UNPAIRED);
}

static void match_by_key(struct px_matcher *m, struct px_frame *f)
{
	bool is_request = f->kind == PX_FRAME_REQUEST;
	struct px_frame *other = queue_take(is_request ? &m->responses : &m->requests, false, f->key);

	if (other)
		match_emit(m, is_request ? f : other, is_request ? other : f, 0);
	else
		queue_push(is_request ? &m->requests : &m->responses, f);
}

void px_matcher_frame(struct px_matcher *m, enum px_match how, struct px_frame *f)
{
	if (f->kind == PX_FRAME_ONE_WAY || how == PX_MATCH_ONE_WAY) {
		match_emit(m, f, NULL, 0);
		return;
	}
	if (how == PX_MATCH_BY_KEY) {
		match_by_key(m, f);
	} else if (f->epoch != m->epoch) {
		/* Begun before a loss and ended behind it: its partner is counted in the same epoch, if it waits at all. */
		struct px_match_queue *q = f->kind == PX_FRAME_REQUEST ? &m->responses : &m->requests;
		struct px_frame *request = f->kind == PX_FRAME_REQUEST ? f : q->first;
		struct px_frame *response = f->kind == PX_FRAME_REQUEST ? q->first : f;
		struct px_frame *other = NULL;

		if (q->first && q->first->epoch == f->epoch && !m->sends_ahead && request->first.has_peer_pos &&
		    response->first.pos == request->first.peer_pos)
			other = queue_take(q, true, 0);
		if (f->kind == PX_FRAME_REQUEST)
			match_emit(m, f, other, other ? 0 : PX_FLAG_NOREPLY | PX_FLAG_GAP);
		else
			match_emit(m, other, f, other ? 0 : PX_FLAG_UNPAIRED | PX_FLAG_GAP);
		return;
	} else {
		struct px_frame *old = m->requests.first ? m->requests.first : m->responses.first;

		if (old && old->epoch != m->epoch)
			match_flush(m, PX_FLAG_GAP);
		if (m->sync == PX_MATCH_SYNCED)
			match_counted(m, f);
		else if (m->sync == PX_MATCH_BROKEN)
			match_emit(m, f->kind == PX_FRAME_REQUEST ? f : NULL,
				   f->kind == PX_FRAME_REQUEST ? NULL : f,
				   match_alone(m) | (f->kind == PX_FRAME_REQUEST ? PX_FLAG_NOREPLY : 0));
		else
			match_placed(m, f);
	}
	if (m->requests.count + m->responses.count > m->env->waiting_max) {
		m->env->overflows++;
		if (how == PX_MATCH_IN_ORDER) {
			m->sync = PX_MATCH_BROKEN;
			match_flush(m, match_alone(m));
		} else {
			f = queue_take(m->requests.count ? &m->requests : &m->responses, true, 0);
			match_emit(m, f->kind == PX_FRAME_REQUEST ? f : NULL, f->kind == PX_FRAME_REQUEST ? NULL : f,
				   f->kind == PX_FRAME_REQUEST ? PX_FLAG_NOREPLY : PX_FLAG_UNPAIRED);
		}
	}
}
