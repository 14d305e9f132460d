# SPDX-License-Identifier: Apache-2.0
"""TLS: the plaintext of real libraries, on the real endpoints, each exchange once."""
import os
import re
import subprocess
import time

from harness import clients, tls
from harness.raw import Client, chunked
from harness.registry import live
from harness.servers import LIVE, PYTHON, Nginx, RawServer, async_server, need, node_server

MANY = 20


def drive(client, n=MANY):
    """What a connection carries: small and large, both ways, framed in all ways."""
    for i in range(n):
        client.ask("GET", f"/bytes/{i * 700}?i={i}")
        client.ask("POST", f"/echo?i={i}", body=b"p" * (i * 3000))
    client.ask("HEAD", "/bytes/100")
    client.ask("GET", "/status/204")
    client.ask("GET", "/chunked/70000")
    client.ask("PUT", "/echo?chunked", body=b"f" * 50_000, framed=chunked(b"f" * 50_000))
    client.ask("POST", "/echo?continue", headers=[("Expect", "100-continue")], body=b"u" * 2_000_000, await_continue=True)


def at_once(address, account, context, rounds=MANY, url="/bytes/100"):
    """50 connections at the same time, so many requests on each."""
    many = [Client(address, account, context) for _ in range(50)]
    for i in range(rounds):
        for n, client in enumerate(many):
            client.send("GET", f"{url}?{n}.{i}")
        for client in reversed(many):  # in another order than they were asked
            client.receive()
    for client in many:
        client.close()


def are_plain(t, tracer, *libraries):
    """Every record is of TLS, by these libraries (OpenSSL alone if none is named), and nothing was taken for something else."""
    seen = {(rec["tls"], rec.get("tls_lib"), rec["proto"]) for rec in tracer.messages()}
    t.expect(seen == {(True, library, "http") for library in libraries or ["openssl"]}, f"records are {seen}")
    stop = tracer.read()[-1]
    t.expect(stop["not_understood"] == 0, f"{stop['not_understood']} connections are not understood")


@live(perf=True)
def tls_python_server(t):
    """a server on Python's ssl: keep-alive, uploads, chunks, 5 MB both ways, a body that ends with the connection"""
    pem, authority = tls.certificate(t.folder)
    server = t.start(RawServer(t.folder, pem=pem))
    with t.trace(server.pids) as tracer:
        for version in (2, 3):
            with Client(server.address, t.account, tls.context(authority, version)) as client:
                drive(client)
                client.ask("GET", "/bytes/5000000")
                client.ask("POST", "/echo?large", body=b"l" * 5_000_000)
                client.ask("GET", "/close/30000")
    t.check([ex.seen_as("server") for ex in t.account], tracer)
    are_plain(t, tracer)


@live(perf=True)
def tls_nginx(t):
    """nginx: static files, and as a proxy of a server without TLS; 5 MB both ways, 50 connections at the same time"""
    pem, authority = tls.certificate(t.folder)
    upstream = t.start(RawServer(t.folder))
    server = t.start(Nginx(t.folder, upstream.address, pem=pem))
    with t.trace(server.pids) as tracer:
        for _ in range(3):
            with Client(server.address, t.account, tls.context(authority)) as client:
                for i in range(MANY):
                    client.ask("GET", f"/small?i={i}")
                    client.ask("GET", f"/proxy/bytes/{i * 900}?i={i}")
                client.ask("GET", "/page")
                client.ask("GET", "/nope")
                client.ask("POST", "/proxy/echo", body=b"b" * 300_000)
        with Client(server.address, t.account, tls.context(authority)) as client:
            client.ask("GET", "/proxy/bytes/5000000")
            client.ask("POST", "/proxy/echo?large", body=b"b" * 5_000_000)
        at_once(server.address, t.account, tls.context(authority), 2, "/small")
    behind = upstream.account()
    t.check([ex.seen_as("server") for ex in t.account] + [ex.seen_as("client") for ex in behind], tracer)
    kinds = {(rec["role"], rec["tls"], rec.get("tls_lib")) for rec in tracer.messages()}
    t.expect(kinds == {("server", True, "openssl"), ("client", False, None)}, f"records are {kinds}")


