/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP put in order: cases drawn as scripts, and random loss, repetition and reordering against what
 * was really sent.
 */
#include "capture/tcp.h"
#include "support/suite.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define MS 1000000ull
#define S 1000000000ull

/*
 * What comes out, as a script: "O" open, ">abc" client bytes, "<abc" server bytes, ">~3" lost, ">."
 * FIN, "C", "R"
 */
static char got[4096];

static void note(void *ctx, const struct px_event *ev)
{
	const struct px_abi_event *h = ev->hdr;
	size_t n = strlen(got);
	char *to = got + n;
	size_t max = sizeof(got) - n;
	char arrow = h->dir == PX_ABI_OUT ? '>' : '<';

	(void)ctx;
	ck_assert_uint_lt(n + ev->data.len + 32, sizeof(got));
	ck_assert_uint_le(h->copied, h->len);
	ck_assert_uint_eq(h->copied, ev->data.len);
	switch (h->kind) {
	case PX_ABI_OPEN:
		snprintf(to, max, h->result ? "O%d " : "O ", h->result);
		break;
	case PX_ABI_CLOSE:
		snprintf(to, max, h->flags & PX_ABI_F_RESET ? "R " : "C ");
		break;
	default:
		if (h->flags & PX_ABI_F_LOST)
			snprintf(to, max, "%c~%u ", arrow, h->len);
		else if (h->flags & PX_ABI_F_FIN)
			snprintf(to, max, "%c. ", arrow);
		else if (h->len > h->copied)
			snprintf(to, max, "%c%.*s+%u ", arrow, (int)ev->data.len, ev->data.ptr,
				 h->len - h->copied);
		else
			snprintf(to, max, "%c%.*s ", arrow, (int)ev->data.len, ev->data.ptr);
	}
}

/*
 * One packet of a script: direction (c from the client, s from the server), flags (S F R, A unless
 * there is a '-'), sequence and acknowledgment number relative to the two initial ones, bytes,
 * milliseconds since the previous packet.
 */
struct packet {
	char dir;
	const char *flags;
	int seq, ack;
	const char *data;
	unsigned int ms;
	unsigned int cut;	/* bytes that the capture left out */
};

#define C_ISN 0xfffffff0u	/* the client's numbers wrap soon */
#define S_ISN 5000u
#define PACKETS_MAX 16

struct script {
	const char *name;
	struct packet packets[PACKETS_MAX];
	const char *want;
};

/* clang-format off */
#define HANDSHAKE { 'c', "S-", 0, 0, "" }, { 's', "S", 0, 1, "" }, { 'c', "", 1, 1, "" }
/* clang-format on */

