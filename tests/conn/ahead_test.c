/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients that send ahead, of every protocol that pairs in order: requests and answers take turns,
 * any number of answers behind, or go as chance has it. We join before any event and leave behind
 * any; what is a pair then was one. Of a client that waits, nothing is lost by that caution.
 * PX_RUNS in the environment: how many orders by chance.
 */
#include "conn/talk.h"

#include "support/suite.h"

#include <stdarg.h>
#include <stdlib.h>

#define EXCHANGES 24
#define LAGS 6
#define WALKS 24
#define BYTES_MAX (1 << 14)
#define FIRST_POS 5000

/* What goes one way, and where each message ends. */
struct side {
	char bytes[BYTES_MAX];
	size_t len;
	size_t end[EXCHANGES];
};

static struct side sides[2]; /* requests, answers */
static unsigned char order[EXCHANGES * 2]; /* of which side each event is */
static struct {
	unsigned int pairs, executed;
} found;
static unsigned int seed;
static char how[EXCHANGES * 2 + 64]; /* what is played, for who reads of a failure */

static void put(struct side *s, const void *bytes, size_t len)
{
	ck_assert_uint_le(s->len + len, sizeof(s->bytes));
	memcpy(s->bytes + s->len, bytes, len);
	s->len += len;
}

static void put_text(struct side *s, const char *fmt, ...) PX_PRINTF(2, 3);

static void put_text(struct side *s, const char *fmt, ...)
{
	char text[256];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	put(s, text, (size_t)n);
}

/* --- an exchange of each protocol --- */

static void exchange_http(struct side *ask, struct side *say, unsigned int i, unsigned int kind)
{
	put_text(ask, "%s /%u HTTP/1.1\r\nHost: h\r\n\r\n", kind == 0 ? "HEAD" : "GET", i);
	if (kind == 1)
		put_text(say, "HTTP/1.1 304 Not Modified\r\n\r\n");
	else
		put_text(say, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n%s",
			 kind == 0 ? "" : "body");
}

static void exchange_redis(struct side *ask, struct side *say, unsigned int i, unsigned int kind)
{
	switch (kind) {
	case 0:
		put_text(ask, "*1\r\n$4\r\nPING\r\n");
		put_text(say, "+PONG\r\n");
		break;
	case 1:
		put_text(ask, "*3\r\n$4\r\nMGET\r\n$3\r\nk%02u\r\n$1\r\nx\r\n", i);
		put_text(say, "*2\r\n$3\r\nv%02u\r\n$-1\r\n", i);
		break;
	case 2:
		put_text(ask, "*2\r\n$4\r\nINCR\r\n$3\r\nk%02u\r\n", i);
		put_text(say, "-WRONGTYPE not a number\r\n");
		break;
	default:
		put_text(ask, "*2\r\n$3\r\nGET\r\n$3\r\nk%02u\r\n", i);
		put_text(say, "$3\r\nv%02u\r\n", i);
	}
}

/* type 0: none, as the first message of a connection. */
static void put_pgsql(struct side *s, char type, const char *body, size_t len)
{
	const char head[] = { type, 0, 0, (char)((len + 4) >> 8), (char)(len + 4) };

	put(s, head, sizeof(head));
	put(s, body, len);
}

static void exchange_pgsql(struct side *ask, struct side *say, unsigned int i, unsigned int kind)
{
	static const char column[] = "\0\1a\0\0\0\0\0\0\0\0\0\0\x17\0\4\xff\xff\xff\xff\0";
	char text[64];
	size_t len;

	if (kind == 0) { /* the extended protocol, in one go */
		len = (size_t)snprintf(text, sizeof(text), "%cSELECT %u%c%c", 0, i, 0, 0) + 1;
		put_pgsql(ask, 'P', text, len);
		put_pgsql(ask, 'B', "\0\0\0\0\0\0\0\0", 8);
		put_pgsql(ask, 'D', "P", 2);
		put_pgsql(ask, 'E', "\0\0\0\0\0", 5);
		put_pgsql(ask, 'S', "", 0);
		put_pgsql(say, '1', "", 0);
		put_pgsql(say, '2', "", 0);
	} else {
		len = (size_t)snprintf(text, sizeof(text), "%s %u",
				       kind == 1 ? "DELETE FROM t WHERE a =" : "SELECT", i) +
		      1;
		put_pgsql(ask, 'Q', text, len);
	}
	if (kind == 1) {
		put_pgsql(say, 'C', "DELETE 1", 9);
	} else if (kind == 2) {
		put_pgsql(say, 'E', "SERROR\0C22012\0Mno\0", 19);
	} else {
		put_pgsql(say, 'T', column, sizeof(column));
		put_pgsql(say, 'D',
			  "\0\1\0\0\0\1"
			  "7",
			  7);
		put_pgsql(say, 'C', "SELECT 1", 9);
	}
	put_pgsql(say, 'Z', "I", 1);
}

