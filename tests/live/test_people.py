# SPDX-License-Identifier: Apache-2.0
"""What helps a person: why there is silence, what --check and -D say, filters that the kernel side decides, lines in time."""
import glob
import json
import os
import platform
import re
import socket
import struct
import subprocess
import threading
import time

from harness.raw import Client
from harness.registry import live
from harness.servers import LIVE, PYTHON, Nginx, Skip, c_binary
from harness.tracer import SLOW, Failed, binary


class Asker:
    """A program that asks for /small on its descriptor 3 for each byte that it gets."""

    def __init__(self, program):
        ours, theirs = connection()
        run = "import os, sys; os.dup2(int(sys.argv[1]), 3); os.execv(sys.argv[2], sys.argv[2:])"
        self.process = subprocess.Popen([PYTHON, "-c", run, str(theirs.fileno()), program], stdin=subprocess.PIPE,
                                        pass_fds=[theirs.fileno()])
        theirs.close()
        self.peer = ours

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(timeout=10)
        self.peer.close()

    def ask(self, count=3):
        for _ in range(count):
            self.process.stdin.write(b".")
            self.process.stdin.flush()
            got = b""
            while not got.endswith(b"\r\n\r\n"):
                piece = self.peer.recv(4096)
                if not piece:
                    raise Skip(f"{self.process.args[-1]} cannot run here: status {self.process.wait(10)}")
                got += piece
            self.peer.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")


