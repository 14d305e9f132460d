#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Do --sqlite and --sql say what the JSON of the same tape says? sqlite_test.py PXTRACE GOLDEN-FOLDER

Every value of every record is compared, by column and type; then the rules of the file, a writer that is killed, and a
reader beside it.
"""
import base64
import contextlib
import csv
import gzip
import io
import json
import math
import os
import pathlib
import pty
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "tools"))
import pcapmake  # noqa: E402

CLOSED = ("duration_ns", "bytes_sent", "bytes_received", "messages", "errors", "lost_bytes")
faults = []


def check(ok, fault):
    if not ok:
        faults.append(str(fault))


def run(program, *words, code=0):
    done = subprocess.run([program, *map(str, words)], capture_output=True, check=False, stdin=subprocess.DEVNULL)
    check(done.returncode == code, f"{words}: {done.returncode} instead of {code}: {done.stderr}")
    return done.stdout, done.stderr.decode()


def asked(path, sql):
    """The first row; the connection is closed, so that nothing of it stays beside the file."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        return db.execute(sql).fetchone()


def json_of(program, tape, *words):
    return [json.loads(line) for line in run(program, "-q", "-r", tape, "-j", *words)[0].splitlines()]


def columns_of(record):
    """A record's values by the names of their columns, as SQLite has to give them."""
    flat = {}
    for key, value in record.items():
        if key in ("req", "resp"):
            for name, inner in (value or {}).items():
                flat[f"{key}_{name}"] = inner
        else:
            flat[key] = value
    out = {}
    for key, value in flat.items():
        if key.endswith("_b64"):
            value = {"b64": value} if isinstance(value, list) else base64.b64decode(value)
            key = key[:-4]
        out[key] = value
    return out


def same(column, value, cell):
    """Is cell what SQLite has to hold for the JSON value?"""
    if isinstance(value, bool):
        return cell == int(value) and isinstance(cell, int)
    if isinstance(value, (list, dict)):
        return isinstance(cell, str) and json.loads(cell) == value
    if isinstance(value, str) and isinstance(cell, int):  # an id beyond 2^53, which JSON writes as a text
        return str(cell) == value and cell > 2**53
    return cell == value and type(cell) is type(value)


def compare(name, record, row, without=()):
    wanted = columns_of(record)
    for column in row.keys():
        if column in without:
            continue
        value = wanted.pop(column, None)
        check(same(column, value, row[column]), f"{name}: {column} is {row[column]!r}, not {value!r}")
    left = {k for k, v in wanted.items() if v is not None} - set(without) - {"type", "summary"}
    check(not left, f"{name}: no columns for {left}")


def look_at(program, tape, folder):
    name = pathlib.Path(tape).name
    # With --conns both number all records.
    records = json_of(program, tape, "--conns", "--tls-info")
    path = folder / "look.db"
    run(program, "-q", "-r", tape, "--conns", "--tls-info", "-o", "/dev/null", "--sqlite", path)
    db = sqlite3.connect(path)
    db.row_factory = sqlite3.Row
    check(db.execute("PRAGMA integrity_check").fetchone()[0] == "ok", f"{name}: the file is damaged")
    messages = [r for r in records if r["type"] == "message"]
    check(db.execute("SELECT count(*) FROM messages").fetchone()[0] == len(messages), f"{name}: the number of messages")
    for r in messages:
        found = db.execute(f'SELECT * FROM "{r["proto"]}" WHERE seq = ?', (r["seq"],)).fetchall()
        check(len(found) == 1, f"{name}: {len(found)} rows for record {r['seq']}")
        for row in found:
            compare(f"{name}: {r['seq']}", r, row)
    for proto in {r["proto"] for r in messages}:
        count = db.execute(f'SELECT count(*) FROM "{proto}"').fetchone()[0]
        check(count == sum(r["proto"] == proto for r in messages), f"{name}: the number of {proto}")
    for kind, table in (("tls", "tls"), ("lost", "lost"), ("note", "notes")):
        rows = db.execute(f"SELECT * FROM {table} ORDER BY seq").fetchall()
        wanted = [r for r in records if r["type"] == kind]
        check(len(rows) == len(wanted), f"{name}: {len(rows)} {kind} for {len(wanted)}")
        for r, row in zip(wanted, rows):
            compare(f"{name}: {kind}", r, row, ("ok",))

    opened = {r["conn"]: r for r in records if r["type"] == "open"}
    closed = {r["conn"]: r for r in records if r["type"] == "close"}
    rows = {row["conn"]: row for row in db.execute("SELECT * FROM connections")}
    check(set(rows) == set(opened) | set(closed), f"{name}: {set(rows)} are the connections")
    for conn, row in rows.items():
        if conn in opened:
            check(all(row[k] == opened[conn].get(k) for k in ("ts", "ts_us", "local_port", "remote_addr", "connect_ns")),
                  f"{name}: connection {conn} opened: {tuple(row)}")
        check([row[k] for k in CLOSED] == [closed.get(conn, {}).get(k) for k in CLOSED], f"{name}: {conn} closed: {tuple(row)}")
    start, stop = records[0], records[-1]
    meta = dict(db.execute("SELECT * FROM meta").fetchone())
    check(meta["version"] == start["version"] and meta["messages"] == stop["messages"] == len(messages) and
          meta["reason"] == stop["reason"] and meta["command"].endswith(f"--sqlite {path}"), f"{name}: meta is {meta}")
    db.close()
    numbers(program, tape, messages, name)


