/* SPDX-License-Identifier: Apache-2.0 */
/* Gives up what a tracer that has attached no longer needs. */
#ifndef PX_CLI_PRIVILEGE_H
#define PX_CLI_PRIVILEGE_H

#include "base/bytes.h"

#define PX_KEEP_FILES 1u
#define PX_KEEP_KILL 2u

/*
 * Call once, when probes are attached and outputs are open. From then on parsers read bytes that
 * strangers chose: of all capabilities only cap_bpf stays, to read counters and write control
 * words; no program that is started can have more; memory with other people's messages is neither
 * dumped nor shown to the user's other processes. PX_KEEP_FILES: more files will be created in
 * folders of the user behind sudo, so what root may do with other people's files stays too.
 * PX_KEEP_KILL: a command of another user has to be signalled.
 *
 * Returns 0, or the first -errno; what could be given up has been given up then too.
 */
int px_privilege_drop(unsigned int keeps);

#endif
