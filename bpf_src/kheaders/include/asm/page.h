/* SPDX-License-Identifier: Apache-2.0 */
/* bcc's helpers include it and need no more than this. */
#ifndef PX_KH_PAGE_H
#define PX_KH_PAGE_H

#define PAGE_SIZE 4096UL

#endif
