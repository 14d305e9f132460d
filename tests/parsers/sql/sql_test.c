/* SPDX-License-Identifier: Apache-2.0 */
/* What is read out of statements, and what is hidden in them. */
#include "sql/sql.h"
#include "support/guard.h"
#include "support/suite.h"

#include <check.h>

#define PG PX_SQL_POSTGRES
#define MY PX_SQL_MYSQL

/* clang-format off */
static const struct {
	enum px_sql_dialect dialect;
	const char *text, *verb, *table;
} looks[] = {
	{ PG, "SELECT id,name FROM users WHERE id=7", "SELECT", "users" },
	{ PG, "select 1", "SELECT", "" },
	{ PG, "  -- why\n/* a /* b */ c */ Select * from \"My Table\" m", "SELECT", "\"My Table\"" },
	{ PG, "SELECT * FROM public . \"T\" t JOIN b ON true", "SELECT", "public . \"T\"" },
	{ PG, "(SELECT a FROM x) UNION (SELECT b FROM y)", "SELECT", "x" },
	{ PG, "SELECT extract(year from d), trim(both ' ' from n) FROM t", "SELECT", "t" },
	{ PG, "SELECT (SELECT max(x) FROM inner_t) FROM t", "SELECT", "inner_t" },
	{ PG, "SELECT a IS DISTINCT FROM b, 'x FROM y' FROM c", "SELECT", "c" },
	{ PG, "SELECT * FROM generate_series(1,3) g JOIN ONLY u ON true", "SELECT", "u" },
	{ PG, "SELECT * FROM LATERAL (SELECT 1) a, b", "SELECT", "" },
	{ PG, "SELECT * FROM ((a JOIN b ON true))", "SELECT", "a" },
	{ PG, "SELECT $$ FROM x $$, $q$ FROM $$ y $q$ FROM z", "SELECT", "z" },
	{ PG, "SELECT E'it\\'s FROM x' FROM y", "SELECT", "y" },
	{ PG, "SELECT 'a''b FROM x' FROM y", "SELECT", "y" },
	{ PG, "SELECT 1 FOR UPDATE", "SELECT", "" },
	{ PG, "WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL SELECT n+1 FROM t) SELECT sum(n) FROM t",
	  "WITH", "" },
	{ PG, "WITH a AS (SELECT 1), b AS MATERIALIZED (SELECT * FROM a) DELETE FROM real USING b", "WITH",
	  "real" },
	{ PG, "EXPLAIN (ANALYZE, FORMAT json) WITH a AS (SELECT 1) UPDATE t SET x=1 FROM a", "EXPLAIN", "t" },
	{ PG, "explain analyze insert into t select * from u", "EXPLAIN", "t" },
	{ PG, "INSERT INTO s.t(a,b) VALUES ($1,$2) ON CONFLICT DO UPDATE SET a=1", "INSERT", "s.t" },
	{ PG, "UPDATE ONLY t SET a = 1 FROM u", "UPDATE", "t" },
	{ PG, "DELETE FROM t", "DELETE", "t" },
	{ PG, "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE", "MERGE", "t" },
	{ PG, "COPY t (a, b) FROM STDIN", "COPY", "t" },
	{ PG, "COPY (SELECT * FROM x) TO STDOUT", "COPY", "x" },
	{ PG, "COPY (SELECT 1) TO STDOUT", "COPY", "" },
	{ PG, "TRUNCATE TABLE ONLY t", "TRUNCATE", "t" },
	{ PG, "CREATE TEMP TABLE IF NOT EXISTS t (a int)", "CREATE", "t" },
	{ PG, "CREATE OR REPLACE VIEW v AS SELECT * FROM t", "CREATE", "v" },
	{ PG, "CREATE UNIQUE INDEX CONCURRENTLY i ON ONLY t (a)", "CREATE", "t" },
	{ PG, "CREATE FUNCTION f() RETURNS TABLE(a int) AS 'x' LANGUAGE sql", "CREATE", "" },
	{ PG, "CREATE TRIGGER x AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f()", "CREATE", "t" },
	{ PG, "DROP TABLE IF EXISTS a, b", "DROP", "a" },
	{ PG, "ALTER TABLE ONLY t ADD a int", "ALTER", "t" },
	{ PG, "ALTER ROLE bob PASSWORD 'x'", "ALTER", "" },
	{ PG, "VACUUM (ANALYZE, VERBOSE) t", "VACUUM", "t" },
	{ PG, "VACUUM", "VACUUM", "" },
	{ PG, "LOCK TABLE t IN SHARE MODE", "LOCK", "t" },
	{ PG, "GRANT SELECT ON TABLE t TO bob", "GRANT", "t" },
	{ PG, "GRANT ALL ON SCHEMA s TO bob", "GRANT", "" },
	{ PG, "REFRESH MATERIALIZED VIEW CONCURRENTLY v", "REFRESH", "v" },
	{ PG, "DECLARE c CURSOR FOR SELECT * FROM t", "DECLARE", "t" },
	{ PG, "FETCH 10 FROM c", "FETCH", "" },
	{ PG, "CLOSE \"x\"", "CLOSE", "" },
	{ PG, "LISTEN ch", "LISTEN", "ch" },
	{ PG, "NOTIFY \"Ch\", 'x'", "NOTIFY", "\"Ch\"" },
	{ PG, "UNLISTEN *", "UNLISTEN", "" },
	{ PG, "begin", "BEGIN", "" },
	{ PG, "SHOW server_version", "SHOW", "" },
	{ PG, "READ_REPLICATION_SLOT s", "READ_REPLICATION_SLOT", "" },
	{ PG, "SELECT a ? 'b' FROM j", "SELECT", "j" },
	{ PG, "SELECT * FROM größe", "SELECT", "größe" },
	{ PG, "SELECT * FROM 'x'", "SELECT", "" },
	{ PG, "", "", "" },
	{ PG, "7", "", "" },
	{ PG, "thiswordislongerthananyofthekeywords FROM a", "", "" },
	{ MY, "SELECT `a b`.`c``d`.x FROM `my db`.`t``x` WHERE 1", "SELECT", "`my db`.`t``x`" },
	{ MY, "SELECT \"FROM x\" # FROM y\n FROM z", "SELECT", "z" },
	{ MY, "SELECT 'a\\' FROM x' FROM y", "SELECT", "y" },
	{ MY, "SELECT 5--1 FROM t", "SELECT", "t" },
	{ MY, "/*!40101 SET NAMES utf8 */", "SET", "" },
	{ MY, "/*M!100100 SELECT */ /*! STRAIGHT_JOIN */ * FROM t", "SELECT", "t" },
	{ MY, "SELECT /*+ MAX_EXECUTION_TIME(1) FROM x */ a FROM t", "SELECT", "t" },
	{ MY, "INSERT IGNORE t VALUES (1)", "INSERT", "t" },
	{ MY, "INSERT DELAYED INTO db.t SET a=1 ON DUPLICATE KEY UPDATE b=2", "INSERT", "db.t" },
	{ MY, "REPLACE INTO t VALUES (?)", "REPLACE", "t" },
	{ MY, "UPDATE LOW_PRIORITY IGNORE t SET a=1", "UPDATE", "t" },
	{ MY, "LOAD DATA LOCAL INFILE 'x' INTO TABLE t", "LOAD", "t" },
	{ MY, "SHOW FULL COLUMNS FROM `t` FROM `db`", "SHOW", "`t`" },
	{ MY, "SHOW CREATE TABLE t", "SHOW", "t" },
	{ MY, "SHOW TABLES FROM db", "SHOW", "" },
	{ MY, "DESC t", "DESC", "t" },
	{ MY, "SELECT * FROM 2024_logs WHERE a=1e5", "SELECT", "2024_logs" },
	{ MY, "DROP INDEX i ON t", "DROP", "t" },
	{ MY, "RENAME TABLE a TO b", "RENAME", "a" },
	{ MY, "RENAME USER a TO b", "RENAME", "" },
	{ MY, "CREATE DEFINER=`a`@`b` TRIGGER x BEFORE INSERT ON t FOR EACH ROW SET @a=1", "CREATE", "t" },
};
/* clang-format on */

