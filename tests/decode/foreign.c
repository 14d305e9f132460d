/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/foreign.h"

#include <stdio.h>
#include <stdlib.h>

uint64_t foreign_random(struct foreign_rng *r)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

size_t foreign_below(struct foreign_rng *r, size_t n)
{
	return n ? (size_t)(foreign_random(r) % n) : 0;
}

static void put(struct px_buf *out, struct px_bytes b)
{
	if (px_buf_append(out, b) != 0)
		abort();
}

static void put_text(struct px_buf *out, const char *s)
{
	put(out, px_bytes_str(s));
}

#define PICK(r, list) ((list)[foreign_below(r, PX_COUNT(list))])

static void put_random(struct foreign_rng *r, struct px_buf *out, size_t n)
{
	while (n > 0) {
		uint64_t v = foreign_random(r);
		size_t m = n < 8 ? n : 8;

		put(out, px_bytes_of(&v, m));
		n -= m;
	}
}

static void put_be(struct px_buf *out, uint64_t v, size_t width)
{
	while (width-- > 0) {
		char c = (char)(v >> 8 * width);

		put(out, px_bytes_of(&c, 1));
	}
}

/* Words that protocols are made of, where people talk about them. */
static void put_word(struct foreign_rng *r, struct px_buf *out)
{
	static const char *const words[] = {
		"the",
		"connection",
		"GET",
		"POST /x HTTP/1.1",
		"HTTP/1.1 200 OK",
		"SELECT 1",
		"PING",
		"+OK",
		"-ERR",
		"*1",
		"$4",
		"user:7",
		"INFO",
		"PUB",
		"and",
		"SET",
		"error",
		"10.0.0.7",
		"404",
		"Q",
		"id=7",
		"SELECT * FROM users WHERE id=7",
		"www.example.com",
		"IN A",
		"XADD",
		"MONITOR",
		"of",
		"a",
		"retry",
		"timeout",
		"{\"a\":1}",
		"INSERT INTO t VALUES (1)",
	};

	put_text(out, PICK(r, words));
}

static void put_sentence(struct foreign_rng *r, struct px_buf *out)
{
	for (size_t n = 1 + foreign_below(r, 10); n > 0; n--) {
		put_word(r, out);
		put_text(out, n > 1 ? " " : "");
	}
}

static void make_noise(struct foreign_rng *r, struct px_buf *out)
{
	put_random(r, out, 1 + foreign_below(r, 1200));
}

/* Few different bytes, as in tables, bitmaps and numbers. */
static void make_dull(struct foreign_rng *r, struct px_buf *out)
{
	static const char *const alphabets[] = {
		"\x00\x01",
		"\x00\x01\x02\x03\x04",
		"\xff\xfe\x01\x02",
		"01",
		"0123456789abcdef",
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=",
		" \t\r\n",
		"\r\n",
		"+-:$*%_#!=(,|>~\r\n0123456789",
		"*$+-0123456789\r\n",
		"QPBDESCHXfdZTK12\x01\x02\x04\x08",
		"\x01\x02\x03\x04\x05\x0a\x10\x81\x80\xc0\x0c",
	};
	const char *a = PICK(r, alphabets);
	size_t size = 1 + strlen(a + 1);

	for (size_t n = 1 + foreign_below(r, 600); n > 0; n--)
		put(out, px_bytes_of(a + foreign_below(r, size), 1));
}

/* Lengths before bytes, in all the usual ways, and one after the other. */
static void make_lengths(struct foreign_rng *r, struct px_buf *out)
{
	size_t width = (size_t)1 << foreign_below(r, 4);
	bool is_little = foreign_below(r, 2), is_counted = foreign_below(r, 2);
	unsigned char tag = (unsigned char)foreign_random(r);

	for (size_t n = 1 + foreign_below(r, 8); n > 0; n--) {
		size_t len = foreign_below(r, 100);
		uint64_t told = is_counted ? len + width : len;

		if (foreign_below(r, 2))
			put(out, px_bytes_of(&tag, 1));
		for (size_t i = 0; is_little && i < width; i++)
			put_be(out, told >> 8 * i & 255, 1);
		if (!is_little)
			put_be(out, told, width);
		if (foreign_below(r, 2)) {
			size_t had = out->len;

			put_sentence(r, out);
			if (out->len > had + len)
				out->len = had + len;
			len -= out->len - had;
		}
		put_random(r, out, len);
	}
}

/* RFC 8446 section 5.1: type, version, length */
static void put_tls_record(struct foreign_rng *r, struct px_buf *out, unsigned int type, size_t len)
{
	put_be(out, type, 1);
	put_be(out, 0x0300 + foreign_below(r, 4), 2);
	put_be(out, len, 2);
}

