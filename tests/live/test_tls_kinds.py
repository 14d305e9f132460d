# SPDX-License-Identifier: Apache-2.0
"""TLS: libraries that are less usual, and programs that use the usual ones in other ways. All at once, by one tracer."""
from harness import tls
from harness.raw import Client
from harness.registry import live
from harness.servers import Server, children_of, free_port, need, secure_server

KINDS = [("wolfssl", "threads"), ("mbedtls", "threads"), ("openssl", "handed"), ("openssl", "forked"), ("openssl", "bio")]


class SServer(Server):
    """openssl s_server -WWW, which serves the files of a folder, an answer per connection."""

    def __init__(self, folder, pem):
        port = free_port()
        with open(f"{folder}/file", "wb") as file:
            file.write(b"a line\n" * 9000)
        super().__init__([need("openssl"), "s_server", "-WWW", "-quiet", "-cert", pem, "-accept", f"127.0.0.1:{port}"],
                         ("127.0.0.1", port), cwd=folder)


def drive(server, mode, context, old):
    """The account of several connections, small and large both ways, and of an old one; and what it read before it was traced."""
    account, first = [], None
    for n in range(9 if mode == "forked" else 3):
        with Client(server.address, account, context) as client:
            for i in range(4):
                client.ask("GET", f"/bytes/{i * 9000}?{mode}.{n}.{i}")
                client.ask("POST", f"/echo?{mode}.{n}.{i}", body=b"s" * (i * 20_000))
            client.ask("HEAD", f"/bytes/100?{mode}")
            if n == 0:
                client.ask("GET", f"/bytes/5000000?{mode}")
                client.ask("POST", f"/echo?large.{mode}", body=b"l" * 5_000_000)
    if old:
        first, _ = old.ask("GET", "/bytes/10?first")  # the read of it began before the probes were there
        old.account = account
        old.ask("POST", f"/echo?old.{mode}", body=b"o" * 30_000)
        old.ask("GET", f"/bytes/2000?old.{mode}")
        old.close()
    return account, first


@live()
def tls_kinds(t):
    """
    wolfSSL, Mbed TLS; a socket that one thread accepts, another shakes hands on and a third one serves; processes that accept from one
    socket, whose contexts have equal addresses; TLS as a layer among OpenSSL's BIOs, by a program of ours and openssl s_server -WWW
    """
    pem, authority = tls.certificate(t.folder)
    context = tls.context(authority)
    servers = [(library, mode, t.start(secure_server(pem, library, mode))) for library, mode in KINDS]
    layered = t.start(SServer(t.folder, pem))
    old = {}
    for library, mode, server in servers:
        if mode != "handed":  # it serves one connection after the other
            old[server] = Client(server.address, [], context)
            old[server].ask("GET", "/bytes/1000?before")
    pids = [pid for _, _, server in servers for pid in [*server.pids, *children_of(server.process.pid)]] + layered.pids
    with t.trace(pids) as tracer:
        accounts = [(library, server, *drive(server, mode, context, old.get(server))) for library, mode, server in servers]
        for _ in range(3):
            with Client(layered.address, t.account, context) as client:
                client.ask("GET", "/file")
    accounts.append(("openssl", layered, t.account, None))
    for library, server, account, first in accounts:
        mine = [rec for rec in tracer.messages() if rec["local_port"] == server.address[1]]
        t.check_records([ex.seen_as("server") for ex in account], [rec for rec in mine if rec["req"]])
        halves = [rec["resp"]["bytes"] for rec in mine if not rec["req"]]
        t.expect(halves in ([], [first and first.resp_bytes]), f"{library}: answers without a request: {halves}")
        seen = {(rec["tls"], rec.get("tls_lib"), rec["proto"]) for rec in mine}
        t.expect(seen == {(True, library, "http")}, f"records are {seen}")
    t.expect(tracer.read()[-1]["not_understood"] == 0, "something was not understood")
