/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/attach.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

void px_links_init(struct px_links *links)
{
	links->count = 0;
	px_kprobes_init(&links->kprobes);
}

void px_detach(struct px_links *links)
{
	/* The last one tells where connections end: not any more once calls go by unseen. */
	while (links->count > 0)
		close(links->fds[--links->count]);
	px_kprobes_detach(&links->kprobes);
}

void px_links_forget(struct px_links *links)
{
	while (links->count > 0)
		close(links->fds[--links->count]);
	px_kprobes_forget(&links->kprobes);
}

size_t px_links_count(const struct px_links *links)
{
	return links->count + links->kprobes.count;
}

/* How many programs of a hook were attached. */
static size_t attach_hooked(const bool *done, enum px_hook hook)
{
	size_t n = 0;

	for (size_t i = 0; i < px_program_count; i++)
		n += done[i] && px_programs[i].hook == hook;
	return n;
}

int px_attach(const struct px_loaded *l, struct px_links *links, char *note, size_t size,
	      struct px_error *err)
{
	bool done[PX_PROGRAMS_MAX] = { false };
	int last = 0;

	px_links_init(links);
	note[0] = '\0';
	for (size_t i = 0; i < px_program_count; i++) {
		const struct px_program *p = &px_programs[i];
		int fd;

		if (l->programs[i] < 0 || p->hook == PX_HOOK_TAIL || p->hook == PX_HOOK_SPLICE)
			continue;
		if (p->hook == PX_HOOK_KRETPROBE) {
			if (px_kprobes_attach(&links->kprobes, l->programs[i], note, size, err) <
			    0) {
				px_detach(links);
				return -1;
			}
			continue;
		}
		fd = px_attach_raw(l->programs[i]);
		if (fd >= 0) {
			links->fds[links->count++] = fd;
			done[i] = true;
			continue;
		}
		last = fd;
		snprintf(note, size, "%s cannot be attached: %s", p->target, strerror(-fd));
		if (!p->optional)
			goto fail;
	}
	if (l->probe == PX_PROBE_FENTRY && attach_hooked(done, PX_HOOK_FEXIT) == 0)
		goto fail;
	return 0;
fail:
	px_detach(links);
	return px_error_set(err, last == -EPERM ? PX_EXIT_PERMISSION : PX_EXIT_HOST,
			    last == -EPERM ? "run as root, or with cap_bpf,cap_perfmon"
					   : "use --probe=auto",
			    "%s", note);
}
