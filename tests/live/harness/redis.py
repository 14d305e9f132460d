# SPDX-License-Identifier: Apache-2.0
"""redis-server, and a client of our own that knows every byte it sends and gets."""
import base64
import json
import os
import socket
import subprocess
from collections import Counter

from .clients import Client
from .servers import LIVE, PYTHON, Server, free_port, need

NOBODY = 65534


class RedisServer(Server):
    """As nobody, without files; TCP and a UNIX socket."""

    def __init__(self, folder, *options, port=None):
        home = os.path.join(folder, f"redis-{free_port()}")
        os.mkdir(home)
        os.chown(home, NOBODY, NOBODY)
        os.chmod(folder, 0o711)
        self.socket_path = f"{home}/redis.sock"
        port = port or free_port()
        super().__init__([need("setpriv"), f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", need("redis-server"), "--port", str(port),
                          "--bind", "127.0.0.1", "--unixsocket", self.socket_path, "--dir", home, "--save", "", "--appendonly", "no",
                          "--logfile", f"{home}/log", "--repl-diskless-sync-delay", "0", *options], ("127.0.0.1", port), cwd="/")

    def calls(self):
        """How often each command was called, as the server counted; asking counts as well."""
        with Resp(self.address) as conn:
            lines = conn.ask("INFO", "commandstats").decode().splitlines()
        out = Counter()
        for line in lines:
            if line.startswith("cmdstat_"):
                name, stats = line[8:].split(":")
                out[name.replace("|", " ").upper()] = int(stats.split(",")[0].split("=")[1])
        return out


def encode(args):
    words = [a if isinstance(a, bytes) else str(a).encode() for a in args]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


class Failure(str):
    """An error as the server told it."""


class Resp:
    """A connection. ask() sends a command, reads its answer and writes both into the account."""

    def __init__(self, address, account=None):
        self.account = account if account is not None else []
        self.sock = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        self.sock.connect(address)
        self.sock.settimeout(20)
        self.buffer = b""
        self.taken = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def more(self):
        got = self.sock.recv(1 << 20)
        if not got:
            raise EOFError
        self.buffer += got

    def line(self):
        while b"\r\n" not in self.buffer:
            self.more()
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        self.taken += len(line) + 2
        return line

    def exactly(self, n):
        while len(self.buffer) < n:
            self.more()
        out, self.buffer = self.buffer[:n], self.buffer[n:]
        self.taken += n
        return out

    def value(self):
        line = self.line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            return Failure(rest.decode())
        if kind == b":":
            return int(rest)
        if kind in b"$=":
            return None if rest == b"-1" else self.exactly(int(rest) + 2)[:-2]
        if kind in b"*~>":
            return None if rest == b"-1" else [self.value() for _ in range(int(rest))]
        if kind == b"%":
            return {self.value(): self.value() for _ in range(int(rest))}
        return {b"_": None, b"#": rest == b"t", b",": float(rest) if kind == b"," else 0}[kind]

    def send(self, *args, raw=None):
        data = raw or encode(args)
        self.sock.sendall(data)
        return len(data)

    def receive(self):
        """(the next answer, its bytes)"""
        self.taken = 0
        value = self.value()
        return value, self.taken

    def ask(self, *args, db=None):
        sent = self.send(*args)
        value, got = self.receive()
        self.tell(args, value, sent, got, db)
        return value

    def tell(self, args, value, sent=None, got=None, db=None):
        self.account.append(Told(args, value, sent, got, db))


class Told:
    """What a client knows of one exchange."""

    def __init__(self, args, value, sent=None, got=None, db=None, one_way=False):
        self.words = [a if isinstance(a, str) else a.decode("latin-1") if isinstance(a, bytes) else str(a) for a in args]
        self.value, self.sent, self.got, self.db, self.one_way = value, sent, got, db, one_way
        self.is_binary = any(isinstance(a, bytes) and not a.isascii() for a in args)

    def differences(self, rec):
        """What the record says differently."""
        req, resp = rec.get("req") or {}, rec.get("resp") or {}
        failed = isinstance(self.value, Failure)
        status = "-" if self.one_way else str(self.value).split(" ", 1)[0] if failed else "OK"
        words = rec.get("op", "").split() + req.get("args", [])
        out = []

        def check(name, want, got):
            if want is not None and want != got:
                out.append(f"{name}: {str(got)[:200]!r} instead of {str(want)[:200]!r}")

        if not self.is_binary and "truncated" not in rec["flags"] and "redacted" not in rec["flags"]:
            check("words", [w.upper() if i < len(rec["op"].split()) else w for i, w in enumerate(self.words)], words)
        check("argc", len(self.words), req.get("argc"))
        check("status", status, rec["status"])
        check("ok", not failed, rec["ok"])
        check("req.bytes", self.sent, req.get("bytes"))
        check("resp.bytes", self.got, resp.get("bytes"))
        check("db", self.db, req.get("db"))
        if not self.one_way and (rec.get("latency_ns") is None or rec["latency_ns"] < 0):
            out.append(f"latency_ns: {rec.get('latency_ns')}")
        if failed:
            check("error", str(self.value), rec["error"])
        elif not self.one_way and "redacted" not in rec["flags"] and "truncated" not in rec["flags"] and self.value != ...:
            check("value", shown(self.value), as_shown(resp))
        if {"gap", "unpaired", "mid_stream", "aborted"} & set(rec["flags"]):
            out.append(f"flags: {rec['flags']}")
        return out


def shown(value):
    """A value as JSON would have it."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, dict):
        return {str(shown(k)): shown(v) for k, v in value.items()}
    if isinstance(value, Failure):
        return {"error": str(value)}
    return [shown(v) for v in value] if isinstance(value, list) else value


def as_shown(resp):
    """The same of a record's answer."""
    value = base64.b64decode(resp["value_b64"]).decode("utf-8", "backslashreplace") if "value_b64" in resp else resp.get("value")
    if resp.get("kind") in ("array", "map", "set", "push"):
        return json.loads(value)
    if resp.get("kind") == "integer":
        return int(value)
    return value


def compare(account, records, role=None):
    """Texts: where the records of a connection's side are not what was told, in order."""
    if role:
        records = [r for r in records if r.get("role") == role]
    out = []
    if len(account) != len(records):
        told, seen = Counter(t.words[0].upper() for t in account), Counter(r.get("op", "?").split()[0] for r in records)
        out.append(f"{len(account)} exchanges and {len(records)} records; missing {told - seen}, invented {seen - told}")
    for told, rec in zip(account, records):
        wrong = told.differences(rec)
        if wrong:
            out.append(f"{' '.join(told.words)[:80]}: {'; '.join(wrong)}")
    return out


def library(name, address):
    """A client program of another library: it reads commands as JSON lines and prints what it got."""
    path = f"{LIVE}/clients/ask_redis.{name}"
    runner = {"py": PYTHON, "js": need("node"), "pl": need("perl"), "rb": need("ruby")}[name] if name != "go" else None
    return Client([runner, path, address[0], str(address[1])], keep=True)


def cli(address, *options):
    where = ["-s", address] if isinstance(address, str) else ["-h", address[0], "-p", str(address[1])]
    return Client([need("redis-cli"), *where, "--no-raw", *options], keep=True)


def benchmark_client(address, *options):
    return Client([need("redis-benchmark"), "-h", address[0], "-p", str(address[1]), "-q", *options], keep=True)
