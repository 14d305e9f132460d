/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/pcapng.h"

#include "capture/pcap.h"

#include <errno.h>
#include <stdlib.h>

/*
 * pcapng (draft-ietf-opsawg-pcapng): blocks of type 4, total length 4 (a multiple of 4), body,
 * total length 4 again. A section header begins a section with its own byte order and its own
 * interfaces:
 *   section header:   byte order magic 4, version 2+2, section length 8, options
 *   interface:        link type 2, reserved 2, snap length 4, options
 *   enhanced packet:  interface 4, time 4 (high) + 4, captured length 4, length 4, bytes padded to 4, options
 *   packet (old):     interface 2, drops 2, then as the enhanced one
 *   simple packet:    length 4, bytes; of interface 0, cut at its snap length
 * Options: code 2, length 2, value padded to 4; code 0 ends them, and they may also simply end.
 */
#define NG_SECTION 0x0a0d0d0au	/* the same in both byte orders */
#define NG_INTERFACE 1u
#define NG_PACKET 2u
#define NG_SIMPLE 3u
#define NG_ENHANCED 6u
#define NG_ORDER 0x1a2b3c4du
#define NG_BLOCK_MAX (PX_PACKET_MAX + (1u << 20))	/* of a block that has to be held; options included */

#define NG_OPT_COMMENT 1
#define NG_OPT_TSRESOL 9
#define NG_OPT_TSOFFSET 14

bool px_pcapng_is(struct px_bytes head)
{
	uint32_t type, order;

	if (head.len < 12)
		return false;
	memcpy(&type, head.ptr, sizeof(type));
	memcpy(&order, head.ptr + 8, sizeof(order));
	return type == NG_SECTION && (order == NG_ORDER || order == __builtin_bswap32(NG_ORDER));
}

void px_pcapng_fini(struct px_pcapng *p)
{
	free(p->interfaces);
	p->interfaces = NULL;
	p->interface_count = p->interface_cap = 0;
}

static uint32_t ng_u32(const struct px_pcapng *p, const char *at)
{
	uint32_t v;

	memcpy(&v, at, sizeof(v));
	return p->swapped ? __builtin_bswap32(v) : v;
}

static uint16_t ng_u16(const struct px_pcapng *p, const char *at)
{
	uint16_t v;

	memcpy(&v, at, sizeof(v));
	return p->swapped ? __builtin_bswap16(v) : v;
}

/* The next option of *rest, which is moved behind it; false at the end. */
static bool ng_option(const struct px_pcapng *p, struct px_bytes *rest, uint16_t *code,
		      struct px_bytes *value)
{
	size_t len;

	if (rest->len < 4)
		return false;
	*code = ng_u16(p, rest->ptr);
	len = ng_u16(p, rest->ptr + 2);
	if (*code == 0 || len > rest->len - 4)
		return false;
	*value = px_bytes_of(rest->ptr + 4, len);
	*rest = px_bytes_sub(*rest, 4 + len + -len % 4, SIZE_MAX);
	return true;
}

/* if_tsresol: 10^-n seconds, or 2^-n with the top bit set. 0 where no 64 bits can count it. */
static uint64_t ng_units(uint8_t resolution)
{
	uint64_t units = 1;
	unsigned int n = resolution & 0x7f;

	if (resolution & 0x80)
		return n < 64 ? UINT64_C(1) << n : 0;
	if (n > 19)
		return 0;
	while (n--)
		units *= 10;
	return units;
}

