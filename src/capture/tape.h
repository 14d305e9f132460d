/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events on disk, as they came from the kernel: for tests, fuzzers and bug reports. replay.h plays
 * them.
 */
#ifndef PX_CAPTURE_TAPE_H
#define PX_CAPTURE_TAPE_H

#include "base/error.h"
#include "capture/event.h"

/*
 * A tape is a px_tape_head and then records: px_tape_record, the event (struct px_abi_event and its
 * bytes), and 0 to 7 zero bytes, so that each record begins at a multiple of 8. Numbers are in the
 * writer's byte order, which `endian` tells. There is no index and no trailer: what was written
 * before the writer was killed can be read.
 */
#define PX_TAPE_MAGIC "PXTAPE\r\n"	/* not text, and a transfer that changes line ends breaks it */
#define PX_TAPE_VERSION 1
#define PX_TAPE_ENDIAN 0x01020304u
#define PX_TAPE_EVENT_MAX (sizeof(struct px_abi_event) + (1u << 20))	/* bytes of one event */

struct px_tape_head {
	char magic[8];
	uint32_t endian;
	uint16_t version;
	uint16_t event_size;	/* sizeof(struct px_abi_event) then */
	int64_t wall_offset_ns;	/* as px_source.wall_offset_ns */
	uint32_t reserved;
	uint32_t crc;		/* CRC-32 of what stands before it */
};
_Static_assert(sizeof(struct px_tape_head) == 32, "px_tape_head is a file format");

struct px_tape_record {
	uint32_t size;		/* bytes of the event */
	uint32_t crc;		/* CRC-32 of size and the event */
};
_Static_assert(sizeof(struct px_tape_record) == 8, "px_tape_record is a file format");

struct px_tape;

/*
 * Begin a tape at path ("-": standard output), created as px_file_create does. 0, or -1 with err
 * filled.
 */
PX_MUST_USE int px_tape_new(const char *path, int64_t wall_offset_ns, struct px_tape **out,
			    struct px_error *err);

/*
 * Append one event; data beyond PX_TAPE_EVENT_MAX is left out as if it had not been copied. 0 or
 * -errno.
 */
PX_MUST_USE int px_tape_write(struct px_tape *tape, const struct px_event *ev);

/* Everything written so far is the kernel's when this returns. 0 or -errno. */
PX_MUST_USE int px_tape_flush(struct px_tape *tape);

/* Flush, close and release; NULL is fine. Returns the first error there was, 0 or -errno. */
int px_tape_free(struct px_tape *tape);

/* The checksum of a record: shared with the reader. */
uint32_t px_tape_crc(uint32_t size, const void *event);

#endif
