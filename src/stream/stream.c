/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/stream.h"

#include <stdlib.h>

/*
 * More pieces than this are joined with their neighbour: their bytes stay exact, their times become
 * those of the last.
 */
#define STREAM_PIECES_MAX 1024
#define STREAM_LATE_BYTES_MAX (1 << 20)
#define STREAM_BUF_KEEP 4096

struct px_late {
	struct px_late *next;
	uint64_t pos, len;
	struct px_seg_info info;
	size_t copied;
	char data[];
};

void px_stream_init(struct px_stream *s, struct px_stream_budget *budget)
{
	memset(s, 0, sizeof(*s));
	s->budget = budget;
	s->buf = px_buf_of(budget->stream_max);
	s->piece_cap = 1;
}

static struct px_piece *stream_piece(struct px_stream *s, uint32_t i)
{
	struct px_piece *ring = s->pieces ? s->pieces : &s->inline_piece;

	return &ring[(s->piece_first + i) & (s->piece_cap - 1)];
}

static size_t stream_owned(const struct px_stream *s)
{
	return s->buf.len - s->buf_first;
}

static void stream_late_free(struct px_stream *s, struct px_late *l)
{
	s->late_bytes -= l->copied;
	s->budget->total -= l->copied;
	free(l);
}

void px_stream_fini(struct px_stream *s)
{
	while (s->late) {
		struct px_late *l = s->late;

		s->late = l->next;
		stream_late_free(s, l);
	}
	s->budget->total -= stream_owned(s);
	px_buf_fini(&s->buf);
	free(s->pieces);
	s->pieces = NULL;
	s->piece_count = 0;
}

void px_stream_hint(struct px_stream *s, uint64_t pos)
{
	if (s->started || s->late)
		return;
	s->pos = pos;
	s->end = pos;
}

/* Room for one more piece; false leaves the last one to be extended. */
static bool stream_piece_room(struct px_stream *s)
{
	struct px_piece *ring;
	uint32_t cap = s->piece_cap * 2;

	if (s->piece_count < s->piece_cap)
		return true;
	if (cap > STREAM_PIECES_MAX)
		return false;
	ring = malloc(cap * sizeof(*ring));
	if (!ring)
		return false;
	for (uint32_t i = 0; i < s->piece_count; i++)
		ring[i] = *stream_piece(s, i);
	free(s->pieces);
	s->pieces = ring;
	s->piece_first = 0;
	s->piece_cap = cap;
	return true;
}

static void stream_push(struct px_stream *s, enum px_piece_kind kind, uint64_t len,
			const struct px_seg_info *info)
{
	struct px_piece *p;

	if (len == 0)
		return;
	if (kind == PX_PIECE_LOST)
		s->lost_bytes += len;
	if (stream_piece_room(s)) {
		p = stream_piece(s, s->piece_count++);
		*p = (struct px_piece){ kind, s->end, len, *info };
	} else {
		/* Too many pieces: the same kind grows, another kind turns into a loss of both. */
		p = stream_piece(s, s->piece_count - 1);
		if (p->kind != kind) {
			size_t held = p->kind == PX_PIECE_DATA ? (size_t)p->len : 0;

			if (held) {
				size_t owned = held < stream_owned(s) ? held : stream_owned(s);

				s->buf.len -= owned;
				s->budget->total -= owned;
			}
			s->lost_bytes += p->kind == PX_PIECE_LOST ? 0 : p->len;
			s->lost_bytes += kind == PX_PIECE_LOST ? 0 : len;
			p->kind = PX_PIECE_LOST;
		}
		p->len += len;
		p->info = *info;
	}
	s->end += len;
}

