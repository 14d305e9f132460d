# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL with clients in five languages and psql; what each says that it did is the truth."""
import json
import os
import re
import subprocess
from collections import Counter

from harness import cuts, postgres
from harness.clients import Client
from harness.postgres import DATABASE, MD5_USER, PASSWORD, USER, PostgreSQL
from harness.registry import live
from harness.servers import Skip, need, port_of_another
from harness.tcpdump import Tcpdump
from harness.tls import certificate
from harness.told import differences, program
from harness.tracer import Failed, kept
from test_files import read_back


def known(told, is_early_known):
    """A statement prepared before the tracer came: its execution is a record, and no more is known of it."""
    out = []
    for want in told:
        want = dict(want)
        if want.pop("early", False):
            want.update({"op": "SELECT", "req.params": ["3"]} if is_early_known else {"op": "EXECUTE", "req.sql": None})
        out.append(want)
    return out


def same(told, records, what):
    wrong = differences(told, records)
    if wrong or not told:
        raise Failed(f"{what}: {len(told)} exchanges, {len(records)} records:\n    " + "\n    ".join(wrong[:6]))


def hides(tracer):
    """Neither the password nor what it becomes on its way."""
    tracer.file.seek(0)
    text = tracer.file.read().decode()
    if PASSWORD in text or re.search(r"md5[0-9a-f]{32}|[rp]=[A-Za-z0-9+/]{20}", text):
        raise Failed("a password is shown")


def ended(rec):
    """When a record's answer had come, in ns; those of an older connection are told later than those of another one."""
    return rec["ts_us"] // 10**6 * 10**9 + int(rec["ts"][20:29]) + (rec["latency_ns"] or 0)


@live()
def languages(t):
    """psycopg2, asyncpg, pg of Ruby, lib/pq of Go, DBD::Pg, connected before the tracer comes; both ends of each"""
    server = t.start(PostgreSQL(t.folder))
    clients = {}
    for name in ("pgsql_psycopg2.py", "pgsql_asyncpg.py", "pgsql_pg.rb", "pgsql_client.go", "pgsql_dbd.pl"):
        words = server.words()
        if name.endswith(".pl"):
            words[0] = server.socket_path
        try:
            clients[name] = program(name, "github.com/lib/pq", *words)
            t.stops.append(clients[name].stop)
        except Skip as why:
            t.note(str(why))
    with t.trace([*server.pids, *(c.pid for c in clients.values())], "-f") as tracer:
        told = {name: client.go() for name, client in clients.items()}
    hides(tracer)
    # What waits for another connection looks again and again.
    records = sorted((r for r in tracer.messages() if "pg_stat_activity" not in str(r["req"])), key=ended)
    seen = 0
    for name, client in clients.items():
        ours = [r for r in records if r["pid"] == client.pid]
        ends = {(r["net"], r["local_port"]) for r in ours}
        theirs = [r for r in records if r["role"] == "server" and (r["net"], r.get("remote_port")) in ends]
        same(known(told[name], False), ours, f"{name}, client")
        same(known(told[name], False), theirs, f"{name}, server")
        seen += len(ours) + len(theirs)
    t.expect(seen == len(records), f"{len(records) - seen} records of nobody's")
    t.note(f"{len(clients)} libraries")


# What psql is asked, with the first word of each statement and its table.
SCRIPT = [
    (["SELECT id, name FROM people"], [("SELECT", "people")]),
    (["INSERT INTO people VALUES (60, 'x'), (61, 'y')"], [("INSERT", "people")]),
    (["SELECT 1", "SELECT * FROM people WHERE id < 3", "DELETE FROM people WHERE id > 50"], [("SELECT", None), ("SELECT", "people"), ("DELETE", "people")]),
    (["SELECT * FROM nope"], [("SELECT", "nope")]),
    (["SELECT 1/0"], [("SELECT", None)]),
]


