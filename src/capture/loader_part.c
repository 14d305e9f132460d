/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Half of the kernel side is compiled by a process of its own meanwhile, and behind that the late
 * part: compiling is most of the time to start, and LLVM uses one CPU. The programs come back over a
 * pipe, and are led from its maps, which go with it, to ours.
 */
#include "capture/loader_private.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"

#define PART_NAME 32
#define PART_BYTES_MAX (8 << 20)
#define PART_IN_NO_HURRY 19	/* nice */

/*
 * What comes over the pipe for each part: a head, `maps` times part_map, `programs` times
 * part_program with its code behind it.
 */
struct part_head {
	uint32_t bytes;	/* of all of it */
	uint32_t maps;
	uint32_t programs;
};
struct part_map {
	char name[PART_NAME];
	int32_t fd;	/* in the process that compiled */
};
struct part_program {
	char function[PART_NAME];
	uint32_t count;	/* instructions */
};

static int part_describe(struct px_child *c, void *module, struct px_buf *out)
{
	struct part_head head = { .maps = (uint32_t)c->bcc.tables(module) };
	int rc = px_buf_append(out, px_bytes_of(&head, sizeof(head)));

	for (uint32_t i = 0; i < head.maps; i++) {
		struct part_map map = { .fd = c->bcc.table_fd(module, i) };

		snprintf(map.name, sizeof(map.name), "%s", c->bcc.table_name(module, i));
		rc |= px_buf_append(out, px_bytes_of(&map, sizeof(map)));
	}
	for (size_t i = 0; i < c->bcc.functions(module); i++) {
		struct part_program p = { .count = 0 };
		const char *name = c->bcc.function_name(module, i);
		size_t size = c->bcc.size(module, name);

		snprintf(p.function, sizeof(p.function), "%s", name);
		p.count = (uint32_t)(size / sizeof(struct bpf_insn));
		rc |= px_buf_append(out, px_bytes_of(&p, sizeof(p)));
		rc |= px_buf_append(out, px_bytes_of(c->bcc.start(module, name), size));
		head.programs++;
	}
	head.bytes = (uint32_t)out->len;
	if (rc == 0)
		memcpy(out->ptr, &head, sizeof(head));
	return rc;
}

static int part_compile(struct px_child *c, const char *text, const char **flags, int count, int fd)
{
	struct px_buf out = px_buf_of(PART_BYTES_MAX);
	void *module = px_child_compile(c, text, flags, count);
	size_t at = 0;

	if (!module || part_describe(c, module, &out) < 0)
		return -1;
	while (at < out.len) {
		ssize_t n = write(fd, out.ptr + at, out.len - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		at += (size_t)n;
	}
	px_buf_fini(&out);
	return 0;
}

/* The other process. Returns its exit status. */
static int part_process(struct px_child *c, const char *text, const char **flags, int count, int fd)
{
	flags[count++] = "-UPX_MOVED_MAX";	/* these maps are not used */
	flags[count++] = "-DPX_MOVED_MAX=1";
	flags[count] = "-DPX_PART=2";
	if (part_compile(c, text, flags, count + 1, fd) < 0)
		return 1;
	/* The verifier has work for both of two CPUs now. px_part_fetch() takes this back. */
	setpriority(PRIO_PROCESS, 0, PART_IN_NO_HURRY);
	flags[count] = "-DPX_PART=3";
	return part_compile(c, text, flags, count + 1, fd) < 0;
}

void px_part_start(struct px_child *c, const char *text, const char **flags, int *count)
{
	int fds[2];
	cpu_set_t cpus;

	px_part_free(c);
	if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0 && CPU_COUNT(&cpus) < 2)
		return;
	if (pipe(fds) < 0)
		return;
	c->part.pid = fork();
	if (c->part.pid == 0) {
		close(fds[0]);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(part_process(c, text, flags, *count, fds[1]));
	}
	close(fds[1]);
	if (c->part.pid < 0) {
		c->part.pid = 0;
		close(fds[0]);
		return;
	}
	c->part.fd = fds[0];
	flags[(*count)++] = "-DPX_PART=1";
}

