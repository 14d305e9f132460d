/* SPDX-License-Identifier: Apache-2.0 */
/* Content codings undone for display: gzip, deflate, br, zstd, each as a stream and with a cap. */
#include "http/message.h"

#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define LAYERS_MAX 4		/* codings on top of each other that are undone */
#define ZSTD_WINDOW_LOG_MAX 23	/* 8 MB: what RFC 9659 allows in HTTP */

/* The decoded bytes, growing up to max. */
struct content_out {
	struct px_arena *arena;
	char *ptr;
	size_t len, cap, max;
};

enum content_end {
	CONTENT_WHOLE,	/* the coded stream came to its end */
	CONTENT_PART,	/* the input ended before, or the output is full */
	CONTENT_WRONG,	/* not what the header says */
};

typedef enum content_end content_decoder(struct px_bytes in, struct content_out *out);

/* False when there is no room for a further byte. */
static bool content_out_room(struct content_out *out, size_t hint)
{
	size_t cap = out->cap ? out->cap : hint;
	char *p;

	if (out->len < out->cap)
		return true;
	if (out->cap > 0)
		cap = cap > out->max / 2 ? out->max : cap * 2;
	if (cap > out->max)
		cap = out->max;
	if (cap <= out->len)
		return false;
	p = px_arena_alloc(out->arena, cap);
	if (!p)
		return false;
	if (out->len)
		memcpy(p, out->ptr, out->len);
	out->ptr = p;
	out->cap = cap;
	return true;
}

static size_t content_hint(struct px_bytes in)
{
	return in.len < 256 ? 1024 : in.len < 65536 ? in.len * 4 : in.len;
}

/* window_bits as zlib has them: 15 + 16 gzip, 15 zlib, -15 bare deflate. */
static enum content_end content_inflate(struct px_bytes in, struct content_out *out,
					int window_bits)
{
	enum content_end end = CONTENT_PART;
	z_stream z;
	int err;

	memset(&z, 0, sizeof(z));
	if (inflateInit2(&z, window_bits) != Z_OK)
		return CONTENT_PART;
	z.next_in = (Bytef *)(uintptr_t)in.ptr;
	z.avail_in = (uInt)in.len;
	while (z.avail_in > 0 && content_out_room(out, content_hint(in))) {
		z.next_out = (Bytef *)out->ptr + out->len;
		z.avail_out = (uInt)(out->cap - out->len);
		err = inflate(&z, Z_NO_FLUSH);
		out->len = out->cap - z.avail_out;
		if (err == Z_STREAM_END) {
			end = CONTENT_WHOLE;
			/* gzip members may follow each other (RFC 1952 section 2.2) */
			if (window_bits <= 15 || z.avail_in < 2 || z.next_in[0] != 0x1f ||
			    z.next_in[1] != 0x8b || inflateReset(&z) != Z_OK)
				break;
			end = CONTENT_PART;
		} else if (err == Z_DATA_ERROR || err == Z_NEED_DICT || err == Z_STREAM_ERROR) {
			end = CONTENT_WRONG;
			break;
		} else if (err != Z_OK && (err != Z_BUF_ERROR || z.avail_out > 0)) {
			break;
		}
	}
	/* All input is used up, and output may still be inside. */
	while (end == CONTENT_PART && z.avail_in == 0 && content_out_room(out, content_hint(in))) {
		z.next_out = (Bytef *)out->ptr + out->len;
		z.avail_out = (uInt)(out->cap - out->len);
		err = inflate(&z, Z_NO_FLUSH);
		out->len = out->cap - z.avail_out;
		if (err == Z_STREAM_END)
			end = CONTENT_WHOLE;
		if (err != Z_OK || z.avail_out > 0)
			break;
	}
	inflateEnd(&z);
	return end;
}

static enum content_end content_gzip(struct px_bytes in, struct content_out *out)
{
	return content_inflate(in, out, 15 + 16);
}

/*
 * The coding named deflate is the zlib format; many senders leave its header out (RFC 9110 section
 * 8.4.1.2).
 */
static enum content_end content_deflate(struct px_bytes in, struct content_out *out)
{
	unsigned int cmf = (unsigned char)in.ptr[0],
		     flg = in.len > 1 ? (unsigned char)in.ptr[1] : 0;
	bool is_zlib = (cmf & 15) == 8 && cmf >> 4 <= 7 && (cmf << 8 | flg) % 31 == 0;

	return content_inflate(in, out, is_zlib ? 15 : -15);
}