def psql(server, *options, user=USER, host=None, password=PASSWORD):
    """psql with SCRIPT as its input; after each query it says how many rows the last statement had, and its SQLSTATE."""
    env = [need("env"), f"PGPASSWORD={password}", *options]
    client = Client([*env, postgres.tool("psql"), "-XAqt", "-h", host or "127.0.0.1", "-p", str(server.port), "-U", user, "-d", DATABASE], keep=True)
    client.stdin = "".join("\\; ".join(sqls) + ";\n\\echo @ :ROW_COUNT :SQLSTATE\n" for sqls, _ in SCRIPT)
    return client


def check_script(records, out, what):
    said = [line.split()[1:] for line in out.decode().splitlines() if line.startswith("@ ")]
    want = [(op, target) for _, statements in SCRIPT for op, target in statements]
    if [(r["op"], r.get("target")) for r in records] != want or len(said) != len(SCRIPT):
        raise Failed(f"{what}: {[(r['op'], r.get('target')) for r in records]}, psql said {said}")
    at = 0
    for (sqls, _), (rows, code) in zip(SCRIPT, said):
        at += len(sqls)
        last = records[at - 1]
        got = ("00000", last["resp"]["rows"]) if last["ok"] else (last["status"], 0)
        if got != (code, int(rows)) or [r["req"]["sql"].strip() for r in records[at - len(sqls):at]] != [f"{sql};" if len(sqls) == 1 else sql for sql in sqls]:
            raise Failed(f"{what}: psql said {rows} {code}: {last}")


@live()
def psql_starts(t):
    """psql from its start: UNIX socket, SCRAM with TLS refused, MD5, a wrong password, TLS accepted; no secret is shown"""
    plain, secure = t.start(PostgreSQL(t.folder)), t.start(PostgreSQL(t.folder, pem=certificate(t.folder)[0]))
    runs = [  # client, its server, the user, what the start says
        (psql(plain, host=plain.socket_path), "unix", False, {"auth": "none"}),
        (psql(plain, "PGSSLMODE=prefer"), "tcp", False, {"ssl": "refused", "auth": "scram-sha-256"}),
        (psql(plain, "PGSSLMODE=disable", user=MD5_USER), "tcp", False, {"user": MD5_USER, "auth": "md5"}),
        (psql(secure, "PGSSLMODE=require"), "tcp", True, {"auth": "scram-sha-256-plus"}),
    ]
    wrong = psql(plain, "PGSSLMODE=disable", password="wrong")
    clients = [run[0] for run in runs] + [wrong]
    t.stops += [client.stop for client in clients]
    with t.trace([plain.process.pid, secure.process.pid, *(c.pid for c in clients)], "-f") as tracer:
        outs = [client.go() for client, _, _, _ in runs]
        try:
            wrong.go()
        except RuntimeError as err:
            t.expect("password authentication failed" in str(err), str(err))
    hides(tracer)
    for (client, net, is_tls, start), out in zip(runs, outs):
        ours = [r for r in tracer.messages() if r["pid"] == client.pid]
        ends = {(net, r["local_port"]) for r in ours}
        theirs = [r for r in tracer.messages() if r["role"] == "server" and (r["net"], r.get("remote_port")) in ends]
        for role, records in (("client", ours), ("server", theirs)):
            what = f"{role}, {start}"
            if is_tls:  # the question in clear is a record of its own
                t.expect([(r["op"], r["req"].get("ssl"), r["tls"], r["ok"]) for r in records[:1]] == [("STARTUP", "accepted", False, True)], f"{what}: {records[:1]}")
                records = records[1:]
            t.expect(records and all(r["tls"] == is_tls and r["net"] == net for r in records), f"{what}: {[(r['op'], r['tls']) for r in records]}")
            first = records[0]
            told = {"user": USER, "db": DATABASE, "application": "psql", **start}
            got = {key: first["req"].get(key) or first["resp"].get(key) for key in told}
            t.expect(first["op"] == "STARTUP" and first["ok"] and got == told, f"{what}: {first}")
            check_script(records[1:], out, what)
    failed = [r for r in tracer.messages() if r["op"] == "STARTUP" and not r["ok"]]
    t.expect([(r["role"], r["status"], r["resp"]["severity"]) for r in sorted(failed, key=lambda r: r["role"])] ==
             [("client", "28P01", "FATAL"), ("server", "28P01", "FATAL")], f"{failed}")


