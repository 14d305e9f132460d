/* SPDX-License-Identifier: Apache-2.0 */
/* The same cases for the way without SSE2, which other machines take. */
#undef __SSE2__
/* NOLINTBEGIN(bugprone-suspicious-include): compiled once more, as if for a machine without it */
#include "sink/escape.c"

#include "sink/escape_test.c"
/* NOLINTEND(bugprone-suspicious-include) */