static enum content_end content_br(struct px_bytes in, struct content_out *out)
{
	BrotliDecoderState *d = BrotliDecoderCreateInstance(NULL, NULL, NULL);
	BrotliDecoderResult res = BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT;
	const uint8_t *next = (const uint8_t *)in.ptr;
	size_t left = in.len;

	if (!d)
		return CONTENT_PART;
	while (res == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT &&
	       content_out_room(out, content_hint(in))) {
		uint8_t *to = (uint8_t *)out->ptr + out->len;
		size_t room = out->cap - out->len;

		res = BrotliDecoderDecompressStream(d, &left, &next, &room, &to, NULL);
		out->len = out->cap - room;
	}
	if (res == BROTLI_DECODER_RESULT_ERROR &&
	    BrotliDecoderGetErrorCode(d) <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES)
		res = BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT; /* no memory: as far as it got */
	BrotliDecoderDestroyInstance(d);
	return res == BROTLI_DECODER_RESULT_SUCCESS ? CONTENT_WHOLE
	       : res == BROTLI_DECODER_RESULT_ERROR ? CONTENT_WRONG
						    : CONTENT_PART;
}

static enum content_end content_zstd(struct px_bytes in, struct content_out *out)
{
	ZSTD_inBuffer src = { in.ptr, in.len, 0 };
	enum content_end end = CONTENT_PART;
	ZSTD_DCtx *d = ZSTD_createDCtx();

	if (!d)
		return CONTENT_PART;
	ZSTD_DCtx_setParameter(d, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX);
	while (content_out_room(out, content_hint(in))) {
		ZSTD_outBuffer dst = { out->ptr, out->cap, out->len };
		size_t before = src.pos, ret = ZSTD_decompressStream(d, &dst, &src);

		if (ZSTD_isError(ret)) {
			end = ZSTD_getErrorCode(ret) == ZSTD_error_memory_allocation
				      ? CONTENT_PART
				      : CONTENT_WRONG;
			break;
		}
		end = ret == 0 ? CONTENT_WHOLE : CONTENT_PART;
		if ((ret == 0 && src.pos == src.size) ||
		    (src.pos == before && dst.pos == out->len)) {
			out->len = dst.pos;
			break;
		}
		out->len = dst.pos;
	}
	ZSTD_freeDCtx(d);
	return end;
}

static const struct {
	struct px_bytes name;
	content_decoder *decode;
} codings[] = {
	{ PX_BYTES("gzip"), content_gzip },	  { PX_BYTES("x-gzip"), content_gzip },
	{ PX_BYTES("deflate"), content_deflate }, { PX_BYTES("br"), content_br },
	{ PX_BYTES("zstd"), content_zstd },
};

/* Add the codings of a header to the list; false if one of them is not ours to undo. */
static bool content_layers(struct px_bytes value, content_decoder **layers, size_t *count)
{
	struct px_bytes item;

	while (http_list_next(&value, &item)) {
		content_decoder *decode = NULL;

		if (px_bytes_caseeq(item, PX_BYTES("identity")) ||
		    px_bytes_caseeq(item, PX_BYTES("chunked")))
			continue;
		for (size_t i = 0; i < PX_COUNT(codings); i++)
			if (px_bytes_caseeq(item, codings[i].name))
				decode = codings[i].decode;
		if (!decode || *count == LAYERS_MAX)
			return false;
		layers[(*count)++] = decode;
	}
	return true;
}

struct http_content http_content_decode(struct px_bytes content, struct px_bytes content_encoding,
					struct px_bytes transfer_encoding, size_t decoded_max,
					struct px_arena *arena)
{
	struct http_content res = { .bytes = content, .is_whole = true };
	content_decoder *layers[LAYERS_MAX];
	size_t count = 0;

	if (content.len == 0 || content.len > UINT32_MAX ||
	    !content_layers(content_encoding, layers, &count) ||
	    !content_layers(transfer_encoding, layers, &count) || count == 0)
		return (struct http_content){ .bytes = content };
	if (decoded_max > UINT32_MAX)
		decoded_max = UINT32_MAX; /* zlib counts in 32 bits */
	while (count > 0) {
		struct content_out out = { .arena = arena, .max = decoded_max };
		enum content_end end = layers[--count](res.bytes, &out);

		if (end == CONTENT_WRONG || (out.len == 0 && end == CONTENT_PART))
			return (struct http_content){ .bytes = content };
		res.bytes = px_bytes_of(out.len ? out.ptr : "", out.len);
		res.is_decoded = true;
		res.is_whole &= end == CONTENT_WHOLE;
		res.hit_limit |= end == CONTENT_PART && out.len == out.cap;
		if (out.len == 0)
			break;
	}
	return res;
}
