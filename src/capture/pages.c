/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/pages.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/uio.h>
#include <unistd.h>

/*
 * The kernel maps all physical memory in one piece from `base` on, and describes its pages in one
 * array of struct page. Both begin at random places, but base is a multiple of 1 GB apart from the
 * kernel's objects. So: make a page, put random bytes into it and the page into a pipe; ask for its
 * frame number; read its struct page's address out of the pipe; try for base what may be, until the
 * bytes are found there.
 *
 * x86: Documentation/arch/x86/x86_64/mm.rst; arm64: Documentation/arch/arm64/memory.rst
 */
#define PAGES_STEP (1ull << 30)
#define PAGES_STEPS 16384	/* 16 TB of memory, holes counted */
#define PAGES_MARK 64		/* random bytes that are looked for */

/* Reads kernel memory: a program that is run by us, and attached to nothing. */
struct pages_peek {
	int prog;
	bool failed;
};

#define PAGES_INSN(c, d, s, o, i)                                                                  \
	{                                                                                          \
		.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i)                \
	}

/*
 * (address, half): the lower or upper 32 bits of the eight bytes at address, or with address 0 of
 * the current task's own address.
 */
static const struct bpf_insn pages_program[] = {
	PAGES_INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_6, BPF_REG_1, 0, 0),
	PAGES_INSN(BPF_LDX | BPF_MEM | BPF_DW, BPF_REG_3, BPF_REG_6, 0, 0),
	PAGES_INSN(BPF_ST | BPF_MEM | BPF_DW, BPF_REG_10, 0, -8, 0),
	PAGES_INSN(BPF_JMP | BPF_JNE | BPF_K, BPF_REG_3, 0, 3, 0),
	PAGES_INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_get_current_task),
	PAGES_INSN(BPF_STX | BPF_MEM | BPF_DW, BPF_REG_10, BPF_REG_0, -8, 0),
	PAGES_INSN(BPF_JMP | BPF_JA, 0, 0, 4, 0),
	PAGES_INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_10, 0, 0),
	PAGES_INSN(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_1, 0, 0, -8),
	PAGES_INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_2, 0, 0, 8),
	PAGES_INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_probe_read_kernel),
	PAGES_INSN(BPF_LDX | BPF_MEM | BPF_DW, BPF_REG_0, BPF_REG_10, -8, 0),
	PAGES_INSN(BPF_LDX | BPF_MEM | BPF_DW, BPF_REG_1, BPF_REG_6, 8, 0),
	PAGES_INSN(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_1, 0, 1, 0),
	PAGES_INSN(BPF_ALU64 | BPF_RSH | BPF_K, BPF_REG_0, 0, 0, 32),
	PAGES_INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
};

static uint32_t pages_peek32(struct pages_peek *p, uint64_t address, uint64_t half)
{
	uint64_t args[2] = { address, half };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = args, .ctx_size_in = sizeof(args));

	if (bpf_prog_test_run_opts(p->prog, &opts) < 0)
		p->failed = true;
	return opts.retval;
}

static uint64_t pages_peek64(struct pages_peek *p, uint64_t address)
{
	return pages_peek32(p, address, 0) | (uint64_t)pages_peek32(p, address, 1) << 32;
}

/* The field of a kernel object; 0 where that is not known. */
static uint64_t pages_field(struct pages_peek *p, const struct px_btf *btf, uint64_t object,
			    const char *type, const char *member)
{
	int64_t offset = px_btf_offset(btf, type, member);

	if (offset < 0 || !object) {
		p->failed = true;
		return 0;
	}
	return pages_peek64(p, object + (uint64_t)offset);
}

/* Number of the frame in which the page at this address is; 0: not told. */
static uint64_t pages_frame(const void *at, size_t page_size)
{
	const uint64_t present = 1ull << 63, number = (1ull << 55) - 1;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;

	if (fd < 0)
		return 0;
	if (pread(fd, &entry, sizeof(entry), (off_t)((uintptr_t)at / page_size * sizeof(entry))) !=
	    (ssize_t)sizeof(entry))
		entry = 0;
	close(fd);
	return entry & present ? entry & number : 0;
}

