/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What only the C library does: typed parameters, long data, cursors, bulk execution, statements that
 * are executed before they are prepared, queries sent ahead, packets beyond 16 MB, other users.
 *
 *	mysql_client HOST|SOCKET PORT USER PASSWORD DATABASE FOLDER [compress] [small]
 *
 * Waits for a line on stdin once it is connected and has prepared "early"; then prints what it did, a
 * JSON object per command: the keys of the record that it has to become.
 */
#include <mysql.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static MYSQL *db;

static void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, mysql_error(db));
	exit(1);
}

static void told(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void told(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

/* All results of what was sent, told as one record. */
static void results(const char *op, const char *target, const char *more)
{
	unsigned long long rows = 0, affected = 0;
	bool has_rows = false, is_first = true;
	int count = 0, next;

	do {
		MYSQL_RES *res = mysql_store_result(db);

		if (is_first && res) {
			has_rows = true;
			rows = mysql_num_rows(res);
		} else if (is_first) {
			affected = mysql_affected_rows(db);
		}
		mysql_free_result(res);
		is_first = false;
		count++;
		next = mysql_next_result(db);
		if (next > 0)
			die("next result");
	} while (next == 0);
	printf("{\"op\":\"%s\",\"target\":%s%s%s,\"status\":\"OK\"", op, target ? "\"" : "",
	       target ? target : "null", target ? "\"" : "");
	if (has_rows)
		printf(",\"resp.rows\":%llu", rows);
	else
		printf(",\"resp.affected_rows\":%llu", affected);
	if (count > 1)
		printf(",\"results\":%d", count);
	told("%s}", more ? more : "");
}

static void query(const char *sql, const char *op, const char *target)
{
	if (mysql_query(db, sql))
		told("{\"op\":\"%s\",\"target\":\"%s\",\"status\":\"%u/%s\",\"error\":\"%s\"}", op,
		     target, mysql_errno(db), mysql_sqlstate(db), mysql_error(db));
	else
		results(op, target, NULL);
}

static MYSQL_STMT *prepare(const char *sql, const char *target)
{
	MYSQL_STMT *st = mysql_stmt_init(db);

	if (!st || mysql_stmt_prepare(st, sql, strlen(sql)))
		die(sql);
	told("{\"op\":\"STMT_PREPARE\",\"target\":%s%s%s,\"status\":\"OK\",\"resp.param_count\":%lu}",
	     target ? "\"" : "", target ? target : "null", target ? "\"" : "",
	     mysql_stmt_param_count(st));
	return st;
}

static void execute(MYSQL_STMT *st, const char *op, const char *target, const char *params,
		    bool has_rows)
{
	if (mysql_stmt_execute(st))
		die(mysql_stmt_error(st));
	if (has_rows && mysql_stmt_store_result(st))
		die(mysql_stmt_error(st));
	told("{\"op\":\"%s\",\"target\":%s%s%s,\"status\":\"OK\",\"req.params\":%s,\"resp.%s\":%llu}", op,
	     target ? "\"" : "", target ? target : "null", target ? "\"" : "", params,
	     has_rows ? "rows" : "affected_rows",
	     (unsigned long long)(has_rows ? mysql_stmt_num_rows(st) : mysql_stmt_affected_rows(st)));
	mysql_stmt_free_result(st);
}

/* Every type; the server says what each looks like. */
static void typed(void)
{
	static signed char tiny = -7;
	static short small = -300;
	static int medium = -70000;
	static unsigned long long large = 18446744073709551615ull;
	static float single = 1.25f;
	static double dbl = 0.1, tiny_dbl = 1e-20, huge = 1e100, whole = 123456789;
	static char text[] = "it's \"q\"";
	static MYSQL_TIME date = { .year = 2024, .month = 2, .day = 29 };
	static MYSQL_TIME moment = { .year = 1999, .month = 12, .day = 31, .hour = 23,
				     .minute = 59, .second = 58, .second_part = 5000 };
	static MYSQL_TIME span = { .hour = 30, .minute = 1, .second = 2, .neg = 1 };
	MYSQL_BIND in[13] = { 0 }, out[13] = { 0 };
	static char texts[13][64];
	unsigned long lengths[13];
	my_bool nulls[13];
	MYSQL_STMT *st = prepare("SELECT ?,?,?,?,?,?,?,?,?,?,?,?,?", NULL);

#define BIND(i, type, value)                                                                       \
	in[i].buffer_type = type, in[i].buffer = &(value), in[i].buffer_length = sizeof(value)
	BIND(0, MYSQL_TYPE_TINY, tiny);
	BIND(1, MYSQL_TYPE_SHORT, small);
	BIND(2, MYSQL_TYPE_LONG, medium);
	BIND(3, MYSQL_TYPE_LONGLONG, large);
	in[3].is_unsigned = 1;
	BIND(4, MYSQL_TYPE_FLOAT, single);
	BIND(5, MYSQL_TYPE_DOUBLE, dbl);
	BIND(6, MYSQL_TYPE_DOUBLE, tiny_dbl);
	BIND(7, MYSQL_TYPE_DOUBLE, huge);
	BIND(8, MYSQL_TYPE_DOUBLE, whole);
	in[9].buffer_type = MYSQL_TYPE_STRING;
	in[9].buffer = text;
	in[9].buffer_length = strlen(text);
	BIND(10, MYSQL_TYPE_DATE, date);
	BIND(11, MYSQL_TYPE_DATETIME, moment);
	BIND(12, MYSQL_TYPE_TIME, span);
	for (int i = 0; i < 13; i++) {
		out[i].buffer_type = MYSQL_TYPE_STRING;
		out[i].buffer = texts[i];
		out[i].buffer_length = sizeof(texts[i]);
		out[i].length = &lengths[i];
		out[i].is_null = &nulls[i];
	}
	if (mysql_stmt_bind_param(st, in) || mysql_stmt_execute(st) ||
	    mysql_stmt_bind_result(st, out) || mysql_stmt_store_result(st) || mysql_stmt_fetch(st))
		die(mysql_stmt_error(st));
	printf("{\"op\":\"SELECT\",\"status\":\"OK\",\"resp.rows\":1,\"req.params\":[");
	for (int i = 0; i < 13; i++) {
		printf("%s\"", i ? "," : "");
		for (unsigned long k = 0; k < lengths[i]; k++)
			printf("%s%c", texts[i][k] == '"' ? "\\" : "", texts[i][k]);
		printf("\"");
	}
	told("]}");
	mysql_stmt_close(st);
	told("{\"op\":\"STMT_CLOSE\",\"status\":\"-\"}");
}

static void remembered(MYSQL_STMT *early)
{
	static int n;
	MYSQL_BIND in = { .buffer_type = MYSQL_TYPE_LONG, .buffer = &n };

	if (mysql_stmt_bind_param(early, &in))
		die("bind");
	for (n = 0; n < 3; n++) {
		char params[32];

		if (mysql_stmt_execute(early) || mysql_stmt_store_result(early))
			die(mysql_stmt_error(early));
		snprintf(params, sizeof(params), "[\"%d\"]", n);
		told("{\"early\":true,\"status\":\"OK\",\"resp.rows\":%llu,\"params\":%s}",
		     (unsigned long long)mysql_stmt_num_rows(early), params);
		mysql_stmt_free_result(early);
	}
}

static void long_data(void)
{
	MYSQL_STMT *st = prepare("INSERT INTO long_ones (a, b, c) VALUES (?, ?, ?)", "long_ones");
	static int a = 5;
	MYSQL_BIND in[3] = { { .buffer_type = MYSQL_TYPE_LONG, .buffer = &a },
			     { .buffer_type = MYSQL_TYPE_BLOB },
			     { .buffer_type = MYSQL_TYPE_NULL } };

	if (mysql_stmt_bind_param(st, in) || mysql_stmt_send_long_data(st, 1, "first ", 6) ||
	    mysql_stmt_send_long_data(st, 1, "second", 6))
		die(mysql_stmt_error(st));
	told("{\"op\":\"STMT_SEND_LONG_DATA\",\"status\":\"-\"}");
	told("{\"op\":\"STMT_SEND_LONG_DATA\",\"status\":\"-\"}");
	execute(st, "INSERT", "long_ones", "[\"5\",\"first second\",null]", false);
	mysql_stmt_close(st);
	told("{\"op\":\"STMT_CLOSE\",\"status\":\"-\"}");
}

static void cursor(void)
{
	unsigned long type = CURSOR_TYPE_READ_ONLY, prefetch = 3;
	MYSQL_STMT *st = mysql_stmt_init(db);
	int n = 0;

	mysql_stmt_attr_set(st, STMT_ATTR_CURSOR_TYPE, &type);
	mysql_stmt_attr_set(st, STMT_ATTR_PREFETCH_ROWS, &prefetch);
	if (mysql_stmt_prepare(st, "SELECT n FROM ten ORDER BY n", 28) || mysql_stmt_execute(st))
		die(mysql_stmt_error(st));
	told("{\"op\":\"STMT_PREPARE\",\"target\":\"ten\",\"status\":\"OK\"}");
	told("{\"op\":\"SELECT\",\"target\":\"ten\",\"status\":\"OK\",\"req.params\":[],\"resp.rows\":0}");
	while (mysql_stmt_fetch(st) == 0)
		n++;
	for (int left = n; left >= 0; left -= 3)
		told("{\"op\":\"STMT_FETCH\",\"status\":\"OK\",\"resp.rows\":%d}",
		     left > 3 ? 3 : left);
	mysql_stmt_close(st);
	told("{\"op\":\"STMT_CLOSE\",\"status\":\"-\"}");
}

static void bulk(void)
{
	MYSQL_STMT *st = prepare("INSERT INTO bulk_ones (a, b) VALUES (?, ?)", "bulk_ones");
	static int a[3] = { 1, 2, 3 };
	static char *b[3] = { "x", "yy", NULL };
	static unsigned long lengths[3] = { 1, 2, 0 };
	static char indicators[3] = { STMT_INDICATOR_NONE, STMT_INDICATOR_NONE, STMT_INDICATOR_NULL };
	unsigned int count = 3;
	MYSQL_BIND in[2] = { { .buffer_type = MYSQL_TYPE_LONG, .buffer = a },
			     { .buffer_type = MYSQL_TYPE_STRING, .buffer = b, .length = lengths } };

	in[1].u.indicator = indicators;
	mysql_stmt_attr_set(st, STMT_ATTR_ARRAY_SIZE, &count);
	if (mysql_stmt_bind_param(st, in) || mysql_stmt_execute(st))
		die(mysql_stmt_error(st));
	told("{\"op\":\"INSERT\",\"target\":\"bulk_ones\",\"status\":\"OK\",\"req.params\":[\"1\",\"x\",\"2\",\"yy\",\"3\",null],"
	     "\"req.batch\":3,\"resp.affected_rows\":%llu}",
	     (unsigned long long)mysql_stmt_affected_rows(st));
	mysql_stmt_close(st);
	told("{\"op\":\"STMT_CLOSE\",\"status\":\"-\"}");
}

/* PREPARE and EXECUTE in one go: its number is "the last one". */
static void direct(void)
{
	MYSQL_STMT *st = mysql_stmt_init(db);
	static int n = 4;
	unsigned int count = 1;
	MYSQL_BIND in = { .buffer_type = MYSQL_TYPE_LONG, .buffer = &n };
	static const char sql[] = "SELECT n FROM ten WHERE n < ?";

	mysql_stmt_attr_set(st, STMT_ATTR_PREBIND_PARAMS, &count);
	if (mysql_stmt_bind_param(st, &in) || mariadb_stmt_execute_direct(st, sql, strlen(sql)) ||
	    mysql_stmt_store_result(st))
		die(mysql_stmt_error(st));
	told("{\"op\":\"STMT_PREPARE\",\"target\":\"ten\",\"status\":\"OK\"}");
	told("{\"op\":\"SELECT\",\"target\":\"ten\",\"status\":\"OK\",\"req.params\":[\"4\"],\"resp.rows\":%llu}",
	     (unsigned long long)mysql_stmt_num_rows(st));
	mysql_stmt_close(st);
	told("{\"op\":\"STMT_CLOSE\",\"status\":\"-\"}");
}

static void ahead_sql(char *sql, size_t size, int i)
{
	snprintf(sql, size, "SELECT %d, n FROM ten WHERE n < %d", i, i);
}

/* Where the server keeps pace with the client, its answers and these requests take turns. */
static void ahead(void)
{
	char sql[64], more[96];

	for (int i = 0; i < 20; i++) {
		ahead_sql(sql, sizeof(sql), i);
		if (mysql_send_query(db, sql, strlen(sql)))
			die(sql);
	}
	for (int i = 0; i < 20; i++) {
		ahead_sql(sql, sizeof(sql), i);
		snprintf(more, sizeof(more), ",\"req.sql\":\"%s\"", sql);
		if (mysql_read_query_result(db))
			die("read");
		results("SELECT", "ten", more);
	}
}

/* A payload of more than a packet has. */
static void beyond(size_t size)
{
	static const char head[] = "SELECT LENGTH('", tail[] = "')";
	char *sql = malloc(size);

	memset(sql, 'x', size);
	memcpy(sql, head, strlen(head));
	memcpy(sql + size - strlen(tail), tail, strlen(tail));
	if (mysql_real_query(db, sql, size))
		die("a long query");
	results("SELECT", NULL, NULL);
	free(sql);
}

static void commands(char **argv)
{
	MYSQL_RES *res;

	if (mysql_select_db(db, "mysql") || mysql_select_db(db, argv[5]))
		die("select db");
	told("{\"op\":\"INIT_DB\",\"req.db\":\"mysql\",\"status\":\"OK\"}");
	told("{\"op\":\"INIT_DB\",\"req.db\":\"%s\",\"status\":\"OK\"}", argv[5]);
	if (mysql_ping(db))
		die("ping");
	told("{\"op\":\"PING\",\"status\":\"OK\"}");
	if (!mysql_stat(db))
		die("stat");
	told("{\"op\":\"STATISTICS\",\"status\":\"OK\",\"resp.kind\":\"TEXT\"}");
	res = mysql_list_fields(db, "ten", NULL);
	if (!res)
		die("list fields");
	told("{\"op\":\"FIELD_LIST\",\"target\":\"ten\",\"status\":\"OK\",\"resp.columns\":[\"n\"]}");
	mysql_free_result(res);
	if (mysql_set_server_option(db, MYSQL_OPTION_MULTI_STATEMENTS_ON))
		die("set option");
	told("{\"op\":\"SET_OPTION\",\"status\":\"OK\"}");
	if (mysql_change_user(db, argv[3], argv[4], argv[5]))
		die("change user");
	told("{\"op\":\"CHANGE_USER\",\"req.user\":\"%s\",\"req.db\":\"%s\",\"status\":\"OK\"}", argv[3],
	     argv[5]);
	if (mysql_reset_connection(db))
		die("reset");
	told("{\"op\":\"RESET_CONNECTION\",\"status\":\"OK\"}");
}

int main(int argc, char **argv)
{
	bool is_socket = argc > 6 && argv[1][0] == '/', is_small = false, is_mariadb;
	unsigned int on = 1;
	MYSQL_STMT *early;
	char line[512];

	if (argc < 7)
		return 2;
	db = mysql_init(NULL);
	mysql_optionsv(db, MYSQL_OPT_LOCAL_INFILE, &on);
	for (int i = 7; i < argc; i++) {
		if (strcmp(argv[i], "compress") == 0)
			mysql_optionsv(db, MYSQL_OPT_COMPRESS);
		is_small |= strcmp(argv[i], "small") == 0;
	}
	if (!mysql_real_connect(db, is_socket ? NULL : argv[1], argv[3], argv[4], argv[5],
				(unsigned int)atoi(argv[2]), is_socket ? argv[1] : NULL,
				CLIENT_MULTI_STATEMENTS))
		die("connect");
	is_mariadb = strstr(mysql_get_server_info(db), "MariaDB") != NULL;
	early = mysql_stmt_init(db);
	if (mysql_stmt_prepare(early, "SELECT 1 WHERE 7 > ?", 20))
		die("early");
	printf("{\"connected\":true}\n");
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return 1;

	remembered(early);
	query("DROP TABLE IF EXISTS ten", "DROP", "ten");
	query("CREATE TABLE ten (n INT)", "CREATE", "ten");
	query("INSERT INTO ten VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)", "INSERT", "ten");
	query("DROP TABLE IF EXISTS long_ones", "DROP", "long_ones");
	query("CREATE TABLE long_ones (a INT, b BLOB, c TEXT)", "CREATE", "long_ones");
	query("DROP TABLE IF EXISTS bulk_ones", "DROP", "bulk_ones");
	query("CREATE TABLE bulk_ones (a INT, b TEXT)", "CREATE", "bulk_ones");
	query("SELECT * FROM ten", "SELECT", "ten");
	query("SELECT * FROM nowhere", "SELECT", "nowhere");
	query("SELECT 1; INSERT INTO ten VALUES (10); SELECT n FROM ten", "SELECT", NULL);
	query("DELETE FROM ten WHERE n = 10", "DELETE", "ten");
	typed();
	long_data();
	cursor();
	if (is_mariadb) {
		bulk();
		direct();
	}
	ahead();
	snprintf(line, sizeof(line), "LOAD DATA LOCAL INFILE '%s/infile' INTO TABLE bulk_ones FIELDS TERMINATED BY ','",
		 argv[6]);
	query(line, "LOAD", "bulk_ones");
	if (!is_small) {
		beyond(17 << 20);
		beyond((1 << 24) - 2); /* and the number of the command: a packet that is just full */
	}
	commands(argv);
	mysql_stmt_close(early); /* CHANGE_USER has closed it */
	mysql_close(db);
	told("{\"op\":\"QUIT\",\"status\":\"-\"}");
	return 0;
}
