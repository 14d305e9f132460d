/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/infer.h"

static size_t infer_max(const struct px_parser *parser)
{
	return parser->infer_max ? parser->infer_max : PX_INFER_MAX;
}

enum px_sure px_infer(const struct px_parser *const *parsers, uint32_t excluded,
		      struct px_bytes head, enum px_dir dir, const struct px_parser **out)
{
	enum px_sure best = PX_SURE_NO;

	for (unsigned int i = 0; parsers[i]; i++) {
		enum px_sure sure;

		if (excluded >> i & 1)
			continue;
		sure = parsers[i]->infer(head, dir);
		if (sure == PX_SURE_MAYBE && head.len >= infer_max(parsers[i]))
			sure = PX_SURE_NO;
		if (sure == PX_SURE_YES) {
			*out = parsers[i];
			return sure;
		}
		if (sure > best)
			best = sure;
	}
	return best;
}

uint32_t px_infer_bit(const struct px_parser *const *parsers, const struct px_parser *parser)
{
	for (unsigned int i = 0; parsers[i]; i++)
		if (parsers[i] == parser)
			return 1u << i;
	return 0;
}
