/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/sink_text.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sink/sample.h"
#include "sink/text_aside.h"
#include "support/suite.h"

static struct px_record r;
static struct sample_out o;
static struct px_sink *sink;

static void text_open(struct px_text_options options)
{
	o = sample_out_new();
	sink = px_sink_text_new(o.out, &options);
	ck_assert_ptr_nonnull(sink);
}

static void text_close(void)
{
	sink->ops->free(sink);
	sample_out_free(&o);
}

static char *text_of(void)
{
	ck_assert_int_eq(sink->ops->record(sink, &r), 0);
	return sample_out_take(&o, NULL);
}

/* r as the options have it is this text. */
static void check_text(struct px_text_options options, const char *want)
{
	char *text;

	text_open(options);
	text = text_of();
	ck_assert_str_eq(text, want);
	free(text);
	text_close();
}

/* A zone with an odd offset, so that local time is not UTC by accident. */
static void text_zone(void)
{
	setenv("TZ", "XYZ-5:30", 1);
	tzset();
}

/* --- the lines of the reference, as far as http and connections go --- */

static void make_first(void)
{
	sample_message(&r);
}

static void make_tls_client(void)
{
	sample_message(&r);
	px_record_time(&r, SAMPLE_TS + 1544000);
	px_record_str(&r, PX_F_COMM, PX_BYTES("app"));
	px_record_int(&r, PX_F_PID, 77);
	px_record_str(&r, PX_F_ROLE, PX_BYTES("client"));
	px_record_int(&r, PX_F_LOCAL_PORT, 40112);
	px_record_str(&r, PX_F_REMOTE_ADDR, PX_BYTES("93.184.216.34"));
	px_record_int(&r, PX_F_REMOTE_PORT, 443);
	px_record_bool(&r, PX_F_TLS, true);
	px_record_str(&r, PX_F_PROTO, PX_BYTES("http2"));
	px_record_str(&r, PX_F_STATUS, PX_BYTES("503"));
	px_record_bool(&r, PX_F_OK, false);
	px_record_int(&r, PX_F_LATENCY_NS, 204118000);
	px_record_put_int(&r, SF_REQ_BYTES, 310);
	px_record_put_int(&r, SF_RESP_BYTES, 95);
	r.summary = PX_BYTES("POST https://pay.example/charge");
}

static void make_unix(void)
{
	make_tls_client();
	px_record_bool(&r, PX_F_TLS, false);
	px_record_str(&r, PX_F_NET, PX_BYTES("unix"));
	px_record_str(&r, PX_F_LOCAL_ADDR, PX_BYTES(""));
	px_record_int(&r, PX_F_LOCAL_PORT, 0);
	px_record_str(&r, PX_F_REMOTE_ADDR, PX_BYTES("/run/redis.sock"));
	px_record_int(&r, PX_F_REMOTE_PORT, 0);
	px_record_str(&r, PX_F_PROTO, PX_BYTES("redis"));
	px_record_str(&r, PX_F_STATUS, PX_BYTES("OK"));
	px_record_bool(&r, PX_F_OK, true);
	px_record_int(&r, PX_F_LATENCY_NS, 85000);
	px_record_put_int(&r, SF_REQ_BYTES, 34);
	px_record_put_int(&r, SF_RESP_BYTES, 9);
	r.summary = PX_BYTES("GET user:7 = \"bob\"");
}

static void make_abstract(void)
{
	make_unix();
	px_record_str(&r, PX_F_ROLE, PX_BYTES("server"));
	px_record_str(&r, PX_F_LOCAL_ADDR, PX_BYTES("@a b"));
	px_record_str(&r, PX_F_REMOTE_ADDR, PX_BYTES(""));
}

static void make_one_way(void)
{
	make_tls_client();
	px_record_bool(&r, PX_F_TLS, false);
	px_record_str(&r, PX_F_PROTO, PX_BYTES("nats"));
	px_record_str(&r, PX_F_STATUS, PX_BYTES("-"));
	px_record_null(&r, PX_F_LATENCY_NS);
	px_record_put_int(&r, SF_REQ_BYTES, 42);
	r.has_resp = false;
	r.summary = PX_BYTES("PUB orders.new 22B");
}

static void make_v6(void)
{
	sample_message(&r);
	px_record_str(&r, PX_F_LOCAL_ADDR, PX_BYTES("::1"));
	px_record_str(&r, PX_F_REMOTE_ADDR, PX_BYTES("fe80::1%eth0"));
}

