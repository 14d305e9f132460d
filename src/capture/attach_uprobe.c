/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/attach_uprobe.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "capture/probes.h"

#define UPROBE_DEVICE "/sys/bus/event_source/devices/uprobe/"
#define UPROBE_MULTI_RETURN 1	/* BPF_F_UPROBE_MULTI_RETURN */

/* union bpf_attr for BPF_LINK_CREATE as kernel 6.6 has it; headers and libbpf may be older. */
struct uprobe_multi_attr {
	uint32_t prog_fd, target_fd, attach_type, flags;
	uint64_t path, offsets, ref_ctr_offsets, cookies;
	uint32_t count, multi_flags, pid, pad;
};

static uint64_t uprobe_address(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

/* All places by one link: it takes as long to take off as a single one. */
static int uprobe_attach_multi(const struct px_uprobes *u, int *links)
{
	struct uprobe_multi_attr attr = {
		.prog_fd = (uint32_t)u->program,
		.attach_type = PX_ATTACH_UPROBE_MULTI,
		.path = uprobe_address(u->path),
		.offsets = uprobe_address(u->offsets),
		.cookies = uprobe_address(u->cookies),
		.count = (uint32_t)u->count,
		.multi_flags = u->is_return ? UPROBE_MULTI_RETURN : 0,
		.pid = u->pid < 0 ? 0 : (uint32_t)u->pid,
	};
	int link = (int)syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));

	if (link < 0)
		return -errno;
	links[0] = link;
	return 1;
}

/* A number that the kernel tells in a file, "8" or "config:0"; -1 where it does not. */
static int uprobe_number(const char *path)
{
	char word[32];
	int n = -1;
	FILE *f = fopen(path, "re");

	if (!f)
		return -1;
	if (fscanf(f, "%31s", word) == 1)
		n = atoi(strncmp(word, "config:", 7) == 0 ? word + 7 : word);
	fclose(f);
	return n;
}

static int uprobe_type, uprobe_retprobe_bit;

static bool uprobe_knows_kinds(void)
{
	if (uprobe_type == 0) {
		uprobe_type = uprobe_number(UPROBE_DEVICE "type");
		uprobe_retprobe_bit = uprobe_number(UPROBE_DEVICE "format/retprobe");
	}
	return uprobe_type > 0 && uprobe_retprobe_bit >= 0;
}

/* One place by a perf event. */
static int uprobe_attach_one(const struct px_uprobes *u, size_t i)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = (uint32_t)uprobe_type,
		.config = u->is_return ? 1ull << uprobe_retprobe_bit : 0,
		.config1 = uprobe_address(u->path),
		.config2 = u->offsets[i],
	};
	LIBBPF_OPTS(bpf_link_create_opts, opts, .perf_event.bpf_cookie = u->cookies[i]);
	int event, link;

	event = (int)syscall(SYS_perf_event_open, &attr, u->pid, u->pid < 0 ? 0 : -1, -1,
			     PERF_FLAG_FD_CLOEXEC);
	if (event < 0)
		return -errno;
	link = bpf_link_create(u->program, event, BPF_PERF_EVENT, &opts);
	close(event);	/* the link holds it */
	return link;
}

int px_uprobes_attach(const struct px_uprobes *u, int *links)
{
	if (u->is_multi)
		return uprobe_attach_multi(u, links);
	if (!uprobe_knows_kinds())
		return -ENODEV;
	for (size_t i = 0; i < u->count; i++) {
		int link = uprobe_attach_one(u, i);

		if (link < 0) {
			while (i > 0)
				close(links[--i]);
			return link;
		}
		links[i] = link;
	}
	return (int)u->count;
}
