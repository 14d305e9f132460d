/* SPDX-License-Identifier: Apache-2.0 */
/* Where a run's records and packets go: standard output or a file, in one format, and -w. */
#ifndef PX_OUTPUTS_H
#define PX_OUTPUTS_H

#include "cli/options.h"
#include "save.h"
#include "sink/out.h"
#include "sink/pick.h"
#include "sink/sink.h"
#include "sink/sink_text.h"

struct px_outputs {
	const struct px_options *opt;
	struct px_pick *pick;
	struct px_out *out;
	struct px_sink *sink;	/* NULL where nothing is printed */
	struct px_sink *text;	/* the same where it is text, told of the terminal's width */
	struct px_save *save;	/* -w, or NULL */
	int fd;			/* where records go */
};

/* How lines look that are printed on fd. */
struct px_text_options px_outputs_text(const struct px_options *opt, int fd);

/*
 * Open all that the options ask for; pick: the fields that are shown, NULL for all; files of -w get
 * their time from the clock with is_live, from the packets otherwise. Returns 0, or -1 when it has
 * been said on standard error what cannot be opened. px_outputs_close() takes it in either case.
 */
PX_MUST_USE int px_outputs_open(struct px_outputs *o, const struct px_options *opt,
				struct px_pick *pick, bool is_live);

/*
 * Where there is no -w: keep the latest packets in files whose names begin with path, which is
 * borrowed, of no more than so many bytes together. Returns 0, or -1 when it has been said why they cannot be kept.
 */
PX_MUST_USE int px_outputs_keep_packets(struct px_outputs *o, const char *path, uint64_t bytes,
					bool is_live);
/* From now on so many; where there is -w nothing changes. */
void px_outputs_limit_packets(struct px_outputs *o, uint64_t bytes);

/*
 * Write what -w has gathered; is_calm: no more is there for now. Returns 0, or why the run has to
 * end: a reason for the stop record.
 */
const char *px_outputs_flush_save(struct px_outputs *o, bool is_calm);

/* Bytes that wait to be written: of the output that has more of them. */
size_t px_outputs_pending(const struct px_outputs *o);

/* Does somebody have to read before more can be written? */
bool px_outputs_are_blocked(const struct px_outputs *o);

/* The terminal has another width. */
void px_outputs_resize(struct px_outputs *o);

/*
 * Everything has come: complete the files of -w, and say what is in them. timeout_ms is for who
 * reads them. False where something could not be written.
 */
bool px_outputs_finish_save(struct px_outputs *o, int timeout_ms);

void px_outputs_close(struct px_outputs *o);

#endif
