/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/probes.h"

#include "abi.h"

#define TAIL(probe, function, turn)                                                                \
	{                                                                                          \
		probe, PX_HOOK_TAIL, function, "turn", true, .slot = PX_ABI_TURN_##turn            \
	}

#define UDP_TAIL(probe, function, turn)                                                            \
	{                                                                                          \
		probe, PX_HOOK_TAIL, function, "turn", true, .slot = PX_ABI_TURN_##turn,           \
			.when = PX_WHEN_DATAGRAMS                                                  \
	}

/* What takes the verifier long and is rarely jumped to. */
#define LATE_TAIL(probe, function, turn, without)                                                  \
	{                                                                                          \
		probe, PX_HOOK_TAIL, function, "turn", true, without, .slot = PX_ABI_TURN_##turn   \
	}
#define PAGE_TAIL(probe)                                                                           \
	LATE_TAIL(probe, "px_page_turn", PAGES, "what sendfile sends is not shown")

/* What all back ends at the return of system calls jump to. */
#define CALL_TAILS(probe)                                                                          \
	TAIL(probe, "px_turn", REST), UDP_TAIL(probe, "px_datagram", DATAGRAM),                    \
		TAIL(probe, "px_sum", SUM), PAGE_TAIL(probe),                                      \
		LATE_TAIL(probe, "px_batch", BATCH, "what recvmmsg and sendmmsg move is not shown")

/* What back end `sock` jumps to from its hooks, by direction. */
#define STEP(probe, function, dir, turn, when)                                                     \
	{                                                                                          \
		probe, PX_HOOK_TAIL, function, "sock_send_length", false, NULL, dir, when,         \
			PX_ABI_TURN_##turn + (dir)                                                 \
	}

#define FEXIT(call)                                                                                \
	{                                                                                          \
		PX_PROBE_FENTRY, PX_HOOK_FEXIT, "px_call_fexit", call, true                        \
	}

/*
 * Programs that others jump to stand before them: the map that leads there has to be full when the
 * first call comes.
 */
