/* SPDX-License-Identifier: Apache-2.0 */
/* Which namespaces this process is in. */
#ifndef PX_BASE_NS_H
#define PX_BASE_NS_H

#include <stdint.h>

/*
 * The number of our pid namespace; 0 for the first one of the host, whose ids are the kernel's own.
 */
uint32_t px_ns_own_pids(void);

/* The number of our network namespace; 0 if unknown. */
uint32_t px_ns_own_net(void);

#endif
