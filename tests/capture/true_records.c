/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP conversations as packets, cut at any packet, or with packets removed, repeated and moved at
 * random: what comes out was sent, each message once, with the body that it had, and no request has
 * another one's answer.
 *
 * A request's path and its answer's reason phrase name connection and number, and bodies follow
 * from these. PX_RUNS in the environment: how many changes.
 */
#include "capture/tcp.h"
#include "conn/table.h"
#include "support/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define CONNS 4
#define EXCHANGES 6
#define PACKETS_MAX 1024
#define BYTES_MAX (1u << 18)
#define BODY_MAX 3000
#define CHANGES 100000
#define LOOPS 4

struct truth {
	bool is_head, is_chunked, is_pipelined;
	uint32_t request_body, response_body;
};

static struct truth truth[CONNS][EXCHANGES];
static struct px_segment packets[PACKETS_MAX];
static struct px_origin origins[CONNS][2];
static size_t packet_count, bytes_used;
static char bytes[BYTES_MAX];
static uint64_t rng_state, seed, now_ns;

static struct {
	unsigned int requests[CONNS][EXCHANGES], responses[CONNS][EXCHANGES];
	unsigned int pairs, alone;
} seen;

/* Check's own assertions send a message each; there are millions of these. */
static void must(bool ok, const char *what)
{
	if (!ok)
		ck_abort_msg("%s, seed %llu", what, (unsigned long long)seed);
}

static uint32_t rng(uint32_t n)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return (uint32_t)(rng_state >> 33) % n;
}

static char body_at(unsigned int conn, unsigned int n, uint32_t i)
{
	return (char)('a' + (i * 7 + (i >> 6) + conn * 5 + n * 11) % 26);
}

/* The traffic */

struct ends {
	uint32_t seq[2]; /* next, of the client and of the server */
	size_t mss;
};

static void send_packet(unsigned int conn, struct ends *e, int from_server, const char *data,
			size_t len, uint8_t flags)
{
	struct px_segment *s = &packets[packet_count++];

	must(packet_count < PACKETS_MAX && bytes_used + len < BYTES_MAX,
	     "the test has too little room");
	if (len)
		memcpy(bytes + bytes_used, data, len);
	*s = (struct px_segment){ .family = PX_ABI_AF_INET, .protocol = 6, .tcp_flags = flags };
	s->ts_ns = now_ns += 1000 * (1 + rng(2000));
	s->src[0] = s->dst[0] = 10;
	s->src[3] = from_server ? 2 : 1;
	s->dst[3] = from_server ? 1 : 2;
	s->src_port = from_server ? 80 : (uint16_t)(40000 + conn);
	s->dst_port = from_server ? (uint16_t)(40000 + conn) : 80;
	s->seq = e->seq[from_server];
	s->ack = flags & PX_TCP_ACK ? e->seq[!from_server] : 0;
	s->len = (uint32_t)len;
	s->data = px_bytes_of(bytes + bytes_used, len);
	bytes_used += len;
	e->seq[from_server] += (uint32_t)len + !!(flags & (PX_TCP_SYN | PX_TCP_FIN));
}

static void send_message(unsigned int conn, struct ends *e, int from_server, const char *text,
			 size_t len)
{
	for (size_t at = 0; at < len; at += e->mss)
		send_packet(conn, e, from_server, text + at, len - at < e->mss ? len - at : e->mss,
			    PX_TCP_ACK);
	if (rng(3) == 0)
		send_packet(conn, e, !from_server, NULL, 0, PX_TCP_ACK);
}

static size_t put_body(char *to, unsigned int conn, unsigned int n, uint32_t len, bool is_chunked)
{
	size_t at = 0;

	for (uint32_t i = 0; i < len;) {
		uint32_t part = is_chunked && len - i > 1 ? 1 + rng(len - i) : len - i;

		if (is_chunked)
			at += (size_t)sprintf(to + at, "%x\r\n", part);
		for (uint32_t end = i + part; i < end; i++)
			to[at++] = body_at(conn, n, i);
		if (is_chunked)
			at += (size_t)sprintf(to + at, "\r\n");
	}
	if (is_chunked)
		at += (size_t)sprintf(to + at, "0\r\n\r\n");
	return at;
}

