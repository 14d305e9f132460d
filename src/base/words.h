/* SPDX-License-Identifier: Apache-2.0 */
/* A short list of texts that somebody else owns, in the order given. */
#ifndef PX_BASE_WORDS_H
#define PX_BASE_WORDS_H

#include "base/bytes.h"

#define PX_WORDS_MAX 8

struct px_words {
	size_t count;
	const char *word[PX_WORDS_MAX];
};

#endif
