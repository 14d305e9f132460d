# SPDX-License-Identifier: Apache-2.0
"""-i on live traffic, through a terminal: what is typed while messages come, and that none of them is lost meanwhile."""
import json
import os
import re
import subprocess
import threading
import time

import terminal
from harness.raw import Client
from harness.registry import live
from harness.servers import Nginx
from harness.tracer import SLOW, Failed, binary

PROMPT = "pxtrace> "
ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n;"


class Shell(terminal.Dialogue):
    """pxtrace -i on pids, once it says that it traces."""

    def __init__(self, t, pids, *args, rows=40, columns=120):
        self.folder = f"{t.folder}/shell"
        os.makedirs(self.folder, exist_ok=True)
        super().__init__([binary(), "-i", "-p", ",".join(map(str, pids)), *args], PROMPT, rows, columns,
                         XDG_STATE_HOME=f"{t.folder}/state", TMPDIR=self.folder)
        t.stops.append(self.process.kill)
        self.until("pxtrace: tracing ", "\n", PROMPT)

    def number(self, sql):
        return int(self.ask(sql).split()[-1])

    def wait_for(self, sql, number):
        """Until the query gives so much, or it is too late; what it gave last."""
        deadline, seen = time.monotonic() + 20 * SLOW, None
        while seen != number and time.monotonic() < deadline:
            seen = self.number(sql)
        return seen


class Traffic:
    """Requests one after the other, each with its number, until the end of the block."""

    def __init__(self, address, target="/small"):
        self.address, self.target, self.count, self.is_over = address, target, 0, False
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        with Client(self.address, []) as client:
            while not self.is_over:
                client.ask("GET", f"{self.target}?n={self.count}")
                self.count += 1

    def more(self, count):
        """Wait for so many more."""
        until, deadline = self.count + count, time.monotonic() + 30 * SLOW
        while self.count < until:
            if time.monotonic() > deadline:
                raise Failed(f"{self.count} of {until} requests")
            time.sleep(0.01)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over = True
        self.thread.join(30 * SLOW)


@live(probes=False)
def while_traffic_goes_on(t):
    """Completion, history, Ctrl-C in a query that would not end, .tail, .top, a pager, another width: and not a record is missing"""
    server = t.start(Nginx(t.folder))
    s = Shell(t, server.pids)
    t.expect(s.ask(".keep 4 GB") == "", ".keep says something")    # room for all of it, packets too, however fast they come
    with Traffic(server.address) as traffic:
        traffic.more(100)
        s.type("SELECT perc\tlatency_ns, 50) FROM ht\t;\n")
        s.until("percentile(latency_ns, 50) FROM http")
        s.until("\n", PROMPT)
        s.type(".sa\t")
        s.until(".save ")
        s.type(f"{s.folder}/pxtr\t")
        s.until("/pxtrace-")
        s.type("\x03")
        s.until("^C", PROMPT)
        s.type("\x1b[A")
        s.until("SELECT percentile(latency_ns, 50) FROM http ;")
        s.type("\x03")
        s.until("^C", PROMPT)
        s.type(ENDLESS + "\n")
        s.until("\n")
        traffic.more(1000)
        s.type("\x03")
        s.until("interrupted", PROMPT)
        s.type(".tail path = /small and status = 200\n")
        s.until(*[" http 200 "] * 5)
        traffic.more(100)
        s.type("x")
        s.until(PROMPT)
        s.type(".top http\n")
        s.until(*["the last ten seconds", "p99_ms", "GET"] * 3)
        s.type("x")
        s.until(PROMPT)
        s.resize(24, 60)
        lines = s.ask("SELECT printf('%.*c', 300, 'x') AS a;").splitlines()
        t.expect([len(line) for line in lines] == [1, 60], f"60 columns: {lines}")
        before = traffic.count
        t.expect(len(s.ask("SELECT seq FROM http LIMIT 100;").splitlines()) == 101, "what goes through a pager")
        traffic.more(100)
        t.expect(traffic.count > before, "nothing came")
    seen = s.wait_for("SELECT count(*) FROM http;", traffic.count)
    t.expect(seen == traffic.count, f"{seen} rows of {traffic.count} requests")
    t.expect(s.number("SELECT count(DISTINCT req_query) FROM http;") == traffic.count, "each has its own number")
    t.expect(" 0 events lost" in s.ask(".stats"), "something was lost")
    exports(t, s, traffic.count)
    t.expect(s.end() == 0, "Ctrl-D ends it")
    t.expect(os.listdir(s.folder) == [], f"left behind: {os.listdir(s.folder)}")


def exports(t, s, count):
    """All of it in four kinds of files."""
    for command in (".save {}/all.db", ".export json {}/all.json", ".export csv {}/all.csv", ".export pcapng {}/all.pcapng"):
        said = s.ask(command.format(t.folder))
        t.expect(said == "", f"{command}: {said}")
    with open(f"{t.folder}/all.json") as file:
        told = [json.loads(line) for line in file]
    again = subprocess.run([binary(), "-qjr", f"{t.folder}/all.pcapng"], capture_output=True, check=True, timeout=60 * SLOW).stdout
    replayed = [r for r in map(json.loads, again.splitlines()) if r["type"] == "message"]
    for name, records in (("json", told), ("pcapng", replayed)):
        t.expect(sorted(int(r["req"]["query"][2:]) for r in records) == list(range(count)), f"{name}: {len(records)} of {count}")
    with open(f"{t.folder}/all.csv") as file:
        t.expect(sum(1 for _ in file) == count + 1, "CSV")
    done = subprocess.run([binary(), "-qir", f"{t.folder}/all.pcapng"], input=b"SELECT count(*) FROM http;", capture_output=True, check=True,
                          timeout=60 * SLOW, env={**os.environ, "TMPDIR": t.folder})
    t.expect(done.stdout.split()[-1] == b"%d" % count, f"the shell on its own packets: {done.stdout}")


