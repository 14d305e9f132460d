/* SPDX-License-Identifier: Apache-2.0 */
/* What pxtrace writes beside a packet, as its comment: whose it is. For people in Wireshark, and for pxtrace -r. */
#ifndef PX_CAPTURE_NOTE_H
#define PX_CAPTURE_NOTE_H

#include "capture/packet.h"

/*
 *     pxtrace nginx[4242] in conn=1a2b3.ffff888012345678 tid=4242 uid=33
 *     pxtrace app[77] out conn=77.1 tid=77 uid=0 tls
 *     pxtrace app[77] out conn=78.1 tid=77 uid=0 unix=,/run/redis.sock
 *
 * In names, whatever is not a plain printable character is %XX; abstract socket names begin with %00.
 */
#define PX_NOTE_MAX 1024

/* Returns the length; to is not ended by a 0 byte. */
size_t px_note_format(const struct px_origin *o, char to[PX_NOTE_MAX]);

/* False where the text is not such a note, or is one with something in it that cannot be. */
bool px_note_parse(struct px_bytes text, struct px_origin *out);

#endif
