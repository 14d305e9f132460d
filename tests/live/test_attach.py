# SPDX-License-Identifier: Apache-2.0
"""Connections and calls that are older than the tracer."""
import os
import threading

from harness.account import NOREPLY, Exchange, brief
from harness.raw import Client
from harness.registry import live
from harness.servers import Nginx, RawServer, blocked_server
from harness.tracer import Failed

ALONE = True

# These two see a call only if its beginning was seen as well.
NEED_ENTRY = ("kprobe", "fentry")


@live(vm=True, perf=True)
def older_connection(t):
    """Connections opened, and used, before the tracer came"""
    server = t.start(Nginx(t.folder))
    before = []
    with Client(server.address, t.account) as one, Client(server.socket_path, t.account) as two:
        for client in (one, two):
            client.ask("GET", "/small?unseen")
        before, t.account[:] = list(t.account), []
        with t.trace(server.pids) as tracer:
            for client in (one, two):
                for i in range(10):
                    client.ask("GET", f"/small?seen={i}")
                    client.ask("GET", f"/page?seen={i}")
        t.expect(len(before) == 2, "the test's own account")
    t.check([ex.seen_as("server") for ex in t.account], tracer)


@live()
def one_processor(t):
    """A tracer that may use one CPU compiles all by itself: calls of either half of its programs are seen"""
    server = t.start(Nginx(t.folder, sendfile="on"))
    cpus = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cpus)})
    try:
        tracer = t.trace(server.pids)
    finally:
        os.sched_setaffinity(0, cpus)
    with tracer:
        with Client(server.address, t.account) as client:
            for i in range(3):
                client.ask("GET", f"/small?{i}")
                client.ask("GET", f"/page?{i}")
    t.check([ex.seen_as("server") for ex in t.account], tracer)


@live(vm=True, perf=True)
def blocked_at_attach(t):
    """A server blocked in accept() and, in other threads, in read() when the tracer comes"""
    server = t.start(blocked_server(t.folder))
    olds = [Client(server.address, t.account) for _ in range(20)]
    for i, client in enumerate(olds):
        client.ask("GET", f"/unseen?client={i}")
    t.account.clear()
    with t.trace(server.pids) as tracer:
        for i, client in enumerate(olds):
            client.ask("GET", f"/first?client={i}")
        first = list(t.account)
        t.account.clear()
        for i, client in enumerate(olds):
            client.ask("GET", f"/second?client={i}")
        with Client(server.address, t.account) as new:
            new.ask("GET", "/new?0")
            new.ask("GET", "/new?1")
        for client in olds:
            client.close()
    if t.probe in NEED_ENTRY:
        # The reads under way at attach cannot be seen: their answers are not to be given to anybody else's request.
        seen = [r for r in tracer.messages() if r.get("target") in ("/second", "/new")]
        rest = [r for r in tracer.messages() if r not in seen]
        bad = [r for r in rest if r.get("op") and "unpaired" not in r["flags"] and r.get("target") != "/first"]
        t.expect(not bad, f"made of calls that were not seen: {bad[:3]}")
        t.expect(len(seen) == len(t.account), f"{len(seen)} records of {len(t.account)} exchanges")
    else:
        t.check([ex.seen_as("server") for ex in first + t.account], tracer)


def joined(t, body):
    """Join in the middle of an upload of this body; returns the records and how many of the 10 exchanges after it they tell."""
    server = t.start(RawServer(t.folder))
    with Client(server.address, t.account) as client:
        head, _ = client.build("POST", "/echo?half", body=body)
        half = len(body) // 2
        client.sock.sendall(head + body[:half])
        client.pending.append((Exchange("POST", "/echo?half", NOREPLY, len(head) + len(body), len(body), **client.ends), 0))
        threading.Event().wait(0.2)
        with t.trace(server.pids, clean=False) as tracer:
            client.sock.sendall(body[half:])
            client.receive()
            for i in range(10):
                client.ask("GET", f"/bytes/{i}?after={i}")
    t.expect(tracer.process.returncode == 0, f"exit status {tracer.process.returncode}: {tracer.errors}")
    seen = tracer.messages()
    answered = [r for r in seen if r.get("target", "").startswith("/bytes/") and "unpaired" not in r["flags"]
                and r["status"] != NOREPLY]
    for rec in answered:
        t.expect(rec["status"] == "200" and rec["resp"]["body_bytes"] == int(rec["target"].split("/")[2]),
                 f"a wrong pair: {rec}")
    return seen, len(answered)


@live()
def joined_in_a_body(t):
    """The tracer comes in the middle of an upload: what follows it is seen"""
    seen, found = joined(t, b"binary \0\1\2 or text\r\n" * 5000)
    if found < 10:
        raise Failed(f"only {found} of the 10 exchanges after it were found: " + "; ".join(map(brief, seen[:6])))


@live()
def joined_in_a_body_of_requests(t):
    """The same where the body looks like requests: none of them is told as a sure one"""
    seen, found = joined(t, b"GET /invented HTTP/1.1\r\nHost: x\r\n\r\n" * 3000)
    sure = [r for r in seen if r.get("target") == "/invented" and not {"mid_stream", "unpaired", "gap"} & set(r["flags"])]
    t.expect(not sure, f"a body's bytes as sure requests: {sure[:2]}")
    t.note(f"{found} of the 10 exchanges after it were found")


@live(vm=True)
def many_blocked_threads(t):
    """500 threads blocked in read() at once: a call that lasts must not use anything up"""
    server = t.start(blocked_server(t.folder))
    count = 500
    with t.trace(server.pids, validate_all=False) as tracer:
        # 500 threads and their connections appear after attach, so every read has been entered under trace.
        clients = [Client(server.address, t.account) for _ in range(count)]
        threading.Event().wait(2 if os.environ.get("PX_IN_VM") else 0.3)
        for turn in range(2):
            for i, client in enumerate(clients):
                client.ask("GET", f"/turn/{turn}?client={i}")
        for client in clients:
            client.close()
    t.expect(len(t.account) == 2 * count, "the test's own account")
    t.check([ex.seen_as("server") for ex in t.account], tracer)
