/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ns.h"

#include <sys/stat.h>

/* The first one has this inode number on every kernel (include/linux/proc_ns.h). */
#define NS_PIDS_FIRST 4026531836u

uint32_t px_ns_own_pids(void)
{
	struct stat ns;

	return stat("/proc/self/ns/pid", &ns) == 0 && ns.st_ino != NS_PIDS_FIRST
		       ? (uint32_t)ns.st_ino
		       : 0;
}

uint32_t px_ns_own_net(void)
{
	struct stat ns;

	return stat("/proc/self/ns/net", &ns) == 0 ? (uint32_t)ns.st_ino : 0;
}
