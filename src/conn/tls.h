/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection whose socket moves ciphertext while a TLS library tells what is inside: its streams go
 * on with the plaintext where the socket's own bytes left them, and of those only the number counts.
 * Of conn/ alone.
 */
#ifndef PX_CONN_TLS_H
#define PX_CONN_TLS_H

#include "conn/table.h"

/* From this event on (PX_ABI_TIE, or the first with PX_ABI_F_TLS) c is such a connection. */
void px_tls_begin(struct px_conn *c, const struct px_abi_event *h);

/* Its bytes are those of the socket: they are counted, and looked at while there is a handshake. */
void px_tls_cipher(struct px_conn *c, const struct px_event *ev);

/* Give the positions of plaintext their place in the streams. */
static inline void px_tls_place(const struct px_conn *c, struct px_abi_event *h)
{
	enum px_dir dir = h->dir ? PX_DIR_OUT : PX_DIR_IN;

	h->pos += c->tls_base[dir];
	h->peer_pos += c->tls_base[px_dir_other(dir)];
}

#endif
