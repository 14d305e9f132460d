# SPDX-License-Identifier: Apache-2.0
"""TLS: the plaintext of real libraries, on the real endpoints, each exchange once."""
import os
import shutil
import ssl  # noqa: F401, loaded for its library
import subprocess
import time

from harness import clients, tls
from harness.raw import Client, chunked
from harness.registry import live
from harness.servers import PYTHON, Nginx, RawServer, async_server, need, node_server, nss_binary, openssl_binary
from harness.tracer import Tracer

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


def are_plain(t, tracer, library="openssl"):
    """Every record is of TLS, by that library, and nothing was taken for something else."""
    seen = {(rec["tls"], rec.get("tls_lib"), rec["proto"]) for rec in tracer.messages()}
    t.expect(seen == {(True, library, "http")}, f"records are {seen}")
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
    """nginx: static files, and as a proxy of a server without TLS"""
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
        context = tls.context(authority)
        many = [Client(server.address, t.account, context) for _ in range(50)]
        for i in range(MANY):
            for n, client in enumerate(many):
                client.send("GET", f"/bytes/100?{n}.{i}")
            for client in many:
                client.receive()
        for client in many:
            client.close()
    t.check([ex.seen_as("server") for ex in t.account], tracer)
    are_plain(t, tracer)


@live()
def tls_large(t):
    """bodies that nobody will see are not copied; what follows them is, and --port leaves other connections out"""
    pem, authority = tls.certificate(t.folder)
    server, other = (t.start(RawServer(t.folder, pem=pem)) for _ in range(2))
    size = 30_000_000
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


def asked(t, make, library="openssl", found=None):
    """
    Trace what make(server, authority) starts; the server's account is the truth. found: what ends the name of a program that has its
    library built in; it is known when it runs, and asks only then.
    """
    pem, authority = tls.certificate(t.folder)
    server = t.start(RawServer(t.folder, pem=pem))
    client = make(server, authority)
    t.stops.append(client.stop)
    with t.trace([client.pid], "-f", *(["--debug"] if found else [])) as tracer:
        if found:
            client.begin()
            tracer.await_text(rf"TLS: .*{found}\)", r"TLS: \d+ probes")
        client.go()
        tracer.process.wait(10)
    t.check([ex.seen_as("client") for ex in server.account()], tracer)
    are_plain(t, tracer, library)


@live()
def tls_curl(t):
    """curl: keep-alive over many URLs, an upload of 5 MB, TLS 1.2 and 1.3"""
    upload = os.path.join(t.folder, "upload")
    with open(upload, "wb") as file:
        file.write(b"u" * 5_000_000)

    def make(server, authority):
        base, steps = f"https://localhost:{server.address[1]}", []
        common = ["--cacert", authority, "-4", "-o/dev/null"]
        for i in range(MANY):
            steps += ["--next", *common, f"{base}/bytes/{i * 5000}?i={i}"]
        steps += ["--next", *common, "--data-binary", f"@{upload}", f"{base}/echo?up"]
        steps += ["--next", *common, "--tls-max", "1.2", "-H", "Connection: close", f"{base}/close/70000?tls1.2"]
        return clients.curl("--http1.1", *steps[1:])
    asked(t, make)


ASKS = [(op, url, size) for i in range(MANY) for op, url, size in (
    ("GET", f"/bytes/{i * 900}?i={i}", 0), ("POST", f"/echo?i={i}", i * 5000), ("GET", f"/chunked/{i * 3000}?i={i}", 0))]


@live()
def tls_python_client(t):
    """http.client, whose ssl module is loaded when it begins, and 5 MB each way"""
    large = [("GET", "/bytes/5000000", 0), ("PUT", "/echo?large", 5_000_000)]
    asked(t, lambda server, authority: clients.script("client.py", "localhost", server.address[1], ASKS + large, authority))


@live()
def tls_s_client(t):
    """openssl s_client"""
    def make(server, authority):
        text = "GET /bytes/100?a HTTP/1.1\r\nHost: a\r\n\r\nGET /close/9000?b HTTP/1.1\r\nHost: a\r\n\r\n"
        # It calls it an error that the server leaves without a word.
        client = clients.Client(["sh", "-c", '"$@"; true', "sh", need("openssl"), "s_client", "-quiet", "-CAfile", authority,
                                 "-connect", f"127.0.0.1:{server.address[1]}"])
        client.stdin = text
        return client
    asked(t, make)


@live()
def tls_wget(t):
    """wget, which uses GnuTLS"""
    def make(server, authority):
        base = f"https://localhost:{server.address[1]}"
        return clients.Client([need("wget"), "-q4", "--ca-certificate", authority, "-O/dev/null",
                               *(f"{base}/bytes/{i * 9000}?i={i}" for i in range(MANY)), f"{base}/bytes/5000000"])
    asked(t, make, "gnutls")