def connection():
    """Two ends of a TCP connection."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        theirs = socket.create_connection(listener.getsockname())
        return listener.accept()[0], theirs


class Pair:
    """A process of our own with one connection, that sends what it is told: python, so that there is no TLS library."""

    CODE = ("import socket,sys\n"
            "s=socket.socket(socket.AF_UNIX if sys.argv[1].startswith('/') else socket.AF_INET)\n"
            "s.connect(sys.argv[1] if sys.argv[1].startswith('/') else ('127.0.0.1',int(sys.argv[1])))\n"
            "for line in sys.stdin: s.sendall(bytes.fromhex(line)) if line.strip() else None\n")

    def __init__(self, path=None, **env):
        self.listener = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
        self.listener.bind(path or ("127.0.0.1", 0))
        self.listener.listen()
        where = path or str(self.listener.getsockname()[1])
        self.process = subprocess.Popen(["/usr/bin/python3", "-c", self.CODE, where], stdin=subprocess.PIPE,
                                        env={**os.environ, **env})
        self.peer = self.listener.accept()[0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(timeout=10)
        self.peer.close()
        self.listener.close()

    def send(self, data):
        self.process.stdin.write(data.hex().encode() + b"\n")
        self.process.stdin.flush()
        got = b""
        while len(got) < len(data):
            got += self.peer.recv(len(data) - len(got))


def silence_of(t, pids, do, *args, until=""):
    """How the tracer explains that it has nothing to show of what is done, once standard error has the word `until`."""
    for _ in range(3):
        with t.trace(pids, *args) as tracer:
            do()
            done = time.time()
            while until not in "".join(tracer.errors) and time.time() < done + 10 * SLOW:
                time.sleep(0.01)
        t.expect(not tracer.messages(), f"no silence: {tracer.messages()}")
        notes = [r for r in tracer.read() if r["type"] == "note" and r["what"] == "silence"]
        t.expect(len(notes) == 1, f"{len(notes)} explanations: {notes}")
        if notes[0]["ts_us"] > done * 1e6:    # on a busy host 5 s may go by before anything is done
            break
    return notes[0]["text"]


@live(probes=False)
def silence_is_explained(t):
    """nothing moved; bytes of no protocol, with the first ones; TLS; UNIX sockets only; all filtered out"""
    with Pair() as pair:
        text = silence_of(t, [pair.process.pid], lambda: None)
        t.expect("no socket traffic" in text, text)
        text = silence_of(t, [pair.process.pid], lambda: pair.send(b"\xa7\x01what is this?" * 10))
        t.expect("no protocol that pxtrace knows" in text and r'"\xa7\x01what' in text, text)
    with Pair() as pair:
        text = silence_of(t, [pair.process.pid], lambda: pair.send((b"\x17\x03\x03\x00\x20" + os.urandom(32)) * 4))
        t.expect("encrypted (TLS) by a library that is not" in text, f"TLS: {text}")
    with Pair(os.path.join(t.folder, "half")) as pair:
        text = silence_of(t, [pair.process.pid], lambda: pair.send(b"GET /begun HTTP/1.1\r\nHost: "))
        t.expect(text == "only UNIX sockets: 1 connection, no complete message yet", f"half: {text}")
    with Pair(os.path.join(t.folder, "peer")) as pair:
        text = silence_of(t, [pair.process.pid], lambda: pair.send(b"\xa7\x02 nobody knows this" * 10))
        t.expect("1 UNIX connection," in text, f"UNIX: {text}")
    server = t.start(Nginx(t.folder))

    def ask():
        with Client(server.address, t.account) as client:
            client.ask("GET", "/small")
            client.ask("GET", "/page")

    text = silence_of(t, server.pids, ask, "status >= 500")
    t.expect(text == "2 messages, none of which the filter expression wants", text)
    text = silence_of(t, server.pids, ask, "--proto=dns,redis")
    t.expect("1 connection, of none of the protocols that were asked for" in text and "HTTP/1.1" in text, text)


@live(probes=False)
def library_is_named(t):
    """Bytes of TLS, by a library that cannot be looked into: its name, in the explanation and in --check"""
    library = next(iter(glob.glob("/usr/lib/*/libbearssl.so.0")), None)
    if not library:
        raise Skip("no libbearssl0 here")
    with Pair(LD_PRELOAD=library) as pair:
        def speak():
            for _ in range(3):
                pair.send(b"\x17\x03\x03\x00\x20" + os.urandom(32))

        text = silence_of(t, [pair.process.pid], speak, "--debug", until="is not looked into")
        t.expect("encrypted (TLS) by BearSSL (/usr/lib/" in text and "libbearssl.so" in text, text)
        done = subprocess.run([binary(), "--check", "-p", str(pair.process.pid)], capture_output=True, text=True, timeout=60, check=False)
        t.expect(re.search(r"^warn python3\[\d+\] TLS: BearSSL \(/usr/lib/.*not seen", done.stdout, re.M), done.stdout)


@live()
def foreign_calls_are_told(t):
    """io_uring, and a 32-bit process: nothing of them is seen, and that is said"""
    programs = {"uring": []}
    if platform.machine() == "x86_64":
        programs["calls32"] = ["-m32", "-nostdlib", "-static", "-fno-pic", "-fno-stack-protector"]
    for name, flags in programs.items():
        with Asker(c_binary(name, f"{LIVE}/clients/{name}.c", *flags)) as asker:
            text = silence_of(t, [asker.process.pid], asker.ask)
            t.expect(text.startswith("bytes move by io_uring, asynchronous I/O or 32-bit system calls only"), f"{name}: {text}")


def reset_elsewhere():
    """A connection between two that nobody traces ends by a reset, which the network does: no process is there to be asked about."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as one, listener.accept()[0] as other:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.close()
        other.settimeout(10)
        try:
            other.recv(1)
        except ConnectionResetError:
            return
        raise Failed("no reset came")


@live(probes=False)
def kernel_decides_filters(t):
    """of what a filter's port, host, role or pid leaves out the kernel side tells nothing, not even that there was something; nor of resets of others"""
    server = t.start(Nginx(t.folder))
    port, host = server.address[1], server.address[0]
    idle = subprocess.Popen(["/bin/sleep", "100"], start_new_session=True)
    t.stops.append(idle.kill)
    everything = f"port {port} and host {host}/8 and role = server and pid in ({','.join(map(str, server.pids))}) and ok"
    for expression, messages in (("port 9 and http or (port 9 and status > 1)", 0), ("host 192.0.2.7 and http", 0), ("role = client and http", 0),
                                 (f"pid = {idle.pid} and http", 0), (everything, 2)):
        # Without -p it is everybody who would be traced.
        with t.trace(None if "pid" in expression else server.pids, "--debug", "--no-tls", expression) as tracer:
            with Client(server.address, t.account) as client:
                client.ask("GET", "/small")
                client.ask("GET", "/missing")
                client.ask("GET", "/page")
            reset_elsewhere()
        records = tracer.read()
        t.expect(records[0]["filter"] == expression, records[0])
        t.expect(records[-1]["messages"] == messages, f"{expression}: {records[-1]}")
        events = [int(m[1]) for m in re.finditer(r"(\d+) events, \d+ bytes announced", "\n".join(tracer.errors))]
        t.expect(len(events) == 1 and (events[0] == 0) == (messages == 0), f"{expression}: {events} {tracer.errors}")


