/* SPDX-License-Identifier: Apache-2.0 */
/* A DNS message as the files of this folder hand it to each other. */
#ifndef PX_PARSERS_DNS_MESSAGE_H
#define PX_PARSERS_DNS_MESSAGE_H

#include "base/cursor.h"
#include "parser.h"

#define DNS_HEAD 12	/* bytes before the question */
#define DNS_NAME_MAX 255	/* bytes of a name on the wire, lengths and the final zero included */
#define DNS_NAME_TEXT (4 * DNS_NAME_MAX)	/* each byte as \DDD, and more than that */

/* Bits of the header's second word (RFC 1035 section 4.1.1; AD and CD: RFC 4035). */
#define DNS_QR 0x8000u	/* a response */
#define DNS_AA 0x0400u
#define DNS_TC 0x0200u
#define DNS_RD 0x0100u
#define DNS_RA 0x0080u
#define DNS_Z 0x0040u	/* always 0 */
#define DNS_OPCODE(flags) ((flags) >> 11 & 15)
#define DNS_RCODE(flags) ((flags)&15)

enum dns_opcode { DNS_QUERY = 0, DNS_STATUS = 2, DNS_NOTIFY = 4, DNS_UPDATE = 5 };

/* The types that have a name here. */
enum dns_type {
	DNS_A = 1,
	DNS_NS = 2,
	DNS_CNAME = 5,
	DNS_SOA = 6,
	DNS_PTR = 12,
	DNS_MX = 15,
	DNS_TXT = 16,
	DNS_SIG0 = 24,
	DNS_AAAA = 28,
	DNS_SRV = 33,
	DNS_OPT = 41,
	DNS_DS = 43,
	DNS_RRSIG = 46,
	DNS_SVCB = 64,
	DNS_HTTPS = 65,
	DNS_IXFR = 251,
	DNS_AXFR = 252,
	DNS_ANY = 255,
	DNS_CAA = 257,
};

#define DNS_EDE 15	/* the option that says more of an error (RFC 8914) */

/* Sections behind the question, and their counts. */
enum dns_section { DNS_ANSWER, DNS_AUTHORITY, DNS_ADDITIONAL, DNS_SECTIONS };

/* What a message's header and question say. */
struct dns_shape {
	uint16_t id, flags;
	uint16_t counts[DNS_SECTIONS];
	uint16_t qtype, qclass;
	bool has_question;	/* some servers answer a question that they cannot read with the header alone */
	bool is_odd;		/* the name asked has blanks or control characters, which none has in practice */
	bool is_whole;		/* every record that was announced is there, and nothing behind them */
	size_t question_end;	/* offset behind the question */
};

/* One record; offsets into the message, rdata inside of it. */
struct dns_rr {
	size_t name;		/* where its name begins */
	uint16_t type, class;
	uint32_t ttl;
	size_t rdata, rdata_len;
};

/* A message that is kept. */
struct dns_part {
	struct dns_part *next;	/* of a zone transfer */
	struct px_bytes wire;	/* what there is of it: all, but for datagrams of which not all was copied */
	struct dns_shape shape;
};

/* What px_frame.msg points to. */
struct dns_msg {
	struct dns_part first, *last;
	uint64_t bytes;		/* of all parts, without the lengths that TCP has before them */
	uint64_t kept;
	uint64_t answers;	/* answers in all parts, kept or not */
	bool is_cut;		/* some parts were not kept, or not all of a datagram was copied */
};

/* --- wire.c --- */

/*
 * Is this a message? len: what it has in all, in.len of these bytes are here. NO as soon as
 * something contradicts, MAYBE while the question is not complete. in_transfer: answers may come
 * without the question.
 */
enum px_sure dns_look(struct px_bytes in, size_t len, bool in_transfer, struct dns_shape *shape);

/*
 * The offset behind the name that begins at pos, 0 where there is none. With text, which has room
 * for DNS_NAME_TEXT bytes, the name is written there without its final dot, as master files have
 * it; *text_len is its length.
 */
size_t dns_name(struct px_bytes msg, size_t pos, char *text, size_t *text_len);

/* The record at *pos, which moves behind it. False where there is none. */
bool dns_rr(struct px_bytes msg, size_t *pos, struct dns_rr *rr);

/* A number that two names have in common that differ in case only, of the question alone. */
uint64_t dns_question_hash(struct px_bytes msg, const struct dns_shape *shape);

/* --- text.c: texts are put together in pieces of an arena --- */

struct dns_text {
	struct px_arena *arena;
	char *begin, *at, *end;	/* of the piece; the text that is being written begins at `begin` */
	size_t budget;		/* bytes that may still be taken from the arena */
	bool has_failed;	/* no room: what is written from now on is lost */
};

/* The text written since the last call, which stays as long as the arena. */
struct px_bytes dns_text_end(struct dns_text *t);

void dns_put(struct dns_text *t, struct px_bytes s);
void dns_put_uint(struct dns_text *t, uint32_t n);
void dns_put_type(struct dns_text *t, uint16_t type);
void dns_put_class(struct dns_text *t, uint16_t class);
void dns_put_rcode(struct dns_text *t, unsigned int rcode);

/* The name at pos; returns the offset behind it, or 0 and nothing is written. */
size_t dns_put_name(struct dns_text *t, struct px_bytes msg, size_t pos);

/* --- rdata.c --- */

/*
 * What the record says, in presentation form; one whose bytes do not fit its type as RFC 3597 has
 * it.
 */
void dns_put_rdata(struct dns_text *t, struct px_bytes msg, const struct dns_rr *rr);

/* --- describe.c --- */

extern const struct px_field dns_fields[];
void dns_describe(const struct px_exchange *ex, struct px_record *rec);

#endif