def position(lsn):
    high, low = lsn.split("/")
    return int(high, 16) << 32 | int(low, 16)


@live(probes=False)
def functions_and_replication(t):
    """psql's large objects are function calls; what pg_receivewal is sent is no message, and nothing is misread"""
    server = t.start(PostgreSQL(t.folder))
    where = ["-h", server.socket_path, "-p", str(server.port), "-U", postgres.ADMIN]
    path, count = f"{t.folder}/large", 20_000
    with open(path, "w") as file:
        file.write("V\0\0\0\x09" * (count // 5))
    large = Client([postgres.tool("psql"), "-XAq", *where, "-d", DATABASE, "-c", f"\\lo_import {path}"])
    server.ask("SELECT pg_switch_wal()")  # it begins with a part of the log, and psql will write more than enough
    end = server.ask("SELECT pg_current_wal_lsn() + 256")[0]
    os.mkdir(f"{t.folder}/wal")
    wal = Client([postgres.tool("pg_receivewal"), *where, "-D", f"{t.folder}/wal", "--no-loop", "--endpos", end])
    t.stops += [large.stop, wal.stop]
    with t.trace([large.pid, wal.pid], "--conns") as tracer:
        large.go()
        wal.go()
    t.expect(server.ask("SELECT sum(length(data)) FROM pg_largeobject") == [str(count)], "it is not there")
    told = [[(r["op"], r["status"], r["flags"]) for r in tracer.messages() if r["pid"] == client.pid] for client in (large, wal)]
    # made, opened, written in three pieces of up to 8,192 bytes, closed
    calls = [("FUNCTION_CALL", "OK", [])] * 6
    t.expect(told[0] == [(op, "OK", []) for op in ("STARTUP", "BEGIN", "SELECT")] + calls + [("COMMIT", "OK", [])], f"{told[0]}")
    sizes = [r["req"]["bytes"] for r in tracer.messages() if r["op"] == "FUNCTION_CALL"]
    t.expect(sizes[2] == sizes[3] == 8192 + 29 and sizes[4] == count - 2 * 8192 + 29, f"{sizes}")
    ops = [op for op, status, flags in told[1] if status == "OK" and not flags]
    t.expect(len(ops) == len(told[1]) and ops[0] == "STARTUP" and ops[-1] == "START_REPLICATION" and set(ops[1:-1]) == {"SHOW", "IDENTIFY_SYSTEM"}, f"{told[1]}")
    # The log goes by behind that record, which has no part of it; the connection's account has it all.
    replication = [r for r in tracer.messages() if r["op"] == "START_REPLICATION"][0]
    begin = re.search(r"[0-9A-F]+/[0-9A-F]+", replication["req"]["sql"])[0]
    size = position(end) - position(begin)
    lives = [r for r in tracer.read() if r["type"] == "close" and r["conn"] == replication["conn"]]
    t.expect(size > 0 and len(lives) == 1 and lives[0]["bytes_received"] >= size and lives[0]["lost_bytes"] == 0 and replication["resp"]["bytes"] < 100,
             f"{size} bytes of the log, {replication}, {lives}")


@live()
def pgbench_modes(t):
    """pgbench, simple, extended and prepared: the counts are exact, nothing is lost"""
    server = t.start(PostgreSQL(t.folder))
    server.pgbench("-i", "-q", "-s", "1")
    count = 150
    with t.trace([server.process.pid], "-f", validate_all=False) as tracer:
        for mode in ("simple", "extended", "prepared"):
            out = server.pgbench("-n", "-M", mode, "-c", "3", "-t", str(count // 3))
            t.expect(f"actually processed: {count}/{count}" in out, out)
    records = tracer.messages()
    bad = [r for r in records if not r["ok"] or r["flags"]]
    t.expect(not bad, f"{len(bad)} with flags or failed: {bad[:1]}")
    seen = Counter((r["req"]["command"], r["op"], r.get("target")) for r in records if r["op"] != "STARTUP")
    want = Counter()
    for command, times in (("QUERY", 1), ("EXECUTE", 2)):
        for op, table in (("BEGIN", None), ("UPDATE", "pgbench_accounts"), ("SELECT", "pgbench_accounts"), ("UPDATE", "pgbench_tellers"),
                          ("UPDATE", "pgbench_branches"), ("INSERT", "pgbench_history"), ("END", None)):
            want[command, op, table] += times * count
            if command == "EXECUTE":  # each of three clients prepares each of them once
                want["PARSE", "PARSE", table] += 3
    own = Counter({key: n for key, n in (seen - want).items()})
    t.expect(not want - seen and sum(own.values()) <= 3 * 3 and {key[0] for key in own} <= {"QUERY"}, f"missing {want - seen}, and more than that {own}")
    t.expect(all("params" in r["req"] or r["op"] in ("BEGIN", "END") for r in records if r["req"]["command"] == "EXECUTE"), "parameters are missing")
    t.note(f"{len(records)} records")


def essence(records):
    """What both ways of looking have to agree on, in an order of its own."""
    return sorted(json.dumps([r.get("op"), r.get("target"), r["status"], r["error"], r["req"], r["resp"]], sort_keys=True) for r in records)


@live(probes=False)
def as_packets(t):
    """-w and tcpdump of the same traffic give the same records; tshark names the same statements; cut anywhere they give only true ones"""
    server = t.start(PostgreSQL(t.folder, port=port_of_another(3306)))
    ours, theirs = os.path.join(t.folder, "ours.pcapng"), os.path.join(t.folder, "theirs.pcap")
    clients = [program(name, None, *server.words()) for name in ("pgsql_asyncpg.py", "pgsql_pg.rb")]
    t.stops += [client.stop for client in clients]
    start = psql(server, "PGSSLMODE=prefer")
    t.stops.append(start.stop)
    with Tcpdump(server.port, theirs), t.trace([start.pid, *(c.pid for c in clients)], "-w", ours, "--print") as tracer:
        start.go()
        for client in clients:
            client.go()
    back = read_back(ours)
    t.expect(kept(back) == kept(tracer.messages()), "-w, read back: not the records that were printed")
    with open(ours, "rb") as file:
        t.expect(PASSWORD.encode() not in file.read(), "the password is in the file")
    whole = read_back(theirs)
    t.expect(essence(whole) == essence(back), f"tcpdump: {len(whole)} records of {len(back)}; "
             f"{(Counter(essence(whole)) - Counter(essence(back))).most_common(2)} {(Counter(essence(back)) - Counter(essence(whole))).most_common(2)}")
    judged = subprocess.run([need("tshark"), "-r", theirs, "-d", f"tcp.port=={server.port},pgsql", "-Y", "pgsql", "-T", "fields", "-e", "pgsql.type",
                             "-e", "pgsql.tag", "-e", "pgsql.query"], capture_output=True, text=True, check=True, timeout=60).stdout
    for text in {r["req"]["sql"] for r in whole if r["req"] and r["req"].get("command") in ("QUERY", "PARSE")}:
        t.expect(text.splitlines()[0][:50] in judged, f"tshark knows nothing of {text}")
    tags = sum(1 for r in whole if r["resp"] and r["resp"].get("tag"))
    named = Counter(word for line in judged.splitlines() for word in line.split("\t")[0].split(","))
    t.expect(named["Command completion"] == tags, f"{tags} tags, and tshark has {named}")
    cuts.hides_literals(theirs, whole, read_back, ["zo\u00eb", "9007199254740993", "[1, null]", "1969-07-20"])
    cuts.only_true(t.folder, theirs, whole, read_back)
