/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors and notices: fields of a letter and a text each (PostgreSQL 15 documentation, "Error and
 * Notice Message Fields").
 */
#include "pgsql/message.h"

struct px_bytes pgsql_error_field(struct px_bytes error, char field)
{
	struct px_cur c = px_cur_of(error);

	while (px_cur_left(&c) > 0) {
		char name = (char)px_cur_u8(&c);
		struct px_bytes value;

		if (name == '\0')
			break;
		value = pgsql_cstring(&c);
		if (name == field)
			return value;
	}
	return (struct px_bytes){ NULL, 0 };
}

struct px_bytes pgsql_error_severity(struct px_bytes error)
{
	struct px_bytes severity = pgsql_error_field(error, 'V');

	return severity.len > 0 ? severity : pgsql_error_field(error, 'S');
}

struct px_bytes pgsql_error_message(struct px_bytes error, const struct px_record *rec, bool *hides)
{
	static const struct px_bytes hidden = PX_BYTES("***");
	struct px_bytes message = pgsql_error_field(error, 'M'),
			code = pgsql_error_field(error, 'C');
	size_t from = px_bytes_find(message, 0, '"') + 1, to = message.len;
	char *p;

	if (!rec->redact_literals)
		return message;
	if (px_bytes_starts(code, PX_BYTES("P0")) || px_bytes_starts(code, PX_BYTES("00"))) {
		*hides = true;
		return hidden; /* the words of a RAISE are anybody's */
	}
	if (from >= message.len ||
	    !(px_bytes_starts(code, PX_BYTES("22")) || px_bytes_eq(code, PX_BYTES("42601"))))
		return message;
	while (to > from && message.ptr[to - 1] != '"')
		to--;
	if (to > from)
		to--;
	*hides = true;
	p = px_arena_alloc(rec->arena, from + hidden.len + message.len - to);
	if (!p)
		return hidden;
	memcpy(p, message.ptr, from);
	memcpy(p + from, hidden.ptr, hidden.len);
	memcpy(p + from + hidden.len, message.ptr + to, message.len - to);
	return px_bytes_of(p, from + hidden.len + message.len - to);
}