static void make_tls(struct foreign_rng *r, struct px_buf *out)
{
	if (foreign_below(r, 3)) {
		size_t len = 100 + foreign_below(r, 300);

		put_tls_record(r, out, 22, len);
		put_be(out, foreign_below(r, 2) + 1, 1);
		put_be(out, len - 4, 3);
		put_be(out, 0x0303, 2);
		put_random(r, out, len - 6);
	}
	for (size_t n = 1 + foreign_below(r, 3); n > 0; n--) {
		size_t len = 20 + foreign_below(r, 400);

		put_tls_record(r, out, 20 + (unsigned int)foreign_below(r, 4), len);
		put_random(r, out, len);
	}
}

/* How files begin, and what is in them. */
static void make_file(struct foreign_rng *r, struct px_buf *out)
{
	static const struct px_bytes heads[] = {
		PX_BYTES("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\1\0\0\0\1\0\x08\6\0\0\0"),
		PX_BYTES("\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"),
		PX_BYTES("GIF89a\1\0\1\0\x80\0\0"),
		PX_BYTES("RIFF\x24\x08\0\0WAVEfmt \x10\0\0\0\1\0\2\0"),
		PX_BYTES("\0\0\0\x20"
			 "ftypisom\0\0\2\0isomiso2avc1mp41"),
		PX_BYTES("ID3\4\0\0\0\0\0\x23TSSE\0\0\0\x0f\0\0\3Lavf"),
		PX_BYTES("fLaC\0\0\0\x22\x10\0\x10\0"),
		PX_BYTES("OggS\0\2\0\0\0\0\0\0\0\0"),
		PX_BYTES("\x1a\x45\xdf\xa3\x01\0\0\0\0\0\0\x1f\x42\x86\x81\1webm"),
		PX_BYTES("FLV\1\5\0\0\0\x09\0\0\0\0"),
		PX_BYTES("\x47\x40\0\x10\0\0\xb0\r\0\1\xc1\0\0"), /* MPEG transport stream */
		PX_BYTES("\xff\xfb\x90\x64"),
		PX_BYTES("\x80\x60\x12\x34\0\0\0\x01"), /* RTP */
		PX_BYTES("\x7f"
			 "ELF\2\1\1\0"),
		PX_BYTES("PK\3\4\x14\0\0\0\x08\0"),
		PX_BYTES("\x1f\x8b\x08\0\0\0\0\0\0\3"),
		PX_BYTES("(\xb5/\xfd"),
		PX_BYTES("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<</Type/Catalog>>\nendobj\n"),
		PX_BYTES("SQLite format 3\0\x10\0\1\1\0\x40\x20\x20"),
		PX_BYTES("REDIS0009\xfa\x09redis-ver\x05"
			 "6.0.16\xfa"),
		PX_BYTES("PGDMP\1\x0e\0\4\x08\1\1\1"),
		PX_BYTES("PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0\0\3"),
		PX_BYTES("\xfe"
			 "bin\x12\x34\x56\x78\x0f\1\0\0\0"), /* MySQL's binary log */
		PX_BYTES("\n\r\r\n\x1c\0\0\0\x4d\x3c\x2b\x1a"),
		PX_BYTES("\xd4\xc3\xb2\xa1\2\0\4\0\0\0\0\0\0\0\0\0\0\0\4\0\1\0\0\0"),
		PX_BYTES("<?xml version=\"1.0\"?>\n<html><head>\n"),
		PX_BYTES("#!/bin/sh\nset -e\n"),
		PX_BYTES("-----BEGIN CERTIFICATE-----\nMIIB"),
	};

	put(out, PICK(r, heads));
	put_random(r, out, foreign_below(r, 600));
}

static void make_log(struct foreign_rng *r, struct px_buf *out)
{
	static const char *const lines[] = {
		"127.0.0.1 - - [12/Mar/2024:10:00:00 +0000] \"GET / HTTP/1.1\" 200 612 \"-\" \"curl/8\"",
		"<34>1 2024-03-12T10:00:00Z host app 77 - - ",
		"Mar 12 10:00:00 host sshd[812]: Accepted publickey for bob from 10.0.0.7 port 51234",
		"{\"level\":\"info\",\"msg\":\"GET / HTTP/1.1\",\"status\":200,\"sql\":\"SELECT 1\"}",
		"level=error ts=1710237600 msg=\"WRONGTYPE Operation against a key\" cmd=GET key=user:7",
		"2024-03-12 10:00:00.123 UTC [4711] LOG:  statement: SELECT * FROM users",
		"1710237600.123456 [0 127.0.0.1:51234] \"SET\" \"user:7\" \"bob\"",
		"10:00:00.000 IP 10.0.0.2.53 > 10.0.0.7.4711: 4660 1/0/0 A 192.0.2.1 (43)",
		"	at com.example.Main.main(Main.java:7)",
		"# Time: 2024-03-12T10:00:00Z\n# Query_time: 0.1  Rows_sent: 1\nSELECT SLEEP(1);",
		"--- a/x.c\n+++ b/x.c\n@@ -1,2 +1,2 @@\n-old\n+new",
		"$ ls\n+ echo a\n- item\n* item\n: colon\n1) one",
	};

	for (size_t n = 1 + foreign_below(r, 6); n > 0; n--) {
		put_text(out, PICK(r, lines));
		if (foreign_below(r, 2))
			put_sentence(r, out);
		put_text(out, foreign_below(r, 4) ? "\n" : "\r\n");
	}
}

