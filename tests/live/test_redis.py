# SPDX-License-Identifier: Apache-2.0
"""Redis: a real server, clients in five languages, each command as its client knows it."""
import hashlib
import hashlib
import json
import os
import subprocess
import time
from collections import Counter

from harness import cuts, tls
from harness.redis import Failure, RedisServer, Resp, Told, benchmark_client, cli, compare, encode, library
from harness.registry import live
from harness.servers import free_port, need, port_of_another
from harness.tcpdump import Tcpdump
from test_files import read_back

# What every client library is asked to do, and knows the answer of.
PLAN = [
    ["SET", "user:7", "bob"], ["GET", "user:7"], ["GET", "none"], ["SET", "empty", ""], ["GET", "empty"],
    ["INCR", "n"], ["INCRBY", "n", "41"], ["LPUSH", "l", "a", "b", "c"], ["LRANGE", "l", "0", "-1"], ["LPUSH", "user:7", "x"],
    ["HSET", "h", "f", "1"], ["HGETALL", "h"], ["SADD", "s", "m"], ["SISMEMBER", "s", "m"], ["ZADD", "z", "1", "m"],
    ["EVAL", "return {1,{2,'x'},false}", "1", "k"], ["SET", "long", "v" * 5000], ["GET", "long"], ["APPEND", "long", "w"],
    ["STRLEN", "long"], ["MGET", "user:7", "none", "empty"], ["DEL", "user:7", "none"], ["NOSUCH", "x"], ["EXPIRE", "n", "100"],
    ["SET", "bl ank", "a \"b\" \\c"], ["GET", "bl ank"], ["TYPE", "l"], ["EXISTS", "l", "n"], ["ECHO", "h\u00e9llo"], ["DBSIZE"],
]


def drive(client, name):
    """Runs the plan; returns what the client was told."""
    client.stdin = "".join(json.dumps(words, ensure_ascii=False) + "\n" for words in PLAN)
    lines = [json.loads(line) for line in client.go().decode().splitlines()]
    if len(lines) != len(PLAN):
        raise AssertionError(f"{name} printed {len(lines)} lines")
    # redis-py and Redis.pm make the server's code an exception of its own; the words of the rest are the server's.
    return [Told(words, Failure(line["e"]) if "e" in line else line["v"], sent=len(encode(words)))
            for words, line in zip(PLAN, lines)]


def same_answer(told, rec):
    """An error may lack its code in a library's words."""
    if isinstance(told.value, Failure) and rec["error"] and rec["error"].strip().endswith(str(told.value).removeprefix("ERR ").strip()):
        told.value = Failure(rec["error"])
    if rec["resp"] and rec["resp"]["kind"] == "integer" and isinstance(told.value, str) and told.value.lstrip("-").isdigit():
        told.value = int(told.value)
    if isinstance(told.value, list):  # Redis.pm has no numbers
        told.value = numbers(told.value)
        rec["resp"]["value"] = json.dumps(numbers(json.loads(rec["resp"]["value"])))


def numbers(value):
    if isinstance(value, list):
        return [numbers(v) for v in value]
    return int(value) if isinstance(value, str) and value.lstrip("-").isdigit() else value


def libraries(t, name):
    server = t.start(RedisServer(t.folder))
    client = library(name, server.address)
    t.stops.append(client.stop)
    with t.trace([*server.pids, client.pid]) as tracer:
        t.account = drive(client, name)
    for role in ("server", "client"):
        records = [r for r in tracer.messages() if r["role"] == role and r["op"] not in ("HELLO", "CLIENT SETNAME", "QUIT", "SELECT", "INFO")]
        for told, rec in zip(t.account, records):
            same_answer(told, rec)
        problems = compare(t.account, records)
        t.expect(not problems, f"{role}: {problems[:4]}")
    calls = Counter({k: v for k, v in server.calls().items() if k != "INFO"})
    seen = Counter(r["op"] for r in tracer.messages() if r["role"] == "server" and r["status"] not in ("ERR",))
    t.expect(+calls == +Counter({k: v for k, v in seen.items() if k != "INFO"}), f"the server counted {calls - seen} more, {seen - calls} less")


@live()
def redis_py(t):
    """redis-py, both ends"""
    libraries(t, "py")


@live()
def node_redis(t):
    """node-redis, which sends ahead"""
    libraries(t, "js")