/* clang-format off */
static const struct script scripts[] = {
	{ "plain", { HANDSHAKE, { 'c', "", 1, 1, "abc" }, { 's', "", 1, 4, "xyz" }, { 'c', "F", 4, 4, "" },
		     { 's', "F", 4, 5, "" }, { 'c', "", 5, 5, "" } }, "O >abc <xyz >. <. C " },
	{ "the numbers wrap", { HANDSHAKE, { 'c', "", 1, 1, "0123456789" }, { 'c', "", 11, 1, "abcdefghij" },
		     { 'c', "", 21, 1, "klm" } }, "O >0123456789 >abcdefghij >klm " },
	{ "out of order", { HANDSHAKE, { 'c', "", 4, 1, "def" }, { 'c', "", 7, 1, "ghi" }, { 'c', "", 1, 1, "abc" } },
	  "O >abc >def >ghi " },
	{ "answer before question", { HANDSHAKE, { 's', "", 1, 4, "xyz" }, { 'c', "", 1, 1, "abc" } }, "O >abc <xyz " },
	{ "FIN before the bytes", { HANDSHAKE, { 'c', "F", 4, 1, "" }, { 'c', "", 1, 1, "abc" } }, "O >abc >. " },
	{ "sent again", { HANDSHAKE, { 'c', "", 1, 1, "abc" }, { 'c', "", 1, 1, "abc" }, { 'c', "", 1, 1, "abcde" },
		     { 'c', "", 4, 1, "XXX" } }, "O >abc >de >X " },
	{ "overlap, the first copy wins", { HANDSHAKE, { 'c', "", 4, 1, "def" }, { 'c', "", 2, 1, "BCDEFG" },
		     { 'c', "", 1, 1, "a" } }, "O >a >BC >def >G " },
	{ "overlap of many", { HANDSHAKE, { 'c', "", 3, 1, "c" }, { 'c', "", 5, 1, "e" }, { 'c', "", 7, 1, "g" },
		     { 'c', "", 2, 1, "BCDEFGH" }, { 'c', "", 1, 1, "a" } }, "O >a >B >c >D >e >F >g >H " },
	{ "inside what is held", { HANDSHAKE, { 'c', "", 4, 1, "defgh" }, { 'c', "F", 5, 1, "EFGH" },
		     { 'c', "", 1, 1, "abc" } }, "O >abc >defgh >. " },
	{ "missing, confirmed", { HANDSHAKE, { 'c', "", 1, 1, "abc" }, { 'c', "", 7, 1, "ghi" }, { 's', "", 1, 10, "" },
		     { 's', "", 1, 10, "xyz", 300 }, { 's', "", 4, 10, "!", 300 } }, "O >abc >~3 >ghi <xyz <! " },
	{ "missing, not confirmed", { HANDSHAKE, { 'c', "", 4, 1, "def" }, { 'c', "", 1, 1, "abc", 3000 } },
	  "O >abc >def " },
	{ "missing for too long", { HANDSHAKE, { 'c', "", 4, 1, "def" }, { 'c', "", 7, 1, "g", 6000 },
		     { 'c', "", 1, 1, "abc" } }, "O >~3 >def >g " },
	{ "question never seen", { HANDSHAKE, { 'c', "", 1, 1, "abc" }, { 's', "", 1, 7, "xyz" } }, "O >abc >~3 <xyz " },
	{ "one side only", { { 's', "S", 0, 1, "" }, { 's', "", 1, 4, "xyz" }, { 's', "", 4, 7, "uvw" } },
	  "O <xyz <uvw " },
	{ "one side only, the client's", { { 'c', "S-", 0, 0, "" }, { 'c', "", 1, 1, "abc" }, { 'c', "", 4, 4, "def" } },
	  "O >abc >def " },
	{ "joined in the middle", { { 'c', "", 100, 50, "abc" }, { 's', "", 50, 103, "xyz" } }, ">abc <xyz " },
	{ "joined at an answer", { { 's', "", 50, 103, "xyz" }, { 'c', "", 103, 53, "abc" } }, "<xyz >abc " },
	{ "joined, out of order", { { 's', "", 50, 103, "" }, { 'c', "", 100, 50, "abc" }, { 's', "", 50, 103, "xyz" } },
	  ">abc <xyz " },
	{ "keep-alive probes", { HANDSHAKE, { 'c', "", 1, 1, "abc" }, { 'c', "", 3, 1, "" }, { 'c', "", 3, 1, "?" },
		     { 's', "", 0, 4, "" }, { 'c', "", 4, 1, "d" } }, "O >abc >d " },
	{ "reset", { HANDSHAKE, { 'c', "", 1, 1, "abc" }, { 's', "R", 1, 4, "" }, { 'c', "", 4, 1, "late" } },
	  "O >abc R " },
	{ "reset before the bytes", { HANDSHAKE, { 's', "R-", 4, 0, "" }, { 's', "", 1, 1, "xyz" } }, "O <xyz R " },
	{ "reset while others wait", { HANDSHAKE, { 'c', "", 4, 1, "def" }, { 's', "R", 1, 1, "" } }, "O >~3 >def R " },
	{ "refused", { { 'c', "S-", 0, 0, "" }, { 's', "R", 0, 1, "" } }, "O-111 R " },
	{ "SYN sent again", { { 'c', "S-", 0, 0, "" }, { 'c', "S-", 0, 0, "", 1000 }, { 's', "S", 0, 1, "" },
		     { 's', "S", 0, 1, "" }, { 'c', "", 1, 1, "abc" }, { 's', "S", 0, 1, "" } }, "O >abc " },
	{ "SYN with data", { { 'c', "S-", 0, 0, "abc" }, { 's', "S", 0, 4, "" }, { 'c', "", 4, 1, "def" } },
	  "O >abc >def " },
	{ "SYN comes late", { { 's', "S", 0, 1, "" }, { 'c', "S-", 0, 0, "" }, { 'c', "", 1, 1, "abc" } }, "O >abc " },
	{ "the ends used again", { HANDSHAKE, { 'c', "", 1, 1, "abc" }, { 'c', "S-", 50000, 0, "" },
		     { 's', "S", 70000, 50001, "" }, { 'c', "", 50001, 70001, "new" }, { 's', "", 70001, 50004, "yes" },
		     { 's', "", 1, 4, "old" } }, "O >abc C O >new <yes " },
	{ "used again after the end", { HANDSHAKE, { 'c', "F", 1, 1, "" }, { 's', "F", 1, 2, "" },
		     { 'c', "S-", 50000, 0, "" }, { 's', "S", 70000, 50001, "" }, { 'c', "", 50001, 70001, "new" } },
	  "O >. <. C O >new " },
	{ "used again unseen", { HANDSHAKE, { 'c', "", 1, 1, "abc" }, { 'c', "", 800000000, 700000000, "new" },
		     { 'c', "", 800000003, 700000000, "er" } }, "O >abc C >er " },
	{ "cut by the capture", { HANDSHAKE, { 'c', "", 1, 1, "abcdef", 0, 4 }, { 'c', "", 7, 1, "g" } },
	  "O >ab+4 >g " },
	{ "cut and out of order", { HANDSHAKE, { 'c', "", 4, 1, "defghi", 0, 4 }, { 'c', "", 1, 1, "abc" } },
	  "O >abc >de+4 " },
	{ "cut and repeated", { HANDSHAKE, { 'c', "", 1, 1, "abcd", 0, 3 }, { 'c', "", 3, 1, "cdef", 0, 1 } },
	  "O >a+3 >e+1 " },
	{ "nothing but confirmations", { { 'c', "", 1, 1, "" }, { 's', "", 1, 1, "" } }, "" },
};
/* clang-format on */

