/* SPDX-License-Identifier: Apache-2.0 */
/* The program that a call on a UDP socket goes on with: whose the datagram is, and its bytes. */
#ifndef PX_UDP_BPF_H
#define PX_UDP_BPF_H

#include "datagram.bpf.h"
#include "tail.bpf.h"

#if defined(PX_DATAGRAM_COPY) && PX_SECOND_PART

int px_datagram(void *ctx)
{
	u64 regs = px_call_regs(ctx);
	u32 zero = 0, nr, shape = PX_SHAPE_NONE;
	struct px_rest *r = rests.lookup(&zero);
	struct px_abi_call *call = 0;

	if (!r || r->owner != bpf_get_current_pid_tgid())
		return 0;
	if (regs) {
		nr = PX_CALL_NR(regs);
		r->head.syscall_nr = (u16)nr;
		call = calls.lookup(&nr);
	}
	if (call && call->what == PX_WHAT_MESSAGES)
		return px_datagrams_begin(ctx, &r->head, regs);
	px_forget_messages();
	if (call && call->what == PX_WHAT_DATA && call->dir == r->head.dir) {
		shape = call->shape;
		if (PX_HAS_NAME(r->head.dir))
			px_fill_named(&r->head, shape, call->flags_arg, regs);
	}
	px_datagram_memory(r, shape, regs);
	return px_datagram_end(ctx, r);
}

#endif
#endif
