# SPDX-License-Identifier: Apache-2.0
"""Simple queries with psycopg2: many statements in one, COPY both ways, notices, notifications, a cancelled query."""
import io
import json
import sys
import threading
import time

import psycopg2


def tell(**told):
    print(json.dumps({k.replace("__", "."): v for k, v in told.items()}), flush=True)


def waits(db, watcher):
    """Until the server is at a sleep for db."""
    look = watcher.cursor()
    while True:
        look.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND wait_event = 'PgSleep'", (db.get_backend_pid(),))
        if look.fetchone()[0]:
            return
        time.sleep(0.01)


def main():
    host, port, user, password, database = sys.argv[1:6]
    where = {"host": host, "port": port, "user": user, "password": password, "dbname": database, "sslmode": "disable"}
    db, watcher = psycopg2.connect(**where), psycopg2.connect(**where, application_name="watcher")
    db.autocommit = watcher.autocommit = True
    print('{"connected": true}', flush=True)
    sys.stdin.readline()
    cursor = db.cursor()

    def query(sql, target, **more):
        op = sql.split()[0].upper()
        try:
            cursor.execute(sql)
        except psycopg2.Error as err:
            tell(op=op, target=target, status=err.pgcode, error=err.diag.message_primary, resp__severity=err.diag.severity,
                 resp__sqlstate=err.pgcode, req__sql=sql, **more)
            return
        told = {"resp.rows": cursor.rowcount} if cursor.rowcount >= 0 else {}
        if cursor.description:
            told["resp.columns"] = [column[0] for column in cursor.description]
        tell(op=op, target=target, status="OK", req__sql=sql, resp__tag=cursor.statusmessage, **told, **more)

    query("SELECT id, name FROM people", "people", resp__tx="idle")
    query("select count(*) as n from only people where id > 1", "people")
    query("SELECT * FROM nope", "nope", resp__tx="idle")
    query("INSERT INTO people VALUES (100, 'zo\u00eb \u2603'), (101, NULL)", "people")
    query("UPDATE people SET name = 'x' WHERE id >= 100", "people")
    query("INSERT INTO people VALUES (1, 'again')", "people")
    query("SELECT 'it''s', repeat('a', 100000)", None)
    cursor.execute("SELECT 1; SELECT id FROM \"people\" WHERE id < 3; DELETE FROM people WHERE id = 101")
    tell(op="SELECT", status="OK", req__sql="SELECT 1", resp__rows=1)
    tell(op="SELECT", status="OK", target='"people"', req__sql='SELECT id FROM "people" WHERE id < 3', resp__rows=2)
    tell(op="DELETE", status="OK", target="people", resp__rows=cursor.rowcount, resp__tag=cursor.statusmessage)
    query("BEGIN", None, resp__tx="transaction")
    query("SELECT 1/0", None, resp__tx="failed")
    query("SELECT 2", None, resp__tx="failed")
    query("ROLLBACK", None, resp__tx="idle")

    data = "".join(f"{i}\tname {i}\n" for i in range(200, 300))
    cursor.copy_expert("COPY people FROM STDIN", io.StringIO(data))
    tell(op="COPY", target="people", status="OK", req__copy_bytes=len(data), resp__rows=cursor.rowcount)
    out = io.StringIO()
    cursor.copy_expert("COPY (SELECT * FROM people WHERE id >= 200) TO STDOUT", out)
    tell(op="COPY", status="OK", resp__copy_bytes=len(out.getvalue()), resp__rows=cursor.rowcount)
    try:
        cursor.copy_expert("COPY people FROM STDIN", io.StringIO("many\twords\n"))
    except psycopg2.Error as err:
        tell(op="COPY", target="people", status=err.pgcode, error=err.diag.message_primary, req__copy_bytes=11)

    tell(op="NOTICE", status="-", resp__message="hey", resp__severity="NOTICE")
    query("DO $$ BEGIN RAISE NOTICE 'hey'; END $$", None)
    query("LISTEN letters", "letters")
    tell(op="NOTIFICATION", target="letters", status="-", resp__channel="letters", resp__payload="a", resp__backend_pid=db.get_backend_pid())
    query("NOTIFY letters, 'a'", "letters")
    if [(n.channel, n.payload) for n in db.notifies] != [("letters", "a")]:
        raise SystemExit("not notified")

    def cancel():
        waits(db, watcher)
        watcher.close()
        db.cancel()
    thread = threading.Thread(target=cancel)
    thread.start()
    tell(op="CANCEL", status="-", req__backend_pid=db.get_backend_pid())
    query("SELECT pg_sleep(60)", None)
    thread.join()
    query("DELETE FROM people WHERE id > 3", "people")
    db.close()


if __name__ == "__main__":
    main()