static void send_packet(struct px_flows *f, const struct packet *p, uint64_t ts_ns)
{
	struct px_segment s = { .ts_ns = ts_ns, .family = PX_ABI_AF_INET, .protocol = 6 };
	bool from_client = p->dir == 'c';

	s.src[0] = s.dst[0] = 10;
	s.src[3] = from_client ? 1 : 2;
	s.dst[3] = from_client ? 2 : 1;
	s.src_port = from_client ? 40000 : 80;
	s.dst_port = from_client ? 80 : 40000;
	s.seq = (from_client ? C_ISN : S_ISN) + (uint32_t)p->seq;
	s.tcp_flags = strchr(p->flags, '-') ? 0 : PX_TCP_ACK;
	if (s.tcp_flags)
		s.ack = (from_client ? S_ISN : C_ISN) + (uint32_t)p->ack;
	s.tcp_flags |= (uint8_t)((strchr(p->flags, 'S') ? PX_TCP_SYN : 0) |
				 (strchr(p->flags, 'F') ? PX_TCP_FIN : 0) |
				 (strchr(p->flags, 'R') ? PX_TCP_RST : 0));
	s.len = (uint32_t)strlen(p->data);
	s.data = px_bytes_of(p->data, s.len - p->cut);
	px_tcp_segment(f, &s);
}

START_TEST(drawn)
{
	const struct script *script = &scripts[_i];
	struct px_flows f;
	uint64_t ts = 1000 * S;

	ck_assert_int_eq(px_flows_init(&f), 0);
	f.fn = note;
	got[0] = '\0';
	for (size_t i = 0; i < PACKETS_MAX && script->packets[i].dir; i++) {
		ts += script->packets[i].ms * MS + 1000;
		send_packet(&f, &script->packets[i], ts);
	}
	px_tcp_finish(&f);
	ck_assert_uint_eq(f.held_bytes, 0);
	ck_assert_uint_eq(f.held_count, 0);
	ck_assert_msg(strcmp(got, script->want) == 0, "%s: got '%s', not '%s'", script->name, got,
		      script->want);
	px_flows_fini(&f);
}
END_TEST

/* Random traffic of one connection whose byte at each offset is known. */
#define SENT_MAX 96

struct sent {
	struct px_segment s;
	uint32_t pos;	/* offset in its direction */
};

static uint64_t rng_state, seed;

static uint32_t rng(uint32_t n)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return (uint32_t)(rng_state >> 33) % n;
}

static char byte_at(int dir, uint32_t offset)
{
	return (char)(offset * 31 + (offset >> 8) * 7 + (uint32_t)dir * 101);
}

static struct {
	uint32_t isn[2];
	uint32_t at[2];		/* offset of the next byte expected, by PX_ABI_ direction */
	uint32_t sent[2];
	uint32_t lost, seen;
	bool started[2];
	bool closed;
	unsigned int opens;
} truth;

