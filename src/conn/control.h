/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel side needs not copy of a connection: worked out from what is decoded of it, told
 * with px_table_options.on_control. Of conn/ alone.
 */
#ifndef PX_CONN_CONTROL_H
#define PX_CONN_CONTROL_H

#include "conn/table.h"

/* Nobody will look at the bytes of this direction before offset `until`. */
void px_control_discard(struct px_conn *c, enum px_dir dir, uint64_t until);

/*
 * The stream has moved on while something was told of it: move the mark on in what is longer than a
 * mark can tell; one far behind would lie ahead again after a wrap.
 */
void px_control_renew(struct px_conn *c, enum px_dir dir);

/*
 * A message was finished. A connection that carries large ones, one after the other: the kernel
 * side can copy less of each.
 */
void px_control_frame(struct px_conn *c, const struct px_frame *f);

/*
 * Bytes were handed to the decoder. Of a connection that nobody understands the kernel side copies
 * the beginnings of calls, in case that changes; one where it cannot is dropped.
 */
void px_control_unknown(struct px_conn *c);

/* A call of a dropped connection: told before the kernel side knew. */
void px_control_count(struct px_conn *c, const struct px_abi_event *h);

/* Its bytes are ciphertext: they need not be copied, nor told. */
void px_control_cipher(struct px_conn *c);

/* A dropped connection ends: what it has moved becomes known. */
void px_control_end(struct px_conn *c);

/* Framing was lost, maybe because too little was copied: from now on all is. */
void px_control_gap(struct px_conn *c);

#endif
