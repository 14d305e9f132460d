# SPDX-License-Identifier: Apache-2.0
"""TLS clients: programs and languages that ask. What their server tells is the truth."""
import glob
import os
import shlex
import shutil
import ssl  # noqa: F401, loaded for its library
import subprocess
import time

from harness import clients, tls
from harness.account import Exchange
from harness.raw import Client
from harness.registry import live
from harness.servers import LIVE, PYTHON, Nginx, RawServer, Skip, need, node_with_library, nss_binary, openssl_binary
from harness.tracer import Tracer
from test_tls import MANY, are_plain

LARGE = [("GET", "/bytes/5000000", 0), ("PUT", "/echo?large", 5_000_000)]
ASKS = [(op, url, size) for i in range(MANY) for op, url, size in (("GET", f"/bytes/{i * 900}?i={i}", 0), ("POST", f"/echo?i={i}", i * 5000))]
CHUNKED = [("GET", f"/chunked/{i * 3000}?i={i}", 0) for i in range(MANY)]
SAME = [("POST", f"/echo?same={i}", 4000) for i in range(MANY)]
FIRST = "begin\nGET /bytes/1000?before 0\n"


def curl(folder, port, authority):
    upload, base = os.path.join(folder, "upload"), f"https://localhost:{port}"
    with open(upload, "wb") as file:
        file.write(b"u" * 5_000_000)
    common = ["--cacert", authority, "-4", "-o/dev/null"]
    steps = [[f"{base}/bytes/{i * 5000}?i={i}"] for i in range(MANY)]
    steps += [["--data-binary", f"@{upload}", f"{base}/echo?up"], [f"{base}/bytes/5000000"],
              ["--tls-max", "1.2", "-H", "Connection: close", f"{base}/close/70000?tls1.2"]]
    return clients.curl("--http1.1", *[word for step in steps for word in ("--next", *common, *step)][1:])


def curl_parallel(port, authority):
    """50 connections at the same time, 20 requests on each."""
    urls = f"https://localhost:{port}/bytes/[100-{50 * MANY + 99}]"
    return clients.curl("--http1.1", "-Z", "--parallel-immediate", "--parallel-max", "50", "--cacert", authority, "-4", "-o/dev/null", urls)


def wget(port, authority):
    base = f"https://localhost:{port}"
    return clients.Client([need("wget"), "-q4", "--ca-certificate", authority, "-O/dev/null",
                           *(f"{base}/bytes/{i * 9000}?i={i}" for i in range(MANY)), f"{base}/bytes/5000000"])


def request(op, url, body="", headers=""):
    return f"{op} {url} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n{headers}\r\n{body}"


def senders(port, authority):
    """Programs that send what they read, by their libraries."""
    return {"openssl": [need("openssl"), "s_client", "-quiet", "-CAfile", authority, "-connect", f"127.0.0.1:{port}"],
            "gnutls": [need("gnutls-cli"), "--x509cafile", authority, "-p", str(port), "localhost"]}


def piped(argv):
    """Such a program with requests, the last of which has the connection closed."""
    texts = [request("GET", f"/bytes/{i * 100}?piped={i}") for i in range(MANY)]
    texts += [request("GET", "/bytes/5000000?piped"), request("POST", "/echo?piped", "a line\n" * 715_000),
              request("GET", "/close/9000?b", headers="Connection: close\r\n")]
    # They call it an error that the server leaves without a word.
    client = clients.Client(["sh", "-c", '"$@"; true', "sh", *argv])
    client.stdin = "".join(texts)
    return client


def reader(argv, asks):
    client = clients.Client(argv)
    client.stdin = clients.lines(asks)
    return client


def openssl_client(server, *argv, asks=tuple(ASKS + LARGE)):
    """argv: the program, and how it is run."""
    return reader([*argv, str(server.address[1])], asks)


def started(t, server, client):
    """It has asked for something on the connection that it goes on with."""
    count = len(server.account())
    t.stops.append(client.stop)
    client.begin(FIRST)
    client.stdin = client.stdin.removeprefix("begin\n")
    deadline = time.monotonic() + 20
    while len(server.account()) == count:
        t.expect(time.monotonic() < deadline, "it does not ask")
        time.sleep(0.01)


def told(server):
    return [ex.seen_as("client") for ex in server.account() if not ex.url.endswith("?before")]


def traced(t, server, every, *args):
    """Trace clients, each with the name of its library, until they have ended."""
    with t.trace([client.pid for client, _ in every], *args) as tracer:
        for client, _ in every:
            client.go()
        tracer.process.wait(10)
    t.check(told(server), tracer)
    are_plain(t, tracer, *{library for _, library in every})


