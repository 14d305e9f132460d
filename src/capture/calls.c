/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/calls.h"

#include <sys/syscall.h>

/* A call whose socket is its first argument, as nearly all are. */
#define DATA(name, dir, shape, flags_arg)                                                          \
	{                                                                                          \
#name, SYS_##name,                                                                 \
		{                                                                                  \
			PX_WHAT_DATA, PX_ABI_##dir, PX_SHAPE_##shape, 0, flags_arg,                \
			{                                                                          \
				0                                                                  \
			}                                                                          \
		}                                                                                  \
	}

/* Moves bytes in ways that its registers and its result do not describe. */
#define FOREIGN(name)                                                                              \
	{                                                                                          \
#name, SYS_##name,                                                                 \
		{                                                                                  \
			PX_WHAT_FOREIGN, 0, PX_SHAPE_NONE, 0, 0,                                   \
			{                                                                          \
				0                                                                  \
			}                                                                          \
		}                                                                                  \
	}

const struct px_call px_calls[] = {
	DATA(read, IN, BUF, 0),
	DATA(readv, IN, VEC, 0),
	DATA(preadv2, IN, VEC, 0),
	DATA(recvfrom, IN, BUF, 3),
	DATA(recvmsg, IN, MSG, 2),
	DATA(write, OUT, BUF, 0),
	DATA(writev, OUT, VEC, 0),
	DATA(pwritev2, OUT, VEC, 0),
	DATA(sendto, OUT, BUF, 3),
	DATA(sendmsg, OUT, MSG, 2),
	{ "sendfile64", SYS_sendfile, { PX_WHAT_DATA, PX_ABI_OUT, PX_SHAPE_PAGES, 0, 0, { 0 } } },
	{ "splice", SYS_splice, { PX_WHAT_DATA, PX_ABI_OUT, PX_SHAPE_PAGES, 2, 0, { 0 } } },
	{ "recvmmsg", SYS_recvmmsg, { PX_WHAT_MESSAGES, PX_ABI_IN, PX_SHAPE_MSG, 0, 3, { 0 } } },
	{ "sendmmsg", SYS_sendmmsg, { PX_WHAT_MESSAGES, PX_ABI_OUT, PX_SHAPE_MSG, 0, 3, { 0 } } },
	FOREIGN(io_uring_enter),
	FOREIGN(io_submit),
	{ "accept", SYS_accept, { PX_WHAT_ACCEPT, PX_ABI_IN, PX_SHAPE_NONE, 0, 0, { 0 } } },
	{ "accept4", SYS_accept4, { PX_WHAT_ACCEPT, PX_ABI_IN, PX_SHAPE_NONE, 0, 0, { 0 } } },
	{ "connect", SYS_connect, { PX_WHAT_CONNECT, PX_ABI_OUT, PX_SHAPE_NONE, 0, 0, { 0 } } },
	{ 0 },
};
