/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recognise_test [STREAMS [SEED]]: does a protocol claim what is not its own?
 *
 * Streams of bytes that are of no protocol here (foreign.c), of what the cases below tests/parsers/
 * say, and of both inside of values (carry.c) go through the decoder in pieces, from the first byte
 * on. Who is no owner of a stream must not make a message of it, nor say that it is his. What comes
 * in datagrams is shown to who reads those. A line in parsers/registry.c and a folder of cases is
 * all that a new protocol needs to take part.
 *
 * A stream that nobody knows comes in one piece: were it cut just before somebody's message, that
 * could not be told from a connection that changes its protocol there.
 */
#include "decode/carry.h"
#include "decode/decode.h"
#include "decode/foreign.h"
#include "decode/infer.h"
#include "support/cases.h"
#include "support/feed.h"

#include <stdio.h>
#include <stdlib.h>

#define STREAMS 100000		/* unless told otherwise */
#define SAMPLES_MAX 4096
#define VALUE_MAX ((size_t)20000)	/* bytes; longer cases are about length */
#define FAULTS_SHOWN 20
#define BUF_MAX ((size_t)16 << 20)

/* A case of a protocol: what either side says. */
struct sample {
	const char *own;
	bool is_datagrams;
	struct talk talk;
};

static struct sample samples[SAMPLES_MAX];
static size_t sample_count;
static const char *loading;	/* the protocol whose cases are being read */

static struct px_stream_budget budget;
static struct px_frame_pool frames;
static struct px_decode_env env;
static struct px_decoder decoder;
static unsigned long faults, understood, claims, datagrams_taken;

/* Of the stream under way. */
static const char *owner;
static char what[64];
static bool is_handed_over;	/* its protocol has ended, to go on inside of TLS perhaps */
static uint64_t seed;

static void fault(const char *who, const char *did)
{
	if (faults++ < FAULTS_SHOWN)
		fprintf(stderr, "%s %s %s; seed %llu\n", who, did, what, (unsigned long long)seed);
}

static void on_frame(void *ctx, struct px_frame *f)
{
	const char *who = decoder.parser->name;

	(void)ctx;
	if (owner && strcmp(owner, who) == 0)
		understood++;
	else if (!is_handed_over || !decoder.parser->is_handshake)
		fault(who, "made a message of");
	px_frame_free(&frames, f);
}

static void on_gap(void *ctx, enum px_dir dir)
{
	(void)ctx;
	(void)dir;
}

static void on_discard(void *ctx, enum px_dir dir, uint64_t until)
{
	(void)ctx;
	(void)dir;
	(void)until;
}

static void on_restart(void *ctx, uint32_t epoch)
{
	(void)ctx;
	(void)epoch;
	is_handed_over = true;
}

/* Whoever says that it is his, by the first bytes of a direction. */
static void check_claim(struct px_bytes head, enum px_dir dir)
{
	const struct px_parser *parser = NULL;

	head = px_bytes_sub(head, 0, PX_INFER_MAX);
	if (head.len == 0 || px_infer(px_parsers, 0, head, dir, &parser) != PX_SURE_YES)
		return;
	claims++;
	if (!owner || strcmp(owner, parser->name) != 0)
		fault(parser->name, "claims");
}

static bool is_known(const char *name)
{
	for (size_t i = 0; name && px_parsers[i]; i++)
		if (strcmp(px_parsers[i]->name, name) == 0)
			return true;
	return false;
}

/* In pieces, and in the order in which it was said. */
static void run_stream(struct foreign_rng *r, const struct talk *t)
{
	bool in_pieces = is_known(owner), has_begun[2] = { false, false };
	struct px_stream streams[2];
	size_t at[2] = { 0, 0 };

	for (int dir = 0; dir < 2; dir++)
		px_stream_init(&streams[dir], &budget);
	is_handed_over = false;
	px_decoder_init(&decoder, &env, &decoder, &streams[0], &streams[1]);
	for (size_t turn = 0; turn < t->count; turn++) {
		struct px_bytes said = talk_said(t, turn);
		enum px_dir dir = t->turns[turn].dir;

		if (!has_begun[dir])
			check_claim(said, dir);
		has_begun[dir] |= said.len > 0;
		while (said.len > 0) {
			struct px_seg_info info = { .ts_ns = 1 };
			struct px_bytes piece = said;

			if (in_pieces && foreign_below(r, 3) == 0)
				piece = px_bytes_sub(said, 0, 1 + foreign_below(r, 200));
			px_stream_append(&streams[dir], at[dir], piece, piece.len, &info);
			at[dir] += piece.len;
			px_decoder_run(&decoder, dir);
			px_stream_settle(&streams[dir]);
			said = px_bytes_sub(said, piece.len, SIZE_MAX);
		}
	}
	px_decoder_finish(&decoder);
	px_decoder_fini(&decoder);
	px_stream_fini(&streams[0]);
	px_stream_fini(&streams[1]);
}

static void on_datagram(void *ctx, enum px_dir dir, struct px_frame *f)
{
	struct px_feed *feed = ctx;

	(void)dir;
	/* What needs a partner claims nothing by itself. */
	if (owner && strcmp(owner, feed->parser->name) == 0)
		datagrams_taken++;
	else if (!f->needs_partner)
		fault(feed->parser->name, "took for its own a datagram of");
	px_frame_free(&feed->pool, f);
}

