/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/carry.h"

#include <stdlib.h>

#define CLIENT PX_DIR_OUT
#define SERVER PX_DIR_IN

struct px_buf *talk_turn(struct talk *t, enum px_dir dir)
{
	if (t->count == 0 || t->turns[t->count - 1].dir != dir) {
		if (t->count == TALK_TURNS)
			abort();
		t->turns[t->count++] = (struct talk_turn){ dir, t->bytes.len };
	}
	return &t->bytes;
}

struct px_bytes talk_said(const struct talk *t, size_t turn)
{
	size_t begin = t->turns[turn].begin;
	size_t end = turn + 1 < t->count ? t->turns[turn + 1].begin : t->bytes.len;

	return px_bytes_sub(px_buf_bytes(&t->bytes), begin, end - begin);
}

static void put(struct px_buf *out, struct px_bytes b)
{
	if (px_buf_append(out, b) != 0)
		abort();
}

static void put_be(struct px_buf *out, uint64_t v, size_t width)
{
	while (width-- > 0) {
		char c = (char)(v >> 8 * width);

		put(out, px_bytes_of(&c, 1));
	}
}

#define PRINT(out, ...)                                                                            \
	do {                                                                                       \
		if (px_buf_printf(out, __VA_ARGS__) != 0)                                          \
			abort();                                                                   \
	} while (0)

static bool in_http_request(struct foreign_rng *r, struct px_bytes value, struct talk *t)
{
	PRINT(talk_turn(t, CLIENT),
	      "POST /%zu HTTP/1.1\r\nHost: a.example\r\nContent-Length: %zu\r\n\r\n",
	      foreign_below(r, 100), value.len);
	put(talk_turn(t, CLIENT), value);
	PRINT(talk_turn(t, SERVER), "HTTP/1.1 204 No Content\r\n\r\n");
	return true;
}

