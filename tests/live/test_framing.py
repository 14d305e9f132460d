# SPDX-License-Identifier: Apache-2.0
"""Framing of messages, one kind a test, between a bare-socket client and a bare-socket server: each byte is accounted for."""
import os
import signal
import threading

from harness.account import NOREPLY, Exchange, agree
from harness.raw import Client, chunked
from harness.registry import live
from harness.servers import RawServer, blocked_server, free_port
from servers.calls import KINDS


def traced(t, drive, *args, address=None):
    """Run drive(client factory) while the server is traced; compare with the client's account."""
    server = t.start(RawServer(t.folder, address))
    with t.trace(server.pids, *args) as tracer:
        drive(lambda: Client(server.address, t.account))
    t.expect(not agree(t.account, server.account()), f"the ends disagree: {agree(t.account, server.account())[:4]}")
    t.check([ex.seen_as("server") for ex in t.account], tracer)
    return server, tracer


@live()
def keep_alive(t):
    """Many requests on one connection, and a few connections."""
    def drive(connect):
        for c in range(3):
            with connect() as client:
                for i in range(50):
                    client.ask("GET", f"/bytes/{i * 37}?c={c}&i={i}")
    traced(t, drive)


@live(vm=True, perf=True)
def pipelining(t):
    """Requests sent before the answers to earlier ones; several in one segment."""
    def drive(connect):
        with connect() as client:
            for turn in range(5):
                for i in range(20):
                    client.send("GET", f"/bytes/{i}?turn={turn}&i={i}")
                client.send("HEAD", f"/bytes/{turn}?turn={turn}")
                client.send("POST", f"/echo?turn={turn}", body=b"x" * 100)
                while client.pending:
                    client.receive()
            heads = b"".join(client.build("GET", f"/bytes/7?joined={i}")[0] for i in range(30))
            size = [len(client.build("GET", f"/bytes/7?joined={i}")[0]) for i in range(30)]
            for i in range(30):
                client.pending.append((Exchange("GET", f"/bytes/7?joined={i}", NOREPLY, size[i], 0, **client.ends), 0))
            client.sock.sendall(heads)
            while client.pending:
                client.receive()
    traced(t, drive)


@live()
def no_body_answers(t):
    """HEAD, 204 and 304 have no body, whatever their headers say; the next answer is found right after."""
    def drive(connect):
        with connect() as client:
            for i in range(10):
                client.ask("HEAD", f"/bytes/1000?i={i}")
                client.ask("GET", f"/status/204?i={i}")
                client.ask("GET", f"/status/304?i={i}")
                client.ask("HEAD", f"/chunked/1000?i={i}")
                client.ask("GET", f"/bytes/10?i={i}")
    traced(t, drive)


@live()
def methods_and_codes(t):
    """Every registered method, an unknown one, and codes from all classes."""
    def drive(connect):
        with connect() as client:
            for op in ("GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND", "MKCOL", "REPORT", "BREW"):
                client.ask(op, f"/bytes/5?op={op}", body=b"b" * 9 if op in ("POST", "PUT", "PATCH") else b"")
            for code in (200, 201, 301, 302, 400, 401, 403, 404, 409, 418, 429, 500, 502, 503, 504):
                client.ask("GET", f"/status/{code}")
    traced(t, drive)


@live()
def expect_continue(t):
    """100-continue with a 2 MB upload: the interim answer belongs to the exchange."""
    def drive(connect):
        with connect() as client:
            for i in range(3):
                client.ask("POST", f"/echo?i={i}", headers=[("Expect", "100-continue")], body=b"u" * 2_000_000,
                           await_continue=True)
                client.ask("GET", f"/bytes/3?after={i}")
            client.ask("GET", "/early/200")
    traced(t, drive)


@live()
def chunked_both_ways(t):
    """Chunks of many sizes with extensions and trailers, in requests and answers."""
    def drive(connect):
        with connect() as client:
            for size in (0, 1, 9, 4095, 4096, 65537, 300_000):
                body = b"c" * size
                framed = chunked(body, sizes=(1, 7, 1000, 40_000), extension=";k=v", trailers=[("X-End", "yes")])
                client.ask("POST", f"/chunked/{size}?size={size}", body=body, framed=framed)
    traced(t, drive)