static void put_mysql(struct side *s, unsigned int number, const char *body, size_t len)
{
	const char head[] = { (char)len, 0, 0, (char)number };

	put(s, head, sizeof(head));
	put(s, body, len);
}

/* The statement that has the id N is DO N. */
static void exchange_mysql(struct side *ask, struct side *say, unsigned int i, unsigned int kind)
{
	static const char ok[] = { 0, 1, 0, 2, 0, 0, 0 };
	char text[64];
	int len;

	switch (kind) {
	case 0:
		len = snprintf(text, sizeof(text),
			       "\x16"
			       "DO %u",
			       i);
		put_mysql(ask, 0, text, (size_t)len);
		put_mysql(say, 1, (const char[]){ 0, (char)i, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }, 12);
		break;
	case 1: /* of which the answer has come, however far ahead it sends */
		i = i > LAGS ? i - LAGS : 0;
		put_mysql(ask, 0, (const char[]){ 0x17, (char)i, 0, 0, 0, 0, 1, 0, 0, 0 }, 10);
		put_mysql(say, 1, ok, sizeof(ok));
		break;
	case 2:
		len = snprintf(text, sizeof(text), "\3SELECT a FROM t%u", i);
		put_mysql(ask, 0, text, (size_t)len);
		put_mysql(say, 1, "\1", 1);
		put_mysql(say, 2, "\3def\2db\1t\1t\1a\1a\x0c?\0\x0b\0\0\0\3\0\0\0\0", 28);
		put_mysql(say, 3, "\xfe\0\0\2", 5);
		put_mysql(say, 4,
			  "\1"
			  "7",
			  2);
		put_mysql(say, 5, "\xfe\0\0\2", 5);
		break;
	default:
		len = snprintf(text, sizeof(text), "\3INSERT INTO t VALUES (%u)", i);
		put_mysql(ask, 0, text, (size_t)len);
		put_mysql(say, 1, ok, sizeof(ok));
	}
}

static const struct {
	const char *name;
	void (*put)(struct side *ask, struct side *say, unsigned int i, unsigned int kind);
} protocols[] = {
	{ "http", exchange_http },
	{ "redis", exchange_redis },
	{ "pgsql", exchange_pgsql },
	{ "mysql", exchange_mysql },
};

/* is_same: all of one kind, so that contents prove nothing. */
static void make_messages(int protocol, bool is_same)
{
	unsigned int kind = (unsigned int)rand_r(&seed) % 4;

	sides[0].len = sides[1].len = 0;
	for (unsigned int i = 0; i < EXCHANGES; i++) {
		if (!is_same)
			kind = (unsigned int)rand_r(&seed) % 4;
		protocols[protocol].put(&sides[0], &sides[1], i, kind);
		sides[0].end[i] = sides[0].len;
		sides[1].end[i] = sides[1].len;
	}
}

/* --- their order --- */

/* Turns, `lag` answers behind. */
static void order_turns(unsigned int lag)
{
	unsigned int count[2] = { 0, 0 };

	for (size_t i = 0; i < sizeof(order); i++) {
		bool asks = count[0] < EXCHANGES && count[0] <= count[1] + lag;

		order[i] = !asks;
		count[order[i]]++;
	}
}

static void order_walk(void)
{
	unsigned int count[2] = { 0, 0 };

	for (size_t i = 0; i < sizeof(order); i++) {
		bool may_ask = count[0] < EXCHANGES && count[0] - count[1] < LAGS,
		     may_say = count[1] < count[0];

		order[i] = may_say && (!may_ask || rand_r(&seed) % 2);
		count[order[i]]++;
	}
}

/* --- what is made of it --- */

static int index_of(const struct side *s, uint64_t at)
{
	int i = 0;

	while (i < EXCHANGES && at - FIRST_POS >= s->end[i])
		i++;
	return i;
}

static struct px_value *value_of(struct px_record *rec, const char *name)
{
	for (unsigned int f = 0; rec->fields[f].type != PX_TYPE_NONE; f++)
		if (strcmp(rec->fields[f].name, name) == 0 && rec->fields[f].side == PX_SIDE_REQ)
			return rec->has_proto >> f & 1 ? &rec->proto[f] : NULL;
	return NULL;
}

