/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One parser under libFuzzer; built once per line of parsers/registry.c, with PX_FUZZ_PARSER its
 * symbol and PX_FUZZ_HEADER its header.
 *
 * The input is a script: two bytes of options, then literal bytes and, with the values that UTF-8
 * never has,
 *	f8, f9		what follows is sent by the client, by the server
 *	fa n, fb n	n + 1 bytes are lost; are left out by us
 *	fc		this direction ends
 *	fd		a piece ends here
 *	fe b		the literal byte b
 * It is fed three times: as it is meant, without the fd, and byte by byte. Up to the first loss all
 * three have to give the same messages. Of a protocol that has them, the pieces may be datagrams
 * instead, as an option says. Each view lies in a heap block of just its size. With
 * PX_FUZZ_PRINT in the environment the records are printed: for looking at a finding.
 */
#include PX_FUZZ_HEADER

#include "support/dump.h"
#include "support/feed.h"

#include <stdio.h>
#include <stdlib.h>

#define FUZZ_FRAMES 64		/* that are compared */
#define FUZZ_POOL (4 << 20)

enum fuzz_how { FUZZ_PIECES, FUZZ_WHOLE, FUZZ_BYTES, FUZZ_DATAGRAMS };

/* What came out of one run: a number per message that stands for all of its record. */
struct fuzz_got {
	struct px_feed feed;
	uint64_t digests[2][FUZZ_FRAMES];
	size_t count[2];	/* up to the first loss */
	bool has_lost;
};

static const struct px_parse_limits limits[] = {
	{ .head_max = 65536, .body_max = 16384, .decoded_max = 65536 },
	{ .head_max = 64, .body_max = 8, .decoded_max = 100 },
	{ .head_max = 200, .body_max = 0, .decoded_max = 0 },
	{ .head_max = 65536, .body_max = SIZE_MAX, .decoded_max = SIZE_MAX },
};

static struct px_record record;

static uint64_t fuzz_mix(uint64_t h, const void *p, size_t n)
{
	const unsigned char *b = p;

	for (size_t i = 0; i < n; i++)
		h = (h ^ b[i]) * 0x100000001b3;
	return h * 31 + n;
}

static uint64_t fuzz_mix_value(uint64_t h, const struct px_field *f, const struct px_value *v)
{
	h = fuzz_mix(h, &v->is_null, sizeof(v->is_null));
	if (v->is_null)
		return h;
	switch (f->type) {
	case PX_TYPE_STR:
	case PX_TYPE_BODY:
		return fuzz_mix(h, v->s.ptr, v->s.len);
	case PX_TYPE_BOOL:
		return h * 31 + v->b;
	case PX_TYPE_MAP:
		for (size_t i = 0; i < v->map.count; i++) {
			h = fuzz_mix(h, v->map.pairs[i].name.ptr, v->map.pairs[i].name.len);
			h = fuzz_mix(h, v->map.pairs[i].value.ptr, v->map.pairs[i].value.len);
		}
		return h;
	case PX_TYPE_LIST:
		for (size_t i = 0; i < v->list.count; i++)
			h = fuzz_mix(h, v->list.items[i].ptr, v->list.items[i].len);
		return h;
	case PX_TYPE_OBJECTS:
		for (size_t i = 0; i < v->objects.count; i++)
			for (uint64_t rest = v->objects.items[i].has; rest; rest &= rest - 1) {
				unsigned int m = (unsigned int)__builtin_ctzll(rest);

				h = fuzz_mix_value(h + m, &f->members[m],
						   &v->objects.items[i].values[m]);
			}
		return h;
	default:
		return fuzz_mix(h, &v->i, sizeof(v->i));
	}
}

static void fuzz_print(const struct px_exchange *ex)
{
	struct px_buf text = px_buf_of(SIZE_MAX / 2);

	px_dump_exchange(&text, ex, PX_DUMP_RAW, FUZZ_POOL);
	fprintf(stderr, "%.*s\n", (int)text.len, text.ptr);
	px_buf_fini(&text);
}

