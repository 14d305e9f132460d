/* SPDX-License-Identifier: Apache-2.0 */
/* Escaping: runs of plain ASCII are copied whole, the rest is looked at character by character. */
#include "sink/escape.h"

#include <errno.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

static const char escape_hex[] = "0123456789abcdef";

/*
 * Plain is what both JSON and terminals show as it is: 0x20 to 0x7e without '"' and '\'. (A
 * terminal would take these two as well, but a second scanner is not worth it.)
 */
static inline bool escape_is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

#ifdef __SSE2__

/* A bit for each byte that is not plain. */
static inline unsigned int escape_special16(__m128i v)
{
	/* Compared as signed numbers, bytes above 0x7f are below 0x20 too. */
	__m128i bad = _mm_cmplt_epi8(v, _mm_set1_epi8(0x20));

	bad = _mm_or_si128(bad, _mm_cmpeq_epi8(v, _mm_set1_epi8('"')));
	bad = _mm_or_si128(bad, _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
	bad = _mm_or_si128(bad, _mm_cmpeq_epi8(v, _mm_set1_epi8(0x7f)));
	return (unsigned int)_mm_movemask_epi8(bad);
}

static inline __m128i escape_load16(const char *s)
{
	return _mm_loadu_si128((const __m128i *)(const void *)s);
}

static inline __m128i escape_load8(const char *s)
{
	return _mm_loadl_epi64((const __m128i *)(const void *)s);
}

/*
 * Copy the plain bytes that s begins with, and return how many they are. Up to 16 bytes behind them
 * are overwritten, which lets a block be stored before it is known where in it the run ends. A rest
 * that fills no block is covered by two loads that overlap: nothing behind s is read, and no copy
 * has a length that the compiler does not know.
 */
static inline __attribute__((always_inline)) size_t escape_run(char *dst, const char *s, size_t n)
{
	size_t done = 0, left;
	unsigned int special;
	__m128i v, w;

	for (; n - done >= 16; done += 16) {
		v = escape_load16(s + done);
		_mm_storeu_si128((__m128i *)(void *)(dst + done), v);
		special = escape_special16(v);
		if (special)
			return done + (size_t)__builtin_ctz(special);
	}
	left = n - done;
	if (left == 0)
		return done;
	if (n >= 16) {
		v = escape_load16(s + n - 16);
		_mm_storeu_si128((__m128i *)(void *)(dst + n - 16), v);
		special = escape_special16(v) >> (16 - left);
	} else if (left >= 8) {
		v = escape_load8(s);
		w = escape_load8(s + n - 8);
		_mm_storel_epi64((__m128i *)(void *)dst, v);
		_mm_storel_epi64((__m128i *)(void *)(dst + n - 8), w);
		special = escape_special16(_mm_unpacklo_epi64(v, w));
		special = (special & 0xff) | special >> 8 << (left - 8);
	} else if (left >= 4) {
		uint32_t a, b;

		memcpy(&a, s, 4);
		memcpy(&b, s + n - 4, 4);
		memcpy(dst, &a, 4);
		memcpy(dst + n - 4, &b, 4);
		special = escape_special16(_mm_set_epi32(0, 0, (int)b, (int)a));
		special = (special & 0x0f) | (special >> 4 & 0x0f) << (left - 4);
	} else {
		unsigned char a = (unsigned char)s[0], b = (unsigned char)s[n / 2],
			      c = (unsigned char)s[n - 1];

		dst[0] = (char)a;
		dst[n / 2] = (char)b;
		dst[n - 1] = (char)c;
		special =
			escape_special16(_mm_cvtsi32_si128(a | b << 8 | c << 16)) & ((1U << n) - 1);
	}
	return special ? done + (size_t)__builtin_ctz(special) : n;
}

static inline size_t escape_ascii_run(const char *s, size_t n)
{
	size_t done = 0;

	for (; n - done >= 16; done += 16) {
		unsigned int high = (unsigned int)_mm_movemask_epi8(escape_load16(s + done));

		if (high)
			return done + (size_t)__builtin_ctz(high);
	}
	while (done < n && !(s[done] & 0x80))
		done++;
	return done;
}

#else /* eight bytes at a time, in a register */

#define ESCAPE_ONES 0x0101010101010101U
#define ESCAPE_HIGH 0x8080808080808080U

static inline uint64_t escape_has_zero(uint64_t v)
{
	return (v - ESCAPE_ONES) & ~v & ESCAPE_HIGH;
}

static inline bool escape_special8(uint64_t v)
{
	uint64_t below_blank = (v - ESCAPE_ONES * 0x20) & ~v & ESCAPE_HIGH;

	return (below_blank | (v & ESCAPE_HIGH) | escape_has_zero(v ^ ESCAPE_ONES * '"') |
		escape_has_zero(v ^ ESCAPE_ONES * '\\') |
		escape_has_zero(v ^ ESCAPE_ONES * 0x7f)) != 0;
}

static inline __attribute__((always_inline)) size_t escape_run(char *dst, const char *s, size_t n)
{
	size_t done = 0;

	for (; n - done >= 8; done += 8) {
		uint64_t v;

		memcpy(&v, s + done, 8);
		if (escape_special8(v))
			break;
		memcpy(dst + done, &v, 8);
	}
	for (; done < n && escape_is_plain((unsigned char)s[done]); done++)
		dst[done] = s[done];
	return done;
}

static inline size_t escape_ascii_run(const char *s, size_t n)
{
	size_t done = 0;

	for (; n - done >= 8; done += 8) {
		uint64_t v;

		memcpy(&v, s + done, 8);
		if (v & ESCAPE_HIGH)
			break;
	}
	while (done < n && !(s[done] & 0x80))
		done++;
	return done;
}

#endif

/* --- UTF-8 --- */

size_t px_utf8_decode(struct px_bytes s, size_t at, uint32_t *cp)
{
	const unsigned char *p = (const unsigned char *)s.ptr + at;
	size_t left = s.len - at;
	uint32_t c = p[0];

	if (c < 0x80) {
		*cp = c;
		return 1;
	}
	if (c < 0xc2) /* a continuation, or the overlong forms of ASCII */
		return 0;
	if (c < 0xe0) {
		if (left < 2 || (p[1] & 0xc0) != 0x80)
			return 0;
		*cp = (c & 0x1f) << 6 | (p[1] & 0x3fU);
		return 2;
	}
	if (c < 0xf0) {
		if (left < 3 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80)
			return 0;
		c = (c & 0x0f) << 12 | (p[1] & 0x3fU) << 6 | (p[2] & 0x3fU);
		if (c < 0x800 || (c >= 0xd800 && c < 0xe000))
			return 0;
		*cp = c;
		return 3;
	}
	if (c < 0xf5) {
		if (left < 4 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80 ||
		    (p[3] & 0xc0) != 0x80)
			return 0;
		c = (c & 0x07) << 18 | (p[1] & 0x3fU) << 12 | (p[2] & 0x3fU) << 6 | (p[3] & 0x3fU);
		if (c < 0x10000 || c > 0x10ffff)
			return 0;
		*cp = c;
		return 4;
	}
	return 0;
}

bool px_utf8_valid(struct px_bytes s)
{
	size_t at = 0;

	while (at < s.len) {
		at += escape_ascii_run(s.ptr + at, s.len - at);
		while (at < s.len && (s.ptr[at] & 0x80)) {
			uint32_t cp;
			size_t n = px_utf8_decode(s, at, &cp);

			if (n == 0)
				return false;
			at += n;
		}
	}
	return true;
}

struct escape_range {
	uint32_t first, last;
};

static bool escape_in(const struct escape_range *ranges, size_t count, uint32_t cp)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (cp > ranges[mid].last)
			low = mid + 1;
		else if (cp < ranges[mid].first)
			high = mid;
		else
			return true;
	}
	return false;
}