static void send_request(unsigned int conn, struct ends *e, unsigned int n)
{
	struct truth *t = &truth[conn][n];
	char text[BODY_MAX + 256];
	size_t len =
		(size_t)sprintf(text, "%s /%u/%u HTTP/1.1\r\nHost: h\r\nContent-Length: %u\r\n\r\n",
				t->is_head	  ? "HEAD"
				: t->request_body ? "POST"
						  : "GET",
				conn, n, t->request_body);

	len += put_body(text + len, conn, n, t->request_body, false);
	send_message(conn, e, 0, text, len);
}

static void send_response(unsigned int conn, struct ends *e, unsigned int n)
{
	struct truth *t = &truth[conn][n];
	char text[BODY_MAX * 8 + 256];
	size_t len = (size_t)sprintf(text, "HTTP/1.1 200 r-%u-%u\r\n", conn, n);

	if (t->is_chunked)
		len += (size_t)sprintf(text + len, "Transfer-Encoding: chunked\r\n\r\n");
	else
		len += (size_t)sprintf(text + len, "Content-Length: %u\r\n\r\n", t->response_body);
	if (!t->is_head)
		len += put_body(text + len, conn, n, t->response_body, t->is_chunked);
	send_message(conn, e, 1, text, len);
}

static void make_conn(unsigned int conn)
{
	struct ends e = { { rng(2) ? 0xfffffff0u - rng(500) : rng(1u << 31), rng(1u << 31) },
			  rng(2) ? 1400 : 40 + rng(400) };
	bool is_pipelined = rng(4) == 0;

	for (unsigned int n = 0; n < EXCHANGES; n++)
		truth[conn][n] =
			(struct truth){ .is_head = rng(8) == 0,
					.is_chunked = rng(4) == 0,
					.is_pipelined = is_pipelined,
					.request_body = rng(4) ? 0 : rng(500),
					.response_body = rng(3) ? rng(200) : rng(BODY_MAX) };
	send_packet(conn, &e, 0, NULL, 0, PX_TCP_SYN);
	send_packet(conn, &e, 1, NULL, 0, PX_TCP_SYN | PX_TCP_ACK);
	send_packet(conn, &e, 0, NULL, 0, PX_TCP_ACK);
	for (unsigned int n = 0; n < EXCHANGES; n += is_pipelined ? 3 : 1) {
		for (unsigned int i = n; i < n + (is_pipelined ? 3 : 1); i++)
			send_request(conn, &e, i);
		for (unsigned int i = n; i < n + (is_pipelined ? 3 : 1); i++)
			send_response(conn, &e, i);
	}
	send_packet(conn, &e, 0, NULL, 0, PX_TCP_FIN | PX_TCP_ACK);
	send_packet(conn, &e, 1, NULL, 0, PX_TCP_FIN | PX_TCP_ACK);
}

static int by_time(const void *a, const void *b)
{
	const struct px_segment *x = a, *y = b;

	return x->ts_ns < y->ts_ns ? -1 : x->ts_ns > y->ts_ns;
}

/* with_notes: as pxtrace writes files itself, with an identity beside each packet. */
static void make_traffic(bool with_notes)
{
	packet_count = bytes_used = 0;
	for (unsigned int conn = 0; conn < CONNS; conn++) {
		now_ns = 1700000000000000000ull + conn * 1000;
		make_conn(conn);
	}
	qsort(packets, packet_count, sizeof(packets[0]), by_time);
	for (size_t i = 0; with_notes && i < packet_count; i++) {
		bool from_server = packets[i].src_port == 80;
		unsigned int conn =
			(from_server ? packets[i].dst_port : packets[i].src_port) - 40000u;

		origins[conn][from_server] =
			(struct px_origin){ .sock_id = 100 + conn,
					    .sock_gen = 7,
					    .pid = 9,
					    .tid = 9,
					    .dir = from_server ? PX_ABI_OUT : PX_ABI_IN,
					    .comm = "server" };
		packets[i].origin = &origins[conn][from_server];
	}
}

