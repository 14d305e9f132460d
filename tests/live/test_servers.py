# SPDX-License-Identifier: Apache-2.0
"""Real servers, asked by a client that counts each byte; and nginx between the two as server and client at once."""
from harness.account import Exchange
from harness.raw import Client, chunked
from harness.registry import live
from harness.servers import Nginx, RawServer, go_server, node_server, python_server


def mix(client):
    """What every server in servers/ can answer."""
    for i in range(5):
        client.ask("GET", f"/bytes/{i * 700}?i={i}")
        client.ask("HEAD", f"/bytes/500?i={i}")
        client.ask("GET", f"/status/204?i={i}")
        client.ask("GET", f"/status/304?i={i}")
        client.ask("GET", f"/status/404?i={i}")
        client.ask("POST", f"/echo?i={i}", body=b"e" * (i * 9000))
        client.ask("GET", f"/chunked/{i * 12_000}?i={i}")
        client.ask("PUT", f"/echo?chunked={i}", body=b"f" * 30_000, framed=chunked(b"f" * 30_000))
    client.ask("POST", "/echo?continue", headers=[("Expect", "100-continue")], body=b"u" * 2_000_000, await_continue=True)
    client.ask("GET", "/bytes/3000000")
    client.ask("GET", "/bytes/9?last", headers=[("X-Fill", "h" * 7000)])


def served(t, server):
    server = t.start(server)
    with t.trace(server.pids) as tracer:
        for _ in range(2):
            with Client(server.address, t.account) as client:
                mix(client)
        for size in (0, 100, 50_000):
            with Client(server.address, t.account) as client:
                client.ask("GET", f"/close/{size}", headers=[("Connection", "close")])
    t.check([ex.seen_as("server") for ex in t.account], tracer)


@live()
def python_http_server(t):
    """http.server with threads"""
    served(t, python_server(t.folder))


@live()
def node_http(t):
    """node's http module"""
    served(t, node_server(t.folder))


@live(perf=True)
def go_net_http(t):
    """Go's net/http (its listening sockets are MPTCP where the kernel has it)"""
    served(t, go_server(t.folder))


def static(client):
    client.ask("GET", "/empty")
    for i in range(5):
        client.ask("GET", f"/small?i={i}")
        client.ask("HEAD", f"/page?i={i}")
        _, headers = client.ask("GET", f"/page?again={i}")
        client.ask("GET", f"/page?cached={i}", headers=[("If-None-Match", headers["etag"])])
        client.ask("GET", f"/204?i={i}")
        client.ask("GET", f"/missing?i={i}")
        client.ask("GET", f"/gzip/page?i={i}", headers=[("Accept-Encoding", "gzip")])
        client.ask("GET", f"/page?part={i}", headers=[("Range", "bytes=100-299")])
    for i in range(20):
        client.send("GET", f"/small?pipelined={i}")
    while client.pending:
        client.receive()
    client.ask("GET", "/small?long", headers=[("X-Fill", "h" * 64_000)])


@live(vm=True, perf=True)
def nginx_static(t):
    """nginx with files: 200, 206, 304, 404, gzip in chunks, pipelining, 64 kB head; TCP, IPv6 and a UNIX socket"""
    server = t.start(Nginx(t.folder))
    with t.trace(server.pids) as tracer:
        for address in (server.address, ("::1", server.address[1]), server.socket_path):
            with Client(address, t.account) as client:
                static(client)
    server.stop(3)
    logged = sorted(tuple(line.split()[:5]) for line in server.log_lines())
    told = sorted((ex.op, ex.url, ex.status, str(ex.req_bytes), str(ex.resp_bytes)) for ex in t.account)
    t.expect(logged == told, f"nginx's log says otherwise: {[p for p in zip(logged, told) if p[0] != p[1]][:4]}")
    t.check([ex.seen_as("server") for ex in t.account], tracer)


@live(perf=True)
def nginx_big_file(t):
    """50 MB from nginx, read and write without sendfile"""
    server = t.start(Nginx(t.folder))
    with t.trace(server.pids) as tracer:
        with Client(server.address, t.account) as client:
            for i in range(2):
                client.ask("GET", f"/big?i={i}")
                client.ask("GET", f"/small?i={i}")
    t.check([ex.seen_as("server") for ex in t.account], tracer)


@live()
def nginx_sendfile(t):
    """The same by sendfile, where no user memory holds the body: sizes are exact all the same"""
    server = t.start(Nginx(t.folder, sendfile="on"))
    with t.trace(server.pids) as tracer:
        with Client(server.address, t.account) as client:
            for i in range(3):
                client.ask("GET", f"/small?i={i}")
                client.ask("GET", f"/page?i={i}")
                client.ask("GET", f"/page?part={i}", headers=[("Range", "bytes=1000-40999")])
            client.ask("GET", "/big")
            client.ask("GET", "/small?last")
    t.check([ex.seen_as("server") for ex in t.account], tracer)


@live(perf=True)
def nginx_proxy(t):
    """nginx in front of another server: each exchange is seen twice, as server and as client"""
    upstream = t.start(RawServer(t.folder))
    server = t.start(Nginx(t.folder, upstream.address))
    with t.trace(server.pids) as tracer:
        for _ in range(2):
            with Client(server.address, t.account) as client:
                for i in range(10):
                    client.ask("GET", f"/proxy/bytes/{i * 3000}?i={i}")
                    client.ask("HEAD", f"/proxy/bytes/100?i={i}")
                    client.ask("GET", f"/proxy/status/404?i={i}")
                    client.ask("GET", f"/proxy/chunked/{i * 5000}?i={i}")
                    client.ask("POST", f"/proxy/echo?i={i}", body=b"p" * (i * 10_000))
                client.ask("PUT", "/proxy/echo?chunked", body=b"f" * 50_000, framed=chunked(b"f" * 50_000))
                client.ask("POST", "/proxy/echo?continue", headers=[("Expect", "100-continue")], body=b"u" * 2_000_000,
                           await_continue=True)
                client.ask("GET", "/proxy/close/40000")
    behind = upstream.account()
    t.expect(len(behind) == len(t.account), "the upstream's account is not as long as the client's")
    t.check([ex.seen_as("server") for ex in t.account] + [ex.seen_as("client") for ex in behind], tracer)


@live(perf=True)
def both_ends(t):
    """both ends of an internal hop in one trace: nginx, and the python server behind it"""
    upstream = t.start(python_server(t.folder))
    server = t.start(Nginx(t.folder, upstream.address))
    with t.trace(server.pids + upstream.pids) as tracer:
        with Client(server.address, t.account) as client:
            for i in range(30):
                client.ask("GET", f"/proxy/bytes/{i * 3000}?i={i}")
    expected = [ex.seen_as("server") for ex in t.account]
    for ex in t.account:
        inner = Exchange(ex.op, ex.url.replace("/proxy", ""), ex.status, resp_body=ex.resp_body)
        expected += [inner.seen_as("client"), inner.seen_as("server")]
    t.check(expected, tracer)
    conns = {(r["local_port"], r["remote_port"]) for r in tracer.messages() if r["role"] == "client"}
    mirrored = {(r["remote_port"], r["local_port"]) for r in tracer.messages()
                if r["role"] == "server" and r["local_port"] == upstream.address[1]}
    t.expect(conns == mirrored, f"the two ends name different ports: {conns} {mirrored}")
