/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prepared statements and portals. They live as long as the connection and are bounded in number
 * and bytes: the one that was used longest ago is forgotten, and an execution of it has no text.
 */
#include "pgsql/message.h"

#include <stdlib.h>

static uint32_t stmt_hash(struct px_bytes name)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < name.len; i++)
		h = (h ^ (uint8_t)name.ptr[i]) * 16777619u;
	return h;
}

/* Take it out of its bucket and free what it holds but for the buffers, which the next one uses. */
static void stmt_clear(struct pgsql_state *st, struct pgsql_stmt *s)
{
	struct pgsql_stmts *all = &st->stmts;

	if (s->slot > 0) {
		uint16_t *link = &all->buckets[s->hash % PGSQL_BUCKETS];

		while (*link != s->slot)
			link = &all->slots[*link]->next;
		*link = s->next;
		all->free_count++;
	}
	s->id = 0;
}

/* Free the memory of a statement. */
static void stmt_free(struct pgsql_state *st, struct pgsql_stmt *s)
{
	st->stmts.bytes -= s->cap + s->type_cap * sizeof(*s->types) + s->columns.cap;
	free(s->name);
	free(s->types);
	free(s->columns.ptr);
	s->name = NULL;
	s->types = NULL;
	s->columns = (struct pgsql_texts){ .ptr = NULL };
	s->cap = s->type_cap = 0;
}

void pgsql_stmts_free(struct pgsql_state *st)
{
	struct pgsql_stmts *all = &st->stmts;

	for (uint16_t i = 0; i < all->slot_count; i++) {
		if (all->slots[i]) {
			stmt_free(st, all->slots[i]);
			free(all->slots[i]);
		}
	}
	free(all->slots);
	free(all->buckets);
	*all = (struct pgsql_stmts){ .next_id = all->next_id };
}

void pgsql_stmts_clear(struct pgsql_state *st)
{
	pgsql_stmts_free(st);
	st->unnamed = (struct pgsql_portal){ .id = 0 };
	memset(st->portals, 0, sizeof(st->portals));
}

static struct pgsql_stmt *stmt_slot(struct pgsql_state *st, uint16_t slot)
{
	return slot < st->stmts.slot_count ? st->stmts.slots[slot] : NULL;
}

struct pgsql_stmt *pgsql_stmt_of(struct pgsql_state *st, uint16_t slot, uint64_t id)
{
	struct pgsql_stmt *s = id ? stmt_slot(st, slot) : NULL;

	return s && s->id == id ? s : NULL;
}

struct pgsql_stmt *pgsql_stmt_find(struct pgsql_state *st, struct px_bytes name)
{
	struct pgsql_stmts *all = &st->stmts;
	struct pgsql_stmt *s;
	uint32_t hash;

	if (name.len == 0) {
		s = stmt_slot(st, 0);
		return s && s->id ? s : NULL;
	}
	if (!all->buckets)
		return NULL;
	hash = stmt_hash(name);
	for (uint16_t slot = all->buckets[hash % PGSQL_BUCKETS]; slot > 0; slot = s->next) {
		s = all->slots[slot];
		if (s->hash == hash && px_bytes_eq(px_bytes_of(s->name, s->name_len), name)) {
			s->used = ++all->clock;
			return s;
		}
	}
	return NULL;
}

/* The one that was used longest ago goes. False: there is none. */
static bool stmt_evict(struct pgsql_state *st, const struct pgsql_stmt *but)
{
	struct pgsql_stmts *all = &st->stmts;
	struct pgsql_stmt *oldest = NULL;

	for (uint16_t i = 1; i < all->slot_count; i++) {
		struct pgsql_stmt *s = all->slots[i];

		if (s && s != but && (s->id || s->cap) &&
		    (!oldest || !s->id || s->used < oldest->used))
			oldest = s;
		if (oldest && !oldest->id)
			break;
	}
	if (!oldest)
		return false;
	if (oldest->id)
		stmt_clear(st, oldest);
	stmt_free(st, oldest);
	return true;
}

/* Make room for more bytes of s. */
static bool stmt_charge(struct pgsql_state *st, const struct pgsql_stmt *s, size_t more)
{
	while (st->stmts.bytes + more > PGSQL_STMTS_BYTES_MAX)
		if (!stmt_evict(st, s))
			return false;
	st->stmts.bytes += more;
	return true;
}