/* What comes out */

static struct px_bytes field_of(const struct px_record *rec, const char *name, bool of_response)
{
	for (unsigned int f = 0; rec->fields[f].type != PX_TYPE_NONE; f++)
		if (strcmp(rec->fields[f].name, name) == 0 &&
		    (rec->fields[f].side == PX_SIDE_RESP) == of_response)
			return rec->has_proto >> f & 1 ? rec->proto[f].s : px_bytes_of(NULL, 0);
	ck_abort_msg("no field %s", name);
}

static void check_body(const struct px_record *rec, bool of_response, unsigned int conn,
		       unsigned int n, uint32_t len)
{
	struct px_bytes body = field_of(rec, "body", of_response);

	must(body.len == len, "a body of another length");
	for (uint32_t i = 0; i < len; i++)
		must(body.ptr[i] == body_at(conn, n, i), "another body than was sent");
}

static void on_exchange(void *ctx, struct px_conn *c, const struct px_exchange *ex)
{
	unsigned int conn = (c->local_port == 80 ? c->remote_port : c->local_port) - 40000u, from,
		     q = 0, r = 0;
	struct px_record *rec = ctx;
	const unsigned int doubt = PX_FLAG_GAP | PX_FLAG_TRUNCATED | PX_FLAG_ABORTED;
	char text[64];
	unsigned int flags;

	px_record_clear(rec, PX_RECORD_MESSAGE);
	rec->fields = ex->parser->fields;
	rec->has_req = ex->request != NULL;
	rec->has_resp = ex->response != NULL;
	ex->parser->describe(ex, rec);
	flags = ex->flags | rec->flags;
	if (ex->request) {
		struct px_bytes path = field_of(rec, "path", false);

		snprintf(text, sizeof(text), "%.*s", (int)path.len, path.ptr);
		must(sscanf(text, "/%u/%u", &from, &q) == 2 && from == conn && q < EXCHANGES,
		     "a request that was not sent");
		must(++seen.requests[conn][q] == 1, "a request that was sent once comes twice");
		if (!(flags & doubt))
			check_body(rec, false, conn, q, truth[conn][q].request_body);
	}
	if (ex->response) {
		struct px_bytes reason = field_of(rec, "reason", true);

		snprintf(text, sizeof(text), "%.*s", (int)reason.len, reason.ptr);
		must(sscanf(text, "r-%u-%u", &from, &r) == 2 && from == conn && r < EXCHANGES,
		     "a response that was not sent");
		must(++seen.responses[conn][r] == 1, "a response that was sent once comes twice");
		if (!(flags & doubt) && ex->request)
			check_body(rec, true, conn, r,
				   truth[conn][r].is_head ? 0 : truth[conn][r].response_body);
	}
	if (!ex->request || !ex->response) {
		seen.alone++;
		return;
	}
	seen.pairs++;
	must(q == r, "a request with another one's answer");
}

static void on_conn(void *ctx, struct px_conn *c)
{
	(void)ctx;
	(void)c;
}

static void on_lost(void *ctx, struct px_conn *c, uint64_t lost)
{
	(void)ctx;
	(void)c;
	must(lost > 0 && lost < 1 << 20, "a loss of an impossible size");
}

static void take(void *ctx, const struct px_event *ev)
{
	px_table_event(ctx, ev);
}

