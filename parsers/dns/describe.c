/* SPDX-License-Identifier: Apache-2.0 */
/* From a question and its answer to a record. */
#include "dns/message.h"

#define DNS_TEXT_BUDGET ((size_t)512 << 10)	/* bytes of texts that a record may take */
#define DNS_SUMMARY_ANSWERS 4

enum dns_field {
	DNS_F_ID,
	DNS_F_QNAME,
	DNS_F_QTYPE,
	DNS_F_QCLASS,
	DNS_F_RD,
	DNS_F_OPCODE,
	DNS_F_REQ_EDNS_SIZE,
	DNS_F_TRIES,
	DNS_F_REQ_BYTES,
	DNS_F_RCODE,
	DNS_F_AA,
	DNS_F_TC,
	DNS_F_RA,
	DNS_F_RESP_EDNS_SIZE,
	DNS_F_ANSWER_COUNT,
	DNS_F_MALFORMED,
	DNS_F_RESP_BYTES,
	DNS_F_ANSWERS,
	DNS_F_AUTHORITY,
	DNS_F_ADDITIONAL,
	DNS_F_END,
};

enum dns_member { DNS_M_NAME, DNS_M_TYPE, DNS_M_TTL, DNS_M_DATA, DNS_MEMBERS };

#define REQ PX_SIDE_REQ
#define RESP PX_SIDE_RESP

/* clang-format off */
static const struct px_field dns_members[] = {
	[DNS_M_NAME] = { "name", PX_TYPE_STR, RESP, NULL, "whom the record is about" },
	[DNS_M_TYPE] = { "type", PX_TYPE_STR, RESP, NULL, "type of the record" },
	[DNS_M_TTL] = { "ttl", PX_TYPE_INT, RESP, "s", "how long it may be kept; absent of OPT" },
	[DNS_M_DATA] = { "data", PX_TYPE_STR, RESP, NULL, "its data in presentation form, names without the final dot" },
	[DNS_MEMBERS] = { .type = PX_TYPE_NONE },
};

const struct px_field dns_fields[] = {
	[DNS_F_ID] = { "id", PX_TYPE_INT, REQ, NULL, "number of the query" },
	[DNS_F_QNAME] = { "qname", PX_TYPE_STR, REQ, NULL, "name asked, case kept, without the final dot" },
	[DNS_F_QTYPE] = { "qtype", PX_TYPE_STR, REQ, NULL, "type asked, TYPEn where it has no name here" },
	[DNS_F_QCLASS] = { "qclass", PX_TYPE_STR, REQ, NULL, "class asked, mostly IN" },
	[DNS_F_RD] = { "rd", PX_TYPE_BOOL, REQ, NULL, "recursion is desired" },
	[DNS_F_OPCODE] = { "opcode", PX_TYPE_STR, REQ, NULL, "QUERY, STATUS, NOTIFY or UPDATE" },
	[DNS_F_REQ_EDNS_SIZE] = { "edns_size", PX_TYPE_INT, REQ, "bytes", "largest datagram that the client takes, with EDNS" },
	[DNS_F_TRIES] = { "tries", PX_TYPE_INT, REQ, NULL, "how often the query was sent" },
	[DNS_F_REQ_BYTES] = { "bytes", PX_TYPE_INT, REQ, "bytes", "size of the query, without the length that TCP has before it" },
	[DNS_F_RCODE] = { "rcode", PX_TYPE_STR, RESP, NULL, "outcome" },
	[DNS_F_AA] = { "aa", PX_TYPE_BOOL, RESP, NULL, "the server is responsible for the name" },
	[DNS_F_TC] = { "tc", PX_TYPE_BOOL, RESP, NULL, "the answer was cut to fit the datagram" },
	[DNS_F_RA] = { "ra", PX_TYPE_BOOL, RESP, NULL, "recursion is available" },
	[DNS_F_RESP_EDNS_SIZE] = { "edns_size", PX_TYPE_INT, RESP, "bytes", "largest datagram that the server takes, with EDNS" },
	[DNS_F_ANSWER_COUNT] = { "answer_count", PX_TYPE_INT, RESP, NULL, "number of answers that are announced, shown or not" },
	[DNS_F_MALFORMED] = { "malformed", PX_TYPE_BOOL, RESP, NULL, "true where records that it announces are not in it" },
	[DNS_F_RESP_BYTES] = { "bytes", PX_TYPE_INT, RESP, "bytes", "size of the answer, without the lengths that TCP has" },
	[DNS_F_ANSWERS] = { "answers", PX_TYPE_OBJECTS, RESP, NULL, "records of the answer", dns_members },
	[DNS_F_AUTHORITY] = { "authority", PX_TYPE_OBJECTS, RESP, NULL, "records of the authority section", dns_members },
	[DNS_F_ADDITIONAL] = { "additional", PX_TYPE_OBJECTS, RESP, NULL, "additional records", dns_members },
	[DNS_F_END] = { .type = PX_TYPE_NONE },
};
/* clang-format on */

