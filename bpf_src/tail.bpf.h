/* SPDX-License-Identifier: Apache-2.0 */
/* What programs behind tail calls go by: the user's registers, as the back end has them. */
#ifndef PX_TAIL_BPF_H
#define PX_TAIL_BPF_H

#include "arch.bpf.h"
#include "maps.bpf.h"

BPF_PROG_ARRAY(turn, PX_ABI_TURNS);

#ifdef PX_BACK_END_SOCK

/* The registers, if they describe the call that these bytes were moved by; else 0. */
px_inline u64 px_call_regs(void *ctx)
{
	u64 regs = px_current_regs();

	(void)ctx;
	if (!px_regs_are_foreign(regs) && px_inside_call(regs))
		return regs;
	px_count(PX_COUNT_FOREIGN, 1);
	return 0;
}

#else

px_inline u64 px_call_regs(void *ctx)
{
#ifdef PX_BACK_END_KPROBE
	(void)ctx;
	return px_current_regs();
#else
	return ((u64 *)ctx)[0];
#endif
}

#endif
#endif
