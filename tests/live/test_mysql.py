# SPDX-License-Identifier: Apache-2.0
"""MariaDB with clients in six languages; what each says that it did is the truth."""
import json
import os
import socket
import subprocess
import threading
import time

from harness import clients, cuts, mariadb, tls
from harness.registry import live
from harness.servers import Skip, need, port_of_another
from harness.tcpdump import Tcpdump
from harness.told import differences
from harness.tracer import Failed, binary
from test_files import read_back


def same(told, records, what=""):
    wrong = differences(told, records)
    if wrong:
        raise Failed(f"{what}: {len(told)} commands, {len(records)} records:\n    " + "\n    ".join(wrong[:8]))
    if not told:
        raise Failed("nothing was done")


def of_connections(records):
    """Lists of records by connection, in the order of their requests."""
    found = {}
    for rec in records:
        found.setdefault(rec["conn"], []).append(rec)
    return [sorted(recs, key=lambda rec: rec["seq"]) for recs in found.values()]


def hides(tracer):
    tracer.file.seek(0)
    if mariadb.PASSWORD.encode() in tracer.file.read():
        raise Failed("the password is shown")


EARLY = {"op": "SELECT", "req.sql": "SELECT 1 WHERE 7 > ?"}


def known(told, is_early_known):
    """A statement prepared before the tracer came: its execution is a record, and no more is known of it."""
    out = []
    for want in told:
        want = dict(want)
        if want.pop("early", False):
            params = want.pop("params")
            want.update(EARLY if is_early_known else {"op": "STMT_EXECUTE", "req.sql": None, "req.params": None})
            if is_early_known:
                want["req.params"] = params
        out.append(want)
    return out


def run_c(t, server, *words, address=None):
    client = mariadb.c_client(server, *words, address=address)
    t.stops.append(client.stop)
    with t.trace(server.pids) as tracer:
        told = client.go()
    hides(tracer)
    same(known(told, False), tracer.messages(), "server")
    t.expect({rec["role"] for rec in tracer.messages()} == {"server"}, "not all in the role of the server")


@live()
def c_library(t):
    """typed parameters, long data, cursors, bulk, multi-results, LOCAL INFILE, 20 queries ahead, 17 MB, CHANGE_USER, an idle pool"""
    run_c(t, t.start(mariadb.MariaDB(t.folder)))


@live()
def c_library_unix_compressed(t):
    """the same over a UNIX socket, and compressed: the tracer comes to a connection that is older"""
    server = t.start(mariadb.MariaDB(t.folder))
    run_c(t, server, "small", "compress", address=server.socket_path)


@live()
def c_library_joined_compressed(t):
    """compressed and traced from the start, the client's side"""
    server = t.start(mariadb.MariaDB(t.folder))
    with t.trace(server.pids) as tracer:
        client = mariadb.c_client(server, "small", "compress")
        t.stops.append(client.stop)
        told = client.go()
    hides(tracer)
    first = [{"op": "CONNECT", "req.user": mariadb.USER, "req.db": mariadb.DATABASE, "status": "OK"},
             {"op": "STMT_PREPARE", "status": "OK"}]
    same(first + known(told, True), tracer.messages())


@live()
def languages(t):
    """PyMySQL, mysqlclient, DBD::mysql, mysql2 of Ruby, go-sql-driver, mysql of node: text and prepared"""
    server = t.start(mariadb.MariaDB(t.folder))
    names = ["mysql_pymysql.py", "mysql_mysqldb.py", "mysql_dbd.pl", "mysql_ruby.rb", "mysql_client.go", "mysql_node.js"]
    missing = []
    for name in names:
        try:
            client = mariadb.script(server, name)
        except Skip as why:
            missing.append(str(why))
            continue
        t.stops.append(client.stop)
        with t.trace([client.pid]) as tracer:
            told = client.go()
        same(told, tracer.messages(), name)
    t.note(f"{len(names) - len(missing)} libraries" + "".join(f"; {why}" for why in missing))


