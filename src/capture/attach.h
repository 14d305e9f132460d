/* SPDX-License-Identifier: Apache-2.0 */
/* Hanging loaded programs into the kernel. Every link is a descriptor: it goes when the tracer goes, however. */
#ifndef PX_CAPTURE_ATTACH_H
#define PX_CAPTURE_ATTACH_H

#include "capture/loader.h"

#define PX_LINKS_MAX 96

struct px_links {
	int fds[PX_LINKS_MAX];
	size_t count;
};

/*
 * Attach every program of l. What cannot attach and is optional goes to note (of size bytes, "" if all went well).
 * Returns 0; -1 with err filled when the last probe of a kind would be missing: nothing stays attached then.
 */
PX_MUST_USE int px_attach(const struct px_loaded *l, struct px_links *links, char *note, size_t size,
			  struct px_error *err);
void px_detach(struct px_links *links);

/* attach_raw.c: one raw tracepoint. Returns the link's descriptor or a negative errno. */
int px_attach_raw(int program);

#endif