/* Lead what refers to a map of the other process to ours of that name. */
static int part_fit(struct px_child *c, void *module, struct bpf_insn *code, size_t count,
		    const struct part_map *maps, size_t map_count)
{
	for (size_t i = 0; i < count; i++) {
		size_t at = 0;

		if (code[i].code != (BPF_LD | BPF_IMM | BPF_DW) ||
		    code[i].src_reg != BPF_PSEUDO_MAP_FD)
			continue;
		while (at < map_count && maps[at].fd != code[i].imm)
			at++;
		if (at == map_count)
			continue;	/* one that we had before */
		code[i].imm = c->bcc.table(module, maps[at].name);
		if (code[i].imm < 0)
			return -1;
	}
	return 0;
}

static struct px_code *part_free_code(struct px_child *c)
{
	for (size_t i = 0; i < PX_COUNT(c->part.code); i++)
		if (!c->part.code[i].insns)
			return &c->part.code[i];
	return NULL;
}

static int part_take(struct px_child *c, const struct px_buf *in)
{
	const struct part_head *head = (const void *)in->ptr;
	const struct part_map *maps = (const void *)(head + 1);
	size_t at = sizeof(*head);

	if (head->maps > (in->len - at) / sizeof(*maps))
		return -1;
	at += head->maps * sizeof(*maps);
	for (size_t i = 0; i < head->programs; i++) {
		struct px_code *code = part_free_code(c);
		struct part_program p;

		if (!code || in->len - at < sizeof(p))
			return -1;
		memcpy(&p, in->ptr + at, sizeof(p));
		at += sizeof(p);
		if (p.count > (in->len - at) / sizeof(struct bpf_insn))
			return -1;
		code->insns = malloc(p.count * sizeof(struct bpf_insn));
		if (!code->insns)
			return -1;
		memcpy(code->insns, in->ptr + at, p.count * sizeof(struct bpf_insn));
		memcpy(code->function, p.function, sizeof(code->function));
		code->count = p.count;
		at += p.count * sizeof(struct bpf_insn);
		if (part_fit(c, c->module, code->insns, code->count, maps, head->maps) < 0)
			return -1;
	}
	return 0;
}

/* Append to in until it has len bytes. */
static int part_read(struct px_child *c, struct px_buf *in, size_t len)
{
	if (len > PART_BYTES_MAX || px_buf_reserve(in, len - in->len) < 0)
		return -1;
	while (in->len < len) {
		ssize_t n = read(c->part.fd, in->ptr + in->len, len - in->len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		in->len += (size_t)n;
	}
	return 0;
}

int px_part_fetch(struct px_child *c)
{
	struct px_buf in = px_buf_of(PART_BYTES_MAX);
	int rc = 0;

	if (c->part.fd < 0)
		return 0;
	setpriority(PRIO_PROCESS, (id_t)c->part.pid, getpriority(PRIO_PROCESS, 0));
	if (part_read(c, &in, sizeof(struct part_head)) < 0 ||
	    part_read(c, &in, ((const struct part_head *)(const void *)in.ptr)->bytes) < 0 ||
	    part_take(c, &in) < 0)
		rc = -1;
	px_buf_fini(&in);
	return rc;
}

void px_part_free(struct px_child *c)
{
	if (c->part.pid > 0) {
		close(c->part.fd);
		kill(c->part.pid, SIGKILL);
		while (waitpid(c->part.pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	for (size_t i = 0; i < PX_COUNT(c->part.code); i++)
		free(c->part.code[i].insns);
	c->part = (struct px_part){ .fd = -1 };
}

const struct bpf_insn *px_child_code(const struct px_child *c, void *module, const char *function,
				     size_t *count)
{
	for (size_t i = 0; i < PX_COUNT(c->part.code); i++)
		if (c->part.code[i].count && strcmp(c->part.code[i].function, function) == 0) {
			*count = c->part.code[i].count;
			return c->part.code[i].insns;
		}
	*count = c->bcc.size(module, function) / sizeof(struct bpf_insn);
	return c->bcc.start(module, function);
}
