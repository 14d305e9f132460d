/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/attach.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

void px_detach(struct px_links *links)
{
	for (size_t i = 0; i < links->count; i++)
		close(links->fds[i]);
	links->count = 0;
}

int px_attach(const struct px_loaded *l, struct px_links *links, char *note, size_t size, struct px_error *err)
{
	links->count = 0;
	note[0] = '\0';
	for (size_t i = 0; i < px_program_count; i++) {
		const struct px_program *p = &px_programs[i];
		int fd;

		if (l->programs[i] < 0 || p->hook == PX_HOOK_TAIL)
			continue;
		fd = px_attach_raw(l->programs[i]);
		if (fd >= 0) {
			links->fds[links->count++] = fd;
			continue;
		}
		if (p->optional) {
			snprintf(note, size, "%s cannot be attached: %s", p->target, strerror(-fd));
			continue;
		}
		px_detach(links);
		return px_error_set(err, fd == -EPERM ? PX_EXIT_PERMISSION : PX_EXIT_HOST,
				    fd == -EPERM ? "run as root, or with cap_bpf,cap_perfmon" : NULL,
				    "%s cannot be attached: %s", p->target, strerror(-fd));
	}
	return 0;
}