@live()
def close_delimited(t):
    """Answers that end with the connection."""
    def drive(connect):
        for size in (0, 1, 5000, 1_000_000):
            with connect() as client:
                client.ask("GET", f"/bytes/{size}?first={size}")
                client.ask("GET", f"/close/{size}")
            with connect() as client:
                client.ask("GET", f"/half/{size}")
    _, tracer = traced(t, drive, "--conns")
    closed = [r for r in tracer.read() if r["type"] == "close"]
    t.expect(len(closed) == 8, f"{len(closed)} of 8 connections were seen to close")


@live()
def large_headers(t):
    """Heads of 60 to 70 kB, both ways: below and above what is kept of one."""
    def drive(connect):
        with connect() as client:
            fill = [(f"X-Fill-{i}", "h" * 1000) for i in range(66)]
            for i in range(3):
                client.ask("GET", f"/headers/{60_000 + i * 5000}?i={i}", headers=fill[:60 + i * 3])
                client.ask("GET", f"/bytes/1?i={i}")
    traced(t, drive)


@live(vm=True, perf=True)
def large_bodies(t):
    """50 MB down and up: what is not kept is counted to the byte."""
    size = 5_000_000 if os.environ.get("PX_IN_VM") else 50_000_000

    def drive(connect):
        with connect() as client:
            client.ask("GET", f"/bytes/{size}")
            client.ask("GET", "/bytes/10")
            client.ask("PUT", "/echo", body=b"u" * size)
            client.ask("GET", f"/chunked/{size}")
            client.ask("GET", "/bytes/11")
    traced(t, drive, "--buffer", "128M")


@live(perf=True)
def beyond_one_call(t):
    """More chunks in one call than are copied: that answer says so, and no other suffers"""
    server = t.start(RawServer(t.folder))
    with t.trace(server.pids, clean=False) as tracer:
        with Client(server.address, t.account) as client:
            client.sock.settimeout(60)
            for i in range(20):
                client.ask("GET", f"/bytes/{i}")
            client.ask("GET", "/once/20000000")
            for i in range(5):
                client.ask("GET", f"/bytes/{i}?after")
    t.expect(tracer.process.returncode == 0, f"exit status {tracer.process.returncode}: {tracer.errors}")
    told = [rec for rec in tracer.messages() if not {"gap", "truncated"} & set(rec["flags"])]
    t.check_records([ex.seen_as("server") for ex in t.account if not ex.url.startswith("/once")], told)
    rest = [rec for rec in tracer.messages() if rec not in told]
    t.expect(1 <= len(rest) <= 2 and any(rec.get("target") == "/once/20000000" for rec in rest), f"of the cut answer: {rest}")


@live()
def large_then_chunked(t):
    """Chunks after many large answers, of which less was copied: the ends of calls are, so their framing holds"""
    server = t.start(RawServer(t.folder))
    with t.trace(server.pids, clean=False) as tracer:
        with Client(server.address, t.account) as client:
            for turn in range(2):
                for i in range(20):
                    client.ask("GET", f"/bytes/{50_000 + i}?turn={turn}")
                for i in range(5):
                    client.ask("GET", f"/chunked/{60_000 + i}?turn={turn}")
    t.expect(tracer.process.returncode == 0, f"exit status {tracer.process.returncode}: {tracer.errors}")
    t.check([ex.seen_as("server") for ex in t.account], tracer)


@live(perf=True)
def every_call(t):
    """The same exchange by each system call that moves bytes, with buffers in many parts; a look ahead moves none"""
    servers = {name: t.start(RawServer(t.folder, calls=name)) for name in KINDS}
    with t.trace([pid for server in servers.values() for pid in server.pids]) as tracer:
        for name, server in servers.items():
            with Client(server.address, t.account) as client:
                for i in range(5):
                    client.ask("GET", f"/bytes/{i * 9000}?by={name}&i={i}")
                    client.ask("POST", f"/echo?by={name}&i={i}", body=b"b" * (i * 11_000))
                    if name not in ("trunc", "sendfile"):  # they leave out the framing
                        client.ask("PUT", f"/chunked/{i * 20_000}?by={name}&i={i}", body=b"c" * 30_000,
                                   framed=chunked(b"c" * 30_000))
                    client.ask("HEAD", f"/bytes/7?by={name}&i={i}")
                client.ask("GET", f"/bytes/300000?by={name}&last")
    t.check([ex.seen_as("server") for ex in t.account], tracer)