@live()
def cli_in_command_mode(t):
    """mariadb -e under the tracer, from its login on, over TCP, with -w and -r as a second opinion"""
    server = t.start(mariadb.MariaDB(t.folder))
    sql = "SELECT name FROM people; SELECT * FROM nope"
    done = subprocess.run([binary(), "-j", "-o", f"{t.folder}/out", f"--probe={t.probe}", "-u", "root", "--", *mariadb.cli(server, sql)],
                          capture_output=True, text=True, timeout=60)
    with open(f"{t.folder}/out") as file:
        records = [rec for rec in map(json.loads, file) if rec["type"] == "message"]
    if done.returncode != 1 or "nope" not in done.stderr:
        raise Failed(f"the command's own error is lost: {done.returncode} {done.stderr}")
    ops = [(rec["op"], rec.get("target"), rec["status"], (rec["resp"] or {}).get("rows")) for rec in records]
    want = [("SELECT", "people", "OK", 3), ("SELECT", "nope", "1146/42S02", None)]
    if [op for op in ops if op[1]] != want or ops[0][0] != "CONNECT" or ops[-1][0] != "QUIT":
        raise Failed(f"{ops}")


@live(probes=False)
def another_method(t):
    """a server that asks for another way to prove who one is than the client began with: one login each, and no secret"""
    server = t.start(mariadb.MariaDB(t.folder))
    subprocess.run([need("mariadb"), "--no-defaults", f"-S{server.socket_path}", "-uroot", "-e", "INSTALL SONAME 'auth_ed25519';"
                    f"CREATE USER other@'%' IDENTIFIED VIA ed25519 USING PASSWORD('{mariadb.PASSWORD}'); GRANT ALL ON *.* TO other@'%'"],
                   check=True, capture_output=True, timeout=60)
    path = f"{t.folder}/saved.pcapng"
    runs = [clients.Client(mariadb.cli(server, "SELECT 1", "-uother", *words)) for words in ((), ("-pwrong",))]
    t.stops += [client.stop for client in runs]
    with t.trace([client.pid for client in runs], "-w", path, "--print") as tracer:
        runs[0].go()
        try:
            runs[1].go()
        except RuntimeError as why:
            t.expect("Access denied" in str(why), f"{why}")
    hides(tracer)
    told = [(rec["op"], rec["status"], rec["req"].get("user")) for rec in tracer.messages()]
    t.expect(told == [("CONNECT", "OK", "other"), ("SELECT", "OK", None), ("QUIT", "-", None), ("CONNECT", "1045/28000", "other")], f"{told}")
    back = read_back(path)
    t.expect([rec["req"] for rec in back] == [rec["req"] for rec in tracer.messages()], f"{back}")


@live(probes=False)
def over_tls(t):
    """mariadb --ssl, both ends: the greeting in the clear, and from the login on what goes through OpenSSL"""
    pem, authority = tls.certificate(t.folder)
    server = t.start(mariadb.MariaDB(t.folder, f"--ssl-cert={pem}", f"--ssl-key={pem}", f"--ssl-ca={authority}"))
    client = clients.Client(mariadb.cli(server, "SELECT name FROM people; SELECT * FROM nope", "--ssl", f"--ssl-ca={authority}"))
    t.stops.append(client.stop)
    with t.trace([*server.pids, client.pid]) as tracer:
        try:
            client.go()
        except RuntimeError as why:  # its status is that of the wrong query
            t.expect("nope" in str(why), f"{why}")
    for role in ("server", "client"):
        records = [r for r in tracer.messages() if r["role"] == role]
        told = [(r["op"], r.get("target"), r["status"], (r["resp"] or {}).get("rows")) for r in records if r["op"] not in ("CONNECT", "QUIT")]
        t.expect(told == [("SELECT", "people", "OK", 3), ("SELECT", "nope", "1146/42S02", None)], f"{role}: {told}")
        t.expect({(r["proto"], r["tls"], r.get("tls_lib")) for r in records} == {("mysql", True, "openssl")}, f"{role}: {records}")
        t.expect([(r["op"], r["req"].get("user"), r["status"]) for r in records][0] == ("CONNECT", mariadb.USER, "OK"), f"{role}: {records[0]}")
    hides(tracer)


