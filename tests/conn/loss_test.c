/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events taken out of a connection at random: never a wrong pair, never a message that was not
 * sent, and what is missing is reported. The protocol is a line each, "Q<id> <padding>\n" answered
 * by "R<id> <padding>\n", paired in order, so the ids tell afterwards whether a pair was right; the
 * parser itself does not look at them.
 */
#include "conn/table.h"
#include "support/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

struct toy_state {
	uint64_t requests, responses;
};

struct toy_msg {
	unsigned int id;
};

static enum px_sure toy_infer(struct px_bytes head, enum px_dir dir)
{
	(void)dir;
	if (head.ptr[0] != 'Q' && head.ptr[0] != 'R')
		return PX_SURE_NO;
	if (head.len < 2)
		return PX_SURE_MAYBE;
	return head.ptr[1] >= '0' && head.ptr[1] <= '9' ? PX_SURE_YES : PX_SURE_NO;
}

static enum px_frame_kind toy_kind(struct px_bytes head)
{
	return head.len > 0 && head.ptr[0] == 'Q' ? PX_FRAME_REQUEST : PX_FRAME_RESPONSE;
}

static struct px_parse_result toy_parse(const struct px_parse_ctx *ctx, struct px_bytes in,
					struct px_frame *out)
{
	struct toy_state *st = ctx->state;
	size_t end = px_bytes_find(in, 0, '\n');
	struct toy_msg *m;

	if (in.len == 0)
		return px_parse_more(1);
	if (in.ptr[0] != 'Q' && in.ptr[0] != 'R')
		return px_parse_bad("neither Q nor R");
	if (end == in.len)
		return px_parse_more(in.len + 1);
	m = px_arena_alloc(&out->arena, sizeof(*m));
	if (!m)
		return px_parse_bad("no memory");
	m->id = (unsigned int)strtoul(in.ptr + 1, NULL, 10);
	out->msg = m;
	out->kind = toy_kind(in);
	out->key = out->kind == PX_FRAME_REQUEST ? st->requests++ : st->responses++;
	return px_parse_frame(end + 1);
}

static size_t toy_resync(struct px_bytes in, enum px_dir dir)
{
	size_t nl = 0;

	(void)dir;
	if (in.ptr[0] == 'Q' || in.ptr[0] == 'R')
		return 0;
	while ((nl = px_bytes_find(in, nl, '\n')) < in.len) {
		nl++;
		if (nl < in.len && (in.ptr[nl] == 'Q' || in.ptr[nl] == 'R'))
			return nl;
	}
	return in.len;
}

static void toy_describe(const struct px_exchange *ex, struct px_record *rec)
{
	(void)ex;
	(void)rec;
}

static const struct px_parser toy = {
	.name = "toy",
	.state_size = sizeof(struct toy_state),
	.max_frame = 65536,
	.match = PX_MATCH_IN_ORDER,
	.infer = toy_infer,
	.parse = toy_parse,
	.kind = toy_kind,
	.resync = toy_resync,
	.describe = toy_describe,
};
static const struct px_parser *const toys[] = { &toy, NULL };

#define EXCHANGES 100
#define EVENTS_MAX 2048
#define BYTES_MAX (EXCHANGES * 80)

struct traffic {
	struct px_abi_event ev[EVENTS_MAX];
	unsigned int begun[EVENTS_MAX];	/* requests of which a byte was sent, this event included */
	size_t count;
	char bytes[2][BYTES_MAX];
	size_t len[2];
	size_t depth;	/* requests under way at once */
};

struct outcome {
	unsigned int paired, alone_requests, alone_responses, wrong, wrong_unflagged, foreign;
	bool seen[EXCHANGES];
	uint64_t lost;
};

static void on_exchange(void *ctx, struct px_conn *c, const struct px_exchange *ex)
{
	struct outcome *o = ctx;
	unsigned int q = ex->request ? ((struct toy_msg *)ex->request->msg)->id : 0;
	unsigned int r = ex->response ? ((struct toy_msg *)ex->response->msg)->id : 0;

	(void)c;
	if (q >= EXCHANGES || r >= EXCHANGES)
		o->foreign++;
	else if (ex->request && ex->response) {
		o->paired++;
		o->seen[q] = true;
		if (q != r) {
			o->wrong++;
			o->wrong_unflagged += !(ex->flags & PX_FLAG_MID_STREAM);
		}
	} else if (ex->request) {
		o->alone_requests++;
		ck_assert(ex->flags & PX_FLAG_NOREPLY);
	} else {
		o->alone_responses++;
		ck_assert(ex->flags & (PX_FLAG_UNPAIRED | PX_FLAG_MID_STREAM));
	}
}