static void make_mail(struct foreign_rng *r, struct px_buf *out)
{
	static const char *const heads[] = {
		"220 mail.example ESMTP Postfix\r\n250-mail.example\r\n250 SIZE 1000\r\n354 go\r\n",
		"EHLO client.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n",
		"From: a@b.example\r\nTo: c@d.example\r\nSubject: GET / HTTP/1.1\r\n\r\n",
		"* OK [CAPABILITY IMAP4rev1] ready\r\n* 3 EXISTS\r\na1 OK LOGIN completed\r\n",
		"a1 LOGIN bob secret\r\na2 SELECT INBOX\r\na3 FETCH 1:* (FLAGS)\r\n",
		"+OK POP3 ready\r\n+OK 3 1200\r\n-ERR no such message\r\n.\r\n",
		"USER bob\r\nPASS secret\r\nSTAT\r\nRETR 1\r\nQUIT\r\n",
		"From bob@b.example Tue Mar 12 10:00:00 2024\nReceived: from x by y\n\n",
		"QUIT\r\n221 bye\r\n",
	};

	put_text(out, PICK(r, heads));
	for (size_t n = foreign_below(r, 5); n > 0; n--) {
		put_sentence(r, out);
		put_text(out, "\r\n");
	}
	put_text(out, foreign_below(r, 2) ? ".\r\n" : "");
}

/* How conversations of other kinds begin. */
static void make_talk(struct foreign_rng *r, struct px_buf *out)
{
	static const struct px_bytes heads[] = {
		PX_BYTES("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n\0\0\5\xdc\7\x14"),
		PX_BYTES("220 ProFTPD Server ready.\r\n331 Password required\r\n"),
		PX_BYTES("USER anonymous\r\nPASS x\r\nPASV\r\nLIST\r\n"),
		PX_BYTES(":irc.example 001 bob :Welcome\r\nPING :abc\r\n"),
		PX_BYTES("NICK bob\r\nUSER bob 0 * :Bob\r\nJOIN #x\r\n"),
		PX_BYTES("<stream:stream to='a.example' xmlns='jabber:client' version='1.0'>"),
		PX_BYTES("\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\0\x80\0"), /* LDAP */
		PX_BYTES("\x05\x01\x00\x05\x01\x00\x03\x0b"
			 "example.com\x01\xbb"),
		PX_BYTES("\x13"
			 "BitTorrent protocol\0\0\0\0\0\x10\0\5"),
		PX_BYTES("RFB 003.008\n\1\2"),
		PX_BYTES("@RSYNCD: 31.0 sha512 md5\n"),
		PX_BYTES("0032git-upload-pack /x.git\0host=a.example\0"),
		PX_BYTES("\x6c\0\x0b\0\0\0\0\0\0\0\0\0"), /* X11 */
		PX_BYTES("\3\0\0\x13\x0e\xe0\0\0\0\0\0\1\0\x08\0\3\0\0\0"), /* RDP */
		PX_BYTES("\0\0\0\x45\xffSMBr\0\0\0\0\x18\1\x28"),
		PX_BYTES("\0\0\0\x40\xfeSMB\x40\0\1\0"),
		PX_BYTES("\x80\0\0\x28\x12\x34\x56\x78\0\0\0\0\0\0\0\2\0\1\x86\xa0"), /* RPC */
		PX_BYTES("OPTIONS rtsp://a.example/ RTSP/1.0\r\nCSeq: 1\r\n\r\n"),
		PX_BYTES("INVITE sip:b@b.example SIP/2.0\r\nVia: SIP/2.0/TCP a\r\n\r\n"),
		PX_BYTES("\x12\1\0\x34\0\0\0\0\0\0\x15\0\6\1\0\x1b\0\1\2\0\x1c"), /* TDS */
		PX_BYTES("\0\x57\0\0\1\0\0\0\1\x38\1\x2c\0\0\x08\0"), /* Oracle TNS */
		PX_BYTES("\0\0\0\1\x0e\0\0\0\0\0\0\0"),
		PX_BYTES("\x24\0\1\0\x12\x34\x56\x78"), /* STUN and the like */
		PX_BYTES("stats\r\nnot a command\r\n"),
		PX_BYTES("PROXY TCP4 10.0.0.7 10.0.0.2 51234 80\r\n"),
		PX_BYTES("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"),
	};

	put(out, PICK(r, heads));
	if (foreign_below(r, 2))
		put_random(r, out, foreign_below(r, 400));
	else
		put_sentence(r, out);
}