static void make_noreply_joined(void)
{
	sample_message(&r);
	px_record_flags(&r, PX_FLAG_NOREPLY | PX_FLAG_MID_STREAM | PX_FLAG_GAP);
	px_record_null(&r, PX_F_LATENCY_NS);
	px_record_str(&r, PX_F_STATUS, PX_BYTES("NOREPLY"));
	r.has_resp = false;
}

static void make_joined_with_gap(void)
{
	sample_message(&r);
	px_record_flags(&r, PX_FLAG_MID_STREAM | PX_FLAG_GAP);
}

static void make_no_process(void)
{
	sample_message(&r);
	r.has_common &=
		~((uint64_t)1 << PX_F_PID | (uint64_t)1 << PX_F_COMM | (uint64_t)1 << PX_F_ROLE);
}

static void make_unknowns(void)
{
	px_record_clear(&r, PX_RECORD_MESSAGE);
	px_record_time(&r, SAMPLE_TS);
	px_record_str(&r, PX_F_PROTO, PX_BYTES("http"));
	r.fields = sample_fields;
	r.has_req = r.has_resp = true;
}

static void make_comm_with_blanks(void)
{
	sample_message(&r);
	px_record_str(&r, PX_F_COMM, PX_BYTES("Web Content\x1b["));
	px_record_str(&r, PX_F_STATUS, PX_BYTES("no responders"));
}

static void make_rounding(void)
{
	sample_message(&r);
	px_record_int(&r, PX_F_LATENCY_NS, 999999500);
	px_record_put_int(&r, SF_RESP_BYTES, INT64_C(52428800123));
}

static void make_close(void)
{
	sample_close(&r);
	px_record_str(&r, PX_F_COMM, PX_BYTES("app"));
	px_record_int(&r, PX_F_PID, 77);
	px_record_str(&r, PX_F_ROLE, PX_BYTES("client"));
	px_record_int(&r, PX_F_LOCAL_PORT, 40112);
	px_record_str(&r, PX_F_REMOTE_ADDR, PX_BYTES("93.184.216.34"));
	px_record_int(&r, PX_F_REMOTE_PORT, 443);
	px_record_int(&r, PX_F_BYTES_SENT, 12040);
	px_record_int(&r, PX_F_BYTES_RECEIVED, 998212);
}

static void make_close_server(void)
{
	sample_close(&r);
	px_record_int(&r, PX_F_LOST_BYTES, 4096);
}

static void make_open(void)
{
	px_record_clear(&r, PX_RECORD_OPEN);
	sample_conn(&r);
	px_record_str(&r, PX_F_ROLE, PX_BYTES("client"));
	px_record_int(&r, PX_F_CONNECT_NS, 312000);
	px_record_null(&r, PX_F_ERROR);
}

static void make_open_failed(void)
{
	make_open();
	px_record_null(&r, PX_F_CONNECT_NS);
	px_record_bool(&r, PX_F_OK, false);
	px_record_str(&r, PX_F_ERROR, PX_BYTES("Connection refused"));
}

