/* SPDX-License-Identifier: Apache-2.0 */
#include "conn/peers.h"

#include <errno.h>
#include <stdlib.h>

#include "conn/life.h"
#include "conn/table.h"

#define PEERS_BUCKETS 2048u /* a power of two */

int px_peers_init(struct px_peers *p, struct px_table *table, size_t max, uint64_t idle_ns)
{
	*p = (struct px_peers){ .max = max, .idle_ns = idle_ns, .table = table };
	p->buckets = calloc(PEERS_BUCKETS, sizeof(*p->buckets));
	return p->buckets ? 0 : -ENOMEM;
}

static struct px_conn **peers_bucket(struct px_peers *p, uint64_t sock_id,
				     const uint8_t remote_addr[16], uint16_t remote_port)
{
	uint64_t addr[2], mix;

	memcpy(addr, remote_addr, sizeof(addr));
	mix = (sock_id ^ addr[0] ^ addr[1] * 31 ^ (uint64_t)remote_port << 40) *
	      0x9e3779b97f4a7c15ull;
	return &p->buckets[(size_t)(mix >> 40) & (PEERS_BUCKETS - 1)];
}

static bool peers_is_same(const struct px_conn *c, const struct px_abi_event *h)
{
	return c->sock_id == h->sock_id && c->sock_gen == h->sock_gen &&
	       c->remote_port == h->remote_port && c->family == h->family &&
	       c->scope_id == h->scope_id && memcmp(c->remote_addr, h->remote_addr, 16) == 0;
}

static void peers_age_append(struct px_peers *p, struct px_conn *c)
{
	c->age_prev = p->age_last;
	c->age_next = NULL;
	*(p->age_last ? &p->age_last->age_next : &p->age_first) = c;
	p->age_last = c;
}

static void peers_age_unlink(struct px_peers *p, struct px_conn *c)
{
	*(c->age_prev ? &c->age_prev->age_next : &p->age_first) = c->age_next;
	*(c->age_next ? &c->age_next->age_prev : &p->age_last) = c->age_prev;
}

static void peers_close(struct px_peers *p, struct px_conn *c)
{
	struct px_conn **at = peers_bucket(p, c->sock_id, c->remote_addr, c->remote_port);

	c->closed = true;
	c->closed_ns = c->last_ns;
	px_datagrams_end(&p->table->datagrams, c);
	if (!c->is_packet)
		p->table->opt.on_close(p->table->opt.ctx, c);
	while (*at != c)
		at = &(*at)->hash_next;
	*at = c->hash_next;
	peers_age_unlink(p, c);
	p->count--;
	free(c);
}

static struct px_conn *peers_add(struct px_peers *p, const struct px_abi_event *h)
{
	struct px_conn *c = calloc(1, sizeof(*c)), **bucket;

	if (!c)
		return NULL;
	if (p->count >= p->max)
		peers_close(p, p->age_first);
	c->table = p->table;
	c->sock_id = h->sock_id;
	c->sock_gen = h->sock_gen;
	c->family = h->family;
	c->type = h->type;
	c->protocol = h->protocol;
	c->netns = h->netns;
	c->is_packet = (h->flags & PX_ABI_F_PACKET) != 0;
	c->remote_port = h->remote_port;
	c->scope_id = h->scope_id;
	memcpy(c->remote_addr, h->remote_addr, sizeof(c->remote_addr));
	c->first_ns = h->ts_ns;
	c->connect_ns = -1;
	px_life_name(c, ++p->table->serial);
	bucket = peers_bucket(p, h->sock_id, h->remote_addr, h->remote_port);
	c->hash_next = *bucket;
	*bucket = c;
	peers_age_append(p, c);
	p->count++;
	return c;
}

struct px_conn *px_peers_event(struct px_peers *p, const struct px_abi_event *h)
{
	struct px_conn *c = *peers_bucket(p, h->sock_id, h->remote_addr, h->remote_port);
	bool is_new = false;

	p->datagrams++;
	while (c && !peers_is_same(c, h))
		c = c->hash_next;
	if (!c) {
		c = peers_add(p, h);
		is_new = true;
	}
	if (!c)
		return NULL;
	/*
	 * A socket gets its port with its first datagram at the latest, an address when it
	 * connects.
	 */
	c->local_port = h->local_port;
	if (memcmp(c->local_addr, h->local_addr, sizeof(c->local_addr)) != 0) {
		memcpy(c->local_addr, h->local_addr, sizeof(c->local_addr));
		c->local_text[0] = '\0';
	}
	c->pid = h->pid;
	c->tid = h->tid;
	c->uid = h->uid;
	memcpy(c->comm, h->comm, sizeof(c->comm));
	if (h->ts_ns > c->last_ns)
		c->last_ns = h->ts_ns;
	c->bytes[h->dir ? PX_DIR_OUT : PX_DIR_IN] += h->len;
	if (is_new && !c->is_packet) {
		p->table->opt.on_open(p->table->opt.ctx, c);
	} else if (p->age_last != c) {
		peers_age_unlink(p, c);
		peers_age_append(p, c);
	}
	return c;
}

void px_peers_advance(struct px_peers *p, uint64_t now_ns)
{
	while (p->age_first && now_ns > p->age_first->last_ns + p->idle_ns)
		peers_close(p, p->age_first);
}

void px_peers_forget(struct px_peers *p, bool (*is_out)(void *ctx, const struct px_conn *c),
		     void *ctx)
{
	for (struct px_conn *c = p->age_first, *next; c; c = next) {
		next = c->age_next;
		if (!is_out || is_out(ctx, c))
			peers_close(p, c);
	}
}

void px_peers_fini(struct px_peers *p)
{
	px_peers_forget(p, NULL, NULL);
	free(p->buckets);
	p->buckets = NULL;
}
