# SPDX-License-Identifier: Apache-2.0
"""Whose bytes these are: connections that wander between processes, threads, descriptors and namespaces; and what is no connection."""
import json
import os
import subprocess

from harness.raw import Client
from harness.registry import live
from harness.servers import LIVE, PYTHON, RawServer, Skip, free_port, need
from harness.tracer import SLOW, binary


class Program:
    """A script of servers/ that prints the ids of its processes first. go() lets it past its line on stdin."""

    def __init__(self, t, *argv, inside=()):
        self.process = subprocess.Popen([*inside, PYTHON, f"{LIVE}/servers/{argv[0]}", *map(str, argv[1:])], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, start_new_session=True)
        t.stops.append(self.stop)

    def ids(self):
        return [int(word) for word in self.process.stdout.readline().split()]

    def go(self):
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def stop(self):
        self.process.kill()
        self.process.wait()


def expect_writers(t, records):
    """An answer's body says who has written it."""
    for rec in records:
        body = rec["resp"]["body"] if rec["resp"] else f"{rec['pid']} {rec['tid']}"
        t.expect(body == f"{rec['pid']} {rec['tid']}", f"{rec.get('target')} is told of {rec['pid']} {rec['tid']}, and was answered by {body}")


@live()
def fork(t):
    """A connection goes from parent to child to grandchild and back: one connection, each exchange of its own process"""
    program = Program(t, "handed.py", "fork", port := free_port())
    with t.trace(program.ids(), "-f") as tracer:
        for turn in range(3):
            with Client(("127.0.0.1", port), t.account) as client:
                for i in range(6):
                    client.ask("GET", f"/fork/{turn}/{i}")
    t.check([ex.seen_as("server") for ex in t.account], tracer)
    expect_writers(t, tracer.messages())
    t.expect(len({rec["conn"] for rec in tracer.messages()}) == 3, f"{tracer.messages()}")
    t.expect(len({rec["pid"] for rec in tracer.messages()}) == 10, f"{tracer.messages()}")


@live()
def passed_on(t):
    """A descriptor handed to another process over a UNIX socket: seen where that one is traced, else not, and never mixed up"""
    program = Program(t, "handed.py", "pass", port := free_port())
    main, traced, stranger = program.ids()
    with t.trace([main, traced], clean=False) as tracer:
        for turn in range(3):
            with Client(("127.0.0.1", port), t.account) as client:
                for i in range(6):
                    client.ask("GET", f"/pass/{turn}/{i}")
    records = tracer.messages()
    expect_writers(t, records)
    hidden = [ex for ex in t.account if int(ex.url[-1]) % 3 == 2]
    want = sorted((ex.url, (main, traced)[int(ex.url[-1]) % 3]) for ex in t.account if ex not in hidden)
    asked = sorted((rec["target"], rec["pid"]) for rec in records if rec["req"])
    answered = sorted((rec["target"], rec["pid"]) for rec in records if rec["req"] and rec["resp"])
    t.expect(asked == want, f"{asked}, not {want}; {stranger} is not traced")
    t.expect(len([rec for rec in records if rec["resp"]]) == len(want), f"{len(records)} records for {len(want)} exchanges")
    # What the stranger moved is missing, and that is told; up to there nothing is.
    t.expect(set(row for row in want if row[0][-1] in "01") <= set(answered), f"answered: {answered}")
    lost = sum(rec["bytes"] for rec in tracer.read() if rec["type"] == "lost")
    moved = sum(ex.req_bytes + ex.resp_bytes for ex in hidden)
    t.expect(lost == moved == tracer.read()[-1]["lost_bytes"], f"{lost} bytes told as lost; the stranger moved {moved}")


@live()
def threads(t):
    """Requests read by one thread and answered by another, on several connections at a time"""
    program = Program(t, "handed.py", "threads", port := free_port())
    with t.trace(program.ids()) as tracer:
        clients = [Client(("127.0.0.1", port), t.account) for _ in range(5)]
        for i in range(20):
            for n, client in enumerate(clients):
                client.send("GET", f"/threads/{n}/{i}")
            for client in clients:
                client.receive()
        for client in clients:
            client.close()
    t.check([ex.seen_as("server") for ex in t.account], tracer)
    expect_writers(t, tracer.messages())
    t.expect(len({rec["tid"] for rec in tracer.messages()}) > 1, "one thread has answered all: this showed nothing")