/* Check's own assertions send a message each; there are millions of these. */
static void must(bool ok, const char *what)
{
	if (!ok)
		ck_abort_msg("%s, seed %llu", what, (unsigned long long)seed);
}

static void check_event(void *ctx, const struct px_event *ev)
{
	const struct px_abi_event *h = ev->hdr;
	uint32_t offset;

	(void)ctx;
	if (h->kind == PX_ABI_OPEN)
		truth.opens++;
	if (h->kind == PX_ABI_CLOSE)
		truth.closed = true;
	if (h->kind != PX_ABI_DATA)
		return;
	must(!truth.closed, "an event behind the end");
	offset = h->pos - (truth.isn[h->dir] + 1);
	if (!truth.started[h->dir])
		truth.at[h->dir] = offset;
	truth.started[h->dir] = true;
	must(offset == truth.at[h->dir], "not the next byte");
	must(offset + h->len <= truth.sent[h->dir], "more than was sent");
	if (h->flags & PX_ABI_F_LOST) {
		truth.lost += h->len;
	} else {
		for (size_t i = 0; i < ev->data.len; i++)
			must(ev->data.ptr[i] == byte_at(h->dir, offset + (uint32_t)i),
			     "another byte than was sent");
		truth.seen += h->len;
		/* Everything that the sender knew of had been handed over or given up. */
		if (h->flags & PX_ABI_F_PEER_POS && truth.started[!h->dir])
			must((int32_t)(h->peer_pos - (truth.isn[!h->dir] + 1) -
				       truth.at[!h->dir]) <= 1,
			     "an answer before its question");
	}
	truth.at[h->dir] += h->len;
}

static char pool[2][65536];

static size_t make_traffic(struct sent *out)
{
	uint32_t pos[2] = { 0, 0 };
	size_t n = 0;
	uint64_t ts = 1000 * S;

	memset(&truth, 0, sizeof(truth));
	truth.isn[0] = rng(2) ? rng(0x7fffffff) : 0xffffffffu - rng(2000);
	truth.isn[1] = rng(2) ? rng(0x7fffffff) : 0xffffffffu - rng(2000);
	for (size_t i = 0; n < SENT_MAX - 2; i++) {
		struct px_segment s = { .family = PX_ABI_AF_INET,
					.protocol = 6,
					.tcp_flags = PX_TCP_ACK };
		int dir = i < 3 ? i != 1 : (int)rng(2);

		s.src_port = dir ? 40000 : 80;
		s.dst_port = dir ? 80 : 40000;
		s.src[0] = dir ? 1 : 2;
		s.dst[0] = dir ? 2 : 1;
		s.seq = truth.isn[dir] + 1 + pos[dir];
		s.ack = truth.isn[!dir] + 1 + pos[!dir];
		s.ts_ns = ts += rng(1000) * 1000;
		if (i < 2) {
			s.seq--;
			s.tcp_flags = i ? PX_TCP_SYN | PX_TCP_ACK : PX_TCP_SYN;
		} else if (i > 2) {
			s.len = rng(4) ? rng(500) : 0;
			s.data = px_bytes_of(pool[dir] + pos[dir], s.len);
			pos[dir] += s.len;
		}
		out[n].s = s;
		out[n++].pos = pos[dir];
		if (rng(40) == 0)
			break;
	}
	truth.sent[0] = pos[0];
	truth.sent[1] = pos[1];
	return n;
}