static void run_datagram(struct px_bytes said, enum px_dir dir)
{
	struct px_feed feed;

	for (size_t i = 0; said.len && px_parsers[i]; i++) {
		if (!px_parsers[i]->has_datagrams)
			continue;
		px_feed_init(&feed, px_parsers[i], &px_feed_limits, 1 << 20);
		feed.ctx = &feed;
		feed.on_frame = on_datagram;
		px_feed_datagram(&feed, dir, said, NULL);
		px_feed_fini(&feed);
	}
}

static void run_datagrams(const struct talk *t)
{
	for (size_t turn = 0; turn < t->count; turn++)
		run_datagram(talk_said(t, turn), t->turns[turn].dir);
}

static void run_foreign(struct foreign_rng *r, struct talk *t)
{
	const struct foreign_kind *k = &foreign_kinds[foreign_below(r, foreign_kind_count)];

	owner = k->own;
	snprintf(what, sizeof(what), "%s", k->name);
	k->make(r, talk_turn(t, PX_DIR_IN));
	if (foreign_below(r, 2))
		k->make(r, talk_turn(t, PX_DIR_OUT));
	run_stream(r, t);
	run_datagrams(t);
}

static void run_sample(struct foreign_rng *r)
{
	const struct sample *s = &samples[foreign_below(r, sample_count)];

	owner = s->own;
	snprintf(what, sizeof(what), "a case of %s", s->own);
	if (!s->is_datagrams)
		run_stream(r, &s->talk);
	run_datagrams(&s->talk);
}

/* Somebody's messages, or foreign bytes, inside of somebody else's value. */
static void run_carried(struct foreign_rng *r, struct talk *t, struct px_buf *scratch)
{
	const struct carrier *c = &carriers[foreign_below(r, carrier_count)];
	const struct sample *s = &samples[foreign_below(r, sample_count)];
	struct px_bytes value = talk_said(&s->talk, foreign_below(r, s->talk.count));
	const char *inside = s->own;

	if (foreign_below(r, 4) == 0) {
		const struct foreign_kind *k = &foreign_kinds[foreign_below(r, foreign_kind_count)];

		scratch->len = 0;
		k->make(r, scratch);
		value = px_buf_bytes(scratch);
		inside = k->name;
	}
	owner = c->own;
	snprintf(what, sizeof(what), "%s inside of %s", inside, c->own ? c->own : "others");
	if (!c->make(r, value, t))
		return;
	run_stream(r, t);
	run_datagrams(t);
}

static void load_step(const struct px_case *c, const struct px_case_step *s, struct talk *t)
{
	if (t->count == 0)
		t->bytes = px_buf_of(BUF_MAX);
	if (px_buf_append(talk_turn(t, s->dir), px_buf_bytes(&s->bytes)) != 0)
		abort();
	samples[sample_count].own = loading;
	samples[sample_count].is_datagrams = c->is_datagrams;
}

/* Holes and ends are left out; datagrams are each for itself. */
static void load_case(void *ctx, const struct px_case *c)
{
	(void)ctx;
	for (size_t i = 0; i < c->count && !c->is_joined; i++) {
		const struct px_case_step *s = &c->steps[i];

		if (sample_count == SAMPLES_MAX)
			return;
		if ((c->is_datagrams ? s->bytes.len : c->total) > VALUE_MAX || s->bytes.len == 0)
			continue;
		load_step(c, s, &samples[sample_count].talk);
		sample_count += c->is_datagrams;
	}
	sample_count += sample_count < SAMPLES_MAX && samples[sample_count].talk.count > 0;
}

static void load_samples(void)
{
	for (size_t i = 0; px_parsers[i]; i++) {
		size_t had = sample_count;

		loading = px_parsers[i]->name;
		px_cases_each(px_parsers[i], load_case, NULL);
		printf("%s: %zu cases\n", loading, sample_count - had);
		if (sample_count == had) {
			fprintf(stderr, "%s: no cases\n", loading);
			faults++;
		}
	}
}

int main(int argc, char **argv)
{
	unsigned long streams = argc > 1 ? strtoul(argv[1], NULL, 10) : STREAMS;
	uint64_t first_seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	static struct talk talk;
	struct px_buf scratch = px_buf_of(BUF_MAX);

	budget = (struct px_stream_budget){ .stream_max = 1 << 20, .total_max = 4 << 20 };
	px_frame_pool_init(&frames, 1 << 20, 8 << 20);
	env = (struct px_decode_env){ .parsers = px_parsers,
				      .limits = px_feed_limits,
				      .frames = &frames,
				      .on_frame = on_frame,
				      .on_gap = on_gap,
				      .on_discard = on_discard,
				      .on_restart = on_restart };
	talk.bytes = px_buf_of(BUF_MAX);
	load_samples();
	for (unsigned long i = 0; i < streams; i++) {
		struct foreign_rng r = { seed = first_seed + i };

		talk.count = 0;
		talk.bytes.len = 0;
		switch (foreign_below(&r, 8)) {
		case 0:
			run_sample(&r);
			break;
		case 1:
		case 2:
			run_carried(&r, &talk, &scratch);
			break;
		default:
			run_foreign(&r, &talk);
		}
	}
	for (size_t i = 0; i < sample_count; i++)
		px_buf_fini(&samples[i].talk.bytes);
	px_buf_fini(&talk.bytes);
	px_buf_fini(&scratch);
	px_frame_pool_fini(&frames);
	printf("%lu streams: %lu messages and %lu datagrams understood by their own, %lu claims, %lu of them or of messages wrong\n",
	       streams, understood, datagrams_taken, claims, faults);
	return faults ? EXIT_FAILURE : EXIT_SUCCESS;
}
