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

static char *note_value(char *to, const char *word, uint64_t v, unsigned int base)
{
	return v ? note_number(note_text(to, word), v, base) : to;
}

size_t px_note_format(const struct px_origin *o, char to[PX_NOTE_MAX])
{
	char *at = note_text(to, "pxtrace ");

	if (o->is_packet) {
		*at++ = '-';
	} else {
		at = note_name(at, o->comm, strnlen(o->comm, sizeof(o->comm)));
		*at++ = '[';
		at = note_number(at, o->pid, 10);
		*at++ = ']';
	}
	at = note_text(at, o->dir == PX_ABI_OUT ? " out conn=" : " in conn=");
	at = note_number(at, o->sock_id, 16);
	*at++ = '.';
	at = note_number(at, o->sock_gen, 16);
	if (!o->is_packet) {
		at = note_text(at, " tid=");
		at = note_number(at, o->tid, 10);
		at = note_text(at, " uid=");
		at = note_number(at, o->uid, 10);
	}
	at = note_value(at, " flags=", o->flags & PX_NOTE_FLAGS & ~PX_ABI_F_TLS, 16);
	at = note_value(at, " lost=", o->lost, 10);
	at = note_value(at, " error=", o->error, 10);
	at = note_value(at, " scope=", o->scope_id, 10);
	if (o->has_peer)
		at = note_number(note_text(at, " peer="), o->peer, 10);
	if (o->has_no_ack)
		at = note_text(at, " noack");
	if (o->is_open)
		at = note_text(at, " open");
	if (o->is_end)
		at = note_text(at, " end");
	if (o->flags & PX_ABI_F_TLS)
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

/* " word=number", if it is there; false where the number is none. */
static bool note_eat_value(struct px_cur *c, const char *word, unsigned int base, uint64_t max,
			   uint64_t *out)
{
	*out = 0;
	return !note_eat(c, word) || note_eat_number(c, base, max, out);
}

static bool note_eat_process(struct px_cur *c, struct px_origin *out)
{
	uint64_t pid;
	size_t len;

	out->is_packet = note_eat(c, "- ");
	if (out->is_packet)
		return true;
	if (!note_eat_name(c, out->comm, sizeof(out->comm), &len) || !note_eat(c, "[") ||
	    !note_eat_number(c, 10, UINT32_MAX, &pid) || !note_eat(c, "] "))
		return false;
	out->pid = (uint32_t)pid;
	return true;
}

static bool note_eat_names(struct px_cur *c, struct px_abi_names *names)
{
	size_t len;

	if (!note_eat_name(c, names->local, sizeof(names->local), &len) || !note_eat(c, ","))
		return false;
	names->local_len = (uint16_t)len;
	if (!note_eat_name(c, names->remote, sizeof(names->remote), &len))
		return false;
	names->remote_len = (uint16_t)len;
	return true;
}

bool px_note_parse(struct px_bytes text, struct px_origin *out)
{
	struct px_cur c = px_cur_of(text);
	uint64_t tid = 0, uid = 0, flags, lost, error, scope, peer = 0;

	memset(out, 0, sizeof(*out));
	if (!note_eat(&c, "pxtrace ") || !note_eat_process(&c, out))
		return false;
	if (note_eat(&c, "out conn="))
		out->dir = PX_ABI_OUT;
	else if (note_eat(&c, "in conn="))
		out->dir = PX_ABI_IN;
	else
		return false;
	if (!note_eat_number(&c, 16, UINT64_MAX, &out->sock_id) || !note_eat(&c, ".") ||
	    !note_eat_number(&c, 16, UINT64_MAX, &out->sock_gen))
		return false;
	if (!out->is_packet &&
	    (!note_eat(&c, " tid=") || !note_eat_number(&c, 10, UINT32_MAX, &tid) ||
	     !note_eat(&c, " uid=") || !note_eat_number(&c, 10, UINT32_MAX, &uid)))
		return false;
	if (!note_eat_value(&c, " flags=", 16, UINT16_MAX, &flags) ||
	    !note_eat_value(&c, " lost=", 10, UINT32_MAX, &lost) ||
	    !note_eat_value(&c, " error=", 10, PX_NOTE_ERROR_MAX, &error) ||
	    !note_eat_value(&c, " scope=", 10, UINT32_MAX, &scope))
		return false;
	out->has_peer = note_eat(&c, " peer=");
	if (out->has_peer && !note_eat_number(&c, 10, UINT32_MAX, &peer))
		return false;
	out->tid = (uint32_t)tid;
	out->uid = (uint32_t)uid;
	out->flags = (uint16_t)flags & PX_NOTE_FLAGS;
	out->lost = (uint32_t)lost;
	out->error = (uint32_t)error;
	out->scope_id = (uint32_t)scope;
	out->peer = (uint32_t)peer;
	out->has_no_ack = note_eat(&c, " noack");
	out->is_open = note_eat(&c, " open");
	out->is_end = note_eat(&c, " end");
	if (note_eat(&c, " tls"))
		out->flags |= PX_ABI_F_TLS;
	if (note_eat(&c, " unix=")) {
		out->family = PX_ABI_AF_UNIX;
		if (!note_eat_names(&c, &out->names))
			return false;
	}
	return c.pos == c.end;
}