@live(probes=False)
def check_and_list(t):
    """--check compiles, loads and attaches, and names what a process has; -D lists it with its port; -j for both"""
    server = t.start(Nginx(t.folder))
    pid, port = server.pids[0], server.address[1]
    done = subprocess.run([binary(), "--check", "-p", str(pid)], capture_output=True, text=True, timeout=60, check=False)
    t.expect(done.returncode == 0, f"{done.returncode}: {done.stdout}{done.stderr}")
    lines = done.stdout.splitlines()
    t.expect(all(re.match(r"(ok  |warn|FAIL) \S", line) for line in lines), lines)
    t.expect(not any(line.startswith("FAIL") for line in lines), lines)
    t.expect(any(re.match(r"ok   compile, load, attach: \d+ probes \(\w+, \w+\) in \d+ ms", line) for line in lines), lines)
    t.expect(any(f"nginx[{pid}]" in line and "TCP" in line for line in lines), lines)
    done = subprocess.run([binary(), "--check", "-j", "-p", str(pid)], capture_output=True, text=True, timeout=60, check=False)
    items = [json.loads(line) for line in done.stdout.splitlines()]
    t.expect(len(items) == len(lines) and all(i["state"] == "ok" or i["state"] == "warn" for i in items), items)
    done = subprocess.run([binary(), "--check", "-p", "2147483646"], capture_output=True, text=True, timeout=60, check=False)
    t.expect(done.returncode == 5 and "FAIL target: no process 2147483646" in done.stdout, f"{done.returncode}: {done.stdout}")

    done = subprocess.run([binary(), "-D"], capture_output=True, text=True, timeout=60, check=False)
    mine = [line for line in done.stdout.splitlines() if line.split()[0] == str(pid)]
    t.expect(len(mine) == 1 and "nginx" in mine[0] and str(port) in mine[0].split("listening=")[1].split()[0], f"{mine}")
    done = subprocess.run([binary(), "-Dj"], capture_output=True, text=True, timeout=60, check=False)
    mine = [p for p in map(json.loads, done.stdout.splitlines()) if p["pid"] == pid]
    t.expect(len(mine) == 1 and port in mine[0]["listening"] and mine[0]["comm"] == "nginx", f"{mine}")
    done = subprocess.run([binary(), "-Dj", "-p", str(pid)], capture_output=True, text=True, timeout=60, check=False)
    t.expect([p["pid"] for p in map(json.loads, done.stdout.splitlines())] == [pid], done.stdout)
    done = subprocess.run([binary(), "-D", "-p", "2147483646"], capture_output=True, text=True, timeout=60, check=False)
    t.expect(done.returncode == 5 and "no process 2147483646" in done.stderr, f"{done.returncode}: {done.stderr}")


@live(probes=False)
def lines_reach_a_pipe_in_time(t):
    """the reader of a pipe has each line, without colour, within 300 ms of its exchange"""
    server = t.start(Nginx(t.folder))
    came = []
    with t.trace(server.pids, json_lines=False, out=subprocess.PIPE) as tracer:
        def read():
            for line in tracer.process.stdout:
                came.append((time.monotonic(), line))

        reader = threading.Thread(target=read)
        reader.start()
        asked = []
        with Client(server.address, t.account) as client:
            for _ in range(10):
                client.ask("GET", "/small")
                asked.append(time.monotonic())
                time.sleep(0.25)
    reader.join(timeout=10)
    t.expect(len(came) == 10 and not any(b"\x1b" in line for _, line in came), f"{came}")
    worst = max(b - a for a, (b, _) in zip(asked, came))
    t.expect(worst < 0.3, f"a line came {worst * 1000:.0f} ms after its exchange")
