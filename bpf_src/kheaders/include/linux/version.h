/* SPDX-License-Identifier: Apache-2.0 */
/* Asked for by libbcc; the kernel ignores the version of a program since 5.0. */
#ifndef PX_KH_VERSION_H
#define PX_KH_VERSION_H

#define LINUX_VERSION_CODE 0x061200
#define KERNEL_VERSION(a, b, c) (((a) << 16) + ((b) << 8) + (c))

#endif
