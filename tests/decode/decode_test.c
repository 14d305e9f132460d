/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop around parse(), with a protocol made for it: "<kind><len>:<body>", kind q or r; "x" ends
 * the protocol, "y" hands over to whoever claims the rest; "!" makes the parser break its contract
 * in the way that the next letter says.
 */
#include "decode/decode.h"
#include "support/suite.h"

#include <check.h>
#include <stdlib.h>

struct toy_msg {
	uint64_t left, len;
};

static enum px_sure toy_infer(struct px_bytes head, enum px_dir dir)
{
	(void)dir;
	return strchr("qrxy!\n", head.ptr[0])	    ? PX_SURE_YES
	       : head.ptr[0] == '?' && head.len < 3 ? PX_SURE_MAYBE
						    : PX_SURE_NO;
}

static struct px_parse_result toy_broken(char how, struct px_bytes in, struct px_frame *out)
{
	switch (how) {
	case '1':
		return px_parse_skip(0);
	case '2':
		return px_parse_skip(in.len + 1);
	case '3':
		return px_parse_more(in.len);
	case '4':
		return px_parse_frame(1); /* of a message that has not begun */
	default:
		out->msg = out;
		return px_parse_frame(in.len + 1);
	}
}

static struct px_parse_result toy_parse(const struct px_parse_ctx *ctx, struct px_bytes in,
					struct px_frame *out)
{
	struct toy_msg *m = out->msg;
	struct px_parse_result r;

	if (!m) {
		size_t colon = px_bytes_find(in, 0, ':');

		if (in.len == 0)
			return px_parse_more(1);
		if (in.ptr[0] == '\n')
			return px_parse_skip(1);
		if (in.ptr[0] == 'T') { /* as a request for TLS, which is no message */
			r = px_parse_skip(1);
			r.ends_protocol = true;
			r.hand_over = &px_parser_any;
			return r;
		}
		if (in.ptr[0] == '!' && in.len > 1)
			return toy_broken(in.ptr[1], in, out);
		if (!strchr("qrxy!", in.ptr[0]))
			return px_parse_bad("no such kind");
		if (colon == in.len)
			return px_parse_more(in.len + 1);
		m = px_arena_alloc(&out->arena, sizeof(*m));
		if (!m)
			return px_parse_bad("no memory");
		m->len = m->left = strtoull(in.ptr + 1, NULL, 10);
		out->msg = m;
		out->kind = in.ptr[0] == 'r' ? PX_FRAME_RESPONSE : PX_FRAME_REQUEST;
		r = px_parse_skip(colon + 1);
		if (in.ptr[0] == 'x' || in.ptr[0] == 'y') {
			r.status = PX_PARSE_FRAME;
			r.ends_protocol = true;
			r.hand_over = in.ptr[0] == 'y' ? &px_parser_any : NULL;
			return r;
		}
		r.discard = m->left;
		m->left = 0;
		return r;
	}
	if (m->left == 0)
		return px_parse_frame(0);
	ck_assert(ctx->eof);
	return px_parse_bad("short");
}

static uint64_t toy_hole(const struct px_parse_ctx *ctx, uint64_t n, bool is_cut,
			 struct px_frame *out)
{
	(void)ctx;
	(void)n;
	(void)is_cut;
	(void)out;
	return 0;
}

static size_t toy_resync(struct px_bytes in, enum px_dir dir)
{
	(void)dir;
	for (size_t i = 0; i < in.len; i++)
		if (in.ptr[i] == 'q' || in.ptr[i] == 'r')
			return i;
	return in.len;
}

static const struct px_parser toy = {
	.name = "toy",
	.max_frame = 64,
	.match = PX_MATCH_IN_ORDER,
	.infer = toy_infer,
	.parse = toy_parse,
	.hole = toy_hole,
	.resync = toy_resync,
};

static enum px_sure greedy_infer(struct px_bytes head, enum px_dir dir)
{
	(void)dir;
	return head.ptr[0] == 'q' ? PX_SURE_YES : PX_SURE_NO;
}

static struct px_parse_result greedy_parse(const struct px_parse_ctx *ctx, struct px_bytes in,
					   struct px_frame *out)
{
	(void)ctx;
	(void)out;
	return in.len < 3 ? px_parse_more(3) : px_parse_bad("never mine");
}

static const struct px_parser greedy = {
	.name = "greedy", .max_frame = 64, .infer = greedy_infer, .parse = greedy_parse
};
static const struct px_parser *const both[] = { &greedy, &toy, NULL };

static struct px_stream_budget budget;
static struct px_frame_pool frames;
static struct px_decode_env env;
static struct px_stream streams[2];
static struct px_decoder decoder;
static struct {
	unsigned int frames, gaps, restarts;
	uint64_t bytes[16], first[16], ts_first[16], ts_last[16];
	unsigned int flags[16];
} seen;
static uint64_t at[2], ts;