OPENSSL_ASKS = [(op, url, size) for i in range(MANY) for op, url, size in (
    ("GET", f"/bytes/{i * 900}?i={i}", 0), ("POST", f"/echo?i={i}", i * 50_000))]


def openssl_client(server, is_static, argv=()):
    """argv: how it is run, or another file of the same program."""
    program = [] if is_static and argv else [openssl_binary(is_static)]
    client = clients.Client([*argv, *program, str(server.address[1])])
    client.stdin = "begin\n" + "".join(f"{op} {url} {size}\n" for op, url, size in [*OPENSSL_ASKS, ("POST", "/echo?large", 5_000_000)])
    return client


@live()
def tls_nonblocking(t):
    """calls that are made again until they succeed, a look before each read, another thread that reads"""
    asked(t, lambda server, _authority: openssl_client(server, False))


@live()
def tls_static(t):
    """the same program with OpenSSL linked into it, whose functions are in its table of symbols only; it is found when it runs"""
    asked(t, lambda server, _authority: openssl_client(server, True), found="openssl-static")


@live()
def tls_found(t):
    """a program with OpenSSL linked into it and no symbols; a library under another name whose file is deleted"""
    server = t.start(RawServer(t.folder, pem=tls.certificate(t.folder)[0]))
    stripped, copy = f"{t.folder}/stripped", f"{t.folder}/other"
    subprocess.run([need("strip"), "-o", stripped, openssl_binary(True)], check=True)
    running = [openssl_client(server, True, [stripped]), openssl_client(server, False, ["env", f"LD_PRELOAD={copy}"])]
    with open(f"/proc/{os.getpid()}/maps") as maps:  # this Python uses the library, too
        shutil.copy(next(line.split()[5] for line in maps if "libssl.so" in line), copy)
    for client, file in zip(running, (stripped, copy)):
        t.stops.append(client.stop)
        client.begin()
        deadline = time.monotonic() + 20
        while f" {file}\n" not in open(f"/proc/{client.pid}/maps").read():
            t.expect(time.monotonic() < deadline, f"{file} does not run")
            time.sleep(0.01)
        os.unlink(file)
    with t.trace([client.pid for client in running]) as tracer:
        for client in running:
            client.go()
        tracer.process.wait(10)
    t.check([ex.seen_as("client") for ex in server.account()], tracer)
    are_plain(t, tracer)


@live()
def tls_unix(t):
    """over a UNIX socket"""
    pem, authority = tls.certificate(t.folder)
    server = t.start(RawServer(t.folder, os.path.join(t.folder, "s.sock"), pem=pem))
    with t.trace(server.pids) as tracer:
        for _ in range(3):
            with Client(server.address, t.account, tls.context(authority)) as client:
                drive(client, 5)
    t.check([ex.seen_as("server") for ex in t.account], tracer)
    are_plain(t, tracer)


@live()
def tls_loaded_later(t):
    """a library that is loaded while the tracer runs: seen a moment later"""
    pem, authority = tls.certificate(t.folder)
    server = t.start(RawServer(t.folder, pem=pem))
    program = t.start(Later(t.folder))
    with t.trace([program.pid]) as tracer:
        program.ask(f"https://localhost:{server.address[1]}/bytes/100?first", authority)
        time.sleep(4)  # nothing has been compiled for TLS until then
        for i in range(4):
            program.ask(f"https://localhost:{server.address[1]}/bytes/100?i={i}", authority)
    told = [ex.seen_as("client") for ex in server.account()]
    t.check_records(told[1:], [rec for rec in tracer.messages() if rec["req"].get("query") != "first"])