@live()
def descriptors_come_back(t):
    """The same number for the next connection at once, to another server: each with its own ends"""
    servers = [t.start(RawServer(t.folder)), t.start(RawServer(t.folder)), t.start(RawServer(t.folder, os.path.join(t.folder, "sock")))]
    numbers = set()
    with t.trace([os.getpid()], "--conns") as tracer:
        for i in range(40):
            with Client(servers[i % 3].address, t.account) as client:
                numbers.add(client.sock.fileno())
                client.ask("GET", f"/bytes/{i}")
    t.expect(len(numbers) == 1, f"numbers {numbers}: this showed nothing")
    t.check([ex.seen_as("client") for ex in t.account], tracer)
    t.expect(len({rec["conn"] for rec in tracer.messages()}) == 40, "connections were taken for one another")


@live()
def namespaces(t):
    """Two network namespaces with the same addresses and ports at the same time, in records and in a file; link-local zones"""
    need("ip")
    inside = (need("unshare"), "-n")
    programs = {name: Program(t, "apart.py", name, 30, inside=inside) for name in ("left", "right")}
    ids = {name: program.ids() for name, program in programs.items()}
    if not all(len(pair) == 2 for pair in ids.values()):
        raise Skip("no network namespace, or no veth in it")
    path = os.path.join(t.folder, "both.pcapng")
    with t.trace(sum(ids.values(), []), "-w", path, "--print", clean=False) as tracer:
        for program in programs.values():
            program.go()
        for program in programs.values():
            program.process.wait(20 * SLOW)
    back = subprocess.run([binary(), "-qjr", path], capture_output=True, text=True, timeout=60, check=True).stdout
    for records in (tracer.messages(), [rec for rec in map(json.loads, back.splitlines()) if rec["type"] == "message"]):
        seen = sorted((rec["pid"], rec["role"], rec["target"], rec["resp"]["body"]) for rec in records)
        want = sorted((ids[name][role == "client"], role, f"/{name}/{ip}/{i}", f"/{name}/{ip}/{i}")
                      for name in ids for role in ("server", "client") for ip in (4, 6) for i in range(30))
        t.expect(seen == want, f"{len(seen)} records instead of {len(want)}; only seen: {[row for row in seen if row not in want][:3]}, "
                               f"not seen: {[row for row in want if row not in seen][:3]}")
        t.expect(len({rec["conn"] for rec in records}) == 8, "connections of the two were taken for one another")
        zone = next(rec for rec in records if "/6/" in rec["target"] and rec["role"] == "client")
        # The interface has its name in that namespace only; from here it has a number.
        local, remote = zone["local_addr"].partition("%"), zone["remote_addr"].partition("%")
        t.expect(local[0] == "fe80::1" and remote[0] == "fe80::2" and local[2] == remote[2] and local[2].isdigit(), f"{zone}")


@live(probes=False)
def zone_by_name(t):
    """In its own namespace a link-local address has its interface's name"""
    need("ip")
    program = Program(t, "apart.py", "zone", 2, inside=(need("unshare"), "-n"))
    server, client = program.ids()
    tracer = subprocess.Popen([need("nsenter"), "-t", str(client), "-n", binary(), "-j", "-p", f"{server},{client}"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, start_new_session=True)
    t.stops.append(tracer.kill)
    t.expect("tracing" in tracer.stderr.readline(), "no banner")
    program.go()
    out, _ = tracer.communicate(timeout=20 * SLOW)
    ends = {(rec["role"], rec["local_addr"], rec["remote_addr"]) for rec in map(json.loads, out.splitlines())
            if rec["type"] == "message" and "/6/" in rec["target"]}
    t.expect(ends == {("client", "fe80::1%px0", "fe80::2%px0"), ("server", "fe80::2%px0", "fe80::1%px0")}, f"{ends}")


@live()
def no_sockets(t):
    """Text like HTTP through files, pipes, terminals, devices, counters and sockets that are no streams: no record of it"""
    program = Program(t, "pretend.py", t.folder)
    with t.trace([program.process.pid], "--conns") as tracer:
        program.go()
        t.expect(program.process.stdout.read(8).startswith(b"done"), "the program did not come to its end")
    kinds = [rec["type"] for rec in tracer.read()]
    t.expect(set(kinds) <= {"start", "note", "stop"}, f"invented: {[rec for rec in tracer.read() if rec['type'] not in ('start', 'stop')][:3]}")
