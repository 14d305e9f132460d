/* SPDX-License-Identifier: Apache-2.0 */
/* The half of the loader that runs in the child process; see loader.h. */
#ifndef PX_CAPTURE_LOADER_CHILD_H
#define PX_CAPTURE_LOADER_CHILD_H

#include "capture/loader.h"

#define PX_REPLY_FDS (PX_MAPS + PX_PROGRAMS_MAX)

/*
 * One message from child to parent; the descriptors come along in the order in which `has` has
 * bits.
 */
struct px_load_reply {
	int failed;
	struct px_error error;
	enum px_probe probe;
	enum px_transport transport;
	bool has[PX_REPLY_FDS];	/* maps first, then programs */
	bool uprobe_multi;
	char notes[4][160];
};

/*
 * Compile and load in dir, an empty private directory, and send the reply over sock; if it did not
 * fail, another one when the late programs are loaded too, with what is new.
 * Returns the child's exit status. What the compiler and the verifier say goes to stderr.
 */
int px_loader_child(const struct px_load_request *req, const char *dir, int sock);

#endif
