/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole way of a tape under libFuzzer: reader, connections, streams, parsers, matcher, records,
 * JSON. The input is a tape whose checksums and sizes are put right first, or they would stop
 * nearly all of what is tried; one whose first byte is 0 is read as it is.
 */
#include "capture/tape.h"
#include "golden/player.h"

#include <fcntl.h>
#include <stdlib.h>
#include <zlib.h>

/*
 * The head, and then each record as far as it is there: sizes that fit, a kind that exists, the
 * right checksum.
 */
static void fuzz_repair(char *tape, size_t size)
{
	struct px_tape_head head = { .magic = PX_TAPE_MAGIC,
				     .endian = PX_TAPE_ENDIAN,
				     .version = PX_TAPE_VERSION,
				     .event_size = sizeof(struct px_abi_event) };
	size_t at = sizeof(head);

	head.crc = (uint32_t)crc32(0, (const Bytef *)&head, offsetof(struct px_tape_head, crc));
	memcpy(tape, &head, sizeof(head));
	while (size - at >= sizeof(struct px_tape_record) + sizeof(struct px_abi_event)) {
		size_t room = size - at - sizeof(struct px_tape_record);
		struct px_tape_record rec;
		struct px_abi_event ev;

		memcpy(&rec, tape + at, sizeof(rec));
		memcpy(&ev, tape + at + sizeof(rec), sizeof(ev));
		if (rec.size < sizeof(ev) || rec.size > room)
			rec.size = (uint32_t)(room < 512 ? room : 512);
		ev.copied = rec.size - (uint32_t)sizeof(ev);
		if (ev.len < ev.copied)
			ev.len = ev.copied;
		memcpy(tape + at + sizeof(rec), &ev, sizeof(ev));
		rec.crc = px_tape_crc(rec.size, tape + at + sizeof(rec));
		memcpy(tape + at, &rec, sizeof(rec));
		at += sizeof(rec) + rec.size + -rec.size % 8;
		if (at > size)
			break;
	}
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	static struct player_run run;
	static int fd = -1;
	char *copy;

	if (size < sizeof(struct px_tape_head))
		return 0;
	if (fd < 0)
		fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	copy = malloc(size);
	if (!copy)
		abort();
	memcpy(copy, data, size);
	if (data[0] != 0)
		fuzz_repair(copy, size);
	player_play_bytes(px_bytes_of(copy, size), fd, &run);
	free(copy);
	return 0;
}