/*
 * Blocks of combining marks and of East Asian wide characters (Unicode annexes 44 and 11); blocks,
 * not every character.
 */
/* clang-format off */
static const struct escape_range escape_zero_width[] = {
	{ 0x0300, 0x036f }, { 0x0483, 0x0489 }, { 0x0591, 0x05bd }, { 0x05bf, 0x05bf }, { 0x05c1, 0x05c7 },
	{ 0x0610, 0x061a }, { 0x064b, 0x065f }, { 0x0670, 0x0670 }, { 0x06d6, 0x06dc }, { 0x06df, 0x06e4 },
	{ 0x0711, 0x0711 }, { 0x0730, 0x074a }, { 0x0816, 0x082d }, { 0x0900, 0x0902 }, { 0x093a, 0x093a },
	{ 0x093c, 0x093c }, { 0x0941, 0x0948 }, { 0x094d, 0x094d }, { 0x0e31, 0x0e31 }, { 0x0e34, 0x0e3a },
	{ 0x0e47, 0x0e4e }, { 0x135d, 0x135f }, { 0x1ab0, 0x1aff }, { 0x1dc0, 0x1dff }, { 0x20d0, 0x20ff },
	{ 0x302a, 0x302d }, { 0x3099, 0x309a }, { 0xfe00, 0xfe0f }, { 0xfe20, 0xfe2f }, { 0xe0100, 0xe01ef },
};
/* clang-format on */
/* clang-format off */
static const struct escape_range escape_wide[] = {
	{ 0x1100, 0x115f },   { 0x231a, 0x231b },   { 0x23e9, 0x23ec },   { 0x2614, 0x2615 },   { 0x26a1, 0x26a1 },
	{ 0x2705, 0x2705 },   { 0x274c, 0x274e },   { 0x2753, 0x2757 },   { 0x2795, 0x2797 },   { 0x2b1b, 0x2b1c },
	{ 0x2e80, 0x3029 },   { 0x302e, 0x303e },   { 0x3041, 0x3098 },   { 0x309b, 0x33ff },   { 0x3400, 0x4dbf },
	{ 0x4e00, 0xa4cf },   { 0xa960, 0xa97c },   { 0xac00, 0xd7a3 },   { 0xf900, 0xfaff },   { 0xfe30, 0xfe6f },
	{ 0xff00, 0xff60 },   { 0xffe0, 0xffe6 },   { 0x1f004, 0x1f004 }, { 0x1f0cf, 0x1f0cf }, { 0x1f18e, 0x1f19a },
	{ 0x1f200, 0x1f64f }, { 0x1f680, 0x1f6ff }, { 0x1f7e0, 0x1f7eb }, { 0x1f90c, 0x1faff }, { 0x20000, 0x3fffd },
};
/* clang-format on */