def numbers(program, tape, messages, name):
    """What is summed up in SQL and from the JSON."""
    query = ("SELECT proto, op, count(*) AS n, sum(NOT ok) AS errors, sum(latency_ns) AS total, max(latency_ns) AS most,"
             " percentile(latency_ns, 50) AS p50, percentile(latency_ns, 95) AS p95 FROM messages GROUP BY 1, 2 ORDER BY 1, 2")
    groups = {}
    for r in messages:
        groups.setdefault((r["proto"], r.get("op")), []).append(r)
    wanted = []
    for (proto, op), rs in sorted(groups.items(), key=lambda g: (g[0][0], g[0][1] or "")):
        times = sorted(r["latency_ns"] for r in rs if r["latency_ns"] is not None)
        rank = [times[max(math.ceil(len(times) * p / 100), 1) - 1] if times else None for p in (50, 95)]
        wanted.append({"proto": proto, "op": op, "n": len(rs), "errors": sum(not r["ok"] for r in rs),
                       "total": sum(times) if times else None, "most": max(times, default=None), "p50": rank[0], "p95": rank[1]})
    check(json_of(program, tape, "--sql", query) == wanted, f"{name}: the sums differ from {wanted}")
    text = run(program, "-q", "-r", tape, "--format", "csv", "--sql", query)[0].decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    check(rows == [{k: "" if v is None else str(v) for k, v in w.items()} for w in wanted], f"{name}: as CSV {rows[:2]}")


def file_rules(program, tape, folder):
    new, link, other = folder / "new.db", folder / "link.db", folder / "other.db"
    run(program, "-q", "-r", tape, "-o", "/dev/null", "--sqlite", new)
    check(stat.S_IMODE(new.stat().st_mode) == 0o600, "the file can be read by others")
    check(not list(folder.glob("new.db-*")), "something is left beside the file")
    # Somebody still has it open when it is written anew, and closes it when that is done.
    before = sqlite3.connect(new)
    count = before.execute("SELECT count(*) FROM messages").fetchone()
    # What a killed writer has left is not taken for ours.
    (folder / "new.db-wal").write_bytes(random.Random(1).randbytes(50000))
    (folder / "new.db-journal").write_bytes(random.Random(2).randbytes(50000))
    run(program, "-q", "-r", tape, "-o", "/dev/null", "--sqlite", new)
    before.close()
    check(asked(new, "SELECT count(*) FROM messages") == count, "it is not written anew")
    link.symlink_to(other)
    check("symbolic link" in run(program, "-r", tape, "--sqlite", link, code=1)[1], "a link is followed")
    (folder / "new.db-wal").symlink_to(other)
    check("symbolic link" in run(program, "-r", tape, "--sqlite", new, code=1)[1], "a link beside it is followed")
    check(not other.exists(), "what the link names was made")
    (folder / "new.db-wal").unlink()
    other.write_bytes(b"x")
    os.link(other, folder / "second.db")
    check("more than one name" in run(program, "-r", tape, "--sqlite", other, code=1)[1], "a file of two names is taken")
    for odd in ("-", "/dev/null"):
        run(program, "-r", tape, "--sqlite", odd, code=2)
    run(program, "-r", tape, "--sqlite", tape, code=2)
    run(program, "-r", tape, "--sqlite", folder / "none" / "x.db", code=1)
    # A folder behind a link is a folder.
    (folder / "door").symlink_to(folder)
    run(program, "-q", "-r", tape, "-o", "/dev/null", "--sqlite", folder / "door" / "in.db")
    check((folder / "in.db").exists(), "not made in a folder behind a link")