/* Is a statement's text that of the one with this id, in a pair and alone? */
static void check_text(const struct px_exchange *ex)
{
	static struct px_record rec;
	struct px_arena_pool pool;
	struct px_arena arena;
	const struct px_value *id, *sql;
	char want[16];

	px_arena_pool_init(&pool, 1 << 20);
	px_arena_init(&arena, &pool, 1 << 20);
	rec.arena = &arena;
	px_record_clear(&rec, PX_RECORD_MESSAGE);
	rec.fields = ex->parser->fields;
	rec.has_req = ex->request != NULL;
	rec.has_resp = ex->response != NULL;
	ex->parser->describe(ex, &rec);
	id = value_of(&rec, "stmt_id");
	sql = value_of(&rec, "sql");
	if (id && sql) {
		snprintf(want, sizeof(want), "DO %lld", (long long)id->i);
		ck_assert_msg(px_bytes_eq(sql->s, px_bytes_str(want)), "statement %lld is %.*s",
			      (long long)id->i, (int)sql->s.len, sql->s.ptr);
		found.executed++;
	}
	px_arena_reset(&arena);
	px_arena_pool_fini(&pool);
}

static void on_pair(void *ctx, struct px_conn *c, const struct px_exchange *ex)
{
	(void)ctx;
	(void)c;
	if (ex->request && strcmp(ex->parser->name, "mysql") == 0)
		check_text(ex);
	if (!ex->request || !ex->response)
		return;
	found.pairs++;
	ck_assert_msg(index_of(&sides[0], (uint32_t)ex->request->first.pos) ==
			      index_of(&sides[1], (uint32_t)ex->response->first.pos),
		      "%s, %s: request %d has answer %d", ex->parser->name, how,
		      index_of(&sides[0], (uint32_t)ex->request->first.pos),
		      index_of(&sides[1], (uint32_t)ex->response->first.pos));
}

/* From event `from` on, up to `to`; with all of them the connection is closed, or may be. */
static void play(size_t from, size_t to, bool is_closed)
{
	size_t at[2] = { 0, 0 };
	unsigned int next[2] = { 0, 0 };

	size_t len = (size_t)snprintf(how, sizeof(how), is_closed ? "closed, " : "open, ");

	for (size_t i = from; i < to; i++)
		how[len++] = order[i] ? 'a' : 'r';
	how[len] = 0;
	setup();
	table.opt.on_exchange = on_pair;
	sock_id++;
	for (size_t i = 0; i < to; i++) {
		unsigned int side = order[i];
		size_t end = sides[side].end[next[side]++];

		pos[PX_DIR_OUT] = (uint32_t)(FIRST_POS + at[0]);
		pos[PX_DIR_IN] = (uint32_t)(FIRST_POS + at[1]);
		now_ns += (uint64_t)rand_r(&seed) % 1000 * 1000;
		if (i >= from)
			event(PX_ABI_DATA, side ? PX_DIR_IN : PX_DIR_OUT, 0,
			      px_bytes_of(sides[side].bytes + at[side], end - at[side]));
		at[side] = end;
	}
	if (is_closed)
		close_conn(0);
	teardown();
	sock_id = 9;
}

static void play_cut(void)
{
	for (size_t cut = 0; cut < sizeof(order); cut++) {
		play(cut, sizeof(order), true);
		play(cut, sizeof(order), false);
		play(cut, cut + (size_t)rand_r(&seed) % (sizeof(order) - cut), false);
	}
}

START_TEST(turns)
{
	seed = (unsigned int)_i;
	for (unsigned int lag = 0; lag < LAGS; lag++)
		for (int is_same = 0; is_same < 2; is_same++) {
			make_messages(_i, is_same);
			order_turns(lag);
			play_cut();
		}
}
END_TEST

START_TEST(walks)
{
	const char *text = getenv("PX_RUNS");
	unsigned long most = text ? strtoul(text, NULL, 10) : WALKS;

	seed = (unsigned int)_i + 1000;
	for (unsigned long walk = 0; walk < most; walk++) {
		make_messages(_i, walk & 1);
		order_walk();
		play_cut();
	}
}
END_TEST

/* Who waits has every pair that was not under way, wherever we join. */
START_TEST(who_waits_is_paired)
{
	unsigned int most = 0;

	seed = (unsigned int)_i + 2000;
	for (int is_same = 0; is_same < 2; is_same++) {
		make_messages(_i, is_same);
		order_turns(0);
		for (size_t cut = 0; cut < sizeof(order) - 8; cut++) {
			found.pairs = 0;
			play(cut, sizeof(order), true);
			most += (unsigned int)(sizeof(order) - cut) / 2;
			ck_assert_msg(found.pairs + 3 > (sizeof(order) - cut) / 2,
				      "%s, joined at event %zu: %u pairs", protocols[_i].name, cut,
				      found.pairs);
		}
	}
	ck_assert_uint_gt(most, 0);
	ck_assert(found.executed > 0 || strcmp(protocols[_i].name, "mysql") != 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sent ahead");
	TCase *tc = tcase_create("sent ahead");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, turns, 0, PX_COUNT(protocols));
	tcase_add_loop_test(tc, walks, 0, PX_COUNT(protocols));
	tcase_add_loop_test(tc, who_waits_is_paired, 0, PX_COUNT(protocols));
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