/* Bytes in order; owned: they do not live until px_stream_settle, so they are copied at once. */
static void stream_take(struct px_stream *s, struct px_bytes data, uint64_t len,
			const struct px_seg_info *info, bool owned)
{
	bool copy = owned || stream_owned(s) > 0 || s->lent.len > 0;

	if (s->discard >= s->end - s->pos + len) { /* nobody will look: only count */
		data.len = 0;
	} else if (data.len > 0 && !copy) {
		s->lent = data;
	} else if (data.len > 0) {
		px_stream_settle(s);
		if (data.len > s->budget->total_max - s->budget->total ||
		    px_buf_append(&s->buf, data) != 0) {
			s->budget->dropped_bytes += len;
			stream_push(s, PX_PIECE_LOST, len, info);
			return;
		}
		s->budget->total += data.len;
	}
	if (s->piece_count == STREAM_PIECES_MAX && s->lent.len) /* stream_push may have to undo */
		px_stream_settle(s);
	stream_push(s, PX_PIECE_DATA, data.len, info);
	stream_push(s, PX_PIECE_CUT, len - data.len, info);
}

static void stream_late_add(struct px_stream *s, uint64_t pos, struct px_bytes data, uint64_t len,
			    const struct px_seg_info *info)
{
	struct px_late **at = &s->late, *l;

	if (s->late_bytes + data.len > STREAM_LATE_BYTES_MAX ||
	    data.len > s->budget->total_max - s->budget->total)
		data.len = 0; /* its place is kept, its bytes are lost */
	l = malloc(sizeof(*l) + data.len);
	if (!l) {
		s->budget->dropped_bytes += len;
		return;
	}
	while (*at && (*at)->pos <= pos)
		at = &(*at)->next;
	l->next = *at;
	l->pos = pos;
	l->len = len;
	l->info = *info;
	l->copied = data.len;
	if (data.len)
		memcpy(l->data, data.ptr, data.len);
	*at = l;
	s->late_bytes += data.len;
	s->budget->total += data.len;
}

/* Take in the waiting segments that are no longer behind a hole. */
static void stream_late_join(struct px_stream *s)
{
	while (s->late && s->late->pos <= s->end) {
		struct px_late *l = s->late;
		uint64_t known = s->end - l->pos;

		s->late = l->next;
		if (known < l->len)
			stream_take(s,
				    px_bytes_sub(px_bytes_of(l->data, l->copied), (size_t)known,
						 SIZE_MAX),
				    l->len - known, &l->info, true);
		stream_late_free(s, l);
	}
}

void px_stream_append(struct px_stream *s, uint64_t pos, struct px_bytes data, uint64_t len,
		      const struct px_seg_info *info)
{
	if (!s->started && (s->end == 0 || pos < s->end)) {
		s->pos = pos;
		s->end = pos;
	}
	s->started = true;
	if (pos < s->end) {
		uint64_t known = s->end - pos;

		if (known >= len)
			return;
		data = px_bytes_sub(data, known > SIZE_MAX ? SIZE_MAX : (size_t)known, SIZE_MAX);
		len -= known;
		pos = s->end;
	}
	if (pos > s->end) {
		stream_late_add(s, pos, data, len, info);
		return;
	}
	stream_take(s, data, len, info, false);
	if (s->late)
		stream_late_join(s);
}

uint64_t px_stream_lose(struct px_stream *s, uint64_t pos, uint64_t end,
			const struct px_seg_info *info)
{
	uint64_t missing;

	if (!s->started && s->end == 0) {
		s->pos = pos;
		s->end = pos;
	}
	s->started = true;
	missing = end > s->end ? end - s->end : 0;
	stream_push(s, PX_PIECE_LOST, missing, info);
	if (s->late)
		stream_late_join(s);
	return missing;
}

void px_stream_settle(struct px_stream *s)
{
	struct px_bytes rest = s->lent;

	if (rest.len == 0)
		return;
	s->lent = (struct px_bytes){ NULL, 0 };
	if (rest.len <= s->budget->total_max - s->budget->total &&
	    px_buf_append(&s->buf, rest) == 0) {
		s->budget->total += rest.len;
		return;
	}
	/* No room. The lent bytes are those of one piece, the last data piece. */
	for (uint32_t i = s->piece_count; i > 0; i--) {
		struct px_piece *p = stream_piece(s, i - 1);

		if (p->kind != PX_PIECE_DATA)
			continue;
		p->kind = PX_PIECE_LOST;
		s->lost_bytes += p->len;
		s->budget->dropped_bytes += p->len;
		return;
	}
}

