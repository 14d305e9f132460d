/* SPDX-License-Identifier: Apache-2.0 */
#include "tally/fold.h"

#define FOLD_HEX_MIN 8		/* digits of a hexadecimal id */
#define FOLD_WORD_MIN 16	/* letters and digits of an id in another base */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
	return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static bool is_letter(char c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/*
 * A word is an id when it has digits and nothing that a name would be made of. "v1", "page2" and
 * "sha256" are names; "deadbeef" might be one, "00c0ffee" is none.
 */
static bool fold_is_id(struct px_bytes s)
{
	size_t digits = 0, hex = 0, letters = 0, turns = 0, others = 0;

	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		digits += is_digit(c);
		letters += is_letter(c);
		hex += is_hex(c);
		others += c == '-' || c == '_' || c == ':' || c == '.' || c == '=' || c == '~';
		turns += i > 0 && is_digit(c) != is_digit(s.ptr[i - 1]);
	}
	if (digits == 0 || digits + letters + others != s.len)
		return false;
	if (letters == 0) /* 7, 2024-01-31, 10.0.0.1 */
		return true;
	if (hex + others == s.len && hex >= FOLD_HEX_MIN)
		return true;
	return s.len >= FOLD_WORD_MIN && turns >= 3 && others <= s.len / 8;
}

size_t px_fold_path(struct px_bytes path, char out[PX_FOLD_MAX])
{
	static const struct px_bytes star = PX_BYTES("*"), dots = PX_BYTES("...");
	size_t used = 0, end;

	for (size_t at = 0; at < path.len; at = end + 1) {
		struct px_bytes word;

		end = px_bytes_find(path, at, '/');
		word = px_bytes_sub(path, at, end - at);
		if (fold_is_id(word))
			word = star;
		if (used + word.len + 1 + dots.len > PX_FOLD_MAX) {
			word.len = PX_FOLD_MAX - used - dots.len;
			memcpy(out + used, word.ptr, word.len);
			memcpy(out + used + word.len, dots.ptr, dots.len);
			return used + word.len + dots.len;
		}
		if (word.len)
			memcpy(out + used, word.ptr, word.len);
		used += word.len;
		if (end < path.len)
			out[used++] = '/';
	}
	return used;
}