unsigned int px_utf8_columns(uint32_t cp)
{
	if (cp < 0x300)
		return 1;
	if (escape_in(escape_zero_width, PX_COUNT(escape_zero_width), cp))
		return 0;
	return escape_in(escape_wide, PX_COUNT(escape_wide), cp) ? 2 : 1;
}

/*
 * Characters that change how those around them are shown, or end a line where nobody expects it: C1
 * controls, bidi controls (Unicode annex 9), line and paragraph separator.
 */
static bool escape_is_treacherous(uint32_t cp)
{
	return (cp >= 0x7f && cp < 0xa0) || cp == 0x061c || cp == 0x200e || cp == 0x200f ||
	       (cp >= 0x2028 && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069);
}

/*
 * Characters that nobody sees: soft hyphen, joiners, fillers, byte order marks, annotations, tags.
 */
static bool escape_is_invisible(uint32_t cp)
{
	return cp == 0xad || cp == 0x034f || cp == 0x115f || cp == 0x1160 || cp == 0x180e ||
	       cp == 0x3164 || (cp >= 0x200b && cp <= 0x200d) || (cp >= 0x2060 && cp <= 0x206f) ||
	       cp == 0xfeff || cp == 0xffa0 || (cp >= 0xfff0 && cp <= 0xfffb) ||
	       (cp >= 0xe0000 && cp <= 0xe007f);
}

static char *escape_u4(char *p, uint32_t cp)
{
	*p++ = '\\';
	*p++ = 'u';
	for (int shift = 12; shift >= 0; shift -= 4)
		*p++ = escape_hex[cp >> shift & 15];
	return p;
}