uint64_t px_stream_waiting_since(const struct px_stream *s)
{
	uint64_t since = UINT64_MAX;

	for (const struct px_late *l = s->late; l; l = l->next)
		if (l->info.ts_ns < since)
			since = l->info.ts_ns;
	return since;
}

uint64_t px_stream_give_up(struct px_stream *s)
{
	uint64_t missing, waiting = 0, last = s->end;

	if (!s->late)
		return 0;
	/*
	 * Two threads that write at the same moment both read the position behind both writes, so
	 * that one place seems taken twice and another one never. If the bytes fill the stretch
	 * exactly, nothing is missing: order by time.
	 */
	for (const struct px_late *l = s->late; l; l = l->next) {
		waiting += l->len;
		if (l->pos + l->len > last)
			last = l->pos + l->len;
	}
	if (s->no_repeats && s->late->next && waiting == last - s->end) {
		while (s->late) {
			struct px_late **first = &s->late, *l;

			for (struct px_late **at = &s->late; *at; at = &(*at)->next)
				if ((*at)->info.ts_ns < (*first)->info.ts_ns)
					first = at;
			l = *first;
			*first = l->next;
			stream_take(s, px_bytes_of(l->data, l->copied), l->len, &l->info, true);
			stream_late_free(s, l);
		}
		return 0;
	}
	missing = s->late->pos - s->end;
	stream_push(s, PX_PIECE_LOST, missing, &s->late->info);
	stream_late_join(s);
	return missing;
}

static void stream_drop_bytes(struct px_stream *s, size_t n)
{
	size_t owned = n < stream_owned(s) ? n : stream_owned(s);

	s->buf_first += owned;
	s->budget->total -= owned;
	if (s->buf_first == s->buf.len) {
		s->buf_first = 0;
		s->buf.len = 0;
		if (s->buf.cap > STREAM_BUF_KEEP) /* a stream that once held much does not stay large */
			px_buf_fini(&s->buf);
	} else if (s->buf_first > s->buf.cap / 2) {
		px_buf_drop(&s->buf, s->buf_first);
		s->buf_first = 0;
	}
	s->lent = px_bytes_sub(s->lent, n - owned, SIZE_MAX);
}

void px_stream_consume(struct px_stream *s, uint64_t n)
{
	while (n > 0 && s->piece_count > 0) {
		struct px_piece *p = stream_piece(s, 0);
		uint64_t part = n < p->len ? n : p->len;

		if (p->kind == PX_PIECE_DATA)
			stream_drop_bytes(s, (size_t)part);
		s->last = p->info;
		s->pos += part;
		n -= part;
		p->pos += part;
		p->len -= part;
		if (p->len == 0) {
			s->piece_first = (s->piece_first + 1) & (s->piece_cap - 1);
			s->piece_count--;
		}
	}
}

static void stream_discard_front(struct px_stream *s)
{
	uint64_t here = s->end - s->pos, n = s->discard < here ? s->discard : here;

	px_stream_consume(s, n);
	s->discard -= n;
}

void px_stream_discard(struct px_stream *s, uint64_t n)
{
	s->discard += n;
	stream_discard_front(s);
}

const struct px_piece *px_stream_front(struct px_stream *s)
{
	if (s->discard)
		stream_discard_front(s);
	return s->piece_count ? stream_piece(s, 0) : NULL;
}

struct px_bytes px_stream_view(struct px_stream *s)
{
	size_t run = 0;

	if (s->piece_count == 1 && stream_owned(s) == 0)
		return stream_piece(s, 0)->kind == PX_PIECE_DATA ? s->lent
								 : (struct px_bytes){ NULL, 0 };
	for (uint32_t i = 0; i < s->piece_count && stream_piece(s, i)->kind == PX_PIECE_DATA; i++)
		run += (size_t)stream_piece(s, i)->len;
	if (run > stream_owned(s) && stream_owned(s) > 0)
		px_stream_settle(s); /* one view needs one place; a failure turned the piece into a hole */
	if (stream_owned(s) == 0)
		return px_bytes_sub(s->lent, 0, run);
	return px_bytes_sub(px_buf_bytes(&s->buf), s->buf_first, run);
}
