/* SPDX-License-Identifier: Apache-2.0 */
/* The packets of an answer, one by one: what answer.c hands to reply.c. */
#ifndef PX_PARSERS_MYSQL_REPLY_H
#define PX_PARSERS_MYSQL_REPLY_H

#include "mysql/message.h"

enum reply_next {
	REPLY_ON,	/* the packet is dealt with */
	REPLY_AGAIN,	/* it belongs to the next phase: look at it again */
	REPLY_LEAVE,	/* it is not this answer's, which is complete */
	REPLY_BAD,
};

/* A packet as far as it is looked at. */
struct reply_packet {
	struct px_bytes payload; /* at most as many bytes as mysql_reply_wants() said */
	uint32_t len;		/* of all of it */
	uint8_t first;
};

/* Payload bytes that have to be there of a packet with this first byte and length. */
size_t mysql_reply_wants(const struct mysql_msg *m, uint8_t first, uint32_t len);

enum reply_next mysql_reply_packet(struct mysql_state *st, struct mysql_msg *m,
				   const struct reply_packet *p, struct px_arena *arena);

/*
 * Is the answer complete? Where an EOF packet is not sent there is no packet to tell. !has_packet:
 * none will come.
 */
bool mysql_reply_is_over(struct mysql_state *st, struct mysql_msg *m, bool has_packet);

/* Commands behind which the connection belongs to something else. */
bool mysql_com_is_stream(unsigned int command);

#endif