@live()
def tls_concurrent(t):
    """50 connections at the same time, 20 requests on each"""
    pem, authority = tls.certificate(t.folder)
    server = t.start(RawServer(t.folder, pem=pem))
    with t.trace(server.pids) as tracer:
        at_once(server.address, t.account, tls.context(authority))
    t.check([ex.seen_as("server") for ex in t.account], tracer)
    are_plain(t, tracer)


@live()
def tls_large(t):
    """bodies that nobody will see are not copied; what follows them is, and --port leaves other connections out"""
    pem, authority = tls.certificate(t.folder)
    server, other = (t.start(RawServer(t.folder, pem=pem)) for _ in range(2))
    size = 60_000_000
    with t.trace(server.pids + other.pids, "--debug", "--port", str(server.address[1])) as tracer:
        with Client(server.address, t.account, tls.context(authority)) as client, \
                Client(other.address, [], tls.context(authority)) as unwanted:
            for i in range(2):
                client.ask("GET", f"/bytes/{size}?{i}")
                client.ask("POST", f"/echo?{i}", body=b"l" * size)
                client.ask("GET", f"/chunked/70000?{i}")
                unwanted.ask("GET", "/bytes/100")
    t.check([ex.seen_as("server") for ex in t.account], tracer)
    are_plain(t, tracer)
    left = max(int(line.split(" events, ")[1].split()[0]) for line in tracer.errors if "announced and not copied" in line)
    t.expect(left > 3.5 * size, f"only {left} of {4 * size} bytes were not copied")


@live()
def tls_older_connection(t):
    """connections that are older than the tracer; one whose server waits in SSL_read() misses what that call reads"""
    pem, authority = tls.certificate(t.folder)
    nginx, waiting = t.start(Nginx(t.folder, pem=pem)), t.start(RawServer(t.folder, pem=pem))
    old = [Client(nginx.address, [], tls.context(authority)) for _ in range(3)]
    blocked = Client(waiting.address, [], tls.context(authority))
    for client in old:
        client.ask("GET", "/small?before")
    blocked.ask("GET", "/bytes/1000?before")
    with t.trace(nginx.pids + waiting.pids) as tracer:
        for client in old:
            client.account = t.account
            for i in range(5):
                client.ask("GET", f"/small?i={i}")
                client.ask("GET", f"/page?i={i}")
            client.close()
        blocked.ask("GET", "/bytes/500?first")
        blocked.account = t.account
        for i in range(5):
            blocked.ask("GET", f"/bytes/{i * 1000}?i={i}")
        blocked.close()
    halves = [rec for rec in tracer.messages() if not rec["req"]]
    t.expect([(rec["resp"]["body_bytes"], rec["flags"]) for rec in halves] == [(500, ["mid_stream", "unpaired"])],
             f"of the answer whose request could not be seen: {halves}")
    t.check_records([ex.seen_as("server") for ex in t.account], [rec for rec in tracer.messages() if rec["req"]])
    are_plain(t, tracer)


@live()
def tls_unix(t):
    """over a UNIX socket, and over a pair of sockets that a process has both of"""
    pem, authority = tls.certificate(t.folder)
    server = t.start(RawServer(t.folder, os.path.join(t.folder, "s.sock"), pem=pem))
    pair = clients.Client([PYTHON, f"{LIVE}/clients/pair.py", pem, authority])
    t.stops.append(pair.stop)
    with t.trace([*server.pids, pair.pid]) as tracer:
        for _ in range(3):
            with Client(server.address, t.account, tls.context(authority)) as client:
                drive(client, 5)
        pair.go()
    t.check_records([ex.seen_as("server") for ex in t.account], [rec for rec in tracer.messages() if rec["pid"] != pair.pid])
    halves = sorted((rec["role"], rec["local_addr"], rec["remote_addr"], rec["status"], *rec["flags"])
                    for rec in tracer.messages() if rec["pid"] == pair.pid)
    t.expect(halves == [("client", "", "", "200"), ("server", "", "", "200")], f"of the pair: {halves}")
    are_plain(t, tracer)


