/* SPDX-License-Identifier: Apache-2.0 */
/* Raw tracepoints and trampolines: the program knows its target since it was loaded. */
#include "capture/attach.h"

#include <bpf/bpf.h>
#include <errno.h>

int px_attach_raw(int program)
{
	int fd = bpf_raw_tracepoint_open(NULL, program);

	return fd < 0 ? -errno : fd;
}
