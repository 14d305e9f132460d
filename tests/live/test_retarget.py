# SPDX-License-Identifier: Apache-2.0
""".target of the shell: processes become targets while the trace runs, and cease to be."""
import os
import re
import socket
import subprocess

from harness import tls
from harness.raw import Client
from harness.registry import live
from harness.servers import PYTHON, Nginx, RawServer, free_port, need
from harness.shell import Script


def idle(t):
    """A process that does nothing, for a trace that shall have a target."""
    process = subprocess.Popen([need("sleep"), "1000"], stdin=subprocess.DEVNULL, start_new_session=True)
    t.stops.append(process.kill)
    return process


def seen(rows):
    return [row["target"] for row in rows]


@live()
def added(t):
    """Added: what comes on connections from before, TCP and UNIX, and on later ones; and who it is"""
    server, other = t.start(Nginx(t.folder)), idle(t)
    shell = Script(t, [other.pid])
    addresses = {"tcp": server.address, "unix": server.socket_path}
    old = {name: Client(address, t.account) for name, address in addresses.items()}
    for client in old.values():
        client.ask("GET", "/small?unseen")
    shell.add(*server.pids)
    for _ in range(2):    # on an older connection the first pair waits for the next
        for name, client in old.items():
            client.ask("GET", f"/empty?old-{name}")
    shell.messages(2)
    for name, address in addresses.items():
        with Client(address, t.account) as client:
            client.ask("GET", f"/page?new-{name}")
    rows = shell.messages(6)
    t.expect(sorted(seen(rows)) == ["/empty"] * 4 + ["/page"] * 2, f"{rows}")
    for row in rows:
        is_old = row["target"] == "/empty"
        t.expect(row["role"] == "server" and row["comm"] == "nginx" and row["pid"] in server.pids and row["status"] == "200", f"{row}")
        t.expect(row["exe"] == os.path.realpath(need("nginx")), f"{row}")
        t.expect(is_old or "mid_stream" not in (row["flags"] or ""), f"a new connection is said to be an old one: {row}")
        t.expect(row["local_addr"] in ("127.0.0.1", server.socket_path), f"{row}")
    # The first pair of each older connection may have begun before.
    t.expect(sum("mid_stream" in (row["flags"] or "") for row in rows if row["target"] == "/empty") >= 2, f"{rows}")
    said = shell.say(".target")
    t.expect(sorted(said) == sorted([f"sleep[{other.pid}]", *(f"nginx[{pid}]" for pid in server.pids)]), f"{said}")
    shell.remove(*server.pids)
    old["unix"].ask("GET", "/empty?out")
    shell.add(*server.pids)
    for _ in range(2):
        old["unix"].ask("GET", "/small?again")
    again = shell.messages(8)[6:]    # its names are told again, and it is no new connection
    t.expect([(row["target"], row["local_addr"], "mid_stream" in row["flags"]) for row in again] == [("/small", server.socket_path, True)] * 2, f"{again}")
    for client in old.values():
        client.close()
    shell.end()


ASKER = """
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
for line in sys.stdin:
    word, _, target = line.strip().partition(" ")
    if word == "ask":
        s.sendall(f"GET {target} HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n".encode())
    else:
        s.recv(65536)
    print(word, flush=True)
"""
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Asker:
    """A client whose calls we time: it sends when it is told to, and reads when it is told to."""

    def __init__(self, t):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.process = subprocess.Popen([PYTHON, "-c", ASKER, str(listener.getsockname()[1])], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            text=True, start_new_session=True)
            t.stops.append(self.process.kill)
            self.sock = listener.accept()[0]
        self.pid = self.process.pid

    def do(self, what):
        self.process.stdin.write(f"{what}\n")
        self.process.stdin.flush()
        self.process.stdout.readline()

    def answer(self):
        self.sock.recv(65536)
        self.sock.sendall(ANSWER)
        self.do("read")


