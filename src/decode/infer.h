/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the parsers whose bytes these are. */
#ifndef PX_DECODE_INFER_H
#define PX_DECODE_INFER_H

#include "parser.h"

/* After so many bytes a "maybe" is a "no", unless the parser says otherwise. */
#define PX_INFER_MAX 512

/*
 * head      the first bytes of a direction that nobody has claimed yet
 * excluded  parsers not to be asked, px_infer_bit() each
 * Returns YES and *out, the first parser that is sure; MAYBE when none is but one wants more; NO.
 */
enum px_sure px_infer(const struct px_parser *const *parsers, uint32_t excluded,
		      struct px_bytes head, enum px_dir dir, const struct px_parser **out);

uint32_t px_infer_bit(const struct px_parser *const *parsers, const struct px_parser *parser);

#endif