static int ng_interface(struct px_pcapng *p, struct px_bytes body, const char **why)
{
	struct px_pcapng_interface in = { .units = 1000000 };
	struct px_bytes rest, value;
	uint16_t code;

	if (body.len < 8) {
		*why = "interface block too short";
		return -EBADMSG;
	}
	in.link = ng_u16(p, body.ptr);
	in.snaplen = ng_u32(p, body.ptr + 4);
	rest = px_bytes_sub(body, 8, SIZE_MAX);
	while (ng_option(p, &rest, &code, &value)) {
		if (code == NG_OPT_TSRESOL && value.len == 1)
			in.units = ng_units((uint8_t)value.ptr[0]);
		if (code == NG_OPT_TSOFFSET && value.len == 8) {
			uint64_t offset;

			memcpy(&offset, value.ptr, sizeof(offset));
			in.offset_s = (int64_t)(p->swapped ? __builtin_bswap64(offset) : offset);
		}
	}
	if (in.units == 0) {
		*why = "interface with a clock finer than can be counted";
		return -EBADMSG;
	}
	if (p->interface_count == p->interface_cap) {
		size_t cap = p->interface_cap ? p->interface_cap * 2 : 4;
		struct px_pcapng_interface *grown;

		if (cap > PX_PCAPNG_INTERFACES_MAX) {
			*why = "too many interfaces";
			return -EBADMSG;
		}
		grown = realloc(p->interfaces, cap * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		p->interfaces = grown;
		p->interface_cap = cap;
	}
	p->interfaces[p->interface_count++] = in;
	return 0;
}

static uint64_t ng_time(const struct px_pcapng_interface *in, uint64_t t)
{
	uint64_t s, fraction;

	if (in->units == 1000000000 && in->offset_s == 0)
		return t;
	s = t / in->units;
	fraction = t % in->units;
	if (in->units <= 1000000000)
		fraction = fraction * (1000000000 / in->units) +
			   fraction * (1000000000 % in->units) / in->units;
	else
		fraction = (uint64_t)((long double)fraction * 1e9L / (long double)in->units);
	return (s + (uint64_t)in->offset_s) * 1000000000 + fraction;
}

/* The body of a packet block of any of the three kinds. */
static int ng_packet(struct px_pcapng *p, uint32_t type, struct px_bytes body,
		     struct px_packet *out, const char **why)
{
	size_t head = type == NG_SIMPLE ? 4 : 20;
	const struct px_pcapng_interface *in;
	struct px_bytes rest, value;
	uint32_t number = 0, captured;
	uint16_t code;

	*why = "packet block too short for its packet";
	if (body.len < head)
		return -EBADMSG;
	if (type == NG_ENHANCED)
		number = ng_u32(p, body.ptr);
	else if (type == NG_PACKET)
		number = ng_u16(p, body.ptr);
	if (number >= p->interface_count) {
		*why = "packet of an interface that is not described";
		return -EBADMSG;
	}
	in = &p->interfaces[number];
	out->link = in->link;
	out->comment = (struct px_bytes){ NULL, 0 };
	if (type == NG_SIMPLE) {
		out->len = ng_u32(p, body.ptr);
		captured = out->len;
		if (in->snaplen && captured > in->snaplen)
			captured = in->snaplen;
	} else {
		uint64_t t = (uint64_t)ng_u32(p, body.ptr + 4) << 32 | ng_u32(p, body.ptr + 8);

		captured = ng_u32(p, body.ptr + 12);
		out->len = ng_u32(p, body.ptr + 16);
		p->last_ts_ns = ng_time(in, t);
	}
	if (captured > body.len - head)
		return -EBADMSG;
	out->ts_ns = p->last_ts_ns;
	if (out->len < captured)
		out->len = captured;
	out->data = px_bytes_of(body.ptr + head, captured);
	if (type != NG_SIMPLE) {
		rest = px_bytes_sub(body, head + captured + -captured % 4, SIZE_MAX);
		while (ng_option(p, &rest, &code, &value))
			if (code == NG_OPT_COMMENT && out->comment.len == 0)
				out->comment = value;
	}
	return 0;
}

/* Pass over what is left of a block that nobody looks at, however long it is. */
static int ng_skip(struct px_pcapng *p, struct px_input *in, const char **why)
{
	struct px_bytes b;
	int ret;

	while (p->skip > 0) {
		ret = px_input_want(in, 1, &b);
		if (ret) {
			*why = "capture file cut short";
			return ret == PX_INPUT_END ? -EBADMSG : ret;
		}
		if (b.len > p->skip)
			b.len = (size_t)p->skip;
		px_input_drop(in, b.len);
		p->skip -= b.len;
	}
	return 0;
}

/* A section header: its byte order comes before its length can be read. */
static int ng_section(struct px_pcapng *p, struct px_bytes b, const char **why)
{
	uint32_t order;

	memcpy(&order, b.ptr + 8, sizeof(order));
	if (order != NG_ORDER && order != __builtin_bswap32(NG_ORDER)) {
		*why = "section without its byte order mark";
		return -EBADMSG;
	}
	p->swapped = order != NG_ORDER;
	p->interface_count = 0;
	return 0;
}

int px_pcapng_next(struct px_pcapng *p, struct px_input *in, struct px_packet *out, size_t *size,
		   const char **why)
{
	for (;;) {
		struct px_bytes b, body;
		uint32_t type, len;
		int ret;

		ret = ng_skip(p, in, why);
		if (ret)
			return ret;
		ret = px_input_want(in, 12, &b);
		if (ret == PX_INPUT_END && b.len == 0 && !px_input_damage(in))
			return PX_INPUT_END;
		*why = "capture file cut short";
		if (ret)
			return ret == PX_INPUT_END ? -EBADMSG : ret;
		type = ng_u32(p, b.ptr);
		if (type == NG_SECTION) {
			ret = ng_section(p, b, why);
			if (ret)
				return ret;
		}
		len = ng_u32(p, b.ptr + 4);
		if (len < 12 || len % 4) {
			*why = "block of an impossible size";
			return -EBADMSG;
		}
		if (type != NG_INTERFACE && type != NG_PACKET && type != NG_SIMPLE &&
		    type != NG_ENHANCED && type != PX_PCAPNG_HIDDEN_BLOCK) {
			p->skip = len;
			continue;
		}
		if (len > NG_BLOCK_MAX) {
			*why = "block of an impossible size";
			return -EBADMSG;
		}
		if (len > b.len) {
			ret = px_input_want(in, len, &b);
			if (ret)
				return ret == PX_INPUT_END ? -EBADMSG : ret;
		}
		if (ng_u32(p, b.ptr + len - 4) != len) {
			*why = "block with two different sizes";
			return -EBADMSG;
		}
		body = px_bytes_of(b.ptr + 8, len - 12);
		if (type == NG_INTERFACE) {
			ret = ng_interface(p, body, why);
			if (ret)
				return ret;
			px_input_drop(in, len);
			continue;
		}
		if (type == PX_PCAPNG_HIDDEN_BLOCK) {
			if (!px_bytes_starts(body, PX_BYTES(PX_PCAPNG_HIDDEN_MAGIC))) { /* somebody else's */
				px_input_drop(in, len);
				continue;
			}
			type = NG_ENHANCED;
			body = px_bytes_sub(body, sizeof(PX_PCAPNG_HIDDEN_MAGIC) - 1, SIZE_MAX);
		}
		*size = len;
		return ng_packet(p, type, body, out, why);
	}
}
