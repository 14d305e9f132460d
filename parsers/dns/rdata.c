/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a record says, in the presentation form of its type: RFC 1035 (section 5), 3596 (AAAA), 2782
 * (SRV), 8659 (CAA), 4034 (DS, RRSIG), 9460 (SVCB, HTTPS), 6891 (OPT). Names are without their
 * final dot. Other types, and bytes that do not fit their type, are \# LENGTH HEX (RFC 3597).
 */
#include "dns/message.h"

/* The data of one record, read from the front. */
struct rdata {
	struct dns_text *t;
	struct px_bytes msg;
	struct px_cur c;	/* what is left of it */
};

static void put_char(struct dns_text *t, char c)
{
	dns_put(t, px_bytes_of(&c, 1));
}

static void put_blank(struct rdata *r)
{
	put_char(r->t, ' ');
}

static void put_hex(struct dns_text *t, struct px_bytes s)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < s.len; i++) {
		char two[2] = { hex[(unsigned char)s.ptr[i] >> 4],
				hex[(unsigned char)s.ptr[i] & 15] };

		dns_put(t, px_bytes_of(two, 2));
	}
}

static void put_base64(struct dns_text *t, struct px_bytes s)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < s.len; i += 3) {
		size_t n = s.len - i < 3 ? s.len - i : 3;
		uint32_t v = 0;
		char four[4] = { '=', '=', '=', '=' };

		for (size_t k = 0; k < 3; k++)
			v = v << 8 | (k < n ? (unsigned char)s.ptr[i + k] : 0u);
		for (size_t k = 0; k <= n; k++)
			four[k] = digits[v >> (18 - 6 * k) & 63];
		dns_put(t, px_bytes_of(four, 4));
	}
}

/* "text", as master files have it. */
static void put_quoted(struct dns_text *t, struct px_bytes s)
{
	put_char(t, '"');
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		char escaped[4] = { '\\', (char)('0' + c / 100), (char)('0' + c / 10 % 10),
				    (char)('0' + c % 10) };

		if (c == '"' || c == '\\')
			put_char(t, '\\');
		if (c >= ' ' && c < 0x7f)
			put_char(t, (char)c);
		else
			dns_put(t, px_bytes_of(escaped, 4));
	}
	put_char(t, '"');
}

static bool put_ipv4(struct rdata *r)
{
	struct px_bytes b = px_cur_take(&r->c, 4);

	for (size_t i = 0; i < b.len; i++) {
		if (i)
			put_char(r->t, '.');
		dns_put_uint(r->t, (unsigned char)b.ptr[i]);
	}
	return !r->c.ran_short;
}

/* RFC 5952: the longest run of two zeros and more is ::, an IPv4 address inside has dots. */
static bool put_ipv6(struct rdata *r)
{
	static const char hex[] = "0123456789abcdef";
	uint16_t word[8];
	size_t best = 8, best_len = 1, run = 0;

	if (px_cur_left(&r->c) < 16)
		return false;
	for (size_t i = 0; i < 8; i++) {
		word[i] = px_cur_be16(&r->c);
		run = word[i] ? 0 : run + 1;
		if (run > best_len) {
			best = i + 1 - run;
			best_len = run;
		}
	}
	if (best == 0 && (best_len == 6 || (best_len == 5 && word[5] == 0xffff))) {
		r->c.pos -= 4;
		dns_put(r->t, best_len == 6 ? PX_BYTES("::") : PX_BYTES("::ffff:"));
		return put_ipv4(r);
	}
	for (size_t i = 0; i < 8; i++) {
		bool has_begun = false;

		if (i == best) {
			dns_put(r->t, PX_BYTES("::"));
			i += best_len - 1;
			continue;
		}
		if (i && i != best + best_len)
			put_char(r->t, ':');
		for (int shift = 12; shift >= 0; shift -= 4) {
			unsigned int digit = word[i] >> shift & 15;

			has_begun |= digit || shift == 0;
			if (has_begun)
				put_char(r->t, hex[digit]);
		}
	}
	return true;
}

