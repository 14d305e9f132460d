/* SPDX-License-Identifier: Apache-2.0 */
/* The source that is the kernel: programs in it, a ring buffer or perf buffers out of it. */
#ifndef PX_CAPTURE_LIVE_H
#define PX_CAPTURE_LIVE_H

#include "base/error.h"
#include "capture/probes.h"
#include "capture/source.h"
#include "capture/target.h"
#include "capture/tls_watch.h"

struct px_live_options {
	const struct px_targets *targets;	/* has to stay until px_live_open() is back */
	enum px_probe probe;
	enum px_transport transport;
	size_t ring_bytes;	/* 0: PX_LIVE_RING; rounded up to a power of two; of all CPUs together */
	uint32_t snaplen;	/* bytes the user keeps of a message; 0: the copy limit alone decides */
	bool datagrams;		/* UDP is to be seen, too */
	uint32_t datagram_max;	/* with datagrams, bytes of each that anybody looks at; 0: sizes are enough */
	bool ends;		/* the end of UNIX connections is told: PX_ABI_CLOSE */
	bool processes;		/* what becomes of targets that are kept in a table is told: PX_ABI_PROC_EXEC, _EXIT */
	bool tls;		/* look into TLS libraries */
	const char *tls_program;	/* one that will be run, by its name, or NULL */
	bool tls_ahead;		/* those that processes to come may use have to be looked into before */
	const char *tls_file;	/* one more of them, or NULL */
	bool debug;		/* what compiler and verifier say goes to stderr */
};

#define PX_LIVE_RING (32u << 20)
#define PX_LIVE_RING_MIN (256u << 10)
#define PX_LIVE_RING_MAX (1u << 30)
/*
 * Bytes of one call that are copied, at least: as many as the kernel side can in its turns
 * (PX_TURNS). What is framed as it goes along, such as chunks, has to be there; what is not needed,
 * user space says (px_live_control()).
 */
#define PX_LIVE_COPY (2u << 20)

#define PX_LIVE_DATAGRAM (64u << 10)	/* all of any */
#define PX_LIVE_DATAGRAM_MESSAGE 4096u	/* of a message: no more is agreed upon as a rule (EDNS) */

/* What was set up, for the banner and the `start` record. */
struct px_live_info {
	enum px_probe probe;		/* never PX_PROBE_AUTO */
	enum px_transport transport;	/* never PX_TRANSPORT_AUTO */
	size_t probes;			/* places where a program hangs */
	size_t ring_bytes;
	size_t processes;		/* that are targets already, where the table of targets says so; else 0 */
	char kernel[65];		/* release */
	char notes[8][200];		/* what could not be had, a sentence each; ended by an empty one */
};

/*
 * Put the programs into the kernel and open the ring. Takes 0.2 to 0.3 s.
 * Returns 0; -1 with err filled, and nothing left in the kernel.
 */
PX_MUST_USE int px_live_open(const struct px_live_options *opt, struct px_source **out,
			     struct px_live_info *info, struct px_error *err);

/*
 * All probes are live when px_live_open() is back, but programs that few calls need are still being
 * loaded: until they are there, what recvmmsg and sendmmsg move is told without its bytes. Returns
 * true when they are, with a sentence in *note about what could not be had, or an empty one. wait:
 * come back only then.
 */
bool px_live_is_whole(struct px_source *src, bool wait, const char **note);

/* To be polled for input while that is false; -1 afterwards. */
int px_live_rest_fd(const struct px_source *src);

/*
 * Tell the kernel side how much of a socket's large calls (above 4096 bytes) it has to copy, or
 * that it is to be dropped, which is said once and for good; NULL: all again. src is one that
 * px_live_open() made, sock_id a connection's. Returns 0 or a negative errno.
 */
int px_live_control(struct px_source *src, uint64_t sock_id, const struct px_abi_control *ctl);

/*
 * The bytes that a dropped socket has moved since, by direction; to be asked before
 * px_live_control() forgets it.
 */
void px_live_dropped(struct px_source *src, uint64_t sock_id, uint64_t bytes[2]);

/* Who looks into TLS libraries; NULL: nobody. */
struct px_tls_watch *px_live_tls(struct px_source *src);

/*
 * Have all processes ended that the table of targets ever held? False where there is no such table.
 */
bool px_live_targets_gone(const struct px_source *src);

/*
 * To be called about once a second: forgets processes that ended, notices control groups that were
 * made anew.
 */
void px_live_tick(struct px_source *src);

#endif