@live()
def redis_pm(t):
    """Perl's Redis"""
    libraries(t, "pl")


@live()
def redis_rb(t):
    """redis-rb"""
    libraries(t, "rb")


@live()
def redis_cli(t):
    """redis-cli over TCP, a UNIX socket, in RESP3 and with another database"""
    server = t.start(RedisServer(t.folder))
    script = "set a 1\nincr a\nget a\nlpush a x\nhset h f v\nhgetall h\nmulti\nincr a\nexec\nget none\nset \"\\x00\\xff\" \"\\x80\"\n"
    told = [("SET", "a", "OK"), ("INCR", "a", "2"), ("GET", "a", "2"), ("LPUSH", "a", "WRONGTYPE"), ("HSET", "h", None), ("HGETALL", "h", None),
            ("MULTI", None, "OK"), ("INCR", "a", "QUEUED"), ("EXEC", None, "[3]"), ("GET", "none", None), ("SET", None, "OK")]
    runs = [(server.address, ()), (server.socket_path, ()), (server.address, ("-3",)), (server.address, ("-n", "3"))]
    tools = [cli(address, *options) for address, options in runs]
    with t.trace([*server.pids, *(c.pid for c in tools)]) as tracer:
        for client in tools:
            client.stdin = script
            client.go()
            t.stops.append(client.stop)
    for role in ("server", "client"):
        records = [r for r in tracer.messages() if r["role"] == role]
        got = [(r["op"], r.get("target"), r["resp"].get("value") if r["ok"] else r["status"]) for r in records if r["op"] not in ("HELLO", "SELECT", "COMMAND DOCS")]
        want = told * len(runs)
        wrong = [(w, g) for w, g in zip(want, got) if w[:2] != g[:2] or (w[2] and w[2] != g[2])]
        t.expect(len(got) == len(want) and not wrong, f"{role}: {len(got)} of {len(want)}, {wrong[:3]}")
        t.expect([r["resp"]["kind"] for r in records if r["op"] == "HGETALL"] == ["array", "array", "map", "array"], "kinds of HGETALL")
        t.expect({r["req"].get("db") for r in records[-len(told):]} == {3}, "database")
        t.expect([r["req"].get("key_b64") for r in records if "target_b64" in r] == ["AP8="] * len(runs), "binary keys")
        nets = Counter(r["net"] for r in records)
        t.expect(nets["unix"] == len(told) + 1, f"{nets}")


@live(perf=True)
def exact_bytes(t):
    """pipelines of 1,000, transactions, databases, large values, CLIENT REPLY, lines: every byte and value"""
    server = t.start(RedisServer(t.folder))
    with t.trace(server.pids) as tracer:
        with Resp(server.address, t.account) as conn:
            words = [["INCR", "n"]] * 500 + [["SET", f"k{i}", "v" * i] for i in range(500)]
            conn.sock.sendall(b"".join(encode(w) for w in words))
            for w in words:
                value, got = conn.receive()
                conn.tell(w, value, len(encode(w)), got, 0)
            conn.ask("SELECT", "3", db=0)
            conn.ask("GET", "n", db=3)
            conn.ask("SELECT", "99", db=3)
            for w in (["MULTI"], ["SELECT", "1"], ["SET", "n", "x"], ["INCR", "n"], ["EXEC"]):
                conn.ask(*w, db=3)
            conn.ask("GET", "n", db=1)
            for size in (300_000, 10_000_000):
                conn.ask("SET", "big", b"b" * size)
                conn.ask("GET", "big")
                conn.ask("STRLEN", "big")
            conn.ask("SET", b"\x00\xff\r\n", b"\x80\r\n+OK\r\n")
            conn.ask("GET", b"\x00\xff\r\n")
            for w in (["CLIENT", "REPLY", "OFF"], ["SET", "q", "1"]):
                t.account.append(Told(w, None, conn.send(*w), one_way=True))
            conn.ask("CLIENT", "REPLY", "ON")
            for w in (["CLIENT", "REPLY", "SKIP"], ["SET", "q", "2"]):
                t.account.append(Told(w, None, conn.send(*w), one_way=True))
            conn.ask("GET", "q")
            conn.send(raw=b"\r\n\r\nset a 'b c'\r\n\r\nget a\n")
            for w, sent in ((["set", "a", "b c"], 13), (["get", "a"], 6)):
                value, got = conn.receive()
                conn.tell(w, value, sent, got)
            conn.ask("QUIT")
    problems = compare(t.account, tracer.messages())
    t.expect(not problems, f"{problems[:4]}")
    big = [r for r in tracer.messages() if r["op"] == "GET" and r["resp"].get("len") == 10_000_000]
    t.expect(len(big) == 1 and big[0]["flags"] == ["truncated"] and big[0]["resp"]["value"] == "b" * 16384, "the large value")