@live()
def removed(t):
    """Taken out: the kernel side tells nothing more of it; what waits is told of once; added again it is a target as before"""
    server, other = t.start(RawServer(t.folder)), idle(t)
    shell = Script(t, [other.pid], "--debug")
    shell.add(*server.pids)
    shell.remove(*server.pids)
    with Client(server.address, t.account) as client:
        for _ in range(5):
            client.ask("GET", "/bytes/100?silent")
    t.expect(shell.messages() == [], f"{shell.messages()}")
    errors = shell.end()
    events = [int(m[1]) for m in re.finditer(r"(\d+) events, \d+ bytes announced", "\n".join(errors))]
    t.expect(events == [0], f"events of one that was taken out: {events} {errors}")

    shell, asker = Script(t, [other.pid]), Asker(t)
    asker.do("ask /before")
    asker.answer()
    for i in range(2):
        shell.add(asker.pid)
        for _ in range(3):
            asker.do("ask /answered")
            asker.answer()
        shell.messages(4 * i + 3)    # on an older connection, pairs come when nothing has spoken against them for a while
        asker.do("ask /waits")
        shell.remove(asker.pid)
        asker.answer()
        asker.do("ask /unseen")
        asker.answer()
    rows = shell.messages()
    wanted = [("/answered", "200")] * 3 + [("/waits", "NOREPLY")]
    t.expect([(row["target"], row["status"]) for row in rows] == 2 * wanted, f"{rows}")
    t.expect([row["conn"] for row in rows[:4]] == 4 * [rows[0]["conn"]] and [row["conn"] for row in rows[4:]] == 4 * [rows[4]["conn"]]
             and rows[0]["conn"] != rows[4]["conn"], f"one connection, told of in two parts: {rows}")
    t.expect(all("mid_stream" in row["flags"] for row in (rows[0], rows[4])), f"{rows}")
    shell.end()


SERVER = """
import os, sys, http.server as h
h.BaseHTTPRequestHandler.log_message = lambda *a: None
sys.stdin.readline()
if os.fork() == 0:
    s = h.HTTPServer(("127.0.0.1", int(sys.argv[1])), h.SimpleHTTPRequestHandler)
    print("ready", flush=True)
    s.serve_forever()
sys.stdin.readline()
"""


