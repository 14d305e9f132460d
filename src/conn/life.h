/* SPDX-License-Identifier: Apache-2.0 */
/* How a connection begins and ends, as the events tell it. Of conn/ alone. */
#ifndef PX_CONN_LIFE_H
#define PX_CONN_LIFE_H

#include "conn/table.h"

/* The id that records have: socket and serial number in hexadecimal digits. */
void px_life_name(struct px_conn *c, uint64_t serial);

void px_life_addresses(struct px_conn *c, const struct px_abi_event *h);

/* PX_ABI_OPEN, PX_ABI_NAMES, PX_ABI_CLOSE */
void px_life_open(struct px_conn *c, const struct px_event *ev);
void px_life_names(struct px_conn *c, struct px_bytes data);
void px_life_close(struct px_conn *c, const struct px_abi_event *h);

/* Tell of the opening if that was seen and not told yet. */
void px_life_tell_open(struct px_conn *c);

/*
 * The socket is gone. What was moved and never seen is lost now; what a message may have been cut
 * off by is no end of it.
 */
void px_life_finish(struct px_conn *c);

/* Offset behind the responses, as far as they have come; 0: which direction they have is not known. */
uint64_t px_life_responses_end(const struct px_conn *c);

/* Of a closed connection: have the responses ended there? */
bool px_life_is_whole(const struct px_conn *c);

/* An event whose turn it is goes to who wants all of them (px_table_options.on_event). */
static inline void px_life_show(struct px_conn *c, const struct px_event *ev, uint64_t pos)
{
	if (c->table->opt.on_event)
		c->table->opt.on_event(c->table->opt.ctx, c, ev, pos);
}

#endif