/* A slot that is free; a named one. */
static struct pgsql_stmt *stmt_new(struct pgsql_state *st, bool is_named)
{
	struct pgsql_stmts *all = &st->stmts;
	uint16_t slot = 0;

	if (!all->slots) {
		all->slots = calloc(8, sizeof(*all->slots));
		if (!all->slots)
			return NULL;
		all->slot_cap = 8;
		all->slot_count = 1;
	}
	if (is_named && !all->buckets) {
		all->buckets = calloc(PGSQL_BUCKETS, sizeof(*all->buckets));
		if (!all->buckets)
			return NULL;
	}
	if (is_named && all->free_count == 0 && all->slot_count == PGSQL_STMTS_MAX &&
	    !stmt_evict(st, NULL))
		return NULL;
	if (is_named && all->free_count > 0) {
		for (slot = 1; all->slots[slot] && all->slots[slot]->id;)
			slot++;
		all->free_count--;
	} else if (is_named) {
		if (all->slot_count == all->slot_cap) {
			size_t cap = all->slot_cap * 2u;
			struct pgsql_stmt **slots = realloc(all->slots, cap * sizeof(*slots));

			if (!slots)
				return NULL;
			memset(slots + all->slot_cap, 0, (cap - all->slot_cap) * sizeof(*slots));
			all->slots = slots;
			all->slot_cap = (uint16_t)cap;
		}
		slot = all->slot_count;
	}
	if (!all->slots[slot]) {
		all->slots[slot] = calloc(1, sizeof(**all->slots));
		if (!all->slots[slot]) {
			if (is_named && slot < all->slot_count)
				all->free_count++;
			return NULL;
		}
	}
	if (slot == all->slot_count)
		all->slot_count++;
	all->slots[slot]->slot = slot;
	return all->slots[slot];
}

struct pgsql_stmt *pgsql_stmt_define(struct pgsql_state *st, struct px_bytes name,
				     struct px_bytes text, bool is_cut)
{
	struct pgsql_stmt *s;
	uint32_t want;

	pgsql_stmt_drop(st, name);
	if (name.len > PGSQL_NAME_MAX)
		return NULL;
	if (text.len > PGSQL_TEXT_MAX) {
		text.len = PGSQL_TEXT_MAX;
		is_cut = true;
	}
	s = stmt_new(st, name.len > 0);
	if (!s)
		return NULL;
	want = (uint32_t)(name.len + text.len);
	if (want > s->cap) {
		uint32_t cap = want < 64 ? 64 : want;
		char *p = stmt_charge(st, s, cap - s->cap) ? realloc(s->name, cap) : NULL;

		if (!p) {
			if (s->slot > 0)
				st->stmts.free_count++;
			return NULL;
		}
		s->name = p;
		s->cap = cap;
	}
	if (name.len > 0 && s->name)
		memcpy(s->name, name.ptr, name.len);
	if (text.len > 0)
		memcpy(s->name + name.len, text.ptr, text.len);
	s->name_len = (uint16_t)name.len;
	s->text_len = (uint32_t)text.len;
	s->is_cut = is_cut;
	s->has_types = s->has_columns = false;
	s->id = ++st->stmts.next_id;
	s->used = ++st->stmts.clock;
	if (s->slot > 0) {
		s->hash = stmt_hash(name);
		s->next = st->stmts.buckets[s->hash % PGSQL_BUCKETS];
		st->stmts.buckets[s->hash % PGSQL_BUCKETS] = s->slot;
	}
	return s;
}

void pgsql_stmt_drop(struct pgsql_state *st, struct px_bytes name)
{
	struct pgsql_stmt *s = pgsql_stmt_find(st, name);

	if (s)
		stmt_clear(st, s);
}

void pgsql_stmts_undo(struct pgsql_state *st, uint64_t first, uint64_t last)
{
	if (first > last)
		return;
	for (uint16_t i = 0; i < st->stmts.slot_count; i++) {
		struct pgsql_stmt *s = st->stmts.slots[i];

		if (s && s->id && s->parse_no >= first && s->parse_no <= last)
			stmt_clear(st, s);
	}
}

void pgsql_stmt_set_types(struct pgsql_state *st, struct pgsql_stmt *s, const uint32_t *types,
			  uint32_t count)
{
	if (count > PGSQL_TYPES_MAX)
		return;
	if (count > s->type_cap) {
		uint32_t *p;

		if (!stmt_charge(st, s, (count - s->type_cap) * sizeof(*types)))
			return;
		p = realloc(s->types, count * sizeof(*types));
		if (!p) {
			st->stmts.bytes -= (count - s->type_cap) * sizeof(*types);
			return;
		}
		s->types = p;
		s->type_cap = count;
	}
	if (count > 0)
		memcpy(s->types, types, count * sizeof(*types));
	s->type_count = (uint16_t)count;
	s->has_types = true;
}