@live()
def behind_a_large_value(t):
    """a command behind a value of 10 MB in the same call, of which not all is copied: the call's end is, and the command is there"""
    server = t.start(RedisServer(t.folder))
    with t.trace([os.getpid()]) as tracer:
        with Resp(server.address, t.account) as conn:
            conn.sock.settimeout(None)  # with a timeout the call would move as much as there is room for
            words = [["SET", "big", b"b" * 10_000_000], ["GET", "big"], ["STRLEN", "big"]]
            conn.sock.sendall(b"".join(map(encode, words)))
            for w in words:
                value, got = conn.receive()
                conn.tell(w, value, len(encode(w)), got)
    problems = compare(t.account, tracer.messages())
    t.expect(not problems, f"{problems}")


@live()
def pushed(t):
    """channels, patterns, RESP3 pushes and invalidations, MONITOR: who sent what, and nothing takes an answer's place"""
    server = t.start(RedisServer(t.folder))
    with t.trace(server.pids) as tracer:
        listener, sender, watcher, modern = (Resp(server.address) for _ in range(4))
        listener.send("SUBSCRIBE", "a", "b", "c")
        [listener.receive() for _ in range(3)]
        listener.send("PSUBSCRIBE", "p*")
        listener.receive()
        watcher.ask("MONITOR")
        modern.ask("HELLO", "3")
        modern.ask("CLIENT", "TRACKING", "ON")
        modern.send("SUBSCRIBE", "a")
        modern.receive()
        modern.ask("GET", "tracked")
        sender.ask("PUBLISH", "a", "one")
        sender.ask("PUBLISH", "pq", "two")
        sender.ask("SET", "tracked", "x")
        [listener.receive() for _ in range(2)]
        [modern.receive() for _ in range(2)]
        listener.ask("PING")
        listener.send("UNSUBSCRIBE")
        [listener.receive() for _ in range(3)]
        modern.ask("GET", "tracked")
        lines = [watcher.receive()[0] for _ in range(5)]
        for conn in (listener, sender, watcher, modern):
            conn.sock.close()
    records = tracer.messages()
    got = Counter((r["op"], r.get("target"), r["status"]) for r in records)
    want = Counter({("SUBSCRIBE", "a", "OK"): 2, ("PSUBSCRIBE", "p*", "OK"): 1, ("MONITOR", None, "OK"): 1, ("HELLO", None, "OK"): 1,
                    ("CLIENT TRACKING", None, "OK"): 1, ("GET", "tracked", "OK"): 2, ("PUBLISH", "a", "OK"): 1, ("PUBLISH", "pq", "OK"): 1,
                    ("SET", "tracked", "OK"): 1, ("MESSAGE", "a", "-"): 2, ("PMESSAGE", "pq", "-"): 1, ("PUSH", None, "-"): 1,
                    ("PING", None, "OK"): 1, ("UNSUBSCRIBE", None, "OK"): 1})
    monitored = [r for r in records if r["op"] == "MONITOR" and r["status"] == "-"]
    rest = got - Counter({("MONITOR", None, "-"): len(monitored)})
    t.expect(rest == want, f"missing {want - rest}, invented {rest - want}")
    t.expect([r["resp"]["value"] for r in monitored][:5] == lines, f"{monitored[:2]} {lines}")
    t.expect(all(r["dir"] == "out" and r["req"] is None for r in records if r["status"] == "-"), "direction")
    t.expect([r["resp"]["len"] for r in records if r["op"] == "SUBSCRIBE" and r["resp"]["kind"] == "array"] == [3], "three answers to one command")


