/* SPDX-License-Identifier: Apache-2.0 */
/* The source that reads a file: a tape, or a packet capture, told apart by content. */
#ifndef PX_CAPTURE_REPLAY_H
#define PX_CAPTURE_REPLAY_H

#include "base/error.h"
#include "capture/input.h"
#include "capture/source.h"

/*
 * path "-" is standard input. Nothing of a pipe is read before the first poll(), so that opening
 * never waits; wall_offset_ns of the source is known when its first event is handed over.
 *
 * Damage: poll() hands over everything before it, then returns -EBADMSG with "FILE: offset N: why"
 * in src->error.
 *
 * Returns 0, or -1 with err filled.
 */
PX_MUST_USE int px_replay_open(const char *path, struct px_source **out, struct px_error *err);

/*
 * The same over an input, which becomes the source's also when this fails; NULL when memory is
 * short.
 */
struct px_source *px_replay_of(struct px_input *in);

/* How far a run over a file of px_replay_open() has come, per cent; -1 where that is not known. */
int px_replay_percent(const struct px_source *src);

#endif
