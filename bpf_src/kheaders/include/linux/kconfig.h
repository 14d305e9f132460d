/* SPDX-License-Identifier: Apache-2.0 */
/* What bcc's headers ask about the kernel's configuration. */
#ifndef PX_KH_KCONFIG_H
#define PX_KH_KCONFIG_H

#define CONFIG_BPF_SYSCALL 1
#define CONFIG_ARCH_HAS_SYSCALL_WRAPPER 1

#endif