/* --- JSON --- */

/* The letter behind the backslash for those that have one, by character. */
static const char json_short[128] = {
	['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n',  ['\f'] = 'f',
	['\r'] = 'r', ['"'] = '"',  ['\\'] = '\\',
};

/* One character that is not plain; returns how many bytes it had, 0 if it is none. */
static inline size_t json_special(char **dst, struct px_bytes s, size_t at)
{
	unsigned char c = (unsigned char)s.ptr[at];
	char *p = *dst;
	uint32_t cp;
	size_t n;

	if (c < 0x80) {
		if (json_short[c]) {
			p[0] = '\\';
			p[1] = json_short[c];
			*dst = p + 2;
		} else {
			*dst = escape_u4(p, c);
		}
		return 1;
	}
	n = px_utf8_decode(s, at, &cp);
	if (n && escape_is_treacherous(cp)) {
		*dst = escape_u4(p, cp);
	} else {
		for (size_t i = 0; i < n; i++)
			*p++ = s.ptr[at + i];
		*dst = p;
	}
	return n;
}

/*
 * The rest of s from a special on: a function of its own, as its registers are not to be saved for
 * the plain texts.
 */
static __attribute__((noinline)) char *json_escape_from(char *dst, struct px_bytes s, size_t at)
{
	while (at < s.len) {
		size_t n;

		/* Specials come in groups: stay here until a plain byte follows. */
		while (at < s.len && !escape_is_plain((unsigned char)s.ptr[at])) {
			n = json_special(&dst, s, at);
			if (n == 0)
				return NULL;
			at += n;
		}
		n = escape_run(dst, s.ptr + at, s.len - at);
		dst += n;
		at += n;
	}
	return dst;
}

char *px_json_escape(char *dst, struct px_bytes s)
{
	size_t n = escape_run(dst, s.ptr, s.len);

	return n == s.len ? dst + n : json_escape_from(dst + n, s, n);
}

char *px_base64(char *dst, struct px_bytes s)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *p = (const unsigned char *)s.ptr;
	size_t left = s.len;

	for (; left >= 3; left -= 3, p += 3) {
		uint32_t v = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];

		*dst++ = digits[v >> 18];
		*dst++ = digits[v >> 12 & 63];
		*dst++ = digits[v >> 6 & 63];
		*dst++ = digits[v & 63];
	}
	if (left) {
		uint32_t v = (uint32_t)p[0] << 16 | (left == 2 ? (uint32_t)p[1] << 8 : 0);

		*dst++ = digits[v >> 18];
		*dst++ = digits[v >> 12 & 63];
		*dst++ = left == 2 ? digits[v >> 6 & 63] : '=';
		*dst++ = '=';
	}
	return dst;
}

/* --- terminals --- */

static const char term_short[0x20] = { ['\a'] = 'a', ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n',
				       ['\v'] = 'v', ['\f'] = 'f', ['\r'] = 'r' };

static size_t term_hex_byte(char *p, unsigned char c)
{
	p[0] = '\\';
	p[1] = 'x';
	p[2] = escape_hex[c >> 4];
	p[3] = escape_hex[c & 15];
	return 4;
}

/*
 * One character of s, at `at`, as a terminal may see it, into p (10 bytes).
 * Returns its length there; *used bytes of s were taken, *columns is its width.
 */