/* A name inside of the data, which may point to others before it. */
static bool put_name(struct rdata *r)
{
	size_t pos = (size_t)(r->c.pos - r->msg.ptr);
	struct px_bytes until = px_bytes_sub(r->msg, 0, pos + px_cur_left(&r->c));
	size_t end = dns_put_name(r->t, until, pos);

	if (!end)
		return false;
	px_cur_skip(&r->c, end - pos);
	return true;
}

static bool put_number(struct rdata *r, size_t width)
{
	dns_put_uint(r->t, (uint32_t)px_cur_uint_be(&r->c, width));
	return !r->c.ran_short;
}

static bool put_numbers(struct rdata *r, size_t width, unsigned int count)
{
	while (count-- > 0) {
		if (!put_number(r, width))
			return false;
		put_blank(r);
	}
	return true;
}

/* "one" "two" */
static bool put_strings(struct rdata *r)
{
	bool is_first = true;

	while (px_cur_left(&r->c) > 0) {
		uint8_t len = px_cur_u8(&r->c);
		struct px_bytes s = px_cur_take(&r->c, len);

		if (r->c.ran_short)
			return false;
		if (!is_first)
			put_blank(r);
		is_first = false;
		put_quoted(r->t, s);
	}
	return !is_first;
}

/* flags 1, length of the tag 1, tag, value */
static bool put_caa(struct rdata *r)
{
	struct px_bytes tag;

	if (!put_number(r, 1))
		return false;
	tag = px_cur_take(&r->c, px_cur_u8(&r->c));
	if (tag.len == 0)
		return false;
	for (size_t i = 0; i < tag.len; i++) {
		char c = px_ascii_lower(tag.ptr[i]);

		if ((c < 'a' || c > 'z') && (c < '0' || c > '9'))
			return false;
	}
	put_blank(r);
	dns_put(r->t, tag);
	put_blank(r);
	put_quoted(r->t, px_cur_take(&r->c, px_cur_left(&r->c)));
	return true;
}

/* key tag 2, algorithm 1, kind of digest 1, digest */
static bool put_ds(struct rdata *r)
{
	if (!put_number(r, 2))
		return false;
	put_blank(r);
	if (!put_numbers(r, 1, 2))
		return false;
	put_hex(r->t, px_cur_take(&r->c, px_cur_left(&r->c)));
	return true;
}

static bool is_leap(uint32_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year == 2000);
}

/* Seconds since 1970, which go on counting from 0 in 2106, as YYYYMMDDHHmmSS. */
static void put_time(struct dns_text *t, uint32_t seconds)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	uint32_t day = seconds / 86400, second = seconds % 86400, year = 1970, month = 0, n;

	while (day >= (n = is_leap(year) ? 366 : 365)) {
		day -= n;
		year++;
	}
	while (day >= (n = month == 1 && is_leap(year) ? 29 : days[month])) {
		day -= n;
		month++;
	}
	dns_put_uint(t, year);
	for (size_t i = 0; i < 5; i++) {
		const uint32_t parts[] = { month + 1, day + 1, second / 3600, second / 60 % 60,
					   second % 60 };

		if (parts[i] < 10)
			put_char(t, '0');
		dns_put_uint(t, parts[i]);
	}
}

/*
 * type that is signed 2, algorithm 1, labels 1, its TTL 4, end 4, begin 4, key tag 2, signer,
 * signature
 */
static bool put_rrsig(struct rdata *r)
{
	if (px_cur_left(&r->c) < 18)
		return false;
	dns_put_type(r->t, px_cur_be16(&r->c));
	put_blank(r);
	put_numbers(r, 1, 2);
	put_numbers(r, 4, 1);
	put_time(r->t, px_cur_be32(&r->c));
	put_blank(r);
	put_time(r->t, px_cur_be32(&r->c));
	put_blank(r);
	put_numbers(r, 2, 1);
	if (!put_name(r))
		return false;
	put_blank(r);
	put_base64(r->t, px_cur_take(&r->c, px_cur_left(&r->c)));
	return true;
}