@live(perf=True)
def boundary_sizes(t):
    """Bodies around the sizes at which something changes: pages, the snap length, the socket buffers."""
    def drive(connect):
        with connect() as client:
            for size in (0, 1, 255, 256, 4095, 4096, 4097, 16383, 16384, 16385, 65535, 65536, 65537, 1_048_576, 5_000_000):
                client.ask("GET", f"/bytes/{size}")
                client.ask("POST", f"/echo?size={size}", body=b"q" * size)
    traced(t, drive)


@live()
def small_pieces(t):
    """A request that arrives a byte at a time."""
    def drive(connect):
        with connect() as client:
            for i in range(3):
                head, _ = client.build("GET", f"/bytes/5?slow={i}")
                client.pending.append((Exchange("GET", f"/bytes/5?slow={i}", NOREPLY, len(head), 0, **client.ends), 0))
                for at in range(len(head)):
                    client.sock.sendall(head[at:at + 1])
                client.receive()
    traced(t, drive)


@live(vm=True, perf=True)
def unix_socket(t):
    """The same over a UNIX stream socket: path and port 0 on the server's side."""
    def drive(connect):
        with connect() as client:
            for i in range(20):
                client.ask("GET", f"/bytes/{i * 100}?i={i}")
                client.ask("POST", f"/echo?i={i}", body=b"u" * (i * 1000))
            client.ask("GET", "/bytes/200000")
    _, tracer = traced(t, drive, address=os.path.join(t.folder, "server.sock"))
    t.expect(all(rec["net"] == "unix" for rec in tracer.messages()), "net is not unix")


@live()
def ipv6(t):
    """The same over IPv6."""
    def drive(connect):
        with connect() as client:
            for i in range(20):
                client.ask("GET", f"/bytes/{i * 100}?i={i}")
    traced(t, drive, address=("::1", free_port("::1")))


@live(vm=True, perf=True)
def aborted(t):
    """A side that leaves in the middle: the record says so, and nothing else is made of it."""
    server = t.start(RawServer(t.folder))
    extra = []
    with t.trace(server.pids) as tracer:
        with Client(server.address, t.account) as client:
            client.ask("GET", "/bytes/10?before")
        with Client(server.address, []) as client:
            client.sock.sendall(b"POST /echo?half HTTP/1.1\r\nHost: live.test\r\nContent-Length: 1000\r\n\r\n" + b"h" * 400)
            extra.append(Exchange("POST", "/echo?half", NOREPLY, flags=("aborted",), req_body=400, **client.ends))
        with Client(server.address, []) as client:
            extra.append(client.send("GET", "/never?asked"))
            client.sock.recv(100)
        with Client(server.address, []) as client:
            ex = client.send("GET", "/abort/100000")
            client.wire.mark()
            client.wire.head()
            while client.wire.fill():
                pass
            ex.status, ex.flags, ex.resp_body = "200", ("aborted",), 50_000
            extra.append(ex)
        with Client(server.address, t.account) as client:
            client.ask("GET", "/bytes/10?after")
    t.check([ex.seen_as("server") for ex in t.account + extra], tracer)


@live()
def reset_before_read(t):
    """A client that sends a request and a RST behind it, before the server comes to read: the request is told all the same"""
    server = t.start(blocked_server(t.folder))
    extra = []
    with t.trace(server.pids) as tracer:
        os.kill(server.process.pid, signal.SIGSTOP)
        for i in range(5):
            client = Client(server.address, [])
            extra.append(client.send("GET", f"/never?reset={i}"))
            client.reset()
        os.kill(server.process.pid, signal.SIGCONT)
        with Client(server.address, t.account) as client:
            client.ask("GET", "/after")
        threading.Event().wait(0.2)
    for ex in extra:
        ex.resp_bytes = None
    t.check([ex.seen_as("server") for ex in t.account + extra], tracer)