static const struct dns_msg *dns_msg_of(const struct px_frame *f)
{
	return f ? f->msg : NULL;
}

static struct px_bytes dns_opcode_name(unsigned int opcode)
{
	switch (opcode) {
	case DNS_QUERY:
		return PX_BYTES("QUERY");
	case DNS_NOTIFY:
		return PX_BYTES("NOTIFY");
	case DNS_UPDATE:
		return PX_BYTES("UPDATE");
	default:
		return PX_BYTES("STATUS");
	}
}

/* The record that tells of EDNS, if a message has one that can be found. */
static bool dns_find_opt(const struct dns_part *part, struct dns_rr *opt)
{
	size_t pos = part->shape.question_end;
	uint32_t before =
		(uint32_t)part->shape.counts[DNS_ANSWER] + part->shape.counts[DNS_AUTHORITY];

	for (uint32_t i = 0; i < before + part->shape.counts[DNS_ADDITIONAL]; i++) {
		if (!dns_rr(part->wire, &pos, opt))
			return false;
		if (i >= before && opt->type == DNS_OPT)
			return true;
	}
	return false;
}

/* The rest of the outcome is in the OPT record (RFC 6891 section 6.1.3). */
static unsigned int dns_rcode(const struct dns_part *part, const struct dns_rr *opt)
{
	return DNS_RCODE(part->shape.flags) | (opt ? opt->ttl >> 24 << 4 : 0);
}

/* "EDE 22: text": why it went wrong (RFC 8914), if the server says so. */
static void dns_put_ede(struct dns_text *t, struct px_bytes msg, const struct dns_rr *opt)
{
	struct px_cur c = px_cur_of(px_bytes_sub(msg, opt->rdata, opt->rdata_len));

	while (px_cur_left(&c) > 0) {
		uint16_t option = px_cur_be16(&c);
		struct px_cur value = px_cur_sub(&c, px_cur_be16(&c));
		uint16_t code;

		if (option != DNS_EDE || px_cur_left(&value) < 2)
			continue;
		code = px_cur_be16(&value);
		dns_put(t, PX_BYTES("EDE "));
		dns_put_uint(t, code);
		if (px_cur_left(&value)) {
			dns_put(t, PX_BYTES(": "));
			dns_put(t, px_cur_take(&value, px_cur_left(&value)));
		}
		return;
	}
}

static bool dns_object(struct dns_text *t, struct px_bytes wire, const struct dns_rr *rr,
		       struct px_object *o)
{
	struct px_value *v;

	if (t->has_failed || t->budget < DNS_MEMBERS * sizeof(*v))
		return false;
	v = px_arena_alloc(t->arena, DNS_MEMBERS * sizeof(*v));
	if (!v)
		return false;
	t->budget -= DNS_MEMBERS * sizeof(*v);
	memset(v, 0, DNS_MEMBERS * sizeof(*v));
	dns_put_name(t, wire, rr->name);
	v[DNS_M_NAME].s = dns_text_end(t);
	dns_put_type(t, rr->type);
	v[DNS_M_TYPE].s = dns_text_end(t);
	v[DNS_M_TTL].i = rr->ttl;
	dns_put_rdata(t, wire, rr);
	v[DNS_M_DATA].s = dns_text_end(t);
	*o = (struct px_object){ 1 << DNS_M_NAME | 1 << DNS_M_TYPE | 1 << DNS_M_DATA, v };
	if (rr->type != DNS_OPT)
		o->has |= 1 << DNS_M_TTL;
	return !t->has_failed;
}

