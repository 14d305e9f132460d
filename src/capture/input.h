/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a file or pipe in order, decompressed where they are gzip or zstd, in bounded
 * memory.
 */
#ifndef PX_CAPTURE_INPUT_H
#define PX_CAPTURE_INPUT_H

#include "base/error.h"

#define PX_INPUT_END 1
#define PX_INPUT_WANT_MAX (16u << 20)	/* most bytes that can be asked for at once */

struct px_input;

/* path "-" is standard input. Returns 0, or -1 with err filled. */
PX_MUST_USE int px_input_open(const char *path, struct px_input **out, struct px_error *err);

/*
 * The same over bytes in memory, borrowed until px_input_free; NULL when memory is short. For tests
 * and fuzzers.
 */
struct px_input *px_input_of(struct px_bytes b);
void px_input_free(struct px_input *in);

/*
 * At least n bytes from the current offset on, in one piece; out is valid until the next call. Its
 * start has the alignment of the offset, up to 8.
 *
 * Returns 0; PX_INPUT_END when fewer than n bytes follow (out has those, and px_input_damage() may
 * tell that more were meant to); -EAGAIN when they have not come yet; another negative errno.
 */
PX_MUST_USE int px_input_want(struct px_input *in, size_t n, struct px_bytes *out);

/* Step over n bytes of what px_input_want returned. */
void px_input_drop(struct px_input *in, size_t n);

/* Offset of the next byte, counted after decompression. */
uint64_t px_input_offset(const struct px_input *in);

/*
 * Why the bytes end where they end, if that is not the file's own end; else NULL. A static string.
 */
const char *px_input_damage(const struct px_input *in);

/*
 * The descriptor to wait on before more can be read; -1 for regular files, which never make one
 * wait.
 */
int px_input_fd(const struct px_input *in);

/* How much of a regular file has been read, per cent; -1 for anything else. */
int px_input_percent(const struct px_input *in);

/* For messages: the path as given. */
const char *px_input_name(const struct px_input *in);

#endif
