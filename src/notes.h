/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run tells of itself, to the person at standard error and in records: what it is about, why
 * there is nothing to see, what is not seen, what it came to.
 */
#ifndef PX_NOTES_H
#define PX_NOTES_H

#include "cli/options.h"
#include "capture/tls_watch.h"
#include "report.h"
#include "sink/out.h"

#define PX_NOTES_STRANGERS 32	/* processes with a TLS of their own that are kept by name; then the oldest goes */

struct px_notes {
	const struct px_options *opt;
	struct px_report *report;
	const struct px_table *table;
	bool is_live;
	bool explained;		/* why there is nothing to see has been said */
	bool told_foreign;	/* that bytes move in ways that are not seen */
	const char *probe;	/* NULL with files */
	char tls[200];		/* libraries that the targets had at the start */
	struct px_notes_stranger {	/* TLS that is not looked into, and who uses it */
		uint32_t pid;
		bool is_told;
		char text[200];
	} strangers[PX_NOTES_STRANGERS];
	size_t stranger_count;
	char hidden_why[256];
	size_t tls_probes;
	bool tls_ready;
	uint32_t tls_looked;	/* the target that was added last and has its probes in TLS libraries; 0: none */
	bool told_spliced;	/* that bytes leave sockets in such a way, perhaps */
	bool told_untied;	/* that there are messages of TLS without endpoints */
	uint64_t hidden;	/* TLS connections of which the plaintext is not had */
};

/* The start record, which tells probe and transport (NULL with files). */
void px_notes_begin(struct px_notes *n, const char *probe, const char *transport);

/* Once, if there is nothing to see: why. loss: what the source cannot see. */
void px_notes_explain(struct px_notes *n, const struct px_source_loss *loss, int64_t wall_ns);

/* A traced process runs another program, or has ended. ev: PX_ABI_PROC. */
void px_notes_process(struct px_notes *n, const struct px_event *ev);

/* Once, so that nobody waits for the messages: bytes move in ways that are not seen. */
void px_notes_tell_foreign(struct px_notes *n, int64_t wall_ns);

/* Once: what is spliced out of sockets was not seen; is_seen: from now on it is. */
void px_notes_tell_spliced(struct px_notes *n, bool is_seen, int64_t wall_ns);

/* Once: there are TLS connections that cannot be chosen by their ends. */
void px_notes_tell_untied(struct px_notes *n, int64_t wall_ns);

/*
 * Take in and tell what there is to say of the TLS libraries that are looked into (w NULL: none
 * are). Returns whether those found at the start have their probes; wait: come back only then.
 */
bool px_notes_tls(struct px_notes *n, struct px_tls_watch *w, bool wait, int64_t wall_ns);

/*
 * Why the inside of this TLS connection is not seen; valid until the next call. Told once of a process,
 * too, where its library is known.
 */
const char *px_notes_hidden(struct px_notes *n, const struct px_conn *c, int64_t wall_ns);

/* Everything is set up: who is traced, and how. */
void px_notes_banner(const struct px_notes *n, const char *targets, size_t probes);

/* A line that comes and goes: how far the run over a file has come, unless its records go to a terminal. */
void px_notes_progress(const struct px_notes *n, const struct px_source *source);

/* A line of statistics. pending: bytes waiting to be written. */
void px_notes_statistics(const struct px_notes *n, const struct px_source_loss *loss,
			 size_t pending);

/* A line with --debug: what the kernel side was told not to copy, or not to tell at all. */
void px_notes_control(const struct px_notes *n, const struct px_source_loss *loss);

/* The last line. */
void px_notes_summary(const struct px_notes *n, const struct px_report_stop *stop,
		      const struct px_out_stats *out);

#endif
