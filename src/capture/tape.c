/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/tape.h"

#include "base/buf.h"
#include "base/file.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#define TAPE_BLOCK (256u << 10)	/* bytes gathered before they are written */

struct px_tape {
	int fd;
	int err;		/* the first that happened; nothing is written after it */
	struct px_buf block;
};

uint32_t px_tape_crc(uint32_t size, const void *event)
{
	uLong crc = crc32(0, (const Bytef *)&size, sizeof(size));

	return (uint32_t)crc32(crc, event, size);
}

int px_tape_new(const char *path, int64_t wall_offset_ns, struct px_tape **out,
		struct px_error *err)
{
	struct px_tape_head head = { .magic = PX_TAPE_MAGIC,
				     .endian = PX_TAPE_ENDIAN,
				     .version = PX_TAPE_VERSION,
				     .event_size = sizeof(struct px_abi_event),
				     .wall_offset_ns = wall_offset_ns };
	struct px_tape *tape = calloc(1, sizeof(*tape));

	if (!tape)
		return px_error_set(err, PX_EXIT_FAILED, NULL, "%s: out of memory", path);
	tape->block = px_buf_of(TAPE_BLOCK + PX_TAPE_EVENT_MAX + 16);
	tape->fd = px_file_create(path, err);
	if (tape->fd < 0)
		goto fail;
	head.crc = (uint32_t)crc32(0, (const Bytef *)&head, offsetof(struct px_tape_head, crc));
	if (px_buf_append(&tape->block, px_bytes_of(&head, sizeof(head))) != 0 ||
	    px_tape_flush(tape) != 0) {
		px_error_set(err, PX_EXIT_FAILED, NULL, "%s: %s", path,
			     strerror(tape->err ? -tape->err : ENOMEM));
		goto fail;
	}
	*out = tape;
	return 0;
fail:
	px_tape_free(tape);
	return -1;
}

int px_tape_write(struct px_tape *tape, const struct px_event *ev)
{
	static const char zeros[8];
	struct px_abi_event hdr = *ev->hdr;
	struct px_tape_record rec;
	uLong crc;
	int err;

	if (tape->err)
		return tape->err;
	hdr.copied = (uint32_t)ev->data.len;
	if (hdr.copied > PX_TAPE_EVENT_MAX - sizeof(hdr))
		hdr.copied = PX_TAPE_EVENT_MAX - sizeof(hdr);
	rec.size = (uint32_t)sizeof(hdr) + hdr.copied;
	crc = crc32(0, (const Bytef *)&rec.size, sizeof(rec.size));
	crc = crc32(crc, (const Bytef *)&hdr, sizeof(hdr));
	if (hdr.copied)
		crc = crc32(crc, (const Bytef *)ev->data.ptr, hdr.copied);
	rec.crc = (uint32_t)crc;
	err = px_buf_reserve(&tape->block, sizeof(rec) + rec.size + sizeof(zeros));
	if (!err)
		err = px_buf_append(&tape->block, px_bytes_of(&rec, sizeof(rec)));
	if (!err)
		err = px_buf_append(&tape->block, px_bytes_of(&hdr, sizeof(hdr)));
	if (!err)
		err = px_buf_append(&tape->block, px_bytes_of(ev->data.ptr, hdr.copied));
	if (!err)
		err = px_buf_append(&tape->block, px_bytes_of(zeros, -rec.size % 8));
	if (err) {
		tape->err = err;
		return err;
	}
	return tape->block.len >= TAPE_BLOCK ? px_tape_flush(tape) : 0;
}

int px_tape_flush(struct px_tape *tape)
{
	if (!tape->err)
		tape->err = px_file_write(tape->fd, px_buf_bytes(&tape->block));
	px_buf_drop(&tape->block, tape->block.len);
	return tape->err;
}

int px_tape_free(struct px_tape *tape)
{
	int err;

	if (!tape)
		return 0;
	err = tape->fd >= 0 ? px_tape_flush(tape) : 0;
	if (tape->fd >= 0 && close(tape->fd) != 0 && !err)
		err = -errno;
	px_buf_fini(&tape->block);
	free(tape);
	return err;
}