static void on_frame(void *owner, struct px_frame *f)
{
	unsigned int i = seen.frames++;

	ck_assert_ptr_eq(owner, &decoder);
	ck_assert_uint_lt(i, 16);
	seen.bytes[i] = f->bytes;
	seen.first[i] = f->first.pos;
	seen.ts_first[i] = f->first.ts_ns;
	seen.ts_last[i] = f->last.ts_ns;
	seen.flags[i] = f->flags;
	px_frame_free(&frames, f);
}

static void on_gap(void *owner, enum px_dir dir)
{
	(void)owner;
	(void)dir;
	seen.gaps++;
}

static void on_discard(void *owner, enum px_dir dir, uint64_t until)
{
	(void)owner;
	ck_assert_uint_gt(until, streams[dir].end);
}

static void on_restart(void *owner, uint32_t epoch)
{
	(void)owner;
	(void)epoch;
	seen.restarts++;
}

static void setup(void)
{
	memset(&seen, 0, sizeof(seen));
	budget = (struct px_stream_budget){ .stream_max = 4096, .total_max = 8192 };
	px_frame_pool_init(&frames, 65536, 1 << 20);
	env = (struct px_decode_env){ .parsers = both + 1,
				      .frames = &frames,
				      .on_frame = on_frame,
				      .on_gap = on_gap,
				      .on_discard = on_discard,
				      .on_restart = on_restart };
	px_stream_init(&streams[0], &budget);
	px_stream_init(&streams[1], &budget);
	px_decoder_init(&decoder, &env, &decoder, &streams[0], &streams[1]);
	at[0] = at[1] = 1000;
	ts = 0;
}

static void teardown(void)
{
	px_decoder_fini(&decoder);
	px_stream_fini(&streams[0]);
	px_stream_fini(&streams[1]);
	ck_assert_uint_eq(frames.arenas.bytes_out, 0);
	ck_assert_uint_eq(budget.total, 0);
	px_frame_pool_fini(&frames);
}

/* len > strlen(text): the rest was not copied. */
static void feed_len(enum px_dir dir, const char *text, uint64_t len)
{
	struct px_seg_info info = { .ts_ns = ++ts };

	px_stream_append(&streams[dir], at[dir], px_bytes_str(text), len, &info);
	at[dir] += len;
	px_decoder_run(&decoder, dir);
	px_stream_settle(&streams[dir]);
}

static void feed(enum px_dir dir, const char *text)
{
	feed_len(dir, text, strlen(text));
}

START_TEST(frames_have_exact_places_and_times)
{
	feed(PX_DIR_OUT, "\nq5:ab");
	ck_assert_uint_eq(seen.frames, 0);
	feed(PX_DIR_OUT, "cdeq1:x");
	ck_assert_uint_eq(seen.frames, 2);
	ck_assert_uint_eq(seen.first[0], 1001); /* the stray line end is not part of it */
	ck_assert_uint_eq(seen.bytes[0], 8);
	ck_assert_uint_eq(seen.ts_first[0], 1);
	ck_assert_uint_eq(seen.ts_last[0], 2);
	ck_assert_uint_eq(seen.bytes[1], 4);
	ck_assert_uint_eq(env.not_understood_bytes, 0);
}
END_TEST

START_TEST(discarded_bytes_may_be_anything)
{
	feed_len(PX_DIR_OUT, "q5000000:abc", 5000009);
	ck_assert_uint_eq(seen.frames, 1);
	ck_assert_uint_eq(seen.bytes[0], 5000009);
	feed(PX_DIR_OUT, "q1:a");
	ck_assert_uint_eq(seen.frames, 2);
	ck_assert_uint_eq(seen.gaps, 0);
}
END_TEST

START_TEST(bad_bytes_are_resynced)
{
	feed(PX_DIR_OUT, "q1:a");
	feed(PX_DIR_OUT, "zzzzq1:b");
	ck_assert_uint_eq(seen.frames, 2);
	ck_assert_uint_eq(seen.gaps, 1);
	ck_assert_uint_eq(env.bad, 1);
	ck_assert_uint_eq(env.not_understood_bytes, 4);
}
END_TEST

START_TEST(hole_in_a_head_is_a_gap)
{
	feed(PX_DIR_OUT, "q1:a");
	feed_len(PX_DIR_OUT, "q1", 10);
	feed(PX_DIR_OUT, "..q2:ab");
	ck_assert_uint_eq(seen.frames, 2);
	ck_assert_uint_eq(seen.gaps, 1);
}
END_TEST

START_TEST(a_broken_contract_is_counted_and_survived)
{
	const char text[] = { '!', (char)('1' + _i), ' ', 'q', '1', ':', 'a', '\0' };

	feed(PX_DIR_OUT, "q1:a");
	feed(PX_DIR_OUT, text);
	ck_assert_uint_eq(env.contract_errors, 1);
	ck_assert_uint_eq(seen.frames, 2);
}
END_TEST

START_TEST(an_endless_head_is_bad)
{
	feed(PX_DIR_OUT, "q1:a");
	for (int i = 0; i < 20; i++)
		feed(PX_DIR_OUT, i == 0 ? "!" : "!!!!!!!!!!"); /* one '!' waits for its letter */
	ck_assert_uint_gt(env.bad, 0);
	ck_assert_uint_le(streams[PX_DIR_OUT].end - streams[PX_DIR_OUT].pos, 64);
}
END_TEST

