# SPDX-License-Identifier: Apache-2.0
"""--sqlite on live traffic: rows that others read while they come, what a killed tracer leaves, and a question at the end."""
import contextlib
import json
import os
import signal
import sqlite3
import time

from harness.raw import Client
from harness.registry import live
from harness.servers import Nginx

FIELDS = ("seq", "ts", "latency_ns", "pid", "comm", "conn", "op", "target", "status", "ok")


def ask(path, sql):
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return db.execute(sql).fetchall()


def rows_within(path, count):
    """How many there are, at the latest when so many could have come."""
    deadline, seen = time.monotonic() + 30, -1
    while seen < count and time.monotonic() < deadline:
        with contextlib.suppress(sqlite3.OperationalError):  # not made yet
            seen = ask(path, "SELECT count(*) FROM http")[0][0]
        time.sleep(0.02)
    return seen


def use(address, count):
    with Client(address, []) as client:
        for n in range(count):
            client.ask("GET", f"/small?n={n}")


@live(probes=False)
def while_it_grows(t):
    """what the records say, seen by another program while the trace goes on, in the folder of the user behind sudo"""
    server = t.start(Nginx(t.folder))
    home = f"{t.folder}/home"
    os.mkdir(home, 0o755)
    os.chown(home, 1, 1)
    path = f"{home}/trace.db"
    os.environ.update(SUDO_UID="1", SUDO_GID="1")
    try:
        tracer = t.trace(server.pids, "--conns", "--sqlite", path)
    finally:
        del os.environ["SUDO_UID"], os.environ["SUDO_GID"]
    with tracer:
        use(server.address, 20)
        seen = rows_within(path, 20)
        t.expect(seen == 20, f"{seen} rows while it grows")
        owners = {os.stat(f"{home}/{name}").st_uid for name in os.listdir(home)}
        t.expect(owners == {1}, f"the files belong to {owners}")
    t.expect(os.listdir(home) == ["trace.db"], f"left beside it: {os.listdir(home)}")
    rows = ask(path, f"SELECT {', '.join(FIELDS)} FROM http ORDER BY seq")
    wanted = [tuple(int(r[k]) if k == "ok" else r[k] for k in FIELDS) for r in tracer.messages()]
    t.expect(rows == wanted, f"rows {rows[:2]} for {wanted[:2]}")
    t.expect(ask(path, "SELECT type, messages FROM connections") == [("close", 20)], "the connection is a row")


@live(probes=False)
def killed(t):
    """a tracer that is killed while rows come leaves a sound file"""
    server = t.start(Nginx(t.folder))
    path = f"{t.folder}/killed.db"
    tracer = t.trace(server.pids, "--sqlite", path, clean=False)
    with tracer:
        use(server.address, 200)
        seen = rows_within(path, 200)
        tracer.process.send_signal(signal.SIGKILL)
        tracer.process.wait(10)
    t.expect(seen == 200, f"{seen} rows of 200")
    with contextlib.closing(sqlite3.connect(path)) as db:
        t.expect(db.execute("PRAGMA integrity_check").fetchall() == [("ok",)], "the file is damaged")
        t.expect(db.execute("SELECT count(*) FROM http").fetchone() == (200,), "rows that were seen are gone")
        t.expect(db.execute("SELECT reason FROM meta").fetchall() == [(None,)], "it is said to have ended")


@live(probes=False)
def question(t):
    """--sql at the end of a trace, and nothing else on standard output"""
    server = t.start(Nginx(t.folder))
    path, sql = f"{t.folder}/asked.db", "SELECT op, count(*) AS n, min(latency_ns) > 0 AS timed FROM http GROUP BY 1"
    with t.trace(server.pids, "--sqlite", path, "--sql", sql, clean=False) as tracer:
        use(server.address, 5)
        rows_within(path, 5)
    tracer.file.seek(0)
    out = tracer.file.read()
    t.expect(tracer.process.returncode == 0, f"exit status {tracer.process.returncode}: {tracer.errors}")
    t.expect(json.loads(out) == {"op": "GET", "n": 5, "timed": 1}, f"the answer is {out}")
