/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that end where an unreadable page begins, so that an over-read is a crash. */
#ifndef PX_TESTS_SUPPORT_GUARD_H
#define PX_TESTS_SUPPORT_GUARD_H

#include "base/bytes.h"

/*
 * A copy of b whose last byte is the last one before an unreadable page; free with px_guard_free.
 */
struct px_bytes px_guard_dup(struct px_bytes b);
void px_guard_free(struct px_bytes b);

#endif