enum {
	SVC_MANDATORY,
	SVC_ALPN,
	SVC_NO_DEFAULT_ALPN,
	SVC_PORT,
	SVC_IPV4HINT,
	SVC_ECH,
	SVC_IPV6HINT
};

static void put_svc_key(struct dns_text *t, uint16_t key)
{
	static const struct px_bytes names[] = {
		PX_BYTES("mandatory"), PX_BYTES("alpn"),     PX_BYTES("no-default-alpn"),
		PX_BYTES("port"),      PX_BYTES("ipv4hint"), PX_BYTES("ech"),
		PX_BYTES("ipv6hint"),
	};

	if (key < PX_COUNT(names)) {
		dns_put(t, names[key]);
		return;
	}
	dns_put(t, PX_BYTES("key"));
	dns_put_uint(t, key);
}

/* Protocols, each with its length before it; a comma in one has two backslashes (RFC 9460, A.1). */
static bool put_svc_alpn(struct rdata *r)
{
	bool is_first = true;

	put_char(r->t, '"');
	while (px_cur_left(&r->c) > 0) {
		struct px_bytes id = px_cur_take(&r->c, px_cur_u8(&r->c));

		if (r->c.ran_short || id.len == 0)
			return false;
		if (!is_first)
			put_char(r->t, ',');
		is_first = false;
		for (size_t i = 0; i < id.len; i++) {
			unsigned char c = (unsigned char)id.ptr[i];

			if (c <= ' ' || c >= 0x7f || c == '"')
				return false;
			if (c == ',' || c == '\\')
				dns_put(r->t, c == ',' ? PX_BYTES("\\\\") : PX_BYTES("\\\\\\"));
			put_char(r->t, (char)c);
		}
	}
	put_char(r->t, '"');
	return !is_first;
}

/* =VALUE */
static bool put_svc_value(struct rdata *r, uint16_t key)
{
	bool is_first = true;

	if (key == SVC_NO_DEFAULT_ALPN)
		return px_cur_left(&r->c) == 0;
	if (key > SVC_IPV6HINT && px_cur_left(&r->c) == 0)
		return true;
	put_char(r->t, '=');
	switch (key) {
	case SVC_ALPN:
		return put_svc_alpn(r);
	case SVC_PORT:
		return px_cur_left(&r->c) == 2 && put_number(r, 2);
	case SVC_ECH:
		put_base64(r->t, px_cur_take(&r->c, px_cur_left(&r->c)));
		return true;
	case SVC_MANDATORY:
	case SVC_IPV4HINT:
	case SVC_IPV6HINT:
		while (px_cur_left(&r->c) > 0) {
			bool ok = true;

			if (!is_first)
				put_char(r->t, ',');
			is_first = false;
			if (key == SVC_IPV4HINT)
				ok = put_ipv4(r);
			else if (key == SVC_IPV6HINT)
				ok = put_ipv6(r);
			else
				put_svc_key(r->t, px_cur_be16(&r->c));
			if (!ok || r->c.ran_short)
				return false;
		}
		return !is_first;
	default:
		put_quoted(r->t, px_cur_take(&r->c, px_cur_left(&r->c)));
		return true;
	}
}

/* priority 2, target, and parameters: key 2, length 2, value */
static bool put_svcb(struct rdata *r)
{
	if (!put_numbers(r, 2, 1) || !put_name(r))
		return false;
	while (px_cur_left(&r->c) > 0) {
		uint16_t key = px_cur_be16(&r->c);
		struct rdata value = { r->t, r->msg, { NULL, NULL, false } };

		value.c = px_cur_sub(&r->c, px_cur_be16(&r->c));
		if (r->c.ran_short)
			return false;
		put_blank(r);
		put_svc_key(r->t, key);
		if (!put_svc_value(&value, key))
			return false;
	}
	return true;
}

