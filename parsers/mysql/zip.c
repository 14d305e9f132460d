/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compressed protocol, behind a login that chose it (zlib or zstd):
 *
 *	length of what follows (3 bytes), sequence number (1), length uncompressed (3), bytes
 *
 * with a length of 0 for bytes that are not compressed. What is inside is a stream of ordinary
 * packets, cut without regard to them. It is undone in small steps, so that no packet costs more
 * memory than a step, and a large one need not be whole before its beginning is read.
 */
#include "mysql/message.h"

#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#define ZIP_WHOLE (64 << 10)	/* compressed bytes that are read once they are there: a packet, or so much of it */
#define ZIP_STEP (16 << 10)	/* bytes that are undone at once */
#define ZIP_INNER_MAX (128 << 10)	/* bytes inside that may wait for the rest of a packet */
#define ZIP_WINDOW 24	/* bits: a packet has no more bytes, and nobody has to make room for more */

static const struct px_bytes zstd_magic = PX_BYTES("\x28\xb5\x2f\xfd");

struct mysql_zip {
	bool is_raw, is_zstd;
	bool has_inflate;	/* `inflate` is initialised */
	bool is_full;		/* the last step filled its room: there may be more without new bytes */
	bool holds;		/* the first byte of the view was dealt with, and kept for its time */
	bool ask_again;
	uint32_t left;		/* bytes of this packet that are to come, */
	uint32_t block;		/* and those of them that come next */
	uint32_t plain_left;	/* bytes that they have to give */
	uint64_t discard;	/* bytes inside that nobody needs to see */
	z_stream inflate;
	ZSTD_DStream *zstd;
	char *buf;		/* bytes inside, from `from` on */
	size_t from, len, cap;
};

void mysql_zip_free(struct mysql_zip *z)
{
	if (!z)
		return;
	if (z->has_inflate)
		inflateEnd(&z->inflate);
	ZSTD_freeDStream(z->zstd);
	free(z->buf);
	free(z);
}

void mysql_zip_reset(struct mysql_zip *z)
{
	if (!z)
		return;
	z->left = z->block = z->plain_left = 0;
	z->from = z->len = 0;
	z->discard = 0;
	z->is_full = z->holds = z->ask_again = false;
}

static bool zip_begin_zstd(ZSTD_DStream **zstd)
{
	if (!*zstd)
		*zstd = ZSTD_createDStream();
	return *zstd && !ZSTD_isError(ZSTD_initDStream(*zstd)) &&
	       !ZSTD_isError(ZSTD_DCtx_setParameter(*zstd, ZSTD_d_windowLogMax, ZIP_WINDOW));
}

static bool zip_is_zstd(struct px_bytes in)
{
	return px_bytes_starts(in, zstd_magic);
}

bool mysql_zip_is_inside(const struct mysql_zip *z)
{
	return z && (z->left > 0 || z->len > z->from || z->discard > 0 || z->is_full);
}

static bool zip_begin(struct mysql_zip *z)
{
	if (z->is_raw)
		return true;
	if (z->is_zstd)
		return zip_begin_zstd(&z->zstd);
	if (z->has_inflate)
		return inflateReset(&z->inflate) == Z_OK;
	z->has_inflate = inflateInit(&z->inflate) == Z_OK;
	return z->has_inflate;
}

static bool zip_peek_zstd(struct px_bytes in, struct mysql_plain *plain)
{
	ZSTD_DStream *zstd = NULL;
	ZSTD_inBuffer from = { in.ptr, in.len, 0 };
	ZSTD_outBuffer to = { plain->bytes, sizeof(plain->bytes), 0 };
	bool ok = zip_begin_zstd(&zstd) && !ZSTD_isError(ZSTD_decompressStream(zstd, &to, &from));

	ZSTD_freeDStream(zstd);
	plain->len = to.pos;
	return ok;
}

static bool zip_peek_zlib(struct px_bytes in, struct mysql_plain *plain)
{
	z_stream z = { .next_in = (z_const Bytef *)(uintptr_t)in.ptr,
		       .avail_in = (uInt)in.len,
		       .next_out = (Bytef *)plain->bytes,
		       .avail_out = (uInt)sizeof(plain->bytes) };
	int err;

	if (inflateInit(&z) != Z_OK)
		return false;
	err = inflate(&z, Z_SYNC_FLUSH);
	inflateEnd(&z);
	plain->len = sizeof(plain->bytes) - z.avail_out;
	return err == Z_OK || err == Z_STREAM_END || err == Z_BUF_ERROR;
}

bool mysql_zip_peek(struct px_bytes in, struct mysql_plain *plain)
{
	struct px_cur c = px_cur_of(in);
	unsigned int head = px_cur_be16(&c);

	if (zip_is_zstd(in))
		return zip_peek_zstd(in, plain);
	/* RFC 1950: deflate, and a check sum. */
	return (head & 0x0f00) == 0x0800 && head % 31 == 0 && zip_peek_zlib(in, plain);
}

/* Room for one step behind what is there. */
static bool zip_room(struct mysql_zip *z)
{
	size_t unread = z->len - z->from;
	char *buf;

	if (z->from > 0) {
		memmove(z->buf, z->buf + z->from, unread);
		z->from = 0;
		z->len = unread;
	}
	if (z->cap - z->len >= ZIP_STEP)
		return true;
	if (unread > ZIP_INNER_MAX)
		return false;
	buf = realloc(z->buf, z->len + ZIP_STEP);
	if (!buf)
		return false;
	z->buf = buf;
	z->cap = z->len + ZIP_STEP;
	return true;
}

