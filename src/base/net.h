/* SPDX-License-Identifier: Apache-2.0 */
/* Which connections are meant: by port, address and role. */
#ifndef PX_BASE_NET_H
#define PX_BASE_NET_H

#include "base/bytes.h"
#include "base/dir.h"

#define PX_PORTS_MAX 16
#define PX_NETS_MAX 8

/* All addresses that begin with the same bits. */
struct px_net {
	bool is_v6;
	uint8_t bits;
	uint8_t addr[16];	/* network order, what is behind the bits is 0; IPv4 in the first four */
};

/*
 * Each of the three has to hold; an empty list holds for all. A port or address may be on either
 * end.
 */
struct px_ends {
	uint16_t ports[PX_PORTS_MAX];
	size_t port_count;
	struct px_net nets[PX_NETS_MAX];
	size_t net_count;
	enum px_role role;	/* PX_ROLE_UNKNOWN: any */
};

/* Do they leave anything out? */
static inline bool px_ends_choose(const struct px_ends *e)
{
	return e->port_count || e->net_count || e->role;
}

#endif
