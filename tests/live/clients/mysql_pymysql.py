# SPDX-License-Identifier: Apache-2.0
"""Text queries with PyMySQL, or with mysqlclient (see mysql_mysqldb.py); tells what it did as mysql_client.c does."""
import json
import sys


def tell(**told):
    print(json.dumps({k.replace("__", "."): v for k, v in told.items()}), flush=True)


def work(db, errors):
    print('{"connected": true}', flush=True)
    sys.stdin.readline()
    cursor = db.cursor()

    def query(sql, target):
        op = sql.split()[0].upper()
        try:
            cursor.execute(sql)
        except errors as err:
            tell(op=op, target=target, **{"resp.error_code": err.args[0], "error": err.args[1]})
            return
        told = {"resp.rows": cursor.rowcount} if cursor.description else {"resp.affected_rows": cursor.rowcount}
        if cursor.description:
            told["resp.columns"] = [column[0] for column in cursor.description]
        tell(op=op, target=target, status="OK", **{"req.sql": sql}, **told)

    query("SELECT id, name FROM people", "people")
    query("select count(*) as n from people where id > 1", "people")
    query("SELECT * FROM nope", "nope")
    query("INSERT INTO people VALUES (100, 'zo\u00eb \u2603')", "people")
    query("UPDATE people SET name = 'x' WHERE id >= 100", "people")
    query("DELETE FROM people WHERE id >= 100", "people")
    query("SELECT 'it''s', REPEAT('a', 100000)", None)
    query("INSERT INTO people VALUES (1, 'again')", "people")
    db.close()
    tell(op="QUIT", status="-")


if __name__ == "__main__":
    import pymysql

    work(pymysql.connect(host=sys.argv[1], port=int(sys.argv[2]), user=sys.argv[3], password=sys.argv[4],
                         database=sys.argv[5], autocommit=True, charset="utf8mb4"), pymysql.MySQLError)
