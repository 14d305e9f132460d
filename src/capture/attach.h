/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hanging loaded programs into the kernel. Links are descriptors: they go when the tracer goes,
 * however.
 */
#ifndef PX_CAPTURE_ATTACH_H
#define PX_CAPTURE_ATTACH_H

#include "capture/attach_kprobe.h"
#include "capture/loader.h"

#define PX_LINKS_MAX 96

struct px_links {
	int fds[PX_LINKS_MAX];
	size_t count;
	struct px_kprobes kprobes;
};

/*
 * Attach every program of l. What cannot attach and is optional goes to note (of size bytes, "" if
 * all went well). Returns 0; -1 with err filled when the last probe of a kind would be missing:
 * nothing stays attached then.
 */
PX_MUST_USE int px_attach(const struct px_loaded *l, struct px_links *links, char *note,
			  size_t size, struct px_error *err);
void px_detach(struct px_links *links);

/*
 * In a process that was forked: close its copies, which would keep attached what the other one takes
 * off.
 */
void px_links_forget(struct px_links *links);
void px_links_init(struct px_links *links);

/* How many places programs hang at. */
size_t px_links_count(const struct px_links *links);

/* attach_raw.c: one raw tracepoint. Returns the link's descriptor or a negative errno. */
int px_attach_raw(int program);

#endif
