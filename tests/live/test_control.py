# SPDX-License-Identifier: Apache-2.0
"""What the kernel side is told not to copy, or not to tell at all: seen in what it counts, and in records that stay exact."""
import os
import re
import signal
import socket
import struct
import time

from harness.raw import Client
from harness.registry import live
from harness.servers import Nginx, unknown_server
from harness.tracer import SLOW


class Stranger:
    """A client of servers/unknown.py, which counts what moves."""

    def __init__(self, address):
        self.sock = socket.create_connection(address)
        self.sent = self.received = 0

    def ask(self, n, times=1):
        for _ in range(times):
            self.sock.sendall(struct.pack(">BI", 0xa7, n))
            self.sent += 5
            left = n
            while left:
                left -= len(self.sock.recv(left))
            self.received += n

    def close(self):
        self.sock.close()


def events_so_far(tracer):
    """How many events it has had, by its own word."""
    count = len(tracer.errors)
    os.kill(tracer.pid, signal.SIGUSR1)
    deadline = time.monotonic() + 5 * SLOW
    while len(tracer.errors) == count and time.monotonic() < deadline:
        time.sleep(0.01)
    return int(re.search(r"(\d+) events,", tracer.errors[-1]).group(1))


def told_at_the_end(tracer):
    """(bytes announced and not copied, connections dropped, their bytes), with --debug"""
    line = [line for line in tracer.errors if "announced and not copied" in line][-1]
    return tuple(int(word) for word in re.findall(r"(\d+) bytes|(\d+) connections", line) for word in word if word)


@live(perf=True)
def unknown_is_dropped(t):
    """A connection of no known protocol: after 64 kB its calls, small and large, make no events, and its sizes stay exact"""
    server = t.start(unknown_server(t.folder))
    with t.trace(server.pids, "--conns", "--debug") as tracer:
        one = Stranger(server.address)
        one.ask(1000, 100)
        time.sleep(0.3 * SLOW)
        before = events_so_far(tracer)
        one.ask(100, 1000)
        one.ask(20_000_000)
        time.sleep(0.3 * SLOW)
        more = events_so_far(tracer) - before
        # Others go on being seen.
        with Client(server.address, t.account) as http:
            http.ask("GET", "/known")
        one.close()
        time.sleep(0.3 * SLOW)
    t.note(f"{before} events, then {more}")
    t.expect(before >= 100, f"{before} events of 200 calls: they were never looked at")
    t.expect(more < 20, f"{more} events of some 2,000 calls that nobody wants")
    closed = [r for r in tracer.read() if r["type"] == "close" and r["bytes_received"] == one.sent]
    t.expect(len(closed) == 1 and closed[0]["bytes_sent"] == one.received and closed[0]["lost_bytes"] == 0,
             f"{one.sent} and {one.received} bytes were moved: {closed}")
    t.expect(tracer.read()[-1]["not_understood"] == 1, f"not told: {tracer.read()[-1]}")
    _, dropped, size = told_at_the_end(tracer)
    t.expect(dropped == 1 and size >= 20_000_000, f"{dropped} connections dropped, {size} bytes")
    t.check([ex.seen_as("server") for ex in t.account], tracer)


@live()
def joined_on_its_way(t):
    """One of which the beginning was not seen is asked again with each call: little is copied, and what is known is seen"""
    server = t.start(unknown_server(t.folder))
    one = Stranger(server.address)
    one.ask(100)
    with t.trace(server.pids, "--debug") as tracer:
        one.ask(100_000)
        time.sleep(0.3 * SLOW)
        one.ask(20_000_000)
        for i in range(2):  # the next request is the proof that the first pair is one
            one.sock.sendall(b"GET /late?%d HTTP/1.1\r\nHost: x\r\n\r\n" % i)
            answer = one.sock.recv(1000)
        time.sleep(0.3 * SLOW)
    one.close()
    t.expect(answer.endswith(b"late"), f"the server's answer: {answer}")
    announced, dropped, _ = told_at_the_end(tracer)
    t.note(f"{announced} bytes of 20,100,000 not copied")
    t.expect(dropped == 0 and announced > 19_000_000, f"{announced} bytes not copied, {dropped} connections dropped")
    seen = [(r["target"], r["status"]) for r in tracer.messages() if r.get("op") and r["status"] != "NOREPLY"]
    t.expect(seen == [("/late", "200")] * 2, f"messages: {seen}")


@live()
def unknown_is_saved(t):
    """-w wants all bytes, whoever understands them"""
    server = t.start(unknown_server(t.folder))
    path = os.path.join(t.folder, "all.pcapng")
    with t.trace(server.pids, "-w", path, "--print", "--debug") as tracer:
        one = Stranger(server.address)
        one.ask(1000, 100)
        time.sleep(0.3 * SLOW)
        one.ask(1_000_000)
        one.close()
        time.sleep(0.3 * SLOW)
    announced, dropped, _ = told_at_the_end(tracer)
    t.expect(dropped == 0 and announced == 0, f"{announced} bytes not copied, {dropped} connections dropped")
    t.expect(os.path.getsize(path) > 1_100_000, f"{os.path.getsize(path)} bytes saved")


@live(perf=True)
def large_bodies_are_skipped(t):
    """Of 100 MB in bodies of known length little is copied, and their sizes are exact"""
    server = t.start(Nginx(t.folder))
    with t.trace(server.pids, "--debug") as tracer:
        with Client(server.address, t.account) as client:
            for i in range(2):
                client.send("GET", f"/big?{i}")
                time.sleep(0.1 * SLOW)  # the server waits for room meanwhile, and the tracer sees the head
                client.receive()
                client.ask("GET", "/small")
    t.check([ex.seen_as("server") for ex in t.account], tracer)
    announced, _, _ = told_at_the_end(tracer)
    t.note(f"{announced} bytes of 100,000,000 not copied")
    # What the sockets of a connection hold, 10 MB at most, has moved before the tracer could say anything.
    t.expect(announced > 75_000_000, f"{announced} bytes of 100,000,000 were left uncopied")
