/* SPDX-License-Identifier: Apache-2.0 */
/* The probes in a Go program's crypto/tls. */
#ifndef PX_CAPTURE_GO_ATTACH_H
#define PX_CAPTURE_GO_ATTACH_H

#include "capture/go_returns.h"

/* Where they belong. */
struct px_go_places {
	char version[24];	/* of Go, "1.26.1"; empty where it is not told */
	uint64_t offsets[PX_GO_FUNCTIONS];	/* of functions in the file; 0: there is no such */
	struct px_go_returns returns[PX_GO_FUNCTIONS];
};

/* Returns 0; -1 with err filled, and with err->cause empty where there is nothing of interest. */
PX_MUST_USE int px_go_places_find(struct px_go_places *g, const struct px_elf *e, struct px_error *err);

/* What to hang, and for whom; as in struct px_uprobes. */
struct px_go_hooks {
	int enter, leave;	/* programs */
	bool is_multi;
	const char *path;
	int pid;
};

/*
 * Returns how many descriptors of links were written to links, which has room for `room`; *probes is
 * how many places that are. Or a negative errno, and nothing hangs.
 */
PX_MUST_USE int px_go_attach(const struct px_go_places *g, const struct px_go_hooks *h, int *links,
			     size_t room, size_t *probes);

#endif