def asked(t, server, old, new):
    """Trace these clients, some of which have a connection already; each is with the name of its library."""
    for client, _ in old:
        started(t, server, client)
    for client, _ in new:
        t.stops.append(client.stop)
    traced(t, server, [*old, *new], "-f")


@live()
def tls_clients(t):
    """
    curl, http.client, requests, openssl s_client, wget and gnutls-cli (GnuTLS), NSS, whose calls serve files and plain sockets, too; a program
    whose calls are made again until they succeed, that looks before each read, and reads on another thread. Some are in the middle of a
    connection when the tracer comes. 5 MB each way, 20 requests on a connection, 50 connections of curl's at the same time
    """
    pem, authority = tls.certificate(t.folder)
    server = t.start(RawServer(t.folder, pem=pem))
    port = server.address[1]
    asked(t, server, old=[
        (clients.script("client.py", "localhost", port, ASKS + CHUNKED + LARGE, authority), "openssl"),
        (clients.script("requesting.py", "localhost", port, ASKS + LARGE, authority), "openssl"),
        (openssl_client(server, openssl_binary()), "openssl"),
        (reader([nss_binary(), str(port)], ASKS + LARGE), "nss"),
    ], new=[
        (clients.script("client.py", "localhost", port, ASKS[:4], authority), "openssl"),
        (curl(t.folder, port, authority), "openssl"),
        (curl_parallel(port, authority), "openssl"),
        (wget(port, authority), "gnutls"),
        *((piped(argv), library) for library, argv in senders(port, authority).items()),
    ])


def by_kernel():
    """Connections that the kernel has encrypted until now, and that it has decrypted; None: it cannot."""
    try:
        with open("/proc/net/tls_stat") as file:
            counts = dict(line.split() for line in file)
        return [int(counts["TlsTxSw"]), int(counts["TlsRxSw"])]
    except FileNotFoundError:
        return None


WITH_KERNEL = """
openssl_conf = all
[all]
ssl_conf = libraries
[libraries]
system_default = ours
[ours]
Options = KTLS
MaxProtocol = TLSv1.2
"""


@live(vm="kprobe")
def tls_curl_nginx(t):
    """
    curl and nginx, which has the kernel encrypt where it can, and then sends files by SSL_sendfile(): of these sizes are told, bytes are not;
    connections of TLS 1.2 for which the kernel does all, on either side, are older than the tracer
    """
    pem, authority = tls.certificate(t.folder)
    server = t.start(Nginx(t.folder, sendfile="on", pem=pem))
    urls = [f"/{name}?{i}" for i in range(2) for name in ("small", "page", "nope", "empty", "page")]
    form = "%{url_effective} %{http_code} %{size_request} %{size_header} %{size_download} %{local_port}\n"
    client = clients.Client([need("curl"), "-4sS", "--http1.1", "--cacert", authority, "-w", form,
                             *(word for url in urls for word in ("-o/dev/null", f"https://localhost:{server.address[1]}{url}"))], keep=True)
    t.stops.append(client.stop)
    upstream, before = t.start(RawServer(t.folder, pem=pem)), by_kernel()
    old = Client(server.address, [], tls.context(authority, 2))
    old.ask("GET", "/small?before")
    old.account = []
    with open(f"{t.folder}/openssl.cnf", "w") as file:
        file.write(WITH_KERNEL)
    asking = openssl_client(upstream, "env", f"OPENSSL_CONF={t.folder}/openssl.cnf", openssl_binary(), asks=ASKS[:6])
    started(t, upstream, asking)
    decrypted = by_kernel()
    with t.trace([*server.pids, client.pid, asking.pid], tls=True) as tracer:
        asking.go()
        for i in range(3):
            old.ask("GET", f"/small?old={i}")
            old.ask("GET", f"/page?old={i}")
        lines = client.go().decode().splitlines()
    for line in lines:
        url, status, *numbers = line.split()
        asked, head, body, port = map(int, numbers)
        t.account.append(Exchange("GET", url.partition(str(server.address[1]))[2], status, asked, 0, head + body, body,
                                  ("127.0.0.1", port), server.address))
    t.check([ex.seen_as(role) for ex in t.account for role in ("client", "server")] + [ex.seen_as("server") for ex in old.account]
            + told(upstream), tracer)
    are_plain(t, tracer)
    sends_files = before is not None
    t.expect(not sends_files or decrypted == [before[0] + 2, before[1] + 2], f"the kernel did not do all for two connections: {before} {decrypted}")
    with open(f"{t.folder}/www/page") as file:
        page = file.read()
    for rec in tracer.messages():
        if rec["target"] == "/page":
            shown = rec["resp"].get("body", "")
            t.expect(page.startswith(shown), f"{shown[:60]!r} was not sent")
            t.expect(bool(shown) != (sends_files and rec["role"] == "server"), f"{rec['role']} shows {len(shown)} bytes")
    t.note(f"{'by the kernel' if sends_files else 'the kernel cannot encrypt'}; ended after {tracer.exit_after:.2f} s")


