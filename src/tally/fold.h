/* SPDX-License-Identifier: Apache-2.0 */
/* Targets that differ only in ids are made one: /users/7/orders and /users/8/orders. */
#ifndef PX_TALLY_FOLD_H
#define PX_TALLY_FOLD_H

#include "base/bytes.h"

#define PX_FOLD_MAX 160	/* bytes of a folded target */

/*
 * Write path to out with each segment that is a number or looks like an id (a UUID, hexadecimal of
 * eight digits and more, a long word of letters and digits in turn) replaced by "*". What is longer
 * than PX_FOLD_MAX ends in "...". Returns the length.
 */
size_t px_fold_path(struct px_bytes path, char out[PX_FOLD_MAX]);

#endif
