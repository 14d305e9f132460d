# SPDX-License-Identifier: Apache-2.0
"""What goes out by sendfile and splice: the bytes that are shown are those that the peer got, or there are none."""
import os
import re
import socket
import time

from harness.raw import Client
from harness.registry import live
from harness.servers import LIVE, PYTHON, Nginx, Server, free_port

KEPT = 16 * 1024
SIZES = (100, 4097, 100_000) if os.environ.get("PX_IN_VM") else (1, 100, 4095, 4097, 65536, 100_000, 1_000_000)


def pages_server(folder):
    port = free_port()
    os.makedirs(f"{folder}/files", exist_ok=True)
    return Server([PYTHON, f"{LIVE}/servers/pages.py", str(port), f"{folder}/files"], ("127.0.0.1", port))


def get(sock, url, wait_s=0.0):
    """The body of the answer."""
    sock.sendall(f"GET {url} HTTP/1.1\r\nHost: live.test\r\n\r\n".encode())
    time.sleep(wait_s)
    got = b""
    while b"\r\n\r\n" not in got:
        got += sock.recv(1 << 20)
    head, body = got.split(b"\r\n\r\n", 1)
    length = int(re.search(rb"Content-Length: (\d+)", head).group(1))
    while len(body) < length:
        body += sock.recv(1 << 20)
    return body


def compare(t, rec, got, must_show):
    """The body of a record with what the client has got."""
    resp = rec["resp"]
    what = f"{rec['req']['url']}: "
    t.expect(resp["body_bytes"] == len(got), what + f"{resp['body_bytes']} bytes instead of {len(got)}")
    shown = resp.get("body", "").encode()
    t.expect(got.startswith(shown), what + f"shows {shown[:60]!r}, sent was {got[:60]!r}")
    if must_show and got:
        t.expect(len(shown) == min(len(got), KEPT), what + f"shows {len(shown)} bytes of {len(got)}")


def seen(t, asks, wait_s=0.0):
    """(url, whether its body has to be shown) in turn on one connection."""
    server = t.start(pages_server(t.folder))
    with t.trace(server.pids) as tracer:
        with socket.create_connection(server.address, 20) as sock:
            bodies = [get(sock, url, wait_s) for url, _ in asks]
    records = tracer.messages()
    told = [rec["req"]["url"].removeprefix("http://live.test") for rec in records]
    t.expect(told == [url for url, _ in asks], f"records: {told}")
    for rec, got, (_, must_show) in zip(records, bodies, asks):
        compare(t, rec, got, must_show)
    return tracer


@live(vm=True, perf=True)
def sendfile_ways(t):
    """sendfile with and without an offset, parts of a file, the same file twice; every size"""
    seen(t, [(f"/{way}/{size}", True) for way in ("offset", "position", "twice") for size in SIZES]
         + [(f"/middle/{size}", True) for size in (1001, 30_000)])


@live()
def splice_ways(t):
    """splice from a file and from memory: what is in a pipe can be read while it is sent, not afterwards"""
    can = t.probe == "sock"
    tracer = seen(t, [(f"/{way}/{size}", can) for way in ("splice", "gifted") for size in SIZES])
    notes = [rec for rec in tracer.read() if rec["type"] == "note" and rec["what"] == "splice"]
    t.expect(len(notes) == can, f"splice out of sockets is not seen by sock only: {notes}")


@live()
def changed_files(t):
    """a file without a name, with another file in its place, or emptied and written anew: never bytes that were not sent"""
    can = t.probe == "sock"
    seen(t, [(f"/{way}/{size}", can) for way in ("unlinked", "replaced") for size in SIZES])
    seen(t, [(f"/emptied/{size}?{turn}", can) for size in SIZES for turn in range(3)])


@live()
def changing_file(t):
    """a file that is emptied and written anew while a call sends it"""
    seen(t, [(f"/changing/{size}", t.probe == "sock") for size in (100, 20_000_000)], wait_s=0.5)


@live()
def nginx_bodies(t):
    """nginx with sendfile shows its bodies, in JSON and by -A"""
    server = t.start(Nginx(t.folder, sendfile="on"))
    asks = ["/small", "/page", "/big", "/small?again", "/page?again"]
    with t.trace(server.pids) as tracer, t.trace(server.pids, "-A", json_lines=False) as printed:
        with Client(server.address, t.account) as client:
            for url in asks:
                client.ask("GET", url)
    t.check([ex.seen_as("server") for ex in t.account], tracer)
    for rec in tracer.messages():
        size = rec["resp"]["body_bytes"]
        want = (b"nginx static file\n" * (size // 18) + b"." * (size % 18))[:KEPT].decode()
        t.expect(rec["resp"].get("body") == want, f"{rec['req']['url']}: shows {rec['resp'].get('body', '')[:80]!r}")
    printed.file.seek(0)
    lines = printed.file.read().decode().splitlines()
    t.expect(lines.count("        nginx static file") >= len(asks) * (100 // 18), f"-A shows {lines[:40]}")