static void make_nats(struct foreign_rng *r, struct px_buf *out)
{
	put_text(out, foreign_below(r, 2) ? "INFO {\"server_id\":\"x\",\"max_payload\":1048576}\r\n"
					  : "CONNECT {\"verbose\":false}\r\nSUB a.b 1\r\nPING\r\n");
	put_text(out, "PUB a.b 5\r\nhello\r\n");
	put_random(r, out, foreign_below(r, 40));
}

static void make_memcached(struct foreign_rng *r, struct px_buf *out)
{
	static const char *const lines[] = {
		"get user:7\r\n",
		"set user:7 0 0 3\r\nbob\r\n",
		"VALUE user:7 0 3\r\nbob\r\nEND\r\n",
		"STORED\r\n",
		"version\r\n",
		"ERROR\r\n",
		"mg user:7 v\r\n",
		"VERSION 1.6.18\r\n",
	};

	for (size_t n = 1 + foreign_below(r, 4); n > 0; n--)
		put_text(out, PICK(r, lines));
}

static void make_amqp(struct foreign_rng *r, struct px_buf *out)
{
	put(out, PX_BYTES("AMQP\0\0\x09\1"));
	put(out, PX_BYTES("\1\0\0\0\0\0\x10\0\x0a\0\x0b\0\0\0\0\0\5PLAIN\0\0\xce"));
	put_random(r, out, foreign_below(r, 100));
}

static void make_mqtt(struct foreign_rng *r, struct px_buf *out)
{
	put(out, PX_BYTES("\x10\x10\0\4MQTT\4\2\0\x3c\0\4"
			  "app1"));
	put(out, PX_BYTES("\x30\x0a\0\3a/bhello"));
	put_random(r, out, foreign_below(r, 60));
}

static void make_mongodb(struct foreign_rng *r, struct px_buf *out)
{
	put(out,
	    PX_BYTES("\x2d\0\0\0\1\0\0\0\0\0\0\0\xdd\7\0\0\0\0\0\0\0\x18\0\0\0\x10ping\0\1\0\0\0"));
	put_random(r, out, foreign_below(r, 100));
}

static void make_kafka(struct foreign_rng *r, struct px_buf *out)
{
	size_t len = 30 + foreign_below(r, 200);

	put_be(out, len, 4);
	put_be(out, foreign_below(r, 60), 2);
	put_be(out, foreign_below(r, 12), 2);
	put_be(out, 1 + foreign_below(r, 100), 4);
	put(out, PX_BYTES("\0\5app-1"));
	put_random(r, out, len - 15);
}

static void make_cql(struct foreign_rng *r, struct px_buf *out)
{
	put(out, PX_BYTES("\4\0\0\0\1\0\0\0\x16\0\1\0\x0b"
			  "CQL_VERSION\0\5"
			  "3.0.0"));
	put_random(r, out, foreign_below(r, 60));
}

static void make_http2(struct foreign_rng *r, struct px_buf *out)
{
	put(out, PX_BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x06\4\0\0\0\0\0\0\3\0\0\0\x64"));
	put_random(r, out, foreign_below(r, 100));
}

const struct foreign_kind foreign_kinds[] = {
	{ "noise", NULL, make_noise },
	{ "dull bytes", NULL, make_dull },
	{ "lengths", NULL, make_lengths },
	{ "tls", "tls", make_tls },
	{ "files and media", NULL, make_file },
	{ "logs", NULL, make_log },
	{ "mail", NULL, make_mail },
	{ "other conversations", NULL, make_talk },
	{ "nats", "nats", make_nats },
	{ "memcached", "memcached", make_memcached },
	{ "amqp", "amqp", make_amqp },
	{ "mqtt", "mqtt", make_mqtt },
	{ "mongodb", "mongodb", make_mongodb },
	{ "kafka", "kafka", make_kafka },
	{ "cql", "cql", make_cql },
	{ "http2", "http2", make_http2 },
};
const size_t foreign_kind_count = PX_COUNT(foreign_kinds);
