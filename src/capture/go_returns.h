/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where Go's functions return. Return probes are no way to see that: they change the return address
 * on the stack, which Go reads and moves. So their code is read by LLVM's disassembler, and probes
 * hang at each return instruction.
 */
#ifndef PX_CAPTURE_GO_RETURNS_H
#define PX_CAPTURE_GO_RETURNS_H

#include "base/error.h"
#include "capture/go_program.h"

#define PX_GO_RETURNS_MAX 64	/* of one function */

struct px_go_returns {
	uint32_t at[PX_GO_RETURNS_MAX];	/* offsets in the function */
	uint32_t count;
	uint32_t keeps_args;	/* 1: receiver, pointer and length are stored where callers leave room for them */
};

/*
 * For all functions of a program, by enum px_go_tls. Done by a process of its own, so that LLVM's
 * memory never becomes ours. Returns 0; -1 with err filled: then nothing of it is to be hung anywhere.
 */
PX_MUST_USE int px_go_returns_find(const struct px_go_program *p, struct px_go_returns *out,
				   struct px_error *err);

#endif