const struct px_program px_programs[] = {
	{ PX_PROBE_AUTO, PX_HOOK_RAW, "px_fork", "sched_process_fork", false, NULL, 0,
	  PX_WHEN_TARGETS_CHANGE },
	{ PX_PROBE_AUTO, PX_HOOK_RAW, "px_exit", "sched_process_exit", false, NULL, 0,
	  PX_WHEN_TARGETS_CHANGE },
	{ PX_PROBE_AUTO, PX_HOOK_RAW, "px_rename", "task_rename", false, NULL, 0, PX_WHEN_COMM },
	{ PX_PROBE_AUTO, PX_HOOK_RAW, "px_exec", "sched_process_exec", false, NULL, 0, PX_WHEN_EXE },
	{ PX_PROBE_AUTO, PX_HOOK_RAW, "px_tell_exec", "sched_process_exec", false, NULL, 0,
	  PX_WHEN_PROCS },
	{ PX_PROBE_AUTO, PX_HOOK_RAW, "px_unix_enter", "sys_enter", true, NULL, 0, PX_WHEN_ENDS },
	{ PX_PROBE_AUTO, PX_HOOK_RAW, "px_unix_exit", "sched_process_exit", true, NULL, 0,
	  PX_WHEN_ENDS },

	STEP(PX_PROBE_SOCK, "px_sock_moved", PX_ABI_OUT, MOVED, PX_WHEN_ALWAYS),
	STEP(PX_PROBE_SOCK, "px_sock_moved", PX_ABI_IN, MOVED, PX_WHEN_ALWAYS),
	TAIL(PX_PROBE_SOCK, "px_turn", REST),
	PAGE_TAIL(PX_PROBE_SOCK),
	UDP_TAIL(PX_PROBE_SOCK, "px_datagram", DATAGRAM),
	TAIL(PX_PROBE_SOCK, "px_message", MESSAGES),
	UDP_TAIL(PX_PROBE_SOCK, "px_peer", PEER),
	{ PX_PROBE_SOCK, PX_HOOK_RAW, "px_sock_length", "sock_send_length", false, NULL, PX_ABI_OUT },
	{ PX_PROBE_SOCK, PX_HOOK_RAW, "px_sock_length", "sock_recv_length", false, NULL, PX_ABI_IN },
	{ PX_PROBE_SOCK, PX_HOOK_SPLICE, "px_spliced", "sys_exit", true,
	  "what splice moves out of sockets is not seen" },

	CALL_TAILS(PX_PROBE_TRACEPOINT),
	{ PX_PROBE_TRACEPOINT, PX_HOOK_RAW, "px_sys_exit", "sys_exit", false },

	CALL_TAILS(PX_PROBE_KPROBE),
	{ PX_PROBE_KPROBE, PX_HOOK_KRETPROBE, "px_call_kretprobe", NULL, false },

	CALL_TAILS(PX_PROBE_FENTRY),
	{ PX_PROBE_FENTRY, PX_HOOK_TAIL, "px_call_body", "body", false },
	FEXIT("read"),
	FEXIT("readv"),
	FEXIT("preadv2"),
	FEXIT("recvfrom"),
	FEXIT("recvmsg"),
	FEXIT("write"),
	FEXIT("writev"),
	FEXIT("pwritev2"),
	FEXIT("sendto"),
	FEXIT("sendmsg"),
	FEXIT("sendfile64"),
	FEXIT("splice"),
	FEXIT("accept"),
	FEXIT("accept4"),
	FEXIT("connect"),
	FEXIT("recvmmsg"),
	FEXIT("sendmmsg"),
	FEXIT("io_uring_enter"),
	FEXIT("io_submit"),

	{ PX_PROBE_AUTO, PX_HOOK_RAW, "px_sock_state", "inet_sock_set_state", true },

	/* Sockets first: a context's is known when the first of its plaintext has moved. */
	STEP(PX_PROBE_AUTO, "px_tls_sock", PX_ABI_OUT, TLS, PX_WHEN_TLS_SOCK),
	STEP(PX_PROBE_AUTO, "px_tls_sock", PX_ABI_IN, TLS, PX_WHEN_TLS_SOCK),
	{ PX_PROBE_AUTO, PX_HOOK_RAW, "px_tls_sys_exit", "sys_exit", false, NULL, 0, PX_WHEN_TLS_CALLS },
	{ PX_PROBE_AUTO, PX_HOOK_RAW, "px_tls_exec", "sched_process_exec", true, NULL, 0,
	  PX_WHEN_TLS },
	{ PX_PROBE_AUTO, PX_HOOK_URETPROBE, "px_tls_return", NULL, false, NULL, 0, PX_WHEN_TLS },
	{ PX_PROBE_AUTO, PX_HOOK_UPROBE, "px_tls_enter", NULL, false, NULL, 0, PX_WHEN_TLS },
	{ PX_PROBE_AUTO, PX_HOOK_UPROBE, "px_tls_free", NULL, false, NULL, 0, PX_WHEN_TLS },
	{ PX_PROBE_AUTO, PX_HOOK_UPROBE, "px_tls_bio_write", NULL, false, NULL, 0, PX_WHEN_TLS },
	{ PX_PROBE_AUTO, PX_HOOK_UPROBE, "px_tls_bio_read", NULL, false, NULL, 0, PX_WHEN_TLS },
	{ PX_PROBE_AUTO, PX_HOOK_URETPROBE, "px_tls_bio_return", NULL, false, NULL, 0, PX_WHEN_TLS },

	{ PX_PROBE_AUTO, PX_HOOK_RAW, "px_go_sock", "sock_send_length", false, NULL, PX_ABI_OUT,
	  PX_WHEN_GO_SOCK },
	{ PX_PROBE_AUTO, PX_HOOK_RAW, "px_go_sock", "sock_recv_length", false, NULL, PX_ABI_IN,
	  PX_WHEN_GO_SOCK },
	{ PX_PROBE_AUTO, PX_HOOK_RAW, "px_go_sys_exit", "sys_exit", false, NULL, 0, PX_WHEN_GO_CALLS },
	{ PX_PROBE_AUTO, PX_HOOK_UPROBE, "px_go_return", NULL, false, NULL, 0, PX_WHEN_GO },
	{ PX_PROBE_AUTO, PX_HOOK_UPROBE, "px_go_enter", NULL, false, NULL, 0, PX_WHEN_GO },
};
const size_t px_program_count = PX_COUNT(px_programs);
_Static_assert(PX_COUNT(px_programs) <= PX_PROGRAMS_MAX, "a descriptor for each in one reply");

static const char *const probe_names[PX_PROBES] = { "auto", "sock", "fentry", "kprobe",
						    "tracepoint" };

const char *px_probe_name(enum px_probe probe)
{
	return probe_names[probe];
}

static const char *const transport_names[PX_TRANSPORTS] = { "auto", "ring", "perf" };

const char *px_transport_name(enum px_transport transport)
{
	return transport_names[transport];
}