def relay(t, server, size):
    """A port behind which the server is: of the first answer of more than 64 kB so many bytes go on in one call."""
    listener = socket.create_server(("127.0.0.1", 0))
    t.stops.append(listener.close)

    def pump(source, sink, size):
        held = b""
        while data := source.recv(1 << 20):
            held += data
            if size and 1 << 16 < len(held) < size:
                continue
            size = 0 if len(held) >= size else size
            sink.sendall(held)  # a blocking call moves all
            held = b""
        sink.shutdown(socket.SHUT_WR)

    def run():
        client, _ = listener.accept()
        upstream = socket.create_connection(server.address)
        with client, upstream:
            up = threading.Thread(target=pump, args=(client, upstream, 0), daemon=True)
            up.start()
            pump(upstream, client, size)
            up.join(20)
    threading.Thread(target=run, daemon=True).start()
    return listener.getsockname()[1]


@live()
def large_answers(t):
    """18 MB in one row, of which the calls' ends are copied; compressed, where packets begin inside is lost: that answer has a gap, the next one none"""
    server = t.start(mariadb.MariaDB(t.folder))
    compressed = relay(t, server, 4_000_000)
    blob = "SELECT GROUP_CONCAT(RANDOM_BYTES(1000) SEPARATOR '') FROM seq_1_to_"
    runs = []
    for large, options in ((f"{blob}18000", ()), (f"{blob}9000 GROUP BY seq MOD 3", ("--compress", f"-P{compressed}"))):
        sql = ";".join(["SET group_concat_max_len=100000000", *["SELECT 1"] * 20, large, "SELECT 2", "SELECT 3"])
        runs.append((large, clients.Client(mariadb.cli(server, sql, "--max-allowed-packet=64M", *options))))
        t.stops.append(runs[-1][1].stop)
    with t.trace([runs[0][1].pid, os.getpid()], "--proto", "mysql") as tracer:
        for _, client in runs:
            client.go()
    firsts = []
    # the client's own calls, and the relay's towards its client: 4 MB in one, whose inside is not copied
    for (large, _), role in zip(runs, ("client", "server")):
        records = [rec for rec in tracer.messages() if rec["role"] == role and (role == "server") == (rec["pid"] == os.getpid())]
        rec, *behind = records[[r["req"].get("sql") for r in records].index(large):]
        firsts.append(rec)
        told = [(r["op"], (r["resp"] or {}).get("rows"), r["flags"]) for r in behind]
        t.expect(told == [("SELECT", 1, []), ("SELECT", 1, []), ("QUIT", None, [])], f"{large}: {told}")
    whole, part = firsts
    t.expect(whole["status"] == "OK" and whole["resp"]["rows"] == 1 and whole["resp"]["bytes"] > 18_000_000, f"{whole}")
    t.expect(part["flags"] == ["gap"], f"{part}")