static void play(const struct px_segment *const *list, size_t count)
{
	struct px_arena_pool pool;
	struct px_arena arena;
	static struct px_record rec;
	struct px_table_options opt;
	struct px_table table;
	struct px_flows flows;

	memset(&seen, 0, sizeof(seen));
	px_arena_pool_init(&pool, 1 << 20);
	px_arena_init(&arena, &pool, 1 << 20);
	rec = (struct px_record){ .arena = &arena };
	px_table_defaults(&opt);
	opt.on_exchange = on_exchange;
	opt.on_open = on_conn;
	opt.on_close = on_conn;
	opt.on_lost = on_lost;
	opt.ctx = &rec;
	must(px_table_init(&table, &opt) == 0 && px_flows_init(&flows) == 0, "no memory");
	flows.fn = take;
	flows.ctx = &table;
	for (size_t i = 0; i < count; i++) {
		struct px_segment s = *list[i]; /* another arrangement may play it again */

		px_tcp_segment(&flows, &s);
		px_table_advance(&table, list[i]->ts_ns);
	}
	px_tcp_finish(&flows);
	px_table_fini(&table);
	px_flows_fini(&flows);
	px_arena_reset(&arena);
	px_arena_pool_fini(&pool);
}

static void begin(uint64_t number)
{
	seed = number;
	rng_state = 88172645463325252ull + number * 7919;
	for (int i = 0; i < 8; i++)
		rng(2);
}

START_TEST(whole)
{
	const struct px_segment *list[PACKETS_MAX];

	for (uint64_t round = 0; round < 300; round++) {
		begin(round);
		make_traffic(round & 1);
		for (size_t i = 0; i < packet_count; i++)
			list[i] = &packets[i];
		play(list, packet_count);
		must(seen.pairs == CONNS * EXCHANGES && seen.alone == 0, "not all that was sent");
	}
}
END_TEST

/* The capture ends at any packet, or begins there. */
START_TEST(cut_anywhere)
{
	const struct px_segment *list[PACKETS_MAX];

	for (uint64_t round = 0; round < 20; round++) {
		begin(round + 5000);
		make_traffic(round & 1);
		for (size_t i = 0; i < packet_count; i++)
			list[i] = &packets[i];
		for (size_t cut = 0; cut <= packet_count; cut++) {
			play(list, cut);
			play(list + cut, packet_count - cut);
		}
	}
}
END_TEST

/* 10^5 changes over all loops: from one packet in a capture to a third of them. */
START_TEST(changed_at_random)
{
	const struct px_segment *list[PACKETS_MAX * 2];
	const char *text = getenv("PX_RUNS");
	unsigned long changes = 0, most = text ? strtoul(text, NULL, 10) : CHANGES;
	unsigned int pairs = 0, sent = 0;

	for (uint64_t round = 0; changes < most / LOOPS; round++) {
		uint32_t share, kinds;
		size_t count = 0;

		begin(100000 * (uint64_t)(_i + 1) + round);
		make_traffic(round & 1);
		share = rng(2) ? 1 + rng(20) : rng(330);
		kinds = 1 + rng(7);
		for (size_t i = 0; i < packet_count; i++) {
			bool removed = kinds & 1 && rng(1000) < share,
			     twice = kinds & 2 && rng(1000) < share;

			if (!removed)
				list[count++] = &packets[i];
			if (!removed && twice)
				list[count++] = &packets[i];
			changes += removed || twice;
		}
		for (size_t i = 0; kinds & 4 && i + 1 < count; i++) {
			size_t j = i + 1 + rng(rng(4) ? 3 : 40);
			const struct px_segment *moved = list[i];

			if (rng(1000) >= share || j >= count)
				continue;
			memmove(&list[i], &list[i + 1], (j - i) * sizeof(list[0]));
			list[j] = moved;
			changes++;
		}
		play(list, count);
		pairs += seen.pairs;
		sent += CONNS * EXCHANGES;
	}
	ck_assert_uint_gt(pairs, sent / 2); /* caution is no excuse for showing nothing */
	printf("%lu changes: %u of %u exchanges paired\n", changes, pairs, sent);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("true records");
	TCase *tc = tcase_create("true records");

	tcase_set_timeout(tc, 300);
	tcase_add_test(tc, whole);
	tcase_add_test(tc, cut_anywhere);
	tcase_add_loop_test(tc, changed_at_random, 0, LOOPS);
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