@live()
def tls_memory_clients(t):
    """asyncio and aiohttp, through memory: connections that send equal lengths at the same time, 50 of them; 5 MB each way"""
    pem, authority = tls.certificate(t.folder)
    server = t.start(RawServer(t.folder, pem=pem))

    def client(asks, *args):
        return clients.script("asynchronous.py", "127.0.0.1", server.address[1], asks, authority, *args), "openssl"
    asked(t, server, [], [client(ASKS + SAME, "4", "1"), client(SAME, "50", "1", "aiohttp"), client(ASKS + LARGE, "1", "1", "aiohttp")])


@live()
def tls_built_in(t):
    """programs with their library built in, found when they run: one with OpenSSL in its table of symbols, and node"""
    pem, authority = tls.certificate(t.folder)
    server = t.start(RawServer(t.folder, pem=pem))
    every = [(openssl_client(server, openssl_binary("static")), "openssl-static"),
             (clients.script("client.js", "localhost", server.address[1], ASKS + SAME + LARGE, authority),
              node_with_library())]
    for client, _ in every:
        t.stops.append(client.stop)
    with t.trace([client.pid for client, _ in every], "-f", "--debug") as tracer:
        for client, name in every:
            if name:
                client.begin()
                tracer.await_text(rf"TLS: .*{name}\)", r"TLS: \d+ probes")
        for client, _ in every:
            client.go()
        tracer.process.wait(10)
    t.check(told(server), tracer)
    are_plain(t, tracer)


def stripped(folder, kind):
    """openssl_binary() of this kind without symbols, in a file that may be deleted."""
    file = f"{folder}/stripped-{kind}"
    subprocess.run([need("strip"), "-o", file, openssl_binary(kind)], check=True)
    return file


def own_root(folder, program):
    """A folder as of a container, with this program and copies of its libraries."""
    lines = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout.split()
    for path in (program, *(word for word in lines if word.startswith("/"))):
        os.makedirs(f"{folder}{os.path.dirname(path)}", exist_ok=True)
        shutil.copy(path, f"{folder}{path}")
    return folder


@live()
def tls_found(t):
    """
    OpenSSL 3 and 1.1 linked into programs that have no symbols; a library under another name; the files of these are deleted; libraries in
    a container's own files; BoringSSL, shared and linked into a program
    """
    server = t.start(RawServer(t.folder, pem=tls.certificate(t.folder)[0]))
    program, other = openssl_binary(), f"{t.folder}/other"
    with open(f"/proc/{os.getpid()}/maps") as maps:  # this Python uses the library, too
        shutil.copy(next(line.split()[5] for line in maps if "libssl.so" in line), other)
    programs = [("openssl", stripped(t.folder, "static")), ("openssl", "env", f"LD_PRELOAD={other}", program),
                ("openssl", "chroot", own_root(f"{t.folder}/root", program), program), ("boringssl", openssl_binary("boringssl"))]
    missing = []
    for library, kind in (("openssl", "1.1"), ("openssl", "1.1-static"), ("boringssl", "boringssl-static")):
        try:
            programs.append((library, stripped(t.folder, kind) if kind == "1.1-static" else openssl_binary(kind)))
        except Skip as why:
            missing.append(str(why))
    every = [(openssl_client(server, *argv, asks=ASKS[:8]), library) for library, *argv in programs]
    for client, _ in every:
        started(t, server, client)
    for file in (other, *glob.glob(f"{t.folder}/stripped-*")):
        os.unlink(file)
    traced(t, server, every)
    if missing:    # the others were right, but this is no pass
        raise Skip("; ".join(missing))


@live()
def tls_loaded_later(t):
    """a library that is loaded while the tracer runs: seen a moment later"""
    pem, authority = tls.certificate(t.folder)
    server = t.start(RawServer(t.folder, pem=pem))
    program = t.start(Later(t.folder))
    with t.trace([program.pid], "--debug") as tracer:
        program.ask(f"https://localhost:{server.address[1]}/bytes/100?first", authority)
        tracer.await_text(r"TLS: [1-9]\d* probes")  # nothing has been compiled for TLS until then
        for i in range(4):
            program.ask(f"https://localhost:{server.address[1]}/bytes/100?i={i}", authority)
    t.check_records(told(server)[1:], [rec for rec in tracer.messages() if rec["req"].get("query") != "first"])


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
def tls_unpaired(t):
    """connections that are over before anybody knows their sockets: shown all the same, without endpoints"""
    pem, authority = tls.certificate(t.folder)
    server = t.start(RawServer(t.folder, pem=pem))
    client = clients.script("asynchronous.py", "127.0.0.1", server.address[1], SAME[:2], authority, "4", "0")
    t.stops.append(client.stop)
    with t.trace([client.pid], "-f") as tracer:
        client.go()
        tracer.process.wait(10)
    lost = [rec for rec in tracer.messages() if "unpaired" in rec["flags"]]
    for rec in lost:
        t.expect("local_addr" not in rec and "remote_port" not in rec and "net" not in rec, f"endpoints of an unpaired one: {rec}")
    asks = sorted((ex.op, ex.url.partition("?")[2]) for ex in server.account())
    seen = sorted((rec["op"], rec["req"].get("query")) for rec in tracer.messages())
    t.expect(asks == seen, f"{asks} is not {seen}")
    t.note(f"{len(lost)} of {len(asks)} unpaired")


