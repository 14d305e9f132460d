/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/attach_uprobe.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "capture/probes.h"

#define UPROBE_DEVICE "/sys/bus/event_source/devices/uprobe/"
#define UPROBE_THREADS 16
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

/* What several threads take from, one after the other. */
struct uprobe_work {
	const struct px_uprobes *u;	/* to be attached; NULL: links are to be closed */
	int *links;
	size_t count;
	size_t next;	/* atomic */
};

static void *uprobe_work_some(void *arg)
{
	struct uprobe_work *w = arg;
	size_t i;

	while ((i = __atomic_fetch_add(&w->next, 1, __ATOMIC_RELAXED)) < w->count) {
		if (w->u)
			w->links[i] = uprobe_attach_one(w->u, i);
		else if (w->links[i] >= 0)
			close(w->links[i]);
	}
	return NULL;
}

/* Most of the time is spent waiting for the kernel's readers to come round: many can wait at once. */
static void uprobe_work(struct uprobe_work *w)
{
	pthread_t threads[UPROBE_THREADS];
	size_t n = 0;

	while (n < UPROBE_THREADS && n + 1 < w->count &&
	       pthread_create(&threads[n], NULL, uprobe_work_some, w) == 0)
		n++;
	uprobe_work_some(w);
	while (n > 0)
		pthread_join(threads[--n], NULL);
}

void px_uprobes_detach(int *links, size_t count)
{
	struct uprobe_work w = { .links = links, .count = count };

	uprobe_work(&w);
}

int px_uprobes_attach(const struct px_uprobes *u, int *links)
{
	struct uprobe_work w = { .u = u, .links = links, .count = u->count };

	if (u->is_multi)
		return uprobe_attach_multi(u, links);
	if (!uprobe_knows_kinds())
		return -ENODEV;
	uprobe_work(&w);
	for (size_t i = 0; i < u->count; i++) {
		int err = links[i];

		if (err >= 0)
			continue;
		px_uprobes_detach(links, u->count);
		return err;
	}
	return (int)u->count;
}
