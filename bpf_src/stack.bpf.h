/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel's stack says about the system call that is under way: its own copies of the
 * arguments lie above the frames of what it called. Read where nothing else tells.
 */
#ifndef PX_STACK_BPF_H
#define PX_STACK_BPF_H

#include "maps.bpf.h"

#define PX_STACK_WORDS                                                                             \
	320 /* below the user's registers; up to 1 kB of it is random (randomize_kstack_offset) */
#define PX_STACK_FOUND 8 /* a power of two */

struct px_stack {
	u64 word[PX_STACK_WORDS];
	u64 base; /* address of the first */
	u64 floor; /* below this address nothing is in use any more */
	u64 count; /* of what was found, of which the last PX_STACK_FOUND are kept */
	u64 found[PX_STACK_FOUND];
};
BPF_PERCPU_ARRAY(stacks, struct px_stack, 1);

/* The stack of this call, copied; NULL where it cannot be read. */
px_inline struct px_stack *px_stack_take(void *ctx)
{
	u32 zero = 0;
	struct px_stack *s = stacks.lookup(&zero);

	if (!s)
		return 0;
	/* What comes out of the map again is a number to the verifier, and no pointer. */
	s->base = px_current_regs();
	s->floor = px_ptr(
		ctx); /* the arguments of a raw tracepoint are on the stack of who fires it */
	s->base = *(volatile u64 *)&s->base - sizeof(s->word);
	s->count = 0;
	return px_probe_kernel(s->word, sizeof(s->word), (void *)*(volatile u64 *)&s->base) ? 0 : s;
}

#endif
