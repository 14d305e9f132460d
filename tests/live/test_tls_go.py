# SPDX-License-Identifier: Apache-2.0
"""Go's crypto/tls: programs with symbols and without, at fixed addresses and at any, linked by Go and by gcc."""
import subprocess

from harness import clients, tls
from harness.raw import Client
from harness.registry import live
from harness.servers import GO_VARIANTS, RawServer, go_binary, go_server, go_tools
from harness.tracer import Tracer
from test_tls import MANY, are_plain, at_once, drive

ASKS = "".join(f"GET /bytes/{i * 900}?i={i} 0\nPOST /echo?i={i} {i * 5000}\nGET /chunked/{i * 3000}?i={i} 0\n" for i in range(MANY))
LARGE = "GET /bytes/5000000 0\nPUT /echo?large 5000000\n"


@live(perf=True)
def tls_go_server(t):
    """net/http's server: keep-alive, uploads, chunks, 5 MB both ways, TLS 1.2 and 1.3"""
    pem, authority = tls.certificate(t.folder)
    server = t.start(go_server(t.folder, pem=pem))
    with t.trace(server.pids) as tracer:
        for version in (2, 3):
            with Client(server.address, t.account, tls.context(authority, version)) as client:
                drive(client)
                client.ask("GET", "/bytes/5000000")
                client.ask("POST", "/echo?large", body=b"l" * 5_000_000)
                client.ask("GET", "/close/30000")
    t.check([ex.seen_as("server") for ex in t.account], tracer)
    are_plain(t, tracer, "go")


class GoClient(clients.Client):
    """The Go client, which is there before it is traced."""

    def __init__(self, server, authority, text, connections=1, **kwargs):
        self.stdin = text
        self.process = subprocess.Popen(self.argv(server, authority, connections, **kwargs), stdin=subprocess.PIPE,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)

    @staticmethod
    def argv(server, authority, connections=1, **kwargs):
        return [go_binary(**kwargs), "client", f"https://localhost:{server.address[1]}", authority, str(connections)]


@live()
def tls_go_built(t):
    """every way of building it, with the oldest and the newest Go of this host: all at once, server and client"""
    pem, authority = tls.certificate(t.folder)
    upstream = t.start(RawServer(t.folder, pem=pem))
    servers, asking = [], []
    for version, go in go_tools().items():
        t.note(version)
        for variant in GO_VARIANTS:
            servers.append(t.start(go_server(t.folder, pem=pem, variant=variant, go=go)))
            client = GoClient(upstream, authority, f"GET /bytes/100?{version}.{variant} 0\nPOST /echo?{version}.{variant} 30000\n",
                              variant=variant, go=go)
            asking.append(client)
            t.stops.append(client.stop)
    pids = [pid for server in servers for pid in server.pids] + [client.pid for client in asking]
    with t.trace(pids, "-f") as tracer:
        for server in servers:
            with Client(server.address, t.account, tls.context(authority)) as client:
                for i in range(3):
                    client.ask("GET", f"/bytes/{i * 700}?{server.address[1]}.{i}")
                    client.ask("POST", f"/echo?{server.address[1]}.{i}", body=b"p" * (i * 30000))
        for client in asking:
            client.go()
    t.check([ex.seen_as("server") for ex in t.account] + [ex.seen_as("client") for ex in upstream.account()], tracer)
    are_plain(t, tracer, "go")


@live()
def tls_go_concurrent(t):
    """50 connections at the same time, 20 requests on each, to a server and by a client"""
    pem, authority = tls.certificate(t.folder)
    server, upstream = t.start(go_server(t.folder, pem=pem)), t.start(RawServer(t.folder, pem=pem))
    steps = "".join(f"POST /echo?{i} {i * 100}\n" for i in range(MANY))
    asking = GoClient(upstream, authority, steps, 50)
    t.stops.append(asking.stop)
    with t.trace(server.pids + [asking.pid], "-f") as tracer:
        at_once(server.address, t.account, tls.context(authority))
        asking.go()
    t.check([ex.seen_as("server") for ex in t.account] + [ex.seen_as("client") for ex in upstream.account()], tracer)
    are_plain(t, tracer, "go")


@live()
def tls_go_client(t):
    """net/http's client: keep-alive, uploads, chunks, 5 MB both ways; and as a command under trace"""
    pem, authority = tls.certificate(t.folder)
    server = t.start(RawServer(t.folder, pem=pem))
    client = GoClient(server, authority, ASKS + LARGE)
    t.stops.append(client.stop)
    with t.trace([client.pid]) as tracer:
        client.go()
        tracer.process.wait(10)
    t.check([ex.seen_as("client") for ex in server.account()], tracer)
    are_plain(t, tracer, "go")


@live()
def tls_go_command(t):
    """a Go program under trace: the probes are there before its first byte"""
    pem, authority = tls.certificate(t.folder)
    server = t.start(RawServer(t.folder, pem=pem))
    tracer = Tracer(None, "-o-", "--", *GoClient.argv(server, authority), "GET /bytes/7 0", "POST /echo 20000", probe=t.probe)
    tracer.process.wait(20)
    tracer.stop()
    t.check([ex.seen_as("client") for ex in server.account()], tracer)
    are_plain(t, tracer, "go")


@live()
def tls_go_older(t):
    """connections that are older than the tracer; the read that a goroutine waits in then is seen, too"""
    pem, authority = tls.certificate(t.folder)
    server = t.start(go_server(t.folder, pem=pem))
    old = [Client(server.address, [], tls.context(authority)) for _ in range(5)]
    for client in old:
        client.ask("GET", "/bytes/1000?before")
    with t.trace(server.pids) as tracer:
        for n, client in enumerate(old):
            client.account = t.account
            for i in range(5):
                client.ask("POST", f"/echo?{n}.{i}", body=b"o" * (i * 3000))
            client.close()
    t.check([ex.seen_as("server") for ex in t.account], tracer)
    are_plain(t, tracer, "go")
