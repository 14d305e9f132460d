# SPDX-License-Identifier: Apache-2.0
"""--conns: connections as they open, fail and close, seen from the side that connects."""
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import time

from harness import tls
from harness.registry import live
from harness.servers import PYTHON, RawServer, free_port
from harness.tracer import SLOW

CLIENT = """
import errno, select, socket, sys
good, bad = ("127.0.0.1", int(sys.argv[1])), ("127.0.0.1", int(sys.argv[2]))
sys.stdin.readline()
for address in (good, bad):
    for blocking in (True, False):
        s = socket.socket()
        s.setblocking(blocking)
        error = s.connect_ex(address)
        if error == errno.EINPROGRESS:
            select.select([], [s], [])
            error = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if not error:
            s.setblocking(True)
            s.sendall(b"GET /bytes/5 HTTP/1.1\\r\\nHost: conns\\r\\nConnection: close\\r\\n\\r\\n")
            while s.recv(4096):
                pass
        s.close()
sys.stdin.readline()
"""


@live()
def opened_and_refused(t):
    """connect(), blocking and not, to a server and to nobody: how it ended, how long it took, and the close"""
    server = t.start(RawServer(t.folder))
    closed = free_port()
    client = subprocess.Popen([sys.executable, "-c", CLIENT, str(server.address[1]), str(closed)], stdin=subprocess.PIPE, text=True)
    t.stops.append(client.kill)
    with t.trace([client.pid], "--conns") as tracer:
        client.stdin.write("\n")
        client.stdin.flush()
        tracer.settle()
    opens = [r for r in tracer.read() if r["type"] == "open"]
    seen = sorted((r["remote_port"], r["error"] or "") for r in opens)
    want = sorted([(server.address[1], "")] * 2 + [(closed, "ECONNREFUSED")] * 2)
    t.expect(seen == want, f"opened: {seen}, instead of {want}")
    for r in opens:
        t.expect(r["role"] == "client" and 0 < (r["connect_ns"] or 0) < 1e9, f"{r}")
    closes = [r for r in tracer.read() if r["type"] == "close" and r["messages"]]
    t.expect(len(closes) == 2, f"{closes}")
    t.expect(len(tracer.messages()) == 2, f"{tracer.messages()}")


LIVES = """
import json, socket, sys, time
sys.stdin.readline()
for name, paths in json.loads(sys.argv[1]):
    tcp = ":" in name
    s = socket.socket(socket.AF_INET if tcp else socket.AF_UNIX)
    begin = time.monotonic_ns()
    s.connect((name.split(":")[0], int(name.split(":")[1])) if tcp else name)
    connected, sent, received = time.monotonic_ns(), 0, 0
    for path in paths:
        ask = f"GET {path} HTTP/1.1\\r\\nHost: lives\\r\\n\\r\\n".encode()
        s.sendall(ask)
        sent += len(ask)
        answer = b""
        while b"\\r\\n\\r\\n" not in answer:
            answer += s.recv(65536)
        head = answer.split(b"\\r\\n\\r\\n")[0]
        length = len(head) + 4 + int(head.split(b"Content-Length: ")[1].split(b"\\r\\n")[0]) if b"Content-Length" in head else 1 << 30
        while len(answer) < length:
            piece = s.recv(65536)
            if not piece:
                break
            answer += piece
        received += len(answer)
        time.sleep(0.02)
    port = s.getsockname()[1] if tcp else 0
    before = time.monotonic_ns()
    s.close()
    print(json.dumps({"port": port, "connect": connected - begin, "least": before - connected, "most": time.monotonic_ns() - begin,
                      "sent": sent, "received": received, "requests": len(paths), "errors": sum("/status" in path for path in paths)}))
"""

CLOSE = re.compile(r"\S+ (?P<comm>[^\[]+)\[(?P<pid>\d+)\] (?P<local>\S+) -> (?P<remote>\S+) conn close (?P<duration>\d+\.\d{3})ms "
                   r"(?P<sent>\d+)/(?P<received>\d+) reqs=(?P<requests>\d+) err=(?P<errors>\d+)")