static const struct {
	void (*make)(void);
	const char *line;
} line_cases[] = {
	{ make_first,
	  "12:38:09.123456 nginx[4242] 10.0.0.2:80 <- 10.0.0.7:51234 http 200 1.230ms 78/512 "
	  "GET http://api.example/v1/users?id=7\n" },
	{ make_tls_client,
	  "12:38:09.125000 app[77] 10.0.0.2:40112 -> 93.184.216.34:443 http2+tls 503 204.118ms 310/95 "
	  "POST https://pay.example/charge\n" },
	{ make_unix,
	  "12:38:09.125000 app[77] unix -> unix:/run/redis.sock redis OK 0.085ms 34/9 GET user:7 = \"bob\"\n" },
	{ make_abstract,
	  "12:38:09.125000 app[77] unix:@a_b <- unix redis OK 0.085ms 34/9 GET user:7 = \"bob\"\n" },
	{ make_one_way,
	  "12:38:09.125000 app[77] 10.0.0.2:40112 -> 93.184.216.34:443 nats - - 42/0 PUB orders.new 22B\n" },
	{ make_v6,
	  "12:38:09.123456 nginx[4242] [::1]:80 <- [fe80::1%eth0]:51234 http 200 1.230ms 78/512 "
	  "GET http://api.example/v1/users?id=7\n" },
	{ make_noreply_joined,
	  "12:38:09.123456 nginx[4242] 10.0.0.2:80 <- 10.0.0.7:51234 http NOREPLY - ~78/0 "
	  "GET http://api.example/v1/users?id=7 !gap\n" },
	{ make_joined_with_gap,
	  "12:38:09.123456 nginx[4242] 10.0.0.2:80 <- 10.0.0.7:51234 http 200 ~1.230ms ~78/512 "
	  "GET http://api.example/v1/users?id=7 !gap\n" },
	{ make_no_process, "12:38:09.123456 - 10.0.0.2:80 - 10.0.0.7:51234 http 200 1.230ms 78/512 "
			   "GET http://api.example/v1/users?id=7\n" },
	{ make_unknowns, "12:38:09.123456 - - - - http - - -/- -\n" },
	{ make_comm_with_blanks,
	  "12:38:09.123456 Web_Content\\x1b[[4242] 10.0.0.2:80 <- 10.0.0.7:51234 http "
	  "no_responders 1.230ms 78/512 GET http://api.example/v1/users?id=7\n" },
	{ make_rounding,
	  "12:38:09.123456 nginx[4242] 10.0.0.2:80 <- 10.0.0.7:51234 http 200 1000.000ms 78/52428800123 "
	  "GET http://api.example/v1/users?id=7\n" },
	{ make_close,
	  "12:38:09.123456 app[77] 10.0.0.2:40112 -> 93.184.216.34:443 conn close 3200.000ms 12040/998212 "
	  "reqs=10 err=1\n" },
	{ make_close_server,
	  "12:38:09.123456 nginx[4242] 10.0.0.2:80 <- 10.0.0.7:51234 conn close 3200.000ms "
	  "12040/998212 reqs=10 err=1 lost=4096\n" },
	{ make_open,
	  "12:38:09.123456 nginx[4242] 10.0.0.2:80 -> 10.0.0.7:51234 conn open 0.312ms - -\n" },
	{ make_open_failed,
	  "12:38:09.123456 nginx[4242] 10.0.0.2:80 -> 10.0.0.7:51234 conn open - - Connection refused\n" },
};

START_TEST(line)
{
	text_zone();
	line_cases[_i].make();
	check_text((struct px_text_options){ .width = 0 }, line_cases[_i].line);
}
END_TEST

/* --- widths --- */

static const struct {
	unsigned int width;
	bool wide;
	const char *line;
} width_cases[] = {
	{ 80, false,
	  "12:38:09.123456 nginx[4242] <- 10.0.0.7:51234 http 200 1.230ms GET …/v1/users?i…\n" },
	{ 89, false,
	  "12:38:09.123456 nginx[4242] <- 10.0.0.7:51234 http 200 1.230ms GET …/v1/users?id=7\n" },
	{ 90, false,
	  "12:38:09.123456 nginx[4242] <- 10.0.0.7:51234 http 200 1.230ms 78/512 GET …/v1/users?id=7\n" },
	{ 119, false,
	  "12:38:09.123456 nginx[4242] <- 10.0.0.7:51234 http 200 1.230ms 78/512 "
	  "GET http://api.example/v1/users?id=7\n" },
	{ 120, false,
	  "12:38:09.123456 nginx[4242] 10.0.0.2:80 <- 10.0.0.7:51234 http 200 1.230ms 78/512 "
	  "GET http://api.example/v1/users?id=7\n" },
	{ 118, false,
	  "12:38:09.123456 nginx[4242] <- 10.0.0.7:51234 http 200 1.230ms 78/512 "
	  "GET http://api.example/v1/users?id=7\n" },
	{ 106, false,
	  "12:38:09.123456 nginx[4242] <- 10.0.0.7:51234 http 200 1.230ms 78/512 "
	  "GET http://api.example/v1/users?id=7\n" },
	{ 105, false,
	  "12:38:09.123456 nginx[4242] <- 10.0.0.7:51234 http 200 1.230ms 78/512 "
	  "GET …/v1/users?id=7\n" },
	{ 200, false,
	  "12:38:09.123456 nginx[4242] 10.0.0.2:80 <- 10.0.0.7:51234 http 200 1.230ms 78/512 "
	  "GET http://api.example/v1/users?id=7\n" },
	{ 80, true,
	  "12:38:09.123456 nginx[4242] 10.0.0.2:80 <- 10.0.0.7:51234 http 200 1.230ms 78/512 "
	  "GET http://api.example/v1/users?id=7\n" },
	{ 30, false, "12:38:09.123456 nginx[4242] <- 10.0.0.7:51234 http 200 1.230ms GET …/v…\n" },
};

