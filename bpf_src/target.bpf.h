/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the current process is one that the user asked for: the first question of every program. */
#ifndef PX_TARGET_BPF_H
#define PX_TARGET_BPF_H

#include "maps.bpf.h"

/* PX_PID_TEST(tgid) compares with up to eight constants; user space never puts its own process group there. */
px_inline int px_is_target(u32 tgid)
{
#ifdef PX_TARGET_MAP
	return targets.lookup(&tgid) != NULL;
#else
	return PX_PID_TEST(tgid);
#endif
}

#endif
