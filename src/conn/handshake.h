/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the wire tells of a TLS handshake: followed, kept, and told once per connection. Who does not
 * ask for all of them is told of those whose inside stays hidden; whether that is so shows only some
 * time after the handshake, when the client has said more and no library has been heard of. Of conn/
 * alone.
 */
#ifndef PX_CONN_HANDSHAKE_H
#define PX_CONN_HANDSHAKE_H

#include "conn/table.h"

/* A side's part is complete. f is the receiver's now. */
void px_handshake_frame(struct px_conn *c, struct px_frame *f);

/* The protocol in the streams of c has ended. A handshake: what was kept is told, or waits for that, or is of no interest. */
void px_handshake_over(struct px_conn *c);

/*
 * c is about to have plaintext in its streams: what they have of a handshake under way goes on
 * elsewhere, if somebody wants it.
 */
void px_handshake_move(struct px_conn *c);

/* Bytes of a socket whose handshake was moved. Returns false when it is over by now. */
bool px_handshake_cipher(struct px_conn *c, const struct px_event *ev);

/* c ends. */
void px_handshake_finish(struct px_conn *c);

/* Tell of those that have waited for long enough (source clock, ns). */
void px_handshake_advance(struct px_table *t, uint64_t now_ns);

#endif
