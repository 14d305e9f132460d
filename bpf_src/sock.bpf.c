/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Back end `sock`: the raw tracepoints sock_send_length and sock_recv_length (kernel 6.3, commit
 * 6e6eda44b939) hand over struct sock and the length of every socket call. Nothing but socket calls
 * pays for it.
 */
#include "call.bpf.h"
#include "life.bpf.h"
#include "pages.bpf.h"
#include "target.bpf.h"
#include "state.bpf.h"

/*
 * (struct sock *sk, int ret, int flags). Compiled once and loaded twice: half of the time to start
 * is compiling.
 */
int px_sock_length(u64 *ctx)
{
	u32 dir = px_patched_dir();
	u64 sk = ctx[0], regs;
	int ret = (int)ctx[1];
	u32 msg_flags = (u32)ctx[2];
	struct px_abi_event h;
	struct px_sock s;

	if (ret <= 0 && ret != -PX_ECONNRESET && ret != -PX_EPIPE && ret != -PX_ETIMEDOUT &&
	    (ret != 0 || dir == PX_ABI_OUT))
		return 0;
	if (dir == PX_ABI_IN && (msg_flags & (PX_MSG_PEEK | PX_MSG_OOB | PX_MSG_ERRQUEUE)))
		return 0;
	if (!px_is_target(px_current_id() >> 32))
		return 0;
	if (!px_sock_look(&s, sk, 0, PX_TYPED))
		return 0;
	if (ret == 0 && !px_at_end(sk, PX_TYPED))
		return 0;
	px_fill(&h, &s, PX_ABI_DATA, 0, ret, PX_TYPED);
	if (ret < 0) {
		h.kind = PX_ABI_CLOSE;
		h.flags = PX_ABI_F_RESET;
		px_fill_ends(&h, &s, PX_TYPED);
		if (px_ends_wanted(&h, &s, PX_TYPED))
			px_push(ctx, &h);
		return 0;
	}
	regs = px_current_regs();
	if (px_regs_are_foreign(regs) || !px_inside_call(regs)) {
		px_count(PX_COUNT_FOREIGN, 1);
		regs = 0;
	}
	return px_on_data(ctx, &h, &s, dir, (u64)(u32)ret, msg_flags, regs, PX_TYPED);
}