def redaction(program, golden, folder):
    tape = folder / "secrets"
    tape.write_bytes(gzip.decompress((golden / "secrets" / "tape.gz").read_bytes()))
    path = folder / "secrets.db"
    told = subprocess.run([program, "-q", "-j", "-r", tape], capture_output=True, check=True).stdout
    open_told = subprocess.run([program, "-q", "-j", "--no-redact", "-r", tape], capture_output=True, check=True).stdout
    secrets = set()
    for one, other in zip(told.splitlines(), open_told.splitlines()):
        hidden, shown = (json.loads(line).get("req") or {} for line in (one, other))
        for name, value in (shown.get("headers") or {}).items():
            if "***" in hidden.get("headers", {}).get(name, "") and len(value) > 12:
                secrets.add(value.split()[-1].encode())
    check(secrets, "there is no secret on the tape")
    run(program, "-q", "-r", tape, "-o", "/dev/null", "--sqlite", path)
    data = path.read_bytes()
    check(not [s for s in secrets if s in data], "a secret is in the file")
    run(program, "-q", "-r", tape, "-o", "/dev/null", "--no-redact", "--sqlite", path)
    data = path.read_bytes()
    check([s for s in secrets if s in data], "--no-redact changes nothing")


def command_line(program, tape, folder):
    """What --sql says and how it ends; secrets of a traced command stay where they are."""
    cases = [("SELEC 1", 2), ("SELECT nosuch FROM http", 2), ("ATTACH 'x' AS y", 2), ("DELETE FROM messages", 2),
             ("", 2), ("SELECT json_extract('x', '$')", 1), ("SELECT 1; SELECT 2", 0)]
    for sql, code in cases:
        err = run(program, "-q", "-r", tape, "--sql", sql, code=code)[1]
        check((code == 0) == (err == "") and all(line.startswith("pxtrace: ") for line in err.splitlines()), f"{sql}: {err}")
    out = run(program, "-q", "-r", tape, "--sql", "SELECT count(*) AS n FROM http")[0]
    check(out == b"n\n8\n", f"the answer alone, not {out}")
    out = run(program, "-q", "-r", tape, "--print", "--sql", "SELECT count(*) AS n FROM http")[0]
    check(out.endswith(b"n\n8\n") and out.count(b"\n") == 10, f"messages and the answer, not {out}")
    target = folder / "answer"
    run(program, "-q", "-r", tape, "-o", target, "--sql", "SELECT count(*) AS n FROM http")
    check(target.read_bytes() == b"n\n8\n", "-o has the answer")
    both = folder / "both.db"
    out = run(program, "-q", "-r", tape, "--sqlite", both, "--sql", "SELECT count(*) AS n FROM http")[0]
    check(out == b"n\n8\n" and asked(both, "SELECT count(*) FROM http") == (8,), "both of them")
    out = run(program, "-q", "-r", tape, "http and status = 404", "--sql", "SELECT status FROM messages")[0]
    check(out == b"status\n404\n", f"an expression chooses: {out}")
    for words in (["--sql", "SELECT 1", "--summary-only"], ["--sql", "SELECT 1", "--fields", "ts"], ["--print"]):
        run(program, "-r", tape, *words, code=2)
    out = run(program, "-q", "-r", tape, "-S", "-j", "--print", "--sql", "SELECT sum(count) AS n FROM summary")[0]
    check(json.loads(out.splitlines()[-1]) == {"n": 8}, f"summary records are rows: {out[-80:]}")


def names(program, tape):
    """host() says what the hosts file does."""
    found = {}
    for line in pathlib.Path("/etc/hosts").read_text().splitlines():
        words = line.partition("#")[0].split()
        if len(words) > 1:
            found.setdefault(words[0].lower(), words[1])
    for addr, name in found.items():
        answer = json_of(program, tape, "--sql", f"SELECT host('{addr}') AS name")
        check(answer == [{"name": name}], f"host('{addr}') is {answer}, not {name}")