/* One section of all parts: what of it is there and has room. Returns how many records that are. */
static size_t dns_objects(struct dns_text *t, const struct dns_msg *m, enum dns_section section,
			  struct px_object **out, bool *is_cut)
{
	size_t count = 0, total = 0;
	struct px_object *items;

	for (const struct dns_part *part = &m->first; part; part = part->next)
		total += part->shape.counts[section];
	/* Never more than bytes can hold: the counts alone may say anything. */
	if (total > m->kept)
		total = m->kept;
	if (total == 0)
		return 0;
	items = total * sizeof(*items) <= t->budget
			? px_arena_alloc(t->arena, total * sizeof(*items))
			: NULL;
	if (!items) {
		*is_cut = true;
		return 0;
	}
	t->budget -= total * sizeof(*items);
	*out = items;
	for (const struct dns_part *part = &m->first; part; part = part->next) {
		size_t pos = part->shape.question_end;
		struct dns_rr rr;

		for (int s = DNS_ANSWER; s <= (int)section; s++)
			for (uint32_t i = 0; i < part->shape.counts[s]; i++) {
				if (!dns_rr(part->wire, &pos, &rr))
					goto next;
				if (s != (int)section)
					continue;
				if (count == total ||
				    !dns_object(t, part->wire, &rr, &items[count])) {
					*is_cut = true;
					return count;
				}
				count++;
			}
	next:;
	}
	return count;
}

/* A example.com = 192.0.2.1 192.0.2.2 */
static void dns_summary(struct dns_text *t, struct px_record *rec, const struct px_frame *request,
			const struct px_object *answers, size_t count)
{
	struct px_bytes op;

	if (!rec->want_summary || !px_record_has(rec, PX_F_OP))
		return;
	op = rec->common[PX_F_OP].s;
	dns_put(t, op);
	dns_put(t, PX_BYTES(" "));
	dns_put(t, rec->common[PX_F_TARGET].s);
	for (size_t i = 0; i < count && i < DNS_SUMMARY_ANSWERS; i++) {
		dns_put(t, i ? PX_BYTES(", ") : PX_BYTES(" = "));
		if (!px_bytes_eq(answers[i].values[DNS_M_TYPE].s, op)) {
			dns_put(t, answers[i].values[DNS_M_TYPE].s);
			dns_put(t, PX_BYTES(":"));
		}
		dns_put(t, answers[i].values[DNS_M_DATA].s);
	}
	if (count > DNS_SUMMARY_ANSWERS) {
		dns_put(t, PX_BYTES(" +"));
		dns_put_uint(t, (uint32_t)(count - DNS_SUMMARY_ANSWERS));
	}
	if (request && request->tries > 1) {
		dns_put(t, PX_BYTES(" tries="));
		dns_put_uint(t, request->tries);
	}
	rec->summary = dns_text_end(t);
}

static void dns_describe_question(struct dns_text *t, const struct dns_part *part,
				  struct px_record *rec)
{
	if (!part->shape.has_question)
		return;
	dns_put_type(t, part->shape.qtype);
	px_record_str(rec, PX_F_OP, dns_text_end(t));
	dns_put_name(t, part->wire, DNS_HEAD);
	px_record_str(rec, PX_F_TARGET, dns_text_end(t));
}

static void dns_describe_request(struct dns_text *t, const struct px_frame *f,
				 const struct dns_msg *m, struct px_record *rec)
{
	const struct dns_part *part = &m->first;
	struct dns_rr opt;

	px_record_put_int(rec, DNS_F_REQ_BYTES, (int64_t)m->bytes);
	if (rec->no_details)
		return;
	px_record_put_int(rec, DNS_F_ID, part->shape.id);
	px_record_put_str(rec, DNS_F_QNAME, rec->common[PX_F_TARGET].s);
	px_record_put_str(rec, DNS_F_QTYPE, rec->common[PX_F_OP].s);
	dns_put_class(t, part->shape.qclass);
	px_record_put_str(rec, DNS_F_QCLASS, dns_text_end(t));
	px_record_put_bool(rec, DNS_F_RD, part->shape.flags & DNS_RD);
	px_record_put_str(rec, DNS_F_OPCODE, dns_opcode_name(DNS_OPCODE(part->shape.flags)));
	if (dns_find_opt(part, &opt))
		px_record_put_int(rec, DNS_F_REQ_EDNS_SIZE, opt.class);
	px_record_put_int(rec, DNS_F_TRIES, f->tries ? f->tries : 1);
}