START_TEST(look)
{
	struct px_bytes text = px_guard_dup(px_bytes_str(looks[_i].text));
	struct px_sql_look l;

	px_sql_look(text, looks[_i].dialect, &l);
	ck_assert_msg(px_bytes_eq(px_sql_verb(&l), px_bytes_str(looks[_i].verb)), "%s: verb %.*s",
		      looks[_i].text, (int)l.verb_len, l.verb);
	ck_assert_msg(px_bytes_eq(px_sql_table(&l, text), px_bytes_str(looks[_i].table)),
		      "%s: table %.*s", looks[_i].text, (int)l.table_len,
		      l.table_len ? text.ptr + l.table_from : "");
	px_guard_free(text);
	/* Cut anywhere, against an unreadable page. */
	for (size_t n = 0; n < strlen(looks[_i].text); n++) {
		text = px_guard_dup(px_bytes_of(looks[_i].text, n));
		px_sql_look(text, looks[_i].dialect, &l);
		ck_assert_uint_le(l.table_from + l.table_len, n);
		px_guard_free(text);
	}
}
END_TEST

/* clang-format off */
static const struct {
	enum px_sql_dialect dialect;
	const char *text;
	const char *parts[5];
} splits[] = {
	{ PG, "SELECT 1", { "SELECT 1" } },
	{ PG, "SELECT 1;", { "SELECT 1" } },
	{ PG, " ;; SELECT ';' ; -- a;b\n;\tSELECT 2 ;", { "SELECT ';'", "SELECT 2" } },
	{ PG, "", { NULL } },
	{ PG, "-- nothing", { NULL } },
	{ PG, "/* ; */ SELECT 1; SELECT $$;$$; SELECT \";\"",
	  { "/* ; */ SELECT 1", "SELECT $$;$$", "SELECT \";\"" } },
	{ PG, "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); SELECT 3",
	  { "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)", "SELECT 3" } },
	{ PG,
	  "CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; "
	  "END; SELECT 3",
	  { "CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; "
	    "END",
	    "SELECT 3" } },
	{ PG, "BEGIN; SELECT E'\\';'; END", { "BEGIN", "SELECT E'\\';'", "END" } },
	{ MY, "SELECT ';' # a;\n; SELECT `;`; SELECT \"\\\";\"", { "SELECT ';' # a;", "SELECT `;`", "SELECT \"\\\";\"" } },
	{ PG, "SELECT 'open; SELECT 1", { "SELECT 'open; SELECT 1" } },
};
/* clang-format on */