@live()
def blocking(t):
    """BLPOP has the latency that its client had to bear, also when it was under way before us"""
    server = t.start(RedisServer(t.folder))
    early, sender = Resp(server.address), Resp(server.address)
    early.ask("PING")
    early.send("BLPOP", "q", "0")
    time.sleep(0.1)
    with t.trace(server.pids) as tracer:
        late = Resp(server.address)
        begin = time.monotonic()
        late.send("BLPOP", "r", "0")
        time.sleep(0.4)
        sender.ask("RPUSH", "r", "x")
        late.receive()
        waited = time.monotonic() - begin
        sender.ask("RPUSH", "q", "y")
        early.receive()
        begin = time.monotonic()
        late.ask("BLPOP", "r", "0.2")
        timeout = time.monotonic() - begin
        early.ask("GET", "z")
        for conn in (early, late, sender):
            conn.sock.close()
    records = tracer.messages()
    pops = [r for r in records if r.get("op") == "BLPOP"]
    t.expect([r["target"] for r in pops] == ["r", "r"], f"{pops}")
    for rec, seconds in zip(pops, (waited, timeout)):
        t.expect(abs(rec["latency_ns"] / 1e9 - seconds) < 0.05, f"{rec['latency_ns']} ns instead of {seconds} s")
    alone = [r for r in records if r["req"] is None]
    t.expect(len(alone) == 1 and json.loads(alone[0]["resp"]["value"]) == ["q", "y"] and "mid_stream" in alone[0]["flags"], f"{alone}")
    t.expect(not [r for r in records if r.get("op") == "GET" and r["resp"] and r["resp"]["kind"] == "array"], "a pair that is none")


@live(probes=False)
def secrets(t):
    """passwords that commands carry, and that answers would tell, are neither in the records nor in the packets of -w; what else there is stays"""
    secret, digest = "not-shown", hashlib.sha256(b"not-shown").hexdigest()
    server = t.start(RedisServer(t.folder))
    path = os.path.join(t.folder, "saved.pcapng")
    asked = [["ACL", "SETUSER", "bob", "on", f">{secret}", "~*", "+@all"], ["ACL", "GETUSER", "bob"], ["ACL", "LIST"], ["AUTH", "bob", secret],
             ["AUTH", "bob", f"{secret}-2"], ["HELLO", "3", "AUTH", "bob", secret], ["CONFIG", "SET", "requirepass", secret],
             ["CONFIG", "GET", "requirepass"], ["SET", "key", "value"]]
    with t.trace(server.pids, "-w", path, "--print") as tracer:
        with Resp(server.address) as conn:
            told = [conn.ask(*words) for words in asked]
    t.expect(digest in str(told[1]) and digest in str(told[2]) and secret in str(told[7]), f"{told}")
    records, back = tracer.messages(), read_back(path)
    t.expect([(r["op"], r["status"], r["flags"]) for r in records] ==
             [(op, "WRONGPASS" if i == 4 else "OK", ["redacted"]) for i, op in enumerate(
                 ["ACL SETUSER", "ACL GETUSER", "ACL LIST", "AUTH", "AUTH", "HELLO", "CONFIG SET", "CONFIG GET"])] + [("SET", "OK", [])], f"{records}")
    sizes = [[(r["op"], r["status"], r["req"]["bytes"], r["resp"]["bytes"]) for r in ours] for ours in (records, back)]
    t.expect(sizes[0] == sizes[1], f"{sizes}")
    tracer.file.seek(0)
    with open(path, "rb") as file:
        texts = {"records": tracer.file.read(), "packets": file.read()}
    for where, text in texts.items():
        t.expect(not [word for word in (secret, digest) if word.encode() in text], f"shown in the {where}")


