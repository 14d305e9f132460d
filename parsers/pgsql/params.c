/* SPDX-License-Identifier: Apache-2.0 */
/* The parameters of a Bind, as text. */
#include "pgsql/message.h"

#define VALUE_MAX (1 << 20) /* bytes of a binary parameter's text */

/* The format that the count of formats gives the n-th value: none, one for all, or one each. */
static bool params_is_binary(struct px_bytes formats, size_t n)
{
	size_t at = formats.len == 2 ? 0 : n * 2;

	return at + 2 <= formats.len && formats.ptr[at + 1] == 1;
}

/* What is left of a message in the frame's arena: values, and their lengths where it breaks off. */
static void params_overwrite(const char *from, const char *end)
{
	if (end > from)
		memset((char *)(uintptr_t)from, 'X', (size_t)(end - from));
}

/*
 * Format codes, then values, each with a length. What was not kept has none.
 */
struct px_bytes *pgsql_params(const struct pgsql_request *m, const struct pgsql_response *rsp,
			      struct px_record *rec, size_t *shown, bool *hides)
{
	struct px_cur c = px_cur_of(
		px_bytes_sub(px_bytes_of(m->raw.ptr, m->raw.len), m->bind_at, m->bind_len));
	bool told = rsp && rsp->what == PGSQL_RESPONSE && rsp->has_types;
	const uint32_t *types = told ? rsp->types : m->types;
	uint32_t type_count = told ? rsp->type_count : m->has_types ? m->type_count : 0;
	struct px_bytes formats = px_cur_take(&c, px_cur_be16(&c) * 2u), *items = NULL;
	uint16_t count = px_cur_be16(&c), n = 0;
	const char *left = c.pos;

	if (!c.ran_short)
		items = px_arena_alloc(rec->arena, count * sizeof(*items) + 1);
	for (; items && n < count; n++) {
		uint32_t len = px_cur_be32(&c);
		struct px_bytes value = { NULL, 0 };

		if (!c.ran_short && len != UINT32_MAX) {
			value = px_cur_take(&c, len);
			if (!value.ptr)
				value = PX_BYTES("");
		}
		if (c.ran_short)
			break;
		left = c.pos;
		if (value.ptr && rec->redact_literals) {
			params_overwrite(value.ptr, value.ptr + value.len);
			*hides = true;
			value = PX_BYTES("***");
		} else if (value.ptr) {
			bool is_binary = params_is_binary(formats, n);

			value = pgsql_value(n < type_count ? types[n] : 0, is_binary, value,
					    is_binary ? VALUE_MAX : SIZE_MAX, rec->arena);
		}
		items[n] = value;
	}
	if (rec->redact_literals && (!items || n < count)) {
		params_overwrite(left, c.end);
		*hides = true;
	}
	*shown = n;
	return items;
}