START_TEST(split)
{
	struct px_bytes rest = px_guard_dup(px_bytes_str(splits[_i].text)), all = rest, part;
	size_t n = 0;

	for (; px_sql_split(&rest, splits[_i].dialect, &part); n++) {
		ck_assert(splits[_i].parts[n] != NULL);
		ck_assert_msg(px_bytes_eq(part, px_bytes_str(splits[_i].parts[n])), "%s: %.*s",
			      splits[_i].text, (int)part.len, part.ptr);
	}
	ck_assert(splits[_i].parts[n] == NULL);
	px_guard_free(all);
}
END_TEST

#define SECRETS PX_SQL_HIDE_SECRETS
#define LITERALS PX_SQL_HIDE_LITERALS

/* clang-format off */
static const struct {
	enum px_sql_dialect dialect;
	unsigned int what;
	const char *text, *shown, *left; /* what is seen, and what the text has become; NULL: nothing was hidden */
} hides[] = {
	{ PG, SECRETS, "SELECT 'x', 7", NULL, NULL },
	{ PG, SECRETS, "SELECT password FROM users", NULL, NULL },
	{ PG, SECRETS, "ALTER ROLE bob WITH ENCRYPTED PASSWORD 'secret' VALID UNTIL 'x'",
	  "ALTER ROLE bob WITH ENCRYPTED PASSWORD '***' VALID UNTIL 'x'",
	  "ALTER ROLE bob WITH ENCRYPTED PASSWORD 'XXXXXX' VALID UNTIL 'x'" },
	{ PG, SECRETS, "ALTER ROLE bob PASSWORD NULL", NULL, NULL },
	{ PG, SECRETS, "CREATE USER bob password $a$se''cret$a$; SELECT 'x'",
	  "CREATE USER bob password $a$***$a$; SELECT 'x'", "CREATE USER bob password $a$XXXXXXXX$a$; SELECT 'x'" },
	{ PG, SECRETS, "ALTER USER bob PASSWORD E'a\\'b'\n'c'", "ALTER USER bob PASSWORD E'***'\n'***'",
	  "ALTER USER bob PASSWORD E'XXXX'\n'X'" },
	{ PG, SECRETS, "UPDATE users SET \"password\" = 'x', name = 'y'",
	  "UPDATE users SET \"password\" = '***', name = 'y'", "UPDATE users SET \"password\" = 'X', name = 'y'" },
	{ PG, SECRETS, "CREATE USER MAPPING FOR a SERVER b OPTIONS (user 'c', password 'd')",
	  "CREATE USER MAPPING FOR a SERVER b OPTIONS (user 'c', password '***')",
	  "CREATE USER MAPPING FOR a SERVER b OPTIONS (user 'c', password 'X')" },
	{ PG, SECRETS, "SELECT dblink_connect('host=a password=b')", "SELECT dblink_connect('***')",
	  "SELECT dblink_connect('XXXXXXXXXXXXXXXXX')" },
	{ PG, SECRETS, "ALTER USER bob PASSWORD 'cut", "ALTER USER bob PASSWORD '***", "ALTER USER bob PASSWORD 'XXX" },
	{ PG, LITERALS, "SELECT 'x', -7.5e-3, $1, t1.a2 FROM t WHERE b=$$c$$ LIMIT 10",
	  "SELECT '***', -***, $1, t1.a2 FROM t WHERE b=$$***$$ LIMIT ***",
	  "SELECT 'X', -XXXXXX, $1, t1.a2 FROM t WHERE b=$$X$$ LIMIT XX" },
	{ PG, LITERALS, "SELECT \"a 1\", ''", NULL, NULL },
	{ PG, SECRETS | LITERALS, "ALTER ROLE a PASSWORD 'b' VALID UNTIL 'c'",
	  "ALTER ROLE a PASSWORD '***' VALID UNTIL '***'", "ALTER ROLE a PASSWORD 'X' VALID UNTIL 'X'" },
	{ MY, SECRETS, "CREATE USER 'a'@'h' IDENTIFIED BY 'secret', 'b'@'h' IDENTIFIED WITH 'p' AS 'hash' REQUIRE NONE",
	  "CREATE USER 'a'@'h' IDENTIFIED BY '***', 'b'@'h' IDENTIFIED WITH 'p' AS '***' REQUIRE NONE",
	  "CREATE USER 'a'@'h' IDENTIFIED BY 'XXXXXX', 'b'@'h' IDENTIFIED WITH 'p' AS 'XXXX' REQUIRE NONE" },
	{ MY, SECRETS, "ALTER USER u IDENTIFIED BY \"new\" REPLACE 'old'", "ALTER USER u IDENTIFIED BY \"***\" REPLACE '***'",
	  "ALTER USER u IDENTIFIED BY \"XXX\" REPLACE 'XXX'" },
	{ MY, SECRETS, "GRANT ALL ON *.* TO 'u'@'%' IDENTIFIED BY PASSWORD '*AB'",
	  "GRANT ALL ON *.* TO 'u'@'%' IDENTIFIED BY PASSWORD '***'",
	  "GRANT ALL ON *.* TO 'u'@'%' IDENTIFIED BY PASSWORD 'XXX'" },
	{ MY, SECRETS, "SET PASSWORD FOR 'u'@'h' = 'x'", "SET PASSWORD FOR 'u'@'h' = '***'", "SET PASSWORD FOR 'u'@'h' = 'X'" },
	{ MY, SECRETS, "set password = PASSWORD('x')", "set password = PASSWORD('***')", "set password = PASSWORD('X')" },
	{ MY, SECRETS, "CHANGE MASTER TO MASTER_USER='u', MASTER_PASSWORD='p'",
	  "CHANGE MASTER TO MASTER_USER='u', MASTER_PASSWORD='***'", "CHANGE MASTER TO MASTER_USER='u', MASTER_PASSWORD='X'" },
	{ MY, SECRETS, "CREATE USER u IDENTIFIED VIA p USING PASSWORD('x') OR q USING 'y'",
	  "CREATE USER u IDENTIFIED VIA p USING PASSWORD('***') OR q USING '***'",
	  "CREATE USER u IDENTIFIED VIA p USING PASSWORD('X') OR q USING 'X'" },
	{ MY, LITERALS, "SELECT \"a\\\"b\", 0x1F, `c 1` FROM t2 WHERE d IN (1,2) AND e=?",
	  "SELECT \"***\", ***, `c 1` FROM t2 WHERE d IN (***,***) AND e=?",
	  "SELECT \"XXXX\", XXXX, `c 1` FROM t2 WHERE d IN (X,X) AND e=?" },
};
/* clang-format on */

