# SPDX-License-Identifier: Apache-2.0
"""As people use it: the documented pipelines with jq, grep and head, and lines on terminals of several widths."""
import json
import os
import re
import signal
import socket
import struct
import subprocess
import threading
import time
import unicodedata

import terminal
from harness.raw import Client
from harness.registry import live
from harness.servers import LIVE, RawServer, c_binary, need
from harness.tracer import BANNER, IN_VM, SLOW, Failed, binary

ALONE = True

# $PID is a server of ours.
FAILED = "pxtrace -jp $PID | jq -c 'select(.ok|not)|{ts,comm,proto,op,target,status,error}'"
SLOWEST = "pxtrace -j http | jq -r 'select(.latency_ns>2e8)|[.latency_ns/1e6,.req.method,.req.url]|@tsv'"
TABLES = "pxtrace -j --duration 30s pgsql | jq -s 'group_by(.target)|map({t:.[0].target,n:length})|sort_by(-.n)'"
GREP = "pxtrace -p $PID | grep ' http 5'"
HEAD = "pxtrace -p $PID | head -5"


class Pipeline:
    """A command line in a shell and a session of its own; lines() ends the tracer in it as Ctrl-C does."""

    def __init__(self, t, text, pid):
        path = os.path.join(t.folder, "bin")
        os.makedirs(path, exist_ok=True)
        if not os.path.exists(f"{path}/pxtrace"):
            os.symlink(binary(), f"{path}/pxtrace")
        self.text, self.banner = text, threading.Event()
        self.process = subprocess.Popen(["/bin/sh", "-c", text], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True, start_new_session=True, env={**os.environ, "PID": str(pid), "PATH": f"{path}:{os.environ['PATH']}"})
        t.stops.append(self.process.kill)
        self.errors, self.out = [], []
        self.readers = [threading.Thread(target=self.read_errors, daemon=True), threading.Thread(target=self.read, daemon=True)]
        for reader in self.readers:
            reader.start()

    def read_errors(self):
        for line in self.process.stderr:
            self.errors.append(line)
            if line.startswith(BANNER):
                self.banner.set()

    def read(self):
        self.out += [line.rstrip("\n") for line in self.process.stdout]

    def wait_live(self):
        if not self.banner.wait(20 * SLOW):
            raise Failed(f"{self.text}: no banner: {self.errors}")

    def tracers(self):
        """Pids of pxtrace below the shell."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as file:
            pids = file.read().split()
        return [int(pid) for pid in pids if os.path.exists(f"/proc/{pid}/exe") and os.path.samefile(f"/proc/{pid}/exe", binary())]

    def lines(self):
        for pid in self.tracers():
            os.kill(pid, signal.SIGINT)
        self.process.wait(20 * SLOW)
        for reader in self.readers:
            reader.join(5)
        if any("error" in line or "roken pipe" in line for line in self.errors if not re.search(r"\d+ messages?, \d+ errors?", line)):
            raise Failed(f"{self.text}: {self.errors}")
        return self.out


def speak_pgsql(queries):
    """Queries of PostgreSQL's protocol and their answers between two sockets of this process (message formats: version 3.0)."""
    def message(kind, body):
        return kind + struct.pack(">I", len(body) + 4) + body

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with socket.create_connection(listener.getsockname()) as client, listener.accept()[0] as server:
            def tell(out, to, data):
                out.sendall(data)
                while data:
                    data = data[len(to.recv(len(data))):]

            ready = message(b"Z", b"I")
            tell(client, server, message(b"", struct.pack(">I", 196608) + b"user\0me\0\0"))
            tell(server, client, message(b"R", struct.pack(">I", 0)) + ready)
            for query in queries:
                tell(client, server, message(b"Q", query.encode() + b"\0"))
                tell(server, client, message(b"C", b"SELECT 0\0") + ready)


def answer_slowly(listener):
    with listener.accept()[0] as sock:
        sock.recv(4096)
        time.sleep(0.25)
        sock.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")


@live(probes=False)
def recipes(t):
    """The pipelines of the documentation, as they are written: what they print is what a client knows"""
    need("jq")
    server = t.start(RawServer(t.folder))
    lines = [Pipeline(t, text, server.pids[0]) for text in (FAILED, SLOWEST, TABLES, GREP, HEAD)]
    failed, slowest, tables, grep, head = lines
    for line in lines:
        line.wait_live()
    with Client(server.address, t.account) as client:
        for path in ("/bytes/1", "/status/404", "/status/503", "/bytes/2", "/status/500", "/bytes/3", "/status/204"):
            client.ask("GET", path)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        thread = threading.Thread(target=answer_slowly, args=(listener,), daemon=True)
        thread.start()
        with Client(listener.getsockname(), []) as client:
            client.ask("GET", f"/slow-{os.getpid()}")
        thread.join()
    speak_pgsql([f"SELECT * FROM table_{os.getpid()}"] * 3)
    t.expect(len(head.lines()) == 5, f"head: {head.out}")
    t.expect([(r["op"], r["target"], r["status"]) for r in map(json.loads, failed.lines())]
             == [("GET", f"/status/{code}", str(code)) for code in (404, 503, 500)], f"{failed.out}")
    t.expect(set(json.loads(failed.out[0])) == {"ts", "comm", "proto", "op", "target", "status", "error"}, failed.out[0])
    t.expect(len(grep.lines()) == 2 and "/status/503" in grep.out[0] and "/status/500" in grep.out[1], f"{grep.out}")
    mine = [line.split("\t") for line in slowest.lines() if f"/slow-{os.getpid()}" in line]
    t.expect(len(mine) == 2 and all(len(words) == 3 and float(words[0]) > 200 for words in mine), f"both ends: {slowest.out}")
    counts = {row["t"]: row["n"] for row in json.loads("\n".join(tables.lines()))}
    t.expect(counts.get(f"table_{os.getpid()}") == 6, f"both ends: {counts}")