START_TEST(width)
{
	text_zone();
	make_first();
	check_text((struct px_text_options){ .width = width_cases[_i].width,
					     .wide = width_cases[_i].wide },
		   width_cases[_i].line);
}
END_TEST

/* Which part of a URL goes first where there is room for 16 columns. */
static const struct {
	const char *summary, *shown;
} cut_cases[] = {
	{ "GET http://h/path", "GET …/path" },
	{ "GET http://h/p?q=123", "GET …/p?q=123" },
	{ "GET http://host/a/long/path", "GET …/a/long/pa…" },
	{ "GET http://host.example", "GET http://host…" },
	{ "CONNECT host.example:443", "CONNECT host.ex…" },
	{ "GET /to?url=http://a/b", "GET /to?url=htt…" },
	{ "GET ://host.example/a", "GET ://host.exa…" },
	{ "http://host.example/a", "http://host.exa…" },
	{ "PUBLISH http://h x/y and more", "PUBLISH http://…" },
	{ "OPTIONSOPTIONS http://h/p", "OPTIONSOPTIONS …" },
	{ "GET http://h/\n\n\n\n\n\n\n\n\n\n", "GET …/\\n\\n\\n\\n…" },
};

START_TEST(host_is_cut_first)
{
	char want[200];

	text_zone();
	make_first();
	r.summary = px_bytes_str(cut_cases[_i].summary);
	snprintf(want, sizeof(want),
		 "12:38:09.123456 nginx[4242] <- 10.0.0.7:51234 http 200 1.230ms %s\n",
		 cut_cases[_i].shown);
	check_text((struct px_text_options){ .width = 79 }, want);
}
END_TEST

START_TEST(width_changes)
{
	char *text;

	text_zone();
	make_first();
	text_open((struct px_text_options){ .width = 200 });
	text = text_of();
	ck_assert_ptr_null(strstr(text, "…"));
	free(text);
	px_sink_text_set_width(sink, 80);
	text = text_of();
	ck_assert_str_eq(text, width_cases[0].line);
	free(text);
	text_close();
}
END_TEST

START_TEST(gap_is_never_cut_off)
{
	text_zone();
	make_joined_with_gap();
	check_text(
		(struct px_text_options){ .width = 80 },
		"12:38:09.123456 nginx[4242] <- 10.0.0.7:51234 http 200 ~1.230ms GET …/v1/u… !gap\n");
}
END_TEST

START_TEST(piped_summary_is_cut_at_512)
{
	static char summary[2000];
	char *text, *s;

	memset(summary, 'x', sizeof(summary));
	sample_message(&r);
	r.summary = px_bytes_of(summary, 512);
	text_open((struct px_text_options){ .width = 0 });
	text = text_of();
	s = strstr(text, "78/512 ") + 7;
	ck_assert_uint_eq(strlen(s), 512 + 1);
	ck_assert_ptr_null(strstr(s, "…"));
	free(text);
	r.summary = px_bytes_of(summary, 513);
	text = text_of();
	s = strstr(text, "78/512 ") + 7;
	ck_assert_uint_eq(strlen(s), 512 + 1);
	ck_assert_str_eq(s + 509, "…\n");
	free(text);
	text_close();
	text_open((struct px_text_options){ .wide = true });
	r.summary = px_bytes_of(summary, sizeof(summary));
	text = text_of();
	ck_assert_uint_eq(strlen(strstr(text, "78/512 ") + 7), sizeof(summary) + 1);
	free(text);
	text_close();
}
END_TEST

/* --- time styles --- */

START_TEST(time_styles)
{
	static const struct {
		enum px_time_style style;
		const char *first, *second;	/* the first record, and one that began 1.5 ms before it */
	} cases[] = {
		{ PX_TIME_CLOCK, "12:38:09.123456 nginx", "12:38:09.121956 nginx" },
		{ PX_TIME_NONE, "nginx", "nginx" },
		{ PX_TIME_EPOCH, "1714979289.123456 nginx", "1714979289.121956 nginx" },
		{ PX_TIME_DELTA, "00:00:00.000000 nginx", "-00:00:00.001500 nginx" },
		{ PX_TIME_DATE, "2024-05-06T12:38:09.123456 nginx",
		  "2024-05-06T12:38:09.121956 nginx" },
		{ PX_TIME_SINCE_FIRST, "00:00:00.000000 nginx", "-00:00:00.001500 nginx" },
	};
	char *text;

	text_zone();
	for (size_t i = 0; i < PX_COUNT(cases); i++) {
		text_open((struct px_text_options){ .time_style = cases[i].style });
		sample_message(&r);
		text = text_of();
		ck_assert_msg(strncmp(text, cases[i].first, strlen(cases[i].first)) == 0, "%s",
			      text);
		free(text);
		px_record_time(&r, SAMPLE_TS - 1500000);
		text = text_of();
		ck_assert_msg(strncmp(text, cases[i].second, strlen(cases[i].second)) == 0, "%s",
			      text);
		free(text);
		text_close();
	}
}
END_TEST