START_TEST(hide)
{
	for (int has_memory = 1; has_memory >= 0; has_memory--) {
		struct px_bytes text = px_guard_dup(px_bytes_str(hides[_i].text)), shown;
		struct px_arena_pool pool;
		struct px_arena arena;
		bool found = false;

		px_arena_pool_init(&pool, has_memory ? 65536 : 0);
		px_arena_init(&arena, &pool, 65536);
		shown = px_sql_hide(text, hides[_i].dialect, hides[_i].what, &arena, &found);
		ck_assert_int_eq(found, hides[_i].shown != NULL);
		if (!found) {
			ck_assert_ptr_eq(shown.ptr, text.ptr);
			ck_assert(px_bytes_eq(text, px_bytes_str(hides[_i].text)));
		} else {
			ck_assert_msg(px_bytes_eq(shown, px_bytes_str(has_memory ? hides[_i].shown
										 : "***")),
				      "%.*s", (int)shown.len, shown.ptr);
			ck_assert_msg(px_bytes_eq(text, px_bytes_str(hides[_i].left)), "%.*s",
				      (int)text.len, text.ptr);
		}
		px_arena_reset(&arena);
		px_arena_pool_fini(&pool);
		px_guard_free(text);
	}
}
END_TEST

START_TEST(line)
{
	struct px_arena_pool pool;
	struct px_arena arena;

	px_arena_pool_init(&pool, 65536);
	px_arena_init(&arena, &pool, 65536);
	ck_assert(px_bytes_eq(px_sql_line(PX_BYTES("a  b"), &arena), PX_BYTES("a  b")));
	ck_assert(px_bytes_eq(px_sql_line(PX_BYTES("\n a \r\n\t b\n"), &arena), PX_BYTES("a b")));
	px_arena_reset(&arena);
	px_arena_pool_fini(&pool);
}
END_TEST

