/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/probes.h"

const struct px_program px_programs[] = {
	{ PX_PROBE_SOCK, PX_HOOK_RAW, "px_sock_send", "sock_send_length", false },
	{ PX_PROBE_SOCK, PX_HOOK_RAW, "px_sock_recv", "sock_recv_length", false },
	{ PX_PROBE_SOCK, PX_HOOK_TAIL, "px_turn", "sock_recv_length", true },
	{ PX_PROBE_AUTO, PX_HOOK_RAW, "px_sock_state", "inet_sock_set_state", true },
};
const size_t px_program_count = PX_COUNT(px_programs);
_Static_assert(PX_COUNT(px_programs) <= PX_PROGRAMS_MAX, "a bit per program");

static const char *const probe_names[PX_PROBES] = { "auto", "sock", "fentry", "kprobe", "tracepoint" };

const char *px_probe_name(enum px_probe probe)
{
	return probe_names[probe];
}