void pgsql_stmt_set_columns(struct pgsql_state *st, struct pgsql_stmt *s,
			    const struct pgsql_texts *columns)
{
	struct pgsql_texts *own = &s->columns;

	if (s->has_columns && own->len == columns->len && own->count == columns->count &&
	    (own->len == 0 || memcmp(own->ptr, columns->ptr, own->len) == 0))
		return;
	s->has_columns = false;
	if (columns->is_cut)
		return;
	if (columns->len > own->cap) {
		char *p;

		if (!stmt_charge(st, s, columns->len - own->cap))
			return;
		p = realloc(own->ptr, columns->len);
		if (!p) {
			st->stmts.bytes -= columns->len - own->cap;
			return;
		}
		own->ptr = p;
		own->cap = columns->len;
	}
	if (columns->len > 0)
		memcpy(own->ptr, columns->ptr, columns->len);
	own->len = columns->len;
	own->count = columns->count;
	s->has_columns = true;
}

/*
 * DEALLOCATE [PREPARE] name | ALL and DISCARD ALL. A name in quotes is taken as it is, another one
 * in lower case, as the server does.
 */
void pgsql_stmts_obey(struct pgsql_state *st, struct px_bytes sql, const struct px_sql_look *look)
{
	struct px_sql_lexer lex = { .text = sql, .dialect = PX_SQL_POSTGRES };
	bool is_discard = px_bytes_eq(px_sql_verb(look), PX_BYTES("DISCARD"));
	char folded[PGSQL_NAME_MAX];
	struct px_sql_token t;
	struct px_bytes name;

	if (!is_discard && !px_bytes_eq(px_sql_verb(look), PX_BYTES("DEALLOCATE")))
		return;
	(void)px_sql_next(&lex);
	t = px_sql_next(&lex);
	name = px_sql_text(&lex, &t);
	if (!is_discard && px_bytes_caseeq(name, PX_BYTES("PREPARE"))) {
		t = px_sql_next(&lex);
		name = px_sql_text(&lex, &t);
	}
	if (px_bytes_caseeq(name, PX_BYTES("ALL"))) {
		pgsql_stmts_clear(st);
		return;
	}
	if (is_discard)
		return;
	if (t.kind == PX_SQL_QUOTED) {
		name = px_bytes_sub(sql, t.inner_from, t.inner_to - t.inner_from);
		if (px_bytes_find(name, 0, '"') < name.len) {
			pgsql_stmts_clear(st); /* a quote in a name: rather know nothing */
			return;
		}
	} else if (name.len <= sizeof(folded)) {
		for (size_t i = 0; i < name.len; i++)
			folded[i] = px_ascii_lower(name.ptr[i]);
		name = px_bytes_of(folded, name.len);
	}
	if (name.len > 0)
		pgsql_stmt_drop(st, name);
}

static struct pgsql_portal *portal_find(struct pgsql_state *st, struct px_bytes name)
{
	if (name.len == 0)
		return &st->unnamed;
	for (size_t i = 0; i < PX_COUNT(st->portals); i++)
		if (px_bytes_eq(px_bytes_of(st->portals[i].name, st->portals[i].name_len), name))
			return &st->portals[i];
	return NULL;
}

void pgsql_portal_bind(struct pgsql_state *st, struct px_bytes name, const struct pgsql_stmt *s)
{
	struct pgsql_portal *p = portal_find(st, name);

	if (name.len > PGSQL_NAME_MAX)
		return;
	if (!p) {
		p = &st->portals[st->next_portal++ % PGSQL_PORTALS_MAX];
		memcpy(p->name, name.ptr, name.len);
		p->name_len = (uint8_t)name.len;
	}
	p->id = s ? s->id : 0;
	p->slot = s ? s->slot : 0;
}

const struct pgsql_portal *pgsql_portal_find(const struct pgsql_state *st, struct px_bytes name)
{
	return portal_find((struct pgsql_state *)(uintptr_t)st, name);
}

void pgsql_portal_drop(struct pgsql_state *st, struct px_bytes name)
{
	struct pgsql_portal *p = portal_find(st, name);

	if (!p)
		return;
	p->id = 0;
	p->name_len = 0;
}
