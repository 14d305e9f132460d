/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/note.h"

#include "base/cursor.h"

static const char note_hex[] = "0123456789abcdef";

static char *note_text(char *to, const char *s)
{
	size_t n = strlen(s);

	memcpy(to, s, n);
	return to + n;
}

static char *note_number(char *to, uint64_t v, unsigned int base)
{
	char digits[20];
	size_t n = 0;

	do {
		digits[n++] = note_hex[v % base];
		v /= base;
	} while (v);
	while (n)
		*to++ = digits[--n];
	return to;
}

static bool note_is_plain(char c)
{
	return c > ' ' && c < 0x7f && c != '%' && c != ',' && c != '[' && c != ']';
}

static char *note_name(char *to, const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (note_is_plain(name[i])) {
			*to++ = name[i];
		} else {
			*to++ = '%';
			*to++ = note_hex[(uint8_t)name[i] >> 4];
			*to++ = note_hex[name[i] & 0xf];
		}
	}
	return to;
}

size_t px_note_format(const struct px_origin *o, char to[PX_NOTE_MAX])
{
	char *at = note_text(to, "pxtrace ");

	at = note_name(at, o->comm, strnlen(o->comm, sizeof(o->comm)));
	*at++ = '[';
	at = note_number(at, o->pid, 10);
	at = note_text(at, o->dir == PX_ABI_OUT ? "] out conn=" : "] in conn=");
	at = note_number(at, o->sock_id, 16);
	*at++ = '.';
	at = note_number(at, o->sock_gen, 16);
	at = note_text(at, " tid=");
	at = note_number(at, o->tid, 10);
	at = note_text(at, " uid=");
	at = note_number(at, o->uid, 10);
	if (o->is_tls)
		at = note_text(at, " tls");
	if (o->family == PX_ABI_AF_UNIX) {
		at = note_text(at, " unix=");
		at = note_name(at, o->names.local, o->names.local_len);
		*at++ = ',';
		at = note_name(at, o->names.remote, o->names.remote_len);
	}
	return (size_t)(at - to);
}

static bool note_eat(struct px_cur *c, const char *s)
{
	size_t n = strlen(s);

	if (px_cur_left(c) < n || memcmp(c->pos, s, n) != 0)
		return false;
	c->pos += n;
	return true;
}

static int note_digit(char ch)
{
	const char *at = ch ? strchr(note_hex, ch) : NULL;

	return at ? (int)(at - note_hex) : -1;
}

static bool note_eat_number(struct px_cur *c, unsigned int base, uint64_t max, uint64_t *out)
{
	const char *begin = c->pos;
	uint64_t v = 0;

	while (c->pos < c->end) {
		int digit = note_digit(*c->pos);

		if (digit < 0 || digit >= (int)base)
			break;
		if (v > (max - (uint64_t)digit) / base)
			return false;
		v = v * base + (uint64_t)digit;
		c->pos++;
	}
	*out = v;
	return c->pos > begin;
}

/* Up to max bytes; their number goes to *len. */
static bool note_eat_name(struct px_cur *c, char *to, size_t max, size_t *len)
{
	size_t n = 0;

	while (c->pos < c->end && (note_is_plain(*c->pos) || *c->pos == '%')) {
		char byte = *c->pos++;

		if (byte == '%') {
			int high, low;

			if (px_cur_left(c) < 2)
				return false;
			high = note_digit(c->pos[0]);
			low = note_digit(c->pos[1]);
			if (high < 0 || low < 0)
				return false;
			byte = (char)(high << 4 | low);
			c->pos += 2;
		}
		if (n == max)
			return false;
		to[n++] = byte;
	}
	*len = n;
	return true;
}

bool px_note_parse(struct px_bytes text, struct px_origin *out)
{
	struct px_cur c = px_cur_of(text);
	uint64_t pid, tid, uid;
	size_t len;

	memset(out, 0, sizeof(*out));
	if (!note_eat(&c, "pxtrace ") || !note_eat_name(&c, out->comm, sizeof(out->comm), &len) ||
	    !note_eat(&c, "[") || !note_eat_number(&c, 10, UINT32_MAX, &pid))
		return false;
	if (note_eat(&c, "] out conn="))
		out->dir = PX_ABI_OUT;
	else if (note_eat(&c, "] in conn="))
		out->dir = PX_ABI_IN;
	else
		return false;
	if (!note_eat_number(&c, 16, UINT64_MAX, &out->sock_id) || !note_eat(&c, ".") ||
	    !note_eat_number(&c, 16, UINT64_MAX, &out->sock_gen) || !note_eat(&c, " tid=") ||
	    !note_eat_number(&c, 10, UINT32_MAX, &tid) || !note_eat(&c, " uid=") ||
	    !note_eat_number(&c, 10, UINT32_MAX, &uid))
		return false;
	out->pid = (uint32_t)pid;
	out->tid = (uint32_t)tid;
	out->uid = (uint32_t)uid;
	out->is_tls = note_eat(&c, " tls");
	if (note_eat(&c, " unix=")) {
		out->family = PX_ABI_AF_UNIX;
		if (!note_eat_name(&c, out->names.local, sizeof(out->names.local), &len))
			return false;
		out->names.local_len = (uint16_t)len;
		if (!note_eat(&c, ",") || !note_eat_name(&c, out->names.remote, sizeof(out->names.remote), &len))
			return false;
		out->names.remote_len = (uint16_t)len;
	}
	return c.pos == c.end;
}