static void on_conn(void *ctx, struct px_conn *c)
{
	(void)ctx;
	(void)c;
}

static void on_lost(void *ctx, struct px_conn *c, uint64_t bytes)
{
	(void)c;
	((struct outcome *)ctx)->lost += bytes;
}

static struct px_abi_event *add_event(struct traffic *t, enum px_abi_kind kind, enum px_dir dir,
				      size_t pos, size_t len)
{
	static const uint32_t isn[2] = { 0xffffff80u, 1000 };
	struct px_abi_event *e = &t->ev[t->count];

	ck_assert_uint_lt(t->count, EVENTS_MAX);
	*e = (struct px_abi_event){
		.ts_ns = 1000000 + t->count * 1000,
		.sock_id = 77,
		.sock_gen = 1,
		.kind = (uint8_t)kind,
		.dir = (uint8_t)dir,
		.pos = isn[dir] + (uint32_t)pos,
		.peer_pos = isn[!dir] + (uint32_t)t->len[!dir],
		.len = (uint32_t)len,
		.copied = (uint32_t)len,
		.pid = 5,
		.tid = 5,
		.family = PX_ABI_AF_INET,
		.type = 1,
		.protocol = 6,
		.state = 1,
		.flags = PX_ABI_F_SEQ | PX_ABI_F_PEER_POS,
	};
	t->count++;
	return e;
}

static void say(struct traffic *t, enum px_dir dir, char letter, unsigned int id,
		unsigned int *seed)
{
	size_t start = t->len[dir], pad = (size_t)rand_r(seed) % 30, at;
	size_t n = (size_t)snprintf(t->bytes[dir] + start, 80, "%c%u %.*s\n", letter, id, (int)pad,
				    "..............................");

	for (at = 0; at < n;) { /* a message in one call, or in a few */
		size_t part = rand_r(seed) % 4 ? n - at : 1 + (size_t)rand_r(seed) % (n - at);

		t->begun[t->count] = letter == 'Q' ? id + 1 : t->begun[t->count - 1];
		add_event(t, PX_ABI_DATA, dir, start + at, part);
		at += part;
		t->len[dir] = start + at;
	}
}

/* A client whose requests are `depth` ahead of the answers, seen from one of the two ends. */
static void make_traffic(struct traffic *t, size_t depth, enum px_role role, unsigned int *seed)
{
	enum px_dir ask = px_role_request_dir(role);
	struct px_abi_event *open;
	unsigned int asked = 0, answered = 0;

	memset(t, 0, sizeof(*t));
	t->depth = depth;
	open = add_event(t, PX_ABI_OPEN, PX_DIR_OUT, 0, 0);
	if (role == PX_ROLE_SERVER)
		open->flags |= PX_ABI_F_ACCEPT;
	while (answered < EXCHANGES) {
		while (asked < EXCHANGES && asked - answered < depth &&
		       (depth > 1 || asked == answered)) {
			say(t, ask, 'Q', asked++, seed);
			if (rand_r(seed) % 3 == 0)
				break;
		}
		do {
			if (asked > answered)
				say(t, px_dir_other(ask), 'R', answered++, seed);
		} while (asked > answered && rand_r(seed) % 3 == 0);
	}
	add_event(t, PX_ABI_CLOSE, PX_DIR_OUT, t->len[PX_DIR_OUT], 0);
}

static void play(const struct traffic *t, const bool *gone, size_t first, size_t end,
		 struct outcome *o)
{
	static const uint32_t isn[2] = { 0xffffff80u, 1000 };
	struct px_table_options opt;
	struct px_table table;

	memset(o, 0, sizeof(*o));
	px_table_defaults(&opt);
	opt.parsers = toys;
	opt.on_exchange = on_exchange;
	opt.on_open = on_conn;
	opt.on_close = on_conn;
	opt.on_lost = on_lost;
	opt.ctx = o;
	ck_assert_int_eq(px_table_init(&table, &opt), 0);
	for (size_t i = first; i < end; i++) {
		const struct px_abi_event *e = &t->ev[i];
		struct px_event ev = { e, px_bytes_of(t->bytes[e->dir] + (e->pos - isn[e->dir]),
						      e->copied) };

		if (gone && gone[i])
			continue;
		px_table_event(&table, &ev);
	}
	px_table_advance(&table, UINT64_MAX);
	px_table_fini(&table);
	ck_assert_uint_eq(o->foreign, 0);
}