class Later:
    """A Python that has not loaded anything for TLS yet, and asks when it is told to."""

    CODE = """if True:
        import sys
        for line in sys.stdin:
            url, authority = line.split()
            import ssl, urllib.request
            urllib.request.urlopen(url, context=ssl.create_default_context(cafile=authority)).read()
            print("done", flush=True)
        """

    def __init__(self, _folder):
        self.process = subprocess.Popen([PYTHON, "-c", self.CODE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        start_new_session=True)
        self.pid = self.process.pid

    def ask(self, url, authority):
        self.process.stdin.write(f"{url} {authority}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"

    def stop(self):
        self.process.stdin.close()
        self.process.wait(5)


@live()
def tls_nss_client(t):
    """NSS, whose calls serve files and plain sockets, too"""
    def make(server, _authority):
        client = clients.Client([nss_binary(), str(server.address[1])])
        client.stdin = "".join(f"{op} {url} {size}\n" for op, url, size in ASKS if "chunked" not in url)
        return client
    asked(t, make, "nss")


MEMORY_ASKS = [(op, url, size) for i in range(MANY) for op, url, size in (
    ("GET", f"/bytes/{i * 900}?i={i}", 0), ("POST", f"/echo?i={i}", i * 5000), ("POST", f"/echo?same={i}", 4000))]


@live()
def tls_node_client(t):
    """node, which moves ciphertext through memory, and has its library built in but where Debian made it"""
    shared = subprocess.run([need("node"), "-p", "process.config.variables.node_shared_openssl"], capture_output=True, text=True, check=True)
    asked(t, lambda server, authority: clients.script("client.js", "localhost", server.address[1], MEMORY_ASKS, authority),
          found=None if shared.stdout == "true\n" else "/node")


@live()
def tls_asyncio_client(t):
    """asyncio, through memory: connections that send equal lengths at the same time"""
    asked(t, lambda server, authority: clients.script("asynchronous.py", "127.0.0.1", server.address[1], MEMORY_ASKS, authority,
                                                      "1"))


@live()
def tls_unpaired(t):
    """connections that are over before anybody knows their sockets: shown all the same, without endpoints"""
    pem, authority = tls.certificate(t.folder)
    server = t.start(RawServer(t.folder, pem=pem))
    client = clients.script("asynchronous.py", "127.0.0.1", server.address[1], MEMORY_ASKS[:8], authority)
    t.stops.append(client.stop)
    with t.trace([client.pid], "-f") as tracer:
        client.go()
        tracer.process.wait(10)
    lost = [rec for rec in tracer.messages() if "unpaired" in rec["flags"]]
    for rec in lost:
        t.expect("local_addr" not in rec and "remote_port" not in rec and "net" not in rec, f"endpoints of an unpaired one: {rec}")
    told = sorted((ex.op, ex.url.partition("?")[2]) for ex in server.account())
    seen = sorted((rec["op"], rec["req"].get("query")) for rec in tracer.messages())
    t.expect(told == seen, f"{told} is not {seen}")
    t.note(f"{len(lost)} of {len(told)} unpaired")


@live()
def tls_node_server(t):
    """a server on node: connections from before the tracer and later ones, 5 MB both ways"""
    pem, authority = tls.certificate(t.folder)
    server = t.start(node_server(t.folder, pem))
    in_memory(t, server, authority)


@live()
def tls_asyncio_server(t):
    """a server on asyncio, the same"""
    pem, authority = tls.certificate(t.folder)
    server = t.start(async_server(t.folder, pem))
    in_memory(t, server, authority)


def in_memory(t, server, authority):
    old = [Client(server.address, [], tls.context(authority)) for _ in range(4)]
    for client in old:
        client.ask("GET", "/bytes/1000?before")
        client.account = t.account
    with t.trace(server.pids) as tracer:
        late = [Client(server.address, t.account, tls.context(authority, 2 + i % 2)) for i in range(8)]
        for i in range(10):
            for n, client in enumerate(old + late):
                client.send("POST", f"/echo?{n}.{i}", body=b"e" * 1000)
            for client in reversed(old + late):  # in another order than they were asked
                client.receive()
        late[0].ask("GET", "/bytes/5000000")
        late[1].ask("POST", "/echo?large", body=b"l" * 5_000_000)
        for client in old + late:
            client.close()
    t.check([ex.seen_as("server") for ex in t.account], tracer)
    are_plain(t, tracer)


@live()
def tls_command(t):
    """a command under trace: the probes are there before its first byte"""
    pem, authority = tls.certificate(t.folder)
    server = t.start(RawServer(t.folder, pem=pem))
    base = f"https://localhost:{server.address[1]}"
    code = f"import urllib.request,ssl; urllib.request.urlopen('{base}/bytes/300?python', " \
           f"context=ssl.create_default_context(cafile='{authority}')).read()"
    for argv in ([need("curl"), "-4sS", "--http1.1", "--cacert", authority, "-o/dev/null", f"{base}/bytes/100?curl"],
                 ["sh", "-c", f"curl -4sS --http1.1 --cacert {authority} -o/dev/null {base}/bytes/200?sh"],
                 [PYTHON, "-c", code],
                 [need("node"), "-e", f"require('https').get('{base}/bytes/400?node', {{ca: require('fs').readFileSync("
                  f"'{authority}')}}, r => r.resume())"]):
        before = len(server.account())
        tracer = Tracer(None, "-o-", "--", *argv, probe=t.probe)
        tracer.process.wait(20)
        tracer.stop()
        t.check([ex.seen_as("client") for ex in server.account()[before:]], tracer)
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