START_TEST(random_traffic)
{
	struct sent sent[SENT_MAX * 2];
	uint64_t total_lost = 0, total_seen = 0, total_sent = 0;

	for (int dir = 0; dir < 2; dir++)
		for (uint32_t i = 0; i < sizeof(pool[0]); i++)
			pool[dir][i] = byte_at(dir, i);
	for (int round = 0; round < 25000; round++) {
		struct px_flows f;
		size_t n;
		bool whole;

		seed = (uint64_t)_i * 1000003 + (uint64_t)round * 7919;
		rng_state = 88172645463325252ull + seed;
		n = make_traffic(sent);
		whole = round % 4 == 0;
		for (size_t i = 0; i < n && !whole; i++) {
			switch (rng(12)) {
			case 0: /* gone */
				memmove(&sent[i], &sent[i + 1], (n - i - 1) * sizeof(sent[0]));
				n--;
				break;
			case 1: /* twice */
				if (n < SENT_MAX * 2)
					sent[n++] = sent[i];
				break;
			case 2: /* cut short by the capture */
				if (sent[i].s.data.len)
					sent[i].s.data.len = rng((uint32_t)sent[i].s.data.len);
				break;
			default:
				break;
			}
		}
		/*
		 * Out of order; near the start only where the whole has to come out, since the
		 * start has to be known.
		 */
		for (size_t i = whole ? 3 : 0; i + 1 < n; i++) {
			size_t j = i + rng(rng(3) ? 2 : 8);

			if (j < n && rng(3) == 0) {
				struct sent swap = sent[i];

				sent[i] = sent[j];
				sent[j] = swap;
			}
		}
		must(px_flows_init(&f) == 0, "no memory");
		f.fn = check_event;
		for (size_t i = 0; i < n; i++)
			px_tcp_segment(&f, &sent[i].s);
		px_tcp_finish(&f);
		must(f.held_count == 0 && f.held_bytes == 0, "something is still held");
		if (whole) {
			must(truth.lost == 0, "lost something that was there");
			must(truth.seen == truth.sent[0] + truth.sent[1], "not all was seen");
			must(truth.opens == (n > 1), "the opening was not told once");
		}
		total_lost += truth.lost;
		total_seen += truth.seen;
		total_sent += truth.sent[0] + truth.sent[1];
		px_flows_fini(&f);
	}
	/* About one in twelve was taken away; what is left must mostly be found. */
	ck_assert_uint_gt(total_seen * 100, total_sent * 85);
	ck_assert_uint_gt(total_lost, 0);
}
END_TEST

static void ignore(void *ctx, const struct px_event *ev)
{
	(void)ctx;
	(void)ev;
}

/*
 * However much waits, memory is bounded: every flow has a hole at its start that is never filled.
 */
START_TEST(bounded)
{
	static char bytes[1400];
	struct px_flows f;
	size_t most = 0;

	ck_assert_int_eq(px_flows_init(&f), 0);
	f.fn = ignore;
	for (uint32_t i = 0; i < 400000; i++) {
		struct px_segment s = { .ts_ns = 1000 * S + i,
					.family = PX_ABI_AF_INET,
					.protocol = 6,
					.dst_port = 80,
					.tcp_flags = PX_TCP_ACK,
					.len = sizeof(bytes),
					.data = px_bytes_of(bytes, sizeof(bytes)) };
		uint32_t flow = i % 50000;

		s.src_port = (uint16_t)(flow & 0xffff);
		s.src[0] = (uint8_t)(flow >> 16);
		s.seq = i < 50000 ? 0 : 100000 + (i / 50000) * (uint32_t)sizeof(bytes);
		px_tcp_segment(&f, &s);
		if (f.held_bytes > most)
			most = f.held_bytes;
	}
	ck_assert_uint_le(most, (16u << 20) + sizeof(bytes));
	ck_assert_uint_le(f.flow_count, 32768);
	ck_assert_uint_gt(f.stats.evicted, 0);
	px_flows_fini(&f);
}
END_TEST

/*
 * One flow whose segments come in the worst order takes no more than its share of time and memory.
 */
START_TEST(worst_order)
{
	static char bytes[16];
	struct px_flows f;

	ck_assert_int_eq(px_flows_init(&f), 0);
	f.fn = ignore;
	for (uint32_t i = 0; i < 100000; i++) {
		struct px_segment s = { .ts_ns = 1000 * S + i,
					.family = PX_ABI_AF_INET,
					.protocol = 6,
					.dst_port = 80,
					.src_port = 4000,
					.tcp_flags = PX_TCP_ACK,
					.len = 1,
					.data = px_bytes_of(bytes, 1) };

		s.seq = i == 0 ? 1 : 300000 - 2 * i;
		px_tcp_segment(&f, &s);
	}
	ck_assert_uint_le(f.held_count, 2049);
	px_tcp_finish(&f);
	px_flows_fini(&f);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tcp");
	TCase *tc = tcase_create("drawn"), *random = tcase_create("random");

	tcase_add_loop_test(tc, drawn, 0, PX_COUNT(scripts));
	tcase_set_timeout(random, 300);
	tcase_add_loop_test(random, random_traffic, 0, 4);
	tcase_add_test(random, bounded);
	tcase_add_test(random, worst_order);
	suite_add_tcase(suite, tc);
	suite_add_tcase(suite, random);
	return px_suite_run(suite);
}