static size_t term_char(char *p, struct px_bytes s, size_t at, unsigned int flags, size_t *used,
			size_t *columns)
{
	unsigned char c = (unsigned char)s.ptr[at];
	uint32_t cp;
	size_t n;

	*used = 1;
	if (c < 0x80) {
		if (c >= 0x20 && c != 0x7f) {
			p[0] = c == ' ' && (flags & PX_TERM_NO_BLANKS) ? '_' : (char)c;
			n = 1;
		} else if (c < 0x20 && term_short[c]) {
			p[0] = '\\';
			p[1] = term_short[c];
			n = 2;
		} else {
			n = term_hex_byte(p, c);
		}
		*columns = n;
		return n;
	}
	n = px_utf8_decode(s, at, &cp);
	if (n == 0) {
		*columns = 4;
		return term_hex_byte(p, c);
	}
	*used = n;
	/* Blanks of other widths pass for a column's end in the eye only, but there they do. */
	if ((flags & PX_TERM_NO_BLANKS) && (cp == 0xa0 || (cp >= 0x2000 && cp <= 0x200a) ||
					    cp == 0x202f || cp == 0x205f || cp == 0x3000)) {
		p[0] = '_';
		*columns = 1;
		return 1;
	}
	if (escape_is_treacherous(cp) || escape_is_invisible(cp)) {
		if (cp < 0x10000) {
			escape_u4(p, cp);
			*columns = 6;
			return 6;
		}
		p[0] = '\\';
		p[1] = 'U';
		for (int i = 0; i < 8; i++)
			p[2 + i] = escape_hex[cp >> (28 - 4 * i) & 15];
		*columns = 10;
		return 10;
	}
	memcpy(p, s.ptr + at, n);
	*columns = px_utf8_columns(cp);
	return n;
}

static inline size_t term_min(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Character by character, up to where there is no room. */
static __attribute__((noinline)) int term_append_slow(struct px_buf *out, struct px_bytes s,
						      unsigned int flags, struct px_term_room room,
						      size_t *columns_used)
{
	static const char ellipsis[] = "\xe2\x80\xa6";	/* one column, three bytes */
	size_t begin = out->len, columns = 0, at = 0;
	size_t fit_len = 0, fit_columns = 0;	/* the last place behind which the ellipsis still has room */

	while (at < s.len) {
		size_t chunk = term_min(s.len - at, 4096), stop = at + chunk;
		int err = px_buf_reserve(out, chunk * PX_TERM_GROWTH + PX_JSON_SLACK);

		if (err)
			return err;
		while (at < stop) {
			size_t len = out->len - begin;
			size_t free_columns = room.columns - columns, free_bytes = room.bytes - len;
			size_t used, width, n;

			if (!(flags & PX_TERM_NO_BLANKS)) {
				size_t limit = term_min(free_columns, free_bytes);
				size_t run = escape_run(out->ptr + out->len, s.ptr + at,
							term_min(stop - at, limit));
				size_t fit = term_min(free_columns - term_min(free_columns, 1),
						      free_bytes - term_min(free_bytes, 3));

				if (free_columns >= 1 && free_bytes >= 3) {
					fit_len = len + term_min(run, fit);
					fit_columns = columns + term_min(run, fit);
				}
				out->len += run;
				columns += run;
				at += run;
				if (run)
					continue;
			} else if (free_columns >= 1 && free_bytes >= 3) {
				fit_len = len;
				fit_columns = columns;
			}
			n = term_char(out->ptr + out->len, s, at, flags, &used, &width);
			if (width > free_columns || n > free_bytes) {
				out->len = begin + fit_len;
				memcpy(out->ptr + out->len, ellipsis, 3);
				out->len += 3;
				columns = fit_columns + 1;
				goto done;
			}
			out->len += n;
			columns += width;
			at += used;
		}
	}
done:
	if (columns_used)
		*columns_used += columns;
	return 0;
}

int px_term_append(struct px_buf *out, struct px_bytes s, unsigned int flags,
		   struct px_term_room room, size_t *columns_used)
{
	if (s.len == 0 || room.columns == 0 || room.bytes < 3)
		return 0;
	if (s.len <= room.columns && s.len <= room.bytes) {
		/* The usual case: plain, and there is room. */
		int err = px_buf_reserve(out, s.len + PX_JSON_SLACK);

		if (err)
			return err;
		if (escape_run(out->ptr + out->len, s.ptr, s.len) == s.len &&
		    (!(flags & PX_TERM_NO_BLANKS) || !memchr(s.ptr, ' ', s.len))) {
			out->len += s.len;
			if (columns_used)
				*columns_used += s.len;
			return 0;
		}
	}
	return term_append_slow(out, s, flags, room, columns_used);
}
