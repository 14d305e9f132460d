/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of unknown length, in pieces of an arena; names of types, classes and outcomes. */
#include "dns/message.h"

#define TEXT_PIECE 1024

/*
 * Room for n bytes at t->at. What has been written of this text moves to a larger piece where it
 * has to.
 */
static bool text_room(struct dns_text *t, size_t n)
{
	size_t have = (size_t)(t->at - t->begin), size;
	char *piece;

	if (t->has_failed)
		return false;
	if ((size_t)(t->end - t->at) >= n)
		return true;
	size = 2 * have + n < TEXT_PIECE ? TEXT_PIECE : 2 * have + n;
	piece = size <= t->budget ? px_arena_alloc(t->arena, size) : NULL;
	if (!piece) {
		t->has_failed = true;
		return false;
	}
	t->budget -= size;
	if (have)
		memcpy(piece, t->begin, have);
	t->begin = piece;
	t->at = piece + have;
	t->end = piece + size;
	return true;
}

struct px_bytes dns_text_end(struct dns_text *t)
{
	struct px_bytes text = { t->begin, (size_t)(t->at - t->begin) };

	t->begin = t->at;
	return text.len ? text : PX_BYTES("");
}

void dns_put(struct dns_text *t, struct px_bytes s)
{
	if (s.len == 0 || !text_room(t, s.len))
		return;
	memcpy(t->at, s.ptr, s.len);
	t->at += s.len;
}

void dns_put_uint(struct dns_text *t, uint32_t n)
{
	char digits[10];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	dns_put(t, px_bytes_of(digits + at, sizeof(digits) - at));
}

size_t dns_put_name(struct dns_text *t, struct px_bytes msg, size_t pos)
{
	size_t len, end;

	if (!text_room(t, DNS_NAME_TEXT))
		return dns_name(msg, pos, NULL, NULL);
	end = dns_name(msg, pos, t->at, &len);
	if (end)
		t->at += len;
	return end;
}

struct number_name {
	unsigned int number;
	struct px_bytes name;
};

/* NAME, or PREFIXn where the number has none in this table. */
static void put_name_of(struct dns_text *t, const struct number_name *table, size_t count,
			unsigned int number, struct px_bytes prefix)
{
	for (size_t i = 0; i < count; i++)
		if (table[i].number == number) {
			dns_put(t, table[i].name);
			return;
		}
	dns_put(t, prefix);
	dns_put_uint(t, number);
}

void dns_put_type(struct dns_text *t, uint16_t type)
{
	static const struct number_name names[] = {
		{ DNS_A, PX_BYTES("A") },	  { DNS_AAAA, PX_BYTES("AAAA") },
		{ DNS_HTTPS, PX_BYTES("HTTPS") }, { DNS_CNAME, PX_BYTES("CNAME") },
		{ DNS_PTR, PX_BYTES("PTR") },	  { DNS_NS, PX_BYTES("NS") },
		{ DNS_SOA, PX_BYTES("SOA") },	  { DNS_MX, PX_BYTES("MX") },
		{ DNS_TXT, PX_BYTES("TXT") },	  { DNS_SRV, PX_BYTES("SRV") },
		{ DNS_CAA, PX_BYTES("CAA") },	  { DNS_SVCB, PX_BYTES("SVCB") },
		{ DNS_DS, PX_BYTES("DS") },	  { DNS_RRSIG, PX_BYTES("RRSIG") },
		{ DNS_OPT, PX_BYTES("OPT") },	  { DNS_ANY, PX_BYTES("ANY") },
		{ DNS_AXFR, PX_BYTES("AXFR") },	  { DNS_IXFR, PX_BYTES("IXFR") },
	};

	put_name_of(t, names, PX_COUNT(names), type, PX_BYTES("TYPE"));
}

void dns_put_class(struct dns_text *t, uint16_t class)
{
	static const struct number_name names[] = {
		{ 1, PX_BYTES("IN") },	   { 3, PX_BYTES("CH") },    { 4, PX_BYTES("HS") },
		{ 254, PX_BYTES("NONE") }, { 255, PX_BYTES("ANY") },
	};

	put_name_of(t, names, PX_COUNT(names), class, PX_BYTES("CLASS"));
}

/* RFC 6895 section 2.3, RFC 7873, RFC 8490 */
void dns_put_rcode(struct dns_text *t, unsigned int rcode)
{
	static const struct number_name names[] = {
		{ 0, PX_BYTES("NOERROR") },   { 1, PX_BYTES("FORMERR") },
		{ 2, PX_BYTES("SERVFAIL") },  { 3, PX_BYTES("NXDOMAIN") },
		{ 4, PX_BYTES("NOTIMP") },    { 5, PX_BYTES("REFUSED") },
		{ 6, PX_BYTES("YXDOMAIN") },  { 7, PX_BYTES("YXRRSET") },
		{ 8, PX_BYTES("NXRRSET") },   { 9, PX_BYTES("NOTAUTH") },
		{ 10, PX_BYTES("NOTZONE") },  { 11, PX_BYTES("DSOTYPENI") },
		{ 16, PX_BYTES("BADVERS") },  { 17, PX_BYTES("BADKEY") },
		{ 18, PX_BYTES("BADTIME") },  { 19, PX_BYTES("BADMODE") },
		{ 20, PX_BYTES("BADNAME") },  { 21, PX_BYTES("BADALG") },
		{ 22, PX_BYTES("BADTRUNC") }, { 23, PX_BYTES("BADCOOKIE") },
	};

	put_name_of(t, names, PX_COUNT(names), rcode, PX_BYTES("RCODE"));
}