START_TEST(spans_of_two_kinds)
{
	char *text;

	text_open((struct px_text_options){ .time_style = PX_TIME_DELTA });
	sample_message(&r);
	free(text_of());
	px_record_time(&r, SAMPLE_TS + INT64_C(3723000042000));
	text = text_of();
	ck_assert_msg(strncmp(text, "01:02:03.000042 ", 16) == 0, "%s", text);
	free(text);
	px_record_time(&r, SAMPLE_TS + INT64_C(3723000043000));
	text = text_of();
	ck_assert_msg(strncmp(text, "00:00:00.000001 ", 16) == 0, "%s", text);
	free(text);
	text_close();
}
END_TEST

START_TEST(midnight)
{
	char *text;

	setenv("TZ", "UTC", 1);
	tzset();
	text_open((struct px_text_options){ .time_style = PX_TIME_DATE });
	sample_message(&r);
	px_record_time(&r, INT64_C(1709251199999999999));
	text = text_of();
	ck_assert_msg(strncmp(text, "2024-02-29T23:59:59.999999 ", 27) == 0, "%s", text);
	free(text);
	px_record_time(&r, INT64_C(1709251200000000000));
	text = text_of();
	ck_assert_msg(strncmp(text, "2024-03-01T00:00:00.000000 ", 27) == 0, "%s", text);
	free(text);
	text_close();
}
END_TEST

/* --- colours --- */

#define DIM "\033[2m"
#define RED "\033[31m"
#define GREEN "\033[32m"
#define YELLOW "\033[33m"
#define CYAN "\033[36m"
#define PLAIN "\033[0m"

static const struct {
	const char *status;
	bool ok;
	const char *shown;
} colour_cases[] = {
	{ "200", true, GREEN "200" PLAIN },
	{ "101", true, CYAN "101" PLAIN },
	{ "304", true, CYAN "304" PLAIN },
	{ "404", false, YELLOW "404" PLAIN },
	{ "503", false, RED "503" PLAIN },
	{ "OK", true, GREEN "OK" PLAIN },
	{ "NOREPLY", false, RED "NOREPLY" PLAIN },
	{ "NXDOMAIN", false, RED "NXDOMAIN" PLAIN },
	{ "-", true, "-" },
};

START_TEST(colour)
{
	char *text;
	char want[64];

	text_zone();
	sample_message(&r);
	px_record_str(&r, PX_F_STATUS, px_bytes_str(colour_cases[_i].status));
	px_record_bool(&r, PX_F_OK, colour_cases[_i].ok);
	text_open((struct px_text_options){ .width = 200, .colour = true });
	text = text_of();
	snprintf(want, sizeof(want), " http %s 1.230ms", colour_cases[_i].shown);
	ck_assert_msg(strstr(text, want) != NULL, "%s", text);
	ck_assert(strncmp(text, DIM "12:38:09.123456" PLAIN " " CYAN "nginx" PLAIN "[4242] ", 41) ==
		  0);
	free(text);
	text_close();
}
END_TEST

START_TEST(slow)
{
	sample_message(&r);
	text_zone();
	check_text((struct px_text_options){ .width = 80, .colour = true, .slow_ns = 1229999 },
		   DIM "12:38:09.123456" PLAIN " " CYAN "nginx" PLAIN
		       "[4242] <- 10.0.0.7:51234 http " GREEN "200" PLAIN " " RED "1.230ms" PLAIN
		       " GET …/v1/users?i…\n");
	check_text((struct px_text_options){ .width = 80, .colour = true, .slow_ns = 1230000 },
		   DIM "12:38:09.123456" PLAIN " " CYAN "nginx" PLAIN
		       "[4242] <- 10.0.0.7:51234 http " GREEN "200" PLAIN
		       " 1.230ms GET …/v1/users?i…\n");
}
END_TEST

