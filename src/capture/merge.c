/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/merge.h"

#include <errno.h>
#include <stdlib.h>

#include "abi.h"

/*
 * Records of linux/perf_event.h, at multiples of 8 bytes:
 *
 *   PERF_RECORD_SAMPLE  struct perf_event_header, u32 size of what follows, u32 front, event, padding
 *   PERF_RECORD_LOST    struct perf_event_header, u64 id, u64 lost
 *
 * front is what bpf_src/perf.bpf.h sends before an event; a sample with nothing else only wakes us.
 */
#define MERGE_RAW 8	/* place of the size */
#define MERGE_EVENT 16	/* of the event, and of a number of lost ones */
#define MERGE_TIME (MERGE_EVENT + offsetof(struct px_abi_event, ts_ns))
#define MERGE_FRONT 4
#define MERGE_HEAD sizeof(struct px_abi_event)
#define MERGE_RECORD_MAX 65536	/* a record's size is told in 16 bits */

int px_merge_init(struct px_merge *m, struct px_lane *lanes, size_t count)
{
	*m = (struct px_merge){ .lanes = lanes, .lane_count = count };
	m->ready = calloc(count ? count : 1, sizeof(*m->ready));
	m->joined = malloc(MERGE_RECORD_MAX);
	if (m->ready && m->joined)
		return 0;
	px_merge_fini(m);
	return -ENOMEM;
}

void px_merge_fini(struct px_merge *m)
{
	free(m->ready);
	free(m->joined);
	*m = (struct px_merge){ 0 };
}

/* n bytes at pos, which do not go over the buffer's end. */
static const char *lane_at(const struct px_lane *l, uint64_t pos)
{
	return l->data + (pos & (l->size - 1));
}

static uint64_t lane_u64(const struct px_lane *l, uint64_t pos)
{
	uint64_t v;

	memcpy(&v, lane_at(l, pos), sizeof(v));
	return v;
}

static uint32_t lane_u32(const struct px_lane *l, uint64_t pos)
{
	uint32_t v;

	memcpy(&v, lane_at(l, pos), sizeof(v));
	return v;
}

static struct perf_event_header lane_header(const struct px_lane *l)
{
	struct perf_event_header h;

	memcpy(&h, lane_at(l, l->tail), sizeof(h));
	return h;
}

/* Go to the next event that was seen; false at the end. */
static bool lane_find(struct px_merge *m, struct px_lane *l)
{
	while (l->tail < l->head) {
		struct perf_event_header h = lane_header(l);
		uint32_t raw;

		if (h.size < MERGE_EVENT || h.size % 8 || h.size > l->head - l->tail) {
			m->malformed++;	/* where the next one begins is not known either */
			l->tail = l->head;
			break;
		}
		if (h.type == PERF_RECORD_LOST && h.size >= MERGE_EVENT + 8)
			m->lost += lane_u64(l, l->tail + MERGE_EVENT);
		if (h.type == PERF_RECORD_SAMPLE) {
			raw = lane_u32(l, l->tail + MERGE_RAW);
			if (raw > (uint32_t)h.size - MERGE_EVENT + MERGE_FRONT ||
			    (raw > MERGE_FRONT && raw < MERGE_FRONT + MERGE_HEAD)) {
				m->malformed++;
			} else if (raw > MERGE_FRONT) {
				l->ts_ns = lane_u64(l, l->tail + MERGE_TIME);
				return true;
			}
		}
		l->tail += h.size;
	}
	return false;
}

/* The event at the tail, in one piece. */
static struct px_bytes lane_event(const struct px_merge *m, const struct px_lane *l)
{
	size_t len = lane_u32(l, l->tail + MERGE_RAW) - MERGE_FRONT;
	uint64_t begin = (l->tail + MERGE_EVENT) & (l->size - 1), first = l->size - begin;

	if (len <= first)
		return px_bytes_of(l->data + begin, len);
	memcpy(m->joined, l->data + begin, first);
	memcpy(m->joined + first, l->data, len - first);
	return px_bytes_of(m->joined, len);
}

static void lane_tell(struct px_lane *l)
{
	if (l->told == l->tail)
		return;
	/* What was read has been read before the kernel may write over it. */
	__atomic_store_n(&l->page->data_tail, l->tail, __ATOMIC_RELEASE);
	l->told = l->tail;
	if (l->taken)
		__atomic_store_n(l->taken, l->event_bytes, __ATOMIC_RELAXED);
}

/*
 * Past the event that was given out. What has been read goes back to the kernel in larger pieces,
 * since each time takes the line away from the CPU that writes.
 */
static void merge_step(struct px_merge *m)
{
	struct px_lane *l = m->current;
	uint16_t size = lane_header(l).size;

	m->is_lent = false;
	l->tail += size;
	l->event_bytes += size;
	if (l->tail - l->told > l->size / 8)
		lane_tell(l);
	if (lane_find(m, l)) {
		if (l->ts_ns > m->rival_ns)
			m->current = NULL;
		return;
	}
	m->current = NULL;
	for (size_t i = 0; i < m->ready_count; i++)
		if (m->ready[i] == l)
			m->ready[i--] = m->ready[--m->ready_count];
}

bool px_merge_look(struct px_merge *m)
{
	px_merge_release(m);
	m->current = NULL;
	m->ready_count = 0;
	for (size_t i = 0; i < m->lane_count; i++) {
		struct px_lane *l = &m->lanes[i];

		l->head = __atomic_load_n(&l->page->data_head, __ATOMIC_ACQUIRE);
		if (lane_find(m, l))
			m->ready[m->ready_count++] = l;
	}
	return m->ready_count > 0;
}

static bool lane_is_before(const struct px_lane *a, const struct px_lane *b)
{
	return a->ts_ns < b->ts_ns || (a->ts_ns == b->ts_ns && a < b);
}

/* The lane that is the furthest behind goes on until another one is. */
static void merge_choose(struct px_merge *m)
{
	m->rival_ns = UINT64_MAX;
	for (size_t i = 0; i < m->ready_count; i++) {
		struct px_lane *l = m->ready[i];

		if (!m->current || lane_is_before(l, m->current)) {
			if (m->current)
				m->rival_ns = m->current->ts_ns;
			m->current = l;
		} else if (l->ts_ns < m->rival_ns) {
			m->rival_ns = l->ts_ns;
		}
	}
}

bool px_merge_next(struct px_merge *m, uint64_t until_ns, struct px_bytes *out)
{
	if (m->is_lent)
		merge_step(m);
	if (!m->current)
		merge_choose(m);
	if (!m->current || m->current->ts_ns > until_ns) {
		m->current = NULL;
		return false;
	}
	*out = lane_event(m, m->current);
	m->is_lent = true;
	return true;
}

void px_merge_release(struct px_merge *m)
{
	if (m->is_lent)
		merge_step(m);
	for (size_t i = 0; i < m->lane_count; i++)
		lane_tell(&m->lanes[i]);
}
