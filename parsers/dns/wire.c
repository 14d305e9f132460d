/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a message looks like on the wire (RFC 1035 section 4.1):
 *
 *	id 2, flags 2, counts of questions, answers, authorities and additional records 2 each
 *	question: name, type 2, class 2
 *	record:   name, type 2, class 2, TTL 4, length 2 and so many bytes
 *
 * A name is a row of labels, each with its length before it, and ends in an empty one or in a
 * pointer (two bytes, the upper two bits set) to the rest of a name that was there before.
 */
#include "dns/message.h"

#define DNS_LABEL_MAX 63
#define DNS_POINTER 0xc0u
#define DNS_RR_MIN 11	/* bytes of a record: an empty name, and no data */
#define DNS_ADDITIONAL_MAX 4	/* of a question: OPT, TSIG, SIG(0) */

static bool name_is_plain(unsigned char c)
{
	return c > ' ' && c < 0x7f && !memchr("\"().;@$\\", c, 8);
}

/* A label as master files have it (RFC 1035 section 5.1): what is special there has a backslash. */
static char *name_put_label(char *p, const char *label, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)label[i];

		if (name_is_plain(c)) {
			*p++ = (char)c;
		} else if (c > ' ' && c < 0x7f) {
			*p++ = '\\';
			*p++ = (char)c;
		} else {
			*p++ = '\\';
			*p++ = (char)('0' + c / 100);
			*p++ = (char)('0' + c / 10 % 10);
			*p++ = (char)('0' + c % 10);
		}
	}
	return p;
}

size_t dns_name(struct px_bytes msg, size_t pos, char *text, size_t *text_len)
{
	size_t begin = pos, end = 0, total = 0;
	char *p = text;

	while (pos < msg.len) {
		unsigned int len = (unsigned char)msg.ptr[pos];

		if (len >= DNS_POINTER) {
			size_t to;

			if (pos + 1 >= msg.len)
				return 0;
			to = (len & 0x3f) << 8 | (unsigned char)msg.ptr[pos + 1];
			/* Only what was there before, so that there is no way round in circles. */
			if (to >= begin || to < DNS_HEAD)
				return 0;
			if (!end)
				end = pos + 2;
			begin = pos = to;
			continue;
		}
		if (len > DNS_LABEL_MAX || len >= msg.len - pos)
			return 0;
		total += len + 1;
		if (total > DNS_NAME_MAX)
			return 0;
		pos++;
		if (len == 0) {
			if (p == text && text)
				*p++ = '.';
			if (text_len)
				*text_len = (size_t)(p - text);
			return end ? end : pos;
		}
		if (text) {
			if (p != text)
				*p++ = '.';
			p = name_put_label(p, msg.ptr + pos, len);
		}
		pos += len;
	}
	return 0;
}

bool dns_rr(struct px_bytes msg, size_t *pos, struct dns_rr *rr)
{
	size_t at = dns_name(msg, *pos, NULL, NULL);
	struct px_cur c;

	if (!at)
		return false;
	c = px_cur_of(px_bytes_sub(msg, at, SIZE_MAX));
	rr->name = *pos;
	rr->type = px_cur_be16(&c);
	rr->class = px_cur_be16(&c);
	rr->ttl = px_cur_be32(&c);
	rr->rdata_len = px_cur_be16(&c);
	if (c.ran_short || rr->rdata_len > px_cur_left(&c))
		return false;
	rr->rdata = msg.len - px_cur_left(&c);
	*pos = rr->rdata + rr->rdata_len;
	return true;
}

/* Do the flags and counts make sense together? */
static bool look_header(const struct dns_shape *s, uint16_t questions, bool in_transfer)
{
	unsigned int opcode = DNS_OPCODE(s->flags);

	if (s->flags & DNS_Z || (opcode != DNS_QUERY && opcode != DNS_STATUS &&
				 opcode != DNS_NOTIFY && opcode != DNS_UPDATE))
		return false;
	if (s->flags & DNS_QR)
		return questions == 1 ||
		       (questions == 0 &&
			(in_transfer || (!s->counts[DNS_ANSWER] && !s->counts[DNS_AUTHORITY])));
	if (questions != 1 || s->flags & (DNS_TC | DNS_RA) || DNS_RCODE(s->flags) ||
	    s->counts[DNS_ADDITIONAL] > DNS_ADDITIONAL_MAX)
		return false;
	if (opcode == DNS_UPDATE)
		return true;
	/* IXFR brings the version that it has along, NOTIFY the new one. */
	return s->counts[DNS_AUTHORITY] <= 1 && s->counts[DNS_ANSWER] <= (opcode == DNS_NOTIFY) &&
	       (!(s->flags & DNS_AA) || opcode == DNS_NOTIFY);
}

/*
 * NetBIOS names (RFC 1002 section 4.2) look the same, but each half byte is a letter from A to P.
 */
static bool look_is_netbios(struct px_bytes in, uint16_t qtype)
{
	if (in.len < DNS_HEAD + 33 || in.ptr[DNS_HEAD] != 32 || (qtype != 32 && qtype != 33))
		return false;
	for (size_t i = 0; i < 32; i++)
		if (in.ptr[DNS_HEAD + 1 + i] < 'A' || in.ptr[DNS_HEAD + 1 + i] > 'P')
			return false;
	return true;
}