class Terminal:
    """A tracer whose standard output is a terminal of so many columns."""

    def __init__(self, t, columns, pids, **env):
        ours, theirs = terminal.opened(columns)
        self.columns, self.master, self.bytes = columns, ours, b""
        env = {"TERM": "xterm-256color", "PATH": os.environ["PATH"], **env}
        argv = [binary(), *(["--no-tls"] if IN_VM else []), "-p", ",".join(map(str, pids))]
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.PIPE, text=True,
                                        start_new_session=True, env=env)
        os.close(theirs)
        t.stops.append(self.process.kill)
        for line in self.process.stderr:
            if line.startswith(BANNER):
                break
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for piece in terminal.pieces(self.master):
            self.bytes += piece

    def lines(self, count):
        deadline = time.monotonic() + 10 * SLOW
        while self.bytes.count(b"\n") < count and time.monotonic() < deadline:
            time.sleep(0.02)
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=10 * SLOW)
        self.reader.join(5)
        return self.bytes.decode().splitlines()


@live(probes=False)
def slow_start_is_told(t):
    """A start of more than 400 ms has a line on a terminal that goes away again"""
    spoil = c_binary("refuse.so", f"{LIVE}/clients/refuse.c", "-shared", "-fPIC")    # each back end is tried in vain
    ours, theirs = terminal.opened()
    process = subprocess.Popen([need("env"), f"LD_PRELOAD={spoil}", binary(), "-p", str(os.getpid())], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=theirs, start_new_session=True)
    os.close(theirs)
    text = terminal.rest(ours)
    t.expect(process.wait(10 * SLOW) == 4, f"status {process.returncode}: {text}")
    for path in re.findall(rb"all of it: (\S+)\)", text):
        os.unlink(path)
    t.expect(b"\r\x1b[Kpxtrace: compiling and loading the BPF programs\r\x1b[K" in text and text.count(b"\x1b") == 2, f"{text}")


def width(text):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


@live(probes=False)
def widths(t):
    """Lines fit terminals of 80, 120 and 200 columns; what is left out for that, and colours; NO_COLOR"""
    server = t.start(RawServer(t.folder))
    terminals = [Terminal(t, columns, server.pids) for columns in (80, 120, 200)]
    plain = Terminal(t, 120, server.pids, NO_COLOR="1")
    with t.trace(server.pids, json_lines=False) as piped:
        with Client(server.address, t.account) as client:
            for path in ("/bytes/1", "/status/404?" + "q" * 300, "/bytes/70000?name=%E2%82%AC&" + "x" * 150):
                client.ask("GET", path)
    local = f"{server.address[0]}:{server.address[1]} <- "
    sizes = [f" {ex.req_bytes}/{ex.resp_bytes} GET " for ex in t.account]
    for terminal in (*terminals, plain):
        lines = terminal.lines(len(t.account))
        t.expect(len(lines) == len(t.account), f"{terminal.columns}: {lines}")
        t.expect(all(("\x1b[" in line) == (terminal is not plain) for line in lines), f"{terminal.columns}: colours: {lines}")
        lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]
        t.expect(not any("\x1b" in line for line in lines), f"{lines}")
        for ex, size, line in zip(t.account, sizes, lines):
            t.expect(width(line) <= terminal.columns, f"{width(line)} columns of {terminal.columns}: {line}")
            t.expect((local in line) == (terminal.columns >= 120), f"{terminal.columns}: local address: {line}")
            t.expect((size in line) == (terminal.columns >= 90), f"{terminal.columns}: sizes: {line}")
            t.expect(f" http {ex.status} " in line and re.search(r" <- \S+ http \d+ \d+\.\d{3}ms ", line), line)
            t.expect(ex.url.split("?")[0] in line or terminal.columns < 120, f"{terminal.columns}: the path is cut: {line}")
            t.expect(line.endswith("…") == (len(ex.url) > 100), f"{terminal.columns}: cut or not: {line}")
    piped.file.seek(0)
    text = piped.file.read().decode()
    t.expect("\x1b" not in text and all(ex.url in text and size in text for ex, size in zip(t.account, sizes)), f"piped: {text}")


def form_of(text):
    """A session without what differs each time: numbers, the back end, the libraries of nginx."""
    return re.sub(r"\d+", "N", re.sub(r"\(\w+\); Ctrl-C", "(BACK END); Ctrl-C", re.sub(r"\], [\w ,]+ probes", "], N probes", text)))


@live(probes=False)
def session_in_readme(t):
    """README.md shows what examples/demo --still prints of a real run"""
    need("nginx"), need("jq"), need("curl")
    root = os.path.join(LIVE, "../..")
    done = subprocess.run([f"{root}/examples/demo", "--still"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60 * SLOW,
                          check=False, start_new_session=True)
    t.expect(done.returncode == 0, f"{done.returncode}: {done.stderr}")
    with open(f"{root}/README.md") as file:
        shown = file.read().split("```console\n")[1].split("```")[0]
    t.expect(form_of(shown) == form_of(done.stdout), f"README.md has\n{form_of(shown)}and not\n{form_of(done.stdout)}")