START_TEST(nothing_lost_all_paired)
{
	for (unsigned int i = 0; i < 200; i++) {
		unsigned int seed = i;
		struct traffic t;
		struct outcome o;

		make_traffic(&t, 1 + i % 5, i & 1 ? PX_ROLE_SERVER : PX_ROLE_CLIENT, &seed);
		play(&t, NULL, 0, t.count, &o);
		ck_assert_uint_eq(o.paired, EXCHANGES);
		ck_assert_uint_eq(o.wrong + o.alone_requests + o.alone_responses, 0);
		ck_assert_uint_eq(o.lost, 0);
	}
}
END_TEST

START_TEST(cut_anywhere)
{
	for (unsigned int i = 0; i < 60; i++) {
		unsigned int seed = i + 500;
		struct traffic t;
		struct outcome o;

		make_traffic(&t, 1 + i % 3, i & 1 ? PX_ROLE_SERVER : PX_ROLE_CLIENT, &seed);
		for (size_t cut = 0; cut < t.count; cut += 1 + t.count / 97) {
			play(&t, NULL, 0, cut, &o); /* the tracer ended early */
			ck_assert_uint_eq(o.wrong, 0);
			play(&t, NULL, cut, t.count, &o); /* the tracer came late */
			ck_assert_uint_eq(o.wrong_unflagged, 0);
			if (t.depth == 1) {
				ck_assert_uint_eq(o.wrong, 0);
				if (cut > 0) /* also where a message was under way */
					ck_assert_uint_ge(o.paired, EXCHANGES - t.begun[cut - 1]);
				if (cut == 1) /* only the opening was missed */
					ck_assert_uint_eq(o.paired, EXCHANGES);
			}
		}
	}
}
END_TEST

/*
 * One event is lost of a client that is known to wait for its answers: its exchange suffers, and no
 * other.
 */
START_TEST(recovers_from_one_loss)
{
	for (unsigned int i = 0; i < 300; i++) {
		unsigned int seed = i + 900;
		struct traffic t;
		struct outcome o;
		bool gone[EVENTS_MAX] = { false };
		size_t at;

		make_traffic(&t, 1, i & 1 ? PX_ROLE_SERVER : PX_ROLE_CLIENT, &seed);
		at = t.count / 3 + (size_t)rand_r(&seed) % (t.count / 2);
		gone[at] = true;
		play(&t, gone, 0, t.count, &o);
		ck_assert_uint_eq(o.wrong, 0);
		ck_assert_uint_ge(o.paired, EXCHANGES - 2);
		ck_assert_uint_eq(o.lost, t.ev[at].len);
	}
}
END_TEST

/*
 * 10^5 removals over all loops; the share of what is removed goes from one event to a third of
 * them.
 */
START_TEST(removed_at_random)
{
	unsigned int seed = (unsigned int)_i * 7919 + 1, removed = 0, paired = 0, sent = 0;

	while (removed < 10000) {
		struct traffic t;
		struct outcome o;
		bool gone[EVENTS_MAX] = { false };
		unsigned int share = 1 + (unsigned int)rand_r(&seed) % (rand_r(&seed) % 2 ? 30 : 3);
		uint64_t bytes_gone = 0;
		size_t run = 0;

		make_traffic(&t, 1 + (size_t)rand_r(&seed) % 4,
			     rand_r(&seed) & 1 ? PX_ROLE_SERVER : PX_ROLE_CLIENT, &seed);
		for (size_t i = 0; i < t.count; i++) {
			if (run == 0 && rand_r(&seed) % 100 < (int)share)
				run = 1 + (rand_r(&seed) % 5 == 0 ? (size_t)rand_r(&seed) % 10 : 0);
			if (run > 0) {
				run--;
				gone[i] = true;
				removed++;
				bytes_gone += t.ev[i].len;
			}
		}
		play(&t, gone, 0, t.count, &o);
		ck_assert_uint_eq(o.wrong_unflagged, 0);
		ck_assert_uint_le(o.lost, bytes_gone);
		paired += o.paired;
		sent += EXCHANGES;
	}
	ck_assert_uint_gt(paired, sent / 20); /* caution is no excuse for showing nothing */
	printf("%u of %u exchanges paired, %u events removed\n", paired, sent, removed);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("loss");
	TCase *tc = tcase_create("loss");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, nothing_lost_all_paired);
	tcase_add_test(tc, cut_anywhere);
	tcase_add_test(tc, recovers_from_one_loss);
	tcase_add_loop_test(tc, removed_at_random, 0, 10);
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