@live()
def sysbench(t):
    """sysbench, prepared statements, four threads: counts are exact and nothing is lost"""
    server = t.start(mariadb.MariaDB(t.folder))
    base = [need("sysbench"), "oltp_read_write", f"--mysql-host={server.address[0]}", f"--mysql-port={server.address[1]}",
            f"--mysql-user={mariadb.USER}", f"--mysql-password={mariadb.PASSWORD}", f"--mysql-db={mariadb.DATABASE}",
            "--tables=2", "--table-size=500", "--threads=4", "--db-driver=mysql"]
    subprocess.run([*base, "prepare"], check=True, capture_output=True, timeout=60)

    def counts():
        out = subprocess.run([need("mariadb"), "--no-defaults", f"-S{server.socket_path}", "-uroot", "-NBe",
                              "SHOW GLOBAL STATUS WHERE Variable_name IN ('Com_stmt_execute','Com_stmt_prepare','Com_stmt_close')"],
                             check=True, capture_output=True, text=True, timeout=20).stdout
        return {name.lower(): int(n) for name, n in map(str.split, out.splitlines())}
    before = counts()
    with t.trace(server.pids, validate_all=False) as tracer:
        subprocess.run([*base, "--events=300", "--time=0", "run"], check=True, capture_output=True, timeout=100)
        time.sleep(0.2)
    after = counts()
    seen = {}
    for rec in tracer.messages():
        name = "com_" + rec["req"]["command"].lower()
        seen[name] = seen.get(name, 0) + 1
        if {"gap", "unpaired"} & set(rec["flags"]) or rec["status"] not in ("OK", "-", "1213/40001"):
            raise Failed(f"{json.dumps(rec)[:500]}")
        if rec["req"]["command"] == "STMT_EXECUTE" and "params" not in rec["req"]:
            raise Failed(f"without its parameters: {json.dumps(rec)[:500]}")
    for name, count in after.items():
        if count - before[name] != seen.get(name, 0):
            raise Failed(f"{name}: {count - before[name]} of the server's, {seen.get(name, 0)} records")
    t.note(f"{len(tracer.messages())} records")


def serves(port):
    """Is there a connection to this port whose server's side is open?"""
    with open("/proc/net/tcp") as file:
        rows = [line.split() for line in file.readlines()[1:]]
    return any(row[1].endswith(f":{port:04X}") and row[3] in ("01", "08") for row in rows)  # ESTABLISHED, CLOSE_WAIT


def captured(t, *words):
    """tcpdump's file of what the C client does, from its login on: the server, the file, its records."""
    server = t.start(mariadb.MariaDB(t.folder, port=port_of_another(6379)))
    path = f"{t.folder}/db.pcap"
    dump = Tcpdump(server.address[1], path)
    t.stops.append(dump.process.kill)
    told = mariadb.c_client(server, "small", *words).go()
    deadline = time.monotonic() + 20
    while serves(server.address[1]) and time.monotonic() < deadline:  # the client is gone, and the server's end is still to come
        time.sleep(0.01)
    dump.stop()
    first = [{"op": "CONNECT", "status": "OK"}, {"op": "STMT_PREPARE", "status": "OK"}]
    whole = read_back(path)
    same(first + known(told, True), whole)
    return server, path, whole


@live(probes=False)
def captures(t):
    """tcpdump's file of that traffic gives the same records; cut anywhere it gives only true ones"""
    server, path, whole = captured(t)
    judged = subprocess.run([need("tshark"), "-r", path, "-d", f"tcp.port=={server.address[1]},mysql", "-Y", "mysql.query", "-T",
                             "fields", "-e", "mysql.query"], capture_output=True, text=True, timeout=60).stdout
    for text in {rec["req"]["sql"] for rec in whole if rec["req"]["command"] == "QUERY"}:
        if text[:60] not in judged:
            raise Failed(f"tshark knows nothing of {text}")
    cuts.hides_literals(path, whole, read_back, ["first second", "it's", "yy", "18446744073709551615"])
    cuts.only_true(t.folder, path, whole, read_back, places=1000)


@live(probes=False)
def captures_compressed(t):
    """the same of compressed packets: cut behind the login they are known by themselves, and what is told of them is true"""
    _, path, whole = captured(t, "compress")
    cuts.only_true(t.folder, path, whole, read_back, places=200)
    with open(path, "rb") as file:
        data = file.read()
    with open(path, "wb") as file:
        file.write(data[:24] + data[cuts.packets(data)[9]:])
    rest = [rec for rec in read_back(path) if rec["req"] and rec["resp"]]
    t.expect(len(rest) > len(whole) * 0.7, f"{len(rest)} pairs, and {len(whole)} records of the whole")
