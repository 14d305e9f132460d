/* SPDX-License-Identifier: Apache-2.0 */
/* What the server owes: a ring that grows. */
#include "pgsql/message.h"

#include <stdlib.h>

static bool owed_grow(struct pgsql_state *st)
{
	uint32_t cap = st->owed_cap ? st->owed_cap * 2 : 8;
	struct pgsql_owed *ring;

	if (cap > PGSQL_OWED_MAX)
		return false;
	ring = malloc(cap * sizeof(*ring));
	if (!ring)
		return false;
	for (uint32_t i = 0; i < st->owed_count; i++)
		ring[i] = st->owed[(st->owed_first + i) & (st->owed_cap - 1)];
	free(st->owed);
	st->owed = ring;
	st->owed_first = 0;
	st->owed_cap = cap;
	return true;
}

struct pgsql_owed *pgsql_owed_push(struct pgsql_state *st, enum pgsql_owed_kind kind)
{
	struct pgsql_owed *o;

	if (st->owed_count == st->owed_cap && !owed_grow(st))
		return NULL;
	o = &st->owed[(st->owed_first + st->owed_count++) & (st->owed_cap - 1)];
	memset(o, 0, sizeof(*o));
	o->kind = (uint8_t)kind;
	o->parses = st->parses;
	return o;
}

struct pgsql_owed *pgsql_owed_at(struct pgsql_state *st, uint32_t n)
{
	return n < st->owed_count ? &st->owed[(st->owed_first + n) & (st->owed_cap - 1)] : NULL;
}

void pgsql_owed_pop(struct pgsql_state *st)
{
	if (st->owed_count == 0)
		return;
	st->owed_first = (st->owed_first + 1) & (st->owed_cap - 1);
	st->owed_count--;
}

void pgsql_owed_drop(struct pgsql_state *st, uint32_t n)
{
	if (n == 1 && st->owed_count > 1)
		*pgsql_owed_at(st, 1) = *pgsql_owed_at(st, 0);
	pgsql_owed_pop(st);
}