static uint64_t fuzz_digest(const struct px_parser *parser, struct px_frame *f)
{
	struct px_exchange ex = { .parser = parser,
				  .role = PX_ROLE_SERVER,
				  .local_addr = "192.0.2.1",
				  .flags = f->flags };
	struct px_arena_pool pool;
	struct px_arena arena;
	uint64_t h = 0xcbf29ce484222325;

	if (f->kind == PX_FRAME_RESPONSE)
		ex.response = f;
	else
		ex.request = f;
	if (getenv("PX_FUZZ_PRINT"))
		fuzz_print(&ex);
	px_arena_pool_init(&pool, FUZZ_POOL);
	px_arena_init(&arena, &pool, FUZZ_POOL);
	record.arena = &arena;
	px_record_clear(&record, PX_RECORD_MESSAGE);
	record.fields = parser->fields;
	record.want_summary = true;
	parser->describe(&ex, &record);
	h = fuzz_mix(h, &f->key, sizeof(f->key));
	h = fuzz_mix(h, &f->bytes, sizeof(f->bytes));
	h = fuzz_mix(h, &f->first.pos, sizeof(f->first.pos));
	h = fuzz_mix(h, record.summary.ptr, record.summary.len);
	h = fuzz_mix(h, record.raw_req.head.ptr, record.raw_req.head.len);
	h = fuzz_mix(h, record.raw_resp.head.ptr, record.raw_resp.head.len);
	for (int i = 0; i < PX_COMMON_COUNT; i++)
		if (px_record_has(&record, (enum px_common)i))
			h = fuzz_mix_value(h + (uint64_t)i, &px_common_fields[i],
					   &record.common[i]);
	for (int i = 0; parser->fields[i].type != PX_TYPE_NONE; i++)
		if (record.has_proto >> i & 1)
			h = fuzz_mix_value(h + 100 + (uint64_t)i, &parser->fields[i],
					   &record.proto[i]);
	px_arena_reset(&arena);
	px_arena_pool_fini(&pool);
	return h;
}

static void fuzz_on_frame(void *ctx, enum px_dir dir, struct px_frame *f)
{
	struct fuzz_got *got = ctx;
	uint64_t digest = fuzz_digest(got->feed.parser, f);

	if (!got->has_lost && f->epoch == 0 && !(f->flags & PX_FLAG_GAP) &&
	    got->count[dir] < FUZZ_FRAMES)
		got->digests[dir][got->count[dir]++] = digest;
	px_frame_free(&got->feed.pool, f);
}

static void fuzz_on_bad(void *ctx, enum px_dir dir, const char *why)
{
	struct fuzz_got *got = ctx;

	if (getenv("PX_FUZZ_PRINT"))
		fprintf(stderr, "bad %d: %s\n", dir, why);
	got->has_lost = true;
}

static void fuzz_flush(struct px_feed *feed, enum px_dir dir, unsigned char *piece, size_t *len,
		       enum fuzz_how how)
{
	if (how == FUZZ_DATAGRAMS) {
		struct px_datagram d = { .len = *len };

		/* A long one is taken for the beginning of a longer one. */
		if (*len > 100)
			d.len += 20;
		px_feed_datagram(feed, dir, px_bytes_of(piece, *len), &d);
		*len = 0;
		return;
	}
	if (feed->dir[dir].eof)
		*len = 0;
	for (size_t i = 0; how == FUZZ_BYTES && i < *len; i++)
		px_feed_bytes(feed, dir, px_bytes_of(piece + i, 1));
	if (how != FUZZ_BYTES && *len > 0)
		px_feed_bytes(feed, dir, px_bytes_of(piece, *len));
	*len = 0;
}

static void fuzz_run(const unsigned char *data, size_t size, enum fuzz_how how,
		     struct fuzz_got *got)
{
	struct px_feed *feed = &got->feed;
	enum px_dir dir = PX_DIR_OUT;
	unsigned char *piece = malloc(size);
	size_t len = 0;