def interrupt(program, tape):
    """Ctrl-C in a query without end, and a reader who goes away."""
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT "
    process = subprocess.Popen([program, "-q", "-r", tape, "--sql", endless + "max(x) FROM n"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    # It is in the query when its time goes by.
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        ticks = sum(map(int, pathlib.Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]))
        if ticks > 20:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    check(process.returncode == 130 and err == b"pxtrace: --sql: interrupted\n", f"Ctrl-C: {process.returncode} {err}")
    process = subprocess.Popen([program, "-q", "-r", tape, "--sql", endless + "x FROM n"], stdout=subprocess.PIPE)
    process.stdout.read(100)
    process.stdout.close()
    check(process.wait(timeout=60) == 0, "a reader who goes away is no error")


def capture_of(folder, exchanges):
    """A packet capture with many exchanges on one connection."""
    talk = pcapmake.Conversation()
    talk.open()
    for i in range(exchanges):
        talk.exchange(b"/item/%d" % i)
    pcapmake.pcap(folder / "many.pcap", talk.frames())
    return (folder / "many.pcap").read_bytes()


def killed(program, folder):
    """A reader sees rows while they come; a writer that is killed leaves a sound file with all but the last moment."""
    source = capture_of(folder, 3000)
    head, packets = source[:24], source[24:]
    for attempt in range(4):
        path = folder / f"killed{attempt}.db"
        process = subprocess.Popen([program, "-q", "-r", "-", "-o", "/dev/null", "--sqlite", path], stdin=subprocess.PIPE)
        process.stdin.write(head + packets[:len(packets) // 2])
        process.stdin.flush()
        deadline = time.monotonic() + 60
        seen = 0
        while seen < 500 and time.monotonic() < deadline:
            time.sleep(0.02)
            try:
                db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
                seen = db.execute("SELECT count(*) FROM http").fetchone()[0]
                db.close()
            except sqlite3.OperationalError:  # not made yet
                pass
        check(seen >= 500, f"{seen} rows are seen while the file grows")
        if attempt % 2:  # in the middle of writing
            process.stdin.write(packets[len(packets) // 2:len(packets) * 3 // 4])
            process.stdin.flush()
        process.kill()
        process.wait()
        process.stdin.close()
        db = sqlite3.connect(path)
        check(db.execute("PRAGMA integrity_check").fetchall() == [("ok",)], "the file of a killed writer is damaged")
        kept = db.execute("SELECT count(*), count(DISTINCT req_path) FROM http").fetchone()
        check(kept[0] == kept[1] >= seen, f"{kept} rows are left of {seen} that were seen")
        check(db.execute("SELECT host IS NOT NULL, reason FROM meta").fetchall() == [(1, None)], "it is not known to be cut")
        db.close()


def locked(program, folder):
    """Another program keeps the file for itself: what is not written is counted and said, and the run goes on."""
    source, path = capture_of(folder, 400), folder / "locked.db"
    process = subprocess.Popen([program, "-r", "-", "-o", "/dev/null", "--sqlite", path], stdin=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    process.stdin.write(source[:len(source) // 2])
    process.stdin.flush()
    deadline = time.monotonic() + 60
    db = None
    while time.monotonic() < deadline:
        try:
            db = sqlite3.connect(f"file:{path}?mode=rw", uri=True, isolation_level=None, timeout=30)
            if db.execute("SELECT count(*) FROM http").fetchone()[0] >= 100:
                break
        except sqlite3.OperationalError:
            pass
        time.sleep(0.02)
    db.execute("BEGIN IMMEDIATE")
    process.stdin.write(source[len(source) // 2:len(source) // 2 + 400])
    process.stdin.flush()
    time.sleep(1)
    db.execute("COMMIT")
    process.stdin.write(source[len(source) // 2 + 400:])
    process.stdin.close()
    process.stdin = None
    err = process.communicate(timeout=60)[1].decode()
    check(process.returncode == 0, f"locked: {err}")
    count = db.execute("SELECT count(*) FROM http").fetchone()[0]
    check(count == 400 or "another program had locked it" in err, f"{count} rows of 400 and not a word: {err}")


def terminal(program, tape):
    """On a terminal too the answer is a table."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([program, "-q", "-r", tape, "--sql", "SELECT op, status FROM http LIMIT 1"], stdout=theirs,
                               stdin=subprocess.DEVNULL)
    os.close(theirs)
    out = b""
    try:
        while piece := os.read(ours, 4096):
            out += piece
    except OSError:
        pass
    os.close(ours)
    check(process.wait() == 0 and out.replace(b"\r", b"") == b"op   status\nGET  200\n", f"on a terminal: {out}")


def main():
    program, golden = sys.argv[1], pathlib.Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for packed in sorted(golden.glob("*/tape.gz")):
            tape = folder / packed.parent.name
            tape.write_bytes(gzip.decompress(packed.read_bytes()))
            look_at(program, str(tape), folder)
        tape = str(folder / "nginx")
        file_rules(program, tape, folder)
        redaction(program, golden, folder)
        command_line(program, tape, folder)
        names(program, tape)
        interrupt(program, tape)
        terminal(program, tape)
        killed(program, folder)
        locked(program, folder)
    print("\n".join(faults[:20]) or "the tables say what the records say")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