MEMORY_PAIR = """
import ssl, sys
def moved(make, take):
    data = make.read()
    if data:
        take.write(data)
ends = {}
for server in (False, True):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if server:
        context.load_cert_chain(sys.argv[1])
    read, write = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends[server] = context.wrap_bio(read, write, server_side=server), read, write
def step(server, call, *args):
    try:
        return getattr(ends[server][0], call)(*args)
    except ssl.SSLWantReadError:
        return None
    finally:
        moved(ends[server][2], ends[not server][1])
sys.stdin.readline()
for _ in range(4):
    for server in ends:
        step(server, "do_handshake")
step(False, "write", b"GET /memory HTTP/1.1\\r\\nHost: memory\\r\\n\\r\\n")
step(True, "read", 1000)
step(True, "write", b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
step(False, "read", 1000)
"""


@live()
def tls_no_socket(t):
    """TLS that uses no socket at all: shown without endpoints; left out where these are chosen, which is said once"""
    pem, _ = tls.certificate(t.folder)
    for args in ([], ["--port", "1"]):
        client = clients.Client([PYTHON, "-c", MEMORY_PAIR, pem], "begin\n")
        t.stops.append(client.stop)
        with t.trace([client.pid], "-f", *args) as tracer:
            client.go()
            tracer.process.wait(10)
        told = [(rec["status"], rec["tls"], "local_addr" in rec) for rec in tracer.messages()]
        t.expect(told == ([] if args else [("200", True, False)] * 2), f"{args}: {told}")
        said = [line for line in tracer.errors if "cannot choose among them" in line]
        t.expect(len(said) == bool(args), f"{args}: {tracer.errors}")


@live()
def tls_command(t):
    """
    commands under trace, one of which has many children: the probes are there before their first byte; into a file that nobody uses yet
    by --libssl
    """
    pem, authority = tls.certificate(t.folder)
    server = t.start(RawServer(t.folder, pem=pem))
    port, base = server.address[1], f"https://localhost:{server.address[1]}"
    code = f"import urllib.request,ssl; urllib.request.urlopen('{base}/bytes/300?python', " \
           f"context=ssl.create_default_context(cafile='{authority}')).read()"
    fetch = [need("curl"), "-4sS", "--http1.1", "--cacert", authority, "-o/dev/null"]
    children = [shlex.join([*fetch, f"{base}/bytes/200?sh"]),
                shlex.join([need("wget"), "-q4", "--ca-certificate", authority, "-O/dev/null", f"{base}/bytes/200?wget"])]
    for argv in ([PYTHON, f"{LIVE}/clients/requesting.py", "localhost", str(port), authority],
                 [PYTHON, f"{LIVE}/clients/asynchronous.py", "127.0.0.1", str(port), authority, "1", "0.5", "aiohttp"],
                 [nss_binary(), str(port)], [openssl_binary(), str(port)], [openssl_binary("static"), str(port)]):
        children.append(f"printf 'begin\\nGET /bytes/200 0\\nPOST /echo?same 900\\n' | {shlex.join(argv)}")
    last = request("GET", "/close/900", headers="Connection: close\r\n")
    children += [f"printf '%s' {shlex.quote(last)} | {shlex.join(argv)}" for argv in senders(port, authority).values()]
    for argv in ([*fetch, f"{base}/bytes/100?curl"], ["sh", "-c", "; ".join(["exec >/dev/null", *children, "true"])], [PYTHON, "-c", code],
                 [need("node"), "-e", f"require('https').get('{base}/bytes/400?node', {{ca: require('fs').readFileSync("
                  f"'{authority}')}}, r => r.resume())"]):
        before = len(server.account())
        tracer = Tracer(None, "-o-", "--libssl", openssl_binary("static"), "--", *argv, probe=t.probe)
        tracer.process.wait(20)
        tracer.stop()
        t.check([ex.seen_as("client") for ex in server.account()[before:]], tracer)
        are_plain(t, tracer, *(["openssl", "gnutls", "nss"] if argv[0] == "sh" else ["openssl"]))