@live()
def cluster(t):
    """two nodes of a cluster: MOVED and ASK are failed commands with the server's words; redis-cli -c follows them, and the nodes' own traffic is nobody's"""
    nodes = [t.start(RedisServer(t.folder, "--cluster-enabled", "yes", "--cluster-port", str(free_port()))) for _ in range(2)]
    ports = [node.address[1] for node in nodes]
    with Resp(nodes[0].address) as first, Resp(nodes[1].address) as second:
        ids = [conn.ask("CLUSTER", "MYID").decode() for conn in (first, second)]
        first.ask("CLUSTER", "ADDSLOTSRANGE", 0, 8191)
        second.ask("CLUSTER", "ADDSLOTSRANGE", 8192, 16383)
        first.ask("CLUSTER", "MEET", "127.0.0.1", ports[1], nodes[1].argv[nodes[1].argv.index("--cluster-port") + 1])
        deadline = time.monotonic() + 30
        while not all(b"cluster_state:ok" in conn.ask("CLUSTER", "INFO") for conn in (first, second)) and time.monotonic() < deadline:
            time.sleep(0.05)
        here, moved = first.ask("CLUSTER", "KEYSLOT", "b"), first.ask("CLUSTER", "KEYSLOT", "a")
        t.expect(here < 8192 <= moved, "the test's own keys")
        second.ask("CLUSTER", "SETSLOT", here, "IMPORTING", ids[0])
        first.ask("CLUSTER", "SETSLOT", here, "MIGRATING", ids[1])
    tool = cli(nodes[0].address, "-c")
    t.stops.append(tool.stop)
    with t.trace([*nodes[0].pids, *nodes[1].pids, tool.pid]) as tracer:
        with Resp(nodes[0].address, t.account) as conn:
            conn.ask("SET", "a", "1")
            conn.ask("GET", "b")
        with Resp(nodes[1].address, t.account) as conn:
            conn.ask("SET", "a", "1")
            conn.ask("ASKING")
            conn.ask("GET", "b")
        tool.stdin = "get a\n"
        tool.go()
    t.expect([str(told.value) for told in t.account[:2]] == [f"MOVED {moved} 127.0.0.1:{ports[1]}", f"ASK {here} 127.0.0.1:{ports[1]}"], f"{t.account[:2]}")
    records = tracer.messages()
    problems = compare(t.account, [r for r in records if r["role"] == "server"][:5])
    t.expect(not problems, f"{problems}")
    for role in ("server", "client"):
        ours = [(r["op"], r["status"], r["local_port" if role == "server" else "remote_port"]) for r in records
                if r["role"] == role and r["op"] not in ("COMMAND", "COMMAND DOCS")]
        t.expect(ours[-2:] == [("GET", "MOVED", ports[0]), ("GET", "OK", ports[1])], f"{role}: {ours}")
        t.expect(len(ours) == (7 if role == "server" else 2), f"{role}: {ours}")


@live()
def replica(t):
    """a second server as replica: the snapshot is one answer, the stream behind it commands one way"""
    master = t.start(RedisServer(t.folder))
    with Resp(master.address) as conn:
        for i in range(100):
            conn.ask("SET", f"before{i}", b"+OK\r\n$3\r\n*1\r\n" * 1000)
    second = t.start(RedisServer(t.folder))
    with t.trace([*master.pids, *second.pids]) as tracer:
        with Resp(second.address) as conn:
            conn.ask("REPLICAOF", *map(str, master.address))
            deadline = time.monotonic() + 20
            while b"master_link_status:up" not in conn.ask("INFO", "replication") and time.monotonic() < deadline:
                time.sleep(0.1)
        with Resp(master.address) as conn:
            for i in range(50):
                conn.ask("SET", f"after{i}", "x")
            conn.ask("WAIT", "1", "2000")
    for role, way in (("server", "out"), ("client", "in")):
        records = [r for r in tracer.messages() if r["role"] == role]
        sync = [r for r in records if r["op"] == "PSYNC"]
        t.expect(len(sync) == 1 and sync[0]["status"] == "OK" and sync[0]["resp"]["value"].startswith("FULLRESYNC ") and
                 sync[0]["resp"]["len"] > 1000, f"{role}: {sync}")
        stream = [r for r in records if r["op"] == "SET" and r["status"] == "-"]
        t.expect([r["target"] for r in stream] == [f"after{i}" for i in range(50)], f"{role}: {len(stream)} commands of the master")
        t.expect({r["dir"] for r in stream} == {way}, f"{role}: direction")
        t.expect(not [r for r in records if {"unpaired", "gap"} & set(r["flags"])], f"{role}: something was misread")
        t.expect([r for r in records if r["op"] == "REPLCONF" and r["status"] == "-"], f"{role}: no acknowledgement")