START_TEST(a_wrong_first_guess_is_revised)
{
	env.parsers = both;
	feed(PX_DIR_OUT, "q");
	ck_assert_ptr_eq(decoder.parser, &greedy);
	feed(PX_DIR_OUT, "1:a");
	ck_assert_ptr_eq(decoder.parser, &toy);
	ck_assert_uint_eq(seen.frames, 1);
	ck_assert_uint_eq(seen.bytes[0], 4);
}
END_TEST

START_TEST(a_wrong_first_guess_is_no_verdict_for_ever)
{
	feed(PX_DIR_IN, "!1"); /* looks like a message, and is none: the inside of something */
	ck_assert_uint_eq(env.bad, 1);
	feed(PX_DIR_IN, "r1:a");
	ck_assert_uint_eq(seen.frames, 1);
}
END_TEST

START_TEST(unknown_bytes_are_counted_until_somebody_knows)
{
	feed(PX_DIR_IN, "...");
	feed(PX_DIR_IN, "?");
	ck_assert_uint_eq(env.not_understood_bytes, 3);
	feed(PX_DIR_IN, "..");
	ck_assert_uint_eq(env.not_understood_bytes, 6);
	feed(PX_DIR_IN, "r1:a");
	ck_assert_uint_eq(seen.frames, 1);
	ck_assert_uint_gt(seen.gaps, 0);
}
END_TEST

START_TEST(opaque_after_the_end_of_a_protocol)
{
	feed(PX_DIR_OUT, "q1:a");
	feed(PX_DIR_IN, "x0:q1:a");
	feed(PX_DIR_OUT, "q1:a");
	ck_assert_uint_eq(seen.frames, 2);
	ck_assert_uint_eq(seen.restarts, 1);
	ck_assert_uint_eq(env.not_understood_bytes, 0);
	ck_assert_uint_eq(streams[PX_DIR_OUT].pos, streams[PX_DIR_OUT].end);
}
END_TEST

START_TEST(recognised_afresh_after_a_hand_over)
{
	feed(PX_DIR_OUT, "q1:a");
	feed(PX_DIR_IN, "y0:r1:a");
	feed(PX_DIR_OUT, "q1:a");
	ck_assert_uint_eq(seen.frames, 4);
	ck_assert_uint_eq(seen.restarts, 1);
	ck_assert_uint_eq(seen.gaps, 0);
}
END_TEST

START_TEST(a_hand_over_without_a_message)
{
	feed(PX_DIR_OUT, "q1:a");
	feed(PX_DIR_IN, "r1:a");
	feed(PX_DIR_OUT, "Tq1:a");
	feed(PX_DIR_IN, "r1:a");
	ck_assert_uint_eq(seen.frames, 4);
	ck_assert_uint_eq(seen.restarts, 1);
	ck_assert_uint_eq(seen.gaps, 0);
	ck_assert_uint_eq(env.not_understood_bytes, 0);
}
END_TEST

START_TEST(what_can_be_shown_at_the_end_is_shown)
{
	feed(PX_DIR_OUT, "q10:abc");
	feed(PX_DIR_IN, "r");
	px_decoder_finish(&decoder);
	ck_assert_uint_eq(seen.frames, 1);
	ck_assert_uint_eq(seen.bytes[0], 7);
	ck_assert_uint_eq(seen.flags[0], PX_FLAG_ABORTED);
}
END_TEST

START_TEST(joined_in_the_middle_waits_for_a_beginning)
{
	decoder.mid_stream = true;
	feed(PX_DIR_IN, "tail of something");
	feed(PX_DIR_OUT, "q1:a");
	feed(PX_DIR_IN, "then: r1:b");
	ck_assert_uint_eq(seen.frames, 2);
	ck_assert_uint_eq(seen.bytes[1], 4);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("decode");
	TCase *tc = tcase_create("decode");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, frames_have_exact_places_and_times);
	tcase_add_test(tc, discarded_bytes_may_be_anything);
	tcase_add_test(tc, bad_bytes_are_resynced);
	tcase_add_test(tc, hole_in_a_head_is_a_gap);
	tcase_add_loop_test(tc, a_broken_contract_is_counted_and_survived, 0, 5);
	tcase_add_test(tc, an_endless_head_is_bad);
	tcase_add_test(tc, a_wrong_first_guess_is_revised);
	tcase_add_test(tc, a_wrong_first_guess_is_no_verdict_for_ever);
	tcase_add_test(tc, unknown_bytes_are_counted_until_somebody_knows);
	tcase_add_test(tc, opaque_after_the_end_of_a_protocol);
	tcase_add_test(tc, recognised_afresh_after_a_hand_over);
	tcase_add_test(tc, a_hand_over_without_a_message);
	tcase_add_test(tc, what_can_be_shown_at_the_end_is_shown);
	tcase_add_test(tc, joined_in_the_middle_waits_for_a_beginning);
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
