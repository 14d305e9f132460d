/* SPDX-License-Identifier: Apache-2.0 */
/* Commands on their way: what the parser of their answers has to know of them. */
#include "mysql/message.h"

#include <stdlib.h>

static struct mysql_pending *pending_at(const struct mysql_state *st, uint32_t n)
{
	return &st->pending[(st->pending_first + n) % st->pending_cap];
}

/* The ring is full: one twice as large, beginning with the first. */
static bool pending_grow(struct mysql_state *st)
{
	uint32_t cap = st->pending_cap ? st->pending_cap * 2 : 4;
	struct mysql_pending *ring;

	if (cap > MYSQL_PENDING_MAX)
		return false;
	ring = malloc(cap * sizeof(*ring));
	if (!ring)
		return false;
	for (uint32_t i = 0; i < st->pending_count; i++)
		ring[i] = *pending_at(st, i);
	free(st->pending);
	st->pending = ring;
	st->pending_cap = cap;
	st->pending_first = 0;
	return true;
}

struct mysql_pending *mysql_pending_push(struct mysql_state *st)
{
	struct mysql_pending *p;

	if (st->pending_count == st->pending_cap && !pending_grow(st))
		return NULL;
	p = pending_at(st, st->pending_count++);
	memset(p, 0, sizeof(*p));
	return p;
}

struct mysql_pending *mysql_pending_first(const struct mysql_state *st)
{
	return st->pending_count ? pending_at(st, 0) : NULL;
}

struct mysql_pending *mysql_pending_last(const struct mysql_state *st)
{
	return st->pending_count ? pending_at(st, st->pending_count - 1) : NULL;
}

struct mysql_pending *mysql_pending_latest(const struct mysql_state *st, unsigned int command)
{
	for (uint32_t i = st->pending_count; i > 0; i--)
		if (pending_at(st, i - 1)->command == command)
			return pending_at(st, i - 1);
	return NULL;
}

void mysql_pending_pop(struct mysql_state *st)
{
	free(pending_at(st, 0)->sql);
	st->pending_first = (st->pending_first + 1) % st->pending_cap;
	st->pending_count--;
}

void mysql_pending_clear(struct mysql_state *st)
{
	while (st->pending_count)
		mysql_pending_pop(st);
	free(st->pending);
	st->pending = NULL;
	st->pending_cap = st->pending_first = 0;
}