@live(probes=False)
def choices(t):
    """.pause and .resume, .filter, .target: what becomes a row and what does not, of connections that go on"""
    one, other = t.start(Nginx(t.folder)), t.start(Nginx(f"{t.folder}/other"))
    s = Shell(t, one.pids)
    with Client(one.address, []) as client, Client(other.address, []) as second:
        def ask(who, *targets):
            for target in targets:
                who.ask("GET", target)

        def rows(count):
            seen = s.wait_for("SELECT count(*) FROM http;", count)
            t.expect(seen == count, f"{seen} rows instead of {count}: {s.ask('SELECT target FROM http;')}")

        ask(client, "/small", "/small")
        rows(2)
        s.ask(".pause")
        t.expect("paused" in s.ask(".stats"), "it is said")
        ask(client, "/empty", "/empty", "/empty")
        s.ask(".resume")
        ask(client, "/small")
        rows(3)
        said = s.ask(".filter htp and status >= 400")
        t.expect("did you mean http" in said, f"a wrong expression: {said}")
        s.ask(".filter http and status >= 400")
        ask(client, "/small", "/missing", "/small")
        rows(4)
        s.ask(".filter")
        ask(client, "/small", "/small")
        ask(second, "/empty")
        rows(6)
        pids = ",".join(map(str, other.pids))
        t.expect(s.ask(f".target -p {pids}") == "", "no such processes")
        t.expect(s.ask(".target").count("nginx[") == len(one.pids + other.pids), "who is traced")
        ask(second, "/small?second")
        rows(7)
        s.ask(f".target remove -p {pids}")
        ask(second, "/small?third")
        ask(client, "/small")
        rows(8)
        t.expect("second" in s.ask("SELECT req_query FROM http WHERE seq = (SELECT max(seq) FROM http WHERE req_query NOTNULL);"),
                 "who was removed is still traced")
    t.expect(s.end() == 0, "Ctrl-D ends it")


@live(probes=False)
def no_more_than_kept(t):
    """.keep under traffic: the oldest rows go, that is said, and files and memory stay below it"""
    server = t.start(Nginx(t.folder))
    s = Shell(t, server.pids, "-s", "64k")
    limit, largest, peak = 32_000_000, 0, 0
    s.ask(".keep 32 MB")
    with Traffic(server.address, "/page") as traffic:
        while traffic.count < 1500:
            traffic.more(50)
            largest = max(largest, sum(entry.stat().st_size for folder in os.scandir(s.folder) for entry in os.scandir(folder)))
            with open(f"/proc/{s.process.pid}/status") as file:    # the ring of the kernel side is no memory of its own
                peak = max(peak, int(re.search(r"RssAnon:\s+(\d+) kB", file.read())[1]) << 10)
    s.until("the oldest messages go: no more than 32MB are kept (.keep)", PROMPT)
    kept, gone = s.number("SELECT count(*) FROM http;"), int(re.search(r"(\d+) messages had to go", s.ask(".keep"))[1])
    t.expect(0 < kept < traffic.count and kept + gone == traffic.count, f"{kept} are kept and {gone} gone of {traffic.count}")
    t.expect(s.number("SELECT min(substr(req_query, 3) + 0) FROM http;") == gone, "others than the oldest went")
    t.expect(f"{gone} messages had to go" in s.ask(".stats"), ".stats counts them")
    t.expect(limit / 4 < largest < limit, f"{largest} bytes on the disk")
    t.expect(peak < limit, f"{peak} bytes of memory")
    t.notes.append(f"{largest >> 20} MB on the disk, {peak >> 20} MB of memory, {kept} rows of {traffic.count}")
    t.expect(s.end() == 0, "Ctrl-D ends it")


@live(probes=False)
def script(t):
    """Lines from a pipe while messages come: no prompts, an answer to each, and the exit code of the first fault"""
    server = t.start(Nginx(t.folder))

    def run(lines, code):
        process = subprocess.Popen([binary(), "-ip", ",".join(map(str, server.pids))], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, start_new_session=True, env={**os.environ, "TMPDIR": t.folder})
        t.stops.append(process.kill)
        while not (line := process.stderr.readline()).startswith("pxtrace: tracing"):
            t.expect(line != "", "no banner")
        with Client(server.address, []) as client:
            client.ask("GET", "/small")
            client.ask("GET", "/missing")
        out, errors = process.communicate(lines, 30 * SLOW)
        t.expect(process.returncode == code, f"{lines}: {process.returncode}: {errors}")
        return out, errors

    out, _ = run("SELECT count(*) AS n FROM http WHERE status = '404';\n.quit\nSELECT 2;\n", 0)
    t.expect(out == "n\n1\n", out)
    out, errors = run("ATTACH '/etc/passwd' AS x;\nSELECT 1;\n", 2)
    t.expect(out == "" and "can read, but not open other files" in errors, f"{out} {errors}")