@live(perf=True)
def pipelined_benchmark(t):
    """redis-benchmark -P 16, both ends: as many records as the server counted calls, from each end, none lost"""
    server = t.start(RedisServer(t.folder))
    tools = [benchmark_client(server.address, "-P", "16", "-n", "8000", "-c", "20", "-t", "set,get,lpush,mset"),
             benchmark_client(server.address, "-n", "5000", "-c", "20", "-t", "get", "-r", "1000")]
    with t.trace([*server.pids, *(client.pid for client in tools)], validate_all=False) as tracer:
        for client in tools:
            t.stops.append(client.stop)
            client.go()
    calls = server.calls()
    for role in ("server", "client"):
        records = [r for r in tracer.messages() if r["role"] == role]
        seen = Counter(r["op"] for r in records)
        wrong = {op: (calls[op], seen[op]) for op in calls.keys() | seen.keys() if calls[op] != seen[op] and op != "INFO"}
        t.expect(not wrong and seen["SET"] == 8000, f"{role}: calls and records: {wrong} {seen}")
        bad = [r for r in records if not r["ok"] or r["flags"]]
        t.expect(not bad, f"{role}: {len(bad)} with flags or failed: {bad[:1]}")


@live()
def pipe(t):
    """redis-cli --pipe, seen from the client: 3,000 commands sent ahead, and ECHO of random bytes at the end"""
    server = t.start(RedisServer(t.folder))
    count = 3_000
    client = cli(server.address, "--pipe")
    client.stdin = "".join(f"SET key:{i} {i}\r\n" for i in range(count))
    with t.trace([client.pid], validate_all=False) as tracer:
        out = client.go().decode()
    t.expect(f"replies: {count}" in out, out)
    ops = Counter((r.get("op"), r["status"]) for r in tracer.messages())
    t.expect(ops == {("SET", "OK"): count, ("ECHO", "OK"): 1}, f"{ops}")


@live(probes=False)
def over_tls(t):
    """redis-cli --tls, both ends: what goes through OpenSSL is Redis"""
    pem, authority = tls.certificate(t.folder)
    os.chmod(pem, 0o644)
    port = free_port()
    server = t.start(RedisServer(t.folder, "--tls-port", str(port), "--tls-cert-file", pem, "--tls-key-file", pem, "--tls-ca-cert-file", authority,
                                 "--tls-auth-clients", "no"))
    client = cli((server.address[0], port), "--tls", "--cacert", authority)
    t.stops.append(client.stop)
    client.stdin = "set a 1\nincr a\nlpush a x\nget a\n"
    with t.trace([*server.pids, client.pid]) as tracer:
        client.go()
    for role in ("server", "client"):
        records = [r for r in tracer.messages() if r["role"] == role and r.get("op") not in ("COMMAND DOCS", "HELLO")]
        told = [(r["proto"], r["tls"], r.get("tls_lib"), r.get("op"), r.get("target"), r["status"], r["flags"], r.get("local_port" if role == "server" else "remote_port"))
                for r in records]
        want = [("redis", True, "openssl", op, "a", status, [], port)
                for op, status in (("SET", "OK"), ("INCR", "OK"), ("LPUSH", "WRONGTYPE"), ("GET", "OK"))]
        t.expect(told == want, f"{role}: {told}")


@live(probes=False)
def as_packets(t):
    """tcpdump's packets give the same records; tshark names the same commands; cut at each packet they give true ones only"""
    need("tshark")
    server = t.start(RedisServer(t.folder, port=port_of_another(5432)))
    theirs = os.path.join(t.folder, "theirs.pcap")
    dump = Tcpdump(server.address[1], theirs)
    with t.trace(server.pids) as tracer:
        with Resp(server.address, t.account) as conn:
            for i in range(5):
                for words in PLAN[:20]:
                    conn.ask(*words)
            conn.sock.sendall(encode(["INCR", "n"]) * 50)
            for _ in range(50):
                conn.tell(["INCR", "n"], conn.receive()[0])
    dump.stop()

    def key(r):
        return json.dumps([r.get("op"), r.get("target"), r["status"], r["error"], r["req"], r["resp"]], sort_keys=True)

    live_keys, back = [key(r) for r in tracer.messages()], [key(r) for r in read_back(theirs)]
    t.expect(live_keys == back and len(back) == len(t.account), f"{len(live_keys)} live, {len(back)} from packets, {len(t.account)} told")
    fields = subprocess.run(["tshark", "-r", theirs, "-d", f"tcp.port=={server.address[1]},resp", "-Y", "resp", "-T", "fields", "-e", "resp.bulk_string.value"],
                            capture_output=True, text=True, check=True).stdout
    named = sum(1 for line in fields.splitlines() for word in line.split(",") if word in ("494e4352", "INCR"))
    t.expect(named >= 50, f"tshark names INCR {named} times")
    cuts.only_true(t.folder, theirs, read_back(theirs), read_back)
