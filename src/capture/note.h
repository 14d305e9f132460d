/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What pxtrace writes beside a packet, as its comment: whose it is. For people in Wireshark, and
 * for pxtrace -r.
 */
#ifndef PX_CAPTURE_NOTE_H
#define PX_CAPTURE_NOTE_H

#include "capture/packet.h"

/*
 *     pxtrace nginx[4242] in conn=1a2b3.ffff888012345678 tid=4242 uid=33
 *     pxtrace app[77] out conn=77.1 tid=77 uid=0 tls
 *     pxtrace app[77] out conn=78.1 tid=77 uid=0 unix=,/run/redis.sock
 *     pxtrace - in conn=10000000001.1 lost=1400 end              (read from a packet capture: no process)
 *
 * In names, whatever is not a plain printable character is %XX; abstract socket names begin with
 * %00. After the first words, those that have something to say: flags=HEX of the event, lost=BYTES
 * before this packet, error=ERRNO of the connect, scope=INTERFACE of a link-local address,
 * peer=POSITION that the other direction had reached where that is beyond what was seen of it (the
 * acknowledgment number is not), noack where the acknowledgment number is not to be trusted, open
 * where the beginning of the connection was seen and no sequence number yet, end where its end was,
 * tls where the bytes are the plaintext of a TLS connection.
 */
#define PX_NOTE_MAX 1024
#define PX_NOTE_ERROR_MAX 4095	/* the kernel's MAX_ERRNO */
#define PX_NOTE_FLAGS                                                                              \
	(PX_ABI_F_ACCEPT | PX_ABI_F_NEWPOS | PX_ABI_F_START | PX_ABI_F_NO_BYTES | PX_ABI_F_TLS)

/* Returns the length; to is not ended by a 0 byte. */
size_t px_note_format(const struct px_origin *o, char to[PX_NOTE_MAX]);

/* False where the text is not such a note, or is one with something in it that cannot be. */
bool px_note_parse(struct px_bytes text, struct px_origin *out);

#endif
