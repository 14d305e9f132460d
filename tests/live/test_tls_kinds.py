# SPDX-License-Identifier: Apache-2.0
"""TLS: libraries that are less usual, and programs that use the usual ones in other ways. All at once, by one tracer."""
import contextlib
import os
import shlex
import signal

from harness import tls
from harness.raw import Client
from harness.registry import live
from harness.servers import (GO_VARIANTS, Nginx, RawServer, Server, async_server, children_of, free_port, go_server, go_tools, need,
                             node_server, node_with_library, prepared, secure_server)
from test_tls import at_once

KINDS = [("wolfssl", "threads"), ("mbedtls", "threads"), ("boringssl", "threads"), ("openssl", "handed"), ("openssl", "forked"),
         ("openssl", "bio"), ("openssl", "again")]


def page_servers(folder, pem):
    """(library, server) of openssl s_server -WWW and gnutls-serv, which answer with /file once on each connection."""
    for library, size, argv in (
            ("openssl", 5_000_000, ["openssl", "s_server", "-WWW", "-quiet", "-cert", pem, "-accept"]),
            ("gnutls", 100_000, ["gnutls-serv", "--http", "-q", "--x509keyfile", pem, "--x509certfile", pem, "--httpdata=file", "-p"])):
        os.makedirs(f"{folder}/{library}")
        with open(f"{folder}/{library}/file", "wb") as file:
            file.write(b"a line\n" * (size // 7))
        port = free_port()
        argv = ["sh", "-c", 'exec "$@" >/dev/null 2>&1', "sh", need(argv[0]), *argv[1:], str(port)]
        yield library, Server(argv, ("127.0.0.1", port), cwd=f"{folder}/{library}")


def drive(server, mode, context, old):
    """The account of connections, small and large both ways, many at the same time, and an old one; and what that read before the tracer."""
    account, first = [], None
    for n in range(9 if mode == "forked" else 3):
        with Client(server.address, account, context) as client:
            for i in range(10 if n == 0 else 2):
                client.ask("GET", f"/bytes/{i * 9000}?{mode}.{n}.{i}")
                client.ask("POST", f"/echo?{mode}.{n}.{i}", body=b"s" * (i * 20_000))
            client.ask("HEAD", f"/bytes/100?{mode}")
            if n == 0:
                client.ask("GET", f"/bytes/5000000?{mode}")
                client.ask("POST", f"/echo?large.{mode}", body=b"l" * 5_000_000)
    if mode != "handed":  # it serves one connection after the other
        at_once(server.address, account, context, 2)
    if old:
        first, _ = old.ask("GET", "/bytes/10?first")  # the read of it began before the probes were there
        old.account = account
        old.ask("POST", f"/echo?old.{mode}", body=b"o" * 30_000)
        old.ask("GET", f"/bytes/2000?old.{mode}")
        old.close()
    return account, first


def fetch(server, library, old, context):
    """The same of a server of pages; of gnutls-serv, which waits for all of its connections, many at the same time."""
    account, first = [], None
    if library == "gnutls":
        old.account = account
        many = [old, *(Client(server.address, account, context) for _ in range(49))]
        for client in many:
            client.send("GET", "/file")
        for client in many:
            client.receive()
            client.wire.fill()  # its farewell: unread, it makes a reset of close(), and nobody knows then whose an old connection's answer was
            client.close()
    else:
        first, _ = old.ask("GET", "/file")
        old.close()
    for _ in range(3):
        with Client(server.address, account, context) as client:
            client.ask("GET", "/file")
    return account, first


@live()
def tls_kinds(t):
    """
    wolfSSL, Mbed TLS, BoringSSL; a socket that one thread accepts, another shakes hands on and a third one serves; processes that accept
    from one socket, whose contexts have equal addresses; TLS as a layer among OpenSSL's BIOs, by a program of ours and openssl
    s_server -WWW; another handshake before each answer; gnutls-serv
    """
    pem, authority = tls.certificate(t.folder)
    context = tls.context(authority)
    servers = [(library, mode, t.start(secure_server(pem, library, mode))) for library, mode in KINDS]
    pages = [(library, t.start(server)) for library, server in page_servers(t.folder, pem)]
    old = {}
    for library, mode, server in servers:
        if mode != "handed":
            old[server] = Client(server.address, [], context)
            old[server].ask("GET", "/bytes/1000?before")
    for library, server in pages:
        old[server] = Client(server.address, [], context)
    pids = [pid for _, _, server in servers for pid in [*server.pids, *children_of(server.process.pid)]]
    with t.trace(pids + [pid for _, server in pages for pid in server.pids]) as tracer:
        accounts = [(library, server, *drive(server, mode, context, old.get(server))) for library, mode, server in servers]
        accounts += [(library, server, *fetch(server, library, old[server], context)) for library, server in pages]
    for library, server, account, first in accounts:
        mine = [rec for rec in tracer.messages() if rec["local_port"] == server.address[1]]
        t.check_records([ex.seen_as("server") for ex in account], [rec for rec in mine if rec["req"]])
        halves = [rec["resp"]["bytes"] for rec in mine if not rec["req"]]
        t.expect(halves in ([], [first and first.resp_bytes]), f"{library}: answers without a request: {halves}")
        seen = {(rec["tls"], rec.get("tls_lib"), rec["proto"]) for rec in mine}
        t.expect(seen == {(True, library, "http")}, f"records are {seen}")
    t.expect(tracer.read()[-1]["not_understood"] == 0, "something was not understood")


def every_server(folder, pem):
    """Servers of all kinds, not started yet, each with the name of its library and what to ask it for."""
    with prepared() as servers:
        RawServer(folder, pem=pem)
        node_server(folder, pem)
        async_server(folder, pem)
        Nginx(folder, pem=pem)
        made = [("openssl", f"/bytes/100?{n}") for n in range(3)] + [("openssl", "/small")]
        for library, mode in KINDS:
            secure_server(pem, library, mode)
            made.append((library, f"/bytes/100?{mode}"))
        for go in go_tools().values():
            for variant in GO_VARIANTS:
                go_server(folder, pem=pem, variant=variant, go=go)
                made.append(("go", f"/bytes/100?{variant}"))
        made += [(library, "/file") for library, _ in page_servers(folder, pem)]
    return [(server, *what) for server, what in zip(servers, made)]


@live()
def tls_served(t):
    """servers of all kinds as children of a command under trace; what the dynamic linker does not know of when it has been found"""
    pem, authority = tls.certificate(t.folder)
    context, servers, node, expected = tls.context(authority), every_server(t.folder, pem), node_with_library(), {}
    lines = [f"(cd {server.cwd or t.folder}; exec {shlex.join(server.argv)}) & echo $! >>{t.folder}/pids" for server, *_ in servers]
    layers = next(server.argv[0] for server, *_ in servers if server.argv[-1] == "bio")
    tracer = t.trace(None, "--debug", "-o-", "--libssl", layers, "--", "sh", "-c", "\n".join([*lines, "wait"]))

    def end():
        with open(f"{t.folder}/pids") as file:
            for pid in file:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGTERM)
    t.stops.append(end)
    tracer.wait_live()
    for server, library, url in servers:
        server.wait_ready()
        if library in ("go", "boringssl") or server.argv[0] == node:
            tracer.await_text(f"TLS: .*{'BoringSSL' if library == 'boringssl' else server.argv[0]}", r"TLS: \d+ probes")
        with Client(server.address, t.account, context) as client:
            for _ in range(1 if url == "/file" else 2):
                client.ask("GET", url)
        expected[server.address[1]] = library
    end()
    tracer.process.wait(20)
    tracer.stop()
    t.check([ex.seen_as("server") for ex in t.account], tracer)
    seen = {rec["local_port"]: rec.get("tls_lib") for rec in tracer.messages()}
    t.expect(seen == expected, f"libraries are {seen}, not {expected}")