/* Returns the number of answers in *answers. */
static size_t dns_describe_response(struct dns_text *t, const struct dns_msg *m,
				    struct px_record *rec, struct px_object **answers)
{
	const struct dns_part *part = &m->first;
	bool is_cut = false, has_opt;
	size_t answer_count, count;
	struct px_object *items = NULL;
	struct px_bytes status, error;
	struct dns_rr opt;

	has_opt = dns_find_opt(part, &opt);
	dns_put_rcode(t, dns_rcode(part, has_opt ? &opt : NULL));
	status = dns_text_end(t);
	px_record_str(rec, PX_F_STATUS, status);
	px_record_bool(rec, PX_F_OK, dns_rcode(part, has_opt ? &opt : NULL) == 0);
	if (has_opt)
		dns_put_ede(t, part->wire, &opt);
	error = dns_text_end(t);
	if (error.len)
		px_record_str(rec, PX_F_ERROR, error);
	px_record_put_int(rec, DNS_F_RESP_BYTES, (int64_t)m->bytes);
	if (rec->no_details && !rec->want_summary)
		return 0;
	answer_count = dns_objects(t, m, DNS_ANSWER, answers, &is_cut);
	if (rec->no_details)
		return answer_count;
	px_record_put_str(rec, DNS_F_RCODE, status);
	px_record_put_bool(rec, DNS_F_AA, part->shape.flags & DNS_AA);
	px_record_put_bool(rec, DNS_F_TC, part->shape.flags & DNS_TC);
	px_record_put_bool(rec, DNS_F_RA, part->shape.flags & DNS_RA);
	if (has_opt)
		px_record_put_int(rec, DNS_F_RESP_EDNS_SIZE, opt.class);
	px_record_put_int(rec, DNS_F_ANSWER_COUNT, (int64_t)m->answers);
	if (!part->shape.is_whole && !m->is_cut && !(part->shape.flags & DNS_TC))
		px_record_put_bool(rec, DNS_F_MALFORMED, true);
	px_record_put_objects(rec, DNS_F_ANSWERS, *answers, answer_count);
	count = dns_objects(t, m, DNS_AUTHORITY, &items, &is_cut);
	px_record_put_objects(rec, DNS_F_AUTHORITY, items, count);
	items = NULL;
	count = dns_objects(t, m, DNS_ADDITIONAL, &items, &is_cut);
	px_record_put_objects(rec, DNS_F_ADDITIONAL, items, count);
	if (is_cut)
		px_record_flags(rec, PX_FLAG_TRUNCATED);
	return answer_count;
}

void dns_describe(const struct px_exchange *ex, struct px_record *rec)
{
	struct dns_text t = { .arena = rec->arena, .budget = DNS_TEXT_BUDGET };
	const struct dns_msg *req = dns_msg_of(ex->request), *resp = dns_msg_of(ex->response);
	struct px_object *answers = NULL;
	size_t answer_count = 0;

	px_record_null(rec, PX_F_ERROR);
	dns_describe_question(&t, req ? &req->first : &resp->first, rec);
	if (req)
		dns_describe_request(&t, ex->request, req, rec);
	if (resp) {
		answer_count = dns_describe_response(&t, resp, rec, &answers);
	} else {
		px_record_str(rec, PX_F_STATUS, PX_BYTES("NOREPLY"));
		px_record_bool(rec, PX_F_OK, false);
	}
	dns_summary(&t, rec, ex->request, answers, answer_count);
	if (req)
		rec->raw_req = (struct px_raw){ .head = req->first.wire, .is_cut = req->is_cut };
	if (resp)
		rec->raw_resp = (struct px_raw){ .head = resp->first.wire,
						 .is_cut = resp->is_cut || resp->first.next };
}