static bool put_soa(struct rdata *r)
{
	if (!put_name(r))
		return false;
	put_blank(r);
	if (!put_name(r))
		return false;
	put_blank(r);
	return put_numbers(r, 4, 4) && put_number(r, 4);
}

static bool put_preference(struct rdata *r, unsigned int numbers)
{
	return put_numbers(r, 2, numbers) && put_name(r);
}

static void put_option(struct dns_text *t, uint16_t option)
{
	switch (option) {
	case 3:
		dns_put(t, PX_BYTES("NSID"));
		break;
	case 8:
		dns_put(t, PX_BYTES("CLIENT-SUBNET"));
		break;
	case 10:
		dns_put(t, PX_BYTES("COOKIE"));
		break;
	case DNS_EDE:
		dns_put(t, PX_BYTES("EDE"));
		break;
	default:
		dns_put(t, PX_BYTES("OPT="));
		dns_put_uint(t, option);
	}
}

/* EDNS as dig shows it: version and flags are in the TTL, the size in the class; options in hex. */
static bool put_opt(struct rdata *r, const struct dns_rr *rr)
{
	dns_put(r->t, PX_BYTES("version: "));
	dns_put_uint(r->t, rr->ttl >> 16 & 0xff);
	dns_put(r->t, rr->ttl & 0x8000 ? PX_BYTES(", flags: do") : PX_BYTES(", flags:"));
	dns_put(r->t, PX_BYTES("; udp: "));
	dns_put_uint(r->t, rr->class);
	while (px_cur_left(&r->c) > 0) {
		uint16_t option = px_cur_be16(&r->c);
		struct px_bytes value = px_cur_take(&r->c, px_cur_be16(&r->c));

		if (r->c.ran_short)
			return false;
		dns_put(r->t, PX_BYTES("; "));
		put_option(r->t, option);
		dns_put(r->t, PX_BYTES(": "));
		put_hex(r->t, value);
	}
	return true;
}

static bool put_by_type(struct rdata *r, const struct dns_rr *rr)
{
	switch (rr->type) {
	case DNS_A:
		return put_ipv4(r);
	case DNS_AAAA:
		return put_ipv6(r);
	case DNS_CNAME:
	case DNS_NS:
	case DNS_PTR:
		return put_name(r);
	case DNS_SOA:
		return put_soa(r);
	case DNS_MX:
		return put_preference(r, 1);
	case DNS_SRV:
		return put_preference(r, 3);
	case DNS_TXT:
		return put_strings(r);
	case DNS_CAA:
		return put_caa(r);
	case DNS_DS:
		return put_ds(r);
	case DNS_RRSIG:
		return put_rrsig(r);
	case DNS_SVCB:
	case DNS_HTTPS:
		return put_svcb(r);
	case DNS_OPT:
		return put_opt(r, rr);
	default:
		return false;
	}
}

void dns_put_rdata(struct dns_text *t, struct px_bytes msg, const struct dns_rr *rr)
{
	struct px_bytes data = px_bytes_sub(msg, rr->rdata, rr->rdata_len);
	struct rdata r = { t, msg, px_cur_of(data) };
	size_t had = (size_t)(t->at - t->begin);

	/*
	 * Addresses have other forms in other classes; dynamic updates have records without data.
	 */
	if ((data.len || rr->type == DNS_OPT) && (rr->class == 1 || rr->type != DNS_A) &&
	    put_by_type(&r, rr) && px_cur_left(&r.c) == 0)
		return;
	t->at = t->begin + had; /* what was written of it is taken back */
	dns_put(t, PX_BYTES("\\# "));
	dns_put_uint(t, (uint32_t)data.len);
	if (data.len)
		put_char(t, ' ');
	put_hex(t, data);
}