/* The question, whose name cannot point anywhere yet. */
static enum px_sure look_question(struct px_bytes in, size_t len, struct dns_shape *s)
{
	size_t pos = DNS_HEAD;
	struct px_cur c;

	for (;;) {
		unsigned int label;

		if (pos >= len || pos - DNS_HEAD >= DNS_NAME_MAX)
			return PX_SURE_NO;
		if (pos >= in.len)
			return PX_SURE_MAYBE;
		label = (unsigned char)in.ptr[pos];
		if (label > DNS_LABEL_MAX)
			return PX_SURE_NO;
		for (size_t i = pos + 1; i <= pos + label && i < in.len; i++)
			s->is_odd |= (unsigned char)in.ptr[i] <= ' ' || in.ptr[i] == 0x7f;
		pos += 1 + label;
		if (label == 0)
			break;
	}
	if (len < pos + 4)
		return PX_SURE_NO;
	if (in.len < pos + 4)
		return PX_SURE_MAYBE;
	c = px_cur_of(px_bytes_sub(in, pos, 4));
	s->qtype = px_cur_be16(&c);
	s->qclass = px_cur_be16(&c);
	s->has_question = true;
	s->question_end = pos + 4;
	/*
	 * Internet, Chaosnet, Hesiod; none and any. What mDNS has in the upper bit is not known
	 * here.
	 */
	if (s->qtype == 0 || (s->qclass != 1 && s->qclass != 3 && s->qclass != 4 &&
			      s->qclass != 254 && s->qclass != 255))
		return PX_SURE_NO;
	return look_is_netbios(in, s->qtype) ? PX_SURE_NO : PX_SURE_YES;
}

/*
 * What comes behind a question: as a rule EDNS, whose name is the root's. Others (TSIG) have the
 * name of a key.
 */
static enum px_sure look_behind_question(struct px_bytes in, size_t len, const struct dns_shape *s)
{
	struct px_cur c = px_cur_of(px_bytes_sub(in, s->question_end, SIZE_MAX));
	unsigned int label = px_cur_u8(&c);
	uint16_t next = px_cur_be16(&c);

	if (DNS_OPCODE(s->flags) != DNS_QUERY || s->flags & DNS_QR)
		return PX_SURE_YES;
	if (s->counts[DNS_AUTHORITY])
		return s->qtype == DNS_IXFR ? PX_SURE_YES : PX_SURE_NO;
	if (!s->counts[DNS_ADDITIONAL])
		return s->question_end == len ? PX_SURE_YES : PX_SURE_NO;
	if (c.ran_short)
		return in.len < len ? PX_SURE_MAYBE : PX_SURE_NO;
	if (label == 0)
		return next == DNS_OPT || next == DNS_SIG0 ? PX_SURE_YES : PX_SURE_NO;
	return label >= DNS_POINTER || (label <= DNS_LABEL_MAX && next >> 8 > ' ') ? PX_SURE_YES
										   : PX_SURE_NO;
}

enum px_sure dns_look(struct px_bytes in, size_t len, bool in_transfer, struct dns_shape *s)
{
	struct px_cur c = px_cur_of(px_bytes_sub(in, 0, len));
	uint16_t questions;
	size_t records = 0, pos;
	struct dns_rr rr;

	*s = (struct dns_shape){ .question_end = DNS_HEAD };
	if (len < DNS_HEAD)
		return PX_SURE_NO;
	in = px_bytes_sub(in, 0, len);
	s->id = px_cur_be16(&c);
	s->flags = px_cur_be16(&c);
	if (c.ran_short)
		return PX_SURE_MAYBE;
	questions = px_cur_be16(&c);
	if (c.ran_short) /* the flags alone exclude much already */
		return look_header(s, 1, false) ? PX_SURE_MAYBE : PX_SURE_NO;
	for (size_t i = 0; i < DNS_SECTIONS; i++)
		s->counts[i] = px_cur_be16(&c);
	if (!look_header(s, questions, in_transfer))
		return PX_SURE_NO;
	if (c.ran_short)
		return PX_SURE_MAYBE;
	for (size_t i = 0; i < DNS_SECTIONS; i++)
		records += s->counts[i];
	if (questions) {
		enum px_sure sure = look_question(in, len, s);

		if (sure == PX_SURE_YES)
			sure = look_behind_question(in, len, s);
		if (sure != PX_SURE_YES)
			return sure;
	}
	pos = s->question_end;
	/* An answer that was cut to fit its datagram may announce more than it has. */
	if (records * DNS_RR_MIN > len - pos && !(s->flags & DNS_TC))
		return PX_SURE_NO;
	if (in.len < len)
		return PX_SURE_YES;
	while (records > 0 && dns_rr(in, &pos, &rr))
		records--;
	s->is_whole = records == 0 && pos == len;
	return s->is_whole || s->flags & DNS_QR ? PX_SURE_YES : PX_SURE_NO;
}

uint64_t dns_question_hash(struct px_bytes msg, const struct dns_shape *shape)
{
	struct px_bytes question = px_bytes_sub(msg, DNS_HEAD, shape->question_end - DNS_HEAD);
	uint64_t h = 0xcbf29ce484222325;

	for (size_t i = 0; i < question.len; i++) {
		bool is_name = i + 4 < question.len; /* lengths of labels are below the letters */
		char c = is_name ? px_ascii_lower(question.ptr[i]) : question.ptr[i];

		h = (h ^ (uint8_t)c) * 0x100000001b3;
	}
	return h;
}
