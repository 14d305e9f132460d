/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/go_returns.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__aarch64__)
#define RETURNS_TARGET "LLVMInitializeAArch64"
#define RETURNS_TRIPLE "aarch64-linux-gnu"
#define RETURNS_UNIT 4	/* bytes of an instruction, which constants between them have, too */
#else
#define RETURNS_TARGET "LLVMInitializeX86"
#define RETURNS_TRIPLE "x86_64-linux-gnu"
#define RETURNS_UNIT 0
#endif

/* llvm-c/Disassembler.h; found at run time, because libbcc has it with it. */
struct returns_llvm {
	void *(*create)(const char *triple, void *info, int tag, void *op_info, void *lookup);
	size_t (*instruction)(void *dc, uint8_t *bytes, uint64_t size, uint64_t pc, char *text,
			      size_t text_size);
	void (*info)(void);
	void (*machine)(void);
	void (*disassembler)(void);
};

static bool returns_open(struct returns_llvm *llvm)
{
	void *lib = dlopen("libbcc.so.0", RTLD_LAZY | RTLD_LOCAL);
	struct {
		const char *name;
		void *slot;
	} symbols[] = {
		{ "LLVMCreateDisasm", &llvm->create },
		{ "LLVMDisasmInstruction", &llvm->instruction },
		{ RETURNS_TARGET "TargetInfo", &llvm->info },
		{ RETURNS_TARGET "TargetMC", &llvm->machine },
		{ RETURNS_TARGET "Disassembler", &llvm->disassembler },
	};

	for (size_t i = 0; i < PX_COUNT(symbols); i++) {
		/* A library's handle finds what it depends on, too. */
		void *at = lib ? dlsym(lib, symbols[i].name) : NULL;

		if (!at)
			return false;
		memcpy(symbols[i].slot, &at, sizeof(at));
	}
	return true;
}

/*
 * What a function's beginning does with the stack. In Go's calling convention callers leave room for
 * the arguments that come in registers, in their order, behind the return address; a function that calls
 * others stores there what it will need again.
 */
struct returns_frame {
	int depth;	/* bytes between the stack pointer and the return address */
	unsigned stored;	/* which arguments, a bit each */
	bool has_called;
};

static void returns_look(struct returns_frame *f, const char *text)
{
	static const char *const args[] = { "rax", "rbx", "rcx" };
	char from[8];
	int n, at;

	if (f->has_called)
		return;
	if (sscanf(text, " pushq %%%7[a-z]", from) == 1)
		f->depth += 8;
	else if (sscanf(text, " subq $%d, %%%7[a-z]", &n, from) == 2 && strcmp(from, "rsp") == 0)
		f->depth += n;
	else if (sscanf(text, " movq %%%7[a-z0-9], %d(%%rsp)", from, &at) == 2)
		for (int i = 0; i < (int)PX_COUNT(args); i++)
			f->stored |= strcmp(from, args[i]) == 0 && at == f->depth + 8 + 8 * i ? 1u << i : 0;
	else
		f->has_called = strstr(text, "call") != NULL;
}

/* Instruction by instruction to the end. False: this is no code, or it returns nowhere or in too many places. */
static bool returns_of(const struct returns_llvm *llvm, void *dc, struct px_bytes code,
		       struct px_go_returns *out)
{
	struct returns_frame frame = { 0 };
	char text[128];
	size_t at = 0;

	out->count = 0;
	while (at < code.len) {
		uint8_t *bytes = (uint8_t *)(uintptr_t)(code.ptr + at);	/* not written to */
		size_t n = llvm->instruction(dc, bytes, code.len - at, at, text, sizeof(text));

		if (n == 0 && RETURNS_UNIT == 0)
			return false;
		if (n)
			returns_look(&frame, text);
		if (n && strncmp(text + strspn(text, " \t"), "ret", 3) == 0) {
			if (out->count == PX_GO_RETURNS_MAX)
				return false;
			out->at[out->count++] = (uint32_t)at;
		}
		at += n ? n : RETURNS_UNIT;
	}
	out->keeps_args = frame.stored == 7;
	return code.len == 0 || out->count > 0;
}

/* The other process; how it ends tells how far it came. */
enum returns_end {
	RETURNS_DONE,
	RETURNS_NO_LLVM,
	RETURNS_NO_CODE,
};

static enum returns_end returns_work(const struct px_go_program *p, int fd)
{
	struct px_go_returns out[PX_GO_FUNCTIONS] = { 0 };
	struct returns_llvm llvm;
	void *dc = NULL;

	if (returns_open(&llvm)) {
		llvm.info();
		llvm.machine();
		llvm.disassembler();
		dc = llvm.create(RETURNS_TRIPLE, NULL, 0, NULL, NULL);
	}
	if (!dc)
		return RETURNS_NO_LLVM;
	for (size_t i = 0; i < PX_GO_FUNCTIONS; i++)
		if (!returns_of(&llvm, dc, p->functions[i].bytes, &out[i]))
			return RETURNS_NO_CODE;
	/* One write, shorter than what a pipe takes at once. */
	return write(fd, out, sizeof(out)) == (ssize_t)sizeof(out) ? RETURNS_DONE : RETURNS_NO_LLVM;
}

static bool returns_read(int fd, void *to, size_t size)
{
	size_t at = 0;

	while (at < size) {
		ssize_t n = read(fd, (char *)to + at, size - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += (size_t)n;
	}
	return true;
}

int px_go_returns_find(const struct px_go_program *p, struct px_go_returns *out, struct px_error *err)
{
	int fds[2], status = 0;
	bool is_whole;
	pid_t pid;

	if (pipe(fds) < 0)
		return px_error_set(err, PX_EXIT_FAILED, NULL, "pipe: %s", strerror(errno));
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(fds[0]);
		_exit((int)returns_work(p, fds[1]));
	}
	close(fds[1]);
	is_whole = pid > 0 && returns_read(fds[0], out, sizeof(*out) * PX_GO_FUNCTIONS);
	close(fds[0]);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (is_whole && status == 0)
		return 0;
	return px_error_set(err, PX_EXIT_HOST, NULL,
			    WIFEXITED(status) && WEXITSTATUS(status) == RETURNS_NO_CODE
				    ? "the code of its crypto/tls is not understood"
				    : "LLVM's disassembler, which comes with libbcc, cannot be used");
}