/* One step. Returns how many bytes of `in` it took, -1 where they are broken. */
static long zip_step(struct mysql_zip *z, struct px_bytes in)
{
	size_t room = ZIP_STEP, took = in.len < z->block ? in.len : z->block, made;

	if (!zip_room(z))
		return -1;
	if (z->is_raw) {
		if (took > room)
			took = room;
		if (took)
			memcpy(z->buf + z->len, in.ptr, took);
		made = took;
	} else if (z->is_zstd) {
		ZSTD_inBuffer from = { in.ptr, took, 0 };
		ZSTD_outBuffer to = { z->buf + z->len, room, 0 };

		if (ZSTD_isError(ZSTD_decompressStream(z->zstd, &to, &from)))
			return -1;
		took = from.pos;
		made = to.pos;
	} else {
		int err;

		z->inflate.next_in = (z_const Bytef *)(uintptr_t)in.ptr;
		z->inflate.avail_in = (uInt)took;
		z->inflate.next_out = (Bytef *)z->buf + z->len;
		z->inflate.avail_out = (uInt)room;
		err = inflate(&z->inflate, Z_SYNC_FLUSH);
		if (err != Z_OK && err != Z_STREAM_END && err != Z_BUF_ERROR)
			return -1;
		took -= z->inflate.avail_in;
		made = room - z->inflate.avail_out;
	}
	z->left -= (uint32_t)took;
	z->block -= (uint32_t)took;
	z->is_full = made == room && !z->is_raw;
	if (!z->is_raw && made > z->plain_left)
		return -1;
	z->plain_left -= z->is_raw ? 0 : (uint32_t)made;
	z->len += made;
	if (took == 0 && made == 0)
		return in.len > 0 && z->block > 0 ? -1 : 0;
	if (z->left == 0 && !z->is_full && !z->is_raw && z->plain_left > 0)
		return -1; /* it promised more */
	return (long)took;
}

/* The bytes inside, without those that nobody needs. */
static struct px_bytes zip_view(struct mysql_zip *z)
{
	size_t unread = z->len - z->from;
	size_t n = z->discard < unread ? (size_t)z->discard : unread;

	z->discard -= n;
	z->from += n;
	return px_bytes_of(z->buf ? z->buf + z->from : NULL, z->len - z->from);
}

static struct mysql_zip *zip_of(struct mysql_state *st, enum px_dir dir)
{
	if (!st->dir[dir].zip)
		st->dir[dir].zip = calloc(1, sizeof(struct mysql_zip));
	return st->dir[dir].zip;
}

static struct px_parse_result zip_inner(const struct px_parse_ctx *ctx, struct px_bytes in,
					struct px_frame *out)
{
	const struct mysql_state *st = ctx->state;

	return ctx->dir == (enum px_dir)(st->request_dir - 1) ? mysql_request_parse(ctx, in, out)
							      : mysql_reply_parse(ctx, in, out);
}

struct px_parse_result mysql_zip_parse(const struct px_parse_ctx *ctx, struct px_bytes in,
				       struct px_frame *out)
{
	struct mysql_state *st = ctx->state;
	struct mysql_zip *z = zip_of(st, ctx->dir);
	struct px_parse_ctx inner = *ctx;
	size_t pos, header, wanted = 1;
	bool is_told_end = false;
	uint32_t left, block;

	if (!z)
		return px_parse_bad("out of memory");
	pos = z->holds && in.len > 0;
	z->holds = false;
	for (;;) {
		struct px_bytes view = zip_view(z);
		bool is_spent = pos == in.len && !z->is_full;
		long took;

		inner.eof = ctx->eof && is_spent;
		if (view.len >= wanted || z->ask_again || (inner.eof && !is_told_end)) {
			struct px_parse_result r;

			is_told_end = inner.eof;
			z->ask_again = false;
			wanted = 1;
			r = zip_inner(&inner, view, out);
			switch (r.status) {
			case PX_PARSE_FRAME:
				z->from += r.consumed;
				if (pos > 0 && z->len > z->from) {
					z->holds = true;
					pos--;
				}
				r.consumed = pos;
				return r;
			case PX_PARSE_SKIP:
				z->from += r.consumed;
				z->discard = r.discard;
				z->ask_again = r.discard > 0;
				continue;
			case PX_PARSE_MORE:
				wanted = r.need;
				break;
			case PX_PARSE_BAD:
			default:
				return r;
			}
		}
		if (z->block > 0 || z->is_full) {
			if (pos == in.len && !z->is_full)
				break;
			took = zip_step(z, px_bytes_sub(in, pos, SIZE_MAX));
			if (took < 0)
				return px_parse_bad("broken compression");
			pos += (size_t)took;
			continue;
		}
		/*
		 * So that sizes and times are those of packets, however these came in: a view for each, and
		 * of large ones for each block.
		 */
		if (pos > 0)
			return px_parse_skip(pos);
		header = z->left == 0 ? MYSQL_ZIP_HEADER : 0;
		if (in.len < header)
			return ctx->eof && in.len > 0 ? px_parse_bad("ends inside a packet") :
							px_parse_more(header);
		left = header ? mysql_le24(in.ptr) : z->left;
		block = left < ZIP_WHOLE ? left : ZIP_WHOLE;
		if (in.len - header < block && !ctx->eof)
			return px_parse_more(header + block);
		if (in.len == 0)
			break;
		z->left = left;
		z->block = block;
		pos = header;
		if (!header)
			continue;
		z->plain_left = mysql_le24(in.ptr + 4);
		z->is_raw = z->plain_left == 0;
		z->is_zstd = zip_is_zstd(px_bytes_sub(in, header, SIZE_MAX));
		if (z->left == 0 || !zip_begin(z))
			return px_parse_bad("an empty compressed packet");
	}
	return pos > 0 ? px_parse_skip(pos) : px_parse_more(in.len + 1);
}