/* A lexer always gets on. */
START_TEST(hostile)
{
	static const char alphabet[] = "'\"`$a;(-/*!M#\\E0.&u \n";
	uint32_t x = 1;

	for (int round = 0; round < 20000; round++) {
		char text[24];
		struct px_bytes b, rest, part;
		struct px_sql_look l;

		for (size_t i = 0; i < sizeof(text); i++) {
			x = x * 1664525 + 1013904223;
			text[i] = alphabet[(x >> 16) % (sizeof(alphabet) - 1)];
		}
		b = px_guard_dup(px_bytes_of(text, (x >> 8) % sizeof(text)));
		for (int dialect = PG; dialect <= MY; dialect++) {
			struct px_sql_lexer lex = { b, 0, (enum px_sql_dialect)dialect, false };
			size_t at = 0;

			for (;;) {
				struct px_sql_token t = px_sql_next(&lex);

				ck_assert(t.from >= at && t.to <= b.len);
				if (t.kind == PX_SQL_END)
					break;
				ck_assert(t.to > t.from);
				if (t.kind == PX_SQL_STRING || t.kind == PX_SQL_QUOTED)
					ck_assert(t.inner_from > t.from &&
						  t.inner_to >= t.inner_from && t.inner_to <= t.to);
				at = t.to;
			}
			px_sql_look(b, (enum px_sql_dialect)dialect, &l);
			rest = b;
			while (px_sql_split(&rest, (enum px_sql_dialect)dialect, &part))
				ck_assert(part.len > 0);
		}
		px_guard_free(b);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sql");
	TCase *tc = tcase_create("statements");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, look, 0, (int)PX_COUNT(looks));
	tcase_add_loop_test(tc, split, 0, (int)PX_COUNT(splits));
	tcase_add_loop_test(tc, hide, 0, (int)PX_COUNT(hides));
	tcase_add_test(tc, line);
	tcase_add_test(tc, hostile);
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