/* Address of the struct page of what lies first in the pipe with read end fd. */
static uint64_t pages_struct(struct pages_peek *p, const struct px_btf *btf, uint64_t task, int fd)
{
	uint64_t files = pages_field(p, btf, task, "task_struct", "files");
	uint64_t table = pages_field(p, btf, files, "files_struct", "fdt");
	uint64_t array = pages_field(p, btf, table, "fdtable", "fd");
	uint64_t file = array ? pages_peek64(p, array + (uint64_t)fd * sizeof(uint64_t)) : 0;
	uint64_t pipe = pages_field(p, btf, file, "file", "private_data");
	uint64_t bufs = pages_field(p, btf, pipe, "pipe_inode_info", "bufs");

	return pages_field(p, btf, bufs, "pipe_buffer", "page");
}

static bool pages_has_mark(struct pages_peek *p, uint64_t at, const uint64_t *mark)
{
	if (pages_peek32(p, at, 0) != (uint32_t)mark[0])
		return false;
	for (size_t i = 0; i < PAGES_MARK / sizeof(*mark); i++)
		if (pages_peek64(p, at + i * sizeof(*mark)) != mark[i])
			return false;
	return true;
}

/* mark: the beginning of a page of ours that also lies in the pipe. */
static int pages_search(struct pages_peek *p, const struct px_btf *btf, const uint64_t *mark,
			int pipe_fd, struct px_pages *out)
{
	size_t page_size = (size_t)sysconf(_SC_PAGESIZE);
	int64_t struct_size = px_btf_size(btf, "page");
	uint64_t frame = pages_frame(mark, page_size);
	uint64_t task = pages_peek64(p, 0);
	uint64_t page = pages_struct(p, btf, task, pipe_fd);

	if (p->failed || !frame || !page || struct_size <= 0)
		return -1;
	for (uint64_t i = 0; i < PAGES_STEPS; i++) {
		uint64_t base = task / PAGES_STEP * PAGES_STEP - i * PAGES_STEP;

		if (!pages_has_mark(p, base + frame * page_size, mark))
			continue;
		/* It has not been moved meanwhile: so page is this frame's, too. */
		if (pages_frame(mark, page_size) != frame || p->failed)
			return -1;
		/* Without CONFIG_SPARSEMEM_VMEMMAP there are many arrays, in that memory. */
		if (page - base < PAGES_STEPS * PAGES_STEP)
			return -1;
		out->base = base;
		out->array = page - frame * (uint64_t)struct_size;
		return 0;
	}
	return -1;
}

int px_pages_find(const struct px_btf *btf, struct px_pages *out)
{
	size_t page_size = (size_t)sysconf(_SC_PAGESIZE);
	struct pages_peek peek = { .prog = -1 };
	struct iovec iov = { .iov_len = page_size };
	int ends[2] = { -1, -1 }, result = -1;
	void *own;

	out->uptodate_bit = px_btf_number(btf, "pageflags", "PG_uptodate");
	if (out->uptodate_bit < 0)
		return -1;
	own = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (own == MAP_FAILED)
		return -1;
	iov.iov_base = own;
	peek.prog = bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "px_peek", "GPL", pages_program,
				  PX_COUNT(pages_program), NULL);
	if (peek.prog >= 0 && getrandom(own, PAGES_MARK, 0) == PAGES_MARK &&
	    pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0 &&
	    vmsplice(ends[1], &iov, 1, 0) == (ssize_t)page_size)
		result = pages_search(&peek, btf, own, ends[0], out);
	for (int i = 0; i < 2; i++)
		if (ends[i] >= 0)
			close(ends[i]);
	if (peek.prog >= 0)
		close(peek.prog);
	munmap(own, page_size);
	return result;
}