OPEN = re.compile(r"\S+ [^\[]+\[\d+\] (?P<local>\S+) -> \S+ conn open (?P<connect>\d+\.\d{3}ms|-) - -")


@live()
def lives(t):
    """What a client knows of its connections, TCP and UNIX: time to connect, duration, bytes each way, requests, errors; JSON and text"""
    tcp, unix = t.start(RawServer(t.folder)), t.start(RawServer(t.folder, os.path.join(t.folder, "lives.sock")))
    name = f"127.0.0.1:{tcp.address[1]}"
    plan = [(name, ["/bytes/5", "/bytes/70000", "/status/503"]), (unix.address, ["/bytes/100", "/status/404", "/close/30"]), (name, ["/bytes/1"])]
    for is_json in (True, False):
        client = subprocess.Popen([sys.executable, "-c", LIVES, json.dumps(plan)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        t.stops.append(client.kill)
        with t.trace([client.pid], "--conns", "--no-tls", json_lines=is_json) as tracer:
            told = [json.loads(line) for line in client.communicate("\n", timeout=20 * SLOW)[0].splitlines()]
        if is_json:
            rows = [(r["local_port"], r["duration_ns"], r["bytes_sent"], r["bytes_received"], r["messages"], r["errors"], r["lost_bytes"])
                    for r in tracer.read() if r["type"] == "close"]
            opens = {r["local_port"]: r["connect_ns"] for r in tracer.read() if r["type"] == "open" and r["net"] == "tcp"}
        else:
            tracer.file.seek(0)
            lines = tracer.file.read().decode().splitlines()
            found = [CLOSE.fullmatch(line) for line in lines if " conn close " in line]
            t.expect(all(found), f"{lines}")
            rows = [(int(m["local"].rpartition(":")[2].replace("unix", "0")), float(m["duration"]) * 1e6, *(int(m[k]) for k in ("sent", "received", "requests", "errors")), 0)
                    for m in found]
            opens = {int(m["local"].rpartition(":")[2]): float(m["connect"][:-2]) * 1e6
                     for m in map(OPEN.fullmatch, lines) if m and "unix" not in m["local"]}
        t.expect(len(rows) == len(told), f"{rows} {told}")
        for row, client_says in zip(sorted(rows), sorted(told, key=lambda says: says["port"])):
            port, duration, *numbers = row
            want = [client_says[key] for key in ("sent", "received", "requests", "errors")] + [0]
            t.expect(port == client_says["port"] and numbers == want, f"{row} instead of {client_says}")
            t.expect(client_says["least"] - 1e6 <= duration <= client_says["most"] + 1e6, f"duration: {row} instead of {client_says}")
            if port:
                t.expect(0 < opens[port] <= client_says["connect"] + 1e3, f"connect: {opens[port]} instead of {client_says}")


ENDS = """
import json, os, socket, sys, time
sys.stdin.readline()
def ask(s):
    s.sendall(b"GET /bytes/5 HTTP/1.1\\r\\nHost: ends\\r\\n\\r\\n")
    s.recv(4096)
def leave(s):
    s.close()
def twice(s):
    other = os.dup(s.fileno())
    s.close()
    time.sleep(0.03)
    os.close(other)
def over(s):
    os.dup2(0, s.fileno())
def child(s):
    if os.fork() == 0:
        time.sleep(0.06)
        os._exit(0)
    s.close()
    os.wait()
def killed(s):
    if os.fork() == 0:
        os.kill(os.getpid(), 9)
    s.close()
    os.wait()
def kept(s):
    pass
begins = {}
for how in (leave, twice, over, child, killed, kept):
    s = socket.socket(socket.AF_UNIX)
    begin = time.monotonic_ns()
    s.connect(sys.argv[1])
    connected = time.monotonic_ns()
    ask(s)
    time.sleep(0.02)
    before = time.monotonic_ns()
    how(s)
    print(json.dumps({"how": how.__name__, "least": before - connected, "most": time.monotonic_ns() - begin}), flush=True)
os._exit(0)
"""


@live()
def unix_ends(t):
    """A UNIX connection that the traced process ends is told of once, when its last descriptor is gone, however that goes"""
    server = t.start(RawServer(t.folder, os.path.join(t.folder, "ends.sock")))
    client = subprocess.Popen([sys.executable, "-c", ENDS, server.address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    t.stops.append(client.kill)
    with t.trace([client.pid, *server.pids], "--conns", "--no-tls", "-f") as tracer:
        told = [json.loads(line) for line in client.communicate("\n", timeout=20 * SLOW)[0].splitlines()]
    t.expect(len(told) == 6, f"{told}")
    closes = [r for r in tracer.read() if r["type"] == "close"]
    for role in ("client", "server"):
        mine = [r for r in closes if r["role"] == role]
        t.expect(len(mine) == len({r["conn"] for r in mine}) == len(told), f"{role}: {mine}")
    for says, r in zip(told, (r for r in closes if r["role"] == "client")):
        least = says["least"] + {"twice": 30e6, "child": 60e6}.get(says["how"], 0)
        most = says["most"] if says["how"] != "kept" else 1e9 * SLOW
        t.expect(least - 1e6 <= r["duration_ns"] <= most + 1e6, f"{says}: {r}")
        t.expect(r["messages"] == 1 and r["bytes_sent"] == 37 and r["bytes_received"] > 5 and not r["lost_bytes"], f"{says}: {r}")


RESET = """
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
for line in sys.stdin:
    if line == "read on\\n":
        try:
            while s.recv(1000):
                pass
            s.unwrap()
        except OSError:
            pass
    else:
        s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
        if line == "tls\\n":
            s = context.wrap_socket(s, server_hostname="localhost")
        s.sendall(b"GET /reset HTTP/1.1\\r\\nHost: conns\\r\\n\\r\\n")
        s.recv(1000)
        kept = s, locals().get("kept")
    print("done", flush=True)
sys.stdin.read()
"""


@live()
def reset_by_peer(t):
    """A reset is told of when it comes and not when the process notices; where it has bytes left to read, behind those. TLS: after a farewell, too"""
    pem, authority = tls.certificate(t.folder)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    listener = socket.create_server(("127.0.0.1", 0))
    t.stops.append(listener.close)
    client = subprocess.Popen([PYTHON, "-c", RESET, str(listener.getsockname()[1]), authority], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True, start_new_session=True)
    t.stops.append(client.kill)

    def tell(line):
        client.stdin.write(f"{line}\n")
        client.stdin.flush()

    def one(kind, farewell=False, more=b""):
        """A connection that this side resets; the other one keeps its socket. When it was over, at the latest."""
        tell(kind)
        peer, _ = listener.accept()
        if kind == "tls":
            peer = context.wrap_socket(peer, server_side=True)
        peer.recv(1000)
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        t.expect(client.stdout.readline() == "done\n", "the client has ended")
        peer.sendall(more)
        if farewell:  # close_notify and a FIN: it is the other side's answer that brings the reset
            peer.settimeout(0.01)
            try:
                peer.unwrap()
            except OSError:
                pass
        else:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        peer.close()
        if farewell or more:
            tell("read on")
            t.expect(client.stdout.readline() == "done\n", "the client has ended")
        return time.time()

    with t.trace([client.pid], "--conns") as tracer:
        ends = [one("plain"), one("plain", more=b"HTTP/1.1 408 Late\r\nContent-Length: 0\r\n\r\n"), one("tls"), one("tls", farewell=True)]
    closes = sorted((rec for rec in tracer.read() if rec["type"] == "close"), key=lambda rec: rec["ts_us"])
    t.expect([rec["messages"] for rec in closes] == [1, 2, 1, 1] and len({rec["conn"] for rec in closes}) == 4, f"{closes}")
    for rec, end in zip(closes, ends):
        t.expect(rec["ts_us"] / 1e6 < end + 1, f"{rec} is told {rec['ts_us'] / 1e6 - end} s late")
    told = [(rec["status"], rec["tls"]) for rec in tracer.messages()]
    t.expect(told == [("200", False), ("200", False), ("408", False), ("200", True), ("200", True)], f"{told}")