@live()
def family(t):
    """-f: what an added process forks is a target, then taken out with it; without -f it is none"""
    for options, wanted in (((), 0), (("-f",), 1)):
        port, other = free_port(), idle(t)
        process = subprocess.Popen([PYTHON, "-c", SERVER, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
                                   cwd=t.folder)
        t.stops.append(lambda group=process.pid: os.killpg(group, 9))
        shell = Script(t, [other.pid], *options)
        shell.add(process.pid)
        process.stdin.write("\n")
        process.stdin.flush()
        process.stdout.readline()
        with Client(("127.0.0.1", port), t.account) as client:
            client.ask("GET", "/none?child")
        t.expect(seen(shell.messages(wanted)) == ["/none"] * wanted, f"{shell.messages()}")
        t.expect(sum("a child" in line for line in shell.say(".target")) == wanted, f"{shell.say('.target')}")
        shell.remove(process.pid)
        with Client(("127.0.0.1", port), t.account) as client:
            client.ask("GET", "/none?removed")
        t.expect(len(shell.messages()) == wanted, f"{shell.messages()}")
        t.expect(not any("python" in line for line in shell.say(".target")), f"{shell.say('.target')}")
        shell.end()


@live()
def lives(t):
    """The trace goes on while an added target lives, and ends with the last one; not when the user has taken out the last"""
    first, second = idle(t), idle(t)
    shell = Script(t, [first.pid])
    shell.add(second.pid)
    first.kill()
    first.wait()
    server = t.start(RawServer(t.folder))
    shell.add(*server.pids)
    with Client(server.address, t.account) as client:
        client.ask("GET", "/bytes/10")
    shell.messages(1)
    shell.remove(*server.pids)
    second.kill()
    second.wait()
    shell.wait(lambda: "the trace is over" in "\n".join(shell.say(".stats")), "the trace does not end with the last target")
    shell.end()

    shell = Script(t, [server.pids[0]])
    shell.remove(server.pids[0])
    third = idle(t)
    shell.add(third.pid)
    shell.remove(third.pid)
    third.kill()
    third.wait()
    shell.add(*server.pids)
    with Client(server.address, t.account) as client:
        client.ask("GET", "/bytes/10")
    shell.messages(1)
    shell.end()


@live()
def tls_added(t):
    """A process that speaks TLS, added to a trace that began without any: its plaintext on its next connection and on older ones, until it is taken out; and again"""
    pem, authority = tls.certificate(t.folder)
    server, other = t.start(RawServer(t.folder, pem=pem)), idle(t)
    context = tls.context(authority)
    shell = Script(t, [other.pid], tls=True)
    with Client(server.address, t.account, context) as old:
        old.ask("GET", "/bytes/1")
        shell.add(*server.pids)
        with Client(server.address, t.account, context) as client:
            client.ask("GET", "/bytes/2")
        for _ in range(3):
            old.ask("GET", "/bytes/3")
        rows = shell.messages(4)
        shell.remove(*server.pids)
        old.ask("GET", "/bytes/4")
        t.expect(shell.messages() == rows, f"more than {rows}: {shell.messages()}")
        shell.add(*server.pids)
        for _ in range(3):
            old.ask("GET", "/bytes/5")
        again = shell.messages(7)[4:]
        t.expect(seen(again).count("/bytes/5") >= 2 and all(row["tls"] and "mid_stream" in row["flags"] for row in again), f"{again}")
    # As with -p: of a call that was under way nobody knows what it was for, so the first answer may be alone.
    targets = [row["target"] for row in rows if "unpaired" not in row["flags"]]
    t.expect(targets.count("/bytes/2") == 1 and targets.count("/bytes/3") >= 2 and len(targets) >= 3 and len(rows) == 4, f"{rows}")
    t.expect(all(row["tls"] and (row["target"] == "/bytes/2") == ("mid_stream" not in row["flags"]) for row in rows[:2]), f"{rows}")
    shell.end()


@live()
def chosen(t):
    """-i without a target: all processes, until the first one is added; then these alone"""
    server, one = t.start(Nginx(t.folder)), t.start(RawServer(t.folder))
    shell = Script(t, None, f"port {server.address[1]} or port {one.address[1]}")

    def ask(text):
        for address, url in ((server.address, f"/small?{text}"), (one.address, "/bytes/10")):
            with Client(address, t.account) as client:
                client.ask("GET", url)
    ask("all")
    servers = {row["comm"] for row in shell.messages(4) if row["role"] == "server"}
    t.expect(servers == {"nginx", "python3"}, f"{servers}")
    before = len(shell.messages())
    shell.add(*one.pids)
    ask("chosen")
    rows = shell.messages(before + 1)[before:]
    t.expect([(row["role"], row["target"]) for row in rows] == [("server", "/bytes/10")], f"{rows}")
    shell.end()


@live()
def matched(t):
    """--comm or --uid: added are also others, whatever they are; of those that match by name one is taken out"""
    server, one = t.start(Nginx(t.folder)), t.start(RawServer(t.folder))

    def ask():
        for address, url in ((server.address, "/small"), (one.address, "/bytes/10")):
            with Client(address, t.account) as client:
                client.ask("GET", url)
    shell = Script(t, None, "--comm", "nginx", f"port {server.address[1]} or port {one.address[1]}")
    ask()
    shell.messages(1)
    shell.add(*one.pids)
    ask()
    t.expect(sorted(row["comm"] for row in shell.messages(3)) == ["nginx", "nginx", "python3"], f"{shell.messages()}")
    said = shell.say(".target")
    t.expect(all(f"nginx[{pid}], by its name" in said for pid in server.pids) and f"python3[{one.pids[0]}]" in said, f"{said}")
    shell.remove(*server.pids)
    ask()
    t.expect([row["comm"] for row in shell.messages(4)].count("python3") == 2 and len(shell.messages()) == 4, f"{shell.messages()}")
    shell.end()

    shell = Script(t, None, "--uid", "nobody", f"port {one.address[1]}")    # of other tests' servers nothing is wanted
    shell.add(*one.pids)
    ask()
    t.expect([row["comm"] for row in shell.messages(1)] == ["python3"], f"{shell.messages()}")
    shell.remove(*one.pids)
    ask()
    t.expect(len(shell.messages()) == 1, f"{shell.messages()}")
    shell.end()


@live(probes=False)
def refused(t):
    """.target says why not: no such process, -a, none of the targets"""
    t.probe = "auto"
    other = idle(t)
    cases = [([other.pid], (), ".target -p 2147483646", "no process 2147483646", 5),
             ([other.pid], (), ".target remove -p 1", "process 1 is none of the targets", 5),
             ([other.pid], (), f".target -p {other.pid}", f"process {other.pid} is a target already", 5),
             (None, ("-a",), f".target -p {other.pid}", "all processes are traced already", 2),
             (None, ("-a",), f".target remove -p {other.pid}", "all processes are traced", 2)]
    shell = Script(t, [other.pid], "--duration", "1s")
    shell.wait(lambda: "the trace is over" in "\n".join(shell.say(".stats")), "the trace does not end")
    errors, status = shell.refused(f".target -p {os.getpid()}")
    t.expect(status == 2 and any("the trace is over" in said for said in errors), f"{errors}")
    for pids, args, line, wanted, code in cases:
        errors, status = Script(t, pids, *args).refused(line)
        t.expect(status == code and any(wanted in said for said in errors), f"{line}: status {status}: {errors}")