	if (!piece)
		abort();
	memset(got, 0, sizeof(*got));
	px_feed_init(feed, &PX_FUZZ_PARSER, &limits[data[0] >> 2 & 3], FUZZ_POOL);
	feed->view = PX_FEED_HEAP;
	feed->mid_stream = data[0] & 1;
	/*
	 * To find the beginning of a message is a guess, which may come out differently with fewer
	 * bytes at hand.
	 */
	got->has_lost = data[0] & 1 && data[0] & 16;
	feed->dir[PX_DIR_IN].has_begun = feed->dir[PX_DIR_OUT].has_begun = !got->has_lost;
	feed->role = data[0] & 2 ? PX_ROLE_CLIENT : PX_ROLE_UNKNOWN;
	feed->ctx = got;
	feed->on_frame = fuzz_on_frame;
	feed->on_bad = fuzz_on_bad;
	for (size_t i = 2; i < size; i++) {
		unsigned char c = data[i], arg = i + 1 < size ? data[i + 1] : 0;

		if (c < 0xf8 || c == 0xff) {
			piece[len++] = c;
			continue;
		}
		if (c == 0xfe) {
			piece[len++] = arg;
			i++;
			continue;
		}
		if (c == 0xfd) {
			if (how == FUZZ_PIECES || how == FUZZ_DATAGRAMS)
				fuzz_flush(feed, dir, piece, &len, how);
			continue;
		}
		if (c <= 0xf9) {
			if (dir != (c == 0xf8 ? PX_DIR_OUT : PX_DIR_IN))
				fuzz_flush(feed, dir, piece, &len, how);
			dir = c == 0xf8 ? PX_DIR_OUT : PX_DIR_IN;
			continue;
		}
		fuzz_flush(feed, dir, piece, &len, how);
		if (feed->dir[dir].eof)
			continue;
		if (c == 0xfc) {
			px_feed_eof(feed, dir);
		} else {
			px_feed_hole(feed, dir, (uint64_t)arg + 1, c == 0xfb);
			i++;
		}
	}
	fuzz_flush(feed, dir, piece, &len, how);
	if (!feed->is_over)
		px_feed_finish(feed);
	if (feed->broken) {
		fprintf(stderr, "contract: %s\n", feed->broken);
		abort();
	}
	px_feed_fini(feed);
	free(piece);
}

static void fuzz_compare(const struct fuzz_got *a, const struct fuzz_got *b)
{
	for (int dir = 0; dir < 2; dir++) {
		/*
		 * Where the loss was noticed first need not be the same, what was complete before
		 * has to be.
		 */
		size_t n = a->count[dir] < b->count[dir] ? a->count[dir] : b->count[dir];

		if (a->count[dir] != b->count[dir] && !a->has_lost && !b->has_lost) {
			fprintf(stderr, "%zu and %zu messages\n", a->count[dir], b->count[dir]);
			abort();
		}
		for (size_t i = 0; i < n; i++)
			if (a->digests[dir][i] != b->digests[dir][i]) {
				fprintf(stderr, "message %zu of direction %d differs\n", i, dir);
				abort();
			}
	}
	if (a->has_lost != b->has_lost) {
		fprintf(stderr, "a loss in one way of feeding and not in the other\n");
		abort();
	}
}

/* The hooks that look at bytes without a connection. */
static void fuzz_look(const unsigned char *data, size_t size)
{
	const struct px_parser *parser = &PX_FUZZ_PARSER;
	char *copy = malloc(size);
	struct px_bytes view = { copy, size };

	if (!copy)
		abort();
	memcpy(copy, data, size);
	if (parser->infer(view, PX_DIR_IN) > PX_SURE_YES)
		abort();
	if (parser->kind && parser->kind(view) > PX_FRAME_ONE_WAY)
		abort();
	if (parser->resync && parser->resync(view, PX_DIR_IN) > size)
		abort();
	free(copy);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	static struct fuzz_got pieces, other;

	if (size < 3)
		return 0;
	fuzz_look(data + 2, size - 2);
	if (PX_FUZZ_PARSER.has_datagrams && data[0] & 32) {
		fuzz_run(data, size, FUZZ_DATAGRAMS, &pieces);
		return 0;
	}
	fuzz_run(data, size, FUZZ_PIECES, &pieces);
	fuzz_run(data, size, FUZZ_WHOLE, &other);
	fuzz_compare(&pieces, &other);
	/*
	 * The byte by byte run is most of the cost: of longer inputs every fourth has one, as its
	 * second byte says.
	 */
	if (size <= 128 || (size <= 1024 && data[1] % 4 == 0)) {
		fuzz_run(data, size, FUZZ_BYTES, &other);
		fuzz_compare(&pieces, &other);
	}
	return 0;
}