static bool in_http_response(struct foreign_rng *r, struct px_bytes value, struct talk *t)
{
	PRINT(talk_turn(t, CLIENT), "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
	if (foreign_below(r, 2)) {
		PRINT(talk_turn(t, SERVER),
		      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
		if (value.len)
			PRINT(talk_turn(t, SERVER), "%zx\r\n", value.len);
		put(talk_turn(t, SERVER), value);
		PRINT(talk_turn(t, SERVER), value.len ? "\r\n0\r\n\r\n" : "0\r\n\r\n");
	} else {
		PRINT(talk_turn(t, SERVER), "HTTP/1.0 200 OK\r\n\r\n");
		put(talk_turn(t, SERVER), value);
	}
	return true;
}

static bool in_redis(struct foreign_rng *r, struct px_bytes value, struct talk *t)
{
	PRINT(talk_turn(t, CLIENT), "*3\r\n$3\r\nSET\r\n$6\r\nuser:%zu\r\n$%zu\r\n",
	      foreign_below(r, 10), value.len);
	put(talk_turn(t, CLIENT), value);
	PRINT(talk_turn(t, CLIENT), "\r\n");
	PRINT(talk_turn(t, SERVER), "+OK\r\n");
	PRINT(talk_turn(t, CLIENT), "*2\r\n$3\r\nGET\r\n$6\r\nuser:7\r\n");
	PRINT(talk_turn(t, SERVER), "$%zu\r\n", value.len);
	put(talk_turn(t, SERVER), value);
	PRINT(talk_turn(t, SERVER), "\r\n");
	return true;
}

/* A message: its kind, its length with itself, and so many bytes. */
static void put_pgsql(struct px_buf *out, char kind, struct px_bytes head, struct px_bytes body)
{
	if (kind)
		put(out, px_bytes_of(&kind, 1));
	put_be(out, 4 + head.len + body.len, 4);
	put(out, head);
	put(out, body);
}

static bool in_pgsql(struct foreign_rng *r, struct px_bytes value, struct talk *t)
{
	struct px_bytes none = { NULL, 0 };
	struct px_buf row = px_buf_of(1 << 20);

	(void)r;
	put_pgsql(talk_turn(t, CLIENT), 0, PX_BYTES("\0\3\0\0user\0bob\0database\0app\0\0"), none);
	put_pgsql(talk_turn(t, SERVER), 'R', PX_BYTES("\0\0\0\0"), none);
	put_pgsql(talk_turn(t, SERVER), 'Z', PX_BYTES("I"), none);
	put_pgsql(talk_turn(t, CLIENT), 'Q', PX_BYTES("SELECT v FROM t\0"), none);
	put_pgsql(talk_turn(t, SERVER), 'T',
		  PX_BYTES("\0\1v\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0"), none);
	put_be(&row, 1, 2);
	put_be(&row, value.len, 4);
	put(&row, value);
	put_pgsql(talk_turn(t, SERVER), 'D', px_buf_bytes(&row), none);
	put_pgsql(talk_turn(t, SERVER), 'C', PX_BYTES("SELECT 1\0"), none);
	put_pgsql(talk_turn(t, SERVER), 'Z', PX_BYTES("I"), none);
	px_buf_fini(&row);
	return true;
}

/* length 3, number 1, and so many bytes */
static void put_mysql(struct px_buf *out, unsigned int number, struct px_bytes head,
		      struct px_bytes body)
{
	size_t len = head.len + body.len;

	put_be(out, len & 255, 1);
	put_be(out, len >> 8 & 255, 1);
	put_be(out, len >> 16, 1);
	put_be(out, number, 1);
	put(out, head);
	put(out, body);
}

static bool in_mysql(struct foreign_rng *r, struct px_bytes value, struct talk *t)
{
	struct px_bytes none = { NULL, 0 };

	(void)r;
	put_mysql(
		talk_turn(t, SERVER), 0,
		PX_BYTES(
			"\x0a"
			"8.0.36\0\7\0\0\0abcdefgh\0\xff\xf7\x08\2\0\x0f\x80\x15\0\0\0\0\0\0\0\0\0\0"
			"ijklmnopqrst\0mysql_native_password\0"),
		none);
	put_mysql(talk_turn(t, CLIENT), 1,
		  PX_BYTES(
			  "\x85\xa6\x0f\0\0\0\0\1\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
			  "bob\0\0mysql_native_password\0"),
		  none);
	put_mysql(talk_turn(t, SERVER), 2, PX_BYTES("\0\0\0\2\0\0\0"), none);
	put_mysql(talk_turn(t, CLIENT), 0, PX_BYTES("\3INSERT INTO t VALUES ('"), value);
	put_mysql(talk_turn(t, SERVER), 1, PX_BYTES("\0\1\0\2\0\0\0"), none);
	return true;
}

static bool in_dns(struct foreign_rng *r, struct px_bytes value, struct talk *t)
{
	static const char question[] = "\1a\7example\0\0\x10\0\1";
	uint64_t id = foreign_below(r, 65536);
	struct px_buf data = px_buf_of(1 << 20);

	for (size_t at = 0; at < value.len; at += 255) {
		struct px_bytes part = px_bytes_sub(value, at, 255);

		put_be(&data, part.len, 1);
		put(&data, part);
	}
	if (data.len > 60000 || data.len == 0) {
		px_buf_fini(&data);
		return false;
	}
	for (int i = 0; i < 2; i++) {
		enum px_dir side = i ? SERVER : CLIENT;

		size_t len = 12 + sizeof(question) - 1 + (side == SERVER ? 12 + data.len : 0);

		put_be(talk_turn(t, side), len, 2);
		put_be(talk_turn(t, side), id, 2);
		put_be(talk_turn(t, side), side == SERVER ? 0x8180 : 0x0100, 2);
		put_be(talk_turn(t, side), 1, 2);
		put_be(talk_turn(t, side), side == SERVER, 2);
		put_be(talk_turn(t, side), 0, 4);
		put(talk_turn(t, side), px_bytes_of(question, sizeof(question) - 1));
	}
	put(talk_turn(t, SERVER), PX_BYTES("\xc0\x0c\0\x10\0\1\0\0\0\x3c"));
	put_be(talk_turn(t, SERVER), data.len, 2);
	put(talk_turn(t, SERVER), px_buf_bytes(&data));
	px_buf_fini(&data);
	return true;
}

static bool in_mail(struct foreign_rng *r, struct px_bytes value, struct talk *t)
{
	(void)r;
	PRINT(talk_turn(t, SERVER),
	      "220 mail.example ESMTP\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n");
	PRINT(talk_turn(t, CLIENT),
	      "EHLO a.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n"
	      "DATA\r\nSubject: x\r\n\r\n");
	put(talk_turn(t, CLIENT), value);
	PRINT(talk_turn(t, CLIENT), "\r\n.\r\n");
	return true;
}

static bool in_log(struct foreign_rng *r, struct px_bytes value, struct talk *t)
{
	PRINT(talk_turn(t, CLIENT), "2024-03-12T10:00:%02zuZ app[77]: got ", foreign_below(r, 60));
	put(talk_turn(t, CLIENT), value);
	PRINT(talk_turn(t, CLIENT), "\n");
	return true;
}

static bool in_tls(struct foreign_rng *r, struct px_bytes value, struct talk *t)
{
	if (value.len > 16000)
		return false;
	for (int i = 0; i < 2; i++) {
		enum px_dir side = i ? SERVER : CLIENT;

		put(talk_turn(t, side), PX_BYTES("\x17\3\3"));
		put_be(talk_turn(t, side), value.len, 2);
		put(talk_turn(t, side), value);
	}
	(void)r;
	return true;
}

static bool in_length(struct foreign_rng *r, struct px_bytes value, struct talk *t)
{
	size_t width = (size_t)4 << foreign_below(r, 2);

	put_be(talk_turn(t, CLIENT), 0x7e000000 + foreign_below(r, 256), 4);
	put_be(talk_turn(t, CLIENT), value.len, width);
	put(talk_turn(t, CLIENT), value);
	return true;
}

const struct carrier carriers[] = {
	{ "http", in_http_request },
	{ "http", in_http_response },
	{ "redis", in_redis },
	{ "pgsql", in_pgsql },
	{ "mysql", in_mysql },
	{ "dns", in_dns },
	{ NULL, in_mail },
	{ NULL, in_log },
	{ NULL, in_tls },
	{ NULL, in_length },
};
const size_t carrier_count = PX_COUNT(carriers);