@live()
def tls_memory_servers(t):
    """servers on node and asyncio: connections from before the tracer and later ones, 50 at the same time, 5 MB both ways"""
    pem, authority = tls.certificate(t.folder)
    context, servers = tls.context(authority), [t.start(make(t.folder, pem)) for make in (node_server, async_server)]
    old = {server: [Client(server.address, [], context) for _ in range(4)] for server in servers}
    for client in [client for clients in old.values() for client in clients]:
        client.ask("GET", "/bytes/1000?before")
        client.account = t.account
    with t.trace([pid for server in servers for pid in server.pids]) as tracer:
        for server in servers:
            late = [Client(server.address, t.account, tls.context(authority, 2 + i % 2)) for i in range(46)]
            for count in (50, 50, *[4] * MANY):
                for n, client in enumerate([*old[server], *late][:count]):
                    client.send("POST", f"/echo?{n}", body=b"e" * 1000)
                for client in reversed([*old[server], *late][:count]):  # in another order than they were asked
                    client.receive()
            late[0].ask("GET", "/bytes/5000000")
            late[1].ask("POST", "/echo?large", body=b"l" * 5_000_000)
            for client in old[server] + late:
                client.close()
    t.check([ex.seen_as("server") for ex in t.account], tracer)
    are_plain(t, tracer)


@live()
def tls_off(t):
    """--no-tls: nothing is shown, nothing is hung anywhere"""
    pem, authority = tls.certificate(t.folder)
    server = t.start(RawServer(t.folder, pem=pem))
    with t.trace(server.pids, "--no-tls") as tracer:
        with Client(server.address, t.account, tls.context(authority)) as client:
            client.ask("GET", "/bytes/100")
    t.expect(not tracer.messages(), f"{len(tracer.messages())} records without TLS")
    t.expect("OpenSSL" not in "".join(tracer.errors), f"stderr: {tracer.errors}")


@live()
def tls_once(t):
    """probes hang in a library once, however many processes have it loaded; and each tells its own"""
    pem, authority = tls.certificate(t.folder)
    servers = [t.start(RawServer(t.folder, pem=pem)) for _ in range(3)]
    counts = []
    for some in (servers[:1], servers):
        with t.trace([pid for server in some for pid in server.pids]) as tracer:
            for server in some:
                with Client(server.address, t.account, tls.context(authority)) as client:
                    client.ask("GET", "/bytes/100")
        told = sorted(rec["local_port"] for rec in tracer.messages())
        t.expect(told == sorted(server.address[1] for server in some), f"records of the ports {told}")
        counts.append(re.search(r"OpenSSL.* (\d+) probes", "".join(tracer.errors))[1])
    t.expect(counts[0] == counts[1], f"probes of one process and of three: {counts}")


@live()
def tls_killed(t):
    """kill -9 of the tracer under load: the target goes on, and new connections of it work"""
    pem, authority = tls.certificate(t.folder)
    server = t.start(RawServer(t.folder, pem=pem))
    tracer = t.trace(server.pids, clean=False).wait_live()
    with Client(server.address, t.account, tls.context(authority)) as client:
        for i in range(200):
            client.ask("GET", f"/bytes/100?{i}")
            if i == 100:
                tracer.process.kill()
    tracer.process.wait(5)
    time.sleep(0.3)
    with Client(server.address, t.account, tls.context(authority)) as client:
        client.ask("GET", "/bytes/100?after")
    t.expect(server.alive(), "the server is gone")
    left = subprocess.run(["pgrep", "-P", str(tracer.pid)], capture_output=True, text=True).stdout
    t.expect(not left, f"processes of the tracer are left: {left}")