/* --- what is no line of data --- */

START_TEST(only_data_on_the_output)
{
	static const enum px_record_type types[] = { PX_RECORD_START, PX_RECORD_LOST,
						     PX_RECORD_NOTE, PX_RECORD_STOP };
	size_t len;
	char *text;

	text_open((struct px_text_options){ .width = 80 });
	for (size_t i = 0; i < PX_COUNT(types); i++) {
		px_record_clear(&r, types[i]);
		px_record_int(&r, PX_F_EVENTS, 3);
		px_record_str(&r, PX_F_TEXT, PX_BYTES("nothing was sent"));
		px_record_str(&r, PX_F_WHERE, PX_BYTES("ring"));
		ck_assert_int_eq(sink->ops->record(sink, &r), 0);
	}
	text = sample_out_take(&o, &len);
	ck_assert_uint_eq(len, 0);
	free(text);
	text_close();
}
END_TEST

/* What px_log() is told is written to descriptor 2. */
START_TEST(asides_go_to_stderr)
{
	int saved = dup(STDERR_FILENO), fd = memfd_create("err", MFD_CLOEXEC);
	char text[512] = "";

	dup2(fd, STDERR_FILENO);
	px_record_clear(&r, PX_RECORD_LOST);
	px_record_int(&r, PX_F_EVENTS, 1);
	px_record_int(&r, PX_F_BYTES, 4096);
	px_record_str(&r, PX_F_WHERE, PX_BYTES("ring"));
	px_text_aside(&r);
	px_record_null(&r, PX_F_BYTES);
	px_record_int(&r, PX_F_EVENTS, 12);
	px_record_str(&r, PX_F_CONN, PX_BYTES("3f2a"));
	px_text_aside(&r);
	px_record_clear(&r, PX_RECORD_NOTE);
	px_record_str(&r, PX_F_TEXT, PX_BYTES("only UNIX sockets so far"));
	px_text_aside(&r);
	dup2(saved, STDERR_FILENO);
	ck_assert_int_gt(pread(fd, text, sizeof(text) - 1, 0), 0);
	ck_assert_str_eq(text, "pxtrace: lost: 1 event, 4096 bytes (ring)\n"
			       "pxtrace: lost: 12 events (ring) of connection 3f2a\n"
			       "pxtrace: only UNIX sockets so far\n");
	close(saved);
	close(fd);
}
END_TEST

static const struct {
	struct px_text_totals totals;
	const char *line;
} totals_cases[] = {
	{ { 1532, 12, 14, 3, 0, 0, 3, INT64_C(42149999999) },
	  "1532 messages, 12 errors, 14 connections (3 seen from the start), 0 events lost, 3 streams not understood, 42.1 s" },
	{ { 1, 1, 1, 1, 1, 1, 1, 0 },
	  "1 message, 1 error, 1 connection (1 seen from the start), 1 event lost, 1 byte lost, 1 stream not understood, "
	  "0.0 s" },
};

START_TEST(totals)
{
	struct px_buf b = px_buf_of(1024);

	ck_assert_int_eq(px_text_totals_print(&b, &totals_cases[_i].totals), 0);
	ck_assert_int_eq(px_buf_append(&b, PX_BYTES("\0")), 0);
	ck_assert_str_eq(b.ptr, totals_cases[_i].line);
	px_buf_fini(&b);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sink_text");
	TCase *tc = tcase_create("text");

	tcase_add_loop_test(tc, line, 0, PX_COUNT(line_cases));
	tcase_add_loop_test(tc, width, 0, PX_COUNT(width_cases));
	tcase_add_loop_test(tc, host_is_cut_first, 0, PX_COUNT(cut_cases));
	tcase_add_test(tc, width_changes);
	tcase_add_test(tc, gap_is_never_cut_off);
	tcase_add_test(tc, piped_summary_is_cut_at_512);
	tcase_add_test(tc, time_styles);
	tcase_add_test(tc, spans_of_two_kinds);
	tcase_add_test(tc, midnight);
	tcase_add_loop_test(tc, colour, 0, PX_COUNT(colour_cases));
	tcase_add_test(tc, slow);
	tcase_add_test(tc, only_data_on_the_output);
	tcase_add_test(tc, asides_go_to_stderr);
	tcase_add_loop_test(tc, totals, 0, PX_COUNT(totals_cases));
	suite_add_tcase(s, tc);
	return px_suite_run(s);
}
